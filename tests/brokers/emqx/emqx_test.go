package emqx

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
	"github.com/amora-sync/mqtt-on-azure/tests/brokers/parts"
)

// restarts is how often nodes are restarted under a hammer. Twenty take ten minutes.
var restarts = flag.Int("restarts", 4, "how many restarts of a node under a hammer of wrong logins")

// overlap is how long two instances of a name stand beside each other.
var overlap = flag.Duration("overlap", 15*time.Second, "how long an update overlaps")

// cutFor is how long a node is cut off once it is missed, and how long nodes don't see each other.
var cutFor = flag.Duration("cut", 15*time.Second, "how long a node is cut off")

// served is a lab with nodes that serve, begun at once.
func served(t *testing.T, nodes int) (*lab, []*replica) {
	t.Helper()
	l := newLab(t, nodes)
	l.data.user("u1")
	l.allow("u1", "devices/u1/#")
	all := make([]*replica, nodes)
	for i := range all {
		all[i] = l.run(i)
	}
	for _, r := range all {
		t.Logf("%s serves after %s", r.address, r.mustServe())
	}
	l.edgeKnows(nodes)
	return l, all
}

// edgeKnows waits until the edge sends clients somewhere.
func (l *lab) edgeKnows(nodes int) {
	l.t.Helper()
	parts.Within(l.t, 20*time.Second, "the edge lets a client in", func() bool {
		code, err := l.throughEdge().login("first", "u1", "u1")
		return err == nil && code == 0
	})
	time.Sleep(3 * time.Second) // it asks each node every two seconds
}

// together holds that these nodes, and no others, are one cluster.
func together(t *testing.T, all ...*replica) {
	t.Helper()
	for _, r := range all {
		nodes := r.eval("lists:sort(mria:running_nodes()).")
		if strings.Count(nodes, "@") != len(all) {
			t.Errorf("%s sees %s", r.address, nodes)
		}
		for _, other := range all {
			if !strings.Contains(nodes, assets.ErlangName(other.node)) {
				t.Errorf("%s does not see %s", r.address, assets.ErlangName(other.node))
			}
		}
	}
}

func TestThreeNodesThatStartAtOnceAreOneCluster(t *testing.T) {
	l, all := served(t, 3)
	together(t, all...)
	for i := range all {
		if code, err := inside(i).login("somebody", "u1", "u1"); code != 0 || err != nil {
			t.Errorf("the right password: %#x, %v", code, err)
		}
		for _, who := range [][2]string{{"u1", "wrong"}, {"nobody", "u1"}, {"", ""}} {
			if code, err := inside(i).login("somebody", who[0], who[1]); code == 0 || err != nil {
				t.Errorf("%q: %#x, %v", who, code, err)
			}
		}
	}
	l.allow("u1", "common/#")
	reader := inside(0).mustConnect(t, "reader", "u1", "u1")
	parts.Must(t, reader.subscribe("common/#"))
	writer := inside(2).mustConnect(t, "writer", "u1", "u1")
	parts.Must(t, writer.publish("common/1", "across"))
	parts.Within(t, patience, "a message comes from another node", func() bool {
		return len(reader.missing(map[string]byte{"across": 0})) == 0
	})
}

func TestNothingAcknowledgedIsLostAndNobodyGetsInWhileNodesRestart(t *testing.T) {
	l, all := served(t, 3)
	h := swing(t, l.throughEdge(), inside(0), inside(1), inside(2))
	f, stays := l.flow(inside(0)), l.staying(0, 0)
	for n := range *restarts {
		i := 1 + n%2
		if n/2%2 == 0 {
			f.killed(all[i])
		} else {
			t.Logf("%s stopped after %s", all[i].address, all[i].terminate())
		}
		time.Sleep(time.Second)
		all[i] = l.run(i)
		t.Logf("restart %d: %s serves after %s", n, all[i].address, all[i].mustServe())
		together(t, all...)
	}
	f.end(t)
	stays.end(t)
	h.rest(t)
}

