package pipelines

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

const root = ".."

// What workflows say, in the keys that they use: another one is an error, so that nothing in them goes unread.
type (
	workflow struct {
		Name        string
		On          object
		Permissions map[string]string
		Concurrency *concurrency
		Jobs        map[string]job
	}
	concurrency struct {
		Group  string
		Cancel string `yaml:"cancel-in-progress"`
	}
	job struct {
		If          string
		Needs       list
		Uses        string
		With        object
		Secrets     string
		RunsOn      string `yaml:"runs-on"`
		Minutes     int    `yaml:"timeout-minutes"`
		Environment string
		Permissions map[string]string
		Concurrency *concurrency
		Strategy    object
		Env         map[string]string
		Steps       []step
	}
	step struct {
		If, Uses, Run string
		With          object
		Env           map[string]string
	}
	list []string
)

// UnmarshalYAML takes one name for a list of one.
func (l *list) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*l = list{node.Value}
		return nil
	}
	return node.Decode((*[]string)(l))
}

// read decodes a file, and gives back its text.
func read(t *testing.T, path string, into any) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	strictly(t, path, data, into)
	return string(data)
}

// strictly refuses keys that the Go type does not have.
func strictly(t *testing.T, path string, data []byte, into any) {
	t.Helper()
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func workflows(t *testing.T) map[string]workflow {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, ".github", "workflows", "*"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]workflow{}
	for _, file := range files {
		var w workflow
		name := filepath.Base(file)
		read(t, filepath.Join(".github", "workflows", name), &w)
		all[name] = w
	}
	return all
}

// same compares two values of a type, and says in which line of their YAML they differ.
func same(t *testing.T, name string, got, want any) {
	t.Helper()
	if reflect.DeepEqual(got, want) {
		return
	}
	texts := make([][]string, 2)
	for i, value := range []any{got, want} {
		text, err := yaml.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		texts[i] = append(strings.Split(string(text), "\n"), "(the end)")
	}
	for i := range min(len(texts[0]), len(texts[1])) {
		if texts[0][i] != texts[1][i] {
			around := strings.Join(texts[0][max(0, i-3):i], "\n")
			t.Errorf("%s: after\n%s\nit says\n%s\nand should say\n%s", name, around, texts[0][i], texts[1][i])
			return
		}
	}
	t.Errorf("%s is\n%#v\nand should be\n%#v", name, got, want)
}

func TestEachWorkflowSaysWhatIsExpectedOfIt(t *testing.T) {
	all := workflows(t)
	same(t, "workflows", slices.Sorted(maps.Keys(all)), slices.Sorted(maps.Keys(expectedWorkflows)))
	for file, want := range expectedWorkflows {
		want.Permissions = map[string]string{} // a job has what it states itself, and nothing else
		got := all[file]
		same(t, file, slices.Sorted(maps.Keys(got.Jobs)), slices.Sorted(maps.Keys(want.Jobs)))
		for name, j := range want.Jobs {
			same(t, file+", job "+name, got.Jobs[name], j)
		}
		got.Jobs, want.Jobs = nil, nil
		same(t, file, got, want)
	}
}

func TestEachJobStatesItsPermissionsAndHowLongItMayTake(t *testing.T) {
	for file, w := range workflows(t) {
		for name, j := range w.Jobs {
			if len(j.Permissions) == 0 || j.Uses == "" && j.Minutes == 0 {
				t.Errorf("%s: job %s: permissions %v, %d minutes", file, name, j.Permissions, j.Minutes)
			}
		}
	}
}

