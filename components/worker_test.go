package components

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/internal/azurenative"
	"github.com/amora-sync/mqtt-on-azure/internal/pulumitest"
)

func TestAGUIDFollowsFromItsPartsAlone(t *testing.T) {
	first := guid("scope", "role", "principal")
	if first != guid("scope", "role", "principal") {
		t.Error("the same parts gave two names")
	}
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(first) {
		t.Errorf("%s is no GUID of version 5", first)
	}
	seen := map[string]bool{first: true}
	for _, other := range [][]string{{"scope", "role", "other"}, {"scope", "roleprincipal"}, {"scoperole", "principal"}} {
		if seen[guid(other...)] {
			t.Errorf("%v has the name of others", other)
		}
		seen[guid(other...)] = true
	}
	// RFC 9562, appendix A.4: "www.example.com" in the DNS namespace.
	if got := guid("www.example.com"); got != "2ed6657d-e927-568b-95e1-2665a8aea6a2" {
		t.Errorf("www.example.com is %s", got)
	}
}

func TestAnImageIsMirroredUnderItsNameWithoutTheHost(t *testing.T) {
	digest := "sha256:" + strings.Repeat("a", 64)
	for source, want := range map[string]string{
		"docker.io/emqx/emqx:5.8.9":           "emqx/emqx:5.8.9",
		"docker.io/library/redis:7-alpine":    "library/redis:7-alpine",
		"localhost:5000/a/b:1":                "a/b:1",
		"emqx/emqx:5.8.9":                     "emqx/emqx:5.8.9",
		"docker.io/emqx/emqx:5.8.9@" + digest: "emqx/emqx:5.8.9-sha256-aaaaaaaaaaaa",
		"docker.io/emqx/emqx@" + digest:       "emqx/emqx:sha256-" + strings.Repeat("a", 64),
	} {
		if got := mirrorTarget(source); got != want {
			t.Errorf("%s becomes %s, want %s", source, got, want)
		}
	}
}

func TestAnImageIsImportedByItsDigestWhereItHasOne(t *testing.T) {
	digest := "sha256:" + strings.Repeat("a", 64)
	for source, want := range map[string]string{
		"docker.io/emqx/emqx:5.8.9":           "docker.io/emqx/emqx:5.8.9",
		"docker.io/emqx/emqx:5.8.9@" + digest: "docker.io/emqx/emqx@" + digest,
		"localhost:5000/a/b@" + digest:        "localhost:5000/a/b@" + digest,
	} {
		if got, _, _ := strings.Cut(mirrorPairs([]string{source}), "="); got != want {
			t.Errorf("%s is imported as %s, want %s", source, got, want)
		}
	}
}

func TestNoImageIsMirroredTwice(t *testing.T) {
	if got := mirrorPairs([]string{"docker.io/b:1", "docker.io/a:1", "docker.io/b:1"}); got != "docker.io/a:1=a:1 "+
		"docker.io/b:1=b:1" {
		t.Errorf("the pairs are %s", got)
	}
}

func TestNamesAreComparedAsAzureDoes(t *testing.T) {
	for _, same := range [][2]string{{"westeurope", "West Europe"}, {"amora-dev", "Amora-Dev"}} {
		if !sameName(same[0], same[1]) {
			t.Errorf("%v differ", same)
		}
	}
	if sameName("westeurope", "northeurope") {
		t.Error("two regions are the same")
	}
}

func TestEveryTierIsClosedToTheNetworkAndOpenToTheInternetOnlyForClients(t *testing.T) {
	args := &NetworkArgs{AppsSubnet: "10.0.0.0/24", DatabaseSubnet: "10.0.1.0/28", EndpointsSubnet: "10.0.1.32/27",
		ClusterSubnet: "10.0.1.64/26", NodesSubnet: "10.0.1.16/28"}
	open := map[string][]string{"apps": {"8883", "30000-32767"}, "gateway": {"8883", "443"}, "nodes": {"8883", "8084"},
		"AzureBastionSubnet": {"443"}}
	for _, tier := range []tier{
		databaseTier(args), endpointsTier(args), appsTier(args.AppsSubnet), gatewayTier("10.0.1.128/26"),
		clusterTier(args.ClusterSubnet, "192.168.0.0/17", "10.0.1.128/26", pulumi.IDOutput{}),
		nodesTier(args.NodesSubnet, "10.0.1.192/26", pulumi.IDOutput{}), bastionTier("10.0.1.192/26"),
	} {
		for i, flow := range tier.inbound {
			if flow.why == "" {
				t.Errorf("%s/%s has no reason", tier.name, flow.name)
			}
			if slices.Contains(flow.from, "Internet") && !slices.Equal(flow.ports, open[tier.name]) {
				t.Errorf("%s/%s lets the Internet in on %v", tier.name, flow.name, flow.ports)
			}
			if flow.name == denyNetwork && i != len(tier.inbound)-1 {
				t.Errorf("%s has flows after the last word", tier.name)
			}
		}
		// The environment's own traffic is Azure's, and not all of it is documented.
		if last := tier.inbound[len(tier.inbound)-1].name; tier.name != "apps" && last != denyNetwork {
			t.Errorf("%s ends with %s", tier.name, last)
		}
	}
}

