# make demo: install, then the demo project in the window; without a display, the same loop without one (two minutes)
# make test: install, then style, types and tests
# make run:  install, then open the window
# The README says the same in plain pip and python, for systems without make.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test run clean

demo: $(INSTALLED)
	$(BIN)/python main.py demo demo-project

test: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

run: $(INSTALLED)
	$(BIN)/python main.py

$(INSTALLED): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) demo-project build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
