package sequences

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"runtime/debug"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/engine"
	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/standin"
	"github.com/amora-sync/mqtt-on-azure/stacks"
)

// sequencesEach is how many sequences begin with each of the six stacks below: 102 in all. Every night there are 504,
// by -rapid.checks=84.
const (
	sequencesEach = 17
	stepsOfOne    = 5 // on average

	// seed begins the draws. It is the same each time, so that a test fails for what was changed; another one, by
	// -rapid.seed, tries other sequences.
	seed = 20261125
)

// Each stack has a test of its own, so that each can have a process of its own: see the Makefile. Monitoring doubles
// the time of a run. No two are the same: they all draw the same numbers.

func TestNothingIsLostOfEMQX(t *testing.T) { nothingIsLost(t, begin(stacks.EMQXContainerApps, false)) }

func TestNothingIsLostOfHiveMQ(t *testing.T) { nothingIsLost(t, begin(stacks.HiveMQAKS, false)) }

func TestNothingIsLostOfVerneMQ(t *testing.T) { nothingIsLost(t, begin(stacks.VerneMQVMs, false)) }

func TestNothingIsLostOfAMonitoredEMQX(t *testing.T) {
	nothingIsLost(t, begin(stacks.EMQXContainerApps, true))
}

func TestNothingIsLostOfHiveMQWithAStandbyOfItsDatabase(t *testing.T) {
	nothingIsLost(t, begin(stacks.HiveMQAKS, false).with(settings{"availability.databaseHA": true}))
}

func TestNothingIsLostOfAProtectedVerneMQInOneZone(t *testing.T) {
	nothingIsLost(t, begin(stacks.VerneMQVMs, false).with(settings{"availability.zones": []int{1}, "protect": true}))
}

func TestMain(m *testing.M) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400) // a fifth less time, as long as there is memory
	}
	debug.SetMemoryLimit(3 << 30)
	flag.Parse()
	set := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { set[f.Name] = true })
	for name, value := range map[string]string{"rapid.checks": fmt.Sprint(sequencesEach),
		"rapid.steps": fmt.Sprint(stepsOfOne), "rapid.seed": fmt.Sprint(seed)} {
		if !set[name] {
			if err := flag.Set(name, value); err != nil {
				panic(err)
			}
		}
	}
	fmt.Printf("sequences: the seed is -rapid.seed=%s\n", flag.Lookup("rapid.seed").Value)
	os.Exit(m.Run())
}

// nothingIsLost tries random sequences of edits, faults, re-runs and drift.
func nothingIsLost(t *testing.T, config settings) {
	t.Parallel()
	start := begun(t, config)
	sequence := 0
	rapid.Check(t, func(t *rapid.T) {
		sequence++
		m := start.copied()
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) { m.safe(t) }, "up": m.Up, "up with fault": m.UpWithFault, "by hand": m.ByHand,
			"refresh": m.Refresh,
			// most of them are edits
			"edit": m.Edit, "edit more": m.Edit, "edit yet more": m.Edit, "edit that loses": m.EditThatLoses,
		})
		m.end(t)
	})
	t.Logf("%d sequences: %v", sequence, start.happened)
	for _, what := range []string{"edits", "edits that were refused", "changes by hand", "runs that failed",
		"runs that changed something"} {
		if start.happened[what] == 0 && sequence >= 10 { // a few, as under the race detector, need not have all of it
			t.Errorf("there were no %s", what)
		}
	}
}

// start is a stack that is up, to be copied: a sequence that began with nothing would spend most of its time on what
// all have in common.
type start struct {
	machine
}

func begun(t *testing.T, config settings) *start {
	s := &start{machine{world: standin.New()}}
	var result run
	if s.known, result = do(engine.Up, s.world, engine.State{}, config.raw(), standin.Faults{}); result.err != nil {
		t.Fatalf("%v\n%s", result.err, strings.Join(result.said, "\n"))
	}
	var err error
	if s.planted, err = plantData(s.world); err != nil {
		t.Fatal(err)
	}
	s.wanted, s.deployed, s.born, s.settled, s.happened = config, config, birthsOf(s.known), true, map[string]int{}
	if monitored := config["monitoring.enabled"].(bool); len(s.born) != len(stateful)-map[bool]int{false: 1}[monitored] {
		t.Fatalf("of what is stateful there is only %v", s.born)
	}
	return s
}

// copied begins a sequence, in a world of its own.
func (s *start) copied() *machine {
	m := s.machine
	m.world = s.world.Copy()
	m.born, m.off = maps.Clone(s.born), map[string]bool{}
	return &m
}
