package components

import (
	authorization "github.com/pulumi/pulumi-azure-native-sdk/authorization/v2/v20220401"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Azure's built-in roles that the platform hands out, each at the scope of one resource.
const (
	roleManagedIdentityOperator    = "f1a07417-d97a-45cb-824c-7a7467783830" // Managed Identity Operator
	roleNetworkContributor         = "4d97b98b-1d4f-4787-a291-c67834d212e7" // Network Contributor
	roleStorageBlobDataReader      = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1" // Storage Blob Data Reader
	roleStorageBlobDataContributor = "ba92f5b4-2d11-453d-a403-e96b0029c9fe" // Storage Blob Data Contributor
	roleAcrPull                    = "7f951dda-4ed3-4680-a7ca-43fe172d538d" // AcrPull
	// Container Registry Data Importer and Data Reader
	roleRegistryImport              = "577a9874-89fd-4f24-9dbd-b5034d0ad23a"
	roleDiskSnapshotContributor     = "7efff54f-a5b4-42b5-a1c5-5411624893ce" // Disk Snapshot Contributor
	roleKeyVaultSecretsUser         = "4633458b-17de-408a-b874-0445c86b69e6" // Key Vault Secrets User
	roleKeyVaultCertificatesOfficer = "a4417e6f-fecd-4de8-b567-7b0420556985" // Key Vault Certificates Officer
)

// grant is one role of one managed identity at one resource.
type grant struct {
	principal    pulumi.StringOutput // object id of a managed identity
	role         string              // GUID of a built-in role
	scope        pulumi.StringInput  // ARM id
	subscription pulumi.StringInput  // subscription id
}

// newGrant registers a role assignment. Its name follows from scope, role and principal, so that a new identity gets a
// new one.
func newGrant(ctx *pulumi.Context, name string, g grant, parent pulumi.ResourceOption) (*authorization.RoleAssignment,
	error) {
	return authorization.NewRoleAssignment(ctx, name, &authorization.RoleAssignmentArgs{
		RoleAssignmentName: pulumi.All(g.scope.ToStringOutput(), g.principal).ApplyT(func(v []any) string {
			return guid(v[0].(string), g.role, v[1].(string))
		}).(pulumi.StringOutput),
		PrincipalId: g.principal,
		// Without the type, Azure looks a new identity up in a directory that may not have it yet.
		PrincipalType: pulumi.String("ServicePrincipal"),
		RoleDefinitionId: pulumi.Sprintf("/subscriptions/%s/providers/Microsoft.Authorization/roleDefinitions/%s",
			g.subscription, g.role),
		Scope: g.scope,
	}, parent)
}
