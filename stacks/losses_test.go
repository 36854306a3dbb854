package stacks

import (
	"cmp"
	"maps"
	"strings"
	"testing"
)

func TestWhatAConfigTakesAwayIsRefusedUnlessItsLossIsAgreedTo(t *testing.T) {
	toTeam := func(p *Plan) { p.Names.Zone, p.Names.ZoneGroup = "example.com", "team-dns" }
	const zones = "amora-sync:availability.zones"
	const zone, secondary = "amora-sync:dns.zone", "amora-sync:availability.secondaryLocation"
	for name, c := range map[string]struct {
		broker string // that is deployed; "": EMQX
		zones  string // that it is in; "": all
		edit   func(*Plan)
		want   []string // keys of the faults
	}{
		"nothing":             {edit: func(*Plan) {}},
		"another broker":      {edit: func(p *Plan) { p.Broker = HiveMQAKS }},
		"the zone":            {edit: func(p *Plan) { toTeam(p) }, want: []string{zone}},
		"another zone":        {edit: func(p *Plan) { p.Names.Zone = "mqtt.example.org" }, want: []string{zone}},
		"the zone, agreed to": {edit: func(p *Plan) { toTeam(p); p.AllowReplace = []string{"zone"} }},
		"the second region":   {edit: func(p *Plan) { p.Secondary = nil }, want: []string{secondary}},
		"another second region": {edit: func(p *Plan) { p.Secondary = &Plan{Location: "uksouth"} },
			want: []string{secondary}},
		"the second region, agreed to": {edit: func(p *Plan) { p.Secondary = nil; p.AllowReplace = []string{"secondary"} }},
		"both": {edit: func(p *Plan) { toTeam(p); p.Secondary = nil },
			want: []string{zone, secondary}},
		"both, one agreed to": {
			edit: func(p *Plan) { toTeam(p); p.Secondary = nil; p.AllowReplace = []string{"secondary"} }, want: []string{zone}},
		"other zones":          {edit: func(p *Plan) { p.Zones = []string{"1"} }, want: []string{zones}},
		"one zone for another": {zones: "1", edit: func(p *Plan) { p.Zones = []string{"2"} }, want: []string{zones}},
		"one zone, everything anew": {zones: "1", edit: func(p *Plan) {
			p.Zones, p.AllowReplace = []string{"2"},
				[]string{"resourceGroup"}
		}, want: []string{zones}},
		"other zones for HiveMQ": {broker: HiveMQAKS, edit: func(p *Plan) { p.Zones = nil }, want: []string{zones}},
		// its disks refuse it
		"other zones for VerneMQ":     {broker: VerneMQVMs, edit: func(p *Plan) { p.Zones = []string{"1"} }},
		"other zones, another broker": {edit: func(p *Plan) { p.Broker, p.Zones = HiveMQAKS, []string{"1"} }},
		"other zones, everything anew": {edit: func(p *Plan) {
			p.Zones, p.AllowReplace = []string{"1"},
				[]string{"resourceGroup"}
		}},
		"another size of the system's nodes": {broker: HiveMQAKS,
			edit: func(p *Plan) { p.HiveMQ.SystemVMSize = "Standard_D4s_v5" }, want: []string{"amora-sync:hivemq.systemVmSize"}},
		"another size of the system's nodes, another broker": {
			edit: func(p *Plan) { p.Broker, p.HiveMQ.SystemVMSize = HiveMQAKS, "Standard_D4s_v5" }},
		"both, with the resource group": {
			edit: func(p *Plan) { toTeam(p); p.Secondary = nil; p.AllowReplace = []string{"resourceGroup"} }},
	} {
		t.Run(name, func(t *testing.T) {
			broker := cmp.Or(c.broker, EMQXContainerApps)
			plan := Plan{Broker: broker, Zones: []string{"1", "2", "3"}, Secondary: &Plan{Location: "northeurope"}}
			plan.Names.Zone = "mqtt.example.com"
			c.edit(&plan)
			before := live(broker)
			before.Zones = cmp.Or(c.zones, before.Zones)
			if broker == HiveMQAKS {
				before.SystemVMSize = "Standard_D2s_v3"
			}
			faults := losses(before, plan)
			if len(faults) != len(c.want) {
				t.Fatalf("got %v", faults)
			}
			for i, fault := range faults {
				if fault.Key != c.want[i] {
					t.Errorf("got %v, want %s", fault, c.want[i])
				}
			}
		})
	}
	if faults := losses(Summary{}, Plan{Broker: EMQXContainerApps}); len(faults) > 0 {
		t.Errorf("a first deployment loses %v", faults)
	}
}

