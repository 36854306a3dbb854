package assets

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Where a node finds its files.
const (
	ConfigDir            = "/mnt/config"
	EMQXConfigFile       = "emqx.conf"
	SecretsDir           = "/mnt/secrets"
	DatabasePasswordFile = "database-password"
	RedisPasswordFile    = "redis-password"
)

// The queries of the broker. They run as the role mqtt_broker; EMQX replaces ${username} and ${clientid}. An unknown
// user, and one with a client id that it may not have, gets a hash that no password has, so that it is refused as one
// with a wrong password is, and as late.
const (
	UserQuery = "SELECT coalesce(password_hash, '$2a$10$W5gUuvBjW.xK4uV8kb1tW.7n9nH1Cbmlr3mNn1wqk4YQkX1k0o6yO') AS " +
		"password_hash, " +
		"coalesce(salt, '') AS salt, coalesce(is_superuser, false) AS is_superuser, username IS NOT NULL AS known " +
		"FROM (SELECT) AS always LEFT JOIN mqtt_user ON username = ${username} " +
		"AND mqtt_may_connect_as(username, client_ids, ${clientid})"
	RulesCommand = "HGETALL mqtt_acl:${username}"
)

// QueryTimeout is PostgreSQL's statement_timeout of EMQX's role. A login has its answer within five seconds, also
// when it waits for another one's.
const QueryTimeout = "2s"

// Limits that honest clients don't meet. Retained messages are in every node's memory, those of one client too: EMQX
// counts them for all together.
const (
	maxSubscriptions = 1_000    // of one client; a filter with a wildcard is one
	clientBytesRate  = "10MB/s" // sent by one client, which waits beyond that
	maxRetainedSize  = "16KB"   // a larger message is delivered, and not retained
	maxRetained      = 50_000   // 800 MB at most
)

const systemCertificates = "/etc/ssl/certs/ca-certificates.crt"

// JWT is the issuer whose tokens a client may send as password.
type JWT struct {
	JWKSURL, Issuer, Audience string
	UsernameClaim             string // must equal the MQTT username: rules go by that name, and a client chooses it
}

// EMQX is what the broker's configuration depends on.
type EMQX struct {
	DatabaseHost, DatabaseName, DatabaseUser string
	RedisHost                                string
	RedisPort                                int // TLS
	JWT                                      *JWT
}

// The configuration, in the part of EMQX 5.8's schema that is used. JSON is a subset of HOCON.
type (
	emqxConfig struct {
		Node           emqxNode          `json:"node"`
		Cluster        emqxCluster       `json:"cluster"`
		Broker         emqxBroker        `json:"broker"`
		Telemetry      emqxTelemetry     `json:"telemetry"`
		MQTT           emqxMQTT          `json:"mqtt"`
		Retainer       emqxRetainer      `json:"retainer"`
		Listeners      emqxListeners     `json:"listeners"`
		Dashboard      emqxDashboard     `json:"dashboard"`
		Authentication []any             `json:"authentication"` // emqxGate, emqxPostgreSQL: asked in this order
		Authorization  emqxAuthorization `json:"authorization"`
		Log            emqxLog           `json:"log"`
	}
	emqxNode struct {
		DataDir     string `json:"data_dir"`
		NetTickTime string `json:"dist_net_ticktime"`
	}
	emqxCluster struct {
		DiscoveryStrategy string `json:"discovery_strategy"`
		AutoHeal          bool   `json:"autoheal"`
	}
	emqxBroker struct {
		SessionLocking string `json:"session_locking_strategy"`
	}
	emqxTelemetry struct {
		Enable bool `json:"enable"`
	}
	emqxMQTT struct {
		IdleTimeout      string `json:"idle_timeout"`
		MaxSubscriptions int    `json:"max_subscriptions"`
	}
	emqxRetainer struct {
		MaxPayloadSize string      `json:"max_payload_size"`
		Backend        emqxBackend `json:"backend"`
	}
	emqxBackend struct {
		MaxMessages int `json:"max_retained_messages"`
	}
	emqxListeners struct {
		TCP map[string]emqxListener `json:"tcp"`
		WS  map[string]emqxListener `json:"ws"`
		SSL map[string]emqxListener `json:"ssl"`
		WSS map[string]emqxListener `json:"wss"`
	}
	emqxListener struct {
		Enable    bool   `json:"enable"`
		Bind      string `json:"bind,omitempty"`
		BytesRate string `json:"bytes_rate,omitempty"` // of each client
	}
	emqxDashboard struct {
		Listeners emqxDashboardListeners `json:"listeners"`
	}
	emqxDashboardListeners struct {
		HTTP emqxHTTP `json:"http"`
	}
	emqxHTTP struct {
		Bind int `json:"bind"`
	}
	emqxGate struct {
		Mechanism      string            `json:"mechanism"`
		Backend        string            `json:"backend"`
		Method         string            `json:"method"`
		URL            string            `json:"url"`
		Body           map[string]string `json:"body"`
		RequestTimeout string            `json:"request_timeout"`
	}
	emqxPostgreSQL struct {
		Mechanism             string   `json:"mechanism"`
		Backend               string   `json:"backend"`
		Server                string   `json:"server"`
		Database              string   `json:"database"`
		Username              string   `json:"username"`
		Password              string   `json:"password"`
		PasswordHashAlgorithm emqxHash `json:"password_hash_algorithm"`
		Query                 string   `json:"query"`
		PoolSize              int      `json:"pool_size"`
		SSL                   emqxTLS  `json:"ssl"`
	}
	emqxHash struct {
		Name string `json:"name"`
	}
	emqxAuthorization struct {
		NoMatch    string      `json:"no_match"`
		DenyAction string      `json:"deny_action"`
		Cache      emqxCache   `json:"cache"`
		Sources    []emqxRedis `json:"sources"`
	}
	emqxCache struct {
		Enable bool   `json:"enable"`
		TTL    string `json:"ttl"`
	}
	emqxRedis struct {
		Type      string  `json:"type"`
		RedisType string  `json:"redis_type"`
		Server    string  `json:"server"`
		Username  string  `json:"username"`
		Password  string  `json:"password"`
		Cmd       string  `json:"cmd"`
		SSL       emqxTLS `json:"ssl"`
	}
	emqxTLS struct {
		Enable     bool   `json:"enable"`
		Verify     string `json:"verify"`
		CACertFile string `json:"cacertfile"`
		// EMQX connects to addresses: without it, it holds the certificate against one.
		ServerName string `json:"server_name_indication,omitempty"`
	}
	emqxLog struct {
		Console emqxConsole `json:"console"`
	}
	emqxConsole struct {
		Enable    bool   `json:"enable"`
		Level     string `json:"level"`
		Formatter string `json:"formatter"`
	}
)

