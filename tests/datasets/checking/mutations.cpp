// Randomly damaged files are read or rejected with file and field.
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <random>

#include "lanner/datasets/error.h"
#include "lanner/datasets/images/image.h"
#include "lanner/datasets/reading/coco.h"
#include "tests/catch.h"
#include "tests/datasets/make_data.h"
#include "tests/mutated.h"

using namespace lanner;
using namespace lanner::datasets;
using namespace lanner::tests;

namespace {

// An error message begins with the file and a field.
void check_names(const std::string& message, const std::string& file) {
  INFO(message);
  const auto at = message.find(file);
  REQUIRE(at != std::string::npos);
  // `file` may be the folder of the file.
  const std::string rest = message.substr(message.find(": ", at));
  CHECK(rest.find(": ", 2) != std::string::npos);
}

void check_reads_or_rejects(const std::string& data, const std::string& file, int& rejected) {
  Issues issues;
  try {
    read_dataset(data, {}, nullptr, issues);
  } catch (const Error& error) {
    ++rejected;
    check_names(error.what(), file);
  }
  bool any = false;
  for (const auto& issue : issues) {
    any |= issue.action == Issue::Action::reject;
    CHECK_FALSE(issue.field.empty());
    CHECK_FALSE(issue.message.empty());
  }
  rejected += any;
}

}  // namespace

TEST_CASE("2,000 damaged COCO files are read or rejected with file and field") {
  const TemporaryFolder folder;
  write_plain_image(folder.path / "a.jpg", 100, 80);
  const auto file = (folder.path / "gt.json").string();
  const auto original = coco_text(
      R"({"id": 1, "image_id": 3, "category_id": 7, "bbox": [1, 2.5, 3e1, 4], "iscrowd": 0,
          "area": 7.25, "segmentation": [[1, 2, 3, 4, 5, 6]]},
         {"id": 2, "image_id": 3, "category_id": 7, "bbox": ["1", 2, 30, 40]})");
  std::mt19937_64 random(1);
  int rejected = 0;
  for (int i = 0; i < 2000; ++i) {
    write(file, mutated(original, random,
                        {"null", "-1", "1e999", "9223372036854775808", "[", "}", "\"", "\\u0000",
                         "true", "{}", "[[]]", "\xff\xfe", "NaN", "\"../../x\""}));
    check_reads_or_rejects(file, file, rejected);
  }
  CHECK(rejected > 1000);
}

TEST_CASE("1,000 damaged VOC files are read or rejected with file and field") {
  const TemporaryFolder folder;
  write_voc_folder(folder.path, voc_object("cat", "1", "1", "9", "9") +
                                    voc_object("dog", "5.5", "5", "50", "60"));
  const auto file = folder.path / "Annotations/a.xml";
  const auto original = read(file);
  std::mt19937_64 random(2);
  int rejected = 0;
  for (int i = 0; i < 1000; ++i) {
    write(file, mutated(original, random,
                        {"<", ">", "</", "&amp;", "&x;", "nan", "inf", "-5", "1e400", "<object>",
                         "</bndbox>", "<![CDATA[", "<!--", std::string(1, '\0')}));
    check_reads_or_rejects(folder.path.string() + ":train", file.string(), rejected);
  }
  CHECK(rejected > 300);
}

TEST_CASE("500 damaged files of each other format are read or rejected with file and field") {
  struct Format {
    std::string name, text;
  };
  const TemporaryFolder folder;
  std::mt19937_64 random(4);
  for (const auto& [name, original] : std::vector<Format>{
           {"createml.json",
            R"([{"image": "a.jpg", "annotations": [{"label": "cat", "coordinates":
                {"x": 25.0, "y": 21, "width": 30, "height": 18}}]}])"},
           {"studio.json",
            R"([{"data": {"image": "/data/1a2b3c4d-a.jpg"}, "annotations": [{"result": [
                {"original_width": 100, "original_height": 80, "value": {"x": 10, "y": 20,
                 "width": 30, "height": 40, "rotation": 0, "rectanglelabels": ["cat"]}}]}]}])"},
           {"a.json",
            R"({"imagePath": "a.jpg", "shapes": [{"label": "cat", "shape_type": "rectangle",
                "points": [[1, 2], [30, 40]]}, {"label": "cat", "shape_type": "circle",
                "points": [[20, 20], [30, 20]]}]})"},
           {"annotations.xml",
            "<annotations><image id='0' name='a.jpg' width='100' height='80'><box label='cat' "
            "xtl='5' ytl='5' xbr='20' ybr='9' rotation='3'/><polygon label='dog' "
            "points='1,1;20,2;3,30'/></image></annotations>"},
           {"boxes.csv",
            "filename,width,height,class,xmin,ymin,xmax,ymax\na.jpg,100,80,cat,1,2,30,40\n"
            "a.jpg,100,80,\"a, b\",10,2,30,40\n"},
           {"train.csv",
            "ImageID,LabelName,XMin,XMax,YMin,YMax,IsGroupOf\na,/m/1,0.1,0.5,0.2,0.6,0\n"},
           {"data.yaml", "path: .\ntrain: images\nval: images\nnames: [cat, dog]\n"},
           {"a.txt", "0 0.5 0.5 0.2 0.4\n1 0.1 0.1 0.3 0.1 0.2 0.5\n"}}) {
    CAPTURE(name);
    const auto root = folder.path / fs::path(name).stem();
    write_plain_image(root / "a.jpg", 100, 80);
    if (name == "data.yaml") write_plain_image(root / "images/a.jpg", 100, 80);
    int rejected = 0;
    for (int i = 0; i < 500; ++i) {
      write(root / name,
            mutated(original, random,
                    {"null", "-1", "1e999", "9223372036854775808", "[", "}", "\"", "\\u0000", "{}",
                     "\xff\xfe", "NaN", "../../x", ",", "\n", "<", "</image>", "&x;", ": ", "- "}));
      check_reads_or_rejects(root.string(), root.string(), rejected);
    }
    CHECK(rejected > 50);
  }
}

TEST_CASE("2,000 damaged images are decoded or rejected with file and field") {
  const TemporaryFolder folder;
  cv::Mat noise(48, 64, CV_8UC3);
  cv::randu(noise, 0, 256);
  int rejected = 0;
  std::mt19937_64 random(3);
  for (const std::string extension : {".jpg", ".png", ".bmp", ".webp", ".tif"}) {
    std::vector<unsigned char> bytes;
    cv::imencode(extension, noise, bytes);
    const std::string original(bytes.begin(), bytes.end());
    const auto file = folder.path / ("a" + extension);
    for (int i = 0; i < 400; ++i) {
      write(file,
            mutated(original, random,
                    {std::string(8, '\xff'), std::string(4, '\0'), "\xff\xd9", "IEND", "\x7f"}));
      try {
        const auto image = read_image(file);
        CHECK(image.rgb.type() == CV_8UC3);
        CHECK_FALSE(image.rgb.empty());
      } catch (const Error& error) {
        ++rejected;
        check_names(error.what(), file.string());
      }
    }
  }
  CHECK(rejected > 500);
}
