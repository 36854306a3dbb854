package standin

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

var gatewayKinds = []*kind{
	{
		token: "network:PublicIPAddress", arm: "Microsoft.Network/publicIPAddresses",
		path: []string{"publicIpAddressName"}, naming: networkNaming, located: true, latency: 5 * time.Second,
		fixed: []string{"sku", "zones", "publicIPAddressVersion"},
		enums: map[string][]string{
			"sku.name": {"Basic", "Standard", "StandardV2"}, "publicIPAllocationMethod": {"Static", "Dynamic"},
			"ddosSettings.protectionMode": {"Disabled", "Enabled", "VirtualNetworkInherited"},
		},
		admit: func(_ *World, r, _ *Resource) error {
			if r.in().str("ddosSettings.protectionMode") == "Enabled" && skuOrBasic(r) == "Basic" {
				return refusal("DdosProtectionNotSupportedForBasicSku",
					"DDoS protection can't be enabled for public IP address %s: it is of the sku Basic, and needs Standard.", r.ID)
			}
			if r.in().str("sku.name") == "Standard" && r.in().str("publicIPAllocationMethod") != "Static" {
				return refusal("StandardSkuPublicIPAddressesMustBeStatic",
					"Standard sku publicIp %s must have AllocationMethod set to Static.", r.ID)
			}
			return nil
		},
		compute: func(_ *World, r *Resource) map[string]any {
			d := digest(r.ID)
			return map[string]any{"provisioningState": "Succeeded", "ipAddress": "20." + digits2(d[0:2]) + "." +
				digits2(d[2:4]) + "." + digits2(d[4:6])}
		},
		release: inUse("PublicIPAddressCannotBeDeleted",
			"Public IP address %s can not be deleted since it is still allocated to resource %s."),
	},
	{
		token: "network:NatGateway", arm: "Microsoft.Network/natGateways",
		path: []string{"natGatewayName"}, naming: networkNaming, located: true, latency: 20 * time.Second,
		fixed: []string{"sku", "zones"}, enums: map[string][]string{"sku.name": {"Standard", "StandardV2"}},
		admit: func(w *World, r, _ *Resource) error {
			for _, address := range r.in().objects("publicIpAddresses") {
				if a := w.find(address.str("id")); a != nil && a.in().str("sku.name") != "Standard" {
					return refusal("NatGatewayPublicIPAddressSkuMismatch",
						"The public IP address %s is not of the sku Standard.", a.ID)
				}
			}
			return nil
		},
		compute: provisioned,
		release: inUse("InUseNatGatewayCannotBeDeleted", "Nat Gateway %s cannot be deleted because it is in use by %s."),
	},
	{
		token: "network:ApplicationGateway", arm: "Microsoft.Network/applicationGateways",
		path: []string{"applicationGatewayName"}, naming: networkNaming, located: true, latency: 7 * time.Minute,
		fixed: []string{"zones"},
		enums: map[string][]string{"sku.name": {"Standard_v2", "WAF_v2"}, "sku.tier": {"Standard_v2", "WAF_v2"}},
		admit: admitGateway,
		compute: func(*World, *Resource) map[string]any {
			return map[string]any{"provisioningState": "Succeeded", "operationalState": "Running"}
		},
	},
}

func inUse(code, text string) func(*World, *Resource) error {
	return func(w *World, r *Resource) error {
		if users := w.referring(r.ID); len(users) > 0 {
			return refusal(code, text, r.ID, users[0].ID)
		}
		return nil
	}
}

func admitGateway(w *World, r, _ *Resource) error {
	for _, rule := range []func(*World, *Resource) error{gatewaySize, gatewaySubnet, gatewayAddress, ownReferences,
		gatewayPorts, gatewayRules, gatewayCertificates} {
		if err := rule(w, r); err != nil {
			return err
		}
	}
	return nil
}

func gatewaySize(_ *World, r *Resource) error {
	low, high := r.in().num("autoscaleConfiguration.minCapacity"), r.in().num("autoscaleConfiguration.maxCapacity")
	if r.in().has("autoscaleConfiguration") &&
		(r.in().has("sku.capacity") || high != 0 && (high < 2 || high < low || high > 125)) {
		return refusal("ApplicationGatewayAutoscaleConfigurationInvalid",
			"The autoscale configuration of %s is invalid: maxCapacity must be 2 to 125 and not below minCapacity, "+
				"and sku.capacity must not be set.", r.name())
	}
	return nil
}

