package stacks

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/components"
	"github.com/amora-sync/mqtt-on-azure/internal/recovery"
)

// What components configure inside of themselves. A rehearsal of every broker compares the figures that follow with
// those of what it deployed.
const (
	frontDoorSeconds, frontDoorSamples, frontDoorSuccesses = 30, 4, 3 // of an origin's probes
	balancerSeconds, balancerFailures                      = 5, 2     // of the load balancer's
	recordSeconds                                          = 60       // TTL of a record that is no alias
)

// survival is what decides what the stack survives.
func (p Plan) survival() recovery.Stack {
	s := recovery.Stack{
		Broker: map[string]recovery.Broker{EMQXContainerApps: recovery.EMQX, HiveMQAKS: recovery.HiveMQ,
			VerneMQVMs: recovery.VerneMQ}[p.Broker],
		GeoBackup: p.Database.GeoBackup, BackupDays: p.Database.BackupDays, DiskBackup: p.DiskBackup != nil,
	}
	plans := []Plan{p}
	if p.Secondary != nil {
		plans = append(plans, *p.Secondary)
	}
	var ways []recovery.Way
	for i, plan := range plans {
		s.Regions = append(s.Regions, recovery.Region{
			Location: plan.Location, Parts: plan.parts(), Outbound: plan.outbound(),
			Database: recovery.Database{Zone: plan.Database.Zone, Standby: plan.Database.StandbyZone, Replica: i > 0},
		})
		ways = append(ways, recovery.Way{Location: plan.Location})
	}
	if p.Active == ActiveSecondary {
		slices.Reverse(ways)
	}
	mqtts := recovery.Endpoint{Name: "mqtts", Host: p.Names.Host, Ways: ways, Forget: recovery.Forget(recordSeconds)}
	wss := recovery.Endpoint{Name: "wss", Host: p.Names.WebSocketHost, Ways: ways, Forget: recovery.Forget(recordSeconds)}
	if len(plans) > 1 {
		mqtts.Switch = recovery.TrafficManager(components.ProbeSeconds, components.ProbeTimeoutSeconds,
			components.ToleratedFailures, components.TrafficManagerTTL)
		mqtts.Forget = recovery.Forget(components.TrafficManagerTTL)
		wss.Switch, wss.Forget = mqtts.Switch, mqtts.Forget
	}
	if p.Broker == EMQXContainerApps {
		// Its clients stay at Front Door, whose address does not change.
		wss.Switch, wss.Forget = nil, recovery.Forget(recordSeconds)
		if len(plans) > 1 {
			wss.Switch = recovery.FrontDoor(frontDoorSeconds, frontDoorSamples, frontDoorSuccesses)
		}
	}
	s.Endpoints = []recovery.Endpoint{mqtts, wss}
	return s
}

// parts are what the clients of a region depend on, besides the database.
func (p Plan) parts() []recovery.Part {
	switch p.Broker {
	case HiveMQAKS:
		var brokers []string
		for _, pool := range p.HiveMQ.Pools {
			brokers = append(brokers, slices.Repeat([]string{pool.Zone}, pool.Min)...)
		}
		return []recovery.Part{
			{Name: "gateway", Copies: orNone(p.Zones), Reroute: recovery.Gateway()},
			{Name: "brokers", Copies: brokers, Broker: true, Reroute: recovery.ClusterLoadBalancer()},
		}
	case VerneMQVMs:
		var machines []string
		for _, node := range p.VerneMQ.Nodes {
			machines = append(machines, node.Zone)
		}
		return []recovery.Part{
			{Name: "load balancer", Copies: orNone(p.VerneMQ.AddressZones)},
			{Name: "machines", Copies: machines, Broker: true,
				Reroute: recovery.LoadBalancer(balancerSeconds, balancerFailures)},
		}
	default:
		return p.containerAppsParts()
	}
}

// containerAppsParts are in zones that Azure picks: an environment that is not redundant is in one of them, and of one
// that is, so is each node.
func (p Plan) containerAppsParts() []recovery.Part {
	zoned, somewhere := p.Database.Zone != "", ""
	if zoned {
		somewhere = recovery.Unknown
	}
	edge := recovery.Part{Name: "edge", Copies: []string{somewhere}, Reroute: recovery.Ingress()}
	nodes := recovery.Part{Name: "nodes", Copies: slices.Repeat([]string{somewhere}, p.Nodes), Broker: true,
		Reroute: recovery.Proxy(), Restart: recovery.Replicas()}
	rules := recovery.Part{Name: recovery.TopicRules, Copies: []string{somewhere}, Hidden: true}
	if p.EMQX.ZoneRedundant {
		edge.Copies, nodes.Move = recovery.Spread(), recovery.Replicas()
	}
	// Azure spreads a managed Redis with a replica over zones. Of a classic one it does not say.
	if zoned && p.Redis.Service == components.RedisManaged && p.Redis.HighAvailability {
		rules.Copies, rules.Reroute = recovery.Spread(), recovery.CacheFailover()
	}
	return []recovery.Part{edge, nodes, rules}
}

