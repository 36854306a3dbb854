package assets

import (
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"text/template"
	"time"
)

// The OpenTelemetry Collector: its "contrib" distribution, as an image for Container Apps and Kubernetes and as an
// archive for machines.
const (
	CollectorVersion = "0.159.0"
	CollectorImage   = "docker.io/otel/opentelemetry-collector-contrib:" + CollectorVersion
	CollectorURL     = "https://github.com/open-telemetry/opentelemetry-collector-releases/releases/download/v" +
		CollectorVersion +
		"/otelcol-contrib_" + CollectorVersion + "_linux_amd64.tar.gz"
	// CollectorSHA256 is the archive's, from the release's own .sha256 file as the Homebrew tap mvrpl/unix-apps has it.
	CollectorSHA256 = "9d589f6349f01179957a2052bc7307a99db2efc971e14e00575941a77122eaaf"
)

// ConnectionStringVariable is where the collector finds the connection string of Application Insights.
const ConnectionStringVariable = "APPLICATIONINSIGHTS_CONNECTION_STRING"

// CollectorConfigFile is what the configuration is called, where it is a file among others.
const CollectorConfigFile = "collector.yaml"

// Ports of the collector.
const (
	CollectorHealthPort = 13133 // GET / answers 200 while the collector runs
	CollectorPushPort   = 4318  // OTLP over HTTP on loopback, with VerneMQ only: see MetricNodesRunning
)

// CollectorRole is the AppRoleName of every row. Its AppRoleInstance is the node, where the collector has asked one.
const CollectorRole = "mqtt-broker"

// The metrics, which have the same name and meaning with every broker. Each data point is one row of the table
// AppMetrics, with its value in Sum and 1 in ItemCount; Properties.node says whose it is, and Properties.zone, where
// known, in which zone that node is. A node has one row a minute of each; counts are since the row before, and the
// first one after a start of the node or of the collector is left out.
const (
	MetricConnections      = "mqtt.connections"       // clients that are connected to the node
	MetricMessagesReceived = "mqtt.messages.received" // count: PUBLISH packets from clients
	MetricMessagesSent     = "mqtt.messages.sent"     // count: PUBLISH packets to clients

	// MetricMessagesDropped counts messages for which a client's queue had no room, or which were too large for the
	// client; with HiveMQ also those that it could not write or that an extension held back. It counts none that nobody
	// subscribed to, and none that expired.
	MetricMessagesDropped = "mqtt.messages.dropped"

	// MetricSubscriptions is how many subscriptions the node's clients have. VerneMQ has no such metric: its
	// router_subscriptions counts topics, those of all other nodes among them.
	MetricSubscriptions = "mqtt.subscriptions"

	// MetricAuthenticationFailures counts clients that were refused in a CONNACK for their user name or password, or
	// because they may not connect. HiveMQ has no such metric.
	MetricAuthenticationFailures = "mqtt.authentication.failures"

	// MetricNodesRunning is how many members of the cluster the node sees running, itself included. VerneMQ has no such
	// metric: its nodes report it each minute to CollectorPushPort, under this name and with node and zone.
	MetricNodesRunning = "mqtt.nodes.running"

	MetricNodeUp = "mqtt.node.up" // 1 while the node answers the collector, 0 otherwise
	// until the certificate that clients see expires; negative afterwards; node only where each has its own
	MetricCertificateDays = "mqtt.certificate.days"
)

// CollectedBroker is a broker whose metrics are collected.
type CollectedBroker string

// The brokers.
const (
	CollectedEMQX    CollectedBroker = "EMQX"
	CollectedHiveMQ  CollectedBroker = "HiveMQ"
	CollectedVerneMQ CollectedBroker = "VerneMQ"
)

// CollectorTarget is a node whose metrics are fetched. Each field may hold ${env:NAME}, which the collector fills in.
type CollectorTarget struct {
	Address string // host:port
	Node    string
	Zone    string // "" where it is not known
}

// Collector is what the configuration of an OpenTelemetry Collector depends on.
type Collector struct {
	Broker      CollectedBroker
	Targets     []CollectorTarget // none with HiveMQ, whose pods are found in the cluster
	Certificate string            // host:port where clients see the certificate; it is not verified
	Interval    time.Duration     // between two data points; 0 is a minute
}

//go:embed collector/collector.yaml.tmpl
var collectorTemplate string

// hiveMQMetricsPort is the port of a pod, as the chart's values have it.
const hiveMQMetricsPort = 9399

// collected is how a broker's own metrics become those above.
type collected struct {
	Path     string
	Metrics  []collectedMetric
	Refusals string // codes of a CONNACK that count
}

// collectedMetric is the sum of some metrics over whatever labels they have.
type collectedMetric struct {
	Name string
	From []string
}

