package stacks

import (
	"fmt"
	"math/rand/v2"
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
	} {
		got, err := Parse("prod", valid(map[string]string{
			"broker": c.broker, "capacity": c.capacity, "availability": `{"zones":` + c.zones + `}`, "vernemq": `{"sshKey":"` + sshKey + `"}`,
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
			`capacity.connections = 4097: must be at most 4096 for emqx-container-apps: 3 nodes of 2 vCPU (2 after the loss of one) have 6 GiB of memory, and 6.001 would be needed; capacity.minNodes 4 holds it`},
		{"larger nodes", map[string]string{"capacity": `{"connections":18433}`},
			`capacity.connections = 18433: must be at most 18432 for emqx-container-apps: 10 nodes of 2 vCPU (9 after the loss of one) have 27 GiB of memory, and 27 would be needed; emqx.vcpu 3, capacity.minNodes 7 holds it`},
		{"another broker", map[string]string{"capacity": `{"connections":50000}`},
			`must be at most 18432 for emqx-container-apps: 10 nodes of 2 vCPU (9 after the loss of one) have 27 GiB of memory, and 73.24 would be needed; broker hivemq-aks, hivemq.licence, hivemq.vmSize Standard_D8s_v5, capacity.minNodes 7 holds it`},
		{"messages", map[string]string{"capacity": `{"messagesPerSecond":100000}`},
			`capacity.messagesPerSecond = 100000: must be at most 54000 for emqx-container-apps: 10 nodes of 2 vCPU (9 after the loss of one) have 18 cores, and 33.33 would be needed; `},
		{"a trial", map[string]string{"broker": HiveMQAKS, "capacity": `{"connections":26}`},
			`capacity.connections = 26: must be at most 25 for hivemq-aks: HiveMQ without a licence takes no more; hivemq.licence, capacity.minNodes 3 holds it`},
		{"logins at a small database", map[string]string{"broker": VerneMQVMs, "database": `{"sku":"Standard_B1ms"}`, "capacity": `{"connections":17000}`, "vernemq": `{"sshKey":"` + sshKey + `"}`},
			`capacity.connections = 17000: must be at most 16667 for vernemq-vms: passwords are checked at 19 a second, and all clients have to be back within 15 minutes; database.sku Standard_D4ds_v5, capacity.minNodes 3 holds it`},
		{"more than anything holds", map[string]string{"capacity": `{"connections":1000000000}`}, `; no broker here holds it in one cluster`},
	} {
		_, err := Parse("dev", valid(c.changes))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Count(err.Error(), "\n") != 1 {
			t.Errorf("%s: %v\nwant: %s", c.name, err, c.want)
		}
	}
}

func TestWhatCanBeNoLoadIsAFaultOfItsKey(t *testing.T) {
	for capacity, want := range map[string]string{
		`{"connections":-1}`:                    "amora-sync:capacity.connections = -1: must be 0 (not known) to 1000000000",
		`{"connections":1000000000000}`:         "amora-sync:capacity.connections = 1000000000000: must be 0 (not known) to 1000000000",
		`{"connections":1e12}`:                  "amora-sync:capacity.connections = 1e12: must be a whole number",
		`{"connections":""}`:                    `amora-sync:capacity.connections = "": must be a whole number`,
		`{"messagesPerSecond":-1}`:              "amora-sync:capacity.messagesPerSecond = -1: must be 0 (not known) to 1000000000",
		`{"payloadBytes":-1}`:                   "amora-sync:capacity.payloadBytes = -1: must be 0 to 268435455, the longest packet of MQTT",
		`{"payloadBytes":268435456}`:            "amora-sync:capacity.payloadBytes = 268435456: must be 0 to 268435455, the longest packet of MQTT",
		`{"qos":3}`:                             "amora-sync:capacity.qos = 3: must be 0, 1 or 2",
		`{"persistedMessagesMillion":-0.1}`:     "amora-sync:capacity.persistedMessagesMillion = -0.1: must be 0 (not known) to 1000000000",
		`{"persistedMessagesMillion":"NaN"}`:    `amora-sync:capacity.persistedMessagesMillion = "NaN": must be a number`,
		`{"persistedMessagesMillion":1e300}`:    "amora-sync:capacity.persistedMessagesMillion = 1e+300: must be 0 (not known) to 1000000000",
		`{"persistedMessagesMillion":"1e1000"}`: `amora-sync:capacity.persistedMessagesMillion = "1e1000": must be a number`,
	} {
		if _, err := Parse("dev", valid(map[string]string{"capacity": capacity})); err == nil || !strings.HasSuffix(err.Error(), "\n  "+want) {
			t.Errorf("%s: %v\nwant %s", capacity, err, want)
		}
	}
}

// randomly makes configs of all brokers, of which some hold their load.
func randomly(r *rand.Rand) map[string]string {
	size := []string{"Standard_D4s_v3", "Standard_D8s_v5", "Standard_E16s_v5"}[r.IntN(3)]
	return valid(map[string]string{
		"broker": brokers[r.IntN(3)],
		"capacity": fmt.Sprintf(`{"connections":%d,"messagesPerSecond":%d,"payloadBytes":%d,"qos":%d,"persistedMessagesMillion":%g}`,
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
		if p.Capacity.Headroom < 0 || p.Nodes < 2 || p.Nodes > assets.MaxNodes || p.Capacity.Nodes != p.Nodes || p.Connections < c.Capacity.Connections {
			t.Fatalf("seed %d: %v gives %+v with %d connections", seed, raw, p.Capacity, p.Connections)
		}
	}
	if held < 300 || refused < 300 {
		t.Errorf("seed %d: %d held, %d refused: the test looks at little", seed, held, refused)
	}
}
