# The two commands of the README, and what they need. Everything lives in .venv; nothing else is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: score test lint types train bench clean

score: $(VENV)/installed
	$(BIN)/tocsin score examples/articles.jsonl --out scored.jsonl --overwrite
	$(BIN)/tocsin show scored.jsonl --articles examples/articles.jsonl

test: $(VENV)/installed-test lint types
	$(BIN)/python -m pytest

lint: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# mypy must see the folders under their installed names; the links give it a tree that looks like that.
types: $(VENV)/installed-test
	mkdir -p .links/tocsin
	for part in model serve training; do ln -sfn ../../$$part .links/tocsin/$$part; done
	cd .links && ../$(BIN)/mypy --config-file ../pyproject.toml -p tocsin.model -p tocsin.serve -p tocsin.training
	$(BIN)/mypy --config-file pyproject.toml tests benchmarks

# The three stages of the shipped weights, their report and card; about 90 minutes on two cores, 7 GB of memory. A stage
# that is done is not done again, and one that was interrupted goes on. The public corpora must lie where the
# configurations say (training/README.md).
# Large blocks stay with the process instead of going back to the system each step, which cost a tenth of the time.
train: export MALLOC_MMAP_MAX_ := 0
train: export MALLOC_TRIM_THRESHOLD_ := 8000000000
train: runs/default/tocsin.json
	$(BIN)/tocsin evaluate runs/default training/default.toml --split validation --out runs/validation.json
	$(BIN)/tocsin card runs/default runs/validation.json

runs/public/tocsin.json: $(VENV)/installed-test
	$(BIN)/tocsin train training/public.toml --out runs/public --resume

runs/regional/tocsin.json: runs/public/tocsin.json
	$(BIN)/tocsin train training/regional.toml --out runs/regional --resume

runs/default/tocsin.json: runs/regional/tocsin.json
	$(BIN)/tocsin train training/default.toml --out runs/default --resume

# The tables of docs/performance.md, at sizes that two cores score in under 20 minutes; they are written to runs/bench.
bench: $(VENV)/installed-test
	$(BIN)/python -m benchmarks.speed --out runs/bench --articles 30 --rounds 2
	$(BIN)/python -m benchmarks.shares --out runs/bench --articles 60
	$(BIN)/python -m benchmarks.startup --out runs/bench --cold
	$(BIN)/python -m benchmarks.scaling --out runs/bench --real 200 600 --stub 1000 5000

$(VENV)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "expected Python 3.11 or newer, found " + sys.version.split()[0] + "; run make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/installed: $(VENV)/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	touch $@

$(VENV)/installed-test: $(VENV)/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[training,test]'
	touch $(VENV)/installed $@

clean:
	rm -rf $(VENV) .links build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
