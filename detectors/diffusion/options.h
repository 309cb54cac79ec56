#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lanner/datasets/fields.h"

// Options of the diffusion box head. Plain structs, without LibTorch.
namespace lanner::detectors {

// How boxes become noise: x_t = s x_0 + sigma e.
enum class NoisePath {
  flow,  // rectified flow (arXiv 2209.03003): s = 1 - t, sigma = t
  vp,    // variance preserving, 1,000 levels by a cosine (DDPM, arXiv 2006.11239; 2102.09672)
  edm,   // trained as vp, sampled on the levels of EDM (arXiv 2206.00364, table 1)
};

// How noise becomes boxes, level by level.
enum class Sampler {
  euler,  // a step along the ODE
  heun,   // the same with a corrector, which evaluates twice: not for vp
  ddim,   // arXiv 2010.02502; the same as euler
  ddpm,   // with fresh noise at each level: not for flow
};

// What the L1 loss of boxes is measured in.
enum class L1Unit {
  image,   // sides of the image
  object,  // sides of each object, so that small ones count as much
};

// How boxes are sampled when it detects.
struct SamplingOptions {
  NoisePath path = NoisePath::flow;
  Sampler sampler = Sampler::euler;
  int64_t steps = 1;
  int64_t boxes = 300;

  static void visit(auto& o, auto&& field) {
    using namespace datasets;
    field(o.path, {.name = "path", .help = "how boxes become noise, of --model diffusion"});
    field(o.sampler, {.name = "sampler", .help = "how noise becomes boxes, of --model diffusion"});
    field(o.steps, {.name = "steps",
                    .help = "steps in which a diffusion model refines its boxes when it detects",
                    .limits = between(1, 1000)});
    field(o.boxes, {.name = "boxes",
                    .help = "boxes per image that a diffusion model starts from when it detects",
                    .limits = between(1, 10000)});
  }
};

// What of a detector's sampling is replaced when it is loaded. Without a value: as stored.
struct SamplingChoice {
  std::optional<int64_t> steps{}, boxes{};
  std::string sampler = "stored";
  std::optional<double> renew{};

  static void visit(auto& o, auto&& field) {
    using namespace datasets;
    field(o.steps, {.name = "steps",
                    .help = "steps in which a diffusion model refines its boxes",
                    .limits = between(1, 1000)});
    field(o.boxes, {.name = "boxes",
                    .help = "boxes per image that a diffusion model starts from",
                    .limits = between(1, 10000)});
    field(o.sampler, {.name = "sampler",
                      .help = "how a diffusion model refines its boxes",
                      .choices = {"stored", "euler", "heun", "ddim", "ddpm"}});
    field(o.renew, {.name = "renew",
                    .help = "score up to which a diffusion model's boxes become noise again after "
                            "a step; 1: all, as a control",
                    .limits = between(0, 1)});
  }
};

// The diffusion box head (after DiffusionDet, arXiv 2211.09788). The width of its layers is that of
// the FPN.
struct DiffusionOptions {
  int64_t train_boxes = 500;
  double copies = 0;
  int64_t candidates = 5;
  int64_t min_matches = 1;
  L1Unit l1_unit = L1Unit::image;
  int64_t stages = 6;
  int64_t early_width = 0;
  int64_t early_pooled_size = 7;
  int64_t heads = 8;
  int64_t dynamic_width = 64;
  int64_t feed_forward = 2048;
  bool data_prior = false;
  double renew = 0.5;
  double eta = 1;
  uint64_t seed = 0;

  static void visit(auto& o, auto&& field) {
    using namespace datasets;
    field(o.train_boxes, {.name = "train_boxes",
                          .help = "noisy boxes per image in training",
                          .limits = between(1, 10000)});
    field(o.copies, {.name = "copies",
                     .help = "fraction of train_boxes that are copies of the objects, each with "
                             "noise of its own",
                     .limits = between(0, 1)});
    field(o.candidates,
          {.name = "candidates",
           .help = "number of an object's best IoUs that are summed to the number of boxes "
                   "that learn it",
           .limits = between(1, 1000)});
    field(o.min_matches, {.name = "min_matches",
                          .help = "minimum number of boxes that learn each object",
                          .limits = between(1, 1000)});
    field(o.l1_unit, {.name = "l1_unit",
                      .help = "what the L1 loss of boxes is measured in: sides of the image, or of "
                              "each object, for small ones"});
    field(o.stages, {.name = "stages",
                     .help = "networks in a row that each refine the boxes of the one before",
                     .limits = between(1, 16)});
    field(o.early_width, {.name = "early_width",
                          .help = "all stages but the last are two fully connected layers of this "
                                  "width; 0: stages as the last",
                          .limits = between(0, 65536)});
    field(o.early_pooled_size,
          {.name = "early_pooled_size",
           .help = "bins per axis of the pooling of all stages but the last, which "
                   "has roi.pooled_size",
           .limits = between(1, 64)});
    field(o.heads, {.name = "heads",
                    .help = "heads of the attention among an image's boxes; divides fpn_channels",
                    .limits = at_least(1)});
    field(o.dynamic_width, {.name = "dynamic_width",
                            .help = "inner channels of the dynamic convolutions",
                            .limits = at_least(1)});
    field(o.feed_forward, {.name = "feed_forward",
                           .help = "inner width of the feed-forward layers",
                           .limits = at_least(1)});
    field(o.data_prior, {.name = "data_prior",
                         .help = "pad with, and take as noise, boxes of the sizes and places of "
                                 "the training set's, instead of Gaussian ones"});
    field(o.renew, {.name = "renew",
                    .help = "boxes whose best score is not above this become noise again after a "
                            "step; 1: all, which is no diffusion but the control for it",
                    .limits = between(0, 1)});
    field(o.eta, {.name = "eta",
                  .help = "share of DDPM's fresh noise; 0: none, as DDIM",
                  .limits = between(0, 1)});
    field(o.seed, {.name = "seed", .help = "seed of the boxes that it starts from"});
  }
};

}  // namespace lanner::detectors

namespace lanner::datasets {

template <>
struct EnumNames<detectors::NoisePath> {
  static constexpr std::array values{"flow", "vp", "edm"};
};
template <>
struct EnumNames<detectors::L1Unit> {
  static constexpr std::array values{"image", "object"};
};
template <>
struct EnumNames<detectors::Sampler> {
  static constexpr std::array values{"euler", "heun", "ddim", "ddpm"};
};

}  // namespace lanner::datasets
