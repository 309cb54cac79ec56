#include "lanner/datasets/loading/shuffle.h"

#include <algorithm>
#include <numeric>

#include "lanner/datasets/loading/random.h"

namespace lanner::datasets {

std::vector<int64_t> Shuffle::order_of(int64_t pass) const {
  std::vector<int64_t> order(count_);
  std::iota(order.begin(), order.end(), 0);
  auto random = generator(~seed_, pass);
  std::shuffle(order.begin(), order.end(), random);
  if (group_.empty()) return order;
  // The first items complete the last batch of the previous pass. Full batches of one group follow,
  // in the order in which they become full, and then the remaining items.
  const int64_t previous = pass * count_ % batch_size_;
  const int64_t lead = std::min(count_, previous ? batch_size_ - previous : 0);
  std::vector<int64_t> grouped(order.begin(), order.begin() + lead);
  std::map<char, std::vector<int64_t>> partial_batches;
  for (int64_t i = lead; i < count_; ++i) {
    auto& batch = partial_batches[group_[order[i]]];
    batch.push_back(order[i]);
    if (static_cast<int64_t>(batch.size()) < batch_size_) continue;
    grouped.insert(grouped.end(), batch.begin(), batch.end());
    batch.clear();
  }
  for (const auto& [group, items] : partial_batches)
    grouped.insert(grouped.end(), items.begin(), items.end());
  return grouped;
}

int64_t Shuffle::operator()(int64_t index) {
  const std::lock_guard lock(mutex_);
  const int64_t pass = index / count_;
  auto& order = orders_[pass];
  if (order.empty()) order = order_of(pass);
  const int64_t item = order[index % count_];
  // Threads usually need two passes at a time. For one that lags behind, the order is computed
  // again.
  while (orders_.size() > 2) orders_.erase(orders_.begin());
  return item;
}

}  // namespace lanner::datasets
