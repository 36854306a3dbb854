package stacks

import (
	"slices"
	"strconv"
	"strings"
)

var networkPolicies = []rule{
	{
		id: "services-private",
		title: "Vault, database, Redis, storage, registry and disks have no public address; private endpoints " +
			"have their DNS zone",
		sources: []string{"NS-2", "SE:06"}, prodOnly: true,
		check: both(
			each("keyvault:Vault", func(e estate, n node) []violation {
				return append(demand(n.text("properties", "publicNetworkAccess") == "Disabled", n,
					"is open to the public"), privatelyReached(e, n)...)
			}),
			each("dbforpostgresql:Server", databaseInside),
			each("cache:Redis", func(e estate, n node) []violation {
				return append(demand(n.text("publicNetworkAccess") == "Disabled", n, "is open to the public"),
					privatelyReached(e, n)...)
			}),
			each("cache:RedisEnterprise", privatelyReached), // its API of 2025-04-01 has no switch for public access
			each("storage:StorageAccount", func(e estate, n node) []violation {
				return append(storageInside(n), privatelyReached(e, n)...)
			}),
			each("containerregistry:Registry", func(_ estate, n node) []violation {
				return demand(n.text("publicNetworkAccess") == "Disabled", n, "is open to the public")
			}),
			each("compute:Disk", func(_ estate, n node) []violation {
				return demand(n.text("publicNetworkAccess") == "Disabled" && n.text("networkAccessPolicy") == "DenyAll",
					n, "can be downloaded")
			}),
		),
		accepted: []exception{{"containerregistry:Registry",
			"private endpoints need the tier Premium; each pull needs a managed identity's token"}},
	},
	{
		id: "no-public-machine",
		title: "No machine and no node has a public address; each address belongs to a load balancer, a gateway " +
			"or a Bastion host",
		sources: []string{"NS-1", "NS-2", "SE:06"},
		check: both(
			each("network:NetworkInterface", noPublicInterface),
			each("network:PublicIPAddress", addressAtTheEdge),
			each("containerservice:AgentPool", noPublicNodes),
		),
	},
	{
		id: "no-ssh", title: "SSH and RDP are closed to everything but Bastion's subnet",
		sources: []string{"NS-1", "NS-8", "PA-6", "SE:06", "SE:08"},
		check:   eachInbound(sshThroughBastion),
		accepted: []exception{
			{"cluster/nodes", "nodes of one cluster and its API server, within their subnet; nobody has a key to them"},
			{"cluster/nodes-to-pods", "pods run no SSH"},
			{"cluster/pods", "pods run no SSH"},
			{"cluster/load-balancer", "the address that Azure's health probes come from, and nobody else"},
			{"gateway/load-balancer", "the address that Azure's health probes come from, and nobody else"},
		},
	},
	{
		id:      "reviewed-flows",
		title:   "Each flow that a security group permits is one of a reviewed list: from whom, to where, on which ports",
		sources: []string{"NS-1", "NS-7", "SE:04", "SE:06"},
		check:   each("network:NetworkSecurityGroup", reviewedFlow),
	},
	{
		id: "narrow-flows", title: "No security rule lets in all sources, or all ports",
		sources: []string{"NS-1", "NS-7", "SE:06"},
		check: eachInbound(func(e estate, r securityRule) []violation {
			everyone := slices.ContainsFunc(r.sources, func(s string) bool { return s == "*" || strings.HasSuffix(s, "/0") })
			found := demand(!everyone && !slices.Contains(r.ports, "*") && !slices.Contains(r.ports, "0-65535"),
				r.group, "%s lets %v in to %v", r.name, r.sources, r.ports)
			for i := range found {
				found[i] = found[i].on(e.tier(r.group) + "/" + r.name)
			}
			return found
		}),
		accepted: []exception{
			{"cluster/nodes", "nodes of one cluster and its API server, within their subnet"},
			{"cluster/nodes-to-pods", "nodes to the pods of their cluster"},
			{"cluster/pods", "pods of one cluster; its network policies decide which"},
			{"cluster/load-balancer",
				"Azure's health probes, on a port that Kubernetes chooses; Azure's default rules let in the same"},
			{"gateway/load-balancer", "Azure's health probes; Azure's default rules let in the same"},
		},
	},
	{
		id: "closed-tiers", title: "The last rule into a subnet denies the rest of the virtual network",
		sources:  []string{"NS-1", "SE:04", "SE:06"},
		check:    each("network:NetworkSecurityGroup", closedTier),
		accepted: []exception{{"apps", "the other subnets, of the database and the private endpoints, start no connections"}},
	},
	{
		id: "guarded-subnets", title: "Each subnet has a network security group", sources: []string{"NS-1", "SE:06"},
		check: each("network:Subnet", func(e estate, n node) []violation {
			group, known := e.byID(n.at("networkSecurityGroup", "id"))
			return demand(known && group.kind == "network:NetworkSecurityGroup", n, "has no security group")
		}),
	},
	{
		id: "ddos-protected", title: "Public addresses have DDoS protection of their own, or of their network",
		sources: []string{"NS-5", "SE:06"}, prodOnly: true,
		check: func(e estate) []violation {
			var found []violation
			for _, n := range e.all("network:PublicIPAddress") {
				planned := slices.ContainsFunc(e.beside(n).all("network:VirtualNetwork"), func(n node) bool {
					return n.at("ddosProtectionPlan", "id") != nil
				})
				if !planned && n.text("ddosSettings", "protectionMode") != "Enabled" {
					found = append(found, breaks(n, "has Azure's basic protection only").
						on(strings.TrimPrefix(n.Name, secondaryPrefix)))
				}
			}
			return found
		},
		accepted: []exception{
			{"gateway-address", "it costs extra, month by month; `security.ddos` switches it on"},
			{"vernemq-address", "it costs extra, month by month; `security.ddos` switches it on"},
			{"hivemq-nat-address", "nothing listens there"},
			{"vernemq-nat-address", "nothing listens there"},
			{"bastion-address", "clients don't need it"},
		},
	},
	{
		id:      "closed-peerings",
		title:   "Networks are peered within the stack only, and pass on neither gateways nor what comes from elsewhere",
		sources: []string{"NS-1", "SE:04", "SE:06"},
		check: each("network:VirtualNetworkPeering", func(e estate, n node) []violation {
			remote, known := e.byID(n.at("remoteVirtualNetwork", "id"))
			return slices.Concat(
				demand(known && remote.kind == "network:VirtualNetwork", n, "leads to %v, which is not the stack's",
					n.at("remoteVirtualNetwork", "id")),
				demand(n.at("allowForwardedTraffic") == false, n, "takes what comes from elsewhere"),
				demand(n.at("allowGatewayTransit") == false && n.at("useRemoteGateways") == false, n, "lends or borrows a gateway"),
			)
		}),
	},
}

