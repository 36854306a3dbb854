package standin

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

var loadBalancerKinds = []*kind{
	{
		token: "network:LoadBalancer", arm: "Microsoft.Network/loadBalancers",
		path: []string{"loadBalancerName"}, naming: networkNaming, located: true, latency: 10 * time.Second,
		fixed: []string{"sku"}, enums: map[string][]string{"sku.name": {"Basic", "Standard", "Gateway"},
			"sku.tier": {"Regional", "Global"}},
		admit: admitBalancer, compute: provisioned,
		release: func(w *World, r *Resource) error {
			if user := w.userOf(r.ID, "network:NetworkInterface", ""); user != nil {
				return refusal("InUseLoadBalancerCannotBeDeleted",
					"Load balancer %s cannot be deleted because it is in use by %s.", r.ID, user.ID)
			}
			return nil
		},
	},
	{
		token: "network:NetworkInterface", arm: "Microsoft.Network/networkInterfaces",
		path: []string{"networkInterfaceName"}, naming: networkNaming, located: true, latency: 5 * time.Second,
		admit: admitInterface, compute: provisioned,
		release: func(w *World, r *Resource) error {
			if user := w.userOf(r.ID, "compute:VirtualMachine", ""); user != nil {
				return refusal("NicInUse",
					"Network Interface %s is used by existing resource %s. In order to delete the network interface, "+
						"it must be dissociated from the resource. "+
						"To learn more, see aka.ms/deletenic.", r.ID, user.ID)
			}
			return nil
		},
	},
}

func admitBalancer(w *World, r, old *Resource) error {
	for _, rule := range []func(*World, *Resource) error{ownReferences, balancerAddresses, balancerProbes,
		balancerRules, balancerOutbound} {
		if err := rule(w, r); err != nil {
			return err
		}
	}
	return keepsUsedPools(w, r, old)
}

// balancerAddresses refuses addresses of another sku or region.
func balancerAddresses(w *World, r *Resource) error {
	for _, frontend := range r.in().objects("frontendIPConfigurations") {
		address := w.find(frontend.str("publicIPAddress.id"))
		if address == nil {
			continue
		}
		if err := sameRegion(w, address, r); err != nil {
			return err
		}
		if !strings.EqualFold(skuOrBasic(r), skuOrBasic(address)) {
			return refusal("PublicIPAndLBSkuDoNotMatch", "%s sku load balancer %s cannot reference %s sku publicIP %s.",
				skuOrBasic(r), r.ID, skuOrBasic(address), address.ID)
		}
	}
	return nil
}

func skuOrBasic(r *Resource) string {
	if sku := skuOf(r); sku != "" {
		return sku
	}
	return "Basic"
}

func balancerProbes(_ *World, r *Resource) error {
	for _, probe := range r.in().objects("probes") {
		name, protocol := probe.str("name"), probe.str("protocol")
		if !slices.Contains([]string{"Http", "Https", "Tcp"}, protocol) {
			return refusal("InvalidProbeProtocol",
				"Probe %s of load balancer %s has the protocol '%s'; it must be Http, Https or Tcp.", name, r.ID, protocol)
		}
		if protocol != "Tcp" && probe.str("requestPath") == "" {
			return refusal("ProbeRequestPathRequired",
				"Probe %s of load balancer %s has the protocol %s and no request path.", name, r.ID, protocol)
		}
		if protocol == "Tcp" && probe.str("requestPath") != "" {
			return refusal("ProbeRequestPathNotAllowed",
				"Probe %s of load balancer %s has the protocol Tcp, which has no request path.", name, r.ID)
		}
		if seconds := probe.num("intervalInSeconds"); probe.has("intervalInSeconds") && seconds < 5 {
			return refusal("InvalidProbeInterval",
				"Probe %s of load balancer %s has the interval %v; it must be 5 seconds or more.", name, r.ID, seconds)
		}
	}
	return nil
}

