package kql

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

func (p *parser) typeName() Type {
	t := p.name()
	for i, name := range typeNames {
		if t.text == name || t.text == "double" && name == "real" {
			return Type(i)
		}
	}
	fail(t.position, "the type %s is not supported", t.text)
	return 0
}

// datatable reads datatable(name:type, …)[value, …].
func (p *parser) datatable() tabular {
	p.need("(")
	var columns []Column
	for !p.take(")") {
		name := p.columnName().text
		p.need(":")
		columns = append(columns, Column{name, p.typeName()})
		p.take(",")
	}
	start := p.now().position
	p.need("[")
	var cells []node
	for !p.take("]") {
		cells = append(cells, p.expression())
		p.take(",")
	}
	if len(columns) == 0 || len(cells)%len(columns) != 0 {
		fail(start, "%d values for rows of %d columns", len(cells), len(columns))
	}
	return func(e *env) Table {
		out := Table{Columns: columns}
		for of := range slices.Chunk(cells, len(columns)) {
			row := make([]any, len(columns))
			for i, n := range of {
				b := scope{env: e}.bind(n)
				value, ok := as(columns[i].Type, b.eval(rowless))
				if real, isInt := value.(int64); !ok && isInt && columns[i].Type == Real {
					value, ok = float64(real), true
				}
				if !ok || !b.constant {
					fail(n.at(), "this is no constant %s for %s", columns[i].Type, columns[i].Name)
				}
				row[i] = value
			}
			out.Rows = append(out.Rows, row)
		}
		return out
	}
}

// rowless is what constants are evaluated on.
var rowless = row{}

// print reads a row of expressions.
func (p *parser) print() tabular {
	items := p.items()
	return func(e *env) Table {
		for i := range items {
			if items[i].name == "" {
				items[i].name = fmt.Sprintf("print_%d", i)
			}
		}
		return mapped(Table{Rows: [][]any{{}}}, projected(scope{env: e}, items))
	}
}

// bindRange binds range(a, b, c), an array of a, a+c… up to b.
func bindRange(s scope, n callNode) bound {
	first := s.bind(n.args[0])
	args := []bound{first, s.bindAs(first.typ, n.args[1], "the end of range()"), s.bindAs(stepOf(n.at(), first.typ), n.args[2], "the step of range()")}
	return bound{Dynamic, constant(args), sticky(func(a ...any) any {
		all := make([]any, steps(n.at(), a[0], a[1], a[2], true))
		for i := range all {
			all[i] = after(a[0], a[2], i)
		}
		return all
	}, args...)}
}

// stepOf is the type of the steps between values of a type.
func stepOf(position int, t Type) Type {
	switch {
	case t == DateTime:
		return TimeSpan
	case !isNumber(t) && t != TimeSpan:
		fail(position, "a range of %s", t)
	}
	return t
}

// rangeOf reads range name from a to b step c: a, a+c… up to b.
func (p *parser) rangeOf() tabular {
	name := p.columnName()
	p.needWord("from")
	from := p.expression()
	p.needWord("to")
	to := p.expression()
	p.needWord("step")
	step := p.expression()
	return func(e *env) Table {
		s := scope{env: e}
		first := s.bind(from)
		stepType := stepOf(from.at(), first.typ)
		start, end := s.constant(from, first.typ, "the start of the range"), s.constant(to, first.typ, "the end of the range")
		by := s.constant(step, stepType, "the step of the range")
		out := Table{Columns: []Column{{name.text, first.typ}}, serialized: true}
		for i, n := 0, steps(step.at(), start, end, by, true); i < n; i++ {
			out.Rows = append(out.Rows, []any{after(start, by, i)})
		}
		return out
	}
}

// steps counts start, start+step… up to end.
func steps(position int, start, end, step any, inclusive bool) int {
	var exact float64
	switch s := start.(type) {
	case time.Time:
		exact = float64(end.(time.Time).Sub(s)) / float64(step.(time.Duration))
	case time.Duration:
		exact = float64(end.(time.Duration)-s) / float64(step.(time.Duration))
	default:
		exact = (toFloat(end) - toFloat(s)) / toFloat(step)
	}
	if math.IsNaN(exact) || math.IsInf(exact, 0) || exact > 1<<20 {
		fail(position, "a step of %s makes no series, or one of more than 1048576 values", toText(step))
	}
	n := int(math.Floor(exact)) + 1
	if !inclusive && exact == math.Floor(exact) {
		n--
	}
	return max(n, 0)
}

func after(start, step any, n int) any {
	switch s := start.(type) {
	case time.Time:
		return s.Add(step.(time.Duration) * time.Duration(n))
	case time.Duration:
		return s + step.(time.Duration)*time.Duration(n)
	case int64:
		return s + step.(int64)*int64(n)
	}
	return start.(float64) + step.(float64)*float64(n)
}

