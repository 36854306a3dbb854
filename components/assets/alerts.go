package assets

import (
	"embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

// runbook is where a person who is called reads on, by the alert's key.
const runbook = "https://github.com/amora-sync/mqtt-on-azure/blob/main/docs/runbook.md#"

// Severities, as Azure counts them. Errors and worse call somebody at night; the rest can wait for the morning.
const (
	critical = iota // clients can't use the broker
	failing         // clients notice, or soon will
	warning         // nobody notices yet
	notable         // somebody should look at it one day
)

// Watch is what alerts and workbook depend on.
type Watch struct {
	Broker       CollectedBroker
	Nodes        int     // that always run
	Connections  int     // that they hold together, by the plan
	DailyQuotaGB float64 // of the workspace, in 10⁹ bytes
}

func (w Watch) check() error {
	if _, known := collectedBrokers[w.Broker]; !known {
		return fmt.Errorf("%q is no broker", w.Broker)
	}
	if w.Nodes <= 0 || w.Connections <= 0 || w.DailyQuotaGB <= 0 {
		return errors.New("nodes, connections and daily quota must be given")
	}
	return nil
}

// unmeasured is what a broker has no metric for. What looks at it alone would see nothing, and is left out.
var unmeasured = map[CollectedBroker]string{CollectedHiveMQ: MetricAuthenticationFailures,
	CollectedVerneMQ: MetricSubscriptions}

func (w Watch) measures(query string) bool {
	metric, lacks := unmeasured[w.Broker]
	return !lacks || !strings.Contains(query, strconv.Quote(metric))
}

// QueryAlert is a rule that fires when its query on the workspace gives a row. The query looks back over Window by
// itself.
type QueryAlert struct {
	Key, Title, Description string
	Query                   string
	Severity                int    // 0 (critical) to 4
	Every, Window           string // ISO 8601
	Runbook                 string // URL
}

//go:embed monitoring
var monitoringFiles embed.FS

// queryAlerts are the rules of every broker, in the order in which a person would want to know. A rule costs $1.50 a
// month at five minutes and $0.50 at fifteen or more (https://azure.microsoft.com/pricing/details/monitor): five are
// for what calls somebody at night. A minute ($3.00) would gain little, since reports take one to three minutes to
// arrive.
var queryAlerts = []QueryAlert{
	{Key: "no-node", Title: "No node serves clients", Severity: critical, Every: "PT5M", Window: "PT15M"},
	{Key: "collector-silent", Title: "Nothing is reported", Severity: failing, Every: "PT5M", Window: "PT10M"},
	{Key: "cluster-split", Title: "The cluster is split", Severity: failing, Every: "PT5M", Window: "PT10M"},
	{Key: "connections-full", Title: "Connections: 95 % of the plan", Severity: failing, Every: "PT5M", Window: "PT5M"},
	{Key: "certificate-expires-now", Title: "The certificate expires within 7 days", Severity: failing, Every: "PT1H",
		Window: "PT1H"},
	{Key: "certificate-expires-soon", Title: "The certificate expires within 30 days", Severity: warning, Every: "PT1H",
		Window: "PT1H"},
	{Key: "node-missing", Title: "A node is missing", Severity: warning, Every: "PT15M", Window: "PT15M"},
	{Key: "connections-high", Title: "Connections: 80 % of the plan", Severity: warning, Every: "PT15M", Window: "PT15M"},
	{Key: "messages-dropped", Title: "Messages are dropped", Severity: warning, Every: "PT15M", Window: "PT15M"},
	{Key: "authentication-failures", Title: "Many logins fail", Severity: notable, Every: "PT15M", Window: "PT15M"},
	{Key: "daily-cap", Title: "The workspace's daily cap", Severity: warning, Every: "PT1H", Window: "P1D"},
}

// certificateRefused is about the script that readies a certificate for HAProxy and VerneMQ. HiveMQ's gateway reads the
// vault by itself.
var certificateRefused = QueryAlert{
	Key: "certificate-refused", Title: "A new certificate is refused", Severity: warning, Every: "PT30M", Window: "PT30M",
}

// brokerAlerts are about what only some brokers have: pods, machines, a certificate of their own.
var brokerAlerts = map[CollectedBroker][]QueryAlert{
	CollectedEMQX: {certificateRefused},
	CollectedHiveMQ: {
		{Key: "pods-unwell", Title: "A pod does not run, or restarts", Severity: warning, Every: "PT15M", Window: "PT15M"},
	},
	CollectedVerneMQ: {
		certificateRefused,
		{Key: "machine-disk", Title: "A machine's disk fills up", Severity: warning, Every: "PT30M", Window: "PT30M"},
	},
}

// QueryAlerts are the rules on the workspace. Their descriptions are what their queries begin with.
func (w Watch) QueryAlerts() ([]QueryAlert, error) {
	if err := w.check(); err != nil {
		return nil, fmt.Errorf("alerts: %w", err)
	}
	var alerts []QueryAlert
	for _, a := range slices.Concat(queryAlerts, brokerAlerts[w.Broker]) {
		query, err := w.query("alerts/" + a.Key)
		if err != nil {
			return nil, err
		}
		if !w.measures(query) {
			continue
		}
		first, _, _ := strings.Cut(query, "\n")
		a.Description = fmt.Sprintf("%s: %s", w.Broker, strings.TrimPrefix(first, "// "))
		a.Query, a.Runbook = query, runbook+a.Key
		alerts = append(alerts, a)
	}
	return alerts, nil
}

// query is a query with the plan's figures filled in.
func (w Watch) query(name string) (string, error) {
	text, err := monitoringFiles.ReadFile("monitoring/" + name + ".kql")
	if err != nil {
		return "", err
	}
	parsed, err := template.New(name).Parse(string(text))
	if err != nil {
		return "", fmt.Errorf("query %s: %w", name, err)
	}
	var out strings.Builder
	if err := parsed.Execute(&out, watchData{w}); err != nil {
		return "", fmt.Errorf("query %s: %w", name, err)
	}
	return out.String(), nil
}

// watchData is what the queries see: the fields of Watch, and the constants under names of their own.
type watchData struct{ Watch }

func (watchData) Namespace() string { return HiveMQNamespace }

// MetricAlert is a rule on a metric that Azure measures by itself. It fires when the aggregate over Window is on the
// wrong side of Threshold.
type MetricAlert struct {
	Key, Title, Description string
	Namespace, Metric       string // Microsoft's names
	Each                    string // dimension of the metric whose values are watched one by one; "": all together
	Aggregation             string // Average, Minimum, Maximum or Total
	Operator                string // GreaterThan or LessThan
	Threshold               float64
	Severity                int    // 0 (critical) to 4
	Every, Window           string // ISO 8601
	Runbook                 string // URL
}

// described gives the rules of one kind of resource what all of them have. Names, aggregations and how often a metric
// is measured are those of https://learn.microsoft.com/azure/azure-monitor/reference/metrics-index. A rule costs $0.10
// a month, however often it looks.
func described(namespace string, alerts ...MetricAlert) []MetricAlert {
	for i := range alerts {
		alerts[i].Namespace, alerts[i].Runbook = namespace, runbook+alerts[i].Key
	}
	return alerts
}

// DatabaseAlerts watch the PostgreSQL server.
func DatabaseAlerts() []MetricAlert {
	return described("Microsoft.DBforPostgreSQL/flexibleServers",
		MetricAlert{
			Key: "database-down", Title: "The database is down", Severity: critical, Every: "PT1M", Window: "PT5M",
			Metric: "is_db_alive", Aggregation: "Maximum", Operator: "LessThan", Threshold: 1,
			Description: "For five minutes the database did not answer at all: longer than a failover takes (one to " +
				"two minutes). New clients can't log in.",
		},
		MetricAlert{
			Key: "database-failover", Title: "The database was away", Severity: warning, Every: "PT5M", Window: "PT5M",
			Metric: "is_db_alive", Aggregation: "Minimum", Operator: "LessThan", Threshold: 1,
			Description: "The database did not answer for a moment: it failed over to its standby, or restarted.",
		},
		MetricAlert{
			Key: "database-cpu", Title: "The database's CPU is busy", Severity: warning, Every: "PT5M", Window: "PT15M",
			Metric: "cpu_percent", Aggregation: "Average", Operator: "GreaterThan", Threshold: 90,
			Description: "More than 90 % of the database's CPU were busy for a quarter of an hour: logins queue up.",
		},
		MetricAlert{
			Key: "database-storage", Title: "The database's storage fills up", Severity: failing, Every: "PT15M",
			Window: "PT15M",
			Metric: "storage_percent", Aggregation: "Average", Operator: "GreaterThan", Threshold: 85,
			// https://learn.microsoft.com/azure/postgresql/flexible-server/concepts-storage
			Description: "More than 85 % of the storage is used. Azure should have grown it at 80 %; at 95 % the " +
				"server takes no changes any more.",
		},
	)
}

// ReplicationAlerts watch a PostgreSQL server that another one follows. How long a replica lags behind says nothing
// where nobody writes: the time since the last change grows by itself.
func ReplicationAlerts() []MetricAlert {
	return described("Microsoft.DBforPostgreSQL/flexibleServers", MetricAlert{
		Key: "replica-behind", Title: "The second region's database is behind", Severity: failing, Every: "PT5M",
		Window: "PT15M",
		// Eight files of the write-ahead log. A server on which nobody writes begins one every five minutes.
		Metric: "physical_replication_delay_in_bytes", Aggregation: "Minimum", Operator: "GreaterThan", Threshold: 128 << 20,
		Description: "For a quarter of an hour the replica lacked 128 MiB of changes or more. New users and rules " +
			"don't reach the second region.",
	})
}

// RegionAlerts watch a Traffic Manager profile with an endpoint for each region.
func RegionAlerts() []MetricAlert {
	return described("Microsoft.Network/trafficManagerProfiles", MetricAlert{
		Key: "region-unreachable", Title: "A region is not reached", Severity: failing, Every: "PT1M", Window: "PT5M",
		Metric: "ProbeAgentCurrentEndpointStateByProfileResourceId", Each: "EndpointName", Aggregation: "Maximum",
		Operator: "LessThan", Threshold: 1,
		Description: "For five minutes Traffic Manager's probes of one region failed. Clients are led to the other " +
			"one, and there is no third.",
	})
}

// RedisAlerts watch the cache of topic rules: the one of the service "managed" or "classic". It measures every five
// minutes.
func RedisAlerts(service string) []MetricAlert {
	namespace := "Microsoft.Cache/redisEnterprise"
	if service == "classic" {
		namespace = "Microsoft.Cache/redis"
	}
	return described(namespace,
		MetricAlert{
			Key: "redis-memory", Title: "Redis is nearly full", Severity: warning, Every: "PT15M", Window: "PT15M",
			Metric: "usedmemorypercentage", Aggregation: "Maximum", Operator: "GreaterThan", Threshold: 85,
			Description: "More than 85 % of the memory is used. Nothing is evicted: a full Redis takes no new topic rules.",
		},
		MetricAlert{
			Key: "redis-load", Title: "Redis is busy", Severity: warning, Every: "PT5M", Window: "PT15M",
			Metric: "serverLoad", Aggregation: "Maximum", Operator: "GreaterThan", Threshold: 80,
			// Peaks rather than averages, and 80 %, by https://learn.microsoft.com/azure/redis/best-practices-server-load.
			Description: "Redis was more than 80 % busy: rules are looked up late, what is not found in time is " +
				"denied, and it may fail over.",
		},
	)
}

// GatewayAlerts watch an Application Gateway (v2) with two ways to one back end: MQTT and WebSocket to the brokers'
// load balancer. Each counts one unhealthy host or none, and the average of both is what is measured.
func GatewayAlerts() []MetricAlert {
	return described("Microsoft.Network/applicationGateways", MetricAlert{
		Key: "gateway-unhealthy", Title: "The gateway reaches no broker", Severity: critical, Every: "PT1M", Window: "PT5M",
		Metric: "UnhealthyHostCount", Aggregation: "Average", Operator: "GreaterThan", Threshold: 0.25,
		Description: "For more than half of five minutes, the gateway's probes failed: clients of mqtts://, of " +
			"wss://, or of both reach nothing.",
	})
}

// BalancerAlerts watch a Standard Load Balancer in front of the nodes.
func BalancerAlerts() []MetricAlert {
	return described("Microsoft.Network/loadBalancers",
		MetricAlert{
			Key: "balancer-path", Title: "The load balancer passes nothing on", Severity: critical, Every: "PT1M",
			Window: "PT5M",
			Metric: "VipAvailability", Aggregation: "Average", Operator: "LessThan", Threshold: 90,
			Description: "Azure's own test of the way from the public address to the nodes failed for half a minute " +
				"or more of five: Azure has a fault, or no node serves.",
		},
		MetricAlert{
			Key: "balancer-probes", Title: "Most nodes fail the load balancer's probes", Severity: failing,
			Every: "PT1M", Window: "PT5M",
			Metric: "DipAvailability", Aggregation: "Average", Operator: "LessThan", Threshold: 50,
			Description: "More than half of the probes failed for five minutes: the nodes that are left carry " +
				"everybody. One node of three makes 67 %.",
		},
	)
}

// FrontDoorAlerts watch the way of WebSocket clients.
func FrontDoorAlerts() []MetricAlert {
	return described("Microsoft.Cdn/profiles", MetricAlert{
		Key: "front-door-origin", Title: "Front Door reaches no broker", Severity: failing, Every: "PT1M", Window: "PT5M",
		Metric: "OriginHealthPercentage", Aggregation: "Average", Operator: "LessThan", Threshold: 50,
		Description: "Most of Front Door's probes failed for five minutes: clients of wss:// can't connect. Those of " +
			"mqtts:// go another way.",
	})
}

// VaultAlerts watch the key vault.
func VaultAlerts() []MetricAlert {
	return described("Microsoft.KeyVault/vaults", MetricAlert{
		Key: "vault-unavailable", Title: "The key vault fails", Severity: warning, Every: "PT15M", Window: "PT1H",
		Metric: "Availability", Aggregation: "Average", Operator: "LessThan", Threshold: 90,
		// Nodes that run need the vault once an hour or less.
		Description: "More than a tenth of the requests of an hour failed in the vault itself: nodes can't start, " +
			"and no new certificate is picked up.",
	})
}
