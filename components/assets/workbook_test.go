package assets

import (
	"encoding/json"
	"io/fs"
	"regexp"
	"slices"
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
	"Syslog": {{Name: "TimeGenerated", Type: kql.DateTime}, {Name: "Computer", Type: kql.String}, {Name: "ProcessName", Type: kql.String},
		{Name: "SeverityLevel", Type: kql.String}, {Name: "SyslogMessage", Type: kql.String}},
	"ContainerLogV2": {{Name: "TimeGenerated", Type: kql.DateTime}, {Name: "PodNamespace", Type: kql.String}, {Name: "PodName", Type: kql.String},
		{Name: "LogMessage", Type: kql.Dynamic}},
	"ContainerAppConsoleLogs": {{Name: "TimeGenerated", Type: kql.DateTime}, {Name: "ContainerAppName", Type: kql.String}, {Name: "Log", Type: kql.String}},
}

// aDay is an hour of three nodes that are well, with one error and one line that is none in each kind of log.
func aDay(t *testing.T) kql.Database {
	t.Helper()
	db := data(t, 24*time.Hour, threeNodes(MetricNodeUp, 1), threeNodes(MetricNodesRunning, 3), threeNodes(MetricConnections, 2000),
		threeNodes(MetricMessagesReceived, 600), threeNodes(MetricMessagesSent, 1200), threeNodes(MetricMessagesDropped, 5),
		threeNodes(MetricSubscriptions, 40), threeNodes(MetricAuthenticationFailures, 2), each(MetricCertificateDays, "", 60.25, 60, 0), ingested(1000, true))
	at := noon.Add(-time.Minute)
	for name, rows := range map[string][][]any{
		"Syslog":                  {{at, "mqtt-0", "vernemq", "info", "[error] this broke"}, {at, "mqtt-0", "vernemq", "info", "all is well"}, {at, "mqtt-0", "kernel", "err", "this too"}},
		"ContainerLogV2":          {{at, "hivemq", "broker-0", "12:00 ERROR - this broke"}, {at, "kube-system", "dns", "ERROR of others"}, {at, "hivemq", "broker-0", "12:00 INFO - all is well"}},
		"ContainerAppConsoleLogs": {{at, "emqx-0", `{"level":"error","msg":"this_broke"}`}, {at, "emqx-0", `{"level":"warning","msg":"slow"}`}},
	} {
		db[name] = kql.Table{Columns: logs[name], Rows: rows}
	}
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
		values map[string]any // by column, of the row in the middle
		rows   int
	}{
		{CollectedEMQX, "Nodes", map[string]any{"Serving": 3.0, "Seen": 3.0, "Expected": int64(3)}, 13},
		{CollectedEMQX, "Connections (", map[string]any{"Held": 6000.0, "Warning": 8000.0, "Limit": int64(10_000)}, 13},
		{CollectedEMQX, "Messages", map[string]any{"Received": 30.0, "Sent": 60.0}, 13},
		{CollectedEMQX, "Dropped", map[string]any{"Dropped": 5.0}, 39},
		{CollectedEMQX, "Failed logins", map[string]any{"Failures": 6.0, "Limit": int64(20)}, 13},
		{CollectedEMQX, "Subscriptions", map[string]any{"Subscriptions": 120.0}, 13},
		{CollectedEMQX, "Members", map[string]any{"Members": 3.0}, 39},
		{CollectedEMQX, "Connections by node", map[string]any{"Held": 2000.0}, 39},
		{CollectedHiveMQ, "Connections by zone", map[string]any{"Held": 6000.0, "Zone": "zone "}, 13},
		{CollectedEMQX, "Until the certificate", map[string]any{"Days": 60.25, "Soon": int64(30), "Late": int64(7)}, 13},
		{CollectedEMQX, "Logs and metrics", map[string]any{"Gigabytes": 0.5, "Warning": 1.6, "Cap": int64(2)}, 2},
		{CollectedEMQX, "What fills", map[string]any{"Gigabytes": 0.5, "PercentOfCap": 25.0}, 2},
		{CollectedVerneMQ, "Errors", nil, 2},
		{CollectedHiveMQ, "Errors", nil, 1},
		{CollectedEMQX, "Errors", nil, 1},
	} {
		table := result(t, c.broker, c.title, db)
		if len(table.Rows) != c.rows {
			t.Errorf("%s: %q has %d rows: %v", c.broker, c.title, len(table.Rows), table.Rows)
			continue
		}
		for name, want := range c.values {
			at := slices.IndexFunc(table.Columns, func(k kql.Column) bool { return k.Name == name })
			if at < 0 || table.Rows[c.rows/2][at] != want {
				t.Errorf("%s: %q has %v in %s, want %v", c.broker, c.title, table.Rows[c.rows/2], name, want)
			}
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
	well := slices.Concat(threeNodes(MetricNodeUp, 1), threeNodes(MetricNodesRunning, 3), threeNodes(MetricConnections, 2666), each(MetricCertificateDays, "", 30, 60, 0))
	for _, c := range []struct {
		when, want string
		entries    [][]entry
	}{
		{"all is well", "well well well well", [][]entry{well}},
		{"nothing is reported", "", nil},
		{"a node is down", "look well well well", [][]entry{
			each(MetricNodeUp, "a", 1, 60, 0), each(MetricNodeUp, "b", 1, 60, 0), each(MetricNodeUp, "c", 0, 60, 0), threeNodes(MetricNodesRunning, 3),
			threeNodes(MetricConnections, 1), each(MetricCertificateDays, "", 30, 60, 0)}},
		{"80 % are held", "well well look well", [][]entry{
			threeNodes(MetricNodeUp, 1), threeNodes(MetricNodesRunning, 3), each(MetricConnections, "a", 8000, 60, 0), each(MetricCertificateDays, "", 30, 60, 0)}},
		{"one sees two", "well look well well", [][]entry{
			threeNodes(MetricNodeUp, 1), each(MetricNodesRunning, "a", 2, 9, 0), each(MetricNodesRunning, "b", 3, 9, 0),
			threeNodes(MetricConnections, 2666), each(MetricCertificateDays, "", 30, 60, 0)}},
		{"the certificate ends", "well well well look", [][]entry{
			threeNodes(MetricNodeUp, 1), threeNodes(MetricNodesRunning, 3), threeNodes(MetricConnections, 2666), each(MetricCertificateDays, "", 29.9, 60, 0)}},
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
		if book.Version != "Notebook/1.0" || !slices.Equal(book.FallbackResourceIDs, []string{workspace}) || book.Items[0].Type != 9 {
			t.Errorf("%s: version %q, workspace %v, the first item is of type %d", broker, book.Version, book.FallbackResourceIDs, book.Items[0].Type)
		}
		parameter := book.Items[0].Content.Parameters[0].Name
		tiles := tilesOf(t, broker)
		if len(book.Items) != len(tiles)+1 {
			t.Fatalf("%s: %d items for %d tiles", broker, len(book.Items), len(tiles))
		}
		for i, tile := range tiles {
			item := book.Items[i+1].Content
			if book.Items[i+1].Type != 3 || item.Title != tile.Title || item.Query != tile.Query || item.Visualization != tile.Visualization {
				t.Errorf("%s: item %d is %+v, not %q", broker, i, item, tile.Title)
			}
			if !slices.Equal(item.CrossComponentResources, []string{workspace}) || item.ResourceType != "microsoft.operationalinsights/workspaces" {
				t.Errorf("%s: %q runs on %v, which is a %q", broker, tile.Title, item.CrossComponentResources, item.ResourceType)
			}
			if tile.Days == 0 && item.TimeContextFromParameter != parameter || item.TimeContext.DurationMs != tile.Days*86_400_000 {
				t.Errorf("%s: %q looks back by %q and %d ms", broker, tile.Title, item.TimeContextFromParameter, item.TimeContext.DurationMs)
			}
			if len(item.ChartSettings.SeriesLabelSettings) != len(tile.Series) {
				t.Errorf("%s: %q has the labels %v", broker, tile.Title, item.ChartSettings.SeriesLabelSettings)
			}
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
	collected := []string{MetricConnections, MetricMessagesReceived, MetricMessagesSent, MetricMessagesDropped, MetricSubscriptions,
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
