package rehearsal

import (
	"slices"
	"strings"
	"testing"

	"github.com/amora-sync/mqtt-on-azure/internal/recovery"
)

func TestMoreNodesAddAppsAndTouchNoOther(t *testing.T) {
	t.Parallel()
	s := deployedStage(t, "prod")
	s.edits("capacity.minNodes=5")
	s.must(Preview)
	// The collector reads what it is told to.
	want := sorted(planned, []string{"+ emqx-emqx-3", "+ emqx-emqx-4", "~ emqx-collector"})
	if got := s.touched(); !slices.Equal(got, want) {
		t.Errorf("the preview of two more shows %v, want %v", got, want)
	}
	if more := s.must(Up); more.Calls != len(want) {
		t.Errorf("two more nodes took %d calls: %v", more.Calls, more.Changes)
	}
	s.edits()
	if fewer := s.must(Up); fewer.Calls != len(want) || fewer.Changes["delete"] != 2 {
		t.Errorf("two nodes fewer took %d calls: %v", fewer.Calls, fewer.Changes)
	}
}

func TestABiggerDatabaseIsChangedInPlace(t *testing.T) {
	t.Parallel()
	s := deployedStage(t, "prod")
	before := s.idOf("database-server")
	s.edits("database.sku=Standard_D8ds_v5", "database.storageGb=256")
	result := s.must(Up)
	if result.Calls != 1 || result.Changes["replace"] != 0 || s.idOf("database-server") != before {
		t.Errorf("%d calls, %v", result.Calls, result.Changes)
	}
}

func TestAStandbyThatIsTurnedOnLaterIsWhereThePlanHasIt(t *testing.T) {
	t.Parallel()
	s := newStage(t, "prod", "availability.databaseHA=false")
	s.must(Up)
	s.edits()
	s.must(Up)
	server := func() map[string]any {
		for _, r := range s.world() {
			if strings.EqualFold(r.ID, s.idOf("database-server")) {
				return r.Inputs["highAvailability"].(map[string]any)
			}
		}
		return nil
	}
	if got := server(); got["mode"] != "ZoneRedundant" || got["standbyAvailabilityZone"] != "2" {
		t.Errorf("it has %v", got)
	}
	if report, printed, err := s.lose(recovery.Loss{Kind: recovery.Zone, Which: "1"}); err != nil || !report.Survived {
		t.Errorf("it does not take over: %v\n%s", err, printed)
	}
	s.edits("availability.databaseHA=false")
	s.must(Up)
	if got := server(); got["mode"] != "Disabled" {
		t.Errorf("without a standby it has %v", got)
	}
	s.edits()
	s.must(Up)
	if got := server(); got["standbyAvailabilityZone"] != "2" {
		t.Errorf("with one again it has %v", got)
	}
}

func TestChangesThatAzureDoesNotTakeTogetherAreRefusedInThePreviewAndGoOneAfterTheOther(t *testing.T) {
	t.Parallel()
	const standby = "availability.databaseHA=true"
	s := newStage(t, "prod", "availability.databaseHA=false", "database.sku=Standard_B2s", "database.version=15")
	s.must(Up)
	for _, edits := range [][]string{{standby, "database.version=15"}, {"availability.databaseHA=false"}} {
		s.edits(edits...)
		if said := s.mustNot(Preview); !strings.Contains(said, "in a run of its own") {
			t.Errorf("%v: the preview says\n%s", edits, said)
		}
	}
	s.edits("availability.databaseHA=false", "database.version=15")
	s.must(Up)
	s.edits("database.version=15")
	s.must(Up)
	s.edits()
	s.must(Up)
}

func TestAnEditThatWouldReplaceSomethingStatefulIsRefused(t *testing.T) {
	for _, c := range []struct{ name, stack, edit, refusal string }{
		{"region", "dev", "location=northeurope",
			`resourceGroup: location is "westeurope" and the stack config asks for "northeurope"`},
		{"name", "dev", "name=other", `resourceGroup: name is "amora-dev" and the stack config asks for "other"`},
		{"domain", "dev", "domain=mqtt.example.org",
			`amora-sync:dns.zone = "mqtt.example.org": would take the place of mqtt.dev.amora.example.com, a zone of ` +
				`the stack's own`},
		{"region of a protected stack", "prod", "location=northeurope", `resourceGroup: location is "westeurope"`},
		{"zone of a protected stack", "prod", "domain=mqtt.example.org",
			`amora-sync:dns.zone = "mqtt.example.org": would take the place of mqtt.amora.example.com`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := deployedStage(t, c.stack)
			before := s.worldIDs()
			s.edits(c.edit)
			for name, run := range map[string]verb{"preview": Preview, "up": Up} {
				said := s.mustNot(run)
				if !strings.Contains(said, c.refusal) || !strings.Contains(said, "amora-sync:allowReplace") {
					t.Errorf("%s said\n%s", name, said)
				}
			}
			for _, want := range []string{"database-server", "vault-vault", "zone-zone", "base-group"} {
				id := strings.ToLower(s.idOf(want))
				if !strings.Contains(strings.Join(before, "\n"), id) || !strings.Contains(strings.Join(s.worldIDs(), "\n"), id) {
					t.Errorf("%s is another one or gone", want)
				}
			}
		})
	}
}

