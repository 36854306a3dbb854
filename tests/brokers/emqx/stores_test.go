package emqx

import (
	"fmt"
	"net"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
	"github.com/amora-sync/mqtt-on-azure/tests/brokers/parts"
)

const (
	adminPassword  = "admin-of-nobody"
	brokerPassword = "broker-of-nobody"
	cachePassword  = "cache-of-nobody"
)

// answerNames is the lab's DNS server: the stores' names, and those of the apps that tests make.
func answerNames() {
	conn, err := net.ListenPacket("udp", hub+":53")
	if err != nil {
		panic(err)
	}
	buffer := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		var message dnsmessage.Message
		if message.Unpack(buffer[:n]) != nil || len(message.Questions) != 1 {
			continue
		}
		message.Response, message.Authoritative, message.Additionals = true, true, nil
		question := message.Questions[0]
		address := addressOf(strings.TrimSuffix(question.Name.String(), "."))
		if address == "" {
			message.RCode = dnsmessage.RCodeNameError
		} else if question.Type == dnsmessage.TypeA {
			message.Answers = []dnsmessage.Resource{{
				Header: dnsmessage.ResourceHeader{Name: question.Name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET, TTL: 1},
				Body:   &dnsmessage.AResource{A: [4]byte(net.ParseIP(address).To4())},
			}}
		}
		if answer, err := message.Pack(); err == nil {
			_, _ = conn.WriteTo(answer, from) // who did not get it asks again
		}
	}
}

// addressOf is what a name leads to. Every app may be asked for; one that does not run refuses connections.
func addressOf(name string) string {
	if slices.Contains([]string{dataHost, cacheHost, edgeHost, issuerHost}, name) {
		return hub
	}
	for i := range assets.MaxNodes {
		if name == assets.NodeHost(i) {
			return appAddress(i)
		}
	}
	return ""
}

func appAddress(i int) string { return fmt.Sprintf("10.99.1.%d", 1+i) }

// database is a PostgreSQL with the deployed schema.
type database struct {
	t      testing.TB
	folder string
	ca     *parts.Authority
	server *process
	bin    string
	owner  *syscall.Credential
}

func newDatabase(t testing.TB, ca *parts.Authority) *database {
	t.Helper()
	binaries, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	parts.Must(t, err)
	postgres, err := user.Lookup("postgres")
	parts.Must(t, err)
	uid, err := strconv.Atoi(postgres.Uid)
	parts.Must(t, err)
	d := &database{t: t, ca: ca, folder: t.TempDir(), bin: binaries[len(binaries)-1],
		owner: &syscall.Credential{Uid: uint32(uid)}}
	key, certificate := ca.Sign(t, dataHost)
	write(t, filepath.Join(d.folder, "key.pem"), key)
	write(t, filepath.Join(d.folder, "certificate.pem"), certificate)
	write(t, filepath.Join(d.folder, "password"), adminPassword)
	// Its parents are of the test, and for root only.
	sh(t, "chmod 600 "+d.folder+"/key.pem && chown -R postgres "+d.folder+" && chmod 755 "+filepath.Dir(
		d.folder)+" "+d.folder)
	initdb := exec.Command(filepath.Join(d.bin, "initdb"), "-D", d.data(), "-U", "mqttadmin", "-A", "scram-sha-256",
		"--pwfile", filepath.Join(d.folder, "password"), "-E", "UTF8", "--locale", "C.UTF-8", "-N")
	initdb.SysProcAttr, initdb.Dir = &syscall.SysProcAttr{Credential: d.owner}, d.folder
	if said, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	write(t, filepath.Join(d.data(), "pg_hba.conf"), "local all all trust\nhostssl all all all scram-sha-256\n")
	d.start()
	d.sql("CREATE DATABASE mqtt", "PGDATABASE=postgres", "PGHOST="+d.folder)
	sh(t, assets.SchemaScript, d.environment("SCHEMA="+write(t, filepath.Join(d.folder, "schema.sql"), assets.Schema))...)
	return d
}

func (d *database) data() string { return filepath.Join(d.folder, "data") }

func (d *database) start() {
	d.t.Helper()
	command := exec.Command(filepath.Join(d.bin, "postgres"), "-D", d.data(), "-k", d.folder, "-h", hub, "-c", "fsync=off",
		"-c", "ssl=on", "-c", "ssl_key_file="+d.folder+"/key.pem", "-c", "ssl_cert_file="+d.folder+"/certificate.pem")
	command.SysProcAttr, command.Dir = &syscall.SysProcAttr{Credential: d.owner}, d.folder
	d.server = start(d.t, "PostgreSQL", command)
	parts.Within(d.t, 30*time.Second, "PostgreSQL answers", func() bool {
		return exec.Command("psql", "-h", d.folder, "-U", "mqttadmin", "-d", "postgres", "-c", "SELECT 1").Run() == nil
	})
}

// stop ends it as a failover does: sessions are cut.
func (d *database) stop() {
	d.t.Helper()
	parts.Must(d.t, d.server.Process.Signal(syscall.SIGQUIT))
	<-d.server.over
}

// freeze has it take connections and questions, and answer none, until it is told to go on.
func (d *database) freeze() (thaw func()) {
	d.t.Helper()
	pids := fmt.Sprintf("%d $(cat /proc/%[1]d/task/%[1]d/children)", d.server.Process.Pid)
	sh(d.t, "kill -STOP "+pids)
	return func() { sh(d.t, "kill -CONT "+pids) }
}

