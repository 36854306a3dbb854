package kql

import (
	"encoding/json"
	"math"
	"strings"
	"time"
)

// function is a scalar function: how many arguments it takes, and what it makes of them.
type function struct {
	fewest, most int // most -1: any number
	bind         func(s scope, n callNode) bound
}

var functions map[string]function

func init() {
	functions = map[string]function{
		"ago": {1, 1, bindAgo}, "bin": {2, 2, bindBin}, "case": {3, -1, bindCase}, "round": {2, 2, bindRound},
		"strcat": {1, 64, bindStrcat}, "substring": {3, 3, bindSubstring}, "tostring": {1, 1, bindToString},
	}
}

func (s scope) bindCall(n callNode) bound {
	if _, ok := aggregates[n.name]; ok {
		return s.bindAggregate(n)
	}
	f, ok := functions[n.name]
	if !ok {
		fail(n.at(), "the function %s() is not supported", n.name)
	}
	n.needArguments(f.fewest, f.most)
	return f.bind(s, n)
}

func (n callNode) needArguments(fewest, most int) {
	if len(n.args) < fewest || most >= 0 && len(n.args) > most {
		fail(n.at(), "%s() with %d arguments is not supported", n.name, len(n.args))
	}
}

// whole is an argument that is written as a whole number.
func (n callNode) whole(i int) int64 {
	if literal, ok := n.args[i].(literalNode); ok {
		if value, ok := literal.value.(int64); ok {
			return value
		}
	}
	fail(n.args[i].at(), "argument %d of %s() is not written as a whole number from zero on", i+1, n.name)
	return 0
}

func bindAgo(s scope, n callNode) bound {
	b := s.bindAs(TimeSpan, n.args[0], "the argument of ago()")
	return bound{DateTime, sticky(func(a ...any) any { return s.env.now.Add(-a[0].(time.Duration)) }, b)}
}

// bindBin binds bin(datetime, timespan). Bins are counted from the first day of year 1, as time.Truncate does; a size
// that is not positive gives null.
func bindBin(s scope, n callNode) bound {
	value, size := s.bind(n.args[0]), s.bind(n.args[1])
	if value.typ != DateTime || size.typ != TimeSpan {
		fail(n.at(), "bin() of a %s and a %s is not supported", value.typ, size.typ)
	}
	return bound{DateTime, sticky(func(a ...any) any {
		if a[1].(time.Duration) <= 0 {
			return nil
		}
		return a[0].(time.Time).Truncate(a[1].(time.Duration))
	}, value, size)}
}

// bindCase binds case(condition, value, condition, value…, otherwise).
func bindCase(s scope, n callNode) bound {
	if len(n.args)%2 == 0 {
		fail(n.at(), "case() has no value for when no condition is true")
	}
	all := s.bindAll(n.args)
	otherwise := all[len(all)-1]
	for i, b := range all[:len(all)-1] {
		switch isCondition := i%2 == 0; {
		case isCondition && b.typ != Bool:
			fail(n.args[i].at(), "a condition of case() is a %s, not a bool", b.typ)
		case !isCondition && b.typ != otherwise.typ:
			fail(n.at(), "case() has values of the types %s and %s", b.typ, otherwise.typ)
		}
	}
	return bound{otherwise.typ, func(r row) any {
		for i := 0; i < len(all)-1; i += 2 {
			if all[i].eval(r) == true {
				return all[i+1].eval(r)
			}
		}
		return otherwise.eval(r)
	}}
}

// bindRound binds round(value, digits).
func bindRound(s scope, n callNode) bound {
	b := s.bind(n.args[0])
	if b.typ != Real {
		fail(n.at(), "round() of a %s is not supported", b.typ)
	}
	scale := math.Pow(10, float64(n.whole(1)))
	return bound{Real, sticky(func(a ...any) any { return math.Round(a[0].(float64)*scale) / scale }, b)}
}

func bindStrcat(s scope, n callNode) bound {
	var all []bound
	for _, arg := range n.args {
		all = append(all, s.bindAs(String, arg, "an argument of strcat()"))
	}
	return bound{String, func(r row) any {
		var b strings.Builder
		for _, part := range all {
			b.WriteString(part.eval(r).(string))
		}
		return b.String()
	}}
}

// bindSubstring binds substring(text, start, length), which counts characters.
func bindSubstring(s scope, n callNode) bound {
	text := s.bindAs(String, n.args[0], "the text of substring()")
	start, length := n.whole(1), n.whole(2)
	return bound{String, func(r row) any {
		runes := []rune(text.eval(r).(string))
		from := min(start, int64(len(runes)))
		return string(runes[from : from+min(length, int64(len(runes))-from)])
	}}
}

// bindToString binds tostring(). A bag becomes JSON, in the order of its keys, which Kusto leaves open.
func bindToString(s scope, n callNode) bound {
	b := s.bindAs(Dynamic, n.args[0], "the argument of tostring()")
	return bound{String, func(r row) any {
		switch value := b.eval(r).(type) {
		case nil:
			return ""
		case string:
			return value
		default:
			var text strings.Builder
			encoder := json.NewEncoder(&text)
			encoder.SetEscapeHTML(false)
			_ = encoder.Encode(value) // what isDocument took is always encoded
			return strings.TrimSuffix(text.String(), "\n")
		}
	}}
}
