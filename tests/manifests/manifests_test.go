package manifests

import (
	"cmp"
	"encoding/xml"
	"errors"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	helm "github.com/fluxcd/helm-controller/api/v2"
	source "github.com/fluxcd/source-controller/api/v1"
	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	rbac "k8s.io/api/rbac/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

func TestEveryManifestIsOfAKnownKindAndHoldsNothingThatItsTypeDoesNotKnow(t *testing.T) {
	both(t, func(t *testing.T, h assets.HiveMQ) {
		seen := map[string]bool{}
		for _, objects := range applied(t, h) {
			for _, object := range objects {
				if n := object.GetNamespace(); n != "" && n != assets.HiveMQNamespace && n != assets.FluxNamespace {
					t.Errorf("%s is in the namespace %s, which nothing makes", object.GetName(), n)
				}
				seen[object.GetName()] = true
			}
		}
		if len(seen) < 8 {
			t.Errorf("only %v were decoded", seen)
		}
	})
}

func TestAMisspeltFieldAWrongScopeAndAnUnknownKindAreFound(t *testing.T) {
	for _, c := range []struct{ sentence, text, want string }{
		{"a misspelt field",
			"apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: b}\nspec: {externalTraficPolicy: Local}",
			`unknown field "externalTraficPolicy"`},
		{"a namespace in a namespace", "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, namespace: b}",
			`is in the namespace "b"`},
		{"a Service in no namespace", "apiVersion: v1\nkind: Service\nmetadata: {name: a}", `is in the namespace ""`},
		{"an old API version",
			"apiVersion: helm.toolkit.fluxcd.io/v2beta1\nkind: HelmRelease\nmetadata: {name: a, namespace: b}", "no kind"},
		{"a text for a number",
			"apiVersion: batch/v1\nkind: Job\nmetadata: {name: a, namespace: b}\nspec: {backoffLimit: many}",
			"cannot unmarshal string"},
	} {
		if _, err := decode(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.sentence, err, c.want)
		}
	}
}

func TestTheConfigurationsAreWellFormedXMLWithTheirValuesInIt(t *testing.T) {
	both(t, func(t *testing.T, h assets.HiveMQ) {
		name := "scripts"
		if h.Licensed() {
			name = "security"
		}
		config := find[*core.ConfigMap](t, applied(t, h), name).Data["config.xml"]
		decoder, text := xml.NewDecoder(strings.NewReader(config)), ""
		for {
			token, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%v in\n%s", err, config)
			}
			if data, ok := token.(xml.CharData); ok {
				text += string(data) + "\n"
			}
		}
		if h.JWT == nil {
			return
		}
		for _, want := range []string{h.JWT.JWKSURL, h.JWT.Issuer, h.JWT.Audience} {
			if !strings.Contains(text, want) {
				t.Errorf("%q does not come out of\n%s", want, config)
			}
		}
	})
}

func TestTheReleasesArePinnedAndComeFromHiveMQOneAfterTheOther(t *testing.T) {
	both(t, func(t *testing.T, h assets.HiveMQ) {
		all := applied(t, h)
		if url := find[*source.HelmRepository](t, all, "hivemq").Spec.URL; url != "https://hivemq.github.io/helm-charts" {
			t.Errorf("the charts come from %s", url)
		}
		for name, want := range map[string]string{"operator": "hivemq-platform-operator 0.2.26",
			"broker": "hivemq-platform 0.2.72"} {
			release := find[*helm.HelmRelease](t, all, name)
			if got := release.Spec.Chart.Spec.Chart + " " + release.Spec.Chart.Spec.Version; got != want {
				t.Errorf("%s is %s", name, got)
			}
			// Flux refuses sources and releases of other namespaces.
			if release.Namespace != assets.FluxNamespace || release.Spec.TargetNamespace != assets.HiveMQNamespace ||
				release.Spec.Chart.Spec.SourceRef.Name != "hivemq" {
				t.Errorf("%s is in %s, for %s", name, release.Namespace, release.Spec.TargetNamespace)
			}
		}
		if needs := find[*helm.HelmRelease](t, all, "broker").Spec.DependsOn; len(needs) != 1 || needs[0].Name != "operator" {
			t.Errorf("the broker waits for %v", needs)
		}
	})
}

