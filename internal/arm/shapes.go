package arm

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// envelope are the properties that a resource has beside its bag `properties`.
var envelope = []string{"location", "tags", "identity", "sku", "kind", "zones"}

// shape is how the body that Azure takes differs from what azure-native takes.
type shape struct {
	bags    []string          // objects with a bag of their own, by path; "[]" stands for every element of a list
	renamed map[string]string // properties at the top of the bag that azure-native spells in another way
	inside  []string          // of the envelope's names, those that are in the bag
	scoped  string            // the property that names what the resource is at
	guid    bool              // the name is a GUID, which Azure is to make
}

// shapes are by type, without API version.
var shapes = map[string]shape{
	"authorization:RoleAssignment": {scoped: "scope", guid: true},
	"cache:Redis":                  {inside: []string{"sku"}},
	"insights:Component": {renamed: map[string]string{
		"applicationType": "Application_Type", "flowType": "Flow_Type", "requestSource": "Request_Source",
		"workspaceResourceId": "WorkspaceResourceId", "ingestionMode": "IngestionMode",
	}},
	"insights:DiagnosticSetting":   {scoped: "resourceUri"},
	"insights:MetricAlert":         {renamed: map[string]string{"criteria.odataType": "odata.type"}},
	"insights:Workbook":            {guid: true},
	"network:NetworkSecurityGroup": {bags: []string{"securityRules[]"}},
	"network:PrivateDnsZoneGroup":  {bags: []string{"privateDnsZoneConfigs[]"}},
	"network:PrivateEndpoint":      {bags: []string{"privateLinkServiceConnections[]", "subnet"}},
	"network:Subnet":               {bags: []string{"delegations[]"}},
	"network:RecordSet": {renamed: map[string]string{"ttl": "TTL", "aRecords": "ARecords",
		"cnameRecord": "CNAMERecord", "txtRecords": "TXTRecords"}},
	"operationalinsights:Workspace": {inside: []string{"sku"}},
}

// defaultVersions are the API versions that azure-native takes where the program names none, by type.
// A test holds them against the provider's.
var defaultVersions = map[string]string{"cache:Redis": "2023-04-01"}

var token = regexp.MustCompile(`^azure-native:(\w+?)(?:/v(\d{4})(\d\d)(\d\d)(preview)?)?:(\w+)$`)

// typed takes a type token of azure-native apart: its name without API version, and the API version.
func typed(of string) (name, version string, err error) {
	m := token.FindStringSubmatch(of)
	if m == nil {
		return "", "", fmt.Errorf("%s is no type of azure-native", of)
	}
	name = m[1] + ":" + m[6]
	if m[2] != "" {
		version = m[2] + "-" + m[3] + "-" + m[4]
		if m[5] != "" {
			version += "-preview"
		}
		return name, version, nil
	}
	if version := defaultVersions[name]; version != "" {
		return name, version, nil
	}
	return "", "", fmt.Errorf("no API version is known of %s", of)
}

// body gives what Azure takes as the body of a resource: the envelope, and the bag.
func (s shape) body(inputs map[string]any) (top, bag map[string]any) {
	top, bag = map[string]any{}, map[string]any{}
	for name, value := range inputs {
		switch {
		case name == "properties":
			maps.Copy(bag, value.(map[string]any))
		case slices.Contains(envelope, name) && !slices.Contains(s.inside, name):
			top[name] = value
		default:
			bag[name] = value
		}
	}
	for from, to := range s.renamed {
		rename(bag, strings.Split(from, "."), to)
	}
	for _, path := range s.bags {
		wrap(bag, path)
	}
	if identity, ok := top["identity"].(map[string]any); ok {
		top["identity"] = identities(identity)
	}
	return top, bag
}

func rename(in map[string]any, path []string, to string) {
	for _, name := range path[:len(path)-1] {
		inner, ok := in[name].(map[string]any)
		if !ok {
			return
		}
		in = inner
	}
	last := path[len(path)-1]
	if value, ok := in[last]; ok {
		delete(in, last)
		in[to] = value
	}
}

// wrap gives an object, or each object of a list, a bag for all but its name and id.
func wrap(in map[string]any, path string) {
	bagged := func(o any) any {
		object := o.(map[string]any)
		out, bag := map[string]any{}, map[string]any{}
		for name, value := range object {
			if name == "name" || name == "id" {
				out[name] = value
			} else {
				bag[name] = value
			}
		}
		if len(bag) > 0 {
			out["properties"] = bag
		}
		return out
	}
	name, list := strings.CutSuffix(path, "[]")
	switch value := in[name].(type) {
	case []any:
		if list {
			for i := range value {
				value[i] = bagged(value[i])
			}
		}
	case map[string]any:
		in[name] = bagged(value)
	}
}

// identities turns azure-native's list of identities into the map that Azure takes.
func identities(identity map[string]any) map[string]any {
	list, ok := identity["userAssignedIdentities"].([]any)
	if !ok {
		return identity
	}
	byID := map[string]any{}
	for _, id := range list {
		byID[id.(string)] = map[string]any{}
	}
	return map[string]any{"type": identity["type"], "userAssignedIdentities": byID}
}
