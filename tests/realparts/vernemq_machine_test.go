package realparts

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// vmSite is what the machines of one test share: Azure, the fakes of the programs that they run, and how their VerneMQ
// nodes see each other.
type vmSite struct {
	*testing.T
	cloud       *vmCloud
	cluster     *vmqCluster
	points      *points // what collectors are told
	fakes       string  // port
	python      string  // port
	addresses   []string
	settings    assets.VerneMQSettings
	files       map[string]string // of the version that the settings name
	certificate certificate
	breaksMake  bool
	tagged      string   // commit of the source's tag, "" for the one that nodes are told
	secrets     []string // what nobody may see

	mu       sync.Mutex
	machines map[string]*machine // by address
	said     strings.Builder     // by all scripts
	argued   strings.Builder     // the arguments of all programs
}

// machine is one virtual machine: a system disk, and mostly a data disk.
type machine struct {
	site    *vmSite
	address string
	root    string
	bin     string // programs of this machine only
	disk    *vmDisk
	node    *vmqNode
	more    []string // environment

	meanwhile func() // see asleep

	mounted  bool
	users    map[string]bool
	packages map[string]bool
	limits   bool              // there are rules of nftables
	groups   map[string]string // of files, by path
	called   [][]string        // programs that the test plays
}

// vmDisk is a device, and what is on it while it isn't mounted.
type vmDisk struct {
	device, content string
	formatted       int
	owner           *machine // whose user vernemq owns what is on it
}

var (
	lastSite atomic.Int32

	// The same for all, so that a machine of one test can be copied into another.
	vmCookie, vmAdminPassword, vmBrokerPassword = rand.Text(), rand.Text(), rand.Text()

	vmCertificates  sync.Once
	vmCertificateOf certificate
)

func vmCertificate(t *testing.T) certificate {
	t.Helper()
	vmCertificates.Do(func() { vmCertificateOf = newCertificate(t, time.Now().Add(time.Hour)) })
	return vmCertificateOf
}

const (
	firstVersion = "vernemq-1111"
	vmDiskSize   = 2 << 20
	vmData       = "/var/lib/vernemq"
)

// needForVerneMQ lists what the scripts run that a slim Debian may miss.
func needForVerneMQ(t *testing.T) {
	t.Helper()
	need(t, "bash", "curl", "python3", "openssl", "flock", "blkid", "mkfs.ext4")
}

// newVMSite prepares machines at 127.1.N.1 and on. Nothing runs yet.
func newVMSite(t *testing.T, size int) *vmSite {
	t.Helper()
	needForVerneMQ(t)
	// Another run of these tests may be going on.
	net := fmt.Sprintf("127.%d.%d", 1+os.Getpid()%250, lastSite.Add(1))
	s := &vmSite{T: t, cloud: newVMCloud(t), machines: map[string]*machine{}, certificate: vmCertificate(t)}
	for i := range size {
		s.addresses = append(s.addresses, fmt.Sprintf("%s.%d", net, 1+i))
	}
	s.cluster = newVMQCluster(t)
	s.fakes, s.python = s.serveFakes(), python(t)
	s.points = newPoints(t)
	s.cloud.writable = "vernemq-shared"
	s.cloud.setSecret("database-admin", vmAdminPassword)
	s.cloud.setSecret("database-broker", vmBrokerPassword)
	s.cloud.setSecret("certificate", s.certificate.pem)
	s.settings = assets.VerneMQSettings{
		Shared:       s.cloud.URL + "/storage/vernemq-shared",
		DatabaseHost: "database.example", DatabaseName: "mqtt", DatabaseAdmin: "mqttadmin",
		AdminPasswordURL: s.cloud.secretURL("database-admin"), BrokerPasswordURL: s.cloud.secretURL("database-broker"),
		CertificateURL: s.cloud.secretURL("certificate"), Hosts: []string{"localhost"},
		Cookie: vmCookie, Members: slices.Clone(s.addresses),
	}
	s.secrets = []string{vmCookie, vmAdminPassword, vmBrokerPassword}
	for _, token := range s.cloud.tokens {
		s.secrets = append(s.secrets, token)
	}
	s.publish(firstVersion, vmFiles(t, assets.VerneMQ{}))
	s.cloud.put("vernemq-shared", s.buildName(), buildOf(t, "somebody"))
	t.Cleanup(s.check)
	return s
}

