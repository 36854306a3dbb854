package components

import (
	"fmt"
	"slices"

	app "github.com/pulumi/pulumi-azure-native-sdk/app/v2/v20240301"
	managedidentity "github.com/pulumi/pulumi-azure-native-sdk/managedidentity/v2/v20230131"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

const onContainerAppsType = "amora:broker:OnContainerApps"

// The images that stand around the broker. All are mirrored into the stack's registry.
const (
	proxyImage    = "docker.io/haproxytech/haproxy-alpine:3.0" // has openssl, which edge.sh needs; the other one lacks it
	postgresImage = "docker.io/library/postgres:17-alpine"
	redisImage    = "docker.io/library/redis:7-alpine"
)

// OnContainerAppsImages lists every public image that the broker runs, to be mirrored.
func OnContainerAppsImages(broker string) []string {
	return []string{broker, proxyImage, postgresImage, redisImage, assets.CollectorImage}
}

// PeakHours is a daily or weekly window in which all nodes up to MaxNodes run. Outside it only MinNodes do, and the
// clients of the others reconnect to those that stay; their in-memory sessions are lost.
type PeakHours struct {
	Timezone   string // IANA name, such as "Europe/Berlin"
	Start, End string // cron expressions of five fields
}

// ContainerAppsSize is what decides price, capacity and resilience of an OnContainerApps.
type ContainerAppsSize struct {
	MinNodes int // nodes that always run
	MaxNodes int // nodes that run in Peak; at most assets.MaxNodes
	Peak     *PeakHours
	VCPU     int // of one node; it gets 2 GiB of memory per vCPU
	// nodes on D4 hosts of their own (4 vCPU, 16 GiB, one node each) instead of the Consumption profile
	Dedicated     bool
	ZoneRedundant bool   // replicas of one app are spread over zones; can't be changed later
	EdgeReplicas  [2]int // HAProxy: minimum and maximum
}

// OnContainerAppsArgs is what an OnContainerApps is made of.
type OnContainerAppsArgs struct {
	Placement
	Name        string             // of the environment, and prefix of the identity's name
	Image       string             // EMQX, as the public registry names it
	Licence     pulumi.StringInput // of emqx-enterprise; nil without one
	JWT         *assets.JWT        // nil: no tokens, passwords only
	ClientIDs   string             // which ones users may connect as: [assets.ClientIDsPrefix] or another
	Size        ContainerAppsSize
	SubnetCIDR  string // /27 or larger
	Network     *Network
	Vault       *Vault
	Certificate *Certificate
	Registry    *Registry
	Database    *Database
	RuleCache   *RuleCache
	FrontDoorID pulumi.StringInput
	Telemetry   *Telemetry
	Rotation    Rotation
	// the first node waits for these: where the database is a replica, for a node that applied the schema to its source
	After          []pulumi.Resource
	SubscriptionID pulumi.StringInput
}

// OnContainerApps is an EMQX cluster on Azure Container Apps: one app per node, because replicas of one app can neither
// find nor reach each other, and HAProxy in front, because only one app of an environment can expose port 8883.
type OnContainerApps struct {
	pulumi.ResourceState

	Address pulumi.StringOutput `pulumi:"address"` // public IPv4 address that takes MQTT over TLS on 8883
	// HTTPS host that takes MQTT over WebSocket, from Front Door only
	EdgeHost     pulumi.StringOutput `pulumi:"edgeHost"`
	AdminJobName pulumi.StringOutput `pulumi:"adminJobName"` // job that changes users and rules
	RulesJobName pulumi.StringOutput `pulumi:"rulesJobName"` // job that projects the rules into Redis

	Serving []pulumi.Resource // the nodes, in the order in which they are deployed
}

// containerApps is what the apps and jobs of one OnContainerApps share.
type containerApps struct {
	ctx         *pulumi.Context
	name        string
	args        *OnContainerAppsArgs
	parent      pulumi.ResourceOption
	environment *app.ManagedEnvironment
	identity    *managedidentity.UserAssignedIdentity
	ready       pulumi.ResourceOption // the identity can read the vault and the registry
}

// NewOnContainerApps registers the environment, the node apps, the edge app, and the two jobs.
func NewOnContainerApps(ctx *pulumi.Context, name string, args *OnContainerAppsArgs, opts ...pulumi.ResourceOption) (
	*OnContainerApps, error) {
	b := &OnContainerApps{}
	if err := ctx.RegisterComponentResourceV2(onContainerAppsType, name, pulumi.Map{"image": pulumi.String(args.Image)},
		b, opts...); err != nil {
		return nil, err
	}
	c := &containerApps{ctx: ctx, name: name, args: args, parent: pulumi.Parent(b)}
	if err := c.newIdentity(); err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	if err := c.newEnvironment(); err != nil {
		return nil, fmt.Errorf("environment: %w", err)
	}
	var err error
	if b.Serving, err = c.newNodes(); err != nil {
		return nil, fmt.Errorf("nodes: %w", err)
	}
	edge, err := c.newEdge()
	if err != nil {
		return nil, fmt.Errorf("edge: %w", err)
	}
	rules, admin, err := c.newJobs()
	if err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	if err := c.newCollector(); err != nil {
		return nil, fmt.Errorf("collector: %w", err)
	}
	b.Address = pulumi.All(c.environment.StaticIp, edge.ID()).
		ApplyT(func(v []any) string { return v[0].(string) }).(pulumi.StringOutput)
	b.EdgeHost = edge.Configuration.Ingress().Fqdn().Elem()
	b.AdminJobName, b.RulesJobName = admin.Name, rules.Name
	return b, ctx.RegisterResourceOutputs(b, pulumi.Map{
		"address": b.Address, "edgeHost": b.EdgeHost, "adminJobName": b.AdminJobName, "rulesJobName": b.RulesJobName,
	})
}

// newIdentity makes the one identity of all apps and jobs: it may pull images and read secrets, nothing else.
func (c *containerApps) newIdentity() error {
	var err error
	if c.identity, err = managedidentity.NewUserAssignedIdentity(c.ctx, c.name+"-identity",
		&managedidentity.UserAssignedIdentityArgs{
			ResourceGroupName: c.args.ResourceGroup,
			ResourceName:      pulumi.String(c.args.Name + "-broker"),
			Location:          pulumi.String(c.args.Location),
			Tags:              c.args.tags(),
		}, c.parent); err != nil {
		return err
	}
	grants := []struct {
		name, role string
		scope      pulumi.StringInput
	}{
		{"pull-role", roleAcrPull, c.args.Registry.ID},
		{"secrets-role", roleKeyVaultSecretsUser, c.args.Vault.ID},
	}
	if c.args.Certificate.External {
		grants = append(grants, struct {
			name, role string
			scope      pulumi.StringInput
		}{"certificate-role", roleKeyVaultSecretsUser, c.args.Certificate.VaultID})
	}
	ready := slices.Clone(c.args.Vault.reachable)
	for _, g := range grants {
		role, err := newGrant(c.ctx, c.name+"-"+g.name,
			grant{c.identity.PrincipalId, g.role, g.scope, c.args.SubscriptionID}, c.parent)
		if err != nil {
			return err
		}
		ready = append(ready, role)
	}
	c.ready = pulumi.DependsOn(ready)
	return nil
}

// Workload profiles by name. A workload-profile environment always has the Consumption one.
const (
	consumptionProfile = "Consumption"
	dedicatedProfile   = "nodes"
)

func (c *containerApps) newEnvironment() error {
	subnet, err := c.args.Network.newBrokerTier(c.ctx, c.name, appsTier(c.args.SubnetCIDR), c.parent)
	if err != nil {
		return err
	}
	profiles := app.WorkloadProfileArray{&app.WorkloadProfileArgs{
		Name: pulumi.String(consumptionProfile), WorkloadProfileType: pulumi.String("Consumption"),
	}}
	if c.args.Size.Dedicated {
		profiles = append(profiles, &app.WorkloadProfileArgs{
			Name: pulumi.String(dedicatedProfile), WorkloadProfileType: pulumi.String("D4"),
			MinimumCount: pulumi.Int(c.args.Size.MinNodes), MaximumCount: pulumi.Int(c.args.Size.MaxNodes),
		})
	}
	c.environment, err = app.NewManagedEnvironment(c.ctx, c.name+"-environment", &app.ManagedEnvironmentArgs{
		ResourceGroupName: c.args.ResourceGroup,
		EnvironmentName:   pulumi.String(c.args.Name),
		Location:          pulumi.String(c.args.Location),
		VnetConfiguration: &app.VnetConfigurationArgs{
			InfrastructureSubnetId: subnet.ToStringPtrOutput(),
			Internal:               pulumi.Bool(false), // external TCP ingress is what takes MQTT on 8883
		},
		WorkloadProfiles: profiles,
		ZoneRedundant:    pulumi.Bool(c.args.Size.ZoneRedundant),
		// Through diagnostic settings, which need no workspace key.
		AppLogsConfiguration: &app.AppLogsConfigurationArgs{Destination: pulumi.String("azure-monitor")},
		Tags:                 c.args.tags(),
	}, c.parent)
	if err != nil {
		return err
	}
	return newDiagnostics(c.ctx, c.name, c.args.Placement, c.environment.ID(), allLogs, c.parent)
}

// profile is the workload profile of the node apps.
func (c *containerApps) profile() string {
	if c.args.Size.Dedicated {
		return dedicatedProfile
	}
	return consumptionProfile
}

func (c *containerApps) identities() *app.ManagedServiceIdentityArgs {
	return &app.ManagedServiceIdentityArgs{
		Type: pulumi.String("UserAssigned"), UserAssignedIdentities: pulumi.StringArray{c.identity.ID()},
	}
}

func (c *containerApps) registries() app.RegistryCredentialsArray {
	return app.RegistryCredentialsArray{&app.RegistryCredentialsArgs{Server: c.args.Registry.LoginServer,
		Identity: c.identity.ID()}}
}

// vaultSecret is an app's secret whose value stays in the vault.
func (c *containerApps) vaultSecret(name string, url pulumi.StringOutput) *app.SecretArgs {
	return &app.SecretArgs{Name: pulumi.String(name), KeyVaultUrl: url, Identity: c.identity.ID()}
}

// file is an app's secret that is a configuration file without anything secret in it: Container Apps mounts files from
// secrets only.
func file(name string, content pulumi.StringInput) *app.SecretArgs {
	return &app.SecretArgs{Name: pulumi.String(name), Value: content.ToStringOutput().ToStringPtrOutput()}
}

func secretVolume(name string, items ...mounted) *app.VolumeArgs {
	volume := &app.VolumeArgs{Name: pulumi.String(name), StorageType: pulumi.String("Secret")}
	secrets := make(app.SecretVolumeItemArray, 0, len(items))
	for _, i := range items {
		secrets = append(secrets, &app.SecretVolumeItemArgs{SecretRef: pulumi.String(i.secret), Path: pulumi.String(i.path)})
	}
	volume.Secrets = secrets
	return volume
}

// mounted is a secret that appears as a file.
type mounted struct{ secret, path string }

func emptyVolume(name string) *app.VolumeArgs {
	return &app.VolumeArgs{Name: pulumi.String(name), StorageType: pulumi.String("EmptyDir")}
}

func mount(volume, path string) *app.VolumeMountArgs {
	return &app.VolumeMountArgs{VolumeName: pulumi.String(volume), MountPath: pulumi.String(path)}
}

func value(name string, v pulumi.StringInput) *app.EnvironmentVarArgs {
	return &app.EnvironmentVarArgs{Name: pulumi.String(name), Value: v.ToStringOutput().ToStringPtrOutput()}
}

func secretValue(name, secret string) *app.EnvironmentVarArgs {
	return &app.EnvironmentVarArgs{Name: pulumi.String(name), SecretRef: pulumi.String(secret)}
}

// shareOfHost is a share of a host, with 2 GiB of memory for each vCPU. Containers without one, which only run briefly,
// get Container Apps' default of 0.5 vCPU and 1 GiB.
func shareOfHost(vcpu int) *app.ContainerResourcesArgs {
	return &app.ContainerResourcesArgs{Cpu: pulumi.Float64(vcpu), Memory: pulumi.String(fmt.Sprintf("%dGi", 2*vcpu))}
}

func script(content string) pulumi.StringArray {
	return pulumi.ToStringArray([]string{"/bin/sh", "-c", content})
}
