package components

import (
	"fmt"

	network "github.com/pulumi/pulumi-azure-native-sdk/network/v2/v20230201"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// PrivateLink is where a stack's private endpoints are. A service that is given none has a public address.
type PrivateLink struct {
	NetworkID pulumi.StringInput // ARM id of the virtual network whose names lead to them …
	SubnetID  pulumi.StringInput // … and of its subnet for private endpoints
}

// publicNetworkAccess is what a service with this link lets in past its private endpoint, in Azure's word.
func publicNetworkAccess(link *PrivateLink) pulumi.String {
	return enabled(link == nil)
}

// privateService is a service that the network is to reach at an address of its own.
type privateService struct {
	Placement
	link    PrivateLink
	name    pulumi.StringInput // of the private endpoint; unique among those of the stack
	id      pulumi.StringInput // ARM id of the service
	groupID string             // the part of it that is meant, as Azure calls it
	zone    string             // private DNS zone of such services
	after   []pulumi.Resource  // what the service does not get ready without
}

// newPrivateEndpoint registers the endpoint, and the DNS zone in which the service's usual name leads there. The
// network reaches the service once what it gives back is there. Nothing here is stateful.
func newPrivateEndpoint(ctx *pulumi.Context, name string, s privateService, parent pulumi.ResourceOption) (
	pulumi.Resource, error) {
	zone, link, err := newPrivateZone(ctx, name, privateZone{s.Placement, s.zone, s.link.NetworkID},
		Guard{AllowReplace: true}, parent)
	if err != nil {
		return nil, fmt.Errorf("private DNS zone: %w", err)
	}
	endpoint, err := network.NewPrivateEndpoint(ctx, name+"-endpoint", &network.PrivateEndpointArgs{
		ResourceGroupName:   s.ResourceGroup,
		PrivateEndpointName: s.name.ToStringOutput().ToStringPtrOutput(),
		Location:            pulumi.String(s.Location),
		Subnet:              &network.SubnetTypeArgs{Id: s.link.SubnetID.ToStringOutput().ToStringPtrOutput()},
		PrivateLinkServiceConnections: network.PrivateLinkServiceConnectionArray{&network.PrivateLinkServiceConnectionArgs{
			Name: pulumi.String(s.groupID), PrivateLinkServiceId: s.id.ToStringOutput().ToStringPtrOutput(),
			GroupIds: pulumi.ToStringArray([]string{s.groupID}),
		}},
		Tags: s.tags(),
	}, parent, pulumi.DependsOn(s.after))
	if err != nil {
		return nil, fmt.Errorf("private endpoint: %w", err)
	}
	names, err := network.NewPrivateDnsZoneGroup(ctx, name+"-endpoint-dns", &network.PrivateDnsZoneGroupArgs{
		ResourceGroupName:       s.ResourceGroup,
		PrivateEndpointName:     endpoint.Name,
		PrivateDnsZoneGroupName: pulumi.String("default"),
		PrivateDnsZoneConfigs: network.PrivateDnsZoneConfigArray{&network.PrivateDnsZoneConfigArgs{
			Name: pulumi.String(s.groupID), PrivateDnsZoneId: zone.ID(),
		}},
	}, parent, pulumi.DependsOn([]pulumi.Resource{link}))
	if err != nil {
		return nil, fmt.Errorf("names of the private endpoint: %w", err)
	}
	return names, nil
}
