package kql

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// operators reads what follows the name of an operator.
var operators map[string]func(*parser) operator

func init() {
	operators = map[string]func(*parser) operator{
		"where": parseWhere, "filter": parseWhere, "extend": parseExtend, "project": parseProject,
		"project-away": parseProjectAway, "project-keep": parseProjectKeep, "project-rename": parseProjectRename,
		"summarize": parseSummarize, "distinct": parseDistinct, "count": parseCount,
		"sort": parseSort, "order": parseSort, "top": parseTop, "take": parseTake, "limit": parseTake,
		"union": parseUnion, "join": parseJoin, "lookup": parseLookup,
		"mv-expand": parseExpand, "make-series": parseSeries, "serialize": parseSerialize, "render": parseRender,
	}
}

func parseWhere(p *parser) operator {
	condition := p.expression()
	return func(e *env, in Table) Table {
		b := e.scope(in).bindAs(Bool, condition, "the condition of where")
		out := in
		out.Rows = nil
		for i, cells := range in.Rows {
			if b.eval(row{cells, in.Rows, i}) == true {
				out.Rows = append(out.Rows, cells)
			}
		}
		return out
	}
}

func parseExtend(p *parser) operator {
	items := p.items()
	return func(e *env, in Table) Table { return extend(e, in, items) }
}

// extend adds columns; one with the name of another replaces it, where it stands.
func extend(e *env, in Table, items []item) Table {
	s := e.scope(in)
	outputs := make([]output, len(in.Columns))
	for i, c := range in.Columns {
		outputs[i] = output{c, s.bind(nameNode{-1, c.Name})}
	}
	names := newNamer(in.Columns)
	said := map[string]bool{}
	for _, it := range items {
		b := s.bind(it.value)
		name := it.name
		if name == "" {
			name = nameOf(it.value)
		}
		if said[name] {
			fail(it.value.at(), "there are two columns %s", name)
		}
		i := -1
		if name != "" {
			said[name] = true
			i = indexOf(in.Columns, name)
		} else {
			name = names.name(it)
		}
		if o := (output{Column{name, b.typ}, b}); i >= 0 {
			outputs[i] = o
		} else {
			outputs = append(outputs, o)
		}
	}
	return mapped(in, outputs)
}

// mapped makes a row of each row.
func mapped(in Table, outputs []output) Table {
	out := Table{Columns: columnsOf(outputs), serialized: in.serialized}
	for i, cells := range in.Rows {
		out.Rows = append(out.Rows, evaluate(outputs, row{cells, in.Rows, i}))
	}
	return out
}

func parseProject(p *parser) operator {
	items := p.items()
	return func(e *env, in Table) Table { return mapped(in, projected(e.scope(in), items)) }
}

func projected(s scope, items []item) []output {
	var outputs []output
	names := newNamer(nil)
	for _, it := range items {
		b := s.bind(it.value)
		outputs = append(outputs, output{Column{names.name(it), b.typ}, b})
	}
	return outputs
}

func parseProjectAway(p *parser) operator {
	names := p.names()
	return func(e *env, in Table) Table { return kept(e, in, names, false) }
}

func parseProjectKeep(p *parser) operator {
	names := p.names()
	return func(e *env, in Table) Table { return kept(e, in, names, true) }
}

// kept keeps the columns that match, or those that don't.
func kept(e *env, in Table, names []token, keep bool) Table {
	matches := make([]bool, len(in.Columns))
	for _, name := range names {
		pattern := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(name.text), `\*`, ".*") + "$")
		found := false
		for i, c := range in.Columns {
			if pattern.MatchString(c.Name) {
				matches[i], found = true, true
			}
		}
		if !found && !strings.Contains(name.text, "*") {
			fail(name.position, "there is no column %s", name.text)
		}
	}
	var items []item
	for i, c := range in.Columns {
		if matches[i] == keep {
			items = append(items, item{c.Name, nameNode{-1, c.Name}})
		}
	}
	return mapped(in, projected(e.scope(in), items))
}

func parseProjectRename(p *parser) operator {
	items := p.items()
	return func(e *env, in Table) Table {
		out := in
		out.Columns = slices.Clone(in.Columns)
		for _, it := range items {
			old, ok := it.value.(nameNode)
			if !ok || it.name == "" {
				fail(it.value.at(), "project-rename wants new = old")
			}
			i := indexOf(in.Columns, old.name)
			if i < 0 || indexOf(out.Columns, it.name) >= 0 {
				fail(it.value.at(), "%s can't be renamed to %s", old.name, it.name)
			}
			out.Columns[i].Name = it.name
		}
		return out
	}
}

