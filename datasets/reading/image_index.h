#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace lanner::datasets {

// Finds the image files that annotations name. Each folder is listed once.
class ImageIndex {
 public:
  // `folders` are searched in this order; those that do not exist are left out.
  explicit ImageIndex(std::vector<std::filesystem::path> folders);

  // The image called `name`, which may be in a subfolder, in the first folder that has one.
  std::optional<std::filesystem::path> find(const std::string& name) const;
  // The image called `name` and any image extension.
  std::optional<std::filesystem::path> find_stem(const std::string& name);

  const std::vector<std::filesystem::path>& folders() const { return folders_; }

 private:
  using Stems = std::unordered_map<std::string, std::filesystem::path>;
  const Stems& stems_in(const std::filesystem::path& folder);

  std::vector<std::filesystem::path> folders_;
  std::map<std::filesystem::path, Stems> stems_;
};

}  // namespace lanner::datasets
