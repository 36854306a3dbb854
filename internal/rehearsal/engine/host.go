package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/pulumi/pulumi/pkg/v3/resource/deploy/deploytest"
	"github.com/pulumi/pulumi/pkg/v3/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/env"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// host gives the engine the program, and the provider plugins, which listen already.
type host struct {
	plugin.Host
	program plugin.LanguageRuntime
	plugins map[string]int

	mu          sync.Mutex
	connections []*grpc.ClientConn
	close       sync.Once
	closed      error

	hearing sync.RWMutex
	deaf    bool
}

// ear passes on what is said until the run is over. The engine closes its channel of events after that, and a program
// whose run has failed may talk on.
type ear struct {
	diag.Sink
	host *host
}

func (e ear) Logf(severity diag.Severity, message *diag.Diag, args ...any) {
	e.host.hearing.RLock()
	defer e.host.hearing.RUnlock()
	if !e.host.deaf {
		e.Sink.Logf(severity, message, args...)
	}
}

// newHost passes what the program and the plugins say to the engine's own sinks.
func newHost(
	plugins map[string]int, said, status diag.Sink, program func(info plugin.RunInfo, engineAddress string) error,
) *host {
	h := &host{plugins: plugins}
	h.Host = deploytest.NewPluginHost(ear{said, h}, ear{status, h}, nil)
	h.program = deploytest.NewLanguageRuntime(func(info plugin.RunInfo, _ *deploytest.ResourceMonitor) error {
		return program(info, h.ServerAddr())
	})
	return h
}

// LanguageRuntime is the program, whatever its language is called.
func (h *host) LanguageRuntime(*plugin.Context, string) (plugin.LanguageRuntime, error) {
	return h.program, nil
}

// Provider attaches to a plugin as the CLI does when PULUMI_DEBUG_PROVIDERS says where it listens.
func (h *host) Provider(
	ctx *plugin.Context, descriptor workspace.PluginDescriptor, _ env.Env,
) (plugin.Provider, error) {
	port, listens := h.plugins[descriptor.Name]
	if !listens {
		return nil, fmt.Errorf("no plugin %s listens", descriptor.Name)
	}
	connection, err := Dial(port)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	h.connections = append(h.connections, connection)
	h.mu.Unlock()
	provider := plugin.NewProviderWithClient(ctx, pulumirpc.NewResourceProviderClient(connection), false)
	_, err = provider.Handshake(context.Background(), plugin.ProviderHandshakeRequest{
		EngineAddress: h.ServerAddr(), ConfigureWithUrn: true, SupportsViews: true,
		SupportsRefreshBeforeUpdate: true, InvokeWithPreview: true,
	})
	return provider, err
}

// ReleaseContext is called by the engine at the end of a run.
func (h *host) ReleaseContext(ctx *plugin.Context) error {
	h.hearing.Lock()
	h.deaf = true
	h.hearing.Unlock()
	return h.Host.ReleaseContext(ctx)
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

// Dial connects to a plugin that listens on a loopback port.
func Dial(port int) (*grpc.ClientConn, error) {
	address, plain := fmt.Sprintf("127.0.0.1:%d", port), grpc.WithTransportCredentials(insecure.NewCredentials())
	return grpc.NewClient(address, plain, rpcutil.GrpcChannelOptions())
}
