package costs

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// meter is what Azure counts, and how its price list calls that. Names that are "" may be anything, and one with a |
// may be either.
type meter struct {
	unit    string  // of the book
	service string  // serviceName
	product string  // productName
	sku     string  // skuName
	name    string  // meterName
	arm     string  // armSkuName
	listed  string  // unitOfMeasure
	region  string  // what the list has in the place of a region, for what has one price everywhere; "": the region itself
	tier    float64 // tierMinimumUnits: where the price begins that is meant
	times   float64 // units of the list in one of the book; 0 is 1
}

// meterOf finds a meter by its name in the book. Those of machines, database servers and Redis end in Azure's name of
// the size.
func meterOf(name string) (meter, bool) {
	if m, known := meters[name]; known {
		return m, true
	}
	kind, size, _ := strings.Cut(name, "/")
	if size == "" {
		return meter{}, false
	}
	switch kind {
	case "vm":
		return meter{unit: "hour", service: "Virtual Machines", arm: size, listed: "1 Hour"}, true
	case "postgres":
		return server(size)
	case "redis-managed": // each of two nodes counts
		short := strings.TrimPrefix(size, "Balanced_")
		return meter{unit: "hour", service: "Redis Cache", product: "Azure Managed Redis - Balanced", sku: short,
			name: short + " Cache Instance", listed: "1 Hour"}, true
	case "redis-classic":
		// Both nodes; one of them is a "Cache Instance".
		return meter{unit: "hour", service: "Redis Cache", product: "Azure Redis Cache Standard", sku: size,
			name: size + " Cache", listed: "1 Hour"}, true
	default:
		return meter{}, false
	}
}

// server is a size of database servers. The list has a price of each burstable size, of some in capitals, and for every
// other series one of a vCore; of some sizes it has one besides, which is as many times that.
func server(size string) (meter, bool) {
	const product = "Azure Database for PostgreSQL Flexible Server "
	m := meter{unit: "hour", service: "Azure Database for PostgreSQL", listed: "1 Hour"}
	if short, burstable := strings.CutPrefix(size, "Standard_B"); burstable {
		m.product, m.sku = product+"Burstable BS Series Compute", "B"+short+"|B"+strings.ToUpper(short)
		return m, true
	}
	parts := serverRule.FindStringSubmatch(size)
	if parts == nil {
		return meter{}, false
	}
	kind := map[string]string{"D": "General Purpose", "E": "Memory Optimized"}[parts[1]]
	vcores, err := strconv.ParseFloat(parts[2], 64)
	m.product = fmt.Sprintf("%s%s %s%sv%s Series Compute", product, kind, parts[1], parts[3], parts[4])
	m.sku, m.times = "vCore|1 vCore", vcores
	return m, err == nil
}

// serverRule takes a size apart: its family, its vCores, and the rest of its series' name.
var serverRule = regexp.MustCompile(`^Standard_([DE])(\d+)([a-z]+)_v(\d+)$`)

// filter asks the list for a meter's lines in a region.
func (m meter) filter(region string) string {
	text := "priceType eq 'Consumption'"
	for _, f := range []struct{ field, value string }{
		{"armRegionName", region}, {"serviceName", m.service}, {"productName", m.product}, {"skuName", m.sku},
		{"meterName", m.name}, {"armSkuName", m.arm},
	} {
		if f.value == "" {
			continue
		}
		var either []string
		for _, value := range strings.Split(strings.ReplaceAll(f.value, "'", "''"), "|") {
			either = append(either, fmt.Sprintf("%s eq '%s'", f.field, value))
		}
		text += " and (" + strings.Join(either, " or ") + ")"
	}
	return text
}

// other are words in the name of a line that is something else: a licence in the price, capacity that Azure may take
// back, or another service's use of the same size.
var other = []string{"Windows", "Spot", "Low Priority", "Free", "Dev/Test", "Cloud Services", "Dedicated Host"}

