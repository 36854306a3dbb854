package main

import (
	"bytes"
	"context"
	"crypto/pbkdf2"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// azure answers for pulumi and az, and keeps what was started.
type azure struct {
	outputs  string
	statuses []string // of the admin job's execution, one a look
	started  []string // job names
	body     string   // of the job that was made
	made     string   // its name
	deleted  []string
	args     []string // all of them
}

const deployed = `{"resourceGroupName":"amora-dev","adminJobName":"admin","rulesJobName":"rules"}`

func (a *azure) run(_ context.Context, name string, args ...string) ([]byte, error) {
	call := name + " " + strings.Join(args, " ")
	a.args = append(a.args, args...)
	if name == "pulumi" {
		return []byte(a.outputs), nil
	}
	_, job, _ := strings.Cut(call, "/jobs/")
	job = job[:strings.IndexAny(job, "/?")]
	var body []byte
	if _, file, ok := strings.Cut(call, " --body @"); ok {
		var err error
		if body, err = os.ReadFile(file); err != nil {
			return nil, err
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			return nil, fmt.Errorf("others may read %s: %w", file, err)
		}
	}
	switch {
	case strings.Contains(call, "--method put"):
		a.body, a.made = string(body), job
		return nil, nil
	case strings.Contains(call, "--method delete"):
		a.deleted = append(a.deleted, job)
		return nil, nil
	case a.made != "" && strings.Contains(call, "/jobs/"+a.made+"?"):
		return []byte(`{"properties":{"provisioningState":"Succeeded"}}`), nil
	case strings.Contains(call, "/start?"):
		a.started = append(a.started, job)
		return fmt.Appendf(nil, `{"name":"%s-1"}`, job), nil
	case a.made != "" && strings.Contains(call, "/executions/"+a.made+"-1"):
		status := a.statuses[0]
		if len(a.statuses) > 1 {
			a.statuses = a.statuses[1:]
		}
		return fmt.Appendf(nil, `{"properties":{"status":%q}}`, status), nil
	case strings.Contains(call, "/executions/rules-1"):
		return []byte(`{"properties":{"status":"Succeeded"}}`), nil
	case strings.Contains(call, "/jobs/admin?"):
		return []byte(`{"id":"x","location":"West Europe","tags":{"a":"b"},"identity":{"type":"UserAssigned",` +
			`"userAssignedIdentities":{"/i":{"principalId":"1"}}},"properties":{"provisioningState":"Succeeded",` +
			`"environmentId":"/e","workloadProfileName":"Consumption","configuration":{"replicaTimeout":300,` +
			`"secrets":[{"name":"p","keyVaultUrl":"https://v/p","identity":"/i"}]},` +
			`"template":{"containers":[{"name":"psql","image":"reg/postgres",` +
			`"env":[{"name":"PGPASSWORD","secretRef":"p"}]}]}}}`), nil
	}
	return nil, errors.New("unexpected: " + call)
}

func operate(a *azure) (*operator, *bytes.Buffer) {
	var out bytes.Buffer
	return &operator{stack: "dev", out: &out, run: a.run}, &out
}

func TestAChangeRunsTheAdminJobWithItsVariablesAndThenTheRulesJob(t *testing.T) {
	a := &azure{outputs: deployed, statuses: []string{"Running", "Running", "Succeeded"}}
	o, out := operate(a)
	if err := o.change(t.Context(), "allow", map[string]string{"MQTT_USERNAME": "sensor", "MQTT_TOPIC": `a "b"/#`,
		"MQTT_ACTION": "all"}); err != nil {
		t.Fatal(err)
	}
	if strings.Join(a.started, " ") != a.made+" rules" || !strings.HasPrefix(a.made, "admin-") || len(a.made) > 32 ||
		!slices.Equal(a.deleted, []string{a.made}) {
		t.Errorf("made %s, started: %v, deleted: %v", a.made, a.started, a.deleted)
	}
	body := a.job(t)
	got := map[string]string{}
	for _, e := range body.Properties.Template.Containers[0].Env {
		got[e.Name] = e.Value + e.SecretRef
	}
	want := map[string]string{"PGPASSWORD": "p", "OPERATION": "allow", "MQTT_USERNAME": "sensor",
		"MQTT_TOPIC": `a "b"/#`, "MQTT_ACTION": "all"}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %q, want %q", name, got[name], value)
		}
	}
	if body.Properties.Template.Containers[0].Image != "reg/postgres" || len(got) != len(want) ||
		body.Location != "West Europe" || body.Tags["a"] != "b" || body.Properties.EnvironmentID != "/e" ||
		!strings.Contains(a.body, `"userAssignedIdentities":{"/i":{}}`) || strings.Contains(a.body, "provisioningState") ||
		!reflect.DeepEqual(body.Properties.Configuration.Secrets,
			[]map[string]string{{"name": "p", "keyVaultUrl": "https://v/p", "identity": "/i"}}) {
		t.Errorf("the job is %s", a.body)
	}
	if !strings.Contains(out.String(), "allow sensor: done") {
		t.Errorf("it said %q", out)
	}
}

