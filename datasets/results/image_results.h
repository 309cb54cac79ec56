#pragma once

#include <filesystem>
#include <memory>
#include <opencv2/core/mat.hpp>
#include <optional>
#include <string>
#include <vector>

#include "lanner/datasets/dataset.h"
#include "lanner/ops/api.h"

namespace lanner::datasets {

// A detection as results show it.
struct FoundObject {
  Box box;            // in pixels of the image
  int64_t label = 0;  // 1..C: one more than the index of its category
  double score = 0;   // 0..1
  int64_t track = 0;  // the object's number in a video, from 1; 0: objects are not followed
};

// What was found in an image or in a frame of a video.
struct ImageResults {
  int64_t image_id = 0;            // from 1, over all images and frames
  std::string file_name;           // of the image or video, as results name it
  cv::Mat rgb;                     // CV_8UC3, without drawings
  std::optional<int64_t> frame{};  // number in the video, from 0
  double seconds = 0;              // since the start of the video
  std::vector<FoundObject> objects{};

  // "film_000012" for frame 12 of film.mp4, "a/b" for a/b.jpg.
  LANNER_API std::filesystem::path stem() const;
};

// A file, or a folder of files, that results are written to as they come. Not thread-safe.
class ResultsWriter {
 public:
  virtual ~ResultsWriter() = default;
  virtual void add(const ImageResults& results) = 0;  // throws io_error
  virtual void finish() {}                            // throws io_error
};

using Categories = std::vector<Category>;

// COCO's results format: a list of {image_id, category_id, bbox, score, file_name} and, of videos,
// {frame, seconds}. The file appears when it is finished.
LANNER_API std::unique_ptr<ResultsWriter> coco_results(const std::filesystem::path& file,
                                                       const Categories& categories);

// One JSON object per image, each on a line of its own, written as they come: {file_name, width,
// height, frame, seconds, objects: [{category, category_id, bbox, score, track}]}. "-": to stdout.
LANNER_API std::unique_ptr<ResultsWriter> json_lines(const std::filesystem::path& file,
                                                     const Categories& categories);

// A row per object: file_name, frame, seconds, category, score, x1, y1, x2, y2, track. "-": to
// stdout.
LANNER_API std::unique_ptr<ResultsWriter> csv_results(const std::filesystem::path& file,
                                                      const Categories& categories);

// Labels that labelling tools open, in `folder`: "coco": annotations.json; "voc": a .xml file per
// image; "yolo": a .txt file per image, and classes.txt. Frames of videos are written beside them
// as .jpg.
LANNER_API std::unique_ptr<ResultsWriter> labels(const std::string& format,
                                                 const std::filesystem::path& folder,
                                                 const Categories& categories);

// Draws objects with their class, score and, if they are followed, number. rgb: CV_8UC3.
LANNER_API void draw(cv::Mat& rgb, const std::vector<FoundObject>& objects,
                     const Categories& categories);

// Each object as a .jpg in the folder of its category.
LANNER_API std::unique_ptr<ResultsWriter> crops(const std::filesystem::path& folder,
                                                const Categories& categories);

}  // namespace lanner::datasets
