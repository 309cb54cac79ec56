"""Trains torchvision's Faster R-CNN cut to a small task, as a peer of `lanner train`.

    torchvision_peer.py TRAIN VAL OUT [--minutes 12] [--min-size 360] [--max-size 480]
                        [--anchors "36,60;96,144;216,312"] [--ratios 1] [--seed 1] [--bf16]

TRAIN and VAL are COCO files, VOC splits (FOLDER:SPLIT) or COCO files with an image folder
(FILE@FOLDER). ResNet-18 with batch norm and an FPN on its last stages, one for each level of
anchors; SGD at 0.02 with a cosine schedule fitted to the minutes, flips, batches of 4; the loader's
two processes work beside the steps. Evaluates at the end with pycocotools and prints one line of
JSON.
"""

import argparse
import json
import math
import pathlib
import time
import xml.etree.ElementTree as ElementTree

import PIL.Image
import torch
import torchvision
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import BackboneWithFPN

parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("train")
parser.add_argument("val")
parser.add_argument("out", type=pathlib.Path)
parser.add_argument("--minutes", type=float, default=12)
parser.add_argument("--min-size", type=int, default=360)
parser.add_argument("--max-size", type=int, default=480)
parser.add_argument("--anchors", default="36,60;96,144;216,312")
parser.add_argument("--ratios", default="1")
parser.add_argument("--flip", type=float, default=0.5)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--bf16", action="store_true", help="train in bfloat16 autocast")
arguments = parser.parse_args()


def read_voc(data: str, names: list[str]) -> dict:
    """A VOC split in COCO form; new class names are appended to `names`."""
    folder, split = data.rsplit(":", 1)
    images, annotations = [], []
    for stem in (pathlib.Path(folder) / f"ImageSets/Main/{split}.txt").read_text().split():
        root = ElementTree.parse(f"{folder}/Annotations/{stem}.xml").getroot()
        size = root.find("size")
        images.append({"id": len(images) + 1, "file_name": f"{folder}/JPEGImages/{stem}.jpg",
                       "width": int(size.find("width").text),
                       "height": int(size.find("height").text)})  # fmt: skip
        for node in root.findall("object"):
            if (name := node.find("name").text.strip()) not in names:
                names.append(name)
            box = node.find("bndbox")
            x1, y1, x2, y2 = (
                float(box.find(key).text) for key in ("xmin", "ymin", "xmax", "ymax")
            )
            x1, y1 = x1 - 1, y1 - 1
            if x2 > x1 and y2 > y1:
                annotations.append({"id": len(annotations) + 1, "image_id": len(images),
                                    "category_id": names.index(name) + 1, "iscrowd": 0,
                                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                                    "area": (x2 - x1) * (y2 - y1)})  # fmt: skip
    return {"images": images, "annotations": annotations}


def read(data: str, names: list[str]) -> dict:
    if ".json" not in data:
        truth = read_voc(data, names)
    else:
        file, _, folder = data.partition("@")
        truth = json.loads(pathlib.Path(file).read_text())
        root = pathlib.Path(folder) if folder else pathlib.Path(file).parent.parent
        for image in truth["images"]:
            places = [root / image["file_name"], root / "images" / image["file_name"]]
            image["file_name"] = str(next(place for place in places if place.exists()))
        names[:] = [c["name"] for c in sorted(truth["categories"], key=lambda c: c["id"])]
        ids = {c["id"]: names.index(c["name"]) + 1 for c in truth["categories"]}
        for annotation in truth["annotations"]:
            annotation["category_id"] = ids[annotation["category_id"]]
            annotation.setdefault("area", annotation["bbox"][2] * annotation["bbox"][3])
            annotation.setdefault("iscrowd", 0)
    truth["categories"] = [{"id": i + 1, "name": name} for i, name in enumerate(names)]
    return truth


