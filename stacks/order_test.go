package stacks

import (
	"slices"
	"strings"
	"testing"
)

// waiting is a resource that must not be begun before others are there. "#" stands for any number, and "%" for the
// number before its own.
type waiting struct{ resource, needs, otherwise string }

var order = []waiting{
	{"network-endpoints", "network-database", busy},
	{"emqx-subnet", "network-endpoints", busy},
	{"hivemq-subnet", "network-endpoints", busy},
	{"vernemq-subnet", "network-endpoints", busy},
	{"gateway-subnet", "hivemq-subnet", busy},
	{"bastion-subnet", "vernemq-subnet", busy},
	{"peering-back", "peering-there", busy},
	{"database-database", "database-extensions", busy},
	{"hivemq-pool2", "hivemq-pool1", busy},
	{"hivemq-pool3", "hivemq-pool2", busy},
	{"hivemq-pool1", "hivemq-kubernetes", busy},
	{"hivemq-admin-account", "hivemq-broker-account", busy},
	{"hivemq-collector-account", "hivemq-admin-account", busy},
	{"traffic-manager-secondary", "traffic-manager-primary", busy},
	{"rules-endpoint", "rules-database", busy},
	{"storage-lifecycle", "storage-blobs", "Azure refuses a rule on versions"},

	{"vault-endpoint-dns", "vault-zone-link", unresolved}, {"storage-endpoint-dns", "storage-zone-link", unresolved},
	{"rules-endpoint-dns", "rules-zone-link", unresolved},
	{"database-server", "database-zone-link", unresolved},

	{"hivemq-kubernetes", "hivemq-network-role hivemq-nodes-role", forbidden},
	{"gateway-gateway", "gateway-certificate-role", forbidden},
	{"hivemq-configuration", "hivemq-manifests-role hivemq-secrets-role", forbidden},
	{"hivemq-configuration", "hivemq-broker-account hivemq-admin-account hivemq-collector-account", forbidden},
	{"hivemq-backup-configuration", "hivemq-backup-role", forbidden},
	{"vernemq-node-0", "vernemq-secrets-role vernemq-files-role vernemq-shared-role", forbidden},
	{"emqx-emqx-#", "emqx-pull-role emqx-secrets-role", forbidden},
	{"emqx-edge", "emqx-pull-role emqx-secrets-role", forbidden},
	{"emqx-rules", "emqx-pull-role emqx-secrets-role", forbidden},
	{"emqx-admin", "emqx-pull-role emqx-secrets-role", forbidden},
	{"emqx-collector", "emqx-pull-role emqx-secrets-role", forbidden},
	{"registry-script", "registry-script-role", forbidden},
	{"certificate-script", "certificate-script-role", forbidden},

	{"hivemq-configuration", "hivemq-flux hivemq-manifests-base hivemq-manifests-broker", missing},
	{"hivemq-configuration", "hivemq-manifests-operator hivemq-manifests-collector", missing},
	{"hivemq-backup-configuration", "hivemq-configuration hivemq-backup-snapshots", missing},
	{"vernemq-settings", "vernemq-files-node.sh vernemq-files-vernemq.env vernemq-files-schema.sql", missing},
	{"vernemq-settings", "database-database", missing},
	{"vernemq-node-#", "vernemq-settings vernemq-node-#-data vernemq-node-#-interface", missing},
	{"emqx-emqx-#", "database-database emqx-environment registry-script", missing},
	{"front-door-route-route", "front-door-route-origin front-door-validation", missing},
	{"hivemq-flux", "hivemq-kubernetes", missing},
	{"backup-#-item", "vernemq-node-#-deployment backup-#-vault backup-#-policy", missing},

	{"emqx-emqx-#", "emqx-emqx-%", atOnce}, {"vernemq-node-#", "vernemq-node-%-deployment", atOnce},

	{"endpoint-websocket", "endpoint-address", early},
	{"endpoint-address", "front-door-route-route emqx-emqx-0 emqx-emqx-1 emqx-edge", early},
	{"endpoint-address", "hivemq-configuration gateway-gateway", early},
	{"endpoint-address", "vernemq-node-0-deployment vernemq-node-1-deployment", early},
}

