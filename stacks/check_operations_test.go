package stacks

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const aJWT = `"jwt":{"jwksUrl":"https://x.example/keys","issuer":"i","audience":"a"`

func TestEachFaultOfSecurityAndMonitoringNamesItsKeyItsValueAndTheRule(t *testing.T) {
	many := `"` + strings.Join(strings.Split(strings.Repeat("203.0.113.7 ", 401), " ")[:401], `","`) + `"`
	for _, c := range []struct{ name, key, value, fault string }{
		{"unknown rule for client ids", "security", `{"clientIds":"own"}`,
			`amora-sync:security.clientIds = "own": must be prefix, username or any`},
		{"unknown protection", "security", `{"ddos":"standard"}`,
			`amora-sync:security.ddos = "standard": must be none, ip or network`},
		{"protection of an address that is Azure's", "security", `{"ddos":"ip"}`,
			`amora-sync:security.ddos = "ip": must be none or network: the address of EMQX`},
		{"private database", "security", `{"privateLink":["database"]}`,
			`amora-sync:security.privateLink = "database": must be redis, storage or vault`},
		{"closed vault with a certificate from a script", "security", `{"privateLink":["vault"]}`,
			`amora-sync:security.privateLink = "vault": needs tls.mode key-vault`},
		{"text for a list", "security", `{"privateLink":"vault"}`,
			`amora-sync:security.privateLink = "vault": must be a list of strings`},
		{"private address", "security", `{"deployFrom":["10.1.2.3"]}`,
			`amora-sync:security.deployFrom = "10.1.2.3": must be a public IPv4 address`},
		{"block that is too small", "security", `{"deployFrom":["203.0.113.4/31"]}`,
			`amora-sync:security.deployFrom = "203.0.113.4/31": must be a public IPv4 address, a block of at most /30`},
		{"block with host bits", "security", `{"deployFrom":["203.0.113.4/28"]}`,
			`amora-sync:security.deployFrom = "203.0.113.4/28": must be`},
		{"everybody", "security", `{"deployFrom":["0.0.0.0/0"]}`, `amora-sync:security.deployFrom = "0.0.0.0/0": must be`},
		{"IPv6", "security", `{"deployFrom":["2001:db8::1"]}`, `amora-sync:security.deployFrom = "2001:db8::1": must be`},
		{"block that holds private addresses", "security", `{"deployFrom":["172.0.0.0/8"]}`,
			`amora-sync:security.deployFrom = "172.0.0.0/8": must be a public IPv4 address`},
		{"an address twice", "security", `{"deployFrom":["203.0.113.7","203.0.113.7"]}`,
			`amora-sync:security.deployFrom = "203.0.113.7": must not be there twice`},
		{"a private service twice", "security", `{"privateLink":["redis","redis"]}`,
			`amora-sync:security.privateLink = "redis": must not be there twice`},
		{"inside and outside", "security", `{"deployFrom":["network","203.0.113.7"]}`,
			`amora-sync:security.deployFrom = "network": must stand alone`},
		{"more than an account takes", "security", `{"deployFrom":[` + many + `]}`,
			`amora-sync:security.deployFrom = 401 entries: must have 400 at most`},
		{"tokens under any name", "security", `{` + aJWT + `,"usernameClaim":"iss"}}`,
			`amora-sync:security.jwt.usernameClaim = "iss": must be a claim that names the client`},
		{"two issuers", "security", `{` + aJWT + `},"identity":{"provider":"external-id","tenant":"contoso"}}`,
			`amora-sync:security.jwt = (set): must not be set together with security.identity`},
		{"a directory that is none", "security", `{"identity":{"provider":"okta"}}`,
			`amora-sync:security.identity.provider = "okta": must be none, b2c or external-id`},
		{"logs kept too short", "monitoring", `{"retentionDays":29}`,
			`amora-sync:monitoring.retentionDays = 29: must be 30 to 730`},
		{"logs kept too long", "monitoring", `{"retentionDays":731}`,
			`amora-sync:monitoring.retentionDays = 731: must be 30 to 730`},
		{"no cap", "monitoring", `{"dailyQuotaGb":-1}`, `amora-sync:monitoring.dailyQuotaGb = -1: must be 0.1 or more`},
		{"word for a number", "monitoring", `{"dailyQuotaGb":"much"}`,
			`amora-sync:monitoring.dailyQuotaGb = "much": must be a number`},
		{"a name for an address", "monitoring", `{"alertEmails":["On Call <oncall@example.com>"]}`,
			`amora-sync:monitoring.alertEmails = "On Call <oncall@example.com>": must be an e-mail address`},
		{"an address twice", "monitoring", `{"alertEmails":["a@example.com","A@example.com"]}`,
			`amora-sync:monitoring.alertEmails = "A@example.com": must not be there twice`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("dev", valid(map[string]string{c.key: c.value}))
			if err == nil || !strings.Contains(err.Error(), c.fault) {
				t.Errorf("the error is\n%v\nwithout\n%s", err, c.fault)
			}
		})
	}
}

