package manifests

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	helm "github.com/fluxcd/helm-controller/api/v2"
	"github.com/santhosh-tekuri/jsonschema/v6"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// values is what the tests read of the platform chart's values.
type values struct {
	Nodes struct {
		ReplicaCount int
		Labels       map[string]string
		Env          []core.EnvVar
		Resources    struct{ CPU, Memory string }

		PodSecurityContext       core.PodSecurityContext
		ContainerSecurityContext core.SecurityContext

		PersistentVolumeClaimRetentionPolicy apps.StatefulSetPersistentVolumeClaimRetentionPolicy
	}
	Services []struct {
		Type                string
		Exposed             bool
		ContainerPort, Port int
		Path                string
	}
	Extensions []struct {
		Name                              string
		Enabled                           bool
		ConfigMapName, SecretName         string
		ExtensionURI                      string
		SupportsHotReload, StartMandatory bool
	}
	AdditionalVolumes []struct {
		Type, Name, MountName, Path string
		CSI                         struct {
			Driver           string
			VolumeAttributes map[string]string
		}
	}
	AdditionalInitContainers []core.Container
	VolumeClaimTemplates     []core.PersistentVolumeClaim
	PodScheduling            struct {
		NodeSelector map[string]string
		Tolerations  []core.Toleration
		Affinity     core.Affinity
	}
	PodDisruptionBudget struct{ MaxUnavailable int }
}

func brokerValues(t *testing.T, all map[string][]meta.Object) values {
	t.Helper()
	var v values
	valuesOf(t, find[*helm.HelmRelease](t, all, "broker"), &v)
	return v
}

func valuesOf(t *testing.T, release *helm.HelmRelease, into any) {
	t.Helper()
	if err := json.Unmarshal(release.Spec.Values.Raw, into); err != nil {
		t.Fatal(err)
	}
}

// schema is the values schema of a chart, from beside the repository.
func schema(t *testing.T, file string) (*jsonschema.Schema, map[string]any) {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "hivemq", file)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("the schemas of HiveMQ's charts are not beside this repository: values are not held against %s", file)
	}
	var plain map[string]any
	if err := json.Unmarshal(data, &plain); err != nil {
		t.Fatal(err)
	}
	compiled, err := jsonschema.NewCompiler().Compile(path)
	if err != nil {
		t.Fatal(err)
	}
	return compiled, plain
}

// handedOn are values that the chart puts into the pod as they are, whatever its schema names of them.
var handedOn = []string{".nodes.containerSecurityContext", ".nodes.podSecurityContext",
	".containerSecurityContext", ".podSecurityContext"}

// unknownKeys lists keys of a value that a schema with properties does not name: such schemas let them pass.
func unknownKeys(path string, schema, value any) []string {
	rules, _ := schema.(map[string]any)
	var found []string
	switch value := value.(type) {
	case map[string]any:
		properties, closed := rules["properties"].(map[string]any)
		for key, v := range value {
			if rule, known := properties[key]; known {
				found = append(found, unknownKeys(path+"."+key, rule, v)...)
			} else if closed && !slices.Contains(handedOn, path) {
				found = append(found, path+"."+key)
			}
		}
	case []any:
		for _, v := range value {
			found = append(found, unknownKeys(path+"[]", rules["items"], v)...)
		}
	}
	slices.Sort(found)
	return found
}

var charts = map[string]string{"operator": "hivemq-platform-operator-0.2.26.values.schema.json",
	"broker": "hivemq-platform-0.2.72.values.schema.json"}

func TestTheValuesAreWhatTheChartsTake(t *testing.T) {
	both(t, func(t *testing.T, h assets.HiveMQ) {
		for release, file := range charts {
			compiled, plain := schema(t, file)
			var given any
			if err := json.Unmarshal(find[*helm.HelmRelease](t, applied(t, h), release).Spec.Values.Raw, &given); err != nil {
				t.Fatal(err)
			}
			if err := compiled.Validate(given); err != nil {
				t.Errorf("%s: %v", release, err)
			}
			if unknown := unknownKeys("", plain, given); len(unknown) > 0 {
				t.Errorf("%s: the chart knows no %v", release, unknown)
			}
		}
	})
}

func TestAMisspeltValueAndOneOfTheWrongTypeAreFound(t *testing.T) {
	compiled, plain := schema(t, charts["broker"])
	if unknown := unknownKeys("", plain,
		map[string]any{"nodes": map[string]any{"replicas": 3.0},
			"services": []any{map[string]any{"type": "mqtt", "prot": 1.0}}}); !slices.Equal(unknown,
		[]string{".nodes.replicas", ".services[].prot"}) {
		t.Errorf("unknown: %v", unknown)
	}
	if err := compiled.Validate(map[string]any{"nodes": map[string]any{"replicaCount": "3"}}); err == nil {
		t.Error("a text passed for a number")
	}
}

func TestNobodyIsLetInWithoutAPassword(t *testing.T) {
	both(t, func(t *testing.T, h assets.HiveMQ) {
		enabled := map[string]bool{}
		for _, e := range brokerValues(t, applied(t, h)).Extensions {
			enabled[e.Name] = e.Enabled
			if e.Enabled && !e.StartMandatory {
				t.Errorf("without %s brokers would start all the same", e.Name)
			}
			if e.Enabled && e.ConfigMapName == "" && e.SecretName == "" {
				t.Errorf("%s has no configuration", e.Name)
			}
		}
		on, named := enabled["hivemq-allow-all-extension"]
		if on || !named || enabled["hivemq-enterprise-security-extension"] != h.Licensed() ||
			enabled["hivemq-file-rbac-extension"] == h.Licensed() {
			t.Errorf("the extensions are %v", enabled)
		}
	})
}

