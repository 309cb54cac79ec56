"""Measures what each step of docs/few_labels.md is worth.

    few_labels.py LANNER SHARED_DATA RUNS OUT.csv
        [--data bccd|asl|synth] [--methods labels,regions,cpc,simclr,unlabelled,both] [--labels 20]
        [--seeds 1,2,3,4,5]
        [--steps 800] [--unlabelled-steps 1200] [--pretrain-steps 1000] [--chosen random]
        [--split val] [--plot OUT.png]

`labels` trains on a few labeled images alone; `unlabelled` learns from the rest of the
training images, without labels, too; `regions`, `cpc` and `simclr` train on the labels from weights
that were pretrained with that objective on all training images without labels; `both` is `regions`
and `unlabelled`. `--chosen coverage|k_center|
k_means` takes the images that `lanner select` chooses with that cover, instead of random ones; the
seed is then that of the selection and of the training. Budgets are steps, not minutes, so that
rows of different machines can be compared. Appends a row for each run to OUT.csv; rows
that it has are not run again. Settings are chosen on val; test is for the end. Prints means,
standard deviations, and paired differences from `labels` with 95 % confidence intervals.
"""

import argparse
import json
import pathlib
import re
import statistics

from runs import METRICS, Program, Rows, interval, spread
from subsets import Subsets

parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
for name in ("lanner", "shared_data", "runs", "out"):
    parser.add_argument(name, type=pathlib.Path)
parser.add_argument("--data", choices=("bccd", "asl", "synth"), default="bccd")
parser.add_argument("--methods", default="labels,regions,unlabelled,both")
parser.add_argument("--labels", default="20")
parser.add_argument("--seeds", default="1,2,3,4,5")
parser.add_argument("--steps", type=int, default=800)
parser.add_argument("--unlabelled-steps", type=int, default=1200)
parser.add_argument("--pretrain-steps", type=int, default=1000)
parser.add_argument("--chosen", default="random")
parser.add_argument("--split", default="val")
parser.add_argument("--train", default="", help="additional options of lanner train")
parser.add_argument("--plot", type=pathlib.Path, help="file for a plot of AP50 over labels")
arguments = parser.parse_args()
lanner = Program(arguments.lanner)
runs = arguments.runs.resolve() / arguments.data
subsets = Subsets(arguments.data, lanner, arguments.shared_data, runs)
images = subsets.unlabeled()
# Blood smears have no top; drawn arrows and letters have sides.
OPTIONS = {"bccd": ["--vertical-flip", 0.5], "asl": [], "synth": []}[arguments.data]
OPTIONS += ["--backbone.width", 32, "--evaluations", 4]


def labeled(count: str, seed: str) -> str:
    """DATA[:SPLIT] of that many images, random or chosen."""
    if arguments.chosen == "random":
        names = subsets.sample(count, seed)
    else:
        out = runs / f"selected-{arguments.chosen}-{count}-{seed}.txt"
        lanner("select", "--images", images, "--count", count, "--cover", arguments.chosen, "--seed",
               seed, "--out", out)  # fmt: skip
        chosen = {pathlib.Path(line).stem for line in out.read_text().splitlines()}
        names = [name for name in subsets.training_images() if name.removesuffix(".jpg") in chosen]
    return subsets.labeled(names, f"{count}-{arguments.chosen}-{seed}")


def pretrained(objective: str, seed: str) -> pathlib.Path:
    folder = runs / f"{objective}-{arguments.pretrain_steps}-{seed}"
    # Detectors from random weights have batch norms, which leak between the patches of CPC.
    norm = "layer" if objective == "cpc" else "batch"
    lanner.train(folder, "pretrain", "--objective", objective, "--images", images, "--norm", norm,
                 "--width", 32, "--max-steps", arguments.pretrain_steps, "--seed", seed, "--show")  # fmt: skip
    return folder / "best.safetensors"


