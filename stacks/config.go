// Package stacks turns the config of a stack into a plan, and the plan into resources: Config → Plan → components →
// exports.
package stacks

// The brokers.
const (
	EMQXContainerApps = "emqx-container-apps"
	HiveMQAKS         = "hivemq-aks"
	VerneMQVMs        = "vernemq-vms"
)

// Where the TLS certificate comes from.
const (
	TLSSelfSigned = "self-signed" // made in the stack's vault; clients must trust it by hand
	TLSKeyVault   = "key-vault"   // the team's own, in a vault of theirs
)

// The regions of a stack.
const (
	ActivePrimary   = "primary"
	ActiveSecondary = "secondary"
)

// Config is the stack config in the namespace amora-sync, with every default filled in.
//
// The comments of its fields, and of those of the structs below, are the descriptions in docs/config.md, which is made
// by make generate; those of Config are those in Pulumi.yaml too. A field with the tag secret is never shown. A last
// sentence "Default: …" is for a default that follows from something else; others come from [defaults].
type Config struct {
	// The broker: emqx-container-apps, hivemq-aks or vernemq-vms.
	Broker string `config:"broker"`
	// Prefix of resource names, and the resource group: 3 to 16 lower-case letters, digits and single hyphens, starting
	// with a letter. Default: amora-STACK.
	Name string `config:"name"`
	// Azure region in its short form, such as westeurope.
	Location string `config:"location"`
	// Keep what is stateful from being deleted, and turn on the vault's purge protection, which can't be turned off again.
	Protect bool `config:"protect"`
	// Host name of mqtts:// clients, at most 61 characters. wss:// clients use ws.DOMAIN.
	Domain string `config:"domain"`
	// Where the names of clients are kept.
	DNS DNS `config:"dns"`
	// What clients will ask of the broker, to be held by one region after the loss of a zone, and the number of its
	// nodes. A config that can't hold it is refused; amora plan shows the headroom, see docs/capacity-and-cost.md.
	Capacity Capacity `config:"capacity"`
	// What the stack survives, and what it is held to; see docs/recovery.md.
	Availability Availability `config:"availability"`
	// The address space of the stack.
	Network Network `config:"network"`
	// The PostgreSQL server, which holds users and topic rules.
	Database Database `config:"database"`
	// The cache that EMQX reads topic rules from.
	Redis Redis `config:"redis"`
	// Where the certificate comes from.
	TLS TLS `config:"tls"`
	// Who may connect, and from where.
	Security Security `config:"security"`
	// What is kept of what the stack tells about itself, and who is told.
	Monitoring Monitoring `config:"monitoring"`
	// What only EMQX knows.
	EMQX EMQX `config:"emqx"`
	// What only HiveMQ knows.
	HiveMQ HiveMQ `config:"hivemq"`
	// What only VerneMQ knows.
	VerneMQ VerneMQ `config:"vernemq"`
	// Stateful resources whose loss is agreed to: database, disks, network, resourceGroup, secondary (the second
	// region), tenant, vault, workspace, zone.
	AllowReplace []string `config:"allowReplace"`
	// Tags for every resource that takes them, 13 at most besides project and stack, which can be set too.
	Tags map[string]string `config:"tags"`
}

// DNS says where the names of clients are kept.
type DNS struct {
	// The DNS zone that holds the domain. Default: the domain itself.
	Zone string `config:"zone"`
	// The resource group of a zone that exists already. Without it the stack makes the zone.
	ResourceGroup string `config:"resourceGroup"`
}

