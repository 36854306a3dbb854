package engine

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/pulumi/pulumi/pkg/v3/engine"
	"github.com/pulumi/pulumi/pkg/v3/resource/deploy"
	"github.com/pulumi/pulumi/pkg/v3/resource/stack"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Entry is one change of a state in the middle of a run. Resources are known by numbers: those of the state that the
// run began with by their places in it, and the others by the next numbers in turn.
type Entry struct {
	Resources map[int]apitype.ResourceV3 `json:"resources,omitempty"` // what they are now
	Begun     *Begun                     `json:"begun,omitempty"`     // an operation that is under way from here on
	Ended     *int                       `json:"ended,omitempty"`     // the resource whose operation is under way no more
	Added     []int                      `json:"added,omitempty"`     // resources that the state has from here on
	Gone      []int                      `json:"gone,omitempty"`      // resources that it has no more
	Refreshed bool                       `json:"refreshed,omitempty"` // others may still name a resource that is gone
	Base      *State                     `json:"base,omitempty"`      // the state that the run begins with after all
}

// Begun is an operation.
type Begun struct {
	Type     apitype.OperationType `json:"type"`
	Resource int                   `json:"resource"`
}

// Replay gives the state after the entries of a journal. What was under way when the journal ended is among its
// pending operations.
func Replay(base State, journal []Entry) (State, error) {
	known := map[int]apitype.ResourceV3{}
	var added, pending []int
	under, gone, refreshed := map[int]apitype.OperationType{}, map[int]bool{}, false
	for _, e := range journal {
		if e.Base != nil {
			base = *e.Base
		}
		for id, r := range e.Resources {
			known[id] = r
		}
		if e.Begun != nil {
			under[e.Begun.Resource] = e.Begun.Type
			pending = append(pending, e.Begun.Resource)
		}
		if e.Ended != nil {
			delete(under, *e.Ended)
		}
		added = append(added, e.Added...)
		for _, id := range e.Gone {
			gone[id] = true
		}
		refreshed = refreshed || e.Refreshed
	}
	now := base
	now.Resources, now.PendingOperations = nil, slices.Clone(base.PendingOperations)
	for _, id := range added {
		if !gone[id] {
			now.Resources = append(now.Resources, known[id])
		}
	}
	for id, r := range base.Resources {
		if changed, is := known[id]; is {
			r = changed
		}
		if !gone[id] {
			now.Resources = append(now.Resources, r)
		}
	}
	for _, id := range pending {
		if kind, is := under[id]; is {
			now.PendingOperations = append(now.PendingOperations, apitype.OperationV2{Resource: known[id], Type: kind})
			delete(under, id)
		}
	}
	return normalized(now, refreshed)
}

// normalized gives a state in the form in which the engine keeps it, or says why it is none.
func normalized(s State, refreshed bool) (State, error) {
	ctx := context.Background()
	snapshot, err := deserialized(ctx, s)
	if err != nil {
		return s, err
	}
	if refreshed {
		engine.FilterRefreshDeletes(snapshot.Resources)
	}
	if snapshot, err = snapshot.NormalizeURNReferences(); err != nil {
		return s, err
	}
	serialized, err := stack.SerializeDeployment(ctx, snapshot, false)
	if err != nil {
		return s, err
	}
	return *serialized, snapshot.VerifyIntegrity()
}

func deserialized(ctx context.Context, s State) (*deploy.Snapshot, error) {
	if s.Manifest.Magic == "" { // of a stack that was never deployed
		manifest := deploy.Manifest{Time: time.Now(), Magic: deploy.Manifest{}.NewMagic()}
		s.Manifest = manifest.Serialize()
		s.SecretsProviders = &apitype.SecretsProvidersV1{Type: sealed.Type(), State: sealed.State()}
	}
	return stack.DeserializeDeploymentV3(ctx, s, sealed)
}

// recorder is the engine's snapshot manager that writes a journal.
type recorder struct {
	mu      sync.Mutex
	base    State
	ids     map[*resource.State]int
	entries []Entry
	write   func(Entry) error
}

func newRecorder(base State, snapshot *deploy.Snapshot, write func(Entry) error) *recorder {
	r := &recorder{base: base, write: write}
	r.number(snapshot)
	return r
}

func (r *recorder) number(snapshot *deploy.Snapshot) {
	r.ids = map[*resource.State]int{}
	for i, known := range snapshot.Resources {
		r.ids[known] = i
	}
}

// state is what the journal comes to.
func (r *recorder) state() (State, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Replay(r.base, r.entries)
}

