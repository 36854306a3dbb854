package standin

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

const (
	backupVaultID = inGroup + "Microsoft.RecoveryServices/vaults/vm-0-backup"
	nightlyID     = backupVaultID + "/backupPolicies/nightly"
	protected     = "iaasvmcontainerv2;rg-amora;vm-0"
)

var twoAtNight = l{"2026-01-01T02:00:00Z"}

// backupParts are a machine's backup and a storage account's retention, on top of the platform, in an order in which
// they can be created.
func backupParts() []part {
	return []part{
		{"backup vault", "azure-native:recoveryservices/v20241001:Vault",
			at(m{"vaultName": "vm-0-backup", "sku": m{"name": "RS0"}, "properties": m{
				"redundancySettings": m{"standardTierStorageRedundancy": "GeoRedundant", "crossRegionRestore": "Enabled"},
				"securitySettings": m{"softDeleteSettings": m{"softDeleteState": "Enabled",
					"softDeleteRetentionPeriodInDays": 14}}}})},
		{"policy", "azure-native:recoveryservices/v20241001:ProtectionPolicy",
			at(m{"vaultName": "vm-0-backup", "policyName": "nightly", "properties": m{
				"backupManagementType": "AzureIaasVM", "policyType": "V2", "instantRpRetentionRangeInDays": 2,
				"schedulePolicy": m{"schedulePolicyType": "SimpleSchedulePolicyV2",
					"dailySchedule": m{"scheduleRunTimes": twoAtNight}},
				"retentionPolicy": m{"dailySchedule": m{"retentionTimes": twoAtNight,
					"retentionDuration": m{"count": 14, "durationType": "Days"}}}}})},
		{"item", "azure-native:recoveryservices/v20241001:ProtectedItem",
			at(m{"vaultName": "vm-0-backup", "fabricName": "Azure",
				"containerName": "iaasvmcontainer;" + protected, "protectedItemName": "vm;" + protected,
				"properties": m{"protectedItemType": "Microsoft.Compute/virtualMachines", "sourceResourceId": machineID,
					"policyId": nightlyID}})},
		{"blobs", "azure-native:storage:BlobServiceProperties",
			at(m{"accountName": "stamora", "blobServicesName": "default", "isVersioningEnabled": true,
				"deleteRetentionPolicy":          m{"enabled": true, "days": 14},
				"containerDeleteRetentionPolicy": m{"enabled": true, "days": 14}})},
		{"lifecycle", "azure-native:storage:ManagementPolicy",
			at(m{"accountName": "stamora", "managementPolicyName": "default", "policy": m{"rules": l{
				m{"name": "old-versions", "type": "Lifecycle",
					"definition": m{"actions": m{"version": m{"delete": m{"daysAfterCreationGreaterThan": 14}}}}}}}})},
	}
}

func backupPart(t *testing.T, name string) part {
	t.Helper()
	for _, p := range backupParts() {
		if p.name == name {
			return p
		}
	}
	t.Fatalf("there is no part %q", name)
	return part{}
}

// backedUp is the platform with backups as far as, and without, the part with a logical name; "" creates all of them.
func backedUp(t *testing.T, upTo string) (*rehearsed, map[string]resource.ID) {
	t.Helper()
	r := rehearse(t, Faults{})
	ids := map[string]resource.ID{}
	for name, made := range r.upTo("") {
		ids[name] = made.ID
	}
	for _, p := range backupParts() {
		if p.name == upTo {
			break
		}
		ids[p.name] = r.mustCreate(p).ID
	}
	return r, ids
}

func refusedWith(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want a refusal with %q", err, want)
	}
}

