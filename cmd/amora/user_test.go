package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// azure answers for pulumi and az, and keeps what was started.
type azure struct {
	outputs  string
	statuses []string // of the admin job's execution, one a look
	started  []string // job names
	body     string   // of the admin job's start
}

const deployed = `{"resourceGroupName":"amora-dev","adminJobName":"admin","rulesJobName":"rules"}`

func (a *azure) run(_ context.Context, name string, args ...string) ([]byte, error) {
	call := name + " " + strings.Join(args, " ")
	switch {
	case name == "pulumi":
		return []byte(a.outputs), nil
	case strings.Contains(call, "/start?"):
		job := strings.Split(strings.Split(call, "/jobs/")[1], "/")[0]
		a.started = append(a.started, job)
		if job == "admin" {
			a.body = args[len(args)-1]
		}
		return fmt.Appendf(nil, `{"name":"%s-1"}`, job), nil
	case strings.Contains(call, "/executions/admin-1"):
		status := a.statuses[0]
		if len(a.statuses) > 1 {
			a.statuses = a.statuses[1:]
		}
		return fmt.Appendf(nil, `{"properties":{"status":%q}}`, status), nil
	case strings.Contains(call, "/executions/rules-1"):
		return []byte(`{"properties":{"status":"Succeeded"}}`), nil
	case strings.Contains(call, "/jobs/admin?"):
		return []byte(`{"properties":{"template":{"containers":[{"name":"psql","image":"reg/postgres","env":[{"name":"PGPASSWORD","secretRef":"p"}]}]}}}`), nil
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
	if err := o.change(t.Context(), "allow", map[string]string{"MQTT_USERNAME": "sensor", "MQTT_TOPIC": `a "b"/#`, "MQTT_ACTION": "all"}); err != nil {
		t.Fatal(err)
	}
	if strings.Join(a.started, " ") != "admin rules" {
		t.Errorf("started: %v", a.started)
	}
	var body struct {
		Containers []struct {
			Name, Image string
			Env         []struct{ Name, Value, SecretRef string }
		}
	}
	if err := json.Unmarshal([]byte(a.body), &body); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, e := range body.Containers[0].Env {
		got[e.Name] = e.Value + e.SecretRef
	}
	want := map[string]string{"PGPASSWORD": "p", "OPERATION": "allow", "MQTT_USERNAME": "sensor", "MQTT_TOPIC": `a "b"/#`, "MQTT_ACTION": "all"}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %q, want %q", name, got[name], value)
		}
	}
	if body.Containers[0].Image != "reg/postgres" || len(got) != len(want) {
		t.Errorf("the container is %+v", body.Containers[0])
	}
	if !strings.Contains(out.String(), "allow sensor: done") {
		t.Errorf("it said %q", out)
	}
}

func TestAFailedOperationIsAnErrorAndLeavesTheRulesAlone(t *testing.T) {
	a := &azure{outputs: deployed, statuses: []string{"Running", "Failed"}}
	o, _ := operate(a)
	err := o.change(t.Context(), "remove", map[string]string{"MQTT_USERNAME": "nobody"})
	if err == nil || !strings.Contains(err.Error(), "admin-1 is Failed") || len(a.started) != 1 {
		t.Errorf("%v, started %v", err, a.started)
	}
}

func TestAStackThatIsNotDeployedIsSaidToBe(t *testing.T) {
	o, _ := operate(&azure{outputs: "{}"})
	if err := o.change(t.Context(), "remove", map[string]string{}); err == nil || !strings.Contains(err.Error(), "stack dev is not deployed") {
		t.Error(err)
	}
}

func TestAPasswordLeavesTheMachineAsAHashOnly(t *testing.T) {
	t.Setenv("MQTT_PASSWORD", "correct horse")
	hash, err := passwordHash()
	if err != nil || strings.Contains(hash, "horse") || bcrypt.CompareHashAndPassword([]byte(hash), []byte("correct horse")) != nil {
		t.Errorf("%q, %v", hash, err)
	}
}

func TestAPasswordThatIsTooShortOrTooLongIsRefused(t *testing.T) {
	for _, password := range []string{"1234567", strings.Repeat("x", 73)} {
		t.Setenv("MQTT_PASSWORD", password)
		if hash, err := passwordHash(); err == nil {
			t.Errorf("%d characters gave %s", len(password), hash)
		}
	}
}
