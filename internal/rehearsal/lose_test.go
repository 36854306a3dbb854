package rehearsal

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/amora-sync/mqtt-on-azure/internal/recovery"
	"github.com/amora-sync/mqtt-on-azure/stacks"
)

func wanted(stack string, config map[string]string) (Wanted, error) {
	targets, err := stacks.TargetsOf(stack, config)
	return Wanted(targets), err
}

// lose plays a loss on the stage, and gives back all that was printed.
func (s *stage) lose(l recovery.Loss) (LossReport, string, error) {
	s.t.Helper()
	s.said.Reset()
	report, err := Lose(LoseOptions{Options: s.Options, Loss: l, Wanted: wanted})
	return report, s.said.String(), err
}

// output is one of the stack's outputs, out of its state.
func (s *stage) output(name string) any {
	for _, r := range s.state().Resources {
		if r.Type == "pulumi:pulumi:Stack" {
			return r.Outputs[name]
		}
	}
	return nil
}

// Where the shipped stacks are.
const shippedRegion = "westeurope"

func TestWhatIsDeployedSurvivesWhatItsPlanSays(t *testing.T) {
	for name := range deployments {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := deployedStage(t, name)
			said, ok := s.output("recovery").(map[string]any)
			if !ok {
				t.Fatal("the output recovery is missing")
			}
			reasons, _ := said["reasoning"].([]any)
			for _, loss := range []recovery.Loss{
				{Kind: recovery.Node, Which: "0"}, {Kind: recovery.Zone, Which: "1"}, {Kind: recovery.Zone, Which: "2"},
				{Kind: recovery.Zone, Which: "3"},
				{Kind: recovery.Server}, {Kind: recovery.Place, Which: shippedRegion},
			} {
				report, printed, err := s.lose(loss)
				if err != nil && !errors.Is(err, ErrLost) {
					t.Fatal(err)
				}
				o := recovery.Outcome{Loss: loss, Chains: report.Chains, Data: report.Data}
				// The world was walked, the plan was not; both have to come to the same sums.
				if want := loss.String() + ": " + o.Reason() +
					"."; !slices.ContainsFunc(reasons, func(r any) bool { return strings.HasPrefix(r.(string), want) }) {
					t.Errorf("the world says %q, the plan %q", want, reasons)
				}
				if len(report.DeadEnds) > 0 || len(report.Chains) < 3 {
					t.Errorf("%s: %q, %+v", loss, report.DeadEnds, report.Chains)
				}
				if survived := err == nil; survived != report.Survived || survived == o.ByHand() {
					t.Errorf("%s: %v, survived %t", loss, err, report.Survived)
				}
				for line := range strings.Lines(printed) {
					if !strings.HasPrefix(line, "rehearsal: ") {
						t.Errorf("a line does not say that it is a rehearsal: %q", line)
					}
				}
			}
		})
	}
}

func TestEachEndpointIsReachedThroughWhatIsThere(t *testing.T) {
	for name, ways := range map[string][2]string{
		"dev": {"name mqtt.dev.amora.example.com → address A of the environment amora-dev → app edge in one zone, " +
			"which Azure picked → 2 nodes, each in a zone that Azure picked",
			"name ws.mqtt.dev.amora.example.com → Front Door amora-dev → origin edge → address A of the environment " +
				"amora-dev → app edge in one zone, which Azure picked → 2 nodes, each in a zone that Azure picked"},
		"prod-hivemq": {"name mqtt.amora.example.com → address A in zones 1, 2 and 3 → gateway amora-prod in zones " +
			"1, 2 and 3 → load balancer at 10.20.1.126 → 3 brokers in zones 1, 2 and 3",
			"name ws.mqtt.amora.example.com → name mqtt.amora.example.com → address A in zones 1, 2 and 3 → gateway " +
				"amora-prod in zones 1, 2 and 3 → load balancer at 10.20.1.126 → 3 brokers in zones 1, 2 and 3"},
		"dev-vernemq": {"name mqtt.dev.amora.example.com → address A in zones 1, 2 and 3 → load balancer amora-dev → " +
			"2 machines in zone 1",
			"name ws.mqtt.dev.amora.example.com → name mqtt.dev.amora.example.com → address A in zones 1, 2 and 3 → " +
				"load balancer amora-dev → 2 machines in zone 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report, _, err := deployedStage(t, name).lose(recovery.Loss{Kind: recovery.Node, Which: "1"})
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range ways {
				got := strings.Join(report.Chains[i].Through, " → ")
				if fields := strings.Fields(got); addressOf(fields) != "" {
					got = strings.Replace(got, addressOf(fields), "A", 1)
				}
				if got != want {
					t.Errorf("%s: %s\nwant %s", report.Chains[i].Of, got, want)
				}
			}
		})
	}
}

// addressOf is what follows the word address.
func addressOf(words []string) string {
	if i := slices.Index(words, "address"); i >= 0 && i+1 < len(words) {
		return words[i+1]
	}
	return ""
}

func TestALossChangesNothing(t *testing.T) {
	s := deployedStage(t, "prod-vernemq")
	before := s.everything()
	if _, _, err := s.lose(recovery.Loss{Kind: recovery.Zone, Which: "1"}); err != nil {
		t.Fatal(err)
	}
	if after := s.everything(); after != before {
		t.Error("a file of the rehearsal changed")
	}
}

