package assets

import (
	"encoding/json"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/amora-sync/mqtt-on-azure/internal/kql"
)

func tilesOf(t *testing.T, broker CollectedBroker) []Tile {
	t.Helper()
	w := watched
	w.Broker = broker
	tiles, err := w.Tiles()
	if err != nil {
		t.Fatal(err)
	}
	return tiles
}

// logs are the tables that only the workbook reads.
var logs = map[string][]kql.Column{
	"Syslog": {{Name: "TimeGenerated", Type: kql.DateTime}, {Name: "Computer", Type: kql.String},
		{Name: "ProcessName", Type: kql.String},
		{Name: "SeverityLevel", Type: kql.String}, {Name: "SyslogMessage", Type: kql.String}},
	"ContainerLogV2": {{Name: "TimeGenerated", Type: kql.DateTime}, {Name: "PodNamespace", Type: kql.String},
		{Name: "PodName", Type: kql.String},
		{Name: "LogMessage", Type: kql.Dynamic}},
	"ContainerAppConsoleLogs": {{Name: "TimeGenerated", Type: kql.DateTime},
		{Name: "ContainerAppName", Type: kql.String}, {Name: "Log", Type: kql.String}},
}

// shaking is what a node reports for an hour: within each five minutes, two less than a value to two more.
func shaking(metric, node string, value float64) []entry {
	var all []entry
	for minute := range 61 {
		all = append(all, entry{"AppMetrics", 60 - minute,
			[]any{metric, value + float64(minute%5-2), map[string]any{"node": node, "zone": "1"}}})
	}
	return all
}

// aDay is an hour of two nodes, two days of usage, and each kind of log: 21 errors, one of them twice, and the newest
// line is none.
func aDay(t *testing.T) kql.Database {
	t.Helper()
	var entries [][]entry
	for metric, values := range map[string][2]float64{
		MetricNodeUp: {-1, -1}, MetricNodesRunning: {3, 4}, MetricConnections: {2000, 1000},
		MetricMessagesReceived: {600, 300}, MetricMessagesSent: {1200, 600},
		MetricMessagesDropped: {5, 6}, MetricSubscriptions: {40, 20}, MetricAuthenticationFailures: {2, 4},
		MetricCertificateDays: {60, 70},
	} {
		entries = append(entries, shaking(metric, "a", values[0]), shaking(metric, "b", values[1]))
	}
	usage := []entry{{"Usage", 25 * 60, []any{"AppMetrics", 900.0, true}}, {"Usage", 60, []any{"Free", 800.0, false}},
		{"Usage", 60, []any{"AppMetrics", 300.5, true}},
		{"Usage", 120, []any{"AppMetrics", 200.25, true}}}
	for _, kind := range strings.Fields("a b c d e f g h") {
		usage = append(usage, entry{"Usage", 60, []any{kind, 10.0, true}})
	}
	db := data(t, 48*time.Hour, append(entries, usage)...)
	long := strings.Repeat("x", 300)
	for name, line := range map[string]func(time.Time, bool, string) []any{
		"Syslog": func(at time.Time, bad bool, say string) []any {
			return []any{at, "mqtt-0", "vernemq", "info", map[bool]string{true: "[error] ", false: "[info] "}[bad] + say}
		},
		"ContainerLogV2": func(at time.Time, bad bool, say string) []any {
			return []any{at, "hivemq", "broker-0", map[bool]string{true: "ERROR - ", false: "INFO - "}[bad] + say}
		},
		"ContainerAppConsoleLogs": func(at time.Time, bad bool, say string) []any {
			return []any{at, "emqx-0", map[bool]string{true: "error: ", false: "warning: "}[bad] + say}
		},
	} {
		table := kql.Table{Columns: logs[name]}
		for i := range 20 {
			table.Rows = append(table.Rows, line(noon.Add(-time.Hour-time.Duration(i)*time.Minute), true, strconv.Itoa(i)))
		}
		table.Rows = append(table.Rows, line(noon.Add(-2*time.Minute), true, long),
			line(noon.Add(-time.Minute), true, long), line(noon, false, "well"))
		db[name] = table
	}
	others := db["ContainerLogV2"]
	others.Rows = append(others.Rows, []any{noon, "kube-system", "dns", "ERROR"})
	db["ContainerLogV2"] = others
	return db
}

