package components

import (
	"fmt"

	dns "github.com/pulumi/pulumi-azure-native-sdk/network/v2/v20180501"
	privatedns "github.com/pulumi/pulumi-azure-native-sdk/network/v2/v20240601"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const zoneType = "amora:foundation:Zone"

// ZoneArgs is what a Zone is made of.
type ZoneArgs struct {
	Placement
	Name          string // DNS name, such as "mqtt.amora.example.com"
	ExistingGroup string // resource group of a zone that is already there and stays the team's; "" makes one
	Guard         Guard
}

// Zone is the public DNS zone that holds the clients' names.
type Zone struct {
	pulumi.ResourceState

	ID            pulumi.StringOutput `pulumi:"id"` // ARM id; none for an existing zone
	Name          pulumi.StringOutput `pulumi:"name"`
	ResourceGroup pulumi.StringOutput `pulumi:"resourceGroup"`
	// to be entered at the parent zone; empty for an existing zone
	NameServers pulumi.StringArrayOutput `pulumi:"nameServers"`
}

// NewZone registers the zone, or stands for one that exists.
func NewZone(ctx *pulumi.Context, name string, args *ZoneArgs, opts ...pulumi.ResourceOption) (*Zone, error) {
	z := &Zone{}
	if err := ctx.RegisterComponentResourceV2(zoneType, name, pulumi.Map{"name": pulumi.String(args.Name)}, z,
		opts...); err != nil {
		return nil, err
	}
	if args.ExistingGroup != "" {
		z.Name = pulumi.String(args.Name).ToStringOutput()
		z.ResourceGroup = pulumi.String(args.ExistingGroup).ToStringOutput()
		z.NameServers = pulumi.StringArray{}.ToStringArrayOutput()
	} else {
		zone, err := dns.NewZone(ctx, name+"-zone", &dns.ZoneArgs{
			ResourceGroupName: args.ResourceGroup,
			ZoneName:          pulumi.String(args.Name),
			Location:          pulumi.String("global"),
			ZoneType:          dns.ZoneTypePublic,
			Tags:              args.plainTags(),
		}, args.Guard.options(pulumi.Parent(z), "resourceGroupName", "zoneName")...)
		if err != nil {
			return nil, fmt.Errorf("zone: %w", err)
		}
		z.ID = zone.ID().ToStringOutput()
		z.Name = args.Guard.kept("zone", "name", pulumi.String(args.Name), zone.Name)
		z.ResourceGroup = args.ResourceGroup.ToStringOutput()
		z.NameServers = zone.NameServers
	}
	return z, ctx.RegisterResourceOutputs(z, pulumi.Map{"name": z.Name, "resourceGroup": z.ResourceGroup,
		"nameServers": z.NameServers})
}

// host is a host name in the zone. It waits for the zone, so that an edit which would replace the zone is refused
// before what carries its names is touched.
func (z *Zone) host(name string) pulumi.StringOutput {
	return z.Name.ApplyT(func(string) string { return name }).(pulumi.StringOutput)
}

// recordTTL is short enough that a switch of the broker reaches clients within minutes (seconds).
const recordTTL = 60

func newRecord(ctx *pulumi.Context, name string, zone *Zone, relative, kind string, fill func(*dns.RecordSetArgs),
	opts ...pulumi.ResourceOption) (*dns.RecordSet, error) {
	record := &dns.RecordSetArgs{
		ResourceGroupName:     zone.ResourceGroup,
		ZoneName:              zone.Name,
		RelativeRecordSetName: pulumi.String(relative),
		RecordType:            pulumi.String(kind),
		Ttl:                   pulumi.Float64(recordTTL),
	}
	fill(record)
	set, err := dns.NewRecordSet(ctx, name, record, opts...)
	if err != nil {
		return nil, fmt.Errorf("%s record %s: %w", kind, relative, err)
	}
	return set, nil
}

// privateZone is a private DNS zone that one virtual network resolves.
type privateZone struct {
	Placement
	name      string
	networkID pulumi.StringInput
}

// newPrivateZone registers the zone and its link to the dns. Names in it resolve once the link is there.
func newPrivateZone(ctx *pulumi.Context, name string, z privateZone, guard Guard, parent pulumi.ResourceOption) (
	*privatedns.PrivateZone, *privatedns.VirtualNetworkLink, error) {
	zone, err := privatedns.NewPrivateZone(ctx, name+"-zone", &privatedns.PrivateZoneArgs{
		ResourceGroupName: z.ResourceGroup,
		PrivateZoneName:   pulumi.String(z.name),
		Location:          pulumi.String("global"),
		Tags:              z.plainTags(),
	}, guard.options(parent, "resourceGroupName", "privateZoneName")...)
	if err != nil {
		return nil, nil, err
	}
	link, err := newZoneLink(ctx, name, z, zone.Name, "network", guard, parent)
	return zone, link, err
}

// newZoneLink lets the network resolve a private zone.
func newZoneLink(ctx *pulumi.Context, name string, z privateZone, zone pulumi.StringInput, link string, guard Guard,
	parent pulumi.ResourceOption) (*privatedns.VirtualNetworkLink, error) {
	return privatedns.NewVirtualNetworkLink(ctx, name+"-zone-link", &privatedns.VirtualNetworkLinkArgs{
		ResourceGroupName:      z.ResourceGroup,
		PrivateZoneName:        zone,
		VirtualNetworkLinkName: pulumi.String(link),
		Location:               pulumi.String("global"),
		RegistrationEnabled:    pulumi.Bool(false),
		VirtualNetwork:         &privatedns.SubResourceArgs{Id: z.networkID.ToStringOutput().ToStringPtrOutput()},
		Tags:                   z.plainTags(),
	}, guard.options(parent, "resourceGroupName", "privateZoneName", "virtualNetwork")...)
}