// pick finds the price of one unit among the lines of a filter.
func (m meter) pick(items []item) (float64, error) {
	var found []item
	for _, i := range items {
		text := i.ProductName + "|" + i.SkuName + "|" + i.MeterName
		without := true
		for _, word := range other {
			without = without && !strings.Contains(text, word)
		}
		if without && i.Type == "Consumption" && i.CurrencyCode == "USD" &&
			slices.Contains(strings.Split(m.listed, "|"), i.UnitOfMeasure) && i.EffectiveEndDate == "" &&
			i.TierMinimumUnits == m.tier {
			found = append(found, i)
		}
	}
	if len(found) == 0 {
		return 0, fmt.Errorf("none of the %d lines that the list has of it is by %q", len(items), m.listed)
	}
	for _, i := range found[1:] {
		if i.RetailPrice != found[0].RetailPrice {
			return 0, fmt.Errorf("the list has several prices of it: %g (%s) and %g (%s)", found[0].RetailPrice,
				found[0].ProductName+" "+found[0].MeterName, i.RetailPrice, i.ProductName+" "+i.MeterName)
		}
	}
	if found[0].RetailPrice <= 0 {
		return 0, errors.New("the list has it for nothing")
	}
	return found[0].RetailPrice * cmp.Or(m.times, 1), nil
}

// anywhere is a region whose price is everybody's, for what the list has by region and yet for one price.
const anywhere = "westeurope"

