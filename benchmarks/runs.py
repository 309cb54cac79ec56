"""Runs of the program as rows of a CSV file: a stopped comparison goes on where it was."""

import csv
import json
import pathlib
import statistics
import subprocess

METRICS = ("AP", "AP50", "AP75")
# Student's t at 97.5 %, by degrees of freedom: half the 95 % interval of a mean.
T = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26}


class Rows:
    """The rows of a CSV file by their first `keys` columns; added ones are written at once."""

    def __init__(self, path: pathlib.Path, columns: list[str], keys: int):
        self.path, self.columns, self.keys = path, columns, keys
        if not path.exists():
            path.write_text(",".join(columns) + "\n")

    def all(self) -> dict[tuple, dict]:
        with self.path.open() as file:
            return {
                tuple(row[c] for c in self.columns[: self.keys]): row
                for row in csv.DictReader(file)
            }

    def __contains__(self, key: tuple) -> bool:
        return tuple(map(str, key)) in self.all()

    def add(self, *values) -> None:
        with self.path.open("a") as file:
            file.write(",".join(map(str, values)) + "\n")


class Program:
    def __init__(self, path: pathlib.Path):
        self.path = path

    def __call__(self, *words) -> None:
        subprocess.run([self.path, *map(str, words)], check=True)

    def train(self, place: pathlib.Path, *words) -> None:
        """`lanner train` or `pretrain` into `place`, from where it stopped, if it was not done."""
        if (place / "best.safetensors").exists() and (place / "report.html").exists():
            return
        resume = ["--resume"] if (place / "last.safetensors").exists() else []
        self(*words, "--out", place, *resume)

    def score(self, place: pathlib.Path, data: str) -> list:
        """Steps, then AP, AP50 and AP75 in per cent, of a run's weights on data."""
        out = place / "test.json"
        self("eval", "--weights", place / "best.safetensors", "--data", data, "--metrics-json", out)
        metrics = json.loads(out.read_text())
        steps = json.loads((place / "metrics.jsonl").read_text().splitlines()[-1])["step"]
        return [int(steps), *(f"{100 * metrics[name]:.2f}" for name in METRICS)]


def spread(values: list[float]) -> str:
    return (
        f"{statistics.mean(values):.1f} ± {statistics.stdev(values) if len(values) > 1 else 0:.1f}"
    )


def interval(values: list[float]) -> str:
    """A mean with its 95 % interval."""
    if len(values) < 2:
        return f"{values[0]:+.1f}"
    mean = statistics.mean(values)
    half = T[len(values) - 1] * statistics.stdev(values) / len(values) ** 0.5
    return f"{mean:+.1f} [{mean - half:+.1f}, {mean + half:+.1f}]"
