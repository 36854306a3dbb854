// Package collector runs the configuration of the OpenTelemetry Collector in the collector itself, on pages as the
// brokers serve them. It is a module of its own, so that the collector's libraries stay out of the program's.
//
// Two parts are not the real ones: the exporter azuremonitor, which would want Azure, and the receiver tlscheck. In
// their place are stand-ins that take the same settings; what they give and make of data is written after their
// sources.
package collector

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.opentelemetry.io/collector/otelcol"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

const (
	interval         = 300 * time.Millisecond
	patience         = 30 * time.Second
	connectionString = "InstrumentationKey=11111111-2222-3333-4444-555555555555"
)

// page is what a node serves, which a test may change.
type page struct {
	text        atomic.Value
	contentType string
}

// recorded reads a page of testdata, without the lines that say where it is from.
func recorded(t *testing.T, file, contentType string) *page {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(string(data), "\n\n")
	if !found {
		t.Fatalf("%s does not say where it is from", file)
	}
	p := &page{contentType: contentType}
	p.text.Store(text)
	return p
}

// set changes values, by series.
func (p *page) set(t *testing.T, values map[string]string) {
	t.Helper()
	text := p.text.Load().(string)
	for series, value := range values {
		line := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(series) + ` .*$`)
		if len(line.FindAllString(text, -1)) != 1 {
			t.Fatalf("%s is not once on the page", series)
		}
		text = line.ReplaceAllLiteralString(text, series+" "+value)
	}
	p.text.Store(text)
}

// serve answers at one path, and with 404 everywhere else.
func (p *page) serve(path string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RequestURI() != path {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", p.contentType)
		io.WriteString(w, p.text.Load().(string))
	})
}

// node listens until the test ends, or until stop is called.
func node(t *testing.T, address string, handler http.Handler) (at string, stop func()) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return listener.Addr().String(), func() { server.Close() }
}

// deadAddress is one that nothing listens on.
func deadAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// replaced exchanges the one occurrence of a text.
func replaced(t *testing.T, text, old, with string) string {
	t.Helper()
	if strings.Count(text, old) != 1 {
		t.Fatalf("%q is not once in\n%s", old, text)
	}
	return strings.Replace(text, old, with, 1)
}

// running is a collector.
type running struct {
	rows   *rows
	health string // URL
	push   string // URL
}

// start renders a configuration, has edit change what can't be so in a test, and runs it until the test ends.
func start(t *testing.T, c assets.Collector, edit func(string) string) running {
	t.Helper()
	c.Interval = interval
	text, err := c.Config()
	if err != nil {
		t.Fatal(err)
	}
	health, push := deadAddress(t), deadAddress(t)
	text = replaced(t, text, fmt.Sprintf("0.0.0.0:%d", assets.CollectorHealthPort), health)
	if c.Broker == assets.CollectedVerneMQ {
		text = replaced(t, text, fmt.Sprintf("127.0.0.1:%d", assets.CollectorPushPort), push)
	}
	// Targets would first be looked for after five seconds.
	text = replaced(t, text, "  prometheus:\n", "  prometheus:\n    discovery_reload_on_startup: true\n")
	if edit != nil {
		text = edit(text)
	}
	t.Setenv(assets.ConnectionStringVariable, connectionString)
	r := running{rows: &rows{}, health: "http://" + health, push: "http://" + push + "/v1/metrics"}
	run(t, text, r.rows)
	return r
}

func run(t *testing.T, config string, to *rows) {
	t.Helper()
	collector, err := otelcol.NewCollector(otelcol.CollectorSettings{
		BuildInfo: component.NewDefaultBuildInfo(), DisableGracefulShutdown: true,
		Factories: func() (otelcol.Factories, error) { return factories(to) },
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			URIs:              []string{"yaml:" + config},
			ProviderFactories: []confmap.ProviderFactory{yamlprovider.NewFactory(), envprovider.NewFactory()},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := collector.Run(context.Background()); err != nil {
			t.Error(err)
			to.fail()
		}
	})
	t.Cleanup(func() {
		collector.Shutdown()
		wait.Wait()
	})
}
