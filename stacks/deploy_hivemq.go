package stacks

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/components"
	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// deployHiveMQ puts HiveMQ on AKS in each region, with an Application Gateway in front.
func deployHiveMQ(ctx *pulumi.Context, regions []region, s secrets) ([]endpoints, error) {
	if s.hiveMQLicence == nil {
		notice := trialNotice()
		if err := ctx.Log.Warn(notice, nil); err != nil {
			return nil, err
		}
		ctx.Export("notice", pulumi.String(notice))
	}
	var at []endpoints
	for _, r := range regions {
		in, err := r.behind(at).deployAKS(ctx, s)
		if err != nil {
			return nil, err
		}
		at = append(at, in)
	}
	return at, nil
}

// deployAKS registers the HiveMQ of one region and what only it needs.
func (r region) deployAKS(ctx *pulumi.Context, s secrets) (endpoints, error) {
	storage, err := r.newStorage(ctx, r.Plan)
	if err != nil {
		return endpoints{}, err
	}
	broker, err := components.NewOnAKS(ctx, r.named("hivemq"), &components.OnAKSArgs{
		Placement: r.place, Name: r.Name, Licence: s.hiveMQLicence, SecurityLicence: s.hiveMQSecurityLicence, JWT: r.JWT,
		Size: r.HiveMQ, Ranges: r.Cluster, SubnetCIDR: r.Network.Cluster, GatewayCIDR: r.Network.Gateway,
		DatabaseCIDR:  r.Network.Database,
		BrokerAddress: r.Network.BrokerAddress, Network: r.network, Vault: r.vault, Database: r.database, Storage: storage,
		Telemetry: r.telemetry, After: r.applied, TenantID: r.base.TenantID, SubscriptionID: r.base.SubscriptionID,
		Backup: r.DiskBackup,
	}, r.in)
	if err != nil {
		return endpoints{}, fmt.Errorf("broker: %w", err)
	}
	gateway, err := components.NewGateway(ctx, r.named("gateway"), &components.GatewayArgs{
		Placement: r.place, Name: r.Name, SubnetCIDR: r.Network.Gateway, Zones: r.Zones, Instances: r.Gateway,
		Network: r.network, Certificate: r.certificate, DDoS: r.DDoS == DDoSIP, SubscriptionID: r.base.SubscriptionID,
		// After the cluster: by then Azure knows everywhere that the gateway may read the certificate.
		BackendAddress: broker.Address, BackendMQTT: assets.HiveMQPort, BackendWebSocket: assets.HiveMQWebSocketPort,
	}, r.in)
	if err != nil {
		return endpoints{}, fmt.Errorf("gateway: %w", err)
	}
	r.export(ctx, "clusterName", broker.ClusterName)
	if r.DiskBackup != nil {
		r.export(ctx, "backupGroup", broker.BackupGroup)
	}
	// Both names lead to the gateway.
	return endpoints{
		address: after(gateway.Address, broker.Ready), webSocketHost: after(pulumi.String(r.Names.Host), broker.Ready),
		nodes:   broker.Serving,
		watched: []components.Watched{{Kind: "gateway", ID: gateway.ID, Alerts: assets.GatewayAlerts()}},
	}, nil
}

func trialNotice() string {
	return fmt.Sprintf("HiveMQ runs without a licence: a trial that takes %d connections in all and is not for "+
		"production. "+
		"Set amora-sync:hivemq.licence (a secret) for more.", assets.HiveMQTrialConnections)
}
