package manifests

import (
	"fmt"
	"slices"
	"testing"

	helm "github.com/fluxcd/helm-controller/api/v2"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// restricted lists what Kubernetes has against a pod in a namespace of the level restricted, after
// https://kubernetes.io/docs/concepts/security/pod-security-standards. What it forbids and no manifest here sets
// is left out: SELinux, AppArmor, Windows, /proc, probes of other hosts.
func restricted(pod core.PodSpec) (against []string) {
	no := func(broken bool, format string, args ...any) {
		if broken {
			against = append(against, fmt.Sprintf(format, args...))
		}
	}
	no(pod.HostNetwork || pod.HostPID || pod.HostIPC, "it shares namespaces with the host")
	for _, v := range pod.Volumes {
		no(v.ConfigMap == nil && v.CSI == nil && v.DownwardAPI == nil && v.EmptyDir == nil && v.Ephemeral == nil &&
			v.PersistentVolumeClaim == nil && v.Projected == nil && v.Secret == nil, "the volume %s", v.Name)
	}
	of := pod.SecurityContext
	if of == nil {
		of = &core.PodSecurityContext{}
	}
	isRoot := func(user *int64) bool { return user != nil && *user == 0 }
	confined := func(p *core.SeccompProfile) bool {
		return p != nil && (p.Type == core.SeccompProfileTypeRuntimeDefault || p.Type == core.SeccompProfileTypeLocalhost)
	}
	no(isRoot(of.RunAsUser), "it is root")
	no(len(of.Sysctls) > 0, "it sets %v", of.Sysctls)
	for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
		s := c.SecurityContext
		if s == nil {
			s = &core.SecurityContext{}
		}
		user, profile := s.RunAsNonRoot, s.SeccompProfile
		if user == nil {
			user = of.RunAsNonRoot
		}
		if profile == nil {
			profile = of.SeccompProfile
		}
		no(user == nil || !*user || isRoot(s.RunAsUser), "%s may be root", c.Name)
		no(!confined(profile), "%s may call all of the kernel", c.Name)
		no(s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation, "%s may become more", c.Name)
		no(s.Privileged != nil && *s.Privileged, "%s is privileged", c.Name)
		no(s.Capabilities == nil || !slices.Contains(s.Capabilities.Drop, "ALL") || slices.ContainsFunc(s.Capabilities.Add,
			func(a core.Capability) bool { return a != "NET_BIND_SERVICE" }), "%s keeps capabilities", c.Name)
		no(slices.ContainsFunc(c.Ports, func(p core.ContainerPort) bool { return p.HostPort != 0 }),
			"%s takes a port of the host", c.Name)
	}
	return against
}

// everyPod is each pod that the program says something of: those of its manifests, the nightly job's, and those of
// HiveMQ's charts as far as the values make them.
func everyPod(t *testing.T, h assets.HiveMQ) map[string]core.PodSpec {
	t.Helper()
	all := applied(t, h)
	found := pods(t, all)
	files, err := assets.HiveMQSnapshots{Group: "g", Brokers: 3, RetentionDays: 14, ShellImage: "shell"}.Manifests()
	if err != nil {
		t.Fatal(err)
	}
	objects, err := decode(files[assets.HiveMQSnapshotsFolder+"/manifests.yaml"])
	if err != nil {
		t.Fatal(err)
	}
	nightly := map[string][]meta.Object{assets.HiveMQSnapshotsFolder: objects}
	found["snapshots"] = find[*batch.CronJob](t, nightly, "snapshots").Spec.JobTemplate.Spec.Template.Spec
	var operator struct {
		PodSecurityContext       core.PodSecurityContext
		ContainerSecurityContext core.SecurityContext
	}
	valuesOf(t, find[*helm.HelmRelease](t, all, "operator"), &operator)
	found["operator"] = core.PodSpec{SecurityContext: &operator.PodSecurityContext, Containers: []core.Container{
		{Name: "hivemq-platform-operator", SecurityContext: &operator.ContainerSecurityContext}}}
	return found
}

func TestEveryPodWouldBeLetIntoANamespaceOfTheLevelRestricted(t *testing.T) {
	both(t, func(t *testing.T, h assets.HiveMQ) {
		found := everyPod(t, h)
		if len(found) != 6 {
			t.Errorf("there are %d pods", len(found))
		}
		for name, pod := range found {
			for _, why := range restricted(pod) {
				t.Errorf("%s: %s", name, why)
			}
		}
	})
}

func TestAPodThatMayMoreThanTheLevelRestrictedIsFound(t *testing.T) {
	yes, no, root := true, false, int64(0)
	for fault, spoil := range map[string]func(*core.PodSpec){
		"no security context": func(p *core.PodSpec) {
			p.SecurityContext, p.Containers[0].SecurityContext = nil, nil
		},
		"root":                      func(p *core.PodSpec) { p.SecurityContext.RunAsUser = &root },
		"one container is root":     func(p *core.PodSpec) { p.Containers[0].SecurityContext.RunAsUser = &root },
		"one container may be root": func(p *core.PodSpec) { p.Containers[0].SecurityContext.RunAsNonRoot = &no },
		"no seccomp profile":        func(p *core.PodSpec) { p.SecurityContext.SeccompProfile = nil },
		"privileged":                func(p *core.PodSpec) { p.Containers[0].SecurityContext.Privileged = &yes },
		"escalation":                func(p *core.PodSpec) { p.Containers[0].SecurityContext.AllowPrivilegeEscalation = nil },
		"capabilities":              func(p *core.PodSpec) { p.Containers[0].SecurityContext.Capabilities.Drop = nil },
		"the host's network":        func(p *core.PodSpec) { p.HostNetwork = true },
		"an init container":         func(p *core.PodSpec) { p.InitContainers = []core.Container{{Name: "init"}} },
		"a folder of the host": func(p *core.PodSpec) {
			p.Volumes = []core.Volume{{VolumeSource: core.VolumeSource{HostPath: &core.HostPathVolumeSource{}}}}
		},
	} {
		pod := everyPod(t, deployment(false))["collector"]
		spoil(&pod)
		if len(restricted(pod)) == 0 {
			t.Errorf("%s passes", fault)
		}
	}
}

func TestOnlyTheBrokerWritesItsRootFileSystemAndOnlyWhatAsksKubernetesHasAToken(t *testing.T) {
	asks := []string{"collector", "snapshots", "operator", "broker"} // the last one is for its chart to say
	both(t, func(t *testing.T, h assets.HiveMQ) {
		for name, pod := range everyPod(t, h) {
			for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
				writes := c.SecurityContext.ReadOnlyRootFilesystem == nil || !*c.SecurityContext.ReadOnlyRootFilesystem
				if writes && c.Name != "hivemq" && c.Name != "hivemq-platform-operator" {
					t.Errorf("%s: %s may write everywhere", name, c.Name)
				}
			}
			token := pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken
			if publishes := !h.Licensed(); token && !slices.Contains(asks, name) && !publishes {
				t.Errorf("%s has a token of Kubernetes", name)
			}
		}
	})
}

func TestAJobThatChangesHasAnotherNameForKubernetesChangesNone(t *testing.T) {
	both(t, func(t *testing.T, h assets.HiveMQ) {
		before := h.PrepareVersion()
		h.PostgresImage += "-changed"
		if h.PrepareVersion() == before {
			t.Error("another pod has the same name")
		}
	})
}
