#pragma once

#include <opencv2/core/mat.hpp>
#include <string>
#include <utility>
#include <vector>

#include "lanner/ops/api.h"

// Parts of self-contained HTML pages: charts are inline SVG, and images are embedded.
namespace lanner::datasets {

LANNER_API std::string escape_html(const std::string& text);

struct Series {
  std::string name;
  std::vector<std::pair<double, double>> points;  // by increasing x
};

struct Chart {
  std::string title, x, y;     // title and axis labels
  std::vector<Series> series;  // one color each
  bool from_zero = true;       // include 0 in the y axis
};

// Draws one line per series, reduced to about 300 points. Points that are not finite are left out.
// Returns an empty string if there are no points.
LANNER_API std::string line_chart(const Chart& chart);

LANNER_API std::string html_table(const std::vector<std::string>& heads,
                                  const std::vector<std::vector<std::string>>& rows);

// An embedded JPEG whose long side is at most `side` pixels.
LANNER_API std::string html_image(const cv::Mat& rgb, const std::string& caption, int side = 480);

LANNER_API std::string html_page(const std::string& title, const std::string& body);

}  // namespace lanner::datasets
