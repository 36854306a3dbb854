package engine

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	pulumiengine "github.com/pulumi/pulumi/pkg/v3/engine"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/standin"
)

// thing is any resource of a plugin.
type thing struct{ pulumi.CustomResourceState }

// groups is a program of some resource groups, each after the one before it, with a password as output.
func groups(count int, location string) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		var last []pulumi.Resource
		for i := range count {
			var group thing
			inputs := pulumi.Map{"resourceGroupName": pulumi.Sprintf("group-%d", i), "location": pulumi.String(location)}
			err := ctx.RegisterResource("azure-native:resources:ResourceGroup", fmt.Sprint("group-", i), inputs, &group,
				pulumi.DependsOn(last))
			if err != nil {
				return err
			}
			last = []pulumi.Resource{&group}
		}
		ctx.Export("groups", pulumi.Int(count))
		ctx.Export("password", pulumi.ToSecret(pulumi.String("of-nobody")))
		return ctx.Log.Warn("this is said", nil)
	}
}

// place is a world, with what the engine knows of a stack in it.
type place struct {
	*testing.T
	world *standin.World
	state State
}

func newPlace(t *testing.T) *place {
	return &place{T: t, world: standin.New()}
}

func (p *place) run(ctx context.Context, verb Verb, program pulumi.RunFunc, o Options) (Outcome, error) {
	p.Helper()
	server, err := standin.Serve(p.world, standin.Faults{})
	if err != nil {
		p.Fatal(err)
	}
	stack := Stack{Project: "test", Name: "dev", Program: program, Config: map[string]string{"test:key": "value"},
		Plugins: server.Plugins()}
	outcome, failure := Run(ctx, verb, stack, p.state, o)
	if err := server.Close(); err != nil {
		p.Fatal(err)
	}
	p.state = outcome.State
	return outcome, failure
}

func (p *place) must(verb Verb, program pulumi.RunFunc) Outcome {
	p.Helper()
	var shown strings.Builder
	outcome, err := p.run(p.Context(), verb, program, Options{Show: &Show{Out: &shown, Err: &shown}})
	if err != nil {
		p.Fatalf("%v\n%s", err, &shown)
	}
	return outcome
}

func TestAStackIsPreviewedMadeKeptAndDestroyed(t *testing.T) {
	p := newPlace(t)
	if previewed := p.must(Preview, groups(3, "westeurope")); previewed.Changes["create"] != 4 ||
		len(p.world.Resources()) > 0 || len(p.state.Resources) > 0 {
		t.Errorf("a preview of nothing: %v, and there are %v", previewed.Changes, p.world.Resources())
	}
	if made := p.must(Up, groups(3, "westeurope")); made.Changes["create"] != 4 || len(p.world.Resources()) != 3 {
		t.Errorf("up: %v", made.Changes)
	}
	outputs, err := Outputs(p.state)
	if want := map[string]any{"groups": 3.0, "password": "[secret]"}; err != nil || !reflect.DeepEqual(outputs, want) {
		t.Errorf("the outputs are %v, %v", outputs, err)
	}
	if text, err := json.Marshal(p.state); err != nil || strings.Contains(string(text), "of-nobody") {
		t.Errorf("a secret is in the clear in the state: %v", err)
	}
	if again := p.must(Up, groups(3, "westeurope")); again.Changes["same"] != 4 || len(again.Changes) != 1 {
		t.Errorf("up again: %v", again.Changes)
	}
	if less := p.must(Up, groups(2, "westeurope")); less.Changes["delete"] != 1 || len(p.world.Resources()) != 2 {
		t.Errorf("one less: %v", less.Changes)
	}
	if moved := p.must(Up, groups(2, "northeurope")); moved.Changes["replace"] != 2 || len(p.world.Resources()) != 2 {
		t.Errorf("elsewhere: %v", moved.Changes)
	}
	if err := p.world.Edit(p.world.Resources()[0].ID,
		func(in map[string]any) { in["tags"] = map[string]any{"by": "hand"} }); err != nil {
		t.Fatal(err)
	}
	if drift := p.must(PreviewRefresh, nil); drift.Changes["update"] != 1 || drift.Changes["same"] == 0 {
		t.Errorf("drift: %v", drift.Changes)
	}
	p.must(Refresh, nil)
	if repaired := p.must(Up, groups(2, "northeurope")); repaired.Changes["update"] != 1 {
		t.Errorf("repaired: %v", repaired.Changes)
	}
	p.must(Destroy, nil)
	if len(p.world.Resources()) > 0 || len(p.state.Resources) > 0 {
		t.Errorf("left: %v, and %d in the state", p.world.Resources(), len(p.state.Resources))
	}
}