// TestAnUpdateRunsOneInstanceOfANameThoughAzureStartsTwo starts the new instance of each node beside the old one, which
// Azure ends half a minute after the new one is ready.
func TestAnUpdateRunsOneInstanceOfANameThoughAzureStartsTwo(t *testing.T) {
	l, all := served(t, 3)
	h := swing(t, l.throughEdge(), inside(0), inside(1), inside(2))
	for i := range all {
		f := l.flow(inside((i + 1) % 3))
		renewed := l.run(i)
		parts.Within(t, 20*time.Second, "the new one is alive",
			func() bool { code, _ := renewed.gate(assets.GateAlivePath); return code == 200 })
		for end := time.Now().Add(*overlap); time.Now().Before(end); time.Sleep(time.Second) {
			if code, why := renewed.gate(assets.GateServingPath); code != 503 {
				t.Fatalf("beside the old one the new one answers %d, %s", code, why)
			}
			if code, err := renewed.straight().login("early", "u1", "u1"); err == nil {
				t.Fatalf("beside the old one the new one answers a client with %#x", code)
			}
		}
		if !all[i].serves() {
			t.Errorf("%s does not serve while the new one waits", all[i].address)
		}
		t.Logf("%s stopped after %s", all[i].address, all[i].terminate())
		all[i] = renewed
		t.Logf("%s serves after %s", renewed.address, renewed.mustServe())
		together(t, all...)
		f.end(t)
	}
	h.rest(t)
}

// TestAnUpdateOfAllNodesAtOnceReplacesOneAfterTheOther has Azure end each old instance once the new one answers its
// probes.
func TestAnUpdateOfAllNodesAtOnceReplacesOneAfterTheOther(t *testing.T) {
	l, all := served(t, 3)
	keep(t, inside(0))
	h := swing(t, l.throughEdge(), inside(0), inside(1), inside(2))
	renewed := make([]*replica, len(all))
	for i := range all {
		renewed[i] = l.run(i)
	}
	begun, tried, refused, told := time.Now(), 0, 0, map[int]time.Time{}
	for left := len(all); left > 0; time.Sleep(100 * time.Millisecond) {
		tried++
		if code, err := l.throughEdge().login("somebody", "u1", "u1"); err != nil || code != 0 {
			refused++
		}
		left = 0
		for i, r := range all {
			select {
			case <-r.over:
				l.apps[i].remove(r.address)
				continue
			default:
				left++
			}
			if ready, is := told[i]; !is {
				if code, _ := renewed[i].gate(assets.GateAlivePath); code == 200 {
					told[i] = time.Now()
				}
			} else if !ready.IsZero() && time.Since(ready) > 5*time.Second {
				told[i] = time.Time{} // told
				r.signal(syscall.SIGTERM)
			}
		}
		if time.Since(begun) > 6*time.Minute {
			t.Fatalf("%d have not stopped", left)
		}
	}
	t.Logf("all have stopped after %s; %d of %d logins of the right password failed meanwhile", time.Since(begun),
		refused, tried)
	if refused > tried/20 {
		t.Error("too many logins failed: the edge was without nodes")
	}
	for _, r := range renewed {
		r.mustServe()
	}
	together(t, renewed...)
	h.rest(t)
	kept(t, inside(0), inside(1), inside(2))
}

// keep publishes a retained message, and kept holds that each of these nodes has it.
func keep(t *testing.T, w way) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	keeper := w.mustConnect(t, "keeper", "u1", "u1")
	if _, err := keeper.Publish(ctx, &paho.Publish{Topic: "devices/u1/kept", QoS: 1, Retain: true,
		Payload: []byte("kept")}); err != nil {
		t.Fatal(err)
	}
}

func kept(t *testing.T, ways ...way) {
	t.Helper()
	for _, w := range ways {
		reader := w.mustConnect(t, "late at "+w.name, "u1", "u1")
		parts.Must(t, reader.subscribe("devices/u1/kept"))
		parts.Within(t, patience, "the retained message is at "+w.name, func() bool {
			return len(reader.missing(map[string]byte{"kept": 0})) == 0
		})
	}
}

