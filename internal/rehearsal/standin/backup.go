package standin

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

var backupKinds = []*kind{
	{
		token: "recoveryservices:Vault", arm: "Microsoft.RecoveryServices/vaults",
		path: []string{"vaultName"}, located: true, required: []string{"sku"}, latency: 30 * time.Second,
		naming: naming{pattern: regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{1,49}$`),
			rule: "2 to 50 letters, digits and hyphens, starting with a letter"},
		enums: map[string][]string{
			"sku.name": {"RS0", "Standard"}, "properties.publicNetworkAccess": {"Enabled", "Disabled"},
			"properties.redundancySettings.standardTierStorageRedundancy": {"LocallyRedundant",
				"ZoneRedundant", "GeoRedundant"},
			"properties.redundancySettings.crossRegionRestore": {"Enabled", "Disabled"},
			"properties.securitySettings.softDeleteSettings.softDeleteState": {"Enabled", "Disabled",
				"AlwaysON"},
			"properties.monitoringSettings.azureMonitorAlertSettings.alertsForAllJobFailures": {"Enabled", "Disabled"},
			"properties.monitoringSettings.classicAlertSettings.alertsForCriticalOperations":  {"Enabled", "Disabled"},
		},
		admit: admitBackupVault, release: releaseBackupVault,
		compute: func(*World, *Resource) map[string]any {
			return map[string]any{"properties": map[string]any{"provisioningState": "Succeeded"}}
		},
	},
	{
		token: "recoveryservices:ProtectionPolicy", arm: "Microsoft.RecoveryServices/vaults/backupPolicies",
		path: []string{"vaultName", "policyName"}, required: []string{"properties"}, latency: 10 * time.Second,
		naming: naming{pattern: regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{2,149}$`),
			rule: "3 to 150 letters, digits and hyphens, starting with a letter", auto: autoCopy},
		fixed: []string{"properties.policyType"},
		admit: admitBackupPolicy,
		release: func(w *World, r *Resource) error {
			if item := w.userOf(r.ID, "recoveryservices:ProtectedItem", ""); item != nil {
				return refusal("BMSUserErrorPolicyInUse",
					"The policy '%s' can't be deleted: it is associated with the backup item %s.", r.name(), item.name())
			}
			return nil
		},
	},
	{
		// Deleting one deletes its backups, which Azure keeps for another 14 days at least.
		token:    "recoveryservices:ProtectedItem",
		arm:      "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems",
		path:     []string{"vaultName", "fabricName", "containerName", "protectedItemName"},
		required: []string{"properties"}, keepName: true, latency: time.Minute,
		naming: naming{auto: autoCopy},
		fixed:  []string{"properties.sourceResourceId", "properties.protectedItemType"},
		enums: map[string][]string{"properties.protectedItemType": {"Microsoft.Compute/virtualMachines"},
			"fabricName": {"Azure"}},
		admit: admitBackupItem,
		taken: func(name string, softDeleted bool) error {
			return fmt.Errorf("cannot create already existing resource '%s': its backups are soft-deleted, and the "+
				"same vault takes no other ones before they are undeleted or gone", name)
		},
		compute: func(_ *World, r *Resource) map[string]any {
			source := r.in().str("properties.sourceResourceId")
			return map[string]any{"properties": map[string]any{
				"friendlyName": lastSegment(source), "virtualMachineId": source, "workloadType": "VM",
				"protectionState": "IRPending",
			}}
		},
	},
	{
		// Azure's id for these settings is that of the blob service, which comes and goes with the account and has the
		// containers in it.
		token: "storage:BlobServiceProperties", arm: "Microsoft.Storage/storageAccounts/blobServices/settings",
		path: []string{"accountName", "=default", "blobServicesName"}, latency: 5 * time.Second,
		naming: naming{pattern: regexp.MustCompile(`^default$`), rule: "default"},
		admit: func(_ *World, r, _ *Resource) error {
			for _, policy := range []string{"deleteRetentionPolicy", "containerDeleteRetentionPolicy"} {
				if days := r.in().num(policy + ".days"); r.in().flag(policy+".enabled") && (days < 1 || days > 365) {
					return refusal("InvalidXmlNodeValue",
						"The value for one of the XML nodes is not in the correct format: %s has %v days, not 1 to 365.", policy, days)
				}
			}
			return nil
		},
	},
	{
		token: "storage:ManagementPolicy", arm: "Microsoft.Storage/storageAccounts/managementPolicies",
		path: []string{"accountName", "managementPolicyName"}, required: []string{"policy"}, latency: 5 * time.Second,
		naming: naming{pattern: regexp.MustCompile(`^default$`), rule: "default"},
		admit: func(_ *World, r, _ *Resource) error {
			rules := r.in().objects("policy.rules")
			if len(rules) == 0 {
				return refusal("InvalidRequestPropertyValue", "The management policy has no rules.")
			}
			for _, rule := range rules {
				if len(rule.object("definition.actions")) == 0 {
					return refusal("InvalidRequestPropertyValue",
						"The rule '%s' of the management policy has no actions.", rule.str("name"))
				}
			}
			return nil
		},
	},
}

