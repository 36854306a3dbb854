package stacks

import (
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/amora-sync/mqtt-on-azure/internal/azurenative"
	"github.com/amora-sync/mqtt-on-azure/internal/costs"
	"github.com/amora-sync/mqtt-on-azure/internal/pulumitest"
)

// free are the types of resources that have no price of their own, and why.
var free = map[string]string{
	"authorization:ManagementLockByScope": "free", "authorization:RoleAssignment": "free",
	"cache:Database":      "in the price of its Redis",
	"cdn:AFDCustomDomain": "in the price of its profile", "cdn:AFDEndpoint": "in the price of its profile",
	"cdn:AFDOrigin":      "in the price of its profile",
	"cdn:AFDOriginGroup": "in the price of its profile", "cdn:Route": "in the price of its profile",
	"cdn:SecurityPolicy": "in the price of its profile", "network:Policy": "rules of one's own are in the profile's price",
	"compute:VirtualMachineExtension": "free", "compute:VirtualMachineRunCommandByVirtualMachine": "free",
	"containerservice:MaintenanceConfiguration": "free",
	"dbforpostgresql:Configuration":             "free", "dbforpostgresql:Database": "in the price of its server",
	"dbforpostgresql:VirtualEndpoint": "free",
	"insights:ActionGroup":            "the first 1,000 e-mails of a month are free",
	"insights:Component":              "what it takes is priced with its workspace",
	"insights:DataCollectionRule":     "free", "insights:DataCollectionRuleAssociation": "free",
	"insights:DiagnosticSetting": "what it sends is priced with its workspace",
	"insights:Workbook":          "free", "keyvault:Secret": "reads are priced with the vault",
	"kubernetesconfiguration:Extension": "Flux is free", "kubernetesconfiguration:FluxConfiguration": "free",
	"managedidentity:FederatedIdentityCredential": "free", "managedidentity:UserAssignedIdentity": "free",
	"network:NetworkInterface": "free", "network:NetworkSecurityGroup": "free", "network:PrivateDnsZoneGroup": "free",
	"network:Profile":   "priced by its endpoints and queries",
	"network:RecordSet": "free", "network:Subnet": "free", "network:VirtualNetwork": "free",
	"network:VirtualNetworkLink":        "free",
	"network:VirtualNetworkPeering":     "by the GB, listed as not priced",
	"recoveryservices:ProtectionPolicy": "free", "recoveryservices:Vault": "priced by what it protects",
	"resources:AzureCliScript": "a container for a minute, at a first deployment: less than a cent",
	"resources:ResourceGroup":  "free",
	"storage:Blob":             "priced with its account", "storage:BlobContainer": "free",
	"storage:BlobServiceProperties":  "free",
	"storage:ManagementPolicy":       "free",
	"azureactivedirectory:B2CTenant": "by users, the first 50,000 of a month are free",
}

// everyStack is each shipped stack, and others that have what those don't.
func everyStack() map[string]struct {
	stack   string
	changes map[string]string
} {
	all := maps.Clone(deployments)
	add := func(name, stack string, changes map[string]string) {
		all[name] = struct {
			stack   string
			changes map[string]string
		}{stack, changes}
	}
	for name, changes := range inTwoRegions {
		add(name, "prod", changes)
	}
	add("at the peak", "prod",
		map[string]string{"emqx": `{"vcpu":2,"peak":{"timezone":"UTC","start":"0 6 * * *","end":"0 20 * * *"}}`})
	add("on hosts of its own", "prod", map[string]string{"emqx": `{"vcpu":2,"profile":"Dedicated"}`})
	add("classic Redis", "dev", map[string]string{"redis": `{"service":"classic","sku":"C1"}`})
	add("behind a plan", "dev", map[string]string{"security": `{"ddos":"network"}`})
	add("two regions behind one plan", "prod",
		map[string]string{"availability": besideEurope, "security": `{"ddos":"network","deployFrom":["203.0.113.0/28"]}`})
	add("without monitoring", "dev", map[string]string{"monitoring": `{"enabled":false}`})
	add("with a directory", "dev",
		map[string]string{"security": `{"identity":{"provider":"b2c","tenant":"contoso",` +
			`"tenantId":"00000000-0000-0000-0000-000000000003","clientId":"00000000-0000-0000-0000-000000000004",` +
			`"policy":"B2C_1_signin","create":true,"countryCode":"DE","dataLocation":"Europe"}}`})
	return all
}

