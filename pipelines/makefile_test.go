package pipelines

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// expectedOfMake are commands that a target runs, or the beginnings of them. The checks and tests of the modules below tests come on top.
var expectedOfMake = map[string][]string{
	"test": {
		"tests/realparts/install.sh\n", "unformatted=$(gofmt -l ", "go vet ./...\n",
		".rehearsal/bin/staticcheck ./...\n", "pipelines/lint.sh\n",
		"go test -race -timeout 40m $(go list ./... | grep -v /internal/rehearsal$)\n",
		"go test -timeout 75m ./internal/rehearsal\n",
		"cd tests/realparts && go test -race -timeout 30m -parallel 8 -skip VerneMQ ./...\n",
		"cd tests/realparts && go test -race -timeout 30m -run VerneMQ ./...\n",
	},
}

func TestMakeRunsWhatStandsBeforeADeployment(t *testing.T) {
	modules, err := filepath.Glob(filepath.Join(root, "tests", "*", "go.mod"))
	if err != nil || len(modules) < 4 {
		t.Fatalf("modules %q, %v", modules, err)
	}
	for target, commands := range expectedOfMake {
		printed, err := exec.Command("make", "-C", root, "--dry-run", target).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, printed)
		}
		for _, file := range modules {
			in := "cd tests/" + filepath.Base(filepath.Dir(file)) + " && "
			commands = append(commands, in+"go vet ./...\n", in+"../../.rehearsal/bin/staticcheck ./...\n")
			if !regexp.MustCompile("(?m)^" + in + ".*go test ").Match(printed) {
				t.Errorf("make %s does not run the tests of %s", target, file)
			}
		}
		for _, command := range commands {
			if !strings.Contains(string(printed), "\n"+command) {
				t.Errorf("make %s does not run %q:\n%s", target, command, printed)
			}
		}
	}
}
