#include "lanner/datasets/reading/read_data.h"

#include "lanner/datasets/error.h"
#include "lanner/datasets/reading/coco.h"
#include "tests/catch.h"
#include "tests/datasets/make_data.h"

using namespace lanner;
using namespace lanner::datasets;
using namespace lanner::tests;

namespace {

struct Result {
  Dataset dataset;
  std::string issues, notes;
};

Result read_all(const fs::path& data) {
  Result result;
  Issues issues;
  result.dataset = read_dataset(data.string(), {}, nullptr, issues);
  for (const auto& issue : issues) result.issues += issue.text() + "\n";
  for (const auto& note : result.dataset.notes) result.notes += note + "\n";
  return result;
}

std::string boxes_of(const Dataset& dataset) {
  std::ostringstream text;
  for (const auto& image : dataset.images)
    for (const auto& [box, label, area, crowd, difficult] : image.objects)
      text << image.path.stem().string() << " " << dataset.categories[label - 1].name << " "
           << std::round(box.x1) << " " << std::round(box.y1) << " " << std::round(box.x2) << " "
           << std::round(box.y2) << "\n";
  return text.str();
}

}  // namespace

TEST_CASE("where nothing fits, the message says what was looked for and what is there") {
  const TemporaryFolder folder;
  write_plain_image(folder.path / "train/a.jpg", 100, 80);
  write(folder.path / "train/a.dat", "x");
  write(folder.path / "train/b.dat", "x");
  CHECK_THROWS_WITH(open_dataset(folder.path.string() + ":train"),
                    ContainsSubstring("found 2 .dat, 1 .jpg under") &&
                        ContainsSubstring("expected a COCO .json file"));
}

TEST_CASE("images that no annotation mentions are counted") {
  const TemporaryFolder folder;
  for (const char* name : {"a.jpg", "b.jpg", "c.jpg"})
    write_plain_image(folder.path / name, 100, 80);
  write(folder.path / "data.csv",
        "filename,class,xmin,ymin,xmax,ymax\na.jpg,\"cat, wild\",10,20,30,40\n");
  const auto csv = read_all(folder.path);
  CHECK(boxes_of(csv.dataset) == "a cat, wild 10 20 30 40\n");
  CHECK_THAT(csv.notes, ContainsSubstring("2 of 3 images under"));
  CHECK(csv.issues.empty());
  fs::remove(folder.path / "data.csv");
  write(folder.path / "a.txt", "0 0.5 0.5 0.2 0.5\n");
  const auto yolo = read_all(folder.path);  // label files beside the images
  CHECK(boxes_of(yolo.dataset) == "a 0 40 20 60 60\n");
  CHECK_THAT(yolo.notes, ContainsSubstring("2 of 3 images have no label file"));
}

TEST_CASE("malformed rows of a CSV file are named") {
  const TemporaryFolder folder;
  write_plain_image(folder.path / "a.jpg", 100, 80);
  write(folder.path / "data.csv",
        "filename,width,height,class,xmin,ymin,xmax,ymax\na.jpg,100,80,cat,ten,20,30,40\n"
        "b.jpg,100,80,cat,10,20,30,40\na.jpg,100,80,cat,10,20,30\na.jpg,100,80,,10,20,30,40\n"
        "../a.jpg,100,80,cat,10,20,30,40\n");
  const auto result = read_all(folder.path / "data.csv");
  for (const char* text :
       {"data.csv: row 2.xmin: expected a number, got \"ten\"", "row 3: no such image: \"b.jpg\"",
        "row 4: expected 8 columns or more, got 7", "row 5: the class has no name",
        "row 6: no such image: \"../a.jpg\""})
    CHECK_THAT(result.issues, ContainsSubstring(text));
  write(folder.path / "data.csv", "path,x,y\na.jpg,1,2\n");
  CHECK_THROWS_WITH(read_all(folder.path / "data.csv"), ContainsSubstring("data.csv: columns: "));
}

