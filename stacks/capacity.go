package stacks

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/amora-sync/mqtt-on-azure/components"
	"github.com/amora-sync/mqtt-on-azure/components/assets"
	"github.com/amora-sync/mqtt-on-azure/internal/recovery"
	"github.com/amora-sync/mqtt-on-azure/internal/sizing"
)

// What a node has beside what its clients use.
const (
	reservedGiB  = 2 // of a machine's memory for its system, or of a HiveMQ's for what is not connections …
	reservedEMQX = 1 // … and of an EMQX's, which has no system beside it
	// of a container: containerd's default, which neither service lowers; and all that Linux lets a process have
	openFiles = 1_048_576
)

// What is in front of the brokers.
const (
	// proxies before EMQX that always run; more come with the CPU that they use, not with connections
	edgeReplicas     = 2
	gatewayInstances = 10 // at the most
)

// memoryOf is the memory of a machine, in GiB for each vCPU, by the letter of its size.
var memoryOf = map[string]int{"D": 4, "E": 8, "F": 2}

// mostMemory is what the largest sizes have, which is less. Source:
// learn.microsoft.com/azure/virtual-machines/sizes/memory-optimized.
var mostMemory = map[string]int{"E64_v3": 432, "E64_v4": 504, "E96_v5": 672}

// coresPerVCPU is HiveMQ's share of its node: of a D4s_v3 (4 vCPU, 16 GiB), AKS keeps about 0.14 vCPU and 3.2 GiB for
// itself, and its agents on every node use up to 1 vCPU. Of the memory it has half.
const coresPerVCPU = 0.625

// machine is the vCPUs and the memory, in GiB, of a size that [Config.check] takes; 0 of any other.
func machine(size string) (vcpu, memoryGiB int) {
	match := vmRule.FindStringSubmatch(size)
	if match == nil {
		return 0, 0
	}
	vcpu, err := strconv.Atoi(match[2])
	if err != nil {
		return 0, 0
	}
	memoryGiB = vcpu * memoryOf[match[1]]
	if most := mostMemory[match[1]+match[2]+"_v"+match[4]]; most > 0 {
		memoryGiB = most
	}
	return vcpu, memoryGiB
}

// load is what the config says that clients will ask of the broker.
func (c Config) load() sizing.Load {
	return sizing.Load{
		Connections: c.Capacity.Connections, MessagesPerSecond: c.Capacity.MessagesPerSecond,
		PayloadBytes: c.Capacity.PayloadBytes,
		QoS:          c.Capacity.QoS, PersistedMillion: c.Capacity.PersistedMessagesMillion,
	}
}

// figures are the team's own.
func (k Capacity) figures() sizing.Figures {
	return sizing.Figures{ConnectionKiB: float64(k.ConnectionKiB), MessagesPerCore: float64(k.MessagesPerCore)}
}

// cluster is what the config makes of the broker, whatever the number of nodes.
func (c Config) cluster() sizing.Cluster {
	cluster := sizing.Cluster{
		Copies: 1, Zones: 1, MinNodes: smallest(c.Broker).MinNodes, MaxNodes: assets.MaxNodes,
		DatabaseGiB: float64(c.Database.StorageGB),
		Figures:     c.Capacity.figures(),
	}
	if regions[c.Location] {
		cluster.Zones = len(c.Availability.Zones)
	}
	logins := 1 / recovery.LoginTakes.Seconds() // of one core
	switch c.Broker {
	case HiveMQAKS:
		vcpu, memory := machine(c.HiveMQ.VMSize)
		cluster.Node = sizing.Node{Cores: coresPerVCPU * float64(vcpu),
			MemoryGiB: float64(max(0, memory/2-reservedGiB)), DiskGiB: dataDiskGB, OpenFiles: openFiles}
		cluster.Copies = assets.HiveMQCopies
		cluster.Limits = append(cluster.Limits,
			sizing.Limit{Name: "gateway", Connections: gatewayInstances * components.GatewayConnections})
		if c.HiveMQ.Licence == "" {
			cluster.Limits = append(cluster.Limits,
				sizing.Limit{Name: "HiveMQ without a licence", Connections: assets.HiveMQTrialConnections})
		}
	case VerneMQVMs:
		vcpu, memory := machine(c.VerneMQ.VMSize)
		cluster.Node = sizing.Node{Cores: float64(vcpu), MemoryGiB: float64(max(0, memory-reservedGiB)), DiskGiB: dataDiskGB}
		cluster.Node.OpenFiles = c.connectionsIn(cluster.Node.MemoryGiB) + sizing.FilesBeside // as its service may open
		cluster.DatabaseLogins = logins * databaseCores(c.Database.SKU)
	default:
		cluster.Node = sizing.Node{Cores: float64(c.EMQX.VCPU), MemoryGiB: float64(2*c.EMQX.VCPU - reservedEMQX),
			OpenFiles: openFiles}
		cluster.LoginsPerNode = logins * float64(c.EMQX.VCPU)
		cluster.CacheGiB = redisGiB[c.Redis.SKU]
		cluster.Limits = append(cluster.Limits,
			sizing.Limit{Name: "edge", Connections: edgeReplicas * components.EdgeConnections})
	}
	return cluster
}

