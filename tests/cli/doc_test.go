// Package cli tests the amora binary as a person uses it: in a terminal. It is a module of its own, with the tests of
// the real Pulumi CLI in the folder pulumi, so that their libraries stay out of the program's.
package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// amora is the binary that is tested. It runs inside the repository, wherever its state is.
var amora = os.Getenv("AMORA")

// folder is for what all tests start from.
var folder string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if amora == "" {
		amora = "../../.rehearsal/bin/amora"
	}
	var err error
	if amora, err = filepath.Abs(amora); err == nil {
		_, err = exec.LookPath(amora)
	}
	if err != nil {
		const hint = "make amora builds it; or give its path in AMORA"
		fmt.Fprintf(os.Stderr, "%s: %v\n", hint, err)
		return 1
	}
	if folder, err = os.MkdirTemp("", "amora"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	return m.Run()
}

// result is what a rehearsal's JSON says of a run.
type result struct {
	Changes map[string]int
	Outputs map[string]any
	Calls   int
}

// rehearse runs a verb on the stack dev, that has to succeed.
func rehearse(t *testing.T, state, verb string) result {
	t.Helper()
	command := exec.CommandContext(t.Context(), amora, "rehearse", verb, "--stack", "dev", "--state", state, "--json")
	document, err := command.Output()
	if err != nil {
		var said []byte
		if exit, is := err.(*exec.ExitError); is {
			said = exit.Stderr
		}
		t.Fatalf("rehearse %s: %v\n%s", verb, err, said)
	}
	var r result
	if err := json.Unmarshal(document, &r); err != nil {
		t.Fatalf("rehearse %s: %v\n%s", verb, err, document)
	}
	return r
}

// whole is what a stack comes to that nothing disturbed. Its state stays in the folder of this name.
var whole = struct {
	sync.Once
	again result // of the second run
}{}

// deployed is a state of its own in which the stack is up, and what an undisturbed run says of it.
func deployed(t *testing.T) (state string, undisturbed result) {
	t.Helper()
	first := filepath.Join(folder, "whole")
	whole.Do(func() {
		rehearse(t, first, "up")
		whole.again = rehearse(t, first, "up")
	})
	if whole.again.Outputs == nil {
		t.Fatal("the stack did not come up")
	}
	state = t.TempDir()
	if err := os.CopyFS(state, os.DirFS(first)); err != nil {
		t.Fatal(err)
	}
	return state, whole.again
}
