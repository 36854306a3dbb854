package kql

import (
	"math"
	"strings"
	"time"
)

func bindNow(s scope, n callNode) bound {
	offset := time.Duration(0)
	if len(n.args) > 0 {
		offset = s.constant(n.args[0], TimeSpan, "the offset of now()").(time.Duration)
	}
	at := s.env.now.Add(offset)
	return bound{DateTime, true, func(row) any { return at }}
}

func bindAgo(s scope, n callNode) bound {
	b := s.bindAs(TimeSpan, n.args[0], "the argument of ago()")
	return bound{DateTime, b.constant, sticky(func(a ...any) any { return s.env.now.Add(-a[0].(time.Duration)) }, b)}
}

// bindBin binds bin(value, size). Bins of a datetime are counted from the first day of year 1, as time.Truncate does.
func bindBin(s scope, n callNode) bound {
	value, size := s.bind(n.args[0]), s.bind(n.args[1])
	switch {
	case value.typ == DateTime && size.typ == TimeSpan:
		return bound{DateTime, value.constant && size.constant, sticky(func(a ...any) any {
			if a[1].(time.Duration) <= 0 {
				return nil
			}
			return a[0].(time.Time).Truncate(a[1].(time.Duration))
		}, value, size)}
	case value.typ == TimeSpan && size.typ == TimeSpan:
		return bound{TimeSpan, value.constant && size.constant, sticky(func(a ...any) any {
			if bin := binLong(int64(a[0].(time.Duration)), int64(a[1].(time.Duration))); bin != nil {
				return time.Duration(bin.(int64))
			}
			return nil
		}, value, size)}
	case !isNumber(value.typ) || !isNumber(size.typ):
		fail(n.at(), "bin() of a %s and a %s", value.typ, size.typ)
	}
	both, t := common(n.at(), "bin()", []bound{value, size})
	if t == Real {
		return bound{Real, constant(both), sticky(func(a ...any) any {
			if a[1].(float64) <= 0 {
				return nil
			}
			return math.Floor(a[0].(float64)/a[1].(float64)) * a[1].(float64)
		}, both...)}
	}
	return bound{widened(t), constant(both), sticky(func(a ...any) any { return binLong(a[0].(int64), a[1].(int64)) }, both...)}
}

// binLong rounds down to a multiple, negative numbers too; a size that is not positive gives null.
func binLong(value, size int64) any {
	if size <= 0 {
		return nil
	}
	return value - (value%size+size)%size
}

var periods = map[string]time.Duration{
	"week": 7 * day, "day": day, "hour": time.Hour, "minute": time.Minute, "second": time.Second, "millisecond": time.Millisecond,
	"microsecond": time.Microsecond, "nanosecond": time.Nanosecond,
}

// bindDateTimeDiff counts the boundaries of a period between two times.
func bindDateTimeDiff(s scope, n callNode) bound {
	name := strings.ToLower(s.constant(n.args[0], String, "the period of datetime_diff()").(string))
	a := s.bindAs(DateTime, n.args[1], "an argument of datetime_diff()")
	b := s.bindAs(DateTime, n.args[2], "an argument of datetime_diff()")
	var between func(a, b time.Time) int64
	switch period, ok := periods[name]; {
	case name == "year":
		between = func(a, b time.Time) int64 { return int64(a.Year() - b.Year()) }
	case name == "quarter":
		quarter := func(t time.Time) int { return t.Year()*4 + int(t.Month()-1)/3 }
		between = func(a, b time.Time) int64 { return int64(quarter(a) - quarter(b)) }
	case name == "month":
		month := func(t time.Time) int { return t.Year()*12 + int(t.Month()) }
		between = func(a, b time.Time) int64 { return int64(month(a) - month(b)) }
	case ok:
		shift := time.Duration(0)
		if name == "week" {
			shift = day // Truncate begins weeks on Monday, Kusto on Sunday
		}
		between = func(a, b time.Time) int64 {
			return int64(a.Add(shift).Truncate(period).Sub(b.Add(shift).Truncate(period)) / period)
		}
	default:
		fail(n.args[0].at(), "datetime_diff() knows no period %s", name)
	}
	return bound{Long, a.constant && b.constant, sticky(func(v ...any) any { return between(v[0].(time.Time), v[1].(time.Time)) }, a, b)}
}

// bindEdgeOfDay binds startofday() and endofday(), with an offset in days if there is one.
func bindEdgeOfDay(end bool) func(scope, callNode) bound {
	return func(s scope, n callNode) bound {
		args := []bound{s.bindAs(DateTime, n.args[0], "the argument of "+n.name+"()")}
		if len(n.args) > 1 {
			args = append(args, s.bindAs(Long, n.args[1], "the offset of "+n.name+"()"))
		}
		return bound{DateTime, constant(args), sticky(func(a ...any) any {
			edge := a[0].(time.Time).Truncate(day)
			if len(a) > 1 {
				edge = edge.Add(day * time.Duration(a[1].(int64)))
			}
			if end {
				edge = edge.Add(day - tick)
			}
			return edge
		}, args...)}
	}
}

// timeFormats are the parts of a format of format_datetime() in Go's notation, the longer before what it begins with.
var timeFormats = []string{
	"yyyy", "2006", "yy", "06", "MM", "01", "M", "1", "dd", "02", "d", "2", "HH", "15", "hh", "03", "h", "3", "mm", "04", "m", "4",
	"ss", "05", "s", "5", "fff", "000", "tt", "PM",
}

func bindFormatDateTime(s scope, n callNode) bound {
	value := s.bindAs(DateTime, n.args[0], "the argument of format_datetime()")
	format := s.constant(n.args[1], String, "the format of format_datetime()").(string)
	pieces := timePieces(n.args[1].at(), format)
	return bound{String, value.constant, func(r row) any {
		d, ok := value.eval(r).(time.Time)
		if !ok {
			return ""
		}
		var b strings.Builder
		for _, piece := range pieces {
			if piece == "000" {
				b.WriteString(d.Format(".000")[1:])
				continue
			}
			b.WriteString(d.Format(piece))
		}
		return b.String()
	}}
}

func timePieces(at int, format string) []string {
	var pieces []string
next:
	for format != "" {
		for i := 0; i < len(timeFormats); i += 2 {
			if rest, ok := strings.CutPrefix(format, timeFormats[i]); ok {
				pieces, format = append(pieces, timeFormats[i+1]), rest
				continue next
			}
		}
		if !strings.ContainsRune(" /-:,.[]_", rune(format[0])) {
			fail(at, "the format %q is not supported", format)
		}
		pieces, format = append(pieces, format[:1]), format[1:]
	}
	return pieces
}
