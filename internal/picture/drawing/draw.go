package drawing

import (
	"cmp"
	"fmt"
	"html"
	"slices"
	"strings"
)

// Measures in pixels.
const (
	width      = 1200
	margin     = 20
	headHeight = 60
	maxWidth   = 420 // of a box
	between    = 24  // boxes beside each other
	laneWidth  = 8   // of the room for an arrow that passes a row
	rowGap     = 44
	padding    = 10
	lineHeight = 15
	charWidth  = 7 // at most, on average, of the letters below
)

// slot is a box, or the room that an arrow passes a row through, where part is nil.
type slot struct {
	*part
	lines         []string
	above         []*slot // what arrows come from
	x, y, w, h    float64
	rank, heading float64 // its place in its row, and that which its neighbours would have it at
}

// drawing is slots in rows, from what needs nothing downwards.
type drawing struct {
	rows   [][]*slot
	height float64
}

// place lays the components out.
func place(parts map[string]*part) drawing {
	var d drawing
	boxes := map[string]*slot{}
	for _, token := range sorted(parts) {
		p := parts[token]
		boxes[token] = &slot{part: p}
		for len(d.rows) <= p.layer {
			d.rows = append(d.rows, nil)
		}
		d.rows[p.layer] = append(d.rows[p.layer], boxes[token])
	}
	for _, token := range sorted(parts) {
		for _, need := range sorted(parts[token].needs) {
			from := boxes[need]
			for layer := parts[need].layer + 1; layer < parts[token].layer; layer++ {
				lane := &slot{above: []*slot{from}}
				d.rows[layer] = append(d.rows[layer], lane)
				from = lane
			}
			boxes[token].above = append(boxes[token].above, from)
		}
	}
	d.order()
	y := float64(headHeight)
	for _, row := range d.rows {
		y = arrange(row, y) + rowGap
	}
	d.height = y - rowGap + margin
	return d
}

// order sorts each row by where its neighbours are, downwards and upwards in turn, so that few arrows cross.
func (d drawing) order() {
	below := map[*slot][]*slot{}
	for _, row := range d.rows {
		rank(row)
		for _, s := range row {
			for _, from := range s.above {
				below[from] = append(below[from], s)
			}
		}
	}
	sweep := func(row []*slot, near func(*slot) []*slot) {
		for _, s := range row {
			s.heading = s.rank
			if all := near(s); len(all) > 0 {
				s.heading = 0
				for _, other := range all {
					s.heading += other.rank / float64(len(all))
				}
			}
		}
		slices.SortStableFunc(row, func(a, b *slot) int { return cmp.Compare(a.heading, b.heading) })
		rank(row)
	}
	for range 12 {
		for _, row := range d.rows {
			sweep(row, func(s *slot) []*slot { return s.above })
		}
		for _, row := range slices.Backward(d.rows) {
			sweep(row, func(s *slot) []*slot { return below[s] })
		}
	}
}

// rank numbers the slots of a row from 0 to 1.
func rank(row []*slot) {
	for i, s := range row {
		s.rank = (float64(i) + 0.5) / float64(len(row))
	}
}

// arrange gives the slots of a row their measures, and tells where the row ends.
func arrange(row []*slot, y float64) float64 {
	lanes := 0
	for _, s := range row {
		if s.part == nil {
			lanes++
		}
	}
	free := float64(width - 2*margin - (len(row)-1)*between - lanes*laneWidth)
	boxWidth, height := float64(maxWidth), 0.0
	if boxes := len(row) - lanes; boxes > 0 {
		boxWidth = min(boxWidth, free/float64(boxes))
		free -= boxWidth * float64(boxes)
	}
	x := margin + free/2
	for _, s := range row {
		s.x, s.y, s.w = x, y, laneWidth
		if s.part != nil {
			s.w = boxWidth
			s.lines = wrap(s.holds(), int((boxWidth-2*padding)/charWidth))
			s.h = float64(2*padding + lineHeight*(1+len(s.lines)))
		}
		x += s.w + between
		height = max(height, s.h)
	}
	for _, s := range row {
		if s.part == nil {
			s.h = height
		}
	}
	return y + height
}

