package realparts

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/crypto/bcrypt"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// hostile names and topics are ordinary text to a correct script.
var (
	hostileName  = `'; DROP TABLE mqtt_user; -- "$HOME" \ ü`
	hostileTopic = "a b/'; DELETE FROM mqtt_acl; --/\"$(id)\"/\\`x`/ü/#"
)

func hash(t *testing.T, password string) string {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(h)
}

// deployedQuery is the query that the deployed broker configuration runs, as PostgreSQL takes it of a client
// whose id is its username.
func deployedQuery(t *testing.T) string {
	t.Helper()
	config, err := assets.EMQX{DatabaseHost: "h", DatabaseName: "mqtt", DatabaseUser: "mqtt_broker", RedisHost: "r",
		RedisPort: 1}.Config()
	if err != nil {
		t.Fatal(err)
	}
	var decoded struct{ Authentication []struct{ Query string } }
	if err := json.Unmarshal([]byte(config), &decoded); err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer("${username}", "$1", "${clientid}", "$1").Replace(decoded.Authentication[0].Query)
}

func TestTheSchemaAppliesTwiceAndFourTimesAtOnceAndKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	d := deployedDatabase(t)
	if said, err := d.admin(t, "add", "sensor", "MQTT_PASSWORD_HASH="+hash(t, "secret12")); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if said, err := d.applySchema(t); err != nil {
		t.Errorf("the second time: %v\n%s", err, said)
	}
	var together sync.WaitGroup
	for range 4 {
		together.Go(func() {
			if said, err := d.applySchema(t); err != nil {
				t.Errorf("at once: %v\n%s", err, said)
			}
		})
	}
	together.Wait()
	var users int
	if err := d.connect(t, "mqttadmin", adminPassword).QueryRow(t.Context(), "SELECT count(*) FROM mqtt_user").
		Scan(&users); err != nil || users != 1 {
		t.Errorf("%d users are left: %v", users, err)
	}
}

func TestTheSchemaScriptGivesUpOnAServerThatStaysAway(t *testing.T) {
	t.Parallel()
	need(t, "psql")
	d := &database{port: freePort(t)}
	if said, err := d.applySchema(t, "TRIES=2", "WAIT=0"); err == nil ||
		!strings.Contains(said, "no answer from 127.0.0.1") {
		t.Errorf("%v\n%s", err, said)
	}
}

func TestTheBrokersQueryFindsAUserWithThePasswordThatWasGiven(t *testing.T) {
	t.Parallel()
	d := deployedDatabase(t)
	for _, name := range []string{"sensor-1", hostileName} {
		if said, err := d.admin(t, "add", name, "MQTT_PASSWORD_HASH="+hash(t, "secret12")); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, said)
		}
		broker := d.connect(t, brokerRole, brokerPassword)
		var stored, salt string
		var superuser, known bool
		if err := broker.QueryRow(t.Context(), deployedQuery(t), name).Scan(&stored, &salt, &superuser, &known); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if salt != "" || superuser || !known || !strings.HasPrefix(stored, "$2a$") {
			t.Errorf("%s: salt %q, superuser %v, hash %s", name, salt, superuser, stored[:4])
		}
		if bcrypt.CompareHashAndPassword([]byte(stored), []byte("secret12")) != nil ||
			bcrypt.CompareHashAndPassword([]byte(stored), []byte("secret13")) == nil {
			t.Errorf("%s: the hash is not of the password", name)
		}
	}
	var stored, salt string
	var superuser, known bool
	broker := d.connect(t, brokerRole, brokerPassword)
	err := broker.QueryRow(t.Context(), deployedQuery(t), "nobody").Scan(&stored, &salt, &superuser, &known)
	if err != nil {
		t.Fatalf("an unknown user: %v", err)
	}
	if cost, err := bcrypt.Cost([]byte(stored)); err != nil || cost != 10 || superuser || known {
		t.Errorf("an unknown user's password is checked against %q, of cost %d: %v; superuser %v", stored, cost, err,
			superuser)
	}
	for _, password := range []string{"", "nobody", "secret12"} {
		if bcrypt.CompareHashAndPassword([]byte(stored), []byte(password)) == nil {
			t.Errorf("an unknown user gets in with %q", password)
		}
	}
}

