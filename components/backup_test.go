package components

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-random/sdk/v4/go/random"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/internal/pulumitest"
)

func TestBackupsAreStoredAsFarAwayAsWanted(t *testing.T) {
	for _, c := range []struct {
		backup         DiskBackup
		storage, short string
	}{
		{DiskBackup{}, "LocallyRedundant", "lrs"},
		{DiskBackup{Zoned: true}, "ZoneRedundant", "zrs"},
		{DiskBackup{GeoRedundant: true}, "GeoRedundant", "grs"},
		{DiskBackup{GeoRedundant: true, Zoned: true}, "GeoRedundant", "grs"},
	} {
		if storage, short := c.backup.redundancy(); storage != c.storage || short != c.short {
			t.Errorf("%+v is stored as %s, %s", c.backup, storage, short)
		}
	}
}

// backups are the resources of the backup of machines, by name.
func backups(t *testing.T, backup DiskBackup, machines int) map[string]pulumitest.Resource {
	t.Helper()
	found := map[string]pulumitest.Resource{}
	for _, r := range pulumitest.Run(t, "dev", func(ctx *pulumi.Context) error {
		var serving []pulumi.Resource
		for i := range machines {
			served, err := random.NewRandomString(ctx, fmt.Sprintf("served-%d", i),
				&random.RandomStringArgs{Length: pulumi.Int(4)})
			if err != nil {
				return err
			}
			serving = append(serving, served)
		}
		_, err := NewMachineBackup(ctx, "backup", &MachineBackupArgs{
			Placement: Placement{ResourceGroup: pulumi.String("amora-dev"), Location: "westeurope",
				Tags: map[string]string{"stack": "dev"}, Logs: pulumi.String("/workspace")},
			DiskBackup: backup, Name: "amora-dev", Serving: serving,
			SubscriptionID: pulumi.String("00000000-0000-0000-0000-000000000001"),
		})
		return err
	}) {
		found[r.Name] = r
	}
	return found
}

// given is an input by its path.
func given(t *testing.T, of pulumitest.Resource, path string) any {
	t.Helper()
	parsed, err := resource.ParsePropertyPath(path)
	if err != nil {
		t.Fatal(err)
	}
	v, ok := parsed.Get(resource.NewObjectProperty(of.Inputs))
	if !ok {
		return nil
	}
	return v.V
}

func TestEachMachineHasAVaultWithAPolicyAndItself(t *testing.T) {
	found := backups(t, DiskBackup{RetentionDays: 21, Zoned: true}, 2)
	for i := range 2 {
		part := func(name string) pulumitest.Resource { return found[fmt.Sprintf("backup-%d-%s", i, name)] }
		machine := fmt.Sprintf("amora-dev-%d", i)
		for _, want := range []struct {
			part, path string
			value      any
		}{
			{"vault", "vaultName", machine + "-backup-zrs"},
			{"vault", "properties.redundancySettings.standardTierStorageRedundancy", "ZoneRedundant"},
			{"vault", "properties.redundancySettings.crossRegionRestore", nil},
			{"vault", "properties.securitySettings.softDeleteSettings.softDeleteState", "Enabled"},
			{"vault", "tags.stack", "dev"},
			{"vault-logs", "resourceUri", "/id/" + part("vault").Name},
			{"policy", "vaultName", machine + "-backup-zrs"},
			{"policy", "properties.policyType", "V2"},
			{"policy", "properties.retentionPolicy.dailySchedule.retentionDuration.count", 21.0},
			{"policy", "properties.retentionPolicy.dailySchedule.retentionTimes[0]", backupTime},
			{"policy", "properties.schedulePolicy.dailySchedule.scheduleRunTimes[0]", backupTime},
			{"item", "vaultName", machine + "-backup-zrs"},
			{"item", "containerName", "iaasvmcontainer;iaasvmcontainerv2;amora-dev;" + machine},
			{"item", "protectedItemName", "vm;iaasvmcontainerv2;amora-dev;" + machine},
			{"item", "properties.policyId", "/id/" + part("policy").Name},
			{"item", "properties.sourceResourceId",
				"/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/amora-dev/providers/" +
					"Microsoft.Compute/virtualMachines/" + machine},
		} {
			if got := given(t, part(want.part), want.path); got != want.value {
				t.Errorf("%s of the %s of machine %d is %v, want %v", want.path, want.part, i, got, want.value)
			}
		}
		if waits := part("item").
			Dependencies; !slices.ContainsFunc(waits,
			func(urn string) bool { return strings.HasSuffix(urn, fmt.Sprintf("::served-%d", i)) }) {
			t.Errorf("machine %d is backed up before it serves: it waits for %v", i, waits)
		}
	}
}

func TestBackupsInThePairedRegionCanBeRestoredThere(t *testing.T) {
	vault := backups(t, DiskBackup{RetentionDays: 7, GeoRedundant: true, Zoned: true}, 1)["backup-0-vault"]
	if given(t, vault, "vaultName") != "amora-dev-0-backup-grs" ||
		given(t, vault, "properties.redundancySettings.crossRegionRestore") != "Enabled" {
		t.Errorf("the vault is %v", vault.Inputs)
	}
}

func TestAMachineIsBackedUpUnderTheNameThatItHas(t *testing.T) {
	v := &vms{args: &OnVMsArgs{Name: "amora-dev"}}
	item := backups(t, DiskBackup{RetentionDays: 7}, 3)["backup-2-item"]
	if id := given(t, item, "properties.sourceResourceId").(string); !strings.HasSuffix(id,
		"/virtualMachines/"+v.machineName(2)) {
		t.Errorf("the third machine is %s and %s is backed up", v.machineName(2), id)
	}
}

// stored are the resources of a storage account, by name.
func stored(t *testing.T, days int) map[string]pulumitest.Resource {
	t.Helper()
	found := map[string]pulumitest.Resource{}
	for _, r := range pulumitest.Run(t, "dev", func(ctx *pulumi.Context) error {
		_, err := NewStorage(ctx, "storage", &StorageArgs{
			Placement: Placement{ResourceGroup: pulumi.String("amora-dev"), Location: "westeurope"},
			Name:      pulumi.String("amoradev"), RetentionDays: days,
		})
		return err
	}) {
		found[r.Name] = r
	}
	return found
}

func TestWhatIsDeletedOrOverwrittenInTheStorageAccountIsKeptAsLongAsWantedAndNoLonger(t *testing.T) {
	found := stored(t, 14)
	for _, want := range []struct {
		resource, path string
		value          any
	}{
		{"storage-blobs", "deleteRetentionPolicy.days", 14.0},
		{"storage-blobs", "deleteRetentionPolicy.enabled", true},
		{"storage-blobs", "containerDeleteRetentionPolicy.days", 14.0},
		{"storage-blobs", "containerDeleteRetentionPolicy.enabled", true},
		{"storage-blobs", "isVersioningEnabled", true},
		{"storage-blobs", "accountName", "amoradev"},
		{"storage-lifecycle", "policy.rules[0].definition.actions.version.delete.daysAfterCreationGreaterThan", 14.0},
		{"storage-lifecycle", "policy.rules[0].definition.actions.baseBlob", nil}, // what is in use stays
		{"storage-lifecycle", "policy.rules[0].enabled", true},
	} {
		if got := given(t, found[want.resource], want.path); got != want.value {
			t.Errorf("%s of %s is %v, want %v", want.path, want.resource, got, want.value)
		}
	}
	if none := stored(t, 0); len(none) == 0 || none["storage-blobs"].Name != "" || none["storage-lifecycle"].Name != "" {
		t.Errorf("without a retention, there is %v", none)
	}
}
