# RapidDraft: `make run` and `make test` are all that a fresh machine needs, besides Python 3.11.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:
.PHONY: help run test faults lint image-test conformance bench-dfm bench-fixes bench-scale bench-queue bench-stores bench-idle loadtest soak upgrade audit sbom clean

STARTED := $(shell date +%s.%N)
VENV := .venv
PYTHON := $(VENV)/bin/python
PIP := $(PYTHON) -m pip --disable-pip-version-check

# Marks of what is installed, named by what they were installed from: another lock, another mark.
hash = $(shell cat $(1) | sha256sum | cut -c1-16)
INSTALLED := $(VENV)/.installed-$(call hash,requirements.txt pyproject.toml)
INSTALLED_DEV := $(VENV)/.installed-dev-$(call hash,requirements-dev.txt)
# Shows a name for each package, so that one sees it going on.
NAMES := sed -un -e 's/^Collecting \([^ ]*\).*/  \1/p' -e 's/^Installing collected.*/  installing …/p'

help:
	@echo 'make run [PORT=8000] [DATA_DIR=data]  set up, start the stack, review a sample part, serve until Ctrl-C'
	@echo 'make test [ARGS=…]                    set up, run the test suite'
	@echo 'make faults [SEED=…]                  the fault campaign in full: kills, power losses, full disks, …'
	@echo 'make lint                             ruff, mypy --strict, import-linter, hadolint'
	@echo 'make image-test [ENGINE=…]            build the Dockerfile, run the image as it will be run, and check it'
	@echo 'make conformance                      run the tests of Dramatiq itself against the file broker'
	@echo 'make bench-queue [ARGS=…]              the file broker beside Redis and huey'
	@echo 'make bench-stores [ARGS=…]             what one write costs, with few and many tickets and models'
	@echo 'make bench-idle [ARGS=…]               CPU and memory of the stack when nobody asks it for anything'
	@echo 'make bench-dfm [PARTS=folder] [ARGS=…] reviews against the bare kernel, and against what is known of the parts'
	@echo 'make bench-fixes [PARTS=folder] [ARGS=…] how many findings have a fix that is proven, and why others have none'
	@echo 'make bench-scale [ARGS=…]              how the cost of a review grows, up to 10,000 faces'
	@echo 'make loadtest [PARTS=folder] [ARGS=…]  latency under load against its targets, in one table; ARGS=--short'
	@echo 'make soak [SECONDS=3600] [ARGS=…]      steady load: nothing may grow, nothing may fail'
	@echo 'make upgrade                          compile the locked requirements anew'
	@echo 'make audit                            known vulnerabilities in what is locked; fails if none could be looked up'
	@echo 'make sbom [SBOM=sbom.cdx.json]        what the service is made of, as CycloneDX'
	@echo 'make clean                            remove the virtual environment and caches (not the data)'

run: $(INSTALLED)
	@exec $(PYTHON) scripts/run.py --started $(STARTED) $(if $(PORT),--port '$(PORT)') $(if $(DATA_DIR),--data-dir '$(DATA_DIR)')

# On two cores: what has a stack waits for much of its time.
test: $(INSTALLED_DEV)
	@exec $(PYTHON) -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

# Its counts go to FAULTS_RESULTS as JSON, and are printed in the end.
faults: $(INSTALLED_DEV)
	@seed=$(or $(SEED),$$RANDOM); echo "seed $$seed"
	export FAULTS_FULL=1 FAULTS_SEED=$$seed FAULTS_RESULTS=$${FAULTS_RESULTS:-$$(mktemp -d /tmp/rapiddraft-faults-XXXXXX)}
	exec $(PYTHON) -m pytest tests/faults -n auto --dist loadfile -v $(ARGS)

lint: $(INSTALLED_DEV)
	@$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy --strict
	$(VENV)/bin/lint-imports
	$(VENV)/bin/hadolint Dockerfile

# Exit status 3 if nothing here can build and run it.
image-test:
	@ENGINE='$(ENGINE)' scripts/image_test.sh

upgrade: $(INSTALLED_DEV)
	@scripts/upgrade_deps.sh

# --strict: else what cannot be looked up is passed over, and nothing found in nothing is green.
audit: $(INSTALLED_DEV)
	@$(VENV)/bin/pip-audit --strict --disable-pip --require-hashes -r requirements.txt
	$(VENV)/bin/pip-audit --strict --disable-pip --require-hashes -r requirements-dev.txt

sbom: $(INSTALLED_DEV)
	@$(VENV)/bin/cyclonedx-py requirements requirements.txt --pyproject pyproject.toml --output-reproducible \
	    --output-file '$(or $(SBOM),sbom.cdx.json)'
	echo 'Wrote $(or $(SBOM),sbom.cdx.json)'

clean:
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/bin/pip:
	@command -v python3.11 > /dev/null || { echo 'RapidDraft needs Python 3.11 (the command python3.11).' >&2; exit 1; }
	echo 'Making $(VENV)'
	python3.11 -m venv $(VENV)

$(INSTALLED): | $(VENV)/bin/pip
	@echo 'Installing what requirements.txt locks'
	$(PIP) install --require-hashes --progress-bar off -r requirements.txt | $(NAMES)
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	$(PYTHON) -m rapiddraft._supervisor_environment > /dev/null
	find $(VENV) -maxdepth 1 -name '.installed-[0-9a-f]*' ! -name '.installed-dev-*' -delete
	touch $@

$(INSTALLED_DEV): $(INSTALLED)
	@echo 'Installing what requirements-dev.txt locks'
	$(PIP) install --require-hashes --progress-bar off -r requirements-dev.txt | $(NAMES)
	rm -f $(VENV)/.installed-dev-*
	touch $@

bench-dfm: $(INSTALLED)
	@$(PYTHON) -m loadtests.bench_dfm '$(or $(PARTS),samples)' $(ARGS)

bench-fixes: $(INSTALLED)
	@$(PYTHON) -m loadtests.bench_fixes '$(or $(PARTS),samples)' $(ARGS)

bench-scale: $(INSTALLED)
	@$(PYTHON) -m loadtests.bench_scale $(ARGS)

conformance: $(INSTALLED_DEV)
	@exec $(PYTHON) -m tests.conformance $(ARGS)

bench-queue: $(INSTALLED_DEV)
	@exec $(PYTHON) -m loadtests.bench_queue $(ARGS)

bench-stores: $(INSTALLED)
	@exec $(PYTHON) -m loadtests.bench_stores $(ARGS)

bench-idle: $(INSTALLED_DEV)
	@exec $(PYTHON) -m loadtests.bench_idle $(ARGS)

# Reports go to RESULTS, else to a new folder in loadtests/results.
loadtest: $(INSTALLED_DEV)
	@exec $(PYTHON) -m loadtests.loadtest $(if $(PARTS),--parts '$(PARTS)') $(if $(RESULTS),--results '$(RESULTS)') $(ARGS)

soak: $(INSTALLED_DEV)
	@exec $(PYTHON) -m loadtests.soak $(if $(SECONDS),--seconds '$(SECONDS)') $(if $(RESULTS),--results '$(RESULTS)') $(ARGS)
