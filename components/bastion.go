package components

import (
	"fmt"

	network "github.com/pulumi/pulumi-azure-native-sdk/network/v2/v20230201"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const bastionType = "amora:edge:Bastion"

// BastionArgs is what a Bastion is made of.
type BastionArgs struct {
	Placement
	Name       string
	SubnetCIDR string   // /26 or larger, nothing else in it
	Zones      []string // of its address
	Network    *Network
}

// Bastion is the way for people to the machines of a stack by SSH: they sign in to Azure, and no machine has a public
// address.
type Bastion struct{ pulumi.ResourceState }

// NewBastion registers the Bastion host with its subnet and address.
func NewBastion(ctx *pulumi.Context, name string, args *BastionArgs, opts ...pulumi.ResourceOption) (*Bastion, error) {
	b := &Bastion{}
	if err := ctx.RegisterComponentResourceV2(bastionType, name, pulumi.Map{"subnet": pulumi.String(args.SubnetCIDR)},
		b, opts...); err != nil {
		return nil, err
	}
	parent := pulumi.Parent(b)
	subnet, err := args.Network.newBrokerTier(ctx, name, bastionTier(args.SubnetCIDR), parent)
	if err != nil {
		return nil, err
	}
	address, err := newPublicAddress(ctx, name+"-address",
		publicAddress{Placement: args.Placement, name: args.Name + "-bastion", zones: args.Zones}, parent)
	if err != nil {
		return nil, fmt.Errorf("public address: %w", err)
	}
	host, err := network.NewBastionHost(ctx, name+"-host", &network.BastionHostArgs{
		ResourceGroupName: args.ResourceGroup,
		BastionHostName:   pulumi.String(args.Name),
		Location:          pulumi.String(args.Location),
		// The smallest one for which `az network bastion ssh` works.
		Sku: &network.SkuArgs{Name: pulumi.String("Standard")}, EnableTunneling: pulumi.Bool(true),
		IpConfigurations: network.BastionHostIPConfigurationArray{&network.BastionHostIPConfigurationArgs{
			Name: pulumi.String("public"), Subnet: &network.SubResourceArgs{Id: subnet.ToStringPtrOutput()},
			PublicIPAddress: &network.SubResourceArgs{Id: address.ID().ToStringPtrOutput()},
		}},
		Tags: args.tags(),
	}, parent)
	if err != nil {
		return nil, fmt.Errorf("host: %w", err)
	}
	if err := newDiagnostics(ctx, name, args.Placement, host.ID(), allLogs, parent); err != nil {
		return nil, err
	}
	return b, ctx.RegisterResourceOutputs(b, pulumi.Map{})
}
