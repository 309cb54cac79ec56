// Files that are damaged in a thousand ways are read or refused with file and field, never worse.
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <random>

#include "lanner/datasets/coco.h"
#include "lanner/datasets/error.h"
#include "lanner/datasets/image.h"
#include "tests/catch.h"
#include "tests/datasets/make_data.h"

using namespace lanner;
using namespace lanner::datasets;
using namespace lanner::tests;

namespace {

// One to three times: other bytes, some gone, some twice, another token, or the end cut off.
std::string mutated(std::string text, std::mt19937_64& random,
                    const std::vector<std::string>& tokens) {
  const auto below = [&](size_t n) {
    return std::uniform_int_distribution<size_t>(0, n - 1)(random);
  };
  for (size_t times = 1 + below(3); times > 0 && !text.empty(); --times) {
    const size_t at = below(text.size()),
                 length = 1 + below(std::min<size_t>(20, text.size() - at));
    switch (below(5)) {
      case 0:
        text[at] = static_cast<char>(below(256));
        break;
      case 1:
        text.erase(at, length);
        break;
      case 2:
        text.insert(at, text.substr(at, length));
        break;
      case 3:
        text.replace(at, length, tokens[below(tokens.size())]);
        break;
      default:
        if (below(4) == 0) text.resize(at);
    }
  }
  return text;
}

// A refusal names the file, and then a field.
void check_names(const std::string& message, const std::string& file) {
  INFO(message);
  const auto at = message.find(file);
  REQUIRE(at != std::string::npos);
  const std::string rest = message.substr(at + file.size());
  REQUIRE(rest.starts_with(": "));
  CHECK(rest.find(": ", 2) != std::string::npos);
}

void check_reads_or_refuses(const std::string& data, const std::string& file, int& refused) {
  Faults faults;
  try {
    read_dataset(data, {}, nullptr, faults);
  } catch (const Error& error) {
    ++refused;
    check_names(error.what(), file);
  }
  bool any = false;
  for (const auto& fault : faults) {
    any |= fault.action == Fault::Action::refuse;
    CHECK_FALSE(fault.field.empty());
    CHECK_FALSE(fault.message.empty());
  }
  refused += any;
}

}  // namespace

TEST_CASE("2,000 damaged COCO files are read or refused with file and field") {
  const TemporaryFolder folder;
  write_plain_image(folder.path / "a.jpg", 100, 80);
  const auto file = (folder.path / "gt.json").string();
  const auto whole = coco_text(
      R"({"id": 1, "image_id": 3, "category_id": 7, "bbox": [1, 2.5, 3e1, 4], "iscrowd": 0,
          "area": 7.25, "segmentation": [[1, 2, 3, 4, 5, 6]]},
         {"id": 2, "image_id": 3, "category_id": 7, "bbox": ["1", 2, 30, 40]})");
  std::mt19937_64 random(1);
  int refused = 0;
  for (int i = 0; i < 2000; ++i) {
    write(file, mutated(whole, random,
                        {"null", "-1", "1e999", "9223372036854775808", "[", "}", "\"", "\\u0000",
                         "true", "{}", "[[]]", "\xff\xfe", "NaN", "\"../../x\""}));
    check_reads_or_refuses(file, file, refused);
  }
  CHECK(refused > 1000);
}

TEST_CASE("1,000 damaged VOC files are read or refused with file and field") {
  const TemporaryFolder folder;
  write_voc_folder(folder.path, voc_object("cat", "1", "1", "9", "9") +
                                    voc_object("dog", "5.5", "5", "50", "60"));
  const auto file = folder.path / "Annotations/a.xml";
  const auto whole = read(file);
  std::mt19937_64 random(2);
  int refused = 0;
  for (int i = 0; i < 1000; ++i) {
    write(file, mutated(whole, random,
                        {"<", ">", "</", "&amp;", "&x;", "nan", "inf", "-5", "1e400", "<object>",
                         "</bndbox>", "<![CDATA[", "<!--", std::string(1, '\0')}));
    check_reads_or_refuses(folder.path.string() + ":train", file.string(), refused);
  }
  CHECK(refused > 300);
}

TEST_CASE("2,000 damaged images are decoded or refused with file and field") {
  const TemporaryFolder folder;
  cv::Mat noise(48, 64, CV_8UC3);
  cv::randu(noise, 0, 256);
  int refused = 0;
  std::mt19937_64 random(3);
  for (const std::string extension : {".jpg", ".png", ".bmp", ".webp", ".tif"}) {
    std::vector<unsigned char> bytes;
    cv::imencode(extension, noise, bytes);
    const std::string whole(bytes.begin(), bytes.end());
    const auto file = folder.path / ("a" + extension);
    for (int i = 0; i < 400; ++i) {
      write(file,
            mutated(whole, random,
                    {std::string(8, '\xff'), std::string(4, '\0'), "\xff\xd9", "IEND", "\x7f"}));
      try {
        const auto image = read_image(file);
        CHECK(image.rgb.type() == CV_8UC3);
        CHECK_FALSE(image.rgb.empty());
      } catch (const Error& error) {
        ++refused;
        check_names(error.what(), file.string());
      }
    }
  }
  CHECK(refused > 500);
}
