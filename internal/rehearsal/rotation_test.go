package rehearsal

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
)

// stateful is what no rotation may replace or update, as far as a stack has it.
var stateful = []string{
	"base-group", "network-vnet", "vault-vault", "zone-zone", "database-server", "database-database", "storage-account",
	"emqx-environment",
	"hivemq-kubernetes", "vernemq-node-0", "vernemq-node-1", "vernemq-node-0-data", "vernemq-node-1-data",
	"vernemq-node-0-interface", "vernemq-node-1-interface",
}

// kept are the ids of what is stateful.
func (s *stage) kept() map[string]string {
	ids := map[string]string{}
	for _, r := range s.state().Resources {
		if slices.Contains(stateful, r.URN.Name()) {
			ids[r.URN.Name()] = string(r.ID)
		}
	}
	return ids
}

// templates are what Container Apps makes a revision for, by app.
func (s *stage) templates() map[string]string {
	s.t.Helper()
	all := map[string]string{}
	for _, r := range s.state().Resources {
		if strings.HasSuffix(string(r.Type), ":ContainerApp") {
			text, err := json.Marshal(r.Inputs["template"])
			if err != nil {
				s.t.Fatal(err)
			}
			all[r.URN.Name()] = string(text)
		}
	}
	return all
}

// folder lists a replaced folder of files and what is in it, each before the old one goes.
func folder(name string, files ...string) []string {
	var all []string
	for _, part := range append([]string{""}, files...) {
		if part != "" {
			part = "-" + part
		}
		all = append(all, "++ "+name+part, "+- "+name+part, "-- "+name+part)
	}
	return all
}

var (
	newPasswords  = []string{"~ database-admin-secret", "~ database-broker-secret", "~ database-server"}
	emqxNodes     = []string{"~ emqx-emqx-0", "~ emqx-emqx-1"}
	vernemqNodes  = []string{"~ vernemq-node-0-deployment", "~ vernemq-node-1-deployment"}
	vernemqFolder = append(folder("vernemq-files", "admin.sh", "auth.lua", "certificate.sh", "cluster.sh",
		"collector.sh", "collector.yaml", "install.sh", "node.sh",
		"otelcol.service", "schema.sh", "schema.sql", "vernemq.conf", "vernemq.env", "vernemq.service"), "~ vernemq-settings")
)

func TestAnotherMarkMakesAnotherSecretAndTakesItToOneNodeAfterTheOther(t *testing.T) {
	for _, c := range []struct {
		stack, mark string
		changes     []string // of Azure's resources
		inTurn      []string
	}{
		{"dev", "database", slices.Concat(newPasswords, emqxNodes, []string{"~ emqx-rules", "~ emqx-admin"}),
			[]string{"emqx-emqx-0", "emqx-emqx-1"}},
		{"dev", "cookie", slices.Concat(emqxNodes, []string{"~ emqx-erlang-cookie-secret"}),
			[]string{"emqx-emqx-0", "emqx-emqx-1"}},
		{"dev-hivemq", "database",
			slices.Concat(newPasswords, folder("hivemq-manifests", "base", "broker", "collector", "operator"),
				[]string{"~ hivemq-configuration"}),
			[]string{"database-server", "hivemq-configuration"}}, // the cluster itself goes from broker to broker
		{"dev-hivemq", "cookie", nil, nil},
		{"dev-vernemq", "database", slices.Concat(newPasswords, vernemqFolder, vernemqNodes),
			[]string{"vernemq-settings", "vernemq-node-0-deployment", "vernemq-node-1-deployment"}},
		{"dev-vernemq", "cookie", slices.Concat(vernemqFolder, vernemqNodes),
			[]string{"vernemq-settings", "vernemq-node-0-deployment", "vernemq-node-1-deployment"}},
	} {
		t.Run(c.stack+" "+c.mark, func(t *testing.T) {
			t.Parallel()
			s := deployedStage(t, c.stack)
			before, templates := s.kept(), s.templates()
			if len(before) < 5 {
				t.Fatalf("of what is stateful there is only %v", before)
			}
			s.edits("security.rotation." + c.mark + "=2026-11-25")
			want := sorted(c.changes)
			s.must(Preview)
			if got := s.touched(); !slices.Equal(got, want) {
				t.Errorf("the preview shows %v, want %v", got, want)
			}
			s.must(Up)
			if got := s.touched(); !slices.Equal(got, want) {
				t.Errorf("it changed %v, want %v", got, want)
			}
			for i := 1; i < len(c.inTurn); i++ {
				if !s.waitsFor(c.inTurn[i], c.inTurn[i-1]) {
					t.Errorf("%s does not wait for %s", c.inTurn[i], c.inTurn[i-1])
				}
			}
			for name, template := range s.templates() {
				// Container Apps makes no new revision, which takes the secrets, for anything else.
				if told := strings.HasPrefix(name, "emqx-emqx-"); told == (template == templates[name]) {
					t.Errorf("is there a new revision of %s? want %v", name, told)
				}
			}
			if after := s.kept(); !maps.Equal(before, after) {
				t.Errorf("what is stateful was %v and is %v", before, after)
			}
			if again := s.must(Up); again.Calls != 0 {
				t.Errorf("a second run made %d calls: %v", again.Calls, again.Changes)
			}
			// A stack that never rotated and one that did differ in the secrets alone: back is another rotation.
			s.edits()
			s.must(Up)
			if got := s.touched(); !slices.Equal(got, want) {
				t.Errorf("without the mark again it changed %v, want %v", got, want)
			}
		})
	}
}

