package stacks

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/internal/recovery"
)

// The availabilities of the tests: one zone, three with a standby, backups elsewhere, and a second region.
const (
	oneZone    = `"zones":[1]`
	threeZones = `"zones":[1,2,3],"databaseHA":true`
	geoBackup  = oneZone + `,"geoRedundantBackup":true`
	twoRegions = threeZones + `,"secondaryLocation":"northeurope"`
)

// targeted is a valid config of a broker with an availability.
func targeted(broker, availability string) map[string]string {
	return valid(map[string]string{
		"broker": broker, "availability": "{" + availability + "}",
		"vernemq": `{"sshKey":"` + sshKey + `"}`,
	})
}

func TestATargetIsHeldAgainstWhatEachLossTakes(t *testing.T) {
	region := "after the loss of region westeurope, "
	for _, c := range []struct {
		name, broker, availability string
		faults                     []string // the beginnings; none: it is fine
	}{
		{"no target", EMQXContainerApps, oneZone, nil},
		{"negative targets", EMQXContainerApps, oneZone + `,"rtoMinutes":-1,"rpoMinutes":-2`, []string{
			"amora-sync:availability.rpoMinutes = -2: must be a number of minutes, or 0 for no target",
			"amora-sync:availability.rtoMinutes = -1: must be a number of minutes, or 0 for no target",
		}},
		{"a config with another fault is not planned", EMQXContainerApps, `"zones":[4],"rtoMinutes":1`,
			[]string{"amora-sync:availability.zones = [4]: must be"}},

		// The proxy finds a lost node in 8.5 s. A zone may be the environment's: 15 + 30 + 1 min; the database's is 15
		// min + 3 h + 30 min.
		{"an hour for one zone and region", EMQXContainerApps, oneZone + `,"rtoMinutes":60`, []string{
			"amora-sync:availability.rtoMinutes = 60: must be 225 or more: after the loss of zone 1, logins back in " +
				"3h45m (a person is woken and decides 15m + " +
				"the database is restored from its backup 3h + pulumi up makes what is missing 30m); " +
				"availability.zones [1,2,3] helps, with availability.databaseHA",
			"amora-sync:availability.rtoMinutes = 60: must be 0, for no target: " + region +
				"mqtts never back: users and rules are in that region only; " +
				"nothing until it is back; availability.secondaryLocation helps most, " +
				"availability.geoRedundantBackup at least keeps the users",
		}},
		{"the database's restart counts", EMQXContainerApps, oneZone + `,"rtoMinutes":9`, []string{
			"amora-sync:availability.rtoMinutes = 9: must be 225 or more: after the loss of zone 1, ",
			// and zone 3 alike
			"amora-sync:availability.rtoMinutes = 9: must be 46 or more: after the loss of zone 2, mqtts back in 46m",
			"amora-sync:availability.rtoMinutes = 9: must be 10 or more: after the loss of the database's host, " +
				"logins back in 10m",
			"amora-sync:availability.rtoMinutes = 9: must be 0, for no target: " + region,
		}},
		{"users are nowhere else", EMQXContainerApps, oneZone + `,"rpoMinutes":60`, []string{
			"amora-sync:availability.rpoMinutes = 60: must be 0, for no target: " + region +
				"users and rules are gone until it is back: there is neither a replica nor a backup",
		}},
		{"backups elsewhere hold an hour", EMQXContainerApps, geoBackup + `,"rtoMinutes":225,"rpoMinutes":60`, nil},
		{"and nothing less", EMQXContainerApps, geoBackup + `,"rtoMinutes":224,"rpoMinutes":59`, []string{
			"amora-sync:availability.rpoMinutes = 59: must be 60 or more: " + region +
				"users and rules are up to 60 minutes old: backups in the paired region",
			"amora-sync:availability.rtoMinutes = 224: must be 225 or more: after the loss of zone 1, ",
			"amora-sync:availability.rtoMinutes = 224: must be 225 or more: " + region + "logins back in 3h45m",
		}},

		// Container Apps may have to start all nodes elsewhere: 50 s + 5 min + 1 min.
		{"EMQX in two regions", EMQXContainerApps, twoRegions + `,"rtoMinutes":7,"rpoMinutes":5`, nil},
		{"EMQX in two regions, too much asked", EMQXContainerApps, twoRegions + `,"rtoMinutes":6,"rpoMinutes":4`, []string{
			"amora-sync:availability.rpoMinutes = 4: must be 5 or more: " + region +
				"users and rules are up to 5 minutes old: the other region's replica",
			"amora-sync:availability.rtoMinutes = 6: must be 7 or more: after the loss of zone 1, mqtts back in 6m50s",
		}},
		// The standby takes over in 2 min; Traffic Manager leads away in 45 s + 30 s.
		{"HiveMQ in two regions", HiveMQAKS, twoRegions + `,"rtoMinutes":2,"rpoMinutes":5`, nil},
		{"VerneMQ in two regions, too much asked", VerneMQVMs, twoRegions + `,"rtoMinutes":1`, []string{
			"amora-sync:availability.rtoMinutes = 1: must be 2 or more: after the loss of zone 1, logins back in 2m " +
				"(PostgreSQL's standby takes over 2m)",
			"amora-sync:availability.rtoMinutes = 1: must be 2 or more: after the loss of the database's host, " +
				"logins back in 2m",
			"amora-sync:availability.rtoMinutes = 1: must be 2 or more: " + region +
				"mqtts back in 1m15s (Traffic Manager's probes fail 45s + resolvers forget the old address 30s)",
		}},
		{"a database in one zone of three", VerneMQVMs,
			`"zones":[1,2,3],"secondaryLocation":"northeurope","rtoMinutes":10`, []string{
				"amora-sync:availability.rtoMinutes = 10: must be 21 or more: after the loss of zone 1, logins back in 20m30s",
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("test", targeted(c.broker, c.availability))
			var faults Faults
			if err != nil && !errors.As(err, &faults) {
				t.Fatal(err)
			}
			var lines []string
			for _, fault := range faults {
				lines = append(lines, fmt.Sprintf("%s = %s: %s", fault.Key, fault.Value, fault.Rule))
			}
			if len(lines) != len(c.faults) {
				t.Fatalf("%d faults:\n%s", len(lines), strings.Join(lines, "\n"))
			}
			for i, line := range lines {
				if !strings.HasPrefix(line, c.faults[i]) {
					t.Errorf("%s\nwant %s", line, c.faults[i])
				}
			}
		})
	}
}

