package emqx

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
	"github.com/amora-sync/mqtt-on-azure/tests/brokers/parts"
)

// lab is an environment with stores and an edge, in which nodes run.
type lab struct {
	t      testing.TB
	ca     *parts.Authority
	data   *database
	cache  *cache
	apps   map[int]*ingress
	edge   *process
	files  string      // what every node mounts
	tokens *assets.JWT // whose are taken
}

// stores is what a broker needs to know of them.
var stores = assets.EMQX{
	DatabaseHost: dataHost, DatabaseName: "mqtt", DatabaseUser: brokerRole, RedisHost: cacheHost, RedisPort: cachePort,
}

func newLab(t testing.TB, nodes int) *lab {
	t.Helper()
	l := &lab{t: t, ca: parts.NewAuthority(t, t.TempDir()), apps: map[int]*ingress{}}
	l.data, l.cache = newDatabase(t, l.ca), newCache(t, l.ca)
	l.loadRules()
	for i := range nodes {
		l.apps[i] = newIngress(t, appAddress(i), assets.DistributionPort, assets.RPCPort, assets.MQTTPort,
			assets.WebSocketPort,
			assets.StatusPort, assets.GatePort)
	}
	l.configure(stores)
	l.startEdge()
	return l
}

func (l *lab) configure(e assets.EMQX) {
	l.t.Helper()
	config, err := e.Config()
	parts.Must(l.t, err)
	l.tokens = e.JWT
	// The hash for users who are not known costs as much as an operator's own: here as little as those of the tests.
	config = strings.Replace(config, "$2a$10$", "$2a$04$", 1)
	l.files = filepath.Join(l.t.TempDir(), "mnt")
	write(l.t, filepath.Join(l.files, "config", assets.EMQXConfigFile), config)
	write(l.t, filepath.Join(l.files, "config", assets.GateFile), assets.Gate)
	write(l.t, filepath.Join(l.files, "secrets", assets.DatabasePasswordFile), brokerPassword)
	write(l.t, filepath.Join(l.files, "secrets", assets.RedisPasswordFile), cachePassword)
	for dir := l.files; dir != "/" && dir != os.TempDir(); dir = filepath.Dir(dir) {
		parts.Must(l.t, os.Chmod(dir, 0o755))
	}
}

const edgeMQTTS, edgeHTTP = 8883, 8080

func (l *lab) startEdge() {
	l.t.Helper()
	key, certificate := l.ca.Sign(l.t, edgeHost)
	dir := l.t.TempDir()
	config, err := assets.Edge{
		Nodes: assets.EdgeNodes(), FrontDoorID: "lab", MaxConnections: 1000,
		CertificateFile: write(l.t, filepath.Join(dir, "tls.pem"), key+certificate),
	}.Config()
	parts.Must(l.t, err)
	l.edge = start(l.t, "HAProxy",
		exec.Command("haproxy", "-W", "-db", "-q", "-f", write(l.t, filepath.Join(dir, "haproxy.cfg"), config)))
}

// replica is one instance of a node, with a network and a filesystem of its own, as a container has.
type replica struct {
	*process
	l       *lab
	node    int
	address string
	space   string // its network
	link    string // the host's end of that
	booted  time.Time
}

var replicas atomic.Int32

