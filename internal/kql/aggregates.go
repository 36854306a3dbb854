package kql

import (
	"math"
	"slices"
	"strings"
	"time"
)

// aggregate is a function of the rows of a group. Where bind is nil it makes several columns, and can't be part of an expression.
type aggregate struct {
	prefix string // of the column that it makes
	fewest int
	most   int // -1: any number
	bind   func(s scope, n callNode) bound
}

var aggregates map[string]aggregate

func init() {
	aggregates = map[string]aggregate{
		"count": {"count", 0, 0, bindCount}, "dcount": {"dcount", 1, 2, bindDistinctCount}, "count_distinct": {"count_distinct", 1, 1, bindDistinctCount},
		"sum": {"sum", 1, 1, bindSum}, "avg": {"avg", 1, 1, bindAverage}, "min": {"min", 1, 1, bindBest}, "max": {"max", 1, 1, bindBest},
		"percentile": {"percentile", 2, 2, bindPercentile},
		"make_list":  {"list", 1, 2, bindList}, "make_set": {"set", 1, 2, bindList}, "make_bag": {"bag", 1, 1, bindBag},
		"arg_max": {"max", 2, -1, nil}, "arg_min": {"min", 2, -1, nil}, "take_any": {"any", 1, -1, nil}, "any": {"any", 1, 1, nil},
		"percentiles": {"percentile", 2, -1, nil},
	}
	for _, name := range []string{"count", "dcount", "sum", "avg", "min", "max"} {
		a := aggregates[name]
		aggregates[name+"if"] = aggregate{a.prefix + "if", a.fewest + 1, a.fewest + 1, onlyIf(a)}
	}
}

// bindAggregate binds a call over a group: its arguments are bound over the rows of the group.
func (s scope) bindAggregate(a aggregate, n callNode) bound {
	if len(n.args) < a.fewest || a.most >= 0 && len(n.args) > a.most {
		fail(n.at(), "%s() has %d arguments", n.name, len(n.args))
	}
	s.aggregates = false
	s.serialized = false
	return a.bind(s, n)
}

// onlyIf makes countif() of count(): the last argument says which rows count.
func onlyIf(a aggregate) func(scope, callNode) bound {
	return func(s scope, n callNode) bound {
		last := len(n.args) - 1
		condition := s.bindAs(Bool, n.args[last], "the condition of "+n.name+"()")
		n.name, n.args = n.name[:len(n.name)-len("if")], n.args[:last]
		all := a.bind(s, n)
		return bound{all.typ, false, func(r row) any {
			var rows [][]any
			for _, cells := range r.rows {
				if condition.eval(row{cells: cells}) == true {
					rows = append(rows, cells)
				}
			}
			return all.eval(row{rows: rows})
		}}
	}
}

// values gives what an argument is in the rows of a group, without nulls.
func values(r row, b bound) []any {
	var all []any
	for _, cells := range r.rows {
		if value := b.eval(row{cells: cells}); value != nil {
			all = append(all, value)
		}
	}
	return all
}

func bindCount(scope, callNode) bound {
	return bound{Long, false, func(r row) any { return int64(len(r.rows)) }}
}

// bindDistinctCount counts exactly, where Kusto estimates.
func bindDistinctCount(s scope, n callNode) bound {
	b := s.bind(n.args[0])
	return bound{Long, false, func(r row) any {
		seen := map[string]bool{}
		for _, value := range values(r, b) {
			seen[key(value)] = true
		}
		return int64(len(seen))
	}}
}

func bindSum(s scope, n callNode) bound {
	b := s.bind(n.args[0])
	switch b.typ {
	case Int, Long:
		return bound{Long, false, func(r row) any { return sum[int64](values(r, b)) }}
	case Real:
		return bound{Real, false, func(r row) any { return sum[float64](values(r, b)) }}
	case TimeSpan:
		return bound{TimeSpan, false, func(r row) any { return sum[time.Duration](values(r, b)) }}
	}
	fail(n.at(), "%s() of a %s", n.name, b.typ)
	return bound{}
}

