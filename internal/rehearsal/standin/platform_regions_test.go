package standin

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

const (
	otherGroup     = subscriptionScope + "/resourceGroups/rg-amora-2/providers/"
	otherNetworkID = otherGroup + "Microsoft.Network/virtualNetworks/vnet-2"
	replicaID      = otherGroup + "Microsoft.DBforPostgreSQL/flexibleServers/pg-amora-2"
	trafficID      = inGroup + "Microsoft.Network/trafficManagerProfiles/amora-clients"
	postgresToken  = "azure-native:dbforpostgresql/v20240801:Server"
)

func atOther(inputs m) m {
	inputs["resourceGroupName"] = "rg-amora-2"
	return inputs
}

func peering(from, group, to string) part {
	return part{from + " peering", "azure-native:network:VirtualNetworkPeering", m{
		"resourceGroupName": group, "virtualNetworkName": from, "virtualNetworkPeeringName": "region",
		"remoteVirtualNetwork": id(to), "allowVirtualNetworkAccess": true,
	}}
}

func endpointAt(name, address string, priority int) part {
	return part{name, "azure-native:network:Endpoint",
		at(m{"profileName": "amora-clients", "endpointType": "ExternalEndpoints", "endpointName": name,
			"endpointStatus": "Enabled", "target": address, "priority": priority})}
}

// regionParts are a second region's database and the names that lead to either region, on top of the platform's
// database, in an order in which they can be created.
func regionParts() []part {
	return []part{
		{"other group", "azure-native:resources:ResourceGroup",
			m{"resourceGroupName": "rg-amora-2", "location": "North Europe"}},
		{"other network", "azure-native:network:VirtualNetwork",
			atOther(m{"virtualNetworkName": "vnet-2", "addressSpace": m{"addressPrefixes": l{"10.1.0.0/16"}}})},
		{"other subnet", "azure-native:network:Subnet",
			atOther(m{"virtualNetworkName": "vnet-2", "subnetName": "database", "addressPrefix": "10.1.1.0/28",
				"delegations": l{m{"name": "database", "serviceName": postgresDelegation}}})},
		{"other link", "azure-native:network:VirtualNetworkLink",
			at(m{"privateZoneName": "amora.private.postgres.database.azure.com",
				"virtualNetworkLinkName": "other", "location": "global", "virtualNetwork": id(otherNetworkID)})},
		peering("vnet", "rg-amora", otherNetworkID),
		peering("vnet-2", "rg-amora-2", networkID),
		{"replica", postgresToken, atOther(m{
			"serverName": "pg-amora-2", "createMode": "Replica", "sourceServerResourceId": serverID,
			"sku": m{"name": "Standard_D4ds_v5", "tier": "GeneralPurpose"}, "storage": m{"storageSizeGB": 128},
			"network": m{"delegatedSubnetResourceId": otherNetworkID + "/subnets/database",
				"privateDnsZoneArmResourceId": inGroup +
					"Microsoft.Network/privateDnsZones/amora.private.postgres.database.azure.com"},
		})},
		{"virtual endpoint", "azure-native:dbforpostgresql/v20240801:VirtualEndpoint",
			at(m{"serverName": "pg-amora", "virtualEndpointName": "pg-clients",
				"endpointType": "ReadWrite", "members": l{"pg-amora-2"}})},
		{"clients", "azure-native:network:Profile",
			at(m{"profileName": "amora-clients", "location": "global", "profileStatus": "Enabled",
				"trafficRoutingMethod": "Priority", "dnsConfig": m{"relativeName": "amora-clients", "ttl": 30},
				"monitorConfig": m{"protocol": "TCP", "port": 8883, "intervalInSeconds": 10, "timeoutInSeconds": 5,
					"toleratedNumberOfFailures": 3}})},
		endpointAt("primary", "20.0.0.1", 10),
		endpointAt("secondary", "20.0.0.2", 20),
		{"public", "azure-native:network:Zone",
			at(m{"zoneName": "mqtt.example.com", "location": "global", "zoneType": "Public"})},
		{"alias", "azure-native:network:RecordSet",
			at(m{"zoneName": "mqtt.example.com", "relativeRecordSetName": "@", "recordType": "A",
				"targetResource": id(trafficID)})},
	}
}

