// Package sizing is the capacity model: what a load asks of a broker, what its nodes hold after the loss of a zone, and
// how many of them it takes. It is pure arithmetic on planning ranges. A load test on the stack at hand is worth more
// than all of it.
package sizing

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Range is a planning range and the point in it that plans are made with.
type Range struct{ Low, Default, High float64 }

// ConnectionMiB is the memory that a connection takes, in MiB. Source: the platform's requirement, 1 to 2 MB. A
// connection at rest takes far less (EMQX: 10 KB, and 30 to 60 with TLS, by what users report); the rest is for
// sessions, queues and peaks.
var ConnectionMiB = Range{1, 1.5, 2}

// What one core takes of messages that are not larger than smallMessage, by QoS, in messages per second, in and out
// together. Source: the platform's requirement, 1,000 to 5,000 by size and QoS. EMQX publishes three times as much,
// without TLS (performance reference of 5.1: 4 vCPU, 128 bytes).
var messagesPerCore = [3]float64{5000, 3000, 1500}

const (
	slowest      = 1000 // messages per second that a core takes of any kind up to largeMessage
	fastest      = 5000
	smallMessage = 1 << 10  // bytes: above it, half as many messages
	largeMessage = 16 << 10 // bytes: above it, each piece of this size counts as a message
	gigabyteMin  = 1.0      // GB of storage for a million messages, at the least …
	gigabyteMax  = 10.0     // … and at the most, as far as payloads allow. Source: the platform's requirement
	overheadKiB  = 1        // beside a message's payload: topic, properties, index
)

// What is planned for beside the broker. Planning figures: no source gives one.
const (
	UserKiB      = 4               // of the database, for a user with a handful of topic rules and their indices
	CachedKiB    = 1               // of the topic-rule cache, for the same
	ReturnWithin = 15 * 60         // seconds in which every client should be able to log in again
	FilesBeside  = 16384           // open files of a node beside its connections
	usableDisk   = 0.8             // of a disk, before it counts as full
	MaxNumber    = 1_000_000_000   // of anything in a load: what is above is a slip
	MaxPayload   = 268_435_455     // bytes: the longest MQTT packet
	mebibytes    = 1024.0          // in a GiB
	kibibytes    = 1024.0 * 1024.0 // in a GiB
	gigabyte     = 1e9 / (1 << 30) // in GiB
)

// Load is what clients ask of a broker.
type Load struct {
	Connections       int     `json:"connections"`       // at the same time
	MessagesPerSecond int     `json:"messagesPerSecond"` // into and out of the broker together
	PayloadBytes      int     `json:"payloadBytes"`      // of a message
	QoS               int     `json:"qos"`               // 0, 1 or 2
	PersistedMillion  float64 `json:"persistedMillion"`  // messages that are kept for clients that are away, in millions
}

// Check says what can't be a load: negative numbers, no numbers, and those that no cluster has ever seen.
func (l Load) Check() error {
	var all []error
	for _, n := range []struct {
		name  string
		value float64
		most  float64
	}{
		{"connections", float64(l.Connections), MaxNumber}, {"messages per second", float64(l.MessagesPerSecond), MaxNumber},
		{"payload bytes", float64(l.PayloadBytes), MaxPayload}, {"QoS", float64(l.QoS), 2},
		{"millions of persisted messages", l.PersistedMillion, MaxNumber},
	} {
		if math.IsNaN(n.value) || n.value < 0 || n.value > n.most {
			all = append(all, fmt.Errorf("%s: %v is not a number from 0 to %.0f", n.name, n.value, n.most))
		}
	}
	return errors.Join(all...)
}

// Asks says whether there is anything in it.
func (l Load) Asks() bool {
	return l.Connections > 0 || l.MessagesPerSecond > 0 || l.PersistedMillion > 0
}

// MessagesPerCore is what one core takes in a second, in and out together.
func (l Load) MessagesPerCore() Range {
	pieces := math.Max(1, math.Ceil(float64(l.PayloadBytes)/largeMessage))
	typical := messagesPerCore[l.QoS]
	switch {
	case l.PayloadBytes > largeMessage:
		typical = slowest
	case l.PayloadBytes > smallMessage:
		typical = math.Max(slowest, typical/2)
	}
	return Range{slowest / pieces, typical / pieces, fastest / pieces}
}

// GBPerMillion is what a million persisted messages take of storage, in GB (10⁹ bytes).
func (l Load) GBPerMillion() Range {
	payload := float64(l.PayloadBytes) / 1024
	typical := math.Max(gigabyteMin, payload+overheadKiB)
	return Range{math.Max(gigabyteMin, payload), typical, math.Max(gigabyteMax, typical)}
}

