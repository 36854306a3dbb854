package recovery

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// The stacks of the tests: one in one zone, one in three with a standby, and that one with a second region behind it.
func small() Stack {
	return Stack{
		Broker: VerneMQ, BackupDays: 7,
		Regions: []Region{{
			Location: "here", Database: Database{Zone: "1"}, Outbound: []string{Unknown},
			Parts: []Part{
				{Name: "load balancer", Copies: Spread()},
				{Name: "machines", Copies: []string{"1", "1"}, Broker: true, Reroute: LoadBalancer(5, 2)},
			},
		}},
		Endpoints: []Endpoint{{Name: "mqtts", Ways: []Way{{Location: "here", Through: []string{"A"}}}, Forget: Forget(60)}},
	}
}

func zoned() Stack {
	s := small()
	s.Regions[0].Parts[1].Copies = Spread()
	s.Regions[0].Database.Standby = "2"
	return s
}

func twoRegions() Stack {
	s := zoned()
	there := zoned().Regions[0]
	there.Location, there.Database = "there", Database{Zone: "1", Replica: true}
	s.Regions = append(s.Regions, there)
	s.Endpoints[0].Ways = append(s.Endpoints[0].Ways, Way{Location: "there", Through: []string{"B"}})
	s.Endpoints[0].Switch, s.Endpoints[0].Forget = TrafficManager(10, 5, 3, 30), Forget(30)
	return s
}

// containerApps is a stack whose nodes are in zones that nobody knows.
func containerApps(redundant bool) Stack {
	edge, nodes := Part{Name: "edge", Copies: []string{Unknown}, Reroute: Ingress()},
		Part{Name: "nodes", Copies: []string{Unknown, Unknown, Unknown}, Broker: true, Reroute: Proxy(), Restart: Replicas()}
	rules := Part{Name: TopicRules, Copies: []string{Unknown}, Hidden: true}
	if redundant {
		edge.Copies, nodes.Move = Spread(), Replicas()
		rules.Copies, rules.Reroute = Spread(), CacheFailover()
	}
	s := zoned()
	s.Broker, s.Regions[0].Parts, s.Regions[0].Outbound = EMQX, []Part{edge, nodes, rules}, nil
	return s
}

func with(s Stack, change func(*Stack)) Stack {
	change(&s)
	return s
}

func noStandby(s *Stack) { s.Regions[0].Database.Standby = "" }

const unbounded = -1

