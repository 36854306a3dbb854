package hivemq

import (
	"crypto/pbkdf2"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
	"github.com/amora-sync/mqtt-on-azure/tests/brokers/parts"
)

// store is a PostgreSQL with the deployed schema.
type store struct {
	t      testing.TB
	folder string
}

func newStore(t testing.TB) *store {
	t.Helper()
	if classpath == "" {
		t.Skip(why)
	}
	s := &store{t, t.TempDir()}
	parts.Must(t, os.WriteFile(filepath.Join(s.folder, "schema.sql"), []byte(assets.Schema), 0o644))
	// The folders above are of the test, and for root only.
	s.sh(`chmod 0755 "$PGHOST/.." "$PGHOST"; chown postgres "$PGHOST"
as initdb -D "$PGHOST/data" -U mqttadmin -A trust -E UTF8 --locale C.UTF-8 -N
as pg_ctl -D "$PGHOST/data" -w -l "$PGHOST/log" -o "-c listen_addresses= -c fsync=off -k $PGHOST" start
PGDATABASE=postgres psql -c 'CREATE DATABASE mqtt'`)
	t.Cleanup(func() { s.sh(`as pg_ctl -D "$PGHOST/data" -m immediate stop`) })
	s.sh(assets.SchemaScript)
	return s
}

// sh runs a script with what finds the database in its environment.
func (s *store) sh(script string, environment ...string) {
	s.t.Helper()
	const as = `set -e
as() { PATH=$(echo /usr/lib/postgresql/*/bin):$PATH setpriv --reuid postgres --regid postgres --clear-groups "$@"; }
`
	command := exec.Command("sh", "-c", as+script)
	command.Dir = s.folder
	command.Env = append(os.Environ(), "PGHOST="+s.folder, "PGUSER=mqttadmin", "PGDATABASE=mqtt", "WORK="+s.folder,
		"SCHEMA="+filepath.Join(s.folder, "schema.sql"), "CONFIG="+filepath.Join(s.folder, "config.xml"),
		"BROKER=hivemq", "BROKER_ROLE=mqtt_broker_x", "BROKER_PASSWORD=nobody-s", "CLIENT_IDS=any")
	command.Env = append(command.Env, environment...)
	said, err := os.CreateTemp(s.folder, "said") // a file, and no pipe that the server would keep open
	parts.Must(s.t, err)
	defer said.Close()
	command.Stdout, command.Stderr = said, said
	if err := command.Run(); err != nil {
		text, _ := os.ReadFile(said.Name())
		s.t.Fatalf("%s: %v\n%s", script, err, text)
	}
}

// user makes or changes one, by the operation that `amora user` runs.
func (s *store) user(name, password string) {
	s.t.Helper()
	salt := []byte("twenty-four bytes of it.")
	key, err := pbkdf2.Key(sha512.New, password, salt, 100, 64)
	parts.Must(s.t, err)
	hash, err := bcrypt.GenerateFromPassword([]byte(password), 4)
	parts.Must(s.t, err)
	s.sh(assets.AdminScript, "OPERATION=add", "MQTT_USERNAME="+name, "MQTT_PASSWORD_HASH="+string(hash),
		"MQTT_PASSWORD_PBKDF2="+base64.StdEncoding.EncodeToString(salt)+":100:"+base64.StdEncoding.EncodeToString(key))
}

func (s *store) allow(name, topic, action string) {
	s.t.Helper()
	s.sh(assets.AdminScript, "OPERATION=allow", "MQTT_USERNAME="+name, "MQTT_TOPIC="+topic, "MQTT_ACTION="+action)
}

// export gives the files inside the Secret that our script writes.
func (s *store) export() map[string][]byte {
	s.t.Helper()
	config, err := assets.HiveMQ{}.SecurityConfig()
	parts.Must(s.t, err, os.WriteFile(filepath.Join(s.folder, "config.xml"), []byte(config), 0o644))
	s.sh(assets.CredentialsScript)
	text, err := os.ReadFile(filepath.Join(s.folder, "secret.json"))
	parts.Must(s.t, err)
	var secret struct{ Data map[string][]byte }
	parts.Must(s.t, json.Unmarshal(text, &secret))
	if len(secret.Data) != 2 {
		s.t.Fatalf("the Secret is %s", text)
	}
	return secret.Data
}
