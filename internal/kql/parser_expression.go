package kql

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
	memberNode struct { // object.name
		position
		object node
		name   string
	}
	callNode struct {
		position
		name string
		args []node
	}
	minusNode struct {
		position
		value node
	}
	binaryNode struct {
		position
		operator    string
		left, right node
	}
	listNode struct { // in, !in, has_any
		position
		operator string
		left     node
		list     []node
	}
	scalarNode struct { // toscalar()
		position
		table tabular
	}
)

func (p position) at() int { return int(p) }

// The levels of precedence, lowest first: or, and, equality and lists, order, sums, products, string operators, minus,
// members.

func (p *parser) expression() node {
	left := p.conjunction()
	for p.is("or") {
		o := p.next()
		left = binaryNode{position(o.position), "or", left, p.conjunction()}
	}
	return left
}

func (p *parser) conjunction() node {
	left := p.equality()
	for p.is("and") {
		o := p.next()
		left = binaryNode{position(o.position), "and", left, p.equality()}
	}
	return left
}

func (p *parser) equality() node {
	left := p.order()
	o := p.now()
	switch {
	case p.is("==") || p.is("!="):
		p.next()
		return binaryNode{position(o.position), o.text, left, p.order()}
	case p.is("in") || p.is("!in") || p.is("has_any"):
		p.next()
		return listNode{position(o.position), o.text, left, p.arguments()}
	}
	return left
}

func (p *parser) order() node {
	left := p.sum()
	if p.is("<") || p.is("<=") || p.is(">") || p.is(">=") {
		o := p.next()
		return binaryNode{position(o.position), o.text, left, p.sum()}
	}
	return left
}

func (p *parser) sum() node {
	left := p.product()
	for p.is("+") || p.is("-") {
		o := p.next()
		left = binaryNode{position(o.position), o.text, left, p.product()}
	}
	return left
}

func (p *parser) product() node {
	left := p.stringOperation()
	for p.is("*") || p.is("/") {
		o := p.next()
		left = binaryNode{position(o.position), o.text, left, p.stringOperation()}
	}
	return left
}

func (p *parser) stringOperation() node {
	left := p.minus()
	o := p.now()
	if _, ok := stringOperators[o.text]; ok {
		p.next()
		return binaryNode{position(o.position), o.text, left, p.minus()}
	}
	return left
}

func (p *parser) minus() node {
	if p.is("-") {
		o := p.next()
		return minusNode{position(o.position), p.member()}
	}
	return p.member()
}

func (p *parser) member() node {
	object := p.primary()
	for p.is(".") {
		at := position(p.next().position)
		object = memberNode{at, object, p.name().text}
	}
	return object
}

func (p *parser) primary() node {
	t := p.now()
	at := position(t.position)
	switch {
	case t.kind == literalToken:
		p.next()
		return literalNode{at, t.typ, t.value}
	case p.take("("):
		inner := p.expression()
		p.need(")")
		return inner
	case t.kind != nameToken:
		fail(t.position, "an expression is wanted before %s", t)
	case !p.peek(1).is("("):
		return nameNode{at, p.name().text}
	}
	p.next()
	if t.text != "toscalar" {
		return callNode{at, t.text, p.arguments()}
	}
	p.need("(")
	table := p.pipeline()
	p.need(")")
	return scalarNode{at, table}
}

// arguments reads (a, b…).
func (p *parser) arguments() []node {
	p.need("(")
	var all []node
	if p.take(")") {
		return all
	}
	for {
		all = append(all, p.expression())
		if p.take(")") {
			return all
		}
		p.need(",")
	}
}
