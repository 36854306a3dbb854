package stacks

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/standin"
)

// plainName is a resource's name without its region.
func (n node) plainName() string { return strings.TrimPrefix(n.Name, secondaryPrefix) }

var number = regexp.MustCompile(`\d+`)

// role is the name without region and numbers: what all resources of one purpose share.
func (n node) role() string { return number.ReplaceAllString(n.plainName(), "#") }

// options are what Pulumi is told about a resource, beyond what protects it.
type options struct {
	ignored, replacing        string // input paths, separated by spaces
	deletedFirst, leftInPlace bool
}

// Where a resource is decides about its loss: an edit must not replace it.
const (
	inPlaceGroup = "resourceGroupName location"
	inPlaceNSG   = "resourceGroupName networkSecurityGroupName location"
	inPlaceSub   = "resourceGroupName virtualNetworkName subnetName"
	inPlaceDB    = "resourceGroupName serverName location createMode sourceServerResourceId " +
		"network.delegatedSubnetResourceId network.privateDnsZoneArmResourceId availabilityZone"
)

// optionsOf are those of each kind of resource that has any. The rest have none.
var optionsOf = map[string]options{
	"resources:ResourceGroup base-group":            {ignored: inPlaceGroup},
	"resources:ResourceGroup hivemq-backup-group":   {leftInPlace: true}, // with its snapshots
	"random:index/randomString:RandomString":        {},
	"keyvault:Vault":                                {ignored: "resourceGroupName vaultName location"},
	"operationalinsights:Workspace":                 {ignored: "resourceGroupName workspaceName location"},
	"network:Zone":                                  {ignored: "resourceGroupName zoneName"},
	"network:NetworkSecurityGroup":                  {ignored: inPlaceNSG},
	"network:Subnet":                                {ignored: inPlaceSub},
	"network:PrivateZone database-zone":             {ignored: "resourceGroupName privateZoneName"},
	"network:VirtualNetworkLink database-zone-link": {ignored: "resourceGroupName privateZoneName virtualNetwork"},
	// Azure echoes what is in these, and a promotion or a failover changes the last ones.
	"network:VirtualNetwork":                   {ignored: "resourceGroupName virtualNetworkName location subnets"},
	"network:Profile":                          {ignored: "endpoints"},
	"containerservice:ManagedCluster":          {ignored: "agentPoolProfiles"},
	"dbforpostgresql:VirtualEndpoint":          {ignored: "members"},
	"dbforpostgresql:Server of another region": {ignored: inPlaceDB},
	"dbforpostgresql:Server": {ignored: inPlaceDB + " administratorLogin pointInTimeUTC " +
		"backup.geoRedundantBackup"},
	"dbforpostgresql:Configuration": {ignored: "resourceGroupName serverName configurationName"},
	"dbforpostgresql:Database":      {ignored: "resourceGroupName serverName databaseName charset collation"},
	// Azure Resource Manager deletes no secrets, and who deploys has no role at the vault.
	"keyvault:Secret":                   {leftInPlace: true},
	"keyvault:Secret with a random end": {leftInPlace: true, ignored: "secretName"},
	"compute:Disk": {
		ignored: "resourceGroupName diskName location zones creationData", replacing: "zones", deletedFirst: true,
	},
	"compute:VirtualMachine": {deletedFirst: true, replacing: "zones networkProfile " +
		"osProfile.adminUsername osProfile.computerName " +
		"osProfile.customData " +
		"osProfile.linuxConfiguration.disablePasswordAuthentication osProfile.linuxConfiguration.ssh " +
		"securityProfile.securityType storageProfile.imageReference " +
		"storageProfile.osDisk.name storageProfile.osDisk.createOption storageProfile.osDisk.managedDisk"},
	// What is on a machine or a cluster comes back under its name, and is not to be deleted then as the old one.
	"compute:VirtualMachineExtension":                  {deletedFirst: true},
	"compute:VirtualMachineRunCommandByVirtualMachine": {deletedFirst: true},
	"insights:DataCollectionRuleAssociation":           {deletedFirst: true},
	// A vault must not have the machine before the old one has let it go.
	"recoveryservices:Vault":            {deletedFirst: true},
	"recoveryservices:ProtectionPolicy": {deletedFirst: true},
	"recoveryservices:ProtectedItem":    {deletedFirst: true},
}

func wantedOptions(n node) options {
	switch {
	case n.plainName() == "base-suffix":
		return options{ignored: "keepers"}
	case n.kind == "keyvault:Secret" &&
		!slices.Contains([]string{"database-admin-secret", "database-broker-secret"}, n.Name):
		return optionsOf["keyvault:Secret with a random end"]
	case n.kind == "dbforpostgresql:Server" && n.text("createMode") == "Replica":
		return optionsOf["dbforpostgresql:Server of another region"]
	}
	if of, single := optionsOf[n.kind+" "+n.plainName()]; single {
		return of
	}
	return optionsOf[n.kind]
}

func TestWhatPulumiIsToldAboutAResourceIsWhatAzureCanDoWithIt(t *testing.T) {
	sorted := func(paths []string) string {
		paths = slices.Sorted(slices.Values(paths))
		return strings.Join(paths, " ")
	}
	for name, resources := range shippedResources(t) {
		for _, n := range newEstate(resources) {
			want := wantedOptions(n)
			want.ignored, want.replacing = sorted(strings.Fields(want.ignored)), sorted(strings.Fields(want.replacing))
			have := options{sorted(n.IgnoreChanges), sorted(n.ReplaceOnChanges), n.DeleteBeforeReplace, n.RetainOnDelete}
			if have != want {
				t.Errorf("%s: %s (%s) has the options\n%+v, want\n%+v", name, n.Name, n.kind, have, want)
			}
		}
	}
}

func TestAChangeThatAzureRefusesIsAReplacementOrIgnored(t *testing.T) {
	looked := 0
	for name, resources := range shippedResources(t) {
		for _, n := range newEstate(resources).azure() {
			for _, path := range standin.RefusedChanges(n.Type) {
				if n.at(strings.Split(path, ".")...) == nil {
					continue
				}
				looked++
				if !slices.Contains(n.ReplaceOnChanges, path) && !slices.Contains(n.IgnoreChanges, path) {
					t.Errorf("%s: Pulumi would try to change %s of %s in place", name, path, n.Name)
				}
			}
		}
	}
	if looked == 0 {
		t.Error("nothing was looked at")
	}
}

// protectedInProd is all that a production stack protects, by name.
var protectedInProd = strings.Fields(`base-group base-suffix vault-vault zone-zone
	monitoring-workspace monitoring-clients-workspace
	network-vnet network-database network-database-nsg network-endpoints network-endpoints-nsg
	database-server database-database database-extensions database-zone database-zone-link
	database-admin-secret database-broker-secret`)

func TestWhatIsProtectedIsWhatAnEditMustNotDelete(t *testing.T) {
	for name, resources := range shippedResources(t) {
		for _, n := range newEstate(resources) {
			// The replica's copies of the passwords have names of their own each time.
			copied := n.secondary() && n.kind == "keyvault:Secret"
			want := (rule{prodOnly: true}).appliesTo(name) && slices.Contains(protectedInProd, n.plainName()) && !copied
			if n.Custom && n.Protect != want {
				t.Errorf("%s: %s (%s) is protected: %v", name, n.Name, n.kind, n.Protect)
			}
		}
	}
}
