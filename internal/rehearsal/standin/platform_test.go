package standin

import (
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

type (
	m = map[string]any
	l = []any
)

// rehearsed drives the provider in Go, as the engine does over gRPC.
type rehearsed struct {
	t     *testing.T
	world *World
	azure *azureNative
}

func rehearse(t *testing.T, faults Faults) *rehearsed {
	t.Helper()
	w := New()
	return &rehearsed{t, w, &azureNative{server: &Server{world: w, faults: faults}}}
}

func urn(token, name string) resource.URN {
	return resource.NewURN("dev", "amora-sync", "", tokens.Type(token), name)
}

// check gives the inputs that the provider makes of a program's, and the reasons it has against them.
func (r *rehearsed) check(p part) (resource.PropertyMap, string) {
	r.t.Helper()
	response, err := r.azure.Check(r.t.Context(), plugin.CheckRequest{
		URN: urn(p.token, p.name), Name: p.name, Type: tokens.Type(p.token),
		News: resource.NewPropertyMapFromMap(p.inputs), RandomSeed: []byte("seed"),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	var reasons []string
	for _, f := range response.Failures {
		reasons = append(reasons, string(f.Property)+": "+f.Reason)
	}
	return response.Properties, strings.Join(reasons, "; ")
}

// create checks and creates; its error is the first thing that refuses.
func (r *rehearsed) create(p part) (plugin.CreateResponse, error) {
	r.t.Helper()
	inputs, reasons := r.check(p)
	if reasons != "" {
		return plugin.CreateResponse{}, refusal("Check", "%s", reasons)
	}
	return r.azure.Create(r.t.Context(), plugin.CreateRequest{URN: urn(p.token, p.name), Name: p.name,
		Type: tokens.Type(p.token), Properties: inputs})
}

func (r *rehearsed) mustCreate(p part) plugin.CreateResponse {
	r.t.Helper()
	response, err := r.create(p)
	if err != nil {
		r.t.Fatalf("%s %s: %v", p.token, p.name, err)
	}
	return response
}

func (r *rehearsed) update(id resource.ID, before, after part) (plugin.UpdateResponse, error) {
	r.t.Helper()
	inputs, reasons := r.check(after)
	if reasons != "" {
		return plugin.UpdateResponse{}, refusal("Check", "%s", reasons)
	}
	return r.azure.Update(r.t.Context(), plugin.UpdateRequest{
		URN: urn(after.token, after.name), Name: after.name, Type: tokens.Type(after.token), ID: id,
		OldInputs: resource.NewPropertyMapFromMap(before.inputs), NewInputs: inputs,
	})
}

func (r *rehearsed) delete(id resource.ID) error {
	_, err := r.azure.Delete(r.t.Context(), plugin.DeleteRequest{ID: id})
	return err
}

// part is one resource of a program.
type part struct {
	name   string // logical name
	token  string
	inputs m
}

// with is the part with one input changed by path; nil removes it.
func (p part) with(path string, value any) part {
	inputs := clone(p.inputs)
	keys := strings.Split(path, ".")
	at := inputs
	for _, key := range keys[:len(keys)-1] {
		if at[key] == nil {
			at[key] = m{}
		}
		at = at[key].(m)
	}
	if value == nil {
		delete(at, keys[len(keys)-1])
	} else {
		at[keys[len(keys)-1]] = value
	}
	return part{p.name, p.token, inputs}
}

const (
	inGroup        = subscriptionScope + "/resourceGroups/rg-amora/providers/"
	networkID      = inGroup + "Microsoft.Network/virtualNetworks/vnet"
	vaultID        = inGroup + "Microsoft.KeyVault/vaults/kv-amora"
	registryID     = inGroup + "Microsoft.ContainerRegistry/registries/acramora"
	identityID     = inGroup + "Microsoft.ManagedIdentity/userAssignedIdentities/"
	envID          = inGroup + "Microsoft.App/managedEnvironments/env"
	profileID      = inGroup + "Microsoft.Cdn/profiles/fd"
	image          = "acramora.azurecr.io/emqx/emqx:5.8.9"
	secretURI      = "https://kv-amora.vault.azure.net/secrets/"
	roleDefs       = subscriptionScope + "/providers/Microsoft.Authorization/roleDefinitions/"
	acrPull        = roleDefs + "7f951dda-4ed3-4680-a7ca-43fe172d538d"
	acrImport      = roleDefs + "577a9874-89fd-4f24-9dbd-b5034d0ad23a"
	secretsUser    = roleDefs + "4633458b-17de-408a-b874-0445c86b69e6"
	secretsOfficer = roleDefs + "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"
	certOfficer    = roleDefs + "a4417e6f-fecd-4de8-b567-7b0420556985"
)

func at(inputs m) m {
	inputs["resourceGroupName"] = "rg-amora"
	return inputs
}

func subnet(name, prefix, delegation string) part {
	inputs := at(m{"virtualNetworkName": "vnet", "subnetName": name, "addressPrefix": prefix})
	if delegation != "" {
		inputs["delegations"] = l{m{"name": name, "serviceName": delegation}}
	}
	return part{name, "azure-native:network:Subnet", inputs}
}

func identity(name string) part {
	return part{name, "azure-native:managedidentity:UserAssignedIdentity", at(m{"resourceName": name})}
}

func role(name, holder, definition, scope string) part {
	return part{name, "azure-native:authorization:RoleAssignment", m{
		"roleAssignmentName": guid(name), "principalId": guid(identityID+holder, "principal"),
		"principalType":    "ServicePrincipal",
		"roleDefinitionId": definition, "scope": scope,
	}}
}

func script(name, holder string, variables ...any) part {
	return part{name, "azure-native:resources:AzureCliScript", at(m{
		"scriptName": name, "azCliVersion": "2.67.0", "kind": "AzureCLI", "retentionInterval": "PT1H",
		"timeout": "PT30M", "scriptContent": "true",
		"environmentVariables": variables,
		"identity":             m{"type": "UserAssigned", "userAssignedIdentities": l{identityID + holder}},
	})}
}

// platform is a whole stack, in an order in which it can be created.
func platform() []part {
	app := m{"type": "UserAssigned", "userAssignedIdentities": l{identityID + "reader"}}
	return append([]part{
		{"group", "azure-native:resources:ResourceGroup", m{"resourceGroupName": "rg-amora", "location": "West Europe"}},
		{"network", "azure-native:network:VirtualNetwork",
			at(m{"virtualNetworkName": "vnet", "addressSpace": m{"addressPrefixes": l{"10.0.0.0/16"}}})},
		{"nsg", "azure-native:network:NetworkSecurityGroup",
			at(m{"networkSecurityGroupName": "nsg",
				"securityRules": l{m{"name": "mqtts", "priority": 100, "direction": "Inbound"}}})},
		subnet("apps", "10.0.0.0/24", environmentDelegation).
			with("networkSecurityGroup", m{"id": inGroup + "Microsoft.Network/networkSecurityGroups/nsg"}),
		subnet("database", "10.0.1.0/28", postgresDelegation),
		subnet("endpoints", "10.0.2.0/24", ""),
		subnet("small-apps", "10.0.3.0/28", environmentDelegation),
		subnet("small-database", "10.0.4.0/29", postgresDelegation),
		{"zone", "azure-native:network:PrivateZone",
			at(m{"privateZoneName": "amora.private.postgres.database.azure.com", "location": "global"})},
		{"link", "azure-native:network:VirtualNetworkLink", at(m{
			"privateZoneName": "amora.private.postgres.database.azure.com", "virtualNetworkLinkName": "network",
			"location":       "global",
			"virtualNetwork": m{"id": networkID},
		})},
		{"server", "azure-native:dbforpostgresql/v20240801:Server", at(m{
			"serverName": "pg-amora", "administratorLogin": "mqttadmin",
			"administratorLoginPassword": "Passw0rdPassw0rd", "version": "17",
			"sku": m{"name": "Standard_D4ds_v5", "tier": "GeneralPurpose"}, "storage": m{"storageSizeGB": 128},
			"backup":           m{"backupRetentionDays": 14},
			"highAvailability": m{"mode": "ZoneRedundant"},
			"network": m{"delegatedSubnetResourceId": networkID + "/subnets/database",
				"privateDnsZoneArmResourceId": inGroup +
					"Microsoft.Network/privateDnsZones/amora.private.postgres.database.azure.com"},
		})},
		{"users", "azure-native:dbforpostgresql/v20240801:Database", at(m{"serverName": "pg-amora", "databaseName": "mqtt"})},
		{"vault", "azure-native:keyvault:Vault", at(m{"vaultName": "kv-amora", "properties": m{
			"tenantId": tenantID, "sku": m{"family": "A", "name": "standard"}, "softDeleteRetentionInDays": 90,
			"enablePurgeProtection": true,
		}})},
		{"deployer", "azure-native:authorization:RoleAssignment", m{
			"roleAssignmentName": guid("deployer"), "principalId": objectID, "principalType": "User",
			"roleDefinitionId": secretsOfficer, "scope": vaultID}},
		{"password", "azure-native:keyvault:Secret",
			at(m{"vaultName": "kv-amora", "secretName": "password", "properties": m{"value": "hunter2"}})},
		identity("reader"), identity("script"),
		role("script certificates", "script", certOfficer, vaultID),
		script("certificate", "script", m{"name": "VAULT_NAME", "value": "kv-amora"},
			m{"name": "CERTIFICATE_NAME", "value": "mqtt-tls"}),
		{"registry", "azure-native:containerregistry:Registry",
			at(m{"registryName": "acramora", "sku": m{"name": "Standard"}})},
		role("script import", "script", acrImport, registryID),
		script("mirror", "script", m{"name": "REGISTRY_NAME", "value": "acramora"},
			m{"name": "IMAGES", "value": "docker.io/library/haproxy:3.0=library/haproxy:3.0 " +
				"docker.io/emqx/emqx:5.8.9=emqx/emqx:5.8.9"}),
		role("pull", "reader", acrPull, registryID),
		role("secrets", "reader", secretsUser, vaultID),
		{"env", "azure-native:app/v20240301:ManagedEnvironment", at(m{"environmentName": "env", "zoneRedundant": true,
			"vnetConfiguration": m{"infrastructureSubnetId": networkID + "/subnets/apps"},
			"workloadProfiles":  l{m{"name": "Consumption", "workloadProfileType": "Consumption"}},
		})},
		{"app", "azure-native:app/v20240301:ContainerApp",
			at(m{"containerAppName": "mqtt-edge", "environmentId": envID, "identity": app,
				"configuration": m{
					"ingress": m{"external": true, "targetPort": 8080, "transport": "http",
						"additionalPortMappings": l{m{"external": true, "targetPort": 8883}}},
					"registries": l{m{"server": "acramora.azurecr.io", "identity": identityID + "reader"}},
					"secrets": l{
						m{"name": "tls", "keyVaultUrl": secretURI + "mqtt-tls", "identity": identityID + "reader"},
						m{"name": "password", "keyVaultUrl": secretURI + "password", "identity": identityID + "reader"},
					},
				},
				"template": m{
					"containers": l{m{"name": "emqx", "image": image, "resources": m{"cpu": 2, "memory": "4Gi"},
						"env":          l{m{"name": "PASSWORD", "secretRef": "password"}},
						"volumeMounts": l{m{"volumeName": "certs", "mountPath": "/mnt/certs"}}}},
					"scale":   m{"minReplicas": 2, "maxReplicas": 10},
					"volumes": l{m{"name": "certs", "storageType": "Secret", "secrets": l{m{"secretRef": "tls", "path": "tls.pem"}}}},
				},
			})},
		{"job", "azure-native:app/v20240301:Job", at(m{"jobName": "schema", "environmentId": envID,
			"configuration": m{"triggerType": "Manual", "replicaTimeout": 600},
			"template":      m{"containers": l{m{"name": "schema", "image": "docker.io/library/postgres:17"}}},
		})},
		{"redis", "azure-native:cache/v20250401:RedisEnterprise",
			at(m{"clusterName": "redis-amora", "sku": m{"name": "Balanced_B1"}})},
		{"keys", "azure-native:cache/v20250401:Database",
			at(m{"clusterName": "redis-amora", "databaseName": "default", "accessKeysAuthentication": "Enabled"})},
		{"classic", "azure-native:cache:Redis",
			at(m{"name": "classic-amora", "sku": m{"name": "Standard", "family": "C", "capacity": 1}})},
		{"endpoint", "azure-native:network:PrivateEndpoint",
			at(m{"privateEndpointName": "pe", "subnet": m{"id": networkID + "/subnets/endpoints"},
				"privateLinkServiceConnections": l{m{"name": "redis", "privateLinkServiceId": inGroup +
					"Microsoft.Cache/redisEnterprise/redis-amora", "groupIds": l{"redisEnterprise"}}}})},
		{"public", "azure-native:network:Zone",
			at(m{"zoneName": "mqtt.example.com", "location": "global", "zoneType": "Public"})},
		{"record", "azure-native:network:RecordSet",
			at(m{"zoneName": "mqtt.example.com", "relativeRecordSetName": "broker", "recordType": "A", "ttl": 60,
				"aRecords": l{m{"ipv4Address": "20.1.2.3"}}})},
		{"profile", "azure-native:cdn:Profile",
			at(m{"profileName": "fd", "location": "Global", "sku": m{"name": "Standard_AzureFrontDoor"}})},
		{"afd", "azure-native:cdn:AFDEndpoint", at(m{"profileName": "fd", "endpointName": "amora", "location": "Global"})},
		{"origins", "azure-native:cdn:AFDOriginGroup",
			at(m{"profileName": "fd", "originGroupName": "edge", "loadBalancingSettings": m{"sampleSize": 4},
				"healthProbeSettings": m{"probePath": "/health", "probeIntervalInSeconds": 30}})},
		{"origin", "azure-native:cdn:AFDOrigin",
			at(m{"profileName": "fd", "originGroupName": "edge", "originName": "edge",
				"hostName": "mqtt-edge.example.io", "priority": 1, "weight": 1000})},
		{"domain", "azure-native:cdn:AFDCustomDomain",
			at(m{"profileName": "fd", "customDomainName": "ws", "hostName": "ws.mqtt.example.com"})},
		{"route", "azure-native:cdn:Route", at(m{"profileName": "fd", "endpointName": "amora", "routeName": "mqtt",
			"originGroup":     m{"id": profileID + "/originGroups/edge"},
			"customDomains":   l{m{"id": profileID + "/customDomains/ws"}},
			"patternsToMatch": l{"/mqtt", "/mqtt/*"}, "supportedProtocols": l{"Https"}})},
		{"firewall", "azure-native:network:Policy", at(m{"policyName": "fd", "location": "Global",
			"sku": m{"name": "Standard_AzureFrontDoor"}, "policySettings": m{"mode": "Prevention"},
			"customRules": limit(10, 1, "0.0.0.0/0")})},
		{"firewalled", "azure-native:cdn:SecurityPolicy", at(m{"profileName": "fd", "securityPolicyName": "ws",
			"parameters": m{"type": "WebApplicationFirewall",
				"wafPolicy": m{"id": inGroup + "Microsoft.Network/frontDoorWebApplicationFirewallPolicies/fd"},
				"associations": l{m{"domains": l{m{"id": profileID + "/customDomains/ws"}},
					"patternsToMatch": l{"/*"}}}}})},
	}, slices.Concat(clusterParts(), machineParts(), monitoringParts(), privateLinkParts())...)
}

// limit is a firewall's rule for addresses that ask too often.
func limit(requests, minutes int, addresses ...any) m {
	conditions := l{}
	if len(addresses) > 0 {
		conditions = l{m{"matchVariable": "SocketAddr", "operator": "IPMatch", "matchValue": l(addresses)}}
	}
	return m{"rules": l{m{"name": "limit", "priority": 1, "ruleType": "RateLimitRule", "action": "Block",
		"rateLimitDurationInMinutes": minutes, "rateLimitThreshold": requests, "matchConditions": conditions}}}
}

// planned is the part of the platform with a logical name.
func planned(t *testing.T, name string) part {
	t.Helper()
	parts := platform()
	i := slices.IndexFunc(parts, func(p part) bool { return p.name == name })
	if i < 0 {
		t.Fatalf("the platform has no part %q", name)
	}
	return parts[i]
}

// upTo creates the platform as far as, and without, the part with a logical name; "" creates all of it.
func (r *rehearsed) upTo(name string) map[string]plugin.CreateResponse {
	r.t.Helper()
	made := map[string]plugin.CreateResponse{}
	for _, p := range platform() {
		if p.name == name {
			break
		}
		made[p.name] = r.mustCreate(p)
	}
	return made
}
