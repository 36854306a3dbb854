package components

import (
	"fmt"
	"slices"

	network "github.com/pulumi/pulumi-azure-native-sdk/network/v2/v20230201"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const networkType = "amora:foundation:Network"

// NetworkArgs is what a Network is made of. All address ranges are CIDR blocks.
type NetworkArgs struct {
	Placement
	Name            string
	AddressSpace    string
	DatabaseSubnet  string // PostgreSQL: /28 or larger, nothing else in it
	PeerDatabase    string // of another region, whose server follows this one's or is followed by it; "": none
	EndpointsSubnet string // private endpoints
	AppsSubnet      string // of the broker on Container Apps …
	ClusterSubnet   string // … of the one on AKS …
	// … and of the one on VMs: whichever is deployed makes its own, and all may use what is private here
	NodesSubnet   string
	GatewaySubnet string // of the gateway in front of the one on AKS
	// DDoS Network Protection for every public address in the network: about $2,944 a month for a tenant's first 100
	DDoSPlan bool
	Beside   *Network // of another region, whose DDoS plan serves this one too; nil: none
	Guard    Guard
}

// Network is the virtual network of a stack, with one subnet and one network security group per tier. The brokers bring
// the subnets that only they need.
type Network struct {
	pulumi.ResourceState

	ID                pulumi.IDOutput     `pulumi:"id"`
	Name              pulumi.StringOutput `pulumi:"name"`
	DatabaseSubnetID  pulumi.IDOutput     `pulumi:"databaseSubnetId"`
	EndpointsSubnetID pulumi.IDOutput     `pulumi:"endpointsSubnetId"`

	component  string // logical name
	args       *NetworkArgs
	ddosPlanID pulumi.StringOutput
	changes    []pulumi.Resource // subnets and peerings: Azure takes one change of a network at a time
}

// tier is one subnet and the flows that may enter it.
type tier struct {
	name, cidr, delegation string
	policies               string // privateEndpointNetworkPolicies: a private endpoint honours its NSG only when enabled
	inbound                []flow
	natGateway             pulumi.IDOutput // what leaves the tier goes through it; the zero value stands for none
	formerlyShared         bool            // earlier versions had it in the Network
}

// NewNetwork registers the virtual network, the subnets of database and private endpoints, and their security groups.
func NewNetwork(ctx *pulumi.Context, name string, args *NetworkArgs, opts ...pulumi.ResourceOption) (*Network, error) {
	n := &Network{component: name, args: args}
	if err := ctx.RegisterComponentResourceV2(networkType, name,
		pulumi.Map{"addressSpace": pulumi.String(args.AddressSpace)}, n, opts...); err != nil {
		return nil, err
	}
	parent := pulumi.Parent(n)
	plan, err := n.ddosPlan(ctx, parent)
	if err != nil {
		return nil, fmt.Errorf("DDoS protection plan: %w", err)
	}
	vnet, err := network.NewVirtualNetwork(ctx, name+"-vnet", &network.VirtualNetworkArgs{
		ResourceGroupName:  args.ResourceGroup,
		VirtualNetworkName: pulumi.String(args.Name),
		Location:           pulumi.String(args.Location),
		AddressSpace: &network.AddressSpaceArgs{
			AddressPrefixes: pulumi.StringArray{pulumi.String(args.AddressSpace)}},
		EnableDdosProtection: pulumi.Bool(args.DDoSPlan),
		DdosProtectionPlan:   plan,
		Tags:                 args.tags(),
		// The subnets are resources of their own; Azure echoes them here, and taking that for a change would drop them.
	}, append(args.Guard.options(parent, "resourceGroupName", "virtualNetworkName", "location"),
		pulumi.IgnoreChanges([]string{"subnets"}))...)
	if err != nil {
		return nil, fmt.Errorf("virtual network: %w", err)
	}
	if err := newDiagnostics(ctx, name+"-vnet", args.Placement, vnet.ID(), allLogs, parent); err != nil {
		return nil, err
	}
	n.ID, n.Name = vnet.ID(), vnet.Name
	if n.DatabaseSubnetID, err = n.newTier(ctx, name+"-database", name+"-database-nsg", databaseTier(args), args.Guard,
		parent); err != nil {
		return nil, err
	}
	if n.EndpointsSubnetID, err = n.newTier(ctx, name+"-endpoints", name+"-endpoints-nsg", endpointsTier(args),
		args.Guard, parent); err != nil {
		return nil, err
	}
	return n, ctx.RegisterResourceOutputs(n, pulumi.Map{
		"id": n.ID, "name": n.Name, "databaseSubnetId": n.DatabaseSubnetID, "endpointsSubnetId": n.EndpointsSubnetID,
	})
}

// ddosPlan registers the plan, if there is to be one, or takes the other network's.
func (n *Network) ddosPlan(ctx *pulumi.Context, parent pulumi.ResourceOption) (network.SubResourcePtrInput, error) {
	if !n.args.DDoSPlan {
		return nil, nil
	}
	if n.args.Beside != nil {
		n.ddosPlanID = n.args.Beside.ddosPlanID
		return &network.SubResourceArgs{Id: n.ddosPlanID.ToStringPtrOutput()}, nil
	}
	plan, err := network.NewDdosProtectionPlan(ctx, n.component+"-ddos-plan", &network.DdosProtectionPlanArgs{
		ResourceGroupName:      n.args.ResourceGroup,
		DdosProtectionPlanName: pulumi.String(n.args.Name),
		Location:               pulumi.String(n.args.Location),
		Tags:                   n.args.tags(),
	}, parent)
	if err != nil {
		return nil, err
	}
	n.ddosPlanID = plan.ID().ToStringOutput()
	return &network.SubResourceArgs{Id: n.ddosPlanID.ToStringPtrOutput()}, nil
}

// newBrokerTier registers a subnet that goes when its broker goes: nothing in it is stateful.
func (n *Network) newBrokerTier(ctx *pulumi.Context, component string, t tier, parent pulumi.ResourceOption) (
	pulumi.IDOutput, error) {
	return n.newTier(ctx, component+"-subnet", component+"-nsg", t, Guard{AllowReplace: n.args.Guard.AllowReplace}, parent)
}

// newTier registers a subnet and its security group.
func (n *Network) newTier(ctx *pulumi.Context, subnetName, nsgName string, t tier, guard Guard,
	parent pulumi.ResourceOption) (pulumi.IDOutput, error) {
	// The type as it was then: an alias has the new one otherwise.
	formerly := func(suffix, kind string) pulumi.ResourceOption {
		if !t.formerlyShared {
			return pulumi.Aliases(nil)
		}
		return pulumi.Aliases([]pulumi.Alias{{
			Name: pulumi.String(n.component + "-" + t.name + suffix),
			Type: pulumi.String("azure-native:network:" + kind), Parent: n,
		}})
	}
	nsg, err := network.NewNetworkSecurityGroup(ctx, nsgName, &network.NetworkSecurityGroupArgs{
		ResourceGroupName:        n.args.ResourceGroup,
		NetworkSecurityGroupName: pulumi.String(n.args.Name + "-" + t.name),
		Location:                 pulumi.String(n.args.Location),
		SecurityRules:            securityRules(t.inbound),
		Tags:                     n.args.tags(),
	}, append(guard.options(parent, "resourceGroupName", "networkSecurityGroupName", "location"),
		formerly("-nsg", "NetworkSecurityGroup"))...)
	if err != nil {
		return pulumi.IDOutput{}, fmt.Errorf("security group %s: %w", t.name, err)
	}
	if err := newDiagnostics(ctx, nsgName, n.args.Placement, nsg.ID(), allLogs, parent); err != nil {
		return pulumi.IDOutput{}, err
	}
	args := &network.SubnetArgs{
		ResourceGroupName:              n.args.ResourceGroup,
		VirtualNetworkName:             n.Name,
		SubnetName:                     pulumi.String(t.name),
		AddressPrefix:                  pulumi.String(t.cidr),
		NetworkSecurityGroup:           &network.NetworkSecurityGroupTypeArgs{Id: nsg.ID()},
		PrivateEndpointNetworkPolicies: pulumi.String(t.policies),
	}
	if t.delegation != "" {
		args.Delegations = network.DelegationArray{&network.DelegationArgs{
			Name: pulumi.String(t.name), ServiceName: pulumi.String(t.delegation),
		}}
	}
	if t.natGateway != (pulumi.IDOutput{}) {
		args.NatGateway = &network.SubResourceArgs{Id: t.natGateway.ToStringPtrOutput()}
	}
	options := append(guard.options(parent, "resourceGroupName", "virtualNetworkName", "subnetName"),
		formerly("", "Subnet"))
	// Azure refuses two writes to one virtual network at a time (AnotherOperationInProgress). Each waits for all before
	// it, and not only for the last: one that is lost by hand is lost as the way to the others, too.
	options = append(options, pulumi.DependsOn(slices.Clone(n.changes)))
	subnet, err := network.NewSubnet(ctx, subnetName, args, options...)
	if err != nil {
		return pulumi.IDOutput{}, fmt.Errorf("subnet %s: %w", t.name, err)
	}
	n.changes = append(n.changes, subnet)
	return subnet.ID(), nil
}
