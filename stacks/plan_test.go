package stacks

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/amora-sync/mqtt-on-azure/components"
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
		subnets := []netip.Prefix{
			netip.MustParsePrefix(network.Apps), netip.MustParsePrefix(network.Database),
			netip.MustParsePrefix(network.Endpoints),
			netip.MustParsePrefix(network.Cluster), netip.MustParsePrefix(network.Gateway),
			netip.MustParsePrefix(network.Nodes), netip.MustParsePrefix(network.Bastion),
		}
		if address := netip.MustParseAddr(network.BrokerAddress); !subnets[3].Contains(address) ||
			subnets[3].Contains(address.Next().Next()) {
			t.Errorf("%s is not the last address of %s that Azure leaves", address, subnets[3])
		}
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
	for sku, tier := range map[string]string{"Standard_B1ms": "Burstable", "Standard_D4ds_v5": "GeneralPurpose",
		"Standard_E8ds_v5": "MemoryOptimized"} {
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

func TestTheRangesInsideAClusterOverlapNothingOutside(t *testing.T) {
	for _, space := range []string{"10.20.0.0/16", "10.1.2.0/23", "172.16.4.0/22", "192.168.254.0/23"} {
		ranges, outside := plan(t, map[string]string{"network": `{"addressSpace":"` + space + `"}`}).Cluster,
			netip.MustParsePrefix(space)
		pods, services := netip.MustParsePrefix(ranges.Pods), netip.MustParsePrefix(ranges.Services)
		if pods.Overlaps(outside) || services.Overlaps(outside) || pods.Overlaps(services) ||
			!services.Contains(netip.MustParseAddr(ranges.DNS)) {
			t.Errorf("%s: %+v", space, ranges)
		}
	}
}

func TestNodesAreSharedOutOverThePoolsOfTheZones(t *testing.T) {
	for _, c := range []struct {
		zones, capacity string
		want            []components.BrokerPool
	}{
		{"[1,2,3]", `{"minNodes":3,"maxNodes":5}`,
			[]components.BrokerPool{{Zone: "1", Min: 1, Max: 2}, {Zone: "2", Min: 1, Max: 2}, {Zone: "3", Min: 1, Max: 1}}},
		{"[3,1,2]", `{"minNodes":5,"maxNodes":5}`,
			[]components.BrokerPool{{Zone: "1", Min: 2, Max: 2}, {Zone: "2", Min: 2, Max: 2}, {Zone: "3", Min: 1, Max: 1}}},
		{"[1,2,3]", `{"minNodes":2,"maxNodes":3}`,
			[]components.BrokerPool{{Zone: "1", Min: 1, Max: 1}, {Zone: "2", Min: 1, Max: 1}, {Zone: "3", Min: 0, Max: 1}}},
		{"[2]", `{"minNodes":2,"maxNodes":4}`, []components.BrokerPool{{Zone: "2", Min: 2, Max: 4}}},
	} {
		got := plan(t, map[string]string{"broker": HiveMQAKS, "availability": `{"zones":` + c.zones + `}`,
			"capacity": c.capacity}).HiveMQ
		if !slices.Equal(got.Pools, c.want) {
			t.Errorf("%s over %s: %+v", c.capacity, c.zones, got.Pools)
		}
	}
	if p := plan(t, map[string]string{"location": "westus"}); len(p.HiveMQ.Pools) != 1 ||
		p.HiveMQ.Pools[0].Zone != "" || p.Zones != nil {
		t.Errorf("a region without zones: %+v, %+v", p.HiveMQ.Pools, p.Gateway)
	}
}

func TestABrokerFitsItsNodeBesideWhatAKSRunsThere(t *testing.T) {
	for size, want := range map[string]struct {
		cpu string
		gib int
	}{
		"Standard_D4s_v3": {"2500m", 8}, "Standard_D8s_v5": {"5000m", 16}, "Standard_E4s_v5": {"2500m", 16},
		"Standard_F8s_v2":  {"5000m", 8},
		"Standard_E64s_v3": {"40000m", 216}, "Standard_E64s_v4": {"40000m", 252}, "Standard_E64s_v5": {"40000m", 256},
		"Standard_E96s_v5": {"60000m", 336},
	} {
		got := plan(t, map[string]string{"broker": HiveMQAKS, "hivemq": `{"vmSize":"` + size + `"}`}).HiveMQ
		if got.CPU != want.cpu || got.MemoryGiB != want.gib || got.VMSize != size {
			t.Errorf("on %s a broker gets %s and %d GiB", size, got.CPU, got.MemoryGiB)
		}
	}
	// A D4s_v3 has 4 vCPU and 16 GiB. AKS keeps 140m, and 20% of the first 8 GiB and 10% of the next 8 (its older,
	// larger rule), and 0.1 GiB for eviction; the agents on every node (CNI, CSI, policy, monitoring) ask for less than
	// 1 vCPU and 2 GiB.
	const vcpu, gib = 4 - 0.14 - 1, 16 - (0.25*4 + 0.2*4 + 0.1*8) - 0.1 - 2
	if 2.5 > vcpu || 8 > gib {
		t.Errorf("only %v vCPU and %v GiB are left", vcpu, gib)
	}
}

// vernemq is the plan of a stack with that broker.
func vernemq(t *testing.T, changes map[string]string) Plan {
	t.Helper()
	all := map[string]string{"broker": VerneMQVMs, "vernemq": `{"sshKey":"` + sshKey + `"}`}
	for key, value := range changes {
		all[key] = value
	}
	return plan(t, all)
}

func TestEveryNodeHasAnAddressOfItsOwnThatAzureLeavesAndAZoneInTurn(t *testing.T) {
	p := vernemq(t, map[string]string{"capacity": `{"minNodes":10,"maxNodes":10}`, "availability": `{"zones":[1,2,3]}`})
	subnet := netip.MustParsePrefix(p.Network.Nodes)
	seen := map[string]bool{}
	for i, node := range p.VerneMQ.Nodes {
		address := netip.MustParseAddr(node.Address)
		// Azure keeps the first four addresses of a subnet and the last one.
		if first := subnet.Addr().Next().Next().Next(); !subnet.Contains(address) || address.Compare(first) <= 0 ||
			!subnet.Contains(address.Next()) || seen[node.Address] {
			t.Errorf("node %d has %s of %s", i, node.Address, subnet)
		}
		if want := []string{"1", "2", "3"}[i%3]; node.Zone != want {
			t.Errorf("node %d is in zone %q, want %s", i, node.Zone, want)
		}
		seen[node.Address] = true
	}
	if len(seen) != 10 {
		t.Errorf("%d nodes", len(seen))
	}
}

func TestANodeMoreChangesNoOther(t *testing.T) {
	few, many := vernemq(t, nil), vernemq(t, map[string]string{"capacity": `{"minNodes":5}`})
	if len(few.VerneMQ.Nodes) != 3 || len(many.VerneMQ.Nodes) != 5 ||
		!slices.Equal(few.VerneMQ.Nodes, many.VerneMQ.Nodes[:3]) {
		t.Errorf("%v, then %v", few.VerneMQ.Nodes, many.VerneMQ.Nodes)
	}
}

func TestARegionWithoutZonesPinsNoMachine(t *testing.T) {
	if p := vernemq(t, map[string]string{"location": "westus"}); p.VerneMQ.Nodes[0].Zone != "" {
		t.Errorf("the nodes are %v", p.VerneMQ.Nodes)
	}
}

func TestANodeTakesAsManyConnectionsAsItsMemoryHolds(t *testing.T) {
	// 14 of 16 GiB at 1.5 MiB each; a range of 1 to 2 MiB gives 7,168 to 14,336.
	for size, want := range map[string]int{"Standard_D4s_v3": 9557, "Standard_D2s_v5": 4096, "Standard_E4s_v5": 20480,
		"Standard_F4s_v2": 4096} {
		p := vernemq(t, map[string]string{"vernemq": `{"sshKey":"` + sshKey + `","vmSize":"` + size + `"}`})
		if p.VerneMQ.Connections != want {
			t.Errorf("%s takes %d, want %d", size, p.VerneMQ.Connections, want)
		}
	}
}
