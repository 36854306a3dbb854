package vernemq

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
	"github.com/amora-sync/mqtt-on-azure/internal/smoke"
	"github.com/amora-sync/mqtt-on-azure/tests/brokers/parts"
)

// target is a machine's endpoint, for amora smoke, to which the certificate's name leads from now on.
func (m *machine) target(url string) smoke.Target {
	m.site.Helper()
	parts.Must(m.site.T, os.WriteFile("/etc/hosts", []byte(m.address+" "+serverName+"\n"), 0o644))
	return smoke.Target{
		URL: url, CAs: m.site.authority.Pool, Username: "device", Password: "secret", Topic: "devices/device",
		Forbidden: "others/x", Timeout: patience, MaxLatency: 5 * time.Second,
	}
}

func TestSmokeFindsNothingWrongAsOftenAsItIsRun(t *testing.T) {
	_, all := cluster(t, 1)
	parts.Prove(t, all[0].target(mqttsURL))
	parts.Prove(t, all[0].target(fmt.Sprintf("wss://%s:%d/mqtt", serverName, assets.VerneMQWebSocketPort)))
}

const mqttsURL = "mqtts://" + serverName

func TestANodeHoldsAtLeastWhatThePlanReckonsWith(t *testing.T) {
	_, all := cluster(t, 1)
	parts.Measure(t, all[0].target(mqttsURL), all[0].broker()).Hold(t)
}

// broker is the process of the machine's VerneMQ.
func (m *machine) broker() int {
	m.site.Helper()
	network := func(pid string) string {
		link, _ := os.Readlink("/proc/" + pid + "/ns/net") // none: it has ended
		return link
	}
	all, err := filepath.Glob("/proc/[0-9]*/comm")
	parts.Must(m.site.T, err)
	for _, file := range all {
		pid := filepath.Base(filepath.Dir(file))
		name, _ := os.ReadFile(file)
		if string(name) != "beam.smp\n" || network(pid) != network(strconv.Itoa(m.first.Process.Pid)) {
			continue
		}
		number, err := strconv.Atoi(pid)
		parts.Must(m.site.T, err)
		return number
	}
	m.site.Fatal("VerneMQ does not run")
	return 0
}
