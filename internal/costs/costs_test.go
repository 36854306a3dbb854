package costs

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func price(meter, region string, usd float64) Price {
	return Price{Meter: meter, Region: region, Unit: "hour", USD: usd, Date: "2026-08", Source: "a test"}
}

func book(prices ...Price) Book {
	slices.SortFunc(prices, byMeter)
	return Book{Currency: "USD", Prices: prices}
}

func TestAnEstimateIsQuantitiesTimesPricesByHand(t *testing.T) {
	older := price("nat/gateway", "eastus", 0.045) // neither the first nor the last that is asked for
	older.Date = "2025-12"
	b := book(price("vm/Standard_D4s_v3", "eastus", 0.192), older, price("dns/zone", Global, 0.5))
	e := b.Estimate(Inventory{Resources: []Resource{
		{Group: Broker, Name: "nodes", Region: "eastus", Quantities: []Quantity{{"vm/Standard_D4s_v3", 3 * 730, 5 * 730}}},
		{Group: Broker, Name: "NAT", Region: "eastus", Quantities: []Quantity{{"nat/gateway", 730, 730}, {"dns/zone", 1, 1}}},
		{Group: Security, Name: "nothing", Region: "eastus"},
	}, NotPriced: []NotPriced{{"traffic", "by the GB"}}})
	// 3 × 140.16 + 32.85 + 0.50, and 5 × 140.16 + 33.35.
	if math.Abs(e.Total.Low-453.83) > 1e-9 || math.Abs(e.Total.High-734.15) > 1e-9 || e.Groups[Broker] != e.Total ||
		e.Groups[Security] != (Sum{}) {
		t.Errorf("the total is %+v, groups are %+v", e.Total, e.Groups)
	}
	if len(e.NotPriced) != 1 || e.Oldest != "2025-12" || e.Borrowed != nil || e.Recalled != nil {
		t.Errorf("the estimate says %+v", e)
	}
}

func TestAMonthHasTheHoursOfAzuresPriceCalculator(t *testing.T) {
	if HoursInMonth != 730 || SecondsInMonth != 2_628_000 {
		t.Errorf("%d hours, %d seconds", HoursInMonth, SecondsInMonth)
	}
}

func TestWhatTheBookLacksIsSaidAndNotTakenForNothing(t *testing.T) {
	recalled := price("nat/gateway", "eastus", 0.045)
	recalled.Recalled = true
	e := book(recalled).Estimate(Inventory{Resources: []Resource{
		{Name: "NAT", Region: "northeurope", Quantities: []Quantity{{"nat/gateway", 730, 730}}},
		{Name: "gateway", Region: "northeurope", Quantities: []Quantity{{"aks/standard", 730, 730}}},
	}})
	if len(e.NotPriced) != 1 || e.NotPriced[0].What != "gateway" || !strings.Contains(e.NotPriced[0].Why, "aks/standard") {
		t.Errorf("not priced: %+v", e.NotPriced)
	}
	if !slices.Equal(e.Borrowed, []string{"northeurope"}) || !slices.Equal(e.Recalled, []string{"nat/gateway"}) ||
		math.Abs(e.Total.Low-32.85) > 1e-9 {
		t.Errorf("the estimate says %+v", e)
	}
}

func TestASizeHasThePriceOfItsSeriesByVCPU(t *testing.T) {
	b := book(price("vm/Standard_D4s_v3", "eastus", 0.2), price("vm/Standard_D8s_v3", "eastus", 0.5),
		price("vm/Standard_D4s_v5", "eastus", 0.3),
		price("postgres/Standard_B2s", "eastus", 0.07), price("postgres/Standard_D4ds_v5", "eastus", 0.36),
		price("vm/Standard_D4s_v3", "westeurope", 0.24))
	for _, c := range []struct {
		meter, region string
		usd           float64
	}{
		{"vm/Standard_D4s_v3", "eastus", 0.2}, {"vm/Standard_D8s_v3", "eastus", 0.5}, // its own price, where there is one
		{"vm/Standard_D16s_v5", "eastus", 1.2}, {"vm/Standard_D2s_v3", "westeurope", 0.12},
		{"postgres/Standard_D2ds_v5", "eastus", 0.18},
		{"vm/Standard_D8s_v3", "westeurope", 0.48}, // the region's series before another region
		{"vm/Standard_D16s_v5", "westeurope", 1.2}, // another region's
		{"postgres/Standard_B4ms", "eastus", 0},    // burstable ones have credits
		{"vm/Standard_E4s_v3", "eastus", 0},        // another series
		{"vm/Standard_D4as_v5", "eastus", 0},       // and another
		{"postgres/Standard_D4s_v3", "eastus", 0},  // a machine's price is no server's
		{"loadbalancer/standard", "eastus", 0},
	} {
		got, found := b.price(c.meter, c.region)
		if found != (c.usd > 0) || math.Abs(got.USD-c.usd) > 1e-9 {
			t.Errorf("%s in %s: %+v, want %v", c.meter, c.region, got, c.usd)
		}
	}
}

