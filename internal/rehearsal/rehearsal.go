// Package rehearsal runs the Pulumi program of this repository on the real engine against a stand-in for Azure: real previews,
// diffs, state, replacements, secrets and destroys, without an account. Every line that it prints itself starts with "rehearsal:".
package rehearsal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/standin"
)

// Options say what is rehearsed, and how.
type Options struct {
	Root   string   // folder of Pulumi.yaml
	State  string   // folder for all that is kept between runs; default Root/.rehearsal
	Stack  string   // its config is Root/Pulumi.STACK.yaml
	Set    []string // edits of that config, KEY=VALUE; the file is not touched
	Faults standin.Faults
	Force  bool // destroy takes protected resources too

	Out, Err io.Writer
	Color    bool
	JSON     bool   // Out gets one JSON document, and progress goes to Err
	Export   string // file that gets the state after the run; "" for none

	Program   func(config map[string]string) pulumi.RunFunc
	Externals func(stack string, config map[string]string, subscription string) []string // ARM ids that exist outside the stack

	command auto.PulumiCommand // the engine, where it is at hand; nil finds or builds it
}

// ErrDrift is what Drift returns when Azure differs from the state.
var ErrDrift = errors.New("rehearsal: Azure differs from the state")

// passphrase encrypts the secrets of rehearsal states, which protect nothing: it is a constant, and no user's.
const passphrase = "rehearsal"

// session is one run on one stack.
type session struct {
	Options
	ctx      context.Context
	stack    auto.Stack
	world    *standin.World
	server   *standin.Server
	progress io.Writer
}

// run opens a session, does the work, and reports.
func run(ctx context.Context, o Options, verb string, work func(*session) (Result, error)) (result Result, err error) {
	if o.Export != "" {
		if o.Export, err = filepath.Abs(o.Export); err != nil {
			return Result{}, err
		}
	}
	s, err := open(ctx, o)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, s.server.Close()) }()
	result, failure := work(s)
	result.Verb, result.Stack, result.Calls = verb, o.Stack, s.server.Calls()
	if o.Export != "" {
		// Not by the Automation API, whose export decrypts every secret.
		if err := s.pulumi("stack", "export", "--file", o.Export); err != nil {
			return result, errors.Join(failure, err)
		}
	}
	if failure != nil && !errors.Is(failure, ErrDrift) {
		return result, failure
	}
	return result, errors.Join(result.print(s.Options), failure)
}

