package rehearsal

import (
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/engine"
	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/standin"
)

// interrupted is why a resource is looked at again: the engine updates what has an error, whatever its inputs.
const interrupted = "the run that changed this resource was stopped before Azure's answer arrived"

// settled finds out how each operation ended that a killed run was in the middle of. An owner has to look that up in
// Azure, and to import or remove what is there or not; here the stand-in is asked.
func settled(state engine.State, world *standin.World) engine.State {
	state.Resources = slices.Clone(state.Resources)
	for _, op := range state.PendingOperations {
		switch op.Type {
		case apitype.OperationTypeCreating:
			state.Resources = created(state.Resources, op.Resource, world)
		case apitype.OperationTypeUpdating:
			for i, r := range state.Resources {
				if r.URN == op.Resource.URN && !r.Delete { // the engine gives its id to the new one later
					state.Resources[i].InitErrors = []string{interrupted}
				}
			}
		case apitype.OperationTypeDeleting:
			state.Resources = deleted(state.Resources, op.Resource, world)
		}
	}
	state.PendingOperations = nil
	return state
}

func same(a, b apitype.ResourceV3) bool {
	return a.URN == b.URN && strings.EqualFold(string(a.ID), string(b.ID)) && a.Delete == b.Delete
}

// created adds a resource to those of a state where Azure has made it.
func created(all []apitype.ResourceV3, r apitype.ResourceV3, world *standin.World) []apitype.ResourceV3 {
	id, there := world.Made(string(r.Type), r.Inputs)
	if !there {
		return all
	}
	var now []apitype.ResourceV3
	for _, other := range all {
		switch {
		case other.URN == r.URN && other.PendingReplacement: // what r is in the place of was deleted first
			continue
		case strings.EqualFold(string(other.ID), id): // Azure has what was there before, and r was not made
			return all
		case other.URN == r.URN:
			other.Delete = true // what r is in the place of is deleted next
		}
		now = append(now, other)
	}
	r.ID, r.InitErrors = resource.ID(id), []string{interrupted}
	return append(now, r)
}

// deleted takes a resource out of those of a state where Azure has it no more.
func deleted(all []apitype.ResourceV3, r apitype.ResourceV3, world *standin.World) []apitype.ResourceV3 {
	if !strings.HasPrefix(string(r.Type), "azure-native:") || world.Has(string(r.ID)) {
		return all
	}
	for i := range all {
		if !same(all[i], r) {
			continue
		}
		// Others need what is in its place already, or else stay, and wait for that.
		if !r.Delete && slices.ContainsFunc(all, func(other apitype.ResourceV3) bool { return needsDirectly(other, r.URN) }) {
			all[i].PendingReplacement = true
			return all
		}
		return slices.Delete(all, i, i+1)
	}
	return all
}

func needsDirectly(r apitype.ResourceV3, urn resource.URN) bool {
	if r.Parent == urn || r.DeletedWith == urn || slices.Contains(r.Dependencies, urn) {
		return true
	}
	for _, urns := range r.PropertyDependencies {
		if slices.Contains(urns, urn) {
			return true
		}
	}
	return false
}
