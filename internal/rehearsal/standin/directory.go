package standin

import (
	"regexp"
	"time"
)

var directoryKinds = []*kind{
	{
		token: "azureactivedirectory:B2CTenant", arm: "Microsoft.AzureActiveDirectory/b2cDirectories",
		path: []string{"resourceName"}, located: true, global: true,
		required: []string{"location", "sku", "countryCode", "displayName"}, latency: 3 * time.Minute,
		naming: naming{pattern: regexp.MustCompile(`^[A-Za-z0-9]{1,27}\.onmicrosoft\.com$`),
			rule: "up to 27 letters and digits, then .onmicrosoft.com"},
		enums: map[string][]string{
			"location": {"United States", "Europe", "Asia Pacific", "Australia", "Japan"},
			"sku.name": {"Standard", "PremiumP1", "PremiumP2"}, "sku.tier": {"A0"},
		},
		check: checkDirectory,
		taken: func(name string, _ bool) error {
			return refusal("BadRequest", "The domain name '%s' is already in use.", name)
		},
		compute: func(_ *World, r *Resource) map[string]any {
			return map[string]any{
				"location": r.in().str("location"), "tenantId": guid(r.ID, "tenant"),
				"billingConfig": map[string]any{"billingType": "MAU", "effectiveStartDateUtc": "2026-01-01T00:00:00Z"},
			}
		},
	},
}

var countryCode = regexp.MustCompile(`^[A-Z]{2}$`)

func checkDirectory(in props) []fault {
	if code := in.str("countryCode"); code != "" && !countryCode.MatchString(code) {
		return []fault{{"countryCode", "'" + code + "' is no country code of two capital letters, such as US"}}
	}
	return nil
}
