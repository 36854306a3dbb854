package stacks

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/components"
	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// deployVerneMQ puts VerneMQ on virtual machines, with a load balancer in front.
func deployVerneMQ(ctx *pulumi.Context, p Plan, f *foundation) (endpoints, error) {
	storage, err := f.newStorage(ctx, p)
	if err != nil {
		return endpoints{}, err
	}
	args := &components.OnVMsArgs{
		Placement: f.place, Name: p.Name, SSHKey: p.VerneMQ.SSHKey, ClientCA: p.VerneMQ.ClientCA, Package: p.VerneMQ.Package, Size: p.VerneMQ.VMsSize,
		SubnetCIDR: p.Network.Nodes, Network: f.network, Vault: f.vault, Certificate: f.certificate, Database: f.database, Storage: storage,
		DDoS: p.DDoS == DDoSIP, Telemetry: f.telemetry, SubscriptionID: f.base.SubscriptionID,
		// Not protected: a node that is no longer wanted hands over what it holds, and then its disk goes.
		DisksGuard: components.Guard{AllowReplace: p.guard("disks").AllowReplace},
	}
	if p.VerneMQ.Bastion {
		args.BastionCIDR = p.Network.Bastion
	}
	broker, err := components.NewOnVMs(ctx, "vernemq", args, f.in)
	if err != nil {
		return endpoints{}, fmt.Errorf("broker: %w", err)
	}
	if p.VerneMQ.Bastion {
		if _, err := components.NewBastion(ctx, "bastion", &components.BastionArgs{
			Placement: f.place, Name: p.Name, SubnetCIDR: p.Network.Bastion, Zones: p.VerneMQ.AddressZones, Network: f.network,
		}, f.in); err != nil {
			return endpoints{}, fmt.Errorf("bastion: %w", err)
		}
	}
	ctx.Export("machineNames", broker.MachineNames)
	// Both names lead to the load balancer.
	return endpoints{
		address: broker.Address, webSocketHost: pulumi.String(p.Names.Host).ToStringOutput(), after: broker.Serving,
		watched: []components.Watched{{Kind: "balancer", ID: broker.BalancerID, Alerts: assets.BalancerAlerts()}},
	}, nil
}
