package assets

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

var someEMQX = EMQX{DatabaseHost: "db.example", DatabaseName: "mqtt", DatabaseUser: "mqtt_broker",
	RedisHost: "redis.example", RedisPort: 10000}

func TestEachNodeHasANameAndALockOfItsOwnInItsRegion(t *testing.T) {
	names, locks := map[string]bool{}, map[string]bool{}
	for i := range MaxNodes {
		for _, region := range []string{"westeurope", "northeurope"} {
			variables := map[string]string{}
			for _, v := range NodeEnvironment(i, region) {
				variables[v.Name] = v.Value
			}
			names[variables["EMQX_NODE__NAME"]] = true
			locks[variables["GATE_REGION"]+" "+variables["GATE_INDEX"]] = true
			if variables["GATE_PORT"] != fmt.Sprint(GatePort) ||
				variables["GATE_PASSWORD_FILE"] != SecretsDir+"/"+DatabasePasswordFile {
				t.Errorf("node %d has the environment %v", i, variables)
			}
		}
	}
	if len(names) != MaxNodes || len(locks) != 2*MaxNodes {
		t.Errorf("%d names and %d locks", len(names), len(locks))
	}
}

func TestTheGateAnswersWhatTheEdgeAsks(t *testing.T) {
	for _, path := range []string{GateAlivePath, GateServingPath} {
		if !strings.Contains(Gate, `code(<<"`+path+`">>,`) {
			t.Errorf("the gate knows no %s", path)
		}
	}
}

func TestANodeNameKeepsThePortAndHasADottedHost(t *testing.T) {
	for i := range MaxNodes {
		name, host, _ := strings.Cut(ErlangName(i), "@")
		if last := name[len(name)-1]; last >= '0' && last <= '9' {
			t.Errorf("%s: the digit before @ would shift the distribution port", ErlangName(i))
		}
		if !strings.Contains(host, ".") || !strings.HasPrefix(host, NodeApp(i)+".") {
			t.Errorf("%s is not where app %s is found", host, NodeApp(i))
		}
	}
}

// emqxKeys are the keys of EMQX 5.8's schema that the configuration may use, by path; lists are entered, "*" stands for
// a name of ours. Sources: the schema modules and the documentation of release 5.8.
var emqxKeys = map[string][]string{
	"": {"node", "cluster", "broker", "telemetry", "mqtt", "retainer", "listeners", "dashboard", "authentication",
		"authorization", "log"},
	"mqtt":                     {"idle_timeout", "max_subscriptions"},
	"retainer":                 {"max_payload_size", "backend"},
	"retainer.backend":         {"max_retained_messages"},
	"node":                     {"data_dir", "dist_net_ticktime"},
	"cluster":                  {"discovery_strategy", "autoheal"},
	"broker":                   {"session_locking_strategy"},
	"telemetry":                {"enable"},
	"listeners":                {"tcp", "ws", "ssl", "wss"},
	"listeners.tcp":            {"default"},
	"listeners.ws":             {"default"},
	"listeners.ssl":            {"default"},
	"listeners.wss":            {"default"},
	"listeners.tcp.*":          {"enable", "bind", "bytes_rate"},
	"listeners.ws.*":           {"enable", "bind", "bytes_rate"},
	"listeners.ssl.*":          {"enable", "bind"},
	"listeners.wss.*":          {"enable", "bind"},
	"dashboard":                {"listeners"},
	"dashboard.listeners":      {"http"},
	"dashboard.listeners.http": {"bind"},
	"authentication": {"mechanism", "backend", "server", "database", "username", "password", "password_hash_algorithm",
		"query", "pool_size",
		"ssl", "method", "url", "body", "request_timeout"},
	"authentication.body":                    {"username", "password", "clientid"},
	"authentication.ssl":                     {"enable", "verify", "cacertfile", "server_name_indication"},
	"authentication.password_hash_algorithm": {"name"},
	"authorization":                          {"no_match", "deny_action", "cache", "sources"},
	"authorization.cache":                    {"enable", "ttl"},
	"authorization.sources":                  {"type", "redis_type", "server", "username", "password", "cmd", "ssl"},
	"authorization.sources.ssl":              {"enable", "verify", "cacertfile", "server_name_indication"},
	"log":                                    {"console"},
	"log.console":                            {"enable", "level", "formatter"},
}

func TestTheBrokersConfigurationUsesKnownKeysOnly(t *testing.T) {
	with := someEMQX
	with.JWT = &JWT{"https://issuer.example/keys", "https://issuer.example", "mqtt", "sub"}
	var check func(path string, value any)
	check = func(path string, value any) {
		switch value := value.(type) {
		case []any:
			for _, element := range value {
				check(path, element)
			}
		case map[string]any:
			allowed, known := emqxKeys[path]
			if !known {
				t.Errorf("%s is no object", path)
			}
			for key, inner := range value {
				if !slices.Contains(allowed, key) {
					t.Errorf("%s has no key %s", path, key)
				}
				if key == "default" {
					key = "*"
				}
				check(strings.TrimPrefix(path+"."+key, "."), inner)
			}
		}
	}
	check("", decoded(t, with))
}

