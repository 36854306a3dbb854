package rehearsal

import (
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Azure lists each pool of nodes in its cluster as well, and a refresh takes that list into the state.
func TestAfterARefreshThereIsNothingToDoThoughAzureListsAllPoolsInTheirCluster(t *testing.T) {
	t.Parallel()
	s := deployedStage(t, "prod-hivemq")
	unchanged := func(when string) {
		if again := s.must(Up); again.Calls != 0 || len(again.Changes) != 1 {
			t.Errorf("%s, up changes %v with %d calls", when, again.Changes, again.Calls)
		}
	}
	s.must(Refresh)
	unchanged("after a refresh")
	s.edits("tags.team=amora")
	s.must(Up)
	s.must(Refresh)
	unchanged("after an edit and a refresh")
	pools := 0
	for _, r := range s.world() {
		if strings.HasSuffix(r.Type, ":AgentPool") {
			pools++
		}
	}
	if pools != 3 {
		t.Errorf("%d pools are left", pools)
	}
}

// Azure takes one change of a network at a time, of a cluster and of an identity. What somebody deletes by hand leaves
// the state with the next refresh, and with it the way through it: each has to wait for all before it by itself.
func TestWhatIsLostByHandLeavesTheOthersInTurn(t *testing.T) {
	for name, c := range map[string]struct {
		edits  []string
		inTurn [][]string
	}{
		"prod-hivemq": {[]string{"availability.diskBackup=true"}, [][]string{
			{"hivemq-pool1", "hivemq-pool2", "hivemq-pool3", "hivemq-flux", "hivemq-configuration",
				"hivemq-backup-configuration"},
			{"network-database", "network-endpoints", "hivemq-subnet", "gateway-subnet"},
			{"hivemq-broker-account", "hivemq-admin-account", "hivemq-collector-account"},
		}},
		"prod": {[]string{"availability.secondaryLocation=northeurope", "network.secondaryAddressSpace=10.21.0.0/16"},
			[][]string{
				{"network-database", "network-endpoints", "peering-there", "emqx-subnet"},
				{"secondary-network-database", "secondary-network-endpoints", "peering-back", "secondary-emqx-subnet"},
				{"network-database", "peering-there", "peering-back"},
			}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, name, c.edits...)
			s.must(Up)
			needs := map[string][]resource.URN{}
			for _, r := range s.state().Resources {
				needs[r.URN.Name()] = r.Dependencies
			}
			for _, inTurn := range c.inTurn {
				for i, later := range inTurn {
					for _, earlier := range inTurn[:i] {
						if !slices.Contains(needs[later], s.urnOf(earlier)) {
							t.Errorf("%s waits for %s by way of others only", later, earlier)
						}
					}
				}
			}
		})
	}
}
