package rehearsal

import (
	"maps"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Change is what a preview would do to one resource.
type Change struct {
	Op        string   `json:"op"` // create, update, replace or delete
	Name      string   `json:"name"`
	Type      string   `json:"type"`
	Protected bool     `json:"protected,omitempty"` // before it or after it
	Diff      []string `json:"diff,omitempty"`      // paths of the properties that differ, sorted; of a replacement, those that need it
}

// changeOf turns an event of the engine into a change, where it tells of one to a resource of a provider. A replacement comes as three events, of
// which the new resource's creation stands for all: it alone always knows the cause.
func changeOf(event apitype.EngineEvent) (Change, bool) {
	if event.ResourcePreEvent == nil {
		return Change{}, false
	}
	m := event.ResourcePreEvent.Metadata
	change := Change{Op: string(m.Op), Name: resource.URN(m.URN).Name(), Type: m.Type}
	switch m.Op {
	case apitype.OpCreate, apitype.OpDelete:
	case apitype.OpUpdate:
		change.Diff = slices.Sorted(slices.Values(m.Diffs))
		if m.DetailedDiff != nil { // the finer of the two, where a provider has it
			change.Diff = slices.Sorted(maps.Keys(m.DetailedDiff))
		}
	case apitype.OpCreateReplacement:
		change.Op, change.Diff = string(apitype.OpReplace), slices.Sorted(slices.Values(m.Keys))
	default:
		return Change{}, false
	}
	custom := false // else it is a component, of which Azure knows nothing
	for _, state := range []*apitype.StepEventStateMetadata{m.Old, m.New} {
		if state != nil {
			custom, change.Protected = custom || state.Custom, change.Protected || state.Protect
		}
	}
	return change, custom
}

// follow collects the steps of a run from its events, which the caller sends and the run closes. The result is there once they are closed.
func follow(from <-chan events.EngineEvent) <-chan []Change {
	done := make(chan []Change, 1)
	go func() {
		var all []Change
		for event := range from {
			if step, is := changeOf(event.EngineEvent); is {
				all = append(all, step)
			}
		}
		done <- all
	}()
	return done
}
