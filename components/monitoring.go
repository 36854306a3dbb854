package components

import (
	"fmt"

	insights "github.com/pulumi/pulumi-azure-native-sdk/insights/v2/v20200202"
	actions "github.com/pulumi/pulumi-azure-native-sdk/insights/v2/v20230101"
	operationalinsights "github.com/pulumi/pulumi-azure-native-sdk/operationalinsights/v2/v20221001"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const monitoringType = "amora:operations:Monitoring"

// MonitoringArgs is what a Monitoring is made of.
type MonitoringArgs struct {
	Placement
	Name          string // of the workspace and of what stands on it
	RetentionDays int    // 30 to 730; the first 31 are free
	// what a workspace takes in a day before it stops, and starts again the next day: $2.30 a GB in East US
	DailyQuotaGB float64
	AlertEmails  []string // who is told
	Guard        Guard
}

// Monitoring is where everything that a stack tells about itself ends up: logs and metrics in one workspace, alerts
// with one group of people. Clients have a workspace of their own for what they report: the key to it is in their
// hands, and whoever has it can fill it.
type Monitoring struct {
	pulumi.ResourceState

	WorkspaceID   pulumi.StringOutput `pulumi:"workspaceId"`   // ARM id
	ActionGroupID pulumi.StringOutput `pulumi:"actionGroupId"` // ARM id
	// secret; of the broker's Application Insights …
	ConnectionString       pulumi.StringOutput `pulumi:"connectionString"`
	ClientConnectionString pulumi.StringOutput `pulumi:"clientConnectionString"` // secret; … and of its clients'
}

// NewMonitoring registers both workspaces with an Application Insights each, and the action group.
func NewMonitoring(ctx *pulumi.Context, name string, args *MonitoringArgs, opts ...pulumi.ResourceOption) (*Monitoring,
	error) {
	m := &Monitoring{}
	if err := ctx.RegisterComponentResourceV2(monitoringType, name,
		pulumi.Map{"retentionDays": pulumi.Int(args.RetentionDays)}, m, opts...); err != nil {
		return nil, err
	}
	parent := pulumi.Parent(m)
	workspace, connection, err := newInsights(ctx, name, args, args.Name, parent)
	if err != nil {
		return nil, err
	}
	if _, m.ClientConnectionString, err = newInsights(ctx, name+"-clients", args, args.Name+"-clients",
		parent); err != nil {
		return nil, fmt.Errorf("of the clients: %w", err)
	}
	people, err := newActionGroup(ctx, name, args, parent)
	if err != nil {
		return nil, fmt.Errorf("action group: %w", err)
	}
	m.ConnectionString, m.ActionGroupID = connection, people.ID().ToStringOutput()
	m.WorkspaceID = pulumi.All(workspace.ID(), args.Guard.kept("workspace", "location", pulumi.String(args.Location),
		workspace.Location)).
		ApplyT(func(v []any) string { return string(v[0].(pulumi.ID)) }).(pulumi.StringOutput)
	return m, ctx.RegisterResourceOutputs(m, pulumi.Map{
		"workspaceId": m.WorkspaceID, "actionGroupId": m.ActionGroupID,
		"connectionString": m.ConnectionString, "clientConnectionString": m.ClientConnectionString,
	})
}

// newInsights registers a workspace and the Application Insights that writes to it, and gives back the secret with
// which one writes.
func newInsights(ctx *pulumi.Context, name string, args *MonitoringArgs, azureName string,
	parent pulumi.ResourceOption) (*operationalinsights.Workspace, pulumi.StringOutput, error) {
	workspace, err := operationalinsights.NewWorkspace(ctx, name+"-workspace", &operationalinsights.WorkspaceArgs{
		ResourceGroupName: args.ResourceGroup,
		WorkspaceName:     pulumi.String(azureName),
		Location:          pulumi.String(args.Location),
		Sku:               &operationalinsights.WorkspaceSkuArgs{Name: pulumi.String("PerGB2018")},
		RetentionInDays:   pulumi.Int(args.RetentionDays),
		WorkspaceCapping:  &operationalinsights.WorkspaceCappingArgs{DailyQuotaGb: pulumi.Float64(args.DailyQuotaGB)},
		Features: &operationalinsights.WorkspaceFeaturesArgs{
			// Whoever may see a resource may see its logs; nobody needs a role on the workspace for that.
			EnableLogAccessUsingOnlyResourcePermissions: pulumi.Bool(true),
			DisableLocalAuth: pulumi.Bool(true), // agents come with an identity, not with the workspace's key
		},
		Tags: args.tags(),
	}, args.Guard.options(parent, "resourceGroupName", "workspaceName", "location")...)
	if err != nil {
		return nil, pulumi.StringOutput{}, fmt.Errorf("workspace: %w", err)
	}
	place := args.Placement
	place.Logs = workspace.ID().ToStringOutput()
	if err := newDiagnostics(ctx, name, place, workspace.ID(), allLogs, parent); err != nil {
		return nil, pulumi.StringOutput{}, err
	}
	component, err := insights.NewComponent(ctx, name+"-insights", &insights.ComponentArgs{
		ResourceGroupName:   args.ResourceGroup,
		ResourceName:        pulumi.String(azureName),
		Location:            pulumi.String(args.Location),
		Kind:                pulumi.String("other"),
		ApplicationType:     pulumi.String("other"),
		IngestionMode:       pulumi.String("LogAnalytics"),
		WorkspaceResourceId: workspace.ID().ToStringPtrOutput(),
		Tags:                args.tags(),
		// Who has either sends what alerts and figures are made of.
	}, parent, pulumi.AdditionalSecretOutputs([]string{"connectionString", "instrumentationKey"}))
	if err != nil {
		return nil, pulumi.StringOutput{}, fmt.Errorf("insights: %w", err)
	}
	return workspace, pulumi.ToSecret(component.ConnectionString).(pulumi.StringOutput), nil
}

func newActionGroup(ctx *pulumi.Context, name string, args *MonitoringArgs, parent pulumi.ResourceOption) (
	*actions.ActionGroup, error) {
	receivers := actions.EmailReceiverArray{}
	for _, address := range args.AlertEmails {
		receivers = append(receivers, &actions.EmailReceiverArgs{
			// By its address: another order changes nothing.
			Name: pulumi.String(address), EmailAddress: pulumi.String(address), UseCommonAlertSchema: pulumi.Bool(true),
		})
	}
	return actions.NewActionGroup(ctx, name+"-people", &actions.ActionGroupArgs{
		ResourceGroupName: args.ResourceGroup,
		ActionGroupName:   pulumi.String(args.Name),
		Location:          pulumi.String("Global"),
		GroupShortName:    pulumi.String("mqtt"), // how an e-mail begins; at most 12 characters
		Enabled:           pulumi.Bool(true),
		EmailReceivers:    receivers,
		Tags:              args.tags(),
	}, parent)
}

// Telemetry is how a broker tells how it is doing. A broker that is given none tells nobody.
type Telemetry struct {
	ConnectionString pulumi.StringInput // secret; of an Application Insights
	Host             string             // where clients connect: its certificate is watched
}
