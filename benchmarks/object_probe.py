"""What a backbone tells of objects, before a detector is trained on it:
object_probe.py VOC WEIGHTS.. [--labels 20] [--seeds 1,2,3,4,5] [--min-size 240]

At the centres of objects, and at ten places an image that are far from any, the features of each
stage are read from whole images, as a detector computes them: batch norms of fresh statistics. A
linear classifier learns from so many training images, which the seed picks as label_efficiency.py
does; printed is the average precision of each class on the val split, per cent, mean and standard
deviation over the seeds. WEIGHTS: what `lanner pretrain` wrote, or "random".
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

BACKGROUND, FAR, DECAY = 10, 22, 0.1  # places an image, pixels, of the classifier's weights

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
    """Classes, and centres in pixels, [N, 2]."""
    tree = ET.parse(arguments.voc / f"Annotations/{name}.xml")
    classes = [item.findtext("name") for item in tree.iter("object")]
    boxes = [[float(box.findtext(side)) for side in ("xmin", "ymin", "xmax", "ymax")]
             for box in tree.iter("bndbox")]  # fmt: skip
    boxes = numpy.reshape(boxes, (-1, 4))
    return classes, (boxes[:, :2] + boxes[:, 2:]) / 2


class Image:
    """An image, and places in it: the centres of objects first, then background."""

    def __init__(self, name: str):
        image = torchvision.io.decode_image(str(arguments.voc / f"JPEGImages/{name}.jpg"), "RGB")
        before = numpy.array([image.shape[2], image.shape[1]])
        image = functional.resize(image, arguments.min_size) / 255
        size = numpy.array([image.shape[2], image.shape[1]])
        self.pixels = functional.normalize(image, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
        self.classes, centres = objects(name)
        places = list(centres * size / before)
        drawn = numpy.random.RandomState(0).uniform(16, size - 16, (200, 2))
        far = [p for p in drawn if all(numpy.linalg.norm(p - q) > FAR for q in places)]
        places += far[:BACKGROUND]
        self.classes += ["background"] * (len(places) - len(centres))
        self.places = torch.tensor(numpy.array(places) / size * 2 - 1, dtype=torch.float32)


class FreshBatchNorm(nn.BatchNorm2d):
    def forward(self, x):
        return nn.functional.batch_norm(x, None, None, self.weight, self.bias, True)


def backbone(weights: str) -> nn.Module:
    torch.manual_seed(0)
    resnet = torchvision.models.resnet18(norm_layer=FreshBatchNorm)
    if weights != "random":
        resnet.load_state_dict(resnet_state_dict(weights), strict=False)
    return resnet


@torch.no_grad()
def features(resnet: nn.Module, image: Image) -> list[torch.Tensor]:
    """[N, C] of each stage, at the image's places."""
    x = resnet.maxpool(resnet.relu(resnet.bn1(resnet.conv1(image.pixels[None]))))
    found = []
    for stage in (resnet.layer1, resnet.layer2, resnet.layer3):
        x = stage(x)
        at = nn.functional.grid_sample(x, image.places[None, :, None], align_corners=False)
        found.append(at[0, :, :, 0].T)
    return found


def scores(x, labels, asked, classes: int) -> torch.Tensor:
    """Of each class, [M, classes], by a linear classifier that has learned from x, [N, C]."""
    mean = x.mean(0)
    scale = (x - mean).pow(2).mean().sqrt()
    weight = torch.zeros(x.shape[1], classes, requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=100, line_search_fn="strong_wolfe")

    def loss():
        optimiser.zero_grad()
        logits = (x - mean) / scale @ weight + bias
        value = nn.functional.cross_entropy(logits, labels) + DECAY * weight.pow(2).sum()
        value.backward()
        return value

    optimiser.step(loss)
    return torch.softmax((asked - mean) / scale @ weight + bias, 1).detach()


def average_precision(score, positive) -> float:
    hit = positive[score.argsort(descending=True)].float()
    precision = hit.cumsum(0) / torch.arange(1, len(hit) + 1)
    return float(100 * (precision * hit).sum() / hit.sum())


train = {name: Image(name) for name in names("train")}
val = [Image(name) for name in names("val")]
classes = sorted({c for image in [*train.values(), *val] for c in image.classes})


def joined(images, read, stage: int):
    labels = torch.tensor([classes.index(c) for image in images for c in image.classes])
    return torch.cat([read[image][stage] for image in images]), labels


for weights in arguments.weights:
    resnet = backbone(weights)
    read = {image: features(resnet, image) for image in [*train.values(), *val]}
    for stage in range(3):
        asked, truth = joined(val, read, stage)
        found = {name: [] for name in classes}
        for seed in arguments.seeds.split(","):
            picked = random.Random(f"{seed} labels").sample(list(train), arguments.labels)
            x, labels = joined([train[name] for name in sorted(picked)], read, stage)
            score = scores(x, labels, asked, len(classes))
            for k, name in enumerate(classes):
                found[name].append(average_precision(score[:, k], truth == k))
        texts = [f"{name} {spread(values)}" for name, values in found.items()]
        print(f"{weights} stage {stage + 1}: {', '.join(texts)}", flush=True)
