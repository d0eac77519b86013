# One way to do each thing. `make help` lists them.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
JOBS ?= 3

.PHONY: help install lint test coverage test-faults soak test-deployed test-ui demo bench bench-test-code bench-dedup bench-catalogues \
	bench-csv bench-manager bench-tokens up down lock

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

install: $(STAMP) ## Make .venv from the pinned and hashed requirements.lock

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "batchgen needs Python 3.11 or newer: set PYTHON")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python -m pip check
	@touch $(STAMP)

lint: $(STAMP) ## Check style, formatting, types and who imports whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: $(STAMP) ## Run the tests; they start their own Redis, S3, simulator and Prefect
	$(BIN)/pytest --ignore=tests/ui --ignore=tests/deployed_runs --ignore=tests/faults -n $(JOBS) --dist loadfile --no-loadscope-reorder $(PYTEST_OPTIONS)

coverage: ## Run the same tests and show which lines none of them reaches
	$(MAKE) test PYTEST_OPTIONS="--cov --cov-report=term:skip-covered"

test-faults: $(STAMP) ## Run jobs under faults: kill -9 at every effect, every fault alone and together, services away
	$(BIN)/pytest tests/faults/test_crash_points.py
	$(BIN)/pytest tests/faults --ignore=tests/faults/test_crash_points.py -n $(JOBS)

soak: $(STAMP) ## Search for faults at random, for long: FAULT_RUNS (1000) runs from FAULT_SEED on
	FAULT_RUNS=$${FAULT_RUNS:-1000} $(BIN)/pytest tests/faults -n $(JOBS) --timeout=0

test-deployed: $(STAMP) ## Drive a deployed installation: its triggers, schedules and reviews, crashes of Prefect and its worker
	$(BIN)/pytest tests/deployed_runs

test-ui: $(STAMP) ## Drive the Prefect UI in a browser (needs Debian's chromium)
	$(BIN)/pytest tests/ui --timeout=240

demo: $(STAMP) ## Run the main job on the embedded stack, review included
	$(BIN)/batchgen demo

bench: $(STAMP) ## Measure the whole way against the least script that does the same
	$(BIN)/python -m benchmarks

bench-test-code: $(STAMP) ## Judge recorded answers, REPLIES=<file>: how many can be used, how fast, how stable
	@test -n "$(REPLIES)" || { echo "Name the recorded answers: make bench-test-code REPLIES=<file>"; exit 2; }
	$(BIN)/python -m benchmarks.test_code_replies $(REPLIES)

bench-manager: $(STAMP) ## Measure what the client manager costs a call, against the bare SDK
	$(BIN)/python -m benchmarks.manager_overhead

bench-dedup: $(STAMP) ## Measure the search for near-duplicates on two sets with known ones, and its speed and memory
	$(BIN)/python -m benchmarks.dedup

bench-catalogues: $(STAMP) ## Run real catalogues the whole way: speed and memory (needs npm)
	$(BIN)/python -m benchmarks.catalogues

bench-csv: $(STAMP) ## Analyse a CSV file of 500 MB: time and memory
	$(BIN)/python -m benchmarks.large_csv

bench-tokens: $(STAMP) ## Measure how fast tokens are counted, each request and by a sample
	$(BIN)/python -m benchmarks.token_speed

up: $(STAMP) ## Start the embedded stack and print its addresses
	$(BIN)/batchgen up

down: $(STAMP) ## Stop the embedded stack; its data stays
	$(BIN)/batchgen down

lock: ## Pin the dependencies anew (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra dev \
		pyproject.toml --output-file requirements.lock
