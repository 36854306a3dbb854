package assets

import (
	"slices"
	"testing"
	"time"

	"github.com/amora-sync/mqtt-on-azure/internal/kql"
)

var (
	watched = Watch{Broker: CollectedVerneMQ, Nodes: 3, Connections: 10_000, DailyQuotaGB: 2}
	brokers = []CollectedBroker{CollectedEMQX, CollectedHiveMQ, CollectedVerneMQ}
	noon    = time.Date(2026, 11, 24, 12, 0, 30, 0, time.UTC)
)

// The tables that alerts read, with the columns that they look at.
var tables = map[string][]kql.Column{
	"AppMetrics": {{Name: "TimeGenerated", Type: kql.DateTime}, {Name: "Name", Type: kql.String},
		{Name: "Sum", Type: kql.Real}, {Name: "Properties", Type: kql.Dynamic}},
	"Usage": {{Name: "TimeGenerated", Type: kql.DateTime}, {Name: "DataType", Type: kql.String},
		{Name: "Quantity", Type: kql.Real},
		{Name: "IsBillable", Type: kql.Bool}},
	"_LogOperation": {{Name: "TimeGenerated", Type: kql.DateTime}, {Name: "Category", Type: kql.String},
		{Name: "Detail", Type: kql.String}},
	"Perf": {{Name: "TimeGenerated", Type: kql.DateTime}, {Name: "Computer", Type: kql.String},
		{Name: "ObjectName", Type: kql.String},
		{Name: "CounterName", Type: kql.String}, {Name: "InstanceName", Type: kql.String},
		{Name: "CounterValue", Type: kql.Real}},
	"KubePodInventory": {{Name: "TimeGenerated", Type: kql.DateTime}, {Name: "Namespace", Type: kql.String},
		{Name: "Name", Type: kql.String},
		{Name: "PodUid", Type: kql.String}, {Name: "PodStatus", Type: kql.String}, {Name: "PodRestartCount", Type: kql.Int}},
	"ContainerAppConsoleLogs": {{Name: "TimeGenerated", Type: kql.DateTime},
		{Name: "ContainerAppName", Type: kql.String}, {Name: "Log", Type: kql.String}},
	"Syslog": {{Name: "TimeGenerated", Type: kql.DateTime}, {Name: "Computer", Type: kql.String},
		{Name: "SyslogMessage", Type: kql.String}},
}

// entry is a row of a table, and how many minutes ago it was written.
type entry struct {
	table string
	ago   int
	cells []any
}

// each repeats a report of a node in every minute from some minutes ago until some minutes ago.
func each(metric, node string, value float64, from, until int) []entry {
	var all []entry
	for ago := from; ago >= until; ago-- {
		all = append(all, entry{"AppMetrics", ago, []any{metric, value, map[string]any{"node": node}}})
	}
	return all
}

// threeNodes report the same for an hour.
func threeNodes(metric string, value float64) []entry {
	return slices.Concat(each(metric, "a", value, 60, 0), each(metric, "b", value, 60, 0), each(metric, "c", value, 60, 0))
}

// data are the entries that Azure shows to a rule: those of its window.
func data(t *testing.T, window time.Duration, entries ...[]entry) kql.Database {
	t.Helper()
	db := kql.Database{}
	for name, columns := range tables {
		db[name] = kql.Table{Columns: columns}
	}
	if len(entries) > 0 { // others write into the same table
		entries = append(slices.Clone(entries), each("requests", "y", -5e5, 60, 0), each("requests", "z", 1e6, 60, 0))
	}
	for _, e := range slices.Concat(entries...) {
		if age := time.Duration(e.ago) * time.Minute; age < window {
			table := db[e.table]
			table.Rows = append(table.Rows, append([]any{noon.Add(-age)}, e.cells...))
			db[e.table] = table
		}
	}
	return db
}

var windows = map[string]time.Duration{
	"PT5M": 5 * time.Minute, "PT10M": 10 * time.Minute, "PT15M": 15 * time.Minute, "PT30M": 30 * time.Minute,
	"PT1H": time.Hour, "P1D": 24 * time.Hour,
}

// queryAlert finds an alert by its key, of the first broker that has it.
func queryAlert(t *testing.T, key string) QueryAlert {
	t.Helper()
	for _, broker := range brokers {
		w := watched
		w.Broker = broker
		alerts, err := w.QueryAlerts()
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range alerts {
			if a.Key == key {
				return a
			}
		}
	}
	t.Fatalf("there is no alert %s", key)
	return QueryAlert{}
}

