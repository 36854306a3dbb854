# make rehearse [STACK=prod] [SET="broker=hivemq-aks"]   deploy against a stand-in for Azure
# make check                     for every save: formatting, vet and the quick tests
# make test                      every test that needs nothing but this machine; installs the real parts
# make test-deep [SEED=4711]     the long tests of every night: other sequences, long ones, races, the real CLI
# make test-brokers              real brokers, in folders that tests/brokers/homes.sh fetches with Docker; as root
# make test-brokers-long         the same with more restarts, and for longer
# make test-cli                  the program under the Pulumi CLI and its Go language host
# make review [BASE=main]        what this working tree changes on each stack: a pull request's comment
# make generate                  what is written by programs: references, pictures, the ARM template, golden files
# make bench                     the figures of docs/figures.md

# The same for everything that builds: with others the Azure SDK is compiled once more. The SDK without inlining, and all
# else without data for debuggers, a first build takes a quarter less.
export GOFLAGS := $(shell cat pipelines/goflags)
# Where there is memory for it, compiler and tests collect garbage less often: a quarter less CPU, half as much memory
# more.
ifndef GOGC
export GOGC := $(shell awk '/^MemAvailable/ && $$2 > 14e6 { print 400 }' /proc/meminfo 2>/dev/null)
endif
STACK ?= dev
BASE ?= main
SEED ?= $(shell od -An -N4 -tu4 /dev/urandom | tr -d ' ')
BIN = .rehearsal/bin
AMORA = $(BIN)/amora

# Each has its own module file, so that its libraries stay out of the program's.
MODULES = tests/realparts tests/manifests tests/collector tests/sequences tests/cli tests/brokers

.PHONY: amora rehearse review check test test-deep test-program test-rehearsal test-races test-realparts \
        test-manifests test-collector test-brokers test-brokers-long test-without-brokers test-sequences \
        test-terminal test-cli format lint install generate bench clean

amora:
	@pipelines/build.sh $(AMORA) ./cmd/amora

rehearse: amora
	$(AMORA) rehearse up --stack $(STACK) $(addprefix --set ,$(SET))

review:
	@pipelines/review.sh $(BASE); status=$$?; cat .rehearsal/review/review.md; exit $$status

check: format
	go vet ./...
	go test -short -vet=off ./...

PARTS = test-program test-rehearsal test-realparts test-manifests test-collector test-without-brokers test-sequences \
        test-terminal
# Vet has been run by lint.
TEST = go test -vet=off
test: install lint amora
	$(MAKE) --jobs 2 --output-sync=target $(PARTS) test-races

test-program:
	packages=$$(go list ./...) && $(TEST) -timeout 20m $$(echo "$$packages" | grep -v /internal/rehearsal$$)

# In several processes: of each run the engine keeps some megabytes until its process ends.
STACKS = dev prod dev-hivemq prod-hivemq dev-vernemq prod-vernemq
FAILING = ^TestADeploymentThatFailsAtAnyCallConverges$$
KILLED = ^TestARunThatIsKilledAtAnyMomentIsTakenUpAgain$$
REST = cd internal/rehearsal && $(CURDIR)/$(BIN)/rehearsal.test -test.timeout 60m \
       -test.skip '$(KILLED)|$(FAILING)/^($(subst $() ,|,$(STACKS)))$$' -test.run
test-rehearsal:
	$(TEST) -c -ldflags="-s -w" -o $(BIN)/rehearsal.test ./internal/rehearsal
	cd internal/rehearsal && for stack in $(STACKS); do \
	  $(CURDIR)/$(BIN)/rehearsal.test -test.run "$(FAILING)/^$$stack$$" || exit 1; done
	cd internal/rehearsal && $(CURDIR)/$(BIN)/rehearsal.test -test.run "$(KILLED)"
	$(REST) '^TestA[A-R]'
	$(REST) '^TestA[^A-R]'
	$(REST) '^Test[^A]'

# The largest edits, interrupted at every call, take as long as all the rest: they are for every night.
SEQUENCES =
THOSE = ^TestNothingIsLost
test-sequences:
	cd tests/sequences && $(TEST) -c -ldflags="-s -w" -o $(CURDIR)/$(BIN)/sequences.test
	cd tests/sequences && names=$$($(CURDIR)/$(BIN)/sequences.test -test.list $(THOSE) | grep ^Test) && \
	  for test in $$names; do \
	  $(CURDIR)/$(BIN)/sequences.test -test.timeout 60m -test.run "^$$test$$" $(SEQUENCES) || exit 1; done

