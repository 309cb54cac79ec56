#include "lanner/datasets/reports/html.h"

#include <cmath>
#include <opencv2/core.hpp>
#include <regex>

#include "lanner/datasets/reports/evaluation_html.h"
#include "tests/catch.h"
#include "tests/datasets/make_data.h"

using namespace lanner::datasets;
using namespace lanner::tests;

namespace {

// A page must not refer to other files.
void check_self_contained(const std::string& html) {
  CHECK_FALSE(std::regex_search(html, std::regex("(src|href)=\"(?!data:)")));
  CHECK_THAT(html, !ContainsSubstring("http"));
}

}  // namespace

TEST_CASE("line_chart draws finite points only and reduces long series") {
  Series series{"a < b", {}};
  for (int i = 0; i < 10'000; ++i) series.points.emplace_back(i, i == 5000 ? NAN : 1. / (i + 1));
  const auto svg = line_chart({"T & U", "step", "loss", {series}});
  CHECK_THAT(svg, ContainsSubstring("T &amp; U") && ContainsSubstring("a &lt; b"));
  CHECK_THAT(svg, !ContainsSubstring("nan"));
  CHECK(svg.size() < 20'000);
  CHECK(line_chart({"", "", "", {}}).empty());
  CHECK_THAT(line_chart({"", "", "", {{"one", {{3, 7}}}}}), ContainsSubstring("<circle"));
  check_self_contained(html_page("page", svg));
}

TEST_CASE("html_image embeds images in base64") {
  CHECK_THAT(
      html_image(cv::Mat(9, 9, CV_8UC3, cv::Scalar::all(7)), "a\"b"),
      ContainsSubstring("src=\"data:image/jpeg;base64,/9j/") && ContainsSubstring("a&quot;b"));
}

TEST_CASE("evaluation_html shows classes, errors and the images with errors") {
  const TemporaryFolder folder;
  write_voc_folder(folder.path, voc_object("<cat>", "1", "1", "41", "41") +
                                    voc_object("dog", "51", "11", "91", "71"));
  const auto xml = folder.path / "Annotations/a.xml";
  auto text = read(xml);
  write(xml, std::regex_replace(text, std::regex("<name><cat></name>"), "<name>cat</name>"));
  const auto dataset = open_dataset(folder.path.string() + ":train");
  const auto html = evaluation_html(dataset, {{1, 1, {0, 0, 40, 40}, 0.9}});
  CHECK_THAT(html, ContainsSubstring("<td>cat</td><td>1</td><td>100.0</td>"));
  CHECK_THAT(html, ContainsSubstring("a.jpg: 1 missed, 0 wrong"));
  check_self_contained(html);
  CHECK_FALSE(evaluation_html(dataset, {}).empty());
  CHECK_THAT(evaluation_html(dataset, {{1, 1, {0, 0, 40, 40}, 0.9}}, 0.75),
             ContainsSubstring("Precision at IoU 0.75"));
}

TEST_CASE("evaluation_html matches each detection with the object of the highest IoU") {
  const TemporaryFolder folder;
  write_plain_image(folder.path / "a.jpg", 100, 80);
  const Object left{{0, 0, 40, 40}, 1, 1600, false, false};
  const Object right{{10, 0, 50, 40}, 1, 1600, false, false};  // IoU 0.6 with the left one
  // The first detection overlaps both objects, the second the right one alone.
  const std::vector<CocoDetection> detections{{1, 1, {0, 0, 40, 40}, 0.9},
                                              {1, 1, {20, 0, 40, 40}, 0.8}};
  for (const auto& objects : {std::vector{left, right}, std::vector{right, left}}) {
    const Dataset dataset{{{1, "cat"}}, {{1, folder.path / "a.jpg", 100, 80, objects}}};
    CHECK(evaluation_html(dataset, detections).find(" wrong") == std::string::npos);
  }
}
