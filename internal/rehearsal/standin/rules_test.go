package standin

import (
	"strings"
	"testing"
)

// The whole platform is what every rule accepts: each refusal below is one edit away from it.
func TestAWholePlatformIsCreatedAndDeletedInReverse(t *testing.T) {
	r := rehearse(t, Faults{})
	made := r.upTo("")
	parts := platform()
	if got := len(r.world.Resources()); got != len(parts) {
		t.Fatalf("the world holds %d resources, want %d", got, len(parts))
	}
	for i := len(parts) - 1; i >= 0; i-- {
		if err := r.delete(made[parts[i].name].ID); err != nil {
			t.Fatalf("delete %s: %v", parts[i].name, err)
		}
	}
	if left := r.world.Resources(); len(left) != 0 {
		t.Fatalf("left over: %v", left)
	}
}

func TestWhatAzureRefusesIsRefused(t *testing.T) {
	edit := func(path string, value any) func(part) part { return func(p part) part { return p.with(path, value) } }
	container := func(path string, value any) func(part) part {
		return func(p part) part {
			first := part{inputs: p.inputs["template"].(m)["containers"].(l)[0].(m)}.with(path, value)
			return p.with("template.containers", l{first.inputs})
		}
	}
	refuses(t, []refused{
		{"a resource in a group that is not there", "network", edit("resourceGroupName", "rg-other"),
			"ResourceGroupNotFound"},
		{"a child of a parent that is not there", "users", edit("serverName", "pg-other"), "ParentResourceNotFound"},
		{"an id that leads nowhere", "link", edit("virtualNetwork.id", networkID+"-other"), "InvalidResourceReference"},
		{"a role that is none of Azure's", "pull",
			edit("roleDefinitionId", roleDefs+"00000000-0000-0000-0000-00000000dead"), "RoleDefinitionDoesNotExist"},
		{"a role for a principal that is not there", "pull", edit("principalId", guid("nobody")), "PrincipalNotFound"},
		{"a role with a name that is no GUID", "pull", edit("roleAssignmentName", "pull"), "a GUID"},
		{"a role that its holder has", "secrets",
			func(p part) part { return role("again", "reader", acrPull, registryID) }, "RoleAssignmentExists"},

		{"a blank in a tag of a DNS zone", "zone", edit("tags", m{"Cost Center": "1"}), "takes no tag of the name"},
		{"a sign in a tag that nothing takes", "vault", edit("tags", m{"a/b": "1"}), "takes no tag of the name"},
		{"a tag with a long value", "vault", edit("tags", m{"a": strings.Repeat("x", 257)}), "more than 256 characters"},

		{"an environment where Azure has none", "env", edit("location", "francesouth"),
			"LocationNotAvailableForResourceType"},

		{"a network with no valid range", "network", edit("addressSpace.addressPrefixes", l{"10.0.0.0"}),
			"InvalidAddressPrefixFormat"},
		{"a network with a range that is not on its boundary", "network",
			edit("addressSpace.addressPrefixes", l{"10.0.1.0/16"}), "InvalidCIDRNotation"},
		{"a subnet outside its network", "database", func(part) part { return subnet("far", "192.168.0.0/24", "") },
			"NetcfgSubnetRangeOutsideVnet"},
		{"a subnet over another", "endpoints", edit("addressPrefix", "10.0.0.128/25"), "NetcfgSubnetRangesOverlap"},
		{"a subnet without a range", "endpoints", edit("addressPrefix", nil), "NoAddressPrefixOrPoolProvided"},
		{"two security rules with one priority", "nsg",
			edit("securityRules",
				l{m{"name": "a", "priority": 100, "direction": "Inbound"},
					m{"name": "b", "priority": 100, "direction": "Inbound"}}), "SecurityRuleConflict"},
		{"a security rule without a priority", "nsg", edit("securityRules", l{m{"name": "a", "direction": "Inbound"}}),
			"SecurityRuleInvalidPriority"},
		{"a standby in no zone", "server", edit("highAvailability.standbyAvailabilityZone", ""), "the standby is empty"},
		{"a standby beside its primary", "server",
			func(p part) part {
				return p.with("availabilityZone", "2").with("highAvailability.standbyAvailabilityZone", "2")
			}, "where the primary is"},
		{"a private endpoint in a delegated subnet", "endpoint", edit("subnet.id", networkID+"/subnets/apps"),
			"PrivateEndpointCreationNotAllowedAsSubnetIsDelegated"},
		{"a private endpoint to the wrong part of a service", "endpoint",
			edit("privateLinkServiceConnections", l{m{"privateLinkServiceId": vaultID, "groupIds": l{"redisCache"}}}),
			"InvalidPrivateLinkServiceGroupId"},
		{"a private DNS zone in a region", "zone", edit("location", "westeurope"), "only location is 'global'"},
		{"a second link of one network to a zone", "server",
			func(p part) part { return planned(t, "link").with("virtualNetworkLinkName", "again") }, "cannot be linked"},

		{"an environment in a subnet that is not delegated to it", "env",
			edit("vnetConfiguration.infrastructureSubnetId", networkID+"/subnets/endpoints"), "SubnetMissingRequiredDelegation"},
		{"an environment in a subnet smaller than /27", "env",
			edit("vnetConfiguration.infrastructureSubnetId", networkID+"/subnets/small-apps"), "at least /27"},
		{"a server in a subnet smaller than /28", "server",
			edit("network.delegatedSubnetResourceId", networkID+"/subnets/small-database"), "at least /28"},
		{"an environment without workload profiles in a delegated subnet", "env", edit("workloadProfiles", nil),
			"ManagedEnvironmentSubnetIsDelegated"},
		{"a second environment in a subnet", "app",
			func(part) part { return planned(t, "env").with("environmentName", "env2") }, "ManagedEnvironmentSubnetInUse"},
		{"zone redundancy without a subnet", "env", edit("vnetConfiguration", nil),
			"ManagedEnvironmentInvalidNetworkConfiguration"},

		{"a server in a subnet that is not delegated to it", "server",
			edit("network.delegatedSubnetResourceId", networkID+"/subnets/apps"), "SubnetMissingRequiredDelegation"},
		{"a server without its private DNS zone", "server", edit("network.privateDnsZoneArmResourceId", nil),
			"InvalidPrivateDnsZoneName"},
		{"a server whose zone is linked to no network", "link", func(part) part { return planned(t, "server") },
			"PrivateDnsZoneNotLinkedToVnet"},
		{"a storage size that there is not", "server", edit("storage.storageSizeGB", 100), "storageSizeGB must be one of"},
		{"high availability of a burstable server", "server",
			edit("sku", m{"name": "Standard_B2s", "tier": "Burstable"}), "HADisabledForBurstableSku"},
		{"a size of another tier", "server", edit("sku.tier", "Burstable"), "no size of the tier"},
		{"a backup of 36 days", "server", edit("backup.backupRetentionDays", 36), "backupRetentionDays must be 7 to 35"},
		{"a simple password", "server", edit("administratorLoginPassword", "password"), "PasswordNotComplex"},
		{"a reserved login", "server", edit("administratorLogin", "azure_superuser"), "InvalidAdministratorLogin"},
		{"an upper-case server", "server", edit("serverName", "PG"), "no valid name"},

		{"purge protection that is off", "vault", edit("properties.enablePurgeProtection", false), "cannot be set to false"},
		{"a vault of another tenant", "vault", edit("properties.tenantId", guid("tenant")), "not the tenant"},
		{"a vault kept for five days", "vault", edit("properties.softDeleteRetentionInDays", 5), "7 to 90"},
		{"a vault with two hyphens in a row", "vault", edit("vaultName", "kv--amora"), "no valid name"},
		{"a registry with a hyphen", "registry", edit("registryName", "acr-amora"), "5 to 50 letters and digits"},
		{"an unknown size of a registry", "registry", edit("sku.name", "Classic"), "is not one of Basic, Standard, Premium"},

		{"a certificate script without a role", "script certificates",
			func(part) part { return planned(t, "certificate") }, "Forbidden"},
		{"an import script without a role", "script import", func(part) part { return planned(t, "mirror") }, "Forbidden"},
		{"a script that is kept for an hour in other words", "certificate", edit("retentionInterval", "1h"), "ISO 8601"},

		{"an app in an environment that is not there", "app", edit("environmentId", envID+"2"), "InvalidResourceReference"},
		{"an app without an environment", "app", edit("environmentId", nil), "ContainerAppMissingEnvironment"},
		{"an upper-case app", "app", edit("containerAppName", "Edge"), "lower case alphanumeric"},
		{"a pair of CPU and memory that there is not", "app", container("resources", m{"cpu": 2, "memory": "8Gi"}),
			"ContainerAppInvalidResourceTotal"},
		{"more CPU than Consumption has", "app", container("resources", m{"cpu": 8, "memory": "16Gi"}),
			"ContainerAppInvalidResourceTotal"},
		{"a workload profile that the environment has not", "app", edit("workloadProfileName", "D4"),
			"WorkloadProfileNameNotFound"},
		{"an external TCP port 443", "app",
			edit("configuration.ingress.additionalPortMappings",
				l{m{"external": true, "targetPort": 8883, "exposedPort": 443}}), "not 80 or 443"},
		{"six additional ports", "app",
			edit("configuration.ingress.additionalPortMappings",
				l{m{"targetPort": 1}, m{"targetPort": 2}, m{"targetPort": 3}, m{"targetPort": 4}, m{"targetPort": 5},
					m{"targetPort": 6}}), "more than 5"},
		{"one port twice", "app",
			edit("configuration.ingress.additionalPortMappings", l{m{"targetPort": 1}, m{"targetPort": 1}}), "twice"},
		{"an external port of another app", "job",
			func(part) part { return planned(t, "app").with("containerAppName", "other") }, "ContainerAppExposedPortInUse"},
		{"fewer replicas at most than at least", "app", edit("template.scale", m{"minReplicas": 3, "maxReplicas": 2}),
			"ContainerAppInvalidScale"},
		{"a variable from a secret that there is not", "app", container("env", l{m{"name": "X", "secretRef": "none"}}),
			"SecretRef 'none'"},
		{"a mount of a volume that there is not", "app", container("volumeMounts", l{m{"volumeName": "none"}}),
			"volume is not found"},
		{"a vault reference by an identity that is not the app's", "app",
			edit("identity.userAssignedIdentities", l{identityID + "script"}), "not assigned"},
		{"a vault reference without a role", "secrets",
			func(part) part { return inUnknownEnvironment(planned(t, "app")) }, "Forbidden"},
		{"a vault reference to a secret that there is not", "app",
			edit("configuration.secrets", vaultSecrets(secretURI+"none")), "SecretNotFound"},
		{"a vault reference to a vault that there is not", "app",
			edit("configuration.secrets", vaultSecrets("https://kv-none.vault.azure.net/secrets/x")), "no such host"},
		{"a secret that a container reads by itself, and that there is not", "app",
			container("env", told(secretURI+"none", "reader")),
			"Operation expired. The container 'emqx' can't read what it starts with: SecretNotFound"},
		{"a secret that a container reads as somebody else", "app",
			container("env", told(secretURI+"mqtt-tls", "script")), "the client id of no identity of mqtt-edge"},
		{"an image that was not mirrored", "app", container("image", "acramora.azurecr.io/emqx/emqx:5.8.8"),
			"MANIFEST_UNKNOWN"},
		{"an image of a registry that there is not", "app", container("image", "acrother.azurecr.io/emqx/emqx:5.8.9"),
			"no such host"},
		{"a private image without a registry identity", "app", edit("configuration.registries", nil), "UNAUTHORIZED"},
		{"a private image without a role", "pull", func(part) part {
			return inUnknownEnvironment(planned(t, "app")).with("configuration.secrets", nil).
				with("template.volumes", nil).with("template.containers", l{m{"name": "emqx", "image": image}})
		}, "UNAUTHORIZED"},
		{"a scheduled job without a schedule", "job", edit("configuration.triggerType", "Schedule"), "JobMissingSchedule"},
		{"a job without a time limit", "job", edit("configuration.replicaTimeout", nil), "JobInvalidReplicaTimeout"},

		{"a cache of the wrong family", "classic", edit("sku.family", "P"), "the family of Standard is C"},
		{"an unknown size of a managed cache", "redis", edit("sku.name", "Balanced_B2"), "no size of Azure Managed Redis"},
		{"a second database in a managed cache", "keys", edit("databaseName", "other"), "is 'default'"},

		{"a CNAME at the apex", "record", func(p part) part { return cname(p, "@") }, "zone apex"},
		{"a CNAME beside an address", "profile", func(part) part { return cname(planned(t, "record"), "broker") },
			"a CNAME stands alone"},
		{"a record that lives for no time", "record", edit("ttl", 0), "1 to 2147483647"},
		{"a record without a value", "record", edit("aRecords", nil), "holds its values here"},
		{"a record with no valid address", "record", edit("aRecords", l{m{"ipv4Address": "mqtt"}}), "is not valid"},
		{"a record in a zone that is not there", "record", edit("zoneName", "other.example.com"), "ParentResourceNotFound"},

		{"a Front Door in a region", "profile", edit("location", "westeurope"), "only location is 'global'"},
		{"a probe path without a slash", "origins", edit("healthProbeSettings.probePath", "health"), "must start with '/'"},
		{"a probe every second", "origins", edit("healthProbeSettings.probeIntervalInSeconds", 1), "5 to 255"},
		{"an origin with a URL for a name", "origin", edit("hostName", "https://edge/"), "no host name"},
		{"an origin of weight 1001", "origin", edit("weight", 1001), "1 to 1000"},
		{"a custom domain with no valid name", "domain", edit("hostName", "ws"), "not valid"},
		{"a custom domain that is in use", "route",
			func(part) part { return planned(t, "domain").with("customDomainName", "again") }, "in use by the custom domain"},
		{"a route to origins that are not there yet", "origin", func(part) part {
			return planned(t, "route").with("customDomains", nil).with("linkToDefaultDomain", "Enabled")
		}, "at least one enabled origin"},
		{"a route without a domain", "route", edit("customDomains", nil), "has no domain"},
		{"a route with a star in the middle", "route", edit("patternsToMatch", l{"/*/mqtt"}), "at its end only"},
		{"a firewall with a hyphen in its name", "firewall", edit("policyName", "fd-x"), "letters and digits"},
		{"a limit of nine requests", "firewall", edit("customRules", limit(9, 1, "0.0.0.0/0")), "10 requests or more"},
		{"a limit in two minutes", "firewall", edit("customRules", limit(10, 2, "0.0.0.0/0")), "1 or 5 minutes"},
		{"a rule for nobody", "firewall", edit("customRules", limit(10, 1)), "at least one condition"},
		{"Azure's own rules in Front Door Standard", "firewall", edit("managedRules", m{"managedRuleSets": l{m{}}}),
			"Premium_AzureFrontDoor"},
		{"a security policy of another kind", "firewalled", edit("parameters.type", "none"), "WebApplicationFirewall"},
		{"a redirect without HTTP", "route", edit("httpsRedirect", "Enabled"), "HttpsRedirect"},
		{"a second route for one path", "", func(part) part { return planned(t, "route").with("routeName", "again") },
			"both match"},
	})
}

