package components

import (
	"fmt"
	"slices"

	postgresql "github.com/pulumi/pulumi-azure-native-sdk/dbforpostgresql/v2/v20240801"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const replicaType = "amora:foundation:Replica"

// ReplicaArgs is what a Replica is made of.
type ReplicaArgs struct {
	Placement
	Name      pulumi.StringInput // server name, unique in all of Azure
	NetworkID pulumi.StringInput // ARM id of the virtual network in its region
	SubnetID  pulumi.StringInput // ARM id of a subnet there that is delegated to PostgreSQL
	Peering   *Peering           // of that network with the one of the source
	Size      DatabaseSize       // a server of another size than the source's could not take its place
	Source    *Database
	Vault     *Vault // takes the passwords, which are the source's
	Guard     Guard
}

// NewReplica registers a server in another region that follows a Database, some seconds to minutes behind, and can only
// be read until a person promotes it. To those who read, it is a Database. Promotion swaps the two servers' roles, and
// wants the virtual endpoint that is made here.
func NewReplica(ctx *pulumi.Context, name string, args *ReplicaArgs, opts ...pulumi.ResourceOption) (*Database, error) {
	d := &Database{zone: args.Source.zone}
	if err := ctx.RegisterComponentResourceV2(replicaType, name, pulumi.Map{"sku": pulumi.String(args.Size.SKU)}, d,
		opts...); err != nil {
		return nil, err
	}
	parent := pulumi.Parent(d)
	// Both servers are in one private zone, so that each region finds either by its name.
	link, err := newZoneLink(ctx, name, privateZone{args.Source.placement, "", args.NetworkID}, args.Source.zone.Name,
		args.Location, args.Guard, parent)
	if err != nil {
		return nil, fmt.Errorf("link to the private DNS zone: %w", err)
	}
	server, err := postgresql.NewServer(ctx, name+"-server", replicaServerArgs(args),
		append(args.Guard.options(parent, "resourceGroupName", "serverName", "location", "createMode",
			"sourceServerResourceId",
			"network.delegatedSubnetResourceId", "network.privateDnsZoneArmResourceId"),
			pulumi.IgnoreChanges([]string{"availabilityZone"}),
			// The source takes no other change while a replica is made.
			pulumi.DependsOn(slices.Concat(args.Source.contents,
				[]pulumi.Resource{link, args.Peering.there, args.Peering.back})))...)
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	endpoint, err := postgresql.NewVirtualEndpoint(ctx, name+"-virtual-endpoint", &postgresql.VirtualEndpointArgs{
		ResourceGroupName:   args.Source.placement.ResourceGroup,
		ServerName:          args.Source.name,
		VirtualEndpointName: args.Source.name.ToStringPtrOutput(),
		EndpointType:        pulumi.String("ReadWrite"),
		Members:             pulumi.StringArray{server.Name},
		// A promotion swaps the members; putting them back would undo it.
	}, parent, pulumi.IgnoreChanges([]string{"members"}))
	if err != nil {
		return nil, fmt.Errorf("virtual endpoint: %w", err)
	}
	if err := d.store(ctx, name, args.Placement, args.Vault, args.Source, newBrokerSecretVersion, parent); err != nil {
		return nil, err
	}
	if err := newDiagnostics(ctx, name, args.Placement, server.ID(), allLogs, parent); err != nil {
		return nil, err
	}
	d.ID, d.name = server.ID().ToStringOutput(), server.Name
	d.DatabaseID = pulumi.Sprintf("%s/databases/%s", server.ID(), databaseName)
	named := args.Guard.kept("database", "name", args.Name, server.Name)
	d.Host = pulumi.All(server.FullyQualifiedDomainName, named, endpoint.ID()).
		ApplyT(func(v []any) string { return v[0].(string) }).(pulumi.StringOutput)
	return d, ctx.RegisterResourceOutputs(d, pulumi.Map{"id": d.ID, "host": d.Host})
}

func replicaServerArgs(args *ReplicaArgs) *postgresql.ServerArgs {
	server := &postgresql.ServerArgs{
		ResourceGroupName:      args.ResourceGroup,
		ServerName:             args.Name.ToStringOutput().ToStringPtrOutput(),
		Location:               pulumi.String(args.Location),
		CreateMode:             pulumi.String("Replica"),
		SourceServerResourceId: args.Source.ID.ToStringPtrOutput(),
		Sku:                    &postgresql.SkuArgs{Name: pulumi.String(args.Size.SKU), Tier: pulumi.String(args.Size.Tier)},
		Storage: &postgresql.StorageArgs{StorageSizeGB: pulumi.Int(args.Size.StorageGB),
			AutoGrow: pulumi.String("Enabled")},
		Network: &postgresql.NetworkArgs{
			DelegatedSubnetResourceId:   args.SubnetID.ToStringOutput().ToStringPtrOutput(),
			PrivateDnsZoneArmResourceId: args.Source.zone.ID(),
			PublicNetworkAccess:         pulumi.String("Disabled"),
		},
		Tags: args.tags(),
	}
	if args.Size.Zone != "" {
		server.AvailabilityZone = pulumi.String(args.Size.Zone)
	}
	return server
}
