"""A run's curve as CSV and picture: curve.py RUN OUT.csv OUT.png

Of `lanner train`, a row an evaluation: AP, AP50, AP75. Of `lanner pretrain`, a row a hundred steps,
each the mean of the lines between: loss, ln_n, accuracy, feature_rank.
"""

import csv
import json
import pathlib
import statistics
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

run, table, picture = map(pathlib.Path, sys.argv[1:])
lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
if "ln_n" in lines[0]:
    columns = ("loss", "ln_n", "accuracy", "feature_rank")
    drawn, unit, top = {"loss": 1, "ln_n": 1}, "nats", None
    hundreds = {}
    for line in lines:
        if "feature_rank" in line:
            hundreds.setdefault((line["step"] - 1) // 100, []).append(line)
    rows = [
        some[-1] | {name: statistics.mean(line[name] for line in some) for name in columns}
        for some in hundreds.values()
    ]
else:
    columns = ("AP", "AP50", "AP75")
    drawn, unit, top = {"AP50": 100, "AP75": 100, "AP": 100}, "per cent on val", 100
    evaluations = [line for line in lines if "val_AP" in line]
    rows = [line | {name: line[f"val_{name}"] for name in columns} for line in evaluations]
with table.open("w", newline="") as file:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["minutes", "step", *columns])
    for row in rows:
        values = (f"{row[name]:.4f}" for name in columns)
        writer.writerow([f"{row['elapsed'] / 60:.2f}", row["step"], *values])

figure, axes = plt.subplots(figsize=(6, 3.6), dpi=110)
minutes = [row["elapsed"] / 60 for row in rows]
for name, factor in drawn.items():
    axes.plot(minutes, [factor * row[name] for row in rows], marker=".", label=name)
axes.set(xlabel="minutes of training", ylabel=unit, ylim=(0, top))
axes.grid(alpha=0.3)
axes.legend(loc="lower right")
figure.tight_layout()
figure.savefig(picture)
