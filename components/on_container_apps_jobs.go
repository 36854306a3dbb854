package components

import (
	"strconv"

	app "github.com/pulumi/pulumi-azure-native-sdk/app/v2/v20240301"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// rulesSchedule is how long a change of topic rules takes to reach Redis by itself, and how long a lost Redis stays
// empty.
const rulesSchedule = "*/5 * * * *"

// newJobs makes the job that projects topic rules from the database, where they are kept, into Redis, where EMQX reads
// them, and the job through which an operator changes users and rules: the database is reachable from inside the
// network only.
func (c *containerApps) newJobs() (rules, admin *app.Job, err error) {
	rules, err = c.newJob("rules", &app.JobConfigurationArgs{
		TriggerType: pulumi.String("Schedule"),
		ScheduleTriggerConfig: &app.JobConfigurationScheduleTriggerConfigArgs{
			CronExpression: pulumi.String(rulesSchedule), Parallelism: pulumi.Int(1), ReplicaCompletionCount: pulumi.Int(1),
		},
		ReplicaTimeout: pulumi.Int(240), // seconds; below the interval, so that runs don't overlap
		Secrets: app.SecretArray{
			c.vaultSecret(brokerSecret, c.args.Database.brokerPinned),
			c.vaultSecret(redisSecret, c.args.RuleCache.PasswordURL),
		},
	}, &app.JobTemplateArgs{
		InitContainers: app.InitContainerArray{&app.InitContainerArgs{
			Name:         pulumi.String("export"),
			Image:        c.args.Registry.image(postgresImage),
			Command:      script(assets.RulesExportScript),
			Env:          c.databaseEnvironment(c.args.Database.role, brokerSecret),
			VolumeMounts: app.VolumeMountArray{mount("work", "/work")},
		}},
		Containers: app.ContainerArray{&app.ContainerArgs{
			Name:    pulumi.String("load"),
			Image:   c.args.Registry.image(redisImage),
			Command: script(assets.RulesLoadScript),
			Env: app.EnvironmentVarArray{
				value("REDIS_HOST", c.args.RuleCache.Host),
				value("REDIS_PORT", pulumi.String(strconv.Itoa(c.args.RuleCache.Port))),
				secretValue("REDISCLI_AUTH", redisSecret),
			},
			VolumeMounts: app.VolumeMountArray{mount("work", "/work")},
		}},
		Volumes: app.VolumeArray{emptyVolume("work")},
	})
	if err != nil {
		return nil, nil, err
	}
	admin, err = c.newJob("admin", &app.JobConfigurationArgs{
		TriggerType: pulumi.String("Manual"),
		ManualTriggerConfig: &app.JobConfigurationManualTriggerConfigArgs{Parallelism: pulumi.Int(1),
			ReplicaCompletionCount: pulumi.Int(1)},
		ReplicaTimeout: pulumi.Int(300),
		Secrets:        app.SecretArray{c.vaultSecret(adminSecret, c.args.Database.adminPinned)},
	}, &app.JobTemplateArgs{
		Containers: app.ContainerArray{&app.ContainerArgs{
			Name:    pulumi.String("psql"),
			Image:   c.args.Registry.image(postgresImage),
			Command: script(assets.AdminScript),
			Env:     c.databaseEnvironment(pulumi.String(databaseAdmin), adminSecret),
		}},
	})
	return rules, admin, err
}

func (c *containerApps) newJob(job string, configuration *app.JobConfigurationArgs, template *app.JobTemplateArgs) (
	*app.Job, error) {
	configuration.Registries = c.registries()
	configuration.ReplicaRetryLimit = pulumi.Int(1)
	return app.NewJob(c.ctx, c.name+"-"+job, &app.JobArgs{
		ResourceGroupName:   c.args.ResourceGroup,
		JobName:             pulumi.String(job),
		Location:            pulumi.String(c.args.Location),
		EnvironmentId:       c.environment.ID(),
		WorkloadProfileName: pulumi.String(consumptionProfile),
		Identity:            c.identities(),
		Configuration:       configuration,
		Template:            template,
		Tags:                c.args.tags(),
	}, c.parent, c.ready)
}
