package rehearsal

import (
	"reflect"
	"testing"

	pulumi "github.com/pulumi/pulumi/pkg/v3/engine"
	"github.com/pulumi/pulumi/pkg/v3/resource/deploy"
	"github.com/pulumi/pulumi/pkg/v3/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

func TestAStepOfTheEngineIsAChangeWhereAResourceOfAzureChanges(t *testing.T) {
	const urn = "urn:pulumi:dev::amora-sync::amora:foundation:Network$azure-native:network:VirtualNetwork::network-vnet"
	custom, protected := &pulumi.StepEventStateMetadata{Custom: true},
		&pulumi.StepEventStateMetadata{Custom: true, Protect: true}
	change := func(op string, protected bool, diff ...string) Change {
		return Change{Op: op, Name: "network-vnet", Type: "azure-native:network:VirtualNetwork", Protected: protected,
			Diff: diff}
	}
	paths := map[string]plugin.PropertyDiff{"tags.b": {}, "tags.a": {}}
	for _, c := range []struct {
		is   pulumi.StepEventMetadata
		want Change // none: the step is no change
	}{
		{pulumi.StepEventMetadata{Op: deploy.OpCreate, New: custom}, change("create", false)},
		{pulumi.StepEventMetadata{Op: deploy.OpUpdate, Old: custom, New: protected,
			Diffs: []resource.PropertyKey{"tags.b", "tags.a"}},
			change("update", true, "tags.a", "tags.b")},
		{pulumi.StepEventMetadata{Op: deploy.OpUpdate, Old: custom, New: custom, Diffs: []resource.PropertyKey{"tags"},
			DetailedDiff: paths},
			change("update", false, "tags.a", "tags.b")},
		{pulumi.StepEventMetadata{Op: deploy.OpDelete, Old: protected}, change("delete", true)},
		{pulumi.StepEventMetadata{Op: deploy.OpCreateReplacement, Old: protected, New: custom,
			Keys: []resource.PropertyKey{"zones", "name"}},
			change("replace", true, "name", "zones")},
		{pulumi.StepEventMetadata{Op: deploy.OpReplace, Old: custom, New: custom}, Change{}},
		{pulumi.StepEventMetadata{Op: deploy.OpDeleteReplaced, Old: custom}, Change{}},
		{pulumi.StepEventMetadata{Op: deploy.OpSame, Old: custom, New: custom}, Change{}},
		{pulumi.StepEventMetadata{Op: deploy.OpRead, New: custom}, Change{}},
		{pulumi.StepEventMetadata{Op: deploy.OpCreate, New: &pulumi.StepEventStateMetadata{}}, Change{}}, // a component
	} {
		c.is.URN, c.is.Type = urn, "azure-native:network:VirtualNetwork"
		got, is := changeOf(c.is)
		if wanted := c.want.Op != ""; is != wanted || is && !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v, want %+v", c.is.Op, got, is, c.want)
		}
	}
}

func TestAPreviewTellsEachChangeThatItCounts(t *testing.T) {
	t.Parallel()
	s := deployedStage(t, "dev-vernemq")
	s.edits("vernemq.sshKey=ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f nobody")
	previewed := s.must(Preview)
	count := map[string]int{}
	causes := map[string][]string{}
	for _, c := range previewed.Steps {
		count[c.Op]++
		causes[c.Name] = c.Diff
	}
	if count["replace"] == 0 || count["replace"] != previewed.Changes["replace"] ||
		count["update"] != previewed.Changes["update"] {
		t.Errorf("it counts %v and tells %v", previewed.Changes, previewed.Steps)
	}
	if want := []string{"osProfile.linuxConfiguration.ssh.publicKeys[0].keyData"}; !reflect.DeepEqual(
		causes["vernemq-node-0"], want) {
		t.Errorf("node 0 is replaced for %q, want %q", causes["vernemq-node-0"], want)
	}
	// replaced for its machine's sake
	if want := []string{"vmName"}; !reflect.DeepEqual(causes["vernemq-node-0-agent"], want) {
		t.Errorf("the agent of node 0 is replaced for %q, want %q", causes["vernemq-node-0-agent"], want)
	}
}