func regionPart(t *testing.T, name string) part {
	t.Helper()
	for _, p := range regionParts() {
		if p.name == name {
			return p
		}
	}
	t.Fatalf("there is no part %q", name)
	return part{}
}

// inRegions is the platform's database and a second region as far as, and without, the part with a logical name; ""
// creates all of it.
func inRegions(t *testing.T, upTo string) (*rehearsed, map[string]plugin.CreateResponse) {
	t.Helper()
	r := rehearse(t, Faults{})
	made := r.upTo("vault")
	for _, p := range regionParts() {
		if p.name == upTo {
			break
		}
		made[p.name] = r.mustCreate(p)
	}
	return r, made
}

// byHand changes an input of what is there, past all rules; nil removes it.
func (r *rehearsed) byHand(id, path string, value any) {
	r.t.Helper()
	if err := r.world.Edit(id, func(in map[string]any) {
		changed := part{inputs: in}.with(path, value).inputs
		clear(in)
		maps.Copy(in, changed)
	}); err != nil {
		r.t.Fatal(err)
	}
}

// restore begins with a backup of the platform's database, beside it.
func restore(t *testing.T) part {
	p := planned(t, "server").with("serverName", "pg-restored").with("createMode", "PointInTimeRestore").
		with("sourceServerResourceId", serverID)
	return p.with("pointInTimeUTC", "2026-11-25T10:00:00Z").with("administratorLogin", nil).
		with("administratorLoginPassword", nil)
}