// TestASlowJoinLetsNobodyInAndLosesNothing freezes EMQX in the midst of a join: first that of the node that joins, for
// longer than the others miss a node that is silent, then that of the node that it joins.
func TestASlowJoinLetsNobodyInAndLosesNothing(t *testing.T) {
	l := newLab(t, 3)
	l.data.user("u1")
	l.allow("u1", "devices/u1/#")
	stay := []*replica{l.run(0), l.run(1)}
	for _, r := range stay {
		r.mustServe()
	}
	l.edgeKnows(2)
	h := swing(t, l.throughEdge(), inside(0), inside(1), inside(2))
	for _, freeze := range []struct {
		joins bool
		long  time.Duration
	}{{true, 20 * time.Second}, {false, 8 * time.Second}} {
		f := l.flow(inside(1))
		third := l.run(2)
		parts.Within(t, 4*time.Minute, "it joins", func() bool { return strings.Contains(third.said.String(), "joining") })
		who := stay[0]
		if freeze.joins {
			who = third
		}
		thaw := who.freeze()
		if strings.Contains(third.said.String(), "joined") {
			t.Log("the join was over already")
		}
		time.Sleep(freeze.long)
		thaw()
		t.Logf("it serves after %s", third.mustServe())
		together(t, stay[0], stay[1], third)
		f.end(t)
		third.terminate()
	}
	h.rest(t)
}

func TestAClusterOfWhichAllNodesStopFoundsItselfAnew(t *testing.T) {
	l, all := served(t, 3)
	h := swing(t, l.throughEdge(), inside(0), inside(1), inside(2))
	for _, r := range all {
		r.kill()
	}
	for i := range all {
		all[i] = l.run(i)
	}
	for _, r := range all {
		r.mustServe()
	}
	together(t, all...)
	h.rest(t)
}

func TestAFounderThatIsLostComesBackIntoTheClusterOfTheOthers(t *testing.T) {
	l := newLab(t, 3)
	l.data.user("u1")
	l.allow("u1", "devices/u1/#")
	founder := l.run(0)
	founder.mustServe()
	others := []*replica{l.run(1), l.run(2)}
	for _, r := range others {
		r.mustServe()
	}
	l.edgeKnows(3)
	h := swing(t, l.throughEdge(), inside(0), inside(1), inside(2))
	f, stays := l.flow(inside(1)), l.staying(1, 1, 2)
	f.killed(founder)
	founder = l.run(0)
	founder.mustServe()
	together(t, founder, others[0], others[1])
	f.end(t)
	stays.end(t)
	h.rest(t)
}

// TestTwoNodesThatAreLostAtOnceComeBackIntoTheClusterOfTheThird holds that their empty disks are not merged with each
// other.
func TestTwoNodesThatAreLostAtOnceComeBackIntoTheClusterOfTheThird(t *testing.T) {
	l, all := served(t, 3)
	h := swing(t, l.throughEdge(), inside(0), inside(1), inside(2))
	f, stays := l.flow(inside(0)), l.staying(0, 0)
	for _, r := range all[1:] {
		f.killed(r)
	}
	all[1], all[2] = l.run(1), l.run(2)
	for _, r := range all[1:] {
		t.Logf("%s serves after %s", r.address, r.mustServe())
		if strings.Contains(r.said.String(), "could not join") {
			t.Errorf("%s did not join at once", r.address)
		}
	}
	together(t, all...)
	f.end(t)
	stays.end(t)
	h.rest(t)
}

