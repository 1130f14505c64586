# What there is to do here: `make`. Tools are pinned in tools/requirements and
# go into .local, as does everything that is built or runs; nothing is installed.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# Give PORT to have the local AWS listen elsewhere.
export PORT ?= 4566

VENV := .local/venv
SAM := $(VENV)/sam/bin
EMULATOR := $(VENV)/emulator/bin
LINT := $(VENV)/lint/bin
NODE_PEER := .local/bench/node/dist/handler.cjs
FUNCTIONS := hello-world order-service inventory-service
# `sam build` looks for cargo-lambda on the PATH.
WITH_SAM := PATH="$(CURDIR)/$(SAM):$$PATH" SAM_CLI_TELEMETRY=0

##@ Run it on this machine

.PHONY: run
run: $(SAM)/.installed $(EMULATOR)/.installed ## Build, deploy to a local AWS (PORT=4566) and load the seed data; again to redeploy
	@$(SAM)/python tools/stack.py run

.PHONY: demo
demo: $(SAM)/.installed ## Place and cancel an order on the local AWS, and show the stock
	@$(SAM)/python tools/demo.py

.PHONY: stop
stop: ## Stop the local AWS and forget its data
	@if [[ -x $(SAM)/python ]]; then $(SAM)/python tools/stack.py stop; else echo 'Nothing runs'; fi

.PHONY: seed
seed: $(SAM)/.installed ## Load the seed data; onto AWS with STACK=name
	@$(SAM)/python tools/seed.py $(STACK)

.PHONY: redrive
redrive: $(SAM)/.installed ## Put back what ended in the dead-letter queues (DRY=1, ALL=1, STUCK=seconds); on AWS with STACK=name
	@$(SAM)/python tools/redrive.py $(if $(DRY),--dry) $(if $(ALL),--all) $(if $(STUCK),--stuck $(STUCK)) $(STACK)

##@ Deploy it to AWS

# An environment of samconfig.toml: default, staging or prod.
CONFIG ?= default

.PHONY: build
build: $(SAM)/.installed ## Build the functions for AWS (CONFIG=default|staging|prod)
	@$(WITH_SAM) sam build --config-env $(CONFIG)

.PHONY: deploy
deploy: build ## Deploy them to AWS (CONFIG=..., ARGS=--guided)
	@$(WITH_SAM) sam deploy --config-env $(CONFIG) $(ARGS)

##@ Check it

.PHONY: validate
validate: $(SAM)/.installed $(LINT)/.installed ## Check template.yaml
	@AWS_DEFAULT_REGION=eu-central-1 $(WITH_SAM) sam validate --lint
	@$(LINT)/cfn-lint template.yaml

.PHONY: test-template
test-template: $(SAM)/.installed ## Check what template.yaml deploys: policies, alarms, queues, encryption, retention
	@$(SAM)/python -m unittest discover --start-directory tests/template

.PHONY: lint-tools
lint-tools: $(LINT)/.installed ## Check what is written in Python
	@$(LINT)/ruff format --check tools tests/template bench
	@$(LINT)/ruff check tools tests/template bench

.PHONY: cost
cost: ## Print what a million orders cost, and which limits a rate meets
	@python3 tools/cost.py
	@python3 tools/scale.py

.PHONY: cost-write
cost-write: ## Put these figures into docs/cost.md and docs/scale.md
	@python3 tools/cost.py --write
	@python3 tools/scale.py --write

.PHONY: cost-check
cost-check: ## Check that docs/cost.md and docs/scale.md have these figures
	@python3 tools/cost.py --check
	@python3 tools/scale.py --check

# A debug build of cargo-deny is fast enough, and made in half the time.
.PHONY: deny
deny: ## Check licences, duplicates, sources and known vulnerabilities of the dependencies
	@cargo install --quiet --debug --locked --root .local/cargo cargo-deny@0.20.2
	@PATH="$(CURDIR)/.local/cargo/bin:$$PATH" tools/deny.sh

