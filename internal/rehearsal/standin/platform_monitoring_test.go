package standin

import (
	"fmt"
	"strings"
	"testing"
)

const (
	workspaceID = inGroup + "Microsoft.OperationalInsights/workspaces/log-amora"
	componentID = inGroup + "Microsoft.Insights/components/appi-amora"
	peopleID    = inGroup + "Microsoft.Insights/actionGroups/people"
	ruleID      = inGroup + "Microsoft.Insights/dataCollectionRules/machines"
	gatewayID   = inGroup + "Microsoft.Network/applicationGateways/gateway"
	serverID    = inGroup + "Microsoft.DBforPostgreSQL/flexibleServers/pg-amora"
)

func logs(name, resource string, inputs m) part {
	inputs["resourceUri"], inputs["name"], inputs["workspaceId"] = resource, "logs", workspaceID
	return part{name, "azure-native:insights/v20210501preview:DiagnosticSetting", inputs}
}

func group(name string) m    { return m{"categoryGroup": name, "enabled": true} }
func category(name string) m { return m{"category": name, "enabled": true} }

func criterion(metric string) m {
	return m{"name": "first", "criterionType": "StaticThresholdCriterion", "metricName": metric,
		"operator": "GreaterThan", "threshold": 80, "timeAggregation": "Average", "dimensions": l{}}
}

// monitoringParts are what a stack tells about itself with, and its directory, on top of the others.
func monitoringParts() []part {
	return []part{
		{"workspace", "azure-native:operationalinsights:Workspace",
			at(m{"workspaceName": "log-amora", "sku": m{"name": "PerGB2018"}, "retentionInDays": 30,
				"workspaceCapping": m{"dailyQuotaGb": 0.5}})},
		{"component", "azure-native:insights:Component",
			at(m{"resourceName": "appi-amora", "kind": "web", "applicationType": "web", "workspaceResourceId": workspaceID})},
		{"people", "azure-native:insights:ActionGroup",
			at(m{"actionGroupName": "people", "location": "Global", "enabled": true, "groupShortName": "amora",
				"emailReceivers": l{m{"name": "on call", "emailAddress": "oncall@example.com"}}})},
		{"cpu", "azure-native:insights:MetricAlert",
			at(m{"ruleName": "cpu", "location": "global", "enabled": true, "severity": 2, "evaluationFrequency": "PT5M",
				"windowSize": "PT15M",
				"scopes":     l{serverID}, "targetResourceType": "Microsoft.DBforPostgreSQL/flexibleServers",
				"criteria": m{"odataType": singleResource, "allOf": l{criterion("cpu_percent")}},
				"actions":  l{m{"actionGroupId": peopleID}}})},
		{"silence", "azure-native:insights/v20231201:ScheduledQueryRule",
			at(m{"ruleName": "silence", "enabled": true, "severity": 1, "evaluationFrequency": "PT5M", "windowSize": "PT10M",
				"scopes": l{componentID}, "actions": m{"actionGroups": l{peopleID}},
				"criteria": m{"allOf": l{m{"query": "customMetrics | where name == 'mqtt.nodes.running'",
					"operator": "LessThan", "threshold": 1, "timeAggregation": "Count",
					"failingPeriods": m{"numberOfEvaluationPeriods": 3, "minFailingPeriodsToAlert": 2}}}}})},
		logs("vault logs", vaultID, m{"logs": l{group("allLogs")}, "metrics": l{category("AllMetrics")}}),
		logs("blob logs", storageID+"/blobServices/default", m{"logs": l{category("StorageWrite")}}),
		{"collection", "azure-native:insights:DataCollectionRule", at(m{"dataCollectionRuleName": "machines", "kind": "Linux",
			"dataSources": m{"syslog": l{m{"name": "syslog", "streams": l{"Microsoft-Syslog"},
				"facilityNames": l{"daemon"}, "logLevels": l{"Warning"}}}},
			"destinations": m{"logAnalytics": l{m{"name": "workspace", "workspaceResourceId": workspaceID}}},
			"dataFlows":    l{m{"streams": l{"Microsoft-Syslog"}, "destinations": l{"workspace"}}}})},
		{"agent", "azure-native:compute:VirtualMachineExtension",
			at(m{"vmName": "vm-0", "vmExtensionName": "agent", "publisher": "Microsoft.Azure.Monitor",
				"type":               "AzureMonitorLinuxAgent",
				"typeHandlerVersion": "1.33",
				"settings": m{"authentication": m{"managedIdentity": m{"identifier-name": "mi_res_id",
					"identifier-value": identityID + "reader"}}}})},
		{"association", "azure-native:insights:DataCollectionRuleAssociation",
			m{"resourceUri": machineID, "associationName": "machines", "dataCollectionRuleId": ruleID}},
		{"workbook", "azure-native:insights:Workbook",
			at(m{"resourceName": guid("workbook"), "category": "workbook", "displayName": "MQTT",
				"sourceId": workspaceID, "kind": "shared",
				"serializedData": `{"version": "Notebook/1.0", "items": []}`})},
		{"directory", "azure-native:azureactivedirectory:B2CTenant",
			at(m{"resourceName": "amora.onmicrosoft.com", "location": "Europe", "countryCode": "DE", "displayName": "Amora",
				"sku": m{"name": "PremiumP1", "tier": "A0"}})},
	}
}

