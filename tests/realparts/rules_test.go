package realparts

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

const redisPassword = `red'is "$x"`

// redis is a running Redis that takes TLS with a password only, as Azure's do.
type redis struct {
	port        int
	certificate certificate
	server      *process
}

func newRedis(t *testing.T) *redis {
	t.Helper()
	need(t, "redis-server", "redis-cli")
	r := &redis{port: freePort(t), certificate: newCertificate(t, time.Now().Add(time.Hour))}
	config := write(t, filepath.Join(t.TempDir(), "redis.conf"), fmt.Sprintf(
		"port 0\ntls-port %d\nbind 127.0.0.1\ntls-cert-file %[2]s\ntls-key-file %[2]s\ntls-auth-clients no\n"+
			"requirepass %q\nsave \"\"\ndir %s\n",
		r.port, r.certificate.file, redisPassword, t.TempDir()))
	r.server = start(t, exec.Command("redis-server", config))
	within(t, time.Minute, "Redis answers", func() bool {
		said, err := r.cli(t, redisPassword, "PING")
		return err == nil && strings.TrimSpace(said) == "PONG"
	})
	return r
}

func (r *redis) environment(password string, more ...string) []string {
	return append([]string{
		"REDIS_HOST=127.0.0.1", fmt.Sprintf("REDIS_PORT=%d", r.port), "REDISCLI_AUTH=" + password,
		"SSL_CERT_FILE=" + r.certificate.file,
	}, more...)
}

// cli runs redis-cli with arguments as they are.
func (r *redis) cli(t *testing.T, password string, args ...string) (string, error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "redis-cli",
		append([]string{"--tls", "--no-auth-warning", "-h", "127.0.0.1", "-p", fmt.Sprint(r.port)}, args...)...)
	command.Env = r.environment(password)
	said, err := command.CombinedOutput()
	return string(said), err
}

// rules are the fields of a user's key.
func (r *redis) rules(t *testing.T, username string) map[string]string {
	t.Helper()
	command := strings.ReplaceAll(assets.RulesCommand, "${username}", username)
	verb, key, _ := strings.Cut(command, " ")
	said, err := r.cli(t, redisPassword, verb, key)
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	found, flat := map[string]string{}, lines(said)
	for i := 0; i+1 < len(flat); i += 2 {
		found[flat[i]] = flat[i+1]
	}
	return found
}

// project runs the rules job: the export from the database and the load into Redis.
func project(t *testing.T, shell []string, d *database, r *redis, password string) (string, error) {
	t.Helper()
	work := "WORK=" + t.TempDir()
	if said, err := sh(t, shell, assets.RulesExportScript, d.environment(work)...); err != nil {
		return said, err
	}
	return sh(t, shell, assets.RulesLoadScript, r.environment(password, work)...)
}

func TestTheRulesJobMakesRedisHoldExactlyTheRulesOfTheDatabase(t *testing.T) {
	for _, shell := range [][]string{{"sh"}, {"busybox", "sh"}} { // Debian's, and the one of the deployed images
		t.Run(strings.Join(shell, " "), func(t *testing.T) {
			t.Parallel()
			need(t, shell[0])
			d, r := deployedDatabase(t), newRedis(t)
			must := func(operation, username string, more ...string) {
				t.Helper()
				if said, err := d.admin(t, operation, username, more...); err != nil {
					t.Fatalf("%s: %v\n%s", operation, err, said)
				}
			}
			run := func() {
				t.Helper()
				if said, err := project(t, shell, d, r, redisPassword); err != nil {
					t.Fatalf("%v\n%s", err, said)
				}
			}
			expect := func(username string, want map[string]string) {
				t.Helper()
				if got := r.rules(t, username); !maps.Equal(got, want) {
					t.Errorf("%s may %q, want %q", username, got, want)
				}
			}
			for _, name := range []string{"sensor", hostileName, "without rules", "*"} {
				must("add", name, "MQTT_PASSWORD_HASH="+hash(t, "secret12"))
			}
			must("allow", "sensor", "MQTT_TOPIC=devices/sensor/#", "MQTT_ACTION=all")
			must("allow", "sensor", "MQTT_TOPIC="+hostileTopic, "MQTT_ACTION=publish")
			must("allow", hostileName, "MQTT_TOPIC=in/+", "MQTT_ACTION=subscribe")
			must("allow", "*", "MQTT_TOPIC=star", "MQTT_ACTION=all")
			if said, err := r.cli(t, redisPassword, "SET", "other", "stays"); err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
			for range 2 { // the second run changes nothing
				run()
				expect("sensor", map[string]string{"devices/sensor/#": "all", hostileTopic: "publish"})
				expect(hostileName, map[string]string{"in/+": "subscribe"})
				expect("*", map[string]string{"star": "all"})
				expect("without rules", map[string]string{})
			}
			must("forbid", "sensor", "MQTT_TOPIC="+hostileTopic)
			must("remove", hostileName)
			must("remove", "*")
			run()
			expect("sensor", map[string]string{"devices/sensor/#": "all"})
			expect(hostileName, map[string]string{})
			expect("*", map[string]string{})
			if said, _ := r.cli(t, redisPassword, "GET", "other"); strings.TrimSpace(said) != "stays" {
				t.Errorf("a key of somebody else is %q", said)
			}
			must("remove", "sensor")
			run()
			if said, _ := r.cli(t, redisPassword, "DBSIZE"); strings.TrimSpace(said) != "2" { // mqtt_acl_loaded
				t.Errorf("without rules, Redis holds %s", said)
			}
		})
	}
}

