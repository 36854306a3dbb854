package components

import (
	"fmt"

	locks "github.com/pulumi/pulumi-azure-native-sdk/authorization/v2/v20200501"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	directory "github.com/amora-sync/mqtt-on-azure/internal/azurenative/azureactivedirectory"
)

const securityType = "amora:operations:Security"

// Lock keeps what is at its scope from being deleted, by whomever, and everything that this is in.
type Lock struct {
	Name  string
	Scope pulumi.StringInput // ARM id
	Notes string             // why, for whoever meets it
}

// Tenant is a new Azure AD B2C tenant. Azure sells them to customers that had one before 2025-05-01 only.
type Tenant struct {
	Name        string // "contoso" of contoso.onmicrosoft.com
	CountryCode string // two letters; where its data is follows from it, and can't be changed
	Location    string // such as "Europe"
}

func (t *Tenant) domain() string { return t.Name + ".onmicrosoft.com" }

// SecurityArgs is what a Security is made of.
type SecurityArgs struct {
	Placement
	Locks  []Lock
	Tenant *Tenant // nil: none is made
	Guard  Guard   // of the tenant
}

// Security is what holds for a stack as a whole: what can't be deleted, and the directory in which its clients are.
type Security struct {
	pulumi.ResourceState

	TenantID pulumi.StringOutput `pulumi:"tenantId"` // of the new tenant, "" for none
}

// NewSecurity registers the locks and the tenant.
func NewSecurity(ctx *pulumi.Context, name string, args *SecurityArgs, opts ...pulumi.ResourceOption) (*Security,
	error) {
	s := &Security{TenantID: pulumi.String("").ToStringOutput()}
	if err := ctx.RegisterComponentResourceV2(securityType, name, pulumi.Map{"locks": pulumi.Int(len(args.Locks))}, s,
		opts...); err != nil {
		return nil, err
	}
	for _, lock := range args.Locks {
		if _, err := locks.NewManagementLockByScope(ctx, name+"-"+lock.Name, &locks.ManagementLockByScopeArgs{
			Scope:    lock.Scope,
			LockName: pulumi.String(lock.Name),
			Level:    pulumi.String("CanNotDelete"),
			Notes:    pulumi.String(lock.Notes),
		}, pulumi.Parent(s)); err != nil {
			return nil, fmt.Errorf("lock %s: %w", lock.Name, err)
		}
	}
	if args.Tenant != nil {
		tenant, err := newTenant(ctx, name, args, pulumi.Parent(s))
		if err != nil {
			return nil, fmt.Errorf("tenant: %w", err)
		}
		named := args.Guard.kept("tenant", "name", pulumi.String(args.Tenant.domain()), tenant.Name)
		s.TenantID = pulumi.All(tenant.TenantId.Elem(), named).
			ApplyT(func(v []any) string { return v[0].(string) }).(pulumi.StringOutput)
	}
	return s, ctx.RegisterResourceOutputs(s, pulumi.Map{"tenantId": s.TenantID})
}

func newTenant(ctx *pulumi.Context, name string, args *SecurityArgs, parent pulumi.ResourceOption) (
	*directory.B2CTenant, error) {
	return directory.NewB2CTenant(ctx, name+"-tenant", &directory.B2CTenantArgs{
		ResourceGroupName: args.ResourceGroup,
		ResourceName:      pulumi.String(args.Tenant.domain()),
		Location:          pulumi.String(args.Tenant.Location),
		CountryCode:       pulumi.String(args.Tenant.CountryCode),
		DisplayName:       pulumi.String(args.Tenant.Name),
		Sku:               directory.B2CResourceSKUArgs{Name: pulumi.String("PremiumP1"), Tier: pulumi.String("A0")},
		Tags:              args.tags(),
	}, args.Guard.options(parent, "resourceGroupName", "resourceName", "location", "countryCode", "displayName")...)
}
