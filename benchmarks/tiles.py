"""Tiles against crops: a drawn scene of 4,096 x 4,096 pixels with 2,000 objects.

python benchmarks/tiles.py WEIGHTS OUT [--tile 480]

WEIGHTS: the detector of benchmarks/tracking.py, OUT/run/best.safetensors. Looks at the scene by
`lanner detect --tile`, and at the same tiles as images of their own. Prints the average recall (IoU
0.5 to 0.95, of objects that lie wholly in a crop), the seconds of both, and the peak memory.
"""

import argparse
import json
import pathlib
import random
import resource
import subprocess
import time

import numpy
import PIL.Image

import tracking
from lanner.jobs import _PROGRAM

SIDE, OBJECTS = 4096, 2000


def scene(seed):
    """A picture without objects that hide each other for more than a part."""
    rng = random.Random(seed)
    tracking.WIDTH = tracking.HEIGHT = SIDE
    things = []
    while len(things) < OBJECTS:
        thing = tracking.Thing(len(things), rng)
        if all(abs(thing.x - t.x) + abs(thing.y - t.y) > 0.9 * (thing.size + t.size) for t in things):
            things.append(thing)
    picture, _ = next(tracking.film(1, things, rng))
    return picture, things


def positions(tile, overlap):
    count = 1 + int(numpy.ceil((SIDE - tile) / (tile * (1 - overlap))))
    return [round((SIDE - tile) * i / (count - 1)) for i in range(count)]


def recall(truth, found):
    """The mean over IoU 0.5, 0.55, .. 0.95 of the share of objects that are found."""
    total = 0.0
    for threshold in numpy.arange(0.5, 1, 0.05):
        left = list(found)
        for label, box in truth:
            for other in left:
                if other[0] == label and iou(box, other[1]) >= threshold:
                    left.remove(other)
                    total += 1
                    break
    return total / 10 / len(truth)


def iou(a, b):
    shared = max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = ((x[2] - x[0]) * (x[3] - x[1]) for x in (a, b))
    return shared / (sum(areas) - shared)


def detect(weights, out, *arguments):
    """(objects by file name, seconds)."""
    begin = time.monotonic()
    subprocess.run([_PROGRAM, "detect", "--weights", weights, "--out", out, "--conf", "0.05",
                    "--save-images=false", *map(str, arguments)],
                   check=True, capture_output=True)  # fmt: skip
    seconds = time.monotonic() - begin
    found = {}
    for o in json.loads((out / "detections.json").read_text()):
        x, y, width, height = o["bbox"]
        label = o["category_id"]  # as in the YOLO labels of the training set
        found.setdefault(o["file_name"], []).append((label, (x, y, x + width, y + height)))
    return found, seconds


def near(box, objects, margin=60):
    return [o for o in objects if o[1][0] > box[0] - margin and o[1][1] > box[1] - margin
            and o[1][2] < box[2] + margin and o[1][3] < box[3] + margin]  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--tile", type=int, default=480)
    options = parser.parse_args()
    tile = options.tile
    crops = options.out / "crops"
    crops.mkdir(parents=True, exist_ok=True)
    picture, things = scene(0)
    picture.save(options.out / "scene.png")
    truth = [(t.label, t.box()) for t in things]
    corners = [(x, y) for y in positions(tile, 0.2) for x in positions(tile, 0.2)]
    for x, y in corners:
        picture.crop((x, y, x + tile, y + tile)).save(crops / f"{x}_{y}.png")
    tiled, tiled_seconds = detect(options.weights, options.out / "tiled", options.out / "scene.png",
                                  "--tile", tile, "--overlap", 0.2)  # fmt: skip
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    cropped, crop_seconds = detect(options.weights, options.out / "cropped", crops)
    recalls = {"tiles": [], "crops": []}
    whole = tiled["scene.png"]
    for x, y in corners:
        inside = [(label, (b[0] - x, b[1] - y, b[2] - x, b[3] - y)) for label, b in truth
                  if x <= b[0] and y <= b[1] and b[2] <= x + tile and b[3] <= y + tile]  # fmt: skip
        shifted = [(label, (b[0] - x, b[1] - y, b[2] - x, b[3] - y))
                   for label, b in near((x, y, x + tile, y + tile), whole)]  # fmt: skip
        if inside:
            recalls["crops"].append(recall(inside, cropped.get(f"{x}_{y}.png", [])))
            recalls["tiles"].append(recall(inside, shifted))
    tiles, crop = (float(numpy.mean(recalls[name])) for name in ("tiles", "crops"))
    print(json.dumps({
        "objects": OBJECTS, "found": len(whole), "tiles": len(corners),
        "recall_tiles": round(tiles, 4), "recall_crops": round(crop, 4), "ratio": round(tiles / crop, 4),
        "recall_whole_scene": round(recall(truth, whole), 4),
        "seconds_tiles": round(tiled_seconds, 2), "seconds_crops": round(crop_seconds, 2),
        "time_ratio": round(tiled_seconds / crop_seconds, 3), "peak_gb_tiles": round(peak, 3),
    }, indent=1))  # fmt: skip


if __name__ == "__main__":
    main()
