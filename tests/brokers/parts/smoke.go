package parts

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/amora-sync/mqtt-on-azure/internal/sizing"
	"github.com/amora-sync/mqtt-on-azure/internal/smoke"
)

var (
	proofs      = flag.Int("proofs", 3, "how many times an endpoint is proven")
	connections = flag.Int("connections", 300,
		"how many clients are connected to measure what one takes; EMQX checks 15 passwords a second of a core")
)

// Prove makes all checks of amora smoke on an endpoint, several times, and once with a forbidden topic that the user
// may use, which has to be found.
func Prove(t *testing.T, target smoke.Target) {
	t.Helper()
	for n := range *proofs {
		err := smoke.Run(t.Context(), target, func(r smoke.Result) {
			if !r.Passed {
				t.Errorf("proof %d: %s: %s", n, r.Check, r.Detail)
			}
		})
		if err != nil {
			t.Error(err)
		}
	}
	target.Forbidden = target.Topic + "/x"
	if err := smoke.Run(t.Context(), target, func(smoke.Result) {}); !errors.Is(err, smoke.ErrFailed) {
		t.Errorf("a topic that is not forbidden passes as one: %v", err)
	}
}

// Figures are what clients take of a broker's process.
type Figures struct {
	ConnectionKiB   float64
	MessagesPerCore [3]float64 // in and out in a second of one core, by QoS
}

// Hold fails the test where a broker takes more than a plan reckons with.
func (f Figures) Hold(t *testing.T) {
	t.Helper()
	if planned := 1024 * sizing.ConnectionMiB.Default; f.ConnectionKiB > planned {
		t.Errorf("a connection takes %.0f KiB, planned are %.0f", f.ConnectionKiB, planned)
	}
	for qos, got := range f.MessagesPerCore {
		if planned := (sizing.Load{QoS: qos, PayloadBytes: 128}).MessagesPerCore().Default; got < planned {
			t.Errorf("QoS %d: %.0f messages for a second of a core, planned are %.0f", qos, got, planned)
		}
	}
}

// Measure plays idle clients, then busy ones. It fails the test when one is refused or a message is lost.
func Measure(t *testing.T, target smoke.Target, pid int) (f Figures) {
	t.Helper()
	play := func(load smoke.Load) smoke.Report {
		t.Helper()
		report, err := smoke.Play(t.Context(), target, load, func(smoke.Report) {})
		if err != nil || report.Connected != load.Connections || report.Lost() != 0 {
			t.Errorf("%+v: %+v, %v", load, report, err)
		}
		return report
	}
	// What a broker loads, and a JVM compiles, when it is first used is not the clients'.
	play(smoke.Load{Connections: 20, Rate: 2000, Duration: 10 * time.Second, QoS: 1, Payload: 128})

	before := memory(t, pid)
	most := before
	done := make(chan struct{})
	go func() {
		defer close(done)
		play(smoke.Load{Connections: *connections, Rate: 1, Duration: 5 * time.Second, QoS: 0, Payload: 128})
	}()
	for over := false; !over; {
		select {
		case <-done:
			over = true
		case <-time.After(time.Second):
			most = max(most, memory(t, pid))
		}
	}
	f.ConnectionKiB = float64(most-before) / float64(*connections)
	t.Logf("%d connections: %.0f KiB each, %d MiB without them", *connections, f.ConnectionKiB, before/1024)
	for qos := range f.MessagesPerCore {
		begun := processorTime(t, pid)
		report := play(smoke.Load{Connections: 20, Rate: 2000, Duration: 10 * time.Second, QoS: byte(qos), Payload: 128})
		f.MessagesPerCore[qos] = float64(report.Sent+report.Received) / (processorTime(t, pid) - begun).Seconds()
		t.Logf("QoS %d: %.0f messages in and out for a second of a core; %s", qos, f.MessagesPerCore[qos], report.Latency)
	}
	return f
}

// memory is what a process takes, in KiB.
func memory(t testing.TB, pid int) (kib int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	Must(t, err)
	for line := range strings.Lines(string(status)) {
		if value, found := strings.CutPrefix(line, "Rss:"); found {
			kib, err = strconv.Atoi(strings.Fields(value)[0])
			Must(t, err)
		}
	}
	return kib
}

// processorTime is what a process has taken so far.
func processorTime(t testing.TB, pid int) (cpu time.Duration) {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	Must(t, err)
	// After the name in parentheses: the 12th and the 13th are user and system time, in hundredths of a second.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	for _, field := range fields[11:13] {
		ticks, err := strconv.Atoi(field)
		Must(t, err)
		cpu += time.Duration(ticks) * 10 * time.Millisecond
	}
	return cpu
}
