package rehearsal

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// nodeParts are the resources of a node, each with what happens to it.
func nodeParts(operation string, node int) []string {
	var parts []string
	for _, part := range []string{"", "-agent", "-collection", "-data", "-deployment", "-interface"} {
		parts = append(parts, fmt.Sprintf("%s vernemq-node-%d%s", operation, node, part))
	}
	return parts
}

func sorted(lists ...[]string) []string {
	all := slices.Concat(lists...)
	slices.Sort(all)
	return all
}

// at is where a line of progress is in what an update printed.
func (s *stage) at(line string) int {
	s.t.Helper()
	at := strings.Index(s.said.String(), line)
	if at < 0 {
		s.t.Fatalf("no word of %q in\n%s", line, s.said)
	}
	return at
}

// The founder's deployment waits until nobody is in the cluster who should not be, so that a node has left before its
// machine goes.
var membership = []string{"~ vernemq-settings", "~ vernemq-node-0-deployment"}

func TestMoreNodesOnVMsAndFewerTouchTheirOwnResourcesAndTheMembership(t *testing.T) {
	t.Parallel()
	s := deployedStage(t, "prod-vernemq")
	s.edits("capacity.minNodes=5")
	want := sorted(planned, membership, nodeParts("+", 3), nodeParts("+", 4))
	s.must(Preview)
	if got := s.touched(); !slices.Equal(got, want) {
		t.Errorf("the preview of two more shows %v, want %v", got, want)
	}
	if more := s.must(Up); more.Calls != len(want) {
		t.Errorf("two more took %d calls: %v", more.Calls, more.Changes)
	}
	s.edits()
	want = sorted(planned, membership, nodeParts("-", 3), nodeParts("-", 4))
	s.must(Preview)
	if got := s.touched(); !slices.Equal(got, want) {
		t.Errorf("the preview of two fewer shows %v, want %v", got, want)
	}
	if fewer := s.must(Up); fewer.Calls != len(want) {
		t.Errorf("two fewer took %d calls: %v", fewer.Calls, fewer.Changes)
	}
	left := s.at("vernemq-node-0-deployment updated")
	for _, node := range []string{"vernemq-node-3", "vernemq-node-4"} {
		if gone := s.at("VirtualMachine " + node + " deleting"); gone < left ||
			s.at("VirtualMachineRunCommandByVirtualMachine "+node+"-deployment deleted") > gone {
			t.Errorf("%s went before it had left:\n%s", node, s.said)
		}
		machine := s.at("VirtualMachine " + node + " deleted")
		if s.at("Disk "+node+"-data deleting") < machine || s.at("NetworkInterface "+node+"-interface deleting") < machine {
			t.Errorf("%s lost its disk or its address before it went:\n%s", node, s.said)
		}
	}
}

func TestWhenTheLeavingFailsNoMachineGoes(t *testing.T) {
	t.Parallel()
	s := newStage(t, "prod-vernemq")
	s.edits("capacity.minNodes=5", "monitoring.enabled=false")
	s.must(Up)
	s.edits("monitoring.enabled=false")
	s.Faults.FailAt = 2 // the first call is the vault's, and no alert's
	if said := s.mustNot(Up); !strings.Contains(said, "vernemq-node-0-deployment") {
		t.Errorf("it was not the deployment that failed:\n%s", said)
	}
	if s.idOf("vernemq-node-4") == "" ||
		!slices.ContainsFunc(s.worldIDs(),
			func(id string) bool { return strings.HasSuffix(id, "/virtualmachines/amora-prod-4") }) {
		t.Errorf("a machine is gone: %v", s.worldIDs())
	}
}

func TestAMachineIsReplacedAfterTheOneBeforeItServesAgainAndKeepsItsDiskAndAddress(t *testing.T) {
	t.Parallel()
	s := deployedStage(t, "prod-vernemq")
	kept := map[string]string{}
	for node := range 3 {
		for _, part := range []string{"data", "interface"} {
			name := fmt.Sprintf("vernemq-node-%d-%s", node, part)
			kept[name] = s.idOf(name)
		}
	}
	s.edits("vernemq.sshKey=ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f")
	replaced := s.must(Up)
	if replaced.Changes["replace"] != 12 || replaced.Changes["update"] != 0 {
		t.Errorf("a new key changed %v", replaced.Changes)
	}
	for name, id := range kept {
		if s.idOf(name) != id {
			t.Errorf("%s is another one", name)
		}
	}
	for node := range 2 {
		serves := s.at(fmt.Sprintf(
			"VirtualMachineRunCommandByVirtualMachine vernemq-node-%d-deployment created replacement", node))
		if next := s.at(fmt.Sprintf("VirtualMachine vernemq-node-%d deleting original", node+1)); next < serves {
			t.Errorf("node %d went before node %d served:\n%s", node+1, node, s.said)
		}
	}
}

func TestWhatNodesAreToldChangesWithoutANewMachine(t *testing.T) {
	t.Parallel()
	s := deployedStage(t, "prod-vernemq")
	s.edits("vernemq.vmSize=Standard_D8s_v5")
	s.must(Preview)
	for _, touched := range s.touched() {
		operation, name, _ := strings.Cut(touched, " ")
		machine := strings.HasPrefix(name, "vernemq-node-")
		if slices.Contains(planned, touched) {
			continue
		}
		if machine && operation != "~" || !machine && !strings.HasPrefix(name, "vernemq-files") &&
			name != "vernemq-settings" {
			t.Errorf("a larger machine touches %s", touched)
		}
	}
	s.must(Up)
	for node := range 2 {
		if s.at(fmt.Sprintf("vernemq-node-%d-deployment updated", node)) > s.at(
			fmt.Sprintf("VirtualMachine vernemq-node-%d updating", node+1)) {
			t.Errorf("node %d was stopped before node %d served:\n%s", node+1, node, s.said)
		}
	}
}

func TestADiskDoesNotMoveToAnotherZoneUnlessItsLossIsAgreedTo(t *testing.T) {
	t.Parallel()
	s := deployedStage(t, "dev-vernemq")
	s.edits("availability.zones=[2]")
	for name, run := range map[string]verb{"preview": Preview, "up": Up} {
		if said := s.mustNot(run); !strings.Contains(said,
			`disks: zone of amora-dev-0 is "1" and the stack config asks for "2"`) {
			t.Errorf("%s said\n%s", name, said)
		}
	}
	s.edits("availability.zones=[2]", `allowReplace=["disks"]`)
	s.must(Up)
	if !slices.Equal(s.azureIDs(), s.worldIDs()) {
		t.Errorf("the state and Azure differ:\n%v\n%v", s.azureIDs(), s.worldIDs())
	}
}
