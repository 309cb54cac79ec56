"""The program's commands as functions: `lanner.train(data=.., out=..)` runs `lanner train`.

Options are the program's flags with _ for -. Nested options are dicts, as in `lanner.build`:
`lanner.train(.., roi={"beta": 0.5}, resize={"min_size": 480})` passes
`--roi.beta 0.5 --resize.min-size 480`. Lists become "2,3,4" and lists of lists "32;64,96".

Each command runs in its own process: a crash raises an exception, and other Python threads keep
running. Ctrl-C saves the run and stops it; `resume=True` continues it.
"""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Any, Iterable, Iterator, Mapping, Sequence

import torch

from lanner import _core

if TYPE_CHECKING:  # lanner/options.pyi: types alone, written by `make docs`
    from typing_extensions import Unpack

    from lanner.options import (
        CheckOptions,
        ConvertOptions,
        DetectOptions,
        EvalOptions,
        PretrainOptions,
        QuantizeOptions,
        SelectOptions,
        SyntheticOptions,
        TrainOptions,
    )

_PACKAGE = pathlib.Path(_core.__file__).parent
# In a wheel, within the package; in a build folder, beside it.
_PROGRAM = next(
    folder / "bin" / "lanner"
    for folder in (_PACKAGE, _PACKAGE.parents[1])
    if (folder / "bin" / "lanner").exists()
)
# Exceptions by exit code; other codes are internal errors of the program.
_ERRORS = {2: ValueError, 65: ValueError, 66: FileNotFoundError, 74: OSError}
# Flags that take several words.
_MULTIPLE_WORDS = {"against", "classes", "float-layers", "images", "merge", "source", "test", "unlabelled", "vary"}


def _is_list(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, (str, os.PathLike))


def _text(value: Any) -> str:
    """A value as the program reads it."""
    if not _is_list(value):
        return os.fspath(value) if isinstance(value, os.PathLike) else str(value)
    items = list(value)
    separator = ";" if any(map(_is_list, items)) else ","
    return separator.join(map(_text, items)) or "none"


def _flags(options: Mapping[str, Any], prefix: str = "--") -> Iterator[str]:
    """The command line of nested options; those that are None are left out."""
    for name, value in options.items():
        flag = prefix + name.replace("_", "-")
        if value is None:
            continue
        if isinstance(value, Mapping):
            yield from _flags(value, flag + ".")
        elif isinstance(value, bool):
            yield f"{flag}={str(value).lower()}"
        elif flag[2:] in _MULTIPLE_WORDS and _is_list(value):
            yield from (flag, *map(_text, value))
        else:
            yield from (flag, _text(value))


def _environment() -> dict[str, str]:
    """Of the program, which looks for torch beside lanner; it may be elsewhere in Python's path."""
    folders = [os.path.join(os.path.dirname(torch.__file__), "lib"), os.environ.get("LD_LIBRARY_PATH")]
    path = os.pathsep.join(filter(None, folders))
    return {**os.environ, "LD_LIBRARY_PATH": path, "LANNER_PARENT": str(os.getpid())}


def _run(command: str, options: Mapping[str, Any]) -> None:
    process = subprocess.Popen(
        [_PROGRAM, command, *_flags(options)],
        env=_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",  # file names may be no UTF-8
        start_new_session=True,  # so that Ctrl-C comes once, by this process
    )
    message = ""
    try:
        for line in process.stderr:
            print(line, end="", file=sys.stderr, flush=True)
            # An error message may have several lines: all from the last "error: " on.
            is_continued = message.startswith("error: ") and not line.startswith("error: ")
            message = message + line if is_continued else line
        code = process.wait()
    except BaseException as error:  # also KeyboardInterrupt
        process.send_signal(signal.SIGINT if isinstance(error, KeyboardInterrupt) else signal.SIGTERM)
        process.communicate()  # wait until it has saved
        raise
    if code == 130:
        raise KeyboardInterrupt
    if code:
        raise _ERRORS.get(code, RuntimeError)(message.strip().removeprefix("error: "))


