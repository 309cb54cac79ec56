"""Runs that are interrupted, damaged, changed and continued."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch

from lanner.jobs import _PROGRAM

OPTIONS = ["--preset", "small", "--resize.min-size", "64", "--resize.max-size", "96", "--amp", "false",
           "--workers", "1", "--log-every", "1", "--batch-size", "2", "--seed", "3", "--backbone.width", "8",
           "--roi.head-width", "32"]  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    out = tmp_path_factory.mktemp("resume") / "data"
    subprocess.run([_PROGRAM, "synth", "--images", "10", "--width", "96", "--height", "64", "--out",
                    out], check=True, capture_output=True)  # fmt: skip
    return out


def command(data, out, *options):
    words = [_PROGRAM, "train", "--data", f"{data}:train", "--out", out, *OPTIONS, *options]
    return [*map(str, words)]


def train(data, out, *options, code=0, **environment):
    result = subprocess.run(command(data, out, *options), capture_output=True, text=True, timeout=120,
                            env={**os.environ, **environment})  # fmt: skip
    assert result.returncode == code, result.stderr
    return result.stderr


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("finished") / "run"
    train(data, out, "--epochs", "2")
    return out


@pytest.fixture
def run(finished, tmp_path):
    return pathlib.Path(shutil.copytree(finished, tmp_path / "run"))


def rows(out):
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def wait_for_steps(out, count=2):
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if (out / "metrics.jsonl").exists() and len(rows(out)) >= count:
            return
        time.sleep(0.02)
    raise TimeoutError


def train_with_an_interruption(data, out, *options, after):
    """Trains until some steps are logged, ends the run by a signal, and goes on with it."""
    process = subprocess.Popen(command(data, out, *options), stderr=subprocess.DEVNULL)
    wait_for_steps(out, after)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) in (0, 143)
    train(data, out, *options, "--resume")


def test_a_run_that_is_over_says_so(data, run):
    before = (run / "last.safetensors").read_bytes()
    assert "is over, at step 8: there is nothing left to do" in train(
        data, run, "--epochs", "2", "--resume"
    )
    assert (run / "last.safetensors").read_bytes() == before


def test_steps_instead_of_epochs_are_refused_and_other_batches_keep_the_step(data, run, tmp_path):
    message = train(data, run, "--epochs", "2", "--max-steps", "99", "--resume", code=2)
    assert "max-steps: was 0, is 99" in message
    out = tmp_path / "steps"
    train(data, out, "--max-steps", "3")
    message = train(data, out, "--max-steps", "3", "--batch-size", "1", "--resume", "--override")
    assert "is over, at step 3" in message


def test_more_epochs_are_refused_because_the_learning_rate_would_jump(data, run):
    for more in ([], ["--override"]):
        message = train(data, run, "--epochs", "4", "--resume", *more, code=2)
        assert "epochs: was 2, is 4" in message and "--init" in message


def test_what_changes_the_run_is_listed_and_taken_on_demand(data, tmp_path):
    out = tmp_path / "run"
    process = subprocess.Popen(command(data, out, "--epochs", "200"), stderr=subprocess.DEVNULL)
    wait_for_steps(out)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
    changes = ["--epochs", "200", "--resume", "--lr", "0.001", "--batch-size", "4"]
    message = train(data, out, *changes, code=2)
    assert "lr: was 0.02, is 0.001" in message
    assert "images per step: was 2, is 4" in message
    step = rows(out)[-1]["step"]
    process = subprocess.Popen(command(data, out, *changes, "--override"), stderr=subprocess.PIPE, text=True)
    time.sleep(3)
    process.send_signal(signal.SIGTERM)
    assert "note: --override: the run goes on with changes" in process.communicate(timeout=60)[1]
    steps = [row["step"] for row in rows(out)]
    assert steps[-1] >= step / 2


def test_other_classes_and_other_objects_are_refused(data, run, tmp_path):
    other = shutil.copytree(data, tmp_path / "other")
    for file in (other / "Annotations").glob("*.xml"):
        text = file.read_text()
        file.write_text(text.replace("<name>arrow</name>", "<name>zebra</name>"))
    message = train(other, run, "--epochs", "2", "--resume", code=2)
    assert "classes: was 1 arrow" in message and "training data: was" in message
    moved = shutil.copytree(data, tmp_path / "moved")
    assert "is over" in train(moved, run, "--epochs", "2", "--resume")


def test_a_damaged_tensor_is_found_by_its_hash(data, run):
    content = bytearray((run / "last.safetensors").read_bytes())
    content[-5] ^= 1
    (run / "last.safetensors").write_bytes(content)
    assert "sha256" in train(data, run, "--epochs", "2", "--resume", code=65)


def test_the_newest_checkpoints_are_kept(data, tmp_path):
    train(data, tmp_path / "run", "--epochs", "6", "--keep", "2", "--save-minutes", "0.0001")
    kept = sorted(file.name for file in (tmp_path / "run" / "checkpoints").iterdir())
    assert kept == ["000000023.safetensors", "000000024.safetensors"]


def test_patience_ends_a_run_that_gets_no_better(data, tmp_path):
    message = train(data, tmp_path / "run", "--val", f"{data}:val", "--epochs", "40", "--patience", "2",
                    "--evaluations", "20", "--lr", "0.0000001")  # fmt: skip
    assert "patience: 2 evaluations were no better" in message
    assert "is over" in train(data, tmp_path / "run", "--val", f"{data}:val", "--epochs", "40",
                              "--patience", "2", "--lr", "0.0000001", "--resume")  # fmt: skip


def test_gradients_of_several_batches_make_one_step(data, tmp_path):
    train(data, tmp_path / "run", "--epochs", "2", "--accumulate", "2")
    assert [row["step"] for row in rows(tmp_path / "run")] == [1, 2, 3, 4]
    train(data, tmp_path / "half", "--epochs", "2", "--accumulate", "2", "--patience", "9")


def test_frozen_stages_keep_their_statistics(data, tmp_path):
    from test_ranks import tensors

    train(data, tmp_path / "run", "--epochs", "1", "--backbone.norm", "batch",
          "--backbone.trainable-stages", "0")  # fmt: skip
    state = tensors(tmp_path / "run" / "last.safetensors")
    for name, value in state.items():
        if name.startswith("backbone.body") and name.endswith("running_mean"):
            assert (value == 0).all(), name


@pytest.mark.parametrize("number, code", [(signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_save_and_say_how_to_go_on(data, tmp_path, number, code):
    out = tmp_path / "run"
    process = subprocess.Popen(command(data, out, "--epochs", "500"), stderr=subprocess.PIPE, text=True)
    wait_for_steps(out)
    process.send_signal(number)
    message = process.communicate(timeout=60)[1]
    assert process.returncode == code
    assert "the same command with --resume goes on" in message
    assert (out / "last.safetensors").exists()


def test_a_full_disk_ends_with_74_and_the_reason(data, tmp_path):
    limited = ["sh", "-c", "trap '' XFSZ; ulimit -f 2048; exec \"$@\"", "sh"]  # blocks of 512 bytes
    result = subprocess.run(limited + command(data, tmp_path / "run", "--epochs", "1"),
                            capture_output=True, text=True, timeout=120)  # fmt: skip
    assert result.returncode == 74
    assert "last.safetensors: cannot be written: File too large" in result.stderr
    assert result.stderr.count("trying again") >= 2
    assert not (tmp_path / "run" / "last.safetensors").exists()


def test_a_save_that_fails_once_is_tried_again(data, tmp_path):
    out = tmp_path / "run"
    out.mkdir()
    (out / "last.safetensors.partial").symlink_to("/dev/full")
    message = train(data, out, "--epochs", "1")
    assert "No space left on device: trying again" in message
    assert (out / "last.safetensors").exists()


def test_what_is_measured_can_be_read_by_tensorboard_and_as_a_table(data, tmp_path):
    out = tmp_path / "run"
    train(data, out, "--val", f"{data}:val", "--epochs", "2", "--evaluations", "2")
    table = [line.split(",") for line in (out / "results.csv").read_text().splitlines()]
    assert table[0] == ["step", "elapsed", "val_AP", "val_AP50", "val_AP75"]
    assert [row[0] for row in table[1:]] == ["4", "8"]
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(out))
    events.Reload()
    losses = [(e.step, e.value) for e in events.Scalars("loss")]
    expected = [(row["step"], row["loss"]) for row in rows(out) if "loss" in row]
    assert losses == [(step, pytest.approx(loss)) for step, loss in expected]
    assert len(events.Scalars("val_AP")) == 2


def test_the_program_ends_with_the_python_that_started_it(data, tmp_path, running_programs):
    out = tmp_path / "run"
    code = (f"import lanner; lanner.train(data={str(data) + ':train'!r}, out={str(out)!r}, preset='small', "
            "epochs=500, log_every=1, workers=1, amp=False, resize={'min_size': 64, 'max_size': 96})")  # fmt: skip
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGINT):
        shutil.rmtree(out, ignore_errors=True)
        process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
        wait_for_steps(out)
        process.send_signal(number)
        process.wait(60)
        until = time.monotonic() + 60
        while running_programs(str(out)):
            assert time.monotonic() < until
            time.sleep(0.05)
        assert (out / "last.safetensors").exists()


def test_runs_are_listed_with_what_differs(data, finished, tmp_path, lanner_program):
    shutil.copytree(finished, tmp_path / "a")
    train(data, tmp_path / "b" / "c", "--epochs", "1", "--val", f"{data}:val", "--lr", "0.01")
    text = lanner_program("runs", tmp_path).stdout
    table, differs = text.split("what differs:\n")
    assert [line.split()[0] for line in table.splitlines()[1:3]] == ["b/c", "a"]
    assert "epochs" in differs and "lr" in differs and "seed" not in differs
    empty = lanner_program("runs", data, check=False)
    assert empty.returncode == 66 and "holds no runs" in empty.stderr


def test_the_record_of_a_run_tells_its_starts(data, finished, tmp_path):
    run = shutil.copytree(finished, tmp_path / "run")
    train(data, run, "--epochs", "2", "--resume")
    starts = json.loads((run / "run.json").read_text())["starts"]
    assert len(starts) == 2
    assert "--resume" in starts[1]["command"] and "--resume" not in starts[0]["command"]
    assert starts[0]["precision"] == "float32" and starts[0]["seed"] == 3
    assert starts[0]["run"]["classes"].startswith("1 ")


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_a_checkpoint_is_on_the_disk_before_it_has_its_name(data, tmp_path):
    log = tmp_path / "calls"
    trace = ["strace", "-f", "-y", "-e", "trace=fsync,rename", "-o", str(log)]
    train_command = command(data, tmp_path / "run", "--epochs", "1")
    subprocess.run(trace + train_command, check=True, capture_output=True, timeout=120)
    calls = [line.split(maxsplit=1)[1] for line in log.read_text().splitlines()]
    saves = [i for i, call in enumerate(calls) if call.startswith("rename(") and 'last.safetensors"' in call]
    assert saves
    for i in saves:
        assert calls[i - 1].startswith("fsync(") and "last.safetensors.partial>" in calls[i - 1]
        assert calls[i + 1].startswith("fsync(") and "/run>" in calls[i + 1]


def test_a_val_without_objects_judges_nothing_and_the_newest_weights_are_the_best(data, tmp_path):
    empty = shutil.copytree(data, tmp_path / "empty")
    for file in (empty / "Annotations").glob("*.xml"):
        text = file.read_text()
        file.write_text(text[: text.index("<object>")] + "</annotation>\n" if "<object>" in text else text)
    message = train(data, tmp_path / "run", "--val", f"{empty}:val", "--epochs", "2", "--evaluations", "2")
    assert "holds no objects, so that no weights can be judged" in message
    assert message.count("(best so far)") == 2


def test_a_run_whose_last_evaluation_was_not_the_best_is_over_all_the_same(data, tmp_path):
    options = ["--val", f"{data}:val", "--epochs", "4", "--evaluations", "4"]
    train(data, tmp_path / "run", *options)
    state = (tmp_path / "run" / "last.safetensors").read_bytes()[:20000]
    assert b'\\"evaluations\\":4' in state
    assert "is over" in train(data, tmp_path / "run", *options, "--resume")


def test_pretraining_accumulates_and_refuses_other_images(data, tmp_path, lanner_program):
    words = ["pretrain", "--out", tmp_path / "run", "--objective", "simclr", "--image-size", "64", "--width",
             "16", "--batch-size", "2", "--accumulate", "2", "--epochs", "2", "--log-every", "2",
             "--workers", "1", "--amp", "false", "--show=false"]  # fmt: skip
    lanner_program(*words, "--images", data / "JPEGImages")
    assert [row["step"] for row in rows(tmp_path / "run")] == [2, 4]
    assert all("feature_rank" in row and 0 < row["peak_share"] < 1 for row in rows(tmp_path / "run"))
    other = tmp_path / "other"
    other.mkdir()
    for i, file in enumerate(sorted((data / "JPEGImages").iterdir())):
        shutil.copy(file, other / f"{i}.jpg")
    refused = lanner_program(*words, "--images", other, "--resume", check=False)
    assert refused.returncode == 2 and "training data: was" in refused.stderr


def test_validation_has_losses_and_the_raw_weights_where_asked(data, tmp_path):
    options = ["--val", f"{data}:val", "--epochs", "2", "--evaluations", "2", "--val-loss", "--evaluate-raw"]
    train(data, tmp_path / "run", *options)
    judged = [row for row in rows(tmp_path / "run") if "val_AP" in row]
    assert len(judged) == 2
    for row in judged:
        terms = ("classifier", "box_reg", "objectness", "rpn_box_reg")
        for prefix in ("val_", "val_raw_"):
            total = sum(row[f"{prefix}loss_{term}"] for term in terms)
            assert row[f"{prefix}loss"] == pytest.approx(total, rel=1e-6)
        assert row["val_loss"] != row["val_raw_loss"]
    # They are measured, and change nothing.
    train(data, tmp_path / "plain", *options[:6])
    from test_ranks import assert_equal_runs

    assert_equal_runs(tmp_path / "run", tmp_path / "plain", 0)
    message = train(data, tmp_path / "none", "--evaluate-raw", "--ema-decay", "0", code=2)
    assert "evaluate_raw: expected ema_decay above 0" in message


def test_the_learning_rate_follows_the_images_of_a_step(data, tmp_path):
    train(data, tmp_path / "run", "--epochs", "1", "--lr", "0.01", "--lr-images", "8", "--accumulate", "2",
          "--schedule", "step", "--warmup-steps", "0")  # fmt: skip
    assert rows(tmp_path / "run")[0]["lr"] == pytest.approx(0.01 * 2 * 2 / 8)


@pytest.fixture(scope="module")
def halfway(data, tmp_path_factory):
    """A run that has half its steps left, and the same when it has none."""
    out = tmp_path_factory.mktemp("halfway") / "run"
    train(data, out, "--epochs", "2", "--keep", "9", "--save-minutes", "0.00001")
    half = pathlib.Path(shutil.copytree(out, out.parent / "half"))
    shutil.copy(out / "checkpoints" / "000000004.safetensors", half / "last.safetensors")
    return half, out


def resume_with_faults(data, run, file, fault):
    """Resumes under strace, where calls on `file` fail."""
    words = ["strace", "-f", "-qq", "-o", "/dev/null", "-P", file, "-e", f"inject={fault}",
             *command(data, run, "--epochs", "2", "--resume", "--save-minutes", "0.00001")]  # fmt: skip
    return subprocess.run([*map(str, words)], capture_output=True, text=True, timeout=240)


FAULTS = {"write,writev:error=ENOSPC": "No space left on device", "write,writev:error=EIO": "Input/output error",
          "fsync:error=EIO": "Input/output error", "rename:error=EACCES": "Permission denied",
          "openat:error=EMFILE": "Too many open files"}  # fmt: skip


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_call_that_fails_leaves_the_old_checkpoint_and_ends_with_74(data, halfway, tmp_path, fault):
    run = pathlib.Path(shutil.copytree(halfway[0], tmp_path / "run"))
    before = (run / "last.safetensors").read_bytes()
    result = resume_with_faults(data, run, run / "last.safetensors.partial", fault)
    assert result.returncode == 74, result.stderr
    assert f"last.safetensors: cannot be written: {FAULTS[fault]}" in result.stderr
    assert (run / "last.safetensors").read_bytes() == before


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
@pytest.mark.parametrize("fault", ["write,writev:error=EINTR:when=1", "fsync:error=EINTR:when=1", *(f"{f}:when=1" for f in FAULTS)])
def test_a_call_that_fails_once_changes_nothing(data, halfway, tmp_path, fault):
    run = pathlib.Path(shutil.copytree(halfway[0], tmp_path / "run"))
    result = resume_with_faults(data, run, run / "last.safetensors.partial", fault)
    assert result.returncode == 0, result.stderr
    assert ("trying again" in result.stderr) == ("EINTR" not in fault)
    from test_ranks import tensors

    ended, expected = (tensors(folder / "last.safetensors") for folder in (run, halfway[1]))
    assert all(torch.equal(ended[name], expected[name]) for name in expected)


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_a_folder_that_cannot_be_synced_ends_with_74_and_a_whole_checkpoint(data, halfway, tmp_path):
    run = pathlib.Path(shutil.copytree(halfway[0], tmp_path / "run"))
    result = resume_with_faults(data, run, run, "fsync:error=EIO")
    assert result.returncode == 74 and "Input/output error" in result.stderr, result.stderr
    assert "nothing left to do" in train(data, run, "--epochs", "2", "--resume") or rows(run)[-1]["step"] == 8
