package components

import (
	"fmt"
	"slices"

	managedidentity "github.com/pulumi/pulumi-azure-native-sdk/managedidentity/v2/v20230131"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
	kubernetes "github.com/amora-sync/mqtt-on-azure/internal/azurenative/kubernetesconfiguration"
)

// newContents puts the manifests into the storage account and has Flux apply them. It gives back what is known once
// brokers run.
func (a *aks) newContents() (pulumi.StringOutput, error) {
	licences, err := a.newLicences()
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	trusted, err := a.newServiceAccounts()
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	collector, connection, err := a.newCollector()
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("collector: %w", err)
	}
	manifests, blobs, err := a.args.Storage.newFolder(a.ctx, a.name+"-manifests", "manifests",
		a.manifests(licences, collector, connection), a.parent)
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	extension, err := kubernetes.NewExtension(a.ctx, a.name+"-flux", &kubernetes.ExtensionArgs{
		ResourceGroupName:   a.args.ResourceGroup,
		ClusterRp:           pulumi.String("Microsoft.ContainerService"),
		ClusterResourceName: pulumi.String("managedClusters"), ClusterName: a.cluster.Name,
		ExtensionName: pulumi.String("flux"), ExtensionType: pulumi.String("microsoft.flux"),
		AutoUpgradeMinorVersion: pulumi.Bool(true), ReleaseTrain: pulumi.String("Stable"),
		Scope: kubernetes.ScopeArgs{Cluster: kubernetes.ScopeClusterArgs{ReleaseNamespace: pulumi.String("flux-system")}},
		// The blob source knows no workload identity.
		ConfigurationSettings: pulumi.ToStringMap(map[string]string{"useKubeletIdentity": "true"}),
	}, a.parent, pulumi.DependsOn(slices.Clone(a.changes)))
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("extension of Flux: %w", err)
	}
	a.changes = append(a.changes, extension)
	configuration, err := kubernetes.NewFluxConfiguration(a.ctx, a.name+"-configuration",
		a.fluxArgs("hivemq", manifests, a.kustomizations(), "PT40M"),
		a.parent, pulumi.DependsOn(slices.Concat(trusted, a.readers, blobs, a.changes, a.args.After)))
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("configuration of Flux: %w", err)
	}
	a.changes = append(a.changes, configuration)
	a.serving = configuration
	return configuration.ID().ToStringOutput(), nil
}

// fluxArgs have Flux apply what is in a container of the stack's storage account. The resource is there when that is
// ready, and wait is how long it may take, as in ISO 8601.
func (a *aks) fluxArgs(name string, container pulumi.StringInput, applied kubernetes.KustomizationDefinitionMap,
	wait string) *kubernetes.FluxConfigurationArgs {
	return &kubernetes.FluxConfigurationArgs{
		ResourceGroupName:   a.args.ResourceGroup,
		ClusterRp:           pulumi.String("Microsoft.ContainerService"),
		ClusterResourceName: pulumi.String("managedClusters"), ClusterName: a.cluster.Name,
		FluxConfigurationName: pulumi.String(name),
		Namespace:             pulumi.String(assets.FluxNamespace),
		Scope:                 pulumi.String("cluster"),
		SourceKind:            pulumi.String("AzureBlob"),
		AzureBlob: kubernetes.AzureBlobDefinitionArgs{
			Url: a.args.Storage.BlobURL, ContainerName: container,
			ManagedIdentity:       kubernetes.ManagedIdentityDefinitionArgs{ClientId: a.kubelet.ClientId},
			SyncIntervalInSeconds: pulumi.Float64(120), TimeoutInSeconds: pulumi.Float64(120),
		},
		Kustomizations:        applied,
		WaitForReconciliation: pulumi.Bool(true), ReconciliationWaitDuration: pulumi.String(wait),
	}
}

// newLicences puts the licence files into the vault, and gives back where: the platform's and the security extension's,
// "" for none.
func (a *aks) newLicences() ([2]pulumi.StringInput, error) {
	urls := [2]pulumi.StringInput{pulumi.String(""), pulumi.String("")}
	for i, licence := range []struct {
		name  string
		value pulumi.StringInput
	}{{"licence", a.args.Licence}, {"security-licence", a.args.SecurityLicence}} {
		if licence.value == nil {
			continue
		}
		url, err := newBrokerSecret(a.ctx, a.name+"-"+licence.name, a.args.Placement, a.args.Vault,
			"hivemq-"+licence.name, licence.value, a.parent)
		if err != nil {
			return urls, err
		}
		urls[i] = url
	}
	return urls, nil
}

// newCollector puts into the vault with what the brokers' metrics are sent on, and gives back the configuration of what
// sends them and where in the vault that is; both are empty for no telemetry.
func (a *aks) newCollector() (string, pulumi.StringInput, error) {
	if a.args.Telemetry == nil {
		return "", pulumi.String(""), nil
	}
	config, err := assets.Collector{
		Broker: assets.CollectedHiveMQ, Certificate: fmt.Sprintf("%s:%d", a.args.Telemetry.Host, GatewayMQTTSPort),
	}.Config()
	if err != nil {
		return "", nil, err
	}
	url, err := newBrokerSecret(a.ctx, a.name+"-telemetry", a.args.Placement, a.args.Vault, "telemetry-connection",
		a.args.Telemetry.ConnectionString, a.parent)
	return config, url, err
}

