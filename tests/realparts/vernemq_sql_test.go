package realparts

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/crypto/bcrypt"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// vernemqQuery is what the script of VerneMQ's nodes asks for each client that connects: its username, its password and
// its client id.
func vernemqQuery(t *testing.T) string {
	t.Helper()
	query := regexp.MustCompile(`"(SELECT [^"]+)"`).FindStringSubmatch(vmFiles(t, assets.VerneMQ{})["auth.lua"])
	if query == nil {
		t.Fatal("auth.lua asks nothing")
	}
	return query[1]
}

// vernemqRules are the patterns that VerneMQ keeps for a client while it is connected.
type vernemqRules struct{ publish, subscribe []string }

// askVerneMQ gives back what a client may do, or pgx.ErrNoRows for one that may not connect. A nil is what a client did
// not send.
func askVerneMQ(t *testing.T, broker *pgx.Conn, username, password any) (vernemqRules, error) {
	t.Helper()
	var publish, subscribe *string
	if err := broker.QueryRow(t.Context(), vernemqQuery(t), username, password, username).
		Scan(&publish, &subscribe); err != nil {
		return vernemqRules{}, err
	}
	return vernemqRules{patterns(t, publish), patterns(t, subscribe)}, nil
}

func patterns(t *testing.T, text *string) []string {
	t.Helper()
	if text == nil {
		t.Error("the rules are NULL, which VerneMQ's JSON does not read")
		return nil
	}
	var rules []map[string]string // VerneMQ logs a warning for what it does not know
	if err := json.Unmarshal([]byte(*text), &rules); err != nil || rules == nil {
		t.Fatalf("%v in %s", err, *text)
	}
	list := []string{}
	for _, rule := range rules {
		if rule["pattern"] == "" || len(rule) != 1 {
			t.Errorf("no rule to VerneMQ: %v", rule)
		}
		list = append(list, rule["pattern"])
	}
	return list
}

func mustAskVerneMQ(t *testing.T, broker *pgx.Conn, username string) vernemqRules {
	t.Helper()
	rules, err := askVerneMQ(t, broker, username, "secret12")
	if err != nil {
		t.Fatalf("%s: %v", username, err)
	}
	return rules
}

// covers says whether a pattern lets a client use a topic or a filter: vmq_diversity_cache:subst and vmq_topic:match of
// VerneMQ 2.1.2.
func covers(pattern, username, clientID, topic string) bool {
	levels, place := strings.Split(topic, "/"), map[string]string{"%u": username, "%c": clientID, "%m": ""}
	for i, level := range strings.Split(pattern, "/") {
		if real, ok := place[level]; ok {
			level = real
		}
		if level == "#" && i == strings.Count(pattern, "/") {
			return true
		}
		if i >= len(levels) || level != "+" && level != levels[i] {
			return false
		}
	}
	return len(levels) == strings.Count(pattern, "/")+1
}

// logins are the ways in which brokers check a password, as a role of mqtt_broker.
func logins(t *testing.T, broker *pgx.Conn) map[string]func(username, password string) bool {
	return map[string]func(username, password string) bool{
		"EMQX": func(username, password string) bool {
			var hash, salt string
			var superuser, known bool
			err := broker.QueryRow(t.Context(), deployedQuery(t), username).Scan(&hash, &salt, &superuser, &known)
			return err == nil && known && bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) == nil
		},
		"HiveMQ": func(username, password string) bool {
			var hash, salt string
			var iterations int
			err := broker.QueryRow(t.Context(),
				"SELECT password, password_iterations, password_salt FROM users WHERE username = $1",
				username).Scan(&hash, &iterations, &salt)
			return err == nil && fits(t, password, salt, iterations, hash)
		},
		"VerneMQ": func(username, password string) bool {
			_, err := askVerneMQ(t, broker, username, password)
			if err != nil && !errors.Is(err, pgx.ErrNoRows) {
				t.Errorf("%s: %v", username, err)
			}
			return err == nil
		},
	}
}

