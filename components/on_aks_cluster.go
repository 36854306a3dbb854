package components

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	containerservice "github.com/pulumi/pulumi-azure-native-sdk/containerservice/v2/v20250101"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// The nodes for what is not a broker: Kubernetes' own pods, Flux, the operator. Microsoft's minimum for a system pool
// is 2 vCPU and
// 4 GiB; two nodes, so that one can be replaced.
const (
	SystemMinNodes = 2
	SystemMaxNodes = 5
	SystemDiskGB   = 64 // P6
)

// newCluster makes the cluster with its system nodes. Broker nodes are pools of their own: Azure changes no pool
// through the cluster.
func (a *aks) newCluster(roles []pulumi.Resource) error {
	zones := a.zones()
	nat, err := newNATGateway(a.ctx, a.name, a.args.Placement, a.args.Name, zones, a.parent)
	if err != nil {
		return err
	}
	a.subnet, err = a.args.Network.newBrokerTier(a.ctx, a.name,
		clusterTier(a.args.SubnetCIDR, a.args.Ranges.Pods, a.args.GatewayCIDR, nat.ID()), a.parent)
	if err != nil {
		return err
	}
	// For the brokers' internal load balancer.
	join, err := a.grant("network-role", a.control, roleNetworkContributor, a.subnet)
	if err != nil {
		return err
	}
	a.cluster, err = containerservice.NewManagedCluster(a.ctx, a.name+"-kubernetes", a.clusterArgs(zones), a.parent,
		pulumi.DependsOn(append(roles, join)),
		// Azure echoes every pool here, and takes changes through the pools only.
		pulumi.IgnoreChanges([]string{"agentPoolProfiles"}))
	if err != nil {
		return err
	}
	a.changes = []pulumi.Resource{a.cluster}
	if err := newDiagnostics(a.ctx, a.name, a.args.Placement, a.cluster.ID(), clusterLogs, a.parent); err != nil {
		return err
	}
	if err := a.newContainerInsights(); err != nil {
		return fmt.Errorf("insights: %w", err)
	}
	return a.newMaintenanceWindows()
}

// zones lists the availability zones that brokers are in, nil where the region has none.
func (a *aks) zones() []string {
	var zones []string
	for _, pool := range a.args.Size.Pools {
		if pool.Zone != "" {
			zones = append(zones, pool.Zone)
		}
	}
	return zones
}

