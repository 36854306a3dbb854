package vernemq

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "embed"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
	"github.com/amora-sync/mqtt-on-azure/tests/brokers/parts"
)

//go:embed systemctl.sh
var systemctlScript string

//go:embed systemd-run.sh
var systemdRunScript string

//go:embed machine.sh
var machineScript string

// site is a database, what Azure has for the machines, and the machines, in a network of its own.
type site struct {
	*testing.T // the one that runs now
	number     int
	folder     string
	cloud      *cloud
	authority  *parts.Authority
	database   *database
	settings   assets.VerneMQSettings
	machines   []*machine

	mu   sync.Mutex
	said strings.Builder // by the machines' scripts
}

// connections is how many a node of these tests takes.
const connections = 1000

var sites []*site

// newSite prepares a site whose first machines are wanted. None runs yet.
func newSite(t *testing.T, size int, v assets.VerneMQ) *site {
	t.Helper()
	if why := missing(); why != "" {
		t.Skip(why)
	}
	s := &site{number: len(sites) + 1}
	sites = append(sites, s)
	s.begin(t)
	var err error
	if s.folder, err = os.MkdirTemp("", "site"); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(s.folder, 0o755); err != nil {
		t.Fatal(err)
	}
	s.authority = parts.NewAuthority(t, s.folder)
	s.ip("address", "add", s.address(1)+"/24", "dev", "br0")
	s.ip("address", "add", s.address(2)+"/24", "dev", "br0")
	s.cloud = newCloud(t, s.address(1)+":8080")
	s.database = newDatabase(s)
	key, certificate := s.authority.Sign(t, serverName)
	s.cloud.setSecret("certificate", key+certificate)
	s.cloud.setSecret("admin", adminPassword)
	s.cloud.setSecret("broker", "broker-password")
	s.settings = assets.VerneMQSettings{
		Shared: s.url("shared"), DatabaseHost: databaseHost, DatabaseName: "mqtt", DatabaseAdmin: "mqttadmin",
		AdminPasswordURL: s.url("secrets/admin"), BrokerPasswordURL: s.url("secrets/broker"),
		CertificateURL: s.url("secrets/certificate"), Cookie: "cookie",
	}
	for i := range size {
		s.settings.Members = append(s.settings.Members, s.machineAddress(i))
	}
	v.DatabaseName, v.DatabaseRoles, v.ClientIDs = "mqtt", "mqtt_broker", assets.ClientIDsPrefix
	s.publish("version-1", v, nil)
	return s
}

// begin has a test use the site.
func (s *site) begin(t *testing.T) {
	s.T = t
	t.Cleanup(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if t.Failed() {
			t.Logf("the scripts said:\n%s", s.said.String())
		}
		s.said.Reset()
	})
}

var shared = map[int]*site{} // by size

// cluster is a cluster of so many nodes with users, which tests have one after the other: to form one takes longer than
// most of them.
func cluster(t *testing.T, size int) (*site, []*machine) {
	t.Helper()
	s := shared[size]
	if s == nil {
		s = newSite(t, size, assets.VerneMQ{Connections: connections})
		for i := range size {
			s.newMachine(i)
		}
		s.form(5*time.Minute, s.machines...)
		s.database.addUsers()
		shared[size] = s
		return s, slices.Clone(s.machines)
	}
	s.begin(t)
	s.form(5*time.Minute, s.machines...)
	return s, slices.Clone(s.machines)
}

// address is one in the site's network: 1 is Azure's and the gateway's, 2 the database's, and from 10 on they are
// machines'.
func (s *site) address(last int) string { return fmt.Sprintf("10.20.%d.%d", s.number, last) }

func (s *site) machineAddress(i int) string { return s.address(10 + i) }

func (s *site) url(path string) string { return "http://" + s.address(1) + ":8080/" + path }

// newFolder is one that stays as long as the site.
func (s *site) newFolder() string {
	s.Helper()
	folder, err := os.MkdirTemp(s.folder, "")
	if err == nil {
		err = os.Chmod(folder, 0o755)
	}
	if err != nil {
		s.Fatal(err)
	}
	return folder
}

// end ends what runs.
func (s *site) end() {
	for _, m := range s.machines {
		m.powerOff()
	}
	s.database.stop()
}

// release is the archive that a node would build. It is one for all tests.
var release = sync.OnceValues(func() (string, error) {
	home := os.Getenv(homeVariable)
	archive, err := exec.Command("tar", "--create", "--use-compress-program=gzip -1", "--directory", home, ".").Output()
	return string(archive), err
})