def check_data(*, data: str | os.PathLike, **options: Unpack[CheckOptions]) -> dict[str, Any]:
    """Runs `lanner check-data`. Returns its report: images, objects, objects_per_class, issues,
    notes and more; `usable` is False if an issue must be fixed before training.

    data: DATA[:SPLIT], a folder or file of any format in docs/data.md.
    options: any of the program's, such as against, show or annotations_only.
    Raises ValueError for bad options and data that cannot be read at all, and FileNotFoundError.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "report.json"
        try:
            _run("check-data", {"data": data, **options, "json": file})
        except ValueError:  # also where issues must be fixed: then there is a report
            if not file.exists():
                raise
        report = file.read_text()
    if options.get("json"):
        pathlib.Path(options["json"]).write_text(report)
    return json.loads(report)


def convert_data(
    *, data: str | os.PathLike, out: str | os.PathLike, **options: Unpack[ConvertOptions]
) -> pathlib.Path:
    """Runs `lanner convert-data`: writes data of any format as COCO, VOC or YOLO. Returns `out`.

    data: DATA[:SPLIT].
    out: a folder that is new or empty.
    options: to ("coco", "voc" or "yolo"), split=[80, 10, 10], seed, classes, merge=["old=new"],
        link.
    Raises the same errors as `train`.
    """
    _run("convert-data", {"data": data, "out": out, **options})
    return pathlib.Path(out)


def train(
    *, data: str | os.PathLike, out: str | os.PathLike, **options: Unpack[TrainOptions]
) -> pathlib.Path:
    """Runs `lanner train`. Returns the path of the best weights, for `lanner.load`.

    data: DATA[:SPLIT].
    out: the run folder.
    options: any of the program's, such as preset, val, epochs, max_minutes, init, device,
        `backbone="resnet18-fpn"` or `roi={"sampling": "ohem"}`.
    Raises ValueError for bad options or data, FileNotFoundError, OSError and KeyboardInterrupt.
    """
    _run("train", {"data": data, "out": out, **options})
    return pathlib.Path(out) / "best.safetensors"


def tune(
    *,
    data: str | os.PathLike,
    val: str | os.PathLike,
    out: str | os.PathLike,
    minutes: float = 60,
    lrs: Sequence[float] = (),
    batch_sizes: Sequence[int] = (),
    vary: Sequence[str] = (),
    **options: Unpack[TrainOptions],
) -> dict[str, Any]:
    """Runs `lanner tune`. Returns what OUT/tune.json holds: lr, batch_size and AP with their
    intervals, the power laws, and the doubts; OUT/tuned.cfg is for `lanner.train(config=..)`.

    data, val: DATA[:SPLIT].
    out: the folder of the trials.
    minutes: of training in all trials together.
    lrs, batch_sizes: what to try; by default factors of what `--preset auto` chooses.
    vary: other options to try, such as "roi.beta=0.1,0.5".
    options: of `lanner train`; max_minutes is the length of the run that is predicted.
    Raises the same errors as `train`.
    """
    search = {"minutes": minutes, "lrs": lrs, "batch_sizes": batch_sizes, "vary": vary}
    given = {name: value for name, value in search.items() if value}
    _run("tune", {"data": data, "val": val, "out": out, **given, **options})
    return json.loads((pathlib.Path(out) / "tune.json").read_text())


def pretrain(
    *,
    images: str | os.PathLike | Iterable[str | os.PathLike],
    out: str | os.PathLike,
    **options: Unpack[PretrainOptions],
) -> pathlib.Path:
    """Runs `lanner pretrain`. Returns the path of the weights, for `lanner.train(init=..)`.

    images: a folder or several.
    out: the run folder.
    options: any of the program's, such as epochs, max_minutes or `patch={"size": 32}`.
    Raises the same errors as `train`.
    """
    _run("pretrain", {"images": images, "out": out, **options})
    return pathlib.Path(out) / "best.safetensors"


def select(
    *,
    images: str | os.PathLike | Iterable[str | os.PathLike],
    count: int,
    out: str | os.PathLike | None = None,
    **options: Unpack[SelectOptions],
) -> list[pathlib.Path]:
    """Runs `lanner select`. Returns the images that are to be labeled first, the most wanted first.

    images: a folder or several.
    out: the file for the list; None: it is not kept.
    options: any of the program's, such as weights, already or link.
    Raises the same errors as `train`; ValueError also where there are fewer images than `count`.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(out or pathlib.Path(folder) / "selected.txt")
        _run("select", {"images": images, "count": count, "out": file, **options})
        return [pathlib.Path(line) for line in file.read_text().splitlines()]


def evaluate(**options: Unpack[EvalOptions]) -> dict[str, Any]:
    """Runs `lanner eval`, with weights=.. and data=.., or with annotations=.. and detections=..

    Returns the metrics as `--metrics-json` writes them; AP and AR are in 0..1. Raises the same
    errors as `train`.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(options.get("metrics_json") or pathlib.Path(folder) / "metrics.json")
        _run("eval", {**options, "metrics_json": file})
        return json.loads(file.read_text())


def detect(
    *,
    weights: str | os.PathLike,
    source: str | os.PathLike | Iterable[str | os.PathLike],
    out: str | os.PathLike,
    **options: Unpack[DetectOptions],
) -> list[dict[str, Any]]:
    """Runs `lanner detect` on images, folders, videos or streams. Returns what its JSON file holds:
    a dict per detection, with file_name, category_id, bbox (x, y, width, height), score and, of
    videos, frame, seconds and track. `lanner.load` is for tensors and images in memory.

    weights: a detector's.
    source: one or several.
    out: the folder for annotated images and videos.
    options: any of the program's, such as conf, save_video, track, tile or every.
    Raises the same errors as `train`; ValueError if a source cannot be read, after the others have
    been.
    """
    _run("detect", {"weights": weights, "source": source, "out": out, **options})
    file = options.get("save_json") or pathlib.Path(out) / "detections.json"
    return json.loads(pathlib.Path(file).read_text())


def quantize(
    *, weights: str | os.PathLike, out: str | os.PathLike, **options: Unpack[QuantizeOptions]
) -> pathlib.Path:
    """Runs `lanner quantize`: quantizes a detector to int8, for CPUs. Returns `out`, for
    `lanner.load`.

    weights: a detector's.
    out: the file.
    options: data=.. or images=.., on which the layers' ranges are measured, and others of the
        program's, such as count, range or float_layers.
    Raises the same errors as `train`.
    """
    _run("quantize", {"weights": weights, "out": out, **options})
    return pathlib.Path(out)


def synth(*, out: str | os.PathLike, **options: Unpack[SyntheticOptions]) -> pathlib.Path:
    """Runs `lanner synth`: draws scenes with exact boxes, to try things out. Returns `out`.

    out: the folder, for `lanner.train(data=f"{out}:train", val=f"{out}:val", ..)`.
    options: images, seed, width, height and others of the program's.
    """
    _run("synth", {"out": out, **options})
    return pathlib.Path(out)