// publish uploads a version, and has the settings name it.
func (s *vmSite) publish(version string, files map[string]string) {
	s.Helper()
	s.files = files
	for name, text := range files {
		s.cloud.put(version, name, text)
	}
	s.settings.Files, s.settings.FileNames = s.cloud.URL+"/storage/"+version, slices.Sorted(maps.Keys(files))
	s.want(s.settings.Members...)
}

// want has the settings name these members.
func (s *vmSite) want(members ...string) {
	s.settings.Members = slices.Clone(members)
	s.cloud.setSecret("settings", s.settings.Text())
}

// check looks, after every test, for what must never be.
func (s *vmSite) check() {
	s.cluster.stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, fault := range s.cluster.faults {
		s.Error(fault)
	}
	for _, call := range s.cloud.refused {
		s.Errorf("Azure refused %s", call)
	}
	key, _, _ := strings.Cut(strings.SplitN(s.certificate.pem, "\n", 3)[1], "\n")
	for _, secret := range append(s.secrets, key) {
		for where, text := range map[string]string{"output": s.said.String(), "arguments": s.argued.String()} {
			if at := strings.Index(text, secret); at >= 0 {
				s.Errorf("a secret is in the %s: …%s", where, text[max(0, at-80):at])
			}
		}
	}
	if s.Failed() {
		s.Logf("the scripts said:\n%s", s.said.String())
	}
}

// newMachine makes a machine at an address with a blank data disk, in place of the one that was there.
func (s *vmSite) newMachine(i int) *machine {
	s.Helper()
	folder := s.TempDir()
	disk := &vmDisk{device: filepath.Join(folder, "disk"), content: filepath.Join(folder, "content")}
	s.must(os.WriteFile(disk.device, nil, 0o600), os.Truncate(disk.device, vmDiskSize))
	return s.replace(s.addresses[i], disk)
}

// replace makes a machine with a data disk that there is, or with none.
func (s *vmSite) replace(address string, disk *vmDisk) *machine {
	s.Helper()
	s.mu.Lock()
	old := s.machines[address]
	s.mu.Unlock()
	if old != nil {
		old.powerOff()
	}
	m := &machine{
		site: s, address: address, root: s.TempDir(), bin: s.TempDir(), disk: disk,
		users: map[string]bool{}, packages: map[string]bool{}, groups: map[string]string{},
	}
	for _, folder := range []string{"etc/systemd/system", "etc/amora-sync", "opt", "dev/disk/azure/scsi1",
		"proc/sys/kernel/random", "usr/local/sbin", "var/lib"} {
		s.must(os.MkdirAll(filepath.Join(m.root, folder), 0o755))
	}
	m.install(assets.VerneMQMachine{SettingsURL: s.cloud.secretURL("settings"), ClientID: clientID, Address: address})
	m.newBoot()
	if disk != nil {
		m.attach()
	}
	s.mu.Lock()
	s.machines[address] = m
	s.mu.Unlock()
	m.node = s.cluster.node(m)
	return m
}

func (s *vmSite) must(errs ...error) {
	s.Helper()
	if err := errors.Join(errs...); err != nil {
		s.Fatal(err)
	}
}

// install does what cloud-init does with the custom data, as far as files go.
func (m *machine) install(known assets.VerneMQMachine) {
	m.site.Helper()
	text, err := known.CloudInit()
	m.site.must(err)
	_, rest, _ := strings.Cut(text, "encoding: b64\n    content: ")
	encoded, _, _ := strings.Cut(rest, "\n")
	script, err := base64.StdEncoding.DecodeString(encoded)
	m.site.must(err)
	_, rest, _ = strings.Cut(text, "content: |\n")
	variables, _, _ := strings.Cut(rest, "\n  - ")
	m.site.must(
		os.WriteFile(m.path("usr/local/sbin/amora-node"), script, 0o755),
		os.WriteFile(m.path("etc/amora-sync/node.env"), []byte(strings.ReplaceAll(variables, "      ", "")), 0o600),
	)
}

