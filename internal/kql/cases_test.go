package kql

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// now is when the queries of the tests run.
var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// written writes a table as the files of testdata do: the columns, then the rows, with null for null and strings as
// they are.
func written(t *testing.T, table Table) string {
	t.Helper()
	var columns []string
	for _, c := range table.Columns {
		columns = append(columns, c.Name+":"+c.Type.String())
	}
	lines := []string{strings.Join(columns, " | ")}
	for _, cells := range table.Rows {
		var texts []string
		for i, value := range cells {
			text := fmt.Sprint(value)
			if at, ok := value.(time.Time); ok {
				text = at.Format(time.RFC3339Nano)
			}
			if value == nil {
				text = "null"
			} else if _, ok := as(table.Columns[i].Type, value); !ok {
				t.Errorf("%s is a %s and holds a %T", table.Columns[i].Name, table.Columns[i].Type, value)
			}
			texts = append(texts, text)
		}
		lines = append(lines, strings.Join(texts, " | "))
	}
	return strings.Join(lines, "\n")
}

// TestQueriesGiveWhatMicrosoftDocuments runs the cases of testdata: "# name", a query, "=>", and the table that it
// gives. They may read AppMetrics.
func TestQueriesGiveWhatMicrosoftDocuments(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		cases := strings.Split("\n"+string(text), "\n# ")[1:]
		if len(cases) == 0 {
			t.Errorf("%s has no cases", file)
		}
		for _, c := range cases {
			name, rest, _ := strings.Cut(c, "\n")
			query, want, ok := strings.Cut(rest, "\n=>\n")
			if !ok {
				t.Fatalf("%s: %s has no =>", file, name)
			}
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txt")+"/"+name, func(t *testing.T) {
				got, err := Run(query, Database{"AppMetrics": metrics}, now)
				if err != nil {
					t.Fatal(err)
				}
				gives := written(t, got)
				var lines []string
				for _, line := range strings.Split(strings.TrimSpace(want), "\n") {
					lines = append(lines, strings.TrimSpace(line))
				}
				trimmed := strings.Split(gives, "\n")
				for i := range trimmed {
					trimmed[i] = strings.TrimSpace(trimmed[i])
				}
				if want := strings.Join(lines, "\n"); strings.Join(trimmed, "\n") != want {
					t.Errorf("got\n%s\nwant\n%s", gives, want)
				}
			})
		}
	}
}
