# The commands of README.md. Each installs what is missing, builds, and runs; a second run does no
# work twice. Variables: LANNER_VENV (the cached Python environment), BUILD (the build folder),
# LANNER_CUDA (AUTO, ON, OFF), JOBS.
LANNER_VENV ?= $(HOME)/.cache/lanner/venv
BUILD ?= build
LANNER_CUDA ?= AUTO
JOBS ?= $(shell nproc)
export LANNER_VENV

.PHONY: build test sanitize demo bench python format check-format dependencies clean

dependencies:
	@bash cmake/install_dependencies.sh $(LANNER_VENV) >&2

# LibTorch's operators run on as many threads as there are cores; see docs/training.md.
build: dependencies
	@cmake -S . -B $(BUILD) -G Ninja -DLANNER_PYTHON=$(LANNER_VENV)/bin/python -DLANNER_CUDA=$(LANNER_CUDA) >&2
	@cmake --build $(BUILD) -j $(JOBS) >&2

test: build
	@for module in ops datasets detectors tools; do echo "== $$module"; $(BUILD)/bin/$${module}_tests || exit 1; done
	@$(BUILD)/venv/bin/python -m pytest -q python/tests

# The operators' and the data's tests, malformed calls and damaged files by the thousand among them,
# under AddressSanitizer and UndefinedBehaviorSanitizer. LibTorch is not instrumented: it leaks by design, and an allocation
# that it cannot have is an error that it reports.
sanitize: dependencies
	@cmake --preset asan >&2
	@cmake --build build-asan -j $(JOBS) --target ops_tests datasets_tests >&2
	@ASAN_OPTIONS=detect_leaks=0:protect_shadow_gap=0:allocator_may_return_null=1 build-asan/bin/ops_tests
	@ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 build-asan/bin/datasets_tests

demo: build
	@bash tools/demo.sh $(BUILD)/bin/lanner demo

bench: build
	@$(BUILD)/bin/lanner bench ops
	@$(BUILD)/venv/bin/python -m lanner.bench ops

# The Python that imports lanner: the cached environment with this build's package on its path.
python: build
	@echo $(abspath $(BUILD))/venv/bin/python

sources = $(shell git ls-files '*.cpp' '*.h' '*.cu' '*.cuh')
format:
	@clang-format-14 -i $(sources)
check-format:
	@clang-format-14 --dry-run --Werror $(sources)

clean:
	rm -rf $(BUILD)
