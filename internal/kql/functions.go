package kql

import (
	"math"
	"slices"
	"strings"
)

// naming is where the name of a column that a function makes comes from.
type naming int

const (
	numbered naming = iota
	byArgument
	byNameAndArgument
)

// function is a scalar function: what its arguments must be, and what it makes of them.
type function struct {
	named    naming
	fewest   int
	most     int // -1: any number
	bindCall func(s scope, n callNode) bound
}

var functions map[string]function

func init() {
	functions = map[string]function{
		"iff": {numbered, 3, 3, bindCase}, "iif": {numbered, 3, 3, bindCase}, "case": {numbered, 3, -1, bindCase},
		"coalesce": {numbered, 2, -1, bindCoalesce}, "min_of": {numbered, 1, -1, bindExtreme}, "max_of": {numbered, 1, -1, bindExtreme},
		"not":    of(numbered, Bool, func(a ...any) any { return !a[0].(bool) }, Bool),
		"isnull": {numbered, 1, 1, presence(false, false)}, "isnotnull": {numbered, 1, 1, presence(false, true)},
		"isempty": {numbered, 1, 1, presence(true, false)}, "isnotempty": {numbered, 1, 1, presence(true, true)},
		"isnan": of(numbered, Bool, func(a ...any) any { return math.IsNaN(a[0].(float64)) }, Real),
		"isinf": of(numbered, Bool, func(a ...any) any { return math.IsInf(a[0].(float64), 0) }, Real),
		"isfinite": of(numbered, Bool, func(a ...any) any {
			return !math.IsNaN(a[0].(float64)) && !math.IsInf(a[0].(float64), 0)
		}, Real),

		"tostring": {byArgument, 1, 1, bindToString}, "toint": {byArgument, 1, 1, to(Int)}, "tolong": {byArgument, 1, 1, to(Long)},
		"todouble": {byArgument, 1, 1, to(Real)}, "toreal": {byArgument, 1, 1, to(Real)}, "tobool": {byArgument, 1, 1, to(Bool)},
		"todatetime": {byArgument, 1, 1, to(DateTime)}, "totimespan": {byArgument, 1, 1, to(TimeSpan)},
		"todynamic": {byArgument, 1, 1, bindToDynamic}, "parse_json": {byArgument, 1, 1, bindToDynamic},

		"bin": {byArgument, 2, 2, bindBin}, "floor": {byArgument, 2, 2, bindBin},
		"round": {byArgument, 1, 2, bindRound}, "abs": {byArgument, 1, 1, bindAbs},
		"ceiling": {byArgument, 1, 1, bindCeiling},
		"sqrt":    of(byArgument, Real, func(a ...any) any { return math.Sqrt(a[0].(float64)) }, Real),
		"pow":     of(byArgument, Real, func(a ...any) any { return math.Pow(a[0].(float64), a[1].(float64)) }, Real, Real),
		"now":     {numbered, 0, 1, bindNow}, "ago": {numbered, 1, 1, bindAgo},
		"startofday": {byArgument, 1, 2, bindEdgeOfDay(false)}, "endofday": {numbered, 1, 2, bindEdgeOfDay(true)},
		"datetime_diff":   {numbered, 3, 3, bindDateTimeDiff},
		"format_datetime": {byArgument, 2, 2, bindFormatDateTime},

		"strcat": {numbered, 1, 64, bindStrcat}, "split": {byArgument, 2, 3, bindSplit}, "extract": {numbered, 3, 3, bindExtract},
		"tolower": of(numbered, String, func(a ...any) any { return strings.ToLower(a[0].(string)) }, String),
		"toupper": of(numbered, String, func(a ...any) any { return strings.ToUpper(a[0].(string)) }, String),
		"strlen":  of(byNameAndArgument, Long, func(a ...any) any { return int64(len([]rune(a[0].(string)))) }, String),
		"replace_string": of(numbered, String, func(a ...any) any {
			return strings.ReplaceAll(a[0].(string), a[1].(string), a[2].(string))
		}, String, String, String),
		"substring": {numbered, 2, 3, bindSubstring},

		"bag_pack": {numbered, 2, -1, bindPack}, "pack": {numbered, 2, -1, bindPack}, "array_length": {numbered, 1, 1, bindArrayLength},
		"range":    {numbered, 3, 3, bindRange},
		"toscalar": {numbered, 1, 1, bindToScalar},
		"prev":     {numbered, 1, 3, neighbour(-1)}, "next": {numbered, 1, 3, neighbour(1)}, "row_number": {numbered, 0, 1, bindRowNumber},
	}
}

func (s scope) bindCall(n callNode) bound {
	if a, ok := aggregates[n.name]; ok {
		if a.bind == nil {
			fail(n.at(), "%s() can't be part of an expression", n.name)
		}
		if !s.aggregates {
			fail(n.at(), "the aggregate %s() is not allowed here", n.name)
		}
		return s.bindAggregate(a, n)
	}
	f, ok := functions[n.name]
	if !ok {
		fail(n.at(), "the function %s() is not supported", n.name)
	}
	if len(n.args) < f.fewest || f.most >= 0 && len(n.args) > f.most {
		fail(n.at(), "%s() has %d arguments", n.name, len(n.args))
	}
	return f.bindCall(s, n)
}