class Images(torch.utils.data.Dataset):
    def __init__(self, truth: dict, train: bool):
        self.images, self.train = truth["images"], train
        self.objects = {image["id"]: [] for image in self.images}
        for annotation in truth["annotations"]:
            self.objects[annotation["image_id"]].append(annotation)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        record = self.images[index]
        with PIL.Image.open(record["file_name"]) as file:
            if self.train:
                file.draft("RGB", (arguments.max_size, arguments.max_size))
            scale = record["width"] / file.size[0]
            image = torchvision.transforms.functional.pil_to_tensor(file.convert("RGB")) / 255
        objects = [o for o in self.objects[record["id"]] if min(o["bbox"][2:]) > 0]
        boxes = torch.tensor([o["bbox"] for o in objects]).reshape(-1, 4) / scale
        boxes[:, 2:] += boxes[:, :2]
        if self.train and torch.rand(()) < arguments.flip:
            image, width = image.flip(2), image.shape[2]
            boxes[:, [0, 2]] = width - boxes[:, [2, 0]]
        labels = torch.tensor([o["category_id"] for o in objects], dtype=torch.int64)
        return image, {"boxes": boxes, "labels": labels, "id": record["id"], "scale": scale}


torch.manual_seed(arguments.seed)
names: list[str] = []
train, val = read(arguments.train, names), read(arguments.val, names)
resnet = torchvision.models.resnet18(weights=None)
sizes = tuple(tuple(map(float, level.split(","))) for level in arguments.anchors.split(";"))
stages = range(5 - len(sizes), 5)
backbone = BackboneWithFPN(
    resnet, {f"layer{stage}": str(i) for i, stage in enumerate(stages)},
    [32 * 2**stage for stage in stages], 256,
)  # fmt: skip
backbone.fpn.extra_blocks = None  # no level that is only pooled
ratios = (tuple(map(float, arguments.ratios.split(","))),) * len(sizes)
model = FasterRCNN(
    backbone, len(names) + 1, min_size=arguments.min_size, max_size=arguments.max_size,
    rpn_anchor_generator=AnchorGenerator(sizes, ratios),
    box_roi_pool=torchvision.ops.MultiScaleRoIAlign([str(i) for i in range(len(sizes))], 7, 2),
    rpn_pre_nms_top_n_train=500, rpn_post_nms_top_n_train=250,
    rpn_pre_nms_top_n_test=500, rpn_post_nms_top_n_test=250,
    rpn_batch_size_per_image=128, box_batch_size_per_image=96,
)  # fmt: skip
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=1e-4)
loader = torch.utils.data.DataLoader(
    Images(train, True), 4, shuffle=True, drop_last=True, num_workers=2,
    persistent_workers=True, collate_fn=lambda batch: tuple(zip(*batch)),
)  # fmt: skip
model.train()
begin, steps = time.perf_counter(), 0
elapsed = 0.0
while elapsed < 60 * arguments.minutes:
    for images, targets in loader:
        elapsed = time.perf_counter() - begin
        progress = elapsed / (60 * arguments.minutes)
        if progress >= 1:
            break
        factor = 0.5 * (1 + math.cos(math.pi * progress)) * min(1, (steps + 1) / 100)
        for group in optimizer.param_groups:
            group["lr"] = 0.02 * factor
        with torch.autocast("cpu", torch.bfloat16, enabled=arguments.bf16):
            loss = sum(model(images, targets).values())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10)
        optimizer.step()
        steps += 1
        if steps % 50 == 0:
            print(f"{elapsed:.0f} s, step {steps}, loss {loss.item():.3f}", flush=True)

model.eval()
results = []
with torch.no_grad():
    for image, target in Images(val, False):
        with torch.autocast("cpu", torch.bfloat16, enabled=arguments.bf16):
            output = model([image])[0]
        boxes = output["boxes"].float()
        boxes[:, 2:] -= boxes[:, :2]
        for box, score, label in zip(boxes, output["scores"], output["labels"]):
            results.append({"image_id": target["id"], "category_id": label.item(),
                            "score": score.item(), "bbox": box.tolist()})  # fmt: skip
arguments.out.mkdir(parents=True, exist_ok=True)
torch.save(model.state_dict(), arguments.out / "model.pth")
truth = COCO()
truth.dataset = val
truth.createIndex()
metrics = [0.0] * 12
if results:
    evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    metrics = evaluation.stats.tolist()
line = {"steps": steps, "AP": metrics[0], "AP50": metrics[1], "AP75": metrics[2],
        "AP_small": metrics[3], "arguments": vars(arguments) | {"out": str(arguments.out)}}  # fmt: skip
(arguments.out / "metrics.json").write_text(json.dumps(line))
print(json.dumps(line))
