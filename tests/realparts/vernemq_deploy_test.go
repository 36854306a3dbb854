package realparts

import (
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

const secondVersion = "vernemq-2222"

// changed is a version in which a line of a file is another one.
func (s *vmSite) changed(file, line, by string) map[string]string {
	s.Helper()
	files := maps.Clone(s.files)
	files[file] = strings.Replace(files[file], line, by, 1)
	if files[file] == s.files[file] {
		s.Fatalf("%s has no %q", file, line)
	}
	return files
}

// runs says which version a machine has.
func (m *machine) runs() string {
	m.site.Helper()
	version, err := os.Readlink(m.state("current"))
	m.site.must(err)
	return version
}

func (m *machine) config(key string) string {
	m.site.Helper()
	return parsed(m.site.T, read(m.site.T, m.path("etc/vernemq/vernemq.conf")))[key]
}

func TestANewVersionOfVerneMQsFilesIsTakenByADeploymentOnly(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 1)
	m := s.settled(1)[0]
	s.publish(secondVersion, s.changed("vernemq.conf", "topic_max_depth = 128", "topic_max_depth = 64"))
	m.mustTick()
	if m.runs() != firstVersion || m.config("topic_max_depth") != "128" || m.starts() != 0 {
		t.Errorf("a tick takes %s", m.runs())
	}
	if said, err := m.run("deploy", secondVersion); err != nil || m.runs() != secondVersion ||
		m.config("topic_max_depth") != "64" || m.starts() != 1 || !m.serves() {
		t.Errorf("after the deployment it has %s, and started %d times: %v\n%s", m.runs(), m.starts(), err, said)
	}
	if said, err := m.run("deploy", secondVersion); err != nil || m.starts() != 1 {
		t.Errorf("the same once more: %d starts, %v\n%s", m.starts(), err, said)
	}
}

func TestADeploymentTakesWhatChangedInTheVaultToVerneMQ(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 1)
	m := s.settled(1)[0]
	s.cloud.setSecret("database-broker", "changed12")
	m.mustTick()
	if got := m.config("vmq_diversity.postgres.password"); got != vmBrokerPassword {
		t.Errorf("a tick restarts VerneMQ for the password %s", got)
	}
	said, err := m.run("deploy", firstVersion)
	if err != nil || m.config("vmq_diversity.postgres.password") != "changed12" || m.starts() != 1 {
		t.Errorf("%d starts: %v\n%s", m.starts(), err, said)
	}
	role := assets.BrokerRole("mqtt_broker", "changed12")
	if got := m.config("vmq_diversity.postgres.user"); got != role {
		t.Errorf("the role is %s, want %s", got, role)
	}
	if asked := read(t, m.path("psql")); !strings.Contains(asked, "BROKER_PASSWORD=changed12\n") ||
		!strings.Contains(asked, "BROKER_ROLE="+role+"\n") || !strings.Contains(asked, "PGPASSWORD="+vmAdminPassword+"\n") ||
		!strings.Contains(asked, "PGSSLMODE=verify-full\n") || !strings.Contains(asked, "PGHOST=database.example\n") {
		t.Errorf("the database was asked with\n%s", asked)
	}
}

func TestADeploymentOfAVersionThatTheVaultDoesNotNameIsRefused(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 1)
	m := s.settled(1)[0]
	said, err := m.run("deploy", secondVersion)
	if err == nil || !strings.Contains(said, secondVersion+" is to be deployed") || m.runs() != firstVersion ||
		m.starts() != 0 {
		t.Errorf("%s: %v\n%s", m.runs(), err, said)
	}
}

func TestFilesOfVerneMQThatCouldNotAllBeFetchedAreNotUsed(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 1)
	m := s.settled(1)[0]
	s.publish(secondVersion, s.files)
	for _, name := range []string{"admin.sh", "node.sh", "vernemq.service"} {
		text := s.files[name]
		s.cloud.remove(secondVersion, name)
		if said, err := m.run("deploy", secondVersion); err == nil || m.runs() != firstVersion ||
			has(m.state(secondVersion)) {
			t.Errorf("without %s: %v\n%s", name, err, said)
		}
		s.cloud.put(secondVersion, name, text)
	}
	if said, err := m.run("deploy", secondVersion); err != nil || m.runs() != secondVersion {
		t.Errorf("%v\n%s", err, said)
	}
}

func TestADeploymentWaitsUntilTheOthersHaveLeftVerneMQsCluster(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 2)
	all := s.settled(2)
	s.want(s.addresses[0])
	all[0].more = []string{"LIMIT=1"}
	if said, err := all[0].run("deploy", firstVersion, s.addresses[0]); err == nil ||
		!strings.Contains(said, "others have not left") {
		t.Errorf("the other one is there: %v\n%s", err, said)
	}
	if said, err := all[0].run("deploy", firstVersion, s.addresses[0], s.addresses[1]); err != nil {
		t.Errorf("both may be there: %v\n%s", err, said)
	}
	all[0].more = nil
	all[0].asleep(all[1].mustTick)
	if said, err := all[0].run("deploy", firstVersion, s.addresses[0]); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
	s.together(all[0])
}

