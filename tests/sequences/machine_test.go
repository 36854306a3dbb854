package sequences

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"pgregory.net/rapid"

	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/engine"
	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/standin"
)

// machine is a stack in the middle of a sequence.
type machine struct {
	world    *standin.World
	known    engine.State
	wanted   settings        // the config as it is now …
	deployed settings        // … and as the last run that succeeded found it
	planted  []string        // ids of what was put into what is stateful
	born     births          // of what is stateful
	settled  bool            // the last run succeeded, and nothing happened since
	off      map[string]bool // parts, by their keys, that a config switched off since the last run that succeeded
	lost     bool            // the last answer from Azure, which may have deleted what the state still has

	happened map[string]int // how often, over all sequences of one start
}

// run does one thing and holds what must hold whatever became of it.
func (m *machine) run(t rapid.TB, verb engine.Verb, faults standin.Faults) run {
	var result run
	m.known, result = do(verb, m.world, m.known, m.wanted.raw(), faults)
	if result.err != nil {
		m.happened["runs that failed"]++
	} else if len(result.steps) > 0 && verb != engine.Preview {
		m.happened["runs that changed something"]++
	}
	t.Logf("%d calls, %v; %v; %s", result.calls, result.steps, result.err, strings.Join(result.said, "\n"))
	return result
}

// Up deploys, with a preview first now and then: `pulumi up` always has one, which costs as much as the run.
func (m *machine) Up(t *rapid.T) {
	if rapid.IntRange(0, 3).Draw(t, "preview") == 0 {
		before := worldOf(m.world)
		if previewed := m.run(t, engine.Preview, standin.Faults{}); previewed.err != nil && !m.shrinks() {
			t.Fatalf("the preview failed: %v", previewed.said)
		}
		m.unchanged(t, before, "a preview")
	}
	m.up(t)
}

// up brings the stack to its config, and asks all that must hold then.
func (m *machine) up(t rapid.TB) {
	size := m.serverProperty("storage.storageSizeGB")
	result := m.run(t, engine.Up, standin.Faults{})
	if m.shrinks() {
		if result.err == nil || m.serverProperty("storage.storageSizeGB") != size {
			t.Fatalf("a smaller disk was not refused")
		}
		// It may have grown in a run whose answer was lost. Then the config must follow, as docs/scale.md says.
		m.wanted = m.wanted.with(settings{"database.storageGb": int(size.(float64))})
		result = m.run(t, engine.Up, standin.Faults{})
	}
	if result.err != nil {
		t.Fatalf("up failed: %v %v", result.err, result.said)
	}
	m.deployed = m.wanted
	m.converged(t)
	m.off = map[string]bool{}
	if again := m.run(t, engine.Up, standin.Faults{}); again.err != nil || len(again.steps) > 0 || again.calls > 0 {
		t.Fatalf("a second up changes %v with %d calls: %v %v", again.steps, again.calls, again.err, again.said)
	}
	m.settled = true
}

// shrinks says whether the config asks for a smaller disk than the server has, which Azure refuses, and which is only
// known there: it may have grown the disk by itself.
func (m *machine) shrinks() bool {
	return m.wanted["database.storageGb"].(int) < int(m.serverProperty("storage.storageSizeGB").(float64))
}

// Edit changes the config. What the program does not take must be refused before anything is deployed.
func (m *machine) Edit(t *rapid.T) {
	if m.lost { // docs/recovery.md says so
		m.Refresh(t)
	}
	edited := m.wanted.with(drawEdit(t, m.wanted))
	if m.wanted["domain"] != m.deployed["domain"] && edited["domain"] != m.wanted["domain"] {
		// Front Door's domain is named by its host, and the old one is deleted last: one that was left behind is in the
		// way of another with its name.
		t.Skip("a change of the domain is finished before it is undone")
	}
	switch takesAway := m.takesAwayProtected(edited); {
	case !edited.valid():
		m.refuses(t, edited, "the stack config has")
	case takesAway && m.settled && !m.shrinks():
		m.refuses(t, edited, "protect")
	case takesAway:
		t.Skip("another edit is open")
	default:
		m.wanted, m.settled = edited, false
		m.off["monitoring.enabled"] = m.off["monitoring.enabled"] || edited["monitoring.enabled"] == false
		m.off["availability.secondaryLocation"] = m.off["availability.secondaryLocation"] ||
			edited["availability.secondaryLocation"] == ""
		m.happened["edits"]++
	}
}

// takesAwayProtected says whether a config switches a part off of which something is protected. That takes an up
// without protect first.
func (m *machine) takesAwayProtected(edited settings) bool {
	after := machine{wanted: edited, deployed: edited}
	return slices.ContainsFunc(m.known.Resources, func(r apitype.ResourceV3) bool {
		return r.Protect && after.mayGo(r.URN.Name())
	})
}

// EditThatLoses asks for what only a replacement of something stateful could give.
func (m *machine) EditThatLoses(t *rapid.T) {
	edit := rapid.SampledFrom(refused).Draw(t, "edit")
	if m.shrinks() || !m.settled {
		t.Skip("another edit is open")
	}
	if edit["availability.secondaryLocation"] != nil && !m.hasSecondary() {
		t.Skip("no region to lose")
	}
	if !m.wanted.with(edit).valid() { // such as one zone, with a standby of the database in another
		t.Skip("no such config")
	}
	m.refuses(t, m.wanted.with(edit), "undo the edit") // most name allowReplace too
}

