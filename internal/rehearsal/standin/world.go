package standin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// World is everything the stand-in's Azure holds. Its methods may be called at the same time.
type World struct {
	path string

	mu    sync.Mutex
	state worldState
	given map[string]bool
	busy  map[string]bool // what is being changed, of that which takes one change at a time

	changeTakes time.Duration // see the constant of this name

	slowRoles bool
	newRoles  map[string]bool // assigned since the World was opened
}

// worldState is the file. Keys are ids in lower case.
type worldState struct {
	Resources   map[string]*Resource
	SoftDeleted map[string]string // ids of what is deleted and keeps its name, to the id in the case it was made with
}

// copy shares the resources: each is replaced as a whole.
func (s worldState) copy() worldState {
	return worldState{maps.Clone(s.Resources), maps.Clone(s.SoftDeleted)}
}

// Resource is one Azure resource. Values that the program marked as secret, and those that Azure never gives back, are held as
// "[secret]": the world is a plain file.
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

// Open reads a World from a JSON file; a file that is not there is an empty World. Every change is saved before it is
// answered.
func Open(path string) (*World, error) {
	w := newWorld(path)
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the rehearsal's world: %w", err)
	}
	if err == nil {
		if err := json.Unmarshal(data, &w.state); err != nil {
			return nil, fmt.Errorf("read the rehearsal's world %s: %w", path, err)
		}
	}
	return w, nil
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

// Give says which resources exist outside the stack, by ARM id, together with all that they are in. It is not saved: give them
// again after every Open.
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

// commit makes a change and saves it, or undoes it when it can't be saved. The caller holds the lock.
func (w *World) commit(change func()) error {
	before := w.state.copy()
	change()
	if err := w.save(); err != nil {
		w.state = before
		return fmt.Errorf("save the rehearsal's world: %w", err)
	}
	return nil
}

func (w *World) save() error {
	if w.path == "" {
		return nil
	}
	data, err := json.Marshal(w.state)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(w.path), 0o700); err != nil {
		return err
	}
	next := w.path + ".next"
	return errors.Join(os.WriteFile(next, data, 0o600), os.Rename(next, w.path))
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

// exists knows what is in the world, what was given, and parts of these that are no resources of their own to the stand-in.
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
		"For more details please go to https://aka.ms/ARMResourceNotFoundFix", typeOf(id), lastSegment(id), lastSegment(groupOf(id)))
}
