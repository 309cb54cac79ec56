#include "lanner/detectors/inference/sources.h"

#include <glob.h>

#include <map>

#include "lanner/datasets/error.h"
#include "lanner/datasets/images/image_files.h"
#include "lanner/datasets/reading/text_lines.h"
#include "lanner/datasets/videos/video_reader.h"

namespace lanner::detectors {
namespace fs = std::filesystem;
namespace {

// Escapes the leading folders that exist, so that the brackets of "[2024] photos" are not taken for
// a set of characters.
std::string with_literal_folders(const fs::path& pattern) {
  fs::path literal, result;
  bool is_literal = true;
  for (const auto& part : pattern) {
    is_literal = is_literal && fs::exists(literal / part);
    std::string text = part.string();
    if (is_literal) {
      literal /= part;
      for (size_t i = 0; (i = text.find_first_of("*?[\\", i)) != std::string::npos; i += 2)
        text.insert(i, 1, '\\');
    }
    result /= text;
  }
  return result.string();
}

std::vector<std::string> expand_pattern(const std::string& pattern) {
  glob_t matches{};
  std::vector<std::string> files;
  if (glob(with_literal_folders(pattern).c_str(), 0, nullptr, &matches) == 0)
    files.assign(matches.gl_pathv, matches.gl_pathv + matches.gl_pathc);
  globfree(&matches);
  if (files.empty()) throw missing_file(pattern + ": matches no file");
  return files;
}

// What a word of the command line stands for: itself, the files that match it, or the lines of a
// list, which are relative to its folder.
std::vector<std::string> expand(const std::string& word) {
  const bool exists = fs::exists(word);
  if (exists && fs::path(word).extension() == ".txt" && fs::is_regular_file(word)) {
    std::vector<std::string> lines;
    for (const auto& line : datasets::text_lines(word))
      lines.push_back(datasets::is_address(line) ? line
                                                 : (fs::path(word).parent_path() / line).string());
    if (lines.empty()) throw bad_data(word + ": the list is empty");
    return lines;
  }
  if (exists || datasets::is_address(word) || word.find_first_of("*?[") == std::string::npos)
    return {word};
  return expand_pattern(word);
}

void add_source(std::vector<Source>& sources, const std::string& input, int& streams) {
  if (datasets::is_video(input)) {
    auto output = fs::is_regular_file(input) ? fs::path(input).filename()
                                             : fs::path("stream" + std::to_string(++streams));
    sources.push_back({input, output.replace_extension(".mp4"), true});
    return;
  }
  for (const auto& file : datasets::list_images(input)) {
    auto output = fs::is_directory(input) ? file.lexically_relative(input) : file.filename();
    if (!datasets::can_write_image(output)) output += ".jpg";
    sources.push_back({file.string(), output, false});
  }
}

void check_outputs(const std::vector<Source>& sources, const DetectOptions& options) {
  std::map<fs::path, std::string> outputs;
  for (const auto& [input, output, is_video] : sources) {
    std::vector<fs::path> files{output};
    if (options.show_offsets && !is_video) files.push_back(kOffsetsFolder / output);
    if (options.show_sampling && !is_video) files.push_back(kSamplingFolder / output);
    for (const auto& file : files) {
      std::error_code ignored;
      if (fs::equivalent(options.out / file, input, ignored))
        throw usage_error("out: " + options.out.string() + " would write over " + input);
      if (const auto [other, added] = outputs.emplace(file, input); !added)
        throw usage_error("source: " + other->second + " and " + input +
                          " would both be written as " + (options.out / file).string());
    }
  }
}

}  // namespace

std::vector<Source> list_sources(const DetectOptions& options) {
  std::vector<Source> sources;
  int streams = 0;
  for (const auto& word : options.source)
    for (const auto& input : expand(word)) add_source(sources, input, streams);
  check_outputs(sources, options);
  return sources;
}

}  // namespace lanner::detectors
