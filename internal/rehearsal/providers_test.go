package rehearsal

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// theirs are the namespaces that every subscription has. Source: Microsoft, "Azure resource providers and types", of
// Microsoft.Authorization and Microsoft.Resources.
var theirs = []string{"Microsoft.Authorization", "Microsoft.Resources"}

// behind are namespaces of which a resource makes some of its own: Azure runs a deployment script in a container group,
// and keeps its files in a storage account.
var behind = map[string][]string{"/deploymentScripts/": {"Microsoft.ContainerInstance", "Microsoft.Storage"}}

var providerRule = regexp.MustCompile(`/providers/([A-Za-z.]+)/`)

// namespaces are the resource providers of everything that a stage deployed.
func (s *stage) namespaces() map[string]bool {
	found := map[string]bool{}
	for _, r := range s.world() {
		for _, match := range providerRule.FindAllStringSubmatch(r.ID, -1) {
			found[match[1]] = true
		}
		for part, namespaces := range behind {
			if strings.Contains(r.ID, part) {
				for _, namespace := range namespaces {
					found[namespace] = true
				}
			}
		}
	}
	return found
}

func TestTheResourceProvidersThatAreRegisteredAreThoseThatTheStacksUse(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile(filepath.Join(root, "pipelines", "register-providers.sh"))
	if err != nil {
		t.Fatal(err)
	}
	registered := regexp.MustCompile(`(?m)^    (Microsoft\.[A-Za-z]+)`).FindAllStringSubmatch(string(script), -1)
	used := map[string]bool{}
	const tenant = `security.identity={"provider":"b2c","tenant":"contoso","create":true,"countryCode":"DE",` +
		`"dataLocation":"Europe"}`
	for name, edits := range map[string][]string{
		"dev": {tenant}, "prod": inTwoRegions, "dev-hivemq": nil, "prod-hivemq": {"availability.diskBackup=true"},
		"dev-vernemq": inTwoRegions, "prod-vernemq": {"availability.diskBackup=true", "security.ddos=network"},
	} {
		s := deployedStage(t, name)
		s.edits(edits...)
		s.must(Up)
		maps.Copy(used, s.namespaces())
	}
	for _, namespace := range theirs {
		delete(used, namespace)
	}
	var listed []string
	for _, match := range registered {
		listed = append(listed, match[1])
	}
	if want := slices.Sorted(maps.Keys(used)); !slices.Equal(listed, want) {
		t.Errorf("the script registers\n%s\nand the stacks use\n%s", strings.Join(listed, "\n"), strings.Join(want, "\n"))
	}
}

func TestAResourceProviderThatIsNotRegisteredIsNamedAndTheNextRunGoesOn(t *testing.T) {
	t.Parallel()
	s := newStage(t, "dev")
	s.Faults.Unregistered = []string{"Microsoft.App"}
	if said := s.mustNot(Up); !strings.Contains(said, "MissingSubscriptionRegistration") ||
		!strings.Contains(said, "'Microsoft.App'") {
		t.Error(said)
	}
	s.Faults.Unregistered = nil
	s.must(Up)
}
