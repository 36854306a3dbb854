package stacks

import (
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/amora-sync/mqtt-on-azure/internal/costs"
)

// smallestOf is a stack of a broker at the sizes of the requirement, as the bottom-up sums in it count them: in East
// US, in one zone.
func smallestOf(broker string) map[string]string {
	return valid(map[string]string{
		"broker": broker, "location": "eastus", "capacity": `{"minNodes":` + map[string]string{EMQXContainerApps: "2",
			HiveMQAKS: "3", VerneMQVMs: "3"}[broker] + `}`,
		"redis": `{"service":"classic","sku":"C1"}`, "vernemq": `{"sshKey":"` + sshKey + `"}`,
		"hivemq": `{"licence":"dGhlLWxpY2VuY2U="}`,
	})
}

// estimated prices a config by the prices of East US that the sums by hand were made with: the book gets others with
// each refresh.
func estimated(t *testing.T, raw map[string]string) costs.Estimate {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "prices.json"))
	if err != nil {
		t.Fatal(err)
	}
	book, err := costs.ParseBook(data)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Parse("prod", raw)
	if err != nil {
		t.Fatal(err)
	}
	estimate, err := NewPlan("prod", c).estimate(book)
	if err != nil {
		t.Fatal(err)
	}
	return estimate
}

// TestTheSumsAtTheRequirementsSizesAreThoseComputedByHand holds the estimate of what the requirement lists against sums
// that were made from the bottom up by somebody else (list prices of East US, 730 hours, PostgreSQL D4ds_v5 with 128
// GiB at 274.60). What the two count in another way is taken out first, each with its reason; the rest must agree to
// ten cents.
func TestTheSumsAtTheRequirementsSizesAreThoseComputedByHand(t *testing.T) {
	for broker, c := range map[string]struct {
		byHand  float64
		another map[string]float64 // ours less theirs
	}{
		EMQXContainerApps: {741.80, map[string]float64{
			"they take off the free grant of Container Apps, which a subscription has once and not each stack": 5.40,
			"100,000 operations of the vault are 0.30; they have 1":                                            -0.70,
			"a registry is paid for by the day, and a month has 30.4":                                          0.29,
		}},
		HiveMQAKS: {1013.94, map[string]float64{
			"an instance of the gateway is paid for with ten capacity units, used or not; they count two": 8 * 0.008 * 730,
			"the second address is the NAT gateway's, which the requirement does not list":                -3.65,
			"100,000 operations of the vault are 0.30; they have 1":                                       -0.70,
			"the storage account holds a GB; they have 2 USD":                                             -1.98,
		}},
		VerneMQVMs: {777.61, map[string]float64{
			"100,000 operations of the vault are 0.30; they have 1":          -0.70,
			"the machines fetch what they run from a storage account (1 GB)": 0.02,
		}},
	} {
		estimate := estimated(t, smallestOf(broker))
		listed := 0.0
		for _, line := range estimate.Lines {
			if line.Group == costs.Broker && !line.Extra {
				listed += line.Low
			}
		}
		for _, reason := range slices.Sorted(maps.Keys(c.another)) {
			listed -= c.another[reason]
		}
		if math.Abs(listed-c.byHand) > 0.1 {
			t.Errorf("%s: what the requirement lists comes to %.2f, by hand %.2f", broker, listed, c.byHand)
			for _, line := range estimate.Lines {
				t.Logf("%v %8.2f %s", line.Extra, line.Low, line.Name)
			}
		}
	}
}

func TestMoreNodesNeverCostLess(t *testing.T) {
	for _, broker := range brokers {
		for _, zones := range []string{"[1]", "[1,2,3]"} {
			before := costs.Sum{}
			for _, nodes := range []string{"2", "3", "4", "5", "6", "7", "8", "9", "10"} {
				raw := smallestOf(broker)
				raw[namespace+"capacity"] = `{"minNodes":` + nodes + `,"maxNodes":10}`
				raw[namespace+"availability"] = `{"zones":` + zones + `}`
				estimate := estimated(t, raw)
				if estimate.Total.Low <= before.Low || estimate.Total.High < before.High ||
					estimate.Total.High < estimate.Total.Low {
					t.Errorf("%s in %s: %s nodes cost %+v, and one less %+v", broker, zones, nodes, estimate.Total, before)
				}
				before = estimate.Total
			}
		}
	}
}

func TestAStandbyOfTheDatabaseDoublesItsPrice(t *testing.T) {
	total := func(ha string) float64 {
		raw := smallestOf(VerneMQVMs)
		raw[namespace+"availability"] = `{"zones":[1,2,3],"databaseHA":` + ha + `}`
		estimate := estimated(t, raw)
		return estimate.Total.Low
	}
	if more := total("true") - total("false"); math.Abs(more-274.60) > 0.01 { // 0.356 × 730 + 0.115 × 128
		t.Errorf("the standby costs %.2f, want 274.60", more)
	}
}

func TestThePlanAgainstFloodsIsPricedAsWhatItIs(t *testing.T) {
	for ddos, want := range map[string]float64{DDoSNone: 0, DDoSIP: 199, DDoSNetwork: 2943.55} {
		raw := smallestOf(VerneMQVMs)
		raw[namespace+"security"] = `{"ddos":"` + ddos + `","privateLink":[]}`
		estimate := estimated(t, raw)
		if math.Abs(estimate.Groups[costs.Security].Low-want) > 0.01 {
			t.Errorf("%s costs %+v; want %v", ddos, estimate.Groups[costs.Security], want)
		}
	}
}
