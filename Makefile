# What a user and a developer type. Needs Python >= 3.11 and make; all the rest is installed below this folder.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint bench clean

demo: $(VENV)/.installed .julia/.ready  ## A real connectome fires: examples/quickstart.py
	$(BIN)/python examples/quickstart.py

test: $(VENV)/.installed-test .julia/.ready  ## All tests, Python and Julia
	$(BIN)/python scripts/test_julia.py
	$(BIN)/python -m pytest -n 2 --dist loadfile --ignore tests/engine
	$(BIN)/python -m pytest -n 2 --dist loadfile tests/engine

lint: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/.installed .julia/.ready  ## Compares with other simulators, see benchmarks/
	$(BIN)/python benchmarks/run.py

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "pyspikenet needs Python >= 3.11, this is %s" % sys.version)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.installed-test: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@ $(VENV)/.installed

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@ $(VENV)/.installed $(VENV)/.installed-test

# A Julia to compute with: one that is there, one that juliapkg finds or installs, or the distribution's.
.julia/.ready: | $(VENV)/.installed
	$(BIN)/python scripts/setup_julia.py
	mkdir -p .julia && touch $@

clean:
	rm -rf $(VENV) .julia dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis examples/output
