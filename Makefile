# make figures   set up and run the whole workflow (CONFIG=config/<overlay>.yaml to change it)
# make test      set up and run every check
# make verdicts  how often the verdicts on claims are right, on planted effects: results/planted.csv
# make faults    kill runs at twenty moments and compare what they end with (KILLS=20): results/faults.csv
# make setup     make .venv alone, from the lock, with the library installed editable
# make setup-all the same with what tests, Zarr files and downloads from DANDI need
# make lock      write requirements.lock from .venv, and envs/ from it; see CONTRIBUTING.md
# make benchmark our speed beside that of other programs (ONLY=census for one part); see benchmarks/README.md
#
# Settings: PYTHON (3.11), CORES (all), CONFIG, ONLY, KILLS, TORCH_INDEX (an index of CPU or CUDA builds of torch)

PYTHON ?= $(shell command -v python3.11 || command -v python3)
CORES ?= all
CONFIG ?=
ONLY ?=
KILLS ?= 20
TORCH_INDEX ?=
BIN := .venv/bin
READY := .venv/.ready
ALL := .venv/.ready-for-tests
PEERS := .peers/.ready
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PEERS_PIP := .peers/bin/python -m pip install --quiet --disable-pip-version-check

.PHONY: setup setup-all figures verdicts test unit check faults lock clean benchmark
.DEFAULT_GOAL := figures

setup: $(READY)

setup-all: $(ALL)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
		|| { echo "Python 3.11 is needed; name one with: make setup PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Setting up .venv (a few minutes the first time) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(PIP) "$$(grep '^torch==' requirements.lock)" $(if $(TORCH_INDEX),-i $(TORCH_INDEX))
	@$(PIP) --constraint requirements.lock setuptools
	@$(PIP) --constraint requirements.lock --no-build-isolation --editable .
	@touch $(READY)

# The rest of the lock: what tests, formatting and downloads need, and no run of the workflow.
$(ALL): $(READY)
	@$(PIP) --requirement requirements.lock
	@touch $(ALL)

# exec: a signal to make reaches Snakemake, with no shell in between that dies of it alone.
figures: $(READY)
	@exec env PATH="$(CURDIR)/$(BIN):$$PATH" bash workflow/run.sh --cores $(CORES) $(if $(CONFIG),--configfile $(CONFIG))

verdicts: $(READY)
	@exec env PATH="$(CURDIR)/$(BIN):$$PATH" bash workflow/run.sh --cores $(CORES) verdicts $(if $(CONFIG),--configfile $(CONFIG))

check: $(ALL)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check --compact-diff Snakefile workflow/rules
	$(BIN)/snakemake --lint

unit: $(ALL)
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

test: check unit

# Every moment in a run of its own; in `make test` three strike one run and its restarts.
faults: $(ALL)
	@mkdir -p results
	DIGIMUS_KILLS=$(KILLS) DIGIMUS_KILLS_PER_RUN=1 DIGIMUS_KILLS_TABLE=$(CURDIR)/results/faults.csv \
		$(BIN)/python -m pytest tests/test_faults.py --numprocesses 0

benchmark: $(READY) $(if $(filter corpus session scaling,$(ONLY)),,$(PEERS))
	@$(BIN)/python benchmarks/run.py $(if $(ONLY),--only $(ONLY))

$(PEERS): benchmarks/requirements.txt benchmarks/requirements-alone.txt
	@echo "Setting up .peers ..."
	@test -x .peers/bin/python || $(PYTHON) -m venv .peers
	@$(PEERS_PIP) "$$(grep '^torch==' requirements.lock)" $(if $(TORCH_INDEX),-i $(TORCH_INDEX))
	@$(PEERS_PIP) --requirement benchmarks/requirements.txt
	@$(PEERS_PIP) --no-deps --requirement benchmarks/requirements-alone.txt
	@touch $(PEERS)

# Not by way of .ready: that would hold what is installed to the old lock.
lock:
	@test -e $(ALL) || { echo "Run this first: make setup-all"; exit 1; }
	@$(PIP) --no-build-isolation --editable ".[test,dandi,zarr]"
	@{ sed -n '/^#/p' requirements.lock; \
	$(BIN)/python -m pip freeze --all | grep -E '^[A-Za-z0-9._-]+==' | grep -iv '^pip==' | sed 's/+[a-z0-9.]*$$//' | sort -f; \
	} > requirements.lock.new && mv requirements.lock.new requirements.lock
	@$(BIN)/python envs/render.py

clean:
	rm -rf results .snakemake
