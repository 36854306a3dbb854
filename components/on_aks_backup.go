package components

import (
	"fmt"
	"slices"

	authorization "github.com/pulumi/pulumi-azure-native-sdk/authorization/v2/v20220401"
	resources "github.com/pulumi/pulumi-azure-native-sdk/resources/v2/v20220901"
	"github.com/pulumi/pulumi-random/sdk/v4/go/random"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
	kubernetes "github.com/amora-sync/mqtt-on-azure/internal/azurenative/kubernetesconfiguration"
)

// newBackup has the cluster take a snapshot of each broker's volume, each night. The snapshots are in a resource group
// of their own, since those beside the disks would go with the cluster. It gives back the group's name.
func (a *aks) newBackup(backup DiskBackup) (pulumi.StringOutput, error) {
	group, role, err := a.newBackupGroup(backup)
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	rendered := group.ApplyT(func(group string) (map[string]string, error) {
		return assets.HiveMQSnapshots{
			Group: group, Brokers: a.args.Size.Brokers, RetentionDays: backup.RetentionDays, ShellImage: postgresImage,
		}.Manifests()
	}).(pulumi.StringMapOutput)
	path := assets.HiveMQSnapshotsFolder + "/manifests.yaml"
	manifests, blobs, err := a.args.Storage.newFolder(a.ctx, a.name+"-backup", "backup",
		map[string]pulumi.StringInput{path: rendered.MapIndex(pulumi.String(path))}, a.parent)
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	applied := kubernetes.KustomizationDefinitionMap{assets.HiveMQSnapshotsFolder: kubernetes.KustomizationDefinitionArgs{
		Path: pulumi.String("./" + assets.HiveMQSnapshotsFolder), Prune: pulumi.Bool(true), Wait: pulumi.Bool(true),
		Force:                 pulumi.Bool(false),
		SyncIntervalInSeconds: pulumi.Float64(600), RetryIntervalInSeconds: pulumi.Float64(60),
		TimeoutInSeconds: pulumi.Float64(1200),
	}}
	if _, err := kubernetes.NewFluxConfiguration(a.ctx, a.name+"-backup-configuration",
		a.fluxArgs("backup", manifests, applied, "PT20M"), a.parent,
		pulumi.DependsOn(slices.Concat(blobs, a.changes, []pulumi.Resource{role}))); err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("configuration of the backup: %w", err)
	}
	return group, nil
}

// newBackupGroup makes the resource group of the snapshots, and lets the control plane, which runs the driver of the
// disks, write snapshots there. The role is held at the group because each night's snapshots have new names.
func (a *aks) newBackupGroup(backup DiskBackup) (pulumi.StringOutput, *authorization.RoleAssignment, error) {
	// A group that was left behind keeps its name.
	suffix, err := random.NewRandomString(a.ctx, a.name+"-backup-suffix", &random.RandomStringArgs{
		Length: pulumi.Int(4), Upper: pulumi.Bool(false), Special: pulumi.Bool(false),
	}, a.parent)
	if err != nil {
		return pulumi.StringOutput{}, nil, fmt.Errorf("name of the backup group: %w", err)
	}
	group, err := resources.NewResourceGroup(a.ctx, a.name+"-backup-group", &resources.ResourceGroupArgs{
		// After the stack's group, so that an edit which would replace that one is refused before this one is touched.
		ResourceGroupName: pulumi.Sprintf("%s-backup-%s", a.args.ResourceGroup, suffix.Result),
		Location:          pulumi.String(a.args.Location),
		Tags:              a.args.tags(),
	}, a.parent, pulumi.RetainOnDelete(backup.Keep))
	if err != nil {
		return pulumi.StringOutput{}, nil, fmt.Errorf("backup group: %w", err)
	}
	role, err := a.grant("backup-role", a.control, roleDiskSnapshotContributor, group.ID().ToStringOutput())
	if err != nil {
		return pulumi.StringOutput{}, nil, err
	}
	return group.Name, role, nil
}
