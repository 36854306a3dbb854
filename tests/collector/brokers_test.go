package collector

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// expected is what a test wants of the rows, by key.
type expected map[string]float64

func (e expected) gauge(name, node, zone string, value float64) {
	e.add("gauge", name, node, zone, value)
}
func (e expected) count(name, node, zone string, value float64) {
	e.add("delta", name, node, zone, value)
}

func (e expected) add(kind, name, node, zone string, value float64) {
	r := row{kind: kind, name: name, roleInstance: node, properties: map[string]string{"node": node}}
	if zone != "" {
		r.properties["zone"] = zone
	}
	e[r.key()] = value
}

// certificate is the row that no node has.
func (e expected) certificate() {
	e[row{kind: "gauge", name: assets.MetricCertificateDays}.key()] = 30.5
}

// figures are the last value of each gauge and the sum of each count.
func figures(all []row) expected {
	got := expected{}
	for _, r := range all {
		if r.kind == "delta" {
			got[r.key()] += r.value
		} else {
			got[r.key()] = r.value
		}
	}
	return got
}

// want waits until the rows after the first n are what is expected, and nothing else.
func (r running) want(t *testing.T, n int, e expected) {
	t.Helper()
	r.rows.wait(t, n, fmt.Sprint("they are ", e), func(got []row) bool { return maps.Equal(figures(got), e) })
	for _, row := range r.rows.since(n) {
		if row.role != assets.CollectorRole {
			t.Errorf("the role of %s is %q", row.key(), row.role)
		}
	}
}

// counting waits until each node that is up has had a row of a count: from then on a page may change.
func (r running) counting(t *testing.T, nodes int) {
	t.Helper()
	r.rows.wait(t, 0, "counts have begun", func(got []row) bool {
		counted := map[string]bool{}
		for _, row := range got {
			if row.kind == "delta" {
				counted[row.roleInstance] = true
			}
		}
		return len(counted) == nodes
	})
}

func TestEMQXIsReportedUnderTheNeutralNamesByNode(t *testing.T) {
	pages := []*page{recorded(t, "emqx-5.8.9.prom", "text/plain"), recorded(t, "emqx-5.8.9.prom", "text/plain")}
	pages[1].set(t, map[string]string{"emqx_live_connections_count": "5", "emqx_cluster_nodes_running": "2"})
	c := assets.Collector{Broker: assets.CollectedEMQX, Certificate: "mqtt.dev.example:8883"}
	for i, p := range pages {
		address, _ := node(t, "127.0.0.1:0", p.serve("/api/v5/prometheus/stats?mode=node"))
		c.Targets = append(c.Targets, assets.CollectorTarget{Address: address, Node: fmt.Sprintf("emqx-%d", i)})
	}
	c.Targets = append(c.Targets, assets.CollectorTarget{Address: deadAddress(t), Node: "emqx-2"})
	r := start(t, c, nil)
	r.counting(t, len(pages))
	pages[0].set(t, map[string]string{
		"emqx_live_connections_count": "13", "emqx_messages_received": "103", "emqx_messages_sent": "503",
		"emqx_delivery_dropped_queue_full": "2", "emqx_delivery_dropped_too_large": "1",
		"emqx_packets_connack_auth_error": "4",
		// Of no consequence.
		"emqx_connections_count": "99", "emqx_delivery_dropped": "90", "emqx_messages_dropped": "900",
		"emqx_packets_connack_error": "90",
	})

	e := expected{}
	e.certificate()
	for i, live := range []float64{13, 5} {
		name := fmt.Sprintf("emqx-%d", i)
		e.gauge(assets.MetricNodeUp, name, "", 1)
		e.gauge(assets.MetricConnections, name, "", live)
		e.gauge(assets.MetricSubscriptions, name, "", 1)
		e.gauge(assets.MetricNodesRunning, name, "", float64(1+i))
		for metric, change := range map[string]float64{
			assets.MetricMessagesReceived: 100, assets.MetricMessagesSent: 500, assets.MetricMessagesDropped: 3,
			assets.MetricAuthenticationFailures: 3,
		} {
			e.count(metric, name, "", change*float64(1-i))
		}
	}
	e.gauge(assets.MetricNodeUp, "emqx-2", "", 0)
	r.want(t, 0, e)
}

