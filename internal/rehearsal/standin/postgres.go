package standin

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

const postgresDelegation = "Microsoft.DBforPostgreSQL/flexibleServers"

// postgresStorage are the sizes there are (GiB).
var postgresStorage = []float64{32, 64, 128, 256, 512, 1024, 2048, 4095, 4096, 8192, 16384, 32767}

var postgresKinds = []*kind{
	{
		token: "dbforpostgresql:Server", arm: "Microsoft.DBforPostgreSQL/flexibleServers",
		path: []string{"serverName"}, located: true, global: true, latency: 7 * time.Minute,
		naming: naming{pattern: regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$`),
			rule: "3 to 63 lower-case letters, digits and hyphens, with no hyphen at either end"},
		fixed: []string{"administratorLogin", "createMode", "sourceServerResourceId", "pointInTimeUTC", "availabilityZone",
			"network.delegatedSubnetResourceId", "network.privateDnsZoneArmResourceId", "backup.geoRedundantBackup"},
		writeOnly: []string{"administratorLoginPassword", "createMode", "pointInTimeUTC"},
		enums: map[string][]string{
			"sku.tier":              {"Burstable", "GeneralPurpose", "MemoryOptimized"},
			"version":               {"11", "12", "13", "14", "15", "16", "17"},
			"highAvailability.mode": {"Disabled", "SameZone", "ZoneRedundant"},
		},
		check: checkPostgres, admit: admitPostgres,
		compute: func(_ *World, r *Resource) map[string]any {
			return map[string]any{"fullyQualifiedDomainName": strings.ToLower(r.name()) +
				".postgres.database.azure.com", "state": "Ready", "minorVersion": "4"}
		},
		brings: restoredDatabases, release: followed,
		taken: func(string, bool) error {
			return refusal("ServerNameAlreadyExists", "Specified server name is already used.")
		},
	},
	{
		token: "dbforpostgresql:Database", arm: "Microsoft.DBforPostgreSQL/flexibleServers/databases",
		path: []string{"serverName", "databaseName"}, fixed: []string{"charset", "collation"}, latency: 15 * time.Second,
		naming: naming{pattern: regexp.MustCompile(`^[A-Za-z_][\w-]{0,62}$`),
			rule: "1 to 63 letters, digits, hyphens and underscores, starting with a letter or underscore", auto: autoCopy},
	},
	{
		token: "dbforpostgresql:Configuration", arm: "Microsoft.DBforPostgreSQL/flexibleServers/configurations",
		path: []string{"serverName", "configurationName"}, latency: 20 * time.Second,
		naming: naming{pattern: regexp.MustCompile(`^[a-z0-9_.]+$`), rule: "a server parameter", auto: autoCopy},
	},
}

func checkPostgres(in props) []fault {
	var faults []fault
	if size := in.num("storage.storageSizeGB"); size != 0 && !slices.Contains(postgresStorage, size) {
		faults = append(faults,
			fault{"storage", "storageSizeGB must be one of 32, 64, 128, 256, 512, 1024, 2048, 4095, 4096, 8192, 16384, 32767"})
	}
	if days := in.num("backup.backupRetentionDays"); days != 0 && (days < 7 || days > 35) {
		faults = append(faults, fault{"backup", "backupRetentionDays must be 7 to 35"})
	}
	tiers := map[string]string{"Standard_B": "Burstable", "Standard_D": "GeneralPurpose", "Standard_E": "MemoryOptimized"}
	if name, tier := in.str("sku.name"), in.str("sku.tier"); len(name) > 10 && tier != "" && tiers[name[:10]] != tier {
		faults = append(faults, fault{"sku", "'" + name + "' is no size of the tier '" + tier + "'"})
	}
	return faults
}

func admitPostgres(w *World, r, old *Resource) error {
	in := r.in()
	if mode := in.str("highAvailability.mode"); mode != "" && mode != "Disabled" && in.str("sku.tier") == "Burstable" {
		return refusal("HADisabledForBurstableSku", "High availability is not supported for Burstable SKU.")
	}
	if before := old.in().num("storage.storageSizeGB"); in.num("storage.storageSizeGB") < before {
		return refusal("StorageSizeCannotBeReduced",
			"The storage size of a server can only grow: it is %v GiB and %v were asked for.", before,
			in.num("storage.storageSizeGB"))
	}
	if err := admitStandby(in, old); err != nil {
		return err
	}
	if old == nil {
		if err := admitNewServer(w, r); err != nil {
			return err
		}
	} else if err := admitTogether(in, old.in()); err != nil {
		return err
	}
	return admitPostgresNetwork(w, r)
}

// admitStandby asks for the zone of a hot standby. What Azure makes of an empty one, no source says: the standby would
// be where nobody chose, so that it is refused here. One that is there is not moved
// (hashicorp/terraform-provider-azurerm, postgresql_flexible_server_resource.go).
func admitStandby(in props, old *Resource) error {
	const zone = "highAvailability.standbyAvailabilityZone"
	if in.str("highAvailability.mode") != "ZoneRedundant" || !in.has(zone) {
		return nil
	}
	standby, before := in.str(zone), old.in()
	switch {
	case standby == "":
		return refusal("InvalidParameterValue", "rehearsal: the availability zone of the standby is empty.")
	case standby == in.str("availabilityZone"):
		return refusal("InvalidParameterValue", "The standby can't be in zone %s, where the primary is.", standby)
	case before.str("highAvailability.mode") == "ZoneRedundant" && before.str(zone) != "" && before.str(zone) != standby:
		return refusal("InvalidParameterValue", "The zone of the standby can't be changed from %s to %s.", before.str(zone),
			standby)
	}
	return nil
}

// admitTogether refuses changes that Azure does not take in one request: high availability with the step out of, or
// into the Burstable tier (hashicorp/terraform-provider-azurerm #27612), and a major version with anything else
// (Microsoft says it of MySQL, "Major version upgrade in Azure Database for MySQL"; of PostgreSQL it is inferred).
func admitTogether(in, old props) error {
	differs := func(path string) bool { return in.has(path) && old.has(path) && in.str(path) != old.str(path) }
	standby := differs("highAvailability.mode")
	if standby && differs("sku.tier") && (in.str("sku.tier") == "Burstable" || old.str("sku.tier") == "Burstable") {
		return refusal("HADisabledForBurstableSku",
			"High availability can't be changed together with the tier, from %s to %s.", old.str("sku.tier"), in.str("sku.tier"))
	}
	if !differs("version") {
		return nil
	}
	if before, err := strconv.Atoi(old.str("version")); err == nil {
		if after, err := strconv.Atoi(in.str("version")); err == nil && after < before {
			return refusal("InvalidParameterValue", "The major version can't go back from %d to %d.", before, after)
		}
	}
	if standby || differs("sku.name") || in.num("storage.storageSizeGB") != old.num("storage.storageSizeGB") {
		return refusal("OperationNotAllowed",
			"rehearsal: a major version is upgraded by a request that changes nothing else.")
	}
	return nil
}

// admitNewServer asks for what a server begins with: an administrator, another server, or its backup.
func admitNewServer(w *World, r *Resource) error {
	switch r.in().str("createMode") {
	case "Replica":
		return admitReplica(w, r)
	case "PointInTimeRestore", "GeoRestore":
		return admitRestored(w, r)
	default:
		return admitLogin(r.in())
	}
}

var reservedLogins = []string{"azure_superuser", "azuresu", "azure_pg_admin", "admin", "administrator", "root",
	"guest", "public"}

func admitLogin(in props) error {
	if mode := in.str("createMode"); mode != "" && mode != "Create" && mode != "Default" ||
		in.str("authConfig.passwordAuth") == "Disabled" {
		return nil
	}
	login := in.str("administratorLogin")
	if login == "" || slices.Contains(reservedLogins, strings.ToLower(login)) || strings.HasPrefix(login, "pg_") {
		return refusal("InvalidAdministratorLogin", "The administrator login '%s' is missing or reserved.", login)
	}
	password := in.str("administratorLoginPassword")
	kinds := 0
	for _, is := range []func(rune) bool{unicode.IsLower, unicode.IsUpper, unicode.IsDigit,
		func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) }} {
		if strings.ContainsFunc(password, is) {
			kinds++
		}
	}
	if len(password) < 8 || len(password) > 128 || kinds < 3 {
		return refusal("PasswordNotComplex",
			"The password must be 8 to 128 characters long and hold characters of three of these: lower case, upper "+
				"case, digits, others.")
	}
	return nil
}

func admitPostgresNetwork(w *World, r *Resource) error {
	subnet, zone := r.in().str("network.delegatedSubnetResourceId"), r.in().str("network.privateDnsZoneArmResourceId")
	if subnet == "" {
		return nil
	}
	if err := useSubnet(w, subnet, postgresDelegation, 28); err != nil {
		return err
	}
	for _, user := range w.referring(subnet) {
		if fold(user.ID) != fold(r.ID) && unversioned(user.Type) != unversioned(r.Type) {
			return refusal("SubnetInUse", "Subnet %s is in use by %s.", subnet, user.ID)
		}
	}
	if !strings.HasSuffix(strings.ToLower(zone), ".postgres.database.azure.com") {
		return refusal("InvalidPrivateDnsZoneName",
			"A server in a delegated subnet needs a private DNS zone whose name ends in "+
				"'.postgres.database.azure.com', not '%s'.", lastSegment(zone))
	}
	if !w.zoneLinked(zone, parentID(subnet)) {
		return refusal("PrivateDnsZoneNotLinkedToVnet",
			"The private DNS zone %s is not linked to the virtual network %s.", zone, parentID(subnet))
	}
	return nil
}
