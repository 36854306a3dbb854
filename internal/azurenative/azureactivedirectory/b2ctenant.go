// Package azureactivedirectory wraps the part of azure-native's azureactivedirectory module that the program uses, in
// the shape of the generated SDK, because that module is published in no version that goes with the others. Replacing
// the import path is all it takes to leave it.
//
// Default API version: 2021-04-01.
package azureactivedirectory

import (
	"errors"
	"reflect"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const pluginVersion = "2.92.3"

// B2CTenant is an Azure AD B2C tenant, linked to the subscription that pays for it. A subscription whose owner had no
// such tenant before 2025-05-01 can't create one.
type B2CTenant struct {
	pulumi.CustomResourceState

	Name     pulumi.StringOutput    `pulumi:"name"`
	TenantId pulumi.StringPtrOutput `pulumi:"tenantId"`
}

// B2CResourceSKUArgs is how a tenant is paid for: name Standard, PremiumP1 or PremiumP2, tier A0.
type B2CResourceSKUArgs struct {
	Name pulumi.StringPtrInput `pulumi:"name"`
	Tier pulumi.StringPtrInput `pulumi:"tier"`
}

type b2cResourceSKU struct {
	Name *string `pulumi:"name"`
	Tier *string `pulumi:"tier"`
}

// ElementType is the plain form of the arguments.
func (B2CResourceSKUArgs) ElementType() reflect.Type {
	return reflect.TypeOf((*b2cResourceSKU)(nil)).Elem()
}

type b2cTenantArgs struct {
	CountryCode       *string           `pulumi:"countryCode"`
	DisplayName       *string           `pulumi:"displayName"`
	Location          *string           `pulumi:"location"`
	ResourceGroupName string            `pulumi:"resourceGroupName"`
	ResourceName      *string           `pulumi:"resourceName"`
	Sku               b2cResourceSKU    `pulumi:"sku"`
	Tags              map[string]string `pulumi:"tags"`
}

// B2CTenantArgs is what a B2CTenant is made of. Location is where its data lives, and no Azure region: United States,
// Europe, Asia Pacific or Australia. ResourceName is the initial domain, such as contoso.onmicrosoft.com.
type B2CTenantArgs struct {
	CountryCode       pulumi.StringPtrInput
	DisplayName       pulumi.StringPtrInput
	Location          pulumi.StringPtrInput
	ResourceGroupName pulumi.StringInput
	ResourceName      pulumi.StringPtrInput
	Sku               B2CResourceSKUArgs
	Tags              pulumi.StringMapInput
}

// ElementType is the plain form of the arguments.
func (B2CTenantArgs) ElementType() reflect.Type { return reflect.TypeOf((*b2cTenantArgs)(nil)).Elem() }

// NewB2CTenant registers an Azure AD B2C tenant.
func NewB2CTenant(ctx *pulumi.Context, name string, args *B2CTenantArgs, opts ...pulumi.ResourceOption) (*B2CTenant,
	error) {
	if args == nil || args.ResourceGroupName == nil {
		return nil, errors.New("invalid value for required argument 'ResourceGroupName'")
	}
	var resource B2CTenant
	opts = append([]pulumi.ResourceOption{pulumi.Version(pluginVersion)}, opts...)
	if err := ctx.RegisterResource("azure-native:azureactivedirectory:B2CTenant", name, args, &resource,
		opts...); err != nil {
		return nil, err
	}
	return &resource, nil
}
