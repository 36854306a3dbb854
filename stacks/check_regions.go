package stacks

import (
	"net/netip"
	"regexp"
	"slices"
	"time"
)

var (
	markRule = regexp.MustCompile(`^[A-Za-z0-9._-]{0,32}$`)
	// Go's parser takes 1:00 and 10:00,5 too
	timeRule     = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$`)
	serverRule   = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$`)
	serverIDRule = regexp.MustCompile(
		`(?i)^/subscriptions/[0-9a-f-]{36}/resourceGroups/[^/]+/providers/Microsoft\.DBforPostgreSQL/flexibleServers/` +
			`[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$`)
)

// unpaired are the regions to whose pair Azure can't copy backups, since they have none.
// Source: Microsoft's list of Azure regions, as for regions (recalled 2026-11).
var unpaired = []string{
	"austriaeast", "belgiumcentral", "chilecentral", "indonesiacentral", "israelcentral", "italynorth", "malaysiawest",
	"mexicocentral",
	"newzealandnorth", "polandcentral", "qatarcentral", "spaincentral",
}

func (c *Config) checkRegions(f *Faults) {
	a := c.Availability
	for key, mark := range map[string]string{"database": c.Security.Rotation.Database,
		"cookie": c.Security.Rotation.Cookie} {
		if !markRule.MatchString(mark) {
			f.add("security.rotation."+key, quoted(mark),
				"must be at most 32 letters, digits, points, hyphens and underscores, such as 2026-11")
		}
	}
	if a.GeoRedundantBackup && slices.Contains(unpaired, c.Location) {
		f.add("availability.geoRedundantBackup", "true", "needs a location that has a paired region, which %s has not",
			c.Location)
	}
	if a.Active != ActivePrimary && a.Active != ActiveSecondary {
		f.add("availability.active", quoted(a.Active), "must be %s or %s", ActivePrimary, ActiveSecondary)
	}
	if a.SecondaryLocation == "" {
		if a.Active == ActiveSecondary {
			f.add("availability.active", quoted(a.Active), "needs availability.secondaryLocation")
		}
		return
	}
	c.checkServices(f, "availability.secondaryLocation", a.SecondaryLocation)
	if _, known := regions[a.SecondaryLocation]; !known {
		f.add("availability.secondaryLocation", quoted(a.SecondaryLocation),
			"must be an Azure region in its short form, such as northeurope")
	}
	if a.SecondaryLocation == c.Location {
		f.add("availability.secondaryLocation", quoted(a.SecondaryLocation), "must be another region than location")
	}
	if databaseTier(c.Database.SKU) == burstableTier {
		f.add("availability.secondaryLocation", quoted(a.SecondaryLocation),
			"needs a database.sku that is not burstable: Azure makes no replica of %s", c.Database.SKU)
	}
	first, second := c.Network.AddressSpace, c.Network.SecondaryAddressSpace
	switch {
	case !isAddressSpace(second):
		f.add("network.secondaryAddressSpace", quoted(second), addressSpaceRule, minNetworkBits, maxNetworkBits,
			"10.21.0.0/16")
	case isAddressSpace(first) && netip.MustParsePrefix(first).Overlaps(netip.MustParsePrefix(second)):
		f.add("network.secondaryAddressSpace", quoted(second),
			"must not overlap network.addressSpace (%s): the two networks reach each other", first)
	}
}

const addressSpaceRule = "must be a private IPv4 block from /%d to /%d outside of 172.30.0.0/15, which Azure keeps " +
	"for itself, such as %s"

// reservedSpace is what neither Container Apps nor AKS takes for a subnet. Source: Microsoft, "Virtual network
// configuration" (Container Apps) and "Configure Azure CNI" (AKS), which name its two halves.
var reservedSpace = netip.MustParsePrefix("172.30.0.0/15")

func isAddressSpace(block string) bool {
	prefix, err := netip.ParsePrefix(block)
	return err == nil && prefix.Addr().Is4() && prefix == prefix.Masked() && prefix.Addr().IsPrivate() &&
		!prefix.Overlaps(reservedSpace) &&
		prefix.Bits() >= minNetworkBits && prefix.Bits() <= maxNetworkBits
}

func (c *Config) checkRestore(f *Faults) {
	r := c.Database.Restore
	if r == (DatabaseRestore{}) {
		return
	}
	if !serverRule.MatchString(r.Server) && !serverIDRule.MatchString(r.Server) {
		f.add("database.restore.server", quoted(r.Server),
			"must be the name of a server in the stack's resource group, or the ARM id of a server")
	}
	if at, err := time.Parse(time.RFC3339, r.Time); err != nil || at.Location() != time.UTC ||
		!timeRule.MatchString(r.Time) {
		f.add("database.restore.time", quoted(r.Time), "must be a time in UTC in the form 2026-11-25T10:00:00Z")
	}
}
