# Two commands do everything: `make compare` and `make test`. Both set up .venv first.
# ARGS reaches the program: make compare ARGS="--suite field --bank DIR"
PYTHON ?=
ARGS ?=
BIN := .venv/bin
PACKAGES := lcr baselines agents experiments
# Tests reach no network.
OFFLINE := HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 TOKENIZERS_PARALLELISM=false

# A test process a core, eight at most; the last ones take over what others have left.
WORKERS := -n logical --maxprocesses 8 --dist worksteal

.PHONY: help setup compare tables figures rows test test-all lint check export wheel page docs format lock
.PHONY: clean distclean

help:
	@echo "make compare  run every system on the same mixtures and prompts; table and HTML report"
	@echo "make tables   the paper's tables and claims at desk scale, in results/tables; resumable"
	@echo "make figures  figures 2, 5, 6 and 7 from a finished comparison (RUN=results/studio)"
	@echo "make rows     train the paper's systems at desk scale (ARGS=\"--field DIR --studio DIR\")"
	@echo "make test     run the tests, one process a core; ARGS=\"-m 'not slow'\" for the quick ones"
	@echo "make test-all also those that install, kill processes or rehearse a whole run"
	@echo "make check    ruff, mypy --strict, import-linter, tests with warnings as errors"
	@echo "make wheel    dist/*.whl, tried in an empty environment; make docs: the pages, in site/"
	@echo "make page     dist/page, which remixes in the browser itself (needs npm)"
	@echo "make format   let ruff rewrite the code"
	@echo "make lock     make requirements.lock anew from pyproject.toml (needs uv)"
	@echo "make clean    remove caches and build products; distclean removes .venv as well"

setup:
	@PYTHON='$(PYTHON)' sh .ci/setup

compare: setup
	@$(BIN)/python experiments/compare.py $(ARGS)

tables: setup
	@$(BIN)/python -m experiments.paper.make_tables $(ARGS)

# From the records and sounds of a finished comparison: RUN=results/field for another.
RUN ?= results/studio
figures: setup
	@for n in 2 5 6 7; do $(BIN)/python -m experiments.paper.figure_$$n --run $(RUN) --out $(RUN)/figures || exit; done

# Some 15 core hours in all; started again it goes on where it was.
rows: setup
	@for n in gpt2 llama; do $(BIN)/python -m experiments.training.train_decoder $$n \
		--run runs/rows/runs/desk-$$n --out lcr/decoders/desk-$$n || exit; done
	@$(BIN)/python -m experiments.training.ablate experiments/ablations/rows.toml \
		--out runs/rows --processes 1 $(ARGS)

test: setup
	@$(OFFLINE) $(BIN)/python -m pytest $(WORKERS) $(ARGS)

test-all: setup
	@$(OFFLINE) $(BIN)/python -m pytest $(WORKERS) --rehearsals $(ARGS)

lint: setup
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/python -c 'from importlinter.cli import lint_imports_command as run; run()'

# Warnings are errors by pyproject.toml, here and in `make test`.
check: lint test-all

# The default model as `lcr` runs it without torch; `make setup` does it the first time.
export: setup
	@$(BIN)/python experiments/export.py

# With the default model in it; sizes and times of an empty environment are printed.
wheel: setup
	@$(BIN)/python -m experiments.benchmarks.install --wheel-dir dist

# The page for any static host; its packages come from npm and PyPI.
page: export
	@$(BIN)/lcr app --static dist/page

docs: setup
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

format: setup
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

lock:
	uv pip compile --universal --python-version 3.10 --extra dev --no-header --no-annotate \
		--quiet --upgrade --output-file requirements.lock pyproject.toml

clean:
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis \
		.import_linter_cache .cache
	find $(PACKAGES) tests -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf .venv
