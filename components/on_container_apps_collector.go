package components

import (
	"fmt"

	app "github.com/pulumi/pulumi-azure-native-sdk/app/v2/v20240301"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// newCollector makes the app that reads every node's metrics and sends them on. One replica: two would count everything
// twice.
func (c *containerApps) newCollector() error {
	if c.args.Telemetry == nil {
		return nil
	}
	collector := assets.Collector{Broker: assets.CollectedEMQX,
		Certificate: fmt.Sprintf("%s:%d", c.args.Telemetry.Host, assets.EdgeMQTTSPort)}
	for i := range c.nodes() {
		collector.Targets = append(collector.Targets,
			assets.CollectorTarget{Address: fmt.Sprintf("%s:%d", assets.NodeHost(i), assets.StatusPort),
				Node: assets.NodeApp(i)})
	}
	config, err := collector.Config()
	if err != nil {
		return err
	}
	const connection = "telemetry-connection"
	url, err := newBrokerSecret(c.ctx, c.name+"-"+connection+"-secret", c.args.Placement, c.args.Vault, connection,
		c.args.Telemetry.ConnectionString, c.parent)
	if err != nil {
		return err
	}
	_, err = app.NewContainerApp(c.ctx, c.name+"-collector", &app.ContainerAppArgs{
		ResourceGroupName:    c.args.ResourceGroup,
		ContainerAppName:     pulumi.String("collector"),
		Location:             pulumi.String(c.args.Location),
		ManagedEnvironmentId: c.environment.ID(),
		WorkloadProfileName:  pulumi.String(consumptionProfile),
		Identity:             c.identities(),
		Configuration: &app.ConfigurationArgs{
			ActiveRevisionsMode: pulumi.String("Single"),
			Registries:          c.registries(),
			Secrets:             app.SecretArray{c.vaultSecret(connection, url), file("collector-yaml", pulumi.String(config))},
		},
		Template: &app.TemplateArgs{
			Containers: app.ContainerArray{&app.ContainerArgs{
				Name:  pulumi.String("collector"),
				Image: c.args.Registry.image(assets.CollectorImage),
				Args:  pulumi.ToStringArray([]string{"--config=" + assets.ConfigDir + "/" + assets.CollectorConfigFile}),
				Env:   app.EnvironmentVarArray{secretValue(assets.ConnectionStringVariable, connection)},
				Probes: app.ContainerAppProbeArray{tcpProbe("Startup", assets.CollectorHealthPort, 5, 30),
					tcpProbe("Liveness", assets.CollectorHealthPort, 30, 3)},
				VolumeMounts: app.VolumeMountArray{mount("config", assets.ConfigDir)},
			}},
			Scale:   &app.ScaleArgs{MinReplicas: pulumi.Int(1), MaxReplicas: pulumi.Int(1)},
			Volumes: app.VolumeArray{secretVolume("config", mounted{"collector-yaml", assets.CollectorConfigFile})},
		},
		Tags: c.args.tags(),
	}, c.parent, c.ready)
	return err
}
