package costs

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// list is a service that answers as Azure's does, from the recorded lines that a filter matches.
type list struct {
	t      *testing.T
	lines  []map[string]string
	asked  []string
	before []int // status codes of the first answers
}

// pageSize is small, so that an answer has several pages. Azure's have 1,000 lines.
const pageSize = 2

// condition is one alternative of a filter. Values are compared as they are written: api-version 2023-01-01-preview
// takes no other spelling, and older ones may.
var condition = regexp.MustCompile(`^(\w+) eq '((?:[^']|'')*)'$`)

// matches evaluates a filter as the program writes them: alternatives in brackets, joined by "and".
func (l *list) matches(filter string, line map[string]string) bool {
	for _, part := range strings.Split(filter, " and (") {
		any := false
		for _, alternative := range strings.Split(strings.TrimSuffix(part, ")"), " or ") {
			c := condition.FindStringSubmatch(alternative)
			if c == nil {
				l.t.Errorf("the filter %q has %q", filter, alternative)
				return false
			}
			field := c[1]
			if field == "priceType" { // the field of the answer is called otherwise
				field = "type"
			}
			value, known := line[field]
			if !known {
				l.t.Errorf("the filter %q asks for the field %s", filter, field)
			}
			any = any || value == strings.ReplaceAll(c[2], "''", "'")
		}
		if !any {
			return false
		}
	}
	return true
}

func (l *list) ServeHTTP(out http.ResponseWriter, in *http.Request) {
	filter, skip := in.URL.Query().Get("$filter"), in.URL.Query().Get("$skip")
	if skip == "" {
		l.asked = append(l.asked, filter)
	}
	if len(l.before) > 0 {
		status := l.before[0]
		l.before = l.before[1:]
		out.Header().Set("Retry-After", "0")
		out.WriteHeader(status)
		fmt.Fprint(out, `{"Error":{"Code":"BadRequest","Message":"said the service"}}`)
		return
	}
	var found []map[string]any
	for _, line := range l.lines {
		if !l.matches(filter, line) {
			continue
		}
		item := map[string]any{"currencyCode": "USD"}
		for field, value := range line {
			item[field] = value
		}
		for _, field := range []string{"retailPrice", "tierMinimumUnits"} {
			number, err := strconv.ParseFloat(line[field], 64)
			if err != nil {
				l.t.Error(err)
			}
			item[field] = number
		}
		found = append(found, item)
	}
	from, _ := strconv.Atoi(skip)
	page := map[string]any{"BillingCurrency": "USD", "Items": found[from:min(from+pageSize, len(found))]}
	if from+pageSize < len(found) {
		page["NextPageLink"] = "http://" + in.Host + "/?" +
			url.Values{"$filter": {filter}, "$skip": {strconv.Itoa(from + pageSize)}}.Encode()
	}
	if err := json.NewEncoder(out).Encode(page); err != nil {
		l.t.Error(err)
	}
}

// service answers from the recorded lines, after some status codes.
func service(t *testing.T, before ...int) (Source, *list) {
	t.Helper()
	data, err := os.ReadFile("testdata/list.tsv")
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	fields := strings.Split(rows[0], "\t")
	l := &list{t: t, before: before}
	for _, row := range rows[1:] {
		line := map[string]string{}
		for i, value := range strings.Split(row, "\t") {
			line[fields[i]] = value
		}
		delete(line, "from")
		l.lines = append(l.lines, line)
	}
	server := httptest.NewServer(l)
	t.Cleanup(server.Close)
	return Source{URL: server.URL, Client: server.Client()}, l
}

var monday = time.Date(2026, 11, 23, 23, 0, 0, 0, time.UTC)

// notRecorded are meters of which nobody has published the list's own lines.
var notRecorded = []string{"ddos/ip", "ddos/network", "dns/zone", "privatedns/zone",
	"trafficmanager/external-endpoint", "trafficmanager/external-endpoint-fast"}

