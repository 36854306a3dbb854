package stacks

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/components"
	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// deployHiveMQ puts HiveMQ on AKS, with an Application Gateway in front.
func deployHiveMQ(ctx *pulumi.Context, p Plan, f *foundation, s secrets) (endpoints, error) {
	if s.hiveMQLicence == nil {
		notice := trialNotice()
		if err := ctx.Log.Warn(notice, nil); err != nil {
			return endpoints{}, err
		}
		ctx.Export("notice", pulumi.String(notice))
	}
	storage, err := f.newStorage(ctx, p)
	if err != nil {
		return endpoints{}, err
	}
	broker, err := components.NewOnAKS(ctx, "hivemq", &components.OnAKSArgs{
		Placement: f.place, Name: p.Name, Licence: s.hiveMQLicence, SecurityLicence: s.hiveMQSecurityLicence, JWT: p.JWT,
		Size: p.HiveMQ, Ranges: p.Cluster, SubnetCIDR: p.Network.Cluster, GatewayCIDR: p.Network.Gateway, DatabaseCIDR: p.Network.Database,
		BrokerAddress: p.Network.BrokerAddress, Network: f.network, Vault: f.vault, Database: f.database, Storage: storage,
		Telemetry: f.telemetry, TenantID: f.base.TenantID, SubscriptionID: f.base.SubscriptionID,
	}, f.in)
	if err != nil {
		return endpoints{}, fmt.Errorf("broker: %w", err)
	}
	gateway, err := components.NewGateway(ctx, "gateway", &components.GatewayArgs{
		Placement: f.place, Name: p.Name, SubnetCIDR: p.Network.Gateway, Zones: p.Gateway.Zones, Instances: p.Gateway.Instances,
		Network: f.network, Certificate: f.certificate, DDoS: p.DDoS == DDoSIP, SubscriptionID: f.base.SubscriptionID,
		// After the cluster: by then Azure knows everywhere that the gateway may read the certificate.
		BackendAddress: broker.Address, BackendMQTT: assets.HiveMQPort, BackendWebSocket: assets.HiveMQWebSocketPort,
	}, f.in)
	if err != nil {
		return endpoints{}, fmt.Errorf("gateway: %w", err)
	}
	ctx.Export("clusterName", broker.ClusterName)
	// Both names lead to the gateway.
	return endpoints{address: after(gateway.Address, broker.Ready), webSocketHost: after(pulumi.String(p.Names.Host), broker.Ready), watched: []components.Watched{
		{Kind: "gateway", ID: gateway.ID, Alerts: assets.GatewayAlerts()},
	}}, nil
}

func trialNotice() string {
	return fmt.Sprintf("HiveMQ runs without a licence: a trial that takes %d connections in all and is not for production. "+
		"Set amora-sync:hivemq.licence (a secret) for more.", assets.HiveMQTrialConnections)
}
