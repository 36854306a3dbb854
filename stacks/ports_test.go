package stacks

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"gopkg.in/yaml.v3"

	"github.com/amora-sync/mqtt-on-azure/internal/pulumitest"
)

// graph is a deployment to walk through.
type graph struct {
	t         *testing.T
	resources []pulumitest.Resource
}

// inputs are those of the one resource of a name and type, as plain values.
func (g graph) inputs(kind, name string) map[string]any {
	g.t.Helper()
	for _, r := range g.resources {
		if r.Name == name && strings.HasSuffix(r.Type, ":"+kind) {
			return plainInputs(r)
		}
	}
	g.t.Fatalf("there is no %s %s", kind, name)
	return nil
}

func plainInputs(r pulumitest.Resource) map[string]any {
	plain, _ := bare(resource.NewObjectProperty(r.Inputs)).MapRepl(nil, func(v resource.PropertyValue) (any, bool) {
		switch {
		case v.IsSecret() || v.IsOutput():
			inner := resource.PropertyMap{"v": bare(v)}
			return plainInputs(pulumitest.Resource{Inputs: inner})["v"], true
		case v.IsAsset():
			return v.AssetValue().Text, true
		}
		return nil, false
	}).(map[string]any)
	return plain
}

// at reads a value by path.
func at(value any, path ...string) any {
	for _, key := range path {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	return value
}

// named is the element of a list that a "$self/LIST/NAME" reference names.
func named(t *testing.T, gateway map[string]any, reference any) map[string]any {
	t.Helper()
	parts := strings.Split(fmt.Sprint(at(reference, "id")), "/")
	for _, part := range list(gateway[parts[1]]) {
		if part["name"] == parts[2] {
			return part
		}
	}
	t.Fatalf("%v leads nowhere", reference)
	return nil
}

func list(value any) []map[string]any {
	var objects []map[string]any
	elements, _ := value.([]any)
	for _, e := range elements {
		object, _ := e.(map[string]any)
		objects = append(objects, object)
	}
	return objects
}

// open says whether a security group lets a source in to an address and port.
func (g graph) open(nsg, source, to string, port int) bool {
	return slices.ContainsFunc(list(g.inputs("NetworkSecurityGroup", nsg)["securityRules"]),
		func(rule map[string]any) bool {
			ports, _ := rule["destinationPortRanges"].([]any)
			destination, err := netip.ParsePrefix(fmt.Sprint(rule["destinationAddressPrefix"]))
			covered := err != nil || to == "" || destination.Contains(netip.MustParseAddr(to))
			return rule["access"] == "Allow" && rule["sourceAddressPrefix"] == source && covered &&
				slices.Contains(ports, any(strconv.Itoa(port)))
		})
}

// arrival is where a connection to a public port ends.
type arrival struct {
	address  string // that the name leads to
	port     int    // of the broker's listener
	listener string // mqtt or websocket
}

func TestPorts8883And443LeadFromThePublicAddressToAListenerOfEveryBroker(t *testing.T) {
	for name, follow := range map[string]func(*testing.T, graph, int) arrival{
		"dev": throughContainerApps, "prod": throughContainerApps, "dev-hivemq": throughTheGateway,
		"prod-hivemq": throughTheGateway,
		"dev-vernemq": throughTheBalancer, "prod-vernemq": throughTheBalancer,
	} {
		for port, want := range map[int]string{8883: "mqtt", 443: "websocket"} {
			t.Run(fmt.Sprint(name, "/", port), func(t *testing.T) {
				g := graph{t, deployment(t, name)}
				got := follow(t, g, port)
				if got.listener != want {
					t.Errorf("port %d ends at the listener %+v", port, got)
				}
				record := list(g.inputs("RecordSet", "endpoint-address")["aRecords"])[0]["ipv4Address"]
				if record != got.address {
					t.Errorf("the name leads to %v, and port %d is taken at %s", record, port, got.address)
				}
			})
		}
	}
}

// throughTheGateway follows Application Gateway, the network, the load balancer in the cluster, and the broker's pods.
func throughTheGateway(t *testing.T, g graph, port int) arrival {
	gateway := g.inputs("ApplicationGateway", "gateway-gateway")
	rules, listenerKey, settingsKey, settingsList := "routingRules", "listener", "backendSettings",
		"backendSettingsCollection"
	if port == 443 {
		rules, listenerKey, settingsKey, settingsList = "requestRoutingRules", "httpListener", "backendHttpSettings",
			"backendHttpSettingsCollection"
	}
	rule := list(gateway[rules])[0]
	listener := named(t, gateway, rule[listenerKey])
	if p := named(t, gateway, listener["frontendPort"])["port"]; p != float64(port) {
		t.Fatalf("the rule %v listens on %v", rule["name"], p)
	}
	if p := listener["protocol"]; p != "Tls" && p != "Https" ||
		named(t, gateway, listener["sslCertificate"])["keyVaultSecretId"] == "" {
		t.Errorf("port %d is %v without a certificate", port, p)
	}
	frontend := named(t, gateway, listener["frontendIPConfiguration"])
	if at(frontend, "publicIPAddress", "id") != "/id/gateway-address" {
		t.Errorf("port %d is on %v", port, frontend)
	}
	if !g.open("gateway-nsg", "Internet", "", port) {
		t.Errorf("the gateway's subnet is closed to the Internet on %d", port)
	}
	settings := named(t, gateway, rule[settingsKey])
	if !strings.Contains(fmt.Sprint(rule[settingsKey]), settingsList) {
		t.Errorf("%v is not of the listener's layer", rule[settingsKey])
	}
	backend, address := int(settings["port"].(float64)),
		list(named(t, gateway, rule["backendAddressPool"])["backendAddresses"])[0]["ipAddress"].(string)
	if probe := named(t, gateway, settings["probe"]); probe["port"] != settings["port"] {
		t.Errorf("port %v is probed at %v", settings["port"], probe["port"])
	}
	// The gateway's subnet is the source that the cluster's subnet and the pods let in.
	source := g.inputs("Subnet", "gateway-subnet")["addressPrefix"].(string)
	cluster := g.inputs("Subnet", "hivemq-subnet")
	if !netip.MustParsePrefix(cluster["addressPrefix"].(string)).Contains(netip.MustParseAddr(address)) ||
		!g.open("hivemq-nsg", source, address, backend) {
		t.Errorf("the cluster's subnet is closed to the gateway for %s:%d", address, backend)
	}
	pod := intoThePods(t, manifestsOf(t, g), address, cluster["subnetName"].(string), source, backend)
	return arrival{"203.0.113.8", pod.port, pod.listener}
}

// manifestsOf decodes everything that is in the blobs.
func manifestsOf(t *testing.T, g graph) []map[string]any {
	var documents []map[string]any
	for _, text := range blobs(g.resources) {
		for _, document := range strings.Split(text, "\n---\n") {
			var decoded map[string]any
			if err := yaml.Unmarshal([]byte(document), &decoded); err != nil {
				t.Fatal(err)
			}
			documents = append(documents, decoded)
		}
	}
	return documents
}

func document(t *testing.T, documents []map[string]any, kind, name string) map[string]any {
	t.Helper()
	for _, d := range documents {
		if d["kind"] == kind && at(d, "metadata", "name") == name {
			return d
		}
	}
	t.Fatalf("there is no %s %s", kind, name)
	return nil
}

func intoThePods(t *testing.T, documents []map[string]any, address, subnet, source string, port int) arrival {
	service := document(t, documents, "Service", "edge")
	annotations, _ := at(service, "metadata", "annotations").(map[string]any)
	const prefix = "service.beta.kubernetes.io/azure-load-balancer-"
	if annotations[prefix+"ipv4"] != address || annotations[prefix+"internal-subnet"] != subnet ||
		annotations[prefix+"internal"] != "true" {
		t.Errorf("the load balancer is at %v", annotations)
	}
	target := 0
	for _, p := range list(at(service, "spec", "ports")) {
		if p["port"] == port {
			target = p["targetPort"].(int)
		}
	}
	values := at(document(t, documents, "HelmRelease", "broker"), "spec", "values")
	labels, _ := at(values, "nodes", "labels").(map[string]any)
	policy := document(t, documents, "NetworkPolicy", "clients")
	for what, selector := range map[string]any{"Service": at(service, "spec", "selector"),
		"NetworkPolicy": at(policy, "spec", "podSelector", "matchLabels")} {
		wanted, _ := selector.(map[string]any)
		for key, value := range wanted {
			if labels[key] != value {
				t.Errorf("the %s selects %v, brokers carry %v", what, wanted, labels)
			}
		}
		if len(wanted) == 0 {
			t.Errorf("the %s selects everything", what)
		}
	}
	ingress := list(at(policy, "spec", "ingress"))[0]
	if at(list(ingress["from"])[0], "ipBlock", "cidr") != source ||
		!slices.ContainsFunc(list(ingress["ports"]), func(p map[string]any) bool { return p["port"] == target }) {
		t.Errorf("the network policy lets in %v", ingress)
	}
	for _, listener := range list(at(values, "services")) {
		if listener["containerPort"] == target && listener["exposed"] == true {
			return arrival{port: target, listener: listener["type"].(string)}
		}
	}
	t.Fatalf("no listener takes %d", target)
	return arrival{}
}

// throughContainerApps follows the environment, the proxy and a node.
func throughContainerApps(t *testing.T, g graph, port int) arrival {
	edge := g.inputs("ContainerApp", "emqx-edge")
	ingress := at(edge, "configuration", "ingress")
	source, target := "Internet", 0.0
	if port == 443 {
		// Clients reach Front Door; Front Door reaches the environment's own HTTPS.
		source, target = "AzureFrontDoor.Backend", at(ingress, "targetPort").(float64)
		origin := g.inputs("AFDOrigin", "front-door-route-origin")
		if origin["httpsPort"] != float64(port) || at(ingress, "external") != true || at(ingress, "transport") != "http" {
			t.Errorf("Front Door goes to %v, the edge takes %v", origin, ingress)
		}
		if host := at(g.inputs("RecordSet", "endpoint-websocket"), "cnameRecord", "cname"); host != "amora.azurefd.example" {
			t.Errorf("WebSocket clients are led to %v", host)
		}
	} else {
		for _, p := range list(at(ingress, "additionalPortMappings")) {
			if p["exposedPort"] == float64(port) && p["external"] == true {
				target = p["targetPort"].(float64)
			}
		}
	}
	if !g.open("emqx-nsg", source, "", port) {
		t.Errorf("the environment's subnet is closed to %s on %d", source, port)
	}
	server := throughTheProxy(t, edge, int(target))
	node := g.inputs("ContainerApp", "emqx-"+server.app)
	open := []any{at(node, "configuration", "ingress", "targetPort")}
	for _, p := range list(at(node, "configuration", "ingress", "additionalPortMappings")) {
		open = append(open, p["targetPort"])
	}
	if !slices.Contains(open, any(float64(server.port))) || !slices.Contains(open, any(float64(server.probe))) {
		t.Errorf("the proxy goes to %+v, the node takes %v", server, open)
	}
	return arrival{"203.0.113.7", server.port, listenerOf(t, node, server.port)}
}

type server struct {
	app         string
	port, probe int
}

var serverLine = regexp.MustCompile(`(?m)^    server (\S+) \S+:(\d+) port (\d+)$`)

// throughTheProxy finds the first server behind a port of haproxy.cfg.
func throughTheProxy(t *testing.T, edge map[string]any, port int) server {
	config := ""
	for _, secret := range list(at(edge, "configuration", "secrets")) {
		if secret["name"] == "haproxy-cfg" {
			config = secret["value"].(string)
		}
	}
	sections := strings.Split(config, "\n\n")
	backend := ""
	for _, section := range sections {
		if regexp.MustCompile(fmt.Sprintf(`(?m)^    bind :%d( |$)`, port)).MatchString(section) {
			backend = regexp.MustCompile(`default_backend (\S+)`).FindStringSubmatch(section)[1]
		}
	}
	for _, section := range sections {
		if strings.HasPrefix(section, "backend "+backend+"\n") {
			m := serverLine.FindStringSubmatch(section)
			to, err := strconv.Atoi(m[2])
			probe, err2 := strconv.Atoi(m[3])
			if err != nil || err2 != nil {
				t.Fatal(err, err2)
			}
			return server{m[1], to, probe}
		}
	}
	t.Fatalf("nothing listens on %d in\n%s", port, config)
	return server{}
}

// listenerOf says which listener of emqx.conf takes a port.
func listenerOf(t *testing.T, node map[string]any, port int) string {
	for _, secret := range list(at(node, "configuration", "secrets")) {
		if secret["name"] != "emqx-conf" {
			continue
		}
		var config struct {
			Listeners map[string]map[string]struct{ Bind string }
		}
		if err := json.Unmarshal([]byte(secret["value"].(string)), &config); err != nil {
			t.Fatal(err)
		}
		for kind, name := range map[string]string{"tcp": "mqtt", "ws": "websocket"} {
			if strings.HasSuffix(config.Listeners[kind]["default"].Bind, fmt.Sprintf(":%d", port)) {
				return name
			}
		}
	}
	t.Fatalf("no listener of the node takes %d", port)
	return ""
}

// blobs are the texts that a deployment uploads, by path.
func blobs(resources []pulumitest.Resource) map[string]string {
	texts := map[string]string{}
	for _, r := range resources {
		if r.Type == "azure-native:storage:Blob" {
			texts[r.Inputs["blobName"].StringValue()] = bare(r.Inputs["source"]).AssetValue().Text
		}
	}
	return texts
}

// leaks says where a secret is in the clear.
func leaks(texts map[string]string, secrets []string) []string {
	var found []string
	for path, text := range texts {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				found = append(found, path+" holds "+secret)
			}
		}
	}
	return found
}

func TestNoSecretIsInWhatIsUploaded(t *testing.T) {
	secrets := []string{"random-password", "insights-key", "dGhlLWxpY2VuY2U=", "the-licence",
		"dGhlLW90aGVyLWxpY2VuY2U=", "the-other-licence"}
	for name, files := range map[string]int{"dev-hivemq": 4, "prod-hivemq": 4, "dev-vernemq": 14, "prod-vernemq": 14} {
		texts := blobs(deployment(t, name))
		if len(texts) != files {
			t.Errorf("%s uploads %d files", name, len(texts))
		}
		if found := leaks(texts, secrets); len(found) > 0 {
			t.Errorf("%s: %v", name, found)
		}
		texts["planted"] = "value: random-password"
		if found := leaks(texts, secrets); len(found) != 1 {
			t.Errorf("a planted secret was not found: %v", found)
		}
	}
}
