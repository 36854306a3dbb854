package components

import (
	"fmt"

	trafficmanager "github.com/pulumi/pulumi-azure-native-sdk/network/v2/v20220401"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const trafficManagerType = "amora:edge:TrafficManager"

// How soon clients are led away from a region that is gone: after 4 probes that fail, 10 seconds apart, of which the
// last takes
// 5 seconds too, and once resolvers have forgotten the old answer. Probes this frequent cost an extra $2 a month for
// each external endpoint (azure.microsoft.com/roadmap/fast-failover-and-tcp-probing-in-azure-traffic-manager).
const (
	ProbeSeconds        = 10
	ProbeTimeoutSeconds = 5
	ToleratedFailures   = 3
	TrafficManagerTTL   = 30 // seconds
)

// TrafficManagerArgs is what a TrafficManager is made of.
type TrafficManagerArgs struct {
	Placement
	Name    pulumi.StringInput // unique in all of Azure
	Port    int                // that is probed by TCP
	Regions []Region           // at public IPv4 addresses
	After   []pulumi.Resource  // what has to be there before clients are led anywhere else
}

// Region is where one region takes clients.
type Region struct {
	Name     string
	At       pulumi.StringInput // address or host
	Priority int                // 1 to 5; the lowest that answers is taken, and no two are the same
}

// TrafficManager answers DNS queries with the address of the first region that can be reached.
type TrafficManager struct {
	pulumi.ResourceState

	ID pulumi.StringOutput `pulumi:"id"` // ARM id of the profile, known once it has all its regions
}

// NewTrafficManager registers the profile and a region each.
func NewTrafficManager(ctx *pulumi.Context, name string, args *TrafficManagerArgs, opts ...pulumi.ResourceOption) (
	*TrafficManager, error) {
	t := &TrafficManager{}
	if err := ctx.RegisterComponentResourceV2(trafficManagerType, name, pulumi.Map{"port": pulumi.Int(args.Port)}, t,
		opts...); err != nil {
		return nil, err
	}
	parent := pulumi.Parent(t)
	profile, err := trafficmanager.NewProfile(ctx, name+"-profile", &trafficmanager.ProfileArgs{
		ResourceGroupName:    args.ResourceGroup,
		ProfileName:          args.Name.ToStringOutput().ToStringPtrOutput(),
		Location:             pulumi.String("global"),
		ProfileStatus:        pulumi.String("Enabled"),
		TrafficRoutingMethod: pulumi.String("Priority"),
		DnsConfig: &trafficmanager.DnsConfigArgs{
			RelativeName: args.Name.ToStringOutput().ToStringPtrOutput(), Ttl: pulumi.Float64(TrafficManagerTTL),
		},
		MonitorConfig: &trafficmanager.MonitorConfigArgs{
			Protocol: pulumi.String("TCP"), Port: pulumi.Float64(args.Port), IntervalInSeconds: pulumi.Float64(ProbeSeconds),
			TimeoutInSeconds: pulumi.Float64(ProbeTimeoutSeconds), ToleratedNumberOfFailures: pulumi.Float64(ToleratedFailures),
		},
		Tags: args.plainTags(),
	}, parent, pulumi.IgnoreChanges([]string{"endpoints"})) // they are resources of their own, which Azure echoes here
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	if err := newDiagnostics(ctx, name, args.Placement, profile.ID(), allLogs, parent); err != nil {
		return nil, err
	}
	last := append([]pulumi.Resource{profile}, args.After...)
	for _, region := range args.Regions {
		endpoint, err := trafficmanager.NewEndpoint(ctx, name+"-"+region.Name, &trafficmanager.EndpointArgs{
			ResourceGroupName: args.ResourceGroup,
			ProfileName:       profile.Name.Elem(),
			EndpointType:      pulumi.String("ExternalEndpoints"),
			EndpointName:      pulumi.String(region.Name),
			EndpointStatus:    pulumi.String("Enabled"),
			Target:            region.At.ToStringOutput().ToStringPtrOutput(),
			Priority:          pulumi.Float64(region.Priority),
			// One after the other: an endpoint is a part of its profile.
		}, parent, pulumi.DependsOn(last))
		if err != nil {
			return nil, fmt.Errorf("region %s: %w", region.Name, err)
		}
		last, t.ID = append(last, endpoint), after(profile.ID(), endpoint.ID())
	}
	return t, ctx.RegisterResourceOutputs(t, pulumi.Map{"id": t.ID})
}

// after is an id that is known once another resource is there.
func after(id, event pulumi.IDOutput) pulumi.StringOutput {
	return pulumi.All(id, event).ApplyT(func(ids []any) string { return string(ids[0].(pulumi.ID)) }).(pulumi.StringOutput)
}
