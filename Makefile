PYTHON ?= python3.11
VENV = .venv
BIN = $(VENV)/bin
STAMP = $(VENV)/.installed
BLENDER_STAMP = .venv-blender/.installed
BPY = bpy==4.5.15
# Threads sleep, not spin, while they wait for each other: the machine may have other work.
export OMP_WAIT_POLICY ?= PASSIVE
PYTEST = $(BIN)/python -m pytest

.PHONY: install demo test test-slow lint bench .venv-blender clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -e '.[dev]' -c constraints.txt
	touch $@

demo: $(STAMP)
	$(BIN)/maggie-node demo -o demo

test: lint .venv-blender
	$(PYTEST) -m "not slow and not gpu and not weights"

test-slow: lint .venv-blender
	$(PYTEST) -m "not gpu and not weights"

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

bench: $(STAMP)
	$(BIN)/python -m benchmarks

# Blender pins its own numpy and OpenImageIO, so it never shares an environment with us.
.venv-blender: $(BLENDER_STAMP)

$(BLENDER_STAMP):
	test -x .venv-blender/bin/python || $(PYTHON) -m venv .venv-blender
	.venv-blender/bin/python -m pip install --quiet $(BPY)
	touch $@

clean:
	rm -rf .venv .venv-blender build dist demo .pytest_cache .ruff_cache .import_linter_cache
