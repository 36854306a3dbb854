package stacks

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

func TestALoadThatIsGivenDecidesTheNumberOfNodes(t *testing.T) {
	for _, c := range []struct {
		broker, capacity string
		zones            string
		nodes            int
	}{
		// EMQX: a node of 2 vCPU and 4 GiB holds 3 GiB / 1.5 MiB = 2,048.
		{EMQXContainerApps, `{"connections":2048}`, "[1]", 2},
		{EMQXContainerApps, `{"connections":2049}`, "[1]", 3},
		{EMQXContainerApps, `{"connections":4096}`, "[1,2,3]", 3},
		{EMQXContainerApps, `{"connections":4097}`, "[1,2,3]", 5}, // two are left of three and of four
		{EMQXContainerApps, `{"messagesPerSecond":12001,"qos":1}`, "[1,2,3]", 5},
		// Retained and queued messages are in its memory: 2 GB for a million of 1 KiB.
		{EMQXContainerApps, `{"persistedMessagesMillion":1}`, "[1]", 2},
		{EMQXContainerApps, `{"persistedMessagesMillion":2}`, "[1]", 3},
		// VerneMQ: a D4s_v3 holds 14 GiB / 1.5 MiB = 9,557.
		{VerneMQVMs, `{"connections":19114}`, "[1,2,3]", 3},
		{VerneMQVMs, `{"connections":19115}`, "[1,2,3]", 5},
		{VerneMQVMs, `{"connections":28000}`, "[1]", 4},
		// With figures of the team's own.
		{EMQXContainerApps, `{"connections":4096,"connectionKiB":1536}`, "[1]", 3},
		{EMQXContainerApps, `{"connections":4096,"connectionKiB":768}`, "[1]", 2},
		{EMQXContainerApps, `{"connections":4097,"connectionKiB":768}`, "[1]", 3},
		{EMQXContainerApps, `{"messagesPerSecond":12001,"messagesPerCore":6000}`, "[1,2,3]", 3},
		{EMQXContainerApps, `{"messagesPerSecond":12001,"messagesPerCore":3000}`, "[1,2,3]", 5},
		{VerneMQVMs, `{"connections":28000,"connectionKiB":512}`, "[1]", 3},
	} {
		got, err := Parse("prod", valid(map[string]string{
			"broker": c.broker, "capacity": c.capacity, "availability": `{"zones":` + c.zones + `}`,
			"vernemq": `{"sshKey":"` + sshKey + `"}`,
		}))
		if err != nil || got.Capacity.MinNodes != c.nodes || got.Capacity.MaxNodes < c.nodes {
			t.Errorf("%s for %s in %s: %+v, %v; want %d nodes", c.broker, c.capacity, c.zones, got.Capacity, err, c.nodes)
		}
	}
}

func TestTooMuchLoadNamesTheLimitTheLargestLoadAndWhatWouldHoldIt(t *testing.T) {
	for _, c := range []struct {
		name    string
		changes map[string]string
		want    string
	}{
		{"more nodes", map[string]string{"capacity": `{"connections":4097,"minNodes":3}`},
			`capacity.connections = 4097: must be at most 4096 for emqx-container-apps: 3 nodes of 2 vCPU (2 after ` +
				`the loss of one) have 6 GiB of memory, and 6.001 would be needed; capacity.minNodes 4 holds it`},
		{"larger nodes", map[string]string{"capacity": `{"connections":18433}`},
			`capacity.connections = 18433: must be at most 18432 for emqx-container-apps: 10 nodes of 2 vCPU (9 ` +
				`after the loss of one) have 27 GiB of memory, and 27 would be needed; emqx.vcpu 3, capacity.minNodes 7 holds it`},
		{"another broker", map[string]string{"capacity": `{"connections":50000}`},
			`must be at most 18432 for emqx-container-apps: 10 nodes of 2 vCPU (9 after the loss of one) have 27 GiB ` +
				`of memory, and 73.24 would be needed; broker hivemq-aks, hivemq.licence, hivemq.vmSize ` +
				`Standard_D8s_v5, capacity.minNodes 7 holds it`},
		{"messages", map[string]string{"capacity": `{"messagesPerSecond":100000}`},
			`capacity.messagesPerSecond = 100000: must be at most 54000 for emqx-container-apps: 10 nodes of 2 vCPU ` +
				`(9 after the loss of one) have 18 cores, and 33.33 would be needed; `},
		{"a trial", map[string]string{"broker": HiveMQAKS, "capacity": `{"connections":26}`},
			`capacity.connections = 26: must be at most 25 for hivemq-aks: HiveMQ without a licence takes no more; ` +
				`hivemq.licence, capacity.minNodes 3 holds it`},
		{"logins at a small database", map[string]string{"broker": VerneMQVMs, "database": `{"sku":"Standard_B1ms"}`,
			"capacity": `{"connections":17000}`, "vernemq": `{"sshKey":"` + sshKey + `"}`},
			`capacity.connections = 17000: must be at most 16667 for vernemq-vms: passwords are checked at 19 a ` +
				`second, and all clients have to be back within 15 minutes; database.sku Standard_D4ds_v5, ` +
				`capacity.minNodes 3 holds it`},
		{"more than anything holds", map[string]string{"capacity": `{"connections":1000000000}`},
			`; no broker here holds it in one cluster`},
	} {
		_, err := Parse("dev", valid(c.changes))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Count(err.Error(), "\n") != 1 {
			t.Errorf("%s: %v\nwant: %s", c.name, err, c.want)
		}
	}
}