func TestBrokersAreSpreadKeepTheirDataAndLandOnTheirOwnNodes(t *testing.T) {
	both(t, func(t *testing.T, h assets.HiveMQ) {
		all := applied(t, h)
		v := brokerValues(t, all)
		if v.Nodes.ReplicaCount != 3 || v.Nodes.Resources.CPU != "2500m" || v.Nodes.Resources.Memory != "8Gi" ||
			v.PodDisruptionBudget.MaxUnavailable != 1 {
			t.Errorf("the values are %+v", v)
		}
		pool := map[string]string{assets.HiveMQPoolLabel: assets.HiveMQPoolValue}
		tolerated := v.PodScheduling.Tolerations[0]
		if v.PodScheduling.NodeSelector[assets.HiveMQPoolLabel] != assets.HiveMQPoolValue ||
			tolerated.Key != assets.HiveMQPoolLabel || tolerated.Value != assets.HiveMQPoolValue {
			t.Errorf("brokers are scheduled by %+v", v.PodScheduling)
		}
		apart := v.PodScheduling.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution[0]
		if apart.TopologyKey != "kubernetes.io/hostname" ||
			apart.LabelSelector.MatchLabels[assets.HiveMQPoolLabel] != pool[assets.HiveMQPoolLabel] ||
			v.Nodes.Labels[assets.HiveMQPoolLabel] != pool[assets.HiveMQPoolLabel] {
			t.Errorf("brokers are kept apart by %+v", apart)
		}
		claim := v.VolumeClaimTemplates[0]
		if *claim.Spec.StorageClassName != "managed-csi-premium" || claim.Spec.Resources.Requests.Storage().
			String() != "128Gi" || claim.Name != "data" {
			t.Errorf("the data is on %+v", claim)
		}
		const retained = apps.RetainPersistentVolumeClaimRetentionPolicyType
		if kept := v.Nodes.PersistentVolumeClaimRetentionPolicy; kept.WhenDeleted != retained || kept.WhenScaled != retained {
			t.Errorf("the data goes with the brokers: %+v", kept)
		}
		mounted := slices.ContainsFunc(brokerPod(t, all).Containers[0].VolumeMounts, func(m core.VolumeMount) bool {
			return m.Name == "data" && m.MountPath == "/opt/hivemq/data"
		})
		if !mounted {
			t.Error("nobody mounts the data")
		}
	})
}

func TestBrokersAreSpreadOverZonesWhereThereAreSome(t *testing.T) {
	for _, zoned := range []bool{true, false} {
		h := deployment(true)
		h.Zoned = zoned
		release := find[*helm.HelmRelease](t, applied(t, h), "broker")
		if (len(release.Spec.PostRenderers) == 1) != zoned {
			t.Errorf("zoned %v: %+v", zoned, release.Spec.PostRenderers)
		}
		if !zoned {
			continue
		}
		var patch []struct {
			Op, Path string
			Value    []core.TopologySpreadConstraint
		}
		if err := unmarshalYAML(release.Spec.PostRenderers[0].Kustomize.Patches[0].Patch, &patch); err != nil {
			t.Fatal(err)
		}
		spread := patch[0].Value[0]
		if spread.TopologyKey != "topology.kubernetes.io/zone" || spread.WhenUnsatisfiable != core.DoNotSchedule ||
			spread.LabelSelector.MatchLabels[assets.HiveMQPoolLabel] != assets.HiveMQPoolValue {
			t.Errorf("the spread is %+v", spread)
		}
	}
}

// fetches runs the script of an init container, whose wget gives it the file of that content, or fails without one.
func fetches(t *testing.T, c core.Container, content string, environment ...string) (string, error) {
	t.Helper()
	folder := t.TempDir()
	wget := "#!/bin/sh\n[ \"$1 $2\" = '-q -O' ] && [ -n \"$CONTENT\" ] && printf '%s' \"$CONTENT\" >\"$3\"\n"
	if err := os.WriteFile(filepath.Join(folder, "wget"), []byte(wget), 0o755); err != nil {
		t.Fatal(err)
	}
	script := strings.ReplaceAll(c.Args[0], c.VolumeMounts[0].MountPath+"/", folder+"/")
	command := exec.Command(c.Command[0], append(slices.Clone(c.Command[1:]), script)...)
	command.Env = []string{"PATH=" + folder + ":" + os.Getenv("PATH"), "CONTENT=" + content}
	for _, v := range c.Env {
		command.Env = append(command.Env, v.Name+"="+v.Value)
	}
	command.Env = append(command.Env, environment...)
	said, err := command.CombinedOutput()
	return string(said), err
}

func TestABrokerDoesNotStartWithAnotherDriverThanTheOneThatWasReviewed(t *testing.T) {
	drivers := brokerValues(t, applied(t, deployment(true))).AdditionalInitContainers
	if len(drivers) != 1 || drivers[0].Name != "jdbc-driver" {
		t.Fatalf("the init containers are %+v", drivers)
	}
	const right = "the driver"
	sum := fmt.Sprintf("SHA256=%x", sha256.Sum256([]byte(right)))
	if said, err := fetches(t, drivers[0], right, sum); err != nil {
		t.Errorf("the right one: %v\n%s", err, said)
	}
	for fault, c := range map[string][]string{
		"another file": {"the driver, changed", sum}, "no file": {"", sum},
		"a file without the sum that the program names": {right},
	} {
		if said, err := fetches(t, drivers[0], c[0], c[1:]...); err == nil {
			t.Errorf("%s: %s", fault, said)
		}
	}
}
