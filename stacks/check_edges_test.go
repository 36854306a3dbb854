package stacks

import (
	"strings"
	"testing"
)

// Of each rule the values at its edge: those that it still takes, and the next ones, which it refuses. %s stands for a
// value in the config.
func TestARuleTakesTheLastValueInsideOfItAndRefusesTheFirstOutside(t *testing.T) {
	letters := func(n int) string { return strings.Repeat("a", n) }
	const vault = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/g/providers/" +
		"Microsoft.KeyVault/vaults/"
	const (
		jwt  = `{"jwt":{"jwksUrl":"https://x.example/keys","issuer":"i","audience":"a","usernameClaim":"%s"}}`
		guid = "775527ff-9a37-4307-8b3d-cc311f58d925"
		b2c  = `{"identity":{"provider":"b2c","tenant":"contoso","tenantId":"` + guid + `","clientId":"` + guid +
			`","policy":"%s"}}`
		made   = `{"identity":{"provider":"b2c","tenant":"contoso","create":true,"countryCode":"%s","dataLocation":"Europe"}}`
		stored = `{"identity":{"provider":"b2c","tenant":"contoso","create":true,"countryCode":"DE","dataLocation":"%s"}}`
		ext    = `{"identity":{"provider":"external-id","tenant":"%s","tenantId":"` + guid + `","clientId":"` + guid + `"}}`
		claim  = `{"identity":{"provider":"external-id","tenant":"contoso","tenantId":"` + guid + `","clientId":"` +
			guid + `","usernameClaim":"%s"}}`
		claimB = `{"identity":{"provider":"b2c","tenant":"contoso","tenantId":"` + guid + `","clientId":"` + guid +
			`","policy":"B2C_1_a","usernameClaim":"%s"}}`
		app = `{"identity":{"provider":"external-id","tenant":"contoso","tenantId":"` + guid + `","clientId":"%s"}}`
		pkg = `{"sshKey":"` + sshKey +
			`","packageUrl":"%s","packageSha256":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",` +
			`"acceptEula":true}`
		sum    = `{"sshKey":"` + sshKey + `","packageUrl":"https://x.example/v.deb","packageSha256":"%s","acceptEula":true}`
		peak   = `{"peak":{"timezone":"UTC","start":"%s","end":"0 20 * * *"}}`
		zone   = `{"peak":{"timezone":"%s","start":"0 6 * * *","end":"0 20 * * *"}}`
		cert   = `{"mode":"key-vault","certificate":"%s","vaultId":"` + vault + `one"}`
		vaults = `{"mode":"key-vault","certificate":"https://one.vault.azure.net/certificates/mqtt","vaultId":"%s"}`
	)
	for _, c := range []struct {
		broker, fault, config string // the key of the fault, and the config's first key with its value
		takes, refuses        []string
	}{
		{"", "broker", "%s", brokers[:1], []string{"emqx", "EMQX-container-apps"}},
		{"", "location", "%s", []string{"westeurope", "westus"}, []string{"WestEurope", "west europe", "europe"}},
		{"", "availability.zones", `{"zones":%s}`, []string{"[1]", "[3]", "[3,1,2]"}, []string{"[]", "[0]", "[4]",
			"[1,2]", "[1,1,2]", "[1,2,3,3]", "[1,2,4]"}},
		{"", "network.addressSpace", `{"addressSpace":"%s"}`, []string{"10.0.0.0/16", "172.29.0.0/16", "192.168.0.0/16",
			"10.20.2.0/23", "172.16.0.0/16"},
			[]string{"10.0.0.0/15", "10.0.0.0/24", "172.30.0.0/16", "172.31.254.0/23", "172.32.0.0/16",
				"192.169.0.0/16", "11.0.0.0/16", "10.0.1.0/16", "fd00::/16"}},
		{"", "allowReplace", `["%s"]`, stateful, []string{"Database", "broker"}},
		{"", "name", "%s", []string{"abc", letters(16), "a-1", "my-xbox", "a-login"},
			[]string{"ab", letters(17), "1ab", "ab-", "a--b", "aBc", "a_b", "a.b", "xbox-1", "login-a", "a-microsoft",
				"windowsa"}},
		{"", "domain", "%s", []string{letters(57) + ".com", "a.b.de", "a-b.example"}, []string{letters(58) + ".com",
			letters(64) + ".com", "com", "A.example", "a..example", "-a.example", "a-.example", "a.e", "a.b.1"}},
		{"", "dns.zone", `{"zone":"%s"}`, []string{"example.com", "mqtt.example.com"}, []string{"Example.com", "com"}},
		{"", "dns.resourceGroup", `{"resourceGroup":"%s"}`, []string{"a", letters(90), "a.b_(c)-D"},
			[]string{letters(91), "a/b", "a b"}},
		{"", "capacity.minNodes", `{"minNodes":%s}`, []string{"2", "10"}, []string{"1", "11", "-1"}},
		{"", "capacity.maxNodes", `{"minNodes":5,"maxNodes":%s}`, []string{"5", "10"}, []string{"4", "11"}},
		{"", "capacity.connections", `{"connections":%s}`, []string{"0", "1"}, []string{"-1"}},
		{"", "capacity.payloadBytes", `{"payloadBytes":%s}`, []string{"0", "268435455"}, []string{"-1", "268435456"}},
		{"", "capacity.connectionKiB", `{"connectionKiB":%s}`, []string{"0", "10", "65536"}, []string{"-1", "9", "65537"}},
		{"", "capacity.messagesPerCore", `{"messagesPerCore":%s}`, []string{"0", "100", "1000000"},
			[]string{"-1", "99", "1000001"}},
		{"", "capacity.qos", `{"qos":%s}`, []string{"0", "1", "2"}, []string{"-1", "3"}},
		{"", "database.sku", `{"sku":"%s"}`, []string{"Standard_B1ms", "Standard_D4ds_v5", "Standard_E8ds_v4",
			"Standard_D2s_v3", "Standard_B20ms", "Standard_D96ds_v5", "Standard_E96bds_v5"},
			[]string{"Standard_B99999999999999999999ms", "Standard_D0s_v3", "Standard_D97s_v3",
				"", "Standard_F4s_v2", "B1ms", "Standard_B", "Standard_D4ds_v", "Standard_D4DS_v5",
				"standard_D4ds_v5"}},
		{"", "database.storageGb", `{"storageGb":%s}`, []string{"32", "64", "128", "256", "512", "1024", "2048", "4096",
			"8192", "16384"}, []string{"0", "16", "48", "100", "32768"}},
		{"", "database.version", `{"version":"%s"}`, []string{"15", "16"}, []string{"14", "17", "16.1"}},
		{"", "availability.backupRetentionDays", `{"backupRetentionDays":%s}`, []string{"7", "35"}, []string{"6",
			"36"}},
		{"", "availability.rtoMinutes", `{"rtoMinutes":%s}`, []string{"0"}, []string{"-1"}},
		{"", "availability.rpoMinutes", `{"rpoMinutes":%s}`, []string{"0"}, []string{"-1"}},
		{"", "availability.databaseHA", `{"databaseHA":true,"zones":%s}`, []string{"[1,2,3]"}, []string{"[1]"}},
		{HiveMQAKS, "availability.diskBackup", `{"diskBackup":%s}`, []string{"true", "false"}, nil},
		{"", "availability.diskBackup", `{"diskBackup":%s}`, []string{"false"}, []string{"true"}},
		{"", "availability.geoRedundantBackup", `{"geoRedundantBackup":%s}`, []string{"true", "false"}, nil},
		{"", "redis.service", `{"service":"%s"}`, []string{"managed", "classic"}, []string{"enterprise", ""}},
		{"", "redis.sku", `{"service":"managed","sku":"%s"}`, []string{"Balanced_B0", "Balanced_B1", "Balanced_B3",
			"Balanced_B5", "Balanced_B10", "Balanced_B20", "Balanced_B50", "Balanced_B100"},
			[]string{"Balanced_B2", "Balanced_B150", "Balanced_B", "balanced_B1", "MemoryOptimized_M10", "C1"}},
		{"", "redis.sku", `{"service":"classic","sku":"%s"}`, []string{"C0", "C1", "C2", "C3", "C4", "C5", "C6"},
			[]string{"C7", "P1", "c1", "Balanced_B1"}},
		{"", "tls.mode", `{"mode":"%s"}`, []string{"self-signed"}, []string{"", "none", "Self-signed"}},
		{"", "tls.certificate", cert, []string{"https://one.vault.azure.net/certificates/mqtt-1"},
			[]string{"http://one.vault.azure.net/certificates/mqtt",
				"https://one.vault.azure.net/certificates/mqtt/4711", "https://one.vault.azure.net/secrets/mqtt",
				"https://on.vault.azure.net/certificates/mqtt"}},
		{"", "tls.vaultId", vaults, []string{vault + "one", vault + "ONE"}, []string{"", vault + "two", vault + "on",
			vault + "one/x", "/subscriptions/1"}},
		{"", "tls.mode", `{"mode":"self-signed","vaultId":"%s"}`, nil, []string{vault + "one"}},
		{"", "security.jwt.jwksUrl", `{"jwt":{"jwksUrl":"%s","issuer":"i","audience":"a"}}`,
			[]string{"https://x.example", "https://x.example/keys?p=1"}, []string{"", "http://x.example/keys",
				"x.example/keys", "https:///keys", "https://user:password@x.example/keys",
				"https://user@x.example/keys", "https://x.example/${username}", "https://x.example/a b"}},
		{"", "security.jwt.issuer", `{"jwt":{"jwksUrl":"https://x.example","issuer":"%s","audience":"a"}}`,
			[]string{"i", "https://login.example/tenant/v2.0/"}, []string{"", "${username}", "$(HOME)", "a b"}},
		{"", "security.jwt.audience", `{"jwt":{"jwksUrl":"https://x.example","issuer":"i","audience":"%s"}}`,
			[]string{"a", "api://11111111-2222-3333-4444-555555555555"}, []string{"", "${clientid}", "x${y}"}},
		{"", "security.jwt.usernameClaim", jwt, []string{"", "sub", "a", "isa", "aud2", "http://x.example/claims/name",
			letters(128)}, []string{"iss", "aud", "1st", "a b", "a'b", letters(129)}},
		{"", "emqx.image", `{"image":"%s"}`,
			[]string{"docker.io/emqx/emqx:5.8.9", "r.example/emqx@sha256:" + strings.Repeat("0", 64),
				"r.example/emqx:5@sha256:" + strings.Repeat("0", 64)},
			[]string{"docker.io/emqx/emqx", "emqx/emqx:5.8.9", "emqx:5.8.9", "docker.io/emqx/emqx@sha256:0",
				"docker.io/emqx/emqx:5 8"}},
		{"", "emqx.licence", `{"image":"docker.io/emqx/%s","licence":"l"}`, []string{"emqx-enterprise:5.10.0"},
			[]string{"emqx:5.8.9"}},
		{"", "emqx.licence", `{"image":"docker.io/emqx/%s"}`, []string{"emqx:5.8.9"},
			[]string{"emqx-enterprise:5.10.0"}},
		{"", "emqx.profile", `{"profile":"%s"}`, []string{"Consumption", "Dedicated"}, []string{"consumption", "D4"}},
		{"", "emqx.vcpu", `{"vcpu":%s}`, []string{"1", "2", "3"}, []string{"0", "4", "-1"}},
		{"", "emqx.peak.timezone", zone, []string{"UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"},
			[]string{"", "Local", "utc", "Europe/Berlin2", "../etc/passwd"}},
		{"", "emqx.peak.start", peak, []string{"0 6 * * *", "59 23 31 12 1-5", "*/15 0 1 1 0"}, []string{"",
			"60 6 * * *", "0 24 * * *", "0 6 0 * *", "0 6 32 * *", "0 6 * 13 *", "0 6 * 0 *", "0 6 * *",
			"0 0 6 * * *"}},
		{"", "security.clientIds", `{"clientIds":"%s"}`, []string{"prefix", "username", "any"}, []string{"Prefix", "all"}},
		{HiveMQAKS, "security.clientIds", `{"clientIds":"%s"}`, []string{"any"}, []string{"prefix", "username"}},
		{"", "security.ddos", `{"ddos":"%s"}`, []string{"none", "network"}, []string{"", "ip", "Network", "basic"}},
		{VerneMQVMs, "security.ddos", `{"ddos":"%s"}`, []string{"none", "network", "ip"}, []string{"basic"}},
		{"", "security.privateLink", `{"deployFrom":["network"],"privateLink":["%s"]}`, []string{"redis", "storage"},
			[]string{"vault", "Redis", "database"}},
		{"", "security.deployFrom", `{"deployFrom":["%s"]}`, []string{"network", "203.0.113.7", "203.0.113.0/30",
			"8.0.0.0/8", "172.32.0.0/16", "11.0.0.1", "192.169.0.1"},
			[]string{"Network", "203.0.113.7/32", "203.0.113.6/31", "8.0.0.0/7", "172.16.0.0/16", "172.31.255.255",
				"10.0.0.1", "192.168.0.1", "127.0.0.1", "169.254.1.1", "224.0.0.1", "0.0.0.0", "203.0.113.1/30",
				"2001:db8::1"}},
		{"", "monitoring.retentionDays", `{"retentionDays":%s}`, []string{"30", "730"}, []string{"29", "731"}},
		{"", "monitoring.dailyQuotaGb", `{"dailyQuotaGb":%s}`, []string{"0.1", "1000"}, []string{"0.09", "0", "-1"}},
		{"", "monitoring.alertEmails", `{"alertEmails":["%s"]}`, []string{"a@example.com", "a+b@x.example"},
			[]string{"a", "", "A <a@example.com>", "a@example.com, b@example.com"}},
		{"", "security.rotation.database", `{"rotation":{"database":"%s"}}`, []string{"", "2026-11", letters(32)},
			[]string{letters(33), "a b", "a/b"}},
		{"", "security.rotation.cookie", `{"rotation":{"cookie":"%s"}}`, []string{"", "A.b_c-1", letters(32)},
			[]string{letters(33), "a:b"}},
		{"", "security.identity.provider", `{"identity":{"provider":"%s"}}`, []string{"", "none"}, []string{"B2C",
			"entra"}},
		{"", "security.identity.policy", b2c, []string{"B2C_1_a", "b2c_1a_mqtt-password"}, []string{"", "B2C_2_a",
			"B2C_1_", "B2C_1_a b"}},
		{"", "security.identity.countryCode", made, []string{"DE"}, []string{"", "de", "DEU"}},
		{"", "security.identity.dataLocation", stored, []string{"United States", "Europe", "Asia Pacific", "Australia"},
			[]string{"", "europe", "Germany"}},
		{"", "security.identity.tenant", ext, []string{"c", letters(27), "c1"}, []string{"", letters(28), "Contoso",
			"c.onmicrosoft.com"}},
		{"", "security.identity.usernameClaim", claim, []string{"", "sub", "oid"}, []string{"preferred_username",
			"email"}},
		{"", "security.identity.usernameClaim", claimB, []string{"", "sub", "preferred_username"}, []string{"oid",
			"name"}},
		{"", "security.identity.clientId", app, []string{guid}, []string{"", strings.ToUpper(guid), guid[1:],
			guid + "0"}},
		{HiveMQAKS, "hivemq.vmSize", `{"vmSize":"%s"}`, []string{"Standard_D4s_v3", "Standard_D96s_v5",
			"Standard_E4as_v5", "Standard_F8s_v2"},
			[]string{"", "Standard_D2s_v3", "Standard_D128s_v6", "Standard_D4_v3", "Standard_D4ps_v5",
				"Standard_D4ls_v5", "Standard_B4ms", "D4s_v3"}},
		{HiveMQAKS, "hivemq.licence", `{"licence":"%s"}`, []string{"", "aHVzaA=="}, []string{"hush!", "aHVzaA"}},
		{HiveMQAKS, "hivemq.securityLicence", `{"licence":"aHVzaA==","securityLicence":"%s"}`, []string{"", "aHVzaA=="},
			[]string{"hush!", "aHVzaA"}},
		{VerneMQVMs, "vernemq.vmSize", `{"sshKey":"` + sshKey + `","vmSize":"%s"}`, []string{"Standard_D2s_v3",
			"Standard_F2s_v2", "Standard_D96s_v5"},
			[]string{"Standard_D1s_v3", "Standard_D97s_v5", "Standard_D4_v3", "Standard_D4pds_v5",
				"Standard_D4lds_v5"}},
		{VerneMQVMs, "vernemq.packageUrl", pkg, []string{"https://x.example/v.deb",
			"https://x.example:8443/a/vernemq-2.1.2+1~noble_amd64.deb"}, []string{"",
			"http://x.example/v.deb", "https://x.example/v.rpm", "https://x.example/a b.deb",
			"https://x.example/a'b.deb", "https://x.example/$(id).deb", "https://x.example/`id`.deb",
			"https://user:password@x.example/v.deb", "https://x.example/a;b.deb"}},
		{VerneMQVMs, "vernemq.packageSha256", sum, []string{letters(64)}, []string{"", letters(63), letters(65),
			strings.Repeat("A", 64), strings.Repeat("g", 64)}},
		{"", "database.restore.server", `{"restore":{"server":"%s","time":"2026-11-25T10:00:00Z"}}`, []string{"abc",
			letters(63), serverID + "abc"},
			[]string{"", "ab", letters(64), "-bc", "ab-", "Abc", serverID, serverID + "a/b"}},
		{"", "database.restore.time", `{"restore":{"server":"abc","time":"%s"}}`, []string{"2026-11-25T10:00:00Z",
			"2026-11-25T10:00:00.5Z"},
			[]string{"", "2026-11-25", "2026-11-25T10:00:00+01:00", "2026-11-25T1:00:00Z", "2026-11-25T25:00:00Z",
				"2026-02-30T10:00:00Z"}},
	} {
		key, _, _ := strings.Cut(c.fault, ".")
		has := func(value string) bool {
			changes := map[string]string{"hivemq": `{}`, "vernemq": `{"sshKey":"` + sshKey + `"}`}
			if c.broker != "" {
				changes["broker"] = c.broker
			}
			if key == "availability" && strings.Contains(c.config, "databaseHA") {
				changes["database"] = `{"sku":"Standard_D4ds_v5"}`
			}
			changes[key] = strings.ReplaceAll(c.config, "%s", value)
			_, err := Parse("dev", valid(changes))
			return err != nil && strings.Contains(err.Error(), namespace+c.fault+" = ")
		}
		for _, value := range c.takes {
			if has(value) {
				t.Errorf("%s: %q is refused", c.fault, value)
			}
		}
		for _, value := range c.refuses {
			if !has(value) {
				t.Errorf("%s: %q is taken", c.fault, value)
			}
		}
	}
}
