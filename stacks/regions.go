package stacks

import "slices"

// regions lists the public Azure regions, and whether each has availability zones.
// Source: Microsoft's list of Azure regions, learn.microsoft.com/azure/reliability/regions-list (recalled 2026-11; a
// region that is missing here is a fault, so that a misspelt one is never deployed to).
var regions = map[string]bool{
	"australiacentral": false, "australiaeast": true, "australiasoutheast": false, "austriaeast": true,
	"belgiumcentral": true,
	"brazilsouth":    true, "brazilsoutheast": false, "canadacentral": true, "canadaeast": false, "centralindia": true,
	"centralus": true, "chilecentral": true, "eastasia": true, "eastus": true, "eastus2": true, "francecentral": true,
	"francesouth": false, "germanynorth": false, "germanywestcentral": true, "indonesiacentral": true,
	"israelcentral": true,
	"italynorth":    true, "japaneast": true, "japanwest": true, "koreacentral": true, "koreasouth": false,
	"malaysiawest":  true,
	"mexicocentral": true, "newzealandnorth": true, "northcentralus": false, "northeurope": true, "norwayeast": true,
	"norwaywest": false, "polandcentral": true, "qatarcentral": true, "southafricanorth": true, "southafricawest": false,
	"southcentralus": true, "southeastasia": true, "southindia": false, "spaincentral": true, "swedencentral": true,
	"switzerlandnorth": true, "switzerlandwest": false, "uaecentral": false, "uaenorth": true, "uksouth": true,
	"ukwest":        false,
	"westcentralus": false, "westeurope": true, "westindia": false, "westus": false, "westus2": true, "westus3": true,
}

// onRequest are the regions that Azure opens to a subscription on request only, for recovery inside of a country.
// Source: as above, where a sign marks them (recalled 2026-11).
var onRequest = []string{
	"brazilsoutheast", "francesouth", "germanynorth", "norwaywest", "southafricawest", "switzerlandwest", "uaecentral",
}

// withoutContainerApps are regions that Azure's own lists for Microsoft.App/managedEnvironments lack. Source: replies
// of Azure in Azure/azure-cli-extensions #8163 and microsoft/aspire #12303; others may lack it too.
var withoutContainerApps = []string{"brazilsoutheast", "francesouth", "germanynorth", "norwaywest", "westindia"}

// checkServices asks whether a region has what the broker runs on.
func (c *Config) checkServices(f *Faults, key, region string) {
	if c.Broker == EMQXContainerApps && slices.Contains(withoutContainerApps, region) {
		f.add(key, quoted(region), "must be a region that has Container Apps, or take another broker: `az provider show "+
			"--namespace Microsoft.App --query \"resourceTypes[?resourceType=='managedEnvironments'].locations\"` lists them")
	}
}

// cautions are what may keep a plan from being deployed, as far as only Azure knows.
func (p Plan) cautions() []string {
	var said []string
	for _, region := range []string{p.Location, p.summary().SecondaryLocation} {
		if slices.Contains(onRequest, region) {
			said = append(said, "Region: Azure opens "+region+" to a subscription on request only; "+
				"`az account list-locations --query \"[].name\"` lists those that yours has.")
		}
	}
	return said
}
