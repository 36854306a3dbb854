package realparts

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

func TestSystemdFindsNothingInVerneMQsUnits(t *testing.T) {
	t.Parallel()
	need(t, "systemd-analyze")
	files := vmFiles(t, assets.VerneMQ{})
	verify := func(name, text string) string {
		// what is not installed here
		text = regexp.MustCompile(`(?m)^ExecStart=\S+`).ReplaceAllString(text, "ExecStart=/bin/true")
		said, err := exec.Command("systemd-analyze", "verify", "--man=no",
			write(t, filepath.Join(t.TempDir(), name), text)).CombinedOutput()
		if err != nil {
			return string(said) + err.Error()
		}
		return string(said)
	}
	for _, name := range []string{"otelcol.service", "vernemq.service"} {
		if said := verify(name, files[name]); said != "" {
			t.Errorf("%s: %s", name, said)
		}
	}
	for _, wrong := range [][2]string{{"ProtectSystem=strict", "ProtectSystems=strict"},
		{"MemoryMax=", "MemoryMax=much"}, {"UMask=0077", "UMask=0999"}} {
		broken := strings.Replace(files["otelcol.service"], wrong[0], wrong[1], 1)
		if broken == files["otelcol.service"] || verify("otelcol.service", broken) == "" {
			t.Errorf("%s passes", wrong[1])
		}
	}
}

func TestTheCollectorIsNoRootAndHasLimits(t *testing.T) {
	t.Parallel()
	unit := lines(vmFiles(t, assets.VerneMQ{})["otelcol.service"])
	for _, line := range []string{
		"DynamicUser=yes", "NoNewPrivileges=yes", "CapabilityBoundingSet=", "ProtectSystem=strict", "ProtectHome=yes",
		"PrivateTmp=yes", "MemoryMax=256M", "CPUQuota=25%", "Restart=on-failure",
		"IPAddressDeny=169.254.169.254", "EnvironmentFile=/etc/otelcol/environment",
	} {
		if !slices.Contains(unit, line) {
			t.Errorf("the unit has no %s", line)
		}
	}
}
