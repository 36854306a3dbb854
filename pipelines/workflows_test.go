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

// environments are where a verb of azure.sh has its login from: on GitHub the job's environment, on Azure DevOps the
// service connection and the variable group of the same name.
var environments = map[string]string{"up": "", "preview": "review-", "drift": "drift-"}

var (
	verb      = regexp.MustCompile(`pipelines/azure\.sh (\w+)`)
	stackVerb = regexp.MustCompile(`pipelines/azure\.sh (\w+) (\$\{\{.*?\}\}|\w+)`)
)

func TestEachJobLogsInAsTheIdentityOfItsTaskAndStack(t *testing.T) {
	for file, w := range workflows(t) {
		for name, j := range w.Jobs {
			for _, s := range j.Steps {
				found := verb.FindStringSubmatch(s.Run)
				if found == nil {
					continue
				}
				stack := s.Env["STACK"]
				same(t, file+", job "+name, j.Environment, environments[found[1]]+stack)
				if matrix := j.Strategy["matrix"]; stack != "${{ inputs.stack }}" && fmt.Sprint(matrix) != "map[stack:[dev prod]]" {
					t.Errorf("%s: job %s: %s of %v", file, name, stack, matrix)
				}
			}
		}
	}
	for file, p := range pipelineFiles(t) {
		for name, steps := range p.jobs() {
			for _, s := range steps {
				for _, found := range stackVerb.FindAllStringSubmatch(fmt.Sprint(s.Parameters["script"]), -1) {
					same(t, file+", job "+name, s.Parameters["environment"], any(environments[found[1]]+found[2]))
				}
			}
		}
	}
}

// An environment has a login's subject and its secrets: a job outside of one has neither.
func TestAJobThatLogsInOrHasASecretIsInAnEnvironment(t *testing.T) {
	inside := 0
	for file, w := range workflows(t) {
		for name, j := range w.Jobs {
			text, err := yaml.Marshal(j)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(text), "secrets.") && j.Permissions["id-token"] == "" || j.Uses != "" {
				continue
			}
			if inside++; j.Environment == "" {
				t.Errorf("%s: job %s has a login or a secret, and no environment", file, name)
			}
		}
	}
	if inside != 5 {
		t.Errorf("%d jobs have one", inside)
	}
}

func TestASecretIsInTheStepThatNeedsItAndInNoAction(t *testing.T) {
	needs := map[string]string{"PULUMI_CONFIG_PASSPHRASE": "pipelines/(azure|smoke).sh ",
		"MQTT_PASSWORD": "pipelines/smoke.sh ", "GH_TOKEN": "pipelines/protect.sh --check github"}
	found := 0
	for file, w := range workflows(t) {
		for name, j := range w.Jobs {
			if strings.Contains(fmt.Sprint(j.Env), "secrets.") {
				t.Errorf("%s: every step of job %s has %v", file, name, j.Env)
			}
			for _, s := range j.Steps {
				if strings.Contains(fmt.Sprint(s.With), "secrets.") {
					t.Errorf("%s: job %s: %s has %v", file, name, s.Uses, s.With)
				}
				for variable, value := range s.Env {
					if !strings.Contains(value, "secrets.") {
						continue
					}
					if found++; needs[variable] == "" || !regexp.MustCompile("^"+needs[variable]).MatchString(s.Run) {
						t.Errorf("%s: job %s: %s has %s", file, name, s.Run, variable)
					}
				}
			}
		}
	}
	if found != 6 {
		t.Errorf("%d secrets were found", found)
	}
}

func TestEachActionIsNamedByACommitAndItsVersion(t *testing.T) {
	uses := regexp.MustCompile(`(?m)uses: (.*)$`)
	pinned := regexp.MustCompile(`^[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	for file := range workflows(t) {
		text, err := os.ReadFile(filepath.Join(root, ".github", "workflows", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range uses.FindAllStringSubmatch(string(text), -1) {
			if !strings.HasPrefix(found[1], "./") && !pinned.MatchString(found[1]) {
				t.Errorf("%s: %s", file, found[1])
			}
		}
	}
}

const ofThisRepository = "github.event.workflow_run.head_repository.full_name == github.repository"

func TestWhatAForkCallsAPreviewOfAzuresIsNotPosted(t *testing.T) {
	posted := 0
	for _, s := range workflows(t)["comment.yml"].Jobs["comment"].Steps {
		if strings.Contains(s.Run, "azure") {
			if posted++; !strings.Contains(s.If, ofThisRepository) {
				t.Errorf("%s is run if %q", s.Run, s.If)
			}
		}
	}
	if posted != 1 {
		t.Errorf("previews are posted by %d steps", posted)
	}
}

func TestAReleaseIsOfMainAndAttestedByTheJobThatPublishesIt(t *testing.T) {
	jobs := workflows(t)["release.yml"].Jobs
	checked := slices.IndexFunc(jobs["notes"].Steps, func(s step) bool { return s.Run == "pipelines/on-main.sh" })
	if checked != 1 || !slices.Equal(jobs["build"].Needs, []string{"notes"}) {
		t.Errorf("before it is built, its commit is looked for on main by step %d of %v", checked, jobs["build"].Needs)
	}
	attested := slices.IndexFunc(jobs["publish"].Steps, func(s step) bool { return s.Uses == attestAction })
	if attested != 1 || jobs["publish"].Environment != "release" {
		t.Errorf("it is attested by step %d, in the environment %q", attested, jobs["publish"].Environment)
	}
}

func TestWhatIsDeployedOrReleasedIsBuiltFromNoCache(t *testing.T) {
	all := workflows(t)
	for _, j := range []job{all["deploy.yml"].Jobs["build"], all["release.yml"].Jobs["build"]} {
		if !slices.ContainsFunc(j.Steps, func(s step) bool { return s.With["cache"] == false }) {
			t.Errorf("it is built by %v", j.Steps)
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
	azure := all["preview.yml"].Jobs["build"] // which the job with credentials waits for
	if !slices.Equal(all["preview.yml"].Jobs["azure"].Needs, []string{"build"}) ||
		!strings.Contains(azure.If, "github.event.pull_request.head.repo.full_name == github.repository") {
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
	files := slices.Collect(maps.Keys(pipelineFiles(t)))
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
		if slices.Contains([]string{"lint.sh", "build.sh"}, name) || // those are make's
			name == "register-providers.sh" || // this is for the owner of a subscription, once
			strings.HasPrefix(name, "protect-") { // and these are parts of protect.sh
			continue
		}
		if !used["pipelines/"+name] {
			t.Errorf("no pipeline runs %s", name)
		}
	}
}
