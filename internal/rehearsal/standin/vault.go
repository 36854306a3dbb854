package standin

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

var vaultKinds = []*kind{
	{
		token: "keyvault:Vault", arm: "Microsoft.KeyVault/vaults",
		path: []string{"vaultName"}, located: true, global: true, keepName: true, required: []string{"properties"},
		latency: 30 * time.Second,
		naming: naming{pattern: regexp.MustCompile(`^[A-Za-z]([A-Za-z0-9]|-[A-Za-z0-9]){2,23}$`),
			rule: "3 to 24 letters, digits and single hyphens, starting with a letter and not ending with a hyphen"},
		fixed: []string{"properties.tenantId"},
		enums: map[string][]string{
			"properties.sku.name": {"standard", "premium"}, "properties.sku.family": {"A"},
			"properties.createMode": {"default", "recover"}, "properties.publicNetworkAccess": {"enabled", "disabled"},
			"properties.networkAcls.defaultAction": {"Allow", "Deny"},
		},
		writeOnly: []string{"properties.createMode"},
		check:     checkVault, admit: admitVault, taken: vaultTaken,
		compute: computeVault,
	},
	{
		token: "keyvault:Secret", arm: "Microsoft.KeyVault/vaults/secrets",
		path: []string{"vaultName", "secretName"}, keepName: true, dataPlane: true, required: []string{"properties"},
		latency: 3 * time.Second,
		naming: naming{pattern: regexp.MustCompile(`^[A-Za-z0-9-]{1,127}$`),
			rule: "1 to 127 letters, digits and hyphens", auto: autoCopy},
		writeOnly: []string{"properties.value"},
		taken: func(name string, _ bool) error {
			return refusal("ConflictError",
				"Secret %s is currently in a deleted but recoverable state, and its name cannot be reused; in this "+
					"state, the secret can only be recovered or purged.", name)
		},
		// azure-native deletes it at the vault itself, where it makes it by Azure Resource Manager.
		release: func(w *World, r *Resource) error {
			if vault := w.find(parentID(r.ID)); vault != nil {
				if err := w.reachFromHere(vault); err != nil {
					return refusal("Forbidden", "%v", err)
				}
				if !w.principalMay(objectID, rolesToDeleteSecrets, r.ID) {
					return refusal("Forbidden", "Caller is not authorized to perform action on resource. Caller: oid=%s "+
						"Action: 'Microsoft.KeyVault/vaults/secrets/delete' Resource: '%s'", objectID, r.ID)
				}
			}
			return nil
		},
		compute: func(w *World, r *Resource) map[string]any {
			uri := vaultURI(&Resource{ID: parentID(r.ID)}) + "secrets/" + r.name()
			before := w.find(r.ID).out().str("properties.secretUriWithVersion") // every change makes a version
			return map[string]any{
				"location":   w.find(parentID(r.ID)).out().str("location"),
				"properties": map[string]any{"secretUri": uri, "secretUriWithVersion": uri + "/" + digest(r.ID, before)[:32]},
			}
		},
	},
}

func computeVault(w *World, r *Resource) map[string]any {
	properties := map[string]any{"vaultUri": vaultURI(r), "provisioningState": "Succeeded"}
	// What an update leaves out stays: once it is on, it can't be switched off.
	if w.find(r.ID).out().flag("properties.enablePurgeProtection") {
		properties["enablePurgeProtection"] = true
	}
	return map[string]any{"properties": properties}
}

func vaultURI(vault *Resource) string {
	return "https://" + strings.ToLower(vault.name()) + ".vault.azure.net/"
}

func vaultTaken(name string, softDeleted bool) error {
	if softDeleted {
		return refusal("ConflictError",
			"A vault with the same name already exists in deleted state. You need to either recover or purge "+
				"existing key vault '%s'. "+
				"Follow this link https://go.microsoft.com/fwlink/?linkid=2149745 for more information on soft delete.", name)
	}
	return refusal("VaultAlreadyExists",
		"The vault name '%s' is already in use. Vault names are globally unique so it is possible that the name is "+
			"already taken. "+
			"If you are sure that the vault name was not taken then it is possible that a vault with the same name was "+
			"recently deleted but not purged after being placed in a recoverable state.", name)
}

func checkVault(in props) []fault {
	var faults []fault
	if days := in.num("properties.softDeleteRetentionInDays"); days != 0 && (days < 7 || days > 90) {
		faults = append(faults, fault{"properties", "softDeleteRetentionInDays must be 7 to 90"})
	}
	if sku := in.at("properties.sku"); sku == nil && in.object("properties") != nil {
		faults = append(faults, fault{"properties", "sku is missing"})
	}
	return faults
}

func admitVault(_ *World, r, old *Resource) error {
	now, before := r.in().object("properties"), old.out().object("properties")
	if now.has("enablePurgeProtection") && !now.flag("enablePurgeProtection") {
		return refusal("BadRequest",
			"The property \"enablePurgeProtection\" cannot be set to false. Enabling the purge protection for a "+
				"vault is an irreversible action.")
	}
	if now.has("enableSoftDelete") && !now.flag("enableSoftDelete") {
		return refusal("BadRequest",
			"The property \"enableSoftDelete\" can be set to false only for creating new vault. Enabling the 'soft "+
				"delete' functionality is an irreversible action.")
	}
	if days := before.num("softDeleteRetentionInDays"); days != 0 && now.has("softDeleteRetentionInDays") &&
		now.num("softDeleteRetentionInDays") != days {
		return refusal("BadRequest",
			"The property \"softDeleteRetentionInDays\" has been set already and it can't be modified.")
	}
	if tenant := now.str("tenantId"); tenant != tenantID {
		return refusal("BadRequest", "The tenant '%s' is not the tenant of the subscription.", tenant)
	}
	return nil
}

var secretURL = regexp.MustCompile(`^https://([A-Za-z0-9-]+)\.vault\.azure\.net/secrets/([A-Za-z0-9-]+)(/[0-9a-f]*)?$`)

// vaultSecret finds the vault of a secret's URL, and whether it holds the secret: as a resource, as a certificate that
// a script made, or on trust in a vault that was given.
func (w *World) vaultSecret(url string) (vault string, found bool) {
	parts := secretURL.FindStringSubmatch(url)
	if parts == nil {
		return "", false
	}
	name, secret := parts[1], parts[2]
	for id := range w.given {
		if strings.EqualFold(typeOf(id), "Microsoft.KeyVault/vaults") && strings.EqualFold(lastSegment(id), name) {
			return id, true
		}
	}
	for _, v := range w.each("keyvault:Vault") {
		if strings.EqualFold(v.name(), name) {
			return v.ID, w.find(v.ID+"/secrets/"+secret) != nil || w.hasCertificate(name, secret)
		}
	}
	return "", false
}

// scriptMade knows a vault's secret that no resource stands for.
func (w *World) scriptMade(id string) bool {
	return isOfType(id, "Microsoft.KeyVault/vaults/secrets") && w.exists(parentID(id)) &&
		w.hasCertificate(lastSegment(parentID(id)), lastSegment(id))
}

func (w *World) hasCertificate(vault, name string) bool {
	return slices.ContainsFunc(w.each("resources:AzureCliScript"), func(script *Resource) bool {
		return strings.EqualFold(environment(script)["VAULT_NAME"], vault) &&
			strings.EqualFold(environment(script)["CERTIFICATE_NAME"], name)
	})
}
