package components

import (
	"fmt"

	resources "github.com/pulumi/pulumi-azure-native-sdk/resources/v2/v20220901"
	"github.com/pulumi/pulumi-random/sdk/v4/go/random"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const baseType = "amora:foundation:Base"

// BaseArgs is what a Base is made of.
type BaseArgs struct {
	Name     string // name of the resource group
	Location string
	Tags     map[string]string
	Guard    Guard
}

// Base is the ground a stack stands on: its resource group, and a random suffix for names that are unique in all of
// Azure.
type Base struct {
	pulumi.ResourceState

	ResourceGroup  pulumi.StringOutput `pulumi:"resourceGroup"`  // name
	Suffix         pulumi.StringOutput `pulumi:"suffix"`         // six lower-case letters and digits
	TenantID       pulumi.StringOutput `pulumi:"tenantId"`       // Entra tenant that is deployed to
	SubscriptionID pulumi.StringOutput `pulumi:"subscriptionId"` // Azure subscription that is deployed to
}

// NewBase registers the resource group of a stack. An edit of its name or location fails: it would delete all that is
// in it.
func NewBase(ctx *pulumi.Context, name string, args *BaseArgs, opts ...pulumi.ResourceOption) (*Base, error) {
	b := &Base{}
	if err := ctx.RegisterComponentResourceV2(baseType, name, pulumi.Map{"location": pulumi.String(args.Location)}, b,
		opts...); err != nil {
		return nil, err
	}
	parent := pulumi.Parent(b)
	group, err := resources.NewResourceGroup(ctx, name+"-group", &resources.ResourceGroupArgs{
		ResourceGroupName: pulumi.String(args.Name),
		Location:          pulumi.String(args.Location),
		Tags:              pulumi.ToStringMap(args.Tags),
	}, args.Guard.options(parent, "resourceGroupName", "location")...)
	if err != nil {
		return nil, fmt.Errorf("resource group: %w", err)
	}
	suffix, err := random.NewRandomString(ctx, name+"-suffix", &random.RandomStringArgs{
		Length: pulumi.Int(6), Upper: pulumi.Bool(false), Special: pulumi.Bool(false),
		// A group that is replaced needs new names: its deleted vault keeps the old one for 90 days.
		Keepers: pulumi.StringMap{"name": pulumi.String(args.Name), "location": pulumi.String(args.Location)},
	}, args.Guard.options(parent, "keepers")...)
	if err != nil {
		return nil, fmt.Errorf("suffix: %w", err)
	}
	if b.TenantID, b.SubscriptionID, err = deployedTo(ctx, parent); err != nil {
		return nil, err
	}
	b.Suffix = suffix.Result

	located := args.Guard.kept("resourceGroup", "location", pulumi.String(args.Location), group.Location)
	named := args.Guard.kept("resourceGroup", "name", pulumi.String(args.Name), group.Name)
	b.ResourceGroup = pulumi.All(named, located).
		ApplyT(func(v []any) string { return v[0].(string) }).(pulumi.StringOutput)
	return b, ctx.RegisterResourceOutputs(b, pulumi.Map{"resourceGroup": b.ResourceGroup, "suffix": b.Suffix})
}

// deployedTo is the tenant and the subscription that azure-native deploys to. The SDK has a function for it only in the
// package with every type of its module, which is slow to compile.
func deployedTo(
	ctx *pulumi.Context, parent pulumi.ResourceOrInvokeOption,
) (tenantID, subscriptionID pulumi.StringOutput, err error) {
	var client struct {
		TenantID       string `pulumi:"tenantId"`
		SubscriptionID string `pulumi:"subscriptionId"`
	}
	if err := ctx.Invoke("azure-native:authorization:getClientConfig", nil, &client, parent); err != nil {
		return tenantID, subscriptionID, fmt.Errorf("tenant and subscription: %w", err)
	}
	return pulumi.String(client.TenantID).ToStringOutput(), pulumi.String(client.SubscriptionID).ToStringOutput(), nil
}
