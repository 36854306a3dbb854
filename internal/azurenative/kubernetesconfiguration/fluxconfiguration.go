package kubernetesconfiguration

import (
	"errors"
	"reflect"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// FluxConfiguration tells the Flux extension of a cluster what to apply to it, and from where.
type FluxConfiguration struct {
	pulumi.CustomResourceState

	Name              pulumi.StringOutput `pulumi:"name"`
	ProvisioningState pulumi.StringOutput `pulumi:"provisioningState"`
}

// ManagedIdentityDefinitionArgs is the identity that reads the source.
type ManagedIdentityDefinitionArgs struct {
	ClientId pulumi.StringPtrInput `pulumi:"clientId"`
}

type managedIdentityDefinition struct {
	ClientId *string `pulumi:"clientId"`
}

// ElementType is the plain form of the arguments.
func (ManagedIdentityDefinitionArgs) ElementType() reflect.Type {
	return reflect.TypeOf((*managedIdentityDefinition)(nil)).Elem()
}

// AzureBlobDefinitionArgs is a blob container that holds Kubernetes manifests.
type AzureBlobDefinitionArgs struct {
	ContainerName         pulumi.StringPtrInput         `pulumi:"containerName"`
	ManagedIdentity       ManagedIdentityDefinitionArgs `pulumi:"managedIdentity"`
	SyncIntervalInSeconds pulumi.Float64PtrInput        `pulumi:"syncIntervalInSeconds"`
	TimeoutInSeconds      pulumi.Float64PtrInput        `pulumi:"timeoutInSeconds"`
	Url                   pulumi.StringPtrInput         `pulumi:"url"`
}

type azureBlobDefinition struct {
	ContainerName         *string                   `pulumi:"containerName"`
	ManagedIdentity       managedIdentityDefinition `pulumi:"managedIdentity"`
	SyncIntervalInSeconds *float64                  `pulumi:"syncIntervalInSeconds"`
	TimeoutInSeconds      *float64                  `pulumi:"timeoutInSeconds"`
	Url                   *string                   `pulumi:"url"`
}

// ElementType is the plain form of the arguments.
func (AzureBlobDefinitionArgs) ElementType() reflect.Type {
	return reflect.TypeOf((*azureBlobDefinition)(nil)).Elem()
}

// PostBuildDefinitionArgs is what is filled into manifests before they are applied, by name.
type PostBuildDefinitionArgs struct {
	Substitute pulumi.StringMapInput `pulumi:"substitute"`
}

type postBuildDefinition struct {
	Substitute map[string]string `pulumi:"substitute"`
}

// ElementType is the plain form of the arguments.
func (PostBuildDefinitionArgs) ElementType() reflect.Type {
	return reflect.TypeOf((*postBuildDefinition)(nil)).Elem()
}

// PostBuildDefinitionPtrInput is a [PostBuildDefinitionArgs] or nil.
type PostBuildDefinitionPtrInput interface{ pulumi.Input }

// KustomizationDefinitionArgs is one folder of the source, applied as a whole.
type KustomizationDefinitionArgs struct {
	DependsOn              pulumi.StringArrayInput     `pulumi:"dependsOn"`
	Force                  pulumi.BoolPtrInput         `pulumi:"force"`
	Path                   pulumi.StringPtrInput       `pulumi:"path"`
	PostBuild              PostBuildDefinitionPtrInput `pulumi:"postBuild"`
	Prune                  pulumi.BoolPtrInput         `pulumi:"prune"`
	RetryIntervalInSeconds pulumi.Float64PtrInput      `pulumi:"retryIntervalInSeconds"`
	SyncIntervalInSeconds  pulumi.Float64PtrInput      `pulumi:"syncIntervalInSeconds"`
	TimeoutInSeconds       pulumi.Float64PtrInput      `pulumi:"timeoutInSeconds"`
	Wait                   pulumi.BoolPtrInput         `pulumi:"wait"`
}

type kustomizationDefinition struct {
	DependsOn              []string             `pulumi:"dependsOn"`
	Force                  *bool                `pulumi:"force"`
	Path                   *string              `pulumi:"path"`
	PostBuild              *postBuildDefinition `pulumi:"postBuild"`
	Prune                  *bool                `pulumi:"prune"`
	RetryIntervalInSeconds *float64             `pulumi:"retryIntervalInSeconds"`
	SyncIntervalInSeconds  *float64             `pulumi:"syncIntervalInSeconds"`
	TimeoutInSeconds       *float64             `pulumi:"timeoutInSeconds"`
	Wait                   *bool                `pulumi:"wait"`
}

// ElementType is the plain form of the arguments.
func (KustomizationDefinitionArgs) ElementType() reflect.Type {
	return reflect.TypeOf((*kustomizationDefinition)(nil)).Elem()
}

// KustomizationDefinitionMap holds kustomizations by name.
type KustomizationDefinitionMap map[string]KustomizationDefinitionArgs

// ElementType is the plain form of the arguments.
func (KustomizationDefinitionMap) ElementType() reflect.Type {
	return reflect.TypeOf((*map[string]kustomizationDefinition)(nil)).Elem()
}

type fluxConfigurationArgs struct {
	AzureBlob                  azureBlobDefinition                `pulumi:"azureBlob"`
	ClusterName                string                             `pulumi:"clusterName"`
	ClusterResourceName        string                             `pulumi:"clusterResourceName"`
	ClusterRp                  string                             `pulumi:"clusterRp"`
	FluxConfigurationName      *string                            `pulumi:"fluxConfigurationName"`
	Kustomizations             map[string]kustomizationDefinition `pulumi:"kustomizations"`
	Namespace                  *string                            `pulumi:"namespace"`
	ReconciliationWaitDuration *string                            `pulumi:"reconciliationWaitDuration"`
	ResourceGroupName          string                             `pulumi:"resourceGroupName"`
	Scope                      *string                            `pulumi:"scope"`
	SourceKind                 *string                            `pulumi:"sourceKind"`
	WaitForReconciliation      *bool                              `pulumi:"waitForReconciliation"`
}

// FluxConfigurationArgs is what a FluxConfiguration is made of.
type FluxConfigurationArgs struct {
	AzureBlob                  AzureBlobDefinitionArgs
	ClusterName                pulumi.StringInput
	ClusterResourceName        pulumi.StringInput
	ClusterRp                  pulumi.StringInput
	FluxConfigurationName      pulumi.StringPtrInput
	Kustomizations             KustomizationDefinitionMap
	Namespace                  pulumi.StringPtrInput
	ReconciliationWaitDuration pulumi.StringPtrInput
	ResourceGroupName          pulumi.StringInput
	Scope                      pulumi.StringPtrInput
	SourceKind                 pulumi.StringPtrInput
	WaitForReconciliation      pulumi.BoolPtrInput
}

// ElementType is the plain form of the arguments.
func (FluxConfigurationArgs) ElementType() reflect.Type {
	return reflect.TypeOf((*fluxConfigurationArgs)(nil)).Elem()
}

// NewFluxConfiguration registers a Flux configuration.
func NewFluxConfiguration(ctx *pulumi.Context, name string, args *FluxConfigurationArgs,
	opts ...pulumi.ResourceOption) (*FluxConfiguration, error) {
	if args == nil {
		return nil, errors.New("missing one or more required arguments")
	}
	if err := clusterGiven(args.ClusterName, args.ClusterResourceName, args.ClusterRp,
		args.ResourceGroupName); err != nil {
		return nil, err
	}
	var resource FluxConfiguration
	opts = append([]pulumi.ResourceOption{pulumi.Version(pluginVersion)}, opts...)
	if err := ctx.RegisterResource("azure-native:kubernetesconfiguration:FluxConfiguration", name, args, &resource,
		opts...); err != nil {
		return nil, err
	}
	return &resource, nil
}
