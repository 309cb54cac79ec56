#include <algorithm>
#include <cmath>

#include "lanner/datasets/converting/write_yolo.h"
#include "lanner/datasets/files.h"
#include "lanner/datasets/images/image.h"
#include "lanner/datasets/reading/coco.h"
#include "lanner/datasets/reading/voc.h"
#include "lanner/datasets/results/image_results.h"

namespace lanner::datasets {
namespace fs = std::filesystem;
namespace {

// The image of the results as a data set has it. Frames of videos become images in `folder`.
ImageRecord to_record(const ImageResults& results, const fs::path& folder) {
  ImageRecord image{results.image_id, results.file_name, results.rgb.cols, results.rgb.rows, {}};
  if (results.frame) {
    image.path = results.stem().string() + ".jpg";
    write_image(folder / image.path, results.rgb);
  }
  for (const auto& object : results.objects)
    image.objects.push_back({object.box, object.label, object.box.area()});
  return image;
}

class CocoLabels : public ResultsWriter {
 public:
  CocoLabels(const fs::path& folder, const Categories& categories) : folder_(folder) {
    coco_.categories = categories;
  }
  void add(const ImageResults& results) override {
    const auto image = to_record(results, folder_);
    add_image(coco_, image, image.path.string());
  }
  void finish() override { write_coco(folder_ / "annotations.json", coco_); }

 private:
  const fs::path folder_;
  CocoFile coco_;
};

class VocLabels : public ResultsWriter {
 public:
  VocLabels(const fs::path& folder, const Categories& categories)
      : folder_(folder), categories_(categories) {}
  void add(const ImageResults& results) override {
    write_voc(folder_ / (results.stem().string() + ".xml"), to_record(results, folder_),
              categories_);
  }

 private:
  const fs::path folder_;
  const Categories categories_;
};

class YoloLabels : public ResultsWriter {
 public:
  YoloLabels(const fs::path& folder, const Categories& categories) : folder_(folder) {
    std::string names;
    for (const auto& category : categories) names += category.name + "\n";
    write_file(folder / "classes.txt", names);
  }
  void add(const ImageResults& results) override {
    write_yolo_labels(folder_ / (results.stem().string() + ".txt"), to_record(results, folder_));
  }

 private:
  const fs::path folder_;
};

class Crops : public ResultsWriter {
 public:
  Crops(const fs::path& folder, const Categories& categories)
      : folder_(folder), categories_(categories) {}
  void add(const ImageResults& results) override {
    const cv::Rect image(0, 0, results.rgb.cols, results.rgb.rows);
    int number = 0;
    for (const auto& object : results.objects) {
      const auto& box = object.box;
      const cv::Rect rect = cv::Rect(cv::Point(int(box.x1), int(box.y1)),
                                     cv::Point(int(std::ceil(box.x2)), int(std::ceil(box.y2)))) &
                            image;
      std::string name = categories_[object.label - 1].name;
      std::replace(name.begin(), name.end(), '/', '_');
      const auto file = results.stem().string() + "_" + std::to_string(number++) + ".jpg";
      if (!rect.empty()) write_image(folder_ / name / file, results.rgb(rect).clone());
    }
  }

 private:
  const fs::path folder_;
  const Categories categories_;
};

}  // namespace

std::unique_ptr<ResultsWriter> labels(const std::string& format, const fs::path& folder,
                                      const Categories& categories) {
  if (format == "coco") return std::make_unique<CocoLabels>(folder, categories);
  if (format == "voc") return std::make_unique<VocLabels>(folder, categories);
  return std::make_unique<YoloLabels>(folder, categories);
}

std::unique_ptr<ResultsWriter> crops(const fs::path& folder, const Categories& categories) {
  return std::make_unique<Crops>(folder, categories);
}

}  // namespace lanner::datasets