// pods lists the pod templates by the name of what they are in: those of the manifests, and the broker's as its chart
// builds it.
func pods(t *testing.T, all map[string][]meta.Object) map[string]core.PodSpec {
	t.Helper()
	found := map[string]core.PodSpec{"broker": brokerPod(t, all)}
	for _, object := range slices.Concat(all["base"], all[assets.HiveMQCollectorFolder]) {
		switch object := object.(type) {
		case *apps.Deployment:
			found[object.Name] = object.Spec.Template.Spec
		case *batch.Job:
			found[object.Name] = object.Spec.Template.Spec
		case *batch.CronJob:
			found[object.Name] = object.Spec.JobTemplate.Spec.Template.Spec
		}
	}
	return found
}

// brokerPod is the broker's pod as far as the values make it.
func brokerPod(t *testing.T, all map[string][]meta.Object) core.PodSpec {
	t.Helper()
	v := brokerValues(t, all)
	pod := core.PodSpec{InitContainers: v.AdditionalInitContainers, SecurityContext: &v.Nodes.PodSecurityContext}
	main := core.Container{Name: "hivemq", Env: v.Nodes.Env, SecurityContext: &v.Nodes.ContainerSecurityContext}
	for _, volume := range v.AdditionalVolumes {
		name := volume.MountName
		if name == "" {
			name = volume.Name
		}
		source := core.VolumeSource{}
		switch volume.Type {
		case "csi":
			source.CSI = &core.CSIVolumeSource{Driver: volume.CSI.Driver, VolumeAttributes: volume.CSI.VolumeAttributes}
		case "emptyDir":
			source.EmptyDir = &core.EmptyDirVolumeSource{}
		case "persistentVolumeClaim":
			source.PersistentVolumeClaim = &core.PersistentVolumeClaimVolumeSource{ClaimName: volume.Name}
		default:
			t.Fatalf("a volume of type %s", volume.Type)
		}
		pod.Volumes = append(pod.Volumes, core.Volume{Name: name, VolumeSource: source})
		main.VolumeMounts = append(main.VolumeMounts, core.VolumeMount{Name: name, MountPath: volume.Path})
	}
	pod.Containers = []core.Container{main}
	return pod
}

// passwordFile is where a script finds a password.
var passwordFile = regexp.MustCompile(`/mnt/administration/[a-z-]+`)

// scriptFile is a script as a command names it.
var scriptFile = regexp.MustCompile(`/mnt/config/([a-z_]+\.sh)`)

func TestEverySecretThatAPodReadsComesOutOfTheVaultThroughAVolumeThatItMounts(t *testing.T) {
	both(t, func(t *testing.T, h assets.HiveMQ) {
		all := applied(t, h)
		read := 0
		for owner, pod := range pods(t, all) {
			provided, files := map[string]bool{}, map[string]bool{} // keys of Secrets, and paths
			for _, volume := range pod.Volumes {
				if volume.CSI == nil {
					continue
				}
				class := find[*secretProviderClass](t, all, volume.CSI.VolumeAttributes["secretProviderClass"])
				var list struct {
					Array []string `json:"array"`
				}
				if err := yaml.UnmarshalStrict([]byte(class.Spec.Parameters.Objects), &list); err != nil {
					t.Fatal(err)
				}
				var names []string
				for _, entry := range list.Array {
					var object vaultObject
					if err := yaml.UnmarshalStrict([]byte(entry), &object); err != nil || object.ObjectType != "secret" {
						t.Fatalf("%s: %v", entry, err)
					}
					names = append(names, object.ObjectName)
					for _, container := range append(pod.InitContainers, pod.Containers...) {
						for _, mount := range container.VolumeMounts {
							file := cmp.Or(object.ObjectAlias, object.ObjectName)
							switch {
							case mount.Name != volume.Name:
							case mount.SubPath == "":
								files[container.Name+":"+mount.MountPath+"/"+file] = true
							case mount.SubPath == file:
								files[container.Name+":"+mount.MountPath] = true
							}
						}
					}
				}
				for _, secret := range class.Spec.SecretObjects {
					for _, item := range secret.Data {
						provided[secret.SecretName+"/"+item.Key] = slices.Contains(names, item.ObjectName)
					}
				}
			}
			if files["credentials:/mnt/administration/admin"] {
				t.Errorf("%s: what only reads users has the administrator's password", owner)
			}
			for _, container := range append(pod.InitContainers, pod.Containers...) {
				for _, variable := range container.Env {
					if strings.Contains(variable.Name, "PASSWORD") &&
						(variable.ValueFrom == nil || variable.ValueFrom.SecretKeyRef == nil) {
						t.Errorf("%s/%s has %s in the clear", owner, container.Name, variable.Name)
						continue
					}
					if variable.ValueFrom == nil {
						continue
					}
					read++
					if ref := variable.ValueFrom.SecretKeyRef; !provided[ref.Name+"/"+ref.Key] {
						t.Errorf("%s/%s reads %s of %s, which no volume of it provides", owner, container.Name, ref.Key, ref.Name)
					}
				}
				for _, path := range passwordFile.FindAllString(strings.Join(container.Command, " "), -1) {
					read++
					if !files[container.Name+":"+path] {
						t.Errorf("%s/%s reads %s, which no volume of it provides", owner, container.Name, path)
					}
				}
				for _, mount := range container.VolumeMounts {
					if !slices.ContainsFunc(pod.Volumes, func(v core.Volume) bool { return v.Name == mount.Name }) {
						t.Errorf("%s/%s mounts %s, which the pod has not", owner, container.Name, mount.Name)
					}
				}
			}
		}
		if read < 4 {
			t.Errorf("only %d secrets are read", read)
		}
	})
}

