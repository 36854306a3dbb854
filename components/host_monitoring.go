package components

import (
	"fmt"

	compute "github.com/pulumi/pulumi-azure-native-sdk/compute/v2/v20230301"
	insights "github.com/pulumi/pulumi-azure-native-sdk/insights/v2/v20220601"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// collectionDestination is the workspace's name inside of a data collection rule.
const collectionDestination = "workspace"

// newCollectionRule registers what the agents on machines send to the workspace.
func newCollectionRule(ctx *pulumi.Context, name string, place Placement, azureName string,
	sources *insights.DataCollectionRuleDataSourcesArgs, streams []string,
	parent pulumi.ResourceOption) (*insights.DataCollectionRule, error) {
	return insights.NewDataCollectionRule(ctx, name+"-collection", &insights.DataCollectionRuleArgs{
		ResourceGroupName:      place.ResourceGroup,
		DataCollectionRuleName: pulumi.String(azureName),
		Location:               pulumi.String(place.Location),
		Kind:                   pulumi.String("Linux"),
		DataSources:            sources,
		Destinations: &insights.DataCollectionRuleDestinationsArgs{
			LogAnalytics: insights.LogAnalyticsDestinationArray{&insights.LogAnalyticsDestinationArgs{
				Name: pulumi.String(collectionDestination), WorkspaceResourceId: place.Logs.ToStringOutput().ToStringPtrOutput(),
			}}},
		DataFlows: insights.DataFlowArray{&insights.DataFlowArgs{
			Streams: pulumi.ToStringArray(streams), Destinations: pulumi.ToStringArray([]string{collectionDestination}),
		}},
		Tags: place.tags(),
	}, parent)
}

// newContainerInsights has the cluster's agents send the pods' logs, and how pods and nodes are, to the workspace.
func (a *aks) newContainerInsights() error {
	if a.args.Logs == nil {
		return nil
	}
	streams := []string{"Microsoft-ContainerLogV2", "Microsoft-KubeEvents", "Microsoft-KubePodInventory",
		"Microsoft-KubeNodeInventory", "Microsoft-InsightsMetrics", "Microsoft-Perf"}
	rule, err := newCollectionRule(a.ctx, a.name, a.args.Placement, a.args.Name+"-cluster",
		&insights.DataCollectionRuleDataSourcesArgs{
			Extensions: insights.ExtensionDataSourceArray{&insights.ExtensionDataSourceArgs{
				Name: pulumi.String("ContainerInsightsExtension"), ExtensionName: pulumi.String("ContainerInsights"),
				Streams: pulumi.ToStringArray(streams),
				ExtensionSettings: pulumi.Map{"dataCollectionSettings": pulumi.Map{
					"interval": pulumi.String("5m"), // five times less than by default, in rows and in price
					// Kubernetes' own pods talk more than the brokers do.
					"namespaceFilteringMode": pulumi.String("Include"),
					"namespaces":             pulumi.ToStringArray([]string{assets.HiveMQNamespace}),
					"enableContainerLogV2":   pulumi.Bool(true),
				}},
			}},
		}, streams, a.parent)
	if err != nil {
		return fmt.Errorf("data collection rule: %w", err)
	}
	_, err = insights.NewDataCollectionRuleAssociation(a.ctx, a.name+"-collection-association",
		&insights.DataCollectionRuleAssociationArgs{
			ResourceUri:          a.cluster.ID(),
			AssociationName:      pulumi.String("ContainerInsightsExtension"), // the agents look for this name
			DataCollectionRuleId: rule.ID().ToStringPtrOutput(),
		}, a.parent, comesBack)
	return err
}

func syslog(name string, facilities []string, levels ...string) *insights.SyslogDataSourceArgs {
	return &insights.SyslogDataSourceArgs{
		Name: pulumi.String(name), Streams: pulumi.ToStringArray([]string{"Microsoft-Syslog"}),
		FacilityNames: pulumi.ToStringArray(facilities), LogLevels: pulumi.ToStringArray(levels),
	}
}

// newMachineCollection registers what the machines' agents send: load, memory, disks, and what services and the system
// log.
func (v *vms) newMachineCollection() error {
	if v.args.Logs == nil {
		return nil
	}
	var err error
	v.collection, err = newCollectionRule(v.ctx, v.name, v.args.Placement, v.args.Name+"-machines",
		&insights.DataCollectionRuleDataSourcesArgs{
			PerformanceCounters: insights.PerfCounterDataSourceArray{&insights.PerfCounterDataSourceArgs{
				Name: pulumi.String("host"), SamplingFrequencyInSeconds: pulumi.Int(300),
				Streams: pulumi.ToStringArray([]string{"Microsoft-Perf"}),
				CounterSpecifiers: pulumi.ToStringArray([]string{`Processor(*)\% Processor Time`, `Memory(*)\% Used Memory`,
					`Logical Disk(*)\% Used Space`}),
			}},
			Syslog: insights.SyslogDataSourceArray{
				syslog("system", []string{"auth", "authpriv", "cron", "kern", "syslog", "user"}, "Warning", "Error",
					"Critical", "Alert", "Emergency"),
				// The broker's own words, which all arrive as information.
				syslog("services", []string{"daemon"}, "Info", "Notice", "Warning", "Error", "Critical", "Alert", "Emergency"),
			},
		}, []string{"Microsoft-Perf", "Microsoft-Syslog"}, v.parent)
	return err
}

// newAgent installs Azure's agent on a machine, which acts as the machine's identity and follows the data collection
// rule.
func (v *vms) newAgent(name string, machine *compute.VirtualMachine) error {
	if v.collection == nil {
		return nil
	}
	if _, err := compute.NewVirtualMachineExtension(v.ctx, name+"-agent", &compute.VirtualMachineExtensionArgs{
		ResourceGroupName: v.args.ResourceGroup,
		VmName:            machine.Name,
		VmExtensionName:   pulumi.String("AzureMonitorLinuxAgent"),
		Location:          pulumi.String(v.args.Location),
		Publisher:         pulumi.String("Microsoft.Azure.Monitor"), Type: pulumi.String("AzureMonitorLinuxAgent"),
		TypeHandlerVersion:      pulumi.String("1.33"),
		AutoUpgradeMinorVersion: pulumi.Bool(true), EnableAutomaticUpgrade: pulumi.Bool(true),
		Settings: pulumi.Map{"authentication": pulumi.Map{"managedIdentity": pulumi.Map{
			"identifier-name": pulumi.String("mi_res_id"), "identifier-value": v.identity.ID(),
		}}},
		Tags: v.args.tags(),
	}, v.parent, comesBack); err != nil {
		return fmt.Errorf("agent: %w", err)
	}
	_, err := insights.NewDataCollectionRuleAssociation(v.ctx, name+"-collection",
		&insights.DataCollectionRuleAssociationArgs{
			ResourceUri:          machine.ID(),
			AssociationName:      pulumi.String("host"),
			DataCollectionRuleId: v.collection.ID().ToStringPtrOutput(),
		}, v.parent, comesBack)
	return err
}