// redisGiB is the memory of the sizes of Redis. Sources: learn.microsoft.com/azure/redis/how-to-scale,
// azure.microsoft.com/pricing/details/cache.
var redisGiB = map[string]float64{
	"Balanced_B0": 0.5, "Balanced_B1": 1, "Balanced_B3": 3, "Balanced_B5": 6, "Balanced_B10": 12, "Balanced_B20": 24,
	"Balanced_B50": 60, "Balanced_B100": 120,
	"C0": 0.25, "C1": 1, "C2": 2.5, "C3": 6, "C4": 13, "C5": 26, "C6": 53,
}

// databaseCores are the vCores of a size of PostgreSQL flexible servers; 0 of what is none.
func databaseCores(sku string) float64 {
	match := coresRule.FindStringSubmatch(sku)
	if match == nil {
		return 0
	}
	cores, err := strconv.Atoi(match[1])
	if err != nil {
		return 0
	}
	return float64(cores)
}

// connectionsIn is how many connections fit into some memory, and may be open in a process: no process may open more
// files.
func (c Config) connectionsIn(gib float64) int {
	return min(int(gib*1024/c.Capacity.figures().Connection().Default), openFiles-sizing.FilesBeside)
}

// smallest is the capacity of a broker's smallest cluster.
func smallest(broker string) Capacity {
	if broker == HiveMQAKS || broker == VerneMQVMs {
		return Capacity{MinNodes: 3, MaxNodes: 5}
	}
	return Capacity{MinNodes: 2, MaxNodes: 10}
}

// holds is what the config's nodes hold together, in connections, and all that those hold that the loss of a zone
// leaves.
func (c Config) holds() (connections int, left sizing.Capacity) {
	cluster := c.cluster()
	connections = c.Capacity.MinNodes * c.connectionsIn(cluster.Node.MemoryGiB)
	for _, limit := range cluster.Limits {
		connections = min(connections, limit.Connections)
	}
	left, err := cluster.Of(c.Capacity.MinNodes, c.load())
	if err != nil {
		panic(err) // checkLoad has refused such a load
	}
	return connections, left
}

// fillNodes decides how many nodes there are where the config does not: as many as the load needs, and no fewer than
// the broker's smallest cluster has.
func (c *Config) fillNodes() {
	least := smallest(c.Broker)
	if c.Capacity.MinNodes == 0 {
		c.Capacity.MinNodes = least.MinNodes
		nodes, err := c.cluster().NodesFor(c.load())
		switch {
		case err == nil:
			c.Capacity.MinNodes = nodes
		case errors.As(err, &sizing.TooMuch{}):
			c.Capacity.MinNodes = assets.MaxNodes // checkLoad says how much those hold
		}
	}
	if c.Capacity.MaxNodes == 0 {
		c.Capacity.MaxNodes = max(least.MaxNodes, c.Capacity.MinNodes)
	}
}

// What a team's own figures may be: what is beyond is a slip. No broker here keeps a connection in less than 10 KiB.
const (
	leastConnectionKiB, mostConnectionKiB     = 10, 65_536
	leastMessagesPerCore, mostMessagesPerCore = 100, 1_000_000
)

