package stacks

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/amora-sync/mqtt-on-azure/internal/hidden"
)

// wide are configs that, together, set every key.
func wide() map[string]map[string]any {
	common := map[string]any{
		"name": "amora", "location": "northeurope", "protect": true, "domain": "mqtt.example.com",
		"dns": map[string]any{"zone": "example.com", "resourceGroup": "names"},
		"capacity": map[string]any{"connections": 100, "messagesPerSecond": 10, "payloadBytes": 100, "qos": 1,
			"persistedMessagesMillion": 0.001, "connectionKiB": 1536, "messagesPerCore": 3000, "minNodes": 3, "maxNodes": 5},
		"availability": map[string]any{"zones": []any{1, 2, 3}, "databaseHA": true, "backupRetentionDays": 14,
			"secondaryLocation": "westeurope", "active": "primary", "geoRedundantBackup": true},
		"network": map[string]any{"addressSpace": "10.20.0.0/16", "secondaryAddressSpace": "10.21.0.0/16"},
		"database": map[string]any{"sku": "Standard_D4ds_v5", "storageGb": 128, "version": "16",
			"restore": map[string]any{"server": "amora-1", "time": "2026-11-25T10:00:00Z", "geo": true}},
		"redis": map[string]any{"service": "managed", "sku": "Balanced_B1"},
		"tls": map[string]any{"mode": TLSKeyVault, "certificate": "https://one.vault.azure.net/certificates/mqtt",
			"vaultId": vaultOf("one")},
		"monitoring": map[string]any{"enabled": true, "retentionDays": 30, "dailyQuotaGb": 1.0,
			"alertEmails": []any{"a@example.com", "b@example.com"}},
		"allowReplace": []any{"database", "vault"},
		"tags":         map[string]any{"owner": "iot", "cost-centre": "0815"},
	}
	security := map[string]any{"ddos": DDoSNetwork, "privateLink": []any{LinkRedis, LinkStorage, LinkVault},
		"rotation": map[string]any{"database": "1", "cookie": "2"}, "deployFrom": []any{"203.0.113.1", "203.0.113.2"}}
	jwt := map[string]any{"jwksUrl": "https://x.example/keys", "issuer": "i", "audience": "a", "usernameClaim": "sub"}
	b2c := map[string]any{"provider": IdentityB2C, "tenant": "contoso", "tenantId": hiddenID, "clientId": hiddenID,
		"policy": "B2C_1_mqtt", "usernameClaim": "sub", "create": true, "countryCode": "DE", "dataLocation": "Europe"}
	return map[string]map[string]any{
		EMQXContainerApps: joined(common, map[string]any{"broker": EMQXContainerApps,
			"security": joined(security, map[string]any{"clientIds": "prefix", "jwt": jwt}),
			"emqx": map[string]any{"image": "docker.io/emqx/emqx-enterprise:5.10.0", "licence": "x", "profile": "Consumption",
				"vcpu": 2, "peak": map[string]any{"timezone": "UTC", "start": "0 6 * * *", "end": "0 20 * * *"}}}),
		HiveMQAKS: joined(common, map[string]any{"broker": HiveMQAKS,
			"security": joined(security, map[string]any{"identity": b2c}),
			"hivemq": map[string]any{"licence": "aA==", "securityLicence": "aA==", "vmSize": "Standard_D4s_v3",
				"systemVmSize": "Standard_D2s_v5", "trial": false}}),
		VerneMQVMs: joined(common, map[string]any{"broker": VerneMQVMs, "security": security,
			"availability": joined(common["availability"].(map[string]any), map[string]any{"diskBackup": true,
				"rtoMinutes": 0, "rpoMinutes": 0}),
			"vernemq": map[string]any{"sshKey": sshKey, "vmSize": "Standard_D4s_v3", "bastion": true, "clientCa": authority(),
				"acceptEula": true, "packageUrl": "https://x.example/v.deb", "packageSha256": strings.Repeat("a", 64)}}),
	}
}

func joined(some, more map[string]any) map[string]any {
	all := maps.Clone(some)
	maps.Copy(all, more)
	return all
}

// rawOf is a config as Pulumi gives it to the program.
func rawOf(values map[string]any) map[string]string {
	raw := map[string]string{}
	for key, value := range values {
		text, isText := value.(string)
		if !isText {
			data, err := json.Marshal(value)
			if err != nil {
				panic(err) // it is made of what JSON has
			}
			text = string(data)
		}
		raw[namespace+key] = text
	}
	return raw
}

// hiding calls back with the config once for each of its values, objects and elements, of which one is hidden each
// time.
func hiding(values any, path string, put func(any) map[string]any, try func(path string, with map[string]any)) {
	if path != "" {
		try(path, put(hidden.Value))
	}
	switch value := values.(type) {
	case map[string]any:
		for name, inner := range value {
			hiding(inner, strings.TrimPrefix(path+"."+name, "."),
				func(v any) map[string]any { return put(joined(value, map[string]any{name: v})) }, try)
		}
	case []any:
		for i := range value {
			hiding(nil, fmt.Sprintf("%s[%d]", path, i), func(v any) map[string]any {
				other := slices.Clone(value)
				other[i] = v
				return put(other)
			}, try)
		}
	}
}

