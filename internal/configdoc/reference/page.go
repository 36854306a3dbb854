// Package reference makes docs/config.md, the reference of the stack config, and the schema in Pulumi.yaml, from the
// config's Go types, their comments and their defaults.
package reference

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/amora-sync/mqtt-on-azure/internal/probes"
)

//go:embed head.md
var head string

// Files are the reference, the page of probes and Pulumi.yaml with the schema, by file, for the repository in a folder.
func Files(root string) (map[string]string, error) {
	keys, err := Keys(filepath.Join(root, "stacks"))
	if err != nil {
		return nil, err
	}
	file := filepath.Join(root, "Pulumi.yaml")
	project, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	schema, err := projectWith(string(project), keys)
	if err != nil {
		return nil, err
	}
	return map[string]string{
		filepath.Join(root, "docs", "config.md"):      page(keys),
		filepath.Join(root, "docs", "live-probes.md"): probes.Page(),
		file: schema,
	}, nil
}

// page is the reference: a section for the keys that have a value themselves, and one for each object.
func page(keys []Key) string {
	var out strings.Builder
	out.WriteString(head)
	out.WriteString("\n## The stack\n" + table)
	for _, k := range keys {
		if !k.Object && !strings.Contains(k.Path, ".") {
			out.WriteString(row(k))
		}
	}
	for _, top := range keys {
		if !top.Object || strings.Contains(top.Path, ".") {
			continue
		}
		fmt.Fprintf(&out, "\n## %s\n\n%s\n%s", top.Path, linked(top.words), table)
		for _, k := range keys {
			if strings.HasPrefix(k.Path, top.Path+".") {
				out.WriteString(row(k))
			}
		}
	}
	return out.String()
}

const table = "\n| key | type | default | what it is |\n|---|---|---|---|\n"

func row(k Key) string {
	words := linked(k.words)
	if k.secret {
		words = "**Secret.** " + words
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s |\n", k.Path, k.kind, k.def, words)
}

var docRule = regexp.MustCompile(`docs/([a-z-]+\.md)`)

// linked makes links of the pages that a comment names, and keeps a table's cell whole.
func linked(words string) string {
	return docRule.ReplaceAllString(strings.ReplaceAll(words, "|", `\|`), "[$0]($1)")
}