func TestWhatASecondRegionRefusesIsRefused(t *testing.T) {
	const monitor = "monitorConfig."
	for _, c := range []struct {
		sentence, part, path string
		value                any
		want                 string
	}{
		{"a profile with a dot in its name", "clients", "profileName", "amora.clients",
			"1 to 63 letters, digits and hyphens, with no hyphen at either end"},
		{"a profile that ends with a hyphen", "clients", "profileName", "amora-", "is no valid name"},
		{"a profile of 64 letters", "clients", "profileName", strings.Repeat("a", 64), "is no valid name"},
		{"a profile without a location", "clients", "location", nil, "missing required property 'location'"},
		{"a profile in a region", "clients", "location", "westeurope",
			"'westeurope' is not available for this type; the only location is 'global'"},
		{"a way to route that there is not", "clients", "trafficRoutingMethod", "RoundRobin",
			"is not one of Performance, Priority, Weighted, Geographic, MultiValue, Subnet"},
		{"a profile that is neither on nor off", "clients", "profileStatus", "On", "is not one of Enabled, Disabled"},
		{"a probe of UDP", "clients", monitor + "protocol", "UDP", "is not one of HTTP, HTTPS, TCP"},
		{"a probe every 20 seconds", "clients", monitor + "intervalInSeconds", 20,
			"monitorConfig: intervalInSeconds must be 10 or 30"},
		{"a probe that waits four seconds", "clients", monitor + "timeoutInSeconds", 4,
			"monitorConfig: timeoutInSeconds must be 5 to 10, and at most 9 with an interval of 10"},
		{"a fast probe that waits ten seconds", "clients", monitor + "timeoutInSeconds", 10,
			"timeoutInSeconds must be 5 to 10, and at most 9"},
		{"a slow probe that waits eleven seconds", "clients", "monitorConfig",
			m{"protocol": "TCP", "port": 8883, "intervalInSeconds": 30, "timeoutInSeconds": 11},
			"timeoutInSeconds must be 5 to 10"},
		{"a probe that waits eleven seconds by default", "clients", "monitorConfig",
			m{"protocol": "TCP", "port": 8883, "timeoutInSeconds": 11}, "timeoutInSeconds must be 5 to 10"},
		{"less than no failures", "clients", monitor + "toleratedNumberOfFailures", -1,
			"monitorConfig: toleratedNumberOfFailures must be 0 to 9"},
		{"ten failures", "clients", monitor + "toleratedNumberOfFailures", 10, "toleratedNumberOfFailures must be 0 to 9"},
		{"a TCP probe of a path", "clients", monitor + "path", "/health", "monitorConfig: path must not be set for TCP"},
		{"a profile in a group that is not there", "clients", "resourceGroupName", "rg-other", "ResourceGroupNotFound"},

		{"an endpoint with a space in its name", "secondary", "endpointName", "second region",
			"is no valid name: 1 to 80 letters"},
		{"a kind of endpoint that there is not", "secondary", "endpointType", "PublicEndpoints",
			"is not one of AzureEndpoints, ExternalEndpoints, NestedEndpoints"},
		{"an endpoint of no kind", "secondary", "endpointType", nil, "missing required property 'endpointType'"},
		{"an endpoint of no profile", "secondary", "profileName", nil, "missing required property 'profileName'"},
		{"an endpoint of no group", "secondary", "resourceGroupName", nil, "missing required property 'resourceGroupName'"},
		{"an endpoint of a profile that there is not", "secondary", "profileName", "elsewhere",
			"trafficManagerProfiles/elsewhere' could not be found"},
		{"an endpoint that is neither on nor off", "secondary", "endpointStatus", "On", "is not one of Enabled, Disabled"},
		{"an endpoint that leads nowhere", "secondary", "target", nil,
			"The 'target' property of endpoint 'secondary' must be set for external endpoints."},
		{"the priority 0", "secondary", "priority", 0, "The priority of endpoint 'secondary' must be 1 to 1000."},
		{"the priority 1001", "secondary", "priority", 1001, "The priority of endpoint 'secondary' must be 1 to 1000."},
		{"a priority of two endpoints", "secondary", "priority", 10,
			"The priority of endpoint 'secondary' is already used by endpoint 'primary' of the same profile."},
		{"an address of two endpoints", "secondary", "target", "20.0.0.1",
			"The target '20.0.0.1' is already used by endpoint 'primary' of the same profile."},

		{"an alias of a profile that there is not", "alias", "targetResource", id(trafficID + "2"),
			"InvalidResourceReference"},

		{"a peering with a space in its name", "vnet peering", "virtualNetworkPeeringName", "second region",
			"is no valid name: 1 to 80 letters"},
		{"a peering with nothing", "vnet peering", "remoteVirtualNetwork", nil,
			"missing required property 'remoteVirtualNetwork'"},
		{"a peering of a network that there is not", "vnet peering", "virtualNetworkName", "vnet-3",
			"ParentResourceNotFound"},
		{"a peering with a network that there is not", "vnet peering", "remoteVirtualNetwork", id(otherNetworkID + "3"),
			"InvalidResourceReference"},

		{"a replica of a server that there is not", "replica", "sourceServerResourceId", serverID + "3",
			"InvalidResourceReference"},
		{"a replica of nothing", "replica", "sourceServerResourceId", nil,
			`Code="SourceServerNotFound" Message="The source server  does not exist."`},
		{"a replica of another tier", "replica", "sku", m{"name": "Standard_E4ds_v5", "tier": "MemoryOptimized"},
			"A replica must have the tier of its source, and storage that is not smaller."},
		{"a replica with less storage", "replica", "storage.storageSizeGB", 64, "ReplicaSizeMismatch"},
		{"a replica with a standby", "replica", "highAvailability", m{"mode": "ZoneRedundant"},
			"A read replica has neither high availability nor geo-redundant backups."},
		{"a replica with backups elsewhere", "replica", "backup", m{"geoRedundantBackup": "Enabled"},
			"ReplicaFeatureNotSupported"},

		{"a virtual endpoint of two letters", "virtual endpoint", "virtualEndpointName", "pg",
			"3 to 63 letters, digits and hyphens, with no hyphen at either end"},
		{"a virtual endpoint that begins with a hyphen", "virtual endpoint", "virtualEndpointName", "-pg",
			"is no valid name"},
		{"a virtual endpoint of 64 letters", "virtual endpoint", "virtualEndpointName", strings.Repeat("a", 64),
			"is no valid name"},
		{"a virtual endpoint of another kind", "virtual endpoint", "endpointType", "ReadOnly", "is not one of ReadWrite"},
		{"a virtual endpoint of a server that there is not", "virtual endpoint", "serverName", "pg-other",
			"ParentResourceNotFound"},
		{"a virtual endpoint with a stranger", "virtual endpoint", "members", l{"pg-amora-2", "pg-other"},
			"The member pg-other of the virtual endpoint pg-clients is neither the server pg-amora nor a replica of it."},
	} {
		t.Run(strings.ReplaceAll(c.sentence, " ", "-"), func(t *testing.T) {
			t.Parallel()
			r, _ := inRegions(t, c.part)
			before := len(r.world.Resources())
			_, err := r.create(regionPart(t, c.part).with(c.path, c.value))
			refusedWith(t, err, c.want)
			if after := len(r.world.Resources()); after != before {
				t.Errorf("refused, and made all the same: %d resources, not %d", after, before)
			}
			r.mustCreate(regionPart(t, c.part))
		})
	}
}

