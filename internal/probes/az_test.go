package probes

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The real CLI takes every command line that probes give it. `make test-az` installs one and sets the variable.
func TestTheRealAzTakesEachCommandLine(t *testing.T) {
	python := os.Getenv("AZ_PYTHON")
	if python == "" {
		t.Skip("AZ_PYTHON is not set: make test-az")
	}
	var lines [][]string
	for number, worlds := range answers {
		s := worlds[0].stack(t)
		answer := s.Run
		s.Run = func(ctx context.Context, name string, args ...string) ([]byte, error) {
			if name == "az" {
				lines = append(lines, args)
			}
			return answer(ctx, name, args...)
		}
		if _, err := Run(t.Context(), s, []int{number}, true, func(Result) {}); err != nil {
			t.Fatal(err)
		}
	}
	slices.SortFunc(lines, slices.Compare)
	lines = slices.CompactFunc(lines, slices.Equal)
	kinds := map[string]bool{}
	for _, line := range lines {
		kinds[line[0]] = true
	}
	if len(lines) < 15 || len(kinds) < 4 {
		t.Fatalf("there are %d lines of %d kinds", len(lines), len(kinds))
	}
	parse := func(lines [][]string) (string, error) {
		data, err := json.Marshal(lines)
		if err != nil {
			t.Fatal(err)
		}
		command := exec.CommandContext(t.Context(), python, "testdata/parse.py")
		command.Env = append(os.Environ(), "AZURE_CONFIG_DIR="+t.TempDir(), "AZURE_CORE_COLLECT_TELEMETRY=false")
		command.Stdin = bytes.NewReader(data)
		said, err := command.CombinedOutput()
		return string(said), err
	}
	if said, err := parse(lines); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
	said, err := parse([][]string{{"aks", "command", "invok"}})
	if err == nil || !strings.Contains(said, "az aks command invok") {
		t.Errorf("a command that there is not is taken: %v\n%s", err, said)
	}
}
