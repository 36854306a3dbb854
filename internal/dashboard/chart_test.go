package main

import (
	"strings"
	"testing"
	"time"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
	"github.com/amora-sync/mqtt-on-azure/internal/kql"
)

func TestALineBreaksWhereReportsAreMissing(t *testing.T) {
	p := plot{left: 0, right: 240, top: 0, bottom: 100, from: midnight.Add(-24 * time.Hour), to: midnight, most: 10}
	at := func(hour int, value float64) point { return point{p.from.Add(time.Duration(hour) * time.Hour), value} }
	for name, c := range map[string]struct {
		points []point
		want   string
	}{
		"slope":           {[]point{at(0, 0), at(1, 5), at(2, 10)}, "M0.0 100.0L10.0 50.0L20.0 0.0"},
		"gap":             {[]point{at(0, 0), at(1, 0), at(4, 5), at(5, 10)}, "M0.0 100.0L10.0 100.0M40.0 50.0L50.0 0.0"},
		"level":           {[]point{at(0, 5), at(1, 5), at(2, 5), at(3, 5)}, "M0.0 50.0L30.0 50.0"},
		"level with gap":  {[]point{at(0, 5), at(1, 5), at(3, 5), at(4, 5)}, "M0.0 50.0L10.0 50.0M30.0 50.0L40.0 50.0"},
		"level and slope": {[]point{at(0, 5), at(1, 5), at(2, 10)}, "M0.0 50.0L10.0 50.0L20.0 0.0"},
	} {
		if got := p.path(c.points); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestAnAxisHasAFewRoundSteps(t *testing.T) {
	for most, want := range map[float64]float64{1: 0.2, 3: 1, 20: 5, 28671: 10000, 4200: 1000, 9999: 2000, 90: 20} {
		if got := niceStep(most); got != want {
			t.Errorf("up to %v in steps of %v, want %v", most, got, want)
		}
	}
	for value, want := range map[float64]string{0: "0", 0.5: "0.5", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := thousands(value); got != want {
			t.Errorf("%v is written %s", value, got)
		}
	}
}

func TestALineIsMadeOfAColumnOrOfEachNameInOne(t *testing.T) {
	wide := kql.Table{
		Columns: columns("TimeGenerated", kql.DateTime, "Held", kql.Real, "Limit", kql.Long),
		Rows:    [][]any{{midnight, 3.5, int64(9)}, {midnight.Add(time.Hour), nil, int64(9)}},
	}
	tile := assets.Tile{Series: []assets.Series{{Column: "Held", Label: "held"},
		{Column: "Limit", Label: "limit", Limit: true}}}
	lines, err := linesOf(tile, wide)
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) != 2 || lines[0].label != "held" || len(lines[0].points) != 1 || !lines[1].limit ||
		len(lines[1].points) != 2 || lines[1].points[1].value != 9 {
		t.Errorf("lines are %+v", lines)
	}
	long := kql.Table{
		Columns: columns("TimeGenerated", kql.DateTime, "Node", kql.String, "Held", kql.Real),
		Rows:    [][]any{{midnight, "b", 1.0}, {midnight, "a", 2.0}, {midnight.Add(time.Hour), "b", 3.0}},
	}
	if lines, err = linesOf(assets.Tile{}, long); err != nil {
		t.Fatal(err)
	}
	if len(lines) != 2 || lines[0].label != "a" || lines[1].label != "b" || len(lines[1].points) != 2 {
		t.Errorf("lines are %+v", lines)
	}
	for name, bad := range map[string]kql.Table{"no rows": {Columns: wide.Columns}, "no such column": long,
		"no times": {Columns: columns("Held", kql.Real), Rows: [][]any{{1.0}}}} {
		if _, err := linesOf(tile, bad); err == nil {
			t.Errorf("a table with %s makes lines", name)
		}
	}
}

func TestWhatIsDrawnIsEscaped(t *testing.T) {
	p := newPage("a < b")
	p.table(assets.Tile{Title: "x & y"}, kql.Table{Columns: columns("Message", kql.String), Rows: [][]any{{"<<\"id\">>"}}})
	for _, want := range []string{"a &lt; b", "x &amp; y", "&lt;&lt;&#34;id&#34;&gt;&gt;"} {
		if !strings.Contains(p.svg(), want) {
			t.Errorf("the picture lacks %s", want)
		}
	}
}
