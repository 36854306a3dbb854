package realparts

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// newReplica starts a server that follows another one, and can only be read.
func newReplica(t *testing.T, of *database) *database {
	t.Helper()
	d := newServer(t)
	copying := d.as("pg_basebackup", "-D", d.data(), "-R", "-c", "fast", "-h", "127.0.0.1", "-p", fmt.Sprint(of.port),
		"-U", "mqttadmin")
	copying.Env = []string{"PGPASSWORD=" + adminPassword}
	if said, err := copying.CombinedOutput(); err != nil {
		t.Fatalf("pg_basebackup: %v\n%s", err, said)
	}
	d.start(t)
	return d
}

// promote has a replica take changes.
func (d *database) promote(t *testing.T) {
	t.Helper()
	var done bool
	if err := d.connect(t, "mqttadmin", adminPassword).QueryRow(t.Context(), "SELECT pg_promote()").
		Scan(&done); err != nil || !done {
		t.Fatalf("promotion: %v, %v", done, err)
	}
}

// follows waits until a replica has what its source has now.
func (d *database) follows(t *testing.T, source *database) {
	t.Helper()
	var place string
	if err := source.connect(t, "mqttadmin", adminPassword).QueryRow(t.Context(), "SELECT pg_current_wal_lsn()::text").
		Scan(&place); err != nil {
		t.Fatal(err)
	}
	reader := d.connect(t, "mqttadmin", adminPassword)
	within(t, time.Minute, "the replica follows", func() bool {
		var there bool
		err := reader.QueryRow(t.Context(), "SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn", place).Scan(&there)
		return err == nil && there
	})
}

