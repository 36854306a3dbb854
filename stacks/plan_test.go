package stacks

import (
	"net/netip"
	"testing"
)

func plan(t *testing.T, changes map[string]string) Plan {
	t.Helper()
	c, err := Parse("dev", valid(changes))
	if err != nil {
		t.Fatal(err)
	}
	return NewPlan("dev", c)
}

func TestTheSubnetsLieInTheAddressSpaceAndApartFromEachOther(t *testing.T) {
	for _, space := range []string{"10.20.0.0/16", "10.1.2.0/23", "172.16.4.0/22", "192.168.254.0/23"} {
		network := plan(t, map[string]string{"network": `{"addressSpace":"` + space + `"}`}).Network
		whole := netip.MustParsePrefix(space)
		subnets := []netip.Prefix{netip.MustParsePrefix(network.Apps), netip.MustParsePrefix(network.Database), netip.MustParsePrefix(network.Endpoints)}
		for i, subnet := range subnets {
			if subnet != subnet.Masked() || !whole.Contains(subnet.Addr()) || subnet.Bits() < whole.Bits() {
				t.Errorf("%s is not a subnet of %s", subnet, space)
			}
			for _, other := range subnets[i+1:] {
				if subnet.Overlaps(other) {
					t.Errorf("%s overlaps %s", subnet, other)
				}
			}
		}
	}
}

func TestADomainThatIsItsOwnZoneHasItsRecordAtTheApex(t *testing.T) {
	names := plan(t, nil).Names
	if names.HostRecord != "@" || names.WebSocketRecord != "ws" || names.WebSocketHost != "ws.mqtt.example.com" {
		t.Errorf("names are %+v", names)
	}
}

func TestADomainInsideAZoneHasItsRecordsRelativeToIt(t *testing.T) {
	names := plan(t, map[string]string{"dns": `{"zone":"example.com","resourceGroup":"dns"}`}).Names
	if names.HostRecord != "mqtt" || names.WebSocketRecord != "ws.mqtt" || names.ZoneGroup != "dns" {
		t.Errorf("names are %+v", names)
	}
}

func TestARegionWithoutZonesPinsNothingToAZone(t *testing.T) {
	p := plan(t, map[string]string{"location": "westus"})
	if p.Database.Zone != "" || p.EMQX.ZoneRedundant {
		t.Errorf("database zone %q, zone redundant %v", p.Database.Zone, p.EMQX.ZoneRedundant)
	}
}

func TestThreeZonesSpreadTheBrokerAndTheDatabase(t *testing.T) {
	p := plan(t, map[string]string{"availability": `{"zones":[2,3,1],"databaseHA":true}`})
	if !p.EMQX.ZoneRedundant || p.Database.Zone != "2" || p.Database.StandbyZone != "3" || !p.Redis.HighAvailability {
		t.Errorf("the plan is %+v", p)
	}
}

func TestTheDatabaseTierFollowsFromItsSize(t *testing.T) {
	for sku, tier := range map[string]string{"Standard_B1ms": "Burstable", "Standard_D4ds_v5": "GeneralPurpose", "Standard_E8ds_v5": "MemoryOptimized"} {
		if got := plan(t, map[string]string{"database": `{"sku":"` + sku + `"}`}).Database.Tier; got != tier {
			t.Errorf("%s is %s, want %s", sku, got, tier)
		}
	}
}

func TestATeamsOwnCertificateIsReadAsTheSecretOfTheSameName(t *testing.T) {
	p := plan(t, map[string]string{"tls": `{"mode":"key-vault","certificate":"https://team.vault.azure.net/certificates/mqtt",
		"vaultId":"/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/g/providers/Microsoft.KeyVault/vaults/team"}`})
	if p.CertificateSecretURL != "https://team.vault.azure.net/secrets/mqtt" {
		t.Errorf("the secret is %s", p.CertificateSecretURL)
	}
}

func TestAReplacementThatIsAgreedToTakesTheGuardOfThatResourceOnly(t *testing.T) {
	p := plan(t, map[string]string{"protect": "true", "allowReplace": `["database"]`})
	if g := p.guard("database"); g.Protect || !g.AllowReplace {
		t.Errorf("the database's guard is %+v", g)
	}
	if g := p.guard("vault"); !g.Protect || g.AllowReplace {
		t.Errorf("the vault's guard is %+v", g)
	}
}

func TestWhoAgreesToLoseTheResourceGroupAgreesToLoseWhatIsInIt(t *testing.T) {
	p := plan(t, map[string]string{"protect": "true", "allowReplace": `["resourceGroup"]`})
	for _, resource := range stateful {
		if g := p.guard(resource); g.Protect || !g.AllowReplace {
			t.Errorf("the guard of the %s is %+v", resource, g)
		}
	}
}
