package components

import (
	"fmt"

	metrics "github.com/pulumi/pulumi-azure-native-sdk/insights/v2/v20180301"
	workbooks "github.com/pulumi/pulumi-azure-native-sdk/insights/v2/v20230601"
	queries "github.com/pulumi/pulumi-azure-native-sdk/insights/v2/v20231201"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

const onCallType = "amora:operations:OnCall"

// Watched is a resource whose own metrics are watched.
type Watched struct {
	Kind   string             // such as "database"
	ID     pulumi.StringInput // ARM id
	Alerts []assets.MetricAlert
}

// OnCallArgs is what an OnCall is made of. Logs of the Placement must be set: the alerts ask that workspace.
type OnCallArgs struct {
	Placement
	Name          string
	ActionGroupID pulumi.StringInput // who is told
	Watch         assets.Watch
	Watched       []Watched
}

// OnCall is what wakes a person up, and what that person looks at then: alerts with their runbook, and one workbook for
// every broker.
type OnCall struct {
	pulumi.ResourceState

	WorkbookURL pulumi.StringOutput `pulumi:"workbookUrl"` // in Azure's portal
}

// NewOnCall registers the alerts and the workbook.
func NewOnCall(ctx *pulumi.Context, name string, args *OnCallArgs, opts ...pulumi.ResourceOption) (*OnCall, error) {
	o := &OnCall{}
	if err := ctx.RegisterComponentResourceV2(onCallType, name,
		pulumi.Map{"broker": pulumi.String(string(args.Watch.Broker))}, o, opts...); err != nil {
		return nil, err
	}
	parent := pulumi.Parent(o)
	alerts, err := args.Watch.QueryAlerts()
	if err != nil {
		return nil, err
	}
	for _, alert := range alerts {
		if err := newQueryAlert(ctx, name, args, alert, parent); err != nil {
			return nil, fmt.Errorf("alert %s: %w", alert.Key, err)
		}
	}
	for _, watched := range args.Watched {
		for _, alert := range watched.Alerts {
			if err := newMetricAlert(ctx, name, args, watched.ID, alert, parent); err != nil {
				return nil, fmt.Errorf("alert %s: %w", alert.Key, err)
			}
		}
	}
	workbook, err := newWorkbook(ctx, name, args, parent)
	if err != nil {
		return nil, fmt.Errorf("workbook: %w", err)
	}
	o.WorkbookURL = pulumi.Sprintf("https://portal.azure.com/#resource%s/workbook", workbook.ID())
	return o, ctx.RegisterResourceOutputs(o, pulumi.Map{"workbookUrl": o.WorkbookURL})
}

// newQueryAlert fires while its query gives rows.
func newQueryAlert(ctx *pulumi.Context, name string, args *OnCallArgs, alert assets.QueryAlert,
	parent pulumi.ResourceOption) error {
	_, err := queries.NewScheduledQueryRule(ctx, name+"-"+alert.Key, &queries.ScheduledQueryRuleArgs{
		ResourceGroupName:   args.ResourceGroup,
		RuleName:            pulumi.String(args.Name + "-" + alert.Key),
		Location:            pulumi.String(args.Location),
		Kind:                pulumi.String("LogAlert"),
		DisplayName:         pulumi.String(alert.Title),
		Description:         pulumi.String(alert.Description),
		Severity:            pulumi.Float64(alert.Severity),
		Enabled:             pulumi.Bool(true),
		AutoMitigate:        pulumi.Bool(true), // who was called is told when it is over
		EvaluationFrequency: pulumi.String(alert.Every),
		WindowSize:          pulumi.String(alert.Window),
		Scopes:              pulumi.StringArray{args.Logs},
		Criteria: &queries.ScheduledQueryRuleCriteriaArgs{AllOf: queries.ConditionArray{&queries.ConditionArgs{
			Query: pulumi.String(alert.Query), TimeAggregation: pulumi.String("Count"),
			Operator: pulumi.String("GreaterThan"), Threshold: pulumi.Float64(0),
			FailingPeriods: &queries.ConditionFailingPeriodsArgs{NumberOfEvaluationPeriods: pulumi.Float64(1),
				MinFailingPeriodsToAlert: pulumi.Float64(1)},
		}}},
		// A new workspace has no table before the first row arrives, and Azure would refuse the query for that.
		SkipQueryValidation: pulumi.Bool(true),
		Actions: &queries.ActionsArgs{
			ActionGroups:     pulumi.StringArray{args.ActionGroupID},
			CustomProperties: pulumi.StringMap{"runbook": pulumi.String(alert.Runbook)},
		},
		Tags: args.tags(),
	}, parent)
	return err
}

// newMetricAlert fires while a metric that Azure measures is on the wrong side of its threshold.
func newMetricAlert(ctx *pulumi.Context, name string, args *OnCallArgs, resource pulumi.StringInput,
	alert assets.MetricAlert, parent pulumi.ResourceOption) error {
	var dimensions metrics.MetricDimensionArray
	if alert.Each != "" {
		dimensions = metrics.MetricDimensionArray{&metrics.MetricDimensionArgs{
			Name: pulumi.String(alert.Each), Operator: pulumi.String("Include"), Values: pulumi.StringArray{pulumi.String("*")},
		}}
	}
	_, err := metrics.NewMetricAlert(ctx, name+"-"+alert.Key, &metrics.MetricAlertArgs{
		ResourceGroupName: args.ResourceGroup,
		RuleName:          pulumi.String(args.Name + "-" + alert.Key),
		Location:          pulumi.String("global"),
		// metric alerts carry no properties into an e-mail
		Description:         pulumi.String(alert.Description + " Runbook: " + alert.Runbook),
		Severity:            pulumi.Int(alert.Severity),
		Enabled:             pulumi.Bool(true),
		AutoMitigate:        pulumi.Bool(true),
		EvaluationFrequency: pulumi.String(alert.Every),
		WindowSize:          pulumi.String(alert.Window),
		Scopes:              pulumi.StringArray{resource},
		Criteria: &metrics.MetricAlertSingleResourceMultipleMetricCriteriaArgs{
			OdataType: pulumi.String("Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria"),
			AllOf: metrics.MetricCriteriaArray{&metrics.MetricCriteriaArgs{
				Name: pulumi.String(alert.Key), CriterionType: pulumi.String("StaticThresholdCriterion"),
				MetricNamespace: pulumi.String(alert.Namespace),
				MetricName:      pulumi.String(alert.Metric), TimeAggregation: pulumi.String(alert.Aggregation),
				Operator: pulumi.String(alert.Operator), Threshold: pulumi.Float64(alert.Threshold), Dimensions: dimensions,
			}},
		},
		Actions: metrics.MetricAlertActionArray{
			&metrics.MetricAlertActionArgs{ActionGroupId: args.ActionGroupID.ToStringOutput().ToStringPtrOutput()}},
		Tags: args.tags(),
	}, parent)
	return err
}

func newWorkbook(ctx *pulumi.Context, name string, args *OnCallArgs, parent pulumi.ResourceOption) (*workbooks.Workbook,
	error) {
	content := args.Logs.ToStringOutput().
		ApplyT(func(workspace string) (string, error) { return args.Watch.Workbook(workspace) }).(pulumi.StringOutput)
	return workbooks.NewWorkbook(ctx, name+"-workbook", &workbooks.WorkbookArgs{
		ResourceGroupName: args.ResourceGroup,
		ResourceName: args.ResourceGroup.ToStringOutput().
			ApplyT(func(group string) string { return guid(group, name, "workbook") }).(pulumi.StringOutput).ToStringPtrOutput(),
		Location:       pulumi.String(args.Location),
		Kind:           pulumi.String("shared"),
		Category:       pulumi.String("workbook"),
		DisplayName:    pulumi.String("MQTT: " + args.Name),
		Version:        pulumi.String("Notebook/1.0"),
		SourceId:       args.Logs.ToStringOutput().ToStringPtrOutput(),
		SerializedData: content,
		Tags:           args.tags(),
	}, parent)
}