func TestABrokerThatFetchesFromAPrivateAccountHasToKnowWhoMayWriteToIt(t *testing.T) {
	private := func(from string) map[string]string {
		return map[string]string{"broker": HiveMQAKS, "security": `{"privateLink":["storage"]` + from + `}`}
	}
	if _, err := Parse("dev", valid(private(""))); err == nil ||
		!strings.Contains(err.Error(), "amora-sync:security.deployFrom = (not set): must list") {
		t.Errorf("the error is %v", err)
	}
	for _, from := range []string{`"203.0.113.7"`, `"203.0.113.0/30"`, `"network"`} {
		if _, err := Parse("dev", valid(private(`,"deployFrom":[`+from+`]`))); err != nil {
			t.Errorf("%s: %v", from, err)
		}
	}
}

func TestWhatCanDoWithoutAPublicAddressHasNoneByDefault(t *testing.T) {
	key := map[string]string{"tls": `{"mode":"key-vault","certificate":"https://one.vault.azure.net/certificates/mqtt",` +
		`"vaultId":"/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/g/providers/` +
		`Microsoft.KeyVault/vaults/one"}`}
	from := map[string]string{"security": `{"deployFrom":["203.0.113.7"]}`}
	for _, c := range []struct {
		changes map[string]string
		want    []string
	}{{nil, []string{"redis"}}, {key, []string{"redis", "vault"}}, {from, []string{"redis", "storage"}},
		{map[string]string{"security": `{"privateLink":[]}`}, nil}} {
		config, err := Parse("dev", valid(c.changes))
		if err != nil {
			t.Fatal(err)
		}
		if got := config.Security.PrivateLink; !slices.Equal(got, c.want) {
			t.Errorf("with %v: %v", c.changes, got)
		}
	}
}

func TestHiveMQComparesNoClaimButTheSubject(t *testing.T) {
	config := map[string]string{"broker": HiveMQAKS, "hivemq": `{"licence":"aHVzaA=="}`, "security": `{` + aJWT +
		`,"usernameClaim":"upn"}}`}
	if _, err := Parse("dev", valid(config)); err == nil ||
		!strings.Contains(err.Error(), `amora-sync:security.jwt.usernameClaim = "upn": must be sub`) {
		t.Errorf("the error is %v", err)
	}
}

func TestADirectoryIsRefusedWhereItsTokensAre(t *testing.T) {
	directory := `{"identity":{"provider":"external-id","tenant":"contoso",` +
		`"tenantId":"775527ff-9a37-4307-8b3d-cc311f58d925","clientId":"775527ff-9a37-4307-8b3d-cc311f58d925"}}`
	for broker, rule := range map[string]string{HiveMQAKS: "needs hivemq.licence", VerneMQVMs: "VerneMQ knows no tokens"} {
		_, err := Parse("dev",
			valid(map[string]string{"broker": broker, "security": directory, "vernemq": `{"sshKey":"` + sshKey + `"}`}))
		if err == nil || !strings.Contains(err.Error(), "amora-sync:security.identity = (set): ") ||
			!strings.Contains(err.Error(), rule) {
			t.Errorf("%s: the error is %v", broker, err)
		}
	}
	c, err := Parse("dev", valid(map[string]string{"security": directory}))
	if err != nil {
		t.Fatal(err)
	}
	if jwt := NewPlan("dev", c).JWT; jwt == nil || jwt.UsernameClaim != "sub" ||
		!strings.HasPrefix(jwt.Issuer, "https://775527ff-") {
		t.Errorf("the plan's issuer is %+v", jwt)
	}
}

// By hand: a connection takes 1.5 MiB. EMQX with 2 vCPU has 4 GiB, of which 3 are for them; HiveMQ on a D4s_v3 has 8,
// of which 6 are.
func TestThePlanSaysHowManyConnectionsItsNodesHoldTogether(t *testing.T) {
	for _, c := range []struct {
		changes map[string]string
		want    int
	}{
		{map[string]string{"capacity": `{"minNodes":3}`}, 3 * 2048},
		{map[string]string{"emqx": `{"vcpu":1}`}, 2 * 682},
		{map[string]string{"broker": HiveMQAKS, "hivemq": `{"licence":"aHVzaA=="}`}, 3 * 4096},
		{map[string]string{"broker": HiveMQAKS}, 25},
		{map[string]string{"broker": VerneMQVMs, "vernemq": `{"sshKey":"` + sshKey + `"}`}, 3 * 9557},
	} {
		if got := plan(t, c.changes).Connections; got != c.want {
			t.Errorf("with %v: %d, want %d", c.changes, got, c.want)
		}
	}
}

func TestADeploymentFromInsideLetsNobodyInFromOutside(t *testing.T) {
	inside := plan(t, map[string]string{"security": `{"deployFrom":["network"]}`})
	if len(inside.DeployFrom) != 0 || !inside.linked(LinkStorage) {
		t.Errorf("from inside: %v, %v", inside.DeployFrom, inside.PrivateLink)
	}
	outside := plan(t, map[string]string{"security": `{"deployFrom":["203.0.113.7"]}`})
	if fmt.Sprint(outside.DeployFrom) != "[203.0.113.7]" {
		t.Errorf("from outside: %v", outside.DeployFrom)
	}
}