func TestWhatAProgramWarnsOfIsShown(t *testing.T) {
	var shown strings.Builder
	if _, err := newPlace(t).run(t.Context(), Preview, groups(1, "westeurope"),
		Options{Show: &Show{Out: &shown, Err: &shown}}); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(shown.String(), "Previewing update (dev):\n") ||
		!strings.Contains(shown.String(), "warning: this is said") {
		t.Errorf("it shows\n%s", &shown)
	}
}

// The engine ends without waiting for a program whose run has failed. (make test-races looks for what that means.)
func TestAProgramThatTalksOnWhenItsRunHasFailedIsHeardNoMore(t *testing.T) {
	p := newPlace(t)
	var talks sync.WaitGroup
	_, err := p.run(t.Context(), Up, func(ctx *pulumi.Context) error {
		begun := make(chan struct{})
		talks.Go(func() {
			for i := 0; ctx.Log.Warn(fmt.Sprint("said ", i), nil) == nil; i++ {
				if i == 0 {
					close(begun)
				}
			}
		})
		<-begun
		var group thing
		return ctx.RegisterResource("azure-native:resources:ResourceGroup", "group", pulumi.Map{}, &group) // it has no place
	}, Options{})
	if err == nil {
		t.Error("the run does not fail")
	}
	talks.Wait()
}

func TestADestroyLeavesWhatIsProtectedAndWhatThatNeeds(t *testing.T) {
	p := newPlace(t)
	p.must(Up, groups(4, "westeurope"))
	for i := range p.state.Resources {
		p.state.Resources[i].Protect = p.state.Resources[i].URN.Name() == "group-1"
	}
	p.must(Destroy, nil)
	var left []string
	for _, r := range p.state.Resources {
		if r.Custom && strings.HasPrefix(string(r.Type), "azure-native:") {
			left = append(left, r.URN.Name())
		}
	}
	if want := []string{"group-0", "group-1"}; !reflect.DeepEqual(left, want) || len(p.world.Resources()) != 2 {
		t.Errorf("left: %v, want %v", left, want)
	}
	p.must(Destroy, nil) // of what is left, nothing may go
	if len(p.world.Resources()) != 2 {
		t.Errorf("left: %v", p.world.Resources())
	}
	p.state = Unprotected(p.state)
	p.must(Destroy, nil)
	if len(p.world.Resources()) > 0 {
		t.Errorf("left: %v", p.world.Resources())
	}
}

// However much of a journal there is, it comes to a state that the engine takes, and the whole of it to that of the
// run.
func TestAJournalThatIsCutOffAnywhereIsAState(t *testing.T) {
	p := newPlace(t)
	for _, step := range []struct {
		what    string
		verb    Verb
		program pulumi.RunFunc
	}{
		{"made", Up, groups(5, "westeurope")}, {"replaced, and one less", Up, groups(4, "northeurope")},
		{"refreshed", Refresh, nil}, {"gone", Destroy, nil},
	} {
		before := p.state
		var mu sync.Mutex
		var journal []Entry
		outcome, err := p.run(t.Context(), step.verb, step.program, Options{Journal: func(e Entry) error {
			mu.Lock()
			defer mu.Unlock()
			journal = append(journal, e)
			return nil
		}})
		if err != nil || len(journal) < 5 {
			t.Fatalf("%s: %d entries, %v", step.what, len(journal), err)
		}
		pending := 0
		for n := range journal {
			cut, err := Replay(before, journal[:n])
			if err != nil {
				t.Errorf("%s, %d entries: %v", step.what, n, err)
			}
			pending += len(cut.PendingOperations)
		}
		whole, err := Replay(before, journal)
		if got, want := names(whole), names(outcome.State); err != nil || !reflect.DeepEqual(got, want) ||
			len(whole.PendingOperations) > 0 {
			t.Errorf("%s: the whole journal comes to\n%v, %v\nwant\n%v", step.what, got, err, want)
		}
		if pending == 0 && step.verb != Refresh {
			t.Errorf("%s: nothing is under way at any moment", step.what)
		}
	}
}

func names(s State) []string {
	var all []string
	for _, r := range s.Resources {
		all = append(all, fmt.Sprint(r.URN, r.ID, r.Delete, r.Outputs["location"]))
	}
	return all
}

