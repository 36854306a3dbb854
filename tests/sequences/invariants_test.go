package sequences

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"pgregory.net/rapid"

	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/engine"
	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/standin"
	"github.com/amora-sync/mqtt-on-azure/stacks"
)

// stateful are the resources that hold what no run can give back, by their logical names. With a second region there is
// another of most of them.
var stateful = []string{
	"base-group", "base-suffix", "network-vnet", "network-database", "database-server", "database-database",
	"vault-vault", "zone-zone", workspaceName,
}

const (
	workspaceName = "monitoring-workspace"
	secondary     = "secondary-" // begins the names of what is in the second region
)

// birth is when the engine made a resource, and under which id.
type birth struct {
	id   string
	made time.Time
}

type births map[string]birth

func birthsOf(known engine.State) births {
	all := births{}
	for _, r := range known.Resources {
		if name := r.URN.Name(); r.Custom && !r.Delete && r.Created != nil &&
			slices.Contains(stateful, strings.TrimPrefix(name, secondary)) {
			all[name] = birth{strings.ToLower(string(r.ID)), *r.Created}
		}
	}
	return all
}

// safe holds after every step, whether or not it succeeded: nothing stateful was replaced or deleted, and what people
// put into it is there.
func (m *machine) safe(t rapid.TB) {
	now, there := birthsOf(m.known), worldOf(m.world)
	for name, was := range m.born {
		is, known := now[name]
		if m.mayGo(name) && (!known || is != was) {
			continue
		}
		if is != was {
			t.Fatalf("%s was %v and is %v", name, was, is)
		}
		if _, found := there[was.id]; !found && !strings.HasSuffix(name, "base-suffix") {
			t.Fatalf("%s is gone from Azure", was.id)
		}
	}
	for _, id := range m.planted {
		if _, found := there[strings.ToLower(id)]; !found {
			t.Fatalf("%s, which somebody had put there, is gone", id)
		}
	}
}

// mayGo says whether something stateful is of a part that the config switches off, or switched off before it switched
// it on again.
func (m *machine) mayGo(name string) bool {
	off := func(key string, value any) bool {
		return m.wanted[key] == value || m.deployed[key] == value || m.off[key]
	}
	return strings.HasSuffix(name, workspaceName) && off("monitoring.enabled", false) ||
		strings.HasPrefix(name, secondary) && off("availability.secondaryLocation", "")
}

// converged holds after a run that succeeded: the state is what Azure holds, nothing is pending, and both are what the
// config asks for.
func (m *machine) converged(t rapid.TB) {
	if pending := m.known.PendingOperations; len(pending) > 0 {
		t.Fatalf("operations are pending: %v", pending)
	}
	m.safe(t)
	m.born = birthsOf(m.known)
	if has := m.born[workspaceName] != (birth{}); has != m.wanted["monitoring.enabled"] {
		t.Fatalf("there is a workspace: %v, and monitoring is %v", has, m.wanted["monitoring.enabled"])
	}
	if has := m.born[secondary+"base-group"] != (birth{}); has != m.hasSecondary() {
		t.Fatalf("there is a second region: %v, and secondaryLocation is %v", has, m.wanted["availability.secondaryLocation"])
	}
	m.sameAsAzure(t)
	m.outputsMatch(t)
	m.azureMatches(t)
}

func (m *machine) hasSecondary() bool { return m.wanted["availability.secondaryLocation"] != "" }