// Capacity is what clients will ask of the broker, and the number of its nodes.
type Capacity struct {
	// Clients that are connected at the same time; 0: not known.
	Connections int `config:"connections"`
	// Messages a second, into and out of the broker together; 0: not known.
	MessagesPerSecond int `config:"messagesPerSecond"`
	// Bytes of a message, up to 268435455.
	PayloadBytes int `config:"payloadBytes"`
	// Quality of service of most messages: 0, 1 or 2.
	QoS int `config:"qos"`
	// Millions of messages that are kept for clients that are away; 0: not known.
	PersistedMessagesMillion float64 `config:"persistedMessagesMillion"`
	// KiB of a node's memory that a connection takes, as your own load test showed, 10 to 65536; 0: the planning
	// figure, 1536.
	ConnectionKiB int `config:"connectionKiB"`
	// Messages a second that a core takes, in and out together, as your own load test showed with messages of this size
	// and QoS, 100 to 1000000; 0: the planning figure, 3000 for QoS 1 up to 1 KiB.
	MessagesPerCore int `config:"messagesPerCore"`

	// Broker nodes that always run, 2 to 10. Default: as many as the load needs, and 2 at least (HiveMQ, VerneMQ: 3).
	MinNodes int `config:"minNodes"`
	// The most broker nodes there may be, capacity.minNodes to 10. EMQX runs them in emqx.peak; with HiveMQ it is what
	// the node pools may grow to; VerneMQ has no use for it. Default: 10 (HiveMQ, VerneMQ: 5), and no fewer than
	// capacity.minNodes.
	MaxNodes int `config:"maxNodes"`
}

// Availability is what the stack survives.
type Availability struct {
	// One zone, such as [1], or all three, [1,2,3]. In a region that has none, one, which then means none.
	Zones []int `config:"zones"`
	// A hot standby of the database in another zone, at twice its price. Needs three zones and a database.sku that is
	// not burstable.
	DatabaseHA bool `config:"databaseHA"`
	// Days that backups of the database and of the brokers' disks are kept, and what is deleted from the storage
	// account: 7 to 35.
	BackupRetentionDays int `config:"backupRetentionDays"`

	// A second region in which the same broker stands by. Needs a database.sku that is not burstable.
	SecondaryLocation string `config:"secondaryLocation"`
	// The region that clients are led to while both can serve: primary or secondary.
	Active string `config:"active"`
	// Copies of the database's backups in the paired region, at creation only.
	GeoRedundantBackup bool `config:"geoRedundantBackup"`
	// Daily backups of the brokers' disks, for HiveMQ and VerneMQ.
	DiskBackup bool `config:"diskBackup"`
	// Minutes that clients may be without a broker when any one thing is lost. A config that can't hold it is refused;
	// 0: no target.
	RTOMinutes int `config:"rtoMinutes"`
	// Minutes of changes to users and rules that may be lost then. A config that can't hold it is refused; 0: no target.
	RPOMinutes int `config:"rpoMinutes"`
}

// Network is the address space of the stack.
type Network struct {
	// A private IPv4 block from /16 to /23.
	AddressSpace string `config:"addressSpace"`
	// That of the second region, a block as above that does not overlap it.
	SecondaryAddressSpace string `config:"secondaryAddressSpace"`
}

// Database is the size of the PostgreSQL server.
type Database struct {
	// A size of PostgreSQL flexible servers, such as Standard_B1ms.
	SKU string `config:"sku"`
	// GiB of storage: 32, 64, 128, 256 … 16384. Azure only ever grows it.
	StorageGB int `config:"storageGb"`
	// PostgreSQL's major version: 15 or 16.
	Version string `config:"version"`

	// The backup that the database begins with, as long as that server lives; without it the database begins empty. See
	// docs/recovery.md.
	Restore DatabaseRestore `config:"restore"`
}

// DatabaseRestore is what the server was restored from, and stays in the config as long as that server. Empty: it began
// empty.
type DatabaseRestore struct {
	// The server whose backup it is: its name in the stack's resource group, or its ARM id.
	Server string `config:"server"`
	// The time of the backup in UTC, in the form 2026-11-25T10:00:00Z.
	Time string `config:"time"`
	// The copy in the paired region is used: the server was in another region, with availability.geoRedundantBackup.
	Geo bool `config:"geo"`
}

// Redis is the service and size of the topic-rule cache.
type Redis struct {
	// managed (Azure Managed Redis) or classic (Azure Cache for Redis, closed to tenants that had none before 2026-04-01).
	Service string `config:"service"`
	// managed: Balanced_B0, B1, B3, B5, B10, B20, B50 or B100. classic: C0 to C6. Default: Balanced_B1; C1 where
	// redis.service is classic.
	SKU string `config:"sku"`
}

