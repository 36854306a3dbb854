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
	"slices"
	"strings"
	"testing"
	"time"
)

// valid is the smallest config that has no fault, with changes on top.
func valid(changes map[string]string) map[string]string {
	config := map[string]string{
		"amora-sync:location": "westeurope",
		"amora-sync:domain":   "mqtt.example.com",
	}
	for key, value := range changes {
		config[namespace+key] = value
	}
	return config
}

func TestTheSmallestConfigGetsEveryDefault(t *testing.T) {
	c, err := Parse("dev", valid(nil))
	if err != nil {
		t.Fatal(err)
	}
	if c.Name != "amora-dev" || c.DNS.Zone != "mqtt.example.com" || c.Capacity.MinNodes != 2 ||
		c.Redis.SKU != "Balanced_B1" || c.TLS.Mode != TLSSelfSigned {
		t.Errorf("defaults are %+v", c)
	}
}

func TestEachFaultNamesItsKeyItsValueAndTheRule(t *testing.T) {
	vault := "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/g/providers/Microsoft.KeyVault/vaults/"
	cases := []struct{ name, key, value, fault string }{
		{"misspelt key", "brocker", "emqx-container-apps",
			`amora-sync:brocker = (not shown): no such key; did you mean "broker"?`},
		{"misspelt nested key", "capacity", `{"minNode":2}`,
			`amora-sync:capacity.minNode = (not shown): no such key; did you mean "minNodes"?`},
		{"key that resembles none", "quux12345", "1", `amora-sync:quux12345 = (not shown): no such key`},
		{"unknown broker", "broker", "mosquitto",
			`amora-sync:broker = "mosquitto": must be one of emqx-container-apps, hivemq-aks, vernemq-vms`},
		{"object for a string", "domain", `{"host":"x"}`, `amora-sync:domain = {"host":"x"}: must be a string`},
		{"string for an object", "capacity", "five", `amora-sync:capacity = "five": must be an object`},
		{"word for a number", "capacity", `{"minNodes":"many"}`,
			`amora-sync:capacity.minNodes = "many": must be a whole number`},
		{"fraction for a whole number", "capacity", `{"minNodes":2.5}`,
			`amora-sync:capacity.minNodes = 2.5: must be a whole number`},
		{"word for a boolean", "protect", "yes please", `amora-sync:protect = "yes please": must be true or false`},
		{"two numbers for one", "capacity", `{"connections":"4,000"}`,
			`amora-sync:capacity.connections = "4,000": must be a whole number`},
		{"a unit after a number", "availability", `{"rtoMinutes":"15h"}`,
			`amora-sync:availability.rtoMinutes = "15h": must be a whole number`},
		{"null in quotes", "capacity", `{"minNodes":"null"}`,
			`amora-sync:capacity.minNodes = "null": must be a whole number`},
		{"null", "availability", `{"zones":null}`, `amora-sync:availability.zones = null: must be a list of whole numbers`},
		{"one node", "capacity", `{"minNodes":1}`, `amora-sync:capacity.minNodes = 1: must be 2 to 10`},
		{"eleven nodes", "capacity", `{"minNodes":11,"maxNodes":11}`, `amora-sync:capacity.minNodes = 11: must be 2 to 10`},
		{"eleven nodes at the peak", "capacity", `{"maxNodes":11}`,
			`amora-sync:capacity.maxNodes = 11: must be capacity.minNodes (2) to 10`},
		{"fewer nodes at the peak than always", "capacity", `{"minNodes":5,"maxNodes":4}`,
			`amora-sync:capacity.maxNodes = 4: must be capacity.minNodes (5) to 10`},
		{"misspelt region", "location", "westeurop", `amora-sync:location = "westeurop": must be an Azure region`},
		{"two zones", "availability", `{"zones":[1,2]}`,
			`amora-sync:availability.zones = [1 2]: must be one zone or all three`},
		{"list for tags", "tags", `["iot"]`, `amora-sync:tags = ["iot"]: must be an object of strings`},
		{"object for a tag", "tags", `{"owner":{"team":"iot"}}`, `amora-sync:tags.owner = {"team":"iot"}: must be a string`},
		{"colon in a tag's name", "tags", `{"cost:centre":"1"}`,
			`amora-sync:tags = "cost:centre": must have names of at most 128 characters, none of them <, >, %, &, \, ?, /`},
		{"blank at the end of a tag's name", "tags", `{"cost ":"x"}`, `amora-sync:tags = "cost ": must have names of`},
		{"no name of a tag", "tags", `{"":"x"}`, `amora-sync:tags = (not set): must have names of`},
		{"Azure's word in a tag's name", "tags", `{"AzureTeam":"x"}`,
			`amora-sync:tags = "AzureTeam": must not have names that begin with azure`},
		{"a tag twice", "tags", `{"owner":"a","Owner":"b"}`,
			`amora-sync:tags = "owner": must not be there twice: Azure takes it and Owner for the same`},
		{"long value of a tag", "tags", `{"owner":"` + strings.Repeat("ä", 257) + `"}`,
			`amora-sync:tags.owner = (257 characters): must have at most 256 characters`},
		{"14 tags", "tags", manyTags(14), `amora-sync:tags = (16 tags): must be at most 15 with the program's own`},
		{"a zone twice", "availability", `{"zones":[1,1,2]}`,
			`amora-sync:availability.zones = [1 1 2]: must be one zone or all three`},
		{"zone four", "availability", `{"zones":[4]}`, `amora-sync:availability.zones = [4]: must be one zone or all three`},
		{"backups kept too long", "availability", `{"backupRetentionDays":36}`,
			`amora-sync:availability.backupRetentionDays = 36: must be 7 to 35`},
		{"standby without a second zone", "availability", `{"databaseHA":true}`,
			`amora-sync:availability.databaseHA = true: needs more than one zone`},
		{"Azure's word in the name", "name", "my-windows",
			`amora-sync:name = "my-windows": must not hold microsoft or windows`},
		{"a word at the name's beginning", "name", "login-prod",
			`amora-sync:name = "login-prod": must not hold microsoft or windows, nor begin with login`},
		{"65-character name", "name", strings.Repeat("a", 65), `must be 3 to 16 lower-case letters`},
		{"upper-case name", "name", "Amora", `amora-sync:name = "Amora": must be 3 to 16 lower-case letters`},
		{"domain outside the zone", "dns", `{"zone":"example.org"}`,
			`amora-sync:domain = "mqtt.example.com": must be example.org or inside it`},
		{"domain that only ends like the zone", "dns", `{"zone":"tt.example.com"}`, `must be tt.example.com or inside it`},
		{"not a host name", "domain", "mqtt_example", `amora-sync:domain = "mqtt_example": must be a lower-case host name`},
		{"domain too long for a certificate", "domain", strings.Repeat("a", 60) + ".com",
			`must be a lower-case host name of at most 61 characters`},
		{"public address space", "network", `{"addressSpace":"8.8.0.0/16"}`,
			`amora-sync:network.addressSpace = "8.8.0.0/16": must be a private IPv4 block`},
		{"address space too small", "network", `{"addressSpace":"10.0.0.0/24"}`,
			`must be a private IPv4 block from /16 to /23`},
		{"address space with host bits", "network", `{"addressSpace":"10.0.1.0/16"}`, `must be a private IPv4 block`},
		{"100 GB", "database", `{"storageGb":100}`, `amora-sync:database.storageGb = 100: must be a size of Premium SSD`},
		{"database size of another service", "database", `{"sku":"P2"}`,
			`amora-sync:database.sku = "P2": must be a size of PostgreSQL`},
		{"database version that is over", "database", `{"version":"11"}`,
			`amora-sync:database.version = "11": must be 15 or 16`},
		{"unknown Redis service", "redis", `{"service":"elasticache"}`,
			`amora-sync:redis.service = "elasticache": must be managed or classic`},
		{"classic size for the managed service", "redis", `{"sku":"C1"}`,
			`amora-sync:redis.sku = "C1": must be a Balanced size`},
		{"managed size for the classic service", "redis", `{"service":"classic","sku":"Balanced_B1"}`, `must be C0 to C6`},
		{"certificate without a vault", "tls",
			`{"mode":"key-vault","certificate":"https://v1v.vault.azure.net/certificates/mqtt"}`,
			`amora-sync:tls.vaultId = (not set): must be the ARM id`},
		{"certificate of another vault", "tls",
			`{"mode":"key-vault","certificate":"https://one.vault.azure.net/certificates/mqtt","vaultId":"` + vault +
				`two"}`, `must be the vault one`},
		{"certificate for a self-signed stack", "tls",
			`{"certificate":"https://one.vault.azure.net/certificates/mqtt"}`, `must be key-vault when`},
		{"tokens without an audience", "security",
			`{"jwt":{"jwksUrl":"https://x.example/keys","issuer":"https://x.example"}}`,
			`amora-sync:security.jwt.audience = (not set): must be set`},
		{"keys over plain HTTP", "security", `{"jwt":{"jwksUrl":"http://x.example/keys","issuer":"i","audience":"a"}}`,
			`must be an https URL`},
		{"image without a tag", "emqx", `{"image":"docker.io/emqx/emqx"}`, `must name registry, image and tag`},
		{"an image that needs a licence to form a cluster", "emqx", `{"image":"docker.io/emqx/emqx:6.0.0"}`,
			`amora-sync:emqx.image = "docker.io/emqx/emqx:6.0.0": must have a tag such as 5.8.9, up to 5.8`},
		{"an image that changes", "emqx", `{"image":"docker.io/emqx/emqx:latest"}`, `a tag like latest is another image`},
		{"enterprise without a licence", "emqx", `{"image":"docker.io/emqx/emqx-enterprise:5.10.0"}`,
			`amora-sync:emqx.licence = (not set): must be set for docker.io/emqx/emqx-enterprise:5.10.0`},
		{"more than a replica can have", "emqx", `{"vcpu":4}`, `amora-sync:emqx.vcpu = 4: must be 1 to 3`},
		{"peak without an end", "emqx", `{"peak":{"timezone":"UTC","start":"0 6 * * *"}}`,
			`amora-sync:emqx.peak.end = (not set): must be a cron expression`},
		{"peak at an hour that is none", "emqx", `{"peak":{"timezone":"UTC","start":"0 25 * * *","end":"0 20 * * *"}}`,
			`amora-sync:emqx.peak.start = "0 25 * * *": must be a cron expression`},
		{"peak without length", "emqx", `{"peak":{"timezone":"UTC","start":"0 6 * * *","end":"0  6 * * *"}}`,
			`amora-sync:emqx.peak.end = "0  6 * * *": must be another time than`},
		{"peak in a misspelt zone", "emqx",
			`{"peak":{"timezone":"Europe/Belin","start":"0 6 * * *","end":"0 20 * * *"}}`,
			`amora-sync:emqx.peak.timezone = "Europe/Belin": must be an IANA time zone`},
		{"replacement of what is not stateful", "allowReplace", `["broker"]`,
			`amora-sync:allowReplace = "broker": must be one of database, disks, network`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("dev", valid(map[string]string{c.key: c.value}))
			if err == nil {
				t.Fatalf("accepted; want %s", c.fault)
			}
			if !strings.Contains(err.Error(), c.fault) {
				t.Errorf("the error is\n%v\nwithout\n%s", err, c.fault)
			}
		})
	}
}