func TestAUserOfOneBrokerLogsInToTheOthersWithTheRightPasswordOnly(t *testing.T) {
	t.Parallel()
	d := deployedData.beside(t)
	owner, broker := d.connect(t, "mqttadmin", adminPassword), d.connect(t, brokerRole, brokerPassword)
	for i, password := range []string{"secret12", `p' "$x" \ ü€😀`, strings.Repeat("x", 72)} {
		second := map[string]string{} // by user
		for _, maker := range []string{"Go", "pgcrypto"} {
			for _, pbkdf2 := range []string{"", secondHash(t, password)} {
				name := fmt.Sprintf("%s %d %v", maker, i, pbkdf2 != "")
				second[name] = pbkdf2
				if maker == "Go" {
					if said, err := d.admin(t, "add", name, "MQTT_PASSWORD_HASH="+hash(t, password),
						"MQTT_PASSWORD_PBKDF2="+pbkdf2); err != nil {
						t.Fatalf("%s: %v\n%s", name, err, said)
					}
				} else if _, err := owner.Exec(t.Context(), "SELECT mqtt_put_user($1, crypt($2, gen_salt('bf')), $3)",
					name, password, pbkdf2); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			}
		}
		for name, pbkdf2 := range second {
			for what, login := range logins(t, broker) {
				if got, want := login(name, password), what != "HiveMQ" || pbkdf2 != ""; got != want {
					t.Errorf("%s, the right password to %s: %v", name, what, got)
				}
				letters := []rune(password)
				for _, wrong := range []string{"secret13", "", strings.ToUpper(password), string(letters[:len(letters)-1])} {
					if login(name, wrong) {
						t.Errorf("%s may use %s with the password %q", name, what, wrong)
					}
				}
			}
		}
	}
}

func TestVerneMQLetsNobodyInWhoIsUnknownOrSendsNoPassword(t *testing.T) {
	t.Parallel()
	broker := populatedData.beside(t).connect(t, brokerRole, brokerPassword)
	for _, c := range [][2]any{
		{"nobody", "secret12"}, {"", "secret12"}, {nil, "secret12"}, {"Sensor", "secret12"}, {"sensor ", "secret12"},
		{"%", "secret12"}, {"*", "secret12"},
		{"sensor", "secret13"}, {"sensor", ""}, {"sensor", nil}, {nil, nil}, {"sensor", "' OR '1'='1"},
		{"' OR '1'='1", "secret12"},
	} {
		if rules, err := askVerneMQ(t, broker, c[0], c[1]); !errors.Is(err, pgx.ErrNoRows) {
			t.Errorf("%v with %v may %v, %v", c[0], c[1], rules, err)
		}
	}
}

func TestRulesReachVerneMQInItsOwnWords(t *testing.T) {
	t.Parallel()
	broker := populatedData.beside(t).connect(t, brokerRole, brokerPassword)
	for name, want := range map[string]vernemqRules{
		"sensor": {
			publish:   []string{"devices/sensor/%c/#", "alarms"},
			subscribe: []string{"devices/sensor/%c/#", "$share/+/devices/sensor/%c/#", "commands", "$share/+/commands"},
		},
		hostileName: {publish: []string{"<&>/" + hostileTopic},
			subscribe: []string{"<&>/" + hostileTopic, "$share/+/<&>/" + hostileTopic}},
		"idle":  {publish: []string{}, subscribe: []string{}},
		"root":  {publish: []string{"#"}, subscribe: []string{"#", "$share/+/#"}},
		"elder": {publish: []string{}, subscribe: []string{}},
	} {
		if got := mustAskVerneMQ(t, broker, name); !slices.Equal(got.publish, want.publish) ||
			!slices.Equal(got.subscribe, want.subscribe) {
			t.Errorf("%s may %q, want %q", name, got, want)
		}
	}
}

// withRules is a user of that name who has these rules, each in both directions, and what VerneMQ reads of them.
func withRules(t *testing.T, owner, broker *pgx.Conn, username string, topics ...string) vernemqRules {
	t.Helper()
	if _, err := owner.Exec(t.Context(), "SELECT mqtt_put_user($1, $2)", username, hash(t, "secret12")); err != nil {
		t.Fatalf("%s: %v", username, err)
	}
	for _, topic := range topics {
		if _, err := owner.Exec(t.Context(), "SELECT mqtt_allow($1, $2, 'all')", username, topic); err != nil {
			t.Fatalf("%s, %s: %v", username, topic, err)
		}
	}
	rules := mustAskVerneMQ(t, broker, username)
	if _, err := owner.Exec(t.Context(), "SELECT mqtt_remove_user($1)", username); err != nil {
		t.Fatal(err)
	}
	return rules
}

