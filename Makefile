# make run    from a clone to a first run folder
# make test   every check: format, lint, types, tests
# make docs   the documentation site, in build/site
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
TORCH_CPU_INDEX ?= https://download.pytorch.org/whl/cpu
INSTALLED := $(VENV)/.installed
PYTHONS ?= python3.11 python3.12 python3.13 python3.14

# What depends on the engine is tested a second time as where there is no compiler: with PyTorch alone.
WITHOUT_KERNEL := tests/audit/test_check.py tests/cli/test_check.py tests/cli/test_train.py tests/studies/test_going_on.py \
	tests/studies/test_run_folder.py tests/training/test_native_choice.py

# For clang-format, where it is installed; .clang-format says how they are written.
CPP := $(wildcard rnnlab/training/native/*.h rnnlab/training/native/*.cpp tests/training/*.cpp)

.PHONY: run test check docs format pythons sanitize torture bench clean

run: $(INSTALLED)
	$(BIN)/rnnlab train configs/cumulative_average.yaml

# Commands and the workers of sweeps are measured too, each in a file of its own (pyproject.toml, tool.coverage).
test: check
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest --numprocesses=auto
	RNNLAB_NO_NATIVE=1 $(BIN)/coverage run -m pytest --numprocesses=auto --quiet $(WITHOUT_KERNEL)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered --skip-empty

check: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m tests.training.native_warnings

# Warnings are errors: a link that leads nowhere, a page that no menu names, a docstring that cannot be read.
docs: $(INSTALLED)
	$(BIN)/python -m docs.generate
	$(BIN)/zensical build --clean --strict

format: $(INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	@! command -v clang-format >/dev/null || clang-format -i $(CPP)

# `make test` with every Python that is admitted and found, each in an environment of its own.
pythons:
	@for python in $(PYTHONS); do \
		if $$python -c '' 2>/dev/null; then \
			$(MAKE) --no-print-directory PYTHON=$$python VENV=.venv-$$python test || exit 1; \
		else \
			missing="$$missing $$python"; \
		fi; \
	done; \
	if [ -n "$$missing" ]; then echo "not found, and so not tried:$$missing"; fi

# The native engine's code under the address and undefined-behaviour sanitizers of GCC and Clang; a part of the tests too.
sanitize: $(INSTALLED)
	$(BIN)/python -m tests.training.native_sanitized

# Faults at every operation of the file system (some thousands, with counts), damaged run folders, and as root power
# cuts on a file system in a file: half an hour.
torture: $(INSTALLED)
	nice $(BIN)/python -m tests.faults --build
	nice $(BIN)/python -m tests.faults.mutated
	nice $(BIN)/python -m tests.faults.power

# Kept in benchmark.json, with the machine. JAX is one of the contestants where it is installed:
# .venv/bin/pip install -e '.[bench]'
bench: $(INSTALLED)
	$(BIN)/python -m tests.benchmarks --json benchmark.json

# PyPI's torch for Linux brings several gigabytes of CUDA libraries, which these small nets do not need:
# take the CPU build from where pip already looks, else from PyTorch's own index.
$(INSTALLED): pyproject.toml constraints.txt setup.py $(wildcard rnnlab/training/native/*)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "rnnlab needs Python 3.11 or later; name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) 'torch==2.13.0+cpu' 2>/dev/null || $(PIP) torch --index-url $(TORCH_CPU_INDEX)
	$(PIP) --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) .venv-python3.* build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*
