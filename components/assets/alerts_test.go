package assets

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// metricAlerts are all there are, by key; both kinds of Redis have the same.
func metricAlerts() []MetricAlert {
	return slices.Concat(DatabaseAlerts(), RedisAlerts("managed"), GatewayAlerts(), BalancerAlerts(), FrontDoorAlerts(),
		VaultAlerts(), ReplicationAlerts(), RegionAlerts())
}

// queryAlertsOf are the alerts of every broker.
func queryAlertsOf(t *testing.T) map[CollectedBroker][]QueryAlert {
	t.Helper()
	all := map[CollectedBroker][]QueryAlert{}
	for _, broker := range brokers {
		w := watched
		w.Broker = broker
		var err error
		if all[broker], err = w.QueryAlerts(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

var lookBacks = regexp.MustCompile(`ago\((\d+)([mhd])\)`)

func TestAQueryLooksBackAsFarAsItsRuleAndAsOftenAsAzureAllows(t *testing.T) {
	allowed := []string{"PT5M", "PT10M", "PT15M", "PT30M", "PT45M", "PT1H", "PT2H", "PT3H", "PT4H", "PT5H", "PT6H", "P1D"}
	for broker, alerts := range queryAlertsOf(t) {
		for _, a := range alerts {
			if !slices.Contains(allowed, a.Every) || !slices.Contains(append(allowed, "P2D"), a.Window) ||
				windows[a.Every] > windows[a.Window] {
				t.Errorf("%s looks every %s over %s", a.Key, a.Every, a.Window)
			}
			found := lookBacks.FindAllStringSubmatch(a.Query, -1)
			if len(found) == 0 {
				t.Errorf("%s, %s: the query has no ago()", broker, a.Key)
			}
			for _, f := range found {
				unit := strings.ToUpper(f[2])
				if written := map[bool]string{true: "P", false: "PT"}[unit == "D"] + f[1] + unit; written != a.Window {
					t.Errorf("%s looks back %s, its rule %s", a.Key, f[0], a.Window)
				}
			}
		}
	}
}

// What Microsoft publishes of the metrics: how they may be aggregated, and how often they are measured.
// Source: https://learn.microsoft.com/azure/azure-monitor/reference/metrics-index
var published = map[string]map[string]struct{ aggregations, grain string }{
	"Microsoft.DBforPostgreSQL/flexibleServers": {
		"is_db_alive": {"Average Maximum Minimum", "PT1M"}, "cpu_percent": {"Average Maximum Minimum", "PT1M"},
		"storage_percent":                     {"Average Maximum Minimum", "PT1M"},
		"physical_replication_delay_in_bytes": {"Average Maximum Minimum", "PT1M"}},
	"Microsoft.Cache/redisEnterprise": {"usedmemorypercentage": {"Maximum", "PT5M"},
		"serverLoad": {"Maximum", "PT5M"}},
	"Microsoft.Cache/redis": {"usedmemorypercentage": {"Maximum", "PT1M"},
		"serverLoad": {"Maximum", "PT1M"}},
	"Microsoft.Network/applicationGateways": {"UnhealthyHostCount": {"Average", "PT1M"}},
	"Microsoft.Network/loadBalancers": {"VipAvailability": {"Average", "PT1M"},
		"DipAvailability": {"Average", "PT1M"}},
	"Microsoft.Cdn/profiles":                   {"OriginHealthPercentage": {"Average", "PT1M"}},
	"Microsoft.Network/trafficManagerProfiles": {"ProbeAgentCurrentEndpointStateByProfileResourceId": {"Maximum", "PT1M"}},
	"Microsoft.KeyVault/vaults":                {"Availability": {"Average", "PT1M"}},
}

func TestAMetricAlertIsOnAMetricThatAzureHasAndAsOftenAsItAllows(t *testing.T) {
	every, over := []string{"PT1M", "PT5M", "PT15M", "PT30M", "PT1H"},
		[]string{"PT1M", "PT5M", "PT15M", "PT30M", "PT1H", "PT6H", "PT12H", "P1D"}
	seen := map[string]bool{}
	for _, a := range append(metricAlerts(), RedisAlerts("classic")...) {
		seen[a.Namespace] = true
		metric, there := published[a.Namespace][a.Metric]
		if !there || !slices.Contains(strings.Fields(metric.aggregations), a.Aggregation) {
			t.Errorf("%s: %s has no %s of %s", a.Key, a.Namespace, a.Aggregation, a.Metric)
		}
		if slices.Index(every, a.Every) < 0 || slices.Index(over, a.Window) < slices.Index(over, a.Every) {
			t.Errorf("%s looks every %s over %s", a.Key, a.Every, a.Window)
		}
		if slices.Index(over, a.Window) < slices.Index(over, metric.grain) {
			t.Errorf("%s looks at %s of what is measured every %s", a.Key, a.Window, metric.grain)
		}
		if a.Operator != "GreaterThan" && a.Operator != "LessThan" {
			t.Errorf("%s: operator %q", a.Key, a.Operator)
		}
	}
	if len(seen) != len(published) {
		t.Errorf("alerts are on %v", seen)
	}
}

// described is what all alerts have.
type anyAlert struct {
	key, title, description, runbook string
	severity                         int
}

// allAlerts are those of every broker and resource, each once.
func allAlerts(t *testing.T) map[string]anyAlert {
	t.Helper()
	all := map[string]anyAlert{}
	for _, alerts := range queryAlertsOf(t) {
		for _, a := range alerts {
			all[a.Key] = anyAlert{a.Key, a.Title, a.Description, a.Runbook, a.Severity}
		}
	}
	for _, a := range metricAlerts() {
		if _, twice := all[a.Key]; twice {
			t.Errorf("two alerts are called %s", a.Key)
		}
		all[a.Key] = anyAlert{a.Key, a.Title, a.Description, a.Runbook, a.Severity}
	}
	return all
}

func TestAnAlertSaysInOnePlainLineWhatItMeans(t *testing.T) {
	for key, a := range allAlerts(t) {
		if len(a.title) < 10 || len(a.title) > 50 || strings.HasSuffix(a.title, ".") {
			t.Errorf("%s has the title %q", key, a.title)
		}
		if len(a.description) < 40 || len(a.description) > 180 || !strings.HasSuffix(a.description, ".") ||
			strings.ContainsAny(a.description, "\n{}|") {
			t.Errorf("%s has the description %q", key, a.description)
		}
		if a.severity < 0 || a.severity > 3 {
			t.Errorf("%s has the severity %d", key, a.severity)
		}
	}
}

var sections = regexp.MustCompile(`(?m)^## (.+)$`)

func TestEveryAlertHasASectionOfTheRunbookAndEverySectionAnAlert(t *testing.T) {
	text, err := os.ReadFile("../../docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	alerts := allAlerts(t)
	bounds := sections.FindAllStringSubmatchIndex(string(text), -1)
	found := map[string]bool{}
	for i, b := range bounds {
		name, end := string(text[b[2]:b[3]]), len(text)
		if i+1 < len(bounds) {
			end = bounds[i+1][0]
		}
		found[name] = true
		if _, is := alerts[name]; !is {
			t.Errorf("the section %s is about no alert", name)
		}
		at := 0
		for _, part := range []string{"**Means.**", "**Look.**", "**Do.**", "**Over when**"} {
			next := strings.Index(string(text[b[1]:end]), part)
			if next < at {
				t.Errorf("the section %s lacks %q, or has it too early", name, part)
			}
			at = next
		}
	}
	for key, a := range alerts {
		if !found[key] || a.runbook != "https://github.com/amora-sync/mqtt-on-azure/blob/main/docs/runbook.md#"+key {
			t.Errorf("%s links to %s, which is not there", key, a.runbook)
		}
	}
	for _, link := range regexp.MustCompile(`\]\(#([a-z-]+)\)`).FindAllStringSubmatch(string(text), -1) {
		if !found[link[1]] {
			t.Errorf("the runbook links to %s, which it lacks", link[1])
		}
	}
}

func TestABrokerHasNoAlertOnWhatItDoesNotMeasure(t *testing.T) {
	for broker, alerts := range queryAlertsOf(t) {
		has := slices.ContainsFunc(alerts, func(a QueryAlert) bool { return a.Key == "authentication-failures" })
		if has != (broker != CollectedHiveMQ) {
			t.Errorf("%s has an alert on failed logins: %v", broker, has)
		}
		for key, of := range map[string][]CollectedBroker{
			"machine-disk": {CollectedVerneMQ}, "pods-unwell": {CollectedHiveMQ},
			"certificate-refused": {CollectedEMQX, CollectedVerneMQ},
		} {
			if has := slices.ContainsFunc(alerts,
				func(a QueryAlert) bool { return a.Key == key }); has != slices.Contains(of, broker) {
				t.Errorf("%s has %s: %v", broker, key, has)
			}
		}
	}
	for _, broker := range brokers {
		measured := []string{MetricNodesRunning} // VerneMQ's nodes report it by themselves
		for _, m := range collectedBrokers[broker].Metrics {
			measured = append(measured, m.Name)
		}
		for _, metric := range []string{MetricSubscriptions, MetricAuthenticationFailures, MetricMessagesDropped,
			MetricNodesRunning, MetricConnections} {
			if (unmeasured[broker] == metric) == slices.Contains(measured, metric) {
				t.Errorf("%s measures %v, and %s is said to be unmeasured: %v", broker, measured, metric,
					unmeasured[broker] == metric)
			}
		}
	}
}

func TestAWatchThatLacksAFigureIsRefused(t *testing.T) {
	for what, edit := range map[string]func(*Watch){
		"broker":      func(w *Watch) { w.Broker = "Mosquitto" },
		"nodes":       func(w *Watch) { w.Nodes = 0 },
		"connections": func(w *Watch) { w.Connections = 0 },
		"quota":       func(w *Watch) { w.DailyQuotaGB = -1 },
	} {
		w := watched
		edit(&w)
		if _, err := w.QueryAlerts(); err == nil {
			t.Errorf("alerts without %s are made", what)
		}
		if _, err := w.Workbook("/subscriptions/s"); err == nil {
			t.Errorf("a workbook without %s is made", what)
		}
	}
	if _, err := watched.Workbook(""); err == nil {
		t.Error("a workbook of no workspace is made")
	}
}
