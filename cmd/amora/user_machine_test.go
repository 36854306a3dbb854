package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// machines answers for pulumi and az of a stack on machines. Scripts run for real, with an amora-node of the test's own
// on each machine.
type machines struct {
	t *testing.T
	// by machine: what amora-node does there, as a shell script; a machine without one does not answer
	nodes map[string]string
	asked []string          // machines
	env   map[string]string // that the last amora-node found
}

func (m *machines) run(ctx context.Context, name string, args ...string) ([]byte, error) {
	if name == "pulumi" {
		return []byte(`{"broker":"vernemq-vms","resourceGroupName":"amora-dev","machineNames":["vm-0","vm-1","vm-2"]}`), nil
	}
	want := []string{"vm", "run-command", "invoke", "--resource-group", "amora-dev", "--name", "", "--command-id",
		"RunShellScript", "--output", "json", "--scripts", ""}
	if name != "az" || len(args) != len(want) {
		return nil, fmt.Errorf("unexpected: %s %v", name, args)
	}
	machine, file := args[6], args[12]
	want[6], want[12] = machine, file
	if !slices.Equal(args, want) || !strings.HasPrefix(file, "@") || hashes.MatchString(fmt.Sprint(args)) {
		return nil, fmt.Errorf("unexpected: %s %v", name, args)
	}
	script, err := os.ReadFile(file[1:])
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(file[1:]); err != nil || info.Mode().Perm() != 0o600 {
		return nil, fmt.Errorf("others may read %s: %w", file, err)
	}
	m.asked = append(m.asked, machine)
	node, there := m.nodes[machine]
	if !there {
		return nil, fmt.Errorf("az: exit status 1\n%s is not running", machine)
	}
	folder := m.t.TempDir()
	for file, content := range map[string]string{
		"amora-node": "#!/bin/sh\n[ \"$*\" = admin ] || exit 9\nenv -0 >\"$0.env\"\n" + node,
		"script.sh":  strings.ReplaceAll(string(script), assets.VerneMQNodeCommand, folder+"/amora-node"),
	} {
		if err := os.WriteFile(filepath.Join(folder, file), []byte(content), 0o700); err != nil {
			return nil, err
		}
	}
	var stdout, stderr bytes.Buffer
	command := exec.CommandContext(ctx, filepath.Join(folder, "script.sh"))
	command.Stdout, command.Stderr, command.WaitDelay = &stdout, &stderr, time.Second
	if err := command.Run(); err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(folder, "script.sh")); err == nil {
		return nil, errors.New("the script stays on the machine")
	}
	m.env = map[string]string{}
	found, err := os.ReadFile(filepath.Join(folder, "amora-node.env"))
	for entry := range strings.SplitSeq(string(found), "\x00") {
		key, value, _ := strings.Cut(entry, "=")
		m.env[key] = value
	}
	return runCommandAnswer(stdout.Bytes(), stderr.Bytes()), err
}

// runCommandAnswer is how Azure gives back what a script printed.
func runCommandAnswer(stdout, stderr []byte) []byte {
	last := func(b []byte) []byte { return b[max(0, len(b)-4096):] }
	data, _ := json.Marshal(map[string]any{"value": []any{map[string]any{
		"code": "ProvisioningState/succeeded", "displayStatus": "Provisioning succeeded", "level": "Info", "time": nil,
		"message": fmt.Sprintf("Enable succeeded: \n[stdout]\n%s\n[stderr]\n%s", last(stdout), last(stderr)),
	}}})
	return data
}

func operateOn(t *testing.T, nodes map[string]string) (*machines, *operator, *bytes.Buffer) {
	m, out := &machines{t: t, nodes: nodes}, &bytes.Buffer{}
	return m, &operator{stack: "dev", out: out, limit: time.Minute, run: m.run}, out
}

func TestOnMachinesAChangeRunsOnTheFirstWithItsVariables(t *testing.T) {
	for _, topic := range []string{
		"devices/#", `a '"$(id)"'/#`, "`id` $HOME ${x:-y} \\ \\' ''", "line\nline\n", "\r\n\t", "@/etc/passwd", "-x",
		"'", "%s%n", "ü€😀", "",
	} {
		m, o, out := operateOn(t, map[string]string{"vm-0": "echo done", "vm-1": "echo done"})
		want := map[string]string{"MQTT_USERNAME": "it's\n$1", "MQTT_TOPIC": topic, "MQTT_ACTION": "all",
			"OPERATION": "allow"}
		if err := o.change(t.Context(), "allow",
			map[string]string{"MQTT_USERNAME": want["MQTT_USERNAME"], "MQTT_TOPIC": topic, "MQTT_ACTION": "all"}); err != nil {
			t.Fatalf("%q: %v", topic, err)
		}
		for name, value := range want {
			if m.env[name] != value {
				t.Errorf("%s is %q, want %q", name, m.env[name], value)
			}
		}
		if !slices.Equal(m.asked, []string{"vm-0"}) || !strings.HasPrefix(out.String(), "allow it's\n$1: done") {
			t.Errorf("asked %v, said %q", m.asked, out)
		}
	}
}

func TestOnMachinesAHashReachesTheScriptAndNoArgument(t *testing.T) {
	m, o, _ := operateOn(t, map[string]string{"vm-0": "echo done"}) // which looks at the arguments
	o.password = []byte("correct horse")
	if err := o.change(t.Context(), "add", map[string]string{"MQTT_USERNAME": "sensor"}); err != nil ||
		bcrypt.CompareHashAndPassword([]byte(m.env["MQTT_PASSWORD_HASH"]), o.password) != nil ||
		m.env["MQTT_PASSWORD_PBKDF2"] != "" {
		t.Errorf("%v: %v", err, m.env)
	}
}

