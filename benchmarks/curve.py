"""A run's curve as CSV and picture: curve.py RUN OUT.csv OUT.png

Of `lanner train`, a row an evaluation: AP, AP50, AP75. Of `lanner pretrain`, a row a hundred steps, each
the mean of the lines between: loss, ln N, accuracy, feature_rank.
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
pretraining = "ln_n" in lines[0]
columns = ("loss", "ln_n", "accuracy", "feature_rank") if pretraining else ("AP", "AP50", "AP75")
if pretraining:
    groups = {}
    for line in lines:
        if "feature_rank" in line:
            groups.setdefault((line["step"] - 1) // 100, []).append(line)
    rows = [
        {"elapsed": of[-1]["elapsed"], "step": of[-1]["step"],
         **{name: statistics.mean(line[name] for line in of) for name in columns}}
        for of in groups.values()
    ]  # fmt: skip
else:
    rows = [line | {name: line[f"val_{name}"] for name in columns} for line in lines if "val_AP" in line]
with table.open("w", newline="") as file:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["minutes", "step", *columns])
    for row in rows:
        writer.writerow([f"{row['elapsed'] / 60:.2f}", row["step"], *(f"{row[name]:.4f}" for name in columns)])

figure, axes = plt.subplots(figsize=(6, 3.6), dpi=110)
minutes = [row["elapsed"] / 60 for row in rows]
for name in columns[:2] if pretraining else columns:
    factor = 1 if pretraining else 100
    axes.plot(minutes, [factor * row[name] for row in rows], marker=None if pretraining else "o", label=name)
axes.set_xlabel("minutes of training")
axes.set_ylabel("nats" if pretraining else "per cent on val")
axes.set_ylim(0, None if pretraining else 100)
axes.grid(alpha=0.3)
axes.legend(loc="lower right")
figure.tight_layout()
figure.savefig(picture)
