// Package cache wraps the part of azure-native's cache module that the program uses, in the shape of the generated SDK,
// because that module is published in no version that goes with the others. Replacing the import path is all it takes
// to leave it.
//
// Default API version: 2023-04-01.
package cache

import (
	"context"
	"errors"
	"reflect"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const pluginVersion = "2.92.3"

// Redis is an Azure Cache for Redis (Basic, Standard or Premium). A tenant that had none before 2026-04-01 can't create
// one.
type Redis struct {
	pulumi.CustomResourceState

	HostName pulumi.StringOutput `pulumi:"hostName"`
	Name     pulumi.StringOutput `pulumi:"name"`
	SslPort  pulumi.IntOutput    `pulumi:"sslPort"`
}

// SkuArgs is the size of a cache: name Basic, Standard or Premium, family C or P, capacity 0 to 6.
type SkuArgs struct {
	Capacity pulumi.IntInput    `pulumi:"capacity"`
	Family   pulumi.StringInput `pulumi:"family"`
	Name     pulumi.StringInput `pulumi:"name"`
}

type sku struct {
	Capacity int    `pulumi:"capacity"`
	Family   string `pulumi:"family"`
	Name     string `pulumi:"name"`
}

// ElementType is the plain form of the arguments.
func (SkuArgs) ElementType() reflect.Type { return reflect.TypeOf((*sku)(nil)).Elem() }

type redisArgs struct {
	EnableNonSslPort    *bool             `pulumi:"enableNonSslPort"`
	Location            *string           `pulumi:"location"`
	MinimumTlsVersion   *string           `pulumi:"minimumTlsVersion"`
	Name                *string           `pulumi:"name"`
	PublicNetworkAccess *string           `pulumi:"publicNetworkAccess"`
	RedisVersion        *string           `pulumi:"redisVersion"`
	ResourceGroupName   string            `pulumi:"resourceGroupName"`
	Sku                 sku               `pulumi:"sku"`
	Tags                map[string]string `pulumi:"tags"`
}

// RedisArgs is what a Redis is made of.
type RedisArgs struct {
	EnableNonSslPort    pulumi.BoolPtrInput
	Location            pulumi.StringPtrInput
	MinimumTlsVersion   pulumi.StringPtrInput
	Name                pulumi.StringPtrInput
	PublicNetworkAccess pulumi.StringPtrInput
	RedisVersion        pulumi.StringPtrInput
	ResourceGroupName   pulumi.StringInput
	Sku                 SkuArgs
	Tags                pulumi.StringMapInput
}

// ElementType is the plain form of the arguments.
func (RedisArgs) ElementType() reflect.Type { return reflect.TypeOf((*redisArgs)(nil)).Elem() }

// NewRedis registers an Azure Cache for Redis.
func NewRedis(ctx *pulumi.Context, name string, args *RedisArgs, opts ...pulumi.ResourceOption) (*Redis, error) {
	if args == nil || args.ResourceGroupName == nil {
		return nil, errors.New("invalid value for required argument 'ResourceGroupName'")
	}
	var resource Redis
	opts = append([]pulumi.ResourceOption{pulumi.Version(pluginVersion)}, opts...)
	if err := ctx.RegisterResource("azure-native:cache:Redis", name, args, &resource, opts...); err != nil {
		return nil, err
	}
	return &resource, nil
}

// ListRedisKeysArgs names the cache whose access keys are read.
type ListRedisKeysArgs struct {
	Name              string `pulumi:"name"`
	ResourceGroupName string `pulumi:"resourceGroupName"`
}

// ListRedisKeysOutputArgs names the cache whose access keys are read.
type ListRedisKeysOutputArgs struct {
	Name              pulumi.StringInput `pulumi:"name"`
	ResourceGroupName pulumi.StringInput `pulumi:"resourceGroupName"`
}

// ElementType is the plain form of the arguments.
func (ListRedisKeysOutputArgs) ElementType() reflect.Type {
	return reflect.TypeOf((*ListRedisKeysArgs)(nil)).Elem()
}

// ListRedisKeysResult holds the access keys.
type ListRedisKeysResult struct {
	PrimaryKey   string `pulumi:"primaryKey"`
	SecondaryKey string `pulumi:"secondaryKey"`
}

// ListRedisKeysResultOutput is a ListRedisKeysResult to come.
type ListRedisKeysResultOutput struct{ *pulumi.OutputState }

// ElementType is the plain form of the output.
func (ListRedisKeysResultOutput) ElementType() reflect.Type {
	return reflect.TypeOf((*ListRedisKeysResult)(nil)).Elem()
}

// PrimaryKey is the first access key.
func (o ListRedisKeysResultOutput) PrimaryKey() pulumi.StringOutput {
	return o.ApplyT(func(v ListRedisKeysResult) string { return v.PrimaryKey }).(pulumi.StringOutput)
}

// ListRedisKeysOutput reads the access keys of a cache.
func ListRedisKeysOutput(ctx *pulumi.Context, args ListRedisKeysOutputArgs,
	opts ...pulumi.InvokeOption) ListRedisKeysResultOutput {
	opts = append([]pulumi.InvokeOption{pulumi.Version(pluginVersion)}, opts...)
	return pulumi.ToOutputWithContext(context.Background(), args).
		ApplyT(func(v interface{}) (ListRedisKeysResultOutput, error) {
			options := pulumi.InvokeOutputOptions{InvokeOptions: opts}
			return ctx.InvokeOutput("azure-native:cache:listRedisKeys", v.(ListRedisKeysArgs), ListRedisKeysResultOutput{},
				options).(ListRedisKeysResultOutput), nil
		}).(ListRedisKeysResultOutput)
}

func init() {
	pulumi.RegisterOutputType(ListRedisKeysResultOutput{})
}
