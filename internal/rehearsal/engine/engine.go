// Package engine runs a Pulumi program on Pulumi's own engine inside this process: its steps, diffs, replacements,
// checks of the state and display are those of the CLI, the program talks to it by the SDK over the same RPC, and it
// to the provider plugins over the same RPC. The CLI is not needed, and one run takes a tenth of the CLI's time.
package engine

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/pulumi/pulumi/pkg/v3/display"
	"github.com/pulumi/pulumi/pkg/v3/engine"
	"github.com/pulumi/pulumi/pkg/v3/resource/deploy"
	"github.com/pulumi/pulumi/pkg/v3/resource/deploy/deploytest"
	"github.com/pulumi/pulumi/pkg/v3/resource/graph"
	"github.com/pulumi/pulumi/pkg/v3/resource/plugin"
	"github.com/pulumi/pulumi/pkg/v3/util/cancel"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Verb is what the engine does.
type Verb int

// The verbs do what the CLI's commands of these names do. A preview changes neither the state nor what there is.
const (
	Preview Verb = iota
	Up
	Refresh
	PreviewRefresh
	Destroy
)

// State is what the engine knows of a stack. The zero value is that of a stack that was never deployed. Secrets in
// it are encrypted.
type State = apitype.DeploymentV3

// Stack is a program with its config.
type Stack struct {
	Project, Name string
	Program       pulumi.RunFunc
	Config        map[string]string // by full key, such as "amora-sync:broker"; objects as JSON
	Plugins       map[string]int    // the loopback ports on which the provider plugins listen, by name
}

// Options say how one run goes.
type Options struct {
	Show    *Show              // where the run is shown; nil shows nothing
	Listen  func(engine.Event) // gets what the engine tells, one event after the other; nil for nobody
	Journal func(Entry) error  // gets each change of the state before the engine goes on; nil for nobody
}

// Outcome is what became of a run.
type Outcome struct {
	State   State
	Changes map[string]int // resources by what was done with them: same, create, update, replace, delete, …
}

// parallel is how many resources the engine works on at once: as many as the CLI on a machine of four cores.
const parallel = 16

// Run does one thing to a stack, and gives back what the engine knows of it afterwards, also after an error. When
// the context ends, what is under way is finished, nothing else is begun, and the error says so.
func Run(ctx context.Context, verb Verb, stack Stack, before State, o Options) (Outcome, error) {
	snapshot, err := deserialized(ctx, before)
	if err != nil {
		return Outcome{State: before}, err
	}
	// A program whose run failed waits for answers that never come. In a process of its own it would end with that.
	programContext, endProgram := context.WithCancel(context.WithoutCancel(ctx))
	defer endProgram()
	var plugins *host
	attach := func(_ context.Context, said, status diag.Sink, _ plugin.DebugContext) (plugin.Host, error) {
		plugins = newHost(stack.Plugins, said, status, func(info plugin.RunInfo, engineAddress string) error {
			return stack.run(programContext, info, engineAddress)
		})
		return plugins, nil
	}
	name, err := tokens.ParseStackName(stack.Name)
	if err != nil {
		return Outcome{State: before}, err
	}
	values, err := stack.values()
	if err != nil {
		return Outcome{State: before}, err
	}

	var kept []resource.URN
	if verb == Destroy {
		if kept = protected(snapshot); len(kept) == len(snapshot.Resources) {
			return Outcome{State: before}, nil
		}
	}

	cancelling, source := cancel.NewContext(context.WithoutCancel(ctx))
	defer source.Terminate() // what waits for it would wait for ever
	defer context.AfterFunc(ctx, source.Cancel)()
	events, told := o.follow(verb, stack)
	record := newRecorder(before, snapshot, o.Journal)
	run := &engine.Context{
		Cancel: cancelling, Events: events, SnapshotManager: record, BackendClient: outputsBefore(snapshot),
	}
	changes, err := verb.do(engine.UpdateInfo{
		Root: "/",
		Project: &workspace.Project{
			Name: tokens.PackageName(stack.Project), Runtime: workspace.NewProjectRuntimeInfo("go", nil),
		},
		Target: &deploy.Target{Name: name, Config: values, Decrypter: config.NopDecrypter, Snapshot: snapshot},
	}, run, engine.UpdateOptions{
		Parallel: parallel, SkipPluginPreInstall: true, Excludes: deploy.NewUrnTargetsFromUrns(kept), HostFactory: attach,
	})
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx) // of a destroy the engine does not say that it stopped
	}
	close(events)
	<-told
	if plugins != nil {
		err = errors.Join(err, plugins.Close())
	}
	outcome := Outcome{State: before, Changes: map[string]int{}}
	for op, count := range changes {
		outcome.Changes[string(op)] = count
	}
	if !verb.previews() {
		var unsound error
		outcome.State, unsound = record.state()
		err = errors.Join(err, unsound)
	}
	record.release()
	return outcome, err
}