func TestOnMachinesAnOperationThatTheDatabaseRefusesIsTriedOnNoOther(t *testing.T) {
	for said, node := range map[string]string{
		"there is no user nobody":          "echo 'ERROR:  there is no user nobody' >&2; exit 3",
		"there is no user x\namora-1 0\n":  "echo 'there is no user x'; echo 'amora-1 0'; echo; exit 3",
		"the end of what it had to say":    "seq 5000; echo the end of what it had to say; exit 3",
		"without an end of its last line.": "printf 'without an end of its last line.'; exit 3",
	} {
		m, o, out := operateOn(t, map[string]string{"vm-0": node, "vm-1": "echo done"})
		err := o.change(t.Context(), "remove", map[string]string{"MQTT_USERNAME": "nobody"})
		if err == nil || !strings.Contains(err.Error(), strings.TrimSpace(said)) ||
			!strings.HasPrefix(err.Error(), "run amora-node on vm-0: exit code 3\n") {
			t.Errorf("%v, want %s", err, said)
		}
		if !slices.Equal(m.asked, []string{"vm-0"}) || out.Len() > 0 {
			t.Errorf("asked %v, said %q", m.asked, out)
		}
	}
}

func TestAMachineThatCanNotDoItLeavesItToTheNext(t *testing.T) {
	m, o, _ := operateOn(t, map[string]string{"vm-1": "echo the vault can not be read >&2; exit 1", "vm-2": "echo done"})
	if err := o.change(t.Context(), "remove", map[string]string{"MQTT_USERNAME": "sensor"}); err != nil ||
		!slices.Equal(m.asked, []string{"vm-0", "vm-1", "vm-2"}) {
		t.Errorf("%v, asked %v", err, m.asked)
	}
}

func TestAMachineThatDoesNotAnswerIsNotWaitedForForever(t *testing.T) {
	m, o, _ := operateOn(t, map[string]string{"vm-1": "sleep 60"})
	o.limit = 2 * time.Second
	err := o.change(t.Context(), "remove", map[string]string{"MQTT_USERNAME": "sensor"})
	if err == nil || !strings.Contains(err.Error(), "vm-1: no answer within 2s") ||
		!slices.Equal(m.asked, []string{"vm-0", "vm-1", "vm-2"}) {
		t.Errorf("%v, asked %v", err, m.asked)
	}
}

func TestWhenNoMachineCanDoItTheErrorHoldsWhatAllOfThemSaid(t *testing.T) {
	_, o, out := operateOn(t, map[string]string{"vm-1": "echo the vault can not be read >&2; exit 1"})
	err := o.change(t.Context(), "remove", map[string]string{"MQTT_USERNAME": "sensor"})
	if err == nil || out.Len() > 0 {
		t.Fatalf("%v, said %q", err, out)
	}
	for _, want := range []string{"on vm-0: az: exit status 1\nvm-0 is not running",
		"on vm-1: exit code 1\nthe vault can not be read", "vm-2 is not running"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nhas no %q", err, want)
		}
	}
}

func TestAnInterruptedChangeIsTriedOnNoOtherMachine(t *testing.T) {
	m, o, _ := operateOn(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	o.run = func(ctx context.Context, name string, args ...string) ([]byte, error) {
		if name == "az" {
			cancel()
		}
		return m.run(ctx, name, args...)
	}
	if err := o.change(ctx, "remove", map[string]string{"MQTT_USERNAME": "sensor"}); err == nil || len(m.asked) != 1 {
		t.Errorf("%v, asked %v", err, m.asked)
	}
}

func TestAnAnswerThatDoesNotSayHowAScriptEndedIsAnError(t *testing.T) {
	for _, answer := range []string{
		"", "{}", `{"value":[]}`, `{"value":"x"}`,
		`{"value":[{"code":"ProvisioningState/failed","message":"Enable failed: killed"}]}`,
		string(runCommandAnswer([]byte("admin: remove sensor done\namora-1 0\n"), []byte("amora- 0\n"))), "WARNING: not JSON",
	} {
		asked := 0
		o := &operator{stack: "dev", out: &bytes.Buffer{}, limit: time.Minute,
			run: func(_ context.Context, name string, _ ...string) ([]byte, error) {
				if name == "pulumi" {
					return []byte(`{"resourceGroupName":"amora-dev","machineNames":["vm-0","vm-1"]}`), nil
				}
				asked++
				return []byte(answer), nil
			}}
		err := o.change(t.Context(), "remove", map[string]string{"MQTT_USERNAME": "sensor"})
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", answer)) || asked != 1 ||
			errors.As(err, &unableError{}) {
			t.Errorf("%q gave %v after %d machines", answer, err, asked)
		}
	}
}

func TestAStackWithoutMachinesIsSaidToBeNotDeployed(t *testing.T) {
	for _, outputs := range []string{`{"resourceGroupName":"amora-dev","machineNames":[]}`, `{"machineNames":["vm-0"]}`} {
		o, _ := operate(&azure{outputs: outputs})
		if err := o.change(t.Context(), "remove", map[string]string{}); err == nil ||
			!strings.Contains(err.Error(), "stack dev is not deployed") {
			t.Errorf("%s: %v", outputs, err)
		}
	}
}