func TestEveryLineOfTheBookHasUnitDateAndSourceAndBothRegions(t *testing.T) {
	b, err := Prices()
	if err != nil {
		t.Fatal(err)
	}
	regions := map[string][]string{}
	for _, p := range b.Prices {
		regions[p.Meter] = append(regions[p.Meter], p.Region)
		if m, _ := meterOf(p.Meter); m.unit != p.Unit {
			t.Errorf("%s in %s is by the %s, and its meter by the %s", p.Meter, p.Region, p.Unit, m.unit)
		}
	}
	for meter, in := range regions {
		if m, _ := meterOf(meter); m.region == "" && !(slices.Contains(in, "eastus") && slices.Contains(in, "westeurope")) {
			t.Errorf("%s has prices in %v, and not in both East US and West Europe", meter, in)
		} else if m.region != "" && !slices.Equal(in, []string{Global}) {
			t.Errorf("%s has prices in %v, and one price everywhere", meter, in)
		}
	}
	for meter := range meters {
		if len(regions[meter]) == 0 {
			t.Errorf("%s is a meter, and the book has no price of it", meter)
		}
	}
}

func TestABookWithABadLineIsRefused(t *testing.T) {
	good := `{"meter":"nat/gateway","region":"eastus","unit":"hour","usd":0.045,"date":"2026-08","source":"x"}`
	for name, c := range map[string]struct{ lines, want string }{
		"a good one":     {good, ""},
		"no price":       {strings.Replace(good, "0.045", "0", 1), "price 0: must be more than 0"},
		"a negative one": {strings.Replace(good, "0.045", "-1", 1), "price -1: must be more than 0"},
		"no source":      {strings.Replace(good, `"x"`, `""`, 1), "must have a unit, a source and a region"},
		"no date":        {strings.Replace(good, "2026-08", "lately", 1), `date "lately"`},
		"no meter":       {strings.Replace(good, "nat/gateway", "nat/gatewy", 1), "is no meter"},
		"twice":          {good + "," + good, "is out of order, or there twice"},
		"another field":  {strings.Replace(good, "unit", "units", 1), "unknown field"},
	} {
		_, err := ParseBook([]byte(fmt.Sprintf(`{"currency":"USD","prices":[%s]}`, c.lines)))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := ParseBook([]byte(`{"currency":"EUR","prices":[]}`)); err == nil {
		t.Error("a book in euros is taken")
	}
}

func TestTheBooksFileIsWrittenAsItIsRead(t *testing.T) {
	b, err := Prices()
	if err != nil {
		t.Fatal(err)
	}
	data, err := b.JSON()
	if err != nil || string(data) != string(embedded) {
		t.Errorf("the file would be another one after a refresh that finds nothing new: %v", err)
	}
}

func TestAnEstimateComesBackFromJSONAsItWas(t *testing.T) {
	e := book(price("nat/gateway", "eastus", 0.045)).Estimate(Inventory{
		Resources: []Resource{{Group: Broker, Type: "network:NatGateway", Name: "NAT", Region: "eastus", Count: 1,
			Extra: true, Quantities: []Quantity{{"nat/gateway", 730, 731}}}},
		NotPriced: []NotPriced{{"traffic", "by the GB"}},
	})
	data, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var back Estimate
	if err := json.Unmarshal(data, &back); err != nil || !reflect.DeepEqual(back, e) {
		t.Errorf("%+v came back as %+v, %v", e, back, err)
	}
}
