package assets

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

var someEMQX = EMQX{DatabaseHost: "db.example", DatabaseName: "mqtt", DatabaseUser: "mqtt_broker", RedisHost: "redis.example", RedisPort: 10000}

func TestEveryNodeHasTheSameSeedsAndItsOwnNameAmongThem(t *testing.T) {
	seen := map[string]bool{}
	for i := range MaxNodes {
		variables := map[string]string{}
		for _, v := range NodeEnvironment(i) {
			variables[v.Name] = v.Value
		}
		seen[variables["EMQX_CLUSTER__STATIC__SEEDS"]] = true
		var seeds []string
		if err := json.Unmarshal([]byte(variables["EMQX_CLUSTER__STATIC__SEEDS"]), &seeds); err != nil {
			t.Fatal(err)
		}
		if len(seeds) != MaxNodes || !slices.Contains(seeds, variables["EMQX_NODE__NAME"]) {
			t.Errorf("node %d is %s, its seeds are %v", i, variables["EMQX_NODE__NAME"], seeds)
		}
		if variables["EMQX_CLUSTER__DISCOVERY_STRATEGY"] != "static" {
			t.Errorf("node %d has the environment %v", i, variables)
		}
	}
	if len(seen) != 1 {
		t.Errorf("there are %d seed lists", len(seen))
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

// emqxKeys are the keys of EMQX 5.8's schema that the configuration may use, by path; lists are entered, "*" stands for a name of
// ours. Sources: the schema modules and the documentation of release 5.8.
var emqxKeys = map[string][]string{
	"":                         {"listeners", "dashboard", "authentication", "authorization", "log"},
	"listeners":                {"tcp", "ws", "ssl", "wss"},
	"listeners.tcp":            {"default"},
	"listeners.ws":             {"default"},
	"listeners.ssl":            {"default"},
	"listeners.wss":            {"default"},
	"listeners.tcp.*":          {"enable", "bind"},
	"listeners.ws.*":           {"enable", "bind"},
	"listeners.ssl.*":          {"enable", "bind"},
	"listeners.wss.*":          {"enable", "bind"},
	"dashboard":                {"listeners"},
	"dashboard.listeners":      {"http"},
	"dashboard.listeners.http": {"bind"},
	"authentication": {"mechanism", "from", "use_jwks", "endpoint", "refresh_interval", "disconnect_after_expire", "verify_claims", "ssl",
		"backend", "server", "database", "username", "password", "password_hash_algorithm", "query", "pool_size"},
	"authentication.verify_claims":           {"iss", "aud", "sub"},
	"authentication.ssl":                     {"enable", "verify", "cacertfile"},
	"authentication.password_hash_algorithm": {"name"},
	"authorization":                          {"no_match", "deny_action", "cache", "sources"},
	"authorization.cache":                    {"enable", "ttl"},
	"authorization.sources":                  {"type", "redis_type", "server", "username", "password", "cmd", "ssl"},
	"authorization.sources.ssl":              {"enable", "verify", "cacertfile"},
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
	if len(sources) != 1 || at(t, sources, 0, "cmd") != "HGETALL mqtt_acl:${username}" || at(t, sources, 0, "server") != "redis.example:10000" {
		t.Errorf("the sources of rules are %v", sources)
	}
}

func TestATokenOfAnotherNameThanTheClientsIsRefused(t *testing.T) {
	with := someEMQX
	with.JWT = &JWT{"https://issuer.example/keys", "https://issuer.example", "mqtt", "preferred_username"}
	claims := at(t, decoded(t, with), "authentication", 0, "verify_claims").(map[string]any)
	if claims["preferred_username"] != "${username}" {
		t.Errorf("the token's claims are held against %v", claims)
	}
	with.JWT.UsernameClaim = ""
	if _, err := with.Config(); err == nil {
		t.Error("tokens are taken under any name")
	}
}

func TestTokensComeFirstAndOnlyWhenAnIssuerIsConfigured(t *testing.T) {
	if chain := at(t, decoded(t, someEMQX), "authentication").([]any); len(chain) != 1 || at(t, chain, 0, "backend") != "postgresql" {
		t.Errorf("without an issuer the chain is %v", chain)
	}
	with := someEMQX
	with.JWT = &JWT{"https://issuer.example/keys", "https://issuer.example", "mqtt", "sub"}
	chain := at(t, decoded(t, with), "authentication").([]any)
	if len(chain) != 2 || at(t, chain, 0, "mechanism") != "jwt" || at(t, chain, 1, "backend") != "postgresql" {
		t.Fatalf("with an issuer the chain is %v", chain)
	}
	claims := at(t, chain, 0, "verify_claims").(map[string]any)
	if !maps.Equal(claims, map[string]any{"iss": "https://issuer.example", "aud": "mqtt", "sub": "${username}"}) || at(t, chain, 0, "endpoint") != "https://issuer.example/keys" {
		t.Errorf("the token check is %v", chain[0])
	}
}

func TestEveryConnectionOfTheBrokerIsVerifiedAndNoPasswordIsInline(t *testing.T) {
	with := someEMQX
	with.JWT = &JWT{"https://issuer.example/keys", "https://issuer.example", "mqtt", "sub"}
	config := decoded(t, with)
	for _, path := range [][]any{{"authentication", 0}, {"authentication", 1}, {"authorization", "sources", 0}} {
		tls := at(t, config, append(path, "ssl")...).(map[string]any)
		if tls["enable"] != true || tls["verify"] != "verify_peer" || tls["cacertfile"] == "" {
			t.Errorf("%v: TLS is %v", path, tls)
		}
		if password, has := at(t, config, path...).(map[string]any)["password"]; has && !strings.HasPrefix(password.(string), "file://"+SecretsDir+"/") {
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
		t.Error("the edge looks for the status elsewhere")
	}
}

func TestAConfigurationThatMissesSomethingIsNotRendered(t *testing.T) {
	for name, broken := range map[string]func(*EMQX){
		"database": func(e *EMQX) { e.DatabaseHost = "" }, "Redis": func(e *EMQX) { e.RedisHost = "" }, "port": func(e *EMQX) { e.RedisPort = 0 },
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
			line := fmt.Sprintf("server %s %s:%d port %d\n", NodeApp(i), NodeHost(i), port, StatusPort)
			if strings.Count(config, line) != 1 {
				t.Errorf("%q is not once in the configuration", line)
			}
		}
	}
	for _, line := range []string{"maxconn 7\n", fmt.Sprintf("bind :%d ssl crt /f\n", EdgeMQTTSPort), fmt.Sprintf("bind :%d\n", EdgeWebSocketPort), "-m str the-id }\n",
		// Debian's OpenSSL refuses older ones by itself, so that no test with it can tell.
		"ssl-default-bind-options ssl-min-ver TLSv1.2 "} {
		if !strings.Contains(config, line) {
			t.Errorf("%q is not in the configuration", line)
		}
	}
}
