package standin

import (
	"slices"
	"strings"
	"time"
)

var privateLinkKinds = []*kind{
	{
		token: "network:PrivateEndpoint", arm: "Microsoft.Network/privateEndpoints",
		path: []string{"privateEndpointName"}, naming: networkNaming, located: true, latency: time.Minute,
		fixed: []string{"subnet", "privateLinkServiceConnections"},
		admit: admitPrivateEndpoint, compute: provisioned,
	},
	{
		token: "network:PrivateDnsZoneGroup", arm: "Microsoft.Network/privateEndpoints/privateDnsZoneGroups",
		path: []string{"privateEndpointName", "privateDnsZoneGroupName"}, naming: networkNaming.copied(),
		latency: 20 * time.Second,
		admit:   admitZoneGroup, compute: provisioned,
	},
}

// privateLinkZones are the parts of each service that private endpoints lead to, with the DNS zone in which their names
// are.
var privateLinkZones = map[string]map[string]string{
	"microsoft.keyvault/vaults":              {"vault": "privatelink.vaultcore.azure.net"},
	"microsoft.cache/redis":                  {"redisCache": "privatelink.redis.cache.windows.net"},
	"microsoft.cache/redisenterprise":        {"redisEnterprise": "privatelink.redis.azure.net"},
	"microsoft.containerregistry/registries": {"registry": "privatelink.azurecr.io"},
	"microsoft.storage/storageaccounts": {
		"blob": "privatelink.blob.core.windows.net", "file": "privatelink.file.core.windows.net",
		"queue": "privatelink.queue.core.windows.net",
		"table": "privatelink.table.core.windows.net", "dfs": "privatelink.dfs.core.windows.net",
		"web": "privatelink.web.core.windows.net",
	},
	"microsoft.dbforpostgresql/flexibleservers": {"postgresqlServer": "privatelink.postgres.database.azure.com"},
	"microsoft.app/managedenvironments":         {"managedEnvironments": ""}, // its zone has the region in its name
}

func connectionsOf(endpoint *Resource) []props {
	return append(endpoint.in().objects("privateLinkServiceConnections"), endpoint.in().
		objects("manualPrivateLinkServiceConnections")...)
}

func admitPrivateEndpoint(w *World, r, _ *Resource) error {
	subnet := w.find(r.in().str("subnet.id"))
	if r.in().str("subnet.id") == "" {
		return refusal("MissingSubnet", "Private endpoint %s has no subnet.", r.name())
	}
	if subnet != nil && delegation(subnet) != "" {
		return refusal("PrivateEndpointCreationNotAllowedAsSubnetIsDelegated",
			"Private endpoint %s cannot be created in subnet %s since it is delegated to %s.",
			r.ID, subnet.ID, delegation(subnet))
	}
	connections := connectionsOf(r)
	if len(connections) != 1 {
		return refusal("PrivateEndpointHasNoConnection",
			"Private endpoint %s needs a private link service connection, and has no more than one.",
			r.ID)
	}
	return admitConnection(w, connections[0])
}

// admitConnection holds that the target has the one part that is asked for, and takes private endpoints as it is.
func admitConnection(w *World, c props) error {
	target, groups := c.str("privateLinkServiceId"), c.texts("groupIds")
	zones, known := privateLinkZones[strings.ToLower(typeOf(target))]
	if !known {
		return nil
	}
	has := len(groups) == 1
	if has {
		_, has = zones[groups[0]]
	}
	if !has {
		return refusal("InvalidPrivateLinkServiceGroupId",
			"Call to %s failed. Error message: the group id of %s is one of %s, not %v.",
			typeOf(target), target, listed(zones), groups)
	}
	service := w.find(target)
	switch {
	case service == nil:
		return nil
	case groups[0] == "registry" && skuOf(service) != "Premium":
		return refusal("PrivateEndpointsNotSupported",
			"Call to %s failed. Error message: private endpoints are not supported by a registry of the sku %s; "+
				"they need Premium.", typeOf(target), skuOf(service))
	case service.in().str("network.delegatedSubnetResourceId") != "":
		return refusal("PrivateEndpointNotSupportedForVnetServer",
			"Call to %s failed. Error message: the server %s is in a virtual network and takes no private endpoints.",
			typeOf(target), service.name())
	case groups[0] == "dfs" && !service.in().flag("isHnsEnabled"):
		return refusal("InvalidPrivateLinkServiceGroupId",
			"Call to %s failed. Error message: %s has no hierarchical namespace, which dfs needs.",
			typeOf(target), target)
	}
	return nil
}

