package components

import (
	"fmt"

	network "github.com/pulumi/pulumi-azure-native-sdk/network/v2/v20230201"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// balancerPool is the name of the load balancer's one backend pool.
const balancerPool = "nodes"

// balancerIdleMinutes is how long the load balancer keeps a connection on which nothing is said. A client's keepalive
// must be below it.
const balancerIdleMinutes = 30

// newBalancer makes the load balancer that leads the public ports to the nodes, and gives back its address. It passes
// TLS through; the nodes see their clients' addresses.
func (v *vms) newBalancer() (*network.PublicIPAddress, error) {
	address, err := newPublicAddress(v.ctx, v.name+"-address",
		publicAddress{v.args.Placement, v.args.Name + "-vms", v.args.Size.AddressZones, v.args.DDoS}, v.parent)
	if err != nil {
		return nil, fmt.Errorf("public address: %w", err)
	}
	v.balancer, err = network.NewLoadBalancer(v.ctx, v.name+"-balancer",
		balancerArgs(v.args.Placement, v.args.Name, address.ID()), v.parent)
	if err != nil {
		return nil, err
	}
	return address, newDiagnostics(v.ctx, v.name+"-balancer", v.args.Placement, v.balancer.ID(), allLogs, v.parent)
}

func balancerArgs(place Placement, name string, address pulumi.IDOutput) *network.LoadBalancerArgs {
	const frontend, probe = "public", "health"
	rules := network.LoadBalancingRuleArray{}
	for _, r := range []struct {
		name     string
		from, to int
	}{{"mqtts", GatewayMQTTSPort, assets.VerneMQPort}, {"websocket", GatewayWebSocketPort, assets.VerneMQWebSocketPort}} {
		rules = append(rules, &network.LoadBalancingRuleArgs{
			Name: pulumi.String(r.name), Protocol: pulumi.String("Tcp"), FrontendPort: pulumi.Int(r.from),
			BackendPort:             pulumi.Int(r.to),
			FrontendIPConfiguration: self("frontendIPConfigurations", frontend),
			BackendAddressPool:      self("backendAddressPools", balancerPool), Probe: self("probes", probe),
			IdleTimeoutInMinutes: pulumi.Int(balancerIdleMinutes), EnableTcpReset: pulumi.Bool(true),
			DisableOutboundSnat: pulumi.Bool(true),
		})
	}
	return &network.LoadBalancerArgs{
		ResourceGroupName: place.ResourceGroup,
		LoadBalancerName:  pulumi.String(name),
		Location:          pulumi.String(place.Location),
		Sku:               &network.LoadBalancerSkuArgs{Name: pulumi.String("Standard"), Tier: pulumi.String("Regional")},
		FrontendIPConfigurations: network.FrontendIPConfigurationArray{&network.FrontendIPConfigurationArgs{
			Name: pulumi.String(frontend), PublicIPAddress: &network.PublicIPAddressTypeArgs{Id: address.ToStringPtrOutput()},
		}},
		BackendAddressPools: network.BackendAddressPoolArray{
			&network.BackendAddressPoolArgs{Name: pulumi.String(balancerPool)}},
		Probes: network.ProbeArray{&network.ProbeArgs{
			Name: pulumi.String(probe), Protocol: pulumi.String("Http"), Port: pulumi.Int(assets.VerneMQHealthPort),
			RequestPath:       pulumi.String(assets.VerneMQHealthPath),
			IntervalInSeconds: pulumi.Int(5), ProbeThreshold: pulumi.Int(2),
		}},
		LoadBalancingRules: rules,
		Tags:               place.tags(),
	}
}
