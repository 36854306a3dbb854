package kql

import (
	"slices"
	"strings"
)

// node is an expression, as written.
type node interface{ at() int }

type (
	position    int
	literalNode struct {
		position
		typ   Type
		value any
	}
	nameNode struct {
		position
		name string
	}
	starNode   struct{ position }
	memberNode struct { // object.key, object["key"], object[0]
		position
		object, key node
	}
	callNode struct {
		position
		name string
		args []node
	}
	unaryNode struct {
		position
		value node
	}
	binaryNode struct {
		position
		operator    string
		left, right node
	}
	listNode struct { // in, !in, in~, !in~, has_any, has_all
		position
		operator string
		left     node
		list     []node
	}
	betweenNode struct {
		position
		negated          bool
		value, low, high node
	}
	tableNode struct { // a table as an argument: of in, of toscalar
		position
		table tabular
	}
)

func (p position) at() int { return int(p) }

// tabular gives a table, and operator makes another table of one: what stands before and after a pipe.
type (
	tabular  func(*env) Table
	operator func(*env, Table) Table
)

// let is a let statement: of a table, or of an expression that may be the name of one.
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
	for {
		for p.take(";") {
		}
		if p.now().kind == endToken {
			break
		}
		if all.query != nil {
			fail(p.now().position, "a second query begins with %s", p.now().text)
		}
		switch {
		case p.takeWord("let"):
			all.lets = append(all.lets, p.let())
		case p.isWord("set"), p.isWord("declare"), p.isWord("alias"), p.isWord("restrict"), p.isWord("pattern"):
			fail(p.now().position, "the statement %s is not supported", p.now().text)
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

func (p *parser) is(text string) bool {
	return p.now().kind == punctuationToken && p.now().text == text
}

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

func (p *parser) isWord(word string) bool { return p.now().kind == nameToken && p.now().text == word }

func (p *parser) takeWord(word string) bool {
	if p.isWord(word) {
		p.i++
		return true
	}
	return false
}

func (p *parser) needWord(word string) {
	if !p.takeWord(word) {
		fail(p.now().position, "%s is wanted before %s", word, p.now())
	}
}

func (t token) String() string {
	if t.kind == literalToken && t.text == "" {
		return "a " + t.typ.String()
	}
	return t.text
}

// name reads a name, which may be written ['a name'].
func (p *parser) name() token {
	if p.isQuotedName() {
		start := p.next().position
		t := p.next()
		p.need("]")
		return token{kind: nameToken, text: t.value.(string), position: start}
	}
	if p.now().kind != nameToken {
		fail(p.now().position, "a name is wanted before %s", p.now())
	}
	return p.next()
}

// reserved are the words that Kusto takes for a name only as ['word'], by its language service 12.4.1; of its internal and its retired
// words, those that nobody would take for a name are left out.
var reserved = wordsOf(`accumulate and as asc between bin_legacy by callout cancel card contains contains_cs cycles datatable desc earliest
	endswith endswith_cs externaldata external_data find first flags has has_any has_all has_cs hasprefix hasprefix_cs hassuffix hassuffix_cs in
	invoke isfuzzy journal kind last latest like materialize mdm missing of or others piechart print project queries relaxed sample search set
	shards simple sql startswith startswith_cs statistics timechart timeline title to toscalar totable union verbose viewers views where
	with_source withsource boolean int long float real decimal double string time timespan date datetime dynamic char byte`)

func wordsOf(text string) map[string]bool {
	words := map[string]bool{}
	for _, word := range strings.Fields(text) {
		words[word] = true
	}
	return words
}

// columnName reads the name of a column, a let statement or a member.
func (p *parser) columnName() token {
	quoted := p.isQuotedName()
	t := p.name()
	if !quoted {
		t.mustBeName()
	}
	return t
}

func (t token) mustBeName() {
	if reserved[t.text] {
		fail(t.position, "%s is a word of the language: as a name it is written ['%s']", t.text, t.text)
	}
}

func (p *parser) isQuotedName() bool {
	key, end := p.peek(1), p.peek(2)
	return p.is("[") && key.kind == literalToken && key.typ == String && end.text == "]" && end.kind == punctuationToken
}

// wideName reads a word with hyphens in it, as project-away and make-series have, or dots, as hint.strategy has.
func (p *parser) wideName() token {
	t := p.name()
	for (p.is("-") || p.is(".")) && p.now().position == t.end && p.peek(1).kind == nameToken && p.peek(1).position == p.now().end {
		t.text += p.next().text
		part := p.next()
		t.text, t.end = t.text+part.text, part.end
	}
	return t
}

func (p *parser) let() let {
	name := p.columnName()
	p.need("=")
	l := let{position: name.position, name: name.text}
	if p.beginsTable() {
		l.table = p.pipeline()
		return l
	}
	start := p.i
	l.scalar = p.expression()
	if p.is("|") || p.is("{") {
		p.i = start
		l.scalar, l.table = nil, p.pipeline()
	}
	return l
}

// beginsTable tells what can only be a table from what may be an expression.
func (p *parser) beginsTable() bool {
	switch p.now().text {
	case "range":
		return p.peek(1).kind == nameToken
	case "datatable":
		return p.peek(1).text == "("
	case "print", "union":
		return p.now().kind == nameToken && p.peek(1).text != "|" && p.peek(1).text != "("
	}
	return false
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
	t := p.now()
	if p.take("(") {
		inner := p.pipeline()
		p.need(")")
		return inner
	}
	if t.kind == nameToken && !p.isQuotedName() {
		follows := p.peek(1)
		switch {
		case t.text == "datatable":
			p.next()
			return p.datatable()
		case t.text == "print":
			p.next()
			return p.print()
		case t.text == "range" && follows.kind == nameToken:
			p.next()
			return p.rangeOf()
		case t.text == "union":
			p.next()
			union := p.union(true)
			return func(e *env) Table { return union(e, Table{}) }
		case t.text == "materialize" && follows.text == "(":
			p.i += 2
			inner := p.pipeline()
			p.need(")")
			return inner
		case follows.text == "(":
			fail(t.position, "%s() as a table is not supported", t.text)
		}
	}
	name := p.name()
	return func(e *env) Table { return e.table(name.position, name.text) }
}

func (p *parser) operator() operator {
	t := p.wideName()
	read, ok := operators[t.text]
	if !ok {
		fail(t.position, "the operator %s is not supported", t.text)
	}
	return read(p)
}

// items reads a list of [name =] expression.
func (p *parser) items() []item {
	var all []item
	for {
		all = append(all, p.item())
		if !p.take(",") {
			return all
		}
	}
}

func (p *parser) item() item {
	if p.is("(") && p.peek(1).kind == nameToken && (p.peek(2).text == "," || p.peek(2).text == ")" && p.peek(3).text == "=") {
		fail(p.now().position, "a list of names before = is not supported")
	}
	start := p.i
	if p.now().kind == nameToken || p.isQuotedName() {
		if p.name(); p.is("=") {
			p.i = start
			name := p.columnName()
			p.need("=")
			return item{name.text, p.expression()}
		}
		p.i = start
	}
	return item{"", p.expression()}
}

// names reads a list of column names, which may have wildcards in them.
func (p *parser) names() []token {
	var all []token
	for {
		var t token
		if p.is("*") {
			t = p.next()
		} else {
			t = p.columnName()
		}
		for (p.is("*") || p.now().kind == nameToken) && p.now().position == t.end {
			part := p.next()
			t.text, t.end = t.text+part.text, part.end
		}
		all = append(all, t)
		if !p.take(",") {
			return all
		}
	}
}

// parameters reads the known name=value pairs at the beginning of an operator: kind=inner.
func (p *parser) parameters(known ...string) map[string]token {
	all := map[string]token{}
	for p.now().kind == nameToken {
		start := p.i
		name := p.wideName()
		if !slices.Contains(known, name.text) || !p.take("=") {
			p.i = start
			break
		}
		all[name.text] = p.next()
	}
	return all
}
