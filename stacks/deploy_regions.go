package stacks

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/components"
	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// secondaryPrefix begins the logical names of what is in the second region.
const secondaryPrefix = "secondary-"

// region is a region of a stack: what is there, and its plan.
type region struct {
	*foundation
	Plan
	applied []pulumi.Resource // the first region's node that applies the schema, in the second one
}

// endpoints is where the broker of a region is reached.
type endpoints struct {
	address       pulumi.StringOutput // public IPv4 address that takes MQTT over TLS, known once the broker runs …
	webSocketHost pulumi.StringOutput // … and the host name that serves WebSocket clients …
	after         []pulumi.Resource   // … or else what is there by then
	nodes         []pulumi.Resource   // in the order in which they are deployed
	watched       []components.Watched
}

// behind is the region as it comes after others, whose brokers are at these: its nodes wait for the very first one.
func (r region) behind(at []endpoints) region {
	if len(at) > 0 {
		r.applied = at[0].nodes[:1]
	}
	return r
}

// deployBeside registers the foundation of the second region: another ground, on which the database is a replica of the
// first region's.
func (f *foundation) deployBeside(ctx *pulumi.Context, p Plan, first *foundation) error {
	if err := f.deployGround(ctx, p, first.network); err != nil {
		return err
	}
	peering, err := components.NewPeering(ctx, "peering",
		&components.PeeringArgs{First: first.network, Second: f.network}, f.in)
	if err != nil {
		return fmt.Errorf("peering: %w", err)
	}
	if f.database, err = components.NewReplica(ctx, f.named("database"), &components.ReplicaArgs{
		Placement: f.place, Name: f.databaseName(p), NetworkID: f.network.ID, SubnetID: f.network.DatabaseSubnetID,
		Peering: peering,
		Size:    p.Database, Source: first.database, Vault: f.vault, Guard: p.guard("database"),
	}, f.in); err != nil {
		return fmt.Errorf("replica of the database: %w", err)
	}
	return f.deployRest(ctx, p)
}

// deployBrokers registers a broker in each region, and the names that lead to them.
func deployBrokers(ctx *pulumi.Context, regions []region, s secrets) (*components.Endpoint, error) {
	deployBroker := deployEMQX
	switch regions[0].Broker {
	case HiveMQAKS:
		deployBroker = deployHiveMQ
	case VerneMQVMs:
		deployBroker = deployVerneMQ
	}
	at, err := deployBroker(ctx, regions, s)
	if err != nil {
		return nil, err
	}
	endpoint, err := deployEndpoint(ctx, regions, at)
	if err != nil {
		return nil, err
	}
	for i, r := range regions {
		if err := r.deployOnCall(ctx, r.Plan, at[i].watched); err != nil {
			return nil, err
		}
	}
	return endpoint, nil
}

// deployEndpoint registers the clients' names, with Traffic Manager behind them where there are two regions.
func deployEndpoint(ctx *pulumi.Context, regions []region, at []endpoints) (*components.Endpoint, error) {
	first := regions[0]
	args := &components.EndpointArgs{
		Zone: first.zone, Record: first.Names.HostRecord, Address: at[0].address,
		WebSocketRecord: first.Names.WebSocketRecord, WebSocketHost: at[0].webSocketHost,
	}
	var addresses []pulumi.StringInput
	for _, a := range at {
		args.After, addresses = append(args.After, a.after...), append(addresses, a.address)
	}
	if len(regions) > 1 {
		manager, err := components.NewTrafficManager(ctx, "traffic-manager", &components.TrafficManagerArgs{
			Placement: first.place, Name: first.unique(first.Name), Port: assets.EdgeMQTTSPort,
			Regions: inRegions(regions, addresses), After: args.After,
		}, first.in)
		if err != nil {
			return nil, fmt.Errorf("traffic manager: %w", err)
		}
		args.TrafficManager = manager
		at[0].watched = append(at[0].watched,
			components.Watched{Kind: "traffic-manager", ID: manager.ID, Alerts: assets.RegionAlerts()},
			components.Watched{Kind: "replication", ID: first.database.ID, Alerts: assets.ReplicationAlerts()})
	}
	endpoint, err := components.NewEndpoint(ctx, "endpoint", args, first.in)
	if err != nil {
		return nil, fmt.Errorf("endpoint: %w", err)
	}
	return endpoint, nil
}

// Where clients are led first. The first region gives way without the second one changing: Azure refuses two equal
// priorities, even for a moment.
const (
	priorityActive, priorityStandby, priorityGivesWay = 1, 2, 3
)

// inRegions says where each region takes clients, and in which order they are tried.
func inRegions(regions []region, at []pulumi.StringInput) []components.Region {
	first := priorityActive
	if regions[0].Active == ActiveSecondary {
		first = priorityGivesWay
	}
	all := []components.Region{{Name: ActivePrimary, At: at[0], Priority: first}}
	for _, other := range at[1:] {
		all = append(all, components.Region{Name: ActiveSecondary, At: other, Priority: priorityStandby})
	}
	return all
}

// named is the logical name of a component in this region.
func (f *foundation) named(component string) string { return f.prefix + component }

// export gives an output the name that it has in this region: clusterName, or secondaryClusterName.
func (f *foundation) export(ctx *pulumi.Context, name string, value pulumi.Input) {
	if f.prefix != "" {
		name = strings.TrimSuffix(f.prefix, "-") + strings.ToUpper(name[:1]) + name[1:]
	}
	ctx.Export(name, value)
}

// databaseName is another one for a server that was restored: the one whose backup it is still has its own.
func (f *foundation) databaseName(p Plan) pulumi.StringOutput {
	if p.Restore == nil {
		return f.unique(p.Name)
	}
	mark := sha256.Sum256(fmt.Append(nil, *p.Restore))
	return pulumi.Sprintf("%s-%x", f.unique(p.Name), mark[:3])
}

// restore is the backup that the database begins with, nil for none.
func (f *foundation) restore(p Plan) *components.DatabaseRestore {
	if p.Restore == nil {
		return nil
	}
	id := pulumi.String(p.Restore.Server).ToStringOutput()
	if !strings.HasPrefix(p.Restore.Server, "/") {
		id = pulumi.Sprintf("/subscriptions/%s/resourceGroups/%s/providers/Microsoft.DBforPostgreSQL/flexibleServers/%s",
			f.base.SubscriptionID, f.base.ResourceGroup, p.Restore.Server)
	}
	return &components.DatabaseRestore{ServerID: id, Time: p.Restore.Time, Geo: p.Restore.Geo}
}
