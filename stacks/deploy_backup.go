package stacks

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/components"
)

// planDiskBackup decides how brokers' disks are backed up in a region, nil for not at all.
func planDiskBackup(c Config, zoned bool) *components.DiskBackup {
	if !c.Availability.DiskBackup {
		return nil
	}
	return &components.DiskBackup{
		RetentionDays: c.Availability.BackupRetentionDays, GeoRedundant: c.Availability.GeoRedundantBackup,
		Zoned: zoned, Keep: c.Protect,
	}
}

// deployMachineBackup backs up a VerneMQ's machines, whose names begin with machines, and gives back the names of the
// vaults.
func (f *foundation) deployMachineBackup(ctx *pulumi.Context, name, machines string, backup components.DiskBackup,
	broker *components.OnVMs) (pulumi.StringArrayOutput, error) {
	made, err := components.NewMachineBackup(ctx, name, &components.MachineBackupArgs{
		Placement: f.place, DiskBackup: backup, Name: machines, Serving: broker.Serving,
		SubscriptionID: f.base.SubscriptionID,
	}, f.in)
	if err != nil {
		return pulumi.StringArrayOutput{}, fmt.Errorf("backup of the machines: %w", err)
	}
	return made.VaultNames, nil
}
