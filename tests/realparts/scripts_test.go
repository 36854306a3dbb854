package realparts

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

func TestShellcheckFindsNothingInTheScripts(t *testing.T) {
	t.Parallel()
	need(t, "shellcheck")
	scripts, err := filepath.Glob("../../components/assets/*.sh")
	nodes, err2 := filepath.Glob("../../components/assets/vernemq/*.sh")
	if err := errors.Join(err, err2); err != nil || len(scripts) < 5 || len(nodes) < 4 {
		t.Fatalf("%d scripts: %v", len(scripts), err)
	}
	if said, err := exec.Command("shellcheck",
		append(append(scripts, nodes...), "--external-sources", "--source-path=SCRIPTDIR", "install.sh")...).
		CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
}

// azure is a fake Azure CLI: it records its arguments, one a line, fails the first FAILURES calls that change
// something, and shows what FOUND holds.
const azure = `#!/bin/bash
printf '%s\n' "$@" "--end--" >>"$CALLS"
case "$*" in
*show*) [ -n "$FOUND" ] && echo "$FOUND" && exit 0; exit 3 ;;
*recover*) exit 1 ;;
esac
done=$(cat "$CALLS.count" 2>/dev/null || echo 0)
echo $((done + 1)) >"$CALLS.count"
[ "$done" -ge "$FAILURES" ]
`

// withAzure runs a deployment script against the fake, and gives back the calls that it made.
func withAzure(t *testing.T, script, failures, found string, environment ...string) (calls [][]string, said string,
	err error) {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "az"), []byte(azure), 0o755); err != nil {
		t.Fatal(err)
	}
	record := filepath.Join(folder, "calls")
	said, err = sh(t, []string{"bash"}, script, append(environment,
		"PATH="+folder+":"+os.Getenv("PATH"), "CALLS="+record, "FAILURES="+failures, "FOUND="+found, "WAIT=0")...)
	data, _ := os.ReadFile(record) // absent when there was no call
	for call := range strings.SplitSeq(string(data), "--end--\n") {
		if call != "" {
			calls = append(calls, lines(call))
		}
	}
	return calls, said, err
}

const images = "IMAGES=docker.io/emqx/emqx:5.8.9=emqx/emqx:5.8.9 docker.io/library/redis:7-alpine=library/" +
	"redis:7-alpine"

func TestEveryMissingImageIsImportedOnceAzureLetsItBe(t *testing.T) {
	t.Parallel()
	calls, said, err := withAzure(t, assets.MirrorScript, "2", "", "REGISTRY_NAME=reg", images)
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	want := []string{"acr", "import", "--name", "reg", "--source", "docker.io/library/redis:7-alpine", "--image",
		"library/redis:7-alpine", "--force", "--output", "none"}
	if last := calls[len(calls)-1]; !slices.Equal(last, want) || len(calls) != 2+2+2 {
		t.Errorf("%d calls, the last one %v", len(calls), last)
	}
}

func TestAnImageThatIsThereIsNotImportedAgain(t *testing.T) {
	t.Parallel()
	calls, said, err := withAzure(t, assets.MirrorScript, "0", "{}", "REGISTRY_NAME=reg", images)
	if err != nil || len(calls) != 2 {
		t.Errorf("%d calls: %v\n%s", len(calls), err, said)
	}
}

func TestAnImageThatCanNotBeHadFailsTheDeployment(t *testing.T) {
	t.Parallel()
	if calls, said, err := withAzure(t, assets.MirrorScript, "99", "", "REGISTRY_NAME=reg", images); err == nil ||
		len(calls) != 1+8 {
		t.Errorf("%d calls: %v\n%s", len(calls), err, said)
	}
}

func TestASelfSignedCertificateIsForAllDomainsAndExportable(t *testing.T) {
	t.Parallel()
	calls, said, err := withAzure(t, assets.SelfSignedScript, "1", "", "VAULT_NAME=kv", "CERTIFICATE_NAME=mqtt-tls",
		"DOMAINS=mqtt.example.com ws.mqtt.example.com")
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	last := strings.Join(calls[len(calls)-1], "\n")
	_, rest, _ := strings.Cut(last, "--policy\n")
	text, _, _ := strings.Cut(rest, "\n--output")
	var policy struct {
		KeyProperties             struct{ Exportable bool }
		SecretProperties          struct{ ContentType string }
		IssuerParameters          struct{ Name string }
		X509CertificateProperties struct {
			Subject                 string
			SubjectAlternativeNames struct{ DNSNames []string }
		}
		LifetimeActions []struct {
			Action  struct{ ActionType string }
			Trigger struct{ DaysBeforeExpiry int }
		}
	}
	if err := json.Unmarshal([]byte(text), &policy); err != nil {
		t.Fatalf("%v in\n%s", err, last)
	}
	names := policy.X509CertificateProperties.SubjectAlternativeNames.DNSNames
	if renewal := policy.LifetimeActions; len(renewal) != 1 || renewal[0].Action.ActionType != "AutoRenew" ||
		renewal[0].Trigger.DaysBeforeExpiry < 14 {
		t.Errorf("before it expires, the vault does %+v", renewal)
	}
	if !policy.KeyProperties.Exportable || policy.SecretProperties.ContentType != "application/x-pkcs12" ||
		policy.IssuerParameters.Name != "Self" ||
		policy.X509CertificateProperties.Subject != "CN=mqtt.example.com" ||
		!slices.Equal(names, []string{"mqtt.example.com", "ws.mqtt.example.com"}) {
		t.Errorf("the policy is %+v", policy)
	}
}

func TestACertificateForTheSameDomainsIsLeftAloneAndOneForOthersIsNot(t *testing.T) {
	t.Parallel()
	for found, creations := range map[string]int{"mqtt.example.com\nws.mqtt.example.com": 0,
		"old.example.com\nws.old.example.com": 1} {
		calls, said, err := withAzure(t, assets.SelfSignedScript, "0", found, "VAULT_NAME=kv",
			"CERTIFICATE_NAME=mqtt-tls", "DOMAINS=mqtt.example.com ws.mqtt.example.com")
		if err != nil || len(calls) != 1+creations {
			t.Errorf("%q: %d calls: %v\n%s", found, len(calls), err, said)
		}
	}
}

func TestACertificateThatCanNotBeMadeFailsTheDeployment(t *testing.T) {
	t.Parallel()
	if calls, said, err := withAzure(t, assets.SelfSignedScript, "99", "", "VAULT_NAME=kv", "CERTIFICATE_NAME=mqtt-tls",
		"DOMAINS=mqtt.example.com"); err == nil || len(calls) != 1+2*8 {
		t.Errorf("%d calls: %v\n%s", len(calls), err, said)
	}
}