// refused is an edit of one part of the platform, which Azure refuses in some words when all before that part is there.
type refused struct {
	sentence string
	part     string // "" for all of the platform
	edit     func(part) part
	want     string
}

func refuses(t *testing.T, cases []refused) {
	for _, c := range cases {
		t.Run(strings.ReplaceAll(c.sentence, " ", "-"), func(t *testing.T) {
			t.Parallel()
			r := rehearse(t, Faults{})
			r.upTo(c.part)
			var p part
			if c.part != "" {
				p = planned(t, c.part)
			}
			_, err := r.create(c.edit(p))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want a refusal with %q", err, c.want)
			}
		})
	}
}

// inUnknownEnvironment is an app in an environment that the world knows nothing of: it is created before the platform's
// own.
func inUnknownEnvironment(p part) part { return p.with("environmentId", subscriptionScope) }

// told is the environment of a container that reads a secret as an identity.
func told(url, identity string) l {
	return l{m{"name": "URL", "value": url}, m{"name": "CLIENT_ID", "value": guid(identityID+identity, "client")}}
}

func vaultSecrets(tls string) l {
	return l{
		m{"name": "tls", "keyVaultUrl": tls, "identity": identityID + "reader"},
		m{"name": "password", "keyVaultUrl": secretURI + "password", "identity": identityID + "reader"},
	}
}

func cname(record part, name string) part {
	return record.with("relativeRecordSetName", name).with("recordType", "CNAME").with("aRecords", nil).
		with("cnameRecord", m{"cname": "example.com"})
}

func TestAFirewallIsOfTheTierOfItsProfile(t *testing.T) {
	r := rehearse(t, Faults{})
	r.upTo("firewalled")
	premium := r.mustCreate(planned(t, "firewall").with("policyName", "premium").
		with("sku.name", "Premium_AzureFrontDoor"))
	_, err := r.create(planned(t, "firewalled").with("parameters.wafPolicy.id", string(premium.ID)))
	refusedWith(t, err, "must be that of the profile")
}
