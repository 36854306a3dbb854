package stacks

import (
	"encoding/json"
	"fmt"
	"os"

	azure "github.com/pulumi/pulumi-azure-native-sdk/v2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/components"
)

// azureNativeVersion is the provider plugin that serves every azure-native resource of a stack: the SDK modules come in
// several versions, and each would load a plugin of its own.
const azureNativeVersion = "2.92.3"

// Deploy is the Pulumi program.
func Deploy(ctx *pulumi.Context) error {
	config := map[string]string{}
	// The engine gives the whole config to a program in this variable; the SDK reads single keys only, and a misspelt key
	// can't be asked for.
	if err := json.Unmarshal([]byte(os.Getenv(pulumi.EnvConfig)), &config); err != nil {
		return fmt.Errorf("read the stack config from %s: %w", pulumi.EnvConfig, err)
	}
	return Program(config)(ctx)
}

// Program is the Pulumi program for a config that is at hand (see [Parse] for its form).
func Program(config map[string]string) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		c, err := Parse(ctx.Stack(), config)
		if err != nil {
			return err
		}
		return deploy(ctx, NewPlan(ctx.Stack(), c), c.EMQX.Licence)
	}
}

// foundation is what belongs to the stack and outlives a switch of the broker.
type foundation struct {
	base        *components.Base
	place       components.Placement
	network     *components.Network
	vault       *components.Vault
	zone        *components.Zone
	database    *components.Database
	certificate *components.Certificate
	in          pulumi.ResourceOption // the provider
}

func deploy(ctx *pulumi.Context, p Plan, licence string) error {
	f, err := deployFoundation(ctx, p)
	if err != nil {
		return err
	}
	frontDoor, err := components.NewFrontDoor(ctx, "front-door", &components.FrontDoorArgs{
		Placement: f.place, Name: p.Name, EndpointName: f.unique(p.Name), Zone: f.zone,
		Domain: p.Names.WebSocketHost, Record: p.Names.WebSocketRecord,
	}, f.in)
	if err != nil {
		return fmt.Errorf("front door: %w", err)
	}
	broker, err := deployEMQX(ctx, p, f, frontDoor, licence)
	if err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	if _, err := components.NewFrontDoorRoute(ctx, "front-door-route", &components.FrontDoorRouteArgs{
		FrontDoor: frontDoor, OriginHost: broker.EdgeHost,
	}, f.in); err != nil {
		return fmt.Errorf("front door route: %w", err)
	}
	if _, err := components.NewEndpoint(ctx, "endpoint", &components.EndpointArgs{
		Zone: f.zone, Record: p.Names.HostRecord, Address: broker.Address,
	}, f.in); err != nil {
		return fmt.Errorf("endpoint: %w", err)
	}
	export(ctx, p, f, broker)
	return nil
}

// unique is a name that is unique in all of Azure.
func (f *foundation) unique(prefix string) pulumi.StringOutput {
	return pulumi.Sprintf("%s-%s", prefix, f.base.Suffix)
}

func deployFoundation(ctx *pulumi.Context, p Plan) (*foundation, error) {
	provider, err := azure.NewProvider(ctx, "azure", &azure.ProviderArgs{Location: pulumi.String(p.Location)}, pulumi.Version(azureNativeVersion))
	if err != nil {
		return nil, fmt.Errorf("azure-native provider: %w", err)
	}
	f := &foundation{in: pulumi.Providers(provider)}
	if f.base, err = components.NewBase(ctx, "base", &components.BaseArgs{
		Name: p.Name, Location: p.Location, Tags: p.Tags, Guard: p.guard("resourceGroup"),
	}, f.in); err != nil {
		return nil, fmt.Errorf("base: %w", err)
	}
	f.place = components.Placement{ResourceGroup: f.base.ResourceGroup, Location: p.Location, Tags: p.Tags}
	if f.network, err = components.NewNetwork(ctx, "network", &components.NetworkArgs{
		Placement: f.place, Name: p.Name, AddressSpace: p.Network.AddressSpace, AppsSubnet: p.Network.Apps,
		DatabaseSubnet: p.Network.Database, EndpointsSubnet: p.Network.Endpoints, Guard: p.guard("network"),
	}, f.in); err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	if f.vault, err = components.NewVault(ctx, "vault", &components.VaultArgs{
		Placement: f.place, Name: f.unique(p.Name), TenantID: f.base.TenantID, PurgeProtection: p.Protect, Guard: p.guard("vault"),
	}, f.in); err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	if f.zone, err = components.NewZone(ctx, "zone", &components.ZoneArgs{
		Placement: f.place, Name: p.Names.Zone, ExistingGroup: p.Names.ZoneGroup, Guard: p.guard("zone"),
	}, f.in); err != nil {
		return nil, fmt.Errorf("zone: %w", err)
	}
	if f.database, err = components.NewDatabase(ctx, "database", &components.DatabaseArgs{
		Placement: f.place, Name: f.unique(p.Name), ZoneName: p.Name + ".private.postgres.database.azure.com",
		NetworkID: f.network.ID, SubnetID: f.network.DatabaseSubnetID, Size: p.Database, Vault: f.vault, Guard: p.guard("database"),
	}, f.in); err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	if f.certificate, err = components.NewCertificate(ctx, "certificate", &components.CertificateArgs{
		Placement: f.place, Name: p.Name, Domains: []string{p.Names.Host, p.Names.WebSocketHost},
		SecretURL: p.CertificateSecretURL, VaultID: p.CertificateVaultID, Vault: f.vault, SubscriptionID: f.base.SubscriptionID,
	}, f.in); err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	return f, nil
}

func deployEMQX(ctx *pulumi.Context, p Plan, f *foundation, frontDoor *components.FrontDoor, licence string) (*components.OnContainerApps, error) {
	registry, err := components.NewRegistry(ctx, "registry", &components.RegistryArgs{
		Placement: f.place, Name: pulumi.Sprintf("%s%s", compact(p.Name), f.base.Suffix), ScriptName: p.Name + "-mirror",
		Images: components.OnContainerAppsImages(p.Image), SubscriptionID: f.base.SubscriptionID,
	}, f.in)
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	rules, err := components.NewRuleCache(ctx, "rules", &components.RuleCacheArgs{
		Placement: f.place, Name: f.unique(p.Name), NetworkID: f.network.ID, SubnetID: f.network.EndpointsSubnetID,
		Size: p.Redis, Vault: f.vault,
	}, f.in)
	if err != nil {
		return nil, fmt.Errorf("rule cache: %w", err)
	}
	args := &components.OnContainerAppsArgs{
		Placement: f.place, Name: p.Name, Image: p.Image, JWT: p.JWT, Size: p.EMQX, Network: f.network, Vault: f.vault,
		Certificate: f.certificate, Registry: registry, Database: f.database, RuleCache: rules, FrontDoorID: frontDoor.ID,
		SubscriptionID: f.base.SubscriptionID,
	}
	if licence != "" {
		args.Licence = pulumi.ToSecret(pulumi.String(licence)).(pulumi.StringOutput)
	}
	return components.NewOnContainerApps(ctx, "emqx", args, f.in)
}
