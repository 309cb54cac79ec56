"""What pretraining is worth with few labels: label_efficiency.py LANNER SHARED_DATA RUNS OUT.csv
    [--data bccd|asl|synth] [--labels 10,20,40,all] [--seeds 1,2,3,4,5] [--minutes 30]
    [--cpc "OPTIONS"] [--simclr "OPTIONS"] [--given NAME=FILE..] [--plot OUT.png]

Pretrains on all training images without their labels, by CPC and by the SimCLR-style objective;
then trains the same small detector from random weights and from either, on as many labelled images
as is asked for, which the seed picks, with equal schedules; scores the last weights on the test
split, and appends a row to OUT.csv. What OUT.csv holds already is not run again, whatever the
options: other ones want another RUNS and OUT.csv. In the end it prints means, standard deviations,
and the paired differences from random weights with their 95 % intervals, which are those of labels
and detectors: all seeds start from one pretrained backbone. --given NAME=FILE and --inits NAME
start from weights that were made elsewhere.
"""

import argparse
import contextlib
import itertools
import json
import pathlib
import random
import shlex
import statistics

from runs import METRICS, Program, Rows, interval, spread

BATCH = 4
OBJECTIVES = ("cpc", "simclr")

parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
for name in ("lanner", "shared_data", "runs", "out"):
    parser.add_argument(name, type=pathlib.Path)
parser.add_argument("--data", choices=("bccd", "asl", "synth"), default="bccd")
parser.add_argument("--labels", default="10,20,40,all")
parser.add_argument("--seeds", default="1,2,3,4,5", help="of all labels: the first three")
parser.add_argument("--inits", default="random,cpc,simclr")
parser.add_argument("--given", default=[], nargs="+", help="NAME=FILE: a backbone's weights")
parser.add_argument("--minutes", type=float, default=30, help="of pretraining, each objective")
parser.add_argument("--cpc", default="", help="further options of lanner pretrain for CPC")
parser.add_argument(
    "--simclr", default="--batch-size 64", help="likewise for SimCLR, whose batch is its negatives"
)
parser.add_argument("--train", default="", help="further options of lanner train")
parser.add_argument("--plot", type=pathlib.Path, help="a picture of AP50 against labels")
arguments = parser.parse_args()
if odd := [item for item in arguments.given if "=" not in item]:
    parser.error(f"--given: expected NAME=FILE, got {odd[0]}")
given = dict(item.split("=", 1) for item in arguments.given)
known = ["random", *OBJECTIVES, *given]
if unknown := set(arguments.inits.split(",")) - set(known):
    parser.error(f"--inits: expected some of {', '.join(known)}, got {', '.join(unknown)}")
lanner = Program(arguments.lanner)
shared, runs = arguments.shared_data.resolve(), arguments.runs / arguments.data
runs.mkdir(parents=True, exist_ok=True)

SMALL = ["--min-size", 240, "--max-size", 320, "--anchor-sizes", "24,40;64,96;144,208"]
LETTERS = ["--min-size", 224, "--max-size", 224, "--horizontal-flip", 0]
synth, asl = runs / "data", shared / "asl_letters"
# Training data whose images are unlabelled for pretraining; test data; options of the detector;
# steps of its training: 26 letters take more.
DATA = {
    "bccd": (shared / "bccd", f"{shared}/bccd:test", SMALL, 400),
    "asl": (asl, f"{asl}/annotations/instances_test.json", LETTERS, 1200),
    "synth": (synth, f"{synth}:val", ["--min-size", 192, "--max-size", 256], 400),
}
root, test, options, steps = DATA[arguments.data]
if arguments.data == "synth" and not (synth / "ImageSets").exists():
    lanner("synth", "--out", synth, "--images", 1000, "--seed", 11)


def coco(file: pathlib.Path) -> dict:
    return json.loads(file.read_text())


def link(place: pathlib.Path, target: pathlib.Path) -> None:
    with contextlib.suppress(FileExistsError):  # another process may have made it
        place.symlink_to(target)


def training_images() -> list[str]:
    """Names of the training split, without extension for VOC."""
    if arguments.data == "asl":
        return [
            image["file_name"] for image in coco(asl / "annotations/instances_train.json")["images"]
        ]
    return (root / "ImageSets/Main/train.txt").read_text().split()


def unlabelled() -> pathlib.Path:
    """A folder of the training split's images alone: those of other splits are never seen."""
    folder = runs / "unlabelled"
    folder.mkdir(exist_ok=True)
    for name in training_images():
        source = (
            asl / "train/images" / name
            if arguments.data == "asl"
            else root / "JPEGImages" / f"{name}.jpg"
        )
        link(folder / source.name, source)
    return folder