// balancerRules holds that rules lead from one of the load balancer's frontends to its pools, and do not get in each
// other's way.
func balancerRules(_ *World, r *Resource) error {
	frontends, backends := map[string]string{}, map[string]string{}
	for _, rule := range r.in().objects("loadBalancingRules") {
		if err := ruleParts(r, rule); err != nil {
			return err
		}
		id := r.ID + "/loadBalancingRules/" + rule.str("name")
		if minutes := rule.num("idleTimeoutInMinutes"); rule.has("idleTimeoutInMinutes") && (minutes < 4 || minutes > 100) {
			return refusal("InvalidIdleTimeout",
				"Load balancing rule %s has the idle timeout %v; it must be 4 to 100 minutes.", id, minutes)
		}
		front := fmt.Sprint(toSelf(r.ID, rule.str("frontendIPConfiguration.id")), rule.str("protocol"),
			rule.num("frontendPort"))
		if other := frontends[front]; other != "" {
			return refusal("RulesUseSameFrontendPortProtocolAndIPConfig",
				"Load balancing rules %s and %s use the same protocol %s and frontend port %v, and must not be used "+
					"with the same frontend IP configuration %s.",
				other, id, rule.str("protocol"), rule.num("frontendPort"), rule.str("frontendIPConfiguration.id"))
		}
		frontends[front] = id
		if rule.flag("enableFloatingIP") {
			continue
		}
		for _, pool := range poolsOf(rule) {
			back := fmt.Sprint(toSelf(r.ID, pool), rule.str("protocol"), rule.num("backendPort"))
			if other := backends[back]; other != "" {
				return refusal("RulesUseSameBackendPortProtocolAndPool",
					"Load balancing rules %s and %s with floating IP disabled use the same protocol %s and backend "+
						"port %v, and must not be used with the same backend address pool %s.",
					other, id, rule.str("protocol"), rule.num("backendPort"), pool)
			}
			backends[back] = id
		}
	}
	return nil
}

// poolsOf lists the references to pools of a rule, which has one of them or a list.
func poolsOf(rule props) []string {
	var pools []string
	if pool := rule.str("backendAddressPool.id"); pool != "" {
		pools = append(pools, pool)
	}
	for _, pool := range rule.objects("backendAddressPools") {
		if !slices.Contains(pools, pool.str("id")) {
			pools = append(pools, pool.str("id"))
		}
	}
	return pools
}

// ruleParts holds that a rule has a frontend, and that what it names are parts of the right kind. A probe and pools are
// as it likes.
func ruleParts(r *Resource, rule props) error {
	if err := hasPart(r, "frontendIPConfigurations", rule.str("frontendIPConfiguration.id")); err != nil {
		return err
	}
	if probe := rule.str("probe.id"); probe != "" {
		if err := hasPart(r, "probes", probe); err != nil {
			return err
		}
	}
	for _, pool := range poolsOf(rule) {
		if err := hasPart(r, "backendAddressPools", pool); err != nil {
			return err
		}
	}
	return nil
}

func hasPart(r *Resource, collection, reference string) error {
	own := toSelf(r.ID, reference)
	if reference == "" {
		own = "$self/" + collection
	}
	if !strings.HasPrefix(own, "$self/"+collection+"/") || r.in().part(own) == nil {
		return unresolved(strings.Replace(own, "$self", r.ID, 1), r.ID)
	}
	return nil
}

// balancerOutbound refuses connections out through a frontend by an outbound rule and by a rule in at the same time.
func balancerOutbound(_ *World, r *Resource) error {
	for _, out := range r.in().objects("outboundRules") {
		if err := hasPart(r, "backendAddressPools", out.str("backendAddressPool.id")); err != nil {
			return err
		}
		for _, frontend := range out.objects("frontendIPConfigurations") {
			if err := hasPart(r, "frontendIPConfigurations", frontend.str("id")); err != nil {
				return err
			}
			if err := leavesSNAT(r, toSelf(r.ID, frontend.str("id")), out.str("name")); err != nil {
				return err
			}
		}
	}
	return nil
}

func leavesSNAT(r *Resource, frontend, outbound string) error {
	for _, rule := range r.in().objects("loadBalancingRules") {
		if !rule.flag("disableOutboundSnat") && toSelf(r.ID, rule.str("frontendIPConfiguration.id")) == frontend {
			return refusal("LoadBalancingRuleMustDisableSNATSinceSameFrontendIPConfigurationIsReferencedByOutboundRule",
				"Load Balancing Rules %[1]s/loadBalancingRules/%[2]s must have disableOutboundSNAT set to true when "+
					"same FrontendIPConfiguration %[3]s is referenced by Outbound Rules %[1]s/outboundRules/%[4]s.",
				r.ID, rule.str("name"), strings.Replace(frontend, "$self", r.ID, 1), outbound)
		}
	}
	return nil
}

// keepsUsedPools refuses an update without a pool that network interfaces are in.
func keepsUsedPools(w *World, r, old *Resource) error {
	for _, pool := range old.in().objects("backendAddressPools") {
		if r.in().part("$self/backendAddressPools/"+pool.str("name")) != nil {
			continue
		}
		if user := w.userOf(r.ID+"/backendAddressPools/"+pool.str("name"), "network:NetworkInterface", ""); user != nil {
			return refusal("InUseBackendAddressPoolCannotBeDeleted",
				"Cannot remove backend address pool %s from load balancer since it is in use by %s.", pool.str("name"), user.ID)
		}
	}
	return nil
}

