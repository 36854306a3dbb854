package kql

// The levels of precedence, lowest first: or, and, equality and lists, order, sums, products, string operators, minus, members.

func (p *parser) expression() node {
	left := p.conjunction()
	for p.isWord("or") {
		o := p.next()
		left = binaryNode{position(o.position), "or", left, p.conjunction()}
	}
	return left
}

func (p *parser) conjunction() node {
	left := p.equality()
	for p.isWord("and") {
		o := p.next()
		left = binaryNode{position(o.position), "and", left, p.equality()}
	}
	return left
}

func (p *parser) equality() node {
	left := p.order()
	t := p.now()
	at := position(t.position)
	switch operator := t.text; {
	case t.kind == literalToken:
	case operator == "==" || operator == "!=":
		p.next()
		return binaryNode{at, operator, left, p.order()}
	case operator == "in" || operator == "!in" || operator == "!in~" || operator == "has_any" || operator == "has_all":
		p.next()
		if operator == "in" && p.is("~") {
			operator = "in~"
			p.next()
		}
		return listNode{at, operator, left, p.arguments()}
	case operator == "between" || operator == "!between":
		p.next()
		p.need("(")
		low := p.expression()
		p.need("..")
		high := p.expression()
		p.need(")")
		return betweenNode{at, operator == "!between", left, low, high}
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
	for p.is("*") || p.is("/") || p.is("%") {
		o := p.next()
		left = binaryNode{position(o.position), o.text, left, p.stringOperation()}
	}
	return left
}

func (p *parser) stringOperation() node {
	left := p.minus()
	o := p.now()
	if o.kind == literalToken {
		return left
	}
	if o.kind == nameToken && o.text == "matches" {
		p.next()
		p.needWord("regex")
		return binaryNode{position(o.position), "matches regex", left, p.minus()}
	}
	if _, ok := stringOperators[o.text]; ok {
		p.next()
		return binaryNode{position(o.position), o.text, left, p.minus()}
	}
	return left
}

func (p *parser) minus() node {
	if p.is("-") {
		o := p.next()
		return unaryNode{position(o.position), p.member()}
	}
	p.take("+")
	return p.member()
}

func (p *parser) member() node {
	object := p.primary()
	for {
		at := position(p.now().position)
		switch {
		case p.take("."):
			name := p.columnName()
			object = memberNode{at, object, literalNode{position(name.position), String, name.text}}
		case p.take("["):
			key := p.expression()
			p.need("]")
			object = memberNode{at, object, key}
		default:
			return object
		}
	}
}

func (p *parser) primary() node {
	t := p.now()
	at := position(t.position)
	switch {
	case p.isQuotedName():
		return nameNode{at, p.name().text}
	case t.kind == literalToken:
		p.next()
		return literalNode{at, t.typ, t.value}
	case p.is("("):
		start := p.i
		p.next()
		inner := p.expression()
		if p.is("|") { // a table in brackets, as in x in ((T | project y))
			p.i = start
			return tableNode{at, p.source()}
		}
		p.need(")")
		return inner
	case p.take("*"):
		return starNode{at}
	case t.kind != nameToken:
		fail(t.position, "an expression is wanted before %s", t)
	}
	p.next()
	if !p.is("(") {
		t.mustBeName()
		return nameNode{at, t.text}
	}
	switch t.text {
	case "dynamic":
		p.need("(")
		value := p.document()
		p.need(")")
		return literalNode{at, Dynamic, value}
	case "toscalar":
		p.need("(")
		table := p.pipeline()
		p.need(")")
		return callNode{at, t.text, []node{tableNode{at, table}}}
	}
	return callNode{at, t.text, p.arguments()}
}

// arguments reads (a, b…); an argument with a pipe in it is a table.
func (p *parser) arguments() []node {
	p.need("(")
	var all []node
	if p.take(")") {
		return all
	}
	for {
		start := p.i
		if p.beginsTable() {
			all = append(all, tableNode{position(p.now().position), p.pipeline()})
		} else if argument := p.expression(); p.is("|") {
			p.i = start
			all = append(all, tableNode{position(p.now().position), p.pipeline()})
		} else {
			all = append(all, argument)
		}
		if p.take(")") {
			return all
		}
		p.need(",")
	}
}

// document reads what dynamic() holds.
func (p *parser) document() any {
	t := p.next()
	switch {
	case t.kind == literalToken:
		return t.value
	case t.kind == nameToken && t.text == "null":
		return nil
	case t.kind == punctuationToken && t.text == "-":
		switch n := p.next().value.(type) {
		case int64:
			return -n
		case float64:
			return -n
		}
	case t.kind == punctuationToken && t.text == "[":
		all := []any{}
		for !p.take("]") {
			if len(all) > 0 {
				p.need(",")
			}
			all = append(all, p.document())
		}
		return all
	case t.kind == punctuationToken && t.text == "{":
		all := map[string]any{}
		for !p.take("}") {
			if len(all) > 0 {
				p.need(",")
			}
			key, ok := p.next().value.(string)
			if !ok {
				fail(t.position, "a key in dynamic() is no string")
			}
			p.need(":")
			all[key] = p.document()
		}
		return all
	}
	fail(t.position, "%s is not understood in dynamic()", t)
	return nil
}
