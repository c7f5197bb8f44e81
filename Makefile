# Everything here works on a fresh machine with Python >= 3.11 (venv), git and make.
# A stamp file stands for an installed lock, so a target sets up only what changed.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
# Four tests at a time, on two cores as well: many of them wait for a process of their own. Tests of
# one file stay together, because they share servers, and files keep the order of conftest.py.
PYTEST := $(BIN)/pytest -n 4 --dist loadfile --no-loadscope-reorder

export UV_SYSTEM_CERTS := 1
export UV_COMPILE_BYTECODE := 1
export UV_NO_PROGRESS := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export GX_ANALYTICS_ENABLED := false

INSTALL := $(UV) pip install --quiet --python $(BIN)/python --build-constraints requirements/build.txt
COMPILE := $(UV) pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-annotate --custom-compile-command "make lock"

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- set-up -----------------------------------------------------------------

.PHONY: setup
setup: $(VENV)/.dev ## Install everything that tests and checks need into .venv

$(VENV)/.uv: requirements/bootstrap.txt
	@echo "setting up $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 …"; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --require-hashes -r requirements/bootstrap.txt
	@touch $@

# What running the platform needs; the small half.
$(VENV)/.platform: $(VENV)/.uv requirements/platform.txt requirements/build.txt pyproject.toml
	@echo "installing requirements/platform.txt"
	@$(INSTALL) --require-hashes -r requirements/platform.txt
	@$(INSTALL) --no-deps --editable .
	@touch $@

# The same versions plus engines and tools.
$(VENV)/.dev: $(VENV)/.platform requirements/dev.txt
	@echo "installing requirements/dev.txt"
	@$(INSTALL) --require-hashes -r requirements/dev.txt
	@touch $@

.PHONY: lock
lock: $(VENV)/.uv ## Resolve the requirements again and write them with their hashes (UPGRADE=1 takes newer ones)
	$(COMPILE) $(if $(UPGRADE),--upgrade) pyproject.toml requirements/platform.in --extra platform --extra aws --extra postgres -o requirements/platform.txt
	$(COMPILE) $(if $(UPGRADE),--upgrade) pyproject.toml requirements/dev.in --all-extras -o requirements/dev.txt
	$(COMPILE) $(if $(UPGRADE),--upgrade) requirements/bootstrap.in -o requirements/bootstrap.txt
	$(COMPILE) $(if $(UPGRADE),--upgrade) requirements/build.in -o requirements/build.txt
	$(COMPILE) $(if $(UPGRADE),--upgrade) requirements/peers.in -o requirements/peers.txt

# --- use --------------------------------------------------------------------

.PHONY: demo
demo: $(VENV)/.platform ## Produce, check, freeze and publish real data sets, then load them
	@$(BIN)/od demo

# The instance is the one a plain `dagster dev` here would show; naming it keeps Dagster from
# announcing a temporary folder that it does not use. Nor is `dg dev` what this project uses.
# The API ends with it, whichever way; without a store yet it says so and the control room goes on.
.PHONY: dev
dev: $(VENV)/.platform ## Start the control room (dagster dev) and the API on this folder
	@demo="$(CURDIR)/.opendata/demo"; \
		if [ -z "$${OPENDATA_SPEC_REPO:-}" ] && [ -d "$$demo/DataSpecHub.git" ]; then \
			echo "showing the bundles of make demo: $$demo"; \
			export OPENDATA_SPEC_REPO="$$demo/DataSpecHub.git" OPENDATA_INDEX_REPO="$$demo/DataIndexHub.git"; \
			export OPENDATA_SIGNING_KEY="$${OPENDATA_SIGNING_KEY:-file:$(CURDIR)/.opendata/keys/demo.pem}"; \
		fi; \
		$(BIN)/od serve & api=$$!; trap 'kill $$api 2>/dev/null && wait $$api || true' EXIT; \
		DAGSTER_HOME="$(CURDIR)" DAGSTER_DISABLE_TELEMETRY=1 \
		PYTHONWARNINGS='ignore:Function `dev_command`' $(BIN)/dagster dev

# --- tests ------------------------------------------------------------------

.PHONY: test
test: setup ## Run all tests but the long ones
	@$(PYTEST)

.PHONY: test-unit
test-unit: setup ## Run the tests that start nothing
	@$(PYTEST) -m "not platform and not real and not long"

.PHONY: test-platform
test-platform: setup ## Run the tests with Dagster, a real store, real git
	@$(PYTEST) -m "platform and not long"

.PHONY: test-real
test-real: setup ## Run the tests that start servers, browsers and launched runs
	@$(PYTEST) -m "real and not long"

.PHONY: test-long
test-long: setup ## Run the long tests: endurance, volume, many random failures
	@$(BIN)/pytest -m long --timeout 7200

# --- figures ----------------------------------------------------------------

.PHONY: bench
bench: setup ## Measure beside peers and keep the results (BENCH=load for one module; about half an hour)
	@$(BIN)/python -m benchmarks run $(BENCH) --keep
	@$(BIN)/python -m scripts.performance_page

# --- checks -----------------------------------------------------------------

.PHONY: check
check: format lint types imports docs test ## Run every check and all tests

.PHONY: format
format: setup ## Check the formatting
	@$(BIN)/ruff format --check .

.PHONY: lint
lint: setup ## Check style and common mistakes
	@$(BIN)/ruff check .

.PHONY: types
types: setup ## Check the types
	@$(BIN)/mypy

.PHONY: imports
imports: setup ## Check who may import whom
	@$(BIN)/lint-imports --no-logo

.PHONY: docs
docs: setup ## Check links, examples and generated pages of the documentation
	@$(BIN)/python -m scripts.check_docs
	@$(BIN)/python -m scripts.settings_page --check
	@$(BIN)/python -m scripts.cli_page --check
	@$(BIN)/python -m scripts.requirements_page --check
	@$(BIN)/python -m scripts.performance_page --check

.PHONY: pages
pages: setup ## Write the generated pages of the documentation
	@$(BIN)/python -m scripts.settings_page
	@$(BIN)/python -m scripts.cli_page
	@$(BIN)/python -m scripts.requirements_page
	@$(BIN)/python -m scripts.performance_page

.PHONY: fmt
fmt: setup ## Format, and mend what can be mended safely
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

.PHONY: clean
clean: ## Remove the environment and every cache (never the data in .opendata)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist build
	rm -rf .tmp_dagster_home_*
	find opendata dataplatform dataplatform_tests producers scripts benchmarks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
