#pragma once

// The one precompiled header of detectors, tools, python and their tests: 20 s of parsing, once.
#include <torch/torch.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>
