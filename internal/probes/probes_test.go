package probes

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

const group = "/subscriptions/1/resourceGroups/amora-dev"

// has is a state with resources of all that probes are about.
var has = func() string {
	resources := []string{
		`{"type":"pulumi:pulumi:Stack","outputs":{"mqttEndpoint":"mqtts://mqtt.example.com:8883"}}`,
		`{"id":"` + group + `"}`,
		`{"id":"` + group + `/providers/Microsoft.OperationalInsights/workspaces/amora-dev-clients",` +
			`"outputs":{"customerId":"clients"}}`,
		`{"id":"` + group + `/providers/Microsoft.OperationalInsights/workspaces/amora-dev",` +
			`"outputs":{"customerId":"metrics"}}`,
	}
	for _, id := range []string{"App/managedEnvironments/amora-dev", "App/containerApps/emqx-0", "App/jobs/rules",
		"Cdn/profiles/amora-dev", "Compute/virtualMachines/amora-dev-0", "Compute/virtualMachines/amora-dev-1",
		"ContainerService/managedClusters/amora-dev", "Network/applicationGateways/amora-dev",
		"Network/trafficManagerProfiles/amora-dev",
		"ContainerService/managedClusters/amora-dev/providers/Microsoft.KubernetesConfiguration/fluxConfigurations/hivemq",
		"KeyVault/vaults/amora-dev/providers/Microsoft.Insights/diagnosticSettings/logs",
	} {
		resources = append(resources, `{"id":"`+group+`/providers/Microsoft.`+id+`"}`)
	}
	resources = append(resources, `{"id":"`+group+`/providers/Microsoft.Network/publicIPAddresses/amora-dev",`+
		`"outputs":{"ddosSettings":{"protectionMode":"Enabled"}}}`)
	return `{"deployment":{"resources":[` + strings.Join(resources, ",") + `]}}`
}()

// world answers what is asked, by words of the question. The longest words that match are meant.
type world struct {
	says   map[string]string
	shows  string // name in the certificate
	status int
	names  error
}

func (w world) run(_ context.Context, name string, args ...string) ([]byte, error) {
	line := name + " " + strings.Join(args, " ")
	best := ""
	for words := range w.says {
		if strings.Contains(line, words) && len(words) > len(best) {
			best = words
		}
	}
	if best == "" {
		return nil, errors.New("nobody answers: " + line)
	}
	if what, fails := strings.CutPrefix(w.says[best], "error: "); fails {
		return nil, errors.New(what)
	}
	return []byte(w.says[best]), nil
}

// stack is the deployed one, in a world.
func (w world) stack(t *testing.T) *Stack {
	t.Helper()
	if w.says == nil {
		w.says = map[string]string{}
	}
	w.says["pulumi stack export"] = has
	s, err := Open(t.Context(), "dev", w.run)
	if err != nil {
		t.Fatal(err)
	}
	s.Certificate = func(context.Context, string) (*x509.Certificate, error) {
		if w.shows == "" {
			return nil, errors.New("connection refused")
		}
		return &x509.Certificate{Subject: pkix.Name{CommonName: w.shows}, DNSNames: []string{w.shows},
			NotAfter: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}, nil
	}
	s.Status = func(context.Context, string) (int, error) { return w.status, nil }
	s.Lookup = func(context.Context, string) ([]string, error) { return []string{"192.0.2.1"}, w.names }
	return s
}

func table(rows string) string { return `{"tables":[{"rows":[` + rows + `]}]}` }

func printed(text string) string {
	return fmt.Sprintf(`{"value":[{"message":%q}]}`, "Enable succeeded: \n[stdout]\n"+text+"\n\n[stderr]\n")
}

func kubectl(text string) string { return fmt.Sprintf(`{"exitCode":0,"logs":%q}`, text) }

func state1(properties string) string { return `{"properties":{` + properties + `}}` }