func TestUsernameAndClientIDArePutInAndWhatVerneMQCanNotSayAllowsNothing(t *testing.T) {
	t.Parallel()
	d := deployedData.beside(t)
	owner, broker := d.connect(t, "mqttadmin", adminPassword), d.connect(t, brokerRole, brokerPassword)
	for _, c := range []struct {
		username, topic string
		want            string // "" for nothing
	}{
		{"sensor", "a/b", "a/b"},
		{"sensor", "/a//b/", "/a//b/"},
		{"sensor", `a b\"'//c`, `a b\"'//c`},
		{"sensor", "${username}", "sensor"},
		{"sensor", "a/${username}/b", "a/sensor/b"},
		{"sensor", "a/x-${username}-${username}/#", "a/x-sensor-sensor/#"},
		{"sensor", "a/${USERNAME}/$username/{username}", "a/${USERNAME}/$username/{username}"},
		{"sensor", "${clientid}", "%c"},
		{"sensor", "a/${clientid}/${username}/${clientid}/+", "a/%c/sensor/%c/+"},
		{"sensor", "a/x-${clientid}", ""},
		{"sensor", "a/${clientid}${clientid}", ""},
		{"sensor", "a/${username}${clientid}", ""},
		{"sensor", "%u", ""},
		{"sensor", "a/%c/b", ""},
		{"sensor", "a/%m/#", ""},
		{"sensor", "a/%u%c/100%/%d", "a/%u%c/100%/%d"}, // not whole levels, or no place at all
		{"%c", "a/${username}", ""},
		{"%u", "${username}/#", ""},
		{"%m", "${username}", ""},
		{"%c", "a/x${username}", "a/x%c"},
		{"%", "a/${username}c", ""},
		{"${clientid}", "a/${username}/b", "a/${clientid}/b"}, // a name, and no place to VerneMQ
		{"${clientid}", "a/${clientid}", "a/%c"},
		{"clientid", "a/${${username}}", "a/${clientid}"},
		{"${username}", "a/${username}", "a/${username}"},
		{`\1&`, "a/${username}", `a/\1&`},
	} {
		got, want := withRules(t, owner, broker, c.username, c.topic),
			vernemqRules{publish: []string{}, subscribe: []string{}}
		if c.want != "" {
			want = vernemqRules{publish: []string{c.want}, subscribe: []string{c.want, "$share/+/" + c.want}}
		}
		if !slices.Equal(got.publish, want.publish) || !slices.Equal(got.subscribe, want.subscribe) {
			t.Errorf("%q of %s became %q, want %q", c.topic, c.username, got, want)
		}
	}
}

// VerneMQ compares $share/GROUP/TOPIC with a rule level by level, and the client chooses group and client id.
func TestNoRuleLetsAClientReadAnotherTopicByWayOfASharedSubscription(t *testing.T) {
	t.Parallel()
	d := deployedData.beside(t)
	owner, broker := d.connect(t, "mqttadmin", adminPassword), d.connect(t, brokerRole, brokerPassword)
	for _, c := range []struct {
		username, rule, clientID, filter string
		want                             bool
	}{
		{"sensor", "devices/#", "c", "devices/#", true},
		{"sensor", "devices/#", "c", "$share/g/devices/#", true},
		{"sensor", "devices/#", "c", "$share/devices/#", false},
		{"sensor", "devices/#", "c", "$share/g/#", false},
		{"sensor", "+/devices/#", "c", "$share/devices/#", false},
		{"sensor", "+/devices/#", "c", "$share/devices/secret/x", false},
		{"sensor", "+/devices/#", "c", "$share/g/+/devices/#", true},
		{"sensor", "+/+/up", "c", "$share/g/up", false},
		{"sensor", "+/+/up", "c", "$share/g/a/b/up", true},
		{"sensor", "+/+/+", "c", "$share/g/#", false},
		{"sensor", "+/up", "c", "a/up", true},
		{"sensor", "+/up", "c", "$share/g/a/up", true},
		{"sensor", "+/#", "c", "a/b/c", true}, // everything, by any way
		{"sensor", "#", "c", "$share/g/a/b", true},
		{"sensor", "${clientid}/commands", "c", "c/commands", true},
		{"sensor", "${clientid}/#", "$share", "$share/g/#", false},
		{"sensor", "${clientid}/a/b", "$share", "$share/a/b", false},
		{"sensor", "${clientid}/#", "c", "$share/g/c/#", true},
		{"sensor", "devices/${clientid}/#", "c", "devices/c/#", true},
		{"sensor", "$share/#", "c", "$share/g/secret", false},
		{"$share", "${username}/#", "c", "$share/g/secret", false},
		{"$share", "a/${username}/#", "c", "a/$share/#", true},
	} {
		rules := withRules(t, owner, broker, c.username, c.rule)
		got := slices.ContainsFunc(rules.subscribe, func(pattern string) bool {
			return covers(pattern, c.username, c.clientID, c.filter)
		})
		if got != c.want {
			t.Errorf("with %s, the client %s may subscribe to %s: %v, by %q", c.rule, c.clientID, c.filter, got, rules.subscribe)
		}
		if len(rules.publish) != 1 {
			t.Errorf("with %s, it may publish to %q", c.rule, rules.publish)
		}
	}
}

