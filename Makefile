# Two commands for a fresh machine: `make figures` and `make test`.  Both make their own environment in .venv and are
# idempotent; the second time they start at once.
PYTHON  ?= python3
PROFILE ?= quick
SOURCES ?=
VENV    ?= .venv
BIN     := $(VENV)/bin
JOBS    ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 1)

.DEFAULT_GOAL := help
.PHONY: help figures report test smoke lint bench clean

help:
	@echo "make figures [SOURCES=KD] [PROFILE=smoke|quick|paper]   regenerate figures and the report of verdicts"
	@echo "make test                                              run the tests"
	@echo "make lint                                              ruff, ruff format, mypy"
	@echo "make bench                                             ganth beside NumPy, PyTorch and JAX (those installed)"

$(BIN)/python:
	@echo "making the environment $(VENV) with $(PYTHON) ..."
	$(PYTHON) -c 'import sys; sys.exit("ganth needs Python >= 3.11; say make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.ganth: pyproject.toml | $(BIN)/python
	@echo "installing ganth and what it needs (a minute or two, once) ..."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.ganth-test: pyproject.toml $(VENV)/.ganth
	@echo "installing what the tests need (once) ..."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,lint]'
	@touch $@

figures: $(VENV)/.ganth
	$(BIN)/ganth run $(SOURCES) --profile $(PROFILE) --jobs $(JOBS)

report: $(VENV)/.ganth
	$(BIN)/ganth report

test: $(VENV)/.ganth-test
	$(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile
	NUMBA_ENABLE_CUDASIM=1 $(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile tests/cuda

lint: $(VENV)/.ganth-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.ganth
	$(BIN)/ganth bench

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .hypothesis .mypy_cache .ruff_cache
