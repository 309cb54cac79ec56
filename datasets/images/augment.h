#pragma once

#include <array>
#include <random>

#include "lanner/datasets/images/augment_options.h"
#include "lanner/datasets/options.h"
#include "lanner/datasets/sample.h"
#include "lanner/ops/api.h"

namespace lanner::datasets {

LANNER_API void flip_horizontally(Sample& sample);
void flip_vertically(Sample& sample);
LANNER_API void jitter_colors(Sample& sample, double amount, std::mt19937_64& random);

// Clips boxes to the image. Drops boxes of which less than a quarter of the area is left, or which
// are less than one pixel wide or high.
void clip_boxes(Sample& sample);

// Random crop of SSD (arXiv 1512.02325, 2.2). Each side is 0.3 to 1 times that of the image, and
// the ratio of these factors is between 1:2 and 2:1. The IoU of the crop with some box must be at
// least a minimum drawn from 0, .1, .3, .5, .7 and .9; a seventh choice keeps the full image. Boxes
// whose center is outside the crop are dropped. The sample is unchanged if 40 attempts fail.
// Without boxes, any crop is accepted.
void crop_by_iou(Sample& sample, std::mt19937_64& random);

// Resizes by `scale`, then crops a square of `side` pixels that contains all of a random object. An
// object longer than 0.8 * side is scaled down to fit. Without objects, the crop is placed at
// random. Where the image is smaller than `side`, so is the crop.
void crop_around_object(Sample& sample, int side, double scale, Interpolation interpolation,
                        std::mt19937_64& random);

// The same wherever the objects are.
void crop_at_random(Sample& sample, int side, double scale, Interpolation interpolation,
                    std::mt19937_64& random);

// Fills a random rectangle of 2 to 20 % of the image with the mean color of ImageNet (cutout, arXiv
// 1708.04552). Boxes of which less than a quarter stays visible are dropped.
void cutout(Sample& sample, std::mt19937_64& random);

// Where pixels of an image are in a picture made of several: moved by `map`, and seen inside
// `area`.
struct Tile {
  cv::Matx23d map;
  cv::Rect area;
};

struct Mosaic {
  Sample sample;  // with the id and path of the first image
  std::array<Tile, 4> tiles;
};

// Mosaic of YOLOv4 (arXiv 2004.10934, 3.3): four images around a random point of a canvas of the
// size of the first image, each scaled to cover its quadrant.
LANNER_API Mosaic mosaic(const std::array<Sample, 4>& samples, std::mt19937_64& random);

}  // namespace lanner::datasets
