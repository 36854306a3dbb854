package standin

import (
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/asset"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

const (
	addressID = inGroup + "Microsoft.Network/publicIPAddresses/"
	clusterID = inGroup + "Microsoft.ContainerService/managedClusters/aks"
	storageID = inGroup + "Microsoft.Storage/storageAccounts/stamora"
)

func address(name string) part {
	return part{name, "azure-native:network:PublicIPAddress",
		at(m{"publicIpAddressName": name, "sku": m{"name": "Standard"}, "publicIPAllocationMethod": "Static"})}
}

func beside(cluster m) m {
	cluster["clusterRp"], cluster["clusterResourceName"], cluster["clusterName"] = "Microsoft.ContainerService",
		"managedClusters", "aks"
	return at(cluster)
}

func self(part string) m { return m{"id": "$self/" + part} }

// clusterParts are the parts of a stack on AKS, on top of the others.
func clusterParts() []part {
	return []part{
		address("nat-address"),
		{"nat", "azure-native:network:NatGateway",
			at(m{"natGatewayName": "nat", "sku": m{"name": "Standard"},
				"publicIpAddresses": l{m{"id": addressID + "nat-address"}}})},
		subnet("cluster", "10.0.5.0/24", "").with("natGateway", m{"id": inGroup + "Microsoft.Network/natGateways/nat"}),
		{"gateway nsg", "azure-native:network:NetworkSecurityGroup",
			at(m{"networkSecurityGroupName": "gateway-nsg", "securityRules": l{
				m{"name": "manager", "priority": 100, "direction": "Inbound", "access": "Allow",
					"sourceAddressPrefix": "GatewayManager", "destinationPortRanges": l{"65200-65535"}},
			}})},
		subnet("gateway", "10.0.6.0/24", "").
			with("networkSecurityGroup", m{"id": inGroup + "Microsoft.Network/networkSecurityGroups/gateway-nsg"}),
		identity("control"), identity("nodes"),
		role("operate", "control", roleDefs+"f1a07417-d97a-45cb-824c-7a7467783830", identityID+"nodes"),
		role("join", "control", roleDefs+"4d97b98b-1d4f-4787-a291-c67834d212e7", networkID+"/subnets/cluster"),
		{"aks", "azure-native:containerservice/v20250101:ManagedCluster", at(m{
			"resourceName": "aks", "dnsPrefix": "aks", "disableLocalAccounts": true, "aadProfile": m{"managed": true},
			"identity":          m{"type": "UserAssigned", "userAssignedIdentities": l{identityID + "control"}},
			"identityProfile":   m{"kubeletidentity": m{"resourceId": identityID + "nodes"}},
			"oidcIssuerProfile": m{"enabled": true}, "securityProfile": m{"workloadIdentity": m{"enabled": true}},
			"networkProfile": m{"podCidr": "192.168.0.0/17", "serviceCidr": "192.168.128.0/17",
				"dnsServiceIP": "192.168.128.10", "outboundType": "userAssignedNATGateway"},
			"agentPoolProfiles": l{m{"name": "system", "mode": "System", "enableAutoScaling": true, "count": 2,
				"minCount": 2, "maxCount": 5, "vmSize": "Standard_D2s_v3",
				"vnetSubnetID": networkID + "/subnets/cluster"}},
		})},
		{"pool", "azure-native:containerservice/v20250101:AgentPool",
			at(m{"resourceName": "aks", "agentPoolName": "b1", "mode": "User", "enableAutoScaling": true,
				"count": 1, "minCount": 1, "maxCount": 2, "vmSize": "Standard_D4s_v3", "vnetSubnetID": networkID +
					"/subnets/cluster"})},
		{"window", "azure-native:containerservice/v20250101:MaintenanceConfiguration",
			at(m{"resourceName": "aks", "configName": "aksManagedAutoUpgradeSchedule",
				"maintenanceWindow": m{"durationHours": 6}})},
		{"trust", "azure-native:managedidentity:FederatedIdentityCredential",
			at(m{"resourceName": "reader", "federatedIdentityCredentialResourceName": "broker",
				"issuer": "https://issuer/", "subject": "system:serviceaccount:a:b",
				"audiences": l{"api://AzureADTokenExchange"}})},
		{"storage", "azure-native:storage:StorageAccount",
			at(m{"accountName": "stamora", "kind": "StorageV2", "sku": m{"name": "Standard_LRS"},
				"allowSharedKeyAccess": true})},
		{"container", "azure-native:storage:BlobContainer", at(m{"accountName": "stamora", "containerName": "manifests-1"})},
		{"blob", "azure-native:storage:Blob",
			at(m{"accountName": "stamora", "containerName": "manifests-1", "blobName": "base/manifests.yaml",
				"type": "Block", "source": text("kind: Namespace")})},
		{"flux", "azure-native:kubernetesconfiguration:Extension",
			beside(m{"extensionName": "flux", "extensionType": "microsoft.flux"})},
		role("blobs", "nodes", roleDefs+"2a2b9908-6ea1-4ae2-8e65-a410df84e7d1", storageID),
		{"configuration", "azure-native:kubernetesconfiguration:FluxConfiguration",
			beside(m{"fluxConfigurationName": "hivemq", "sourceKind": "AzureBlob", "scope": "cluster",
				"azureBlob": m{"url": "https://stamora.blob.core.windows.net", "containerName": "manifests-1",
					"managedIdentity": m{"clientId": guid(identityID+"nodes", "client")}},
				"kustomizations": m{"base": m{"path": "./base"}, "again": m{"path": "./base", "dependsOn": l{"base"}}}})},
		address("gateway-address"),
		{"app gateway", "azure-native:network:ApplicationGateway", at(m{
			"applicationGatewayName": "gateway", "sku": m{"name": "Standard_v2", "tier": "Standard_v2"},
			"autoscaleConfiguration":   m{"minCapacity": 1, "maxCapacity": 10},
			"identity":                 m{"type": "UserAssigned", "userAssignedIdentities": l{identityID + "reader"}},
			"sslCertificates":          l{m{"name": "tls", "keyVaultSecretId": secretURI + "mqtt-tls"}},
			"gatewayIPConfigurations":  l{m{"name": "subnet", "subnet": m{"id": networkID + "/subnets/gateway"}}},
			"frontendIPConfigurations": l{m{"name": "public", "publicIPAddress": m{"id": addressID + "gateway-address"}}},
			"frontendPorts":            l{m{"name": "mqtts", "port": 8883}, m{"name": "wss", "port": 443}},
			"backendAddressPools":      l{m{"name": "brokers", "backendAddresses": l{m{"ipAddress": "10.0.5.254"}}}},
			"probes":                   l{m{"name": "mqtt", "protocol": "Tcp"}, m{"name": "ws", "protocol": "Http"}},
			"listeners": l{m{"name": "mqtts", "protocol": "Tls",
				"frontendIPConfiguration": self("frontendIPConfigurations/public"),
				"frontendPort":            self("frontendPorts/mqtts"), "sslCertificate": self("sslCertificates/tls")}},
			"backendSettingsCollection": l{m{"name": "mqtt", "protocol": "Tcp", "port": 1883, "timeout": 3600,
				"probe": self("probes/mqtt")}},
			"routingRules": l{m{"name": "mqtt", "priority": 100, "listener": self("listeners/mqtts"),
				"backendAddressPool": self("backendAddressPools/brokers"),
				"backendSettings":    self("backendSettingsCollection/mqtt")}},
			"httpListeners": l{m{"name": "wss", "protocol": "Https",
				"frontendIPConfiguration": self("frontendIPConfigurations/public"),
				"frontendPort":            self("frontendPorts/wss"), "sslCertificate": self("sslCertificates/tls")}},
			"backendHttpSettingsCollection": l{m{"name": "ws", "protocol": "Http", "port": 8000, "requestTimeout": 3600,
				"probe": self("probes/ws")}},
			"requestRoutingRules": l{m{"name": "ws", "priority": 110,
				"httpListener": self("httpListeners/wss"), "backendAddressPool": self("backendAddressPools/brokers"),
				"backendHttpSettings": self("backendHttpSettingsCollection/ws")}},
		})},
	}
}

func text(content string) *asset.Asset {
	a, err := asset.FromText(content)
	if err != nil {
		panic(err) // hashing a text can't fail
	}
	return a
}

func TestWhatAKSAndItsGatewayRefuseIsRefused(t *testing.T) {
	edit := func(path string, value any) func(part) part { return func(p part) part { return p.with(path, value) } }
	// element changes one property of the first element of a list.
	element := func(path, property string, value any) func(part) part {
		return func(p part) part {
			elements := clone(p.inputs)[path].(l)
			elements[0].(m)[property] = value
			return p.with(path, elements)
		}
	}
	refuses(t, []refused{
		{"a dynamic address of the sku Standard", "nat-address", edit("publicIPAllocationMethod", "Dynamic"),
			"StandardSkuPublicIPAddressesMustBeStatic"},

		{"a cluster without system nodes", "aks", element("agentPoolProfiles", "mode", "User"), "at least one system pool"},
		{"a cluster that nobody could log in to", "aks", edit("aadProfile", nil), "DisableLocalAccounts"},
		{"workload identity without an issuer", "aks", edit("oidcIssuerProfile", nil), "OIDC issuer"},
		{"a pool with a hyphen in a cluster", "aks", element("agentPoolProfiles", "name", "sys-1"),
			"lower-case letters and digits"},
		{"a pool with a hyphen", "pool", edit("agentPoolName", "b-1"), "lower-case letters and digits"},
		{"a pool with a name of 13 characters", "pool", edit("agentPoolName", "b123456789012"), "1 to 12"},
		{"fewer nodes than at least", "pool", edit("count", 0), "not between minCount 1 and maxCount 2"},
		{"bounds without an autoscaler", "pool", edit("enableAutoScaling", false), "need enableAutoScaling"},
		{"nodes in a delegated subnet", "pool", edit("vnetSubnetID", networkID+"/subnets/apps"), "SubnetIsDelegated"},
		{"nodes in a subnet without a NAT gateway", "pool", edit("vnetSubnetID", networkID+"/subnets/endpoints"),
			"InvalidUserAssignedNATGateway"},
		{"services over the network", "aks", edit("networkProfile.serviceCidr", "10.0.0.0/16"),
			"DnsServiceIpNotInServiceCidr"},
		{"pods over the network", "aks", edit("networkProfile.podCidr", "10.0.0.0/16"),
			"ServiceCidrOverlapExistingSubnetsCidr"},
		{"pods over services", "aks", edit("networkProfile.podCidr", "192.168.0.0/16"), "overlaps the service range"},
		{"an identity of nodes for a cluster with none of its own", "aks", edit("identity", nil),
			"CustomKubeletIdentityOnlySupportedOnUserAssignedMSICluster"},
		{"an identity of nodes that the cluster may not use", "operate", func(part) part { return planned(t, "aks") },
			"CustomKubeletIdentityMissingPermissionError"},
		{"a subnet that the cluster may not join", "join", func(part) part { return planned(t, "aks") },
			"CustomPrivateSubnetMissingPermissionError"},
		{"a maintenance window of an hour", "window", edit("maintenanceWindow.durationHours", 1), "4 to 24"},
		{"a maintenance window of another name", "window", edit("configName", "nightly"), "aksManagedAutoUpgradeSchedule"},
		{"an issuer that is no URL", "trust", edit("issuer", "issuer"), "no https URL"},
		{"a trust that there is", "",
			func(part) part { return planned(t, "trust").with("federatedIdentityCredentialResourceName", "again") },
			"combination already exists"},

		{"a storage account with a hyphen", "storage", edit("accountName", "st-amora"), "lower-case letters only"},
		{"a container with two hyphens in a row", "container", edit("containerName", "a--b"), "single hyphens"},
		{"a blob in no container", "blob", edit("containerName", "other"), "ContainerNotFound"},
		{"a blob without content", "blob", edit("source", nil), "has no content"},
		{"an unknown size of a storage account", "storage", edit("sku.name", "Standard"), "is not one of Standard_LRS"},

		{"an extension of a cluster that there is not", "flux", edit("clusterName", "other"), "ParentResourceNotFound"},
		{"a configuration before its extension", "flux", func(part) part { return planned(t, "configuration") },
			"ExtensionNotFound"},
		{"a source that there is not", "configuration", edit("azureBlob.url", "https://other.blob.core.windows.net"),
			"no such host"},
		{"a container that there is not", "configuration", edit("azureBlob.containerName", "other"), "ContainerNotFound"},
		{"a folder that holds nothing", "configuration", edit("kustomizations.base.path", "./other"),
			"path not found: ./other"},
		{"a kustomization after one that there is not", "configuration",
			edit("kustomizations.again.dependsOn", l{"other"}), "depends on 'other'"},
		{"an identity that is not the nodes'", "configuration", edit("azureBlob.managedIdentity.clientId", "other"),
			"not assigned to the nodes"},
		{"manifests that the nodes may not read", "blobs", func(part) part { return planned(t, "configuration") },
			"AuthorizationPermissionMismatch"},

		{"a gateway with a fixed size and an autoscaler", "app gateway", edit("sku.capacity", 2),
			"AutoscaleConfigurationInvalid"},
		{"a gateway in a subnet with others", "app gateway",
			element("gatewayIPConfigurations", "subnet", m{"id": networkID + "/subnets/cluster"}), "CannotHaveOtherResources"},
		{"a gateway in a delegated subnet", "app gateway",
			element("gatewayIPConfigurations", "subnet", m{"id": networkID + "/subnets/small-apps"}), "IsDelegated"},
		{"a reference to a part that there is not", "app gateway",
			element("routingRules", "listener", self("listeners/other")), "listeners/other referenced by"},
		{"a reference by id to a part that there is not", "app gateway",
			element("routingRules", "listener",
				id(inGroup+"Microsoft.Network/applicationGateways/gateway/listeners/other")), "listeners/other referenced by"},
		{"two parts of one name", "app gateway",
			edit("frontendPorts", l{m{"name": "mqtts", "port": 1}, m{"name": "mqtts", "port": 2}}), "DuplicateResourceName"},
		{"two listeners on one port", "app gateway",
			element("httpListeners", "frontendPort", self("frontendPorts/mqtts")), "ListenersUsingSamePort"},
		{"a TLS listener without a certificate", "app gateway", element("listeners", "sslCertificate", nil),
			"MustReferenceSslCert"},
		{"TCP in HTTP settings", "app gateway", element("backendHttpSettingsCollection", "protocol", "Tcp"),
			"use backendSettingsCollection"},
		{"HTTP in TCP settings", "app gateway", element("backendSettingsCollection", "protocol", "Http"),
			"use backendHttpSettingsCollection"},
		{"a back end that times out at once", "app gateway", element("backendSettingsCollection", "timeout", 0),
			"1 to 86400"},
		{"an HTTP probe of a TCP back end", "app gateway",
			element("backendSettingsCollection", "probe", self("probes/ws")), "ProbeProtocolMismatch"},
		{"a rule without a priority", "app gateway", element("routingRules", "priority", nil), "1 to 20000"},
		{"two rules of one priority", "app gateway", element("requestRoutingRules", "priority", 100), "PriorityMustBeUnique"},
		{"a certificate that there is not", "app gateway",
			element("sslCertificates", "keyVaultSecretId", secretURI+"none"), "SecretNotFound"},
		{"a certificate without a role", "app gateway",
			edit("identity.userAssignedIdentities", l{identityID + "nodes"}), "Forbidden"},
	})
}

func TestAGatewayBehindARuleThatShutsAzureOutIsRefused(t *testing.T) {
	r := rehearse(t, Faults{})
	id := r.upTo("app gateway")["gateway nsg"].ID
	before := planned(t, "gateway nsg")
	shut := before.with("securityRules",
		l{m{"name": "mqtts", "priority": 100, "direction": "Inbound", "access": "Allow",
			"sourceAddressPrefix": "Internet", "destinationPortRanges": l{"8883"}}})
	if _, err := r.update(id, before, shut); err != nil {
		t.Fatal(err)
	}
	if _, err := r.create(planned(t, "app gateway")); err == nil || !strings.Contains(err.Error(), "65200 - 65535") {
		t.Errorf("got %v", err)
	}
}

func TestABlobNeedsAnAccountWhoseKeyMayBeUsed(t *testing.T) {
	r := rehearse(t, Faults{})
	id := r.upTo("blob")["storage"].ID
	if _, err := r.update(id, planned(t, "storage"), planned(t, "storage").
		with("allowSharedKeyAccess", false)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.create(planned(t, "blob")); err == nil ||
		!strings.Contains(err.Error(), "KeyBasedAuthenticationNotPermitted") {
		t.Errorf("got %v", err)
	}
}

func TestABlobKeepsItsContentAndIsReplacedWhenItChanges(t *testing.T) {
	r := rehearse(t, Faults{})
	id := r.upTo("")["blob"].ID
	if got := r.world.find(string(id)).in().str("source"); got != "kind: Namespace" {
		t.Errorf("the blob holds %q", got)
	}
	before, after := planned(t, "blob"), planned(t, "blob").with("source", text("kind: Service"))
	if other := r.diff(id, before, after); !other.DeleteBeforeReplace ||
		other.DetailedDiff["source"].Kind != plugin.DiffUpdateReplace {
		t.Errorf("another content is %+v", other)
	}
	if same := r.diff(id, before, planned(t, "blob")); same.Changes != plugin.DiffNone {
		t.Errorf("the same content is %+v", same)
	}
	read := r.read(id, before, resource.NewPropertyMapFromMap(before.inputs))
	if !read.Inputs["source"].IsAsset() || read.Inputs["source"].AssetValue().Text != "kind: Namespace" ||
		read.Outputs.HasValue("source") {
		t.Errorf("it reads as %v", read)
	}
}

func TestAClusterAndANetworkTakeOneChangeAtATime(t *testing.T) {
	for _, c := range []struct {
		part  string
		edits [2]func(part) part
	}{
		{"pool", [2]func(part) part{
			func(p part) part { return p }, func(p part) part { return p.with("agentPoolName", "b2") },
		}},
		{"flux", [2]func(part) part{
			func(p part) part { return p }, func(part) part { return planned(t, "pool").with("agentPoolName", "b2") },
		}},
		{"cluster", [2]func(part) part{
			func(p part) part { return p }, func(part) part { return subnet("other", "10.0.7.0/24", "") },
		}},
	} {
		r := rehearse(t, Faults{})
		r.upTo(c.part)
		r.world.changeTakes = time.Second // so that the second one starts in time on a busy machine
		errs := make(chan error, 2)
		for _, edit := range c.edits {
			go func() {
				_, err := r.create(edit(planned(t, c.part)))
				errs <- err
			}()
		}
		first, second := <-errs, <-errs
		if first == nil {
			first = second
		} else if second != nil {
			t.Errorf("%s: both were refused: %v, %v", c.part, first, second)
		}
		if first == nil || !strings.Contains(first.Error(), "Another operation is in progress") {
			t.Errorf("%s: two changes at once gave %v", c.part, first)
		}
	}
}