func TestWhatCanBeNoLoadIsAFaultOfItsKey(t *testing.T) {
	for capacity, want := range map[string]string{
		`{"connections":-1}`: "amora-sync:capacity.connections = -1: must be 0 (not known) to 1000000000",
		`{"connections":1000000000000}`: "amora-sync:capacity.connections = 1000000000000: must be 0 (not " +
			"known) to 1000000000",
		`{"connections":1e12}`: "amora-sync:capacity.connections = 1e12: must be a whole number",
		`{"connections":""}`:   `amora-sync:capacity.connections = "": must be a whole number`,
		`{"messagesPerSecond":-1}`: "amora-sync:capacity.messagesPerSecond = -1: must be 0 (not known) " +
			"to 1000000000",
		`{"payloadBytes":-1}`: "amora-sync:capacity.payloadBytes = -1: must be 0 to 268435455, the " +
			"longest packet of MQTT",
		`{"payloadBytes":268435456}`: "amora-sync:capacity.payloadBytes = 268435456: must be 0 to " +
			"268435455, the longest packet of MQTT",
		`{"qos":3}`: "amora-sync:capacity.qos = 3: must be 0, 1 or 2",
		`{"connectionKiB":-1}`: "amora-sync:capacity.connectionKiB = -1: must be 0 (the planning " +
			"figure), or 10 to 65536",
		`{"connectionKiB":1.5}`: "amora-sync:capacity.connectionKiB = 1.5: must be a whole number",
		`{"messagesPerCore":-1}`: "amora-sync:capacity.messagesPerCore = -1: must be 0 (the planning " +
			"figure), or 100 to 1000000",
		`{"persistedMessagesMillion":-0.1}`: "amora-sync:capacity.persistedMessagesMillion = -0.1: must be 0 " +
			"(not known) to 1000000000",
		`{"persistedMessagesMillion":"NaN"}`: `amora-sync:capacity.persistedMessagesMillion = "NaN": must be a number`,
		`{"persistedMessagesMillion":1e300}`: "amora-sync:capacity.persistedMessagesMillion = 1e+300: must be 0 " +
			"(not known) to 1000000000",
		`{"persistedMessagesMillion":"1e1000"}`: `amora-sync:capacity.persistedMessagesMillion = "1e1000": must be a number`,
	} {
		if _, err := Parse("dev", valid(map[string]string{"capacity": capacity})); err == nil ||
			!strings.HasSuffix(err.Error(), "\n  "+want) {
			t.Errorf("%s: %v\nwant %s", capacity, err, want)
		}
	}
}

// randomly makes configs of all brokers, of which some hold their load.
func randomly(r *rand.Rand) map[string]string {
	size := []string{"Standard_D4s_v3", "Standard_D8s_v5", "Standard_E16s_v5"}[r.IntN(3)]
	return valid(map[string]string{
		"broker": brokers[r.IntN(3)],
		"capacity": fmt.Sprintf(
			`{"connections":%d,"messagesPerSecond":%d,"payloadBytes":%d,"qos":%d,"persistedMessagesMillion":%g}`,
			r.IntN(60_000), r.IntN(40_000), r.IntN(4096), r.IntN(3), r.Float64()*2),
		"availability": []string{`{"zones":[1]}`, `{"zones":[1,2,3]}`}[r.IntN(2)],
		"emqx":         fmt.Sprintf(`{"vcpu":%d}`, 1+r.IntN(3)),
		"hivemq":       `{"licence":"dGhlLWxpY2VuY2U=","vmSize":"` + size + `"}`,
		"vernemq":      `{"sshKey":"` + sshKey + `","vmSize":"` + size + `"}`,
	})
}