func TestEachFaultOfHiveMQNamesItsKeyItsValueAndTheRule(t *testing.T) {
	for _, c := range []struct{ name, key, value, fault string }{
		{"production without a licence", "protect", "true",
			`amora-sync:hivemq.licence = (not set): must be set for a protected stack: without it HiveMQ takes 25 connections`},
		{"a licence for a trial", "hivemq", `{"trial":true,"licence":"aHVzaA=="}`,
			`amora-sync:hivemq.trial = true: must not be set together with hivemq.licence`},
		{"an extension's licence alone", "hivemq", `{"securityLicence":"aHVzaA=="}`,
			`amora-sync:hivemq.securityLicence = (secret): needs hivemq.licence too`},
		{"a licence that is no base64", "hivemq", `{"licence":"hush!"}`,
			`amora-sync:hivemq.licence = (secret): must be the licence file in base64`},
		{"a misspelt licence", "hivemq", `{"license":"hush"}`,
			`amora-sync:hivemq.license = (not shown): no such key; did you mean "licence"?`},
		{"a size without Premium SSD", "hivemq", `{"vmSize":"Standard_D4_v3"}`,
			`amora-sync:hivemq.vmSize = "Standard_D4_v3": must be a D, E or F size that takes Premium SSD`},
		{"a size for ARM", "hivemq", `{"vmSize":"Standard_D4ps_v5"}`,
			`amora-sync:hivemq.vmSize = "Standard_D4ps_v5": must be a size with x64 processors`},
		{"a size with half the memory", "hivemq", `{"vmSize":"Standard_D4ls_v5"}`,
			`amora-sync:hivemq.vmSize = "Standard_D4ls_v5": must be a size with all of its series' memory`},
		{"fewer nodes than zones", "capacity", `{"minNodes":2,"maxNodes":2}`,
			`amora-sync:capacity.maxNodes = 2: must be 3 or more, for a node in each zone`},
		{"a size of the system's nodes that there is not", "hivemq", `{"systemVmSize":"Standard_D3s_v5"}`,
			`amora-sync:hivemq.systemVmSize = "Standard_D3s_v5": must be a size that Azure has`},
		{"a size with too few cores", "hivemq", `{"vmSize":"Standard_D2s_v3"}`,
			`amora-sync:hivemq.vmSize = "Standard_D2s_v3": must have 4 to 96 vCPUs`},
		{"tokens without a licence", "security",
			`{"jwt":{"jwksUrl":"https://x.example/keys","issuer":"i","audience":"a"}}`,
			`amora-sync:security.jwt = (set): needs hivemq.licence`},
		{"eleven nodes", "capacity", `{"minNodes":11,"maxNodes":11}`, `amora-sync:capacity.minNodes = 11: must be 2 to 10`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("dev",
				valid(map[string]string{"broker": HiveMQAKS, "availability": `{"zones":[1,2,3]}`, c.key: c.value}))
			if err == nil || !strings.Contains(err.Error(), c.fault) || strings.Contains(err.Error(), "hush") {
				t.Errorf("the error is\n%v\nwithout\n%s", err, c.fault)
			}
		})
	}
}

