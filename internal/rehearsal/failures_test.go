package rehearsal

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/engine"
	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/standin"
)

// chains is how many deployments share the failures of one stack: each of its resources fails in one of them, and
// each of them fails as often as it has resources to fail.
const chains = 8

// TestADeploymentThatFailsAtAnyCallConverges fails the first call for every resource: in a dev stack the call does
// nothing, in a prod stack it does its work and the answer is lost.
func TestADeploymentThatFailsAtAnyCallConverges(t *testing.T) {
	for name := range deployments {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole := newStage(t, name)
			whole.must(Up)
			resources := azureNames(whole.state())
			if len(resources) < 50 || len(outputsOf(whole.state())) < 8 {
				t.Fatalf("%v is no deployment", resources)
			}
			for i := range chains {
				strike := map[string]bool{}
				for n := i; n < len(resources); n += chains {
					strike[resources[n]] = true
				}
				t.Run(fmt.Sprint(i), func(t *testing.T) { converges(t, name, strike, whole) })
			}
		})
	}
}

// azureNames lists the logical names of the azure-native resources in a state, in the order in which they were made.
func azureNames(state engine.State) []string {
	var names []string
	for _, r := range state.Resources {
		if isAzure(r) {
			names = append(names, r.URN.Name())
		}
	}
	return names
}

func converges(t *testing.T, name string, strike map[string]bool, whole *stage) {
	s := newStage(t, name)
	s.Faults = standin.Faults{Strike: strike, StrikeLate: s.stack == "prod"}
	for len(strike) > 0 {
		left := len(strike)
		s.mustNot(Up)
		if len(strike) == left {
			t.Fatalf("it failed by itself, or never came to %v:\n%s", slices.Sorted(maps.Keys(strike)), s.said)
		}
	}
	s.must(Up)
	s.isAs(whole)
}

// isAs holds that a stack is what another deployment of the same config is, in the state and in Azure, with the same
// outputs.
func (s *stage) isAs(other *stage) {
	s.t.Helper()
	if !slices.Equal(s.azureIDs(), s.worldIDs()) {
		s.t.Errorf("the state and Azure differ:\n%v\n%v", s.azureIDs(), s.worldIDs())
	}
	if got, want := s.unlike(fmt.Sprint(s.azureIDs())), other.unlike(fmt.Sprint(other.azureIDs())); got != want {
		s.t.Errorf("Azure has\n%s\nwant\n%s", got, want)
	}
	got, want := s.unlike(fmt.Sprint(outputsOf(s.state()))), other.unlike(fmt.Sprint(outputsOf(other.state())))
	if got != want {
		s.t.Errorf("the outputs are\n%s\nwant\n%s", got, want)
	}
	if pending := s.state().PendingOperations; len(pending) > 0 {
		s.t.Errorf("operations are pending: %v", pending)
	}
	for _, r := range s.state().Resources {
		if r.Delete || r.PendingReplacement || len(r.InitErrors) > 0 {
			s.t.Errorf("%s is not done with: %+v", r.URN.Name(), r)
		}
	}
}

// drawn is what two deployments of one config differ in: the names that Azure wants as GUIDs, the ends of secrets'
// names, hashes of files in which such names are, and encrypted secrets.
var drawn = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|/secrets/[a-z-]+-[0-9a-z]{6}\b|` +
	`(manifests|nodes)-[0-9a-f]{12}|ciphertext:[^\] ]+`)

// unlike takes what was drawn at random for this stack out of a text.
func (s *stage) unlike(text string) string {
	for _, r := range s.state().Resources {
		if strings.HasSuffix(r.URN.Name(), "base-suffix") {
			text = strings.ReplaceAll(text, strings.ToLower(string(r.ID)), "SUFFIX")
		}
	}
	return drawn.ReplaceAllString(text, "DRAWN")
}

func outputsOf(state engine.State) map[string]any {
	for _, r := range state.Resources {
		if r.Type == "pulumi:pulumi:Stack" {
			return r.Outputs
		}
	}
	return nil
}