func TestWhatMonitoringRefusesIsRefused(t *testing.T) {
	edit := func(path string, value any) func(part) part { return func(p part) part { return p.with(path, value) } }
	receivers := func(receivers ...any) func(part) part { return edit("emailReceivers", l(receivers)) }
	// metric and condition change the one criterion of an alert.
	metric := func(property string, value any) func(part) part {
		return edit("criteria.allOf", l{with(criterion("cpu_percent"), property, value)})
	}
	condition := func(path string, value any) func(part) part {
		return func(p part) part {
			first := part{inputs: p.inputs["criteria"].(m)["allOf"].(l)[0].(m)}
			return p.with("criteria.allOf", l{first.with(path, value).inputs})
		}
	}
	dynamic := func(operator string, least, of int) func(part) part {
		return edit("criteria.allOf",
			l{with(with(with(criterion("cpu_percent"), "criterionType", "DynamicThresholdCriterion"), "operator", operator),
				"failingPeriods", m{"minFailingPeriodsToAlert": least, "numberOfEvaluationPeriods": of})})
	}
	source := func(property string, value any) func(part) part {
		return func(p part) part {
			first := p.inputs["dataSources"].(m)["syslog"].(l)[0].(m)
			return p.with("dataSources.syslog", l{with(first, property, value)})
		}
	}
	flow := func(property string, value any) func(part) part {
		return func(p part) part {
			return p.with("dataFlows", l{with(p.inputs["dataFlows"].(l)[0].(m), property, value)})
		}
	}
	refuses(t, []refused{
		{"a workspace of three letters", "workspace", edit("workspaceName", "log"), "4 to 63"},
		{"a workspace that forgets after a week", "workspace", edit("retentionInDays", 7), "30 to 730"},
		{"a workspace that forgets after three years", "workspace", edit("retentionInDays", 1095), "30 to 730"},
		{"a workspace that takes nothing", "workspace", edit("workspaceCapping.dailyQuotaGb", 0), "above 0"},
		{"another sku of a workspace", "workspace", edit("sku.name", "Basic"), "is not one of PerGB2018"},
		{"a component in no workspace", "component", edit("workspaceResourceId", nil), "WorkspaceResourceId is required"},
		{"a component in a vault", "component", edit("workspaceResourceId", vaultID), "Invalid workspace resource id"},
		{"a component in a workspace that there is not", "component", edit("workspaceResourceId", workspaceID+"2"),
			"InvalidResourceReference"},
		{"a short name that is long", "people", edit("groupShortName", "amora-on-call"), "longer than 12"},
		{"people in a region", "people", edit("location", "westeurope"), "only location is 'global'"},
		{"two receivers of one name", "people",
			receivers(m{"name": "a", "emailAddress": "a@example.com"}, m{"name": "A", "emailAddress": "b@example.com"}),
			"ReceiverNameNotUnique"},
		{"a receiver with no address", "people", receivers(m{"name": "a", "emailAddress": "On call <a@example.com>"}),
			"InvalidEmailAddress"},
		{"a workbook with a name of its own", "workbook", edit("resourceName", "mqtt"), "a GUID"},
		{"a workbook that is no JSON", "workbook", edit("serializedData", "{"), "is no JSON"},
		{"a workbook of another kind", "workbook", edit("serializedData", `{"version": "Dashboard/1.0", "items": []}`),
			"Notebook/1.0"},
		{"a workbook of nothing", "workbook", edit("serializedData", `{"version": "Notebook/1.0"}`), "a list of items"},

		{"an alert in a region", "cpu", edit("location", "westeurope"), "only location is 'global'"},
		{"an alert of severity 5", "cpu", edit("severity", 5), "0 to 4"},
		{"an alert over ten minutes", "cpu", edit("windowSize", "PT10M"), "is not one of PT1M, PT5M, PT15M"},
		{"an alert that looks less often than back", "cpu", edit("evaluationFrequency", "PT30M"),
			"not be longer than windowSize"},
		{"an alert on nothing", "cpu", edit("scopes", l{}), "has no scopes"},
		{"an alert on what there is not", "cpu", edit("scopes", l{serverID + "2"}), "InvalidResourceReference"},
		{"an alert on two types", "cpu", edit("scopes", l{serverID, vaultID}), "must all be of the same resource type"},
		{"an alert of another type than its scope's", "cpu", edit("targetResourceType", "Microsoft.KeyVault/vaults"),
			"is not the type of its scopes"},
		{"an alert on two gateways by criteria for one", "",
			func(part) part { return onTwo(planned(t, "cpu"), singleResource) }, "more than one scope"},
		{"an alert on two gateways in no region", "",
			func(part) part { return onTwo(planned(t, "cpu"), multipleResource) }, "targetResourceRegion"},
		{"an alert that calls a vault", "cpu", edit("actions", l{m{"actionGroupId": vaultID}}), "action group id"},
		{"an alert without criteria", "cpu", edit("criteria.allOf", l{}), "1 to 5 criteria"},
		{"two criteria of one name", "cpu", edit("criteria.allOf", l{criterion("cpu_percent"), criterion("iops")}),
			"used more than once"},
		{"a metric that the type has not", "cpu", metric("metricName", "cpu_percentage"),
			"Couldn't find a metric named cpu_percentage."},
		{"a metric that nothing was sent to so far", "cpu", metric("metricNamespace", "azure.applicationinsights"),
			"skipMetricValidation"},
		{"a dimension that the metric has not", "cpu",
			metric("dimensions", l{m{"name": "DatabaseName", "operator": "Include", "values": l{"mqtt"}}}),
			"is not a dimension of the metric 'cpu_percent'"},
		{"an operator that there is not", "cpu", metric("operator", "Above"), "The operator 'Above'"},
		{"an aggregation that there is not", "cpu", metric("timeAggregation", "Median"), "time aggregation 'Median'"},
		{"an operator of fixed thresholds for one that moves", "cpu", dynamic("GreaterThanOrEqual", 2, 4),
			"GreaterOrLessThan"},
		{"more failing periods than there are", "cpu", dynamic("GreaterThan", 5, 4), "5 of 4"},

		{"a query of severity 5", "silence", edit("severity", 5), "0 to 4"},
		{"a query that is asked less often than it looks back", "silence", edit("evaluationFrequency", "PT15M"),
			"not be longer than windowSize"},
		{"a query every two minutes", "silence", edit("evaluationFrequency", "PT2M"), "is not one of PT1M"},
		{"a query at two places", "silence", edit("scopes", l{componentID, workspaceID}), "one scope and one condition"},
		{"a query of no severity", "silence", edit("severity", nil), "a severity"},
		{"a query that is muted and ends by itself", "silence",
			func(p part) part { return p.with("autoMitigate", true).with("muteActionsDuration", "PT1H") },
			"both autoMitigate and muteActionsDuration"},
		{"a query that calls a vault", "silence", edit("actions.actionGroups", l{vaultID}), "action group id"},
		{"a query that calls people that there are not", "silence", edit("actions.actionGroups", l{peopleID + "2"}),
			"InvalidResourceReference"},
		{"an empty query", "silence", condition("query", " "), "can't be empty"},
		{"a query without a threshold", "silence", condition("threshold", nil), "and a threshold"},
		{"a query that measures nothing", "silence", condition("timeAggregation", "Average"), "metricMeasureColumn"},
		{"a query with more failing periods than there are", "silence",
			condition("failingPeriods.minFailingPeriodsToAlert", 4), "1 to that, not 3 and 4"},
		{"a query over three days", "silence", func(p part) part { return p.with("windowSize", "P1D") },
			"more than 48 hours"},
		{"a query over a table that is to come", "silence",
			condition("query", "ContainerAppConsoleLogs_CL | where true"), "expression named 'ContainerAppConsoleLogs_CL'"},

		{"logs of what there is not", "vault logs", edit("resourceUri", vaultID+"2"), "ResourceNotFound"},
		{"logs of a disk", "vault logs", edit("resourceUri", diskID),
			"'microsoft.compute/disks' does not support diagnostic settings"},
		{"logs of people", "vault logs", edit("resourceUri", peopleID), "does not support diagnostic settings"},
		{"a category that a vault has not", "vault logs", edit("logs", l{category("SignInLogs")}),
			"Category 'SignInLogs' is not supported."},
		{"a group that a gateway has not", "vault logs",
			func(p part) part { return p.with("resourceUri", gatewayID).with("logs", l{group("audit")}) },
			"Category group 'audit' is not supported."},
		{"logs of what has metrics only", "vault logs", edit("resourceUri", machineID),
			"Category group 'allLogs' is not supported."},
		{"metrics of a security group", "vault logs", edit("resourceUri", bastionNSG),
			"Metric category 'AllMetrics' is not supported."},
		{"a category and its group at once", "vault logs",
			edit("logs", l{m{"category": "AuditEvent", "categoryGroup": "audit", "enabled": true}}),
			"either a category or a category group"},
		{"logs that go nowhere", "vault logs", edit("workspaceId", nil), "At least one data sink"},
		{"logs that go to a vault", "vault logs", edit("workspaceId", vaultID), "not a valid Log Analytics workspace"},
		{"logs that go to a workspace twice", "", func(part) part {
			return planned(t, "vault logs").with("name", "again").with("logs", l{category("auditevent")})
		}, "is already used in diagnostic setting 'logs' for category 'auditevent'"},
		{"metrics that go to a workspace twice", "",
			func(part) part { return planned(t, "vault logs").with("name", "again").with("logs", nil) },
			"for category 'AllMetrics'"},

		{"a destination that is a vault", "collection",
			edit("destinations.logAnalytics", l{m{"name": "workspace", "workspaceResourceId": vaultID}}), "is no workspace"},
		{"a rule in another region than its workspace", "collection", edit("location", "northeurope"), "in another region"},
		{"a rule of no flows", "collection", edit("dataFlows", l{}), "at least one item"},
		{"a flow from nowhere", "collection", flow("streams", nil), "must have streams and destinations"},
		{"a flow to where is not declared", "collection", flow("destinations", l{"other"}), "'other' is not declared"},
		{"a flow of what nothing gives", "collection", flow("streams", l{"Microsoft-Perf"}), "is none of the data sources'"},
		{"a source of no name", "collection", source("name", nil), "missing or used more than once"},
		{"a source of a stream that there is not", "collection", source("streams", l{"Custom-Mqtt"}),
			"neither one of Azure's nor declared"},
		{"a facility that there is not", "collection", source("facilityNames", l{"mqtt"}), "[mqtt]"},
		{"a level that there is not", "collection", source("logLevels", l{"Warn"}), "[Warn]"},
		{"an association with nothing", "association", edit("dataCollectionRuleId", nil), "neither a dataCollectionRuleId"},
		{"an association with a workspace", "association", edit("dataCollectionRuleId", workspaceID),
			"is no data collection rule"},
		{"an association of what there is not", "association", edit("resourceUri", machineID+"2"), "ResourceNotFound"},
		{"an agent with an identity that is not its machine's", "agent",
			edit("settings.authentication.managedIdentity.identifier-value", identityID+"nodes"), "finds no managed identity"},
		{"an agent with an identity by another word", "agent",
			edit("settings.authentication.managedIdentity.identifier-name", "id"), "finds no managed identity"},
		{"a cluster with an agent and no workspace", "aks",
			edit("addonProfiles", m{"omsagent": m{"enabled": true, "config": m{"useAADAuth": "true"}}}),
			"omsagent.config.logAnalyticsWorkspaceResourceID is invalid"},

		{"a directory of another domain", "directory", edit("resourceName", "amora.example.com"), ".onmicrosoft.com"},
		{"a directory in a region", "directory", edit("location", "westeurope"), "is not one of United States, Europe"},
		{"a directory of a country in words", "directory", edit("countryCode", "Germany"), "two capital letters"},
		{"a directory in another tier", "directory", edit("sku.tier", "A1"), "is not one of A0"},
	})
}

