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
	_, fence, found := strings.Cut(files["vernemq.service"], fenceBegins)
	if said := verify("run.service", "[Service]\nExecStart=/bin/true\nDynamicUser=yes\n"+fence); said != "" || !found {
		t.Errorf("the fence by itself: %s", said)
	}
	for _, wrong := range [][2]string{{"ProtectSystem=strict", "ProtectSystems=strict"},
		{"MemoryMax=", "MemoryMax=much"}, {"UMask=0077", "UMask=0999"}} {
		broken := strings.Replace(files["otelcol.service"], wrong[0], wrong[1], 1)
		if broken == files["otelcol.service"] || verify("otelcol.service", broken) == "" {
			t.Errorf("%s passes", wrong[1])
		}
	}
}

const fenceBegins = "# The fence, which node.sh puts around all else that may do what an attacker wants."

func TestVerneMQMayNoMoreThanItsCollectorButForItsOwnFolders(t *testing.T) {
	t.Parallel()
	files := vmFiles(t, assets.VerneMQ{})
	broker, collector := lines(files["vernemq.service"]), lines(files["otelcol.service"])
	begins := slices.Index(collector, "IPAddressDeny=169.254.169.254")
	if begins < 0 {
		t.Fatal("the collector may ask for a token")
	}
	fence := slices.Index(broker, fenceBegins)
	for _, line := range slices.Concat(collector[begins:], []string{"RestrictSUIDSGID=yes"}) {
		if !slices.Contains(broker[max(fence, 0):], line) {
			t.Errorf("VerneMQ's unit has no %s in its fence", line)
		}
	}
	for _, line := range broker {
		name, value, _ := strings.Cut(line, "=")
		if name == "ReadWritePaths" && value != "/var/lib/vernemq" || name == "MemoryDenyWriteExecute" {
			t.Errorf("VerneMQ's unit has %s", line)
		}
	}
}

func TestSystemdFindsLittleThatVerneMQMayDo(t *testing.T) {
	t.Parallel()
	need(t, "systemd-analyze")
	unit := vmFiles(t, assets.VerneMQ{})["vernemq.service"]
	open, _, _ := strings.Cut(unit, fenceBegins)
	for text, little := range map[string]bool{unit: true, open: false} {
		said, err := exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=35",
			write(t, filepath.Join(t.TempDir(), "vernemq.service"), text)).CombinedOutput()
		if (err == nil) != little {
			t.Errorf("%v\n%s", err, said)
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
