package standin

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

const environmentDelegation = "Microsoft.App/environments"

var appNaming = naming{
	pattern: regexp.MustCompile(`^[a-z]([a-z0-9]|-[a-z0-9]){1,31}$`),
	rule: "A name must consist of lower case alphanumeric characters or '-', start with an alphabetic character, " +
		"and end with an alphanumeric character and cannot have '--'. The length must not be more than 32 characters.",
}

var identityTypes = []string{"None", "SystemAssigned", "UserAssigned", "SystemAssigned,UserAssigned",
	"SystemAssigned, UserAssigned"}

var appKinds = []*kind{
	{
		token: "app:ManagedEnvironment", arm: "Microsoft.App/managedEnvironments",
		path: []string{"environmentName"}, located: true, latency: 4 * time.Minute,
		naming: naming{pattern: regexp.MustCompile(`^[A-Za-z]([A-Za-z0-9-]{0,58}[A-Za-z0-9])?$`),
			rule: "1 to 60 letters, digits and hyphens, starting with a letter and ending with a letter or digit"},
		fixed: []string{"vnetConfiguration", "zoneRedundant", "infrastructureResourceGroup"},
		enums: map[string][]string{"appLogsConfiguration.destination": {"log-analytics", "azure-monitor", "none"}},
		// A shared key of the log workspace.
		writeOnly: []string{"appLogsConfiguration.logAnalyticsConfiguration.sharedKey", "daprAIInstrumentationKey",
			"daprAIConnectionString"},
		admit: admitEnvironment, compute: computeEnvironment,
		release: func(w *World, r *Resource) error {
			if users := w.referring(r.ID); len(users) > 0 {
				return refusal("ManagedEnvironmentInUse",
					"The environment '%s' cannot be deleted because it contains %s.", r.name(), users[0].ID)
			}
			return nil
		},
	},
	{
		token: "app:ContainerApp", arm: "Microsoft.App/containerApps",
		path: []string{"containerAppName"}, located: true, naming: appNaming, latency: time.Minute,
		fixed: []string{"environmentId", "managedEnvironmentId"},
		enums: map[string][]string{"configuration.activeRevisionsMode": {"Single", "Multiple"},
			"configuration.ingress.transport": {"auto", "http", "http2", "tcp"}, "identity.type": identityTypes},
		writeOnly: []string{"configuration.secrets[].value"},
		volatile:  []string{"latestRevisionName", "latestReadyRevisionName", "latestRevisionFqdn"},
		admit:     admitApp, compute: computeApp,
	},
	{
		token: "app:Job", arm: "Microsoft.App/jobs",
		path: []string{"jobName"}, located: true, naming: appNaming, latency: 30 * time.Second,
		fixed: []string{"environmentId"},
		enums: map[string][]string{"configuration.triggerType": {"Manual", "Schedule", "Event"},
			"identity.type": identityTypes},
		writeOnly: []string{"configuration.secrets[].value"},
		admit:     admitJob,
		compute: func(_ *World, r *Resource) map[string]any {
			out := map[string]any{"provisioningState": "Succeeded",
				"eventStreamEndpoint": "https://eventstream.invalid/" + r.name()}
			merge(out, systemIdentity(r))
			return out
		},
	},
}

// consumptionOnly tells an environment without workload profiles, which lives by other network rules.
func consumptionOnly(environment *Resource) bool {
	return len(environment.in().objects("workloadProfiles")) == 0
}

// noEnvironments are regions that Azure's lists for environments lack. Source: replies of Azure in
// Azure/azure-cli-extensions #8163 and microsoft/aspire #12303; others may lack them too.
var noEnvironments = []string{"brazilsoutheast", "francesouth", "germanynorth", "norwaywest", "westindia"}

