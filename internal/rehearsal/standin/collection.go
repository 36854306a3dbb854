package standin

import (
	"maps"
	"slices"
	"strings"
	"time"
)

var collectionKinds = []*kind{
	{
		token: "insights:DataCollectionRule", arm: "Microsoft.Insights/dataCollectionRules",
		path: []string{"dataCollectionRuleName"}, located: true, naming: insightsNaming, latency: 15 * time.Second,
		enums: map[string][]string{"kind": {"Linux", "Windows"}},
		admit: admitCollection,
		compute: func(_ *World, r *Resource) map[string]any {
			return map[string]any{"immutableId": "dcr-" + digest(r.ID, "rule")[:32], "provisioningState": "Succeeded"}
		},
		release: func(w *World, r *Resource) error {
			if user := w.userOf(r.ID, "insights:DataCollectionRuleAssociation", ""); user != nil {
				return refusal("BadRequest",
					"Data collection rule '%s' can't be deleted, since it has associations: %s. Delete the associations first.",
					r.name(), user.ID)
			}
			return nil
		},
	},
	{
		token: "insights:DataCollectionRuleAssociation", arm: "Microsoft.Insights/dataCollectionRuleAssociations",
		path: []string{"resourceUri", "associationName"}, scope: "resourceUri", naming: insightsNaming.copied(),
		latency:  10 * time.Second,
		identify: atScope("Microsoft.Insights/dataCollectionRuleAssociations", "resourceUri", "associationName"),
		admit:    admitAssociation, compute: provisioned,
	},
}

// admitCollection holds that data flows from streams that there are to destinations that there are.
func admitCollection(w *World, r, _ *Resource) error {
	destinations, err := destinationsOf(w, r)
	if err != nil {
		return err
	}
	streams, err := streamsOf(r)
	if err != nil {
		return err
	}
	flows := r.in().objects("dataFlows")
	if len(flows) == 0 {
		return invalidCollection(r, "'dataFlows' must have at least one item")
	}
	for _, flow := range flows {
		if len(flow.texts("streams")) == 0 || len(flow.texts("destinations")) == 0 {
			return invalidCollection(r, "a data flow must have streams and destinations")
		}
		for _, name := range flow.texts("destinations") {
			if !slices.Contains(destinations, name) {
				return invalidCollection(r, "the data flow's destination '%s' is not declared in 'destinations'", name)
			}
		}
		for _, stream := range flow.texts("streams") {
			if !slices.Contains(streams, stream) {
				return invalidCollection(r, "the data flow's stream '%s' is none of the data sources'", stream)
			}
		}
	}
	return nil
}

// destinationsOf lists the names of a rule's destinations. Workspaces are in the rule's own region.
func destinationsOf(w *World, r *Resource) ([]string, error) {
	var names []string
	if metrics := r.in().str("destinations.azureMonitorMetrics.name"); metrics != "" {
		names = append(names, metrics)
	}
	for _, d := range r.in().objects("destinations.logAnalytics") {
		id := d.str("workspaceResourceId")
		if !isWorkspace(id) {
			return nil, invalidCollection(r, "'workspaceResourceId' of the destination '%s' is no workspace: '%s'",
				d.str("name"), id)
		}
		if workspace := w.find(id); workspace != nil && locationOf(w, workspace) != locationOf(w, r) {
			return nil, invalidCollection(r, "the workspace of the destination '%s' is in another region than the rule: %s",
				d.str("name"), locationOf(w, workspace))
		}
		names = append(names, d.str("name"))
	}
	return names, nil
}

// streamsOf lists the streams of a rule's data sources. Those of Azure's own are called Microsoft-…, others are
// declared as Custom-….
func streamsOf(r *Resource) ([]string, error) {
	var streams []string
	taken, sources := map[string]bool{}, r.in().object("dataSources")
	for _, kind := range slices.Sorted(maps.Keys(sources)) {
		for _, source := range sources.objects(kind) {
			name := source.str("name")
			if name == "" || taken[name] {
				return nil, invalidCollection(r, "the data source name '%s' is missing or used more than once", name)
			}
			taken[name] = true
			streams = append(streams, source.texts("streams")...)
			if kind == "syslog" && len(syslogUnknown(source)) > 0 {
				return nil, invalidCollection(r, "the data source '%s' names facilities or levels that syslog has not: %v",
					name, syslogUnknown(source))
			}
		}
	}
	for _, stream := range streams {
		if !strings.HasPrefix(stream, "Microsoft-") && r.in().object("streamDeclarations")[stream] == nil {
			return nil, invalidCollection(r, "the stream '%s' is neither one of Azure's nor declared", stream)
		}
	}
	return streams, nil
}

var (
	facilities = strings.Fields(
		"* alert audit auth authpriv clock cron daemon ftp kern local0 local1 local2 local3 local4 local5 local6 local7 " +
			"lpr mail mark news nopri ntp syslog user uucp")
	logLevels = []string{"*", "Debug", "Info", "Notice", "Warning", "Error", "Critical", "Alert", "Emergency"}
)

func syslogUnknown(source props) []string {
	known := func(list []string) func(string) bool {
		return func(e string) bool { return slices.Contains(list, e) }
	}
	return slices.Concat(slices.DeleteFunc(source.texts("facilityNames"), known(facilities)),
		slices.DeleteFunc(source.texts("logLevels"), known(logLevels)))
}

func invalidCollection(r *Resource, reason string, args ...any) error {
	return refusal("InvalidPayload", "Data collection rule is invalid: "+r.name()+": "+reason, args...)
}

func admitAssociation(w *World, r, _ *Resource) error {
	rule := r.in().str("dataCollectionRuleId")
	if rule == "" && !r.in().has("dataCollectionEndpointId") {
		return refusal("InvalidPayload",
			"The association '%s' has neither a dataCollectionRuleId nor a dataCollectionEndpointId.", r.name())
	}
	if rule != "" && !isOfType(rule, "Microsoft.Insights/dataCollectionRules") {
		return refusal("InvalidPayload",
			"The dataCollectionRuleId '%s' of the association '%s' is no data collection rule.", rule, r.name())
	}
	return nil
}

// agentHasIdentity holds that the agent that collects for Azure Monitor signs in with an identity of its machine's.
func agentHasIdentity(machine, r *Resource) error {
	if machine == nil || !strings.EqualFold(handlerOf(r), "Microsoft.Azure.Monitor.AzureMonitorLinuxAgent") {
		return nil
	}
	own, system := identitiesOf(machine), strings.Contains(machine.in().str("identity.type"), "SystemAssigned")
	chosen := r.in().object("settings.authentication.managedIdentity")
	if chosen == nil && (system || len(own) == 1) {
		return nil
	}
	if chosen.str("identifier-name") == "mi_res_id" && attachedTo(machine, chosen.str("identifier-value")) {
		return nil
	}
	return refusal("VMExtensionProvisioningError",
		"VM has reported a failure when processing extension '%s' (publisher 'Microsoft.Azure.Monitor' and "+
			"type 'AzureMonitorLinuxAgent'). Error message: the agent finds no managed identity of the machine %s: give "+
			"it one in settings.authentication.managedIdentity.",
		r.name(), machine.name())
}
