# Every target makes what it needs: a virtual environment from pyproject.toml, once, and again when that changes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INTEROP := .venv-interop
FUZZ := .venv-fuzz
TIME ?= 60
KERAS := 3.0.5 3.5.0 3.10.0
PEERS := numpy torch jax keras
PEER_numpy := numpy ml_dtypes
PEER_torch := numpy $(shell sed -n 's/.*"\(torch==[^"]*\)".*/\1/p' pyproject.toml)
PEER_jax := jax
PEER_keras := keras jax
PIP := -m pip --disable-pip-version-check install --quiet

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow test-interop test-faults fuzz fuzz-merge lint format bench bench-stats bench-streams man \
	pictures check readme clean

help: ## what there is to make
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

# Dependency groups need pip 25.1 or newer, which an environment of Python 3.11 does not start with.
$(VENV)/.done: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP) --upgrade 'pip>=25.1'
	$(BIN)/python $(PIP) --editable . --group test --group lint
	@touch $@

# timm without torchvision, which it asks for and its models are made without; the rest it shares with transformers.
$(INTEROP)/.done: pyproject.toml
	$(PYTHON) -m venv $(INTEROP)
	$(INTEROP)/bin/python $(PIP) --upgrade 'pip>=25.1'
	$(INTEROP)/bin/python $(PIP) --editable . --group test --group interop
	$(INTEROP)/bin/python $(PIP) --no-deps timm==1.0.31
	@touch $@

demo: $(VENV)/.done ## sample a file in each format, and check it
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/demo.sh

test: $(VENV)/.done ## the tests, in under three minutes
	$(BIN)/python -m pytest -q -n 2

test-slow: $(VENV)/.done ## what takes minutes or gigabytes
	$(BIN)/python -m pytest -q -m slow

# Older releases of Keras have to load our files too: each in an environment of its own, with the jax that it knows.
.venv-keras-%/.done: pyproject.toml
	$(PYTHON) -m venv .venv-keras-$*
	.venv-keras-$*/bin/python $(PIP) keras==$* jax==0.4.38 'numpy>=2' h5py scipy packaging
	@touch $@

test-interop: $(INTEROP)/.done $(KERAS:%=.venv-keras-%/.done) ## against real torch, keras, jax and transformers
	$(INTEROP)/bin/python -m pytest -q -n 2 --dist loadgroup -m interop

test-faults: $(VENV)/.done ## let each system call of a write fail, and kill runs at random moments
	$(BIN)/python tests/faults $(FAULTS)

$(FUZZ)/.done: pyproject.toml
	$(PYTHON) -m venv $(FUZZ)
	$(FUZZ)/bin/python $(PIP) --upgrade 'pip>=25.1'
	$(FUZZ)/bin/python $(PIP) --editable . --group fuzz
	@touch $@

fuzz: $(FUZZ)/.done ## look for inputs that break it, for TIME=60 seconds in all
	$(FUZZ)/bin/python -m fuzz --time $(TIME)

fuzz-merge: $(FUZZ)/.done ## put what raised the coverage into fuzz/corpus
	$(FUZZ)/bin/python -m fuzz --merge

lint: $(VENV)/.done ## ruff, mypy --strict, and the floors of the house
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --platform darwin
	$(BIN)/lint-imports

format: $(VENV)/.done ## lay out the code
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

readme: $(VENV)/.done ## write what the commands print into README.md
	$(BIN)/python tests/test_readme.py

bench-stats: $(VENV)/.done ## how often stats is wrong, and what it sees, into docs/stats.md
	$(BIN)/python benchmarks/calibration.py --write docs/stats.md
	$(BIN)/python benchmarks/power.py --write docs/stats.md

bench-streams: $(VENV)/.done $(INTEROP)/.done ## the frameworks' streams beside the frameworks, into docs/frameworks.md
	for stream in torch jax keras-tf keras-numpy; do $(INTEROP)/bin/python benchmarks/streams.py $$stream; done > .streams
	$(BIN)/python benchmarks/streams.py --rows .streams --write docs/frameworks.md
	rm .streams

man: $(VENV)/.done ## write the manual pages anew
	$(BIN)/python docs/man/make.py

pictures: $(VENV)/.done ## draw the pictures of README.md anew
	$(BIN)/python docs/pictures/make.py

# What a user would use instead of us, each in an environment of its own.
.venv-bench-%/.done: pyproject.toml
	$(PYTHON) -m venv .venv-bench-$*
	.venv-bench-$*/bin/python $(PIP) $(PEER_$*) safetensors
	@touch $@

bench: $(VENV)/.done $(PEERS:%=.venv-bench-%/.done) ## speed and memory beside numpy, torch, jax, keras: docs/performance.md
	$(BIN)/python benchmarks/bench.py $(foreach peer,$(PEERS),--peer $(peer)=.venv-bench-$(peer)/bin/python) \
		--json benchmarks/results.json --write docs/performance.md

check: lint test ## what has to pass before a change lands

clean: ## remove what the other targets made
	rm -rf $(VENV) $(INTEROP) $(FUZZ) .fuzz .venv-keras-* .venv-bench-* .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