// onTwo is an alert on two gateways.
func onTwo(alert part, criteria string) part {
	return alert.with("ruleName", "two").with("scopes", l{gatewayID, gatewayID}).with("targetResourceType", nil).
		with("criteria", m{"odataType": criteria, "allOf": l{criterion("FailedRequests")}})
}

func TestAlertsOnMetricsOfOtherKindsAreTaken(t *testing.T) {
	r := rehearse(t, Faults{})
	r.upTo("")
	alert := planned(t, "cpu")
	for i, scope := range []struct{ id, metric string }{
		{inGroup + "Microsoft.Cache/redis/classic-amora", "allusedmemorypercentage"},
		{inGroup + "Microsoft.Cache/redisEnterprise/redis-amora", "usedmemorypercentage"},
		{gatewayID, "UnhealthyHostCount"}, {balancerID, "DipAvailability"}, {profileID, "OriginHealthPercentage"},
		{vaultID, "Availability"},
		{machineID, "whatever a machine has"},
	} {
		p := alert.with("ruleName", fmt.Sprint("alert", i)).with("scopes", l{scope.id}).with("targetResourceType", nil).
			with("criteria.allOf", l{criterion(scope.metric)})
		if _, err := r.create(p); err != nil {
			t.Errorf("%s: %v", scope.metric, err)
		}
	}
	custom := with(with(criterion("mqtt.nodes.running"), "metricNamespace", "azure.applicationinsights"),
		"skipMetricValidation", true)
	r.mustCreate(alert.with("ruleName", "custom").with("scopes", l{componentID}).with("targetResourceType", nil).
		with("criteria.allOf", l{custom}))
	perDatabase := with(criterion("deadlocks"), "dimensions",
		l{m{"name": "databasename", "operator": "Include", "values": l{"*"}}})
	r.mustCreate(alert.with("ruleName", "deadlocks").with("criteria.allOf", l{perDatabase}))
	r.mustCreate(alert.with("ruleName", "group").with("scopes", l{subscriptionScope}).
		with("criteria.odataType", multipleResource).with("targetResourceRegion", "westeurope"))
}