func TestADeploymentDoesNotTakeNoAnswerForVerneMQsNobody(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 2)
	all := s.settled(2)
	s.want(s.addresses[0])
	// Answers once, to the question whether it runs.
	s.cluster.with(all[0], func(n *vmqNode) { n.answers = 1 })
	all[0].more = []string{"LIMIT=1", "TRIES=1"}
	if said, err := all[0].run("deploy", firstVersion, s.addresses[0]); err == nil {
		t.Errorf("it knows nothing of the other one, and the deployment ends well:\n%s", said)
	}
}

func TestADeploymentFailsWhenVerneMQDoesNotServe(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 1)
	m := s.settled(1)[0]
	s.cluster.with(m, func(n *vmqNode) { n.stopClients() }) // as when the certificate can't be read
	m.more = []string{"LIMIT=1"}
	if said, err := m.run("deploy", firstVersion); err == nil || !strings.Contains(said, "does not serve") {
		t.Errorf("%v\n%s", err, said)
	}
}

func TestAnotherBuildOfVerneMQIsStarted(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 1)
	m := s.settled(1)[0]
	other := strings.Repeat("c0ffee", 7)[:40]
	s.publish(secondVersion, s.changed("vernemq.env", variable(s.files["vernemq.env"], "COMMIT"), other))
	s.cloud.put("vernemq-shared", s.buildName(), buildOf(t, "another"))
	if said, err := m.run("deploy", secondVersion); err != nil || m.starts() != 1 ||
		read(t, m.path("opt/vernemq/bin/vernemq")) != "another" {
		t.Errorf("%d starts: %v\n%s", m.starts(), err, said)
	}
}

// VerneMQ reads it when it starts.
func TestAnotherScriptThatChecksUsersRestartsVerneMQ(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 1)
	m := s.settled(1)[0]
	s.publish(secondVersion, s.changed("auth.lua", "return false", "return false -- as before"))
	if said, err := m.run("deploy", secondVersion); err != nil || m.starts() != 1 {
		t.Errorf("%d starts: %v\n%s", m.starts(), err, said)
	}
	if now := read(t, m.path("etc/vernemq/auth.lua")); now != s.files["auth.lua"] {
		t.Errorf("VerneMQ is given %s", now)
	}
}

func TestVerneMQStartsAfterAReboot(t *testing.T) {
	for name, trouble := range map[string]func(part string, r *http.Request) int{
		"though the vault refuses": func(part string, _ *http.Request) int {
			return map[string]int{vault: http.StatusForbidden}[part]
		},
		"though nothing of Azure can be reached": func(string, *http.Request) int { return unreachable },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newVMSite(t, 2)
			all := s.settled(2)
			s.cloud.breaksWhen(trouble)
			all[0].reboot()
			all[0].age("certificate-checked", 2*time.Hour)
			all[0].mustTick()
			s.together(all...)
		})
	}
}

func TestAFirstBootOfVerneMQWithoutTheVaultLeavesNothingHalfDone(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 1)
	m := s.newMachine(0)
	s.cloud.breaks(vault, http.StatusForbidden)
	if m.tick() == nil || m.lives() || has(m.state("current")) || has(m.state("settings")) || m.formats() > 0 {
		t.Error("the node does something without knowing what")
	}
	s.cloud.breaks(storage, unreachable)
	if m.tick() == nil || m.lives() || has(m.state("current")) {
		t.Error("the node does something without its files")
	}
	// Azure has such moments.
	busy := true
	s.cloud.breaksWhen(func(part string, _ *http.Request) int {
		if part != vault || !busy {
			return 0
		}
		busy = false
		return http.StatusServiceUnavailable
	})
	m.boots()
}

// waits says whether a program of the machine waits for a lock.
func (m *machine) waits() bool {
	locks, err := os.ReadFile("/proc/locks")
	m.site.must(err)
	for _, line := range lines(string(locks)) {
		words := strings.Fields(line) // 7: -> FLOCK ADVISORY WRITE PID …
		if len(words) < 6 || words[1] != "->" {
			continue
		}
		environment, _ := os.ReadFile("/proc/" + words[5] + "/environ") // it may be gone
		if strings.Contains(string(environment), "MACHINE="+m.address+"\x00") {
			return true
		}
	}
	return false
}

func TestATickOfAVerneMQMachineGivesWayAndADeploymentWaits(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 1)
	m := s.settled(1)[0]
	running := m.lock()
	m.mustTick()
	over := make(chan error, 1)
	go func() {
		_, err := m.run("deploy", firstVersion)
		over <- err
	}()
	within(t, time.Minute, "the deployment waits", func() bool {
		select {
		case err := <-over:
			t.Fatalf("the deployment does not wait: %v", err)
		default:
		}
		return m.waits()
	})
	if calls := s.cloud.count(""); calls > 0 {
		t.Errorf("beside one that runs there were %d calls", calls)
	}
	s.must(running.Close(), <-over)
	if s.cloud.count("") == 0 {
		t.Error("the deployment does nothing once the other one is through")
	}
}
