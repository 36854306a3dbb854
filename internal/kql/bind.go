package kql

import (
	"fmt"
	"strconv"
	"strings"
)

// row is what an expression is evaluated on: the cells of a row and the rows around it, or, for an aggregate, the rows of a group.
type row struct {
	cells []any
	rows  [][]any
	index int
}

// bound is an expression whose names and types are known.
type bound struct {
	typ      Type
	constant bool
	eval     func(row) any
}

// scope is what the names in an expression mean.
type scope struct {
	env        *env
	columns    []Column
	serialized bool // row functions are allowed
	aggregates bool // aggregates are allowed, and columns only inside of them
}

func (s scope) of(t Table) scope {
	s.columns, s.serialized = t.Columns, t.serialized
	return s
}

func (e *env) scope(t Table) scope { return scope{env: e}.of(t) }

func indexOf(columns []Column, name string) int {
	for i, c := range columns {
		if c.Name == name {
			return i
		}
	}
	return -1
}

func (s scope) bind(n node) bound {
	switch n := n.(type) {
	case literalNode:
		value := n.value
		if value == nil {
			value = null(n.typ)
		}
		return bound{n.typ, true, func(row) any { return value }}
	case nameNode:
		return s.bindName(n)
	case memberNode:
		return s.bindMember(n)
	case unaryNode:
		return s.bindMinus(n)
	case binaryNode:
		return s.bindBinary(n)
	case listNode:
		return s.bindList(n)
	case betweenNode:
		return s.bindBetween(n)
	case callNode:
		return s.bindCall(n)
	case starNode:
		fail(n.at(), "* is not an expression here")
	case tableNode:
		fail(n.at(), "a table is not an expression here")
	}
	panic(fmt.Sprintf("%T", n))
}

func (s scope) bindAll(nodes []node) []bound {
	all := make([]bound, len(nodes))
	for i, n := range nodes {
		all[i] = s.bind(n)
	}
	return all
}

// bindAs binds what has to be of a type; a whole number is taken for a real one.
func (s scope) bindAs(t Type, n node, what string) bound {
	b := s.bind(n)
	if !fits(b.typ, t) {
		fail(n.at(), "%s is a %s, not a %s", what, b.typ, t)
	}
	return convert(b, t)
}

// widened is the type of what is calculated from a type: of an int a long.
func widened(t Type) Type {
	if t == Int {
		return Long
	}
	return t
}

func isNumber(t Type) bool { return t == Int || t == Long || t == Real }

func fits(from, to Type) bool {
	return from == to || to == Long && from == Int || to == Real && isNumber(from)
}

func convert(b bound, t Type) bound {
	if t == Real && b.typ != Real && isNumber(b.typ) {
		eval := b.eval
		b.eval = func(r row) any {
			if value := eval(r); value != nil {
				return toFloat(value)
			}
			return nil
		}
	}
	b.typ = t
	return b
}

// common is the type that values of several types are brought to, as in the branches of iff().
func common(at int, what string, all []bound) ([]bound, Type) {
	t := all[0].typ
	for _, b := range all[1:] {
		switch {
		case fits(b.typ, t):
		case fits(t, b.typ):
			t = b.typ
		default:
			fail(at, "%s has values of the types %s and %s", what, t, b.typ)
		}
	}
	converted := make([]bound, len(all))
	for i, b := range all {
		converted[i] = convert(b, t)
	}
	return converted, t
}

func (s scope) bindName(n nameNode) bound {
	if i := indexOf(s.columns, n.name); i >= 0 {
		if s.aggregates {
			fail(n.at(), "the column %s is not inside an aggregate", n.name)
		}
		return bound{s.columns[i].Type, false, func(r row) any { return r.cells[i] }}
	}
	if b, ok := s.env.lets[n.name]; ok {
		if b.scalar == nil {
			fail(n.at(), "%s is a table, not a scalar", n.name)
		}
		return *b.scalar
	}
	names := make([]string, len(s.columns))
	for i, c := range s.columns {
		names[i] = c.Name
	}
	fail(n.at(), "there is no %s; the columns are %s", n.name, strings.Join(names, ", "))
	return bound{}
}

func (s scope) bindMember(n memberNode) bound {
	object, index := s.bind(n.object), s.bind(n.key)
	if object.typ != Dynamic {
		fail(n.at(), "a %s has no members", object.typ)
	}
	if index.typ != String && index.typ != Long && index.typ != Int {
		fail(n.at(), "a member is named by a string or a long, not by a %s", index.typ)
	}
	return bound{Dynamic, object.constant && index.constant, func(r row) any { return member(object.eval(r), index.eval(r)) }}
}

// member gives what an array or a bag holds; from the end of the array where the index is negative.
func member(object, index any) any {
	switch object := object.(type) {
	case map[string]any:
		if name, ok := index.(string); ok {
			return object[name]
		}
	case []any:
		i, ok := index.(int64)
		if ok && i < 0 {
			i += int64(len(object))
		}
		if ok && i >= 0 && i < int64(len(object)) {
			return object[i]
		}
	}
	return nil
}

// constant gives the value of what must not depend on a row.
func (s scope) constant(n node, t Type, what string) any {
	b := s.bindAs(t, n, what)
	if !b.constant {
		fail(n.at(), "%s is not a constant", what)
	}
	value := b.eval(row{})
	if value == nil {
		fail(n.at(), "%s is null", what)
	}
	return value
}

// nameOf is the name that Kusto gives to the column of an expression, or "" where it numbers it.
func nameOf(n node) string {
	switch n := n.(type) {
	case nameNode:
		return n.name
	case literalNode: // the key of a member
		return ""
	case memberNode:
		k, ok := n.key.(literalNode)
		if !ok {
			return ""
		}
		return strings.TrimPrefix(nameOf(n.object)+"_"+toText(k.value), "_")
	case callNode:
		return nameOfCall(n)
	}
	return ""
}

func nameOfCall(n callNode) string {
	if aggregate, ok := aggregates[n.name]; ok {
		name := aggregate.prefix + "_"
		if len(n.args) > 0 {
			name += nameOf(n.args[0])
		}
		if p, ok := percentileOf(n); ok {
			name += "_" + p
		}
		return name
	}
	switch f := functions[n.name]; {
	case len(n.args) == 0:
	case f.named == byArgument:
		return nameOf(n.args[0])
	case f.named == byNameAndArgument:
		return n.name + "_" + nameOf(n.args[0])
	}
	return ""
}

// namer gives columns the names that they have or get, each once.
type namer struct {
	taken  map[string]bool
	prefix string
	next   int
}

func newNamer(columns []Column) *namer {
	n := &namer{taken: map[string]bool{}, prefix: "Column", next: 1}
	for _, c := range columns {
		n.taken[c.Name] = true
	}
	return n
}

// unique numbers a name that is taken.
func (n *namer) unique(name string) string {
	free := name
	for i := 1; n.taken[free]; i++ {
		free = name + strconv.Itoa(i)
	}
	n.taken[free] = true
	return free
}

// name is what a column is called; a name that was said, or the name of a column, can't be there twice.
func (n *namer) name(it item) string {
	name := it.name
	if name == "" {
		if column, ok := it.value.(nameNode); ok {
			name = column.name
		}
	}
	if name != "" {
		if n.taken[name] {
			fail(it.value.at(), "there are two columns %s", name)
		}
		n.taken[name] = true
		return name
	}
	if name = nameOf(it.value); name != "" {
		return n.unique(name)
	}
	for {
		name = n.prefix + strconv.Itoa(n.next)
		n.next++
		if !n.taken[name] {
			n.taken[name] = true
			return name
		}
	}
}
