package stacks

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// throughTheBalancer follows the load balancer, the machines' network interfaces and subnet, and the listeners that a
// node opens.
func throughTheBalancer(t *testing.T, g graph, port int) arrival {
	balancer := g.inputs("LoadBalancer", "vernemq-balancer")
	var rule map[string]any
	for _, r := range list(balancer["loadBalancingRules"]) {
		if r["frontendPort"] == float64(port) {
			rule = r
		}
	}
	frontend := named(t, balancer, rule["frontendIPConfiguration"])
	if at(frontend, "publicIPAddress", "id") != "/id/vernemq-address" {
		t.Errorf("port %d is on %v", port, frontend)
	}
	pool, probe, to := named(t, balancer, rule["backendAddressPool"])["name"], named(t, balancer, rule["probe"]),
		int(rule["backendPort"].(float64))
	health, _ := probe["port"].(float64)
	nodes, machines := 0, 0
	for _, r := range g.resources {
		if strings.HasSuffix(r.Type, ":VirtualMachine") {
			machines++
		}
		if !strings.HasSuffix(r.Type, ":NetworkInterface") {
			continue
		}
		nodes++
		configuration := list(plainInputs(r)["ipConfigurations"])[0]
		if id := list(configuration["loadBalancerBackendAddressPools"])[0]["id"]; id != fmt.Sprintf(
			"/id/vernemq-balancer/backendAddressPools/%s", pool) {
			t.Errorf("%s is in the pool %v", r.Name, id)
		}
		address := configuration["privateIPAddress"].(string)
		if cidr := g.inputs("Subnet", "vernemq-subnet")["addressPrefix"].(string); !netip.MustParsePrefix(cidr).
			Contains(netip.MustParseAddr(address)) {
			t.Errorf("%s is not in the subnet", address)
		}
		if !g.open("vernemq-nsg", "Internet", address, to) || !g.open("vernemq-nsg", "AzureLoadBalancer", address,
			int(health)) {
			t.Errorf("the subnet is closed to clients on %s:%d, or to the probe on %v", address, to, health)
		}
		if g.open("vernemq-nsg", "Internet", address, int(health)) {
			t.Error("the health page and the metrics are open to the Internet")
		}
	}
	if nodes == 0 || nodes != machines {
		t.Errorf("%d of %d nodes are behind the load balancer", nodes, machines)
	}
	files := blobs(g.resources)
	if v := variable(t, files, "HEALTH_PORT"); v != strconv.Itoa(int(health)) ||
		"'"+probe["requestPath"].(string)+"'" != variable(t, files, "HEALTH_PATH") || probe["protocol"] != "Http" {
		t.Errorf("the nodes say how they are on %s, and the probe is %v", v, probe)
	}
	return arrival{"203.0.113.8", to, listenerOfNode(t, files, to)}
}

// variable is the value in vernemq.env.
func variable(t *testing.T, files map[string]string, name string) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^` + name + `=(\S+)$`).FindStringSubmatch(files["vernemq.env"])
	if found == nil {
		t.Fatalf("vernemq.env has no %s", name)
	}
	return found[1]
}

var nodeListener = regexp.MustCompile(`"listener\.(ssl|wss)\.default = \$ADDRESS:\$(\w+)"`)

// listenerOfNode says which TLS listener node.sh opens on a port.
func listenerOfNode(t *testing.T, files map[string]string, port int) string {
	for _, found := range nodeListener.FindAllStringSubmatch(files["node.sh"], -1) {
		if variable(t, files, found[2]) == strconv.Itoa(port) {
			return map[string]string{"ssl": "mqtt", "wss": "websocket"}[found[1]]
		}
	}
	t.Fatalf("no listener of a node takes %d", port)
	return ""
}
