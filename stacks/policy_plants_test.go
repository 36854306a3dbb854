package stacks

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/amora-sync/mqtt-on-azure/internal/pulumitest"
)

// plant is a fault put into a deployment, and what one rule must say about it: that these resources break it, and no
// others.
type plant struct {
	rule       string
	deployment string
	reports    string // names, separated by spaces
	change     change
}

// change makes other resources of those of a deployment, without touching them.
type change func(*testing.T, []pulumitest.Resource) []pulumitest.Resource

// alter changes the one resource of a name.
func alter(name string, how func(*pulumitest.Resource)) change {
	return func(t *testing.T, resources []pulumitest.Resource) []pulumitest.Resource {
		t.Helper()
		found := 0
		for i := range resources {
			if resources[i].Name == name && resources[i].Custom {
				how(&resources[i])
				found++
			}
		}
		if found != 1 {
			t.Fatalf("there are %d resources %s", found, name)
		}
		return resources
	}
}

// set gives an input another value, nil for none. The path has dots; in a list, a number or "last" is an element, and
// "new" is one more.
func set(name, path string, value any) change {
	return alter(name, func(r *pulumitest.Resource) {
		r.Inputs = with(resource.NewObjectProperty(r.Inputs), strings.Split(path, "."), value).ObjectValue()
	})
}

// with copies a value with something else at a path.
func with(v resource.PropertyValue, path []string, value any) resource.PropertyValue {
	if len(path) == 0 {
		return resource.NewPropertyValue(value)
	}
	switch v = bare(v); {
	case v.IsArray():
		elements := slices.Clone(v.ArrayValue())
		i, err := strconv.Atoi(path[0])
		switch {
		case path[0] == "last":
			i = len(elements) - 1
		case path[0] == "new":
			i, elements = len(elements), append(elements, resource.NewNullProperty())
		case err != nil:
			panic("no element " + path[0])
		}
		elements[i] = with(elements[i], path[1:], value)
		return resource.NewArrayProperty(elements)
	case v.IsObject():
		object := v.ObjectValue().Copy()
		object[resource.PropertyKey(path[0])] = with(object[resource.PropertyKey(path[0])], path[1:], value)
		return resource.NewObjectProperty(object)
	case v.IsNull() && path[0] == "new":
		return resource.NewArrayProperty([]resource.PropertyValue{with(v, path[1:], value)})
	case v.IsNull():
		return resource.NewObjectProperty(resource.PropertyMap{resource.PropertyKey(path[0]): with(v, path[1:], value)})
	}
	panic("nothing has " + path[0])
}

// edit replaces text in everything that a resource takes.
func edit(name, old, new string) change {
	return func(t *testing.T, resources []pulumitest.Resource) []pulumitest.Resource {
		t.Helper()
		found := 0
		resources = alter(name, func(r *pulumitest.Resource) {
			r.Inputs = replaced(resource.NewObjectProperty(r.Inputs), old, new, &found).ObjectValue()
		})(t, resources)
		if found == 0 {
			t.Fatalf("%s has no %q", name, old)
		}
		return resources
	}
}

func replaced(v resource.PropertyValue, old, new string, found *int) resource.PropertyValue {
	switch v = bare(v); {
	case v.IsString():
		*found += strings.Count(v.StringValue(), old)
		return resource.NewStringProperty(strings.ReplaceAll(v.StringValue(), old, new))
	case v.IsAsset():
		*found += strings.Count(v.AssetValue().Text, old)
		return resource.NewStringProperty(strings.ReplaceAll(v.AssetValue().Text, old, new))
	case v.IsArray():
		elements := slices.Clone(v.ArrayValue())
		for i := range elements {
			elements[i] = replaced(elements[i], old, new, found)
		}
		return resource.NewArrayProperty(elements)
	case v.IsObject():
		object := v.ObjectValue().Copy()
		for k := range object {
			object[k] = replaced(object[k], old, new, found)
		}
		return resource.NewObjectProperty(object)
	}
	return v
}

func drop(name string) change {
	return func(t *testing.T, resources []pulumitest.Resource) []pulumitest.Resource {
		t.Helper()
		left := slices.DeleteFunc(resources, func(r pulumitest.Resource) bool { return r.Name == name && r.Custom })
		if len(left) == len(resources) {
			t.Fatalf("there is no resource %s", name)
		}
		return left
	}
}

func add(kind, name string, inputs map[string]any) change {
	return func(_ *testing.T, resources []pulumitest.Resource) []pulumitest.Resource {
		return append(resources, pulumitest.Resource{Type: "azure-native:" + kind, Name: name, Custom: true,
			Inputs: resource.NewPropertyMapFromMap(inputs)})
	}
}

func unprotect(name string) change {
	return alter(name, func(r *pulumitest.Resource) { r.Protect = false })
}

func TestPolicyRulesEachReportWhatIsPlanted(t *testing.T) {
	rules := map[string]rule{}
	for _, r := range policies() {
		if _, twice := rules[r.id]; twice {
			t.Errorf("there are two rules %s", r.id)
		}
		rules[r.id] = r
	}
	planted := map[string]bool{}
	for _, p := range slices.Concat(plantsInTheNetwork, plantsInTheRest, plantsInTwoRegions) {
		r, known := rules[p.rule]
		if !known || !r.appliesTo(p.deployment) {
			t.Errorf("there is no rule %s for %s", p.rule, p.deployment)
			continue
		}
		planted[p.rule] = true
		var reported []string
		var said []string
		for _, v := range r.violations(newEstate(p.change(t, slices.Clone(shippedResources(t)[p.deployment])))) {
			reported, said = append(reported, v.resource), append(said, v.resource+" "+v.what)
		}
		slices.Sort(reported)
		if want := strings.Fields(p.reports); !slices.Equal(slices.Compact(reported), want) {
			t.Errorf("%s in %s: the plant in %v was reported as %q", p.rule, p.deployment, want, said)
		}
	}
	for id := range rules {
		if !planted[id] {
			t.Errorf("%s was never shown to fail", id)
		}
	}
}
