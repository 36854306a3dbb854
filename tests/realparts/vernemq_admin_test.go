package realparts

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// vmqAnswer is what the real vmq-admin said once.
type vmqAnswer struct {
	command, out, err string
	status            int
}

// vmqAnswers are those of testdata/vernemq-2.1.2.admin, by situation.
var vmqAnswers = sync.OnceValues(func() (map[string]vmqAnswer, error) {
	text, err := os.ReadFile("testdata/vernemq-2.1.2.admin")
	all, situation := map[string]vmqAnswer{}, ""
	for _, line := range lines(string(text)) {
		a := all[situation]
		switch {
		case strings.HasPrefix(line, "== "):
			situation = line[3:]
			continue
		case strings.HasPrefix(line, "$ "):
			a.command = line[2:]
		case strings.HasPrefix(line, "exit "):
			a.status, err = strconv.Atoi(line[5:])
		case strings.HasPrefix(line, "out|"):
			a.out += line[4:] + "\n"
		case strings.HasPrefix(line, "out~"):
			a.out += line[4:]
		case strings.HasPrefix(line, "err|"):
			a.err += line[4:] + "\n"
		}
		if err != nil {
			return nil, err
		}
		all[situation] = a
	}
	return all, err
})

var vmqAddress = regexp.MustCompile(`10\.20\.1\.\d+`)

// recorded is what vmq-admin said in a situation, of this node, and of another one where its command names one.
func (c *vmqCluster) recorded(situation string, n *vmqNode, whom string) vmqAnswer {
	all, err := vmqAnswers()
	a, found := all[situation]
	if err != nil || !found {
		c.fault("there is no record of %q: %v", situation, err)
	}
	named := vmqAddress.FindString(a.command)
	address := func(text string) string {
		return vmqAddress.ReplaceAllStringFunc(text, func(address string) string {
			if address == named {
				return whom
			}
			return n.address
		})
	}
	a.out, a.err = address(a.out), address(a.err)
	return a
}

func (a vmqAnswer) shell() string {
	return fmt.Sprintf("printf %%s %s; printf %%s %s >&2; return %d", quoted(a.out), quoted(a.err), a.status)
}

// starting is what commands may be told while VerneMQ starts: each start has another one of these.
var starting = []string{
	"VerneMQ starts, and nobody is there",
	"VerneMQ starts, and has no commands yet",
	"VerneMQ starts, and knows no commands yet",
	"VerneMQ starts, and does not know JSON yet",
}

// admin says in shell what vmq-admin does.
func (c *vmqCluster) admin(n *vmqNode, args []string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	says := func(situation string) string { return c.recorded(situation, n, "").shell() }
	switch {
	case n.active != "active":
		return says("VerneMQ does not run")
	case n.booting > 0:
		n.booting--
		return says(starting[n.starts%len(starting)])
	case n.deaf:
		return says(starting[0])
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
		return c.table(n)
	case joins:
		return c.recorded(c.join(n, through), n, through).shell()
	case words == "cluster leave node=VerneMQ@"+whom:
		return c.recorded(c.leave(n, whom, false), n, whom).shell()
	case words == "cluster leave node=VerneMQ@"+whom+" -k -i 5 -t 300":
		return c.recorded(c.leave(n, whom, true), n, whom).shell()
	case words == "tls clear-pem-cache":
		n.cleared++
		n.tls = read(c.T, n.machine.path("etc/vernemq/tls.pem"))
		return c.recorded("the certificate is another one", n, "").shell()
	}
	c.fault("%s has vmq-admin do %v", n.address, args)
	return "return 1"
}

// table has as many of the recorded rows as there are nodes.
func (c *vmqCluster) table(n *vmqNode) string {
	a := c.recorded("three nodes, of which one is down", n, "")
	row := map[bool]string{}
	for _, text := range regexp.MustCompile(`{[^{}]*}`).FindAllString(a.out, -1) {
		row[strings.Contains(text, "true")] = text
	}
	var rows []string
	for _, address := range n.view.addresses() {
		rows = append(rows, strings.Replace(row[n.reaches(c.nodes[address])], n.address, address, 1))
	}
	before, rest, _ := strings.Cut(a.out, "[")
	_, after, _ := strings.Cut(rest, "]")
	a.out = before + "[" + strings.Join(rows, ",") + "]" + after
	return a.shell()
}

// join says which situation it is.
func (c *vmqCluster) join(n *vmqNode, through string) string {
	other := c.nodes[through]
	switch {
	case through == n.address:
		return "a node joins itself"
	case has(n.machine.data("clients")) || len(n.view.Members) > 1:
		c.fault("%s joins %s and is not empty", n.address, through)
		return "a node joins another and is not empty"
	case !n.reaches(other):
		return "a node joins one that can't be reached"
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
	return "a node joins another"
}

// vmqPatience is how long vmq-admin waits for VerneMQ.
const vmqPatience = time.Minute

// leave says which situation it is. It takes a node that is down out of the cluster; one that runs hands over and
// stops, which may take longer than vmq-admin waits.
func (c *vmqCluster) leave(n *vmqNode, whom string, kill bool) string {
	other := c.nodes[whom]
	if !n.reaches(other) {
		n.forgot = append(n.forgot, whom)
		n.view.forgets(whom)
		// A bug of VerneMQ: it is the one that is told who loses this file, until it hears news.
		if err := os.Remove(n.machine.data("cluster_state")); err != nil && !os.IsNotExist(err) {
			c.fault("%s: %v", n.address, err)
		}
		for _, address := range n.view.addresses() {
			if !n.reaches(c.nodes[address]) {
				return "a node that is down is forgotten while another one is down"
			}
		}
		return "a node that is down is forgotten"
	}
	other.stopClients()
	switch {
	case !kill:
		return "a node leaves without -k"
	case len(other.view.addresses()) == 1:
		return "a node leaves and is alone"
	case other.online > 0:
		// VerneMQ gives up after five minutes. Nobody is told: vmq-admin has given up before.
		other.online--
		c.elapse(vmqPatience)
		return "a node leaves for more than a minute"
	}
	run := other.starts
	c.after(other.leaveTakes, func() {
		if other.active == "active" && other.starts == run {
			c.left(other)
		}
	})
	if other.leaveTakes > vmqPatience {
		c.elapse(vmqPatience)
		return "a node leaves for more than a minute"
	}
	c.elapse(max(other.leaveTakes, time.Second))
	return "a node leaves"
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
