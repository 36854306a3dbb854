package assets

import (
	_ "embed"
	"errors"
	"strconv"
	"strings"
	"text/template"
)

// Where the edge finds its files.
const (
	EdgeConfigDir       = "/mnt/edge"
	EdgeConfigFile      = "haproxy.cfg"
	EdgeCertificateFile = "/tmp/edge/tls.pem" // private key and chain, PEM
)

// EdgeUser is the user of the proxy's image. Its container starts as root.
const EdgeUser = "haproxy"

// edgeAdminPort takes HAProxy's own commands, from within the container only.
const edgeAdminPort = 8881

// What the edge takes besides clients of mqtts://, and from one address over WebSocket.
const (
	// A profile of Front Door lets 3,000 WebSockets in (learn.microsoft.com/azure/frontdoor/standard-premium/websocket),
	// and asks for the health beside them.
	maxWebSockets = 4_000
	maxProbes     = 100
	// Of one replica. Offices and mobile networks have many clients behind one address.
	webSocketsPerAddress = 500
	requestsPerAddress   = 200 // in 10 seconds
)

// EdgeNode is one broker node behind the edge.
type EdgeNode struct {
	Name, Host            string
	MQTT, WebSocket, Gate int // ports
}

// EdgeNodes lists every node there may be. Those that don't exist yet don't resolve, and count as down.
func EdgeNodes() []EdgeNode {
	nodes := make([]EdgeNode, MaxNodes)
	for i := range nodes {
		nodes[i] = EdgeNode{NodeApp(i), NodeHost(i), MQTTPort, WebSocketPort, GatePort}
	}
	return nodes
}

// Edge is what the proxy's configuration depends on.
type Edge struct {
	Nodes                    []EdgeNode
	FrontDoorID              string // WebSocket requests without it in X-Azure-FDID are refused
	MaxConnections           int    // of clients of mqtts:// at one replica
	CertificateFile          string
	MQTTSPort, WebSocketPort int    // 0: EdgeMQTTSPort and EdgeWebSocketPort
	ProbePort, AdminPort     int    // 0: EdgeProbePort and edgeAdminPort
	User                     string // that serves clients; "": who starts HAProxy
}

//go:embed haproxy.cfg.tmpl
var edgeTemplate string

// Config is haproxy.cfg, for HAProxy 2.6 and newer.
func (e Edge) Config() (string, error) {
	if e.FrontDoorID == "" || len(e.Nodes) == 0 || e.MaxConnections <= 0 || e.CertificateFile == "" {
		return "", errors.New("haproxy.cfg: nodes, Front Door id, connections and certificate file must be given")
	}
	if e.MQTTSPort == 0 {
		e.MQTTSPort = EdgeMQTTSPort
	}
	if e.WebSocketPort == 0 {
		e.WebSocketPort = EdgeWebSocketPort
	}
	if e.ProbePort == 0 {
		e.ProbePort = EdgeProbePort
	}
	if e.AdminPort == 0 {
		e.AdminPort = edgeAdminPort
	}
	parsed, err := template.New(EdgeConfigFile).Parse(edgeTemplate)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	err = parsed.Execute(&out, struct {
		Edge
		HealthPath, Path, ServingPath            string
		MaxWebSockets, MaxProbes, Sum            int
		WebSocketsPerAddress, RequestsPerAddress int
	}{e, EdgeHealthPath, WebSocketPath, GateServingPath,
		maxWebSockets, maxProbes, e.MaxConnections + maxWebSockets + maxProbes,
		webSocketsPerAddress, requestsPerAddress})
	return out.String(), err
}

//go:embed edge.sh
var edgeScript string

// EdgeCommand fetches the certificate and starts the proxy in the foreground. Besides [EdgeEnvironment] it wants
// CERTIFICATE_URL, the CLIENT_ID of the identity that may read it, and the HOSTS that it has to be for.
func EdgeCommand() []string { return []string{"/bin/sh", "-c", edgeScript} }

// EdgeEnvironment is what [EdgeCommand] finds in the container.
func EdgeEnvironment() []Variable {
	return []Variable{
		{"CONFIG", EdgeConfigDir + "/" + EdgeConfigFile},
		{"CERTIFICATE", EdgeCertificateFile},
		{"ADMIN_PORT", strconv.Itoa(edgeAdminPort)},
		{"TO_PEM", CertificateToPEMScript},
	}
}
