package sizing

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
)

// onThreeMachines is three zones with a machine of 4 cores each, 14 GiB for clients and a disk of 128 GiB.
func onThreeMachines() Cluster {
	return Cluster{
		Node: Node{Cores: 4, MemoryGiB: 14, DiskGiB: 128, OpenFiles: 1 << 20}, Zones: 3, Copies: 1, MinNodes: 3,
		MaxNodes: 10, DatabaseGiB: 128,
	}
}

func TestTheLossOfAZoneTakesTheFullestOne(t *testing.T) {
	for _, c := range []struct{ nodes, zones, left int }{{3, 3, 2}, {4, 3, 2}, {5, 3, 3}, {10, 3, 6}, {2, 3, 1},
		{2, 1, 1}, {5, 1, 4}, {0, 1, 0}} {
		if got := (Cluster{Zones: c.zones}).Left(c.nodes); got != c.left {
			t.Errorf("of %d nodes in %d zones %d are left, want %d", c.nodes, c.zones, got, c.left)
		}
	}
}

func TestTheNodesForALoadAreThoseComputedByHand(t *testing.T) {
	for _, c := range []struct {
		name string
		load Load
		want int
	}{
		// Two machines hold 2 × 14 GiB / 1.5 MiB = 19,114 connections.
		{"memory, just enough", Load{Connections: 19_114, PayloadBytes: 1024, QoS: 1}, 3},
		// four in three zones leave two as well
		{"memory, one too many", Load{Connections: 19_115, PayloadBytes: 1024, QoS: 1}, 5},
		// Two machines take 2 × 4 × 3,000 messages a second of QoS 1 up to 1 KiB, half of larger ones, and 1,000 for
		// each core of 16 KiB.
		{"cores, just enough", Load{MessagesPerSecond: 24_000, PayloadBytes: 1024, QoS: 1}, 3},
		{"cores, one too many", Load{MessagesPerSecond: 24_001, PayloadBytes: 1024, QoS: 1}, 5},
		{"cores, QoS 0", Load{MessagesPerSecond: 40_000, PayloadBytes: 1024, QoS: 0}, 3},
		{"cores, QoS 2", Load{MessagesPerSecond: 12_001, PayloadBytes: 1024, QoS: 2}, 5},
		{"cores, larger messages", Load{MessagesPerSecond: 12_001, PayloadBytes: 1025, QoS: 1}, 5},
		{"cores, messages of two pieces", Load{MessagesPerSecond: 4_001, PayloadBytes: 16<<10 + 1, QoS: 0}, 5},
		// 80 % of two disks are 204.8 GiB; a million messages of 1 KiB take 2 GB, which is 1.8626 GiB.
		{"disk, just enough", Load{PersistedMillion: 109.9, PayloadBytes: 1024, QoS: 1}, 3},
		{"disk, too much", Load{PersistedMillion: 110, PayloadBytes: 1024, QoS: 1}, 5},
		{"nothing", Load{}, 3},
	} {
		if got, err := onThreeMachines().NodesFor(c.load); err != nil || got != c.want {
			t.Errorf("%s: %d nodes, %v, want %d", c.name, got, err, c.want)
		}
	}
}

func TestWhatALoadNeedsAndWhatIsThereIsThatComputedByHand(t *testing.T) {
	c := onThreeMachines()
	c.Copies, c.LoginsPerNode, c.DatabaseLogins, c.CacheGiB, c.Limits = 2, 5, 20, 1, []Limit{{"gateway", 50_000}}
	want := map[string][2]float64{ // with two machines of three
		Memory:          {1 << 18 * 1.5 / 1024, 28},
		Cores:           {6000.0 / 3000, 8},
		OpenFiles:       {1 << 18, 2 * (1<<20 - 16384)},
		DatabaseStorage: {1, 128},                           // 4 KiB a user
		Disk:            {10 * 2e9 / (1 << 30) * 2, 204.8},  // 1 KiB and as much beside it, in two copies; 80 % of a disk
		Logins:          {float64(1<<18) / 900, 2*5.0 + 20}, // all within a quarter of an hour
		Cache:           {0.25, 1},                          // 1 KiB a user
		"gateway":       {1 << 18, 50_000},
	}
	needs := c.Needs(Load{Connections: 1 << 18, MessagesPerSecond: 6000, PayloadBytes: 1024, QoS: 1,
		PersistedMillion: 10}, 3)
	for _, n := range needs {
		if w := want[n.Name]; math.Abs(n.Needs-w[0]) > 1e-9*w[0] || math.Abs(n.Holds-w[1]) > 1e-9*w[1] ||
			math.Abs(n.Headroom-(1-w[0]/w[1])) > 1e-9 {
			t.Errorf("%s: needs %v, holds %v, headroom %v; want %v", n.Name, n.Needs, n.Holds, n.Headroom, w)
		}
	}
	if len(needs) != len(want) {
		t.Errorf("%d needs, want %d", len(needs), len(want))
	}
}

