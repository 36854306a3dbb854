package kql

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// normalize gives a table of a database with its values as the constants of Type say, and fails on one that isn't of its column's type.
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
		return document(value)
	}
	return value, ok
}

// document takes a value as a dynamic one may nest it.
func document(value any) (any, bool) {
	switch v := value.(type) {
	case nil, bool, int64, float64, string:
		return v, true
	case time.Time:
		return as(DateTime, v)
	case time.Duration:
		return as(TimeSpan, v)
	case int:
		return int64(v), true
	case json.Number:
		if n, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return n, true
		}
		f, err := v.Float64()
		return f, err == nil
	case []any:
		all := make([]any, len(v))
		for i := range v {
			var ok bool
			if all[i], ok = document(v[i]); !ok {
				return nil, false
			}
		}
		return all, true
	case map[string]any:
		all := map[string]any{}
		for key := range v {
			var ok bool
			if all[key], ok = document(v[key]); !ok {
				return nil, false
			}
		}
		return all, true
	}
	return nil, false
}

// null is what a missing value of a type is.
func null(t Type) any {
	if t == String {
		return ""
	}
	return nil
}

// parseJSON reads a document; Kusto keeps text that is none as a string.
func parseJSON(text string) any {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil || d.More() {
		return text
	}
	value, _ = document(value)
	return value
}

// toText is tostring().
func toText(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return formatReal(v)
	case time.Time:
		return formatTime(v)
	case time.Duration:
		return formatSpan(v)
	}
	var b strings.Builder
	writeJSON(&b, value)
	return b.String()
}

// writeJSON writes a document: bags in the order of their keys, which Kusto leaves open, and real numbers always with a point.
func writeJSON(b *strings.Builder, value any) {
	separator := ""
	switch v := value.(type) {
	case nil:
		b.WriteString("null")
	case []any:
		b.WriteByte('[')
		for _, member := range v {
			b.WriteString(separator)
			writeJSON(b, member)
			separator = ","
		}
		b.WriteByte(']')
	case map[string]any:
		b.WriteByte('{')
		for _, name := range slices.Sorted(maps.Keys(v)) {
			b.WriteString(separator + quoteJSON(name) + ":")
			writeJSON(b, v[name])
			separator = ","
		}
		b.WriteByte('}')
	case string, time.Time, time.Duration:
		b.WriteString(quoteJSON(toText(v)))
	default:
		text := toText(v)
		if f, ok := v.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
			text = quoteJSON(text)
		}
		b.WriteString(text)
	}
}

func quoteJSON(text string) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(text) // a string is always encoded
	return strings.TrimSuffix(b.String(), "\n")
}

func formatReal(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case f == math.Trunc(f) && math.Abs(f) < 1e15:
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

func toFloat(value any) float64 {
	switch v := value.(type) {
	case int64:
		return float64(v)
	case float64:
		return v
	}
	panic(fmt.Sprintf("%T is no number", value))
}

// compare orders two values that are not null, of one type or both numbers; ok is false for what has no order.
func compare(a, b any) (order int, ok bool) {
	switch x := a.(type) {
	case bool:
		if y, same := b.(bool); same {
			return cmp.Compare(toInt(x), toInt(y)), true
		}
	case string:
		if y, same := b.(string); same {
			return cmp.Compare(x, y), true
		}
	case time.Time:
		if y, same := b.(time.Time); same {
			return x.Compare(y), true
		}
	case time.Duration:
		if y, same := b.(time.Duration); same {
			return cmp.Compare(x, y), true
		}
	case int64:
		switch y := b.(type) {
		case int64:
			return cmp.Compare(x, y), true
		case float64:
			return cmp.Compare(float64(x), y), true
		}
	case float64:
		switch y := b.(type) {
		case int64:
			return cmp.Compare(x, float64(y)), true
		case float64:
			return cmp.Compare(x, y), true
		}
	}
	return 0, false
}

func toInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// equal compares two values that are not null; ok is false where their types can't be compared. NaN equals nothing.
func equal(a, b any) (same, ok bool) {
	if order, ok := compare(a, b); ok {
		return order == 0 && !isNaN(a), true
	}
	if reflect.TypeOf(a) == reflect.TypeOf(b) {
		return reflect.DeepEqual(a, b), true
	}
	return false, false
}

func isNaN(value any) bool {
	f, ok := value.(float64)
	return ok && math.IsNaN(f)
}

// key is a text that two values share where they are one for summarize, distinct, join and the like.
func key(values ...any) string {
	var b strings.Builder
	for _, value := range values {
		switch v := value.(type) {
		case time.Time:
			value = v.UnixNano()
		case []any, map[string]any:
			value = toText(v)
		}
		fmt.Fprintf(&b, "%T %q;", value, fmt.Sprint(value))
	}
	return b.String()
}
