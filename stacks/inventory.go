package stacks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/amora-sync/mqtt-on-azure/components"
	"github.com/amora-sync/mqtt-on-azure/components/assets"
	"github.com/amora-sync/mqtt-on-azure/internal/costs"
)

// Planning figures of an estimate: nobody knows them before the stack is in use.
const (
	vaultOperations10k = 10         // 100,000 reads of secrets in a month: agents look for new ones every few minutes
	storedGB           = 1          // in the storage account: manifests, scripts, a build of VerneMQ
	loggedGBPerNode    = 1          // in a month, with all logs on: a tenth of the default cap for three nodes
	collectorVCPU      = 0.5        // Container Apps' default for a container …
	collectorGiB       = 1          // … which jobs have too
	rulesRunSeconds    = 20         // of one run of the job that projects topic rules, most of which is its start
	rulesRunsPerHour   = 12         // as its schedule has it
	unitsPerInstance   = 10         // capacity units that an instance of the gateway counts for, used or not
	machineBackupGB    = 10         // what a fresh machine's disks hold
	daysInMonth        = 730.0 / 24 // the registry is counted by the day, and so are caps
	hours              = costs.HoursInMonth
	seconds            = costs.SecondsInMonth
	freeRetentionDays  = 31
)

// count makes an inventory.
type count struct {
	Plan
	inventory *costs.Inventory
	group     string // that everything is in, "": each thing's own
	prefix    string // of names
}

// Inventory is what Azure counts of a plan, and what a month's use of it is planned to be: with the fewest nodes and
// the least use, and with the most. What is not priced has a line that says why.
func (p Plan) Inventory() (costs.Inventory, error) {
	inventory := &costs.Inventory{}
	if err := (count{Plan: p, inventory: inventory}).region(p.Secondary != nil); err != nil {
		return costs.Inventory{}, err
	}
	if p.Secondary != nil {
		if err := (count{*p.Secondary, inventory, costs.Recovery, "second region: "}).region(false); err != nil {
			return costs.Inventory{}, err
		}
		count{p, inventory, costs.Recovery, ""}.between()
	}
	inventory.NotPriced = append(inventory.NotPriced, p.notPriced()...)
	return *inventory, nil
}

// add counts a resource that the requirement lists.
func (c count) add(group, kind, name string, n int, quantities ...costs.Quantity) {
	c.put(costs.Resource{Group: group, Type: kind, Name: name, Count: n, Quantities: quantities})
}

// extra counts one that it does not list.
func (c count) extra(group, kind, name string, n int, quantities ...costs.Quantity) {
	c.put(costs.Resource{Group: group, Type: kind, Name: name, Count: n, Extra: true, Quantities: quantities})
}

func (c count) put(r costs.Resource) {
	r.Region, r.Name = c.Location, c.prefix+r.Name
	if c.group != "" {
		r.Group, r.Extra = c.group, true
	}
	c.inventory.Resources = append(c.inventory.Resources, r)
}

// always is a quantity that does not depend on use.
func always(meter string, units float64) costs.Quantity { return ranged(meter, units, units) }

func ranged(meter string, low, high float64) costs.Quantity {
	return costs.Quantity{Meter: meter, Low: low, High: high}
}

// diskMeter is the meter of a Premium SSD.
func diskMeter(gib int) string {
	return map[int]string{32: "disk/P4", 64: "disk/P6", 128: "disk/P10"}[gib]
}

// region counts what is in one region. The first of two also watches what is between them.
func (c count) region(ofTwo bool) error {
	c.foundation()
	switch c.Broker {
	case HiveMQAKS:
		c.hiveMQ()
	case VerneMQVMs:
		c.verneMQ()
	default:
		c.containerApps()
	}
	c.security()
	return c.monitoring(ofTwo)
}

func (c count) foundation() {
	d := c.Database
	size := []costs.Quantity{always("postgres/"+d.SKU, hours), always("postgres/storage-gib", float64(d.StorageGB))}
	c.add(costs.Broker, "dbforpostgresql:Server", fmt.Sprintf("database: %s, %d GiB", d.SKU, d.StorageGB), 1, size...)
	if d.StandbyZone != "" {
		c.extra(costs.Recovery, "dbforpostgresql:Server", "database: hot standby, compute and storage once more", 0, size...)
	}
	c.add(costs.Broker, "keyvault:Vault", "vault", 1, always("keyvault/10k-operations", vaultOperations10k))
	if !c.standby && c.Names.ZoneGroup == "" {
		c.add(costs.Broker, "network:Zone", "DNS zone", 1, always("dns/zone", 1))
	}
	if !c.standby { // a replica is in the zone of the server that it follows
		c.extra(costs.Broker, "network:PrivateZone", "private DNS zone of the database", 1, always("privatedns/zone", 1))
	}
}

