#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "lanner/detectors/thresholds.h"

namespace lanner::tools {

// Options of `lanner serve`. A plain struct, without LibTorch.
struct ServeOptions {
  std::filesystem::path weights;
  std::string host = "127.0.0.1";
  int64_t port = 8080;
  double conf = 0.5;
  int64_t batch_size = 1;
  int64_t max_waiting = 64;
  double max_megabytes = 20, max_megapixels = 50, timeout = 10;
  std::string precision = "fp32";
  std::string device = "cpu";
  detectors::Thresholds thresholds;

  static void visit(auto& o, auto&& field) {
    using namespace datasets;
    field(o.weights,
          {.name = "weights", .help = "a detector, as lanner train writes it", .required = true});
    field(o.host, {.name = "host",
                   .help = "address to listen on; 0.0.0.0: also for other machines, with no "
                           "protection"});
    field(o.port, {.name = "port", .help = "0: any that is free", .limits = between(0, 65535)});
    field(o.conf, {.name = "conf",
                   .help = "minimum score of a detection, where a request names none",
                   .limits = between(0, 1)});
    field(o.batch_size, {.name = "batch_size",
                         .help = "maximum number of waiting images that are looked at together",
                         .limits = at_least(1)});
    field(o.max_waiting, {.name = "max_waiting",
                          .help = "images that may wait; more are refused with 503",
                          .limits = at_least(1)});
    field(o.max_megabytes,
          {.name = "max_megabytes", .help = "maximum size of a request", .limits = above(0)});
    field(o.max_megapixels,
          {.name = "max_megapixels", .help = "maximum size of an image", .limits = above(0)});
    field(o.timeout, {.name = "timeout",
                      .help = "seconds after which a client that sends or takes nothing is dropped",
                      .limits = above(0)});
    field(o.precision,
          {.name = "precision",
           .help = "arithmetic; bf16 is faster with AMX and on AMD's AVX-512, and changes "
                   "scores in the third digit",
           .choices = {"fp32", "bf16"}});
    field(o.device, {.name = "device", .help = "cpu, cuda or cuda:N"});
    field(o.thresholds, {.help = "thresholds; default: as stored with the weights"});
  }
};

}  // namespace lanner::tools
