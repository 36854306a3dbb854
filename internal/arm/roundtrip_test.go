package arm

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal"
	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/standin"
	"github.com/amora-sync/mqtt-on-azure/stacks"
)

const root = "../.."

// unknown stands for what the state holds encrypted.
const unknown = "(encrypted)"

// deployedResource is one of an exported state.
type deployedResource struct {
	URN          string
	Custom       bool
	ID, Type     string
	Inputs       map[string]any
	Outputs      map[string]any
	Dependencies []string
}

func (r deployedResource) logical() string { return r.URN[strings.LastIndex(r.URN, "::")+2:] }

// deployed is the state of the stack dev, which the engine made on the stand-in, once for all tests.
var deployed = sync.OnceValues(func() ([]byte, error) {
	folder, err := os.MkdirTemp("", "arm")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	file := filepath.Join(folder, "state.json")
	_, err = rehearsal.Up(context.Background(), rehearsal.Options{
		Root: root, State: folder, Stack: "dev", Out: io.Discard, Err: io.Discard, Export: file,
		Program: stacks.Program, Externals: stacks.Externals,
	})
	if err != nil {
		return nil, err
	}
	return os.ReadFile(file)
})

// exportedAndDeployed is the stack dev, as a template and as the state that the engine made of it.
func exportedAndDeployed(t *testing.T) (Template, []deployedResource) {
	t.Helper()
	made := export(t)
	data, err := deployed()
	if err != nil {
		t.Fatal(err)
	}
	var state struct {
		Deployment struct{ Resources []deployedResource }
	}
	decode := func() {
		if err := json.Unmarshal(data, &state); err != nil {
			t.Fatal(err)
		}
	}
	decode()
	// The names of brokers' secrets end in random marks, which the template leaves out.
	for _, r := range state.Deployment.Resources {
		name, _ := r.Inputs["secretName"].(string)
		for _, e := range made.Resources {
			if name != "" && e.Comments == r.logical() && strings.Contains(e.Name, "/"+name[:len(name)-7]+"'") {
				data = bytes.ReplaceAll(data, []byte(name), []byte(name[:len(name)-7]))
			}
		}
	}
	decode()
	return made, state.Deployment.Resources
}

