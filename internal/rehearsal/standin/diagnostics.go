package standin

import (
	"slices"
	"strings"
	"time"
)

var diagnosticKinds = []*kind{
	{
		token: "insights:DiagnosticSetting", arm: "Microsoft.Insights/diagnosticSettings",
		path: []string{"resourceUri", "name"}, naming: insightsNaming.copied(), scope: "resourceUri",
		latency:  10 * time.Second,
		identify: atScope("Microsoft.Insights/diagnosticSettings", "resourceUri", "name"),
		enums:    map[string][]string{"logAnalyticsDestinationType": {"Dedicated", "AzureDiagnostics"}},
		admit:    admitDiagnostics,
	},
}

// atScope makes the id of what is at another resource, by the input that holds that one's id.
func atScope(arm, scope, name string) func(props) string {
	return func(in props) string {
		if in.str(scope) == "" || in.str(name) == "" {
			return ""
		}
		return strings.TrimRight(in.str(scope), "/") + "/providers/" + arm + "/" + in.str(name)
	}
}

// scopeOf is what a resource is at: a role assignment, a lock, a diagnostic setting.
func scopeOf(r *Resource) string { return r.ID[:strings.LastIndex(fold(r.ID), "/providers/")] }

// sources are the categories of logs and metrics of one resource type.
type sources struct {
	logs, audit, metrics []string // audit are the logs that the group of this name stands for
}

// of lists the categories that a setting keeps of a resource, and what it names that there is not.
func (s sources) of(setting props) (kept []string, wrong string) {
	for _, log := range setting.objects("logs") {
		category, group := log.str("category"), log.str("categoryGroup")
		members := map[string][]string{"alllogs": s.logs, "audit": s.audit}[strings.ToLower(group)]
		switch {
		case category != "" && !containsFold(s.logs, category):
			return nil, "Category '" + category + "'"
		case group != "" && len(members) == 0:
			return nil, "Category group '" + group + "'"
		case !log.flag("enabled"):
			continue
		case category != "":
			members = []string{category}
		}
		kept = append(kept, members...)
	}
	for _, metric := range setting.objects("metrics") {
		category := metric.str("category")
		if !containsFold(s.metrics, category) {
			return nil, "Metric category '" + category + "'"
		}
		if metric.flag("enabled") {
			kept = append(kept, category)
		}
	}
	return kept, ""
}

func containsFold(list []string, text string) bool {
	return slices.ContainsFunc(list, func(e string) bool { return strings.EqualFold(e, text) })
}

// sinks are the inputs that say where a setting sends what it keeps.
var sinks = []string{"workspaceId", "storageAccountId", "eventHubAuthorizationRuleId", "marketplacePartnerId"}

// mostSettings is how many diagnostic settings one resource has.
const mostSettings = 5

func admitDiagnostics(w *World, r, _ *Resource) error {
	target := strings.ToLower(typeOf(scopeOf(r)))
	all, supported := diagnosticSources[target]
	if !supported {
		return refusal("ResourceTypeNotSupported", "The resource type '%s' does not support diagnostic settings.", target)
	}
	kept, wrong := all.of(r.in())
	if wrong != "" {
		return refusal("BadRequest", "%s is not supported.", wrong)
	}
	if !slices.ContainsFunc(sinks, r.in().has) {
		return refusal("BadRequest", "At least one data sink needs to be specified.")
	}
	if id := r.in().str("workspaceId"); id != "" && !isWorkspace(id) {
		return refusal("BadRequest", "Resource id '%s' is not a valid Log Analytics workspace.", id)
	}
	for _, log := range r.in().objects("logs") {
		if log.has("category") == log.has("categoryGroup") {
			return refusal("BadRequest", "A log setting of '%s' must have either a category or a category group.", r.name())
		}
	}
	return besideOthers(w, r, all, kept)
}

// besideOthers refuses one setting too many at a resource, and one that sends what another sends to the same place.
func besideOthers(w *World, r *Resource, all sources, kept []string) error {
	count := 1
	for _, other := range w.each("insights:DiagnosticSetting") {
		if fold(other.ID) == fold(r.ID) || fold(scopeOf(other)) != fold(scopeOf(r)) {
			continue
		}
		if count++; count > mostSettings {
			return refusal("Conflict",
				"The limit of %d diagnostic settings was reached. To create a new diagnostic setting, delete an existing one.",
				mostSettings)
		}
		theirs, _ := all.of(other.in())
		for _, sink := range sinks {
			same := r.in().str(sink) != "" && fold(r.in().str(sink)) == fold(other.in().str(sink))
			if at := slices.IndexFunc(kept, func(c string) bool { return containsFold(theirs, c) }); same && at >= 0 {
				return refusal("Conflict", "Data sink '%s' is already used in diagnostic setting '%s' for category '%s'. "+
					"Data sinks can't be reused in different settings on the same category for the same resource.",
					r.in().str(sink), other.name(), kept[at])
			}
		}
	}
	return nil
}
