package stacks

import (
	"testing"

	"github.com/amora-sync/mqtt-on-azure/internal/pulumitest"
)

// together makes several changes.
func together(changes ...change) change {
	return func(t *testing.T, resources []pulumitest.Resource) []pulumitest.Resource {
		t.Helper()
		for _, c := range changes {
			resources = c(t, resources)
		}
		return resources
	}
}

// linkedToBoth lets the second region's network find the first region's vaults.
var linkedToBoth = add("network:VirtualNetworkLink", "planted", map[string]any{
	"resourceGroupName": "amora-prod", "privateZoneName": "privatelink.vaultcore.azure.net",
	"virtualNetwork": map[string]any{"id": "/id/secondary-network-vnet"},
})

// plantsInTwoRegions are faults in what only such a stack has, and faults of one region that the other one must not
// hide.
var plantsInTwoRegions = []plant{
	{"services-private", "prod-regions", "secondary-database-server",
		set("secondary-database-server", "network.publicNetworkAccess", "Enabled")},
	{"services-private", "prod-regions", "secondary-database-server",
		set("secondary-database-server", "network.delegatedSubnetResourceId", "/id/secondary-network-endpoints")},
	{"services-private", "prod-regions", "secondary-database-server", drop("secondary-database-zone-link")},
	{"services-private", "prod-regions", "database-server", drop("database-zone-link")},
	{"services-private", "prod-regions", "secondary-vault-vault", drop("secondary-vault-zone-link")},
	{"services-private", "prod-regions", "secondary-vault-vault", drop("secondary-vault-endpoint-dns")},
	{"services-private", "prod-regions", "secondary-vault-vault", together(
		drop("secondary-vault-endpoint-dns"), linkedToBoth)},
	{"services-private", "prod-regions", "secondary-vault-vault vault-vault", together(
		drop("secondary-vault-zone-link"), set("vault-zone-link", "virtualNetwork.id", "/id/secondary-network-vnet"))},
	{"services-private", "prod-regions", "secondary-rules-redis",
		set("secondary-rules-zone-link", "virtualNetwork.id", "/id/network-vnet")},
	{"services-private", "prod-vernemq-regions", "storage-account", drop("storage-endpoint-dns")},

	{"ddos-protected", "prod-regions", "secondary-stray", together(
		set("network-vnet", "ddosProtectionPlan.id", "/id/network-ddos-plan"),
		add("network:PublicIPAddress", "secondary-stray", nil))},

	{"closed-peerings", "prod-regions", "peering-there", set("peering-there", "allowGatewayTransit", true)},
	{"closed-peerings", "prod-regions", "peering-back", set("peering-back", "useRemoteGateways", true)},
	{"closed-peerings", "prod-hivemq-regions", "peering-back", set("peering-back", "allowForwardedTraffic", true)},
	{"closed-peerings", "prod-hivemq-regions", "peering-back", set("peering-back", "allowForwardedTraffic", nil)},
	{"closed-peerings", "prod-vernemq-regions", "peering-there",
		set("peering-there", "remoteVirtualNetwork.id", "/id/hub")},

	{"tls-outside", "prod-vernemq-regions", "secondary-vernemq-balancer secondary-vernemq-nsg",
		drop("secondary-vernemq-files-node.sh")},

	{"stateful-protected", "prod-regions", "secondary-database-server", unprotect("secondary-database-server")},
	{"stateful-locked", "prod-regions", "secondary-vault-vault", drop("secondary-security-keep-vault")},
	{"stateful-locked", "prod-regions", "database-server", drop("security-keep-database")},
	{"stateful-locked", "prod-regions", "secondary-database-server",
		set("secondary-database-server", "createMode", "PointInTimeRestore")},
	{"backups-kept", "prod-regions", "secondary-database-server",
		set("secondary-database-server", "createMode", "Create")},
	{"backups-kept", "prod-regions", "secondary-database-server",
		set("secondary-database-server", "sourceServerResourceId", "/id/elsewhere")},
	{"backups-kept-in-prod", "prod-regions", "database-server",
		set("database-server", "backup.backupRetentionDays", 13.0)},

	{"zones", "prod-regions", "secondary-database-server", set("secondary-database-server", "createMode", "Create")},
	{"zones", "prod-regions", "secondary-emqx-environment", set("secondary-emqx-environment", "zoneRedundant", false)},
	{"zones", "prod-hivemq-regions", "secondary-hivemq-pool3",
		set("secondary-hivemq-pool3", "availabilityZones", []any{"1"})},
	{"zones", "prod-vernemq-regions", "secondary-vernemq-node-2 secondary-vernemq-node-2-data",
		set("secondary-vernemq-node-2", "zones", []any{"1"})},
	{"zones", "prod-vernemq-regions", "vernemq-node-2 vernemq-node-2-data", set("vernemq-node-2", "zones", []any{"1"})},

	{"logs-kept", "prod-regions", "traffic-manager-profile", drop("traffic-manager-logs")},
	{"logs-kept", "prod-regions", "secondary-database-server", drop("secondary-database-logs")},
	{"alerts-reach-people", "prod-regions", "on-call-region-unreachable",
		set("on-call-region-unreachable", "actions", nil)},
	{"tagged", "prod-regions", "traffic-manager-profile", set("traffic-manager-profile", "tags", nil)},
}
