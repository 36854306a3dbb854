package repository

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each sentence of the threat model names the tests that hold it, or says that nothing stops this.
func TestTheThreatModelNamesTestsThatThereAre(t *testing.T) {
	tests := map[string]bool{}
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(filepath.Join(root, path))
		for _, named := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(source), -1) {
			tests[named[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	model, _, found := strings.Cut(string(page), "\n## What else is closed")
	sentences := strings.Split(model, "\n- ")[1:]
	if !found || len(sentences) < 20 {
		t.Fatalf("%d sentences", len(sentences))
	}
	for _, sentence := range sentences {
		sentence, _, _ = strings.Cut(sentence, "\n\n")
		named := regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(sentence, -1)
		if (len(named) == 0) != strings.HasPrefix(sentence, "Not stopped") {
			t.Errorf("no test, or one too many: %s", sentence)
		}
		for _, name := range named {
			if !tests[name[1]] {
				t.Errorf("there is no %s", name[1])
			}
		}
	}
}

func TestEachProbeHasANumberOfItsOwn(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs", "live-probes.md"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, row := range regexp.MustCompile(`(?m)^\| (\d+) \|`).FindAllStringSubmatch(string(page), -1) {
		if seen[row[1]] {
			t.Errorf("two probes are number %s", row[1])
		}
		seen[row[1]] = true
	}
	if len(seen) < 50 {
		t.Errorf("%d probes", len(seen))
	}
}
