//go:build !race

package rehearsal

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"

	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/standin"
)

// chains is how many deployments share the failures of one stack: each of its resources fails in one of them, and each of them fails as often as
// it has resources to fail.
const chains = 8

// TestADeploymentThatFailsAtAnyCallConverges fails the first call for every resource: in a dev stack the call does nothing, in a prod stack it
// does its work and the answer is lost. It takes twice as long under the race detector, which sees the same code in the other tests.
func TestADeploymentThatFailsAtAnyCallConverges(t *testing.T) {
	for name := range deployments {
		t.Run(name, func(t *testing.T) {
			whole := newStage(t, name)
			whole.must(Up)
			want, resources := outputsOf(whole.state()), azureNames(whole.state())
			if len(resources) < 50 || len(want) < 8 {
				t.Fatalf("%v and the outputs %v are no deployment", resources, want)
			}
			template := initialised(t, name)
			for i := range chains {
				strike := map[string]bool{}
				for n := i; n < len(resources); n += chains {
					strike[resources[n]] = true
				}
				t.Run(fmt.Sprint(i), func(t *testing.T) {
					t.Parallel()
					converges(t, name, template, strike, want)
				})
			}
		})
	}
}

// azureNames lists the logical names of the azure-native resources in a state, in the order in which they were made.
func azureNames(state apitype.DeploymentV3) []string {
	var names []string
	for _, r := range state.Resources {
		if r.Custom && strings.HasPrefix(string(r.Type), "azure-native:") {
			names = append(names, r.URN.Name())
		}
	}
	return names
}

// initialised makes the folder of a stack that holds nothing yet, to be copied.
func initialised(t *testing.T, name string) string {
	t.Helper()
	s := newStage(t, name)
	session, err := open(t.Context(), s.Options)
	if err != nil {
		t.Fatal(err)
	}
	if err := session.server.Close(); err != nil {
		t.Fatal(err)
	}
	return s.State
}

func converges(t *testing.T, name, template string, strike map[string]bool, want map[string]any) {
	s := newStage(t, name)
	if err := os.CopyFS(filepath.Join(s.State, s.Stack), os.DirFS(filepath.Join(template, s.Stack))); err != nil {
		t.Fatal(err)
	}
	s.command = brisk{s.command}
	s.Faults = standin.Faults{Strike: strike, StrikeLate: s.stack == "prod"}
	for len(strike) > 0 {
		left := len(strike)
		s.mustNot(upOnly)
		if len(strike) == left {
			t.Fatalf("it failed by itself, or never came to %v:\n%s", slices.Sorted(maps.Keys(strike)), s.said)
		}
	}
	s.must(upOnly)
	if got := outputsOf(s.state()); !maps.EqualFunc(got, want, sameOutput) {
		t.Errorf("the outputs are\n%v\nwant\n%v", got, want)
	}
	if !slices.Equal(s.azureIDs(), s.worldIDs()) {
		t.Errorf("the state and Azure differ:\n%v\n%v", s.azureIDs(), s.worldIDs())
	}
	if pending := s.state().PendingOperations; len(pending) > 0 {
		t.Errorf("operations are pending: %v", pending)
	}
}

func outputsOf(state apitype.DeploymentV3) map[string]any {
	for _, r := range state.Resources {
		if r.Type == "pulumi:pulumi:Stack" {
			return r.Outputs
		}
	}
	return nil
}
