package kql

import (
	"math"
	"strings"
	"time"
)

func bindToString(s scope, n callNode) bound {
	b := s.bind(n.args[0])
	return bound{String, b.constant, func(r row) any { return toText(b.eval(r)) }}
}

func bindToDynamic(s scope, n callNode) bound {
	b := s.bind(n.args[0])
	return bound{Dynamic, b.constant, func(r row) any {
		if text, ok := b.eval(r).(string); ok {
			return parseJSON(text)
		}
		return b.eval(r)
	}}
}

// to binds a conversion; what can't be converted is null.
func to(t Type) func(scope, callNode) bound {
	return func(s scope, n callNode) bound {
		b := s.bind(n.args[0])
		return bound{t, b.constant, func(r row) any { return converted(t, b.eval(r)) }}
	}
}

func converted(t Type, value any) any {
	if text, ok := value.(string); ok {
		return convertedText(t, text)
	}
	switch t {
	case Bool:
		switch v := value.(type) {
		case bool:
			return v
		case int64:
			return v != 0
		}
	case Int, Long:
		switch v := value.(type) {
		case bool:
			return toInt(v)
		case int64:
			if t == Int && v != int64(int32(v)) {
				return nil
			}
			return v
		case float64:
			if limit := map[Type]float64{Int: math.MaxInt32, Long: math.MaxInt64}[t]; math.Abs(v) < limit {
				return int64(v)
			}
		}
	case Real:
		switch v := value.(type) {
		case bool:
			return float64(toInt(v))
		case int64, float64:
			return toFloat(v)
		}
	case DateTime:
		if v, ok := value.(time.Time); ok {
			return v
		}
	case TimeSpan:
		if v, ok := value.(time.Duration); ok {
			return v
		}
	}
	return nil
}

// convertedText reads text; a whole number may be written with a fraction, which is cut off.
func convertedText(t Type, text string) any {
	value := parseAs(t, text)
	if value == nil && (t == Int || t == Long) {
		return converted(t, parseAs(Real, text))
	}
	return value
}

// bindRound binds round(value[, digits]). A whole number is round.
func bindRound(s scope, n callNode) bound {
	b := s.bind(n.args[0])
	if b.typ != Real {
		if len(n.args) == 1 && isNumber(b.typ) {
			return b
		}
		fail(n.at(), "round() of a %s", b.typ)
	}
	digits := int64(0)
	if len(n.args) > 1 {
		digits = s.constant(n.args[1], Long, "the digits of round()").(int64)
	}
	scale := math.Pow(10, float64(digits))
	return bound{Real, b.constant, sticky(func(a ...any) any { return math.Round(a[0].(float64)*scale) / scale }, b)}
}

// bindCeiling binds ceiling(). A whole number is its own.
func bindCeiling(s scope, n callNode) bound {
	b := s.bind(n.args[0])
	if b.typ == Int || b.typ == Long {
		return b
	}
	b = s.bindAs(Real, n.args[0], "the argument of ceiling()")
	return bound{Real, b.constant, sticky(func(a ...any) any { return math.Ceil(a[0].(float64)) }, b)}
}

func bindAbs(s scope, n callNode) bound {
	b := s.bind(n.args[0])
	if !isNumber(b.typ) && b.typ != TimeSpan {
		fail(n.at(), "abs() of a %s", b.typ)
	}
	return bound{widened(b.typ), b.constant, sticky(func(a ...any) any {
		switch v := a[0].(type) {
		case int64:
			return max(v, -v)
		case time.Duration:
			return v.Abs()
		}
		return math.Abs(a[0].(float64))
	}, b)}
}

func bindStrcat(s scope, n callNode) bound {
	all := s.bindAll(n.args)
	return bound{String, constant(all), func(r row) any {
		var b strings.Builder
		for _, part := range all {
			b.WriteString(toText(part.eval(r)))
		}
		return b.String()
	}}
}

// bindSplit binds split(text, delimiter[, index]); with an index, the array has that part only.
func bindSplit(s scope, n callNode) bound {
	text := s.bindAs(String, n.args[0], "the argument of split()")
	delimiter := s.constant(n.args[1], String, "the delimiter of split()").(string)
	index := int64(-1)
	if len(n.args) > 2 {
		index = s.constant(n.args[2], Long, "the index of split()").(int64)
	}
	return bound{Dynamic, text.constant, func(r row) any {
		parts := []any{}
		for _, part := range strings.Split(text.eval(r).(string), delimiter) {
			parts = append(parts, part)
		}
		switch {
		case index < 0:
			return parts
		case index < int64(len(parts)):
			return parts[index : index+1]
		}
		return []any{}
	}}
}

// bindExtract binds extract(expression, group, text); no match gives an empty string.
func bindExtract(s scope, n callNode) bound {
	expression := s.regex(n.args[0])
	group := s.constant(n.args[1], Long, "the group of extract()").(int64)
	if group < 0 || group > int64(expression.NumSubexp()) {
		fail(n.args[1].at(), "the expression has no group %d", group)
	}
	text := s.bindAs(String, n.args[2], "the text of extract()")
	return bound{String, text.constant, func(r row) any {
		if groups := expression.FindStringSubmatch(text.eval(r).(string)); groups != nil {
			return groups[group]
		}
		return ""
	}}
}

// bindSubstring binds substring(text, start[, length]); a negative start counts from the end.
func bindSubstring(s scope, n callNode) bound {
	text := s.bindAs(String, n.args[0], "the text of substring()")
	start := s.constant(n.args[1], Long, "the start of substring()").(int64)
	length := int64(math.MaxInt32)
	if len(n.args) > 2 {
		length = s.constant(n.args[2], Long, "the length of substring()").(int64)
	}
	if length < 0 {
		fail(n.at(), "substring() of a negative length is not supported")
	}
	return bound{String, text.constant, func(r row) any {
		runes := []rune(text.eval(r).(string))
		size := int64(len(runes))
		from := min(start, size)
		if start < 0 {
			from = max(size+start, 0)
		}
		return string(runes[from:min(from+length, size)])
	}}
}
