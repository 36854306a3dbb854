package stacks

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/amora-sync/mqtt-on-azure/internal/pulumitest"
)

// setting is an input that every resource of a kind, or of one purpose, has to have. In its path, "[]" is each element
// of a list and "{}" each value of a map; where several are wanted, they are those of the elements, in order.
type setting struct {
	of, path string
	want     []any
}

func is(want ...any) []any { return want }

// settings are those on which something rests that no other test would see, each with what happens otherwise. What a
// stack's config decides is in asked.
var settings = map[string][]setting{
	"what is kept is lost": {
		{"compute:VirtualMachine", "storageProfile.dataDisks[].createOption", is("Attach")},
		{"compute:VirtualMachine", "storageProfile.dataDisks[].lun", is(0.0)},
		{"compute:Disk", "creationData.createOption", is("Empty")},
		{"compute:Disk", "sku.name", is("Premium_LRS")},
		{"cache:Database", "evictionPolicy", is("NoEviction")},
		{"dbforpostgresql:Server", "storage.autoGrow", is("Enabled")},
		{"dbforpostgresql:VirtualEndpoint", "endpointType", is("ReadWrite")},
		{"storage:BlobServiceProperties", "deleteRetentionPolicy.enabled", is(true)},
		{"storage:BlobServiceProperties", "containerDeleteRetentionPolicy.enabled", is(true)},
		{"storage:BlobServiceProperties", "isVersioningEnabled", is(true)},
		{"storage:ManagementPolicy", "policy.rules[].definition.actions.baseBlob", is(nil)},
		{"storage:ManagementPolicy", "policy.rules[].enabled", is(true)},
		{"recoveryservices:Vault", "properties.securitySettings.softDeleteSettings.softDeleteState", is("Enabled")},
		{"recoveryservices:Vault", "properties.securitySettings.softDeleteSettings.softDeleteRetentionPeriodInDays",
			is(14.0)},
		{"recoveryservices:Vault", "properties.redundancySettings.standardTierStorageRedundancy", is("ZoneRedundant")},
		{"recoveryservices:Vault", "properties.monitoringSettings.azureMonitorAlertSettings.alertsForAllJobFailures",
			is("Enabled")},
		{"recoveryservices:ProtectionPolicy", "properties.policyType", is("V2")},
		{"recoveryservices:ProtectionPolicy", "properties.schedulePolicy.scheduleRunFrequency", is("Daily")},
		{"recoveryservices:ProtectionPolicy", "properties.retentionPolicy.dailySchedule.retentionDuration.durationType",
			is("Days")},
		{"recoveryservices:ProtectionPolicy", "properties.retentionPolicy.dailySchedule.retentionDuration.count",
			is(14.0)},
		{"recoveryservices:ProtectionPolicy", "properties.instantRpRetentionRangeInDays", is(2.0)},
		{"recoveryservices:ProtectionPolicy", "properties.timeZone", is("UTC")},
		{"recoveryservices:ProtectedItem", "properties.protectedItemType", is("Microsoft.Compute/virtualMachines")},
		{"authorization:ManagementLockByScope", "level", is("CanNotDelete")},
		{"emqx-emqx-#", "template.terminationGracePeriodSeconds", is(600.0)},
	},
	"a machine leaves its system behind, and its successor finds the name taken": {
		{"compute:VirtualMachine", "storageProfile.osDisk.deleteOption", is("Delete")},
		{"compute:VirtualMachine", "storageProfile.osDisk.createOption", is("FromImage")},
	},
	"clients are dropped early, hang, or are led where nobody serves": {
		{"network:LoadBalancer", "loadBalancingRules[].enableTcpReset", is(true)},
		{"network:LoadBalancer", "loadBalancingRules[].idleTimeoutInMinutes", is(30.0)},
		{"network:LoadBalancer", "loadBalancingRules[].disableOutboundSnat", is(true)},
		{"network:LoadBalancer", "loadBalancingRules[].protocol", is("Tcp")},
		{"network:LoadBalancer", "probes[].intervalInSeconds", is(5.0)},
		{"network:LoadBalancer", "probes[].probeThreshold", is(2.0)},
		{"network:LoadBalancer", "sku.name", is("Standard")},
		{"network:ApplicationGateway", "backendSettingsCollection[].timeout", is(3600.0)},
		{"network:ApplicationGateway", "backendHttpSettingsCollection[].requestTimeout", is(3600.0)},
		{"network:ApplicationGateway", "backendHttpSettingsCollection[].cookieBasedAffinity", is("Disabled")},
		{"network:ApplicationGateway", "httpListeners[].requireServerNameIndication", is(false)},
		{"network:ApplicationGateway", "enableHttp2", is(false)},
		{"network:ApplicationGateway", "probes[].protocol", is("Tcp", "Http")},
		{"network:ApplicationGateway", "probes[].path", is(nil, "/mqtt")},
		{"network:ApplicationGateway", "probes[].interval", is(10.0)},
		{"network:ApplicationGateway", "probes[].timeout", is(5.0)},
		{"network:ApplicationGateway", "probes[].unhealthyThreshold", is(3.0)},
		{"network:ApplicationGateway", "probes[].match.statusCodes[]", is("200-499")},
		{"network:ApplicationGateway", "autoscaleConfiguration.maxCapacity", is(10.0)},
		{"network:ApplicationGateway", "sku.name", is("Standard_v2")},
		{"network:ApplicationGateway", "sku.tier", is("Standard_v2")},
		{"cdn:AFDOriginGroup", "healthProbeSettings.probePath", is("/healthz")},
		{"cdn:AFDOriginGroup", "healthProbeSettings.probeProtocol", is("Https")},
		{"cdn:AFDOriginGroup", "healthProbeSettings.probeRequestType", is("GET")},
		{"cdn:AFDOriginGroup", "healthProbeSettings.probeIntervalInSeconds", is(30.0)},
		{"cdn:AFDOriginGroup", "loadBalancingSettings.sampleSize", is(4.0)},
		{"cdn:AFDOriginGroup", "loadBalancingSettings.successfulSamplesRequired", is(3.0)},
		{"cdn:AFDOriginGroup", "loadBalancingSettings.additionalLatencyInMilliseconds", is(50.0)},
		{"cdn:AFDOrigin", "enabledState", is("Enabled")},
		{"cdn:AFDOrigin", "httpsPort", is(443.0)},
		{"cdn:AFDOrigin", "originHostHeader", is("edge.example.azurecontainerapps.io")},
		{"front-door-route-origin", "priority", is(1.0)},
		{"front-door-route-origin-secondary", "priority", is(2.0)},
		{"cdn:AFDEndpoint", "enabledState", is("Enabled")},
		{"cdn:Route", "enabledState", is("Enabled")},
		{"cdn:Route", "patternsToMatch[]", is("/mqtt")},
		{"cdn:Route", "linkToDefaultDomain", is("Disabled")},
		{"network:Policy", "policySettings.enabledState", is("Enabled")},
		{"network:Policy", "policySettings.mode", is("Prevention")},
		{"network:Policy", "policySettings.customBlockResponseStatusCode", is(429.0)},
		{"network:Policy", "customRules.rules[].ruleType", is("RateLimitRule")},
		{"network:Policy", "customRules.rules[].action", is("Block")},
		{"network:Policy", "customRules.rules[].rateLimitThreshold", is(1000.0)},
		{"network:Policy", "customRules.rules[].rateLimitDurationInMinutes", is(1.0)},
		{"network:Policy", "customRules.rules[].matchConditions[].matchVariable", is("SocketAddr")},
		{"network:Policy", "sku.name", is("Standard_AzureFrontDoor")},
		{"cdn:SecurityPolicy", "parameters.associations[].patternsToMatch[]", is("/*")},
		{"cdn:AFDCustomDomain", "tlsSettings.certificateType", is("ManagedCertificate")},
		{"network:Profile", "trafficRoutingMethod", is("Priority")},
		{"network:Profile", "profileStatus", is("Enabled")},
		{"network:Profile", "dnsConfig.ttl", is(30.0)},
		{"network:Profile", "monitorConfig.protocol", is("TCP")},
		{"network:Profile", "monitorConfig.port", is(8883.0)},
		{"network:Profile", "monitorConfig.intervalInSeconds", is(10.0)},
		{"network:Profile", "monitorConfig.timeoutInSeconds", is(5.0)},
		{"network:Profile", "monitorConfig.toleratedNumberOfFailures", is(3.0)},
		{"network:Endpoint", "endpointStatus", is("Enabled")},
		{"network:Endpoint", "endpointType", is("ExternalEndpoints")},
		{"traffic-manager-primary", "priority", is(1.0)},
		{"traffic-manager-secondary", "priority", is(2.0)},
		{"network:RecordSet", "ttl", is(60.0)},
		{"network:Zone", "zoneType", is("Public")},
		{"endpoint-websocket", "recordType", is("CNAME")},
		{"endpoint-address", "recordType", is("A")},
		{"front-door-validation", "relativeRecordSetName", is("_dnsauth.ws")},
		{"front-door-validation", "recordType", is("TXT")},
		{"app:ManagedEnvironment", "vnetConfiguration.internal", is(false)},
	},
	"an address changes, or is none that a zone-redundant service takes": {
		{"network:PublicIPAddress", "publicIPAllocationMethod", is("Static")},
		{"network:PublicIPAddress", "publicIPAddressVersion", is("IPv4")},
		{"network:PublicIPAddress", "sku.name", is("Standard")},
		{"network:PublicIPAddress", "sku.tier", is("Regional")},
		{"network:NetworkInterface", "ipConfigurations[].privateIPAllocationMethod", is("Static")},
		{"network:NetworkInterface", "enableAcceleratedNetworking", is(true)},
	},
	"two versions of a node run at once, or a node that is well is restarted": {
		{"app:ContainerApp", "configuration.activeRevisionsMode", is("Single")},
		{"emqx-emqx-#", "template.scale.minReplicas", is(1.0)},
		{"emqx-emqx-#", "template.scale.maxReplicas", is(1.0)},
		{"emqx-emqx-#", "template.containers[].probes[].type", is("Startup", "Liveness", "Readiness")},
		{"emqx-emqx-#", "template.containers[].probes[].tcpSocket.port", is(18084.0)},
		{"emqx-emqx-#", "template.containers[].probes[].periodSeconds", is(30.0, 10.0, 5.0)},
		{"emqx-emqx-#", "template.containers[].probes[].failureThreshold", is(10.0, 6.0, 3.0)},
		{"emqx-emqx-#", "configuration.ingress.additionalPortMappings[].exposedPort",
			is(5369.0, 1883.0, 8083.0, 18083.0, 18084.0)},
		{"emqx-emqx-#", "configuration.ingress.additionalPortMappings[].targetPort",
			is(5369.0, 1883.0, 8083.0, 18083.0, 18084.0)},
		{"emqx-emqx-#", "configuration.ingress.targetPort", is(4370.0)},
		{"emqx-emqx-#", "configuration.ingress.exposedPort", is(4370.0)},
		{"emqx-emqx-#", "configuration.ingress.transport", is("tcp")},
		{"emqx-edge", "template.containers[].probes[].type", is("Startup", "Liveness", "Readiness")},
		{"emqx-edge", "template.containers[].probes[].tcpSocket.port", is(8882.0)},
		{"emqx-edge", "template.containers[].probes[].periodSeconds", is(1.0, 10.0, 5.0)},
		{"emqx-edge", "template.containers[].probes[].failureThreshold", is(30.0, 3.0, 3.0)},
		{"emqx-edge", "template.containers[].resources.memory", is("2Gi")},
		{"emqx-edge", "template.scale.rules[].custom.type", is("cpu")},
		{"emqx-edge", "template.scale.rules[].custom.metadata.value", is("70")},
		{"emqx-edge", "configuration.ingress.additionalPortMappings[].exposedPort", is(8883.0)},
		{"emqx-edge", "template.initContainers", is(nil)},
		{"emqx-edge", "configuration.secrets[].name", is("haproxy-cfg")},
		{"emqx-edge", "template.containers[].env[].name",
			is("CERTIFICATE_URL", "CLIENT_ID", "HOSTS", "CONFIG", "CERTIFICATE", "ADMIN_PORT", "TO_PEM")},
		{"emqx-edge", "template.containers[].env[].secretRef", is(nil)},
		{"emqx-collector", "template.scale.minReplicas", is(1.0)},
		{"emqx-collector", "template.scale.maxReplicas", is(1.0)},
		{"emqx-collector", "template.containers[].probes[].tcpSocket.port", is(13133.0)},
		{"emqx-collector", "configuration.ingress", is(nil)},
	},
	"a change of the rules reaches Redis late, twice, or never": {
		{"emqx-rules", "configuration.triggerType", is("Schedule")},
		{"emqx-rules", "configuration.scheduleTriggerConfig.cronExpression", is("*/5 * * * *")},
		{"emqx-rules", "configuration.scheduleTriggerConfig.parallelism", is(1.0)},
		{"emqx-rules", "configuration.scheduleTriggerConfig.replicaCompletionCount", is(1.0)},
		{"emqx-rules", "configuration.replicaTimeout", is(240.0)},
		{"emqx-admin", "configuration.triggerType", is("Manual")},
		{"emqx-admin", "configuration.manualTriggerConfig.parallelism", is(1.0)},
		{"emqx-admin", "configuration.replicaTimeout", is(300.0)},
		{"app:Job", "configuration.replicaRetryLimit", is(1.0)},
		{"cache:Database", "clusteringPolicy", is("EnterpriseCluster")},
		{"cache:Database", "accessKeysAuthentication", is("Enabled")},
		{"cache:Database", "port", is(10000.0)},
	},
	"a cluster loses its brokers at an upgrade, or cannot run them": {
		{"containerservice:ManagedCluster", "sku.tier", is("Standard")},
		{"containerservice:ManagedCluster", "oidcIssuerProfile.enabled", is(true)},
		{"containerservice:ManagedCluster", "securityProfile.workloadIdentity.enabled", is(true)},
		{"containerservice:ManagedCluster", "networkProfile.networkPlugin", is("azure")},
		{"containerservice:ManagedCluster", "networkProfile.networkPluginMode", is("overlay")},
		{"containerservice:ManagedCluster", "networkProfile.networkDataplane", is("cilium")},
		{"containerservice:ManagedCluster", "networkProfile.networkPolicy", is("cilium")},
		{"containerservice:ManagedCluster", "networkProfile.outboundType", is("userAssignedNATGateway")},
		{"containerservice:ManagedCluster", "networkProfile.loadBalancerSku", is("standard")},
		{"containerservice:ManagedCluster", "apiServerAccessProfile.privateDNSZone", is("none")},
		{"containerservice:ManagedCluster", "apiServerAccessProfile.enablePrivateClusterPublicFQDN", is(true)},
		{"containerservice:ManagedCluster", "autoUpgradeProfile.upgradeChannel", is("stable")},
		{"containerservice:ManagedCluster", "autoUpgradeProfile.nodeOSUpgradeChannel", is("NodeImage")},
		{"containerservice:ManagedCluster", "addonProfiles.{}.enabled", is(true)},
		{"containerservice:ManagedCluster", "addonProfiles.azurepolicy.enabled", is(true)},
		{"containerservice:ManagedCluster", "addonProfiles.azureKeyvaultSecretsProvider.config.enableSecretRotation",
			is("true")},
		{"containerservice:ManagedCluster", "addonProfiles.azureKeyvaultSecretsProvider.config.rotationPollInterval",
			is("2m")},
		{"containerservice:ManagedCluster", "addonProfiles.omsagent.config.useAADAuth", is("true")},
		{"containerservice:ManagedCluster", "agentPoolProfiles[].mode", is("System")},
		{"containerservice:ManagedCluster", "agentPoolProfiles[].type", is("VirtualMachineScaleSets")},
		{"containerservice:ManagedCluster", "agentPoolProfiles[].enableAutoScaling", is(true)},
		{"containerservice:ManagedCluster", "agentPoolProfiles[].maxCount", is(5.0)},
		{"containerservice:ManagedCluster", "agentPoolProfiles[].upgradeSettings.maxSurge", is("1")},
		{"containerservice:ManagedCluster", "agentPoolProfiles[].osDiskType", is("Managed")},
		{"containerservice:AgentPool", "mode", is("User")},
		{"containerservice:AgentPool", "enableAutoScaling", is(true)},
		{"containerservice:AgentPool", "osDiskType", is("Managed")},
		{"containerservice:AgentPool", "osType", is("Linux")},
		{"containerservice:AgentPool", "upgradeSettings.maxSurge", is("1")},
		{"containerservice:AgentPool", "nodeLabels.amora-sync/pool", is("broker")},
		{"containerservice:AgentPool", "nodeTaints[]", is("amora-sync/pool=broker:NoSchedule")},
		{"containerservice:MaintenanceConfiguration", "maintenanceWindow.schedule.weekly.dayOfWeek", is("Sunday")},
		{"containerservice:MaintenanceConfiguration", "maintenanceWindow.schedule.weekly.intervalWeeks", is(1.0)},
		{"containerservice:MaintenanceConfiguration", "maintenanceWindow.startTime", is("23:00")},
		{"containerservice:MaintenanceConfiguration", "maintenanceWindow.utcOffset", is("+00:00")},
		{"containerservice:MaintenanceConfiguration", "maintenanceWindow.durationHours", is(6.0)},
		{"hivemq-upgrade-window", "configName", is("aksManagedAutoUpgradeSchedule")},
		{"hivemq-image-window", "configName", is("aksManagedNodeOSUpgradeSchedule")},
		{"kubernetesconfiguration:Extension", "extensionType", is("microsoft.flux")},
		{"kubernetesconfiguration:Extension", "configurationSettings.useKubeletIdentity", is("true")},
		{"kubernetesconfiguration:Extension", "scope.cluster.releaseNamespace", is("flux-system")},
		{"kubernetesconfiguration:Extension", "releaseTrain", is("Stable")},
		{"kubernetesconfiguration:FluxConfiguration", "waitForReconciliation", is(true)},
		{"hivemq-configuration", "reconciliationWaitDuration", is("PT40M")},
		{"hivemq-backup-configuration", "reconciliationWaitDuration", is("PT20M")},
		{"kubernetesconfiguration:FluxConfiguration", "kustomizations.{}.prune", is(true)},
		{"kubernetesconfiguration:FluxConfiguration", "kustomizations.{}.force", is(false)},
		{"kubernetesconfiguration:FluxConfiguration", "kustomizations.{}.timeoutInSeconds", is(1200.0)},
		{"kubernetesconfiguration:FluxConfiguration", "azureBlob.syncIntervalInSeconds", is(120.0)},
		{"kubernetesconfiguration:FluxConfiguration", "azureBlob.managedIdentity.clientId", is("client-hivemq-nodes")},
		{"hivemq-configuration", "kustomizations.broker.wait", is(true)},
		{"hivemq-configuration", "kustomizations.operator.wait", is(true)},
		{"hivemq-configuration", "kustomizations.base.wait", is(true)},
		{"hivemq-configuration", "kustomizations.collector.wait", is(false)},
		{"hivemq-configuration", "kustomizations.operator.dependsOn[]", is("base")},
		{"hivemq-configuration", "kustomizations.broker.dependsOn[]", is("operator")},
		{"hivemq-backup-configuration", "kustomizations.snapshots.wait", is(true)},
		{"managedidentity:FederatedIdentityCredential", "audiences[]", is("api://AzureADTokenExchange")},
		{"hivemq-kubernetes", "identityProfile.kubeletidentity.clientId", is("client-hivemq-nodes")},
		{"hivemq-kubernetes", "identityProfile.kubeletidentity.objectId", is("principal-hivemq-nodes")},
	},
	"a node that never serves is a deployment that went well": {
		{"compute:VirtualMachineRunCommandByVirtualMachine", "treatFailureAsDeploymentFailure", is(true)},
		{"compute:VirtualMachineRunCommandByVirtualMachine", "timeoutInSeconds", is(5400.0)},
		{"compute:VirtualMachineRunCommandByVirtualMachine", "asyncExecution", is(false)},
	},
	"a machine is not patched, starts otherwise, or tells nothing when it does not start": {
		{"compute:VirtualMachine", "osProfile.linuxConfiguration.patchSettings.assessmentMode",
			is("AutomaticByPlatform")},
		{"compute:VirtualMachine", "osProfile.linuxConfiguration.patchSettings.automaticByPlatformSettings.rebootSetting",
			is("IfRequired")},
		{"compute:VirtualMachine", "osProfile.linuxConfiguration.provisionVMAgent", is(true)},
		{"compute:VirtualMachine", "osProfile.linuxConfiguration.ssh.publicKeys[].path",
			is("/home/amora/.ssh/authorized_keys")},
		{"compute:VirtualMachine", "diagnosticsProfile.bootDiagnostics.enabled", is(true)},
		{"compute:VirtualMachine", "storageProfile.imageReference.offer", is("ubuntu-24_04-lts")},
		{"compute:VirtualMachine", "storageProfile.osDisk.managedDisk.storageAccountType", is("Premium_LRS")},
		{"compute:VirtualMachineExtension", "type", is("AzureMonitorLinuxAgent")},
		{"compute:VirtualMachineExtension", "enableAutomaticUpgrade", is(true)},
		{"compute:VirtualMachineExtension", "autoUpgradeMinorVersion", is(true)},
	},
	"nobody can log in to the database, or nothing checks a password": {
		{"dbforpostgresql:Configuration", "configurationName", is("azure.extensions")},
		{"dbforpostgresql:Configuration", "value", is("PGCRYPTO")},
		{"dbforpostgresql:Configuration", "source", is("user-override")},
		{"dbforpostgresql:Database", "charset", is("UTF8")},
		{"random:index/randomPassword:RandomPassword", "length", is(32.0)},
		{"random:index/randomPassword:RandomPassword", "special", is(false)},
	},
	"somebody comes in who should not": {
		{"storage:StorageAccount", "defaultToOAuthAuthentication", is(true)},
		{"operationalinsights:Workspace", "features.disableLocalAuth", is(true)},
		{"operationalinsights:Workspace", "features.enableLogAccessUsingOnlyResourcePermissions", is(true)},
		{"network:BastionHost", "enableShareableLink", is(false)},
		{"network:BastionHost", "enableIpConnect", is(false)},
		{"network:VirtualNetworkLink", "registrationEnabled", is(false)},
		{"network-endpoints", "privateEndpointNetworkPolicies", is("Enabled")},
		{"cdn:Route", "httpsRedirect", is("Disabled")},
		{"resources:AzureCliScript", "cleanupPreference", is("OnSuccess")},
		{"resources:AzureCliScript", "retentionInterval", is("PT1H")},
	},
	"a service that was paid for, or needed, is not there": {
		{"network:BastionHost", "enableTunneling", is(true)},
		{"network:BastionHost", "sku.name", is("Standard")},
		{"network:VirtualNetworkPeering", "allowVirtualNetworkAccess", is(true)},
		{"network:NatGateway", "sku.name", is("Standard")},
		{"containerregistry:Registry", "sku.name", is("Standard")},
		{"cdn:Profile", "sku.name", is("Standard_AzureFrontDoor")},
		{"keyvault:Vault", "properties.sku.name", is("standard")},
		{"operationalinsights:Workspace", "sku.name", is("PerGB2018")},
		{"storage:StorageAccount", "kind", is("StorageV2")},
		{"storage:StorageAccount", "sku.name", is("Standard_LRS")},
		{"resources:AzureCliScript", "timeout", is("PT30M")},
	},
	"what happened is not in the logs, or nobody is told when it is over": {
		{"insights:DiagnosticSetting", "logAnalyticsDestinationType", is("Dedicated")},
		{"insights:DiagnosticSetting", "logs[].enabled", is(true)},
		{"hivemq-logs", "logs[].category",
			is("kube-audit-admin", "kube-apiserver", "kube-controller-manager", "cluster-autoscaler", "guard")},
		{"app:ManagedEnvironment", "appLogsConfiguration.destination", is("azure-monitor")},
		{"insights:Component", "ingestionMode", is("LogAnalytics")},
		{"insights:DataCollectionRule", "dataFlows[].destinations[]", is("workspace")},
		{"hivemq-collection-association", "associationName", is("ContainerInsightsExtension")},
		{"hivemq-collection", "dataSources.extensions[].extensionSettings.dataCollectionSettings.namespaceFilteringMode",
			is("Include")},
		{"hivemq-collection", "dataSources.extensions[].extensionSettings.dataCollectionSettings.interval", is("5m")},
		{"hivemq-collection", "dataSources.extensions[].extensionSettings.dataCollectionSettings.enableContainerLogV2",
			is(true)},
		{"vernemq-collection", "dataSources.performanceCounters[].samplingFrequencyInSeconds", is(300.0)},
		{"vernemq-collection", "dataSources.syslog[].logLevels[]",
			is("Warning", "Error", "Critical", "Alert", "Emergency",
				"Info", "Notice", "Warning", "Error", "Critical", "Alert", "Emergency")},
		{"insights:ScheduledQueryRule", "autoMitigate", is(true)},
		{"insights:ScheduledQueryRule", "skipQueryValidation", is(true)},
		{"insights:ScheduledQueryRule", "criteria.allOf[].operator", is("GreaterThan")},
		{"insights:ScheduledQueryRule", "criteria.allOf[].threshold", is(0.0)},
		{"insights:ScheduledQueryRule", "criteria.allOf[].timeAggregation", is("Count")},
		{"insights:ScheduledQueryRule", "criteria.allOf[].failingPeriods.minFailingPeriodsToAlert", is(1.0)},
		{"insights:ScheduledQueryRule", "criteria.allOf[].failingPeriods.numberOfEvaluationPeriods", is(1.0)},
		{"insights:MetricAlert", "autoMitigate", is(true)},
		{"insights:MetricAlert", "criteria.allOf[].criterionType", is("StaticThresholdCriterion")},
		{"insights:ActionGroup", "enabled", is(true)},
	},
}