// refuses holds that a config is refused in preview, with which `pulumi up` begins, and leaves everything as it was. A
// run without a preview is refused too; by then it may have changed what is not stateful, which the next run changes
// back.
func (m *machine) refuses(t rapid.TB, config settings, word string) {
	kept, before := m.wanted, worldOf(m.world)
	m.wanted = config
	for _, verb := range []engine.Verb{engine.Preview, engine.Up} {
		result := m.run(t, verb, standin.Faults{})
		if result.err == nil || !strings.Contains(strings.Join(result.said, "\n")+result.err.Error(), word) {
			t.Fatalf("it was not refused (verb %v): %v %v", verb, result.err, result.said)
		}
		if verb == engine.Preview {
			m.unchanged(t, before, "the preview of a refused edit")
		}
	}
	m.wanted, m.settled = kept, false
	m.happened["edits that were refused"]++
}

// UpWithFault deploys while something goes wrong. It may fail; the next run goes on from there.
func (m *machine) UpWithFault(t *rapid.T) {
	faults := m.drawFaults(t)
	result := m.run(t, engine.Up, faults)
	if result.err == nil && !m.shrinks() {
		m.deployed = m.wanted
	}
	m.settled, m.lost = false, result.err != nil && (faults.DieAt > 0 || faults.StrikeLate)
}

func (m *machine) drawFaults(t *rapid.T) standin.Faults {
	call := rapid.IntRange(1, 20)
	switch rapid.SampledFrom([]string{"strike", "fail", "die", "throttle", "slow roles"}).Draw(t, "fault") {
	case "fail":
		return standin.Faults{FailAt: call.Draw(t, "call")}
	case "die":
		return standin.Faults{DieAt: call.Draw(t, "call")}
	case "throttle":
		return standin.Faults{Throttle: rapid.IntRange(1, 5).Draw(t, "every")}
	case "slow roles":
		return standin.Faults{SlowRoles: true}
	}
	struck := map[string]bool{}
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(m.names()), 1, 5, rapid.ID).Draw(t, "struck") {
		struck[name] = true
	}
	return standin.Faults{Strike: struck, StrikeLate: rapid.Bool().Draw(t, "late")}
}

// names are the logical names of what the stack has, and so of what is changed or deleted; a strike at what is not
// touched does nothing.
func (m *machine) names() []string {
	var names []string
	for _, r := range m.known.Resources {
		names = append(names, r.URN.Name())
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// ByHand changes or deletes a resource in the portal, and then refreshes. What is stateful is changed and not deleted:
// no program brings that back.
func (m *machine) ByHand(t *rapid.T) {
	ours := slices.DeleteFunc(slices.Clone(m.known.Resources), func(r apitype.ResourceV3) bool {
		return !isAzure(r) || r.Delete
	})
	names := map[string]apitype.ResourceV3{} // the same names in whatever order the engine made them
	for _, r := range ours {
		names[r.URN.Name()] = r
	}
	chosen := names[rapid.SampledFrom(slices.Sorted(maps.Keys(names))).Draw(t, "resource")]
	r, there := worldOf(m.world)[strings.ToLower(string(chosen.ID))]
	if !there {
		t.Skip("it is not there")
	}
	if rapid.Bool().Draw(t, "delete") {
		if m.keeps(r) {
			t.Skip("something is kept in it")
		}
		if err := remove(m.world, r); err != nil {
			t.Skip("Azure refuses: ", err)
		}
	} else {
		tags, tagged := r.Inputs["tags"].(map[string]any)
		if !tagged {
			t.Skip("no tags")
		}
		err := m.world.Edit(r.ID, func(p map[string]any) {
			edited := maps.Clone(tags)
			edited["by-hand"] = "yes"
			p["tags"] = edited
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	m.settled = false
	m.happened["changes by hand"]++
	m.Refresh(t)
}

// keeps says whether a resource is stateful, has something in it that is, or is a secret or a backup, whose name stays
// taken when it is deleted: somebody has to undelete it.
func (m *machine) keeps(r standin.Resource) bool {
	for _, was := range m.born {
		if strings.HasPrefix(was.id+"/", strings.ToLower(r.ID)+"/") {
			return true
		}
	}
	return slices.Contains([]string{"ProtectedItem", "Secret", "Vault"}, kindOf(r))
}

// Refresh takes what Azure holds into the state, and changes nothing there.
func (m *machine) Refresh(t *rapid.T) {
	before := worldOf(m.world)
	if result := m.run(t, engine.Refresh, standin.Faults{}); result.err != nil {
		t.Fatalf("refresh failed: %v %v", result.err, result.said)
	}
	m.lost = false
	m.unchanged(t, before, "a refresh")
}

// end brings the stack to rest, and destroys it with --force, in the middle of which something may go wrong too.
func (m *machine) end(t *rapid.T) {
	if !m.settled {
		m.up(t)
	}
	m.known = engine.Unprotected(m.known)
	if rapid.IntRange(0, 2).Draw(t, "fault in destroy") == 0 {
		m.run(t, engine.Destroy, m.drawFaults(t))
	}
	if result := m.run(t, engine.Destroy, standin.Faults{}); result.err != nil {
		t.Fatalf("destroy failed: %v %v", result.err, result.said)
	}
	if left := m.world.Resources(); len(left) > 0 || len(m.known.Resources) > 0 {
		t.Fatalf("destroy left %v in Azure and %d in the state", ids(left), len(m.known.Resources))
	}
}

func ids(resources []standin.Resource) []string {
	var list []string
	for _, r := range resources {
		list = append(list, fmt.Sprint(r.ID))
	}
	return list
}