def labelled(count: str, seed: str) -> str:
    """DATA[:SPLIT] of as many training images as `count` says, picked by the seed."""
    names = training_images()
    if count != "all":
        names = sorted(random.Random(f"{seed} labels").sample(names, int(count)))
    if arguments.data == "asl":
        whole = coco(asl / "annotations/instances_train.json")
        images = [image for image in whole["images"] if image["file_name"] in set(names)]
        ids = {image["id"] for image in images}
        part = whole | {
            "images": images,
            "annotations": [a for a in whole["annotations"] if a["image_id"] in ids],
        }
        file = runs / f"train-{count}-{seed}.json"
        file.write_text(json.dumps(part))
        return str(file)
    folder = runs / "voc"
    (folder / "ImageSets/Main").mkdir(parents=True, exist_ok=True)
    for part in ("Annotations", "JPEGImages"):
        link(folder / part, root.resolve() / part)
    (folder / f"ImageSets/Main/{count}-{seed}.txt").write_text("\n".join(names) + "\n")
    return f"{folder}:{count}-{seed}"


def pretrained(init: str) -> list:
    if init == "random":
        return []
    if init in given:
        return ["--init", given[init]]
    place = runs / init
    lanner.train(place, "pretrain", "--images", unlabelled(), "--objective", init,
                 "--epochs", 100000, "--max-minutes", arguments.minutes, "--show",
                 *shlex.split(getattr(arguments, init)))  # fmt: skip
    return ["--init", place / "best.safetensors"]


rows = Rows(arguments.out, ["data", "labels", "init", "seed", "steps", *METRICS], keys=4)
for seed in arguments.seeds.split(","):
    for count in arguments.labels.split(","):
        for init in arguments.inits.split(","):
            if (arguments.data, count, init, seed) in rows or (count == "all" and int(seed) > 3):
                continue
            size = len(training_images()) if count == "all" else int(count)
            epochs = max(1, round(steps / (size // BATCH)))
            place = runs / f"{count}-{init}-{seed}"
            words = ["--data", labelled(count, seed), "--preset", "small", "--epochs", epochs,
                     "--seed", seed, *options, *pretrained(init),
                     *shlex.split(arguments.train)]  # fmt: skip
            if arguments.data == "asl":
                words += ["--image-root", asl / "train/images"]
            lanner.train(place, "train", *words)
            rows.add(arguments.data, count, init, seed, *lanner.score(place, test))

found = {key: row for key, row in rows.all().items() if key[0] == arguments.data}
seeds = sorted({key[3] for key in found})
inits = sorted({key[2] for key in found}, key=lambda init: (init != "random", init))
counts = sorted({key[1] for key in found}, key=lambda count: (count == "all", count.zfill(9)))


def values(count, init, metric, others=None):
    return [
        float(found[arguments.data, count, init, seed][metric])
        for seed in seeds
        if (arguments.data, count, init, seed) in found
        and (others is None or (arguments.data, count, others, seed) in found)
    ]


for count in counts:
    for init in inits:
        if own := values(count, init, "AP"):
            texts = [f"{name} {spread(values(count, init, name))}" for name in METRICS]
            print(f"{arguments.data} {count:>4} {init:8} {', '.join(texts)} ({len(own)} seeds)")
    for other, one in itertools.combinations(inits, 2):
        if values(count, one, "AP", other):
            texts = [
                name + " " + interval([a - b for a, b in zip(
                    values(count, one, name, other), values(count, other, name, one))])
                for name in METRICS
            ]  # fmt: skip
            print(f"{arguments.data} {count:>4} {one} - {other}: {', '.join(texts)}")

if arguments.plot:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.6), dpi=110)
    size = {count: len(training_images()) if count == "all" else int(count) for count in counts}
    for k, init in enumerate(inits):
        at = [count for count in counts if values(count, init, "AP50")]
        found50 = [values(count, init, "AP50") for count in at]
        means = [statistics.mean(of) for of in found50]
        errors = [statistics.stdev(of) if len(of) > 1 else 0 for of in found50]
        beside = 1.025 ** (k - len(inits) / 2)  # so that no bar hides another
        axes.errorbar(
            [size[count] * beside for count in at], means, errors, marker="o", capsize=3, label=init
        )
    axes.set(xscale="log", xlabel="labelled images", ylabel="AP50 on the test split, per cent")
    axes.set_xticks([size[count] for count in counts], [str(size[count]) for count in counts])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(arguments.plot)