// TestTheBrokersConfigurationHasWhatEMQXRequires holds the keys without which EMQX 5.8.9 refuses this configuration:
// each was left out, and `emqx check_config` asked, on 1 December 2026. The cookie is in the environment.
func TestTheBrokersConfigurationHasWhatEMQXRequires(t *testing.T) {
	with := someEMQX
	with.JWT = &JWT{"https://issuer.example/keys", "https://issuer.example", "mqtt", "sub"}
	config := decoded(t, with)
	for _, path := range [][]any{
		{"node", "data_dir"}, // is in the image's file, which this one replaces
		{"authentication", 0, "mechanism"}, {"authentication", 0, "backend"}, {"authentication", 0, "method"},
		{"authentication", 0, "url"}, {"authentication", 1, "mechanism"}, {"authentication", 1, "backend"},
		{"authentication", 1, "server"}, {"authentication", 1, "database"}, {"authentication", 1, "username"},
		{"authentication", 1, "password_hash_algorithm", "name"}, {"authentication", 1, "query"},
		{"authorization", "sources", 0, "type"}, {"authorization", "sources", 0, "redis_type"},
		{"authorization", "sources", 0, "server"}, {"authorization", "sources", 0, "cmd"},
	} {
		if value, is := at(t, config, path...).(string); !is || value == "" {
			t.Errorf("EMQX does not start without %v", path)
		}
	}
}

func TestAStoresCertificateIsHeldAgainstItsName(t *testing.T) {
	config := decoded(t, someEMQX)
	for name, path := range map[string][]any{
		"db.example": {"authentication", 0, "ssl"}, "redis.example": {"authorization", "sources", 0, "ssl"},
	} {
		if got := at(t, config, append(path, "server_name_indication")...); got != name {
			t.Errorf("%s is held against %v", name, got)
		}
	}
}

func TestNothingIsToldToTheBrokersMaker(t *testing.T) {
	if at(t, decoded(t, someEMQX), "telemetry", "enable") != false {
		t.Error("telemetry is on, as EMQX has it by default")
	}
}

func decoded(t *testing.T, e EMQX) map[string]any {
	t.Helper()
	config, err := e.Config()
	if err != nil {
		t.Fatal(err)
	}
	var value map[string]any
	if err := json.Unmarshal([]byte(config), &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// at follows keys and indexes into a decoded value.
func at(t *testing.T, value any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			value = value.(map[string]any)[step]
		case int:
			value = value.([]any)[step]
		}
	}
	return value
}

func TestNothingIsAllowedUnlessARuleSaysSo(t *testing.T) {
	config := decoded(t, someEMQX)
	if at(t, config, "authorization", "no_match") != "deny" {
		t.Error("what no rule matches is not denied")
	}
	sources := at(t, config, "authorization", "sources").([]any)
	if len(sources) != 1 || at(t, sources, 0, "cmd") != "HGETALL mqtt_acl:${username}" ||
		at(t, sources, 0, "server") != "redis.example:10000" {
		t.Errorf("the sources of rules are %v", sources)
	}
}

func TestTokensWithoutAClaimThatNamesTheClientAreRefused(t *testing.T) {
	with := someEMQX
	with.JWT = &JWT{"https://issuer.example/keys", "https://issuer.example", "mqtt", ""}
	if _, err := with.Config(); err == nil {
		t.Error("tokens are taken under any name")
	}
}

func TestTokensComeFirstAndOnlyWhenAnIssuerIsConfigured(t *testing.T) {
	if chain := at(t, decoded(t, someEMQX), "authentication").([]any); len(chain) != 1 ||
		at(t, chain, 0, "backend") != "postgresql" {
		t.Errorf("without an issuer the chain is %v", chain)
	}
	with := someEMQX
	with.JWT = &JWT{"https://issuer.example/keys", "https://issuer.example", "mqtt", "sub"}
	chain := at(t, decoded(t, with), "authentication").([]any)
	if len(chain) != 2 || at(t, chain, 0, "backend") != "http" || at(t, chain, 1, "backend") != "postgresql" {
		t.Fatalf("with an issuer the chain is %v", chain)
	}
}

