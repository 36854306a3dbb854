package pipelines

// What the pipeline of Azure DevOps and its templates say, whole, as expectedWorkflows does for GitHub.

const (
	onPullRequest = "eq(variables['Build.Reason'], 'PullRequest')"
	onSchedule    = "eq(variables['Build.Reason'], 'Schedule')"
	notForForks   = "ne(variables['System.PullRequest.IsFork'], 'True')"
)

var (
	persistsNothing = false
	amoraGroup      = []map[string]string{{"group": "amora"}} // of variables: the state's place and its passphrase
	goOf            = azureStep{Template: "pipelines/azure-devops-go.yml"}
	self            = azureStep{Checkout: "self", PersistCredentials: &persistsNothing}
	parent          = azureStep{Checkout: "self", PersistCredentials: &persistsNothing, FetchDepth: 2}
)

// asConnection runs a script with the login of a service connection.
func asConnection(template, connection, script string) azureStep {
	return azureStep{Template: template, Parameters: object{"connection": "${{ parameters." + connection + " }}",
		"script": script}}
}

func (s azureStep) smoke() azureStep { s.Parameters["smoke"] = true; return s }

func deployment(when, stack, after string) stage {
	return stage{
		When: when, Template: "pipelines/azure-devops-deploy.yml",
		Parameters: object{"stack": stack, "after": after, "connection": "${{ parameters." + stack + "Connection }}"},
	}
}

var expectedPipelines = map[string]pipeline{
	"azure-pipelines.yml": {
		Parameters: []parameter{
			{"reviewConnection", "string", ""}, {"driftConnection", "string", ""}, {"devConnection", "string", ""},
			{"prodConnection", "string", ""},
		},
		Trigger: object{"branches": object{"include": []any{"main"}}},
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
					{When: "ne(parameters.reviewConnection, '')", Job: "azure", Condition: notForForks, Minutes: 60,
						Variables: amoraGroup, Steps: []azureStep{
							goOf, {Script: "set -eu\npipelines/install-pulumi.sh\npipelines/program.sh build\npipelines/program.sh use\n"},
							asConnection("pipelines/azure-devops-azure.yml", "reviewConnection", `status=0
pipelines/azure.sh preview dev azure-dev.md || status=1
pipelines/azure.sh preview prod azure-prod.md || status=1
mkdir -p "$BUILD_ARTIFACTSTAGINGDIRECTORY/azure"
mv azure-*.md "$BUILD_ARTIFACTSTAGINGDIRECTORY/azure"
exit "$status"
`),
							{Publish: "$(Build.ArtifactStagingDirectory)/azure", Artifact: "azure",
								Condition: "succeededOrFailed()"},
						}},
				},
			},
			{
				Stage: "comment", DependsOn: []string{"review"},
				Condition: "and(" + onPullRequest +
					", in(dependencies.review.result, 'Succeeded', 'SucceededWithIssues', 'Failed'), " + notForForks + ")",
				Jobs: []azureJob{{Job: "comment", Steps: []azureStep{
					parent, {Download: "current"},
					{
						Script: `set -eu
git checkout --quiet HEAD^1 -- pipelines
pipelines/comment-azure-devops.sh "$PIPELINE_WORKSPACE/review/review.md" \
  "$PIPELINE_WORKSPACE/azure/azure-dev.md" "$PIPELINE_WORKSPACE/azure/azure-prod.md"
`,
						Env: object{"SYSTEM_ACCESSTOKEN": "$(System.AccessToken)"},
					},
				}}},
			},
			deployment("ne(parameters.devConnection, '')", "dev", "test"),
			deployment("ne(parameters.devConnection, '') && ne(parameters.prodConnection, '')", "prod", "dev"),
			{
				When: "ne(parameters.driftConnection, '')", Stage: "drift", DependsOn: []string{},
				Condition: onSchedule, Variables: amoraGroup,
				Jobs: []azureJob{{
					Job: "drift", Strategy: strategy{Matrix: map[string]map[string]string{"dev": {"STACK": "dev"},
						"prod": {"STACK": "prod"}}},
					Steps: []azureStep{
						{Script: "pipelines/install-pulumi.sh"},
						asConnection("pipelines/azure-devops-azure.yml", "driftConnection",
							`pipelines/azure.sh drift "$STACK"`),
					},
				}},
			},
		},
	},
	"pipelines/azure-devops-deploy.yml": {
		Parameters: []parameter{{"stack", "string", nil}, {"after", "string", nil}, {"connection", "string", nil}},
		Stages: []stage{{
			Stage: "${{ parameters.stack }}", DependsOn: []string{"${{ parameters.after }}"},
			LockBehavior: "sequential", Variables: amoraGroup,
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
					asConnection("azure-devops-azure.yml", "connection",
						"pipelines/azure.sh up ${{ parameters.stack }}"),
					asConnection("azure-devops-azure.yml", "connection",
						"pipelines/smoke.sh ${{ parameters.stack }}").smoke(),
				}}}},
			}},
		}},
	},
	"pipelines/azure-devops-azure.yml": {
		Parameters: []parameter{{"connection", "string", nil}, {"script", "string", nil}, {"smoke", "boolean", false}},
		Steps: []azureStep{{
			Task: "AzureCLI@2",
			Inputs: object{
				"azureSubscription": "${{ parameters.connection }}", "addSpnToEnvironment": true, "scriptType": "bash",
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
