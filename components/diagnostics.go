package components

import (
	"fmt"

	insights "github.com/pulumi/pulumi-azure-native-sdk/insights/v2/v20210501preview"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// What of a resource's own logs is kept: a category group, or single categories where the groups hold more than anybody
// reads.
var (
	allLogs = insights.LogSettingsArray{&insights.LogSettingsArgs{CategoryGroup: pulumi.String("allLogs"),
		Enabled: pulumi.Bool(true)}}

	// Without kube-audit, which holds every read: it alone would use up the workspace's daily quota.
	clusterLogs = logCategories("kube-audit-admin", "kube-apiserver", "kube-controller-manager",
		"cluster-autoscaler", "guard")
)

func logCategories(names ...string) insights.LogSettingsArray {
	var logs insights.LogSettingsArray
	for _, name := range names {
		logs = append(logs, &insights.LogSettingsArgs{Category: pulumi.String(name), Enabled: pulumi.Bool(true)})
	}
	return logs
}

// newDiagnostics sends a resource's logs to the stack's workspace, if there is one. Its metrics stay where Azure keeps
// them, for 93 days and for nothing: a copy would cost more than the rest of the monitoring. Azure has no other version
// of this resource than a preview.
func newDiagnostics(ctx *pulumi.Context, name string, place Placement, resource pulumi.StringInput,
	logs insights.LogSettingsArray, parent pulumi.ResourceOption) error {
	if place.Logs == nil {
		return nil
	}
	if _, err := insights.NewDiagnosticSetting(ctx, name+"-logs", &insights.DiagnosticSettingArgs{
		ResourceUri: resource,
		Name:        pulumi.String("logs"),
		WorkspaceId: place.Logs.ToStringOutput().ToStringPtrOutput(),
		// A table for each kind of log, with columns of its own, where the service has one.
		LogAnalyticsDestinationType: pulumi.String("Dedicated"),
		Logs:                        logs,
	}, parent); err != nil {
		return fmt.Errorf("logs of %s: %w", name, err)
	}
	return nil
}
