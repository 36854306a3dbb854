package components

import (
	"fmt"
	"maps"
	"slices"

	authorization "github.com/pulumi/pulumi-azure-native-sdk/authorization/v2/v20220401"
	insights "github.com/pulumi/pulumi-azure-native-sdk/insights/v2/v20220601"
	managedidentity "github.com/pulumi/pulumi-azure-native-sdk/managedidentity/v2/v20230131"
	network "github.com/pulumi/pulumi-azure-native-sdk/network/v2/v20230201"
	"github.com/pulumi/pulumi-azure-native-sdk/storage/v2"
	"github.com/pulumi/pulumi-random/sdk/v4/go/random"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

const onVMsType = "amora:broker:OnVMs"

// VMNode is one broker on a virtual machine of its own.
type VMNode struct {
	Address string // private IPv4 address; the node's name in the cluster follows from it
	Zone    string // availability zone, "" where the region has none
}

// VMsSize is what decides price, capacity and resilience of an OnVMs.
type VMsSize struct {
	Nodes       []VMNode // the first one founds the cluster
	VMSize      string   // such as "Standard_D4s_v3"
	DiskGB      int      // GiB of Premium SSD for the sessions and messages of one node
	Connections int      // that one node takes

	// of the public addresses, which stay where they are when nodes come and go; nil where the region has none
	AddressZones []string
}

// OnVMsArgs is what an OnVMs is made of.
type OnVMsArgs struct {
	Placement
	Name        string // prefix of the machines' names
	SSHKey      string // public key of the machines' administrator, in OpenSSH's form
	ClientCA    string // PEM of those whose certificates clients must have, "" for none
	Package     *assets.VerneMQPackage
	Size        VMsSize
	SubnetCIDR  string // holds the nodes' addresses
	BastionCIDR string // where SSH may come from, "" for nowhere
	Network     *Network
	Vault       *Vault
	Certificate *Certificate
	Database    *Database
	Storage     *Storage
	DDoS        bool // DDoS IP Protection for the public address
	Telemetry   *Telemetry
	Rotation    Rotation
	ClientIDs   string // which ones users may connect as: [assets.ClientIDsPrefix] or another
	// the first node waits for these: where the database is a replica, for a node that applied the schema to its source
	After          []pulumi.Resource
	SubscriptionID pulumi.StringInput
	DisksGuard     Guard // of the disks with sessions and messages
}

// OnVMs is a VerneMQ cluster on virtual machines: single ones, each with an address and a disk that outlive it, because
// a node's name is its address and its disk holds what it keeps for clients that are away.
type OnVMs struct {
	pulumi.ResourceState

	// public IPv4 address that takes MQTT over TLS, and WebSocket
	Address      pulumi.StringOutput      `pulumi:"address"`
	MachineNames pulumi.StringArrayOutput `pulumi:"machineNames"` // each can change users and rules
	BalancerID   pulumi.StringOutput      `pulumi:"balancerId"`   // ARM id of the load balancer

	Serving []pulumi.Resource // one for each node, in order: is there once that one serves
}

// vms is what the parts of one OnVMs share.
type vms struct {
	ctx    *pulumi.Context
	name   string
	args   *OnVMsArgs
	parent pulumi.ResourceOption

	identity   *managedidentity.UserAssignedIdentity
	ready      []pulumi.Resource // what a node needs to read what it is told
	subnet     pulumi.IDOutput
	balancer   *network.LoadBalancer
	collection *insights.DataCollectionRule // of the machines' agents; nil: there are none
	files      pulumi.StringOutput          // name of the container with what nodes are told
	settings   pulumi.StringOutput          // URL of the vault secret with where that is
}

// NewOnVMs registers the load balancer, what the nodes are told, and the nodes.
func NewOnVMs(ctx *pulumi.Context, name string, args *OnVMsArgs, opts ...pulumi.ResourceOption) (*OnVMs, error) {
	b := &OnVMs{}
	if err := ctx.RegisterComponentResourceV2(onVMsType, name, pulumi.Map{"nodes": pulumi.Int(len(args.Size.Nodes))}, b,
		opts...); err != nil {
		return nil, err
	}
	v := &vms{ctx: ctx, name: name, args: args, parent: pulumi.Parent(b)}
	if err := v.newNetwork(); err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	address, err := v.newBalancer()
	if err != nil {
		return nil, fmt.Errorf("load balancer: %w", err)
	}
	if err := v.newIdentity(); err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	if err := v.newSettings(); err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	if err := v.newMachineCollection(); err != nil {
		return nil, fmt.Errorf("data collection rule: %w", err)
	}
	machines, serving, err := v.newNodes()
	if err != nil {
		return nil, err
	}
	b.BalancerID = v.balancer.ID().ToStringOutput()
	b.Address, b.MachineNames, b.Serving = address.IpAddress.Elem(), machines.ToStringArrayOutput(), serving
	return b, ctx.RegisterResourceOutputs(b, pulumi.Map{"address": b.Address, "machineNames": b.MachineNames,
		"balancerId": b.BalancerID})
}

// newNetwork makes the nodes' subnet, and their way out: to packages, sources and Azure.
func (v *vms) newNetwork() error {
	nat, err := newNATGateway(v.ctx, v.name, v.args.Placement, v.args.Name+"-vms", v.args.Size.AddressZones, v.parent)
	if err != nil {
		return err
	}
	v.subnet, err = v.args.Network.newBrokerTier(v.ctx, v.name,
		nodesTier(v.args.SubnetCIDR, v.args.BastionCIDR, nat.ID()), v.parent)
	return err
}

// newIdentity makes the identity of all nodes: it may read the vault's secrets and what the nodes are told, and share
// what one of them built.
func (v *vms) newIdentity() error {
	var err error
	v.identity, err = managedidentity.NewUserAssignedIdentity(v.ctx, v.name+"-identity",
		&managedidentity.UserAssignedIdentityArgs{
			ResourceGroupName: v.args.ResourceGroup,
			ResourceName:      pulumi.String(v.args.Name + "-vms"),
			Location:          pulumi.String(v.args.Location),
			Tags:              v.args.tags(),
		}, v.parent)
	if err != nil {
		return err
	}
	shared, err := storage.NewBlobContainer(v.ctx, v.name+"-shared", &storage.BlobContainerArgs{
		ResourceGroupName: v.args.ResourceGroup,
		AccountName:       v.args.Storage.Name,
		ContainerName:     pulumi.String(assets.VerneMQShared),
		PublicAccess:      storage.PublicAccessNone,
	}, v.parent)
	if err != nil {
		return fmt.Errorf("shared container: %w", err)
	}
	type rights struct {
		part, role string
		scope      pulumi.StringInput
	}
	grants := []rights{
		{"secrets-role", roleKeyVaultSecretsUser, v.args.Vault.ID},
		{"files-role", roleStorageBlobDataReader, v.args.Storage.ID},
		{"shared-role", roleStorageBlobDataContributor, shared.ID().ToStringOutput()},
	}
	if v.args.Certificate.External {
		grants = append(grants, rights{"certificate-role", roleKeyVaultSecretsUser, v.args.Certificate.VaultID})
	}
	for _, g := range grants {
		var role *authorization.RoleAssignment
		if role, err = newGrant(v.ctx, v.name+"-"+g.part,
			grant{v.identity.PrincipalId, g.role, g.scope, v.args.SubscriptionID}, v.parent); err != nil {
			return fmt.Errorf("%s: %w", g.part, err)
		}
		v.ready = append(v.ready, role)
	}
	v.ready = slices.Concat(v.ready, v.args.Vault.reachable, v.args.Storage.reachable)
	return nil
}

// newSettings uploads what the nodes are told: scripts and configuration into the storage account, and where these are,
// together with who is in the cluster, into one secret of the vault, which changes at once or not at all. A machine
// knows that secret's URL and nothing else, so that no change of these replaces it.
func (v *vms) newSettings() error {
	cookie, err := random.NewRandomPassword(v.ctx, v.name+"-cookie", &random.RandomPasswordArgs{
		Length: pulumi.Int(32), Special: pulumi.Bool(false), Keepers: keepers(v.args.Rotation.Cookie),
	}, v.parent)
	if err != nil {
		return fmt.Errorf("cookie: %w", err)
	}
	collector, err := v.collector()
	if err != nil {
		return err
	}
	files, err := v.cluster(collector).Files()
	if err != nil {
		return err
	}
	contents, names := map[string]pulumi.StringInput{}, slices.Sorted(maps.Keys(files))
	for path, text := range files {
		contents[path] = pulumi.String(text)
	}
	container, blobs, err := v.args.Storage.newFolder(v.ctx, v.name+"-files", "vernemq", contents, v.parent)
	if err != nil {
		return err
	}
	v.files = container
	connection, err := v.newConnection()
	if err != nil {
		return err
	}
	text := pulumi.All(v.args.Storage.BlobURL, container, v.args.Database.Host, v.args.Database.AdminPasswordURL,
		v.args.Database.BrokerPasswordURL,
		v.args.Certificate.SecretURL, cookie.Result, connection).ApplyT(func(values []any) string {
		at := func(i int) string { return values[i].(string) }
		return assets.VerneMQSettings{
			Files: at(0) + "/" + at(1), FileNames: names, Shared: at(0) + "/" + assets.VerneMQShared,
			DatabaseHost: at(2), DatabaseName: databaseName, DatabaseAdmin: databaseAdmin, AdminPasswordURL: at(3),
			BrokerPasswordURL: at(4),
			CertificateURL:    at(5), Hosts: v.args.Certificate.domains, Cookie: at(6), ConnectionURL: at(7),
			Members: v.addresses(),
		}.Text()
	}).(pulumi.StringOutput)
	v.settings, err = newBrokerSecret(v.ctx, v.name+"-settings", v.args.Placement, v.args.Vault, "vernemq-settings",
		text, pulumi.Composite(v.parent, pulumi.DependsOn(blobs)))
	return err
}

// cluster is what the configuration of every node depends on.
func (v *vms) cluster(collector string) assets.VerneMQ {
	return assets.VerneMQ{
		DatabaseName: databaseName, DatabaseRoles: databaseRoles, Rotation: v.args.Rotation.mark(),
		Connections: v.args.Size.Connections, ClientCA: v.args.ClientCA, Package: v.args.Package,
		Collector: collector, ClientIDs: v.args.ClientIDs,
	}
}

// collector is the configuration of what reads each node's metrics, "" for none. A node fills in who it is.
func (v *vms) collector() (string, error) {
	if v.args.Telemetry == nil {
		return "", nil
	}
	return assets.Collector{
		Broker: assets.CollectedVerneMQ,
		Targets: []assets.CollectorTarget{{Address: fmt.Sprintf("${env:ADDRESS}:%d", assets.VerneMQHealthPort),
			Node: "${env:NODE}", Zone: "${env:ZONE}"}},
		// The node's own: it ends TLS, and each fetches the certificate by itself.
		Certificate: fmt.Sprintf("${env:ADDRESS}:%d", assets.VerneMQPort),
	}.Config()
}

// newConnection puts into the vault with what a node sends its metrics on, and gives back where; "" for no telemetry.
func (v *vms) newConnection() (pulumi.StringInput, error) {
	if v.args.Telemetry == nil {
		return pulumi.String(""), nil
	}
	return newBrokerSecret(v.ctx, v.name+"-telemetry", v.args.Placement, v.args.Vault, "telemetry-connection",
		v.args.Telemetry.ConnectionString, v.parent)
}

func (v *vms) addresses() []string {
	addresses := make([]string, 0, len(v.args.Size.Nodes))
	for _, node := range v.args.Size.Nodes {
		addresses = append(addresses, node.Address)
	}
	return addresses
}

// deployCommand has a node take what it is told, and ends once it serves. The first node waits as well until nobody is
// in the cluster who should not be: Azure deletes a machine that is no longer wanted after that.
func (v *vms) deployCommand(i int) pulumi.StringPtrOutput {
	var members []string
	if i == 0 {
		members = v.addresses()
	}
	return pulumi.All(v.files, v.settings).ApplyT(func(values []any) string {
		return assets.VerneMQDeployCommand(values[0].(string), members...)
	}).(pulumi.StringOutput).ToStringPtrOutput()
}
