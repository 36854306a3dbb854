package rehearsal

import (
	"slices"
	"strings"
	"testing"
)

// warnings lists what the program said in words, as the summary at the end of a run shows it.
func (s *stage) warnings() []string {
	var said []string
	_, summary, _ := strings.Cut(s.said.String(), "Diagnostics:\n")
	for line := range strings.SplitSeq(summary, "\n") {
		if text, is := strings.CutPrefix(strings.TrimSpace(line), "warning: "); is {
			said = append(said, text)
		}
	}
	return said
}

func TestAPreviewOfASwitchSaysInWordsWhatHappensToClients(t *testing.T) {
	brokers := map[string]struct{ broker, title, lost, found string }{
		"dev":         {"emqx-container-apps", "EMQX on Container Apps", "the memory of EMQX", "Front Door"},
		"dev-hivemq":  {"hivemq-aks", "HiveMQ on AKS", "the disks of HiveMQ", "second hash"},
		"dev-vernemq": {"vernemq-vms", "VerneMQ on VMs", "the disks of VerneMQ", "${clientid} must be a whole level"},
	}
	for from, before := range brokers {
		t.Run(from, func(t *testing.T) {
			t.Parallel()
			s := deployedStage(t, from)
			for to, after := range brokers {
				if to == from {
					continue
				}
				s.edits("broker=" + after.broker)
				s.must(Preview)
				said := strings.Join(s.warnings(), "\n")
				for _, want := range []string{"from " + before.title + " to " + after.title, "Lost with " + before.lost,
					"Users and topic rules stay", after.found} {
					if !strings.Contains(said, want) {
						t.Errorf("the preview of %s does not say %q:\n%s", to, want, said)
					}
				}
			}
		})
	}
}

func TestAFirstDeploymentAndAnUnchangedOneSayNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t, "dev")
	for _, run := range []verb{Preview, Up, Preview, Up} {
		if result := s.must(run); len(s.warnings()) > 0 || strings.Contains(s.said.String(), "StackReference") {
			t.Errorf("%s said %v", result.Verb, s.warnings())
		}
	}
}

func TestAnUpdateLeavesWhatTheNextOneComparesWith(t *testing.T) {
	t.Parallel()
	s := deployedStage(t, "dev-vernemq")
	outputs := s.must(Up).Outputs
	for name, want := range map[string]any{
		"broker": "vernemq-vms", "domain": "mqtt.dev.amora.example.com", "zone": "mqtt.dev.amora.example.com",
		"nodeCount": 2.0, "location": "westeurope",
		"secondaryLocation": "", "activeRegion": "primary", "tokenIssuer": "", "certificate": "self-signed",
		"clientCertificate": false,
		"databaseRotation":  "", "cookieRotation": "", "zones": "1",
	} {
		if got, there := outputs[name]; !there || got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if held, _ := outputs["connections"].(float64); held <= 0 {
		t.Errorf("connections is %v", outputs["connections"])
	}
}

func TestASwitchThatFailedIsSaidAgainUntilItSucceeds(t *testing.T) {
	t.Parallel()
	s := deployedStage(t, "dev")
	s.edits("broker=vernemq-vms")
	s.must(Preview)
	first := s.warnings()
	s.Faults.FailAt = 20
	s.mustNot(Up)
	s.Faults.FailAt = 0
	s.must(Up)
	if got := s.warnings(); len(got) == 0 || !slices.Equal(got, first) {
		t.Errorf("after a failure it said %v\nbefore it %v", got, first)
	}
	s.must(Preview)
	if got := s.warnings(); len(got) > 0 {
		t.Errorf("after the switch it said %v", got)
	}
}

func TestTheNoticesGiveTheTimeToLiveOfTheNames(t *testing.T) {
	t.Parallel()
	s := deployedStage(t, "dev")
	for _, name := range []string{"/A/@", "/CNAME/ws"} {
		found := false
		for _, r := range s.world() {
			if strings.HasSuffix(r.ID, name) {
				found = true
				// As "60 seconds" in a notice about names.
				if ttl := r.Outputs["ttl"]; ttl != 60.0 {
					t.Errorf("%s lives for %v seconds", r.ID, ttl)
				}
			}
		}
		if !found {
			t.Errorf("no record %s", name)
		}
	}
}
