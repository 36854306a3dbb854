package realparts

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
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

// database is a running PostgreSQL with an empty database "mqtt".
type database struct {
	port   int
	folder string
	server *process
	as     func(name string, args ...string) *exec.Cmd // a program of PostgreSQL, as the user that the server runs as
}

// newDatabase starts a server of its own. PostgreSQL refuses to run as root, so root runs it as its package's user.
func newDatabase(t *testing.T) *database {
	t.Helper()
	d := newServer(t)
	password := write(t, filepath.Join(d.folder, "password"), adminPassword+"\n")
	unprivileged(t, password)
	said, err := d.as("initdb", "-D", d.data(), "-U", "mqttadmin", "-A", "scram-sha-256", "--pwfile", password, "-E", "UTF8", "--locale", "C.UTF-8", "-N").CombinedOutput()
	if err != nil {
		t.Fatalf("initdb: %v\n%s", err, said)
	}
	d.start(t)
	mustSh(t, `psql -d postgres -c 'CREATE DATABASE mqtt'`, d.environment()...)
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
	d.server = start(t, d.as("postgres", "-D", d.data(), "-p", strconv.Itoa(d.port), "-k", d.folder, "-h", "127.0.0.1", "-c", "fsync=off"))
	within(t, time.Minute, "PostgreSQL answers", func() bool {
		_, err := sh(t, []string{"sh"}, "psql -d postgres -c 'SELECT 1'", d.environment()...)
		return err == nil
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
		"PGHOST=127.0.0.1", fmt.Sprintf("PGPORT=%d", d.port), "PGUSER=mqttadmin", "PGPASSWORD=" + adminPassword, "PGDATABASE=mqtt", "PGSSLMODE=disable",
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
	return sh(t, []string{"sh"}, assets.SchemaScript, d.environment(append([]string{"SCHEMA=" + schema, "BROKER_ROLE=" + brokerRole, "BROKER_PASSWORD=" + brokerPassword}, more...)...)...)
}

func (d *database) connect(t *testing.T, role, password string) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(fmt.Sprintf("host=127.0.0.1 port=%d dbname=mqtt user=%s sslmode=disable", d.port, role))
	if err != nil {
		t.Fatal(err)
	}
	config.Password = password
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(t.Context()) })
	return conn
}

// admin runs one operation as the admin job does.
func (d *database) admin(t *testing.T, operation, username string, more ...string) (string, error) {
	t.Helper()
	return sh(t, []string{"sh"}, assets.AdminScript, d.environment(append(more, "OPERATION="+operation, "MQTT_USERNAME="+username)...)...)
}
