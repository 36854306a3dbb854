package costs

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// replies are what a service answers, by words that the filter must have.
type replies struct {
	t      *testing.T
	stored map[string]json.RawMessage
	asked  []string
	before []int // status codes of the first answers
}

func (r *replies) ServeHTTP(out http.ResponseWriter, in *http.Request) {
	filter := in.URL.Query().Get("$filter")
	r.asked = append(r.asked, filter)
	if len(r.before) > 0 {
		status := r.before[0]
		r.before = r.before[1:]
		out.Header().Set("Retry-After", "0")
		out.WriteHeader(status)
		fmt.Fprint(out, `{"Error":{"Code":"BadRequest","Message":"said the service"}}`)
		return
	}
	name := "nothing"
	for words, reply := range map[string]string{
		"armSkuName eq 'Standard_D4s_v3'": "vm-1", "page 2": "vm-2", "Analytics Logs Data Ingestion": "loganalytics",
		"Public Zone": "dns", "C1 Cache": "redis",
	} {
		if strings.Contains(filter, words) {
			name = reply
		}
	}
	text := strings.Replace(string(r.stored[name]), `"NEXT"`, `"http://`+in.Host+`/?$filter=page%202"`, 1)
	if _, err := out.Write([]byte(text)); err != nil {
		r.t.Error(err)
	}
}

// service answers with the stored replies, after some status codes.
func service(t *testing.T, before ...int) (Source, *replies) {
	t.Helper()
	data, err := os.ReadFile("testdata/replies.json")
	if err != nil {
		t.Fatal(err)
	}
	r := &replies{t: t, before: before}
	if err := json.Unmarshal(data, &r.stored); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	return Source{URL: server.URL, Client: server.Client()}, r
}

var monday = time.Date(2026, 11, 23, 23, 0, 0, 0, time.UTC)

func TestARefreshTakesTheOnePriceThatIsMeantAndKeepsTheRest(t *testing.T) {
	from, asked := service(t)
	old := book(price("vm/Standard_D4s_v3", "eastus", 0.1), price("aks/standard", "eastus", 0.1))
	renewed, kept, err := Refresh(context.Background(), from, old, []Wanted{
		{"vm/Standard_D4s_v3", "eastus"}, {"loganalytics/gb", "westeurope"}, {"dns/zone", "westeurope"},
		{"redis-classic/C1", "eastus"}, {"aks/standard", "eastus"},
	}, monday)
	if err != nil {
		t.Fatal(err)
	}
	const source = "Azure Retail Prices API"
	want := []Price{
		price("aks/standard", "eastus", 0.1), // the service has nothing of it
		{Meter: "dns/zone", Region: Global, Unit: "month", USD: 0.5, Date: "2026-11-23", Source: source},
		// after the free ones
		{Meter: "loganalytics/gb", Region: "westeurope", Unit: "GB", USD: 2.99, Date: "2026-11-23", Source: source},
		{Meter: "redis-classic/C1", Region: "eastus", Unit: "hour", USD: 0.139, Date: "2026-11-23", Source: source},
		{Meter: "vm/Standard_D4s_v3", Region: "eastus", Unit: "hour", USD: 0.193, Date: "2026-11-23", Source: source},
	}
	if !slices.Equal(renewed.Prices, want) {
		t.Errorf("the book is\n%+v\nwant\n%+v", renewed.Prices, want)
	}
	if len(kept) != 1 || !strings.Contains(kept[0], "aks/standard in eastus") {
		t.Errorf("kept: %v", kept)
	}
	if old.Prices[1].USD != 0.1 {
		t.Error("the old book was written in")
	}
	first := "priceType eq 'Consumption' and (armRegionName eq 'eastus') and (serviceName eq 'Virtual Machines') and " +
		"(armSkuName eq 'Standard_D4s_v3')"
	if asked.asked[0] != first || len(asked.asked) != 6 {
		t.Errorf("asked for %q", asked.asked)
	}
	if data, err := renewed.JSON(); err != nil {
		t.Error(err)
	} else if _, err := ParseBook(data); err != nil {
		t.Errorf("the renewed book is refused: %v", err)
	}
}

func TestARefreshWaitsWhereItIsToldTo(t *testing.T) {
	from, asked := service(t, http.StatusTooManyRequests, http.StatusServiceUnavailable)
	renewed, _, err := Refresh(context.Background(), from, book(), []Wanted{{"dns/zone", "eastus"}}, monday)
	if err != nil || len(renewed.Prices) != 1 || len(asked.asked) != 3 {
		t.Errorf("%d questions gave %+v, %v", len(asked.asked), renewed.Prices, err)
	}
}

func TestAServiceThatRefusesIsAnErrorInItsWords(t *testing.T) {
	for name, before := range map[string][]int{"at once": {http.StatusBadRequest}, "for ever": {429, 429, 429, 429}} {
		from, asked := service(t, before...)
		_, _, err := Refresh(context.Background(), from, book(), []Wanted{{"dns/zone", "eastus"}}, monday)
		if err == nil || !strings.Contains(err.Error(), "said the service") ||
			!strings.Contains(err.Error(), "dns/zone in eastus") || len(asked.asked) != len(before) {
			t.Errorf("refused %s: %v after %d questions", name, err, len(asked.asked))
		}
	}
	ended, end := context.WithCancel(context.Background())
	end()
	from, _ := service(t)
	if _, _, err := Refresh(ended, from, book(), []Wanted{{"dns/zone", "eastus"}}, monday); err == nil {
		t.Error("a refresh that was cancelled went on")
	}
}

func TestOfSeveralPricesNoneIsTaken(t *testing.T) {
	m := meter{listed: "1 Hour"}
	line := item{CurrencyCode: "USD", Type: "Consumption", UnitOfMeasure: "1 Hour", RetailPrice: 1}
	other := line
	other.RetailPrice = 2
	for name, c := range map[string]struct {
		items []item
		want  string
	}{
		"one": {[]item{line}, ""}, "the same twice": {[]item{line, line}, ""},
		"two": {[]item{line, other}, "several prices"}, "none": {nil, "none of the 0 lines"},
		"another unit": {[]item{{CurrencyCode: "USD", Type: "Consumption", UnitOfMeasure: "1/Month", RetailPrice: 1}},
			"none of the 1 lines"},
		"euros": {[]item{{CurrencyCode: "EUR", Type: "Consumption", UnitOfMeasure: "1 Hour", RetailPrice: 1}},
			"none of the 1 lines"},
		"a gift": {[]item{{CurrencyCode: "USD", Type: "Consumption", UnitOfMeasure: "1 Hour"}}, "for nothing"},
	} {
		if _, err := m.pick(c.items); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
