package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/amora-sync/mqtt-on-azure/internal/costs"
	"github.com/amora-sync/mqtt-on-azure/internal/hidden"
	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal"
	"github.com/amora-sync/mqtt-on-azure/internal/review"
	"github.com/amora-sync/mqtt-on-azure/stacks"
)

// reviewOf makes the command that writes a pull request's comment.
func reviewOf() *cobra.Command {
	r := &reviewer{}
	var names, brokers []string
	var file string
	var limit int
	command := &cobra.Command{
		Use: "review --base FOLDER", Short: "Write what this checkout changes on each stack, compared with another one",
		Args: cobra.NoArgs,
		Long: `Write what this checkout changes on each stack with each broker, compared with another one, as the Markdown of one comment.

The base's own amora, built into FOLDER/.rehearsal/bin, deploys the base against the stand-in for Azure; on top of that, this
checkout is previewed. No account is needed. "make review" makes the folder and builds both.

It ends with 1 when a stack can't be deployed with its own broker; the comment is written all the same.`,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := r.prepare(c.ErrOrStderr()); err != nil {
				return err
			}
			all, err := r.all(c.Context(), names, brokers)
			if err != nil {
				return err
			}
			text := review.Comment(all, limit)
			if file == "" {
				_, err = io.WriteString(c.OutOrStdout(), text)
			} else {
				err = os.WriteFile(file, []byte(text), 0o644)
			}
			return errors.Join(err, broken(all))
		},
	}
	flags := command.Flags()
	flags.StringVar(&r.base, "base", "", "checkout of the base branch, with its amora in .rehearsal/bin")
	flags.StringArrayVar(&names, "stack", []string{"dev", "prod"}, "stack to look at; may be given several times")
	flags.StringArrayVar(&brokers, "broker", []string{stacks.EMQXContainerApps, stacks.HiveMQAKS, stacks.VerneMQVMs},
		"broker to look at besides the stack's own; may be given several times")
	flags.StringVar(&file, "out", "", "write the comment to this file (default: standard output)")
	flags.IntVar(&limit, "limit", review.CommentLimit,
		"bytes that the comment may have; what is longer is cut, and says so; 0: no limit")
	if err := command.MarkFlagRequired("base"); err != nil {
		panic(err) // the flag is defined above
	}
	return command
}

// reviewer compares two checkouts.
type reviewer struct {
	root, base string
	book       costs.Book
	progress   *log.Logger // whose lines stay whole
}

func (r *reviewer) prepare(progress io.Writer) error {
	r.progress = log.New(progress, "review: ", 0)
	var err error
	if r.root, err = repository(); err != nil {
		return err
	}
	if r.base, err = filepath.Abs(r.base); err != nil {
		return err
	}
	if _, err := os.Stat(r.amora()); err != nil {
		return fmt.Errorf("--base: %w (make amora builds it there)", err)
	}
	r.book, err = costs.Prices()
	return err
}

// amora is the base's own.
func (r *reviewer) amora() string { return filepath.Join(r.base, ".rehearsal", "bin", "amora") }

// atOnce bounds the engines that run beside each other: each has some 300 MB.
const atOnce = 2

// all looks at every stack with its own broker first, and then with the others.
func (r *reviewer) all(ctx context.Context, names, brokers []string) ([]review.Deployment, error) {
	var all []review.Deployment
	for _, stack := range names {
		if err := (&chosen{stack: stack}).tellUnread(r.progress.Writer()); err != nil {
			return nil, err
		}
		raw, err := (&chosen{stack: stack}).config()
		if err != nil {
			return nil, err
		}
		own := cmp.Or(strings.ReplaceAll(raw["amora-sync:broker"], hidden.Value, ""), stacks.EMQXContainerApps)
		all = append(all, review.Deployment{Stack: stack, Broker: own, Own: true})
		for _, broker := range brokers {
			if broker != own {
				all = append(all, review.Deployment{Stack: stack, Broker: broker})
			}
		}
	}
	errs := make([]error, len(all))
	var work sync.WaitGroup
	places := make(chan struct{}, atOnce)
	for i := range all {
		work.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			errs[i] = r.look(ctx, &all[i])
		})
	}
	work.Wait()
	return all, errors.Join(errs...)
}

