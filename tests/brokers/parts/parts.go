// Package parts has what the tests of every real broker are made of: namespaces to be alone in, certificates, what
// programs said, the checks and the load of amora smoke, and what the collector keeps of a page of metrics.
package parts

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// inside is in the environment of the process that has namespaces of its own.
const inside = "TEST_IS_ALONE"

// Alone has the tests run in another process, with a network, mounts and processes of its own, which prepare finds
// empty: no port of theirs is anybody else's, and nothing stays behind. It takes root, and ends with the tests' code.
func Alone(m *testing.M, prepare func() error) int {
	if os.Getenv(inside) != "" {
		if err := prepare(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}
	command := exec.Command("unshare", append([]string{"--net", "--mount", "--pid", "--fork", "--mount-proc",
		"--kill-child", "--propagation", "private", os.Args[0]}, os.Args[1:]...)...)
	command.Env = append(os.Environ(), inside+"=yes")
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := command.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// Must fails the test for what must not go wrong.
func Must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Within waits for something to become true, and gives back how long that took.
func Within(t testing.TB, limit time.Duration, what string, holds func() bool) time.Duration {
	t.Helper()
	begun := time.Now()
	for time.Since(begun) < limit {
		if holds() {
			return time.Since(begun)
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("not within %s: %s", limit, what)
	return 0
}

// Said is what a program has said so far.
type Said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *Said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *Said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// Kept are the names that the collector keeps of a broker's page of metrics.
func Kept(t testing.TB, c assets.Collector) []string {
	t.Helper()
	config, err := c.Config()
	Must(t, err)
	keep := regexp.MustCompile(`source_labels: \[__name__\]\n +regex: (.*)\n +action: keep`).FindStringSubmatch(config)
	if keep == nil {
		t.Fatal("the collector keeps no names")
	}
	return strings.Split(keep[1], "|")
}
