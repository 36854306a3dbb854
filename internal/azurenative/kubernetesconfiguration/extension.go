// Package kubernetesconfiguration wraps the part of azure-native's kubernetesconfiguration module that the program
// uses, in the shape of the generated SDK, because that module is published in no version that goes with the others.
// Replacing the import path is all it takes to leave it.
//
// Default API version: 2023-05-01.
package kubernetesconfiguration

import (
	"errors"
	"reflect"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const pluginVersion = "2.92.3"

// Extension is a cluster extension, such as Flux. It is a resource inside the cluster's: ClusterRp is
// Microsoft.ContainerService and ClusterResourceName is managedClusters for AKS.
type Extension struct {
	pulumi.CustomResourceState

	Name              pulumi.StringOutput `pulumi:"name"`
	ProvisioningState pulumi.StringOutput `pulumi:"provisioningState"`
}

// ScopeClusterArgs is where a cluster-wide extension is installed.
type ScopeClusterArgs struct {
	ReleaseNamespace pulumi.StringPtrInput `pulumi:"releaseNamespace"`
}

type scopeCluster struct {
	ReleaseNamespace *string `pulumi:"releaseNamespace"`
}

// ElementType is the plain form of the arguments.
func (ScopeClusterArgs) ElementType() reflect.Type {
	return reflect.TypeOf((*scopeCluster)(nil)).Elem()
}

// ScopeArgs is how far an extension reaches.
type ScopeArgs struct {
	Cluster ScopeClusterArgs `pulumi:"cluster"`
}

type scope struct {
	Cluster scopeCluster `pulumi:"cluster"`
}

// ElementType is the plain form of the arguments.
func (ScopeArgs) ElementType() reflect.Type { return reflect.TypeOf((*scope)(nil)).Elem() }

type extensionArgs struct {
	AutoUpgradeMinorVersion *bool             `pulumi:"autoUpgradeMinorVersion"`
	ClusterName             string            `pulumi:"clusterName"`
	ClusterResourceName     string            `pulumi:"clusterResourceName"`
	ClusterRp               string            `pulumi:"clusterRp"`
	ConfigurationSettings   map[string]string `pulumi:"configurationSettings"`
	ExtensionName           *string           `pulumi:"extensionName"`
	ExtensionType           *string           `pulumi:"extensionType"`
	ReleaseTrain            *string           `pulumi:"releaseTrain"`
	ResourceGroupName       string            `pulumi:"resourceGroupName"`
	Scope                   scope             `pulumi:"scope"`
}

// ExtensionArgs is what an Extension is made of.
type ExtensionArgs struct {
	AutoUpgradeMinorVersion pulumi.BoolPtrInput
	ClusterName             pulumi.StringInput
	ClusterResourceName     pulumi.StringInput
	ClusterRp               pulumi.StringInput
	ConfigurationSettings   pulumi.StringMapInput
	ExtensionName           pulumi.StringPtrInput
	ExtensionType           pulumi.StringPtrInput
	ReleaseTrain            pulumi.StringPtrInput
	ResourceGroupName       pulumi.StringInput
	Scope                   ScopeArgs
}

// ElementType is the plain form of the arguments.
func (ExtensionArgs) ElementType() reflect.Type { return reflect.TypeOf((*extensionArgs)(nil)).Elem() }

// NewExtension registers a cluster extension.
func NewExtension(ctx *pulumi.Context, name string, args *ExtensionArgs, opts ...pulumi.ResourceOption) (*Extension,
	error) {
	if args == nil {
		return nil, errors.New("missing one or more required arguments")
	}
	if err := clusterGiven(args.ClusterName, args.ClusterResourceName, args.ClusterRp,
		args.ResourceGroupName); err != nil {
		return nil, err
	}
	var resource Extension
	opts = append([]pulumi.ResourceOption{pulumi.Version(pluginVersion)}, opts...)
	if err := ctx.RegisterResource("azure-native:kubernetesconfiguration:Extension", name, args, &resource,
		opts...); err != nil {
		return nil, err
	}
	return &resource, nil
}

func clusterGiven(name, resourceName, rp, group pulumi.StringInput) error {
	switch {
	case name == nil:
		return errors.New("invalid value for required argument 'ClusterName'")
	case resourceName == nil:
		return errors.New("invalid value for required argument 'ClusterResourceName'")
	case rp == nil:
		return errors.New("invalid value for required argument 'ClusterRp'")
	case group == nil:
		return errors.New("invalid value for required argument 'ResourceGroupName'")
	}
	return nil
}