// run starts an instance of a node, and puts it behind its app's name, as Azure does with a new revision.
func (l *lab) run(node int) *replica {
	l.t.Helper()
	n := int(replicas.Add(1))
	space := fmt.Sprintf("node%d", n)
	r := &replica{l: l, node: node, address: fmt.Sprintf("10.99.2.%d", n), space: space, link: fmt.Sprintf("veth%d", n),
		booted: time.Now()}
	sh(l.t, fmt.Sprintf(`ip netns add %[1]s && ip link add %[2]s type veth peer name eth0 netns %[1]s &&
		ip link set %[2]s master br0 up &&
		ip -n %[1]s link set lo up && ip -n %[1]s addr add %[3]s/16 dev eth0 && ip -n %[1]s link set eth0 up &&
		ip -n %[1]s route add default via %[4]s`, space, r.link, r.address, hub))
	root := filepath.Join(folder, space)
	sh(l.t, fmt.Sprintf("cp -a %s %s && chown -R 1000:1000 %[2]s && mkdir -p /opt/emqx /mnt/config /mnt/secrets",
		os.Getenv("AMORA_EMQX_HOME"), root))
	l.t.Cleanup(func() { _ = exec.Command("sh", "-c", "ip netns del "+space+"; rm -rf "+root).Run() })

	variables := []string{"HOME=/opt/emqx", "LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin", "PGHOST=" + dataHost,
		"PGDATABASE=mqtt", "PGUSER=" + brokerRole,
		"EMQX_NODE__COOKIE=cookie-of-nobody", "EMQX_DASHBOARD__DEFAULT_PASSWORD=dashboard-of-nobody"}
	given := assets.NodeEnvironment(node, "westeurope")
	if l.tokens != nil {
		given = append(given, l.tokens.Environment(assets.ClientIDsPrefix)...)
	}
	for _, v := range given {
		value := v.Value
		if v.Name == "GATE_ENTRYPOINT" {
			value = "/opt/emqx/bin/docker-entrypoint.sh" // the image has it beside
		}
		variables = append(variables, v.Name+"="+value)
	}
	mounts := fmt.Sprintf(
		"mount --bind %s /opt/emqx && mount --bind %s/config /mnt/config && mount --bind %[2]s/secrets /mnt/secrets && "+
			"mount --bind %[3]s /etc/ssl/certs/ca-certificates.crt && cd /opt/emqx && "+
			`exec setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all env -i "$@"`, root, l.files, l.ca.File)
	arguments := append([]string{"netns", "exec", space, "unshare", "--mount", "--pid", "--fork", "--kill-child",
		"--mount-proc",
		"sh", "-c", mounts, "sh"}, variables...)
	r.process = start(l.t, fmt.Sprintf("emqx-%d at %s", node, r.address),
		exec.Command("ip", append(arguments, assets.NodeCommand()...)...))
	l.apps[node].add(r.address)
	l.t.Cleanup(func() {
		l.apps[node].remove(r.address)
		if pid, err := r.first(); err == nil { // which outlives its parent, as a process of another user
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	return r
}

// first is the process that the container has as its first.
func (r *replica) first() (int, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", r.Process.Pid))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(data)))
}

func (r *replica) signal(s syscall.Signal) {
	r.l.t.Helper()
	pid, err := r.first()
	parts.Must(r.l.t, err)
	parts.Must(r.l.t, syscall.Kill(pid, s))
}

// freeze holds EMQX up, and not its gate, until it is told to go on.
func (r *replica) freeze() (thaw func()) {
	r.l.t.Helper()
	gate, err := r.first()
	parts.Must(r.l.t, err)
	// EMQX is the gate's only other Erlang machine of these: eval's are younger.
	pid := strings.Fields(sh(r.l.t, fmt.Sprintf("for p in $(ip netns pids %s | sort -n); do [ $p = %d ] || "+
		"[ $(cat /proc/$p/comm) != beam.smp ] || echo $p; done", r.space, gate)))[0]
	sh(r.l.t, "kill -STOP "+pid)
	return func() { sh(r.l.t, "kill -CONT "+pid) }
}

// terminate asks it to stop, as Azure does, and gives back how long that took.
func (r *replica) terminate() time.Duration {
	r.l.t.Helper()
	begun := time.Now()
	r.signal(syscall.SIGTERM)
	select {
	case <-r.over:
	case <-time.After(time.Minute):
		r.l.t.Errorf("%s does not stop", r.address)
	}
	r.l.apps[r.node].remove(r.address)
	return time.Since(begun)
}

// kill ends it at once.
func (r *replica) kill() {
	r.l.t.Helper()
	r.signal(syscall.SIGKILL)
	<-r.over
	r.l.apps[r.node].remove(r.address)
}

// cut drops all that it sends and gets, without a word to anybody; join undoes it.
func (r *replica) cut()  { sh(r.l.t, "ip link set "+r.link+" down") }
func (r *replica) join() { sh(r.l.t, "ip link set "+r.link+" up") }

// blind drops what it sends to other nodes, and nothing else; see undoes it.
func (r *replica) blind(others ...int) { r.peers("add", others) }
func (r *replica) see(others ...int)   { r.peers("del", others) }

func (r *replica) peers(change string, others []int) {
	r.l.t.Helper()
	for _, other := range others {
		for _, port := range []int{assets.DistributionPort, assets.RPCPort} {
			sh(r.l.t, fmt.Sprintf("ip -n %s rule %s to %s dport %d blackhole", r.space, change, appAddress(other), port))
		}
	}
}

// gate is what the replica's gate answers, and why; 0 for nothing.
func (r *replica) gate(path string) (int, string) {
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(fmt.Sprintf("http://%s:%d%s", r.address, assets.GatePort, path))
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body) // as far as it came
	return response.StatusCode, strings.TrimSpace(string(text))
}

func (r *replica) serves() bool {
	code, _ := r.gate(assets.GateServingPath)
	return code == http.StatusOK
}

func (r *replica) mustServe() time.Duration {
	r.l.t.Helper()
	return parts.Within(r.l.t, 6*time.Minute, r.address+" serves", func() bool {
		select {
		case <-r.over:
			r.l.t.Fatalf("%s has ended", r.address)
		default:
		}
		return r.serves()
	})
}

// eval runs an expression in EMQX, in this instance also where its name leads to a newer one.
func (r *replica) eval(expression string) string {
	pid, err := r.first()
	if err != nil {
		return err.Error()
	}
	hosts := fmt.Sprintf("echo 127.0.0.1 %s >/opt/emqx/hosts && mount --bind /opt/emqx/hosts /etc/hosts && "+
		`cd /opt/emqx && exec "$@"`, assets.NodeHost(r.node))
	said, err := exec.Command("nsenter", "-t", fmt.Sprint(pid), "-n", "-m", "-p", "unshare", "--mount", "sh", "-c", hosts,
		"sh", "setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups", "env", "-i",
		"HOME=/opt/emqx", "LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin", "EMQX_NODE__NAME="+assets.ErlangName(r.node),
		"EMQX_NODE__COOKIE=cookie-of-nobody", "/opt/emqx/bin/emqx", "eval", expression).CombinedOutput()
	if err != nil {
		return err.Error() + ": " + string(said)
	}
	return strings.TrimSpace(string(said))
}