func TestPgcryptoChecksTheSameHashAsTheBroker(t *testing.T) {
	t.Parallel()
	d := deployedDatabase(t)
	for _, letter := range []string{"a", "b", "y"} { // of different bcrypt libraries
		given := "$2" + letter + hash(t, "secret12")[3:]
		if said, err := d.admin(t, "add", "user-"+letter, "MQTT_PASSWORD_HASH="+given); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		var right, wrong bool
		query := `SELECT password_hash = crypt('secret12', password_hash), password_hash = crypt('secret13', ` +
			`password_hash) FROM mqtt_user WHERE username = $1`
		if err := d.connect(t, "mqttadmin", adminPassword).QueryRow(t.Context(), query, "user-"+letter).
			Scan(&right, &wrong); err != nil {
			t.Fatal(err)
		}
		if !right || wrong {
			t.Errorf("$2%s$: right %v, wrong %v", letter, right, wrong)
		}
	}
}

// noPrivilege is the SQLSTATE of PostgreSQL's insufficient_privilege.
const noPrivilege = "42501"

// denies tries statements that would succeed with one more privilege. Each must fail for want of it, and for no other
// reason, and nothing may be another than before.
func (d *database) denies(t *testing.T, role *pgx.Conn, statements ...string) {
	t.Helper()
	before := d.dump(t)
	for _, statement := range statements {
		_, err := role.Exec(t.Context(), statement)
		var refusal *pgconn.PgError
		if !errors.As(err, &refusal) || refusal.Code != noPrivilege {
			t.Errorf("%s does not fail for want of a privilege: %v", statement, err)
		}
	}
	if d.dump(t) != before {
		t.Errorf("one of these changed the database: %q", statements)
	}
}

// dump is all that is in the database, with the privileges on it.
func (d *database) dump(t *testing.T) string {
	t.Helper()
	all := mustSh(t, "pg_dump", d.environment()...)
	return dumpKey.ReplaceAllString(all, "")
}

// dumpKey is a line that is another one in each dump.
var dumpKey = regexp.MustCompile(`(?m)^\\(un)?restrict .*$`)

// brokersMayNot is what would change who may connect and do what, or more, with the users of populated.
var brokersMayNot = []string{
	"INSERT INTO mqtt_user (username, password_hash) VALUES ('x', 'y')", "UPDATE mqtt_user SET is_superuser = true",
	"DELETE FROM mqtt_user", "TRUNCATE mqtt_user CASCADE",
	"INSERT INTO mqtt_acl VALUES ('sensor', 'x', 'all')", "UPDATE mqtt_acl SET topic = topic || 'x'",
	"DELETE FROM mqtt_acl", "TRUNCATE mqtt_acl",
	"INSERT INTO mqtt_schema (version) VALUES ('x')", "DELETE FROM mqtt_schema",
	"SELECT mqtt_put_user('x', '$2a$10$' || repeat('x', 53))", "SELECT mqtt_remove_user('sensor')",
	"SELECT mqtt_allow('sensor', 'x', 'all')", "SELECT mqtt_forbid('sensor', 'commands')",
}

func TestTheBrokersRoleMayReadUsersAndRulesAndNothingElse(t *testing.T) {
	t.Parallel()
	d := populated(t)
	owner := d.connect(t, "mqttadmin", adminPassword)
	if _, err := owner.Exec(t.Context(), "CREATE TABLE other (x int)"); err != nil {
		t.Fatal(err)
	}
	broker := d.connect(t, brokerRole, brokerPassword)
	for _, allowed := range []string{"SELECT username, password_hash, pbkdf2_hash FROM mqtt_user",
		"SELECT * FROM mqtt_acl"} {
		if _, err := broker.Exec(t.Context(), allowed); err != nil {
			t.Errorf("%s: %v", allowed, err)
		}
	}
	d.denies(t, broker, append([]string{
		"SELECT * FROM other", "SELECT * FROM pg_authid", "CREATE ROLE mine",
		"CREATE TABLE public.mine (x int)", "CREATE TABLE hivemq.mine (x int)", "DROP TABLE mqtt_acl",
	}, brokersMayNot...)...)
}

