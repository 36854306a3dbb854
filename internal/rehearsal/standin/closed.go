package standin

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// A vault or a storage account whose public access is closed is reached through a private endpoint only.

// firewall is what one kind of service keeps of its own access rules, and says to who is kept out.
type firewall struct {
	rules, subnet string // input properties: the rules, and the id in each rule for a subnet
	group         string // part of the service that is read
	shut, denied  string
}

var firewalls = map[string]firewall{
	"microsoft.keyvault/vaults": {
		rules: "properties.networkAcls", subnet: "id", group: "vault",
		shut: "Forbidden: Public network access is disabled and request is not from a trusted service nor via an " +
			"approved private link. Inner error: ForbiddenByConnection",
		denied: "Forbidden: Client address is not authorized and caller is not a trusted service. Inner error: " +
			"ForbiddenByFirewall",
	},
	"microsoft.storage/storageaccounts": {
		rules: "networkRuleSet", subnet: "virtualNetworkResourceId", group: "blob",
		shut:   "AuthorizationFailure: This request is not authorized to perform this operation.",
		denied: "AuthorizationFailure: This request is not authorized to perform this operation.",
	},
}

// isShut tells whether nothing at all comes in from outside.
func isShut(service *Resource) bool {
	in := service.in()
	return strings.EqualFold(in.str("publicNetworkAccess"), "Disabled") ||
		strings.EqualFold(in.str("properties.publicNetworkAccess"), "disabled")
}

// reach tells why what is in a subnet, or outside of every network for "", can't read a service, or nil. Services that
// were given are taken on trust. That a vault trusts some of Azure's own services is not relied on.
func (w *World) reach(service *Resource, subnet string) error {
	if service == nil {
		return nil
	}
	kind := strings.ToLower(typeOf(service.ID))
	wall, known := firewalls[kind]
	rules := service.in().object(wall.rules)
	if !known || !isShut(service) && !strings.EqualFold(rules.str("defaultAction"), "Deny") {
		return nil
	}
	if subnet != "" && w.endpointReaches(service.ID, privateLinkZones[kind][wall.group], parentID(subnet)) {
		return nil
	}
	if isShut(service) {
		return fmt.Errorf("%s (%s)", wall.shut, service.name())
	}
	if subnet != "" && slices.ContainsFunc(rules.objects("virtualNetworkRules"),
		func(rule props) bool { return fold(rule.str(wall.subnet)) == fold(subnet) }) {
		return nil
	}
	return fmt.Errorf("%s (%s)", wall.denied, service.name())
}

// reachFromHere is reach for what azure-native does itself past Azure Resource Manager, from where Pulumi runs. A
// rehearsal can't know where that is: it may be at a public address that is let in or, where none is, in a network that
// reaches the service.
func (w *World) reachFromHere(service *Resource) error {
	if isShut(service) &&
		slices.ContainsFunc(w.each("network:Subnet"),
			func(subnet *Resource) bool { return w.reach(service, subnet.ID) == nil }) {
		return nil
	}
	rules := service.in().object(firewalls[strings.ToLower(typeOf(service.ID))].rules)
	if !isShut(service) && len(rules.objects("ipRules")) > 0 {
		return nil
	}
	return w.reach(service, "")
}

// readsFrom is the subnet that a reader of secrets is in, "" for none. It is false for one that can't be known.
func (w *World) readsFrom(r *Resource) (subnet string, known bool) {
	switch {
	case isOfType(r.ID, "Microsoft.App/containerApps"), isOfType(r.ID, "Microsoft.App/jobs"):
		environment := environmentOf(w, r)
		return environment.in().str("vnetConfiguration.infrastructureSubnetId"), environment != nil
	case isOfType(r.ID, "Microsoft.Network/applicationGateways"):
		return r.in().objects("gatewayIPConfigurations")[0].str("subnet.id"), true
	case isOfType(r.ID, "Microsoft.Resources/deploymentScripts"):
		for _, subnet := range r.in().objects("containerSettings.subnetIds") {
			return subnet.str("id"), true
		}
		return "", true
	case isOfType(r.ID, "Microsoft.ContainerService/managedClusters"):
		for _, pool := range r.in().objects("agentPoolProfiles") {
			return pool.str("vnetSubnetID"), true
		}
	case isOfType(r.ID, "Microsoft.Compute/virtualMachines"):
		for _, i := range r.in().objects("networkProfile.networkInterfaces") {
			for _, c := range w.find(i.str("id")).in().objects("ipConfigurations") {
				return c.str("subnet.id"), true
			}
		}
	}
	return "", false
}

