package realparts

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// vmqCluster models the VerneMQ nodes of one test, as far as their membership goes: a set into which each node puts
// itself under a new mark, from which others take it, and which nodes that list each other put together. What it says
// was recorded from 2.1.2. Its time passes while a script sleeps, which then takes none.
type vmqCluster struct {
	*testing.T
	mu    sync.Mutex
	nodes map[string]*vmqNode // by address
	born  int
	now   time.Duration
	later []vmqEvent

	faultsMu sync.Mutex
	faults   []string
}

// vmqEvent is what happens at a time to come.
type vmqEvent struct {
	at     time.Duration
	happen func()
}

// vmqNode is VerneMQ at an address, with systemd's view of it.
type vmqNode struct {
	machine *machine
	address string
	active  string // as systemd says
	unit    string // as systemd has read it
	booting int    // commands that find nobody yet
	view    vmqView
	tls     string      // the certificate that it shows
	cookie  string      // only those with the same one connect
	clients []io.Closer // listeners for them
	health  io.Closer

	collector vmCollector

	unreachable bool
	uninformed  bool // hears of no change
	leaveTakes  time.Duration
	online      int  // how many times leaving finds clients that have not gone
	deaf        bool // commands find nobody
	answers     int  // it becomes deaf after so many; 0 is without end

	starts, cleared int
	handedOver      bool
	joined, forgot  []string // through whom, whom
}

// vmqView is who a node thinks is in the cluster, each under a mark of its own.
type vmqView struct{ Members, Gone map[string]bool }

// heard is how long others may take to hear of a change.
const heard = 2 * time.Second

func newVMQCluster(t *testing.T) *vmqCluster {
	t.Helper()
	return &vmqCluster{T: t, nodes: map[string]*vmqNode{}}
}

// passes lets some time go by.
func (c *vmqCluster) passes(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.elapse(by)
}

// elapse is for those who hold the lock.
func (c *vmqCluster) elapse(by time.Duration) {
	for end := c.now + by; c.now < end; {
		c.now += time.Second
		due := func(e vmqEvent) bool { return e.at <= c.now }
		all := c.later
		c.later = slices.DeleteFunc(slices.Clone(all), due)
		for _, e := range all {
			if due(e) {
				e.happen()
			}
		}
		if c.now%heard == 0 {
			c.gossip()
		}
	}
}

// after has something happen after some time.
func (c *vmqCluster) after(d time.Duration, happen func()) {
	c.later = append(c.later, vmqEvent{c.now + d, happen})
}

func (c *vmqCluster) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.nodes {
		n.stop()
	}
}

// fault is what must not happen to real nodes.
func (c *vmqCluster) fault(format string, args ...any) {
	c.faultsMu.Lock()
	defer c.faultsMu.Unlock()
	c.faults = append(c.faults, fmt.Sprintf(format, args...))
}

// node is the one at the machine's address, which now runs there.
func (c *vmqCluster) node(m *machine) *vmqNode {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.nodes[m.address]
	if n == nil {
		n = &vmqNode{address: m.address}
		c.nodes[m.address] = n
	}
	n.machine, n.active, n.unit, n.collector = m, "inactive", "", vmCollector{}
	return n
}

// halt ends a node without its knowing.
func (c *vmqCluster) halt(n *vmqNode) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n.stop()
	n.collector.active = false
}

// with looks at a node, or changes how it behaves.
func (c *vmqCluster) with(m *machine, do func(n *vmqNode)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	do(m.node)
}

// seenBy lists whom a node sees in the cluster.
func (c *vmqCluster) seenBy(m *machine) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return m.node.view.addresses()
}

func (v vmqView) addresses() []string {
	var all []string
	for member := range v.Members {
		if address, _, _ := strings.Cut(member, " "); !v.Gone[member] {
			all = append(all, address)
		}
	}
	slices.Sort(all)
	return all
}

func (v vmqView) knows(address string) bool { return slices.Contains(v.addresses(), address) }

