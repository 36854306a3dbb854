package pipelines

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// expectedOfMake are commands that a target runs, or the beginnings of them. What `make test` does with each module
// below tests comes on top.
var expectedOfMake = map[string][]string{
	"check": {"unformatted=$(gofmt -l ", "go vet ./...\n", "go test -short -vet=off ./...\n"},
	"test": {
		"tests/realparts/install.sh\n", "unformatted=$(gofmt -l ", "pipelines/lint.sh\n",
		"go test -vet=off -timeout 20m $(go list ./... | grep -v /internal/rehearsal$)\n",
		"go test -vet=off -c -ldflags=\"-s -w\" -o .rehearsal/bin/rehearsal.test ./internal/rehearsal\n",
		"cd internal/rehearsal && for stack in dev prod dev-hivemq prod-hivemq dev-vernemq prod-vernemq; do ",
		"cd internal/rehearsal && ", "go test -race -vet=off ./internal/rehearsal/engine\n",
		"go test -race -vet=off -run 'InParallel|AtOnce|AtATime' ./internal/rehearsal/standin\n",
		"cd tests/realparts && go test -race -vet=off -run 'TestABrokerThatIs|TestEachCheck|TestALoad' .\n",
		"cd tests/cli && go test -vet=off -timeout 10m .\n",
	},
	"test-deep": {
		"cd tests/cli && go test -vet=off -v -timeout 60m ./pulumi\n",
		"go test -vet=off -race -timeout 20m $(go list ./... | grep -v /internal/rehearsal$)\n",
		"go test -vet=off -race -c -ldflags=\"-s -w\" -o .rehearsal/bin/rehearsal.test ./internal/rehearsal\n",
	},
}

// modulesOf are the modules below tests that a command of the kind is run in.
func modulesOf(printed, command string) []string {
	var modules []string
	for _, loop := range regexp.MustCompile(`for module in (.*); do \(cd \$module && `+command).
		FindAllStringSubmatch(printed, -1) {
		modules = append(modules, strings.Fields(loop[1])...)
	}
	return modules
}

func TestMakeRunsWhatStandsBeforeADeployment(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "tests", "*", "go.mod"))
	if err != nil || len(files) < 4 {
		t.Fatalf("modules %q, %v", files, err)
	}
	printed := map[string]string{}
	for target, commands := range expectedOfMake {
		command := exec.Command("make", "-C", root, "--dry-run", target)
		command.Env = append(os.Environ(), "MAKEFLAGS=") // what the make that runs this test was told is not for this one
		said, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		printed[target] = string(said)
		for _, command := range commands {
			if !strings.Contains(printed[target], "\n"+command) {
				t.Errorf("make %s does not run %q:\n%s", target, command, said)
			}
		}
	}
	linted := modulesOf(printed["test"], `go vet \./\.\.\. && .*/staticcheck \./\.\.\.\) \|\| exit 1`)
	for _, file := range files {
		module := "tests/" + filepath.Base(filepath.Dir(file))
		if !slices.Contains(linted, module) {
			t.Errorf("make test does not lint %s", module)
		}
		for target, command := range map[string]string{"test": "go test ", "test-deep": "go test -vet=off -race "} {
			if !regexp.MustCompile("(?m)^cd " + module + " && " + command).MatchString(printed[target]) {
				t.Errorf("make %s does not run %s in %s", target, command, module)
			}
		}
	}
	if !slices.Contains(linted, ".") {
		t.Error("make test does not lint the program")
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

// A stack that is added to the rehearsal's is deployed under faults too.
func TestEachStackOfTheRehearsalFailsInAProcessOfItsOwn(t *testing.T) {
	source, err := os.ReadFile(filepath.Join(root, "internal", "rehearsal", "harness_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	stacks := regexp.MustCompile(`(?m)^\t"([a-z-]+)": +\{"(?:dev|prod)",`).FindAllStringSubmatch(string(source), -1)
	said, err := exec.Command("make", "-C", root, "--dry-run", "test-rehearsal").CombinedOutput()
	if err != nil || len(stacks) < 6 {
		t.Fatalf("%v, %d stacks\n%s", err, len(stacks), said)
	}
	named := regexp.MustCompile(`for stack in ([a-z -]+);`).FindStringSubmatch(string(said))
	for _, stack := range stacks {
		if named == nil || !slices.Contains(strings.Fields(named[1]), stack[1]) {
			t.Errorf("make test-rehearsal does not fail the calls of %s:\n%s", stack[1], said)
		}
	}
}
