package pipelines

// What the pipeline of Azure DevOps and its templates say, whole, as expectedWorkflows does for GitHub.

const (
	onPullRequest = "eq(variables['Build.Reason'], 'PullRequest')"
	onSchedule    = "eq(variables['Build.Reason'], 'Schedule')"
	notForForks   = "ne(variables['System.PullRequest.IsFork'], 'True')"
	onMain        = "eq(variables['Build.SourceBranch'], 'refs/heads/main')"
)

var (
	persistsNothing = false
	goOf            = azureStep{Template: "pipelines/azure-devops-go.yml"}
	self            = azureStep{Checkout: "self", PersistCredentials: &persistsNothing}
	parent          = azureStep{Checkout: "self", PersistCredentials: &persistsNothing, FetchDepth: 2}
)

// groupOf is an environment's variable group: the state's place, its passphrase.
func groupOf(environment string) []map[string]string {
	return []map[string]string{{"group": "amora-" + environment}}
}

// as runs a script with the login of an environment's service connection.
func as(template, environment, script string) azureStep {
	return azureStep{Template: template, Parameters: object{"environment": environment, "script": script}}
}

func (s azureStep) smoke() azureStep { s.Parameters["smoke"] = true; return s }

func included(when, template string, parameters object) stage {
	return stage{When: when, Template: "pipelines/azure-devops-" + template + ".yml", Parameters: parameters}
}

func drift(stack string) azureJob {
	return azureJob{Job: stack, Variables: groupOf("drift-" + stack), Steps: []azureStep{
		{Script: "pipelines/install-pulumi.sh"},
		as("pipelines/azure-devops-azure.yml", "drift-"+stack, "pipelines/azure.sh drift "+stack),
	}}
}

const (
	setUpAzure = "parameters.azure"
	ofStackDo  = "${{ parameters.stack }}"
)

