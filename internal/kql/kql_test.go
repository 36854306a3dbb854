package kql

import (
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

// metrics is a table as Azure Monitor has it.
var metrics = Table{
	Columns: []Column{{"TimeGenerated", DateTime}, {"Name", String}, {"Sum", Real}, {"ItemCount", Int},
		{"Properties", Dynamic}, {"IsBillable", Bool}},
	Rows: [][]any{
		{now.Add(-time.Minute), "mqtt.connections", 5.0, 1,
			map[string]any{"node": "a", "more": map[string]any{"deep": "<1>"}}, true},
		{now.Add(-2 * time.Minute), "mqtt.connections", 7.0, 1, map[string]any{"node": "b"}, nil},
		{now.Add(-20 * time.Minute), nil, nil, nil, nil, false},
	},
}

func TestAQueryReadsTheTablesOfADatabase(t *testing.T) {
	got, err := Run(`
		AppMetrics
		| where TimeGenerated > ago(15m) and Name == "mqtt.connections"
		| summarize arg_max(TimeGenerated, Sum) by node = tostring(Properties.node)
		| summarize held = sum(Sum), nodes = count()`, Database{"AppMetrics": metrics}, now)
	if err != nil {
		t.Fatal(err)
	}
	want := Table{Columns: []Column{{"held", Real}, {"nodes", Long}}, Rows: [][]any{{12.0, int64(2)}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestValuesOfADatabaseBecomeKustos(t *testing.T) {
	berlin := time.FixedZone("", 3600)
	table := Table{
		Columns: []Column{{"t", DateTime}, {"s", String}, {"i", Int}, {"d", Dynamic}, {"span", TimeSpan}},
		Rows: [][]any{{now.In(berlin).Add(149), nil, 5, map[string]any{"x": map[string]any{"y": "z"}},
			149 * time.Nanosecond}},
	}
	got, err := Run("T | extend at = ago(0s)", Database{"T": table}, now.In(berlin).Add(149))
	if err != nil {
		t.Fatal(err)
	}
	want := []any{now.Add(100), "", int64(5), map[string]any{"x": map[string]any{"y": "z"}}, 100 * time.Nanosecond,
		now.Add(100)}
	if !reflect.DeepEqual(got.Rows[0], want) {
		t.Errorf("%#v", got.Rows[0])
	}
}

func TestATableWithWrongValuesIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		column Type
		row    []any
		want   string
	}{
		"too few":        {Long, nil, "row 0 of table T has 0 values for 1 columns"},
		"another type":   {Long, []any{"x"}, "row 0 of table T has a string for the long c"},
		"a real":         {Long, []any{1.5}, "has a float64 for the long c"},
		"a whole number": {Real, []any{1}, "has a int for the real c"},
		"beyond an int":  {Int, []any{math.MaxInt32 + 1}, "has a int for the int c"},
		"no document":    {Dynamic, []any{map[string]any{"x": 5}}, "for the dynamic c"},
	} {
		_, err := Run("T", Database{"T": {Columns: []Column{{"c", c.column}}, Rows: [][]any{c.row}}}, now)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestADatabaseIsNotChanged(t *testing.T) {
	db := Database{"T": {Columns: []Column{{"n", Long}}, Rows: [][]any{{int64(1)}, {int64(2)}, {int64(3)}}}}
	for _, query := range []string{"T | sort by n", "T | extend n = n + 1", "T | where n > 1", "T | top 1 by n"} {
		if _, err := Run(query, db, now); err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}
	if want := (Table{Columns: []Column{{"n", Long}},
		Rows: [][]any{{int64(1)}, {int64(2)}, {int64(3)}}}); !reflect.DeepEqual(db["T"], want) {
		t.Errorf("%+v", db["T"])
	}
}

// refusals reads a file of queries that Run must not answer, each with what it says: a query, "=>", and a part of the
// error.
func refusals(t *testing.T, path string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, c := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
		query, want, ok := strings.Cut(c, "\n=> ")
		if !ok || want == "" {
			t.Fatalf("%s: %q has no =>", path, c)
		}
		all[query] = want
	}
	return all
}

// TestWhatIsNotUnderstoodIsRefused holds what Kusto refuses as well, and what it answers although it means nothing, is
// documented nowhere or is not needed.
func TestWhatIsNotUnderstoodIsRefused(t *testing.T) {
	for _, path := range []string{"testdata/refused/not_kusto.txt", "testdata/refused/stricter.txt"} {
		for query, want := range refusals(t, path) {
			got, err := Run(query, Database{"AppMetrics": metrics}, now)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s\n\tgives %v, %v\n\tand not %s", query, got.Rows, err, want)
			}
		}
	}
	for _, query := range []string{"", "// nothing", "let x = 5;"} {
		if _, err := Run(query, nil, now); err == nil || err.Error() != "kql: there is no query" {
			t.Errorf("%q: %v", query, err)
		}
	}
}