TEST_CASE("Label Studio's rectangles, rotated ones and polygons are read from both exports") {
  const TemporaryFolder folder;
  write_plain_image(folder.path / "images/a.jpg", 200, 100);
  const std::string rectangle =
      R"("x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0, "rectanglelabels": ["cat"])";
  write(folder.path / "project.json",
        R"([{"id": 1, "data": {"image": "/data/upload/1/1a2b3c4d-a.jpg"}, "annotations": [
             {"was_cancelled": true, "result": []},
             {"result": [{"original_width": 200, "original_height": 100, "type": "rectanglelabels",
                          "value": {)" +
            rectangle + R"(}},
                         {"original_width": 200, "original_height": 100,
                          "value": {"x": 50, "y": 10, "width": 10, "height": 40, "rotation": 90,
                                    "rectanglelabels": ["dog"]}},
                         {"original_width": 200, "original_height": 100,
                          "value": {"points": [[5, 10], [15, 10], [10, 90]],
                                    "polygonlabels": ["dog"]}},
                         {"value": {"choices": ["indoors"]}},
                         {"original_width": 200, "original_height": 100,
                          "value": {"x": 50, "y": 50, "radiusX": 10, "radiusY": 30, "rotation": 90,
                                    "ellipselabels": ["cat"]}}]}]}])");
  const auto full = read_all(folder.path);
  CHECK(boxes_of(full.dataset) ==
        "a cat 20 20 80 60\na dog 60 10 100 30\na dog 10 10 30 90\n"
        "a cat 70 30 130 70\n");
  CHECK_THAT(full.issues, ContainsSubstring("project.json: [0].result[3]: neither"));
  CHECK_THAT(full.notes, ContainsSubstring("1 objects are polygons"));
  write(folder.path / "project.json",
        R"([{"image": "/data/upload/1/1a2b3c4d-a.jpg", "id": 1, "label": [{)" + rectangle +
            R"(, "original_width": 200, "original_height": 100}]}])");
  CHECK(boxes_of(read_all(folder.path / "project.json").dataset) == "a cat 20 20 80 60\n");
}

TEST_CASE("a labelme file is known by its shapes, however long they are") {
  const TemporaryFolder folder;
  write_plain_image(folder.path / "a.jpg", 100, 80);
  std::string shapes;
  for (int i = 0; i < 1500; ++i)
    shapes += std::string(i ? "," : "") +
              R"({"label": "cat", "shape_type": "rectangle", "points": [[1, 2], [)" +
              std::to_string(10 + i % 80) + ", " + std::to_string(10 + i / 80) + "]]}";
  write(folder.path / "a.json", R"({"shapes": [)" + shapes + R"(], "imagePath": "a.jpg"})");
  CHECK(open_dataset(folder.path.string()).images.at(0).objects.size() == 1500);
}

TEST_CASE("tasks of Label Studio without an image are named") {
  const TemporaryFolder folder;
  write(folder.path / "x.json",
        R"([{"data": {}, "annotations": []}, {"data": {"text": "hello"}}])");
  const auto issues = read_all(folder.path / "x.json").issues;
  CHECK_THAT(issues, ContainsSubstring("x.json: [0].data: names no image"));
  CHECK_THAT(issues, ContainsSubstring("x.json: [1].image: no such image: \"hello\""));
}

