package assets

import (
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/template"
)

// Ports of a VerneMQ node. TLS ends there.
const (
	VerneMQPort          = 8883
	VerneMQWebSocketPort = 8084
	VerneMQHealthPort    = 8888 // also metrics; for the load balancer and the network only
	vernemqCluster       = 44053
	vernemqPortMapper    = 4369 // epmd
	vernemqFirstPort     = 9100 // Erlang distribution: the first …
	vernemqLastPort      = 9109 // … and the last port that a node may take
)

// VerneMQClusterPorts are what nodes reach each other on, as security rules name them.
func VerneMQClusterPorts() []string {
	return []string{
		strconv.Itoa(vernemqPortMapper), fmt.Sprintf("%d-%d", vernemqFirstPort, vernemqLastPort),
		strconv.Itoa(vernemqCluster), strconv.Itoa(VerneMQPort),
	}
}

// VerneMQHealthPath answers 200 while a node is in its cluster and takes clients, and 503 otherwise.
const VerneMQHealthPath = "/health"

// VerneMQShared is the container of the storage account in which nodes keep what one of them built, and leave notes for
// each other.
const VerneMQShared = "vernemq-shared"

// VerneMQDataLUN is where a node finds the disk for its data.
const VerneMQDataLUN = 0

// VerneMQNodeCommand is the one command of a machine: see vernemq/amora-node.sh.
const VerneMQNodeCommand = "/usr/local/sbin/amora-node"

// VerneMQ versions: the newest that Ubuntu 24.04's own Erlang (25) builds; 2.2 needs Erlang 27.
const (
	vernemqVersion = "2.1.2"
	vernemqCommit  = "b968e5ae6d99a555e44109c72f34eb31e76f9136"
)

// VerneMQPackage is the vendor's Debian package.
type VerneMQPackage struct{ URL, SHA256 string }

// VerneMQ is what the configuration of all nodes depends on.
type VerneMQ struct {
	DatabaseName  string
	DatabaseRoles string          // group of the roles that brokers log in as: see [BrokerRole]
	Rotation      string          // another mark has nodes take their secrets anew
	ClientIDs     string          // which ones users may connect as: [ClientIDsPrefix] or another
	Connections   int             // that one node takes
	ClientCA      string          // PEM; "" asks clients for no certificate
	Package       *VerneMQPackage // nil: built from source
	Collector     string          // configuration of the collector beside each node, in YAML; "" for none. Holds no secret
}

//go:embed vernemq
var vernemqFiles embed.FS

// Files are what nodes fetch, by name. None holds a secret.
func (v VerneMQ) Files() (map[string]string, error) {
	if v.Connections <= 0 || v.DatabaseName == "" || v.DatabaseRoles == "" || v.ClientIDs == "" {
		return nil, errors.New("vernemq: database, connections and client ids must be given")
	}
	files := map[string]string{"schema.sh": SchemaScript, SchemaFile: Schema, "admin.sh": AdminScript,
		"certificate.sh": CertificateToPEMScript}
	for _, name := range []string{
		"node.sh", "cluster.sh", "install.sh", "collector.sh", "auth.lua", "vernemq.conf.tmpl", "vernemq.service.tmpl",
		"vernemq.env.tmpl", "otelcol.service.tmpl",
	} {
		text, err := v.render(name)
		if err != nil {
			return nil, err
		}
		files[strings.TrimSuffix(name, ".tmpl")] = text
	}
	if v.ClientCA != "" {
		files["client-ca.pem"] = v.ClientCA
	}
	if v.Collector != "" {
		files[CollectorConfigFile] = v.Collector
	}
	return files, nil
}

// vernemqData is what the templates see: the fields of VerneMQ, and the constants under names of their own.
type vernemqData struct{ VerneMQ }

func (vernemqData) Version() string    { return vernemqVersion }
func (vernemqData) Commit() string     { return vernemqCommit }
func (vernemqData) MQTT() int          { return VerneMQPort }
func (vernemqData) WebSocket() int     { return VerneMQWebSocketPort }
func (vernemqData) Health() int        { return VerneMQHealthPort }
func (vernemqData) HealthPath() string { return VerneMQHealthPath }
func (vernemqData) Cluster() int       { return vernemqCluster }
func (vernemqData) FirstPort() int     { return vernemqFirstPort }
func (vernemqData) LastPort() int      { return vernemqLastPort }
func (vernemqData) LUN() int           { return VerneMQDataLUN }

