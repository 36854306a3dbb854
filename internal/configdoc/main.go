// Command configdoc writes docs/config.md, the reference of the stack config, and the schema in Pulumi.yaml, from the config's Go types, their
// comments and their defaults. It is run from the repository's root.
package main

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

//go:embed head.md
var head string

func main() {
	files, err := written(".")
	for name, text := range files {
		if err == nil {
			err = os.WriteFile(name, []byte(text), 0o644)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// written is what the command writes, by file, for the repository in a folder.
func written(root string) (map[string]string, error) {
	keys, err := keysOf(filepath.Join(root, "stacks"))
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
	return map[string]string{filepath.Join(root, "docs", "config.md"): page(keys), file: schema}, nil
}

// page is the reference: a section for the keys that have a value themselves, and one for each object.
func page(keys []key) string {
	var out strings.Builder
	out.WriteString(head)
	out.WriteString("\n## The stack\n" + table)
	for _, k := range keys {
		if !k.object && !strings.Contains(k.path, ".") {
			out.WriteString(row(k))
		}
	}
	for _, top := range keys {
		if !top.object || strings.Contains(top.path, ".") {
			continue
		}
		fmt.Fprintf(&out, "\n## %s\n\n%s\n%s", top.path, linked(top.words), table)
		for _, k := range keys {
			if strings.HasPrefix(k.path, top.path+".") {
				out.WriteString(row(k))
			}
		}
	}
	return out.String()
}

const table = "\n| key | type | default | what it is |\n|---|---|---|---|\n"

func row(k key) string {
	words := linked(k.words)
	if k.secret {
		words = "**Secret.** " + words
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s |\n", k.path, k.kind, k.def, words)
}

var docRule = regexp.MustCompile(`docs/([a-z-]+\.md)`)

// linked makes links of the pages that a comment names, and keeps a table's cell whole.
func linked(words string) string {
	return docRule.ReplaceAllString(strings.ReplaceAll(words, "|", `\|`), "[$0]($1)")
}