type madeJob struct {
	Location   string
	Tags       map[string]string
	Properties struct {
		EnvironmentID string
		Configuration struct{ Secrets []map[string]string }
		Template      struct {
			Containers []struct {
				Name, Image string
				Env         []struct{ Name, Value, SecretRef string }
			}
		}
	}
}

func (a *azure) job(t *testing.T) (made madeJob) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), &made); err != nil {
		t.Fatal(err)
	}
	return made
}

// hashes are of a password, wherever they stand.
var hashes = regexp.MustCompile(`\$2a\$[0-9]{2}\$|:210000:|correct horse`)

func TestAHashIsASecretOfTheJobAndInNoExecutionOrArgument(t *testing.T) {
	for _, status := range []string{"Succeeded", "Failed"} {
		a := &azure{outputs: deployed, statuses: []string{status}}
		o, _ := operate(a)
		o.password = []byte("correct horse")
		err := o.change(t.Context(), "add", map[string]string{"MQTT_USERNAME": "sensor"})
		if (err == nil) != (status == "Succeeded") {
			t.Fatal(err)
		}
		job := a.job(t)
		secrets := job.Properties.Configuration.Secrets
		if len(secrets) != 2 || secrets[1]["name"] != "mqtt-password-hash" ||
			bcrypt.CompareHashAndPassword([]byte(secrets[1]["value"]), o.password) != nil {
			t.Errorf("the secrets are %v", secrets)
		}
		if shown := fmt.Sprint(job.Properties.Template, a.args); hashes.MatchString(shown) ||
			!strings.Contains(shown, "{MQTT_PASSWORD_HASH  mqtt-password-hash}") {
			t.Errorf("shown: %s", shown)
		}
		if strings.Contains(a.body, "PBKDF2") {
			t.Error("EMQX is given a hash that it does not read")
		}
		if !slices.Equal(a.deleted, []string{a.made}) {
			t.Errorf("deleted: %v", a.deleted)
		}
	}
}

func TestBeforeASwitchToHiveMQAPasswordIsHashedForItToo(t *testing.T) {
	a := &azure{outputs: deployed, statuses: []string{"Succeeded"}}
	o, _ := operate(a)
	o.password, o.hivemq = []byte("correct horse"), true
	if err := o.change(t.Context(), "add", map[string]string{"MQTT_USERNAME": "sensor"}); err != nil ||
		!strings.Contains(a.body, ":210000:") {
		t.Errorf("%v: %s", err, a.body)
	}
}

func TestAProgramThatIsStartedIsNotToldThePassword(t *testing.T) {
	t.Setenv("MQTT_PASSWORD", "correct horse")
	t.Setenv("MQTT_PASSWORD_OF_ANOTHER", "kept")
	said, err := output(t.Context(), "env")
	if err != nil || hashes.Match(said) || !strings.Contains(string(said), "MQTT_PASSWORD_OF_ANOTHER=kept") {
		t.Errorf("%v: %s", err, said)
	}
}

func TestTheSecondRegionDoesTheWorkWhereItIsAskedTo(t *testing.T) {
	const both = `{"resourceGroupName":"amora-dev","adminJobName":"lost","rulesJobName":"lost",
		"secondaryResourceGroupName":"amora-dev-2","secondaryAdminJobName":"admin","secondaryRulesJobName":"rules"}`
	a := &azure{outputs: both, statuses: []string{"Succeeded"}}
	o, _ := operate(a)
	o.secondary = true
	if err := o.change(t.Context(), "remove", map[string]string{"MQTT_USERNAME": "sensor"}); err != nil {
		t.Fatal(err)
	}
	if strings.Join(a.started, " ") != a.made+" rules" {
		t.Errorf("started: %v", a.started)
	}
}

func TestASecondRegionThatIsNotThereIsSaidToBe(t *testing.T) {
	o, _ := operate(&azure{outputs: deployed})
	o.secondary = true
	if err := o.change(t.Context(), "remove", map[string]string{}); err == nil ||
		!strings.Contains(err.Error(), "not deployed") {
		t.Errorf("got %v", err)
	}
}

