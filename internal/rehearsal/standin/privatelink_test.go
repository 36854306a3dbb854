package standin

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

const zonesID = inGroup + "Microsoft.Network/privateDnsZones/"

func endpoint(name, service string, groups ...any) part {
	return part{name, "azure-native:network:PrivateEndpoint",
		at(m{"privateEndpointName": name, "subnet": id(networkID + "/subnets/endpoints"),
			"privateLinkServiceConnections": l{m{"name": name, "privateLinkServiceId": service, "groupIds": groups}}})}
}

// namesOf are the DNS zone of a private endpoint, its link to the network, and the endpoint's records in it.
func namesOf(endpoint, zone string) []part {
	return []part{
		{endpoint + " zone", "azure-native:network:PrivateZone", at(m{"privateZoneName": zone, "location": "global"})},
		{endpoint + " link", "azure-native:network:VirtualNetworkLink",
			at(m{"privateZoneName": zone, "virtualNetworkLinkName": "network", "location": "global",
				"virtualNetwork": m{"id": networkID}})},
		{endpoint + " names", "azure-native:network:PrivateDnsZoneGroup",
			at(m{"privateEndpointName": endpoint, "privateDnsZoneGroupName": "default",
				"privateDnsZoneConfigs": l{m{"name": "zone", "privateDnsZoneId": zonesID + zone}}})},
	}
}

// privateLinkParts are the ways to a vault and a storage account inside the network, on top of the others.
func privateLinkParts() []part {
	parts := append([]part{endpoint("vault-pe", vaultID, "vault")},
		namesOf("vault-pe", "privatelink.vaultcore.azure.net")...)
	parts = append(parts, endpoint("blob-pe", storageID, "blob"))
	return append(parts, namesOf("blob-pe", "privatelink.blob.core.windows.net")...)
}