func TestNoTokenIsLeftInACheckout(t *testing.T) {
	for file, w := range workflows(t) {
		for name, j := range w.Jobs {
			for _, s := range j.Steps {
				if strings.HasPrefix(s.Uses, "actions/checkout@") && s.With["persist-credentials"] != false {
					t.Errorf("%s: job %s leaves its token to all that it runs", file, name)
				}
			}
		}
	}
	for file, p := range pipelineFiles(t) {
		for name, steps := range p.jobs() {
			for _, s := range steps {
				if s.Checkout != "" && (s.PersistCredentials == nil || *s.PersistCredentials) {
					t.Errorf("%s: job %s leaves its token to all that it runs", file, name)
				}
			}
		}
	}
}

func TestWhatUpdatesAStackIsNeverCancelledByAnotherUpdate(t *testing.T) {
	found := 0
	for file, w := range workflows(t) {
		for name, j := range w.Jobs {
			if slices.ContainsFunc(j.Steps, func(s step) bool { return strings.HasPrefix(s.Run, "pipelines/azure.sh up") }) {
				found++
				if w.Concurrency != nil || j.Concurrency == nil || j.Concurrency.Cancel != "false" ||
					!strings.Contains(j.Concurrency.Group, "stack") {
					t.Errorf("%s: job %s: %+v, %+v", file, name, w.Concurrency, j.Concurrency)
				}
			}
		}
	}
	if found != 1 {
		t.Errorf("%d jobs update a stack", found)
	}
}

// identities are whose login a verb of azure.sh has: on GitHub by the variable with its client ID, on Azure DevOps by
// the service connection.
var identities = map[string]struct{ variable, connection string }{
	"up": {deploys, "connection"}, "preview": {reviews, "reviewConnection"}, "drift": {drifts, "driftConnection"},
}

var verb = regexp.MustCompile(`pipelines/azure\.sh (\w+)`)

func TestEachJobLogsInAsTheIdentityForItsTask(t *testing.T) {
	for file, w := range workflows(t) {
		for name, j := range w.Jobs {
			clients := map[string]bool{}
			if id := j.Env["ARM_CLIENT_ID"]; id != "" {
				clients[id] = true
			}
			for _, s := range j.Steps {
				if id := s.With["client-id"]; id != nil {
					clients[fmt.Sprint(id)] = true
				}
			}
			for _, s := range j.Steps {
				if found := verb.FindStringSubmatch(s.Run); found != nil {
					same(t, file+", job "+name, clients, map[string]bool{"${{ " + identities[found[1]].variable + " }}": true})
				}
			}
		}
	}
	for file, p := range pipelineFiles(t) {
		for name, steps := range p.jobs() {
			for _, s := range steps {
				for _, found := range verb.FindAllStringSubmatch(fmt.Sprint(s.Parameters["script"]), -1) {
					same(t, file+", job "+name, s.Parameters["connection"],
						any("${{ parameters."+identities[found[1]].connection+" }}"))
				}
			}
		}
	}
}

func TestTheJobThatRunsAForksCodeHasNoSecretAndNoVariable(t *testing.T) {
	all := workflows(t)
	for _, j := range []job{
		all["review.yml"].Jobs["rehearsal"], all["test.yml"].Jobs["test"], all["brokers.yml"].Jobs["brokers"],
	} {
		text, err := yaml.Marshal(j)
		if err != nil || len(j.Steps) < 3 {
			t.Fatalf("%v, %v", j, err)
		}
		for _, no := range []string{"secrets.", "vars.", "github.token", "id-token"} {
			if strings.Contains(string(text), no) {
				t.Errorf("a job that runs forks' code has %s", no)
			}
		}
	}
	azure := all["review.yml"].Jobs["azure"]
	if !strings.Contains(azure.If, "github.event.pull_request.head.repo.full_name == github.repository") {
		t.Errorf("the job with credentials runs for forks: %s", azure.If)
	}
	for file, w := range all {
		if _, has := w.On["pull_request_target"]; has {
			t.Errorf("%s runs on pull_request_target: a change's code would have the repository's rights", file)
		}
	}
}

