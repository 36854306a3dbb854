package emqx

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
	"github.com/amora-sync/mqtt-on-azure/tests/brokers/parts"
)

var record = flag.String("record", "", "file to write the page of metrics to")

// figures are the values on a page by name, added up over their labels.
func figures(page string) map[string]float64 {
	all := map[string]float64{}
	for _, line := range regexp.MustCompile(`(?m)^(\w+)(?:\{.*\})? (\S+)$`).FindAllStringSubmatch(page, -1) {
		if value, err := strconv.ParseFloat(line[2], 64); err == nil {
			all[line[1]] += value
		}
	}
	return all
}

func (r *replica) metrics() string {
	r.l.t.Helper()
	answer, err := http.Get(fmt.Sprintf("http://%s:%d/api/v5/prometheus/stats?mode=node", r.address, assets.StatusPort))
	parts.Must(r.l.t, err)
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	parts.Must(r.l.t, err)
	return string(page)
}

// TestThePageOfMetricsSaysWhatClientsDid holds what the collector reads against what two clients did.
func TestThePageOfMetricsSaysWhatClientsDid(t *testing.T) {
	_, all := served(t, 1)
	before := figures(all[0].metrics())
	reader := inside(0).mustConnect(t, "reader", "u1", "u1")
	parts.Must(t, reader.subscribe("devices/u1/#"))
	for range 3 {
		parts.Must(t, reader.publish("devices/u1/a", "m"))
	}
	if code, err := inside(0).login("wrong", "u1", "wrong"); err != nil || code == 0 {
		t.Fatalf("a wrong password: %#x, %v", code, err)
	}
	rose := map[string]float64{
		"emqx_live_connections_count": 1, "emqx_subscriptions_count": 1, "emqx_messages_received": 3,
		"emqx_messages_sent": 3, "emqx_packets_connack_auth_error": 1,
	}
	var page string
	parts.Within(t, patience, "the page says what clients did", func() bool {
		page = all[0].metrics()
		now := figures(page)
		for name, by := range rose {
			if now[name]-before[name] != by {
				return false
			}
		}
		return now["emqx_cluster_nodes_running"] == 1
	})
	if *record != "" {
		parts.Must(t, os.WriteFile(*record, []byte(page), 0o600))
	}
	live, kept := figures(page), parts.Kept(t, assets.Collector{
		Broker: assets.CollectedEMQX, Certificate: "localhost:8883",
		Targets: []assets.CollectorTarget{{Address: "localhost:18083", Node: "n"}},
	})
	for _, name := range kept {
		if _, is := live[name]; !is {
			t.Errorf("the page has no %s", name)
		}
	}
	for name := range rose {
		if !slices.Contains(kept, name) {
			t.Errorf("the collector does not keep %s", name)
		}
	}
	recorded, err := os.ReadFile("../../collector/testdata/emqx-5.8.9.prom")
	parts.Must(t, err)
	for name := range figures(string(recorded)) {
		if _, is := live[name]; !is {
			t.Errorf("the recorded page has %s, and the broker's has not", name)
		}
	}
}
