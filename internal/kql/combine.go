package kql

import (
	"slices"
)

// source is a table that an operator takes besides the one before the pipe.
type sourced struct {
	name  token // of a table that is named and nothing else
	table tabular
}

func (p *parser) sourced() sourced {
	if p.now().kind == nameToken || p.isQuotedName() {
		name := p.name()
		return sourced{name, func(e *env) Table { return e.table(name.position, name.text) }}
	}
	p.need("(")
	table := p.pipeline()
	p.need(")")
	return sourced{table: table}
}

func parseUnion(p *parser) operator { return p.union(false) }

// union reads [kind=inner|outer] [withsource=name] [isfuzzy=true] tables, behind a pipe or first in a query.
func (p *parser) union(first bool) operator {
	parameters := p.parameters("kind", "withsource", "isfuzzy")
	legs := []sourced{p.sourced()}
	for p.take(",") {
		legs = append(legs, p.sourced())
	}
	inner := parameters["kind"].text == "inner"
	fuzzy := parameters["isfuzzy"].text == "true"
	source := parameters["withsource"]
	if source.text != "" && !first {
		fail(source.position, "withsource behind a pipe is not supported")
	}
	return func(e *env, in Table) Table {
		var tables []Table
		if !first {
			tables = append(tables, in)
		}
		for _, leg := range legs {
			if fuzzy && leg.name.text != "" && !e.isTable(leg.name.text) {
				continue
			}
			t := leg.table(e)
			if source.text != "" {
				t = withSource(t, source, leg)
			}
			tables = append(tables, t)
		}
		return united(tables, inner)
	}
}

func withSource(t Table, source token, leg sourced) Table {
	if leg.name.text == "" {
		fail(source.position, "withsource of what is no named table is not supported")
	}
	out := Table{Columns: slices.Insert(slices.Clone(t.Columns), 0, Column{source.text, String})}
	for _, cells := range t.Rows {
		out.Rows = append(out.Rows, slices.Insert(slices.Clone(cells), 0, any(leg.name.text)))
	}
	return out
}