// release lets go of the journal. The engine's step executor leaves a goroutine behind that waits for ever, and
// holds the run and so its recorder.
func (r *recorder) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.base, r.ids, r.entries, r.write = State{}, map[*resource.State]int{}, nil, nil
}

func (r *recorder) id(s *resource.State) int {
	if _, known := r.ids[s]; !known {
		r.ids[s] = len(r.ids)
	}
	return r.ids[s]
}

// add writes an entry with what the resources that it is about are now. The caller holds the lock.
func (r *recorder) add(e Entry, about ...*resource.State) error {
	e.Resources = map[int]apitype.ResourceV3{}
	for _, s := range about {
		serialized, err := stack.SerializeResource(context.Background(), s, sealed, false)
		if err != nil {
			return err
		}
		e.Resources[r.id(s)] = serialized
	}
	r.entries = append(r.entries, e)
	if r.write == nil {
		return nil
	}
	return r.write(e)
}

// BeginMutation writes what is about to be done, where it leaves something behind in Azure.
func (r *recorder) BeginMutation(step deploy.Step) (engine.SnapshotMutation, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	about, kind := operation(step)
	if kind == "" {
		return r, nil
	}
	return r, r.add(Entry{Begun: &Begun{kind, r.id(about)}}, about)
}

// operation is what a step is while it is under way, and of which resource.
func operation(step deploy.Step) (*resource.State, apitype.OperationType) {
	switch step.Op() {
	case deploy.OpCreate, deploy.OpCreateReplacement:
		return step.New(), apitype.OperationTypeCreating
	case deploy.OpUpdate:
		return step.New(), apitype.OperationTypeUpdating
	case deploy.OpDelete, deploy.OpDeleteReplaced:
		return step.Old(), apitype.OperationTypeDeleting
	}
	return nil, "" // it only looks, or changes the state alone
}

// End writes what a step came to.
func (r *recorder) End(step deploy.Step, succeeded bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var e Entry
	if about, kind := operation(step); kind != "" {
		id := r.id(about)
		e.Ended = &id
	}
	var about []*resource.State
	if succeeded {
		about = r.effect(step, &e)
	}
	return r.add(e, about...)
}

// effect says in an entry what a step that succeeded did to the state, and gives back what changed in it.
func (r *recorder) effect(step deploy.Step, e *Entry) (about []*resource.State) {
	before, after := step.Old(), step.New()
	add := func() {
		e.Added, about = append(e.Added, r.id(after)), append(about, after)
	}
	drop := func() {
		if before != nil {
			e.Gone = append(e.Gone, r.id(before))
		}
	}
	switch step.Op() {
	case deploy.OpSame:
		if same, is := step.(*deploy.SameStep); !is || !same.IsSkippedCreate() {
			add()
			drop()
		}
	case deploy.OpUpdate, deploy.OpRead, deploy.OpReadReplacement:
		add()
		drop()
	case deploy.OpCreate, deploy.OpCreateReplacement:
		add()
		if before != nil && before.PendingReplacement {
			drop()
		} else if before != nil {
			about = append(about, before) // it is marked to be deleted
		}
	case deploy.OpImport, deploy.OpImportReplacement:
		add()
	case deploy.OpDelete, deploy.OpDeleteReplaced, deploy.OpReadDiscard, deploy.OpDiscardReplaced:
		if before.PendingReplacement {
			about = append(about, before) // deleted, and kept until its replacement is there
		} else {
			drop()
		}
	case deploy.OpRemovePendingReplace:
		drop()
	case deploy.OpRefresh:
		e.Refreshed = true
		refresh, is := step.(*deploy.RefreshStep)
		switch {
		case after == nil:
			drop()
		case is && refresh.Persisted():
			add()
			drop()
		default: // in the place of what was known, since others stand after it that need it
			r.ids[after], about = r.id(before), append(about, after)
		}
	}
	return about
}

// RegisterResourceOutputs writes the outputs of a component, or of the stack, which is there already.
func (r *recorder) RegisterResourceOutputs(step deploy.Step) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.add(Entry{}, step.New())
}

// Write takes another state for the one that the run begins with: the engine has found something old in it.
func (r *recorder) Write(base *deploy.Snapshot) error {
	serialized, err := stack.SerializeDeployment(context.Background(), base, false)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.number(base)
	return r.add(Entry{Base: serialized})
}

// RebuiltBaseState is told when the engine has taken what a refresh found gone out of its own lists, which Replay
// does too.
func (r *recorder) RebuiltBaseState() error { return nil }

// SetSnippets is for programs in a language that this one is not in.
func (r *recorder) SetSnippets([]resource.Snippet) error { return nil }

// Close has nothing to close: each entry is written at once.
func (r *recorder) Close() error { return nil }
