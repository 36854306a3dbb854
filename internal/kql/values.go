package kql

import (
	"cmp"
	"fmt"
	"math"
	"strings"
	"time"
)

// tick is the precision of Kusto's datetime and timespan.
const tick = 100 * time.Nanosecond

// normalize gives a table of a database with its values as the constants of Type say, and fails on one that isn't of
// its column's type.
func normalize(name string, t Table) Table {
	result := Table{Columns: t.Columns, Rows: make([][]any, len(t.Rows))}
	for i, from := range t.Rows {
		if len(from) != len(t.Columns) {
			fail(-1, "row %d of table %s has %d values for %d columns", i, name, len(from), len(t.Columns))
		}
		to := make([]any, len(from))
		for j, value := range from {
			var ok bool
			if to[j], ok = as(t.Columns[j].Type, value); !ok {
				fail(-1, "row %d of table %s has a %T for the %s %s", i, name, value, t.Columns[j].Type, t.Columns[j].Name)
			}
		}
		result.Rows[i] = to
	}
	return result
}

// as takes a value that the user of this package gave for one of a type.
func as(t Type, value any) (any, bool) {
	if value == nil {
		return null(t), true
	}
	ok := false
	switch t {
	case Bool:
		_, ok = value.(bool)
	case Int, Long:
		if n, isInt := value.(int); isInt {
			value = int64(n)
		}
		var n int64
		n, ok = value.(int64)
		ok = ok && (t == Long || n == int64(int32(n)))
	case Real:
		_, ok = value.(float64)
	case String:
		_, ok = value.(string)
	case DateTime:
		var d time.Time
		if d, ok = value.(time.Time); ok {
			value = d.UTC().Truncate(tick)
		}
	case TimeSpan:
		var d time.Duration
		if d, ok = value.(time.Duration); ok {
			value = d.Truncate(tick)
		}
	case Dynamic:
		ok = isDocument(value)
	}
	return value, ok
}

func isDocument(value any) bool {
	bag, ok := value.(map[string]any)
	if !ok {
		_, ok = value.(string)
		return ok
	}
	for _, member := range bag {
		if !isDocument(member) {
			return false
		}
	}
	return true
}

// null is what a missing value of a type is.
func null(t Type) any {
	if t == String {
		return ""
	}
	return nil
}

func toFloat(value any) float64 {
	if n, ok := value.(int64); ok {
		return float64(n)
	}
	return value.(float64)
}

// compare orders two values that are not null, of one type or both numbers.
func compare(a, b any) int {
	switch x := a.(type) {
	case bool:
		return cmp.Compare(toInt(x), toInt(b.(bool)))
	case string:
		return cmp.Compare(x, b.(string))
	case time.Time:
		return x.Compare(b.(time.Time))
	case time.Duration:
		return cmp.Compare(x, b.(time.Duration))
	case int64:
		if y, ok := b.(int64); ok {
			return cmp.Compare(x, y)
		}
	}
	return cmp.Compare(toFloat(a), toFloat(b))
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// equal compares two values that are not null. NaN equals nothing.
func equal(a, b any) bool { return compare(a, b) == 0 && !isNaN(a) }

// better tells whether a is greater than b, or less.
func better(greatest bool, a, b any) bool {
	order := compare(a, b)
	return greatest && order > 0 || !greatest && order < 0
}

func isNaN(value any) bool {
	f, ok := value.(float64)
	return ok && math.IsNaN(f)
}

// key is a text that two lists of values share where they are one for summarize.
func key(values []any) string {
	var b strings.Builder
	for _, value := range values {
		if t, ok := value.(time.Time); ok {
			value = t.UnixNano()
		}
		fmt.Fprintf(&b, "%T %q;", value, fmt.Sprint(value))
	}
	return b.String()
}