// valuesAt are all values that a path leads to; nil stands for none.
func valuesAt(value any, path []string) []any {
	if len(path) == 0 {
		return []any{value}
	}
	key, isList := strings.CutSuffix(path[0], "[]")
	object, _ := value.(map[string]any)
	if key == "{}" {
		var found []any
		for _, v := range object {
			found = append(found, valuesAt(v, path[1:])...)
		}
		return found
	}
	if !isList {
		return valuesAt(object[key], path[1:])
	}
	elements, _ := object[key].([]any)
	var found []any
	for _, e := range elements {
		found = append(found, valuesAt(e, path[1:])...)
	}
	return found
}

func (s setting) applies(n node) bool {
	return s.of == n.kind || s.of == n.Type || s.of == n.plainName() || s.of == n.role()
}

// broken are the values of a resource that differ from a setting.
func (s setting) broken(n node) []any {
	have := valuesAt(n.in, strings.Split(s.path, "."))
	for i, v := range have {
		if text, ok := v.(string); ok {
			have[i] = strings.Replace(text, secondaryPrefix, "", 1)
		}
	}
	same := len(s.want) == len(have) && reflect.DeepEqual(have, s.want)
	if len(s.want) == 1 {
		same = !slices.ContainsFunc(have, func(v any) bool { return v != s.want[0] })
	}
	if same {
		return nil
	}
	return have
}