func TestABrokersRoleAndItsPasswordStayTogetherWhenThereIsANewOne(t *testing.T) {
	before, after := deployment(true), deployment(true)
	after.DatabaseUser, after.BrokerPasswordVersion = "mqtt_broker_89abcdef", strings.Repeat("8", 32)
	names := map[string]bool{}
	for _, h := range []assets.HiveMQ{before, after} {
		all := applied(t, h)
		name := h.DatabaseSecretName()
		class := find[*secretProviderClass](t, all, name)
		if !strings.Contains(class.Spec.Parameters.Objects, "objectVersion: \""+h.BrokerPasswordVersion+"\"") ||
			class.Spec.SecretObjects[0].SecretName != name {
			t.Errorf("%s is of another version: %s", name, class.Spec.Parameters.Objects)
		}
		if class.Annotations["kustomize.toolkit.fluxcd.io/prune"] != "disabled" {
			t.Errorf("%s goes with the brokers that need it", name)
		}
		logsInAs := map[string]string{}
		for _, variable := range brokerPod(t, all).Containers[0].Env {
			if logsInAs[variable.Name] = variable.Value; variable.ValueFrom != nil {
				logsInAs[variable.Name] = variable.ValueFrom.SecretKeyRef.Name
			}
		}
		if logsInAs["DATABASE_USER"] != h.DatabaseUser || logsInAs["DATABASE_PASSWORD"] != name {
			t.Errorf("a broker logs in with %v", logsInAs)
		}
		names[name], names[h.PrepareVersion()] = true, true
	}
	if len(names) != 4 {
		t.Errorf("the new password changes only %v", names)
	}
}

func TestEveryScriptThatAPodRunsIsInTheConfigMapThatItMounts(t *testing.T) {
	both(t, func(t *testing.T, h assets.HiveMQ) {
		all := applied(t, h)
		scripts := find[*core.ConfigMap](t, all, "scripts").Data
		ran := 0
		for owner, pod := range pods(t, all) {
			for _, container := range append(pod.InitContainers, pod.Containers...) {
				for _, match := range scriptFile.FindAllStringSubmatch(strings.Join(container.Command, " "), -1) {
					ran++
					if scripts[match[1]] == "" {
						t.Errorf("%s/%s runs %s, which is not there", owner, container.Name, match[1])
					}
				}
			}
		}
		if ran < 2 || scripts["schema.sql"] != assets.Schema {
			t.Errorf("%d scripts are run; the schema has %d characters", ran, len(scripts["schema.sql"]))
		}
	})
}