func TestVerneMQIsReportedUnderTheNeutralNamesByNode(t *testing.T) {
	p := recorded(t, "vernemq-2.1.2.prom", "text/plain")
	address, _ := node(t, "127.0.0.1:0", p.serve("/metrics"))
	t.Setenv("NODE", "vernemq-0")
	t.Setenv("ZONE", "1")
	r := start(t, assets.Collector{
		Broker: assets.CollectedVerneMQ, Certificate: "127.0.0.1:8883",
		Targets: []assets.CollectorTarget{{Address: address, Node: "${env:NODE}", Zone: "${env:ZONE}"}},
	}, nil)
	r.counting(t, 1)
	const version = `{node="VerneMQ@10.20.1.10",mqtt_version=`
	p.set(t, map[string]string{
		`total_active_connections{node="VerneMQ@10.20.1.10"}`: "14", `queue_message_drop{node="VerneMQ@10.20.1.10"}`: "1",
		"mqtt_publish_received" + version + `"4"}`: "10", "mqtt_publish_received" + version + `"5"}`: "29",
		"mqtt_publish_sent" + version + `"5"}`:                                        "28",
		"mqtt_connack_sent" + version + `"4",return_code="not_authorized"}`:           "1",
		"mqtt_connack_sent" + version + `"5",reason_code="bad_username_or_password"}`: "51",
		"mqtt_connack_sent" + version + `"4",return_code="success"}`:                  "900",
		"mqtt_connack_sent" + version + `"5",reason_code="packet_too_large"}`:         "900",
		"mqtt_connack_sent" + version + `"4",return_code="server_unavailable"}`:       "900",
		`queue_message_expired{node="VerneMQ@10.20.1.10"}`:                            "900",
		`router_subscriptions{node="VerneMQ@10.20.1.10"}`:                             "900",
	})
	r.reports(t, "vernemq-0", "1", 3)

	e := expected{}
	e.gauge(assets.MetricNodeUp, "vernemq-0", "1", 1)
	e.gauge(assets.MetricConnections, "vernemq-0", "1", 14)
	for metric, change := range map[string]float64{
		assets.MetricMessagesReceived: 15, assets.MetricMessagesSent: 2, assets.MetricMessagesDropped: 1,
		assets.MetricAuthenticationFailures: 3,
	} {
		e.count(metric, "vernemq-0", "1", change)
	}
	// These come neither from a page nor from a target that has an instance.
	for metric, value := range map[string]float64{assets.MetricNodesRunning: 3, assets.MetricCertificateDays: 30.5} {
		e[row{kind: "gauge", name: metric, properties: map[string]string{"node": "vernemq-0", "zone": "1"}}.key()] = value
	}
	r.want(t, 0, e)
}

func TestAMachineOutsideOfZonesIsReportedWithoutOne(t *testing.T) {
	p := recorded(t, "vernemq-2.1.2.prom", "text/plain")
	address, _ := node(t, "127.0.0.1:0", p.serve("/metrics"))
	t.Setenv("NODE", "vernemq-0")
	t.Setenv("ZONE", "")
	r := start(t, assets.Collector{
		Broker: assets.CollectedVerneMQ, Certificate: "127.0.0.1:8883",
		Targets: []assets.CollectorTarget{{Address: address, Node: "${env:NODE}", Zone: "${env:ZONE}"}},
	}, nil)
	r.counting(t, 1)
	r.reports(t, "vernemq-0", "", 1)
	seen := map[string]bool{}
	r.rows.wait(t, 0, "each metric has come", func(got []row) bool {
		for _, row := range got {
			seen[row.name] = true
			if !maps.Equal(row.properties, map[string]string{"node": "vernemq-0"}) {
				t.Fatalf("%s has %v", row.name, row.properties)
			}
		}
		return len(seen) == 8
	})
}