func result(t *testing.T, broker CollectedBroker, title string, db kql.Database) kql.Table {
	t.Helper()
	for _, tile := range tilesOf(t, broker) {
		if strings.HasPrefix(tile.Title, title) {
			table, err := kql.Run(tile.Query, db, noon)
			if err != nil {
				t.Fatalf("%s: %v", title, err)
			}
			return table
		}
	}
	t.Fatalf("%s has no tile %q", broker, title)
	return kql.Table{}
}

func TestEveryTileShowsWhatItIsTitled(t *testing.T) {
	db := aDay(t)
	for _, c := range []struct {
		broker CollectedBroker
		title  string
		rows   int
		at     int            // row …
		values map[string]any // … and what it has, by column
	}{
		{CollectedEMQX, "Nodes", 13, 6, map[string]any{"Serving": 2.0, "Seen": 5.0, "Expected": int64(3)}},
		{CollectedEMQX, "Connections (", 13, 6, map[string]any{"Held": 3000.0, "Warning": 8000.0, "Limit": int64(10_000)}},
		{CollectedEMQX, "Messages", 13, 6, map[string]any{"Received": 15.0, "Sent": 30.0}},
		{CollectedEMQX, "Dropped", 26, 12, map[string]any{"Dropped": 5.0, "Node": "a"}},
		{CollectedEMQX, "Failed logins", 13, 6, map[string]any{"Failures": 6.0, "Limit": int64(20)}},
		{CollectedEMQX, "Subscriptions", 13, 6, map[string]any{"Subscriptions": 60.0}},
		{CollectedEMQX, "Members", 26, 12, map[string]any{"Members": 1.0, "Node": "a"}},
		{CollectedEMQX, "Connections by node", 26, 12, map[string]any{"Held": 2000.0, "Node": "a"}},
		{CollectedHiveMQ, "Connections by zone", 13, 6, map[string]any{"Held": 3000.0, "Zone": "zone 1"}},
		{CollectedEMQX, "Until the certificate", 13, 6, map[string]any{"Days": 58.0, "Soon": int64(30), "Late": int64(7)}},
		{CollectedEMQX, "Logs and metrics", 2, 0, map[string]any{"Gigabytes": 0.9, "Warning": 1.6, "Cap": int64(2)}},
		{CollectedEMQX, "Logs and metrics", 2, 1, map[string]any{"Gigabytes": 0.58075}},
		{CollectedEMQX, "What fills", 8, 0, map[string]any{"Table": "AppMetrics", "Gigabytes": 0.501, "PercentOfCap": 25.1}},
		{CollectedEMQX, "What fills", 8, 1, map[string]any{"Gigabytes": 0.01, "PercentOfCap": 0.5}},
		{CollectedVerneMQ, "Errors", 20, 0, map[string]any{
			"Source": "mqtt-0 vernemq", "Message": "[error] " + strings.Repeat("x", 192), "Times": int64(2),
			"Newest": noon.Add(-time.Minute)}},
		{CollectedHiveMQ, "Errors", 20, 0, map[string]any{
			"Source": "broker-0", "Message": "ERROR - " + strings.Repeat("x", 192), "Times": int64(2),
			"Newest": noon.Add(-time.Minute)}},
		{CollectedEMQX, "Errors", 20, 0, map[string]any{
			"Source": "emqx-0", "Message": "error: " + strings.Repeat("x", 193), "Times": int64(2),
			"Newest": noon.Add(-time.Minute)}},
	} {
		table := result(t, c.broker, c.title, db)
		if len(table.Rows) != c.rows {
			t.Errorf("%s: %q has %d rows: %v", c.broker, c.title, len(table.Rows), table.Rows)
			continue
		}
		for name, want := range c.values {
			at := slices.IndexFunc(table.Columns, func(k kql.Column) bool { return k.Name == name })
			if at < 0 || table.Rows[c.at][at] != want {
				t.Errorf("%s: %q has %v, want %v in %s", c.broker, c.title, table.Rows[c.at], want, name)
			}
		}
	}
}