// orderedOtherwise are those that, where there are two regions, wait for their peering, and for what chooses between
// them.
var orderedOtherwise = []string{"emqx-subnet", "hivemq-subnet", "vernemq-subnet", "endpoint-address"}

const (
	busy       = "Azure takes one change at a time"
	unresolved = "a name is asked for that the network does not know yet"
	forbidden  = "Azure refuses, since the role is not there yet"
	missing    = "it starts without what it needs"
	atOnce     = "all nodes stop at once"
	early      = "clients are led where nobody serves"
)

func TestNothingIsBegunBeforeWhatItNeedsIsThere(t *testing.T) {
	held := map[waiting]bool{}
	for name, resources := range shippedResources(t) {
		e := newEstate(resources)
		there := map[string]bool{}
		for _, n := range e {
			there[n.Name] = true
		}
		for _, n := range e {
			for _, w := range order {
				_, regions := inTwoRegions[name]
				otherwise := regions && slices.Contains(orderedOtherwise, w.resource)
				if otherwise || w.resource != n.plainName() && w.resource != n.role() {
					continue
				}
				for _, need := range strings.Fields(w.needs) {
					need = numbered(need, n.plainName())
					if n.secondary() {
						need = secondaryPrefix + need
					}
					if !there[need] {
						continue // of another broker, or of none
					}
					held[w] = true
					if !slices.ContainsFunc(n.Dependencies, func(urn string) bool { return strings.HasSuffix(urn, "::"+need) }) {
						t.Errorf("%s: %s does not wait for %s: %s", name, n.Name, need, w.otherwise)
					}
				}
			}
		}
	}
	for _, w := range order {
		if !held[w] {
			t.Errorf("no stack has what %s needs, which is %q", w.resource, w.needs)
		}
	}
}

// numbered fills in the number of a resource, or the one before it.
func numbered(need, resource string) string {
	own := number.FindString(resource)
	before := map[string]string{"1": "0", "2": "1", "3": "2"}[own]
	return strings.NewReplacer("#", own, "%", before).Replace(need)
}

func TestWhatIsPrivateIsReachedOnlyOnceItsNameLeadsThere(t *testing.T) {
	for resource, needs := range map[string][2]string{
		"emqx-emqx-0":              {"prod", "vault-endpoint-dns rules-endpoint-dns"},
		"emqx-edge":                {"prod", "vault-endpoint-dns"},
		"emqx-rules":               {"prod", "vault-endpoint-dns"},
		"vernemq-node-0":           {"prod-vernemq", "vault-endpoint-dns storage-endpoint-dns"},
		"vernemq-files-node.sh":    {"prod-vernemq", "storage-endpoint-dns"},
		"emqx-subnet":              {"prod-regions", "peering-there"},
		"secondary-vernemq-subnet": {"prod-vernemq-regions", "peering-back"},
		"endpoint-address":         {"prod-regions", "traffic-manager-profile traffic-manager-secondary"},
		"hivemq-configuration":     {"prod-hivemq", "vault-endpoint-dns storage-endpoint-dns"},
		"secondary-database-server": {"prod-regions",
			"database-database database-extensions peering-there peering-back secondary-database-zone-link"},
	} {
		found := false
		for _, n := range newEstate(shippedResources(t)[needs[0]]) {
			if n.Name != resource {
				continue
			}
			found = true
			for _, need := range strings.Fields(needs[1]) {
				if !slices.ContainsFunc(n.Dependencies, func(urn string) bool { return strings.HasSuffix(urn, "::"+need) }) {
					t.Errorf("%s: %s does not wait for %s", needs[0], resource, need)
				}
			}
		}
		if !found {
			t.Errorf("%s has no %s", needs[0], resource)
		}
	}
}
