#include "lanner/datasets/tracking/assignment.h"

#include <algorithm>
#include <limits>

namespace lanner::datasets {
namespace {

// Shortest augmenting paths with potentials; needs at least as many columns as rows.
std::vector<int> assign_all(const std::vector<std::vector<double>>& costs) {
  const size_t rows = costs.size(), columns = costs[0].size();
  // Row and column 0 are imaginary: row_of[0] is the row that is being assigned.
  std::vector<double> row_potential(rows + 1), column_potential(columns + 1);
  std::vector<size_t> row_of(columns + 1), came_from(columns + 1);
  for (size_t row = 1; row <= rows; ++row) {
    std::vector<double> slack(columns + 1, std::numeric_limits<double>::infinity());
    std::vector<bool> visited(columns + 1);
    size_t column = 0;
    row_of[0] = row;
    while (row_of[column] != 0) {
      visited[column] = true;
      const size_t current = row_of[column];
      size_t next = 0;
      double least = std::numeric_limits<double>::infinity();
      for (size_t j = 1; j <= columns; ++j) {
        if (visited[j]) continue;
        const double reduced =
            costs[current - 1][j - 1] - row_potential[current] - column_potential[j];
        if (reduced < slack[j]) slack[j] = reduced, came_from[j] = column;
        if (slack[j] < least) least = slack[j], next = j;
      }
      for (size_t j = 0; j <= columns; ++j)
        if (visited[j])
          row_potential[row_of[j]] += least, column_potential[j] -= least;
        else
          slack[j] -= least;
      column = next;
    }
    for (; column != 0; column = came_from[column]) row_of[column] = row_of[came_from[column]];
  }
  std::vector<int> result(rows, -1);
  for (size_t j = 1; j <= columns; ++j)
    if (row_of[j] != 0) result[row_of[j] - 1] = static_cast<int>(j) - 1;
  return result;
}

}  // namespace

std::vector<int> assign(const std::vector<std::vector<double>>& costs, double limit) {
  if (costs.empty() || costs[0].empty()) return std::vector<int>(costs.size(), -1);
  const size_t rows = costs.size(), columns = costs[0].size();
  // What is too expensive costs the same whatever it is, so that it does not decide about the rest.
  const double too_much = 1e3 * (std::abs(limit) + 1);
  const bool transposed = rows > columns;
  std::vector<std::vector<double>> limited(transposed ? columns : rows,
                                           std::vector<double>(transposed ? rows : columns));
  for (size_t i = 0; i < rows; ++i)
    for (size_t j = 0; j < columns; ++j)
      (transposed ? limited[j][i] : limited[i][j]) = costs[i][j] > limit ? too_much : costs[i][j];
  auto found = assign_all(limited);
  if (transposed) {
    std::vector<int> by_row(rows, -1);
    for (size_t j = 0; j < columns; ++j)
      if (found[j] >= 0) by_row[found[j]] = static_cast<int>(j);
    found = std::move(by_row);
  }
  for (size_t i = 0; i < rows; ++i)
    if (found[i] >= 0 && costs[i][found[i]] > limit) found[i] = -1;
  return found;
}

}  // namespace lanner::datasets
