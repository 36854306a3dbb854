package realparts

import (
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

func TestTheFirstVerneMQNodeFetchesTheCollectorForAll(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 2)
	all := s.settled(2)
	connection := s.collects(secondVersion)
	for i, m := range all {
		m.deploys(secondVersion)
		got := m.collector()
		if !got.active || got.starts != 1 || got.program != "the collector" || got.config != "receivers: {}\n" {
			t.Errorf("%s: %+v", m.address, got)
		}
		want := "NODE=amora-0\nZONE=2\nADDRESS=" + m.address + "\nAPPLICATIONINSIGHTS_CONNECTION_STRING=" + connection + "\n"
		if got.environment != want {
			t.Errorf("the environment is %q, want %q", got.environment, want)
		}
		if fetched, shared := s.cloud.count("GET "+collectorRelease),
			s.cloud.count("PUT storage/vernemq-shared/"+collectorRelease); fetched != 1 || shared != 1 {
			t.Errorf("after %d nodes it was fetched %d times and shared %d times", i+1, fetched, shared)
		}
		vaults, storages, instances := s.cloud.count("GET vault/"), s.cloud.count("GET storage/"),
			s.cloud.count("GET metadata/instance")
		m.mustTick()
		if m.collector().starts != 1 || s.cloud.count("GET vault/") != vaults+1 ||
			s.cloud.count("GET storage/") > storages+1 || s.cloud.count("GET metadata/instance") != instances {
			t.Errorf("another tick found something to do: %v", s.cloud.calls)
		}
		if left, err := filepath.Glob(m.state("collector*gz")); err != nil || len(left) > 0 ||
			has(m.state("collector-tried")) {
			t.Errorf("left over are %v, %v", left, err)
		}
	}
}

func TestACollectorWithAnotherSumIsNeverRun(t *testing.T) {
	t.Parallel()
	other := releaseOf(t, "otelcol-contrib", "another collector")
	s := newVMSite(t, 1)
	m := s.settled(1)[0]
	s.collects(secondVersion)
	right := s.cloud.offered[collectorRelease]
	s.cloud.offers(collectorRelease, other)
	s.cloud.put("vernemq-shared", collectorRelease, other)
	said := m.deploys(secondVersion)
	if strings.Count(said, "did NOT match") != 2 || !strings.Contains(said, "VerneMQ goes on without") || m.collector().
		starts != 0 || has(m.path(collectorProgram)) {
		t.Errorf("it was started %d times:\n%s", m.collector().starts, said)
	}
	if s.cloud.count("PUT storage/vernemq-shared/"+collectorRelease) != 0 {
		t.Error("it is shared")
	}
	// Not with every tick: it is large.
	m.mustTick()
	if fetched := s.cloud.count("GET " + collectorRelease); fetched != 1 {
		t.Errorf("it was fetched %d times", fetched)
	}
	s.cloud.offers(collectorRelease, right)
	m.age("collector-tried", time.Hour)
	m.mustTick()
	if shared, _ := s.cloud.blob("vernemq-shared", collectorRelease); m.collector().program != "the collector" ||
		shared != right {
		t.Errorf("the right one is not run, or not shared: %+v", m.collector())
	}
}

func TestVerneMQServesThoughItsCollectorDoesNot(t *testing.T) {
	when := func(beginning string, status int) func(*vmSite, *machine, bool) {
		return func(s *vmSite, _ *machine, broken bool) {
			s.cloud.breaksWhen(func(_ string, r *http.Request) int {
				if broken && strings.HasPrefix(r.Method+" "+r.URL.Path, beginning) {
					return status
				}
				return 0
			})
		}
	}
	for name, trouble := range map[string]func(s *vmSite, m *machine, broken bool){
		"GitHub refuses":                        when("GET /"+collectorRelease, http.StatusForbidden),
		"GitHub can't be reached":               when("GET /"+collectorRelease, unreachable),
		"the vault does not answer":             when("GET /vault/secrets/connection", http.StatusForbidden),
		"Azure does not say who the machine is": when("GET /metadata/instance", http.StatusNotFound),
		"the secret is no connection string": func(s *vmSite, _ *machine, broken bool) {
			s.cloud.setSecret("connection", map[bool]string{true: "InstrumentationKey=1;\nLD_PRELOAD=/tmp/x",
				false: "InstrumentationKey=1"}[broken])
		},
		"the archive holds something else": func(s *vmSite, _ *machine, broken bool) {
			archive := releaseOf(s.T, map[bool]string{true: "otelcol", false: "otelcol-contrib"}[broken], "the collector")
			s.publish(map[bool]string{true: secondVersion, false: thirdVersion}[broken], s.collectorFiles(archive))
		},
		"systemd does not start it": func(_ *vmSite, m *machine, broken bool) { m.refusesCollector(broken) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newVMSite(t, 1)
			m := s.settled(1)[0]
			s.collects(secondVersion)
			trouble(s, m, true)
			said := m.deploys(secondVersion)
			if m.collector().starts != 0 || !strings.Contains(said, "VerneMQ goes on without") {
				t.Errorf("it started %d times:\n%s", m.collector().starts, said)
			}
			m.mustTick()
			trouble(s, m, false)
			if version := filepath.Base(s.settings.Files); version != secondVersion {
				m.deploys(version)
			} else if has(m.state("collector-tried")) {
				m.age("collector-tried", time.Hour)
			}
			m.mustTick()
			if got := m.collector(); !got.active || got.starts != 1 || m.starts() != 0 {
				t.Errorf("it does not come back: %+v", got)
			}
		})
	}
}

