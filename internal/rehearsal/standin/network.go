package standin

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
)

var networkNaming = naming{
	pattern: regexp.MustCompile(`^[A-Za-z0-9]([\w.-]{0,78}\w)?$`),
	rule: "1 to 80 letters, digits, underscores, periods and hyphens, starting with a letter or digit and ending " +
		"with one or an underscore",
}

var networkKinds = []*kind{
	{
		token: "network:VirtualNetwork", arm: "Microsoft.Network/virtualNetworks",
		path: []string{"virtualNetworkName"}, naming: networkNaming, located: true, latency: 15 * time.Second,
		echoes: []echo{{"subnets", "network:Subnet"}, {"virtualNetworkPeerings", "network:VirtualNetworkPeering"}},
		admit:  admitNetwork, compute: provisioned, release: releaseNetwork,
	},
	{
		token: "network:Subnet", arm: "Microsoft.Network/virtualNetworks/subnets",
		path: []string{"virtualNetworkName", "subnetName"}, naming: networkNaming.copied(), latency: 10 * time.Second,
		enums: map[string][]string{
			"privateEndpointNetworkPolicies":    {"Enabled", "Disabled", "NetworkSecurityGroupEnabled", "RouteTableEnabled"},
			"privateLinkServiceNetworkPolicies": {"Enabled", "Disabled"},
		},
		alone: parentID, admit: admitSubnet, compute: provisioned, release: subnetInUse,
	},
	{
		token: "network:NetworkSecurityGroup", arm: "Microsoft.Network/networkSecurityGroups",
		path: []string{"networkSecurityGroupName"}, naming: networkNaming, located: true, latency: 10 * time.Second,
		admit: admitSecurityGroup, compute: provisioned,
		release: func(w *World, r *Resource) error {
			if users := w.referring(r.ID); len(users) > 0 {
				return refusal("InUseNetworkSecurityGroupCannotBeDeleted",
					"Network security group %s cannot be deleted because it is in use by the following resources: %s. "+
						"In order to delete the Network security group, remove the association with the resource(s). To "+
						"learn how to do this, see aka.ms/deletensg.", r.ID, users[0].ID)
			}
			return nil
		},
	},
	{
		token: "network:DdosProtectionPlan", arm: "Microsoft.Network/ddosProtectionPlans",
		path: []string{"ddosProtectionPlanName"}, naming: networkNaming, located: true, latency: 10 * time.Second,
		compute: provisioned,
		release: inUse("DdosProtectionPlanInUse", "DDoS protection plan %s cannot be deleted because it is in use by %s."),
	},
}

// copied is the same rule for what is inside another resource.
func (n naming) copied() naming {
	n.auto = autoCopy
	return n
}

func prefixes(texts ...string) ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, refusal("InvalidAddressPrefixFormat",
				"Address prefix %s is not formatted correctly. It should follow CIDR notation, for example 10.0.0.0/24.", text)
		}
		if p != p.Masked() {
			return nil, refusal("InvalidCIDRNotation",
				"The address prefix %s has an invalid CIDR notation. For the given prefix length, the address prefix "+
					"should be %s.", text, p.Masked())
		}
		list = append(list, p)
	}
	return list, nil
}

func subnetPrefixes(r *Resource) ([]netip.Prefix, error) {
	texts := r.in().texts("addressPrefixes")
	if text := r.in().str("addressPrefix"); text != "" {
		texts = append(texts, text)
	}
	return prefixes(texts...)
}

func holds(space []netip.Prefix, p netip.Prefix) bool {
	return slices.ContainsFunc(space, func(s netip.Prefix) bool { return s.Bits() <= p.Bits() && s.Contains(p.Addr()) })
}

func admitNetwork(w *World, r, _ *Resource) error {
	if plan := r.in().str("ddosProtectionPlan.id"); r.in().flag("enableDdosProtection") &&
		!isOfType(plan, "Microsoft.Network/ddosProtectionPlans") {
		return refusal("DdosProtectionPlanMissing",
			"DDoS protection is enabled for virtual network %s, which has no DDoS protection plan: '%s'.", r.ID, plan)
	}
	space, err := prefixes(r.in().texts("addressSpace.addressPrefixes")...)
	if err != nil {
		return err
	}
	if len(space) == 0 {
		return refusal("InvalidRequestFormat", "Virtual network %s has no address space.", r.name())
	}
	for _, subnet := range subnetsOf(w, r.ID) {
		if err := inSpace(subnet, space, r.name()); err != nil {
			return err
		}
	}
	return nil
}

func inSpace(subnet *Resource, space []netip.Prefix, network string) error {
	ranges, err := subnetPrefixes(subnet)
	if err != nil {
		return err
	}
	for _, p := range ranges {
		if !holds(space, p) {
			return refusal("NetcfgSubnetRangeOutsideVnet",
				"Subnet '%s' is not valid because its IP address range is outside the IP address range of virtual "+
					"network '%s'.", subnet.name(), network)
		}
	}
	return nil
}