func TestWhatSomethingRestsOnIsSetAsItMustBe(t *testing.T) {
	used, set := map[string]bool{}, 0
	for name, resources := range shippedResources(t) {
		for _, n := range newEstate(resources) {
			for otherwise, group := range settings {
				for _, s := range group {
					if !s.applies(n) {
						continue
					}
					used[s.of+" "+s.path] = used[s.of+" "+s.path] || len(valuesAt(n.in, strings.Split(s.path, "."))) > 0
					if have := s.broken(n); have != nil {
						t.Errorf("%s: %s of %s is %v, not %v; otherwise %s", name, s.path, n.Name, have, s.want, otherwise)
					}
				}
			}
		}
	}
	for _, group := range settings {
		for _, s := range group {
			set++
			if !used[s.of+" "+s.path] {
				t.Errorf("no stack has %s of %s", s.path, s.of)
			}
		}
	}
	if len(used) != set {
		t.Errorf("%d settings, of which %d are different ones", set, len(used))
	}
}

// reference is an input that leads to another resource of the same region; "{}" is the resource's own name.
type reference struct{ of, path, to string }

// references are those of which another one would deploy as well, and be wrong.
var references = []reference{
	{"gateway-gateway", "gatewayIPConfigurations[].subnet.id", "gateway-subnet"},
	{"gateway-gateway", "frontendIPConfigurations[].publicIPAddress.id", "gateway-address"},
	{"gateway-gateway", "identity.userAssignedIdentities[]", "gateway-identity"},
	{"vernemq-balancer", "frontendIPConfigurations[].publicIPAddress.id", "vernemq-address"},
	{"vernemq-node-#", "storageProfile.dataDisks[].managedDisk.id", "{}-data"},
	{"vernemq-node-#", "networkProfile.networkInterfaces[].id", "{}-interface"},
	{"vernemq-node-#", "identity.userAssignedIdentities[]", "vernemq-identity"},
	{"vernemq-node-#-interface", "ipConfigurations[].subnet.id", "vernemq-subnet"},
	{"vernemq-node-#-collection", "dataCollectionRuleId", "vernemq-collection"},
	{"vernemq-node-#-agent", "settings.authentication.managedIdentity.identifier-value", "vernemq-identity"},
	{"bastion-host", "ipConfigurations[].subnet.id", "bastion-subnet"},
	{"bastion-host", "ipConfigurations[].publicIPAddress.id", "bastion-address"},
	{"hivemq-kubernetes", "agentPoolProfiles[].vnetSubnetID", "hivemq-subnet"},
	{"hivemq-kubernetes", "identity.userAssignedIdentities[]", "hivemq-control-plane"},
	{"hivemq-kubernetes", "identityProfile.kubeletidentity.resourceId", "hivemq-nodes"},
	{"hivemq-kubernetes", "addonProfiles.omsagent.config.logAnalyticsWorkspaceResourceID", "monitoring-workspace"},
	{"hivemq-collection-association", "resourceUri", "hivemq-kubernetes"},
	{"hivemq-pool#", "vnetSubnetID", "hivemq-subnet"},
	{"hivemq-subnet", "natGateway.id", "hivemq-nat"},
	{"vernemq-subnet", "natGateway.id", "vernemq-nat"},
	{"hivemq-nat", "publicIpAddresses[].id", "hivemq-nat-address"},
	{"vernemq-nat", "publicIpAddresses[].id", "vernemq-nat-address"},
	{"emqx-subnet", "networkSecurityGroup.id", "emqx-nsg"},
	{"hivemq-subnet", "networkSecurityGroup.id", "hivemq-nsg"},
	{"vernemq-subnet", "networkSecurityGroup.id", "vernemq-nsg"},
	{"gateway-subnet", "networkSecurityGroup.id", "gateway-nsg"},
	{"bastion-subnet", "networkSecurityGroup.id", "bastion-nsg"},
	{"network-database", "networkSecurityGroup.id", "network-database-nsg"},
	{"network-endpoints", "networkSecurityGroup.id", "network-endpoints-nsg"},
	{"network:PrivateEndpoint", "subnet.id", "network-endpoints"},
	{"network:VirtualNetworkLink", "virtualNetwork.id", "network-vnet"},
	{"vault-endpoint", "privateLinkServiceConnections[].privateLinkServiceId", "vault-vault"},
	{"rules-endpoint", "privateLinkServiceConnections[].privateLinkServiceId", "rules-redis"},
	{"storage-endpoint", "privateLinkServiceConnections[].privateLinkServiceId", "storage-account"},
	{"emqx-environment", "vnetConfiguration.infrastructureSubnetId", "emqx-subnet"},
	{"app:ContainerApp", "managedEnvironmentId", "emqx-environment"},
	{"app:Job", "environmentId", "emqx-environment"},
	{"app:ContainerApp", "identity.userAssignedIdentities[]", "emqx-identity"},
	{"app:Job", "identity.userAssignedIdentities[]", "emqx-identity"},
	{"database-server", "network.delegatedSubnetResourceId", "network-database"},
	{"registry-script", "identity.userAssignedIdentities[]", "registry-script-identity"},
	{"certificate-script", "identity.userAssignedIdentities[]", "certificate-script-identity"},
	{"front-door-route-route", "originGroup.id", "front-door-route-origins"},
	{"front-door-route-route", "customDomains[].id", "front-door-domain"},
	{"monitoring-insights", "workspaceResourceId", "monitoring-workspace"},
	{"monitoring-clients-insights", "workspaceResourceId", "monitoring-clients-workspace"},
	{"backup-#-item", "properties.policyId", "backup-#-policy"},
	{"insights:ScheduledQueryRule", "scopes[]", "monitoring-workspace"},
}