func (a *aks) clusterArgs(zones []string) *containerservice.ManagedClusterArgs {
	return &containerservice.ManagedClusterArgs{
		ResourceGroupName: a.args.ResourceGroup,
		ResourceName:      pulumi.String(a.args.Name),
		Location:          pulumi.String(a.args.Location),
		NodeResourceGroup: pulumi.Sprintf("%s-nodes", a.args.ResourceGroup),
		DnsPrefix:         pulumi.String(a.args.Name),
		// with an SLA
		Sku: &containerservice.ManagedClusterSKUArgs{Name: pulumi.String("Base"),
			Tier: pulumi.String("Standard")},
		Identity: &containerservice.ManagedClusterIdentityArgs{
			Type: containerservice.ResourceIdentityTypeUserAssigned, UserAssignedIdentities: pulumi.StringArray{a.control.ID()},
		},
		IdentityProfile: containerservice.UserAssignedIdentityMap{
			"kubeletidentity": &containerservice.UserAssignedIdentityArgs{
				ResourceId: a.kubelet.ID(), ClientId: a.kubelet.ClientId, ObjectId: a.kubelet.PrincipalId,
			}},
		// People come in by Entra ID and Azure's roles, or not at all.
		DisableLocalAccounts: pulumi.Bool(true),
		EnableRBAC:           pulumi.Bool(true),
		AadProfile: &containerservice.ManagedClusterAADProfileArgs{
			Managed: pulumi.Bool(true), EnableAzureRBAC: pulumi.Bool(true), TenantID: a.args.TenantID.ToStringOutput().
					ToStringPtrOutput(),
		},
		// The API server has an address of the cluster's subnet and a public name that leads to it: no private DNS zone
		// to run.
		ApiServerAccessProfile: &containerservice.ManagedClusterAPIServerAccessProfileArgs{
			EnablePrivateCluster: pulumi.Bool(true), EnablePrivateClusterPublicFQDN: pulumi.Bool(true),
			PrivateDNSZone: pulumi.String("none"),
		},
		OidcIssuerProfile: &containerservice.ManagedClusterOIDCIssuerProfileArgs{Enabled: pulumi.Bool(true)},
		SecurityProfile: &containerservice.ManagedClusterSecurityProfileArgs{
			WorkloadIdentity: &containerservice.ManagedClusterSecurityProfileWorkloadIdentityArgs{Enabled: pulumi.Bool(true)},
		},
		NetworkProfile: &containerservice.ContainerServiceNetworkProfileArgs{
			NetworkPlugin: pulumi.String("azure"), NetworkPluginMode: pulumi.String("overlay"),
			NetworkDataplane: pulumi.String("cilium"), NetworkPolicy: pulumi.String("cilium"),
			PodCidr: pulumi.String(a.args.Ranges.Pods), ServiceCidr: pulumi.String(a.args.Ranges.Services),
			DnsServiceIP:    pulumi.String(a.args.Ranges.DNS),
			LoadBalancerSku: pulumi.String("standard"), OutboundType: pulumi.String("userAssignedNATGateway"),
		},
		AddonProfiles: a.addons(),
		// Kubernetes' last minor version but one, and node images as they come, in the maintenance windows.
		AutoUpgradeProfile: &containerservice.ManagedClusterAutoUpgradeProfileArgs{
			UpgradeChannel: pulumi.String("stable"), NodeOSUpgradeChannel: pulumi.String("NodeImage"),
		},
		AgentPoolProfiles: containerservice.ManagedClusterAgentPoolProfileArray{
			&containerservice.ManagedClusterAgentPoolProfileArgs{
				Name: pulumi.String("system"), Mode: pulumi.String("System"), Type: pulumi.String("VirtualMachineScaleSets"),
				VmSize: pulumi.String(a.args.Size.SystemVMSize), OsType: pulumi.String("Linux"), OsSKU: pulumi.String("Ubuntu"),
				OsDiskType: pulumi.String("Managed"), OsDiskSizeGB: pulumi.Int(SystemDiskGB),
				EnableAutoScaling: pulumi.Bool(true), Count: pulumi.Int(max(SystemMinNodes, len(zones))),
				MinCount: pulumi.Int(max(SystemMinNodes, len(zones))), MaxCount: pulumi.Int(SystemMaxNodes),
				VnetSubnetID: a.subnet.ToStringPtrOutput(), AvailabilityZones: inZones(zones),
				UpgradeSettings: &containerservice.AgentPoolUpgradeSettingsArgs{MaxSurge: pulumi.String("1")},
			}},
		Tags: a.args.tags(),
	}
}

func (a *aks) addons() containerservice.ManagedClusterAddonProfileMap {
	addons := containerservice.ManagedClusterAddonProfileMap{
		"azureKeyvaultSecretsProvider": &containerservice.ManagedClusterAddonProfileArgs{
			Enabled: pulumi.Bool(true),
			Config:  pulumi.ToStringMap(map[string]string{"enableSecretRotation": "true", "rotationPollInterval": "2m"}),
		},
		"azurepolicy": &containerservice.ManagedClusterAddonProfileArgs{Enabled: pulumi.Bool(true)},
	}
	if a.args.Logs != nil {
		addons["omsagent"] = &containerservice.ManagedClusterAddonProfileArgs{
			Enabled: pulumi.Bool(true),
			// By the cluster's own identity, not by the workspace's key.
			Config: pulumi.StringMap{"logAnalyticsWorkspaceResourceID": a.args.Logs, "useAADAuth": pulumi.String("true")},
		}
	}
	return addons
}

