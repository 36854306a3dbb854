package components

import (
	"fmt"

	postgresql "github.com/pulumi/pulumi-azure-native-sdk/dbforpostgresql/v2/v20240801"
	privatedns "github.com/pulumi/pulumi-azure-native-sdk/network/v2/v20240601"
	"github.com/pulumi/pulumi-random/sdk/v4/go/random"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const databaseType = "amora:foundation:Database"

const (
	databaseAdmin = "mqttadmin"   // owns the schema
	databaseName  = "mqtt"        // holds users and topic rules
	databaseRoles = "mqtt_broker" // group of the roles that brokers log in as; may only read
)

// DatabaseSize is what decides the price and the resilience of a Database.
type DatabaseSize struct {
	SKU         string // such as "Standard_D4ds_v5"
	Tier        string // "Burstable", "GeneralPurpose" or "MemoryOptimized"
	StorageGB   int    // GiB; Azure only ever grows it
	Version     string // PostgreSQL major version, such as "17"
	BackupDays  int    // 7 to 35
	Zone        string // availability zone of the primary, "" where the region has none
	StandbyZone string // availability zone of the hot standby, "" for no high availability
	HasStandby  bool   // there is one already, which stays in its zone
	GeoBackup   bool   // backups are copied to the paired region; can't be changed later
}

// DatabaseRestore is the backup that a server begins with.
type DatabaseRestore struct {
	ServerID pulumi.StringInput // ARM id of the server whose backup it is
	Time     string             // of the backup, RFC 3339 in UTC
	Geo      bool               // from the copy in this region of the backups of a server in another one
}

// DatabaseArgs is what a Database is made of.
type DatabaseArgs struct {
	Placement
	Name      pulumi.StringInput // server name, unique in all of Azure
	ZoneName  string             // private DNS zone, ending in ".private.postgres.database.azure.com"
	NetworkID pulumi.StringInput // ARM id of the virtual network
	SubnetID  pulumi.StringInput // ARM id of a subnet delegated to PostgreSQL
	Size      DatabaseSize
	Restore   *DatabaseRestore // nil: it begins empty
	Rotation  string           // another mark makes other passwords
	Vault     *Vault           // takes the passwords
	Guard     Guard
}

// Database is the PostgreSQL flexible server of a stack: users and topic rules, reachable from the stack's network
// only.
type Database struct {
	pulumi.ResourceState

	ID                pulumi.StringOutput `pulumi:"id"`         // ARM id of the server
	DatabaseID        pulumi.StringOutput `pulumi:"databaseId"` // ARM id of the database on it
	Host              pulumi.StringOutput `pulumi:"host"`
	AdminPasswordURL  pulumi.StringOutput `pulumi:"adminPasswordUrl"`  // vault secret of the server's administrator
	BrokerPasswordURL pulumi.StringOutput `pulumi:"brokerPasswordUrl"` // vault secret of the brokers' read-only role

	placement Placement
	name      pulumi.StringOutput
	zone      *privatedns.PrivateZone
	contents  []pulumi.Resource // the server is busy before these are there
	admin     pulumi.StringOutput
	broker    pulumi.StringOutput

	role                      pulumi.StringOutput // that has the brokers' password
	adminPinned, brokerPinned pulumi.StringOutput // vault secrets in the version of this deployment
}

// NewDatabase registers the server, its database, its private DNS zone, and both passwords in the vault.
func NewDatabase(ctx *pulumi.Context, name string, args *DatabaseArgs, opts ...pulumi.ResourceOption) (*Database,
	error) {
	d := &Database{placement: args.Placement}
	if err := ctx.RegisterComponentResourceV2(databaseType, name, pulumi.Map{"sku": pulumi.String(args.Size.SKU)}, d,
		opts...); err != nil {
		return nil, err
	}
	parent := pulumi.Parent(d)
	zone, link, err := newPrivateZone(ctx, name, privateZone{args.Placement, args.ZoneName, args.NetworkID},
		args.Guard, parent)
	if err != nil {
		return nil, fmt.Errorf("private DNS zone: %w", err)
	}
	d.zone = zone
	if d.admin, err = newPassword(ctx, name+"-admin-password", args.Rotation, parent); err != nil {
		return nil, err
	}
	if d.broker, err = newPassword(ctx, name+"-broker-password", args.Rotation, parent); err != nil {
		return nil, err
	}
	// A failover swaps the two zones; putting them back would be a second failover.
	swapped := []string{"availabilityZone"}
	if args.Size.HasStandby && args.Size.StandbyZone != "" {
		swapped = append(swapped, "highAvailability.standbyAvailabilityZone")
	}
	server, err := postgresql.NewServer(ctx, name+"-server", serverArgs(args, zone, d.admin),
		append(args.Guard.options(parent, "resourceGroupName", "serverName", "location", "administratorLogin", "createMode",
			"sourceServerResourceId", "pointInTimeUTC", "backup.geoRedundantBackup",
			"network.delegatedSubnetResourceId", "network.privateDnsZoneArmResourceId"),
			pulumi.IgnoreChanges(swapped),
			// The server looks its own name up in the network while it is made.
			pulumi.DependsOn([]pulumi.Resource{link}))...)
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	if err := d.newContents(ctx, name, args, server, parent); err != nil {
		return nil, err
	}
	// Their names are the same for good: were they left in a vault that stays, the next deployment would find them taken.
	kept := pulumi.Composite(parent, pulumi.Protect(args.Vault.protect))
	if err := d.store(ctx, name, args.Placement, args.Vault, d, newNamedSecret, kept); err != nil {
		return nil, err
	}
	if err := newDiagnostics(ctx, name, args.Placement, server.ID(), allLogs, parent); err != nil {
		return nil, err
	}
	d.ID, d.name = server.ID().ToStringOutput(), server.Name
	named := args.Guard.kept("database", "name", args.Name, server.Name)
	located := args.Guard.kept("database", "location", pulumi.String(args.Location), server.Location)
	// Whoever has the host may use the database: it is known once the database is there.
	d.Host = pulumi.All(server.FullyQualifiedDomainName, named, located, d.DatabaseID).
		ApplyT(func(v []any) string { return v[0].(string) }).(pulumi.StringOutput)
	return d, ctx.RegisterResourceOutputs(d, pulumi.Map{"id": d.ID, "databaseId": d.DatabaseID, "host": d.Host})
}

// store puts the passwords of a server, which may be another one's replica, into a vault.
func (d *Database) store(ctx *pulumi.Context, name string, place Placement, vault *Vault, source *Database,
	put putSecret, parent pulumi.ResourceOption) error {
	admin, err := put(ctx, name+"-admin-secret", place, vault, "database-admin-password", source.admin, parent)
	if err != nil {
		return err
	}
	broker, err := put(ctx, name+"-broker-secret", place, vault, "database-broker-password", source.broker, parent)
	d.AdminPasswordURL, d.adminPinned = admin.newest, admin.pinned
	d.BrokerPasswordURL, d.brokerPinned, d.role = broker.newest, broker.pinned, brokerRole(source.broker)
	return err
}

// newPassword makes 32 letters and digits: long enough without characters that a connection string or a shell would
// eat. It is not protected: the server takes a new one at any time.
func newPassword(ctx *pulumi.Context, name, rotation string, parent pulumi.ResourceOption) (pulumi.StringOutput,
	error) {
	password, err := random.NewRandomPassword(ctx, name, &random.RandomPasswordArgs{
		Length: pulumi.Int(32), Special: pulumi.Bool(false),
		MinLower: pulumi.Int(1), MinUpper: pulumi.Int(1), MinNumeric: pulumi.Int(1), // Azure wants three kinds of characters
		Keepers: keepers(rotation),
	}, parent)
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("password %s: %w", name, err)
	}
	return pulumi.ToSecret(password.Result).(pulumi.StringOutput), nil
}

