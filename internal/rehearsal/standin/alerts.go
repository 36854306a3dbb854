package standin

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

var alertKinds = []*kind{
	{
		token: "insights:MetricAlert", arm: "Microsoft.Insights/metricAlerts",
		path: []string{"ruleName"}, located: true, naming: insightsNaming, latency: 10 * time.Second, observes: true,
		required: []string{"location", "criteria", "enabled", "evaluationFrequency", "scopes", "severity", "windowSize"},
		enums: map[string][]string{
			"evaluationFrequency": {"PT1M", "PT5M", "PT15M", "PT30M", "PT1H"},
			"windowSize":          {"PT1M", "PT5M", "PT15M", "PT30M", "PT1H", "PT6H", "PT12H", "P1D"},
			"criteria.odataType": {singleResource, multipleResource,
				"Microsoft.Azure.Monitor.WebtestLocationAvailabilityCriteria"},
		},
		check: func(in props) []fault { return append(global(in), checkAlert(in)...) },
		admit: admitMetricAlert,
	},
	{
		token: "insights:ScheduledQueryRule", arm: "Microsoft.Insights/scheduledQueryRules",
		path: []string{"ruleName"}, located: true, naming: insightsNaming, latency: 15 * time.Second, observes: true,
		required: []string{"criteria", "enabled", "scopes"},
		enums: map[string][]string{
			"kind": {"LogAlert", "LogToMetric"},
			"evaluationFrequency": {"PT1M", "PT5M", "PT10M", "PT15M", "PT30M", "PT45M", "PT1H", "PT2H", "PT3H", "PT4H",
				"PT5H", "PT6H", "P1D"},
			"windowSize": {"PT1M", "PT5M", "PT10M", "PT15M", "PT30M", "PT45M", "PT1H", "PT2H", "PT3H", "PT4H",
				"PT5H", "PT6H", "P1D", "P2D"},
		},
		check: checkAlert, admit: admitQueryRule,
	},
}

const (
	singleResource   = "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria"
	multipleResource = "Microsoft.Azure.Monitor.MultipleResourceMultipleMetricCriteria"
)

// durations gives the length of each ISO 8601 duration that alerts are told in.
var durations = map[string]time.Duration{
	"PT1M": time.Minute, "PT5M": 5 * time.Minute, "PT10M": 10 * time.Minute, "PT15M": 15 * time.Minute,
	"PT30M": 30 * time.Minute, "PT45M": 45 * time.Minute,
	"PT1H": time.Hour, "PT2H": 2 * time.Hour, "PT3H": 3 * time.Hour, "PT4H": 4 * time.Hour, "PT5H": 5 * time.Hour,
	"PT6H": 6 * time.Hour, "PT12H": 12 * time.Hour,
	"P1D": 24 * time.Hour, "P2D": 48 * time.Hour,
}

func checkAlert(in props) []fault {
	var faults []fault
	if severity := in.num("severity"); severity < 0 || severity > 4 || severity != float64(int(severity)) {
		faults = append(faults, fault{"severity", "must be 0 to 4"})
	}
	if every, over := durations[in.str("evaluationFrequency")], durations[in.str("windowSize")]; over > 0 && every > over {
		faults = append(faults, fault{"evaluationFrequency", "must not be longer than windowSize"})
	}
	return faults
}

func invalidAlert(format string, args ...any) error { return refusal("BadRequest", format, args...) }

// actsOn holds that what an alert calls are action groups.
func actsOn(r *Resource, groups ...string) error {
	for _, id := range groups {
		if !isOfType(id, "Microsoft.Insights/actionGroups") {
			return invalidAlert("The action group id '%s' of the alert rule '%s' is not valid.", id, r.name())
		}
	}
	return nil
}