// sameAsAzure compares the ids of the state with those in Azure. The secrets of brokers that went stay in their vault.
func (m *machine) sameAsAzure(t rapid.TB) {
	known := map[string]bool{}
	for _, r := range m.known.Resources {
		if isAzure(r) {
			known[strings.ToLower(string(r.ID))] = true
		}
		if r.Delete || r.PendingReplacement || len(r.InitErrors) > 0 {
			t.Fatalf("%s is not done with: %+v", r.URN.Name(), r)
		}
	}
	there := worldOf(m.world)
	var missing []string
	for id := range known {
		if _, found := there[id]; !found {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		t.Fatalf("the state knows %v, and Azure does not", missing)
	}
	for id := range there {
		if !known[id] && !strings.Contains(id, "/secrets/") &&
			!slices.ContainsFunc(m.planted, func(p string) bool { return strings.EqualFold(p, id) }) {
			t.Fatalf("Azure has %s, and the state does not know it", id)
		}
	}
}

func isAzure(r apitype.ResourceV3) bool {
	return r.Custom && strings.HasPrefix(string(r.Type), "azure-native:")
}

// outputsMatch holds the outputs against the config.
func (m *machine) outputsMatch(t rapid.TB) {
	domain := m.wanted["domain"].(string)
	have := outputsOf(m.known)
	for name, want := range map[string]any{
		"broker": m.wanted["broker"], "domain": domain, "nodeCount": m.wanted["capacity.minNodes"],
		"resourceGroupName": "amora-dev",
		"mqttEndpoint":      "mqtts://" + domain + ":8883", "websocketEndpoint": "wss://ws." + domain + "/mqtt",
		"vaultName": lastSegment(m.born["vault-vault"].id), "databaseHost": lastSegment(m.born["database-server"].id) +
			".postgres.database.azure.com",
	} {
		if fmt.Sprint(have[name]) != fmt.Sprint(want) {
			t.Fatalf("the output %s is %v, want %v", name, have[name], want)
		}
	}
	if (have["clientTelemetry"] != nil) != m.wanted["monitoring.enabled"].(bool) {
		t.Fatalf("clientTelemetry is %v with monitoring %v", have["clientTelemetry"], m.wanted["monitoring.enabled"])
	}
}

func outputsOf(known engine.State) map[string]any {
	for _, r := range known.Resources {
		if r.Type == "pulumi:pulumi:Stack" {
			return r.Outputs
		}
	}
	return nil
}

// knows says whether the state has a resource.
func (m *machine) knows(id string) bool {
	return slices.ContainsFunc(m.known.Resources, func(r apitype.ResourceV3) bool {
		return strings.EqualFold(string(r.ID), id)
	})
}

// azureMatches holds what was made against the config.
func (m *machine) azureMatches(t rapid.TB) {
	mode := map[bool]string{true: "ZoneRedundant", false: "Disabled"}[m.wanted["availability.databaseHA"].(bool)]
	for path, want := range map[string]any{
		"sku.name": m.wanted["database.sku"], "storage.storageSizeGB": m.wanted["database.storageGb"],
		"highAvailability.mode": mode,
	} {
		if have := m.serverProperty(path); fmt.Sprint(have) != fmt.Sprint(want) {
			t.Fatalf("the server's %s is %v, want %v", path, have, want)
		}
	}
	count := map[string]int{}
	for _, r := range m.world.Resources() {
		count[kindOf(r)]++
		// The secrets of a broker that went stay in the vault as they are.
		if tags, _ := r.Inputs["tags"].(map[string]any); tags["by-hand"] != nil && (kindOf(r) != "Secret" || m.knows(r.ID)) {
			t.Fatalf("%s still has a tag that somebody put there", r.ID)
		}
	}
	nodes := m.wanted["capacity.minNodes"].(int)
	if m.hasSecondary() {
		nodes *= 2
	}
	if have := count["VirtualMachine"]; m.wanted["broker"] == stacks.VerneMQVMs && have != nodes {
		t.Fatalf("there are %d machines, want %d", have, nodes)
	}
	if locks := count["ManagementLockByScope"]; (locks > 0) != m.wanted["protect"].(bool) {
		t.Fatalf("there are %d locks, and protect is %v", locks, m.wanted["protect"])
	}
	for kind, broker := range map[string]string{
		"ManagedEnvironment": stacks.EMQXContainerApps, "ManagedCluster": stacks.HiveMQAKS,
		"VirtualMachine": stacks.VerneMQVMs,
	} {
		if (count[kind] > 0) != (broker == m.wanted["broker"]) {
			t.Fatalf("there are %d of %s, and the broker is %v", count[kind], kind, m.wanted["broker"])
		}
	}
}

// serverProperty is what Azure has of the database server.
func (m *machine) serverProperty(path string) any {
	var value any = worldOf(m.world)[m.born["database-server"].id].Inputs
	for _, key := range strings.Split(path, ".") {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	return value
}

// worldOf is what Azure holds, by id in lower case.
func worldOf(world *standin.World) map[string]standin.Resource {
	all := map[string]standin.Resource{}
	for _, r := range world.Resources() {
		all[strings.ToLower(r.ID)] = r
	}
	return all
}

// unchanged holds that Azure is what it was.
func (m *machine) unchanged(t rapid.TB, before map[string]standin.Resource, by string) {
	now := worldOf(m.world)
	for id, r := range now {
		if was, found := before[id]; !found || !reflect.DeepEqual(was, r) {
			t.Fatalf("%s changed %s", by, id)
		}
	}
	if len(now) != len(before) {
		t.Fatalf("%s deleted something", by)
	}
}

// kindOf is the last part of a token, such as VirtualMachine.
func kindOf(r standin.Resource) string { return r.Type[strings.LastIndex(r.Type, ":")+1:] }

func lastSegment(id string) string { return id[strings.LastIndex(id, "/")+1:] }