// survivalOf is the model of a config's plan.
func survivalOf(t *testing.T, config map[string]string) recovery.Stack {
	t.Helper()
	c, err := Parse("test", config)
	if err != nil {
		t.Fatal(err)
	}
	return NewPlan("test", c).survival()
}

func TestADeletionByMistakeCostsADayOfWhatIsOnDisksWhereTheyAreBackedUp(t *testing.T) {
	for backup, want := range map[string]string{
		`"diskBackup":true`: "those of the last daily backup of the disks come back", `"diskBackup":false`: "all are lost"} {
		s := survivalOf(t, map[string]string{
			"amora-sync:location": "westeurope", "amora-sync:domain": "mqtt.example.com", "amora-sync:broker": VerneMQVMs,
			"amora-sync:vernemq": `{"sshKey":"` + sshKey + `"}`, "amora-sync:availability": "{" + backup + "}",
		})
		if got := s.Lose(recovery.Loss{Kind: recovery.Deleted}).Sessions; !strings.HasPrefix(got, want) {
			t.Errorf("with %s: %s; want %s", backup, got, want)
		}
	}
}

func TestWhereThingsAreFollowsFromThePlan(t *testing.T) {
	for _, c := range []struct {
		name, broker, availability string
		parts                      map[string][]string
		outbound                   []string
	}{
		{"EMQX in one zone", EMQXContainerApps, oneZone,
			map[string][]string{"edge": {"?"}, "nodes": {"?", "?"}, "topic rules": {"?"}}, nil},
		{"EMQX in three", EMQXContainerApps, threeZones,
			map[string][]string{"edge": {"1", "2", "3"}, "nodes": {"?", "?"}, "topic rules": {"1", "2", "3"}}, nil},
		{"HiveMQ in one zone", HiveMQAKS, `"zones":[2]`,
			map[string][]string{"gateway": {"2"}, "brokers": {"2", "2", "2"}}, []string{"?"}},
		{"HiveMQ in three", HiveMQAKS, threeZones,
			map[string][]string{"gateway": {"1", "2", "3"}, "brokers": {"1", "2", "3"}}, []string{"?"}},
		{"VerneMQ in one zone", VerneMQVMs, oneZone,
			map[string][]string{"load balancer": {"1", "2", "3"}, "machines": {"1", "1", "1"}}, []string{"?"}},
		{"VerneMQ in three", VerneMQVMs, threeZones,
			map[string][]string{"load balancer": {"1", "2", "3"}, "machines": {"1", "2", "3"}}, []string{"?"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			region := survivalOf(t, targeted(c.broker, c.availability)).Regions[0]
			if len(region.Parts) != len(c.parts) || !slices.Equal(region.Outbound, c.outbound) {
				t.Errorf("%+v, out through %q", region.Parts, region.Outbound)
			}
			for _, part := range region.Parts {
				if !slices.Equal(part.Copies, c.parts[part.Name]) {
					t.Errorf("%s is in %q, want %q", part.Name, part.Copies, c.parts[part.Name])
				}
			}
		})
	}
}

