package pipelines

// What each workflow of GitHub says, whole: its triggers, and of each job who it logs in as, what it may do, when it
// runs and what. A line here is to be changed by hand, together with the workflow and in view of the reason for it.

const ubuntu = "ubuntu-24.04"

// What a job may do.
var (
	reads = map[string]string{"contents": "read"}
	// to Azure, as an identity that trusts this repository
	logsIn   = map[string]string{"contents": "read", "id-token": "write"}
	comments = map[string]string{"actions": "read", "contents": "read", "pull-requests": "write"}
	releases = map[string]string{"contents": "write"}
)

// The identities, by the variable that has their client ID.
const (
	deploys = "vars.AZURE_CLIENT_ID"        // Contributor
	reviews = "vars.AZURE_REVIEW_CLIENT_ID" // Reader, which a pull request's own code has
	drifts  = "vars.AZURE_DRIFT_CLIENT_ID"  // Reader, which merged code alone has
)

// Steps that several jobs have.
var (
	checkout = step{Uses: "actions/checkout@v4", With: object{"persist-credentials": false}}
	setUpGo  = step{Uses: "actions/setup-go@v5",
		With: object{"go-version-file": "go.mod", "cache-dependency-path": "go.sum\npipelines/goflags\n"}}
	setUpAll = step{Uses: "actions/setup-go@v5",
		With: object{"go-version-file": "go.mod", "cache-dependency-path": "**/go.sum\npipelines/goflags\n"}}
)

// environmentOf is what pulumi has of the identity, and azure/login for the state's storage account.
func environmentOf(identity string) map[string]string {
	return map[string]string{
		"ARM_USE_OIDC": "true", "ARM_CLIENT_ID": "${{ " + identity + " }}", "ARM_TENANT_ID": "${{ vars.AZURE_TENANT_ID }}",
		"ARM_SUBSCRIPTION_ID":      "${{ vars.AZURE_SUBSCRIPTION_ID }}",
		"PULUMI_BACKEND_URL":       "${{ vars.PULUMI_BACKEND_URL }}",
		"PULUMI_CONFIG_PASSPHRASE": "${{ secrets.PULUMI_CONFIG_PASSPHRASE }}",
	}
}

func loginAs(identity string) step {
	return step{Uses: "azure/login@v2", With: object{
		"client-id": "${{ " + identity + " }}", "tenant-id": "${{ vars.AZURE_TENANT_ID }}",
		"subscription-id": "${{ vars.AZURE_SUBSCRIPTION_ID }}",
	}}
}

func runOf(command string, env ...string) step {
	s := step{Run: command}
	for i := 0; i < len(env); i += 2 {
		if s.Env == nil {
			s.Env = map[string]string{}
		}
		s.Env[env[i]] = env[i+1]
	}
	return s
}

func (s step) when(condition string) step { s.If = condition; return s }

func (s step) with(key string, value any) step {
	with := object{key: value}
	for k, v := range s.With {
		with[k] = v
	}
	s.With = with
	return s
}

func upload(name, path string) step {
	return step{Uses: "actions/upload-artifact@v4", With: object{"name": name, "path": path}}
}

func download(with object) step { return step{Uses: "actions/download-artifact@v4", With: with} }

