package realparts

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// parsed is a configuration by key. A key that is there twice, or without a value, is a mistake.
func parsed(t *testing.T, text string) map[string]string {
	t.Helper()
	config := map[string]string{}
	for _, line := range lines(text) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, found := strings.Cut(line, " = ")
		if _, twice := config[key]; twice || !found || value == "" {
			t.Errorf("the configuration has the line %q", line)
		}
		config[key] = value
	}
	return config
}

// knownKeys matches the keys of VerneMQ 2.1.2. testdata/vernemq-2.1.2.keys was made from the schema files of its tag; a
// placeholder in it stands for a name that we chose: any other word would be taken for the name of one more listener.
var knownKeys = sync.OnceValues(func() (*regexp.Regexp, error) {
	text, err := os.ReadFile("testdata/vernemq-2.1.2.keys")
	if err != nil {
		return nil, err
	}
	var all []string
	for _, key := range lines(string(text)) {
		all = append(all, regexp.MustCompile(`\\\$[a-z_]+`).ReplaceAllString(regexp.QuoteMeta(key), "(default|clustering)"))
	}
	return regexp.Compile("^(" + strings.Join(all, "|") + ")$")
})

func unknownKeys(t *testing.T, config map[string]string) []string {
	t.Helper()
	known, err := knownKeys()
	if err != nil {
		t.Fatal(err)
	}
	var unknown []string
	for key := range config {
		if !known.MatchString(key) {
			unknown = append(unknown, key)
		}
	}
	slices.Sort(unknown)
	return unknown
}

// vmScripts are the names of the files that are scripts.
var vmScripts = []string{"node.sh", "cluster.sh", "install.sh", "collector.sh", "schema.sh", "admin.sh",
	"certificate.sh"}

func vmFiles(t *testing.T, v assets.VerneMQ) map[string]string {
	t.Helper()
	v.DatabaseName, v.DatabaseRoles, v.Connections, v.ClientIDs = "mqtt", "mqtt_broker", 1000, assets.ClientIDsPrefix
	files, err := v.Files()
	if err != nil {
		t.Fatal(err)
	}
	return files
}

var somePackage = &assets.VerneMQPackage{URL: "https://example.com/vernemq.deb", SHA256: strings.Repeat("0", 64)}

func TestVerneMQKnowsEveryKeyOfItsConfiguration(t *testing.T) {
	t.Parallel()
	config := parsed(t, vmFiles(t, assets.VerneMQ{})["vernemq.conf"])
	if unknown := unknownKeys(t, config); len(unknown) > 0 || len(config) < 20 {
		t.Errorf("of %d keys these are unknown: %q", len(config), unknown)
	}
	// The vendor's packages have one more.
	config = parsed(t, vmFiles(t, assets.VerneMQ{Package: somePackage})["vernemq.conf"])
	if unknown := unknownKeys(t, config); !slices.Equal(unknown, []string{"accept_eula"}) ||
		config["accept_eula"] != "yes" {
		t.Errorf("with a package these are unknown: %q", unknown)
	}
}

func TestAMisspeltKeyOfVerneMQIsFound(t *testing.T) {
	t.Parallel()
	for _, wrong := range []string{
		"listener.ssl.tls_versions", "listener.ssl.default.certfil", "listener.wss.cafiles", "allow_anonymus",
		"vmq_diversity.postgres.hosts", "http_module", "accept_eula", "x",
	} {
		if unknown := unknownKeys(t,
			map[string]string{wrong: "x", "allow_anonymous": "off",
				"listener.ssl.default": "x"}); !slices.Equal(unknown, []string{wrong}) {
			t.Errorf("%s: %q", wrong, unknown)
		}
	}
}

func TestVerneMQServesNoManagementAPIAndLetsInNobodyPastTheDatabase(t *testing.T) {
	t.Parallel()
	config := parsed(t, vmFiles(t, assets.VerneMQ{})["vernemq.conf"])
	for _, kind := range []string{"ssl", "wss"} {
		// It takes a space for a part of the version's name, and the listener does not start.
		if got := config["listener."+kind+".tls_version"]; got != "tlsv1.2,tlsv1.3" {
			t.Errorf("%s: the TLS versions are %q", kind, got)
		}
	}
	modules := strings.Trim(config["http_modules"], "[]")
	for module := range strings.SplitSeq(modules, ",") {
		if module != "vmq_metrics_http" && module != "vmq_health_http" { // by default there are the management API and more
			t.Errorf("the health page's port serves %q", module)
		}
	}
	if config["allow_anonymous"] != "off" || config["plugins.vmq_acl"] != "off" || config["plugins.vmq_passwd"] != "off" {
		t.Errorf("clients come in by another way than the database: %v", config)
	}
}

func TestBashReadsEveryScriptOfVerneMQ(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	files := vmFiles(t, assets.VerneMQ{})
	paths := []string{"../../components/assets/vernemq/amora-node.sh"}
	for _, name := range vmScripts {
		paths = append(paths, write(t, filepath.Join(t.TempDir(), name), files[name]))
	}
	for _, path := range paths {
		if said, err := exec.Command("bash", "-n", path).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", path, err, said)
		}
	}
}

func TestTheCustomDataOfAVerneMQMachineIsThin(t *testing.T) {
	t.Parallel()
	text, err := someMachine.CloudInit()
	if err != nil {
		t.Fatal(err)
	}
	// Azure takes 64 KiB. A change of it replaces the machine, so that it holds no more than it must.
	if len(text) > 8<<10 {
		t.Errorf("the custom data has %d bytes", len(text))
	}
}

var someMachine = assets.VerneMQMachine{SettingsURL: "https://kv.vault.azure.net/secrets/it's", ClientID: clientID,
	Address: "10.0.0.1"}

func TestCloudInitAcceptsTheCustomDataOfAVerneMQMachine(t *testing.T) {
	t.Parallel()
	need(t, "cloud-init")
	text, err := someMachine.CloudInit()
	if err != nil {
		t.Fatal(err)
	}
	accepted := func(document string) (string, error) {
		said, err := exec.Command("cloud-init", "schema", "--config-file",
			write(t, filepath.Join(t.TempDir(), "cloud-init.yaml"), document)).CombinedOutput()
		return string(said), err
	}
	if said, err := accepted(text); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
	for fault, replaced := range map[string][2]string{
		"an encoding that it does not know": {"encoding: b64", "encoding: b46"}, "no YAML": {"runcmd:", "runcmd: ["},
	} {
		broken := strings.Replace(text, replaced[0], replaced[1], 1)
		if said, err := accepted(broken); err == nil || broken == text {
			t.Errorf("%s passes: %s", fault, said)
		}
	}
}