func TestWhatACoreAndAMillionMessagesTakeFollowsFromTheirSize(t *testing.T) {
	const kib = 1 << 10
	for _, c := range []struct {
		payload, qos       int
		perCore, gigabytes Range
	}{
		{0, 0, Range{1000, 5000, 5000}, Range{1, 1, 10}},
		{kib, 1, Range{1000, 3000, 5000}, Range{1, 2, 10}},
		{kib, 2, Range{1000, 1500, 5000}, Range{1, 2, 10}},
		{kib + 1, 0, Range{1000, 2500, 5000}, Range{1 + 1.0/1024, 2 + 1.0/1024, 10}},
		// half of it would be less than the slowest
		{kib + 1, 2, Range{1000, 1000, 5000}, Range{1 + 1.0/1024, 2 + 1.0/1024, 10}},
		{16 * kib, 0, Range{1000, 2500, 5000}, Range{16, 17, 17}},
		{16*kib + 1, 0, Range{500, 500, 2500}, Range{16 + 1.0/1024, 17 + 1.0/1024, 17 + 1.0/1024}},
	} {
		l := Load{PayloadBytes: c.payload, QoS: c.qos}
		if l.MessagesPerCore() != c.perCore || l.GBPerMillion() != c.gigabytes {
			t.Errorf("%d bytes of QoS %d: %v a core, %v GB", c.payload, c.qos, l.MessagesPerCore(), l.GBPerMillion())
		}
	}
}

func TestWhatDoesNotFitNamesWhatIsShort(t *testing.T) {
	limited := onThreeMachines()
	limited.Limits = []Limit{{"gateway", 1000}}
	small := onThreeMachines()
	small.DatabaseLogins, small.DatabaseGiB = 10, 32
	cached := onThreeMachines()
	cached.Node.MemoryGiB, cached.CacheGiB = 1<<20, 0.25
	for name, c := range map[string]struct {
		cluster Cluster
		load    Load
	}{
		Memory:    {onThreeMachines(), Load{Connections: 57_345}}, // six machines are left of ten: 57,344
		Cores:     {onThreeMachines(), Load{MessagesPerSecond: 10_000_000}},
		Disk:      {onThreeMachines(), Load{PersistedMillion: 1000}},
		"gateway": {limited, Load{Connections: 1001}},
		Logins:    {small, Load{Connections: 9001}}, // ten a second for a quarter of an hour
		Cache:     {cached, Load{Connections: 1<<18 + 1}},
	} {
		var short TooMuch
		if _, err := c.cluster.NodesFor(c.load); !errors.As(err, &short) || short.Short.Name != name || short.Nodes != 10 {
			t.Errorf("%+v is too much by %v, want %s", c.load, err, name)
		}
		if name == Memory {
			c.load.Connections--
			if _, err := c.cluster.NodesFor(c.load); err != nil {
				t.Errorf("one less is too much too: %v", err)
			}
		}
	}
}

func TestWithoutADiskMessagesAreKeptInTheMemoryOfConnections(t *testing.T) {
	inMemory := onThreeMachines()
	inMemory.Node.DiskGiB = 0
	capacity, err := inMemory.Of(3, Load{PersistedMillion: 10, PayloadBytes: 1024})
	if err != nil {
		t.Fatal(err)
	}
	// 28 GiB less 10 × 2 GB.
	if want := math.Floor((28 - 20e9/(1<<30)) * 1024 / 1.5); capacity.Connections.Typical != want {
		t.Errorf("%v connections fit beside the messages, want %v", capacity.Connections.Typical, want)
	}
	for _, n := range capacity.Needs {
		if n.Name == Disk {
			t.Error("a disk is needed that there is not")
		}
	}
}