// meters are those with one name, by it.
var meters = map[string]meter{
	"disk/P4":  premium("P4"),
	"disk/P6":  premium("P6"),
	"disk/P10": premium("P10"),

	"containerapps/vcpu-second":               apps("second", "Standard vCPU Active Usage", "1 Second"),
	"containerapps/gib-second":                apps("second", "Standard Memory Active Usage", "1 GiB Second"),
	"containerapps/dedicated-management-hour": apps("hour", "Dedicated Plan Management", "1 Hour"),
	"containerapps/dedicated-vcpu-hour":       apps("hour", "Dedicated vCPU Usage", "1 Hour"),
	"containerapps/dedicated-gib-hour":        apps("hour", "Dedicated Memory Usage", "1 Hour|1 GiB Hour"),

	"aks/standard": {unit: "hour", service: "Azure Kubernetes Service", name: "Standard Uptime SLA", listed: "1 Hour"},
	"applicationgateway/standard-v2": {
		unit: "hour", service: "Application Gateway", product: "Application Gateway Standard v2",
		name: "Standard Fixed Cost", listed: "1/Hour",
	},
	"applicationgateway/standard-v2-capacity-unit": {
		unit: "hour", service: "Application Gateway", product: "Application Gateway Standard v2",
		name: "Standard Capacity Units", listed: "1/Hour",
	},
	"loadbalancer/standard": {unit: "hour", service: "Load Balancer", sku: "Standard",
		name: "Standard Included LB Rules and Outbound Rules", listed: "1 Hour|1/Hour", region: "Global"},
	"publicip/standard": {unit: "hour", service: "Virtual Network", product: "IP Addresses",
		name: "Standard IPv4 Static Public IP", listed: "1 Hour"},
	"nat/gateway": {unit: "hour", service: "NAT Gateway", name: "Standard Gateway", listed: "1 Hour",
		region: "Global"},
	"bastion/standard": {unit: "hour", service: "Azure Bastion", name: "Standard Gateway", listed: "1 Hour"},
	"privateendpoint": {unit: "hour", service: "Virtual Network", product: "Virtual Network Private Link",
		name: "Standard Private Endpoint", listed: "1 Hour", region: "Global"},

	"frontdoor/standard": {unit: "month", service: "Azure Front Door Service", name: "Standard Base Fees",
		listed: "1/Month", region: "Zone 1"},
	"trafficmanager/external-endpoint": {unit: "month", service: "Traffic Manager",
		name: "Non-Azure Endpoint Health Checks", listed: "1", region: "Global"},
	"trafficmanager/external-endpoint-fast": {
		unit: "month", service: "Traffic Manager", name: "Non-Azure Endpoint Fast Interval Health Check Add-ons",
		listed: "1", region: "Global",
	},
	"ddos/ip": {unit: "month", service: "Azure DDOS Protection", name: "IP Protection Resource", listed: "1/Month",
		region: anywhere},
	"ddos/network": {unit: "month", service: "Azure DDOS Protection", name: "Network Protection Plan",
		listed: "1/Month", region: anywhere},

	"vmbackup/instance-medium": {unit: "month", service: "Backup", product: "Backup",
		name: "Azure VM Protected Instance|Azure VM Protected Instances", listed: "1/Month"},
	"vmbackup/lrs-gb": backup("LRS Data Stored"),
	"vmbackup/zrs-gb": backup("ZRS Data Stored"),
	"vmbackup/grs-gb": backup("RA-GRS Data Stored"), // with restore in the other region
	"snapshot/standard-lrs-gb": {
		unit: "GB-month", service: "Storage", product: "Standard HDD Managed Disks", sku: "Snapshots LRS",
		name: "LRS Snapshots", listed: "1 GB/Month",
	},

	"postgres/storage-gib": {
		unit: "GiB-month", service: "Azure Database for PostgreSQL",
		product: "Azure Database for PostgreSQL Flex Server Storage|Az DB for PostgreSQL Flexible Server Storage",
		name:    "Storage Data Stored", listed: "1 GB/Month",
	},
	"containerregistry/standard": {unit: "day", service: "Container Registry", product: "Container Registry",
		name: "Standard Registry Unit", listed: "1/Day"},
	"keyvault/10k-operations": {unit: "10k", service: "Key Vault", product: "Key Vault", sku: "Standard",
		name: "Operations", listed: "10K"},
	"dns/zone": {unit: "month", service: "Azure DNS", name: "Public Zone", listed: "1",
		region: "Zone 1"},
	"privatedns/zone": {unit: "month", service: "Azure DNS", name: "Private Zone", listed: "1",
		region: "Zone 1"},
	"storage/lrs-gb": {
		unit: "GB-month", service: "Storage", product: "General Block Blob v2", sku: "Hot LRS",
		name: "Hot LRS Data Stored", listed: "1 GB/Month",
	},

	"loganalytics/gb": {unit: "GB", service: "Log Analytics", sku: "Analytics Logs",
		name: "Analytics Logs Data Ingestion|Analytics Logs Data Analyzed", listed: "1 GB", tier: 5},
	"loganalytics/retention-gb": {unit: "GB-month", service: "Log Analytics", sku: "Analytics Logs",
		name: "Analytics Logs Data Retention", listed: "1 GB/Month|1 GB"},
	"monitor/metric-alert": {unit: "month", service: "Azure Monitor", name: "Alerts Metric Monitored",
		listed: "1/Month", region: anywhere, tier: 10},
	"monitor/query-alert-5m": {unit: "month", service: "Azure Monitor",
		name: "Alerts System Log Monitored at 5 Minute Frequency", listed: "1/Month", region: anywhere},
	"monitor/query-alert-15m": {unit: "month", service: "Azure Monitor",
		name: "Alerts System Log Monitored at 15 Minute Frequency", listed: "1/Month", region: anywhere},
}

func premium(size string) meter {
	return meter{unit: "month", service: "Storage", product: "Premium SSD Managed Disks", sku: size + " LRS",
		name: size + " LRS Disk", listed: "1/Month"}
}

func apps(unit, name, listed string) meter {
	return meter{unit: unit, service: "Azure Container Apps", name: name, listed: listed}
}

func backup(name string) meter {
	return meter{unit: "GB-month", service: "Backup", product: "Backup", sku: "Standard",
		name: "Standard " + name + "|" + name, listed: "1 GB/Month"}
}