func TestARegionWithoutZonesLosesNone(t *testing.T) {
	for _, broker := range brokers {
		config := targeted(broker, oneZone)
		config["amora-sync:location"] = "westus"
		s := survivalOf(t, config)
		for _, part := range s.Regions[0].Parts {
			if s.Regions[0].Outbound != nil || strings.Join(part.Copies, "") != "" {
				t.Errorf("%s is in the zones %q", part.Name, part.Copies)
			}
		}
		for _, loss := range s.Losses() {
			if loss.Kind == recovery.Zone {
				t.Errorf("%s in a region without zones: %s", broker, loss)
			}
		}
	}
}

func TestAClassicRedisMayBeInTheZoneThatIsLost(t *testing.T) {
	config := targeted(EMQXContainerApps, twoRegions)
	config["amora-sync:redis"] = `{"service":"classic"}`
	o := survivalOf(t, config).Lose(recovery.Loss{Kind: recovery.Zone, Which: "3"})
	if takes, _ := o.RTO(); takes != 20*time.Minute+30*time.Second { // 15 min, 5 min, and what resolvers remember
		t.Errorf("it takes %s: %s", takes, o.Reason())
	}
}

func TestClientsAreLedToTheActiveRegion(t *testing.T) {
	for active, want := range map[string]string{"": "westeurope", ActivePrimary: "westeurope",
		ActiveSecondary: "northeurope"} {
		availability := twoRegions
		if active != "" {
			availability += `,"active":"` + active + `"`
		}
		s := survivalOf(t, targeted(HiveMQAKS, availability))
		if s.Serving().Location != want || s.Regions[0].Location != "westeurope" || !s.Regions[1].Database.Replica ||
			s.Regions[0].Database.Replica {
			t.Errorf("active %q: %s serves, of %s and %s", active, s.Serving().Location, s.Regions[0].Location,
				s.Regions[1].Location)
		}
	}
}

func TestTheOutputSaysWhatTheStackCanHoldAndWhy(t *testing.T) {
	output := func(config map[string]string) pulumi.Map {
		c, err := Parse("test", config)
		if err != nil {
			t.Fatal(err)
		}
		return NewPlan("test", c).recoveryOutput()
	}
	two := output(targeted(VerneMQVMs, twoRegions))
	if two["rtoMinutes"] != pulumi.Int(2) || two["rpoMinutes"] != pulumi.Int(5) {
		t.Errorf("two regions hold %v and %v minutes", two["rtoMinutes"], two["rpoMinutes"])
	}
	one := output(targeted(VerneMQVMs, threeZones))
	if one["rtoMinutes"] != nil || one["rpoMinutes"] != nil {
		t.Errorf("one region is said to hold %v and %v minutes", one["rtoMinutes"], one["rpoMinutes"])
	}
	reasoning := fmt.Sprint(two["reasoning"])
	for _, want := range []string{
		"the loss of node 0: mqtts back in 15s", "the loss of region westeurope: mqtts back in 1m15s",
		"the loss of region northeurope: nothing stops",
		"bad data: logins back in 3h45m", "Of sessions and messages, all stay behind on that region's disks",
	} {
		if !strings.Contains(reasoning, want) {
			t.Errorf("%q is not in %s", want, reasoning)
		}
	}
}

func TestTargetsAreReadWithTheNamesOfClients(t *testing.T) {
	targets, err := TargetsOf("test", targeted(HiveMQAKS, twoRegions+`,"rtoMinutes":3,"rpoMinutes":6`))
	if err != nil || targets != (Targets{"mqtt.example.com", "ws.mqtt.example.com", 3 * time.Minute, 6 * time.Minute}) {
		t.Errorf("%+v, %v", targets, err)
	}
	if _, err := TargetsOf("test", valid(map[string]string{"broker": "none"})); err == nil {
		t.Error("a faulty config has targets")
	}
}