// keepers make another secret for another mark. The empty mark is that of stacks which never rotated.
func keepers(rotation string) pulumi.StringMap {
	if rotation == "" {
		return nil
	}
	return pulumi.StringMap{"rotation": pulumi.String(rotation)}
}

func serverArgs(args *DatabaseArgs, zone *privatedns.PrivateZone, password pulumi.StringInput) *postgresql.ServerArgs {
	server := &postgresql.ServerArgs{
		ResourceGroupName:          args.ResourceGroup,
		ServerName:                 args.Name.ToStringOutput().ToStringPtrOutput(),
		Location:                   pulumi.String(args.Location),
		CreateMode:                 pulumi.String("Create"),
		Version:                    pulumi.String(args.Size.Version),
		AdministratorLogin:         pulumi.String(databaseAdmin),
		AdministratorLoginPassword: password.ToStringOutput().ToStringPtrOutput(),
		Sku: &postgresql.SkuArgs{Name: pulumi.String(args.Size.SKU),
			Tier: pulumi.String(args.Size.Tier)},
		Storage: &postgresql.StorageArgs{StorageSizeGB: pulumi.Int(args.Size.StorageGB),
			AutoGrow: pulumi.String("Enabled")},
		Backup: &postgresql.BackupTypeArgs{BackupRetentionDays: pulumi.Int(args.Size.BackupDays),
			GeoRedundantBackup: enabled(args.Size.GeoBackup)},
		HighAvailability: &postgresql.HighAvailabilityArgs{Mode: pulumi.String("Disabled")},
		Network: &postgresql.NetworkArgs{
			DelegatedSubnetResourceId:   args.SubnetID.ToStringOutput().ToStringPtrOutput(),
			PrivateDnsZoneArmResourceId: zone.ID(),
			PublicNetworkAccess:         pulumi.String("Disabled"),
		},
		// EMQX logs in with a password and can't renew an Entra token.
		AuthConfig: &postgresql.AuthConfigArgs{PasswordAuth: pulumi.String("Enabled"),
			ActiveDirectoryAuth: pulumi.String("Disabled")},
		Tags: args.tags(),
	}
	if args.Size.Zone != "" {
		server.AvailabilityZone = pulumi.String(args.Size.Zone)
	}
	if args.Size.StandbyZone != "" {
		server.HighAvailability = &postgresql.HighAvailabilityArgs{
			Mode: pulumi.String("ZoneRedundant"), StandbyAvailabilityZone: pulumi.String(args.Size.StandbyZone),
		}
	}
	if r := args.Restore; r != nil {
		server.CreateMode = pulumi.String("PointInTimeRestore")
		if r.Geo {
			server.CreateMode = pulumi.String("GeoRestore")
		}
		server.SourceServerResourceId = r.ServerID.ToStringOutput().ToStringPtrOutput()
		server.PointInTimeUTC = pulumi.String(r.Time)
	}
	return server
}

