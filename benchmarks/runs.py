"""Runs of the program, with their results in a CSV file, so that comparisons can be continued."""

import csv
import dataclasses
import json
import pathlib
import statistics
import subprocess

METRICS = ("AP", "AP50", "AP75")
# The 97.5 % quantile of Student's t by degrees of freedom, for 95 % confidence intervals.
T = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26,
     10: 2.23, 11: 2.20, 12: 2.18, 13: 2.16, 14: 2.14}  # fmt: skip


class Rows:
    """The rows of a CSV file by their first `keys` columns. Added rows are written at once."""

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
        with self.path.open("a", newline="") as file:
            csv.writer(file, lineterminator="\n").writerow(values)


class Program:
    """The lanner program."""

    def __init__(self, path: pathlib.Path):
        self.path = path

    def __call__(self, *arguments) -> None:
        subprocess.run([self.path, *map(str, arguments)], check=True)

    def train(self, folder: pathlib.Path, *arguments) -> None:
        """Runs `lanner train` or `pretrain` in `folder`; goes on with an earlier run there, which may
        be over."""
        resume = ["--resume"] if (folder / "last.safetensors").exists() else []
        self(*arguments, "--out", folder, *resume)

    def metrics(self, folder: pathlib.Path, data: str) -> list[str]:
        """AP, AP50 and AP75 in percent of the weights in `folder` on data."""
        out = folder / "test.json"
        weights = folder / "best.safetensors"
        self("eval", "--weights", weights, "--data", data, "--metrics-json", out)
        metrics = json.loads(out.read_text())
        return [f"{100 * metrics[name]:.2f}" for name in METRICS]

    def score(self, folder: pathlib.Path, data: str) -> list:
        """The number of steps, then AP, AP50 and AP75 in percent, of a run's weights on data."""
        steps = json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])["step"]
        return [int(steps), *self.metrics(folder, data)]


@dataclasses.dataclass
class Data:
    """DATA[:SPLIT] of the splits of a data set, and what `lanner train` needs for it."""

    train: str
    val: str
    test: str
    options: list


def drawn_scenes(lanner: Program, folder: pathlib.Path) -> pathlib.Path:
    """`folder`, with 800 drawn scenes for training and 200 for val, drawn where it lacks them."""
    if not (folder / "ImageSets").exists():
        lanner("synth", "--out", folder, "--images", 1000, "--seed", 11)
    return folder


def data_set(name: str, lanner: Program, shared: pathlib.Path, runs: pathlib.Path) -> Data:
    """Of `name`: synth (drawn scenes in a folder of `runs`; val stands for test, too), bccd or uno."""
    if name == "bccd":
        return Data(f"{shared}/bccd:train", f"{shared}/bccd:val", f"{shared}/bccd:test", [])
    if name == "uno":
        files = [shared / f"uno224/annotations/instances_{split}.json" for split in ("train", "valid", "test")]
        return Data(*map(str, files),
                    ["--resize.min-size", 224, "--resize.max-size", 224, "--horizontal-flip", 0,
                     "--anchors.sizes", "16,24;32,48;64,96"])  # fmt: skip
    synth = drawn_scenes(lanner, runs / "data")
    return Data(f"{synth}:train", f"{synth}:val", f"{synth}:val",
                ["--resize.min-size", 192, "--resize.max-size", 256])  # fmt: skip


def spread(values: list[float]) -> str:
    """The mean and standard deviation as text."""
    return (
        f"{statistics.mean(values):.1f} ± {statistics.stdev(values) if len(values) > 1 else 0:.1f}"
    )


def interval(values: list[float]) -> str:
    """The mean with its 95 % confidence interval as text."""
    if len(values) < 2:
        return f"{values[0]:+.1f}"
    mean = statistics.mean(values)
    half = T[len(values) - 1] * statistics.stdev(values) / len(values) ** 0.5
    return f"{mean:+.1f} [{mean - half:+.1f}, {mean + half:+.1f}]"