func used(computer, disk, counter string, percents ...float64) []entry {
	var all []entry
	for i, percent := range percents {
		all = append(all, entry{"Perf", 20 - i, []any{computer, "Logical Disk", counter, disk, percent}})
	}
	return all
}

// pod writes its status each minute for twelve minutes, and its restarts: first the one count, then the other.
func pod(namespace, uid, status string, before, after int64) []entry {
	var all []entry
	for ago := 12; ago >= 0; ago-- {
		count := before
		if ago < 6 {
			count = after
		}
		all = append(all, entry{"KubePodInventory", ago, []any{namespace, "broker-0", uid, status, count}})
	}
	return all
}

func ingested(megabytes float64, billable bool) []entry {
	return []entry{{"Usage", 23 * 60, []any{"AppMetrics", megabytes / 2, billable}},
		{"Usage", 60, []any{"Syslog", megabytes / 2, billable}}}
}

func stopped(category, detail string, ago int) []entry {
	return []entry{{"_LogOperation", ago, []any{category, detail}}}
}

func TestARefusedCertificateIsToldWhereverItIsRefused(t *testing.T) {
	tables := map[CollectedBroker]string{CollectedEMQX: "ContainerAppConsoleLogs", CollectedVerneMQ: "Syslog"}
	const refused = "certificate refused: expired at 2026-11-24 11:00:00Z: subject=CN = mqtt.example.com"
	for broker, table := range tables {
		w := watched
		w.Broker = broker
		alerts, err := w.QueryAlerts()
		if err != nil {
			t.Fatal(err)
		}
		alert := alerts[slices.IndexFunc(alerts, func(a QueryAlert) bool { return a.Key == "certificate-refused" })]
		for line, fires := range map[string]bool{refused: true,
			"certificate: subject=CN = mqtt.example.com until 2027-01-01 00:00:00Z": false} {
			result, err := kql.Run(alert.Query, data(t, windows[alert.Window], []entry{{table, 29, []any{"edge", line}}}), noon)
			if err != nil {
				t.Fatal(err)
			}
			if len(result.Rows) > 0 != fires {
				t.Errorf("%s with %q: rows %v", broker, line, result.Rows)
			}
		}
	}
}

