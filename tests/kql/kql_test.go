// Package kql holds every query of the product, and every query that the interpreter internal/kql is tested with,
// against Microsoft's own Kusto language service: it parses them, and binds their names and types to the tables of
// tables.json. They are some of the columns that https://learn.microsoft.com/azure/azure-monitor/reference/tables-index
// lists, and _LogOperation's by https://learn.microsoft.com/azure/azure-monitor/logs/monitor-workspace.
package kql

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
	"github.com/amora-sync/mqtt-on-azure/internal/kql"
)

// verdict is what the language service says of a query.
type verdict struct {
	Problems []string    // syntax that is wrong, names that nothing has, types that don't fit
	Columns  [][2]string // name and type
}

// languageService answers a line for each line. It takes seconds to start, so that it is started once; it ends when its
// input does, with the tests.
type languageService struct {
	questions io.Writer
	answers   *bufio.Reader
}

var start = sync.OnceValues(func() (languageService, error) {
	command := exec.Command("node", "check.js")
	command.Stderr = os.Stderr
	questions, err := command.StdinPipe()
	if err != nil {
		return languageService{}, err
	}
	answers, err := command.StdoutPipe()
	if err != nil {
		return languageService{}, err
	}
	return languageService{questions, bufio.NewReader(answers)}, command.Start()
})

// check asks the language service about queries, by name.
func check(t *testing.T, queries map[string]string) map[string]verdict {
	t.Helper()
	missing := ""
	if _, err := exec.LookPath("node"); err != nil {
		missing = "node is not installed"
	} else if _, err := os.Stat("node_modules/@kusto"); err != nil {
		missing = "the Kusto language service is not installed: run npm ci in tests/kql"
	}
	if missing != "" {
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	service, err := start()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewEncoder(service.questions).Encode(queries); err != nil {
		t.Fatal(err)
	}
	answer, err := service.answers.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	verdicts := map[string]verdict{}
	if err := json.Unmarshal(answer, &verdicts); err != nil {
		t.Fatal(err)
	}
	if len(queries) == 0 || len(verdicts) != len(queries) {
		t.Fatalf("%d verdicts on %d queries", len(verdicts), len(queries))
	}
	return verdicts
}

// workspace is the tables of tables.json, without rows.
func workspace(t *testing.T) kql.Database {
	t.Helper()
	text, err := os.ReadFile("tables.json")
	if err != nil {
		t.Fatal(err)
	}
	var tables map[string]string
	if err := json.Unmarshal(text, &tables); err != nil {
		t.Fatal(err)
	}
	types := map[string]kql.Type{}
	for _, known := range []kql.Type{kql.Bool, kql.Int, kql.Long, kql.Real, kql.String, kql.DateTime, kql.TimeSpan,
		kql.Dynamic} {
		types[known.String()] = known
	}
	db := kql.Database{}
	for name, columns := range tables {
		var table kql.Table
		for _, column := range strings.Split(columns, ", ") {
			name, typeName, _ := strings.Cut(column, ":")
			typ, known := types[typeName]
			if !known {
				t.Fatalf("%s has the type %q", name, typeName)
			}
			table.Columns = append(table.Columns, kql.Column{Name: name, Type: typ})
		}
		db[name] = table
	}
	return db
}

// agree fails for what the language service finds wrong, and where the interpreter gives other columns than it expects.
func agree(t *testing.T, queries map[string]string) {
	t.Helper()
	db := workspace(t)
	verdicts := check(t, queries)
	for _, name := range slices.Sorted(maps.Keys(queries)) {
		for _, problem := range verdicts[name].Problems {
			t.Errorf("%s: %s", name, problem)
		}
		result, err := kql.Run(queries[name], db, time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC))
		if err != nil {
			t.Errorf("%s: the interpreter says %v", name, err)
			continue
		}
		var columns [][2]string
		for _, c := range result.Columns {
			columns = append(columns, [2]string{c.Name, c.Type.String()})
		}
		if !slices.Equal(columns, verdicts[name].Columns) {
			t.Errorf("%s: the interpreter gives the columns\n%v\nand the language service expects\n%v", name, columns,
				verdicts[name].Columns)
		}
	}
}

