package pipelines

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

const root = ".."

type workflow struct {
	On          map[string]any
	Permissions map[string]string
	Jobs        map[string]job
}

type job struct {
	If          string
	Uses        string
	Needs       any
	Permissions map[string]string
	Env         map[string]string
	Steps       []step
}

type step struct {
	Uses, Run string
	With, Env map[string]any
}

func read(t *testing.T, path string, into any) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return string(data)
}

func workflows(t *testing.T) map[string]workflow {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, ".github", "workflows", "*.yml"))
	if err != nil || len(files) < 7 {
		t.Fatalf("%d workflows, %v", len(files), err)
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

func TestEveryJobStatesItsPermissionsAndNoneHasMoreThanItsTask(t *testing.T) {
	writes := map[string]map[string]string{ // scopes that a job may write, or "id-token", by workflow and job
		"comment.yml/comment":  {"pull-requests": "write"},
		"release.yml/publish":  {"contents": "write"},
		"review.yml/azure":     {"id-token": "write"},
		"deploy.yml/dev":       {"id-token": "write"},
		"deploy.yml/prod":      {"id-token": "write"},
		"deploy-stack.yml/up":  {"id-token": "write"},
		"drift.yml/drift":      {"id-token": "write"},
		"test.yml/test":        {},
		"review.yml/rehearsal": {},
		"deploy.yml/build":     {},
		"deploy.yml/test":      {},
		"release.yml/notes":    {},
		"release.yml/build":    {},
	}
	seen := 0
	for file, w := range workflows(t) {
		if w.Permissions == nil || len(w.Permissions) != 0 {
			t.Errorf("%s: jobs begin with %v, and must begin with {}", file, w.Permissions)
		}
		for name, j := range w.Jobs {
			want, known := writes[file+"/"+name]
			if !known || len(j.Permissions) == 0 {
				t.Errorf("%s: job %s: permissions %v", file, name, j.Permissions)
			}
			got := maps.Clone(j.Permissions)
			maps.DeleteFunc(got, func(_, level string) bool { return level == "read" })
			if !maps.Equal(got, want) {
				t.Errorf("%s: job %s may write %v, and should %v", file, name, got, want)
			}
			seen++
		}
	}
	if seen != len(writes) {
		t.Errorf("%d jobs, want %d", seen, len(writes))
	}
}

func TestTheJobThatRunsAForksCodeHasNoSecretAndNoVariable(t *testing.T) {
	all := workflows(t)
	for _, j := range []job{all["review.yml"].Jobs["rehearsal"], all["test.yml"].Jobs["test"]} {
		text, err := yaml.Marshal(j)
		if err != nil || len(j.Steps) < 4 {
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
	if got := fmt.Sprint(jobs["dev"].Needs, jobs["prod"].Needs); got != "[test build]dev" {
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
	calls := 0
	for _, file := range []string{"azure-pipelines.yml", "pipelines/azure-devops-deploy.yml"} {
		var any map[string]any
		calls += strings.Count(read(t, file, &any), "smoke: true")
		if strings.Contains(read(t, file, &any), "SMOKE_PASSWORD") {
			t.Errorf("%s names it outside of the template", file)
		}
	}
	var any map[string]any
	template := read(t, "pipelines/azure-devops-azure.yml", &any)
	if calls != 1 || !regexp.MustCompile(`\{\{ if parameters\.smoke \}\}:\n +SMOKE_USER: .*\n +MQTT_PASSWORD: \$\(SMOKE_PASSWORD\)\n$`).MatchString(template) {
		t.Errorf("%d calls have it, or the template gives it to others:\n%s", calls, template)
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
		if strings.HasPrefix(s.Uses, "actions/download-artifact@") && !strings.HasPrefix(s.With["path"].(string), "${{ runner.temp }}/") {
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
	script  = regexp.MustCompile(`pipelines/[a-z-]+\.sh`)
	include = regexp.MustCompile(`template: (\S+)`)
)

func TestEveryScriptAndTemplateThatAPipelineNamesIsThere(t *testing.T) {
	files := []string{"azure-pipelines.yml", "pipelines/azure-devops-go.yml", "pipelines/azure-devops-azure.yml", "pipelines/azure-devops-deploy.yml"}
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
		if name != "lint.sh" && !used["pipelines/"+name] { // that one is for make lint
			t.Errorf("no pipeline runs %s", name)
		}
	}
}

func TestEveryStageOfAzureDevOpsWaitsForOneThatIsThere(t *testing.T) {
	var pipeline struct{ Stages []yaml.Node }
	read(t, "azure-pipelines.yml", &pipeline)
	names, needs := []string{}, map[string][]string{}
	for _, node := range pipeline.Stages {
		walkStages(t, &node, func(name string, after []string) {
			names, needs[name] = append(names, name), after
		})
	}
	if want := []string{"test", "review", "comment", "dev", "prod", "drift"}; !slices.Equal(names, want) {
		t.Fatalf("stages %q, want %q", names, want)
	}
	for name, after := range needs {
		for _, other := range after {
			if !slices.Contains(names[:slices.Index(names, name)], other) {
				t.Errorf("%s waits for %q, which is not before it", name, other)
			}
		}
	}
}

// walkStages finds stages, those of the template for a deployment among them, behind conditions.
func walkStages(t *testing.T, node *yaml.Node, found func(name string, after []string)) {
	t.Helper()
	if node.Kind == yaml.SequenceNode {
		for _, child := range node.Content {
			walkStages(t, child, found)
		}
		return
	}
	var is map[string]yaml.Node
	if err := node.Decode(&is); err != nil {
		t.Fatal(err)
	}
	for key, value := range is {
		if strings.HasPrefix(key, "${{ if ") {
			walkStages(t, &value, found)
		}
	}
	if _, has := is["template"]; has {
		var parameters struct{ Stack, After string }
		node := is["parameters"]
		if err := node.Decode(&parameters); err != nil {
			t.Fatal(err)
		}
		found(parameters.Stack, []string{parameters.After})
	}
	if stage, has := is["stage"]; has {
		var after []string
		node := is["dependsOn"]
		if node.Kind == yaml.ScalarNode {
			after = []string{node.Value}
		} else if err := node.Decode(&after); err != nil {
			t.Fatal(err)
		}
		found(stage.Value, after)
	}
}

func TestAzureDevOpsGivesAForksJobNoSecret(t *testing.T) {
	var pipeline struct {
		Variables map[string]string
		Stages    []struct {
			Stage string
			Jobs  []yaml.Node
		}
	}
	read(t, "azure-pipelines.yml", &pipeline)
	if len(pipeline.Variables) == 0 {
		t.Error("no variables were read")
	}
	for _, stage := range pipeline.Stages {
		if stage.Stage != "test" && stage.Stage != "review" {
			continue
		}
		text, err := yaml.Marshal(&stage.Jobs[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, no := range []string{"group:", "AccessToken", "azureSubscription", "connection"} {
			if strings.Contains(string(text), no) {
				t.Errorf("the first job of %s has %s", stage.Stage, no)
			}
		}
	}
}
