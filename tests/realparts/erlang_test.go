package realparts

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// These tests form a cluster of real Erlang nodes the way the deployed EMQX nodes form theirs: every node has a long
// name that resolves to a TCP proxy and not to the node, the distribution port is the same fixed one on both sides of
// the proxy, there is no epmd, and the nodes know each other from the deployed seed list alone. The proxies stand for
// the ingress of the node apps.
//
// What they can't show: that the names resolve inside a Container Apps environment, that its ingress forwards the
// distribution without a limit on idle time or duration, and how EMQX's own RPC port behaves there. docs/live-probes.md
// says how to look.

// ticks is an hour of EMQX's: one every 15 seconds.
const ticks = 240

// The Erlang nodes tick every 50 ms, and give each other up after 4 s of silence.
const (
	tickTime      = 4
	tickIntensity = 80
)

// cluster is a set of addresses: the proxy of node i is 127.0.net.10+i, the node itself 127.0.net.110+i.
type cluster struct {
	t      *testing.T
	net    int
	inetrc string
}

func newCluster(t *testing.T, net, size int) *cluster {
	t.Helper()
	need(t, "erl", "haproxy")
	c := &cluster{t: t, net: net}
	resolution := "{lookup,[file]}.\n"
	for i := range size {
		resolution += fmt.Sprintf("{host,{127,0,%d,%d},[%q]}.\n", net, 10+i, assets.NodeHost(i))
	}
	c.inetrc = write(t, filepath.Join(t.TempDir(), "inetrc"), resolution)
	return c
}

// proxy leads the name of a node to the node.
func (c *cluster) proxy(i int) *process {
	c.t.Helper()
	listens := fmt.Sprintf("127.0.%d.%d:%d", c.net, 10+i, assets.DistributionPort)
	config := fmt.Sprintf("defaults\n mode tcp\n timeout connect 2s\n timeout client 1h\n timeout server 1h\n"+
		"listen node\n bind %s\n server node 127.0.%d.%d:%d\n",
		listens, c.net, 110+i, assets.DistributionPort)
	p := start(c.t, exec.Command("haproxy", "-db", "-f", write(c.t, filepath.Join(c.t.TempDir(), "proxy.cfg"), config)))
	within(c.t, 5*time.Second, "the proxy listens", func() bool { return accepts(listens) })
	return p
}

// join tries every name that is not connected, and prints whom the node sees when that changes.
const join = `
Seeds = [%s],
Loop = fun(Self, Last) ->
  [net_kernel:connect_node(S) || S <- Seeds, S =/= node(), not lists:member(S, nodes())],
  Now = lists:sort(nodes()),
  case Now of Last -> ok; _ -> io:format("~nsees ~w~n", [Now]) end,
  timer:sleep(200),
  Self(Self, Now)
end,
Loop(Loop, none).`

func (c *cluster) node(i int) *process {
	c.t.Helper()
	quoted := make([]string, 0, assets.MaxNodes)
	for seed := range assets.MaxNodes {
		quoted = append(quoted, "'"+assets.ErlangName(seed)+"'")
	}
	command := exec.Command("erl", "-noinput", "-name", assets.ErlangName(i), "-setcookie", "rehearsed",
		"-start_epmd", "false", "-erl_epmd_port", fmt.Sprint(assets.DistributionPort),
		"-kernel", "inetrc", fmt.Sprintf("%q", c.inetrc),
		"-kernel", "inet_dist_use_interface", fmt.Sprintf("{127,0,%d,%d}", c.net, 110+i),
		"-kernel", "net_ticktime", fmt.Sprint(tickTime), "-kernel", "net_tickintensity", fmt.Sprint(tickIntensity),
		"-eval", fmt.Sprintf(join, strings.Join(quoted, ",")))
	command.Dir = c.t.TempDir()
	return start(c.t, command)
}

// sees says whether a node's last word is that it sees exactly these others.
func sees(p *process, others ...int) bool {
	names := make([]string, 0, len(others))
	for _, i := range others {
		names = append(names, "'"+assets.ErlangName(i)+"'")
	}
	said := p.said.String()
	last := strings.LastIndex(said, "sees [")
	return last >= 0 && strings.HasPrefix(said[last:], "sees ["+strings.Join(names, ",")+"]")
}

func TestThreeNodesFindEachOtherThroughProxiesByTheirNamesAlone(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 31, 3)
	for i := range 3 {
		c.proxy(i)
	}
	first, second := c.node(0), c.node(1)
	within(t, time.Minute, "two nodes see each other", func() bool { return sees(first, 1) && sees(second, 0) })
	third := c.node(2)
	within(t, time.Minute, "three nodes see each other", func() bool {
		return sees(first, 1, 2) && sees(second, 0, 2) && sees(third, 0, 1)
	})
	second.kill()
	within(t, time.Minute, "the killed node is dropped", func() bool { return sees(first, 2) && sees(third, 0) })
	again := c.node(1)
	within(t, time.Minute, "the restarted node is seen again", func() bool {
		return sees(first, 1, 2) && sees(third, 0, 1) && sees(again, 0, 2)
	})
}

func TestTheNodesReachEachOtherThroughTheProxyOnly(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 32, 2)
	proxies := []*process{c.proxy(0), c.proxy(1)}
	first, second := c.node(0), c.node(1)
	within(t, time.Minute, "two nodes see each other", func() bool { return sees(first, 1) && sees(second, 0) })
	for _, p := range proxies {
		p.kill()
	}
	within(t, time.Minute, "without proxies they lose each other", func() bool { return sees(first) && sees(second) })
	for i := range proxies {
		c.proxy(i)
	}
	within(t, time.Minute, "with proxies they are back", func() bool { return sees(first, 1) && sees(second, 0) })
}

func TestAnIdleHourOfTicksKeepsTheClusterTogether(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 33, 2)
	c.proxy(0)
	c.proxy(1)
	first, second := c.node(0), c.node(1)
	within(t, time.Minute, "two nodes see each other", func() bool { return sees(first, 1) && sees(second, 0) })
	said := first.said.String() + second.said.String()
	time.Sleep(ticks * tickTime * time.Second / tickIntensity)
	if now := first.said.String() + second.said.String(); now != said || !sees(first, 1) || !sees(second, 0) {
		t.Errorf("in %d ticks the nodes had to say more than\n%s\nnamely\n%s", ticks, said, now)
	}
}

func TestNoNodeNeedsOrStartsAnEpmd(t *testing.T) {
	t.Parallel()
	const epmd = "127.0.0.1:4369"
	before := accepts(epmd) // somebody else's
	c := newCluster(t, 34, 1)
	lonely := c.node(0)
	within(t, time.Minute, "the node is up alone", func() bool { return sees(lonely) })
	if accepts(epmd) != before {
		t.Error("the node started an epmd")
	}
}

func TestTheGateIsAnErlangProgram(t *testing.T) {
	t.Parallel()
	need(t, "escript")
	said, err := exec.Command("escript", "-s", write(t, filepath.Join(t.TempDir(), assets.GateFile), assets.Gate)).
		CombinedOutput()
	if err != nil || len(said) > 0 {
		t.Errorf("%v\n%s", err, said)
	}
}