func TestANewVerneMQNodeServesBeforeItsCollectorIsThere(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 1)
	s.collects(firstVersion)
	m, served := s.newMachine(0), false
	s.cloud.breaksWhen(func(_ string, r *http.Request) int {
		if strings.HasSuffix(r.URL.Path, collectorRelease) {
			served = m.serves()
		}
		return 0
	})
	m.boots()
	if !served || !m.collector().active {
		t.Errorf("VerneMQ served: %v; the collector: %+v", served, m.collector())
	}
}

func TestWhatChangedRestartsTheCollectorAndNotVerneMQ(t *testing.T) {
	// which one finds it; those before don't
	const tick, hour, deployment = "a tick", "a tick after an hour", "a deployment"
	for name, c := range map[string]struct {
		change func(s *vmSite)
		found  string
		starts int
	}{
		"the connection string": {func(s *vmSite) { s.cloud.setSecret("connection", vmConnection()) },
			deployment, 1},
		"the connection string, after an hour": {func(s *vmSite) { s.cloud.setSecret("connection", vmConnection()) },
			hour, 1},
		"the secret that holds it": {func(s *vmSite) {
			s.cloud.setSecret("other", vmConnection())
			s.settings.ConnectionURL = s.cloud.secretURL("other")
			s.want(s.addresses...)
		}, tick, 1},
		"the configuration": {
			func(s *vmSite) { s.publish(thirdVersion, s.changed("collector.yaml", "receivers", "exporters")) }, deployment, 1},
		"the unit": {
			func(s *vmSite) { s.publish(thirdVersion, s.changed("otelcol.service", "CPUQuota=25%", "CPUQuota=30%")) },
			deployment, 1},
		"another file": {func(s *vmSite) { s.publish(thirdVersion, s.changed("admin.sh", "\n", "\n\n")) },
			deployment, 0},
		"nothing in an hour": {func(*vmSite) {}, hour, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newVMSite(t, 1)
			m := s.settled(1)[0]
			s.collects(secondVersion)
			m.deploys(secondVersion)
			c.change(s)
			m.mustTick()
			if got := m.collector().starts; c.found != tick && got != 1 {
				t.Errorf("a tick starts it %d times more", got-1)
			}
			switch c.found {
			case deployment:
				m.deploys(filepath.Base(s.settings.Files))
			case hour:
				m.age("collector-asked", 2*time.Hour)
				m.mustTick()
			}
			got, fetched := m.collector(), s.cloud.count("GET "+collectorRelease)
			if !got.active || got.starts != 1+c.starts || m.starts() != 0 || fetched != 1 {
				t.Errorf("it started %d times, VerneMQ %d times, and was fetched %d times", got.starts, m.starts(), fetched)
			}
			if got.environment != read(t, m.path(collectorSecrets)) || got.config != s.files["collector.yaml"] ||
				got.unit != s.files["otelcol.service"] {
				t.Errorf("it runs with something old: %+v", got)
			}
		})
	}
}

func TestANewVersionOfTheCollectorTakesThePlaceOfTheOldOneOnceItIsThere(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 1)
	m := s.settled(1)[0]
	s.collects(secondVersion)
	m.deploys(secondVersion)
	const newer = "9.9.9"
	files := s.collectorFiles(releaseOf(t, "otelcol-contrib", "a newer collector"))
	s.cloud.remove("vernemq-shared", collectorRelease) // by its real name, one version does not hide another
	for _, name := range []string{"vernemq.env", "otelcol.service"} {
		files[name] = strings.ReplaceAll(files[name], assets.CollectorVersion, newer)
	}
	s.publish(thirdVersion, files)
	s.cloud.breaks(collectorRelease, http.StatusNotFound)
	m.deploys(thirdVersion)
	if got := m.collector(); !got.active || got.starts != 1 || !has(m.path(collectorProgram)) {
		t.Errorf("without the newer one it is %+v", got)
	}
	s.cloud.breaks("", 0)
	m.age("collector-tried", time.Hour)
	m.mustTick()
	if got := m.collector(); !got.active || got.starts != 2 || got.program != "a newer collector" ||
		has(filepath.Dir(m.path(collectorProgram))) {
		t.Errorf("with the newer one it is %+v", got)
	}
}

