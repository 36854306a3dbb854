//go:build !race

package rehearsal

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"

	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/standin"
)

// TestADeploymentThatFailsAtAnyCallConverges fails every call to Azure in turn, each on a stack of its own: in a dev stack the call does
// nothing, in a prod stack it does its work and the answer is lost. It takes twice as long under the race detector, which sees the same
// code in the other tests.
func TestADeploymentThatFailsAtAnyCallConverges(t *testing.T) {
	for name, d := range deployments {
		t.Run(name, func(t *testing.T) {
			whole := newStage(t, name)
			calls := whole.must(Up).Calls
			want := outputsOf(whole.state())
			if calls < 50 || len(want) < 8 {
				t.Fatalf("%d calls and the outputs %v are no deployment", calls, want)
			}
			template := initialised(t, name)
			for n := 1; n <= calls; n++ {
				faults := standin.Faults{FailAt: n}
				if d.stack == "prod" {
					faults = standin.Faults{DieAt: n}
				}
				t.Run(fmt.Sprint(n), func(t *testing.T) {
					t.Parallel()
					converges(t, name, template, faults, want)
				})
			}
		})
	}
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

func converges(t *testing.T, name, template string, faults standin.Faults, want map[string]any) {
	s := newStage(t, name)
	if err := os.CopyFS(filepath.Join(s.State, s.Stack), os.DirFS(filepath.Join(template, s.Stack))); err != nil {
		t.Fatal(err)
	}
	s.command = brisk{s.command}
	s.Faults = faults
	s.mustNot(upOnly)
	s.Faults = standin.Faults{}
	s.must(upOnly)
	if got := outputsOf(s.state()); !maps.EqualFunc(got, want, sameOutput) {
		t.Errorf("after %+v the outputs are\n%v\nwant\n%v", faults, got, want)
	}
	if !slices.Equal(s.azureIDs(), s.worldIDs()) {
		t.Errorf("after %+v the state and Azure differ:\n%v\n%v", faults, s.azureIDs(), s.worldIDs())
	}
	if pending := s.state().PendingOperations; len(pending) > 0 {
		t.Errorf("after %+v operations are pending: %v", faults, pending)
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

// sameOutput compares two deployments of one config: what holds the random suffix differs in it.
func sameOutput(a, b any) bool {
	return len(fmt.Sprint(a)) == len(fmt.Sprint(b))
}
