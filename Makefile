# Everything a developer runs. The environment is made in .venv, from pyproject.toml.
PYTHON ?= python3
DATA_DIR ?= .plugins
REDIS_PORT ?= 6379
MONGODB_PORT ?= 27017
T ?= tests
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
# Files that say what is installed; made again when pyproject.toml changes.
READY := $(VENV)/.installed
READY_DEV := $(VENV)/.installed-dev

.DEFAULT_GOAL := help
.PHONY: help up down demo test check schemas bench chaos clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z.]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  REDIS_PORT=$(REDIS_PORT) MONGODB_PORT=$(MONGODB_PORT) DATA_DIR=$(DATA_DIR) for up and down,"
	@echo "  T=tests/domain for a part of the tests, ARGS='...' for more arguments, PYTHON=python3.12."

up: $(READY) ## Redis, MongoDB, all workers and beat, until Ctrl-C
	@exec $(BIN)/plugins up --redis-port $(REDIS_PORT) --mongodb-port $(MONGODB_PORT) --data-dir "$(DATA_DIR)" $(ARGS)

down: $(READY) ## End what `make up` runs; the data stays
	@$(BIN)/plugins down --data-dir "$(DATA_DIR)"

demo: $(READY) ## Send the API's examples in a temporary folder, and show what happens
	@$(BIN)/plugins demo $(ARGS)

test: $(READY_DEV) ## All tests, on real servers (T=tests/domain: a part)
	$(BIN)/python -m pytest $(T) $(ARGS)

check: $(READY_DEV) ## Lint, format, types, direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

schemas: $(READY) ## Publish the contract again: contracts/schemas
	@$(BIN)/plugins schemas

bench: $(READY_DEV) ## Benchmarks
	LONG=1 $(BIN)/python -m pytest tests/bench --timeout 1800 -s $(ARGS)

chaos: $(READY_DEV) ## The long kill tests, at most 30 minutes
	LONG=1 $(BIN)/python -m pytest tests/chaos --timeout 2400 -s $(ARGS)

clean: ## Remove the environment and all caches; the data in .plugins stays
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find contracts worker tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "No $(PYTHON) here. Install Python 3.11 or newer (apt-get install python3 python3-venv)," >&2; \
	  echo "or name one: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is $$($(PYTHON) --version), but Python 3.11 or newer is needed." >&2; \
	  echo "If one is installed, name it: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make environments: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(READY): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[embedded]'
	@touch $@

$(READY_DEV): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(READY)
