package rehearsal

import (
	"cmp"
	"slices"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Step is one resource of a critical path.
type Step struct {
	Name    string        `json:"name"`
	Type    string        `json:"type"`
	Latency time.Duration `json:"latencyNs"`
}

// CriticalPath is the chain of resources that decides how long a deployment takes when everything else runs beside it.
type CriticalPath struct {
	Steps   []Step        `json:"steps"`
	Total   time.Duration `json:"totalNs"`
	Longest Step          `json:"longest"` // single resource
	Sum     time.Duration `json:"sumNs"`   // of all resources, one after the other
}

// criticalPath finds the longest chain of dependencies, weighted with what each resource takes. A resource waits for
// what it depends on, for its parent, for its provider, and for the children of components that it depends on.
func criticalPath(deployment apitype.DeploymentV3, latency func(token string) time.Duration) CriticalPath {
	nodes := map[resource.URN]apitype.ResourceV3{}
	children := map[resource.URN][]resource.URN{}
	for _, r := range deployment.Resources {
		nodes[r.URN] = r
		children[r.Parent] = append(children[r.Parent], r.URN)
	}
	finish := map[resource.URN]time.Duration{}
	before := map[resource.URN]resource.URN{}
	var visit func(urn resource.URN) time.Duration
	visit = func(urn resource.URN) time.Duration {
		if done, seen := finish[urn]; seen {
			return done
		}
		r := nodes[urn]
		finish[urn] = 0 // a state has no cycles; a broken one must not hang
		start := time.Duration(0)
		for _, needed := range needs(r, nodes, children) {
			if done := visit(needed); done > start {
				start, before[urn] = done, needed
			}
		}
		finish[urn] = start + latency(string(r.Type))
		return finish[urn]
	}
	path := CriticalPath{}
	var last resource.URN
	for _, r := range deployment.Resources {
		if done := visit(r.URN); done > path.Total {
			path.Total, last = done, r.URN
		}
		took := latency(string(r.Type))
		path.Sum += took
		if took > path.Longest.Latency {
			path.Longest = Step{r.URN.Name(), string(r.Type), took}
		}
	}
	for urn := last; urn != ""; urn = before[urn] {
		if r := nodes[urn]; latency(string(r.Type)) > 0 {
			path.Steps = append(path.Steps, Step{urn.Name(), string(r.Type), latency(string(r.Type))})
		}
	}
	slices.Reverse(path.Steps)
	return path
}

// needs lists what a resource waits for.
func needs(r apitype.ResourceV3, nodes map[resource.URN]apitype.ResourceV3,
	children map[resource.URN][]resource.URN) []resource.URN {
	all := slices.Clone(r.Dependencies)
	for _, urns := range r.PropertyDependencies {
		all = append(all, urns...)
	}
	if provider, err := resource.ParseOptionalURN(providerURN(r.Provider)); err == nil && provider != "" {
		all = append(all, provider)
	}
	// A component is there when all that is in it is there.
	for i := 0; i < len(all); i++ {
		if n, ok := nodes[all[i]]; ok && !n.Custom {
			all = append(all, children[all[i]]...)
		}
	}
	if parent, ok := nodes[r.Parent]; ok && parent.Custom {
		all = append(all, r.Parent)
	}
	slices.SortFunc(all, func(a, b resource.URN) int { return cmp.Compare(a, b) })
	return slices.Compact(all)
}

// providerURN takes the id off a provider reference URN::ID.
func providerURN(reference string) string {
	for i := len(reference) - 1; i > 0; i-- {
		if reference[i] == ':' && reference[i-1] == ':' {
			return reference[:i-1]
		}
	}
	return ""
}
