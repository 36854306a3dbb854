package kql

import "slices"

// operators reads what follows the name of an operator.
var operators map[string]func(*parser) operator

func init() {
	operators = map[string]func(*parser) operator{
		"where": parseWhere, "extend": parseExtend, "project": parseProject, "summarize": parseSummarize,
		"sort": parseSort, "top": parseTop,
	}
}

// datatable reads (name:type, …)[value, …].
func (p *parser) datatable() tabular {
	p.need("(")
	var out Table
	for !p.take(")") {
		name := p.name().text
		p.need(":")
		typ, known := typeByName(p.now().text)
		if !known {
			fail(p.now().position, "the type %s is not supported", p.now())
		}
		p.next()
		out.Columns = append(out.Columns, Column{name, typ})
		p.take(",")
	}
	start := p.now().position
	p.need("[")
	var cells []any
	for width := len(out.Columns); !p.take("]"); p.take(",") {
		if width == 0 {
			fail(start, "a datatable without columns has values")
		}
		cells = append(cells, p.cell(out.Columns[len(cells)%width]))
		if len(cells) == width {
			out.Rows, cells = append(out.Rows, cells), nil
		}
	}
	if len(cells) > 0 {
		fail(start, "the last row has %d values for %d columns", len(cells), len(out.Columns))
	}
	return func(*env) Table { return out }
}

func (p *parser) cell(c Column) any {
	minus := p.take("-")
	t := p.next()
	value := t.value
	if n, whole := value.(int64); whole && c.Type == Real {
		value = float64(n)
	}
	if minus && value != nil && isNumber(t.typ) {
		value = negative(value)
	}
	cell, ok := as(c.Type, value)
	if !ok || t.kind != literalToken {
		fail(t.position, "this is no constant %s for %s", c.Type, c.Name)
	}
	return cell
}

// union reads the names of tables, and puts their rows under each other, with the columns of all of them.
func (p *parser) union() tabular {
	if p.peek(1).is("=") {
		fail(p.now().position, "union with %s= is not supported", p.now())
	}
	legs := []token{p.name()}
	for p.take(",") {
		legs = append(legs, p.name())
	}
	return func(e *env) Table {
		var out Table
		var tables []Table
		for _, leg := range legs {
			t := e.table(leg.position, leg.text)
			tables = append(tables, t)
			for _, c := range t.Columns {
				i := indexOf(out.Columns, c.Name)
				if i >= 0 && out.Columns[i].Type != c.Type {
					fail(leg.position, "union: the column %s is a %s and a %s", c.Name, out.Columns[i].Type, c.Type)
				}
				if i < 0 {
					out.Columns = append(out.Columns, c)
				}
			}
		}
		for _, t := range tables {
			for _, from := range t.Rows {
				cells := make([]any, len(out.Columns))
				for i, c := range out.Columns {
					cells[i] = null(c.Type)
					if j := indexOf(t.Columns, c.Name); j >= 0 {
						cells[i] = from[j]
					}
				}
				out.Rows = append(out.Rows, cells)
			}
		}
		return out
	}
}

func parseWhere(p *parser) operator {
	condition := p.expression()
	return func(e *env, in Table) Table {
		b := e.scope(in).bindAs(Bool, condition, "the condition of where")
		out := Table{Columns: in.Columns}
		for _, cells := range in.Rows {
			if b.eval(row{cells: cells}) == true {
				out.Rows = append(out.Rows, cells)
			}
		}
		return out
	}
}

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

// mapped makes a row of each row.
func mapped(in Table, outputs []output) Table {
	out := Table{Columns: columnsOf(outputs)}
	for _, cells := range in.Rows {
		out.Rows = append(out.Rows, evaluate(outputs, row{cells: cells}))
	}
	return out
}

// names are the columns that an operator makes, each once.
type names map[string]bool

// bind binds an item, and calls its column as it says, or as the column that it is, or as Kusto calls an aggregate of a
// column.
func (n names) bind(s scope, it item) output {
	b := s.bind(it.value)
	name := it.name
	if name == "" {
		name = nameOf(it.value)
	}
	if name == "" {
		fail(it.value.at(), "a name is wanted for what is calculated")
	}
	n.take(it.value.at(), name)
	return output{Column{name, b.typ}, b}
}

func (n names) take(at int, name string) {
	if n[name] {
		fail(at, "there are two columns %s", name)
	}
	n[name] = true
}

func nameOf(n node) string {
	switch n := n.(type) {
	case nameNode:
		return n.name
	case callNode:
		a, ok := aggregates[n.name]
		if !ok {
			return ""
		}
		if len(n.args) > 0 {
			if column, ok := n.args[0].(nameNode); ok {
				return n.name + "_" + column.name
			}
		}
		if a.values == 0 {
			return n.name + "_"
		}
	}
	return ""
}

// parseExtend reads columns to add; one with the name of another replaces it, where it stands.
func parseExtend(p *parser) operator {
	items := p.items()
	return func(e *env, in Table) Table {
		s := e.scope(in)
		var outputs []output
		for _, c := range in.Columns {
			outputs = append(outputs, output{c, s.bind(nameNode{-1, c.Name})})
		}
		said := names{}
		for _, it := range items {
			o := said.bind(s, it)
			if i := indexOf(in.Columns, o.column.Name); i >= 0 {
				outputs[i] = o
			} else {
				outputs = append(outputs, o)
			}
		}
		return mapped(in, outputs)
	}
}

func parseProject(p *parser) operator {
	items := p.items()
	return func(e *env, in Table) Table {
		var outputs []output
		said := names{}
		for _, it := range items {
			outputs = append(outputs, said.bind(e.scope(in), it))
		}
		return mapped(in, outputs)
	}
}

// parseSort reads by expression [asc|desc]. It sorts down, with nulls last, unless it is said otherwise.
func parseSort(p *parser) operator {
	p.need("by")
	by := p.expression()
	ascending := p.take("asc")
	if !ascending {
		p.take("desc")
	}
	if p.is(",") {
		fail(p.now().position, "a second expression to sort by is not supported")
	}
	return func(e *env, in Table) Table {
		b := e.scope(in).bind(by)
		if b.typ == Dynamic {
			fail(by.at(), "rows are sorted by a dynamic: cast it")
		}
		out := Table{Columns: in.Columns, Rows: slices.Clone(in.Rows)}
		slices.SortStableFunc(out.Rows, func(x, y []any) int {
			order := compareWithNulls(b.eval(row{cells: x}), b.eval(row{cells: y}))
			if ascending {
				return order
			}
			return -order
		})
		return out
	}
}

// compareWithNulls orders two values, null before the rest, of which NaN is the least.
func compareWithNulls(a, b any) int {
	if a == nil || b == nil {
		return toInt(a != nil) - toInt(b != nil)
	}
	return compare(a, b)
}

// parseTop reads number by expression [asc|desc].
func parseTop(p *parser) operator {
	t := p.next()
	most, ok := t.value.(int64)
	if !ok {
		fail(t.position, "the number of rows is not written as a whole number from zero on")
	}
	sort := parseSort(p)
	return func(e *env, in Table) Table {
		out := sort(e, in)
		out.Rows = out.Rows[:min(most, int64(len(out.Rows)))]
		return out
	}
}