var expectedPipelines = map[string]pipeline{
	"azure-pipelines.yml": {
		Parameters: []parameter{{"azure", "boolean", false}},
		Trigger:    object{"branches": object{"include": []any{"main"}}},
		Schedules: []object{
			{"cron": "17 4 * * *", "displayName": "drift", "branches": object{"include": []any{"main"}},
				"always": true},
		},
		Pool: map[string]string{"vmImage": ubuntu},
		Variables: map[string]string{"GOCACHE": "$(Pipeline.Workspace)/go/build",
			"GOMODCACHE": "$(Pipeline.Workspace)/go/modules"},
		Stages: []stage{
			{
				Stage: "test", DependsOn: []string{}, Condition: "ne(variables['Build.Reason'], 'Schedule')",
				Jobs: []azureJob{{Job: "test", Minutes: 90, Steps: []azureStep{goOf, {Script: "make test"}}}},
			},
			{
				Stage: "review", DependsOn: []string{}, Condition: onPullRequest,
				Jobs: []azureJob{
					{Job: "rehearsal", Minutes: 60, Steps: []azureStep{
						parent, goOf, {Script: "pipelines/review.sh HEAD^1"},
						{Publish: "$(Build.SourcesDirectory)/.rehearsal/review/review.md", Artifact: "review",
							Condition: "succeededOrFailed()"},
					}},
				},
			},
			included("", "comment", object{"name": "review", "files": "review/review.md"}),
			{
				When: setUpAzure, Stage: "preview", DependsOn: []string{},
				Condition: "and(" + onPullRequest + ", " + notForForks + ")",
				Jobs: []azureJob{
					{Template: "pipelines/azure-devops-preview.yml", Parameters: object{"stack": "dev"}},
					{Template: "pipelines/azure-devops-preview.yml", Parameters: object{"stack": "prod"}},
				},
			},
			included(setUpAzure, "comment", object{"name": "preview",
				"files": "azure-dev/azure-dev.md azure-prod/azure-prod.md"}),
			included(setUpAzure, "deploy", object{"stack": "dev", "after": "test"}),
			included(setUpAzure, "deploy", object{"stack": "prod", "after": "dev"}),
			{
				When: setUpAzure, Stage: "drift", DependsOn: []string{}, Condition: onSchedule,
				Jobs: []azureJob{drift("dev"), drift("prod")},
			},
		},
	},
	"pipelines/azure-devops-comment.yml": {
		Parameters: []parameter{{"name", "string", nil}, {"files", "string", nil}},
		Stages: []stage{{
			Stage: "comment_${{ parameters.name }}", DependsOn: []string{"${{ parameters.name }}"},
			Condition: "and(" + onPullRequest + ", in(dependencies.${{ parameters.name }}.result, 'Succeeded', " +
				"'SucceededWithIssues', 'Failed'), " + notForForks + ")",
			Jobs: []azureJob{{Job: "comment", Steps: []azureStep{
				parent, {Download: "current"},
				{
					Script: `set -eu
git checkout --quiet HEAD^1 -- pipelines
script=$PWD/pipelines/comment-azure-devops.sh
cd "$PIPELINE_WORKSPACE"
"$script" ${{ parameters.name }} ${{ parameters.files }}
`,
					Env: object{"SYSTEM_ACCESSTOKEN": "$(System.AccessToken)"},
				},
			}}},
		}},
	},
	"pipelines/azure-devops-preview.yml": {
		Parameters: []parameter{{"stack", "string", nil}},
		Jobs: []azureJob{{
			Job: ofStackDo, Minutes: 60, Variables: groupOf("review-" + ofStackDo),
			Steps: []azureStep{
				self, {Template: "azure-devops-go.yml"},
				{Script: "set -eu\npipelines/install-pulumi.sh\npipelines/program.sh build\npipelines/program.sh use\n"},
				as("azure-devops-azure.yml", "review-"+ofStackDo,
					"pipelines/azure.sh preview "+ofStackDo+" azure-"+ofStackDo+".md"),
				{Publish: "$(Build.SourcesDirectory)/azure-" + ofStackDo + ".md", Artifact: "azure-" + ofStackDo,
					Condition: "succeededOrFailed()"},
			},
		}},
	},
	"pipelines/azure-devops-deploy.yml": {
		Parameters: []parameter{{"stack", "string", nil}, {"after", "string", nil}},
		Stages: []stage{{
			Stage: "${{ parameters.stack }}", DependsOn: []string{"${{ parameters.after }}"},
			LockBehavior: "sequential", Variables: groupOf(ofStackDo),
			Condition: "and(succeeded(), in(variables['Build.Reason'], 'IndividualCI', 'BatchedCI', 'Manual'), " +
				"eq(variables['Build.SourceBranch'], 'refs/heads/main'))",
			Jobs: []azureJob{{
				Deployment: "up", Environment: "${{ parameters.stack }}", Minutes: 180,
				Strategy: strategy{RunOnce: runOnce{Deploy: deploySteps{Steps: []azureStep{
					self, {Template: "azure-devops-go.yml"},
					{Script: `set -eu
pipelines/install-pulumi.sh
pipelines/program.sh build
pipelines/program.sh use
make amora
`},
					as("azure-devops-azure.yml", ofStackDo, "pipelines/azure.sh up "+ofStackDo),
					as("azure-devops-azure.yml", ofStackDo, "pipelines/smoke.sh "+ofStackDo).smoke(),
				}}}},
			}},
		}},
	},
	"pipelines/azure-devops-azure.yml": {
		Parameters: []parameter{{"environment", "string", nil}, {"script", "string", nil}, {"smoke", "boolean", false}},
		Steps: []azureStep{{
			Task: "AzureCLI@2",
			Inputs: object{
				"azureSubscription": "amora-${{ parameters.environment }}", "addSpnToEnvironment": true, "scriptType": "bash",
				"scriptLocation": "inlineScript", "inlineScript": "${{ parameters.script }}",
			},
			Env: object{
				"PULUMI_BACKEND_URL":       "$(PULUMI_BACKEND_URL)",
				"PULUMI_CONFIG_PASSPHRASE": "$(PULUMI_CONFIG_PASSPHRASE)",
				"${{ if parameters.smoke }}": object{"SMOKE_USER": "$(SMOKE_USER)",
					"MQTT_PASSWORD": "$(SMOKE_PASSWORD)"},
			},
		}},
	},
	"pipelines/azure-devops-go.yml": {
		Steps: []azureStep{
			{Task: "GoTool@0", Inputs: object{"version": "1.26"}},
			{Task: "Cache@2", DisplayName: "modules and builds of Go", Inputs: object{
				"key": `go | "$(Agent.OS)" | go.sum | pipelines/goflags`, "path": "$(Pipeline.Workspace)/go",
			}},
		},
	},
}
