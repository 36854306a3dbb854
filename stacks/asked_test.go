package stacks

import (
	"reflect"
	"strings"
	"testing"
)

const vernemqKey = `{"sshKey":"` + sshKey + `"}`

type (
	edits  map[string]string
	inputs map[string][]any // by "resource path", with paths as in settings
)

// asked are edits of the production stack's config, and the inputs that they are for.
var asked = []struct {
	edits
	inputs
}{
	{edits{"availability": `{"zones":[1,2,3],"databaseHA":true,"backupRetentionDays":21,"geoRedundantBackup":true}`},
		inputs{
			"database-server backup.backupRetentionDays":               is(21.0),
			"database-server backup.geoRedundantBackup":                is("Enabled"),
			"database-server highAvailability.mode":                    is("ZoneRedundant"),
			"database-server highAvailability.standbyAvailabilityZone": is("2"),
			"database-server createMode":                               is("Create"),
			"database-server authConfig.passwordAuth":                  is("Enabled"),
			"database-server authConfig.activeDirectoryAuth":           is("Disabled"),
			"database-server sourceServerResourceId":                   is(nil),
		}},
	{edits{"availability": `{"zones":[1]}`}, inputs{
		"database-server backup.geoRedundantBackup": is("Disabled"),
		"database-server availabilityZone":          is("1"),
		"emqx-environment zoneRedundant":            is(false),
	}},
	{edits{"database": `{"sku":"Standard_D8ds_v5","storageGb":512,"version":"15"}`}, inputs{
		"database-server sku.name":              is("Standard_D8ds_v5"),
		"database-server sku.tier":              is("GeneralPurpose"),
		"database-server storage.storageSizeGB": is(512.0),
		"database-server version":               is("15"),
	}},
	{edits{"database": `{"restore":{"server":"amora-old","time":"2026-11-25T10:00:00Z"}}`}, inputs{
		"database-server createMode":     is("PointInTimeRestore"),
		"database-server pointInTimeUTC": is("2026-11-25T10:00:00Z"),
	}},
	{edits{"broker": VerneMQVMs, "vernemq": vernemqKey,
		"availability": `{"zones":[1,2,3],"databaseHA":true,"backupRetentionDays":21,"diskBackup":true}`}, inputs{
		"storage-blobs deleteRetentionPolicy.days":                                         is(21.0),
		"storage-blobs containerDeleteRetentionPolicy.days":                                is(21.0),
		"backup-0-policy properties.retentionPolicy.dailySchedule.retentionDuration.count": is(21.0),
		"backup-0-vault properties.redundancySettings.standardTierStorageRedundancy": is(
			"ZoneRedundant"),
		"storage-lifecycle policy.rules[].definition.actions.version.delete.daysAfterCreationGreaterThan": is(21.0),
	}},
	{edits{"broker": VerneMQVMs, "vernemq": vernemqKey,
		"availability": `{"zones":[1,2,3],"databaseHA":true,"diskBackup":true,"geoRedundantBackup":true}`}, inputs{
		"backup-0-vault properties.redundancySettings.standardTierStorageRedundancy": is("GeoRedundant"),
		"backup-0-vault properties.redundancySettings.crossRegionRestore":            is("Enabled"),
	}},
	{edits{"broker": VerneMQVMs, "vernemq": vernemqKey,
		"security": `{"ddos":"ip","deployFrom":["203.0.113.0/28"]}`}, inputs{
		"vernemq-address ddosSettings.protectionMode":               is("Enabled"),
		"vernemq-nat-address ddosSettings.protectionMode":           is(nil),
		"storage-account networkRuleSet.ipRules[].iPAddressOrRange": is("203.0.113.0/28"),
		"storage-account publicNetworkAccess":                       is("Enabled"),
	}},
	{edits{"broker": VerneMQVMs, "vernemq": vernemqKey, "security": `{"deployFrom":["network"]}`}, inputs{
		"storage-account publicNetworkAccess":          is("Disabled"),
		"storage-account networkRuleSet.defaultAction": is("Deny"),
	}},
	{edits{"broker": HiveMQAKS, "hivemq": `{"trial":true}`,
		"security": `{"ddos":"ip","deployFrom":["203.0.113.0/28"]}`}, inputs{
		"gateway-address ddosSettings.protectionMode": is("Enabled"),
	}},
	{edits{"security": `{"ddos":"network"}`}, inputs{
		"network-vnet enableDdosProtection": is(true), "network-vnet ddosProtectionPlan.id": is("/id/network-ddos-plan"),
	}},
	{edits{"security": `{"rotation":{"database":"2026-11","cookie":"2026-12"}}`}, inputs{
		"database-admin-password keepers.rotation":  is("2026-11"),
		"database-broker-password keepers.rotation": is("2026-11"),
		"emqx-erlang-cookie keepers.rotation":       is("2026-12"),
		"emqx-dashboard-password keepers":           is(nil),
	}},
	{edits{"redis": `{"service":"classic"}`}, inputs{
		"rules-redis sku.name": is("Standard"), "rules-redis sku.capacity": is(1.0),
		"rules-redis enableNonSslPort":  is(false),
		"rules-redis minimumTlsVersion": is("1.2"), "rules-redis publicNetworkAccess": is("Disabled"),
		"rules-zone privateZoneName":                                is("privatelink.redis.cache.windows.net"),
		"rules-endpoint privateLinkServiceConnections[].groupIds[]": is("redisCache"),
	}},
	{edits{"emqx": `{"profile":"Dedicated","vcpu":3}`}, inputs{
		"emqx-environment workloadProfiles[].workloadProfileType": is("Consumption", "D4"),
		"emqx-emqx-0 workloadProfileName":                         is("nodes"),
		"emqx-edge workloadProfileName":                           is("Consumption"),
		"emqx-emqx-0 template.containers[].resources.cpu":         is(3.0),
		"emqx-emqx-0 template.containers[].resources.memory":      is("6Gi"),
	}},
	{edits{"emqx": `{"peak":{"timezone":"Europe/Berlin","start":"0 6 * * 1-5","end":"0 20 * * 1-5"}}`,
		"capacity": `{"minNodes":3,"maxNodes":4}`}, inputs{
		"emqx-emqx-2 template.scale.minReplicas":                             is(1.0),
		"emqx-emqx-3 template.scale.minReplicas":                             is(0.0),
		"emqx-emqx-3 template.scale.maxReplicas":                             is(1.0),
		"emqx-emqx-3 template.scale.rules[].custom.type":                     is("cron"),
		"emqx-emqx-3 template.scale.rules[].custom.metadata.start":           is("0 6 * * 1-5"),
		"emqx-emqx-3 template.scale.rules[].custom.metadata.end":             is("0 20 * * 1-5"),
		"emqx-emqx-3 template.scale.rules[].custom.metadata.timezone":        is("Europe/Berlin"),
		"emqx-emqx-3 template.scale.rules[].custom.metadata.desiredReplicas": is("1"),
	}},
	{edits{"monitoring": `{"retentionDays":90,"dailyQuotaGb":3,"alertEmails":["a@example.com"]}`}, inputs{
		"monitoring-workspace retentionInDays":                    is(90.0),
		"monitoring-clients-workspace retentionInDays":            is(90.0),
		"monitoring-workspace workspaceCapping.dailyQuotaGb":      is(3.0),
		"monitoring-people emailReceivers[].emailAddress":         is("a@example.com"),
		"monitoring-people emailReceivers[].useCommonAlertSchema": is(true),
	}},
}

func TestWhatTheConfigAsksForIsWhatAzureIsAskedFor(t *testing.T) {
	for _, c := range asked {
		byName := map[string]node{}
		for _, n := range newEstate(deployed(t, "prod", c.edits)) {
			byName[n.Name] = n
		}
		for input, want := range c.inputs {
			name, path, _ := strings.Cut(input, " ")
			n, there := byName[name]
			if have := valuesAt(n.in, strings.Split(path, ".")); !there || !reflect.DeepEqual(have, want) {
				t.Errorf("%v: %s of %s is %v, not %v", c.edits, path, name, have, want)
			}
		}
	}
}
