package pipelines

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// What the pipeline of Azure DevOps and its templates say. When is the condition of the template expressions around a
// stage or a job.
type (
	pipeline struct {
		Parameters []parameter
		Trigger    object
		Schedules  []object
		Pool       map[string]string
		Variables  map[string]string
		Stages     []stage
		Jobs       []azureJob
		Steps      []azureStep
	}
	parameter struct {
		Name, Type string
		Default    any
	}
	stage struct {
		When, Stage  string
		DependsOn    list `yaml:"dependsOn"`
		Condition    string
		LockBehavior string `yaml:"lockBehavior"`
		Variables    []map[string]string
		Jobs         []azureJob
		Template     string
		Parameters   object
	}
	azureJob struct {
		When, Job, Deployment  string
		Environment, Condition string
		Minutes                int `yaml:"timeoutInMinutes"`
		Variables              []map[string]string
		Strategy               strategy
		Steps                  []azureStep
		Template               string
		Parameters             object
	}
	strategy struct {
		RunOnce runOnce `yaml:"runOnce"`
	}
	runOnce     struct{ Deploy deploySteps }
	deploySteps struct{ Steps []azureStep }
	azureStep   struct {
		Task, Template, Script, Checkout, Download, Publish, Artifact, Condition string

		DisplayName             string `yaml:"displayName"`
		FetchDepth              int    `yaml:"fetchDepth"`
		PersistCredentials      *bool  `yaml:"persistCredentials"`
		Inputs, Env, Parameters object
	}
)

// jobs are the steps of each job, or of a template for one.
func (p pipeline) jobs() map[string][]azureStep {
	all := map[string][]azureStep{"": p.Steps}
	for _, j := range p.Jobs {
		all[j.Job] = j.Steps
	}
	for _, s := range p.Stages {
		for _, j := range s.Jobs {
			all[s.Stage+"/"+j.Job+j.Deployment] = append(j.Steps, j.Strategy.RunOnce.Deploy.Steps...)
		}
	}
	return all
}

// pipelineFiles are the files of Azure DevOps.
func pipelineFiles(t *testing.T) map[string]pipeline {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "pipelines", "*.yml"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]pipeline{}
	for _, file := range append(files, filepath.Join(root, "azure-pipelines.yml")) {
		name, err := filepath.Rel(root, file)
		if err != nil {
			t.Fatal(err)
		}
		var tree any
		read(t, name, &tree)
		plain, err := yaml.Marshal(unfolded(tree))
		if err != nil {
			t.Fatal(err)
		}
		var p pipeline
		strictly(t, name, plain, &p)
		all[name] = p
	}
	return all
}

// unfolded takes the elements of lists out of the template expressions around them, and notes these as "when".
func unfolded(value any) any {
	switch value := value.(type) {
	case object:
		for key, inner := range value {
			value[key] = unfolded(inner)
		}
	case []any:
		all := []any{}
		for _, element := range value {
			all = append(all, elements(element)...)
		}
		return all
	}
	return value
}

// elements are an element of a list, or those that a template expression has in its place.
func elements(element any) []any {
	guard, _ := element.(object)
	for key, guarded := range guard {
		condition, is := strings.CutPrefix(key, "${{ if ")
		if !is || len(guard) != 1 {
			break
		}
		inner, _ := unfolded(guarded).([]any)
		for _, e := range inner {
			one := e.(object)
			conditions := []string{strings.TrimSuffix(condition, " }}")}
			if more, has := one["when"].(string); has {
				conditions = append(conditions, more)
			}
			one["when"] = strings.Join(conditions, " && ")
		}
		return inner
	}
	return []any{unfolded(element)}
}

func TestThePipelineOfAzureDevOpsSaysWhatIsExpectedOfIt(t *testing.T) {
	all := pipelineFiles(t)
	same(t, "files", slices.Sorted(maps.Keys(all)), slices.Sorted(maps.Keys(expectedPipelines)))
	for file, want := range expectedPipelines {
		same(t, file, all[file], want)
	}
}

func TestEveryStageOfAzureDevOpsWaitsForOneThatIsThere(t *testing.T) {
	seen := []string{}
	for _, s := range pipelineFiles(t)["azure-pipelines.yml"].Stages {
		name, after := s.Stage, s.DependsOn
		switch filepath.Base(s.Template) {
		case "azure-devops-deploy.yml":
			name, after = s.Parameters["stack"].(string), list{s.Parameters["after"].(string)}
		case "azure-devops-comment.yml":
			name, after = "comment", list{s.Parameters["name"].(string)}
		}
		for _, other := range after {
			if !slices.Contains(seen, other) {
				t.Errorf("%s waits for %q, which is not before it", name, other)
			}
		}
		seen = append(seen, name)
	}
}

// What has a login, a secret or a token runs for no fork, or on main alone.
func TestAzureDevOpsGivesAForksJobNoSecret(t *testing.T) {
	guarded := 0
	for file, p := range pipelineFiles(t) {
		for _, s := range p.Stages {
			for _, j := range s.Jobs {
				text, err := yaml.Marshal(j)
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(s.Condition, notForForks) || s.Condition == onSchedule ||
					strings.Contains(s.Condition, onMain) {
					guarded++
					continue
				}
				for _, no := range []string{"group:", "AccessToken", "azureSubscription", "environment", "preview"} {
					if strings.Contains(string(text), no+":") && !strings.Contains(string(text), no+`: ""`) {
						t.Errorf("%s: the job %s of %s has %s", file, j.Job, s.Stage, no)
					}
				}
			}
		}
	}
	if guarded != 6 {
		t.Errorf("%d jobs are kept from forks", guarded)
	}
}

// A job's variable group is its service connection's, so that checks on both are for the same code.
func TestAJobOfAzureDevOpsHasTheGroupAndTheConnectionOfOneEnvironment(t *testing.T) {
	looked := 0
	for file, p := range pipelineFiles(t) {
		jobs := p.Jobs
		for _, s := range p.Stages {
			for _, j := range s.Jobs {
				j.Variables = append(j.Variables, s.Variables...)
				jobs = append(jobs, j)
			}
		}
		for _, j := range jobs {
			for _, s := range append(j.Steps, j.Strategy.RunOnce.Deploy.Steps...) {
				if strings.HasSuffix(s.Template, "azure-devops-azure.yml") {
					looked++
					same(t, file, j.Variables, []map[string]string{{"group": "amora-" + s.Parameters["environment"].(string)}})
				}
			}
		}
	}
	if looked != 5 {
		t.Errorf("%d steps have a login", looked)
	}
}
