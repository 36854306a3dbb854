package drawing

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/internal/pulumitest"
)

// part is a component of a stack, or all of those of one type.
type part struct {
	token string          // its type, such as amora:foundation:Vault
	kinds map[string]int  // what it holds, by the last part of the type
	needs map[string]bool // the tokens of the components that hold what its resources depend on
	layer int             // one more than that of the highest one it needs
}

// partsOf runs a stack's program against a recorder, and groups what it registers by component.
func partsOf(stack string, program pulumi.RunFunc) (map[string]*part, error) {
	resources, err := pulumitest.TryRun(stack, program)
	if err != nil {
		return nil, err
	}
	parts := map[string]*part{}
	at := map[string]string{} // URN → token of the component that the resource is in, or is
	for _, r := range resources {
		token := r.Type
		if !strings.HasPrefix(token, "amora:") {
			token = tokenIn(r.Parent)
		}
		if token == "" {
			continue // the stack and its provider
		}
		at[r.URN()] = token
		if parts[token] == nil {
			parts[token] = &part{token: token, kinds: map[string]int{}, needs: map[string]bool{}}
		}
		if r.Custom {
			parts[token].kinds[r.Type[strings.LastIndex(r.Type, ":")+1:]]++
		}
	}
	for _, r := range resources {
		for _, urn := range r.Dependencies {
			if from, to := at[r.URN()], at[urn]; from != "" && to != "" && from != to {
				parts[from].needs[to] = true
			}
		}
	}
	return parts, reduce(parts)
}

// tokenIn is the type of the component that a URN names, "" for none.
func tokenIn(urn string) string {
	_, after, found := strings.Cut(urn, "::amora:")
	if !found {
		return ""
	}
	types, _, _ := strings.Cut("amora:"+after, "::")
	return types[strings.LastIndex(types, "$")+1:]
}

// reduce leaves out what a component needs through another one that it needs, and gives each its layer.
func reduce(parts map[string]*part) error {
	above := map[string]map[string]bool{} // all that a component needs, directly or not
	var visit func(token string, path []string) error
	visit = func(token string, path []string) error {
		if slices.Contains(path, token) {
			return fmt.Errorf("components need each other: %s", strings.Join(append(path, token), ", "))
		}
		if above[token] != nil {
			return nil
		}
		all, p := map[string]bool{}, parts[token]
		for need := range p.needs {
			if err := visit(need, append(slices.Clone(path), token)); err != nil {
				return err
			}
			all[need] = true
			maps.Copy(all, above[need])
			p.layer = max(p.layer, parts[need].layer+1)
		}
		above[token] = all
		return nil
	}
	for _, token := range sorted(parts) {
		if err := visit(token, nil); err != nil {
			return err
		}
	}
	for _, p := range parts {
		for _, need := range sorted(p.needs) {
			for _, other := range sorted(p.needs) {
				if above[other][need] {
					delete(p.needs, need)
				}
			}
		}
	}
	return nil
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
