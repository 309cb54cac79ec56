#pragma once

#include <pybind11/pybind11.h>

namespace lanner::python {

void bind_detectors(pybind11::module_& module);

}  // namespace lanner::python
