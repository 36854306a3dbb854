package stacks

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/amora-sync/mqtt-on-azure/components"
	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// Plan is everything that decides the structure or the price of a stack. It follows from the Config alone.
type Plan struct {
	Broker   string
	Name     string // prefix of resource names, and the resource group
	Location string
	Tags     map[string]string
	Protect  bool

	Network  NetworkPlan
	Names    NamesPlan
	Database components.DatabaseSize
	Redis    components.RedisSize
	EMQX     components.ContainerAppsSize
	Image    string
	JWT      *assets.JWT

	CertificateSecretURL string // "" for a self-signed one
	CertificateVaultID   string
	AllowReplace         []string
}

// NetworkPlan is the address space cut into subnets, as CIDR blocks.
type NetworkPlan struct{ AddressSpace, Apps, Database, Endpoints string }

// NamesPlan is where clients find the broker.
type NamesPlan struct {
	Zone            string
	ZoneGroup       string // resource group of an existing zone, "" for one of our own
	Host            string // of mqtts://
	HostRecord      string // Host relative to Zone, "@" for the zone itself
	WebSocketHost   string // of wss://
	WebSocketRecord string
}

// NewPlan decides what a valid config deploys.
func NewPlan(stack string, c Config) Plan {
	zoned := regions[c.Location]
	plan := Plan{
		Broker: c.Broker, Name: c.Name, Location: c.Location, Protect: c.Protect,
		Tags:    tags(stack, c),
		Network: planNetwork(c.Network.AddressSpace),
		Names:   planNames(c.Domain, c.DNS),
		Database: components.DatabaseSize{
			SKU: c.Database.SKU, Tier: databaseTiers[databaseRule.FindStringSubmatch(c.Database.SKU)[1]],
			StorageGB: c.Database.StorageGB, Version: c.Database.Version, BackupDays: c.Availability.BackupRetentionDays,
		},
		Redis: components.RedisSize{
			Service: c.Redis.Service, SKU: c.Redis.SKU, HighAvailability: len(c.Availability.Zones) > 1,
		},
		EMQX: components.ContainerAppsSize{
			MinNodes: c.Capacity.MinNodes, MaxNodes: c.Capacity.MaxNodes, VCPU: c.EMQX.VCPU,
			Dedicated: c.EMQX.Profile == "Dedicated", ZoneRedundant: zoned && len(c.Availability.Zones) > 1,
			EdgeReplicas: [2]int{2, 10},
		},
		Image:        c.EMQX.Image,
		AllowReplace: c.AllowReplace,
	}
	if zoned {
		plan.Database.Zone = strconv.Itoa(c.Availability.Zones[0])
		if c.Availability.DatabaseHA {
			plan.Database.StandbyZone = strconv.Itoa(c.Availability.Zones[1])
		}
	}
	if c.EMQX.Peak != (Peak{}) {
		plan.EMQX.Peak = &components.PeakHours{Timezone: c.EMQX.Peak.Timezone, Start: c.EMQX.Peak.Start, End: c.EMQX.Peak.End}
	}
	if c.Security.JWT != (JWT{}) {
		plan.JWT = &assets.JWT{JWKSURL: c.Security.JWT.JWKSURL, Issuer: c.Security.JWT.Issuer, Audience: c.Security.JWT.Audience}
	}
	if c.TLS.Mode == TLSKeyVault {
		// A certificate is read, with its private key, as the secret of the same name.
		plan.CertificateSecretURL = strings.Replace(c.TLS.Certificate, "/certificates/", "/secrets/", 1)
		plan.CertificateVaultID = c.TLS.VaultID
	}
	return plan
}

// guard is how a stateful resource of the plan is kept. With the resource group goes everything that is in it.
func (p Plan) guard(resource string) components.Guard {
	allowed := slices.Contains(p.AllowReplace, resource) || slices.Contains(p.AllowReplace, "resourceGroup")
	return components.Guard{Protect: p.Protect && !allowed, AllowReplace: allowed}
}

// compact drops the hyphens, for registries, whose names hold letters and digits only.
func compact(name string) string { return strings.ReplaceAll(name, "-", "") }

func tags(stack string, c Config) map[string]string {
	all := map[string]string{"project": "amora-sync", "stack": stack, "broker": c.Broker}
	for key, value := range c.Tags {
		all[key] = value
	}
	return all
}

// planNetwork cuts the address space: a /24 for the Container Apps environment at its start, a /28 for the database and
// a /27 for private endpoints in the /24 after it. What is behind stays free for other brokers.
func planNetwork(space string) NetworkPlan {
	base := netip.MustParsePrefix(space).Addr().As4()
	block := func(third, fourth byte, bits int) string {
		return fmt.Sprintf("%d.%d.%d.%d/%d", base[0], base[1], base[2]+third, fourth, bits)
	}
	return NetworkPlan{AddressSpace: space, Apps: block(0, 0, 24), Database: block(1, 0, 28), Endpoints: block(1, 32, 27)}
}

func planNames(domain string, dns DNS) NamesPlan {
	webSocket := "ws." + domain
	relative := func(host string) string {
		if host == dns.Zone {
			return "@"
		}
		return strings.TrimSuffix(host, "."+dns.Zone)
	}
	return NamesPlan{
		Zone: dns.Zone, ZoneGroup: dns.ResourceGroup,
		Host: domain, HostRecord: relative(domain),
		WebSocketHost: webSocket, WebSocketRecord: relative(webSocket),
	}
}
