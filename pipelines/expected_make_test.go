package pipelines

// What `make --dry-run` prints of each target, where ROOT is the clone's path. What a target runs is read here once
// more when it changes: a flag that is added or lost may take tests away.
var expectedOfMake = map[string]string{
	"check": format + `go vet ./...
go test -short -vet=off ./...
`,
	"test": install + format + `cd tools && go build -o ../.rehearsal/bin/staticcheck honnef.co/go/tools/cmd/staticcheck
for module in . tests/realparts tests/manifests tests/collector tests/sequences tests/cli tests/brokers; do (cd $module && go vet ./... && ROOT/.rehearsal/bin/staticcheck ./...) || exit 1; done
pipelines/lint.sh
` + amora + `make --jobs 2 --output-sync=target ` + parts + ` test-races
` + partsWith("go test -vet=off", "") + `go test -race -vet=off ./internal/rehearsal/engine
go test -race -vet=off -run 'InParallel|AtOnce|AtATime' ./internal/rehearsal/standin
cd tests/realparts && go test -race -vet=off -run 'TestABrokerThatIs|TestEachCheck|TestALoad' .
`,
	"test-deep": install + amora + `command -v pulumi >/dev/null || (cd tools/pulumi && version=$(go list -m -f '{{.Version}}' github.com/pulumi/pulumi/pkg/v3) && \
  go build -ldflags "-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=$version" \
  -o ROOT/.rehearsal/engine/bin/pulumi github.com/pulumi/pulumi/pkg/v3/cmd/pulumi)
cd tests/cli && go test -vet=off -count=1 -v -timeout 60m ./pulumi
test -x .rehearsal/az/bin/az || (python3 -m venv .rehearsal/az && .rehearsal/az/bin/pip install --quiet azure-cli==2.91.0)
AZ_PYTHON=ROOT/.rehearsal/az/bin/python go test -vet=off -count=1 -run TestTheRealAz ./internal/probes
make test-sequences THOSE=^Test SEQUENCES="-rapid.seed=4711 -rapid.checks=84"
` + sequences("go test -vet=off", "^Test", "-rapid.seed=4711 -rapid.checks=84") +
		`make test-sequences SEQUENCES="-rapid.seed=4711 -rapid.checks=3 -rapid.steps=60"
` + sequences("go test -vet=off", "^TestNothingIsLost", "-rapid.seed=4711 -rapid.checks=3 -rapid.steps=60") +
		`go test -vet=off -timeout 60m ./internal/rehearsal -run '^TestALossThatIsAgreedTo' -samples 20
make ` + parts + ` TEST="go test -vet=off -race" GOGC=100 SEQUENCES=-rapid.checks=3 # races take memory
` + partsWith("go test -vet=off -race", "-rapid.checks=3"),
	"test-brokers": "cd tests/brokers && go test -vet=off -count=1 -v -p 1 -timeout 60m ./...\n",
	"test-brokers-long": "cd tests/brokers && go test -vet=off -count=1 -v -timeout 120m ./emqx " +
		"-restarts 20 -overlap 90s -cut 3m\n" +
		"cd tests/brokers && go test -vet=off -count=1 -v -timeout 60m ./vernemq -outage 5m\n" +
		"cd tests/brokers && go test -vet=off -count=1 -v ./hivemq\n",
}

const (
	format = `unformatted=$(gofmt -l $(git ls-files '*.go')); test -z "$unformatted" || \
  { echo "gofmt would change: $unformatted"; exit 1; }
`
	install = `tests/realparts/install.sh
! command -v npm >/dev/null || (cd tests/kql && npm ci --silent --no-audit --no-fund) || test "$CI" != true
`
	amora = "pipelines/build.sh .rehearsal/bin/amora ./cmd/amora\n"
	parts = "test-program test-rehearsal test-realparts test-manifests test-collector test-without-brokers " +
		"test-sequences test-terminal"
)

func partsWith(test, flags string) string {
	return `packages=$(go list ./...) && ` + test + ` -timeout 20m $(echo "$packages" | grep -v /internal/rehearsal$)
` + test + ` -c -ldflags="-s -w" -o .rehearsal/bin/rehearsal.test ./internal/rehearsal
cd internal/rehearsal && for stack in dev prod dev-hivemq prod-hivemq dev-vernemq prod-vernemq; do \
  ROOT/.rehearsal/bin/rehearsal.test -test.run "^TestADeploymentThatFailsAtAnyCallConverges$/^$stack$" || exit 1; done
cd internal/rehearsal && ROOT/.rehearsal/bin/rehearsal.test -test.run "^TestARunThatIsKilledAtAnyMomentIsTakenUpAgain$"
` + rest(`'^TestA[A-R]'`) + rest(`'^TestA[^A-R]'`) + rest(`'^Test[^A]'`) + `cd tests/realparts && ` + test + ` -timeout 20m -parallel 4 ./...
cd tests/manifests && ` + test + ` ./...
cd tests/collector && ` + test + ` -timeout 20m ./...
cd tests/brokers && ` + test + ` -short ./...
` + sequences(test, "^TestNothingIsLost", flags) + amora + `cd tests/cli && ` + test + ` -count=1 -timeout 10m .
`
}

func sequences(test, those, flags string) string {
	return `cd tests/sequences && ` + test + ` -c -ldflags="-s -w" -o ROOT/.rehearsal/bin/sequences.test
cd tests/sequences && names=$(ROOT/.rehearsal/bin/sequences.test -test.list ` + those + ` | grep ^Test) && \
  for test in $names; do \
  ROOT/.rehearsal/bin/sequences.test -test.timeout 60m -test.run "^$test$" ` + flags + ` || exit 1; done
`
}

func rest(tests string) string {
	return `cd internal/rehearsal && ROOT/.rehearsal/bin/rehearsal.test -test.timeout 60m ` +
		`-test.skip '^TestARunThatIsKilledAtAnyMomentIsTakenUpAgain$|^TestADeploymentThatFailsAtAnyCallConverges$/` +
		`^(dev|prod|dev-hivemq|prod-hivemq|dev-vernemq|prod-vernemq)$' -test.run ` + tests + "\n"
}