func parsed(t *testing.T, stack string, changes map[string]string) Config {
	t.Helper()
	raw := stackConfig(t, stack)
	for key, value := range changes {
		raw[namespace+key] = value
	}
	c, err := Parse(stack, raw)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func inventoryOf(t *testing.T, stack string, changes map[string]string) costs.Inventory {
	t.Helper()
	c := parsed(t, stack, changes)
	inventory, err := NewPlan(stack, c).Inventory()
	if err != nil {
		t.Fatal(err)
	}
	return inventory
}

func TestTheInventoryCountsEveryResourceThatHasAPrice(t *testing.T) {
	seen := map[string]bool{}
	for name, d := range everyStack() {
		t.Run(name, func(t *testing.T) {
			counted, priced := map[string]int{}, map[string]bool{}
			for _, r := range inventoryOf(t, d.stack, d.changes).Resources {
				counted[r.Type] += r.Count
				priced[r.Type] = true
			}
			registered := map[string]int{}
			for _, r := range deployed(t, d.stack, d.changes) {
				if kind := azurenative.Kind(r.Type); kind != "" {
					registered[kind]++
				}
			}
			for kind, n := range registered {
				seen[kind] = true
				_, isFree := free[kind]
				switch {
				case !isFree && !priced[kind]:
					t.Errorf("%s is neither priced nor listed as free", kind)
				case !isFree && counted[kind] != n:
					t.Errorf("the stack has %d of %s, and the inventory %d", n, kind, counted[kind])
				}
			}
			for kind, n := range counted {
				if n > 0 && registered[kind] == 0 {
					t.Errorf("the inventory has %d of %s, and the stack none", n, kind)
				}
			}
		})
	}
	for kind := range free {
		if !seen[kind] {
			t.Errorf("%s is listed as free, and no stack has it", kind)
		}
	}
}

// metered adds up, by meter, what the inputs of resources say that the least is of what has a size.
func metered(resources []pulumitest.Resource, brokers int) map[string]float64 {
	sum := map[string]float64{}
	at := func(v resource.PropertyValue, path ...string) resource.PropertyValue {
		for _, key := range path {
			if v.IsSecret() {
				v = v.SecretValue().Element
			}
			if !v.IsObject() {
				return resource.NewNullProperty()
			}
			v = v.ObjectValue()[resource.PropertyKey(key)]
		}
		return v
	}
	number := func(v resource.PropertyValue) float64 {
		if v.IsNumber() {
			return v.NumberValue()
		}
		return 0
	}
	for _, r := range resources {
		in := resource.NewObjectProperty(r.Inputs)
		switch azurenative.Kind(r.Type) {
		case "compute:VirtualMachine":
			sum["vm/"+at(in, "hardwareProfile", "vmSize").StringValue()] += hours
			sum[diskMeter(int(number(at(in, "storageProfile", "osDisk", "diskSizeGB"))))]++
		case "compute:Disk":
			sum[diskMeter(int(number(at(in, "diskSizeGB"))))]++
		case "containerservice:AgentPool":
			n := number(at(in, "minCount"))
			sum["vm/"+at(in, "vmSize").StringValue()] += n * hours
			sum[diskMeter(int(number(at(in, "osDiskSizeGB"))))] += n
		case "containerservice:ManagedCluster":
			for _, pool := range at(in, "agentPoolProfiles").ArrayValue() {
				n := number(at(pool, "minCount"))
				sum["vm/"+at(pool, "vmSize").StringValue()] += n * hours
				sum[diskMeter(int(number(at(pool, "osDiskSizeGB"))))] += n
			}
			sum["disk/P10"] += float64(brokers) // their volumes, which the operator makes
		case "app:ContainerApp":
			if at(in, "workloadProfileName").StringValue() != "Consumption" {
				sum["containerapps/dedicated-vcpu-hour"] += 4 * hours // a D4
				continue
			}
			for _, container := range at(in, "template", "containers").ArrayValue() {
				cpu := number(at(container, "resources", "cpu"))
				if at(container, "resources").IsNull() {
					cpu = 0.5 // Azure's default
				}
				sum["containerapps/vcpu-second"] += cpu * number(at(in, "template", "scale", "minReplicas")) * seconds
			}
		case "dbforpostgresql:Server":
			servers := 1.0
			if at(in, "highAvailability", "mode").IsString() && at(in, "highAvailability", "mode").
				StringValue() == "ZoneRedundant" {
				servers = 2
			}
			sum["postgres/"+at(in, "sku", "name").StringValue()] += servers * hours
			sum["postgres/storage-gib"] += servers * number(at(in, "storage", "storageSizeGB"))
		case "cache:RedisEnterprise":
			copies := 2.0
			if v := at(in, "highAvailability"); v.IsString() && v.StringValue() == "Disabled" {
				copies = 1
			}
			sum["redis-managed/"+at(in, "sku", "name").StringValue()] += copies * hours
		case "network:ApplicationGateway":
			sum["applicationgateway/standard-v2-capacity-unit"] += number(at(in, "autoscaleConfiguration",
				"minCapacity")) * unitsPerInstance * hours
		}
	}
	return sum
}

func TestTheInventoryHasTheSizesThatAreDeployed(t *testing.T) {
	for name, d := range everyStack() {
		t.Run(name, func(t *testing.T) {
			want := metered(deployed(t, d.stack, d.changes), parsed(t, d.stack, d.changes).Capacity.MinNodes)
			got := map[string]float64{}
			for _, r := range inventoryOf(t, d.stack, d.changes).Resources {
				if r.Type == "app:Job" {
					continue // runs by a schedule
				}
				for _, q := range r.Quantities {
					got[q.Meter] += q.Low
				}
			}
			for _, meter := range slices.Sorted(maps.Keys(want)) {
				if math.Abs(got[meter]-want[meter]) > 0.01 {
					t.Errorf("%s: the inventory has %.2f, the stack %.2f", meter, got[meter], want[meter])
				}
			}
			if len(want) < 3 {
				t.Errorf("only %v has a size: the test looks at nothing", want)
			}
		})
	}
}