// Each of these is refused for what is there already, and taken without it.
func TestWhatIsThereKeepsASecondRegionOut(t *testing.T) {
	for _, c := range []struct {
		sentence, id, path string
		value              any // by hand
		part, want         string
	}{
		{"an endpoint with a name", trafficID + "/ExternalEndpoints/secondary", "target", "mqtt.example.org", "alias",
			"The alias record set '@' of type A needs a Traffic Manager profile whose endpoints are IPv4 addresses, " +
				"and 'mqtt.example.org' is none."},
		{"an endpoint with an address of IPv6", trafficID + "/ExternalEndpoints/primary", "target", "2001:db8::1",
			"alias", "endpoints are IPv4 addresses, and '2001:db8::1' is none."},
		{"a network over the other", otherNetworkID, "addressSpace.addressPrefixes",
			l{"192.168.0.0/16", "10.0.128.0/17"}, "vnet peering",
			"cannot be peered because their address spaces overlap. Overlapping address prefixes: 10.0.0.0/16, 10.0.128.0/17"},
		{"a network here of no range", networkID, "addressSpace.addressPrefixes", l{"10.0.0.0"}, "vnet peering",
			"InvalidAddressPrefixFormat"},
		{"a network there of no range", otherNetworkID, "addressSpace.addressPrefixes", l{"10.1.1.0/16"},
			"vnet peering", "InvalidCIDRNotation"},
		{"a burstable source", serverID, "sku", m{"name": "Standard_B2s", "tier": "Burstable"}, "replica",
			"Read replicas are not supported for the Burstable tier of " + serverID},
		{"a source that follows another server", serverID, "sourceServerResourceId", serverID + "-0", "replica",
			"The source server " + serverID + " is a replica."},
		{"a source with more storage", serverID, "storage.storageSizeGB", 256.0, "replica", "ReplicaSizeMismatch"},
		{"a way there that ends elsewhere", networkID + "/virtualNetworkPeerings/region", "remoteVirtualNetwork.id",
			networkID + "-3", "replica",
			"The virtual networks " + otherNetworkID + " and " + networkID + " of the replica and its source are not peered."},
		{"a way back that ends elsewhere", otherNetworkID + "/virtualNetworkPeerings/region", "remoteVirtualNetwork.id",
			networkID + "-3", "replica", "VirtualNetworksNotPeered"},
		{"a replica of another server", replicaID, "sourceServerResourceId", serverID + "-0", "virtual endpoint",
			"The member pg-amora-2 of the virtual endpoint pg-clients is neither the server pg-amora nor a replica of it."},
	} {
		t.Run(strings.ReplaceAll(c.sentence, " ", "-"), func(t *testing.T) {
			t.Parallel()
			r, _ := inRegions(t, c.part)
			was := props(clone(r.world.find(c.id).Inputs)).at(c.path)
			r.byHand(c.id, c.path, c.value)
			_, err := r.create(regionPart(t, c.part))
			refusedWith(t, err, c.want)
			r.byHand(c.id, c.path, was)
			r.mustCreate(regionPart(t, c.part))
		})
	}
}

