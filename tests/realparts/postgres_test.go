package realparts

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// Passwords that a careless script would trip over.
const (
	adminPassword  = `adm'in "$x" \n`
	brokerPassword = `bro'ker "$HOME" \ ;--`
)

// brokerRole is the role of brokerPassword.
var brokerRole = assets.BrokerRole("mqtt_broker", brokerPassword)

// database is a database of a running PostgreSQL.
type database struct {
	port   int
	name   string
	folder string
	server *process
	as     func(name string, args ...string) *exec.Cmd // a program of PostgreSQL, as the user that the server runs as
}

// prepared is a data folder that tests start their servers with copies of: to make one takes longer than most of them.
type prepared struct {
	make   func(t *testing.T) *database
	once   sync.Once
	folder string // "" when it could not be made

	mu        sync.Mutex
	server    *database // see beside
	databases int
}

var (
	emptyData     = prepared{make: initialised}
	deployedData  = prepared{make: withSchema}
	populatedData = prepared{make: withUsers}
)

// newDatabase starts a server of its own, whose database is empty.
func newDatabase(t *testing.T) *database {
	t.Helper()
	return emptyData.copy(t)
}

// deployedDatabase has the schema, and a role that was each broker's.
func deployedDatabase(t *testing.T) *database {
	t.Helper()
	return deployedData.copy(t)
}

// populated has an ordinary user, a hostile one, one without rules, a superuser, and one whom HiveMQ does not know.
func populated(t *testing.T) *database {
	t.Helper()
	return populatedData.copy(t)
}

// copy starts a server of its own.
func (p *prepared) copy(t *testing.T) *database {
	t.Helper()
	d := newServer(t)
	p.copyTo(t, d)
	d.start(t)
	return d
}

// beside makes a database of its own on a server for several tests, which takes a fraction of what a server does. It is
// for those that leave the server and its roles alone.
func (p *prepared) beside(t *testing.T) *database {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server == nil {
		folder := newFolder(t)
		atEnd(func() { os.RemoveAll(folder) })
		d := serverIn(t, folder)
		p.copyTo(t, d)
		var err error
		if d.server, err = launch(d.command()); err != nil {
			t.Fatal(err)
		}
		atEnd(d.server.kill)
		d.answers(t)
		p.server = d
	}
	p.databases++
	d := *p.server
	d.name = fmt.Sprint("mqtt", p.databases)
	conn, err := d.dial(t, "postgres", "mqttadmin", adminPassword)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "CREATE DATABASE "+d.name+" TEMPLATE mqtt"); err != nil {
		t.Fatal(err)
	}
	return &d
}

// copyTo gives a server that does not run yet its data.
func (p *prepared) copyTo(t *testing.T, d *database) {
	t.Helper()
	p.once.Do(func() {
		original := p.make(t)
		if said, err := original.as("pg_ctl", "stop", "-D", original.data(), "-m", "fast").CombinedOutput(); err != nil {
			t.Fatalf("pg_ctl: %v\n%s", err, said)
		}
		folder, err := os.MkdirTemp(shared, "data")
		if err != nil {
			t.Fatal(err)
		}
		data := filepath.Join(folder, "data")
		if err := os.Rename(original.data(), data); err != nil {
			t.Fatal(err)
		}
		p.folder = data
	})
	if p.folder == "" {
		t.Fatal("the data could not be made in another test")
	}
	mustSh(t, `cp -a "$FROM" "$TO"`, "FROM="+p.folder, "TO="+d.data())
	unprivileged(t, d.data())
}

// initialised is a server with an empty database. PostgreSQL refuses to run as root, so root runs it as its package's
// user.
func initialised(t *testing.T) *database {
	t.Helper()
	d := newServer(t)
	password := write(t, filepath.Join(d.folder, "password"), adminPassword+"\n")
	unprivileged(t, password)
	said, err := d.as("initdb", "-D", d.data(), "-U", "mqttadmin", "-A", "scram-sha-256", "--pwfile", password,
		"-E", "UTF8", "--locale", "C.UTF-8", "-N", "--wal-segsize", "1").CombinedOutput()
	if err != nil {
		t.Fatalf("initdb: %v\n%s", err, said)
	}
	d.start(t)
	mustSh(t, `psql -d postgres -c 'CREATE DATABASE mqtt'`, d.environment()...)
	return d
}

func withSchema(t *testing.T) *database {
	t.Helper()
	d := newDatabase(t)
	for _, broker := range []string{"hivemq", "vernemq", "emqx"} {
		if said, err := d.applySchema(t, "BROKER="+broker); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
	}
	return d
}

func withUsers(t *testing.T) *database {
	t.Helper()
	d := deployedDatabase(t)
	both := func(password string) []string {
		return []string{"MQTT_PASSWORD_HASH=" + hash(t, password), "MQTT_PASSWORD_PBKDF2=" + secondHash(t, password)}
	}
	d.must(t, "add", "sensor", both("secret12")...)
	d.must(t, "allow", "sensor", "MQTT_TOPIC=devices/${username}/${clientid}/#", "MQTT_ACTION=all")
	d.must(t, "allow", "sensor", "MQTT_TOPIC=commands", "MQTT_ACTION=subscribe")
	d.must(t, "allow", "sensor", "MQTT_TOPIC=alarms", "MQTT_ACTION=publish")
	d.must(t, "add", hostileName, both("secret12")...)
	d.must(t, "allow", hostileName, "MQTT_TOPIC=<&>/"+hostileTopic, "MQTT_ACTION=all")
	d.must(t, "add", "idle", both("secret12")...)
	d.must(t, "add", "root", both("secret12")...)
	d.must(t, "add", "elder", "MQTT_PASSWORD_HASH="+hash(t, "secret12"))
	owner := d.connect(t, "mqttadmin", adminPassword)
	if _, err := owner.Exec(t.Context(), "UPDATE mqtt_user SET is_superuser = true WHERE username = 'root'"); err != nil {
		t.Fatal(err)
	}
	return d
}