TEST_CASE("malformed files of CreateML, labelme and CVAT are named with their field") {
  const TemporaryFolder folder;
  write_plain_image(folder.path / "a.jpg", 100, 80);
  const auto issues_of = [&](const char* name, const std::string& text) {
    for (const auto& entry : fs::directory_iterator(folder.path))
      if (entry.path().extension() != ".jpg") fs::remove(entry);
    write(folder.path / name, text);
    return read_all(folder.path).issues;
  };
  CHECK_THAT(issues_of("x.json", R"([{"image": "b.jpg", "annotations": []},
                                     {"image": "a.jpg", "annotations": [{"label": 7}]}])"),
             ContainsSubstring("x.json: [0].image: no such image: \"b.jpg\"") &&
                 ContainsSubstring("x.json: [1]: "));
  CHECK_THAT(issues_of("a.json", R"({"imagePath": "a.jpg", "shapes": [
      {"label": "cat", "shape_type": "point", "points": [[1, 2]]},
      {"label": "cat", "shape_type": "rectangle", "points": [[1, 2], [1, 9]]}]})"),
             ContainsSubstring("a.json: shapes[0]: shape without area: point") &&
                 ContainsSubstring("a.json: shapes[1].points: box without area"));
  CHECK_THAT(issues_of("annotations.xml",
                       "<annotations><image id='0' name='b.jpg' width='1' height='1'/>"
                       "<image id='1' name='a.jpg' width='100' height='80'><polyline label='x' "
                       "points='1,1;2,2'/><box label='cat' xtl='5' ytl='5' xbr='2' ybr='9'/>"
                       "</image></annotations>"),
             ContainsSubstring("image b.jpg: no such image") &&
                 ContainsSubstring("image a.jpg.polyline[0]: not a box, polygon or ellipse") &&
                 ContainsSubstring("image a.jpg.box[1]: box without area"));
  CHECK_THAT(issues_of("annotations.xml",
                       "<annotations><image id='0' name='a.jpg' width='100' height='80'>"
                       "<box label='cat' xtl='x' ytl='5' xbr='9' ybr='9'/>"
                       "<box label='cat' ytl='5' xbr='9' ybr='9'/>"
                       "<polygon label='cat' points='1,2;x,4;5,6'/></image></annotations>"),
             ContainsSubstring("a.jpg.box[0]: xtl: expected a number, got \"x\"") &&
                 ContainsSubstring("a.jpg.box[1]: xtl: missing") &&
                 ContainsSubstring("a.jpg.polygon[2]: points: expected"));
  write(folder.path / "annotations.xml", "<annotations><track/></annotations>");
  CHECK_THROWS_WITH(read_all(folder.path), ContainsSubstring("track: CVAT for video"));
}

TEST_CASE("text ids join annotations and images") {
  const TemporaryFolder folder;
  write_plain_image(folder.path / "a.jpg", 100, 80);
  write(folder.path / "gt.json",
        R"({"images": [{"id": "img_a", "file_name": "a.jpg"}], "categories": [
            {"id": 1, "name": "cat"}], "annotations": [
            {"id": "x", "image_id": "img_a", "category_id": 1, "bbox": [1, 2, 30, 40]}]})");
  const auto dataset = open_dataset((folder.path / "gt.json").string());
  CHECK(boxes_of(dataset) == "a cat 1 2 31 42\n");
  write(folder.path / "results.json",
        R"([{"image_id": "img_a", "category_id": 1, "bbox": [1, 2, 30, 40], "score": 1}])");
  const auto results = read_detections(folder.path / "results.json");
  CHECK(results[0].image_id == dataset.images[0].id);
  write_detections(folder.path / "copy.json", to_coco(dataset), results);
  CHECK_THAT(read(folder.path / "copy.json"), ContainsSubstring(R"("image_id":"img_a")"));
  write_coco(folder.path / "copy_gt.json", to_coco(dataset));
  CHECK_THAT(read(folder.path / "copy_gt.json"),
             ContainsSubstring(R"("image_id":"img_a")") && ContainsSubstring(R"("id":"img_a")"));
}

TEST_CASE("one cause gives one message") {
  const TemporaryFolder folder;
  write(folder.path / "utf16.json", std::string("\xFF\xFE{\0}\0", 6));
  write(folder.path / "cut.json", R"({"images": [{"id": 1, "file_name": "a)");
  CHECK(read_all(folder.path / "utf16.json").issues ==
        (folder.path / "utf16.json").string() + ": JSON: expected UTF-8, got UTF-16\n");
  const auto cut = read_all(folder.path / "cut.json").issues;
  CHECK(std::count(cut.begin(), cut.end(), '\n') == 1);
}

TEST_CASE("a class without objects and two categories of one name are mentioned") {
  const TemporaryFolder folder;
  write_plain_image(folder.path / "a.jpg", 100, 80);
  write(folder.path / "gt.json",
        coco_text(R"({"image_id": 3, "category_id": 2, "bbox": [1, 2, 3, 4]})",
                  R"([{"id": 1, "name": " cat"}, {"id": 2, "name": "cat "}])"));
  const auto notes = read_all(folder.path / "gt.json").notes;
  CHECK_THAT(notes, ContainsSubstring("two categories are called \"cat\": 1 and 2"));
  CHECK_THAT(notes, ContainsSubstring("no objects of the class: cat"));
}
