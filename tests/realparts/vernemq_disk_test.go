package realparts

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

func TestABlankDataDiskOfVerneMQIsFormattedAndOneThatVerneMQUsedIsNot(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 1)
	m := s.installed(0)
	m.boots()
	kept := s.replace(m.address, m.disk)
	settledImage(t).copyTo(kept)
	kept.boots()
	calls := append(m.calls("mkfs.ext4", ""), kept.calls("mkfs.ext4", "")...)
	if len(calls) != 1 || !strings.HasSuffix(calls[0], "/dev/disk/azure/scsi1/lun0") {
		t.Errorf("formatted by %q", calls)
	}
	if mounted := kept.calls("mount", ""); len(mounted) != 1 || len(kept.calls("blkid", "")) != 1 {
		t.Errorf("mounted by %q", mounted)
	}
}

func TestADataDiskOfVerneMQThatHoldsSomethingElseIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 1)
	m := s.installed(0)
	disk := func(at int, content string) []byte {
		device := make([]byte, vmDiskSize)
		copy(device[at:], content)
		return device
	}
	partition := "\x80\x00\x02\x00\x83\x00\x00\x00\x00\x08\x00\x00\x00\x04\x00\x00" // Linux, from sector 2048 on
	for what, device := range map[string][]byte{
		"another filesystem": disk(0,
			"XFSB\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00\x02\x00"+strings.Repeat("\x00", 84)+"\xb4\xa5"),
		"swap":                            disk(4096-10, "SWAPSPACE2"),
		"a partition table":               disk(446, partition+strings.Repeat("\x00", 48)+"\x55\xaa"),
		"an encrypted volume":             disk(0, "LUKS\xba\xbe\x00\x02"),
		"what nobody knows":               disk(65536, "precious"),
		"something that can't be told":    disk(vmDiskSize/2-1, "x"),
		"a device that can't be read yet": nil,
	} {
		s.must(os.RemoveAll(m.disk.device))
		if device == nil {
			s.must(os.Mkdir(m.disk.device, 0o700))
		} else {
			s.must(os.WriteFile(m.disk.device, device, 0o600))
		}
		said, err := m.run("tick")
		if err == nil || !strings.Contains(said, "is left alone") || m.formats() > 0 || m.lives() {
			t.Errorf("%s: %v\n%s", what, err, said)
		}
		if now, _ := os.ReadFile(m.disk.device); !bytes.Equal(now, device) {
			t.Errorf("%s was written over", what)
		}
	}
}

func TestADataDiskOfVerneMQThatComesLateIsFoundByALaterTick(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 1)
	m := s.installed(0)
	s.must(os.Remove(m.path("dev/disk/azure/scsi1/lun0")))
	if said, err := m.run("tick"); err == nil || !strings.Contains(said, "not attached") || m.lives() {
		t.Errorf("%v\n%s", err, said)
	}
	// NVMe disks have names of another form.
	s.must(os.MkdirAll(m.path("dev/disk/azure/data/by-lun"), 0o755),
		os.Symlink(m.disk.device, m.path("dev/disk/azure/data/by-lun/0")))
	m.boots()
}

// shows says whether clients see a certificate.
func (m *machine) shows(pem string) (shows bool) {
	m.site.cluster.with(m, func(n *vmqNode) { shows = strings.TrimSpace(n.tls) == strings.TrimSpace(pem) })
	return shows
}

func TestVerneMQShowsANewCertificateWithoutARestart(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 1)
	m := s.settled(1)[0]
	renewed := newCertificate(t, time.Now().Add(time.Hour)).pem
	s.cloud.setSecret("certificate", renewed)
	m.mustTick()
	if !m.shows(s.certificate.pem) {
		t.Error("the certificate is asked for every minute")
	}
	m.age("certificate-checked", 2*time.Hour)
	m.mustTick()
	if !m.shows(renewed) || m.starts() != 0 {
		t.Errorf("the old certificate is shown, or VerneMQ started %d times", m.starts())
	}
	_, authority, _ := strings.Cut(renewed, "-----END PRIVATE KEY-----\n")
	if read(t, m.path("etc/vernemq/ca.pem")) != authority {
		t.Error("Erlang gets another certificate as authority, or a key with it")
	}
	m.age("certificate-checked", 2*time.Hour)
	m.mustTick()
	cleared := 0
	s.cluster.with(m, func(n *vmqNode) { cleared = n.cleared })
	if cleared != 1 {
		t.Errorf("the cache was cleared %d times for one new certificate", cleared)
	}
}

