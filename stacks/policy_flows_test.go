package stacks

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// reviewedFlows are all flows that a tier's security group permits, as permitted writes them. Subnets go by their
// names.
var reviewedFlows = map[string][]string{
	"database": {
		"in apps,cluster,nodes > database Tcp 5432",
		"in database > database Tcp 5432",
		"in database,other database > database Tcp 5432", // of two regions
	},
	"endpoints": {
		"in apps > endpoints Tcp 6380,8500,10000",
		"in apps,cluster,nodes,gateway > endpoints Tcp 443",
	},
	"apps": {
		"in Internet > apps Tcp 8883,30000-32767",
		"in AzureFrontDoor.Backend > apps Tcp 443,31443",
		"in AzureLoadBalancer > apps Tcp 30000-32767",
	},
	"cluster": {
		"in gateway > cluster Tcp 1883,8000",
		"in cluster > cluster * *",
		"in cluster > pods * *",
		"in pods > pods * *",
		"in AzureLoadBalancer > cluster * *",
	},
	"gateway": {
		"in Internet > gateway Tcp 8883,443",
		"in GatewayManager > * Tcp 65200-65535",
		"in AzureLoadBalancer > * * *",
	},
	"nodes": {
		"in Internet > nodes Tcp 8883,8084",
		"in AzureLoadBalancer > nodes Tcp 8888",
		"in nodes > nodes Tcp 4369,9100-9109,44053,8883",
		"in bastion > nodes Tcp 22", // with Bastion
	},
	"AzureBastionSubnet": { // learn.microsoft.com/azure/bastion/bastion-nsg
		"in Internet > * Tcp 443",
		"in GatewayManager > * Tcp 443",
		"in AzureLoadBalancer > * Tcp 443",
		"in VirtualNetwork > * Tcp 8080,5701",
		"out * > VirtualNetwork Tcp 22,3389",
		"out * > AzureCloud Tcp 443",
		"out VirtualNetwork > VirtualNetwork Tcp 8080,5701",
		"out * > Internet Tcp 80",
	},
}

// subnetNames are the subnets by what follows the first half of their region's addresses, and the addresses of pods.
var subnetNames = map[string]string{
	"0.0/24": "apps", "1.0/28": "database", "1.16/28": "nodes", "1.32/27": "endpoints",
	"1.64/26": "cluster", "1.128/26": "gateway", "1.192/26": "bastion",
}

var ofARegion = regexp.MustCompile(`^10\.(20|21)\.(.+)$`)

// subnetName calls an address range by its subnet, and leaves all other sources and targets as they are.
func subnetName(prefix string, second bool) string {
	if prefix == "192.168.0.0/17" {
		return "pods"
	}
	parts := ofARegion.FindStringSubmatch(prefix)
	if parts == nil || subnetNames[parts[2]] == "" {
		return prefix
	}
	if (parts[1] == "21") != second {
		return "other " + subnetNames[parts[2]]
	}
	return subnetNames[parts[2]]
}

func permitted(r securityRule) string {
	direction, from, to := "out", []string{}, []string{}
	if r.inbound {
		direction = "in"
	}
	for _, source := range r.sources {
		from = append(from, subnetName(source, r.group.secondary()))
	}
	for _, target := range r.targets {
		to = append(to, subnetName(target, r.group.secondary()))
	}
	comma := func(list []string) string { return strings.Join(list, ",") }
	return fmt.Sprintf("%s %s > %s %s %s", direction, comma(from), comma(to), r.protocol, comma(r.ports))
}

func reviewedFlow(e estate, group node) []violation {
	var found []violation
	for _, r := range securityRules(group) {
		reviewed := r.access != "Allow" || slices.Contains(reviewedFlows[e.tier(group)], permitted(r))
		found = append(found, demand(reviewed, group, "%s permits %q, which nobody has reviewed", r.name, permitted(r))...)
	}
	return found
}

// Without one of its flows a tier is cut off from what it needs.
func TestEachTierIsPermittedAllThatItNeeds(t *testing.T) {
	seen := map[string]bool{}
	for name, resources := range shippedResources(t) {
		e := newEstate(resources)
		_, regions := inTwoRegions[name]
		for _, group := range e.all("network:NetworkSecurityGroup") {
			tier, has := e.tier(group), map[string]bool{}
			for _, r := range securityRules(group) {
				has[permitted(r)] = r.access == "Allow"
			}
			for _, flow := range reviewedFlows[tier] {
				needed := true
				switch {
				case tier == "database" && strings.HasPrefix(flow, "in database"):
					needed = strings.Contains(flow, "other") == regions
				case strings.HasPrefix(flow, "in bastion"):
					needed = len(e.beside(group).all("network:BastionHost")) > 0
				}
				if has[flow] != needed {
					t.Errorf("%s: %s permits %q: %v, and should: %v", name, group.Name, flow, has[flow], needed)
				}
				seen[tier+" "+flow] = seen[tier+" "+flow] || has[flow]
			}
		}
	}
	for tier, flows := range reviewedFlows {
		for _, flow := range flows {
			if !seen[tier+" "+flow] {
				t.Errorf("no stack has the flow %q of %s", flow, tier)
			}
		}
	}
}

func TestTheLastWordOfATierComesAfterAllThatItPermits(t *testing.T) {
	for name, resources := range shippedResources(t) {
		for _, group := range newEstate(resources).all("network:NetworkSecurityGroup") {
			for _, r := range securityRules(group) {
				if denies := r.access == "Deny"; denies != (r.priority == 4096) || denies != (r.name == "deny-network") {
					t.Errorf("%s: %s of %s is %s with the priority %v", name, r.name, group.Name, r.access, r.priority)
				}
			}
		}
	}
}
