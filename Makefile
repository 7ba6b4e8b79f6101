# An index of what can be done here. Each check is written in .ci/run, which
# needs no make.

.PHONY: help test race fuzz lint lint-world seeded golangci sam interop interop-all conformance conformance-python history bench bench-peers bench-peers-quick bench-fleet million crash soak fleet fleet-suites fleet-soak e2e e2e-million ci

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-19s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

test: ## run the tests; needs Go, and leaves out what needs PostgreSQL without it
	go test ./...

lint-world: ## run perdure lint and go vet on std and twenty modules
	.ci/run lint_world

seeded: ## explore with each bug that is seeded in the SDK and in the engine
	.ci/run seeded

golangci: ## build a golangci-lint with the linter in it, and run it
	.ci/run golangci

race: ## run the short tests under the race detector
	.ci/run race

lint: ## check formatting, go vet, staticcheck and perdure lint
	.ci/run lint

sam: ## let AWS SAM validate and build the order example
	.ci/run sam

interop: ## run AWS's SDKs and tools for other languages against the engine
	.ci/run interop

interop-all: ## the same and functions in Rust; needs Cargo
	.ci/run interop_all

conformance: ## run AWS's conformance requirements
	.ci/run conformance

conformance-python: ## the same with AWS's Python SDK, which judges the engine alone
	.ci/run conformance_python

bench: ## measure; compare two outputs with benchstat
	go test -run '^$$' -bench . -benchmem -count 6 ./...

bench-peers: ## measure beside Restate and DBOS; writes docs/benchmarks.md
	.ci/run bench_peers

bench-fleet: ## measure nodes on one PostgreSQL beside DBOS; writes docs/benchmarks-fleet.md
	.ci/run bench_fleet

bench-peers-quick: ## the same in three minutes, for the screen
	.ci/run bench_peers_quick

history: ## look at the plans of all queries beside ten million executions in PostgreSQL
	.ci/run history

million: ## test the engine beside a million rows
	.ci/run million

crash: ## kill engine and function at random moments, many times
	.ci/run crash

fuzz: ## run every fuzz target for five minutes, or for FUZZTIME
	.ci/run fuzz

soak: ## kill the engine for five minutes while 10,000 executions sleep and 1,000 run
	go test -count=1 -v -timeout 30m -run Soak ./test/survival -soak 5m

fleet: ## kill nodes, functions, networks and PostgreSQL under load; needs PostgreSQL
	.ci/run fleet

fleet-suites: ## run conformance and interop against a fleet of two
	.ci/run fleet_suites

fleet-soak: ## the same as fleet for ten minutes, and 10,000 orders
	.ci/run fleet_soak

e2e: ## drive the page in Chromium; takes pictures of it
	.ci/run e2e

e2e-million: ## open lists of a million executions in Chromium
	.ci/run e2e_million

ci: ## run everything that a change must pass
	.ci/run
