package rehearsal

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/amora-sync/mqtt-on-azure/stacks"
)

// childState makes this test program a rehearsal of its own, to be killed.
const childState = "REHEARSAL_TEST_CHILD_STATE"

func TestMain(m *testing.M) {
	if state := os.Getenv(childState); state != "" {
		_, err := Up(context.Background(), Options{
			Root: root, State: state, Stack: "dev", Out: os.Stdout, Err: io.Discard, Program: stacks.Program, Externals: stacks.Externals,
		})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	for _, folder := range folders {
		os.RemoveAll(folder)
	}
	os.Exit(code)
}

func TestARunThatWasKilledIsTakenUpAgain(t *testing.T) {
	for _, after := range []string{"network-vnet created", "emqx-emqx-0 creating"} {
		t.Run(after, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, "dev") // the engine is there before the child looks for it
			child := exec.Command(os.Args[0])
			child.Env = append(os.Environ(), childState+"="+s.State)
			output, err := child.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			seen := false
			for lines := bufio.NewScanner(output); !seen && lines.Scan(); {
				seen = strings.Contains(lines.Text(), after)
			}
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			if err := child.Wait(); err == nil || !seen {
				t.Fatalf("the run ended before it was killed: %v", err)
			}
			s.upOnceTheEngineIsGone()
			if !slices.Equal(s.azureIDs(), s.worldIDs()) {
				t.Errorf("the state and Azure differ:\n%v\n%v", s.azureIDs(), s.worldIDs())
			}
			if pending := s.state().PendingOperations; len(pending) > 0 {
				t.Errorf("operations are pending: %v", pending)
			}
		})
	}
}

// The engine writes a state under another name and moves it into its place; a file of attributes beside it would be written where it
// is read, and be empty after a kill at the wrong moment.
func TestNothingLiesBesideTheStateThatAKillCouldCutOff(t *testing.T) {
	s := deployedStage(t, "dev")
	kept := 0
	err := fs.WalkDir(os.DirFS(filepath.Join(s.State, s.Stack, "backend")), ".", func(path string, entry fs.DirEntry, err error) error {
		switch filepath.Ext(path) {
		case ".attrs":
			t.Errorf("%s lies beside a file", path)
		case ".json":
			kept++
		}
		return err
	})
	if err != nil || kept == 0 {
		t.Errorf("%d files are kept: %v", kept, err)
	}
}

// upOnceTheEngineIsGone waits for the engine of the killed run, which lives a moment longer.
func (s *stage) upOnceTheEngineIsGone() {
	s.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		s.said.Reset()
		_, err := Up(s.t.Context(), s.Options)
		if err == nil {
			return
		}
		if !strings.Contains(err.Error(), "is under way on this stack") || time.Now().After(end) {
			s.t.Fatalf("%v\n%s", err, s.said)
		}
	}
}
