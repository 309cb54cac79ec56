#pragma once

#include <opencv2/core/mat.hpp>
#include <string>
#include <utility>
#include <vector>

// Pieces of pages that need nothing from outside: charts are SVG, pictures are within the page.
namespace lanner::datasets {

std::string escape_html(const std::string& text);

struct Series {
  std::string name;
  std::vector<std::pair<double, double>> points;  // x rises
};

struct Chart {
  std::string title, x, y;     // labels
  std::vector<Series> series;  // a colour each
  bool from_zero = true;       // the y axis
};

// A line a series, thinned to what can be seen. Points that are not finite are left out.
std::string line_chart(const Chart& chart);

std::string html_table(const std::vector<std::string>& heads,
                       const std::vector<std::vector<std::string>>& rows);

// A JPEG within the page, its long side at most `side` pixels.
std::string html_image(const cv::Mat& rgb, const std::string& caption, int side = 480);

std::string html_page(const std::string& title, const std::string& body);

}  // namespace lanner::datasets
