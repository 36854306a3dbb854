package stacks

import (
	"slices"
	"strings"
)

var dataPolicies = []rule{
	{
		id:      "vault-keeps-secrets",
		title:   "A deleted vault can be had back for 90 days, and permissions come from Azure RBAC alone",
		sources: []string{"DP-8", "PA-7", "SE:09"},
		check: each("keyvault:Vault", func(_ estate, n node) []violation {
			return slices.Concat(
				demand(n.at("properties", "enableSoftDelete") == true &&
					n.number("properties", "softDeleteRetentionInDays") == 90, n,
					"is gone when it is deleted, or too soon after"),
				demand(n.at("properties", "enableRbacAuthorization") == true &&
					len(n.list("properties", "accessPolicies")) == 0, n, "has access policies"),
			)
		}),
	},
	{
		id: "vault-not-purged", title: "Nobody can purge a deleted vault before its time",
		sources: []string{"DP-8", "SE:09"}, prodOnly: true,
		check: each("keyvault:Vault", func(_ estate, n node) []violation {
			return demand(n.at("properties", "enablePurgeProtection") == true, n, "can be purged")
		}),
	},
	{
		id:      "storage-not-anonymous",
		title:   "Storage gives nothing to the anonymous, copies nothing to other tenants, and has no keys",
		sources: []string{"NS-2", "IM-1", "DP-2", "SE:05"},
		check: both(
			each("storage:StorageAccount", func(_ estate, n node) []violation {
				found := demand(n.at("allowBlobPublicAccess") == false && n.at("allowCrossTenantReplication") == false,
					n, "has public blobs, or copies to other tenants")
				for _, v := range demand(n.at("allowSharedKeyAccess") == false, n, "can be opened with a key") {
					found = append(found, v.on("allowSharedKeyAccess"))
				}
				return found
			}),
			each("storage:BlobContainer", func(_ estate, n node) []violation {
				return demand(n.text("publicAccess") == "None", n, "is public")
			}),
		),
		accepted: []exception{{"allowSharedKeyAccess",
			"Pulumi uploads blobs with the account's key; everything else reads by managed identity"}},
	},
	{
		id: "stateful-protected", title: "Nothing that holds state can be deleted by an edit: Pulumi protects it",
		sources: []string{"AM-3", "BR-2", "RE:09", "OE:11"}, prodOnly: true,
		check: func(e estate) []violation {
			var found []violation
			for _, n := range e.azure() {
				if !slices.Contains(statefulKinds, n.kind) {
					continue
				}
				for _, v := range demand(n.Protect, n, "can be deleted") {
					if isBackupGroup(n) {
						v = v.on("backup-group")
					}
					found = append(found, v)
				}
			}
			return found
		},
		accepted: []exception{
			{"backup-group", "Pulumi leaves it where it is when the broker goes"},
			{"cache:RedisEnterprise", "a copy of the database's rules: the rules job fills it again"},
			{"compute:Disk", "what one node holds, the others hold too; a smaller plan deletes it"},
			{"containerregistry:Registry", "copies of public images: the mirror script fetches them again"},
			{"storage:StorageAccount", "what machines fetch: the next update uploads it again"},
		},
	},
	{
		id:      "stateful-locked",
		title:   "Vault, database and the stack's own DNS zone can't be deleted by hand either: Azure locks them",
		sources: []string{"AM-4", "BR-2", "RE:09"}, prodOnly: true,
		check: func(e estate) []violation {
			var found []violation
			for _, n := range e.all("keyvault:Vault", "dbforpostgresql:Server", "network:Zone") {
				locked := slices.ContainsFunc(e.all("authorization:ManagementLockByScope"), func(lock node) bool {
					return locks(e, lock, n)
				})
				found = append(found, e.onReplica(n, demand(locked, n, "has no lock"))...)
			}
			return found
		},
		accepted: []exception{{"replica", "what it holds, the server that it follows holds too, and that one is locked"}},
	},
	{
		id:      "disks-outlive-machines",
		title:   "A deleted machine leaves its disk with data and its address behind, and the disk has no write cache",
		sources: []string{"BR-2", "RE:09"},
		check:   each("compute:VirtualMachine", leavesItsData),
	},
	{
		id: "backups-kept", title: "The database's backups are kept for 7 days at least", sources: []string{"BR-1", "RE:09"},
		check:    backupsKept(7),
		accepted: []exception{{"replica", "Azure backs up the server that it follows, and no replica"}},
	},
	{
		id: "backups-kept-in-prod", title: "The database's backups are kept for 14 days at least",
		sources: []string{"BR-1", "RE:09"}, prodOnly: true,
		check:    backupsKept(14),
		accepted: []exception{{"replica", "Azure backs up the server that it follows, and no replica"}},
	},
}

// statefulKinds are the kinds that hold what a deletion would lose.
var statefulKinds = []string{
	"azureactivedirectory:B2CTenant", "cache:Redis", "cache:RedisEnterprise", "compute:Disk", "containerregistry:Registry",
	"dbforpostgresql:Database", "dbforpostgresql:Server", "keyvault:Vault", "network:VirtualNetwork", "network:Zone",
	"operationalinsights:Workspace", "resources:ResourceGroup", "storage:StorageAccount",
}

// leavesItsData looks at what Azure deletes with a machine (Microsoft's "Delete a VM and attached resources"), and at
// what a host that fails would hold of writes (Microsoft's "Disk caching").
func leavesItsData(_ estate, n node) []violation {
	var found []violation
	disks := n.list("storageProfile", "dataDisks")
	for _, part := range slices.Concat(disks, n.list("networkProfile", "networkInterfaces")) {
		found = append(found, demand(part["deleteOption"] == "Detach", n, "deletes what is attached to it: %v", part)...)
	}
	for _, disk := range disks {
		cached := disk["caching"] != "None" && disk["caching"] != "ReadOnly"
		found = append(found, demand(!cached, n, "caches writes to its data: %v", disk["caching"])...)
	}
	return append(found, demand(len(disks) > 0, n, "has no disk for its data")...)
}

func backupsKept(days float64) func(estate) []violation {
	return each("dbforpostgresql:Server", func(e estate, n node) []violation {
		kept := n.number("backup", "backupRetentionDays")
		return e.onReplica(n, demand(kept >= days, n, "keeps backups for %v days", kept))
	})
}

// locks says whether a lock keeps a resource: at it, or at something in it, which Azure would have to delete first.
func locks(e estate, lock, n node) bool {
	scope := lock.text("scope")
	inside, known := e.byID(scope)
	contained := known && inside.kind == "dbforpostgresql:Database" && inside.text("serverName") == n.text("serverName") &&
		inside.text("resourceGroupName") == n.text("resourceGroupName")
	return lock.text("level") == "CanNotDelete" && (scope == n.id || strings.HasPrefix(scope, n.id+"/") || contained)
}
