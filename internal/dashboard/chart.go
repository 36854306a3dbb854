package main

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
	"github.com/amora-sync/mqtt-on-azure/internal/kql"
)

// Colours that people with colour blindness can tell apart (Okabe and Ito), and those of limits.
var (
	colours      = []string{"#0072b2", "#e69f00", "#009e73", "#cc79a7"}
	limitColours = []string{"#c98500", "#c62828"}
)

// line is what one series is drawn from.
type line struct {
	label, colour string
	limit         bool
	points        []point
}

type point struct {
	at    time.Time
	value float64
}

// chart draws lines over time.
func (p *page) chart(tile assets.Tile, result kql.Table, from, to time.Time) error {
	lines, err := linesOf(tile, result)
	if err != nil {
		return err
	}
	x, y := p.place(columnWidth, chartHeight, tile.Title)
	p.legend(lines, x+12, y+38)
	plot := plot{left: float64(x + 58), right: float64(x + columnWidth - 28), top: float64(y + 56),
		bottom: float64(y + chartHeight - 26), from: from, to: to}
	step := niceStep(highest(lines))
	plot.most = step * math.Ceil(highest(lines)*1.04/step)
	for v := 0.0; v <= plot.most+step/2; v += step {
		fmt.Fprintf(&p.body, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"grid\"/>\n", plot.left,
			plot.y(v), plot.right, plot.y(v))
		fmt.Fprintf(&p.body, "<text x=\"%.1f\" y=\"%.1f\" class=\"axis right\">%s</text>\n", plot.left-6, plot.y(v)+4,
			thousands(v))
	}
	layout := "15:04"
	if to.Sub(from) > 24*time.Hour {
		layout = "2 Jan"
	}
	for _, t := range marks(from, to) {
		fmt.Fprintf(&p.body, "<text x=\"%.1f\" y=\"%.1f\" class=\"axis middle\">%s</text>\n", plot.x(t), plot.bottom+16,
			t.Format(layout))
	}
	for _, l := range inOrder(lines) {
		class := "line"
		if l.limit {
			class = "limit"
		}
		fmt.Fprintf(&p.body, "<path d=\"%s\" class=\"%s\" stroke=\"%s\"/>\n", plot.path(l.points), class, l.colour)
	}
	return nil
}

// inOrder puts limits over what is measured, and the first of that over the others: of lines that lie on each other it
// counts most.
func inOrder(lines []line) []line {
	ordered := slices.Clone(lines)
	slices.Reverse(ordered)
	slices.SortStableFunc(ordered, func(a, b line) int {
		if a.limit == b.limit {
			return 0
		} else if a.limit {
			return 1
		}
		return -1
	})
	return ordered
}

func (p *page) legend(lines []line, x, y int) {
	for _, l := range lines {
		class := "line"
		if l.limit {
			class = "limit"
		}
		fmt.Fprintf(&p.body, "<path d=\"M%d %dh22\" class=\"%s\" stroke=\"%s\" style=\"stroke-width:2.5\"/>\n", x, y,
			class, l.colour)
		fmt.Fprintf(&p.body, "<text x=\"%d\" y=\"%d\" class=\"axis\">%s</text>\n", x+27, y+4, html.EscapeString(l.label))
		x += 27 + 6*len(l.label) + 26
	}
}

