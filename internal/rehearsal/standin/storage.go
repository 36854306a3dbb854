package standin

import (
	"net/url"
	"regexp"
	"strings"
	"time"
)

var storageKinds = []*kind{
	{
		token: "storage:StorageAccount", arm: "Microsoft.Storage/storageAccounts",
		path: []string{"accountName"}, located: true, global: true, required: []string{"sku", "kind"},
		latency: 30 * time.Second,
		naming: naming{pattern: regexp.MustCompile(`^[a-z0-9]{3,24}$`),
			rule: "Storage account name must be between 3 and 24 characters in length and use numbers and lower-case " +
				"letters only."},
		fixed: []string{"kind", "isHnsEnabled"},
		enums: map[string][]string{
			"sku.name": {"Standard_LRS", "Standard_GRS", "Standard_RAGRS", "Standard_ZRS", "Premium_LRS",
				"Premium_ZRS", "Standard_GZRS", "Standard_RAGZRS"},
			"publicNetworkAccess":          {"Enabled", "Disabled", "SecuredByPerimeter"},
			"networkRuleSet.defaultAction": {"Allow", "Deny"},
			"kind":                         {"Storage", "StorageV2", "BlobStorage", "FileStorage", "BlockBlobStorage"},
			"minimumTlsVersion":            {"TLS1_0", "TLS1_1", "TLS1_2"},
		},
		admit: func(_ *World, r, _ *Resource) error { return admitAddresses(r) },
		taken: func(name string, _ bool) error {
			return refusal("StorageAccountAlreadyTaken", "The storage account named %s is already taken.", name)
		},
		compute: func(_ *World, r *Resource) map[string]any {
			return map[string]any{"provisioningState": "Succeeded",
				"primaryEndpoints": map[string]any{"blob": blobURL(r.name()) + "/"}}
		},
	},
	{
		token: "storage:BlobContainer", arm: "Microsoft.Storage/storageAccounts/blobServices/containers",
		path: []string{"accountName", "=default", "containerName"}, latency: 2 * time.Second,
		naming: naming{pattern: regexp.MustCompile(`^[a-z0-9](-?[a-z0-9]){2,62}$`),
			rule: "3 to 63 lower-case letters, digits and single hyphens", auto: autoCopy},
		enums: map[string][]string{"publicAccess": {"None", "Container", "Blob"}},
	},
	{
		// azure-native's own: uploaded with the account's key, and replaced when it changes.
		token: "storage:Blob", arm: "Microsoft.Storage/storageAccounts/blobServices/containers/blobs",
		path: []string{"accountName", "containerName", "blobName"}, naming: naming{auto: autoCopy}, dataPlane: true,
		latency: time.Second,
		fixed:   []string{"resourceGroupName", "source", "contentMd5", "type"}, unechoed: []string{"source"},
		enums: map[string][]string{"type": {"Block", "Append"}, "accessTier": {"Hot", "Cool", "Archive"}},
		identify: func(in props) string {
			if in.str("resourceGroupName") == "" || in.str("accountName") == "" || in.str("containerName") == "" ||
				in.str("blobName") == "" {
				return ""
			}
			return containerID(in.str("resourceGroupName"), in.str("accountName"), in.str("containerName")) +
				"/blobs/" + url.PathEscape(in.str("blobName"))
		},
		admit: admitBlob, release: func(w *World, r *Resource) error { return uploadable(w, accountOf(w, r)) },
		compute: func(_ *World, r *Resource) map[string]any {
			blob := r.in()
			return map[string]any{
				"name": blob.str("blobName"), "url": blobURL(blob.str("accountName")) + "/" +
					blob.str("containerName") + "/" + blob.str("blobName"),
				"metadata": map[string]any{},
			}
		},
	},
}

func blobURL(account string) string { return "https://" + account + ".blob.core.windows.net" }

func containerID(group, account, container string) string {
	return groupID(group) + "/providers/Microsoft.Storage/storageAccounts/" + account +
		"/blobServices/default/containers/" + container
}

func admitBlob(w *World, r, _ *Resource) error {
	in := r.in()
	container := containerID(in.str("resourceGroupName"), in.str("accountName"), in.str("containerName"))
	if !w.exists(container) {
		return refusal("ContainerNotFound", "The specified container does not exist: %s", in.str("containerName"))
	}
	account := accountOf(w, r)
	if err := uploadable(w, account); err != nil {
		return err
	}
	if account.in().has("allowSharedKeyAccess") && !account.in().flag("allowSharedKeyAccess") {
		return refusal("KeyBasedAuthenticationNotPermitted",
			"Key based authentication is not permitted on the storage account %s.", account.name())
	}
	if !in.has("source") {
		return refusal("InvalidBlob", "The blob %s has no content.", in.str("blobName"))
	}
	return nil
}

func accountOf(w *World, blob *Resource) *Resource {
	in := blob.in()
	return w.find(parentID(parentID(containerID(in.str("resourceGroupName"), in.str("accountName"),
		in.str("containerName")))))
}

// uploadable refuses to write to an account that lets in nobody from where Pulumi runs.
func uploadable(w *World, account *Resource) error {
	if account == nil {
		return nil
	}
	if err := w.reachFromHere(account); err != nil {
		return refusal("AuthorizationFailure", "%v", err)
	}
	return nil
}

// blobsBelow lists the blobs of a container whose path starts with a folder's.
func (w *World) blobsBelow(account, container, folder string) []*Resource {
	folder = strings.Trim(strings.TrimPrefix(folder, "./"), "/")
	var list []*Resource
	for _, blob := range w.each("storage:Blob") {
		in := blob.in()
		if in.str("accountName") == account && in.str("containerName") == container &&
			(folder == "" || strings.HasPrefix(in.str("blobName"), folder+"/")) {
			list = append(list, blob)
		}
	}
	return list
}
