// Package standin is a stand-in for Azure: it serves the azure-native and random provider plugins to a real Pulumi
// engine out of this process, and keeps what the engine makes in a [World] on disk.
//
// It refuses what Azure refuses, as near to Azure's words as they are known: names, references, subnets, ports, roles,
// soft-deleted vaults, resources in use. It is a rehearsal and never proves that Azure accepts a deployment: it knows
// only the resource types and the rules that are written down here, and says so about every type that it does not know.
package standin

import (
	"errors"
	"fmt"
	"sync"

	"github.com/blang/semver"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
)

// Faults are what goes wrong on purpose. A mutating call is a creation, update or deletion of an azure-native resource
// outside of a preview; calls are counted from 1 over one Server. Zero values never go wrong.
type Faults struct {
	FailAt   int // this call fails with an internal error of Azure's and changes nothing
	Throttle int // every such call is answered 429 first, and retried as the real provider does
	DieAt    int // this call does its work in the World, but its answer is lost

	// Strike holds the logical names of resources of which the next call fails as with FailAt, or as with DieAt where
	// StrikeLate is set. A name is taken out when its call came, so that one Faults after the other goes on with those
	// that are left.
	Strike     map[string]bool
	StrikeLate bool

	// a role is not known to other services before the next Server: Azure takes up to ten minutes to tell them
	SlowRoles bool

	// Unregistered are resource providers that the subscription has not registered, such as "Microsoft.App".
	Unregistered []string
}

// Server serves one World. Close it.
type Server struct {
	world  *World
	faults Faults

	mu        sync.Mutex
	calls     int
	throttled int

	plugins []*listener
}

type listener struct {
	name   string
	handle rpcutil.ServeHandle
	cancel chan bool
}

// Serve listens on two loopback ports, one for each plugin. Several servers can run at the same time, each with a World
// of its own.
func Serve(w *World, f Faults) (*Server, error) {
	s := &Server{world: w, faults: f}
	w.slowRoles, w.unregistered = f.SlowRoles, f.Unregistered
	for _, p := range []struct {
		name     string
		provider plugin.Provider
	}{
		{"azure-native", &azureNative{attached: attached{version: semver.MustParse("2.92.3")}, server: s}},
		{"random", &randomProvider{attached{version: semver.MustParse("4.16.7")}}},
	} {
		l, err := listen(p.name, p.provider)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.plugins = append(s.plugins, l)
	}
	return s, nil
}

func listen(name string, provider plugin.Provider) (*listener, error) {
	l := &listener{name: name, cancel: make(chan bool)}
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel: l.cancel,
		Init: func(g *grpc.Server) error {
			pulumirpc.RegisterResourceProviderServer(g, sharedServer{plugin.NewProviderServer(provider)})
			return nil
		},
	})
	if err != nil {
		return nil, fmt.Errorf("serve %s: %w", name, err)
	}
	l.handle = handle
	return l, nil
}

// Plugins are the loopback ports on which the provider plugins listen, by name.
func (s *Server) Plugins() map[string]int {
	ports := map[string]int{}
	for _, l := range s.plugins {
		ports[l.name] = l.handle.Port
	}
	return ports
}

// Calls is the number of mutating calls so far.
func (s *Server) Calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// Throttled is the number of mutating calls that were answered 429 and retried so far.
func (s *Server) Throttled() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.throttled
}

// Close ends both plugins once their running calls are answered.
func (s *Server) Close() error {
	var errs []error
	for _, l := range s.plugins {
		close(l.cancel)
		errs = append(errs, <-l.handle.Done)
	}
	s.plugins = nil
	return errors.Join(errs...)
}

// mutate numbers a mutating call for a resource and runs it, unless a fault comes in between. It reports whether the
// answer is lost.
func (s *Server) mutate(urn resource.URN, call func() error) (lost bool, err error) {
	s.mu.Lock()
	s.calls++
	n, struck := s.calls, false
	if len(s.faults.Strike) > 0 {
		struck = s.faults.Strike[urn.Name()]
		delete(s.faults.Strike, urn.Name())
	}
	s.mu.Unlock()

	answer := func(attempt int) error {
		switch {
		case n == s.faults.FailAt, struck && !s.faults.StrikeLate:
			return refusal("InternalServerError",
				"The server encountered an internal error. Please retry the request. (call %d, on purpose)", n)
		case s.faults.Throttle > 0 && n%s.faults.Throttle == 0 && attempt == 0:
			return errThrottled
		}
		return call()
	}
	for attempt := 0; ; attempt++ {
		err = answer(attempt)
		if !errors.Is(err, errThrottled) {
			return (n == s.faults.DieAt || struck) && err == nil, err
		}
		s.mu.Lock()
		s.throttled++
		s.mu.Unlock()
	}
}

// errThrottled is "429 Too Many Requests". The wait that its Retry-After asks for passes in virtual time.
var errThrottled = refusal("TooManyRequests", "The request is being throttled. Retry after 17 seconds.")