func admitEnvironment(w *World, r, _ *Resource) error {
	if region := locationOf(w, r); slices.Contains(noEnvironments, region) {
		return refusal("LocationNotAvailableForResourceType",
			"The provided location '%s' is not available for resource type 'Microsoft.App/managedEnvironments'.", region)
	}
	subnet := r.in().str("vnetConfiguration.infrastructureSubnetId")
	if r.in().flag("zoneRedundant") && subnet == "" {
		return refusal("ManagedEnvironmentInvalidNetworkConfiguration",
			"The environment network configuration is invalid: zone redundancy needs an infrastructure subnet.")
	}
	if subnet == "" {
		return nil
	}
	for _, user := range w.referring(subnet) {
		if fold(user.ID) != fold(r.ID) {
			return refusal("ManagedEnvironmentSubnetInUse",
				"The environment network configuration is invalid: subnet %s is in use by %s.", subnet, user.ID)
		}
	}
	if !consumptionOnly(r) {
		return useSubnet(w, subnet, environmentDelegation, 27)
	}
	if s := w.find(subnet); s != nil {
		if delegation(s) != "" {
			return refusal("ManagedEnvironmentSubnetIsDelegated",
				"The subnet of the environment must not be delegated to any service, it is delegated to '%s'.", delegation(s))
		}
		return largeEnough(s, 23)
	}
	return nil
}

func computeEnvironment(w *World, r *Resource) map[string]any {
	d := digest(r.ID)
	address := "20." + digits2(d[0:2]) + "." + digits2(d[2:4]) + "." + digits2(d[4:6])
	if r.in().flag("vnetConfiguration.internal") {
		address = "10.0.0." + digits2(d[4:6])
	}
	return map[string]any{
		"provisioningState": "Succeeded",
		"staticIp":          address,
		"defaultDomain":     "rehearsal-" + d[:8] + "." + locationOf(w, r) + ".azurecontainerapps.io",
		"customDomainConfiguration": map[string]any{
			"customDomainVerificationId": strings.ToUpper(digest(r.ID, "verification"))},
	}
}

// digits2 makes a number from 1 to 100 of two hexadecimal digits.
func digits2(hex string) string {
	n := 0
	for _, c := range hex {
		n = n*16 + strings.IndexRune("0123456789abcdef", c)
	}
	return itoa(n%100 + 1)
}

func environmentOf(w *World, app *Resource) *Resource {
	id := app.in().str("environmentId")
	if id == "" {
		id = app.in().str("managedEnvironmentId")
	}
	return w.find(id)
}

func computeApp(w *World, r *Resource) map[string]any {
	environment := environmentOf(w, r)
	domain := environment.out().str("defaultDomain")
	revision := r.name() + "--" + digest(r.ID, fingerprint(r.in()["template"]))[:7]
	out := map[string]any{
		"provisioningState": "Succeeded", "latestRevisionName": revision, "latestReadyRevisionName": revision,
		"latestRevisionFqdn": "", "customDomainVerificationId": environment.out().
					str("customDomainConfiguration.customDomainVerificationId"),
		"outboundIpAddresses": []any{environment.out().str("staticIp")},
		"eventStreamEndpoint": "https://eventstream.invalid/" + r.name(),
	}
	if ingress := r.in().object("configuration.ingress"); ingress != nil {
		if !ingress.flag("external") {
			domain = "internal." + domain
		}
		out["configuration"] = map[string]any{"ingress": map[string]any{"fqdn": r.name() + "." + domain}}
		out["latestRevisionFqdn"] = revision + "." + domain
	}
	merge(out, systemIdentity(r))
	return out
}

func systemIdentity(r *Resource) map[string]any {
	if !strings.Contains(r.in().str("identity.type"), "SystemAssigned") {
		return nil
	}
	return map[string]any{"identity": map[string]any{"principalId": guid(r.ID, "principal"), "tenantId": tenantID}}
}

func admitApp(w *World, r, _ *Resource) error {
	if r.in().str("environmentId") == "" && r.in().str("managedEnvironmentId") == "" {
		return refusal("ContainerAppMissingEnvironment", "The container app '%s' has no environment.", r.name())
	}
	if err := admitIngress(w, r); err != nil {
		return err
	}
	scale := r.in().object("template.scale")
	if scale.has("maxReplicas") && scale.num("minReplicas") > scale.num("maxReplicas") || scale.num("maxReplicas") > 1000 {
		return refusal("ContainerAppInvalidScale",
			"The scale of '%s' is invalid: minReplicas must not be above maxReplicas, nor that above 1000.", r.name())
	}
	return admitWorkload(w, r)
}

