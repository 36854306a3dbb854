package repository

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/amora-sync/mqtt-on-azure/stacks"
)

var (
	faultRule  = regexp.MustCompile("(?m)^- `(amora-sync:[^`]+)`\n  Given by (`[^\n]+`)")
	configRule = regexp.MustCompile("`([a-zA-Z]+): ([^`]+)`")
	saidRule   = regexp.MustCompile("(?m)^- `([^`]+)`(?: or `([^`]+)`)? \\((.+)\\)$")
	fromRule   = regexp.MustCompile(`^\[(product|Azure|Pulumi)\]\(\.\./([^)]+)\)$`)

	verbRule      = regexp.MustCompile(`%[-+#0-9.]*[a-zA-Z]`)
	shellRule     = regexp.MustCompile(`\$\(\([^)]*\)\)|\$\{[^}]*\}|\$\w+`)
	wordsRule     = regexp.MustCompile(`" \\\n *"`) // between two of echo's, on lines of their own
	argumentsRule = regexp.MustCompile(`%\B`)       // of RAISE in SQL
)

func troubleshooting(t *testing.T) string {
	t.Helper()
	return pages(t)["docs/troubleshooting.md"]
}

// Each line that begins with a text is one that the tests below look at.
func TestEachTextOfTheTroubleshootingPageIsOfAForm(t *testing.T) {
	text := troubleshooting(t)
	begin := regexp.MustCompile("(?m)^- `").FindAllString(text, -1)
	looked := len(faultRule.FindAllString(text, -1)) + len(saidRule.FindAllString(text, -1))
	if len(begin) != looked {
		t.Errorf("of %d texts, %d have a config that gives them or say whose they are", len(begin), looked)
	}
}

func TestEachFaultOfTheTroubleshootingPageIsGivenByItsConfig(t *testing.T) {
	faults := faultRule.FindAllStringSubmatch(troubleshooting(t), -1)
	if len(faults) < 25 {
		t.Fatalf("only %d faults were found", len(faults))
	}
	for _, fault := range faults {
		raw := map[string]string{"amora-sync:location": "westeurope", "amora-sync:domain": "mqtt.dev.example.com"}
		for _, edit := range configRule.FindAllStringSubmatch(fault[2], -1) {
			raw["amora-sync:"+edit[1]] = edit[2]
		}
		_, err := stacks.Parse("dev", raw)
		if err == nil {
			t.Errorf("nothing is wrong with %s, and the page has %s", fault[2], fault[1])
		} else if !slices.Contains(strings.Split(err.Error(), "\n"), "  "+fault[1]) {
			t.Errorf("the page has\n  %s\nand the error is %v", fault[1], err)
		}
	}
}

func TestEachTextOfTheTroubleshootingPageIsInTheSourceThatSaysIt(t *testing.T) {
	texts := saidRule.FindAllStringSubmatch(troubleshooting(t), -1)
	sources, elsewhere := map[string][]string{}, []string{"Azure", "Pulumi", "client"}
	checked := 0
	for _, said := range texts {
		from := fromRule.FindStringSubmatch(said[3])
		if from == nil {
			if !slices.Contains(elsewhere, said[3]) {
				t.Errorf("%s: nobody says it: %s", said[1], said[3])
			}
			continue
		}
		if standIn := strings.HasPrefix(from[2], "internal/rehearsal/standin/"); standIn != (from[1] != "product") {
			t.Errorf("%s: the product's texts are not from the stand-in for Azure, and the others are: %s", said[1], from[2])
		}
		if sources[from[2]] == nil {
			sources[from[2]] = sayings(t, from[2])
		}
		checked++
		if !slices.ContainsFunc(sources[from[2]], func(text string) bool { return strings.Contains(text, said[1]) }) {
			t.Errorf("%s does not say\n  %s", from[2], said[1])
		}
	}
	if checked < 45 {
		t.Errorf("only %d texts were held against their sources", checked)
	}
}

// sayings are the texts of a source, with … for what differs.
func sayings(t *testing.T, path string) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	switch filepath.Ext(path) {
	case ".go":
		return goTexts(t, path, data)
	case ".sql":
		return []string{argumentsRule.ReplaceAllString(string(data), "…")}
	default:
		return []string{shellRule.ReplaceAllString(wordsRule.ReplaceAllString(string(data), " "), "…")}
	}
}

// goTexts are the string literals of a Go file, joined where they are added up, with … for their verbs.
func goTexts(t *testing.T, path string, data []byte) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, data, 0)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	ast.Inspect(file, func(node ast.Node) bool {
		expression, ok := node.(ast.Expr)
		if !ok {
			return true
		}
		text, ok := constant(expression)
		if !ok {
			return true
		}
		text = strings.ReplaceAll(text, "%q", `"…"`)
		texts = append(texts, verbRule.ReplaceAllString(text, "…"))
		return false
	})
	return texts
}

// constant is the value of a sum of string literals; what is not one is ….
func constant(expression ast.Expr) (text string, ok bool) {
	switch e := expression.(type) {
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			return "", false
		}
		text, err := strconv.Unquote(e.Value)
		return text, err == nil
	case *ast.BinaryExpr:
		left, known := constant(e.X)
		right, alsoKnown := constant(e.Y)
		if e.Op != token.ADD || !known && !alsoKnown {
			return "", false
		}
		if !known {
			left = "…"
		}
		if !alsoKnown {
			right = "…"
		}
		return left + right, true
	}
	return "", false
}
