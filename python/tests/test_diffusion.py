"""The diffusion box head, from the program and from Python."""

import json

import lanner
import pytest
import torch
from test_ranks import tensors
from test_resume import data, rows, train, train_with_an_interruption  # noqa: F401

SMALL = ["--preset", "small_diffusion", "--diffusion.stages", "2", "--diffusion.train-boxes", "20"]


@pytest.fixture(scope="module")
def weights(data, tmp_path_factory):  # noqa: F811
    out = tmp_path_factory.mktemp("diffusion") / "run"
    train(data, out, *SMALL, "--epochs", "3", "--val", f"{data}:val", "--evaluations", "1", "--val-loss")
    return out / "best.safetensors"


def test_an_interrupted_run_ends_with_the_same_weights(data, tmp_path):  # noqa: F811
    options = [*SMALL, "--epochs", "5", "--diffusion.data-prior"]
    train(data, tmp_path / "whole", *options)
    train_with_an_interruption(data, tmp_path / "cut", *options, after=8)
    whole, resumed = (tensors(tmp_path / name / "last.safetensors") for name in ("whole", "cut"))
    assert "roi_heads.prior" in whole
    for name, value in whole.items():
        torch.testing.assert_close(resumed[name], value, rtol=0, atol=0, msg=name)


def test_the_log_has_the_losses_that_there_are(weights):
    losses = {name for row in rows(weights.parent) for name in row if "loss" in name}
    assert losses == {"loss", "loss_classifier", "loss_box_reg", "val_loss", "val_loss_classifier",
                      "val_loss_box_reg"}  # fmt: skip


def test_steps_and_boxes_are_chosen_when_it_runs(data, weights, tmp_path, lanner_program):  # noqa: F811
    for options in (["--steps", "3"], ["--boxes", "7"], ["--steps", "2", "--sampler", "heun"]):
        lanner_program("eval", "--weights", weights, "--data", f"{data}:val", *options, "--metrics-json",
                       tmp_path / "m.json")  # fmt: skip
        assert json.loads((tmp_path / "m.json").read_text())["AP"] >= -1
    refused = lanner_program("eval", "--weights", weights, "--data", f"{data}:val", "--sampler", "ddpm",
                             check=False)  # fmt: skip
    assert refused.returncode == 2
    assert "sampler: expected euler, ddim or heun, of path flow, got ddpm" in refused.stderr
    detector = lanner.load(weights, steps=2, boxes=9, roi={"score_threshold": 0.0})
    found = detector(torch.rand(3, 64, 96))
    assert 0 < len(found["boxes"]) <= 100


def test_sampling_is_drawn(data, weights, tmp_path, lanner_program):  # noqa: F811
    image = sorted((data / "JPEGImages").iterdir())[0]
    lanner_program("detect", "--weights", weights, image, "--out", tmp_path, "--steps", "4", "--show-sampling")
    assert (tmp_path / "sampling" / image.name).exists()
    plain = tmp_path / "plain.safetensors"
    lanner.build(2, preset="small").save(plain)
    refused = lanner_program("detect", "--weights", plain, image, "--out", tmp_path / "b", "--show-sampling",
                             check=False)  # fmt: skip
    assert refused.returncode == 2 and "expected a diffusion detector" in refused.stderr
    refused = lanner_program("detect", "--weights", plain, image, "--out", tmp_path / "b", "--steps", "4",
                             check=False)  # fmt: skip
    assert refused.returncode == 2 and "expected a diffusion detector, got faster_rcnn" in refused.stderr


def test_what_it_cannot_do_is_refused_by_name(data, weights, tmp_path):  # noqa: F811
    with pytest.raises(ValueError, match="diffusion detector cannot be quantized"):
        lanner.quantize(weights=weights, out=tmp_path / "q.safetensors", images=data)
    with pytest.raises(ValueError, match="diffusion detector cannot be exported"):
        lanner.export_onnx(weights, tmp_path / "a.onnx")
    message = train(data, tmp_path / "run", *SMALL, "--unlabelled", data, code=2)
    assert "unlabelled: expected model faster_rcnn or rfcn, got diffusion" in message


def test_it_trains_in_a_loop_of_pytorch():
    torch.manual_seed(1)
    detector = lanner.build(2, preset="small_diffusion", resize={"min_size": 64, "max_size": 96},
                            diffusion={"stages": 2, "train_boxes": 20}).train()  # fmt: skip
    targets = {"boxes": torch.tensor([[10.0, 10.0, 40.0, 50.0]]), "labels": torch.tensor([1])}
    losses = detector([torch.rand(3, 64, 96)] * 2, [targets] * 2)
    assert set(losses) == {"loss_classifier", "loss_box_reg"}
    sum(losses.values()).backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in detector.parameters())
