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
	releases = map[string]string{"attestations": "write", "contents": "write", "id-token": "write"}
)

// The actions, each by the commit of a version: a tag is moved by whoever may push to the action's repository.
const (
	checkoutAction = "actions/checkout@11d5960a326750d5838078e36cf38b85af677262"                // v4.4.0
	setUpGoAction  = "actions/setup-go@40f1582b2485089dde7abd97c1529aa768e1baff"                // v5.6.0
	uploadAction   = "actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02"         // v4.6.2
	downloadAction = "actions/download-artifact@d3f86a106a0bac45b974a628896c90dbdf5c8093"       // v4.3.0
	loginAction    = "azure/login@7184910d9eb2b1c5e48f7073824a90609bb9b6d6"                     // v2.3.1
	attestAction   = "actions/attest-build-provenance@977bb373ede98d70efdf65b84cb5f73e068dcc2a" // v3.0.0
)

// Steps that several jobs have.
var (
	checkout = step{Uses: checkoutAction, With: object{"persist-credentials": false}}
	setUpGo  = step{Uses: setUpGoAction,
		With: object{"go-version-file": "go.mod", "cache-dependency-path": "go.sum\npipelines/goflags\n"}}
	setUpAll = step{Uses: setUpGoAction,
		With: object{"go-version-file": "go.mod", "cache-dependency-path": "**/go.sum\npipelines/goflags\n"}}
	setUpUncached = step{Uses: setUpGoAction, With: object{"go-version-file": "go.mod", "cache": false}}
	program       = download(object{"name": "program", "path": ".rehearsal/bin"})
	uploadProgram = upload("program", ".rehearsal/bin").with("include-hidden-files", true)
	login         = step{Uses: loginAction, With: object{
		"client-id": "${{ vars.AZURE_CLIENT_ID }}", "tenant-id": "${{ vars.AZURE_TENANT_ID }}",
		"subscription-id": "${{ vars.AZURE_SUBSCRIPTION_ID }}",
	}}
)

const setUp = "vars.AZURE_TENANT_ID != ''"

// identity is what pulumi has of the job's environment, but for the passphrase.
var identity = map[string]string{
	"ARM_USE_OIDC": "true", "ARM_CLIENT_ID": "${{ vars.AZURE_CLIENT_ID }}", "ARM_TENANT_ID": "${{ vars.AZURE_TENANT_ID }}",
	"ARM_SUBSCRIPTION_ID": "${{ vars.AZURE_SUBSCRIPTION_ID }}", "PULUMI_BACKEND_URL": "${{ vars.PULUMI_BACKEND_URL }}",
}

// ofStack runs a script for the job's stack, with the passphrase of its secrets.
func ofStack(command, stack string, env ...string) step {
	return runOf(command, append(env, "STACK", "${{ "+stack+" }}",
		"PULUMI_CONFIG_PASSPHRASE", "${{ secrets.PULUMI_CONFIG_PASSPHRASE }}")...)
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
	return step{Uses: uploadAction, With: object{"name": name, "path": path}}
}

