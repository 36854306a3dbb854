package standin

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/amora-sync/mqtt-on-azure/internal/recovery"
)

// walk follows one public name as a client does. The caller holds the world's lock.
type walk struct {
	*World
	port float64

	ends    []end // in the order in which clients are led to them
	deadEnd string
	change  []recovery.Step // until clients are led to the next end
	forget  recovery.Step   // until resolvers know of another address
}

func (k *walk) arrive(e end) {
	e.through = slices.Clone(e.through) // ways share their beginning
	k.ends = append(k.ends, e)
}

func (k *walk) dead(format string, args ...any) { k.deadEnd = fmt.Sprintf(format, args...) }

// longestChain of names is more than any client follows.
const longestChain = 8

// name resolves a host name.
func (k *walk) name(host string, through []string) {
	if len(through) >= longestChain {
		k.dead("the names go round in a circle at %s", host)
		return
	}
	through = append(slices.Clone(through), "name "+host)
	for _, record := range k.each("network:RecordSet") {
		if !strings.EqualFold(strings.TrimSuffix(record.out().str("fqdn"), "."), host) {
			continue
		}
		switch recordType(record.ID) {
		case "A":
			k.addressRecord(record, through)
			return
		case "CNAME":
			if target := record.in().str("cnameRecord.cname"); !k.atFrontDoor(host, target, record, through) {
				k.name(strings.TrimSuffix(target, "."), through)
			}
			return
		}
	}
	k.dead("no record has the name %s", host)
}

// addressRecord follows an A record: to its addresses, or, as an alias, to what it stands for.
func (k *walk) addressRecord(record *Resource, through []string) {
	k.forget = recovery.Forget(record.in().num("ttl"))
	target := record.in().str("targetResource.id")
	if target == "" {
		for _, a := range record.in().objects("aRecords") {
			k.atAddress(a.str("ipv4Address"), through)
		}
		return
	}
	switch r := k.find(target); {
	case r == nil:
		k.dead("the alias %s stands for %s, which is not there", record.name(), target)
	case unversioned(r.Type) == "azure-native:network:PublicIPAddress":
		k.atAddress(r.out().str("ipAddress"), through)
	case unversioned(r.Type) == "azure-native:network:Profile":
		k.atTrafficManager(r, through)
	default:
		k.dead("the alias %s stands for %s, which has no address", record.name(), target)
	}
}

// atTrafficManager follows a profile to its endpoints, by their priority.
func (k *walk) atTrafficManager(profile *Resource, through []string) {
	if status := profile.in().str("profileStatus"); status == "Disabled" {
		k.dead("the Traffic Manager profile %s is disabled", profile.name())
		return
	}
	// Endpoints are resources of their own, or parts of the profile.
	endpoints := profile.in().objects("endpoints")
	for _, e := range k.each("network:Endpoint") {
		if within(e.ID, profile.ID) {
			endpoints = append(endpoints, e.in())
		}
	}
	endpoints = slices.DeleteFunc(endpoints, func(e props) bool { return e.str("endpointStatus") == "Disabled" })
	slices.SortStableFunc(endpoints, func(a, b props) int { return cmp.Compare(a.num("priority"), b.num("priority")) })
	probes, ttl := profile.in().object("monitorConfig"), profile.in().num("dnsConfig.ttl")
	k.change = recovery.TrafficManager(probes.num("intervalInSeconds"), probes.num("timeoutInSeconds"),
		probes.num("toleratedNumberOfFailures"), ttl)
	k.forget = recovery.Forget(ttl)
	if len(endpoints) == 0 {
		k.dead("the Traffic Manager profile %s has no endpoint that is enabled", profile.name())
	}
	through = append(slices.Clone(through), "Traffic Manager "+profile.name())
	for _, e := range endpoints {
		if target := k.find(e.str("targetResourceId")); target != nil {
			k.atAddress(target.out().str("ipAddress"), through)
			continue
		}
		k.atAddress(e.str("target"), through)
	}
}

// atFrontDoor follows a name to the origins of the route that serves it, by their priority. It is false where the name
// is none of Front Door's.
func (k *walk) atFrontDoor(host, target string, record *Resource, through []string) bool {
	for _, endpoint := range k.each("cdn:AFDEndpoint") {
		if !strings.EqualFold(endpoint.out().str("hostName"), strings.TrimSuffix(target, ".")) {
			continue
		}
		k.forget = recovery.Forget(record.in().num("ttl"))
		if endpoint.in().str("enabledState") == "Disabled" {
			k.dead("the Front Door endpoint %s is disabled", endpoint.name())
			return true
		}
		for _, route := range k.each("cdn:Route") {
			if within(route.ID, endpoint.ID) && k.serves(route, host) && route.in().str("enabledState") != "Disabled" {
				k.atOrigins(k.find(route.in().str("originGroup.id")),
					append(slices.Clone(through), "Front Door "+lastSegment(parentID(endpoint.ID))))
				return true
			}
		}
		k.dead("no route of Front Door serves %s", host)
		return true
	}
	return false
}

func (k *walk) serves(route *Resource, host string) bool {
	return slices.ContainsFunc(route.in().objects("customDomains"), func(domain props) bool {
		return strings.EqualFold(k.find(domain.str("id")).in().str("hostName"), host)
	})
}

func (k *walk) atOrigins(group *Resource, through []string) {
	if group == nil {
		k.dead("the origin group of Front Door's route is not there")
		return
	}
	origins := originsOf(k.World, group.ID)
	slices.SortStableFunc(origins, func(a, b *Resource) int {
		return cmp.Compare(a.in().num("priority"), b.in().num("priority"))
	})
	if len(origins) > 1 {
		probes, samples := group.in().object("healthProbeSettings"), group.in().object("loadBalancingSettings")
		k.change = recovery.FrontDoor(probes.num("probeIntervalInSeconds"), samples.num("sampleSize"),
			samples.num("successfulSamplesRequired"))
	}
	if len(origins) == 0 {
		k.dead("the origin group %s has no origin that is enabled", group.name())
	}
	for _, origin := range origins {
		k.atHost(origin.in().str("hostName"), append(slices.Clone(through), "origin "+origin.name()))
	}
}

// atHost finds the app that has a host name of Container Apps.
func (k *walk) atHost(host string, through []string) {
	for _, app := range k.each("app:ContainerApp") {
		if environment := k.find(app.in().str("managedEnvironmentId")); environment != nil &&
			strings.EqualFold(app.out().str("configuration.ingress.fqdn"), host) {
			k.inEnvironment(environment, app.name(),
				append(through, "address "+environment.out().str("staticIp")+" of the environment "+environment.name()))
			return
		}
	}
	k.dead("no app has the host name %s", host)
}