// publish uploads a version and its build, and has the settings name it.
func (s *site) publish(version string, v assets.VerneMQ, edit func(files map[string]string)) {
	s.Helper()
	files, err := v.Files()
	if err != nil {
		s.Fatal(err)
	}
	if edit != nil {
		edit(files)
	}
	archive, err := release()
	if err != nil {
		s.Fatal(err)
	}
	variable := func(name string) string {
		_, rest, _ := strings.Cut("\n"+files["vernemq.env"], "\n"+name+"=")
		value, _, _ := strings.Cut(rest, "\n")
		return strings.Trim(value, "'")
	}
	build := fmt.Sprintf("shared/vernemq-%s-%s-ubuntu24.04-amd64.tar.gz", variable("VERSION"), variable("COMMIT")[:12])
	blobs := map[string]string{build: archive}
	for name, text := range files {
		blobs[version+"/"+name] = text
	}
	s.cloud.put(blobs)
	s.settings.Files, s.settings.FileNames = s.url(version), slices.Sorted(maps.Keys(files))
	s.want(s.settings.Members...)
}

// want has the settings name these members.
func (s *site) want(members ...string) {
	s.settings.Members = members
	s.cloud.setSecret("settings", s.settings.Text())
}

// machine is a virtual machine. Its files outlive a reboot, and those of its data disk outlive the machine.
type machine struct {
	site    *site
	address string
	last    int    // number of its address
	system  string // folder of the system disk
	disk    string // file
	first   *exec.Cmd
}

// newMachine makes a machine with an empty data disk, and switches it on.
func (s *site) newMachine(i int) *machine {
	s.Helper()
	disk := filepath.Join(s.newFolder(), "disk")
	if err := os.WriteFile(disk, nil, 0o600); err != nil {
		s.Fatal(err)
	}
	if err := os.Truncate(disk, 256<<20); err != nil {
		s.Fatal(err)
	}
	return s.machineWith(i, disk)
}

// machineWith makes a machine with a new system disk and this data disk, in place of the one that had its address.
func (s *site) machineWith(i int, disk string) *machine {
	s.Helper()
	m := &machine{site: s, address: s.machineAddress(i), last: 10 + i, system: s.newFolder(), disk: disk}
	custom := assets.VerneMQMachine{SettingsURL: s.url("secrets/settings"), ClientID: clientID, Address: m.address}
	for _, old := range s.machines {
		if old.address == m.address {
			old.powerOff()
		}
	}
	s.machines = slices.DeleteFunc(s.machines, func(old *machine) bool { return old.address == m.address })
	s.machines = slices.Insert(s.machines, min(i, len(s.machines)), m)
	m.powerOn()
	m.install(custom)
	return m
}

// install does what cloud-init does.
func (m *machine) install(custom assets.VerneMQMachine) {
	m.site.Helper()
	text, err := custom.CloudInit()
	if err != nil {
		m.site.Fatal(err)
	}
	m.put("/run/cloud-init.yaml", text)
	m.put("/usr/local/bin/systemctl", systemctlScript)
	m.put("/usr/local/bin/systemd-run", systemdRunScript)
	m.put(adminPath, adminScript)
	m.put(adminLog, "")
	m.must("chmod 0666 " + adminLog)
	// What the scripts want is installed where the tests run.
	m.put("/usr/local/bin/apt-get", "#!/bin/sh\n")
	m.must(`mkdir -p /etc/systemd/system; chmod 0755 /usr/local/bin/*; python3 - <<'PYTHON'
import base64, os, re
text = open("/run/cloud-init.yaml").read()
for path, mode, rest in re.findall(r"  - path: (\S+)\n(?:    permissions: \"(\d+)\"\n)?((?:    .*\n|\n)*)", text):
    encoded = re.search(r"encoding: b64\n    content: (\S+)", rest)
    plain = "\n".join(line[6:] for line in rest.split("content: |\n")[-1].splitlines()) + "\n"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(base64.b64decode(encoded[1]).decode() if encoded else plain)
    os.chmod(path, int(mode or "644", 8))
PYTHON`)
}

// powerOn starts the machine's first process, in namespaces of its own.
func (m *machine) powerOn() {
	m.site.Helper()
	m.first = exec.Command("bash", "-c", machineScript)
	m.first.Env = append(os.Environ(), "SYSTEM="+m.system, "DISK="+m.disk, "ADDRESS="+m.address,
		fmt.Sprint("NETWORK=10.20.", m.site.number), fmt.Sprintf("LINK=02:00:0a:14:%02d", m.site.number),
		"GATEWAY="+m.site.address(1),
		"AUTHORITY="+m.site.authority.File, "HOSTS="+m.site.address(2)+" "+databaseHost)
	log, err := os.OpenFile(filepath.Join(m.system, "console"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		m.site.Fatal(err)
	}
	defer log.Close()
	m.first.Stdout, m.first.Stderr = log, log
	m.first.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL,
	}
	if err := m.first.Start(); err != nil {
		m.site.Fatal(err)
	}
	m.site.ip("link", "add", m.link(), "type", "veth", "peer", "name", "eth0",
		"address", fmt.Sprintf("02:00:0a:14:%02d:%02d", m.site.number, m.last), "netns", fmt.Sprint(m.first.Process.Pid))
	m.connect()
	parts.Within(m.site.T, 20*time.Second, "the machine is on", func() bool {
		_, err := m.sh("[ -e /run/ready ]")
		return err == nil
	})
}

