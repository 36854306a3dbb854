package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal"
	"github.com/amora-sync/mqtt-on-azure/stacks"
)

type verb func(context.Context, rehearsal.Options) (rehearsal.Result, error)

func rehearse() *cobra.Command {
	o := rehearsal.Options{Program: stacks.Program, Externals: stacks.Externals, Out: os.Stdout, Err: os.Stderr, Color: terminal(os.Stdout)}
	command := &cobra.Command{
		Use:   "rehearse",
		Short: "Deploy on the real Pulumi engine against a stand-in for Azure",
	}
	flags := command.PersistentFlags()
	flags.StringVar(&o.Stack, "stack", "dev", "the stack, whose config is Pulumi.NAME.yaml")
	flags.StringArrayVar(&o.Set, "set", nil, "edit the config, as KEY=VALUE; the file is not touched")
	flags.StringVar(&o.State, "state", "", "folder for what is kept between runs (default .rehearsal in the repository)")
	flags.StringVar(&o.Export, "export", "", "write the stack's state to this file")
	flags.BoolVar(&o.JSON, "json", false, "print one JSON document; progress goes to standard error")
	flags.IntVar(&o.Faults.FailAt, "fail-at", 0, "let the N-th call that changes something fail")
	flags.IntVar(&o.Faults.DieAt, "die-at", 0, "let the answer to the N-th call that changes something get lost")
	flags.BoolVar(&o.Faults.SlowRoles, "slow-roles", false, "let no service know of a role before the next run")
	flags.IntVar(&o.Faults.Throttle, "throttle", 0, "answer every N-th call that changes something with 429 first")
	for _, v := range []struct {
		name, short string
		run         verb
	}{
		{"preview", "Show what up would change", rehearsal.Preview},
		{"up", "Deploy; after a failure, go on where it stopped", rehearsal.Up},
		{"refresh", "Take what Azure holds into the state", rehearsal.Refresh},
		{"drift", "Show how Azure differs from the state", rehearsal.Drift},
		{"destroy", "Delete everything but what is protected", rehearsal.Destroy},
	} {
		sub := &cobra.Command{Use: v.name, Short: v.short, Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
			root, err := repository()
			if err != nil {
				return err
			}
			o.Root = root
			_, err = v.run(c.Context(), o)
			return err
		}}
		if v.name == "destroy" {
			sub.Flags().BoolVar(&o.Force, "force", false, "take protected resources too")
		}
		command.AddCommand(sub)
	}
	return command
}

// terminal says whether a person looks at the file.
func terminal(file *os.File) bool {
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
