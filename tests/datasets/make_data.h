#pragma once

#include <opencv2/core.hpp>

#include "lanner/datasets/images/image.h"
#include "tests/files.h"

namespace lanner::tests {

// A JPEG of one color.
inline void write_plain_image(const fs::path& file, int width, int height) {
  datasets::write_image(file, cv::Mat(height, width, CV_8UC3, cv::Scalar(40, 120, 200)));
}

inline std::string voc_object(const std::string& name, const std::string& xmin,
                              const std::string& ymin, const std::string& xmax,
                              const std::string& ymax) {
  return "<object><bndbox><ymin>" + ymin + "</ymin><xmin>" + xmin + "</xmin><xmax>" + xmax +
         "</xmax><ymax>" + ymax + "</ymax></bndbox><name>" + name + "</name></object>";
}

// A VOC folder of one 100 x 80 image "a" with these objects, listed as the split "train".
inline void write_voc_folder(const fs::path& root, const std::string& objects) {
  write_plain_image(root / "JPEGImages" / "a.jpg", 100, 80);
  write(root / "Annotations" / "a.xml",
        "<annotation><filename>wrong</filename><size><width>100</width><height>80</height></size>" +
            objects + "</annotation>");
  write(root / "ImageSets" / "Main" / "train.txt", "a\n");
}

inline std::string coco_text(const std::string& annotations,
                             const std::string& categories = R"([{"id": 7, "name": "cat"}])") {
  return R"({"images": [{"id": 3, "file_name": "a.jpg", "width": 100, "height": "80"}], )"
         R"("categories": )" +
         categories + R"(, "annotations": [)" + annotations + "]}";
}

}  // namespace lanner::tests
