#include "lanner/datasets/results/image_results.h"

#include "lanner/datasets/dataset.h"
#include "lanner/datasets/error.h"
#include "lanner/datasets/files.h"
#include "lanner/datasets/reading/coco.h"
#include "tests/catch.h"
#include "tests/datasets/make_data.h"

using namespace lanner;
using namespace lanner::datasets;
using namespace lanner::tests;

namespace {

const Categories categories{{3, "cat"}, {8, "a \"dog\", small"}};

ImageResults still() {
  return {.image_id = 1,
          .file_name = "a/b.jpg",
          .rgb = cv::Mat(80, 100, CV_8UC3, cv::Scalar(1, 2, 3)),
          .objects = {{{10, 20, 40, 60}, 1, 0.9}, {{50.5, 0, 100, 40}, 2, 0.25}}};
}

ImageResults film() {
  auto results = still();
  results.image_id = 2;
  results.file_name = "films/c.mp4";
  results.frame = 12;
  results.seconds = 0.48;
  results.objects.pop_back();
  results.objects[0].track = 7;
  return results;
}

void write_all(ResultsWriter& writer) {
  writer.add(still());
  writer.add(film());
  writer.finish();
}

}  // namespace

TEST_CASE("results are written as COCO's, as lines of JSON and as CSV") {
  const TemporaryFolder folder;
  write_all(*coco_results(folder.path / "a.json", categories));
  const auto detections = read_detections(folder.path / "a.json");
  REQUIRE(detections.size() == 3);
  CHECK(detections[1].category_id == 8);
  CHECK_THAT(read(folder.path / "a.json"), ContainsSubstring(R"("frame":12,"seconds":0.48)"));
  write_all(*json_lines(folder.path / "a.jsonl", categories));
  const auto lines = read(folder.path / "a.jsonl");
  CHECK(std::count(lines.begin(), lines.end(), '\n') == 2);
  CHECK_THAT(lines,
             ContainsSubstring(R"("category":"cat","category_id":3,"bbox":[10.0,20.0,30.0)"));
  CHECK_THAT(lines, ContainsSubstring(R"("track":7)"));
  write_all(*csv_results(folder.path / "a.csv", categories));
  CHECK(read(folder.path / "a.csv") ==
        "file_name,frame,seconds,category,score,x1,y1,x2,y2,track\n"
        "a/b.jpg,,,cat,0.9,10,20,40,60,\n"
        "a/b.jpg,,,\"a \"\"dog\"\", small\",0.25,50.5,0,100,40,\n"
        "films/c.mp4,12,0.48,cat,0.9,10,20,40,60,7\n");
}

TEST_CASE("labels are read back as data sets, frames of videos with their images") {
  const TemporaryFolder folder;
  for (const std::string format : {"coco", "voc", "yolo"}) {
    CAPTURE(format);
    const auto out = folder.path / format;
    write_all(*labels(format, out, categories));
    CHECK(fs::exists(out / "c_000012.jpg"));
    fs::create_directories(out / "a");
    write_plain_image(out / "a/b.jpg", 100, 80);
    const auto dataset =
        open_dataset(format == "coco" ? (out / "annotations.json").string() : out.string());
    REQUIRE(dataset.images.size() == 2);
    size_t objects = 0;
    for (const auto& image : dataset.images) objects += image.objects.size();
    CHECK(objects == 3);
  }
}

TEST_CASE("crops lie in the folder of their class") {
  const TemporaryFolder folder;
  write_all(*crops(folder.path, categories));
  CHECK(fs::exists(folder.path / "cat/a/b_0.jpg"));
  CHECK(fs::exists(folder.path / "cat/c_000012_0.jpg"));
}

TEST_CASE("results go through links and devices, which stay; a full disk is an error") {
  const TemporaryFolder folder;
  fs::create_symlink(folder.path / "target.json", folder.path / "link.json");
  write_all(*coco_results(folder.path / "link.json", categories));
  CHECK(fs::is_symlink(folder.path / "link.json"));
  CHECK(read_detections(folder.path / "target.json").size() == 3);
  CHECK_THROWS_WITH(write_all(*coco_results("/dev/full", categories)),
                    "/dev/full: cannot be written: No space left on device");
  CHECK_THROWS_WITH(write_all(*csv_results("/dev/full", categories)),
                    "/dev/full: cannot be written: No space left on device");
  CHECK(fs::is_character_file("/dev/full"));
  write_file("/dev/null", "nothing");
  CHECK(fs::is_character_file("/dev/null"));
}
