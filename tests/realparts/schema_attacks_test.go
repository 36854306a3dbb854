package realparts

import (
	"strings"
	"testing"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

func TestAnotherPasswordOfTheSameRoleLetsBrokersInAndTheOneBeforeDoesNoLonger(t *testing.T) {
	t.Parallel()
	d := deployedDatabase(t)
	const another = `b \'" $(id)`
	for range 2 {
		said, err := d.applySchema(t, "BROKER_PASSWORD="+another)
		if err != nil || !strings.Contains(said, "schema: applied") {
			t.Fatalf("%v\n%s", err, said)
		}
		d.connect(t, brokerRole, another)
		if _, err := d.dial(t, d.name, brokerRole, brokerPassword); err == nil {
			t.Error("the password before still gets in")
		}
	}
}

func TestARoleThatHasItsPasswordAlreadyIsNotWrittenAnew(t *testing.T) {
	t.Parallel()
	d := deployedDatabase(t)
	owner := d.connect(t, "mqttadmin", adminPassword)
	written := func() (version string) {
		t.Helper()
		if err := owner.QueryRow(t.Context(), "SELECT xmin || rolpassword FROM pg_authid WHERE rolname = $1", brokerRole).
			Scan(&version); err != nil {
			t.Fatal(err)
		}
		return version
	}
	before := written()
	if said, err := d.applySchema(t); err != nil || written() != before {
		t.Errorf("it was %s and is %s: %v\n%s", before, written(), err, said)
	}
	if said, err := d.applySchema(t, "BROKER_PASSWORD=another"); err != nil || written() == before {
		t.Errorf("another password leaves it as it was: %v\n%s", err, said)
	}
}

func TestTheServerIsNeverToldABrokersPassword(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	owner := d.connect(t, "mqttadmin", adminPassword)
	for _, step := range []string{"ALTER SYSTEM SET log_statement = 'all'", "ALTER SYSTEM SET password_encryption = 'md5'",
		"SELECT pg_reload_conf()"} {
		if _, err := owner.Exec(t.Context(), step); err != nil {
			t.Fatal(err)
		}
	}
	for _, password := range []string{"the-first-one", "the-second-one"} {
		if said, err := d.applySchema(t, "BROKER_PASSWORD="+password); err != nil || strings.Contains(said, password) {
			t.Fatalf("%v\n%s", err, said)
		}
		log := d.server.said.String()
		if strings.Contains(log, password) || !strings.Contains(log, "PASSWORD 'SCRAM-SHA-256$") {
			t.Errorf("with %s the server's log has\n%s", password, log)
		}
		d.connect(t, brokerRole, password)
	}
}

// PostgreSQL 14 lets everybody do so, and a server that began as one still does.
func TestTheAdministratorRunsNothingThatABrokersRoleMade(t *testing.T) {
	t.Parallel()
	for _, function := range []string{
		"pg_advisory_xact_lock(int) RETURNS void", "format(text, name) RETURNS text",
		"format(text, name, timestamptz) RETURNS text", "concat(text, text) RETURNS text",
	} {
		d := deployedDatabase(t)
		owner, broker := d.connect(t, "mqttadmin", adminPassword), d.connect(t, brokerRole, brokerPassword)
		if _, err := owner.Exec(t.Context(), "GRANT CREATE ON SCHEMA public TO PUBLIC"); err != nil {
			t.Fatal(err)
		}
		if _, err := broker.Exec(t.Context(), "CREATE FUNCTION public."+function+" LANGUAGE plpgsql AS $$ BEGIN "+
			"RAISE EXCEPTION 'run as %', current_user; END $$"); err != nil {
			t.Fatal(err)
		}
		for _, password := range []string{brokerPassword, "rotated"} {
			if said, err := d.rotates(t, password); err != nil {
				t.Errorf("%s: %v\n%s", function, err, said)
			}
		}
		d.denies(t, broker, "CREATE TABLE public.mine (x int)", "CREATE TEMPORARY TABLE mine (x int)")
		d.server.kill()
	}
}

// What a caller has first on its search path is not what a function of the store runs.
func TestTheStoresOwnFunctionsLookNowhereElse(t *testing.T) {
	t.Parallel()
	d := deployedData.beside(t)
	owner := d.connect(t, "mqttadmin", adminPassword)
	for _, step := range []string{
		"CREATE SCHEMA other", "CREATE FUNCTION other.substr(text, int) RETURNS text LANGUAGE sql AS $$ SELECT 'x' $$",
		"CREATE TABLE other.mqtt_user (username text)",
		"SET search_path = other, pg_catalog, public",
	} {
		if _, err := owner.Exec(t.Context(), step); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := owner.Exec(t.Context(), "SELECT public.mqtt_put_user('sensor', $1)", hash(t, "secret12")); err != nil {
		t.Fatal(err)
	}
	var stored string
	if err := owner.QueryRow(t.Context(), "SELECT password_hash FROM public.mqtt_user").Scan(&stored); err != nil ||
		!strings.HasPrefix(stored, "$2a$04$") {
		t.Errorf("stored %q: %v", stored, err)
	}
}

func TestABrokersRoleReadsNoHashThatItDoesNotCheckPasswordsAgainst(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	for broker, c := range map[string]struct {
		reads string
		not   []string
	}{
		"emqx": {"SELECT password_hash, salt, is_superuser, client_ids FROM mqtt_user",
			[]string{"SELECT pbkdf2_hash FROM mqtt_user", "SELECT * FROM hivemq.users", "SELECT * FROM vernemq.vmq_auth_acl"}},
		"hivemq": {"SELECT pbkdf2_hash FROM mqtt_user, users",
			[]string{"SELECT password_hash FROM mqtt_user", "SELECT * FROM vernemq.vmq_auth_acl"}},
		"vernemq": {"SELECT * FROM vernemq.login('a', 'b', 'c')",
			[]string{"SELECT pbkdf2_hash FROM mqtt_user", "SELECT * FROM hivemq.users"}},
	} {
		if said, err := d.rotates(t, broker, "BROKER="+broker); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		role := d.connect(t, assets.BrokerRole("mqtt_broker", broker), broker)
		if _, err := role.Exec(t.Context(), c.reads); err != nil {
			t.Errorf("%s: %v", broker, err)
		}
		d.denies(t, role, c.not...)
	}
}

// strange are characters that XML does not have, or that MQTT advises against.
var strange = []string{"\x01", "\x1b", "\n", "\x7f", "\u0085", "\ufffe", "\uffff"}

func TestATopicThatIsNoFilterIsRefused(t *testing.T) {
	t.Parallel()
	d := deployedDatabase(t)
	d.must(t, "add", "sensor", "MQTT_PASSWORD_HASH="+hash(t, "secret12"))
	bad := []string{"#/x", "a/#/b", "a+/b", "+a/b", "a/b#", "#a", "##", "a/++", "/#/"}
	for _, c := range strange {
		bad = append(bad, "a"+c+"b")
	}
	for _, topic := range bad {
		if said, err := d.admin(t, "allow", "sensor", "MQTT_TOPIC="+topic, "MQTT_ACTION=all"); err == nil ||
			!strings.Contains(said, "mqtt_acl_filter") {
			t.Errorf("%q: %v\n%s", topic, err, said)
		}
	}
	for _, topic := range []string{"#", "+", "/", "//", "+/+/#", "/#", "a//b/", "$share/g/a/#", "$SYS/#",
		"+/${clientid}/#", "a b/ü/😀/'\"\\", "\u00a0"} {
		if said, err := d.admin(t, "allow", "sensor", "MQTT_TOPIC="+topic, "MQTT_ACTION=all"); err != nil {
			t.Errorf("%q: %v\n%s", topic, err, said)
		}
	}
}

func TestAUserNameOrClientIDWithACharacterThatNobodyCanReadIsRefused(t *testing.T) {
	t.Parallel()
	d := deployedDatabase(t)
	d.must(t, "add", "sensor", "MQTT_PASSWORD_HASH="+hash(t, "secret12"))
	for _, c := range strange {
		if said, err := d.admin(t, "add", "a"+c, "MQTT_PASSWORD_HASH="+hash(t, "secret12")); err == nil ||
			!strings.Contains(said, "mqtt_user_") {
			t.Errorf("user a%q: %v\n%s", c, err, said)
		}
		if said, err := d.admin(t, "client-ids", "sensor", "MQTT_CLIENT_IDS=a"+c+"*"); err == nil ||
			!strings.Contains(said, "mqtt_user_") {
			t.Errorf("client id a%q: %v\n%s", c, err, said)
		}
	}
}

func TestARefusedUserLeavesNoHashInAnyLog(t *testing.T) {
	t.Parallel()
	d := deployedDatabase(t)
	for _, name := range []string{"", "a/b", "a\x01"} {
		given := hash(t, "secret12")
		said, err := d.admin(t, "add", name, "MQTT_PASSWORD_HASH="+given, "MQTT_PASSWORD_PBKDF2="+secondHash(t, "secret12"))
		if err == nil {
			t.Errorf("%q is taken", name)
		}
		log := d.server.said.String()
		for _, secret := range []string{given[4:], strings.Split(secondHash(t, "secret12"), ":")[2]} {
			if strings.Contains(said, secret) || strings.Contains(log, secret) {
				t.Errorf("%q: the job says\n%s\nthe server's log has\n%s", name, said, log)
			}
		}
	}
}

// A constraint that looks at what is there already would keep every node from starting.
func TestRulesOfBeforeThatAreNoFiltersStayAndAreNamed(t *testing.T) {
	t.Parallel()
	d := deployedDatabase(t)
	d.must(t, "add", "sensor", "MQTT_PASSWORD_HASH="+hash(t, "secret12"))
	owner := d.connect(t, "mqttadmin", adminPassword)
	for _, step := range []string{"ALTER TABLE mqtt_acl DROP CONSTRAINT mqtt_acl_filter",
		"INSERT INTO mqtt_acl (username, topic, action) VALUES ('sensor', 'a/#/b', 'all')"} {
		if _, err := owner.Exec(t.Context(), step); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		said, err := d.applySchema(t)
		if err != nil || !strings.Contains(said, "WARNING:  rows of mqtt_acl are not as mqtt_acl_filter asks: 1") {
			t.Errorf("%v\n%s", err, said)
		}
	}
	d.must(t, "forbid", "sensor", "MQTT_TOPIC=a/#/b")
	if said, err := d.applySchema(t); err != nil || strings.Contains(said, "WARNING") {
		t.Errorf("%v\n%s", err, said)
	}
}

func TestAUserMayConnectAsNobodyElse(t *testing.T) {
	t.Parallel()
	d := deployedDatabase(t)
	owner := d.connect(t, "mqttadmin", adminPassword)
	for _, c := range []struct {
		rule, username, given string
		may, mayNot           []string
	}{
		{"prefix", "x", "", []string{"x", "x:", "x:y", "x:y:z"},
			[]string{"", ":", "X", "X:y", "xy", "x y", "y", "y:x", " x"}},
		{"prefix", "x:y", "", nil, []string{"x:y", "x", "x:y:z", "x:"}},
		{"prefix", "%", "", []string{"%", "%:y"}, []string{"x", "x:y"}},
		{"prefix", "x", "gw", []string{"x", "x:y", "gw"}, []string{"gw:1", "g", "gw2"}},
		{"prefix", "x:y", "gw-*", []string{"gw-", "gw-1"}, []string{"x:y", "gw"}},
		{"prefix", "x", "*", []string{"", "anything", "y:1"}, nil},
		{"username", "x", "", []string{"x"}, []string{"x:", "x:y", "", "y"}},
		{"username", "x:y", "", []string{"x:y"}, []string{"x"}},
		{"any", "x", "", []string{"x", "y", "", "y:1"}, nil},
	} {
		if said, err := d.applySchema(t, "CLIENT_IDS="+c.rule); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		asks := func(id string) (may bool) {
			t.Helper()
			if err := owner.QueryRow(t.Context(), "SELECT public.mqtt_may_connect_as($1, nullif($2, ''), $3)", c.username,
				c.given, id).Scan(&may); err != nil {
				t.Fatal(err)
			}
			return may
		}
		for _, id := range c.may {
			if !asks(id) {
				t.Errorf("%s: %s, with %q besides, may not connect as %q", c.rule, c.username, c.given, id)
			}
		}
		for _, id := range c.mayNot {
			if asks(id) {
				t.Errorf("%s: %s, with %q besides, may connect as %q", c.rule, c.username, c.given, id)
			}
		}
	}
}
