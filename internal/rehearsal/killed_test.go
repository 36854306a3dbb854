package rehearsal

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/engine"
	"github.com/amora-sync/mqtt-on-azure/stacks"
)

// childState makes this test program a rehearsal of its own, to be killed.
const childState = "REHEARSAL_TEST_CHILD_STATE"

func TestMain(m *testing.M) {
	if state := os.Getenv(childState); state != "" {
		verb := Up
		if os.Getenv(childState+"_DESTROYS") != "" {
			verb = Destroy
		}
		_, err := verb(context.Background(), Options{
			Root: root, State: state, Stack: "dev", Out: os.Stdout, Err: io.Discard,
			Program: stacks.Program, Externals: stacks.Externals,
		})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400) // a third less time, as long as there is memory
	}
	debug.SetMemoryLimit(3 << 30)
	code := m.Run()
	for _, folder := range folders {
		os.RemoveAll(folder)
	}
	os.Exit(code)
}

// child starts a rehearsal in a process of its own.
func (s *stage) child(destroys bool) (*exec.Cmd, io.Reader) {
	s.t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childState+"="+s.State)
	if destroys {
		child.Env = append(child.Env, childState+"_DESTROYS=yes")
	}
	output, err := child.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		s.t.Fatal(err)
	}
	return child, output
}

// kills is how many moments of a deployment, and how many of a destroy, a run is killed at.
const kills = 25

var moments = flag.Uint64("moments", rand.Uint64(), "the `seed` of the moments at which runs are killed")

func TestARunThatIsKilledAtAnyMomentIsTakenUpAgain(t *testing.T) {
	whole := deployedStage(t, "dev")
	random := rand.New(rand.NewPCG(*moments, 0))
	t.Logf("-moments %d", *moments)
	for _, destroys := range []bool{false, true} {
		verb := map[bool]string{false: "up", true: "destroy"}[destroys]
		var atWork atomic.Int32
		t.Run(verb, func(t *testing.T) {
			for i := range kills {
				// The moments lie over all that the run says, of which it says a line at the beginning and at the end of each
				// resource.
				lines := 5 + 8*i + random.IntN(8)
				t.Run(fmt.Sprint("after line ", lines), func(t *testing.T) {
					t.Parallel()
					if killedAfter(t, whole, destroys, lines) {
						atWork.Add(1)
					}
				})
			}
		})
		if met := atWork.Load(); met < kills*3/4 {
			t.Errorf("%s: %d of %d kills met the run at work", verb, met, kills)
		}
	}
}

// killedAfter kills a run when it has said so many lines, and says whether it was at work then. The next one has to go
// on.
func killedAfter(t *testing.T, whole *stage, destroys bool, lines int) bool {
	s := newStage(t, "dev")
	if destroys {
		s = deployedStage(t, "dev")
	}
	child, output := s.child(destroys)
	said := bufio.NewReader(output)
	for range lines {
		if _, err := said.ReadString('\n'); err != nil {
			break // it said less, and is killed after its end
		}
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // how it ended is asked below
	if destroys {
		s.must(Destroy)
		if left := s.worldIDs(); len(left) > 0 || len(s.state().Resources) > 0 {
			t.Errorf("left: %v in Azure, %d in the state", left, len(s.state().Resources))
		}
	}
	s.must(Up)
	s.isAs(whole)
	if again := s.must(Up); again.Calls > 0 {
		t.Errorf("the next run made %d calls", again.Calls)
	}
	return !child.ProcessState.Exited()
}

func TestTwoRunsAtOnceAreRefused(t *testing.T) {
	t.Parallel()
	s := newStage(t, "dev")
	child, output := s.child(false)
	if _, err := bufio.NewReader(output).ReadString('\n'); err != nil { // it is at work
		t.Fatal(err)
	}
	for name, run := range map[string]verb{"up": Up, "preview": Preview, "destroy": Destroy} {
		if said := s.mustNot(run); !strings.Contains(said, "another run is under way on this stack") {
			t.Errorf("%s: %s", name, said)
		}
	}
	if err := Forget(s.Options); err == nil {
		t.Error("the stack was forgotten under a run")
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // by the kill
	s.must(Up)
}

func TestForgetLeavesOnlyTheLockToWhoWaitsForIt(t *testing.T) {
	t.Parallel()
	s := deployedStage(t, "dev")
	lock := filepath.Join(s.State, s.Stack, stateFile+engine.Lock)
	before, err := os.Stat(lock)
	if err := errors.Join(err, Forget(s.Options)); err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat(lock); err != nil || !os.SameFile(before, after) {
		t.Errorf("the lock is another one, or gone: %v", err)
	}
	if left, err := os.ReadDir(filepath.Dir(lock)); err != nil || len(left) != 1 {
		t.Errorf("left: %v, %v", left, err)
	}
}
