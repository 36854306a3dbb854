package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/amora-sync/mqtt-on-azure/internal/costs"
	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal"
	"github.com/amora-sync/mqtt-on-azure/stacks"
)

// requirement is what the platform's requirement states for a month, in USD, by group.
var requirement = map[string]map[string]costs.Sum{
	stacks.EMQXContainerApps: {costs.Broker: {Low: 500, High: 800}, costs.Monitoring: {Low: 100, High: 200},
		costs.Security: {Low: 100, High: 300}},
	stacks.HiveMQAKS: {costs.Broker: {Low: 800, High: 1200}, costs.Monitoring: {Low: 100, High: 200},
		costs.Security: {Low: 100, High: 300}},
	stacks.VerneMQVMs: {costs.Broker: {Low: 600, High: 1000}, costs.Monitoring: {Low: 100, High: 200},
		costs.Security: {Low: 100, High: 300}},
}

// option is a broker with the config, as one of three.
type option struct {
	Broker   string           `json:"broker"`
	Forecast *stacks.Forecast `json:"forecast,omitempty"`
	Assumes  string           `json:"assumes,omitempty"` // what the config lacks for this broker
	Faults   []stacks.Fault   `json:"faults,omitempty"`  // why it can't be had with this config
	Verdicts []verdict        `json:"verdicts,omitempty"`
}

// verdict says whether a range of the requirement holds.
type verdict struct {
	Group  string    `json:"group"`
	States costs.Sum `json:"states"`
	Is     costs.Sum `json:"is"`
	Holds  bool      `json:"holds"`
	Why    string    `json:"why"`
}

func (o *chosen) compare(out io.Writer, book costs.Book) error {
	var options []option
	for _, broker := range []string{stacks.EMQXContainerApps, stacks.HiveMQAKS, stacks.VerneMQVMs} {
		with, err := o.with(book, broker)
		if err != nil {
			return err
		}
		options = append(options, with)
	}
	if o.json {
		return printJSON(out, options)
	}
	return printOptions(out, o.stack, options)
}

// assumed is what a broker can't be planned without, and what a config for another one need not have.
var assumed = map[string]struct{ key, value string }{
	stacks.HiveMQAKS: {"hivemq.licence", "YSBsaWNlbmNl"},
	stacks.VerneMQVMs: {"vernemq.sshKey",
		"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f nobody"},
}

// with is the config with a broker. Where that lacks what it needs, it is assumed.
func (o *chosen) with(book costs.Book, broker string) (option, error) {
	f, err := o.foretell(book, "broker="+broker)
	assumes := ""
	if need, has := assumed[broker]; err != nil && has {
		if again, errAgain := o.foretell(book, "broker="+broker, need.key+"="+need.value); errAgain == nil {
			f, err, assumes = again, nil, need.key
		}
	}
	var faults stacks.Faults
	if errors.As(err, &faults) {
		return option{Broker: broker, Faults: faults}, nil
	}
	return option{Broker: broker, Forecast: &f, Assumes: assumes, Verdicts: verdicts(f)}, err
}

// verdicts holds an estimate against the requirement's ranges.
func verdicts(f stacks.Forecast) []verdict {
	var all []verdict
	for _, group := range costGroups {
		states, has := requirement[f.Broker][group]
		if !has {
			continue
		}
		v := verdict{Group: group, States: states, Is: f.Cost.Groups[group]}
		switch {
		case v.Is.High <= states.High:
			v.Holds, v.Why = true, "all of it is within the range or below"
		case v.Is.Low <= states.High:
			v.Holds, v.Why = true, "with the fewest nodes and the least use; at the most it is "+above(v.Is.High,
				states, f, group)
		default:
			v.Why = "even at the least it is " + above(v.Is.Low, states, f, group)
		}
		all = append(all, v)
	}
	return all
}

// above says by how much a range is exceeded, and what the requirement's list leaves out.
func above(is float64, states costs.Sum, f stacks.Forecast, group string) string {
	text := fmt.Sprintf("$%.0f above", is-states.High)
	var left []string
	sum := 0.0
	for _, line := range f.Cost.Lines {
		if line.Group == group && line.Extra && line.Low > 0 {
			sum += line.Low
			if line.Low >= 1 {
				left = append(left, fmt.Sprintf("%s $%.0f", line.Name, line.Low))
			}
		}
	}
	if len(left) > 0 {
		text += fmt.Sprintf("; $%.0f are for what the requirement does not list (%s)", sum, strings.Join(left, "; "))
	}
	return text
}

func printOptions(out io.Writer, stack string, options []option) error {
	fmt.Fprintf(out, "%s with each broker, USD a month\n\n", stack)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name string, cell func(stacks.Forecast) string) {
		fmt.Fprint(table, name)
		for _, o := range options {
			if o.Forecast == nil {
				fmt.Fprint(table, "\t–")
				continue
			}
			fmt.Fprint(table, "\t", cell(*o.Forecast))
		}
		fmt.Fprintln(table)
	}
	fmt.Fprint(table, " ")
	for _, o := range options {
		fmt.Fprint(table, "\t", o.Broker)
	}
	fmt.Fprintln(table)
	for _, group := range costGroups {
		row(group, func(f stacks.Forecast) string { return inDollars(f.Cost.Groups[group]) })
		if group != costs.Recovery {
			row("  the requirement says", func(f stacks.Forecast) string { return inDollars(requirement[f.Broker][group]) })
		}
	}
	row("total", func(f stacks.Forecast) string { return inDollars(f.Cost.Total) })
	row("nodes", func(f stacks.Forecast) string { return fmt.Sprint(f.Capacity.Nodes) })
	row("connections after a loss", func(f stacks.Forecast) string {
		return fmt.Sprintf("%.0f", f.Capacity.Connections.Typical)
	})
	row("messages a second after a loss", func(f stacks.Forecast) string {
		return fmt.Sprintf("%.0f", f.Capacity.Messages.Typical)
	})
	row("kept on disk", func(f stacks.Forecast) string {
		return map[bool]string{true: "no", false: "yes"}[f.Broker == stacks.EMQXContainerApps]
	})
	if err := table.Flush(); err != nil {
		return err
	}
	for _, o := range options {
		fmt.Fprintf(out, "\n%s\n", o.Broker)
		if o.Assumes != "" {
			fmt.Fprintf(out, "  assumes %s, which the config does not set\n", o.Assumes)
		}
		for _, fault := range o.Faults {
			fmt.Fprintf(out, "  can't be had with this config: %s = %s: %s\n", fault.Key, fault.Value, fault.Rule)
		}
		for _, v := range o.Verdicts {
			fmt.Fprintf(out, "  %s: the range %s: %s\n", v.Group,
				map[bool]string{true: "holds", false: "does not hold"}[v.Holds], v.Why)
		}
	}
	fmt.Fprintf(out, "\nLicences are in no sum. The requirement's $50 to $100 for delivery are people's pipelines, "+
		"which no stack deploys.\n")
	return nil
}

func (o *chosen) against(out io.Writer, book costs.Book, file string) error {
	after, err := o.foretell(book)
	if err != nil {
		return err
	}
	root, err := repository()
	if err != nil {
		return err
	}
	raw, err := rehearsal.ReadConfig(root, file, nil)
	if err != nil {
		return err
	}
	before, err := stacks.Foretell(o.stack, raw, book)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	d := differenceOf(before, after)
	if o.json {
		return printJSON(out, d)
	}
	return d.print(out, o.stack)
}

// difference is what an edit of the config does to costs and capacity.
type difference struct {
	Before, After stacks.Forecast `json:"-"`
	Total         costs.Sum       `json:"total"` // after less before, USD a month
	Gone          []costs.Line    `json:"gone"`
	New           []costs.Line    `json:"new"`
	Connections   float64         `json:"connections"`       // after a loss, after less before
	Messages      float64         `json:"messagesPerSecond"` // the same
}

func differenceOf(before, after stacks.Forecast) difference {
	return difference{
		Before: before, After: after,
		Total: costs.Sum{Low: after.Cost.Total.Low - before.Cost.Total.Low,
			High: after.Cost.Total.High - before.Cost.Total.High},
		Gone: without(before.Cost.Lines, after.Cost.Lines), New: without(after.Cost.Lines, before.Cost.Lines),
		Connections: after.Capacity.Connections.Typical - before.Capacity.Connections.Typical,
		Messages:    after.Capacity.Messages.Typical - before.Capacity.Messages.Typical,
	}
}

// without are the lines that others don't have, at the same price.
func without(lines, others []costs.Line) []costs.Line {
	type key struct {
		group, name string
		low, high   float64
	}
	seen := map[key]int{}
	for _, l := range others {
		seen[key{l.Group, l.Name, l.Low, l.High}]++
	}
	var left []costs.Line
	for _, l := range lines {
		if k := (key{l.Group, l.Name, l.Low, l.High}); seen[k] > 0 {
			seen[k]--
		} else if l.High > 0 {
			left = append(left, l)
		}
	}
	return left
}

func (d difference) print(out io.Writer, stack string) error {
	_, err := fmt.Fprintf(out, "### %s: costs and capacity\n\n%s", stack, d.markdown())
	return err
}

// none says whether costs and capacity stay as they are.
func (d difference) none() bool {
	return d.Total == costs.Sum{} && d.Connections == 0 && d.Messages == 0 && len(d.Gone)+len(d.New) == 0
}

func (d difference) markdown() string {
	var text strings.Builder
	fmt.Fprintf(&text, "| | before | after | difference |\n|---|---|---|---|\n")
	fmt.Fprintf(&text, "| USD a month | %s | %s | %+.0f to %+.0f |\n", inDollars(d.Before.Cost.Total),
		inDollars(d.After.Cost.Total), d.Total.Low, d.Total.High)
	fmt.Fprintf(&text, "| connections after a loss | %.0f | %.0f | %+.0f |\n", d.Before.Capacity.Connections.Typical,
		d.After.Capacity.Connections.Typical, d.Connections)
	fmt.Fprintf(&text, "| messages a second after a loss | %.0f | %.0f | %+.0f |\n", d.Before.Capacity.Messages.Typical,
		d.After.Capacity.Messages.Typical, d.Messages)
	if len(d.Gone)+len(d.New) == 0 {
		text.WriteString("\nNothing that is priced changes.\n")
	} else {
		text.WriteString("\n| | USD a month |\n|---|---|\n")
		writeLines(&text, "−", d.Gone)
		writeLines(&text, "+", d.New)
	}
	return text.String()
}

func writeLines(text *strings.Builder, sign string, lines []costs.Line) {
	for _, l := range lines {
		fmt.Fprintf(text, "| %s %s | %s |\n", sign, l.Name, inDollars(costs.Sum{Low: l.Low, High: l.High}))
	}
}
