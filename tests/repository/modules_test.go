package repository

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
)

// differing are the modules that are needed in more than one version, and why.
var differing = map[string]string{
	"k8s.io/api": "Flux's types in tests/manifests want 0.36, the collector's Prometheus receiver in " +
		"tests/collector 0.35",
	"k8s.io/apimachinery": "as k8s.io/api",
	"go.yaml.in/yaml/v4": "actionlint does not compile with the release candidate that the collector and the Pulumi " +
		"CLI want",
}

// Of one version, a module is downloaded and compiled once for all modules of the repository, and their tests are of
// what the program has.
func TestTheModulesOfTheRepositoryNeedOneVersionOfEachModule(t *testing.T) {
	versions := map[string]map[string][]string{} // by module, the go.mod files by version
	files := 0
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && path != "." &&
			(strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules") {
			return fs.SkipDir
		}
		if err != nil || entry.Name() != "go.mod" {
			return err
		}
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			return err
		}
		module, err := modfile.Parse(path, text, nil)
		if err != nil {
			return err
		}
		files++
		for _, needed := range module.Require {
			name, version := needed.Mod.Path, needed.Mod.Version
			if versions[name] == nil {
				versions[name] = map[string][]string{}
			}
			versions[name][version] = append(versions[name][version], path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 8 {
		t.Errorf("only %d go.mod files were read", files)
	}
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		if several := len(versions[name]) > 1; several && differing[name] == "" {
			t.Errorf("%s is needed in several versions: %v", name, versions[name])
		} else if !several && differing[name] != "" {
			t.Errorf("%s is needed in one version now: %v", name, versions[name])
		}
	}
	for name := range differing {
		if versions[name] == nil {
			t.Errorf("nothing needs %s any more", name)
		}
	}
}
