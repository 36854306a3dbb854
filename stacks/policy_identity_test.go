package stacks

import (
	"encoding/base64"
	"regexp"
	"slices"
	"strings"
)

var identityPolicies = []rule{
	{
		id: "roles-at-one-resource",
		title: "Each role is held at one resource, never at a group, a subscription or above, and says what kind " +
			"of principal holds it",
		sources: []string{"PA-7", "IM-3", "SE:05"},
		check: each("authorization:RoleAssignment", func(e estate, n node) []violation {
			held := demand(scopeKind(e, n.text("scope")) != "", n, "is held at %q", n.text("scope"))
			if group, known := e.byID(n.text("scope")); known && isBackupGroup(group) && len(held) > 0 {
				held[0] = held[0].on("backup-group")
			}
			return slices.Concat(
				held,
				demand(n.text("principalType") == "ServicePrincipal" && n.text("principalId") != "", n, "is of a %q",
					n.text("principalType")),
			)
		}),
		accepted: []exception{{"backup-group", "each night's snapshots have new names, and nothing else is in their group"}},
	},
	{
		id:      "roles-reviewed",
		title:   "Each role is one of a reviewed list, and held at the kind of resource that the list names",
		sources: []string{"PA-1", "PA-7", "SE:05"},
		check: each("authorization:RoleAssignment", func(e estate, n node) []violation {
			id := n.text("roleDefinitionId")
			role, known := reviewedRoles[id[strings.LastIndex(id, "/")+1:]]
			at := scopeKind(e, n.text("scope"))
			return slices.Concat(
				demand(known, n, "holds the role %s, which nobody has reviewed", id),
				demand(!known || at == "" || slices.Contains(role.at, at), n, "holds %s at a %s", role.name, at),
			)
		}),
	},
	{
		id: "managed-identities", title: "Whatever runs is known to Azure by a managed identity, and pulls images by it",
		sources: []string{"IM-1", "IM-3", "SE:05"},
		check: func(e estate) []violation {
			var found []violation
			for _, n := range e.all("app:ContainerApp", "app:Job", "compute:VirtualMachine", "containerservice:ManagedCluster",
				"network:ApplicationGateway", "resources:AzureCliScript") {
				found = append(found,
					demand(n.text("identity", "type") == "UserAssigned" &&
						len(texts(n.at("identity", "userAssignedIdentities"))) > 0, n, "has no identity")...)
				for _, r := range n.list("configuration", "registries") {
					found = append(found,
						demand(r["identity"] != nil && r["username"] == nil && r["passwordSecretRef"] == nil, n,
							"pulls images from %v by a password", r["server"])...)
				}
			}
			return found
		},
	},
	{
		id: "registry-without-admin", title: "The registry has no admin user and gives nothing to the anonymous",
		sources: []string{"IM-1", "IM-8", "SE:05"},
		check: each("containerregistry:Registry", func(_ estate, n node) []violation {
			return demand(n.at("adminUserEnabled") == false && n.at("anonymousPullEnabled") != true, n,
				"lets people in that Azure doesn't know")
		}),
	},
	{
		id:      "cluster-private",
		title:   "The cluster's API is private, has no local accounts, and takes its permissions from Azure",
		sources: []string{"NS-2", "IM-1", "PA-7", "SE:05", "SE:06"},
		check: each("containerservice:ManagedCluster", func(_ estate, n node) []violation {
			return slices.Concat(
				demand(n.at("apiServerAccessProfile", "enablePrivateCluster") == true, n, "has a public API"),
				demand(n.at("disableLocalAccounts") == true, n, "has local accounts"),
				demand(n.at("enableRBAC") == true && n.at("aadProfile", "managed") == true &&
					n.at("aadProfile", "enableAzureRBAC") == true, n,
					"takes its permissions from elsewhere"),
			)
		}),
	},
	{
		id: "machines-trusted", title: "Machines start trusted code only, and take SSH keys, never passwords",
		sources: []string{"PV-3", "IM-6", "SE:08"},
		check: each("compute:VirtualMachine", func(_ estate, n node) []violation {
			uefi, linux := n.at("securityProfile", "uefiSettings"), n.at("osProfile", "linuxConfiguration")
			return slices.Concat(
				demand(n.text("securityProfile", "securityType") == "TrustedLaunch" &&
					at(uefi, "secureBootEnabled") == true && at(uefi, "vTpmEnabled") == true, n,
					"starts anything"),
				demand(at(linux, "disablePasswordAuthentication") == true && n.at("osProfile", "adminPassword") == nil,
					n, "takes passwords"),
				demand(len(list(at(linux, "ssh", "publicKeys"))) > 0, n, "has no SSH key"),
			)
		}),
	},
	{
		id: "secrets-marked",
		title: "No secret is in an input that is not marked secret, by what the mocks plant, by known patterns, " +
			"and by names like password",
		sources: []string{"IM-8", "DP-6", "SE:09"},
		check:   inlineSecrets,
	},
}

