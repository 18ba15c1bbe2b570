# Ferry: the commands of every day. Each works on a Debian 12 machine that has only git and make.
PREFIX ?= /usr/local
DESTDIR ?=

.DEFAULT_GOAL := build
.PHONY: build demo demo-cluster run test test-long tsan coverage valgrind sim sim-long sim-planted-bugs bench bench-device bench-operator faults fuzz install clean help

build: ## compile the programs into build/dev (installs missing Debian packages first)
	@scripts/install-deps build
	@scripts/build dev programs

demo: build ## one minute: start the platform, move a file each way, show it, stop; TLS=1: over TLS
	@scripts/demo $(if $(TLS),--tls) build/dev

demo-cluster: build ## two minutes: PostgreSQL, RADOS Gateway, a broker, four workers, 1,000 devices; three of them are killed
	@scripts/install-deps test
	@scripts/demo-cluster build/dev

run: build ## keep a platform running on this machine (data in ./data)
	@scripts/run build/dev

test: ## all tests and checks, also under the sanitizers
	@scripts/install-deps test
	@scripts/run-tests

test-long: ## the same with the long kill tests and real waiting times
	@scripts/install-deps test
	@scripts/run-tests --long

tsan: ## data races: the unit tests and those of server and broker under ThreadSanitizer
	@scripts/install-deps test
	@scripts/run-tests tsan-build tsan-unit tsan-system

valgrind: ## the short unit tests under memcheck: what is read before it was written, what is lost
	@scripts/install-deps test
	@scripts/run-tests valgrind-build valgrind-unit

coverage: ## which lines and branches the tests run, by folder; line by line in build/coverage/html
	@scripts/install-deps coverage
	@scripts/coverage

sim: ## the whole system on simulated time: SEED=n STEPS=n, PLAN='...' or TRANSFERS=n; TRACE=1: everything that happens
	@scripts/install-deps build
	@scripts/build release sim
	@build/release/tests/sim/sim $(if $(TRANSFERS),--first $(or $(SEED),1) --transfers $(TRANSFERS),--plan "seed=$(or $(SEED),1) $(if $(STEPS),steps=$(STEPS)) $(PLAN)" $(if $(TRACE),--trace))

sim-long: ## the same for ten million transfers (an hour), at low priority
	@nice $(MAKE) --no-print-directory sim TRANSFERS=10000000

sim-planted-bugs: ## plants bugs in copies of the source and shows that the simulation finds each
	@scripts/install-deps build
	@scripts/sim-planted-bugs

BENCHES = store broker signalling objects memory device webhooks events

bench: $(BENCHES:%=bench-%) ## all benchmarks but the long ones, each against its peer by turns

bench-%: ## one of them: store broker signalling objects memory device webhooks events; fleet growth operator scaling workers soak (long)
	@scripts/install-deps bench
	@scripts/build release all
	@mkdir -p build/bench
	@bench/$* build/release

faults: ## kills, bad disks, bad networks, bad clocks under load, for SECONDS (3600); figures in build/faults
	@scripts/install-deps test
	@scripts/build ci all
	@scripts/faults build/ci --seconds $(or $(SECONDS),3600)

fuzz: fuzz-all ## looks for inputs that break a parser, SECONDS (600) for each; figures in docs/fuzzing.md

fuzz-%: ## one of the targets of tests/fuzz, e.g. make fuzz-message SECONDS=60
	@scripts/install-deps test
	@scripts/build fuzz fuzzers
	@scripts/fuzz $* --seconds $(or $(SECONDS),600)

install: ## build for release and install (PREFIX, DESTDIR)
	@scripts/install-deps build
	@scripts/build release programs -DCMAKE_INSTALL_PREFIX="$(PREFIX)"
	@DESTDIR="$(DESTDIR)" cmake --install build/release

clean: ## remove everything that was built
	rm -rf build

help: ## this list
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile
