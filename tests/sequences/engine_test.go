// Package sequences puts the program through random sequences of edits, faults, re-runs and drift, and asks after each
// what may never be lost. It is a module of its own, so that its libraries stay out of the program's.
package sequences

import (
	"context"
	"errors"
	"strings"

	pulumi "github.com/pulumi/pulumi/pkg/v3/engine"
	"github.com/pulumi/pulumi/pkg/v3/resource/deploy"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"

	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/engine"
	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/standin"
	"github.com/amora-sync/mqtt-on-azure/stacks"
)

const (
	projectName = "amora-sync"
	stackName   = "dev"
)

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

// do runs a verb on a world, and gives back the state after it. The state that comes in is left as it is.
func do(verb engine.Verb, world *standin.World, before engine.State, values map[string]string,
	faults standin.Faults) (engine.State, run) {
	server, err := standin.Serve(world, faults)
	if err != nil {
		return before, run{err: err}
	}
	var result run
	outcome, err := engine.Run(context.Background(), verb, engine.Stack{
		Project: projectName, Name: stackName, Program: stacks.Program(values), Config: values, Plugins: server.Plugins(),
	}, before, engine.Options{Listen: result.listen})
	result.calls = server.Calls()
	result.err = errors.Join(err, server.Close())
	return outcome.State, result
}

func (h *heard) listen(event pulumi.Event) {
	switch payload := event.Payload().(type) {
	case pulumi.DiagEventPayload:
		if payload.Severity == diag.Error {
			h.said = append(h.said, strings.TrimSpace(colors.Never.Colorize(payload.Message)))
		}
	case pulumi.ResourceOutputsEventPayload:
		if m := payload.Metadata; m.Op != deploy.OpSame && m.Op != deploy.OpRefresh && !payload.Planning {
			h.steps = append(h.steps, step{string(m.Op), m.URN.Name(), string(m.Type)})
		}
	}
}
