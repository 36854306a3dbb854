# make rehearse [STACK=prod] [SET="capacity.minNodes=5 emqx.vcpu=2"]   deploy against a stand-in for Azure
# make test                                                             every test; installs the real parts where it can
# make test-sequences [SEED=$RANDOM]                                    the 504 sequences of edits and faults alone, with another seed
# make review [BASE=main]                                               what this working tree changes on each stack: a pull request's comment
# make bench [COLD=1]                                                   the figures of docs/figures.md

# As Pulumi builds the program: otherwise the Azure SDK is compiled twice.
export GOFLAGS = -trimpath -buildvcs=false
STACK ?= dev
BASE ?= main
AMORA = .rehearsal/bin/amora

.PHONY: rehearse review test test-program test-realparts test-manifests test-collector test-sequences lint install bench clean

# -v names each package as it compiles: the first build takes minutes.
rehearse:
	go build -v -o $(AMORA) ./cmd/amora
	$(AMORA) rehearse up --stack $(STACK) $(addprefix --set ,$(SET))

review:
	@pipelines/review.sh $(BASE); status=$$?; cat .rehearsal/review/review.md; exit $$status

test: install lint
	$(MAKE) --jobs 2 --output-sync=target test-program test-realparts test-manifests test-collector test-sequences

test-program: # the rehearsal's own tests without the race detector: most of their time is the engine's, and under it they take four times as long
	go test -race -timeout 20m -run 'TestAStackComesUp|TestAThrottled|TestARunThatWasKilled' ./internal/rehearsal
	go test -race -timeout 40m $$(go list ./... | grep -v /internal/rehearsal$$)
	go test -timeout 75m ./internal/rehearsal

test-realparts: # apart: tests of the scripts keep the machine busy, and the others look at the clock
	cd tests/realparts && go test -race -timeout 30m -parallel 8 -skip VerneMQ ./...
	cd tests/realparts && go test -race -timeout 30m -run VerneMQ ./...

test-manifests:
	cd tests/manifests && go test -race ./...

test-collector: # without the race detector: it would compile the whole collector once more, which takes minutes
	cd tests/collector && go test -timeout 30m ./...

# Without the race detector, which would halve the sequences that the time is enough for; the program's own tests have it. Each test in a process of
# its own: of each run the engine keeps a megabyte or two until its process ends.
test-sequences:
	cd tests/sequences && tests=$$(go test -list ^Test) && for test in $$(echo "$$tests" | grep ^Test); do echo $$test; go test -timeout 30m -run "^$$test$$" $(addprefix -rapid.seed=,$(SEED)) || exit 1; done

lint:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "gofmt would change: $$unformatted"; exit 1; }
	go vet ./...
	cd tests/realparts && go vet ./...
	cd tests/manifests && go vet ./...
	cd tests/collector && go vet ./...
	cd tests/sequences && go vet ./...
	cd tools && go build -o ../.rehearsal/bin/staticcheck honnef.co/go/tools/cmd/staticcheck
	.rehearsal/bin/staticcheck ./...
	cd tests/realparts && ../../.rehearsal/bin/staticcheck ./...
	cd tests/manifests && ../../.rehearsal/bin/staticcheck ./...
	cd tests/collector && ../../.rehearsal/bin/staticcheck ./...
	cd tests/sequences && ../../.rehearsal/bin/staticcheck ./...
	pipelines/lint.sh

# Debian's packages with the real HAProxy, Mosquitto, PostgreSQL, Redis and Erlang, and Microsoft's language service for queries. Without them
# their tests skip, and say so.
install:
	@tests/realparts/install.sh
	@! command -v npm >/dev/null || (cd tests/kql && npm ci --silent --no-audit --no-fund) || test "$$CI" != true

bench:
	go run ./internal/bench $(if $(COLD),-cold)

clean:
	rm -rf .rehearsal
