package components

import (
	"fmt"
	"slices"

	authorization "github.com/pulumi/pulumi-azure-native-sdk/authorization/v2/v20220401"
	managedidentity "github.com/pulumi/pulumi-azure-native-sdk/managedidentity/v2/v20230131"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	containerservice "github.com/pulumi/pulumi-azure-native-sdk/containerservice/v2/v20250101"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

const onAKSType = "amora:broker:OnAKS"

// BrokerPool is the nodes of one availability zone, each of which carries one broker.
type BrokerPool struct {
	Zone     string // "" where the region has none
	Min, Max int    // nodes
}

// AKSSize is what decides price, capacity and resilience of an OnAKS.
type AKSSize struct {
	Brokers   int // HiveMQ nodes; the minima of Pools add up to it
	Pools     []BrokerPool
	VMSize    string // of broker nodes, such as "Standard_D4s_v3"
	CPU       string // of one broker, as a Kubernetes quantity …
	MemoryGiB int    // … which has to fit a node beside what AKS runs there
	DiskGB    int    // GiB of Premium SSD for the system of a node, and again for the data of a broker

	SystemVMSize string // of the nodes for what is not a broker, such as "Standard_D2s_v3"; Azure changes it no more
}

// ClusterRanges are the addresses inside a cluster, as CIDR blocks; they overlap no other network that it talks to.
type ClusterRanges struct{ Pods, Services, DNS string }

// OnAKSArgs is what an OnAKS is made of.
type OnAKSArgs struct {
	Placement
	Name    string             // of the cluster, and prefix of its identities
	Licence pulumi.StringInput // licence file in base64; nil: a trial
	// licence file of the enterprise security extension in base64; nil when Licence covers it
	SecurityLicence pulumi.StringInput
	JWT             *assets.JWT // nil: passwords
	Size            AKSSize
	Ranges          ClusterRanges
	SubnetCIDR      string // /26 or larger
	GatewayCIDR     string // where clients come from
	DatabaseCIDR    string
	BrokerAddress   string // in SubnetCIDR, at its end: nodes take theirs from its start
	Network         *Network
	Vault           *Vault
	Database        *Database
	Storage         *Storage
	Telemetry       *Telemetry
	After           []pulumi.Resource // as of an OnContainerApps
	TenantID        pulumi.StringInput
	SubscriptionID  pulumi.StringInput
	Backup          *DiskBackup // of the brokers' volumes; nil: none
}

// OnAKS is a HiveMQ cluster on Azure Kubernetes Service. The cluster is private, and is filled from inside: its Flux
// extension applies what this program puts into the stack's storage account, so that no credential of the cluster
// leaves Azure.
type OnAKS struct {
	pulumi.ResourceState

	ClusterName pulumi.StringOutput `pulumi:"clusterName"`
	Address     pulumi.StringOutput `pulumi:"address"` // BrokerAddress, known once the cluster is there
	Ready       pulumi.StringOutput `pulumi:"ready"`   // ARM id of the Flux configuration, known once brokers run
	BackupGroup pulumi.StringOutput // resource group of the snapshots; without Backup, there is none

	Serving []pulumi.Resource // is there once brokers run
}

// aks is what the parts of one OnAKS share.
type aks struct {
	ctx    *pulumi.Context
	name   string
	args   *OnAKSArgs
	parent pulumi.ResourceOption

	control, kubelet, pods *managedidentity.UserAssignedIdentity
	readers                []pulumi.Resource // what the cluster needs to read its manifests and the vault

	subnet  pulumi.IDOutput
	cluster *containerservice.ManagedCluster
	serving pulumi.Resource   // is there once brokers run
	changes []pulumi.Resource // of the cluster: Azure takes one at a time, so that each waits for all before it
}

// NewOnAKS registers the cluster, its node pools, and what it is filled with.
func NewOnAKS(ctx *pulumi.Context, name string, args *OnAKSArgs, opts ...pulumi.ResourceOption) (*OnAKS, error) {
	b := &OnAKS{}
	if err := ctx.RegisterComponentResourceV2(onAKSType, name, pulumi.Map{"brokers": pulumi.Int(args.Size.Brokers)}, b,
		opts...); err != nil {
		return nil, err
	}
	a := &aks{ctx: ctx, name: name, args: args, parent: pulumi.Parent(b)}
	roles, err := a.newIdentities()
	if err != nil {
		return nil, fmt.Errorf("identities: %w", err)
	}
	if err := a.newCluster(roles); err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	if err := a.newPools(); err != nil {
		return nil, fmt.Errorf("node pools: %w", err)
	}
	if b.Ready, err = a.newContents(); err != nil {
		return nil, fmt.Errorf("contents: %w", err)
	}
	if args.Backup != nil {
		if b.BackupGroup, err = a.newBackup(*args.Backup); err != nil {
			return nil, fmt.Errorf("backup: %w", err)
		}
	}
	b.ClusterName = a.cluster.Name
	b.Address = a.cluster.ID().ApplyT(func(pulumi.ID) string { return args.BrokerAddress }).(pulumi.StringOutput)
	b.Serving = []pulumi.Resource{a.serving}
	return b, ctx.RegisterResourceOutputs(b, pulumi.Map{"clusterName": b.ClusterName, "address": b.Address,
		"ready": b.Ready})
}

// newIdentities makes the identities of the control plane, of the nodes, and of the pods, and gives back the roles that
// the cluster needs before it is made.
func (a *aks) newIdentities() ([]pulumi.Resource, error) {
	var err error
	if a.control, err = a.newIdentity("control-plane"); err != nil {
		return nil, err
	}
	if a.kubelet, err = a.newIdentity("nodes"); err != nil {
		return nil, err
	}
	if a.pods, err = a.newIdentity("pods"); err != nil {
		return nil, err
	}
	operator, err := a.grant("nodes-role", a.control, roleManagedIdentityOperator, a.kubelet.ID())
	if err != nil {
		return nil, err
	}
	manifests, err := a.grant("manifests-role", a.kubelet, roleStorageBlobDataReader, a.args.Storage.ID)
	if err != nil {
		return nil, err
	}
	secrets, err := a.grant("secrets-role", a.pods, roleKeyVaultSecretsUser, a.args.Vault.ID)
	if err != nil {
		return nil, err
	}
	a.readers = slices.Concat([]pulumi.Resource{manifests, secrets}, a.args.Vault.reachable, a.args.Storage.reachable)
	return []pulumi.Resource{operator}, nil
}

func (a *aks) newIdentity(part string) (*managedidentity.UserAssignedIdentity, error) {
	return managedidentity.NewUserAssignedIdentity(a.ctx, a.name+"-"+part, &managedidentity.UserAssignedIdentityArgs{
		ResourceGroupName: a.args.ResourceGroup,
		ResourceName:      pulumi.String(a.args.Name + "-" + part),
		Location:          pulumi.String(a.args.Location),
		Tags:              a.args.tags(),
	}, a.parent)
}

func (a *aks) grant(part string, to *managedidentity.UserAssignedIdentity, role string,
	at pulumi.StringInput) (*authorization.RoleAssignment, error) {
	return newGrant(a.ctx, a.name+"-"+part, grant{to.PrincipalId, role, at, a.args.SubscriptionID}, a.parent)
}