func TestAReplacementThatIsAgreedToHappens(t *testing.T) {
	for _, stack := range []string{"dev", "prod"} {
		t.Run(stack, func(t *testing.T) {
			t.Parallel()
			s := deployedStage(t, stack)
			database := s.idOf("database-server")
			s.edits("domain=mqtt.example.org", `allowReplace=["zone"]`)
			s.must(Up)
			if id := s.idOf("zone-zone"); !strings.HasSuffix(id, "/mqtt.example.org") {
				t.Errorf("the zone is %s", id)
			}
			if s.idOf("database-server") != database {
				t.Error("the database went with the zone")
			}
		})
	}
}

func TestAStackThatMayLoseEverythingMovesToAnotherRegion(t *testing.T) {
	for _, stack := range []string{"dev", "prod"} {
		t.Run(stack, func(t *testing.T) {
			t.Parallel()
			s := deployedStage(t, stack)
			agreed := `allowReplace=["resourceGroup"]`
			if stack == "prod" {
				s.edits("location=northeurope", agreed)
				if said := s.mustNot(Up); !strings.Contains(said, "pulumi state unprotect") {
					t.Errorf("a protected stack was replaced at once, or not for its protection:\n%s", said)
				}
				s.edits(agreed) // lifts the protection and the locks, and changes nothing else
				if lifted := s.must(Up); lifted.Calls != 3 || lifted.Changes["delete"] != 3 {
					t.Errorf("lifting the protection made %d calls", lifted.Calls)
				}
			}
			s.edits("location=northeurope", agreed)
			s.must(Up)
			if !slices.Equal(s.azureIDs(), s.worldIDs()) {
				t.Errorf("the state and Azure differ:\n%v\n%v", s.azureIDs(), s.worldIDs())
			}
			for _, r := range s.world() {
				if location, has := r.Outputs["location"].(string); has && !strings.EqualFold(location, "global") &&
					location != "northeurope" {
					t.Errorf("%s is in %s", r.ID, location)
				}
			}
		})
	}
}

func TestABadConfigDeploysNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t, "dev", "capacity.minNodes=11", "location=nowhere", "brocker=emqx")
	said := s.mustNot(Up)
	for _, want := range []string{"capacity.minNodes = 11", `location = "nowhere"`, `did you mean "broker"?`} {
		if !strings.Contains(said, want) {
			t.Errorf("no word of %s in\n%s", want, said)
		}
	}
	if len(s.world()) > 0 || len(s.azureIDs()) > 0 {
		t.Errorf("deployed: %v", s.worldIDs())
	}
}

func TestASwitchOfTheBrokerAndOnAndBackKeepsWhatIsStateful(t *testing.T) {
	t.Parallel()
	s := deployedStage(t, "dev")
	stateful := []string{
		"base-group", "network-vnet", "network-database", "database-server", "database-database", "vault-vault", "zone-zone",
		"monitoring-workspace", "monitoring-insights", "monitoring-people",
	}
	before := map[string]string{}
	for _, name := range stateful {
		before[name] = s.idOf(name)
	}
	for _, c := range []struct {
		edits []string
		names []string // of clients: HiveMQ and VerneMQ have WebSocket clients at one name
	}{
		{[]string{"broker=hivemq-aks"}, []string{"~ endpoint-address", "~ endpoint-websocket"}},
		{[]string{"broker=vernemq-vms"}, []string{"~ endpoint-address"}},
		{nil, []string{"~ endpoint-address", "~ endpoint-websocket"}},
	} {
		s.edits(c.edits...)
		s.must(Preview)
		var updated []string
		for _, touched := range s.touched() {
			// What is watched, and what is shown of it, is said for one broker.
			if strings.HasPrefix(touched, "~") && !strings.HasPrefix(touched, "~ on-call-") {
				updated = append(updated, touched)
			}
		}
		if !slices.Equal(updated, c.names) {
			t.Errorf("the switch with %v updates %v", c.edits, updated)
		}
		switched := s.must(Up)
		for _, name := range stateful {
			if s.idOf(name) != before[name] {
				t.Errorf("after %v, %s is another one", c.edits, name)
			}
		}
		if !slices.Equal(s.azureIDs(), s.worldIDs()) {
			t.Errorf("after %v the state and Azure differ:\n%v\n%v", c.edits, s.azureIDs(), s.worldIDs())
		}
		if switched.Changes["replace"] != 0 {
			t.Errorf("the switch with %v changed %v", c.edits, switched.Changes)
		}
	}
}
