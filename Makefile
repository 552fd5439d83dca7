# The first Python from 3.11 on; PYTHON=... names another.
PYTHONS = python3.11 python3.12 python3.13 python3.14 python3 python
ifndef PYTHON
PYTHON := $(shell for p in $(PYTHONS); do $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
$(if $(PYTHON),,$(error there is none of $(PYTHONS) from Python 3.11 on: install one, or name it with PYTHON=...))
endif
# Without a GPU the small torch for CPUs; CONSTRAINTS=constraints.txt takes the one that pip finds by itself.
CONSTRAINTS ?= $(if $(shell command -v nvidia-smi),constraints.txt,constraints-cpu.txt)
VENV = .venv
BIN = $(VENV)/bin
STAMP = $(VENV)/.installed
# Blender as a module, in the versions that the tests need, and in the others that the extension promises.
BLENDERS = .venv-blender/.installed .venv-blender-5.0/.installed
MORE_BLENDERS = .venv-blender-4.2/.installed .venv-blender-5.2/.installed
PYTHON313 ?= $(firstword $(wildcard $(HOME)/.pyenv/versions/3.13*/bin/python) python3.13)
EXTENSION = build/blender
PYTEST = $(BIN)/python -m pytest

.PHONY: install wheel docs demo test test-slow test-gpu fuzz lint sbom audit options bench bench-gpu .venv-blender blenders blender-extension blender-repository nuke-plugin clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --retries 1 -e '.[dev]' -c $(CONSTRAINTS)
	touch $@

# What a machine without a checkout takes: the wheel, and the constraints it was tested with.
wheel:
	$(PYTHON) -m pip wheel --quiet --no-deps -w dist .
	cp constraints.txt constraints-cpu.txt dist

demo: $(STAMP)
	$(BIN)/maggie-node demo -o demo

# The documentation as a site, which opens from disk: build/site/index.html. Any warning is an error.
docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# Tests run many programs at once: their threads sleep, not spin, while they wait for each other.
test test-slow: export OMP_WAIT_POLICY ?= PASSIVE

test: lint .venv-blender
	$(PYTEST) -m "not slow and not gpu and not weights"

test-slow: lint .venv-blender blenders
	$(PYTEST) -m "not gpu and not weights"

# Where there is a CUDA device.
test-gpu: $(STAMP)
	$(BIN)/python -m pip install --quiet -e '.[dev,cuda]' -c constraints.txt
	$(PYTEST) -m gpu

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

# Other random numbers every round; memory and time of each are bounded. What fails is put into tests/fuzz/corpus.
SECONDS ?= 600
fuzz: $(STAMP)
	end=$$(($$(date +%s) + $(SECONDS))); while [ $$(date +%s) -lt $$end ]; do \
	    (ulimit -v 16000000; MAGGIE_FUZZ=500 timeout 3600 $(PYTEST) -q -x tests/fuzz) || exit 1; \
	done

# What is installed, and whether a weakness of it is known; tools of their own environment, and the network.
sbom audit: TOOLS = build/audit
sbom: $(STAMP)
	test -x $(TOOLS)/bin/cyclonedx-py || ($(PYTHON) -m venv $(TOOLS) && $(TOOLS)/bin/pip install --quiet cyclonedx-bom pip-audit)
	$(TOOLS)/bin/cyclonedx-py environment $(BIN)/python --output-reproducible -o build/sbom.json

audit: sbom
	$(BIN)/python -m pip freeze --exclude-editable > build/installed.txt
	$(TOOLS)/bin/pip-audit --strict --disable-pip --no-deps -r build/installed.txt

# docs/options.md: which program has which option.
options: $(STAMP)
	PYTHONPATH=.:core:tests $(BIN)/python -m support.options_table

bench: $(STAMP)
	$(BIN)/python -m benchmarks

# The tables on CUDA, by both backends of sparse convolutions.
bench-gpu: $(STAMP)
	$(BIN)/python -m pip install --quiet -e '.[dev,cuda]' -c constraints.txt
	$(BIN)/python -m benchmarks.speed -o speed-cuda --set all --device cuda --repeat 50
	MAGGIE_SPARSE=spconv $(BIN)/python -m benchmarks.speed -o speed-cuda-spconv --set all --device cuda --repeat 50

# Blender pins its own numpy and OpenImageIO, so it never shares an environment with us.
.venv-blender: $(BLENDERS)
blenders: $(MORE_BLENDERS)

.venv-blender/.installed: BPY = bpy==4.5.15
.venv-blender-5.0/.installed: BPY = bpy==5.0.1
.venv-blender-4.2/.installed: BPY = bpy==4.2.23
.venv-blender-5.2/.installed: BPY = bpy==5.2.3
.venv-blender-5.2/.installed: PYTHON = $(PYTHON313)

$(BLENDERS) $(MORE_BLENDERS):
	test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet $(BPY)
	touch $@

# The zip that Blender installs; and the folder of a repository that it updates itself from.
blender-extension: $(STAMP) .venv-blender/.installed
	$(BIN)/python hosts/blender/build.py .venv-blender -o $(EXTENSION)

blender-repository: $(STAMP) .venv-blender/.installed
	$(BIN)/python hosts/blender/build.py .venv-blender -o $(EXTENSION) --repository

# What goes on NUKE_PATH: a folder, and a zip of it.
nuke-plugin:
	$(PYTHON) hosts/build_nuke.py -o dist

clean:
	rm -rf .venv .venv-blender* build dist demo .pytest_cache .ruff_cache .import_linter_cache
