package kql

import (
	"fmt"
	"strings"
)

// row is what an expression is evaluated on: the cells of a row, and, for an aggregate, the rows of a group.
type row struct {
	cells []any
	group [][]any
}

// bound is an expression whose names and types are known.
type bound struct {
	typ  Type
	eval func(row) any
}

// scope is what the names in an expression mean.
type scope struct {
	env        *env
	columns    []Column
	aggregates bool // aggregates are allowed, and columns only inside of them
}

func (e *env) scope(t Table) scope { return scope{env: e, columns: t.Columns} }

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
		return bound{n.typ, func(row) any { return n.value }}
	case nameNode:
		return s.bindName(n)
	case memberNode:
		return s.bindMember(n)
	case minusNode:
		return s.bindMinus(n)
	case binaryNode:
		return s.bindBinary(n)
	case listNode:
		return s.bindList(n)
	case callNode:
		return s.bindCall(n)
	case scalarNode:
		return s.bindScalar(n)
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

// bindAs binds what has to be of a type.
func (s scope) bindAs(t Type, n node, what string) bound {
	b := s.bind(n)
	if b.typ != t {
		fail(n.at(), "%s is a %s, not a %s", what, b.typ, t)
	}
	return b
}

func (s scope) bindName(n nameNode) bound {
	if i := indexOf(s.columns, n.name); i >= 0 {
		if s.aggregates {
			fail(n.at(), "the column %s is not inside an aggregate", n.name)
		}
		return bound{s.columns[i].Type, func(r row) any { return r.cells[i] }}
	}
	b, isLet := s.env.lets[n.name]
	if b.scalar != nil {
		return *b.scalar
	}
	if _, isTable := s.env.db[n.name]; isTable || isLet {
		fail(n.at(), "%s is a table, not a scalar", n.name)
	}
	names := make([]string, len(s.columns))
	for i, c := range s.columns {
		names[i] = c.Name
	}
	fail(n.at(), "there is no %s; the columns are %s", n.name, strings.Join(names, ", "))
	return bound{}
}

// bindMember binds what a bag holds: null where it does not, or where the value is no bag.
func (s scope) bindMember(n memberNode) bound {
	object := s.bind(n.object)
	if object.typ != Dynamic {
		fail(n.at(), "a %s has no members", object.typ)
	}
	return bound{Dynamic, func(r row) any {
		bag, _ := object.eval(r).(map[string]any)
		return bag[n.name]
	}}
}

// bindScalar binds toscalar(): the first value of a table, or null.
func (s scope) bindScalar(n scalarNode) bound {
	t := n.table(s.env)
	if len(t.Columns) == 0 {
		fail(n.at(), "a table without columns has no values")
	}
	value := null(t.Columns[0].Type)
	if len(t.Rows) > 0 {
		value = t.Rows[0][0]
	}
	return bound{t.Columns[0].Type, func(row) any { return value }}
}

// sticky evaluates a function of values; where one is null, so is the result.
func sticky(f func(...any) any, args ...bound) func(row) any {
	return func(r row) any {
		values := make([]any, len(args))
		for i, arg := range args {
			if values[i] = arg.eval(r); values[i] == nil {
				return nil
			}
		}
		return f(values...)
	}
}