# A story that fails needs not be made short: that it fails is all that counts.
MUTANTS := PATH="$(CURDIR)/.local/cargo/bin:$$PATH" \
	PROPTEST_DISABLE_FAILURE_PERSISTENCE=true PROPTEST_MAX_SHRINK_ITERS=0 \
	cargo mutants --jobs 1 --gitignore true --exclude 'crates/*/src/main.rs' --cargo-arg=--locked

# Give FILE to change one file only, such as crates/order-service/src/relay.rs. The
# functions are tested by another package, for which cargo-mutants takes no baseline.
.PHONY: mutants
mutants: ## Break the code in every small way, and show what no test notices (takes hours; FILE=...)
	@cargo install --quiet --debug --locked --root .local/cargo cargo-mutants@27.1.0
	@$(MUTANTS) --output .local/mutants/domain --package domain $(FILE:%=--file %)
	@$(MUTANTS) --output .local/mutants/functions $(FILE:%=--file %) \
		--package order-service --package inventory-service \
		--test-package order-service,inventory-service,tests \
		--baseline skip --timeout 300 -- --lib --test integration

.PHONY: test-dynamodb-local
test-dynamodb-local: ## Run the integration tests on DynamoDB Local (needs npm and a Java 17 JDK)
	@python3 tools/dynamodb_local.py

# How many orders, which seed, and how many of a hundred calls go wrong.
ORDERS ?= 2000
SEED ?= 1
FAULTS ?= 10

.PHONY: storm
storm: ## Place orders while calls go wrong (ORDERS=2000 SEED=1 FAULTS=10), check that all comes right, and show the figures
	@STORM_ORDERS=$(ORDERS) STORM_SEED=$(SEED) STORM_FAULTS=$(FAULTS) \
		cargo test --quiet --locked --package tests --test storm -- --nocapture

.PHONY: storm-dynamodb-local
storm-dynamodb-local: ## The same on DynamoDB Local (needs npm and a Java 17 JDK)
	@STORM_ORDERS=$(ORDERS) STORM_SEED=$(SEED) STORM_FAULTS=$(FAULTS) \
		python3 tools/dynamodb_local.py --test storm -- --nocapture

.PHONY: invoke
invoke: $(SAM)/.installed $(EMULATOR)/.installed ## Hand every file in events to its function, on Lambda's runtime interface emulator
	@$(SAM)/python tools/invoke.py

.PHONY: e2e
e2e: $(SAM)/.installed $(EMULATOR)/.installed $(VENV)/aws/bin/.installed $(VENV)/schemathesis/bin/.installed ## Deploy to a local AWS that enforces policies, and run the end-to-end tests and schemathesis
	@$(SAM)/python tools/e2e.py

.PHONY: kill-test
kill-test: $(SAM)/.installed $(EMULATOR)/.installed ## Kill processes of the functions under load (ARGS="--orders 300 --seed 1")
	@$(SAM)/python tools/kill_test.py $(ARGS)

.PHONY: test-tools
test-tools: $(SAM)/.installed ## Test the scripts in tools
	@cd tools && ../$(SAM)/python -m unittest --quiet

.PHONY: schemathesis
schemathesis: $(SAM)/.installed $(EMULATOR)/.installed $(VENV)/schemathesis/bin/.installed ## Deploy to a local AWS, and look for an answer that docs/openapi.yaml does not announce
	@$(SAM)/python tools/contract.py