// visited waits until others have come and gone so many times.
func (d *database) visited(t *testing.T, times int) {
	t.Helper()
	reader := d.connect(t, "mqttadmin", adminPassword)
	sessions := func() (n int) {
		if err := reader.QueryRow(t.Context(), "SELECT sessions FROM pg_stat_database WHERE datname = 'mqtt'").
			Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := sessions()
	within(t, time.Minute, fmt.Sprintf("%d visits", times), func() bool { return sessions() >= before+times })
}

// written is what the rules job and HiveMQ's credentials are made from.
func written(t *testing.T, d *database) string {
	t.Helper()
	work, config := t.TempDir(), write(t, filepath.Join(t.TempDir(), "config.xml"), "<config/>")
	asBroker := append(d.environment("WORK="+work), "PGUSER="+brokerRole, "PGPASSWORD="+brokerPassword)
	mustSh(t, assets.RulesExportScript, asBroker...)
	mustSh(t, assets.CredentialsScript, append(asBroker, "CONFIG="+config)...)
	var all []string
	for _, name := range []string{"commands", "keys", "secret.json"} {
		all = append(all, read(t, filepath.Join(work, name)))
	}
	return strings.Join(all, "\n")
}

func TestASchemaComesToAReplicaFromItsSourceAndTheScriptWaitsForIt(t *testing.T) {
	t.Parallel()
	source := newDatabase(t)
	replica := newReplica(t, source)
	if said, err := replica.applySchema(t, "TRIES=2", "WAIT=0"); err == nil ||
		!strings.Contains(said, "has not been sent this version: deploy the region with the primary database first") {
		t.Errorf("before its source has it: %v\n%s", err, said)
	}
	for _, version := range []string{assets.Schema, assets.Schema + "-- A newer one.\n"} {
		type end struct {
			said string
			err  error
		}
		over := make(chan end)
		go func() {
			said, err := replica.applyVersion(t, version, "TRIES=200", "WAIT=0.1")
			over <- end{said, err}
		}()
		replica.visited(t, 3) // once or twice at each try: it has waited for the second one
		select {
		case early := <-over:
			t.Fatalf("it went on without this version: %v\n%s", early.err, early.said)
		default:
		}
		if said, err := source.applyVersion(t, version); err != nil || !strings.Contains(said, "schema: applied") {
			t.Fatalf("%v\n%s", err, said)
		}
		if last := <-over; last.err != nil || !strings.Contains(last.said, "waiting for this version") ||
			!strings.Contains(last.said, "schema: there already") {
			t.Errorf("%v\n%s", last.err, last.said)
		}
	}
	if said, err := replica.applySchema(t, "TRIES=1"); err != nil {
		t.Errorf("a node of the version before restarts: %v\n%s", err, said)
	}
	replica.promote(t)
	if said, err := replica.applyVersion(t, assets.Schema+"-- The newest.\n"); err != nil ||
		!strings.Contains(said, "schema: applied") {
		t.Errorf("after the promotion: %v\n%s", err, said)
	}
}

func TestAReplicaThatIsPromotedWhileTheScriptWaitsGetsTheSchema(t *testing.T) {
	t.Parallel()
	replica := newReplica(t, newDatabase(t))
	over := make(chan error)
	go func() {
		_, err := replica.applySchema(t, "TRIES=200", "WAIT=0.1")
		over <- err
	}()
	replica.visited(t, 2)
	replica.promote(t)
	if err := <-over; err != nil {
		t.Error(err)
	}
	replica.must(t, "add", "sensor", "MQTT_PASSWORD_HASH="+hash(t, "secret12"))
}

func TestBrokersReadAReplicaAsItsSourceAndGoOnAfterItsPromotion(t *testing.T) {
	t.Parallel()
	source := populated(t)
	replica := newReplica(t, source)
	source.must(t, "add", "late", "MQTT_PASSWORD_HASH="+hash(t, "secret12"),
		"MQTT_PASSWORD_PBKDF2="+secondHash(t, "secret12"))
	source.must(t, "allow", "late", "MQTT_TOPIC=late/#", "MQTT_ACTION=all")
	replica.follows(t, source)
	reads := func(users ...string) {
		t.Helper()
		broker := replica.connect(t, brokerRole, brokerPassword)
		for _, name := range users {
			var stored, salt string
			var superuser, known bool
			err := broker.QueryRow(t.Context(), deployedQuery(t), name).Scan(&stored, &salt, &superuser, &known)
			if err != nil || !known {
				t.Errorf("EMQX, %s: %v, %v", name, known, err)
			}
			if _, err := askVerneMQ(t, broker, name, "secret12"); err != nil {
				t.Errorf("VerneMQ, %s: %v", name, err)
			}
			var permissions int
			if err := broker.QueryRow(t.Context(),
				"SELECT count(*) FROM users u JOIN user_permissions p ON p.user_id = u.id JOIN permissions r ON r.id "+
					"= p.permission WHERE username = $1", name).Scan(&permissions); err != nil || permissions == 0 {
				t.Errorf("HiveMQ, %s: %d permissions, %v", name, permissions, err)
			}
		}
	}
	reads("sensor", hostileName, "late")
	before := written(t, source)
	if got := written(t, replica); got != before || !strings.Contains(got, "HSET") {
		t.Errorf("the replica exports\n%s\nand its source\n%s", got, before)
	}
	for _, step := range [][]string{
		{"add", "new", "MQTT_PASSWORD_HASH=" + hash(t, "secret12")},
		{"allow", "sensor", "MQTT_TOPIC=t", "MQTT_ACTION=all"}, {"forbid", "sensor", "MQTT_TOPIC=commands"},
		{"remove", "sensor"},
	} {
		began := time.Now()
		said, err := replica.admin(t, step[0], step[1], step[2:]...)
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 3 ||
			!strings.Contains(said, "users are changed in the region with the primary database") ||
			time.Since(began) > 10*time.Second {
			t.Errorf("%s on a replica: %v\n%s", step[0], err, said)
		}
	}
	if got := written(t, source); got != before {
		t.Error("it changed all the same")
	}
	replica.promote(t)
	reads("sensor", hostileName, "late")
	replica.must(t, "add", "new", "MQTT_PASSWORD_HASH="+hash(t, "secret12"),
		"MQTT_PASSWORD_PBKDF2="+secondHash(t, "secret12"))
	replica.must(t, "allow", "new", "MQTT_TOPIC=new/#", "MQTT_ACTION=all")
	reads("sensor", "late", "new")
	// four commands of one user, and its key
	if added := len(lines(written(t, replica))) - len(lines(before)); added != 5 {
		t.Errorf("after the promotion there are %d lines more", added)
	}
}

func TestANodeStartsOnAServerThatTakesNoChangesForNow(t *testing.T) {
	t.Parallel()
	d := deployedDatabase(t)
	owner := d.connect(t, "mqttadmin", adminPassword)
	// as Azure does when the disk is full
	for _, full := range []string{"ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"} {
		if _, err := owner.Exec(t.Context(), full); err != nil {
			t.Fatal(err)
		}
	}
	within(t, time.Minute, "the server takes no changes", func() bool {
		var no string
		return d.connect(t, "mqttadmin", adminPassword).QueryRow(t.Context(), "SHOW transaction_read_only").
			Scan(&no) == nil && no == "on"
	})
	if said, err := d.applySchema(t, "TRIES=1"); err != nil ||
		!slices.Contains(lines(said), "schema: there already; 127.0.0.1 takes no changes from here") {
		t.Errorf("%v\n%s", err, said)
	}
}