func TestRulesKeepTheirOrderInVerneMQ(t *testing.T) {
	t.Parallel()
	d := deployedData.beside(t)
	owner, broker := d.connect(t, "mqttadmin", adminPassword), d.connect(t, brokerRole, brokerPassword)
	var topics, subscribe []string
	for i := range 50 {
		topic := fmt.Sprint(i*37%50, "/up")
		topics, subscribe = append(topics, topic), append(subscribe, topic, "$share/+/"+topic)
	}
	// What is allowed once more stays where it was.
	if got := withRules(t, owner, broker, "sensor", append(topics, topics[0])...); !slices.Equal(got.publish, topics) ||
		!slices.Equal(got.subscribe, subscribe) {
		t.Errorf("the order became %q", got)
	}
}

func TestTheBrokersRoleNeedsNothingForVerneMQButOneFunction(t *testing.T) {
	t.Parallel()
	d := populatedData.beside(t)
	owner := d.connect(t, "mqttadmin", adminPassword)
	for _, narrower := range []string{
		"REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC",
		"REVOKE SELECT ON mqtt_user, mqtt_acl, vernemq.vmq_auth_acl FROM mqtt_broker",
	} {
		if _, err := owner.Exec(t.Context(), narrower); err != nil {
			t.Fatalf("%s: %v", narrower, err)
		}
	}
	broker := d.connect(t, brokerRole, brokerPassword)
	mustAskVerneMQ(t, broker, "sensor")
	d.denies(t, broker,
		"INSERT INTO vmq_auth_acl (username, password) VALUES ('x', 'y')",
		"UPDATE vmq_auth_acl SET username = 'x' WHERE username = 'idle'",
		"UPDATE vmq_auth_acl SET password = 'x'", "DELETE FROM vmq_auth_acl", "CREATE TABLE vernemq.mine (x int)",
		"CREATE OR REPLACE VIEW vernemq.vmq_auth_acl AS SELECT * FROM vernemq.vmq_auth_acl", "DROP VIEW vernemq.vmq_auth_acl",
	)
}

// firstSchema is how the tables were when EMQX was the only broker.
const firstSchema = `CREATE EXTENSION pgcrypto;
CREATE TABLE mqtt_user (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, username text NOT NULL UNIQUE,
	password_hash text NOT NULL, salt text NOT NULL DEFAULT '', is_superuser boolean NOT NULL DEFAULT false,
	created timestamptz NOT NULL DEFAULT now());
CREATE TABLE mqtt_acl (username text NOT NULL REFERENCES mqtt_user (username) ON UPDATE CASCADE ON DELETE CASCADE,
	topic text NOT NULL, action text NOT NULL, PRIMARY KEY (username, topic));
CREATE FUNCTION mqtt_put_user(name text, hash text, superuser boolean DEFAULT false) RETURNS void LANGUAGE sql
	AS 'INSERT INTO mqtt_user (username, password_hash, is_superuser) VALUES (name, hash, superuser)';
CREATE ROLE mqtt_broker LOGIN;
ALTER ROLE mqtt_broker SET search_path = public;
INSERT INTO mqtt_acl SELECT 'old', topic, 'all' FROM (VALUES ('z'), ('a/${clientid}')) AS rules (topic)`

