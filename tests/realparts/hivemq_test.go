package realparts

import (
	"crypto/pbkdf2"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// secondHash is a password as HiveMQ reads it.
func secondHash(t *testing.T, password string) string {
	t.Helper()
	salt := []byte("twenty-four bytes of it.")
	key, err := pbkdf2.Key(sha512.New, password, salt, 100, 64)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(salt) + ":100:" + base64.StdEncoding.EncodeToString(key)
}

// fits checks a password against the hash of a PKCS5S2 user, or of a file, which has the same three parts.
func fits(t *testing.T, password, salt string, iterations int, want string) bool {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(salt)
	if err != nil {
		t.Fatal(err)
	}
	key, err := pbkdf2.Key(sha512.New, password, raw, iterations, 64)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(key) == want
}

// The queries have the shape of the tables in HiveMQ's documentation; its own text is not published.
func TestTheEnterpriseExtensionFindsUsersAndRulesUnderItsOwnNames(t *testing.T) {
	t.Parallel()
	broker := populated(t).connect(t, brokerRole, brokerPassword)
	for _, name := range []string{"sensor", hostileName, "idle", "root"} {
		var password, salt, algorithm string
		var iterations int
		if err := broker.QueryRow(t.Context(),
			"SELECT password, password_iterations, password_salt, algorithm FROM users WHERE username = $1", name).
			Scan(&password, &iterations, &salt, &algorithm); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if algorithm != "PKCS5S2" || !fits(t, "secret12", salt, iterations, password) ||
			fits(t, "secret13", salt, iterations, password) {
			t.Errorf("%s: %s with %d iterations does not fit", name, algorithm, iterations)
		}
	}
	var known int
	if err := broker.QueryRow(t.Context(), "SELECT count(*) FROM users WHERE username = 'elder'").
		Scan(&known); err != nil || known != 0 {
		t.Errorf("a user without the second hash: %d, %v", known, err)
	}
	rules := func(name string) []string {
		rows, err := broker.Query(t.Context(), `SELECT p.topic, p.publish_allowed, p.subscribe_allowed, p.shared_sub_allowed, p.qos_0_allowed AND p.qos_1_allowed AND p.qos_2_allowed
			FROM users u JOIN user_permissions up ON up.user_id = u.id JOIN permissions p ON p.id = up.permission WHERE u.username = $1`, name)
		if err != nil {
			t.Fatal(err)
		}
		list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
			var topic string
			var publish, subscribe, shared, qos bool
			err := row.Scan(&topic, &publish, &subscribe, &shared, &qos)
			return fmt.Sprint(topic, " ", publish, subscribe, shared, qos), err
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(list)
		return list
	}
	for name, want := range map[string][]string{
		"sensor": {"alarms true false false true", "commands false true true true",
			"devices/${mqtt-username}/${mqtt-clientid}/# true true true true"},
		hostileName: {"<&>/" + hostileTopic + " true true true true"},
		"idle":      nil,
		"root":      {"# true true true true"},
	} {
		if got := rules(name); !slices.Equal(got, want) {
			t.Errorf("%s may %q, want %q", name, got, want)
		}
	}
	for _, empty := range []string{"roles", "user_roles", "role_permissions"} {
		var count int
		if err := broker.QueryRow(t.Context(), "SELECT count(*) FROM "+empty).Scan(&count); err != nil || count != 0 {
			t.Errorf("%s: %d, %v", empty, count, err)
		}
	}
}

func TestANewPasswordWithoutTheSecondHashLeavesNoOldOneBehind(t *testing.T) {
	t.Parallel()
	d := populated(t)
	if said, err := d.admin(t, "add", "sensor", "MQTT_PASSWORD_HASH="+hash(t, "changed12")); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	var known int
	if err := d.connect(t, brokerRole, brokerPassword).
		QueryRow(t.Context(), "SELECT count(*) FROM users WHERE username = 'sensor'").Scan(&known); err != nil || known != 0 {
		t.Errorf("the old password still fits: %d, %v", known, err)
	}
}

func TestASecondHashOfAnotherFormIsRefused(t *testing.T) {
	t.Parallel()
	d := deployedDatabase(t)
	for _, bad := range []string{"secret12", "AAAA:1:AAAA", secondHash(t, "x") + "x"} {
		if said, err := d.admin(t, "add", "sensor", "MQTT_PASSWORD_HASH="+hash(t, "secret12"),
			"MQTT_PASSWORD_PBKDF2="+bad); err == nil || !strings.Contains(said, "mqtt_user_pbkdf2_hash_check") {
			t.Errorf("%s: %v\n%s", bad, err, said)
		}
	}
}

// credentials is what hivemq-file-rbac-extension 4.6.9 reads.
type credentials struct {
	XMLName xml.Name `xml:"file-rbac"`
	Users   []struct {
		Name     string   `xml:"name"`
		Password string   `xml:"password"`
		Roles    []string `xml:"roles>id"`
	} `xml:"users>user"`
	Roles []struct {
		ID          string `xml:"id"`
		Permissions []struct {
			Topic    string `xml:"topic"`
			Activity string `xml:"activity"`
		} `xml:"permissions>permission"`
	} `xml:"roles>role"`
}

// exported runs the script, and gives back the file inside the Secret, checked as the extension checks it.
func exported(t *testing.T, d *database) credentials {
	t.Helper()
	work := t.TempDir()
	config, err := assets.HiveMQ{}.SecurityConfig()
	if err != nil {
		t.Fatal(err)
	}
	said, err := sh(t, []string{"busybox", "sh"}, assets.CredentialsScript,
		d.environment("WORK="+work, "CONFIG="+write(t, filepath.Join(work, "config.xml"), config), "PGUSER="+brokerRole,
			"PGPASSWORD="+brokerPassword)...)
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	manifest, err := os.ReadFile(filepath.Join(work, "secret.json"))
	if err != nil {
		t.Fatal(err)
	}
	var secret struct {
		APIVersion, Kind string
		Metadata         struct{ Name, Namespace string }
		Data             map[string][]byte
	}
	if err := json.Unmarshal(manifest, &secret); err != nil {
		t.Fatalf("%v in %s", err, manifest)
	}
	if secret.Kind != "Secret" || secret.Metadata.Name != "credentials" || secret.Metadata.Namespace != "hivemq" ||
		string(secret.Data["config.xml"]) != config {
		t.Errorf("the Secret is %s", manifest)
	}
	var file credentials
	if err := xml.Unmarshal(secret.Data["credentials.xml"], &file); err != nil {
		t.Fatalf("%v in %s", err, secret.Data["credentials.xml"])
	}
	roles := map[string]bool{}
	for _, r := range file.Roles {
		if r.ID == "" || roles[r.ID] || len(r.Permissions) == 0 {
			t.Errorf("the extension refuses the role %+v", r)
		}
		roles[r.ID] = true
	}
	if len(file.Users) == 0 || len(file.Roles) == 0 {
		t.Errorf("the extension refuses a file with %d users and %d roles", len(file.Users), len(file.Roles))
	}
	for _, u := range file.Users {
		if u.Name == "" || strings.Count(u.Password, ":") != 2 || len(u.Roles) != 1 || !roles[u.Roles[0]] {
			t.Errorf("the extension refuses the user %+v", u)
		}
	}
	return file
}

func TestWithoutALicenceUsersAndRulesReachTheFileThatHiveMQReads(t *testing.T) {
	t.Parallel()
	need(t, "busybox")
	file := exported(t, populated(t))
	rules := map[string][]string{}
	for _, r := range file.Roles {
		for _, p := range r.Permissions {
			rules[r.ID] = append(rules[r.ID], p.Topic+" "+p.Activity)
		}
		slices.Sort(rules[r.ID])
	}
	want := map[string][]string{
		"sensor":    {"alarms PUBLISH", "commands SUBSCRIBE", "devices/${{username}}/${{clientid}}/# ALL"},
		hostileName: {"<&>/" + hostileTopic + " ALL"},
		"idle":      {"$nothing SUBSCRIBE"},
		"root":      {"# "},
	}
	for _, u := range file.Users {
		parts := strings.Split(u.Password, ":")
		if !slices.Equal(rules[u.Roles[0]], want[u.Name]) || !fits(t, "secret12", parts[0], 100, parts[2]) {
			t.Errorf("%s may %q, want %q", u.Name, rules[u.Roles[0]], want[u.Name])
		}
		delete(want, u.Name)
	}
	if len(want) > 0 {
		t.Errorf("not in the file: %v", want)
	}
}

func TestAStoreWithoutUsersGivesAFileInWhichNoPasswordFits(t *testing.T) {
	t.Parallel()
	need(t, "busybox")
	file := exported(t, deployedDatabase(t))
	if len(file.Users) != 1 || file.Users[0].Name != "nobody" || file.Users[0].Password != "AAAA:1:AAAA" {
		t.Errorf("the users are %+v", file.Users)
	}
}

// What came before the schema refused it. HiveMQ takes no file that it can't read, and says so in its log only.
func TestAFileThatHiveMQCouldNotReadIsNotPublishedAndItsUsersAreNamed(t *testing.T) {
	t.Parallel()
	need(t, "busybox")
	for _, c := range strange {
		if c == "\n" || c == "\x7f" || c == "\u0085" {
			continue // XML has these
		}
		d := populatedData.beside(t)
		owner := d.connect(t, "mqttadmin", adminPassword)
		for _, step := range []string{"ALTER TABLE mqtt_acl DROP CONSTRAINT mqtt_acl_filter",
			"INSERT INTO mqtt_acl (username, topic, action) VALUES ('sensor', 'a" + c + "b', 'all')"} {
			if _, err := owner.Exec(t.Context(), step); err != nil {
				t.Fatal(err)
			}
		}
		work := t.TempDir()
		said, err := sh(t, []string{"busybox", "sh"}, assets.CredentialsScript, d.environment("WORK="+work,
			"CONFIG="+write(t, filepath.Join(work, "config.xml"), "<config/>"))...)
		if err == nil || !strings.Contains(said, "credentials: not published") || !strings.Contains(said, "\n\"sensor\"\n") ||
			strings.Contains(said, "idle") || strings.Contains(said, "PBKDF2") {
			t.Errorf("%q: %v\n%s", c, err, said)
		}
		if _, err := os.Stat(filepath.Join(work, "secret.json")); err == nil {
			t.Errorf("%q: there is a file to publish", c)
		}
	}
}
