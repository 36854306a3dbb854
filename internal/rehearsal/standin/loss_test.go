package standin

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/amora-sync/mqtt-on-azure/internal/recovery"
)

const (
	here  = "westeurope"
	there = "northeurope"
)

// provider begins the ids of what is in the resource group of a region.
func provider(location, arm string) string { return groupID(location) + "/providers/" + arm }

// handmade is a world of resources that no program made.
type handmade struct {
	t *testing.T
	*World
}

func newHandmade(t *testing.T) *handmade {
	t.Helper()
	return &handmade{t, New()}
}

// add puts a resource there; its inputs and outputs are JSON.
func (h *handmade) add(token, id, inputs, outputs string) {
	h.t.Helper()
	r := &Resource{ID: id, Type: "azure-native:" + token}
	for _, part := range []struct {
		text string
		to   *map[string]any
	}{{inputs, &r.Inputs}, {outputs, &r.Outputs}} {
		if err := json.Unmarshal([]byte(part.text), part.to); err != nil {
			h.t.Fatalf("%s: %v", part.text, err)
		}
	}
	h.state.Resources[fold(id)] = r
}

func (h *handmade) database(location, more string) {
	h.add("dbforpostgresql/v20240801:Server",
		provider(location, "Microsoft.DBforPostgreSQL/flexibleServers/db-"+location),
		`{"location":"`+location+`","availabilityZone":"1"`+more+`}`, "{}")
}

// machines adds a VerneMQ of a region at an address, with a node in each of the zones.
func (h *handmade) machines(location, address string, zones ...string) {
	public, balancer := provider(location, "Microsoft.Network/publicIPAddresses/vms"),
		provider(location, "Microsoft.Network/loadBalancers/vms")
	h.add("network:PublicIPAddress", public, `{"location":"`+location+`","zones":["1","2","3"]}`,
		`{"ipAddress":"`+address+`"}`)
	h.add("network:LoadBalancer", balancer, `{"location":"`+location+`","frontendIPConfigurations":[{"name":"public","publicIPAddress":{"id":"`+public+`"}}],
		"probes":[{"name":"health","intervalInSeconds":5,"probeThreshold":2}],
		"loadBalancingRules":[
			{"name":"other","frontendPort":443,"backendAddressPool":{"id":"$self/backendAddressPools/nodes"},"probe":{"id":"$self/probes/health"}},
			{"name":"mqtts","frontendPort":8883,"backendAddressPool":{"id":"$self/backendAddressPools/nodes"},"probe":{"id":"$self/probes/health"}}]}`, "{}")
	for i, zone := range zones {
		name := location + "-" + itoa(i)
		nic := provider(location, "Microsoft.Network/networkInterfaces/"+name)
		h.add("network:NetworkInterface", nic,
			`{"ipConfigurations":[{"loadBalancerBackendAddressPools":[{"id":"`+balancer+`/backendAddressPools/nodes"}]}]}`, "{}")
		h.add("compute:VirtualMachine", provider(location, "Microsoft.Compute/virtualMachines/"+name),
			`{"zones":["`+zone+`"],"networkProfile":{"networkInterfaces":[{"id":"`+nic+`"}]}}`, "{}")
	}
}

// apps adds an EMQX of a region.
func (h *handmade) apps(location, address string, redundant string) {
	environment := provider(location, "Microsoft.App/managedEnvironments/apps")
	h.add("app/v20240301:ManagedEnvironment", environment, `{"location":"`+location+`","zoneRedundant":`+redundant+`}`,
		`{"staticIp":"`+address+`"}`)
	h.add("app/v20240301:ContainerApp", provider(location, "Microsoft.App/containerApps/edge"), `{"managedEnvironmentId":"`+environment+`",
		"configuration":{"ingress":{"external":true,"targetPort":8080,"additionalPortMappings":[{"external":true,"exposedPort":8883}]}}}`,
		`{"configuration":{"ingress":{"fqdn":"edge.`+location+`.azurecontainerapps.io"}}}`)
	for i, replicas := range []string{"1", "1", "0"} { // the last one runs at its peak only
		h.add("app/v20240301:ContainerApp", provider(location, "Microsoft.App/containerApps/emqx-"+itoa(i)), `{"managedEnvironmentId":"`+environment+`",
			"configuration":{"ingress":{"external":false,"targetPort":4370}},"template":{"scale":{"minReplicas":`+replicas+`}}}`, "{}")
	}
	h.add("cache/v20250401:RedisEnterprise", provider(location, "Microsoft.Cache/redisEnterprise/rules"),
		`{"location":"`+location+`","highAvailability":"Enabled"}`, "{}")
}

