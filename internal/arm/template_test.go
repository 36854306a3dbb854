package arm

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/standin"
	"github.com/amora-sync/mqtt-on-azure/stacks"
)

func TestTheTemplateOfTheRepositoryIsWhatTheProgramExports(t *testing.T) {
	made := export(t)
	for file, want := range map[string]any{"azuredeploy.json": made, "azuredeploy.parameters.json": made.ParameterFile()} {
		data, err := os.ReadFile(filepath.Join(root, "infrastructure", file))
		if err != nil {
			t.Fatal(err)
		}
		wanted, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var has, wants any
		if err := errors.Join(json.Unmarshal(data, &has), json.Unmarshal(wanted, &wants)); err != nil {
			t.Fatal(err)
		}
		if d := differences(file, wants, has); len(d) > 0 {
			t.Errorf("run `make generate` and look at what it changes:\n%s", strings.Join(d, "\n"))
		}
	}
}

func TestResourcesOfTheTemplateWaitForWhatTheyWaitForInTheProgram(t *testing.T) {
	made, state := exportedAndDeployed(t)
	d := deploymentOf(made, state)
	byURN := map[string]deployedResource{}
	for _, r := range state {
		byURN[r.URN] = r
	}
	exported := map[string]Resource{}
	for _, r := range made.Resources {
		exported[r.Comments] = r
	}
	waits := map[string][]string{} // of what the program waits for, by id
	for _, r := range state {
		name, _, err := typed(r.Type)
		if err != nil || name == "resources:ResourceGroup" {
			continue
		}
		var want []string
		for _, urn := range r.Dependencies {
			other := byURN[urn]
			if name, _, err := typed(other.Type); err == nil && name != "resources:ResourceGroup" {
				want = append(want, other.id())
			}
		}
		var got []string
		for _, e := range exported[r.logical()].DependsOn {
			id, err := d.value(e)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, strings.ToLower(id.(string)))
		}
		slices.Sort(want)
		slices.Sort(got)
		if want, got := slices.Compact(want), slices.Compact(got); !slices.Equal(want, got) {
			t.Errorf("%s waits for\n%v, want\n%v", r.logical(), got, want)
		}
		waits[r.id()] = got
	}
	for _, r := range state {
		e, ok := exported[r.logical()]
		if !ok {
			continue
		}
		d.named = map[string]bool{}
		if _, err := d.value(map[string]any{"scope": e.Scope, "properties": e.Properties,
			"identity": e.Identity}); err != nil {
			t.Error(err)
		}
		before := reached(r.id(), waits)
		for id := range d.named {
			if !before[id] {
				t.Errorf("%s names %s and does not wait for it", r.logical(), id)
			}
		}
	}
}

// id is a resource's id, in which its own name stands for what Azure makes in another way.
func (r deployedResource) id() string {
	id := strings.ToLower(r.ID)
	if name, _, _ := typed(r.Type); shapes[name].guid {
		id = id[:strings.LastIndex(id, "/")+1] + r.logical()
	}
	return id
}

// reached is all that one waits for, directly or by what it waits for.
func reached(id string, waits map[string][]string) map[string]bool {
	all := map[string]bool{}
	for todo := []string{id}; len(todo) > 0; todo = todo[1:] {
		for _, next := range waits[todo[0]] {
			if !all[next] {
				all[next] = true
				todo = append(todo, next)
			}
		}
	}
	return all
}

func TestEachSecretOfTheTemplateHoldsItsOwnParameter(t *testing.T) {
	made := export(t)
	values := map[string]any{}
	for _, r := range made.Resources {
		switch r.Type {
		case "Microsoft.KeyVault/vaults/secrets":
			values[r.Comments] = r.Properties["value"]
		case "Microsoft.DBforPostgreSQL/flexibleServers":
			values[r.Comments] = r.Properties["administratorLoginPassword"]
		}
	}
	for name, want := range map[string]string{
		"database-admin-secret":          "[parameters('databaseAdminPassword')]",
		"database-server":                "[parameters('databaseAdminPassword')]",
		"database-broker-secret":         "[parameters('databaseBrokerPassword')]",
		"emqx-dashboard-password-secret": "[parameters('emqxDashboardPassword')]",
		"emqx-erlang-cookie-secret":      "[parameters('emqxErlangCookie')]",
	} {
		if values[name] != want {
			t.Errorf("%s holds %v, want %s", name, values[name], want)
		}
	}
	for name, p := range made.Parameters {
		secret := strings.HasSuffix(name, "Password") || strings.HasSuffix(name, "Cookie")
		if secret != (p.Type == "secureString") || secret && p.Default != nil {
			t.Errorf("%s is a %s with the default %v", name, p.Type, p.Default)
		}
	}
}