// slow has each question for a user take so many seconds, until it is told to go on.
func (d *database) slow(seconds int) (quick func()) {
	d.t.Helper()
	d.sql(fmt.Sprintf("ALTER TABLE mqtt_user RENAME TO quick; "+
		"CREATE FUNCTION slow() RETURNS SETOF quick LANGUAGE plpgsql SECURITY DEFINER AS "+
		"'BEGIN PERFORM pg_sleep(%d); RETURN QUERY SELECT * FROM quick; END'; "+
		"CREATE VIEW mqtt_user AS SELECT * FROM slow(); GRANT SELECT ON mqtt_user TO mqtt_broker", seconds))
	return func() { d.sql("DROP VIEW mqtt_user; DROP FUNCTION slow; ALTER TABLE quick RENAME TO mqtt_user") }
}

// environment is how the deployed script finds the database.
func (d *database) environment(more ...string) []string {
	return append([]string{
		"PGHOST=" + dataHost, "PGDATABASE=mqtt", "PGUSER=mqttadmin", "PGPASSWORD=" + adminPassword, "PGSSLMODE=verify-full",
		"PGSSLROOTCERT=" + d.ca.File, "BROKER=emqx", "BROKER_ROLE=" + brokerRole, "BROKER_PASSWORD=" + brokerPassword,
		"CLIENT_IDS=" + assets.ClientIDsPrefix,
		"BROKER_TIMEOUT=" + assets.QueryTimeout,
	}, more...)
}

var brokerRole = assets.BrokerRole("mqtt_broker", brokerPassword)

func (d *database) sql(text string, more ...string) string {
	d.t.Helper()
	return strings.TrimSpace(sh(d.t, `printf '%s' "$TEXT" | psql -v ON_ERROR_STOP=1 -qtA`,
		append(d.environment("TEXT="+text), more...)...))
}

// user makes one whose password is its name, and who may use the topics below devices/NAME.
func (d *database) user(name string) {
	d.t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(name), 4)
	parts.Must(d.t, err)
	d.sql(fmt.Sprintf("INSERT INTO mqtt_user (username, password_hash) VALUES ('%s', '%s')", name, hash))
}

// cache is a Redis with TLS and a password.
type cache struct {
	t      testing.TB
	ca     *parts.Authority
	server *process
	config string
}

const cachePort = 6380

func newCache(t testing.TB, ca *parts.Authority) *cache {
	t.Helper()
	key, certificate := ca.Sign(t, cacheHost)
	dir := t.TempDir()
	pair := write(t, filepath.Join(dir, "pair.pem"), key+certificate)
	c := &cache{t: t, ca: ca, config: write(t, filepath.Join(dir, "redis.conf"), fmt.Sprintf(
		"port 0\ntls-port %d\nbind %s\ntls-cert-file %[3]s\ntls-key-file %[3]s\ntls-auth-clients no\nrequirepass %s\n"+
			"save \"\"\ndir %s\n",
		cachePort, hub, pair, cachePassword, dir))}
	c.start()
	return c
}

func (c *cache) start() {
	c.t.Helper()
	c.server = start(c.t, "Redis", exec.Command("redis-server", c.config))
	parts.Within(c.t, 10*time.Second, "Redis answers", func() bool {
		conn, err := net.Dial("tcp", net.JoinHostPort(hub, strconv.Itoa(cachePort)))
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

func (c *cache) stop() {
	c.t.Helper()
	parts.Must(c.t, c.server.Process.Kill())
	<-c.server.over
}

// freeze is as the database's.
func (c *cache) freeze() (thaw func()) {
	c.t.Helper()
	parts.Must(c.t, c.server.Process.Signal(syscall.SIGSTOP))
	return func() { parts.Must(c.t, c.server.Process.Signal(syscall.SIGCONT)) }
}

// silence drops all that a store answers to nodes, without a word to anybody, until it is told to go on.
func silence(t testing.TB, port int) (speak func()) {
	t.Helper()
	sh(t, fmt.Sprintf("ip rule add sport %d blackhole", port))
	return func() { sh(t, fmt.Sprintf("ip rule del sport %d blackhole", port)) }
}

// empty has it lose what it holds, as one that is made anew.
func (c *cache) empty() { c.ask("FLUSHALL") }

func (c *cache) ask(words string) {
	c.t.Helper()
	sh(c.t, fmt.Sprintf("redis-cli -e --tls -h %s -p %d %s", cacheHost, cachePort, words), c.environment()...)
}

func (c *cache) environment() []string {
	return []string{"SSL_CERT_FILE=" + c.ca.File, "REDISCLI_AUTH=" + cachePassword}
}

// allow gives a user the right to a topic.
func (l *lab) allow(user, topic string) {
	l.t.Helper()
	l.data.sql(fmt.Sprintf("SELECT mqtt_allow('%s', '%s')", user, topic))
	l.loadRules()
}

// loadRules is a run of the rules job.
func (l *lab) loadRules() {
	l.t.Helper()
	work := "WORK=" + l.t.TempDir()
	sh(l.t, assets.RulesExportScript, l.data.environment(work, "PGUSER="+brokerRole, "PGPASSWORD="+brokerPassword)...)
	sh(l.t, assets.RulesLoadScript, append(l.cache.environment(), work, "REDIS_HOST="+cacheHost,
		fmt.Sprintf("REDIS_PORT=%d", cachePort))...)
}