func TestTheOutputsOfASecondRegionAreWhatAzureComputes(t *testing.T) {
	_, made := inRegions(t, "")
	for _, c := range []struct {
		part, path string
		want       any
	}{
		{"vnet peering", "type", "Microsoft.Network/virtualNetworks/virtualNetworkPeerings"},
		{"vnet peering", "peeringState", "Initiated"},
		{"vnet peering", "provisioningState", "Succeeded"},
		{"vnet-2 peering", "peeringState", "Connected"},
		{"vnet-2 peering", "remoteVirtualNetwork.id", networkID},
		{"replica", "fullyQualifiedDomainName", "pg-amora-2.postgres.database.azure.com"},
		{"replica", "location", "northeurope"},
		{"replica", "sourceServerResourceId", serverID},
		{"replica", "createMode", nil},
		{"virtual endpoint", "virtualEndpoints",
			l{"pg-clients.writer.postgres.database.azure.com", "pg-clients.reader.postgres.database.azure.com"}},
		{"virtual endpoint", "members", l{"pg-amora-2"}},
		{"clients", "dnsConfig.fqdn", "amora-clients.trafficmanager.net"},
		{"clients", "dnsConfig.ttl", 30.0},
		{"clients", "dnsConfig.relativeName", "amora-clients"},
		{"clients", "location", "global"},
		{"clients", "monitorConfig.protocol", "TCP"},
		{"secondary", "target", "20.0.0.2"},
		{"secondary", "priority", 20.0},
		{"alias", "fqdn", "mqtt.example.com."},
		{"alias", "targetResource.id", trafficID},
	} {
		if got := props(plainMap(made[c.part].Properties)).at(c.path); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %s is %v, want %v", c.part, c.path, got, c.want)
		}
	}
	if got, want := made["secondary"].ID, resource.ID(trafficID+"/ExternalEndpoints/secondary"); got != want {
		t.Errorf("the endpoint is %s, want %s", got, want)
	}
}

func TestASecondRegionIsDeletedInReverse(t *testing.T) {
	r, made := inRegions(t, "")
	parts := regionParts()
	before := len(r.world.Resources())
	for i := len(parts) - 1; i >= 0; i-- {
		if err := r.delete(made[parts[i].name].ID); err != nil {
			t.Fatalf("delete %s: %v", parts[i].name, err)
		}
	}
	if left := len(r.world.Resources()); left != before-len(parts) {
		t.Errorf("%d resources are left, want %d", left, before-len(parts))
	}
}

