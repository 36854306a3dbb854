package standin

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/amora-sync/mqtt-on-azure/internal/recovery"
)

// Survey is what a World looks like to clients, and what it therefore survives.
type Survey struct {
	recovery.Stack
	DeadEnds map[string]string // by name of an endpoint: why nobody gets further, where a way to it is cut even now
}

// The ports that clients connect to.
const (
	mqttsPort     = 8883
	webSocketPort = 443
)

// Survey follows the public names to what answers there, and gives back all of it that decides what the world survives.
// It changes nothing. The hosts are those of mqtts:// and wss:// clients.
func (w *World) Survey(mqtts, wss string) Survey {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := Survey{DeadEnds: map[string]string{}}
	for _, e := range []struct {
		name, host string
		port       float64
	}{{"mqtts", mqtts, mqttsPort}, {"wss", wss, webSocketPort}} {
		walk := walk{World: w, port: e.port}
		walk.name(e.host, nil)
		endpoint := recovery.Endpoint{Name: e.name, Host: e.host, Switch: walk.change, Forget: walk.forget}
		for _, end := range walk.ends {
			endpoint.Ways = append(endpoint.Ways, recovery.Way{Location: end.location, Through: end.through})
			if !slices.ContainsFunc(s.Regions, func(r recovery.Region) bool { return r.Location == end.location }) {
				s.Regions = append(s.Regions, w.regionOf(end))
				s.Broker = end.broker
			}
		}
		if walk.deadEnd != "" {
			s.DeadEnds[e.name] = walk.deadEnd
		}
		s.Endpoints = append(s.Endpoints, endpoint)
	}
	for _, server := range w.each("dbforpostgresql:Server") {
		if location := locationOf(w, server); !slices.ContainsFunc(s.Regions,
			func(r recovery.Region) bool { return r.Location == location }) {
			s.Regions = append(s.Regions, w.regionOf(end{location: location})) // nobody is led there
		}
	}
	// The region whose database is written to comes first.
	if i := slices.IndexFunc(s.Regions, func(r recovery.Region) bool { return !r.Database.Replica }); i > 0 {
		s.Regions[0], s.Regions[i] = s.Regions[i], s.Regions[0]
	}
	if len(s.Regions) > 0 {
		if server := w.database(s.Regions[0].Location); server != nil {
			s.GeoBackup = server.in().str("backup.geoRedundantBackup") == "Enabled"
			s.BackupDays = int(server.in().num("backup.backupRetentionDays"))
		}
	}
	snapshots := func(r *Resource) bool { return r.in().str("fluxConfigurationName") == "backup" }
	s.DiskBackup = len(w.each("recoveryservices:ProtectedItem")) > 0 ||
		slices.ContainsFunc(w.each("kubernetesconfiguration:FluxConfiguration"), snapshots)
	return s
}

// end is where a way ends: at what takes clients in one region, and the brokers behind it.
type end struct {
	location string
	through  []string
	broker   recovery.Broker
	parts    []recovery.Part
}

// regionOf adds to the end of a way what else is there.
func (w *World) regionOf(e end) recovery.Region {
	region := recovery.Region{Location: e.location, Parts: e.parts}
	if server := w.database(e.location); server != nil {
		region.Database = recovery.Database{Zone: server.in().str("availabilityZone"), Replica: isReplica(server)}
		if server.in().str("highAvailability.mode") == "ZoneRedundant" {
			region.Database.Standby = server.in().str("highAvailability.standbyAvailabilityZone")
		}
	}
	zoned := region.Database.Zone != ""
	for _, nat := range w.each("network:NatGateway") {
		if zones := nat.in().texts("zones"); zoned && locationOf(w, nat) == e.location {
			region.Outbound = zones
			if len(zones) == 0 {
				region.Outbound = []string{recovery.Unknown}
			}
		}
	}
	if e.broker == recovery.EMQX {
		region.Parts = append(region.Parts, w.rules(e.location, zoned))
		if !zoned {
			for i := range region.Parts {
				region.Parts[i].Copies = slices.Repeat([]string{""}, len(region.Parts[i].Copies))
			}
		}
	}
	return region
}

// database is the server that brokers in a region ask.
func (w *World) database(location string) *Resource {
	for _, server := range w.each("dbforpostgresql:Server") {
		if locationOf(w, server) == location {
			return server
		}
	}
	return nil
}