// TLS is where the certificate comes from.
type TLS struct {
	// self-signed (made in the stack's vault; clients must trust it by hand) or key-vault (the team's own, in a vault
	// of theirs).
	Mode string `config:"mode"`
	// For key-vault: the certificate's id without version, https://VAULT.vault.azure.net/certificates/NAME.
	Certificate string `config:"certificate"`
	// For key-vault: the ARM id of that vault.
	VaultID string `config:"vaultId"`
}

// What keeps floods of traffic away from the stack's public addresses, beyond what Azure does for everybody.
const (
	DDoSNone    = "none"
	DDoSIP      = "ip"      // DDoS IP Protection of the address that clients use
	DDoSNetwork = "network" // DDoS Network Protection of everything in the network
)

// The services that can have a private endpoint. The database is in the network anyway.
const (
	LinkRedis   = "redis"
	LinkStorage = "storage"
	LinkVault   = "vault"
)

// DeployFromNetwork stands for a deployment from inside of the stack's network, or of one that resolves its private
// names.
const DeployFromNetwork = "network"

// Security is who may connect, and from where.
type Security struct {
	// The issuer of tokens that clients may send as password; without it, passwords only. HiveMQ takes tokens instead
	// of passwords, and needs a licence for it. VerneMQ takes none.
	JWT JWT `config:"jwt"`
	// The directory whose tokens clients may send as password, instead of security.jwt; see docs/identity.md.
	Identity Identity `config:"identity"`
	// Which client ids a user may connect as, since whoever has one has its session and the messages that wait there:
	// username (that alone), prefix (the username, and what begins with it and a colon) or any (users may take each
	// other's sessions). More for single users: amora user client-ids. HiveMQ can't hold users to it, and needs any.
	// Default: prefix; with HiveMQ any.
	ClientIDs string `config:"clientIds"`
	// Protection from floods: none, ip (the address that clients use; not for EMQX) or network (everything in the
	// network).
	DDoS string `config:"ddos"`
	// Services that have a private endpoint and no public address, of redis, storage and vault. The vault needs
	// tls.mode key-vault; the storage account of HiveMQ and VerneMQ needs security.deployFrom. Default: redis; storage
	// where deployFrom is set; vault where tls.mode is key-vault.
	PrivateLink []string `config:"privateLink"`
	// Marks such as 2026-11, of at most 32 letters, digits, points, hyphens and underscores: another mark makes new
	// secrets; see docs/rotate.md.
	Rotation Rotation `config:"rotation"`
	// Public IPv4 addresses or blocks (/8 to /30, 400 at most) that pulumi up runs from, which may write to a private
	// storage account; or [network] where it runs inside.
	DeployFrom []string `config:"deployFrom"`
}

// Rotation is a mark for each secret that the program makes. Another mark, such as the date, makes another secret.
type Rotation struct {
	// Mark of the passwords of administrator and brokers.
	Database string `config:"database"`
	// Mark of what lets nodes into the cluster.
	Cookie string `config:"cookie"`
}

// Monitoring is what is kept of what the stack tells about itself, and who is told.
type Monitoring struct {
	// Metrics, logs, alerts and the workbook.
	Enabled bool `config:"enabled"`
	// Days that metrics and logs are kept, 30 to 730.
	RetentionDays int `config:"retentionDays"`
	// GB that the workspace takes in a day, and again what the clients' takes; 0.1 or more.
	DailyQuotaGB float64 `config:"dailyQuotaGb"`
	// E-mail addresses that alerts go to, 1000 at most.
	AlertEmails []string `config:"alertEmails"`
}

// JWT is the issuer of tokens that clients may send as password. Empty: passwords only.
type JWT struct {
	// https URL of the issuer's keys.
	JWKSURL string `config:"jwksUrl"`
	// What a token names as its issuer (iss); must be set with jwksUrl.
	Issuer string `config:"issuer"`
	// What a token names as its audience (aud); must be set with jwksUrl.
	Audience string `config:"audience"`

	// The claim that must equal the MQTT username. HiveMQ compares sub only. Default: sub.
	UsernameClaim string `config:"usernameClaim"`
}