// newMaintenanceWindows keeps Azure's own upgrades, which restart brokers one after the other, to the night before
// Monday.
func (a *aks) newMaintenanceWindows() error {
	for _, window := range [][2]string{{"upgrade-window", "aksManagedAutoUpgradeSchedule"},
		{"image-window", "aksManagedNodeOSUpgradeSchedule"}} {
		if _, err := containerservice.NewMaintenanceConfiguration(a.ctx, a.name+"-"+window[0],
			&containerservice.MaintenanceConfigurationArgs{
				ResourceGroupName: a.args.ResourceGroup,
				ResourceName:      a.cluster.Name,
				ConfigName:        pulumi.String(window[1]),
				MaintenanceWindow: &containerservice.MaintenanceWindowArgs{
					Schedule: &containerservice.ScheduleArgs{Weekly: &containerservice.WeeklyScheduleArgs{
						DayOfWeek: pulumi.String("Sunday"), IntervalWeeks: pulumi.Int(1),
					}},
					StartTime: pulumi.String("23:00"), UtcOffset: pulumi.String("+00:00"), DurationHours: pulumi.Int(6),
				},
			}, a.parent); err != nil {
			return fmt.Errorf("maintenance window: %w", err)
		}
	}
	return nil
}

// newPools makes the broker nodes of each zone. A disk is in one zone, so that a pool over several could put a new node
// where its broker's disk is not.
func (a *aks) newPools() error {
	for _, pool := range a.args.Size.Pools {
		p, err := containerservice.NewAgentPool(a.ctx, a.name+"-pool"+pool.Zone, a.poolArgs(pool), a.parent,
			pulumi.DependsOn(slices.Clone(a.changes)))
		if err != nil {
			return fmt.Errorf("zone %q: %w", pool.Zone, err)
		}
		a.changes = append(a.changes, p)
	}
	return nil
}

func (a *aks) poolArgs(pool BrokerPool) *containerservice.AgentPoolArgs {
	args := &containerservice.AgentPoolArgs{
		ResourceGroupName: a.args.ResourceGroup,
		ResourceName:      a.cluster.Name,
		AgentPoolName:     pulumi.String(poolName(pool.Zone, a.args.Size.VMSize)),
		Mode:              pulumi.String("User"),
		VmSize:            pulumi.String(a.args.Size.VMSize),
		OsType:            pulumi.String("Linux"),
		OsSKU:             pulumi.String("Ubuntu"),
		// Managed: the cache of a D4s_v3 is too small for a disk of this size. On a size with an s, it is Premium SSD.
		OsDiskType:        pulumi.String("Managed"),
		OsDiskSizeGB:      pulumi.Int(a.args.Size.DiskGB),
		EnableAutoScaling: pulumi.Bool(true),
		Count:             pulumi.Int(pool.Min), // then the autoscaler decides between the bounds
		MinCount:          pulumi.Int(pool.Min),
		MaxCount:          pulumi.Int(pool.Max),
		VnetSubnetID:      a.subnet.ToStringPtrOutput(),
		NodeLabels:        pulumi.ToStringMap(map[string]string{assets.HiveMQPoolLabel: assets.HiveMQPoolValue}),
		NodeTaints: pulumi.ToStringArray([]string{assets.HiveMQPoolLabel + "=" + assets.HiveMQPoolValue +
			":NoSchedule"}),
		UpgradeSettings: &containerservice.AgentPoolUpgradeSettingsArgs{MaxSurge: pulumi.String("1")},
		Tags:            a.args.tags(),
	}
	if pool.Zone != "" {
		args.AvailabilityZones = pulumi.ToStringArray([]string{pool.Zone})
	}
	return args
}

// poolName is at most 12 lower-case letters and digits. It changes with the size, which Azure can't change in place, so
// that new nodes are there before the old ones go.
func poolName(zone, vmSize string) string {
	size := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(vmSize, "Standard_"), "_", ""))
	if len(size) > 10 {
		size = guid(size)[:8]
	}
	return "b" + zone + size
}