func TestWhatAzureBackupRefusesIsRefused(t *testing.T) {
	const redundancy, softDelete = "properties.redundancySettings", "properties.securitySettings.softDeleteSettings"
	for _, c := range []struct {
		sentence, part, path string
		value                any
		want                 string
	}{
		{"a vault with a dot in its name", "backup vault", "vaultName", "vm.0", "2 to 50 letters"},
		{"a vault without a SKU", "backup vault", "sku", nil, "missing required property 'sku'"},
		{"a redundancy that there is not", "backup vault", redundancy + ".standardTierStorageRedundancy", "Geo",
			"is not one of LocallyRedundant"},
		{"another region's restores of backups in one zone", "backup vault",
			redundancy + ".standardTierStorageRedundancy", "LocallyRedundant",
			"needs a vault with the storage redundancy GeoRedundant"},
		{"a vault without soft delete", "backup vault", softDelete + ".softDeleteState", "Disabled",
			"Soft delete can't be disabled"},
		{"a soft delete of a week", "backup vault", softDelete + ".softDeleteRetentionPeriodInDays", 7, "14 to 180 days"},

		{"a policy in a vault that there is not", "policy", "vaultName", "other", "ParentResourceNotFound"},
		{"a policy for something else", "policy", "properties.backupManagementType", "AzureStorage", "knows AzureIaasVM"},
		{"a type of policy that there is not", "policy", "properties.policyType", "V3", "policyType is 'V3'"},
		{"snapshots for longer than a month", "policy", "properties.instantRpRetentionRangeInDays", 31, "for 1 to 30 days"},
		{"a standard policy with an enhanced schedule", "policy", "properties.policyType", nil,
			"a schedule of the type SimpleSchedulePolicy,"},
		{"a backup that is kept from another time on", "policy",
			"properties.retentionPolicy.dailySchedule.retentionTimes", l{"2026-01-01T03:00:00Z"},
			"are not those of the schedule"},
		{"a backup that is kept for a day", "policy",
			"properties.retentionPolicy.dailySchedule.retentionDuration.count", 1, "for 7 to 9999 days"},

		{"a machine that there is not", "item", "properties.sourceResourceId", machineID + "1", "InvalidResourceReference"},
		{"a disk", "item", "properties.sourceResourceId", diskID, "needs the id of a virtual machine"},
		{"a machine without a policy", "item", "properties.policyId", nil,
			"needs the id of a virtual machine and of a policy"},
		{"a policy that there is not", "item", "properties.policyId", nightlyID + "2", "InvalidResourceReference"},
		{"an item that is called like another machine", "item", "protectedItemName",
			"vm;iaasvmcontainerv2;rg-amora;vm-1", "BMSUserErrorContainerObjectNotFound"},
		{"an item in the container of another group", "item", "containerName",
			"iaasvmcontainer;iaasvmcontainerv2;rg-other;vm-0", "BMSUserErrorContainerObjectNotFound"},

		{"blobs that are kept for two years", "blobs", "deleteRetentionPolicy.days", 730, "not 1 to 365"},
		{"containers that are kept for no day", "blobs", "containerDeleteRetentionPolicy.days", 0, "not 1 to 365"},
		{"settings of an account that there is not", "blobs", "accountName", "other", "ParentResourceNotFound"},
		{"a lifecycle without rules", "lifecycle", "policy.rules", l{}, "has no rules"},
		{"a rule without actions", "lifecycle", "policy.rules", l{m{"name": "old-versions", "definition": m{}}},
			"has no actions"},
	} {
		t.Run(strings.ReplaceAll(c.sentence, " ", "-"), func(t *testing.T) {
			t.Parallel()
			r, _ := backedUp(t, c.part)
			before := len(r.world.Resources())
			_, err := r.create(backupPart(t, c.part).with(c.path, c.value))
			refusedWith(t, err, c.want)
			if after := len(r.world.Resources()); after != before {
				t.Errorf("refused, and made all the same: %d resources, not %d", after, before)
			}
			r.mustCreate(backupPart(t, c.part))
		})
	}
}

func TestABackupThatStartsBetweenHalfHoursIsRefused(t *testing.T) {
	r, _ := backedUp(t, "policy")
	odd := l{"2026-01-01T02:10:00Z"}
	p := backupPart(t, "policy").with("properties.schedulePolicy.dailySchedule.scheduleRunTimes", odd).
		with("properties.retentionPolicy.dailySchedule.retentionTimes", odd)
	_, err := r.create(p)
	refusedWith(t, err, "on the hour or half past")
}

func TestAMachineWithTrustedLaunchNeedsAnEnhancedPolicy(t *testing.T) {
	r, ids := backedUp(t, "policy")
	r.mustCreate(backupPart(t, "policy").with("properties.policyType", "V1").
		with("properties.schedulePolicy", m{"schedulePolicyType": "SimpleSchedulePolicy", "scheduleRunTimes": twoAtNight}))
	_, err := r.create(backupPart(t, "item"))
	refusedWith(t, err, "has trusted launch, which needs an enhanced policy")
	if err := r.world.Edit(string(ids["machine"]),
		func(props map[string]any) { delete(props, "securityProfile") }); err != nil {
		t.Fatal(err)
	}
	r.mustCreate(backupPart(t, "item"))
}

