package rehearsal

import (
	"maps"
	"slices"

	pulumi "github.com/pulumi/pulumi/pkg/v3/engine"
	"github.com/pulumi/pulumi/pkg/v3/resource/deploy"
)

// Change is what a preview would do to one resource.
type Change struct {
	Op        string `json:"op"` // create, update, replace or delete
	Name      string `json:"name"`
	Type      string `json:"type"`
	Protected bool   `json:"protected,omitempty"` // before it or after it
	// paths of the properties that differ, sorted; of a replacement, those that need it
	Diff []string `json:"diff,omitempty"`
}

// collect gives a listener that adds the changes that a preview tells of.
func collect(to *[]Change) func(pulumi.Event) {
	return func(event pulumi.Event) {
		if told, is := event.Payload().(pulumi.ResourcePreEventPayload); is {
			if change, is := changeOf(told.Metadata); is {
				*to = append(*to, change)
			}
		}
	}
}

// changeOf turns a step of the engine into a change, where it is one of a resource of a provider. A replacement
// comes as three steps, of which the new resource's creation stands for all: it alone always knows the cause.
func changeOf(m pulumi.StepEventMetadata) (Change, bool) {
	change := Change{Op: string(m.Op), Name: m.URN.Name(), Type: string(m.Type)}
	switch m.Op {
	case deploy.OpCreate, deploy.OpDelete:
	case deploy.OpUpdate:
		change.Diff = inOrder(m.Diffs)
		if m.DetailedDiff != nil { // the finer of the two, where a provider has it
			change.Diff = slices.Sorted(maps.Keys(m.DetailedDiff))
		}
	case deploy.OpCreateReplacement:
		change.Op, change.Diff = string(deploy.OpReplace), inOrder(m.Keys)
	default:
		return Change{}, false
	}
	custom := false // else it is a component, of which Azure knows nothing
	for _, state := range []*pulumi.StepEventStateMetadata{m.Old, m.New} {
		if state != nil {
			custom, change.Protected = custom || state.Custom, change.Protected || state.Protect
		}
	}
	return change, custom
}

func inOrder[T ~string](all []T) []string {
	var list []string
	for _, one := range all {
		list = append(list, string(one))
	}
	slices.Sort(list)
	return list
}