// gatewaySubnet holds that the subnet is the gateway's alone, and open to what Azure manages it through.
func gatewaySubnet(w *World, r *Resource) error {
	configurations := r.in().objects("gatewayIPConfigurations")
	if len(configurations) != 1 {
		return refusal("ApplicationGatewayMustHaveOneGatewayIpConfiguration",
			"Application gateway %s must have one gateway IP configuration.", r.ID)
	}
	subnet := w.find(configurations[0].str("subnet.id"))
	if subnet == nil {
		return nil
	}
	for _, user := range w.referring(subnet.ID) {
		if !strings.EqualFold(typeOf(user.ID), typeOf(r.ID)) &&
			unversioned(user.Type) != "azure-native:authorization:RoleAssignment" {
			return refusal("ApplicationGatewaySubnetCannotHaveOtherResources",
				"Subnet %s cannot be used for application gateway %s since it has other resources deployed: %s.",
				subnet.ID, r.name(), user.ID)
		}
	}
	if delegation(subnet) != "" {
		return refusal("ApplicationGatewaySubnetIsDelegated", "Subnet %s is delegated to %s.", subnet.ID, delegation(subnet))
	}
	nsg := w.find(subnet.in().str("networkSecurityGroup.id"))
	managed := slices.ContainsFunc(nsg.in().objects("securityRules"), func(rule props) bool {
		from := rule.str("sourceAddressPrefix")
		return rule.str("access") == "Allow" && (from == "GatewayManager" || from == "Internet" || from == "*") &&
			slices.Contains(append(rule.texts("destinationPortRanges"), rule.str("destinationPortRange")), "65200-65535")
	})
	if nsg != nil && !managed {
		return refusal("ApplicationGatewaySubnetInboundTrafficBlockedByNetworkSecurityGroup",
			"Network security group %s blocks incoming internet traffic on ports 65200 - 65535 to subnet %s, "+
				"associated with Application Gateway %s. This is not permitted for Application Gateways that have V2 Sku.",
			nsg.ID, subnet.ID, r.ID)
	}
	return nil
}

func gatewayAddress(w *World, r *Resource) error {
	for _, frontend := range r.in().objects("frontendIPConfigurations") {
		if a := w.find(frontend.str("publicIPAddress.id")); a != nil && a.in().str("sku.name") != "Standard" {
			return refusal("ApplicationGatewayV2SkuMustReferenceStandardPublicIp",
				"Application gateway %s references public IP %s, which is not of the sku Standard.", r.ID, a.ID)
		}
	}
	return nil
}

var selfReference = regexp.MustCompile(`^\$self/([A-Za-z]+)/(.+)$`)

// toSelf writes a reference to a part of a resource with the "$self" that stands for the resource's id.
func toSelf(id, reference string) string {
	if within(reference, id) {
		return "$self" + reference[len(id):]
	}
	return reference
}

// ownReferences holds that every part that another part names is there, by one name in its collection.
func ownReferences(_ *World, r *Resource) error {
	parts := map[string]bool{}
	for collection := range r.in() {
		for _, part := range r.in().objects(collection) {
			key := collection + "/" + part.str("name")
			if parts[key] {
				return refusal("DuplicateResourceName", "Resource %s has two child resources with the same name (%s).",
					r.ID, part.str("name"))
			}
			parts[key] = true
		}
	}
	var missing error
	each(r.Inputs, func(text string) {
		if m := selfReference.FindStringSubmatch(toSelf(r.ID, text)); m != nil && !parts[m[1]+"/"+m[2]] {
			missing = unresolved(r.ID+"/"+m[1]+"/"+m[2], r.ID)
		}
	})
	return missing
}

// each visits every string of a value.
func each(value any, visit func(string)) {
	switch value := value.(type) {
	case string:
		visit(value)
	case []any:
		for _, e := range value {
			each(e, visit)
		}
	case map[string]any:
		for _, e := range value {
			each(e, visit)
		}
	}
}