func TestEachFaultOfVerneMQNamesItsKeyItsValueAndTheRule(t *testing.T) {
	key := `"sshKey":"` + sshKey + `"`
	hash := strings.Repeat("a", 64)
	for _, c := range []struct{ name, key, value, fault string }{
		{"no SSH key", "vernemq", `{}`, `amora-sync:vernemq.sshKey = (not set): must be a public key in OpenSSH's form`},
		{"a private SSH key", "vernemq", `{"sshKey":"-----BEGIN OPENSSH PRIVATE KEY-----"}`,
			`amora-sync:vernemq.sshKey = (not shown): must be a public key`},
		{"an SSH key that Azure does not take", "vernemq", `{"sshKey":"ssh-dss ` + strings.Repeat("A", 80) + `"}`,
			`must be a public key in OpenSSH's form, ssh-ed25519 or ssh-rsa`},
		{"two SSH keys", "vernemq", `{"sshKey":"` + sshKey + `\n` + sshKey + `"}`, `amora-sync:vernemq.sshKey`},
		{"a size without Premium SSD", "vernemq", `{` + key + `,"vmSize":"Standard_D4_v3"}`,
			`amora-sync:vernemq.vmSize = "Standard_D4_v3": must be a D, E or F size that takes Premium SSD`},
		{"a CA that is none", "vernemq", `{` + key + `,"clientCa":"not PEM"}`,
			`amora-sync:vernemq.clientCa = (PEM): must be one or more CA certificates in PEM`},
		{"terms accepted for nothing", "vernemq", `{` + key + `,"acceptEula":true}`,
			`amora-sync:vernemq.acceptEula = true: is for the vendor's package`},
		{"a package without its terms", "vernemq",
			`{` + key + `,"packageUrl":"https://x.example/v.deb","packageSha256":"` + hash + `"}`,
			`amora-sync:vernemq.acceptEula = false: must be true for vernemq.packageUrl`},
		{"a package without its hash", "vernemq",
			`{` + key + `,"packageUrl":"https://x.example/v.deb","acceptEula":true}`,
			`amora-sync:vernemq.packageSha256 = (not set): must be the package's SHA-256`},
		{"a package that is none", "vernemq",
			`{` + key + `,"packageUrl":"http://x.example/v.tar.gz","packageSha256":"` + hash + `","acceptEula":true}`,
			`amora-sync:vernemq.packageUrl = "http://x.example/v.tar.gz": must be the https URL of a Debian package`},
		{"tokens", "security", `{"jwt":{"jwksUrl":"https://x.example/keys","issuer":"i","audience":"a"}}`,
			`amora-sync:security.jwt = (set): must not be set: VerneMQ knows no tokens`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("dev", valid(map[string]string{"broker": VerneMQVMs, c.key: c.value}))
			if err == nil || !strings.Contains(err.Error(), c.fault) || strings.Contains(err.Error(), "PRIVATE") {
				t.Errorf("the error is\n%v\nwithout\n%s", err, c.fault)
			}
		})
	}
}

