package realparts

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// rotates puts another cookie, or another password of the brokers, into the vault, with a version of the files that
// says so.
func (s *vmSite) rotates(cookie, password string) {
	s.Helper()
	s.secrets = append(s.secrets, cookie, password)
	s.settings.Cookie = cookie
	s.cloud.setSecret("database-broker", password)
	s.publish(secondVersion, vmFiles(s.T, assets.VerneMQ{Rotation: "2026-11-25/2026-11-25"}))
}

// forgets has a machine tick until it has forgotten whom it would forget.
func (m *machine) forgets() {
	m.site.Helper()
	m.mustTick()
	marks, err := filepath.Glob(m.state("lost/*"))
	m.site.must(err)
	for _, mark := range marks {
		old := time.Now().Add(-time.Hour)
		m.site.must(os.Chtimes(mark, old, old))
	}
	m.mustTick()
}

func TestNodesOfVerneMQTakeAnotherCookieInTurnAndNobodyIsForgottenMeanwhile(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 3)
	all := s.settled(3)
	s.rotates("another"+rand.Text(), vmBrokerPassword)
	for _, m := range all {
		m.mustTick()
		if m.starts() != 0 || m.config("distributed_cookie") != vmCookie {
			t.Errorf("%s takes another cookie between deployments", m.address)
		}
	}
	s.together(all...)
	for i, m := range all {
		deployed := []string{"deploy", secondVersion}
		if i == 0 {
			deployed = append(deployed, s.addresses...)
		}
		if said, err := m.run(deployed...); err != nil || m.starts() != 1 ||
			m.config("distributed_cookie") != s.settings.Cookie {
			t.Fatalf("%s: %d starts, %v\n%s", m.address, m.starts(), err, said)
		}
		for _, other := range all {
			other.forgets()
			if !other.serves() {
				t.Errorf("%s does not serve after %s has another cookie", other.address, m.address)
			}
		}
	}
	s.together(all...)
	for _, m := range all {
		if m.starts() != 1 || len(m.joins()) != 0 || len(m.forgot()) != 0 || m.formats() != 0 {
			t.Errorf("%s started %d times, joined %v, forgot %v", m.address, m.starts(), m.joins(), m.forgot())
		}
	}
}

func TestAVerneMQNodeThatRebootsBetweenTwoDeploymentsKeepsItsCookieAndItsPassword(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 2)
	all := s.settled(2)
	s.rotates("another"+rand.Text(), "another"+rand.Text())
	for _, m := range all {
		m.reboot()
		m.mustTick()
		if m.config("distributed_cookie") != vmCookie || m.config("vmq_diversity.postgres.password") != vmBrokerPassword ||
			m.config("vmq_diversity.postgres.user") != assets.BrokerRole("mqtt_broker", vmBrokerPassword) {
			t.Errorf("%s has one half of the old and one of the new: it logs in as %s", m.address,
				m.config("vmq_diversity.postgres.user"))
		}
	}
	s.together(all...)
}

func TestVerneMQTakesAnotherCertificateWithinTheHourAndDropsNobody(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 1)
	m := s.settled(1)[0]
	other := newCertificate(t, time.Now().Add(time.Hour)).pem
	s.cloud.setSecret("another-certificate", other)
	s.settings.CertificateURL = s.cloud.secretURL("another-certificate")
	s.want(s.addresses...)
	m.mustTick()
	if m.shows(other) {
		t.Error("it asks for the certificate every minute")
	}
	m.age("certificate-checked", 2*time.Hour)
	m.mustTick()
	if !m.shows(other) || m.starts() != 0 {
		t.Errorf("after an hour it shows another one (%v), and started %d times", m.shows(other), m.starts())
	}
}