// part finds what a "$self" reference names.
func (p props) part(reference string) props {
	m := selfReference.FindStringSubmatch(reference)
	if m == nil {
		return nil
	}
	for _, candidate := range p.objects(m[1]) {
		if candidate.str("name") == m[2] {
			return candidate
		}
	}
	return nil
}

// gatewayPorts refuses two listeners on one port, and a back end of the wrong layer.
func gatewayPorts(_ *World, r *Resource) error {
	in, taken := r.in(), map[string]string{}
	for _, listener := range append(in.objects("listeners"), in.objects("httpListeners")...) {
		key := listener.str("frontendIPConfiguration.id") +
			fmt.Sprint(in.part(listener.str("frontendPort.id")).num("port")) + listener.str("hostName")
		if other := taken[key]; other != "" {
			return refusal("ApplicationGatewayListenersUsingSamePort",
				"Two listeners of Application Gateway %s are using the same frontend port: %s and %s.", r.ID, other,
				listener.str("name"))
		}
		taken[key] = listener.str("name")
		tls := listener.str("protocol") == "Tls" || listener.str("protocol") == "Https"
		if tls && listener.str("sslCertificate.id") == "" {
			return refusal("ApplicationGatewayHttpsListenerMustReferenceSslCert",
				"Listener %s of protocol %s must reference an SSL certificate.", listener.str("name"), listener.str("protocol"))
		}
	}
	for _, settings := range in.objects("backendHttpSettingsCollection") {
		if p := settings.str("protocol"); p != "Http" && p != "Https" {
			return refusal("ApplicationGatewayBackendHttpSettingsInvalidProtocol",
				"Backend HTTP settings %s can't have the protocol %s: use backendSettingsCollection.", settings.str("name"), p)
		}
	}
	for _, settings := range in.objects("backendSettingsCollection") {
		if p := settings.str("protocol"); p != "Tcp" && p != "Tls" {
			return refusal("ApplicationGatewayBackendSettingsInvalidProtocol",
				"Backend settings %s can't have the protocol %s: use backendHttpSettingsCollection.", settings.str("name"), p)
		}
		if t := settings.num("timeout"); t < 1 || t > 86400 {
			return refusal("ApplicationGatewayBackendSettingsInvalidTimeout",
				"Backend settings %s have the timeout %v; it must be 1 to 86400 seconds.", settings.str("name"), t)
		}
		probe := in.part(settings.str("probe.id"))
		if p := probe.str("protocol"); probe != nil && p != "Tcp" && p != "Tls" {
			return refusal("ApplicationGatewayProbeProtocolMismatch",
				"Backend settings %s have a probe of the protocol %s.", settings.str("name"), p)
		}
	}
	return nil
}

func gatewayRules(_ *World, r *Resource) error {
	taken := map[float64]string{}
	for _, rule := range append(r.in().objects("routingRules"), r.in().objects("requestRoutingRules")...) {
		priority := rule.num("priority")
		if priority < 1 || priority > 20000 {
			return refusal("ApplicationGatewayRequestRoutingRulePriorityInvalid",
				"Rule %s has the priority %v; it must be 1 to 20000.", rule.str("name"), priority)
		}
		if other := taken[priority]; other != "" {
			return refusal("ApplicationGatewayRequestRoutingRulePriorityMustBeUnique",
				"Rules %s and %s have the same priority.", other, rule.str("name"))
		}
		taken[priority] = rule.str("name")
	}
	return nil
}

// gatewayCertificates holds that the gateway's identity may read its certificates, and finds them.
func gatewayCertificates(w *World, r *Resource) error {
	for _, certificate := range r.in().objects("sslCertificates") {
		url := certificate.str("keyVaultSecretId")
		if url == "" {
			continue
		}
		if err := w.readable(r, url, append(identitiesOf(r), "")[0]); err != nil {
			return refusal("ApplicationGatewayKeyVaultSecretException",
				"Problem occurred while accessing and validating KeyVault Secrets associated with Application "+
					"Gateway '%s': %v", r.ID, err)
		}
	}
	return nil
}
