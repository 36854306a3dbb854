package stacks

import (
	"reflect"
	"slices"
	"strings"
)

// hiddenText is a text that nothing follows from.
const hiddenText = "hidden"

// fits are values in the place of hidden ones that have no default, or none that every rule takes. The rules of a
// hidden key itself are not asked. An object that is hidden as a whole has what must be set in it.
var fits = map[string]any{
	"location": "westeurope",
	"domain":   "mqtt.hidden.example.com",
	"tls": TLS{Mode: TLSKeyVault, Certificate: "https://hidden.vault.azure.net/certificates/hidden",
		VaultID: vaultOf(hiddenText)},
	"tls.certificate":                "https://hidden.vault.azure.net/certificates/hidden",
	"tls.vaultId":                    vaultOf(hiddenText),
	"dns.resourceGroup":              hiddenText,
	"availability.secondaryLocation": "northeurope",
	"database.restore":               DatabaseRestore{Server: hiddenText, Time: "2026-01-01T00:00:00Z"},
	"database.restore.server":        hiddenText,
	"database.restore.time":          "2026-01-01T00:00:00Z",
	"emqx.licence":                   "aGlkZGVu",
	"emqx.peak":                      Peak{Timezone: "UTC", Start: "0 6 * * *", End: "0 20 * * *"},
	"emqx.peak.timezone":             "UTC",
	"emqx.peak.start":                "0 6 * * *",
	"emqx.peak.end":                  "0 20 * * *",
	"hivemq": HiveMQ{Licence: "aGlkZGVu", VMSize: defaults().HiveMQ.VMSize,
		SystemVMSize: defaults().HiveMQ.SystemVMSize},
	"hivemq.licence":         "aGlkZGVu",
	"hivemq.securityLicence": "aGlkZGVu",
	"vernemq":                VerneMQ{SSHKey: hiddenKey, VMSize: defaults().VerneMQ.VMSize},
	"vernemq.sshKey":         hiddenKey,
	"vernemq.clientCa":       "-----BEGIN CERTIFICATE-----\naGlkZGVu\n-----END CERTIFICATE-----\n",
	"vernemq.packageUrl":     "https://hidden.example.com/vernemq.deb",
	"vernemq.packageSha256":  strings.Repeat("0", 64),
	"security.deployFrom":    []string{DeployFromNetwork},
	"security.jwt": JWT{JWKSURL: "https://hidden.example.com/keys", Issuer: hiddenText,
		Audience: hiddenText},
	"security.jwt.jwksUrl":           "https://hidden.example.com/keys",
	"security.jwt.issuer":            hiddenText,
	"security.jwt.audience":          hiddenText,
	"security.identity.tenant":       hiddenText,
	"security.identity.tenantId":     hiddenID,
	"security.identity.clientId":     hiddenID,
	"security.identity.policy":       "B2C_1_hidden",
	"security.identity.countryCode":  "DE",
	"security.identity.dataLocation": "Europe",
}

const (
	hiddenID  = "00000000-0000-0000-0000-000000000000"
	hiddenKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB8c5ny82bpSXRgwzdtPmIfm69UeXyqyrCS3FvnI+i56 hidden"
)

func vaultOf(name string) string {
	return "/subscriptions/" + hiddenID + "/resourceGroups/hidden/providers/Microsoft.KeyVault/vaults/" + name
}

// fit puts a value that fits in the place of each hidden one, beside the values that are known.
func (c *Config) fit(keys []string) {
	for _, key := range keys {
		if value, has := fits[key]; has {
			c.at(key).Set(reflect.ValueOf(value))
		}
	}
	is := func(key string) bool { return slices.Contains(keys, key) }
	if named := certRule.FindStringSubmatch(c.TLS.Certificate); is("tls.vaultId") && named != nil {
		c.TLS.VaultID = vaultOf(named[1])
	}
	if named := vaultRule.FindStringSubmatch(c.TLS.VaultID); is("tls.certificate") && named != nil {
		c.TLS.Certificate = "https://" + named[1] + ".vault.azure.net/certificates/" + hiddenText
	}
	if is("tls.mode") && c.TLS.Certificate != "" {
		c.TLS.Mode = TLSKeyVault
	}
	if is("location") && c.Location == c.Availability.SecondaryLocation {
		c.Location = "northeurope"
	}
	if is("availability.secondaryLocation") && c.Location == c.Availability.SecondaryLocation {
		c.Availability.SecondaryLocation = "westeurope"
	}
	if is("availability.zones") && regions[c.Location] {
		c.Availability.Zones = []int{1, 2, 3}
	}
	if is("emqx.image") && c.EMQX.Licence != "" {
		c.EMQX.Image = "docker.io/emqx/emqx-enterprise:5.10.0"
	}
	if is("broker") && c.Availability.DiskBackup { // which EMQX has no use for
		c.Broker = HiveMQAKS
		if c.VerneMQ.SSHKey != "" {
			c.Broker = VerneMQVMs
		}
	}
	if identity := &c.Security.Identity; is("security.identity.create") {
		identity.Create = identity.CountryCode != ""
	}
	if identity := &c.Security.Identity; is("security.identity.provider") {
		identity.Provider = IdentityExternalID
		if identity.Policy != "" || identity.Create {
			identity.Provider = IdentityB2C
		}
	}
}

// at is the field of a key.
func (c *Config) at(key string) reflect.Value {
	value := reflect.ValueOf(c).Elem()
	for name := range strings.SplitSeq(key, ".") {
		for i := range value.NumField() {
			if value.Type().Field(i).Tag.Get("config") == name {
				value = value.Field(i)
				break
			}
		}
	}
	return value
}
