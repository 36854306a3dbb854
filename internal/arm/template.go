// Package arm exports the Pulumi program as a template for Azure Resource Manager: it runs the program with texts that
// stand for what is not known before a deployment, and turns what the program asks for into resources, and those texts
// into expressions.
package arm

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Azure's limits on a template.
// Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/best-practices#template-limits
const (
	mostBytes      = 4 << 20
	mostResources  = 800
	mostParameters = 256
)

// Template is one of Azure Resource Manager, for a deployment into a resource group.
type Template struct {
	Schema         string               `json:"$schema"`
	ContentVersion string               `json:"contentVersion"`
	Metadata       map[string]any       `json:"metadata"`
	Parameters     map[string]Parameter `json:"parameters"`
	Variables      map[string]any       `json:"variables"`
	Resources      []Resource           `json:"resources"`
	Outputs        map[string]Output    `json:"outputs"`
}

// Parameter is what a deployment chooses. One without default has to be given.
type Parameter struct {
	Type     string            `json:"type"`
	Default  any               `json:"defaultValue,omitempty"`
	Min      int               `json:"minLength,omitempty"`
	Max      int               `json:"maxLength,omitempty"`
	Metadata map[string]string `json:"metadata"`
}

// Output is what a deployment gives back.
type Output struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

// Resource is one of a template.
type Resource struct {
	Type       string         `json:"type"`
	APIVersion string         `json:"apiVersion"`
	Name       string         `json:"name"`
	Comments   string         `json:"comments"` // the program's own name of it
	Scope      string         `json:"scope,omitempty"`
	Location   any            `json:"location,omitempty"`
	Tags       any            `json:"tags,omitempty"`
	Kind       any            `json:"kind,omitempty"`
	SKU        any            `json:"sku,omitempty"`
	Identity   any            `json:"identity,omitempty"`
	Zones      any            `json:"zones,omitempty"`
	DependsOn  []string       `json:"dependsOn,omitempty"`
	Properties map[string]any `json:"properties,omitempty"`
}

// Stack is what is exported.
type Stack struct {
	Name, Location, Domain string            // its parameters' defaults; no Domain: it has a zone of another name
	Config                 map[string]string // see stacks.Parse
	Program                func(config map[string]string) pulumi.RunFunc
}

// names of the config keys that a template has parameters for.
const (
	nameKey   = "amora-sync:name"
	domainKey = "amora-sync:domain"
)

// Export gives the template of a stack of one region. It refuses what a template of one resource group can't say.
func Export(s Stack, pulumiStack string) (Template, error) {
	r := newRecorder()
	config := maps.Clone(s.Config)
	config[nameKey] = group
	if s.Domain != "" {
		config[domainKey] = domain
	}
	if err := r.run(s.Program(config), pulumiStack); err != nil {
		return Template{}, err
	}
	t := Template{
		Schema: "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", ContentVersion: "1.0.0.0",
		Metadata: map[string]any{
			"description": "Exported by `amora arm` from the Pulumi program. Do not edit: change the program or the " +
				"stack's config."},
		Parameters: s.parameters(r.secrets),
		Variables:  map[string]any{"suffix": "[take(uniqueString(resourceGroup().id, parameters('name')), 6)]"},
		Outputs:    map[string]Output{},
	}
	e := exporter{recorder: r, stack: s, template: &t, byName: map[string]*registered{}}
	for _, of := range r.resources {
		e.byName[of.logical] = of
	}
	var errs []error
	for _, of := range r.resources {
		if of.name == "resources:ResourceGroup" {
			continue // the deployment's own
		}
		if err := e.add(of); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", of.logical, err))
		}
	}
	e.outputs()
	return t, errors.Join(append(errs, t.check())...)
}

// parameters are those that every template has. A secret has no default: one that is written down is none.
func (s Stack) parameters(secrets []string) map[string]Parameter {
	about := func(text string) map[string]string { return map[string]string{"description": text} }
	parameters := map[string]Parameter{
		"name": {Type: "string", Default: s.Name, Min: 3, Max: 16,
			Metadata: about("Prefix of resource names: lower-case letters, digits and hyphens.")},
		"location": {Type: "string", Default: s.Location,
			Metadata: about("Azure region in its short form. It has the zones that the exported config asks for.")},
	}
	if s.Domain != "" {
		parameters["domain"] = Parameter{
			Type: "string", Default: s.Domain, Max: 61,
			Metadata: about("Host name of mqtts:// clients, and name of the DNS zone. wss:// clients use ws. before it."),
		}
	}
	for _, name := range secrets {
		parameters[name] = Parameter{Type: "secureString", Min: 16,
			Metadata: about("Letters and digits, 32 at best. Another value is a rotation, which is the program's to " +
				"do: keep it.")}
	}
	return parameters
}

// exporter turns what is recorded into a template.
type exporter struct {
	*recorder
	stack    Stack
	template *Template
	byName   map[string]*registered
}

