package standin

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

var registryKinds = []*kind{
	{
		token: "containerregistry:Registry", arm: "Microsoft.ContainerRegistry/registries",
		path: []string{"registryName"}, located: true, global: true, required: []string{"sku"}, latency: 20 * time.Second,
		naming: naming{pattern: regexp.MustCompile(`^[A-Za-z0-9]{5,50}$`), rule: "5 to 50 letters and digits"},
		fixed:  []string{"zoneRedundancy"},
		enums: map[string][]string{"sku.name": {"Basic", "Standard", "Premium"},
			"publicNetworkAccess": {"Enabled", "Disabled"}},
		admit: func(_ *World, r, _ *Resource) error {
			if r.in().str("zoneRedundancy") == "Enabled" && r.in().str("sku.name") != "Premium" {
				return refusal("InvalidSkuForZoneRedundancy", "Zone redundancy is not supported by the SKU %s.",
					r.in().str("sku.name"))
			}
			return nil
		},
		taken: func(name string, _ bool) error {
			return refusal("AlreadyInUse",
				"The registry DNS name %s.azurecr.io is already in use. You can check if the name is already claimed "+
					"using following API: "+
					"https://docs.microsoft.com/en-us/rest/api/containerregistry/registries/checknameavailability",
				strings.ToLower(name))
		},
		compute: func(_ *World, r *Resource) map[string]any {
			return map[string]any{"loginServer": strings.ToLower(r.name()) + ".azurecr.io", "provisioningState": "Succeeded"}
		},
	},
	{
		token: "resources:AzureCliScript", arm: "Microsoft.Resources/deploymentScripts",
		path: []string{"scriptName"}, located: true, required: []string{"azCliVersion", "kind", "retentionInterval"},
		latency: 90 * time.Second,
		naming:  naming{pattern: regexp.MustCompile(`^[\w.()-]{1,90}$`), rule: "1 to 90 letters, digits, and _ . ( ) -"},
		enums: map[string][]string{"kind": {"AzureCLI"},
			"cleanupPreference": {"Always", "OnSuccess", "OnExpiration"}, "identity.type": {"UserAssigned"}},
		check:    checkScript,
		admit:    admitScript,
		volatile: []string{"status", "outputs"},
		compute: func(*World, *Resource) map[string]any {
			return map[string]any{"provisioningState": "Succeeded", "status": map[string]any{"containerInstanceId": ""}}
		},
	},
}

var iso8601 = regexp.MustCompile(`^P(\d+D)?(T(\d+H)?(\d+M)?(\d+S)?)?$`)

func checkScript(in props) []fault {
	var faults []fault
	for _, property := range []string{"retentionInterval", "timeout"} {
		if value := in.str(property); value != "" && !iso8601.MatchString(value) {
			faults = append(faults, fault{property, "'" + value + "' is no ISO 8601 duration, such as PT1H"})
		}
	}
	if !in.has("scriptContent") && !in.has("primaryScriptUri") {
		faults = append(faults, fault{"scriptContent", "missing: a script has either scriptContent or primaryScriptUri"})
	}
	return faults
}

func environment(script *Resource) map[string]string {
	variables := map[string]string{}
	for _, v := range script.in().objects("environmentVariables") {
		variables[v.str("name")] = v.str("value")
	}
	return variables
}

// admitScript is what the two scripts of the platform do: they need a role where they make a certificate or import
// images.
func admitScript(w *World, r, _ *Resource) error {
	for _, target := range []struct {
		variable, token string
		roles           []string
	}{{"VAULT_NAME", "keyvault:Vault", rolesToMakeCertificates},
		{"REGISTRY_NAME", "containerregistry:Registry", rolesToImport}} {
		name := environment(r)[target.variable]
		if name == "" {
			continue
		}
		resources := w.each(target.token)
		at := slices.IndexFunc(resources, func(t *Resource) bool { return strings.EqualFold(t.name(), name) })
		if at < 0 {
			return scriptFailed("The resource '%s' of %s could not be found.", name, target.variable)
		}
		if err := w.reachedBy(resources[at], r); err != nil {
			return scriptFailed("ERROR: %v", err)
		}
		allowed := slices.ContainsFunc(identitiesOf(r), func(id string) bool {
			return w.mayInTime(id, target.roles, resources[at].ID)
		})
		if !allowed {
			return scriptFailed("ERROR: (Forbidden) The script's identity has none of the roles %s on %s.",
				strings.Join(target.roles, ", "), resources[at].ID)
		}
	}
	return nil
}

func scriptFailed(format string, args ...any) error {
	return refusal("DeploymentScriptError", "The provided script failed with multiple errors. First error:\n"+format,
		args...)
}

// identitiesOf lists the user-assigned identities that a resource was given, as a list or as a map.
func identitiesOf(r *Resource) []string {
	ids := r.in().texts("identity.userAssignedIdentities")
	for id := range r.in().object("identity.userAssignedIdentities") {
		ids = append(ids, id)
	}
	return ids
}

// pullable tells why an image can't be pulled by an identity ("" for an anonymous pull), or nil. It knows the
// registries in the world: an image is in one when a script has mirrored it there. Other registries are taken on trust.
func (w *World) pullable(image, identity string) error {
	server, target, _ := strings.Cut(image, "/")
	registries := w.each("containerregistry:Registry")
	at := slices.IndexFunc(registries, func(r *Resource) bool {
		return strings.EqualFold(r.out().str("loginServer"), server)
	})
	if at < 0 {
		if strings.HasSuffix(strings.ToLower(server), ".azurecr.io") &&
			!w.givenRegistry(strings.TrimSuffix(strings.ToLower(server), ".azurecr.io")) {
			return fmt.Errorf("dial tcp: lookup %s: no such host", server)
		}
		return nil
	}
	if identity == "" || !w.may(identity, rolesToPull, registries[at].ID) {
		return fmt.Errorf("GET https://%s: UNAUTHORIZED: authentication required", server)
	}
	if !w.mirrored(registries[at].name(), target) {
		return fmt.Errorf("GET https://%s/v2/%s: MANIFEST_UNKNOWN: manifest is not found", server, target)
	}
	return nil
}

func (w *World) givenRegistry(name string) bool {
	for id := range w.given {
		if strings.EqualFold(typeOf(id), "Microsoft.ContainerRegistry/registries") && lastSegment(id) == name {
			return true
		}
	}
	return false
}

// mirrored looks for a script whose IMAGES, pairs of SOURCE=TARGET, name the target.
func (w *World) mirrored(registry, target string) bool {
	return slices.ContainsFunc(w.each("resources:AzureCliScript"), func(script *Resource) bool {
		variables := environment(script)
		return strings.EqualFold(variables["REGISTRY_NAME"], registry) &&
			slices.ContainsFunc(strings.Fields(variables["IMAGES"]), func(pair string) bool {
				_, name, _ := strings.Cut(pair, "=")
				return name == target
			})
	})
}