// answers are, for each probe that is tried by itself, a world in which it holds and one in which it does not.
var answers = map[int][2]world{
	1: {{says: map[string]string{"mqtt.node.up": table(`["emqx-0",1],["emqx-1",1]`)}},
		{says: map[string]string{"mqtt.node.up": table(`["emqx-0",1],["emqx-1",0]`)}}},
	2: {{says: map[string]string{"mqtt.node.up": table(`["emqx-0",1],["emqx-1",1]`),
		"mqtt.nodes.running": table(`["emqx-0",2],["emqx-1",2]`)}},
		{says: map[string]string{"mqtt.node.up": table(`["emqx-0",1],["emqx-1",1]`),
			"mqtt.nodes.running": table(`["emqx-0",2],["emqx-1",1]`)}}},
	3: {{shows: "mqtt.example.com"}, {shows: "other.example.com"}},
	4: {{status: 400}, {status: 403}},
	5: {{says: map[string]string{"managedEnvironments": state1(`"provisioningState":"Succeeded"`),
		"containerApps": state1(`"provisioningState":"Succeeded","runningStatus":"Running"`)}},
		{says: map[string]string{"managedEnvironments": state1(`"provisioningState":"Succeeded"`),
			"containerApps": state1(`"provisioningState":"Succeeded","runningStatus":"Suspended"`)}}},
	6: {{shows: "mqtt.example.com"}, {}},
	9: {{says: map[string]string{"jobs/rules/executions": `{"value":[{"properties":{"status":"Running"}},` +
		`{"properties":{"status":"Succeeded"}}]}`}},
		{says: map[string]string{"jobs/rules/executions": `{"value":[{"properties":{"status":"Succeeded"}},` +
			`{"properties":{"status":"Failed"}}]}`}}},
	15: {{says: map[string]string{"fluxConfigurations": state1(`"complianceState":"Compliant"`)}},
		{says: map[string]string{"fluxConfigurations": state1(`"complianceState":"Pending"`)}}},
	16: {{says: map[string]string{"get hivemq-platform": kubectl("RUNNING")}},
		{says: map[string]string{"get hivemq-platform": kubectl("ROLLING_RESTART")}}},
	21: {{says: map[string]string{
		"get serviceaccount": kubectl("serviceaccount/default\nserviceaccount/hivemq-platform-pod-broker\n")}},
		{says: map[string]string{"get serviceaccount": kubectl("serviceaccount/default\n")}}},
	22: {{says: map[string]string{"status.phase=Pending": kubectl("")}},
		{says: map[string]string{"status.phase=Pending": kubectl("pod/broker-2\n")}}},
	24: {{says: map[string]string{"get deployments": kubectl("1 1")}},
		{says: map[string]string{"get deployments": kubectl("")}}},
	64: {{says: map[string]string{"--dry-run=server": kubectl("namespace/hivemq labeled (server dry run)")}},
		{says: map[string]string{"--dry-run=server": kubectl("Warning: existing pods in namespace")}}},
	26: {{says: map[string]string{"8888/health": printed(`{"status":"OK"} 200`)}},
		{says: map[string]string{"8888/health": printed(`{"status":"OK"} 200`),
			"virtualMachines/amora-dev-1 --command-id": printed(`{"status":"DOWN"} 503`)}}},
	29: {{says: map[string]string{"findmnt": printed("/var/lib/vernemq")}},
		{says: map[string]string{"findmnt": printed("/")}}},
	63: {{says: map[string]string{"systemd-analyze": printed("→ Overall exposure level for it: 3.4 OK\nfenced")}},
		{says: map[string]string{"systemd-analyze": printed("→ Overall exposure level for it: 3.4 OK\nreached")}}},
	40: {{says: map[string]string{"diagnosticSettings": state1(`"logs":[{"enabled":false},{"enabled":true}]`)}},
		{says: map[string]string{"diagnosticSettings": state1(`"logs":[{"enabled":false}]`)}}},
	41: {{says: map[string]string{"mqtt.connections": table(`[12]`)}},
		{says: map[string]string{"mqtt.connections": table(`[0]`)}}},
	44: {{says: map[string]string{"mqtt.certificate.days": table(`[3]`)}},
		{says: map[string]string{"mqtt.certificate.days": table(`[0]`)}}},
	46: {{says: map[string]string{"Perf": table(`["amora-dev-0"],["amora-dev-1"]`)}},
		{says: map[string]string{"Perf": table(`["amora-dev-0"]`)}}},
	47: {{says: map[string]string{"ContainerLogV2": table(`["hivemq"]`)}},
		{says: map[string]string{"ContainerLogV2": table(`["hivemq"],["kube-system"]`)}}},
	50: {{says: map[string]string{"publicIPAddresses": state1(`"ddosSettings":{"protectionMode":"Enabled"}`)}},
		{says: map[string]string{"publicIPAddresses": state1(`"ddosSettings":{"protectionMode":"Disabled"}`)}}},
	51: {{}, {names: errors.New("no such host")}},
	61: {{says: map[string]string{"pulumi refresh": "Resources:\n    115 unchanged\n"}},
		{says: map[string]string{"pulumi refresh": "error: no changes were expected but changes were proposed"}}},
	65: {{says: map[string]string{"activity-log": `[{"id":"/jobs/admin-abc"}]`}},
		{says: map[string]string{"activity-log": `[{"id":"/jobs/admin-abc","body":"$2a$10$x"}]`}}},
	69: {{status: 429}, {status: 400}},
}

