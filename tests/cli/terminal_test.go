package cli

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/creack/pty"
)

// terminal is a run in a terminal of its own.
type terminal struct {
	t       *testing.T
	process *exec.Cmd
	screen  *os.File
	lines   *bufio.Reader
	said    strings.Builder
}

func inTerminal(t *testing.T, process *exec.Cmd) *terminal {
	t.Helper()
	screen, err := pty.Start(process)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Process.Kill() // gone already is as good
		screen.Close()
	})
	return &terminal{t: t, process: process, screen: screen, lines: bufio.NewReader(screen)}
}

func rehearseInTerminal(t *testing.T, state, verb string) *terminal {
	t.Helper()
	return inTerminal(t, exec.Command(amora, "rehearse", verb, "--stack", "dev", "--state", state))
}

// read takes a line off the screen, and says whether there was one. Reading fails once the process has ended.
func (r *terminal) read() (string, bool) {
	line, err := r.lines.ReadString('\n')
	r.said.WriteString(line)
	return line, err == nil
}

// readUntil takes lines off the screen until there is one with a text, and says whether there was.
func (r *terminal) readUntil(text string) bool {
	for {
		line, more := r.read()
		if strings.Contains(line, text) || !more {
			return more
		}
	}
}

// typeKeys types what a person types.
func (r *terminal) typeKeys(keys string) {
	r.t.Helper()
	if _, err := r.screen.WriteString(keys); err != nil {
		r.t.Fatal(err)
	}
}

// end waits for the process to end by itself.
func (r *terminal) end() *os.ProcessState {
	for more := true; more; {
		_, more = r.read()
	}
	_ = r.process.Wait() // what it ended with is looked at below
	return r.process.ProcessState
}

// controlC is what a terminal gets of that key.
const controlC = "\x03"

// goingOn is what a run that fails says at its end.
const goingOn = "what was done is kept, and the next run goes on from there"

// The moments of a run are told by the lines that it has said: one when it begins with a resource, and one when it is
// done with it.
var moments = []int{1, 20, 60, 120, 180}

var verbs = []string{"up", "destroy"}

// begun is a state in which a verb has everything to do.
func begun(t *testing.T, verb string) (state string, undisturbed result) {
	state, undisturbed = deployed(t)
	if verb == "up" {
		state = t.TempDir()
	}
	return state, undisturbed
}

// goesOn takes up what a stopped run left. In the end there has to be the same as if nothing had stopped it.
func goesOn(t *testing.T, state, verb string, undisturbed result) {
	t.Helper()
	if verb == "destroy" {
		rehearse(t, state, verb)
	}
	up := rehearse(t, state, "up")
	for _, output := range []string{"mqttEndpoint", "websocketEndpoint", "nodeCount"} {
		if up.Outputs[output] == nil || up.Outputs[output] != undisturbed.Outputs[output] {
			t.Errorf("%s is %v; undisturbed, it is %v", output, up.Outputs[output], undisturbed.Outputs[output])
		}
	}
	again := rehearse(t, state, "up")
	if again.Calls != 0 || fmt.Sprint(again.Changes) != fmt.Sprint(undisturbed.Changes) {
		t.Errorf("a further up makes %d calls, %v; want none, %v", again.Calls, again.Changes, undisturbed.Changes)
	}
}

func TestControlCEndsARunAfterWhatIsUnderWay(t *testing.T) {
	var all, hit atomic.Int32
	t.Run("at", func(t *testing.T) {
		for _, verb := range verbs {
			for _, moment := range moments {
				t.Run(fmt.Sprint(verb, " ", moment), func(t *testing.T) {
					t.Parallel()
					state, undisturbed := begun(t, verb)
					r := rehearseInTerminal(t, state, verb)
					for range moment {
						r.read()
					}
					r.typeKeys(controlC)
					ended, said := r.end(), r.said.String()
					all.Add(1)
					switch {
					case strings.Contains(said, "rehearsal: "+verb+" of dev: "): // it was done already
						if again := rehearse(t, state, verb); !ended.Success() || again.Calls > 0 {
							t.Errorf("it left %d calls, ended with %v, and said:\n%s", again.Calls, ended, said)
						}
					case ended.ExitCode() != 1 || !strings.Contains(said, "rehearsal: stopping: ") ||
						!strings.Contains(said, "rehearsal: "+verb+" failed (see above); "+goingOn):
						t.Errorf("it ended with %v, and said:\n%s", ended, said)
					default:
						hit.Add(1)
					}
					goesOn(t, state, verb, undisturbed)
				})
			}
		}
	})
	t.Logf("%d of %d met the engine at work", hit.Load(), all.Load())
	if 2*hit.Load() < all.Load() {
		t.Errorf("only %d of %d met the engine at work", hit.Load(), all.Load())
	}
}

func TestASecondControlCEndsARunAtOnce(t *testing.T) {
	var all, hit atomic.Int32
	t.Run("at", func(t *testing.T) {
		for _, verb := range verbs {
			t.Run(verb, func(t *testing.T) {
				t.Parallel()
				state, undisturbed := begun(t, verb)
				for _, moment := range []int{1, 20, 30, 40, 50} { // each goes on from where the one before was
					r := rehearseInTerminal(t, state, verb)
					for range moment {
						r.read()
					}
					r.typeKeys(controlC)
					if r.readUntil("rehearsal: stopping: ") {
						r.typeKeys(controlC)
					}
					ended := r.end()
					all.Add(1)
					if status, is := ended.Sys().(syscall.WaitStatus); is && status.Signaled() && status.Signal() == syscall.SIGINT {
						hit.Add(1)
					} else if done := ended.Success() && strings.Contains(r.said.String(), "rehearsal: "+verb+" of dev: "); !done &&
						ended.ExitCode() != 1 {
						t.Errorf("after %d lines it ended with %v:\n%s", moment, ended, &r.said)
					}
				}
				goesOn(t, state, verb, undisturbed)
			})
		}
	})
	t.Logf("%d of %d met a run that was still stopping", hit.Load(), all.Load())
	if 4*hit.Load() < all.Load() { // to stop takes a few milliseconds
		t.Errorf("only %d of %d met a run that was still stopping", hit.Load(), all.Load())
	}
}