func TestTheFirstTileSaysWhatIsPlannedOfEachFigure(t *testing.T) {
	db := data(t, time.Hour, each(MetricNodeUp, "a", 0, 20, 1), each(MetricNodeUp, "a", 1, 0, 0),
		each(MetricNodeUp, "b", 1, 20, 0),
		each(MetricNodesRunning, "a", 2, 20, 0), each(MetricNodesRunning, "b", 3, 20, 0),
		each(MetricConnections, "a", 1000, 20, 0),
		each(MetricConnections, "b", 2000, 20, 0), each(MetricCertificateDays, "", 45.26, 20, 2))
	want := [][]any{
		{"Nodes that serve clients", 2.0, "3", "look", noon},
		{"Fewest members of the cluster that a node sees", 2.0, "3", "look", noon},
		{"Connections", 3000.0, "at most 10000", "well", noon},
		{"Days until the certificate expires", 45.3, "at least 30", "well", noon.Add(-2 * time.Minute)},
	}
	got := result(t, CollectedEMQX, "EMQX now", db).Rows
	if len(got) != len(want) {
		t.Fatalf("rows are %v", got)
	}
	for i := range want {
		if !slices.Equal(got[i], want[i]) {
			t.Errorf("row %d is %v, want %v", i, got[i], want[i])
		}
	}
}

func TestTheFirstTileSaysWhatIsNotWell(t *testing.T) {
	states := func(entries ...[]entry) string {
		var words []string
		for _, row := range result(t, CollectedEMQX, "EMQX now", data(t, 24*time.Hour, entries...)).Rows {
			words = append(words, row[3].(string))
		}
		return strings.Join(words, " ")
	}
	well := slices.Concat(threeNodes(MetricNodeUp, 1), threeNodes(MetricNodesRunning, 3),
		threeNodes(MetricConnections, 2666), each(MetricCertificateDays, "", 30, 60, 0))
	for _, c := range []struct {
		when, want string
		entries    [][]entry
	}{
		{"all is well", "well well well well", [][]entry{well}},
		{"nothing is reported", "", nil},
		{"a node is down", "look well well well", [][]entry{
			each(MetricNodeUp, "a", 1, 60, 0), each(MetricNodeUp, "b", 1, 60, 0), each(MetricNodeUp, "c", 0, 60, 0),
			threeNodes(MetricNodesRunning, 3),
			threeNodes(MetricConnections, 1), each(MetricCertificateDays, "", 30, 60, 0)}},
		{"80 % are held", "well well look well", [][]entry{
			threeNodes(MetricNodeUp, 1), threeNodes(MetricNodesRunning, 3), each(MetricConnections, "a", 8000, 60, 0),
			each(MetricCertificateDays, "", 30, 60, 0)}},
		{"one sees two", "well look well well", [][]entry{
			threeNodes(MetricNodeUp, 1), each(MetricNodesRunning, "a", 2, 9, 0), each(MetricNodesRunning, "b", 3, 9, 0),
			threeNodes(MetricConnections, 2666), each(MetricCertificateDays, "", 30, 60, 0)}},
		{"the certificate ends", "well well well look", [][]entry{
			threeNodes(MetricNodeUp, 1), threeNodes(MetricNodesRunning, 3), threeNodes(MetricConnections, 2666),
			each(MetricCertificateDays, "", 29.9, 60, 0)}},
	} {
		if got := states(c.entries...); got != c.want {
			t.Errorf("when %s: %q, want %q", c.when, got, c.want)
		}
	}
}

func TestAWorkbookNamesItsWorkspaceAndItsTilesInTheirOrder(t *testing.T) {
	const workspace = "/subscriptions/s/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/w"
	for _, broker := range brokers {
		w := watched
		w.Broker = broker
		text, err := w.Workbook(workspace)
		if err != nil {
			t.Fatal(err)
		}
		var book struct {
			Version             string
			FallbackResourceIDs []string `json:"fallbackResourceIds"`
			Items               []struct {
				Type    int
				Content struct {
					Title, Query, Visualization, ResourceType string
					CrossComponentResources                   []string
					Parameters                                []struct{ Name string }
					TimeContextFromParameter                  string
					TimeContext                               struct{ DurationMs int }
					ChartSettings                             struct {
						SeriesLabelSettings []struct{ SeriesName, Label string }
					}
				}
			}
		}
		if err := json.Unmarshal([]byte(text), &book); err != nil {
			t.Fatal(err)
		}
		if book.Version != "Notebook/1.0" || !slices.Equal(book.FallbackResourceIDs, []string{workspace}) ||
			book.Items[0].Type != 9 {
			t.Errorf("%s: version %q, workspace %v, the first item is of type %d", broker, book.Version,
				book.FallbackResourceIDs, book.Items[0].Type)
		}
		parameter := book.Items[0].Content.Parameters[0].Name
		tiles := tilesOf(t, broker)
		if len(book.Items) != len(tiles)+1 {
			t.Fatalf("%s: %d items for %d tiles", broker, len(book.Items), len(tiles))
		}
		for i, tile := range tiles {
			item := book.Items[i+1].Content
			if book.Items[i+1].Type != 3 || item.Title != tile.Title || item.Query != tile.Query ||
				item.Visualization != tile.Visualization {
				t.Errorf("%s: item %d is %+v, not %q", broker, i, item, tile.Title)
			}
			if !slices.Equal(item.CrossComponentResources, []string{workspace}) ||
				item.ResourceType != "microsoft.operationalinsights/workspaces" {
				t.Errorf("%s: %q runs on %v, which is a %q", broker, tile.Title, item.CrossComponentResources, item.ResourceType)
			}
			if tile.Days == 0 && item.TimeContextFromParameter != parameter ||
				item.TimeContext.DurationMs != tile.Days*86_400_000 {
				t.Errorf("%s: %q looks back by %q and %d ms", broker, tile.Title, item.TimeContextFromParameter,
					item.TimeContext.DurationMs)
			}
			if len(item.ChartSettings.SeriesLabelSettings) != len(tile.Series) {
				t.Errorf("%s: %q has the labels %v", broker, tile.Title, item.ChartSettings.SeriesLabelSettings)
			}
		}
	}
}

