"""Detectors compared on equal steps: compare_detectors.py LANNER SHARED_DATA RUNS OUT.csv [--only TEXT]

Trains every setting with every seed, scores the last weights on the test split, and appends a row to
OUT.csv. What OUT.csv holds already is not run again, so a stopped comparison goes on where it was. In
the end it prints means and standard deviations, and the paired differences of what is compared.
"""

import argparse
import csv
import json
import pathlib
import shutil
import statistics
import subprocess

SEEDS = ("1", "2", "3")
METRICS = ("AP", "AP50", "AP75")

parser = argparse.ArgumentParser(description=__doc__)
for name in ("lanner", "shared_data", "runs", "out"):
    parser.add_argument(name, type=pathlib.Path)
parser.add_argument("--only", default="", help="settings whose data and name hold this text")
arguments = parser.parse_args()
runs, out = arguments.runs, arguments.out

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
    "bend": (f"{bend}:train", f"{bend}:val", ["--epochs", "6", "--min-size", "192", "--max-size", "256"]),
}
FASTER, RFCN = ["--preset", "small"], ["--preset", "small_rfcn"]
SETTINGS = {
    ("bccd", "faster_rcnn"): FASTER,
    ("bccd", "rfcn"): RFCN,
    ("bccd", "rfcn ohem"): [*RFCN, "--sampling", "ohem"],
    ("uno224", "faster_rcnn"): FASTER,
    ("uno224", "rfcn"): RFCN,
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
    ("bend", "deformable faster_rcnn", "faster_rcnn"),
    ("bend", "deformable rfcn", "rfcn"),
]


def lanner(*words):
    subprocess.run([arguments.lanner, *map(str, words)], check=True)


def run(data, setting, seed):
    train, test, common = DATA[data]
    place = runs / f"{data}-{setting.replace(' ', '-')}-{seed}"
    if not (place / "best.safetensors").exists():
        resume = ["--resume"] if (place / "last.safetensors").exists() else []
        lanner("train", "--data", train, "--out", place, "--seed", seed, *common,
               *SETTINGS[data, setting], *resume)  # fmt: skip
    weights = place / "best.safetensors"  # without a validation split the last
    lanner("eval", "--weights", weights, "--data", test, "--metrics-json", place / "test.json")
    steps = json.loads((place / "metrics.jsonl").read_text().splitlines()[-1])["step"]
    metrics = json.loads((place / "test.json").read_text())
    return [data, setting, seed, int(steps), *(f"{100 * metrics[name]:.2f}" for name in METRICS)]


if not bend.exists() and any(data == "bend" for data, _ in SETTINGS):
    unfinished = runs / "bend.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    lanner("synth", "--out", unfinished, "--images", 1000, "--deformation", 1, "--seed", 7)
    unfinished.rename(bend)
if not out.exists():
    out.write_text(",".join(["data", "setting", "seed", "steps", *METRICS]) + "\n")
rows = {(r["data"], r["setting"], r["seed"]): r for r in csv.DictReader(out.open())}
for seed in SEEDS:
    for data, setting in SETTINGS:
        if (data, setting, seed) in rows or arguments.only not in f"{data} {setting}":
            continue
        with out.open("a") as file:
            file.write(",".join(map(str, run(data, setting, seed))) + "\n")

rows = {(r["data"], r["setting"], r["seed"]): r for r in csv.DictReader(out.open())}


def spread(values):
    return f"{statistics.mean(values):.1f} ± {statistics.stdev(values) if len(values) > 1 else 0:.1f}"


for data, setting in SETTINGS:
    found = [rows[data, setting, seed] for seed in SEEDS if (data, setting, seed) in rows]
    if found:
        texts = [f"{name} {spread([float(row[name]) for row in found])}" for name in METRICS]
        print(f"{data:8} {setting:24} {', '.join(texts)} ({len(found)} seeds)")
for data, one, other in COMPARED:
    pairs = [
        (rows[data, one, seed], rows[data, other, seed])
        for seed in SEEDS
        if (data, one, seed) in rows and (data, other, seed) in rows
    ]
    if pairs:
        texts = [f"{name} {spread([float(a[name]) - float(b[name]) for a, b in pairs])}" for name in METRICS]
        print(f"{data:8} {one} - {other}: {', '.join(texts)}")
