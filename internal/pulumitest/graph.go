package pulumitest

import (
	"fmt"
	"slices"
	"strings"
)

// Graph draws the resources as an indented tree, one a line: name, type, what protects it, and what it waits for.
func Graph(resources []Resource) string {
	children := map[string][]Resource{}
	for _, r := range resources {
		parent := r.Parent
		if strings.Contains(parent, "::pulumi:pulumi:Stack::") {
			parent = ""
		}
		children[parent] = append(children[parent], r)
	}
	var out strings.Builder
	var draw func(parent, indent string)
	draw = func(parent, indent string) {
		level := children[parent]
		slices.SortFunc(level, func(a, b Resource) int { return strings.Compare(a.Name, b.Name) })
		for _, r := range level {
			if r.Type == "pulumi:pulumi:Stack" {
				continue
			}
			fmt.Fprintf(&out, "%s%s  %s", indent, r.Name, strings.TrimPrefix(r.Type, "azure-native:"))
			if r.Protect {
				out.WriteString("  [protected]")
			}
			if waits := waitsFor(r); len(waits) > 0 {
				fmt.Fprintf(&out, "  <- %s", strings.Join(waits, ", "))
			}
			out.WriteString("\n")
			draw(r.URN(), indent+"  ")
		}
	}
	draw("", "")
	return out.String()
}

// waitsFor names the resources that one depends on, without the resource group that nearly everything needs.
func waitsFor(r Resource) []string {
	var names []string
	for _, urn := range r.Dependencies {
		name := urn[strings.LastIndex(urn, "::")+2:]
		if name != "base-group" && r.Custom {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