// holds names what is in a component, the most frequent kind first.
func (p *part) holds() []string {
	kinds := sorted(p.kinds)
	slices.SortStableFunc(kinds, func(a, b string) int { return p.kinds[b] - p.kinds[a] })
	var all []string
	for i, kind := range kinds {
		if p.kinds[kind] > 1 {
			kind = fmt.Sprintf("%d\u00a0%s", p.kinds[kind], kind)
		}
		if i < len(kinds)-1 {
			kind += ","
		}
		all = append(all, kind)
	}
	if all == nil {
		return []string{"(nothing", "with", "this", "config)"}
	}
	return all
}

// wrap puts words onto lines of at most so many characters.
func wrap(words []string, most int) []string {
	var lines []string
	for _, word := range words {
		if last := len(lines) - 1; last >= 0 && len(lines[last])+1+len(word) <= most {
			lines[last] += " " + word
		} else {
			lines = append(lines, word)
		}
	}
	return lines
}

// Each family of components has a colour.
const style = `text{font:12px "DejaVu Sans",Verdana,sans-serif;fill:#333}.h1{font-size:18px;font-weight:bold}.token{font-weight:bold}.small{font-size:11px}
rect{stroke:#888}.foundation{fill:#e8f0f8}.broker{fill:#fdf0d5}.edge{fill:#e3f4ee}.operations{fill:#f6e9f1}
path{fill:none;stroke:#666;stroke-width:1.3}`

func (d drawing) svg(title string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %.0f\" width=\"%d\" "+
		"height=\"%.0f\">\n<style>%s</style>\n",
		width, d.height, width, d.height, style)
	out.WriteString("<marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" " +
		"markerHeight=\"8\" orient=\"auto\"><path d=\"M0 0L8 4L0 8\"/></marker>\n")
	fmt.Fprintf(&out, "<rect width=\"%d\" height=\"%.0f\" style=\"fill:#fff;stroke:none\"/>\n", width, d.height)
	fmt.Fprintf(&out, "<text x=\"%d\" y=\"30\" class=\"h1\">%s</text>\n", margin, html.EscapeString(title))
	fmt.Fprintf(&out, "<text x=\"%d\" y=\"48\" class=\"small\">An arrow leads from a component to one that needs it; "+
		"what is needed through another one has no arrow.</text>\n", margin)
	for _, row := range d.rows {
		for _, s := range row {
			s.arrows(&out)
		}
	}
	for _, row := range d.rows {
		for _, s := range row {
			s.box(&out)
		}
	}
	return out.String() + "</svg>\n"
}

// arrows draws what leads into a slot.
func (s *slot) arrows(out *strings.Builder) {
	slices.SortStableFunc(s.above, func(a, b *slot) int { return cmp.Compare(a.x, b.x) })
	for i, from := range s.above {
		tip := ""
		x := s.x + s.w*float64(i+1)/float64(len(s.above)+1)
		if s.part != nil {
			tip = " marker-end=\"url(#tip)\""
		}
		x0, y0 := from.x+from.w/2, from.y+from.h
		fmt.Fprintf(out, "<path d=\"M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f\"%s/>\n", x0, y0, x0, (y0+s.y)/2, x,
			(y0+s.y)/2, x, s.y, tip)
		if s.part == nil {
			fmt.Fprintf(out, "<path d=\"M%.1f %.1fV%.1f\"/>\n", x, s.y, s.y+s.h)
		}
	}
}

func (s *slot) box(out *strings.Builder) {
	if s.part == nil {
		return
	}
	family := strings.Split(s.token, ":")[1]
	fmt.Fprintf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"4\" class=\"%s\"/>\n", s.x, s.y,
		s.w, s.h, family)
	fmt.Fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" class=\"token\">%s</text>\n", s.x+padding, s.y+padding+11,
		html.EscapeString(s.token))
	for i, line := range s.lines {
		y := s.y + padding + 11 + float64((i+1)*lineHeight)
		fmt.Fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" class=\"small\">%s</text>\n", s.x+padding, y, html.EscapeString(line))
	}
}