func TestWhatASecondRegionNeedsIsNotDeleted(t *testing.T) {
	r, made := inRegions(t, "")
	for _, c := range []struct{ part, want, first string }{
		{"server", "The server " + serverID + " has the replica " + replicaID +
			", which has to be deleted or promoted first.", "replica"},
		{"clients", "The profile " + trafficID + " cannot be deleted because it is the target of the record set ", "alias"},
	} {
		refusedWith(t, r.delete(made[c.part].ID), c.want)
		if r.world.find(string(made[c.part].ID)) == nil {
			t.Errorf("%s: refused, and deleted all the same", c.part)
		}
		for _, name := range []string{c.first, c.part} {
			if err := r.delete(made[name].ID); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	for _, id := range []string{trafficID + "/ExternalEndpoints/primary", serverID + "/virtualEndpoints/pg-clients"} {
		if r.world.find(id) != nil {
			t.Errorf("%s is left without what it is in", id)
		}
	}
}

func TestAServerWhoseReplicaIsPromotedOrRestoredFromItGoes(t *testing.T) {
	r, made := inRegions(t, "")
	r.mustCreate(restore(t))
	r.byHand(replicaID, "sourceServerResourceId", nil)
	if err := r.delete(made["server"].ID); err != nil {
		t.Error(err)
	}
}

func TestANameOfTrafficManagerIsTakenInEveryGroup(t *testing.T) {
	r, _ := inRegions(t, "")
	again := regionPart(t, "clients").with("resourceGroupName", "rg-amora-2")
	_, err := r.create(again)
	refusedWith(t, err, "Domain name amora-clients.trafficmanager.net already exists. Please choose a different "+
		"DNS prefix.")
	r.mustCreate(again.with("profileName", "amora-others"))
}

func TestProbesAtTheirLimitsAreTaken(t *testing.T) {
	r, _ := inRegions(t, "clients")
	for i, monitor := range []m{
		{"protocol": "TCP", "port": 8883, "intervalInSeconds": 10, "timeoutInSeconds": 9, "toleratedNumberOfFailures": 0},
		{"protocol": "TCP", "port": 8883, "intervalInSeconds": 30, "timeoutInSeconds": 10, "toleratedNumberOfFailures": 9},
		{"protocol": "TCP", "port": 8883, "timeoutInSeconds": 10},
		{"protocol": "HTTPS", "port": 443, "path": "/health", "timeoutInSeconds": 5},
		{"protocol": "TCP", "port": 8883, "intervalInSeconds": 10},
	} {
		p := regionPart(t, "clients").with("profileName", fmt.Sprintf("amora-%d", i)).with("monitorConfig", monitor)
		if _, err := r.create(p); err != nil {
			t.Errorf("%v: %v", monitor, err)
		}
	}
}

func TestEndpointsAreApartInTheirProfileAlone(t *testing.T) {
	r, made := inRegions(t, "")
	r.mustCreate(regionPart(t, "clients").with("profileName", "amora-others"))
	r.mustCreate(endpointAt("primary", "20.0.0.1", 10).with("profileName", "amora-others"))
	r.mustCreate(endpointAt("lowest", "20.0.0.3", 1000))
	r.mustCreate(endpointAt("highest", "20.0.0.4", 1))

	before := regionPart(t, "secondary")
	if _, err := r.update(made["secondary"].ID, before, before.with("priority", 30).
		with("target", "20.0.0.5")); err != nil {
		t.Errorf("a priority and an address that are free: %v", err)
	}
	_, err := r.update(made["secondary"].ID, before, before.with("priority", 10))
	refusedWith(t, err, "is already used by endpoint 'primary'")
	_, err = r.update(made["secondary"].ID, before, before.with("target", "20.0.0.4"))
	refusedWith(t, err, "is already used by endpoint 'highest'")
}

// The check of the addresses is for records of type A: a CNAME stands for names.
func TestACNAMEMayStandForEndpointsWithNames(t *testing.T) {
	r, made := inRegions(t, "alias")
	before := regionPart(t, "secondary")
	if _, err := r.update(made["secondary"].ID, before, before.with("target", "mqtt.example.org")); err != nil {
		t.Fatal(err)
	}
	r.mustCreate(regionPart(t, "alias").with("recordType", "CNAME").with("relativeRecordSetName", "broker"))
}

func TestAPeeringIsConnectedOnceItIsThereInBothDirections(t *testing.T) {
	r, made := inRegions(t, "")
	before := regionPart(t, "vnet peering")
	response, err := r.update(made[before.name].ID, before, before.with("allowForwardedTraffic", true))
	if err != nil {
		t.Fatal(err)
	}
	if state := props(plainMap(response.Properties)).str("peeringState"); state != "Connected" {
		t.Errorf("the first one is %s", state)
	}
	if d := r.diff(made[before.name].ID, before,
		before.with("remoteVirtualNetwork", id(networkID+"-3"))); !d.DeleteBeforeReplace {
		t.Errorf("another network is %v", d.DetailedDiff)
	}
}

func TestASecondPeeringOfTwoNetworksIsRefused(t *testing.T) {
	r, _ := inRegions(t, "replica")
	_, err := r.create(peering("vnet", "rg-amora", otherNetworkID).with("virtualNetworkPeeringName", "again"))
	refusedWith(t, err, "Peering "+networkID+"/virtualNetworkPeerings/region to the virtual "+
		"network "+otherNetworkID+" already exists.")
	r.mustCreate(planned(t, "network").with("virtualNetworkName", "vnet-3").
		with("addressSpace.addressPrefixes", l{"10.2.0.0/16"}))
	r.mustCreate(peering("vnet", "rg-amora", networkID+"-3").with("virtualNetworkPeeringName", "third"))
}

func TestANetworkIsPeeredWhileNothingElseOfItChanges(t *testing.T) {
	r, _ := inRegions(t, "vnet peering")
	r.world.changeTakes = time.Second // so that the second one starts in time on a busy machine
	errs := make(chan error, 2)
	for _, p := range []part{regionPart(t, "vnet peering"), subnet("another", "10.0.7.0/24", "")} {
		go func() {
			_, err := r.create(p)
			errs <- err
		}()
	}
	first, second := <-errs, <-errs
	if (first == nil) == (second == nil) ||
		!strings.Contains(fmt.Sprint(first, second), "Another operation is in progress on "+networkID) {
		t.Errorf("two changes at once gave %v and %v", first, second)
	}
}

func TestAPeeringStopsNeitherNetworkFromGoing(t *testing.T) {
	r, made := inRegions(t, "replica")
	for _, name := range []string{"other link", "other subnet", "other network"} {
		if err := r.delete(made[name].ID); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if r.world.find(string(made["vnet-2 peering"].ID)) != nil || r.world.find(string(made["vnet peering"].ID)) == nil {
		t.Error("a peering goes with the network that it leads from, and no other does")
	}
}

func TestAServerHasFiveReplicasAtMost(t *testing.T) {
	r, made := inRegions(t, "replica")
	replica := func(i int) part {
		return regionPart(t, "replica").with("serverName", fmt.Sprintf("pg-replica-%d", i))
	}
	r.mustCreate(restore(t)) // is no replica, though it has a source
	for i := range maxReplicas {
		made[fmt.Sprint(i)] = r.mustCreate(replica(i))
	}
	_, err := r.create(replica(maxReplicas))
	refusedWith(t, err, "The server "+serverID+" has 5 replicas already.")
	if err := r.delete(made["0"].ID); err != nil {
		t.Fatal(err)
	}
	r.mustCreate(replica(maxReplicas))
}

func TestAReplicaMayBeLargerAndInTheNetworkOfItsSource(t *testing.T) {
	r, _ := inRegions(t, "vnet peering")
	beside := regionPart(t, "replica").with("network.delegatedSubnetResourceId", networkID+"/subnets/database").
		with("highAvailability", m{"mode": "Disabled"})
	r.mustCreate(beside.with("storage.storageSizeGB", 256).with("sku.name", "Standard_D8ds_v5"))
}

func TestAVirtualEndpointMayNameItsServerToo(t *testing.T) {
	r, made := inRegions(t, "")
	before := regionPart(t, "virtual endpoint")
	if _, err := r.update(made[before.name].ID, before, before.with("members", l{"pg-amora", "PG-amora-2"})); err != nil {
		t.Error(err)
	}
}

func TestWhatARestoreRefusesIsRefused(t *testing.T) {
	for _, c := range []struct {
		sentence, path string
		value          any
		want           string
	}{
		{"a backup of a server that there is not", "sourceServerResourceId", serverID + "3", "InvalidResourceReference"},
		{"a backup of nothing", "sourceServerResourceId", nil,
			`Code="SourceServerNotFound" Message="The source server  does not exist."`},
		{"a backup in another region that there is not", "createMode", "GeoRestore", "The server " + serverID +
			" has no geo-redundant backups."},
		{"a backup of no time", "pointInTimeUTC", nil, "The restore point '' is no time in the form of ISO 8601."},
		{"a backup of yesterday", "pointInTimeUTC", "yesterday",
			"The restore point 'yesterday' is no time in the form of ISO 8601."},
	} {
		r, _ := inRegions(t, "other group")
		_, err := r.create(restore(t).with(c.path, c.value))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want a refusal with %q", c.sentence, err, c.want)
		}
	}
}

func TestARestoredServerHasTheDatabasesOfItsSource(t *testing.T) {
	for _, c := range []struct{ mode, backups string }{{"PointInTimeRestore", "Disabled"}, {"GeoRestore", "Enabled"}} {
		r := rehearse(t, Faults{})
		r.upTo("server")
		r.mustCreate(planned(t, "server").with("backup.geoRedundantBackup", c.backups))
		r.mustCreate(planned(t, "users"))
		restored := r.mustCreate(restore(t).with("createMode", c.mode))
		out := props(plainMap(restored.Properties))
		if out.str("fullyQualifiedDomainName") != "pg-restored.postgres.database.azure.com" || out.has("createMode") ||
			out.has("pointInTimeUTC") {
			t.Errorf("%s: the server is %v", c.mode, out)
		}
		if r.world.find(string(restored.ID)+"/databases/mqtt") == nil {
			t.Errorf("%s: the server has no users", c.mode)
		}
		if _, err := r.create(planned(t, "users").with("serverName", "pg-restored")); err == nil {
			t.Errorf("%s: the users were made once more", c.mode)
		}
		users := string(restored.ID) + "/databases/mqtt"
		if err := r.delete(resource.ID(users)); err != nil {
			t.Fatal(err)
		}
		before := restore(t).with("createMode", c.mode)
		if _, err := r.update(restored.ID, before, before.with("tags", m{"team": "amora"})); err != nil {
			t.Fatal(err)
		}
		if r.world.find(users) != nil {
			t.Errorf("%s: an update of the server restores it once more", c.mode)
		}
	}
}
