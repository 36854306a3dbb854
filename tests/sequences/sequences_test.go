package sequences

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/pkg/v3/engine"
	"pgregory.net/rapid"

	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/standin"
	"github.com/amora-sync/mqtt-on-azure/stacks"
)

// sequencesEach is how many sequences begin with each of starts: 504 in all.
const (
	sequencesEach = 84 // a fifth with -short
	stepsOfOne    = 5  // on average
)

// starts are stacks that are up. Monitoring doubles the time of a run. No two are the same: they all draw the same numbers.
var starts = map[string]settings{
	"EMQX":              begin(stacks.EMQXContainerApps, false),
	"HiveMQ":            begin(stacks.HiveMQAKS, false),
	"VerneMQ":           begin(stacks.VerneMQVMs, false),
	"EMQX monitored":    begin(stacks.EMQXContainerApps, true),
	"HiveMQ with HA":    begin(stacks.HiveMQAKS, false).with(settings{"availability.databaseHA": true}),
	"VerneMQ in 1 zone": begin(stacks.VerneMQVMs, false).with(settings{"availability.zones": []int{1}, "protect": true}),
}

func TestMain(m *testing.M) {
	// One save of the state at the end of a run, as the other tests have it. PULUMI_SKIP_CHECKPOINTS is one of the experiments.
	os.Setenv("PULUMI_EXPERIMENTAL", "true")
	os.Setenv("PULUMI_SKIP_CHECKPOINTS", "true")
	// A fifth less time, as long as there is memory: of each run the engine keeps about a megabyte until its process ends.
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(8 << 30)
	flag.Parse()
	set := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { set[f.Name] = true })
	seed := uint64(time.Now().UnixNano())
	for name, value := range map[string]string{"rapid.checks": fmt.Sprint(sequencesEach), "rapid.steps": fmt.Sprint(stepsOfOne), "rapid.seed": fmt.Sprint(seed)} {
		if !set[name] {
			if err := flag.Set(name, value); err != nil {
				panic(err)
			}
		}
	}
	fmt.Printf("sequences: the seed is -rapid.seed=%s\n", flag.Lookup("rapid.seed").Value)
	os.Exit(m.Run())
}

func TestNothingIsLostByEditsFaultsRerunsAndDrift(t *testing.T) {
	for name, config := range starts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := begun(t, config)
			sequence := 0
			rapid.Check(t, func(t *rapid.T) {
				sequence++
				m := start.copied(t, "sequence")
				t.Repeat(map[string]func(*rapid.T){
					"": func(t *rapid.T) { m.safe(t) }, "up": m.Up, "up with fault": m.UpWithFault, "by hand": m.ByHand, "refresh": m.Refresh,
					"edit": m.Edit, "edit more": m.Edit, "edit yet more": m.Edit, "edit that loses": m.EditThatLoses, // most of them are edits
				})
				m.end(t)
			})
			t.Logf("%d sequences: %v", sequence, start.happened)
			for _, what := range []string{"edits", "edits that were refused", "changes by hand", "runs that failed", "runs that changed something"} {
				if start.happened[what] == 0 && !testing.Short() {
					t.Errorf("there were no %s", what)
				}
			}
		})
	}
}

// start is a stack that is up, to be copied: a sequence that began with nothing would spend most of its time on what all have in common.
type start struct {
	folder string
	machine
}

func (s *start) file(name string) string { return filepath.Join(s.folder, name) }

func begun(t *testing.T, config settings) *start {
	s := &start{folder: t.TempDir()}
	var err error
	if s.world, err = standin.Open(s.file("start.json")); err != nil {
		t.Fatal(err)
	}
	var result run
	if s.known, result = do(engine.Update, false, s.world, nil, config.raw(), standin.Faults{}); result.err != nil {
		t.Fatalf("%v\n%s", result.err, strings.Join(result.said, "\n"))
	}
	if s.planted, err = plantData(s.world); err != nil {
		t.Fatal(err)
	}
	s.wanted, s.deployed, s.born, s.settled, s.happened = config, config, birthsOf(s.known), true, map[string]int{}
	if monitored := config["monitoring.enabled"].(bool); len(s.born) != len(stateful)-map[bool]int{false: 1}[monitored] {
		t.Fatalf("of what is stateful there is only %v", s.born)
	}
	return s
}

// copied begins a sequence, in a world that takes the place of the last one of that name.
func (s *start) copied(t rapid.TB, name string) *machine {
	m := s.machine
	data, err := os.ReadFile(s.file("start.json"))
	if err != nil {
		t.Fatal(err)
	}
	file := s.file(name + ".json")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if m.world, err = standin.Open(file); err != nil {
		t.Fatal(err)
	}
	known := *s.known
	known.Resources = slices.Clone(known.Resources)
	m.known, m.born = &known, maps.Clone(s.born)
	return &m
}
