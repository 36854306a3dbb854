package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/amora-sync/mqtt-on-azure/internal/review"
	"github.com/amora-sync/mqtt-on-azure/stacks"
)

// asAmora is in the environment of a test binary that is run as amora: to build one takes longer than to test it.
const asAmora = "TEST_RUNS_AS_AMORA"

func TestMain(m *testing.M) {
	if os.Getenv(asAmora) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// baseCheckout makes what review needs of a checkout of the base, with another config of dev and an amora of this code.
func baseCheckout(t *testing.T, edit func(config string) string) string {
	t.Helper()
	root, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	base := t.TempDir()
	for _, name := range []string{"go.mod", "Pulumi.yaml", "Pulumi.dev.yaml"} {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if name == "Pulumi.dev.yaml" {
			data = []byte(edit(string(data)))
		}
		if err := os.WriteFile(filepath.Join(base, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	script := fmt.Sprintf("#!/bin/sh\n%s=1 exec '%s' \"$@\"\n", asAmora, os.Args[0])
	bin := filepath.Join(base, ".rehearsal", "bin")
	if err := errors.Join(os.MkdirAll(bin, 0o755),
		os.WriteFile(filepath.Join(bin, "amora"), []byte(script), 0o755)); err != nil {
		t.Fatal(err)
	}
	return base
}

func TestAReviewShowsWhatAConfigChanges(t *testing.T) {
	base := baseCheckout(t, func(config string) string {
		return strings.NewReplacer("vcpu: 1", "vcpu: 2", "mqtt.dev.", "mqtt.new.", "config:\n",
			"config:\n  amora-sync:allowReplace: [zone]\n").Replace(config)
	})
	file := filepath.Join(t.TempDir(), "comment.md")
	// The domain is replaced, which the config of the base would agree to and this one does not.
	said, err := ran(t, reviewOf(), "--base", base, "--stack", "dev", "--broker", stacks.EMQXContainerApps, "--out", file)
	if err == nil || !strings.Contains(err.Error(), "dev can't be deployed") {
		t.Fatalf("%v\n%s", err, said)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| dev | **emqx-container-apps** | can't be deployed |", "allowReplace"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the comment does not say %q:\n%s", want, text)
		}
	}

	config, err := os.ReadFile(filepath.Join(base, "Pulumi.dev.yaml"))
	if err == nil {
		err = os.WriteFile(filepath.Join(base, "Pulumi.dev.yaml"),
			[]byte(strings.Replace(string(config), "mqtt.new.", "mqtt.dev.", 1)), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	comment := must(t, reviewOf(), "--base", base, "--stack", "dev", "--broker", stacks.EMQXContainerApps)
	for _, want := range []string{
		review.Marker, "| dev | **emqx-container-apps** | 0 | ",
		"- `emqx-emqx-0` (app:ContainerApp): `template.containers[0].resources.cpu`",
		"| − 2 nodes: 2 vCPU, 4 GiB |", "| + 2 nodes: 1 vCPU, 2 GiB |",
	} {
		if !strings.Contains(comment, want) {
			t.Errorf("the comment does not say %q:\n%s", want, comment)
		}
	}
}

func TestAReviewNeedsABuiltBase(t *testing.T) {
	if _, err := ran(t, reviewOf(), "--base", t.TempDir()); err == nil ||
		!strings.Contains(err.Error(), "make amora builds it there") {
		t.Error(err)
	}
}

func TestWhatABrokerNeedsIsAssumedOnlyWhereItIsMissing(t *testing.T) {
	refused := errors.New("refused")
	var tried [][]string
	try := func(accept func(edits []string) bool) func([]string) (stacks.Forecast, error) {
		tried = nil
		return func(edits []string) (stacks.Forecast, error) {
			tried = append(tried, edits)
			if accept(edits) {
				return stacks.Forecast{}, nil
			}
			return stacks.Forecast{}, refused
		}
	}
	licensed := func(edits []string) bool { return len(edits) == 2 && strings.HasPrefix(edits[1], "hivemq.licence=") }
	for _, c := range []struct {
		d      review.Deployment
		accept func([]string) bool
		edits  []string
		tries  int
		err    error
	}{
		// of the stack's own broker, nothing is assumed
		{review.Deployment{Broker: stacks.HiveMQAKS, Own: true}, licensed, nil, 1, refused},
		{review.Deployment{Broker: stacks.HiveMQAKS}, licensed,
			[]string{"broker=hivemq-aks", "hivemq.licence=YSBsaWNlbmNl"}, 2, nil},
		{review.Deployment{Broker: stacks.HiveMQAKS}, func([]string) bool { return true },
			[]string{"broker=hivemq-aks"}, 1, nil},
		{review.Deployment{Broker: stacks.HiveMQAKS}, func([]string) bool { return false },
			[]string{"broker=hivemq-aks"}, 2, refused},
		{review.Deployment{Broker: stacks.EMQXContainerApps}, func([]string) bool { return false },
			[]string{"broker=emqx-container-apps"}, 1, refused},
	} {
		_, edits, err := settle(c.d, try(c.accept))
		if !slices.Equal(edits, c.edits) || len(tried) != c.tries || !errors.Is(err, c.err) {
			t.Errorf("%+v: %q after %d tries, %v; want %q after %d, %v", c.d, edits, len(tried), err, c.edits, c.tries, c.err)
		}
	}
}

func TestTheReasonsOfAFailureAreTheEnginesDiagnostics(t *testing.T) {
	engine := "Previewing\n\nDiagnostics:\n  pulumi:pulumi:Stack (x):\n    error: no\n\nResources:\n    1 errored\n\n" +
		"rehearsal: preview failed (see above)\n"
	if got := reasons(engine); got != "  pulumi:pulumi:Stack (x):\n    error: no" {
		t.Errorf("%q", got)
	}
	long := strings.Repeat("line\n", 30) + "last\n"
	if got := reasons(long); strings.Count(got, "\n") != 19 || !strings.HasSuffix(got, "\nlast") {
		t.Errorf("%q", got)
	}
}
