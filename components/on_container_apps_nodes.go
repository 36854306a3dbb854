package components

import (
	"fmt"
	"slices"

	app "github.com/pulumi/pulumi-azure-native-sdk/app/v2/v20240301"
	"github.com/pulumi/pulumi-random/sdk/v4/go/random"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// Names of the node apps' secrets.
const (
	cookieSecret    = "erlang-cookie"
	dashboardSecret = "dashboard-password"
	licenceSecret   = "emqx-licence"
	adminSecret     = "database-admin-password"
	brokerSecret    = "database-broker-password"
	redisSecret     = "redis-password"
	configSecret    = "emqx-conf"
	schemaSecret    = "schema-sql"
	gateSecret      = "gate-escript"
)

// clusterSecrets are what every node shares beyond its configuration, by the names of the apps' secrets.
type clusterSecrets []*app.SecretArgs

// newNodes makes one app per node, one after the other, so that an update stops no more than one node at a time. No
// node's configuration names another one, so that one node more changes none.
func (c *containerApps) newNodes() ([]pulumi.Resource, error) {
	secrets, err := c.newClusterSecrets()
	if err != nil {
		return nil, err
	}
	config := pulumi.All(c.args.Database.Host, c.args.RuleCache.Host, c.args.Database.role).
		ApplyT(func(v []any) (string, error) {
			return assets.EMQX{
				DatabaseHost: v[0].(string), DatabaseName: databaseName, DatabaseUser: v[2].(string),
				RedisHost: v[1].(string), RedisPort: c.args.RuleCache.Port, JWT: c.args.JWT,
			}.Config()
		}).(pulumi.StringOutput)

	var nodes []pulumi.Resource
	after := slices.Concat(c.args.RuleCache.reachable, c.args.After)
	for i := range c.nodes() {
		node, err := c.newNode(i, config, secrets, after)
		if err != nil {
			return nil, fmt.Errorf("node %d: %w", i, err)
		}
		after, nodes = []pulumi.Resource{node}, append(nodes, node)
	}
	return nodes, nil
}

// nodes is how many node apps there are, whether they run or wait for their hours.
func (c *containerApps) nodes() int {
	if c.args.Size.Peak != nil {
		return c.args.Size.MaxNodes
	}
	return c.args.Size.MinNodes
}

// newClusterSecrets names the version of each secret that may rotate. Of one that is read in its newest version, Azure
// gives a new one to all nodes at once, within half an hour, and restarts them where it is a variable.
func (c *containerApps) newClusterSecrets() (clusterSecrets, error) {
	secrets := clusterSecrets{
		c.vaultSecret(adminSecret, c.args.Database.adminPinned),
		c.vaultSecret(brokerSecret, c.args.Database.brokerPinned),
		c.vaultSecret(redisSecret, c.args.RuleCache.PasswordURL),
		file(schemaSecret, pulumi.String(assets.Schema)),
		file(gateSecret, pulumi.String(assets.Gate)),
	}
	stored := map[string]pulumi.StringInput{}
	for _, made := range [][2]string{{cookieSecret, c.args.Rotation.Cookie}, {dashboardSecret, ""}} {
		name, mark := made[0], made[1]
		password, err := random.NewRandomPassword(c.ctx, c.name+"-"+name, &random.RandomPasswordArgs{
			Length: pulumi.Int(32), Special: pulumi.Bool(false), Keepers: keepers(mark),
		}, c.parent)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		stored[name] = password.Result
	}
	names := []string{cookieSecret, dashboardSecret}
	if c.args.Licence != nil {
		stored[licenceSecret] = c.args.Licence
		names = append(names, licenceSecret)
	}
	for _, name := range names {
		secret, err := newBrokerSecretVersion(c.ctx, c.name+"-"+name+"-secret", c.args.Placement, c.args.Vault, name,
			stored[name], c.parent)
		if err != nil {
			return nil, err
		}
		secrets = append(secrets, c.vaultSecret(name, secret.pinned))
	}
	return secrets, nil
}

func (c *containerApps) newNode(i int, config pulumi.StringOutput, secrets clusterSecrets, after []pulumi.Resource) (
	*app.ContainerApp, error) {
	all := make(app.SecretArray, 0, len(secrets)+1)
	for _, s := range secrets {
		all = append(all, s)
	}
	return app.NewContainerApp(c.ctx, c.name+"-"+assets.NodeApp(i), &app.ContainerAppArgs{
		ResourceGroupName:    c.args.ResourceGroup,
		ContainerAppName:     pulumi.String(assets.NodeApp(i)),
		Location:             pulumi.String(c.args.Location),
		ManagedEnvironmentId: c.environment.ID(),
		WorkloadProfileName:  pulumi.String(c.profile()),
		Identity:             c.identities(),
		Configuration: &app.ConfigurationArgs{
			ActiveRevisionsMode: pulumi.String("Single"),
			Ingress:             nodeIngress(),
			Registries:          c.registries(),
			Secrets:             append(all, file(configSecret, config)),
		},
		Template: &app.TemplateArgs{
			InitContainers: app.InitContainerArray{c.schemaContainer()},
			Containers:     app.ContainerArray{c.nodeContainer(i)},
			Scale:          c.nodeScale(i),
			Volumes: app.VolumeArray{
				secretVolume("config", mounted{configSecret, assets.EMQXConfigFile}, mounted{schemaSecret, assets.SchemaFile},
					mounted{gateSecret, assets.GateFile}),
				secretVolume("secrets", mounted{brokerSecret, assets.DatabasePasswordFile},
					mounted{redisSecret, assets.RedisPasswordFile}),
			},
			TerminationGracePeriodSeconds: pulumi.Float64(600), // a node waits for its turn to stop: see the gate
		},
		Tags: c.args.tags(),
	}, c.parent, c.ready, pulumi.DependsOn(after))
}

// nodeIngress opens a node to the environment, and to nothing else.
func nodeIngress() *app.IngressArgs {
	ports := app.IngressPortMappingArray{}
	for _, port := range []int{assets.RPCPort, assets.MQTTPort, assets.WebSocketPort, assets.StatusPort, assets.GatePort} {
		ports = append(ports, &app.IngressPortMappingArgs{External: pulumi.Bool(false), TargetPort: pulumi.Int(port),
			ExposedPort: pulumi.Int(port)})
	}
	return &app.IngressArgs{
		External: pulumi.Bool(false), Transport: pulumi.String("tcp"),
		TargetPort: pulumi.Int(assets.DistributionPort), ExposedPort: pulumi.Int(assets.DistributionPort),
		AdditionalPortMappings: ports,
	}
}

// schemaContainer brings the database to the schema before the broker starts. It alone sees the administrator's
// password.
func (c *containerApps) schemaContainer() *app.InitContainerArgs {
	return &app.InitContainerArgs{
		Name:    pulumi.String("schema"),
		Image:   c.args.Registry.image(postgresImage),
		Command: script(assets.SchemaScript),
		Env: append(c.databaseEnvironment(pulumi.String(databaseAdmin), adminSecret),
			value("BROKER", pulumi.String("emqx")), value("BROKER_ROLE", c.args.Database.role),
			secretValue("BROKER_PASSWORD", brokerSecret),
			value("BROKER_TIMEOUT", pulumi.String(assets.QueryTimeout)),
			value("CLIENT_IDS", pulumi.String(c.args.ClientIDs))),
		VolumeMounts: app.VolumeMountArray{mount("config", assets.ConfigDir)},
	}
}

// databaseEnvironment is how libpq finds the database, and gets in.
func (c *containerApps) databaseEnvironment(user pulumi.StringInput, password string) app.EnvironmentVarArray {
	return app.EnvironmentVarArray{
		value("PGHOST", c.args.Database.Host),
		value("PGDATABASE", pulumi.String(databaseName)),
		value("PGUSER", user),
		secretValue("PGPASSWORD", password),
		value("PGSSLMODE", pulumi.String("verify-full")),
		value("PGSSLROOTCERT", pulumi.String("system")),
	}
}

func (c *containerApps) nodeContainer(i int) *app.ContainerArgs {
	environment := app.EnvironmentVarArray{}
	variables := assets.NodeEnvironment(i, c.args.Location)
	if c.args.JWT != nil {
		variables = append(variables, c.args.JWT.Environment(c.args.ClientIDs)...)
	}
	for _, v := range variables {
		environment = append(environment, value(v.Name, pulumi.String(v.Value)))
	}
	environment = append(environment, value("PGHOST", c.args.Database.Host),
		value("PGDATABASE", pulumi.String(databaseName)), value("PGUSER", c.args.Database.role))
	if mark := c.args.Rotation.Cookie; mark != "" {
		// A new version of a secret alone makes no new revision.
		environment = append(environment, value("COOKIE_ROTATION", pulumi.String(mark)))
	}
	environment = append(environment,
		secretValue("EMQX_NODE__COOKIE", cookieSecret), secretValue("EMQX_DASHBOARD__DEFAULT_PASSWORD", dashboardSecret))
	if c.args.Licence != nil {
		environment = append(environment, secretValue("EMQX_LICENSE__KEY", licenceSecret))
	}
	return &app.ContainerArgs{
		Name:      pulumi.String("emqx"),
		Image:     c.args.Registry.image(c.args.Image),
		Command:   pulumi.ToStringArray(assets.NodeCommand()),
		Env:       environment,
		Resources: shareOfHost(c.args.Size.VCPU),
		Probes: app.ContainerAppProbeArray{
			// A node is ready while it waits for the one before to go, or Azure would never let that go. Whether it serves
			// clients is for the edge to find out, from the gate as well.
			tcpProbe("Startup", assets.GatePort, 30, 10), // in turn, where all nodes are updated
			tcpProbe("Liveness", assets.GatePort, 10, 6),
			tcpProbe("Readiness", assets.GatePort, 5, 3),
		},
		VolumeMounts: app.VolumeMountArray{mount("config", assets.ConfigDir), mount("secrets", assets.SecretsDir)},
	}
}

func tcpProbe(kind string, port, everySeconds, failures int) *app.ContainerAppProbeArgs {
	return &app.ContainerAppProbeArgs{
		Type: pulumi.String(kind), TcpSocket: &app.ContainerAppProbeTcpSocketArgs{Port: pulumi.Int(port)},
		PeriodSeconds: pulumi.Int(everySeconds), FailureThreshold: pulumi.Int(failures),
	}
}

// nodeScale keeps a node at exactly one replica, or, above MinNodes, starts and stops it with the clock. No load-driven
// rule can: one that counts connections would be woken by the other nodes' attempts to join, and one that asks the
// broker is not known to reach an app inside the environment.
func (c *containerApps) nodeScale(i int) *app.ScaleArgs {
	if i < c.args.Size.MinNodes {
		return &app.ScaleArgs{MinReplicas: pulumi.Int(1), MaxReplicas: pulumi.Int(1)}
	}
	return &app.ScaleArgs{
		MinReplicas: pulumi.Int(0), MaxReplicas: pulumi.Int(1),
		Rules: app.ScaleRuleArray{&app.ScaleRuleArgs{
			Name: pulumi.String("peak-hours"),
			Custom: &app.CustomScaleRuleArgs{Type: pulumi.String("cron"), Metadata: pulumi.StringMap{
				"timezone": pulumi.String(c.args.Size.Peak.Timezone), "desiredReplicas": pulumi.String("1"),
				"start": pulumi.String(c.args.Size.Peak.Start), "end": pulumi.String(c.args.Size.Peak.End),
			}},
		}},
	}
}