func (e *exporter) add(of *registered) error {
	inputs := clone(of.inputs)
	s := shapes[of.name]
	r := Resource{Type: of.armType, APIVersion: of.version, Comments: of.logical}
	var errs []error
	keep := func(value string, err error) string {
		errs = append(errs, err)
		return value
	}
	if s.scoped != "" {
		r.Scope = keep(e.value(inputs[s.scoped].(string)))
		delete(inputs, s.scoped)
		r.Name = keep(e.value(of.id[strings.LastIndex(of.id, "/")+1:]))
	} else {
		names, err := of.names()
		errs = append(errs, err)
		r.Name = keep(e.value(strings.Join(names, "/")))
	}
	if s.guid {
		r.Name = e.guidName(of)
	}
	for _, part := range of.parts {
		delete(inputs, part)
	}
	top, bag := s.body(inputs)
	e.parametrize(of, top, bag)
	for name, place := range map[string]*any{"location": &r.Location, "tags": &r.Tags, "kind": &r.Kind, "sku": &r.SKU,
		"identity": &r.Identity, "zones": &r.Zones} {
		if value, has := top[name]; has {
			said, err := e.said(value)
			errs = append(errs, err)
			*place = said
		}
	}
	properties, err := e.said(bag)
	r.Properties = properties.(map[string]any)
	r.DependsOn = e.dependsOn(of)
	e.template.Resources = append(e.template.Resources, r)
	return errors.Join(append(errs, err)...)
}

// guidName makes the name of what Azure wants a GUID for. The program's own follows from ids that a template does not
// know.
func (e *exporter) guidName(of *registered) string {
	scope, role := "resourceGroup().id", ""
	if at := of.inputs[shapes[of.name].scoped]; at != nil {
		scope = e.expression(at.(string))
		role = ", " + e.expression(of.inputs["roleDefinitionId"].(string))
	}
	return fmt.Sprintf("[guid(%s%s, %s)]", scope, role, quoted(of.logical))
}

// dependsOn are the ids of the resources that one waits for, but those at a scope: nothing has their ids.
func (e *exporter) dependsOn(of *registered) []string {
	var ids []string
	for _, name := range of.needs {
		other := e.byName[name]
		if other == nil || other.name == "resources:ResourceGroup" {
			continue // of Pulumi only
		}
		if shapes[other.name].scoped != "" {
			ids = append(ids, "["+e.extensionID(other)+"]")
			continue
		}
		ids = append(ids, "["+e.expression(other.id)+"]")
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// extensionID is the id of what is at another resource.
func (e *exporter) extensionID(of *registered) string {
	name := e.expression(of.id[strings.LastIndex(of.id, "/")+1:])
	if shapes[of.name].guid {
		name = strings.Trim(e.guidName(of), "[]")
	}
	return fmt.Sprintf("extensionResourceId(%s, %s, %s)", e.expression(of.inputs[shapes[of.name].scoped].(string)),
		quoted(of.armType), name)
}

// said turns every text of a value into what a template says.
func (e *exporter) said(value any) (any, error) {
	switch v := value.(type) {
	case expression:
		return string(v), nil
	case string:
		if v == e.stack.Location {
			return "[parameters('location')]", nil
		}
		return e.value(v)
	case map[string]any:
		out := map[string]any{}
		var errs []error
		for key, inner := range v {
			name, err := e.value(key)
			said, errInner := e.said(inner)
			out[name] = said
			errs = append(errs, err, errInner)
		}
		return out, errors.Join(errs...)
	case []any:
		out := make([]any, len(v))
		var errs []error
		for i, inner := range v {
			said, err := e.said(inner)
			out[i] = said
			errs = append(errs, err)
		}
		return out, errors.Join(errs...)
	}
	return value, nil
}

func (t Template) check() error {
	data, err := json.Marshal(t)
	if err != nil {
		return err
	}
	var errs []error
	for _, limit := range []struct {
		what      string
		has, most int
	}{{"bytes", len(data), mostBytes}, {"resources", len(t.Resources), mostResources},
		{"parameters", len(t.Parameters), mostParameters}} {
		if limit.has > limit.most {
			errs = append(errs, fmt.Errorf("the template has %d %s, Azure takes %d", limit.has, limit.what, limit.most))
		}
	}
	return errors.Join(errs...)
}

// ParameterFile gives the parameters that a deployment may want to choose, with their defaults. Secrets are not in it:
// they are given by hand, or by a reference to a vault.
func (t Template) ParameterFile() map[string]any {
	values := map[string]any{}
	for name, p := range t.Parameters {
		if p.Type != "secureString" {
			values[name] = map[string]any{"value": p.Default}
		}
	}
	return map[string]any{
		"$schema":        "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#",
		"contentVersion": "1.0.0.0", "parameters": values,
	}
}
