package stacks

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// The directories of clients. Azure AD B2C is closed to customers who had none before 2025-05-01.
const (
	IdentityNone       = "none"
	IdentityB2C        = "b2c"
	IdentityExternalID = "external-id"
)

// Identity is the directory whose tokens clients may send as password.
type Identity struct {
	// none, b2c or external-id. Default: none.
	Provider string `config:"provider"`
	// The tenant's name: contoso of contoso.onmicrosoft.com, at most 27 lower-case letters and digits.
	Tenant string `config:"tenant"`
	// The tenant's id, a GUID in lower case.
	TenantID string `config:"tenantId"`
	// The application that tokens are for, their audience: a GUID in lower case.
	ClientID string `config:"clientId"`
	// b2c: the user flow (B2C_1_…) or custom policy (B2C_1A_…) that gives tokens.
	Policy string `config:"policy"`
	// The claim that must equal the MQTT username: sub, or preferred_username of b2c, or oid of external-id. HiveMQ
	// compares sub only. Default: sub.
	UsernameClaim string `config:"usernameClaim"`
	// b2c: make the tenant. tenantId, clientId and policy may be left out until it is made.
	Create bool `config:"create"`
	// b2c, of a tenant to make: two capital letters, such as DE.
	CountryCode string `config:"countryCode"`
	// b2c, where a tenant to make keeps its data: United States, Europe, Asia Pacific or Australia.
	DataLocation string `config:"dataLocation"`
}

var (
	// What the policies' schema takes as a tenant (TrustFrameworkPolicy 0.3.0.0, TenantId), and the portal as a name
	// for a new one.
	tenantRule = regexp.MustCompile(`^[a-z0-9]{1,27}$`)
	// In lower case, because an issuer is compared letter by letter, and Microsoft's are in lower case.
	guidRule    = regexp.MustCompile(`^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$`)
	policyRule  = regexp.MustCompile(`(?i)^B2C_1A?_[a-z0-9_-]{1,64}$`)
	countryRule = regexp.MustCompile(`^[A-Z]{2}$`)
)

// dataLocations are the values of location that Microsoft.AzureActiveDirectory/b2cDirectories takes at 2021-04-01.
var dataLocations = []string{"United States", "Europe", "Asia Pacific", "Australia"}

// defaultUsernameClaim is a name that an issuer gives to one client only, and that no client can choose.
const defaultUsernameClaim = "sub"

// usernameClaims are the claims that tell users apart and that users can't choose, by provider. B2C's
// preferred_username is that of the policies in identity/b2c, which prove it; External ID's can be changed.
var usernameClaims = map[string][]string{IdentityB2C: {"sub", "preferred_username"}, IdentityExternalID: {"sub", "oid"}}

// check adds every rule that the directory breaks.
func (i Identity) check(f *Faults) {
	switch i.Provider {
	case "", IdentityNone:
		i.checkUnset(f, "needs security.identity.provider: b2c or external-id",
			"tenant", "tenantId", "clientId", "policy", "usernameClaim", "create", "countryCode", "dataLocation")
	case IdentityB2C:
		i.checkDirectory(f)
		i.checkB2C(f)
	case IdentityExternalID:
		i.checkDirectory(f)
		i.checkUnset(f, "is for security.identity.provider b2c; External ID has user flows, but none in its URLs, "+
			"and its tenants are made by hand",
			"policy", "create", "countryCode", "dataLocation")
	default:
		f.add("security.identity.provider", quoted(i.Provider), "must be none, b2c or external-id")
	}
}

// checkUnset adds a fault for each of the keys that has a value.
func (i Identity) checkUnset(f *Faults, rule string, keys ...string) {
	values := map[string]string{
		"tenant": i.Tenant, "tenantId": i.TenantID, "clientId": i.ClientID, "policy": i.Policy,
		"usernameClaim": i.UsernameClaim,
		"countryCode":   i.CountryCode, "dataLocation": i.DataLocation,
	}
	for _, key := range keys {
		switch {
		case key == "create" && i.Create:
			f.add("security.identity.create", "true", "%s", rule)
		case values[key] != "":
			f.add("security.identity."+key, quoted(values[key]), "%s", rule)
		}
	}
}

