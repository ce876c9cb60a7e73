# The developer's menu. Every target sets up what it needs on a machine with Python, pip and make.
PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2
BIN := $(VENV)/bin
LEVEL_SECONDS ?= 60
FUZZ_INPUTS ?= 10000
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt

.PHONY: run test check format bench bench-load fuzz evaluate clean

run: $(VENV)/.base ## build the embedded demo and serve it on http://127.0.0.1:8000
	$(BIN)/attune demo

test: $(VENV)/.dev ## run every test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile

check: $(VENV)/.dev ## lint, format, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev ## fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev ## measure; SELFIE=photo.jpg FER2013=folder RUN=folder PEERS=folder measure more
	$(BIN)/attune demo --no-serve
	$(BIN)/attune bench service $(if $(SELFIE),--selfie $(SELFIE))
	$(BIN)/attune bench training
	$(BIN)/attune bench vision $(if $(SELFIE),--selfie $(SELFIE)) $(if $(FER2013),--data $(FER2013)) $(if $(RUN),--run $(RUN)) $(if $(USAGE),--usage $(USAGE)) $(foreach p,$(PEERS),--peers $(p))

bench-load: $(VENV)/.dev ## load on the demo and on 50,000 songs (var/bench-50k), beside the obvious way; LEVEL_SECONDS=60
	$(BIN)/attune demo --no-serve
	test -e var/bench-50k/bundles/current || $(BIN)/attune bench catalogue --songs 50000 --home var/bench-50k
	$(BIN)/attune bench load --home $${ATTUNE_HOME:-var} --home var/bench-50k --seconds $(LEVEL_SECONDS) --baseline tests.baseline.obvious:app --json > var/load.json
	$(BIN)/attune bench load --report var/load.json

fuzz: $(VENV)/.dev ## every fuzz target, FUZZ_INPUTS=10000 inputs each; docs/testing.md
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.fuzz.run --inputs $(FUZZ_INPUTS) --out var/fuzz

evaluate: $(VENV)/.dev ## evaluate the recommender on whatever the database holds
	$(BIN)/attune evaluate recommender --config configs/recommender/default.toml --out var/reports/recommender

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.base: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) -e .
	touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) -e '.[dev]'
	touch $@ $(VENV)/.base

clean: ## remove everything that can be made again; the database and bundles in var/ stay
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
