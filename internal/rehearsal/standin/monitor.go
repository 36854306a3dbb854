package standin

import (
	"encoding/json"
	"net/mail"
	"regexp"
	"strings"
	"time"
)

// insightsNaming is the rule for what is called as its owner likes: an alert, an action group.
var insightsNaming = naming{
	pattern: regexp.MustCompile(`^[^*#&+:<>?@%{}|/\\\pC]{0,259}[^*#&+:<>?@%{}|/\\\pC .]$`),
	rule:    "1 to 260 characters, none of * # & + : < > ? @ % { } | / \\, without a space or period at the end",
}

var monitorKinds = []*kind{
	{
		// Deleted, it can be recovered for 14 days, and one of the same name in the same group is it again: its name is
		// no obstacle.
		token: "operationalinsights:Workspace", arm: "Microsoft.OperationalInsights/workspaces",
		path: []string{"workspaceName"}, located: true, latency: 30 * time.Second,
		naming: naming{pattern: regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{2,61}[A-Za-z0-9]$`),
			rule: "4 to 63 letters, digits and hyphens, with no hyphen at either end"},
		enums: map[string][]string{
			"sku.name": {"PerGB2018", "CapacityReservation", "LACluster", "Free", "PerNode",
				"Premium", "Standalone", "Standard"},
			"publicNetworkAccessForIngestion": {"Enabled", "Disabled"}, "publicNetworkAccessForQuery": {"Enabled", "Disabled"},
		},
		check: checkWorkspace,
		compute: func(_ *World, r *Resource) map[string]any {
			return map[string]any{"customerId": guid(r.ID, "workspace"), "provisioningState": "Succeeded"}
		},
	},
	{
		token: "insights:Component", arm: "Microsoft.Insights/components",
		path: []string{"resourceName"}, located: true, required: []string{"kind"}, naming: insightsNaming,
		latency: 20 * time.Second,
		enums: map[string][]string{
			"applicationType": {"web", "other"},
			"ingestionMode": {"LogAnalytics", "ApplicationInsights",
				"ApplicationInsightsWithDiagnosticSettings"},
			"publicNetworkAccessForIngestion": {"Enabled", "Disabled"}, "publicNetworkAccessForQuery": {"Enabled", "Disabled"},
		},
		admit: admitComponent, compute: computeComponent,
	},
	{
		token: "insights:ActionGroup", arm: "Microsoft.Insights/actionGroups",
		path: []string{"actionGroupName"}, located: true, required: []string{"location", "groupShortName"},
		naming: insightsNaming, latency: 10 * time.Second,
		check: checkActionGroup, admit: admitActionGroup,
	},
	{
		token: "insights:Workbook", arm: "Microsoft.Insights/workbooks",
		path: []string{"resourceName"}, located: true, required: []string{"category", "displayName", "serializedData"},
		latency: 5 * time.Second, observes: true,
		naming: naming{pattern: guidPattern, rule: "a GUID", auto: autoGUID},
		enums:  map[string][]string{"kind": {"shared", "user"}},
		check:  checkWorkbook,
	},
}

func checkWorkspace(in props) []fault {
	var faults []fault
	if days := in.num("retentionInDays"); in.has("retentionInDays") && days != 0 && (days < 30 || days > 730) {
		faults = append(faults, fault{"retentionInDays", "must be 30 to 730 days"})
	}
	if quota := in.num("workspaceCapping.dailyQuotaGb"); in.has("workspaceCapping.dailyQuotaGb") && quota != -1 &&
		quota <= 0 {
		faults = append(faults, fault{"workspaceCapping", "dailyQuotaGb must be above 0, or -1 for no limit"})
	}
	return faults
}

// isOfType tells whether an id is one of a type's.
func isOfType(id, arm string) bool { return strings.EqualFold(typeOf(id), arm) }

func isWorkspace(id string) bool { return isOfType(id, "Microsoft.OperationalInsights/workspaces") }

func admitComponent(_ *World, r, _ *Resource) error {
	workspace := r.in().str("workspaceResourceId")
	if mode := r.in().str("ingestionMode"); workspace == "" && (mode == "" || mode == "LogAnalytics") {
		return refusal("BadRequest",
			"WorkspaceResourceId is required for the component '%s': classic Application Insights resources can't be "+
				"created any more.",
			r.name())
	}
	if workspace != "" && !isWorkspace(workspace) {
		return refusal("BadRequest", "Invalid workspace resource id '%s' for the component '%s'.", workspace, r.name())
	}
	return nil
}

func computeComponent(w *World, r *Resource) map[string]any {
	key, app, region := guid(r.ID, "instrumentation"), guid(r.ID, "application"), locationOf(w, r)
	return map[string]any{
		"instrumentationKey": key, "appId": app, "applicationId": r.name(), "provisioningState": "Succeeded",
		"tenantId": SubscriptionID,
		"connectionString": "InstrumentationKey=" + key + ";IngestionEndpoint=https://" + region +
			"-1.in.applicationinsights.azure.com/" +
			";LiveEndpoint=https://" + region + ".livediagnostics.monitor.azure.com/;ApplicationId=" + app,
	}
}

func checkActionGroup(in props) []fault {
	faults := global(in)
	if name := in.str("groupShortName"); len(name) > 12 {
		faults = append(faults, fault{"groupShortName", "'" + name + "' is longer than 12 characters"})
	}
	return faults
}

func admitActionGroup(_ *World, r, _ *Resource) error {
	taken := map[string]bool{}
	for _, receiver := range r.in().objects("emailReceivers") {
		name, address := receiver.str("name"), receiver.str("emailAddress")
		if name == "" || taken[strings.ToLower(name)] {
			return refusal("ReceiverNameNotUnique",
				"The receiver name '%s' of the action group '%s' is missing or used more than once. Receiver names must be "+
					"unique within an action group.", name, r.name())
		}
		taken[strings.ToLower(name)] = true
		if parsed, err := mail.ParseAddress(address); err != nil || parsed.Address != address {
			return refusal("InvalidEmailAddress", "The email address '%s' of the receiver '%s' is not valid.", address, name)
		}
	}
	return nil
}

// checkWorkbook holds that the content is a workbook's, so far as it can be told outside of the portal.
func checkWorkbook(in props) []fault {
	content := in.str("serializedData")
	if content == "" {
		return nil
	}
	var workbook struct {
		Version string
		Items   []json.RawMessage
	}
	if err := json.Unmarshal([]byte(content), &workbook); err != nil {
		return []fault{{"serializedData", "is no JSON: " + err.Error()}}
	}
	if workbook.Version != "Notebook/1.0" || workbook.Items == nil {
		return []fault{{"serializedData", "is no workbook: it needs the version 'Notebook/1.0' and a list of items"}}
	}
	return nil
}