// Config is emqx.conf. It holds no secret: passwords are read from files.
func (e EMQX) Config() (string, error) {
	if e.DatabaseHost == "" || e.RedisHost == "" || e.RedisPort == 0 {
		return "", fmt.Errorf("emqx.conf: database and Redis must be known, have %q and %q:%d", e.DatabaseHost,
			e.RedisHost, e.RedisPort)
	}
	verified := func(host string) emqxTLS {
		return emqxTLS{Enable: true, Verify: "verify_peer", CACertFile: systemCertificates, ServerName: host}
	}
	config := emqxConfig{
		// Required, and set by the file that this one replaces. A node that is gone without a word is missed after it.
		Node: emqxNode{DataDir: "data", NetTickTime: "15s"},
		// The gate joins a node to its cluster, and has one that was cut off start anew.
		Cluster: emqxCluster{DiscoveryStrategy: "manual"},
		// A login that locks its client id on other nodes too hangs while one of them is gone and not yet missed.
		Broker: emqxBroker{SessionLocking: "local"},
		// What one client may take, so that one that was stolen takes nobody else's.
		MQTT:     emqxMQTT{IdleTimeout: "10s", MaxSubscriptions: maxSubscriptions},
		Retainer: emqxRetainer{MaxPayloadSize: maxRetainedSize, Backend: emqxBackend{maxRetained}},
		Listeners: emqxListeners{
			TCP: map[string]emqxListener{"default": {true, fmt.Sprintf("0.0.0.0:%d", MQTTPort), clientBytesRate}},
			WS:  map[string]emqxListener{"default": {true, fmt.Sprintf("0.0.0.0:%d", WebSocketPort), clientBytesRate}},
			// TLS ends at the edge.
			SSL: map[string]emqxListener{"default": {}},
			WSS: map[string]emqxListener{"default": {}},
		},
		Dashboard: emqxDashboard{emqxDashboardListeners{emqxHTTP{StatusPort}}},
		Authorization: emqxAuthorization{
			NoMatch: "deny", DenyAction: "disconnect",
			// How long a client that stays connected may go on after its rule was taken away.
			Cache: emqxCache{Enable: true, TTL: "1m"},
			Sources: []emqxRedis{{
				Type: "redis", RedisType: "single", Server: fmt.Sprintf("%s:%d", e.RedisHost, e.RedisPort),
				Username: "default", Password: "file://" + SecretsDir + "/" + RedisPasswordFile, Cmd: RulesCommand,
				SSL: verified(e.RedisHost),
			}},
		},
		Log: emqxLog{emqxConsole{Enable: true, Level: "warning", Formatter: "json"}},
	}
	if e.JWT != nil {
		if e.JWT.UsernameClaim == "" {
			return "", errors.New("emqx.conf: tokens need a claim that names the client")
		}
		// First: a password that is no token is passed on to the database, a token that is not right is refused for good.
		config.Authentication = append(config.Authentication, emqxGate{
			Mechanism: "password_based", Backend: "http", Method: "post",
			URL:            fmt.Sprintf("http://127.0.0.1:%d/token", GateTokenPort),
			Body:           map[string]string{"username": "${username}", "password": "${password}", "clientid": "${clientid}"},
			RequestTimeout: "3s",
		})
	}
	config.Authentication = append(config.Authentication, emqxPostgreSQL{
		Mechanism: "password_based", Backend: "postgresql", Server: e.DatabaseHost + ":5432", Database: e.DatabaseName,
		Username: e.DatabaseUser, Password: "file://" + SecretsDir + "/" + DatabasePasswordFile,
		PasswordHashAlgorithm: emqxHash{"bcrypt"}, Query: UserQuery, PoolSize: 8, SSL: verified(e.DatabaseHost),
	})
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(config); err != nil {
		return "", fmt.Errorf("emqx.conf: %w", err)
	}
	return out.String(), nil
}

// GateFile is the name of [Gate] in [ConfigDir].
const GateFile = "gate.escript"

// Gate is the program that starts EMQX in a node, and lets clients in when it may serve them.
//
//go:embed emqx/gate.escript
var Gate string

// NodeCommand puts the configuration where EMQX writes beside it, which a mounted file does not allow, and starts the
// gate, with EMQX's own Erlang.
func NodeCommand() []string {
	return []string{"/bin/sh", "-c", "cp " + ConfigDir + "/" + EMQXConfigFile + " /opt/emqx/etc/emqx.conf && " +
		"exec /opt/emqx/erts-*/bin/escript " + ConfigDir + "/" + GateFile}
}
