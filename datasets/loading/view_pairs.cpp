#include "lanner/datasets/loading/view_pairs.h"

#include "lanner/datasets/images/strong_view.h"
#include "lanner/datasets/loading/mix_views.h"
#include "lanner/datasets/loading/random.h"

namespace lanner::datasets {
namespace {

constexpr uint64_t kStrongSeed = 0x57120;  // other random numbers than those of the weak views

ViewPairs make_pairs(std::vector<Sample> samples, const StrongViewOptions& strong, double flip,
                     const LoaderOptions& options, std::mt19937_64 random) {
  ViewPairs pairs;
  for (auto& sample : samples) {
    // The detections of a view are wanted in its own pixels.
    sample.original_width = sample.rgb.cols, sample.original_height = sample.rgb.rows;
  }
  pairs.weak = collate(samples, options.normalization, options.divisor);
  std::vector<cv::Matx23d> maps;
  for (auto& sample : samples) {
    sample.objects.clear();
    maps.push_back(strong_view(sample, strong, flip, random));
  }
  pairs.parts = mix_views(samples, maps, strong, random);
  pairs.strong = collate(samples, options.normalization, options.divisor);
  return pairs;
}

}  // namespace

std::unique_ptr<Prefetcher<ViewPairs>> view_pair_loader(const Dataset& dataset,
                                                        const TrainingSampleOptions& samples,
                                                        const StrongViewOptions& strong,
                                                        const LoaderOptions& options) {
  const auto source = std::make_shared<TrainingSamples>(dataset, samples);
  return std::make_unique<Prefetcher<ViewPairs>>(
      options.batches, options.threads, 2 * options.threads, [=](int64_t index) {
        const int64_t batch = options.first_batch + index;
        // Ranks have other parts of the batch, and so other random numbers.
        const auto position =
            static_cast<uint64_t>(batch * samples.batch_size + samples.part.first);
        // What has sides, such as letters, keeps them in both views.
        return make_pairs(source->batch(batch), strong, samples.augment.horizontal_flip, options,
                          generator(samples.seed ^ kStrongSeed, position));
      });
}

}  // namespace lanner::datasets
