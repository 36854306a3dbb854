// Package sequences puts the program through random sequences of edits, faults, re-runs and drift, and asks after each what may never be lost.
// It is a module of its own, so that the engine's library stays out of the program's.
package sequences

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/pkg/v3/backend"
	"github.com/pulumi/pulumi/pkg/v3/display"
	"github.com/pulumi/pulumi/pkg/v3/engine"
	"github.com/pulumi/pulumi/pkg/v3/resource/deploy"
	"github.com/pulumi/pulumi/pkg/v3/resource/deploy/deploytest"
	"github.com/pulumi/pulumi/pkg/v3/resource/plugin"
	"github.com/pulumi/pulumi/pkg/v3/resource/stack"
	"github.com/pulumi/pulumi/pkg/v3/secrets/b64"
	"github.com/pulumi/pulumi/pkg/v3/util/cancel"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/env"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/standin"
	"github.com/amora-sync/mqtt-on-azure/stacks"
)

// The engine runs in this process: its steps, diffs, replacements, state and checks of it are the CLI's own code, the program talks to it by the
// SDK over the same RPC, and it to the stand-in over the same RPC. What is not the CLI's: the state is kept in memory and not in a file with a
// lock, it is saved once at the end of a run, and secrets in it are encoded and not encrypted. The rehearsal's own tests go through all of that.
// One run takes a tenth of the CLI's time, and so ten times as many sequences can be tried.

const (
	projectName = "amora-sync"
	stackName   = "dev"
)

// verb is what the engine does.
type verb func(engine.UpdateInfo, *engine.Context, engine.UpdateOptions, bool) (*deploy.Plan, display.ResourceChanges, error)

// run is what one run of the engine came to.
type run struct {
	heard
	calls int // to Azure that changed something
	err   error
}

// heard is what the engine told about a run.
type heard struct {
	steps []step   // of what was changed, in the order in which they ended
	said  []string // errors, in the engine's words
}

// step is what the engine did to a resource.
type step struct {
	op, name, token string
}

// state is what the engine knows of the stack, nil when it knows nothing.
type state = apitype.DeploymentV3

// do runs a verb on a world, and gives back the state after it. The state that comes in is left as it is.
func do(what verb, preview bool, world *standin.World, before *state, values map[string]string, faults standin.Faults) (*state, run) {
	server, err := standin.Serve(world, faults)
	if err != nil {
		return before, run{err: err}
	}
	after, result := attached(what, preview, server, before, values)
	result.calls = server.Calls()
	result.err = errors.Join(result.err, server.Close())
	return after, result
}

func attached(what verb, preview bool, server *standin.Server, before *state, values map[string]string) (*state, run) {
	// A run that fails leaves programs that wait for an answer. Nobody ends their process here.
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var snapshot *deploy.Snapshot
	secrets := b64.NewBase64SecretsManager()
	if before != nil {
		var err error
		if snapshot, err = stack.DeserializeDeploymentV3(ctx, *before, stack.Base64SecretsProvider{}); err != nil {
			return before, run{err: err}
		}
	}
	saved := &memory{state: before}
	var manager engine.SnapshotManager
	if !preview {
		manager = backend.NewSnapshotManager(saved, secrets, snapshot, nil)
	}
	events := make(chan engine.Event)
	told := make(chan heard)
	go listen(events, told)

	host := &host{Host: deploytest.NewPluginHost(silent, silent, nil), providers: server.Providers()}
	host.program = deploytest.NewLanguageRuntime(func(info plugin.RunInfo, _ *deploytest.ResourceMonitor) error {
		return runProgram(ctx, info, host.ServerAddr(), values)
	})
	opts := engine.UpdateOptions{
		Parallel: 16, SkipPluginPreInstall: true, Experimental: true,
		HostFactory: func(context.Context, diag.Sink, diag.Sink, plugin.DebugContext) (plugin.Host, error) {
			return host, nil
		},
	}
	cancelling, ended := cancel.NewContext(ctx)
	_, _, err := what(engine.UpdateInfo{
		Root:    "/",
		Project: &workspace.Project{Name: projectName, Runtime: workspace.NewProjectRuntimeInfo("go", nil)},
		Target:  &deploy.Target{Name: tokens.MustParseStackName(stackName), Decrypter: config.NopDecrypter, Snapshot: snapshot},
	}, &engine.Context{Cancel: cancelling, Events: events, SnapshotManager: manager, BackendClient: outputsBefore(snapshot)}, opts, preview)
	ended.Cancel()
	ended.Terminate() // what waits for either of them would wait for ever
	close(events)
	result := run{heard: <-told}
	if manager != nil {
		err = errors.Join(err, manager.Close())
	}
	result.err = errors.Join(err, host.Close())
	return saved.state, result
}

