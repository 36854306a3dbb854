package emqx

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
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
		"how many clients are connected to measure what one takes; EMQX checks some 15 passwords a second on a core")
)

// target is the lab's endpoint, for amora smoke.
func (l *lab) target() smoke.Target {
	return smoke.Target{
		URL: fmt.Sprintf("mqtts://%s:%d", edgeHost, edgeMQTTS), CAs: l.ca.pool, Username: "u1", Password: "u1",
		Topic: "devices/u1", Forbidden: "others/x", Timeout: 10 * time.Second, MaxLatency: 5 * time.Second,
	}
}

func TestSmokeFindsNothingWrongAsOftenAsItIsRun(t *testing.T) {
	l, _ := served(t, 2)
	for n := range *proofs {
		err := smoke.Run(t.Context(), l.target(), func(r smoke.Result) {
			if !r.Passed {
				t.Errorf("proof %d: %s: %s", n, r.Check, r.Detail)
			}
		})
		if err != nil {
			t.Error(err)
		}
	}
	stranger := l.target()
	stranger.Forbidden = "devices/u1/x" // which u1 may use
	if err := smoke.Run(t.Context(), stranger, func(smoke.Result) {}); !errors.Is(err, smoke.ErrFailed) {
		t.Errorf("a topic that is not forbidden passes as one: %v", err)
	}
}

// usage is the memory of a node's EMQX in KiB, and the processor time that it has taken.
func (r *replica) usage() (kib int, cpu time.Duration) {
	r.l.t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	must(r.l.t, err)
	for _, file := range all {
		line, _ := os.ReadFile(file) // none: it has ended
		if !bytes.HasPrefix(line, []byte("emqx\x00")) {
			continue
		}
		status, err := os.ReadFile(filepath.Join(filepath.Dir(file), "smaps_rollup"))
		must(r.l.t, err)
		stat, err := os.ReadFile(filepath.Join(filepath.Dir(file), "stat"))
		must(r.l.t, err)
		for line := range strings.Lines(string(status)) {
			if value, found := strings.CutPrefix(line, "Rss:"); found {
				kib, err = strconv.Atoi(strings.Fields(value)[0])
				must(r.l.t, err)
			}
		}
		// After the name in parentheses: the 12th and the 13th are user and system time, in hundredths of a second.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		for _, field := range fields[11:13] {
			ticks, err := strconv.Atoi(field)
			must(r.l.t, err)
			cpu += time.Duration(ticks) * 10 * time.Millisecond
		}
		return kib, cpu
	}
	r.l.t.Fatal("EMQX does not run")
	return 0, 0
}

// TestANodeHoldsAtLeastWhatThePlanReckonsWith plays idle clients, then busy ones, and measures the node.
func TestANodeHoldsAtLeastWhatThePlanReckonsWith(t *testing.T) {
	l, all := served(t, 1)
	play := func(load smoke.Load) smoke.Report {
		t.Helper()
		report, err := smoke.Play(t.Context(), l.target(), load, func(smoke.Report) {})
		if err != nil || report.Connected != load.Connections || report.Lost() != 0 {
			t.Fatalf("%+v: %+v, %v", load, report, err)
		}
		return report
	}
	few := smoke.Load{Connections: 10, Rate: 10, Duration: 2 * time.Second, QoS: 1, Payload: 128}
	play(few) // what EMQX loads when it is first used is not theirs

	before, _ := all[0].usage()
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
			now, _ := all[0].usage()
			most = max(most, now)
		}
	}
	each := float64(most-before) / float64(*connections)
	t.Logf("%d connections: %.0f KiB each, %d MiB without them", *connections, each, before/1024)
	if planned := 1024 * sizing.ConnectionMiB.Default; each > planned {
		t.Errorf("a connection takes %.0f KiB, planned are %.0f", each, planned)
	}
	for qos := range byte(3) {
		_, begun := all[0].usage()
		load := smoke.Load{Connections: 20, Rate: 2000, Duration: 10 * time.Second, QoS: qos, Payload: 128}
		report := play(load)
		_, ended := all[0].usage()
		perCore := float64(report.Sent+report.Received) / (ended - begun).Seconds()
		t.Logf("QoS %d: %.0f messages in and out for a second of a core; %s", qos, perCore, report.Latency)
		if planned := (sizing.Load{QoS: int(qos), PayloadBytes: 128}).MessagesPerCore().Default; perCore < planned {
			t.Errorf("QoS %d: %.0f messages for a second of a core, planned are %.0f", qos, perCore, planned)
		}
	}
}