func TestAFailedOperationIsAnErrorAndLeavesTheRulesAlone(t *testing.T) {
	a := &azure{outputs: deployed, statuses: []string{"Running", "Failed"}}
	o, _ := operate(a)
	err := o.change(t.Context(), "remove", map[string]string{"MQTT_USERNAME": "nobody"})
	if err == nil || !strings.Contains(err.Error(), a.made+"-1 is Failed") || len(a.started) != 1 ||
		!slices.Equal(a.deleted, []string{a.made}) {
		t.Errorf("%v, started %v, deleted %v", err, a.started, a.deleted)
	}
}

func TestAStackThatIsNotDeployedIsSaidToBe(t *testing.T) {
	o, _ := operate(&azure{outputs: "{}"})
	if err := o.change(t.Context(), "remove", map[string]string{}); err == nil ||
		!strings.Contains(err.Error(), "stack dev is not deployed") {
		t.Error(err)
	}
}

func TestAPasswordLeavesTheMachineAsAHashOnly(t *testing.T) {
	environment, err := passwordHashes([]byte("correct horse"), true)
	if err != nil || strings.Contains(fmt.Sprint(environment), "horse") || len(environment) != 2 {
		t.Fatalf("%v, %v", environment, err)
	}
	if err := bcrypt.CompareHashAndPassword([]byte(environment["MQTT_PASSWORD_HASH"]),
		[]byte("correct horse")); err != nil {
		t.Error(err)
	}
	// As hivemq-file-rbac-extension 4.6.9 reads it: SALT:ITERATIONS:HASH, PBKDF2 with HMAC-SHA-512 and a key of 512 bits.
	parts := strings.Split(environment["MQTT_PASSWORD_PBKDF2"], ":")
	salt, err := base64.StdEncoding.DecodeString(parts[0])
	if err != nil || len(parts) != 3 || len(salt) != 24 {
		t.Fatalf("%v, %v", parts, err)
	}
	iterations, err := strconv.Atoi(parts[1])
	if err != nil || iterations < 210_000 { // what OWASP asks for
		t.Fatal(err)
	}
	key, err := pbkdf2.Key(sha512.New, "correct horse", salt, iterations, 64)
	if err != nil || base64.StdEncoding.EncodeToString(key) != parts[2] {
		t.Errorf("%v, %v", parts, err)
	}
}

func TestAPasswordThatIsTooShortOrTooLongIsRefused(t *testing.T) {
	for _, password := range []string{"1234567", strings.Repeat("x", 73)} {
		t.Setenv("MQTT_PASSWORD", password)
		given, err := readPassword()
		if err == nil {
			_, err = passwordHashes(given, false)
		}
		if err == nil {
			t.Errorf("%d characters are taken", len(password))
		}
	}
}

// cluster answers for pulumi and az of a stack on AKS. Scripts run for real, with a kubectl that is one of its own.
type cluster struct {
	t       *testing.T
	cronJob string
	status  string // of the job, as kubectl prints it
	job     map[string]any
	secret  map[string]any
	deleted string
	args    []string // all of them
}

func (c *cluster) run(ctx context.Context, name string, args ...string) ([]byte, error) {
	c.args = append(c.args, args...)
	if name == "pulumi" {
		return []byte(`{"broker":"hivemq-aks","resourceGroupName":"amora-dev","clusterName":"amora-dev"}`), nil
	}
	value := func(flag string) string {
		for i, arg := range args[:len(args)-1] {
			if arg == flag {
				return args[i+1]
			}
		}
		return ""
	}
	if name != "az" || strings.Join(args[:3], " ") != "aks command invoke" || value("--name") != "amora-dev" {
		return nil, fmt.Errorf("unexpected: %s %v", name, args)
	}
	folder := c.t.TempDir()
	kubectl := "#!/bin/sh\ncase \"$1 $2\" in\n'get cronjob') cat cronjob.json;;\n'get job') printf '%s' '" +
		c.status + "';;\n" +
		"'logs --namespace') echo there is no user nobody;;\n'create --filename') cat \"$3\" >created.json;;\n" +
		"'delete secret') echo \"$3\" >deleted;;\n" +
		"*) exit 9;;\nesac\n"
	for file, content := range map[string]string{"kubectl": kubectl, "cronjob.json": c.cronJob} {
		if err := os.WriteFile(filepath.Join(folder, file), []byte(content), 0o700); err != nil {
			return nil, err
		}
	}
	if file := value("--file"); file != "" {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(folder, filepath.Base(file)), data, 0o600); err != nil {
			return nil, err
		}
	}
	command := exec.CommandContext(ctx, "sh", "-c", value("--command"))
	command.Dir, command.Env = folder, append(os.Environ(), "PATH="+folder+":"+os.Getenv("PATH"))
	logs, err := command.CombinedOutput()
	if created, err := os.ReadFile(filepath.Join(folder, "created.json")); err == nil {
		var list struct{ Items []map[string]any }
		if err := json.Unmarshal(created, &list); err != nil {
			return nil, err
		}
		c.secret, c.job = list.Items[0], list.Items[1]
		deleted, _ := os.ReadFile(filepath.Join(folder, "deleted"))
		c.deleted = strings.TrimSpace(string(deleted))
	}
	exit := 0
	if err != nil {
		exit = command.ProcessState.ExitCode()
	}
	return json.Marshal(map[string]any{"exitCode": exit, "logs": string(logs)})
}