func TestWithoutTelemetryTheCollectorIsRemoved(t *testing.T) {
	for name, change := range map[string]func(s *vmSite){
		"the settings name no connection string": func(s *vmSite) {
			s.settings.ConnectionURL = ""
			s.want(s.addresses...)
		},
		"the settings are older": func(s *vmSite) {
			text := s.settings.Text()
			older := regexp.MustCompile(`(?m)^CONNECTION_URL=.*\n`).ReplaceAllString(text, "")
			if older == text {
				t.Error("the settings have no such line")
			}
			s.cloud.setSecret("settings", older)
		},
		"the version has no configuration": func(s *vmSite) { s.publish(thirdVersion, vmFiles(s.T, assets.VerneMQ{})) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newVMSite(t, 1)
			m := s.settled(1)[0]
			s.collects(secondVersion)
			m.deploys(secondVersion)
			change(s)
			if version := filepath.Base(s.settings.Files); version != secondVersion {
				m.deploys(version)
			} else {
				m.mustTick()
			}
			left, err := filepath.Glob(m.state("collector*"))
			if m.collector().active || m.collector().unit != "" || has(filepath.Dir(m.path(collectorConfig))) ||
				has(filepath.Dir(m.path(collectorProgram))) || len(left) > 0 || err != nil {
				t.Errorf("left are %v, %+v, %v", left, m.collector(), err)
			}
			calls := len(m.calls("systemctl", "otelcol"))
			m.mustTick()
			if len(m.calls("systemctl", "otelcol")) != calls || !m.serves() || m.starts() != 0 {
				t.Error("another tick found something to remove")
			}
		})
	}
}

func TestSettingsOfANewerVersionOfVerneMQsScriptsAreUnderstood(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 1)
	m := s.settled(1)[0]
	s.cloud.setSecret("settings", s.settings.Text()+"SOMETHING_NEW='of a version to come'\n")
	m.mustTick()
	if !m.serves() || m.starts() != 0 {
		t.Error("VerneMQ does not serve")
	}
}

func TestTheCollectorStartsAfterARebootThoughNothingOfAzureCanBeReached(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 1)
	m := s.settled(1)[0]
	s.collects(secondVersion)
	m.deploys(secondVersion)
	before := m.collector()
	s.cloud.breaksWhen(func(string, *http.Request) int { return unreachable })
	m.reboot()
	m.age("collector-asked", 2*time.Hour)
	m.mustTick()
	if after := m.collector(); !after.active || after.starts != 2 || after.environment != before.environment {
		t.Errorf("it was %+v and is %+v", before, after)
	}
}

func TestEveryTickTellsTheCollectorHowManyVerneMQNodesRun(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 2)
	all := s.settled(2)
	all[0].mustTick()
	if got := s.points.point(t); got != "none" {
		t.Errorf("without a collector it posts %s", got)
	}
	s.collects(secondVersion)
	all[0].deploys(secondVersion)
	if got := s.points.point(t); got != "none" {
		t.Errorf("before there is a collector it posts %s", got)
	}
	all[0].mustTick()
	if got, want := s.points.point(t), "mqtt.nodes.running 2 node=amora-0 zone=2"; got != want {
		t.Errorf("with two nodes it posts %s, want %s", got, want)
	}
	all[1].powerOff()
	s.cloud.is(`{"name":"amora-0","zone":""}`) // where a region has none
	all[0].age("collector-asked", 2*time.Hour)
	all[0].mustTick()
	all[0].mustTick()
	if got, want := []string{s.points.point(t), s.points.point(t), s.points.point(t)}, []string{
		"mqtt.nodes.running 1 node=amora-0 zone=2", "mqtt.nodes.running 1 node=amora-0", "none",
	}; !slices.Equal(got, want) {
		t.Errorf("with one node it posts %q, want %q", got, want)
	}
}

func TestACollectorThatTakesNoPointDoesNotKeepATickFromItsWork(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 1)
	m := s.settled(1)[0]
	s.collects(secondVersion)
	m.deploys(secondVersion)
	s.points.Close()
	said, err := m.run("tick")
	if err != nil || !strings.Contains(said, "does not take how many nodes run") || m.collector().starts != 1 {
		t.Errorf("%v\n%s", err, said)
	}
}
