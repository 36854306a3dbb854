package components

import (
	"github.com/pulumi/pulumi-azure-native-sdk/network/v2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// flow is one permitted inbound TCP flow. What no flow permits is denied: from the Internet by Azure's own last rule, and
// within the network by closed tiers' denyNetwork.
type flow struct {
	name, from, to string // from and to: CIDR block or service tag
	ports          []string
	why            string
}

const (
	anyAddress  = "*"
	denyNetwork = "deny-network" // the flow that closes a tier to the rest of the virtual network
)

// tiers lists the subnets in the order in which they are made.
func tiers(args *NetworkArgs) []tier {
	return []tier{
		{name: "apps", cidr: args.AppsSubnet, delegation: "Microsoft.App/environments", policies: "Disabled", inbound: []flow{
			{name: "mqtts", from: "Internet", to: args.AppsSubnet, ports: []string{"8883", "30000-32767"},
				why: "MQTT over TLS; the environment's load balancer forwards TCP ingress to node ports"},
			{name: "websocket", from: "AzureFrontDoor.Backend", to: args.AppsSubnet, ports: []string{"443", "31443"},
				why: "MQTT over WebSocket, from Front Door only"},
			{name: "load-balancer", from: "AzureLoadBalancer", to: args.AppsSubnet, ports: []string{"30000-32767"},
				why: "health probes of the environment's load balancer"},
		}},
		{name: "database", cidr: args.DatabaseSubnet, delegation: "Microsoft.DBforPostgreSQL/flexibleServers", policies: "Disabled", inbound: []flow{
			{name: "postgresql", from: args.AppsSubnet, to: args.DatabaseSubnet, ports: []string{"5432"}, why: "broker and jobs to the database"},
			{name: "replication", from: args.DatabaseSubnet, to: args.DatabaseSubnet, ports: []string{"5432"}, why: "primary and standby"},
			{name: denyNetwork, why: "nothing else in the network reaches the database"},
		}},
		{name: "endpoints", cidr: args.EndpointsSubnet, policies: "Enabled", inbound: []flow{
			{name: "redis", from: args.AppsSubnet, to: args.EndpointsSubnet, ports: []string{"6380", "8500", "10000"},
				why: "topic rules: 6380 is Azure Cache for Redis, 10000 and 8500 Azure Managed Redis"},
			{name: denyNetwork, why: "nothing else in the network reaches the private endpoints"},
		}},
	}
}

func securityRules(flows []flow) network.SecurityRuleTypeArray {
	rules := make(network.SecurityRuleTypeArray, 0, len(flows))
	for i, f := range flows {
		rule := &network.SecurityRuleTypeArgs{
			Name:                     pulumi.String(f.name),
			Description:              pulumi.String(f.why),
			Priority:                 pulumi.Int(100 + 10*i),
			Direction:                pulumi.String("Inbound"),
			Access:                   pulumi.String("Allow"),
			Protocol:                 pulumi.String("Tcp"),
			SourceAddressPrefix:      pulumi.String(f.from),
			SourcePortRange:          pulumi.String("*"),
			DestinationAddressPrefix: pulumi.String(f.to),
			DestinationPortRanges:    pulumi.ToStringArray(f.ports),
		}
		if f.name == denyNetwork {
			rule.Priority, rule.Access, rule.Protocol = pulumi.Int(4096), pulumi.String("Deny"), pulumi.String("*")
			rule.SourceAddressPrefix, rule.DestinationAddressPrefix = pulumi.String("VirtualNetwork"), pulumi.String(anyAddress)
			rule.DestinationPortRanges, rule.DestinationPortRange = nil, pulumi.String("*")
		}
		rules = append(rules, rule)
	}
	return rules
}