func TestTheCollectorMayLookAtPodsOfItsNamespaceAndAtNodesAndReachesTheClientsPort(t *testing.T) {
	all := applied(t, deployment(true))
	looks := []rbac.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"},
		Verbs: []string{"get", "list", "watch"}}}
	if rules := find[*rbac.Role](t, all, "collector").Rules; !reflect.DeepEqual(rules, looks) {
		t.Errorf("in its namespace it may %v", rules)
	}
	looks[0].Resources = []string{"nodes"}
	if rules := find[*rbac.ClusterRole](t, all, "hivemq-collector").Rules; !reflect.DeepEqual(rules, looks) {
		t.Errorf("everywhere it may %v", rules)
	}
	account := find[*apps.Deployment](t, all, "collector").Spec.Template.Spec.ServiceAccountName
	for _, subject := range append(find[*rbac.RoleBinding](t, all, "collector").Subjects,
		find[*rbac.ClusterRoleBinding](t, all, "hivemq-collector").Subjects...) {
		if subject.Kind != "ServiceAccount" || subject.Name != account || subject.Namespace != assets.HiveMQNamespace ||
			account != assets.HiveMQCollectorAccount {
			t.Errorf("the rights go to %+v, the pod is %s", subject, account)
		}
	}
	out := find[*networking.NetworkPolicy](t, all, "collector").Spec.Egress
	if len(out) != 1 || len(out[0].Ports) != 1 || out[0].Ports[0].Port.IntValue() != 8883 {
		t.Errorf("beyond what the namespace may reach, it reaches %+v", out)
	}
}

func TestAnotherConfigurationOfTheCollectorIsAnotherPod(t *testing.T) {
	h := deployment(true)
	before := find[*apps.Deployment](t, applied(t, h), "collector").Spec.Template.Annotations
	if config := find[*core.ConfigMap](t, applied(t, h), "collector").
		Data[assets.CollectorConfigFile]; strings.TrimSpace(config) != strings.TrimSpace(h.Collector) {
		t.Error("the configuration is another one")
	}
	h.Collector += "# changed\n"
	if after := find[*apps.Deployment](t, applied(t, h), "collector").
		Spec.Template.Annotations; reflect.DeepEqual(before, after) {
		t.Errorf("both are annotated with %v", after)
	}
}

func TestAStackWithoutMonitoringHasNoCollector(t *testing.T) {
	h := deployment(false)
	h.Collector = ""
	if all := applied(t, h); all[assets.HiveMQCollectorFolder] != nil || len(all) != len(assets.HiveMQFolders(false)) {
		t.Errorf("the folders are %v", all)
	}
}

func TestASchemaThatChangesIsAppliedByAnotherJob(t *testing.T) {
	h := deployment(true)
	before := h.PrepareVersion()
	h.DatabaseHost = "other.postgres.database.azure.com"
	if h.PrepareVersion() == before {
		t.Error("another database gets no schema")
	}
	if other := deployment(false); other.PrepareVersion() == before {
		t.Error("a stack that loses its licence gets no credentials")
	}
}

func TestNothingFromOutsideTheNamespaceReachesAPodButTheGatewayItsListeners(t *testing.T) {
	both(t, func(t *testing.T, h assets.HiveMQ) {
		all := applied(t, h)
		whole := find[*networking.NetworkPolicy](t, all, "namespace").Spec
		if len(whole.PodSelector.MatchLabels) != 0 || len(whole.PolicyTypes) != 2 || len(whole.Ingress) != 1 ||
			whole.Ingress[0].From[0].NamespaceSelector != nil || whole.Ingress[0].From[0].PodSelector == nil {
			t.Errorf("pods take %+v", whole)
		}
		clients := find[*networking.NetworkPolicy](t, all, "clients").Spec
		if len(clients.Ingress) != 1 || len(clients.Ingress[0].From) != 1 ||
			clients.Ingress[0].From[0].IPBlock.CIDR != h.GatewaySubnet || len(clients.Ingress[0].Ports) != 2 {
			t.Errorf("brokers take %+v", clients)
		}
		for _, rule := range whole.Egress {
			for _, to := range rule.To {
				if to.IPBlock != nil && to.IPBlock.CIDR != h.DatabaseSubnet {
					t.Errorf("pods reach %s", to.IPBlock.CIDR)
				}
			}
			if len(rule.To) == 0 && (len(rule.Ports) != 1 || rule.Ports[0].Port.IntValue() != 443) {
				t.Errorf("pods reach everything on %v", rule.Ports)
			}
		}
	})
}