func TestEachResourceIsBesideWhatItBelongsTo(t *testing.T) {
	used := map[reference]bool{}
	for name, resources := range shippedResources(t) {
		for _, n := range newEstate(resources) {
			for _, r := range references {
				if !(setting{of: r.of}).applies(n) {
					continue
				}
				to := strings.NewReplacer("{}", n.plainName(), "#", number.FindString(n.plainName())).Replace(r.to)
				if n.secondary() {
					to = secondaryPrefix + to
				}
				for _, have := range valuesAt(n.in, strings.Split(r.path, ".")) {
					if used[r] = true; have != "/id/"+to {
						t.Errorf("%s: %s of %s is %v, not %s", name, r.path, n.Name, have, to)
					}
				}
			}
		}
	}
	for _, r := range references {
		if !used[r] {
			t.Errorf("no stack has %s of %s", r.path, r.of)
		}
	}
}

// held is a role by its name, who has it, and at what.
type held struct{ role, holder, scope string }

const teamsVault = "the team's vault"

var rolesHeld = map[string][]held{
	"certificate-script-role": {{"Key Vault Certificates Officer", "certificate-script-identity", "vault-vault"}},
	"registry-script-role": {{"Container Registry Data Importer and Data Reader", "registry-script-identity",
		"registry-registry"}},
	"emqx-pull-role":        {{"AcrPull", "emqx-identity", "registry-registry"}},
	"emqx-secrets-role":     {{"Key Vault Secrets User", "emqx-identity", "vault-vault"}},
	"emqx-certificate-role": {{"Key Vault Secrets User", "emqx-identity", teamsVault}},
	"gateway-certificate-role": {
		{"Key Vault Secrets User", "gateway-identity", "vault-vault"},
		{"Key Vault Secrets User", "gateway-identity", teamsVault},
	},
	"hivemq-backup-role":       {{"Disk Snapshot Contributor", "hivemq-control-plane", "hivemq-backup-group"}},
	"hivemq-manifests-role":    {{"Storage Blob Data Reader", "hivemq-nodes", "storage-account"}},
	"hivemq-network-role":      {{"Network Contributor", "hivemq-control-plane", "hivemq-subnet"}},
	"hivemq-nodes-role":        {{"Managed Identity Operator", "hivemq-control-plane", "hivemq-nodes"}},
	"hivemq-secrets-role":      {{"Key Vault Secrets User", "hivemq-pods", "vault-vault"}},
	"vernemq-certificate-role": {{"Key Vault Secrets User", "vernemq-identity", teamsVault}},
	"vernemq-files-role":       {{"Storage Blob Data Reader", "vernemq-identity", "storage-account"}},
	"vernemq-secrets-role":     {{"Key Vault Secrets User", "vernemq-identity", "vault-vault"}},
	"vernemq-shared-role":      {{"Storage Blob Data Contributor", "vernemq-identity", "vernemq-shared"}},
}

