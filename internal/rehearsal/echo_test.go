package rehearsal

import (
	"strings"
	"testing"
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