# Where there is concurrency of ours, and nothing that needs the Azure SDK, which the race detector would compile anew.
test-races:
	go test -race -vet=off ./internal/rehearsal/engine
	go test -race -vet=off -run 'InParallel|AtOnce|AtATime' ./internal/rehearsal/standin
	cd tests/realparts && go test -race -vet=off -run 'TestABrokerThatIs|TestEachCheck|TestALoad' .

test-realparts:
	cd tests/realparts && $(TEST) -timeout 20m -parallel 4 ./...

test-manifests:
	cd tests/manifests && $(TEST) ./...

test-collector:
	cd tests/collector && $(TEST) -timeout 20m ./...

# What the real brokers' tests hold without starting one.
test-without-brokers:
	cd tests/brokers && $(TEST) -short ./...

# Without a broker its tests skip, and say what is missing. One package at a time: they measure times. Go does not see
# when the brokers change (-count=1).
test-brokers:
	cd tests/brokers && go test -vet=off -count=1 -v -p 1 -timeout 60m ./...

# Twenty restarts, updates of 90 seconds, cuts of three minutes, a database that is away for five.
test-brokers-long:
	cd tests/brokers && go test -vet=off -count=1 -v -timeout 120m ./emqx -restarts 20 -overlap 90s -cut 3m
	cd tests/brokers && go test -vet=off -count=1 -v -timeout 60m ./vernemq -outage 5m
	cd tests/brokers && go test -vet=off -count=1 -v ./hivemq

# Go takes a result for the same as long as nothing below tests/cli changed, whatever became of the programs (-count=1).
test-terminal: amora
	cd tests/cli && $(TEST) -count=1 -timeout 10m .

PULUMI = github.com/pulumi/pulumi
# By the pulumi on PATH and its Go language host. Where there is none, the CLI is built, and the program attached to it.
test-cli: amora
	command -v pulumi >/dev/null || (cd tools/pulumi && version=$$(go list -m -f '{{.Version}}' $(PULUMI)/pkg/v3) && \
	  go build -ldflags "-s -w -X $(PULUMI)/sdk/v3/go/common/version.Version=$$version" \
	  -o $(CURDIR)/.rehearsal/engine/bin/pulumi $(PULUMI)/pkg/v3/cmd/pulumi)
	cd tests/cli && go test -vet=off -count=1 -v -timeout 60m ./pulumi

# Azure's own CLI reads each command line of `amora probe`, and runs none.
AZ = .rehearsal/az
test-az:
	test -x $(AZ)/bin/az || (python3 -m venv $(AZ) && $(AZ)/bin/pip install --quiet azure-cli==2.91.0)
	AZ_PYTHON=$(CURDIR)/$(AZ)/bin/python $(TEST) -count=1 -run TestTheRealAz ./internal/probes

test-deep: install test-cli test-az
	$(MAKE) test-sequences THOSE=^Test SEQUENCES="-rapid.seed=$(SEED) -rapid.checks=84"
	$(MAKE) test-sequences SEQUENCES="-rapid.seed=$(SEED) -rapid.checks=3 -rapid.steps=60"
	$(TEST) -timeout 60m ./internal/rehearsal -run '^TestALossThatIsAgreedTo' -samples 20
	$(MAKE) $(PARTS) TEST="$(TEST) -race" GOGC=100 SEQUENCES=-rapid.checks=3 # races take memory

format:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || \
	  { echo "gofmt would change: $$unformatted"; exit 1; }

lint: format
	cd tools && go build -o ../$(BIN)/staticcheck honnef.co/go/tools/cmd/staticcheck
	for module in . $(MODULES); do (cd $$module && go vet ./... && $(CURDIR)/$(BIN)/staticcheck ./...) || exit 1; done
	pipelines/lint.sh

# Debian's packages with the real HAProxy, Mosquitto, PostgreSQL, Redis and Erlang, and Microsoft's language service for
# queries. Without them their tests skip, and say so.
install:
	@tests/realparts/install.sh
	@! command -v npm >/dev/null || (cd tests/kql && npm ci --silent --no-audit --no-fund) || test "$$CI" != true

# What is written by programs of this repository, and held by tests.
generate: amora
	go run ./internal/configdoc
	go run ./internal/picture
	go run ./internal/dashboard
	go test -vet=off -run 'TheReviewedOnes|AsItsGoldenFileShows' ./stacks ./internal/review -update
	$(AMORA) arm

bench: # CPU seconds and times of the rehearsal; docs/figures.md says how the others were measured
	go test -vet=off -run '^$$' -bench . -benchtime 5x ./internal/rehearsal

clean:
	rm -rf .rehearsal