// place is where test components go.
func place() Placement {
	return Placement{ResourceGroup: pulumi.String("group"), Location: "westeurope", Tags: map[string]string{"a": "b"}}
}

func TestAVaultOfADevelopmentStackLeavesPurgeProtectionUnset(t *testing.T) {
	for _, protection := range []bool{true, false} {
		resources := pulumitest.Run(t, "dev", func(ctx *pulumi.Context) error {
			_, err := NewVault(ctx, "vault", &VaultArgs{
				Placement: place(), Name: pulumi.String("kv"), TenantID: pulumi.String("t"), PurgeProtection: protection,
			})
			return err
		})
		for _, r := range resources {
			if r.Name != "vault-vault" {
				continue
			}
			properties := r.Inputs["properties"].ObjectValue()
			// Azure takes true or nothing: false is an error once it was true.
			if properties.HasValue("enablePurgeProtection") != protection || !properties["enableRbacAuthorization"].BoolValue() {
				t.Errorf("protection %v: %v", protection, properties)
			}
		}
	}
}

func TestAnExistingZoneIsUsedAndNotMade(t *testing.T) {
	resources := pulumitest.Run(t, "dev", func(ctx *pulumi.Context) error {
		zone, err := NewZone(ctx, "zone", &ZoneArgs{Placement: place(), Name: "example.com", ExistingGroup: "dns"})
		if err != nil {
			return err
		}
		_, err = NewEndpoint(ctx, "endpoint",
			&EndpointArgs{Zone: zone, Record: "mqtt", Address: pulumi.String("203.0.113.7"), WebSocketRecord: "ws.mqtt",
				WebSocketHost: pulumi.String("edge.example")})
		return err
	})
	records := 0
	for _, r := range resources {
		switch azurenative.Kind(r.Type) {
		case "network:Zone":
			t.Error("the zone was made")
		case "network:RecordSet":
			records++
			if r.Inputs["resourceGroupName"].StringValue() != "dns" || r.Inputs["zoneName"].StringValue() != "example.com" {
				t.Errorf("the record goes to %v", r.Inputs)
			}
		}
	}
	if records != 2 {
		t.Errorf("%d records", records)
	}
}

func TestAClassicCacheSpeaksTLSOnItsOwnPortAndIsPrivate(t *testing.T) {
	resources := pulumitest.Run(t, "dev", func(ctx *pulumi.Context) error {
		vault, err := NewVault(ctx, "vault",
			&VaultArgs{Placement: place(), Name: pulumi.String("kv"), TenantID: pulumi.String("t")})
		if err != nil {
			return err
		}
		rules, err := NewRuleCache(ctx, "rules", &RuleCacheArgs{
			Placement: place(), Name: pulumi.String("cache"),
			Link: &PrivateLink{NetworkID: pulumi.String("/vnet"), SubnetID: pulumi.String("/subnet")},
			Size: RedisSize{Service: RedisClassic, SKU: "C3"}, Vault: vault,
		})
		if err == nil && rules.Port != 6380 {
			t.Errorf("the port is %d", rules.Port)
		}
		return err
	})
	found := map[string]bool{}
	for _, r := range resources {
		switch azurenative.Kind(r.Type) {
		case "cache:Redis":
			sku := r.Inputs["sku"].ObjectValue()
			found["redis"] = sku["capacity"].NumberValue() == 3 && !r.Inputs["enableNonSslPort"].BoolValue() &&
				r.Inputs["publicNetworkAccess"].StringValue() == "Disabled" && r.Inputs["minimumTlsVersion"].StringValue() == "1.2"
		case "network:PrivateZone":
			found["zone"] = r.Inputs["privateZoneName"].StringValue() == "privatelink.redis.cache.windows.net"
		}
	}
	if !found["redis"] || !found["zone"] {
		t.Errorf("as they should be: %v", found)
	}
}

func TestThePoolOfAnotherSizeHasAnotherNameThatAzureTakes(t *testing.T) {
	seen := map[string]bool{}
	for _, size := range []string{"Standard_D4s_v3", "Standard_D4s_v5", "Standard_E112iads_v5", "Standard_E64-32ads_v5",
		"Standard_E64-16ads_v5"} {
		for _, zone := range []string{"", "1", "3"} {
			name := poolName(zone, size)
			if !regexp.MustCompile(`^[a-z][a-z0-9]{0,11}$`).MatchString(name) || seen[name] {
				t.Errorf("%s in zone %q is %s", size, zone, name)
			}
			seen[name] = true
		}
	}
}

