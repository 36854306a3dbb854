package components

import (
	"fmt"

	managedidentity "github.com/pulumi/pulumi-azure-native-sdk/managedidentity/v2/v20230131"
	network "github.com/pulumi/pulumi-azure-native-sdk/network/v2/v20230201"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

const gatewayType = "amora:edge:Gateway"

// The ports that clients connect to.
const (
	GatewayMQTTSPort     = 8883
	GatewayWebSocketPort = 443
)

// GatewayConnections is what one instance of a gateway holds: about ten capacity units of 2,500 connections each
// (Microsoft's pricing page).
const GatewayConnections = 25_000

// gatewayIdleSeconds is how long the gateway keeps a connection on which nothing is said. Brokers drop a client after
// 1.5 times its keepalive, and the gateway must not be faster; Azure's own default of 20 seconds would be.
const gatewayIdleSeconds = 3600

// GatewayArgs is what a Gateway is made of.
type GatewayArgs struct {
	Placement
	Name           string
	SubnetCIDR     string // /26 or larger, nothing else in it
	Zones          []string
	Instances      [2]int // minimum and maximum; one has GatewayConnections
	Network        *Network
	Certificate    *Certificate // as PKCS#12: the gateway takes no PEM
	DDoS           bool         // DDoS IP Protection for the public address
	SubscriptionID pulumi.StringInput

	BackendAddress                pulumi.StringInput // private IPv4 address that takes plain MQTT and WebSocket
	BackendMQTT, BackendWebSocket int                // ports
}

// Gateway is an Application Gateway that ends TLS: MQTT on 8883 by its layer-4 proxy, MQTT over WebSocket on 443 as
// HTTP. The broker sees the gateway's address, not the client's.
type Gateway struct {
	pulumi.ResourceState

	ID      pulumi.StringOutput `pulumi:"id"`
	Address pulumi.StringOutput `pulumi:"address"` // public IPv4 address
}

// NewGateway registers the gateway with its subnet, its public address, and an identity that may read the certificate.
func NewGateway(ctx *pulumi.Context, name string, args *GatewayArgs, opts ...pulumi.ResourceOption) (*Gateway, error) {
	g := &Gateway{}
	if err := ctx.RegisterComponentResourceV2(gatewayType, name, pulumi.Map{"backend": args.BackendAddress}, g,
		opts...); err != nil {
		return nil, err
	}
	parent := pulumi.Parent(g)
	subnet, err := args.Network.newBrokerTier(ctx, name, gatewayTier(args.SubnetCIDR), parent)
	if err != nil {
		return nil, err
	}
	address, err := newPublicAddress(ctx, name+"-address",
		publicAddress{args.Placement, args.Name + "-gateway", args.Zones, args.DDoS}, parent)
	if err != nil {
		return nil, fmt.Errorf("public address: %w", err)
	}
	identity, err := managedidentity.NewUserAssignedIdentity(ctx, name+"-identity",
		&managedidentity.UserAssignedIdentityArgs{
			ResourceGroupName: args.ResourceGroup,
			ResourceName:      pulumi.String(args.Name + "-gateway"),
			Location:          pulumi.String(args.Location),
			Tags:              args.tags(),
		}, parent)
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	role, err := newGrant(ctx, name+"-certificate-role",
		grant{identity.PrincipalId, roleKeyVaultSecretsUser, args.Certificate.VaultID, args.SubscriptionID}, parent)
	if err != nil {
		return nil, fmt.Errorf("role: %w", err)
	}
	gateway, err := network.NewApplicationGateway(ctx, name+"-gateway",
		gatewayArgs(args, subnet, address.ID(), identity.ID()),
		// A gateway that can't read its certificate when it is made fails, and has to be deleted.
		parent, pulumi.DependsOn(append(args.Certificate.reachable, role)))
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	if err := newDiagnostics(ctx, name, args.Placement, gateway.ID(), allLogs, parent); err != nil {
		return nil, err
	}
	g.ID = gateway.ID().ToStringOutput()
	g.Address = pulumi.All(address.IpAddress.Elem(), gateway.ID()).
		ApplyT(func(v []any) string { return v[0].(string) }).(pulumi.StringOutput)
	return g, ctx.RegisterResourceOutputs(g, pulumi.Map{"id": g.ID, "address": g.Address})
}

// self refers to a part of the gateway from another part of it: azure-native puts the gateway's own id in place of
// "$self".
func self(collection, name string) *network.SubResourceArgs {
	return &network.SubResourceArgs{Id: pulumi.String("$self/" + collection + "/" + name)}
}

func gatewayArgs(args *GatewayArgs, subnet, address, identity pulumi.IDOutput) *network.ApplicationGatewayArgs {
	const frontend, brokers, certificate = "public", "brokers", "mqtt-tls"
	gateway := &network.ApplicationGatewayArgs{
		ResourceGroupName:      args.ResourceGroup,
		ApplicationGatewayName: pulumi.String(args.Name),
		Location:               pulumi.String(args.Location),
		Zones:                  inZones(args.Zones),
		Sku: &network.ApplicationGatewaySkuArgs{Name: pulumi.String("Standard_v2"),
			Tier: pulumi.String("Standard_v2")},
		AutoscaleConfiguration: &network.ApplicationGatewayAutoscaleConfigurationArgs{
			MinCapacity: pulumi.Int(args.Instances[0]), MaxCapacity: pulumi.Int(args.Instances[1]),
		},
		Identity: &network.ManagedServiceIdentityArgs{
			Type: network.ResourceIdentityTypeUserAssigned, UserAssignedIdentities: pulumi.StringArray{identity},
		},
		EnableHttp2: pulumi.Bool(false), // WebSocket is HTTP/1.1 here
		SslPolicy: &network.ApplicationGatewaySslPolicyArgs{
			PolicyType: pulumi.String("Predefined"), PolicyName: pulumi.String("AppGwSslPolicy20220101"), // TLS 1.2 and 1.3
		},
		SslCertificates: network.ApplicationGatewaySslCertificateArray{&network.ApplicationGatewaySslCertificateArgs{
			// Without a version: the gateway looks for a new one every four hours.
			Name: pulumi.String(certificate), KeyVaultSecretId: args.Certificate.SecretURL,
		}},
		GatewayIPConfigurations: network.ApplicationGatewayIPConfigurationArray{
			&network.ApplicationGatewayIPConfigurationArgs{
				Name: pulumi.String("subnet"), Subnet: &network.SubResourceArgs{Id: subnet.ToStringPtrOutput()},
			}},
		FrontendIPConfigurations: network.ApplicationGatewayFrontendIPConfigurationArray{
			&network.ApplicationGatewayFrontendIPConfigurationArgs{
				Name: pulumi.String(frontend), PublicIPAddress: &network.SubResourceArgs{Id: address.ToStringPtrOutput()},
			}},
		BackendAddressPools: network.ApplicationGatewayBackendAddressPoolArray{
			&network.ApplicationGatewayBackendAddressPoolArgs{
				Name: pulumi.String(brokers),
				BackendAddresses: network.ApplicationGatewayBackendAddressArray{&network.ApplicationGatewayBackendAddressArgs{
					IpAddress: args.BackendAddress.ToStringOutput().ToStringPtrOutput(),
				}},
			}},
		Tags: args.tags(),
	}
	addMQTT(gateway, args, frontend, brokers, certificate)
	addWebSocket(gateway, args, frontend, brokers, certificate)
	return gateway
}

// addMQTT leads MQTT over TLS to the brokers, as a stream of bytes.
func addMQTT(gateway *network.ApplicationGatewayArgs, args *GatewayArgs, frontend, brokers, certificate string) {
	const part = "mqtts"
	ports, _ := gateway.FrontendPorts.(network.ApplicationGatewayFrontendPortArray)
	gateway.FrontendPorts = append(ports, &network.ApplicationGatewayFrontendPortArgs{Name: pulumi.String(part),
		Port: pulumi.Int(GatewayMQTTSPort)})
	probes, _ := gateway.Probes.(network.ApplicationGatewayProbeArray)
	gateway.Probes = append(probes, &network.ApplicationGatewayProbeArgs{
		Name: pulumi.String(part), Protocol: pulumi.String("Tcp"), Port: pulumi.Int(args.BackendMQTT),
		Interval: pulumi.Int(10), Timeout: pulumi.Int(5), UnhealthyThreshold: pulumi.Int(3),
	})
	gateway.Listeners = network.ApplicationGatewayListenerArray{&network.ApplicationGatewayListenerArgs{
		Name: pulumi.String(part), Protocol: pulumi.String("Tls"),
		FrontendIPConfiguration: self("frontendIPConfigurations", frontend),
		FrontendPort:            self("frontendPorts", part), SslCertificate: self("sslCertificates", certificate),
	}}
	gateway.BackendSettingsCollection = network.ApplicationGatewayBackendSettingsArray{
		&network.ApplicationGatewayBackendSettingsArgs{
			Name: pulumi.String(part), Protocol: pulumi.String("Tcp"), Port: pulumi.Int(args.BackendMQTT),
			Timeout: pulumi.Int(gatewayIdleSeconds), Probe: self("probes", part),
		}}
	gateway.RoutingRules = network.ApplicationGatewayRoutingRuleArray{&network.ApplicationGatewayRoutingRuleArgs{
		Name: pulumi.String(part), RuleType: pulumi.String("Basic"), Priority: pulumi.Int(100),
		Listener:           self("listeners", part),
		BackendAddressPool: self("backendAddressPools", brokers), BackendSettings: self("backendSettingsCollection", part),
	}}
}

// addWebSocket leads MQTT over WebSocket to the brokers, as HTTP.
func addWebSocket(gateway *network.ApplicationGatewayArgs, args *GatewayArgs, frontend, brokers, certificate string) {
	const part = "websocket"
	gateway.FrontendPorts = append(gateway.FrontendPorts.(network.ApplicationGatewayFrontendPortArray),
		&network.ApplicationGatewayFrontendPortArgs{
			Name: pulumi.String(part), Port: pulumi.Int(GatewayWebSocketPort),
		})
	gateway.Probes = append(gateway.Probes.(network.ApplicationGatewayProbeArray), &network.ApplicationGatewayProbeArgs{
		Name: pulumi.String(part), Protocol: pulumi.String("Http"), Port: pulumi.Int(args.BackendWebSocket),
		Host: args.BackendAddress.ToStringOutput().ToStringPtrOutput(), Path: pulumi.String(assets.WebSocketPath),
		Interval: pulumi.Int(10), Timeout: pulumi.Int(5), UnhealthyThreshold: pulumi.Int(3),
		// A broker that is well refuses a plain request in words: it wants an upgrade.
		Match: &network.ApplicationGatewayProbeHealthResponseMatchArgs{
			StatusCodes: pulumi.ToStringArray([]string{"200-499"})},
	})
	gateway.HttpListeners = network.ApplicationGatewayHttpListenerArray{&network.ApplicationGatewayHttpListenerArgs{
		Name: pulumi.String(part), Protocol: pulumi.String("Https"),
		FrontendIPConfiguration: self("frontendIPConfigurations", frontend),
		FrontendPort:            self("frontendPorts", part), SslCertificate: self("sslCertificates", certificate),
		RequireServerNameIndication: pulumi.Bool(false),
	}}
	gateway.BackendHttpSettingsCollection = network.ApplicationGatewayBackendHttpSettingsArray{
		&network.ApplicationGatewayBackendHttpSettingsArgs{
			Name: pulumi.String(part), Protocol: pulumi.String("Http"), Port: pulumi.Int(args.BackendWebSocket),
			CookieBasedAffinity: pulumi.String("Disabled"), RequestTimeout: pulumi.Int(gatewayIdleSeconds),
			Probe: self("probes", part),
		}}
	gateway.RequestRoutingRules = network.ApplicationGatewayRequestRoutingRuleArray{
		&network.ApplicationGatewayRequestRoutingRuleArgs{
			Name: pulumi.String(part), RuleType: pulumi.String("Basic"), Priority: pulumi.Int(110),
			HttpListener:        self("httpListeners", part),
			BackendAddressPool:  self("backendAddressPools", brokers),
			BackendHttpSettings: self("backendHttpSettingsCollection", part),
		}}
}
