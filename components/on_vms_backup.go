package components

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	recoveryservices "github.com/pulumi/pulumi-azure-native-sdk/recoveryservices/v2/v20241001"
)

const machineBackupType = "amora:operations:MachineBackup"

// MachineBackupArgs is what a MachineBackup is made of.
type MachineBackupArgs struct {
	Placement
	DiskBackup
	Name           string            // prefix of the machines' names, as in OnVMsArgs
	Serving        []pulumi.Resource // one for each machine, in the order of their numbers: what is there once it serves
	SubscriptionID pulumi.StringInput
}

// MachineBackup is the nightly backup of all disks of the machines of an OnVMs, in Recovery Services vaults: one for
// each machine. Azure keeps a deleted backup for softDeleteDays, and takes no other backup of the same machine into the
// same vault in that time; a vault goes and comes back together with its machine, and Azure gives its name out again at
// once.
type MachineBackup struct {
	pulumi.ResourceState

	VaultNames pulumi.StringArrayOutput `pulumi:"vaultNames"` // in the order of the machines
}

// machineBackup is what the parts of one MachineBackup share.
type machineBackup struct {
	ctx    *pulumi.Context
	args   *MachineBackupArgs
	parent pulumi.ResourceOption
}

// NewMachineBackup registers the vaults, each with its policy and its machine.
func NewMachineBackup(ctx *pulumi.Context, name string, args *MachineBackupArgs, opts ...pulumi.ResourceOption) (
	*MachineBackup, error) {
	b := &MachineBackup{}
	inputs := pulumi.Map{"machines": pulumi.Int(len(args.Serving)), "retentionDays": pulumi.Int(args.RetentionDays)}
	if err := ctx.RegisterComponentResourceV2(machineBackupType, name, inputs, b, opts...); err != nil {
		return nil, err
	}
	m := &machineBackup{ctx: ctx, args: args, parent: pulumi.Parent(b)}
	vaults := pulumi.StringArray{}
	for i := range args.Serving {
		vault, err := m.newBackup(i, fmt.Sprintf("%s-%d", name, i))
		if err != nil {
			return nil, fmt.Errorf("machine %d: %w", i, err)
		}
		vaults = append(vaults, vault.Name)
	}
	b.VaultNames = vaults.ToStringArrayOutput()
	return b, ctx.RegisterResourceOutputs(b, pulumi.Map{"vaultNames": b.VaultNames})
}

// newBackup makes the vault of one machine, and has the machine backed up into it.
func (m *machineBackup) newBackup(i int, name string) (*recoveryservices.Vault, error) {
	machine := fmt.Sprintf("%s-%d", m.args.Name, i)
	// Azure can't change how a vault that is in use stores its backups: another way is another name, and so another
	// vault. It must not have the machine before the old one has let it go.
	oneAfterTheOther := pulumi.DeleteBeforeReplace(true)
	vault, err := recoveryservices.NewVault(m.ctx, name+"-vault", m.vaultArgs(machine), m.parent, oneAfterTheOther)
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	if err := newDiagnostics(m.ctx, name+"-vault", m.args.Placement, vault.ID(), backupLogs, m.parent); err != nil {
		return nil, err
	}
	policy, err := recoveryservices.NewProtectionPolicy(m.ctx, name+"-policy", &recoveryservices.ProtectionPolicyArgs{
		ResourceGroupName: m.args.ResourceGroup,
		VaultName:         vault.Name,
		PolicyName:        pulumi.String("nightly"),
		Properties:        m.args.policy(m.args.Name),
	}, m.parent, oneAfterTheOther)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	if _, err := recoveryservices.NewProtectedItem(m.ctx, name+"-item", m.itemArgs(machine, vault.Name, policy.ID()),
		m.parent, oneAfterTheOther,
		pulumi.DependsOn([]pulumi.Resource{m.args.Serving[i]})); err != nil {
		return nil, fmt.Errorf("protected item: %w", err)
	}
	return vault, nil
}

// backupLogs are the tables of Azure Backup. The group of all logs has the two older forms of the same as well, which
// need another kind of setting.
var backupLogs = logCategories("CoreAzureBackup", "AddonAzureBackupJobs", "AddonAzureBackupAlerts",
	"AddonAzureBackupPolicy", "AddonAzureBackupStorage",
	"AddonAzureBackupProtectedInstance")