// everything is all that is kept of the stage, as one text.
func (s *stage) everything() string {
	s.t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(s.State, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		all.WriteString(path + "\n" + string(data))
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return all.String()
}

func TestATargetThatALossMissesFailsTheRehearsal(t *testing.T) {
	s := deployedStage(t, "dev-vernemq")
	zone := recovery.Loss{Kind: recovery.Zone, Which: "1"}
	// Without a target, what takes a person is not survived; with one, it is if it keeps to it.
	if _, said, err := s.lose(zone); !errors.Is(err, ErrLost) ||
		!strings.Contains(said, "does not come back by itself; by hand in 3h45m") {
		t.Errorf("%v\n%s", err, said)
	}
	s.edits(`availability={"zones":[1],"geoRedundantBackup":true,"rtoMinutes":225,"rpoMinutes":60}`)
	report, said, err := s.lose(zone)
	if err != nil || !report.Survived ||
		!strings.Contains(said, "availability.rtoMinutes is 3h45m0s, it takes 3h45m0s: met") {
		t.Errorf("%v\n%s", err, said)
	}
	// What is deployed has no such backups yet, whatever the config says: the region is never back.
	report, said, err = s.lose(recovery.Loss{Kind: recovery.Place, Which: shippedRegion})
	if !errors.Is(err, ErrLost) || report.Targets[0].Met || report.Targets[0].Ends ||
		!strings.Contains(said, "it takes forever: missed") {
		t.Errorf("%v\n%s", err, said)
	}
	// A person has to act, and there is no target for it.
	if report, _, _ := s.lose(recovery.Loss{Kind: recovery.Node, Which: "0"}); len(report.Targets) != 2 ||
		report.Targets[0].Takes != 15*time.Second || !report.Targets[0].Met {
		t.Errorf("%+v", report.Targets)
	}
}

func TestALossOfWhatIsNotThereIsRefused(t *testing.T) {
	s := deployedStage(t, "dev-vernemq")
	for want, loss := range map[string]recovery.Loss{
		"there is no node 2: nodes are 0 to 1":                      {Kind: recovery.Node, Which: "2"},
		"there is no node -1":                                       {Kind: recovery.Node, Which: "-1"},
		"there is no zone 4: there is 1, 2, 3":                      {Kind: recovery.Zone, Which: "4"},
		"there is no region northeurope: there is " + shippedRegion: {Kind: recovery.Place, Which: "northeurope"},
	} {
		if _, _, err := s.lose(loss); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", loss, err, want)
		}
	}
	if _, _, err := newStage(t, "dev").lose(recovery.Loss{Kind: recovery.Server}); err == nil ||
		!strings.Contains(err.Error(), "nothing of dev is deployed") {
		t.Errorf("nothing is lost of nothing: %v", err)
	}
}

func TestAWayThatIsCutByHandIsFound(t *testing.T) {
	s := deployedStage(t, "dev")
	s.edit("/CNAME/ws", func(props map[string]any) {
		props["cnameRecord"] = map[string]any{"cname": "elsewhere.example.com"}
	})
	s.edits(`availability={"zones":[1],"geoRedundantBackup":true,"rtoMinutes":225}`)
	// Names can be mended in time, but an endpoint that does not answer before the loss survives none.
	if report, _, err := s.lose(recovery.Loss{Kind: recovery.Node, Which: "0"}); !errors.Is(err, ErrLost) ||
		!report.Targets[0].Met || report.DeadEnds["mqtts"] != "" {
		t.Errorf("%v: %+v", err, report)
	}
	s.edits()
	s.edit("/A/@", func(props map[string]any) { props["aRecords"] = []any{map[string]any{"ipv4Address": "203.0.113.9"}} })
	report, _, err := s.lose(recovery.Loss{Kind: recovery.Place, Which: shippedRegion})
	if !errors.Is(err, ErrLost) || report.DeadEnds["mqtts"] != "nobody has the address 203.0.113.9" ||
		report.DeadEnds["wss"] != "no record has the name elsewhere.example.com" {
		t.Errorf("%v: %q", err, report.DeadEnds)
	}
}

func TestTheReportIsADocumentToo(t *testing.T) {
	s := deployedStage(t, "prod-vernemq")
	s.JSON = true
	_, said, err := s.lose(recovery.Loss{Kind: recovery.Zone, Which: "1"})
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Verb   string
		Loss   recovery.Loss
		Chains []struct {
			Of    string
			Steps []struct {
				What    string
				TakesNs time.Duration
				Source  string
			}
		}
		UsersAndRules struct{ OldNs time.Duration }
		Survived      bool
	}
	if err := json.Unmarshal([]byte(said), &document); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if document.Verb != "lose" || document.Loss.Which != "1" || !document.Survived ||
		document.UsersAndRules.OldNs != 0 || len(document.Chains) != 3 {
		t.Errorf("%+v", document)
	}
	if logins := document.Chains[2]; logins.Of != "logins" || logins.Steps[0].TakesNs != 2*time.Minute ||
		logins.Steps[0].Source == "" {
		t.Errorf("%+v", logins)
	}
}
