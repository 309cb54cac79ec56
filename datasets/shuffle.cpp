#include "lanner/datasets/shuffle.h"

#include <algorithm>
#include <numeric>

#include "lanner/datasets/random.h"

namespace lanner::datasets {

std::vector<int64_t> Shuffle::order_of(int64_t pass) const {
  std::vector<int64_t> order(count_);
  std::iota(order.begin(), order.end(), 0);
  auto random = generator(~seed_, pass);
  std::shuffle(order.begin(), order.end(), random);
  if (group_.empty()) return order;
  // What is left of a batch that the pass before began comes first; then whole batches of one
  // group, in the order in which they fill; what is left over last.
  const int64_t begun = pass * count_ % batch_size_;
  const int64_t lead = std::min(count_, begun ? batch_size_ - begun : 0);
  std::vector<int64_t> grouped(order.begin(), order.begin() + lead);
  std::map<char, std::vector<int64_t>> waiting;
  for (int64_t i = lead; i < count_; ++i) {
    auto& own = waiting[group_[order[i]]];
    own.push_back(order[i]);
    if (static_cast<int64_t>(own.size()) < batch_size_) continue;
    grouped.insert(grouped.end(), own.begin(), own.end());
    own.clear();
  }
  for (const auto& [group, left] : waiting) grouped.insert(grouped.end(), left.begin(), left.end());
  return grouped;
}

int64_t Shuffle::operator()(int64_t index) {
  const std::lock_guard lock(mutex_);
  const int64_t pass = index / count_;
  auto& order = orders_[pass];
  if (order.empty()) order = order_of(pass);
  const int64_t item = order[index % count_];
  // Threads are at two passes as a rule; one that lags behind has its order drawn again.
  while (orders_.size() > 2) orders_.erase(orders_.begin());
  return item;
}

}  // namespace lanner::datasets
