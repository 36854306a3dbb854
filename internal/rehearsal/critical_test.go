package rehearsal

import (
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

// graph builds a state out of lines "name seconds needs…"; a name in capitals is a component, and "name^PARENT" a child
// of one.
func graph(lines ...string) (apitype.DeploymentV3, func(string) time.Duration) {
	latencies := map[string]time.Duration{}
	var deployment apitype.DeploymentV3
	for _, line := range lines {
		fields := strings.Fields(line)
		name, parent, _ := strings.Cut(fields[0], "^")
		r := apitype.ResourceV3{URN: urn(name), Custom: strings.ToUpper(name) != name, Type: tokens.Type("t:t:" + name)}
		if parent != "" {
			r.Parent = urn(parent)
		}
		latencies["t:t:"+name], _ = time.ParseDuration(fields[1] + "s")
		for _, needed := range fields[2:] {
			r.Dependencies = append(r.Dependencies, urn(needed))
		}
		deployment.Resources = append(deployment.Resources, r)
	}
	return deployment, func(token string) time.Duration { return latencies[token] }
}

func urn(name string) resource.URN {
	return resource.NewURN("s", "p", "", tokens.Type("t:t:"+name), name)
}

func TestTheCriticalPathIsTheLongestChain(t *testing.T) {
	for _, c := range []struct {
		name  string
		graph []string
		path  string
		total time.Duration
	}{
		{"nothing", nil, "", 0},
		{"one after the other", []string{"a 1", "b 2 a", "c 3 b"}, "a b c", 6 * time.Second},
		{"side by side", []string{"a 1", "b 5", "c 3 a b"}, "b c", 8 * time.Second},
		{"long and short way", []string{"a 1", "b 10 a", "c 1 a", "d 1 b c"}, "a b d", 12 * time.Second},
		{"what needs a component needs what is in it", []string{"A 0", "x^A 7", "b 1 A"}, "x b", 8 * time.Second},
		{"what takes no time is no step", []string{"a 2", "r 0 a", "b 1 r"}, "a b", 3 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := criticalPath(graph(c.graph...))
			var names []string
			for _, s := range path.Steps {
				names = append(names, s.Name)
			}
			if strings.Join(names, " ") != c.path || path.Total != c.total {
				t.Errorf("%v in %s, want %s in %s", names, path.Total, c.path, c.total)
			}
		})
	}
}

func TestTheLongestResourceAndTheSumAreOfAll(t *testing.T) {
	path := criticalPath(graph("a 1", "b 5", "c 3 a"))
	if path.Longest.Name != "b" || path.Sum != 9*time.Second {
		t.Errorf("the longest is %s, the sum %s", path.Longest.Name, path.Sum)
	}
}

func TestAProviderAndAPropertyAreEdgesToo(t *testing.T) {
	deployment, latency := graph("provider 4", "a 1", "b 2")
	deployment.Resources[2].Provider = string(urn("provider")) + "::id"
	deployment.Resources[2].PropertyDependencies = map[resource.PropertyKey][]resource.URN{"x": {urn("a")}}
	if path := criticalPath(deployment, latency); path.Total != 6*time.Second {
		t.Errorf("the path takes %s", path.Total)
	}
}
