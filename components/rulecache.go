package components

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/internal/azurenative/cache"
	managed "github.com/amora-sync/mqtt-on-azure/internal/azurenative/cache/v20250401"
)

const ruleCacheType = "amora:broker:RuleCache"

// The two Redis services of Azure.
const (
	RedisManaged = "managed" // Azure Managed Redis, the one a new tenant can create
	// Azure Cache for Redis, closed to tenants that had none before 2026-04-01; retires 2028-09-30
	RedisClassic = "classic"
)

// RedisSize is what decides the price of a RuleCache.
type RedisSize struct {
	Service          string // RedisManaged or RedisClassic
	SKU              string // RedisManaged: such as "Balanced_B1"; RedisClassic: "C0" to "C6" of tier Standard
	HighAvailability bool   // RedisManaged: a replica; Standard classic caches always have one
}

// RuleCacheArgs is what a RuleCache is made of.
type RuleCacheArgs struct {
	Placement
	Name  pulumi.StringInput // unique in all of Azure
	Link  *PrivateLink       // nil: it has a public address
	Size  RedisSize
	Vault *Vault // takes the access key
}

// RuleCache is the Redis from which EMQX reads topic rules. It holds a projection of the database's rules and may be
// lost at any time: the rules job fills it again.
type RuleCache struct {
	pulumi.ResourceState

	ID          pulumi.StringOutput `pulumi:"id"` // ARM id
	Host        pulumi.StringOutput `pulumi:"host"`
	Port        int                 // TLS
	PasswordURL pulumi.StringOutput `pulumi:"passwordUrl"` // vault secret
	reachable   []pulumi.Resource   // the network reaches the host once these are there
}

// redisEndpoint is what the two services have in common.
type redisEndpoint struct {
	id             pulumi.StringOutput
	host, key      pulumi.StringOutput
	groupID, zone  string // of the private endpoint
	port           int
	logs           pulumi.StringOutput // ARM id of what has logs
	beforeEndpoint pulumi.Resource     // the cluster refuses a private endpoint while this is under way
}

// NewRuleCache registers the Redis, its private endpoint and DNS zone, and its access key in the vault.
func NewRuleCache(ctx *pulumi.Context, name string, args *RuleCacheArgs, opts ...pulumi.ResourceOption) (*RuleCache,
	error) {
	r := &RuleCache{}
	if err := ctx.RegisterComponentResourceV2(ruleCacheType, name,
		pulumi.Map{"service": pulumi.String(args.Size.Service)}, r, opts...); err != nil {
		return nil, err
	}
	parent := pulumi.Parent(r)
	newRedis := newManagedRedis
	if args.Size.Service == RedisClassic {
		newRedis = newClassicRedis
	}
	redis, err := newRedis(ctx, name, args, parent)
	if err != nil {
		return nil, fmt.Errorf("%s Redis: %w", args.Size.Service, err)
	}
	if args.Link != nil {
		names, err := newPrivateEndpoint(ctx, name, privateService{
			Placement: args.Placement, link: *args.Link, name: args.Name, id: redis.id, groupID: redis.groupID, zone: redis.zone,
			after: []pulumi.Resource{redis.beforeEndpoint},
		}, parent)
		if err != nil {
			return nil, err
		}
		r.reachable = []pulumi.Resource{names}
	}
	if err := newDiagnostics(ctx, name, args.Placement, redis.logs, allLogs, parent); err != nil {
		return nil, err
	}
	r.ID, r.Host, r.Port = redis.id, redis.host, redis.port
	if r.PasswordURL, err = newBrokerSecret(ctx, name+"-secret", args.Placement, args.Vault, "redis-password",
		redis.key, parent); err != nil {
		return nil, err
	}
	return r, ctx.RegisterResourceOutputs(r, pulumi.Map{"id": r.ID, "host": r.Host})
}

func newManagedRedis(ctx *pulumi.Context, name string, args *RuleCacheArgs, parent pulumi.ResourceOption) (
	*redisEndpoint, error) {
	availability := "Disabled"
	if args.Size.HighAvailability {
		availability = "Enabled"
	}
	cluster, err := managed.NewRedisEnterprise(ctx, name+"-redis", &managed.RedisEnterpriseArgs{
		ResourceGroupName: args.ResourceGroup,
		ClusterName:       args.Name.ToStringOutput().ToStringPtrOutput(),
		Location:          pulumi.String(args.Location),
		Sku:               managed.SkuArgs{Name: pulumi.String(args.Size.SKU)},
		HighAvailability:  pulumi.String(availability),
		MinimumTlsVersion: pulumi.String("1.2"),
		Tags:              args.tags(),
	}, parent)
	if err != nil {
		return nil, err
	}
	const port = 10000
	database, err := managed.NewDatabase(ctx, name+"-database", &managed.DatabaseArgs{
		ResourceGroupName: args.ResourceGroup,
		ClusterName:       cluster.Name,
		DatabaseName:      pulumi.String("default"),
		ClientProtocol:    pulumi.String("Encrypted"),
		ClusteringPolicy:  pulumi.String("EnterpriseCluster"), // EMQX speaks to one host, not to shards
		EvictionPolicy:    pulumi.String("NoEviction"),        // an evicted rule would be a denied client
		Port:              pulumi.Int(port),
		// EMQX logs in with a key and can't renew an Entra token.
		AccessKeysAuthentication: pulumi.String("Enabled"),
	}, parent)
	if err != nil {
		return nil, err
	}
	keys := managed.ListDatabaseKeysOutput(ctx, managed.ListDatabaseKeysOutputArgs{
		ResourceGroupName: args.ResourceGroup, ClusterName: cluster.Name, DatabaseName: database.Name,
	}, parent.(pulumi.InvokeOption))
	return &redisEndpoint{
		id: cluster.ID().ToStringOutput(), host: cluster.HostName, key: keys.PrimaryKey(), port: port,
		groupID: "redisEnterprise", zone: "privatelink.redis.azure.net", beforeEndpoint: database,
		logs: database.ID().ToStringOutput(),
	}, nil
}

func newClassicRedis(ctx *pulumi.Context, name string, args *RuleCacheArgs, parent pulumi.ResourceOption) (
	*redisEndpoint, error) {
	redis, err := cache.NewRedis(ctx, name+"-redis", &cache.RedisArgs{
		ResourceGroupName: args.ResourceGroup,
		Name:              args.Name.ToStringOutput().ToStringPtrOutput(),
		Location:          pulumi.String(args.Location),
		Sku: cache.SkuArgs{Name: pulumi.String("Standard"), Family: pulumi.String("C"),
			Capacity: pulumi.Int(int(args.Size.SKU[1] - '0'))},
		EnableNonSslPort:    pulumi.Bool(false),
		MinimumTlsVersion:   pulumi.String("1.2"),
		PublicNetworkAccess: publicNetworkAccess(args.Link),
		Tags:                args.tags(),
	}, parent)
	if err != nil {
		return nil, err
	}
	keys := cache.ListRedisKeysOutput(ctx, cache.ListRedisKeysOutputArgs{ResourceGroupName: args.ResourceGroup,
		Name: redis.Name}, parent.(pulumi.InvokeOption))
	return &redisEndpoint{
		id: redis.ID().ToStringOutput(), host: redis.HostName, key: keys.PrimaryKey(), port: 6380,
		groupID: "redisCache", zone: "privatelink.redis.cache.windows.net", beforeEndpoint: redis,
		logs: redis.ID().ToStringOutput(),
	}, nil
}