// TestANodeThatIsCutOffIsMissedWithinTwentySecondsAndStartsAnew drops all that a node sends and gets.
func TestANodeThatIsCutOffIsMissedWithinTwentySecondsAndStartsAnew(t *testing.T) {
	l, all := served(t, 3)
	stays := l.staying(0, 0, 1)
	time.Sleep(time.Second)
	all[2].cut()
	begun := time.Now()
	logins := right(t, inside(0), inside(1))
	parts.Within(t, 25*time.Second, "the others miss it", func() bool {
		return !strings.Contains(all[0].eval("mria:running_nodes()."), assets.ErlangName(2))
	})
	t.Logf("missed after %s", time.Since(begun))
	if missed := time.Since(begun); missed > 20*time.Second {
		t.Errorf("missed after %s only", missed)
	}
	f, h := l.flow(inside(0)), swing(t, l.throughEdge(), inside(0), inside(2))
	time.Sleep(*cutFor)
	logins()
	all[2].join() // it comes back with a cluster of its own, and takes no new clients
	parts.Within(t, 2*time.Minute, "it starts anew", func() bool {
		return strings.Count(all[2].said.String(), "clients are let in") == 1 &&
			strings.Contains(all[2].said.String(), "starting anew") &&
			!all[2].serves()
	})
	all[2].mustServe()
	together(t, all...)
	f.end(t)
	stays.end(t)
	h.rest(t)
}

// right has clients log in, one after the other, with the right password, until end holds that each was let in.
func right(t *testing.T, ways ...way) (end func()) {
	stop, over := make(chan struct{}), make(chan struct{})
	var slowest time.Duration
	go func() {
		defer close(over)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
			begun := time.Now()
			if code, err := ways[i%len(ways)].login(fmt.Sprintf("right-%d", i%10), "u1", "u1"); code != 0 || err != nil {
				t.Errorf("login %d by %s: %#x, %v after %s", i, ways[i%len(ways)].name, code, err, time.Since(begun))
			}
			slowest = max(slowest, time.Since(begun))
		}
	}()
	return func() {
		t.Helper()
		close(stop)
		<-over
		t.Logf("the slowest login took %s", slowest)
	}
}

// TestNodesThatLoseSightOfEachOtherLeaveNewClientsToOnePartOfThem cuts what nodes say to each other, and nothing else:
// they reach their stores, and the edge reaches them.
func TestNodesThatLoseSightOfEachOtherLeaveNewClientsToOnePartOfThem(t *testing.T) {
	for name, of := range map[string]struct {
		blind [][]int
		third int           // what that says in the end
		long  time.Duration // until it says so
	}{
		"all of them":  {[][]int{{1, 2}, {0, 2}, {0, 1}}, 404, *cutFor},
		"two of three": {[][]int{{1}, {0}, {}}, 200, *cutFor + time.Minute}, // it starts anew, and joins the first
	} {
		t.Run(name, func(t *testing.T) {
			blind := of.blind
			l, all := served(t, 3)
			keep(t, inside(1))
			stays := inside(0).mustConnect(t, "stays", "u1", "u1")
			for i, r := range all {
				r.blind(blind[i]...)
			}
			begun := time.Now()
			parts.Within(t, 30*time.Second, "one part of them is left to new clients", func() bool {
				first, _ := all[0].gate(assets.GateServingPath)
				second, _ := all[1].gate(assets.GateServingPath)
				return first == 200 && second == 404
			})
			t.Logf("after %s: %s; %s; %s", time.Since(begun), all[0].eval("mria:running_nodes()."),
				all[1].eval("mria:running_nodes()."), all[2].eval("mria:running_nodes()."))
			time.Sleep(5 * time.Second) // the edge asks each node every two seconds
			f, h := l.flow(inside(0)), swing(t, l.throughEdge(), inside(0), inside(1), inside(2))
			time.Sleep(of.long)
			if third, why := all[2].gate(assets.GateServingPath); third != of.third {
				t.Errorf("the third one says %d, %s", third, why)
			}
			if strings.Contains(all[1].said.String(), "starting anew") {
				t.Error("the second one starts anew, and reaches only a part of those whom it has to join")
			}
			for i, r := range all {
				r.see(blind[i]...)
			}
			parts.Within(t, 2*time.Minute, "another starts anew",
				func() bool { return strings.Contains(all[1].said.String(), "starting anew") })
			all[1].mustServe()
			all[2].mustServe()
			together(t, all...)
			f.end(t)
			h.rest(t)
			if stays.cut.Load() || strings.Contains(all[0].said.String(), "starting anew") {
				t.Error("the part that was left to clients started anew")
			}
			kept(t, inside(0), inside(1), inside(2))
		})
	}
}

