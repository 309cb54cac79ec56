"""Measures the benefit of pretraining with few labels.

    label_efficiency.py LANNER SHARED_DATA RUNS OUT.csv
        [--data bccd|asl|synth] [--labels 10,20,40,all] [--seeds 1,2,3,4,5] [--minutes 30]
        [--cpc "OPTIONS"] [--simclr "OPTIONS"] [--given NAME=FILE..] [--plot OUT.png]

Pretrains on all training images without labels, by CPC and by the SimCLR-style objective. Then
trains the same small detector from random and from pretrained weights, with equal schedules, on
random subsets of the labeled images. Evaluates the last weights on the test split and appends a row
to OUT.csv. Rows that OUT.csv already has are not run again, whatever the options; use another RUNS
and OUT.csv for other options. Finally prints means, standard deviations, and paired differences
with their 95 % confidence intervals. These cover the choice of labels and the training of
detectors, not pretraining: all seeds start from the same pretrained backbone. --given NAME=FILE and
--inits NAME start from other weights.
"""

import argparse
import itertools
import pathlib
import shlex
import statistics

from runs import METRICS, Program, Rows, interval, spread
from subsets import Subsets

BATCH = 4
OBJECTIVES = ("cpc", "simclr")

parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
for name in ("lanner", "shared_data", "runs", "out"):
    parser.add_argument(name, type=pathlib.Path)
parser.add_argument("--data", choices=("bccd", "asl", "synth"), default="bccd")
parser.add_argument("--labels", default="10,20,40,all")
parser.add_argument("--seeds", default="1,2,3,4,5", help="with all labels, only those up to 3")
parser.add_argument("--inits", default="random,cpc,simclr")
parser.add_argument("--given", default=[], nargs="+", help="NAME=FILE: weights of a backbone")
parser.add_argument("--minutes", type=float, default=30, help="of pretraining, per objective")
parser.add_argument("--cpc", default="", help="additional options of lanner pretrain for CPC")
parser.add_argument(
    "--simclr", default="--batch-size 64", help="the same for SimCLR, whose negatives are its batch"
)
parser.add_argument("--train", default="", help="additional options of lanner train")
parser.add_argument("--plot", type=pathlib.Path, help="file for a plot of AP50 over labels")
arguments = parser.parse_args()
if malformed := [item for item in arguments.given if "=" not in item]:
    parser.error(f"--given: expected NAME=FILE, got {malformed[0]}")
given = dict(item.split("=", 1) for item in arguments.given)
known = ["random", *OBJECTIVES, *given]
if unknown := set(arguments.inits.split(",")) - set(known):
    parser.error(f"--inits: expected some of {', '.join(known)}, got {', '.join(unknown)}")
lanner = Program(arguments.lanner)
runs = arguments.runs / arguments.data

SMALL = ["--resize.min-size", 240, "--resize.max-size", 320,
         "--anchors.sizes", "24,40;64,96;144,208"]  # fmt: skip
LETTERS = ["--resize.min-size", 224, "--resize.max-size", 224, "--horizontal-flip", 0]
SCENES = ["--resize.min-size", 192, "--resize.max-size", 256]
# Per data set: options of the detector, and training steps (more for the 26 letters).
DATA = {"bccd": (SMALL, 400), "asl": (LETTERS, 1200), "synth": (SCENES, 400)}
options, steps = DATA[arguments.data]
subsets = Subsets(arguments.data, lanner, arguments.shared_data, runs)
test = subsets.split("test")
size_of_all = len(subsets.training_images())


def init_flags(init: str) -> list:
    """The flags of lanner train for an initialization; pretrains if necessary."""
    if init == "random":
        return []
    if init in given:
        return ["--init", given[init]]
    folder = runs / init
    lanner.train(folder, "pretrain", "--images", subsets.unlabeled(), "--objective", init,
                 "--epochs", 100000, "--max-minutes", arguments.minutes, "--show",
                 *shlex.split(getattr(arguments, init)))  # fmt: skip
    return ["--init", folder / "best.safetensors"]


rows = Rows(arguments.out, ["data", "labels", "init", "seed", "steps", *METRICS], keys=4)
for seed in arguments.seeds.split(","):
    for count in arguments.labels.split(","):
        for init in arguments.inits.split(","):
            if (arguments.data, count, init, seed) in rows or (count == "all" and int(seed) > 3):
                continue
            size = size_of_all if count == "all" else int(count)
            epochs = max(1, round(steps / (size // BATCH)))
            folder = runs / f"{count}-{init}-{seed}"
            data = subsets.labeled(subsets.sample(count, seed), f"{count}-{seed}")
            flags = ["--data", data, "--preset", "small", "--epochs", epochs,
                     "--seed", seed, *options, *init_flags(init),
                     *shlex.split(arguments.train)]  # fmt: skip
            lanner.train(folder, "train", *flags)
            rows.add(arguments.data, count, init, seed, *lanner.score(folder, test))

results = {key: row for key, row in rows.all().items() if key[0] == arguments.data}
seeds = sorted({key[3] for key in results})
inits = sorted({key[2] for key in results}, key=lambda init: (init != "random", init))
counts = sorted({key[1] for key in results}, key=lambda count: (count == "all", count.zfill(9)))


def values(count, init, metric, paired_with=None):
    """The metric for each seed; with `paired_with`, only for seeds that it has too."""
    return [
        float(results[arguments.data, count, init, seed][metric])
        for seed in seeds
        if (arguments.data, count, init, seed) in results
        and (paired_with is None or (arguments.data, count, paired_with, seed) in results)
    ]


for count in counts:
    for init in inits:
        if aps := values(count, init, "AP"):
            texts = [f"{name} {spread(values(count, init, name))}" for name in METRICS]
            print(f"{arguments.data} {count:>4} {init:8} {', '.join(texts)} ({len(aps)} seeds)")
    for baseline, init in itertools.combinations(inits, 2):
        if values(count, init, "AP", baseline):
            texts = [
                name + " " + interval([a - b for a, b in zip(
                    values(count, init, name, baseline), values(count, baseline, name, init))])
                for name in METRICS
            ]  # fmt: skip
            print(f"{arguments.data} {count:>4} {init} - {baseline}: {', '.join(texts)}")

if arguments.plot:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.6), dpi=110)
    size = {count: size_of_all if count == "all" else int(count) for count in counts}
    for k, init in enumerate(inits):
        init_counts = [count for count in counts if values(count, init, "AP50")]
        ap50s = [values(count, init, "AP50") for count in init_counts]
        means = [statistics.mean(ap50) for ap50 in ap50s]
        errors = [statistics.stdev(ap50) if len(ap50) > 1 else 0 for ap50 in ap50s]
        shift = 1.025 ** (k - len(inits) / 2)  # keeps the bars from overlapping
        x = [size[count] * shift for count in init_counts]
        axes.errorbar(x, means, errors, marker="o", capsize=3, label=init)
    axes.set(xscale="log", xlabel="labeled images", ylabel="AP50 on the test split, percent")
    axes.set_xticks([size[count] for count in counts], [str(size[count]) for count in counts])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(arguments.plot)