var exampleZone = provider(here, "Microsoft.Network/dnsZones/example.com")

func (h *handmade) record(kind, name, inputs string) {
	h.add("network:RecordSet", exampleZone+"/"+kind+"/"+name, inputs,
		`{"fqdn":"`+strings.TrimPrefix(name+".example.com.", "@.")+`"}`)
}

var clientsProfile = provider(here, "Microsoft.Network/trafficManagerProfiles/clients")

const clientsProbes = `"profileStatus":"Enabled","dnsConfig":{"ttl":30},"monitorConfig":{"protocol":"TCP",` +
	`"port":8883,"intervalInSeconds":10,"timeoutInSeconds":5,"toleratedNumberOfFailures":3}`

// trafficManager adds a profile whose endpoints are resources of their own, with the priorities of the two regions.
func (h *handmade) trafficManager(first, second string) {
	h.add("network:Profile", clientsProfile, "{"+clientsProbes+"}", "{}")
	for _, e := range [][3]string{{"primary", first, "20.0.0.1"}, {"secondary", second, "20.0.0.2"}} {
		h.add("network:Endpoint", clientsProfile+"/ExternalEndpoints/"+e[0],
			`{"endpointStatus":"Enabled","target":"`+e[2]+`","priority":`+e[1]+`}`, "{}")
	}
	h.record("A", "mqtt", `{"ttl":60,"targetResource":{"id":"`+clientsProfile+`"}}`)
	h.record("CNAME", "ws", `{"ttl":60,"cnameRecord":{"cname":"mqtt.example.com"}}`)
}

// frontDoor adds a profile with an origin in each region.
func (h *handmade) frontDoor() {
	profile := provider(here, "Microsoft.Cdn/profiles/front")
	h.record("CNAME", "ws", `{"ttl":60,"cnameRecord":{"cname":"front.azurefd.net"}}`)
	h.add("cdn:AFDEndpoint", profile+"/afdEndpoints/front", `{"enabledState":"Enabled"}`,
		`{"hostName":"front.azurefd.net"}`)
	h.add("cdn:AFDCustomDomain", profile+"/customDomains/ws", `{"hostName":"ws.example.com"}`, "{}")
	h.add("cdn:AFDOriginGroup", profile+"/originGroups/websocket",
		`{"healthProbeSettings":{"probeIntervalInSeconds":30},"loadBalancingSettings":{"sampleSize":4,`+
			`"successfulSamplesRequired":3}}`, "{}")
	h.add("cdn:Route", profile+"/afdEndpoints/front/routes/websocket",
		`{"enabledState":"Enabled","originGroup":{"id":"`+profile+`/originGroups/websocket"},`+
			`"customDomains":[{"id":"`+profile+`/customDomains/ws"}]}`, "{}")
	for i, location := range []string{there, here} { // by name, the second region's comes first
		h.add("cdn:AFDOrigin", profile+"/originGroups/websocket/origins/edge-"+itoa(i),
			`{"enabledState":"Enabled","hostName":"edge.`+location+`.azurecontainerapps.io","priority":`+itoa(2-i)+`}`, "{}")
	}
}

// twoRegionsOfMachines is a VerneMQ in two regions, the first of which serves, with one zone each.
func twoRegionsOfMachines(t *testing.T) *handmade {
	h := newHandmade(t)
	h.machines(here, "20.0.0.1", "1", "1")
	h.machines(there, "20.0.0.2", "1", "2", "3")
	h.database(here, `,"backup":{"backupRetentionDays":14,"geoRedundantBackup":"Enabled"}`)
	h.database(there, `,"createMode":"Replica","sourceServerResourceId":"`+provider(here,
		"Microsoft.DBforPostgreSQL/flexibleServers/db-"+here)+`"`)
	h.trafficManager("1", "2")
	return h
}

