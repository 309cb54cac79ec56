// plain WEIGHTS IMAGE: prints what a detector finds, without a word of LibTorch.
#include <iostream>

#include <lanner/datasets/images/image.h>
#include <lanner/object_detector.h>

int main(int count, char** words) try {
  if (count != 3) throw lanner::usage_error("usage: plain WEIGHTS IMAGE");
  const lanner::ObjectDetector detector(words[1]);
  const auto image = lanner::datasets::read_image(words[2]).rgb;  // or cv::imread, which gives bgr
  for (const auto& box : detector.detect(image, lanner::PixelOrder::rgb))
    std::cout << box.name << " " << box.score << ": " << box.x1 << ", " << box.y1 << ", " << box.x2
              << ", " << box.y2 << "\n";
} catch (const lanner::Error& error) {
  std::cerr << "error: " << error.what() << "\n";
  return static_cast<int>(error.code);
}
