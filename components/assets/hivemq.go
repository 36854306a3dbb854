package assets

import (
	"crypto/sha256"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/template"
)

// Where the brokers on Kubernetes are, and what they are called there.
const (
	HiveMQNamespace = "hivemq"
	// service account; the operator makes it, with the rights that a broker needs
	HiveMQBrokerAccount    = "hivemq-platform-pod-" + hiveMQRelease
	HiveMQAdminAccount     = "admin"
	HiveMQCollectorAccount = "collector"
	HiveMQAdminJob         = "admin" // suspended CronJob whose runs change users and rules
	FluxNamespace          = "cluster-config"

	hiveMQRelease = "broker"
)

// The pools that brokers run on carry this label and taint.
const (
	HiveMQPoolLabel = "amora-sync/pool"
	HiveMQPoolValue = "broker"
)

// Ports of a broker. TLS ends at the gateway.
const (
	HiveMQPort          = 1883
	HiveMQWebSocketPort = 8000
)

// HiveMQCopies is how many nodes have each message that is kept, HiveMQ's default. Source: docs.hivemq.com, "Cluster",
// replica count.
const HiveMQCopies = 2

// HiveMQTrialConnections is what HiveMQ takes without a licence. Source: docs.hivemq.com, "Restrictions".
const HiveMQTrialConnections = 25

// Versions that go together: the platform chart brings HiveMQ 4.54.0, the operator chart the operator 2.2.2.
const (
	HiveMQOperatorChart = "0.2.26"
	HiveMQPlatformChart = "0.2.72"
	fileRBACVersion     = "4.6.9"
	kubectlImage        = "registry.k8s.io/kubectl:v1.33.4"
	jdbcDriver          = "postgresql-42.7.3.jar"
	jdbcDriverURL       = "https://repo1.maven.org/maven2/org/postgresql/postgresql/42.7.3/" + jdbcDriver
	jdbcDriverSHA256    = "a2644cbfba1baa145ff7e8c8ef582a6eed7a7ec4ca792f7f054122bdec756268"
)

// HiveMQ is what the manifests of the cluster depend on.
type HiveMQ struct {
	DiskGB int  // GiB of Premium SSD for one broker's sessions and messages
	Zoned  bool // brokers are spread over availability zones

	Address                       string // private IPv4 address of the load balancer in Subnet
	Subnet                        string // name of the cluster's subnet
	GatewaySubnet, DatabaseSubnet string // CIDR blocks

	DatabaseHost, DatabaseName, DatabaseUser, DatabaseAdmin string
	PostgresImage                                           string

	VaultName, TenantID, ClientID string // ClientID: of the identity that may read the vault

	// Names of secrets in the vault. The licences are files in base64; without one it is a trial, with users and rules
	// in files.
	AdminPassword, BrokerPassword, Licence, SecurityLicence string

	BrokerPasswordVersion string // of BrokerPassword: the one of DatabaseUser

	JWT *JWT // with a licence only: tokens instead of passwords

	KeepSnapshots bool // of the brokers' volumes, when the brokers go

	Collector  string // configuration of what reads the brokers' metrics, "" for none …
	Connection string // … and the name of the vault secret with which it sends them on
}

// Licensed says whether there is a licence.
func (h HiveMQ) Licensed() bool { return h.Licence != "" }

//go:embed hivemq/*.tmpl
var hiveMQTemplates embed.FS

// HiveMQFolders are the folders of the manifests, in the order in which they are applied, each when all of the one
// before it is ready.
func HiveMQFolders(monitored bool) []string {
	folders := []string{"base", "operator", HiveMQBrokerFolder}
	if monitored {
		folders = append(folders, HiveMQCollectorFolder)
	}
	return folders
}

const (
	HiveMQBrokerFolder    = "broker"    // the one in which [HiveMQSubstitutes] are filled in
	HiveMQCollectorFolder = "collector" // the one that nothing waits for: a broker without metrics is better than none
)

// HiveMQSubstitutes are what the manifests of the brokers leave to Flux: their number, and the cores and memory of one
// as Kubernetes quantities.
func HiveMQSubstitutes(brokers int, cpu, memory string) map[string]string {
	return map[string]string{"brokers": strconv.Itoa(brokers), "cpu": cpu, "memory": memory}
}

// Manifests renders what the cluster is filled with: one file of YAML documents for each folder, by path. None holds a
// secret.
func (h HiveMQ) Manifests() (map[string]string, error) {
	if h.JWT != nil && !h.Licensed() {
		return nil, errors.New("manifests: tokens need a licensed HiveMQ")
	}
	if h.JWT != nil && h.JWT.UsernameClaim != "sub" {
		return nil, fmt.Errorf("manifests: HiveMQ compares the MQTT username with the claim sub, not with %q",
			h.JWT.UsernameClaim)
	}
	files := map[string]string{}
	for _, folder := range HiveMQFolders(h.Collector != "") {
		text, err := h.render(folder + ".yaml.tmpl")
		if err != nil {
			return nil, err
		}
		files[folder+"/manifests.yaml"] = text
	}
	return files, nil
}

