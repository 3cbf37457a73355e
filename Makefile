# Every target sets up what it needs by itself: Python >= 3.11, git and make are enough.
PORT ?= 2024
ARGS ?=
python := .venv/bin/python
# Images often set it; each process would then compile some hundred modules again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo dev test test-slow matrix lint format eval examples sabotage bench lock clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:  ## Create .venv from requirements.lock (done by every target when needed)
	@scripts/setup.sh

demo:  ## Play the main job on the documents in examples/inbox
	@./tower demo $(ARGS)

dev: setup  ## Serve all graphs with LangGraph's development server (PORT=2024)
	@./tower doctor || echo "Serving all the same; what is marked ✗ won't work."
	@echo "In Studio's connection settings add the header x-api-key with a key from TOWER_HOME/keys, such as sam.key."
	@LANGGRAPH_CLI_NO_ANALYTICS=1 LANGGRAPH_NO_VERSION_CHECK=true \
	    $(python) scripts/dev.py --no-browser --no-reload --port $(PORT) --n-jobs-per-worker 10 $(ARGS)

test: setup  ## Run the tests (ARGS="-k approval" for some of them)
	$(python) -m pytest -m "not slow" -n 3 --dist worksteal $(ARGS)

test-slow: setup  ## Run the tests that take minutes
	$(python) -m pytest -m slow $(ARGS)

matrix: setup  ## Print which control holds for which pattern, each tried with the control switched off too
	MATRIX=1 $(python) -m pytest tests/matrix -n 2 -q $(ARGS)

crash: setup  ## Kill runs of every pattern and judge what they left (ARGS="--kills 20" for fewer)
	$(python) scripts/crash.py $(ARGS)

chaos: setup  ## Let models, tools, databases and disks misbehave (ARGS="--parts disk" for one part)
	$(python) scripts/chaos.py $(ARGS)

lint: setup  ## Check style, formatting, types and the direction of imports
	$(python) -m ruff check .
	$(python) -m ruff format --check .
	$(python) -m mypy
	.venv/bin/lint-imports

format: setup  ## Format the code and fix what ruff can fix
	$(python) -m ruff format .
	$(python) -m ruff check --fix .

bench: setup  ## Compare governed runs with plain LangGraph, as ratios, and what patterns add to prompts
	$(python) scripts/bench.py $(ARGS)
	$(python) scripts/bench_patterns.py

eval: setup  ## Run the evaluation suites (ARGS="--layer component" for some of them)
	@./tower eval run $(ARGS)

examples: setup  ## Store what the desk's examples and documents become (after a change to jobs.toml or memory/desk/documents)
	$(python) -c "from models.offline.learned import store; from nodes.desk.front_door import EXAMPLES; store(EXAMPLES)"
	$(python) -c "from memory.desk.wordings import WORDINGS; WORDINGS.store()"

sabotage: setup  ## Plant faults and harmless changes, and see what the gate makes of them
	@./tower eval sabotage $(ARGS)

lock: setup  ## Renew requirements.lock (ARGS=--upgrade for newer versions)
	$(python) -m uv pip compile pyproject.toml --extra serve --extra otel --group dev --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-annotate --quiet --custom-compile-command "make lock" \
	    --output-file requirements.lock $(ARGS)

clean:  ## Remove environments, caches and build results; .tower with its data stays
	rm -rf .venv .uv .setup.lock .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .langgraph_api \
	    build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
