package stacks

import (
	"fmt"
	"net/mail"
	"net/netip"
	"slices"
	"strings"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// Azure's limits for what is set here.
const (
	minRetentionDays, maxRetentionDays = 30, 730
	minQuotaGB                         = 0.1 // below it, the metrics alone would not fit
	maxEmails                          = 1000
	maxIPRules                         = 400 // of a storage account
	// a storage account takes no smaller block; a single address is written without bits
	maxRuleBits = 30
)

// possibleLinks are the services that get a private endpoint where the config does not say: all for which nothing
// speaks against it.
func (c *Config) possibleLinks() []string {
	links := []string{LinkRedis}
	if len(c.Security.DeployFrom) > 0 {
		links = append(links, LinkStorage)
	}
	if c.TLS.Mode == TLSKeyVault {
		links = append(links, LinkVault)
	}
	return links
}

// usesStorage says whether the broker fetches what it runs from a storage account.
func (c *Config) usesStorage() bool { return c.Broker != EMQXContainerApps }

// clientIDs are those that a user may connect as.
func (c *Config) clientIDs() string {
	switch {
	case c.Security.ClientIDs != "":
		return c.Security.ClientIDs
	case c.Broker == HiveMQAKS:
		return assets.ClientIDsAny
	default:
		return assets.ClientIDsPrefix
	}
}

func (c *Config) checkNetworkSecurity(f *Faults) {
	s := c.Security
	rules := []string{assets.ClientIDsPrefix, assets.ClientIDsUsername, assets.ClientIDsAny}
	if ids := c.clientIDs(); !slices.Contains(rules, ids) {
		f.add("security.clientIds", quoted(ids), "must be %s, %s or %s", rules[0], rules[1], rules[2])
	} else if ids != assets.ClientIDsAny && c.Broker == HiveMQAKS {
		f.add("security.clientIds", quoted(ids), "must be %s, or left out: HiveMQ can't hold a user to some",
			assets.ClientIDsAny)
	}
	if !slices.Contains([]string{DDoSNone, DDoSIP, DDoSNetwork}, s.DDoS) {
		f.add("security.ddos", quoted(s.DDoS), "must be %s, %s or %s", DDoSNone, DDoSIP, DDoSNetwork)
	}
	if s.DDoS == DDoSIP && c.Broker == EMQXContainerApps {
		f.add("security.ddos", quoted(s.DDoS),
			"must be %s or %s: the address of EMQX on Container Apps is Azure's own, and can't be protected by itself",
			DDoSNone, DDoSNetwork)
	}
	for i, link := range s.PrivateLink {
		if slices.Contains(s.PrivateLink[:i], link) {
			f.add("security.privateLink", quoted(link), "must not be there twice")
		}
		if !slices.Contains([]string{LinkRedis, LinkStorage, LinkVault}, link) {
			f.add("security.privateLink", quoted(link), "must be %s, %s or %s; the database is in the network anyway",
				LinkRedis, LinkStorage, LinkVault)
		}
	}
	if slices.Contains(s.PrivateLink, LinkVault) && c.TLS.Mode == TLSSelfSigned {
		f.add("security.privateLink", quoted(LinkVault),
			"needs tls.mode %s: the script that makes a self-signed certificate runs outside of the network", TLSKeyVault)
	}
	if slices.Contains(s.PrivateLink, LinkStorage) && c.usesStorage() && len(s.DeployFrom) == 0 {
		f.add("security.deployFrom", "(not set)",
			"must list the public addresses that pulumi up runs from, which uploads to the storage account, or be "+
				"[%s] where it runs inside", DeployFromNetwork)
	}
	c.checkDeployFrom(f)
}

func (c *Config) checkDeployFrom(f *Faults) {
	from := c.Security.DeployFrom
	if len(from) > maxIPRules {
		f.add("security.deployFrom", fmt.Sprintf("%d entries", len(from)), "must have %d at most", maxIPRules)
	}
	for i, entry := range from {
		switch {
		case slices.Contains(from[:i], entry):
			f.add("security.deployFrom", quoted(entry), "must not be there twice")
		case entry == DeployFromNetwork:
			if len(from) > 1 {
				f.add("security.deployFrom", quoted(entry), "must stand alone")
			}
		case !isPublicBlock(entry):
			f.add("security.deployFrom", quoted(entry),
				"must be a public IPv4 address, a block of at most /%d such as 203.0.113.0/28, or %s", maxRuleBits,
				DeployFromNetwork)
		}
	}
}

// private are the addresses of networks that are nobody's (RFC 1918).
var private = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16")}

// isPublicBlock says whether a storage account takes this as the address of somebody outside.
func isPublicBlock(text string) bool {
	if !strings.Contains(text, "/") {
		address, err := netip.ParseAddr(text)
		return err == nil && address.Is4() && !address.IsPrivate() && address.IsGlobalUnicast()
	}
	prefix, err := netip.ParsePrefix(text)
	return err == nil && prefix.Addr().Is4() && prefix == prefix.Masked() && prefix.Bits() >= 8 &&
		prefix.Bits() <= maxRuleBits &&
		!slices.ContainsFunc(private, prefix.Overlaps) && prefix.Addr().IsGlobalUnicast()
}

func (c *Config) checkMonitoring(f *Faults) {
	m := c.Monitoring
	if m.RetentionDays < minRetentionDays || m.RetentionDays > maxRetentionDays {
		f.add("monitoring.retentionDays", fmt.Sprint(m.RetentionDays), "must be %d to %d", minRetentionDays, maxRetentionDays)
	}
	if m.DailyQuotaGB < minQuotaGB {
		f.add("monitoring.dailyQuotaGb", fmt.Sprint(m.DailyQuotaGB),
			"must be %g or more: without a cap, a stack that logs in a circle costs without end", minQuotaGB)
	}
	if len(m.AlertEmails) > maxEmails {
		f.add("monitoring.alertEmails", fmt.Sprintf("%d addresses", len(m.AlertEmails)), "must have %d at most", maxEmails)
	}
	seen := map[string]bool{}
	for _, address := range m.AlertEmails {
		if parsed, err := mail.ParseAddress(address); err != nil || parsed.Address != address {
			f.add("monitoring.alertEmails", quoted(address), "must be an e-mail address, such as oncall@example.com")
		}
		if folded := strings.ToLower(address); seen[folded] {
			f.add("monitoring.alertEmails", quoted(address), "must not be there twice")
		} else {
			seen[folded] = true
		}
	}
}