func TestTheLanguageServiceFindsWhatIsWrong(t *testing.T) {
	verdicts := check(t, map[string]string{
		"right":    "AppMetrics | summarize sum(Sum) by bin(TimeGenerated, 5m)",
		"syntax":   "AppMetrics | where Name = 1",
		"operator": "AppMetrics | having Sum > 1",
		"table":    "Metrics | count",
		"column":   "AppMetrics\n| where Value > 1",
		"function": "AppMetrics | summarize total(Sum)",
		"type":     "AppMetrics | where TimeGenerated > '2026-01-01'",
	})
	for name, v := range verdicts {
		if name == "right" != (len(v.Problems) == 0) {
			t.Errorf("%s: %q", name, v.Problems)
		}
	}
	if got := strings.Join(verdicts["column"].Problems, ""); !strings.HasPrefix(got,
		"line 2, column 9: Error KS142: The name 'Value'") {
		t.Error(got)
	}
	if want := [][2]string{{"TimeGenerated", "datetime"}, {"sum_Sum", "real"}}; !slices.Equal(verdicts["right"].Columns,
		want) {
		t.Errorf("%v", verdicts["right"].Columns)
	}
}

func TestEveryQueryOfTheProductIsKusto(t *testing.T) {
	queries := map[string]string{}
	for _, broker := range []assets.CollectedBroker{assets.CollectedEMQX, assets.CollectedHiveMQ,
		assets.CollectedVerneMQ} {
		w := assets.Watch{Broker: broker, Nodes: 3, Connections: 30_000, DailyQuotaGB: 2.5}
		alerts, err := w.QueryAlerts()
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range alerts {
			queries[fmt.Sprintf("%s, alert %s", broker, a.Key)] = a.Query
		}
		tiles, err := w.Tiles()
		if err != nil {
			t.Fatal(err)
		}
		for _, tile := range tiles {
			queries[fmt.Sprintf("%s, tile %s", broker, tile.Title)] = tile.Query
		}
	}
	agree(t, queries)
}

// cases reads a file of the interpreter's tests: "# name", a query, "=>", and what comes of it.
func cases(t *testing.T, path string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	queries := map[string]string{}
	for _, c := range strings.Split("\n"+string(text), "\n# ")[1:] {
		name, rest, _ := strings.Cut(c, "\n")
		queries[filepath.Base(path)+", "+name], _, _ = strings.Cut(rest, "\n=>\n")
	}
	return queries
}

func TestEveryQueryThatTheInterpreterIsTestedWithIsKusto(t *testing.T) {
	paths, err := filepath.Glob("../../internal/kql/testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	queries := map[string]string{}
	for _, path := range paths {
		maps.Copy(queries, cases(t, path))
	}
	agree(t, queries)
}

// TestTheInterpreterIsAsStrictAsKusto holds what the interpreter refuses: what not_kusto.txt has the language service
// must refuse as well, and what stricter.txt has it must not.
func TestTheInterpreterIsAsStrictAsKusto(t *testing.T) {
	for file, refuses := range map[string]bool{"not_kusto.txt": true, "stricter.txt": false} {
		text, err := os.ReadFile("../../internal/kql/testdata/refused/" + file)
		if err != nil {
			t.Fatal(err)
		}
		queries := map[string]string{}
		for _, c := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
			query, _, _ := strings.Cut(c, "\n=> ")
			queries[query] = query
		}
		for query, v := range check(t, queries) {
			if refuses != (len(v.Problems) > 0) {
				t.Errorf("%s: the language service says %q of\n%s", file, v.Problems, query)
			}
		}
	}
}
