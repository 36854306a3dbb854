package standin

import (
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// echo is an input in which Azure lists what is inside of a resource, though each may be a resource of its own.
type echo struct{ property, token string }

// echoing are values of a resource, with all that Azure lists in them by now. A refresh takes a list into the inputs
// where the program gave one itself. Of the others, azure-native knows that they hold resources of their own.
func (k *kind) echoing(w *World, r *Resource, values map[string]any) map[string]any {
	values = clone(values)
	for _, e := range k.echoes {
		if given, _ := r.Inputs[e.property].([]any); len(given) > 0 {
			values[e.property] = withChildren(w, r, given, e.token)
		}
	}
	return values
}

func withChildren(w *World, r *Resource, given []any, token string) []any {
	all := slices.Clone(given)
	for _, child := range w.each(token) {
		listed := slices.ContainsFunc(given, func(g any) bool { return isNamed(g, child.name()) })
		if listed || fold(parentID(child.ID)) != fold(r.ID) {
			continue
		}
		part := clone(child.Inputs)
		for _, property := range kinds[unversioned(child.Type)].idProperties() {
			delete(part, property)
		}
		delete(part, "tags")
		part["name"] = child.name()
		all = append(all, part)
	}
	return all
}

func isNamed(element any, name string) bool {
	object, _ := element.(map[string]any)
	return strings.EqualFold(props(object).str("name"), name)
}

// ignored says whether a change at a path is one that the program leaves to Azure.
func ignored(path string, ignore []string) bool {
	return slices.ContainsFunc(ignore, func(i string) bool {
		return path == i || strings.HasPrefix(path, i+".") || strings.HasPrefix(path, i+"[")
	})
}

// withoutIgnored takes out of a comparison what the program leaves to Azure, as the engine does by itself before an
// update. Whether the real provider does so when a refresh looks for drift is a question for Azure:
// docs/live-probes.md. A value that is not known yet is no such change: with it the engine asks whether the resource
// has to go before another one that is replaced.
func withoutIgnored(changes map[string]plugin.DiffKind, news props, ignore []string) {
	for path := range changes {
		if _, notKnown := news.at(path).(unknown); !notKnown && ignored(path, ignore) {
			delete(changes, path)
		}
	}
}