func listed(zones map[string]string) string {
	var groups []string
	for group := range zones {
		groups = append(groups, group)
	}
	slices.Sort(groups)
	return strings.Join(groups, ", ")
}

// admitZoneGroup holds that an endpoint has one, and that its zones are those of the endpoint's service: another zone's
// names lead nowhere.
func admitZoneGroup(w *World, r, _ *Resource) error {
	endpoint := parentID(r.ID)
	for _, other := range w.each("network:PrivateDnsZoneGroup") {
		if fold(parentID(other.ID)) == fold(endpoint) && fold(other.ID) != fold(r.ID) {
			return refusal("MultiplePrivateDnsZoneGroupsNotAllowed",
				"Private endpoint %s can have one private DNS zone group and has %s.",
				endpoint, other.name())
		}
	}
	for _, c := range r.in().objects("privateDnsZoneConfigs") {
		zone := c.str("privateDnsZoneId")
		if c.str("name") == "" || !isOfType(zone, "Microsoft.Network/privateDnsZones") {
			return refusal("InvalidPrivateDnsZoneId",
				"Private DNS zone group %s has a configuration '%s' without a name or without a private DNS zone: '%s'.",
				r.ID, c.str("name"), zone)
		}
		if want := zoneOf(w.find(endpoint)); want != "" && !strings.EqualFold(lastSegment(zone), want) {
			return refusal("PrivateDnsZoneNameMismatch",
				"Private DNS zone group %s references the private DNS zone %s; the zone of the service "+
					"behind private endpoint %s is %s.", r.ID, lastSegment(zone), lastSegment(endpoint), want)
		}
	}
	return nil
}

// zoneOf is the name of the DNS zone of the service behind an endpoint, and "" for one that is not known.
func zoneOf(endpoint *Resource) string {
	for _, c := range connectionsOf(endpoint) {
		for _, group := range c.texts("groupIds") {
			return privateLinkZones[strings.ToLower(typeOf(c.str("privateLinkServiceId")))][group]
		}
	}
	return ""
}

// endpointReaches tells whether names in a network lead to a service's private endpoint there. Peered networks are not
// looked at.
func (w *World) endpointReaches(service, zone, network string) bool {
	return slices.ContainsFunc(w.each("network:PrivateDnsZoneGroup"), func(group *Resource) bool {
		endpoint := w.find(parentID(group.ID))
		leads := slices.ContainsFunc(connectionsOf(endpoint), func(c props) bool {
			return fold(c.str("privateLinkServiceId")) == fold(service)
		})
		if !leads || zoneOf(endpoint) != zone || fold(parentID(endpoint.in().str("subnet.id"))) != fold(network) {
			return false
		}
		return slices.ContainsFunc(group.in().objects("privateDnsZoneConfigs"), func(c props) bool {
			return w.zoneLinked(c.str("privateDnsZoneId"), network)
		})
	})
}

// zoneLinked tells whether names of a private DNS zone are known in a network. A zone that was given is taken on trust.
func (w *World) zoneLinked(zone, network string) bool {
	return w.find(zone) == nil || slices.ContainsFunc(w.each("network:VirtualNetworkLink"), func(link *Resource) bool {
		return fold(parentID(link.ID)) == fold(zone) && fold(link.in().str("virtualNetwork.id")) == fold(network)
	})
}