func (c count) containerApps() {
	e := c.EMQX
	low, high := c.nodesRange()
	environment := []costs.Quantity{always("loadbalancer/standard", hours), always("publicip/standard", 2*hours)}
	if e.Dedicated {
		environment = append(environment, always("containerapps/dedicated-management-hour", hours))
	}
	c.extra(costs.Broker, "app:ManagedEnvironment", "Container Apps environment: load balancer and two addresses", 1,
		environment...)
	name := fmt.Sprintf("%s: %d vCPU, %d GiB", nodesInWords(low, high), e.VCPU, 2*e.VCPU)
	if e.Dedicated {
		// Of a host of its own, all is paid for.
		c.add(costs.Broker, "app:ContainerApp", name+", each on a D4 host", high,
			ranged("containerapps/dedicated-vcpu-hour", 4*hours*float64(low), 4*hours*float64(high)),
			ranged("containerapps/dedicated-gib-hour", 16*hours*float64(low), 16*hours*float64(high)))
	} else {
		c.add(costs.Broker, "app:ContainerApp", name, high, consumption(float64(e.VCPU*low), float64(e.VCPU*high))...)
	}
	c.extra(costs.Broker, "app:ContainerApp", fmt.Sprintf("edge: %d to %d proxies of %d vCPU", e.EdgeReplicas[0],
		e.EdgeReplicas[1], components.EdgeVCPU), 1,
		consumption(float64(components.EdgeVCPU*e.EdgeReplicas[0]), float64(components.EdgeVCPU*e.EdgeReplicas[1]))...)
	if c.Monitoring != nil {
		c.extra(costs.Monitoring, "app:ContainerApp", "collector", 1, consumption(collectorVCPU, collectorVCPU)...)
	}
	running := rulesRunsPerHour * hours * rulesRunSeconds
	c.extra(costs.Broker, "app:Job", "job that projects topic rules", 1,
		always("containerapps/vcpu-second", collectorVCPU*float64(running)),
		always("containerapps/gib-second", collectorGiB*float64(running)))
	c.extra(costs.Broker, "app:Job", "job for operators", 1)
	c.add(costs.Broker, "containerregistry:Registry", "registry", 1, always("containerregistry/standard", daysInMonth))
	c.redis()
	if !c.standby {
		c.add(costs.Broker, "cdn:Profile", "Front Door Standard", 1, always("frontdoor/standard", 1))
	}
}

// consumption is what containers on the Consumption profile are counted by, with 2 GiB for each vCPU. None of them is
// ever idle.
func consumption(low, high float64) []costs.Quantity {
	return []costs.Quantity{
		ranged("containerapps/vcpu-second", low*seconds, high*seconds),
		ranged("containerapps/gib-second", 2*low*seconds, 2*high*seconds),
	}
}

func (c count) redis() {
	if c.Redis.Service != components.RedisManaged {
		c.add(costs.Broker, "cache:Redis", "Redis Standard "+c.Redis.SKU+", with its replica", 1,
			always("redis-classic/"+c.Redis.SKU, hours))
		return
	}
	copies, name := 1.0, "Managed Redis "+c.Redis.SKU
	if c.Redis.HighAvailability {
		copies, name = 2, name+", with its replica"
	}
	c.add(costs.Broker, "cache:RedisEnterprise", name, 1, always("redis-managed/"+c.Redis.SKU, copies*hours))
}

func (c count) hiveMQ() {
	low, high := c.nodesRange()
	size, disk := "vm/"+c.HiveMQ.VMSize, diskMeter(c.HiveMQ.DiskGB)
	system := max(components.SystemMinNodes, len(c.HiveMQ.Pools))
	c.add(costs.Broker, "containerservice:ManagedCluster", "AKS, Standard tier", 1, always("aks/standard", hours))
	c.add(costs.Broker, "containerservice:AgentPool", fmt.Sprintf("%s: %s", nodesInWords(low, high), c.HiveMQ.VMSize),
		len(c.HiveMQ.Pools),
		ranged(size, hours*float64(low), hours*float64(high)))
	c.add(costs.Broker, "containerservice:AgentPool",
		fmt.Sprintf("%d data disks of %d GiB", c.HiveMQ.Brokers, c.HiveMQ.DiskGB), 0, always(disk, float64(c.HiveMQ.Brokers)))
	c.extra(costs.Broker, "containerservice:AgentPool",
		fmt.Sprintf("%s: system disks of %d GiB", nodesInWords(low, high), c.HiveMQ.DiskGB), 0,
		ranged(disk, float64(low), float64(high)))
	c.extra(costs.Broker, "containerservice:ManagedCluster",
		fmt.Sprintf("%d to %d system nodes: %s, %d GiB", system, components.SystemMaxNodes, c.HiveMQ.SystemVMSize,
			components.SystemDiskGB), 0,
		ranged("vm/"+c.HiveMQ.SystemVMSize, hours*float64(system), hours*components.SystemMaxNodes),
		ranged(diskMeter(components.SystemDiskGB), float64(system), components.SystemMaxNodes))
	c.add(costs.Broker, "containerservice:ManagedCluster", "load balancer of the cluster", 0,
		always("loadbalancer/standard", hours))
	least, most := float64(c.Gateway[0]), float64(c.Gateway[1])
	c.add(costs.Broker, "network:ApplicationGateway",
		fmt.Sprintf("Application Gateway: %.0f to %.0f instances", least, most), 1,
		always("applicationgateway/standard-v2", hours),
		ranged("applicationgateway/standard-v2-capacity-unit", least*unitsPerInstance*hours, most*unitsPerInstance*hours))
	c.add(costs.Broker, "network:PublicIPAddress", "address of the gateway", 1, always("publicip/standard", hours))
	c.outboundAndStorage()
	if c.DiskBackup != nil {
		c.extra(costs.Recovery, "resources:ResourceGroup", "snapshots of the data disks: up to what they hold once", 0,
			ranged("snapshot/standard-lrs-gb", 0, float64(c.HiveMQ.Brokers*c.HiveMQ.DiskGB)))
	}
}