// outbound is the zone of the NAT gateway: one that Azure picks. Container Apps has a way out of its own.
func (p Plan) outbound() []string {
	if p.Broker == EMQXContainerApps || p.Database.Zone == "" {
		return nil
	}
	return []string{recovery.Unknown}
}

// orNone stands for the one place of a region without zones.
func orNone(zones []string) []string {
	if len(zones) == 0 {
		return []string{""}
	}
	return zones
}

// target is one of the availability targets, and what a loss makes of it.
type target struct {
	key     string
	minutes int
	takes   func(recovery.Outcome) (time.Duration, bool) // false: without end
	why     func(recovery.Outcome) string
}

func (c *Config) targets() []target {
	return []target{
		{"availability.rtoMinutes", c.Availability.RTOMinutes, recovery.Outcome.RTO, recovery.Outcome.Reason},
		{"availability.rpoMinutes", c.Availability.RPOMinutes,
			func(o recovery.Outcome) (time.Duration, bool) { return o.Data.Old, o.Data.Never == "" },
			func(o recovery.Outcome) string { return "users and rules are " + o.Data.InWords(inMinutes) }},
	}
}

// checkTargets holds the availability targets against every loss up to a region's.
func (c *Config) checkTargets(f *Faults) {
	if c.Availability.RTOMinutes == 0 && c.Availability.RPOMinutes == 0 {
		return
	}
	s := NewPlan("", *c).survival()
	for _, t := range c.targets() {
		said := map[string]bool{}
		for _, loss := range s.Losses() {
			o := s.Lose(loss)
			takes, ends := t.takes(o)
			// Of zones that are lost alike, the first one says it.
			if alike := string(loss.Kind) + t.why(o); t.minutes > 0 && loss.Targeted() &&
				(!ends || takes > time.Duration(t.minutes)*time.Minute) && !said[alike] {
				said[alike] = true
				f.add(t.key, fmt.Sprint(t.minutes), "%s: after %s, %s%s", must(takes, ends), loss, t.why(o), c.helps(o))
			}
		}
	}
}

func must(takes time.Duration, ends bool) string {
	if !ends {
		return "must be 0, for no target"
	}
	return fmt.Sprintf("must be %d or more", minutes(takes))
}

// minutes are whole ones, and never too few.
func minutes(d time.Duration) int { return int(math.Ceil(d.Minutes())) }

// helps names the edits of the config that make a loss a lesser one, as the end of a sentence.
func (c *Config) helps(o recovery.Outcome) string {
	a := c.Availability
	switch {
	case o.Kind == recovery.Place && a.SecondaryLocation == "" && !a.GeoRedundantBackup:
		return "; availability.secondaryLocation helps most, availability.geoRedundantBackup at least keeps the users"
	case o.Kind == recovery.Place && a.SecondaryLocation == "":
		return "; availability.secondaryLocation helps"
	case o.Kind == recovery.Zone && len(a.Zones) < 2 && regions[c.Location]:
		return "; availability.zones [1,2,3] helps, with availability.databaseHA"
	case (o.Kind == recovery.Zone || o.Kind == recovery.Server) && !a.DatabaseHA && regions[c.Location]:
		return "; availability.databaseHA helps"
	default:
		return ""
	}
}

// recoveryOutput is what the stack can hold, for people and for other programs: minutes, or none where nothing brings
// it back, and why.
func (p Plan) recoveryOutput() pulumi.Map {
	s := p.survival()
	output, reasoning := pulumi.Map{}, pulumi.StringArray{}
	rto, rpo := s.Worst()
	if waits, ends := rto.RTO(); ends {
		output["rtoMinutes"] = pulumi.Int(minutes(waits))
	}
	if rpo.Data.Never == "" {
		output["rpoMinutes"] = pulumi.Int(minutes(rpo.Data.Old))
	}
	for _, loss := range s.Losses() {
		o := s.Lose(loss)
		reasoning = append(reasoning,
			pulumi.String(fmt.Sprintf("%s: %s. Users and rules are %s. Of sessions and messages, %s.", loss, o.Reason(),
				o.Data.InWords(inMinutes), o.Sessions)))
	}
	output["reasoning"] = reasoning
	return output
}

// inMinutes writes a duration for people.
func inMinutes(d time.Duration) string { return fmt.Sprintf("%d minutes", minutes(d)) }

// Targets is where clients of a config find the broker, and what they may be asked to bear.
type Targets struct {
	Host, WebSocketHost string
	RTO, RPO            time.Duration // 0: no target
}

// TargetsOf reads them from a raw config (see [Parse] for its form).
func TargetsOf(stack string, config map[string]string) (Targets, error) {
	c, err := Parse(stack, config)
	if err != nil {
		return Targets{}, err
	}
	names := planNames(c.Domain, c.DNS)
	return Targets{
		Host: names.Host, WebSocketHost: names.WebSocketHost,
		RTO: time.Duration(c.Availability.RTOMinutes) * time.Minute,
		RPO: time.Duration(c.Availability.RPOMinutes) * time.Minute,
	}, nil
}
