"""Compares detectors at equal numbers of steps.

    compare_detectors.py LANNER SHARED_DATA RUNS OUT.csv [--only TEXT]

Trains every setting with every seed, evaluates the last weights on the test split and appends a row
to OUT.csv. Rows that OUT.csv already has are not run again, so an interrupted comparison can be
continued. Finally prints means, standard deviations, and paired differences between settings with
their 95 % confidence intervals.
"""

import argparse
import pathlib
import shutil

from runs import METRICS, Program, Rows, interval, spread

SEEDS = ("1", "2", "3")

parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
for name in ("lanner", "shared_data", "runs", "out"):
    parser.add_argument(name, type=pathlib.Path)
parser.add_argument("--only", default="", help="run only settings whose data and name contain this")
arguments = parser.parse_args()
lanner, runs = Program(arguments.lanner), arguments.runs

# Per data set: the training split, the test split and the options common to all settings.
bccd, uno, bend = arguments.shared_data / "bccd", arguments.shared_data / "uno224", runs / "bend"
uno_split = f"{uno}/annotations/instances_{{}}.json"
DATA = {
    "bccd": (
        f"{bccd}:train",
        f"{bccd}:test",
        # Images and anchors of two thirds of the preset's size halve the time.
        ["--epochs", "24", "--resize.min-size", "240", "--resize.max-size", "320",
         "--anchors.sizes", "24,40;64,96;144,208"],
    ),
    "uno224": (
        uno_split.format("train"),
        uno_split.format("test"),
        # Mirrored cards and letters do not occur.
        ["--epochs", "6", "--resize.min-size", "224", "--resize.max-size", "224",
         "--horizontal-flip", "0"],
    ),
    "bend": (
        f"{bend}:train",
        f"{bend}:val",
        ["--epochs", "6", "--resize.min-size", "192", "--resize.max-size", "256"],
    ),
}  # fmt: skip
FASTER, RFCN = ["--preset", "small"], ["--preset", "small_rfcn"]
SETTINGS = {
    ("bccd", "faster_rcnn"): FASTER,
    ("bccd", "rfcn"): RFCN,
    ("bccd", "rfcn ohem"): [*RFCN, "--roi.sampling", "ohem"],
    ("uno224", "faster_rcnn"): FASTER,
    ("uno224", "rfcn"): RFCN,
    ("uno224", "rfcn ohem"): [*RFCN, "--roi.sampling", "ohem"],
    ("bend", "faster_rcnn"): FASTER,
    ("bend", "deformable faster_rcnn"): [*FASTER, "--deformable"],
    # The only pooling of deformable R-FCN is roi_pool.
    ("bend", "rfcn"): [*RFCN, "--roi.pooling", "roi_pool"],
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
        folder = runs / f"{data}-{setting.replace(' ', '-')}-{seed}"
        lanner.train(folder, "train", "--data", train, "--seed", seed, *common, *options)
        rows.add(data, setting, seed, *lanner.score(folder, test))

results = rows.all()
for data, setting in SETTINGS:
    keys = [(data, setting, seed) for seed in SEEDS if (data, setting, seed) in results]
    if keys:
        texts = [f"{name} {spread([float(results[k][name]) for k in keys])}" for name in METRICS]
        print(f"{data:8} {setting:24} {', '.join(texts)} ({len(keys)} seeds)")
for data, setting, baseline in COMPARED:
    pairs = [
        (results[data, setting, seed], results[data, baseline, seed])
        for seed in SEEDS
        if (data, setting, seed) in results and (data, baseline, seed) in results
    ]
    if pairs:
        texts = [
            f"{name} {interval([float(a[name]) - float(b[name]) for a, b in pairs])}"
            for name in METRICS
        ]
        print(f"{data:8} {setting} - {baseline}: {', '.join(texts)}")
