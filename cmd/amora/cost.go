package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/amora-sync/mqtt-on-azure/internal/costs"
	"github.com/amora-sync/mqtt-on-azure/stacks"
)

// cost makes the command that estimates what a config costs.
func cost() *cobra.Command {
	o := &chosen{}
	var compare, against string
	var refresh bool
	command := &cobra.Command{
		Use: "cost", Short: "Estimate what a stack costs in a month", Args: cobra.NoArgs,
		Long: `Estimate what a stack costs in a month, by list prices: low is with the fewest nodes and the least use, high with the most.
What is not priced is listed.`,
		PreRunE: func(*cobra.Command, []string) error {
			if compare != "" && compare != "broker" {
				return fmt.Errorf("--compare %s: must be broker", compare)
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.tellUnread(c.ErrOrStderr()); err != nil {
				return err
			}
			book, err := costs.Prices()
			if err != nil {
				return err
			}
			var notFound error // is said after the estimate, in which the book's own price stands for it
			if refresh {
				root, err := repository()
				if err != nil {
					return err
				}
				file := filepath.Join(root, "internal", "costs", "prices.json")
				if book, notFound, err = o.refresh(c.Context(), costs.AzurePrices, file, book); err != nil {
					return err
				}
			}
			switch {
			case compare != "":
				err = o.compare(c.OutOrStdout(), book)
			case against != "":
				err = o.against(c.OutOrStdout(), book, against)
			default:
				err = o.cost(c.OutOrStdout(), book)
			}
			return errors.Join(err, notFound)
		},
	}
	o.flags(command)
	command.Flags().StringVar(&compare, "compare", "", "broker: put the three brokers side by side, each with this config")
	command.Flags().StringVar(&against, "against", "",
		"show in Markdown how this config differs from the one in this file, such as that of the main branch")
	command.Flags().BoolVar(&refresh, "refresh", false,
		"ask Azure's public price list first, and write internal/costs/prices.json; fails where it lacks a price")
	command.MarkFlagsMutuallyExclusive("compare", "against")
	return command
}

// refresh asks a price list for every price that the config depends on, and writes the book's file. What the list does
// not have is the second answer.
func (o *chosen) refresh(ctx context.Context, from costs.Source, file string, book costs.Book) (
	renewed costs.Book, notFound, err error) {
	raw, err := o.config()
	if err != nil {
		return book, nil, err
	}
	wanted, err := stacks.MetersOf(o.stack, raw)
	if err != nil {
		return book, nil, err
	}
	renewed, kept, err := costs.Refresh(ctx, from, book, wanted, time.Now())
	if err != nil {
		return book, nil, err
	}
	data, err := renewed.JSON()
	if err != nil {
		return book, nil, err
	}
	if len(kept) > 0 {
		notFound = fmt.Errorf("%d of %d prices were renewed; for those that the list does not have, the book's own "+
			"were taken:\n  %s", len(wanted)-len(kept), len(wanted), strings.Join(kept, "\n  "))
	}
	return renewed, notFound, os.WriteFile(file, data, 0o644)
}

// costGroups are the groups of an estimate, in the order in which they are shown.
var costGroups = []string{costs.Broker, costs.Monitoring, costs.Security, costs.Recovery}

func (o *chosen) cost(out io.Writer, book costs.Book) error {
	f, err := o.foretell(book)
	if err != nil {
		return err
	}
	if o.json {
		return printJSON(out, f.Cost)
	}
	fmt.Fprintf(out, "%s: %s in %s, USD a month\n\n", o.stack, f.Title, strings.Join(f.Regions, " and "))
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name string, low, high float64) { fmt.Fprintf(table, "%s\t%9.2f\t%9.2f\n", name, low, high) }
	fmt.Fprintf(table, "\t%9s\t%9s\n", "low", "high")
	for _, group := range costGroups {
		sum, has := f.Cost.Groups[group]
		if !has {
			continue
		}
		row(group, sum.Low, sum.High)
		for _, line := range f.Cost.Lines {
			if line.Group == group && line.High > 0 {
				row("  "+line.Name, line.Low, line.High)
			}
		}
	}
	row("total", f.Cost.Total.Low, f.Cost.Total.High)
	if err := table.Flush(); err != nil {
		return err
	}
	printNotes(out, f.Cost)
	return nil
}
