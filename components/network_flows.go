package components

import (
	"strconv"

	network "github.com/pulumi/pulumi-azure-native-sdk/network/v2/v20230201"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// flow is one permitted flow, into the tier unless it is outbound. What no flow permits is denied: from the Internet by
// Azure's own last rule, and within the network by closed tiers' denyNetwork. Outwards Azure's own rules permit all
// that is not denied.
type flow struct {
	name     string
	outbound bool
	from     []string // CIDR blocks, or one service tag
	to       string   // CIDR block or service tag
	ports    []string // TCP; nil stands for every port and protocol
	why      string
}

const (
	anyAddress  = "*"
	denyNetwork = "deny-network" // the flow that closes a tier to the rest of the virtual network

	clusterSubnet = "cluster"
)

func databaseTier(args *NetworkArgs) tier {
	servers := []string{args.DatabaseSubnet}
	if args.PeerDatabase != "" {
		servers = append(servers, args.PeerDatabase)
	}
	return tier{name: "database", cidr: args.DatabaseSubnet, delegation: "Microsoft.DBforPostgreSQL/flexibleServers",
		policies: "Disabled", inbound: []flow{
			{name: "postgresql", from: []string{args.AppsSubnet, args.ClusterSubnet, args.NodesSubnet},
				to: args.DatabaseSubnet, ports: []string{"5432"}, why: "brokers and jobs to the database"},
			{name: "replication", from: servers, to: args.DatabaseSubnet, ports: []string{"5432"},
				why: "primary, standby and replica"},
			{name: denyNetwork, why: "nothing else in the network reaches the database"},
		}}
}

func endpointsTier(args *NetworkArgs) tier {
	return tier{name: "endpoints", cidr: args.EndpointsSubnet, policies: "Enabled", inbound: []flow{
		{name: "redis", from: []string{args.AppsSubnet}, to: args.EndpointsSubnet, ports: []string{"6380", "8500", "10000"},
			why: "topic rules: 6380 is Azure Cache for Redis, 10000 and 8500 Azure Managed Redis"},
		{name: "vault-and-storage", from: []string{args.AppsSubnet, args.ClusterSubnet, args.NodesSubnet,
			args.GatewaySubnet}, to: args.EndpointsSubnet,
			ports: []string{"443"}, why: "secrets, the certificate, and what brokers fetch from the storage account"},
		{name: denyNetwork, why: "nothing else in the network reaches the private endpoints"},
	}}
}

// appsTier is where the Container Apps environment is.
func appsTier(cidr string) tier {
	return tier{name: "apps", cidr: cidr, delegation: "Microsoft.App/environments", policies: "Disabled",
		formerlyShared: true, inbound: []flow{
			{name: "mqtts", from: []string{"Internet"}, to: cidr, ports: []string{"8883", "30000-32767"},
				why: "MQTT over TLS; the environment's load balancer forwards TCP ingress to node ports"},
			{name: "websocket", from: []string{"AzureFrontDoor.Backend"}, to: cidr, ports: []string{"443", "31443"},
				why: "MQTT over WebSocket, from Front Door only"},
			{name: "load-balancer", from: []string{"AzureLoadBalancer"}, to: cidr, ports: []string{"30000-32767"},
				why: "health probes of the environment's load balancer"},
		}}
}

// clusterTier is where the nodes of a Kubernetes cluster are. Its pods have addresses of their own (pods), which the
// subnet's rules see when pods talk to pods on other nodes.
func clusterTier(cidr, pods, gateway string, natGateway pulumi.IDOutput) tier {
	return tier{name: clusterSubnet, cidr: cidr, policies: "Disabled", natGateway: natGateway, inbound: []flow{
		{name: "mqtt", from: []string{gateway}, to: cidr,
			ports: []string{strconv.Itoa(assets.HiveMQPort), strconv.Itoa(assets.HiveMQWebSocketPort)},
			why:   "the gateway to the brokers' load balancer"},
		{name: "nodes", from: []string{cidr}, to: cidr, why: "the cluster's nodes and its API server"},
		{name: "nodes-to-pods", from: []string{cidr}, to: pods, why: "probes, and services of the cluster"},
		{name: "pods", from: []string{pods}, to: pods,
			why: "pods on different nodes; network policies in the cluster decide which"},
		{name: "load-balancer", from: []string{"AzureLoadBalancer"}, to: cidr,
			why: "health probes of the brokers' load balancer"},
		{name: denyNetwork, why: "nothing else in the network reaches the cluster"},
	}}
}

// gatewayTier is where the Application Gateway is: nothing else may be in its subnet.
func gatewayTier(cidr string) tier {
	return tier{name: "gateway", cidr: cidr, policies: "Disabled", inbound: []flow{
		{name: "mqtt", from: []string{"Internet"}, to: cidr,
			ports: []string{strconv.Itoa(GatewayMQTTSPort), strconv.Itoa(GatewayWebSocketPort)},
			why:   "MQTT over TLS, and over WebSocket"},
		{name: "management", from: []string{"GatewayManager"}, to: anyAddress, ports: []string{"65200-65535"},
			why: "Azure manages a gateway of version 2 through these ports; without them it fails"},
		{name: "load-balancer", from: []string{"AzureLoadBalancer"}, to: anyAddress,
			why: "health probes of the gateway's instances"},
		{name: denyNetwork, why: "nothing in the network needs the gateway"},
	}}
}

// nodesTier is where the virtual machines with brokers are. The load balancer leaves the clients' addresses as they
// are.
func nodesTier(cidr, bastion string, natGateway pulumi.IDOutput) tier {
	inbound := []flow{
		{name: "mqtt", from: []string{"Internet"}, to: cidr,
			ports: []string{strconv.Itoa(assets.VerneMQPort), strconv.Itoa(assets.VerneMQWebSocketPort)},
			why:   "MQTT over TLS, and over WebSocket"},
		{name: "health", from: []string{"AzureLoadBalancer"}, to: cidr,
			ports: []string{strconv.Itoa(assets.VerneMQHealthPort)},
			why:   "health probes of the load balancer"},
		{name: "cluster", from: []string{cidr}, to: cidr, ports: assets.VerneMQClusterPorts(),
			why: "the nodes among each other: Erlang's port mapper and distribution, messages, and whether a node " +
				"serves clients"},
	}
	if bastion != "" {
		inbound = append(inbound, flow{name: "ssh", from: []string{bastion}, to: cidr, ports: []string{"22"},
			why: "people, through Bastion"})
	}
	return tier{name: "nodes", cidr: cidr, policies: "Disabled", natGateway: natGateway, inbound: append(inbound,
		flow{name: denyNetwork, why: "nothing else in the network reaches the nodes"},
	)}
}

// bastionTier is where the Bastion host is. Azure wants its subnet under this name, and refuses a security group
// without these flows.
func bastionTier(cidr string) tier {
	return tier{name: "AzureBastionSubnet", cidr: cidr, policies: "Disabled", inbound: []flow{
		{name: "people", from: []string{"Internet"}, to: anyAddress, ports: []string{"443"},
			why: "people's browsers and CLIs"},
		{name: "management", from: []string{"GatewayManager"}, to: anyAddress, ports: []string{"443"},
			why: "Azure manages the host"},
		{name: "load-balancer", from: []string{"AzureLoadBalancer"}, to: anyAddress, ports: []string{"443"},
			why: "health probes of the host"},
		{name: "instances", from: []string{"VirtualNetwork"}, to: anyAddress, ports: []string{"8080", "5701"},
			why: "the host's instances among each other"},
		{name: "machines", outbound: true, from: []string{anyAddress}, to: "VirtualNetwork",
			ports: []string{"22", "3389"}, why: "the machines; Azure wants both ports"},
		{name: "azure", outbound: true, from: []string{anyAddress}, to: "AzureCloud", ports: []string{"443"},
			why: "Azure's own services"},
		{name: "instances-out", outbound: true, from: []string{"VirtualNetwork"}, to: "VirtualNetwork",
			ports: []string{"8080", "5701"}, why: "the host's instances among each other"},
		{name: "sessions", outbound: true, from: []string{anyAddress}, to: "Internet", ports: []string{"80"},
			why: "whether certificates are still good"},
		{name: denyNetwork, why: "nothing else in the network needs the host"},
	}}
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
			SourcePortRange:          pulumi.String("*"),
			DestinationAddressPrefix: pulumi.String(f.to),
			DestinationPortRanges:    pulumi.ToStringArray(f.ports),
		}
		if f.outbound {
			rule.Direction = pulumi.String("Outbound")
		}
		if f.name == denyNetwork {
			rule.Priority, rule.Access = pulumi.Int(4096), pulumi.String("Deny")
			rule.DestinationAddressPrefix = pulumi.String(anyAddress)
			f.from = []string{"VirtualNetwork"}
		}
		if len(f.from) == 1 {
			rule.SourceAddressPrefix = pulumi.String(f.from[0])
		} else {
			rule.SourceAddressPrefixes = pulumi.ToStringArray(f.from)
		}
		if f.ports == nil {
			rule.Protocol = pulumi.String("*")
			rule.DestinationPortRanges, rule.DestinationPortRange = nil, pulumi.String("*")
		}
		rules = append(rules, rule)
	}
	return rules
}
