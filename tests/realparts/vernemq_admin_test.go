package realparts

import (
	"encoding/json"
	"os"
	"strings"
)

// admin says in shell what vmq-admin does.
func (c *vmqCluster) admin(n *vmqNode, args []string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n.active != "active" || n.booting > 0 || n.deaf {
		n.booting = max(0, n.booting-1)
		return "echo " + quoted("Node 'VerneMQ@"+n.address+"' not responding to pings.") + " >&2; return 1"
	}
	if n.answers > 0 {
		n.answers--
		n.deaf = n.answers == 0
	}
	// An Erlang without a terminal takes what is on its standard input.
	return "read -r -d '' -t 0.01 -n 10000 || true; " + c.command(n, args)
}

func (c *vmqCluster) command(n *vmqNode, args []string) string {
	words := strings.Join(args, " ")
	whom, _ := strings.CutPrefix(strings.Split(words+"  ", " ")[2], "node=VerneMQ@")
	through, joins := strings.CutPrefix(words, "cluster join discovery-node=VerneMQ@")
	switch {
	case words == "cluster show --format=json":
		return "echo " + quoted(c.table(n))
	case joins:
		return c.join(n, through)
	case words == "cluster leave node=VerneMQ@"+whom:
		return c.leave(n, whom, false)
	case words == "cluster leave node=VerneMQ@"+whom+" -k -i 5 -t 300":
		return c.leave(n, whom, true)
	case words == "tls clear-pem-cache":
		n.cleared++
		n.tls = read(c.T, n.machine.path("etc/vernemq/tls.pem"))
		return "return 1"
	}
	c.fault("%s has vmq-admin do %v", n.address, args)
	return "return 1"
}

func (c *vmqCluster) table(n *vmqNode) string {
	type row struct {
		Node    string
		Running bool
	}
	rows := []row{}
	for _, address := range n.view.addresses() {
		rows = append([]row{{"VerneMQ@" + address, n.reaches(c.nodes[address])}}, rows...)
	}
	text, err := json.Marshal(map[string]any{"table": rows, "type": "table"})
	n.machine.site.must(err)
	return string(text)
}

func (c *vmqCluster) join(n *vmqNode, through string) string {
	fails := func(reason string) string {
		return "echo " + quoted("RPC to node 'VerneMQ@"+through+"' failed for reason: "+reason) + "; return 1"
	}
	other := c.nodes[through]
	switch {
	case through == n.address:
		return fails("self_join")
	case has(n.machine.data("clients")) || len(n.view.Members) > 1:
		c.fault("%s joins %s and is not empty", n.address, through)
		return fails("non_empty_node")
	case !n.reaches(other):
		return fails("not_reachable")
	}
	n.joined = append(n.joined, through)
	c.after(heard, func() {
		if !n.reaches(other) {
			return
		}
		c.tells(other.view, n)
		for _, address := range n.view.addresses() {
			if peer := c.nodes[address]; peer != n && n.reaches(peer) {
				c.tells(n.view, peer)
			}
		}
	})
	return "echo Done"
}

// leave takes a node that is down out of the cluster; one that runs hands over and stops, which may take longer than
// vmq-admin waits.
func (c *vmqCluster) leave(n *vmqNode, whom string, kill bool) string {
	other := c.nodes[whom]
	if !n.reaches(other) {
		n.forgot = append(n.forgot, whom)
		n.view.forgets(whom)
		// A bug of VerneMQ: it is the one that is told who loses this file, until it hears news.
		if err := os.Remove(n.machine.data("cluster_state")); err != nil && !os.IsNotExist(err) {
			c.fault("%s: %v", n.address, err)
		}
		return "echo Done"
	}
	other.stopClients()
	switch {
	case !kill:
		return "echo 'Done! Use -k to teardown and migrate existing sessions!'"
	case len(other.view.addresses()) == 1:
		return "echo 'Unknown error: no_target_available'"
	case other.online > 0:
		other.online--
		return "echo 'error, still online queues, check the logs, and retry!'"
	case other.leaveTakes > 0:
		run := other.starts
		c.after(other.leaveTakes, func() {
			if other.active == "active" && other.starts == run {
				c.left(other)
			}
		})
		return "echo " + quoted("RPC to 'VerneMQ@"+n.address+"' failed: timeout") + " >&2; return 1"
	}
	c.left(other)
	return "echo Done"
}

func (c *vmqCluster) left(n *vmqNode) {
	peers := n.view.addresses()
	n.view.forgets(n.address)
	for _, address := range peers {
		if peer := c.nodes[address]; peer != n && n.reaches(peer) {
			c.tells(n.view, peer)
		}
	}
	n.handedOver = true
	if err := os.Remove(n.machine.data("cluster_state")); err != nil && !os.IsNotExist(err) {
		c.fault("%s: %v", n.address, err)
	}
	n.stop()
}