func TestEachRoleIsHeldByWhoNeedsItAtWhatItIsFor(t *testing.T) {
	seen := map[held]bool{}
	for name, resources := range shippedResources(t) {
		for _, n := range newEstate(resources).all("authorization:RoleAssignment") {
			definition := n.text("roleDefinitionId")
			inRegion := func(text, prefix string) string {
				own := prefix
				if n.secondary() {
					own += secondaryPrefix
				}
				return strings.TrimPrefix(text, own)
			}
			scope := inRegion(n.text("scope"), "/id/")
			if strings.HasPrefix(scope, "/subscriptions/") && strings.Contains(scope, "/Microsoft.KeyVault/vaults/") {
				scope = teamsVault
			}
			role := reviewedRoles[definition[strings.LastIndex(definition, "/")+1:]].name
			have := held{role, inRegion(n.text("principalId"), "principal-"), scope}
			if seen[have] = true; !slices.Contains(rolesHeld[n.plainName()], have) {
				t.Errorf("%s: %s is %+v, not one of %+v", name, n.Name, have, rolesHeld[n.plainName()])
			}
		}
	}
	for name, roles := range rolesHeld {
		for _, role := range roles {
			if !seen[role] {
				t.Errorf("no stack has %s: %+v", name, role)
			}
		}
	}
}

func TestASettingIsSeenToBreak(t *testing.T) {
	s := setting{"kind", "list[].value", is("a", "b")}
	for what, in := range map[string]map[string]any{
		"another value":  {"list": []any{map[string]any{"value": "a"}, map[string]any{"value": "c"}}},
		"another order":  {"list": []any{map[string]any{"value": "b"}, map[string]any{"value": "a"}}},
		"one fewer":      {"list": []any{map[string]any{"value": "a"}}},
		"one without it": {"list": []any{map[string]any{"value": "a"}, map[string]any{}}},
	} {
		if s.broken(node{kind: "kind", in: in, Resource: pulumitest.Resource{Name: "n"}}) == nil {
			t.Error(fmt.Sprint(what, " is not seen"))
		}
	}
	if (setting{"kind", "a.b", is("c")}).broken(node{kind: "kind", in: map[string]any{}}) == nil {
		t.Error("a value that is missing is not seen")
	}
}
