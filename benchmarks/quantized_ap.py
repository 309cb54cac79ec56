"""Measures what int8 costs in AP: detectors of several seeds, before and after `lanner quantize`.

    quantized_ap.py LANNER SHARED_DATA RUNS OUT.csv
        [--data bccd,uno,synth] [--models small,small_rfcn] [--seeds 1,2,3] [--max-steps 1000]
        [--train "OPTIONS OF lanner train"]

Ranges are measured on the training images, without their labels; AP is that of the test split (of val
for drawn scenes). Appends a row for each detector to OUT.csv; rows that it has are not run again.
"""

import argparse
import itertools
import pathlib
import re
import statistics

from runs import METRICS, Program, Rows, data_set

parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
for name in ("lanner", "shared_data", "runs", "out"):
    parser.add_argument(name, type=pathlib.Path)
parser.add_argument("--data", default="bccd,uno,synth")
parser.add_argument("--models", default="small,small_rfcn", help="presets")
parser.add_argument("--seeds", default="1,2,3")
parser.add_argument("--max-steps", type=int, default=1000)
parser.add_argument("--train", default="", help="additional options of lanner train")
arguments = parser.parse_args()
lanner = Program(arguments.lanner)
shared, runs = arguments.shared_data.resolve(), arguments.runs.resolve()
runs.mkdir(parents=True, exist_ok=True)

keys = ["data", "preset", "seed", "max_steps", "options"]
after = [f"{name}_int8" for name in METRICS]
rows = Rows(arguments.out, [*keys, *METRICS, *after], keys=len(keys))

for seed, name, preset in itertools.product(
    arguments.seeds.split(","), arguments.data.split(","), arguments.models.split(",")
):
    key = (name, preset, seed, arguments.max_steps, arguments.train.strip())
    if key in rows:
        continue
    data = data_set(name, lanner, shared, runs)
    folder = runs / "-".join([*map(str, key[:-1]), *re.findall(r"[\w.]+", arguments.train)])
    lanner.train(folder, "train", "--data", data.train, "--val", data.val, "--preset", preset,
                 "--seed", seed, "--max-steps", arguments.max_steps, "--evaluations", 2,
                 *data.options, *arguments.train.split())  # fmt: skip
    quantized = folder / "int8"
    quantized.mkdir(exist_ok=True)
    lanner("quantize", "--weights", folder / "best.safetensors", "--data", data.train, "--evaluate", "false",
           "--out", quantized / "best.safetensors")  # fmt: skip
    rows.add(*key, *lanner.metrics(folder, data.test), *lanner.metrics(quantized, data.test))

lost = {}
for key, row in rows.all().items():
    lost.setdefault(key[:2], []).append(float(row["AP"]) - float(row["AP_int8"]))
for (name, preset), values in sorted(lost.items()):
    print(name, preset, "AP lost", ", ".join(f"{value:.2f}" for value in values))
every = [value for values in lost.values() for value in values]
print(f"mean {statistics.mean(every):.2f}, most {max(every):.2f}, {len(every)} detectors")