func (v Verb) previews() bool { return v == Preview || v == PreviewRefresh }

func (v Verb) do(what engine.UpdateInfo, ctx *engine.Context, o engine.UpdateOptions) (display.ResourceChanges, error) {
	do := engine.Update
	switch v {
	case Refresh, PreviewRefresh:
		do = engine.Refresh
	case Destroy:
		do = engine.Destroy
	}
	_, changes, err := do(what, ctx, o, v.previews())
	return changes, err
}

// run runs the program as the Go language host does.
func (s Stack) run(ctx context.Context, info plugin.RunInfo, engineAddress string) error {
	program, err := pulumi.NewContext(ctx, pulumi.RunInfo{
		Project: s.Project, Stack: s.Name, Config: s.Config, DryRun: info.DryRun, Parallel: info.Parallel,
		MonitorAddr: info.MonitorAddress, EngineAddr: engineAddress,
	})
	if err != nil {
		return err
	}
	return errors.Join(pulumi.RunWithContext(program, s.Program), program.Close())
}

// protected lists what a destroy leaves: the protected resources, and what they need. The CLI's --exclude-protected
// does the same.
func protected(known *deploy.Snapshot) []resource.URN {
	needs := graph.NewDependencyGraph(known.Resources)
	kept := map[resource.URN]bool{}
	for _, r := range known.Resources {
		if r.Protect {
			kept[r.URN] = true
			for needed := range needs.TransitiveDependenciesOf(r).Iter() {
				kept[needed.URN] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(kept))
}

// Unprotected is a state of which Destroy leaves nothing, as after `pulumi state unprotect --all`.
func Unprotected(s State) State {
	s.Resources = slices.Clone(s.Resources)
	for i := range s.Resources {
		s.Resources[i].Protect = false
	}
	return s
}

// Outputs are the stack's outputs in a state, as JSON has them, with "[secret]" in the place of each secret.
func Outputs(s State) (map[string]any, error) {
	known, err := deserialized(context.Background(), s)
	if err != nil {
		return nil, err
	}
	for _, r := range known.Resources {
		if r.Type == resource.RootStackType {
			return r.Outputs.MapRepl(nil, func(v resource.PropertyValue) (any, bool) { return "[secret]", v.IsSecret() }), nil
		}
	}
	return nil, nil
}

// values is the config as the engine reads it, for the providers that it makes by itself.
func (s Stack) values() (config.Map, error) {
	values := config.Map{}
	for key, value := range s.Config {
		parsed, err := config.ParseKey(key)
		if err != nil {
			return nil, err
		}
		values[parsed] = config.NewValue(value)
	}
	return values, nil
}

// outputsBefore gives the program what the last run left in the stack's outputs.
func outputsBefore(known *deploy.Snapshot) deploy.BackendClient {
	outputs := func(context.Context, string, func(error) error) (property.Map, error) {
		for _, r := range known.Resources {
			if r.Type == resource.RootStackType {
				return resource.FromResourcePropertyMap(r.Outputs), nil
			}
		}
		return property.Map{}, nil
	}
	return &deploytest.BackendClient{GetStackOutputsF: outputs}
}