func TestUsersOfTheFirstSchemaReachVerneMQAndStayWhenTheSchemaAppliesAgain(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	create, rules, _ := strings.Cut(firstSchema, "INSERT INTO mqtt_acl")
	for _, step := range []string{create, "SELECT mqtt_put_user('old', '" + hash(t, "secret12") + "')",
		"INSERT INTO mqtt_acl" + rules} {
		if _, err := d.connect(t, "mqttadmin", adminPassword).PgConn().Exec(t.Context(), step).ReadAll(); err != nil {
			t.Fatalf("%s: %v", step, err)
		}
	}
	for round := range 3 {
		if said, err := d.applySchema(t, "BROKER=vernemq"); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		if round == 0 {
			if said, err := d.admin(t, "add", "new", "MQTT_PASSWORD_HASH="+hash(t, "secret12")); err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
		}
		broker := d.connect(t, brokerRole, brokerPassword)
		mustAskVerneMQ(t, broker, "new")
		if old := mustAskVerneMQ(t, broker, "old"); !slices.Equal(old.publish, []string{"z", "a/%c"}) {
			t.Errorf("applied %d times, the old user may %q", round+1, old)
		}
	}
}

// amora user does not try a refused operation on another machine.
func TestTheAdminScriptTellsARefusalFromADatabaseThatIsAway(t *testing.T) {
	t.Parallel()
	d := deployedDatabase(t)
	code := func() int {
		said, err := d.admin(t, "remove", "nobody")
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			t.Fatalf("%v\n%s", err, said)
		}
		return exit.ExitCode()
	}
	if got := code(); got != 3 {
		t.Errorf("a refusal ends with %d", got)
	}
	d.server.kill()
	if got := code(); got == 3 {
		t.Errorf("without a database it ends with %d", got)
	}
}

// fastest is the shortest of some times that a query takes.
func fastest(t *testing.T, conn *pgx.Conn, query string, args ...any) time.Duration {
	t.Helper()
	best := time.Hour
	for range 5 {
		begin := time.Now()
		if _, err := conn.Exec(t.Context(), query, args...); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		best = min(best, time.Since(begin))
	}
	return best
}

func TestALoginToVerneMQFindsItsUserByIndexAndTakesOneBcrypt(t *testing.T) {
	t.Parallel()
	d := deployedData.beside(t)
	owner, broker := d.connect(t, "mqttadmin", adminPassword), d.connect(t, brokerRole, brokerPassword)
	hashed, err := bcrypt.GenerateFromPassword([]byte("secret12"), 10) // as amora user makes it
	if err != nil {
		t.Fatal(err)
	}
	for _, fill := range []string{
		"INSERT INTO mqtt_user (username, password_hash) SELECT 'device-' || n, '" + string(hashed) +
			"' FROM generate_series(1, 5000) AS n",
		"INSERT INTO mqtt_acl (username, topic, action) SELECT username, topic, 'all' FROM mqtt_user, (VALUES " +
			"('devices/${username}/#'), ('commands')) AS rules (topic)",
		"ANALYZE mqtt_user, mqtt_acl",
	} {
		if _, err := owner.Exec(t.Context(), fill); err != nil {
			t.Fatalf("%s: %v", fill, err)
		}
	}
	reads := func() (sequential, byIndex int) {
		t.Helper()
		if _, err := broker.Exec(t.Context(), "SELECT pg_stat_force_next_flush()"); err != nil {
			t.Fatal(err)
		}
		if err := owner.QueryRow(t.Context(), "SELECT sum(seq_scan), sum(idx_scan) FROM pg_stat_user_tables "+
			"WHERE relname IN ('mqtt_user', 'mqtt_acl')").Scan(&sequential, &byIndex); err != nil {
			t.Fatal(err)
		}
		return sequential, byIndex
	}
	for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
		if _, err := broker.Exec(t.Context(), "SET plan_cache_mode = "+mode); err != nil {
			t.Fatal(err)
		}
		for password, found := range map[string]bool{"secret12": true, "secret13": false} {
			sequential, byIndex := reads()
			if _, err := askVerneMQ(t, broker, "device-2500", password); (err == nil) != found {
				t.Errorf("%s, %s: %v", mode, password, err)
			}
			if now, indexed := reads(); now != sequential || indexed == byIndex {
				t.Errorf("%s, %s: %d reads of whole tables, %d by index", mode, password, now-sequential, indexed-byIndex)
			}
		}
	}
	one := fastest(t, broker, "SELECT crypt($1, $2)", "secret12", string(hashed))
	right := fastest(t, broker, vernemqQuery(t), "device-2500", "secret12", "device-2500")
	wrong := fastest(t, broker, vernemqQuery(t), "device-2500", "secret13", "device-2500")
	t.Logf("one bcrypt of cost 10 takes the database %s, a login %s, a refused one %s", one, right, wrong)
	if right > 3*one || wrong > 3*one {
		t.Errorf("one bcrypt takes %s, a login %s, a refused one %s", one, right, wrong)
	}
}
