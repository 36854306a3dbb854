package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/amora-sync/mqtt-on-azure/internal/probes"
)

// probed runs two probes of a stack whose state says that there is Flux, which Azure describes in these words.
func probed(t *testing.T, compliance string, change func(*probing)) (string, error) {
	t.Helper()
	const group = "/subscriptions/1/resourceGroups/g"
	p := &probing{stack: "prod", only: []int{15, 13}}
	p.run = func(_ context.Context, name string, args ...string) ([]byte, error) {
		if line := name + " " + strings.Join(args, " "); line == "pulumi stack export --stack prod" {
			const aks = group + "/providers/Microsoft.ContainerService/managedClusters/c"
			return []byte(`{"deployment":{"resources":[{"id":"` + group + `"},{"id":"` + aks + `"},{"id":"` + aks +
				`/providers/Microsoft.KubernetesConfiguration/fluxConfigurations/hivemq"}]}}`), nil
		} else if !strings.Contains(line, "fluxConfigurations/hivemq?api-version=") {
			t.Errorf("it runs %s", line)
		}
		return []byte(`{"properties":{"complianceState":"` + compliance + `"}}`), nil
	}
	change(p)
	var out bytes.Buffer
	err := p.probe(t.Context(), &out)
	return out.String(), err
}

func TestAFailedProbeIsAnAnswerThatIsNoAndIsInTheReport(t *testing.T) {
	report := filepath.Join(t.TempDir(), "probes.md")
	said, err := probed(t, "NonCompliant", func(p *probing) { p.report = report })
	if !errors.Is(err, errProbeFailed) || exitCode(err) != answeredNo ||
		!strings.Contains(said, "failed     15  hivemq: NonCompliant") {
		t.Errorf("%v\n%s", err, said)
	}
	page, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# What Azure showed of stack prod", "0 held, 1 failed, 1 not asked", "| 15 |",
		"| hivemq: NonCompliant |"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the report does not say %q:\n%s", want, page)
		}
	}
}

func TestProbesThatHoldAreAYesAlsoAsJSON(t *testing.T) {
	said, err := probed(t, "Compliant", func(p *probing) { p.json = true })
	if err != nil {
		t.Fatal(err)
	}
	var results []probes.Result
	if err := json.Unmarshal([]byte(said), &results); err != nil || len(results) != 2 {
		t.Fatalf("%v\n%s", err, said)
	}
	for _, r := range results {
		if want := map[int]probes.Verdict{13: probes.NotAsked, 15: probes.Held}[r.Number]; r.Verdict != want {
			t.Errorf("%+v, want %s", r, want)
		}
	}
}
