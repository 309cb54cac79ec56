"""The program's jobs as functions: `lanner.train(data=.., out=..)` is `lanner train --data .. --out ..`.

Options have the program's names, with _ for -. They run in a process of their own: a crash there is an
exception here, Ctrl-C stops a run as it does in the shell (what was learned is saved, and `resume=True`
goes on), and other threads of Python go on meanwhile.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import tempfile
from typing import Any, Iterable, Mapping

from lanner import _core

_PROGRAM = pathlib.Path(_core.__file__).parents[2] / "bin" / "lanner"
# What the exit codes mean; others are the program's own faults.
_ERRORS = {2: ValueError, 65: ValueError, 66: FileNotFoundError, 74: OSError}
_SEVERAL = {"images", "test"}  # options that take several words


def _words(options: Mapping[str, Any]) -> Iterable[str]:
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        if value is None:
            continue
        if isinstance(value, bool):
            yield f"{flag}={str(value).lower()}"
        elif isinstance(value, (str, os.PathLike)) or not isinstance(value, Iterable):
            yield from (flag, os.fspath(value) if isinstance(value, os.PathLike) else str(value))
        elif name in _SEVERAL:
            yield from (flag, *map(str, value))
        else:
            yield from (flag, ",".join(map(str, value)))


def _run(job: str, options: Mapping[str, Any]) -> None:
    process = subprocess.Popen(
        [_PROGRAM, job, *_words(options)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    message = ""
    try:
        for line in process.stderr:
            print(line, end="", file=sys.stderr, flush=True)
            # What follows the last "error:" belongs to it: lists of tensors, say.
            message = line if line.startswith("error: ") or not message.startswith("error: ") else message + line
        code = process.wait()
    except KeyboardInterrupt:
        process.communicate()  # the program heard it as well: it saves, and ends
        raise
    if code == 130:
        raise KeyboardInterrupt
    if code:
        raise _ERRORS.get(code, RuntimeError)(message.strip().removeprefix("error: "))


def train(*, data: str | os.PathLike, out: str | os.PathLike, **options: Any) -> pathlib.Path:
    """`lanner train`: returns the path of the best weights, for `lanner.load`.

    data: DATA[:SPLIT]. out: the run's folder. options: any of the program's, such as preset, val, epochs,
    max_minutes, init, device; a sequence of numbers is joined by commas.
    Raises ValueError for bad options and data, FileNotFoundError, OSError, KeyboardInterrupt.
    """
    _run("train", {"data": data, "out": out, **options})
    return pathlib.Path(out) / "best.safetensors"


def pretrain(
    *, images: str | os.PathLike | Iterable[str | os.PathLike], out: str | os.PathLike, **options: Any
) -> pathlib.Path:
    """`lanner pretrain`: returns the path of the weights, for `lanner.train(init=..)`.

    images: a folder or several. Errors as of `train`.
    """
    _run("pretrain", {"images": images, "out": out, **options})
    return pathlib.Path(out) / "best.safetensors"


def evaluate(**options: Any) -> dict[str, Any]:
    """`lanner eval`, of weights=.. and data=.., or of annotations=.. and detections=..

    Returns the numbers that `--metrics-json` holds, 0 to 1. Errors as of `train`.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(options.get("metrics_json") or pathlib.Path(folder) / "metrics.json")
        _run("eval", {**options, "metrics_json": file})
        return json.loads(file.read_text())
