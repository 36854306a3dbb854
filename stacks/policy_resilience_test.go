package stacks

import (
	"slices"
	"strings"
)

// zonesWanted are those that a production stack is spread over.
const zonesWanted = 3

var resiliencePolicies = []rule{
	{
		id: "zones", title: "What serves clients survives the loss of a zone: it is in three, or Azure keeps it in several",
		sources: []string{"RE:05"}, prodOnly: true,
		check: both(
			each("app:ManagedEnvironment", func(_ estate, n node) []violation {
				return demand(n.at("zoneRedundant") == true, n, "is in one zone")
			}),
			each("cache:RedisEnterprise", func(_ estate, n node) []violation {
				// with one, Azure puts the two in different zones
				return demand(n.text("highAvailability") == "Enabled", n, "has no replica")
			}),
			each("cache:Redis", func(_ estate, n node) []violation {
				return demand(len(texts(n.at("zones"))) > 1 || n.text("zonalAllocationPolicy") == "Automatic", n, "is in one zone")
			}),
			each("dbforpostgresql:Server", func(e estate, n node) []violation {
				standby := n.text("highAvailability", "standbyAvailabilityZone")
				elsewhere := n.text("highAvailability", "mode") == "ZoneRedundant" && standby != "" &&
					standby != n.text("availabilityZone")
				return e.onReplica(n, demand(elsewhere, n, "has no standby in another zone"))
			}),
			each("network:PublicIPAddress", func(_ estate, n node) []violation {
				return demand(len(texts(n.at("zones"))) >= zonesWanted, n, "is in the zones %v", n.at("zones"))
			}),
			each("network:ApplicationGateway", func(_ estate, n node) []violation {
				instances := max(n.number("autoscaleConfiguration", "minCapacity"), n.number("sku", "capacity"))
				return demand(len(texts(n.at("zones"))) >= zonesWanted && instances >= 2, n,
					"has %v instances in the zones %v", instances, n.at("zones"))
			}),
			each("network:NatGateway", func(_ estate, n node) []violation {
				return demand(n.text("sku", "name") == "StandardV2", n, "is in one zone")
			}),
			each("network:BastionHost", func(_ estate, n node) []violation {
				return demand(len(texts(n.at("zones"))) >= zonesWanted, n, "is in no zone of its own")
			}),
			each("storage:StorageAccount", func(_ estate, n node) []violation {
				return demand(strings.Contains(n.text("sku", "name"), "ZRS"), n, "is %s, in one zone", n.text("sku", "name"))
			}),
			each("resources:AzureCliScript", func(_ estate, n node) []violation {
				return []violation{breaks(n, "runs in some zone")}
			}),
			clusterOverZones, machinesOverZones, disksBesideMachines,
		),
		accepted: []exception{
			{"replica", "Azure gives no replica a standby; the server that it follows has one"},
			{"network:NatGateway",
				"the SKU Standard is in one zone; while that one is down, brokers serve on, and nothing new is fetched"},
			{"network:BastionHost", "the API version in use has no zones for it; it serves people, not clients"},
			{"storage:StorageAccount", "Standard LRS is the specified tier; what runs already needs nothing of it"},
			{"resources:AzureCliScript", "it runs for minutes within a deployment, anywhere"},
		},
	},
	{
		id: "two-proxies", title: "What takes every client's connection runs twice at least",
		sources: []string{"RE:05", "RE:06"},
		check: each("app:ContainerApp", func(_ estate, n node) []violation {
			return demand(n.at("configuration", "ingress", "external") != true ||
				n.number("template", "scale", "minReplicas") >= 2, n, "may be down to one replica")
		}),
	},
}

// clusterOverZones wants the system pool over all zones, and a pool for nodes in each: a node's disk is in one.
func clusterOverZones(e estate) []violation {
	var found []violation
	for _, cluster := range e.all("containerservice:ManagedCluster") {
		for _, pool := range cluster.list("agentPoolProfiles") {
			found = append(found,
				demand(len(texts(pool["availabilityZones"])) >= zonesWanted, cluster, "the pool %v is in the zones %v",
					pool["name"], pool["availabilityZones"])...)
		}
	}
	return append(found, spread(e, "containerservice:AgentPool", "availabilityZones")...)
}

func machinesOverZones(e estate) []violation { return spread(e, "compute:VirtualMachine", "zones") }

// spread looks at what is of a kind in each region.
func spread(e estate, kind, key string) []violation {
	return append(spreadGroup(e.in(false).all(kind), key), spreadGroup(e.in(true).all(kind), key)...)
}

// spreadGroup reports, where a group is in fewer zones than wanted, each member that adds no zone to those before it.
func spreadGroup(group []node, key string) []violation {
	var found []violation
	zones := map[string]bool{}
	for _, n := range group {
		before := len(zones)
		for _, zone := range texts(n.at(key)) {
			zones[zone] = true
		}
		found = append(found, demand(len(zones) > before, n, "adds no zone: it is in %v", n.at(key))...)
	}
	if len(zones) >= zonesWanted {
		return nil
	}
	return found
}

func disksBesideMachines(e estate) []violation {
	var found []violation
	for _, machine := range e.all("compute:VirtualMachine") {
		for _, d := range machine.list("storageProfile", "dataDisks") {
			if disk, known := e.byID(at(d, "managedDisk", "id")); known {
				same := slices.Equal(texts(disk.at("zones")), texts(machine.at("zones")))
				found = append(found,
					demand(same, disk, "is in the zones %v, its machine in %v", disk.at("zones"), machine.at("zones"))...)
			}
		}
	}
	for _, disk := range e.all("compute:Disk") {
		found = append(found, demand(len(texts(disk.at("zones"))) == 1, disk, "is in the zones %v", disk.at("zones"))...)
	}
	return found
}
