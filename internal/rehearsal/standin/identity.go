package standin

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// builtinRoles are the role definitions that may be assigned, by GUID.
var builtinRoles = map[string]string{
	"8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
	"b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
	"acdd72a7-3385-48ef-bd42-f606fba81ae7": "Reader",
	"18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": "User Access Administrator",
	"f1a07417-d97a-45cb-824c-7a7467783830": "Managed Identity Operator",
	"4d97b98b-1d4f-4787-a291-c67834d212e7": "Network Contributor",
	"3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
	"73c42c96-874c-492b-b04d-ab87d138a893": "Log Analytics Reader",
	"69566ab7-960f-475b-8e7c-b3118f30c6bd": "Storage File Data Privileged Contributor",
	"ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
	"2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "Storage Blob Data Reader",
	"7efff54f-a5b4-42b5-a1c5-5411624893ce": "Disk Snapshot Contributor",
	"7f951dda-4ed3-4680-a7ca-43fe172d538d": "AcrPull",
	"8311e382-0749-4cb8-b61a-304f252e45ec": "AcrPush",
	"577a9874-89fd-4f24-9dbd-b5034d0ad23a": "Container Registry Data Importer and Data Reader",
	"00482a5a-887f-4fb3-b363-3b7fe8e74483": "Key Vault Administrator",
	"21090545-7ca7-4776-b22c-e363652d74d2": "Key Vault Reader",
	"4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
	"b86a8fe4-44ce-4948-aee5-eccb2c155cd7": "Key Vault Secrets Officer",
	"db79e9a7-68ee-4b58-9aeb-b90e7c24fcba": "Key Vault Certificate User",
	"a4417e6f-fecd-4de8-b567-7b0420556985": "Key Vault Certificates Officer",
}

var guidPattern = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// The roles that allow something, by name.
var (
	rolesToPull = []string{"AcrPull", "AcrPush", "Reader", "Contributor", "Owner",
		"Container Registry Data Importer and Data Reader"}
	rolesToImport      = []string{"Contributor", "Owner", "Container Registry Data Importer and Data Reader"}
	rolesToReadSecrets = []string{"Key Vault Secrets User", "Key Vault Secrets Officer",
		"Key Vault Certificate User", "Key Vault Administrator"}
	rolesToDeleteSecrets    = []string{"Key Vault Secrets Officer", "Key Vault Administrator"}
	rolesToMakeCertificates = []string{"Key Vault Certificates Officer", "Key Vault Administrator"}
)

var identityKinds = []*kind{
	{
		token: "managedidentity:UserAssignedIdentity", arm: "Microsoft.ManagedIdentity/userAssignedIdentities",
		path: []string{"resourceName"}, located: true, latency: 5 * time.Second,
		naming: naming{pattern: regexp.MustCompile(`^[A-Za-z0-9][\w-]{2,127}$`),
			rule: "3 to 128 letters, digits, hyphens and underscores, starting with a letter or digit"},
		compute: func(_ *World, r *Resource) map[string]any {
			return map[string]any{"principalId": guid(r.ID, "principal"), "clientId": guid(r.ID, "client"), "tenantId": tenantID}
		},
	},
	{
		token:    "managedidentity:FederatedIdentityCredential",
		arm:      "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials",
		path:     []string{"resourceName", "federatedIdentityCredentialResourceName"},
		required: []string{"issuer", "subject", "audiences"}, latency: 5 * time.Second,
		naming: naming{pattern: regexp.MustCompile(`^[A-Za-z0-9][\w-]{2,119}$`),
			rule: "3 to 120 letters, digits, hyphens and underscores, starting with a letter or digit", auto: autoCopy},
		alone: parentID, admit: admitFederation,
	},
	{
		token: "authorization:RoleAssignment", arm: "Microsoft.Authorization/roleAssignments",
		path: []string{"scope", "roleAssignmentName"}, required: []string{"principalId", "roleDefinitionId"},
		fixed: []string{"*"}, latency: 10 * time.Second,
		naming: naming{
			pattern: guidPattern, rule: "a GUID", auto: autoGUID,
		},
		enums: map[string][]string{"principalType": {"User", "Group", "ServicePrincipal", "ForeignGroup", "Device"}},
		identify: func(in props) string {
			if in.str("scope") == "" || in.str("roleAssignmentName") == "" {
				return ""
			}
			return strings.TrimRight(in.str("scope"), "/") + "/providers/Microsoft.Authorization/roleAssignments/" +
				in.str("roleAssignmentName")
		},
		echoed: []string{"scope"}, admit: admitRole,
	},
}