// checkDirectory checks what both directories have.
func (i Identity) checkDirectory(f *Faults) {
	if !tenantRule.MatchString(i.Tenant) {
		f.add("security.identity.tenant", quoted(i.Tenant),
			"must be the name of the tenant alone, such as contoso for contoso.onmicrosoft.com: at most 27 "+
				"lower-case letters and digits")
	}
	if claims := usernameClaims[i.Provider]; !slices.Contains(claims, i.usernameClaim()) {
		f.add("security.identity.usernameClaim", quoted(i.UsernameClaim), "must be %s for %s",
			strings.Join(claims, " or "), i.Provider)
	}
	i.checkValue(f, "tenantId", i.TenantID, guidRule, "the tenant's id, a GUID in lower case")
	i.checkValue(f, "clientId", i.ClientID, guidRule,
		"the id of the application that tokens are for, a GUID in lower case")
}

// checkValue holds a value against its shape. It may be missing while a tenant that the stack makes has no application.
func (i Identity) checkValue(f *Faults, key, value string, shape *regexp.Regexp, what string) {
	if shape.MatchString(value) || value == "" && i.awaited() {
		return
	}
	if value == "" && i.Create {
		what += ": tenantId, clientId and policy go together, and may be left out until the tenant is made"
	}
	f.add("security.identity."+key, quoted(value), "must be %s", what)
}

func (i Identity) checkB2C(f *Faults) {
	i.checkValue(f, "policy", i.Policy, policyRule,
		"a user flow (B2C_1_…) or custom policy (B2C_1A_…), such as B2C_1A_MQTT_Password")
	if !i.Create {
		i.checkUnset(f, "is for security.identity.create, which makes a tenant", "countryCode", "dataLocation")
		return
	}
	if !countryRule.MatchString(i.CountryCode) {
		f.add("security.identity.countryCode", quoted(i.CountryCode),
			"must be the two capital letters of a country that keeps its data in security.identity.dataLocation, such as DE")
	}
	if !slices.Contains(dataLocations, i.DataLocation) {
		f.add("security.identity.dataLocation", quoted(i.DataLocation), "must be one of %s",
			strings.Join(dataLocations, ", "))
	}
}

// awaited tells whether the tenant is to be made first: its id is not known, and no application can be registered in it
// yet.
func (i Identity) awaited() bool {
	return i.Create && i.TenantID == "" && i.ClientID == "" && i.Policy == ""
}

// issuer is where the brokers find the directory's keys and what they expect in its tokens; nil without a directory,
// and while the stack's own tenant has no application.
func (i Identity) issuer() *assets.JWT {
	if i.awaited() {
		return nil
	}
	// The shapes are those of each directory's openid-configuration. B2C's names the policy in lower case, and ends its
	// issuer with a slash; External ID's has the tenant's name in the one and its id in the other.
	switch i.Provider {
	case IdentityB2C:
		return &assets.JWT{
			JWKSURL: fmt.Sprintf("https://%s.b2clogin.com/%[1]s.onmicrosoft.com/%s/discovery/v2.0/keys", i.Tenant,
				strings.ToLower(i.Policy)),
			Issuer:   fmt.Sprintf("https://%s.b2clogin.com/%s/v2.0/", i.Tenant, i.TenantID),
			Audience: i.ClientID, UsernameClaim: i.usernameClaim(),
		}
	case IdentityExternalID:
		return &assets.JWT{
			JWKSURL:  fmt.Sprintf("https://%s.ciamlogin.com/%s/discovery/v2.0/keys", i.Tenant, i.TenantID),
			Issuer:   fmt.Sprintf("https://%s.ciamlogin.com/%[1]s/v2.0", i.TenantID),
			Audience: i.ClientID, UsernameClaim: i.usernameClaim(),
		}
	}
	return nil
}

// usernameClaim is the claim that must equal the MQTT username: without that check, a client with a token of its own
// could call itself by another's name, and rules go by that name.
func (i Identity) usernameClaim() string {
	return cmp.Or(i.UsernameClaim, defaultUsernameClaim)
}