func TestACapacityHasTheEndsOfItsRangesAndWhatBindsIt(t *testing.T) {
	capacity, err := onThreeMachines().
		Of(3, Load{Connections: 15_000, MessagesPerSecond: 20_000, PayloadBytes: 1024, QoS: 1})
	if err != nil {
		t.Fatal(err)
	}
	if capacity.Connections != (Holds{14_336, 19_114, 28_672}) || capacity.Messages != (Holds{8000, 24_000, 40_000}) {
		t.Errorf("connections %+v, messages %+v", capacity.Connections, capacity.Messages)
	}
	if capacity.Binding != Cores || math.Abs(capacity.Headroom-1.0/6) > 1e-9 || capacity.Left != 2 {
		t.Errorf("%s binds with a headroom of %v, %d nodes left", capacity.Binding, capacity.Headroom, capacity.Left)
	}
	limited := onThreeMachines()
	for limit, binding := range map[int]string{100: "gateway", 100_000: Memory} {
		limited.Limits = []Limit{{"gateway", limit}}
		if idle, err := limited.Of(3, Load{}); err != nil || idle.Binding != binding {
			t.Errorf("with %d at the gateway, %q binds where nothing is needed, %v; want %q", limit, idle.Binding, err, binding)
		}
	}
}

func TestATeamsOwnFiguresTakeThePlaceOfTheRanges(t *testing.T) {
	own := onThreeMachines()
	own.Figures = Figures{ConnectionKiB: 100, MessagesPerCore: 10_000}
	// Two machines of 14 GiB and four cores each.
	const connections, messages = 293_601, 80_000
	capacity, err := own.Of(3, Load{QoS: 2, PayloadBytes: 1 << 20})
	if err != nil || capacity.Connections != (Holds{connections, connections, connections}) ||
		capacity.Messages != (Holds{messages, messages, messages}) {
		t.Errorf("%+v, %v", capacity, err)
	}
	for load, nodes := range map[Load]int{
		{Connections: connections}: 3, {Connections: connections + 1}: 5, {MessagesPerSecond: messages}: 3,
		{MessagesPerSecond: messages + 1}: 5,
	} {
		if got, err := own.NodesFor(load); err != nil || got != nodes {
			t.Errorf("%+v takes %d nodes, %v; want %d", load, got, err, nodes)
		}
	}
	own.Figures, own.Node.DiskGiB = Figures{ConnectionKiB: 100}, 0
	capacity, err = own.Of(3, Load{Connections: 100_000})
	if want := 28 - 100_000*100.0/(1<<20); err != nil || math.Abs(capacity.Persisted.Typical-want/(1e9/(1<<30))) > 1e-9 {
		t.Errorf("%v million messages fit beside the connections, %v; want %v GiB of them", capacity.Persisted.Typical,
			err, want)
	}
}

func TestWhatCanBeNoLoadIsRefused(t *testing.T) {
	for name, load := range map[string]Load{
		"connections: -1": {Connections: -1}, "connections: 1e+12": {Connections: 1_000_000_000_000},
		"messages per second: -5":       {MessagesPerSecond: -5},
		"payload bytes: 2.68435456e+08": {PayloadBytes: 268_435_456}, "QoS: 3": {QoS: 3}, "QoS: -1": {QoS: -1},
		"millions of persisted messages: NaN":  {PersistedMillion: math.NaN()},
		"millions of persisted messages: +Inf": {PersistedMillion: math.Inf(1)},
	} {
		if _, err := onThreeMachines().NodesFor(load); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%+v: %v, want a word about %s", load, err, name)
		}
		if _, err := onThreeMachines().Of(3, load); err == nil {
			t.Errorf("%+v has a capacity", load)
		}
	}
	if err := (Load{Connections: -1, QoS: 7}).Check(); strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("not every fault is told: %v", err)
	}
}

func TestACapacityComesBackFromJSONAsItWas(t *testing.T) {
	capacity, err := onThreeMachines().
		Of(4, Load{Connections: 1234, MessagesPerSecond: 77, PayloadBytes: 100, QoS: 2, PersistedMillion: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(capacity)
	if err != nil {
		t.Fatal(err)
	}
	var back Capacity
	if err := json.Unmarshal(data, &back); err != nil || !reflect.DeepEqual(back, capacity) {
		t.Errorf("%+v came back as %+v, %v", capacity, back, err)
	}
}
