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
PYTEST := $(BIN)/pytest
CODE := opendata dataplatform dataplatform_tests scripts

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
	$(COMPILE) $(if $(UPGRADE),--upgrade) pyproject.toml requirements/platform.in --extra platform --extra aws -o requirements/platform.txt
	$(COMPILE) $(if $(UPGRADE),--upgrade) pyproject.toml requirements/dev.in --all-extras -o requirements/dev.txt
	$(COMPILE) $(if $(UPGRADE),--upgrade) requirements/bootstrap.in -o requirements/bootstrap.txt
	$(COMPILE) $(if $(UPGRADE),--upgrade) requirements/build.in -o requirements/build.txt

# --- use --------------------------------------------------------------------

.PHONY: demo
demo: $(VENV)/.platform ## Produce, check, freeze and publish real data sets, then load them
	@$(BIN)/od demo

.PHONY: dev
dev: $(VENV)/.platform ## Start the control room (dagster dev) on this folder
	@mkdir -p .opendata/dagster
	@$(BIN)/dagster dev