func TestAnotherCertificateOfTheTeamChangesWhatReadsItAndStopsNoNode(t *testing.T) {
	for stack, want := range map[string][]string{
		"prod":         {"~ emqx-edge"},
		"prod-hivemq":  {"~ gateway-gateway"},
		"prod-vernemq": {"~ vernemq-settings"},
	} {
		t.Run(stack, func(t *testing.T) {
			t.Parallel()
			s := deployedStage(t, stack)
			templates := s.templates()
			s.edits("tls.certificate=https://example-team-tls.vault.azure.net/certificates/another")
			s.must(Preview)
			if got := s.touched(); !slices.Equal(got, want) {
				t.Errorf("the preview shows %v, want %v", got, want)
			}
			if changed := s.must(Up); changed.Calls != len(want) || changed.Changes["replace"] != 0 {
				t.Errorf("it took %d calls: %v", changed.Calls, changed.Changes)
			}
			for name, template := range s.templates() {
				if (name == "emqx-edge") == (template == templates[name]) {
					t.Errorf("is there a new revision of %s?", name)
				}
			}
		})
	}
}

func TestTheSecondRegionsNodesComeAfterTheNodeThatAppliesTheSchemaAndMakesTheNewRole(t *testing.T) {
	for stack, node := range map[string]string{"dev": "emqx-emqx-0", "dev-hivemq": "hivemq-configuration",
		"dev-vernemq": "vernemq-node-0-deployment"} {
		t.Run(stack, func(t *testing.T) {
			t.Parallel()
			both := []string{"availability.secondaryLocation=northeurope", "database.sku=Standard_D2ds_v5"}
			s := newStage(t, stack, both...)
			s.must(Up)
			if !s.waitsFor("secondary-"+node, node) {
				t.Error("the second region does not wait for the first one")
			}
			s.edits(append(both, "security.rotation.database=2026-11-25")...)
			s.must(Up)
			changed := s.touched()
			for _, secret := range []string{"~ secondary-database-admin-secret", "~ secondary-database-broker-secret"} {
				if !slices.Contains(changed, secret) {
					t.Errorf("%s is not among %v", secret, changed)
				}
			}
			if slices.Contains(changed, "~ secondary-database-server") {
				t.Error("a replica takes no password")
			}
			if again := s.must(Up); again.Calls != 0 {
				t.Errorf("a second run made %d calls: %v", again.Calls, again.Changes)
			}
		})
	}
}