// look fills in what becomes of one deployment.
func (r *reviewer) look(ctx context.Context, d *review.Deployment) error {
	r.progress.Printf("%s with %s", d.Stack, d.Broker)
	after, edits, err := settle(*d, func(edits []string) (stacks.Forecast, error) {
		return (&chosen{stack: d.Stack}).foretell(r.book, edits...)
	})
	var faults stacks.Faults
	if errors.As(err, &faults) {
		d.Problem = faults.Error()
		return nil
	}
	if err != nil {
		return err
	}
	if need := assumed[d.Broker]; len(edits) > 1 {
		d.Assumed = []string{need.key}
	}
	state, err := os.MkdirTemp("", "amora-review-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(state)
	before, err := r.deployBase(ctx, *d, state)
	if err != nil {
		d.NoBase = err.Error()
	} else if costs := differenceOf(before, after); !costs.none() {
		d.Costs = costs.markdown()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return r.preview(ctx, d, state, edits)
}

// deployBase lets the base's amora deploy its config, and gives back what it foretells of it. Where it can't, the state
// is left empty.
func (r *reviewer) deployBase(ctx context.Context, d review.Deployment, state string) (stacks.Forecast, error) {
	if _, err := os.Stat(filepath.Join(r.base, "Pulumi."+d.Stack+".yaml")); err != nil {
		return stacks.Forecast{}, fmt.Errorf("the base has no Pulumi.%s.yaml", d.Stack)
	}
	before, edits, err := settle(d, func(edits []string) (f stacks.Forecast, err error) {
		said, err := r.run(ctx, append([]string{"plan", "--json", "--stack", d.Stack}, sets(edits)...)...)
		if err == nil {
			err = json.Unmarshal([]byte(said), &f)
		}
		return f, err
	})
	if err != nil {
		return stacks.Forecast{}, fmt.Errorf("the base is refused: %w", err)
	}
	if _, err := r.run(ctx, append([]string{"rehearse", "up", "--json", "--stack", d.Stack, "--state", state},
		sets(edits)...)...); err != nil {
		return stacks.Forecast{}, errors.Join(fmt.Errorf("the base's deployment fails: %w", err),
			os.RemoveAll(filepath.Join(state, d.Stack)))
	}
	return before, nil
}

// run runs the base's amora and gives back what it printed; the error is what it said.
func (r *reviewer) run(ctx context.Context, args ...string) (string, error) {
	var said, log bytes.Buffer
	command := exec.CommandContext(ctx, r.amora(), args...)
	command.Dir, command.Stdout, command.Stderr = r.base, &said, &log
	if err := command.Run(); err != nil {
		return "", errors.New(cmp.Or(reasons(log.String()), err.Error()))
	}
	return said.String(), nil
}

func (r *reviewer) preview(ctx context.Context, d *review.Deployment, state string, edits []string) error {
	var log bytes.Buffer
	result, err := rehearsal.Preview(ctx, rehearsal.Options{
		Root: r.root, State: state, Stack: d.Stack, Set: edits, Program: stacks.Program, Externals: stacks.Externals,
		JSON: true, Out: io.Discard, Err: &log,
	})
	var failure *rehearsal.Failure
	if errors.As(err, &failure) && ctx.Err() == nil {
		d.Problem = cmp.Or(reasons(log.String()), failure.Error())
		return nil
	}
	d.Changes = result.Steps
	return err
}

// settle finds the edits with which a config is taken for a deployment's broker: none for the stack's own, and what is
// assumed where it must be.
func settle(d review.Deployment, try func(edits []string) (stacks.Forecast, error)) (stacks.Forecast, []string, error) {
	if d.Own {
		f, err := try(nil)
		return f, nil, err
	}
	edits := []string{"broker=" + d.Broker}
	f, err := try(edits)
	if need, has := assumed[d.Broker]; err != nil && has {
		more := append(edits, need.key+"="+need.value)
		if f, err := try(more); err == nil {
			return f, more, nil
		}
	}
	return f, edits, err
}

func sets(edits []string) []string {
	var args []string
	for _, edit := range edits {
		args = append(args, "--set", edit)
	}
	return args
}

// reasons takes out of what a run printed why it failed: the engine's diagnostics, or else its last lines.
func reasons(log string) string {
	if _, after, found := strings.Cut(log, "\nDiagnostics:\n"); found {
		log, _, _ = strings.Cut(after, "\nResources:\n")
		return strings.TrimRight(log, "\n ")
	}
	lines := strings.Split(strings.TrimSpace(log), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// broken names the stacks that can't be deployed as they are configured.
func broken(all []review.Deployment) error {
	var errs []error
	for _, d := range all {
		if d.Own && d.Problem != "" {
			errs = append(errs, fmt.Errorf("review: %s can't be deployed: %s", d.Stack, d.Problem))
		}
	}
	return errors.Join(errs...)
}
