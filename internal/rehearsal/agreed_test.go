package rehearsal

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/amora-sync/mqtt-on-azure/internal/pulumitest"
	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/standin"
	"github.com/amora-sync/mqtt-on-azure/stacks"
)

// samples is how many calls of each edit below fail. Every night there are more.
var samples = flag.Int("samples", 1, "how many calls of an edit that loses something fail, each in a run of its own")

// losing are edits that replace something stateful, and that somebody has agreed to. The names of allowReplace that are
// not here are of what no edit replaces alone (network, vault), replaces under its own id (tenant), or replaces at all
// (workspace).
var losing = []struct {
	name, stack string
	from, to    []string // edits
}{
	{"everything, with EMQX", "dev", nil, []string{"location=northeurope", `allowReplace=["resourceGroup"]`}},
	{"everything, with HiveMQ", "dev-hivemq", nil, []string{"location=northeurope", `allowReplace=["resourceGroup"]`}},
	{"everything, with VerneMQ", "dev-vernemq", nil, []string{"location=northeurope", `allowReplace=["resourceGroup"]`}},
	{"what EMQX runs on", "dev", nil, []string{"availability.zones=[1,2,3]", `allowReplace=["resourceGroup"]`}},
	{"the second region, with EMQX", "dev", inTwoRegions, toAThird},
	{"the second region, with HiveMQ", "dev-hivemq", inTwoRegions, toAThird},
	{"the second region, with VerneMQ", "dev-vernemq", inTwoRegions, toAThird},
	{"the database", "dev", nil, []string{"availability.geoRedundantBackup=true", `allowReplace=["database"]`}},
	{"the database and its replica", "dev-vernemq", inTwoRegions,
		append([]string{"availability.geoRedundantBackup=true", `allowReplace=["database"]`}, inTwoRegions...)},
	{"the disks", "dev-vernemq", nil, []string{"availability.zones=[2]", `allowReplace=["disks"]`}},
	{"the zone", "dev", nil, []string{"domain=mqtt.example.org", `allowReplace=["zone"]`}},
}

var toAThird = []string{"availability.secondaryLocation=uksouth", inTwoRegions[1], `allowReplace=["secondary"]`}

func TestALossThatIsAgreedToEndsTheSameAfterARunThatFails(t *testing.T) {
	for _, c := range losing {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			begun := deployedStage(t, c.stack)
			if c.from != nil {
				begun.edits(c.from...)
				begun.must(Up)
			}
			whole := begun.copied(c.to...)
			calls := whole.must(Up).Calls
			whole.saysWhatItDeletesFirst(begun)
			for i := range min(*samples, calls-1) {
				n := 1 + calls*(i+1)/(min(*samples, calls-1)+1)
				t.Run(fmt.Sprint("call ", n), func(t *testing.T) {
					s := begun.copied(c.to...)
					s.t, s.Faults = t, standin.Faults{FailAt: n}
					s.mustNot(Up)
					s.Faults = standin.Faults{}
					s.must(Up)
					s.isAs(whole)
				})
			}
		})
	}
}

// copied is a stage that stands where this one does, with other edits.
func (s *stage) copied(edits ...string) *stage {
	s.t.Helper()
	other := &stage{t: s.t, said: &strings.Builder{}, deployment: s.deployment, Options: s.Options}
	other.State, other.Out = s.t.TempDir(), other.said
	other.edits(edits...)
	if err := os.CopyFS(filepath.Join(other.State, s.Stack), os.DirFS(filepath.Join(s.State, s.Stack))); err != nil {
		s.t.Fatal(err)
	}
	return other
}

// saysWhatItDeletesFirst holds that the program tells Pulumi to delete first what its last run did delete first and
// make again under the same id, whatever made the run do so. After a run that ends in between, Pulumi would otherwise
// make it, and then delete it as the old one.
func (s *stage) saysWhatItDeletesFirst(before *stage) {
	s.t.Helper()
	config, err := ReadConfig(s.Root, filepath.Join(s.Root, "Pulumi."+s.Stack+".yaml"), s.Set)
	registered, failure := pulumitest.TryRun(s.Stack, stacks.Program(config))
	if err := errors.Join(err, failure); err != nil {
		s.t.Fatal(err)
	}
	told := map[string]bool{}
	for _, r := range registered {
		told[r.Name] = told[r.Name] || r.DeleteBeforeReplace
	}
	ids := before.azureIDs()
	for _, r := range s.state().Resources {
		name := r.URN.Name()
		deleted, made := s.says(name+" deleted original"), s.says(name+" created replacement")
		if isAzure(r) && deleted >= 0 && deleted < made && slices.Contains(ids, strings.ToLower(string(r.ID))) &&
			!told[name] {
			s.t.Errorf("%s is deleted first and comes back under its id, and the program does not say so", name)
		}
	}
}

// says is where a resource's line is in what an update printed, or less than 0.
func (s *stage) says(line string) int { return strings.Index(s.said.String(), " "+line) }
