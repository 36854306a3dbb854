package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/amora-sync/mqtt-on-azure/internal/probes"
)

var errProbeFailed = errors.New("a probe failed: Azure does not do what the program counts on")

// probe makes the command that asks a deployed stack what no test without a subscription shows.
func probe() *cobra.Command {
	p := &probing{run: output}
	command := &cobra.Command{
		Use: "probe --stack NAME", Short: "Ask a deployed stack what no test can show, and say what held", Args: cobra.NoArgs,
		Long: `Ask a deployed stack what no test without a subscription can show: docs/live-probes.md is the list.
It only reads, as whoever is logged in to Pulumi and az, and ends with 2 where a probe failed.`,
		Example: "  amora probe --stack prod --report probes.md\n  amora probe --stack dev --only 3,44",
		RunE:    func(c *cobra.Command, _ []string) error { return p.probe(c.Context(), c.OutOrStdout()) },
	}
	flags := command.Flags()
	flags.StringVar(&p.stack, "stack", "dev", "the Pulumi stack")
	flags.IntSliceVar(&p.only, "only", nil, "numbers of probes; all of them otherwise")
	flags.BoolVar(&p.disruptive, "disruptive", false, "try those as well that clients may notice")
	flags.StringVar(&p.report, "report", "", "write what was seen into this file, as Markdown")
	flags.BoolVar(&p.json, "json", false, "print one JSON document")
	return command
}

type probing struct {
	stack, report    string
	only             []int
	disruptive, json bool
	run              func(ctx context.Context, name string, args ...string) ([]byte, error)
}

func (p *probing) probe(ctx context.Context, out io.Writer) error {
	stack, err := probes.Open(ctx, p.stack, p.run)
	if err != nil {
		return err
	}
	results := []probes.Result{}
	held, err := probes.Run(ctx, stack, p.only, p.disruptive, func(r probes.Result) {
		results = append(results, r)
		if !p.json {
			fmt.Fprintf(out, "%-9s %3d  %s\n", r.Verdict, r.Number, strings.Join(strings.Fields(r.Saw), " "))
		}
	})
	if err != nil {
		return err
	}
	if p.json {
		if err := printJSON(out, results); err != nil {
			return err
		}
	}
	if p.report != "" {
		if err := os.WriteFile(p.report, []byte(probes.Report(p.stack, results)), 0o644); err != nil {
			return err
		}
	}
	if !held {
		return errProbeFailed
	}
	return nil
}
