package stacks

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/internal/costs"
	"github.com/amora-sync/mqtt-on-azure/internal/sizing"
)

// Forecast is what is known of a stack before it is deployed.
type Forecast struct {
	Broker   string          `json:"broker"`
	Title    string          `json:"title"`   // of the broker, for people
	Regions  []string        `json:"regions"` // the second one stands by
	Parts    []Part          `json:"parts"`
	Capacity sizing.Capacity `json:"capacity"` // of one region, after the loss of a zone
	Whole    int             `json:"whole"`    // connections while no zone is lost
	RTO      *int            `json:"rtoMinutes,omitempty"`
	RPO      *int            `json:"rpoMinutes,omitempty"` // none: nothing brings it back
	Cost     costs.Estimate  `json:"cost"`
	Planned  Figures         `json:"planned"`            // what the plan reckons with …
	Measured *Measured       `json:"measured,omitempty"` // … and what was measured; none: nobody has
}

// Part is what a plan decides about one part of the stack.
type Part struct {
	Name string `json:"name"`
	Is   string `json:"is"`
}

// Foretell reads a raw config (see [Parse] for its form) and tells what it would deploy, what that holds and what it
// costs by a price book.
func Foretell(stack string, raw map[string]string, book costs.Book) (Forecast, error) {
	c, err := Parse(stack, raw)
	if err != nil {
		return Forecast{}, err
	}
	p := NewPlan(stack, c)
	estimate, err := p.estimate(book)
	if err != nil {
		return Forecast{}, err
	}
	f := Forecast{
		Broker: p.Broker, Title: titles[p.Broker], Regions: []string{p.Location}, Capacity: p.Capacity,
		Whole: p.Connections, Cost: estimate,
		Parts: p.inWords(c), Planned: figuresOf(c, p, estimate.Total),
	}
	if f.Measured, err = foretellMeasured(stack, c, book); err != nil {
		return Forecast{}, err
	}
	if p.Secondary != nil {
		f.Regions = append(f.Regions, p.Secondary.Location)
	}
	rto, rpo := p.survival().Worst()
	if waits, ends := rto.RTO(); ends {
		m := minutes(waits)
		f.RTO = &m
	}
	if rpo.Data.Never == "" {
		m := minutes(rpo.Data.Old)
		f.RPO = &m
	}
	return f, nil
}

// MetersOf lists what the price of a config depends on.
func MetersOf(stack string, raw map[string]string) ([]costs.Wanted, error) {
	c, err := Parse(stack, raw)
	if err != nil {
		return nil, err
	}
	inventory, err := NewPlan(stack, c).Inventory()
	return inventory.Meters(), err
}

func (p Plan) estimate(book costs.Book) (costs.Estimate, error) {
	inventory, err := p.Inventory()
	if err != nil {
		return costs.Estimate{}, err
	}
	return book.Estimate(inventory), nil
}

// inWords is what the plan decides, for people.
func (p Plan) inWords(c Config) []Part {
	zones := "in one zone"
	switch {
	case !regions[c.Location]:
		zones = "in a region without zones"
	case len(c.Availability.Zones) > 1:
		zones = "in zones " + strings.Join(zoneNames(c, true), ", ")
	}
	parts := []Part{{"nodes", fmt.Sprintf("%s of %s, %s", nodesInWords(p.nodesRange()), c.node(), zones)}}
	add := func(name, is string) { parts = append(parts, Part{name, is}) }
	database := fmt.Sprintf("%s, %d GiB, backups for %d days", p.Database.SKU, p.Database.StorageGB, p.Database.BackupDays)
	if p.Database.StandbyZone != "" {
		database += ", a hot standby in zone " + p.Database.StandbyZone
	}
	if p.Database.GeoBackup {
		database += ", copied to the paired region"
	}
	add("database", database)
	switch p.Broker {
	case EMQXContainerApps:
		add("topic rules", fmt.Sprintf("Redis, %s %s", p.Redis.Service, p.Redis.SKU))
		add("edge", fmt.Sprintf("%d to %d proxies for mqtts://, Front Door for wss:// (3,000 connections at most)",
			p.EMQX.EdgeReplicas[0], p.EMQX.EdgeReplicas[1]))
	case HiveMQAKS:
		add("edge", fmt.Sprintf("Application Gateway, %d to %d instances", p.Gateway[0], p.Gateway[1]))
	case VerneMQVMs:
		add("edge", "load balancer")
	}
	if links := p.links(); len(links) > 0 {
		add("private endpoints", strings.Join(links, ", "))
	}
	if p.DDoS != DDoSNone {
		add("DDoS protection", p.DDoS)
	}
	if p.Monitoring != nil {
		add("monitoring", fmt.Sprintf("kept for %d days, up to %g GB a day", p.Monitoring.RetentionDays,
			p.Monitoring.DailyQuotaGB))
	}
	return parts
}

// nodesRange is how many nodes there are at the least and at the most.
func (p Plan) nodesRange() (low, high int) {
	switch {
	case p.Broker == HiveMQAKS:
		for _, pool := range p.HiveMQ.Pools {
			low, high = low+pool.Min, high+pool.Max
		}
		return low, high
	case p.Broker == EMQXContainerApps && p.EMQX.Peak != nil:
		return p.EMQX.MinNodes, p.EMQX.MaxNodes
	default:
		return p.Nodes, p.Nodes
	}
}

// forecastOutputs are the estimate and the capacity, for people and for other programs.
func (p Plan) forecastOutputs() (pulumi.Map, error) {
	book, err := costs.Prices()
	if err != nil {
		return nil, err
	}
	estimate, err := p.estimate(book)
	if err != nil {
		return nil, err
	}
	groups, unpriced := pulumi.Map{}, pulumi.StringArray{}
	for _, group := range slices.Sorted(maps.Keys(estimate.Groups)) {
		groups[group] = dollars(estimate.Groups[group])
	}
	for _, n := range estimate.NotPriced {
		unpriced = append(unpriced, pulumi.String(n.What+": "+n.Why))
	}
	cost := dollars(estimate.Total)
	cost["currency"], cost["groups"], cost["notPriced"], cost["oldestPrice"] = pulumi.String(estimate.Currency), groups,
		unpriced, pulumi.String(estimate.Oldest)
	k := p.Capacity
	return pulumi.Map{
		"monthlyCost": cost,
		"capacity": pulumi.Map{
			"connections": pulumi.Int(p.Connections), "connectionsAfterLoss": pulumi.Int(int(k.Connections.Typical)),
			"messagesPerSecondAfterLoss": pulumi.Int(int(k.Messages.Typical)), "binding": pulumi.String(k.Binding),
			"headroomPercent": pulumi.Int(percent(k.Headroom)),
		},
	}, nil
}

func dollars(s costs.Sum) pulumi.Map {
	return pulumi.Map{"low": pulumi.Int(int(s.Low + 0.5)), "high": pulumi.Int(int(s.High + 0.5))}
}

func percent(share float64) int { return int(100 * share) }