func TestWhatTheBrokersRoleWasGrantedBeforeIsTakenFromItByTheSchema(t *testing.T) {
	t.Parallel()
	d := populated(t)
	owner := d.connect(t, "mqttadmin", adminPassword)
	if _, err := owner.Exec(t.Context(), "GRANT ALL ON ALL TABLES IN SCHEMA public TO mqtt_broker"); err != nil {
		t.Fatal(err)
	}
	broker := d.connect(t, brokerRole, brokerPassword)
	if _, err := broker.Exec(t.Context(), "SELECT mqtt_allow('sensor', 'while it may', 'all')"); err != nil {
		t.Fatal(err)
	}
	if said, err := d.applySchema(t); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	d.denies(t, broker, brokersMayNot...)
}

func TestASchemaThatFailsIsNotSaidToBeAppliedAndLeavesNothingHalfDone(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	before := d.dump(t)
	for _, broken := range []string{
		strings.Replace(assets.Schema, "COMMIT;", "SELECT 1 / 0;\nCOMMIT;", 1),
		strings.Replace(assets.Schema, "CREATE TABLE", "CREATE TABEL", 1),
		assets.Schema[:strings.LastIndex(assets.Schema, "COMMIT;")],
	} {
		said, err := d.applyVersion(t, broken)
		if err == nil || strings.Contains(said, "applied") {
			t.Errorf("%v\n%s", err, said)
		}
		if d.dump(t) != before {
			t.Error("something of it stays")
		}
	}
}

func TestWhatIsNoUserOrRuleIsRefused(t *testing.T) {
	t.Parallel()
	d := deployedDatabase(t)
	good := hash(t, "secret12")
	if said, err := d.admin(t, "add", "sensor", "MQTT_PASSWORD_HASH="+good); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	for _, c := range []struct {
		operation, username string
		more                []string
		said                string
	}{
		{"add", "plain", []string{"MQTT_PASSWORD_HASH=secret12"}, "must come as a bcrypt hash"},
		{"add", "", []string{"MQTT_PASSWORD_HASH=" + good}, "mqtt_user_username_check"},
		{"add", "a/b", []string{"MQTT_PASSWORD_HASH=" + good}, "mqtt_user_username_check"},
		{"add", "+", []string{"MQTT_PASSWORD_HASH=" + good}, "mqtt_user_username_check"},
		{"add", "#", []string{"MQTT_PASSWORD_HASH=" + good}, "mqtt_user_username_check"},
		{"add", "new\nline", []string{"MQTT_PASSWORD_HASH=" + good}, "mqtt_user_plain"},
		{"allow", "nobody", []string{"MQTT_TOPIC=t", "MQTT_ACTION=all"}, "there is no user nobody"},
		{"allow", "sensor", []string{"MQTT_TOPIC=t", "MQTT_ACTION=everything"}, "mqtt_acl_action_check"},
		{"allow", "sensor", []string{"MQTT_TOPIC=", "MQTT_ACTION=all"}, "mqtt_acl_topic_check"},
		{"forbid", "sensor", []string{"MQTT_TOPIC=never"}, "sensor has no rule for never"},
		{"remove", "nobody", nil, "there is no user nobody"},
		{"promote", "sensor", nil, "no operation promote"},
	} {
		if said, err := d.admin(t, c.operation, c.username, c.more...); err == nil || !strings.Contains(said, c.said) {
			t.Errorf("%s %q: %v\n%s\nwithout %q", c.operation, c.username, err, said, c.said)
		}
	}
}

func TestARemovedUserTakesTheRulesAlong(t *testing.T) {
	t.Parallel()
	d := deployedDatabase(t)
	for _, step := range [][]string{
		{"add", hostileName, "MQTT_PASSWORD_HASH=" + hash(t, "secret12")},
		{"allow", hostileName, "MQTT_TOPIC=" + hostileTopic, "MQTT_ACTION=publish"},
		{"allow", hostileName, "MQTT_TOPIC=" + hostileTopic, "MQTT_ACTION=all"}, // changes the rule
		{"remove", hostileName},
	} {
		if said, err := d.admin(t, step[0], step[1], step[2:]...); err != nil {
			t.Fatalf("%s: %v\n%s", step[0], err, said)
		}
	}
	var rules int
	if err := d.connect(t, "mqttadmin", adminPassword).QueryRow(t.Context(), "SELECT count(*) FROM mqtt_acl").
		Scan(&rules); err != nil || rules != 0 {
		t.Errorf("%d rules are left: %v", rules, err)
	}
}
