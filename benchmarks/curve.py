"""A run's validation curve as CSV and picture: curve.py RUN OUT.csv OUT.png

OUT.csv has a row an evaluation: minutes of training, step, AP, AP50, AP75.
"""

import csv
import json
import pathlib
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

run, table, picture = map(pathlib.Path, sys.argv[1:])
lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
rows = [
    (line["elapsed"] / 60, line["step"], line["val_AP"], line["val_AP50"], line["val_AP75"])
    for line in lines
    if "val_AP" in line
]
with table.open("w", newline="") as file:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["minutes", "step", "AP", "AP50", "AP75"])
    writer.writerows([f"{row[0]:.2f}", row[1], *(f"{value:.4f}" for value in row[2:])] for row in rows)

figure, axes = plt.subplots(figsize=(6, 3.6), dpi=110)
for name, column in (("AP50", 3), ("AP75", 4), ("AP", 2)):
    axes.plot([row[0] for row in rows], [100 * row[column] for row in rows], marker="o", label=name)
axes.set(xlabel="minutes of training", ylabel="per cent on val", ylim=(0, 100))
axes.grid(alpha=0.3)
axes.legend(loc="lower right")
figure.tight_layout()
figure.savefig(picture)
