"""Kills training runs at random moments, and looks at what is left.

python benchmarks/killed_runs.py OUT [--kills 100] [--ranks 1] [--save-minutes 0.02]

After each SIGKILL every checkpoint must have the hash that it names, and nothing of the log may be
lost beyond it; then the run goes on. At its end its weights must be those of a run that was left
alone. Prints what was found.
"""

import argparse
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

import lanner
from lanner.jobs import _PROGRAM


def check(file):
    """The step of a whole checkpoint; raises if it is not whole."""
    content = file.read_bytes()
    size = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + size])["__metadata__"]
    assert hashlib.sha256(content[8 + size :]).hexdigest() == metadata["sha256"], file
    return json.loads(metadata["training"])["step"], hashlib.sha256(content[8 + size :]).hexdigest()


def command(options, out, *more):
    words = [_PROGRAM, "train", "--data", f"{options.out}/data:train", "--out", out, "--preset", "small",
             "--resize.min-size", "64", "--resize.max-size", "96", "--batch-size", "2", "--amp", "false",
             "--epochs", options.epochs, "--workers", "1", "--log-every", "1", "--save-minutes",
             options.save_minutes, *more]  # fmt: skip
    if options.ranks > 1:
        words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--no-python",
                 "--nproc-per-node", options.ranks, *words]  # fmt: skip
    return [*map(str, words)]


def begin(*arguments):
    return subprocess.Popen(command(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                            start_new_session=True, env={**os.environ, "OMP_NUM_THREADS": "1"})  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--save-minutes", type=float, default=0.02)
    options = parser.parse_args()
    shutil.rmtree(options.out, ignore_errors=True)
    lanner.synth(out=options.out / "data", images=40, width=96, height=64)
    rng = random.Random(0)
    killed = inside_a_save = runs = 0
    while killed < options.kills:
        runs += 1
        out = options.out / f"run{runs}"
        while killed < options.kills:
            more = ["--resume"] if (out / "last.safetensors").exists() else []
            if not more:
                shutil.rmtree(out, ignore_errors=True)
            process = begin(options, out, *more)
            try:
                process.wait(rng.uniform(0.3, 3) + 4 * (options.ranks > 1))
                message = process.stderr.read().decode()
                assert process.returncode == 0, message
                break
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                # torchrun gives its workers sessions of their own.
                subprocess.run(["pkill", "-9", "-f", f"bin/lanner train.*{out} "], check=False)
                process.wait()
                killed += 1
            inside_a_save += (out / "last.safetensors.partial").exists()
            if (out / "last.safetensors").exists():
                step, _ = check(out / "last.safetensors")
                lines = (out / "metrics.jsonl").read_text().splitlines()
                steps = [json.loads(line)["step"] for line in lines[:-1]]  # the last may be cut off
                assert not steps or steps[-1] >= step - 1, (steps[-1], step)
        else:
            process = begin(options, out, "--resume") if (out / "last.safetensors").exists() else None
            if process:
                message = process.communicate()[1].decode()
                assert process.returncode == 0, message
    alone = options.out / "alone"
    process = begin(options, alone)
    assert process.communicate() and process.returncode == 0
    expected = check(alone / "last.safetensors")
    same = [check(path)[1] == expected[1] for path in options.out.glob("run*/last.safetensors")]
    print(json.dumps({"kills": killed, "inside_a_save": inside_a_save, "runs": runs, "ranks": options.ranks,
                      "ended": len(same), "with_the_weights_of_a_run_left_alone": sum(same)}))  # fmt: skip


if __name__ == "__main__":
    main()
