package realparts

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// stale makes a machine whose VerneMQ is another one than it is told to have.
func (s *vmSite) stale(i int) *machine {
	s.Helper()
	m := s.installed(i)
	s.must(os.Remove(m.state("installed")), os.RemoveAll(m.path("opt/vernemq")))
	return m
}

func (m *machine) installedFrom() string {
	if !has(m.path("opt/vernemq/bin/vernemq")) {
		return ""
	}
	return strings.TrimSpace(read(m.site.T, m.path("opt/vernemq/bin/vernemq")))
}

func TestTheFirstNodeBuildsVerneMQForAll(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 2)
	s.cloud.remove("vernemq-shared", s.buildName())
	first, second := s.stale(0), s.stale(1)
	if said, err := second.run("tick"); err == nil || !strings.Contains(said, s.addresses[0]+" makes it") ||
		second.installedFrom() != "" || len(second.calls("git", "")) > 0 {
		t.Errorf("the second node does not wait: %v\n%s", err, said)
	}
	first.boots()
	built, _ := s.cloud.blob("vernemq-shared", s.buildName())
	if first.installedFrom() != first.address || built == "" || !first.hasPackage("erlang-dev") {
		t.Errorf("it runs what %q built", first.installedFrom())
	}
	if clone := first.calls("git", "clone"); len(clone) != 1 ||
		!strings.Contains(clone[0],
			"--branch "+variable(s.files["vernemq.env"], "VERSION")+" https://github.com/vernemq/vernemq.git") {
		t.Errorf("the source comes by %q", clone)
	}
	second.boots(first)
	if second.installedFrom() != first.address || len(second.calls("make", "")) > 0 || second.hasPackage("erlang-dev") {
		t.Errorf("it runs what %q built", second.installedFrom())
	}
	if has(second.state("waiting")) || has(first.state("source")) || has(first.state("build.tar.gz")) {
		t.Error("something is left over")
	}
}

func TestASecondNodeBuildsVerneMQWhenTheFirstNeverDoes(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 2)
	s.cloud.remove("vernemq-shared", s.buildName())
	second := s.stale(1)
	if second.tick() == nil {
		t.Error("it does not wait")
	}
	second.age("waiting", time.Hour)
	_ = second.tick() // there is nobody to join
	if second.installedFrom() != second.address {
		t.Errorf("it runs what %q built", second.installedFrom())
	}
}

func TestAllNodesRunTheVerneMQThatWasUploadedFirst(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 1)
	name := s.buildName()
	s.cloud.remove("vernemq-shared", name)
	m := s.stale(0)
	other := buildOf(t, "another")
	s.cloud.breaksWhen(func(part string, r *http.Request) int {
		if r.Method == http.MethodPut { // just before
			s.cloud.blobs["vernemq-shared"][name] = other
		}
		return 0
	})
	m.boots()
	if now, _ := s.cloud.blob("vernemq-shared", name); now != other || m.installedFrom() != "another" ||
		len(m.calls("make", "")) != 1 {
		t.Errorf("it runs what %q built", m.installedFrom())
	}
}

func TestASourceOfVerneMQWithAnotherCommitIsNotBuilt(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 1)
	s.cloud.remove("vernemq-shared", s.buildName())
	s.tagged = strings.Repeat("0", 40)
	m := s.stale(0)
	said, err := m.run("tick")
	if err == nil || !strings.Contains(said, "any more") || len(m.calls("make", "")) > 0 || s.cloud.count("PUT") > 0 ||
		m.lives() {
		t.Errorf("%v\n%s", err, said)
	}
}

func TestABuildOfVerneMQThatFailsSaysWhy(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 1)
	s.cloud.remove("vernemq-shared", s.buildName())
	s.breaksMake = true
	m := s.stale(0)
	said, err := m.run("tick")
	if err == nil || !strings.Contains(said, "no such header") || s.cloud.count("PUT") > 0 || has(m.state("installed")) {
		t.Errorf("%v\n%s", err, said)
	}
}

func TestVerneMQsVendorsPackageIsInstalledWithTheRightSumOnly(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 1)
	const content = "the vendor's package"
	packages := &assets.VerneMQPackage{URL: s.cloud.URL + "/vernemq.deb",
		SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte(content)))}
	s.publish(firstVersion, vmFiles(t, assets.VerneMQ{Package: packages}))
	s.cloud.offers("vernemq.deb", "the vendor's package, changed")
	m := s.newMachine(0)
	if said, err := m.run("tick"); err == nil || !strings.Contains(said, "did NOT match") ||
		len(m.calls("apt-get", "vernemq.deb")) > 0 || m.lives() {
		t.Errorf("%v\n%s", err, said)
	}
	s.cloud.offers("vernemq.deb", content)
	m.boots()
	calls := m.calls("apt-get", "vernemq.deb")
	// dpkg asks what to do with a configuration that was written over.
	if len(calls) != 1 || !strings.Contains(calls[0], "--force-confold") || m.starts() != 1 ||
		m.config("accept_eula") != "yes" {
		t.Errorf("%d starts, installed by %q", m.starts(), calls)
	}
	m.mustTick()
	if m.starts() != 1 || len(m.calls("apt-get", "vernemq.deb")) != 1 || len(m.calls("git", "")) > 0 ||
		has(m.path("opt/vernemq")) {
		t.Error("it is installed again")
	}
}