func TestACertificateAuthorityIsTakenAndALeafIsNot(t *testing.T) {
	for name, ca := range map[string]bool{"an authority": true, "a leaf": false} {
		_, key, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: ca,
			BasicConstraintsValid: true}
		der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
		if isCertificates(text+text) != ca || isCertificates(text+"and more") {
			t.Errorf("%s: %v", name, isCertificates(text))
		}
	}
}

func TestEachBrokerHasNodesOfItsOwnByDefault(t *testing.T) {
	for broker, want := range map[string][2]int{EMQXContainerApps: {2, 10}, HiveMQAKS: {3, 5}, VerneMQVMs: {3, 5}} {
		c, err := Parse("dev", valid(map[string]string{"broker": broker, "vernemq": `{"sshKey":"` + sshKey + `"}`}))
		if err != nil || [2]int{c.Capacity.MinNodes, c.Capacity.MaxNodes} != want {
			t.Errorf("%s has %+v, %v", broker, c.Capacity, err)
		}
	}
}

func TestThreeZonesAreRefusedInARegionThatHasNone(t *testing.T) {
	_, err := Parse("dev", valid(map[string]string{"location": "westus", "availability": `{"zones":[1,2,3]}`}))
	if err == nil || !strings.Contains(err.Error(), "westus has no availability zones") {
		t.Errorf("the error is %v", err)
	}
}