func TestAMachineIsInItsVaultsRegion(t *testing.T) {
	r, _ := backedUp(t, "backup vault")
	r.mustCreate(backupPart(t, "backup vault").with("location", "northeurope"))
	r.mustCreate(backupPart(t, "policy"))
	_, err := r.create(backupPart(t, "item"))
	refusedWith(t, err, "is in westeurope and the vault in northeurope")
}

// other is a part of a second vault.
func other(t *testing.T, name string) part {
	p := backupPart(t, name).with("vaultName", "other")
	if name == "item" {
		p = p.with("properties.policyId", strings.Replace(nightlyID, "vm-0-backup", "other", 1))
	}
	return p
}

func TestAMachineIsInOneVaultAtATimeAndInAnotherOnceTheFirstLetItGo(t *testing.T) {
	r, ids := backedUp(t, "")
	r.mustCreate(other(t, "backup vault"))
	r.mustCreate(other(t, "policy"))
	_, err := r.create(other(t, "item"))
	refusedWith(t, err, "is protected by another vault")
	if err := r.delete(ids["item"]); err != nil {
		t.Fatal(err)
	}
	r.mustCreate(other(t, "item"))
}

func TestAPolicyOfAnotherVaultIsRefused(t *testing.T) {
	r, _ := backedUp(t, "item")
	r.mustCreate(other(t, "backup vault"))
	_, err := r.create(backupPart(t, "item").with("vaultName", "other"))
	refusedWith(t, err, "is not one of the vault 'other'")
}

func TestAVaultAndAPolicyThatAreInUseStay(t *testing.T) {
	r, ids := backedUp(t, "")
	refusedWith(t, r.delete(ids["backup vault"]), "existing resources within the vault")
	refusedWith(t, r.delete(ids["policy"]), "is associated with the backup item")
	for _, name := range []string{"item", "policy", "backup vault"} {
		if err := r.delete(ids[name]); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

func TestADeletedBackupKeepsItsPlaceUntilItsVaultGoes(t *testing.T) {
	r, ids := backedUp(t, "")
	if err := r.delete(ids["item"]); err != nil {
		t.Fatal(err)
	}
	_, err := r.create(backupPart(t, "item"))
	refusedWith(t, err, "soft-deleted")
	for _, name := range []string{"policy", "backup vault"} {
		if err := r.delete(ids[name]); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"backup vault", "policy", "item"} {
		r.mustCreate(backupPart(t, name))
	}
}

func TestAVaultThatHasOrHadItemsKeepsItsRedundancy(t *testing.T) {
	before := backupPart(t, "backup vault")
	after := before.with("properties.redundancySettings", m{"standardTierStorageRedundancy": "ZoneRedundant"})
	r, ids := backedUp(t, "")
	_, err := r.update(ids["backup vault"], before, after)
	refusedWith(t, err, "can't be changed from GeoRedundant to ZoneRedundant")
	if err := r.delete(ids["item"]); err != nil {
		t.Fatal(err)
	}
	_, err = r.update(ids["backup vault"], before, after)
	refusedWith(t, err, "can't be changed")

	empty, ids := backedUp(t, "policy")
	if _, err := empty.update(ids["backup vault"], before, after); err != nil {
		t.Error(err)
	}
}

func TestABackupKeepsNeitherItsMachineNorItsDisks(t *testing.T) {
	r, ids := backedUp(t, "")
	for _, name := range []string{"extension", "machine", "disk"} {
		if err := r.delete(ids[name]); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A machine of the same name is backed up on.
	r.mustCreate(planned(t, "disk"))
	r.mustCreate(planned(t, "machine"))
	longer := backupPart(t, "item").with("tags", m{"team": "amora"})
	if _, err := r.update(ids["item"], backupPart(t, "item"), longer); err != nil {
		t.Error(err)
	}
}

func TestTheRetentionOfBlobsGoesWithoutThem(t *testing.T) {
	r, ids := backedUp(t, "")
	for _, name := range []string{"lifecycle", "blobs"} {
		if err := r.delete(ids[name]); err != nil {
			t.Fatal(err)
		}
	}
	if r.world.find(string(ids["container"])) == nil || r.world.find(string(ids["blob"])) == nil {
		t.Error("a container or a blob went with the settings")
	}
}