func TestAPlanHoldsItsLoadOrIsRefused(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	held, refused := 0, 0
	for range 3000 {
		raw := randomly(r)
		c, err := Parse("dev", raw)
		if err != nil {
			refused++
			if !strings.Contains(err.Error(), "must be at most") {
				t.Fatalf("seed %d: %v is refused for something else: %v", seed, raw, err)
			}
			continue
		}
		held++
		p := NewPlan("dev", c)
		if p.Capacity.Headroom < 0 || p.Nodes < 2 || p.Nodes > assets.MaxNodes || p.Capacity.Nodes != p.Nodes ||
			p.Connections < c.Capacity.Connections {
			t.Fatalf("seed %d: %v gives %+v with %d connections", seed, raw, p.Capacity, p.Connections)
		}
	}
	if held < 300 || refused < 300 {
		t.Errorf("seed %d: %d held, %d refused: the test looks at little", seed, held, refused)
	}
}

func TestWhatANodeAndWhatStandsBesideItHoldsIsThatOfItsSize(t *testing.T) {
	// EMQX: 2 GiB for each vCPU, of which 1 GiB is for the broker; the edge is two proxies of 20,000 connections.
	// HiveMQ: half of the node's memory less 2 GiB, and 62.5 % of its cores. VerneMQ: all of the memory less 2 GiB, a
	// file for each 1.5 MiB of it, and
	// 16,384 more. A password takes a core 54 ms: 18.52 a second of one.
	const edge, gateway, trial = "edge 40000", "gateway 250000", "HiveMQ without a licence 25"
	for _, c := range []struct{ broker, key, value, want string }{
		{EMQXContainerApps, "emqx", `{"vcpu":1}`,
			"1 cores, 1 GiB, 0 GiB of disk, 1048576 files; 1 copies; 18.52 + 0 logins; " + edge},
		{EMQXContainerApps, "emqx", `{"vcpu":2}`,
			"2 cores, 3 GiB, 0 GiB of disk, 1048576 files; 1 copies; 37.04 + 0 logins; " + edge},
		{EMQXContainerApps, "emqx", `{"vcpu":3}`,
			"3 cores, 5 GiB, 0 GiB of disk, 1048576 files; 1 copies; 55.56 + 0 logins; " + edge},
		{HiveMQAKS, "hivemq", `{"vmSize":"Standard_D4s_v3","licence":"aHVzaA=="}`,
			"2.5 cores, 6 GiB, 128 GiB of disk, 1048576 files; 2 copies; 0 + 0 logins; " + gateway},
		{HiveMQAKS, "hivemq", `{"vmSize":"Standard_E8s_v5"}`,
			"5 cores, 30 GiB, 128 GiB of disk, 1048576 files; 2 copies; 0 + 0 logins; " + gateway + " " + trial},
		{HiveMQAKS, "hivemq", `{"vmSize":"Standard_F8s_v2"}`,
			"5 cores, 6 GiB, 128 GiB of disk, 1048576 files; 2 copies; 0 + 0 logins; " + gateway + " " + trial},
		{VerneMQVMs, "database", `{"sku":"Standard_D4ds_v5"}`,
			"4 cores, 14 GiB, 128 GiB of disk, 25941 files; 1 copies; 0 + 74.07 logins;"},
		{VerneMQVMs, "database", `{"sku":"Standard_B1ms"}`,
			"4 cores, 14 GiB, 128 GiB of disk, 25941 files; 1 copies; 0 + 18.52 logins;"},
	} {
		config, err := Parse("dev",
			valid(map[string]string{"broker": c.broker, "vernemq": `{"sshKey":"` + sshKey + `"}`, c.key: c.value}))
		if err != nil {
			t.Fatal(err)
		}
		k := config.cluster()
		got := fmt.Sprintf("%g cores, %g GiB, %g GiB of disk, %d files; %d copies; %.4g + %.4g logins;", k.Node.Cores,
			k.Node.MemoryGiB, k.Node.DiskGiB,
			k.Node.OpenFiles, k.Copies, k.LoginsPerNode, k.DatabaseLogins)
		for _, limit := range k.Limits {
			got += fmt.Sprintf(" %s %d", limit.Name, limit.Connections)
		}
		if got != c.want {
			t.Errorf("%s with %s has\n%s\nwant\n%s", c.broker, c.value, got, c.want)
		}
		if k.DatabaseGiB != float64(config.Database.StorageGB) || k.MaxNodes != 10 {
			t.Errorf("%s: %g GiB in the database, %d nodes at the most", c.broker, k.DatabaseGiB, k.MaxNodes)
		}
	}
}

