package stacks

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/amora-sync/mqtt-on-azure/components"
	"github.com/amora-sync/mqtt-on-azure/components/assets"
	"github.com/amora-sync/mqtt-on-azure/internal/sizing"
)

// Plan is everything that decides the structure or the price of a stack. It follows from the Config alone.
type Plan struct {
	Broker      string
	Name        string // prefix of resource names
	Group       string // resource group
	Location    string
	Zones       []string // nil where the region has none
	Tags        map[string]string
	Protect     bool
	Nodes       int             // brokers that always run …
	Connections int             // … and what they hold together
	Capacity    sizing.Capacity // … and what those hold that the loss of a zone leaves

	Network  NetworkPlan
	Names    NamesPlan
	Database components.DatabaseSize
	Redis    components.RedisSize
	EMQX     components.ContainerAppsSize
	Image    string
	HiveMQ   components.AKSSize
	Cluster  components.ClusterRanges
	Gateway  [2]int // minimum and maximum of the Application Gateway's instances
	VerneMQ  VerneMQPlan
	JWT      *assets.JWT
	// ClientIDs are those that a user may connect as: assets.ClientIDsPrefix or another.
	ClientIDs string

	DiskBackup  *components.DiskBackup // nil: none
	Monitoring  *MonitoringPlan        // nil: none
	DDoS        string
	PrivateLink []string
	DeployFrom  []string           // nil: from inside of the network
	Tenant      *components.Tenant // nil: none is made

	CertificateSecretURL string // "" for a self-signed one
	CertificateVaultID   string
	AllowReplace         []string

	Rotation  components.Rotation
	Restore   *DatabaseRestore // nil: the database begins empty
	Secondary *Plan            // the second region, which stands by; nil: none
	Active    string           // which of the two clients are led to while both can serve
	standby   bool             // it is the second region's
}

// NetworkPlan is the address space cut into subnets, as CIDR blocks.
type NetworkPlan struct {
	AddressSpace, Apps, Database, Nodes, Endpoints, Cluster, Gateway, Bastion string

	PeerDatabase string // subnet of the other region's database, "" without one

	BrokerAddress string // of the load balancer inside Cluster
}

// VerneMQPlan is what a VerneMQ on VMs is made of.
type VerneMQPlan struct {
	components.VMsSize
	SSHKey, ClientCA string
	Bastion          bool
	Package          *assets.VerneMQPackage // nil: built from source
}

// MonitoringPlan is what is kept, and who is told.
type MonitoringPlan struct {
	RetentionDays int
	DailyQuotaGB  float64
	AlertEmails   []string
}

// NamesPlan is where clients find the broker.
type NamesPlan struct {
	Zone            string
	ZoneGroup       string // resource group of an existing zone, "" for one of our own
	Host            string // of mqtts://
	HostRecord      string // Host relative to Zone, "@" for the zone itself
	WebSocketHost   string // of wss://
	WebSocketRecord string
}