func export(t *testing.T) Template {
	t.Helper()
	config, err := rehearsal.ReadConfig(root, filepath.Join(root, "Pulumi.dev.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := stacks.Parse("dev", config)
	if err != nil {
		t.Fatal(err)
	}
	made, err := Export(Stack{Name: c.Name, Location: c.Location, Domain: c.Domain, Config: config,
		Program: stacks.Program}, "dev")
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// deploymentOf has what a deployment of the template would find, were it the one that the state is of.
func deploymentOf(made Template, state []deployedResource) *deployment {
	d := &deployment{
		subscription: standin.SubscriptionID, tenant: "00000000-0000-0000-0000-000000000002", group: "amora-dev",
		parameters: map[string]any{}, variables: map[string]any{}, outputs: map[string]map[string]any{},
		named: map[string]bool{},
	}
	for name, p := range made.Parameters {
		if d.parameters[name] = p.Default; p.Type == "secureString" {
			d.parameters[name] = unknown
		}
	}
	for _, r := range state {
		if r.Type == "random:index/randomString:RandomString" {
			d.variables["suffix"] = r.Outputs["result"] // Azure's uniqueString gives another one
		}
		name, _, err := typed(r.Type)
		if err != nil || !r.Custom {
			continue
		}
		out := map[string]any{}
		for ours, theirs := range computed[name] {
			set(out, strings.Split(theirs, "."), hidden(at(r.Outputs, ours)))
		}
		out["nameServers"] = r.Outputs["nameServers"]
		d.outputs[r.id()] = out
	}
	return d
}

func at(in map[string]any, path string) any {
	name, rest, more := strings.Cut(path, ".")
	if inner, ok := in[name].(map[string]any); more && ok {
		return at(inner, rest)
	}
	return in[name]
}

// hidden puts unknown in the place of what is encrypted.
func hidden(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if v["ciphertext"] != nil {
			return unknown
		}
		for key := range v {
			v[key] = hidden(v[key])
		}
	case []any:
		for i := range v {
			v[i] = hidden(v[i])
		}
	}
	return v
}

// What follows from a password, or from ids and random marks of one deployment, is another text in each; by what is
// kept of it.
var ofOneDeployment = []struct {
	pattern *regexp.Regexp
	kept    string
}{
	{regexp.MustCompile(`mqtt_broker_[0-9a-f]{8}`), "mqtt_broker"},
	{regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$`), "(guid)"},
}

func comparable(v any) any {
	switch v := v.(type) {
	case string:
		for _, o := range ofOneDeployment {
			v = o.pattern.ReplaceAllString(v, o.kept)
		}
		return v
	case map[string]any:
		out := map[string]any{}
		for key, inner := range v {
			out[comparable(key).(string)] = comparable(inner)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = comparable(v[i])
		}
		return out
	case int:
		return float64(v)
	}
	return v
}

// differences lists where two values differ. What is encrypted in the state may be anything that is not written down in
// the template.
func differences(path string, want, got any) []string {
	if w, ok := want.(map[string]any); ok {
		g, ok := got.(map[string]any)
		if !ok {
			return []string{fmt.Sprintf("%s: %v, want an object", path, got)}
		}
		var all []string
		keys := maps.Clone(w)
		maps.Copy(keys, g)
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			all = append(all, differences(path+"."+key, w[key], g[key])...)
		}
		return all
	}
	w, listed := want.([]any)
	if g, ok := got.([]any); listed && ok && len(w) == len(g) {
		var all []string
		for i := range w {
			all = append(all, differences(fmt.Sprintf("%s[%d]", path, i), w[i], g[i])...)
		}
		return all
	}
	if reflect.DeepEqual(want, got) || want == unknown && got != nil {
		return nil
	}
	return []string{fmt.Sprintf("%s: %.300v, want %.300v", path, got, want)}
}

func TestADeploymentOfTheTemplateAsksAzureForWhatTheProgramAsksFor(t *testing.T) {
	made, state := exportedAndDeployed(t)
	d := deploymentOf(made, state)
	exported := map[string]Resource{}
	for _, r := range made.Resources {
		exported[r.Comments] = r
	}
	for _, r := range state {
		name, version, err := typed(r.Type)
		if err != nil || name == "resources:ResourceGroup" {
			continue // of Pulumi only, or the deployment's own group
		}
		e, ok := exported[r.logical()]
		if !ok {
			t.Errorf("%s is not in the template", r.logical())
			continue
		}
		delete(exported, r.logical())
		if e.APIVersion != version {
			t.Errorf("%s has the API version %s, want %s", r.logical(), e.APIVersion, version)
		}
		for _, difference := range d.compare(t, e, r) {
			t.Errorf("%s%s", r.logical(), difference)
		}
	}
	for name := range exported {
		t.Errorf("%s is in the template only", name)
	}
}

// compare holds a resource of the template against the one that is deployed.
func (d *deployment) compare(t *testing.T, e Resource, r deployedResource) []string {
	t.Helper()
	name, _, _ := typed(r.Type)
	s := shapes[name]
	id, armType, parts, err := standin.Identify(r.Type, r.Inputs)
	if err != nil {
		t.Fatal(err)
	}
	inputs := clone(r.Inputs)
	for _, part := range parts {
		delete(inputs, part)
	}
	delete(inputs, s.scoped)
	top, bag := s.body(hidden(inputs).(map[string]any))
	want := map[string]any{"type": armType, "properties": bag, "id": id}
	maps.Copy(want, top)
	if s.guid {
		want["id"] = regexp.MustCompile(`[^/]+$`).ReplaceAllString(id, "(guid)")
	}
	got := map[string]any{"type": e.Type, "properties": e.Properties}
	for key, value := range map[string]any{"location": e.Location, "tags": e.Tags, "kind": e.Kind, "sku": e.SKU,
		"identity": e.Identity, "zones": e.Zones} {
		if value != nil {
			got[key] = value
		}
	}
	evaluated, err := d.value(got)
	if err != nil {
		return []string{": " + err.Error()}
	}
	got = evaluated.(map[string]any)
	if got["id"], err = d.idOf(e, s.guid); err != nil {
		return []string{": " + err.Error()}
	}
	return differences("", comparable(want), comparable(got))
}

// idOf is the id that a resource of the template gets.
func (d *deployment) idOf(e Resource, guid bool) (string, error) {
	name, err := d.value(e.Name)
	if err != nil {
		return "", err
	}
	id := "/subscriptions/" + d.subscription + "/resourceGroups/" + d.group
	if e.Scope != "" {
		scope, err := d.value(e.Scope)
		if err != nil {
			return "", err
		}
		id = scope.(string)
	}
	names := strings.Split(fmt.Sprint(name), "/")
	if guid {
		names = []string{"(guid)"}
	}
	types := strings.Split(e.Type, "/")
	if len(types) != len(names)+1 {
		return "", fmt.Errorf("the name %v does not suit %s", name, e.Type)
	}
	id += "/providers/" + types[0]
	for i, n := range names {
		id += "/" + types[i+1] + "/" + n
	}
	return id, nil
}
