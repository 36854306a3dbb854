// Package v20250401 wraps the part of azure-native's cache module at API version 2025-04-01 that the program uses, in
// the shape of the generated SDK: the first stable version that knows the Balanced sizes of Azure Managed Redis.
package v20250401

import (
	"context"
	"errors"
	"reflect"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const pluginVersion = "2.92.3"

// RedisEnterprise is the cluster of an Azure Managed Redis. It serves nothing until it has a Database.
type RedisEnterprise struct {
	pulumi.CustomResourceState

	HostName pulumi.StringOutput `pulumi:"hostName"`
	Name     pulumi.StringOutput `pulumi:"name"`
}

// SkuArgs is the size of a cluster, such as Balanced_B1.
type SkuArgs struct {
	Name pulumi.StringInput `pulumi:"name"`
}

type sku struct {
	Name string `pulumi:"name"`
}

// ElementType is the plain form of the arguments.
func (SkuArgs) ElementType() reflect.Type { return reflect.TypeOf((*sku)(nil)).Elem() }

type redisEnterpriseArgs struct {
	ClusterName       *string           `pulumi:"clusterName"`
	HighAvailability  *string           `pulumi:"highAvailability"`
	Location          *string           `pulumi:"location"`
	MinimumTlsVersion *string           `pulumi:"minimumTlsVersion"`
	ResourceGroupName string            `pulumi:"resourceGroupName"`
	Sku               sku               `pulumi:"sku"`
	Tags              map[string]string `pulumi:"tags"`
}

// RedisEnterpriseArgs is what a cluster is made of.
type RedisEnterpriseArgs struct {
	ClusterName       pulumi.StringPtrInput
	HighAvailability  pulumi.StringPtrInput
	Location          pulumi.StringPtrInput
	MinimumTlsVersion pulumi.StringPtrInput
	ResourceGroupName pulumi.StringInput
	Sku               SkuArgs
	Tags              pulumi.StringMapInput
}

// ElementType is the plain form of the arguments.
func (RedisEnterpriseArgs) ElementType() reflect.Type {
	return reflect.TypeOf((*redisEnterpriseArgs)(nil)).Elem()
}

// NewRedisEnterprise registers the cluster of an Azure Managed Redis.
func NewRedisEnterprise(ctx *pulumi.Context, name string, args *RedisEnterpriseArgs, opts ...pulumi.ResourceOption) (
	*RedisEnterprise, error) {
	if args == nil || args.ResourceGroupName == nil {
		return nil, errors.New("invalid value for required argument 'ResourceGroupName'")
	}
	var resource RedisEnterprise
	opts = append([]pulumi.ResourceOption{pulumi.Version(pluginVersion)}, opts...)
	if err := ctx.RegisterResource("azure-native:cache/v20250401:RedisEnterprise", name, args, &resource,
		opts...); err != nil {
		return nil, err
	}
	return &resource, nil
}

// Database is the one database of a RedisEnterprise.
type Database struct {
	pulumi.CustomResourceState

	Name pulumi.StringOutput `pulumi:"name"`
	Port pulumi.IntPtrOutput `pulumi:"port"`
}

type databaseArgs struct {
	AccessKeysAuthentication *string `pulumi:"accessKeysAuthentication"`
	ClientProtocol           *string `pulumi:"clientProtocol"`
	ClusterName              string  `pulumi:"clusterName"`
	ClusteringPolicy         *string `pulumi:"clusteringPolicy"`
	DatabaseName             *string `pulumi:"databaseName"`
	EvictionPolicy           *string `pulumi:"evictionPolicy"`
	Port                     *int    `pulumi:"port"`
	ResourceGroupName        string  `pulumi:"resourceGroupName"`
}

// DatabaseArgs is what a database is made of.
type DatabaseArgs struct {
	AccessKeysAuthentication pulumi.StringPtrInput
	ClientProtocol           pulumi.StringPtrInput
	ClusterName              pulumi.StringInput
	ClusteringPolicy         pulumi.StringPtrInput
	DatabaseName             pulumi.StringPtrInput
	EvictionPolicy           pulumi.StringPtrInput
	Port                     pulumi.IntPtrInput
	ResourceGroupName        pulumi.StringInput
}

// ElementType is the plain form of the arguments.
func (DatabaseArgs) ElementType() reflect.Type { return reflect.TypeOf((*databaseArgs)(nil)).Elem() }

// NewDatabase registers the database of an Azure Managed Redis.
func NewDatabase(ctx *pulumi.Context, name string, args *DatabaseArgs, opts ...pulumi.ResourceOption) (*Database,
	error) {
	if args == nil || args.ClusterName == nil || args.ResourceGroupName == nil {
		return nil, errors.New("invalid value for required argument 'ClusterName' or 'ResourceGroupName'")
	}
	var resource Database
	opts = append([]pulumi.ResourceOption{pulumi.Version(pluginVersion)}, opts...)
	if err := ctx.RegisterResource("azure-native:cache/v20250401:Database", name, args, &resource, opts...); err != nil {
		return nil, err
	}
	return &resource, nil
}

// ListDatabaseKeysArgs names the database whose access keys are read.
type ListDatabaseKeysArgs struct {
	ClusterName       string `pulumi:"clusterName"`
	DatabaseName      string `pulumi:"databaseName"`
	ResourceGroupName string `pulumi:"resourceGroupName"`
}

// ListDatabaseKeysOutputArgs names the database whose access keys are read.
type ListDatabaseKeysOutputArgs struct {
	ClusterName       pulumi.StringInput `pulumi:"clusterName"`
	DatabaseName      pulumi.StringInput `pulumi:"databaseName"`
	ResourceGroupName pulumi.StringInput `pulumi:"resourceGroupName"`
}

// ElementType is the plain form of the arguments.
func (ListDatabaseKeysOutputArgs) ElementType() reflect.Type {
	return reflect.TypeOf((*ListDatabaseKeysArgs)(nil)).Elem()
}

// ListDatabaseKeysResult holds the access keys.
type ListDatabaseKeysResult struct {
	PrimaryKey   string `pulumi:"primaryKey"`
	SecondaryKey string `pulumi:"secondaryKey"`
}

// ListDatabaseKeysResultOutput is a ListDatabaseKeysResult to come.
type ListDatabaseKeysResultOutput struct{ *pulumi.OutputState }

// ElementType is the plain form of the output.
func (ListDatabaseKeysResultOutput) ElementType() reflect.Type {
	return reflect.TypeOf((*ListDatabaseKeysResult)(nil)).Elem()
}

// PrimaryKey is the first access key.
func (o ListDatabaseKeysResultOutput) PrimaryKey() pulumi.StringOutput {
	return o.ApplyT(func(v ListDatabaseKeysResult) string { return v.PrimaryKey }).(pulumi.StringOutput)
}

// ListDatabaseKeysOutput reads the access keys of a database.
func ListDatabaseKeysOutput(ctx *pulumi.Context, args ListDatabaseKeysOutputArgs,
	opts ...pulumi.InvokeOption) ListDatabaseKeysResultOutput {
	opts = append([]pulumi.InvokeOption{pulumi.Version(pluginVersion)}, opts...)
	return pulumi.ToOutputWithContext(context.Background(), args).
		ApplyT(func(v interface{}) (ListDatabaseKeysResultOutput, error) {
			options := pulumi.InvokeOutputOptions{InvokeOptions: opts}
			return ctx.InvokeOutput("azure-native:cache/v20250401:listDatabaseKeys", v.(ListDatabaseKeysArgs),
				ListDatabaseKeysResultOutput{}, options).(ListDatabaseKeysResultOutput), nil
		}).(ListDatabaseKeysResultOutput)
}

func init() {
	pulumi.RegisterOutputType(ListDatabaseKeysResultOutput{})
}