// sameAs are probes whose question another one puts.
var sameAs = map[int]int{11: 1, 12: 9, 14: 3, 17: 16, 27: 26, 33: 26, 42: 41, 43: 41}

func TestEachProbeHoldsWhereAzureDoesAsAssumedAndFailsWhereNot(t *testing.T) {
	for _, p := range All() {
		number := p.Number
		if other, same := sameAs[number]; same {
			number = other
		}
		worlds, known := answers[number]
		if known != p.Automatic() {
			t.Errorf("probe %d is tried by itself: %v; a world for it: %v", p.Number, p.Automatic(), known)
			continue
		}
		for i, want := range []Verdict{Held, Failed} {
			if !known {
				break
			}
			var got []Result
			all, err := Run(t.Context(), worlds[i].stack(t), []int{p.Number}, true, func(r Result) { got = append(got, r) })
			if err != nil || len(got) != 1 || got[0].Verdict != want || all != (want != Failed) || got[0].Saw == "" {
				t.Errorf("probe %d is %+v, want %s: %v", p.Number, got, want, err)
			}
		}
	}
}

// Where nobody answers, nothing holds. Two look at the name from outside, and one at the preview's end.
func TestAQuestionThatCanNotBePutIsNoAnswer(t *testing.T) {
	s := world{names: errors.New("no such host"), status: 503}.stack(t)
	for _, p := range All() {
		if !p.Automatic() || p.Number == 69 {
			continue
		}
		_, err := Run(t.Context(), s, []int{p.Number}, true, func(r Result) {
			if r.Verdict == Held {
				t.Errorf("probe %d holds: %s", p.Number, r.Saw)
			}
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestWhatAStackDoesNotHaveAndWhatClientsWouldNoticeIsNotAsked(t *testing.T) {
	s := world{status: 429}.stack(t)
	s.resources = slices.DeleteFunc(s.resources, func(r resource) bool {
		return azureType(r.ID) == "Microsoft.Compute/virtualMachines"
	})
	got := map[int]Answer{}
	all, err := Run(t.Context(), s, []int{29, 69, 13}, false, func(r Result) { got[r.Number] = r.Answer })
	if err != nil || !all || len(got) != 3 {
		t.Fatal(all, err, got)
	}
	for number, why := range map[int]string{29: "has no Microsoft.Compute/virtualMachines", 69: "--disruptive",
		13: "for a person"} {
		if got[number].Verdict != NotAsked || !strings.Contains(got[number].Saw, why) {
			t.Errorf("probe %d: %+v, want %q", number, got[number], why)
		}
	}
	if _, err := Run(t.Context(), s, []int{9999}, false, func(Result) {}); err == nil {
		t.Error("a probe that there is not was tried")
	}
}

func TestAStackThatIsNotDeployedIsSaidToBe(t *testing.T) {
	w := world{says: map[string]string{"pulumi stack export": `{"deployment":{"resources":[]}}`}}
	if _, err := Open(t.Context(), "dev", w.run); err == nil || !strings.Contains(err.Error(), "dev is not deployed") {
		t.Error(err)
	}
}

func TestATypeIsReadFromAnID(t *testing.T) {
	for id, want := range map[string]string{
		group: "Microsoft.Resources/resourceGroups", "": "", "rjwzds": "",
		group + "/providers/Microsoft.Network/dnsZones/a.example.com/A/@":                    "Microsoft.Network/dnsZones/A",
		group + "/providers/Microsoft.KeyVault/vaults/v/providers/Microsoft.Insights/x/logs": "Microsoft.Insights/x",
	} {
		if got := azureType(id); got != want {
			t.Errorf("%q is a %q, want %q", id, got, want)
		}
	}
}
