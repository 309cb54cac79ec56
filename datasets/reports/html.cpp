#include "lanner/datasets/reports/html.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <sstream>

namespace lanner::datasets {
namespace {

constexpr int kWidth = 520, kHeight = 280, kLeft = 56, kRight = 12, kTop = 28, kBottom = 40;
// When all colors are used, further lines are dashed.
constexpr std::array kColors{"#2563eb", "#dc2626", "#16a34a", "#9333ea",
                             "#ea580c", "#0891b2", "#ca8a04", "#be185d"};

constexpr const char* kStyle = R"(
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2937; max-width: 1120px; margin: 2em auto;
       padding: 0 1em; }
h1 { font-size: 1.6em; } h2 { font-size: 1.2em; margin-top: 2em; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
td, th { padding: .2em .8em; border-bottom: 1px solid #e5e7eb; text-align: right; }
td:first-child, th:first-child { text-align: left; }
figure { display: inline-block; margin: .4em; vertical-align: top; }
figcaption { font-size: .85em; color: #4b5563; }
pre { background: #f3f4f6; padding: 1em; overflow-x: auto; }
)";

std::string base64(const std::vector<unsigned char>& bytes) {
  constexpr const char* kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    unsigned word = 0;
    for (size_t k = 0; k < 3; ++k) word = word << 8 | (i + k < bytes.size() ? bytes[i + k] : 0);
    for (size_t k = 0; k < 4; ++k)
      text += i + k > bytes.size() ? '=' : kDigits[word >> (18 - 6 * k) & 63];
  }
  return text;
}

struct Range {
  double low = 1e300, high = -1e300;
  void add(double value) { low = std::min(low, value), high = std::max(high, value); }
};

// Distance of axis ticks: 1, 2 or 5 times a power of ten, for about five ticks.
double tick_step(const Range& range) {
  const double raw = (range.high - range.low) / 5,
               power = std::pow(10, std::floor(std::log10(raw)));
  for (const double factor : {1., 2., 5.})
    if (raw <= factor * power) return factor * power;
  return 10 * power;
}

std::string number(double value) {
  std::ostringstream text;
  text.precision(4);
  text << (std::abs(value) < 1e-12 ? 0 : value);
  return text.str();
}

// About 300 finite points, including the first and the last.
std::vector<std::pair<double, double>> thinned(const Series& series) {
  std::vector<std::pair<double, double>> finite, result;
  for (const auto& point : series.points)
    if (std::isfinite(point.first) && std::isfinite(point.second)) finite.push_back(point);
  const size_t step = finite.size() / 300 + 1;
  for (size_t i = 0; i < finite.size(); i += step) result.push_back(finite[i]);
  if (!finite.empty() && result.back() != finite.back()) result.push_back(finite.back());
  return result;
}

}  // namespace

std::string escape_html(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else
      out += c;
  }
  return out;
}

std::string line_chart(const Chart& chart) {
  Range x, y;
  if (chart.from_zero) y.add(0);
  std::vector<std::vector<std::pair<double, double>>> lines;
  for (const auto& series : chart.series) {
    lines.push_back(thinned(series));
    for (const auto& [a, b] : lines.back()) x.add(a), y.add(b);
  }
  if (x.low > x.high) return "";
  if (x.high == x.low) x.high = x.low + 1;
  if (y.high == y.low) y.high = y.low + 1;
  const auto at_x = [&](double v) {
    return kLeft + (v - x.low) / (x.high - x.low) * (kWidth - kLeft - kRight);
  };
  const auto at_y = [&](double v) {
    return kHeight - kBottom - (v - y.low) / (y.high - y.low) * (kHeight - kTop - kBottom);
  };
  std::ostringstream svg;
  svg.precision(5);
  const auto text = [&](double px, double py, const char* anchor, const std::string& words) {
    svg << "<text x=\"" << px << "\" y=\"" << py << "\" text-anchor=\"" << anchor << "\">"
        << escape_html(words) << "</text>\n";
  };
  svg << "<figure><svg width=\"" << kWidth << "\" height=\"" << kHeight
      << "\" font-family=\"system-ui, sans-serif\" font-size=\"11\" fill=\"#374151\">\n";
  svg << "<g font-weight=\"bold\">";
  text(kLeft, 14, "start", chart.title);
  svg << "</g>";
  for (double v = std::ceil(y.low / tick_step(y)) * tick_step(y); v <= y.high + 1e-9 * tick_step(y);
       v += tick_step(y)) {
    svg << "<line x1=\"" << kLeft << "\" x2=\"" << kWidth - kRight << "\" y1=\"" << at_y(v)
        << "\" y2=\"" << at_y(v) << "\" stroke=\"#e5e7eb\"/>\n";
    text(kLeft - 6, at_y(v) + 4, "end", number(v));
  }
  for (double v = std::ceil(x.low / tick_step(x)) * tick_step(x); v <= x.high + 1e-9 * tick_step(x);
       v += tick_step(x))
    text(at_x(v), kHeight - kBottom + 16, "middle", number(v));
  text((kLeft + kWidth - kRight) / 2., kHeight - 6, "middle", chart.x);
  for (size_t i = 0; i < lines.size(); ++i) {
    const char* color = kColors[i % kColors.size()];
    svg << "<polyline fill=\"none\" stroke-width=\"1.5\" stroke=\"" << color
        << (i < kColors.size() ? "\"" : "\" stroke-dasharray=\"4 3\"") << " points=\"";
    for (const auto& [a, b] : lines[i]) svg << at_x(a) << "," << at_y(b) << " ";
    svg << "\"/>\n";
    if (lines[i].size() == 1)
      svg << "<circle r=\"3\" fill=\"" << color << "\" cx=\"" << at_x(lines[i][0].first)
          << "\" cy=\"" << at_y(lines[i][0].second) << "\"/>\n";
  }
  svg << "</svg><figcaption>" << escape_html(chart.y);
  for (size_t i = 0; i < lines.size(); ++i)
    svg << " <span style=\"color:" << kColors[i % kColors.size()]
        << (i < kColors.size() ? "\">&#9644; " : "\">- - ") << escape_html(chart.series[i].name)
        << "</span>";
  svg << "</figcaption></figure>\n";
  return svg.str();
}

std::string html_table(const std::vector<std::string>& heads,
                       const std::vector<std::vector<std::string>>& rows) {
  std::string text = "<table><tr>";
  for (const auto& head : heads) text += "<th>" + escape_html(head) + "</th>";
  text += "</tr>\n";
  for (const auto& row : rows) {
    text += "<tr>";
    for (const auto& cell : row) text += "<td>" + escape_html(cell) + "</td>";
    text += "</tr>\n";
  }
  return text + "</table>\n";
}

std::string html_image(const cv::Mat& rgb, const std::string& caption, int side) {
  cv::Mat small = rgb, bgr;
  if (const double scale = double(side) / std::max(rgb.cols, rgb.rows); scale < 1)
    cv::resize(rgb, small, {}, scale, scale, cv::INTER_AREA);
  cv::cvtColor(small, bgr, cv::COLOR_RGB2BGR);
  std::vector<unsigned char> bytes;
  cv::imencode(".jpg", bgr, bytes, {cv::IMWRITE_JPEG_QUALITY, 85});
  return "<figure><img src=\"data:image/jpeg;base64," + base64(bytes) + "\" width=\"" +
         std::to_string(small.cols) + "\" alt=\"" + escape_html(caption) + "\"><figcaption>" +
         escape_html(caption) + "</figcaption></figure>\n";
}

std::string html_page(const std::string& title, const std::string& body) {
  return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" +
         escape_html(title) + "</title><style>" + kStyle + "</style></head><body>\n<h1>" +
         escape_html(title) + "</h1>\n" + body + "</body></html>\n";
}

}  // namespace lanner::datasets