func TestALossTakesTheSumOfItsSteps(t *testing.T) {
	for _, c := range []struct {
		name     string
		stack    Stack
		loss     Loss
		rto, rpo time.Duration // unbounded for never
		byHand   bool
	}{
		// The load balancer: (2+1) × 5 s.
		{"a node of two", small(), Loss{Node, "0"}, 15 * time.Second, 0, false},
		{"a node of a number that there is not", small(), Loss{Node, "7"}, 0, 0, false},
		// 15 min + 3 h + 30 min, which is longer than the endpoint's 15 min + 30 min + 60 s.
		{"the only zone", small(), Loss{Zone, "1"}, 225 * time.Minute, 5 * time.Minute, true},
		{"a zone that nothing is in", small(), Loss{Zone, "2"}, 0, 0, false},
		// Azure restarts it: 10 min.
		{"the database without a standby", small(), Loss{Kind: Server}, 10 * time.Minute, 0, false},
		{"the region without anything elsewhere", small(), Loss{Place, "here"}, unbounded, unbounded, true},
		{"the region with backups elsewhere", with(small(), func(s *Stack) { s.GeoBackup = true }), Loss{Place, "here"},
			225 * time.Minute, time.Hour, true},
		{"bad data", small(), Loss{Kind: BadData}, 225 * time.Minute, 5 * time.Minute, true},
		{"everything deleted", small(), Loss{Kind: Deleted}, 226 * time.Minute, 5 * time.Minute, true}, // and the TTL of 60 s

		// The standby: 2 min, beside the load balancer's 15 s.
		{"the database's zone of three", zoned(), Loss{Zone, "1"}, 2 * time.Minute, 0, false},
		{"the standby's zone of three", zoned(), Loss{Zone, "2"}, 15 * time.Second, 0, false},
		{"the zone of neither", zoned(), Loss{Zone, "3"}, 15 * time.Second, 0, false},
		{"the database with a standby", zoned(), Loss{Kind: Server}, 2 * time.Minute, 0, false},
		{"the database's zone without a standby", with(zoned(), noStandby), Loss{Zone, "1"}, 225 * time.Minute,
			5 * time.Minute, true},

		// Traffic Manager: (3+1) × 10 s + 5 s, and the TTL of 30 s.
		{"the region of two that serves", twoRegions(), Loss{Place, "here"}, 75 * time.Second, 5 * time.Minute, false},
		{"the region that stands by", twoRegions(), Loss{Place, "there"}, 0, 0, false},
		{"a region whose replica no name leads to",
			with(twoRegions(), func(s *Stack) { s.Endpoints[0].Ways = s.Endpoints[0].Ways[:1] }), Loss{Place, "here"},
			225 * time.Minute, 5 * time.Minute, true},
		{"a zone of two regions", twoRegions(), Loss{Zone, "3"}, 15 * time.Second, 0, false},
		// 15 min until somebody decides, 5 min for pulumi up, and the TTL.
		{"the database's zone, which no probe misses", with(twoRegions(), noStandby), Loss{Zone, "1"},
			20*time.Minute + 30*time.Second, 5 * time.Minute, true},
		{"the only zone of the region that serves", with(twoRegions(), func(s *Stack) {
			s.Regions[0].Parts[1].Copies, s.Regions[0].Database.Standby = []string{"1", "1"}, ""
		}), Loss{Zone, "1"}, 75 * time.Second, 5 * time.Minute, false},
		{"the region with the database, which does not serve",
			with(twoRegions(), func(s *Stack) { slices.Reverse(s.Endpoints[0].Ways) }), Loss{Place, "here"}, 0,
			5 * time.Minute, false},
		{"the region that serves, without the database",
			with(twoRegions(), func(s *Stack) { slices.Reverse(s.Endpoints[0].Ways) }), Loss{Place, "there"},
			75 * time.Second, 0, false},

		// The proxy: 2 + 3 + 0.5 + 3 s. Redis: 1 min. Replicas: 50 s + 5 min + 1 min.
		{"a node whose zone nobody knows", containerApps(true), Loss{Node, "1"}, 8500 * time.Millisecond, 0, false},
		{"a zone that all nodes may be in", containerApps(true), Loss{Zone, "3"}, 6*time.Minute + 50*time.Second, 0, false},
		// 15 + 30 min + 60 s
		{"a zone that an environment may be in", containerApps(false), Loss{Zone, "3"}, 46 * time.Minute, 0, true},
		{"the rules in one zone, which no probe misses", with(containerApps(true), func(s *Stack) {
			s.Regions[0].Parts[2].Copies = []string{Unknown}
		}),
			Loss{Zone, "3"}, 45 * time.Minute, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := c.stack.Lose(c.loss)
			rto, ends := o.RTO()
			if ends != (c.rto != unbounded) || ends && rto != c.rto || o.ByHand() != c.byHand {
				t.Errorf("it takes %s (%t, by hand %t), want %s (by hand %t): %s", rto, ends, o.ByHand(), c.rto,
					c.byHand, o.Reason())
			}
			if known := o.Data.Never == ""; known != (c.rpo != unbounded) || known && o.Data.Old != c.rpo {
				t.Errorf("users are %s old (%q), want %s", o.Data.Old, o.Data.Never, c.rpo)
			}
		})
	}
}