// A library asks for the color of the background when it is loaded, and waits for five seconds where the terminal does
// not answer.
func TestATerminalIsAskedNothing(t *testing.T) {
	t.Parallel()
	r := inTerminal(t, exec.Command(amora, "--help"))
	if ended := r.end(); !ended.Success() || strings.Contains(r.said.String(), "\x1b") {
		t.Errorf("it ended with %v, and said:\n%q", ended, &r.said)
	}
}

func TestTwoRunsAtOnceAreRefused(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	first := rehearseInTerminal(t, state, "up")
	first.read()
	if err := first.process.Process.Signal(syscall.SIGSTOP); err != nil { // at work for as long as it takes
		t.Fatal(err)
	}
	for _, verb := range []string{"up", "preview", "destroy", "forget"} {
		second := rehearseInTerminal(t, state, verb)
		ended, refusal := second.end(), "another run is under way on this stack"
		if ended.ExitCode() != 1 || !strings.Contains(second.said.String(), refusal) {
			t.Errorf("%s ended with %v:\n%s", verb, ended, &second.said)
		}
	}
	if err := first.process.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if ended := first.end(); !ended.Success() {
		t.Errorf("the first one ended with %v:\n%s", ended, &first.said)
	}
}

// newClone has what amora and make look at of a clone, and amora itself in its folder of programs.
func newClone(t *testing.T) (clone, programs string) {
	t.Helper()
	clone = t.TempDir()
	programs = filepath.Join(clone, ".rehearsal", "bin")
	for _, folder := range []string{programs, filepath.Join(clone, "pipelines")} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"go.mod", "Pulumi.yaml", "Pulumi.dev.yaml", "Makefile", "pipelines/goflags"} {
		data, err := os.ReadFile(filepath.Join("../..", file))
		if err == nil {
			err = os.WriteFile(filepath.Join(clone, file), data, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(clone, "pipelines", "build.sh"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err) // what it builds is there
	}
	if err := os.Symlink(amora, filepath.Join(programs, "amora")); err != nil {
		t.Fatal(err)
	}
	return clone, programs
}

// Make gets ^C as well, and must neither end the run nor leave it behind.
func TestControlCThroughMakeEndsARunAfterWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	clone, _ := newClone(t)
	makes := func() *exec.Cmd {
		command := exec.CommandContext(t.Context(), "make", "rehearse")
		command.Dir, command.Env = clone, append(os.Environ(), "MAKEFLAGS=", "MAKELEVEL=")
		return command
	}
	hit := 0
	for _, moment := range []int{3, 20, 30, 40} { // each goes on from where the one before was
		r := inTerminal(t, makes())
		for range moment {
			r.read()
		}
		r.typeKeys(controlC)
		ended, said := r.end(), r.said.String()
		switch {
		case ended.Success() && strings.Contains(said, "rehearsal: up of dev: "): // it was done already
		case ended.Success() || !strings.Contains(said, "rehearsal: stopping: ") ||
			!strings.Contains(said, "rehearsal: up failed (see above); "+goingOn):
			t.Errorf("after %d lines it ended with %v, and said:\n%s", moment, ended, said)
		default:
			hit++
		}
	}
	if hit == 0 {
		t.Error("no ^C met the engine at work")
	}
	for _, want := range []string{`\nrehearsal: up of dev: .*\n`, `\nrehearsal: up of dev: \d+ to same\n`} {
		said, err := makes().CombinedOutput()
		if err != nil || !regexp.MustCompile(want).Match(said) {
			t.Errorf("the next one ended with %v, and said\n%s\nwant %s", err, said, want)
		}
	}
}

func TestForgetTakesTheStateAndLeavesThePrograms(t *testing.T) {
	t.Parallel()
	clone, programs := newClone(t)
	run := func(verb string) (string, error) {
		command := exec.CommandContext(t.Context(), filepath.Join(programs, "amora"), "rehearse", verb)
		command.Dir = clone
		said, err := command.CombinedOutput()
		return string(said), err
	}
	made := regexp.MustCompile(`(?m)^rehearsal: up of dev: \d+ to create$`) // and nothing was there before
	for range 2 {
		if said, err := run("up"); err != nil || !made.MatchString(said) {
			t.Fatalf("up: %v\n%s", err, said)
		}
		if said, err := run("forget"); err != nil || !strings.Contains(said, "rehearsal: forgot all of dev; ") {
			t.Fatalf("forget: %v\n%s", err, said)
		}
	}
	left, err := filepath.Glob(filepath.Join(clone, ".rehearsal", "dev", "*"))
	if err != nil || len(left) != 1 || filepath.Base(left[0]) != "state.jsonl.lock" {
		t.Errorf("%v is left, %v; want the lock", left, err)
	}
	if _, err := os.Stat(filepath.Join(programs, "amora")); err != nil {
		t.Error(err)
	}
	if said, err := run("forget"); err == nil || !strings.Contains(said, "there is nothing of dev to forget") {
		t.Errorf("a further forget: %v\n%s", err, said)
	}
}
