package repository

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

var (
	linkRule    = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	spanRule    = regexp.MustCompile("`[^`\n]*`")
	headingRule = regexp.MustCompile(`(?m)^#{1,6} +(.+?) *$`)
)

// root is the repository's.
const root = "../.."

// pages are the Markdown files that people read, by their path with slashes, from the repository's root.
func pages(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, top := range []string{"README.md", "CHANGELOG.md", "docs"} {
		err := fs.WalkDir(os.DirFS(root), top, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".md") {
				return err
			}
			text, err := os.ReadFile(filepath.Join(root, path))
			texts[path] = string(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return texts
}

// prose is a page without its code, in which brackets are no links.
func prose(text string) string {
	var lines []string
	fenced := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		} else if !fenced && !strings.HasPrefix(line, "    ") {
			lines = append(lines, line)
		}
	}
	return spanRule.ReplaceAllString(strings.Join(lines, ""), "code")
}

// anchors are the names by which a page's headings are linked to, as GitHub makes them.
func anchors(text string) []string {
	var names []string
	seen := map[string]int{}
	for _, heading := range headingRule.FindAllStringSubmatch(text, -1) {
		name := strings.Map(func(r rune) rune {
			switch {
			case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_':
				return unicode.ToLower(r)
			case r == ' ':
				return '-'
			}
			return -1
		}, heading[1])
		if seen[name]++; seen[name] > 1 {
			name += "-" + string(rune('0'+seen[name]-1))
		}
		names = append(names, name)
	}
	return names
}

func TestEveryLinkOfTheDocumentationLeadsToAFileOrHeadingThatExists(t *testing.T) {
	texts := pages(t)
	followed := 0
	for page, text := range texts {
		for _, link := range linkRule.FindAllStringSubmatch(prose(text), -1) {
			to, err := url.Parse(link[1])
			if err != nil || to.Scheme != "" {
				continue // to the Web
			}
			followed++
			target := page
			if to.Path != "" {
				target = filepath.ToSlash(filepath.Join(filepath.Dir(page), to.Path))
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s links to %s: there is no %s", page, link[1], target)
			} else if to.Fragment != "" && !slices.Contains(anchors(texts[target]), to.Fragment) {
				t.Errorf("%s links to %s: %s has no such heading", page, link[1], target)
			}
		}
	}
	if followed < 100 {
		t.Errorf("only %d links were found", followed)
	}
}

func TestEveryPageOfTheDocumentationIsLinkedTo(t *testing.T) {
	texts := pages(t)
	linked := map[string]bool{"README.md": true}
	for page, text := range texts {
		for _, link := range linkRule.FindAllStringSubmatch(prose(text), -1) {
			if path, _, _ := strings.Cut(link[1], "#"); path != "" {
				linked[filepath.ToSlash(filepath.Join(filepath.Dir(page), path))] = true
			}
		}
	}
	for page := range texts {
		if !linked[page] {
			t.Errorf("nothing links to %s", page)
		}
	}
}
