package standin

import (
	"context"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// Diff compares inputs with inputs, never with outputs: what Azure added is no change.
func (p *azureNative) Diff(_ context.Context, req plugin.DiffRequest) (plugin.DiffResponse, error) {
	k, err := kindOf(string(req.Type))
	if err != nil {
		return plugin.DiffResult{}, err
	}
	news := plainMap(req.NewInputs)
	changes := map[string]plugin.DiffKind{}
	compare("", plainMap(req.OldInputs), news, changes)
	withoutIgnored(changes, news, req.IgnoreChanges)

	result := plugin.DiffResult{Changes: plugin.DiffNone, DetailedDiff: map[string]plugin.PropertyDiff{}}
	replaced := false
	for path, change := range changes {
		result.Changes = plugin.DiffSome
		difference := plugin.PropertyDiff{Kind: change, InputDiff: true}
		if k.isFixed(path) {
			difference, replaced = difference.ToReplace(), true
		}
		result.DetailedDiff[path] = difference
		result.ChangedKeys = append(result.ChangedKeys, resource.PropertyKey(topLevel.FindString(path)))
	}
	slices.Sort(result.ChangedKeys)
	result.ChangedKeys = slices.Compact(result.ChangedKeys)
	// A new one under the same name has no place before the old one is gone.
	result.DeleteBeforeReplace = replaced && fold(k.id(news)) == fold(string(req.ID))
	return result, nil
}

// refuseChange refuses an update of what can't be changed in place.
func (k *kind) refuseChange(before, after props) error {
	for _, path := range k.refused {
		changes := map[string]plugin.DiffKind{}
		if compare(path, before.at(path), after.at(path), changes); len(changes) > 0 {
			return refusal("PropertyChangeNotAllowed", "Changing property '%s' is not allowed.", path)
		}
	}
	return nil
}

// compare collects the paths that differ: by key in objects, by index in lists.
func compare(path string, before, after any, changes map[string]plugin.DiffKind) {
	switch {
	case before == nil && after == nil:
	case before == nil:
		changes[path] = plugin.DiffAdd
	case after == nil:
		changes[path] = plugin.DiffDelete
	default:
		compareBoth(path, before, after, changes)
	}
}

func compareBoth(path string, before, after any, changes map[string]plugin.DiffKind) {
	switch after := after.(type) {
	case map[string]any:
		if before, ok := before.(map[string]any); ok {
			compareObjects(path, before, after, changes)
			return
		}
	case []any:
		if before, ok := before.([]any); ok {
			for i := range max(len(before), len(after)) {
				compare(fmt.Sprintf("%s[%d]", path, i), element(before, i), element(after, i), changes)
			}
			return
		}
	case string:
		if before, ok := before.(string); ok && sameText(path, before, after) {
			return
		}
	}
	if _, notKnown := after.(unknown); notKnown || !reflect.DeepEqual(before, after) {
		changes[path] = plugin.DiffUpdate
	}
}

func compareObjects(path string, before, after map[string]any, changes map[string]plugin.DiffKind) {
	for key := range before {
		compare(joined(path, key), before[key], after[key], changes)
	}
	for key := range after {
		if before[key] == nil {
			compare(joined(path, key), nil, after[key], changes)
		}
	}
}

func element(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return nil
}

// sameText knows that ids are the same in any case, and "West Europe" is westeurope.
func sameText(path, a, b string) bool {
	if path == "location" {
		a, b = strings.ReplaceAll(a, " ", ""), strings.ReplaceAll(b, " ", "")
		return strings.EqualFold(a, b)
	}
	return a == b || isARMID(a) && strings.EqualFold(a, b)
}

var topLevel = regexp.MustCompile(`^[^.[]+`)

var plainKey = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$]*$`)

// joined writes a path as the engine does: keys that are no identifiers in brackets.
func joined(path, key string) string {
	switch {
	case !plainKey.MatchString(key):
		return fmt.Sprintf("%s[%q]", path, key)
	case path == "":
		return key
	}
	return path + "." + key
}