func parseDistinct(p *parser) operator {
	items := p.items()
	return func(e *env, in Table) Table {
		all := items
		if _, star := items[0].value.(starNode); star && len(items) == 1 {
			all = nil
			for _, c := range in.Columns {
				all = append(all, item{c.Name, nameNode{-1, c.Name}})
			}
		}
		keys := bindKeys(e.scope(in), newNamer(nil), all)
		out := Table{Columns: columnsOf(keys)}
		for _, rows := range group(in, keys) {
			out.Rows = append(out.Rows, evaluate(keys, row{cells: rows[0]}))
		}
		return out
	}
}

func parseCount(*parser) operator {
	return func(_ *env, in Table) Table {
		return Table{Columns: []Column{{"Count", Long}}, Rows: [][]any{{int64(len(in.Rows))}}}
	}
}

// sortKey is an expression to sort by. It sorts down, and nulls last, unless it is said otherwise.
type sortKey struct {
	value                 node
	ascending, nullsFirst bool
}

func (p *parser) sortKeys() []sortKey {
	p.needWord("by")
	var keys []sortKey
	for {
		k := sortKey{value: p.expression()}
		if p.takeWord("asc") {
			k.ascending, k.nullsFirst = true, true
		} else {
			p.takeWord("desc")
		}
		if p.takeWord("nulls") {
			k.nullsFirst = p.takeWord("first")
			if !k.nullsFirst {
				p.needWord("last")
			}
		}
		keys = append(keys, k)
		if !p.take(",") {
			return keys
		}
	}
}

func sorted(e *env, in Table, keys []sortKey) Table {
	s := e.scope(in)
	by := make([]bound, len(keys))
	for i, k := range keys {
		if by[i] = s.bind(k.value); by[i].typ == Dynamic {
			fail(k.value.at(), "rows are sorted by a dynamic: cast it")
		}
	}
	out := in
	out.Rows, out.serialized = slices.Clone(in.Rows), true
	slices.SortStableFunc(out.Rows, func(a, b []any) int {
		for i, k := range keys {
			if order := k.compare(by[i].eval(row{cells: a}), by[i].eval(row{cells: b})); order != 0 {
				return order
			}
		}
		return 0
	})
	return out
}

// compare orders two values, with nulls and NaN together at the end that is said, null outermost.
func (k sortKey) compare(a, b any) int {
	rank := func(value any) int {
		switch {
		case value == nil:
			return 2
		case isNaN(value):
			return 1
		}
		return 0
	}
	if order := cmp.Compare(rank(a), rank(b)); order != 0 || rank(a) > 0 {
		if k.nullsFirst {
			return -order
		}
		return order
	}
	order, _ := compare(a, b)
	if k.ascending {
		return order
	}
	return -order
}

func parseSort(p *parser) operator {
	keys := p.sortKeys()
	return func(e *env, in Table) Table { return sorted(e, in, keys) }
}

func parseTop(p *parser) operator {
	most := p.expression()
	keys := p.sortKeys()
	if len(keys) > 1 {
		fail(keys[1].value.at(), "top sorts by one expression")
	}
	return func(e *env, in Table) Table { return first(e, sorted(e, in, keys), most) }
}

func parseTake(p *parser) operator {
	most := p.expression()
	return func(e *env, in Table) Table { return first(e, in, most) }
}

func first(e *env, in Table, most node) Table {
	n := scope{env: e}.constant(most, Long, "the number of rows").(int64)
	if n < 0 {
		fail(most.at(), "the number of rows is negative")
	}
	in.Rows = in.Rows[:min(n, int64(len(in.Rows)))]
	return in
}

func parseSerialize(p *parser) operator {
	var items []item
	if !p.is("|") && !p.is(";") && !p.is(")") && p.now().kind != endToken {
		items = p.items()
	}
	return func(e *env, in Table) Table {
		in.serialized = true
		return extend(e, in, items)
	}
}

// parseRender reads render kind [with (name=value, …)].
func parseRender(p *parser) operator {
	r := &Render{Kind: p.name().text, With: map[string]string{}}
	if p.takeWord("with") {
		p.need("(")
		for !p.take(")") {
			name := p.name().text
			p.need("=")
			value := p.next()
			if r.With[name] = value.text; value.kind == literalToken {
				r.With[name] = toText(value.value)
			}
			for p.is(",") && p.peek(2).text != "=" { // several columns
				p.next()
				r.With[name] += "," + p.next().text
			}
			p.take(",")
		}
	}
	if p.is("|") {
		fail(p.now().position, "render is not the last operator")
	}
	return func(_ *env, in Table) Table {
		in.Render = r
		return in
	}
}
