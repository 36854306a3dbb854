package assets

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

var someCollector = Collector{
	Broker: CollectedEMQX, Certificate: "mqtt.dev.example:8883",
	Targets: []CollectorTarget{{Address: "emqx-0:18083", Node: "emqx-0", Zone: "1"},
		{Address: "emqx-1:18083", Node: "emqx-1"}},
}

func rendered(t *testing.T, c Collector) string {
	t.Helper()
	text, err := c.Config()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestEveryTargetIsFetchedOnceAMinuteWithItsNameAndItsZone(t *testing.T) {
	text := rendered(t, someCollector)
	for _, want := range []string{
		"scrape_interval: 1m0s\n", "collection_interval: 1m0s\n", `- endpoint: "mqtt.dev.example:8883"` + "\n",
		`- targets: ["emqx-0:18083"]` + "\n              labels:\n                instance: \"emqx-0\"\n" +
			"                node: \"emqx-0\"\n                zone: \"1\"\n",
		`- targets: ["emqx-1:18083"]` + "\n              labels:\n                instance: \"emqx-1\"\n" +
			"                node: \"emqx-1\"\n          metric_relabel_configs:\n",
	} {
		if strings.Count(text, want) != 1 {
			t.Errorf("%q is not once in\n%s", want, text)
		}
	}
}

func TestACollectorReadsItsConnectionStringFromTheEnvironment(t *testing.T) {
	for _, c := range []Collector{
		someCollector, {Broker: CollectedHiveMQ, Certificate: "h:1"},
		{Broker: CollectedVerneMQ, Certificate: "127.0.0.1:8883",
			Targets: []CollectorTarget{{Address: "${env:ADDRESS}:8888", Node: "${env:NODE}", Zone: "${env:ZONE}"}}},
	} {
		if text := rendered(t, c); strings.Count(text,
			"connection_string: ${env:APPLICATIONINSIGHTS_CONNECTION_STRING}\n") != 1 {
			t.Errorf("%s: there is another connection string in\n%s", c.Broker, text)
		}
	}
}

func TestOnlyACollectorBesideItsNodeListensForReportsAndSaysWhoseCertificateItSaw(t *testing.T) {
	beside := Collector{Broker: CollectedVerneMQ, Certificate: "127.0.0.1:8883",
		Targets: []CollectorTarget{{Address: "10.20.1.5:8888", Node: "vernemq-0"}}}
	const certificate = `set(datapoint.attributes["node"], "vernemq-0")`
	listens := fmt.Sprintf("endpoint: 127.0.0.1:%d\n", CollectorPushPort)
	if text := rendered(t, beside); !strings.Contains(text, certificate) || !strings.Contains(text, listens) {
		t.Errorf("beside its node there is no\n%s or\n%s in\n%s", certificate, listens, text)
	}
	apart := beside
	apart.Targets = append(apart.Targets, CollectorTarget{Address: "10.20.1.6:8888", Node: "vernemq-1"})
	for _, c := range []Collector{apart, someCollector} {
		if text := rendered(t, c); strings.Contains(text, `attributes["node"]`) {
			t.Errorf("%s: a certificate that all nodes share has a node in\n%s", c.Broker, text)
		}
	}
	if text := rendered(t, someCollector); strings.Contains(text, "otlp") {
		t.Errorf("EMQX's listens for reports:\n%s", text)
	}
}

func TestABrokersPodsServeTheirMetricsWhereTheCollectorLooks(t *testing.T) {
	files, err := HiveMQ{}.Manifests()
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("metrics:\n      enabled: true\n      port: %d\n",
		hiveMQMetricsPort); !strings.Contains(files["broker/manifests.yaml"], want) {
		t.Errorf("the chart's values have no\n%s", want)
	}
}

func TestACollectorThatMissesSomethingIsNotRendered(t *testing.T) {
	for sentence, broken := range map[string]func(*Collector){
		"no broker":                       func(c *Collector) { c.Broker = "" },
		"no target":                       func(c *Collector) { c.Targets = nil },
		"targets for HiveMQ":              func(c *Collector) { c.Broker = CollectedHiveMQ },
		"no certificate":                  func(c *Collector) { c.Certificate = "" },
		"a certificate without a port":    func(c *Collector) { c.Certificate = "mqtt.dev.example" },
		"a certificate at no port":        func(c *Collector) { c.Certificate = "mqtt.dev.example:0" },
		"a certificate without a host":    func(c *Collector) { c.Certificate = ":8883" },
		"a target without a name":         func(c *Collector) { c.Targets[0].Node = "" },
		"a target without a port":         func(c *Collector) { c.Targets[0].Address = "emqx-0" },
		"a target at too high a port":     func(c *Collector) { c.Targets[0].Address = "emqx-0:65536" },
		"two targets of the same name":    func(c *Collector) { c.Targets[0].Node = "emqx-1" },
		"an interval that runs backwards": func(c *Collector) { c.Interval = -time.Second },
	} {
		c := someCollector
		c.Targets = append([]CollectorTarget(nil), c.Targets...)
		broken(&c)
		if text, err := c.Config(); err == nil {
			t.Errorf("%s: it was rendered:\n%s", sentence, text)
		}
	}
}
