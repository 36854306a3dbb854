package standin

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// put creates or updates a resource from the engine's inputs, or refuses as Azure does.
func (w *World) put(k *kind, r *Resource, inputs resource.PropertyMap, create bool) error {
	return w.alone(k, r.ID, func() error { return w.putNow(k, r, inputs, create) })
}

// changeTakes is how long something that takes one change at a time is taken: long enough for an engine that does not
// wait to ask again in the meantime.
const changeTakes = 3 * time.Millisecond

// alone makes a change, or refuses as Azure does while another change of the same thing is under way.
func (w *World) alone(k *kind, id string, change func() error) error {
	if k.alone == nil {
		return change()
	}
	what := fold(k.alone(id))
	w.mu.Lock()
	taken := w.busy[what]
	w.busy[what] = true
	w.mu.Unlock()
	if taken {
		return refusal("OperationNotAllowed",
			"Another operation is in progress on %s; the change of %s can be tried again when it is done (409 "+
				"Conflict).", k.alone(id), id)
	}
	time.Sleep(w.changeTakes)
	defer func() {
		w.mu.Lock()
		delete(w.busy, what)
		w.mu.Unlock()
	}()
	return change()
}

func (w *World) putNow(k *kind, r *Resource, inputs resource.PropertyMap, create bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	old := w.find(r.ID)
	if create && old != nil {
		return fmt.Errorf("cannot create already existing resource '%s'", r.ID)
	}
	// The rules see the values themselves; what is kept afterwards are no secrets.
	r.Inputs = plainMap(inputs)
	if err := w.admit(k, r, old); err != nil {
		return err
	}
	r.Inputs = storable(resource.NewObjectProperty(inputs), false).(map[string]any)
	for _, path := range k.writeOnly {
		change(r.Inputs, path, func(any) any { return hidden })
	}
	r.Outputs = k.outputs(w, r)
	made := []*Resource{r}
	if old == nil && k.brings != nil {
		made = append(made, k.brings(w, r)...)
	}
	return w.commit(func() {
		for _, r := range made {
			w.state.Resources[fold(r.ID)] = r
		}
	})
}

// admit holds the rules that are the same for every type, then the type's own.
func (w *World) admit(k *kind, r, old *Resource) error {
	if err := w.registered(k.arm); err != nil {
		return err
	}
	if err := w.placed(k, r); err != nil {
		return err
	}
	if err := w.readOnly(r); err != nil {
		return err
	}
	if old == nil {
		if err := w.nameIsFree(k, r); err != nil {
			return err
		}
	}
	for _, id := range armIDs(r.Inputs) {
		if err := w.referable(r, id); err != nil {
			return err
		}
	}
	if k.admit != nil {
		return k.admit(w, r, old)
	}
	return nil
}

// registered refuses a type whose resource provider is not registered, as Azure does. Source: Microsoft, "Resolve
// errors for resource provider registration". azure-native registers none (pulumi/pulumi-azure-native #3479).
func (w *World) registered(arm string) error {
	namespaces := []string{arm}
	if strings.EqualFold(arm, "Microsoft.Resources/deploymentScripts") { // which run in a container of the subscription's
		namespaces = append(namespaces, "Microsoft.ContainerInstance/", "Microsoft.Storage/")
	}
	for _, of := range namespaces {
		namespace, _, _ := strings.Cut(of, "/")
		if slices.ContainsFunc(w.unregistered, func(name string) bool { return strings.EqualFold(name, namespace) }) {
			return refusal("MissingSubscriptionRegistration",
				"The subscription is not registered to use namespace '%s'. See https://aka.ms/rps-not-found for how to register "+
					"subscriptions.", namespace)
		}
	}
	return nil
}

