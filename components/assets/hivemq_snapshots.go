package assets

import (
	_ "embed"
	"fmt"
	"strings"
	"text/template"
)

// What backs up the brokers' volumes is called.
const (
	HiveMQSnapshotsFolder = "snapshots"
	hiveMQSnapshotClass   = "amora-backup"

	// hiveMQClaim and the number of a broker make the name of its claim: the name of the template, and that of the
	// operator's StatefulSet.
	hiveMQClaim = "data-" + hiveMQRelease
)

// SnapshotsScript says what is snapshotted, and which snapshots are old; WORK, NAMESPACE, CLASS, CLAIM, BROKERS, DAYS.
//
//go:embed snapshots.sh
var SnapshotsScript string

// HiveMQSnapshots is what the manifests of the nightly snapshots of the brokers' volumes depend on.
type HiveMQSnapshots struct {
	Group         string // resource group that the snapshots go to
	Brokers       int
	RetentionDays int
	ShellImage    string // with /bin/sh and date
}

// Manifests renders one file of YAML documents, by path.
func (s HiveMQSnapshots) Manifests() (map[string]string, error) {
	const name = HiveMQSnapshotsFolder + ".yaml.tmpl"
	parsed, err := template.New(name).Funcs(hiveMQFunctions).ParseFS(hiveMQTemplates, "hivemq/"+name)
	if err != nil {
		return nil, fmt.Errorf("manifests: %w", err)
	}
	var out strings.Builder
	if err := parsed.Execute(&out, hiveMQSnapshotsData{s}); err != nil {
		return nil, fmt.Errorf("manifests: %w", err)
	}
	return map[string]string{HiveMQSnapshotsFolder + "/manifests.yaml": out.String()}, nil
}

// hiveMQSnapshotsData is what the template sees.
type hiveMQSnapshotsData struct{ HiveMQSnapshots }

func (hiveMQSnapshotsData) Namespace() string    { return HiveMQNamespace }
func (hiveMQSnapshotsData) Class() string        { return hiveMQSnapshotClass }
func (hiveMQSnapshotsData) Claim() string        { return hiveMQClaim }
func (hiveMQSnapshotsData) Script() string       { return SnapshotsScript }
func (hiveMQSnapshotsData) KubectlImage() string { return kubectlImage }

// Limits are the same for all of the containers.
func (hiveMQSnapshotsData) Limits() string {
	return `resources:
  requests: {cpu: 50m, memory: 64Mi}
  limits: {cpu: 500m, memory: 128Mi}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]`
}

// Steps are the runs of kubectl that a night begins with.
func (hiveMQSnapshotsData) Steps() []struct{ Name, Args string } {
	return []struct{ Name, Args string }{
		{"take", "apply, --server-side, --force-conflicts, --filename, /work/taken.yaml"},
		{"complete", `wait, "--for=jsonpath={.status.readyToUse}=true", --timeout=1h, --filename, /work/taken.yaml`},
	}
}
