package pipelines

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// printedBy is what a target of make would run, with ROOT for the path of this clone.
func printedBy(t *testing.T, target string) string {
	t.Helper()
	said, err := runMake(t, os.Getenv("PATH"), "--dry-run", "--no-print-directory", target, "SEED=4711")
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	clone, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(said, clone, "ROOT")
}

func runMake(t *testing.T, path string, args ...string) (string, error) {
	command := exec.CommandContext(t.Context(), "make", append([]string{"-C", root}, args...)...)
	// What the make that runs this test was told is not for this one.
	command.Env = append(os.Environ(), "PATH="+path, "MAKEFLAGS=", "MAKELEVEL=")
	said, err := command.CombinedOutput()
	return string(said), err
}

func TestMakeRunsWhatStandsBeforeADeployment(t *testing.T) {
	for target, want := range expectedOfMake {
		wanted := strings.Split(want, "\n")
		for i, line := range strings.Split(printedBy(t, target), "\n") {
			if line != wanted[i] { // both end in an empty line, so that neither goes on past the other unseen
				t.Errorf("make %s runs, in line %d,\n%s\nwant\n%s", target, i+1, line, wanted[i])
				break
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(root, "tests", "*", "go.mod"))
	if err != nil || len(files) < 4 {
		t.Fatalf("modules %q, %v", files, err)
	}
	for _, file := range files {
		module := "tests/" + filepath.Base(filepath.Dir(file))
		if !regexp.MustCompile(`for module in \. .*` + module + `[ ;]`).MatchString(expectedOfMake["test"]) {
			t.Errorf("make test does not lint %s", module)
		}
		for _, target := range []string{"test", "test-deep"} {
			if !strings.Contains(expectedOfMake[target], "\ncd "+module+" && go test ") {
				t.Errorf("make %s does not test %s", target, module)
			}
		}
	}
}

// Go takes it for a success when a pattern finds nothing to run.
func TestEachPatternOfMakeNamesATest(t *testing.T) {
	function := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	looked := 0
	for line := range strings.Lines(strings.ReplaceAll(printedBy(t, "test")+printedBy(t, "generate"), "\\\n", "")) {
		patterns := regexp.MustCompile(`-(?:test\.)?(?:run|skip) ["']([^"'/]+)`).FindAllStringSubmatch(line, -1)
		if patterns == nil || patterns[0][1] == "^$test$" { // each of those that the program listed
			continue
		}
		words := strings.Fields(line)
		folders := slices.DeleteFunc(slices.Clone(words), func(word string) bool { return !strings.HasPrefix(word, "./") })
		if words[0] == "cd" {
			folders = words[1:2]
		}
		var names, files []string
		var err error
		for _, folder := range folders {
			found, failure := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
			files, err = append(files, found...), errors.Join(err, failure)
		}
		for _, file := range files {
			source, failure := os.ReadFile(file)
			err = errors.Join(err, failure)
			for _, named := range function.FindAllStringSubmatch(string(source), -1) {
				names = append(names, named[1])
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, given := range patterns {
			for pattern := range strings.SplitSeq(given[1], "|") {
				if looked++; !slices.ContainsFunc(names, regexp.MustCompile(pattern).MatchString) {
					t.Errorf("make: no test of %s is named %q", folders, pattern)
				}
			}
		}
	}
	if looked < 12 {
		t.Errorf("%d patterns", looked)
	}
}

// With other flags the Azure SDK is compiled once more, which takes minutes.
func TestAllThatMakeRunsIsBuiltWithTheSameFlags(t *testing.T) {
	want, err := os.ReadFile("goflags")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOFLAGS", "")
	if err := os.Unsetenv("GOFLAGS"); err != nil { // make exports what is in its environment by itself
		t.Fatal(err)
	}
	said, err := runMake(t, os.Getenv("PATH"), "--no-print-directory", "--eval", `flags: ; @echo "$$GOFLAGS"`, "flags")
	if err != nil || strings.TrimSpace(said) != strings.Join(strings.Fields(string(want)), " ") {
		t.Errorf("make gives programs GOFLAGS=%q, %v; want %q", said, err, want)
	}
}

func TestMakeFailsWhereThePackagesOfTheProgramCantBeListed(t *testing.T) {
	programs, log := commands(t, map[string]string{"go": `[ "$1" != list ]`})
	said, err := runMake(t, programs+":"+os.Getenv("PATH"), "test-program")
	called, _ := os.ReadFile(log) // none: go list was not asked
	if err == nil || string(called) != "go list ./...\n" {
		t.Errorf("make test-program ended with %v, and said\n%s\nit ran\n%s", err, said, called)
	}
}

func TestNoTargetOfMakeGoesOnAfterWhatFailed(t *testing.T) {
	source, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	if found := regexp.MustCompile(`(?m)^\t[@+]*-.*|^\.(IGNORE|ONESHELL).*|^.*(\|\| *(true|:)|; *true)\b.*`).
		FindAllString(string(source), -1); len(found) > 0 {
		t.Errorf("what fails there is passed over: %q", found)
	}
	loops := len(regexp.MustCompile(`\bfor \w+ in `).FindAllString(string(source), -1))
	if ended := strings.Count(string(source), "|| exit 1; done"); loops == 0 || ended != loops {
		t.Errorf("%d of %d loops end with the first that fails", ended, loops)
	}
}

// A stack that is added to the rehearsal's is deployed under faults too, and a name that is none of them runs nothing.
func TestEachStackOfTheRehearsalFailsInAProcessOfItsOwn(t *testing.T) {
	source, err := os.ReadFile(filepath.Join(root, "internal", "rehearsal", "harness_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var stacks []string
	for _, found := range regexp.MustCompile(`(?m)^\t"([a-z-]+)": +\{"(?:dev|prod)",`).
		FindAllStringSubmatch(string(source), -1) {
		stacks = append(stacks, found[1])
	}
	said := printedBy(t, "test-rehearsal")
	named := regexp.MustCompile(`for stack in ([a-z -]+);`).FindStringSubmatch(said)
	if named == nil || len(stacks) < 6 || !slices.Equal(strings.Fields(named[1]), stacks) {
		t.Errorf("make test-rehearsal does not fail the calls of %q, in this order:\n%s", stacks, said)
	}
}
