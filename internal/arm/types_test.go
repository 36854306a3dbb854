package arm

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// published are Azure's own types, as a tool beside this repository has them.
type published struct {
	Tokens map[string]struct{ ARM, Default string }
	Types  map[string][]node
}

// node is a type or a part of one, which names others by their number.
type node struct {
	K string              // kind
	P map[string]property // of an object
	B map[string]property // of an object of several kinds: what all have
	A *int                // of an object: the type of any other property
	I int                 // of a list: the type of its elements
	// of a union: its types; of an object of several kinds: each by the word that tells them apart …
	E             json.RawMessage
	Discriminator string // … which is in this property
	Value         string // of a literal
	Pattern       string
	MinLength     int
	MaxLength     int
	MinValue      *float64
	MaxValue      *float64
}

type property struct{ F, T int }

const (
	required = 1
	readOnly = 2
)

func publishedTypes(t *testing.T) published {
	t.Helper()
	file, err := os.Open(filepath.Join(root, "..", "shared", "azcheck", "types.json.gz"))
	if err != nil {
		t.Skip("azcheck is not beside this repository: the template is not held against Azure's published types")
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var types published
	if err := json.NewDecoder(unzipped).Decode(&types); err != nil {
		t.Fatal(err)
	}
	return types
}

// checker holds a value against a published type, and calls nothing by another name or place than Azure does.
type checker struct {
	nodes  []node
	faults []string
}

func (c *checker) fault(path, text string, args ...any) {
	c.faults = append(c.faults, path+" "+fmt.Sprintf(text, args...))
}

func (c *checker) check(n node, v any, path string) {
	if v == unknown {
		return
	}
	wrong := func(want string) { c.fault(path, "is %.60v, want %s", v, want) }
	switch n.K {
	case "ObjectType":
		c.object(n, v, path)
	case "DiscriminatedObjectType":
		c.several(n, v, path)
	case "ArrayType":
		list, ok := v.([]any)
		if !ok {
			wrong("a list")
		}
		for i, e := range list {
			c.check(c.nodes[n.I], e, fmt.Sprintf("%s[%d]", path, i))
		}
	case "UnionType":
		c.union(n, v, path)
	case "StringLiteralType":
		if text, ok := v.(string); !ok || !strings.EqualFold(text, n.Value) {
			wrong(n.Value)
		}
	case "StringType":
		text, ok := v.(string)
		if !ok || len(text) < n.MinLength || n.MaxLength > 0 && len(text) > n.MaxLength {
			wrong(fmt.Sprintf("a text of %d to %d characters", n.MinLength, n.MaxLength))
		} else if pattern, err := regexp.Compile(n.Pattern); err == nil && !pattern.MatchString(text) {
			wrong(n.Pattern)
		}
	case "IntegerType":
		// Azure's own description has no other numbers, and calls every one whole.
		number, ok := comparable(v).(float64)
		if !ok || n.MinValue != nil && number < *n.MinValue || n.MaxValue != nil && number > *n.MaxValue {
			wrong("another number")
		}
	case "BooleanType":
		if _, ok := v.(bool); !ok {
			wrong("true or false")
		}
	}
}

func (c *checker) union(n node, v any, path string) {
	var options []int
	if err := json.Unmarshal(n.E, &options); err != nil {
		c.fault(path, "%v", err)
	}
	var first []string
	for _, option := range options {
		other := &checker{nodes: c.nodes}
		if other.check(c.nodes[option], v, path); len(other.faults) == 0 {
			return
		}
		if first == nil {
			first = other.faults
		}
	}
	c.faults = append(c.faults, first...)
}

func (c *checker) several(n node, v any, path string) {
	object, _ := v.(map[string]any)
	var kinds map[string]int
	if err := json.Unmarshal(n.E, &kinds); err != nil {
		c.fault(path, "%v", err)
	}
	of, known := kinds[fmt.Sprint(object[n.Discriminator])]
	if !known {
		c.fault(path, "has the %s %v, want one of %v", n.Discriminator, object[n.Discriminator],
			slices.Sorted(maps.Keys(kinds)))
		return
	}
	merged := node{K: "ObjectType", P: maps.Clone(n.B), A: c.nodes[of].A}
	if merged.P == nil {
		merged.P = map[string]property{}
	}
	maps.Copy(merged.P, c.nodes[of].P)
	c.object(merged, v, path)
}

func (c *checker) object(n node, v any, path string) {
	object, ok := v.(map[string]any)
	if !ok {
		c.fault(path, "is %.60v, want an object", v)
		return
	}
	for name, p := range n.P {
		value, has := object[name]
		switch {
		case has && p.F&readOnly != 0 && p.F&required == 0:
			c.fault(path+"."+name, "is read-only")
		case has:
			c.check(c.nodes[p.T], value, path+"."+name)
		case p.F&required != 0 && p.F&readOnly == 0:
			c.fault(path+"."+name, "is required")
		}
	}
	for name, value := range object {
		if _, known := n.P[name]; known {
			continue
		}
		if n.A == nil {
			c.fault(path+"."+name, "is not a property of this type")
			continue
		}
		c.check(c.nodes[*n.A], value, path+"."+name)
	}
}

func TestTheTemplateKeepsToAzuresPublishedTypes(t *testing.T) {
	types := publishedTypes(t)
	made, state := exportedAndDeployed(t)
	d := deploymentOf(made, state)
	for _, r := range made.Resources {
		nodes := types.Types[strings.ToLower(r.Type+"@"+r.APIVersion)]
		if nodes == nil {
			t.Errorf("%s: Azure has published no %s of %s", r.Comments, r.Type, r.APIVersion)
			continue
		}
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var body map[string]any
		if err := json.Unmarshal(data, &body); err != nil {
			t.Fatal(err)
		}
		for _, ofTheTemplate := range []string{"type", "apiVersion", "comments", "dependsOn"} { // not of the body
			delete(body, ofTheTemplate)
		}
		evaluated, err := d.value(body)
		if err != nil {
			t.Errorf("%s: %v", r.Comments, err)
			continue
		}
		body = evaluated.(map[string]any)
		name := body["name"].(string)
		body["name"] = name[strings.LastIndex(name, "/")+1:]
		if r.Scope != "" {
			delete(body, "scope")
		}
		c := &checker{nodes: nodes}
		c.check(nodes[0], body, r.Type)
		for _, fault := range c.faults {
			t.Errorf("%s: %s", r.Comments, fault)
		}
	}
}

func TestTheAPIVersionsAreThoseThatAzureNativeTakes(t *testing.T) {
	types := publishedTypes(t)
	for token, version := range defaultVersions {
		if want := types.Tokens[token].Default; version != want {
			t.Errorf("%s has %s, want %q", token, version, want)
		}
	}
}