func TestAChartDrawsEveryColumnOfItsQueryAndOnlyThoseWithZonesHaveThem(t *testing.T) {
	db := aDay(t)
	for _, broker := range brokers {
		zones := false
		for _, tile := range tilesOf(t, broker) {
			zones = zones || strings.Contains(tile.Title, "zone")
			if tile.Visualization != TimeChart || tile.Series == nil {
				continue
			}
			table, err := kql.Run(tile.Query, db, noon)
			if err != nil {
				t.Fatalf("%s: %v", tile.Title, err)
			}
			var has, drawn []string
			for _, c := range table.Columns {
				has = append(has, c.Name)
			}
			for _, s := range tile.Series {
				drawn = append(drawn, s.Column)
			}
			if !slices.Equal(has, append([]string{"TimeGenerated"}, drawn...)) {
				t.Errorf("%s: %q has the columns %v and draws %v", broker, tile.Title, has, drawn)
			}
		}
		if zones != (broker != CollectedEMQX) {
			t.Errorf("%s has a tile of zones: %v", broker, zones)
		}
	}
}

func TestTheTitleOfAChartSaysItsUnit(t *testing.T) {
	unit := regexp.MustCompile(`\((number|per second|per minute|days|GB)\)$`)
	for _, broker := range brokers {
		for _, tile := range tilesOf(t, broker) {
			if tile.Visualization == TimeChart && !unit.MatchString(tile.Title) {
				t.Errorf("%s: %q", broker, tile.Title)
			}
		}
	}
}

func TestEveryQueryIsUsedAndAsksForMetricsThatAreCollected(t *testing.T) {
	used := map[string]string{} // by the comment that it begins with
	for _, broker := range brokers {
		for _, tile := range tilesOf(t, broker) {
			used[firstLine(tile.Query)] = tile.Query
		}
		for _, a := range queryAlertsOf(t)[broker] {
			used[firstLine(a.Query)] = a.Query
		}
	}
	collected := []string{MetricConnections, MetricMessagesReceived, MetricMessagesSent, MetricMessagesDropped,
		MetricSubscriptions,
		MetricAuthenticationFailures, MetricNodesRunning, MetricNodeUp, MetricCertificateDays, "mqtt."}
	for first, query := range used {
		if !strings.HasPrefix(first, "// ") || strings.Contains(query, "{{") {
			t.Errorf("this query has no comment at its head, or what is not filled in:\n%s", query)
		}
		for _, name := range regexp.MustCompile(`"(mqtt\.[a-z.]*)"`).FindAllStringSubmatch(query, -1) {
			if !slices.Contains(collected, name[1]) {
				t.Errorf("nobody collects %s", name[1])
			}
		}
	}
	files, err := fs.Glob(monitoringFiles, "monitoring/*/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := monitoringFiles.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, is := used[firstLine(string(text))]; !is {
			t.Errorf("%s is not used, or begins as another one does", file)
		}
	}
	if len(files) != len(used) {
		t.Errorf("%d files, %d queries", len(files), len(used))
	}
}

func firstLine(query string) string { first, _, _ := strings.Cut(query, "\n"); return first }