// TestANodeThatIsHeldUpIsCountedWhenItGoesOn freezes EMQX, and not its gate: while it opens its listeners, and later
// for longer than the others wait for it.
func TestANodeThatIsHeldUpIsCountedWhenItGoesOn(t *testing.T) {
	l := newLab(t, 2)
	l.data.user("u1")
	held := l.run(0)
	parts.Within(t, 4*time.Minute, "it founds", func() bool { return strings.Contains(held.said.String(), "founds") })
	thaw := held.freeze()
	other := l.run(1)
	time.Sleep(8 * time.Second)
	thaw()
	held.mustServe()
	other.mustServe()
	together(t, held, other)

	l.edgeKnows(2)
	var stay []*client
	for i := range 6 { // at both of them
		stay = append(stay, l.throughEdge().mustConnect(t, fmt.Sprintf("stays-%d", i), "u1", "u1"))
	}
	thaw = held.freeze()
	time.Sleep(8 * time.Second)
	thaw()
	held.mustServe()
	if slices.ContainsFunc(stay, func(c *client) bool { return c.cut.Load() }) {
		t.Error("the edge has cut off clients of a node that was held up")
	}

	other.terminate()
	thaw = held.freeze()
	parts.Within(t, time.Minute, "the gate gives up waiting", func() bool {
		return strings.Contains(held.said.String(), "clients are not let in")
	})
	thaw()
	held.mustServe()
	other = l.run(1)
	other.mustServe()
	together(t, held, other)

	held.freeze()
	t.Logf("frozen, it is stopped after %s", held.terminate())
}

func TestWhenTheDatabaseRestartsEachNodeKeepsItsNameAndItsClients(t *testing.T) {
	l, all := served(t, 2)
	stays := inside(1).mustConnect(t, "stays", "u1", "u1")
	parts.Must(t, stays.subscribe("devices/u1/#"))
	waiter := l.run(1) // as an update's
	time.Sleep(15 * time.Second)
	l.data.stop()
	parts.Within(t, 20*time.Second, "the edge's question has another answer",
		func() bool { code, _ := all[0].gate(assets.GateServingPath); return code == 404 })
	begun := time.Now()
	if code, err := l.throughEdge().login("new", "u1", "u1"); err != nil || code == 0 {
		t.Errorf("without a database a login is answered with %#x, %v", code, err)
	}
	if took := time.Since(begun); took > patience {
		t.Errorf("the answer took %s", took)
	}
	time.Sleep(10 * time.Second)
	l.data.start()
	for _, r := range all {
		t.Logf("%s serves again after %s", r.address, parts.Within(t, 30*time.Second, r.address+" serves again", r.serves))
	}
	if code, err := l.throughEdge().login("new", "u1", "u1"); err != nil || code != 0 {
		t.Errorf("a login afterwards: %#x, %v", code, err)
	}
	if stays.cut.Load() {
		t.Error("who was connected was cut off")
	}
	time.Sleep(15 * time.Second)
	if code, why := waiter.gate(assets.GateServingPath); code != 503 ||
		strings.Contains(waiter.said.String(), "the name is held") {
		t.Errorf("the one that waits answers %d, %s", code, why)
	}
	together(t, all...)
}

// TestAClientThatComesToAnotherNodeEndsItsOldConnections also has two come at the same moment, whom no lock over all
// nodes keeps apart: both may stay, until the client comes once more.
func TestAClientThatComesToAnotherNodeEndsItsOldConnections(t *testing.T) {
	served(t, 2)
	for i := range 50 {
		id := fmt.Sprintf("moves-%d", i)
		old := []*client{inside(0).mustConnect(t, id, "u1", "u1")}
		if i%2 == 1 {
			second, err := inside(1).connect(id, "u1", "u1")
			parts.Must(t, err)
			old = append(old, second)
		} else {
			both := make([]*client, 2)
			var coming sync.WaitGroup
			for n := range both {
				coming.Go(func() { both[n], _ = inside(n).connect(id, "u1", "u1") }) // one may refuse the other
			}
			coming.Wait()
			old = append(old, slices.DeleteFunc(both, func(c *client) bool { return c == nil })...)
		}
		inside(1).mustConnect(t, id, "u1", "u1")
		parts.Within(t, patience, id+" has ended its old connections", func() bool {
			return !slices.ContainsFunc(old, func(c *client) bool { return !c.cut.Load() })
		})
	}
}

