#pragma once

namespace lanner::tools {

// `lanner doctor`: prints versions, devices and the operators found. Returns the exit code.
int diagnose();

}  // namespace lanner::tools
