#pragma once

namespace lanner::detectors {

// How a run ended: at its end, or because it was asked to stop; or that it was over before it
// began, with files and a report that stay as they are.
enum class LoopEnd { finished, stopped, was_over };

}  // namespace lanner::detectors