// of makes a function of arguments of given types that is null where one of them is.
func of(named naming, result Type, f func(...any) any, types ...Type) function {
	return function{named, len(types), len(types), func(s scope, n callNode) bound {
		args := make([]bound, len(n.args))
		for i, arg := range n.args {
			args[i] = s.bindAs(types[i], arg, "an argument of "+n.name+"()")
		}
		return bound{result, constant(args), sticky(f, args...)}
	}}
}

func constant(all []bound) bool {
	return !slices.ContainsFunc(all, func(b bound) bool { return !b.constant })
}

// bindCase binds case(condition, value, condition, value…, otherwise).
func bindCase(s scope, n callNode) bound {
	if len(n.args)%2 == 0 {
		fail(n.at(), "%s() has no value for when no condition is true", n.name)
	}
	var conditions, values []bound
	for i := 0; i+1 < len(n.args); i += 2 {
		conditions = append(conditions, s.bindAs(Bool, n.args[i], "a condition of "+n.name+"()"))
		values = append(values, s.bind(n.args[i+1]))
	}
	values, t := common(n.at(), n.name+"()", append(values, s.bind(n.args[len(n.args)-1])))
	return bound{t, constant(conditions) && constant(values), func(r row) any {
		for i, condition := range conditions {
			if condition.eval(r) == true {
				return values[i].eval(r)
			}
		}
		return values[len(values)-1].eval(r)
	}}
}

func bindCoalesce(s scope, n callNode) bound {
	values, t := common(n.at(), n.name+"()", s.bindAll(n.args))
	return bound{t, constant(values), func(r row) any {
		for _, value := range values {
			if v := value.eval(r); v != nil && v != "" {
				return v
			}
		}
		return null(t)
	}}
}

// bindExtreme binds min_of() and max_of(), which pass over nulls.
func bindExtreme(s scope, n callNode) bound {
	values, t := common(n.at(), n.name+"()", s.bindAll(n.args))
	if t == Dynamic {
		fail(n.at(), "%s() of a dynamic", n.name)
	}
	return bound{t, constant(values), func(r row) any {
		var best any
		for _, value := range values {
			if v := value.eval(r); v != nil && (best == nil || better(n.name == "max_of", v, best)) {
				best = v
			}
		}
		return best
	}}
}

func better(greater bool, a, b any) bool {
	order, _ := compare(a, b)
	return greater && order > 0 || !greater && order < 0
}

// presence binds isnull(), isempty() and their opposites. A string is empty, never null.
func presence(empty, negated bool) func(scope, callNode) bound {
	return func(s scope, n callNode) bound {
		b := s.bind(n.args[0])
		return bound{Bool, b.constant, func(r row) any {
			value := b.eval(r)
			missing := value == nil || empty && value == ""
			return missing != negated
		}}
	}
}

func bindPack(s scope, n callNode) bound {
	if len(n.args)%2 != 0 {
		fail(n.at(), "%s() has a key without a value", n.name)
	}
	var keys, values []bound
	for i := 0; i < len(n.args); i += 2 {
		keys = append(keys, s.bindAs(String, n.args[i], "a key of "+n.name+"()"))
		values = append(values, s.bind(n.args[i+1]))
	}
	return bound{Dynamic, constant(keys) && constant(values), func(r row) any {
		bag := map[string]any{}
		for i := range keys {
			bag[keys[i].eval(r).(string)] = values[i].eval(r)
		}
		return bag
	}}
}

func bindArrayLength(s scope, n callNode) bound {
	b := s.bindAs(Dynamic, n.args[0], "the argument of array_length()")
	return bound{Long, b.constant, func(r row) any {
		if array, ok := b.eval(r).([]any); ok {
			return int64(len(array))
		}
		return nil
	}}
}

// bindToScalar binds toscalar(): the first value of a table, or null.
func bindToScalar(s scope, n callNode) bound {
	t, _ := s.asTable(n.args[0])
	values := firstColumn(n.at(), t)
	if len(values) == 0 {
		return bound{t.Columns[0].Type, true, func(row) any { return null(t.Columns[0].Type) }}
	}
	return values[0]
}

// neighbour binds prev() and next().
func neighbour(direction int) func(scope, callNode) bound {
	return func(s scope, n callNode) bound {
		s.needOrder(n)
		offset := int64(1)
		if len(n.args) > 1 {
			offset = s.constant(n.args[1], Long, "the offset of "+n.name+"()").(int64)
		}
		value := s.bind(n.args[0])
		outside := bound{value.typ, true, func(row) any { return null(value.typ) }}
		if len(n.args) > 2 {
			outside = s.bindAs(value.typ, n.args[2], "the default of "+n.name+"()")
		}
		return bound{value.typ, false, func(r row) any {
			if i := r.index + direction*int(offset); i >= 0 && i < len(r.rows) {
				return value.eval(row{r.rows[i], r.rows, i})
			}
			return outside.eval(r)
		}}
	}
}

func bindRowNumber(s scope, n callNode) bound {
	s.needOrder(n)
	start := int64(1)
	if len(n.args) > 0 {
		start = s.constant(n.args[0], Long, "the start of row_number()").(int64)
	}
	return bound{Long, false, func(r row) any { return start + int64(r.index) }}
}

func (s scope) needOrder(n callNode) {
	if !s.serialized {
		fail(n.at(), "%s() needs rows in an order: sort or serialize them", n.name)
	}
}