// Figures are of a connection and of a core in place of the planning ranges, such as a load test showed; 0: the range.
type Figures struct {
	ConnectionKiB   float64 // of memory
	MessagesPerCore float64 // in and out together, of the load's size and QoS
}

// Connection is the memory of a connection, in MiB.
func (f Figures) Connection() Range {
	if mib := f.ConnectionKiB / 1024; mib > 0 {
		return Range{mib, mib, mib}
	}
	return ConnectionMiB
}

// Messages is what one core takes of a load in a second, in and out together.
func (f Figures) Messages(l Load) Range {
	if n := f.MessagesPerCore; n > 0 {
		return Range{n, n, n}
	}
	return l.MessagesPerCore()
}

// Node is what one broker node has for clients, beside what its system and the broker itself need.
type Node struct {
	Cores     float64 `json:"cores"`
	MemoryGiB float64 `json:"memoryGib"`
	DiskGiB   float64 `json:"diskGib"`   // 0: what it keeps, it keeps in memory
	OpenFiles int     `json:"openFiles"` // that it may have
}

// Limit is a number of connections that something other than the nodes sets.
type Limit struct {
	Name        string `json:"name"`
	Connections int    `json:"connections"`
}

// Cluster is a broker's nodes, all alike, and what stands beside them.
type Cluster struct {
	Node     Node
	Zones    int // that nodes are spread over evenly; 1: the loss of one node is what is planned for
	Copies   int // that the cluster keeps of a persisted message
	MinNodes int
	MaxNodes int
	Limits   []Limit
	Figures  Figures

	LoginsPerNode  float64 // passwords that a node checks in a second; 0: it does not, or nobody has measured it …
	DatabaseLogins float64 // … and that the database checks
	DatabaseGiB    float64 // storage of the database
	CacheGiB       float64 // memory of the topic-rule cache; 0: there is none
}

// Left is how many of some nodes are left when the zone goes that has most of them, or one node where there is one
// zone.
func (c Cluster) Left(nodes int) int {
	if c.Zones <= 1 {
		return max(0, nodes-1)
	}
	return nodes - (nodes+c.Zones-1)/c.Zones
}

// What may be short. Limits have names of their own.
const (
	Memory          = "memory"
	Cores           = "cores"
	Disk            = "disk"
	OpenFiles       = "open files"
	Logins          = "logins" // that every client can be back in time after all have lost their connection
	DatabaseStorage = "storage of the database"
	Cache           = "memory of the topic-rule cache"
)

// Need is one thing that a load needs, and that nodes hold.
type Need struct {
	Name     string  `json:"name"`
	Unit     string  `json:"unit"`
	Needs    float64 `json:"needs"`
	Holds    float64 `json:"holds"`    // after the loss of a zone
	Headroom float64 `json:"headroom"` // share of what is held that is not needed; negative: too little
}

func need(name, unit string, needs, holds float64) Need {
	n := Need{Name: name, Unit: unit, Needs: needs, Holds: holds}
	switch {
	case needs == 0:
		n.Headroom = 1
	case holds == 0:
		n.Headroom = -1
	default:
		n.Headroom = 1 - needs/holds
	}
	return n
}

// Needs lists what a load needs, and what the nodes hold that are left of some.
func (c Cluster) Needs(l Load, nodes int) []Need {
	left, clients := float64(c.Left(nodes)), float64(l.Connections)
	memory, disk := clients*c.Figures.Connection().Default/mebibytes, c.stored(l)
	if c.Node.DiskGiB == 0 {
		memory, disk = memory+disk, 0
	}
	all := []Need{
		need(Memory, "GiB", memory, left*c.Node.MemoryGiB),
		need(Cores, "cores", float64(l.MessagesPerSecond)/c.Figures.Messages(l).Default, left*c.Node.Cores),
		need(OpenFiles, "files", clients, left*float64(c.Node.OpenFiles-FilesBeside)),
		need(DatabaseStorage, "GiB", clients*UserKiB/kibibytes, c.DatabaseGiB),
	}
	if c.Node.DiskGiB > 0 {
		all = append(all, need(Disk, "GiB", disk, left*c.Node.DiskGiB*usableDisk))
	}
	if logins := left*c.LoginsPerNode + c.DatabaseLogins; logins > 0 {
		all = append(all, need(Logins, "a second", clients/ReturnWithin, logins))
	}
	if c.CacheGiB > 0 {
		all = append(all, need(Cache, "GiB", clients*CachedKiB/kibibytes, c.CacheGiB))
	}
	for _, limit := range c.Limits {
		all = append(all, need(limit.Name, "connections", clients, float64(limit.Connections)))
	}
	return all
}