func TestAStandbyOfABurstableDatabaseIsRefused(t *testing.T) {
	_, err := Parse("dev",
		valid(map[string]string{"availability": `{"zones":[1,2,3],"databaseHA":true}`, "database": `{"sku":"Standard_B2s"}`}))
	if err == nil || !strings.Contains(err.Error(), "no high availability for Standard_B2s") {
		t.Errorf("the error is %v", err)
	}
}

func TestAllFaultsAreReportedTogether(t *testing.T) {
	_, err := Parse("dev", map[string]string{
		"amora-sync:brocker":  "x",
		"amora-sync:location": "nowhere",
		"amora-sync:capacity": `{"minNodes":11,"maxNodes":"x"}`,
		"amora-sync:tls":      `{"mode":"none"}`,
	})
	var faults Faults
	if !errors.As(err, &faults) {
		t.Fatalf("the error is %v", err)
	}
	var keys []string
	for _, f := range faults {
		keys = append(keys, strings.TrimPrefix(f.Key, namespace))
	}
	for _, want := range []string{"brocker", "location", "capacity.minNodes", "capacity.maxNodes", "tls.mode", "domain"} {
		if !slices.Contains(keys, want) {
			t.Errorf("no fault of %s among %v", want, keys)
		}
	}
}

func TestALicenceIsNeverShownInAFault(t *testing.T) {
	for _, emqx := range []string{`{"licence":"hush"}`, `{"licence":{"key":"hush"}}`, `{"license":"hush"}`, `hush`,
		`["hush"]`} {
		_, err := Parse("dev", valid(map[string]string{"emqx": emqx}))
		if err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: the error is %v", emqx, err)
		}
	}
}

