package stacks

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