// itemsOf lists the items that a vault backs up now.
func (w *World) itemsOf(vault string) []*Resource {
	return slices.DeleteFunc(w.each("recoveryservices:ProtectedItem"), func(item *Resource) bool {
		return !within(item.ID, vault)
	})
}

// everProtected tells whether a vault has backups, deleted ones that Azure still keeps included.
func (w *World) everProtected(vault string) bool {
	for id := range w.state.SoftDeleted {
		if within(id, vault) {
			return true
		}
	}
	return len(w.itemsOf(vault)) > 0
}

func admitBackupVault(w *World, r, old *Resource) error {
	redundancy, security := r.in().object("properties.redundancySettings"),
		r.in().object("properties.securitySettings.softDeleteSettings")
	stored := redundancy.str("standardTierStorageRedundancy")
	if redundancy.str("crossRegionRestore") == "Enabled" && stored != "GeoRedundant" {
		return refusal("CloudInternalError",
			"Cross region restore needs a vault with the storage redundancy GeoRedundant; this one has '%s'.", stored)
	}
	if before := old.in().str("properties.redundancySettings.standardTierStorageRedundancy"); old != nil &&
		before != stored && w.everProtected(r.ID) {
		return refusal("UserErrorStorageTypeNotAllowedToChange",
			"The storage redundancy of the vault '%s' can't be changed from %s to %s: items are protected in it.",
			r.name(), before, stored)
	}
	if security.str("softDeleteState") == "Disabled" {
		return refusal("UserErrorSoftDeleteStateChangeNotAllowed",
			"Soft delete can't be disabled: vaults are secure by default.")
	}
	if days := security.num("softDeleteRetentionPeriodInDays"); security.has("softDeleteRetentionPeriodInDays") &&
		(days < 14 || days > 180) {
		return refusal("InvalidRequest", "The soft delete retention period must be 14 to 180 days, not %v.", days)
	}
	return nil
}

// releaseBackupVault lets go what has soft-deleted items at most: they are kept with the vault, and its name is free at
// once.
func releaseBackupVault(w *World, r *Resource) error {
	if items := w.itemsOf(r.ID); len(items) > 0 {
		return refusal("ServiceResourceNotEmptyWithContainerDetails",
			"Recovery Services vault cannot be deleted as there are existing resources within the vault: "+
				"%s. Stop their protection and delete their backups first.", items[0].name())
	}
	return nil
}

// The most days that a machine's snapshots stay beside it, by the type of the policy.
var mostSnapshotDays = map[string]float64{"V1": 5, "V2": 30}

