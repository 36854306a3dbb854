// Package assets renders the configuration of the broker and of the proxy in front of it, and holds the SQL and the
// scripts that run in Azure. It needs nothing but the standard library, so that it can be tested with the real programs
// alone.
package assets

import (
	"fmt"
	"strconv"
)

// MaxNodes is the largest cluster. Every configuration lists all of its names, so that one node more changes no other.
const MaxNodes = 10

// ClusterDomain is where an app's short name is found inside a Container Apps environment. Erlang takes no host without
// a dot, so the short name alone can't be used. Microsoft does not document the domain; should it go, let a node's
// command resolve the short names to the addresses of their ingress and use those in place of the hosts.
const ClusterDomain = "k8se-apps.svc.cluster.local"

// Ports of a node and of the edge.
const (
	DistributionPort  = 4370  // Erlang distribution; fixed, without epmd
	RPCPort           = 5369  // EMQX's gen_rpc
	MQTTPort          = 1883  // plain, inside the environment only
	WebSocketPort     = 8083  // plain, inside the environment only
	StatusPort        = 18083 // EMQX's own pages, such as its metrics
	GatePort          = 18084 // whether the node is alive, and whether it serves
	GateTokenPort     = 18085 // whether a token is right; for EMQX beside the gate only
	EdgeMQTTSPort     = 8883
	EdgeProbePort     = 8882 // tells Azure's probes that the edge is alive; not open to clients
	EdgeWebSocketPort = 8080 // behind the environment's own TLS
)

// Paths of the gate.
const (
	GateAlivePath = "/alive" // 200, also while the node waits until another instance of its name has gone
	// 200; 404 while it can't check new clients, and keeps those it has; 503 while it has none
	GateServingPath = "/serving"
)

// Paths of the edge's HTTP side.
const (
	EdgeHealthPath = "/healthz" // 200 when at least one node serves, else 503
	WebSocketPath  = "/mqtt"
)

// NodeApp is the name of the app of node i.
func NodeApp(i int) string { return fmt.Sprintf("emqx-%d", i) }

// NodeHost is the host name under which the environment reaches node i.
func NodeHost(i int) string { return NodeApp(i) + "." + ClusterDomain }

// ErlangName is the name of node i in the cluster. It has no digit before the "@": EMQX would add it to the
// distribution port.
func ErlangName(i int) string { return "emqx@" + NodeHost(i) }

// Variable is one environment variable.
type Variable struct{ Name, Value string }

// NodeEnvironment is the environment of node i of a region, without its secrets and without libpq's variables, by which
// the gate finds the database.
func NodeEnvironment(i int, region string) []Variable {
	return []Variable{
		{"EMQX_NODE__NAME", ErlangName(i)},
		{"GATE_INDEX", strconv.Itoa(i)},
		{"GATE_REGION", region},
		{"GATE_PORT", strconv.Itoa(GatePort)},
		{"GATE_PASSWORD_FILE", SecretsDir + "/" + DatabasePasswordFile},
		{"GATE_CA_FILE", systemCertificates},
		{"GATE_ENTRYPOINT", "/usr/bin/docker-entrypoint.sh"},
	}
}

// Environment is what the gate of each node needs to judge tokens, beyond [NodeEnvironment]. They are good for the
// client ids that [ClientIDsPrefix] or its like gives to their users.
func (j JWT) Environment(clientIDs string) []Variable {
	return []Variable{
		{"GATE_TOKEN_PORT", strconv.Itoa(GateTokenPort)},
		{"GATE_TOKEN_KEYS_URL", j.JWKSURL},
		{"GATE_TOKEN_ISSUER", j.Issuer},
		{"GATE_TOKEN_AUDIENCE", j.Audience},
		{"GATE_TOKEN_USERNAME_CLAIM", j.UsernameClaim},
		{"GATE_CLIENT_IDS", clientIDs},
	}
}