func admitMetricAlert(_ *World, r, _ *Resource) error {
	for _, action := range r.in().objects("actions") {
		if err := actsOn(r, action.str("actionGroupId")); err != nil {
			return err
		}
	}
	target, err := alertTarget(r)
	if err != nil {
		return err
	}
	criteria := r.in().objects("criteria.allOf")
	if len(criteria) == 0 || len(criteria) > 5 {
		return invalidAlert("The alert rule '%s' must have 1 to 5 criteria.", r.name())
	}
	taken := map[string]bool{}
	for _, c := range criteria {
		if name := c.str("name"); name == "" || taken[name] {
			return invalidAlert("The criterion name '%s' of the alert rule '%s' is missing or used more than once.",
				name, r.name())
		}
		taken[c.str("name")] = true
		if err := admitCriterion(c, target); err != nil {
			return err
		}
	}
	return nil
}

// alertTarget is the one type of an alert's scopes, in lower case.
func alertTarget(r *Resource) (string, error) {
	scopes, several := r.in().texts("scopes"), r.in().str("criteria.odataType") == multipleResource
	if len(scopes) == 0 {
		return "", invalidAlert("The alert rule '%s' has no scopes.", r.name())
	}
	target := strings.ToLower(typeOf(scopes[0]))
	for _, scope := range scopes {
		if !isOfType(scope, target) {
			return "", invalidAlert(
				"The scopes of the alert rule '%s' must all be of the same resource type: '%s' is not of the type '%s'.",
				r.name(), scope, target)
		}
	}
	stated := r.in().str("targetResourceType")
	switch {
	case len(scopes) > 1 && !several:
		return "", invalidAlert("The alert rule '%s' has more than one scope, which the criteria %s do not allow.",
			r.name(), singleResource)
	case several && (stated == "" || r.in().str("targetResourceRegion") == ""):
		return "", invalidAlert(
			"The alert rule '%s' on multiple resources needs targetResourceType and targetResourceRegion.", r.name())
	case stated != "" && !strings.Contains(target, "microsoft.resources/") && !strings.EqualFold(stated, target):
		return "", invalidAlert(
			"The targetResourceType '%s' of the alert rule '%s' is not the type of its scopes, '%s'.", stated, r.name(), target)
	case strings.Contains(target, "microsoft.resources/"):
		target = strings.ToLower(stated)
	}
	return target, nil
}

var (
	aggregations = []string{"Average", "Count", "Minimum", "Maximum", "Total"}
	comparisons  = []string{"Equals", "GreaterThan", "GreaterThanOrEqual", "LessThan", "LessThanOrEqual"}
	departures   = []string{"GreaterThan", "LessThan", "GreaterOrLessThan"} // of a dynamic threshold
)

func admitCriterion(c props, target string) error {
	operators, dynamic := comparisons, c.str("criterionType") == "DynamicThresholdCriterion"
	if dynamic {
		operators = departures
	}
	if !slices.Contains(operators, c.str("operator")) {
		return invalidAlert("The operator '%s' of the criterion '%s' is not one of %s.",
			c.str("operator"), c.str("name"), strings.Join(operators, ", "))
	}
	if !slices.Contains(aggregations, c.str("timeAggregation")) {
		return invalidAlert("The time aggregation '%s' of the criterion '%s' is not one of %s.",
			c.str("timeAggregation"), c.str("name"), strings.Join(aggregations, ", "))
	}
	least, of := c.num("failingPeriods.minFailingPeriodsToAlert"), c.num("failingPeriods.numberOfEvaluationPeriods")
	if dynamic && (of < 1 || of > 6 || least < 1 || least > of) {
		return invalidAlert("The failing periods of the criterion '%s' are invalid: %v of %v.", c.str("name"), least, of)
	}
	return admitMetric(c, target)
}

// admitMetric holds that the metric and its dimensions are the type's. Namespaces of other names hold what a program
// sends itself, and types that the table lacks are taken on trust.
func admitMetric(c props, target string) error {
	metrics, known := metricsOf[target]
	space := strings.ToLower(c.str("metricNamespace"))
	switch {
	case c.flag("skipMetricValidation"):
		return nil
	case space != "" && !strings.HasPrefix(space, target):
		return invalidAlert(
			"Couldn't find a metric named %s. Nothing was sent to the namespace %s so far; a rule on what is to come "+
				"needs skipMetricValidation.",
			c.str("metricName"), c.str("metricNamespace"))
	case !known || space != "" && space != target:
		return nil
	}
	for name, dimensions := range metrics {
		if !strings.EqualFold(name, c.str("metricName")) {
			continue
		}
		for _, d := range c.objects("dimensions") {
			if !containsFold(dimensions, d.str("name")) {
				return invalidAlert("The dimension '%s' is not a dimension of the metric '%s'.", d.str("name"), name)
			}
		}
		return nil
	}
	return invalidAlert("Couldn't find a metric named %s.", c.str("metricName"))
}