// TestTheGateIsToldWhichTokensAreRight holds that what the environment names is what the program reads, and that EMQX
// asks where it listens: on the node's own host, where no other reaches it.
func TestTheGateIsToldWhichTokensAreRight(t *testing.T) {
	with := someEMQX
	with.JWT = &JWT{"https://issuer.example/keys", "https://issuer.example", "mqtt", "sub"}
	given := map[string]string{}
	for _, v := range with.JWT.Environment(ClientIDsUsername) {
		given[v.Name] = v.Value
		if !strings.Contains(Gate, `env("`+v.Name+`")`) {
			t.Errorf("the gate does not read %s", v.Name)
		}
	}
	want := map[string]string{
		"GATE_TOKEN_PORT": fmt.Sprint(GateTokenPort), "GATE_TOKEN_KEYS_URL": "https://issuer.example/keys",
		"GATE_TOKEN_ISSUER": "https://issuer.example", "GATE_TOKEN_AUDIENCE": "mqtt", "GATE_TOKEN_USERNAME_CLAIM": "sub",
		"GATE_CLIENT_IDS": "username",
	}
	if !maps.Equal(given, want) {
		t.Errorf("the gate is told %v", given)
	}
	if url := at(t, decoded(t, with), "authentication", 0,
		"url"); url != "http://127.0.0.1:"+given["GATE_TOKEN_PORT"]+"/token" {
		t.Errorf("EMQX asks %v", url)
	}
	if !strings.Contains(Gate, "{ip, {127, 0, 0, 1}}") || !strings.Contains(Gate, `"/token"`) {
		t.Error("the gate listens elsewhere")
	}
}

func TestEveryConnectionOfTheBrokerIsVerifiedAndNoPasswordIsInline(t *testing.T) {
	config := decoded(t, someEMQX)
	for _, path := range [][]any{{"authentication", 0}, {"authorization", "sources", 0}} {
		tls := at(t, config, append(path, "ssl")...).(map[string]any)
		if tls["enable"] != true || tls["verify"] != "verify_peer" || tls["cacertfile"] == "" {
			t.Errorf("%v: TLS is %v", path, tls)
		}
		if password := at(t, config, append(path, "password")...); !strings.HasPrefix(password.(string),
			"file://"+SecretsDir+"/") {
			t.Errorf("%v: the password is %v", path, password)
		}
	}
}

func TestTheBrokerListensInsideOnly(t *testing.T) {
	config := decoded(t, someEMQX)
	for listener, port := range map[string]int{"tcp": MQTTPort, "ws": WebSocketPort} {
		if got := at(t, config, "listeners", listener, "default", "bind"); got != fmt.Sprintf("0.0.0.0:%d", port) {
			t.Errorf("%s listens on %v", listener, got)
		}
	}
	for _, listener := range []string{"ssl", "wss"} {
		if at(t, config, "listeners", listener, "default", "enable") != false {
			t.Errorf("%s is enabled, without a certificate", listener)
		}
	}
	if at(t, config, "dashboard", "listeners", "http", "bind") != float64(StatusPort) {
		t.Error("the collector looks for the metrics elsewhere")
	}
}

func TestAConfigurationThatMissesSomethingIsNotRendered(t *testing.T) {
	for name, broken := range map[string]func(*EMQX){
		"database": func(e *EMQX) { e.DatabaseHost = "" }, "Redis": func(e *EMQX) { e.RedisHost = "" },
		"port": func(e *EMQX) { e.RedisPort = 0 },
	} {
		e := someEMQX
		broken(&e)
		if _, err := e.Config(); err == nil {
			t.Errorf("without %s it was rendered", name)
		}
	}
	for name, broken := range map[string]func(*Edge){
		"nodes": func(e *Edge) { e.Nodes = nil }, "Front Door": func(e *Edge) { e.FrontDoorID = "" },
		"connections": func(e *Edge) { e.MaxConnections = 0 }, "certificate": func(e *Edge) { e.CertificateFile = "" },
	} {
		e := Edge{Nodes: EdgeNodes(), FrontDoorID: "id", MaxConnections: 1, CertificateFile: "f"}
		broken(&e)
		if _, err := e.Config(); err == nil {
			t.Errorf("without %s it was rendered", name)
		}
	}
}

func TestTheEdgeKnowsEveryNodeThereMayBe(t *testing.T) {
	config, err := Edge{Nodes: EdgeNodes(), FrontDoorID: "the-id", MaxConnections: 7, CertificateFile: "/f"}.Config()
	if err != nil {
		t.Fatal(err)
	}
	for i := range MaxNodes {
		for _, port := range []int{MQTTPort, WebSocketPort} {
			line := fmt.Sprintf("server %s %s:%d port %d\n", NodeApp(i), NodeHost(i), port, GatePort)
			if strings.Count(config, line) != 2 { // as one that serves, and as one that can't check clients
				t.Errorf("%q is not twice in the configuration", line)
			}
		}
	}
	for _, line := range []string{"maxconn 7\n", fmt.Sprintf("bind :%d ssl crt /f\n", EdgeMQTTSPort),
		fmt.Sprintf("bind :%d\n", EdgeWebSocketPort), "-m str the-id }\n",
		// Debian's OpenSSL refuses older ones by itself, so that no test with it can tell.
		"ssl-default-bind-options ssl-min-ver TLSv1.2 "} {
		if !strings.Contains(config, line) {
			t.Errorf("%q is not in the configuration", line)
		}
	}
}
