package review

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal"
)

var update = flag.Bool("update", false, "write the golden file")

// sample has a deployment of each kind.
func sample() []Deployment {
	many := []rehearsal.Change{
		{Op: "replace", Name: "vernemq-node-0", Type: "azure-native:compute:VirtualMachine", Diff: []string{"zones"}},
		{Op: "replace", Name: "database-server", Type: "azure-native:dbforpostgresql/v20240801:Server", Protected: true,
			Diff: []string{"version"}},
		{Op: "delete", Name: "vault-keep", Type: "azure-native:authorization:ManagementLockByScope"},
		{Op: "create", Name: "vernemq-node-3", Type: "azure-native:compute:VirtualMachine"},
		{Op: "update", Name: "network-vnet", Type: "azure-native:network:VirtualNetwork",
			Diff: []string{"a", "b", "c", "d", "e", "f", "g", "h"}},
	}
	for i := range 6 {
		many = append(many, rehearsal.Change{Op: "update", Name: fmt.Sprintf("job-%d", 5-i),
			Type: "azure-native:app/v20240301:Job", Diff: []string{"template"}})
	}
	return []Deployment{
		{Stack: "dev", Broker: "emqx-container-apps", Own: true},
		{Stack: "dev", Broker: "vernemq-vms", Assumed: []string{"vernemq.sshKey"}, Changes: many,
			Costs: "| | before | after |\n|---|---|---|\n| USD a month | $1 | $2 |\n"},
		{Stack: "prod", Broker: "hivemq-aks", Problem: "amora-sync:capacity.maxNodes = 12: must be at most 10\n```"},
		{Stack: "test", Broker: "emqx-container-apps", Own: true, NoBase: "the base has no Pulumi.test.yaml",
			Changes: []rehearsal.Change{{Op: "create", Name: "group`|x", Type: "azure-native:resources:ResourceGroup",
				Protected: true}}},
	}
}

func TestTheCommentIsAsItsGoldenFileShows(t *testing.T) {
	const file = "testdata/comment.md"
	got := Comment(sample(), CommentLimit)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the comment is not %s (make generate writes it):\n%s", file, got)
	}
}

func TestTheCommentBeginsWithWhatItIsFoundBy(t *testing.T) {
	if got := Comment(nil, 0); !strings.HasPrefix(got, Marker+"\n") {
		t.Errorf("it begins otherwise:\n%s", got)
	}
}

func TestACommentThatIsTooLongSaysWhatWasCut(t *testing.T) {
	whole := Comment(sample(), 0)
	cuts, folds := 0, 0
	for limit := 900; limit < len(whole); limit++ {
		got := Comment(sample(), limit)
		if len(got) > limit {
			t.Fatalf("%d bytes at a limit of %d:\n%s", len(got), limit, got)
		}
		if !strings.Contains(got, "**Cut here:** ") || !strings.Contains(got, "test, emqx-container-apps among them") {
			t.Fatalf("at a limit of %d it does not say what was cut:\n%s", limit, got)
		}
		if strings.Count(got, opening) != strings.Count(got, closing) || strings.Count(got, "```")%2 != 0 {
			t.Fatalf("at a limit of %d something stays open:\n%s", limit, got)
		}
		cuts++
		folds += strings.Count(got, opening)
	}
	if cuts < 500 || folds == 0 {
		t.Errorf("only %d cuts were tried, %d of them behind a fold", cuts, folds)
	}
	if got := Comment(sample(), len(whole)); got != whole {
		t.Error("a comment that just fits is cut")
	}
}