func (h *handmade) survey() Survey { return h.Survey("mqtt.example.com", "ws.example.com") }

// where lists the regions that clients are led to, in order.
func where(e recovery.Endpoint) string {
	var all []string
	for _, way := range e.Ways {
		all = append(all, way.Location)
	}
	return strings.Join(all, " ")
}

func TestTrafficManagerIsFollowedToBothRegionsByPriority(t *testing.T) {
	s := twoRegionsOfMachines(t).survey()
	for _, e := range s.Endpoints {
		if where(e) != here+" "+there || recovery.Sum(e.Switch) != 75*time.Second || e.Forget.Takes != 30*time.Second {
			t.Errorf("%s leads to %s, and to another in %s", e.Name, where(e), recovery.InWords(e.Switch))
		}
	}
	want := []string{"name ws.example.com", "name mqtt.example.com", "Traffic Manager clients",
		"address 20.0.0.2 in zones 1, 2 and 3", "load balancer vms", "3 machines in zones 1, 2 and 3"}
	if got := s.Endpoints[1].Ways[1].Through; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if s.Broker != recovery.VerneMQ || !s.GeoBackup || s.BackupDays != 14 || len(s.Regions) != 2 ||
		s.Regions[0].Database.Replica || !s.Regions[1].Database.Replica || len(s.DeadEnds) > 0 {
		t.Errorf("%+v", s)
	}
	// The zone takes both machines of the region that serves, and the port with them.
	for loss, region := range map[recovery.Loss]string{
		{Kind: recovery.Zone, Which: "1"}: there, {Kind: recovery.Zone, Which: "2"}: here,
		{Kind: recovery.Place, Which: here}: there, {Kind: recovery.Place, Which: there}: here,
	} {
		o := s.Lose(loss)
		takes, ends := o.RTO()
		if o.Chains[0].Region != region || !ends || region == there && takes != 75*time.Second || region == here &&
			takes != 0 {
			t.Errorf("after %s, %s answers after %s", loss, o.Chains[0].Region, takes)
		}
	}
}

func TestTheOtherRegionServesAfterAFailover(t *testing.T) {
	h := twoRegionsOfMachines(t)
	h.trafficManager("3", "2")
	s := h.survey()
	if where(s.Endpoints[0]) != there+" "+here || s.Serving().Location != there || s.Regions[0].Location != here {
		t.Errorf("%s serves; the database is written to in %s", where(s.Endpoints[0]), s.Regions[0].Location)
	}
}

func TestEndpointsInsideOfTheProfileAndOfAzureAreFollowedToo(t *testing.T) {
	h := twoRegionsOfMachines(t)
	for _, name := range []string{"primary", "secondary"} {
		delete(h.state.Resources, fold(clientsProfile+"/ExternalEndpoints/"+name))
	}
	h.add("network:Profile", clientsProfile, "{"+clientsProbes+`,"endpoints":[
		{"name":"b","priority":2,"target":"20.0.0.1"},
		{"name":"a","priority":1,"targetResourceId":"`+provider(there, "Microsoft.Network/publicIPAddresses/vms")+`"},
		{"name":"c","priority":0,"target":"20.0.0.1","endpointStatus":"Disabled"}]}`, "{}")
	if e := h.survey().Endpoints[0]; where(e) != there+" "+here {
		t.Errorf("it leads to %s", where(e))
	}
}