// rules is the Redis of a region. Azure spreads a managed one with a replica over the zones; of others it does not say
// where they are.
func (w *World) rules(location string, zoned bool) recovery.Part {
	part := recovery.Part{Name: recovery.TopicRules, Copies: []string{recovery.Unknown}, Hidden: true}
	for _, redis := range w.each("cache:RedisEnterprise") {
		if zoned && locationOf(w, redis) == location && redis.in().str("highAvailability") != "Disabled" {
			part.Copies, part.Reroute = recovery.Spread(), recovery.CacheFailover()
		}
	}
	return part
}

// atAddress finds what answers at a public address.
func (k *walk) atAddress(address string, through []string) {
	for _, environment := range k.each("app:ManagedEnvironment") {
		if environment.out().str("staticIp") == address {
			k.inEnvironment(environment, "", append(through, "address "+address+" of the environment "+environment.name()))
			return
		}
	}
	for _, public := range k.each("network:PublicIPAddress") {
		if public.out().str("ipAddress") != address {
			continue
		}
		through = append(through, "address "+address+" in "+zonesInWords(public.in().texts("zones")))
		if gateway := k.using(public.ID, "network:ApplicationGateway"); gateway != nil {
			k.behindGateway(gateway, through)
		} else if balancer := k.using(public.ID, "network:LoadBalancer"); balancer != nil {
			k.behindBalancer(balancer, public, through)
		} else {
			k.dead("nothing uses the address %s", address)
		}
		return
	}
	k.dead("nobody has the address %s", address)
}

// using is a resource of a type that names another one.
func (k *walk) using(id, token string) *Resource {
	for _, r := range k.each(token) {
		if slices.ContainsFunc(armIDs(r.Inputs), func(named string) bool { return fold(named) == fold(id) }) {
			return r
		}
	}
	return nil
}

// behindBalancer finds the machines that the port leads to.
func (k *walk) behindBalancer(balancer, public *Resource, through []string) {
	for _, rule := range balancer.in().objects("loadBalancingRules") {
		if rule.num("frontendPort") != k.port {
			continue
		}
		probe := balancer.in().part(toSelf(balancer.ID, rule.str("probe.id")))
		machines := recovery.Part{Name: "machines", Broker: true,
			Reroute: recovery.LoadBalancer(probe.num("intervalInSeconds"), probe.num("probeThreshold"))}
		for _, pool := range poolsOf(rule) {
			machines.Copies = append(machines.Copies,
				k.inPool(strings.Replace(toSelf(balancer.ID, pool), "$self", balancer.ID, 1))...)
		}
		if len(machines.Copies) == 0 {
			k.dead("no machine is in the load balancer's pool")
			return
		}
		k.arrive(end{
			location: locationOf(k.World, balancer), broker: recovery.VerneMQ,
			through: append(through, "load balancer "+balancer.name(),
				fmt.Sprintf("%d machines in %s", len(machines.Copies), zonesInWords(machines.Copies))),
			parts: []recovery.Part{{Name: "load balancer", Copies: orNone(public.in().texts("zones"))}, machines},
		})
		return
	}
	k.dead("the load balancer %s has no rule for port %v", balancer.name(), k.port)
}

// inPool lists the zones of the machines whose network interfaces are in a pool.
func (k *walk) inPool(pool string) []string {
	var zones []string
	for _, nic := range k.each("network:NetworkInterface") {
		if !slices.ContainsFunc(armIDs(nic.Inputs), func(id string) bool { return fold(id) == fold(pool) }) {
			continue
		}
		if machine := k.using(nic.ID, "compute:VirtualMachine"); machine != nil {
			zones = append(zones, orNone(machine.in().texts("zones"))[0])
		}
	}
	return zones
}

// behindGateway finds the cluster that the gateway leads to: its load balancer has an address of the subnet that the
// nodes are in.
func (k *walk) behindGateway(gateway *Resource, through []string) {
	for _, pool := range gateway.in().objects("backendAddressPools") {
		for _, backend := range pool.objects("backendAddresses") {
			address, err := netip.ParseAddr(backend.str("ipAddress"))
			if err != nil {
				continue
			}
			brokers := k.inSubnetOf(address, locationOf(k.World, gateway))
			if len(brokers) == 0 {
				k.dead("no cluster is at the gateway's backend %s", address)
				return
			}
			zones := orNone(gateway.in().texts("zones"))
			k.arrive(end{
				location: locationOf(k.World, gateway), broker: recovery.HiveMQ,
				through: append(through, "gateway "+gateway.name()+" in "+zonesInWords(zones), "load balancer at "+address.String(),
					fmt.Sprintf("%d brokers in %s", len(brokers), zonesInWords(brokers))),
				parts: []recovery.Part{
					{Name: "gateway", Copies: zones, Reroute: recovery.Gateway()},
					{Name: "brokers", Copies: brokers, Broker: true, Reroute: recovery.ClusterLoadBalancer()},
				},
			})
			return
		}
	}
	k.dead("the gateway %s has no backend", gateway.name())
}

