// Which annotations and images a VOC data set has: neighbors of the cases in cases.cpp.
#include "lanner/datasets/error.h"
#include "lanner/datasets/reading/voc.h"
#include "tests/catch.h"
#include "tests/datasets/make_data.h"

using namespace lanner;
using namespace lanner::datasets;
using namespace lanner::tests;

namespace {

void write_annotation(const fs::path& file, const std::string& filename = "",
                      const std::string& name = "cat") {
  write(file, "<annotation><filename>" + filename +
                  "</filename><size><width>100</width><height>80</height></size>" +
                  voc_object(name, "11", "21", "51", "61") + "</annotation>");
}

std::string images_of(const std::string& data) {
  std::string text;
  for (const auto& image : open_dataset(data).images)
    text += (text.empty() ? "" : " ") + image.path.filename().string();
  return text;
}

}  // namespace

TEST_CASE("lines of a VOC list are names in every usual spelling") {
  const TemporaryFolder folder;
  for (const char* name : {"a", "b 2", "c.d", "it's"}) {
    write_plain_image(folder.path / "JPEGImages" / (std::string(name) + ".jpg"), 100, 80);
    write_annotation(folder.path / "Annotations" / (std::string(name) + ".xml"));
  }
  const auto read_list = [&](const std::string& text) {
    write(folder.path / "ImageSets/Main/train.txt", text);
    return images_of(folder.path.string() + ":train");
  };
  for (const auto& [list, expected] :
       std::vector<std::pair<std::string, std::string>>{{"a\n", "a.jpg"},
                                                        {"a -1\nb 2\n", "a.jpg b 2.jpg"},
                                                        {"a  1\r\nc.d\r\n", "a.jpg c.d.jpg"},
                                                        {"\xEF\xBB\xBF"
                                                         "a\n\n\n",
                                                         "a.jpg"},
                                                        {"\"b 2\"\n'a'\n", "b 2.jpg a.jpg"},
                                                        {"it's\n", "it's.jpg"},
                                                        {"a.jpg\nb 2.JPG\n", "a.jpg b 2.jpg"},
                                                        {"b 2 1\n", "b 2.jpg"},
                                                        {"c.d.png 7\n", "c.d.jpg"},
                                                        {"  a\t\n", "a.jpg"}}) {
    CAPTURE(list);
    CHECK(read_list(list) == expected);
  }
  CHECK_THROWS_WITH(read_list("a\nmissing\n"), ContainsSubstring("missing.xml: XML: no such file"));
  CHECK_THROWS_WITH(read_list("\xFF\xFE"
                              "a"),
                    ContainsSubstring("expected UTF-8, got UTF-16"));
}

TEST_CASE("the image of an annotation is the one that it names, else the one of its own name") {
  const TemporaryFolder folder;
  const auto& root = folder.path;
  for (const char* name : {"own.webp", "named.png", "deep.name.TIF"})
    write_plain_image(
        root / "JPEGImages" /
            (std::string(name) == "deep.name.TIF" ? "deep.name.tif" : std::string(name)),
        100, 80);
  for (const auto& [filename, expected] :
       std::vector<std::pair<std::string, std::string>>{{"named.png", "named.png"},
                                                        {"/home/me/named.png", "named.png"},
                                                        {" named.png ", "named.png"},
                                                        {"gone.jpg", "own.webp"},
                                                        {"", "own.webp"}}) {
    CAPTURE(filename);
    write_annotation(root / "Annotations/own.xml", filename);
    CHECK(images_of(root.string()) == expected);
  }
  fs::remove(root / "JPEGImages/own.webp");
  write_annotation(root / "Annotations/own.xml", "named.jpg");  // its stem comes last
  CHECK(images_of(root.string()) == "named.png");
  write_annotation(root / "Annotations/own.xml", "deep.name.jpg");
  CHECK(images_of(root.string()) == "deep.name.tif");
  write_annotation(root / "Annotations/own.xml", "gone.jpg");
  CHECK_THROWS_WITH(open_dataset(root.string()),
                    ContainsSubstring("own.xml: filename: no image \"own\" or \"gone.jpg\" in"));
}

TEST_CASE("sizes that VOC annotations lack are read from the images") {
  const TemporaryFolder folder;
  write_plain_image(folder.path / "JPEGImages/a.jpg", 100, 80);
  for (const char* size : {"", "<size/>", "<size><width>0</width><height>0</height></size>",
                           "<size><width>x</width><height>80</height></size>",
                           "<size><width>-1</width><height>80</height></size>"}) {
    CAPTURE(size);
    write(folder.path / "Annotations/a.xml", std::string("<annotation>") + size +
                                                 voc_object("cat", "51", "21", "151", "61") +
                                                 "</annotation>");
    Issues issues;
    const auto dataset = read_dataset(folder.path.string(), {}, nullptr, issues);
    CHECK((dataset.images[0].width == 100 && dataset.images[0].height == 80));
    CHECK(dataset.images[0].objects.at(0).box.x2 == 100);
    CHECK(issues.size() == 1);
  }
}

TEST_CASE("folders of VOC annotations are found in every usual layout") {
  const TemporaryFolder folder;
  struct Layout {
    std::string root, image, annotation, split;
  };
  for (const auto& [root, image, annotation, split] :
       std::vector<Layout>{{"a", "JPEGImages/x.jpg", "Annotations/x.xml", ""},
                           {"b", "images/x.jpg", "Annotations/x.xml", ""},
                           {"c", "images/x.png", "annotations/x.xml", ""},
                           {"d", "x.jpg", "annotations/x.xml", ""},
                           {"e", "x.jpg", "x.xml", ""},
                           {"f", "train/x.jpg", "train/x.xml", "train"},
                           {"g", "valid/x.jpg", "valid/x.xml", "val"},
                           {"h", "train/images/x.jpg", "train/annotations/x.xml", "train"},
                           {"i", "train/JPEGImages/x.jpg", "train/Annotations/x.xml", "train"}}) {
    CAPTURE(root);
    write_plain_image(folder.path / root / image, 100, 80);
    write_annotation(folder.path / root / annotation, "", " cat\n");
    const auto dataset =
        open_dataset((folder.path / root).string() + (split.empty() ? "" : ":" + split));
    REQUIRE(dataset.images.size() == 1);
    CHECK(dataset.categories.at(0).name == "cat");
    CHECK(dataset.images[0].objects.at(0).box.x1 == 10);
  }
}

TEST_CASE("without a split, a VOC folder yields trainval, else train, and says so") {
  const TemporaryFolder folder;
  for (const std::string name : {"a", "b"}) {
    write_plain_image(folder.path / "JPEGImages" / (name + ".jpg"), 100, 80);
    write_annotation(folder.path / "Annotations" / (name + ".xml"));
  }
  CHECK(images_of(folder.path.string()) == "a.jpg b.jpg");
  write(folder.path / "ImageSets/Main/train.txt", "a\n");
  CHECK(images_of(folder.path.string()) == "a.jpg");
  write(folder.path / "ImageSets/Main/trainval.txt", "b\n");
  const auto dataset = open_dataset(folder.path.string());
  CHECK(dataset.images.at(0).path.filename() == "b.jpg");
  CHECK_THAT(dataset.notes.at(0), ContainsSubstring("no split is named: "));
}
