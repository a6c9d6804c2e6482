# The book, its tests and its results. `make` alone lists what there is.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := bash
.SHELLFLAGS := -euo pipefail -c

# The Python to make the environment with; any from 3.11 to 3.13.
PYTHON ?= python3
# The versions to install; empty takes the newest that pyproject.toml allows.
CONSTRAINTS ?= constraints.txt
# An extra package index for torch, to choose its build: https://download.pytorch.org/whl/cpu for the small one without
# CUDA, https://download.pytorch.org/whl/cu130 for one of the CUDA builds. Empty takes the default build.
TORCH_INDEX ?=
PORT ?= 8000
# Processes that run tests side by side: as many as the cores at hand, at most eight; each takes up to a gigabyte.
WORKERS ?= logical

VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip install --quiet --disable-pip-version-check \
	$(if $(CONSTRAINTS),--constraint $(CONSTRAINTS)) $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
SIDE_BY_SIDE := OMP_NUM_THREADS=1 $(RUN) -m pytest --numprocesses $(WORKERS) --maxprocesses 8
# Printed numbers are compared to the digit only where the committed outputs were made: Linux on x86-64, pinned versions.
STRICT := $(if $(CONSTRAINTS),$(filter Linux-x86_64,$(shell uname -sm | tr ' ' -)))

.PHONY: help
help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

$(RUN):
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else "the book needs Python 3.11 to 3.13, but $(PYTHON) is " + sys.version.split()[0] + ": say make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/book-installed: pyproject.toml $(CONSTRAINTS) | $(RUN)
	@echo "installing the package and the book's tools (a few minutes the first time)"
	$(PIP) --editable '.[book]'
	@touch $@

$(VENV)/tests-installed: pyproject.toml $(CONSTRAINTS) | $(RUN)
	@echo "installing the package, the book's tools and the tests' tools (a few minutes the first time)"
	$(PIP) --editable '.[book,test]'
	@touch $(VENV)/book-installed $@

.PHONY: book
book: $(VENV)/book-installed  ## run the chapters that changed and build the site
	$(RUN) -m feedback_alignment.companion.execution --into _build/notebooks
	$(RUN) -m feedback_alignment.experiments.figure_export --into _build/figures
	$(RUN) -m feedback_alignment.companion.site --notebooks _build/notebooks --figures _build/figures --into _build/site

.PHONY: figures
figures: $(VENV)/book-installed  ## every figure of a stored result as SVG, PDF and its numbers as CSV, into _build/figures
	$(RUN) -m feedback_alignment.experiments.figure_export --into _build/figures

.PHONY: test
test: $(VENV)/tests-installed lint regression  ## everyday checks: style, types, unit tests, committed outputs, pages
	$(SIDE_BY_SIDE) --dist worksteal -m "not long" --durations 20 --durations-min 5

.PHONY: lint
lint: $(VENV)/tests-installed
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m codespell_lib $$(git ls-files)
	$(RUN) -m mypy

.PHONY: regression
regression: $(VENV)/tests-installed
ifneq ($(STRICT),)
	$(SIDE_BY_SIDE) --dist loadfile --nbval notebooks -p no:cacheprovider
else
	$(RUN) -m feedback_alignment.companion.execution --into _build/notebooks
	$(RUN) -m feedback_alignment.companion.comparison --committed notebooks --here _build/notebooks
endif

.PHONY: test-long
test-long: $(VENV)/tests-installed  ## the long checks only: proofs that the checks bite, packaging
	$(SIDE_BY_SIDE) --dist worksteal -m long

.PHONY: test-all
test-all: test test-long  ## everyday and long checks

.PHONY: refresh
refresh: $(VENV)/book-installed  ## run the chapters and write their cleaned outputs into notebooks/
	$(RUN) -m feedback_alignment.companion.notebooks refresh
	$(RUN) -m feedback_alignment scorecard
	$(RUN) -m feedback_alignment.companion.front_picture

.PHONY: paper
paper: $(VENV)/book-installed  ## compute the paper-scale results that results/ lacks (hours; asks first)
	$(RUN) -m feedback_alignment.experiments.paper

.PHONY: bench
bench: $(VENV)/book-installed  ## measure speed and memory as ratios, into benchmarks/results
	@for benchmark in $(filter-out benchmarks/against_others.py,$(wildcard benchmarks/*.py)); do \
		echo "== $$benchmark"; $(RUN) "$$benchmark"; done

.PHONY: bench-others
bench-others: $(VENV)/book-installed  ## measure speed and agreement beside biotorch, which goes into _build/biotorch
	$(PIP) --no-deps --upgrade --target _build/biotorch biotorch==0.0.16
	PYTHONPATH=_build/biotorch $(RUN) benchmarks/against_others.py

.PHONY: serve
serve: book  ## serve the site on this computer (PORT=8000)
	@echo "the book is at http://127.0.0.1:$(PORT) (Ctrl-C ends)"
	@$(RUN) -m http.server --bind 127.0.0.1 --directory _build/site/html $(PORT)

.PHONY: pdf
pdf: $(VENV)/book-installed  ## print the book to _build/book.pdf (needs Chromium or Chrome)
	$(RUN) -m feedback_alignment.companion.execution --into _build/notebooks
	$(RUN) -m feedback_alignment.companion.pdf --notebooks _build/notebooks --into _build/book.pdf

.PHONY: zip
zip: book  ## the site as one zip, _build/book.zip: unpack it and open index.html, no server needed
	$(RUN) -m feedback_alignment.companion.site_archive --site _build/site/html --into _build/book.zip

.PHONY: mutations
mutations: $(VENV)/tests-installed  ## plant faults in the code, one at a time, and count those that quick tests catch
	$(RUN) tests/mutations/measure.py

.PHONY: clean
clean:  ## remove what was built, but not the environment
	rm -rf _build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
