package rehearsal

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// backupParts are the resources of a machine's backup, each with what happens to it.
func backupParts(operation string, node int) []string {
	var parts []string
	for _, part := range []string{"item", "policy", "vault", "vault-logs"} {
		parts = append(parts, fmt.Sprintf("%s backup-%d-%s", operation, node, part))
	}
	return parts
}

func TestBackupsOfMachinesComeAndGoWithTheirMachinesAsOftenAsOneLikes(t *testing.T) {
	t.Parallel()
	s := deployedStage(t, "prod-vernemq")
	backedUp := "availability.diskBackup=true"
	s.edits(backedUp)
	s.must(Preview)
	if got, want := s.touched(),
		sorted(backupParts("+", 0), backupParts("+", 1), backupParts("+", 2)); !slices.Equal(got, want) {
		t.Errorf("backups touch %v, want %v", got, want)
	}
	s.must(Up)
	for range 2 {
		s.edits(backedUp, "capacity.minNodes=4")
		want := sorted(planned, membership, nodeParts("+", 3), backupParts("+", 3))
		if more := s.must(Up); more.Calls != len(want) {
			t.Errorf("one more took %d calls: %v", more.Calls, more.Changes)
		}
		s.edits(backedUp)
		s.must(Preview)
		if got, want := s.touched(),
			sorted(planned, membership, nodeParts("-", 3), backupParts("-", 3)); !slices.Equal(got, want) {
			t.Errorf("the preview of one fewer shows %v, want %v", got, want)
		}
		s.must(Up)
		if s.at("VirtualMachine vernemq-node-3 deleting") < s.at("ProtectedItem backup-3-item deleted") {
			t.Errorf("the machine went before its backup let it go:\n%s", s.said)
		}
	}
}

func TestAMachineThatIsReplacedKeepsItsBackups(t *testing.T) {
	t.Parallel()
	s := deployedStage(t, "prod-vernemq")
	s.edits("availability.diskBackup=true")
	s.must(Up)
	s.edits("availability.diskBackup=true",
		"vernemq.sshKey=ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f")
	s.must(Up)
	if strings.Contains(s.said.String(), "ProtectedItem backup-") {
		t.Errorf("another machine touched the backups:\n%s", s.said)
	}
}

func TestAnotherRedundancyOfBackupsIsAnotherVault(t *testing.T) {
	t.Parallel()
	s := newStage(t, "dev-vernemq")
	s.edits("availability.diskBackup=true")
	s.must(Up)
	s.edits("availability.diskBackup=true", "availability.geoRedundantBackup=true", `allowReplace=["database"]`)
	s.must(Up)
	if s.at("Vault backup-0-vault created") < s.at("ProtectedItem backup-0-item deleted") {
		t.Errorf("two vaults wanted one machine:\n%s", s.said)
	}
	if !slices.Equal(s.azureIDs(), s.worldIDs()) {
		t.Errorf("the state and Azure differ:\n%v\n%v", s.azureIDs(), s.worldIDs())
	}
}

func TestAStackWithBackupsIsDestroyedAndMadeAgain(t *testing.T) {
	t.Parallel()
	s := newStage(t, "dev-vernemq")
	s.edits("availability.diskBackup=true")
	for range 2 {
		s.must(Up)
		s.must(Destroy)
	}
}

func TestSnapshotsOfVolumesAreInAGroupThatOutlivesAProductionCluster(t *testing.T) {
	t.Parallel()
	s := deployedStage(t, "prod-hivemq")
	s.edits("availability.diskBackup=true")
	s.must(Up)
	group := s.idOf("hivemq-backup-group")
	s.edits()
	s.must(Up)
	left := slices.DeleteFunc(s.worldIDs(), func(id string) bool { return slices.Contains(s.azureIDs(), id) })
	if !slices.Equal(left, []string{strings.ToLower(group)}) {
		t.Errorf("%v was left behind, not the group %s alone", left, group)
	}
	s.edits("availability.diskBackup=true")
	s.must(Up)
	if again := s.idOf("hivemq-backup-group"); again == group {
		t.Errorf("the second group is the first one, %s", again)
	}
}

func TestSnapshotsOfVolumesGoWithADevelopmentCluster(t *testing.T) {
	t.Parallel()
	s := newStage(t, "dev-hivemq")
	s.edits("availability.diskBackup=true")
	s.must(Up)
	s.must(Destroy)
	if left := s.world(); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}