func TestTheRulesJobFailsWhenRedisOrTheDatabaseDoes(t *testing.T) {
	t.Parallel()
	d, r := deployedDatabase(t), newRedis(t)
	for _, step := range [][]string{
		{"add", "sensor", "MQTT_PASSWORD_HASH=" + hash(t, "secret12")},
		{"allow", "sensor", "MQTT_TOPIC=t", "MQTT_ACTION=all"},
	} {
		if said, err := d.admin(t, step[0], step[1], step[2:]...); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
	}
	if said, err := project(t, []string{"sh"}, d, r, "wrong"); err == nil {
		t.Errorf("with a wrong password it said %s", said)
	}
	r.server.kill()
	if said, err := project(t, []string{"sh"}, d, r, redisPassword); err == nil {
		t.Errorf("without Redis it said %s", said)
	}
	d.server.kill()
	if said, err := project(t, []string{"sh"}, d, r, redisPassword); err == nil {
		t.Errorf("without the database it said %s", said)
	}
}

func TestAnExportThatBreaksOffLeavesTheRulesInRedisAlone(t *testing.T) {
	t.Parallel()
	d, r := populated(t), newRedis(t)
	if said, err := project(t, []string{"sh"}, d, r, redisPassword); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	// The database is lost between the two queries of the export.
	bin := t.TempDir()
	lost := "#!/bin/sh\ncase \"$*\" in *--command*) exit 2 ;; esac\nPATH=${PATH#*:} exec psql \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "psql"), []byte(lost), 0o755); err != nil {
		t.Fatal(err)
	}
	said, err := sh(t, []string{"sh"}, assets.RulesExportScript, d.environment("WORK="+t.TempDir(),
		"PATH="+bin+":"+os.Getenv("PATH"))...)
	if err == nil || strings.Contains(said, "exported") {
		t.Errorf("without the second query's answer: %v\n%s", err, said)
	}
}

func TestRulesThatRedisDoesNotTakeAwayFailTheJob(t *testing.T) {
	t.Parallel()
	d, r := deployedDatabase(t), newRedis(t) // no rules
	// A replica is read-only.
	for _, step := range [][]string{{"HSET", "mqtt_acl:gone", "t", "all"}, {"REPLICAOF", "127.0.0.1", "1"}} {
		if said, err := r.cli(t, redisPassword, step...); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
	}
	if said, err := project(t, []string{"sh"}, d, r, redisPassword); err == nil || strings.Contains(said, "loaded") {
		t.Errorf("%v\n%s", err, said)
	}
}

func TestWhatIsMadeFromTheDatabaseFailsWithAQueryThatDoes(t *testing.T) {
	t.Parallel()
	empty, full, narrow := newDatabase(t), populated(t), populated(t)
	for _, step := range []string{
		"REVOKE SELECT ON mqtt_acl FROM mqtt_broker", "GRANT SELECT (username) ON mqtt_acl TO mqtt_broker",
	} {
		if _, err := narrow.connect(t, "mqttadmin", adminPassword).Exec(t.Context(), step); err != nil {
			t.Fatal(err)
		}
	}
	config := "CONFIG=" + write(t, filepath.Join(t.TempDir(), "config.xml"), "<config/>")
	for _, c := range []struct {
		name, script, config string
		d                    *database
	}{
		{"the rules without a schema", assets.RulesExportScript, config, empty},
		{"the rules without a right to read the topics", assets.RulesExportScript, config, narrow},
		{"the file for HiveMQ without a schema", assets.CredentialsScript, config, empty},
		{"the file for HiveMQ without its configuration", assets.CredentialsScript, "CONFIG=/missing", full},
	} {
		environment := append(c.d.environment("WORK="+t.TempDir(), c.config), "PGUSER="+brokerRole,
			"PGPASSWORD="+brokerPassword)
		if c.d == empty {
			environment = c.d.environment("WORK="+t.TempDir(), c.config)
		}
		if said, err := sh(t, []string{"sh"}, c.script, environment...); err == nil {
			t.Errorf("%s: %s", c.name, said)
		}
	}
}
