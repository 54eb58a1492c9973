# make run    from a clone to a first run folder
# make test   every check: format, lint, types, tests
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
TORCH_CPU_INDEX ?= https://download.pytorch.org/whl/cpu
INSTALLED := $(VENV)/.installed

.PHONY: run test check format benchmarks clean

run: $(INSTALLED)
	$(BIN)/rnnlab train configs/cumulative_average.yaml

test: check
	$(BIN)/python -m pytest --numprocesses=auto

check: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

benchmarks: $(INSTALLED)
	$(BIN)/python -m tests.benchmarks

# PyPI's torch for Linux brings several gigabytes of CUDA libraries, which these small nets do not need:
# take the CPU build from where pip already looks, else from PyTorch's own index.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "rnnlab needs Python 3.11 or later; name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) 'torch==2.13.0+cpu' 2>/dev/null || $(PIP) torch --index-url $(TORCH_CPU_INDEX)
	$(PIP) --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