// SecurityConfig is the configuration of the extension that asks for passwords and rules, as XML.
func (h HiveMQ) SecurityConfig() (string, error) {
	if h.Licensed() {
		return h.render("enterprise-security.xml.tmpl")
	}
	return h.render("file-rbac.xml.tmpl")
}

// DatabaseSecretName is the name of what a broker mounts to log in. It goes with the password: a broker that has the
// one before still finds it.
func (h HiveMQ) DatabaseSecretName() string { return strings.ReplaceAll(h.DatabaseUser, "_", "-") }

// PrepareVersion changes when the job that prepares database and credentials has to run again, or is another one:
// Kubernetes changes none that there is.
func (h HiveMQ) PrepareVersion() string {
	pod, err := hiveMQData{HiveMQ: h}.AdminPod("schema")
	sum := sha256.Sum256(
		[]byte(strings.Join([]string{Schema, SchemaScript, CredentialsScript, h.ClientID, pod, fmt.Sprint(err)}, "|")))
	return fmt.Sprintf("%x", sum[:5])
}

// CollectorVersion changes with the collector's configuration.
func (h HiveMQ) CollectorVersion() string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(h.Collector)))[:10]
}

func (h HiveMQ) render(name string) (string, error) { return hiveMQData{HiveMQ: h}.render(name) }

// hiveMQFunctions write values into YAML and XML.
var hiveMQFunctions = template.FuncMap{
	// JSON is YAML: a quoted value can't end its line, or become a number.
	"quote": func(v any) (string, error) {
		data, err := json.Marshal(v)
		return string(data), err
	},
	"xml": func(s string) string {
		return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;").Replace(s)
	},
	"indent": func(spaces int, text string) string {
		pad := strings.Repeat(" ", spaces)
		lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
		for i, line := range lines {
			if line != "" {
				lines[i] = pad + line
			}
		}
		return strings.Join(lines, "\n")
	},
}

// hiveMQData is what the templates see: the fields of HiveMQ, and the constants under names of their own.
type hiveMQData struct {
	HiveMQ
	Script string // of the pod that is rendered
}

func (d hiveMQData) render(name string) (string, error) {
	parsed, err := template.New(name).Funcs(hiveMQFunctions).ParseFS(hiveMQTemplates, "hivemq/"+name)
	if err != nil {
		return "", fmt.Errorf("manifests: %w", err)
	}
	var out strings.Builder
	if err := parsed.Execute(&out, d); err != nil {
		return "", fmt.Errorf("manifests: %w", err)
	}
	return out.String(), nil
}

// AdminPod is the pod that runs a script on the database, and then publishes users and rules where brokers read them
// from files.
func (d hiveMQData) AdminPod(script string) (string, error) {
	d.Script = script
	return d.render("admin-pod.yaml.tmpl")
}

// Psql is the container that runs a script on the database.
func (d hiveMQData) Psql(script string) (string, error) {
	d.Script = script
	return d.render("psql.yaml.tmpl")
}

func (hiveMQData) Namespace() string           { return HiveMQNamespace }
func (hiveMQData) FluxNamespace() string       { return FluxNamespace }
func (hiveMQData) Release() string             { return hiveMQRelease }
func (hiveMQData) AdminAccount() string        { return HiveMQAdminAccount }
func (hiveMQData) AdminJob() string            { return HiveMQAdminJob }
func (hiveMQData) CollectorAccount() string    { return HiveMQCollectorAccount }
func (hiveMQData) CollectorImage() string      { return CollectorImage }
func (hiveMQData) CollectorConfigFile() string { return CollectorConfigFile }
func (hiveMQData) CollectorHealth() int        { return CollectorHealthPort }
func (hiveMQData) ConnectionVariable() string  { return ConnectionStringVariable }
func (hiveMQData) PoolLabel() string           { return HiveMQPoolLabel }
func (hiveMQData) PoolValue() string           { return HiveMQPoolValue }
func (hiveMQData) MQTT() int                   { return HiveMQPort }
func (hiveMQData) WebSocket() int              { return HiveMQWebSocketPort }
func (hiveMQData) WebSocketPath() string       { return WebSocketPath }
func (hiveMQData) OperatorChart() string       { return HiveMQOperatorChart }
func (hiveMQData) PlatformChart() string       { return HiveMQPlatformChart }
func (hiveMQData) KubectlImage() string        { return kubectlImage }
func (hiveMQData) Driver() string              { return jdbcDriver }
func (hiveMQData) DriverURL() string           { return jdbcDriverURL }
func (hiveMQData) DriverSHA256() string        { return jdbcDriverSHA256 }
func (hiveMQData) FileRBACVersion() string     { return fileRBACVersion }
func (hiveMQData) Schema() string              { return Schema }
func (hiveMQData) SchemaScript() string        { return SchemaScript }
func (hiveMQData) CredentialsScript() string   { return CredentialsScript }
func (hiveMQData) AdminScript() string         { return AdminScript }
