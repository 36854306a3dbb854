package stacks

import (
	"regexp"
	"strings"
)

// databaseSizes are the sizes of PostgreSQL flexible servers with at most 96 vCPUs. Source: Microsoft, "Compute options
// in Azure Database for PostgreSQL" (learn.microsoft.com/azure/postgresql/compute-storage/concepts-compute), recalled
// 2026-11; a series that is newer than the sixth is taken for one of its kind.
var databaseSizes = regexp.MustCompile(`^Standard_(?:` + strings.Join([]string{
	`B(?:1ms|2s|(?:2|4|8|12|16|20)ms)`,
	`D(?:2|4|8|16|32|48|64)(?:s_v3|ds_v4)`, `D(?:2|4|8|16|32|48|64|96)a?ds_v[5-9]`,
	`E(?:2|4|8|16|20|32|48|64)(?:s_v3|ds_v4)`, `E(?:2|4|8|16|20|32|48|64|96)[ab]?ds_v[5-9]`,
}, "|") + `)$`)

// databaseTiers are the tiers of PostgreSQL flexible servers by the letter of their sizes.
var databaseTiers = map[string]string{"B": burstableTier, "D": "GeneralPurpose", "E": "MemoryOptimized"}

const burstableTier = "Burstable"

// databaseTier is the tier of a size, "" for what is no size.
func databaseTier(sku string) string {
	if !databaseSizes.MatchString(sku) {
		return ""
	}
	return databaseTiers[sku[len("Standard_"):][:1]]
}

// machineSizes are the series of the D, E and F sizes that take Premium SSD and have x64 processors and all of their
// memory, each with its numbers of vCPUs up to 96. Source: Microsoft, "Sizes for virtual machines in Azure"
// (learn.microsoft.com/azure/virtual-machines/sizes), recalled 2026-11; a series that is newer than the sixth is taken
// for one of its kind.
var machineSizes = regexp.MustCompile(`^Standard_(?:` + strings.Join([]string{
	`D(?:2|4|8|16|32|48|64)d?s_v[34]`, `D(?:2|4|8|16|32|48|64|96)(?:as_v4|a?d?s_v[5-9])`,
	`E(?:2|4|8|16|20|32|48|64)d?s_v[34]`, `E(?:2|4|8|16|20|32|48|64|96)(?:as_v4|[ab]?d?s_v[5-9])`,
	`F(?:1|2|4|8|16)s`, `F(?:2|4|8|16|32|48|64|72)s_v2`, `F(?:2|4|8|16|32|48|64)am?d?s_v[6-9]`,
}, "|") + `)$`)
