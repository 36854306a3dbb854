package rehearsal

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/amora-sync/mqtt-on-azure/internal/recovery"
	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/standin"
)

// Azure makes no replica of the burstable server that dev has.
var inTwoRegions = []string{"availability.secondaryLocation=" + otherRegion, "database.sku=Standard_D2ds_v5"}

const otherRegion = "northeurope"

func TestTwoRegionsComeUpInLittleMoreThanTheTimeOfOneAndStayAsTheyAre(t *testing.T) {
	for _, name := range []string{"dev", "dev-hivemq", "dev-vernemq"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one, s := newStage(t, name), newStage(t, name, inTwoRegions...)
			alone, first := one.must(Up).Critical.Total, s.must(Up)
			// The second region waits for the database of the first, which its own follows, and then for the node that
			// applies the schema.
			if both := first.Critical.Total; both > alone*3/2 {
				t.Errorf("two regions take %s, and one takes %s", both, alone)
			}
			if second := s.must(Up); second.Changes["same"] != first.Changes["create"] || second.Calls != 0 {
				t.Errorf("the second run changed something: %v, %d calls", second.Changes, second.Calls)
			}
			if !slices.Equal(s.azureIDs(), s.worldIDs()) {
				t.Errorf("the state and Azure differ:\n%v\n%v", s.azureIDs(), s.worldIDs())
			}
			s.Export = filepath.Join(s.State, "export.json")
			s.must(Preview)
			holdsAgainstAzure(t, s.Export)
		})
	}
}

func TestARegionThatIsLostLeavesTheOtherServing(t *testing.T) {
	for _, name := range []string{"dev", "dev-hivemq", "dev-vernemq"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, name, inTwoRegions...)
			s.must(Up)
			for lost, left := range map[string]string{shippedRegion: otherRegion, otherRegion: shippedRegion} {
				report, said, err := s.lose(recovery.Loss{Kind: recovery.Place, Which: lost})
				if err != nil || !report.Survived {
					t.Errorf("the loss of %s: %v\n%s", lost, err, said)
				}
				for _, chain := range report.Chains[:2] {
					if chain.Region != left {
						t.Errorf("the loss of %s: %s leads to %q", lost, chain.Of, chain.Region)
					}
				}
				if strings.Contains(said, "neither a replica nor a backup") {
					t.Errorf("the replica is not seen:\n%s", said)
				}
			}
		})
	}
}

func TestARegionGoesOnlyWhenItsLossIsAgreedToAndMayComeBack(t *testing.T) {
	t.Parallel()
	s := newStage(t, "prod", inTwoRegions[0])
	s.must(Up)
	before := s.world()
	s.edits()
	if said := s.mustNot(Up); !strings.Contains(said,
		`amora-sync:availability.secondaryLocation = (not set): would take `+otherRegion+` away`) {
		t.Errorf("it is refused so:\n%s", said)
	}
	if len(s.world()) != len(before) {
		t.Error("the refusal changed something")
	}
	s.edits(inTwoRegions[0], `allowReplace=["secondary"]`)
	s.must(Up) // lifts the protection
	kept := s.births(ofTheStack)
	s.edits(`allowReplace=["secondary"]`)
	s.Faults = standin.Faults{FailAt: 30}
	s.mustNot(Up)
	s.Faults = standin.Faults{}
	s.edits(inTwoRegions[0])
	s.must(Up) // a change of mind, halfway
	if !slices.Equal(s.azureIDs(), s.worldIDs()) {
		t.Errorf("the state and Azure differ:\n%v\n%v", s.azureIDs(), s.worldIDs())
	}
	s.edits(inTwoRegions[0], `allowReplace=["secondary"]`)
	s.must(Up)
	s.edits(`allowReplace=["secondary"]`)
	s.must(Up)
	for _, r := range s.world() {
		if strings.Contains(strings.ToLower(r.ID), "/resourcegroups/amora-prod-2") {
			t.Errorf("%s is still there", r.ID)
		}
	}
	if now := s.births(ofTheStack); !slices.Equal(now, kept) {
		t.Errorf("what is stateful was\n%v\nand is\n%v", kept, now)
	}
}

func TestAZoneOfTheStacksOwnGoesOnlyWhenItsLossIsAgreedTo(t *testing.T) {
	t.Parallel()
	s := deployedStage(t, "dev-vernemq")
	before := s.world()
	team := []string{"dns.zone=dev.amora.example.com", "dns.resourceGroup=team-dns"}
	s.edits(team...)
	if said := s.mustNot(Up); !strings.Contains(said,
		`amora-sync:dns.zone = "dev.amora.example.com": would take the place of mqtt.dev.amora.example.com`) {
		t.Errorf("it is refused so:\n%s", said)
	}
	if len(s.world()) != len(before) {
		t.Error("the refusal changed something")
	}
	s.edits(append(team, `allowReplace=["zone"]`)...)
	s.must(Up)
	s.hasNot("/dnszones/mqtt.dev.amora.example.com")
}

func TestADatabaseBeginsAgainWithWhatItsBackupHolds(t *testing.T) {
	for name, edits := range map[string][]string{"dev": nil, "dev-vernemq": inTwoRegions} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, name, edits...)
			s.must(Up)
			server := lastSegment(s.idOf("database-server"))
			restore := append(slices.Clone(edits), "database.restore.server="+server,
				"database.restore.time=2026-11-25T10:00:00Z")
			s.edits(restore...)
			if said := s.mustNot(Preview); !strings.Contains(said, `add "database" to amora-sync:allowReplace`) {
				t.Errorf("it is refused so:\n%s", said)
			}
			s.edits(append(restore, `allowReplace=["database"]`)...)
			s.must(Up)
			restored := lastSegment(s.idOf("database-server"))
			if restored == server {
				t.Fatal("it is the same server")
			}
			s.hasNot("/flexibleservers/" + server)
			s.has("/flexibleservers/" + restored + "/databases/mqtt")
			s.edits(restore...)
			s.must(Up)
			if again := s.must(Up); again.Calls != 0 {
				t.Errorf("the next run made %d calls", again.Calls)
			}
		})
	}
}

// holdsAgainstAzure has azcheck look at an exported state, where azcheck is at hand: it finds nothing, warns of
// nothing, and knows every type.
func holdsAgainstAzure(t *testing.T, export string) {
	t.Helper()
	if azcheck == "" {
		t.Log("azcheck is not beside this repository: the resource types are not held against Azure's published ones")
		return
	}
	output, err := exec.Command(azcheck, export).CombinedOutput()
	if err != nil || !strings.Contains(string(output), "0 findings, 0 warnings, 0 not known") {
		t.Errorf("%v\n%s", err, output)
	}
}