func TestWhenTheContextEndsWhatIsUnderWayIsFinishedAndTheNextRunGoesOn(t *testing.T) {
	p := newPlace(t)
	ctx, stop := context.WithCancel(t.Context())
	_, err := p.run(ctx, Up, groups(40, "westeurope"), Options{Listen: func(event pulumiengine.Event) {
		if done, is := event.Payload().(pulumiengine.ResourceOutputsEventPayload); is &&
			done.Metadata.URN.Name() == "group-3" {
			stop()
		}
	}})
	if err == nil {
		t.Fatal("a run that was stopped succeeded")
	}
	made := len(p.world.Resources())
	known := 0
	for _, r := range p.state.Resources {
		if strings.HasPrefix(string(r.Type), "azure-native:") {
			known++
		}
	}
	if made < 4 || made > 30 || known != made || len(p.state.PendingOperations) > 0 {
		t.Errorf("there are %d groups, the state knows %d, and under way are %v", made, known, p.state.PendingOperations)
	}
	if rest := p.must(Up, groups(40, "westeurope")); rest.Changes["create"] != 40-made || len(p.world.Resources()) != 40 {
		t.Errorf("the next run did %v", rest.Changes)
	}
}

func TestTheKeyIsTheOneThatPulumiMakesOfThePassphrase(t *testing.T) {
	parts := strings.SplitN(salt, ":", 3)
	raw, err := base64.StdEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	pulumis := config.NewSymmetricCrypterFromPassphrase(Passphrase, raw)
	if proof, err := pulumis.DecryptValue(t.Context(), parts[2]); proof != "pulumi" || err != nil {
		t.Errorf("Pulumi would not take the passphrase: %q, %v", proof, err)
	}
	hidden, err := sealed.EncryptValue(t.Context(), "something")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := pulumis.DecryptValue(t.Context(), hidden); text != "something" || err != nil {
		t.Errorf("Pulumi reads %q, %v", text, err)
	}
	if _, err := sealed.OfType(t.Context(), "service", nil); err == nil {
		t.Error("a state whose secrets somebody else encrypted is taken")
	}
}

func TestAStateFileIsOneProcesssAndIsReadAfterACutInTheMiddleOfALine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stack", "state.jsonl")
	file, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); !errors.Is(err, ErrBusy) {
		t.Errorf("a second one opens it: %v", err)
	}
	p := newPlace(t)
	if err := file.Begin(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.run(t.Context(), Up, groups(3, "westeurope"), Options{Journal: file.Add}); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(written), "\n")
	for n := 1; n < len(lines)-1; n++ {
		text := strings.Join(lines[:n], "") + lines[n][:len(lines[n])/2]
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		again, err := Open(path)
		if err != nil {
			t.Fatalf("after %d lines and a half: %v", n, err)
		}
		if cut := again.Cut(); cut != (n > 1) {
			t.Errorf("after %d lines and a half it says that a run was cut off: %v", n, cut)
		}
		if err := errors.Join(again.Save(again.State()), again.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, written, 0o600); err != nil {
		t.Fatal(err)
	}
	whole, err := Open(path)
	if err != nil || !reflect.DeepEqual(names(whole.State()), names(p.state)) {
		t.Fatalf("%v, %v, want %v", err, names(whole.State()), names(p.state))
	}
	export := filepath.Join(t.TempDir(), "export.json")
	if err := errors.Join(whole.Export(export), whole.Close()); err != nil {
		t.Fatal(err)
	}
	var exported apitype.UntypedDeployment
	data, err := os.ReadFile(export)
	if err := errors.Join(err, json.Unmarshal(data, &exported)); err != nil || exported.Version != 3 ||
		!strings.Contains(string(exported.Deployment), `"passphrase"`) {
		t.Errorf("the export is %.200s, %v", data, err)
	}
}

func TestOnlyTheLastLineOfAStateFileMayBeCutOff(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.jsonl")
	for _, c := range []struct {
		text string
		line int // that is wrong; 0 for none
	}{
		{"{}\n{\"added\":[]}\n{\"gone\":[", 0},
		{"{}\n{\"added\":[]}\n{\"gone\":[]}", 0}, // it was still being written
		{"", 1},
		{"{\"resources\":", 1},
		{"{\"resources\":\n{}\n", 1},
		{"{}\n{\"added\":[\n{\"gone\":[]}\n", 2},
		{"{}\n{\"added\":[]}\n{\"gone\":\"all\"}\n", 3},
		{"{}\n{\"added\":[]}\n{\"gone\":[\n", 3},
		{"{}\n\n{\"gone\":[]}\n", 2},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Read(path)
		if wrong := fmt.Sprintf("read the state %s, line %d: ", path, c.line); (err != nil) != (c.line > 0) ||
			err != nil && !strings.HasPrefix(err.Error(), wrong) {
			t.Errorf("%q: %v, want %q", c.text, err, wrong)
		}
		file, opened := Open(path)
		if fmt.Sprint(opened) != fmt.Sprint(err) {
			t.Errorf("%q: open says %v", c.text, opened)
		}
		if opened == nil {
			if err := file.Close(); err != nil {
				t.Error(err)
			}
		} else if _, again := Open(path); errors.Is(again, ErrBusy) {
			t.Errorf("%q is locked by who could not read it", c.text)
		}
	}
}
