package main

import (
	"fmt"
	"html"
	"strconv"
	"strings"
	"time"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
	"github.com/amora-sync/mqtt-on-azure/internal/kql"
)

// Measures of the picture, in pixels.
const (
	pageWidth   = 1240
	margin      = 20
	columnWidth = (pageWidth - 3*margin) / 2
	chartHeight = 230
	rowHeight   = 22
	titleHeight = 30
)

// page puts tiles beside each other and below each other, as the workbook does.
type page struct {
	body strings.Builder
	top  int // of the next row of tiles
	left int // of the next tile in it
	row  int // height of the highest tile in it
}

func newPage(title string) *page {
	p := &page{top: 52, left: margin}
	p.text(margin, 34, "h1", title)
	return p
}

// place makes room for a tile, and gives its upper left corner.
func (p *page) place(width, height int, title string) (x, y int) {
	if p.left+width > pageWidth-margin {
		p.top, p.left, p.row = p.top+p.row+margin/2, margin, 0
	}
	x, y = p.left, p.top
	p.left, p.row = p.left+width+margin, max(p.row, height)
	fmt.Fprintf(&p.body, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" class=\"tile\"/>\n", x, y, width, height)
	p.text(x+12, y+20, "h2", title)
	return x, y
}

func (p *page) text(x, y int, class, text string) {
	fmt.Fprintf(&p.body, "<text x=\"%d\" y=\"%d\" class=\"%s\">%s</text>\n", x, y, class, html.EscapeString(text))
}

const style = `text{font:12px "DejaVu Sans",Verdana,sans-serif;fill:#333}
.h1{font-size:18px;font-weight:bold}.h2{font-size:13px;font-weight:bold}.head{font-weight:bold;fill:#555}
.right{text-anchor:end}.middle{text-anchor:middle}.axis{font-size:11px;fill:#555}
.tile{fill:#fff;stroke:#d0d0d0}.grid{stroke:#e4e4e4}.line{fill:none;stroke-width:1.6}.limit{fill:none;stroke-width:1.4;stroke-dasharray:6 4}
.well{fill:#1a7f37;font-weight:bold}.look{fill:#c62828;font-weight:bold}`

func (p *page) svg() string {
	height := p.top + p.row + margin
	return fmt.Sprintf("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%[1]d\" "+
		"height=\"%[2]d\">\n<style>%s</style>\n"+
		"<rect width=\"100%%\" height=\"100%%\" fill=\"#f6f6f6\"/>\n%s</svg>\n", pageWidth, height, style, p.body.String())
}

// table draws rows of text. A column gets as much room as its longest cell asks for, up to what the tile has.
func (p *page) table(tile assets.Tile, result kql.Table) {
	width := columnWidth
	if tile.Wide {
		width = pageWidth - 2*margin
	}
	x, y := p.place(width, titleHeight+rowHeight*(len(result.Rows)+1)+8, tile.Title)
	if len(result.Rows) == 0 {
		p.text(x+12, y+titleHeight+14, "axis", "Nothing was reported.")
		return
	}
	left := x + 12
	for c, column := range result.Columns {
		longest := len(column.Name)
		for _, row := range result.Rows {
			longest = max(longest, len(cell(row[c])))
		}
		p.text(left, y+titleHeight+14, "head", column.Name)
		for r, row := range result.Rows {
			class := "cell"
			if word := cell(row[c]); column.Name == "State" && (word == "well" || word == "look") {
				class = word
			}
			p.text(left, y+titleHeight+14+rowHeight*(r+1), class, cell(row[c]))
		}
		left += longest*7 + 26
	}
}

func cell(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case float64:
		return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(v, 'f', 3, 64), "0"), ".")
	case time.Time:
		return v.Format("2 Jan 15:04")
	}
	return fmt.Sprint(value)
}

// strip draws a line for each alert, and a block for each time at which it was found firing.
func (p *page) strip(title string, alerts []firing, from, to time.Time) {
	const labels = 330
	width := pageWidth - 2*margin
	x, y := p.place(width, titleHeight+rowHeight*len(alerts)+28, title)
	at := func(t time.Time) float64 {
		return float64(x+labels) + float64(width-labels-28)*t.Sub(from).Hours()/to.Sub(from).Hours()
	}
	bottom := y + titleHeight + rowHeight*len(alerts)
	for _, t := range marks(from, to) {
		fmt.Fprintf(&p.body, "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" class=\"grid\"/>\n", at(t),
			y+titleHeight, at(t), bottom)
		fmt.Fprintf(&p.body, "<text x=\"%.1f\" y=\"%d\" class=\"axis middle\">%s</text>\n", at(t), bottom+16,
			t.Format("15:04"))
	}
	for i, alert := range alerts {
		line := y + titleHeight + rowHeight*i
		p.text(x+12, line+15, "cell", fmt.Sprintf("severity %d: %s", alert.Severity, alert.Title))
		for _, t := range alert.at {
			fmt.Fprintf(&p.body, "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n",
				at(t), line+4, max(at(t.Add(alert.every))-at(t), 3), rowHeight-8, severityColours[alert.Severity])
		}
	}
}

var severityColours = []string{"#8e0000", "#c62828", "#e69f00", "#0072b2", "#777"}
