package stacks

import (
	"encoding/json"
	"errors"
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
	var secret []string
	if keys := os.Getenv(pulumi.EnvConfigSecretKeys); keys != "" {
		if err := json.Unmarshal([]byte(keys), &secret); err != nil {
			return fmt.Errorf("read the secret keys of the config from %s: %w", pulumi.EnvConfigSecretKeys, err)
		}
	}
	err := Program(config)(ctx)
	if faults, are := errors.AsType[Faults](err); are {
		return faults.without(secret)
	}
	return err
}

// Program is the Pulumi program for a config that is at hand (see [Parse] for its form).
func Program(config map[string]string) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		c, err := Parse(ctx.Stack(), config)
		if err != nil {
			return err
		}
		return deploy(ctx, NewPlan(ctx.Stack(), c), secretsOf(c))
	}
}

// foundation is what belongs to a region of the stack and outlives a switch of the broker.
type foundation struct {
	prefix      string // of the logical names of what is in the second region
	base        *components.Base
	place       components.Placement
	network     *components.Network
	vault       *components.Vault
	zone        *components.Zone
	database    *components.Database
	certificate *components.Certificate
	monitoring  *components.Monitoring // nil: none …
	telemetry   *components.Telemetry  // … and nothing that goes there
	in          pulumi.ResourceOption  // the provider
}

// secrets are what a config holds that must not be in a Plan. Each is nil when it is not given.
type secrets struct{ emqxLicence, hiveMQLicence, hiveMQSecurityLicence pulumi.StringInput }

func secretsOf(c Config) secrets {
	secret := func(value string) pulumi.StringInput {
		if value == "" {
			return nil
		}
		return pulumi.ToSecret(pulumi.String(value)).(pulumi.StringOutput)
	}
	return secrets{secret(c.EMQX.Licence), secret(c.HiveMQ.Licence), secret(c.HiveMQ.SecurityLicence)}
}

func deploy(ctx *pulumi.Context, p Plan, s secrets) error {
	before, err := announce(ctx, p)
	if err != nil {
		return err
	}
	p.Database.HasStandby = before.DatabaseStandby
	if err := ctx.RegisterStackTransformation(p.deleteFirst); err != nil {
		return err
	}
	provider, err := azure.NewProvider(ctx, "azure", &azure.ProviderArgs{Location: pulumi.String(p.Location)},
		pulumi.Version(azureNativeVersion))
	if err != nil {
		return fmt.Errorf("azure-native provider: %w", err)
	}
	f := &foundation{in: pulumi.Providers(provider)}
	if err := f.deploy(ctx, p); err != nil {
		return err
	}
	regions := []region{{foundation: f, Plan: p}}
	if p.Secondary != nil {
		second := &foundation{in: f.in, prefix: secondaryPrefix, zone: f.zone}
		if err := second.deployBeside(ctx, *p.Secondary, f); err != nil {
			return fmt.Errorf("second region: %w", err)
		}
		regions = append(regions, region{foundation: second, Plan: *p.Secondary})
	}
	endpoint, err := deployBrokers(ctx, regions, s)
	if err != nil {
		return err
	}
	return export(ctx, regions, endpoint)
}

// unique is a name that is unique in all of Azure.
func (f *foundation) unique(prefix string) pulumi.StringOutput {
	return pulumi.Sprintf("%s-%s", prefix, f.base.Suffix)
}

// uniqueCompact is a name of letters and digits that is unique in all of Azure.
func (f *foundation) uniqueCompact(prefix string) pulumi.StringOutput {
	return pulumi.Sprintf("%s%s", compact(prefix), f.base.Suffix)
}

// newStorage registers the storage account, for the brokers that fetch what they run from there.
func (f *foundation) newStorage(ctx *pulumi.Context, p Plan) (*components.Storage, error) {
	storage, err := components.NewStorage(ctx, f.named("storage"), &components.StorageArgs{
		Placement: f.place, Name: f.uniqueCompact(p.Name), Link: f.link(p, LinkStorage), DeployFrom: p.DeployFrom,
		RetentionDays: p.Database.BackupDays,
	}, f.in)
	if err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	return storage, nil
}

// deploy registers the foundation of the first region.
func (f *foundation) deploy(ctx *pulumi.Context, p Plan) error {
	if err := f.deployGround(ctx, p, nil); err != nil {
		return err
	}
	var err error
	if f.zone, err = components.NewZone(ctx, "zone", &components.ZoneArgs{
		Placement: f.place, Name: p.Names.Zone, ExistingGroup: p.Names.ZoneGroup, Guard: p.guard("zone"),
	}, f.in); err != nil {
		return fmt.Errorf("zone: %w", err)
	}
	if f.database, err = components.NewDatabase(ctx, "database", &components.DatabaseArgs{
		Placement: f.place, Name: f.databaseName(p), ZoneName: p.Name + ".private.postgres.database.azure.com",
		NetworkID: f.network.ID, SubnetID: f.network.DatabaseSubnetID, Size: p.Database, Restore: f.restore(p),
		Rotation: p.Rotation.Database,
		Vault:    f.vault, Guard: p.guard("database"),
	}, f.in); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	return f.deployRest(ctx, p)
}

// deployGround registers what the databases stand on, beside another region's network or none.
func (f *foundation) deployGround(ctx *pulumi.Context, p Plan, beside *components.Network) error {
	var err error
	if f.base, err = components.NewBase(ctx, f.named("base"), &components.BaseArgs{
		Name: p.Group, Location: p.Location, Tags: p.Tags, Guard: p.guard("resourceGroup"),
	}, f.in); err != nil {
		return fmt.Errorf("base: %w", err)
	}
	f.place = components.Placement{ResourceGroup: f.base.ResourceGroup, Location: p.Location, Tags: p.Tags}
	if err := f.deployMonitoring(ctx, p); err != nil {
		return err
	}
	if f.network, err = components.NewNetwork(ctx, f.named("network"), &components.NetworkArgs{
		Placement: f.place, Name: p.Name, AddressSpace: p.Network.AddressSpace,
		DatabaseSubnet: p.Network.Database, PeerDatabase: p.Network.PeerDatabase, EndpointsSubnet: p.Network.Endpoints,
		AppsSubnet: p.Network.Apps, ClusterSubnet: p.Network.Cluster, NodesSubnet: p.Network.Nodes,
		GatewaySubnet: p.Network.Gateway,
		DDoSPlan:      p.DDoS == DDoSNetwork, Beside: beside, Guard: p.guard("network"),
	}, f.in); err != nil {
		return fmt.Errorf("network: %w", err)
	}
	if f.vault, err = components.NewVault(ctx, f.named("vault"), &components.VaultArgs{
		Placement: f.place, Name: f.unique(p.Name), TenantID: f.base.TenantID, Link: f.link(p, LinkVault),
		PurgeProtection: p.Protect, Guard: p.guard("vault"),
	}, f.in); err != nil {
		return fmt.Errorf("vault: %w", err)
	}
	return nil
}

// deployRest registers what stands beside the databases.
func (f *foundation) deployRest(ctx *pulumi.Context, p Plan) error {
	if err := f.deploySecurity(ctx, p); err != nil {
		return err
	}
	var err error
	if f.certificate, err = components.NewCertificate(ctx, f.named("certificate"), &components.CertificateArgs{
		Placement: f.place, Name: p.Name, Domains: []string{p.Names.Host, p.Names.WebSocketHost},
		SecretURL: p.CertificateSecretURL, VaultID: p.CertificateVaultID, Vault: f.vault,
		SubscriptionID: f.base.SubscriptionID,
	}, f.in); err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	return nil
}
