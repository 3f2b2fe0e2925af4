# Two commands do everything: `make lab` opens the course, `make test` runs its tests.
# Both make what they need first; `make help` lists the rest.

VENV ?= .venv
PYTHON ?= python3
# pytest-xdist shares the tests out; more than four processes would each load torch for little gain.
PYTEST_ARGS ?= -n auto --maxprocesses 4 --dist loadgroup

ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
READY := $(VENV)/.ready

.PHONY: help setup lab test lint notebooks pictures pins links site test-colab
.DEFAULT_GOAL := help

help:
	@echo "make lab         open the course in JupyterLab at lesson 00"
	@echo "make test        run all tests (PYTEST_ARGS=... replaces pytest's arguments)"
	@echo "make setup       only make the environment $(VENV)"
	@echo "make lint        check style, format, that imports point one way, and types"
	@echo "make notebooks   build the lessons; run those whose code changed (NB=02: that one; FORCE=1: all)"
	@echo "make pictures    draw the pictures of the README anew"
	@echo "make links       stamp the repository's address on all pages (REPO=owner/name changes it)"
	@echo "make site        the executed lessons as web pages that open from disk, in _site"
	@echo "make test-colab  the widgets' tests and the lessons with the versions that Colab has (NB=02: that one)"
	@echo "make pins        write constraints.txt anew from the newest releases"

setup: $(READY)

lab: $(READY)
	$(BIN)/course lab

# One thread for each test process: the tests are many and small.
test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy

notebooks: $(READY)
	$(BIN)/python tools/build_notebooks.py $(if $(FORCE),--force) $(if $(CELLS_ONLY),--cells-only) $(NB)

pictures: $(READY)
	$(BIN)/python tools/make_pictures.py
	COURSE_PICTURES="$(CURDIR)/docs/pictures" $(BIN)/python -m pytest -n0 tests/browser/test_readme_pictures.py

links: $(READY)
	$(BIN)/python tools/links.py $(REPO)
	$(BIN)/python tools/build_notebooks.py --cells-only

site: $(READY)
	$(BIN)/python tools/make_site.py

# A thin environment above the usual one: what Colab has in other versions hides what is below.
COLAB := $(VENV)-colab
test-colab: $(READY)
	$(BIN)/python tools/make_colab_environment.py $(COLAB)
	OMP_NUM_THREADS=1 $(COLAB)/bin/python -m pytest -q -n0 -W ignore tests/widgets
	$(COLAB)/bin/python -m course_lib.cli run --quick $(NB)

# pip leaves what is already right, so a changed pyproject.toml or constraints.txt costs little here.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "make: $(PYTHON) is missing or older than Python 3.11." >&2; \
	  echo "Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "make: $(PYTHON) cannot make an environment. On Debian and Ubuntu: apt install python3-venv" >&2; \
	  exit 1; }
	@echo "Installing the course into $(VENV) (about 6 GB on Linux, a few minutes the first time) ..."
	$(BIN)/python -m pip install --disable-pip-version-check \
	  --constraint constraints.txt --editable '.[dev]'
	@touch $@

pins:
	$(PYTHON) tools/write_pins.py
