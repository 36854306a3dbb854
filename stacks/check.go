package stacks

import (
	"cmp"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // Windows has no time zones of its own
	"unicode/utf8"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// What the platform can hold, and what Azure takes.
const (
	minNetworkBits = 16 // largest and …
	maxNetworkBits = 23 // … smallest address space: a /24 for Container Apps and the same again for the rest
	maxDomain      = 64 // Front Door and certificates: longest common name (RFC 5280, ub-common-name)
	minAKSVCPU     = 4  // a smaller node has no room for a broker beside what AKS runs on every node
	minVMVCPU      = 2
	maxEMQXVCPU    = 3
	maxVCPU        = 96
	maxTags        = 15
	maxTagValue    = 256
	minRSABits     = 2048
)

var (
	nameRule = regexp.MustCompile(`^[a-z][a-z0-9-]{1,14}[a-z0-9]$`)
	// Source: Microsoft, "Resolve errors for reserved resource names".
	reservedRule = regexp.MustCompile(`microsoft|windows|^login|^xbox`)
	tagRule      = regexp.MustCompile(`^[^ ](.{0,126}[^ ])?$`)
	tagSigns     = regexp.MustCompile(`[<>%&\\?/#:\pC]`)
	hostRule     = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,}$`)
	imageRule    = regexp.MustCompile(`^[a-z0-9.-]+\.[a-z]+(/[a-z0-9._-]+)+(:[\w.-]+)?(@sha256:[0-9a-f]{64})?$`)
	openRule     = regexp.MustCompile(`/emqx/emqx:([^@]+)(?:@|$)`)
	freeRule     = regexp.MustCompile(`^5\.[0-8]\.\d+$`)
	certRule     = regexp.MustCompile(`^https://([a-zA-Z0-9-]{3,24})\.vault\.azure\.net/certificates/([a-zA-Z0-9-]+)$`)
	vaultRule    = regexp.MustCompile(
		`(?i)^/subscriptions/[0-9a-f-]{36}/resourceGroups/[^/]+/providers/Microsoft\.KeyVault/vaults/([a-zA-Z0-9-]{3,24})$`)
	coresRule    = regexp.MustCompile(`^Standard_[BDE](\d+)`)
	managedRule  = regexp.MustCompile(`^Balanced_B(0|1|3|5|10|20|50|100)$`)
	classicRule  = regexp.MustCompile(`^C[0-6]$`)
	timezoneRule = regexp.MustCompile(`^(UTC|[A-Za-z]+/[A-Za-z0-9_+/-]+)$`)
	vmRule       = regexp.MustCompile(`^Standard_([DEF])(\d+)([a-z]*s[a-z]*)(?:_v(\d+))?$`) // the s: Premium SSD
	packageRule  = regexp.MustCompile(`^https://[a-zA-Z0-9.-]+(:\d+)?(/[\w.~%+=-]+)*\.deb$`)
	sha256Rule   = regexp.MustCompile(`^[0-9a-f]{64}$`)
	// What a token's issuer or audience is called. Brokers put something else in place of ${…}, Kubernetes of $(…).
	partyRule = regexp.MustCompile(`^[\w!%&*+,./:;=?@~#-]{1,512}$`)
	claimRule = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.:/-]{0,127}$`)
	groupRule = regexp.MustCompile(`^[a-zA-Z0-9._()-]{1,90}$`)
)

var brokers = []string{EMQXContainerApps, HiveMQAKS, VerneMQVMs}

// The stateful resources by the names that allowReplace takes.
var stateful = []string{"database", "disks", "network", "resourceGroup", "secondary", "tenant", "vault",
	"workspace", "zone"}

// fillDependentDefaults fills what follows from other keys, or from the stack's name.
func (c *Config) fillDependentDefaults(stack string) {
	if c.Name == "" {
		c.Name = "amora-" + stack
	}
	if c.DNS.Zone == "" {
		c.DNS.Zone = c.Domain
	}
	if c.Redis.SKU == "" {
		c.Redis.SKU = map[string]string{"classic": "C1"}[c.Redis.Service]
		if c.Redis.SKU == "" {
			c.Redis.SKU = "Balanced_B1"
		}
	}
	if c.Security.PrivateLink == nil {
		c.Security.PrivateLink = c.possibleLinks()
	}
	c.fillNodes()
}

// check adds every rule that the config breaks, alone or together with another key.
func (c *Config) check(f *Faults) {
	c.checkPlace(f)
	c.checkNames(f)
	c.checkTags(f)
	c.checkNodes(f)
	c.checkData(f)
	c.checkTLS(f)
	c.checkTokens(f)
	c.checkNetworkSecurity(f)
	c.checkMonitoring(f)
	c.checkRegions(f)
	c.checkRestore(f)
	c.checkLoad(f)
	switch c.Broker {
	case EMQXContainerApps:
		c.checkEMQX(f)
	case HiveMQAKS:
		c.checkHiveMQ(f)
	case VerneMQVMs:
		c.checkVerneMQ(f)
	}
	// What follows reckons with the plan, which there is only without a fault.
	if len(*f) == 0 {
		c.checkHolds(f)
		c.checkTargets(f)
	}
}

func (c *Config) checkPlace(f *Faults) {
	if !slices.Contains(brokers, c.Broker) {
		f.add("broker", quoted(c.Broker), "must be one of %s", strings.Join(brokers, ", "))
	}
	zoned, known := regions[c.Location]
	if !known {
		f.add("location", quoted(c.Location), "must be an Azure region in its short form, such as westeurope")
	}
	c.checkServices(f, "location", c.Location)
	zones := c.Availability.Zones
	sorted := slices.Compact(slices.Sorted(slices.Values(zones)))
	switch {
	case len(sorted) != len(zones) || len(zones) != 1 && len(zones) != 3 ||
		slices.ContainsFunc(zones, func(z int) bool { return z < 1 || z > 3 }):
		f.add("availability.zones", fmt.Sprint(zones),
			"must be one zone or all three of [1,2,3]: Container Apps spreads over all zones or none")
	case known && !zoned && len(zones) > 1:
		f.add("availability.zones", fmt.Sprint(zones),
			"%s has no availability zones; give one zone, which then means none", c.Location)
	}
	if !isAddressSpace(c.Network.AddressSpace) {
		f.add("network.addressSpace", quoted(c.Network.AddressSpace), addressSpaceRule, minNetworkBits, maxNetworkBits,
			"10.20.0.0/16")
	}
}

func (c *Config) checkNames(f *Faults) {
	for _, name := range c.AllowReplace {
		if !slices.Contains(stateful, name) {
			f.add("allowReplace", quoted(name), "must be one of %s", strings.Join(stateful, ", "))
		}
	}
	switch {
	case !nameRule.MatchString(c.Name) || strings.Contains(c.Name, "--"):
		f.add("name", quoted(c.Name),
			"must be 3 to 16 lower-case letters, digits and single hyphens, starting with a letter: the vault's name "+
				"has room for no more")
	case reservedRule.MatchString(c.Name):
		f.add("name", quoted(c.Name),
			"must not hold microsoft or windows, nor begin with login or xbox: Azure reserves those words")
	}
	host := hostRule.MatchString(c.Domain) && len(c.Domain) <= maxDomain-len("ws.")
	if !host {
		f.add("domain", quoted(c.Domain),
			"must be a lower-case host name of at most %d characters, such as mqtt.example.com", maxDomain-len("ws."))
	}
	switch {
	case !host && c.DNS.Zone == c.Domain:
	case !hostRule.MatchString(c.DNS.Zone):
		f.add("dns.zone", quoted(c.DNS.Zone), "must be a lower-case domain name, such as example.com")
	case host && c.Domain != c.DNS.Zone && !strings.HasSuffix(c.Domain, "."+c.DNS.Zone):
		f.add("domain", quoted(c.Domain), "must be %s or inside it, since dns.zone holds its records", c.DNS.Zone)
	}
	if c.DNS.ResourceGroup != "" && !groupRule.MatchString(c.DNS.ResourceGroup) {
		f.add("dns.resourceGroup", quoted(c.DNS.ResourceGroup), "must be the name of a resource group")
	}
}

// checkTags holds the tags to what the strictest of the stack's services take: Front Door for the signs in a name,
// storage accounts for its length, Front Door and DNS zones for the number (Microsoft, "Use tags to organize your Azure
// resources"). Names that only DNS zones and Traffic Manager don't take are left out there. The words that no name
// begins with are those that Azure's portal refuses.
func (c *Config) checkTags(f *Faults) {
	seen := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.Tags)) {
		lower := strings.ToLower(name)
		switch {
		case !tagRule.MatchString(name) || tagSigns.MatchString(name):
			f.add("tags", quoted(name),
				"must have names of at most 128 characters, none of them <, >, %%, &, \\, ?, /, # or a colon, and no blank "+
					"at either end: Azure takes no others")
		case strings.HasPrefix(lower, "azure") || strings.HasPrefix(lower, "microsoft") ||
			strings.HasPrefix(lower, "windows"):
			f.add("tags", quoted(name),
				"must not have names that begin with azure, microsoft or windows, which Azure keeps for itself")
		case seen[lower] != "":
			f.add("tags", quoted(name), "must not be there twice: Azure takes it and %s for the same", seen[lower])
		}
		seen[lower] = name
		if n := utf8.RuneCountInString(c.Tags[name]); n > maxTagValue {
			f.add("tags."+name, fmt.Sprintf("(%d characters)", n), "must have at most %d characters", maxTagValue)
		}
	}
	if n := len(tags("", *c)); n > maxTags {
		f.add("tags", fmt.Sprintf("(%d tags)", n),
			"must be at most %d with the program's own, project and stack: DNS zones take no more", maxTags)
	}
}

func (c *Config) checkNodes(f *Faults) {
	low, high := c.Capacity.MinNodes, c.Capacity.MaxNodes
	if low < 2 || low > assets.MaxNodes {
		f.add("capacity.minNodes", fmt.Sprint(low), "must be 2 to %d", assets.MaxNodes)
	}
	if high < low || high > assets.MaxNodes {
		f.add("capacity.maxNodes", fmt.Sprint(high), "must be capacity.minNodes (%d) to %d", low, assets.MaxNodes)
	}
}

func (c *Config) checkData(f *Faults) {
	tier := databaseTier(c.Database.SKU)
	if tier == "" {
		f.add("database.sku", quoted(c.Database.SKU),
			"must be a size of PostgreSQL flexible servers, such as Standard_B1ms or Standard_D4ds_v5")
	}
	if !slices.Contains([]int{32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384}, c.Database.StorageGB) {
		f.add("database.storageGb", fmt.Sprint(c.Database.StorageGB),
			"must be a size of Premium SSD: 32, 64, 128, 256 … 16384 GiB")
	}
	if !slices.Contains([]string{"15", "16"}, c.Database.Version) {
		f.add("database.version", quoted(c.Database.Version), "must be 15 or 16")
	}
	if days := c.Availability.BackupRetentionDays; days < 7 || days > 35 {
		f.add("availability.backupRetentionDays", fmt.Sprint(days), "must be 7 to 35")
	}
	for _, t := range c.targets() {
		if t.minutes < 0 {
			f.add(t.key, fmt.Sprint(t.minutes), "must be a number of minutes, or 0 for no target")
		}
	}
	if c.Availability.DiskBackup && c.Broker == EMQXContainerApps {
		f.add("availability.diskBackup", "true",
			"is for brokers with disks of their own: %s keeps nothing on disk, and the database has backups anyway", c.Broker)
	}
	if c.Availability.DatabaseHA {
		if len(c.Availability.Zones) < 2 {
			f.add("availability.databaseHA", "true", "needs more than one zone in availability.zones for the standby")
		}
		if tier == burstableTier {
			f.add("availability.databaseHA", "true",
				"needs a database.sku that is not burstable: Azure has no high availability for %s", c.Database.SKU)
		}
	}
	switch c.Redis.Service {
	case "managed":
		if !managedRule.MatchString(c.Redis.SKU) {
			f.add("redis.sku", quoted(c.Redis.SKU), "must be a Balanced size of Azure Managed Redis, such as Balanced_B1")
		}
	case "classic":
		if !classicRule.MatchString(c.Redis.SKU) {
			f.add("redis.sku", quoted(c.Redis.SKU), "must be C0 to C6, a Standard size of Azure Cache for Redis")
		}
	default:
		f.add("redis.service", quoted(c.Redis.Service), "must be managed or classic")
	}
}

func (c *Config) checkTLS(f *Faults) {
	switch c.TLS.Mode {
	case TLSSelfSigned:
		if c.TLS.Certificate != "" || c.TLS.VaultID != "" {
			f.add("tls.mode", quoted(c.TLS.Mode), "must be key-vault when tls.certificate or tls.vaultId is set")
		}
	case TLSKeyVault:
		certificate, vault := certRule.FindStringSubmatch(c.TLS.Certificate), vaultRule.FindStringSubmatch(c.TLS.VaultID)
		if certificate == nil {
			f.add("tls.certificate", quoted(c.TLS.Certificate),
				"must be a Key Vault certificate without version: https://VAULT.vault.azure.net/certificates/NAME")
		}
		if vault == nil {
			f.add("tls.vaultId", quoted(c.TLS.VaultID),
				"must be the ARM id of the vault that holds tls.certificate: /subscriptions/…/providers/"+
					"Microsoft.KeyVault/vaults/VAULT")
		}
		if certificate != nil && vault != nil && !strings.EqualFold(certificate[1], vault[1]) {
			f.add("tls.vaultId", quoted(c.TLS.VaultID), "must be the vault %s, which tls.certificate names", certificate[1])
		}
	default:
		f.add("tls.mode", quoted(c.TLS.Mode), "must be self-signed or key-vault")
	}
}

// tokens is the issuer of tokens that clients may send as password, nil for none.
func (c *Config) tokens() *assets.JWT {
	if jwt := c.Security.JWT; jwt != (JWT{}) {
		return &assets.JWT{JWKSURL: jwt.JWKSURL, Issuer: jwt.Issuer, Audience: jwt.Audience,
			UsernameClaim: cmp.Or(jwt.UsernameClaim, defaultUsernameClaim)}
	}
	return c.Security.Identity.issuer()
}

// tokensKey is where the config names it.
func (c *Config) tokensKey() string {
	if c.Security.JWT != (JWT{}) {
		return "security.jwt"
	}
	return "security.identity"
}

func (c *Config) checkTokens(f *Faults) {
	c.Security.Identity.check(f)
	jwt := c.Security.JWT
	if jwt == (JWT{}) {
		return
	}
	if provider := c.Security.Identity.Provider; provider != "" && provider != IdentityNone {
		f.add("security.jwt", "(set)", "must not be set together with security.identity, which names the issuer by itself")
	}
	switch u, err := url.Parse(jwt.JWKSURL); {
	case strings.Contains(jwt.JWKSURL, "@"):
		f.add("security.jwt.jwksUrl", "(not shown)", "must have no user name and password: it is in logs and in the state")
	case err != nil || u.Scheme != "https" || u.Host == "" || !partyRule.MatchString(jwt.JWKSURL):
		f.add("security.jwt.jwksUrl", quoted(jwt.JWKSURL), "must be an https URL")
	}
	if claim := jwt.UsernameClaim; claim != "" && (!claimRule.MatchString(claim) || claim == "iss" || claim == "aud") {
		f.add("security.jwt.usernameClaim", quoted(jwt.UsernameClaim), "must be a claim that names the client, such as sub")
	}
	for _, party := range []struct{ key, value, without string }{
		{"security.jwt.issuer", jwt.Issuer, "any token of the same keys would pass"},
		{"security.jwt.audience", jwt.Audience, "tokens for other applications would pass"},
	} {
		switch {
		case party.value == "":
			f.add(party.key, "(not set)", "must be set: without it %s", party.without)
		case !partyRule.MatchString(party.value):
			f.add(party.key, quoted(party.value),
				"must be what tokens say, of letters, digits and the signs of a URL: with ${username}, any would pass")
		}
	}
}

func (c *Config) checkEMQX(f *Faults) {
	if !imageRule.MatchString(c.EMQX.Image) ||
		!strings.ContainsAny(c.EMQX.Image[strings.LastIndex(c.EMQX.Image, "/")+1:], ":@") {
		f.add("emqx.image", quoted(c.EMQX.Image),
			"must name registry, image and tag or digest, such as docker.io/emqx/emqx:5.8.9")
	} else if enterprise := strings.Contains(c.EMQX.Image, "/emqx-enterprise"); enterprise && c.EMQX.Licence == "" {
		f.add("emqx.licence", "(not set)", "must be set for %s: its licence grants production use of one node only",
			c.EMQX.Image)
	} else if !enterprise && c.EMQX.Licence != "" {
		f.add("emqx.licence", "(secret)", "is for emqx-enterprise images; emqx.image is %s", c.EMQX.Image)
	}
	if tag := openRule.FindStringSubmatch(c.EMQX.Image); tag != nil && !freeRule.MatchString(tag[1]) {
		f.add("emqx.image", quoted(c.EMQX.Image),
			"must have a tag such as 5.8.9, up to 5.8: from 5.9 on nodes form a cluster with a licence only, which "+
				"emqx-enterprise images take, and a tag like latest is another image tomorrow")
	}
	if c.EMQX.Profile != "Consumption" && c.EMQX.Profile != "Dedicated" {
		f.add("emqx.profile", quoted(c.EMQX.Profile), "must be Consumption or Dedicated")
	}
	// A Consumption replica has at most 4 vCPU, and the schema container, which runs before the broker, may count as
	// part of it.
	if v := c.EMQX.VCPU; v < 1 || v > maxEMQXVCPU {
		f.add("emqx.vcpu", fmt.Sprint(v), "must be 1 to %d", maxEMQXVCPU)
	}
	if p := c.EMQX.Peak; p != (Peak{}) {
		if _, err := time.LoadLocation(p.Timezone); err != nil || !timezoneRule.MatchString(p.Timezone) {
			f.add("emqx.peak.timezone", quoted(p.Timezone), "must be an IANA time zone, such as Europe/Berlin")
		}
		if !isCron(p.Start) {
			f.add("emqx.peak.start", quoted(p.Start), "must be a cron expression of five fields, such as \"0 6 * * 1-5\"")
		}
		if !isCron(p.End) {
			f.add("emqx.peak.end", quoted(p.End), "must be a cron expression of five fields, such as \"0 20 * * 1-5\"")
		} else if strings.Join(strings.Fields(p.Start), " ") == strings.Join(strings.Fields(p.End), " ") {
			f.add("emqx.peak.end", quoted(p.End), "must be another time than emqx.peak.start")
		}
	}
}

func (c *Config) checkHiveMQ(f *Faults) {
	h := c.HiveMQ
	if zones := len(c.Availability.Zones); regions[c.Location] && c.Capacity.MaxNodes < zones {
		f.add("capacity.maxNodes", fmt.Sprint(c.Capacity.MaxNodes),
			"must be %d or more, for a node in each zone of availability.zones: AKS makes no pool of none", zones)
	}
	checkVMSize(f, "hivemq.vmSize", h.VMSize, minAKSVCPU)
	checkVMSize(f, "hivemq.systemVmSize", h.SystemVMSize, minVMVCPU)
	for key, licence := range map[string]string{"licence": h.Licence, "securityLicence": h.SecurityLicence} {
		if _, err := base64.StdEncoding.DecodeString(licence); err != nil {
			f.add("hivemq."+key, "(secret)", "must be the licence file in base64, as base64 --wrap=0 FILE prints it")
		}
	}
	switch {
	case h.Licence != "" && h.Trial:
		f.add("hivemq.trial", "true", "must not be set together with hivemq.licence")
	case h.Licence == "" && h.SecurityLicence != "":
		f.add("hivemq.securityLicence", "(secret)", "needs hivemq.licence too")
	case h.Licence == "" && c.Protect && !h.Trial:
		f.add("hivemq.licence", "(not set)",
			"must be set for a protected stack: without it HiveMQ takes %d connections; hivemq.trial says that this "+
				"is meant", assets.HiveMQTrialConnections)
	}
	if jwt := c.tokens(); jwt != nil && jwt.UsernameClaim != defaultUsernameClaim {
		f.add(c.tokensKey()+".usernameClaim", quoted(jwt.UsernameClaim),
			"must be %s: HiveMQ compares no other claim with the MQTT username", defaultUsernameClaim)
	}
	if h.Licence == "" && c.tokens() != nil {
		f.add(c.tokensKey(), "(set)", "needs hivemq.licence: only HiveMQ's enterprise security extension knows tokens")
	}
}

func checkVMSize(f *Faults, key, value string, minVCPU int) {
	size := vmRule.FindStringSubmatch(value)
	if size == nil {
		f.add(key, quoted(value),
			"must be a D, E or F size that takes Premium SSD, such as Standard_D4s_v3 or Standard_D4s_v5")
	} else if strings.Contains(size[3], "p") {
		f.add(key, quoted(value),
			"must be a size with x64 processors, which a p in its name excludes: the brokers are built for those")
	} else if strings.Contains(size[3], "l") {
		f.add(key, quoted(value),
			"must be a size with all of its series' memory, which an l in its name excludes: take an F size for little memory")
	} else if vcpu, err := strconv.Atoi(size[2]); err != nil || vcpu < minVCPU || vcpu > maxVCPU {
		f.add(key, quoted(value), "must have %d to %d vCPUs", minVCPU, maxVCPU)
	} else if !machineSizes.MatchString(value) {
		f.add(key, quoted(value), "must be a size that Azure has: 2, 4, 8, 16, 32, 48, 64 or 96 vCPUs of a series such as "+
			"Ds_v3, Ds_v5, Das_v5, Dads_v5, Es_v5 or Fs_v2")
	}
}

func (c *Config) checkVerneMQ(f *Faults) {
	v := c.VerneMQ
	checkVMSize(f, "vernemq.vmSize", v.VMSize, minVMVCPU)
	if !isSSHKey(v.SSHKey) {
		shown := "(not shown)" // it may be the private half
		if v.SSHKey == "" {
			shown = "(not set)"
		}
		f.add("vernemq.sshKey", shown,
			"must be a public key in OpenSSH's form, ssh-ed25519 or ssh-rsa of %d bits: Azure makes no machine "+
				"without one", minRSABits)
	}
	if v.ClientCA != "" && !isCertificates(v.ClientCA) {
		f.add("vernemq.clientCa", "(PEM)", "must be one or more CA certificates in PEM, and nothing else")
	}
	switch {
	case v.PackageURL == "" && v.PackageSHA256 == "":
		if v.AcceptEULA {
			f.add("vernemq.acceptEula", "true",
				"is for the vendor's package, which needs vernemq.packageUrl and vernemq.packageSha256; VerneMQ "+
					"built from its source has no such terms")
		}
	default:
		if !packageRule.MatchString(v.PackageURL) {
			f.add("vernemq.packageUrl", quoted(v.PackageURL),
				"must be the https URL of a Debian package for Ubuntu 24.04 (.deb)")
		}
		if !sha256Rule.MatchString(v.PackageSHA256) {
			f.add("vernemq.packageSha256", quoted(v.PackageSHA256),
				"must be the package's SHA-256, 64 lower-case hexadecimal digits")
		}
		if !v.AcceptEULA {
			f.add("vernemq.acceptEula", "false",
				"must be true for vernemq.packageUrl: the vendor's packages are under an EULA that wants a paid "+
					"subscription for commercial use")
		}
	}
	if c.tokens() != nil {
		f.add(c.tokensKey(), "(set)", "must not be set: VerneMQ knows no tokens, only passwords and client certificates")
	}
}

// isCertificates tells whether a text is PEM of CA certificates alone.
func isCertificates(text string) bool {
	found := 0
	for rest := []byte(text); len(strings.TrimSpace(string(rest))) > 0; found++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil || block.Type != "CERTIFICATE" {
			return false
		}
		if certificate, err := x509.ParseCertificate(block.Bytes); err != nil || !certificate.IsCA {
			return false
		}
	}
	return found > 0
}

func quoted(s string) string {
	if s == "" {
		return "(not set)"
	}
	return fmt.Sprintf("%q", s)
}
