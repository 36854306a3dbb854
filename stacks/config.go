// Package stacks turns the config of a stack into a plan, and the plan into resources: Config → Plan → components → exports.
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
type Config struct {
	Broker       string            `config:"broker"`
	Name         string            `config:"name"`     // prefix of resource names
	Location     string            `config:"location"` // Azure region
	Protect      bool              `config:"protect"`  // stateful resources can't be deleted; the vault can't be purged
	Domain       string            `config:"domain"`   // host name of mqtts:// clients
	DNS          DNS               `config:"dns"`
	Capacity     Capacity          `config:"capacity"`
	Availability Availability      `config:"availability"`
	Network      Network           `config:"network"`
	Database     Database          `config:"database"`
	Redis        Redis             `config:"redis"`
	TLS          TLS               `config:"tls"`
	Security     Security          `config:"security"`
	Monitoring   Monitoring        `config:"monitoring"`
	EMQX         EMQX              `config:"emqx"`
	HiveMQ       HiveMQ            `config:"hivemq"`
	VerneMQ      VerneMQ           `config:"vernemq"`
	AllowReplace []string          `config:"allowReplace"` // stateful resources whose loss is agreed to
	Tags         map[string]string `config:"tags"`
}

// DNS says where the names of clients are kept.
type DNS struct {
	Zone          string `config:"zone"`          // default: the domain itself
	ResourceGroup string `config:"resourceGroup"` // of a zone that exists already; empty makes one
}

// Capacity is what clients will ask of the broker, and the number of its nodes.
type Capacity struct {
	Connections              int     `config:"connections"`              // at the same time; 0: not known
	MessagesPerSecond        int     `config:"messagesPerSecond"`        // into and out of the broker together; 0: not known
	PayloadBytes             int     `config:"payloadBytes"`             // of a message
	QoS                      int     `config:"qos"`                      // of most messages
	PersistedMessagesMillion float64 `config:"persistedMessagesMillion"` // that are kept for clients that are away; 0: not known

	MinNodes int `config:"minNodes"` // always running; 0: as many as the load needs
	MaxNodes int `config:"maxNodes"` // 0: follows from the broker and minNodes. EMQX: what runs in emqx.peak. HiveMQ: what the node pools may grow to. VerneMQ: without meaning
}

// Availability is what the stack survives.
type Availability struct {
	Zones               []int `config:"zones"`               // one zone, or all three
	DatabaseHA          bool  `config:"databaseHA"`          // hot standby in another zone; doubles the database's price
	BackupRetentionDays int   `config:"backupRetentionDays"` // of database and disks; 7 to 35

	SecondaryLocation  string `config:"secondaryLocation"`  // a second region that the same broker stands by in; "": none
	Active             string `config:"active"`             // the region that serves clients while both can: primary or secondary
	GeoRedundantBackup bool   `config:"geoRedundantBackup"` // database backups are copied to the paired region; at creation only
	DiskBackup         bool   `config:"diskBackup"`         // a daily backup of the brokers' disks
	RTOMinutes         int    `config:"rtoMinutes"`         // how long clients may be without a broker after the loss of anything up to a region …
	RPOMinutes         int    `config:"rpoMinutes"`         // … and how old users and rules may be then; 0: no target
}

// Network is the address space of the stack.
type Network struct {
	AddressSpace          string `config:"addressSpace"`          // private IPv4 CIDR block, /16 to /23 …
	SecondaryAddressSpace string `config:"secondaryAddressSpace"` // … and the one of the second region
}

// Database is the size of the PostgreSQL server.
type Database struct {
	SKU       string `config:"sku"`
	StorageGB int    `config:"storageGb"` // GiB
	Version   string `config:"version"`   // PostgreSQL major version

	Restore DatabaseRestore `config:"restore"`
}

// DatabaseRestore is what the server was restored from, and stays in the config as long as that server. Empty: it began empty.
type DatabaseRestore struct {
	Server string `config:"server"` // whose backup it is: its name in the stack's resource group, or its ARM id
	Time   string `config:"time"`   // of the backup, RFC 3339 in UTC, such as 2026-11-25T10:00:00Z
	Geo    bool   `config:"geo"`    // the server was in another region, with geo-redundant backups
}

