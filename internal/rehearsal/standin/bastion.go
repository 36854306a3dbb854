package standin

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// bastionSubnet is the one name that the subnet of a Bastion host can have.
const bastionSubnet = "AzureBastionSubnet"

var bastionKinds = []*kind{
	{
		token: "network:BastionHost", arm: "Microsoft.Network/bastionHosts",
		path: []string{"bastionHostName"}, naming: networkNaming, located: true, latency: 5 * time.Minute,
		fixed: []string{"ipConfigurations"},
		enums: map[string][]string{"sku.name": {"Basic", "Standard", "Developer", "Premium"}},
		admit: admitBastion, compute: provisioned,
	},
}

func admitBastion(w *World, r, _ *Resource) error {
	for _, c := range r.in().objects("ipConfigurations") {
		if id := c.str("subnet.id"); lastSegment(id) != bastionSubnet {
			return refusal("SubnetNameMustBeAzureBastionSubnet",
				"Subnet name %s is invalid for Azure Bastion. Azure Bastion can only be created in subnet with "+
					"name '%s'.", id, bastionSubnet)
		}
		if subnet := w.find(c.str("subnet.id")); subnet != nil {
			if err := largeEnough(subnet, 26); err != nil {
				return err
			}
		}
		if a := w.find(c.str("publicIPAddress.id")); a != nil &&
			(skuOrBasic(a) != "Standard" || a.in().str("publicIPAllocationMethod") != "Static") {
			return refusal("BastionHostPublicIpMustBeStandardStatic",
				"Bastion host %s references public IP %s, which is not static and of the sku Standard.", r.ID, a.ID)
		}
	}
	return nil
}

// bastionFlows are the inbound flows that Azure wants a security group of Bastion's subnet to permit in rules of its
// own.
var bastionFlows = []struct {
	from  string
	ports []string
}{
	{"Internet", []string{"443"}}, {"GatewayManager", []string{"443"}}, {"AzureLoadBalancer", []string{"443"}},
	{"VirtualNetwork", []string{"8080", "5701"}},
}

// bastionMayWork refuses a security group that shuts Bastion's subnet to what it needs.
func bastionMayWork(subnet, group *Resource) error {
	if group == nil || !strings.EqualFold(subnet.name(), bastionSubnet) {
		return nil
	}
	for _, flow := range bastionFlows {
		for _, port := range flow.ports {
			if !slices.ContainsFunc(group.in().objects("securityRules"),
				func(rule props) bool { return permits(rule, flow.from, port) }) {
				return refusal("NetworkSecurityGroupNotCompliantForAzureBastionSubnet",
					"Network security group %s does not have necessary rules for Azure Bastion Subnet %s.",
					group.name(), bastionSubnet)
			}
		}
	}
	return nil
}

// permits tells whether a security rule is for a flow. For the Internet, any rule from outside will do: who may come is
// the owner's to say.
func permits(rule props, from, port string) bool {
	ports := append(rule.texts("destinationPortRanges"), rule.str("destinationPortRange"))
	sources := append(rule.texts("sourceAddressPrefixes"), rule.str("sourceAddressPrefix"))
	return rule.str("direction") == "Inbound" && rule.str("access") == "Allow" &&
		(slices.Contains(ports, port) || slices.Contains(ports, "*")) &&
		slices.ContainsFunc(sources, func(source string) bool {
			return source == from || from == "Internet" && outside(source)
		})
}

func outside(source string) bool {
	_, notPrefix := netip.ParsePrefix(source)
	_, notAddress := netip.ParseAddr(source)
	return source == "*" || notPrefix == nil || notAddress == nil
}
