package rehearsal

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// serving are the resources after which a broker takes clients.
var serving = map[string][]string{
	"emqx-container-apps": {"emqx-emqx-0", "emqx-emqx-1", "emqx-edge", "front-door-route-route"},
	"hivemq-aks":          {"hivemq-configuration", "gateway-gateway"},
	"vernemq-vms":         {"vernemq-node-0-deployment", "vernemq-node-1-deployment", "vernemq-balancer"},
}

// records are the names of clients. The one for WebSocket moves from and to a broker that has Front Door.
func records(from, to string) []string {
	if from == "emqx-container-apps" || to == "emqx-container-apps" {
		return []string{"endpoint-address", "endpoint-websocket"}
	}
	return []string{"endpoint-address"}
}

var deployedWith = map[string]string{"emqx-container-apps": "dev", "hivemq-aks": "dev-hivemq",
	"vernemq-vms": "dev-vernemq"}

// TestASwitchServesBeforeTheNamesMoveAndDeletesAfterThat looks at the order of what the engine did. What a switch
// keeps, and what it leaves when it is interrupted, is tested at more depth in tests/sequences.
func TestASwitchServesBeforeTheNamesMoveAndDeletesAfterThat(t *testing.T) {
	for from, name := range deployedWith {
		for to := range deployedWith {
			if from == to {
				continue
			}
			t.Run(from+" to "+to, func(t *testing.T) {
				t.Parallel()
				s := deployedStage(t, name)
				kept := s.births(ofTheStack)
				s.edits("broker=" + to)
				s.must(Up)
				if now := s.births(ofTheStack); !slices.Equal(now, kept) {
					t.Errorf("what is stateful was\n%v\nand is\n%v", kept, now)
				}
				if !slices.Equal(s.azureIDs(), s.worldIDs()) {
					t.Errorf("the state and Azure differ:\n%v\n%v", s.azureIDs(), s.worldIDs())
				}
				s.movesLast(to, records(from, to))
			})
		}
	}
}

// movesLast holds that names were changed after the new broker served, and that nothing was deleted before.
func (s *stage) movesLast(to string, names []string) {
	s.t.Helper()
	first, last := len(s.said.String()), 0
	for _, name := range names {
		first, last = min(first, s.at("RecordSet "+name+" updating")), max(last, s.at("RecordSet "+name+" updated"))
	}
	for _, name := range serving[to] {
		if at := s.at(" " + name + " created"); at > first {
			s.t.Errorf("a name moved before %s was there", name)
		}
	}
	deleted := 0
	for line := range strings.SplitSeq(s.said.String(), "\n") {
		if strings.Contains(line, "azure-native:") && strings.Contains(line, " deleting ") {
			deleted++
		}
	}
	if at := s.at(" deleting "); at < last || deleted < 20 {
		s.t.Errorf("of %d the first one was deleted before the names had moved", deleted)
	}
}

// ofTheStack are resources that belong to the stack, whatever the broker.
var ofTheStack = []string{
	"base-group", "network-vnet", "network-database", "database-server", "database-database", "vault-vault", "zone-zone",
	"monitoring-workspace", "monitoring-insights", "monitoring-people",
}

// births lists the ids of resources with the time at which the engine made them.
func (s *stage) births(names []string) []string {
	s.t.Helper()
	var births []string
	for _, r := range s.state().Resources {
		if slices.Contains(names, r.URN.Name()) {
			births = append(births, fmt.Sprint(r.ID, r.Created))
		}
	}
	if len(births) != len(names) {
		s.t.Fatalf("of %v there are only %v", names, births)
	}
	slices.Sort(births)
	return births
}
