package components

import (
	"fmt"

	managedidentity "github.com/pulumi/pulumi-azure-native-sdk/managedidentity/v2/v20230131"
	scripts "github.com/pulumi/pulumi-azure-native-sdk/resources/v2/v20201001"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

const certificateType = "amora:foundation:Certificate"

// selfSignedName is the certificate's name in the stack's own vault.
const selfSignedName = "mqtt-tls"

// CertificateArgs is what a Certificate is made of.
type CertificateArgs struct {
	Placement
	Name           string   // prefix of the names of the script and its identity
	Domains        []string // host names the certificate is for
	SecretURL      string   // the team's own certificate, read as a secret; "" makes a self-signed one in Vault
	VaultID        string   // ARM id of the vault that holds the team's own certificate
	Vault          *Vault
	SubscriptionID pulumi.StringInput
}

// Certificate is the one TLS certificate of a stack, in a Key Vault.
type Certificate struct {
	pulumi.ResourceState

	SecretURL pulumi.StringOutput `pulumi:"secretUrl"` // newest version, PEM or PKCS#12 as the vault holds it
	VaultID   pulumi.StringOutput `pulumi:"vaultId"`   // what reads it needs Key Vault Secrets User there
	External  bool                // VaultID is not the stack's own vault

	domains   []string          // host names that it has to be for
	reachable []pulumi.Resource // what reads the certificate waits for these
}

// host is the name that clients of MQTT over TLS use.
func (c *Certificate) host() string {
	if len(c.domains) == 0 {
		return ""
	}
	return c.domains[0]
}

// NewCertificate registers the certificate: the team's own as it is, or a self-signed one that a deployment script
// makes in the vault when it is absent, because azure-native has no resource for certificates.
func NewCertificate(ctx *pulumi.Context, name string, args *CertificateArgs, opts ...pulumi.ResourceOption) (
	*Certificate, error) {
	c := &Certificate{domains: args.Domains}
	if err := ctx.RegisterComponentResourceV2(certificateType, name,
		pulumi.Map{"domains": pulumi.ToStringArray(args.Domains)}, c, opts...); err != nil {
		return nil, err
	}
	if args.SecretURL != "" {
		c.External = true
		c.SecretURL, c.VaultID = pulumi.String(args.SecretURL).ToStringOutput(), pulumi.String(args.VaultID).ToStringOutput()
	} else {
		script, err := newScript(ctx, name, scriptArgs{
			Placement: args.Placement,
			name:      args.Name + "-certificate",
			content:   assets.SelfSignedScript,
			variables: []variable{
				{"VAULT_NAME", args.Vault.Name},
				{"CERTIFICATE_NAME", pulumi.String(selfSignedName)},
				{"DOMAINS", pulumi.String(joinWords(args.Domains))},
			},
			role: roleKeyVaultCertificatesOfficer, scope: args.Vault.ID, subscription: args.SubscriptionID,
		}, pulumi.Parent(c))
		if err != nil {
			return nil, fmt.Errorf("self-signed certificate: %w", err)
		}
		// The URL is known before the certificate is there: what reads it waits for the script through it.
		c.SecretURL = pulumi.All(args.Vault.URI, script.ID()).ApplyT(func(v []any) string {
			return v[0].(string) + "secrets/" + selfSignedName
		}).(pulumi.StringOutput)
		c.VaultID, c.reachable = args.Vault.ID, args.Vault.reachable
	}
	return c, ctx.RegisterResourceOutputs(c, pulumi.Map{"secretUrl": c.SecretURL, "vaultId": c.VaultID})
}

// azCLIVersion is the Azure CLI image that deployment scripts run in.
const azCLIVersion = "2.67.0"

type variable struct {
	name  string
	value pulumi.StringInput
}

type scriptArgs struct {
	Placement
	name         string // of the script and its identity
	content      string
	variables    []variable
	role         string // what the script may do …
	scope        pulumi.StringInput
	subscription pulumi.StringInput
}

// newScript runs an Azure CLI script once, and again when its text or variables change, under an identity of its own
// with one role at one resource.
func newScript(ctx *pulumi.Context, name string, args scriptArgs, parent pulumi.ResourceOption) (
	*scripts.AzureCliScript, error) {
	identity, err := managedidentity.NewUserAssignedIdentity(ctx, name+"-script-identity",
		&managedidentity.UserAssignedIdentityArgs{
			ResourceGroupName: args.ResourceGroup,
			ResourceName:      pulumi.String(args.name),
			Location:          pulumi.String(args.Location),
			Tags:              args.tags(),
		}, parent)
	if err != nil {
		return nil, err
	}
	role, err := newGrant(ctx, name+"-script-role",
		grant{identity.PrincipalId, args.role, args.scope, args.subscription}, parent)
	if err != nil {
		return nil, err
	}
	environment := make(scripts.EnvironmentVariableArray, 0, len(args.variables))
	for _, v := range args.variables {
		environment = append(environment, &scripts.EnvironmentVariableArgs{Name: pulumi.String(v.name),
			Value: v.value.ToStringOutput().ToStringPtrOutput()})
	}
	return scripts.NewAzureCliScript(ctx, name+"-script", &scripts.AzureCliScriptArgs{
		ResourceGroupName: args.ResourceGroup,
		ScriptName:        pulumi.String(args.name),
		Location:          pulumi.String(args.Location),
		Kind:              pulumi.String("AzureCLI"),
		AzCliVersion:      pulumi.String(azCLIVersion),
		ScriptContent:     pulumi.String(args.content),
		// A deployment script with the tag it last ran with does not run again.
		ForceUpdateTag:       forceUpdateTag(args.content, args.variables),
		EnvironmentVariables: environment,
		Identity: &scripts.ManagedServiceIdentityArgs{
			Type: pulumi.String("UserAssigned"), UserAssignedIdentities: pulumi.StringArray{identity.ID()},
		},
		CleanupPreference: pulumi.String("OnSuccess"),
		RetentionInterval: pulumi.String("PT1H"),
		Timeout:           pulumi.String("PT30M"),
		Tags:              args.tags(),
	}, parent, pulumi.DependsOn([]pulumi.Resource{role}))
}

func forceUpdateTag(content string, variables []variable) pulumi.StringOutput {
	values := make([]any, 0, len(variables))
	for _, v := range variables {
		values = append(values, v.value)
	}
	return pulumi.All(values...).ApplyT(func(values []any) string {
		parts := []string{content}
		for _, v := range values {
			parts = append(parts, v.(string))
		}
		return guid(parts...)
	}).(pulumi.StringOutput)
}
