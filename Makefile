# Each target makes and fills the virtual environment it needs; PYTHON=python3.12 picks another interpreter.
PYTHON ?= python3
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
SUITED := 3.9 3.10 3.11 3.12 3.13
VENV := .venv-$(VERSION)
RUN := $(VENV)/bin/python
# Two processes, a file of tests to each in turn: most of the time goes into tracing graphs, which has one thread.
PYTEST := $(RUN) -m pytest --numprocesses=2 --dist=loadfile
WORKDIR ?= runs/digits
# XLA's TPU compiler and what calls it, by private modules: hence the pinned versions, apart from TensorFlow's.
TPU_VENV := .venv-tpu
TPU_PACKAGES := jax==0.10.2 jaxlib==0.10.2 libtpu==0.0.52
# The site is made from text alone: neither TensorFlow nor this package is installed for it.
DOCS_VENV := .venv-docs
DOCS_PACKAGES := "mkdocs-material>=9.5,<10" "mkdocstrings[python]>=0.26" "latex2mathml>=3.77,<4"
TPU_SUITED := 3.11 3.12 3.13

.PHONY: docs results help demo test test-guards test-all lint types check installs benchmark tpu-env clean

help:
	@echo "make demo      train cross-entropy and SupCon on the embedded digits, 3 seeds each; ends with a report"
	@echo "make test      the tests (under 6 minutes on 2 cores)"
	@echo "make test-guards  one slow test for each thing that is promised: 4 replicas, several processes, kills"
	@echo "make test-all  the tests, slow ones too"
	@echo "make lint      format, lint and types"
	@echo "make types     mypy --strict on the public names, and on a program that uses them"
	@echo "make check     format, lint, types and tests"
	@echo "make installs  wheel and sdist into an empty environment of every Python that is there (minutes each)"
	@echo "make benchmark time, memory and accuracy of the loss, beside PyTorch's (about 10 minutes)"
	@echo "make docs      the documentation as a site, strict, in build/site"
	@echo "make results   write measured tables into the documents, from the records under experiments/results"
	@echo "make tpu-env   XLA's TPU compiler in an environment of its own, for launch.benchmark tpu"
	@echo "make clean     remove the virtual environments and runs/"

demo: $(VENV)/ready
	$(RUN) -m launch.compare --experiments=digits.cross_entropy,digits.supcon --seeds=0,1,2 --workdir=$(WORKDIR)

test: $(VENV)/ready-test
	$(PYTEST) -m "not slow"

test-all: $(VENV)/ready-test
	$(PYTEST)

# Few and long: a process that has none left takes some of the other's, so that both end together.
test-guards: $(VENV)/ready-test
	$(PYTEST) --dist=worksteal -m guard

lint: types
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .

types: $(VENV)/ready-test
	$(RUN) -m mypy

check: lint test

installs:
	nice ./.ci/installs $(PYTHONS)

benchmark: $(VENV)/ready-benchmark
	$(RUN) -m launch.benchmark loss
	$(RUN) -m launch.benchmark accuracy

docs: $(DOCS_VENV)/ready
	NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/mkdocs build --strict --quiet

$(DOCS_VENV)/ready: setup.py
	$(call require_python)
	@echo "Python $(VERSION): making $(DOCS_VENV) and installing mkdocs into it"
	@$(PYTHON) -m venv $(DOCS_VENV)
	@PYTHONWARNINGS=ignore $(DOCS_VENV)/bin/pip install --quiet --disable-pip-version-check $(DOCS_PACKAGES)
	@touch $@

results: $(VENV)/ready
	$(RUN) -m launch.results

$(VENV)/ready: setup.py
	$(call require_python)
	@echo "Python $(VERSION): making $(VENV) and installing TensorFlow and what else setup.py names (about 2 GB, minutes)"
	@$(PYTHON) -m venv $(VENV) || { echo "$(PYTHON) cannot make virtual environments: install its venv package (Debian: python$(VERSION)-venv)"; exit 1; }
	@PYTHONWARNINGS=ignore $(RUN) -m pip install --quiet --disable-pip-version-check --upgrade pip
	@PYTHONWARNINGS=ignore $(RUN) -m pip install --quiet --disable-pip-version-check --editable ".[train]"
	@touch $@ && echo "$(VENV) is ready"

$(VENV)/ready-test: $(VENV)/ready
	@echo "installing the test tools into $(VENV)"
	@PYTHONWARNINGS=ignore $(RUN) -m pip install --quiet --disable-pip-version-check --editable ".[test]"
	@touch $@

$(VENV)/ready-benchmark: $(VENV)/ready
	@echo "installing PyTorch and pytorch-metric-learning into $(VENV), to measure beside them"
	@PYTHONWARNINGS=ignore $(RUN) -m pip install --quiet --disable-pip-version-check --editable ".[benchmark]"
	@touch $@

tpu-env: $(TPU_VENV)/ready

$(TPU_VENV)/ready: Makefile
	$(call require_python)
	$(if $(filter $(VERSION),$(TPU_SUITED)),,$(error the TPU compiler needs one of Python $(TPU_SUITED), and '$(PYTHON)' is $(VERSION): PYTHON=python3.11 make tpu-env))
	@echo "Python $(VERSION): making $(TPU_VENV) and installing $(TPU_PACKAGES)"
	@$(PYTHON) -m venv $(TPU_VENV)
	@PYTHONWARNINGS=ignore $(TPU_VENV)/bin/python -m pip install --quiet --disable-pip-version-check $(TPU_PACKAGES)
	@touch $@ && echo "$(TPU_VENV) is ready"

clean:
	rm -rf .venv-* runs

define require_python
	$(if $(VERSION),,$(error no Python answers to '$(PYTHON)'. Install one of Python $(SUITED), or name it: PYTHON=python3.11 make $(MAKECMDGOALS)))
	$(if $(filter $(VERSION),$(SUITED)),,$(error '$(PYTHON)' is Python $(VERSION), for which there is no supported TensorFlow. Use one of Python $(SUITED): PYTHON=python3.11 make $(MAKECMDGOALS)))
endef