// EMQX is what only this broker knows.
type EMQX struct {
	// Registry, image, and tag or digest.
	Image string `config:"image"`
	// For emqx-enterprise images, which need one.
	Licence string `config:"licence" secret:"true"`
	// Consumption, or Dedicated: nodes on D4 hosts of their own.
	Profile string `config:"profile"`
	// vCPUs of a node, 1 to 3, with 2 GiB of memory each.
	VCPU int `config:"vcpu"`
	// The window in which capacity.maxNodes nodes run; without it, never.
	Peak Peak `config:"peak"`
}

// HiveMQ is what only this broker knows.
type HiveMQ struct {
	// A protected stack is meant to run without a licence.
	Trial bool `config:"trial"`
	// The licence file in base64. Without it, a trial of 25 connections.
	Licence string `config:"licence" secret:"true"`
	// The licence file of the enterprise security extension in base64, where it is a file of its own. Needs
	// hivemq.licence too.
	SecurityLicence string `config:"securityLicence" secret:"true"`
	// Size of a broker's node: a D, E or F size that takes Premium SSD, with 4 to 96 vCPUs.
	VMSize string `config:"vmSize"`
	// Size of the two to five nodes for what is not a broker: such a size with 2 to 96 vCPUs, where a subscription may not
	// have the default. At creation only.
	SystemVMSize string `config:"systemVmSize"`
}

// VerneMQ is what only this broker knows.
type VerneMQ struct {
	// Public key of the machines' administrator in OpenSSH's form, ssh-ed25519 or ssh-rsa.
	SSHKey string `config:"sshKey"`
	// Size of a node: a D, E or F size that takes Premium SSD, with 2 to 96 vCPUs.
	VMSize string `config:"vmSize"`
	// Azure Bastion, through which people come in by SSH.
	Bastion bool `config:"bastion"`
	// PEM of the CAs whose certificates clients must have, besides a password.
	ClientCA string `config:"clientCa"`
	// The EULA of the vendor's package is accepted, which takes a paid subscription. For vernemq.packageUrl only, which
	// needs it.
	AcceptEULA bool `config:"acceptEula"`
	// https URL of the vendor's Debian package for Ubuntu 24.04, instead of a build of the source.
	PackageURL string `config:"packageUrl"`
	// That package's SHA-256: 64 lower-case hexadecimal digits.
	PackageSHA256 string `config:"packageSha256"`
}

// Peak is the window in which capacity.maxNodes nodes run. Empty: never.
type Peak struct {
	// IANA time zone, such as Europe/Berlin.
	Timezone string `config:"timezone"`
	// When it begins: a cron expression of five fields, such as "0 6 * * 1-5".
	Start string `config:"start"`
	// When it ends, as above.
	End string `config:"end"`
}

// defaults is a config as it is before anything is set: the sizes of a small production stack.
func defaults() Config {
	return Config{
		Broker:       EMQXContainerApps,
		Capacity:     Capacity{PayloadBytes: 1024, QoS: 1},
		Availability: Availability{Zones: []int{1}, BackupRetentionDays: 7, Active: ActivePrimary},
		Network:      Network{AddressSpace: "10.20.0.0/16", SecondaryAddressSpace: "10.21.0.0/16"},
		Database:     Database{SKU: "Standard_D4ds_v5", StorageGB: 128, Version: "16"},
		Redis:        Redis{Service: "managed"},
		TLS:          TLS{Mode: TLSSelfSigned},
		Security:     Security{DDoS: DDoSNone},
		// A GB a day is $70 a month at most. Three nodes with all their logs write a tenth of that.
		Monitoring: Monitoring{Enabled: true, RetentionDays: 30, DailyQuotaGB: 1},
		EMQX:       EMQX{Image: "docker.io/emqx/emqx:5.8.9", Profile: "Consumption", VCPU: 2},
		HiveMQ:     HiveMQ{VMSize: "Standard_D4s_v3", SystemVMSize: "Standard_D2s_v3"},
		VerneMQ:    VerneMQ{VMSize: "Standard_D4s_v3"},
	}
}
