package vernemq

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const (
	databaseHost  = "amora-test.postgres.database.azure.com"
	adminPassword = "admin-password"
)

// postgres is the folder of PostgreSQL's programs, or "".
func postgres() string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1]
}

// database is a real PostgreSQL that takes connections over TLS only, with a certificate for databaseHost.
type database struct {
	*site
	folder string
	last   int // number of its address
}

func newDatabase(s *site) *database {
	s.Helper()
	d := &database{s, s.newFolder(), 2}
	key, certificate := s.authority.Sign(s.T, databaseHost)
	for name, text := range map[string]string{
		"tls.key": key, "tls.pem": certificate, "password": adminPassword,
		"pg_hba.conf": "local all all trust\nhostssl all all all scram-sha-256\n",
	} {
		if err := os.WriteFile(filepath.Join(d.folder, name), []byte(text), 0o600); err != nil {
			s.Fatal(err)
		}
	}
	d.sh(`chown -R postgres "$FOLDER"; as initdb -D "$FOLDER/data" -U mqttadmin -A trust --pwfile "$FOLDER/password" -N`)
	d.start()
	d.query("postgres", "CREATE DATABASE mqtt")
	return d
}

func (d *database) sh(script string) string {
	d.Helper()
	const as = `as() { setpriv --reuid postgres --regid postgres --clear-groups "$BIN/$@"; }; `
	command := exec.Command("bash", "-ec", as+script)
	command.Env = append(os.Environ(), "FOLDER="+d.folder, "BIN="+postgres(), "HOST="+d.address(d.last))
	// The server keeps what it has for output: a file, and no pipe that would stay open.
	log, err := os.CreateTemp(d.folder, "said")
	if err != nil {
		d.Fatal(err)
	}
	command.Stdout, command.Stderr = log, log
	err = command.Run()
	said, _ := os.ReadFile(log.Name())
	if err != nil {
		d.Fatalf("%s: %v\n%s", script, err, said)
	}
	return string(said)
}

func (d *database) start() {
	d.Helper()
	d.sh(`as pg_ctl -D "$FOLDER/data" -w -l "$FOLDER/log" -o "-c listen_addresses=$HOST` +
		` -c unix_socket_directories=$FOLDER -c hba_file=$FOLDER/pg_hba.conf` +
		` -c ssl=on -c ssl_cert_file=$FOLDER/tls.pem -c ssl_key_file=$FOLDER/tls.key -c max_connections=200" start`)
}

// stop is as an outage: nobody says goodbye.
func (d *database) stop() { d.sh(`as pg_ctl -D "$FOLDER/data" -m immediate stop || true`) }

// freeze stops all of its processes: connections stay, and new ones are taken, but nothing is answered.
func (d *database) freeze() (thaw func()) {
	d.Helper()
	const pids = `$(head -1 "$FOLDER/data/postmaster.pid") $(pgrep --parent $(head -1 "$FOLDER/data/postmaster.pid"))`
	d.sh("kill -STOP " + pids)
	return func() { d.sh("kill -CONT " + pids) }
}

// silence drops what it sends, without a word to anybody.
func (d *database) silence() (speak func()) {
	d.Helper()
	rule := []string{"sport", "5432", "from", d.address(d.last), "blackhole"}
	d.ip(append([]string{"rule", "add"}, rule...)...)
	return func() { d.ip(append([]string{"rule", "del"}, rule...)...) }
}

// move is as when a standby takes over from a host that is lost: its connections get no answer any more, and no end.
func (d *database) move() {
	d.Helper()
	d.Cleanup(d.silence())
	d.stop()
	d.last++
	d.ip("address", "add", d.address(d.last)+"/24", "dev", "br0")
	d.start()
	for _, m := range d.machines {
		m.must(fmt.Sprintf("sed 's/%s /%s /' /etc/hosts >/run/hosts; cat /run/hosts >/etc/hosts", d.address(d.last-1),
			d.address(d.last)))
	}
}

func (d *database) query(name, sql string) {
	d.Helper()
	d.sh(`as psql -q -v ON_ERROR_STOP=1 -h "$FOLDER" -U mqttadmin -d ` + name + ` <<'SQL'
` + sql + `
SQL`)
}

// addUsers has users who may do this: to "device" what is below its name, and to "root" everything.
func (d *database) addUsers() {
	d.Helper()
	d.query("mqtt", `SELECT mqtt_put_user('device', crypt('secret', gen_salt('bf', 6))),
    mqtt_allow('device', 'devices/${username}/#'),
    mqtt_put_user('root', crypt('secret', gen_salt('bf', 6)), NULL, true),
    mqtt_put_user('all', crypt('secret', gen_salt('bf', 6))), mqtt_allow('all', '#'),
    mqtt_put_user('own', crypt('secret', gen_salt('bf', 6))), mqtt_allow('own', 'clients/${clientid}/#')`)
}
