package stacks

import (
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/components"
	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// deployEMQX puts EMQX on Container Apps in each region, with one Front Door for the WebSocket clients of all.
func deployEMQX(ctx *pulumi.Context, regions []region, s secrets) ([]endpoints, error) {
	first := regions[0]
	frontDoor, err := components.NewFrontDoor(ctx, "front-door", &components.FrontDoorArgs{
		Placement: first.place, Name: first.Name, EndpointName: first.unique(first.Name), Zone: first.zone,
		Domain: first.Names.WebSocketHost, Record: first.Names.WebSocketRecord,
	}, first.in)
	if err != nil {
		return nil, fmt.Errorf("front door: %w", err)
	}
	var at []endpoints
	var origins []pulumi.StringInput
	host := frontDoor.Host
	for _, r := range regions {
		broker, watched, err := r.behind(at).deployContainerApps(ctx, s, frontDoor.ID)
		if err != nil {
			return nil, err
		}
		origins, host = append(origins, broker.EdgeHost), after(host, broker.EdgeHost)
		at = append(at, endpoints{address: broker.Address, after: broker.Serving, nodes: broker.Serving, watched: watched})
	}
	route, err := components.NewFrontDoorRoute(ctx, "front-door-route", &components.FrontDoorRouteArgs{
		FrontDoor: frontDoor, Origins: inRegions(regions, origins),
	}, first.in)
	if err != nil {
		return nil, fmt.Errorf("front door route: %w", err)
	}
	at[0].webSocketHost, at[0].after = host, slices.Concat(at[0].after, route.Leading)
	at[0].watched = append(at[0].watched, components.Watched{Kind: "front-door", ID: frontDoor.ProfileID,
		Alerts: assets.FrontDoorAlerts()})
	return at, nil
}

// deployContainerApps registers the EMQX of one region and what only it needs.
func (r region) deployContainerApps(ctx *pulumi.Context, s secrets, frontDoorID pulumi.StringInput) (
	*components.OnContainerApps, []components.Watched, error) {
	registry, err := components.NewRegistry(ctx, r.named("registry"), &components.RegistryArgs{
		Placement: r.place, Name: r.uniqueCompact(r.Name), ScriptName: r.Name + "-mirror",
		Images: components.OnContainerAppsImages(r.Image), SubscriptionID: r.base.SubscriptionID,
	}, r.in)
	if err != nil {
		return nil, nil, fmt.Errorf("registry: %w", err)
	}
	rules, err := components.NewRuleCache(ctx, r.named("rules"), &components.RuleCacheArgs{
		Placement: r.place, Name: r.unique(r.Name), Link: r.link(r.Plan, LinkRedis), Size: r.Redis, Vault: r.vault,
	}, r.in)
	if err != nil {
		return nil, nil, fmt.Errorf("rule cache: %w", err)
	}
	broker, err := components.NewOnContainerApps(ctx, r.named("emqx"), &components.OnContainerAppsArgs{
		Placement: r.place, Name: r.Name, Image: r.Image, Licence: s.emqxLicence, JWT: r.JWT, Rotation: r.Rotation,
		ClientIDs: r.ClientIDs,
		Size:      r.EMQX, SubnetCIDR: r.Network.Apps,
		Network: r.network, Vault: r.vault, Certificate: r.certificate, Registry: registry, Database: r.database,
		RuleCache:   rules,
		FrontDoorID: frontDoorID, After: r.applied, Telemetry: r.telemetry, SubscriptionID: r.base.SubscriptionID,
	}, r.in)
	if err != nil {
		return nil, nil, fmt.Errorf("broker: %w", err)
	}
	r.export(ctx, "adminJobName", broker.AdminJobName)
	r.export(ctx, "rulesJobName", broker.RulesJobName)
	return broker, []components.Watched{{Kind: "redis", ID: rules.ID, Alerts: assets.RedisAlerts(r.Redis.Service)}}, nil
}

// after is a value that is known once another one is.
func after(value pulumi.StringInput, event pulumi.StringOutput) pulumi.StringOutput {
	return pulumi.All(value, event).ApplyT(func(v []any) string { return v[0].(string) }).(pulumi.StringOutput)
}
