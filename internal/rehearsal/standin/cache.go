package standin

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

var cacheKinds = []*kind{
	{
		token: "cache:Redis", arm: "Microsoft.Cache/redis",
		path: []string{"name"}, located: true, global: true, required: []string{"sku"}, latency: 20 * time.Minute,
		naming: naming{pattern: regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9]|-[A-Za-z0-9]){0,62}$`),
			rule: "1 to 63 letters, digits and single hyphens, with no hyphen at either end"},
		fixed: []string{"subnetId", "staticIP", "zones"},
		enums: map[string][]string{
			"sku.name": {"Basic", "Standard", "Premium"}, "sku.family": {"C", "P"},
			"minimumTlsVersion": {"1.0", "1.1", "1.2"}, "publicNetworkAccess": {"Enabled", "Disabled"},
		},
		check: checkRedis, admit: admitRedis, taken: cacheNameTaken,
		compute: func(_ *World, r *Resource) map[string]any {
			return map[string]any{"hostName": strings.ToLower(r.name()) + ".redis.cache.windows.net", "sslPort": 6380.0,
				"port": 6379.0, "provisioningState": "Succeeded"}
		},
	},
	{
		token: "cache:RedisEnterprise", arm: "Microsoft.Cache/redisEnterprise",
		path: []string{"clusterName"}, located: true, global: true, required: []string{"sku"}, latency: 15 * time.Minute,
		naming: naming{pattern: regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9]|-[A-Za-z0-9]){0,59}$`),
			rule: "1 to 60 letters, digits and single hyphens, with no hyphen at either end"},
		fixed: []string{"zones"},
		enums: map[string][]string{"minimumTlsVersion": {"1.2"}, "highAvailability": {"Enabled", "Disabled"}},
		check: checkRedisEnterprise, taken: cacheNameTaken,
		compute: func(w *World, r *Resource) map[string]any {
			return map[string]any{"hostName": strings.ToLower(r.name()) + "." + locationOf(w, r) + ".redis.azure.net",
				"provisioningState": "Succeeded", "resourceState": "Running"}
		},
	},
	{
		token: "cache:Database", arm: "Microsoft.Cache/redisEnterprise/databases",
		path: []string{"clusterName", "databaseName"}, latency: 3 * time.Minute,
		naming: naming{pattern: regexp.MustCompile(`^default$`), rule: "the one database of a cluster is 'default'",
			auto: autoCopy},
		fixed: []string{"port", "clusteringPolicy", "modules", "persistence"},
		enums: map[string][]string{
			"clientProtocol": {"Encrypted", "Plaintext"}, "clusteringPolicy": {"EnterpriseCluster", "OSSCluster", "NoCluster"},
			"accessKeysAuthentication": {"Enabled", "Disabled"},
			"evictionPolicy": {"AllKeysLFU", "AllKeysLRU", "AllKeysRandom", "VolatileLRU", "VolatileLFU",
				"VolatileTTL", "VolatileRandom", "NoEviction"},
		},
		compute: func(_ *World, r *Resource) map[string]any {
			port := r.in().num("port")
			if port == 0 {
				port = 10000
			}
			return map[string]any{"port": port, "provisioningState": "Succeeded", "resourceState": "Running"}
		},
	},
}

func cacheNameTaken(name string, _ bool) error {
	return refusal("NameNotAvailable",
		"An error occurred when trying to reserve the DNS name for the cache: the name '%s' is already in use.", name)
}

func checkRedis(in props) []fault {
	family := "C"
	if in.str("sku.name") == "Premium" {
		family = "P"
	}
	if in.str("sku.name") != "" && in.str("sku.family") != family {
		return []fault{{"sku", "the family of " + in.str("sku.name") + " is " + family}}
	}
	if capacity := in.num("sku.capacity"); capacity < 0 || capacity > 6 || family == "P" &&
		(capacity < 1 || capacity > 5) {
		return []fault{{"sku", "capacity must be 0 to 6 for the family C and 1 to 5 for P"}}
	}
	return nil
}

// admitRedis holds what a cache can't be scaled down to: a lower tier, or C0.
func admitRedis(_ *World, r, old *Resource) error {
	if old == nil {
		return nil
	}
	tiers := []string{"Basic", "Standard", "Premium"}
	lower := slices.Index(tiers, r.in().str("sku.name")) < slices.Index(tiers, old.in().str("sku.name"))
	if lower || r.in().num("sku.capacity") == 0 && old.in().num("sku.capacity") > 0 {
		return refusal("BadRequest", "The cache %s can't be scaled down to a lower tier or to C0.", r.name())
	}
	return nil
}

var managedRedisSize = regexp.MustCompile(
	`^(Balanced_B(0|1|3|5|10|20|50|100|150|250|350|500|700|1000)|MemoryOptimized_M\d+|ComputeOptimized_X\d+|` +
		`FlashOptimized_A\d+|Enterprise_E\d+|EnterpriseFlash_F\d+)$`)

func checkRedisEnterprise(in props) []fault {
	if name := in.str("sku.name"); name != "" && !managedRedisSize.MatchString(name) {
		return []fault{{"sku", "'" + name + "' is no size of Azure Managed Redis, such as Balanced_B1"}}
	}
	return nil
}
