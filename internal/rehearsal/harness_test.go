package rehearsal

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/engine"
	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/standin"
	"github.com/amora-sync/mqtt-on-azure/stacks"
)

const root = "../.."

// deployment is a shipped stack with a broker.
type deployment struct {
	stack string
	set   []string
}

var deployments = map[string]deployment{
	"dev":        {"dev", nil},
	"prod":       {"prod", nil},
	"dev-hivemq": {"dev", []string{"broker=hivemq-aks"}},
	"prod-hivemq": {"prod", []string{"broker=hivemq-aks", "capacity.maxNodes=5", "hivemq.licence=dGhlLWxpY2VuY2U=",
		"hivemq.securityLicence=dGhlLW90aGVyLWxpY2VuY2U="}},
	"dev-vernemq":  {"dev", []string{"broker=vernemq-vms"}},
	"prod-vernemq": {"prod", []string{"broker=vernemq-vms", "vernemq.bastion=true"}},
}

// stage is one of deployments with a state of its own.
type stage struct {
	t testing.TB
	Options
	deployment
	said *strings.Builder // what the engine and the rehearsal printed
}

func newStage(t testing.TB, name string, edits ...string) *stage {
	t.Helper()
	if testing.Short() && !strings.HasPrefix(t.Name(), "TestAStackComesUp") {
		t.Skip("with -short, each stack only comes up")
	}
	said, d := &strings.Builder{}, deployments[name]
	s := &stage{t: t, said: said, deployment: d, Options: Options{
		Root: root, State: t.TempDir(), Stack: d.stack, Out: said, Err: io.Discard,
		Program: stacks.Program, Externals: stacks.Externals,
	}}
	s.edits(edits...)
	return s
}

// edits replaces the config edits by these.
func (s *stage) edits(edits ...string) { s.Set = slices.Concat(s.set, edits) }

// deployed holds a folder for each of deployments in which it is up, made once for all tests.
var deployed = func() map[string]func() (string, error) {
	all := map[string]func() (string, error){}
	for name := range deployments {
		all[name] = deployOnce(name)
	}
	return all
}()

func deployOnce(name string) func() (string, error) {
	return sync.OnceValues(func() (string, error) {
		state, err := os.MkdirTemp("", "rehearsal") // removed by TestMain
		if err != nil {
			return "", err
		}
		foldersLock.Lock()
		folders = append(folders, state)
		foldersLock.Unlock()
		_, err = Up(context.Background(), Options{
			Root: root, State: state, Stack: deployments[name].stack, Set: deployments[name].set, Out: io.Discard,
			Err:     io.Discard,
			Program: stacks.Program, Externals: stacks.Externals,
		})
		return state, err
	})
}

// folders outlive the tests that made them.
var (
	foldersLock sync.Mutex
	folders     []string
)

// deployedStage is one of deployments that is up.
func deployedStage(t testing.TB, name string) *stage {
	t.Helper()
	state, err := deployed[name]()
	if err != nil {
		t.Fatal(err)
	}
	s := newStage(t, name)
	if err := os.CopyFS(filepath.Join(s.State, s.Stack), os.DirFS(filepath.Join(state, s.Stack))); err != nil {
		t.Fatal(err)
	}
	return s
}

type verb func(context.Context, Options) (Result, error)

// must runs a verb that has to succeed.
func (s *stage) must(run verb) Result {
	s.t.Helper()
	s.said.Reset()
	result, err := run(s.t.Context(), s.Options)
	if err != nil {
		s.t.Fatalf("%v\n%s", err, s.said)
	}
	return result
}

// mustNot runs a verb that has to fail, and gives back all that was printed.
func (s *stage) mustNot(run verb) string {
	s.t.Helper()
	s.said.Reset()
	_, err := run(s.t.Context(), s.Options)
	if err == nil {
		s.t.Fatalf("it did not fail:\n%s", s.said)
	}
	return s.said.String() + err.Error()
}

// world is what the stand-in's Azure holds.
func (s *stage) world() []standin.Resource {
	s.t.Helper()
	world, err := standin.Open(filepath.Join(s.State, s.Stack, worldFile))
	if err != nil {
		s.t.Fatal(err)
	}
	return world.Resources()
}

// edit changes a resource by hand.
func (s *stage) edit(suffix string, change func(map[string]any)) {
	s.t.Helper()
	world, err := standin.Open(filepath.Join(s.State, s.Stack, worldFile))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, r := range world.Resources() {
		if strings.HasSuffix(r.ID, suffix) {
			if err := world.Edit(r.ID, change); err != nil {
				s.t.Fatal(err)
			}
			return
		}
	}
	s.t.Fatalf("nothing in the world ends in %s", suffix)
}

// state is what the engine knows, read from its file.
func (s *stage) state() engine.State {
	s.t.Helper()
	state, err := engine.Read(filepath.Join(s.State, s.Stack, stateFile))
	if err != nil {
		s.t.Fatal(err)
	}
	return state
}

// azureIDs lists the ids of the azure-native resources in the state, sorted as Azure compares them.
func (s *stage) azureIDs() []string {
	var ids []string
	for _, r := range s.state().Resources {
		if isAzure(r) {
			ids = append(ids, strings.ToLower(string(r.ID)))
		}
	}
	slices.Sort(ids)
	return ids
}

func isAzure(r apitype.ResourceV3) bool {
	return r.Custom && strings.HasPrefix(string(r.Type), "azure-native:")
}

// worldIDs lists the ids of what the stand-in's Azure holds, without the secrets of brokers that went: those stay in
// their vault.
func (s *stage) worldIDs() []string {
	known := s.azureIDs()
	var ids []string
	for _, r := range s.world() {
		id := strings.ToLower(r.ID)
		if !strings.Contains(id, "/secrets/") || slices.Contains(known, id) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func (s *stage) urnOf(name string) resource.URN {
	s.t.Helper()
	for _, r := range s.state().Resources {
		if r.URN.Name() == name {
			return r.URN
		}
	}
	s.t.Fatalf("the state has no %s", name)
	return ""
}

// waitsFor says whether a resource depends on another one, by however many steps. The order of a run's lines would be
// right by chance as well.
func (s *stage) waitsFor(name, other string) bool {
	s.t.Helper()
	needs, seen := map[resource.URN][]resource.URN{}, map[resource.URN]bool{}
	for _, r := range s.state().Resources {
		needs[r.URN] = r.Dependencies
	}
	var reaches func(resource.URN) bool
	reaches = func(urn resource.URN) bool {
		if seen[urn] {
			return false
		}
		seen[urn] = true
		return urn.Name() == other || slices.ContainsFunc(needs[urn], reaches)
	}
	s.urnOf(other) // a name that nothing has is waited for by nobody
	return reaches(s.urnOf(name))
}

// planned lists what compares a deployment with its plan, and so changes with the number of nodes.
var planned = []string{"~ on-call-connections-full", "~ on-call-connections-high", "~ on-call-node-missing",
	"~ on-call-workbook"}
