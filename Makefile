# One place for every command: people type them, .ci/run calls them.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --warn-undefined-variables

# What `make run` passes to the server and `make test` to pytest, as in `make run ARGS='--port 0'`.
ARGS ?=
# Not empty: `make bench` takes a first look only.
QUICK ?=
# How often `make test-conformance` kills the server under each client; 4 when empty.
KILLS ?=
# Not empty: `make torture` takes 90 seconds.
SHORT ?=
# The Python to use; by default the newest that runs.
PYTHON ?=
export PYTHON

# No Python but the machine's own, and the machine's own certificates.
export UV_PYTHON_DOWNLOADS := never
export UV_SYSTEM_CERTS := 1
# An activated environment elsewhere must not take part.
unexport VIRTUAL_ENV UV_PROJECT_ENVIRONMENT
# Go and buf want a home for their caches, also where the environment is empty.
export HOME := $(or $(value HOME),$(CURDIR)/.tools/home)

bin := .venv/bin
uv := .tools/bin/uv
buf := $(bin)/buf
baseline := protos/baseline.binpb
grpcurl_version := 1.9.3

.PHONY: help
help: ## Show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: .venv/.synced ## Make .venv, with everything that running, testing and linting need

.venv/.synced: pyproject.toml uv.lock scripts/setup
	@scripts/setup

.PHONY: run
run: setup ## Serve the example handlers, which may read this checkout, on 127.0.0.1:50051 (options in ARGS)
	@exec $(bin)/millhand serve --files-root . $(ARGS)

.PHONY: demo
demo: setup ## Show what it does: a server, a varied set of tasks on real files, results as they come
	@$(bin)/python examples/demo.py

.PHONY: test
test: setup .tools/bin/grpcurl clients ## Run the tests (options in ARGS), those of the clients' toolchains that are there too
	@scripts/clients test
	@GRPCURL=$${GRPCURL:-$$(ls $(CURDIR)/.tools/bin/grpcurl 2> /dev/null || true)} $(bin)/python -m pytest $(ARGS)

# The README's commands are tested with the real grpcurl. Without Go those tests are skipped, or fail under CI.
.tools/bin/grpcurl:
	@mkdir -p .tools/bin
	@if command -v go > /dev/null; then \
	  GOBIN=$(CURDIR)/.tools/bin GOFLAGS=-modcacherw go install -ldflags '-X main.version=v$(grpcurl_version)' \
	    github.com/fullstorydev/grpcurl/cmd/grpcurl@v$(grpcurl_version) \
	    || { echo 'grpcurl cannot be installed: the tests that need it are skipped.' >&2; test -z "$${MILLHAND_CI:-}"; }; \
	else \
	  echo 'There is no Go here to install grpcurl with: the tests that need it are skipped.' >&2; \
	fi

.PHONY: clients
clients: setup ## Build the clients in other languages, and their conformance programs, where the toolchain is there
	@scripts/clients build conformance

.PHONY: test-conformance
test-conformance: clients ## Play the conformance cases with every client that is built (LANG=go: with that one)
	@MILLHAND_KILLS=$(KILLS) CONFORMANCE_LANG='$(if $(filter environment,$(origin LANG)),,$(LANG))' $(bin)/python -m pytest tests/conformance $(ARGS)

.PHONY: bench-clients
bench-clients: clients ## Measure tasks a second through one connection of each client that is built (options in ARGS)
	@$(bin)/python -m tests.conformance.rates $(ARGS)

.PHONY: bench
bench: setup ## Measure speed against bare servers and other queues, in 17 minutes (QUICK=1: in 3; options in ARGS)
	@$(bin)/python -m tests.bench $(if $(QUICK),--quick) $(ARGS)

.PHONY: torture
torture: setup ## Kill a server 300 times at work, and check what it promises, in half an hour (SHORT=1: in 90 seconds; options in ARGS)
	@exec $(bin)/python -m tests.torture $(if $(SHORT),--seconds 60) $(ARGS)

.PHONY: fmt
fmt: setup ## Rewrite code and protos in the house format
	$(bin)/ruff format
	$(bin)/ruff check --fix
	$(buf) format --write protos
	scripts/clients fmt

.PHONY: lint
lint: setup breaking ## Check format, style, types, the direction of imports, the contract, the lock file
	$(bin)/ruff check
	$(bin)/ruff format --check
	$(bin)/mypy
	$(bin)/lint-imports
	$(buf) lint
	$(buf) format --diff --exit-code protos
	$(uv) lock --check
	scripts/clients lint

.PHONY: breaking
breaking: setup ## Check that the contract still serves clients of the last release
	$(buf) breaking protos --against $(baseline)

.PHONY: baseline
baseline: setup ## Make today's contract the one that `breaking` compares with (a release, and nothing else)
	$(buf) build protos --exclude-source-info --output $(baseline)

.PHONY: gen
gen: .venv-gen/.synced ## Generate code from the contract
	scripts/generate
	scripts/clients gen

.PHONY: gen-check
gen-check: .venv-gen/.synced ## Check that the committed code is what the contract generates
	scripts/generate --check
	scripts/clients gen-check

# Apart from .venv, because the generator is held at old versions (pyproject.toml says why).
.venv-gen/.synced: .venv/.synced
	UV_PROJECT_ENVIRONMENT=.venv-gen $(uv) sync --locked --no-dev --group codegen --no-install-project \
	  --python $(bin)/python
	@touch $@

.PHONY: clean
clean: ## Remove everything that git does not keep but databases
	rm -rf .venv .venv-gen .tools build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
