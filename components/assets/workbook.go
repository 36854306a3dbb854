package assets

import (
	"encoding/json"
	"errors"
	"fmt"
)

// How a tile shows what its query gives.
const (
	TimeChart = "timechart" // the column TimeGenerated, and numbers
	TableTile = "table"
)

// Tile is one query of the workbook and how it is shown.
type Tile struct {
	Title, Query  string
	Visualization string   // TimeChart or TableTile
	Series        []Series // of a chart; nil: a line for each value of the query's one column of text
	Days          int      // that it looks back, 0: as the workbook's time range says
	Wide          bool     // as wide as the workbook; otherwise half of it

	name string
}

// Series is a column of a chart.
type Series struct {
	Column, Label string
	Limit         bool // of the plan, not measured
}

// Tiles are the workbook's, in the order in which a person who is called reads them: is it up, is it full, does it
// work, where is the fault, what will be next. Each title says the unit.
func (w Watch) Tiles() ([]Tile, error) {
	if err := w.check(); err != nil {
		return nil, fmt.Errorf("workbook: %w", err)
	}
	all := []Tile{
		{name: "now", Title: string(w.Broker) + " now", Visualization: TableTile, Wide: true},
		{name: "nodes", Title: "Nodes (number)", Series: []Series{
			{"Serving", "serve clients", false}, {"Seen", "members that the loneliest node sees", false},
			{"Expected", "always run", true}}},
		{name: "connections", Title: "Connections (number)", Series: []Series{
			{"Held", "held", false}, {"Warning", "80 % of the plan", true}, {"Limit", "the plan's limit", true}}},
		{name: "messages", Title: "Messages (per second)",
			Series: []Series{{"Received", "received", false}, {"Sent", "sent", false}}},
		{name: "dropped", Title: "Dropped messages, by node (per minute)"},
		{name: "failures", Title: "Failed logins (per minute)",
			Series: []Series{{"Failures", "failed", false}, {"Limit", "an alert", true}}},
		{name: "subscriptions", Title: "Subscriptions (number)", Series: []Series{{"Subscriptions", "held", false}}},
		{name: "members", Title: "Members of the cluster, as each node sees it (number)"},
		{name: "zones", Title: "Connections by zone (number)"},
		{name: "balance", Title: "Connections by node (number)"},
		{name: "certificate", Title: "Until the certificate expires (days)", Series: []Series{
			{"Days", "left", false}, {"Soon", "renewal is late", true}, {"Late", "act now", true}}},
		{name: "volume", Title: "Logs and metrics, by day (GB)", Days: 7, Series: []Series{
			{"Gigabytes", "taken", false}, {"Warning", "80 % of the cap", true}, {"Cap", "daily cap", true}}},
		{name: "tables", Title: "What fills the workspace (GB in 24 hours)", Visualization: TableTile, Days: 1, Wide: true},
		{name: errorTiles[w.Broker], Title: "Errors in the logs, the newest first", Visualization: TableTile, Wide: true},
	}
	var tiles []Tile
	for _, t := range all {
		var err error
		if t.Query, err = w.query("tiles/" + t.name); err != nil {
			return nil, err
		}
		// an app of Container Apps is not told its zone
		if t.name == "zones" && w.Broker == CollectedEMQX || !w.measures(t.Query) {
			continue
		}
		if t.Visualization == "" {
			t.Visualization = TimeChart
		}
		tiles = append(tiles, t)
	}
	return tiles, nil
}

// errorTiles are where the logs of a broker's nodes are: of apps, pods, or machines.
var errorTiles = map[CollectedBroker]string{CollectedEMQX: "errors-apps", CollectedHiveMQ: "errors-cluster",
	CollectedVerneMQ: "errors-machines"}

// Workbook is the serialized data of an Azure Monitor workbook whose queries run on the workspace with this ARM id. It
// names the workspace in each of them, so that it does not matter from where in the portal it is opened.
func (w Watch) Workbook(workspaceID string) (string, error) {
	if workspaceID == "" {
		return "", errors.New("workbook: the workspace must be given")
	}
	tiles, err := w.Tiles()
	if err != nil {
		return "", err
	}
	items := []any{timeRange()}
	for _, t := range tiles {
		items = append(items, t.item(workspaceID))
	}
	text, err := json.MarshalIndent(map[string]any{
		"version": "Notebook/1.0", "items": items, "fallbackResourceIds": []string{workspaceID},
		"$schema": "https://github.com/Microsoft/Application-Insights-Workbooks/blob/master/schema/workbook.json",
	}, "", "  ")
	if err != nil {
		return "", fmt.Errorf("workbook: %w", err)
	}
	return string(text), nil
}

// timeRange is the parameter that the charts follow, a day by default. A chart has a point each five minutes, so three
// days are the most.
func timeRange() any {
	var ranges []any
	for _, hours := range []int{1, 4, 12, 24, 72} {
		ranges = append(ranges, lookBack(hours))
	}
	return map[string]any{"type": 9, "name": "time", "content": map[string]any{
		"version": "KqlParameterItem/1.0", "style": "pills", "parameters": []any{map[string]any{
			"id": "5c9c3f0e-6a07-4d52-9a39-6d1c0f6f2b11", "version": "KqlParameterItem/1.0", "name": "Range",
			"label": "Time range", "type": 4,
			"isRequired": true, "value": lookBack(24), "typeSettings": map[string]any{"selectableValues": ranges},
		}},
	}}
}

func lookBack(hours int) any { return map[string]any{"durationMs": hours * 3_600_000} }

// item is the tile as a workbook writes it: a query item of type 3, on Log Analytics (0).
func (t Tile) item(workspaceID string) any {
	content := map[string]any{
		"version": "KqlItem/1.0", "title": t.Title, "query": t.Query, "queryType": 0, "size": 0,
		"resourceType": "microsoft.operationalinsights/workspaces", "crossComponentResources": []string{workspaceID},
		"visualization": t.Visualization, "noDataMessage": "Nothing was reported.",
	}
	if t.Days > 0 {
		content["timeContext"] = lookBack(24 * t.Days)
	} else {
		content["timeContextFromParameter"] = "Range"
	}
	if t.Visualization == TimeChart {
		content["chartSettings"] = t.chart()
	} else if t.name == "now" {
		content["gridSettings"] = map[string]any{"formatters": []any{stateIcons()}}
	}
	item := map[string]any{"type": 3, "name": t.name, "content": content}
	if !t.Wide {
		item["customWidth"] = "50"
	}
	return item
}

func (t Tile) chart() any {
	labels := []any{}
	for _, s := range t.Series {
		label := map[string]any{"seriesName": s.Column, "label": s.Label}
		if s.Limit {
			label["color"] = "redBright"
		}
		labels = append(labels, label)
	}
	return map[string]any{"showLegend": true, "seriesLabelSettings": labels, "ySettings": map[string]any{"min": 0}}
}

// stateIcons puts a mark beside each word of the column State (formatter 18: by thresholds).
func stateIcons() any {
	return map[string]any{"columnMatch": "State", "formatter": 18, "formatOptions": map[string]any{
		"thresholdsOptions": "icons", "thresholdsGrid": []any{
			map[string]any{"operator": "==", "thresholdValue": "well", "representation": "success", "text": "{0}{1}"},
			map[string]any{"operator": "Default", "representation": "warning", "text": "{0}{1}"},
		},
	}}
}