// placed refuses a resource whose group, parent or scope is not there.
func (w *World) placed(k *kind, r *Resource) error {
	if scope := r.in().str(k.scope); k.scope != "" && !w.exists(scope) {
		return notFound(scope)
	}
	if group := groupOf(r.ID); k.inGroup() && !w.exists(group) {
		return refusal("ResourceGroupNotFound", "Resource group '%s' could not be found.", lastSegment(group))
	}
	if parent := parentID(r.ID); k.inGroup() && parent != "" && !w.exists(parent) {
		_, child, _ := strings.Cut(k.arm, "/")
		return refusal("ParentResourceNotFound",
			"Failed to perform 'write' on resource(s) of type '%s', because the parent resource '%s' could not "+
				"be found.", child, parent)
	}
	return nil
}

func (w *World) nameIsFree(k *kind, r *Resource) error {
	for id, softDeleted := range w.names() {
		elsewhere := k.global && strings.EqualFold(lastSegment(id), r.name()) && strings.EqualFold(typeOf(id), k.arm)
		if elsewhere || fold(id) == fold(r.ID) {
			if k.taken != nil {
				return k.taken(r.name(), softDeleted)
			}
			return refusal("Conflict", "The name '%s' is already in use.", r.name())
		}
	}
	return nil
}

// names gives every id that a name is taken by, and whether it is soft-deleted.
func (w *World) names() map[string]bool {
	names := maps.Clone(w.given)
	for id := range names {
		names[id] = false
	}
	for id := range w.state.Resources {
		names[id] = false
	}
	for id := range w.state.SoftDeleted {
		names[id] = true
	}
	return names
}

// referable refuses an id in the inputs that leads nowhere.
func (w *World) referable(r *Resource, id string) error {
	if within(id, r.ID) || w.exists(id) {
		return nil
	}
	if strings.EqualFold(typeOf(id), "Microsoft.Authorization/roleDefinitions") {
		if builtinRoles[strings.ToLower(lastSegment(id))] != "" {
			return nil
		}
		return refusal("RoleDefinitionDoesNotExist", "The specified role definition with ID '%s' does not exist.",
			lastSegment(id))
	}
	return unresolved(id, r.ID)
}

func unresolved(id, by string) error {
	return refusal("InvalidResourceReference", "Resource %s referenced by resource %s was not found. "+
		"Please make sure that the referenced resource exists, and that both resources are in the same region.", id, by)
}

// remove deletes a resource and all that is in it, or refuses as Azure does.
func (w *World) remove(id string) error {
	w.mu.Lock()
	r := w.find(id)
	w.mu.Unlock()
	if r == nil {
		return nil
	}
	k, err := kindOf(r.Type)
	if err != nil {
		return err
	}
	return w.alone(k, id, func() error { return w.removeNow(k, r) })
}

func (w *World) removeNow(k *kind, r *Resource) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.locked(k, r); err != nil {
		return err
	}
	if k.release != nil {
		if err := k.release(w, r); err != nil {
			return err
		}
	}
	roots, left := []*Resource{r}, []*Resource(nil)
	if k.takes != nil {
		roots = append(roots, k.takes(w, r)...)
	}
	if k.leaves != nil {
		left = k.leaves(w, r)
	}
	return w.commit(func() {
		for _, gone := range w.all() {
			if slices.ContainsFunc(roots, func(root *Resource) bool { return within(gone.ID, root.ID) }) {
				w.drop(gone)
			}
		}
		for _, stays := range left {
			w.state.Resources[fold(stays.ID)] = stays
		}
		for key := range w.state.SoftDeleted {
			// What was deleted inside a vault goes where the vault goes.
			if key != fold(r.ID) && within(key, r.ID) && parentID(key) != "" {
				delete(w.state.SoftDeleted, key)
			}
		}
	})
}

func (w *World) drop(r *Resource) {
	delete(w.state.Resources, fold(r.ID))
	if k := kinds[unversioned(r.Type)]; k.keepName {
		w.state.SoftDeleted[fold(r.ID)] = r.ID
	}
}