func TestANodeThatHasNoRulesLetsNobodyIn(t *testing.T) {
	l := newLab(t, 1)
	l.data.user("u1")
	l.cache.empty()
	r := l.run(0)
	parts.Within(t, 4*time.Minute, "it wants for rules", func() bool {
		return strings.Contains(r.said.String(), "cannot reach [rules]")
	})
	time.Sleep(5 * time.Second)
	if code, _ := r.gate(assets.GateServingPath); code != 503 {
		t.Errorf("the edge is answered with %d", code)
	}
	if code, err := r.straight().login("early", "u1", "u1"); err == nil {
		t.Errorf("a client is answered with %#x", code)
	}
	l.loadRules()
	r.mustServe()
}

func TestClientIDsThatAreWildcardsAreRefused(t *testing.T) {
	l, _ := served(t, 1)
	for _, id := range []string{"+", "#", "a/b", "a+"} {
		if code, err := inside(0).login(id, "u1", "u1"); err != nil || code == 0 {
			t.Errorf("%q: %#x, %v", id, code, err)
		}
	}
	if code, err := inside(0).login("a-b_c.d:e $%5", "u1", "u1"); err != nil || code != 0 {
		t.Errorf("another one: %#x, %v", code, err)
	}
	unknown, err := l.throughEdge().login("x", "nobody", "x")
	parts.Must(t, err)
	wrong, err := l.throughEdge().login("x", "u1", "x")
	parts.Must(t, err)
	if unknown != wrong {
		t.Errorf("an unknown user is refused with %#x, a wrong password with %#x", unknown, wrong)
	}
}

// TestWithoutRulesAClientGoesOnWithWhatItWasAllowedAndNothingElseIsAcknowledged takes Redis away for less than the
// minute for which EMQX remembers its answers.
func TestWithoutRulesAClientGoesOnWithWhatItWasAllowedAndNothingElseIsAcknowledged(t *testing.T) {
	l, all := served(t, 1)
	listens := inside(0).mustConnect(t, "listens", "u1", "u1")
	parts.Must(t, listens.subscribe("devices/u1/#"))
	writes := inside(0).mustConnect(t, "writes", "u1", "u1")
	parts.Must(t, writes.publish("devices/u1/known", "before"))
	l.cache.stop()
	parts.Must(t, writes.publish("devices/u1/known", "known"))
	parts.Within(t, 30*time.Second, "the edge's question has another answer", func() bool {
		code, _ := all[0].gate(assets.GateServingPath)
		return code == 404
	})
	if code, err := inside(0).deliver("new", "u1", "devices/u1/new", "new"); err == nil {
		t.Errorf("without rules a new topic is acknowledged with %#x", code)
	}
	if listens.cut.Load() || writes.cut.Load() {
		t.Error("who did what was allowed was cut off")
	}
	parts.Within(t, patience, "what was acknowledged comes", func() bool {
		return len(listens.missing(map[string]byte{"before": 0, "known": 0})) == 0
	})
	l.cache.start()
	l.loadRules()
	parts.Within(t, 30*time.Second, "it serves again", all[0].serves)
	parts.Must(t, writes.publish("devices/u1/again", "again"))
	parts.Within(t, 10*time.Second, "EMQX remembers for a minute again", func() bool {
		return all[0].eval("emqx_config:get([authorization, cache, ttl]).") == "60000"
	})
}

