package rehearsal

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheNightlyDriftCheckFailsForAllButDeploymentScripts(t *testing.T) {
	t.Parallel()
	s := deployedStage(t, "dev")
	check := func() (string, error) {
		t.Helper()
		open, err := open(t.Context(), s.Options) // pulumi's environment, and the stand-in
		if err != nil {
			t.Fatal(err)
		}
		defer open.server.Close()
		script, errScript := filepath.Abs("../../pipelines/azure.sh")
		engine, errEngine := filepath.Abs("../../.rehearsal/engine/bin")
		if errScript != nil || errEngine != nil {
			t.Fatal(errScript, errEngine)
		}
		workspace := open.stack.Workspace()
		command := exec.CommandContext(t.Context(), "sh", script, "drift", "dev")
		command.Dir = workspace.WorkDir()
		command.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":"+engine, "PULUMI_HOME="+workspace.PulumiHome())
		for key, value := range workspace.GetEnvVars() {
			command.Env = append(command.Env, key+"="+value)
		}
		said, err := command.CombinedOutput()
		return string(said), err
	}
	byHand := func(p map[string]any) { p["tags"] = map[string]any{"by": "hand"} }
	if said, err := check(); err != nil {
		t.Fatalf("it fails after a deployment: %v\n%s", err, said)
	}
	s.edit("/deploymentScripts/amora-dev-mirror", byHand)
	if said, err := check(); err != nil {
		t.Errorf("it fails for a deployment script: %v\n%s", err, said)
	}
	s.edit("/virtualNetworks/"+lastSegment(s.idOf("network-vnet")), byHand)
	if said, err := check(); err == nil || !strings.Contains(said, "network-vnet") || !strings.Contains(said, "no changes were expected") {
		t.Errorf("it does not fail for the network: %v\n%s", err, said)
	}
}
