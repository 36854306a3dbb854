package kql

import (
	"slices"
	"strings"
)

// output is a column that an operator makes, and how.
type output struct {
	column Column
	value  bound
}

func columnsOf(outputs []output) []Column {
	all := make([]Column, len(outputs))
	for i, o := range outputs {
		all[i] = o.column
	}
	return all
}

func evaluate(outputs []output, r row) []any {
	cells := make([]any, len(outputs))
	for i, o := range outputs {
		cells[i] = o.value.eval(r)
	}
	return cells
}

func parseSummarize(p *parser) operator {
	var items, by []item
	if !p.isWord("by") {
		items = p.items()
	}
	if p.takeWord("by") {
		by = p.items()
	}
	return func(e *env, in Table) Table {
		names := newNamer(nil)
		keys := bindKeys(e.scope(in), names, by)
		over := e.scope(in)
		over.aggregates = true
		outputs := slices.Clone(keys)
		for _, it := range items {
			outputs = append(outputs, over.bindItem(names, it, by)...)
		}
		out := Table{Columns: columnsOf(outputs)}
		groups := group(in, keys)
		if len(by) == 0 {
			groups = [][][]any{in.Rows}
		}
		for _, rows := range groups {
			r := row{rows: rows}
			if len(rows) > 0 {
				r.cells = rows[0] // what the keys are evaluated on
			}
			out.Rows = append(out.Rows, evaluate(outputs, r))
		}
		return out
	}
}

// bindKeys binds what rows are told apart by.
func bindKeys(s scope, names *namer, by []item) []output {
	var keys []output
	for _, it := range by {
		b := s.bind(it.value)
		if b.typ == Dynamic {
			fail(it.value.at(), "a key is dynamic: cast it, with tostring() for example")
		}
		keys = append(keys, output{Column{names.name(it), b.typ}, b})
	}
	return keys
}

// group puts the rows together that have the same keys, in the order of the first of each.
func group(in Table, keys []output) [][][]any {
	var groups [][][]any
	index := map[string]int{}
	for _, cells := range in.Rows {
		k := key(evaluate(keys, row{cells: cells})...)
		i, ok := index[k]
		if !ok {
			i = len(groups)
			index[k] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], cells)
	}
	return groups
}

// bindItem binds one aggregate, or an expression of aggregates, in a scope that allows them.
func (s scope) bindItem(names *namer, it item, by []item) []output {
	if call, ok := it.value.(callNode); ok && aggregates[call.name].prefix != "" && aggregates[call.name].bind == nil {
		if a := aggregates[call.name]; len(call.args) < a.fewest || a.most >= 0 && len(call.args) > a.most {
			fail(call.at(), "%s() has %d arguments", call.name, len(call.args))
		}
		s.aggregates = false
		switch call.name {
		case "percentiles":
			return s.bindPercentiles(names, it, call)
		case "take_any", "any":
			return s.bindAny(names, it, call, by)
		}
		return s.bindArg(names, it, call, by)
	}
	b := s.bind(it.value)
	return []output{{Column{names.name(it), b.typ}, b}}
}

func (s scope) bindPercentiles(names *namer, it item, call callNode) []output {
	if it.name != "" {
		fail(call.at(), "one name for the columns of percentiles()")
	}
	var all []output
	for _, p := range call.args[1:] {
		one := callNode{call.position, "percentile", []node{call.args[0], p}}
		all = append(all, output{Column{names.unique(nameOf(one)), 0}, bindPercentile(s, one)})
		all[len(all)-1].column.Type = all[len(all)-1].value.typ
	}
	return all
}

// bindAny binds take_any(): the first row's values, or of one column the first that is there.
func (s scope) bindAny(names *namer, it item, call callNode, by []item) []output {
	args := s.star(call.args, by)
	if it.name != "" && len(args) > 1 {
		fail(call.at(), "one name for the columns of %s()", call.name)
	}
	var all []output
	for i, arg := range args {
		b := s.bind(arg)
		name := nameOf(arg)
		if name == "" {
			name = "any_arg" + toText(int64(i))
		} else if call.name == "any" {
			name = "any_" + name
		}
		if it.name != "" {
			name = names.name(it)
		} else {
			name = names.unique(name)
		}
		all = append(all, output{Column{name, b.typ}, bound{b.typ, false, func(r row) any {
			for _, cells := range r.rows {
				if value := b.eval(row{cells: cells}); len(args) > 1 || value != nil && value != "" {
					return value
				}
			}
			return null(b.typ)
		}}})
	}
	return all
}

// bindArg binds arg_max() and arg_min(): the greatest value, and others of its row. Of rows that are equally good it takes the first, and so it
// does where every value is null.
func (s scope) bindArg(names *namer, it item, call callNode, by []item) []output {
	best := s.bind(call.args[0])
	if best.typ == Dynamic {
		fail(call.at(), "%s() of a dynamic: cast it", call.name)
	}
	chosen := func(r row) []any {
		var cells []any
		var at any
		for _, candidate := range r.rows {
			value := best.eval(row{cells: candidate})
			if cells == nil || value != nil && (at == nil || better(call.name == "arg_max", value, at)) {
				cells, at = candidate, value
			}
		}
		return cells
	}
	of := func(b bound) bound {
		return bound{b.typ, false, func(r row) any {
			if cells := chosen(r); cells != nil {
				return b.eval(row{cells: cells})
			}
			return null(b.typ)
		}}
	}
	name := nameOf(call.args[0])
	if name == "" {
		name = strings.TrimPrefix(call.name, "arg_") + "_"
	}
	if it.name != "" {
		name = names.name(it)
	} else {
		name = names.unique(name)
	}
	all := []output{{Column{name, best.typ}, of(best)}}
	for _, arg := range s.star(call.args[1:], by, call.args[0]) {
		b := s.bind(arg)
		name := nameOf(arg)
		if name == "" {
			fail(arg.at(), "%s() gives a column, not an expression: extend it before", call.name)
		}
		all = append(all, output{Column{names.unique(name), b.typ}, of(b)})
	}
	return all
}

// star puts the columns for *: all that are not named anyway.
func (s scope) star(args []node, by []item, besides ...node) []node {
	star, ok := args[0].(starNode)
	if !ok {
		return args
	}
	if len(args) > 1 {
		fail(star.at(), "* and other columns")
	}
	for _, it := range by {
		besides = append(besides, it.value)
	}
	var all []node
	for _, c := range s.columns {
		if !slices.ContainsFunc(besides, func(n node) bool { name, ok := n.(nameNode); return ok && name.name == c.Name }) {
			all = append(all, nameNode{star.position, c.Name})
		}
	}
	return all
}
