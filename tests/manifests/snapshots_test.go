package manifests

import (
	"slices"
	"testing"

	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	rbac "k8s.io/api/rbac/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// volumeSnapshotClass is the resource of the CSI snapshotter's v1: the part that is used.
type volumeSnapshotClass struct {
	meta.TypeMeta
	meta.ObjectMeta `json:"metadata"`
	Driver          string            `json:"driver"`
	DeletionPolicy  string            `json:"deletionPolicy"`
	Parameters      map[string]string `json:"parameters"`
}

func init() {
	knownKinds["snapshot.storage.k8s.io/v1/VolumeSnapshotClass"] = struct {
		empty      func() meta.Object
		namespaced bool
	}{func() meta.Object { return &volumeSnapshotClass{} }, false}
}

func TestTheSnapshotsOfVolumesAreTakenByAJobThatMayDoNoMore(t *testing.T) {
	files, err := assets.HiveMQSnapshots{Group: "amora-backup-abcd", Brokers: 3, RetentionDays: 14,
		ShellImage: "docker.io/library/postgres:17-alpine"}.Manifests()
	if err != nil {
		t.Fatal(err)
	}
	objects, err := decode(files[assets.HiveMQSnapshotsFolder+"/manifests.yaml"])
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]meta.Object{assets.HiveMQSnapshotsFolder: objects}
	class := find[*volumeSnapshotClass](t, all, "amora-backup")
	if class.Driver != "disk.csi.azure.com" || class.Parameters["resourceGroup"] != "amora-backup-abcd" ||
		class.Parameters["incremental"] != "true" {
		t.Errorf("the class is %+v", class)
	}
	rules := find[*rbac.Role](t, all, "snapshots").Rules
	if len(rules) != 1 || !slices.Equal(rules[0].Resources, []string{"volumesnapshots"}) ||
		slices.Contains(rules[0].Verbs, "*") {
		t.Errorf("the job may %+v", rules)
	}
	job := find[*batch.CronJob](t, all, "snapshots").Spec.JobTemplate.Spec.Template.Spec
	binding := find[*rbac.RoleBinding](t, all, "snapshots")
	if job.ServiceAccountName != binding.Subjects[0].Name || binding.RoleRef.Name != "snapshots" {
		t.Errorf("the job is %s, and the role is %s's", job.ServiceAccountName, binding.Subjects[0].Name)
	}
	script := find[*core.ConfigMap](t, all, "snapshots").Data["snapshots.sh"]
	if script+"\n" != assets.SnapshotsScript {
		t.Errorf("the script is not what it was:\n%s", script)
	}
	names := []string{}
	for _, c := range slices.Concat(job.InitContainers, job.Containers) {
		names = append(names, c.Name)
		if c.Image == "" || c.SecurityContext == nil || *c.SecurityContext.AllowPrivilegeEscalation ||
			c.Resources.Limits.Memory().IsZero() {
			t.Errorf("%s has no image, no limits, or more rights than it needs: %+v", c.Name, c)
		}
		for _, mount := range c.VolumeMounts {
			if !slices.ContainsFunc(job.Volumes, func(v core.Volume) bool { return v.Name == mount.Name }) {
				t.Errorf("%s mounts %s, which there is not", c.Name, mount.Name)
			}
		}
	}
	if want := []string{"plan", "take", "complete", "expire"}; !slices.Equal(names, want) {
		t.Errorf("a night is %v, want %v", names, want)
	}
}
