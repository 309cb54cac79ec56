"""Measures a diffusion box head beside Faster R-CNN, and what its steps and boxes are worth.

    diffusion.py LANNER SHARED_DATA RUNS OUT.csv
        [--data synth|uno|bccd] [--models faster_rcnn,flow,vp] [--seeds 1,2,3]
        [--minutes 8 | --max-steps 1660] [--split val]
        [--steps 1,2,4,8] [--boxes 50,100,300] [--plot OUT.png]

Trains `--preset small` and, for each path, `--preset small_diffusion` for the same minutes or steps,
and evaluates each number of steps with each number of boxes: with the steps of the sampler, and, as
the control, with fresh random boxes in each step (`--renew 1`). Appends a row for each to OUT.csv;
rows that it has are not run again. Times are of `lanner eval`, decoding included, per image.
"""

import argparse
import itertools
import json
import pathlib
import re
import time

from runs import METRICS, Program, Rows, data_set, spread

parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
for name in ("lanner", "shared_data", "runs", "out"):
    parser.add_argument(name, type=pathlib.Path)
parser.add_argument("--data", choices=("synth", "uno", "bccd"), default="synth")
parser.add_argument("--models", default="faster_rcnn,flow")
parser.add_argument("--seeds", default="1,2,3")
parser.add_argument("--minutes", type=float, default=8)
parser.add_argument("--max-steps", type=int, help="instead of minutes")
parser.add_argument("--split", default="val")
parser.add_argument("--steps", default="1,2,4,8")
parser.add_argument("--boxes", default="50,100,300")
parser.add_argument("--train", default="", help="additional options of lanner train")
parser.add_argument("--plot", type=pathlib.Path, help="file for a plot of AP over time")
arguments = parser.parse_args()
lanner = Program(arguments.lanner)
shared, runs = arguments.shared_data.resolve(), arguments.runs.resolve() / arguments.data
runs.mkdir(parents=True, exist_ok=True)
data = data_set(arguments.data, lanner, shared, runs)
if arguments.max_steps:
    budget, limit = f"{arguments.max_steps} steps", ["--max-steps", arguments.max_steps]
else:
    budget = f"{arguments.minutes:g} minutes"
    limit = ["--epochs", 100000, "--max-minutes", arguments.minutes]
COMMON = [*data.options, "--backbone.width", 32, "--evaluations", 2, *limit, *arguments.train.split()]
images = data.val if arguments.split == "val" else data.test

keys = ["data", "model", "seed", "budget", "split", "steps", "boxes", "boxes_of_a_step", "options"]
rows = Rows(arguments.out, [*keys, "seconds_per_image", *METRICS], keys=len(keys))


def image_count() -> int:
    if arguments.data == "uno":
        return len(json.loads(pathlib.Path(images).read_text())["images"])
    folder, split = images.split(":")
    return len((pathlib.Path(folder) / f"ImageSets/Main/{split}.txt").read_text().split())


def measure(folder, key, flags):
    """Appends the row of an evaluation."""
    if key in rows:
        return
    out = folder / "metrics.json"
    begin = time.monotonic()
    lanner("eval", "--weights", folder / "best.safetensors", "--data", images, "--metrics-json", out, *flags)
    spent = time.monotonic() - begin
    metrics = json.loads(out.read_text())
    rows.add(*key, f"{spent / image_count():.4f}", *(f"{100 * metrics[name]:.2f}" for name in METRICS))


for seed, model in itertools.product(arguments.seeds.split(","), arguments.models.split(",")):
    start = (arguments.data, model, seed, budget, arguments.split)
    folder = runs / "-".join([model, seed, *re.findall(r"[\w.]+", f"{budget} {arguments.train}")])
    preset = ["small"] if model == "faster_rcnn" else ["small_diffusion", "--path", model]
    lanner.train(folder, "train", "--data", data.train, "--val", data.val, "--preset", *preset, "--seed", seed,
                 *COMMON)  # fmt: skip
    if model == "faster_rcnn":
        measure(folder, (*start, "", "", "", arguments.train.strip()), [])
        continue
    for steps, boxes in itertools.product(arguments.steps.split(","), arguments.boxes.split(",")):
        for control in (False, True) if steps != "1" else (False,):
            key = (*start, steps, boxes, "fresh" if control else "sampled", arguments.train.strip())
            measure(folder, key, ["--steps", steps, "--boxes", boxes, *(["--renew", 1] if control else [])])

found = {}
for key, row in rows.all().items():
    if key[0] == arguments.data and key[4] == arguments.split:
        found.setdefault((*key[1:2], *key[3:4], *key[5:]), []).append(row)
for group, runs_of_group in sorted(found.items()):
    aps = [float(row["AP"]) for row in runs_of_group]
    seconds = [float(row["seconds_per_image"]) for row in runs_of_group if row["seconds_per_image"]]
    spent = spread([1000 * value for value in seconds]) if seconds else "not measured"
    print(*group, "AP", spread(aps), "ms per image", spent, f"({len(aps)} seeds)")

if arguments.plot:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.6), dpi=110)
    for model in sorted({group[0] for group in found}):
        for of_a_step in ("sampled", "fresh", ""):
            mine = [(g, r) for g, r in found.items()
                    if g[0] == model and g[1] == budget and g[4] == of_a_step
                    and all(row["seconds_per_image"] for row in r)]  # fmt: skip
            if not mine:
                continue
            x = [sum(float(row["seconds_per_image"]) for row in r) / len(r) for _, r in mine]
            y = [sum(float(row["AP"]) for row in r) / len(r) for _, r in mine]
            axes.plot(*zip(*sorted(zip(x, y))), marker="o", label=f"{model} {of_a_step}".strip())
    axes.set(xlabel="seconds per image", ylabel=f"AP on {arguments.split}, percent")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(arguments.plot)