// linesOf turns a tile's result into lines: one for each series of the tile, or else one for each text in the column of
// text.
func linesOf(tile assets.Tile, result kql.Table) ([]line, error) {
	index := func(is func(kql.Column) bool) int { return slices.IndexFunc(result.Columns, is) }
	when := index(func(c kql.Column) bool { return c.Name == "TimeGenerated" && c.Type == kql.DateTime })
	if when < 0 || len(result.Rows) == 0 {
		return nil, fmt.Errorf("no times among %d rows of %v", len(result.Rows), result.Columns)
	}
	var lines []line
	if tile.Series == nil {
		name := index(func(c kql.Column) bool { return c.Type == kql.String })
		value := index(func(c kql.Column) bool { return c.Type == kql.Real || c.Type == kql.Long })
		if name < 0 || value < 0 {
			return nil, fmt.Errorf("no names or no numbers in %v", result.Columns)
		}
		for _, row := range result.Rows {
			at := slices.IndexFunc(lines, func(l line) bool { return l.label == row[name] })
			if at < 0 {
				at = len(lines)
				lines = append(lines, line{label: row[name].(string)})
			}
			lines[at].add(row[when], row[value])
		}
		slices.SortFunc(lines, func(a, b line) int { return strings.Compare(a.label, b.label) })
	}
	for _, s := range tile.Series {
		value := index(func(c kql.Column) bool { return c.Name == s.Column })
		if value < 0 {
			return nil, fmt.Errorf("no column %s in %v", s.Column, result.Columns)
		}
		l := line{label: s.Label, limit: s.Limit}
		for _, row := range result.Rows {
			l.add(row[when], row[value])
		}
		lines = append(lines, l)
	}
	limits, measured := 0, 0
	for i := range lines {
		if lines[i].limit {
			lines[i].colour = limitColours[limits%len(limitColours)]
			limits++
		} else {
			lines[i].colour = colours[measured%len(colours)]
			measured++
		}
	}
	if limits == 1 { // the only one is the one that counts
		lines[len(lines)-1].colour = limitColours[1]
	}
	return lines, nil
}

// add takes a point, unless its value is null.
func (l *line) add(at, value any) {
	switch v := value.(type) {
	case float64:
		l.points = append(l.points, point{at.(time.Time), v})
	case int64:
		l.points = append(l.points, point{at.(time.Time), float64(v)})
	}
}

// plot maps times and values to pixels.
type plot struct {
	left, right, top, bottom float64
	from, to                 time.Time
	most                     float64
}

func (p plot) x(t time.Time) float64 {
	return p.left + (p.right-p.left)*t.Sub(p.from).Hours()/p.to.Sub(p.from).Hours()
}
func (p plot) y(v float64) float64 { return p.bottom - (p.bottom-p.top)*v/p.most }

// path is a line that breaks where points are missing.
func (p plot) path(points []point) string {
	var path strings.Builder
	usual := time.Duration(math.MaxInt64)
	for i := 1; i < len(points); i++ {
		usual = min(usual, points[i].at.Sub(points[i-1].at))
	}
	follows := func(i int) bool { return i > 0 && i < len(points) && points[i].at.Sub(points[i-1].at) <= usual }
	for i, point := range points {
		command := "L"
		if !follows(i) {
			command = "M"
		} else if follows(i+1) && points[i-1].value == point.value && point.value == points[i+1].value {
			continue // amid a level stretch
		}
		fmt.Fprintf(&path, "%s%.1f %.1f", command, p.x(point.at), p.y(point.value))
	}
	return path.String()
}

func highest(lines []line) float64 {
	most := 1.0
	for _, l := range lines {
		for _, p := range l.points {
			most = max(most, p.value)
		}
	}
	return most
}

// niceStep is 1, 2 or 5 times a power of ten, so that up to five of them reach a value.
func niceStep(most float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(most)))
	for _, step := range []float64{0.2, 0.5, 1, 2} {
		if most/(step*unit) <= 5 {
			return step * unit
		}
	}
	return 5 * unit
}

// thousands writes a number with a comma for each three digits.
func thousands(v float64) string {
	text := strconv.FormatFloat(v, 'g', 6, 64)
	if whole := strconv.FormatFloat(v, 'f', 0, 64); v == math.Trunc(v) {
		text = whole
		for i := len(text) - 3; i > 0; i -= 3 {
			text = text[:i] + "," + text[i:]
		}
	}
	return text
}

// marks are the times that the axis names: every four hours, or each day.
func marks(from, to time.Time) []time.Time {
	step := 4 * time.Hour
	if to.Sub(from) > 24*time.Hour {
		step = 24 * time.Hour
	}
	var all []time.Time
	for t := from; !t.After(to); t = t.Add(step) {
		all = append(all, t)
	}
	return all
}