func TestANodeOfVerneMQTakesAsManyClientsAsTheTeamsFigureMakesOfItsMemory(t *testing.T) {
	for capacity, want := range map[string]int{
		`{}`: 9557, `{"connectionKiB":1536}`: 9557, `{"connectionKiB":100}`: 146_800,
		// 1,468,006 by memory; no process has more than 1,048,576 files, of which 16,384 are for others
		`{"connectionKiB":10}`: 1_032_192,
	} {
		c, err := Parse("dev",
			valid(map[string]string{"broker": VerneMQVMs, "capacity": capacity, "vernemq": `{"sshKey":"` + sshKey + `"}`}))
		if err != nil {
			t.Fatal(err)
		}
		if got := NewPlan("dev", c).VerneMQ.Connections; got != want || c.cluster().Node.OpenFiles != want+16_384 {
			t.Errorf("with %s a node takes %d clients and opens %d files, want %d", capacity, got,
				c.cluster().Node.OpenFiles, want)
		}
	}
}

// VerneMQ's mqtts:// listener has a limit for each of its acceptors, and what comes over WebSocket has none.
func TestMQTTAloneFillsVerneMQUpToThePlanAndRaisesTheAlertOfFullConnections(t *testing.T) {
	limits := regexp.MustCompile(`\nlistener\.nr_of_acceptors = (\d+)\nlistener\.max_connections = (\d+)\n`)
	threshold := regexp.MustCompile(`held >= (\d\.\d+) \* (\d+)`)
	numbers := func(what *regexp.Regexp, text string) (one, other float64) {
		t.Helper()
		found := what.FindAllStringSubmatch(text, -1)
		if len(found) != 1 {
			t.Fatalf("%d times %s in %s", len(found), what, text)
		}
		one, _ = strconv.ParseFloat(found[0][1], 64)
		other, _ = strconv.ParseFloat(found[0][2], 64)
		return one, other
	}
	for _, c := range []struct{ size, capacity string }{
		{"Standard_D4s_v3", `{}`}, {"Standard_D2s_v5", `{"connectionKiB":65536,"minNodes":5}`},
		{"Standard_D8s_v5", `{"connectionKiB":100}`},
	} {
		changes := map[string]string{"broker": VerneMQVMs, "capacity": c.capacity,
			"vernemq": `{"sshKey":"` + sshKey + `","vmSize":"` + c.size + `"}`}
		p := vernemq(t, changes)
		var admitted, alert, planned float64
		for _, n := range newEstate(deployed(t, "dev", changes)) {
			if n.text("blobName") == "vernemq.conf" {
				acceptors, each := numbers(limits, n.text("source"))
				admitted = acceptors * each * float64(p.Nodes)
				if most := float64(p.Connections) + acceptors*float64(p.Nodes); admitted >= most {
					t.Errorf("%v: nodes take %g, and the plan counts %d", c, admitted, p.Connections)
				}
			}
			if n.Name == "on-call-connections-full" {
				var share float64
				share, planned = numbers(threshold, fmt.Sprint(n.strings()))
				alert = share * planned
			}
		}
		if planned != float64(p.Connections) || admitted < planned || alert <= 0 || admitted < alert {
			t.Errorf("%v: nodes take %g, the alert comes at %g of %g, and the plan counts %d", c, admitted, alert, planned,
				p.Connections)
		}
	}
}

func TestFiguresOfTheTeamsOwnAreFaultsBesideOthers(t *testing.T) {
	_, err := Parse("dev", valid(map[string]string{"capacity": `{"connectionKiB":5,"messagesPerCore":99,"qos":3}`}))
	if err == nil || !strings.Contains(err.Error(), "3 fault(s)") {
		t.Error(err)
	}
}

func TestTheCacheHoldsWhatAzureListsForItsSize(t *testing.T) {
	// GiB. Sources: learn.microsoft.com/azure/redis/overview#choosing-the-right-tier and
	// azure.microsoft.com/pricing/details/cache.
	listed := map[string]float64{
		"Balanced_B0": 0.5, "Balanced_B1": 1, "Balanced_B3": 3, "Balanced_B5": 6, "Balanced_B10": 12,
		"Balanced_B20": 24, "Balanced_B50": 60, "Balanced_B100": 120,
		"C0": 0.25, "C1": 1, "C2": 2.5, "C3": 6, "C4": 13, "C5": 26, "C6": 53,
	}
	if !maps.Equal(redisGiB, listed) {
		t.Errorf("the sizes are %v, want %v", redisGiB, listed)
	}
	for size, gib := range listed {
		service := map[bool]string{true: "classic", false: "managed"}[strings.HasPrefix(size, "C")]
		config, err := Parse("dev", valid(map[string]string{"redis": `{"service":"` + service + `","sku":"` + size + `"}`}))
		if err != nil || config.cluster().CacheGiB != gib {
			t.Errorf("%s: %v, %v", size, config.cluster().CacheGiB, err)
		}
	}
}
