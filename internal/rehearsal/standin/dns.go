package standin

import (
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
)

var zoneNaming = naming{
	pattern: regexp.MustCompile(
		`^([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)+[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`),
	rule: "two or more labels of letters, digits, hyphens and underscores, separated by dots",
}

var dnsKinds = []*kind{
	{
		token: "network:PrivateZone", arm: "Microsoft.Network/privateDnsZones",
		path: []string{"privateZoneName"}, naming: zoneNaming, located: true, required: []string{"location"},
		latency: 40 * time.Second,
		check:   global, compute: provisioned,
		release: func(w *World, r *Resource) error {
			for _, link := range w.each("network:VirtualNetworkLink") {
				if within(link.ID, r.ID) {
					return refusal("CannotDeleteResource",
						"Can not delete resource before nested resources are deleted. Nested resource: %s", link.ID)
				}
			}
			return nil
		},
	},
	{
		token: "network:VirtualNetworkLink", arm: "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
		path: []string{"privateZoneName", "virtualNetworkLinkName"}, naming: networkNaming.copied(), located: true,
		required: []string{"location", "virtualNetwork"},
		fixed:    []string{"virtualNetwork"}, latency: 45 * time.Second,
		check: global, admit: admitLink,
		compute: func(*World, *Resource) map[string]any {
			return map[string]any{"provisioningState": "Succeeded", "virtualNetworkLinkState": "Completed"}
		},
	},
	{
		token: "network:Zone", arm: "Microsoft.Network/dnsZones",
		path: []string{"zoneName"}, naming: zoneNaming, located: true, required: []string{"location"},
		fixed: []string{"zoneType"},
		enums: map[string][]string{"zoneType": {"Public", "Private"}}, latency: 10 * time.Second,
		check: global, compute: nameServers,
	},
	{
		token: "network:RecordSet", arm: "Microsoft.Network/dnsZones/recordSets",
		path: []string{"resourceGroupName", "zoneName", "recordType", "relativeRecordSetName"}, latency: 5 * time.Second,
		naming: naming{pattern: regexp.MustCompile(`^(@|\*|(\*\.)?[\w-]{1,63}(\.[\w-]{1,63})*)$`),
			rule: "labels of letters, digits, hyphens and underscores, a leading *, or @ for the zone itself", auto: autoCopy},
		enums:    map[string][]string{"recordType": slices.Sorted(maps.Keys(recordValues))},
		identify: recordID, check: checkRecords, admit: admitRecords,
		compute: func(_ *World, r *Resource) map[string]any {
			fqdn := lastSegment(parentID(r.ID)) + "."
			if r.name() != "@" {
				fqdn = r.name() + "." + fqdn
			}
			return map[string]any{"fqdn": fqdn, "provisioningState": "Succeeded",
				"type": "Microsoft.Network/dnszones/" + strings.ToUpper(r.in().str("recordType"))}
		},
	},
}

func global(in props) []fault {
	if location := in.str("location"); location != "" && !strings.EqualFold(location, "global") {
		return []fault{{"location", "'" + location + "' is not available for this type; the only location is 'global'"}}
	}
	return nil
}

func nameServers(_ *World, r *Resource) map[string]any {
	pool := digest(r.ID)[:1]
	var servers []any
	for i, domain := range []string{"com", "net", "org", "info"} {
		servers = append(servers, "ns"+string(rune('1'+i))+"-0"+pool+".azure-dns."+domain+".")
	}
	return map[string]any{"nameServers": servers, "numberOfRecordSets": 2.0, "maxNumberOfRecordSets": 10000.0}
}

func admitLink(w *World, r, _ *Resource) error {
	network := r.in().str("virtualNetwork.id")
	for _, other := range w.each("network:VirtualNetworkLink") {
		if fold(other.ID) != fold(r.ID) && fold(parentID(other.ID)) == fold(parentID(r.ID)) &&
			fold(other.in().str("virtualNetwork.id")) == fold(network) {
			return refusal("BadRequest",
				"A virtual network cannot be linked to multiple zones with overlapping namespaces. The network %s is "+
					"linked to the zone by %s.", network, other.name())
		}
	}
	return nil
}

// recordValues is the input property that holds the values of each record type.
var recordValues = map[string]string{
	"A": "aRecords", "AAAA": "aaaaRecords", "CAA": "caaRecords", "CNAME": "cnameRecord", "MX": "mxRecords",
	"NS": "nsRecords", "PTR": "ptrRecords", "SOA": "soaRecord", "SRV": "srvRecords", "TXT": "txtRecords",
}

// recordID has the record type where other ids have a type: …/dnsZones/ZONE/A/NAME.
func recordID(in props) string {
	zone, kind, name := in.str("zoneName"), in.str("recordType"), in.str("relativeRecordSetName")
	if zone == "" || kind == "" || name == "" || in.str("resourceGroupName") == "" {
		return ""
	}
	return groupID(in.str("resourceGroupName")) + "/providers/Microsoft.Network/dnsZones/" + zone + "/" +
		strings.ToUpper(kind) + "/" + name
}

func recordType(id string) string { return lastSegment(id[:strings.LastIndex(id, "/")]) }

func checkRecords(in props) []fault {
	property := recordValues[strings.ToUpper(in.str("recordType"))]
	alias := in.has("targetResource")
	if _, isUnknown := in["ttl"].(unknown); !alias && !isUnknown && (in.num("ttl") < 1 || in.num("ttl") > 2147483647) {
		return []fault{{"ttl", "must be 1 to 2147483647 seconds"}}
	}
	if property != "" && !alias && !in.has(property) {
		return []fault{{property, "missing: a record set of type " + in.str("recordType") +
			" holds its values here, or is an alias (targetResource)"}}
	}
	return nil
}

func admitRecords(w *World, r, _ *Resource) error {
	zone := parentID(r.ID)
	if !w.exists(zone) {
		return refusal("ParentResourceNotFound",
			"Failed to perform 'write' on resource(s) of type 'dnszones/%s', because the parent resource '%s' could "+
				"not be found.", recordType(r.ID), zone)
	}
	isCNAME := recordType(r.ID) == "CNAME"
	if isCNAME && r.name() == "@" {
		return refusal("BadRequest", "A CNAME record set cannot be created at the zone apex '@' of zone '%s'.",
			lastSegment(zone))
	}
	for _, other := range w.each("network:RecordSet") {
		beside := fold(parentID(other.ID)) == fold(zone) && strings.EqualFold(other.name(), r.name()) &&
			fold(other.ID) != fold(r.ID)
		if beside && (isCNAME || recordType(other.ID) == "CNAME") {
			return refusal("BadRequest",
				"The record set '%s' of type %s cannot be created because a record set of type %s with the same name "+
					"already exists in this zone: a CNAME stands alone.",
				r.name(), recordType(r.ID), recordType(other.ID))
		}
	}
	if err := admitAlias(w, r); err != nil {
		return err
	}
	for _, record := range r.in().objects("aRecords") {
		if address, err := netip.ParseAddr(record.str("ipv4Address")); err != nil || !address.Is4() {
			return refusal("BadRequest", "The IP address '%s' of record set '%s' is not valid.",
				record.str("ipv4Address"), r.name())
		}
	}
	return nil
}