// reports says to the collector how many nodes run, as the machine's script does: see
// components/assets/vernemq/collector.sh.
func (r running) reports(t *testing.T, node, zone string, nodes int) {
	t.Helper()
	attribute := `{"key":%q,"value":{"stringValue":%q}}`
	body := fmt.Sprintf(`{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":%q,"unit":"1","gauge":{"dataPoints":[
		{"asInt":"%d","timeUnixNano":"1790000000000000000","attributes":[`+attribute+`,`+attribute+`]}]}}]}]}]}`,
		assets.MetricNodesRunning, nodes, "node", node, "zone", zone)
	answer, err := http.Post(r.push, "application/json", bytes.NewBufferString(body))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", answer.Status, text)
	}
}

func TestANodeThatStopsAnsweringIsDownAndHasNoOtherRow(t *testing.T) {
	p := recorded(t, "emqx-5.8.9.prom", "text/plain")
	address, stop := node(t, "127.0.0.1:0", p.serve("/api/v5/prometheus/stats?mode=node"))
	r := start(t, assets.Collector{
		Broker: assets.CollectedEMQX, Certificate: "mqtt.dev.example:8883",
		Targets: []assets.CollectorTarget{{Address: address, Node: "emqx-0"}},
	}, nil)
	r.counting(t, 1)
	stop()
	down := func(r row) bool { return r.name == assets.MetricNodeUp && r.value == 0 }
	r.rows.wait(t, 0, "the node is down", func(got []row) bool { return slices.ContainsFunc(got, down) })
	all := r.rows.since(0)
	n := slices.IndexFunc(all, down)
	r.rows.wait(t, n, "it was seen down five times", func(got []row) bool {
		return len(slices.DeleteFunc(got, func(r row) bool { return !down(r) })) >= 5
	})
	e := expected{}
	e.certificate()
	e.gauge(assets.MetricNodeUp, "emqx-0", "", 0)
	r.want(t, n, e)
}

func TestANodeThatStartsAgainCountsFromThereOn(t *testing.T) {
	p := recorded(t, "emqx-5.8.9.prom", "text/plain")
	address, _ := node(t, "127.0.0.1:0", p.serve("/api/v5/prometheus/stats?mode=node"))
	r := start(t, assets.Collector{
		Broker: assets.CollectedEMQX, Certificate: "mqtt.dev.example:8883",
		Targets: []assets.CollectorTarget{{Address: address, Node: "emqx-0"}},
	}, nil)
	r.counting(t, 1)
	received := func(got []row) (sum float64) {
		for _, row := range got {
			if row.name == assets.MetricMessagesReceived {
				if row.value < 0 {
					t.Fatalf("%g messages were received", row.value)
				}
				sum += row.value
			}
		}
		return sum
	}
	// What differs with the counter tells that the page was read.
	read := func(connections float64) func([]row) bool {
		return func(got []row) bool {
			return slices.ContainsFunc(got, func(r row) bool {
				return r.name == assets.MetricConnections && r.value == connections
			})
		}
	}
	p.set(t, map[string]string{"emqx_messages_received": "2", "emqx_live_connections_count": "21"})
	r.rows.wait(t, 0, "the node has started again", read(21))
	p.set(t, map[string]string{"emqx_messages_received": "6", "emqx_live_connections_count": "22"})
	r.rows.wait(t, 0, "messages are counted again", func(got []row) bool { return received(got) == 4 })
}

func TestTheCollectorSaysThatItRuns(t *testing.T) {
	r := start(t, assets.Collector{
		Broker: assets.CollectedEMQX, Certificate: "mqtt.dev.example:8883",
		Targets: []assets.CollectorTarget{{Address: deadAddress(t), Node: "emqx-0"}},
	}, nil)
	r.rows.wait(t, 0, "it runs", func(got []row) bool { return len(got) > 0 })
	answer, err := http.Get(r.health)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Error(answer.Status)
	}
}
