package components

import (
	"fmt"

	"github.com/pulumi/pulumi-azure-native-sdk/network/v2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const networkType = "amora:foundation:Network"

// NetworkArgs is what a Network is made of. All address ranges are CIDR blocks.
type NetworkArgs struct {
	Placement
	Name            string
	AddressSpace    string
	AppsSubnet      string // Container Apps environment: /27 or larger, nothing else in it
	DatabaseSubnet  string // PostgreSQL: /28 or larger, nothing else in it
	EndpointsSubnet string // private endpoints
	Guard           Guard
}

// Network is the virtual network of a stack, with one subnet and one network security group per tier.
type Network struct {
	pulumi.ResourceState

	ID                pulumi.IDOutput `pulumi:"id"`
	AppsSubnetID      pulumi.IDOutput `pulumi:"appsSubnetId"`
	DatabaseSubnetID  pulumi.IDOutput `pulumi:"databaseSubnetId"`
	EndpointsSubnetID pulumi.IDOutput `pulumi:"endpointsSubnetId"`
}

// tier is one subnet and the flows that may enter it.
type tier struct {
	name, cidr, delegation string
	policies               string // privateEndpointNetworkPolicies: a private endpoint honours its NSG only when enabled
	inbound                []flow
}

// NewNetwork registers the virtual network, its subnets and their security groups.
func NewNetwork(ctx *pulumi.Context, name string, args *NetworkArgs, opts ...pulumi.ResourceOption) (*Network, error) {
	n := &Network{}
	if err := ctx.RegisterComponentResourceV2(networkType, name, pulumi.Map{"addressSpace": pulumi.String(args.AddressSpace)}, n, opts...); err != nil {
		return nil, err
	}
	parent := pulumi.Parent(n)
	vnet, err := network.NewVirtualNetwork(ctx, name+"-vnet", &network.VirtualNetworkArgs{
		ResourceGroupName:  args.ResourceGroup,
		VirtualNetworkName: pulumi.String(args.Name),
		Location:           pulumi.String(args.Location),
		AddressSpace:       &network.AddressSpaceArgs{AddressPrefixes: pulumi.StringArray{pulumi.String(args.AddressSpace)}},
		Tags:               args.tags(),
		// The subnets are resources of their own; Azure echoes them here, and taking that for a change would drop them.
	}, append(args.Guard.options(parent, "resourceGroupName", "virtualNetworkName", "location"), pulumi.IgnoreChanges([]string{"subnets"}))...)
	if err != nil {
		return nil, fmt.Errorf("virtual network: %w", err)
	}
	n.ID = vnet.ID()

	var previous pulumi.Resource
	ids := make([]pulumi.IDOutput, 0, 3)
	for _, t := range tiers(args) {
		subnet, err := newTier(ctx, name, args, vnet, t, previous, parent)
		if err != nil {
			return nil, fmt.Errorf("subnet %s: %w", t.name, err)
		}
		previous, ids = subnet, append(ids, subnet.ID())
	}
	n.AppsSubnetID, n.DatabaseSubnetID, n.EndpointsSubnetID = ids[0], ids[1], ids[2]
	return n, ctx.RegisterResourceOutputs(n, pulumi.Map{
		"id": n.ID, "appsSubnetId": n.AppsSubnetID, "databaseSubnetId": n.DatabaseSubnetID, "endpointsSubnetId": n.EndpointsSubnetID,
	})
}

func newTier(ctx *pulumi.Context, name string, args *NetworkArgs, vnet *network.VirtualNetwork, t tier, after pulumi.Resource, parent pulumi.ResourceOption) (*network.Subnet, error) {
	nsg, err := network.NewNetworkSecurityGroup(ctx, name+"-"+t.name+"-nsg", &network.NetworkSecurityGroupArgs{
		ResourceGroupName:        args.ResourceGroup,
		NetworkSecurityGroupName: pulumi.String(args.Name + "-" + t.name),
		Location:                 pulumi.String(args.Location),
		SecurityRules:            securityRules(t.inbound),
		Tags:                     args.tags(),
	}, args.Guard.options(parent, "resourceGroupName", "networkSecurityGroupName", "location")...)
	if err != nil {
		return nil, err
	}
	subnet := &network.SubnetArgs{
		ResourceGroupName:              args.ResourceGroup,
		VirtualNetworkName:             vnet.Name,
		SubnetName:                     pulumi.String(t.name),
		AddressPrefix:                  pulumi.String(t.cidr),
		NetworkSecurityGroup:           &network.NetworkSecurityGroupTypeArgs{Id: nsg.ID()},
		PrivateEndpointNetworkPolicies: pulumi.String(t.policies),
	}
	if t.delegation != "" {
		subnet.Delegations = network.DelegationArray{&network.DelegationArgs{
			Name: pulumi.String(t.name), ServiceName: pulumi.String(t.delegation),
		}}
	}
	options := args.Guard.options(parent, "resourceGroupName", "virtualNetworkName", "subnetName")
	if after != nil {
		// Azure refuses two writes to one virtual network at a time (AnotherOperationInProgress).
		options = append(options, pulumi.DependsOn([]pulumi.Resource{after}))
	}
	return network.NewSubnet(ctx, name+"-"+t.name, subnet, options...)
}