func TestAnAlertFiresWhenItShouldAndOnlyThen(t *testing.T) {
	const up, members, held = "mqtt.node.up", "mqtt.nodes.running", "mqtt.connections"
	const sent, dropped, failures, days = "mqtt.messages.sent", "mqtt.messages.dropped", "mqtt.authentication.failures",
		"mqtt.certificate.days"
	type sample = []entry
	for _, c := range []struct {
		key, when string
		fires     bool
		data      []sample
	}{
		{"no-node", "nothing is reported at all", true, nil},
		{"no-node", "nothing has been reported for a quarter of an hour", true, []sample{each(up, "a", 1, 60, 15)}},
		{"no-node", "the newest report is fourteen minutes old", false, []sample{each(up, "a", 1, 60, 14)}},
		{"no-node", "all nodes serve", false, []sample{threeNodes(up, 1)}},
		{"no-node", "one node serves", false, []sample{each(up, "a", 1, 60, 0), each(up, "b", 0, 60, 0)}},
		{"no-node", "no node serves", true, []sample{threeNodes(up, 0)}},
		{"no-node", "no node has served for three minutes", true, []sample{each(up, "a", 1, 60, 3), each(up, "a", 0, 2, 0)}},
		{"no-node", "no node has served for two minutes", false, []sample{each(up, "a", 1, 60, 2), each(up, "a", 0, 1, 0)}},
		{"no-node", "one node serves whose reports are two minutes late", false,
			[]sample{each(up, "a", 1, 60, 2), each(up, "b", 0, 60, 0)}},
		{"no-node", "the pods are gone and only the certificate is reported", true,
			[]sample{each(up, "a", 1, 60, 5), each(days, "", 60, 60, 0)}},

		{"collector-silent", "nothing is reported at all", true, nil},
		{"collector-silent", "nothing has been reported for ten minutes", true, []sample{threeNodesUntil(up, 10)}},
		{"collector-silent", "the newest report is nine minutes old", false, []sample{threeNodesUntil(up, 9)}},
		{"collector-silent", "only others report", true, []sample{each("requests", "a", 1, 60, 0)}},

		{"cluster-split", "nothing is reported at all", false, nil},
		{"cluster-split", "all see each other", false, []sample{threeNodes(up, 1), threeNodes(members, 3)}},
		{"cluster-split", "one is apart", true,
			[]sample{threeNodes(up, 1), each(members, "a", 1, 60, 0), each(members, "b", 2, 60, 0),
				each(members, "c", 2, 60, 0)}},
		{"cluster-split", "two halves see as many members", true, []sample{
			threeNodes(up, 1), each(up, "d", 1, 60, 0), threeNodes(members, 2), each(members, "d", 2, 60, 0)}},
		{"cluster-split", "the reports of one half are two minutes late", true, []sample{
			each(up, "a", 1, 60, 0), each(up, "b", 1, 60, 2), each(members, "a", 1, 60, 0), each(members, "b", 1, 60, 2)}},
		{"cluster-split", "one is apart, and all reports are four minutes late", true, []sample{
			threeNodesUntil(up, 4), each(members, "a", 1, 60, 4), each(members, "b", 2, 60, 4), each(members, "c", 2, 60, 4)}},
		{"cluster-split", "one was apart and sees all again", false, []sample{
			threeNodes(up, 1), each(members, "a", 1, 60, 1), each(members, "a", 3, 0, 0), each(members, "b", 3, 60, 0),
			each(members, "c", 3, 60, 0)}},
		{"cluster-split", "one has been apart for less than ten minutes", false, []sample{
			threeNodes(up, 1), each(members, "a", 3, 60, 9), each(members, "a", 1, 8, 0), each(members, "b", 3, 60, 0),
			each(members, "c", 3, 60, 0)}},
		{"cluster-split", "one is gone, and the others have dropped it", false, []sample{
			each(up, "a", 1, 60, 0), each(up, "b", 1, 60, 0), each(up, "c", 1, 60, 3), each(members, "a", 2, 9, 0),
			each(members, "b", 2, 9, 0)}},
		{"cluster-split", "one does not serve, and the others have dropped it", false, []sample{
			each(up, "a", 1, 60, 0), each(up, "b", 1, 60, 0), each(up, "c", 0, 60, 0), each(members, "a", 2, 60, 0),
			each(members, "b", 2, 60, 0)}},
		{"cluster-split", "one has started four minutes ago", false, []sample{
			threeNodes(up, 1), each(members, "a", 3, 60, 0), each(members, "b", 3, 60, 0), each(members, "c", 1, 3, 0)}},
		{"cluster-split", "one has started five minutes ago and found nobody", true, []sample{
			threeNodes(up, 1), each(members, "a", 3, 60, 0), each(members, "b", 3, 60, 0), each(members, "c", 1, 4, 0)}},
		{"cluster-split", "the reports of one are four minutes late", false, []sample{
			each(up, "a", 1, 60, 0), each(up, "b", 1, 60, 0), each(up, "c", 1, 60, 4),
			each(members, "a", 3, 60, 0), each(members, "b", 3, 60, 0), each(members, "c", 3, 60, 4)}},

		{"connections-high", "nothing is reported at all", false, nil},
		{"connections-high", "80 % are held", true, []sample{each(held, "a", 4000, 60, 0), each(held, "b", 4000, 60, 0)}},
		{"connections-high", "one less is held", false, []sample{each(held, "a", 4000, 60, 0), each(held, "b", 3999, 60, 0)}},
		{"connections-high", "95 % are held, which is connections-full", false, []sample{each(held, "a", 9500, 60, 0)}},
		{"connections-high", "one less than 95 % is held", true, []sample{each(held, "a", 9499, 60, 0)}},
		{"connections-high", "a node has stopped, and the other took its clients", false,
			[]sample{each(held, "a", 7000, 60, 0), each(held, "b", 2000, 60, 3)}},
		{"connections-high", "the reports of one are two minutes late", true,
			[]sample{each(held, "a", 4000, 60, 0), each(held, "b", 4000, 60, 2)}},
		{"connections-high", "a dip was short", true, []sample{each(held, "a", 8500, 60, 3), each(held, "a", 7000, 2, 0)}},
		{"connections-high", "a peak was short", false, []sample{each(held, "a", 7000, 60, 3), each(held, "a", 9000, 2, 0)}},
		{"connections-full", "nothing is reported at all", false, nil},
		{"connections-full", "95 % are held", true, []sample{each(held, "a", 9500, 60, 0)}},
		{"connections-full", "one less is held", false, []sample{each(held, "a", 9499, 60, 0)}},
		{"connections-full", "a peak was short", false, []sample{each(held, "a", 9400, 60, 2), each(held, "a", 9600, 1, 0)}},
		{"connections-full", "a dip was short", true, []sample{each(held, "a", 9600, 60, 2), each(held, "a", 9400, 1, 0)}},
		{"connections-full", "a node has stopped, and the other took its clients", false,
			[]sample{each(held, "a", 9000, 60, 0), each(held, "b", 4000, 60, 3)}},
		{"connections-full", "the reports of one are two minutes late", true,
			[]sample{each(held, "a", 5000, 60, 0), each(held, "b", 5000, 60, 2)}},

		{"certificate-expires-soon", "nothing is reported at all", false, nil},
		{"certificate-expires-soon", "30 days are left", false, []sample{each(days, "", 30, 60, 0)}},
		{"certificate-expires-soon", "less than 30 days are left", true, []sample{each(days, "", 29.9, 60, 0)}},
		{"certificate-expires-soon", "7 days are left", true, []sample{each(days, "", 7, 60, 0)}},
		{"certificate-expires-soon", "less than 7 days are left, which is certificate-expires-now", false,
			[]sample{each(days, "", 6.9, 60, 0)}},
		{"certificate-expires-soon", "it was renewed a minute ago", false,
			[]sample{each(days, "", 20, 60, 1), each(days, "", 90, 0, 0)}},
		{"certificate-expires-soon", "one node still shows the old one", true,
			[]sample{each(days, "a", 20, 60, 0), each(days, "b", 90, 60, 0)}},
		{"certificate-expires-now", "nothing is reported at all", false, nil},
		{"certificate-expires-now", "7 days are left", false, []sample{each(days, "", 7, 60, 0)}},
		{"certificate-expires-now", "less than 7 days are left", true, []sample{each(days, "", 6.9, 60, 0)}},
		{"certificate-expires-now", "it has expired", true, []sample{each(days, "", -1, 60, 0)}},
		{"certificate-expires-now", "it was renewed a minute ago", false,
			[]sample{each(days, "", 2, 60, 1), each(days, "", 90, 0, 0)}},
		{"certificate-expires-now", "one node still shows the old one", true,
			[]sample{each(days, "a", 3, 60, 0), each(days, "b", 90, 60, 0)}},

		{"node-missing", "nothing is reported at all, which is no-node", false, nil},
		{"node-missing", "no node serves, which is no-node", false, []sample{threeNodes(up, 0)}},
		{"node-missing", "all nodes serve", false, []sample{threeNodes(up, 1)}},
		{"node-missing", "one more than that serves", false, []sample{threeNodes(up, 1), each(up, "d", 1, 60, 0)}},
		{"node-missing", "one has not been heard of for a quarter of an hour", true,
			[]sample{each(up, "a", 1, 60, 0), each(up, "b", 1, 60, 0), each(up, "c", 1, 60, 15)}},
		{"node-missing", "one was heard of fourteen minutes ago", false,
			[]sample{each(up, "a", 1, 60, 0), each(up, "b", 1, 60, 0), each(up, "c", 1, 60, 14)}},
		{"node-missing", "one is reported as down", true,
			[]sample{each(up, "a", 1, 60, 0), each(up, "b", 1, 60, 0), each(up, "c", 0, 60, 0)}},
		{"node-missing", "two are", true,
			[]sample{each(up, "a", 1, 60, 0), each(up, "b", 0, 60, 0), each(up, "c", 0, 60, 0)}},

		{"messages-dropped", "nothing is reported at all", false, nil},
		{"messages-dropped", "a hundred of ten thousand", true,
			[]sample{each(sent, "a", 9900, 1, 1), each(dropped, "a", 50, 1, 0)}},
		{"messages-dropped", "a hundred of a little more", false,
			[]sample{each(sent, "a", 9901, 1, 1), each(dropped, "a", 50, 1, 0)}},
		{"messages-dropped", "fewer than a hundred, but half of all", false,
			[]sample{each(sent, "a", 99, 1, 1), each(dropped, "a", 99, 0, 0)}},
		{"messages-dropped", "all of them", true, []sample{each(dropped, "a", 100, 0, 0)}},
		{"messages-dropped", "it was long ago", false, []sample{each(dropped, "a", 100, 16, 15)}},

		{"authentication-failures", "nothing is reported at all", false, nil},
		{"authentication-failures", "300 of two nodes", true,
			[]sample{each(failures, "a", 10, 14, 0), each(failures, "b", 10, 14, 0)}},
		{"authentication-failures", "299", false, []sample{each(failures, "a", 299, 5, 5)}},
		{"authentication-failures", "300, but not within a quarter of an hour", false,
			[]sample{each(failures, "a", 10, 60, 0)}},

		{"daily-cap", "nothing is reported at all", false, nil},
		{"daily-cap", "80 % were taken", true, []sample{ingested(1600, true)}},
		{"daily-cap", "less was taken", false, []sample{ingested(1599, true)}},
		{"daily-cap", "it cost nothing", false, []sample{ingested(1600, false)}},
		{"daily-cap", "the cap was reached", true,
			[]sample{stopped("Ingestion", "OverQuota: data collection stopped until 06:00", 60)}},
		{"daily-cap", "the cap was reached the day before", false,
			[]sample{stopped("Ingestion", "OverQuota: data collection stopped until 06:00", 24*60)}},
		{"daily-cap", "an agent came late", false, []sample{stopped("Ingestion", "Data was delayed", 60)}},
		{"daily-cap", "another quota", false, []sample{stopped("Agent", "OverQuota", 60)}},

		{"machine-disk", "nothing is reported at all", false, nil},
		{"machine-disk", "the data disk is 80 % full", true, []sample{used("a", "/var/lib/vernemq", "% Used Space", 80)}},
		{"machine-disk", "the system disk is", true,
			[]sample{used("a", "/", "% Used Space", 80), used("b", "/", "% Used Space", 20)}},
		{"machine-disk", "less is used", false, []sample{used("a", "/", "% Used Space", 79.9)}},
		{"machine-disk", "a build filled it for a moment", false, []sample{used("a", "/", "% Used Space", 70, 85)}},
		{"machine-disk", "it was emptier for a moment", true, []sample{used("a", "/", "% Used Space", 85, 77)}},
		{"machine-disk", "an image that is mounted is always full", false,
			[]sample{used("a", "/snap/core", "% Used Space", 100)}},
		{"machine-disk", "another counter", false, []sample{used("a", "/", "% Free Space", 90)}},

		{"pods-unwell", "nothing is reported at all", false, nil},
		{"pods-unwell", "a pod runs", false, []sample{pod("hivemq", "u", "Running", 7, 7)}},
		{"pods-unwell", "a pod has done its work", false, []sample{pod("hivemq", "u", "Succeeded", 0, 0)}},
		{"pods-unwell", "a pod waits", true, []sample{pod("hivemq", "u", "Pending", 0, 0)}},
		{"pods-unwell", "a pod has waited for eight minutes", false, []sample{pod("hivemq", "u", "Pending", 0, 0)[4:]}},
		{"pods-unwell", "a pod has waited for nine minutes", true, []sample{pod("hivemq", "u", "Pending", 0, 0)[3:]}},
		{"pods-unwell", "a pod waited and runs now", false,
			[]sample{pod("hivemq", "u", "Pending", 0, 0)[:12], pod("hivemq", "u", "Running", 0, 0)[12:]}},
		{"pods-unwell", "a pod restarted once", false, []sample{pod("hivemq", "u", "Running", 3, 4)}},
		{"pods-unwell", "a pod restarted twice", true, []sample{pod("hivemq", "u", "Running", 3, 5)}},
		{"pods-unwell", "a pod that had restarted was replaced", false,
			[]sample{pod("hivemq", "u", "Running", 5, 5)[:6], pod("hivemq", "v", "Running", 0, 0)[6:]}},
		{"pods-unwell", "a pod of somebody else waits", false, []sample{pod("kube-system", "u", "Pending", 0, 0)}},
	} {
		alert := queryAlert(t, c.key)
		result, err := kql.Run(alert.Query, data(t, windows[alert.Window], c.data...), noon)
		if err != nil {
			t.Fatalf("%s: %v", c.key, err)
		}
		if fires := len(result.Rows) > 0; fires != c.fires {
			t.Errorf("%s when %s: fires is %v, rows %v", c.key, c.when, fires, result.Rows)
		}
	}
}

// threeNodesUntil have served clients until some minutes ago.
func threeNodesUntil(metric string, until int) []entry {
	return slices.Concat(each(metric, "a", 1, 60, until), each(metric, "b", 1, 60, until), each(metric, "c", 1, 60, until))
}