// privatelyReached wants a private endpoint, and a DNS zone of its network that leads to it.
func privatelyReached(e estate, n node) []violation {
	for _, endpoint := range e.all("network:PrivateEndpoint") {
		if !slices.ContainsFunc(endpoint.list("privateLinkServiceConnections"),
			func(c map[string]any) bool { return c["privateLinkServiceId"] == n.id }) {
			continue
		}
		for _, group := range e.where("network:PrivateDnsZoneGroup", endpoint.text("privateEndpointName"),
			"privateEndpointName") {
			for _, c := range group.list("privateDnsZoneConfigs") {
				sameGroup := group.text("resourceGroupName") == endpoint.text("resourceGroupName")
				if sameGroup && zoneInTheNetwork(e, c["privateDnsZoneId"], endpoint.at("subnet", "id")) {
					return nil
				}
			}
		}
		return []violation{breaks(n, "has a private endpoint, and no DNS zone in the network leads to it")}
	}
	return []violation{breaks(n, "has no private endpoint")}
}

// zoneInTheNetwork says whether a private DNS zone is linked to the network of a subnet. The zones of two regions may
// have one name.
func zoneInTheNetwork(e estate, id, subnet any) bool {
	zone, known := e.byID(id)
	network, placed := e.network(subnet)
	return known && placed &&
		slices.ContainsFunc(e.where("network:VirtualNetworkLink", zone.text("privateZoneName"), "privateZoneName"),
			func(link node) bool {
				return link.text("resourceGroupName") == zone.text("resourceGroupName") &&
					link.at("virtualNetwork", "id") == network.id
			})
}

func databaseInside(e estate, n node) []violation {
	id := n.at("network", "delegatedSubnetResourceId")
	subnet, known := e.byID(id)
	delegated := known && slices.ContainsFunc(subnet.list("delegations"), func(d map[string]any) bool {
		return d["serviceName"] == "Microsoft.DBforPostgreSQL/flexibleServers"
	})
	return slices.Concat(
		demand(n.text("network", "publicNetworkAccess") == "Disabled", n, "is open to the public"),
		demand(delegated, n, "is in no subnet that is delegated to it"),
		demand(zoneInTheNetwork(e, n.at("network", "privateDnsZoneArmResourceId"), id), n, "has no DNS zone in the network"),
	)
}

