// The small inputs of shared/cases, with the right values of its README.
#include <cmath>
#include <sstream>

#include "lanner/datasets/dataset.h"
#include "lanner/datasets/error.h"
#include "lanner/datasets/reading/coco.h"
#include "tests/catch.h"
#include "tests/files.h"

using namespace lanner;
using namespace lanner::datasets;
using namespace lanner::tests;

namespace {

// The boxes that come back often.
const std::map<std::string, std::string> kBoxes{{"A", "cat 10 12 40 30"}, {"B", "dog 30 18 58 42"},
                                                {"C", "cat 4 6 20 24"},   {"D", "dog 6 24 28 42"},
                                                {"E", "cat 36 6 60 24"},  {"F", "dog 8 6 30 36"}};

// The images of a data set with their boxes: "0.png: A D; 1.png:".
std::string images_of(const Dataset& dataset, const fs::path& root) {
  std::string text;
  for (const auto& image : dataset.images) {
    text += (text.empty() ? "" : "; ") + image.path.lexically_relative(root).string() + ":";
    for (const auto& object : image.objects) {
      std::ostringstream box;
      box << dataset.categories[object.label - 1].name;
      for (const double value : {object.box.x1, object.box.y1, object.box.x2, object.box.y2})
        box << " " << std::round(value * 100) / 100;
      std::string name = " (" + box.str() + ")";
      for (const auto& [letter, known] : kBoxes)
        if (known == box.str()) name = " " + letter;
      text += name;
    }
  }
  return text;
}

struct Case {
  std::string data, root, images;
  size_t issues = 0;
};

}  // namespace

