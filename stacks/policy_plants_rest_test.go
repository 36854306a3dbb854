package stacks

import "encoding/base64"

const (
	roleDefinitions = "/subscriptions/00000000-0000-0000-0000-000000000001/providers/Microsoft.Authorization/" +
		"roleDefinitions/"
	roleOwner       = roleDefinitions + "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
	roleContributor = roleDefinitions + "b24988ac-6180-42a0-ab88-20f7382dd24c"
	roleAccessAdmin = roleDefinitions + "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9" // User Access Administrator
)

const plantedKey = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEF\nallow_anonymous"

// withVariable gives a container one more environment variable.
func withVariable(name, variable, value string) change {
	return set(name, "template.containers.0.env.new", map[string]any{"name": variable, "value": value})
}

var plantsInTheRest = []plant{
	{"roles-at-one-resource", "dev", "emqx-secrets-role",
		set("emqx-secrets-role", "scope", "/subscriptions/00000000-0000-0000-0000-000000000001")},
	{"roles-at-one-resource", "dev", "emqx-secrets-role",
		set("emqx-secrets-role", "scope", "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/amora-dev")},
	{"roles-at-one-resource", "dev", "emqx-secrets-role", set("emqx-secrets-role", "scope", "/id/base-group")},
	{"roles-at-one-resource", "dev", "emqx-secrets-role",
		set("emqx-secrets-role", "scope", "/providers/Microsoft.Management/managementGroups/all")},
	{"roles-at-one-resource", "prod", "emqx-pull-role", set("emqx-pull-role", "principalType", nil)},

	{"roles-reviewed", "dev", "emqx-secrets-role", set("emqx-secrets-role", "roleDefinitionId", roleOwner)},
	{"roles-reviewed", "dev-hivemq", "hivemq-network-role",
		set("hivemq-network-role", "roleDefinitionId", roleContributor)},
	{"roles-reviewed", "prod-vernemq", "vernemq-shared-role",
		set("vernemq-shared-role", "roleDefinitionId", roleAccessAdmin)},
	{"roles-reviewed", "prod-vernemq", "vernemq-shared-role", set("vernemq-shared-role", "scope", "/id/storage-account")},

	{"managed-identities", "dev", "emqx-rules", set("emqx-rules", "identity", nil)},
	{"managed-identities", "dev-hivemq", "hivemq-kubernetes",
		set("hivemq-kubernetes", "identity.userAssignedIdentities", nil)},
	{"managed-identities", "dev", "emqx-edge", set("emqx-edge", "configuration.registries.0.passwordSecretRef",
		"registry")},

	{"registry-without-admin", "dev", "registry-registry", set("registry-registry", "adminUserEnabled", true)},
	{"registry-without-admin", "dev", "registry-registry", set("registry-registry", "anonymousPullEnabled", true)},

	{"cluster-private", "dev-hivemq", "hivemq-kubernetes",
		set("hivemq-kubernetes", "apiServerAccessProfile.enablePrivateCluster", false)},
	{"cluster-private", "dev-hivemq", "hivemq-kubernetes", set("hivemq-kubernetes", "disableLocalAccounts", nil)},
	{"cluster-private", "dev-hivemq", "hivemq-kubernetes", set("hivemq-kubernetes", "aadProfile.enableAzureRBAC", false)},

	{"machines-trusted", "dev-vernemq", "vernemq-node-0",
		set("vernemq-node-0", "securityProfile.securityType", "Standard")},
	{"machines-trusted", "dev-vernemq", "vernemq-node-0",
		set("vernemq-node-0", "securityProfile.uefiSettings.secureBootEnabled", false)},
	{"machines-trusted", "dev-vernemq", "vernemq-node-1",
		set("vernemq-node-1", "osProfile.linuxConfiguration.disablePasswordAuthentication", false)},
	{"machines-trusted", "dev-vernemq", "vernemq-node-1",
		set("vernemq-node-1", "osProfile.linuxConfiguration.ssh.publicKeys", nil)},

	{"secrets-marked", "dev", "database-server", set("database-server", "administratorLoginPassword", "anything")},
	{"secrets-marked", "dev", "rules-secret", set("rules-secret", "properties.value", "managed-key")},
	{"secrets-marked", "dev", "emqx-collector",
		withVariable("emqx-collector", "TELEMETRY", "InstrumentationKey=00000000-0000-0000-0000-000000000000;")},
	{"secrets-marked", "dev", "emqx-rules", withVariable("emqx-rules", "PGPASSWORD", "anything")},
	{"secrets-marked", "dev", "emqx-rules", withVariable("emqx-rules", "DATABASE", "Host=db;Password=hunter22;Port=5432")},
	{"secrets-marked", "dev", "emqx-rules",
		withVariable("emqx-rules", "DATABASE", "postgres://mqttadmin:hunter22@db/mqtt")},
	{"secrets-marked", "dev", "emqx-rules",
		withVariable("emqx-rules", "FILES", "https://a.blob.core.windows.net/b?sv=2024&sig=abcdefghijklmnopqrstuvwxyz%3D")},
	{"secrets-marked", "dev", "emqx-rules",
		withVariable("emqx-rules", "STORAGE", "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=AAAA")},
	{"secrets-marked", "dev", "emqx-edge",
		set("emqx-edge", "configuration.secrets.new", map[string]any{"name": "database-password", "value": "anything"})},
	{"secrets-marked", "dev-vernemq", "vernemq-node-0",
		set("vernemq-node-0", "osProfile.customData", base64.StdEncoding.EncodeToString([]byte("key: random-password")))},
	{"secrets-marked", "dev-vernemq", "vernemq-files-vernemq.conf",
		edit("vernemq-files-vernemq.conf", "allow_anonymous", plantedKey)},

	{"vault-keeps-secrets", "dev", "vault-vault", set("vault-vault", "properties.softDeleteRetentionInDays", 7.0)},
	{"vault-keeps-secrets", "dev", "vault-vault", set("vault-vault", "properties.enableSoftDelete", false)},
	{"vault-keeps-secrets", "dev", "vault-vault", set("vault-vault", "properties.enableRbacAuthorization", false)},
	{"vault-not-purged", "prod", "vault-vault", set("vault-vault", "properties.enablePurgeProtection", nil)},

	{"storage-not-anonymous", "dev-hivemq", "storage-account", set("storage-account", "allowBlobPublicAccess", nil)},
	{"storage-not-anonymous", "dev-hivemq", "storage-account",
		set("storage-account", "allowCrossTenantReplication", true)},
	{"storage-not-anonymous", "dev-hivemq", "hivemq-manifests", set("hivemq-manifests", "publicAccess", "Blob")},

	{"stateful-protected", "prod", "database-server", unprotect("database-server")},
	{"stateful-protected", "prod-hivemq", "vault-vault", unprotect("vault-vault")},
	{"stateful-protected", "prod-vernemq", "zone-zone", unprotect("zone-zone")},
	{"stateful-locked", "prod", "vault-vault", drop("security-keep-vault")},
	{"stateful-locked", "prod", "database-server", set("security-keep-database", "level", "ReadOnly")},
	{"stateful-locked", "prod", "zone-zone", set("security-keep-zone", "scope", "/id/vault-vault")},
	{"disks-outlive-machines", "dev-vernemq", "vernemq-node-0",
		set("vernemq-node-0", "storageProfile.dataDisks.0.deleteOption", "Delete")},
	{"disks-outlive-machines", "dev-vernemq", "vernemq-node-1",
		set("vernemq-node-1", "networkProfile.networkInterfaces.0.deleteOption", "Delete")},
	{"disks-outlive-machines", "dev-vernemq", "vernemq-node-1",
		set("vernemq-node-1", "storageProfile.dataDisks.0.caching", "ReadWrite")},
	{"disks-outlive-machines", "dev-vernemq", "vernemq-node-1", set("vernemq-node-1", "storageProfile.dataDisks", nil)},
	{"backups-kept", "dev", "database-server", set("database-server", "backup.backupRetentionDays", 6.0)},
	{"backups-kept", "dev", "database-server", set("database-server", "backup", nil)},
	{"backups-kept-in-prod", "prod", "database-server", set("database-server", "backup.backupRetentionDays", 13.0)},

	{"zones", "prod", "emqx-environment", set("emqx-environment", "zoneRedundant", false)},
	{"zones", "prod", "rules-redis", set("rules-redis", "highAvailability", "Disabled")},
	{"zones", "prod", "classic", add("cache:Redis", "classic", nil)},
	{"zones", "prod", "database-server", set("database-server", "highAvailability.mode", "SameZone")},
	{"zones", "prod", "database-server", set("database-server", "highAvailability.standbyAvailabilityZone", "1")},
	{"zones", "prod-hivemq", "gateway-address", set("gateway-address", "zones", []any{"1"})},
	{"zones", "prod-hivemq", "gateway-gateway", set("gateway-gateway", "zones", nil)},
	{"zones", "prod-hivemq", "gateway-gateway", set("gateway-gateway", "autoscaleConfiguration.minCapacity", 1.0)},
	{"zones", "prod-hivemq", "hivemq-kubernetes", set("hivemq-kubernetes", "agentPoolProfiles.0.availabilityZones",
		[]any{"1", "2"})},
	{"zones", "prod-hivemq", "hivemq-pool3", set("hivemq-pool3", "availabilityZones", []any{"1"})},
	{"zones", "prod-vernemq", "vernemq-node-2 vernemq-node-2-data", set("vernemq-node-2", "zones", []any{"1"})},
	{"zones", "prod-vernemq", "vernemq-node-1-data", set("vernemq-node-1-data", "zones", nil)},
	{"two-proxies", "dev", "emqx-edge", set("emqx-edge", "template.scale.minReplicas", 1.0)},

	{"logs-kept", "dev", "vault-vault", drop("vault-logs")},
	{"logs-kept", "dev", "rules-database", set("rules-logs", "logs.0.enabled", false)},
	{"logs-kept", "dev", "database-server", set("database-logs", "workspaceId", "/id/elsewhere")},
	{"logs-kept", "dev-hivemq", "storage-account", set("storage-logs", "resourceUri", "/id/storage-account")},
	{"logs-kept", "dev", "new", add("eventhub:Namespace", "new", nil)},
	{"logs-kept-long", "dev", "monitoring-workspace", set("monitoring-workspace", "retentionInDays", 7.0)},

	{"alerts-reach-people", "dev", "on-call-no-node",
		set("on-call-no-node", "actions.actionGroups", []any{"/id/vault-vault"})},
	{"alerts-reach-people", "dev", "on-call-no-node", set("on-call-no-node", "severity", nil)},
	{"alerts-reach-people", "dev", "on-call-no-node", edit("on-call-no-node", "#no-node", "#nothing")},
	{"alerts-reach-people", "dev", "on-call-database-cpu", set("on-call-database-cpu", "actions", nil)},
	{"alerts-reach-people", "dev", "on-call-database-cpu", set("on-call-database-cpu", "enabled", false)},
	{"alerts-reach-people", "dev", "on-call-database-cpu", set("on-call-database-cpu", "description", "The CPU is busy.")},
	{"people-are-told", "prod", "monitoring-people", set("monitoring-people", "emailReceivers", nil)},

	{"patched", "dev-vernemq", "vernemq-node-0",
		set("vernemq-node-0", "osProfile.linuxConfiguration.patchSettings.patchMode", "ImageDefault")},
	{"patched", "dev-hivemq", "hivemq-kubernetes",
		set("hivemq-kubernetes", "autoUpgradeProfile.nodeOSUpgradeChannel", "None")},

	{"tagged", "dev", "vault-vault", set("vault-vault", "tags.project", nil)},
	{"tagged", "dev-vernemq", "vernemq-node-0", set("vernemq-node-0", "tags", nil)},
	{"tagged", "dev", "new",
		add("eventhub:Namespace", "new", map[string]any{"tags": map[string]any{"project": "amora-sync"}})},
}
