package pulumi

import (
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/optdestroy"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optrefresh"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"

	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal"
	"github.com/amora-sync/mqtt-on-azure/stacks"
)

// changes are counts of resources by what was done with them, without those with which nothing was.
func changes[K ~string](counts map[K]int) map[string]int {
	left := map[string]int{}
	for op, count := range counts {
		if count > 0 && string(op) != string(apitype.OpSame) {
			left[string(op)] = count
		}
	}
	return left
}

func TestTheCLIDoesWhatTheRehearsalDoes(t *testing.T) {
	t.Parallel()
	expected, err := rehearsal.Up(t.Context(), rehearsal.Options{
		Root: root, State: t.TempDir(), Stack: stack, Out: io.Discard, Err: t.Output(),
		Program: stacks.Program, Externals: stacks.Externals,
	})
	if err != nil {
		t.Fatal(err)
	}
	o := newOwner(t)
	o.connect()

	preview, err := o.stack.Preview(t.Context(), optpreview.ProgressStreams(t.Output()))
	if err != nil {
		t.Fatal(err)
	}
	if got := changes(preview.ChangeSummary); !maps.Equal(got, expected.Changes) {
		t.Errorf("pulumi preview counts %v, and the rehearsal %v", got, expected.Changes)
	}
	up, err := o.stack.Up(t.Context(), optup.ProgressStreams(t.Output()))
	if err != nil {
		t.Fatal(err)
	}
	if got := changes(*up.Summary.ResourceChanges); !maps.Equal(got, expected.Changes) {
		t.Errorf("pulumi up counts %v, and the rehearsal %v", got, expected.Changes)
	}
	if calls := o.server.Calls(); calls != expected.Calls {
		t.Errorf("pulumi up makes %d calls, and the rehearsal %d", calls, expected.Calls)
	}
	got, want := slices.Sorted(maps.Keys(up.Outputs)), slices.Sorted(maps.Keys(expected.Outputs))
	if !slices.Equal(got, want) {
		t.Errorf("pulumi up has the outputs %v, and the rehearsal %v", got, want)
	}
	for _, output := range []string{"mqttEndpoint", "websocketEndpoint", "nodeCount"} {
		if got, want := fmt.Sprint(up.Outputs[output].Value), fmt.Sprint(expected.Outputs[output]); got != want {
			t.Errorf("%s is %s, and %s in the rehearsal", output, got, want)
		}
	}

	refresh, err := o.stack.Refresh(t.Context(), optrefresh.ProgressStreams(t.Output()))
	if err != nil {
		t.Fatal(err)
	}
	if got := changes(*refresh.Summary.ResourceChanges); len(got) > 0 {
		t.Errorf("pulumi refresh changes %v", got)
	}
	if again, err := o.stack.Up(t.Context(), optup.ProgressStreams(t.Output()), optup.ExpectNoChanges()); err != nil {
		t.Errorf("a further pulumi up: %v, %v", err, again.Summary.ResourceChanges)
	}
	if _, err := o.stack.Destroy(t.Context(), optdestroy.ProgressStreams(t.Output())); err != nil {
		t.Fatal(err)
	}
	if left := o.mustRun("pulumi", "stack", "--stack", stack); !strings.Contains(left, "Current stack resources (0)") {
		t.Errorf("pulumi destroy left:\n%s", left)
	}
}

func TestTheCLITakesARehearsalsState(t *testing.T) {
	t.Parallel()
	o, result := rehearsed(t)
	outputs := o.outputs()
	if len(outputs) != len(result.Outputs) {
		t.Errorf("pulumi stack output has %d outputs, and the rehearsal %d", len(outputs), len(result.Outputs))
	}
	secrets := 0
	for name, value := range result.Outputs {
		if value != "[secret]" {
			continue
		}
		secrets++
		if plain, is := outputs[name].(string); !is || plain == "" || plain == "[secret]" {
			t.Errorf("%s is not decrypted: %v", name, outputs[name])
		}
	}
	if secrets == 0 {
		t.Error("the rehearsal has no secret output")
	}
	preview, err := o.stack.Preview(t.Context(), optpreview.ProgressStreams(t.Output()), optpreview.ExpectNoChanges())
	if err != nil || len(changes(preview.ChangeSummary)) > 0 {
		t.Errorf("pulumi preview on a rehearsal's state changes %v: %v", preview.ChangeSummary, err)
	}
}

func TestTheNightlyDriftCheckFailsForAllButDeploymentScripts(t *testing.T) {
	t.Parallel()
	o, _ := rehearsed(t)
	check := func() (string, error) {
		return o.run("sh", filepath.Join(o.clone, "pipelines", "azure.sh"), "drift", stack)
	}
	byHand := func(p map[string]any) { p["tags"] = map[string]any{"by": "hand"} }
	if said, err := check(); err != nil {
		t.Fatalf("it fails after a deployment: %v\n%s", err, said)
	}
	o.edit("/deploymentScripts/amora-dev-mirror", byHand)
	if said, err := check(); err != nil {
		t.Errorf("it fails for a deployment script: %v\n%s", err, said)
	}
	o.edit("/virtualNetworks/amora-dev", byHand)
	said, err := check()
	if err == nil || !strings.Contains(said, "network-vnet") || !strings.Contains(said, "no changes were expected") {
		t.Errorf("it does not fail for the network: %v\n%s", err, said)
	}
}
