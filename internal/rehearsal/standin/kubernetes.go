package standin

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
)

var (
	rolesToUseIdentities = []string{"Managed Identity Operator", "Contributor", "Owner"}
	rolesToJoinNetworks  = []string{"Network Contributor", "Contributor", "Owner"}
	rolesToReadBlobs     = []string{"Storage Blob Data Reader", "Storage Blob Data Contributor"}
)

var poolNaming = naming{pattern: regexp.MustCompile(`^[a-z][a-z0-9]{0,11}$`),
	rule: "1 to 12 lower-case letters and digits, starting with a letter", auto: autoCopy}

var kubernetesKinds = []*kind{
	{
		token: "containerservice:ManagedCluster", arm: "Microsoft.ContainerService/managedClusters",
		path: []string{"resourceName"}, located: true, latency: 6 * time.Minute,
		naming: naming{pattern: regexp.MustCompile(`^[A-Za-z0-9]([\w-]{0,61}[A-Za-z0-9])?$`),
			rule: "1 to 63 letters, digits, underscores and hyphens, starting and ending with a letter or digit"},
		fixed: []string{
			"dnsPrefix", "nodeResourceGroup", "networkProfile.networkPlugin", "networkProfile.podCidr",
			"networkProfile.serviceCidr", "networkProfile.dnsServiceIP",
			"networkProfile.loadBalancerSku", "apiServerAccessProfile.enablePrivateCluster",
			"apiServerAccessProfile.privateDNSZone",
		},
		enums: map[string][]string{
			"sku.tier": {"Free", "Standard", "Premium"}, "sku.name": {"Base", "Automatic"},
			"identity.type":                           {"SystemAssigned", "UserAssigned", "None"},
			"autoUpgradeProfile.upgradeChannel":       {"rapid", "stable", "patch", "node-image", "none"},
			"autoUpgradeProfile.nodeOSUpgradeChannel": {"None", "Unmanaged", "NodeImage", "SecurityPatch"},
			"networkProfile.outboundType": {"loadBalancer", "userDefinedRouting", "managedNATGateway",
				"userAssignedNATGateway", "none"},
		},
		alone:  func(id string) string { return id },
		echoes: []echo{{"agentPoolProfiles", "containerservice:AgentPool"}},
		admit:  admitCluster, compute: computeCluster,
	},
	{
		token: "containerservice:AgentPool", arm: "Microsoft.ContainerService/managedClusters/agentPools",
		path: []string{"resourceName", "agentPoolName"}, naming: poolNaming, latency: 3 * time.Minute,
		fixed: []string{"vmSize", "osDiskSizeGB", "osDiskType", "vnetSubnetID", "availabilityZones", "osType", "type",
			"kubeletDiskType"},
		enums: map[string][]string{"mode": {"System", "User"}, "osDiskType": {"Managed", "Ephemeral"}},
		alone: parentID,
		admit: func(w *World, r, _ *Resource) error {
			if err := admitPool(w, w.find(parentID(r.ID)), r.in()); err != nil {
				return err
			}
			return nil
		},
		compute: provisioned,
	},
	{
		token: "containerservice:MaintenanceConfiguration",
		arm:   "Microsoft.ContainerService/managedClusters/maintenanceConfigurations",
		path:  []string{"resourceName", "configName"}, latency: 5 * time.Second,
		naming: naming{pattern: regexp.MustCompile(
			`^(default|aksManagedAutoUpgradeSchedule|aksManagedNodeOSUpgradeSchedule)$`),
			rule: "default, aksManagedAutoUpgradeSchedule or aksManagedNodeOSUpgradeSchedule"},
		admit: func(_ *World, r, _ *Resource) error {
			if hours := r.in().num("maintenanceWindow.durationHours"); r.in().has("maintenanceWindow") &&
				(hours < 4 || hours > 24) {
				return refusal("InvalidParameter",
					"The value of parameter maintenanceWindow.durationHours is invalid: it must be 4 to 24.")
			}
			return nil
		},
	},
	{
		token: "kubernetesconfiguration:Extension", arm: "Microsoft.KubernetesConfiguration/extensions",
		path: []string{"clusterRp", "clusterResourceName", "clusterName", "extensionName"}, latency: 4 * time.Minute,
		naming: naming{auto: autoCopy}, identify: inCluster("extensions", "extensionName"),
		fixed: []string{"resourceGroupName", "extensionType", "scope"}, alone: clusterOf,
		admit: func(w *World, r, _ *Resource) error { return inKnownCluster(w, r) }, compute: provisioned,
	},
	{
		token: "kubernetesconfiguration:FluxConfiguration", arm: "Microsoft.KubernetesConfiguration/fluxConfigurations",
		path: []string{"clusterRp", "clusterResourceName", "clusterName", "fluxConfigurationName"}, latency: 10 * time.Minute,
		naming: naming{pattern: regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?$`),
			rule: "1 to 30 lower-case letters, digits and hyphens", auto: autoCopy},
		identify: inCluster("fluxConfigurations", "fluxConfigurationName"),
		fixed:    []string{"resourceGroupName", "namespace", "scope"},
		enums: map[string][]string{"sourceKind": {"GitRepository", "Bucket", "AzureBlob"},
			"scope": {"cluster", "namespace"}},
		alone: clusterOf, admit: admitFluxConfiguration,
		compute: func(*World, *Resource) map[string]any {
			return map[string]any{"provisioningState": "Succeeded", "complianceState": "Compliant"}
		},
	},
}

// inCluster makes the id of what is in a cluster without being of its resource provider.
func inCluster(kinds, name string) func(props) string {
	return func(in props) string {
		id := groupID(in.str("resourceGroupName")) + "/providers"
		for _, property := range []string{"resourceGroupName", "clusterRp", "clusterResourceName", "clusterName", name} {
			if in.str(property) == "" {
				return ""
			}
		}
		id += "/" + in.str("clusterRp") + "/" + in.str("clusterResourceName") + "/" + in.str("clusterName")
		return id + "/providers/Microsoft.KubernetesConfiguration/" + kinds + "/" + in.str(name)
	}
}

func clusterOf(id string) string { return id[:strings.LastIndex(fold(id), "/providers/")] }

func inKnownCluster(w *World, r *Resource) error {
	if cluster := clusterOf(r.ID); !w.exists(cluster) {
		return refusal("ParentResourceNotFound",
			"Failed to perform 'write' on resource(s) of type '%s', because the parent resource '%s' could not "+
				"be found.", typeOf(r.ID), cluster)
	}
	return nil
}

func admitCluster(w *World, r, _ *Resource) error {
	in := r.in()
	pools := in.objects("agentPoolProfiles")
	if !slices.ContainsFunc(pools, func(p props) bool { return p.str("mode") == "System" }) {
		return refusal("InvalidParameter",
			"Required parameter agentPoolProfiles is invalid: Must define at least one system pool.")
	}
	if in.flag("disableLocalAccounts") && !in.flag("aadProfile.managed") {
		return refusal("BadRequest", "DisableLocalAccounts can only be set on clusters with managed AAD enabled.")
	}
	if agent := in.object("addonProfiles.omsagent"); agent.flag("enabled") &&
		!isWorkspace(agent.str("config.logAnalyticsWorkspaceResourceID")) {
		return refusal("InvalidParameter",
			"The value of parameter addonProfiles.omsagent.config.logAnalyticsWorkspaceResourceID is invalid: '%s' "+
				"is no workspace.",
			agent.str("config.logAnalyticsWorkspaceResourceID"))
	}
	if in.flag("securityProfile.workloadIdentity.enabled") && !in.flag("oidcIssuerProfile.enabled") {
		return refusal("InvalidParameter", "Workload identity needs the OIDC issuer to be enabled.")
	}
	for _, pool := range pools {
		if !poolNaming.pattern.MatchString(pool.str("name")) {
			return refusal("InvalidParameter",
				"The value of parameter agentPoolProfile.name is invalid: '%s' is not %s.", pool.str("name"), poolNaming.rule)
		}
		if err := admitPool(w, r, pool); err != nil {
			return err
		}
	}
	if err := admitClusterRanges(w, in); err != nil {
		return err
	}
	return admitClusterIdentities(w, r)
}

// admitPool holds what is the same for pools inside a cluster and for those beside it.
func admitPool(w *World, cluster *Resource, pool props) error {
	low, count, high := pool.num("minCount"), pool.num("count"), pool.num("maxCount")
	if pool.flag("enableAutoScaling") && (low > count || count > high) {
		return refusal("InvalidParameter",
			"The value of parameter agentPoolProfile.count is invalid: %v is not between minCount %v and maxCount %v.",
			count, low, high)
	}
	if !pool.flag("enableAutoScaling") && (pool.has("minCount") || pool.has("maxCount")) {
		return refusal("InvalidParameter", "minCount and maxCount need enableAutoScaling.")
	}
	subnet := w.find(pool.str("vnetSubnetID"))
	if subnet == nil {
		return nil
	}
	if delegation(subnet) != "" {
		return refusal("SubnetIsDelegated", "Subnet %s cannot be used as it's a delegated subnet: %s.", subnet.ID,
			delegation(subnet))
	}
	if cluster.in().str("networkProfile.outboundType") == "userAssignedNATGateway" && subnet.in().
		str("natGateway.id") == "" {
		return refusal("InvalidUserAssignedNATGateway",
			"Subnet %s has no NAT gateway, which outboundType userAssignedNATGateway needs.", subnet.ID)
	}
	return nil
}

func admitClusterRanges(w *World, in props) error {
	inside, err := prefixes(in.str("networkProfile.podCidr"), in.str("networkProfile.serviceCidr"))
	if err != nil {
		return err
	}
	if inside[0].Overlaps(inside[1]) {
		return refusal("InvalidParameter", "The pod range %s overlaps the service range %s.", inside[0], inside[1])
	}
	if dns, err := netip.ParseAddr(in.str("networkProfile.dnsServiceIP")); err != nil || !inside[1].Contains(dns) {
		return refusal("DnsServiceIpNotInServiceCidr", "The DNS service IP %s is not in the service range %s.",
			in.str("networkProfile.dnsServiceIP"), inside[1])
	}
	for _, pool := range in.objects("agentPoolProfiles") {
		network := w.find(parentID(pool.str("vnetSubnetID")))
		space, err := prefixes(network.in().texts("addressSpace.addressPrefixes")...)
		if err != nil {
			return err
		}
		for _, outside := range space {
			if outside.Overlaps(inside[0]) || outside.Overlaps(inside[1]) {
				return refusal("ServiceCidrOverlapExistingSubnetsCidr",
					"The specified service CIDR %s or pod CIDR %s is conflicted with the virtual network %s.",
					inside[1], inside[0], outside)
			}
		}
	}
	return nil
}

func admitClusterIdentities(w *World, r *Resource) error {
	control := identitiesOf(r)
	kubelet := r.in().str("identityProfile.kubeletidentity.resourceId")
	if kubelet != "" && len(control) == 0 {
		return refusal("CustomKubeletIdentityOnlySupportedOnUserAssignedMSICluster",
			"Custom kubelet identity is only supported on user assigned MSI cluster.")
	}
	if kubelet != "" && !w.may(control[0], rolesToUseIdentities, kubelet) {
		return refusal("CustomKubeletIdentityMissingPermissionError",
			"The cluster user assigned identity must be given permission to assign kubelet identity %s. "+
				"Check access result not allowed for action Microsoft.ManagedIdentity/userAssignedIdentities/assign/"+
				"action.", kubelet)
	}
	for _, pool := range r.in().objects("agentPoolProfiles") {
		subnet := pool.str("vnetSubnetID")
		if len(control) > 0 && subnet != "" && !w.may(control[0], rolesToJoinNetworks, subnet) {
			return refusal("CustomPrivateSubnetMissingPermissionError",
				"The cluster identity %s has none of the roles %s at %s.", control[0],
				strings.Join(rolesToJoinNetworks, ", "), subnet)
		}
	}
	return nil
}

func computeCluster(_ *World, r *Resource) map[string]any {
	d := digest(r.ID)
	out := map[string]any{
		"provisioningState": "Succeeded", "powerState": map[string]any{"code": "Running"},
		"currentKubernetesVersion": "1.33.5",
		"fqdn":                     r.in().str("dnsPrefix") + "-" + d[:8] + ".hcp." + r.in().str("location") + ".azmk8s.io",
	}
	if r.in().flag("oidcIssuerProfile.enabled") {
		out["oidcIssuerProfile"] = map[string]any{"issuerURL": "https://" + r.in().str("location") +
			".oic.prod-aks.azure.com/" + tenantID + "/" + guid(r.ID, "issuer") + "/"}
	}
	return out
}

// admitFluxConfiguration holds that the cluster has Flux, and that its nodes' identity finds and may read the
// manifests.
func admitFluxConfiguration(w *World, r, _ *Resource) error {
	if err := inKnownCluster(w, r); err != nil {
		return err
	}
	cluster := w.find(clusterOf(r.ID))
	flux := slices.ContainsFunc(w.each("kubernetesconfiguration:Extension"), func(e *Resource) bool {
		return fold(clusterOf(e.ID)) == fold(clusterOf(r.ID)) &&
			strings.EqualFold(e.in().str("extensionType"), "microsoft.flux")
	})
	if !flux {
		return refusal("ExtensionNotFound", "The cluster %s has no extension of the type microsoft.flux.", clusterOf(r.ID))
	}
	kustomizations := r.in().object("kustomizations")
	for name := range kustomizations {
		for _, other := range kustomizations.object(name).texts("dependsOn") {
			if kustomizations.object(other) == nil {
				return refusal("BadRequest",
					"The kustomization '%s' depends on '%s', which is none of this configuration.", name, other)
			}
		}
	}
	if r.in().str("sourceKind") != "AzureBlob" {
		return nil
	}
	return admitBlobSource(w, cluster, r.in())
}

func admitBlobSource(w *World, cluster *Resource, in props) error {
	source := in.object("azureBlob")
	var account *Resource
	for _, a := range w.each("storage:StorageAccount") {
		if strings.TrimSuffix(source.str("url"), "/") == blobURL(a.name()) {
			account = a
		}
	}
	if account == nil {
		return refusal("BadRequest", "no such host: %s", source.str("url"))
	}
	if cluster != nil {
		if err := w.reachedBy(account, cluster); err != nil {
			return refusal("AuthorizationFailure", "%v", err)
		}
	}
	container := account.ID + "/blobServices/default/containers/" + source.str("containerName")
	if !w.exists(container) {
		return refusal("ContainerNotFound", "The specified container does not exist: %s", source.str("containerName"))
	}
	reader := w.find(cluster.in().str("identityProfile.kubeletidentity.resourceId"))
	if client := source.str("managedIdentity.clientId"); client != "" && client != reader.out().str("clientId") {
		return refusal("BadRequest", "The identity %s is not assigned to the nodes of the cluster.", client)
	}
	if reader != nil && !w.mayInTime(reader.ID, rolesToReadBlobs, container) {
		return refusal("AuthorizationPermissionMismatch",
			"This request is not authorized to perform this operation using this permission: %s has none of the roles %s.",
			reader.name(), strings.Join(rolesToReadBlobs, ", "))
	}
	for name := range in.object("kustomizations") {
		path := in.object("kustomizations").object(name).str("path")
		manifests := w.blobsBelow(account.name(), source.str("containerName"), path)
		if len(manifests) == 0 {
			return refusal("ArtifactFailed", "kustomization path not found: %s", path)
		}
		if err := clusterReads(w, cluster, manifests); err != nil {
			return err
		}
	}
	return nil
}