// NewPlan decides what a valid config deploys.
func NewPlan(stack string, c Config) Plan {
	zoned := regions[c.Location]
	plan := Plan{
		Broker: c.Broker, Name: c.Name, Group: c.Name, Location: c.Location, Protect: c.Protect, Nodes: c.Capacity.MinNodes,
		Tags:    tags(stack, c),
		Network: planNetwork(c.Network.AddressSpace),
		Names:   planNames(c.Domain, c.DNS),
		Database: components.DatabaseSize{
			SKU: c.Database.SKU, Tier: databaseTier(c.Database.SKU),
			StorageGB: c.Database.StorageGB, Version: c.Database.Version, BackupDays: c.Availability.BackupRetentionDays,
			GeoBackup: c.Availability.GeoRedundantBackup,
		},
		Redis: components.RedisSize{
			Service: c.Redis.Service, SKU: c.Redis.SKU, HighAvailability: len(c.Availability.Zones) > 1,
		},
		EMQX: components.ContainerAppsSize{
			MinNodes: c.Capacity.MinNodes, MaxNodes: c.Capacity.MaxNodes, VCPU: c.EMQX.VCPU,
			Dedicated: c.EMQX.Profile == "Dedicated", ZoneRedundant: zoned && len(c.Availability.Zones) > 1,
			EdgeReplicas: [2]int{edgeReplicas, 10},
		},
		Image:        c.EMQX.Image,
		HiveMQ:       planHiveMQ(c, zoneNames(c, zoned)),
		Cluster:      planCluster(c.Network.AddressSpace),
		Zones:        zoneNames(c, zoned),
		Gateway:      [2]int{1, gatewayInstances},
		VerneMQ:      planVerneMQ(c, zoneNames(c, zoned)),
		DiskBackup:   planDiskBackup(c, zoned),
		JWT:          c.tokens(),
		ClientIDs:    c.clientIDs(),
		DDoS:         c.Security.DDoS,
		PrivateLink:  c.Security.PrivateLink,
		Tenant:       c.Security.Identity.newTenant(),
		AllowReplace: c.AllowReplace,
		Active:       c.Availability.Active,
		Rotation:     components.Rotation(c.Security.Rotation),
	}
	plan.Connections, plan.Capacity = c.holds()
	if from := c.Security.DeployFrom; !slices.Contains(from, DeployFromNetwork) {
		plan.DeployFrom = from
	}
	if m := c.Monitoring; m.Enabled {
		plan.Monitoring = &MonitoringPlan{RetentionDays: m.RetentionDays, DailyQuotaGB: m.DailyQuotaGB,
			AlertEmails: m.AlertEmails}
	}
	if len(c.Availability.Zones) > 1 {
		plan.Gateway[0] = 2 // of which one is left when a zone is lost
	}
	if zoned {
		plan.Database.Zone = strconv.Itoa(c.Availability.Zones[0])
		if c.Availability.DatabaseHA {
			plan.Database.StandbyZone = strconv.Itoa(c.Availability.Zones[1])
		}
	}
	if c.EMQX.Peak != (Peak{}) {
		plan.EMQX.Peak = &components.PeakHours{Timezone: c.EMQX.Peak.Timezone, Start: c.EMQX.Peak.Start, End: c.EMQX.Peak.End}
	}
	if c.TLS.Mode == TLSKeyVault {
		// A certificate is read, with its private key, as the secret of the same name.
		plan.CertificateSecretURL = strings.Replace(c.TLS.Certificate, "/certificates/", "/secrets/", 1)
		plan.CertificateVaultID = c.TLS.VaultID
	}
	if r := c.Database.Restore; r != (DatabaseRestore{}) {
		plan.Restore = &r
	}
	if c.Availability.SecondaryLocation != "" {
		plan.Secondary = planSecondary(stack, c)
		plan.Network.PeerDatabase, plan.Secondary.Network.PeerDatabase = plan.Secondary.Network.Database,
			plan.Network.Database
	}
	return plan
}

// planSecondary is the plan of the same config in the other region, in a resource group of its own: that one of a lost
// region can't be changed.
func planSecondary(stack string, c Config) *Plan {
	c.Location, c.Network.AddressSpace = c.Availability.SecondaryLocation, c.Network.SecondaryAddressSpace
	// A replica has neither a standby nor backups of its own.
	c.Availability.SecondaryLocation, c.Availability.DatabaseHA, c.Availability.GeoRedundantBackup = "", false, false
	plan := NewPlan(stack, c)
	plan.Group, plan.Tenant, plan.standby = c.Name+"-2", nil, true
	return &plan
}

// linked says whether a service has a private endpoint.
func (p Plan) linked(service string) bool { return slices.Contains(p.PrivateLink, service) }

// guard is how a stateful resource of the plan is kept.
func (p Plan) guard(resource string) components.Guard {
	allowed := allows(p.AllowReplace, resource) || p.standby && allows(p.AllowReplace, "secondary")
	return components.Guard{Protect: p.Protect && !allowed, AllowReplace: allowed}
}

// compact drops the hyphens, for registries, whose names hold letters and digits only.
func compact(name string) string { return strings.ReplaceAll(name, "-", "") }

func tags(stack string, c Config) map[string]string {
	// The broker is not among them: a switch would touch the database for it.
	all := map[string]string{"project": "amora-sync", "stack": stack}
	for name, value := range c.Tags {
		delete(all, strings.ToLower(name)) // Azure takes Stack and stack for the same
		all[name] = value
	}
	return all
}

// newTenant is the directory that the stack makes, nil for none.
func (i Identity) newTenant() *components.Tenant {
	if !i.Create {
		return nil
	}
	return &components.Tenant{Name: i.Tenant, CountryCode: i.CountryCode, Location: i.DataLocation}
}

