package stacks

import (
	"strings"
	"testing"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

const (
	aTenant = "775527ff-9a37-4307-8b3d-cc311f58d925"
	anApp   = "90c0fe63-bcf2-44d5-8fb7-b8bbc0b29dc6"
)

// The directories that have no fault.
var (
	b2cIdentity = Identity{Provider: "b2c", Tenant: "contoso", TenantID: aTenant, ClientID: anApp,
		Policy: "B2C_1A_MQTT_Password"}
	externalIDIdentity = Identity{Provider: "external-id", Tenant: "contoso", TenantID: aTenant, ClientID: anApp}
	newIdentity        = Identity{Provider: "b2c", Tenant: "contoso", Create: true, CountryCode: "DE",
		DataLocation: "Europe"}
)

func TestADirectoryIsTheIssuerThatItsOpenIDConfigurationNames(t *testing.T) {
	userFlow := b2cIdentity
	userFlow.Policy = "B2C_1_signin"
	for name, c := range map[string]struct {
		identity Identity
		issuer   assets.JWT
	}{
		"B2C with a custom policy": {b2cIdentity, assets.JWT{
			JWKSURL:  "https://contoso.b2clogin.com/contoso.onmicrosoft.com/b2c_1a_mqtt_password/discovery/v2.0/keys",
			Issuer:   "https://contoso.b2clogin.com/775527ff-9a37-4307-8b3d-cc311f58d925/v2.0/",
			Audience: anApp, UsernameClaim: "sub",
		}},
		"B2C with a user flow": {userFlow, assets.JWT{
			JWKSURL:  "https://contoso.b2clogin.com/contoso.onmicrosoft.com/b2c_1_signin/discovery/v2.0/keys",
			Issuer:   "https://contoso.b2clogin.com/775527ff-9a37-4307-8b3d-cc311f58d925/v2.0/",
			Audience: anApp, UsernameClaim: "sub",
		}},
		"External ID": {externalIDIdentity, assets.JWT{
			JWKSURL:  "https://contoso.ciamlogin.com/775527ff-9a37-4307-8b3d-cc311f58d925/discovery/v2.0/keys",
			Issuer:   "https://775527ff-9a37-4307-8b3d-cc311f58d925.ciamlogin.com/775527ff-9a37-4307-8b3d-cc311f58d925/v2.0",
			Audience: anApp, UsernameClaim: "sub",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.identity.issuer(); got == nil || *got != c.issuer {
				t.Errorf("the issuer is %+v, want %+v", got, c.issuer)
			}
		})
	}
}

func TestADirectoryWithoutFaultsIsTaken(t *testing.T) {
	complete := newIdentity
	complete.TenantID, complete.ClientID, complete.Policy = aTenant, anApp, "b2c_1a_mqtt_password"
	named := externalIDIdentity
	named.UsernameClaim = "oid"
	for name, c := range map[string]struct {
		identity Identity
		issues   bool
	}{
		"not set":                   {Identity{}, false},
		"none":                      {Identity{Provider: "none"}, false},
		"B2C":                       {b2cIdentity, true},
		"External ID, by object id": {named, true},
		"a B2C tenant to be made":   {newIdentity, false},
		"a B2C tenant that was made, with its policy": {complete, true},
	} {
		t.Run(name, func(t *testing.T) {
			var faults Faults
			if c.identity.check(&faults); len(faults) > 0 {
				t.Error(faults)
			}
			if got := c.identity.issuer(); (got != nil) != c.issues {
				t.Errorf("the issuer is %+v", got)
			}
		})
	}
}

func TestEachFaultOfADirectoryNamesItsKeyItsValueAndTheRule(t *testing.T) {
	for name, c := range map[string]struct {
		from   Identity
		change func(*Identity)
		faults []string
	}{
		"unknown provider": {b2cIdentity, func(i *Identity) { i.Provider = "cognito" },
			[]string{`provider = "cognito": must be none, b2c or external-id`}},
		"everything but a provider": {Identity{}, func(i *Identity) {
			*i = Identity{Tenant: "contoso", TenantID: aTenant, ClientID: anApp, Policy: "B2C_1_a",
				UsernameClaim: "oid", Create: true, CountryCode: "DE", DataLocation: "Europe"}
		}, []string{
			`tenant = "contoso": needs security.identity.provider`,
			`tenantId = "775527ff-9a37-4307-8b3d-cc311f58d925": needs security.identity.provider`,
			`clientId = "90c0fe63-bcf2-44d5-8fb7-b8bbc0b29dc6": needs security.identity.provider`,
			`policy = "B2C_1_a": needs security.identity.provider`,
			`usernameClaim = "oid": needs security.identity.provider`, `create = true: needs security.identity.provider`,
			`countryCode = "DE": needs security.identity.provider`, `dataLocation = "Europe": needs security.identity.provider`,
		}},
		"nothing but a provider": {Identity{Provider: "b2c"}, func(*Identity) {}, []string{
			`tenant = (not set): must be the name of the tenant alone`, `tenantId = (not set): must be the tenant's id`,
			`clientId = (not set): must be the id of the application`, `policy = (not set): must be a user flow`,
		}},
		"External ID without ids": {Identity{Provider: "external-id", Tenant: "contoso"}, func(*Identity) {}, []string{
			`tenantId = (not set): must be the tenant's id`, `clientId = (not set): must be the id of the application`,
		}},
		"a domain for a tenant": {b2cIdentity, func(i *Identity) { i.Tenant = "contoso.onmicrosoft.com" },
			[]string{`tenant = "contoso.onmicrosoft.com": must be the name of the tenant alone`}},
		"a tenant in capitals": {externalIDIdentity, func(i *Identity) { i.Tenant = "Contoso" },
			[]string{`tenant = "Contoso": must be the name`}},
		"a tenant of 28 letters": {b2cIdentity, func(i *Identity) { i.Tenant = strings.Repeat("a", 28) },
			[]string{`at most 27 lower-case letters and digits`}},
		"a tenant's id in capitals": {b2cIdentity, func(i *Identity) { i.TenantID = strings.ToUpper(aTenant) },
			[]string{`tenantId = "775527FF-9A37-4307-8B3D-CC311F58D925": must be the tenant's id, a GUID in lower case`}},
		"a name for an application's id": {externalIDIdentity, func(i *Identity) { i.ClientID = "mqtt" },
			[]string{`clientId = "mqtt": must be the id of the application that tokens are for, a GUID`}},
		"a policy without its prefix": {b2cIdentity, func(i *Identity) { i.Policy = "MQTT" },
			[]string{`policy = "MQTT": must be a user flow (B2C_1_…) or custom policy (B2C_1A_…)`}},
		"a policy that changes the URL": {b2cIdentity, func(i *Identity) { i.Policy = "B2C_1_a/../b" },
			[]string{`policy = "B2C_1_a/../b": must be`}},
		"a claim that users can change": {b2cIdentity, func(i *Identity) { i.UsernameClaim = "name" },
			[]string{`usernameClaim = "name": must be sub or preferred_username for b2c`}},
		"a claim of External ID that users can change": {externalIDIdentity,
			func(i *Identity) { i.UsernameClaim = "preferred_username" }, []string{
				`usernameClaim = "preferred_username": must be sub or oid for external-id`,
			}},
		"a country without a tenant to be made": {b2cIdentity,
			func(i *Identity) { i.CountryCode, i.DataLocation = "DE", "Europe" }, []string{
				`countryCode = "DE": is for security.identity.create`, `dataLocation = "Europe": is for security.identity.create`,
			}},
		"a tenant to be made nowhere": {newIdentity, func(i *Identity) { i.CountryCode, i.DataLocation = "", "" }, []string{
			`countryCode = (not set): must be the two capital letters`,
			`dataLocation = (not set): must be one of United States, Europe, Asia Pacific, Australia`,
		}},
		"an Azure region for a location": {newIdentity, func(i *Identity) {
			i.CountryCode, i.DataLocation = "Germany",
				"westeurope"
		}, []string{
			`countryCode = "Germany": must be`, `dataLocation = "westeurope": must be one of`,
		}},
		"an application in a tenant of unknown id": {newIdentity, func(i *Identity) { i.ClientID = anApp }, []string{
			`tenantId = (not set): must be the tenant's id, a GUID in lower case: tenantId, clientId and policy go ` +
				`together, and may be left out until`,
			`policy = (not set): must be a user flow`,
		}},
		"B2C's keys for External ID": {externalIDIdentity,
			func(i *Identity) { i.Policy, i.Create, i.CountryCode, i.DataLocation = "B2C_1_a", true, "DE", "Europe" }, []string{
				`policy = "B2C_1_a": is for security.identity.provider b2c`, `create = true: is for security.identity.provider b2c`,
				`countryCode = "DE": is for security.identity.provider b2c`,
				`dataLocation = "Europe": is for security.identity.provider b2c`,
			}},
	} {
		t.Run(name, func(t *testing.T) {
			identity := c.from
			c.change(&identity)
			var faults Faults
			identity.check(&faults)
			if len(faults) != len(c.faults) {
				t.Errorf("%d faults, want %d: %v", len(faults), len(c.faults), faults)
			}
			for _, want := range c.faults {
				if !strings.Contains(faults.Error(), want) {
					t.Errorf("no fault says %q: %v", want, faults)
				}
			}
			for _, fault := range faults {
				if !strings.HasPrefix(fault.Key, "amora-sync:security.identity.") {
					t.Errorf("a fault names %s", fault.Key)
				}
			}
		})
	}
}

func TestTheMQTTUsernameIsTheSubjectUnlessAnotherClaimIsNamed(t *testing.T) {
	named := b2cIdentity
	named.UsernameClaim = "preferred_username"
	if b2cIdentity.usernameClaim() != "sub" || named.usernameClaim() != "preferred_username" {
		t.Errorf("the claims are %s and %s", b2cIdentity.usernameClaim(), named.usernameClaim())
	}
}
