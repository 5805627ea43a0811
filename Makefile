# Everything a developer runs. The environment is made in .venv, from the locks in requirements/.
PYTHON ?= python3
DATA_DIR ?= .plugins
REDIS_PORT ?= 6379
MONGODB_PORT ?= 27017
T ?= tests
ARGS ?=
# Tests run on so many processes at once, each with servers of its own; most of the time is waiting. N=0: on none.
N ?= 4

# Another Python gets an environment of its own: make PYTHON=python3.12 works in .venv-python3.12.
VENV := .venv$(if $(filter-out python3,$(PYTHON)),-$(or $(shell $(PYTHON) -c 'import sys; print("python%d.%d" % sys.version_info[:2])' 2>/dev/null),$(notdir $(PYTHON))))
BIN := $(VENV)/bin
OUTDATED := .venv-outdated
# Files that say what is installed; made again when a lock changes.
READY := $(VENV)/.installed
READY_DEV := $(VENV)/.installed-dev
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check
# Only what has a hash in the lock, and nothing that is built here: what is installed is what was tested.
INSTALL_LOCKED := $(PIP) install --require-hashes --only-binary :all: --requirement
# The build backend is locked too: pip is not to fetch another one.
INSTALL_PROJECT := $(PIP) install --no-deps --no-build-isolation --editable .

SELECTED = $(if $(filter quick,$(T)),-m "not process and not fuzz and not chaos and not bench",$(if \
  $(filter rest,$(T)),-m "process or fuzz or chaos or bench",$(T)))
# The groups and the order are those of tests/support/tiers.py.
PYTEST = $(BIN)/python -m pytest $(SELECTED) --numprocesses $(N) --dist loadgroup --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help up down demo env test coverage check schemas bench chaos fuzz lock outdated clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z.]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  REDIS_PORT=$(REDIS_PORT) MONGODB_PORT=$(MONGODB_PORT) DATA_DIR=$(DATA_DIR) for up and down,"
	@echo "  T=quick or T=tests/domain for a part of the tests, ARGS='...' for more arguments, PYTHON=python3.12."

up: $(READY) ## Redis, MongoDB, all workers and beat, until Ctrl-C
	@exec $(BIN)/plugins up --redis-port $(REDIS_PORT) --mongodb-port $(MONGODB_PORT) --data-dir "$(or $(DATA_DIR),.plugins)" $(ARGS)

down: $(READY) ## End what `make up` runs; the data stays
	@$(BIN)/plugins down --data-dir "$(or $(DATA_DIR),.plugins)"

demo: $(READY) ## Send the API's examples in a temporary folder, and show what happens
	@$(BIN)/plugins demo $(ARGS)

env: ## Write what Docker Compose needs, once: .env with random passwords, and the users of Redis
	@$(PYTHON) deploy/env.py

test: $(READY_DEV) ## All tests, on real servers (T=quick: those without a process; T=rest: the others; T=tests/domain: a part)
	@for part in $(filter-out quick rest,$(T)); do [ -e "$${part%%::*}" ] || { \
	  echo "There is no $${part%%::*}. T is quick, rest, a folder or a file of tests, such as T=tests/domain." >&2; exit 2; }; done
	@$(PYTEST) $(ARGS)

# Of the tests without a process: what runs in another one is not seen, and a fork under coverage upsets drivers.
coverage: $(READY_DEV) ## The quick tests, and which lines and branches of the product they do not reach
	@$(MAKE) --no-print-directory test T=quick ARGS='--cov $(ARGS)'

check: $(READY_DEV) ## Lint, format, types, direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

schemas: $(READY) ## Publish the contract again: contracts/schemas
	@$(BIN)/plugins schemas

bench: $(READY_DEV) ## Benchmarks, each beside its ceiling (ARGS='--quick --only single': less of it)
	@$(BIN)/python -m tests.bench.run $(ARGS)

chaos: $(READY_DEV) ## The long kill tests, at most 30 minutes
	LONG=1 $(BIN)/python -m pytest tests/chaos --timeout 2400 -s $(ARGS)

fuzz: $(READY_DEV) ## A million hostile inputs for each target (ARGS='--only queries --count 50000': fewer)
	@$(BIN)/python -m tests.fuzz $(ARGS)

lock: $(READY_DEV) ## Write the locks again for pyproject.toml (ARGS=--upgrade: with the newest versions)
	@$(COMPILE) --extra aws --extra gcp --output-file requirements/image.lock
	@$(COMPILE) --extra dev --constraint requirements/image.lock --output-file requirements/dev.lock
	@$(COMPILE) --extra embedded --constraint requirements/dev.lock --output-file requirements/trial.lock

# One set of versions for all Pythons and platforms: the image's, and what is added to it for work.
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --custom-compile-command "make lock" \
	pyproject.toml --group build $(ARGS)

outdated: ## The quick tests with the newest of everything that pyproject.toml allows
	@rm -rf $(OUTDATED)
	@$(MAKE) --no-print-directory VENV=$(OUTDATED) $(OUTDATED)/bin/python
	@echo "Installing into $(OUTDATED), about a minute ..."
	@$(OUTDATED)/bin/python -m pip install --quiet --quiet --disable-pip-version-check --editable '.[dev]'
	@echo "Other versions than in requirements/dev.lock:"
	@sed -n 's/^\([a-z0-9.-]*==[^ ;]*\).*/\1/p' requirements/dev.lock > $(OUTDATED)/locked
	@$(OUTDATED)/bin/python -m pip freeze --exclude-editable \
	  | sed -E ':name; s/^([^=]*)[._]/\1-/; t name' | tr 'A-Z' 'a-z' \
	  | grep -vxFf $(OUTDATED)/locked | sed 's/^/  /' || true
	@touch $(OUTDATED)/.installed-dev
	@$(MAKE) --no-print-directory VENV=$(OUTDATED) T=quick test

clean: ## Remove the environments and all caches; the data in .plugins stays
	rm -rf .venv .venv-* build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find contracts worker tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c '' 2>/dev/null || { \
	  echo "No $(PYTHON) here that runs. Install Python 3.11 or newer (apt-get install python3 python3-venv)," >&2; \
	  echo "or name one: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is $$($(PYTHON) --version), but Python 3.11 or newer is needed." >&2; \
	  echo "If one is installed, name it: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make environments: apt-get install python3-venv" >&2; exit 1; }
	@echo "Making $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)

$(READY): requirements/trial.lock pyproject.toml | $(BIN)/python
	@echo "Installing into $(VENV), about half a minute ..."
	@$(INSTALL_LOCKED) requirements/trial.lock
	@$(INSTALL_PROJECT)
	@touch $@

$(READY_DEV): requirements/dev.lock pyproject.toml | $(BIN)/python
	@echo "Installing into $(VENV), about a minute ..."
	@$(INSTALL_LOCKED) requirements/dev.lock
	@$(INSTALL_PROJECT)
	@touch $@ $(READY)