func admitJob(w *World, r, _ *Resource) error {
	if r.in().str("environmentId") == "" {
		return refusal("JobMissingEnvironment", "The job '%s' has no environment.", r.name())
	}
	if r.in().num("configuration.replicaTimeout") < 1 {
		return refusal("JobInvalidReplicaTimeout", "The job '%s' needs a replicaTimeout of at least 1 second.", r.name())
	}
	trigger := r.in().str("configuration.triggerType")
	if trigger == "Schedule" && r.in().str("configuration.scheduleTriggerConfig.cronExpression") == "" {
		return refusal("JobMissingSchedule", "The job '%s' is triggered by a schedule and has no cronExpression.", r.name())
	}
	return admitWorkload(w, r)
}

// admitWorkload holds what is the same for apps and jobs: sizes, references, secrets, images.
func admitWorkload(w *World, r *Resource) error {
	for _, rule := range []func(*World, *Resource) error{admitSize, admitReferences, admitSecrets, admitReads,
		admitImages} {
		if err := rule(w, r); err != nil {
			return err
		}
	}
	return nil
}

func admitSize(w *World, r *Resource) error {
	containers := r.in().objects("template.containers")
	if len(containers) == 0 {
		return refusal("ContainerAppContainersMissing", "The template of '%s' has no containers.", r.name())
	}
	profile := r.in().str("workloadProfileName")
	if profile != "" && profile != "Consumption" {
		return admitProfile(environmentOf(w, r), profile)
	}
	cpu, memory := 0.0, 0.0
	for _, c := range containers {
		cpu += c.num("resources.cpu")
		memory += gibibytes(c.str("resources.memory"))
	}
	if cpu == 0 && memory == 0 {
		return nil // Azure takes 0.5 and 1Gi
	}
	if quarters := cpu * 4; cpu < 0.25 || cpu > 4 || quarters != float64(int(quarters)) || memory != 2*cpu {
		return refusal("ContainerAppInvalidResourceTotal",
			"The total requested CPU and memory resources for this application (CPU: %v, memory: %v) is invalid. "+
				"Total CPU and memory for all containers defined in a Container App must add up to one of the following "+
				"CPU - Memory combinations: "+
				"[cpu: 0.25, memory: 0.5Gi]; [cpu: 0.5, memory: 1.0Gi]; [cpu: 0.75, memory: 1.5Gi]; … [cpu: 4.0, "+
				"memory: 8.0Gi]", cpu, memory)
	}
	return nil
}

func admitProfile(environment *Resource, profile string) error {
	has := slices.ContainsFunc(environment.in().objects("workloadProfiles"), func(p props) bool {
		return p.str("name") == profile
	})
	if environment != nil && !has {
		return refusal("WorkloadProfileNameNotFound",
			"Workload profile name '%s' is not found in the environment '%s'.", profile, environment.name())
	}
	return nil
}

func admitReferences(_ *World, r *Resource) error {
	secrets, volumes := names(r.in().objects("configuration.secrets")), names(r.in().objects("template.volumes"))
	template := r.in().object("template")
	var wanted []string
	for _, c := range append(template.objects("containers"), template.objects("initContainers")...) {
		for _, e := range c.objects("env") {
			wanted = append(wanted, e.str("secretRef"))
		}
		for _, m := range c.objects("volumeMounts") {
			if !slices.Contains(volumes, m.str("volumeName")) {
				return invalidField("template.containers."+c.str("name")+".volumeMounts", m.str("volumeName"),
					"volume is not found in the template's volumes")
			}
		}
	}
	for _, v := range template.objects("volumes") {
		for _, s := range v.objects("secrets") {
			wanted = append(wanted, s.str("secretRef"))
		}
	}
	for _, registry := range r.in().objects("configuration.registries") {
		wanted = append(wanted, registry.str("passwordSecretRef"))
	}
	for _, secret := range wanted {
		if secret != "" && !slices.Contains(secrets, secret) {
			return invalidField("template", secret, "SecretRef '"+secret+"' defined for the app '"+r.name()+"' not found.")
		}
	}
	return nil
}

func names(objects []props) []string {
	var list []string
	for _, o := range objects {
		list = append(list, o.str("name"))
	}
	return list
}

func invalidField(field, value, reason string) error {
	return refusal("InvalidParameterValueInContainerTemplate",
		"The following field(s) are either invalid or missing. Field '%s' is invalid with details: 'Invalid value: "+
			"\"%s\": %s';.", field, value, reason)
}