func (a *aks) folders() []string { return assets.HiveMQFolders(a.args.Telemetry != nil) }

// newServiceAccounts lets the pods of the brokers and of what stands around them act as one identity, without a secret
// between them. Azure takes one such change of an identity at a time.
func (a *aks) newServiceAccounts() ([]pulumi.Resource, error) {
	var made []pulumi.Resource
	accounts := [][2]string{{"broker", assets.HiveMQBrokerAccount}, {"admin", assets.HiveMQAdminAccount}}
	if a.args.Telemetry != nil {
		accounts = append(accounts, [2]string{"collector", assets.HiveMQCollectorAccount})
	}
	for _, account := range accounts {
		credential, err := managedidentity.NewFederatedIdentityCredential(a.ctx, a.name+"-"+account[0]+"-account",
			&managedidentity.FederatedIdentityCredentialArgs{
				ResourceGroupName:                       a.args.ResourceGroup,
				ResourceName:                            a.pods.Name,
				FederatedIdentityCredentialResourceName: pulumi.String(account[0]),
				Issuer:                                  a.cluster.OidcIssuerProfile.IssuerURL().Elem(),
				Subject: pulumi.String("system:serviceaccount:" + assets.HiveMQNamespace +
					":" + account[1]),
				Audiences: pulumi.ToStringArray([]string{"api://AzureADTokenExchange"}),
			}, a.parent, pulumi.DependsOn(made))
		if err != nil {
			return nil, fmt.Errorf("service account %s: %w", account[1], err)
		}
		made = append(made, credential)
	}
	return made, nil
}

// manifests renders what the cluster is filled with, by path. It waits for every secret that pods read.
func (a *aks) manifests(licences [2]pulumi.StringInput, collector string,
	connection pulumi.StringInput) map[string]pulumi.StringInput {
	rendered := pulumi.All(
		a.args.Database.Host, a.args.Vault.Name, a.args.TenantID, a.pods.ClientId,
		a.args.Database.AdminPasswordURL, a.args.Database.BrokerPasswordURL, licences[0], licences[1], connection,
		a.args.Database.role, a.args.Database.brokerPinned,
	).ApplyT(func(v []any) (map[string]string, error) {
		text := func(i int) string { return v[i].(string) }
		return assets.HiveMQ{
			DiskGB: a.args.Size.DiskGB, Zoned: len(a.zones()) > 1,
			Address: a.args.BrokerAddress, Subnet: clusterSubnet, GatewaySubnet: a.args.GatewayCIDR,
			DatabaseSubnet: a.args.DatabaseCIDR,
			DatabaseHost:   text(0), DatabaseName: databaseName, DatabaseUser: text(9), DatabaseAdmin: databaseAdmin,
			PostgresImage: postgresImage,
			VaultName:     text(1), TenantID: text(2), ClientID: text(3),
			AdminPassword: secretName(text(4)), BrokerPassword: secretName(text(5)), BrokerPasswordVersion: secretName(text(10)),
			Licence: secretName(text(6)), SecurityLicence: secretName(text(7)), JWT: a.args.JWT,
			Collector: collector, Connection: secretName(text(8)), KeepSnapshots: a.args.Backup != nil && a.args.Backup.Keep,
		}.Manifests()
	}).(pulumi.StringMapOutput)
	files := map[string]pulumi.StringInput{}
	for _, folder := range a.folders() {
		path := folder + "/manifests.yaml"
		files[path] = rendered.MapIndex(pulumi.String(path))
	}
	return files
}

// kustomizations applies the folders one after the other, each when the one before it is ready, and removes from the
// cluster what is in none of them any more. What follows from the size of the cluster is filled in here, so that
// another size changes no manifest.
func (a *aks) kustomizations() kubernetes.KustomizationDefinitionMap {
	all := kubernetes.KustomizationDefinitionMap{}
	folders := a.folders()
	for i, folder := range folders {
		kustomization := kubernetes.KustomizationDefinitionArgs{
			Path: pulumi.String("./" + folder), Prune: pulumi.Bool(true),
			Wait: pulumi.Bool(folder != assets.HiveMQCollectorFolder), Force: pulumi.Bool(false),
			SyncIntervalInSeconds: pulumi.Float64(600), RetryIntervalInSeconds: pulumi.Float64(60),
			TimeoutInSeconds: pulumi.Float64(1200),
		}
		if i > 0 {
			kustomization.DependsOn = pulumi.ToStringArray([]string{folders[i-1]})
		}
		if folder == assets.HiveMQBrokerFolder {
			kustomization.PostBuild = kubernetes.PostBuildDefinitionArgs{
				Substitute: pulumi.ToStringMap(assets.HiveMQSubstitutes(a.args.Size.Brokers, a.args.Size.CPU,
					fmt.Sprintf("%dGi", a.args.Size.MemoryGiB)))}
		}
		all[folder] = kustomization
	}
	return all
}
