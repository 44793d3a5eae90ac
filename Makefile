# Every target makes .venv itself and reuses it while requirements.lock stands. Of its 24,000 modules
# most are never imported; the others are compiled when they first are.
PYTHON ?= python3
# Which torch: PyPI's, on Linux that for CUDA, or that of a part of PyTorch's own index, as in TORCH=cpu
TORCH ?=
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --no-compile
# As many processes as the machine has cores, each with whole files of tests: make test TESTERS=1
TESTERS ?= auto
PYTEST := pytest -q --numprocesses $(TESTERS) --maxprocesses 8 --dist loadfile --no-loadscope-reorder
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: install lock run test smoke bench repro lint ui clean

install: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
ifeq ($(TORCH),)
	$(PIP) -r requirements.lock
else
	awk '/^[^ #]/ {theirs = /^(torch|torchvision|triton|cuda-[^=]*|nvidia-[^=]*)==/} !theirs' requirements.lock > $(VENV)/others.lock
	$(PIP) --no-deps -r $(VENV)/others.lock
	$(PIP) --index-url https://download.pytorch.org/whl/$(TORCH) $$(grep -oE '^torch(vision)?==[^ ]+' requirements.lock)
endif
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

lock:           ## pin what pyproject.toml asks for, with hashes; pins that still fit stay (pip install uv)
	uv pip compile pyproject.toml --quiet --extra dev --universal --fork-strategy fewest --python-version 3.11 \
		--generate-hashes --no-annotate --custom-compile-command 'make lock' --output-file requirements.lock

run: install    ## fetch MNIST, train and measure PCA and the deep autoencoder, print the table
	ae fetch mnist
	ae flow pca-2 pca-30 deep-2 deep-30
	ae report
	ae publish
	@echo "Compare the runs in MLflow's UI: make ui"

test: install   ## the fast suite: no network, four minutes on two cores
	$(PYTEST)

smoke: install  ## slow tests and the whole graph on real data with shrunken budgets
	ae fetch
	$(PYTEST) --runslow --runsmoke -m "slow or smoke"

bench: install  ## our training beside a tutorial's and a hand-written loop's; half an hour
	ae fetch mnist
	python benchmarks/throughput.py

repro: install  ## rebuild everything with DVC
	ae fetch
	dvc repro

lint: install
	ruff check .
	ruff format --check .
	mypy

ui: install     ## compare the runs in MLflow's UI
	ae ui

clean:          ## remove what can be rebuilt; data, DVC's cache and MLflow's runs stay
	rm -rf $(VENV) build *.egg-info .pytest_cache .ruff_cache .mypy_cache artifacts/resume
