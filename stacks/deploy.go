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
		return deploy(ctx, NewPlan(ctx.Stack(), c), secretsOf(c))
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

// endpoints is where a deployed broker is reached.
type endpoints struct {
	address       pulumi.StringOutput // public IPv4 address that takes MQTT over TLS, known once the broker runs …
	webSocketHost pulumi.StringOutput // … and the host name that serves WebSocket clients …
	after         []pulumi.Resource   // … or else what is there by then
	watched       []components.Watched
}

func deploy(ctx *pulumi.Context, p Plan, s secrets) error {
	f, err := deployFoundation(ctx, p)
	if err != nil {
		return err
	}
	var at endpoints
	switch p.Broker {
	case HiveMQAKS:
		at, err = deployHiveMQ(ctx, p, f, s)
	case VerneMQVMs:
		at, err = deployVerneMQ(ctx, p, f)
	default:
		at, err = deployEMQX(ctx, p, f, s)
	}
	if err != nil {
		return err
	}
	endpoint, err := components.NewEndpoint(ctx, "endpoint", &components.EndpointArgs{
		Zone: f.zone, Record: p.Names.HostRecord, Address: at.address,
		WebSocketRecord: p.Names.WebSocketRecord, WebSocketHost: at.webSocketHost, After: at.after,
	}, f.in)
	if err != nil {
		return fmt.Errorf("endpoint: %w", err)
	}
	if err := f.deployOnCall(ctx, p, at.watched); err != nil {
		return err
	}
	export(ctx, p, f, endpoint)
	return nil
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
	storage, err := components.NewStorage(ctx, "storage", &components.StorageArgs{
		Placement: f.place, Name: f.uniqueCompact(p.Name), Link: f.link(p, LinkStorage), DeployFrom: p.DeployFrom,
	}, f.in)
	if err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	return storage, nil
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
	if err := f.deployMonitoring(ctx, p); err != nil {
		return nil, err
	}
	if f.network, err = components.NewNetwork(ctx, "network", &components.NetworkArgs{
		Placement: f.place, Name: p.Name, AddressSpace: p.Network.AddressSpace,
		DatabaseSubnet: p.Network.Database, EndpointsSubnet: p.Network.Endpoints,
		AppsSubnet: p.Network.Apps, ClusterSubnet: p.Network.Cluster, NodesSubnet: p.Network.Nodes, GatewaySubnet: p.Network.Gateway,
		DDoSPlan: p.DDoS == DDoSNetwork, Guard: p.guard("network"),
	}, f.in); err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	if f.vault, err = components.NewVault(ctx, "vault", &components.VaultArgs{
		Placement: f.place, Name: f.unique(p.Name), TenantID: f.base.TenantID, Link: f.link(p, LinkVault), PurgeProtection: p.Protect, Guard: p.guard("vault"),
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
	if err := f.deploySecurity(ctx, p); err != nil {
		return nil, err
	}
	if f.certificate, err = components.NewCertificate(ctx, "certificate", &components.CertificateArgs{
		Placement: f.place, Name: p.Name, Domains: []string{p.Names.Host, p.Names.WebSocketHost},
		SecretURL: p.CertificateSecretURL, VaultID: p.CertificateVaultID, Vault: f.vault, SubscriptionID: f.base.SubscriptionID,
	}, f.in); err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	return f, nil
}
