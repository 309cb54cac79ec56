// example WEIGHTS IMAGE OUT: draws what a detector finds in an image.
#include <iostream>

#include <lanner/lanner.h>

int main(int count, char** words) try {
  if (count != 4) throw lanner::usage_error("usage: example WEIGHTS IMAGE OUT");
  auto detector = lanner::detectors::load_detector(words[1]);
  auto image = lanner::datasets::read_image(words[2]).rgb;
  const auto found = lanner::detectors::detect_image(detector, image);
  lanner::detectors::draw(image, found, detector->options.categories, 0.5);
  lanner::datasets::write_image(words[3], image);
  std::cout << found.boxes.size(0) << " detections\n";
} catch (const lanner::Error& error) {
  std::cerr << "error: " << error.what() << "\n";
  return static_cast<int>(error.code);
}
