package kql

import (
	"slices"
	"strings"
)

// tabular gives a table, and operator makes another table of one: what stands before and after a pipe.
type (
	tabular  func(*env) Table
	operator func(*env, Table) Table
)

// let is a let statement, of a table or of an expression.
type let struct {
	position int
	name     string
	table    tabular
	scalar   node
}

type program struct {
	lets  []let
	query tabular
}

// item is an expression in a list, with its name if it has one.
type item struct {
	name  string
	value node
}

type parser struct {
	tokens []token
	i      int
}

func parse(text string) program {
	p := &parser{tokens: lex(text)}
	var all program
	for p.now().kind != endToken {
		if all.query != nil {
			fail(p.now().position, "a second query begins with %s", p.now())
		}
		switch {
		case p.take("let"):
			all.lets = append(all.lets, p.let())
		case p.is("set"), p.is("declare"), p.is("alias"), p.is("restrict"), p.is("pattern"):
			fail(p.now().position, "the statement %s is not supported", p.now())
		default:
			all.query = p.pipeline()
		}
		if p.now().kind != endToken {
			p.need(";")
		}
	}
	if all.query == nil {
		fail(-1, "there is no query")
	}
	return all
}

func (p *parser) now() token { return p.tokens[p.i] }

func (p *parser) peek(n int) token { return p.tokens[min(p.i+n, len(p.tokens)-1)] }

func (p *parser) next() token {
	t := p.tokens[p.i]
	if t.kind != endToken {
		p.i++
	}
	return t
}

func (p *parser) is(text string) bool { return p.now().is(text) }

// is tells whether a token is a word or a sign. No literal is.
func (t token) is(text string) bool { return t.kind != literalToken && t.text == text }

func (p *parser) take(text string) bool {
	if p.is(text) {
		p.i++
		return true
	}
	return false
}

func (p *parser) need(text string) {
	if !p.take(text) {
		fail(p.now().position, "%s is wanted before %s", text, p.now())
	}
}

func (t token) String() string {
	if t.kind == literalToken {
		return "a " + t.typ.String()
	}
	return t.text
}

func (p *parser) word() token {
	if p.now().kind != nameToken {
		fail(p.now().position, "a name is wanted before %s", p.now())
	}
	return p.next()
}

// reserved are the words that Kusto takes for a name only in brackets and quotes, by its language service 12.4.1; of
// its internal and its retired words, those that nobody would take for a name are left out.
var reserved = strings.Fields(`accumulate and as asc between bin_legacy by callout cancel card contains contains_cs cycles datatable desc earliest
	endswith endswith_cs externaldata external_data find first flags has has_any has_all has_cs hasprefix hasprefix_cs hassuffix hassuffix_cs in
	invoke isfuzzy journal kind last latest like materialize mdm missing of or others piechart print project queries relaxed sample search set
	shards simple sql startswith startswith_cs statistics timechart timeline title to toscalar totable union verbose viewers views where
	with_source withsource boolean int long float real decimal double string time timespan date datetime dynamic char byte`)

// name reads the name of a table, a column, a let statement or a member.
func (p *parser) name() token {
	t := p.word()
	if slices.Contains(reserved, t.text) {
		fail(t.position, "%s is a word of the language, not a name", t)
	}
	return t
}

func (p *parser) let() let {
	name := p.name()
	p.need("=")
	l := let{position: name.position, name: name.text}
	if p.is("datatable") || p.is("union") || p.now().kind == nameToken && p.peek(1).is("|") {
		l.table = p.pipeline()
	} else {
		l.scalar = p.expression()
	}
	return l
}

// pipeline reads a table and the operators after it.
func (p *parser) pipeline() tabular {
	source := p.source()
	for p.take("|") {
		o, before := p.operator(), source
		source = func(e *env) Table { return o(e, before(e)) }
	}
	return source
}

func (p *parser) source() tabular {
	switch {
	case p.take("datatable"):
		return p.datatable()
	case p.take("union"):
		return p.union()
	case p.is("print"), p.is("range"), p.is("search"), p.is("find"), p.now().kind == nameToken && p.peek(1).is("("):
		fail(p.now().position, "%s as a table is not supported", p.now())
	}
	name := p.name()
	return func(e *env) Table { return e.table(name.position, name.text) }
}

func (p *parser) operator() operator {
	t := p.word()
	for p.is("-") && p.now().position == t.end { // as in project-away
		p.next()
		part := p.word()
		t.text, t.end = t.text+"-"+part.text, part.end
	}
	read, ok := operators[t.text]
	if !ok {
		fail(t.position, "the operator %s is not supported", t)
	}
	return read(p)
}

// items reads a list of [name =] expression.
func (p *parser) items() []item {
	var all []item
	for {
		var it item
		if p.now().kind == nameToken && p.peek(1).is("=") {
			it.name = p.name().text
			p.need("=")
		}
		it.value = p.expression()
		all = append(all, it)
		if !p.take(",") {
			return all
		}
	}
}