// planNetwork cuts the address space: a /24 for the Container Apps environment at its start, and in the /24 after it a
// /28 for the database, a /28 for virtual machines with brokers, a /27 for private endpoints, a /26 for the nodes of a
// Kubernetes cluster, a /26 for the gateway in front of it, and a /26 for Bastion.
func planNetwork(space string) NetworkPlan {
	base := netip.MustParsePrefix(space).Addr().As4()
	block := func(third, fourth byte, bits int) string {
		return fmt.Sprintf("%d.%d.%d.%d/%d", base[0], base[1], base[2]+third, fourth, bits)
	}
	return NetworkPlan{
		AddressSpace: space, Apps: block(0, 0, 24), Database: block(1, 0, 28), Nodes: block(1, 16, 28),
		Endpoints: block(1, 32, 27),
		Cluster:   block(1, 64, 26), Gateway: block(1, 128, 26), Bastion: block(1, 192, 26),
		// The last one of the subnet that Azure leaves: nodes get theirs from its start.
		BrokerAddress: strings.TrimSuffix(block(1, 126, 32), "/32"),
	}
}

// planCluster picks ranges inside the cluster that the network does not use.
func planCluster(space string) components.ClusterRanges {
	if strings.HasPrefix(space, "10.") {
		return components.ClusterRanges{Pods: "192.168.0.0/17", Services: "192.168.128.0/17", DNS: "192.168.128.10"}
	}
	return components.ClusterRanges{Pods: "10.244.0.0/16", Services: "10.0.0.0/16", DNS: "10.0.0.10"}
}

// zoneNames lists the zones of a stack as Azure writes them, nil where the region has none.
func zoneNames(c Config, zoned bool) []string {
	if !zoned {
		return nil
	}
	names := make([]string, 0, len(c.Availability.Zones))
	for _, zone := range slices.Sorted(slices.Values(c.Availability.Zones)) {
		names = append(names, strconv.Itoa(zone))
	}
	return names
}

// dataDiskGB is the disk of a broker and of its node: a P10 Premium SSD.
const dataDiskGB = 128

// planHiveMQ spreads the nodes over one pool for each zone, and gives a broker its share of its node.
func planHiveMQ(c Config, zones []string) components.AKSSize {
	size := components.AKSSize{Brokers: c.Capacity.MinNodes, VMSize: c.HiveMQ.VMSize, DiskGB: dataDiskGB,
		SystemVMSize: c.HiveMQ.SystemVMSize}
	if vcpu, memory := machine(c.HiveMQ.VMSize); vcpu > 0 {
		size.CPU = fmt.Sprintf("%.0fm", 1000*coresPerVCPU*float64(vcpu))
		size.MemoryGiB = memory / 2
	}
	pools := zones
	if len(pools) == 0 {
		pools = []string{""}
	}
	for i, zone := range pools {
		size.Pools = append(size.Pools, components.BrokerPool{
			Zone: zone, Min: share(c.Capacity.MinNodes, i, len(pools)), Max: share(c.Capacity.MaxNodes, i, len(pools)),
		})
	}
	return size
}

// planVerneMQ gives each node an address of its own and a zone, in turns. A node's place in the list decides both, so
// that one node more changes no other.
func planVerneMQ(c Config, zones []string) VerneMQPlan {
	v := c.VerneMQ
	plan := VerneMQPlan{SSHKey: v.SSHKey, ClientCA: v.ClientCA, Bastion: v.Bastion}
	plan.VMSize, plan.DiskGB = v.VMSize, dataDiskGB
	if len(zones) > 0 {
		plan.AddressZones = []string{"1", "2", "3"}
	}
	if vcpu, memory := machine(v.VMSize); vcpu > 0 {
		plan.Connections = c.connectionsIn(float64(memory - reservedGiB))
	}
	if v.PackageURL != "" {
		plan.Package = &assets.VerneMQPackage{URL: v.PackageURL, SHA256: v.PackageSHA256}
	}
	// Azure keeps the first four addresses of a subnet.
	address := netip.MustParsePrefix(planNetwork(c.Network.AddressSpace).Nodes).Addr().Next().Next().Next()
	for i := range c.Capacity.MinNodes {
		address = address.Next()
		node := components.VMNode{Address: address.String()}
		if len(zones) > 0 {
			node.Zone = zones[i%len(zones)]
		}
		plan.Nodes = append(plan.Nodes, node)
	}
	return plan
}

// share is how many of some nodes go into the i-th of several pools.
func share(nodes, i, pools int) int { return (nodes + pools - 1 - i) / pools }

func planNames(domain string, dns DNS) NamesPlan {
	webSocket := "ws." + domain
	relative := func(host string) string {
		if host == dns.Zone {
			return "@"
		}
		return strings.TrimSuffix(host, "."+dns.Zone)
	}
	return NamesPlan{
		Zone: dns.Zone, ZoneGroup: dns.ResourceGroup,
		Host: domain, HostRecord: relative(domain),
		WebSocketHost: webSocket, WebSocketRecord: relative(webSocket),
	}
}
