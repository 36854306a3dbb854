// Package components holds the reusable parts of the platform as Pulumi component resources. They turn a plan into
// resources and hold no policy of their own: what decides structure or money comes in as plain Go values.
package components

import (
	"crypto/sha1"
	"fmt"
	"regexp"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Placement says where the resources of a component go.
type Placement struct {
	ResourceGroup pulumi.StringInput // name of an existing resource group
	Location      string             // Azure region, such as "westeurope"
	Tags          map[string]string  // put on everything that takes tags
	Logs          pulumi.StringInput // ARM id of the workspace that takes the resources' own logs; nil: they are not kept
}

func (p Placement) tags() pulumi.StringMap { return pulumi.ToStringMap(p.Tags) }

// plainTag is a tag's name that every service takes. Source: Microsoft, "Use tags to organize your Azure resources and
// management hierarchy": DNS zones take neither blanks, parentheses, special nor Unicode characters, Traffic Manager
// neither blanks, # nor a colon, and neither a digit at the start.
var plainTag = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_.-]*$`)

// plainTags are the tags for DNS zones and Traffic Manager, which don't take every name.
func (p Placement) plainTags() pulumi.StringMap {
	tags := pulumi.StringMap{}
	for name, value := range p.Tags {
		if plainTag.MatchString(name) {
			tags[name] = pulumi.String(value)
		}
	}
	return tags
}

// Guard says how a stateful resource is kept from being replaced or deleted.
type Guard struct {
	Protect      bool // the engine refuses to delete it
	AllowReplace bool // the owner has agreed, in the stack config, to lose what it holds
}

// options makes the properties that Azure can't change in place inert, so that no edit of the config can replace the
// resource; [Guard.kept] reports such an edit instead.
func (g Guard) options(parent pulumi.ResourceOption, createOnly ...string) []pulumi.ResourceOption {
	if g.AllowReplace {
		return []pulumi.ResourceOption{parent}
	}
	return []pulumi.ResourceOption{parent, pulumi.Protect(g.Protect), pulumi.IgnoreChanges(createOnly)}
}

// kept passes the value that a stateful resource really has, or fails when the config asks for another one that only a
// replacement could give. What depends on the value is then neither previewed nor deployed.
func (g Guard) kept(resource, property string, want pulumi.StringInput, have pulumi.StringOutput) pulumi.StringOutput {
	return pulumi.All(want.ToStringOutput(), have).ApplyT(func(values []any) (string, error) {
		want, have := values[0].(string), values[1].(string)
		if g.AllowReplace || sameName(want, have) {
			return have, nil
		}
		return "", fmt.Errorf("%s: %s is %q and the stack config asks for %q, which only a replacement could give, "+
			"and a replacement loses what it holds; undo the edit, or add %q to amora-sync:allowReplace to agree to the loss",
			resource, property, have, want, resource)
	}).(pulumi.StringOutput)
}

// sameName compares as Azure does: without case, and "West Europe" is "westeurope".
func sameName(a, b string) bool {
	fold := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, " ", "")) }
	return fold(a) == fold(b)
}

// enabled is Azure's word for a choice.
func enabled(yes bool) pulumi.String {
	if yes {
		return "Enabled"
	}
	return "Disabled"
}

// guid is a deterministic name for resources that Azure wants named by a GUID (RFC 9562, version 5, DNS namespace).
func guid(parts ...string) string {
	namespace := []byte{0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8}
	sum := sha1.Sum(append(namespace, strings.Join(parts, "|")...))
	sum[6] = sum[6]&0x0f | 0x50
	sum[8] = sum[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}