func TestQueriesOfOtherKindsAreTaken(t *testing.T) {
	r := rehearse(t, Faults{})
	r.upTo("silence")
	p := planned(t, "silence")
	condition := p.inputs["criteria"].(m)["allOf"].(l)[0].(m)
	toCome := p.with("criteria.allOf", l{with(condition, "query", "Mqtt_CL | count")}).with("skipQueryValidation", true)
	once := p.with("criteria.allOf", l{with(condition, "failingPeriods", nil)})
	metric := p.with("kind", "LogToMetric").with("severity", nil).with("criteria.allOf", l{m{"metricName": "nodes"}})
	for i, rule := range []part{toCome, once, metric} {
		r.mustCreate(rule.with("ruleName", fmt.Sprint("rule", i)))
	}
}

func TestAMachinesCountersGoToAzureMonitorItselfToo(t *testing.T) {
	r := rehearse(t, Faults{})
	r.upTo("collection")
	r.mustCreate(planned(t, "collection").with("destinations.azureMonitorMetrics", m{"name": "metrics"}).
		with("dataSources.performanceCounters", l{m{"name": "counters", "streams": l{"Microsoft-InsightsMetrics"}}}).
		with("dataFlows", l{m{"streams": l{"Microsoft-InsightsMetrics"}, "destinations": l{"metrics", "workspace"}}}))
}

