package stacks

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/components"
	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// deployMonitoring puts up where logs, metrics and alerts go, before all that has some.
func (f *foundation) deployMonitoring(ctx *pulumi.Context, p Plan) error {
	if p.Monitoring == nil {
		return nil
	}
	var err error
	f.monitoring, err = components.NewMonitoring(ctx, f.named("monitoring"), &components.MonitoringArgs{
		Placement: f.place, Name: p.Name, RetentionDays: p.Monitoring.RetentionDays, DailyQuotaGB: p.Monitoring.DailyQuotaGB,
		AlertEmails: p.Monitoring.AlertEmails, Guard: p.guard("workspace"),
	}, f.in)
	if err != nil {
		return fmt.Errorf("monitoring: %w", err)
	}
	f.place.Logs = f.monitoring.WorkspaceID
	f.telemetry = &components.Telemetry{ConnectionString: f.monitoring.ConnectionString, Host: p.Names.Host}
	f.export(ctx, "clientTelemetry", f.monitoring.ClientConnectionString)
	return nil
}

// deploySecurity locks what must not go, and makes the clients' directory.
func (f *foundation) deploySecurity(ctx *pulumi.Context, p Plan) error {
	security, err := components.NewSecurity(ctx, f.named("security"), &components.SecurityArgs{
		Placement: f.place, Locks: f.locks(p), Tenant: p.Tenant, Guard: p.guard("tenant"),
	}, f.in)
	if err != nil {
		return fmt.Errorf("security: %w", err)
	}
	if p.Tenant != nil {
		ctx.Export("identityTenantId", security.TenantID)
	}
	return nil
}

// locks are each on something inside of what is to be kept: Azure deletes nothing in which something is locked. A lock
// on the whole would also keep what hangs on it, role assignments, records and diagnostic settings, and with them the
// old broker after a switch.
func (f *foundation) locks(p Plan) []components.Lock {
	var locks []components.Lock
	add := func(resource, name string, scope pulumi.StringInput, notes string) {
		if p.guard(resource).Protect {
			locks = append(locks, components.Lock{Name: name, Scope: scope, Notes: notes})
		}
	}
	add("vault", "keep-vault", f.vault.SecretID(f.database.AdminPasswordURL), "Keeps the vault that this secret is in.")
	if p.standby {
		return locks
	}
	add("database", "keep-database", f.database.DatabaseID,
		"Keeps users and topic rules, and the server that they are on.")
	if p.Names.ZoneGroup == "" {
		add("zone", "keep-zone", pulumi.Sprintf("%s/SOA/@", f.zone.ID), "Keeps the DNS zone that this record is in.")
	}
	return locks
}

// deployOnCall registers what wakes a person up, and what that person looks at.
func (f *foundation) deployOnCall(ctx *pulumi.Context, p Plan, watched []components.Watched) error {
	if p.Monitoring == nil {
		return nil
	}
	onCall, err := components.NewOnCall(ctx, f.named("on-call"), &components.OnCallArgs{
		Placement: f.place, Name: p.Name, ActionGroupID: f.monitoring.ActionGroupID,
		Watch: assets.Watch{
			Broker: collected[p.Broker], Nodes: p.Nodes, Connections: p.Connections, DailyQuotaGB: p.Monitoring.DailyQuotaGB,
		},
		Watched: append(watched,
			components.Watched{Kind: "database", ID: f.database.ID, Alerts: assets.DatabaseAlerts()},
			components.Watched{Kind: "vault", ID: f.vault.ID, Alerts: assets.VaultAlerts()}),
	}, f.in)
	if err != nil {
		return fmt.Errorf("on call: %w", err)
	}
	f.export(ctx, "dashboard", onCall.WorkbookURL)
	return nil
}

// collected are the brokers as the collector knows them.
var collected = map[string]assets.CollectedBroker{
	EMQXContainerApps: assets.CollectedEMQX, HiveMQAKS: assets.CollectedHiveMQ, VerneMQVMs: assets.CollectedVerneMQ,
}

// link is where a service has its private endpoint, nil for none.
func (f *foundation) link(p Plan, service string) *components.PrivateLink {
	if !p.linked(service) {
		return nil
	}
	return &components.PrivateLink{NetworkID: f.network.ID, SubnetID: f.network.EndpointsSubnetID}
}