func admitFederation(w *World, r, _ *Resource) error {
	if !strings.HasPrefix(r.in().str("issuer"), "https://") {
		return refusal("BadRequest", "The issuer '%s' is no https URL.", r.in().str("issuer"))
	}
	for _, other := range w.each("managedidentity:FederatedIdentityCredential") {
		if parentID(other.ID) == parentID(r.ID) && fold(other.ID) != fold(r.ID) && other.in().str("issuer") == r.in().
			str("issuer") && other.in().str("subject") == r.in().str("subject") {
			return refusal("BadRequest", "Issuer and subject combination already exists for this Managed Identity.")
		}
	}
	return nil
}

func admitRole(w *World, r, old *Resource) error {
	principal := r.in().str("principalId")
	if !strings.EqualFold(typeOf(r.in().str("roleDefinitionId")), "Microsoft.Authorization/roleDefinitions") {
		return refusal("RoleDefinitionDoesNotExist", "The specified role definition with ID '%s' does not exist.",
			r.in().str("roleDefinitionId"))
	}
	if principal != objectID && r.in().str("principalType") == "ServicePrincipal" && !w.hasPrincipal(principal) {
		return refusal("PrincipalNotFound",
			"Principal %s does not exist in the directory %s. Check that you have the correct principal ID.", principal,
			tenantID)
	}
	for _, other := range w.each("authorization:RoleAssignment") {
		same := fold(other.ID) != fold(r.ID) && fold(scopeOf(other)) == fold(scopeOf(r)) && other.in().
			str("principalId") == principal &&
			strings.EqualFold(lastSegment(other.in().str("roleDefinitionId")), lastSegment(r.in().str("roleDefinitionId")))
		if same {
			return refusal("RoleAssignmentExists",
				"The role assignment already exists. The ID of the existing role assignment is %s.", other.name())
		}
	}
	if old == nil {
		w.newRoles[fold(r.ID)] = true
	}
	return nil
}

// hasPrincipal knows the identities in the world, assigned by the user or by the system.
func (w *World) hasPrincipal(principal string) bool {
	return slices.ContainsFunc(w.all(), func(r *Resource) bool {
		return r.out().str("principalId") == principal &&
			unversioned(r.Type) != "azure-native:authorization:RoleAssignment" ||
			r.out().str("identity.principalId") == principal
	})
}

// may tells whether an identity has one of some roles at a resource or above it, and the resource's service knows that.
// An identity that was given is taken on trust.
func (w *World) may(identity string, roles []string, resource string) bool {
	if w.find(identity) == nil {
		return w.given[fold(identity)]
	}
	return w.principalMay(w.find(identity).out().str("principalId"), roles, resource)
}

// mayInTime is may for what tries again until a new role is known.
func (w *World) mayInTime(identity string, roles []string, resource string) bool {
	slow := w.slowRoles
	w.slowRoles = false
	defer func() { w.slowRoles = slow }()
	return w.may(identity, roles, resource)
}

func (w *World) principalMay(principal string, roles []string, resource string) bool {
	return slices.ContainsFunc(w.each("authorization:RoleAssignment"), func(a *Resource) bool {
		role := builtinRoles[strings.ToLower(lastSegment(a.in().str("roleDefinitionId")))]
		known := !w.slowRoles || !w.newRoles[fold(a.ID)]
		return known && a.in().str("principalId") == principal && slices.Contains(roles, role) && within(resource, scopeOf(a))
	})
}
