"""Writes the learning curve of a run as a table and a plot.

    curve.py RUN OUT.csv OUT.png

For `lanner train`, the table has a row per evaluation: AP, AP50, AP75. For `lanner pretrain`, it
has a row per hundred steps with the means of loss, ln_n, accuracy and feature_rank.
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
    curves, ylabel, max_y = {"loss": 1, "ln_n": 1}, "nats", None  # curves: factor of each
    groups = {}
    for line in lines:
        if "feature_rank" in line:
            groups.setdefault((line["step"] - 1) // 100, []).append(line)
    rows = [
        group[-1] | {name: statistics.mean(line[name] for line in group) for name in columns}
        for group in groups.values()
    ]
else:
    columns = ("AP", "AP50", "AP75")
    curves, ylabel, max_y = {"AP50": 100, "AP75": 100, "AP": 100}, "percent on val", 100
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
for name, factor in curves.items():
    axes.plot(minutes, [factor * row[name] for row in rows], marker=".", label=name)
axes.set(xlabel="minutes of training", ylabel=ylabel, ylim=(0, max_y))
axes.grid(alpha=0.3)
axes.legend(loc="lower right")
figure.tight_layout()
figure.savefig(picture)
