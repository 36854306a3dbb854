package costs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Source is a price list in the form of Azure's Retail Prices API.
// https://learn.microsoft.com/rest/api/cost-management/retail-prices/azure-retail-prices
type Source struct {
	URL    string
	Client *http.Client
}

// AzurePrices is Azure's own. It is public: no account is needed.
var AzurePrices = Source{URL: "https://prices.azure.com/api/retail/prices",
	Client: &http.Client{Timeout: 30 * time.Second}}

// Refresh asks for the prices that are wanted, and gives back the book with those that were found. Of each other one it
// says why the book's own was kept. An error means that the list can't be read at all.
func Refresh(ctx context.Context, from Source, book Book, wanted []Wanted, now time.Time) (Book, []string, error) {
	book.Prices = slices.Clone(book.Prices)
	var kept []string
	for _, w := range wanted {
		m, known := meterOf(w.Meter)
		if !known {
			kept = append(kept, w.Meter+": is no meter")
			continue
		}
		region := w.Region
		if m.region != "" {
			region = m.region
		}
		items, err := from.items(ctx, m.filter(region))
		if err != nil {
			return Book{}, nil, fmt.Errorf("prices of %s in %s: %w", w.Meter, w.Region, err)
		}
		usd, err := m.pick(items)
		if err != nil {
			kept = append(kept, fmt.Sprintf("%s in %s: %v", w.Meter, w.Region, err))
			continue
		}
		price := Price{Meter: w.Meter, Region: w.Region, Unit: m.unit, USD: usd, Date: today(now),
			Source: "Azure Retail Prices API"}
		if m.region != "" {
			price.Region = Global
		}
		book.set(price)
	}
	slices.SortFunc(book.Prices, byMeter)
	return book, kept, nil
}

// item is a line of the price list, as far as it matters here.
type item struct {
	CurrencyCode     string  `json:"currencyCode"`
	TierMinimumUnits float64 `json:"tierMinimumUnits"`
	RetailPrice      float64 `json:"retailPrice"`
	ArmRegionName    string  `json:"armRegionName"`
	MeterName        string  `json:"meterName"`
	ProductName      string  `json:"productName"`
	SkuName          string  `json:"skuName"`
	ServiceName      string  `json:"serviceName"`
	UnitOfMeasure    string  `json:"unitOfMeasure"`
	EffectiveEndDate string  `json:"effectiveEndDate"` // only of what is over
	Type             string  `json:"type"`
	ArmSkuName       string  `json:"armSkuName"`
}

// What the service does to who asks often: it answers 429, with or without the seconds to wait.
const (
	attempts    = 4
	defaultWait = 5 * time.Second
	longestWait = time.Minute
	mostPages   = 20 // of 1,000 lines each: a filter that matches more is wrong
)

// items reads every page that a filter matches.
func (s Source) items(ctx context.Context, filter string) ([]item, error) {
	var all []item
	next := s.URL + "?" + url.Values{"$filter": {filter}}.Encode()
	for range mostPages {
		var page struct {
			Items        []item `json:"Items"`
			NextPageLink string `json:"NextPageLink"`
		}
		if err := s.get(ctx, next, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if page.NextPageLink == "" {
			return all, nil
		}
		next = page.NextPageLink
	}
	return nil, fmt.Errorf("the filter %q matches more than %d pages", filter, mostPages)
}

// get reads one page, and waits where the service says so.
func (s Source) get(ctx context.Context, page string, into any) error {
	var last error
	for range attempts {
		wait, err := s.try(ctx, page, into)
		if err == nil {
			return nil
		}
		if wait == 0 {
			return err
		}
		last = err
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), last)
		case <-time.After(wait):
		}
	}
	return last
}

// try reads one page once. A wait says that it may go better later.
func (s Source) try(ctx context.Context, page string, into any) (wait time.Duration, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, page, nil)
	if err != nil {
		return 0, err
	}
	response, err := s.Client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(response.Body, 300)) // what can't be read is not said
		err := fmt.Errorf("%s: %s", response.Status, strings.TrimSpace(string(said)))
		if response.StatusCode == http.StatusTooManyRequests || response.StatusCode >= http.StatusInternalServerError {
			return waitOf(response.Header.Get("Retry-After")), err
		}
		return 0, err
	}
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		return 0, fmt.Errorf("is no price list: %w", err)
	}
	return 0, nil
}

func waitOf(header string) time.Duration {
	seconds, err := strconv.Atoi(header)
	if err != nil || seconds < 0 {
		return defaultWait
	}
	return min(max(time.Duration(seconds)*time.Second, time.Millisecond), longestWait)
}