// checkLoad holds the load to what can be reckoned with.
func (c *Config) checkLoad(f *Faults) {
	k := c.Capacity
	for key, value := range map[string]int{"connections": k.Connections, "messagesPerSecond": k.MessagesPerSecond} {
		if value < 0 || value > sizing.MaxNumber {
			f.add("capacity."+key, fmt.Sprint(value), "must be 0 (not known) to %d", sizing.MaxNumber)
		}
	}
	if k.PayloadBytes < 0 || k.PayloadBytes > sizing.MaxPayload {
		f.add("capacity.payloadBytes", fmt.Sprint(k.PayloadBytes), "must be 0 to %d, the longest packet of MQTT",
			sizing.MaxPayload)
	}
	if k.QoS < 0 || k.QoS > 2 {
		f.add("capacity.qos", fmt.Sprint(k.QoS), "must be 0, 1 or 2")
	}
	if m := k.PersistedMessagesMillion; m < 0 || m > sizing.MaxNumber {
		f.add("capacity.persistedMessagesMillion", fmt.Sprint(m), "must be 0 (not known) to %d", sizing.MaxNumber)
	}
	if kib := k.ConnectionKiB; kib != 0 && (kib < leastConnectionKiB || kib > mostConnectionKiB) {
		f.add("capacity.connectionKiB", fmt.Sprint(kib), "must be 0 (the planning figure), or %d to %d",
			leastConnectionKiB, mostConnectionKiB)
	}
	if n := k.MessagesPerCore; n != 0 && (n < leastMessagesPerCore || n > mostMessagesPerCore) {
		f.add("capacity.messagesPerCore", fmt.Sprint(n), "must be 0 (the planning figure), or %d to %d",
			leastMessagesPerCore, mostMessagesPerCore)
	}
}

// checkHolds holds the load against what the nodes hold.
func (c *Config) checkHolds(f *Faults) {
	short := sizing.Tightest(c.cluster().Needs(c.load(), c.Capacity.MinNodes))
	if short.Headroom >= 0 {
		return
	}
	key, value := c.Capacity.keyOf(short)
	f.add(key, value, "%s%s", c.largest(short), c.wouldHold())
}

// keyOf is the part of the load that is too much.
func (k Capacity) keyOf(short sizing.Need) (key, value string) {
	switch {
	case short.Name == sizing.Cores:
		return "capacity.messagesPerSecond", fmt.Sprint(k.MessagesPerSecond)
	case short.Name == sizing.Disk || short.Name == sizing.Memory && k.Connections == 0:
		return "capacity.persistedMessagesMillion", fmt.Sprint(k.PersistedMessagesMillion)
	default:
		return "capacity.connections", fmt.Sprint(k.Connections)
	}
}

// largest says how much the nodes do hold, and what sets the limit.
func (c Config) largest(short sizing.Need) string {
	capacity, err := c.cluster().Of(c.Capacity.MinNodes, c.load())
	if err != nil {
		return err.Error()
	}
	most := map[string]string{
		"capacity.messagesPerSecond":        fmt.Sprintf("%.0f", capacity.Messages.Typical),
		"capacity.persistedMessagesMillion": fmt.Sprintf("%.4g", capacity.Persisted.Typical),
	}
	key, _ := c.Capacity.keyOf(short)
	value := most[key]
	if value == "" {
		value = fmt.Sprintf("%.0f", float64(c.Capacity.Connections)*short.Holds/short.Needs)
		if short.Name == sizing.Memory {
			value = fmt.Sprintf("%.0f", capacity.Connections.Typical)
		}
	}
	return fmt.Sprintf("must be at most %s for %s: %s", value, c.Broker, c.because(capacity, short))
}

// because says what sets the limit.
func (c Config) because(capacity sizing.Capacity, short sizing.Need) string {
	nodes := fmt.Sprintf("%d nodes of %s (%d after the loss of %s) have", capacity.Nodes, c.node(),
		capacity.Left, c.lost())
	needs := fmt.Sprintf("%.4g %s", short.Holds, short.Unit)
	switch short.Name {
	case sizing.Cores:
	case sizing.Memory, sizing.Disk, sizing.OpenFiles:
		needs += " of " + short.Name
	case sizing.Logins:
		return fmt.Sprintf("passwords are checked at %.0f a second, and all clients have to be back within %d minutes",
			short.Holds, sizing.ReturnWithin/60)
	case sizing.DatabaseStorage, sizing.Cache:
		return fmt.Sprintf("the %s is %s, and %.4g would be needed", short.Name, needs, short.Needs)
	default:
		return fmt.Sprintf("%s takes no more", short.Name)
	}
	return fmt.Sprintf("%s %s, and %.4g would be needed", nodes, needs, short.Needs)
}

