package components

import (
	"fmt"
	"slices"

	network "github.com/pulumi/pulumi-azure-native-sdk/network/v2/v20230201"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const peeringType = "amora:foundation:Peering"

// PeeringArgs is what a Peering is made of.
type PeeringArgs struct {
	First, Second *Network // whose address spaces don't overlap
}

// Peering lets the networks of two regions reach each other, over Azure's own lines.
type Peering struct {
	pulumi.ResourceState

	there, back pulumi.Resource
}

// NewPeering registers both directions. What is added to a network later waits for its own.
func NewPeering(ctx *pulumi.Context, name string, args *PeeringArgs, opts ...pulumi.ResourceOption) (*Peering, error) {
	p := &Peering{}
	if err := ctx.RegisterComponentResourceV2(peeringType, name, pulumi.Map{}, p, opts...); err != nil {
		return nil, err
	}
	var err error
	if p.there, err = newPeering(ctx, name+"-there", args.First, args.Second, pulumi.Parent(p)); err != nil {
		return nil, err
	}
	if p.back, err = newPeering(ctx, name+"-back", args.Second, args.First, pulumi.Parent(p)); err != nil {
		return nil, err
	}
	return p, ctx.RegisterResourceOutputs(p, pulumi.Map{})
}

// newPeering registers one direction. Neither network lends the other its gateways, or passes on what comes from
// elsewhere.
func newPeering(ctx *pulumi.Context, name string, from, to *Network, parent pulumi.ResourceOption) (pulumi.Resource,
	error) {
	peering, err := network.NewVirtualNetworkPeering(ctx, name, &network.VirtualNetworkPeeringArgs{
		ResourceGroupName:         from.args.ResourceGroup,
		VirtualNetworkName:        from.Name,
		VirtualNetworkPeeringName: pulumi.String("region"),
		RemoteVirtualNetwork:      &network.SubResourceArgs{Id: to.ID.ToStringPtrOutput()},
		AllowVirtualNetworkAccess: pulumi.Bool(true),
		AllowForwardedTraffic:     pulumi.Bool(false),
		AllowGatewayTransit:       pulumi.Bool(false),
		UseRemoteGateways:         pulumi.Bool(false),
		// Azure takes one change of a network at a time.
	}, parent, pulumi.DependsOn(slices.Concat(from.changes, to.changes)))
	if err != nil {
		return nil, fmt.Errorf("peering %s: %w", name, err)
	}
	from.changes = append(from.changes, peering)
	return peering, nil
}
