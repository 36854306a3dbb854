package sizing

import (
	"math/rand"
	"reflect"
	"testing"
	"testing/quick"
)

// Generate makes loads that some clusters hold and some don't.
func (Load) Generate(r *rand.Rand, _ int) reflect.Value {
	upTo := func(n int) int { return r.Intn(r.Intn(n) + 1) }
	return reflect.ValueOf(Load{
		Connections: upTo(20_000), MessagesPerSecond: upTo(20_000), PayloadBytes: upTo(1 << 15), QoS: r.Intn(3),
		PersistedMillion: float64(upTo(20)) * r.Float64(),
	})
}

// Generate makes clusters of all kinds.
func (Cluster) Generate(r *rand.Rand, _ int) reflect.Value {
	c := Cluster{
		Node: Node{Cores: float64(1 + r.Intn(32)), MemoryGiB: float64(1 + r.Intn(128)),
			DiskGiB: float64(128 * r.Intn(2)), OpenFiles: FilesBeside + r.Intn(1<<20)},
		Zones: 1 + 2*r.Intn(2), Copies: 1 + r.Intn(2), MinNodes: 2 + r.Intn(2), MaxNodes: 5 + r.Intn(6), DatabaseGiB: 32,
		LoginsPerNode: float64(r.Intn(2) * 20), DatabaseLogins: float64(r.Intn(2) * 80), CacheGiB: float64(r.Intn(2)) / 2,
	}
	if r.Intn(2) == 0 {
		c.Limits = []Limit{{"gateway", r.Intn(100_000)}}
	}
	return reflect.ValueOf(c)
}

// check tries a property on many random values, whose seed a failure prints.
func check(t *testing.T, property any) {
	t.Helper()
	seed := rand.Int63()
	if err := quick.Check(property, &quick.Config{MaxCount: 20_000, Rand: rand.New(rand.NewSource(seed))}); err != nil {
		t.Errorf("seed %d: %v", seed, err)
	}
}

func TestMoreLoadNeverTakesFewerNodes(t *testing.T) {
	both := 0
	check(t, func(c Cluster, a, more Load) bool {
		b := Load{
			Connections: a.Connections + more.Connections, MessagesPerSecond: a.MessagesPerSecond + more.MessagesPerSecond,
			PayloadBytes: a.PayloadBytes + more.PayloadBytes, QoS: max(a.QoS, more.QoS),
			PersistedMillion: a.PersistedMillion + more.PersistedMillion,
		}
		few, errFew := c.NodesFor(a)
		many, errMany := c.NodesFor(b)
		if errFew == nil && errMany == nil {
			both++
		}
		return errMany != nil || errFew == nil && few <= many
	})
	if both < 100 {
		t.Errorf("only %d pairs of loads fitted in: the test looks at little", both)
	}
}

func TestTheNodesForALoadHoldAllOfItAndOneLessDoesNot(t *testing.T) {
	fitted := 0
	check(t, func(c Cluster, l Load) bool {
		nodes, err := c.NodesFor(l)
		if err != nil {
			return Tightest(c.Needs(l, c.MaxNodes)).Headroom < 0
		}
		fitted++
		capacity, err := c.Of(nodes, l)
		return err == nil && nodes >= c.MinNodes && nodes <= c.MaxNodes && capacity.Headroom >= 0 &&
			float64(l.Connections) <= capacity.Connections.Typical+1 &&
			(nodes == c.MinNodes || Tightest(c.Needs(l, nodes-1)).Headroom < 0)
	})
	if fitted < 100 {
		t.Errorf("only %d loads fitted in: the test looks at little", fitted)
	}
}

func TestTheEndsOfARangeLieOnBothSidesOfWhatPlansAreMadeWith(t *testing.T) {
	check(t, func(c Cluster, l Load) bool {
		capacity, err := c.Of(c.MaxNodes, l)
		if err != nil {
			return false
		}
		for _, h := range []Holds{capacity.Connections, capacity.Messages, capacity.Persisted} {
			if h.Low > h.Typical || h.Typical > h.High || h.Low < 0 {
				return false
			}
		}
		return true
	})
}
