#include "lanner/datasets/synthetic.h"

#include <cmath>
#include <iomanip>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <random>
#include <sstream>

#include "lanner/datasets/error.h"
#include "lanner/datasets/files.h"
#include "lanner/datasets/images/image.h"
#include "lanner/datasets/reading/coco.h"
#include "lanner/datasets/reading/voc.h"

namespace lanner::datasets {
namespace fs = std::filesystem;
namespace {

const std::vector<Category> kCategories{{1, "leaf"}, {2, "star"}, {3, "ring"}, {4, "arrow"}};

// Random numbers that, unlike std::uniform_real_distribution, do not depend on the library.
class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  double real(double low, double high) {
    return low + (high - low) * (static_cast<double>(engine_() >> 11) * 0x1p-53);
  }
  int integer(int low, int high) { return low + static_cast<int>(engine_() % (high - low + 1)); }
  cv::Scalar color() { return {real(20, 235), real(20, 235), real(20, 235)}; }
  uint64_t bits() { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

using Outline = std::vector<cv::Point2d>;

// The outline of a class within the unit circle.
Outline outline(int64_t label, Random& random) {
  Outline points;
  const int steps = 48;
  switch (label) {
    case 1: {  // leaf: two arcs
      const double curvature = random.real(0.35, 0.55);
      for (int side : {1, -1})
        for (int i = 0; i < steps; ++i) {
          const double t = side > 0 ? i / double(steps) : 1 - i / double(steps);
          points.push_back({2 * t - 1, side * curvature * std::sin(t * CV_PI)});
        }
      break;
    }
    case 2: {  // star
      const int rays = random.integer(5, 6);
      const double inner = random.real(0.38, 0.5);
      for (int i = 0; i < 2 * rays; ++i) {
        const double angle = CV_PI * i / rays, radius = i % 2 ? inner : 1;
        points.push_back({radius * std::cos(angle), radius * std::sin(angle)});
      }
      break;
    }
    case 3:  // ring; object_mask cuts its hole
      for (int i = 0; i < steps; ++i) {
        const double angle = 2 * CV_PI * i / steps;
        points.push_back({std::cos(angle), std::sin(angle)});
      }
      break;
    default:  // arrow
      points = {{-1, -0.22}, {-0.5, -0.22}, {0, -0.22}, {0.15, -0.22}, {0.15, -0.6}, {1, 0},
                {0.15, 0.6}, {0.15, 0.22},  {0, 0.22},  {-0.5, 0.22},  {-1, 0.22}};
  }
  return points;
}

// Bends, stretches, shears, rotates and translates an outline.
struct Pose {
  double bend, stretch, angle, radius;
  cv::Point2d center;
  double shear = 0;

  cv::Point operator()(cv::Point2d p) const {
    p.y = p.y * stretch + bend * (p.x * p.x - 0.5);
    p.x += shear * p.y;
    const double c = std::cos(angle), s = std::sin(angle);
    return {static_cast<int>(std::lround(center.x + radius * (c * p.x - s * p.y))),
            static_cast<int>(std::lround(center.y + radius * (s * p.x + c * p.y)))};
  }
};

cv::Mat noise(cv::Size size, double amount, Random& random) {
  cv::RNG generator(random.bits());
  cv::Mat values(size, CV_16SC3);
  generator.fill(values, cv::RNG::NORMAL, 0, amount);
  return values;
}

// Stripes, dots or blobs of two colors.
cv::Mat texture(cv::Size size, Random& random) {
  const auto base = random.color(), other = random.color();
  cv::Mat image(size, CV_8UC3, base);
  const int period = random.integer(5, 14), kind = random.integer(0, 2);
  if (kind == 0) {
    const double slope = random.real(-1, 1);
    for (int y = -size.height; y < 2 * size.height; y += period)
      cv::line(image, {0, y}, {size.width, y + static_cast<int>(slope * size.width)}, other,
               std::max(1, period / 3));
  } else if (kind == 1) {
    for (int y = 0; y < size.height; y += period)
      for (int x = (y / period % 2) * period / 2; x < size.width; x += period)
        cv::circle(image, {x, y}, std::max(1, period / 4), other, cv::FILLED);
  } else {
    for (int i = 0; i < size.area() / (period * period * 6); ++i)
      cv::circle(image, {random.integer(0, size.width - 1), random.integer(0, size.height - 1)},
                 random.integer(1, period), (base * random.real(0.3, 0.7)) + other * 0.4,
                 cv::FILLED);
  }
  return image;
}

cv::Mat background(cv::Size size, Random& random) {
  cv::Mat coarse(3, 4, CV_8UC3), image;
  for (auto& pixel : cv::Mat_<cv::Vec3b>(coarse))
    for (int c = 0; c < 3; ++c) pixel[c] = static_cast<uchar>(random.integer(30, 220));
  cv::resize(coarse, image, size, 0, 0, cv::INTER_CUBIC);
  const int strokes = random.integer(12, 30);
  for (int i = 0; i < strokes; ++i) {
    const cv::Point a(random.integer(0, size.width), random.integer(0, size.height));
    const cv::Point b(a.x + random.integer(-60, 60), a.y + random.integer(-60, 60));
    if (random.integer(0, 1))
      cv::line(image, a, b, random.color(), random.integer(1, 4), cv::LINE_AA);
    else
      cv::rectangle(image, cv::Rect(a, cv::Size(random.integer(3, 40), random.integer(3, 40))),
                    random.color(), random.integer(0, 2) ? 1 : cv::FILLED);
  }
  return image;
}

struct DrawnObject {
  int64_t label;
  cv::Mat mask;  // 255 at the pixels of the object, occluded or not
};

cv::Mat object_mask(cv::Size size, int64_t label, const Pose& pose, Random& random) {
  std::vector<cv::Point> polygon;
  for (const auto& point : outline(label, random)) polygon.push_back(pose(point));
  cv::Mat mask(size, CV_8UC1, cv::Scalar(0));
  cv::fillPoly(mask, std::vector{polygon}, cv::Scalar(255));
  if (label == 3) {
    const double hole = random.real(0.45, 0.65);
    for (auto& point : polygon) {
      const cv::Point center(static_cast<int>(pose.center.x), static_cast<int>(pose.center.y));
      point = center + (point - center) * hole;
    }
    cv::fillPoly(mask, std::vector{polygon}, cv::Scalar(0));
  }
  return mask;
}

void paint(cv::Mat& image, const cv::Mat& mask, Random& random) {
  texture(image.size(), random).copyTo(image, mask);
  std::vector<std::vector<cv::Point>> contours;
  cv::findContours(mask.clone(), contours, cv::RETR_CCOMP, cv::CHAIN_APPROX_NONE);
  cv::Mat edge(mask.size(), CV_8UC1, cv::Scalar(0));
  cv::drawContours(edge, contours, -1, cv::Scalar(255), 1);
  image.setTo(random.color() * 0.4, edge & mask);
}

// Whether at least half of an object's pixels are visible.
bool half_visible(const cv::Mat& mask, const cv::Mat& occluded) {
  return 2 * cv::countNonZero(mask & ~occluded) >= cv::countNonZero(mask);
}

struct Scene {
  cv::Mat rgb;
  std::vector<Object> objects;
};

// Range of the lengths of objects in pixels.
struct Lengths {
  double min = 0, max = 0;
};

Lengths lengths(const SyntheticOptions& options) {
  const int short_side = std::min(options.width, options.height);
  const Lengths result{options.min_object > 0 ? options.min_object : 0.16 * short_side,
                       options.max_object > 0 ? options.max_object : 0.48 * short_side};
  if (result.max < result.min)
    throw usage_error("max_object: expected at least min_object, " + to_text(result.min) +
                      ", got " + to_text(result.max));
  return result;
}

// Half the length of an object. Where a length is given, each octave is as frequent as another.
double radius(const SyntheticOptions& options, Random& random) {
  const auto [min, max] = lengths(options);
  if (options.min_object == 0 && options.max_object == 0)
    return std::min(options.width, options.height) * random.real(0.08, 0.24);
  return min / 2 * std::pow(max / min, random.real(0, 1));
}

Scene draw_scene(const SyntheticOptions& options, Random& random) {
  const cv::Size size(options.width, options.height);
  Scene scene{background(size, random), {}};
  std::vector<DrawnObject> drawn;
  std::vector<cv::Mat> occluded;  // per object: the pixels that are drawn over it
  const auto fits = [&](const cv::Mat& cover) {
    for (size_t i = 0; i < drawn.size(); ++i)
      if (!half_visible(drawn[i].mask, occluded[i] | cover)) return false;
    return true;
  };
  const int count = random.integer(1, options.max_objects);
  for (int attempt = 0; static_cast<int>(drawn.size()) < count && attempt < 50; ++attempt) {
    const int64_t label = random.integer(1, static_cast<int>(kCategories.size()));
    Pose pose{random.real(-0.4, 0.4),
              random.real(0.75, 1.25),
              random.real(0, 2 * CV_PI),
              radius(options, random),
              {random.real(0.08, 0.92) * size.width, random.real(0.08, 0.92) * size.height}};
    if (options.deformation > 0) {
      const auto random_change = [&] {
        return random.real(-options.deformation, options.deformation);
      };
      pose.bend += 0.9 * random_change();
      pose.stretch *= std::exp(0.7 * random_change());
      pose.radius *= std::exp(0.5 * random_change());
      pose.shear = random_change();
    }
    const auto mask = object_mask(size, label, pose, random);
    // Rejects objects that are mostly outside the image.
    const double thickness = options.deformation > 0 ? std::min(1., pose.stretch) : 1;
    const double min_pixels =
        CV_PI * pose.radius * pose.radius * thickness * (label == 2 || label == 3 ? 0.3 : 0.2);
    if (cv::countNonZero(mask) < min_pixels || !fits(mask)) continue;
    for (auto& cover : occluded) cover |= mask;
    paint(scene.rgb, mask, random);
    drawn.push_back({label, mask});
    occluded.push_back(cv::Mat(size, CV_8UC1, cv::Scalar(0)));
  }
  for (int i = random.integer(0, 3); i > 0; --i) {  // clutter in front
    cv::Mat bar(size, CV_8UC1, cv::Scalar(0));
    const cv::Point a(random.integer(0, size.width), random.integer(0, size.height));
    cv::line(bar, a, {a.x + random.integer(-90, 90), a.y + random.integer(-90, 90)},
             cv::Scalar(255), random.integer(2, 7));
    if (!fits(bar)) continue;
    for (auto& cover : occluded) cover |= bar;
    scene.rgb.setTo(random.color(), bar);
  }
  for (size_t i = 0; i < drawn.size(); ++i) {
    const cv::Rect visible = cv::boundingRect(drawn[i].mask & ~occluded[i]);
    Object object;
    object.box = {double(visible.x), double(visible.y), double(visible.x + visible.width),
                  double(visible.y + visible.height)};
    object.label = drawn[i].label;
    object.area = object.box.width() * object.box.height();
    scene.objects.push_back(object);
  }
  cv::GaussianBlur(scene.rgb, scene.rgb, {3, 3}, random.real(0.3, 0.8));
  cv::Mat noisy;
  cv::add(scene.rgb, noise(size, 6, random), noisy, cv::noArray(), CV_8UC3);
  scene.rgb = noisy;
  return scene;
}

void write_list(const fs::path& file, const std::vector<ImageRecord>& images) {
  std::string names;
  for (const auto& image : images) names += image.path.stem().string() + "\n";
  write_file(file, names);
}

}  // namespace

void write_synthetic(const SyntheticOptions& options) {
  check_fields(options);
  lengths(options);
  const int val = std::max(1, options.images / 5);
  std::vector<ImageRecord> splits[2];  // train, val
  for (int i = 0; i < options.images; ++i) {
    Random random(options.seed * 1'000'003 + static_cast<uint64_t>(i));
    const auto scene = draw_scene(options, random);
    std::ostringstream name;
    name << "scene_" << std::setfill('0') << std::setw(5) << i;
    ImageRecord image{i + 1, options.out / "JPEGImages" / (name.str() + ".jpg"), options.width,
                      options.height, scene.objects};
    write_image(image.path, scene.rgb);
    write_voc(options.out / "Annotations" / (name.str() + ".xml"), image, kCategories);
    splits[i < val].push_back(std::move(image));
  }
  const fs::path lists = options.out / "ImageSets" / "Main";
  for (int is_val : {0, 1}) {
    const std::string split = is_val ? "val" : "train";
    write_list(lists / (split + ".txt"), splits[is_val]);
    auto coco = to_coco({kCategories, splits[is_val]});
    for (auto& image : coco.images) image.file_name = "JPEGImages/" + image.file_name;
    write_coco(options.out / "annotations" / ("instances_" + split + ".json"), coco);
  }
}

}  // namespace lanner::datasets
