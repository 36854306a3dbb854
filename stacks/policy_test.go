package stacks

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/amora-sync/mqtt-on-azure/internal/pulumitest"
)

// rule is what must hold in the resources of a stack. docs/policies.md is the same table for people, and holds the
// titles of the sources.
type rule struct {
	id    string
	title string
	// controls of the Microsoft cloud security benchmark v1, and codes of the Azure Well-Architected Framework
	sources  []string
	prodOnly bool
	check    func(estate) []violation
	accepted []exception
}

// exception is what a rule finds and a person has accepted.
type exception struct {
	about string // of the violation
	why   string
}

// violation is one resource that breaks a rule.
type violation struct {
	resource string
	about    string // what an exception names it by: the resource's kind, or something narrower
	what     string
}

// breaks is a violation by a whole resource.
func breaks(n node, what string, args ...any) violation {
	return violation{n.Name, n.kind, fmt.Sprintf(what, args...)}
}

// on names a violation more narrowly than by its resource's kind.
func (v violation) on(about string) violation {
	v.about = about
	return v
}

// policies are all rules.
func policies() []rule {
	return slices.Concat(networkPolicies, tlsPolicies, identityPolicies, dataPolicies, resiliencePolicies,
		operationsPolicies)
}

// violations are those that nobody has accepted.
func (r rule) violations(e estate) []violation {
	return slices.DeleteFunc(r.check(e), func(v violation) bool {
		return slices.ContainsFunc(r.accepted, func(x exception) bool { return x.about == v.about })
	})
}

func (r rule) appliesTo(deployment string) bool {
	_, regions := inTwoRegions[deployment]
	return !r.prodOnly || regions || deployments[deployment].stack == "prod"
}

var shipped struct {
	once      sync.Once
	resources map[string][]pulumitest.Resource
}

// shippedResources are those of each deployment, in one region and in two. They are shared: nothing may change them.
func shippedResources(t *testing.T) map[string][]pulumitest.Resource {
	t.Helper()
	shipped.once.Do(func() {
		shipped.resources = map[string][]pulumitest.Resource{}
		for name := range deployments {
			shipped.resources[name] = deployment(t, name)
		}
		for name, changes := range inTwoRegions {
			shipped.resources[name] = deployed(t, "prod", changes)
		}
	})
	return shipped.resources
}

func TestPolicyRulesHoldInEveryStackThatTheyApplyTo(t *testing.T) {
	for name, resources := range shippedResources(t) {
		e := newEstate(resources)
		for _, r := range policies() {
			if !r.appliesTo(name) {
				continue
			}
			for _, v := range r.violations(e) {
				t.Errorf("%s: %s: %s: %s (an exception would be about %q)", name, r.id, v.resource, v.what, v.about)
			}
		}
	}
}

func TestPolicyExceptionsAreAllNeeded(t *testing.T) {
	for _, r := range policies() {
		unused := map[string]bool{}
		for _, x := range r.accepted {
			if x.why == "" || unused[x.about] {
				t.Errorf("%s: the exception %q has no reason, or is there twice", r.id, x.about)
			}
			unused[x.about] = true
		}
		for name, resources := range shippedResources(t) {
			if len(unused) > 0 && r.appliesTo(name) {
				for _, v := range r.check(newEstate(resources)) {
					delete(unused, v.about)
				}
			}
		}
		for about := range unused {
			t.Errorf("%s: nothing needs the exception %q", r.id, about)
		}
	}
}

// wanted is the rule's row in docs/policies.md.
func (r rule) wanted() string {
	stacks, exceptions := "all", []string{}
	if r.prodOnly {
		stacks = "prod"
	}
	for _, x := range r.accepted {
		exceptions = append(exceptions, fmt.Sprintf("%s: %s", x.about, x.why))
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s | %s |", r.id, r.title, strings.Join(r.sources, ", "), stacks,
		strings.Join(exceptions, "; "))
}

func TestPolicyDocumentListsTheReviewedRolesAndEachIsHeldSomewhere(t *testing.T) {
	document, err := os.ReadFile("../docs/policies.md")
	if err != nil {
		t.Fatal(err)
	}
	held := map[string]bool{}
	for _, resources := range shippedResources(t) {
		for _, n := range newEstate(resources).all("authorization:RoleAssignment") {
			id := n.text("roleDefinitionId")
			held[id[strings.LastIndex(id, "/")+1:]] = true
		}
	}
	for id, role := range reviewedRoles {
		row := fmt.Sprintf("\n| %s | %s | %s |\n", role.name, strings.Join(role.at, ", "), role.why)
		if !strings.Contains(string(document), row) || !held[id] {
			t.Errorf("nobody holds the role, or docs/policies.md has no row%s", row)
		}
	}
	if rows := regexp.MustCompile(`(?m)^\| [^|]+ \| [a-z]+:[A-Z][^|]* \| [^|]+ \|$`).
		FindAll(document, -1); len(rows) != len(reviewedRoles) {
		t.Errorf("docs/policies.md has %d roles, and %d are reviewed", len(rows), len(reviewedRoles))
	}
}

func TestPolicyDocumentSaysWhatTheRulesAre(t *testing.T) {
	document, err := os.ReadFile("../docs/policies.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z0-9-]+)` \\|.*$").FindAllStringSubmatch(string(document), -1) {
		rows[row[1]] = row[0]
	}
	titled := map[string]bool{}
	for _, row := range regexp.MustCompile(`(?m)^\| ([A-Z]{2}[-:]\d+) \| \S.* \|$`).
		FindAllStringSubmatch(string(document), -1) {
		titled[row[1]] = true
	}
	used := map[string]bool{}
	for _, r := range policies() {
		if rows[r.id] != r.wanted() {
			t.Errorf("docs/policies.md has the row\n%s\nand the rule is\n%s", rows[r.id], r.wanted())
		}
		delete(rows, r.id)
		for _, source := range r.sources {
			used[source] = true
		}
		if len(r.sources) == 0 {
			t.Errorf("%s comes from nowhere", r.id)
		}
	}
	for id := range rows {
		t.Errorf("docs/policies.md has the rule %s, or has it twice, and there is none", id)
	}
	for source := range used {
		if !titled[source] {
			t.Errorf("docs/policies.md has no title for %s", source)
		}
	}
	for source := range titled {
		if !used[source] {
			t.Errorf("docs/policies.md has a title for %s, and no rule comes from it", source)
		}
	}
}