// open prepares everything that a run needs: the config, the world, the engine, and the stand-in that the engine attaches to.
func open(ctx context.Context, o Options) (*session, error) {
	if o.State == "" {
		o.State = filepath.Join(o.Root, ".rehearsal")
	}
	// The engine works in a folder of its own.
	for _, path := range []*string{&o.Root, &o.State} {
		var err error
		if *path, err = filepath.Abs(*path); err != nil {
			return nil, err
		}
	}
	s := &session{Options: o, ctx: ctx, progress: o.Out}
	if o.JSON {
		s.progress = o.Err
	}
	config, err := prepare(o.Root, s.folder("project"), o.Stack, o.Set)
	if err != nil {
		return nil, err
	}
	if s.world, err = standin.Open(s.folder("azure.json")); err != nil {
		return nil, err
	}
	s.world.Give(o.Externals(o.Stack, config, standin.SubscriptionID)...)
	if s.command == nil {
		// Shared by all stacks, wherever their state is: only builds write to it.
		if s.command, err = engine(ctx, o.Root, filepath.Join(o.Root, ".rehearsal"), s.progress); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(os.MkdirAll(s.folder("backend"), 0o755), unlock(s.folder("backend"))); err != nil {
		return nil, err
	}
	if s.server, err = standin.Serve(s.world, o.Faults); err != nil {
		return nil, err
	}
	if err := s.attach(o.Program(config)); err != nil {
		return nil, errors.Join(err, s.server.Close())
	}
	return s, nil
}

// folder is a place for what is kept of the stack.
func (s *session) folder(name string) string { return filepath.Join(s.State, s.Stack, name) }

// attach makes or selects the stack in an engine that has nothing to do with the user's own, and that reaches no provider but the
// stand-in.
func (s *session) attach(program pulumi.RunFunc) error {
	var err error
	s.stack, err = auto.UpsertStackInlineSource(s.ctx, s.Stack, "amora-sync", program,
		auto.Pulumi(s.command), auto.WorkDir(s.folder("project")), auto.PulumiHome(s.folder("home")), auto.EnvVars(map[string]string{
			// Without what would lie beside each file and is not written in one step: the state has to survive a kill at any moment.
			"PULUMI_BACKEND_URL":                            "file://" + filepath.ToSlash(s.folder("backend")) + "?metadata=skip",
			"PULUMI_CONFIG_PASSPHRASE":                      passphrase,
			"PULUMI_SKIP_UPDATE_CHECK":                      "true",
			"PULUMI_DEBUG_PROVIDERS":                        s.server.Providers(),
			"PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "true", // one copy of a rehearsal is enough
			// The engine would fetch the real plugins of what the state holds, though it never starts them.
			"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
		}))
	if err == nil && s.world.Killed() {
		err = s.forgetPending()
	}
	return err
}

// forgetPending takes the operations off the state that a killed run was in the middle of. An owner has to look in Azure how each of
// them ended; here the stand-in knows, and takes the creation of what is there for an update.
func (s *session) forgetPending() error {
	exported, err := s.stack.Export(s.ctx)
	if err != nil {
		return err
	}
	var deployment map[string]json.RawMessage
	if err := json.Unmarshal(exported.Deployment, &deployment); err != nil {
		return err
	}
	if deployment["pending_operations"] == nil {
		return nil
	}
	say(s.progress, "the last run was killed in the middle of its work; going on with what it left")
	delete(deployment, "pending_operations")
	if exported.Deployment, err = json.Marshal(deployment); err != nil {
		return err
	}
	return s.stack.Import(s.ctx, exported)
}

// unlock removes the locks of engines that are no longer running: a killed run leaves its own behind.
func unlock(backend string) error {
	locks, err := filepath.Glob(filepath.Join(backend, ".pulumi", "locks", "*", "*", "*", "*.json"))
	if err != nil {
		return err
	}
	for _, file := range locks {
		data, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue // its engine has just ended
		}
		if err != nil {
			return err
		}
		var lock struct{ Pid int }
		if err := json.Unmarshal(data, &lock); err != nil {
			return fmt.Errorf("read the lock %s: %w", file, err)
		}
		if running(lock.Pid) {
			return fmt.Errorf("another run, process %d, is under way on this stack", lock.Pid)
		}
		if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// pulumi runs the CLI for what the Automation API has no call for, with progress shown.
func (s *session) pulumi(args ...string) error {
	workspace := s.stack.Workspace()
	env := []string{"PULUMI_HOME=" + workspace.PulumiHome()}
	for key, value := range workspace.GetEnvVars() {
		env = append(env, key+"="+value)
	}
	args = append(args, "--stack", s.Stack, "--color", s.color())
	_, _, _, err := workspace.PulumiCommand().Run(s.ctx, workspace.WorkDir(), nil, []io.Writer{s.progress}, []io.Writer{s.Err}, env, args...)
	if err != nil {
		return fmt.Errorf("rehearsal: pulumi %s failed: %w", strings.Join(args[:2], " "), err)
	}
	return nil
}

func (s *session) color() string {
	if s.Color {
		return "always"
	}
	return "never"
}

// deployment is the state of the stack.
func (s *session) deployment() (apitype.DeploymentV3, error) {
	var deployment apitype.DeploymentV3
	exported, err := s.stack.Export(s.ctx)
	if err != nil {
		return deployment, err
	}
	return deployment, json.Unmarshal(exported.Deployment, &deployment)
}

// left lists what a state holds besides the stack and its provider, protected resources first.
func left(deployment apitype.DeploymentV3) []string {
	var protected, others []string
	for _, r := range deployment.Resources {
		line := fmt.Sprintf("%s (%s)", r.URN.Name(), r.Type)
		switch {
		case r.Protect:
			protected = append(protected, line)
		case r.Custom && !strings.HasPrefix(string(r.Type), "pulumi:"):
			others = append(others, line+", needed by one that is protected")
		}
	}
	slices.Sort(protected)
	slices.Sort(others)
	return append(protected, others...)
}
