package assets

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// expectedAlerts are what each alert is to be: how grave (0: clients can't use the broker, 1: they notice, 2: nobody
// does yet, 3: to be looked at one day), over what it looks how often, when it fires, if it is on a metric, and what
// its title or description must say of that.
var expectedAlerts = map[string]struct {
	severity  int
	condition string
	says      []string
}{
	"no-node": {0, "over PT15M every PT5M", []string{"No node", "three newest minutes",
		"nothing was reported for a quarter of an hour"}},
	"collector-silent": {1, "over PT10M every PT5M", []string{"Nothing was reported", "for ten minutes"}},
	"cluster-split":    {1, "over PT10M every PT5M", []string{"For ten minutes", "fewer members"}},
	"connections-full": {1, "over PT5M every PT5M", []string{"Connections: 95 % of the plan", "95 % or more"}},
	"certificate-expires-now": {1, "over PT1H every PT1H", []string{"The certificate expires within 7 days",
		"see expires within 7 days"}},
	"certificate-expires-soon": {2, "over PT1H every PT1H", []string{"The certificate expires within 30 days",
		"see expires within 30 days"}},
	"node-missing": {2, "over PT15M every PT15M", []string{"For a quarter of an hour, fewer nodes"}},
	"connections-high": {2, "over PT15M every PT15M", []string{"Connections: 80 % of the plan",
		"80 % or more"}},
	"messages-dropped": {2, "over PT15M every PT15M",
		[]string{"Within a quarter of an hour, a hundred messages or more", "at least one of a hundred"}},
	"authentication-failures": {3, "over PT15M every PT15M", []string{"300 logins or more",
		"within a quarter of an hour"}},
	"daily-cap": {2, "over P1D every PT1H", []string{"Within a day", "80 % or more"}},
	"pods-unwell": {2, "over PT15M every PT15M", []string{"Within a quarter of an hour",
		"restarted twice"}},
	"certificate-refused": {2, "over PT30M every PT30M", []string{"Within half an hour", "was refused"}},
	"machine-disk":        {2, "over PT30M every PT30M", []string{"80 % full or more"}},

	"database-down": {0, "over PT5M every PT1M: Maximum of is_db_alive LessThan 1", []string{"For five minutes",
		"not answer at all"}},
	"database-failover": {2, "over PT5M every PT5M: Minimum of is_db_alive LessThan 1", []string{"for a moment"}},
	"database-cpu": {2, "over PT15M every PT5M: Average of cpu_percent GreaterThan 90", []string{"More than 90 %",
		"for a quarter of an hour"}},
	"database-storage": {1, "over PT15M every PT15M: Average of storage_percent GreaterThan 85",
		[]string{"More than 85 %"}},
	"replica-behind": {1,
		"over PT15M every PT5M: Minimum of physical_replication_delay_in_bytes GreaterThan 134217728",
		[]string{"For a quarter of an hour", "128 MiB"}},
	"region-unreachable": {1,
		"over PT5M every PT1M: Maximum of ProbeAgentCurrentEndpointStateByProfileResourceId LessThan 1 each " +
			"EndpointName", []string{"For five minutes"}},
	"redis-memory": {2, "over PT15M every PT15M: Maximum of usedmemorypercentage GreaterThan 85",
		[]string{"More than 85 %"}},
	"redis-load": {2, "over PT15M every PT5M: Maximum of serverLoad GreaterThan 80",
		[]string{"more than 80 %"}},
	// Each of two ways counts one unhealthy host or none: a quarter is one of them for half of the time.
	"gateway-unhealthy": {0, "over PT5M every PT1M: Average of UnhealthyHostCount GreaterThan 0.25",
		[]string{"For more than half of five minutes"}},
	// A tenth of five minutes is half a minute.
	"balancer-path": {0, "over PT5M every PT1M: Average of VipAvailability LessThan 90",
		[]string{"for half a minute or more of five"}},
	"balancer-probes": {1, "over PT5M every PT1M: Average of DipAvailability LessThan 50",
		[]string{"More than half of the probes", "for five minutes"}},
	"front-door-origin": {1, "over PT5M every PT1M: Average of OriginHealthPercentage LessThan 50", []string{"Most of",
		"for five minutes"}},
	"vault-unavailable": {2, "over PT1H every PT15M: Average of Availability LessThan 90", []string{"More than a tenth",
		"of an hour"}},
}

func TestAnAlertIsAsGraveAndFiresAsItsDescriptionSays(t *testing.T) {
	seen := map[string]bool{}
	check := func(key, title, description string, severity int, condition string) {
		seen[key] = true
		want := expectedAlerts[key]
		if severity != want.severity || condition != want.condition || len(want.says) == 0 {
			t.Errorf("%s: severity %d, %s; want %d, %s", key, severity, condition, want.severity, want.condition)
		}
		for _, words := range want.says {
			if !strings.Contains(title+": "+description, words) {
				t.Errorf("%s does not say %q: %s", key, words, description)
			}
		}
	}
	for _, alerts := range queryAlertsOf(t) {
		for _, a := range alerts {
			check(a.Key, a.Title, a.Description, a.Severity, fmt.Sprintf("over %s every %s", a.Window, a.Every))
		}
	}
	for _, a := range slices.Concat(metricAlerts(), RedisAlerts("classic")) {
		condition := fmt.Sprintf("over %s every %s: %s of %s %s %.10g", a.Window, a.Every, a.Aggregation, a.Metric,
			a.Operator, a.Threshold)
		if a.Each != "" {
			condition += " each " + a.Each
		}
		check(a.Key, a.Title, a.Description, a.Severity, condition)
	}
	if len(seen) != len(expectedAlerts) {
		t.Errorf("%d alerts are expected, and there are %d", len(expectedAlerts), len(seen))
	}
}
