package repository

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/amora-sync/mqtt-on-azure"

// importsBelow lists what the non-test Go files of a folder and its subfolders import, by file. Both are named from the
// repository's root.
func importsBelow(t *testing.T, folder string) map[string][]string {
	t.Helper()
	imports := map[string][]string{}
	err := fs.WalkDir(os.DirFS(root), folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		nested := path != "." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "tests" || entry.Name() == "tools")
		if entry.IsDir() && nested {
			return filepath.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, path), nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			imports[path] = append(imports[path], name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(imports) == 0 {
		t.Fatalf("no Go files below %s", folder)
	}
	return imports
}

func TestTheProgramImportsOnlyTheStandardLibraryPulumiAndItself(t *testing.T) {
	allowed := []string{
		"github.com/pulumi/pulumi/sdk/v3/", "github.com/pulumi/pulumi-azure-native-sdk/",
		"github.com/pulumi/pulumi-random/sdk/v4/", module + "/",
	}
	for _, folder := range []string{"main.go", "stacks", "components", "internal/azurenative", "internal/recovery",
		"internal/sizing", "internal/costs"} {
		for file, names := range importsBelow(t, folder) {
			for _, name := range names {
				ok := !strings.Contains(strings.Split(name, "/")[0], ".") // the standard library
				for _, prefix := range allowed {
					ok = ok || strings.HasPrefix(name, prefix)
				}
				if !ok {
					t.Errorf("%s imports %s", file, name)
				}
			}
		}
	}
}

func TestNoPackageImportsWhatStandsAboveIt(t *testing.T) {
	for folder, above := range map[string][]string{
		".":                  {"/cmd"},
		"internal/recovery":  {"/"},
		"internal/sizing":    {"/"},
		"internal/costs":     {"/"},
		"components":         {"/stacks", "/internal/rehearsal", "/internal/pulumitest"},
		"internal/rehearsal": {"/components", "/stacks"},
		"stacks":             {"/internal/azurenative", "/internal/rehearsal", "/internal/pulumitest"},
		"cmd":                {"/internal/pulumitest", "/internal/picture"},
	} {
		for file, names := range importsBelow(t, folder) {
			for _, name := range names {
				for _, upper := range above {
					if strings.HasPrefix(name, module+upper) {
						t.Errorf("%s imports %s", file, name)
					}
				}
			}
		}
	}
}

func TestTheAssetsImportOnlyTheStandardLibrary(t *testing.T) {
	for file, names := range importsBelow(t, "components/assets") {
		for _, name := range names {
			if strings.Contains(strings.Split(name, "/")[0], ".") {
				t.Errorf("%s imports %s", file, name)
			}
		}
	}
}

// whole are the packages of the SDK that hold every type of a module, and why the program needs them all the same.
var whole = map[string]string{
	"github.com/pulumi/pulumi-azure-native-sdk/v2":         "the provider itself",
	"github.com/pulumi/pulumi-azure-native-sdk/storage/v2": "a Blob is azure-native's own, and so in no API version",
}

// A module's package with all its types takes longer to compile than one of a single API version, and its version is
// the SDK's choice.
func TestThePackagesOfTheAzureSDKAreOfOneAPIVersion(t *testing.T) {
	ofOneVersion := regexp.MustCompile(`^github\.com/pulumi/pulumi-azure-native-sdk/[a-z]+/v2/v\d{8}(preview)?$`)
	unused := maps.Clone(whole)
	for file, names := range importsBelow(t, ".") {
		for _, name := range names {
			if !strings.HasPrefix(name, "github.com/pulumi/pulumi-azure-native-sdk/") {
				continue
			}
			if delete(unused, name); whole[name] == "" && !ofOneVersion.MatchString(name) {
				t.Errorf("%s imports %s, which holds more than one API version", file, name)
			}
		}
	}
	for name, why := range unused {
		t.Errorf("nothing imports %s any more (%s)", name, why)
	}
}
