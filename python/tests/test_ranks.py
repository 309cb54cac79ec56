"""Training in several processes, started by torchrun."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch

from lanner import jobs

SIZE = ("--resize.min-size", "64", "--resize.max-size", "96")
# Images of one size and no padding, so that a batch may be cut anywhere. Narrow, to be fast.
EXACT = (*SIZE, "--amp", "false", "--workers", "1", "--log-every", "1", "--backbone.width", "16")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    out = tmp_path_factory.mktemp("ranks") / "data"
    subprocess.run([jobs._PROGRAM, "synth", "--images", "30", "--width", "96", "--height", "64",
                    "--out", out], check=True, capture_output=True)  # fmt: skip
    return out


def begin(ranks, *arguments, restarts=0):
    """lanner by torchrun, or alone for one rank."""
    command = [jobs._PROGRAM, *arguments]
    if ranks > 1:
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--no-python",
                   "--nproc-per-node", ranks, "--max-restarts", restarts, *command]  # fmt: skip
    return subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})  # fmt: skip


def run(ranks, *arguments):
    process = begin(ranks, *arguments)
    output = process.communicate(timeout=300)[0]
    assert process.returncode == 0, output
    return output


def train(ranks, data, out, *options, batch):
    return run(ranks, "train", "--data", f"{data}:train", "--val", f"{data}:val", "--out", out,
               *EXACT, "--batch-size", batch, *options)  # fmt: skip


def tensors(file):
    content = file.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header.pop("__metadata__")
    types = {"F32": torch.float32, "I64": torch.int64}
    return {
        name: torch.frombuffer(bytearray(content[8 + size + begin : 8 + size + end] or b"\0" * 8),
                               dtype=types[entry["dtype"]])
        for name, entry in header.items()
        for begin, end in [entry["data_offsets"]]
    }  # fmt: skip


def rows(out):
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def assert_equal_runs(one, two, tolerance):
    a, b = tensors(one / "last.safetensors"), tensors(two / "last.safetensors")
    assert a.keys() == b.keys()
    for name in a:
        if not name.startswith("training."):
            assert torch.allclose(a[name], b[name], rtol=0, atol=tolerance), name


@pytest.mark.parametrize("model", ["small", "small_rfcn"])
def test_two_ranks_of_batch_2_are_one_of_batch_4(data, tmp_path, model):
    options = ["--preset", model, "--backbone.norm", "none", "--epochs", "2", "--lr", "0.005",
               "--horizontal-flip", "0.5", "--val-loss"]  # fmt: skip
    train(1, data, tmp_path / "one", *options, batch=4)
    output = train(2, data, tmp_path / "two", *options, batch=2)
    assert_equal_runs(tmp_path / "one", tmp_path / "two", 1e-5)
    one, two = rows(tmp_path / "one"), rows(tmp_path / "two")
    assert [row["step"] for row in one] == [row["step"] for row in two]
    first = [row for row in (one[0], two[0])]
    for name in ("loss", "loss_classifier", "loss_objectness", "loss_rpn_box_reg"):
        assert first[0][name] == pytest.approx(first[1][name], rel=1e-5)
    assert one[-1]["val_loss"] == pytest.approx(two[-1]["val_loss"], rel=1e-3)
    assert one[-1]["val_AP"] == pytest.approx(two[-1]["val_AP"], abs=2e-3)
    assert output.count("step 12:") == 1  # the first rank alone reports


def test_synced_batch_norms_have_the_statistics_of_all_ranks(data, tmp_path):
    options = ["--preset", "small", "--backbone.norm", "batch", "--epochs", "1", "--lr", "0.001", "--evaluations", "1"]
    train(1, data, tmp_path / "one", *options, batch=4)
    train(2, data, tmp_path / "synced", *options, "--sync-norm", batch=2)
    train(2, data, tmp_path / "local", *options, batch=2)
    # Later steps differ more: a rounded number decides which boxes are proposed.
    one, synced, local = ([row["loss"] for row in rows(tmp_path / name)[:2]]
                          for name in ("one", "synced", "local"))  # fmt: skip
    assert synced == pytest.approx(one, rel=1e-5)
    assert local != pytest.approx(one, rel=1e-4)


def test_a_rank_without_images_of_val_takes_part_in_its_losses(data, tmp_path):
    # Of the 6 images of val, the first rank has all.
    train(2, data, tmp_path / "run", "--preset", "small", "--max-steps", "1", "--evaluations", "1", "--val-loss", batch=8)
    assert rows(tmp_path / "run")[-1]["val_loss"] > 0


def test_a_training_image_that_cannot_be_read_leaves_the_ranks_together(data, tmp_path):
    bad = shutil.copytree(data, tmp_path / "bad")
    name = (bad / "ImageSets" / "Main" / "train.txt").read_text().split()[0]
    image = next((bad / "JPEGImages").glob(f"{name}.*"))
    image.write_bytes(image.read_bytes()[:200])
    # Where val is poor, training images are evaluated, too.
    train(2, bad, tmp_path / "run", "--preset", "small", "--max-steps", "2", "--evaluations", "2",
          "--on-bad-image", "skip", batch=2)  # fmt: skip
    assert [row["step"] for row in rows(tmp_path / "run") if "val_AP" in row] == [1, 2]


@pytest.mark.parametrize("objective", ["cpc", "simclr"])
def test_contrastive_candidates_come_from_all_ranks(data, tmp_path, objective):
    options = ["--images", data / "JPEGImages", "--objective", objective, "--epochs", "1", "--norm",
               "layer", "--width", "16", "--image-size", "128", "--workers", "1",
               "--amp", "false", "--log-every", "1", "--show=false"]  # fmt: skip
    run(1, "pretrain", *options, "--batch-size", "8", "--out", tmp_path / "one")
    run(2, "pretrain", *options, "--batch-size", "4", "--out", tmp_path / "two")
    one, two = rows(tmp_path / "one"), rows(tmp_path / "two")
    assert one[0]["ln_n"] == pytest.approx(two[0]["ln_n"])
    assert len(one) == len(two)


@pytest.mark.parametrize("unlabelled", [False, True])
def test_a_run_of_two_ranks_stops_at_sigterm_and_goes_on_exactly(data, tmp_path, unlabelled):
    options = ["--preset", "small", "--epochs", "3", "--backbone.norm", "none"]
    if unlabelled:
        run(1, "synth", "--images", "40", "--width", "96", "--height", "64", "--seed", "5",
            "--out", tmp_path / "more")  # fmt: skip
        options += ["--unlabelled", tmp_path / "more" / "JPEGImages", "--pseudo.burn-in", "0.1"]
    train(2, data, tmp_path / "whole", *options, batch=2)
    arguments = ["train", "--data", f"{data}:train", "--val", f"{data}:val", "--out",
                 tmp_path / "cut", *EXACT, "--batch-size", "2", *options]  # fmt: skip
    process = begin(2, *arguments)
    while not (tmp_path / "cut" / "metrics.jsonl").exists() or not rows(tmp_path / "cut"):
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    output = process.communicate(timeout=60)[0]
    assert (tmp_path / "cut" / "last.safetensors").exists(), output
    run(2, *arguments, "--resume")
    whole, cut = tensors(tmp_path / "whole" / "last.safetensors"), tensors(tmp_path / "cut" / "last.safetensors")
    assert all(torch.equal(whole[name], cut[name]) for name in whole)


def test_a_dead_rank_ends_the_run_and_torchrun_starts_it_anew_from_the_checkpoint(
    data, tmp_path, running_programs
):
    out = tmp_path / "run"
    process = begin(2, "train", "--data", f"{data}:train", "--out", out, *EXACT, "--preset", "small",
                    "--batch-size", "2", "--epochs", "15", "--save-minutes", "0.02", restarts=1)  # fmt: skip
    while not (out / "last.safetensors").exists():
        time.sleep(0.05)
    numbers = running_programs(str(out))
    os.kill(numbers[-1], signal.SIGKILL)
    output = process.communicate(timeout=120)[0]
    assert process.returncode == 0, output
    assert "SIGKILL" in output or "Signal 9" in output or "exitcode: -9" in output, output
    assert rows(out)[-1]["step"] == 15 * (24 // 4)


def test_variables_that_make_no_sense_are_refused(data, tmp_path):
    result = subprocess.run(
        [jobs._PROGRAM, "train", "--data", f"{data}:train", "--out", tmp_path / "o"],
        env={**os.environ, "WORLD_SIZE": "2", "RANK": "x"}, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 2
    assert 'RANK: expected a number from 0, got "x"' in result.stderr