func (m *machine) link() string { return fmt.Sprintf("machine%d-%d", m.site.number, m.last) }

// connect has the network carry the machine's packets, and disconnect has it drop them without a word.
func (m *machine) connect()    { m.site.ip("link", "set", m.link(), "master", "br0", "up") }
func (m *machine) disconnect() { m.site.ip("link", "set", m.link(), "nomaster") }

func (s *site) ip(args ...string) {
	s.Helper()
	if said, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		s.Fatalf("ip %v: %v\n%s", args, err, said)
	}
}

// powerOff ends everything at once.
func (m *machine) powerOff() {
	if m.first == nil {
		return
	}
	_ = m.first.Process.Kill()
	_ = m.first.Wait()
	m.first = nil
	// Its half of the link goes with its namespace, some time later.
	_ = exec.Command("ip", "link", "delete", m.link()).Run()
	// So does its mount of the disk; what was written is on the disk then.
	for range 600 {
		if used, err := exec.Command("losetup", "--associated", m.disk).Output(); err != nil || len(used) == 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// sh runs something on the machine, with the environment that systemd gives.
func (m *machine) sh(script string, environment ...string) (string, error) {
	args := []string{"--target", fmt.Sprint(m.first.Process.Pid), "--mount", "--net", "--pid", "--wd=/",
		"env", "-i", "LANG=C.UTF-8", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	args = append(append(args, environment...), "bash", "-c", script)
	command := exec.Command("nsenter", args...)
	var out bytes.Buffer
	command.Stdout, command.Stderr, command.WaitDelay = &out, &out, time.Second
	err := command.Run()
	return out.String(), err
}

func (m *machine) must(script string) string {
	m.site.Helper()
	said, err := m.sh(script)
	if err != nil {
		m.site.Fatalf("%s: %v\n%s", m.address, err, said)
	}
	return strings.TrimSpace(said)
}

func (m *machine) put(path, text string) {
	m.site.Helper()
	from := filepath.Join(m.site.newFolder(), "file")
	if err := os.WriteFile(from, []byte(text), 0o644); err != nil {
		m.site.Fatal(err)
	}
	m.must("mkdir -p $(dirname " + path + "); cp " + from + " " + path)
}

// run runs the machine's command, with shorter pauses than it has by itself.
func (m *machine) run(words string) error {
	said, err := m.sh("/usr/local/sbin/amora-node "+words, "PGSSLROOTCERT=/etc/ssl/certs/ca-certificates.crt",
		"VMQ_ADMIN="+adminPath,
		"WAIT=1", "PATIENCE=2", "NOTE_WAIT=1", "NOTE_TRIES=90", "GOSSIP=10", "PAUSE=2", "LIMIT=300")
	m.site.mu.Lock()
	defer m.site.mu.Unlock()
	fmt.Fprintf(&m.site.said, "--- %s %s %s: %v\n%s", time.Now().Format("15:04:05"), m.address, words, err, said)
	return err
}

// serves says what the load balancer asks.
func (m *machine) serves() bool {
	client := &http.Client{Timeout: patience}
	answer, err := client.Get(fmt.Sprintf("http://%s:%d%s", m.address, assets.VerneMQHealthPort, assets.VerneMQHealthPath))
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// members lists who is in the cluster and runs, as the machine's node sees it.
func (m *machine) members() []string {
	said, err := m.sh(`NO_EPMD=1 /opt/vernemq/bin/vmq-admin cluster show --format=json | python3 -c '
import json, sys
print(*sorted(row["Node"].split("@")[1] for row in json.load(sys.stdin)["table"] if row["Running"]))'`)
	if err != nil {
		return nil
	}
	return strings.Fields(said)
}

// tick has all machines do what their timers have them do, side by side.
func (s *site) tick() {
	var all sync.WaitGroup
	for _, m := range slices.Clone(s.machines) {
		if m.first != nil {
			all.Go(func() { _ = m.run("tick") })
		}
	}
	all.Wait()
}

// form ticks until these members see each other and nobody else, and each of them serves.
func (s *site) form(within time.Duration, members ...*machine) {
	s.Helper()
	var want []string
	for _, m := range members {
		want = append(want, m.address)
	}
	slices.Sort(want)
	parts.Within(s.T, within, fmt.Sprint("one cluster of ", want), func() bool {
		s.tick()
		return !slices.ContainsFunc(members, func(m *machine) bool { return !m.serves() || !slices.Equal(m.members(), want) })
	})
}
