package assets

import (
	_ "embed"
	"errors"
	"strings"
	"text/template"
)

// Where the edge finds its files.
const (
	EdgeConfigDir       = "/mnt/edge"
	EdgeConfigFile      = "haproxy.cfg"
	EdgeCertificateFile = "/certs/tls.pem" // private key and chain, PEM
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
	MaxConnections           int    // of one replica
	CertificateFile          string
	MQTTSPort, WebSocketPort int // 0: EdgeMQTTSPort and EdgeWebSocketPort
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
	parsed, err := template.New(EdgeConfigFile).Parse(edgeTemplate)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	err = parsed.Execute(&out, struct {
		Edge
		HealthPath, Path, ServingPath string
	}{e, EdgeHealthPath, WebSocketPath, GateServingPath})
	return out.String(), err
}

// EdgeCommand starts the proxy in the foreground.
func EdgeCommand() []string {
	return []string{"haproxy", "-W", "-db", "-f", EdgeConfigDir + "/" + EdgeConfigFile}
}
