package components

import (
	"fmt"

	"github.com/pulumi/pulumi-azure-native-sdk/network/v2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// newNATGateway registers what lets a subnet reach the Internet, from one fixed address: Azure gives new subnets no way out of their own
// any more. Its address is in all zones; the gateway itself is in one, which Azure picks, since this SKU has no other way.
func newNATGateway(ctx *pulumi.Context, name string, place Placement, azureName string, zones []string, parent pulumi.ResourceOption) (*network.NatGateway, error) {
	address, err := newPublicAddress(ctx, name+"-nat-address", place, azureName+"-nat", zones, parent)
	if err != nil {
		return nil, fmt.Errorf("address of the NAT gateway: %w", err)
	}
	gateway, err := network.NewNatGateway(ctx, name+"-nat", &network.NatGatewayArgs{
		ResourceGroupName: place.ResourceGroup,
		NatGatewayName:    pulumi.String(azureName),
		Location:          pulumi.String(place.Location),
		Sku:               &network.NatGatewaySkuArgs{Name: pulumi.String("Standard")},
		PublicIpAddresses: network.SubResourceArray{&network.SubResourceArgs{Id: address.ID().ToStringPtrOutput()}},
		Tags:              place.tags(),
	}, parent)
	if err != nil {
		return nil, fmt.Errorf("NAT gateway: %w", err)
	}
	return gateway, nil
}

// newPublicAddress registers a static public IPv4 address in some availability zones; none where the region has none.
func newPublicAddress(ctx *pulumi.Context, name string, place Placement, azureName string, zones []string, parent pulumi.ResourceOption) (*network.PublicIPAddress, error) {
	return network.NewPublicIPAddress(ctx, name, &network.PublicIPAddressArgs{
		ResourceGroupName:        place.ResourceGroup,
		PublicIpAddressName:      pulumi.String(azureName),
		Location:                 pulumi.String(place.Location),
		Sku:                      &network.PublicIPAddressSkuArgs{Name: pulumi.String("Standard"), Tier: pulumi.String("Regional")},
		PublicIPAllocationMethod: pulumi.String("Static"),
		PublicIPAddressVersion:   pulumi.String("IPv4"),
		Zones:                    inZones(zones),
		Tags:                     place.tags(),
	}, parent)
}

// inZones leaves the zones out where there are none.
func inZones(zones []string) pulumi.StringArrayInput {
	if len(zones) == 0 {
		return nil
	}
	return pulumi.ToStringArray(zones)
}
