package realparts

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// login says why a broker with this password does not get in.
func (d *database) login(t *testing.T, password string) error {
	t.Helper()
	conn, err := d.dial(t, d.name, assets.BrokerRole("mqtt_broker", password), password)
	if err != nil {
		return err
	}
	defer conn.Close(t.Context())
	var users int
	return conn.QueryRow(t.Context(), "SELECT count(*) FROM mqtt_user").Scan(&users)
}

// rotates does what the first node does that comes with another password of the brokers.
func (d *database) rotates(t *testing.T, password string, more ...string) (string, error) {
	t.Helper()
	return d.applySchema(t,
		append([]string{"BROKER_ROLE=" + assets.BrokerRole("mqtt_broker", password), "BROKER_PASSWORD=" + password},
			more...)...)
}

func TestTheBrokersPasswordBeforeANewOneStaysGoodForADayAndTheOneBeforeThatNoLonger(t *testing.T) {
	t.Parallel()
	d := deployedDatabase(t)
	owner := d.connect(t, "mqttadmin", adminPassword)
	until := func(password string) (end *time.Time) {
		t.Helper()
		query := "SELECT nullif(rolvaliduntil, 'infinity') FROM pg_roles WHERE rolname = $1"
		if err := owner.QueryRow(t.Context(), query, assets.BrokerRole("mqtt_broker", password)).Scan(&end); err != nil {
			t.Fatal(err)
		}
		return end
	}
	old := d.connect(t, brokerRole, brokerPassword) // stays open
	for _, step := range []struct{ now, before, closed string }{
		{"second", brokerPassword, ""}, {"third", "second", brokerPassword}, {"fourth", "third", "second"},
	} {
		for _, node := range []string{"first", "next"} {
			if said, err := d.rotates(t, step.now); err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
			if err := d.login(t, step.now); err != nil || until(step.now) != nil {
				t.Errorf("%s, %s node: %v, until %v", step.now, node, err, until(step.now))
			}
			end := until(step.before)
			if err := d.login(t, step.before); err != nil || end == nil || time.Until(*end) > 24*time.Hour ||
				time.Until(*end) < 23*time.Hour {
				t.Errorf("%s, beside %s: %v, until %v", step.before, step.now, err, end)
			}
			// A node that has the old one restarts meanwhile.
			if said, err := d.rotates(t, step.before); err != nil || until(step.now) != nil || *until(step.before) != *end {
				t.Errorf("%s applies the schema after %s: %v\n%s", step.before, step.now, err, said)
			}
			if step.closed != "" && d.login(t, step.closed) == nil {
				t.Errorf("%s gets in after %s", step.closed, step.now)
			}
		}
	}
	var users int
	if err := old.QueryRow(t.Context(), "SELECT count(*) FROM mqtt_user").Scan(&users); err != nil {
		t.Errorf("what was open: %v", err)
	}
	if _, err := owner.Exec(t.Context(),
		fmt.Sprintf("ALTER ROLE %s VALID UNTIL '%s'", assets.BrokerRole("mqtt_broker", "third"),
			time.Now().Add(-time.Second).Format(time.RFC3339))); err != nil {
		t.Fatal(err)
	}
	if d.login(t, "third") == nil {
		t.Error("a password gets in after its day")
	}
}

func TestTheRoleOfTheFirstSchemaIsClosedLikeAnyOther(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	owner := d.connect(t, "mqttadmin", adminPassword)
	if _, err := owner.Exec(t.Context(), "CREATE ROLE mqtt_broker LOGIN"); err != nil {
		t.Fatal(err)
	}
	for _, password := range []string{"first", "second"} {
		if said, err := d.rotates(t, password); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
	}
	var may bool
	if err := owner.QueryRow(t.Context(), "SELECT rolcanlogin FROM pg_roles WHERE rolname = 'mqtt_broker'").
		Scan(&may); err != nil || may {
		t.Errorf("it may log in: %v, %v", may, err)
	}
}

// Azure's administrator is none of PostgreSQL's superusers.
func TestAnAdministratorWhoIsNoSuperuserRotates(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	owner := d.connect(t, "mqttadmin", adminPassword)
	for _, step := range []string{"CREATE ROLE plain LOGIN CREATEROLE CREATEDB PASSWORD 'plain'",
		"ALTER DATABASE mqtt OWNER TO plain", "ALTER SCHEMA public OWNER TO plain"} {
		if _, err := owner.Exec(t.Context(), step); err != nil {
			t.Fatal(err)
		}
	}
	for _, password := range []string{"first", "second", "third"} {
		if said, err := d.rotates(t, password, "PGUSER=plain", "PGPASSWORD=plain"); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
	}
	for password, good := range map[string]bool{"first": false, "second": true, "third": true} {
		if err := d.login(t, password); (err == nil) != good {
			t.Errorf("%s: %v", password, err)
		}
	}
}

func TestANodeThatRestartsAfterTheAdministratorsPasswordChangedStartsWithWhatItHas(t *testing.T) {
	t.Parallel()
	d := deployedDatabase(t)
	if said, err := d.applySchema(t, "PGPASSWORD=of before", "TRIES=1"); err != nil ||
		!strings.Contains(said, "schema: there already") {
		t.Errorf("%v\n%s", err, said)
	}
	if said, err := d.applyVersion(t, assets.Schema+"-- A newer one.\n", "PGPASSWORD=of before", "TRIES=1"); err == nil {
		t.Errorf("it takes an old schema for a new one:\n%s", said)
	}
}

func TestAReplicaKnowsANewPasswordOfTheBrokersAndTheEndOfTheOldOne(t *testing.T) {
	t.Parallel()
	source := deployedDatabase(t)
	replica := newReplica(t, source)
	if said, err := replica.rotates(t, "second", "TRIES=1"); err == nil {
		t.Errorf("it goes on before the password is there:\n%s", said)
	}
	for _, password := range []string{"second", "third"} {
		if said, err := source.rotates(t, password); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
	}
	if said, err := replica.rotates(t, "third"); err != nil || !strings.Contains(said, "schema: there already") {
		t.Errorf("%v\n%s", err, said)
	}
	for password, good := range map[string]bool{brokerPassword: false, "second": true, "third": true} {
		if err := replica.login(t, password); (err == nil) != good {
			t.Errorf("%s: %v", password, err)
		}
	}
}