// reviewedRole is a built-in role of Azure that identities may hold, at some kinds of resources, for a reason.
// docs/policies.md has the same table.
type reviewedRole struct {
	name string
	at   []string
	why  string
}

// reviewedRoles are all of them, by the GUID of their definition.
var reviewedRoles = map[string]reviewedRole{
	"f1a07417-d97a-45cb-824c-7a7467783830": {"Managed Identity Operator",
		[]string{"managedidentity:UserAssignedIdentity"}, "the control plane gives the nodes their identity"},
	"4d97b98b-1d4f-4787-a291-c67834d212e7": {"Network Contributor", []string{"network:Subnet"},
		"the control plane joins nodes and an internal load balancer to its subnet"},
	"2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": {"Storage Blob Data Reader",
		[]string{"storage:StorageAccount", "storage:BlobContainer"}, "nodes and Flux fetch what they run"},
	"ba92f5b4-2d11-453d-a403-e96b0029c9fe": {"Storage Blob Data Contributor", []string{"storage:BlobContainer"},
		"the node that builds the broker leaves it for the others"},
	"7efff54f-a5b4-42b5-a1c5-5411624893ce": {"Disk Snapshot Contributor", []string{"resources:ResourceGroup"},
		"the control plane keeps the snapshots of the brokers' volumes"},
	"7f951dda-4ed3-4680-a7ca-43fe172d538d": {"AcrPull", []string{"containerregistry:Registry"},
		"containers are pulled by identity"},
	"577a9874-89fd-4f24-9dbd-b5034d0ad23a": {"Container Registry Data Importer and Data Reader",
		[]string{"containerregistry:Registry"}, "the mirror script copies images in"},
	"4633458b-17de-408a-b874-0445c86b69e6": {"Key Vault Secrets User", []string{"keyvault:Vault"},
		"brokers and the gateway read passwords and the certificate"},
	"a4417e6f-fecd-4de8-b567-7b0420556985": {"Key Vault Certificates Officer", []string{"keyvault:Vault"},
		"the script of self-signed stacks makes the certificate"},
}

// isBackupGroup knows the resource group that holds snapshots alone.
func isBackupGroup(n node) bool {
	return n.kind == "resources:ResourceGroup" && strings.HasSuffix(n.Name, "-backup-group")
}

var foreignScope = regexp.MustCompile(
	`(?i)^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.([^/]+/[^/]+)/[^/]+$`)

// scopeKind is the kind of the resource that a scope is, "" for none. A resource of another stack is known by its ARM
// id.
func scopeKind(e estate, scope string) string {
	if n, known := e.byID(scope); known && n.kind != "resources:ResourceGroup" {
		return n.kind
	}
	if foreign := foreignScope.FindStringSubmatch(scope); foreign != nil {
		kinds := map[string]string{"keyvault/vaults": "keyvault:Vault",
			"containerregistry/registries": "containerregistry:Registry"}
		return kinds[strings.ToLower(foreign[1])]
	}
	return ""
}

// plantedSecrets are what the mocks and the deployments of these tests put where Azure and the team have secrets.
var plantedSecrets = []string{"random-password", "insights-key", "managed-key", "classic-key", "dGhlLWxpY2VuY2U=",
	"dGhlLW90aGVyLWxpY2VuY2U="}

var secretPatterns = map[string]*regexp.Regexp{
	"an account key":        regexp.MustCompile(`(?i)(Account|SharedAccess|Instrumentation)Key=[^;\s]+`),
	"a shared access token": regexp.MustCompile(`[?&]sig=[A-Za-z0-9%+/]{20,}`),
	"a private key":         regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----\s*[A-Za-z0-9+/]{20,}`),
	"a password in a URL":   regexp.MustCompile(`[a-z]://[^/\s:@"']+:[^/\s@$"'{]{3,}@`),
	"a connection string":   regexp.MustCompile(`(?i)\b(password|pwd)=[^;\s$"'{<]{6,};`),
	"a token of some service": regexp.MustCompile(
		`\b(eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{30,})`),
}

// secretKey is the name of something whose value is a secret, not of something that only names one.
var secretKey = regexp.MustCompile(
	`(?i)(password|passwd|cookie|(access|account|shared|storage|primary|secondary|api)key|_key|secret|token|` +
		`connection_?string|licen[cs]e)$`)

func inlineSecrets(e estate) []violation {
	var found []violation
	for _, n := range e.azure() {
		for _, s := range n.strings() {
			if s.secret {
				continue
			}
			value := s.value
			if decoded, err := base64.StdEncoding.DecodeString(value); err == nil && s.key == "customData" {
				value = string(decoded)
			}
			for _, planted := range plantedSecrets {
				found = append(found, demand(!strings.Contains(value, planted), n, "%s holds %s in the clear", s.key, planted)...)
			}
			for what, pattern := range secretPatterns {
				found = append(found, demand(!pattern.MatchString(value), n, "%s holds %s in the clear", s.key, what)...)
			}
			found = append(found, demand(value == "" || !secretKey.MatchString(s.key), n, "%s is in the clear", s.key)...)
		}
	}
	return found
}
