package stacks

import (
	"fmt"
	"strings"
	"testing"
)

const (
	secondRegion = `"secondaryLocation":"northeurope"`
	serverID     = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/g/providers/" +
		"Microsoft.DBforPostgreSQL/flexibleServers/"
)

// faultsAre holds the whole error of a config against its faults, which are sorted by key.
func faultsAre(t *testing.T, changes map[string]string, faults ...string) {
	t.Helper()
	_, err := Parse("dev", valid(changes))
	want := fmt.Sprintf("the stack config has %d fault(s):\n  amora-sync:%s", len(faults),
		strings.Join(faults, "\n  amora-sync:"))
	if err == nil || err.Error() != want {
		t.Errorf("with %v the error is\n%v\nand not\n%s", changes, err, want)
	}
}

func TestEachFaultOfRegionsNamesItsKeyItsValueAndTheRule(t *testing.T) {
	const (
		mark    = ": must be at most 32 letters, digits, points, hyphens and underscores, such as 2026-11"
		active  = ": must be primary or secondary"
		private = ": must be a private IPv4 block from /16 to /23 outside of 172.30.0.0/15, which Azure keeps for " +
			"itself, such as 10.21.0.0/16"
		apart = ": must not overlap network.addressSpace (10.20.0.0/16): the two networks reach each other"
	)
	long := strings.Repeat("a", 33)
	for _, c := range []struct {
		name, key, value string
		fault            string
		second           bool // there is a second region besides
	}{
		{"a mark with a space", "security", `{"rotation":{"database":"2026 11"}}`,
			`security.rotation.database = "2026 11"` + mark, false},
		{"a mark of 33 letters", "security", `{"rotation":{"cookie":"` + long + `"}}`, `security.rotation.cookie = "` +
			long + `"` + mark, false},
		{"a mark of two lines", "security", `{"rotation":{"cookie":"a\n"}}`, `security.rotation.cookie = "a\n"` +
			mark, false},
		{"neither region active", "availability", `{"active":"both"}`, `availability.active = "both"` + active, false},
		{"no region active", "availability", `{"active":""}`, `availability.active = (not set)` + active, false},
		{"neither of two regions active", "availability", `{"active":"Secondary",` + secondRegion + `}`,
			`availability.active = "Secondary"` + active, false},
		{"a second region that there is not", "availability", `{"active":"secondary"}`,
			`availability.active = "secondary": needs availability.secondaryLocation`, false},
		{"a misspelt second region", "availability", `{"secondaryLocation":"North Europe"}`,
			`availability.secondaryLocation = "North Europe": must be an Azure region in its short form, such as ` +
				`northeurope`, false},
		{"one region twice", "availability", `{"secondaryLocation":"westeurope"}`,
			`availability.secondaryLocation = "westeurope": must be another region than location`, false},
		{"a replica of a burstable database", "database", `{"sku":"Standard_B2ms"}`,
			`availability.secondaryLocation = "northeurope": needs a database.sku that is not burstable: Azure makes ` +
				`no replica of Standard_B2ms`, true},
		{"no second network", "network", `{"secondaryAddressSpace":""}`, `network.secondaryAddressSpace = (not set)` +
			private, true},
		{"a second network that is none", "network", `{"secondaryAddressSpace":"10.21.0.0"}`,
			`network.secondaryAddressSpace = "10.21.0.0"` + private, true},
		{"a public second network", "network", `{"secondaryAddressSpace":"8.8.0.0/16"}`,
			`network.secondaryAddressSpace = "8.8.0.0/16"` + private, true},
		{"a second network of IPv6", "network", `{"secondaryAddressSpace":"fd00::/16"}`,
			`network.secondaryAddressSpace = "fd00::/16"` + private, true},
		{"a second network that Azure keeps", "network", `{"secondaryAddressSpace":"172.31.4.0/22"}`,
			`network.secondaryAddressSpace = "172.31.4.0/22"` + private, true},
		{"a network that Azure keeps", "network", `{"addressSpace":"172.30.0.0/16"}`,
			`network.addressSpace = "172.30.0.0/16": must be a private IPv4 block from /16 to /23 outside of ` +
				`172.30.0.0/15, which Azure keeps for itself, such as 10.20.0.0/16`, true},
		{"a second network that is too large", "network", `{"secondaryAddressSpace":"172.16.0.0/15"}`,
			`network.secondaryAddressSpace = "172.16.0.0/15"` + private, true},
		{"a second network that is too small", "network", `{"secondaryAddressSpace":"10.21.0.0/24"}`,
			`network.secondaryAddressSpace = "10.21.0.0/24"` + private, true},
		{"a second network with host bits", "network", `{"secondaryAddressSpace":"10.21.1.0/16"}`,
			`network.secondaryAddressSpace = "10.21.1.0/16"` + private, true},
		{"one network twice", "network", `{"secondaryAddressSpace":"10.20.0.0/16"}`,
			`network.secondaryAddressSpace = "10.20.0.0/16"` + apart, true},
		{"a second network inside the first", "network", `{"secondaryAddressSpace":"10.20.128.0/20"}`,
			`network.secondaryAddressSpace = "10.20.128.0/20"` + apart, true},
		{"a first network that is none", "network", `{"addressSpace":"10.20.0.0"}`,
			`network.addressSpace = "10.20.0.0": must be a private IPv4 block from /16 to /23 outside of ` +
				`172.30.0.0/15, which Azure keeps for itself, such as 10.20.0.0/16`, true},
		{"a first network where the second is by default", "network", `{"addressSpace":"10.21.4.0/22"}`,
			`network.secondaryAddressSpace = "10.21.0.0/16": must not overlap network.addressSpace (10.21.4.0/22): ` +
				`the two networks reach each other`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			changes := map[string]string{c.key: c.value}
			if c.second {
				changes["availability"] = "{" + secondRegion + "}"
			}
			faultsAre(t, changes, c.fault)
		})
	}
}

