#include <pybind11/pybind11.h>

#include "lanner/datasets/error.h"
#include "lanner/ops/cpu_cache.h"
#include "lanner/ops/cuda.h"
#include "lanner/ops/signal_stack.h"
#include "python/bind.h"

namespace py = pybind11;

namespace {

// lanner's errors as the Python exceptions that a caller would expect of them.
void translate(std::exception_ptr pointer) {
  try {
    if (pointer) std::rethrow_exception(pointer);
  } catch (const lanner::Error& error) {
    switch (error.code) {
      case lanner::ExitCode::missing_file:
        return PyErr_SetString(PyExc_FileNotFoundError, error.what());
      case lanner::ExitCode::io:
        return PyErr_SetString(PyExc_OSError, error.what());
      case lanner::ExitCode::internal:
        return PyErr_SetString(PyExc_RuntimeError, error.what());
      default:
        return PyErr_SetString(PyExc_ValueError, error.what());
    }
  }
}

}  // namespace

PYBIND11_MODULE(_core, module) {
  module.doc() = "lanner's C++ library; use the package `lanner`.";
  py::register_exception_translator(translate);
  lanner::ops::use_signal_stack();  // Ctrl-C in a notebook does not end the program
  module.def("load_cuda", &lanner::ops::load_cuda);
  module.def("has_cuda", &lanner::ops::has_cuda);
  module.def("enable_cpu_cache", &lanner::ops::enable_cpu_cache);
  lanner::python::bind_detectors(module);
}