func TestARefreshFindsEveryMeterInTheListAndItsPriceIsTheBooks(t *testing.T) {
	from, _ := service(t)
	b, err := Prices()
	if err != nil {
		t.Fatal(err)
	}
	wanted := map[Wanted]float64{}
	for _, p := range b.Prices {
		if p.Region == "westeurope" || p.Region == Global {
			wanted[Wanted{p.Meter, "westeurope"}] = p.USD
		}
	}
	renewed, kept, err := Refresh(t.Context(), from, Book{Currency: "USD"}, slices.Collect(maps.Keys(wanted)), monday)
	if err != nil {
		t.Fatal(err)
	}
	for _, why := range kept {
		if meter, _, _ := strings.Cut(why, " "); !slices.Contains(notRecorded, meter) {
			t.Error("not found:", why)
		}
	}
	if len(renewed.Prices) != len(wanted)-len(notRecorded) {
		t.Errorf("%d of %d are found", len(renewed.Prices), len(wanted))
	}
	for _, p := range renewed.Prices {
		if had := wanted[Wanted{p.Meter, "westeurope"}]; math.Abs(p.USD-had) > 1e-9 {
			t.Errorf("%s: the list has %v, the book %v", p.Meter, p.USD, had)
		}
	}
}

func TestARefreshTakesTheOnePriceThatIsMeantAndKeepsTheRest(t *testing.T) {
	from, asked := service(t)
	old := book(price("vm/Standard_D4as_v5", "westeurope", 0.1), price("aks/standard", "eastus", 0.1))
	renewed, kept, err := Refresh(t.Context(), from, old, []Wanted{
		{"vm/Standard_D4as_v5", "westeurope"}, {"loganalytics/gb", "westeurope"}, {"nat/gateway", "westeurope"},
		{"postgres/Standard_D8s_v3", "westeurope"}, {"redis-classic/C1", "westeurope"}, {"aks/standard", "eastus"},
	}, monday)
	if err != nil {
		t.Fatal(err)
	}
	const source = "Azure Retail Prices API"
	line := func(meter, region, unit string, usd float64) Price {
		return Price{Meter: meter, Region: region, Unit: unit, USD: usd, Date: "2026-11-23", Source: source}
	}
	want := []Price{
		price("aks/standard", "eastus", 0.1),              // the list has nothing of it
		line("loganalytics/gb", "westeurope", "GB", 2.99), // after the free ones
		line("nat/gateway", Global, "hour", 0.045),
		line("postgres/Standard_D8s_v3", "westeurope", "hour", 0.812), // eight times a vCore
		line("redis-classic/C1", "westeurope", "hour", 0.138),         // both nodes
		// without a licence, not spot, not low priority, and not of Cloud Services
		line("vm/Standard_D4as_v5", "westeurope", "hour", 0.208),
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
	first := "priceType eq 'Consumption' and (armRegionName eq 'westeurope') and " +
		"(serviceName eq 'Virtual Machines') and (armSkuName eq 'Standard_D4as_v5')"
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
	renewed, _, err := Refresh(context.Background(), from, book(), []Wanted{{"nat/gateway", "eastus"}}, monday)
	if err != nil || len(renewed.Prices) != 1 || len(asked.asked) != 3 {
		t.Errorf("%d questions gave %+v, %v", len(asked.asked), renewed.Prices, err)
	}
}

func TestAServiceThatRefusesIsAnErrorInItsWords(t *testing.T) {
	for name, before := range map[string][]int{"at once": {http.StatusBadRequest}, "for ever": {429, 429, 429, 429}} {
		from, asked := service(t, before...)
		_, _, err := Refresh(context.Background(), from, book(), []Wanted{{"nat/gateway", "eastus"}}, monday)
		if err == nil || !strings.Contains(err.Error(), "said the service") ||
			!strings.Contains(err.Error(), "nat/gateway in eastus") || len(asked.asked) != len(before) {
			t.Errorf("refused %s: %v after %d questions", name, err, len(asked.asked))
		}
	}
	ended, end := context.WithCancel(context.Background())
	end()
	from, _ := service(t)
	if _, _, err := Refresh(ended, from, book(), []Wanted{{"nat/gateway", "eastus"}}, monday); err == nil {
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
		"a free line beside it": {[]item{line, {CurrencyCode: "USD", Type: "Consumption", UnitOfMeasure: "1 Hour",
			SkuName: "Compute - Free"}}, ""},
		"euros": {[]item{{CurrencyCode: "EUR", Type: "Consumption", UnitOfMeasure: "1 Hour", RetailPrice: 1}},
			"none of the 1 lines"},
		"a gift": {[]item{{CurrencyCode: "USD", Type: "Consumption", UnitOfMeasure: "1 Hour"}}, "for nothing"},
	} {
		if _, err := m.pick(c.items); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
