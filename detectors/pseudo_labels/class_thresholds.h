#pragma once

#include "lanner/ops/torch.h"

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "lanner/detectors/detections.h"
#include "lanner/detectors/pseudo_labels/options.h"
#include "lanner/ops/api.h"

namespace lanner::detectors {

// The score above which a detection becomes a pseudo-label, for each class: so that a view has as
// many of them, on average over the last views, as it has objects where labels are known
// (label-matching thresholds, arXiv 2206.06608, section 3.2). One number for all classes would
// starve the rare ones.
class LANNER_API ClassThresholds {
 public:
  // per_view: the expected number of objects of each class, labels 1..C, in a view.
  ClassThresholds(std::vector<double> per_view, const PseudoLabelOptions& options);

  // Adds all detections of a view. labels: [D] int64 in 1..C; scores: [D].
  void add(const at::Tensor& labels, const at::Tensor& scores);
  // Adds those of several views of each rank, so that all ranks have the same thresholds.
  void add(const std::vector<Detections>& views);

  double expected(int64_t label) const { return per_view_.at(static_cast<size_t>(label - 1)); }

  // label: 1..C.
  double operator()(int64_t label) const;
  // [C + 1]; element 0 is not used.
  at::Tensor all() const;

  // What add() was given and is still counted, as tensors of a checkpoint.
  std::map<std::string, at::Tensor> state() const;
  // Whether a checkpoint holds a state().
  static bool is_in(const std::map<std::string, at::Tensor>& tensors);
  // Throws bad_data naming `source` where a tensor is missing or misshapen.
  void load_state(const std::map<std::string, at::Tensor>& tensors, const std::string& source);

 private:
  struct Seen {
    float label, score;
  };
  using View = std::vector<Seen>;
  void keep(View view);
  // scores: of all detections of the class; their order changes.
  double threshold(int64_t label, std::vector<float>& scores) const;

  const std::vector<double> per_view_;
  const double min_, max_;
  const size_t window_;
  std::deque<View> views_;
};

}  // namespace lanner::detectors
