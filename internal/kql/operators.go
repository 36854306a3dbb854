package kql

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

func (s scope) bindMinus(n minusNode) bound {
	b := s.bind(n.value)
	switch b.typ {
	case Int:
		b.typ = Long
	case Long, Real:
	default:
		fail(n.at(), "- of a %s", b.typ)
	}
	return bound{b.typ, sticky(func(values ...any) any { return negative(values[0]) }, b)}
}

func negative(value any) any {
	if n, whole := value.(int64); whole {
		return -n
	}
	return -value.(float64)
}

func (s scope) bindBinary(n binaryNode) bound {
	left, right := s.bind(n.left), s.bind(n.right)
	switch n.operator {
	case "and", "or":
		if left.typ != Bool || right.typ != Bool {
			unfit(n.at(), n.operator, left.typ, right.typ)
		}
		return bound{Bool, logical(left, right, n.operator == "or")}
	case "==", "!=":
		return bound{Bool, equality(n, left, right)}
	case "<", "<=", ">", ">=":
		return bound{Bool, ordering(n, left, right)}
	case "+", "-", "*", "/":
		t, f := arithmetic(n, left.typ, right.typ)
		return bound{t, sticky(func(values ...any) any { return f(values[0], values[1]) }, left, right)}
	}
	if left.typ != String || right.typ != String {
		unfit(n.at(), n.operator, left.typ, right.typ)
	}
	f := stringOperators[n.operator]
	return bound{Bool, func(r row) any { return f(left.eval(r).(string), right.eval(r).(string)) }}
}

// unfit fails for types that an operator does not take.
func unfit(at int, operator string, left, right Type) {
	hint := ""
	if left == Dynamic || right == Dynamic {
		hint = ": cast what is dynamic with tostring()"
	}
	fail(at, "%s of a %s and a %s%s", operator, left, right, hint)
}

// logical is and, or or: false and null is false, true or null is true.
func logical(left, right bound, decides bool) func(row) any {
	return func(r row) any {
		a := left.eval(r)
		if a == decides {
			return decides
		}
		b := right.eval(r)
		if b == decides {
			return decides
		}
		if a == nil || b == nil {
			return nil
		}
		return !decides
	}
}

// comparable fails for types that can't be compared.
func comparable(at int, operator string, left, right Type) {
	if left != right && !(isNumber(left) && isNumber(right)) || left == Dynamic {
		unfit(at, operator, left, right)
	}
}

// equality is ==, or !=: of two nulls null, of one false, or true.
func equality(n binaryNode, left, right bound) func(row) any {
	comparable(n.at(), n.operator, left.typ, right.typ)
	negated := n.operator == "!="
	return func(r row) any {
		a, b := left.eval(r), right.eval(r)
		switch {
		case a == nil && b == nil:
			return nil
		case a == nil || b == nil:
			return negated
		}
		return equal(a, b) != negated
	}
}

func ordering(n binaryNode, left, right bound) func(row) any {
	if left.typ == String {
		unfit(n.at(), n.operator, left.typ, right.typ)
	}
	comparable(n.at(), n.operator, left.typ, right.typ)
	return sticky(func(values ...any) any {
		a, b := values[0], values[1]
		if isNaN(a) || isNaN(b) {
			return false
		}
		order := compare(a, b)
		switch n.operator {
		case "<":
			return order < 0
		case "<=":
			return order <= 0
		case ">":
			return order > 0
		}
		return order >= 0
	}, left, right)
}

func isNumber(t Type) bool { return t == Int || t == Long || t == Real }

// arithmetic gives the type and the meaning of + - * /. What Kusto gives for a whole number by zero is documented
// nowhere.
func arithmetic(n binaryNode, left, right Type) (Type, func(a, b any) any) {
	o := n.operator
	switch {
	case isNumber(left) && isNumber(right) && (left == Real || right == Real):
		return Real, func(a, b any) any { return calculate(o, toFloat(a), toFloat(b)) }
	case isNumber(left) && isNumber(right):
		return Long, func(a, b any) any {
			if o == "/" && b == int64(0) {
				fail(n.at(), "a whole number is divided by zero: divide by a real one")
			}
			return calculate(o, a.(int64), b.(int64))
		}
	case left == DateTime && right == DateTime && o == "-":
		return TimeSpan, func(a, b any) any { return a.(time.Time).Sub(b.(time.Time)) }
	case left == DateTime && right == TimeSpan && o == "+":
		return DateTime, func(a, b any) any { return a.(time.Time).Add(b.(time.Duration)) }
	case left == DateTime && right == TimeSpan && o == "-":
		return DateTime, func(a, b any) any { return a.(time.Time).Add(-b.(time.Duration)) }
	}
	unfit(n.at(), o, left, right)
	return 0, nil
}

func calculate[T int64 | float64](operator string, a, b T) T {
	switch operator {
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	}
	return a / b
}

// stringOperators are the operators on strings that are no ==, by name. None of them looks at the case.
var stringOperators = map[string]func(text, part string) bool{
	"=~": strings.EqualFold, "!~": not(strings.EqualFold),
	"startswith": startsWith, "!startswith": not(startsWith),
	"has": hasTerm, "!has": not(hasTerm),
}

func not(f func(text, part string) bool) func(text, part string) bool {
	return func(text, part string) bool { return !f(text, part) }
}

func startsWith(text, part string) bool {
	return strings.HasPrefix(strings.ToLower(text), strings.ToLower(part))
}

// hasTerm finds a part that begins and ends where words do: a word is letters and digits.
func hasTerm(text, part string) bool {
	text, part = strings.ToLower(text), strings.ToLower(part)
	for from := 0; from <= len(text); {
		i := strings.Index(text[from:], part)
		if i < 0 {
			return false
		}
		i += from
		before, _ := utf8.DecodeLastRuneInString(text[:i])
		after, _ := utf8.DecodeRuneInString(text[i+len(part):])
		if !isWord(before) && !isWord(after) {
			return true
		}
		from = i + 1
	}
	return false
}

func isWord(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) }

// bindList binds in, !in and has_any. Null is in no list.
func (s scope) bindList(n listNode) bound {
	if len(n.list) == 0 {
		fail(n.at(), "%s of nothing", n.operator)
	}
	left, list := s.bind(n.left), s.bindAll(n.list)
	for _, b := range list {
		if n.operator == "has_any" && (left.typ != String || b.typ != String) {
			unfit(n.at(), n.operator, left.typ, b.typ)
		}
		comparable(n.at(), n.operator, left.typ, b.typ)
	}
	return bound{Bool, func(r row) any {
		value := left.eval(r)
		return slices.ContainsFunc(list, func(b bound) bool {
			member := b.eval(r)
			if n.operator == "has_any" {
				return hasTerm(value.(string), member.(string))
			}
			return value != nil && member != nil && equal(value, member)
		}) != (n.operator == "!in")
	}}
}
