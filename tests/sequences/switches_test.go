package sequences

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/pkg/v3/engine"

	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/standin"
	"github.com/amora-sync/mqtt-on-azure/stacks"
)

var brokers = []string{stacks.EMQXContainerApps, stacks.HiveMQAKS, stacks.VerneMQVMs}

// chains is how many switches share the interruptions of one: each resource that the switch touches fails in one of them.
const chains = 8

// TestASwitchThatIsInterruptedAtAnyCallEndsAsOneThatIsNot fails the call for every resource that a switch creates, changes or deletes: once it does
// nothing, and once it does its work and the answer is lost.
func TestASwitchThatIsInterruptedAtAnyCallEndsAsOneThatIsNot(t *testing.T) {
	for _, from := range brokers {
		t.Run(from, func(t *testing.T) {
			t.Parallel()
			start := begun(t, begin(from, false))
			for _, to := range brokers {
				if to == from {
					continue
				}
				whole := start.copied(t, "whole")
				touched := whole.switchTo(t, to, standin.Faults{})
				if len(touched) < 50 {
					t.Fatalf("the switch to %s touches only %v", to, touched)
				}
				for chain := range 2 * chains {
					strike := map[string]bool{}
					for n := chain / 2; n < len(touched); n += chains {
						strike[touched[n]] = true
					}
					again := start.copied(t, "interrupted")
					again.switchTo(t, to, standin.Faults{Strike: strike, StrikeLate: chain%2 == 1})
					if got, want := again.holds(), whole.holds(); !maps.Equal(got, want) {
						t.Errorf("to %s with %v struck, Azure has\n%v\nwant\n%v", to, strike, got, want)
					}
				}
			}
		})
	}
}

// switchTo deploys another broker, as often as it takes until every strike came and a run succeeded, and gives back what the last run touched.
func (m *machine) switchTo(t *testing.T, broker string, faults standin.Faults) []string {
	m.wanted = m.wanted.with(settings{"broker": broker})
	for len(faults.Strike) > 0 {
		left := fmt.Sprint(faults.Strike)
		if result := m.run(t, engine.Update, false, faults); result.err == nil || fmt.Sprint(faults.Strike) == left {
			t.Fatalf("it never came to %v, or failed by itself: %v %v", left, result.err, result.said)
		}
		m.safe(t)
	}
	result := m.run(t, engine.Update, false, faults)
	if result.err != nil {
		t.Fatalf("%v %v", result.err, result.said)
	}
	m.deployed = m.wanted
	m.converged(t)
	if again := m.run(t, engine.Update, false, standin.Faults{}); again.calls > 0 || again.err != nil {
		t.Fatalf("a second up makes %d calls: %v", again.calls, again.err)
	}
	azure := map[string]bool{}
	for _, step := range result.steps {
		kept := step.op == "delete" && step.token == "azure-native:keyvault:Secret" // by retainOnDelete, and so without a call
		if strings.HasPrefix(step.token, "azure-native:") && !kept {
			azure[step.name] = true
		}
	}
	return slices.Sorted(maps.Keys(azure))
}

// holds counts what there is of each kind. The secrets of brokers that went stay in their vault, and there are more after each attempt.
func (m *machine) holds() map[string]int {
	count := map[string]int{}
	for _, r := range m.world.Resources() {
		if kindOf(r) != "Secret" {
			count[kindOf(r)]++
		}
	}
	return count
}