func (c count) verneMQ() {
	n := len(c.VerneMQ.Nodes)
	nodes := float64(n)
	c.add(costs.Broker, "compute:VirtualMachine", fmt.Sprintf("%d nodes: %s", n, c.VerneMQ.VMSize), n,
		always("vm/"+c.VerneMQ.VMSize, nodes*hours))
	c.extra(costs.Broker, "compute:VirtualMachine",
		fmt.Sprintf("%d system disks of %d GiB", n, components.VMSystemDiskGB), 0,
		always(diskMeter(components.VMSystemDiskGB), nodes))
	c.add(costs.Broker, "compute:Disk", fmt.Sprintf("%d data disks of %d GiB", n, c.VerneMQ.DiskGB), n,
		always(diskMeter(c.VerneMQ.DiskGB), nodes))
	c.add(costs.Broker, "network:LoadBalancer", "load balancer", 1, always("loadbalancer/standard", hours))
	c.add(costs.Broker, "network:PublicIPAddress", "address of the load balancer", 1, always("publicip/standard", hours))
	c.outboundAndStorage()
	if c.VerneMQ.Bastion {
		c.extra(costs.Broker, "network:BastionHost", "Bastion Standard", 1, always("bastion/standard", hours))
		c.extra(costs.Broker, "network:PublicIPAddress", "address of Bastion", 1, always("publicip/standard", hours))
	}
	if b := c.DiskBackup; b != nil {
		stored := "vmbackup/" + map[bool]string{true: "zrs", false: "lrs"}[b.Zoned] + "-gb"
		if b.GeoRedundant {
			stored = "vmbackup/grs-gb"
		}
		full := float64(c.VerneMQ.DiskGB + components.VMSystemDiskGB)
		c.extra(costs.Recovery, "recoveryservices:ProtectedItem", fmt.Sprintf("backups of %d machines", n), n,
			always("vmbackup/instance-medium", nodes), ranged(stored, nodes*machineBackupGB, nodes*full))
	}
}

// outboundAndStorage counts what the brokers with nodes of their own have beside them.
func (c count) outboundAndStorage() {
	c.extra(costs.Broker, "network:NatGateway", "NAT gateway", 1, always("nat/gateway", hours))
	c.extra(costs.Broker, "network:PublicIPAddress", "address of the NAT gateway", 1, always("publicip/standard", hours))
	c.add(costs.Broker, "storage:StorageAccount", "storage account", 1, always("storage/lrs-gb", storedGB))
}

// links are the services of the plan that have a private endpoint: each broker uses some of those that the config
// names.
func (p Plan) links() []string {
	unused := LinkStorage
	if p.Broker != EMQXContainerApps {
		unused = LinkRedis
	}
	return slices.DeleteFunc(slices.Clone(p.PrivateLink), func(service string) bool { return service == unused })
}

func (c count) security() {
	for _, service := range c.links() {
		c.add(costs.Security, "network:PrivateEndpoint", "private endpoint: "+service, 1, always("privateendpoint", hours))
		c.add(costs.Security, "network:PrivateZone", "private DNS zone: "+service, 1, always("privatedns/zone", 1))
	}
	switch c.DDoS {
	case DDoSIP:
		c.add(costs.Security, "network:PublicIPAddress", "DDoS IP Protection of the clients' address", 0,
			always("ddos/ip", 1))
	case DDoSNetwork:
		if !c.standby { // one plan serves both networks
			c.add(costs.Security, "network:DdosProtectionPlan", "DDoS Network Protection, for 100 addresses", 1,
				always("ddos/network", 1))
		}
	}
}