// lost is the loss that is planned for.
func (c Config) lost() string {
	if c.cluster().Zones > 1 {
		return "a zone"
	}
	return "one"
}

// node is a node in words.
func (c Config) node() string {
	switch c.Broker {
	case HiveMQAKS:
		return c.HiveMQ.VMSize
	case VerneMQVMs:
		return c.VerneMQ.VMSize
	default:
		return fmt.Sprintf("%d vCPU", c.EMQX.VCPU)
	}
}

// What is tried where the config's own sizes don't hold a load.
var (
	largerDatabases = []string{"Standard_D4ds_v5", "Standard_D8ds_v5", "Standard_D16ds_v5", "Standard_D32ds_v5",
		"Standard_D64ds_v5", "Standard_D96ds_v5"}
	larger = []string{"Standard_D4s_v5", "Standard_D8s_v5", "Standard_D16s_v5", "Standard_D32s_v5",
		"Standard_D64s_v5", "Standard_D96s_v5", "Standard_E96s_v5"}
)

// wouldHold names what would hold the load, as the end of a sentence: more nodes, larger ones, or another broker.
func (c Config) wouldHold() string {
	if nodes, err := c.cluster().NodesFor(c.load()); err == nil {
		return fmt.Sprintf("; capacity.minNodes %d holds it", nodes)
	}
	for _, broker := range append([]string{c.Broker},
		slices.DeleteFunc(slices.Clone(brokers), func(b string) bool { return b == c.Broker })...) {
		for _, edit := range c.enlarged(broker) {
			if nodes, err := edit.cluster().NodesFor(edit.load()); err == nil {
				return "; " + edit.difference(c, nodes) + " holds it"
			}
		}
	}
	return "; no broker here holds it in one cluster"
}

// enlarged is the config with a broker's larger nodes, from the smallest up.
func (c Config) enlarged(broker string) []Config {
	var all []Config
	c.Broker = broker
	switch broker {
	case HiveMQAKS:
		c.HiveMQ.Licence = "one" // a trial holds nothing
		for _, size := range append([]string{c.HiveMQ.VMSize}, larger...) {
			c.HiveMQ.VMSize = size
			all = append(all, c)
		}
	case VerneMQVMs:
		databases := append([]string{c.Database.SKU}, largerDatabases...)
		for _, size := range append([]string{c.VerneMQ.VMSize}, larger...) {
			c.VerneMQ.VMSize = size
			for _, sku := range databases {
				c.Database.SKU = sku
				all = append(all, c)
			}
		}
	default:
		for c.EMQX.VCPU = 1; c.EMQX.VCPU <= maxEMQXVCPU; c.EMQX.VCPU++ {
			all = append(all, c)
		}
	}
	return all
}

// difference names the edits from another config to this one.
func (c Config) difference(from Config, nodes int) string {
	var edits []string
	if c.Broker != from.Broker {
		edits = append(edits, "broker "+c.Broker)
	}
	switch c.Broker {
	case HiveMQAKS:
		if from.HiveMQ.Licence == "" {
			edits = append(edits, "hivemq.licence")
		}
		if c.HiveMQ.VMSize != from.HiveMQ.VMSize {
			edits = append(edits, "hivemq.vmSize "+c.HiveMQ.VMSize)
		}
	case VerneMQVMs:
		if c.VerneMQ.VMSize != from.VerneMQ.VMSize {
			edits = append(edits, "vernemq.vmSize "+c.VerneMQ.VMSize)
		}
		if c.Database.SKU != from.Database.SKU {
			edits = append(edits, "database.sku "+c.Database.SKU)
		}
	default:
		edits = append(edits, fmt.Sprintf("emqx.vcpu %d", c.EMQX.VCPU))
	}
	return strings.Join(append(edits, fmt.Sprintf("capacity.minNodes %d", nodes)), ", ")
}