// sameRegion refuses a reference across regions, in the words for one that leads nowhere. What was given is taken on
// trust.
func sameRegion(w *World, referenced, r *Resource) error {
	if referenced != nil && locationOf(w, referenced) != locationOf(w, r) {
		return unresolved(referenced.ID, r.ID)
	}
	return nil
}

func admitInterface(w *World, r, _ *Resource) error {
	configurations := r.in().objects("ipConfigurations")
	if len(configurations) == 0 {
		return refusal("NetworkInterfaceMustHaveIPConfiguration", "Network interface %s has no IP configuration.", r.ID)
	}
	for _, c := range configurations {
		for _, rule := range []func(*World, *Resource, props) error{interfaceSubnet, interfaceAddress, interfacePools} {
			if err := rule(w, r, c); err != nil {
				return err
			}
		}
	}
	return nil
}

func interfaceSubnet(w *World, r *Resource, c props) error {
	id := c.str("subnet.id")
	if id == "" {
		return refusal("MissingSubnet", "IP configuration %s of network interface %s has no subnet.", c.str("name"), r.ID)
	}
	subnet := w.find(id)
	if subnet == nil {
		return nil
	}
	if delegation(subnet) != "" {
		return refusal("SubnetIsDelegatedAndCannotBeUsed",
			"Subnet %s is delegated to %s and cannot be used by network interface %s.", id, delegation(subnet), r.ID)
	}
	return sameRegion(w, w.find(parentID(id)), r)
}

// interfaceAddress holds that a static address is one of the subnet's, neither Azure's own nor another interface's.
func interfaceAddress(w *World, r *Resource, c props) error {
	subnet := w.find(c.str("subnet.id"))
	if subnet == nil || c.str("privateIPAllocationMethod") != "Static" {
		return nil
	}
	text := c.str("privateIPAddress")
	address, err := netip.ParseAddr(text)
	if err != nil {
		return refusal("InvalidIPAddressFormat",
			"IP configuration %s of network interface %s has the static address '%s', which is not valid.",
			c.str("name"), r.ID, text)
	}
	ranges, err := subnetPrefixes(subnet)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(ranges, func(p netip.Prefix) bool { return p.Contains(address) })
	if at < 0 {
		return refusal("PrivateIPAddressNotInSubnet",
			"Private static IP address %s does not belong to the range of subnet prefix %s.", text, ranges[0])
	}
	if reserved(ranges[at], address) {
		return refusal("PrivateIPAddressInReservedRange",
			"Private static IP address %s falls within reserved IP range of subnet prefix %s.", text, ranges[at])
	}
	return addressIsFree(w, r, c)
}

// reserved tells the addresses of a subnet that Azure keeps: the first four and the last.
func reserved(p netip.Prefix, address netip.Addr) bool {
	first := p.Addr()
	for range 4 {
		if address == first {
			return true
		}
		first = first.Next()
	}
	return !p.Contains(address.Next())
}

func addressIsFree(w *World, r *Resource, c props) error {
	for _, other := range w.each("network:NetworkInterface") {
		for _, theirs := range other.in().objects("ipConfigurations") {
			same := theirs.str("privateIPAddress") == c.str("privateIPAddress") &&
				fold(theirs.str("subnet.id")) == fold(c.str("subnet.id"))
			if same && fold(other.ID) != fold(r.ID) {
				return refusal("PrivateIPAddressIsAllocated",
					"IP configuration %s/ipConfigurations/%s is using the private IP address %s which is already "+
						"allocated to resource %s/ipConfigurations/%s.",
					r.ID, c.str("name"), c.str("privateIPAddress"), other.ID, theirs.str("name"))
			}
		}
	}
	return nil
}

// interfacePools holds that an interface joins pools that there are.
func interfacePools(w *World, r *Resource, c props) error {
	for _, pool := range c.objects("loadBalancerBackendAddressPools") {
		id := pool.str("id")
		balancer := w.find(parentID(id))
		if balancer == nil {
			continue
		}
		if err := sameRegion(w, balancer, r); err != nil {
			return err
		}
		if balancer.in().part("$self/backendAddressPools/"+lastSegment(id)) == nil {
			return unresolved(id, r.ID)
		}
	}
	return nil
}