func (m *machineBackup) vaultArgs(machine string) *recoveryservices.VaultArgs {
	storage, short := m.args.redundancy()
	redundancy := &recoveryservices.VaultPropertiesRedundancySettingsArgs{
		StandardTierStorageRedundancy: pulumi.String(storage)}
	if m.args.GeoRedundant {
		redundancy.CrossRegionRestore = pulumi.String("Enabled") // while the region is up, too
	}
	return &recoveryservices.VaultArgs{
		ResourceGroupName: m.args.ResourceGroup,
		VaultName:         pulumi.Sprintf("%s-backup-%s", machine, short),
		Location:          pulumi.String(m.args.Location),
		Sku:               &recoveryservices.SkuArgs{Name: pulumi.String("RS0"), Tier: pulumi.String("Standard")},
		Properties: &recoveryservices.VaultPropertiesArgs{
			PublicNetworkAccess: pulumi.String("Enabled"), // of the vault's API: a machine sends nothing there
			RedundancySettings:  redundancy,
			SecuritySettings: &recoveryservices.SecuritySettingsArgs{
				SoftDeleteSettings: &recoveryservices.SoftDeleteSettingsArgs{
					SoftDeleteState: pulumi.String("Enabled"), SoftDeleteRetentionPeriodInDays: pulumi.Int(softDeleteDays),
				}},
			// A backup that fails is an alert of Azure Monitor's.
			MonitoringSettings: &recoveryservices.MonitoringSettingsArgs{
				AzureMonitorAlertSettings: &recoveryservices.AzureMonitorAlertSettingsArgs{
					AlertsForAllJobFailures: pulumi.String("Enabled")},
				ClassicAlertSettings: &recoveryservices.ClassicAlertSettingsArgs{
					AlertsForCriticalOperations: pulumi.String("Disabled")},
			},
		},
		Tags: m.args.tags(),
	}
}

// snapshotDays is how long the snapshot that a backup begins with stays beside its disk, from where it is restored in
// minutes.
const snapshotDays = 2

// policy is what Azure calls an enhanced policy, V2: only those take machines with trusted launch, and their snapshots
// are in all zones. Azure makes a resource group for the snapshots, whose name starts with name.
func (b DiskBackup) policy(name string) *recoveryservices.AzureIaaSVMProtectionPolicyArgs {
	at := pulumi.StringArray{pulumi.String(backupTime)}
	return &recoveryservices.AzureIaaSVMProtectionPolicyArgs{
		BackupManagementType:          pulumi.String("AzureIaasVM"),
		PolicyType:                    pulumi.String("V2"),
		TimeZone:                      pulumi.String("UTC"),
		InstantRpRetentionRangeInDays: pulumi.Int(snapshotDays),
		InstantRPDetails: &recoveryservices.InstantRPAdditionalDetailsArgs{
			AzureBackupRGNamePrefix: pulumi.String(name + "-snapshots-")},
		SchedulePolicy: &recoveryservices.SimpleSchedulePolicyV2Args{
			SchedulePolicyType: pulumi.String("SimpleSchedulePolicyV2"), ScheduleRunFrequency: pulumi.String("Daily"),
			DailySchedule: &recoveryservices.DailyScheduleArgs{ScheduleRunTimes: at},
		},
		RetentionPolicy: &recoveryservices.LongTermRetentionPolicyArgs{
			RetentionPolicyType: pulumi.String("LongTermRetentionPolicy"),
			DailySchedule: &recoveryservices.DailyRetentionScheduleArgs{
				RetentionTimes: at,
				RetentionDuration: &recoveryservices.RetentionDurationArgs{Count: pulumi.Int(b.RetentionDays),
					DurationType: pulumi.String("Days")},
			},
		},
	}
}

// itemArgs names the machine by what it is called, not by its outputs: a machine that is replaced keeps its backups,
// since Azure goes on with one of the same name in the same group.
func (m *machineBackup) itemArgs(machine string, vault pulumi.StringInput,
	policy pulumi.IDOutput) *recoveryservices.ProtectedItemArgs {
	item := pulumi.Sprintf("iaasvmcontainerv2;%s;%s", m.args.ResourceGroup, machine)
	return &recoveryservices.ProtectedItemArgs{
		ResourceGroupName: m.args.ResourceGroup,
		VaultName:         vault,
		FabricName:        pulumi.String("Azure"),
		ContainerName:     pulumi.Sprintf("iaasvmcontainer;%s", item),
		ProtectedItemName: pulumi.Sprintf("vm;%s", item),
		Properties: &recoveryservices.AzureIaaSComputeVMProtectedItemArgs{
			ProtectedItemType: pulumi.String("Microsoft.Compute/virtualMachines"),
			PolicyId:          policy.ToStringPtrOutput(),
			SourceResourceId: pulumi.Sprintf(
				"/subscriptions/%s/resourceGroups/%s/providers/Microsoft.Compute/virtualMachines/%s",
				m.args.SubscriptionID, m.args.ResourceGroup, machine).ToStringPtrOutput(),
		},
	}
}