// Redis is the service and size of the topic-rule cache.
type Redis struct {
	Service string `config:"service"` // managed or classic
	SKU     string `config:"sku"`
}

// TLS is where the certificate comes from.
type TLS struct {
	Mode        string `config:"mode"`
	Certificate string `config:"certificate"` // Key Vault certificate id: https://VAULT.vault.azure.net/certificates/NAME
	VaultID     string `config:"vaultId"`     // ARM id of that vault
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

// DeployFromNetwork stands for a deployment from inside of the stack's network, or of one that resolves its private names.
const DeployFromNetwork = "network"

// Security is who may connect, and from where.
type Security struct {
	JWT         JWT      `config:"jwt"`
	Identity    Identity `config:"identity"`
	DDoS        string   `config:"ddos"`
	PrivateLink []string `config:"privateLink"` // services that have a private endpoint, and no public address
	Rotation    Rotation `config:"rotation"`
	DeployFrom  []string `config:"deployFrom"` // public IPv4 addresses or blocks that pulumi up runs from, or DeployFromNetwork
}

// Rotation is a mark for each secret that the program makes. Another mark, such as the date, makes another secret.
type Rotation struct {
	Database string `config:"database"` // the passwords of administrator and brokers
	Cookie   string `config:"cookie"`   // what lets nodes into the cluster
}

// Monitoring is what is kept of what the stack tells about itself, and who is told.
type Monitoring struct {
	Enabled       bool     `config:"enabled"`
	RetentionDays int      `config:"retentionDays"` // 30 to 730
	DailyQuotaGB  float64  `config:"dailyQuotaGb"`  // GB that a workspace takes in a day
	AlertEmails   []string `config:"alertEmails"`
}

// JWT is the issuer of tokens that clients may send as password. Empty: passwords only.
type JWT struct {
	JWKSURL  string `config:"jwksUrl"`
	Issuer   string `config:"issuer"`
	Audience string `config:"audience"`

	UsernameClaim string `config:"usernameClaim"` // what must equal the MQTT username; default sub
}

// EMQX is what only this broker knows.
type EMQX struct {
	Image   string `config:"image"`
	Licence string `config:"licence"` // secret; emqx-enterprise clusters need one
	Profile string `config:"profile"` // Consumption or Dedicated
	VCPU    int    `config:"vcpu"`    // of one node, with 2 GiB each
	Peak    Peak   `config:"peak"`
}

// HiveMQ is what only this broker knows.
type HiveMQ struct {
	Trial           bool   `config:"trial"`           // production without a licence is meant
	Licence         string `config:"licence"`         // secret; licence file in base64
	SecurityLicence string `config:"securityLicence"` // secret; licence file of the enterprise security extension in base64
	VMSize          string `config:"vmSize"`          // of a broker's node
}

// VerneMQ is what only this broker knows.
type VerneMQ struct {
	SSHKey        string `config:"sshKey"`        // public key of the machines' administrator, in OpenSSH's form
	VMSize        string `config:"vmSize"`        // of a node
	Bastion       bool   `config:"bastion"`       // a way in by SSH, for people
	ClientCA      string `config:"clientCa"`      // PEM of those whose certificates clients must have, besides a password
	AcceptEULA    bool   `config:"acceptEula"`    // of the vendor's package, which takes a paid subscription
	PackageURL    string `config:"packageUrl"`    // the vendor's Debian package, instead of a build of the source
	PackageSHA256 string `config:"packageSha256"` // in hexadecimal
}

// Peak is the window in which capacity.maxNodes nodes run. Empty: never.
type Peak struct {
	Timezone string `config:"timezone"`
	Start    string `config:"start"`
	End      string `config:"end"`
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
		HiveMQ:     HiveMQ{VMSize: "Standard_D4s_v3"},
		VerneMQ:    VerneMQ{VMSize: "Standard_D4s_v3"},
	}
}
