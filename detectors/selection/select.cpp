#include "lanner/detectors/selection/select.h"

#include <iostream>
#include <map>
#include <optional>
#include <set>

#include "lanner/datasets/error.h"
#include "lanner/datasets/files.h"
#include "lanner/datasets/images/image.h"
#include "lanner/datasets/images/transforms.h"
#include "lanner/datasets/images/visualize.h"
#include "lanner/datasets/loading/batch.h"
#include "lanner/datasets/loading/prefetcher.h"
#include "lanner/datasets/reading/unlabelled.h"
#include "lanner/detectors/device.h"
#include "lanner/detectors/pretraining/pretrained_encoder.h"
#include "lanner/detectors/progress_line.h"
#include "lanner/detectors/selection/cover.h"

namespace lanner::detectors {
namespace fs = std::filesystem;
namespace {

struct RegionFeatures {
  std::vector<fs::path> files;
  std::vector<at::Tensor> features;  // [R, D] of each
};

// An image, or why there is none.
struct Loaded {
  std::optional<datasets::Sample> sample;
  std::string error;
};

Loaded load(const datasets::ImageRecord& image, int image_size) {
  try {
    auto sample = datasets::load_sample(image, image_size);
    const auto size = datasets::resized({sample.rgb.rows, sample.rgb.cols},
                                        {.min_size = image_size, .max_size = 4 * image_size});
    datasets::resize(sample, size, datasets::Interpolation::area);
    return {sample, ""};
  } catch (const Error& error) {
    return {{}, error.what()};
  }
}

RegionFeatures features_of(Encoder& encoder, const datasets::Dataset& images,
                           const SelectOptions& options, const std::function<bool()>& stop) {
  const torch::NoGradGuard no_grad;
  const auto count = std::ssize(images.images);
  datasets::Prefetcher<Loaded> loader(
      count, 2, 8, [&](int64_t i) { return load(images.images[i], options.image_size); });
  ProgressLine line("select");
  RegionFeatures result;
  for (int64_t done = 1; auto loaded = loader.next(); ++done) {
    if (stop()) return result;
    if (!loaded->sample) {
      std::cerr << "warning: " << loaded->error << ": not considered\n";
      continue;
    }
    const auto batch = datasets::collate({*loaded->sample}, {}, 1);
    const auto map = encoder->maps(batch.images).back();
    result.features.push_back(
        torch::adaptive_avg_pool2d(map, {options.regions, options.regions})[0].flatten(1).t());
    result.files.push_back(loaded->sample->path);
    line.show(static_cast<double>(done) / static_cast<double>(count),
              std::to_string(done) + " images", done == count);
  }
  return result;
}

// Images of the list or folder `already` among the others, by content.
datasets::Dataset labeled_images(const SelectOptions& options) {
  if (options.already.empty()) return {};
  return datasets::open_unlabelled({options.already}, {});
}

// The names of the chosen files in a folder: their own, or, where two are equal, with that of their
// folder before it; none for no folder. Throws where a name is taken.
std::map<fs::path, fs::path> names_in(const fs::path& folder, const std::vector<fs::path>& files,
                                      const std::string& option) {
  if (folder.empty()) return {};
  std::map<fs::path, int> counts;
  for (const auto& file : files) ++counts[file.filename()];
  std::map<fs::path, fs::path> names;
  std::set<fs::path> taken;
  for (const auto& file : files) {
    auto name = file.filename();
    if (counts[name] > 1) name = fs::absolute(file).parent_path().filename() += "_" + name.string();
    if (fs::exists(fs::symlink_status(folder / name)))
      throw usage_error(option + ": " + (folder / name).string() + " exists already");
    if (!taken.insert(name).second)
      throw usage_error(option + ": two of the chosen images would be " + (folder / name).string() +
                        ", one of them " + file.string());
    names[file] = name;
  }
  return names;
}

void place_images(const std::map<fs::path, fs::path>& names, const fs::path& folder,
                  bool as_links) {
  if (folder.empty()) return;
  fs::create_directories(folder);
  for (const auto& [file, name] : names) {
    const auto target = folder / name;
    as_links ? fs::create_symlink(fs::canonical(file), target) : void(fs::copy_file(file, target));
  }
}

cv::Mat sheet_of(const std::vector<fs::path>& files) {
  std::vector<cv::Mat> pictures;
  for (size_t i = 0; i < files.size(); ++i) {
    auto rgb = datasets::read_image(files[i], 240).rgb;
    datasets::draw(rgb, {{{0, 0, double(rgb.cols), double(rgb.rows)},
                          static_cast<int64_t>(i),
                          std::to_string(i + 1) + " " + files[i].filename().string()}});
    pictures.push_back(rgb);
  }
  return datasets::contact_sheet(pictures, std::min<int>(5, static_cast<int>(files.size())), 260);
}

}  // namespace

std::vector<fs::path> select(const SelectOptions& options, const std::function<bool()>& stop) {
  datasets::check_fields(options);
  const auto labeled = labeled_images(options);
  const std::vector<const datasets::Dataset*> known{&labeled};
  auto images = datasets::open_unlabelled(options.images, known);
  if (std::ssize(images.images) < options.count)
    throw usage_error(c10::str("count: expected at most the number of images without labels, ",
                               images.images.size(), ", got ", options.count));
  const auto candidates = std::ssize(images.images);
  images.images.insert(images.images.end(), labeled.images.begin(), labeled.images.end());

  torch::manual_seed(options.seed);
  const auto network = load_encoder(
      options.weights, {.depth = resnet_depth(options.backbone), .norm = options.norm});
  place(*network, torch::kCPU);
  network->eval();
  const auto regions = features_of(network->encoder, images, options, stop);
  if (stop()) return {};
  std::set<fs::path> labeled_files;
  for (const auto& image : labeled.images) labeled_files.insert(image.path);
  std::vector<int64_t> already;
  for (size_t i = 0; i < regions.files.size(); ++i)
    if (labeled_files.contains(regions.files[i])) already.push_back(static_cast<int64_t>(i));
  if (already.size() == regions.files.size())
    throw bad_data(options.images[0].string() + ": images: none of them can be read");

  std::vector<fs::path> chosen;
  for (const auto i : choose_cover(torch::stack(regions.features), options.count, already,
                                   options.cover, options.seed))
    chosen.push_back(regions.files[i]);
  // Before anything is written.
  const auto copies = names_in(options.copy, chosen, "copy"),
             links = names_in(options.link, chosen, "link");
  std::string list;
  for (const auto& file : chosen) list += fs::absolute(file).lexically_normal().string() + "\n";
  if (options.out.has_parent_path()) fs::create_directories(options.out.parent_path());
  datasets::write_file(options.out, list);
  place_images(copies, options.copy, false);
  place_images(links, options.link, true);
  if (!options.show.empty()) {
    fs::create_directories(options.show);
    datasets::write_image(options.show / "selection.png", sheet_of(chosen));
  }
  if (std::ssize(chosen) < options.count)
    std::cerr << "warning: count: " << options.count << " were asked for\n";
  std::cerr << chosen.size() << " of " << candidates << " images: " << options.out.string() << "\n";
  return chosen;
}

}  // namespace lanner::detectors
