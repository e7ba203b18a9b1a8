# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
# Test processes at once, each with servers of its own; WORKERS=0 for a debugger.
WORKERS ?= 2
BIN := $(VENV)/bin
# The tests start hundreds of processes; each would compile all modules anew.
unexport PYTHONDONTWRITEBYTECODE
# Apart from the others, for they take minutes: waiting for time limits and locks to pass, filling a whole shop, visiting
# 2,000 pages with a browser.
LONG := tests/faults tests/flow/test_no_false_warm.py tests/flow/test_two_machines.py tests/flow/test_crowded.py
SITE := url_manifests crawler django_hooks
CODE := $(SITE) demo example tests benchmarks

.PHONY: demo test long lint format bench fuzz clean
.DELETE_ON_ERROR:

demo: $(VENV)/.demo
	$(BIN)/python -m demo

test: $(VENV)/.dev
	$(BIN)/python -m tests.servers
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(LONG:%=--ignore=%) $(ARGS)

long: $(VENV)/.dev
	$(BIN)/python -m tests.servers
	$(BIN)/python -m pytest $(LONG) $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	@! git ls-files | grep -E '(^|/)\.env(\.|$$)' | grep -v '\.env\.example$$' || { echo 'a secret .env file is committed' >&2; exit 1; }

format: $(VENV)/.dev
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

# Ten minutes of damaged input for everything that reads what others wrote; FUZZ="--seconds 60" for less.
fuzz: $(VENV)/.dev
	$(BIN)/python -m tests.fuzz $(FUZZ)

clean:
	rm -rf var build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .scrapy

# The stamps make the virtual environment when it is missing, and again when what it holds has changed.
$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[example]'
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@
