package realparts

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestUsersAndRulesChangeOnAVerneMQMachineOrItSaysWhyNot(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	s := newVMSite(t, 1)
	s.cloud.setSecret("database-admin", adminPassword)
	s.cloud.setSecret("database-broker", brokerPassword)
	s.secrets = append(s.secrets, adminPassword, brokerPassword)
	s.settings.DatabaseHost = "127.0.0.1"
	s.want(s.addresses...)
	m := s.installed(0)
	psql, err := exec.LookPath("psql")
	s.must(err, os.Remove(m.state("schema")), os.Symlink(psql, filepath.Join(m.bin, "psql")))
	m.more = []string{"LC_ALL=C.UTF-8", "BASH_FUNC_psql%%=() { command psql \"$@\"; }", "PGSSLMODE=disable",
		"PGPORT=" + d.environment()[1][len("PGPORT="):]}
	database := m.more
	m.boots()
	admin := func(environment ...string) (string, error) {
		m.more = append(database, environment...)
		return m.run("admin")
	}
	if said, err := admin("OPERATION=add", "MQTT_USERNAME="+hostileName,
		"MQTT_PASSWORD_HASH="+hash(t, "secret12")); err != nil || !strings.Contains(said, "add "+hostileName+" done") {
		t.Fatalf("%v\n%s", err, said)
	}
	if said, err := admin("OPERATION=allow", "MQTT_USERNAME="+hostileName, "MQTT_TOPIC="+hostileTopic,
		"MQTT_ACTION=all"); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	var users int
	if err := d.connect(t, brokerRole, brokerPassword).
		QueryRow(t.Context(), "SELECT count(*) FROM mqtt_user WHERE username = $1", hostileName).
		Scan(&users); err != nil || users != 1 {
		t.Errorf("%d users: %v", users, err)
	}
	for why, environment := range map[string][]string{
		"no user":              {"OPERATION=allow", "MQTT_USERNAME=stranger", "MQTT_TOPIC=x", "MQTT_ACTION=all"},
		"invalid":              {"OPERATION=add", "MQTT_USERNAME=x", "MQTT_PASSWORD_HASH=secret12"},
		"no operation explode": {"OPERATION=explode", "MQTT_USERNAME=x"},
	} {
		if said, err := admin(environment...); err == nil || strings.TrimSpace(said) == "" || strings.Contains(said, "done") {
			t.Errorf("%s: %v\n%s", why, err, said)
		}
	}
}

func TestAnOperationOnUsersDoesNotWaitForVerneMQ(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 2)
	m := s.installed(1) // waits for the first
	m.more = []string{"OPERATION=remove", "MQTT_USERNAME=x"}
	defer m.lock().Close()
	said, err := m.run("admin")
	if err != nil || !strings.Contains(said, "remove x done") {
		t.Errorf("%v\n%s", err, said)
	}
	if asked := read(t, m.path("psql")); !strings.Contains(asked, "PGPASSWORD="+vmAdminPassword+"\n") ||
		!strings.Contains(asked, "PGUSER=mqttadmin\n") || !strings.Contains(asked, "mqtt_remove_user") {
		t.Errorf("the database was asked with\n%s", asked)
	}
}

// recordedPrograms are those real ones that the scripts give something to read or to write.
var recordedPrograms = []string{"base64", "cat", "curl", "env", "openssl", "python3", "sed", "sh"}

// real is the path of a program that a machine does not have in m.bin.
func (m *machine) real(name string) string {
	m.site.Helper()
	for _, folder := range filepath.SplitList(m.programPath()) {
		if path, err := exec.LookPath(filepath.Join(folder, name)); err == nil {
			return path
		}
	}
	m.site.Fatalf("there is no %s", name)
	return ""
}

func TestNoProgramOfAVerneMQMachineHasASecretInItsArguments(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 1)
	s.collects(firstVersion)
	m := s.newMachine(0)
	record := m.path("arguments")
	for _, name := range recordedPrograms {
		s.must(os.WriteFile(filepath.Join(m.bin, name),
			[]byte("#!/bin/bash\nprintf '%s\\n' "+name+" \"$@\" >>"+record+"\nexec "+m.real(name)+" \"$@\"\n"), 0o755))
	}
	recorded := "BASH_FUNC_python3%%=() { command python3 \"$@\"; }"
	m.more = []string{realSh, recorded}
	m.boots()
	m.more = []string{realSh, recorded, "OPERATION=remove", "MQTT_USERNAME=x"}
	if said, err := m.run("admin"); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
	arguments := read(t, record)
	for _, name := range []string{"curl", "python3", "openssl", "sh", "cat"} {
		if !strings.Contains(arguments, name+"\n") {
			t.Errorf("%s was not recorded", name)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.argued.WriteString(arguments) // looked at in the end
}

func TestOthersOnAVerneMQMachineCanReadNoSecret(t *testing.T) {
	t.Parallel()
	s := newVMSite(t, 1)
	m := s.settled(1)[0]
	m.more = []string{realSh}
	s.collects(secondVersion)
	m.deploys(secondVersion)
	_, rest, _ := strings.Cut(s.certificate.pem, "\n")
	secrets := append(s.secrets, rest[:40])
	found := 0
	var look func(folder string, open bool)
	look = func(folder string, open bool) {
		entries, err := os.ReadDir(folder)
		s.must(err)
		for _, entry := range entries {
			path := filepath.Join(folder, entry.Name())
			info, err := entry.Info()
			s.must(err)
			if entry.IsDir() {
				look(path, open && info.Mode()&0o001 != 0)
				continue
			}
			if entry.Type() != fs.FileMode(0) || path == m.path("psql") { // the test's own
				continue
			}
			text := read(t, path)
			for _, secret := range secrets {
				if !strings.Contains(text, secret) {
					continue
				}
				found++
				if open && info.Mode()&0o004 != 0 {
					t.Errorf("%s is for everybody: %s", strings.TrimPrefix(path, m.root), info.Mode())
				}
			}
		}
	}
	look(m.root, true)
	if found < 8 { // settings, two configurations, a certificate, two copies of the connection string
		t.Errorf("%d secrets found", found)
	}
	if info, err := os.Stat(m.path("etc/vernemq/ca.pem")); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v: %v", info, err)
	}
}
