package rehearsal

import (
	"reflect"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

func TestAnEventOfTheEngineIsAChangeWhereAResourceOfAzureChanges(t *testing.T) {
	const urn = "urn:pulumi:dev::amora-sync::amora:foundation:Network$azure-native:network:VirtualNetwork::network-vnet"
	custom, protected := &apitype.StepEventStateMetadata{Custom: true}, &apitype.StepEventStateMetadata{Custom: true, Protect: true}
	change := func(op string, protected bool, diff ...string) Change {
		return Change{Op: op, Name: "network-vnet", Type: "azure-native:network:VirtualNetwork", Protected: protected, Diff: diff}
	}
	paths := map[string]apitype.PropertyDiff{"tags.b": {}, "tags.a": {}}
	for _, c := range []struct {
		is   apitype.StepEventMetadata
		want Change // none: the event tells of no change
	}{
		{apitype.StepEventMetadata{Op: apitype.OpCreate, New: custom}, change("create", false)},
		{apitype.StepEventMetadata{Op: apitype.OpUpdate, Old: custom, New: protected, Diffs: []string{"tags.b", "tags.a"}}, change("update", true, "tags.a", "tags.b")},
		{apitype.StepEventMetadata{Op: apitype.OpUpdate, Old: custom, New: custom, Diffs: []string{"tags"}, DetailedDiff: paths}, change("update", false, "tags.a", "tags.b")},
		{apitype.StepEventMetadata{Op: apitype.OpDelete, Old: protected}, change("delete", true)},
		{apitype.StepEventMetadata{Op: apitype.OpCreateReplacement, Old: protected, New: custom, Keys: []string{"zones", "name"}}, change("replace", true, "name", "zones")},
		{apitype.StepEventMetadata{Op: apitype.OpReplace, Old: custom, New: custom}, Change{}},
		{apitype.StepEventMetadata{Op: apitype.OpDeleteReplaced, Old: custom}, Change{}},
		{apitype.StepEventMetadata{Op: apitype.OpSame, Old: custom, New: custom}, Change{}},
		{apitype.StepEventMetadata{Op: apitype.OpRead, New: custom}, Change{}},
		{apitype.StepEventMetadata{Op: apitype.OpCreate, New: &apitype.StepEventStateMetadata{}}, Change{}}, // a component
	} {
		c.is.URN, c.is.Type = urn, "azure-native:network:VirtualNetwork"
		got, is := changeOf(apitype.EngineEvent{ResourcePreEvent: &apitype.ResourcePreEvent{Metadata: c.is}})
		if wanted := c.want.Op != ""; is != wanted || is && !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v, want %+v", c.is.Op, got, is, c.want)
		}
	}
	if got, is := changeOf(apitype.EngineEvent{SummaryEvent: &apitype.SummaryEvent{}}); is {
		t.Errorf("a summary is taken for a change: %+v", got)
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
	if count["replace"] == 0 || count["replace"] != previewed.Changes["replace"] || count["update"] != previewed.Changes["update"] {
		t.Errorf("it counts %v and tells %v", previewed.Changes, previewed.Steps)
	}
	if want := []string{"osProfile.linuxConfiguration.ssh.publicKeys[0].keyData"}; !reflect.DeepEqual(causes["vernemq-node-0"], want) {
		t.Errorf("node 0 is replaced for %q, want %q", causes["vernemq-node-0"], want)
	}
	if want := []string{"vmName"}; !reflect.DeepEqual(causes["vernemq-node-0-agent"], want) { // replaced for its machine's sake
		t.Errorf("the agent of node 0 is replaced for %q, want %q", causes["vernemq-node-0-agent"], want)
	}
}