func (m *machine) path(name string) string  { return filepath.Join(m.root, name) }
func (m *machine) data(name string) string  { return filepath.Join(m.root, vmData, name) }
func (m *machine) state(name string) string { return filepath.Join(m.root, "var/lib/amora-sync", name) }

func (m *machine) attach() {
	m.site.Helper()
	m.site.must(os.Symlink(m.disk.device, m.path("dev/disk/azure/scsi1/lun0")))
}

func (m *machine) newBoot() {
	m.site.must(os.WriteFile(m.path("proc/sys/kernel/random/boot_id"), []byte(rand.Text()+"\n"), 0o600))
}

// powerOff ends what runs, as if the machine were gone.
func (m *machine) powerOff() {
	m.site.cluster.halt(m.node)
	m.site.mu.Lock()
	defer m.site.mu.Unlock()
	m.limits = false
	if m.mounted {
		m.site.must(os.Rename(m.data(""), m.disk.content), os.Mkdir(m.data(""), 0o700))
		m.mounted = false
	}
}

// reboot leaves what is on the disks.
func (m *machine) reboot() {
	m.powerOff()
	m.newBoot()
}

// programPath is where a machine looks for programs that it has not in m.bin: the real ones of this machine last.
func (m *machine) programPath() string {
	m.site.Helper()
	fakes, err := makeFakes()
	m.site.must(err)
	return fakes + ":/usr/sbin:/usr/bin:/sbin:/bin:" + os.Getenv("PATH")
}

// environment is the machine's.
func (m *machine) environment() []string {
	m.site.Helper()
	known, err := makeKnown()
	m.site.must(err)
	return slices.Concat(fakeFunctions(), []string{
		"PATH=" + m.bin + ":" + m.programPath(), "HOME=" + m.root, "LC_ALL=C", "TMPDIR=" + m.root,
		"ROOT=" + m.root, "STATE=" + m.state(""), "NODE_ENV=" + m.path("etc/amora-sync/node.env"),
		"METADATA=" + m.site.cloud.URL, "VMQ_ADMIN=vmq-admin",
		"FAKES=" + m.site.fakes, "PYTHON=" + m.site.python, "KNOWN_CERTIFICATE=" + known, "MACHINE=" + m.address,
	}, m.more)
}

// run runs the one command of the machine.
func (m *machine) run(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(m.site.Context(), 5*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, m.path("usr/local/sbin/amora-node"), args...)
	command.Env, command.Dir, command.WaitDelay = m.environment(), m.root, time.Second
	said, err := command.CombinedOutput()
	m.site.mu.Lock()
	defer m.site.mu.Unlock()
	fmt.Fprintf(&m.site.said, "--- %s %s: %v\n%s", m.address, strings.Join(args, " "), err, said)
	return string(said), err
}

func (m *machine) tick() error {
	_, err := m.run("tick")
	return err
}

// mustTick ticks, and must come to an end that is as it should be.
func (m *machine) mustTick() {
	m.site.Helper()
	if err := m.tick(); err != nil {
		m.site.Fatalf("tick of %s: %v", m.address, err)
	}
}

// serves says whether clients and the load balancer find the node.
func (m *machine) serves() bool {
	return accepts(fmt.Sprintf("%s:%d", m.address, assets.VerneMQPort)) &&
		accepts(fmt.Sprintf("%s:%d", m.address, assets.VerneMQWebSocketPort)) &&
		accepts(fmt.Sprintf("%s:%d", m.address, assets.VerneMQHealthPort))
}

// formats is how often the data disk was formatted.
func (m *machine) formats() int {
	m.site.mu.Lock()
	defer m.site.mu.Unlock()
	return m.disk.formatted
}

func (m *machine) hasPackage(name string) bool {
	m.site.mu.Lock()
	defer m.site.mu.Unlock()
	return m.packages[name]
}

// lock holds what a tick or a deployment holds while it runs.
func (m *machine) lock() *os.File {
	m.site.Helper()
	lock, err := os.Create(m.state("lock"))
	m.site.must(err, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))
	return lock
}

// age makes a file of the state older.
func (m *machine) age(name string, by time.Duration) {
	m.site.Helper()
	then := time.Now().Add(-by)
	m.site.must(os.Chtimes(m.state(name), then, then))
}

// has says whether a file is there.
func has(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