// runProgram runs the program as `pulumi up` does.
func runProgram(ctx context.Context, info plugin.RunInfo, engineAddress string, values map[string]string) error {
	program, err := pulumi.NewContext(ctx, pulumi.RunInfo{
		Project: projectName, Stack: stackName, Config: values, DryRun: info.DryRun, Parallel: info.Parallel,
		MonitorAddr: info.MonitorAddress, EngineAddr: engineAddress,
	})
	if err != nil {
		return err
	}
	return errors.Join(pulumi.RunWithContext(program, stacks.Program(values)), program.Close())
}

// memory keeps a state.
type memory struct{ state *state }

func (m *memory) Save(d apitype.TypedDeployment) error {
	m.state = d.Deployment
	return nil
}

// outputsBefore gives the program what the last run that succeeded left in the outputs.
func outputsBefore(known *deploy.Snapshot) deploy.BackendClient {
	return &deploytest.BackendClient{GetStackOutputsF: func(context.Context, string, func(error) error) (property.Map, error) {
		if known != nil {
			for _, r := range known.Resources {
				if r.Type == resource.RootStackType {
					return resource.FromResourcePropertyMap(r.Outputs), nil
				}
			}
		}
		return property.Map{}, nil
	}}
}

// listen keeps what the engine tells until it has nothing more to tell.
func listen(events <-chan engine.Event, told chan<- heard) {
	var h heard
	for event := range events {
		switch payload := event.Payload().(type) {
		case engine.DiagEventPayload:
			if payload.Severity == diag.Error {
				h.said = append(h.said, strings.TrimSpace(colors.Never.Colorize(payload.Message)))
			}
		case engine.ResourceOutputsEventPayload:
			if m := payload.Metadata; m.Op != deploy.OpSame && m.Op != deploy.OpRefresh && !payload.Planning {
				h.steps = append(h.steps, step{string(m.Op), m.URN.Name(), string(m.Type)})
			}
		}
	}
	told <- h
}

var silent = diag.DefaultSink(discard{}, discard{}, diag.FormatOptions{Color: colors.Never})

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) Close() error                { return nil }

// host gives the engine the program, and the stand-in's plugins, which listen already.
type host struct {
	plugin.Host
	program     plugin.LanguageRuntime
	providers   string // NAME:PORT,NAME:PORT
	connections []*grpc.ClientConn
	close       sync.Once
	closed      error
}

func (h *host) LanguageRuntime(*plugin.Context, string) (plugin.LanguageRuntime, error) {
	return h.program, nil
}

// Provider attaches as an engine does that is told by PULUMI_DEBUG_PROVIDERS where its plugins listen.
func (h *host) Provider(ctx *plugin.Context, descriptor workspace.PluginDescriptor, _ env.Env) (plugin.Provider, error) {
	connection, err := dial(h.providers, descriptor.Name)
	if err != nil {
		return nil, err
	}
	h.connections = append(h.connections, connection)
	provider := plugin.NewProviderWithClient(ctx, pulumirpc.NewResourceProviderClient(connection), false)
	_, err = provider.Handshake(context.Background(), plugin.ProviderHandshakeRequest{
		EngineAddress: h.ServerAddr(), ConfigureWithUrn: true, SupportsViews: true, SupportsRefreshBeforeUpdate: true, InvokeWithPreview: true,
	})
	return provider, err
}

// Close is called by the engine too.
func (h *host) Close() error {
	h.close.Do(func() {
		h.closed = h.Host.Close()
		for _, connection := range h.connections {
			h.closed = errors.Join(h.closed, connection.Close())
		}
	})
	return h.closed
}

func dial(providers, name string) (*grpc.ClientConn, error) {
	for _, listed := range strings.Split(providers, ",") {
		if port, found := strings.CutPrefix(listed, name+":"); found {
			return grpc.NewClient("127.0.0.1:"+port, grpc.WithTransportCredentials(insecure.NewCredentials()), rpcutil.GrpcChannelOptions())
		}
	}
	return nil, fmt.Errorf("the stand-in has no plugin %s", name)
}