func (c count) monitoring(ofTwo bool) error {
	if c.Monitoring == nil {
		return nil
	}
	m := *c.Monitoring
	logged, most := loggedGBPerNode*float64(c.Nodes), 2*m.DailyQuotaGB*daysInMonth
	kept := max(0, float64(m.RetentionDays)-freeRetentionDays) / daysInMonth
	c.add(costs.Monitoring, "operationalinsights:Workspace",
		fmt.Sprintf("logs and metrics, and what clients report: up to %g GB a day each", m.DailyQuotaGB), 2,
		ranged("loganalytics/gb", min(logged, most), most),
		ranged("loganalytics/retention-gb", min(logged, most)*kept, most*kept))
	watch := assets.Watch{Broker: collected[c.Broker], Nodes: c.Nodes, Connections: c.Connections,
		DailyQuotaGB: m.DailyQuotaGB}
	queries, err := watch.QueryAlerts()
	if err != nil {
		return err
	}
	often, seldom := 0, 0
	for _, alert := range queries {
		if alert.Every == "PT5M" {
			often++
		} else {
			seldom++
		}
	}
	c.add(costs.Monitoring, "insights:ScheduledQueryRule", fmt.Sprintf("%d alerts that look every five minutes", often),
		often, always("monitor/query-alert-5m", float64(often)))
	c.add(costs.Monitoring, "insights:ScheduledQueryRule",
		fmt.Sprintf("%d alerts that look every quarter of an hour or less often", seldom), seldom,
		always("monitor/query-alert-15m", float64(seldom)))
	metrics := len(c.metricAlerts(ofTwo))
	c.add(costs.Monitoring, "insights:MetricAlert", fmt.Sprintf("%d alerts on Azure's metrics", metrics), metrics,
		always("monitor/metric-alert", float64(metrics)))
	return nil
}

// metricAlerts are the rules on what is in a region, and, in the first of two, on what is between them.
func (c count) metricAlerts(ofTwo bool) []assets.MetricAlert {
	all := append(assets.DatabaseAlerts(), assets.VaultAlerts()...)
	switch c.Broker {
	case HiveMQAKS:
		all = append(all, assets.GatewayAlerts()...)
	case VerneMQVMs:
		all = append(all, assets.BalancerAlerts()...)
	default:
		all = append(all, assets.RedisAlerts(c.Redis.Service)...)
		if !c.standby {
			all = append(all, assets.FrontDoorAlerts()...)
		}
	}
	if ofTwo {
		all = append(append(all, assets.RegionAlerts()...), assets.ReplicationAlerts()...)
	}
	return all
}

// between counts what leads clients to one of two regions.
func (c count) between() {
	const endpoints = 2
	c.extra(costs.Recovery, "network:Endpoint", fmt.Sprintf("Traffic Manager: %d endpoints, probed every %d seconds",
		endpoints, components.ProbeSeconds), endpoints,
		always("trafficmanager/external-endpoint", endpoints), always("trafficmanager/external-endpoint-fast", endpoints))
}

// notPriced is what depends on use alone, or on a contract.
func (p Plan) notPriced() []costs.NotPriced {
	all := []costs.NotPriced{
		{What: "traffic to the Internet", Why: "by the GB that clients receive; the first 100 GB a month are free"},
		{What: "DNS queries", Why: "by the million, some 0.40 USD each"},
	}
	add := func(what, why string) { all = append(all, costs.NotPriced{What: what, Why: why}) }
	switch p.Broker {
	case EMQXContainerApps:
		add("Front Door's requests and traffic", "by the WebSocket connections and GB of clients that use wss://")
		if strings.Contains(p.Image, "/emqx-enterprise") {
			add("EMQX's licence", "by contract with EMQ")
		}
	case HiveMQAKS:
		add("HiveMQ's licence", "by contract with HiveMQ; without one it takes 25 connections")
		fallthrough
	default:
		add("data through load balancer, NAT gateway and private endpoints", "by the GB, 0.005 to 0.045 USD each")
	}
	if p.VerneMQ.Package != nil && p.Broker == VerneMQVMs {
		add("VerneMQ's subscription", "the vendor's package is under an EULA that wants one")
	}
	if p.Secondary != nil {
		add("traffic between the regions", "by the GB: what the database writes, once")
	}
	add("backups of the database beyond its own size",
		"nothing up to the size of its storage; geo-redundant ones count twice")
	if p.Tenant != nil || p.JWT != nil {
		add("the clients' directory", "nothing up to 50,000 users a month with External ID or B2C P1")
	}
	return all
}

// nodesInWords is a number of nodes, or how many there may be.
func nodesInWords(low, high int) string {
	if low == high {
		return fmt.Sprintf("%d nodes", low)
	}
	return fmt.Sprintf("%d to %d nodes", low, high)
}