const cronJob = `{"spec":{"jobTemplate":{"spec":{"backoffLimit":0,"template":{"spec":{"containers":[{"name":"publish"}],
	"initContainers":[{"name":"admin","image":"postgres","env":[{"name":"PGHOST","value":"db"}]}]}}}}}}`

func TestInAClusterAChangeIsARunOfTheAdminCronJobWithItsVariables(t *testing.T) {
	c := &cluster{t: t, cronJob: cronJob, status: "1/"}
	var out bytes.Buffer
	o := &operator{stack: "dev", out: &out, run: c.run}
	if err := o.change(t.Context(), "allow",
		map[string]string{"MQTT_USERNAME": "sensor", "MQTT_TOPIC": `a '"$(id)"'/#`}); err != nil {
		t.Fatal(err)
	}
	pod := c.job["spec"].(map[string]any)["template"].(map[string]any)["spec"].(map[string]any)
	got := map[string]any{}
	for _, e := range pod["initContainers"].([]any)[0].(map[string]any)["env"].([]any) {
		got[e.(map[string]any)["name"].(string)] = e.(map[string]any)["value"]
	}
	// Kubernetes makes $ of $$, and would put a variable's value for $(id).
	if got["PGHOST"] != "db" || got["OPERATION"] != "allow" || got["MQTT_TOPIC"] != `a '"$$(id)"'/#` ||
		got["MQTT_USERNAME"] != "sensor" {
		t.Errorf("the variables are %v", got)
	}
	metadata := c.job["metadata"].(map[string]any)
	if c.job["kind"] != "Job" || metadata["namespace"] != "hivemq" ||
		!strings.HasPrefix(metadata["name"].(string), "admin-") ||
		pod["containers"].([]any)[0].(map[string]any)["env"] != nil {
		t.Errorf("the job is %v", c.job)
	}
	if !strings.Contains(out.String(), "allow sensor: done") {
		t.Errorf("it said %q", &out)
	}
}

func TestInAClusterAHashIsInASecretThatGoesAndInNoPodOrArgument(t *testing.T) {
	for _, status := range []string{"1/", "/1"} {
		c := &cluster{t: t, cronJob: cronJob, status: status}
		o := &operator{stack: "dev", out: &bytes.Buffer{}, run: c.run, password: []byte("correct horse")}
		err := o.change(t.Context(), "add", map[string]string{"MQTT_USERNAME": "sensor"})
		if (err == nil) != (status == "1/") {
			t.Fatal(err)
		}
		name := c.job["metadata"].(map[string]any)["name"]
		data, _ := c.secret["stringData"].(map[string]any)
		given, _ := data["MQTT_PASSWORD_HASH"].(string)
		if c.secret["kind"] != "Secret" || len(data) != 2 || c.deleted != name ||
			bcrypt.CompareHashAndPassword([]byte(given), o.password) != nil ||
			!strings.Contains(fmt.Sprint(data["MQTT_PASSWORD_PBKDF2"]), ":210000:") {
			t.Errorf("the Secret is %v, deleted: %s", c.secret, c.deleted)
		}
		if shown := fmt.Sprint(c.job, c.args); hashes.MatchString(shown) ||
			!strings.Contains(shown, fmt.Sprintf("secretKeyRef:map[key:MQTT_PASSWORD_HASH name:%s]", name)) {
			t.Errorf("shown: %s", shown)
		}
	}
}

func TestInAClusterAFailedRunIsAnErrorWithItsLog(t *testing.T) {
	for _, c := range []struct {
		cluster cluster
		want    string
	}{
		{cluster{t: t, cronJob: cronJob, status: "/1"}, "there is no user nobody"},
		{cluster{t: t, cronJob: `{"spec":{"jobTemplate":{"spec":{"template":{"spec":{}}}}}}`, status: "1/"},
			"has no container of that name"},
		{cluster{t: t, cronJob: "error: forbidden", status: "1/"}, "read the CronJob admin"},
	} {
		o := &operator{stack: "dev", out: &bytes.Buffer{}, run: c.cluster.run}
		if err := o.change(t.Context(), "remove", map[string]string{"MQTT_USERNAME": "nobody"}); err == nil ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}
