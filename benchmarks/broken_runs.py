"""Trains runs that are broken on purpose, and sound ones, and checks the advice that they get.

    broken_runs.py LANNER RUNS [--only TEXT]

Each broken run must get the advice that names its fault; sound runs must get none. Prints a row per
run, and exits with 1 if a row is wrong. Runs that are there already are read, not repeated.
"""

import argparse
import json
import pathlib
import random
import shutil
import subprocess
import sys

parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("lanner", type=pathlib.Path)
parser.add_argument("runs", type=pathlib.Path)
parser.add_argument("--only", default="", help="only runs whose name contains this")
arguments = parser.parse_args()
runs = arguments.runs


def lanner(*words) -> str:
    """Runs the program; returns what it printed."""
    result = subprocess.run([arguments.lanner, *map(str, words)], text=True, capture_output=True)
    output = result.stdout + result.stderr
    if result.returncode:
        sys.exit(output)
    return output


scenes = runs / "scenes"
if not scenes.exists():
    lanner("synth", "--out", scenes, "--images", 375, "--seed", 5)


def changed(name: str, split: str, change) -> pathlib.Path:
    """A COCO file of the scenes' split, changed by a function of its content."""
    content = json.loads((scenes / f"annotations/instances_{split}.json").read_text())
    change(content)
    path = scenes / f"annotations/{name}_{split}.json"
    path.write_text(json.dumps(content))
    return path


def shuffle_labels(content):
    labels = [a["category_id"] for a in content["annotations"]]
    random.Random(1).shuffle(labels)
    for annotation, label in zip(content["annotations"], labels):
        annotation["category_id"] = label


def move_boxes(content, share):
    sizes = {image["id"]: (image["width"], image["height"]) for image in content["images"]}
    for annotation in content["annotations"]:
        x, y, w, h = annotation["bbox"]
        width, height = sizes[annotation["image_id"]]
        annotation["bbox"] = [min(x + share * w, width - w), min(y + share * h, height - h), w, h]


def scatter_boxes(content):
    generator = random.Random(1)
    sizes = {image["id"]: (image["width"], image["height"]) for image in content["images"]}
    for annotation in content["annotations"]:
        _, _, w, h = annotation["bbox"]
        width, height = sizes[annotation["image_id"]]
        annotation["bbox"] = [generator.uniform(0, width - w), generator.uniform(0, height - h), w, h]


def drop_class(content):
    content["annotations"] = [a for a in content["annotations"] if a["category_id"] != 3]


def name_left_and_right(content):
    for category, name in zip(content["categories"], ["left leaf", "right leaf", "ring", "arrow"]):
        category["name"] = name


def keep_ten_images(content):
    content["images"] = content["images"][:10]
    ids = {image["id"] for image in content["images"]}
    content["annotations"] = [a for a in content["annotations"] if a["image_id"] in ids]


def fit(*changes) -> list:
    """Options that suit the scenes, with changes."""
    options = dict(zip(FIT[::2], FIT[1::2])) | dict(zip(changes[::2], changes[1::2]))
    return [word for option in options.items() for word in option]


train, val = f"{scenes}:train", f"{scenes}:val"
FIT = ["--resize.min-size", 192, "--resize.max-size", 256, "--anchors.sizes", "20,32;48,64;88,120",
       "--backbone.width", 32, "--backbone.fpn-channels", 64]  # fmt: skip
# Name: the kinds of advice, one of which must be given; training and validation data; options.
RUNS = {
    "sound": (None, train, val, FIT),
    "sound, another seed and auto": (None, train, val, ["--preset", "auto", "--seed", 9]),
    "sound, another rate": (None, train, val, fit("--lr", 0.01, "--seed", 3)),
    "anchors too large": (["too small to match"], train, val,
                          fit("--anchors.sizes", "200,240;280,320;360,400")),
    "anchors too small": (["too large to match"], train, val,
                          fit("--anchors.sizes", "4,5;6,7;8,9")),
    "images too small": (["less than 4", "too small to match"], train, val,
                         fit("--resize.min-size", 32, "--resize.max-size", 48)),
    "learning rate x100": (["a tenth of the --lr"], train, val, fit("--lr", 2)),
    "learning rate divided by 3000": (["ten times the --lr"], train, val, fit("--lr", 0.000007)),
    "labels shuffled": (["get the right class"], changed("shuffled", "train", shuffle_labels), val, FIT),
    "boxes scattered": (["does not fall", "predicts background", "proposes only", "had learned"],
                        changed("scattered", "train", scatter_boxes), val, FIT),
    "boxes of val moved": (["are offset"], train,
                           changed("moved", "val", lambda c: move_boxes(c, 0.4)), FIT),
    "a class missing in val": (["val has no object"], train, changed("dropped", "val", drop_class),
                               FIT),
    "a class missing in train": (["train has no object"], changed("dropped", "train", drop_class),
                                 val, FIT),
    "left and right mirrored": (["mirroring changes"], changed("named", "train", name_left_and_right),
                                changed("named", "val", name_left_and_right), FIT),
    "frozen without weights": (["frozen with random"], train, val,
                               fit("--backbone.trainable-stages", 0)),
    "ten images": (["overfits"], changed("ten", "train", keep_ten_images), val, FIT),
}  # fmt: skip

wrong = 0
for name, (expected, data, validation, options) in RUNS.items():
    if arguments.only not in name:
        continue
    log = runs / f"{name}.log"
    if not log.exists():
        shutil.rmtree(runs / name, ignore_errors=True)  # of a run that was interrupted
        images = 10 if name == "ten images" else 300
        words = ["train", "--data", data, "--val", validation, "--out", runs / name]
        if "auto" not in options:
            words += ["--preset", "small", "--batch-size", 4, "--epochs", 600 * 4 // images,
                      "--evaluations", 2]  # fmt: skip
        else:
            words += ["--epochs", 15, "--evaluations", 2]
        log.write_text(lanner(*words, *options))
    advice = [line[8:] for line in log.read_text().splitlines() if line.startswith("advice: ")]
    right = not advice if expected is None else any(e in a for e in expected for a in advice)
    wrong += not right
    print(f"{'right' if right else 'WRONG'}  {name}: {' | '.join(advice) or 'no advice'}", flush=True)
sys.exit(wrong > 0)
