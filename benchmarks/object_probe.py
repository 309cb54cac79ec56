"""Measures how well a backbone's features tell classes of objects apart, without a detector.

    object_probe.py VOC WEIGHTS.. [--labels 20] [--seeds 1,2,3,4,5] [--min-size 240]

Reads the features of each stage at the centers of objects and at ten background points per image.
The backbone runs on full images, as in a detector, with batch norm on the image's own statistics. A
linear classifier is trained on a random subset of the training images, the same as in
label_efficiency.py. Prints the average precision per class on the val split, in percent: mean and
standard deviation over the seeds. WEIGHTS: a file of `lanner pretrain`, or "random".
"""

import argparse
import pathlib
import random
import xml.etree.ElementTree as ET

import numpy
import torch
import torchvision
from lanner.torchvision import resnet_state_dict
from runs import spread
from torch import nn
from torchvision.transforms import functional

BACKGROUND_POINTS = 10  # per image
MIN_DISTANCE = 22  # pixels between a background point and any object's center
WEIGHT_DECAY = 0.1

parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("voc", type=pathlib.Path)
parser.add_argument("weights", nargs="+")
parser.add_argument("--labels", type=int, default=20)
parser.add_argument("--seeds", default="1,2,3,4,5")
parser.add_argument("--min-size", type=int, default=240, help="short side of images, pixels")
arguments = parser.parse_args()


def names(split: str) -> list[str]:
    return (arguments.voc / f"ImageSets/Main/{split}.txt").read_text().split()


def objects(name: str) -> tuple[list[str], numpy.ndarray]:
    """The classes of an image's objects, and their centers in pixels, [N, 2]."""
    tree = ET.parse(arguments.voc / f"Annotations/{name}.xml")
    classes = [item.findtext("name") for item in tree.iter("object")]
    boxes = [[float(box.findtext(side)) for side in ("xmin", "ymin", "xmax", "ymax")]
             for box in tree.iter("bndbox")]  # fmt: skip
    boxes = numpy.reshape(boxes, (-1, 4))
    return classes, (boxes[:, :2] + boxes[:, 2:]) / 2


class Image:
    """An image and labeled points in it: the centers of objects, then background points."""

    def __init__(self, name: str):
        image = torchvision.io.decode_image(str(arguments.voc / f"JPEGImages/{name}.jpg"), "RGB")
        original_size = numpy.array([image.shape[2], image.shape[1]])
        image = functional.resize(image, arguments.min_size) / 255
        size = numpy.array([image.shape[2], image.shape[1]])
        self.pixels = functional.normalize(image, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
        self.classes, centers = objects(name)
        points = list(centers * size / original_size)
        candidates = numpy.random.RandomState(0).uniform(16, size - 16, (200, 2))
        background = [
            p for p in candidates if all(numpy.linalg.norm(p - q) > MIN_DISTANCE for q in points)
        ]
        points += background[:BACKGROUND_POINTS]
        self.classes += ["background"] * (len(points) - len(centers))
        self.points = torch.tensor(numpy.array(points) / size * 2 - 1, dtype=torch.float32)


class ImageBatchNorm(nn.BatchNorm2d):
    """Batch norm that always uses the statistics of its input."""

    def forward(self, x):
        return nn.functional.batch_norm(x, None, None, self.weight, self.bias, True)


def backbone(weights: str) -> nn.Module:
    torch.manual_seed(0)
    resnet = torchvision.models.resnet18(norm_layer=ImageBatchNorm)
    if weights != "random":
        resnet.load_state_dict(resnet_state_dict(weights), strict=False)
    return resnet


@torch.no_grad()
def features(resnet: nn.Module, image: Image) -> list[torch.Tensor]:
    """The features of each stage at the image's points, [N, C]."""
    x = resnet.maxpool(resnet.relu(resnet.bn1(resnet.conv1(image.pixels[None]))))
    result = []
    for stage in (resnet.layer1, resnet.layer2, resnet.layer3):
        x = stage(x)
        sampled = nn.functional.grid_sample(x, image.points[None, :, None], align_corners=False)
        result.append(sampled[0, :, :, 0].T)
    return result


def scores(x, labels, test_x, classes: int) -> torch.Tensor:
    """Trains a linear classifier on x, [N, C]; returns its scores of test_x, [M, classes]."""
    mean = x.mean(0)
    scale = (x - mean).pow(2).mean().sqrt()
    weight = torch.zeros(x.shape[1], classes, requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=100, line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        logits = (x - mean) / scale @ weight + bias
        value = nn.functional.cross_entropy(logits, labels) + WEIGHT_DECAY * weight.pow(2).sum()
        value.backward()
        return value

    optimizer.step(loss)
    return torch.softmax((test_x - mean) / scale @ weight + bias, 1).detach()


def average_precision(score, positive) -> float:
    hit = positive[score.argsort(descending=True)].float()
    precision = hit.cumsum(0) / torch.arange(1, len(hit) + 1)
    return float(100 * (precision * hit).sum() / hit.sum())


train = {name: Image(name) for name in names("train")}
val = [Image(name) for name in names("val")]
classes = sorted({c for image in [*train.values(), *val] for c in image.classes})


def concatenated(images, image_features, stage: int):
    """Features [N, C] and labels [N] of all points in the images."""
    labels = torch.tensor([classes.index(c) for image in images for c in image.classes])
    return torch.cat([image_features[image][stage] for image in images]), labels


for weights in arguments.weights:
    resnet = backbone(weights)
    image_features = {image: features(resnet, image) for image in [*train.values(), *val]}
    for stage in range(3):
        test_x, test_labels = concatenated(val, image_features, stage)
        precisions = {name: [] for name in classes}
        for seed in arguments.seeds.split(","):
            sampled = random.Random(f"{seed} labels").sample(list(train), arguments.labels)
            images = [train[name] for name in sorted(sampled)]
            x, labels = concatenated(images, image_features, stage)
            score = scores(x, labels, test_x, len(classes))
            for k, name in enumerate(classes):
                precisions[name].append(average_precision(score[:, k], test_labels == k))
        texts = [f"{name} {spread(values)}" for name, values in precisions.items()]
        print(f"{weights} stage {stage + 1}: {', '.join(texts)}", flush=True)
