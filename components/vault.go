package components

import (
	"crypto/rand"
	"fmt"
	"strings"

	keyvault "github.com/pulumi/pulumi-azure-native-sdk/keyvault/v2/v20230201"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const vaultType = "amora:foundation:Vault"

// Everything that touches Key Vault's management API is in this file: versions before 2026-02-01 end on 2027-02-27, and
// the azure-native SDK of this program has none newer, so one day it moves to the generic resources.Resource from here.

// VaultArgs is what a Vault is made of.
type VaultArgs struct {
	Placement
	Name            pulumi.StringInput // 3 to 24 letters, digits and hyphens, unique in all of Azure
	TenantID        pulumi.StringInput
	Link            *PrivateLink // nil: it has a public address
	PurgeProtection bool         // a deleted vault can't be purged before its 90 days are over; never switched off again
	Guard           Guard
}

// Vault is the Key Vault of a stack: RBAC only, soft delete always on.
type Vault struct {
	pulumi.ResourceState

	ID   pulumi.StringOutput `pulumi:"id"`
	Name pulumi.StringOutput `pulumi:"name"`
	URI  pulumi.StringOutput `pulumi:"uri"` // "https://NAME.vault.azure.net/"

	reachable []pulumi.Resource // what reads secrets waits for these
	protect   bool              // neither it nor what is in it for good may be deleted
}

// NewVault registers the vault.
func NewVault(ctx *pulumi.Context, name string, args *VaultArgs, opts ...pulumi.ResourceOption) (*Vault, error) {
	v := &Vault{}
	if err := ctx.RegisterComponentResourceV2(vaultType, name,
		pulumi.Map{"purgeProtection": pulumi.Bool(args.PurgeProtection)}, v, opts...); err != nil {
		return nil, err
	}
	properties := &keyvault.VaultPropertiesArgs{
		TenantId:                  args.TenantID,
		Sku:                       &keyvault.SkuArgs{Family: pulumi.String("A"), Name: keyvault.SkuNameStandard},
		EnableRbacAuthorization:   pulumi.Bool(true),
		EnableSoftDelete:          pulumi.Bool(true),
		SoftDeleteRetentionInDays: pulumi.Int(90),
		PublicNetworkAccess:       publicNetworkAccess(args.Link),
	}
	if args.PurgeProtection {
		properties.EnablePurgeProtection = pulumi.Bool(true) // Azure takes true or nothing, never false
	}
	vault, err := keyvault.NewVault(ctx, name+"-vault", &keyvault.VaultArgs{
		ResourceGroupName: args.ResourceGroup,
		VaultName:         args.Name,
		Location:          pulumi.String(args.Location),
		Properties:        properties,
		Tags:              args.tags(),
	}, args.Guard.options(pulumi.Parent(v), "resourceGroupName", "vaultName", "location")...)
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	if args.Link != nil {
		names, err := newPrivateEndpoint(ctx, name, privateService{
			Placement: args.Placement, link: *args.Link, name: pulumi.Sprintf("%s-vault", args.Name), id: vault.ID(),
			groupID: "vault", zone: "privatelink.vaultcore.azure.net",
		}, pulumi.Parent(v))
		if err != nil {
			return nil, err
		}
		v.reachable = []pulumi.Resource{names}
	}
	if err := newDiagnostics(ctx, name, args.Placement, vault.ID(), allLogs, pulumi.Parent(v)); err != nil {
		return nil, err
	}
	v.ID, v.protect = vault.ID().ToStringOutput(), args.Guard.Protect
	v.Name = args.Guard.kept("vault", "name", args.Name, vault.Name)
	v.URI = pulumi.Sprintf("https://%s.vault.azure.net/", v.Name)
	return v, ctx.RegisterResourceOutputs(v, pulumi.Map{"id": v.ID, "name": v.Name, "uri": v.URI})
}

// SecretID is the ARM id of a secret in the vault, by its URL.
func (v *Vault) SecretID(url pulumi.StringInput) pulumi.StringOutput {
	return pulumi.All(v.ID, url).ApplyT(func(values []any) string {
		return values[0].(string) + "/secrets/" + secretName(values[1].(string))
	}).(pulumi.StringOutput)
}

// newBrokerSecret puts a secret of one broker into the vault and gives back the URL under which Azure services read its
// newest version. It stays in the vault when the broker goes, so that each gets another name: the broker may come back.
// So may the replica of a region.
func newBrokerSecret(ctx *pulumi.Context, name string, place Placement, v *Vault, secret string,
	value pulumi.StringInput, parent pulumi.ResourceOption) (pulumi.StringOutput, error) {
	s, err := newBrokerSecretVersion(ctx, name, place, v, secret, value, parent)
	return s.newest, err
}

// storedSecret is a secret in the vault, by the URLs under which Azure services read it.
type storedSecret struct {
	newest pulumi.StringOutput // its newest version …
	pinned pulumi.StringOutput // … and the one of this deployment: who reads that takes another one by a deployment only
}

// putSecret puts a secret into the vault, under that name or one that begins with it.
type putSecret func(ctx *pulumi.Context, name string, place Placement, v *Vault, secret string,
	value pulumi.StringInput, parent pulumi.ResourceOption) (storedSecret, error)

// newBrokerSecretVersion is newBrokerSecret for one that may rotate. The end of its name is another one for each secret
// that is made, and is not kept apart from it: a run that is cut off could leave the one without the other, and the
// next one would find the name taken.
func newBrokerSecretVersion(ctx *pulumi.Context, name string, place Placement, v *Vault, secret string,
	value pulumi.StringInput, parent pulumi.ResourceOption) (storedSecret, error) {
	unique := secret + "-" + strings.ToLower(rand.Text()[:6])
	return newNamedSecret(ctx, name, place, v, unique, value,
		pulumi.Composite(parent, pulumi.IgnoreChanges([]string{"secretName"})))
}

// newNamedSecret puts a value into the vault under the name that it is given.
func newNamedSecret(ctx *pulumi.Context, name string, place Placement, v *Vault, secret string,
	value pulumi.StringInput, opts pulumi.ResourceOption) (storedSecret, error) {
	s, err := keyvault.NewSecret(ctx, name, &keyvault.SecretArgs{
		ResourceGroupName: place.ResourceGroup,
		VaultName:         v.Name,
		SecretName:        pulumi.String(secret),
		Properties:        &keyvault.SecretPropertiesArgs{Value: pulumi.ToSecret(value).(pulumi.StringOutput)},
		Tags:              place.tags(),
		// Azure Resource Manager deletes no secrets. azure-native would ask the vault itself, from where this program
		// runs: a closed vault does not answer, and an open one wants a role that nobody needs otherwise. What stays
		// opens nothing any more, and goes with the vault.
	}, opts, pulumi.RetainOnDelete(true))
	if err != nil {
		return storedSecret{}, fmt.Errorf("vault secret %s: %w", name, err)
	}
	// A preview would show the version of before.
	pinned := pulumi.All(s.Properties.SecretUriWithVersion(), value).ApplyT(func(v []any) string { return v[0].(string) })
	return storedSecret{
		newest: pulumi.Sprintf("%ssecrets/%s", v.URI, s.Name),
		pinned: pulumi.Unsecret(pinned.(pulumi.StringOutput)).(pulumi.StringOutput),
	}, nil
}

// secretName is the name in a secret's URL.
func secretName(url string) string { return url[strings.LastIndex(url, "/")+1:] }
