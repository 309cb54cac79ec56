#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "tools/peer.h"

namespace lanner::tools {

// The head of the table whose rows compare() prints. whose: of the peer's program, such as
// torchvision.
void print_comparison_header(const std::string& whose, const Peer& peer);

// Times a job beside the peer's in float32 and in bfloat16, interleaved, and prints a row. sixteen:
// ours is in bfloat16. Returns the row for write_rows.
nlohmann::json compare(const std::string& whose, const std::string& name,
                       const std::function<void()>& job, bool sixteen, Peer& peer, int64_t runs);

}  // namespace lanner::tools
