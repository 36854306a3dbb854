package kql

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// tick is the precision of Kusto's datetime and timespan.
const tick = 100 * time.Nanosecond

const day = 24 * time.Hour

var units = map[string]time.Duration{
	"d": day, "h": time.Hour, "m": time.Minute, "s": time.Second, "ms": time.Millisecond, "microsecond": time.Microsecond, "tick": tick,
}

var (
	withUnit  = regexp.MustCompile(`^(-?\d+(?:\.\d+)?)([a-z]*)$`)
	clockSpan = regexp.MustCompile(`^(-?)(?:(\d+)\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,7}))?)?$`)
)

var layouts = []string{
	"2006-01-02T15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999",
	"2006-01-02T15:04Z07:00", "2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02",
}

// parseAs reads a value of a type out of text, as the to…() functions do; what can't be read is nil.
func parseAs(t Type, text string) any {
	text = strings.TrimSpace(text)
	switch t {
	case Bool:
		return parseBool(text)
	case Int, Long:
		size := map[Type]int{Int: 32, Long: 64}[t]
		if n, err := strconv.ParseInt(text, 10, size); err == nil {
			return n
		}
	case Real:
		switch text {
		case "nan":
			return math.NaN()
		case "+inf":
			return math.Inf(1)
		case "-inf":
			return math.Inf(-1)
		}
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return f
		}
	case DateTime:
		for _, layout := range layouts {
			if d, err := time.Parse(layout, text); err == nil {
				return d.UTC().Truncate(tick)
			}
		}
	case TimeSpan:
		return parseSpan(text)
	}
	return nil
}

func parseBool(text string) any {
	switch strings.ToLower(text) {
	case "true", "1":
		return true
	case "false", "0":
		return false
	}
	return nil
}

// parseSpan reads 5m, 1.5h, 2 (days) and [-][d.]hh:mm[:ss[.fffffff]].
func parseSpan(text string) any {
	if parts := withUnit.FindStringSubmatch(text); parts != nil {
		unit, ok := units[parts[2]]
		if parts[2] == "" {
			unit, ok = day, true
		}
		n, err := strconv.ParseFloat(parts[1], 64)
		if !ok || err != nil || math.Abs(n*float64(unit)) > math.MaxInt64 {
			return nil
		}
		return time.Duration(math.Round(n * float64(unit))).Truncate(tick)
	}
	parts := clockSpan.FindStringSubmatch(text)
	if parts == nil {
		return nil
	}
	var total time.Duration
	for i, unit := range []time.Duration{day, time.Hour, time.Minute, time.Second} {
		n, _ := strconv.Atoi("0" + parts[i+2])
		total += time.Duration(n) * unit
	}
	fraction, _ := strconv.Atoi((parts[6] + "0000000")[:7])
	total += time.Duration(fraction) * tick
	if parts[1] == "-" {
		total = -total
	}
	return total
}

// formatSpan writes [-][d.]hh:mm:ss[.fffffff].
func formatSpan(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	days := ""
	if n := d / day; n > 0 {
		days = fmt.Sprintf("%d.", n)
	}
	clock := fmt.Sprintf("%s%s%02d:%02d:%02d", sign, days, d/time.Hour%24, d/time.Minute%60, d/time.Second%60)
	if fraction := d % time.Second / tick; fraction > 0 {
		clock += fmt.Sprintf(".%07d", fraction)
	}
	return clock
}

func formatTime(d time.Time) string { return d.Format("2006-01-02T15:04:05.0000000Z") }
