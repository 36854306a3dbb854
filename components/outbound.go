package components

import (
	"fmt"

	network "github.com/pulumi/pulumi-azure-native-sdk/network/v2/v20230201"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// newNATGateway registers what lets a subnet reach the Internet, from one fixed address: Azure gives new subnets no way
// out of their own any more. Its address is in all zones; the gateway itself is in one, which Azure picks, since this
// SKU has no other way.
func newNATGateway(ctx *pulumi.Context, name string, place Placement, azureName string, zones []string,
	parent pulumi.ResourceOption) (*network.NatGateway, error) {
	address, err := newPublicAddress(ctx, name+"-nat-address",
		publicAddress{Placement: place, name: azureName + "-nat", zones: zones}, parent)
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

// publicAddress is a static public IPv4 address.
type publicAddress struct {
	Placement
	name  string
	zones []string // none where the region has none
	ddos  bool     // DDoS IP Protection: about $199 a month
}

func newPublicAddress(ctx *pulumi.Context, name string, a publicAddress, parent pulumi.ResourceOption) (
	*network.PublicIPAddress, error) {
	args := &network.PublicIPAddressArgs{
		ResourceGroupName:   a.ResourceGroup,
		PublicIpAddressName: pulumi.String(a.name),
		Location:            pulumi.String(a.Location),
		Sku: &network.PublicIPAddressSkuArgs{Name: pulumi.String("Standard"),
			Tier: pulumi.String("Regional")},
		PublicIPAllocationMethod: pulumi.String("Static"),
		PublicIPAddressVersion:   pulumi.String("IPv4"),
		Zones:                    inZones(a.zones),
		Tags:                     a.tags(),
	}
	if a.ddos {
		args.DdosSettings = &network.DdosSettingsArgs{ProtectionMode: pulumi.String("Enabled")}
	}
	address, err := network.NewPublicIPAddress(ctx, name, args, parent)
	if err != nil {
		return nil, err
	}
	return address, newDiagnostics(ctx, name, a.Placement, address.ID(), allLogs, parent)
}

// inZones leaves the zones out where there are none.
func inZones(zones []string) pulumi.StringArrayInput {
	if len(zones) == 0 {
		return nil
	}
	return pulumi.ToStringArray(zones)
}
