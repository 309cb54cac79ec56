#include "lanner/detectors/training/run_record.h"

#include <torch/version.h>
#include <unistd.h>

#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>

#include "lanner/datasets/files.h"
#include "lanner/detectors/distributed/ranks.h"
#include "lanner/detectors/machine.h"
#include "lanner/detectors/version.h"

namespace lanner::detectors {
namespace {

using Json = nlohmann::ordered_json;

std::string utc() {
  const auto now = std::time(nullptr);
  char text[32];
  std::strftime(text, sizeof text, "%FT%TZ", std::gmtime(&now));
  return text;
}

std::vector<std::string> command() {
  std::ifstream in("/proc/self/cmdline");
  std::vector<std::string> words;
  for (std::string word; std::getline(in, word, '\0');) words.push_back(word);
  return words;
}

std::string processor() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("model name")) return line.substr(line.find(": ") + 2);
  return "";
}

}  // namespace

void record_start(const LoopOptions& options, const RunIdentity& identity, bool bfloat16) {
  if (!ranks().is_first()) return;
  const auto file = options.out / "run.json";
  std::ifstream in(file);
  auto record = Json::parse(in, nullptr, /*allow_exceptions=*/false);
  if (!(options.resume || is_restarted()) || !record.is_object() || !record["starts"].is_array())
    record = {{"starts", Json::array()}};
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  record["starts"].push_back({{"time", utc()},
                              {"command", command()},
                              {"folder", std::filesystem::current_path().string()},
                              {"lanner", version()},
                              {"torch", TORCH_VERSION},
                              {"host", host},
                              {"processor", processor()},
                              {"cores", this_machine(options.device).cores},
                              {"ranks", ranks().size},
                              {"device", options.device},
                              {"precision", bfloat16 ? "bfloat16" : "float32"},
                              {"seed", options.seed},
                              {"run", identity}});
  datasets::write_file(file, record.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace lanner::detectors
