"""Stops runs at six points with SIGTERM, resumes them, and compares their weights bit for bit.

python benchmarks/resumed_runs.py OUT [--epochs 8]

With 1, 2 and 4 loading threads, by one process and by two. Prints how many ended with the weights of
the run that was left alone.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import lanner
from killed_runs import check
from lanner.jobs import _PROGRAM

CUTS = 6


def command(options, out, ranks, workers, *more):
    words = [_PROGRAM, "train", "--data", f"{options.out}/data:train", "--out", out, "--preset", "small",
             "--backbone.width", "16", "--resize.min-size", "64", "--resize.max-size", "96",
             "--batch-size", "2", "--amp", "false", "--epochs", options.epochs, "--workers", workers,
             "--log-every", "1", *more]  # fmt: skip
    if ranks > 1:
        words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--no-python",
                 "--nproc-per-node", ranks, *words]  # fmt: skip
    return [*map(str, words)]


def run(options, *arguments, stop_at=None):
    process = subprocess.Popen(command(options, *arguments), stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})  # fmt: skip
    log = arguments[0] / "metrics.jsonl"
    while stop_at and process.poll() is None:
        if log.exists() and log.read_text().count("\n") >= stop_at:
            process.send_signal(signal.SIGTERM)
            break
        time.sleep(0.01)
    process.wait(300)
    assert stop_at or process.returncode == 0
    return check(arguments[0] / "last.safetensors")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--epochs", type=int, default=8)
    options = parser.parse_args()
    shutil.rmtree(options.out, ignore_errors=True)
    lanner.synth(out=options.out / "data", images=40, width=96, height=64)
    for ranks in (1, 2):
        steps, expected = run(options, options.out / f"whole{ranks}", ranks, 1)
        cuts, same = [], 0
        for workers in (1, 2, 4):
            for i in range(CUTS):
                out = options.out / f"cut_{ranks}_{workers}_{i}"
                cuts.append(run(options, out, ranks, workers, stop_at=1 + int((i + 0.5) / CUTS * steps))[0])
                same += run(options, out, ranks, workers, "--resume")[1] == expected
        print(json.dumps({"ranks": ranks, "steps": steps, "cut_at": cuts, "runs": len(cuts),
                          "with_equal_weights": same}))  # fmt: skip


if __name__ == "__main__":
    main()