func TestWhatPrivateLinkAndDDoSProtectionRefuseIsRefused(t *testing.T) {
	edit := func(path string, value any) func(part) part { return func(p part) part { return p.with(path, value) } }
	to := func(name, service string, groups ...any) func(part) part {
		return func(part) part { return endpoint(name, service, groups...) }
	}
	accounts := func(addresses ...string) func(part) part {
		rules := l{}
		for _, address := range addresses {
			rules = append(rules, m{"iPAddressOrRange": address, "action": "Allow"})
		}
		return edit("networkRuleSet", m{"defaultAction": "Deny", "ipRules": rules})
	}
	refuses(t, []refused{
		{"an endpoint to two services", "", edit2(endpoint("both", vaultID, "vault"), "privateLinkServiceConnections",
			l{m{"privateLinkServiceId": vaultID, "groupIds": l{"vault"}},
				m{"privateLinkServiceId": storageID, "groupIds": l{"blob"}}}), "has no more than one"},
		{"an endpoint in no subnet", "", edit2(endpoint("nowhere", vaultID, "vault"), "subnet", nil), "MissingSubnet"},
		{"an endpoint to nothing", "", edit2(endpoint("none", vaultID, "vault"), "privateLinkServiceConnections", nil),
			"needs a private link service connection"},
		{"an endpoint to two parts of a service", "", to("two", storageID, "blob", "file"),
			"is one of blob, dfs, file, queue, table, web, not [blob file]"},
		{"an endpoint to no part of a service", "", to("none", storageID), "InvalidPrivateLinkServiceGroupId"},
		{"an endpoint to a part of another service", "", to("other", vaultID, "blob"), "is one of vault, not [blob]"},
		{"an endpoint to a registry of the sku Standard", "", to("acr", registryID, "registry"), "sku Standard"},
		{"an endpoint to a server in a network", "", to("pg", serverID, "postgresqlServer"), "is in a virtual network"},
		{"an endpoint to folders that there are not", "", to("dfs", storageID, "dfs"), "hierarchical namespace"},
		{"names in the zone of another service", "vault-pe names",
			edit("privateDnsZoneConfigs",
				l{m{"name": "zone", "privateDnsZoneId": zonesID + "amora.private.postgres.database.azure.com"}}),
			"is privatelink.vaultcore.azure.net"},
		{"names in what is no zone", "vault-pe names",
			edit("privateDnsZoneConfigs", l{m{"name": "zone", "privateDnsZoneId": networkID}}), "InvalidPrivateDnsZoneId"},
		{"names without a name", "vault-pe names",
			edit("privateDnsZoneConfigs", l{m{"privateDnsZoneId": zonesID + "privatelink.vaultcore.azure.net"}}),
			"InvalidPrivateDnsZoneId"},
		{"names for a second time", "",
			func(part) part { return planned(t, "vault-pe names").with("privateDnsZoneGroupName", "again") },
			"can have one private DNS zone group and has default"},

		{"a network that is protected by nothing", "network", edit("enableDdosProtection", true),
			"DdosProtectionPlanMissing"},
		{"a network that is protected by what is not", "network", func(p part) part {
			return p.with("enableDdosProtection", true).
				with("ddosProtectionPlan", id(inGroup+"Microsoft.Network/ddosProtectionPlans/none"))
		}, "InvalidResourceReference"},
		{"a protected address of the sku Basic", "nat-address", func(p part) part {
			return p.with("ddosSettings", m{"protectionMode": "Enabled"}).with("sku", nil).
				with("publicIPAllocationMethod", "Dynamic")
		}, "DdosProtectionNotSupportedForBasicSku"},
		{"a protection that there is not", "nat-address", edit("ddosSettings", m{"protectionMode": "Always"}),
			"is not one of Disabled, Enabled, VirtualNetworkInherited"},

		{"an account open to a private range", "storage", accounts("10.0.0.0/16"), "'10.0.0.0/16' is no public IPv4 address"},
		{"an account open to a private address", "storage", accounts("203.0.113.4", "192.168.1.1"),
			"'192.168.1.1' is no public"},
		{"an account open to a range of two", "storage", accounts("203.0.113.4/31"), "at most /30"},
		{"an account open to a range of one", "storage", accounts("203.0.113.4/32"), "at most /30"},
		{"an account open to IPv6", "storage", accounts("2001:db8::1"), "is no public IPv4"},
		{"an account open to a name", "storage", accounts("example.com"), "is no public IPv4"},
		{"another word for closed", "storage", edit("publicNetworkAccess", "Closed"), "is not one of Enabled, Disabled"},
	})
}

// edit2 gives a part of its own, edited.
func edit2(p part, path string, value any) func(part) part {
	return func(part) part { return p.with(path, value) }
}