func TestFiguresFollowFromWhatIsConfigured(t *testing.T) {
	for _, c := range []struct {
		name  string
		steps []Step
		want  time.Duration
	}{
		{"Traffic Manager", TrafficManager(30, 10, 3, 60), (4*30 + 10 + 60) * time.Second},
		{"Front Door", FrontDoor(30, 4, 3), 90 * time.Second}, // 2 failures, and the interval before them
		{"a stricter Front Door", FrontDoor(10, 4, 4), 20 * time.Second},
		{"a load balancer", LoadBalancer(15, 3), 60 * time.Second},
		{"Kubernetes' load balancer", ClusterLoadBalancer(), 15 * time.Second},
	} {
		if got := Sum(c.steps); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestEachFigureIsTheOneThatItsSourceGives(t *testing.T) {
	for _, c := range []struct {
		name  string
		steps []Step
		takes []time.Duration
		hand  bool
	}{
		{"load balancer of a cluster", ClusterLoadBalancer(), []time.Duration{15 * time.Second}, false},
		// inter 2s, fastinter 500ms, fall 2, timeout check 3s
		{"proxy", Proxy(), []time.Duration{8500 * time.Millisecond}, false},
		{"gateway", Gateway(), []time.Duration{10 * time.Second}, false},
		{"ingress", Ingress(), []time.Duration{time.Minute}, false},
		{"replicas", Replicas(), []time.Duration{50 * time.Second, 5 * time.Minute, time.Minute}, false},
		{"cache", CacheFailover(), []time.Duration{time.Minute}, false},
		{"standby", failover(), []time.Duration{2 * time.Minute}, false},
		{"restart", serverRestart(), []time.Duration{10 * time.Minute}, false},
		{"a person", []Step{noticed(), restored(), redeployed(), ledAway()},
			[]time.Duration{15 * time.Minute, 3 * time.Hour, 30 * time.Minute, 5 * time.Minute}, true},
	} {
		for i, takes := range c.takes {
			if len(c.steps) != len(c.takes) || c.steps[i].Takes != takes || c.steps[i].ByHand != c.hand {
				t.Errorf("%s: %+v, want %v", c.name, c.steps, c.takes)
			}
		}
	}
	for name, ages := range map[string][2]time.Duration{
		"replica": {replicaLag, 5 * time.Minute}, "backup": {backupAge, 5 * time.Minute},
		"backup elsewhere": {geoAge, time.Hour},
		"backup of a disk": {diskAge, 24 * time.Hour}, "login": {LoginTakes, 54 * time.Millisecond},
	} {
		if ages[0] != ages[1] {
			t.Errorf("%s: %v, want %v", name, ages[0], ages[1])
		}
	}
}

func TestEveryStepSaysWhereItsFigureIsFrom(t *testing.T) {
	for _, s := range []Stack{small(), zoned(), twoRegions(), containerApps(true), containerApps(false)} {
		for _, loss := range s.Losses() {
			for _, chain := range s.Lose(loss).Chains {
				for _, step := range chain.Steps {
					person := strings.HasPrefix(step.What, "a person") || strings.HasPrefix(step.What, "pulumi up") ||
						strings.Contains(step.What, "restored")
					if step.Source == "" || step.Takes <= 0 || step.ByHand != person {
						t.Errorf("%s, %s: %+v", loss, chain.Of, step)
					}
				}
			}
		}
	}
}

func TestAStackLosesANodeEachZoneTheDatabaseAndEachRegion(t *testing.T) {
	var names []string
	for _, loss := range twoRegions().Losses() {
		names = append(names, loss.String())
	}
	want := []string{"the loss of node 0", "the loss of zone 1", "the loss of zone 2", "the loss of zone 3",
		"the loss of the database's host",
		"the loss of region here", "the loss of region there", "a deletion of everything by mistake", "bad data"}
	if !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
	flat := small()
	flat.Regions[0].Database.Zone = ""
	for i := range flat.Regions[0].Parts {
		flat.Regions[0].Parts[i].Copies = []string{"", ""}
	}
	if slices.ContainsFunc(flat.Losses(), func(l Loss) bool { return l.Kind == Zone }) {
		t.Error("a region without zones loses one")
	}
}

func TestTargetsAreHeldAgainstTheWorstLossUpToARegion(t *testing.T) {
	rto, rpo := twoRegions().Worst()
	if rto.Loss != (Loss{Zone, "1"}) || rpo.Loss != (Loss{Place, "here"}) { // 2 min, and the replica's 5 min
		t.Errorf("the worst are %s and %s", rto.Loss, rpo.Loss)
	}
	rto, rpo = small().Worst()
	if rto.Loss != (Loss{Place, "here"}) || rpo.Loss != (Loss{Place, "here"}) {
		t.Errorf("the worst of one region are %s and %s", rto.Loss, rpo.Loss)
	}
}

func TestClientsAreLedToTheRegionThatIsLeft(t *testing.T) {
	o := twoRegions().Lose(Loss{Place, "here"})
	if len(o.Chains) != 2 || o.Chains[0].Region != "there" || !slices.Equal(o.Chains[0].Through, []string{"B"}) {
		t.Fatalf("%+v", o.Chains)
	}
	// The replica there answers logins as it did before.
	if logins := o.Chains[1]; logins.Of != "logins" || logins.Region != "there" || len(logins.Steps) > 0 {
		t.Errorf("%+v", logins)
	}
	if !slices.ContainsFunc(o.Notes, func(note string) bool { return strings.Contains(note, "promotes the replica") }) {
		t.Errorf("nobody is told that users can't be changed: %q", o.Notes)
	}
}

func TestHowManyAreLeftIsSaid(t *testing.T) {
	for _, c := range []struct {
		stack Stack
		loss  Loss
		want  []string
	}{
		{small(), Loss{Node, "0"}, []string{"machines: 1 of 2"}},
		{zoned(), Loss{Zone, "2"}, []string{"load balancer: 2 of 3", "machines: 2 of 3"}},
		{zoned(), Loss{Kind: Server}, nil},
		{containerApps(true), Loss{Zone, "3"}, []string{"edge: 2 of 3"}}, // the nodes may all be gone, and are started again
		{twoRegions(), Loss{Place, "here"}, nil},                         // the other one is whole
	} {
		if got := c.stack.Lose(c.loss).Chains[0].Left; !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.loss, got, c.want)
		}
	}
}