func TestTheTemplateSaysNothingOfWhereItWasExported(t *testing.T) {
	made := export(t)
	defaults := maps.Clone(made.Parameters)
	made.Parameters = nil
	data, err := json.Marshal(made)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ToLower(string(data))
	for _, word := range []string{"zqx", standin.SubscriptionID, tenant, fmt.Sprint(defaults["name"].Default),
		fmt.Sprint(defaults["location"].Default), fmt.Sprint(defaults["domain"].Default)} {
		if at := strings.Index(text, word); at >= 0 {
			t.Errorf("%s is in %s", word, text[max(0, at-80):min(len(text), at+80)])
		}
	}
}

func TestTheOutputsOfTheTemplateAreThoseOfTheStack(t *testing.T) {
	made, state := exportedAndDeployed(t)
	d := deploymentOf(made, state)
	i := slices.IndexFunc(state, func(r deployedResource) bool { return r.Type == "pulumi:pulumi:Stack" })
	for name, output := range made.Outputs {
		got, err := d.value(output.Value)
		if err != nil {
			t.Error(err)
			continue
		}
		if d := differences(name, state[i].Outputs[name], got); len(d) > 0 {
			t.Error(d)
		}
	}
	if len(made.Outputs) < 4 {
		t.Errorf("there are only the outputs %v", made.Outputs)
	}
}

func TestWhatATemplateOfOneGroupCannotSayIsRefused(t *testing.T) {
	config := map[string]string{
		"amora-sync:location": "westeurope", "amora-sync:domain": "mqtt.example.com",
		"amora-sync:dns": `{"zone": "example.com", "resourceGroup": "dns"}`,
	}
	_, err := Export(Stack{Name: "amora-dev", Location: "westeurope", Config: config, Program: stacks.Program}, "dev")
	if err == nil || !strings.Contains(err.Error(), "outside of the stack's resource group") {
		t.Errorf("a zone in another group: %v", err)
	}
	_, err = Export(Stack{Name: "amora-dev", Config: map[string]string{}, Program: func(map[string]string) pulumi.RunFunc {
		return func(*pulumi.Context) error { return errors.New("a fault") }
	}}, "dev")
	if err == nil || !strings.Contains(err.Error(), "a fault") {
		t.Errorf("a program that fails: %v", err)
	}
}

func TestATextBecomesWhatAzureReadsAsThatText(t *testing.T) {
	w := &words{expressions: map[string]string{"zqx-name": "parameters('name')",
		"zqx-name-id": "resourceId('A/b', parameters('name'))"}}
	d := &deployment{parameters: map[string]any{"name": "x"}}
	for text, want := range map[string][2]string{
		"plain":                        {"plain", "plain"},
		"":                             {"", ""},
		"[a, b]":                       {"[[a, b]", "[a, b]"},
		"zqx-name":                     {"[parameters('name')]", "x"},
		"a {zqx-name} it's {{zqx-name": {"[format('a {{{0}}} it''s {{{{{0}', parameters('name'))]", "a {x} it's {{x"},
		"[zqx-name]":                   {"[format('[{0}]', parameters('name'))]", "[x]"},
	} {
		said, err := w.value(text)
		if err != nil || said != want[0] {
			t.Errorf("%q becomes %q, %v; want %q", text, said, err, want[0])
		}
		if read, err := d.value(said); err != nil || read != want[1] {
			t.Errorf("Azure reads %q as %v, %v; want %q", said, read, err, want[1])
		}
	}
	if said, _ := w.value("zqx-name-id"); said != "[resourceId('A/b', parameters('name'))]" {
		t.Errorf("of two words that begin alike, the longer one becomes %q", said)
	}
	if _, err := w.value("zqx-name" + strings.Repeat("a", longestExpression)); err == nil {
		t.Error("an expression that is too long was taken")
	}
}

func TestATemplateBeyondAzuresLimitsIsRefused(t *testing.T) {
	for what, made := range map[string]Template{
		"resources": {Resources: make([]Resource, mostResources+1)},
		"bytes":     {Metadata: map[string]any{"a": strings.Repeat("a", mostBytes)}},
		"parameters": {Parameters: func() map[string]Parameter {
			all := map[string]Parameter{}
			for i := range mostParameters + 1 {
				all[fmt.Sprint(i)] = Parameter{}
			}
			return all
		}()},
	} {
		if err := made.check(); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("too many %s: %v", what, err)
		}
	}
}