func TestWhatIsAgreedToGoIsDeletedFirstAndNothingElse(t *testing.T) {
	restored := map[string]string{"database": `{"sku":"Standard_D2ds_v5","storageGb":128,` +
		`"restore":{"server":"pg-old","time":"2026-11-25T10:00:00Z"}}`}
	all := func(string) bool { return true }
	none := func(string) bool { return false }
	beside := func(name string) bool {
		return strings.HasPrefix(name, "secondary-") || name == "peering-there" || name == "peering-back"
	}
	database := func(name string) bool { return strings.HasPrefix(strings.TrimPrefix(name, "secondary-"), "database-") }
	for _, c := range []struct {
		agreed  string
		changes map[string]string
		goes    func(name string) bool
	}{
		{"resourceGroup", nil, all}, {"secondary", nil, beside}, {"database", nil, database},
		{"database", restored, none}, // it is made out of the one before it
		{"zone", nil, none}, {"disks", nil, none}, {"network", nil, none}, {"tenant", nil, none}, {"vault", nil, none},
		{"workspace", nil, none},
	} {
		changes := map[string]string{"broker": HiveMQAKS, "hivemq": `{"trial":true}`, "availability": besideEurope}
		maps.Copy(changes, c.changes)
		always := map[string]bool{}
		for _, r := range deployed(t, "prod", changes) {
			always[r.URN()] = r.DeleteBeforeReplace
		}
		changes["allowReplace"] = `["` + c.agreed + `"]`
		went := 0
		for _, r := range deployed(t, "prod", changes) {
			want := always[r.URN()] || c.goes(r.Name)
			if r.Custom && r.DeleteBeforeReplace != want {
				t.Errorf("%s %v: %s is deleted first: %v", c.agreed, c.changes, r.Name, r.DeleteBeforeReplace)
			}
			if r.Custom && c.goes(r.Name) {
				went++
			}
		}
		if c.goes("secondary-database-server") && went < 5 {
			t.Errorf("%s: only %d resources were to go", c.agreed, went)
		}
	}
}

func TestChangesOfADatabaseThatAzureDoesNotTakeTogetherAreRefused(t *testing.T) {
	server := func(sku string, gb int, version string, standby bool) Summary {
		return Summary{Location: "westeurope", DatabaseSKU: sku, DatabaseStorageGB: gb, DatabaseVersion: version,
			DatabaseStandby: standby}
	}
	const size, standby = "edit database.sku first", "edit availability.databaseHA first"
	const alone = "must change in a run of its own"
	const small, large, larger = "Standard_B1ms", "Standard_D4ds_v5", "Standard_D8ds_v5"
	for name, c := range map[string]struct {
		before, after Summary
		want          string // "" : none
	}{
		"nothing":                    {server(large, 128, "16", true), server(large, 128, "16", true), ""},
		"a first deployment":         {Summary{}, server(large, 128, "16", true), ""},
		"size and storage":           {server(large, 128, "16", false), server(larger, 256, "16", false), ""},
		"size and a standby":         {server(large, 128, "16", false), server(larger, 128, "16", true), ""},
		"out of the burstable ones":  {server(small, 32, "16", false), server(large, 128, "16", false), ""},
		"a newer version":            {server(large, 128, "15", true), server(large, 128, "16", true), ""},
		"out of them, and a standby": {server(small, 32, "16", false), server(large, 32, "16", true), size},
		"no standby, and into them":  {server(large, 32, "16", true), server(small, 32, "16", false), standby},
		"version and size":           {server(large, 128, "15", false), server(larger, 128, "16", false), alone},
		"version and storage":        {server(large, 128, "15", false), server(large, 256, "16", false), alone},
		"version and standby":        {server(large, 128, "15", false), server(large, 128, "16", true), alone},
		"an older version":           {server(large, 128, "16", false), server(large, 128, "15", false), "must be 16"},
		"a version of one digit":     {server(large, 128, "10", false), server(large, 128, "9", false), "must be 10"},
	} {
		faults := notTogether(c.before, c.after)
		if said := faults.Error(); (c.want == "") != (len(faults) == 0) || !strings.Contains(said, c.want) {
			t.Errorf("%s: %v", name, faults)
		}
	}
	elsewhere := server(large, 32, "16", true)
	elsewhere.Location = "northeurope"
	restored := server(large, 32, "16", true)
	restored.DatabaseBegan = "old 2026-11-25T10:00:00Z"
	for _, anew := range []Summary{elsewhere, restored} {
		if faults := notTogether(server(small, 32, "15", false), anew); len(faults) > 0 {
			t.Errorf("a server that is made anew: %v", faults)
		}
	}
}