func download(with object) step { return step{Uses: downloadAction, With: with} }

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
		Jobs: map[string]job{"rehearsal": { // of forks too
			RunsOn: ubuntu, Minutes: 60, Permissions: reads,
			Steps: []step{
				checkout.with("fetch-depth", 2), setUpGo, runOf("pipelines/review.sh HEAD^1"),
				upload("review", ".rehearsal/review/review.md").with("include-hidden-files", true).when("always()"),
			},
		}},
	},
	"preview.yml": {
		Name: "preview", On: object{"pull_request": nil},
		Concurrency: &concurrency{"preview-${{ github.event.pull_request.number }}", "true"},
		Jobs: map[string]job{
			"build": {
				If:     setUp + " && github.event.pull_request.head.repo.full_name == github.repository",
				RunsOn: ubuntu, Minutes: 30, Permissions: reads,
				Steps: []step{checkout, setUpGo, runOf("pipelines/program.sh build"), uploadProgram},
			},
			"azure": { // a reviewer of the environment lets it
				Needs: []string{"build"}, RunsOn: ubuntu, Minutes: 60, Permissions: logsIn,
				Environment: "review-${{ matrix.stack }}", Env: identity,
				Strategy: object{"fail-fast": false, "matrix": object{"stack": []any{"dev", "prod"}}},
				Steps: []step{
					checkout, program, runOf("pipelines/install-pulumi.sh"), runOf("pipelines/program.sh use"), login,
					ofStack(`pipelines/azure.sh preview "$STACK" "azure-$STACK.md"`, "matrix.stack"),
					upload("azure-${{ matrix.stack }}", "azure-${{ matrix.stack }}.md").when("always()"),
				},
			},
		},
	},
	"comment.yml": {
		Name: "comment",
		On:   object{"workflow_run": object{"workflows": []any{"review", "preview"}, "types": []any{"completed"}}},
		Jobs: map[string]job{"comment": {
			If: "github.event.workflow_run.event == 'pull_request' && " +
				`contains(fromJSON('["success", "failure"]'), github.event.workflow_run.conclusion)`,
			RunsOn: ubuntu, Minutes: 10, Permissions: comments,
			Env: map[string]string{
				"HEAD_REPOSITORY": "${{ github.event.workflow_run.head_repository.full_name }}",
				"HEAD_OWNER":      "${{ github.event.workflow_run.head_repository.owner.login }}",
				"HEAD_BRANCH":     "${{ github.event.workflow_run.head_branch }}",
				"HEAD_SHA":        "${{ github.event.workflow_run.head_sha }}",
			},
			Steps: []step{
				checkout.with("sparse-checkout", "pipelines"),
				download(object{"run-id": "${{ github.event.workflow_run.id }}", "github-token": "${{ github.token }}",
					"path": "${{ runner.temp }}/found"}),
				runOf(`pipelines/comment-github.sh review "$FOUND/review/review.md"`,
					"FOUND", "${{ runner.temp }}/found", "GITHUB_TOKEN", "${{ github.token }}").
					when("github.event.workflow_run.name == 'review'"),
				runOf(`pipelines/comment-github.sh preview "$FOUND/azure-dev/azure-dev.md" `+
					`"$FOUND/azure-prod/azure-prod.md"`, "FOUND", "${{ runner.temp }}/found",
					"GITHUB_TOKEN", "${{ github.token }}").
					when("github.event.workflow_run.name == 'preview' && " + ofThisRepository),
			},
		}},
	},
	"deploy.yml": {
		Name: "deploy", On: object{"push": object{"branches": []any{"main"}}},
		Jobs: map[string]job{
			"test": {Uses: "./.github/workflows/test.yml", Permissions: reads},
			"build": {
				If: setUp, RunsOn: ubuntu, Minutes: 30, Permissions: reads,
				Steps: []step{
					checkout, setUpUncached, runOf("pipelines/program.sh build"), runOf("make amora"), uploadProgram,
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
			RunsOn: ubuntu, Minutes: 180, Environment: "${{ inputs.stack }}", Permissions: logsIn, Env: identity,
			Concurrency: &concurrency{"stack-${{ inputs.stack }}", "false"},
			Steps: []step{
				checkout, program, runOf("pipelines/install-pulumi.sh"), runOf("pipelines/program.sh use"), login,
				ofStack(`pipelines/azure.sh up "$STACK"`, "inputs.stack"),
				ofStack(`pipelines/smoke.sh "$STACK"`, "inputs.stack", "SMOKE_USER", "${{ vars.SMOKE_USER }}",
					"MQTT_PASSWORD", "${{ secrets.SMOKE_PASSWORD }}").when("vars.SMOKE_USER != ''"),
			},
		}},
	},
	"drift.yml": {
		Name: "drift", On: object{"schedule": []any{object{"cron": "17 4 * * *"}}, "workflow_dispatch": nil},
		Jobs: map[string]job{
			"settings": {
				If: setUp, RunsOn: ubuntu, Minutes: 10, Environment: "settings", Permissions: reads,
				Steps: []step{checkout, runOf("pipelines/protect.sh --check github", "GH_TOKEN",
					"${{ secrets.SETTINGS_TOKEN }}")},
			},
			"drift": {
				If: setUp, RunsOn: ubuntu, Minutes: 60, Environment: "drift-${{ matrix.stack }}", Permissions: logsIn,
				Env:         identity,
				Strategy:    object{"fail-fast": false, "matrix": object{"stack": []any{"dev", "prod"}}},
				Concurrency: &concurrency{"drift-${{ matrix.stack }}", "false"},
				Steps: []step{
					checkout, runOf("pipelines/install-pulumi.sh"), login,
					ofStack(`pipelines/azure.sh drift "$STACK"`, "matrix.stack"),
					runOf(`pipelines/protect.sh --check azure "$STACK"`, "STACK", "${{ matrix.stack }}",
						"STATE", "${{ vars.AZURE_STATE_ACCOUNT }}", "REVIEW_ROLES", "${{ vars.REVIEW_ROLES }}",
						"DRIFT_ROLES", "${{ vars.DRIFT_ROLES }}").when("${{ !cancelled() }}"),
				},
			},
		},
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
				Steps: []step{checkout.with("fetch-depth", 0), runOf("pipelines/on-main.sh"),
					runOf(`pipelines/release-notes.sh "$GITHUB_REF_NAME" >notes.md`), upload("notes", "notes.md")},
			},
			"build": {
				Needs: []string{"notes"}, RunsOn: ubuntu, Minutes: 60, Permissions: reads,
				Strategy: object{"matrix": object{"os": []any{"linux", "darwin", "windows"}, "arch": []any{"amd64",
					"arm64"}}},
				Steps: []step{
					checkout, setUpUncached,
					runOf(`pipelines/build-release.sh "$GITHUB_REF_NAME" "$TARGET_OS" "$TARGET_ARCH"`,
						"TARGET_OS", "${{ matrix.os }}", "TARGET_ARCH", "${{ matrix.arch }}"),
					upload("built-${{ matrix.os }}-${{ matrix.arch }}", "dist"),
				},
			},
			"publish": {
				Needs: []string{"build"}, RunsOn: ubuntu, Minutes: 10, Environment: "release", Permissions: releases,
				Steps: []step{
					download(nil), {Uses: attestAction, With: object{"subject-path": "built-*/*.tar.gz"}},
					runOf(`gh release create "$GITHUB_REF_NAME" --repo "$GITHUB_REPOSITORY" --verify-tag `+
						`--notes-file notes/notes.md built-*/*`,
						"GH_TOKEN", "${{ github.token }}"),
				},
			},
		},
	},
}
