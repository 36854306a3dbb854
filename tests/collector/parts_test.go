package collector

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/healthcheckextension"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/cumulativetodeltaprocessor"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/filterprocessor"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/metricstransformprocessor"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/transformprocessor"
	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/prometheusreceiver"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/batchprocessor"
	"go.opentelemetry.io/collector/processor/memorylimiterprocessor"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
)

// factories are the parts that the configuration may name, and no others.
func factories(to *rows) (otelcol.Factories, error) {
	var f otelcol.Factories
	var err [4]error
	f.Extensions, err[0] = otelcol.MakeFactoryMap(healthcheckextension.NewFactory())
	f.Receivers, err[1] = otelcol.MakeFactoryMap(prometheusreceiver.NewFactory(), otlpreceiver.NewFactory(), tlscheck())
	f.Processors, err[2] = otelcol.MakeFactoryMap[processor.Factory](memorylimiterprocessor.NewFactory(),
		batchprocessor.NewFactory(), filterprocessor.NewFactory(),
		metricstransformprocessor.NewFactory(), transformprocessor.NewFactory(), cumulativetodeltaprocessor.NewFactory())
	f.Exporters, err[3] = otelcol.MakeFactoryMap(azuremonitor(to))
	f.Telemetry = otelconftelemetry.NewFactory()
	return f, errors.Join(err[:]...)
}

// row is one of the table AppMetrics.
type row struct {
	name         string
	kind         string // "gauge" or "delta", which Azure is not told
	value        float64
	properties   map[string]string
	role         string
	roleInstance string
}

// key is what tells apart what a row is about.
func (r row) key() string {
	return fmt.Sprintf("%s %s of %s %v", r.kind, r.name, r.roleInstance, r.properties)
}

// rows are what was exported so far.
type rows struct {
	mutex  sync.Mutex
	all    []row
	failed bool
}

func (r *rows) fail() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.failed = true
}

// since gives the rows after the first n.
func (r *rows) since(n int) []row {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return slices.Clone(r.all[n:])
}

// wait waits until enough is true of the rows after the first n.
func (r *rows) wait(t *testing.T, n int, what string, enough func([]row) bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(interval / 10) {
		got := r.since(n)
		if enough(got) {
			return
		}
		r.mutex.Lock()
		failed := r.failed
		r.mutex.Unlock()
		if failed || time.Now().After(deadline) {
			t.Fatalf("there is no end to waiting until %s; the rows are\n%s", what, listed(got))
		}
	}
}

func listed(all []row) string {
	lines := map[string]bool{}
	for _, r := range all {
		lines[fmt.Sprintf("%s: %g", r.key(), r.value)] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(lines)), "\n")
}

// azuremonitor stands in for the exporter. As metric_to_envelopes.go has it, each point is a row with its value, and
// the attributes of resource, scope and point become properties; as contracts_utils.go has it, role and instance come
// out of the resource.
func azuremonitor(to *rows) exporter.Factory {
	type config struct {
		ConnectionString string `mapstructure:"connection_string"`
	}
	return exporter.NewFactory(component.MustNewType("azuremonitor"), func() component.Config { return &config{} },
		exporter.WithMetrics(func(_ context.Context, _ exporter.Settings, c component.Config) (exporter.Metrics, error) {
			if c.(*config).ConnectionString != connectionString {
				return nil, fmt.Errorf("the connection string is %q", c.(*config).ConnectionString)
			}
			return exporting{rows: to}, nil
		}, component.StabilityLevelBeta))
}

type exporting struct {
	component.StartFunc
	component.ShutdownFunc
	rows *rows
}

func (exporting) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (e exporting) ConsumeMetrics(_ context.Context, metrics pmetric.Metrics) error {
	e.rows.mutex.Lock()
	defer e.rows.mutex.Unlock()
	for _, resource := range metrics.ResourceMetrics().All() {
		for _, scope := range resource.ScopeMetrics().All() {
			for _, metric := range scope.Metrics().All() {
				kind, points := scalars(metric)
				for _, point := range points.All() {
					e.rows.all = append(e.rows.all, toRow(resource.Resource().Attributes(), scope.Scope(), metric.Name(), kind, point))
				}
			}
		}
	}
	return nil
}

