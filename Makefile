# `make` lists the targets. tools/requirements pins the tools that they use. Tools and
# data go into .local, builds into target and .aws-sam. Nothing is installed elsewhere.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# The port of the local AWS.
export PORT ?= 4566

VENV := .local/venv
SAM := $(VENV)/sam/bin
EMULATOR := $(VENV)/emulator/bin
LINT := $(VENV)/lint/bin
NODE_PEER := .local/bench/node/dist/handler.cjs
RUST_PEER := .local/bench/rust/release/rust-peer
FUNCTIONS := hello-world order-service inventory-service
# `sam build` finds cargo-lambda on the PATH.
WITH_SAM := PATH="$(CURDIR)/$(SAM):$$PATH" SAM_CLI_TELEMETRY=0
# Cargo's tools are installed into .local/cargo.
INSTALL := cargo install --quiet --debug --locked --root .local/cargo
WITH_CARGO_TOOLS := PATH="$(CURDIR)/.local/cargo/bin:$$PATH"

# Another machine links programs for arm64 with the cross compiler of Debian and Ubuntu.
ifeq ($(filter aarch64 arm64,$(shell uname -m)),)
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER ?= aarch64-linux-gnu-gcc
endif
# Builds the functions like `sam build`, into target/lambda.
BUILD_FUNCTIONS := $(WITH_SAM) cargo lambda build --release --locked $(FUNCTIONS:%=--package %)

# The operator's program, on the stack that STACK names or on the local one. `sam deploy` uses the region
# of samconfig.toml, whatever the region of the shell is.
SHOP = cargo run --quiet --locked --package shop --
SHOP_STACK = $(if $(STACK),--stack $(STACK) $(addprefix --region ,$(shell python3 tools/samconfig.py $(STACK))))

##@ Run on this machine

.PHONY: run
run: $(SAM)/.installed $(EMULATOR)/.installed ## Build, deploy to a local AWS and load the seed data (PORT=4566)
	@$(SAM)/python tools/stack.py run

.PHONY: demo
demo: $(SAM)/.installed ## Restock, ship and cancel, and show the stock (on AWS: STACK=name)
	@$(SAM)/python tools/demo.py $(STACK)

.PHONY: stop
stop: ## Stop the local AWS and delete its data
	@if [[ -x $(SAM)/python ]]; then $(SAM)/python tools/stack.py stop; else echo 'The local AWS is not running'; fi

.PHONY: seed
seed: $(SAM)/.installed ## Load the seed data (on AWS: STACK=name)
	@$(SAM)/python tools/seed.py $(STACK)

.PHONY: backfill
backfill: $(SAM)/.installed ## Add list keys and opening ledger entries to an older stack (on AWS: STACK=name)
	@$(SAM)/python tools/backfill.py $(STACK)

.PHONY: console
console: ## Serve a page that shows the stack live (CONSOLE_PORT=8080; on AWS: STACK=name)
	@$(SHOP) console --port $(or $(CONSOLE_PORT),8080) $(SHOP_STACK)

.PHONY: watch
watch: ## Print each change of an order's status as it happens (on AWS: STACK=name)
	@$(SHOP) watch $(SHOP_STACK)

.PHONY: load
load: ## Send load to a stack (RATE=20 FOR=60; on AWS: STACK=name)
	@$(SHOP) load --rate $(or $(RATE),20) --for $(or $(FOR),60) $(or $(SHOP_STACK),--local .local/stack.json)

.PHONY: audit
audit: ## Check that orders, stock and ledger agree (on AWS: STACK=name)
	@$(SHOP) audit $(SHOP_STACK)

.PHONY: redrive
redrive: $(SAM)/.installed ## Redrive the dead-letter queues (DRY=1, ALL=1, STUCK=seconds; on AWS: STACK=name)
	@$(SAM)/python tools/redrive.py $(if $(DRY),--dry) $(if $(ALL),--all) $(if $(STUCK),--stuck $(STUCK)) $(STACK)