func manyTags(n int) string {
	all := map[string]string{}
	for i := range n {
		all[fmt.Sprint("tag", i)] = "x"
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(err) // it always marshals
	}
	return string(text)
}

func TestTagsThatAzureTakesAreTaken(t *testing.T) {
	for _, given := range []string{
		manyTags(13), `{"owner":"` + strings.Repeat("ä", 256) + `"}`, `{"` + strings.Repeat("a", 128) + `":""}`,
		`{"Cost-centre_1.2":"0815","live":"true"}`,
		`{"Cost Center":"x","1st (of two)":"x","Größe":"x","a":"x"}`,
	} {
		if _, err := Parse("dev", valid(map[string]string{"tags": given})); err != nil {
			t.Errorf("%s: %v", given, err)
		}
	}
}

func TestATagOfTheProgramIsTheTeamsWhereTheTeamSetsIt(t *testing.T) {
	c, err := Parse("dev", valid(map[string]string{"tags": `{"Project":"plant","costCentre":"0815"}`}))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := tags("dev", c),
		map[string]string{"Project": "plant", "costCentre": "0815", "stack": "dev"}; !maps.Equal(got, want) {
		t.Errorf("the tags are %v; want %v", got, want)
	}
}

func TestAFaultOfTheDomainHidesNoOther(t *testing.T) {
	for n, more := range map[int]map[string]string{
		1: {},
		2: {"allowReplace": `["everything"]`},
		3: {"dns": `{"zone":"UPPER","resourceGroup":"a/b"}`},
	} {
		more["domain"] = "mqtt"
		_, err := Parse("dev", valid(more))
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%d fault(s)", n)) {
			t.Errorf("%v: the error is %v", more, err)
		}
	}
}

func TestALoadThatIsNoLoadIsAFaultBesideATargetToo(t *testing.T) {
	for _, load := range []string{`{"qos":3}`, `{"connections":-1}`, `{"payloadBytes":300000000}`} {
		_, err := Parse("dev", valid(map[string]string{"capacity": load, "availability": `{"rtoMinutes":60}`}))
		if err == nil || !strings.Contains(err.Error(), "1 fault(s)") ||
			!strings.Contains(err.Error(), "amora-sync:capacity.") {
			t.Errorf("%s: the error is %v", load, err)
		}
	}
}

func TestAMissedTargetHidesNoOverload(t *testing.T) {
	_, err := Parse("dev",
		valid(map[string]string{"capacity": `{"minNodes":2,"connections":100000}`, "availability": `{"rtoMinutes":1}`}))
	if err == nil || !strings.Contains(err.Error(), "capacity.connections") ||
		!strings.Contains(err.Error(), "availability.rtoMinutes") {
		t.Errorf("the error is %v", err)
	}
}

func TestValuesThatTheCommandLineStoredAsStringsAreTaken(t *testing.T) {
	c, err := Parse("dev", valid(map[string]string{
		"availability": `{"zones":"[1,2,3]","databaseHA":"true"}`, "capacity": `"{\"minNodes\":4}"`,
		"database": `{"version":15}`,
	}))
	if err != nil || len(c.Availability.Zones) != 3 || !c.Availability.DatabaseHA || c.Capacity.MinNodes != 4 ||
		c.Database.Version != "15" {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestKeysOfOtherNamespacesAreNotLookedAt(t *testing.T) {
	config := valid(nil)
	config["azure-native:location"] = "nowhere"
	if _, err := Parse("dev", config); err != nil {
		t.Error(err)
	}
}