func TestWhatIsOnlyWatchedIsDeletedAllTheSame(t *testing.T) {
	r := rehearse(t, Faults{})
	made := r.upTo("")
	alert := planned(t, "cpu").with("ruleName", "address").with("scopes", l{addressID + "spare"}).
		with("targetResourceType", nil)
	made["spare"] = r.mustCreate(address("spare"))
	r.mustCreate(alert)
	for _, name := range []string{"spare", "workspace"} {
		if err := r.delete(made[name].ID); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r.world.find(inGroup+"Microsoft.Insights/metricAlerts/address") == nil {
		t.Error("the alert went with what it watches")
	}
}

func TestADeletedWorkspaceIsMadeAgain(t *testing.T) {
	r := rehearse(t, Faults{})
	workspace := r.upTo("")["workspace"].ID
	if err := r.delete(workspace); err != nil {
		t.Fatal(err)
	}
	r.mustCreate(planned(t, "workspace"))
}

func TestSettingsGoWithTheirResource(t *testing.T) {
	r := rehearse(t, Faults{})
	made := r.upTo("directory")
	for gone, resource := range map[string]string{"vault logs": "vault", "blob logs": "storage",
		"association": "machine"} {
		if err := r.delete(made[resource].ID); err != nil {
			t.Fatal(err)
		}
		if r.world.find(string(made[gone].ID)) != nil {
			t.Errorf("the %s are left", gone)
		}
	}
}

func TestAResourceHasFiveSettingsAndNoMore(t *testing.T) {
	r := rehearse(t, Faults{})
	r.upTo("blob logs")
	again := func(i int) part {
		other := planned(t, "workspace").with("workspaceName", fmt.Sprint("log-amora-", i))
		r.mustCreate(other)
		return planned(t, "vault logs").with("name", fmt.Sprint("logs", i)).
			with("workspaceId", fmt.Sprint(workspaceID, "-", i))
	}
	for i := 2; i <= 5; i++ {
		r.mustCreate(again(i))
	}
	if _, err := r.create(again(6)); err == nil ||
		!strings.Contains(err.Error(), "The limit of 5 diagnostic settings was reached") {
		t.Errorf("got %v", err)
	}
}

func TestACategoryThatIsOffIsFreeForAnotherSetting(t *testing.T) {
	r := rehearse(t, Faults{})
	r.upTo("vault logs")
	off := l{m{"category": "AllMetrics", "enabled": false}}
	r.mustCreate(planned(t, "vault logs").with("metrics", off).
		with("logs", l{m{"category": "AuditEvent", "enabled": false}, category("AzurePolicyEvaluationDetails")}))
	r.mustCreate(planned(t, "vault logs").with("name", "audit").with("logs", l{group("audit")})) // and with the metrics
}

func TestACollectionRuleInUseIsNotDeleted(t *testing.T) {
	r := rehearse(t, Faults{})
	made := r.upTo("")
	if err := r.delete(made["collection"].ID); err == nil || !strings.Contains(err.Error(), "has associations") {
		t.Errorf("got %v", err)
	}
	if err := r.delete(made["association"].ID); err != nil {
		t.Fatal(err)
	}
	if err := r.delete(made["collection"].ID); err != nil {
		t.Error(err)
	}
}

func TestAnAgentNeedsNoChoiceWhereThereIsNone(t *testing.T) {
	for sentence, c := range map[string]struct {
		identity any
		want     bool
	}{
		"one of the machine's": {m{"type": "UserAssigned", "userAssignedIdentities": l{identityID + "reader"}}, true},
		"the machine's own":    {m{"type": "SystemAssigned"}, true},
		"one of two": {m{"type": "UserAssigned",
			"userAssignedIdentities": l{identityID + "reader", identityID + "nodes"}}, false},
		"none": {nil, false},
		"the own one beside two": {m{"type": "SystemAssigned, UserAssigned",
			"userAssignedIdentities": l{identityID + "reader", identityID + "nodes"}}, true},
	} {
		r := rehearse(t, Faults{})
		r.upTo("machine")
		r.mustCreate(planned(t, "machine").with("identity", c.identity))
		if _, err := r.create(planned(t, "agent").with("settings", nil)); (err == nil) != c.want {
			t.Errorf("%s: got %v", sentence, err)
		}
	}
}

func TestMonitoringComputesItsKeysAndAddresses(t *testing.T) {
	r := rehearse(t, Faults{})
	made := r.upTo("")
	out := func(name string) props { return plainMap(made[name].Properties) }
	key := out("component").str("instrumentationKey")
	connection := out("component").str("connectionString")
	if !guidPattern.MatchString(key) ||
		!strings.HasPrefix(connection, "InstrumentationKey="+key+";IngestionEndpoint=https://westeurope-") {
		t.Errorf("the component is %q", connection)
	}
	for _, c := range []struct{ part, path string }{{"component", "appId"}, {"workspace", "customerId"},
		{"directory", "tenantId"}} {
		if got := out(c.part).str(c.path); !guidPattern.MatchString(got) {
			t.Errorf("%s: %s is %q", c.part, c.path, got)
		}
	}
	if got := out("directory").str("location"); got != "Europe" {
		t.Errorf("the directory is in %q", got)
	}
	if got := out("collection").str("immutableId"); !strings.HasPrefix(got, "dcr-") {
		t.Errorf("the rule is %q", got)
	}
}