.PHONY: replay
replay: $(SAM)/.installed ## Replay archived events on AWS (FROM=time TO=time STACK=name)
	@$(SAM)/python tools/replay.py $(FROM) $(TO) $(STACK)

##@ Deploy to AWS

# An environment of samconfig.toml: default, staging or prod.
CONFIG ?= default

.PHONY: build
build: $(SAM)/.installed ## Build the functions for AWS (CONFIG=default|staging|prod)
	@$(WITH_SAM) sam build --config-env $(CONFIG) \
		--parameter-overrides "$$($(SAM)/python tools/architecture.py overrides $(CONFIG) build)"
	@$(SAM)/python tools/architecture.py check $(CONFIG) .aws-sam/build

.PHONY: deploy
deploy: build ## Build and deploy to AWS (CONFIG=default|staging|prod, ARGS="sam deploy's options")
	@$(WITH_SAM) sam deploy --config-env $(CONFIG) \
		--parameter-overrides "$$($(SAM)/python tools/architecture.py overrides $(CONFIG) deploy)" $(ARGS)

##@ Test and measure

.PHONY: test
test: ## Run the unit and integration tests
	@cargo test --locked --workspace

.PHONY: e2e
e2e: $(SAM)/.installed $(EMULATOR)/.installed $(VENV)/aws/bin/.installed $(VENV)/schemathesis/bin/.installed ## Deploy to a local AWS that enforces policies and run the end-to-end tests
	@$(SAM)/python tools/e2e.py

# The driver contains the DynamoDB engine, so the driver is compiled for speed too.
.PHONY: bench
bench: $(SAM)/.installed $(VENV)/bench/bin/.installed $(NODE_PEER) $(RUST_PEER) ## Measure the functions and update docs/performance.md (needs Node.js 20, valgrind)
	@$(BUILD_FUNCTIONS)
	@cargo run --quiet --locked --profile measure --package bench -- measure target/lambda

.PHONY: ci
ci: ## Run every check of the continuous integration (ONLY="lint test")
	@.ci/run $(ONLY)

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@ / {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z0-9-]+:.*## / {printf "  %-21s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ For maintainers

.PHONY: validate
validate: $(SAM)/.installed $(LINT)/.installed ## Validate and lint template.yaml
	@AWS_DEFAULT_REGION=eu-central-1 $(WITH_SAM) sam validate --lint
	@$(LINT)/cfn-lint template.yaml

.PHONY: test-template
test-template: $(SAM)/.installed ## Test the policies, alarms, queues, encryption and retention of template.yaml
	@$(SAM)/python -m unittest discover --start-directory tests/template

.PHONY: lint-tools
lint-tools: $(LINT)/.installed ## Check the format and style of the Python code
	@$(LINT)/ruff format --check tools tests/template bench
	@$(LINT)/ruff check tools tests/template bench

.PHONY: lint-workflows
lint-workflows: $(LINT)/.installed ## Check the schema and the security of the GitHub workflows
	@$(LINT)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(LINT)/zizmor --offline --quiet .github/workflows

.PHONY: test-tools
test-tools: $(SAM)/.installed ## Test the scripts in tools
	@cd tools && ../$(SAM)/python -m unittest --quiet

.PHONY: doc
doc: ## Build the API documentation of the crates and fail on warnings
	@RUSTDOCFLAGS="-D warnings" cargo doc --quiet --no-deps --locked --workspace

.PHONY: spell
spell: $(LINT)/.installed ## Check the spelling of all files (American English)
	@$(LINT)/typos

# A debug build of cargo-deny compiles in half the time and is fast enough.
.PHONY: deny
deny: ## Check licenses, duplicates, sources and known vulnerabilities of the dependencies
	@$(INSTALL) cargo-deny@0.20.2
	@$(WITH_CARGO_TOOLS) tools/deny.sh

.PHONY: charts
charts: ## Draw docs/charts from docs/data
	@cargo run --quiet --locked --package charts

.PHONY: charts-check
charts-check: ## Check that docs/charts match docs/data
	@cargo run --quiet --locked --package charts -- --check

.PHONY: cost
cost: ## Print the cost of a million orders and the limits at each rate
	@python3 tools/cost.py
	@python3 tools/scale.py

