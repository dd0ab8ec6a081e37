# Everything that is run here by hand or by a machine. Needs GNU make, a POSIX sh and Python >= 3.11.
# `make` alone says what there is.

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help setup demo demo-recorded test explain bench break oracle format docs clean

VENV := .venv
BIN  := $(VENV)/bin
OURS := verifier tests benchmarks docs examples
# The first of these that really runs, is new enough and can make environments; PYTHON=... goes before all.
PYTHONS = $(PYTHON) python3.13 python3.12 python3.11 python3
USABLE  = import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1 \t\2/p' Makefile | expand -t 18

setup: $(VENV)/.installed ## make .venv and install into it; does nothing if nothing changed

# The stamp is younger than both files exactly when what they ask for is installed.
$(VENV)/.installed: pyproject.toml constraints.txt
	@set -e; rm -f $@; \
	if ! $(BIN)/python -c '$(USABLE)' 2>/dev/null; then \
	  for python in $(PYTHONS); do \
	    if "$$python" -c '$(USABLE)' >/dev/null 2>&1; then found=$$python; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "setup: no Python >= 3.11 that can make environments was found; tried: $(strip $(PYTHONS))." >&2; \
	    echo "setup: install one (on Debian and Ubuntu: python3 and python3-venv), or name it: make setup PYTHON=/path/to/python3" >&2; \
	    exit 1; \
	  fi; \
	  echo "setup: making $(VENV) with $$("$$found" --version) ($$found)"; \
	  "$$found" -m venv --clear $(VENV); \
	fi; \
	echo "setup: installing what pyproject.toml asks for, as constraints.txt pins it"; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'; \
	touch $@

demo: setup ## run the reference system, break it once, and judge what it did
	@$(BIN)/python -m examples.phase1.demo

demo-recorded: setup ## judge recorded batches, good ones and broken ones
	@sh docs/demo.sh $(BIN)/verifier

test: setup ## every check: format, lint, types, tests with coverage
	@$(BIN)/ruff format --check --quiet $(OURS) || { echo "test: the files above are not formatted; run: make format" >&2; exit 1; }
	@$(BIN)/ruff check --quiet $(OURS)
	@$(BIN)/mypy --no-error-summary verifier benchmarks examples docs/generate.py
	@$(BIN)/python -m pytest -n 2 --maxschedchunk 8 --cov --cov-report=term

explain: setup ## is the first cause named the right one? breaks good recorded batches, one mutation at a time (minutes)
	@$(BIN)/python -m tests.laws.explanations

bench: setup ## spans per second, memory, cost of import (some minutes)
	@$(BIN)/python -m benchmarks.bench

break: setup ## break each kind's code and each law's build on purpose; what goes unnoticed is listed
	@$(BIN)/python -m tests.breaking.broken_builds
	@$(BIN)/python -m tests.breaking.break_kinds

oracle: setup ## judge against the oracle on 100,000 random cases (half an hour)
	@$(BIN)/python -m tests.laws.differential --cases 100000 --seed 0 --jobs 2

format: setup ## format, and mend what can be mended by itself
	@$(BIN)/ruff check --quiet --fix-only $(OURS)
	@$(BIN)/ruff format --quiet $(OURS)

docs: setup ## write the generated pages anew
	@$(BIN)/python docs/generate.py

clean: ## remove .venv and everything that was made
	@rm -rf $(VENV) build dist out htmlcov .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find verifier tests benchmarks docs examples -name __pycache__ -type d -prune -exec rm -rf {} +
