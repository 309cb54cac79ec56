# The commands of README.md. Each installs what is missing, builds what it needs, and runs; a second
# run does no work twice. Variables: LANNER_VENV (the cached Python environment), BUILD (the build
# folder), LANNER_CUDA (AUTO, ON, OFF), JOBS.
LANNER_VENV ?= $(HOME)/.cache/lanner/venv
BUILD ?= build
LANNER_CUDA ?= AUTO
JOBS ?= $(shell nproc)
export LANNER_VENV

.PHONY: build program configure test sanitize lint demo bench docs python format check-format \
        dependencies clean

dependencies:
	@bash cmake/install_dependencies.sh $(LANNER_VENV) >&2

configure: dependencies
	@cmake -S . -B $(BUILD) -G Ninja -DLANNER_PYTHON=$(LANNER_VENV)/bin/python -DLANNER_CUDA=$(LANNER_CUDA) >&2

# Everything: program, Python module, CUDA operators where nvcc is found, tests.
build: configure
	@cmake --build $(BUILD) -j $(JOBS) >&2

# The program alone; with LANNER_CUDA=ON the CUDA operators too.
program: configure
	@cmake --build $(BUILD) -j $(JOBS) --target lanner $(if $(filter ON,$(LANNER_CUDA)),lanner_ops_cuda) >&2

# LibTorch's operators use as many threads as there are cores; see docs/training.md. What a program
# of tests found stands last, after all that the tested code wrote. Tests in Python mostly wait for
# programs to start, so two run at a time, each on half of the cores.
test: build
	@for module in ops datasets detectors tools; do \
	  echo "== $$module"; \
	  $(BUILD)/bin/$${module}_tests > $(BUILD)/$${module}_tests.log; status=$$?; \
	  cat $(BUILD)/$${module}_tests.log; [ $$status = 0 ] || exit 1; \
	done
	@OMP_NUM_THREADS=$$(( ($$(nproc) + 1) / 2 )) \
	  $(BUILD)/venv/bin/python -m pytest -q -n 2 --dist worksteal python/tests

# The tests of operators, data and detectors under AddressSanitizer and UndefinedBehaviorSanitizer, and
# those of the loader under ThreadSanitizer, for data races alone: GDAL, which OpenCV loads, takes its
# locks in both orders. LibTorch is not instrumented: it leaks by design, and an
# allocation that fails is an error that it reports. A test program contains the objects of the library
# that it tests, beside the library: the same globals twice are no fault.
asan_options = detect_leaks=0:detect_odr_violation=0:allocator_may_return_null=1
sanitize: dependencies
	@cmake --preset asan >&2
	@cmake --build build-asan -j $(JOBS) --target ops_tests datasets_tests detectors_tests >&2
	@ASAN_OPTIONS=$(asan_options):protect_shadow_gap=0 build-asan/bin/ops_tests
	@ASAN_OPTIONS=$(asan_options) build-asan/bin/datasets_tests
	@ASAN_OPTIONS=$(asan_options) build-asan/bin/detectors_tests "~[slow]"
	@cmake --preset tsan >&2
	@cmake --build build-tsan -j $(JOBS) --target datasets_tests >&2
	@TSAN_OPTIONS=halt_on_error=1:detect_deadlocks=0 build-tsan/bin/datasets_tests "[threads]"

# clang-tidy with the short list of .clang-tidy, over what includes no LibTorch: the rest takes half an
# hour. `make lint LINTED=.` checks all.
LINTED ?= '^(?!.*/tests/).*(datasets/(?!loading)|tools/(commands/)?[a-z_]*\.cpp)'
lint: configure
	@run-clang-tidy-14 -p $(BUILD) -quiet -j $(JOBS) $(LINTED) 2>/dev/null

demo: program
	@bash tools/demo.sh $(BUILD)/bin/lanner demo

bench: build
	@$(BUILD)/bin/lanner bench ops

# What is generated from the declarations of the options.
docs: program
	@$(BUILD)/bin/lanner options markdown > docs/options.md
	@$(BUILD)/bin/lanner options stubs > python/lanner/options.pyi

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