func subnetsOf(w *World, network string) []*Resource {
	var subnets []*Resource
	for _, s := range w.each("network:Subnet") {
		if fold(parentID(s.ID)) == fold(network) {
			subnets = append(subnets, s)
		}
	}
	return subnets
}

func admitSubnet(w *World, r, old *Resource) error {
	ranges, err := subnetPrefixes(r)
	if err != nil {
		return err
	}
	if len(ranges) == 0 {
		return refusal("NoAddressPrefixOrPoolProvided", "No address prefix or pool provided for subnet %s.", r.name())
	}
	if network := w.find(parentID(r.ID)); network != nil {
		space, err := prefixes(network.in().texts("addressSpace.addressPrefixes")...)
		if err != nil {
			return err
		}
		if err := inSpace(r, space, network.name()); err != nil {
			return err
		}
	}
	if err := apart(w, r, ranges); err != nil {
		return err
	}
	if err := bastionMayWork(r, w.find(r.in().str("networkSecurityGroup.id"))); err != nil {
		return err
	}
	return keepsItsUsers(w, r, old, ranges)
}

func apart(w *World, r *Resource, ranges []netip.Prefix) error {
	for _, other := range subnetsOf(w, parentID(r.ID)) {
		if fold(other.ID) == fold(r.ID) {
			continue
		}
		taken, err := subnetPrefixes(other)
		if err != nil {
			return err
		}
		for _, p := range ranges {
			if slices.ContainsFunc(taken, p.Overlaps) {
				return refusal("NetcfgSubnetRangesOverlap",
					"Subnet '%s' is not valid because its IP address range overlaps with that of an existing subnet "+
						"in virtual network '%s'.",
					r.name(), lastSegment(parentID(r.ID)))
			}
		}
	}
	return nil
}

// keepsItsUsers refuses a new range or delegation for a subnet in use.
func keepsItsUsers(w *World, r, old *Resource, ranges []netip.Prefix) error {
	if old == nil || len(w.referring(r.ID)) == 0 {
		return nil
	}
	before, err := subnetPrefixes(old)
	if err != nil {
		return err
	}
	if !slices.Equal(before, ranges) {
		return refusal("InUsePrefixCannotBeDeleted",
			"IpPrefix %s on Subnet %s has active allocations and cannot be deleted.", before[0], r.name())
	}
	if delegation(r) != delegation(old) {
		return refusal("SubnetMissingRequiredDelegation",
			"Subnet %s requires the delegation %s to reference the resources that are in it.", r.ID, delegation(old))
	}
	return nil
}

func delegation(subnet *Resource) string {
	for _, d := range subnet.in().objects("delegations") {
		return d.str("serviceName")
	}
	return ""
}

func subnetInUse(w *World, subnet *Resource) error {
	if users := w.referring(subnet.ID); len(users) > 0 {
		return refusal("InUseSubnetCannotBeDeleted", "Subnet %s is in use by %s and cannot be deleted. "+
			"In order to delete the subnet, delete all the resources within the subnet. See aka.ms/deletesubnet.",
			subnet.name(), users[0].ID)
	}
	return nil
}

func releaseNetwork(w *World, r *Resource) error {
	for _, s := range subnetsOf(w, r.ID) {
		if err := subnetInUse(w, s); err != nil {
			return err
		}
	}
	return nil
}

func admitSecurityGroup(w *World, r, _ *Resource) error {
	type slot struct {
		direction string
		priority  float64
	}
	taken := map[slot]string{}
	for _, rule := range r.in().objects("securityRules") {
		at := slot{rule.str("direction"), rule.num("priority")}
		if at.priority < 100 || at.priority > 4096 {
			return refusal("SecurityRuleInvalidPriority",
				"Security rule has invalid Priority. Value provided: %v Allowed range 100-4096. Rule: %s", at.priority,
				rule.str("name"))
		}
		if other, conflict := taken[at]; conflict {
			return refusal("SecurityRuleConflict",
				"Security rule %s conflicts with rule %s. Rules cannot have the same Priority and Direction.",
				rule.str("name"), other)
		}
		taken[at] = rule.str("name")
	}
	for _, subnet := range w.each("network:Subnet") {
		if fold(subnet.in().str("networkSecurityGroup.id")) == fold(r.ID) {
			if err := bastionMayWork(subnet, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// useSubnet refuses a service a subnet that is not delegated to it or too small for it. A subnet that was given is
// taken on trust.
func useSubnet(w *World, id, service string, bits int) error {
	subnet := w.find(id)
	if subnet == nil {
		return nil
	}
	if !strings.EqualFold(delegation(subnet), service) {
		return refusal("SubnetMissingRequiredDelegation",
			"Subnet %s requires any of the following delegation(s) [%s] to reference service association link.",
			subnet.ID, service)
	}
	return largeEnough(subnet, bits)
}

func largeEnough(subnet *Resource, bits int) error {
	ranges, err := subnetPrefixes(subnet)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(ranges, func(p netip.Prefix) bool { return p.Bits() <= bits }) {
		return refusal("InvalidSubnetSize", "Provided subnet %s must have a size of at least /%d.", subnet.ID, bits)
	}
	return nil
}
