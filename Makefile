# Needs Python 3.11 and make, nothing else. `make` alone says what there is.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
DEMO_VENV := .venv-demo
BIN := $(VENV)/bin
ROOTS := schemas broker_config collectors workers deploy
FOLDERS := $(ROOTS) tests benchmarks examples
# The tools refuse a folder that is not there, and git keeps none that is empty.
CHECKED = $(wildcard $(FOLDERS))
TYPED = $(shell for folder in $(CHECKED); do find $$folder -name '*.py' -print -quit | sed 's,/.*,,'; done)

.PHONY: help venv check format test coverage demo bench faults requirements clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

venv: $(VENV)/.ready ## the development environment, made again when requirements change

# The stamp comes last: an install that was interrupted starts over.
$(VENV)/.ready: requirements/dev.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "sitewire needs Python 3.11 or later")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

check: venv ## ruff, mypy, pyright, import-linter
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/mypy $(TYPED)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pyright
	$(BIN)/lint-imports

format: venv ## let ruff write what it can
	$(BIN)/ruff check --fix-only $(CHECKED)
	$(BIN)/ruff format $(CHECKED)

test: venv ## every test, two files at a time (ARGS="-k spool" picks some)
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

coverage: venv ## every test, and the lines that none reached
	$(BIN)/python -m pytest --cov --cov-report=term $(ARGS)

demo: $(DEMO_VENV)/.ready ## eight sites train together, with curves and receipts (ARGS="--sites 4")
	$(DEMO_VENV)/bin/sitewire demo $(ARGS)

$(DEMO_VENV)/.ready: requirements/demo.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "sitewire needs Python 3.11 or later")'
	test -x $(DEMO_VENV)/bin/python || $(PYTHON) -m venv $(DEMO_VENV)
	$(DEMO_VENV)/bin/python -m pip install --quiet --require-hashes -r requirements/demo.txt
	$(DEMO_VENV)/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

bench: venv ## the measurements of benchmarks/, one after the other
	for script in benchmarks/*.py; do echo "== $$script"; PYTHONPATH=tests $(BIN)/python "$$script"; done

faults: venv ## the tests that kill processes under load, in full numbers
	mkdir -p build; rm -f build/faults.jsonl
	SITEWIRE_TEST_ACCOUNTS=build/faults.jsonl SITEWIRE_TEST_FULL=1 SITEWIRE_TEST_KILLS=10 SITEWIRE_TEST_POINTS=full SITEWIRE_TEST_OUTAGE=60 $(BIN)/python -m pytest tests/faults $(ARGS)

# Pinned and hashed from pyproject.toml, for every platform; uv lives only as long as this takes.
COMPILE = "$$tools/bin/uv" pip compile pyproject.toml --quiet --universal --python-version 3.11 --upgrade \
	--generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate
requirements: ## pin the newest versions that fit pyproject.toml
	tools=$$(mktemp -d); trap 'rm -rf "$$tools"' EXIT; \
	$(PYTHON) -m venv "$$tools"; "$$tools/bin/pip" install --quiet uv; \
	$(COMPILE) --extra all --group dev --output-file requirements/dev.txt; \
	$(COMPILE) --extra demo --group build --output-file requirements/demo.txt

clean: ## everything that git does not know and make can make again
	rm -rf $(VENV) $(DEMO_VENV) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -f .coverage .coverage.*