func TestAFolderHasAnotherNameWhenAnyOfItChanges(t *testing.T) {
	paths := []string{"a", "b"}
	first := contentHash(paths, []any{"x", "y"})
	if first != contentHash(paths, []any{"x", "y"}) || len(first) != 12 {
		t.Errorf("the same files are %s", first)
	}
	for what, other := range map[string]string{
		"content": contentHash(paths, []any{"x", "z"}), "path": contentHash([]string{"a", "c"}, []any{"x", "y"}),
		"border": contentHash([]string{"a", "b"}, []any{"xb", "y"}),
	} {
		if other == first {
			t.Errorf("another %s gives the same name", what)
		}
	}
}

func TestASecretsNameIsTheEndOfItsURL(t *testing.T) {
	if got := secretName("https://kv.vault.azure.net/secrets/database-admin-password"); got != "database-admin-password" {
		t.Errorf("it is %s", got)
	}
	if got := secretName(""); got != "" {
		t.Errorf("no secret is %q", got)
	}
}

// What earlier versions deployed is kept when a resource moves to another component: azure-native can't create what is
// there.
func TestWhatMovedToAnotherComponentKeepsItsFormerName(t *testing.T) {
	resources := pulumitest.Run(t, "dev", func(ctx *pulumi.Context) error {
		n, err := NewNetwork(ctx, "network", &NetworkArgs{Placement: place(), Name: "amora", AddressSpace: "10.0.0.0/16"})
		if err != nil {
			return err
		}
		if _, err := n.newBrokerTier(ctx, "emqx", appsTier("10.0.0.0/24"), pulumi.Parent(n)); err != nil {
			return err
		}
		zone, err := NewZone(ctx, "zone", &ZoneArgs{Placement: place(), Name: "example.com"})
		if err != nil {
			return err
		}
		_, err = NewEndpoint(ctx, "endpoint", &EndpointArgs{
			Zone: zone, Record: "@", Address: pulumi.String("203.0.113.7"), WebSocketRecord: "ws",
			WebSocketHost: pulumi.String("edge.example"),
		})
		return err
	})
	want := map[string]string{
		"emqx-subnet": "network-apps azure-native:network:Subnet in " +
			"urn:pulumi:dev::project::amora:foundation:Network::network",
		"emqx-nsg": "network-apps-nsg azure-native:network:NetworkSecurityGroup in " +
			"urn:pulumi:dev::project::amora:foundation:Network::network",
		"endpoint-websocket": "urn:pulumi:dev::project::amora:edge:FrontDoor$" +
			"azure-native:network:RecordSet::front-door-cname",
	}
	for _, r := range resources {
		if former, moved := want[r.Name]; moved && !slices.Contains(r.Aliases, former) {
			t.Errorf("%s was %q, want %s", r.Name, r.Aliases, former)
		}
		delete(want, r.Name)
	}
	if len(want) > 0 {
		t.Errorf("not registered: %v", want)
	}
}

func TestTheGatewayTakesOnlyTLS12AndNewerAndReadsTheNewestCertificate(t *testing.T) {
	resources := pulumitest.Run(t, "dev", func(ctx *pulumi.Context) error {
		n, err := NewNetwork(ctx, "network", &NetworkArgs{Placement: place(), Name: "amora", AddressSpace: "10.0.0.0/16"})
		if err != nil {
			return err
		}
		certificate, err := NewCertificate(ctx, "certificate",
			&CertificateArgs{Placement: place(), SecretURL: "https://team.vault.azure.net/secrets/mqtt", VaultID: "/vault"})
		if err != nil {
			return err
		}
		_, err = NewGateway(ctx, "gateway", &GatewayArgs{
			Placement: place(), Name: "amora", SubnetCIDR: "10.0.1.128/26", Zones: []string{"1", "2", "3"},
			Instances: [2]int{2, 10}, Network: n,
			Certificate: certificate, SubscriptionID: pulumi.String("s"), BackendAddress: pulumi.String("10.0.1.126"),
			BackendMQTT: 1883, BackendWebSocket: 8000,
		})
		return err
	})
	for _, r := range resources {
		if azurenative.Kind(r.Type) != "network:ApplicationGateway" {
			continue
		}
		policy := r.Inputs["sslPolicy"].ObjectValue()["policyName"].StringValue()
		certificate := r.Inputs["sslCertificates"].ArrayValue()[0].ObjectValue()["keyVaultSecretId"].StringValue()
		settings := r.Inputs["backendSettingsCollection"].ArrayValue()[0].ObjectValue()["timeout"].NumberValue()
		if policy != "AppGwSslPolicy20220101" || certificate != "https://team.vault.azure.net/secrets/mqtt" ||
			settings < 1800 || len(r.Inputs["zones"].ArrayValue()) != 3 {
			t.Errorf("policy %s, certificate %s, idle for %v s, zones %v", policy, certificate, settings, r.Inputs["zones"])
		}
		return
	}
	t.Error("there is no gateway")
}
