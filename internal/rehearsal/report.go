package rehearsal

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Result is what a run leaves behind.
type Result struct {
	Verb     string         `json:"verb"`
	Stack    string         `json:"stack"`
	Changes  map[string]int `json:"changes"`         // by kind: same, create, update, replace, delete
	Steps    []Change       `json:"steps,omitempty"` // of a preview, in the engine's order
	Outputs  map[string]any `json:"outputs,omitempty"`
	Left     []string       `json:"left,omitempty"` // resources that a destroy left, as "name (type)"
	Critical *CriticalPath  `json:"criticalPath,omitempty"`
	Calls    int            `json:"calls"` // to Azure that changed something
}

func printJSON(out io.Writer, document any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(document)
}

// print writes the result for a person, or as JSON for a program.
func (r Result) print(o Options) error {
	if o.JSON {
		return printJSON(o.Out, r)
	}
	out := o.Out
	say(out, "%s of %s: %s", r.Verb, r.Stack, changesInWords(r.Changes))
	for _, key := range slices.Sorted(maps.Keys(r.Outputs)) {
		say(out, "  %-18s %v", key, r.Outputs[key])
	}
	if len(r.Left) > 0 {
		say(out, "left, because they are protected:")
		for _, name := range r.Left {
			say(out, "  %s", name)
		}
	}
	if r.Critical != nil {
		r.Critical.print(out)
	}
	return nil
}

func changesInWords(changes map[string]int) string {
	var words []string
	for _, kind := range slices.Sorted(maps.Keys(changes)) {
		words = append(words, fmt.Sprintf("%d to %s", changes[kind], kind))
	}
	if len(words) == 0 {
		return "nothing to do"
	}
	return strings.Join(words, ", ")
}

func (p CriticalPath) print(out io.Writer) {
	say(out, "Azure would take about %s (typical times, not measured here), along this chain:", minutes(p.Total))
	for _, s := range p.Steps {
		say(out, "  %8s  %s  %s", minutes(s.Latency), s.Name, strings.TrimPrefix(s.Type, "azure-native:"))
	}
	say(out, "  the longest single resource, %s, takes %s; all of them one after the other %s", p.Longest.Name,
		minutes(p.Longest.Latency), minutes(p.Sum))
}

func minutes(d time.Duration) string { return d.Round(time.Second).String() }
