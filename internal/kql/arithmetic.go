package kql

import (
	"math"
	"time"
)

func (s scope) bindMinus(n unaryNode) bound {
	b := s.bind(n.value)
	if !isNumber(b.typ) && b.typ != TimeSpan {
		fail(n.at(), "- of a %s", b.typ)
	}
	return bound{widened(b.typ), b.constant, sticky(func(values ...any) any {
		switch v := values[0].(type) {
		case int64:
			return -v
		case float64:
			return -v
		default:
			return -v.(time.Duration)
		}
	}, b)}
}

// sticky evaluates a function of values; where one is null, so is the result.
func sticky(f func(...any) any, args ...bound) func(row) any {
	return func(r row) any {
		values := make([]any, len(args))
		for i, arg := range args {
			if values[i] = arg.eval(r); values[i] == nil {
				return nil
			}
		}
		return f(values...)
	}
}

func (s scope) bindBinary(n binaryNode) bound {
	left, right := s.bind(n.left), s.bind(n.right)
	constant := left.constant && right.constant
	switch n.operator {
	case "and", "or":
		if left.typ != Bool || right.typ != Bool {
			fail(n.at(), "%s of a %s and a %s", n.operator, left.typ, right.typ)
		}
		return bound{Bool, constant, logical(left, right, n.operator == "or")}
	case "==", "!=":
		return bound{Bool, constant, equality(n.at(), left, right, n.operator == "!=")}
	case "<", "<=", ">", ">=":
		return bound{Bool, constant, ordering(n, left, right)}
	case "+", "-", "*", "/", "%":
		t, f := arithmetic(n, left.typ, right.typ)
		return bound{t, constant, sticky(func(values ...any) any { return f(values[0], values[1]) }, left, right)}
	}
	return s.bindStrings(n, left, right)
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

// comparable fails where types can't be compared; what is in a dynamic value is known only when it is compared.
func comparable(at int, operator string, left, right Type, ordered bool) {
	same := left == right && (!ordered || left != String) || isNumber(left) && isNumber(right) || left == Dynamic || right == Dynamic
	if !same {
		fail(at, "%s of a %s and a %s", operator, left, right)
	}
}

// equality is ==, or != where negated: of two nulls null, of one false.
func equality(at int, left, right bound, negated bool) func(row) any {
	operator := "=="
	if negated {
		operator = "!="
	}
	comparable(at, operator, left.typ, right.typ, false)
	return func(r row) any {
		a, b := left.eval(r), right.eval(r)
		switch {
		case a == nil && b == nil:
			return nil
		case a == nil || b == nil:
			return negated
		}
		same, ok := equal(a, b)
		if !ok {
			fail(at, "%s of %s and %s, whose types differ: cast what is dynamic", operator, toText(a), toText(b))
		}
		return same != negated
	}
}

func ordering(n binaryNode, left, right bound) func(row) any {
	comparable(n.at(), n.operator, left.typ, right.typ, true)
	return sticky(func(values ...any) any {
		a, b := values[0], values[1]
		order, ok := compare(a, b)
		if _, text := a.(string); !ok || text {
			fail(n.at(), "%s of %s and %s: cast what is dynamic", n.operator, toText(a), toText(b))
		}
		if isNaN(a) || isNaN(b) {
			return false
		}
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

// arithmetic gives the type and the meaning of + - * / %.
func arithmetic(n binaryNode, left, right Type) (Type, func(a, b any) any) {
	o := n.operator
	switch {
	case isNumber(left) && isNumber(right) && (left == Real || right == Real):
		return Real, func(a, b any) any { return reals(o, toFloat(a), toFloat(b)) }
	case isNumber(left) && isNumber(right):
		return Long, func(a, b any) any { return longs(n, a.(int64), b.(int64)) }
	case left == DateTime && right == DateTime && o == "-":
		return TimeSpan, func(a, b any) any { return a.(time.Time).Sub(b.(time.Time)) }
	case left == DateTime && right == TimeSpan && o == "+", left == TimeSpan && right == DateTime && o == "+":
		return DateTime, func(a, b any) any {
			if d, ok := a.(time.Duration); ok {
				a, b = b, d
			}
			return a.(time.Time).Add(b.(time.Duration))
		}
	case left == DateTime && right == TimeSpan && o == "-":
		return DateTime, func(a, b any) any { return a.(time.Time).Add(-b.(time.Duration)) }
	case left == TimeSpan && right == TimeSpan && o == "/":
		return Real, func(a, b any) any { return float64(a.(time.Duration)) / float64(b.(time.Duration)) }
	case left == TimeSpan && right == TimeSpan && o != "*":
		return TimeSpan, func(a, b any) any { return time.Duration(longs(n, int64(a.(time.Duration)), int64(b.(time.Duration)))) }
	case left == TimeSpan && isNumber(right) && (o == "*" || o == "/"):
		return TimeSpan, func(a, b any) any { return scale(n, a.(time.Duration), toFloat(b)) }
	case isNumber(left) && right == TimeSpan && o == "*":
		return TimeSpan, func(a, b any) any { return scale(n, b.(time.Duration), toFloat(a)) }
	case left == Dynamic || right == Dynamic:
		fail(n.at(), "%s of a dynamic: cast it with tolong() or todouble()", o)
	}
	fail(n.at(), "%s of a %s and a %s", o, left, right)
	return 0, nil
}

func scale(n binaryNode, d time.Duration, by float64) time.Duration {
	scaled := float64(d) * by
	if n.operator == "/" {
		scaled = float64(d) / by
	}
	if math.IsNaN(scaled) || math.Abs(scaled) > math.MaxInt64 {
		fail(n.at(), "a timespan is beyond what it holds")
	}
	return time.Duration(math.Round(scaled)).Truncate(tick)
}

func reals(operator string, a, b float64) float64 {
	switch operator {
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	case "/":
		return a / b
	}
	return math.Mod(math.Mod(a, b)+math.Abs(b), b)
}

// longs calculates with whole numbers: / truncates and % is never negative. What Kusto gives by zero is documented nowhere.
func longs(n binaryNode, a, b int64) int64 {
	switch n.operator {
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	}
	if b == 0 {
		fail(n.at(), "a whole number is divided by zero: divide by todouble() of it")
	}
	if n.operator == "/" {
		return a / b
	}
	size := max(b, -b)
	return (a%size + size) % size
}