func TestSessionsAreWhereTheBrokerKeepsThem(t *testing.T) {
	broker := func(b Broker, copies ...string) func(*Stack) {
		return func(s *Stack) { s.Broker, s.Regions[0].Parts[1].Copies = b, copies }
	}
	for _, c := range []struct {
		name  string
		stack Stack
		loss  Loss
		want  string
	}{
		{"EMQX, node", containerApps(true), Loss{Node, "0"}, "those of the node's clients are lost"},
		{"EMQX, zone that all may be in", containerApps(true), Loss{Zone, "1"}, "where all nodes were in that zone"},
		{"EMQX, region", containerApps(true), Loss{Place, "here"}, "all are lost"},
		{"EMQX, deleted", with(containerApps(true), func(s *Stack) { s.DiskBackup = true }), Loss{Kind: Deleted},
			"there is no backup"},
		{"HiveMQ, node", with(zoned(), broker(HiveMQ, "1", "2", "3")), Loss{Node, "0"}, "all stay"},
		{"HiveMQ, one node in the zone", with(zoned(), broker(HiveMQ, "1", "2", "3")), Loss{Zone, "1"}, "all stay"},
		{"HiveMQ, two of five in the zone", with(zoned(), broker(HiveMQ, "1", "1", "2", "2", "3")), Loss{Zone, "1"},
			"those of which both copies"},
		{"HiveMQ, all in the zone", with(zoned(), broker(HiveMQ, "1", "1")), Loss{Zone, "1"}, "all wait on the zone's disks"},
		{"HiveMQ, region", with(twoRegions(), broker(HiveMQ, "1", "2", "3")), Loss{Place, "here"}, "all stay behind"},
		{"VerneMQ, node", zoned(), Loss{Node, "0"}, "those of the node's clients wait on its disk"},
		{"VerneMQ, zone", zoned(), Loss{Zone, "2"}, "those of the zone's clients wait on its disk"},
		{"VerneMQ, zone without a node", small(), Loss{Zone, "2"}, "no node is in that zone"},
		{"VerneMQ, the other region", twoRegions(), Loss{Place, "there"}, "all stay: clients are elsewhere"},
		{"VerneMQ, deleted without backup", zoned(), Loss{Kind: Deleted}, "there is no backup"},
		{"VerneMQ, deleted with backup", with(zoned(), func(s *Stack) { s.DiskBackup = true }), Loss{Kind: Deleted},
			"up to 24h old"},
		{"VerneMQ, database", zoned(), Loss{Kind: Server}, "all stay"},
	} {
		if got := c.stack.Lose(c.loss).Sessions; !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestTheReasonIsTheLongestChainWithItsSum(t *testing.T) {
	for want, o := range map[string]Outcome{
		"nothing stops": small().Lose(Loss{Zone, "2"}),
		"logins back in 2m (PostgreSQL's standby takes " +
			"over 2m)": zoned().Lose(Loss{Zone, "1"}),
		"mqtts back in 1m15s (Traffic Manager's probes fail 45s + resolvers forget the old " +
			"address 30s)": twoRegions().Lose(Loss{Place, "here"}),
		"mqtts never back: users and rules are in that region only; nothing until it " +
			"is back": small().Lose(Loss{Place, "here"}),
		"logins back in 20m30s (a person is woken and decides 15m + pulumi up with availability.active at " +
			"the other": with(twoRegions(), noStandby).Lose(Loss{Zone, "1"}),
	} {
		if !strings.HasPrefix(o.Reason(), want) {
			t.Errorf("%q, want %q", o.Reason(), want)
		}
	}
}

func TestWhatNeverComesBackIsLongerThanAnything(t *testing.T) {
	never, ends := Chain{Of: "b", Never: "gone"}, Chain{Of: "a", Steps: []Step{redeployed()}}
	for _, chains := range [][]Chain{{never, ends}, {ends, never}} {
		o := Outcome{Chains: chains}
		if _, ends := o.RTO(); ends || o.Reason() != "b never back: gone" {
			t.Errorf("it ends, by %q", o.Reason())
		}
	}
}

func TestAnEndpointDoesNotWaitForWhatIsBehindTheBrokers(t *testing.T) {
	s := zoned()
	s.Regions[0].Parts = append(s.Regions[0].Parts,
		Part{Name: TopicRules, Copies: Spread(), Hidden: true, Reroute: CacheFailover()})
	o := s.Lose(Loss{Zone, "3"})
	if Sum(o.Chains[0].Steps) != 15*time.Second || o.Chains[1].Of != TopicRules || Sum(o.Chains[1].Steps) != time.Minute {
		t.Errorf("%+v", o.Chains)
	}
}

func TestWhatGoesOnLessWellIsSaid(t *testing.T) {
	for _, c := range []struct {
		stack Stack
		loss  Loss
		want  string
	}{
		{containerApps(true), Loss{Zone, "1"}, "which zone an app with one replica is in"},
		{zoned(), Loss{Zone, "1"}, "the NAT gateway is in one zone"},
		{zoned(), Loss{Zone, "1"}, "54ms"},
	} {
		if notes := c.stack.Lose(c.loss).
			Notes; !slices.ContainsFunc(notes, func(note string) bool { return strings.Contains(note, c.want) }) {
			t.Errorf("%q is not in %q", c.want, notes)
		}
	}
	if notes := zoned().Lose(Loss{Node, "0"}).
		Notes; slices.ContainsFunc(notes, func(note string) bool { return strings.Contains(note, "NAT") }) {
		t.Errorf("a node's loss is said to touch the NAT gateway: %q", notes)
	}
}
