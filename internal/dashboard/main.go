// Command dashboard draws the workbook as it looks after a made-up day, by running the queries of its tiles and of the
// alerts over the data of that day. It writes docs/dashboard.svg, and is run from the repository's root.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
	"github.com/amora-sync/mqtt-on-azure/internal/kql"
)

// watched is the stack of the picture: three of the machines that docs/vernemq.md sizes, one in each zone.
var watched = assets.Watch{Broker: assets.CollectedVerneMQ, Nodes: 3, Connections: 3 * 9557, DailyQuotaGB: 2}

func main() {
	picture, err := draw()
	if err == nil {
		err = os.WriteFile(filepath.Join("docs", "dashboard.svg"), []byte(picture), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func draw() (string, error) {
	day := madeUpDay()
	tiles, err := watched.Tiles()
	if err != nil {
		return "", err
	}
	p := newPage("MQTT broker: the workbook, after a made-up day (24 November 2026, times in UTC)")
	for _, tile := range tiles {
		days := max(tile.Days, 1)
		result, err := kql.Run(tile.Query, day.between(midnight.AddDate(0, 0, -days), midnight), midnight)
		if err != nil {
			return "", fmt.Errorf("tile %q: %w", tile.Title, err)
		}
		if tile.Visualization == assets.TableTile {
			p.table(tile, result)
		} else if err := p.chart(tile, result, midnight.AddDate(0, 0, -days), midnight); err != nil {
			return "", fmt.Errorf("tile %q: %w", tile.Title, err)
		}
	}
	fired, err := day.alerts()
	if err != nil {
		return "", err
	}
	p.strip("Not in the workbook: when the alerts of that day fired", fired, midnight.AddDate(0, 0, -1), midnight)
	return p.svg(), nil
}

// firing is an alert and the times at which its query gave a row.
type firing struct {
	assets.QueryAlert
	every time.Duration
	at    []time.Time
}

// alerts runs each alert's query over the last day as often as Azure would.
func (d day) alerts() ([]firing, error) {
	rules, err := watched.QueryAlerts()
	if err != nil {
		return nil, err
	}
	var fired []firing
	for _, rule := range rules {
		f := firing{QueryAlert: rule, every: periods[rule.Every]}
		for at := midnight.AddDate(0, 0, -1).Add(f.every); !at.After(midnight); at = at.Add(f.every) {
			result, err := kql.Run(rule.Query, d.between(at.Add(-periods[rule.Window]), at), at)
			if err != nil {
				return nil, fmt.Errorf("alert %s: %w", rule.Key, err)
			}
			if len(result.Rows) > 0 {
				f.at = append(f.at, at)
			}
		}
		fired = append(fired, f)
	}
	return fired, nil
}

// periods are the durations that alerts use, as ISO 8601 writes them.
var periods = map[string]time.Duration{
	"PT5M": 5 * time.Minute, "PT10M": 10 * time.Minute, "PT15M": 15 * time.Minute, "PT30M": 30 * time.Minute,
	"PT1H": time.Hour, "P1D": 24 * time.Hour,
}
