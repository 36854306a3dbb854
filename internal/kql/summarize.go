package kql

import "slices"

func parseSummarize(p *parser) operator {
	var items, by []item
	if !p.is("by") {
		items = p.items()
	}
	if p.take("by") {
		by = p.items()
	}
	return func(e *env, in Table) Table {
		said := names{}
		keys := said.bindKeys(e.scope(in), by)
		over := e.scope(in)
		over.aggregates = true
		outputs := slices.Clone(keys)
		for _, it := range items {
			if call, ok := it.value.(callNode); ok && call.name == "arg_max" {
				outputs = append(outputs, said.bindArgMax(e.scope(in), it.name, call)...)
			} else {
				outputs = append(outputs, said.bind(over, it))
			}
		}
		out := Table{Columns: columnsOf(outputs)}
		groups := group(in, keys)
		if len(by) == 0 {
			groups = [][][]any{in.Rows}
		}
		for _, rows := range groups {
			r := row{group: rows}
			if len(rows) > 0 {
				r.cells = rows[0] // what the keys are evaluated on
			}
			out.Rows = append(out.Rows, evaluate(outputs, r))
		}
		return out
	}
}

// bindKeys binds what rows are told apart by.
func (n names) bindKeys(s scope, by []item) []output {
	var keys []output
	for _, it := range by {
		o := n.bind(s, it)
		if o.column.Type == Dynamic {
			fail(it.value.at(), "a key is dynamic: cast it with tostring()")
		}
		keys = append(keys, o)
	}
	return keys
}

// group puts the rows together that have the same keys, in the order of the first of each.
func group(in Table, keys []output) [][][]any {
	var groups [][][]any
	index := map[string]int{}
	for _, cells := range in.Rows {
		k := key(evaluate(keys, row{cells: cells}))
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

// bindArgMax binds arg_max(): the greatest value, and others of its row. Of rows that are equally good it takes the
// first, and so it does where every value is null.
func (n names) bindArgMax(s scope, name string, call callNode) []output {
	call.needArguments(2, -1)
	if name != "" {
		fail(call.at(), "a name for the columns of arg_max() is not supported")
	}
	bounds := s.bindAll(call.args)
	best := bounds[0]
	if best.typ == Dynamic {
		fail(call.at(), "arg_max() of a dynamic: cast it")
	}
	chosen := func(r row) []any {
		var cells []any
		var at any
		for _, candidate := range r.group {
			value := best.eval(row{cells: candidate})
			if cells == nil || value != nil && (at == nil || better(true, value, at)) {
				cells, at = candidate, value
			}
		}
		return cells
	}
	var all []output
	for i, arg := range call.args {
		column, ok := arg.(nameNode)
		if !ok {
			fail(arg.at(), "arg_max() of an expression is not supported: extend it before")
		}
		n.take(arg.at(), column.name)
		b := bounds[i]
		all = append(all, output{Column{column.name, b.typ}, bound{b.typ, func(r row) any {
			if cells := chosen(r); cells != nil {
				return b.eval(row{cells: cells})
			}
			return null(b.typ)
		}}})
	}
	return all
}

// aggregate is a function of the rows of a group.
type aggregate struct {
	values      int  // that it takes as arguments
	conditional bool // with one more argument, which says which rows count
	bind        func(s scope, n callNode) bound
}

var aggregates map[string]aggregate

func init() {
	aggregates = map[string]aggregate{
		"count": {0, false, bindCount}, "sum": {1, false, bindSum}, "avg": {1, false, bindAverage},
		"min": {1, false, bindBest(false)}, "max": {1, false, bindBest(true)},
	}
	for _, name := range []string{"count", "sum", "min"} {
		a := aggregates[name]
		aggregates[name+"if"] = aggregate{a.values, true, a.bind}
	}
}

// bindAggregate binds a call over a group: its arguments are bound over the rows of the group.
func (s scope) bindAggregate(n callNode) bound {
	if !s.aggregates {
		fail(n.at(), "the aggregate %s() is not allowed here", n.name)
	}
	s.aggregates = false
	a := aggregates[n.name]
	if !a.conditional {
		n.needArguments(a.values, a.values)
		return a.bind(s, n)
	}
	n.needArguments(a.values+1, a.values+1)
	condition := s.bindAs(Bool, n.args[a.values], "the condition of "+n.name+"()")
	all := a.bind(s, n)
	return bound{all.typ, func(r row) any {
		var rows [][]any
		for _, cells := range r.group {
			if condition.eval(row{cells: cells}) == true {
				rows = append(rows, cells)
			}
		}
		return all.eval(row{group: rows})
	}}
}

// values gives what an argument is in the rows of a group, without nulls.
func values(r row, b bound) []any {
	var all []any
	for _, cells := range r.group {
		if value := b.eval(row{cells: cells}); value != nil {
			all = append(all, value)
		}
	}
	return all
}

func bindCount(scope, callNode) bound {
	return bound{Long, func(r row) any { return int64(len(r.group)) }}
}

func bindSum(s scope, n callNode) bound {
	b := s.bindAs(Real, n.args[0], "the argument of "+n.name+"()")
	return bound{Real, func(r row) any { return sum(values(r, b)) }}
}

func sum(values []any) float64 {
	var total float64
	for _, value := range values {
		total += value.(float64)
	}
	return total
}

// bindAverage binds avg(): of no number NaN, as zero by zero.
func bindAverage(s scope, n callNode) bound {
	b := s.bindAs(Real, n.args[0], "the argument of avg()")
	return bound{Real, func(r row) any {
		all := values(r, b)
		return sum(all) / float64(len(all))
	}}
}

// bindBest binds min(), or max() for the greatest: of no value null.
func bindBest(greatest bool) func(scope, callNode) bound {
	return func(s scope, n callNode) bound {
		b := s.bind(n.args[0])
		if b.typ == Dynamic {
			fail(n.at(), "%s() of a dynamic: cast it", n.name)
		}
		return bound{b.typ, func(r row) any {
			best := null(b.typ)
			for i, value := range values(r, b) {
				if i == 0 || better(greatest, value, best) {
					best = value
				}
			}
			return best
		}}
	}
}
