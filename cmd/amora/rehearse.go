package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/amora-sync/mqtt-on-azure/internal/recovery"
	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal"
	"github.com/amora-sync/mqtt-on-azure/stacks"
)

type verb func(context.Context, rehearsal.Options) (rehearsal.Result, error)

func rehearse() *cobra.Command {
	o := rehearsal.Options{Program: stacks.Program, Externals: stacks.Externals, Out: os.Stdout, Err: os.Stderr,
		Color: terminal(os.Stdout)}
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
		sub := &cobra.Command{Use: v.name, Short: v.short, Args: cobra.NoArgs,
			RunE: func(c *cobra.Command, _ []string) error {
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
	command.AddCommand(lose(&o), forget(&o))
	for _, sub := range command.Commands() {
		run := sub.RunE
		sub.RunE = func(c *cobra.Command, args []string) error {
			err := run(c, args)
			if o.JSON && err != nil && exitCode(err) != answeredNo {
				return errors.Join(err, printJSON(o.Out, failure{c.Name(), o.Stack, inFull(err)}))
			}
			return err
		}
	}
	return command
}

// failure is what --json prints in the place of what a run that went well comes to.
type failure struct {
	Verb  string `json:"verb"`
	Stack string `json:"stack"`
	Error string `json:"error"`
}

// inFull has the engine's words too, which a person has seen as they came.
func inFull(err error) string {
	if failed, is := errors.AsType[*rehearsal.Failure](err); is {
		return fmt.Sprintf("%v: %v", err, failed.Unwrap())
	}
	return err.Error()
}

// forget makes the command that starts over.
func forget(o *rehearsal.Options) *cobra.Command {
	return &cobra.Command{
		Use: "forget", Short: "Start over: take away what is kept of the stack, and keep what was built", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			root, err := repository()
			if err != nil {
				return err
			}
			o.Root = root
			return rehearsal.Forget(*o)
		},
	}
}

// lose makes the command that plays a loss on what is deployed.
func lose(o *rehearsal.Options) *cobra.Command {
	command := &cobra.Command{
		Use:   "lose",
		Short: "Tell what would become of the deployed stack after a loss; nothing is changed",
		Long: `Tell what would become of the deployed stack's clients, users and messages after a loss: whether each endpoint answers,
through what, and after which steps. It looks at what the rehearsal deployed, and changes nothing there.

It ends with 0 when the loss is survived: when it keeps to availability.rtoMinutes and rpoMinutes, or, where the config
has neither, when everything comes back without a person. It ends with 2 when it is not, and with 1 when the question can't
be answered.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			root, err := repository()
			if err != nil {
				return err
			}
			o.Root = root
			_, err = rehearsal.Lose(rehearsal.LoseOptions{Options: *o, Loss: lossOf(c), Wanted: wanted})
			return err
		},
	}
	flags := command.Flags()
	flags.Int("zone", 0, "lose this availability zone of the region that serves clients: 1, 2 or 3")
	flags.Int("node", 0, "lose this broker node with its machine, from 0")
	flags.String("region", "", "lose this region, such as westeurope")
	flags.Bool("database", false, "lose the host of the database server")
	command.MarkFlagsOneRequired("zone", "node", "region", "database")
	command.MarkFlagsMutuallyExclusive("zone", "node", "region", "database")
	return command
}

// lossOf is the loss that the one flag names that is set.
func lossOf(c *cobra.Command) recovery.Loss {
	for name, kind := range map[string]recovery.Kind{"zone": recovery.Zone, "node": recovery.Node,
		"region": recovery.Place} {
		if flag := c.Flags().Lookup(name); flag.Changed {
			return recovery.Loss{Kind: kind, Which: flag.Value.String()}
		}
	}
	return recovery.Loss{Kind: recovery.Server}
}

func wanted(stack string, config map[string]string) (rehearsal.Wanted, error) {
	targets, err := stacks.TargetsOf(stack, config)
	return rehearsal.Wanted(targets), err
}

// terminal says whether a person looks at the file.
func terminal(file *os.File) bool {
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
