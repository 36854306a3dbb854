package stacks

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/components"
	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// deployEMQX puts EMQX on Container Apps, with Front Door for its WebSocket clients.
func deployEMQX(ctx *pulumi.Context, p Plan, f *foundation, s secrets) (endpoints, error) {
	frontDoor, err := components.NewFrontDoor(ctx, "front-door", &components.FrontDoorArgs{
		Placement: f.place, Name: p.Name, EndpointName: f.unique(p.Name), Zone: f.zone,
		Domain: p.Names.WebSocketHost, Record: p.Names.WebSocketRecord,
	}, f.in)
	if err != nil {
		return endpoints{}, fmt.Errorf("front door: %w", err)
	}
	registry, err := components.NewRegistry(ctx, "registry", &components.RegistryArgs{
		Placement: f.place, Name: f.uniqueCompact(p.Name), ScriptName: p.Name + "-mirror",
		Images: components.OnContainerAppsImages(p.Image), SubscriptionID: f.base.SubscriptionID,
	}, f.in)
	if err != nil {
		return endpoints{}, fmt.Errorf("registry: %w", err)
	}
	rules, err := components.NewRuleCache(ctx, "rules", &components.RuleCacheArgs{
		Placement: f.place, Name: f.unique(p.Name), Link: f.link(p, LinkRedis), Size: p.Redis, Vault: f.vault,
	}, f.in)
	if err != nil {
		return endpoints{}, fmt.Errorf("rule cache: %w", err)
	}
	broker, err := components.NewOnContainerApps(ctx, "emqx", &components.OnContainerAppsArgs{
		Placement: f.place, Name: p.Name, Image: p.Image, Licence: s.emqxLicence, JWT: p.JWT, Size: p.EMQX, SubnetCIDR: p.Network.Apps,
		Network: f.network, Vault: f.vault, Certificate: f.certificate, Registry: registry, Database: f.database, RuleCache: rules,
		FrontDoorID: frontDoor.ID, Telemetry: f.telemetry, SubscriptionID: f.base.SubscriptionID,
	}, f.in)
	if err != nil {
		return endpoints{}, fmt.Errorf("broker: %w", err)
	}
	if _, err := components.NewFrontDoorRoute(ctx, "front-door-route", &components.FrontDoorRouteArgs{
		FrontDoor: frontDoor, OriginHost: broker.EdgeHost,
	}, f.in); err != nil {
		return endpoints{}, fmt.Errorf("front door route: %w", err)
	}
	ctx.Export("adminJobName", broker.AdminJobName)
	ctx.Export("rulesJobName", broker.RulesJobName)
	return endpoints{address: broker.Address, webSocketHost: after(frontDoor.Host, broker.EdgeHost), watched: []components.Watched{
		{Kind: "redis", ID: rules.ID, Alerts: assets.RedisAlerts(p.Redis.Service)},
		{Kind: "front-door", ID: frontDoor.ProfileID, Alerts: assets.FrontDoorAlerts()},
	}}, nil
}

// after is a value that is known once another one is.
func after(value pulumi.StringInput, event pulumi.StringOutput) pulumi.StringOutput {
	return pulumi.All(value, event).ApplyT(func(v []any) string { return v[0].(string) }).(pulumi.StringOutput)
}
