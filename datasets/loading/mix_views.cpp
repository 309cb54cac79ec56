#include "lanner/datasets/loading/mix_views.h"

#include <opencv2/core.hpp>

#include "lanner/datasets/images/augment.h"

namespace lanner::datasets {
namespace {

// first, then second.
cv::Matx23d chained(const cv::Matx23d& first, const cv::Matx23d& second) {
  const cv::Matx33d below(first(0, 0), first(0, 1), first(0, 2), first(1, 0), first(1, 1),
                          first(1, 2), 0, 0, 1);
  return second * below;
}

cv::Rect frame(const Sample& sample) { return {{}, sample.rgb.size()}; }

}  // namespace

std::vector<std::vector<ViewPart>> mix_views(std::vector<Sample>& strong,
                                             const std::vector<cv::Matx23d>& maps,
                                             const StrongViewOptions& options,
                                             std::mt19937_64& random) {
  const auto views = strong;  // before they are mixed
  const auto count = std::ssize(views);
  const auto chance = [&](double probability) {
    return std::bernoulli_distribution(probability)(random);
  };
  const auto any = [&] { return std::uniform_int_distribution<int64_t>(0, count - 1)(random); };
  std::vector<std::vector<ViewPart>> parts(strong.size());
  for (int64_t n = 0; n < count; ++n) {
    if (chance(options.mosaic)) {
      const std::array<int64_t, 4> chosen{n, any(), any(), any()};
      const auto mixed =
          mosaic({views[n], views[chosen[1]], views[chosen[2]], views[chosen[3]]}, random);
      strong[n] = mixed.sample;
      for (size_t i = 0; i < 4; ++i)
        if (const auto& [map, area] = mixed.tiles[i]; !area.empty())
          parts[n].push_back({chosen[i], chained(maps[chosen[i]], map), area});
      continue;
    }
    parts[n].push_back({n, maps[n], frame(strong[n])});
    if (count == 1 || !chance(options.mixup)) continue;
    const int64_t other = (n + 1 + any() % (count - 1)) % count;
    const auto shared = frame(views[n]) & frame(views[other]);
    strong[n].rgb = views[n].rgb.clone();
    cv::addWeighted(views[n].rgb(shared), 0.5, views[other].rgb(shared), 0.5, 0,
                    strong[n].rgb(shared));
    parts[n].push_back({other, maps[other], shared});
  }
  return parts;
}

}  // namespace lanner::datasets