func admitQueryRule(w *World, r, _ *Resource) error {
	in := r.in()
	if err := actsOn(r, in.texts("actions.actionGroups")...); err != nil {
		return err
	}
	criteria := in.objects("criteria.allOf")
	if len(in.texts("scopes")) != 1 || len(criteria) != 1 {
		return invalidAlert("The alert rule '%s' must have one scope and one condition.", r.name())
	}
	metric := in.str("kind") == "LogToMetric"
	if !metric && (in.str("evaluationFrequency") == "" || in.str("windowSize") == "" || !in.has("severity")) {
		return invalidAlert("The log alert rule '%s' needs an evaluationFrequency, a windowSize and a severity.", r.name())
	}
	if in.flag("autoMitigate") && in.str("muteActionsDuration") != "" {
		return invalidAlert(
			"The alert rule '%s' can't have both autoMitigate and muteActionsDuration: an alert that resolves itself "+
				"mutes no actions.", r.name())
	}
	if metric {
		return nil
	}
	if err := admitCondition(r, criteria[0]); err != nil {
		return err
	}
	return w.queryResolves(r, criteria[0].str("query"))
}

// longestLookback is what the window and the periods of a log alert may come to together.
const longestLookback = 48 * time.Hour

func admitCondition(r *Resource, c props) error {
	if strings.TrimSpace(c.str("query")) == "" {
		return invalidAlert("The query of the alert rule '%s' can't be empty.", r.name())
	}
	if !slices.Contains(comparisons, c.str("operator")) || !slices.Contains(aggregations, c.str("timeAggregation")) ||
		!c.has("threshold") {
		return invalidAlert(
			"The condition of the alert rule '%s' needs an operator (%s), a time aggregation (%s) and a threshold.",
			r.name(), strings.Join(comparisons, ", "), strings.Join(aggregations, ", "))
	}
	if c.str("timeAggregation") != "Count" && c.str("metricMeasureColumn") == "" {
		return invalidAlert(
			"The condition of the alert rule '%s' has the time aggregation %s and needs a metricMeasureColumn.",
			r.name(), c.str("timeAggregation"))
	}
	if !c.has("failingPeriods") {
		return nil
	}
	least, of := c.num("failingPeriods.minFailingPeriodsToAlert"), c.num("failingPeriods.numberOfEvaluationPeriods")
	if of < 1 || of > 6 || least < 1 || least > of {
		return invalidAlert(
			"The failing periods of the alert rule '%s' are invalid: numberOfEvaluationPeriods must be 1 to 6 and "+
				"minFailingPeriodsToAlert 1 to that, not %v and %v.", r.name(), of, least)
	}
	if time.Duration(of)*durations[r.in().str("windowSize")] > longestLookback {
		return invalidAlert("The alert rule '%s' looks back over more than 48 hours: %v periods of %s.", r.name(), of,
			r.in().str("windowSize"))
	}
	return nil
}

var customTable = regexp.MustCompile(`\b[A-Za-z]\w*_CL\b`)

// queryResolves refuses a query over a custom table, which the workspace has once something was written to it and not
// before. Azure's own tables are in every workspace.
func (w *World) queryResolves(r *Resource, query string) error {
	table := customTable.FindString(query)
	if table == "" || r.in().flag("skipQueryValidation") || w.find(r.in().texts("scopes")[0]) == nil {
		return nil
	}
	return invalidAlert(
		"Failed to resolve table or column expression named '%s'. If issue persists, please open a support ticket. "+
			"A rule over a table that is to come needs skipQueryValidation.", table)
}
