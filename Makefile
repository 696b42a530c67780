# Everything runs from a fresh machine: each target sets up what it needs, once, in a virtual environment of its own.
#
#   .venv-notorch   what a robot needs (CPU engines, ROS wheels, no torch): make demo, and the test that proves it
#   .venv           the same and everything for development: make test, make bench, training
#   .venv-triton    Triton alone (200 MB to download), the rest it sees in .venv; only where .venv has no Triton.
#                   PyTorch's wheels for GPUs bring it along, those for CPUs do not
#
# Options: PYTHON=python3.12 picks the interpreter; PIP_ARGS='...' goes to every pip install, for example
#   make test PIP_ARGS='--extra-index-url https://download.pytorch.org/whl/cpu'   (torch without its 2 GB for GPUs)
# TRITON=no leaves the tests out that need Triton, and says so.

SHELL := /bin/bash
.DEFAULT_GOAL := help

RUN := .venv-notorch
DEV := .venv
KERNELS := .venv-triton
SIDE_BY_SIDE := --numprocesses 3 --dist loadfile
comma := ,

# The environments hold a ROS of their own; one that is sourced in this shell must not leak into them, nor one
# environment's libraries into the other.
unexport PYTHONPATH PYTHONHOME AMENT_PREFIX_PATH LD_LIBRARY_PATH _ROS_WHEELS_BOOTSTRAP_COMPLETE
export RMW_IMPLEMENTATION := rmw_fastrtps_cpp

define find_python
	for python in $${PYTHON:-python3.11 python3.12 python3.13 python3.14 python3}; do \
	    "$$python" -c 'import ensurepip, platform, sys, venv; sys.exit(not ((3, 11) <= sys.version_info[:2] <= (3, 14) \
	        and (sys.platform, platform.machine()) == ("linux", "x86_64")))' 2>/dev/null && break; python=; \
	done; \
	if [ -z "$$python" ]; then \
	    echo "No usable Python found. Expected CPython 3.11 to 3.14 with its venv module, on x86-64 Linux (there are no"; \
	    echo "ROS wheels for anything else). Found: $$(python3 --version 2>&1), $$(uname -sm)."; \
	    echo "Debian and Ubuntu: sudo apt install python3-venv. Another interpreter: make PYTHON=/path/to/python3.12."; \
	    echo "On other machines install ROS 2 itself and build the package with colcon; README.md says how."; \
	    exit 1; \
	fi >&2
endef

# $(1) environment, $(2) extras
define install
	@$(find_python); test -x $(1)/bin/python || { echo "Making $(1) with $$python"; "$$python" -m venv $(1); }
	@echo "Installing $(2) into $(1)"
	@$(1)/bin/python -m pip install -qq --disable-pip-version-check $(PIP_ARGS) -c constraints.txt -e '.[$(2)]'
	@touch $@
endef

$(RUN)/.installed: setup.py constraints.txt
	$(call install,$(RUN),cpu$(comma)ros)

$(DEV)/.installed: setup.py constraints.txt
	$(call install,$(DEV),cpu$(comma)ros$(comma)training$(comma)test)

$(KERNELS)/.installed: $(DEV)/.installed
	@echo "Installing Triton into $(KERNELS)"
	@$(DEV)/bin/python -m venv --without-pip $(KERNELS)
	@packages=$$($(KERNELS)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))'); \
	    $(DEV)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > "$$packages/rest.pth"
	@$(DEV)/bin/python -m pip --python $(KERNELS)/bin/python install -qq --disable-pip-version-check $(PIP_ARGS) \
	    -c constraints.txt --no-deps triton
	@touch $@

.PHONY: help
help: ## Says what can be made.
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name text; do \
	    printf '  make %-13s %s\n' "$$name" "$$text"; done

.PHONY: demo
demo: $(RUN)/.installed ## Replays a real scene through ROS into the node; BAG=path takes your own recording.
	$(RUN)/bin/python -m demo $(if $(BAG),--bag '$(BAG)')

.PHONY: test
test: lint $(RUN)/.installed ## Linters, types, import rules and every test; ARGS='...' goes to pytest.
ifdef ARGS
	$(DEV)/bin/python -m pytest --durations=15 $(ARGS)
else
	@# what measures rates, alone
	$(DEV)/bin/python -m pytest --durations=5 -m alone
	@# the rest side by side: streams wait most of the time, each test process in a ROS domain of its own; training
	@# apart, since it forks workers, which a process with threads of ROS should not
	OMP_NUM_THREADS=1 $(DEV)/bin/python -m pytest --durations=25 $(SIDE_BY_SIDE) -m 'not alone' --ignore=test/training
	OMP_NUM_THREADS=1 $(DEV)/bin/python -m pytest --durations=10 $(SIDE_BY_SIDE) test/training
	@$(MAKE) --no-print-directory test-kernels
endif

# where torch brought Triton along, the tests above have run these too
.PHONY: test-kernels
test-kernels: $(DEV)/.installed ## Triton's kernels, in its interpreter where there is no GPU; part of make test.
	@if $(DEV)/bin/python -c 'import triton' 2>/dev/null; then echo "Triton is in $(DEV): its tests are with the others."; \
	elif [ "$(TRITON)" = no ]; then echo "TRITON=no: the kernels of models/fused are NOT tested."; \
	else $(MAKE) --no-print-directory $(KERNELS)/.installed && \
	    $(KERNELS)/bin/python -m pytest --durations=5 test/models/fused; fi

.PHONY: lint
lint: $(DEV)/.installed ## Linters, formatting, types and import rules only.
	$(DEV)/bin/ruff check
	$(DEV)/bin/ruff format --check
	$(DEV)/bin/mypy
	$(DEV)/bin/lint-imports --no-logo

.PHONY: bench
bench: $(DEV)/.installed ## Measures latency against OpenCV's filters.
	$(DEV)/bin/python -m bench

.PHONY: bench-cameras
bench-cameras: $(DEV)/.installed ## Measures what is made of simulated depth cameras; DATA=path adds a data folder's scenes.
	$(DEV)/bin/python -m bench.cameras $(if $(DATA),--data '$(DATA)')

.PHONY: setup
setup: $(RUN)/.installed $(DEV)/.installed ## Makes both environments and runs nothing.

.PHONY: config
config: $(DEV)/.installed ## Writes config/sr.yaml anew from the parameters that the node declares.
	$(DEV)/bin/python -c 'from depth_sr_ros.ros.parameters import parameters_yaml; print(parameters_yaml(), end="")' \
	    > config/sr.yaml.new
	mv config/sr.yaml.new config/sr.yaml

.PHONY: readme
readme: $(DEV)/.installed ## Fills the README's tables anew from parameters and cards, and draws its picture.
	$(DEV)/bin/python -m docs.update_readme
	$(DEV)/bin/python docs/make_overview.py

.PHONY: models
models: $(DEV)/.installed ## Measures the shipped models, draws them and fills docs/models.md; DATA=path is the data folder.
	$(if $(DATA),,@echo 'make models: expected DATA=path, a data folder with a manifest.csv'; exit 2)
	$(DEV)/bin/python -m docs.make_models --data '$(DATA)' --times --pictures

.PHONY: clean
clean: ## Removes environments, caches and results.
	rm -rf $(RUN) $(DEV) $(KERNELS) build install log out *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