// united puts tables under each other, with the columns of all of them, or, for inner, with those that all have.
func united(tables []Table, inner bool) Table {
	var out Table
	for _, t := range tables {
		for _, c := range t.Columns {
			i := indexOf(out.Columns, c.Name)
			if i >= 0 && out.Columns[i].Type != c.Type {
				fail(-1, "union: the column %s is a %s and a %s", c.Name, out.Columns[i].Type, c.Type)
			}
			if i < 0 {
				out.Columns = append(out.Columns, c)
			}
		}
	}
	if inner {
		out.Columns = slices.DeleteFunc(out.Columns, func(c Column) bool {
			return slices.ContainsFunc(tables, func(t Table) bool { return indexOf(t.Columns, c.Name) < 0 })
		})
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

// joint is a pair of columns, by name, that a join holds against each other.
type joint struct {
	position    int
	left, right string
}

func parseJoin(p *parser) operator {
	parameters := p.parameters("kind", "hint.strategy", "hint.remote", "hint.shufflekey", "hint.num_partitions")
	kind := parameters["kind"]
	switch kind.text {
	case "", "innerunique", "inner", "leftouter", "fullouter", "leftsemi", "leftanti", "anti", "leftantisemi":
	default:
		fail(kind.position, "join kind=%s is not supported", kind.text)
	}
	right := p.sourced()
	joints := p.joints()
	return func(e *env, in Table) Table { return joined(in, right.table(e), kind.text, joints) }
}

func parseLookup(p *parser) operator {
	kind := p.parameters("kind")["kind"]
	if kind.text != "" && kind.text != "inner" && kind.text != "leftouter" {
		fail(kind.position, "lookup kind=%s is not supported", kind.text)
	}
	right := p.sourced()
	joints := p.joints()
	return func(e *env, in Table) Table {
		t := right.table(e)
		out := joined(in, t, map[bool]string{true: "inner", false: "leftouter"}[kind.text == "inner"], joints)
		var names []token
		for _, j := range joints {
			i := len(in.Columns) + indexOf(t.Columns, j.right)
			names = append(names, token{text: out.Columns[i].Name})
		}
		return kept(e, out, names, false)
	}
}

func (p *parser) joints() []joint {
	p.needWord("on")
	var all []joint
	for {
		all = append(all, jointsOf(p.expression())...)
		if !p.take(",") {
			return all
		}
	}
}

func jointsOf(n node) []joint {
	switch n := n.(type) {
	case nameNode:
		return []joint{{n.at(), n.name, n.name}}
	case binaryNode:
		if n.operator == "and" {
			return append(jointsOf(n.left), jointsOf(n.right)...)
		}
		sides := map[string]string{}
		for _, side := range []node{n.left, n.right} {
			if m, ok := side.(memberNode); ok {
				object, isName := m.object.(nameNode)
				column, isKey := m.key.(literalNode)
				if isName && isKey {
					sides[object.name] = toText(column.value)
				}
			}
		}
		if n.operator == "==" && sides["$left"] != "" && sides["$right"] != "" {
			return []joint{{n.at(), sides["$left"], sides["$right"]}}
		}
	}
	fail(n.at(), "a join is on a column, or on $left.column == $right.column")
	return nil
}

// sides gives the places of the joints' columns in both tables.
func sides(left, right Table, joints []joint) (l, r []int) {
	for _, j := range joints {
		i, k := indexOf(left.Columns, j.left), indexOf(right.Columns, j.right)
		if i < 0 {
			fail(j.position, "the left table has no column %s", j.left)
		}
		if k < 0 {
			fail(j.position, "the right table has no column %s", j.right)
		}
		a, b := left.Columns[i].Type, right.Columns[k].Type
		if whole := (a == Int || a == Long) && (b == Int || b == Long); a != b && !whole || a == Dynamic {
			fail(j.position, "a join of a %s on a %s", a, b)
		}
		l, r = append(l, i), append(r, k)
	}
	return l, r
}

// jointKey is what must be the same on both sides. Whether null joins null is not documented.
func jointKey(cells []any, places []int, joints []joint) string {
	var values []any
	for i, place := range places {
		if cells[place] == nil {
			fail(joints[i].position, "a join on a null %s: drop such rows before", joints[i].left)
		}
		values = append(values, cells[place])
	}
	return key(values...)
}

func joined(left, right Table, kind string, joints []joint) Table {
	leftPlaces, rightPlaces := sides(left, right, joints)
	matches := map[string][]int{}
	for i, cells := range right.Rows {
		k := jointKey(cells, rightPlaces, joints)
		matches[k] = append(matches[k], i)
	}
	names := newNamer(left.Columns)
	out := Table{Columns: slices.Clone(left.Columns)}
	if kind == "leftsemi" || kind == "leftanti" || kind == "anti" || kind == "leftantisemi" {
		for _, cells := range left.Rows {
			if _, ok := matches[jointKey(cells, leftPlaces, joints)]; ok == (kind == "leftsemi") {
				out.Rows = append(out.Rows, cells)
			}
		}
		return out
	}
	for _, c := range right.Columns {
		out.Columns = append(out.Columns, Column{names.unique(c.Name), c.Type})
	}
	seen, used := map[string]bool{}, map[int]bool{}
	for _, cells := range left.Rows {
		k := jointKey(cells, leftPlaces, joints)
		if (kind == "" || kind == "innerunique") && seen[k] {
			continue
		}
		seen[k] = true
		for _, i := range matches[k] {
			used[i] = true
			out.Rows = append(out.Rows, slices.Concat(cells, right.Rows[i]))
		}
		if len(matches[k]) == 0 && (kind == "leftouter" || kind == "fullouter") {
			out.Rows = append(out.Rows, slices.Concat(cells, nulls(right.Columns)))
		}
	}
	for i, cells := range right.Rows {
		if kind == "fullouter" && !used[i] {
			out.Rows = append(out.Rows, slices.Concat(nulls(left.Columns), cells))
		}
	}
	return out
}

func nulls(columns []Column) []any {
	cells := make([]any, len(columns))
	for i, c := range columns {
		cells[i] = null(c.Type)
	}
	return cells
}
