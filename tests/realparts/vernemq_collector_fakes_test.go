package realparts

import (
	"archive/tar"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

const (
	collectorUnit    = "etc/systemd/system/otelcol.service"
	collectorConfig  = "etc/otelcol/collector.yaml"
	collectorSecrets = "etc/otelcol/environment"
	collectorProgram = "opt/otelcol-" + assets.CollectorVersion + "/otelcol-contrib"
	collectorRelease = "otelcol.tar.gz"
	thirdVersion     = "vernemq-3333"
)

// vmCollector is systemd's view of a machine's collector.
type vmCollector struct {
	unit                         string // as systemd has read it
	active, refuses              bool
	starts                       int
	program, config, environment string // with which it started
}

// collectors says in shell what systemctl does with the collector.
func (c *vmqCluster) collectors(n *vmqNode, args []string) string {
	service := &n.collector
	switch strings.Join(args, " ") {
	case "is-active --quiet otelcol":
		return exit(service.active)
	case "stop otelcol":
		if service.unit == "" && !service.active {
			return "echo 'Failed to stop otelcol.service: Unit otelcol.service not loaded.' >&2; return 5"
		}
		service.active = false
		return "return 0"
	case "start otelcol":
		return exit(c.startCollector(n))
	}
	c.fault("%s has systemctl do %v", n.address, args)
	return "return 1"
}

// startCollector looks for what would keep a real one from working.
func (c *vmqCluster) startCollector(n *vmqNode) (starts bool) {
	service, m := &n.collector, n.machine
	text, err := os.ReadFile(m.path(collectorUnit))
	if err != nil || service.refuses || service.active {
		return service.active
	}
	if string(text) != service.unit {
		c.fault("%s starts a collector with a unit that systemd has not read", n.address)
	}
	service.active = true
	service.starts++
	command := regexp.MustCompile(`(?m)^ExecStart=/(\S+) --config=/(\S+)$`).FindStringSubmatch(service.unit)
	secrets := regexp.MustCompile(`(?m)^EnvironmentFile=/(\S+)$`).FindStringSubmatch(service.unit)
	if command == nil || secrets == nil {
		c.fault("%s starts a collector with the unit %s", n.address, service.unit)
		return true
	}
	// It runs as a user of its own.
	for name, rights := range map[string]os.FileMode{command[1]: 0o005, filepath.Dir(command[1]): 0o001,
		command[2]: 0o004, filepath.Dir(command[2]): 0o001} {
		if info, err := os.Stat(m.path(name)); err != nil || info.Mode()&rights != rights {
			c.fault("%s starts a collector that can't use %s", n.address, name)
			return true
		}
	}
	if info, err := os.Stat(m.path(secrets[1])); err != nil || info.Mode().Perm() != 0o600 {
		c.fault("%s starts a collector with %s, which is not for root alone", n.address, secrets[1])
		return true
	}
	service.program, service.config, service.environment = read(c.T, m.path(command[1])), read(c.T, m.path(command[2])),
		read(c.T, m.path(secrets[1]))
	return true
}

func (m *machine) collector() (service vmCollector) {
	m.site.cluster.with(m, func(n *vmqNode) { service = n.collector })
	return service
}

// refusesCollector has systemd not start it.
func (m *machine) refusesCollector(refuses bool) {
	m.site.cluster.with(m, func(n *vmqNode) { n.collector.refuses = refuses })
}

// vmConnection is a connection string as Azure makes them.
func vmConnection() string {
	return "InstrumentationKey=" + rand.Text() +
		";IngestionEndpoint=https://westeurope-5.in.applicationinsights.azure.com/" +
		";ApplicationId=11111111-2222-3333-4444-555555555555"
}

// points takes what is posted to a collector.
type points struct {
	*httptest.Server
	posted chan string
}

func newPoints(t *testing.T) *points {
	t.Helper()
	p := &points{posted: make(chan string, 100)}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || r.URL.Path != "/v1/metrics" ||
			r.Header.Get("Content-Type") != "application/json" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		p.posted <- string(body)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *points) port() string { return p.URL[strings.LastIndex(p.URL, ":")+1:] }

// collects publishes a version with a collector, which GitHub has, and gives back its connection string.
func (s *vmSite) collects(version string) (connection string) {
	s.Helper()
	connection = vmConnection()
	s.secrets = append(s.secrets, connection)
	s.cloud.setSecret("connection", connection)
	s.settings.ConnectionURL = s.cloud.secretURL("connection")
	s.publish(version, s.collectorFiles(releaseOf(s.T, "otelcol-contrib", "the collector")))
	return connection
}

// collectorFiles are those of a version with a collector, whose archive is offered instead of the release on GitHub.
func (s *vmSite) collectorFiles(archive string) map[string]string {
	s.Helper()
	s.cloud.offers(collectorRelease, archive)
	files := vmFiles(s.T, assets.VerneMQ{Collector: "receivers: {}\n"})
	env := files["vernemq.env"]
	for name, value := range map[string]string{
		"COLLECTOR_URL":    s.cloud.URL + "/" + collectorRelease,
		"COLLECTOR_SHA256": fmt.Sprintf("%x", sha256.Sum256([]byte(archive))), "COLLECTOR_PORT": s.points.port(),
	} {
		if variable(env, name) == "" {
			s.Fatalf("vernemq.env has no %s", name)
		}
		env = regexp.MustCompile(`(?m)^`+name+`=.*$`).ReplaceAllLiteralString(env, name+"="+value)
	}
	files["vernemq.env"] = env
	return files
}

// releaseOf is an archive as GitHub has it, with a program.
func releaseOf(t *testing.T, name, program string) string {
	t.Helper()
	return archiveOf(t, program, tar.Header{Name: "README.md", Mode: 0o644},
		tar.Header{Name: name, Mode: 0o755, Size: int64(len(program))})
}

// deploys has a machine take a version; VerneMQ must not mind.
func (m *machine) deploys(version string) string {
	m.site.Helper()
	starts := m.starts()
	said, err := m.run("deploy", version)
	if err != nil || !m.serves() || m.starts() != starts {
		m.site.Fatalf("%s: VerneMQ started %d times more: %v\n%s", m.address, m.starts()-starts, err, said)
	}
	return said
}

// otlp is OTLP's JSON, as far as it is used.
type otlp struct {
	ResourceMetrics []struct {
		ScopeMetrics []struct {
			Metrics []struct {
				Name, Unit string
				Gauge      struct {
					DataPoints []struct {
						AsInt, TimeUnixNano string
						Attributes          []struct {
							Key   string
							Value struct{ StringValue string }
						}
					}
				}
			}
		}
	}
}

// point is the one data point that was posted last, as "NAME VALUE KEY=VALUE…".
func (p *points) point(t *testing.T) string {
	t.Helper()
	var document otlp
	select {
	case text := <-p.posted:
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&document); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
	default:
		return "none"
	}
	metrics := document.ResourceMetrics[0].ScopeMetrics[0].Metrics
	data := metrics[0].Gauge.DataPoints
	if len(metrics) != 1 || len(data) != 1 {
		t.Fatalf("%d metrics, %d points", len(metrics), len(data))
	}
	var nanoseconds int64
	if _, err := fmt.Sscan(data[0].TimeUnixNano, &nanoseconds); err != nil || time.Since(time.Unix(0, nanoseconds)).
		Abs() > time.Minute {
		t.Errorf("the point's time is %s: %v", data[0].TimeUnixNano, err)
	}
	words := []string{metrics[0].Name, data[0].AsInt}
	for _, a := range data[0].Attributes {
		words = append(words, a.Key+"="+a.Value.StringValue)
	}
	return strings.Join(words, " ")
}