var collectedBrokers = map[CollectedBroker]collected{
	// tests/brokers holds them against EMQX 5.8.9. In the mode "node" all of these are the node's own.
	CollectedEMQX: {Path: "/api/v5/prometheus/stats", Metrics: []collectedMetric{
		// Without the clients that are away and have a session, which connections_count has as well.
		{MetricConnections, []string{"emqx_live_connections_count"}},
		{MetricMessagesReceived, []string{"emqx_messages_received"}},
		{MetricMessagesSent, []string{"emqx_messages_sent"}},
		{MetricMessagesDropped, []string{"emqx_delivery_dropped_queue_full", "emqx_delivery_dropped_too_large"}},
		{MetricSubscriptions, []string{"emqx_subscriptions_count"}},
		{MetricAuthenticationFailures, []string{"emqx_packets_connack_auth_error"}},
		{MetricNodesRunning, []string{"emqx_cluster_nodes_running"}},
	}},
	// Sources: the dashboard of the chart hivemq-platform, and the metrics of HiveMQ Community Edition.
	CollectedHiveMQ: {Path: "/", Metrics: []collectedMetric{
		{MetricConnections, []string{"com_hivemq_networking_connections_current"}},
		{MetricMessagesReceived, []string{"com_hivemq_messages_incoming_publish_count"}},
		{MetricMessagesSent, []string{"com_hivemq_messages_outgoing_publish_count"}},
		{MetricMessagesDropped, []string{"com_hivemq_messages_dropped_count"}},
		{MetricSubscriptions, []string{"com_hivemq_subscriptions_overall_current"}},
		{MetricNodesRunning, []string{"com_hivemq_cluster_nodes_count"}},
	}},
	// With prometheus_namespace empty, as in vernemq.conf; tests/brokers holds them against VerneMQ 2.1.2.
	CollectedVerneMQ: {Path: "/metrics", Metrics: []collectedMetric{
		{MetricConnections, []string{"total_active_connections"}},
		{MetricMessagesReceived, []string{"mqtt_publish_received"}},
		{MetricMessagesSent, []string{"mqtt_publish_sent"}},
		{MetricMessagesDropped, []string{"queue_message_drop"}},
		{MetricAuthenticationFailures, []string{"mqtt_connack_sent"}},
	}, Refusals: "bad_username_or_password|not_authorized"},
}

// collectorCounts are the metrics that say how many there were since the data point before.
var collectorCounts = []string{MetricMessagesReceived, MetricMessagesSent, MetricMessagesDropped,
	MetricAuthenticationFailures}

// Config is the collector's configuration, in YAML. It holds no secret.
func (c Collector) Config() (string, error) {
	if err := c.check(); err != nil {
		return "", fmt.Errorf("collector: %w", err)
	}
	if c.Interval == 0 {
		c.Interval = time.Minute
	}
	parsed, err := template.New("collector.yaml").Funcs(hiveMQFunctions).Parse(collectorTemplate)
	if err != nil {
		return "", fmt.Errorf("collector: %w", err)
	}
	var out strings.Builder
	if err := parsed.Execute(&out, collectorData{c, collectedBrokers[c.Broker]}); err != nil {
		return "", fmt.Errorf("collector: %w", err)
	}
	return out.String(), nil
}

func (c Collector) check() error {
	if _, known := collectedBrokers[c.Broker]; !known {
		return fmt.Errorf("%q is no broker", c.Broker)
	}
	if (c.Broker == CollectedHiveMQ) != (len(c.Targets) == 0) {
		return errors.New("EMQX and VerneMQ need targets, and HiveMQ takes none")
	}
	if !hasPort(c.Certificate) {
		return fmt.Errorf("the certificate is at %q, which is not host:port", c.Certificate)
	}
	if c.Interval < 0 {
		return fmt.Errorf("the interval is %s", c.Interval)
	}
	nodes := map[string]bool{}
	for _, t := range c.Targets {
		if t.Node == "" || !hasPort(t.Address) {
			return fmt.Errorf("the target %q at %q needs a name, and host:port", t.Node, t.Address)
		}
		if nodes[t.Node] {
			return fmt.Errorf("two targets are called %s", t.Node)
		}
		nodes[t.Node] = true
	}
	return nil
}

// hasPort says whether an address is host:port. The host may be ${env:NAME}.
func hasPort(address string) bool {
	colon := strings.LastIndex(address, ":")
	if colon < 1 {
		return false
	}
	port, err := strconv.ParseUint(address[colon+1:], 10, 16)
	return err == nil && port > 0
}

// collectorData is what the template sees.
type collectorData struct {
	Collector
	collected
}

func (collectorData) HealthPort() int     { return CollectorHealthPort }
func (collectorData) PushPort() int       { return CollectorPushPort }
func (collectorData) Variable() string    { return ConnectionStringVariable }
func (collectorData) Role() string        { return CollectorRole }
func (collectorData) Up() string          { return MetricNodeUp }
func (collectorData) Days() string        { return MetricCertificateDays }
func (collectorData) Counts() []string    { return collectorCounts }
func (collectorData) Namespace() string   { return HiveMQNamespace }
func (collectorData) PoolLabel() string   { return HiveMQPoolLabel }
func (collectorData) PoolValue() string   { return HiveMQPoolValue }
func (collectorData) HiveMQPort() int     { return hiveMQMetricsPort }
func (d collectorData) Is(b string) bool  { return d.Broker == CollectedBroker(b) }
func (d collectorData) Every() string     { return d.Interval.String() }
func (m collectedMetric) Pattern() string { return alternatives(m.From) }

// Only is the one target, where each node has a collector and ends TLS itself.
func (d collectorData) Only() *CollectorTarget {
	if d.Broker == CollectedVerneMQ && len(d.Targets) == 1 {
		return &d.Targets[0]
	}
	return nil
}

// Kept matches the names of all metrics that are used.
func (d collectorData) Kept() string {
	var names []string
	for _, m := range d.Metrics {
		names = append(names, m.From...)
	}
	return alternatives(names)
}

func alternatives(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = regexp.QuoteMeta(name)
	}
	return strings.Join(quoted, "|")
}
