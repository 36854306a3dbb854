package emqx

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/amora-sync/mqtt-on-azure/internal/smoke"
	"github.com/amora-sync/mqtt-on-azure/tests/brokers/parts"
)

// target is the lab's endpoint, for amora smoke.
func (l *lab) target() smoke.Target {
	return smoke.Target{
		URL: fmt.Sprintf("mqtts://%s:%d", edgeHost, edgeMQTTS), CAs: l.ca.Pool, Username: "u1", Password: "u1",
		Topic: "devices/u1", Forbidden: "others/x", Timeout: 10 * time.Second, MaxLatency: 5 * time.Second,
	}
}

func TestSmokeFindsNothingWrongAsOftenAsItIsRun(t *testing.T) {
	l, _ := served(t, 2)
	parts.Prove(t, l.target())
}

func TestANodeHoldsAtLeastWhatThePlanReckonsWith(t *testing.T) {
	l, _ := served(t, 1)
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	parts.Must(t, err)
	for _, file := range all {
		line, _ := os.ReadFile(file) // none: it has ended
		if bytes.HasPrefix(line, []byte("emqx\x00")) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			parts.Must(t, err)
			parts.Measure(t, l.target(), pid).Hold(t)
			return
		}
	}
	t.Fatal("EMQX does not run")
}
