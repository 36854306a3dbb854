package standin

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// World is everything the stand-in's Azure holds. Its methods may be called at the same time.
type World struct {
	path  string // of its file, "" for none
	whole bool   // the file holds all that the state does

	mu    sync.Mutex
	state worldState
	given map[string]bool
	busy  map[string]bool // what is being changed, of that which takes one change at a time

	changeTakes time.Duration // see the constant of this name

	slowRoles    bool
	unregistered []string        // resource providers
	newRoles     map[string]bool // assigned since the World was opened
}

// worldState is what a World holds. Keys are ids in lower case.
type worldState struct {
	Resources   map[string]*Resource
	SoftDeleted map[string]string // ids of what is deleted and keeps its name, to the id in the case it was made with
}

// copy shares the resources: each is replaced as a whole.
func (s worldState) copy() worldState {
	return worldState{maps.Clone(s.Resources), maps.Clone(s.SoftDeleted)}
}

// Resource is one Azure resource. Values that the program marked as secret, and those that Azure never gives back, are
// held as "[secret]": the world is a plain file.
type Resource struct {
	ID      string         // ARM id
	Type    string         // Pulumi token, such as "azure-native:network:Subnet"
	Inputs  map[string]any // as the program gave them, or as edited by hand since
	Outputs map[string]any // as Azure gives them back
}

func (r *Resource) in() props {
	if r == nil {
		return nil
	}
	return r.Inputs
}

func (r *Resource) out() props {
	if r == nil {
		return nil
	}
	return r.Outputs
}

func (r *Resource) name() string { return lastSegment(r.ID) }

// New is an empty World that is kept in memory only.
func New() *World { return newWorld("") }

func newWorld(path string) *World {
	return &World{
		path:  path,
		state: worldState{map[string]*Resource{}, map[string]string{}},
		given: map[string]bool{}, busy: map[string]bool{}, changeTakes: changeTakes, newRoles: map[string]bool{},
	}
}

// Copy is a World of its own that holds the same, kept in memory only.
func (w *World) Copy() *World {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := newWorld("")
	c.state = w.state.copy()
	maps.Copy(c.given, w.given)
	return c
}

// Give says which resources exist outside the stack, by ARM id, together with all that they are in. It is not saved:
// give them again after every Open.
func (w *World) Give(ids ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids {
		for id := fold(id); id != ""; id = id[:strings.LastIndex(id, "/")] {
			w.given[id] = true
		}
	}
}

// Resources lists copies of all resources, sorted by id.
func (w *World) Resources() []Resource {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := make([]Resource, 0, len(w.state.Resources))
	for _, r := range w.all() {
		list = append(list, Resource{r.ID, r.Type, clone(r.Inputs), clone(r.Outputs)})
	}
	return list
}

// Edit changes a resource's inputs by hand, as somebody does in the portal. Nothing checks the change.
func (w *World) Edit(id string, change func(props map[string]any)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.find(id)
	if r == nil {
		return notFound(id)
	}
	edited := &Resource{ID: r.ID, Type: r.Type, Inputs: clone(r.Inputs)}
	change(edited.Inputs)
	k, err := kindOf(r.Type)
	if err != nil {
		return err
	}
	edited.Outputs = k.outputs(w, edited)
	return w.commit(func() { w.state.Resources[fold(id)] = edited })
}

// Made gives the id of the resource that a creation with these inputs makes, and whether it is there.
func (w *World) Made(token string, inputs map[string]any) (id string, there bool) {
	k, err := kindOf(token)
	if err != nil {
		return "", false // of another provider, which keeps nothing
	}
	id = k.id(inputs)
	return id, id != "" && w.Has(id)
}

// Has says whether a resource is there.
func (w *World) Has(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.find(id) != nil
}

// The queries below are for callers that hold the lock.

func (w *World) all() []*Resource {
	list := make([]*Resource, 0, len(w.state.Resources))
	for _, key := range slices.Sorted(maps.Keys(w.state.Resources)) {
		list = append(list, w.state.Resources[key])
	}
	return list
}

func (w *World) find(id string) *Resource { return w.state.Resources[fold(id)] }

// each lists the resources of one type, such as "network:Subnet".
func (w *World) each(shortToken string) []*Resource {
	var list []*Resource
	for _, r := range w.all() {
		if unversioned(r.Type) == "azure-native:"+shortToken {
			list = append(list, r)
		}
	}
	return list
}

// exists knows what is in the world, what was given, and parts of these that are no resources of their own to the
// stand-in.
func (w *World) exists(id string) bool {
	id = fold(id)
	if id == fold(subscriptionScope) || w.given[id] || w.find(id) != nil {
		return true
	}
	if kindsByARM[strings.ToLower(typeOf(id))] != nil {
		return w.scriptMade(id)
	}
	parent := parentID(id)
	if isOfType(parent, "Microsoft.Network/dnsZones") && !isOwnRecord(id) {
		return false
	}
	return parent != "" && w.exists(parent)
}

// referring lists what uses an id, or a part of it, by naming it in its inputs.
func (w *World) referring(id string) []*Resource {
	var list []*Resource
	for _, r := range w.all() {
		if kinds[unversioned(r.Type)].observes {
			continue
		}
		for _, reference := range armIDs(r.Inputs) {
			if within(reference, id) && !within(r.ID, id) {
				list = append(list, r)
				break
			}
		}
	}
	return list
}

func notFound(id string) error {
	return refusal("ResourceNotFound", "The Resource '%s/%s' under resource group '%s' was not found. "+
		"For more details please go to https://aka.ms/ARMResourceNotFoundFix", typeOf(id), lastSegment(id),
		lastSegment(groupOf(id)))
}
