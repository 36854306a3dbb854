package stacks

import "fmt"

// Externals lists the ARM ids that a config refers to and no stack makes: a vault or a DNS zone of the team's own. It
// lists none for a config that [Parse] refuses.
func Externals(stack string, config map[string]string, subscription string) []string {
	c, err := Parse(stack, config)
	if err != nil {
		return nil
	}
	var ids []string
	if c.TLS.VaultID != "" {
		ids = append(ids, c.TLS.VaultID)
	}
	if c.DNS.ResourceGroup != "" {
		group := fmt.Sprintf("/subscriptions/%s/resourceGroups/%s", subscription, c.DNS.ResourceGroup)
		ids = append(ids, group, group+"/providers/Microsoft.Network/dnsZones/"+c.DNS.Zone)
	}
	return ids
}
