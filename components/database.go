package components

import (
	"fmt"

	postgresql "github.com/pulumi/pulumi-azure-native-sdk/dbforpostgresql/v2/v20240801"
	"github.com/pulumi/pulumi-azure-native-sdk/network/v2"
	"github.com/pulumi/pulumi-random/sdk/v4/go/random"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const databaseType = "amora:foundation:Database"

const (
	databaseAdmin = "mqttadmin"   // owns the schema
	databaseName  = "mqtt"        // holds users and topic rules
	databaseRole  = "mqtt_broker" // what brokers log in as; may only read
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
}

// DatabaseArgs is what a Database is made of.
type DatabaseArgs struct {
	Placement
	Name      pulumi.StringInput // server name, unique in all of Azure
	ZoneName  string             // private DNS zone, ending in ".private.postgres.database.azure.com"
	NetworkID pulumi.StringInput // ARM id of the virtual network
	SubnetID  pulumi.StringInput // ARM id of a subnet delegated to PostgreSQL
	Size      DatabaseSize
	Vault     *Vault // takes the passwords
	Guard     Guard
}

// Database is the PostgreSQL flexible server of a stack: users and topic rules, reachable from the stack's network only.
type Database struct {
	pulumi.ResourceState

	ID                pulumi.StringOutput `pulumi:"id"`         // ARM id of the server
	DatabaseID        pulumi.StringOutput `pulumi:"databaseId"` // ARM id of the database on it
	Host              pulumi.StringOutput `pulumi:"host"`
	AdminPasswordURL  pulumi.StringOutput `pulumi:"adminPasswordUrl"`  // vault secret of the server's administrator
	BrokerPasswordURL pulumi.StringOutput `pulumi:"brokerPasswordUrl"` // vault secret of the brokers' read-only role
}

// NewDatabase registers the server, its database, its private DNS zone, and both passwords in the vault.
func NewDatabase(ctx *pulumi.Context, name string, args *DatabaseArgs, opts ...pulumi.ResourceOption) (*Database, error) {
	d := &Database{}
	if err := ctx.RegisterComponentResourceV2(databaseType, name, pulumi.Map{"sku": pulumi.String(args.Size.SKU)}, d, opts...); err != nil {
		return nil, err
	}
	parent := pulumi.Parent(d)
	zone, link, err := newPrivateZone(ctx, name, privateZone{args.Placement, args.ZoneName, args.NetworkID}, args.Guard, parent)
	if err != nil {
		return nil, fmt.Errorf("private DNS zone: %w", err)
	}
	admin, err := newPassword(ctx, name+"-admin-password", args.Guard, parent)
	if err != nil {
		return nil, err
	}
	broker, err := newPassword(ctx, name+"-broker-password", args.Guard, parent)
	if err != nil {
		return nil, err
	}
	server, err := postgresql.NewServer(ctx, name+"-server", serverArgs(args, zone, admin),
		append(args.Guard.options(parent, "resourceGroupName", "serverName", "location", "administratorLogin", "createMode",
			"network.delegatedSubnetResourceId", "network.privateDnsZoneArmResourceId"),
			// A failover swaps the two zones; putting them back would be a second failover.
			pulumi.IgnoreChanges([]string{"availabilityZone", "highAvailability.standbyAvailabilityZone"}),
			// The server looks its own name up in the network while it is made.
			pulumi.DependsOn([]pulumi.Resource{link}))...)
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	database, err := newDatabaseContents(ctx, name, args, server, parent)
	if err != nil {
		return nil, err
	}
	if d.AdminPasswordURL, err = newVaultSecret(ctx, name+"-admin-secret", args.Placement, args.Vault, "database-admin-password", admin, parent); err != nil {
		return nil, err
	}
	if d.BrokerPasswordURL, err = newVaultSecret(ctx, name+"-broker-secret", args.Placement, args.Vault, "database-broker-password", broker, parent); err != nil {
		return nil, err
	}
	if err := newDiagnostics(ctx, name, args.Placement, server.ID(), allLogs, parent); err != nil {
		return nil, err
	}
	d.ID, d.DatabaseID = server.ID().ToStringOutput(), database.ID().ToStringOutput()
	named := args.Guard.kept("database", "name", args.Name, server.Name)
	located := args.Guard.kept("database", "location", pulumi.String(args.Location), server.Location)
	// Whoever has the host may use the database: it is known once the database is there.
	d.Host = pulumi.All(server.FullyQualifiedDomainName, named, located, database.ID()).ApplyT(func(v []any) string { return v[0].(string) }).(pulumi.StringOutput)
	return d, ctx.RegisterResourceOutputs(d, pulumi.Map{"id": d.ID, "databaseId": d.DatabaseID, "host": d.Host})
}

// newPassword makes 32 letters and digits: long enough without characters that a connection string or a shell would eat.
func newPassword(ctx *pulumi.Context, name string, guard Guard, parent pulumi.ResourceOption) (pulumi.StringOutput, error) {
	password, err := random.NewRandomPassword(ctx, name, &random.RandomPasswordArgs{
		Length: pulumi.Int(32), Special: pulumi.Bool(false),
		MinLower: pulumi.Int(1), MinUpper: pulumi.Int(1), MinNumeric: pulumi.Int(1), // Azure wants three kinds of characters
	}, guard.options(parent)...)
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("password %s: %w", name, err)
	}
	return pulumi.ToSecret(password.Result).(pulumi.StringOutput), nil
}