func (v vmqView) forgets(address string) {
	for member := range v.Members {
		if strings.HasPrefix(member, address+" ") {
			v.Gone[member] = true
		}
	}
}

// reaches says whether two nodes run and are connected.
func (n *vmqNode) reaches(other *vmqNode) bool {
	return n != nil && other != nil && n.active == "active" && other.active == "active" &&
		(n == other || !n.unreachable && !other.unreachable && n.cookie == other.cookie)
}

func (c *vmqCluster) gossip() {
	for _, n := range c.nodes {
		for _, address := range n.view.addresses() {
			if other := c.nodes[address]; other != n && n.reaches(other) {
				c.tells(n.view, other)
			}
		}
	}
}

// tells has a node put what another one knows together with what it knows.
func (c *vmqCluster) tells(view vmqView, n *vmqNode) {
	if n.uninformed {
		return
	}
	before := len(n.view.Members) + len(n.view.Gone)
	maps.Copy(n.view.Members, view.Members)
	maps.Copy(n.view.Gone, view.Gone)
	if len(n.view.Members)+len(n.view.Gone) == before {
		return
	}
	n.keep()
	if all := n.view.addresses(); len(slices.Compact(slices.Clone(all))) != len(all) {
		c.fault("%s sees two nodes under one name: %v", n.address, all)
	}
}

// keep writes what the node knows to its disk.
func (n *vmqNode) keep() {
	text, err := json.Marshal(n.view)
	n.machine.site.must(err, os.WriteFile(n.machine.data("cluster_state"), text, 0o600))
}

// start is VerneMQ's start. One with an empty disk takes a new mark.
func (c *vmqCluster) start(n *vmqNode) {
	m := n.machine
	config := parsed(c.T, read(c.T, m.path("etc/vernemq/vernemq.conf")))
	c.checkStart(n, config)
	mark, err := os.ReadFile(m.data("mark"))
	if err != nil {
		c.born++
		mark = fmt.Appendf(nil, "%s #%d", n.address, c.born)
		m.site.must(os.WriteFile(m.data("mark"), mark, 0o600))
		for _, other := range c.nodes {
			if other != n && other.active == "active" && other.view.knows(n.address) {
				c.fault("%s starts with an empty disk while %s still knows it", n.address, other.address)
			}
		}
	}
	n.view = vmqView{map[string]bool{string(mark): true}, map[string]bool{}}
	if text, err := os.ReadFile(m.data("cluster_state")); err == nil {
		n.view = vmqView{}
		m.site.must(json.Unmarshal(text, &n.view))
	} else {
		n.keep()
	}
	// Its own copy, with the rights that the unit leaves to it.
	generated := m.data("generated.configs")
	m.site.must(os.MkdirAll(generated, 0o755), os.Chmod(generated, 0o755),
		os.WriteFile(filepath.Join(generated, "vm.args"), []byte(config["distributed_cookie"]), 0o644))
	n.active, n.booting = "active", 1
	n.starts++
	n.tls, n.cookie = "", config["distributed_cookie"]
	if config["listener.ssl.default"] != "" {
		n.tls = read(c.T, m.path("etc/vernemq/tls.pem"))
		// The worst that may be: a client comes at once, and the node is empty no more.
		m.site.must(os.WriteFile(m.data("clients"), nil, 0o600))
	}
	c.listen(n, config)
}