.PHONY: cost-write
cost-write: ## Update the cost and scale figures in docs
	@python3 tools/cost.py --write
	@python3 tools/scale.py --write

.PHONY: cost-check
cost-check: ## Check the cost and scale figures in docs
	@python3 tools/cost.py --check
	@python3 tools/scale.py --check

.PHONY: test-dynamodb-local
test-dynamodb-local: ## Run the integration tests on DynamoDB Local (needs npm, JDK 17)
	@python3 tools/dynamodb_local.py

# Settings of the storm: the number of orders, the seed of the random numbers, and
# the percentage of calls that fail.
STORM = STORM_ORDERS=$(or $(ORDERS),2000) STORM_SEED=$(or $(SEED),1) STORM_FAULTS=$(or $(FAULTS),10)

.PHONY: storm
storm: ## Place orders while calls fail and check the result (ORDERS=2000 SEED=1 FAULTS=10)
	@$(STORM) cargo test --quiet --locked --package tests --test chaos -- --nocapture

.PHONY: storm-dynamodb-local
storm-dynamodb-local: ## Run the storm on DynamoDB Local (needs npm, JDK 17)
	@$(STORM) python3 tools/dynamodb_local.py --test chaos -- --nocapture

.PHONY: invoke
invoke: $(SAM)/.installed $(EMULATOR)/.installed ## Send every file in events to its function on Lambda's runtime interface emulator
	@$(SAM)/python tools/invoke.py

.PHONY: sam-local
sam-local: build ## Send every file in events to its function with sam local invoke (needs a container engine)
	@tools/sam-local.sh $(SAM)/python .aws-sam/build

.PHONY: schemathesis
schemathesis: $(SAM)/.installed $(EMULATOR)/.installed $(VENV)/schemathesis/bin/.installed ## Deploy to a local AWS and test the API against docs/openapi.yaml
	@$(SAM)/python tools/contract.py

.PHONY: lint-console-tests
lint-console-tests: ## Check the format and the compiler and linter warnings of the browser tests
	@cargo fmt --manifest-path tests/console/Cargo.toml --check
	@cargo clippy --quiet --locked --all-targets --manifest-path tests/console/Cargo.toml --target-dir .local/console/target -- --deny warnings

.PHONY: test-console
test-console: $(SAM)/.installed $(EMULATOR)/.installed ## Test the console in a browser (needs chromium, chromium-driver, npm)
	@$(SAM)/python tools/console_test.py

.PHONY: kill-test
kill-test: $(SAM)/.installed $(EMULATOR)/.installed ## Kill processes of the functions under load (ARGS="--orders 300 --seed 1")
	@$(SAM)/python tools/kill_test.py $(ARGS)

