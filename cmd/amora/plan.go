package main

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/amora-sync/mqtt-on-azure/internal/costs"
	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal"
	"github.com/amora-sync/mqtt-on-azure/internal/sizing"
	"github.com/amora-sync/mqtt-on-azure/stacks"
)

// chosen is the config that a command looks at.
type chosen struct {
	stack string
	set   []string
	json  bool
}

func (o *chosen) flags(c *cobra.Command) {
	c.Flags().StringVar(&o.stack, "stack", "dev", "the stack, whose config is Pulumi.NAME.yaml")
	c.Flags().StringArrayVar(&o.set, "set", nil, "edit the config, as KEY=VALUE; the file is not touched")
	c.Flags().BoolVar(&o.json, "json", false, "print one JSON document")
}

// config reads the config with the edits, and some more.
func (o *chosen) config(edits ...string) (map[string]string, error) {
	root, err := repository()
	if err != nil {
		return nil, err
	}
	return rehearsal.ReadConfig(root, filepath.Join(root, "Pulumi."+o.stack+".yaml"),
		append(slices.Clone(o.set), edits...))
}

// tellUnread says what of the config is not known here.
func (o *chosen) tellUnread(out io.Writer) error {
	root, err := repository()
	if err != nil {
		return err
	}
	said, err := rehearsal.Unread(root, filepath.Join(root, "Pulumi."+o.stack+".yaml"), o.set)
	for _, what := range said {
		fmt.Fprintf(out, "amora: %s\n", what)
	}
	return err
}

func (o *chosen) foretell(book costs.Book, edits ...string) (stacks.Forecast, error) {
	raw, err := o.config(edits...)
	if err != nil {
		return stacks.Forecast{}, err
	}
	return stacks.Foretell(o.stack, raw, book)
}

// plan makes the command that tells what a config would deploy, and what that holds.
func plan() *cobra.Command {
	o := &chosen{}
	command := &cobra.Command{
		Use: "plan", Short: "Tell what a stack would be made of, how many clients it holds, and what it costs",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.tellUnread(c.ErrOrStderr()); err != nil {
				return err
			}
			book, err := costs.Prices()
			if err != nil {
				return err
			}
			f, err := o.foretell(book)
			if err != nil {
				return err
			}
			if o.json {
				return printJSON(c.OutOrStdout(), f)
			}
			return printPlan(c.OutOrStdout(), o.stack, f)
		},
	}
	o.flags(command)
	return command
}

func printJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

func printPlan(out io.Writer, stack string, f stacks.Forecast) error {
	fmt.Fprintf(out, "%s: %s in %s\n\n", stack, f.Title, strings.Join(f.Regions, ", and standing by in "))
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, part := range f.Parts {
		fmt.Fprintf(table, "  %s\t%s\n", part.Name, part.Is)
	}
	k := f.Capacity
	fmt.Fprintf(table, "\nCapacity of the %d nodes that are left of %d after the worst loss\n", k.Left, k.Nodes)
	fmt.Fprintf(table, "  \tplanned with\tby the requirement's range\n")
	for _, row := range []struct {
		what  string
		holds sizing.Holds
		form  string
	}{
		{"connections", k.Connections, "%.0f"}, {"messages a second, in and out", k.Messages, "%.0f"},
		{"million persisted messages", k.Persisted, "%.3g"},
	} {
		fmt.Fprintf(table, "  %s\t"+row.form+"\t"+row.form+" to "+row.form+"\n", row.what, row.holds.Typical,
			row.holds.Low, row.holds.High)
	}
	fmt.Fprintf(table, "  connections while nothing is lost\t%d\n", f.Whole)
	printNeeds(table, k)
	fmt.Fprintf(table, "\nRecovery\n  clients without a broker, at the worst\t%s\n"+
		"  users and rules lost, at the worst\t%s\n", inMinutes(f.RTO), inMinutes(f.RPO))
	fmt.Fprintf(table, "\nCost\n  a month\t%s\n", inDollars(f.Cost.Total))
	printMeasured(table, f)
	if err := table.Flush(); err != nil {
		return err
	}
	printNotes(out, f.Cost)
	return nil
}

// printMeasured sets what was measured beside what is planned with.
func printMeasured(table io.Writer, f stacks.Forecast) {
	m := f.Measured
	if m == nil {
		return
	}
	fmt.Fprintf(table, "\nMeasured at rest and with small messages, the most to hope for: docs/figures.md\n"+
		"  \tplanned with\t%s\n", m.Broker)
	for _, row := range []struct {
		what string
		of   func(stacks.Figures) string
	}{
		{"KiB of memory for a connection", func(g stacks.Figures) string { return fmt.Sprintf("%.0f", g.ConnectionKiB) }},
		{"messages a second on a core", func(g stacks.Figures) string { return fmt.Sprintf("%.0f", g.MessagesPerCore) }},
		{"nodes", func(g stacks.Figures) string { return fmt.Sprint(g.Nodes) }},
		{"connections after the worst loss", func(g stacks.Figures) string { return fmt.Sprintf("%.0f", g.Connections) }},
		{"messages a second after it", func(g stacks.Figures) string { return fmt.Sprintf("%.0f", g.Messages) }},
		{"a month", func(g stacks.Figures) string { return inDollars(g.Cost) }},
	} {
		fmt.Fprintf(table, "  %s\t%s\t%s\n", row.what, row.of(f.Planned), row.of(m.Figures))
	}
	if m.Short != "" {
		fmt.Fprintf(table, "  with what was measured, no number of nodes holds the load\t\tshort: %s\n", m.Short)
	}
}

func printNeeds(table io.Writer, k sizing.Capacity) {
	if !k.Load.Asks() {
		fmt.Fprintf(table, "  no load is given in capacity.*; what bounds the connections: %s\n", k.Binding)
		return
	}
	fmt.Fprintf(table, "\nFor the load in capacity.*\n  \tneeds\tof\theadroom\n")
	for _, n := range k.Needs {
		note := ""
		if n.Name == k.Binding {
			note = "  (binding)"
		}
		fmt.Fprintf(table, "  %s\t%.4g\t%.4g %s\t%.0f %%%s\n", n.Name, n.Needs, n.Holds, n.Unit, 100*n.Headroom, note)
	}
}

func inMinutes(m *int) string {
	if m == nil {
		return "until a person rebuilds it"
	}
	return fmt.Sprintf("%d minutes", *m)
}

func inDollars(s costs.Sum) string {
	if fmt.Sprintf("%.0f", s.Low) == fmt.Sprintf("%.0f", s.High) {
		return fmt.Sprintf("$%.0f", s.Low)
	}
	return fmt.Sprintf("$%.0f to $%.0f", s.Low, s.High)
}

// printNotes says what an estimate does not know.
func printNotes(out io.Writer, e costs.Estimate) {
	fmt.Fprintf(out, "\nList prices in %s, pay as you go, the oldest of %s. Not in the sum:\n", e.Currency, e.Oldest)
	for _, n := range e.NotPriced {
		fmt.Fprintf(out, "  - %s: %s\n", n.What, n.Why)
	}
	for _, region := range e.Borrowed {
		fmt.Fprintf(out, "The price book does not have all of %s: prices of %s were taken. `amora cost --refresh` "+
			"asks Azure.\n", region, costs.DefaultRegion)
	}
	if len(e.Recalled) > 0 {
		fmt.Fprintf(out, "Nobody has looked these prices up: %s. `amora cost --refresh` asks Azure.\n",
			strings.Join(e.Recalled, ", "))
	}
}