// checkStart looks for what would keep a real node from working.
func (c *vmqCluster) checkStart(n *vmqNode, config map[string]string) {
	m := n.machine
	m.site.mu.Lock()
	mounted, owned, users := m.mounted, m.mounted && m.disk.owner == m, maps.Clone(m.groups)
	m.site.mu.Unlock()
	if !mounted || !owned {
		c.fault("%s starts without its data disk (%v) or can't write it (%v)", n.address, mounted, owned)
	}
	if text, err := os.ReadFile(m.path("etc/systemd/system/vernemq.service")); err != nil || string(text) != n.unit {
		c.fault("%s starts with a unit that systemd has not read", n.address)
	}
	packaged := len(m.calls("apt-get", "vernemq.deb")) > 0
	if !packaged && !has(m.path("opt/vernemq/bin/vernemq")) {
		c.fault("%s starts and is not installed", n.address)
	}
	if to, err := os.Readlink(m.path("opt/vernemq/data")); !packaged && (err != nil || to != vmData) {
		c.fault("%s has its data on the system disk: %v", n.address, err)
	}
	for _, unknown := range unknownKeys(c.T, config) {
		if !packaged || unknown != "accept_eula" {
			c.fault("%s starts with the unknown %s", n.address, unknown)
		}
	}
	if config["nodename"] != "VerneMQ@"+n.address || config["listener.vmq.clustering"] == "" {
		c.fault("%s starts as %s", n.address, config["nodename"])
	}
	for key := range config {
		if strings.HasPrefix(key, "listener.tcp.") || strings.HasPrefix(key, "listener.ws.") {
			c.fault("%s listens without TLS: %s", n.address, key)
		}
	}
	if config["listener.ssl.default"] != "" && !has(m.data("settled")) {
		c.fault("%s takes clients before it is in the cluster", n.address)
	}
	// VerneMQ runs as a user of its own.
	for _, name := range []string{"", "vernemq.conf", "auth.lua", "tls.pem"} {
		path := m.path(filepath.Join("etc/vernemq", name))
		if info, err := os.Stat(path); err != nil || users[path] != "vernemq" || info.Mode()&0o040 == 0 ||
			info.Mode()&0o007 != 0 {
			c.fault("%s: %s is not for VerneMQ alone: %v", n.address, path, err)
		}
	}
}

// listen opens what the configuration says. Several nodes share this machine's loopback address, where a real node
// would listen alone.
func (c *vmqCluster) listen(n *vmqNode, config map[string]string) {
	for _, kind := range []string{"ssl", "wss", "http"} {
		address := config["listener."+kind+".default"]
		if address == "" || strings.HasPrefix(address, "127.0.0.1:") {
			continue
		}
		listener, err := net.Listen("tcp", address)
		if err != nil {
			c.fault("%s: %v", n.address, err)
			continue
		}
		if kind == "http" {
			server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != assets.VerneMQHealthPath {
					w.WriteHeader(http.StatusNotFound)
				}
			})}
			n.health = server
			go server.Serve(listener)
			continue
		}
		n.clients = append(n.clients, listener)
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				conn.Close()
			}
		}()
	}
}

func (n *vmqNode) stopClients() {
	for _, listener := range n.clients {
		listener.Close()
	}
	n.clients = nil
}

func (n *vmqNode) stop() {
	n.stopClients()
	if n.health != nil {
		n.health.Close()
		n.health = nil
	}
	n.active = "inactive"
}

// systemctl says in shell what systemctl does.
func (c *vmqCluster) systemctl(n *vmqNode, args []string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if args[len(args)-1] == "otelcol" {
		return c.collectors(n, args)
	}
	file := n.machine.path("etc/systemd/system/vernemq.service")
	switch strings.Join(args, " ") {
	case "is-active --quiet vernemq":
		return exit(n.active == "active")
	case "show --property ActiveState --value vernemq":
		return "echo " + n.active
	case "daemon-reload":
		text, _ := os.ReadFile(file) // none is none
		n.unit = string(text)
		text, _ = os.ReadFile(n.machine.path(collectorUnit))
		n.collector.unit = string(text)
		return "return 0"
	case "stop vernemq":
		if n.unit == "" && n.active != "active" {
			return "echo 'Failed to stop vernemq.service: Unit vernemq.service not loaded.' >&2; return 5"
		}
		n.stop()
		return "return 0"
	case "start vernemq":
		if !has(file) {
			return "echo 'Failed to start vernemq.service: Unit vernemq.service not found.' >&2; return 5"
		}
		if n.active != "active" {
			c.start(n)
		}
		return "return 0"
	}
	c.fault("%s has systemctl do %v", n.address, args)
	return "return 1"
}
