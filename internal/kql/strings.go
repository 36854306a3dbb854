package kql

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// stringOperators are the operators on strings that are no ==, by name. The case matters where the name ends in _cs.
var stringOperators = map[string]func(text, part string) bool{
	"=~":            strings.EqualFold,
	"!~":            func(text, part string) bool { return !strings.EqualFold(text, part) },
	"contains":      folded(strings.Contains),
	"contains_cs":   strings.Contains,
	"startswith":    folded(strings.HasPrefix),
	"startswith_cs": strings.HasPrefix,
	"endswith":      folded(strings.HasSuffix),
	"endswith_cs":   strings.HasSuffix,
	"has":           folded(hasTerm(true, true)),
	"has_cs":        hasTerm(true, true),
	"hasprefix":     folded(hasTerm(true, false)),
	"hasprefix_cs":  hasTerm(true, false),
	"hassuffix":     folded(hasTerm(false, true)),
	"hassuffix_cs":  hasTerm(false, true),
}

func init() {
	for _, name := range []string{"contains", "startswith", "endswith", "has", "hasprefix", "hassuffix"} {
		for _, name := range []string{name, name + "_cs"} {
			f := stringOperators[name]
			stringOperators["!"+name] = func(text, part string) bool { return !f(text, part) }
		}
	}
}

func folded(f func(text, part string) bool) func(text, part string) bool {
	return func(text, part string) bool { return f(strings.ToLower(text), strings.ToLower(part)) }
}

// hasTerm finds a part that begins and ends where words do: a word is letters and digits.
func hasTerm(begins, ends bool) func(text, part string) bool {
	return func(text, part string) bool {
		for from := 0; from <= len(text); {
			i := strings.Index(text[from:], part)
			if i < 0 {
				return false
			}
			i += from
			before, _ := utf8.DecodeLastRuneInString(text[:i])
			after, _ := utf8.DecodeRuneInString(text[i+len(part):])
			if !(begins && isWord(before)) && !(ends && isWord(after)) {
				return true
			}
			from = i + 1
		}
		return false
	}
}

func isWord(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) }

func isText(t Type) bool { return t == String || t == Dynamic }

func (s scope) bindStrings(n binaryNode, left, right bound) bound {
	if !isText(left.typ) || !isText(right.typ) {
		fail(n.at(), "%s of a %s and a %s", n.operator, left.typ, right.typ)
	}
	f := stringOperators[n.operator]
	if n.operator == "matches regex" {
		expression := s.regex(n.right)
		f = func(text, _ string) bool { return expression.MatchString(text) }
	}
	return bound{Bool, left.constant && right.constant, func(r row) any { return f(toText(left.eval(r)), toText(right.eval(r))) }}
}

// regex compiles a constant; Kusto's expressions are RE2's, as Go's are.
func (s scope) regex(n node) *regexp.Regexp {
	expression, err := regexp.Compile(s.constant(n, String, "a regular expression").(string))
	if err != nil {
		fail(n.at(), "%v", err)
	}
	return expression
}

// bindList binds in, !in, in~, !in~, has_any and has_all. A dynamic array, or a table's first column, stands for what is in it.
func (s scope) bindList(n listNode) bound {
	left := s.bind(n.left)
	var list []bound
	for _, member := range n.list {
		if table, ok := s.asTable(member); ok {
			list = append(list, firstColumn(member.at(), table)...)
			continue
		}
		list = append(list, s.bind(member))
	}
	if len(n.list) == 0 {
		fail(n.at(), "%s of nothing", n.operator)
	}
	operator, negated := strings.CutPrefix(n.operator, "!")
	same := s.sameFor(n, operator, left.typ, list)
	constant := left.constant
	for _, b := range list {
		constant = constant && b.constant
	}
	return bound{Bool, constant, func(r row) any {
		value := left.eval(r)
		matches := func(candidate any) bool { return same(value, candidate) }
		var members []any
		for _, b := range list {
			member := b.eval(r)
			if array, ok := member.([]any); ok {
				members = append(members, array...)
				continue
			}
			members = append(members, member)
		}
		if operator == "has_all" {
			return !slices.ContainsFunc(members, func(m any) bool { return !matches(m) })
		}
		return slices.ContainsFunc(members, matches) != negated
	}}
}

// sameFor gives how a list operator compares.
func (s scope) sameFor(n listNode, operator string, left Type, list []bound) func(value, candidate any) bool {
	for _, b := range list {
		if operator != "in" && (!isText(left) || !isText(b.typ)) {
			fail(n.at(), "%s of a %s and a %s", n.operator, left, b.typ)
		}
		comparable(n.at(), n.operator, left, b.typ, false)
	}
	switch operator {
	case "in~":
		return func(value, candidate any) bool { return strings.EqualFold(toText(value), toText(candidate)) }
	case "has_any", "has_all":
		has := stringOperators["has"]
		return func(value, candidate any) bool { return has(toText(value), toText(candidate)) }
	}
	return func(value, candidate any) bool {
		if value == nil || candidate == nil {
			return false
		}
		is, ok := equal(value, candidate)
		if !ok {
			fail(n.at(), "%s of %s and %s, whose types differ: cast what is dynamic", n.operator, toText(value), toText(candidate))
		}
		return is
	}
}

// asTable gives the table that an argument is, if it is one.
func (s scope) asTable(n node) (Table, bool) {
	switch n := n.(type) {
	case tableNode:
		return n.table(s.env), true
	case nameNode:
		if indexOf(s.columns, n.name) < 0 && s.env.isTable(n.name) {
			return s.env.table(n.at(), n.name), true
		}
	}
	return Table{}, false
}

func firstColumn(at int, t Table) []bound {
	if len(t.Columns) == 0 {
		fail(at, "a table without columns has no values")
	}
	all := make([]bound, len(t.Rows))
	for i := range t.Rows {
		value := t.Rows[i][0]
		all[i] = bound{t.Columns[0].Type, true, func(row) any { return value }}
	}
	return all
}

// bindBetween binds between (low .. high), both included; from a datetime, high may be a timespan after low.
func (s scope) bindBetween(n betweenNode) bound {
	value, low, high := s.bind(n.value), s.bind(n.low), s.bind(n.high)
	if low.typ == DateTime && high.typ == TimeSpan {
		start, length := low, high
		high = bound{DateTime, start.constant && length.constant, s.bindBinary(binaryNode{n.position, "+", n.low, n.high}).eval}
	}
	at := n.position
	above := ordering(binaryNode{at, ">=", n.value, n.low}, value, low)
	below := ordering(binaryNode{at, "<=", n.value, n.high}, value, high)
	both := logical(bound{eval: above}, bound{eval: below}, false)
	return bound{Bool, value.constant && low.constant && high.constant, func(r row) any {
		is := both(r)
		if is != nil && n.negated {
			return !is.(bool)
		}
		return is
	}}
}