func TestAnyValueOfARightConfigMayBeASecretThatIsNotKnown(t *testing.T) {
	tried := map[string]bool{}
	for broker, values := range wide() {
		if _, err := Parse("dev", rawOf(values)); err != nil {
			t.Fatalf("%s: %v", broker, err)
		}
		root := func(v any) map[string]any { return v.(map[string]any) }
		hiding(values, "", func(v any) map[string]any { return root(v) }, func(path string, values map[string]any) {
			tried[path] = true
			config, err := Parse("dev", rawOf(values))
			if err != nil {
				t.Errorf("%s with %s as a secret: %v", broker, path, err)
				return
			}
			if text, err := json.Marshal(config); err != nil || strings.Contains(string(text), hidden.Value) {
				t.Errorf("%s with %s as a secret has its mark for a value: %s, %v", broker, path, text, err)
			}
			NewPlan("dev", config)
		})
	}
	for _, key := range leaves("", reflect.TypeFor[Config]()) {
		if !tried[key] {
			t.Errorf("%s was not tried", key)
		}
	}
}

// leaves are the keys below a struct of the config that have a value.
func leaves(path string, of reflect.Type) (all []string) {
	for i := range of.NumField() {
		field := of.Field(i)
		name := strings.TrimPrefix(path+"."+field.Tag.Get("config"), ".")
		if field.Type.Kind() == reflect.Struct {
			all = append(all, leaves(name, field.Type)...)
			continue
		}
		all = append(all, name)
	}
	return all
}

func TestASecretThatIsNotKnownHidesNoFaultOfAnotherKey(t *testing.T) {
	_, err := Parse("dev", valid(map[string]string{"monitoring": `{"alertEmails":["` + hidden.Value + `","nobody"]}`,
		"tls": `{"vaultId":"` + hidden.Value + `","mode":"none"}`}))
	for _, want := range []string{`monitoring.alertEmails = "nobody"`, `tls.mode = "none"`, "2 fault(s)"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %s in %v", want, err)
		}
	}
}

func TestTheVaultOfASecretIdIsThatOfTheCertificate(t *testing.T) {
	config, err := Parse("dev", valid(map[string]string{"tls": `{"mode":"key-vault","vaultId":"` + hidden.Value +
		`","certificate":"https://one.vault.azure.net/certificates/mqtt"}`}))
	if err != nil || !strings.HasSuffix(config.TLS.VaultID, "/vaults/one") {
		t.Errorf("it is %s: %v", config.TLS.VaultID, err)
	}
}

func TestNoFaultShowsAValueThatTheConfigHoldsEncrypted(t *testing.T) {
	_, err := Parse("dev", valid(map[string]string{"domain": "hush", "location": "nowhere"}))
	faults, are := errors.AsType[Faults](err)
	if !are {
		t.Fatal(err)
	}
	said := faults.without([]string{"amora-sync:domain", "amora-sync:tls"}).Error()
	if strings.Contains(said, "hush") || !strings.Contains(said, "amora-sync:domain = (secret)") ||
		!strings.Contains(said, `"nowhere"`) {
		t.Error(said)
	}
}

func TestNoFaultShowsTheValueOfAKeyThatThereIsNot(t *testing.T) {
	for key, raw := range map[string]string{"licence": "hush", "databse": `{"sku":"hush"}`,
		"database": `{"pasword":"hush"}`, "security": `{"jwt":{"secret":["hush"]}}`, "tls": `{"key":"hush"}`} {
		_, err := Parse("dev", valid(map[string]string{key: raw}))
		if err == nil || strings.Contains(err.Error(), "hush") || !strings.Contains(err.Error(), "(not shown)") {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestAKeyThatWasSetWithoutPathIsTold(t *testing.T) {
	for _, key := range []string{"capacity.minNodes", "availability.zones[0]"} {
		_, err := Parse("dev", valid(map[string]string{key: "4"}))
		want := "amora-sync:" + key + " = (not shown): no such key; it was set without --path: `pulumi config rm '" + key
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestElementsOfAListMayStandInQuotes(t *testing.T) {
	for _, zones := range []string{`["1","2","3"]`, `[1,"2",3]`, `"[\"1\",\"2\",\"3\"]"`} {
		config, err := Parse("dev", valid(map[string]string{"availability": `{"zones":` + zones + `}`}))
		if err != nil || !slices.Equal(config.Availability.Zones, []int{1, 2, 3}) {
			t.Errorf("%s: %v, %v", zones, config.Availability.Zones, err)
		}
	}
	for _, zones := range []string{`["one"]`, `[null]`, `[1.5]`, `null`, `{}`, `"x"`} {
		_, err := Parse("dev", valid(map[string]string{"availability": `{"zones":` + zones + `}`}))
		if err == nil || !strings.Contains(err.Error(), "must be a list of whole numbers") {
			t.Errorf("%s: %v", zones, err)
		}
	}
}

func TestATagThatYAMLHasChangedIsRefused(t *testing.T) {
	for _, value := range []string{"815", "1.1", "true", "null"} {
		_, err := Parse("dev", valid(map[string]string{"tags": `{"cost-centre":` + value + `}`}))
		want := "amora-sync:tags.cost-centre = " + value + ": must be a string, in quotes"
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", value, err)
		}
	}
}

// authority is the certificate of a CA.
func authority() string {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		panic(err) // there is always randomness
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
