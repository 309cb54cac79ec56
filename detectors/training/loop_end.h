#pragma once

namespace lanner::detectors {

// How a run ended: at its end, or because it was asked to stop.
enum class LoopEnd { finished, stopped };

}  // namespace lanner::detectors
