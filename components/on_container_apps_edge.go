package components

import (
	app "github.com/pulumi/pulumi-azure-native-sdk/app/v2/v20240301"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

const (
	EdgeVCPU = 1
	// EdgeConnections is how many clients of mqtts:// one HAProxy replica takes: about 60 KiB each for TLS state and
	// buffers, in 2 GiB of memory, beside 4,000 WebSockets.
	EdgeConnections = 20_000
)

// newEdge makes the app that faces the Internet: TLS on 8883 by itself, WebSocket on 443 behind the environment's own
// TLS. It reads the certificate by itself, and takes a renewed one without a restart.
func (c *containerApps) newEdge() (*app.ContainerApp, error) {
	config := c.args.FrontDoorID.ToStringOutput().ApplyT(func(id string) (string, error) {
		return assets.Edge{
			Nodes: assets.EdgeNodes(), FrontDoorID: id, MaxConnections: EdgeConnections,
			CertificateFile: assets.EdgeCertificateFile, User: assets.EdgeUser,
		}.Config()
	}).(pulumi.StringOutput)
	return app.NewContainerApp(c.ctx, c.name+"-edge", &app.ContainerAppArgs{
		ResourceGroupName:    c.args.ResourceGroup,
		ContainerAppName:     pulumi.String("edge"),
		Location:             pulumi.String(c.args.Location),
		ManagedEnvironmentId: c.environment.ID(),
		WorkloadProfileName:  pulumi.String(consumptionProfile),
		Identity:             c.identities(),
		Configuration: &app.ConfigurationArgs{
			ActiveRevisionsMode: pulumi.String("Single"),
			Ingress: &app.IngressArgs{
				External: pulumi.Bool(true), Transport: pulumi.String("http"), TargetPort: pulumi.Int(assets.EdgeWebSocketPort),
				AllowInsecure: pulumi.Bool(false),
				AdditionalPortMappings: app.IngressPortMappingArray{&app.IngressPortMappingArgs{
					External: pulumi.Bool(true), TargetPort: pulumi.Int(assets.EdgeMQTTSPort),
					ExposedPort: pulumi.Int(assets.EdgeMQTTSPort),
				}},
			},
			Registries: c.registries(),
			Secrets:    app.SecretArray{file("haproxy-cfg", config)},
		},
		Template: &app.TemplateArgs{
			Containers: app.ContainerArray{&app.ContainerArgs{
				Name:      pulumi.String("haproxy"),
				Image:     c.args.Registry.image(proxyImage),
				Command:   pulumi.ToStringArray(assets.EdgeCommand()),
				Resources: shareOfHost(EdgeVCPU),
				Env:       c.edgeEnvironment(),
				Probes: app.ContainerAppProbeArray{
					tcpProbe("Startup", assets.EdgeProbePort, 1, 30),
					tcpProbe("Liveness", assets.EdgeProbePort, 10, 3),
					tcpProbe("Readiness", assets.EdgeProbePort, 5, 3),
				},
				VolumeMounts: app.VolumeMountArray{mount("config", assets.EdgeConfigDir)},
			}},
			Scale:   c.edgeScale(),
			Volumes: app.VolumeArray{secretVolume("config", mounted{"haproxy-cfg", assets.EdgeConfigFile})},
		},
		Tags: c.args.tags(),
	}, c.parent, c.ready)
}

// edgeEnvironment holds no secret: the proxy asks the vault as the app's identity. For the name of MQTT over WebSocket,
// Front Door has a certificate of its own.
func (c *containerApps) edgeEnvironment() app.EnvironmentVarArray {
	environment := app.EnvironmentVarArray{
		value("CERTIFICATE_URL", c.args.Certificate.SecretURL),
		value("CLIENT_ID", c.identity.ClientId),
		value("HOSTS", pulumi.String(c.args.Certificate.host())),
	}
	for _, v := range assets.EdgeEnvironment() {
		environment = append(environment, value(v.Name, pulumi.String(v.Value)))
	}
	return environment
}

// edgeScale follows the CPU, which TLS handshakes and messages use: how a connection count treats an additional TCP
// port is not documented. A replica that is scaled in drops its clients, who reconnect.
func (c *containerApps) edgeScale() *app.ScaleArgs {
	return &app.ScaleArgs{
		MinReplicas: pulumi.Int(c.args.Size.EdgeReplicas[0]), MaxReplicas: pulumi.Int(c.args.Size.EdgeReplicas[1]),
		Rules: app.ScaleRuleArray{&app.ScaleRuleArgs{
			Name: pulumi.String("cpu"),
			Custom: &app.CustomScaleRuleArgs{Type: pulumi.String("cpu"), Metadata: pulumi.StringMap{
				"type": pulumi.String("Utilization"), "value": pulumi.String("70"),
			}},
		}},
	}
}
