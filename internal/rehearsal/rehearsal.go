// Package rehearsal runs the Pulumi program of this repository on the real engine against a stand-in for Azure: real
// previews, diffs, state, replacements, secrets and destroys, without an account. Every line that it prints itself
// starts with "rehearsal:".
package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/engine"
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

	Program func(config map[string]string) pulumi.RunFunc

	// Externals lists the ARM ids that exist outside the stack.
	Externals func(stack string, config map[string]string, subscription string) []string
}

// ErrDrift is what Drift returns when Azure differs from the state.
var ErrDrift = errors.New("rehearsal: Azure differs from the state")

// session is one run on one stack.
type session struct {
	Options
	ctx      context.Context
	stack    engine.Stack
	state    *engine.File
	world    *standin.World
	server   *standin.Server
	progress io.Writer
}

// run does a session's work, and reports it. What failed has no report but its error.
func run(ctx context.Context, o Options, verb string, work func(*session) (Result, error)) (Result, error) {
	result, err := inSession(ctx, o, work)
	result.Verb, result.Stack = verb, o.Stack
	if err != nil && !errors.Is(err, ErrDrift) {
		return result, err
	}
	return result, errors.Join(result.print(o), err)
}

// inSession opens a session and does the work. When the context ends, what is under way is finished, and the next run
// goes on from there.
func inSession(ctx context.Context, o Options, work func(*session) (Result, error)) (result Result, err error) {
	s, err := open(ctx, o)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	defer context.AfterFunc(ctx, func() {
		say(s.progress, "stopping: what is under way is finished, and nothing else is begun; "+
			"the next run goes on from there (^C again stops at once)")
	})()
	result, err = work(s)
	result.Calls = s.server.Calls()
	if o.Export != "" {
		err = errors.Join(err, s.state.Export(o.Export))
	}
	return result, err
}

// open prepares everything that a run needs: the config, the state, the world, and the stand-in that the engine
// attaches to.
func open(ctx context.Context, o Options) (_ *session, err error) {
	if o.State == "" {
		o.State = filepath.Join(o.Root, ".rehearsal")
	}
	s := &session{Options: o, ctx: ctx, progress: &oneAtATime{to: o.Out}}
	if o.JSON {
		s.progress = &oneAtATime{to: o.Err}
	}
	read, err := load(o.Root, filepath.Join(o.Root, "Pulumi."+o.Stack+".yaml"), o.Set)
	if err != nil {
		return nil, fmt.Errorf("stack %q: %w", o.Stack, err)
	}
	for _, what := range read.unread {
		say(s.progress, "%s", what)
	}
	config := read.values
	if s.state, err = engine.Open(s.file(stateFile)); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.world, err = standin.Open(s.file(worldFile)); err != nil {
		return nil, err
	}
	s.world.Give(o.Externals(o.Stack, config, standin.SubscriptionID)...)
	if s.state.Cut() {
		say(s.progress, "the last run was stopped in the middle of its work; going on with what it left")
		if err := s.state.Save(settled(s.state.State(), s.world)); err != nil {
			return nil, err
		}
	}
	if s.server, err = standin.Serve(s.world, o.Faults); err != nil {
		return nil, err
	}
	s.stack = engine.Stack{
		Project: read.project, Name: o.Stack, Program: o.Program(config), Config: config, Plugins: s.server.Plugins(),
	}
	return s, nil
}

func (s *session) close() error {
	var err error
	if s.server != nil {
		err = s.server.Close()
	}
	return errors.Join(err, s.state.Close())
}

// The files that are kept of a stack, in the folder of its name.
const (
	stateFile = "state.jsonl" // what the engine knows
	worldFile = "azure.jsonl" // what the stand-in's Azure holds
)

func (s *session) file(name string) string { return filepath.Join(s.State, s.Stack, name) }

// engine has the engine do something, shown as the CLI shows it, and keeps what it came to.
func (s *session) engine(verb engine.Verb, o engine.Options) (engine.Outcome, error) {
	o.Show = &engine.Show{Out: s.progress, Err: s.Err, Color: s.Color}
	if err := s.state.Begin(); err != nil {
		return engine.Outcome{}, err
	}
	o.Journal = s.state.Add
	outcome, failure := engine.Run(s.ctx, verb, s.stack, s.state.State(), o)
	return outcome, errors.Join(failure, s.state.Save(outcome.State))
}

// left lists what a state holds besides the stack and its provider, protected resources first.
func left(state engine.State) []string {
	var protected, others []string
	for _, r := range state.Resources {
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

// Forget takes everything away that is kept of a stack, so that the next run begins with nothing. It does not touch
// what was built.
func Forget(o Options) error {
	if o.State == "" {
		o.State = filepath.Join(o.Root, ".rehearsal")
	}
	folder := filepath.Join(o.State, o.Stack)
	if _, err := os.Stat(filepath.Join(folder, stateFile)); err != nil {
		return fmt.Errorf("rehearsal: there is nothing of %s to forget: %w", o.Stack, err)
	}
	state, err := engine.Open(filepath.Join(folder, stateFile)) // nobody else's, while a run is under way
	if err != nil {
		return err
	}
	if err := errors.Join(empty(folder), state.Close()); err != nil {
		return err
	}
	if o.JSON {
		return printJSON(o.Out, map[string]string{"verb": "forget", "stack": o.Stack})
	}
	say(o.Out, "forgot all of %s; the next run begins with nothing", o.Stack)
	return nil
}

// empty takes all out of a stack's folder but the lock's file: who waits for that would get it, and who comes later
// another one. Windows would not let it go either.
func empty(folder string) error {
	files, err := os.ReadDir(folder)
	for _, file := range files {
		if filepath.Ext(file.Name()) != engine.Lock {
			err = errors.Join(err, os.RemoveAll(filepath.Join(folder, file.Name())))
		}
	}
	return err
}

// say prints a line of the rehearsal's own: each says that it is one.
func say(out io.Writer, format string, args ...any) {
	fmt.Fprintf(out, "rehearsal: "+format+"\n", args...)
}

// oneAtATime keeps the lines of several writers whole.
type oneAtATime struct {
	mu sync.Mutex
	to io.Writer
}

func (o *oneAtATime) Write(line []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.to.Write(line)
}