// admitSecrets holds that a Key Vault reference works: the identity is the app's, may read, and finds the secret.
func admitSecrets(w *World, r *Resource) error {
	seen := map[string]bool{}
	for _, secret := range r.in().objects("configuration.secrets") {
		name, url := secret.str("name"), secret.str("keyVaultUrl")
		if !appSecretName.MatchString(name) || seen[name] {
			return invalidField("configuration.secrets", name,
				"a secret's name is used once, and consists of lower case letters, digits, '-' and '.'")
		}
		seen[name] = true
		if url == "" {
			if !secret.has("value") {
				return invalidField("configuration.secrets", name, "the secret has neither a value nor a keyVaultUrl")
			}
			continue
		}
		if err := w.readable(r, url, secret.str("identity")); err != nil {
			return invalidField("configuration.secrets", name,
				"Unable to get value using Managed identity "+secret.str("identity")+" for secret "+name+". Error: "+err.Error())
		}
	}
	return nil
}

// admitReads holds that a container reaches the secrets whose URLs it is told, as the identity whose CLIENT_ID it is
// told. Azure takes such an app, waits for a replica that never gets ready, and says no more than that.
func admitReads(w *World, r *Resource) error {
	for _, c := range r.in().objects("template.containers") {
		told := map[string]string{}
		for _, e := range c.objects("env") {
			told[e.str("name")] = e.str("value")
		}
		for _, url := range told {
			if !secretURL.MatchString(url) {
				continue
			}
			identity := slices.IndexFunc(identitiesOf(r), func(id string) bool {
				return told["CLIENT_ID"] != "" && w.find(id).out().str("clientId") == told["CLIENT_ID"]
			})
			err := fmt.Errorf("it is told the client id of no identity of %s", r.name())
			if identity >= 0 {
				err = w.readable(r, url, identitiesOf(r)[identity])
			}
			if err != nil {
				return refusal("ContainerAppOperationError", "Failed to provision revision for container app '%s'. Error details: "+
					"Operation expired. The container '%s' can't read what it starts with: %v", r.name(), c.str("name"), err)
			}
		}
	}
	return nil
}

var appSecretName = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)

func (w *World) readable(app *Resource, url, identity string) error {
	vault, found := w.vaultSecret(url)
	allowed := false
	switch {
	case vault == "":
		return fmt.Errorf("no such host: %s", url)
	case strings.EqualFold(identity, "system"):
		allowed = w.principalMay(guid(app.ID, "principal"), rolesToReadSecrets, vault)
	case attachedTo(app, identity):
		allowed = w.may(identity, rolesToReadSecrets, vault)
	default:
		return fmt.Errorf("the identity is not assigned to %s", app.name())
	}
	if err := w.reachedBy(w.find(vault), app); err != nil {
		return err
	}
	if !allowed {
		return fmt.Errorf("status Forbidden: the caller has none of the roles %s on %s",
			strings.Join(rolesToReadSecrets, ", "), vault)
	}
	if !found {
		return fmt.Errorf("SecretNotFound: A secret with (name/id) %s was not found in this key vault", lastSegment(url))
	}
	return nil
}

func attachedTo(app *Resource, identity string) bool {
	return slices.ContainsFunc(identitiesOf(app), func(id string) bool { return fold(id) == fold(identity) })
}

func admitImages(w *World, r *Resource) error {
	pulls := map[string]string{}
	for _, registry := range r.in().objects("configuration.registries") {
		identity := registry.str("identity")
		if isARMID(identity) && !attachedTo(r, identity) {
			return invalidField("configuration.registries", registry.str("server"),
				"the identity "+identity+" is not assigned to "+r.name())
		}
		pulls[strings.ToLower(registry.str("server"))] = identity
	}
	template := r.in().object("template")
	for _, c := range append(template.objects("containers"), template.objects("initContainers")...) {
		server, _, _ := strings.Cut(c.str("image"), "/")
		if err := w.pullable(c.str("image"), pulls[strings.ToLower(server)]); err != nil {
			return invalidField("template.containers."+c.str("name")+".image", c.str("image"), err.Error())
		}
	}
	return nil
}