func TestBackupsAreNotCopiedFromARegionWithoutAPair(t *testing.T) {
	for _, location := range unpaired {
		faultsAre(t, map[string]string{"location": location, "availability": `{"geoRedundantBackup":true}`},
			"availability.geoRedundantBackup = true: needs a location that has a paired region, which "+location+" has not")
	}
}

func TestEachFaultOfARestoreNamesItsKeyItsValueAndTheRule(t *testing.T) {
	const (
		at     = `"time":"2026-11-25T10:00:00Z"`
		server = ": must be the name of a server in the stack's resource group, or the ARM id of a server"
		utc    = ": must be a time in UTC in the form 2026-11-25T10:00:00Z"
	)
	for _, name := range []string{
		"pg", strings.Repeat("a", 64), "-pg", "pg-", "PG-1", "pg_1", serverID + "pg", serverID + "pg-1/databases/mqtt",
		strings.Replace(serverID, "flexibleServers", "servers", 1) + "pg-1",
		strings.Replace(serverID, "00000000-", "", 1) + "pg-1", "https://x.example" + serverID + "pg-1",
	} {
		faultsAre(t, map[string]string{"database": `{"restore":{"server":"` + name + `",` + at + `}}`},
			`database.restore.server = "`+name+`"`+server)
	}
	for _, moment := range []string{
		"yesterday", "2026-11-25T1:00:00Z", "2026-11-25T10:00:00,5Z", "2026-11-25", "2026-11-25T10:00Z",
		"2026-11-25 10:00:00Z", "2026-11-25T10:00:00", "2026-02-30T10:00:00Z", "2026-11-25T11:00:00+01:00",
		"2026-11-25T10:00:00+00:00",
	} {
		faultsAre(t, map[string]string{"database": `{"restore":{"server":"pg-1","time":"` + moment + `"}}`},
			`database.restore.time = "`+moment+`"`+utc)
	}
	faultsAre(t, map[string]string{"database": `{"restore":{` + at + `}}`}, "database.restore.server = (not set)"+server)
	faultsAre(t, map[string]string{"database": `{"restore":{"server":"pg-1"}}`}, "database.restore.time = (not set)"+utc)
	faultsAre(t, map[string]string{"database": `{"restore":{"geo":true}}`},
		"database.restore.server = (not set)"+server, "database.restore.time = (not set)"+utc)
}