TEST_CASE("data sets are read as their tools export them") {
  const auto cases = shared_data("../cases");
  if (!cases) return;
  const std::string yolo_train = "0.png: A; 1.png: B C",
                    roboflow_train = "p0_png.rf.0a1b2c3d.jpg: A; p1_png.rf.1a1b2c3d.jpg: B C",
                    a_and_bc = "a.png: A; b.png: B C";
  for (const auto& [data, root, images, issues] : std::vector<Case>{
           {"coco_backslash/annotations.json", "coco_backslash",
            "images/0.png: A D; images/1.png: B"},
           {"coco_backslash", "coco_backslash", "images/0.png: A D; images/1.png: B"},
           {"coco_no_sizes/annotations.json", "coco_no_sizes",
            "1.png: C (dog 40 18 64 42); 2.png:", 2},
           {"coco_big_ids/annotations.json", "coco_big_ids", "1.png: A; 2.png: B"},
           {"coco_roboflow/train/_annotations.coco.json", "coco_roboflow/train", roboflow_train},
           {"coco_roboflow/train", "coco_roboflow/train", roboflow_train},
           {"coco_roboflow:train", "coco_roboflow/train", roboflow_train},
           {"coco_roboflow", "coco_roboflow/train", roboflow_train},
           {"coco_roboflow:valid", "coco_roboflow/valid", "p2_png.rf.2a1b2c3d.jpg: D"},
           {"coco_roboflow:val", "coco_roboflow/valid", "p2_png.rf.2a1b2c3d.jpg: D"},
           {"coco_roboflow:test", "coco_roboflow/test", "p3_png.rf.3a1b2c3d.jpg: E"},
           {"coco_folders/annotations/instances_train2017.json", "coco_folders/train2017",
            "0.png: A; 1.png: B"},
           {"coco_folders:train", "coco_folders/train2017", "0.png: A; 1.png: B"},
           {"coco_folders:val2017", "coco_folders/val2017", "0.png: D E"},
           {"coco_folders:val", "coco_folders/val2017", "0.png: D E"},
           {"yolo_yaml/data.yaml:train", "yolo_yaml/images/train", yolo_train},
           {"yolo_yaml:train", "yolo_yaml/images/train", yolo_train},
           {"yolo_yaml", "yolo_yaml/images/train", yolo_train},
           {"yolo_yaml/data.yaml:val", "yolo_yaml/images/val", "2.png: D"},
           {"yolo_yaml/config/pets.yaml:train", "yolo_yaml/images/train", yolo_train},
           {"yolo_yaml/config/pets.yaml:val", "yolo_yaml/images/val", "2.png: D"},
           {"yolo_yaml/moved.yaml:train", "yolo_yaml/images/train", yolo_train},
           {"yolo_roboflow/data.yaml:train", "yolo_roboflow/train/images", roboflow_train},
           {"yolo_roboflow:train", "yolo_roboflow/train/images", roboflow_train},
           {"yolo_roboflow/data.yaml:val", "yolo_roboflow/valid/images",
            "p2_png.rf.2a1b2c3d.jpg: D"},
           {"yolo_roboflow:valid", "yolo_roboflow/valid/images", "p2_png.rf.2a1b2c3d.jpg: D"},
           {"yolo_roboflow:val", "yolo_roboflow/valid/images", "p2_png.rf.2a1b2c3d.jpg: D"},
           {"yolo_train_txt/data.yaml:train", "yolo_train_txt/images", "0.png: A; 2.png: C D"},
           {"yolo_train_txt/data.yaml:val", "yolo_train_txt/images", "1.png: B"},
           {"yolo_nested", "yolo_nested/images", "cam1/a.png: B; cam2/a.png: C D; top.png: A"},
           {"yolo_nested:cam1", "yolo_nested/images/cam1", "a.png: B"},
           {"yolo_polygons:train", "yolo_polygons/images/train", "a.png: A B; b.png: F"},
           {"yolo_float_class:train", "yolo_float_class/images/train", a_and_bc},
           {"yolo_extensions:train", "yolo_extensions/images/train",
            "p0.png: A; p1.JPG: B; p2.jfif: C; p3.gif: D; p4.webp: E; p5.avif: F"},
           {"yolo_cvat", "yolo_cvat/obj_train_data", "frame_000000.png: A; frame_000001.png: B C"},
           {"yolo_cvat/obj.data", "yolo_cvat/obj_train_data",
            "frame_000000.png: A; frame_000001.png: B C"},
           {"voc_list_quoted:default", "voc_list_quoted/JPEGImages",
            "my photo 1.png: A; my photo 2.png: B C"},
           {"voc_list_quoted:plain", "voc_list_quoted/JPEGImages",
            "my photo 1.png: A; my photo 2.png: B C"},
           {"voc_list_bom:default", "voc_list_bom/JPEGImages", a_and_bc},
           {"voc_list_extensions:trainval", "voc_list_extensions/JPEGImages", a_and_bc},
           {"voc_tif", "voc_tif/JPEGImages", "a.tif: A; b.TIFF: B C"},
           {"voc_filename", "voc_filename/JPEGImages", "real.png: A; other.png: B C"},
           {"voc_kaggle", "voc_kaggle/images", a_and_bc},
           {"voc_name_spaces", "voc_name_spaces/JPEGImages", "a.png: A (cat 44 6 60 24) D"},
           {"voc_zero_size", "voc_zero_size/JPEGImages", "a.png: C (dog 40 18 64 42)", 2},
           {"createml/_annotations.createml.json", "createml", "a.png: A; b.png: B C; c.png:"},
           {"createml", "createml", "a.png: A; b.png: B C; c.png:"},
           {"labelme", "labelme", "a.png: A B; b.png: C; c.png:"},
           {"csv_tensorflow", "csv_tensorflow", a_and_bc},
           {"csv_tensorflow/_annotations.csv", "csv_tensorflow", a_and_bc},
           {"csv_openimages:train", "csv_openimages/train", "00a1.jpg: A; 00b2.jpg: B C"},
           {"csv_openimages", "csv_openimages/train", "00a1.jpg: A; 00b2.jpg: B C"},
           {"csv_openimages/train-annotations-bbox.csv", "csv_openimages/train",
            "00a1.jpg: A; 00b2.jpg: B C"},
           {"cvat_xml", "cvat_xml/images", "a.png: A B; b.png: C; c.png:"},
           {"cvat_xml/annotations.xml", "cvat_xml/images", "a.png: A B; b.png: C; c.png:"}}) {
    CAPTURE(data);
    Issues found;
    Dataset dataset;
    REQUIRE_NOTHROW(dataset = read_dataset((*cases / data).string(), {}, nullptr, found));
    CHECK(images_of(dataset, *cases / root) == images);
    for (const auto& image : dataset.images) CHECK((image.width == 64 && image.height == 48));
    std::string texts;
    for (const auto& issue : found) texts += issue.text() + "\n";
    CAPTURE(texts);
    CHECK(found.size() == issues);
  }
}

TEST_CASE("data that cannot be right are refused, naming file and field") {
  const auto cases = shared_data("../cases");
  if (!cases) return;
  for (const auto& [data, message] : std::vector<std::pair<std::string, std::string>>{
           {"coco_absolute_path/annotations.json", "annotations.json: images[0].file_name: "},
           {"coco_nan/annotations.json", "annotations.json: annotations[0].bbox: "},
           {"yolo_missing_class:train", "labels/train/a.txt: line 1: "},
           {"yolo_no_match:train", "labels/train/img_1.txt: "},
           {"yolo_roboflow:test", "data.yaml: test: "}}) {
    CAPTURE(data);
    CHECK_THROWS_WITH(open_dataset((*cases / data).string()), ContainsSubstring(message));
    if (data.ends_with("test")) continue;  // nothing to read
    Issues issues;
    read_dataset((*cases / data).string(), {}, nullptr, issues);
    CHECK(issues.size() == 1);
  }
}

TEST_CASE("image ids of 64 bits come back digit for digit") {
  const auto cases = shared_data("../cases");
  if (!cases) return;
  Issues issues;
  const auto coco = read_coco(*cases / "coco_big_ids/annotations.json", issues);
  CHECK(coco.images.at(0).id == 1152921504606846977);
  CHECK(coco.images.at(1).id == 1152921504606846978);
  CHECK(coco.annotations.at(1).id == 1152921504606846980);
  CHECK(coco.annotations.at(1).image_id == 1152921504606846978);
}
