package costs

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// Global is the region of what has one price everywhere.
	Global = "global"
	// DefaultRegion is the one whose prices are taken for a region that has none in the book.
	DefaultRegion = "eastus"
)

// Price is a line of the book: a list price, pay as you go, without reservation or agreement.
type Price struct {
	Meter    string  `json:"meter"`
	Region   string  `json:"region"` // as in a stack's config, or Global
	Unit     string  `json:"unit"`   // such as hour, month, GB
	USD      float64 `json:"usd"`    // of one unit
	Date     string  `json:"date"`   // when it was the price, as exactly as the source has it: 2026, 2026-08 or 2026-08-21
	Source   string  `json:"source"`
	Recalled bool    `json:"recalled,omitempty"` // nobody has looked it up: correct it, or refresh it
}

// Book is the price book.
type Book struct {
	Currency string  `json:"currency"`
	Prices   []Price `json:"prices"` // by meter, then by region
}

//go:embed prices.json
var embedded []byte

// Prices is the book that this program was built with. `amora cost --refresh` renews its file, prices.json.
func Prices() (Book, error) { return ParseBook(embedded) }

// ParseBook reads a book, and refuses one with lines that are twice there, out of order, or without price, unit, date
// or source.
func ParseBook(data []byte) (Book, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	var book Book
	if err := decoder.Decode(&book); err != nil {
		return Book{}, fmt.Errorf("price book: %w", err)
	}
	var faults []error
	if book.Currency != "USD" {
		faults = append(faults, fmt.Errorf("currency %q: must be USD", book.Currency))
	}
	for i, p := range book.Prices {
		if err := p.check(); err != nil {
			faults = append(faults, fmt.Errorf("%s in %s: %w", p.Meter, p.Region, err))
		}
		if i > 0 && byMeter(book.Prices[i-1], p) >= 0 {
			faults = append(faults, fmt.Errorf("%s in %s: is out of order, or there twice", p.Meter, p.Region))
		}
	}
	if len(faults) > 0 {
		return Book{}, fmt.Errorf("price book: %w", errors.Join(faults...))
	}
	return book, nil
}

func byMeter(a, b Price) int { return strings.Compare(a.Meter+" "+a.Region, b.Meter+" "+b.Region) }

var dateRule = regexp.MustCompile(`^\d{4}(-\d\d(-\d\d)?)?$`)

func (p Price) check() error {
	switch _, known := meterOf(p.Meter); {
	case !known:
		return errors.New("is no meter")
	case p.USD <= 0:
		return fmt.Errorf("price %v: must be more than 0", p.USD)
	case p.Unit == "" || p.Source == "" || p.Region == "":
		return errors.New("must have a unit, a source and a region")
	case !dateRule.MatchString(p.Date):
		return fmt.Errorf("date %q: must be a year, month or day, such as 2026-11", p.Date)
	}
	return nil
}

// JSON is the book as its file has it.
func (b Book) JSON() ([]byte, error) {
	slices.SortFunc(b.Prices, byMeter)
	var out bytes.Buffer
	fmt.Fprintf(&out, "{\n  \"currency\": %q,\n  \"prices\": [", b.Currency)
	for i, p := range b.Prices {
		line, err := json.Marshal(p)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out.WriteByte(',')
		}
		fmt.Fprintf(&out, "\n    %s", line)
	}
	out.WriteString("\n  ]\n}\n")
	return out.Bytes(), nil
}

// set puts a price into the book, in the place of one that is there.
func (b *Book) set(p Price) {
	i := slices.IndexFunc(b.Prices, func(old Price) bool { return old.Meter == p.Meter && old.Region == p.Region })
	if i < 0 {
		b.Prices = append(b.Prices, p)
		return
	}
	b.Prices[i] = p
}

// price finds what a meter costs in a region: by itself, by another size of its series, as one price everywhere, or
// else in the default region.
func (b Book) price(meter, region string) (Price, bool) {
	for _, in := range []string{region, Global, DefaultRegion} {
		for _, p := range b.Prices {
			if p.Region == in && p.Meter == meter {
				return p, true
			}
		}
		for _, p := range b.Prices {
			if factor, alike := sameSeries(meter, p.Meter); alike && p.Region == in {
				p.Source = fmt.Sprintf("%s, by vCPU from %s", p.Source, p.Meter)
				p.Meter, p.USD = meter, p.USD*factor
				return p, true
			}
		}
	}
	return Price{}, false
}

// sizeRule takes a size of machines or database servers apart: its series without the vCPUs, and those. Sizes of the B
// series have credits, and prices of their own.
var sizeRule = regexp.MustCompile(`^((?:vm|postgres)/Standard_[DEF])(\d+)([a-z]*(?:_v\d+)?)$`)

// sameSeries says how many times the price of another size of its series a size has: within one, the price goes by
// vCPU.
func sameSeries(size, other string) (float64, bool) {
	a, b := sizeRule.FindStringSubmatch(size), sizeRule.FindStringSubmatch(other)
	if a == nil || b == nil || a[1] != b[1] || a[3] != b[3] {
		return 0, false
	}
	vcpu, err := strconv.ParseFloat(a[2], 64)
	of, errOf := strconv.ParseFloat(b[2], 64)
	return vcpu / of, err == nil && errOf == nil && of > 0
}

// today is a date as the book has it.
func today(now time.Time) string { return now.UTC().Format(time.DateOnly) }