func TestFaultsOfRegionsAndOfARestoreAreReportedTogether(t *testing.T) {
	faultsAre(t, map[string]string{
		"location":     "polandcentral",
		"availability": `{"secondaryLocation":"polandcentral","active":"none","geoRedundantBackup":true}`,
		"network":      `{"secondaryAddressSpace":"10.20.0.0/17"}`,
		"database":     `{"sku":"Standard_B1ms","restore":{"server":"P","time":"T"}}`,
		"security":     `{"rotation":{"database":"!","cookie":"?"}}`,
	},
		`availability.active = "none": must be primary or secondary`,
		"availability.geoRedundantBackup = true: needs a location that has a paired region, which polandcentral has not",
		`availability.secondaryLocation = "polandcentral": must be another region than location`,
		`availability.secondaryLocation = "polandcentral": needs a database.sku that is not burstable: Azure makes `+
			`no replica of Standard_B1ms`,
		`database.restore.server = "P": must be the name of a server in the stack's resource group, or the ARM id of `+
			`a server`,
		`database.restore.time = "T": must be a time in UTC in the form 2026-11-25T10:00:00Z`,
		`network.secondaryAddressSpace = "10.20.0.0/17": must not overlap network.addressSpace (10.20.0.0/16): the `+
			`two networks reach each other`,
		`security.rotation.cookie = "?": must be at most 32 letters, digits, points, hyphens and underscores, such `+
			`as 2026-11`,
		`security.rotation.database = "!": must be at most 32 letters, digits, points, hyphens and underscores, such `+
			`as 2026-11`,
	)
}

func TestRegionsAndRestoresAsTheyShouldBeAreTaken(t *testing.T) {
	second := "{" + secondRegion + "}"
	for name, changes := range map[string]map[string]string{
		"a second region": {"availability": second},
		"a second region that serves": {"availability": `{"active":"secondary",` +
			secondRegion + `}`},
		"the first region of one":            {"availability": `{"active":"primary"}`},
		"a burstable database in one region": {"database": `{"sku":"Standard_B2ms"}`},
		"a memory-optimised one in two": {"database": `{"sku":"Standard_E4ds_v5"}`,
			"availability": second},
		"the largest second network": {
			"network": `{"secondaryAddressSpace":"172.16.0.0/16"}`, "availability": second},
		"the smallest second network": {
			"network": `{"secondaryAddressSpace":"192.168.2.0/23"}`, "availability": second},
		"networks side by side": {
			"network": `{"addressSpace":"10.0.0.0/23","secondaryAddressSpace":"10.0.2.0/23"}`, "availability": second},
		"a lone network where the second is by default": {"network": `{"addressSpace":"10.21.0.0/16"}`},
		"backups copied to the pair":                    {"availability": `{"geoRedundantBackup":true}`},
		"backups copied to the pair, in a region without zones": {"location": "northcentralus",
			"availability": `{"geoRedundantBackup":true}`},
		"a region without a pair": {"location": "polandcentral"},
		"a region without a pair as the second one": {
			"availability": `{"secondaryLocation":"polandcentral","geoRedundantBackup":true}`},
		"marks of 32 characters": {"security": `{"rotation":{"database":"` +
			strings.Repeat("9", 32) + `","cookie":"v1.2-3_ABCdefghijklmnopqrstuvwxy"}}`},
		"marks that are empty": {"security": `{"rotation":{"database":"","cookie":""}}`},
		"a restore by name": {
			"database": `{"restore":{"server":"amora-db-1a2b3c","time":"2026-11-25T10:00:00Z"}}`},
		"a restore by the shortest name": {
			"database": `{"restore":{"server":"p-1","time":"2026-11-25T10:00:00Z"}}`},
		"a restore by the longest name": {"database": `{"restore":{"server":"` +
			strings.Repeat("a", 63) + `","time":"2026-11-25T10:00:00Z"}}`},
		"a restore by id": {"database": `{"restore":{"server":"` + serverID +
			`pg-1","time":"2026-11-25T10:00:00Z","geo":true}}`},
		"a restore by an id in capitals": {"database": `{"restore":{"server":"` +
			strings.ToUpper(serverID) + `PG-1","time":"2026-11-25T10:00:00Z"}}`},
		"a restore to a part of a second": {
			"database": `{"restore":{"server":"pg-1","time":"2026-11-25T10:00:00.123Z"}}`},
		"a restore that is none": {
			"database": `{"restore":{"server":"","time":"","geo":false}}`},
		"a restore and a second region": {
			"database": `{"restore":{"server":"pg-1","time":"2026-11-25T10:00:00Z"}}`, "availability": second},
	} {
		if _, err := Parse("dev", valid(changes)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
