// Package realparts tests what the program deploys with the real programs that will run it: HAProxy, Mosquitto clients
// and brokers, PostgreSQL, Redis, Erlang, OpenSSL and a shell. It is a module of its own, so that its libraries stay
// out of the program's.
package realparts

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// shared is a folder for what several tests start from.
var shared string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var err error
	if shared, err = os.MkdirTemp("", "realparts"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(shared)
	if err := findPostgres(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		for _, do := range slices.Backward(lastly.all) {
			do()
		}
	}()
	return m.Run()
}

var lastly struct {
	sync.Mutex
	all []func()
}

// atEnd has something happen after all tests, the last one first.
func atEnd(do func()) {
	lastly.Lock()
	defer lastly.Unlock()
	lastly.all = append(lastly.all, do)
}

// need skips a test whose program is missing; in CI that is a failure.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			missing(t, program)
		}
	}
}

// missing ends a test for what is not on this machine.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed", what)
	}
	t.Skipf("%s is not installed: see tests/realparts/packages.txt", what)
}

// lastPort counts up from below the range that the system gives to outgoing connections: a port that is free now must
// be free when the program that gets it starts.
var lastPort atomic.Int32

func init() { lastPort.Store(20_000) }

// freePort is a loopback port that nothing listens on, and that no other test gets.
func freePort(t *testing.T) int {
	t.Helper()
	for {
		port := int(lastPort.Add(1))
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			l.Close()
			return port
		}
		if port > 30_000 {
			t.Fatal(err)
		}
	}
}

// process is a running program.
type process struct {
	command *exec.Cmd
	said    *lockedBuffer
	once    sync.Once
}

// start runs a program until the test ends, or until it is killed.
func start(t *testing.T, command *exec.Cmd) *process {
	t.Helper()
	p, err := launch(command)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s said:\n%s", command.Path, p.said)
		}
	})
	return p
}

func launch(command *exec.Cmd) (*process, error) {
	p := &process{command: command, said: &lockedBuffer{}}
	command.Stdout, command.Stderr = p.said, p.said
	if command.SysProcAttr == nil {
		command.SysProcAttr = &syscall.SysProcAttr{}
	}
	command.SysProcAttr.Setpgid = true
	return p, command.Start()
}

// kill ends the process and what it has started, which would keep its output open.
func (p *process) kill() {
	p.once.Do(func() {
		_ = syscall.Kill(-p.command.Process.Pid, syscall.SIGKILL) // gone already is as good
		_ = p.command.Wait()
	})
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// within waits for something to become true.
func within(t *testing.T, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("not within %s: %s", limit, what)
}

func accepts(address string) bool {
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err == nil {
		c.Close()
	}
	return err == nil
}

func write(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// sh runs a script with an environment of its own, and gives back what it said.
func sh(t *testing.T, shell []string, script string, environment ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	command := exec.CommandContext(ctx, shell[0], append(shell[1:], "-c", script)...)
	command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8"}, environment...)
	said, err := command.CombinedOutput()
	return string(said), err
}

// mustSh runs a script that has to succeed.
func mustSh(t *testing.T, script string, environment ...string) string {
	t.Helper()
	said, err := sh(t, []string{"sh"}, script, environment...)
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	return said
}

func lines(s string) []string {
	if s = strings.TrimRight(s, "\n"); s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}