func admitBackupPolicy(_ *World, r, _ *Resource) error {
	policy := r.in().object("properties")
	invalid := func(reason string, args ...any) error {
		return refusal("BMSUserErrorInvalidPolicyInput",
			"Input for create or update policy is not in proper format: "+reason, args...)
	}
	if policy.str("backupManagementType") != "AzureIaasVM" {
		return invalid("backupManagementType is '%s', and the rehearsal knows AzureIaasVM.",
			policy.str("backupManagementType"))
	}
	version := policy.str("policyType")
	if version == "" {
		version = "V1"
	}
	most, known := mostSnapshotDays[version]
	if !known {
		return invalid("policyType is '%s'.", version)
	}
	if days := policy.num("instantRpRetentionRangeInDays"); policy.has("instantRpRetentionRangeInDays") &&
		(days < 1 || days > most) {
		return invalid("a policy of the type %s keeps snapshots for 1 to %v days, not %v.", version, most, days)
	}
	wanted := map[string]string{"V1": "SimpleSchedulePolicy", "V2": "SimpleSchedulePolicyV2"}[version]
	if kind := policy.str("schedulePolicy.schedulePolicyType"); kind != wanted {
		return invalid("a policy of the type %s has a schedule of the type %s, not '%s'.", version, wanted, kind)
	}
	starts := policy.texts("schedulePolicy.scheduleRunTimes")
	if version == "V2" {
		starts = policy.texts("schedulePolicy.dailySchedule.scheduleRunTimes")
	}
	daily := policy.object("retentionPolicy.dailySchedule")
	if !slices.Equal(starts, daily.texts("retentionTimes")) || len(starts) != 1 {
		return invalid("the retention times %v are not those of the schedule, %v.", daily.texts("retentionTimes"), starts)
	}
	at, err := time.Parse(time.RFC3339, starts[0])
	if err != nil || at.Minute()%30 != 0 || at.Second() != 0 {
		return invalid("a backup starts on the hour or half past, not at '%s'.", starts[0])
	}
	if days := daily.num("retentionDuration.count"); days < 7 || days > 9999 ||
		daily.str("retentionDuration.durationType") != "Days" {
		return invalid("a daily backup is kept for 7 to 9999 days, not %v.", days)
	}
	return nil
}

func admitBackupItem(w *World, r, _ *Resource) error {
	source, policy := r.in().str("properties.sourceResourceId"), r.in().str("properties.policyId")
	if !isOfType(source, "Microsoft.Compute/virtualMachines") || policy == "" {
		return refusal("BMSUserErrorInvalidInput",
			"A protected item needs the id of a virtual machine and of a policy: it has '%s' and '%s'.", source, policy)
	}
	vault := w.find(groupOf(r.ID) + "/providers/Microsoft.RecoveryServices/vaults/" + r.in().str("vaultName"))
	if vault != nil && !within(policy, vault.ID) {
		return refusal("BMSUserErrorPolicyNotFound", "The policy %s is not one of the vault '%s'.", policy, vault.name())
	}
	machine := "iaasvmcontainerv2;" + lastSegment(groupOf(source)) + ";" + lastSegment(source)
	if !strings.EqualFold(r.in().str("containerName"), "iaasvmcontainer;"+machine) ||
		!strings.EqualFold(r.in().str("protectedItemName"), "vm;"+machine) {
		return refusal("BMSUserErrorContainerObjectNotFound",
			"The item '%s' in the container '%s' is not the machine %s, which is '%s'.",
			r.in().str("protectedItemName"), r.in().str("containerName"), source, machine)
	}
	for _, other := range w.each("recoveryservices:ProtectedItem") {
		if fold(other.ID) != fold(r.ID) && fold(other.in().str("properties.sourceResourceId")) == fold(source) {
			return refusal("UserErrorVmAlreadyProtectedInAnotherVault",
				"The machine %s is protected by another vault: %s.", source, other.ID)
		}
	}
	return machineProtectable(w.find(source), vault, w.find(policy), w)
}

// machineProtectable knows nothing against machines, vaults and policies that were given.
func machineProtectable(machine, vault, policy *Resource, w *World) error {
	if machine == nil || vault == nil || policy == nil {
		return nil
	}
	if from, to := locationOf(w, machine), locationOf(w, vault); from != to {
		return refusal("UserErrorVmNotInSameRegionAsVault", "The machine %s is in %s and the vault in %s.", machine.ID,
			from, to)
	}
	if machine.in().str("securityProfile.securityType") == "TrustedLaunch" && policy.in().
		str("properties.policyType") != "V2" {
		return refusal("UserErrorTrustedLaunchVMNotSupportedWithStandardPolicy",
			"The machine %s has trusted launch, which needs an enhanced policy (V2).", machine.ID)
	}
	return nil
}
