// Package pulumi tests that the rehearsal is what the real Pulumi CLI does: the CLI runs this repository's program
// against the same stand-in for Azure, and takes a rehearsal's state for its own.
package pulumi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"

	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal"
	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/engine"
	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/standin"
	"github.com/amora-sync/mqtt-on-azure/stacks"
)

const (
	project = "amora-sync"
	stack   = "dev"
)

// The repository, and the folder whose bin has the CLI that is built where the machine has none.
var root, built string

// language is where Pulumi's language host for Go is: it runs the program as at an owner's. "" where there is none:
// Pulumi does not publish it as a Go module, so that the CLI that is built comes without it, and the program runs in
// this process.
var language string

func TestMain(m *testing.M) {
	if err := find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func find() (err error) {
	if root, err = filepath.Abs("../../.."); err != nil {
		return err
	}
	built = filepath.Join(root, ".rehearsal", "engine")
	if _, err := exec.LookPath("pulumi"); err != nil {
		path := filepath.Join(built, "bin")
		if err := os.Setenv("PATH", os.Getenv("PATH")+string(os.PathListSeparator)+path); err != nil {
			return err
		}
		if _, err := exec.LookPath("pulumi"); err != nil {
			return fmt.Errorf("no pulumi is on PATH, and none is built from tools/pulumi in %s", path)
		}
	}
	if language, err = exec.LookPath("pulumi-language-go"); err == nil {
		return nil
	}
	if os.Getenv("AMORA_LANGUAGE_HOST") == "required" {
		return errors.New("AMORA_LANGUAGE_HOST=required, and no pulumi-language-go is on PATH")
	}
	fmt.Println("no pulumi-language-go is on PATH: the program runs inside the test, by Pulumi's Automation API")
	return nil
}

// owner is somebody with a clone of the repository, a Pulumi of their own, and an Azure of their own.
type owner struct {
	t      *testing.T
	clone  string
	env    map[string]string
	world  string // the file of what Azure holds
	server *standin.Server
	stack  auto.Stack
}

func newOwner(t *testing.T) *owner {
	t.Helper()
	o := &owner{t: t, clone: t.TempDir(), world: filepath.Join(t.TempDir(), "azure.jsonl")}
	o.copySource()
	o.env = map[string]string{
		"PULUMI_HOME":                                 t.TempDir(),
		"PULUMI_BACKEND_URL":                          "file://" + filepath.ToSlash(t.TempDir()),
		"PULUMI_CONFIG_PASSPHRASE":                    engine.Passphrase,
		"PULUMI_SKIP_UPDATE_CHECK":                    "true",
		"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true", // the stand-in is in the place of the real ones
	}
	return o
}

// copySource copies what Pulumi needs of the repository: it writes into the folder that it works in.
func (o *owner) copySource() {
	o.t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name != "." && (strings.HasPrefix(name, ".") || name == "tests" || name == "tools" || name == "docs") {
				return fs.SkipDir
			}
			return os.MkdirAll(filepath.Join(o.clone, name), 0o755)
		}
		if !entry.Type().IsRegular() || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(o.clone, name), data, 0o755)
	})
	if err != nil {
		o.t.Fatal(err)
	}
}

// connect opens the owner's Azure, and their stack in it.
func (o *owner) connect() {
	o.t.Helper()
	config, err := rehearsal.ReadConfig(root, filepath.Join(root, "Pulumi."+stack+".yaml"), nil)
	if err != nil {
		o.t.Fatal(err)
	}
	world, err := standin.Open(o.world)
	if err != nil {
		o.t.Fatal(err)
	}
	world.Give(stacks.Externals(stack, config, standin.SubscriptionID)...)
	if o.server, err = standin.Serve(world, standin.Faults{}); err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { _ = o.server.Close() }) // closed already is as good
	var ports []string
	for name, port := range o.server.Plugins() {
		ports = append(ports, fmt.Sprintf("%s:%d", name, port))
	}
	o.env["PULUMI_DEBUG_PROVIDERS"] = strings.Join(ports, ",")
	options := []auto.LocalWorkspaceOption{
		auto.WorkDir(o.clone), auto.PulumiHome(o.env["PULUMI_HOME"]), auto.EnvVars(o.env),
	}
	if language != "" {
		o.stack, err = auto.UpsertStackLocalSource(o.t.Context(), stack, o.clone, options...)
	} else {
		o.stack, err = auto.UpsertStackInlineSource(o.t.Context(), stack, project, stacks.Program(config), options...)
	}
	if err != nil {
		o.t.Fatal(err)
	}
}

// run runs a program with the owner's Pulumi.
func (o *owner) run(name string, args ...string) (string, error) {
	command := exec.CommandContext(o.t.Context(), name, args...)
	command.Dir = o.clone
	command.Env = os.Environ()
	for key, value := range o.env {
		command.Env = append(command.Env, key+"="+value)
	}
	said, err := command.CombinedOutput()
	return string(said), err
}

func (o *owner) mustRun(name string, args ...string) string {
	o.t.Helper()
	said, err := o.run(name, args...)
	if err != nil {
		o.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, said)
	}
	return said
}

// rehearsed deploys the stack by a rehearsal, and gives its Azure and its state to the owner.
func rehearsed(t *testing.T) (*owner, rehearsal.Result) {
	t.Helper()
	o, state := newOwner(t), t.TempDir()
	exported := filepath.Join(t.TempDir(), "state.json")
	result, err := rehearsal.Up(t.Context(), rehearsal.Options{
		Root: root, State: state, Stack: stack, Out: t.Output(), Err: t.Output(), Export: exported,
		Program: stacks.Program, Externals: stacks.Externals,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(state, stack, "azure.jsonl"), o.world); err != nil {
		t.Fatal(err)
	}
	o.connect()
	o.mustRun("pulumi", "stack", "import", "--stack", stack, "--file", exported)
	return o, result
}

// outputs are the stack's, by the CLI, with every secret decrypted.
func (o *owner) outputs() map[string]any {
	o.t.Helper()
	said := o.mustRun("pulumi", "stack", "output", "--stack", stack, "--show-secrets", "--json")
	var outputs map[string]any
	if err := json.Unmarshal([]byte(said), &outputs); err != nil {
		o.t.Fatalf("%v\n%s", err, said)
	}
	return outputs
}

// edit changes a resource in Azure by hand, of which the id ends in suffix.
func (o *owner) edit(suffix string, change func(map[string]any)) {
	o.t.Helper()
	if err := o.server.Close(); err != nil {
		o.t.Fatal(err)
	}
	world, err := standin.Open(o.world)
	if err != nil {
		o.t.Fatal(err)
	}
	for _, r := range world.Resources() {
		if strings.HasSuffix(r.ID, suffix) {
			if err := world.Edit(r.ID, change); err != nil {
				o.t.Fatal(err)
			}
			o.connect()
			return
		}
	}
	o.t.Fatalf("nothing in Azure ends in %s", suffix)
}
