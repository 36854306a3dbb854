package components

import (
	"fmt"
	"strings"

	cdn "github.com/pulumi/pulumi-azure-native-sdk/cdn/v2/v20230501"
	dns "github.com/pulumi/pulumi-azure-native-sdk/network/v2/v20180501"
	waf "github.com/pulumi/pulumi-azure-native-sdk/network/v2/v20240201"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

const (
	frontDoorType      = "amora:edge:FrontDoor"
	frontDoorRouteType = "amora:edge:FrontDoorRoute"

	// frontDoorSKU has rules of one's own, and none of Azure's
	// (learn.microsoft.com/azure/frontdoor/front-door-cdn-comparison).
	frontDoorSKU = "Standard_AzureFrontDoor"
	// What one address may ask for in a minute: WebSockets, each of which is one request. Behind it are whole offices and
	// mobile networks. Front Door counts small numbers inexactly: below some 200, more pass
	// (learn.microsoft.com/azure/web-application-firewall/afds/waf-front-door-rate-limit).
	requestsPerMinute = 1000
)

// FrontDoorArgs is what a FrontDoor is made of.
type FrontDoorArgs struct {
	Placement
	Name         string             // of the profile
	EndpointName pulumi.StringInput // unique in all of Azure
	Domain       string             // host name of wss:// clients, inside Zone
	Record       string             // Domain relative to Zone, such as "ws"
	Zone         *Zone
}

// FrontDoor is a Front Door Standard profile with the custom domain of the WebSocket endpoint. It carries WebSocket
// only: at most 3,000 connections at a time, 4 hours each, 5 minutes idle (Microsoft's limits); MQTT over TCP does not
// pass it.
type FrontDoor struct {
	pulumi.ResourceState

	ProfileID pulumi.StringOutput `pulumi:"profileId"` // ARM id
	Host      pulumi.StringOutput `pulumi:"host"`      // of the endpoint; what the domain leads to
	// the X-Azure-FDID header of every request that comes from this profile
	ID              pulumi.StringOutput `pulumi:"id"`
	placement       Placement
	profile         pulumi.StringOutput
	endpoint        pulumi.StringOutput
	firewallID      pulumi.IDOutput
	customDomainID  pulumi.IDOutput
	customDomainTXT pulumi.Resource
}

// NewFrontDoor registers the profile, its endpoint, the custom domain with a managed certificate, and the DNS record
// that proves it.
func NewFrontDoor(ctx *pulumi.Context, name string, args *FrontDoorArgs, opts ...pulumi.ResourceOption) (*FrontDoor,
	error) {
	f := &FrontDoor{placement: args.Placement}
	if err := ctx.RegisterComponentResourceV2(frontDoorType, name, pulumi.Map{"domain": pulumi.String(args.Domain)}, f,
		opts...); err != nil {
		return nil, err
	}
	parent := pulumi.Parent(f)
	profile, err := cdn.NewProfile(ctx, name+"-profile", &cdn.ProfileArgs{
		ResourceGroupName: args.ResourceGroup,
		ProfileName:       pulumi.String(args.Name),
		Location:          pulumi.String("Global"),
		Sku:               &cdn.SkuArgs{Name: pulumi.String(frontDoorSKU)},
		Tags:              args.tags(),
	}, parent)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	if err := newDiagnostics(ctx, name, args.Placement, profile.ID(), allLogs, parent); err != nil {
		return nil, err
	}
	endpoint, err := cdn.NewAFDEndpoint(ctx, name+"-endpoint", &cdn.AFDEndpointArgs{
		ResourceGroupName: args.ResourceGroup,
		ProfileName:       profile.Name,
		EndpointName:      args.EndpointName.ToStringOutput().ToStringPtrOutput(),
		Location:          pulumi.String("Global"),
		EnabledState:      pulumi.String("Enabled"),
		Tags:              args.tags(),
	}, parent)
	if err != nil {
		return nil, fmt.Errorf("endpoint: %w", err)
	}
	domain, err := cdn.NewAFDCustomDomain(ctx, name+"-domain", &cdn.AFDCustomDomainArgs{
		ResourceGroupName: args.ResourceGroup,
		ProfileName:       profile.Name,
		// Named by its host: one of another host is made beside it, since Azure deletes none that a route still uses.
		CustomDomainName: pulumi.String(strings.ReplaceAll(args.Domain, ".", "-")),
		HostName:         args.Zone.host(args.Domain),
		TlsSettings: &cdn.AFDDomainHttpsParametersArgs{
			CertificateType: pulumi.String("ManagedCertificate"), MinimumTlsVersion: cdn.AfdMinimumTlsVersionTLS12,
		},
	}, parent)
	if err != nil {
		return nil, fmt.Errorf("custom domain: %w", err)
	}
	if f.customDomainTXT, err = newRecord(ctx, name+"-validation", args.Zone, "_dnsauth."+args.Record, "TXT",
		func(r *dns.RecordSetArgs) {
			token := domain.ValidationProperties.ValidationToken()
			r.TxtRecords = dns.TxtRecordArray{&dns.TxtRecordArgs{Value: pulumi.StringArray{token}}}
		}, parent); err != nil {
		return nil, err
	}
	firewall, err := newFirewall(ctx, name+"-firewall", args, parent)
	if err != nil {
		return nil, fmt.Errorf("firewall: %w", err)
	}
	f.ProfileID, f.firewallID = profile.ID().ToStringOutput(), firewall.ID()
	f.Host, f.ID, f.profile, f.endpoint, f.customDomainID = endpoint.HostName, profile.FrontDoorId, profile.Name,
		endpoint.Name, domain.ID()
	return f, ctx.RegisterResourceOutputs(f, pulumi.Map{"profileId": f.ProfileID, "host": f.Host, "id": f.ID})
}

// newFirewall makes a policy that answers 429 to an address that asks too often.
func newFirewall(ctx *pulumi.Context, name string, args *FrontDoorArgs, parent pulumi.ResourceOption) (*waf.Policy,
	error) {
	return waf.NewPolicy(ctx, name, &waf.PolicyArgs{
		ResourceGroupName: args.ResourceGroup,
		PolicyName:        pulumi.String(strings.ReplaceAll(args.Name, "-", "")), // letters and digits only
		Location:          pulumi.String("Global"),
		Sku:               &waf.SkuArgs{Name: pulumi.String(frontDoorSKU)},
		PolicySettings: &waf.FrontDoorPolicySettingsArgs{
			EnabledState: pulumi.String("Enabled"), Mode: pulumi.String("Prevention"),
			CustomBlockResponseStatusCode: pulumi.Int(429),
		},
		CustomRules: &waf.CustomRuleListArgs{Rules: waf.CustomRuleArray{&waf.CustomRuleArgs{
			Name: pulumi.String("TooManyRequests"), Priority: pulumi.Int(1), RuleType: pulumi.String("RateLimitRule"),
			RateLimitDurationInMinutes: pulumi.Int(1), RateLimitThreshold: pulumi.Int(requestsPerMinute),
			Action: pulumi.String("Block"),
			MatchConditions: waf.FrontDoorMatchConditionArray{&waf.FrontDoorMatchConditionArgs{ // everybody
				MatchVariable: pulumi.String("SocketAddr"), Operator: pulumi.String("IPMatch"),
				MatchValue: pulumi.ToStringArray([]string{"0.0.0.0/0", "::/0"}),
			}},
		}}},
		Tags: args.tags(),
	}, parent)
}

// FrontDoorRouteArgs is what a FrontDoorRoute is made of.
type FrontDoorRouteArgs struct {
	FrontDoor *FrontDoor
	Origins   []Region // at HTTPS hosts that serve assets.WebSocketPath and assets.EdgeHealthPath
}

// FrontDoorRoute leads the WebSocket path of a FrontDoor to the first origin that answers. It is apart from the
// FrontDoor because the origin has to know the profile's id first, to refuse requests that come past it.
type FrontDoorRoute struct {
	pulumi.ResourceState

	// Leading is there once clients are led to an origin. Who waits for the component itself may miss what is in it:
	// Pulumi's SDK adds children to a component only while it registers them.
	Leading []pulumi.Resource
}

// NewFrontDoorRoute registers origin group, origins, route and the firewall before it.
func NewFrontDoorRoute(ctx *pulumi.Context, name string, args *FrontDoorRouteArgs, opts ...pulumi.ResourceOption) (
	*FrontDoorRoute, error) {
	r := &FrontDoorRoute{}
	if err := ctx.RegisterComponentResourceV2(frontDoorRouteType, name,
		pulumi.Map{"origins": pulumi.Int(len(args.Origins))}, r, opts...); err != nil {
		return nil, err
	}
	f, parent := args.FrontDoor, pulumi.Parent(r)
	group, err := cdn.NewAFDOriginGroup(ctx, name+"-origins", &cdn.AFDOriginGroupArgs{
		ResourceGroupName: f.placement.ResourceGroup,
		ProfileName:       f.profile,
		OriginGroupName:   pulumi.String("websocket"),
		HealthProbeSettings: &cdn.HealthProbeParametersArgs{
			ProbePath: pulumi.String(assets.EdgeHealthPath), ProbeIntervalInSeconds: pulumi.Int(30),
			ProbeProtocol: cdn.ProbeProtocolHttps, ProbeRequestType: cdn.HealthProbeRequestTypeGET,
		},
		LoadBalancingSettings: &cdn.LoadBalancingSettingsParametersArgs{
			SampleSize: pulumi.Int(4), SuccessfulSamplesRequired: pulumi.Int(3), AdditionalLatencyInMilliseconds: pulumi.Int(50),
		},
	}, parent)
	if err != nil {
		return nil, fmt.Errorf("origin group: %w", err)
	}
	// A route needs an origin in its group, and a custom domain is validated through its TXT record.
	before := []pulumi.Resource{f.customDomainTXT}
	for i, region := range args.Origins {
		suffix := ""
		if i > 0 {
			suffix = "-" + region.Name
		}
		origin, err := newOrigin(ctx, name+"-origin"+suffix, f, group.Name, "edge"+suffix, region, parent)
		if err != nil {
			return nil, fmt.Errorf("origin %s: %w", region.Name, err)
		}
		before = append(before, origin)
	}
	route, err := cdn.NewRoute(ctx, name+"-route", &cdn.RouteArgs{
		ResourceGroupName:   f.placement.ResourceGroup,
		ProfileName:         f.profile,
		EndpointName:        f.endpoint,
		RouteName:           pulumi.String("websocket"),
		OriginGroup:         &cdn.ResourceReferenceArgs{Id: group.ID()},
		CustomDomains:       cdn.ActivatedResourceReferenceArray{&cdn.ActivatedResourceReferenceArgs{Id: f.customDomainID}},
		PatternsToMatch:     pulumi.StringArray{pulumi.String(assets.WebSocketPath)},
		SupportedProtocols:  pulumi.StringArray{pulumi.String("Https")},
		ForwardingProtocol:  pulumi.String("HttpsOnly"),
		HttpsRedirect:       pulumi.String("Disabled"),
		LinkToDefaultDomain: pulumi.String("Disabled"),
		EnabledState:        pulumi.String("Enabled"),
	}, parent, pulumi.DependsOn(before))
	if err != nil {
		return nil, fmt.Errorf("route: %w", err)
	}
	if _, err := cdn.NewSecurityPolicy(ctx, name+"-firewall", &cdn.SecurityPolicyArgs{
		ResourceGroupName:  f.placement.ResourceGroup,
		ProfileName:        f.profile,
		SecurityPolicyName: pulumi.String("websocket"),
		Parameters: &cdn.SecurityPolicyWebApplicationFirewallParametersArgs{
			Type:      pulumi.String("WebApplicationFirewall"),
			WafPolicy: &cdn.ResourceReferenceArgs{Id: f.firewallID},
			Associations: cdn.SecurityPolicyWebApplicationFirewallAssociationArray{
				&cdn.SecurityPolicyWebApplicationFirewallAssociationArgs{
					Domains:         cdn.ActivatedResourceReferenceArray{&cdn.ActivatedResourceReferenceArgs{Id: f.customDomainID}},
					PatternsToMatch: pulumi.StringArray{pulumi.String("/*")},
				},
			},
		},
	}, parent, pulumi.DependsOn([]pulumi.Resource{route})); err != nil {
		return nil, fmt.Errorf("firewall: %w", err)
	}
	r.Leading = []pulumi.Resource{route}
	return r, ctx.RegisterResourceOutputs(r, pulumi.Map{})
}

func newOrigin(ctx *pulumi.Context, name string, f *FrontDoor, group pulumi.StringOutput, origin string, region Region,
	parent pulumi.ResourceOption) (*cdn.AFDOrigin, error) {
	return cdn.NewAFDOrigin(ctx, name, &cdn.AFDOriginArgs{
		ResourceGroupName: f.placement.ResourceGroup,
		ProfileName:       f.profile,
		OriginGroupName:   group,
		OriginName:        pulumi.String(origin),
		HostName:          region.At,
		OriginHostHeader:  region.At.ToStringOutput().ToStringPtrOutput(),
		HttpsPort:         pulumi.Int(443),
		Priority:          pulumi.Int(region.Priority),
		Weight:            pulumi.Int(1000),
		EnabledState:      pulumi.String("Enabled"),
		// The origin shows the certificate of Container Apps' own domain, which is the host that is asked for.
		EnforceCertificateNameCheck: pulumi.Bool(true),
	}, parent)
}
