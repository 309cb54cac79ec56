#pragma once

#include <array>
#include <random>

#include "lanner/datasets/options.h"
#include "lanner/datasets/sample.h"

namespace lanner::datasets {

// Clips boxes to the image and drops those of which less than a quarter is left, or no pixel.
void clip_boxes(Sample& sample);

// A random part of the image (SSD, arXiv 1512.02325, 2.2): 0.3 to 1 of each side, sides at most
// 1 : 2 of the image's own shape, whose overlap with some box is at least one of 0, .1, .3, .5, .7,
// .9 drawn at random, or the whole image; boxes stay whose centre is within. As it is where
// 40 tries find none. Without boxes, any part.
void crop_by_iou(Sample& sample, std::mt19937_64& random);

// Fills a rectangle of 2 to 20 % of the image with the mean colour of ImageNet (arXiv 1708.04552);
// boxes of which less than a quarter is left are dropped.
void cut_out(Sample& sample, std::mt19937_64& random);

// Four images around a random point of a canvas as large as the first (YOLOv4, arXiv 2004.10934,
// 3.3), each scaled to cover its corner; the identity of the first is kept.
Sample mosaic(const std::array<Sample, 4>& samples, std::mt19937_64& random);

}  // namespace lanner::datasets