var expectedWorkflows = map[string]workflow{
	"test.yml": {
		Name: "test", On: object{"pull_request": nil, "workflow_call": nil},
		Concurrency: &concurrency{"test-${{ github.ref }}", "${{ github.event_name == 'pull_request' }}"},
		Jobs: map[string]job{"test": {
			RunsOn: ubuntu, Minutes: 90, Permissions: reads,
			Steps: []step{checkout, setUpAll, runOf("make test")}, // all of it: nothing else stands before a deployment
		}},
	},
	"brokers.yml": {
		Name: "brokers",
		On: object{"workflow_dispatch": nil, "schedule": []any{object{"cron": "17 2 * * 6"}},
			"pull_request": object{"paths": []any{"components/assets/**", "go.mod",
				"internal/sizing/**", "internal/smoke/**", "stacks/config.go", "tests/brokers/**", "tests/collector/testdata/**",
				"tests/realparts/install.sh", "tests/realparts/packages.txt", "tests/realparts/testdata/**",
				"pipelines/goflags", "Makefile", ".github/workflows/brokers.yml"}}},
		Concurrency: &concurrency{"brokers-${{ github.ref }}", "true"},
		Jobs: map[string]job{"brokers": { // of forks too
			RunsOn: ubuntu, Minutes: 240, Permissions: reads,
			Steps: []step{
				checkout, setUpAll, runOf("tests/realparts/install.sh"), runOf("sudo apt-get install -qq -y libsnappy1v5"),
				runOf(`tests/brokers/homes.sh "$RUNNER_TEMP/brokers" >>"$GITHUB_ENV"`),
				runOf(`sudo --preserve-env env "PATH=$PATH" make "$TARGET"`,
					"TARGET", "${{ github.event_name == 'schedule' && 'test-brokers-long' || 'test-brokers' }}"),
			},
		}},
	},
	"review.yml": {
		Name: "review", On: object{"pull_request": nil},
		Concurrency: &concurrency{"review-${{ github.event.pull_request.number }}", "true"},
		Jobs: map[string]job{
			"rehearsal": { // of forks too
				RunsOn: ubuntu, Minutes: 60, Permissions: reads,
				Steps: []step{
					checkout.with("fetch-depth", 2), setUpGo, runOf("pipelines/review.sh HEAD^1"),
					upload("review", ".rehearsal/review/review.md").with("include-hidden-files", true).when("always()"),
				},
			},
			"azure": {
				If:     "vars.AZURE_REVIEW_CLIENT_ID != '' && github.event.pull_request.head.repo.full_name == github.repository",
				RunsOn: ubuntu, Minutes: 60, Permissions: logsIn, Env: environmentOf(reviews),
				Steps: []step{
					checkout, setUpGo, runOf("pipelines/install-pulumi.sh"), runOf("pipelines/program.sh build"),
					runOf("pipelines/program.sh use"),
					loginAs(reviews), runOf("pipelines/azure.sh preview dev azure-dev.md"),
					runOf("pipelines/azure.sh preview prod azure-prod.md").when("${{ !cancelled() }}"), upload("azure",
						"azure-*.md").when("always()"),
				},
			},
		},
	},
	"comment.yml": {
		Name: "comment", On: object{"workflow_run": object{"workflows": []any{"review"}, "types": []any{"completed"}}},
		Jobs: map[string]job{"comment": {
			If: "github.event.workflow_run.event == 'pull_request' && " +
				`contains(fromJSON('["success", "failure"]'), github.event.workflow_run.conclusion)`,
			RunsOn: ubuntu, Minutes: 10, Permissions: comments,
			Steps: []step{
				checkout.with("sparse-checkout", "pipelines"),
				download(object{"run-id": "${{ github.event.workflow_run.id }}", "github-token": "${{ github.token }}",
					"path": "${{ runner.temp }}/found"}),
				runOf(`pipelines/comment-github.sh "$FOUND/review/review.md" "$FOUND/azure/azure-dev.md" `+
					`"$FOUND/azure/azure-prod.md"`,
					"FOUND", "${{ runner.temp }}/found", "GITHUB_TOKEN", "${{ github.token }}",
					"HEAD_OWNER", "${{ github.event.workflow_run.head_repository.owner.login }}",
					"HEAD_BRANCH", "${{ github.event.workflow_run.head_branch }}", "HEAD_SHA",
					"${{ github.event.workflow_run.head_sha }}"),
			},
		}},
	},
	"deploy.yml": {
		Name: "deploy", On: object{"push": object{"branches": []any{"main"}}},
		Jobs: map[string]job{
			"test": {Uses: "./.github/workflows/test.yml", Permissions: reads},
			"build": {
				If: "vars.AZURE_TENANT_ID != ''", RunsOn: ubuntu, Minutes: 30, Permissions: reads,
				Steps: []step{
					checkout, setUpGo, runOf("pipelines/program.sh build"),
					runOf("make amora"),
					upload("program", ".rehearsal/bin").with("include-hidden-files", true),
				},
			},
			"dev": {
				Needs: []string{"test", "build"}, Uses: "./.github/workflows/deploy-stack.yml", Permissions: logsIn,
				With: object{"stack": "dev"}, Secrets: "inherit",
			},
			"prod": {
				Needs: []string{"dev"}, Uses: "./.github/workflows/deploy-stack.yml", Permissions: logsIn,
				With: object{"stack": "prod"}, Secrets: "inherit",
			},
		},
	},
	"deploy-stack.yml": {
		Name: "deploy-stack", On: object{"workflow_call": object{"inputs": object{"stack": object{"type": "string",
			"required": true}}}},
		Jobs: map[string]job{"up": {
			RunsOn: ubuntu, Minutes: 180, Environment: "${{ inputs.stack }}", Permissions: logsIn,
			Env:         environmentOf(deploys),
			Concurrency: &concurrency{"stack-${{ inputs.stack }}", "false"},
			Steps: []step{
				checkout, download(object{"name": "program", "path": ".rehearsal/bin"}),
				runOf("pipelines/install-pulumi.sh"),
				runOf("pipelines/program.sh use"), loginAs(deploys), runOf(`pipelines/azure.sh up "$STACK"`, "STACK",
					"${{ inputs.stack }}"),
				runOf(`pipelines/smoke.sh "$STACK"`, "STACK", "${{ inputs.stack }}", "SMOKE_USER",
					"${{ vars.SMOKE_USER }}",
					"MQTT_PASSWORD", "${{ secrets.SMOKE_PASSWORD }}").when("vars.SMOKE_USER != ''"),
			},
		}},
	},
	"drift.yml": {
		Name: "drift", On: object{"schedule": []any{object{"cron": "17 4 * * *"}}, "workflow_dispatch": nil},
		Jobs: map[string]job{"drift": {
			If: "vars.AZURE_DRIFT_CLIENT_ID != ''", RunsOn: ubuntu, Minutes: 60, Permissions: logsIn,
			Env:         environmentOf(drifts),
			Strategy:    object{"fail-fast": false, "matrix": object{"stack": []any{"dev", "prod"}}},
			Concurrency: &concurrency{"drift-${{ matrix.stack }}", "false"},
			Steps: []step{
				checkout, runOf("pipelines/install-pulumi.sh"), loginAs(drifts),
				runOf(`pipelines/azure.sh drift "$STACK"`, "STACK", "${{ matrix.stack }}"),
			},
		}},
	},
	"nightly.yml": {
		Name: "nightly", On: object{"schedule": []any{object{"cron": "41 1 * * *"}}, "workflow_dispatch": nil},
		Jobs: map[string]job{"deep": {
			RunsOn: ubuntu, Minutes: 240, Permissions: reads,
			Steps: []step{
				checkout, setUpAll, runOf("pipelines/install-pulumi.sh"),
				runOf("make test-deep", "AMORA_LANGUAGE_HOST", "required"),
			},
		}},
	},
	"release.yml": {
		Name: "release", On: object{"push": object{"tags": []any{"v*"}}},
		Jobs: map[string]job{
			"notes": {
				RunsOn: ubuntu, Minutes: 10, Permissions: reads,
				Steps: []step{checkout, runOf(`pipelines/release-notes.sh "$GITHUB_REF_NAME" >notes.md`),
					upload("notes", "notes.md")},
			},
			"build": {
				Needs: []string{"notes"}, RunsOn: ubuntu, Minutes: 60, Permissions: reads,
				Strategy: object{"matrix": object{"os": []any{"linux", "darwin", "windows"}, "arch": []any{"amd64",
					"arm64"}}},
				Steps: []step{
					checkout, {Uses: "actions/setup-go@v5", With: object{"go-version-file": "go.mod", "cache": false}},
					runOf(`pipelines/build-release.sh "$GITHUB_REF_NAME" "$TARGET_OS" "$TARGET_ARCH"`,
						"TARGET_OS", "${{ matrix.os }}", "TARGET_ARCH", "${{ matrix.arch }}"),
					upload("built-${{ matrix.os }}-${{ matrix.arch }}", "dist"),
				},
			},
			"publish": {
				Needs: []string{"build"}, RunsOn: ubuntu, Minutes: 10, Permissions: releases,
				Steps: []step{
					download(nil),
					runOf(`gh release create "$GITHUB_REF_NAME" --repo "$GITHUB_REPOSITORY" --verify-tag `+
						`--notes-file notes/notes.md built-*/*`,
						"GH_TOKEN", "${{ github.token }}"),
				},
			},
		},
	},
}
