# LibTorch as the torch wheel ships it: the targets lanner_torch (CPU), lanner_torch_cuda and
# lanner_torch_python. Torch's own CMake package is not used: it insists on a CUDA toolkit that
# matches the wheel, and links CUDA into every program.
set(LANNER_TORCH "" CACHE PATH "A LibTorch folder (include, lib) in place of the one in LANNER_PYTHON's torch package")

set(LANNER_HAS_PYTHON OFF)
if(LANNER_PYTHON)
  execute_process(
    COMMAND ${LANNER_PYTHON} -c "
import importlib.util, pathlib, sysconfig
torch = pathlib.Path(importlib.util.find_spec('torch').origin).parent
print(torch, sysconfig.get_paths()['include'], sysconfig.get_config_var('EXT_SUFFIX'), sep=';')"
    OUTPUT_VARIABLE torch_facts OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE torch_missing)
  if(torch_missing)
    message(FATAL_ERROR "${LANNER_PYTHON} has no torch package.")
  endif()
  list(GET torch_facts 0 torch_dir)
  list(GET torch_facts 1 python_include)
  list(GET torch_facts 2 LANNER_PYTHON_SUFFIX)
endif()
if(LANNER_TORCH)
  set(torch_dir ${LANNER_TORCH})  # without the Python module, whose torch this is not
elseif(LANNER_PYTHON)
  set(LANNER_HAS_PYTHON ON)
else()
  message(FATAL_ERROR "Set LANNER_PYTHON to a Python interpreter that has torch (`make build` does), or "
                      "LANNER_TORCH to a LibTorch folder.")
endif()
if(NOT EXISTS ${torch_dir}/include/ATen/ATen.h)
  message(FATAL_ERROR "LANNER_TORCH: ${torch_dir}: expected a LibTorch folder with include/ATen/ATen.h")
endif()
set(torch_version)
foreach(part MAJOR MINOR PATCH)
  file(STRINGS ${torch_dir}/include/torch/headeronly/version.h line REGEX "define TORCH_VERSION_${part} ")
  string(REGEX MATCH "[0-9]+$" number "${line}")
  list(APPEND torch_version ${number})
endforeach()
list(JOIN torch_version "." torch_version)
set(torch_lib ${torch_dir}/lib)
message(STATUS "LibTorch ${torch_version} in ${torch_dir}")

add_library(lanner_torch INTERFACE)
target_include_directories(lanner_torch SYSTEM INTERFACE ${torch_dir}/include ${torch_dir}/include/torch/csrc/api/include)
target_link_directories(lanner_torch INTERFACE ${torch_lib})
# libtorch_cpu of a CUDA wheel finds its CUDA runtime by its own RPATH, not at link time.
target_link_libraries(lanner_torch INTERFACE torch_cpu c10)
# LibTorch is a release build, and some of its classes have other members without NDEBUG.
target_compile_definitions(lanner_torch INTERFACE $<$<NOT:$<CONFIG:Release>>:NDEBUG>)
# Without OpenMP at::parallel_for is one thread. The runtime that is loaded is LibTorch's own copy.
find_package(OpenMP REQUIRED COMPONENTS CXX)
target_compile_options(lanner_torch INTERFACE $<$<COMPILE_LANGUAGE:CXX>:${OpenMP_CXX_FLAGS}>)
target_link_options(lanner_torch INTERFACE ${OpenMP_CXX_FLAGS})
target_link_options(lanner_torch INTERFACE -Wl,--allow-shlib-undefined)
if(NOT SKBUILD)  # a wheel finds torch beside itself
  target_link_options(lanner_torch INTERFACE -Wl,-rpath,${torch_lib})
endif()

if(LANNER_HAS_PYTHON)
  add_library(lanner_torch_python INTERFACE)
  target_include_directories(lanner_torch_python SYSTEM INTERFACE ${python_include})
  target_link_libraries(lanner_torch_python INTERFACE lanner_torch torch_python)
endif()

# CUDA: nvcc on the path, and a LibTorch that was built for the same major version.
set(LANNER_HAS_CUDA OFF)
if(NOT LANNER_CUDA STREQUAL "OFF")
  find_program(LANNER_NVCC nvcc PATHS /usr/local/cuda/bin)
  set(nvcc_version none)
  if(LANNER_NVCC)
    execute_process(COMMAND ${LANNER_NVCC} --version OUTPUT_VARIABLE nvcc_text)
    string(REGEX MATCH "release ([0-9]+)" _ "${nvcc_text}")
    set(nvcc_version ${CMAKE_MATCH_1})
  endif()
  # The major version of CUDA that LibTorch was built for: the runtime that it needs.
  execute_process(COMMAND readelf -d ${torch_lib}/libtorch_cuda.so OUTPUT_VARIABLE torch_needs ERROR_QUIET)
  string(REGEX MATCH "libcudart\\.so\\.([0-9]+)" _ "${torch_needs}")
  set(torch_cuda_major ${CMAKE_MATCH_1})
  if(EXISTS ${torch_lib}/libtorch_cuda.so AND nvcc_version STREQUAL torch_cuda_major)
    set(LANNER_HAS_CUDA ON)
  elseif(LANNER_CUDA STREQUAL "ON")
    message(FATAL_ERROR "LANNER_CUDA=ON needs nvcc and LibTorch of one CUDA version: nvcc is ${nvcc_version}, LibTorch ${torch_cuda_major}.")
  endif()
endif()
if(LANNER_HAS_CUDA)
  set(CMAKE_CUDA_COMPILER ${LANNER_NVCC})
  set(CMAKE_CUDA_HOST_COMPILER ${CMAKE_CXX_COMPILER})
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 80 90)  # Ampere and Hopper; newer cards take the PTX of 90
  endif()
  enable_language(CUDA)
  find_package(CUDAToolkit REQUIRED)
  add_library(lanner_torch_cuda INTERFACE)
  target_link_libraries(lanner_torch_cuda INTERFACE lanner_torch torch_cuda c10_cuda CUDA::cudart)
  # libtorch_cuda registers itself: nothing names a symbol of it, and the linker would leave it out.
  target_link_options(lanner_torch_cuda INTERFACE LINKER:--no-as-needed)
endif()
message(STATUS "CUDA operators: ${LANNER_HAS_CUDA}")