func TestACertificateThatVerneMQCouldNotShowLeavesTheOldOneInPlace(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 1)
	m := s.settled(1)[0]
	renewed := newCertificate(t, time.Now().Add(time.Hour)).pem
	_, keyless, _ := strings.Cut(renewed, "-----END PRIVATE KEY-----\n")
	other := leaf(chain(t, 1, elliptical))
	for what, bad := range map[string]string{"expired": newCertificate(t, time.Now().Add(-time.Hour)).pem,
		"without a key": keyless, "no certificate": "bm90aGluZw==",
		"for another name": keyPEM(t, other.key) + certificatesPEM(other)} {
		s.cloud.setSecret("certificate", bad)
		m.age("certificate-checked", 2*time.Hour)
		m.mustTick()
		if strings.TrimSpace(read(t, m.path("etc/vernemq/tls.pem"))) != strings.TrimSpace(s.certificate.pem) ||
			!m.shows(s.certificate.pem) || m.starts() != 0 {
			t.Errorf("%s: it is used", what)
		}
	}
	s.cloud.setSecret("certificate", renewed)
	m.mustTick() // soon, not in an hour
	if !m.shows(renewed) {
		t.Error("the next good one is not used")
	}
}

func TestVerneMQShowsTheChainFromItsOwnCertificateUp(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 1)
	m := s.settled(1)[0]
	above := chain(t, 3, elliptical)
	own := issue(t, wish{name: "broker", key: elliptical(t), by: above[1], host: "localhost"})
	s.cloud.setSecret("certificate", keyPEM(t, own.key)+certificatesPEM(above[0], above[1], own))
	m.age("certificate-checked", 2*time.Hour)
	m.mustTick()
	if !m.shows(keyPEM(t, own.key)+certificatesPEM(own, above[1])) || m.starts() != 0 {
		t.Errorf("it shows\n%s", read(t, m.path("etc/vernemq/tls.pem")))
	}
}

func TestVerneMQDoesNotStartWithoutACertificate(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 1)
	m := s.installed(0)
	s.must(os.Remove(m.path("etc/vernemq/tls.pem")))
	s.cloud.setSecret("certificate", newCertificate(t, time.Now().Add(-time.Hour)).pem)
	if m.tick() == nil || m.lives() {
		t.Error("it started")
	}
	s.cloud.setSecret("certificate", s.certificate.pem)
	m.boots()
}

func TestVerneMQAsksClientsForACertificateWhenItIsToldWhose(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 1)
	m := s.settled(1)[0]
	if m.config("listener.ssl.require_certificate") != "" || m.config("listener.wss.require_certificate") != "" {
		t.Error("it asks for one by itself")
	}
	authority := newCertificate(t, time.Now().Add(time.Hour)).pem
	_, authority, _ = strings.Cut(authority, "-----END PRIVATE KEY-----\n")
	s.publish(secondVersion, vmFiles(t, assets.VerneMQ{ClientCA: authority}))
	if said, err := m.run("deploy", secondVersion); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	for _, kind := range []string{"ssl", "wss"} {
		if m.config("listener."+kind+".require_certificate") != "on" ||
			m.config("listener."+kind+".cafile") != m.path("etc/vernemq/ca.pem") {
			t.Errorf("%s asks for none", kind)
		}
	}
	if read(t, m.path("etc/vernemq/ca.pem")) != authority {
		t.Error("it asks for one of somebody else")
	}
}