def hardest_class(folder: pathlib.Path) -> tuple[str, str]:
    """The class of the lowest AP50, and its AP50 in percent, of the run that was scored."""
    classes = json.loads((folder / "test.json").read_text())["per_class"]
    name = min(classes, key=lambda c: classes[c]["AP50"])
    return name, f"{100 * classes[name]['AP50']:.2f}"


keys = ["data", "method", "labels", "chosen", "seed", "budget", "split", "options"]
rows = Rows(arguments.out, [*keys, "steps", *METRICS, "hardest", "hardest_AP50"], keys=len(keys))
for seed in arguments.seeds.split(","):
    for method in arguments.methods.split(","):
        learns = method in ("unlabelled", "both")
        steps = arguments.unlabelled_steps if learns else arguments.steps
        objective = {"both": "regions", "labels": "", "unlabelled": ""}.get(method, method)
        first = f"{arguments.pretrain_steps} + " if objective else ""
        key = (arguments.data, method, arguments.labels, arguments.chosen, seed, f"{first}{steps} steps",
               arguments.split, arguments.train.strip())  # fmt: skip
        if key in rows:
            continue
        folder = runs / "-".join([*key[1:5], first + str(steps), *re.findall(r"[\w.]+", key[7])])
        flags = ["--data", labeled(arguments.labels, seed), "--val", subsets.split("val"), "--seed", seed,
                 "--max-steps", steps, *OPTIONS, *arguments.train.split()]  # fmt: skip
        if objective:
            flags += ["--init", pretrained(objective, seed)]
        if learns:
            flags += ["--unlabelled", images, "--pseudo.truth", subsets.split("train")]
        lanner.train(folder, "train", *flags)
        scores = lanner.score(folder, subsets.split(arguments.split))
        rows.add(*key, *scores, *hardest_class(folder))

# By (method, labels, chosen, budget, options), then by seed.
results: dict[tuple, dict[str, dict]] = {}
for (data, method, labels, chosen, seed, budget, split, options), row in rows.all().items():
    if (data, split) == (arguments.data, arguments.split):
        results.setdefault((method, labels, chosen, budget, options), {})[seed] = row


def image_count(labels: str) -> int:
    return len(subsets.training_images()) if labels == "all" else int(labels)


def values(group: tuple, metric: str) -> list[float]:
    return [float(row[metric]) for row in results[group].values()]


for group in sorted(results):
    texts = [f"{metric} {spread(values(group, metric))}" for metric in METRICS]
    print(*group[:3], group[3], group[4], ", ".join(texts), f"({len(results[group])} seeds)")
    for alone in sorted(results):
        seeds = [seed for seed in results[group] if seed in results[alone]]
        if alone[:3] == ("labels", group[1], "random") and alone != group and seeds:
            gains = [float(results[group][s]["AP50"]) - float(results[alone][s]["AP50"]) for s in seeds]
            print("  AP50 against random labels alone,", *alone[3:], interval(gains))

if arguments.plot:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.6), dpi=110)
    lines: dict[str, list[tuple]] = {}  # groups by what differs but for the number of labels
    for group in results:
        method, labels, chosen, budget, options = group
        if not options and budget.endswith("steps"):
            name = ", ".join([method, budget] + ([chosen] if chosen != "random" else []))
            lines.setdefault(name, []).append(group)
    for i, (name, groups) in enumerate(sorted(lines.items())):
        groups.sort(key=lambda g: image_count(g[1]))
        ap50s = [values(group, "AP50") for group in groups]
        counts = [image_count(group[1]) * (1 + 0.01 * i) for group in groups]  # side by side
        axes.errorbar(counts, [statistics.mean(a) for a in ap50s],
                      [statistics.stdev(a) if len(a) > 1 else 0 for a in ap50s], marker="o",
                      capsize=3, label=name)  # fmt: skip
    ticks = sorted({image_count(group[1]) for groups in lines.values() for group in groups})
    axes.set(xscale="log", xlabel="labeled images", ylabel=f"AP50 on {arguments.split}, percent")
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(arguments.plot)
