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

// database is a running PostgreSQL with a database "mqtt".
type database struct {
	port   int
	folder string
	server *process
	as     func(name string, args ...string) *exec.Cmd // a program of PostgreSQL, as the user that the server runs as
}

// prepared is a data folder that tests start their servers with copies of: to make one takes longer than most of them.
type prepared struct {
	make   func(t *testing.T) *database
	once   sync.Once
	folder string // "" when it could not be made
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

// deployedDatabase has the schema.
func deployedDatabase(t *testing.T) *database {
	t.Helper()
	return deployedData.copy(t)
}

// populated has an ordinary user, a hostile one, one without rules, a superuser, and one whom HiveMQ does not know.
func populated(t *testing.T) *database {
	t.Helper()
	return populatedData.copy(t)
}

func (p *prepared) copy(t *testing.T) *database {
	t.Helper()
	d := newServer(t)
	p.once.Do(func() {
		original := p.make(t)
		if said, err := original.as("pg_ctl", "stop", "-D", original.data(), "-m", "fast").CombinedOutput(); err != nil {
			t.Fatalf("pg_ctl: %v\n%s", err, said)
		}
		folder, err := os.MkdirTemp(shared, "data")
		if err != nil {
			t.Fatal(err)
		}
		mustSh(t, `cp -a "$FROM/." "$TO"`, "FROM="+original.data(), "TO="+folder)
		p.folder = folder
	})
	if p.folder == "" {
		t.Fatal("the data could not be made in another test")
	}
	mustSh(t, `cp -a "$FROM" "$TO"`, "FROM="+p.folder, "TO="+d.data())
	unprivileged(t, d.data())
	d.start(t)
	return d
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
	if said, err := d.applySchema(t); err != nil {
		t.Fatalf("%v\n%s", err, said)
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
	d.must(t, "allow", hostileName, "MQTT_TOPIC="+hostileTopic+"<&>", "MQTT_ACTION=all")
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
	need(t, "psql")
	binaries, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(binaries) == 0 {
		need(t, "initdb")
		binaries = []string{"initdb"}
	}
	bin := filepath.Dir(binaries[len(binaries)-1])
	folder, err := os.MkdirTemp("", "pg") // short: it holds a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	credential := unprivileged(t, folder)
	return &database{port: freePort(t), folder: folder, as: func(name string, args ...string) *exec.Cmd {
		command := exec.Command(filepath.Join(bin, name), args...)
		command.Dir, command.SysProcAttr = folder, &syscall.SysProcAttr{Credential: credential}
		return command
	}}
}

func (d *database) data() string { return filepath.Join(d.folder, "data") }

func (d *database) start(t *testing.T) {
	t.Helper()
	d.server = start(t, d.as("postgres", "-D", d.data(), "-p", strconv.Itoa(d.port), "-k", d.folder, "-h", "127.0.0.1",
		"-c", "fsync=off"))
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
		"PGDATABASE=mqtt", "PGSSLMODE=disable",
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
		d.environment(append([]string{"SCHEMA=" + schema, "BROKER_ROLE=" + brokerRole, "BROKER_PASSWORD=" +
			brokerPassword}, more...)...)...)
}

func (d *database) connect(t *testing.T, role, password string) *pgx.Conn {
	t.Helper()
	conn, err := d.dial(t, "mqtt", role, password)
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