// stored is what the persisted messages of a load take, in GiB.
func (c Cluster) stored(l Load) float64 {
	return l.PersistedMillion * l.GBPerMillion().Default * gigabyte * float64(c.Copies)
}

// Tightest is the need with the least headroom.
func Tightest(needs []Need) Need {
	return slices.MinFunc(needs, func(a, b Need) int { return cmp.Compare(a.Headroom, b.Headroom) })
}

// TooMuch says that no number of nodes holds a load.
type TooMuch struct {
	Nodes int  // the most there may be
	Short Need // what is short then
}

func (t TooMuch) Error() string {
	return fmt.Sprintf("%d nodes hold %.4g %s of %s after the loss of a zone; %.4g are needed", t.Nodes, t.Short.Holds,
		t.Short.Unit, t.Short.Name, t.Short.Needs)
}

// NodesFor is the smallest number of nodes that holds a load after the loss of a zone, or else a [TooMuch].
func (c Cluster) NodesFor(l Load) (int, error) {
	if err := l.Check(); err != nil {
		return 0, err
	}
	for nodes := c.MinNodes; nodes <= c.MaxNodes; nodes++ {
		if Tightest(c.Needs(l, nodes)).Headroom >= 0 {
			return nodes, nil
		}
	}
	return 0, TooMuch{c.MaxNodes, Tightest(c.Needs(l, c.MaxNodes))}
}

// Holds is how much of something fits in, at the point of its planning range that plans are made with, and at the ends.
type Holds struct {
	Low     float64 `json:"low"`
	Typical float64 `json:"typical"`
	High    float64 `json:"high"`
}

// holds turns a range of what one of something takes into how many fit in.
func holds(each Range, fit func(each float64) float64) Holds {
	return Holds{Low: fit(each.High), Typical: fit(each.Default), High: fit(each.Low)}
}

// Capacity is what some nodes hold after the loss of a zone, and how much of that a load needs.
type Capacity struct {
	Nodes int    `json:"nodes"`
	Left  int    `json:"left"` // nodes after the loss of a zone, or of one node where there is one zone
	Load  Load   `json:"load"`
	Needs []Need `json:"needs"`
	// the need with the least headroom; where nothing is needed, what bounds the connections
	Binding     string  `json:"binding"`
	Headroom    float64 `json:"headroom"`          // of that
	Connections Holds   `json:"connections"`       // beside the load's persisted messages, where memory keeps them
	Messages    Holds   `json:"messagesPerSecond"` // in and out together, of the load's size and QoS
	Persisted   Holds   `json:"persistedMillion"`  // beside the load's connections, where memory keeps them
}

// Of is the capacity of some nodes for a kind of load.
func (c Cluster) Of(nodes int, l Load) (Capacity, error) {
	if err := l.Check(); err != nil {
		return Capacity{}, err
	}
	left := float64(c.Left(nodes))
	all := Capacity{Nodes: nodes, Left: c.Left(nodes), Load: l, Needs: c.Needs(l, nodes)}
	tightest := Limit{Memory, math.MaxInt}
	for _, limit := range c.Limits {
		if limit.Connections < tightest.Connections {
			tightest = limit
		}
	}
	memory, kept := left*c.Node.MemoryGiB, 0.0
	room := left * c.Node.DiskGiB * usableDisk
	if c.Node.DiskGiB == 0 {
		kept, room = c.stored(l), max(0, memory-float64(l.Connections)*c.Figures.Connection().Default/mebibytes)
	}
	all.Connections = holds(c.Figures.Connection(), func(each float64) float64 {
		return min(float64(tightest.Connections), math.Floor(max(0, memory-kept)*mebibytes/each))
	})
	all.Messages = holds(inverse(c.Figures.Messages(l)), func(each float64) float64 {
		return math.Round(left * c.Node.Cores / each)
	})
	all.Persisted = holds(l.GBPerMillion(), func(each float64) float64 {
		return room / (each * gigabyte * float64(c.Copies))
	})
	binding := Tightest(all.Needs)
	all.Binding, all.Headroom = binding.Name, binding.Headroom
	if all.Headroom == 1 && all.Connections.Typical < float64(tightest.Connections) {
		all.Binding = Memory
	} else if all.Headroom == 1 {
		all.Binding = tightest.Name
	}
	return all, nil
}

// inverse turns what one core takes of messages into what one message takes of a core.
func inverse(r Range) Range { return Range{1 / r.High, 1 / r.Default, 1 / r.Low} }
