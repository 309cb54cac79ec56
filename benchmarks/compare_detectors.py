"""Detectors compared on equal steps: compare_detectors.py LANNER SHARED_DATA RUNS OUT.csv
    [--only TEXT]

Trains every setting with every seed, scores the last weights on the test split, and appends a row
to OUT.csv. What OUT.csv holds already is not run again, so a stopped comparison goes on where it
was. In the end it prints means and standard deviations, and the paired differences of what is
compared with their 95 % intervals.
"""

import argparse
import pathlib
import shutil

from runs import METRICS, Program, Rows, interval, spread

SEEDS = ("1", "2", "3")

parser = argparse.ArgumentParser(description=__doc__)
for name in ("lanner", "shared_data", "runs", "out"):
    parser.add_argument(name, type=pathlib.Path)
parser.add_argument("--only", default="", help="settings whose data and name hold this text")
arguments = parser.parse_args()
lanner, runs = Program(arguments.lanner), arguments.runs

# The splits, epochs, options common to all.
bccd, uno, bend = arguments.shared_data / "bccd", arguments.shared_data / "uno224", runs / "bend"
uno_split = f"{uno}/annotations/instances_{{}}.json"
DATA = {
    "bccd": (
        f"{bccd}:train",
        f"{bccd}:test",
        # Two thirds of the preset's sizes, images and anchors: half the time.
        ["--epochs", "24", "--min-size", "240", "--max-size", "320",
         "--anchor-sizes", "24,40;64,96;144,208"],
    ),
    "uno224": (
        uno_split.format("train"),
        uno_split.format("test"),
        # A card turned over is another picture, and its letters are not mirrored.
        ["--epochs", "6", "--min-size", "224", "--max-size", "224", "--horizontal-flip", "0"],
    ),
    "bend": (
        f"{bend}:train",
        f"{bend}:val",
        ["--epochs", "6", "--min-size", "192", "--max-size", "256"],
    ),
}  # fmt: skip
FASTER, RFCN = ["--preset", "small"], ["--preset", "small_rfcn"]
SETTINGS = {
    ("bccd", "faster_rcnn"): FASTER,
    ("bccd", "rfcn"): RFCN,
    ("bccd", "rfcn ohem"): [*RFCN, "--sampling", "ohem"],
    ("uno224", "faster_rcnn"): FASTER,
    ("uno224", "rfcn"): RFCN,
    ("uno224", "rfcn ohem"): [*RFCN, "--sampling", "ohem"],
    ("bend", "faster_rcnn"): FASTER,
    ("bend", "deformable faster_rcnn"): [*FASTER, "--deformable"],
    # Deformable R-FCN has roi_pool alone.
    ("bend", "rfcn"): [*RFCN, "--pooling", "roi_pool"],
    ("bend", "deformable rfcn"): ["--preset", "small_deformable_rfcn"],
}
COMPARED = [
    ("bccd", "rfcn", "faster_rcnn"),
    ("uno224", "rfcn", "faster_rcnn"),
    ("bccd", "rfcn ohem", "rfcn"),
    ("uno224", "rfcn ohem", "rfcn"),
    ("bend", "deformable faster_rcnn", "faster_rcnn"),
    ("bend", "deformable rfcn", "rfcn"),
]

rows = Rows(arguments.out, ["data", "setting", "seed", "steps", *METRICS], keys=3)
if not bend.exists() and any(
    arguments.only in f"bend {setting}" for data, setting in SETTINGS if data == "bend"
):
    unfinished = runs / "bend.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    lanner("synth", "--out", unfinished, "--images", 1000, "--deformation", 1, "--seed", 7)
    unfinished.rename(bend)
for seed in SEEDS:
    for (data, setting), options in SETTINGS.items():
        if (data, setting, seed) in rows or arguments.only not in f"{data} {setting}":
            continue
        train, test, common = DATA[data]
        place = runs / f"{data}-{setting.replace(' ', '-')}-{seed}"
        lanner.train(place, "train", "--data", train, "--seed", seed, *common, *options)
        rows.add(data, setting, seed, *lanner.score(place, test))

found = rows.all()
for data, setting in SETTINGS:
    own = [found[data, setting, seed] for seed in SEEDS if (data, setting, seed) in found]
    if own:
        texts = [f"{name} {spread([float(row[name]) for row in own])}" for name in METRICS]
        print(f"{data:8} {setting:24} {', '.join(texts)} ({len(own)} seeds)")
for data, one, other in COMPARED:
    pairs = [
        (found[data, one, seed], found[data, other, seed])
        for seed in SEEDS
        if (data, one, seed) in found and (data, other, seed) in found
    ]
    if pairs:
        texts = [
            f"{name} {interval([float(a[name]) - float(b[name]) for a, b in pairs])}"
            for name in METRICS
        ]
        print(f"{data:8} {one} - {other}: {', '.join(texts)}")
