# make demo: install, then the demo project in the window; without a display, the same loop without one (two minutes)
# make test: install, then style, types and tests
# make run:  install, then open the window
# make explore: the tests of properties on examples drawn anew, again and again until one fails
# The README says the same in plain pip and python, for systems without make.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test run explore clean

demo: $(INSTALLED)
	$(BIN)/python main.py demo demo-project

test: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 --dist loadfile

explore: $(INSTALLED)
	while HYPOTHESIS_PROFILE=explore $(BIN)/python -m pytest -q -m hypothesis; do :; done

run: $(INSTALLED)
	$(BIN)/python main.py

$(INSTALLED): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) demo-project build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
