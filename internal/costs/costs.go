// Package costs estimates what a plan costs in a month: quantities of what Azure counts, times a book of list prices.
package costs

import (
	"cmp"
	"maps"
	"slices"
)

// HoursInMonth is how many hours Azure's price calculator takes for a month.
const HoursInMonth = 730

// SecondsInMonth is the same in seconds.
const SecondsInMonth = HoursInMonth * 3600

// Groups of a platform's resources, as the requirement counts them.
const (
	Broker     = "broker"     // and all that it can't do without: edge, database, cache, registry, vault, names, network
	Monitoring = "monitoring" // logs, metrics, alerts
	Security   = "security"   // private endpoints, protection against floods, the clients' directory
	// what the requirement names but does not price: the standby of the database, backups, the second region
	Recovery = "recovery"
)

// Quantity is how much of a meter is used in a month, at the fewest and at the most.
type Quantity struct {
	Meter string  `json:"meter"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Resource is one resource of a plan, or several that are alike.
type Resource struct {
	Group      string     `json:"group"`
	Type       string     `json:"type"` // of the Pulumi resource, without provider and version: network:NatGateway
	Name       string     `json:"name"` // for people
	Region     string     `json:"region"`
	Count      int        `json:"count"` // resources of Type
	Extra      bool       `json:"extra"` // the requirement's list does not have it
	Quantities []Quantity `json:"quantities"`
}

// NotPriced is something that costs money by how it is used, or by a contract that Azure does not know of.
type NotPriced struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

// Inventory is all that a plan costs.
type Inventory struct {
	Resources []Resource
	NotPriced []NotPriced
}

// Line is a resource with its price, in USD a month.
type Line struct {
	Resource
	Low  float64 `json:"usdLow"`
	High float64 `json:"usdHigh"`
}

// Sum is what several lines come to, in USD a month.
type Sum struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

func (s *Sum) add(low, high float64) { s.Low, s.High = s.Low+low, s.High+high }

// Estimate is what an inventory costs by a book of prices.
type Estimate struct {
	Currency string         `json:"currency"`
	Total    Sum            `json:"total"` // of a month
	Groups   map[string]Sum `json:"groups"`
	Lines    []Line         `json:"lines"`
	Oldest   string         `json:"oldestPrice"` // date of the oldest price in it
	// regions without prices of their own, for which those of DefaultRegion were taken
	Borrowed  []string    `json:"borrowed"`
	Recalled  []string    `json:"recalled"` // meters whose price nobody has looked up
	NotPriced []NotPriced `json:"notPriced"`
}

// Estimate prices an inventory. A meter that the book does not have ends up in NotPriced.
func (b Book) Estimate(inventory Inventory) Estimate {
	e := Estimate{Currency: b.Currency, Groups: map[string]Sum{}, NotPriced: slices.Clone(inventory.NotPriced)}
	borrowed, recalled := map[string]bool{}, map[string]bool{}
	for _, r := range inventory.Resources {
		line := Line{Resource: r}
		for _, q := range r.Quantities {
			price, found := b.price(q.Meter, r.Region)
			if !found {
				e.NotPriced = append(e.NotPriced,
					NotPriced{r.Name, "the price book does not have " + q.Meter + "; `amora cost --refresh` asks Azure for it"})
				continue
			}
			line.Low, line.High = line.Low+q.Low*price.USD, line.High+q.High*price.USD
			if e.Oldest == "" || price.Date < e.Oldest {
				e.Oldest = price.Date
			}
			if price.Region != r.Region && price.Region != Global {
				borrowed[r.Region] = true
			}
			if price.Recalled {
				recalled[q.Meter] = true
			}
		}
		e.Lines = append(e.Lines, line)
		e.Total.add(line.Low, line.High)
		group := e.Groups[r.Group]
		group.add(line.Low, line.High)
		e.Groups[r.Group] = group
	}
	e.Borrowed, e.Recalled = slices.Sorted(maps.Keys(borrowed)), slices.Sorted(maps.Keys(recalled))
	return e
}

// Meters lists what an inventory asks the price of: meters by region, each once, in order.
func (i Inventory) Meters() []Wanted {
	seen := map[Wanted]bool{}
	for _, r := range i.Resources {
		for _, q := range r.Quantities {
			seen[Wanted{q.Meter, r.Region}] = true
		}
	}
	return slices.SortedFunc(maps.Keys(seen), func(a, b Wanted) int {
		return cmp.Or(cmp.Compare(a.Meter, b.Meter), cmp.Compare(a.Region, b.Region))
	})
}

// Wanted is a price that is asked for.
type Wanted struct{ Meter, Region string }