func scalars(metric pmetric.Metric) (kind string, points pmetric.NumberDataPointSlice) {
	switch {
	case metric.Type() == pmetric.MetricTypeGauge:
		return "gauge", metric.Gauge().DataPoints()
	case metric.Type() == pmetric.MetricTypeSum && metric.Sum().
		AggregationTemporality() == pmetric.AggregationTemporalityDelta:
		return "delta", metric.Sum().DataPoints()
	case metric.Type() == pmetric.MetricTypeSum:
		return "cumulative", metric.Sum().DataPoints()
	}
	return metric.Type().String(), pmetric.NewNumberDataPointSlice()
}

func toRow(resource pcommon.Map, scope pcommon.InstrumentationScope, name, kind string,
	point pmetric.NumberDataPoint) row {
	r := row{name: name, kind: kind, properties: map[string]string{}}
	for key, value := range resource.All() {
		switch key {
		case "service.name":
			r.role = value.Str()
		case "service.instance.id":
			r.roleInstance = value.Str()
		default:
			r.properties[key] = value.Str()
		}
	}
	if scope.Name() != "" {
		r.properties["instrumentationlibrary.name"] = scope.Name()
	}
	if scope.Version() != "" {
		r.properties["instrumentationlibrary.version"] = scope.Version()
	}
	for key, value := range point.Attributes().All() {
		r.properties[key] = value.AsString()
	}
	switch point.ValueType() {
	case pmetric.NumberDataPointValueTypeInt:
		r.value = float64(point.IntValue())
	case pmetric.NumberDataPointValueTypeDouble:
		r.value = point.DoubleValue()
	}
	return r
}

// certificateSeconds is how long the certificate of the stand-in for tlscheck lasts: 30 days and a half.
const certificateSeconds = 30*86400 + 43200

// tlscheck stands in for the receiver. Names, unit and types are those of its documentation.md and scraper.go, which
// accept any certificate.
func tlscheck() receiver.Factory {
	type config struct {
		CollectionInterval time.Duration `mapstructure:"collection_interval"`
		Targets            []struct {
			Endpoint string `mapstructure:"endpoint"`
		} `mapstructure:"targets"`
	}
	return receiver.NewFactory(component.MustNewType("tlscheck"), func() component.Config {
		return &config{CollectionInterval: time.Hour}
	},
		receiver.WithMetrics(func(_ context.Context, _ receiver.Settings, c component.Config,
			next consumer.Metrics) (receiver.Metrics, error) {
			return &checking{interval: c.(*config).CollectionInterval, endpoint: c.(*config).Targets[0].Endpoint,
				next: next}, nil
		}, component.StabilityLevelAlpha))
}

type checking struct {
	interval time.Duration
	endpoint string
	next     consumer.Metrics
	cancel   context.CancelFunc
	done     sync.WaitGroup
}

func (c *checking) Start(context.Context, component.Host) error {
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	c.done.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(c.interval):
				c.next.ConsumeMetrics(ctx, c.metrics())
			}
		}
	})
	return nil
}

func (c *checking) Shutdown(context.Context) error {
	c.cancel()
	c.done.Wait()
	return nil
}

func (c *checking) metrics() pmetric.Metrics {
	metrics := pmetric.NewMetrics()
	resource := metrics.ResourceMetrics().AppendEmpty()
	resource.Resource().Attributes().PutStr("tlscheck.target", c.endpoint)
	scope := resource.ScopeMetrics().AppendEmpty()
	scope.Scope().SetName("github.com/open-telemetry/opentelemetry-collector-contrib/receiver/tlscheckreceiver")
	scope.Scope().SetVersion("0.159.0")
	metric := scope.Metrics().AppendEmpty()
	metric.SetName("tlscheck.time_left")
	metric.SetUnit("s")
	point := metric.SetEmptyGauge().DataPoints().AppendEmpty()
	point.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	point.SetIntValue(certificateSeconds)
	point.Attributes().PutStr("tlscheck.x509.issuer", "CN=mqtt.dev.example")
	point.Attributes().PutStr("tlscheck.x509.cn", "mqtt.dev.example")
	point.Attributes().PutEmptySlice("tlscheck.x509.san").AppendEmpty().SetStr("mqtt.dev.example")
	return metrics
}