func (vernemqData) CollectorVersion() string    { return CollectorVersion }
func (vernemqData) CollectorURL() string        { return CollectorURL }
func (vernemqData) CollectorSHA256() string     { return CollectorSHA256 }
func (vernemqData) CollectorConnection() string { return ConnectionStringVariable }
func (vernemqData) CollectorNodes() string      { return MetricNodesRunning }
func (vernemqData) CollectorPort() int          { return CollectorPushPort }
func (vernemqData) CollectorConfig() string     { return CollectorConfigFile }

// PerAcceptor is an acceptor's share of a node's connections. It is rounded up: all of them together take what the plan
// counts, since the alert of a full cluster is a share of that.
func (d vernemqData) PerAcceptor() int { return (d.Connections + d.Acceptors() - 1) / d.Acceptors() }
func (vernemqData) Acceptors() int     { return 10 }

// OpenFiles is how many a node may have open: one for each connection, and what its store and its cluster need.
func (d vernemqData) OpenFiles() int { return d.Connections + 16384 }

func (v VerneMQ) render(name string) (string, error) {
	text, err := vernemqFiles.ReadFile("vernemq/" + name)
	if err != nil || !strings.HasSuffix(name, ".tmpl") {
		return string(text), err
	}
	return renderVerneMQ(name, string(text), vernemqData{v})
}

func renderVerneMQ(name, text string, data any) (string, error) {
	parsed, err := template.New(name).Funcs(template.FuncMap{"sh": shellQuoted, "base64": base64Text}).Parse(text)
	if err != nil {
		return "", fmt.Errorf("vernemq: %w", err)
	}
	var out strings.Builder
	if err := parsed.Execute(&out, data); err != nil {
		return "", fmt.Errorf("vernemq: %w", err)
	}
	return out.String(), nil
}

// shellQuoted is a text as one word of a shell.
func shellQuoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

func base64Text(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// VerneMQSettings says where nodes find what they run, and who they are. It is kept as a secret.
type VerneMQSettings struct {
	Files     string   // URL of a container
	FileNames []string // in it
	Shared    string   // URL of a container

	DatabaseHost, DatabaseName, DatabaseAdmin string
	AdminPasswordURL, BrokerPasswordURL       string   // of secrets
	CertificateURL                            string   // of a secret
	Hosts                                     []string // names that clients use
	// of a secret: the connection string of Application Insights; "" for no telemetry
	ConnectionURL string
	Cookie        string
	Members       []string // addresses of all nodes, the one that founds the cluster first
}

// Text is the settings as variables of a shell.
func (s VerneMQSettings) Text() string {
	var text strings.Builder
	for _, v := range []Variable{
		{"FILES", s.Files}, {"FILE_NAMES", strings.Join(s.FileNames, " ")}, {"SHARED", s.Shared},
		{"DATABASE_HOST", s.DatabaseHost}, {"DATABASE_NAME", s.DatabaseName}, {"DATABASE_ADMIN", s.DatabaseAdmin},
		{"ADMIN_PASSWORD_URL", s.AdminPasswordURL}, {"BROKER_PASSWORD_URL", s.BrokerPasswordURL},
		{"CERTIFICATE_URL", s.CertificateURL},
		{"HOSTS", strings.Join(s.Hosts, " ")},
		{"COOKIE", s.Cookie}, {"MEMBERS", strings.Join(s.Members, " ")}, {"CONNECTION_URL", s.ConnectionURL},
	} {
		fmt.Fprintf(&text, "%s=%s\n", v.Name, shellQuoted(v.Value))
	}
	return text.String()
}

// VerneMQMachine is what a machine knows from its creation on. A change of it replaces the machine.
type VerneMQMachine struct {
	SettingsURL string // of the secret with [VerneMQSettings], without a version
	ClientID    string // of the managed identity that may read it
	Address     string // private IPv4 address
}

// CloudInit is the machine's custom data: cloud-config with one script, which fetches everything else.
func (m VerneMQMachine) CloudInit() (string, error) {
	script, err := vernemqFiles.ReadFile("vernemq/amora-node.sh")
	if err != nil {
		return "", err
	}
	text, err := vernemqFiles.ReadFile("vernemq/cloud-init.yaml.tmpl")
	if err != nil {
		return "", err
	}
	return renderVerneMQ("cloud-init.yaml", string(text), struct {
		VerneMQMachine
		Command, Script string
	}{m, VerneMQNodeCommand, string(script)})
}

// VerneMQDeployCommand has a machine take the files of a container, and ends well once its node serves clients. With
// addresses, it waits as well until nobody else is in the cluster.
func VerneMQDeployCommand(container string, addresses ...string) string {
	words := append([]string{"exec", VerneMQNodeCommand, "deploy", container}, addresses...)
	return "cloud-init status --wait >/dev/null; " + strings.Join(words, " ")
}