// newServer prepares a server that has no data yet.
func newServer(t *testing.T) *database {
	t.Helper()
	folder := newFolder(t)
	t.Cleanup(func() { os.RemoveAll(folder) })
	return serverIn(t, folder)
}

// newFolder has a short name: it holds a socket.
func newFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "pg")
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

func serverIn(t *testing.T, folder string) *database {
	t.Helper()
	need(t, "psql", "initdb")
	credential := unprivileged(t, folder)
	return &database{port: freePort(t), name: "mqtt", folder: folder, as: func(name string, args ...string) *exec.Cmd {
		command := exec.Command(name, args...)
		command.Dir, command.SysProcAttr = folder, &syscall.SysProcAttr{Credential: credential}
		return command
	}}
}

// findPostgres has programs of PostgreSQL be found where Debian has them. The psql that it has in /usr/bin is a Perl
// script that looks for the other one, which takes five times as long.
func findPostgres() error {
	binaries, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(binaries) == 0 {
		return err
	}
	return os.Setenv("PATH", filepath.Dir(binaries[len(binaries)-1])+":"+os.Getenv("PATH"))
}

func (d *database) data() string { return filepath.Join(d.folder, "data") }

func (d *database) command() *exec.Cmd {
	return d.as("postgres", "-D", d.data(), "-p", strconv.Itoa(d.port), "-k", d.folder, "-h", "127.0.0.1",
		"-c", "fsync=off")
}

func (d *database) start(t *testing.T) {
	t.Helper()
	d.server = start(t, d.command())
	d.answers(t)
}

func (d *database) answers(t *testing.T) {
	t.Helper()
	within(t, time.Minute, "PostgreSQL answers", func() bool {
		conn, err := d.dial(t, "postgres", "mqttadmin", adminPassword)
		if err != nil {
			return false
		}
		return conn.Close(t.Context()) == nil
	})
}

// unprivileged gives a file or folder to the user postgres when the test runs as root.
func unprivileged(t *testing.T, path string) *syscall.Credential {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	owner, err := user.Lookup("postgres")
	if err != nil {
		t.Fatal(err)
	}
	uid, err := strconv.Atoi(owner.Uid)
	if err != nil {
		t.Fatal(err)
	}
	gid, err := strconv.Atoi(owner.Gid)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, uid, gid); err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// environment is how the deployed containers find the database.
func (d *database) environment(more ...string) []string {
	return append([]string{
		"PGHOST=127.0.0.1", fmt.Sprintf("PGPORT=%d", d.port), "PGUSER=mqttadmin", "PGPASSWORD=" + adminPassword,
		"PGDATABASE=" + d.name, "PGSSLMODE=disable",
	}, more...)
}

// applySchema does what the init container of a node does.
func (d *database) applySchema(t *testing.T, more ...string) (string, error) {
	t.Helper()
	return d.applyVersion(t, assets.Schema, more...)
}

// applyVersion is applySchema for another version of it.
func (d *database) applyVersion(t *testing.T, version string, more ...string) (string, error) {
	t.Helper()
	schema := write(t, filepath.Join(t.TempDir(), assets.SchemaFile), version)
	return sh(t, []string{"sh"}, assets.SchemaScript,
		d.environment(append([]string{"SCHEMA=" + schema, "BROKER=emqx", "BROKER_ROLE=" + brokerRole, "BROKER_PASSWORD=" +
			brokerPassword, "CLIENT_IDS=" + assets.ClientIDsPrefix}, more...)...)...)
}

func (d *database) connect(t *testing.T, role, password string) *pgx.Conn {
	t.Helper()
	conn, err := d.dial(t, d.name, role, password)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(t.Context()) })
	return conn
}

// dial tries to log in to one of the server's databases.
func (d *database) dial(t *testing.T, name, role, password string) (*pgx.Conn, error) {
	t.Helper()
	config, err := pgx.ParseConfig(fmt.Sprintf("host=127.0.0.1 port=%d dbname=%s user=%s sslmode=disable", d.port,
		name, role))
	if err != nil {
		t.Fatal(err)
	}
	config.Password = password
	return pgx.ConnectConfig(t.Context(), config)
}

// admin runs one operation as the admin job does.
func (d *database) admin(t *testing.T, operation, username string, more ...string) (string, error) {
	t.Helper()
	return sh(t, []string{"sh"}, assets.AdminScript,
		d.environment(append(more, "OPERATION="+operation, "MQTT_USERNAME="+username)...)...)
}

// must is admin for an operation that has to succeed.
func (d *database) must(t *testing.T, operation, username string, more ...string) {
	t.Helper()
	if said, err := d.admin(t, operation, username, more...); err != nil {
		t.Fatalf("%s %s: %v\n%s", operation, username, err, said)
	}
}