// newContents registers what is on the server. A restored one has its database already, and Azure makes none twice.
func (d *Database) newContents(ctx *pulumi.Context, name string, args *DatabaseArgs, server *postgresql.Server,
	parent pulumi.ResourceOption) error {
	extensions, err := postgresql.NewConfiguration(ctx, name+"-extensions", &postgresql.ConfigurationArgs{
		ResourceGroupName: args.ResourceGroup,
		ServerName:        server.Name,
		ConfigurationName: pulumi.String("azure.extensions"),
		Source:            pulumi.String("user-override"),
		Value:             pulumi.String("PGCRYPTO"), // bcrypt in SQL: users are added, and checked by other brokers, with it
	}, args.Guard.options(parent, "resourceGroupName", "serverName", "configurationName")...)
	if err != nil {
		return fmt.Errorf("server parameter azure.extensions: %w", err)
	}
	if d.contents = []pulumi.Resource{extensions}; args.Restore != nil {
		d.DatabaseID = pulumi.Sprintf("%s/databases/%s", server.ID(), databaseName)
		return nil
	}
	database, err := postgresql.NewDatabase(ctx, name+"-database", &postgresql.DatabaseArgs{
		ResourceGroupName: args.ResourceGroup,
		ServerName:        server.Name,
		DatabaseName:      pulumi.String(databaseName),
		Charset:           pulumi.String("UTF8"),
		Collation:         pulumi.String("en_US.utf8"),
	}, append(args.Guard.options(parent, "resourceGroupName", "serverName", "databaseName", "charset", "collation"),
		// The server answers ServerBusy to a second change while the first one runs.
		pulumi.DependsOn([]pulumi.Resource{extensions}))...)
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	d.DatabaseID, d.contents = database.ID().ToStringOutput(), append(d.contents, database)
	return nil
}