// reachedBy is reach for a reader.
func (w *World) reachedBy(service, reader *Resource) error {
	subnet, known := w.readsFrom(reader)
	if !known {
		return nil
	}
	return w.reach(service, subnet)
}

// named are the hosts of vaults and storage accounts in a text, and what the CSI driver of a cluster is told to read.
var named = regexp.MustCompile(
	`https://([a-z0-9-]+)\.(vault\.azure\.net|blob\.core\.windows\.net)|keyvaultName: ["']?([A-Za-z0-9-]+)`)

// servicesIn lists the vaults and storage accounts that texts name.
func (w *World) servicesIn(texts ...string) []*Resource {
	var found []*Resource
	for _, text := range texts {
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			name, token := m[1]+m[3], "keyvault:Vault"
			if strings.HasPrefix(m[2], "blob") {
				token = "storage:StorageAccount"
			}
			for _, service := range w.each(token) {
				if strings.EqualFold(service.name(), name) && !slices.Contains(found, service) {
					found = append(found, service)
				}
			}
		}
	}
	return found
}

// machineReads holds that a machine reaches the vaults and accounts that its beginning names, itself or in blobs.
func machineReads(w *World, r *Resource) error {
	data, err := base64.StdEncoding.DecodeString(r.in().str("osProfile.customData"))
	if err != nil {
		return nil // machineProfile has refused it
	}
	texts := []string{string(data)}
	for _, blob := range w.each("storage:Blob") {
		if strings.Contains(texts[0], blob.out().str("url")) {
			texts = append(texts, blob.in().str("source"))
		}
	}
	for _, service := range w.servicesIn(texts...) {
		if err := w.reachedBy(service, r); err != nil {
			return refusal("OSProvisioningTimedOut",
				"OS Provisioning for VM '%s' did not finish in the allotted time. The machine can't read what it starts with: %v",
				r.name(), err)
		}
	}
	return nil
}

// clusterReads holds that a cluster reaches the vaults that its manifests name.
func clusterReads(w *World, cluster *Resource, manifests []*Resource) error {
	if cluster == nil {
		return nil
	}
	for _, blob := range manifests {
		for _, service := range w.servicesIn(blob.in().str("source")) {
			if err := w.reachedBy(service, cluster); err != nil {
				return refusal("BadRequest", "failed to mount secrets store objects for pod: %v", err)
			}
		}
	}
	return nil
}

// smallestRange is the longest prefix that the firewall of a storage account takes: a smaller range is given as
// addresses.
const smallestRange = 30

// admitAddresses holds that a storage account lets in public IPv4 addresses and ranges only.
func admitAddresses(r *Resource) error {
	for _, rule := range r.in().objects("networkRuleSet.ipRules") {
		text := rule.str("iPAddressOrRange")
		address, err := netip.ParseAddr(text)
		if p, notRange := netip.ParsePrefix(text); notRange == nil && p.Bits() <= smallestRange && p == p.Masked() {
			address, err = p.Addr(), nil
		}
		if err != nil || !address.Is4() || address.IsPrivate() || !address.IsGlobalUnicast() {
			return refusal("InvalidValuesForRequestParameters",
				"Values for request parameters are invalid: networkAcls.ipRule[*].value. '%s' is no public "+
					"IPv4 address or range of at most /%d.", text, smallestRange)
		}
	}
	return nil
}
