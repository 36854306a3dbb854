// Command bench measures the rehearsal of the shipped stacks against an empty program on the same engine, and the builds. It prints
// the Markdown tables of docs/figures.md. With -cold it also builds into empty caches, which takes some ten minutes on two cores.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal"
	"github.com/amora-sync/mqtt-on-azure/stacks"
)

// runs is how often each command is measured; the median counts.
const runs = 5

func main() {
	cold := flag.Bool("cold", false, "measure builds and `make rehearse` with empty caches too")
	flag.Parse()
	if err := bench(context.Background(), *cold); err != nil {
		fmt.Fprintln(os.Stderr, err) // Pulumi's SDK silences the package log
		os.Exit(1)
	}
}

func bench(ctx context.Context, cold bool) error {
	if err := engine(ctx); err != nil {
		return err
	}
	return builds(cold)
}

// subject is one program that is measured.
type subject struct {
	name, stack string
	program     func(map[string]string) pulumi.RunFunc
	set         []string // config edits
}

func empty(map[string]string) pulumi.RunFunc { return func(*pulumi.Context) error { return nil } }

func engine(ctx context.Context) error {
	fmt.Println("| program | resources | preview, nothing there | up, nothing there | preview, all there | up, all there | critical path | longest single resource |")
	fmt.Println("|---|---|---|---|---|---|---|---|")
	var base [4]time.Duration
	hiveMQ := []string{"broker=" + stacks.HiveMQAKS, "hivemq.trial=true"}
	verneMQ := []string{"broker=" + stacks.VerneMQVMs}
	for _, s := range []subject{
		{"empty", "dev", empty, nil}, {"dev", "dev", stacks.Program, nil}, {"prod", "prod", stacks.Program, nil},
		{"dev, HiveMQ", "dev", stacks.Program, hiveMQ}, {"prod, HiveMQ", "prod", stacks.Program, hiveMQ},
		{"dev, VerneMQ", "dev", stacks.Program, verneMQ}, {"prod, VerneMQ", "prod", stacks.Program, verneMQ},
	} {
		times, result, err := s.measure(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		if s.name == "empty" {
			base = times
		}
		fmt.Printf("| %s | %d |", s.name, result.Changes["same"])
		for i, t := range times {
			fmt.Printf(" %.2f s (%.1f×) |", t.Seconds(), t.Seconds()/base[i].Seconds())
		}
		fmt.Printf(" %s | %s |\n", result.Critical.Total.Round(time.Second), result.Critical.Longest.Latency)
	}
	return nil
}

// measure gives the medians of a preview and an up of nothing, and of a preview and an up of all that is there already.
func (s subject) measure(ctx context.Context) (medians [4]time.Duration, last rehearsal.Result, err error) {
	var all [4][]time.Duration
	for range runs {
		state, err := os.MkdirTemp("", "bench")
		if err != nil {
			return medians, last, err
		}
		o := rehearsal.Options{
			Root: ".", State: state, Stack: s.stack, Set: s.set, Out: io.Discard, Err: io.Discard, Program: s.program, Externals: stacks.Externals,
		}
		for i, run := range []func(context.Context, rehearsal.Options) (rehearsal.Result, error){
			rehearsal.Preview, rehearsal.Up, rehearsal.Preview, rehearsal.Up,
		} {
			began := time.Now()
			if last, err = run(ctx, o); err != nil {
				return medians, last, err
			}
			all[i] = append(all[i], time.Since(began))
		}
		if err := os.RemoveAll(state); err != nil {
			return medians, last, err
		}
	}
	for i, times := range all {
		slices.Sort(times)
		medians[i] = times[len(times)/2]
	}
	return medians, last, nil
}

func builds(cold bool) error {
	fmt.Println("\n| | warm | cold |")
	fmt.Println("|---|---|---|")
	program := filepath.Join(os.TempDir(), "amora-bench-program")
	defer os.Remove(program) // measured, not used
	rows := []struct {
		what    string
		command []string
	}{
		{"build of the Pulumi program", []string{"go", "build", "-o", program, "."}},
		{"build of the rehearsal", []string{"go", "build", "-o", filepath.Join(".rehearsal", "bin", "amora"), "./cmd/amora"}},
		{"make rehearse", []string{"make", "rehearse"}},
	}
	for _, row := range rows {
		if _, err := timed(".", nil, row.command...); err != nil { // this one may compile
			return err
		}
		warm, err := timed(".", nil, row.command...)
		if err != nil {
			return err
		}
		fmt.Printf("| %s | %.1f s |", row.what, warm.Seconds())
		if !cold {
			fmt.Println(" not measured |")
			continue
		}
		took, err := coldly(row.command)
		if err != nil {
			return err
		}
		fmt.Printf(" %.0f s |\n", took.Seconds())
	}
	for what, file := range map[string]string{"the Pulumi program": program, "the rehearsal": rows[1].command[3]} {
		info, err := os.Stat(file)
		if err != nil {
			return err
		}
		fmt.Printf("\nSize of %s: %d MB\n", what, info.Size()/1_000_000)
	}
	return nil
}

// coldly runs a command in a fresh clone with an empty build cache; downloaded modules stay.
func coldly(command []string) (time.Duration, error) {
	folder, err := os.MkdirTemp("", "bench-cold")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(folder) // large, and of no further use
	clone := filepath.Join(folder, "clone")
	if _, err := timed(".", nil, "git", "clone", "--quiet", ".", clone); err != nil {
		return 0, err
	}
	return timed(clone, []string{"GOCACHE=" + filepath.Join(folder, "cache")}, command...)
}

func timed(folder string, environment []string, command ...string) (time.Duration, error) {
	c := exec.Command(command[0], command[1:]...)
	c.Dir, c.Env = folder, append(os.Environ(), environment...)
	began := time.Now()
	if said, err := c.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%v: %w\n%s", command, err, said)
	}
	return time.Since(began), nil
}