func TestEndpointsToServicesAsTheyShouldBeAreTaken(t *testing.T) {
	r := rehearse(t, Faults{})
	r.upTo("")
	r.mustCreate(planned(t, "registry").with("registryName", "acrpremium").with("sku.name", "Premium"))
	r.mustCreate(planned(t, "storage").with("accountName", "stfolders").with("isHnsEnabled", true))
	for name, p := range map[string]part{
		"registry": endpoint("acr", inGroup+"Microsoft.ContainerRegistry/registries/acrpremium", "registry"),
		"folders":  endpoint("dfs", inGroup+"Microsoft.Storage/storageAccounts/stfolders", "dfs"),
		"file":     endpoint("file", storageID, "file"),
		"unknown":  endpoint("unknown", identityID+"reader", "whatever"),
		"classic":  endpoint("classic", inGroup+"Microsoft.Cache/redis/classic-amora", "redisCache"),
	} {
		if _, err := r.create(p); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestADDoSProtectionPlanStaysWhileANetworkHasIt(t *testing.T) {
	r := rehearse(t, Faults{})
	r.upTo("network")
	plan := r.mustCreate(part{"plan", "azure-native:network:DdosProtectionPlan", at(m{"ddosProtectionPlanName": "ddos"})})
	network := r.mustCreate(planned(t, "network").with("enableDdosProtection", true).
		with("ddosProtectionPlan", id(string(plan.ID))))
	if err := r.delete(plan.ID); err == nil || !strings.Contains(err.Error(), "in use by "+networkID) {
		t.Errorf("got %v", err)
	}
	if err := r.delete(network.ID); err != nil {
		t.Fatal(err)
	}
	if err := r.delete(plan.ID); err != nil {
		t.Error(err)
	}
	r.mustCreate(address("protected").with("ddosSettings", m{"protectionMode": "Enabled"}))
}

// way is how the network reaches a service: as many of its parts as are told.
func (r *rehearsed) way(service string, parts int) {
	r.t.Helper()
	for _, name := range []string{" zone", " link", "", " names"}[:parts] {
		r.mustCreate(planned(r.t, service+"-pe"+name))
	}
}

func idOf(p part) resource.ID {
	return resource.ID(kinds[unversioned(p.token)].id(p.inputs))
}

func (r *rehearsed) change(p part, path string, value any) {
	r.t.Helper()
	if _, err := r.update(idOf(p), p, p.with(path, value)); err != nil {
		r.t.Fatal(err)
	}
}

// cloudConfig is a machine whose beginning is a text.
func cloudConfig(p part, text string) part {
	return p.with("osProfile.customData", base64.StdEncoding.EncodeToString([]byte(text)))
}

func TestAClosedVaultIsReadThroughItsEndpointOnly(t *testing.T) {
	reading := func(p part) part { return cloudConfig(p, "settings: "+secretURI+"password") }
	same := func(p part) part { return p }
	for _, c := range []struct {
		part string
		edit func(part) part
	}{{"app", same}, {"app gateway", same}, {"machine", reading}, {"certificate", func(p part) part {
		return p.with("containerSettings", m{"subnetIds": l{id(networkID + "/subnets/endpoints")}})
	}}} {
		t.Run(strings.ReplaceAll(c.part, " ", "-"), func(t *testing.T) {
			t.Parallel()
			made := []int{0, 4}
			if c.part == "app" {
				made = []int{0, 1, 2, 3, 4}
			}
			for _, parts := range made {
				r := rehearse(t, Faults{})
				r.upTo(c.part)
				r.change(planned(t, "vault"), "properties.publicNetworkAccess", "disabled")
				r.way("vault", parts)
				_, err := r.create(c.edit(planned(t, c.part)))
				if parts < 4 && (err == nil ||
					!strings.Contains(err.Error(), "request is not from a trusted service nor via an approved private link")) {
					t.Errorf("with %d of 4 parts of the way: got %v", parts, err)
				}
				if parts == 4 && err != nil {
					t.Errorf("with all of the way: %v", err)
				}
			}
		})
	}
}

func TestAnEndpointInAnotherNetworkIsNoWay(t *testing.T) {
	r := rehearse(t, Faults{})
	r.upTo("app")
	r.change(planned(t, "vault"), "properties.publicNetworkAccess", "disabled")
	r.mustCreate(planned(t, "network").with("virtualNetworkName", "other"))
	r.mustCreate(subnet("endpoints", "10.0.2.0/24", "").with("virtualNetworkName", "other"))
	r.way("vault", 2)
	r.mustCreate(endpoint("vault-pe", vaultID, "vault").
		with("subnet.id", inGroup+"Microsoft.Network/virtualNetworks/other/subnets/endpoints"))
	r.mustCreate(planned(t, "vault-pe names"))
	if _, err := r.create(planned(t, "app")); err == nil || !strings.Contains(err.Error(), "ForbiddenByConnection") {
		t.Errorf("got %v", err)
	}
}

func TestAnEndpointWhoseZoneIsNotLinkedIsNoWay(t *testing.T) {
	r := rehearse(t, Faults{})
	r.upTo("app")
	r.change(planned(t, "vault"), "properties.publicNetworkAccess", "disabled")
	for _, name := range []string{"vault-pe zone", "vault-pe", "vault-pe names"} {
		r.mustCreate(planned(t, name))
	}
	if _, err := r.create(planned(t, "app")); err == nil || !strings.Contains(err.Error(), "ForbiddenByConnection") {
		t.Errorf("got %v", err)
	}
}

func TestAnEndpointToFilesIsNoWayToBlobs(t *testing.T) {
	r := rehearse(t, Faults{})
	r.upTo("configuration")
	r.change(planned(t, "storage"), "publicNetworkAccess", "Disabled")
	r.mustCreate(endpoint("file-pe", storageID, "file"))
	for _, p := range namesOf("file-pe", "privatelink.file.core.windows.net") {
		r.mustCreate(p)
	}
	if _, err := r.create(planned(t, "configuration")); err == nil ||
		!strings.Contains(err.Error(), "AuthorizationFailure") {
		t.Errorf("got %v", err)
	}
}

func TestAScriptOutsideOfTheNetworkNeverReadsAClosedVault(t *testing.T) {
	for _, rules := range []m{{"defaultAction": "Deny"},
		{"defaultAction": "Deny", "ipRules": l{m{"value": "203.0.113.4"}}}} {
		r := rehearse(t, Faults{})
		r.upTo("certificate")
		r.way("vault", 4)
		r.change(planned(t, "vault"), "properties.networkAcls", rules)
		if _, err := r.create(planned(t, "certificate")); err == nil ||
			!strings.Contains(err.Error(), "Inner error: ForbiddenByFirewall (kv-amora)") {
			t.Errorf("got %v", err)
		}
		r.mustCreate(planned(t, "registry"))
		r.mustCreate(planned(t, "script import"))
		r.mustCreate(planned(t, "mirror"))
	}
}

func TestAVaultThatDeniesLetsInTheSubnetsThatItNames(t *testing.T) {
	for subnet, want := range map[string]bool{"apps": true, "endpoints": false} {
		r := rehearse(t, Faults{})
		r.upTo("app")
		r.change(planned(t, "vault"), "properties.networkAcls",
			m{"defaultAction": "Deny", "virtualNetworkRules": l{id(networkID + "/subnets/" + subnet)}})
		if _, err := r.create(planned(t, "app")); (err == nil) != want {
			t.Errorf("%s: got %v", subnet, err)
		}
	}
	r := rehearse(t, Faults{})
	r.upTo("app")
	r.change(planned(t, "vault"), "properties.networkAcls", m{"defaultAction": "Allow"})
	r.mustCreate(planned(t, "app"))
}

func TestASecretOfAClosedVaultIsMadeAndNotDeleted(t *testing.T) {
	for _, c := range []struct {
		path  string
		value any
		want  bool
	}{
		{"properties.publicNetworkAccess", "disabled", false},
		{"properties.networkAcls", m{"defaultAction": "Deny"}, false},
		{"properties.networkAcls", m{"defaultAction": "Deny", "ipRules": l{m{"value": "203.0.113.4"}}}, true},
	} {
		r := rehearse(t, Faults{})
		r.upTo("password")
		r.change(planned(t, "vault"), c.path, c.value)
		secret := r.mustCreate(planned(t, "password"))
		if err := r.delete(secret.ID); (err == nil) != c.want {
			t.Errorf("%s %v: got %v", c.path, c.value, err)
		}
		if err := r.delete(vaultID); err != nil {
			t.Errorf("the vault takes its secrets with it: %v", err)
		}
	}
}

func TestAClosedAccountTakesBlobsFromInsideOnlyAndADenyingOneFromItsAddresses(t *testing.T) {
	for _, c := range []struct {
		path  string
		value any
		way   int
		want  bool
	}{
		{"publicNetworkAccess", "Disabled", 0, false},
		{"publicNetworkAccess", "Disabled", 3, false},
		{"publicNetworkAccess", "Disabled", 4, true},
		{"networkRuleSet", m{"defaultAction": "Deny"}, 4, false},
		{"networkRuleSet", m{"defaultAction": "Deny",
			"ipRules": l{m{"iPAddressOrRange": "203.0.113.4", "action": "Allow"}}}, 0, true},
		{"networkRuleSet", m{"defaultAction": "Deny",
			"ipRules": l{m{"iPAddressOrRange": "203.0.113.4/30", "action": "Allow"}}}, 0, true},
		{"networkRuleSet", m{"defaultAction": "Allow"}, 0, true},
	} {
		r := rehearse(t, Faults{})
		blob := r.upTo("flux")["blob"]
		r.way("blob", c.way)
		r.change(planned(t, "storage"), c.path, c.value)
		if _, err := r.create(planned(t, "blob").with("blobName", "other")); (err == nil) != c.want || err != nil &&
			!strings.Contains(err.Error(), "AuthorizationFailure") {
			t.Errorf("%s %v: got %v", c.path, c.value, err)
		}
		if err := r.delete(blob.ID); (err == nil) != c.want || err != nil &&
			!strings.Contains(err.Error(), "AuthorizationFailure") {
			t.Errorf("%s %v, deleted: got %v", c.path, c.value, err)
		}
	}
	r := rehearse(t, Faults{})
	r.upTo("flux")
	r.change(planned(t, "storage"), "networkRuleSet",
		m{"defaultAction": "Deny", "ipRules": l{m{"iPAddressOrRange": "203.0.113.4"}}})
	shut := planned(t, "storage").
		with("networkRuleSet", m{"defaultAction": "Deny", "ipRules": l{m{"iPAddressOrRange": "203.0.113.4"}}})
	r.change(shut, "publicNetworkAccess", "Disabled")
	if _, err := r.create(planned(t, "blob").with("blobName", "other")); err == nil {
		t.Error("an address lets nothing in where public access is off")
	}
}

func TestAClusterReadsClosedServicesThroughTheirEndpointsOnly(t *testing.T) {
	for service, c := range map[string]struct{ part, path, value, want string }{
		"blob":  {"storage", "publicNetworkAccess", "Disabled", "not authorized to perform this operation"},
		"vault": {"vault", "properties.publicNetworkAccess", "disabled", "failed to mount secrets store objects for pod"},
	} {
		for _, parts := range []int{0, 4} {
			r := rehearse(t, Faults{})
			r.upTo("configuration")
			r.mustCreate(planned(t, "blob").with("blobName", "base/secrets.yaml").
				with("source", text("parameters:\n    keyvaultName: \"kv-amora\"")))
			r.way(service, parts)
			r.change(planned(t, c.part), c.path, c.value)
			_, err := r.create(planned(t, "configuration"))
			if parts == 0 && (err == nil || !strings.Contains(err.Error(), c.want)) || parts == 4 && err != nil {
				t.Errorf("%s with %d of 4 parts of the way: got %v", service, parts, err)
			}
		}
	}
}

func TestAMachineReadsWhatItsSettingsNameThroughEndpointsOnly(t *testing.T) {
	r := rehearse(t, Faults{})
	r.upTo("machine")
	r.mustCreate(planned(t, "blob").with("blobName", "settings").with("source", text("password: "+secretURI+"password")))
	r.change(planned(t, "vault"), "properties.publicNetworkAccess", "disabled")
	machine := cloudConfig(planned(t, "machine"), "from https://stamora.blob.core.windows.net/manifests-1/settings")
	if _, err := r.create(machine); err == nil || !strings.Contains(err.Error(), "OSProvisioningTimedOut") ||
		!strings.Contains(err.Error(), "(kv-amora)") {
		t.Errorf("got %v", err)
	}
	r.way("vault", 4)
	r.mustCreate(machine)
}

func TestServicesAndEnvironmentsThatWereGivenAreReached(t *testing.T) {
	r := rehearse(t, Faults{})
	r.upTo("app")
	r.change(planned(t, "vault"), "properties.publicNetworkAccess", "disabled")
	r.mustCreate(inUnknownEnvironment(planned(t, "app")))
	if err := r.world.reach(nil, ""); err != nil {
		t.Error(err)
	}
}