func TestNothingIsDeployedBeforeItsTestsPassed(t *testing.T) {
	jobs := workflows(t)["deploy.yml"].Jobs
	if jobs["test"].Uses != "./.github/workflows/test.yml" || jobs["test"].If != "" {
		t.Errorf("the tests are %+v", jobs["test"])
	}
	if got := fmt.Sprint(jobs["dev"].Needs, jobs["prod"].Needs); got != "[test build] [dev]" {
		t.Errorf("dev and prod wait for %s", got)
	}
}

func TestOnlyWhatProvesEndpointsHasTheUserForThat(t *testing.T) {
	for file, w := range workflows(t) {
		for name, j := range w.Jobs {
			for _, s := range j.Steps {
				text := fmt.Sprint(s.Env, s.With)
				if strings.Contains(text, "SMOKE_PASSWORD") && !strings.HasPrefix(s.Run, "pipelines/smoke.sh ") {
					t.Errorf("%s: job %s: %s has it", file, name, s.Run)
				}
			}
		}
	}
}

func TestWhatMayWriteToAPullRequestRunsNothingOfIts(t *testing.T) {
	comment := workflows(t)["comment.yml"]
	if _, has := comment.On["workflow_run"]; !has || len(comment.On) != 1 {
		t.Errorf("it runs on %v", comment.On)
	}
	checkouts := 0
	for _, s := range comment.Jobs["comment"].Steps {
		if strings.HasPrefix(s.Uses, "actions/checkout@") {
			checkouts++
			for _, key := range []string{"ref", "repository"} {
				if s.With[key] != nil {
					t.Errorf("it checks out another %s than the default branch: %v", key, s.With[key])
				}
			}
		}
		if strings.HasPrefix(s.Uses, "actions/download-artifact@") &&
			!strings.HasPrefix(s.With["path"].(string), "${{ runner.temp }}/") {
			t.Errorf("artifacts go to %v, beside the script", s.With["path"])
		}
		if s.Run != "" && !strings.HasPrefix(s.Run, "pipelines/comment-github.sh ") {
			t.Errorf("it runs %s", s.Run)
		}
	}
	if checkouts != 1 {
		t.Errorf("%d checkouts", checkouts)
	}
}

// expression is what GitHub puts into a script's text before the shell reads it.
var expression = regexp.MustCompile(`\$\{\{.*?\}\}`)

func TestNoScriptHasWhatOthersWroteInItsText(t *testing.T) {
	for file, w := range workflows(t) {
		for name, j := range w.Jobs {
			for _, s := range j.Steps {
				if found := expression.FindString(s.Run); found != "" {
					t.Errorf("%s: job %s: %s in a script; give it by env", file, name, found)
				}
			}
		}
	}
}

var (
	script  = regexp.MustCompile(`(pipelines|tests/[a-z]+)/[a-z-]+\.sh`)
	include = regexp.MustCompile(`template: (\S+)`)
)

func TestEveryScriptAndTemplateThatAPipelineNamesIsThere(t *testing.T) {
	files := []string{"azure-pipelines.yml", "pipelines/azure-devops-go.yml", "pipelines/azure-devops-azure.yml",
		"pipelines/azure-devops-deploy.yml"}
	for name := range workflows(t) {
		files = append(files, ".github/workflows/"+name)
	}
	used := map[string]bool{}
	for _, file := range files {
		var any map[string]any
		text := read(t, file, &any)
		for _, name := range script.FindAllString(text, -1) {
			used[name] = true
			info, err := os.Stat(filepath.Join(root, name))
			if err != nil || info.Mode()&0o111 == 0 {
				t.Errorf("%s runs %s: %v", file, name, err)
			}
		}
		for _, found := range include.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(file), found[1])); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
	scripts, err := filepath.Glob("*.sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range scripts {
		if !slices.Contains([]string{"lint.sh", "build.sh"}, name) && !used["pipelines/"+name] { // those are make's
			t.Errorf("no pipeline runs %s", name)
		}
	}
}