func serverArgs(args *DatabaseArgs, zone *network.PrivateZone, password pulumi.StringInput) *postgresql.ServerArgs {
	server := &postgresql.ServerArgs{
		ResourceGroupName:          args.ResourceGroup,
		ServerName:                 args.Name.ToStringOutput().ToStringPtrOutput(),
		Location:                   pulumi.String(args.Location),
		CreateMode:                 pulumi.String("Create"),
		Version:                    pulumi.String(args.Size.Version),
		AdministratorLogin:         pulumi.String(databaseAdmin),
		AdministratorLoginPassword: password.ToStringOutput().ToStringPtrOutput(),
		Sku:                        &postgresql.SkuArgs{Name: pulumi.String(args.Size.SKU), Tier: pulumi.String(args.Size.Tier)},
		Storage:                    &postgresql.StorageArgs{StorageSizeGB: pulumi.Int(args.Size.StorageGB), AutoGrow: pulumi.String("Enabled")},
		Backup:                     &postgresql.BackupTypeArgs{BackupRetentionDays: pulumi.Int(args.Size.BackupDays), GeoRedundantBackup: pulumi.String("Disabled")},
		HighAvailability:           &postgresql.HighAvailabilityArgs{Mode: pulumi.String("Disabled")},
		Network: &postgresql.NetworkArgs{
			DelegatedSubnetResourceId:   args.SubnetID.ToStringOutput().ToStringPtrOutput(),
			PrivateDnsZoneArmResourceId: zone.ID(),
			PublicNetworkAccess:         pulumi.String("Disabled"),
		},
		// EMQX logs in with a password and can't renew an Entra token.
		AuthConfig: &postgresql.AuthConfigArgs{PasswordAuth: pulumi.String("Enabled"), ActiveDirectoryAuth: pulumi.String("Disabled")},
		Tags:       args.tags(),
	}
	if args.Size.Zone != "" {
		server.AvailabilityZone = pulumi.String(args.Size.Zone)
	}
	if args.Size.StandbyZone != "" {
		server.HighAvailability = &postgresql.HighAvailabilityArgs{
			Mode: pulumi.String("ZoneRedundant"), StandbyAvailabilityZone: pulumi.String(args.Size.StandbyZone),
		}
	}
	return server
}

func newDatabaseContents(ctx *pulumi.Context, name string, args *DatabaseArgs, server *postgresql.Server, parent pulumi.ResourceOption) (*postgresql.Database, error) {
	extensions, err := postgresql.NewConfiguration(ctx, name+"-extensions", &postgresql.ConfigurationArgs{
		ResourceGroupName: args.ResourceGroup,
		ServerName:        server.Name,
		ConfigurationName: pulumi.String("azure.extensions"),
		Source:            pulumi.String("user-override"),
		Value:             pulumi.String("PGCRYPTO"), // bcrypt in SQL: users are added, and checked by other brokers, with it
	}, args.Guard.options(parent, "resourceGroupName", "serverName", "configurationName")...)
	if err != nil {
		return nil, fmt.Errorf("server parameter azure.extensions: %w", err)
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
		return nil, fmt.Errorf("database: %w", err)
	}
	return database, nil
}