func sum[T int64 | float64 | time.Duration](values []any) T {
	var total T
	for _, value := range values {
		total += value.(T)
	}
	return total
}

// bindAverage binds avg(): of no number NaN, as zero by zero.
func bindAverage(s scope, n callNode) bound {
	b := s.bind(n.args[0])
	if b.typ == TimeSpan {
		return bound{TimeSpan, false, func(r row) any {
			all := values(r, b)
			if len(all) == 0 {
				return nil
			}
			return (sum[time.Duration](all) / time.Duration(len(all))).Truncate(tick)
		}}
	}
	if !isNumber(b.typ) {
		fail(n.at(), "%s() of a %s", n.name, b.typ)
	}
	b = convert(b, Real)
	return bound{Real, false, func(r row) any {
		all := values(r, b)
		return sum[float64](all) / float64(len(all))
	}}
}

func bindBest(s scope, n callNode) bound {
	b := s.bind(n.args[0])
	if b.typ == Dynamic {
		fail(n.at(), "%s() of a dynamic: cast it", n.name)
	}
	return bound{b.typ, false, func(r row) any {
		best := null(b.typ)
		for i, value := range values(r, b) {
			if i == 0 || better(n.name == "max", value, best) {
				best = value
			}
		}
		return best
	}}
}

// bindPercentile takes the nearest rank, exactly, where Kusto estimates.
func bindPercentile(s scope, n callNode) bound {
	b := s.bind(n.args[0])
	if !isNumber(b.typ) && b.typ != TimeSpan && b.typ != DateTime {
		fail(n.at(), "%s() of a %s", n.name, b.typ)
	}
	if _, ok := n.args[1].(literalNode); !ok {
		fail(n.args[1].at(), "a percentile is written as a number")
	}
	p := s.constant(n.args[1], Real, "the percentile").(float64)
	if p < 0 || p > 100 {
		fail(n.args[1].at(), "a percentile is between 0 and 100")
	}
	return bound{widened(b.typ), false, func(r row) any {
		all := values(r, b)
		if len(all) == 0 {
			return nil
		}
		slices.SortFunc(all, func(a, b any) int { order, _ := compare(a, b); return order })
		return all[max(int(math.Ceil(p/100*float64(len(all)))), 1)-1]
	}}
}

// percentileOf is the number in the name of a percentile's column.
func percentileOf(n callNode) (string, bool) {
	if n.name != "percentile" || len(n.args) != 2 {
		return "", false
	}
	p, ok := n.args[1].(literalNode)
	return strings.ReplaceAll(toText(p.value), ".", "_"), ok
}

// bindList binds make_list() and make_set(), in the order of the rows.
func bindList(s scope, n callNode) bound {
	b := s.bind(n.args[0])
	most := math.MaxInt
	if len(n.args) > 1 {
		most = int(s.constant(n.args[1], Long, "the size of "+n.name+"()").(int64))
	}
	return bound{Dynamic, false, func(r row) any {
		list, seen := []any{}, map[string]bool{}
		for _, value := range values(r, b) {
			k := key(value)
			if len(list) < most && !(n.name == "make_set" && seen[k]) {
				list = append(list, value)
			}
			seen[k] = true
		}
		return list
	}}
}

// bindBag binds make_bag(). Which value a key keeps that comes twice is open in Kusto; here it is the first.
func bindBag(s scope, n callNode) bound {
	b := s.bindAs(Dynamic, n.args[0], "the argument of make_bag()")
	return bound{Dynamic, false, func(r row) any {
		bag := map[string]any{}
		for _, value := range values(r, b) {
			from, _ := value.(map[string]any)
			for k, v := range from {
				if _, ok := bag[k]; !ok {
					bag[k] = v
				}
			}
		}
		return bag
	}}
}
