package sequences

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/amora-sync/mqtt-on-azure/internal/azurenative"
	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/engine"
	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/standin"
	"github.com/amora-sync/mqtt-on-azure/stacks"
)

var brokers = []string{stacks.EMQXContainerApps, stacks.HiveMQAKS, stacks.VerneMQVMs}

// chains is how many deployments of one edit share its interruptions: each resource that the edit touches fails in one
// of them.
const chains = 8

// changesOf are the edits of a stack that touch the most: to another broker, and to a second region.
func changesOf(broker string) map[string]settings {
	all := map[string]settings{"a second region": {"availability.secondaryLocation": "northeurope"}}
	for _, other := range brokers {
		if other != broker {
			all[other] = settings{"broker": other}
		}
	}
	return all
}

// An edit is interrupted at the call for every resource that it creates, changes or deletes: once the call does
// nothing, and once it does its work and the answer is lost. Each broker has a test, and so a process, of its own: the
// engine keeps some megabytes of each run until its process ends.
func TestAnEditOfEMQXThatIsInterruptedAtAnyCallEndsAsOneThatIsNot(t *testing.T) {
	interruptedAtAnyCall(t, stacks.EMQXContainerApps)
}

func TestAnEditOfHiveMQThatIsInterruptedAtAnyCallEndsAsOneThatIsNot(t *testing.T) {
	interruptedAtAnyCall(t, stacks.HiveMQAKS)
}

func TestAnEditOfVerneMQThatIsInterruptedAtAnyCallEndsAsOneThatIsNot(t *testing.T) {
	interruptedAtAnyCall(t, stacks.VerneMQVMs)
}

func interruptedAtAnyCall(t *testing.T, from string) {
	for to, edit := range changesOf(from) {
		t.Run(to, func(t *testing.T) {
			t.Parallel()
			start := begun(t, begin(from, false))
			whole := start.copied()
			touched := whole.change(t, edit, standin.Faults{})
			if len(touched) < 40 {
				t.Fatalf("the change touches only %v", touched)
			}
			for chain := range 2 * chains {
				strike := map[string]bool{}
				for n := chain / 2; n < len(touched); n += chains {
					strike[touched[n]] = true
				}
				again := start.copied()
				again.change(t, edit, standin.Faults{Strike: strike, StrikeLate: chain%2 == 1})
				if got, want := again.holds(), whole.holds(); !maps.Equal(got, want) {
					t.Errorf("with %v struck, Azure has\n%v\nwant\n%v", strike, got, want)
				}
			}
		})
	}
}

func TestAnEditThatIsTakenBackHalfwayEndsWhereItBegan(t *testing.T) {
	for _, from := range brokers {
		t.Run(from, func(t *testing.T) {
			t.Parallel()
			start := begun(t, begin(from, false))
			for to, edit := range changesOf(from) {
				for at := 5; ; at += 12 {
					m := start.copied()
					m.wanted = m.wanted.with(edit)
					if result := m.run(t, engine.Up, standin.Faults{FailAt: at}); result.err == nil {
						if at < 50 {
							t.Fatalf("the change to %s makes fewer than %d calls", to, at)
						}
						break
					}
					m.safe(t)
					m.change(t, settings{"broker": from, "availability.secondaryLocation": ""}, standin.Faults{})
					if got, want := m.holds(), start.holds(); !maps.Equal(got, want) {
						t.Errorf("to %s until call %d and back, Azure has\n%v\nwant\n%v", to, at, got, want)
					}
				}
			}
		})
	}
}

// change deploys an edit, as often as it takes until every strike came and a run succeeded, and gives back what the
// last run touched.
func (m *machine) change(t *testing.T, edit settings, faults standin.Faults) []string {
	m.wanted = m.wanted.with(edit)
	for len(faults.Strike) > 0 {
		left := fmt.Sprint(faults.Strike)
		if result := m.run(t, engine.Up, faults); result.err == nil || fmt.Sprint(faults.Strike) == left {
			t.Fatalf("it never came to %v, or failed by itself: %v %v", left, result.err, result.said)
		}
		m.safe(t)
	}
	result := m.run(t, engine.Up, faults)
	if result.err != nil {
		t.Fatalf("%v %v", result.err, result.said)
	}
	m.deployed = m.wanted
	m.converged(t)
	if again := m.run(t, engine.Up, standin.Faults{}); again.calls > 0 || again.err != nil {
		t.Fatalf("a second up makes %d calls: %v", again.calls, again.err)
	}
	azure := map[string]bool{}
	for _, step := range result.steps {
		// by retainOnDelete, and so without a call
		kept := step.op == "delete" && azurenative.Kind(step.token) == "keyvault:Secret"
		if strings.HasPrefix(step.token, "azure-native:") && !kept {
			azure[step.name] = true
		}
	}
	return slices.Sorted(maps.Keys(azure))
}

// holds counts what there is of each kind. The secrets of brokers that went stay in their vault, and there are more
// after each attempt.
func (m *machine) holds() map[string]int {
	count := map[string]int{}
	for _, r := range m.world.Resources() {
		if kindOf(r) != "Secret" {
			count[kindOf(r)]++
		}
	}
	return count
}
