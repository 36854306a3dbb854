package drawing

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

const root = "../../.."

func TestEveryTypeOfComponentIsInAPictureAndOnThePage(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "components", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	page := read(t, filepath.Join(root, "docs", "architecture.md"))
	var drawn strings.Builder
	for _, p := range Pictures {
		drawn.WriteString(read(t, p.File(root)))
		if !strings.Contains(page, "("+filepath.Base(p.File(""))+")") {
			t.Errorf("docs/architecture.md does not show %s", p.File(""))
		}
	}
	tokens := map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, match := range regexp.MustCompile(`"(amora:\w+:\w+)"`).FindAllStringSubmatch(read(t, file), -1) {
			token := match[1]
			tokens[token] = true
			if !strings.Contains(drawn.String(), ">"+token+"<") {
				t.Errorf("%s is in no picture", token)
			}
			if !strings.Contains(page, "`"+token[strings.LastIndex(token, ":")+1:]+"`") {
				t.Errorf("%s is not in docs/architecture.md", token)
			}
		}
	}
	if len(tokens) < 20 {
		t.Errorf("only %d types were found", len(tokens))
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// box is a rectangle of a picture.
type box struct{ x, y, w, h float64 }

func (b box) overlaps(o box) bool {
	return b.x < o.x+o.w && o.x < b.x+b.w && b.y < o.y+o.h && o.y < b.y+b.h
}

func TestNoTwoBoxesOverlapAndEachTextIsInsideOfOne(t *testing.T) {
	boxRule := regexp.MustCompile(`<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"`)
	textRule := regexp.MustCompile(`<text x="([\d.]+)" y="([\d.]+)" class="(?:token|small)">([^<]+)<`)
	for _, p := range Pictures {
		svg := read(t, p.File(root))
		var boxes []box
		for _, match := range boxRule.FindAllStringSubmatch(svg, -1) {
			b := box{number(t, match[1]), number(t, match[2]), number(t, match[3]), number(t, match[4])}
			for _, other := range boxes {
				if b.overlaps(other) {
					t.Errorf("%s: %v and %v overlap", p.Name, b, other)
				}
			}
			if b.x < 0 || b.x+b.w > width {
				t.Errorf("%s: %v is outside of the picture", p.Name, b)
			}
			boxes = append(boxes, b)
		}
		texts := 0
		for _, match := range textRule.FindAllStringSubmatch(svg, -1) {
			x, y := number(t, match[1]), number(t, match[2])
			if y < headHeight {
				continue
			}
			texts++
			inside := false
			for _, b := range boxes {
				inside = inside || x >= b.x && x+float64(charWidth*utf8.RuneCountInString(match[3])) <= b.x+b.w &&
					y > b.y && y < b.y+b.h
			}
			if !inside {
				t.Errorf("%s: %q does not fit into its box", p.Name, match[3])
			}
		}
		if len(boxes) < 10 || texts < 2*len(boxes) {
			t.Errorf("%s has %d boxes and %d texts", p.Name, len(boxes), texts)
		}
	}
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestAnArrowThatLeadsThroughAnotherComponentIsLeftOut(t *testing.T) {
	parts := map[string]*part{}
	for token, needs := range map[string][]string{"a": nil, "b": {"a"}, "c": {"a", "b"}, "d": {"c"}, "e": {"d", "a"}} {
		parts[token] = &part{token: token, needs: map[string]bool{}}
		for _, need := range needs {
			parts[token].needs[need] = true
		}
	}
	if err := reduce(parts); err != nil {
		t.Fatal(err)
	}
	for token, want := range map[string]string{"a": "0 []", "b": "1 [a]", "c": "2 [b]", "d": "3 [c]", "e": "4 [d]"} {
		if got := fmt.Sprint(parts[token].layer, sorted(parts[token].needs)); got != want {
			t.Errorf("%s is %s, want %s", token, got, want)
		}
	}
	parts["a"].needs["d"] = true
	if err := reduce(parts); err == nil {
		t.Error("a circle was drawn")
	}
}