# How long each fuzz target runs.
SECONDS ?= 20
FUZZ_TARGETS := $(basename $(notdir $(wildcard fuzz/fuzz_targets/*.rs)))

# Without a sanitizer, whose flags no stable compiler takes: what safe code can
# do wrong is to panic. Inputs that lead to new paths go into .local/fuzz.
.PHONY: fuzz
fuzz: ## Look for outside data that breaks a property of tests/properties (SECONDS=20 each; needs a C++ compiler)
	@cargo install --quiet --debug --locked --root .local/cargo cargo-fuzz@0.13.2
	@export PATH="$(CURDIR)/.local/cargo/bin:$$PATH"; for target in $(FUZZ_TARGETS); do \
		mkdir -p .local/fuzz/$$target; \
		cargo fuzz run --sanitizer none $$target .local/fuzz/$$target fuzz/corpus/$$target -- \
			-max_total_time=$(SECONDS) -timeout=10 -rss_limit_mb=1024 -print_final_stats=1; \
	done

# The fuzzer itself is not built for it, so this needs no C++ compiler.
.PHONY: fuzz-check
fuzz-check: ## Check that the fuzz targets compile
	@CUSTOM_LIBFUZZER_PATH=target/not-linked cargo check --locked --manifest-path fuzz/Cargo.toml --target-dir target

.PHONY: sam-local
sam-local: build ## Hand every file in events to its function with sam local invoke (needs a container engine)
	@tools/sam-local.sh $(SAM)/python .aws-sam/build

##@ Measure it

# The engine runs in the driver, so that has to be fast as well.
.PHONY: bench
bench: $(VENV)/bench/bin/.installed $(NODE_PEER) ## Measure the functions and their peers; writes docs/performance.md (needs Node.js 20 and valgrind)
	@cargo build --locked --release $(FUNCTIONS:%=--package %)
	@cargo run --quiet --locked --profile measure --package bench -- measure target/release

.PHONY: bench-instructions
bench-instructions: ## Count the functions' instructions, and fail above the limits (needs valgrind)
	@cargo build --locked --release $(FUNCTIONS:%=--package %)
	@cargo run --quiet --locked --package bench -- instructions target/release

.PHONY: bench-agreement
bench-agreement: $(VENV)/bench/bin/.installed $(NODE_PEER) ## Check that the peers answer as the function does (needs Node.js 20)
	@cargo build --quiet --locked --package order-service --package bench
	@target/debug/bench agreement target/debug

.PHONY: bench-pure
bench-pure: ## Measure reading, pricing and writing without AWS
	@cargo bench --quiet --locked --profile measure --package bench --bench pure

.PHONY: bench-hot
bench-hot: ## Measure the designs for a product that everybody wants, on virtual time (ORDERS=10000)
	@cargo run --quiet --locked --profile measure --package bench-hot -- $(or $(ORDERS),10000)

.PHONY: ci
ci: ## Check everything
	@.ci/run

##@ Look after it

.PHONY: lock
lock: ## Pin the tools of tools/requirements/*.in with their hashes (needs uv)
	@for tools in aws bench emulator lint sam schemathesis; do \
		uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
			--no-emit-index-url --custom-compile-command 'make lock' \
			--output-file tools/requirements/$$tools.txt tools/requirements/$$tools.in; \
	done

.PHONY: clean
clean: stop ## Stop the local AWS, and delete everything that is built or installed here
	@rm -rf .local .aws-sam target tools/__pycache__ tests/template/__pycache__

.PHONY: help
help: ## Show this
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@ / {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z0-9-]+:.*## / {printf "  %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# esbuild works without the script that npm would run after installing it.
$(NODE_PEER): $(wildcard bench/peers/node/*)
	@echo "==> Bundling the peer in Node.js"
	@mkdir -p .local/bench/node && cp $^ .local/bench/node
	@cd .local/bench/node && npm ci --silent --ignore-scripts --no-audit --no-fund && npm run --silent build

# The locks are whole, so pip has nothing to resolve (--no-deps).
$(VENV)/%/bin/.installed: tools/requirements/%.txt
	@tools/prerequisites.sh
	@echo "==> Installing the tools of $<"
	@python3 -m venv --clear $(VENV)/$*
	@$(VENV)/$*/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement $<
	@touch $@
