package stacks

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/components"
	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// deployVerneMQ puts VerneMQ on virtual machines in each region, with a load balancer in front.
func deployVerneMQ(ctx *pulumi.Context, regions []region, _ secrets) ([]endpoints, error) {
	var at []endpoints
	for _, r := range regions {
		in, err := r.behind(at).deployVMs(ctx)
		if err != nil {
			return nil, err
		}
		at = append(at, in)
	}
	return at, nil
}

// deployVMs registers the VerneMQ of one region and what only it needs.
func (r region) deployVMs(ctx *pulumi.Context) (endpoints, error) {
	storage, err := r.newStorage(ctx, r.Plan)
	if err != nil {
		return endpoints{}, err
	}
	args := &components.OnVMsArgs{
		Placement: r.place, Name: r.Name, SSHKey: r.VerneMQ.SSHKey, ClientCA: r.VerneMQ.ClientCA,
		Package: r.VerneMQ.Package, Size: r.VerneMQ.VMsSize,
		SubnetCIDR: r.Network.Nodes, Network: r.network, Vault: r.vault, Certificate: r.certificate,
		Database: r.database, Storage: storage,
		DDoS: r.DDoS == DDoSIP, Rotation: r.Rotation, ClientIDs: r.ClientIDs, After: r.applied, Telemetry: r.telemetry,
		SubscriptionID: r.base.SubscriptionID,
		// Not protected: a node that is no longer wanted hands over what it holds, and then its disk goes.
		DisksGuard: components.Guard{AllowReplace: r.guard("disks").AllowReplace},
	}
	if r.VerneMQ.Bastion {
		args.BastionCIDR = r.Network.Bastion
	}
	broker, err := components.NewOnVMs(ctx, r.named("vernemq"), args, r.in)
	if err != nil {
		return endpoints{}, fmt.Errorf("broker: %w", err)
	}
	if r.VerneMQ.Bastion {
		if _, err := components.NewBastion(ctx, r.named("bastion"), &components.BastionArgs{
			Placement: r.place, Name: r.Name, SubnetCIDR: r.Network.Bastion, Zones: r.VerneMQ.AddressZones, Network: r.network,
		}, r.in); err != nil {
			return endpoints{}, fmt.Errorf("bastion: %w", err)
		}
	}
	r.export(ctx, "machineNames", broker.MachineNames)
	if r.DiskBackup != nil {
		vaults, err := r.deployMachineBackup(ctx, r.named("backup"), r.Name, *r.DiskBackup, broker)
		if err != nil {
			return endpoints{}, err
		}
		r.export(ctx, "backupVaults", vaults)
	}
	// Both names lead to the load balancer.
	return endpoints{
		address: broker.Address, webSocketHost: pulumi.String(r.Names.Host).ToStringOutput(), after: broker.Serving,
		nodes:   broker.Serving,
		watched: []components.Watched{{Kind: "balancer", ID: broker.BalancerID, Alerts: assets.BalancerAlerts()}},
	}, nil
}