func TestFrontDoorIsFollowedToItsOriginsByPriority(t *testing.T) {
	h := newHandmade(t)
	h.apps(here, "20.0.0.1", "true")
	h.apps(there, "20.0.0.2", "false")
	h.database(here, `,"highAvailability":{"mode":"ZoneRedundant","standbyAvailabilityZone":"2"}`)
	h.database(there, `,"createMode":"Replica","sourceServerResourceId":"`+provider(here, "x")+`"`)
	h.trafficManager("1", "2")
	h.frontDoor()
	s := h.survey()
	wss := s.Endpoints[1]
	if where(wss) != here+" "+there || recovery.Sum(wss.Switch) != 90*time.Second || wss.Forget.Takes != time.Minute {
		t.Errorf("it leads to %s, and to another in %s", where(wss), recovery.InWords(wss.Switch))
	}
	// Two of three apps run; where, Azure does not say.
	for i, want := range [][]string{{"edge 1 2 3", "nodes ? ?", "topic rules 1 2 3"},
		{"edge ?", "nodes ? ?", "topic rules 1 2 3"}} {
		var got []string
		for _, part := range s.Regions[i].Parts {
			got = append(got, part.Name+" "+strings.Join(part.Copies, " "))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", s.Regions[i].Location, got, want)
		}
	}
	o := s.Lose(recovery.Loss{Kind: recovery.Place, Which: here})
	if takes, _ := o.RTO(); takes != 90*time.Second || o.Chains[1].Region != there ||
		s.Regions[0].Database.Standby != "2" {
		t.Errorf("%s; %+v", o.Reason(), s.Regions[0].Database)
	}
}

func TestAWayThatLeadsNowhereSaysWhereItEnds(t *testing.T) {
	pool := provider(here, "Microsoft.Network/loadBalancers/vms")
	for _, c := range []struct {
		name, want string
		cut        func(*handmade)
		ways       string // that are left
	}{
		{"no record", "no record has the name mqtt.example.com",
			func(h *handmade) { delete(h.state.Resources, fold(exampleZone+"/A/mqtt")) }, ""},
		{"names in a circle", "the names go round in a circle", func(h *handmade) {
			delete(h.state.Resources, fold(exampleZone+"/A/mqtt"))
			h.record("CNAME", "mqtt", `{"ttl":60,"cnameRecord":{"cname":"ws.example.com"}}`)
		}, ""},
		{"an alias of nothing", "stands for " + clientsProfile + ", which is not there",
			func(h *handmade) { delete(h.state.Resources, fold(clientsProfile)) }, ""},
		{"an alias of something without an address", "which has no address",
			func(h *handmade) { h.record("A", "mqtt", `{"targetResource":{"id":"`+pool+`"}}`) }, ""},
		{"a profile that is off", "profile clients is disabled",
			func(h *handmade) { h.add("network:Profile", clientsProfile, `{"profileStatus":"Disabled"}`, "{}") }, ""},
		{"endpoints that are off", "has no endpoint that is enabled", func(h *handmade) {
			for _, r := range h.each("network:Endpoint") {
				r.Inputs["endpointStatus"] = "Disabled"
			}
		}, ""},
		{"an address of nobody", "nobody has the address 20.0.0.1", func(h *handmade) {
			delete(h.state.Resources, fold(provider(here, "Microsoft.Network/publicIPAddresses/vms")))
		}, there},
		{"an address that nothing uses", "nothing uses the address 20.0.0.1",
			func(h *handmade) { delete(h.state.Resources, fold(pool)) }, there},
		{"a load balancer without the port", "has no rule for port 8883", func(h *handmade) {
			h.find(pool).Inputs["loadBalancingRules"] = h.find(pool).Inputs["loadBalancingRules"].([]any)[:1]
		}, there},
		{"a pool without machines", "no machine is in the load balancer's pool", func(h *handmade) {
			for i := range 2 {
				delete(h.state.Resources, fold(provider(here, "Microsoft.Compute/virtualMachines/"+here+"-"+itoa(i))))
			}
		}, there},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := twoRegionsOfMachines(t)
			c.cut(h)
			s := h.survey()
			if dead := s.DeadEnds["mqtts"]; !strings.Contains(dead, c.want) || where(s.Endpoints[0]) != c.ways {
				t.Errorf("%q, and ways to %q", dead, where(s.Endpoints[0]))
			}
		})
	}
}

func TestARegionThatNobodyIsLedToIsThereAllTheSame(t *testing.T) {
	h := twoRegionsOfMachines(t)
	h.find(clientsProfile + "/ExternalEndpoints/secondary").Inputs["endpointStatus"] = "Disabled"
	s := h.survey()
	if len(s.Regions) != 2 || s.Regions[1].Location != there || where(s.Endpoints[0]) != here {
		t.Errorf("%+v", s.Regions)
	}
}
