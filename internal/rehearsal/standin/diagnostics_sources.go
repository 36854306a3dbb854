package standin

import "strings"

// diagnosticSources are the types that have diagnostic settings, in lower case, of those that the stand-in knows. The
// categories are those of Microsoft's reference "Supported log categories for Azure Monitor". It does not list the
// members of the group audit: they are the categories here that are named for it.
var diagnosticSources = map[string]sources{
	"microsoft.app/containerapps": onlyMetrics,
	"microsoft.app/jobs":          onlyMetrics,
	"microsoft.app/managedenvironments": logging(
		"ContainerAppConsoleLogs ContainerAppSystemLogs AppEnvSpringAppConsoleLogs AppEnvSessionConsoleLogs "+
			"AppEnvSessionPoolEventLogs AppEnvSessionLifeCycleLogs", ""),
	"microsoft.cache/redis": logging("ConnectedClientList MSEntraAuthenticationAuditLog",
		"MSEntraAuthenticationAuditLog"),
	"microsoft.cache/redisenterprise":           onlyMetrics,
	"microsoft.cache/redisenterprise/databases": {logs: []string{"ConnectionEvents"}, audit: []string{"ConnectionEvents"}},
	"microsoft.cdn/profiles": logging(
		"AzureCdnAccessLog FrontDoorAccessLog FrontDoorHealthProbeLog FrontDoorWebApplicationFirewallLog", ""),
	"microsoft.compute/virtualmachines": onlyMetrics,
	"microsoft.containerregistry/registries": logging("ContainerRegistryLoginEvents ContainerRegistryRepositoryEvents",
		"ContainerRegistryLoginEvents ContainerRegistryRepositoryEvents"),
	"microsoft.containerservice/managedclusters": logging(
		"cloud-controller-manager cluster-autoscaler csi-azuredisk-controller csi-azurefile-controller "+
			"csi-snapshot-controller "+
			"fleet-member-agent fleet-member-net-controller-manager fleet-mcs-controller-manager guard kube-apiserver "+
			"kube-audit kube-audit-admin kube-controller-manager kube-scheduler", "kube-audit kube-audit-admin"),
	"microsoft.dbforpostgresql/flexibleservers": logging(
		"PostgreSQLLogs PostgreSQLFlexSessions PostgreSQLFlexQueryStoreRuntime PostgreSQLFlexQueryStoreWaitStats "+
			"PostgreSQLFlexTableStats PostgreSQLFlexDatabaseXacts PostgreSQLFlexPGBouncer", "PostgreSQLLogs"),
	"microsoft.insights/components": logging(
		"AppAvailabilityResults AppBrowserTimings AppDependencies AppEvents AppExceptions AppMetrics AppPageViews "+
			"AppPerformanceCounters "+
			"AppRequests AppSystemEvents AppTraces", ""),
	"microsoft.keyvault/vaults": logging("AuditEvent AzurePolicyEvaluationDetails", "AuditEvent"),
	"microsoft.network/applicationgateways": logging(
		"ApplicationGatewayAccessLog ApplicationGatewayFirewallLog ApplicationGatewayPerformanceLog", ""),
	"microsoft.network/bastionhosts":      logging("BastionAuditLogs", "BastionAuditLogs"),
	"microsoft.network/dnszones":          onlyMetrics,
	"microsoft.network/loadbalancers":     logging("LoadBalancerHealthEvent", ""),
	"microsoft.network/natgateways":       onlyMetrics,
	"microsoft.network/networkinterfaces": onlyMetrics,
	"microsoft.network/networksecuritygroups": {logs: []string{"NetworkSecurityGroupEvent",
		"NetworkSecurityGroupRuleCounter"}},
	"microsoft.network/privatednszones":  onlyMetrics,
	"microsoft.network/privateendpoints": onlyMetrics,
	"microsoft.network/publicipaddresses": logging(
		"DDoSProtectionNotifications DDoSMitigationFlowLogs DDoSMitigationReports", ""),
	"microsoft.network/trafficmanagerprofiles": logging("ProbeHealthStatusEvents", ""),
	"microsoft.network/virtualnetworks":        logging("VMProtectionAlerts", ""),
	"microsoft.operationalinsights/workspaces": logging("Audit SummaryLogs", "Audit"),
	"microsoft.recoveryservices/vaults": logging(
		"AzureBackupReport CoreAzureBackup AddonAzureBackupJobs AddonAzureBackupAlerts AddonAzureBackupPolicy "+
			"AddonAzureBackupStorage "+
			"AddonAzureBackupProtectedInstance AzureSiteRecoveryJobs AzureSiteRecoveryEvents "+
			"AzureSiteRecoveryReplicatedItems AzureSiteRecoveryReplicationStats "+
			"AzureSiteRecoveryRecoveryPoints AzureSiteRecoveryReplicationDataUploadRate "+
			"AzureSiteRecoveryProtectedDiskDataChurn ASRJobs ASRReplicatedItems", ""),
	"microsoft.storage/storageaccounts":               {metrics: storageMetrics},
	"microsoft.storage/storageaccounts/blobservices":  storageService,
	"microsoft.storage/storageaccounts/fileservices":  storageService,
	"microsoft.storage/storageaccounts/queueservices": storageService,
	"microsoft.storage/storageaccounts/tableservices": storageService,
}

var (
	onlyMetrics    = sources{metrics: []string{"AllMetrics"}}
	storageMetrics = []string{"AllMetrics", "Transaction", "Capacity"}
	storageService = sources{
		logs:  []string{"StorageRead", "StorageWrite", "StorageDelete"},
		audit: []string{"StorageRead", "StorageWrite", "StorageDelete"}, metrics: storageMetrics,
	}
)

// logging is a type with logs and with metrics.
func logging(logs, audit string) sources {
	return sources{strings.Fields(logs), strings.Fields(audit), onlyMetrics.metrics}
}
