package collector

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// object is one of Kubernetes', as JSON.
type object = map[string]any

// cluster is an API server with pods and nodes. It gives lists, and watches on which nothing happens.
type cluster struct {
	pods, nodes []object
	mutex       sync.Mutex
	asked       map[string]bool // paths and selectors of lists
}

func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case query.Get("sendInitialEvents") != "": // what a server says that is too old for it
		w.WriteHeader(http.StatusUnprocessableEntity)
		json.NewEncoder(w).Encode(object{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Invalid",
			"code": http.StatusUnprocessableEntity})
		return
	case query.Get("watch") != "":
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return
	}
	c.mutex.Lock()
	c.asked[strings.TrimSuffix(r.URL.Path+"?"+query.Get("labelSelector"), "?")] = true
	c.mutex.Unlock()
	kind, items := "PodList", c.pods
	if strings.HasSuffix(r.URL.Path, "/nodes") {
		kind, items = "NodeList", c.nodes
	}
	json.NewEncoder(w).Encode(object{"kind": kind, "apiVersion": "v1", "metadata": object{"resourceVersion": "1"},
		"items": items})
}

// broker is a pod as the operator makes it: a container with several ports, and a second one.
func broker(i int, ip, host, phase string) object {
	name := fmt.Sprintf("broker-%d", i)
	return object{
		"metadata": object{
			"name": name, "namespace": assets.HiveMQNamespace, "uid": name,
			"labels": object{assets.HiveMQPoolLabel: assets.HiveMQPoolValue},
		},
		"spec": object{"nodeName": host, "containers": []object{
			{"name": "hivemq", "ports": []object{
				{"name": "mqtt", "containerPort": assets.HiveMQPort, "protocol": "TCP"},
				{"name": "metrics", "containerPort": 9399, "protocol": "TCP"},
			}},
			{"name": "sidecar"},
		}},
		"status": object{"podIP": ip, "hostIP": "10.20.0.4", "phase": phase,
			"conditions": []object{{"type": "Ready", "status": "True"}}},
	}
}

func host(name, zone string) object {
	return object{"metadata": object{"name": name, "uid": name, "labels": object{"topology.kubernetes.io/zone": zone}}}
}

// TestHiveMQIsFoundInTheCluster changes two things in the configuration: where Kubernetes is, and the port of the pods,
// which all have on loopback addresses of their own.
func TestHiveMQIsFoundInTheCluster(t *testing.T) {
	const openMetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8"
	pages := []*page{recorded(t, "hivemq-4.54.prom", openMetrics), recorded(t, "hivemq-4.54.prom", openMetrics)}
	address, _ := node(t, "127.0.0.2:0", pages[0].serve("/"))
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	node(t, "127.0.0.3:"+port, pages[1].serve("/"))
	c := &cluster{
		pods: []object{
			broker(0, "127.0.0.2", "host-1", "Running"), broker(1, "127.0.0.3", "host-2", "Running"),
			broker(2, "127.0.0.4", "host-1", "Running"),
			broker(3, "127.0.0.5", "host-1", "Failed"), broker(4, "", "", "Pending"),
		},
		nodes: []object{host("host-1", "westeurope-1"), host("host-2", "0")}, // the second one is in no zone
		asked: map[string]bool{},
	}
	api, _ := node(t, "127.0.0.1:0", c)
	r := start(t, assets.Collector{Broker: assets.CollectedHiveMQ, Certificate: "mqtt.dev.example:8883"},
		func(text string) string {
			text = replaced(t, text, "$$1:9399", "$$1:"+port)
			const role = "kubernetes_sd_configs:\n            - role: pod\n"
			return replaced(t, text, role, role+"              api_server: http://"+api+"\n")
		})
	r.counting(t, len(pages))
	pages[0].set(t, map[string]string{
		"com_hivemq_networking_connections_current": "13.0", "com_hivemq_subscriptions_overall_current": "18.0",
		"com_hivemq_messages_incoming_publish_count": "1100.0", "com_hivemq_messages_outgoing_publish_count": "3500.0",
		"com_hivemq_messages_dropped_count": "27.0", "com_hivemq_messages_dropped_queue_full_count": "900.0",
	})

	e := expected{}
	e.certificate()
	for i, zone := range []string{"1", ""} {
		name := fmt.Sprintf("broker-%d", i)
		e.gauge(assets.MetricNodeUp, name, zone, 1)
		e.gauge(assets.MetricConnections, name, zone, []float64{13, 12}[i])
		e.gauge(assets.MetricSubscriptions, name, zone, []float64{18, 20}[i])
		e.gauge(assets.MetricNodesRunning, name, zone, 2)
		for metric, change := range map[string]float64{assets.MetricMessagesReceived: 100,
			assets.MetricMessagesSent: 500, assets.MetricMessagesDropped: 3} {
			e.count(metric, name, zone, change*float64(1-i))
		}
	}
	e.gauge(assets.MetricNodeUp, "broker-2", "1", 0)
	r.want(t, 0, e)

	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, path := range []string{"/api/v1/namespaces/hivemq/pods?amora-sync/pool=broker", "/api/v1/nodes"} {
		if !c.asked[path] {
			t.Errorf("%s was not asked for, but %v", path, c.asked)
		}
	}
	if len(c.asked) != 2 {
		t.Errorf("more was asked for than a collector may read: %v", c.asked)
	}
}
