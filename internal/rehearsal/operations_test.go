package rehearsal

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestMonitoringIsTurnedOffAndOnAgainAndTouchesNothingThatServesClients(t *testing.T) {
	for _, name := range []string{"dev", "dev-hivemq", "dev-vernemq"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := deployedStage(t, name)
			before := s.azureIDs()
			s.edits("monitoring.enabled=false")
			s.replacesFilesOnly()
			if off := s.must(Up); off.Changes["delete"] == 0 {
				t.Errorf("turning it off changed %v", off.Changes)
			}
			for _, id := range s.worldIDs() {
				for _, kind := range []string{"/microsoft.insights/", "/microsoft.operationalinsights/"} {
					if strings.Contains(id, kind) {
						t.Errorf("%s is left", id)
					}
				}
			}
			s.edits()
			s.replacesFilesOnly()
			s.must(Up)
			// The name of a broker's secret is new each time, and so is that of a folder in which it is named.
			kept := func(ids []string) []string {
				return slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
					return strings.Contains(id, "/secrets/") || strings.Contains(id, "/containers/")
				})
			}
			if after := kept(s.azureIDs()); !slices.Equal(after, kept(before)) {
				t.Errorf("after it there is another stack:\n%v\n%v", after, before)
			}
		})
	}
}

// replacesFilesOnly holds that an update would replace nothing but what machines and clusters fetch.
func (s *stage) replacesFilesOnly() {
	s.t.Helper()
	s.must(Preview)
	for _, touched := range s.touched() {
		if operation, name, _ := strings.Cut(touched, " "); operation == "+-" && !strings.Contains(name, "-files") &&
			!strings.Contains(name, "-manifests") {
			s.t.Errorf("it would replace %s", name)
		}
	}
}

func TestWhatAProtectedStackHasLoggedIsNotDeletedBeforeThatIsAgreedTo(t *testing.T) {
	t.Parallel()
	s := deployedStage(t, "prod")
	s.edits("monitoring.enabled=false")
	if said := s.mustNot(Up); !strings.Contains(said, "monitoring-workspace") || !strings.Contains(said, "protect") {
		t.Errorf("it failed with\n%s", said)
	}
	s.edits(`allowReplace=["workspace"]`)
	s.must(Up)
	s.edits(`allowReplace=["workspace"]`, "monitoring.enabled=false")
	s.must(Up)
}

func TestAVaultIsClosedAndOpenedInPlace(t *testing.T) {
	t.Parallel()
	s := deployedStage(t, "prod")
	vault := s.idOf("vault-vault")
	s.edits("security.privateLink=[\"redis\"]")
	opened := s.must(Up)
	if opened.Changes["replace"] != 0 || s.idOf("vault-vault") != vault {
		t.Errorf("opening it changed %v", opened.Changes)
	}
	s.edits()
	closed := s.must(Up)
	if closed.Changes["replace"] != 0 || s.idOf("vault-vault") != vault {
		t.Errorf("closing it changed %v", closed.Changes)
	}
}

func TestFloodsAreKeptOffByTheAddressOrByTheNetwork(t *testing.T) {
	t.Parallel()
	s := deployedStage(t, "prod-vernemq")
	for _, c := range []struct {
		ddos string
		want []string
	}{
		{"ip", []string{"~ vernemq-address"}},
		{"network", []string{"+ network-ddos-plan", "~ network-vnet", "~ vernemq-address"}},
		{"none", []string{"- network-ddos-plan", "~ network-vnet"}},
	} {
		s.edits("security.ddos=" + c.ddos)
		s.must(Preview)
		if got := s.touched(); !slices.Equal(got, c.want) {
			t.Errorf("%s: the preview shows %v, want %v", c.ddos, got, c.want)
		}
		s.must(Up)
	}
}

func TestATenantForClientsIsMadeFirstAndGivesTokensLater(t *testing.T) {
	t.Parallel()
	s := deployedStage(t, "dev")
	directory := []string{
		"security.identity.provider=b2c", "security.identity.tenant=amoraclients", "security.identity.create=true",
		"security.identity.countryCode=DE", "security.identity.dataLocation=Europe",
	}
	s.edits(directory...)
	made := s.must(Up)
	tenant, _ := made.Outputs["identityTenantId"].(string)
	if made.Changes["create"] != 1 || tenant == "" {
		t.Fatalf("the tenant is %q, and %v was changed", tenant, made.Changes)
	}
	s.edits(append(directory, "security.identity.tenantId="+tenant,
		"security.identity.clientId=11111111-2222-3333-4444-555555555555",
		"security.identity.policy=B2C_1A_MQTT_Password")...)
	s.must(Up)
	nodes := 0
	for _, r := range s.state().Resources {
		if strings.HasPrefix(r.URN.Name(), "emqx-emqx-") &&
			strings.Contains(fmt.Sprint(r.Inputs), "https://amoraclients.b2clogin.com/"+tenant+"/v2.0/") {
			nodes++
		}
	}
	if nodes != 2 {
		t.Errorf("%d nodes know the issuer", nodes)
	}
	s.edits(append(directory, "security.identity.tenant=another")...)
	if said := s.mustNot(Preview); !strings.Contains(said, `tenant: name is "amoraclients.onmicrosoft.com"`) {
		t.Errorf("another tenant is refused with\n%s", said)
	}
}