# The time for each fuzz target.
SECONDS ?= 20
FUZZ_TARGETS := $(basename $(notdir $(wildcard fuzz/fuzz_targets/*.rs)))

# The fuzz targets run without a sanitizer, which stable compilers do not support:
# safe code can panic but not corrupt memory. New inputs go into .local/fuzz.
.PHONY: fuzz
fuzz: ## Fuzz the properties of tests/properties (SECONDS=20 each; needs a C++ compiler)
	@$(INSTALL) cargo-fuzz@0.13.2
	@export $(WITH_CARGO_TOOLS); for target in $(FUZZ_TARGETS); do \
		mkdir -p .local/fuzz/$$target; \
		cargo fuzz run --sanitizer none $$target .local/fuzz/$$target fuzz/corpus/$$target -- \
			-max_total_time=$(SECONDS) -timeout=10 -rss_limit_mb=1024 -print_final_stats=1; \
	done

# With CUSTOM_LIBFUZZER_PATH, libfuzzer is not built, so this needs no C++ compiler.
.PHONY: fuzz-check
fuzz-check: ## Check that the fuzz targets compile
	@CUSTOM_LIBFUZZER_PATH=target/not-linked cargo check --locked --manifest-path fuzz/Cargo.toml --target-dir target

# Property tests do not shrink their failures here: only pass or fail matters.
MUTANTS := $(WITH_CARGO_TOOLS) \
	PROPTEST_DISABLE_FAILURE_PERSISTENCE=true PROPTEST_MAX_SHRINK_ITERS=0 \
	cargo mutants --jobs 1 --gitignore true --exclude 'crates/*/src/main.rs' --cargo-arg=--locked
# The crates that the integration tests cover.
MUTATED := api dynamodb inventory-service lambda order-service outbox
comma := ,
empty :=
space := $(empty) $(empty)

# FILE limits the run to one file, for example crates/outbox/src/relay.rs. Another
# package tests these crates, and cargo-mutants supports no baseline for that.
.PHONY: mutants
mutants: ## Change the code in small ways and list the changes that no test detects (hours; FILE=...)
	@$(INSTALL) cargo-mutants@27.1.0
	@$(MUTANTS) --output .local/mutants/domain --package domain $(FILE:%=--file %)
	@$(MUTANTS) --output .local/mutants/functions $(FILE:%=--file %) \
		$(MUTATED:%=--package %) \
		--test-package $(subst $(space),$(comma),$(MUTATED)),tests \
		--baseline skip --timeout 300 -- --lib --test integration

.PHONY: bench-instructions
bench-instructions: $(SAM)/.installed ## Count the instructions of the functions and fail above the limits (needs valgrind)
	@$(BUILD_FUNCTIONS)
	@cargo run --quiet --locked --package bench -- instructions target/lambda

.PHONY: bench-agreement
bench-agreement: $(VENV)/bench/bin/.installed $(NODE_PEER) $(RUST_PEER) ## Check that the peers match the function (needs Node.js 20)
	@cargo build --quiet --locked --package order-service --package bench
	@target/debug/bench agreement target/debug

.PHONY: lint-rust-peer
lint-rust-peer: ## Check the format and the compiler and linter warnings of the Rust peer
	@cargo fmt --manifest-path bench/peers/rust/Cargo.toml --check
	@cargo clippy --quiet --locked --all-targets --manifest-path bench/peers/rust/Cargo.toml --target-dir .local/bench/rust -- --deny warnings

.PHONY: bench-pure
bench-pure: ## Measure parsing, pricing and serialization without AWS
	@cargo bench --quiet --locked --profile measure --package bench --bench pure

.PHONY: bench-hot
bench-hot: ## Measure designs for a product with many concurrent orders, in simulated time (ORDERS=10000)
	@cargo run --quiet --locked --profile measure --package contention -- $(or $(ORDERS),10000)

.PHONY: lock
lock: ## Pin the tools of tools/requirements/*.in with hashes (needs uv)
	@for tools in aws bench emulator lint sam schemathesis; do \
		uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
			--no-emit-index-url --custom-compile-command 'make lock' \
			--output-file tools/requirements/$$tools.txt tools/requirements/$$tools.in; \
	done

.PHONY: clean
clean: stop ## Stop the local AWS and delete all builds and tools in this folder
	@rm -rf .local .aws-sam target tools/__pycache__ tests/template/__pycache__

# A workspace of its own with the default features of its dependencies.
$(RUST_PEER): $(wildcard bench/peers/rust/* bench/peers/rust/src/*)
	@echo "==> Building the Rust peer"
	@cargo build --quiet --release --locked --manifest-path bench/peers/rust/Cargo.toml --target-dir .local/bench/rust

# esbuild does not need its install script.
$(NODE_PEER): $(wildcard bench/peers/node/*)
	@echo "==> Bundling the Node.js peer"
	@mkdir -p .local/bench/node && cp $^ .local/bench/node
	@cd .local/bench/node && npm ci --silent --ignore-scripts --no-audit --no-fund && npm run --silent build

# The requirements list every dependency, so pip resolves none (--no-deps).
$(VENV)/%/bin/.installed: tools/requirements/%.txt
	@tools/prerequisites.sh
	@echo "==> Installing the tools of $<"
	@python3 -m venv --clear $(VENV)/$*
	@$(VENV)/$*/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement $<
	@touch $@