// storageInside lets the account be public for listed addresses only.
func storageInside(n node) []violation {
	rules := n.list("networkRuleSet", "ipRules")
	everyone := slices.ContainsFunc(rules, func(r map[string]any) bool {
		from, _ := r["iPAddressOrRange"].(string)
		return from == "" || strings.HasPrefix(from, "0.0.0.0") || strings.HasSuffix(from, "/0")
	})
	return slices.Concat(
		demand(n.text("networkRuleSet", "defaultAction") == "Deny", n, "lets in whom no rule names"),
		demand(n.text("networkRuleSet", "bypass") == "None", n, "lets in services of Azure past its rules"),
		demand(n.text("publicNetworkAccess") == "Disabled" || len(rules) > 0 && !everyone, n,
			"is public, and its addresses are %v", rules),
	)
}

func noPublicInterface(_ estate, n node) []violation {
	public := slices.ContainsFunc(n.list("ipConfigurations"), func(c map[string]any) bool {
		return c["publicIPAddress"] != nil
	})
	return demand(!public, n, "has a public address")
}

func noPublicNodes(_ estate, n node) []violation {
	return demand(n.at("enableNodePublicIP") != true, n, "gives its nodes public addresses")
}

// addressAtTheEdge wants to know who uses an address.
func addressAtTheEdge(e estate, n node) []violation {
	for _, user := range e.all("network:LoadBalancer", "network:ApplicationGateway", "network:NatGateway",
		"network:BastionHost") {
		parts := slices.Concat(user.list("frontendIPConfigurations"), user.list("ipConfigurations"))
		if slices.ContainsFunc(parts, func(p map[string]any) bool { return at(p, "publicIPAddress", "id") == n.id }) ||
			slices.ContainsFunc(user.list("publicIpAddresses"), func(p map[string]any) bool { return p["id"] == n.id }) {
			return nil
		}
	}
	return []violation{breaks(n, "belongs to nothing at the edge")}
}

// sshThroughBastion wants no source but the subnet of the region's Bastion host.
func sshThroughBastion(e estate, r securityRule) []violation {
	bastions := e.beside(r.group).where("network:Subnet", "AzureBastionSubnet", "subnetName")
	elsewhere := slices.ContainsFunc(r.sources, func(source string) bool {
		return !slices.ContainsFunc(bastions, func(subnet node) bool { return subnet.text("addressPrefix") == source })
	})
	open := elsewhere && slices.ContainsFunc(r.ports, func(p string) bool { return covers(p, 22) || covers(p, 3389) })
	found := demand(!open, r.group, "%s lets %v in to %v", r.name, r.sources, r.ports)
	for i := range found {
		found[i] = found[i].on(e.tier(r.group) + "/" + r.name)
	}
	return found
}

// eachInbound checks every flow that a security group lets in.
func eachInbound(check func(estate, securityRule) []violation) func(estate) []violation {
	return each("network:NetworkSecurityGroup", func(e estate, group node) []violation {
		var found []violation
		for _, r := range securityRules(group) {
			if r.inbound && r.access == "Allow" {
				found = append(found, check(e, r)...)
			}
		}
		return found
	})
}

// covers says whether a range of ports holds one.
func covers(ports string, port int) bool {
	first, last, isRange := strings.Cut(ports, "-")
	if !isRange {
		last = first
	}
	from, err := strconv.Atoi(first)
	to, err2 := strconv.Atoi(last)
	return ports == "*" || err == nil && err2 == nil && from <= port && port <= to
}

func closedTier(e estate, group node) []violation {
	rules := slices.DeleteFunc(securityRules(group), func(r securityRule) bool { return !r.inbound })
	closed := false
	if len(rules) > 0 {
		last := rules[len(rules)-1]
		everyone := slices.Contains(last.sources, "VirtualNetwork") || slices.Contains(last.sources, "*")
		closed = last.access == "Deny" && everyone && slices.Contains(last.targets, "*") &&
			slices.Contains(last.ports, "*") && last.protocol == "*"
	}
	if closed {
		return nil
	}
	return []violation{breaks(group, "is open to the rest of the network").on(e.tier(group))}
}