// inSubnetOf lists the zones of the brokers of the cluster whose nodes are in the subnet of an address. Each broker has
// a node of its own; how many brokers there are, Flux is told.
func (k *walk) inSubnetOf(address netip.Addr, location string) []string {
	var nodes []string
	wanted := 0
	for _, pool := range k.each("containerservice:AgentPool") {
		subnet := k.find(pool.in().str("vnetSubnetID"))
		block, err := netip.ParsePrefix(subnet.in().str("addressPrefix"))
		cluster := parentID(pool.ID)
		if err != nil || !block.Contains(address) || locationOf(k.World, k.find(cluster)) != location || pool.in().
			str("mode") != "User" {
			continue
		}
		nodes = append(nodes, slices.Repeat([]string{orNone(pool.in().texts("availabilityZones"))[0]},
			int(pool.in().num("minCount")))...)
		for _, flux := range k.each("kubernetesconfiguration:FluxConfiguration") {
			for _, kustomization := range flux.in().object("kustomizations") {
				if told, ok := kustomization.(map[string]any); ok && fold(clusterOf(flux.ID)) == fold(cluster) {
					var brokers int
					if _, err := fmt.Sscan(props(told).str("postBuild.substitute.brokers"), &brokers); err == nil {
						wanted = brokers
					}
				}
			}
		}
	}
	return nodes[:min(wanted, len(nodes))]
}

// inEnvironment finds the proxy that takes clients, and the nodes behind it. An app with one replica is in a zone that
// Azure picks, and an environment that is not redundant is so with all its apps.
func (k *walk) inEnvironment(environment *Resource, app string, through []string) {
	redundant := environment.in().flag("zoneRedundant")
	edge := recovery.Part{Name: "edge", Copies: []string{recovery.Unknown}, Reroute: recovery.Ingress()}
	nodes := recovery.Part{Name: "nodes", Broker: true, Reroute: recovery.Proxy(), Restart: recovery.Replicas()}
	if redundant {
		edge.Copies, nodes.Move = recovery.Spread(), recovery.Replicas()
	}
	found := ""
	for _, a := range k.each("app:ContainerApp") {
		if fold(a.in().str("managedEnvironmentId")) != fold(environment.ID) {
			continue
		}
		ingress := a.in().object("configuration.ingress")
		switch {
		case ingress.flag("external") && (a.name() == app || app == "" && k.exposes(ingress)):
			found = a.name()
		case ingress != nil && !ingress.flag("external") && a.in().num("template.scale.minReplicas") > 0:
			nodes.Copies = append(nodes.Copies, recovery.Unknown)
		}
	}
	if found == "" || len(nodes.Copies) == 0 {
		k.dead("in the environment %s no app takes port %v, or no node is behind it", environment.name(), k.port)
		return
	}
	where := "one zone, which Azure picked"
	if redundant {
		where = "all zones"
	}
	k.arrive(end{
		location: locationOf(k.World, environment), broker: recovery.EMQX, parts: []recovery.Part{edge, nodes},
		through: append(through, "app "+found+" in "+where,
			fmt.Sprintf("%d nodes, each in a zone that Azure picked", len(nodes.Copies))),
	})
}

// exposes says whether an app takes the port that clients connect to.
func (k *walk) exposes(ingress props) bool {
	return slices.ContainsFunc(ingress.objects("additionalPortMappings"), func(p props) bool {
		return p.flag("external") && p.num("exposedPort") == k.port
	})
}

func orNone(zones []string) []string {
	if len(zones) == 0 {
		return []string{""}
	}
	return zones
}

// zonesInWords is such as "zones 1, 2 and 3", or "no zone".
func zonesInWords(zones []string) string {
	distinct := slices.Compact(slices.Sorted(slices.Values(zones)))
	switch {
	case len(distinct) == 0 || distinct[0] == "":
		return "no zone"
	case len(distinct) == 1:
		return "zone " + distinct[0]
	default:
		last := len(distinct) - 1
		return "zones " + strings.Join(distinct[:last], ", ") + " and " + distinct[last]
	}
}
