package standin

import (
	"net/netip"
	"regexp"
	"strings"
	"time"
)

var trafficManagerKinds = []*kind{
	{
		token: "network:Profile", arm: "Microsoft.Network/trafficManagerProfiles",
		path: []string{"profileName"}, located: true, global: true, required: []string{"location"}, latency: 10 * time.Second,
		naming: naming{pattern: regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`),
			rule: "1 to 63 letters, digits and hyphens, with no hyphen at either end"},
		enums: map[string][]string{
			"trafficRoutingMethod":   {"Performance", "Priority", "Weighted", "Geographic", "MultiValue", "Subnet"},
			"profileStatus":          {"Enabled", "Disabled"},
			"monitorConfig.protocol": {"HTTP", "HTTPS", "TCP"},
		},
		echoes: []echo{{"endpoints", "network:Endpoint"}},
		check:  checkProfile,
		compute: func(_ *World, r *Resource) map[string]any {
			return map[string]any{"dnsConfig": map[string]any{
				"relativeName": r.in().str("dnsConfig.relativeName"), "ttl": r.in().num("dnsConfig.ttl"),
				"fqdn": r.in().str("dnsConfig.relativeName") + ".trafficmanager.net",
			}}
		},
		release: inUse("BadRequest", "The profile %s cannot be deleted because it is the target of the record set %s."),
		taken: func(name string, _ bool) error {
			return refusal("BadRequest",
				"Domain name %s.trafficmanager.net already exists. Please choose a different DNS prefix.", name)
		},
	},
	{
		token: "network:Endpoint", arm: "Microsoft.Network/trafficManagerProfiles/externalEndpoints",
		path: []string{"resourceGroupName", "profileName", "endpointType", "endpointName"}, latency: 5 * time.Second,
		naming: networkNaming.copied(),
		enums: map[string][]string{"endpointType": {"AzureEndpoints", "ExternalEndpoints", "NestedEndpoints"},
			"endpointStatus": {"Enabled", "Disabled"}},
		identify: trafficEndpointID, admit: admitTrafficEndpoint,
	},
}

// checkProfile holds the probes against Microsoft's limits:
// learn.microsoft.com/azure/traffic-manager/traffic-manager-monitoring.
func checkProfile(in props) []fault {
	var faults []fault
	interval, timeout := in.num("monitorConfig.intervalInSeconds"), in.num("monitorConfig.timeoutInSeconds")
	longest := map[float64]float64{0: 10, 30: 10, 10: 9}[interval]
	if longest == 0 {
		faults = append(faults, fault{"monitorConfig", "intervalInSeconds must be 10 or 30"})
	} else if timeout != 0 && (timeout < 5 || timeout > longest) {
		faults = append(faults,
			fault{"monitorConfig", "timeoutInSeconds must be 5 to 10, and at most 9 with an interval of 10"})
	}
	if failures := in.num("monitorConfig.toleratedNumberOfFailures"); failures < 0 || failures > 9 {
		faults = append(faults, fault{"monitorConfig", "toleratedNumberOfFailures must be 0 to 9"})
	}
	if strings.EqualFold(in.str("monitorConfig.protocol"), "TCP") && in.has("monitorConfig.path") {
		faults = append(faults, fault{"monitorConfig", "path must not be set for TCP"})
	}
	return append(faults, global(in)...)
}

// trafficEndpointID has the kind of endpoint where other ids have a type.
func trafficEndpointID(in props) string {
	profile, kind, name := in.str("profileName"), in.str("endpointType"), in.str("endpointName")
	if profile == "" || kind == "" || name == "" || in.str("resourceGroupName") == "" {
		return ""
	}
	return groupID(in.str("resourceGroupName")) + "/providers/Microsoft.Network/trafficManagerProfiles/" + profile +
		"/" + kind + "/" + name
}

func admitTrafficEndpoint(w *World, r, _ *Resource) error {
	in := r.in()
	if profile := profileOfEndpoint(r.ID); !w.exists(profile) {
		return refusal("ParentResourceNotFound",
			"Failed to perform 'write' on the endpoint '%s', because the parent resource '%s' could not be found.",
			r.name(), profile)
	}
	if !strings.EqualFold(in.str("endpointType"), "ExternalEndpoints") {
		return nil
	}
	target := in.str("target")
	if target == "" {
		return refusal("BadRequest", "The 'target' property of endpoint '%s' must be set for external endpoints.", r.name())
	}
	if priority := in.num("priority"); in.has("priority") && (priority < 1 || priority > 1000) {
		return refusal("BadRequest", "The priority of endpoint '%s' must be 1 to 1000.", r.name())
	}
	for _, other := range w.endpointsOf(profileOfEndpoint(r.ID)) {
		if fold(other.ID) == fold(r.ID) {
			continue
		}
		if other.in().num("priority") == in.num("priority") {
			return refusal("BadRequest",
				"The priority of endpoint '%s' is already used by endpoint '%s' of the same profile.", r.name(), other.name())
		}
		if strings.EqualFold(other.in().str("target"), target) {
			return refusal("BadRequest", "The target '%s' is already used by endpoint '%s' of the same profile.",
				target, other.name())
		}
	}
	return nil
}

// profileOfEndpoint is the id of the profile that an endpoint is in.
func profileOfEndpoint(id string) string {
	kind := id[:strings.LastIndex(id, "/")]
	return kind[:strings.LastIndex(kind, "/")]
}

func (w *World) endpointsOf(profile string) []*Resource {
	var all []*Resource
	for _, e := range w.each("network:Endpoint") {
		if fold(profileOfEndpoint(e.ID)) == fold(profile) {
			all = append(all, e)
		}
	}
	return all
}

// admitAlias holds an A record that stands for a Traffic Manager profile against Microsoft's rule: all its endpoints
// must be external ones with IPv4 addresses (learn.microsoft.com/azure/dns/dns-alias).
func admitAlias(w *World, r *Resource) error {
	target := r.in().str("targetResource.id")
	if target == "" || recordType(r.ID) != "A" {
		return nil
	}
	for _, e := range w.endpointsOf(target) {
		if address, err := netip.ParseAddr(e.in().str("target")); err != nil || !address.Is4() {
			return refusal("BadRequest",
				"The alias record set '%s' of type A needs a Traffic Manager profile whose endpoints are IPv4 "+
					"addresses, and '%s' is none.", r.name(), e.in().str("target"))
		}
	}
	return nil
}