// parseExpand reads mv-expand [name =] array [to typeof(type)]. An array gives a row for each value, a bag one for each key, and null a row
// with null.
func parseExpand(p *parser) operator {
	it := p.item()
	t := Dynamic
	if p.takeWord("to") {
		p.needWord("typeof")
		p.need("(")
		t = p.typeName()
		p.need(")")
	}
	if p.is(",") || p.isWord("limit") {
		fail(p.now().position, "more of mv-expand than one array is not supported")
	}
	return func(e *env, in Table) Table {
		array := e.scope(in).bindAs(Dynamic, it.value, "what mv-expand expands")
		name := it.name
		if name == "" {
			if name = nameOf(it.value); name == "" {
				fail(it.value.at(), "mv-expand wants a name for this")
			}
		}
		out := Table{Columns: slices.Clone(in.Columns)}
		place := indexOf(in.Columns, name)
		if place < 0 {
			place = len(in.Columns)
			out.Columns = append(out.Columns, Column{})
		}
		out.Columns[place] = Column{name, t}
		for i, cells := range in.Rows {
			for _, value := range expanded(array.eval(row{cells, in.Rows, i})) {
				to := make([]any, len(out.Columns))
				copy(to, cells)
				to[place] = typed(t, value)
				out.Rows = append(out.Rows, to)
			}
		}
		return out
	}
}

// typed gives what is of a type already, and null for the rest: mv-expand converts nothing.
func typed(t Type, value any) any {
	n, whole := value.(int64)
	if whole && t == Real {
		return float64(n)
	}
	if taken, ok := as(t, value); ok {
		return taken
	}
	return null(t)
}

func expanded(value any) []any {
	switch v := value.(type) {
	case []any:
		return v
	case map[string]any:
		var all []any
		for _, k := range slices.Sorted(maps.Keys(v)) {
			all = append(all, map[string]any{k: v[k]})
		}
		return all
	}
	return []any{value}
}

// aggregated is one [name =] aggregate [default = value] of make-series.
type aggregated struct {
	item
	otherwise node
}

// parseSeries reads make-series aggregates on axis from a to b step c [by keys].
func parseSeries(p *parser) operator {
	var all []aggregated
	for {
		a := aggregated{item: p.item()}
		if p.takeWord("default") {
			p.need("=")
			a.otherwise = p.expression()
		}
		all = append(all, a)
		if !p.take(",") {
			break
		}
	}
	p.needWord("on")
	axis := p.item()
	p.needWord("from")
	from := p.expression()
	p.needWord("to")
	to := p.expression()
	p.needWord("step")
	step := p.expression()
	var by []item
	if p.takeWord("by") {
		by = p.items()
	}
	return func(e *env, in Table) Table {
		s := e.scope(in)
		on := s.bind(axis.value)
		stepType := stepOf(axis.value.at(), on.typ)
		start, end := s.constant(from, on.typ, "the start of the series"), s.constant(to, on.typ, "the end of the series")
		every := s.constant(step, stepType, "the step of the series")
		ticks := make([]any, steps(step.at(), start, end, every, false))
		for i := range ticks {
			ticks[i] = after(start, every, i)
		}
		place := func(cells []any) int {
			at := on.eval(row{cells: cells})
			if at == nil {
				return -1
			}
			if before, _ := compare(at, start); before < 0 {
				return -1
			}
			return steps(step.at(), start, at, every, true) - 1
		}
		return series(e, in, all, by, axis, ticks, place)
	}
}

// series makes a row for each group, with an array for each aggregate and one of the axis.
func series(e *env, in Table, all []aggregated, by []item, axis item, ticks []any, place func([]any) int) Table {
	names := newNamer(nil)
	keys := bindKeys(e.scope(in), names, by)
	over := e.scope(in)
	over.aggregates = true
	outputs := slices.Clone(keys)
	for _, a := range all {
		b := over.bind(a.value)
		if !isNumber(b.typ) {
			fail(a.value.at(), "a series of %s", b.typ)
		}
		if a.otherwise == nil {
			a.otherwise = literalNode{position(a.value.at()), Long, int64(0)}
		}
		otherwise := scope{env: e}.bindAs(b.typ, a.otherwise, "the default of a series").eval(rowless)
		outputs = append(outputs, output{Column{names.name(a.item), Dynamic}, bound{Dynamic, false, func(r row) any {
			bins := make([][][]any, len(ticks))
			for _, cells := range r.rows {
				if i := place(cells); i >= 0 && i < len(bins) {
					bins[i] = append(bins[i], cells)
				}
			}
			values := make([]any, len(ticks))
			for i, rows := range bins {
				if values[i] = otherwise; len(rows) > 0 {
					values[i] = b.eval(row{rows: rows})
				}
			}
			return values
		}}})
	}
	outputs = append(outputs, output{Column{names.name(axis), Dynamic}, bound{Dynamic, true, func(row) any { return ticks }}})
	out := Table{Columns: columnsOf(outputs)}
	for _, rows := range group(in, keys) {
		out.Rows = append(out.Rows, evaluate(outputs, row{rows[0], rows, 0}))
	}
	return out
}