// TestADatabaseThatHangsHasLoginsRefusedInTime freezes PostgreSQL, drops its answers, and has it take six seconds for
// each, while clients are connected.
func TestADatabaseThatHangsHasLoginsRefusedInTime(t *testing.T) {
	for name, hang := range map[string]func(*lab) func(){
		"frozen": func(l *lab) func() { return l.data.freeze() },
		"silent": func(l *lab) func() { return silence(l.t, 5432) },
		"slow":   func(l *lab) func() { return l.data.slow(6) },
	} {
		t.Run(name, func(t *testing.T) {
			l, all := served(t, 1)
			stays := inside(0).mustConnect(t, "stays", "u1", "u1")
			parts.Must(t, stays.subscribe("devices/u1/#"))
			h := swing(t, slices.Repeat([]way{inside(0)}, 16)...) // a slow database answers somebody all the while
			goOn := hang(l)
			refuses(t, all[0])
			parts.Must(t, stays.publish("devices/u1/new", "meanwhile"))
			parts.Within(t, 10*time.Second, "the edge's question has another answer", func() bool {
				code, _ := all[0].gate(assets.GateServingPath)
				return code == 404
			})
			for range 10 {
				time.Sleep(2 * time.Second)
				refuses(t, all[0])
			}
			goOn()
			recovers(t, all[0])
			h.rest(t)
			parts.Must(t, stays.publish("devices/u1/new", "afterwards"))
			parts.Within(t, patience, "what was acknowledged comes", func() bool {
				return len(stays.missing(map[string]byte{"meanwhile": 0, "afterwards": 0})) == 0
			})
		})
	}
}

// refuses holds that a login with the right password has its answer in five seconds.
func refuses(t *testing.T, r *replica) {
	t.Helper()
	begun := time.Now()
	code, err := r.straight().login("new", "u1", "u1")
	t.Logf("a login was answered with %#x after %s", code, time.Since(begun).Round(time.Millisecond))
	if err != nil || code == 0 {
		t.Errorf("a login is answered with %#x, %v", code, err)
	}
}

// recovers holds that a node serves within 15 seconds.
func recovers(t *testing.T, r *replica) {
	t.Helper()
	t.Logf("it lets clients in after %s", parts.Within(t, 15*time.Second, "a client is let in", func() bool {
		code, err := r.straight().login("new", "u1", "u1")
		return err == nil && code == 0
	}))
	t.Logf("and serves after %s", parts.Within(t, 15*time.Second, "it serves", r.serves))
}

// TestRulesThatHangOrAreGoneCutOffNobodyWhoDoesWhatWasAllowed does so with Redis, and empties it, for more than the
// minute for which EMQX remembers.
func TestRulesThatHangOrAreGoneCutOffNobodyWhoDoesWhatWasAllowed(t *testing.T) {
	for name, hang := range map[string]func(*lab) func(){
		"frozen": func(l *lab) func() { return l.cache.freeze() },
		"silent": func(l *lab) func() { return silence(l.t, cachePort) },
		"empty":  func(l *lab) func() { l.cache.empty(); return l.loadRules },
	} {
		t.Run(name, func(t *testing.T) {
			l, all := served(t, 1)
			stays := inside(0).mustConnect(t, "stays", "u1", "u1")
			parts.Must(t, stays.subscribe("devices/u1/#"))
			parts.Must(t, stays.publish("devices/u1/known", "before"))
			goOn := hang(l)
			begun := time.Now()
			if code, err := inside(0).deliver("new", "u1", "devices/u1/new", "new"); err == nil {
				t.Errorf("without rules a new topic is acknowledged with %#x", code)
			}
			if took := time.Since(begun); took > patience {
				t.Errorf("the answer took %s", took)
			}
			parts.Within(t, 10*time.Second, "the edge's question has another answer", func() bool {
				code, _ := all[0].gate(assets.GateServingPath)
				return code == 404
			})
			for i := range 40 { // until what EMQX remembers would be forgotten
				time.Sleep(2 * time.Second)
				parts.Must(t, stays.publish("devices/u1/known", fmt.Sprint(i)))
			}
			goOn()
			t.Logf("it serves after %s", parts.Within(t, 15*time.Second, "it serves", all[0].serves))
			parts.Must(t, stays.publish("devices/u1/again", "again"))
			if stays.cut.Load() {
				t.Error("who did what was allowed was cut off")
			}
		})
	}
}
