// Package review writes what a pull request would change on each stack as one Markdown comment.
package review

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/amora-sync/mqtt-on-azure/internal/azurenative"
	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal"
)

// Marker is the comment's first line. The one comment of a pull request is found and updated by it.
const Marker = "<!-- amora review -->"

// CommentLimit is how many characters GitHub takes in a comment. Azure DevOps takes more.
const CommentLimit = 65536

// Deployment is one stack with one broker, before and after the change.
type Deployment struct {
	Stack, Broker string
	Own           bool     // the broker that the stack's config names
	Assumed       []string // config keys that the broker needs and the config lacks
	Problem       string   // why the change can't be deployed; "" when it can
	NoBase        string   // why there is nothing before it, so that all of it is new; "" when there is
	Changes       []rehearsal.Change
	Costs         string // Markdown of what costs and capacity become; "" when they stay
}

// name is the deployment's heading.
func (d Deployment) name() string { return d.Stack + ", " + d.Broker }

// kinds are the operations, in the order in which they are listed: what is lost comes first.
var kinds = []struct{ op, word string }{{"replace", "replaced"}, {"delete", "deleted"}, {"create", "added"},
	{"update", "updated"}}

// Comment writes the comment. Of what would be longer than limit, in bytes, the end is left out, and it says so; 0 is
// no limit.
func Comment(deployments []Deployment, limit int) string {
	lines := []string{
		Marker,
		"## What this changes",
		"",
		"The base branch was deployed to a stand-in for Azure, and this change previewed on top of it by the real " +
			"Pulumi engine. Azure was not asked.",
		"A stack's own broker is in bold; the other brokers show what the same change does to stacks that use them.",
		"",
		"| stack | broker | added | updated | replaced | deleted |",
		"|---|---|---|---|---|---|",
	}
	for _, d := range deployments {
		lines = append(lines, row(d))
	}
	for _, d := range deployments {
		lines = append(append(lines, ""), section(d)...)
	}
	return cut(lines, limit)
}

func row(d Deployment) string {
	broker := d.Broker
	if d.Own {
		broker = "**" + broker + "**"
	}
	if d.Problem != "" {
		return fmt.Sprintf("| %s | %s | can't be deployed | | | |", d.Stack, broker)
	}
	count := map[string]int{}
	for _, c := range d.Changes {
		count[c.Op]++
	}
	loud := func(n int) string { // what may lose something
		if n == 0 {
			return "0"
		}
		return fmt.Sprintf("**%d**", n)
	}
	return fmt.Sprintf("| %s | %s | %d | %d | %s | %s |", d.Stack, broker, count["create"], count["update"],
		loud(count["replace"]), loud(count["delete"]))
}

func section(d Deployment) []string {
	if d.Problem == "" && d.NoBase == "" && len(d.Changes) == 0 && d.Costs == "" {
		return []string{fmt.Sprintf("**%s**: no change.", d.name())}
	}
	lines := []string{"### " + d.name(), ""}
	if len(d.Assumed) > 0 {
		lines = append(lines,
			fmt.Sprintf("Assumes `%s`, which the config does not set.", strings.Join(d.Assumed, "`, `")), "")
	}
	if d.Problem != "" {
		return append(append(lines, "**It can't be deployed:**", ""), quoted(d.Problem)...)
	}
	if d.NoBase != "" {
		lines = append(append(lines, "There is nothing to compare with, so that all of it is new:", ""), quoted(d.NoBase)...)
		lines = append(lines, "")
	}
	if len(d.Changes) == 0 {
		lines = append(lines, "No resource changes.", "")
	}
	for _, kind := range kinds {
		lines = append(lines, list(d.Changes, kind.op, kind.word)...)
	}
	if d.Costs == "" {
		return append(lines, "Costs and capacity stay as they are.")
	}
	return append(lines, strings.Split(strings.TrimSpace(d.Costs), "\n")...)
}

// list names the changes of one kind. What may lose something is open, the rest folded where it is long.
func list(changes []rehearsal.Change, op, word string) []string {
	var items []string
	for _, c := range sorted(changes) {
		if c.Op == op {
			items = append(items, item(c))
		}
	}
	title := fmt.Sprintf("%d %s", len(items), word)
	switch {
	case len(items) == 0:
		return nil
	case op == "replace" || op == "delete":
		return append(append([]string{"**" + strings.ToUpper(title) + "**", ""}, items...), "")
	case len(items) <= 5:
		return append(append([]string{title + ":", ""}, items...), "")
	default:
		return append(append([]string{opening + title + "</summary>", ""}, items...), "", closing, "")
	}
}

const opening, closing = "<details><summary>", "</details>"

func sorted(changes []rehearsal.Change) []rehearsal.Change {
	return slices.SortedFunc(slices.Values(changes), func(a, b rehearsal.Change) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Type, b.Type))
	})
}

// mostPaths is how many property paths of one resource are named.
const mostPaths = 6

func item(c rehearsal.Change) string {
	name := "`" + plain(c.Name) + "`"
	if c.Op == "replace" || c.Op == "delete" {
		name = "**" + name + "**"
	}
	text := fmt.Sprintf("- %s (%s)", name, plain(kindOf(c.Type)))
	if c.Protected {
		text += " 🔒 protected"
	}
	paths := c.Diff[:min(len(c.Diff), mostPaths)]
	for i, path := range paths {
		text += []string{": ", ", "}[min(i, 1)] + "`" + plain(path) + "`"
	}
	if more := len(c.Diff) - len(paths); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// kindOf is a resource's type without what all of them have, and without the version of Azure's API.
func kindOf(token string) string {
	return strings.TrimPrefix(azurenative.Unversioned(token), "azure-native:")
}

// plain keeps a text inside its backticks.
func plain(text string) string {
	return strings.NewReplacer("`", "'", "\n", " ", "\r", " ").Replace(text)
}

// quoted is a text as it was printed, by lines.
func quoted(text string) []string {
	lines := []string{"```text"}
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		lines = append(lines, strings.ReplaceAll(strings.TrimRight(line, " \r"), "```", "'''"))
	}
	return append(lines, "```")
}
