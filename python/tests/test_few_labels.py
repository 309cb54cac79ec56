"""Choosing images to label, and training on those without labels."""

import shutil
import signal
import subprocess

import lanner
import pytest
import torch
from test_ranks import tensors
from test_resume import rows, train, train_with_an_interruption, wait_for_steps

# Pseudo-labels from the first fifth on, however doubtful they are.
EARLY = ["--pseudo.burn-in", "0.2", "--pseudo.min-score", "0", "--pseudo.max-score", "0.3"]


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    for name, seed in (("data", 1), ("more", 2)):
        lanner.synth(out=folder / name, images=10, width=96, height=64, seed=seed)
    return folder


@pytest.mark.parametrize("preset", ["small", "small_rfcn"])
def test_an_interrupted_run_on_unlabelled_images_ends_with_the_same_weights(scenes, tmp_path, preset):
    data = scenes / "data"
    options = ["--preset", preset, "--epochs", "5", "--unlabelled", scenes / "more" / "JPEGImages", *EARLY]
    train(data, tmp_path / "whole", *options)
    train_with_an_interruption(data, tmp_path / "cut", *options, after=9)
    whole, resumed = (tensors(tmp_path / run / "last.safetensors") for run in ("whole", "cut"))
    assert whole.keys() == resumed.keys()
    assert "training.pseudo.scores" in whole
    for name, value in whole.items():
        torch.testing.assert_close(resumed[name], value, rtol=0, atol=0, msg=name)


def test_the_log_tells_of_each_class_and_the_sheets_are_drawn(scenes, tmp_path):
    out = tmp_path / "run"
    message = train(scenes / "data", out, "--epochs", "4", "--unlabelled", scenes / "more", *EARLY,
                    "--pseudo.truth", scenes / "more", "--val", f"{scenes / 'data'}:val")  # fmt: skip
    assert "10 unlabeled images; a view is expected to hold" in message
    before, last = rows(out)[1], [row for row in rows(out) if "loss" in row][-1]
    assert not [name for name in before if name.startswith("pseudo")]
    for name in ("pseudo_classifier", "pseudo_box_reg", "pseudo_objectness", "pseudo_threshold arrow",
                 "pseudo_boxes arrow", "pseudo_right arrow", "pseudo_found arrow"):  # fmt: skip
        assert name in last
    assert (out / "pseudo_labels.png").exists() and (out / "pseudo_labels_first.png").exists()
    assert "Pseudo-labels" in (out / "report.html").read_text()


def test_unlabelled_images_that_are_labelled_or_missing_are_named(scenes, tmp_path):
    data = scenes / "data"
    message = train(data, tmp_path / "run", "--epochs", "1", "--unlabelled", data, scenes / "more", *EARLY)
    assert "of 20 images are also among the labelled ones, and are left out" in message
    empty = tmp_path / "empty"
    empty.mkdir()
    assert str(empty) in train(data, tmp_path / "a", "--unlabelled", empty, code=65)
    assert "nowhere" in train(data, tmp_path / "a", "--unlabelled", "nowhere", code=66)
    message = train(data, tmp_path / "a", "--unlabelled", scenes / "more", "--ema-decay", "0", code=2)
    assert "ema_decay: expected above 0 with unlabelled images" in message
    other = shutil.copytree(scenes / "more", tmp_path / "other")
    for image in (other / "JPEGImages").iterdir():
        image.rename(image.with_stem("other_" + image.stem))
    message = train(data, tmp_path / "a", "--unlabelled", other, "--pseudo.truth", data, code=65)
    assert "pseudo.truth" in message


def test_other_unlabelled_images_are_refused_when_a_run_goes_on(scenes, tmp_path):
    options = ["--epochs", "2", *EARLY, "--unlabelled"]
    train(scenes / "data", tmp_path / "run", *options, scenes / "more")
    fewer = tmp_path / "fewer"
    fewer.mkdir()
    for image in sorted((scenes / "more" / "JPEGImages").iterdir())[:5]:
        shutil.copy(image, fewer)
    message = train(scenes / "data", tmp_path / "run", *options, fewer, "--resume", code=2)
    assert "unlabelled data: was" in message


def test_images_are_selected_listed_drawn_and_linked(scenes, tmp_path):
    images = scenes / "more" / "JPEGImages"
    chosen = lanner.select(images=images, count=4, out=tmp_path / "list.txt", show=tmp_path / "sheet",
                           link=tmp_path / "links", image_size=64)  # fmt: skip
    assert len(set(chosen)) == 4 and all(image.parent == images for image in chosen)
    assert (tmp_path / "list.txt").read_text().split() == [str(image) for image in chosen]
    assert (tmp_path / "sheet" / "selection.png").exists()
    assert sorted(link.resolve() for link in (tmp_path / "links").iterdir()) == sorted(chosen)
    others = lanner.select(images=images, count=6, already=tmp_path / "list.txt", image_size=64)
    assert set(chosen) | set(others) == set(images.iterdir())
    again = lanner.select(images=images, count=4, image_size=64)
    assert again == chosen
    with pytest.raises(ValueError, match="count: expected at most the number of images without labels, 6"):
        lanner.select(images=images, count=7, already=tmp_path / "list.txt")
    with pytest.raises(ValueError, match="link: .* exists already"):
        lanner.select(images=images, count=4, link=tmp_path / "links", image_size=64)


def test_an_unreadable_image_is_not_selected_and_named(scenes, tmp_path, capfd):
    images = shutil.copytree(scenes / "more" / "JPEGImages", tmp_path / "images")
    first = sorted(images.iterdir())[0]
    first.write_bytes(first.read_bytes()[:100])
    chosen = lanner.select(images=images, count=9, image_size=64)
    assert first not in chosen and len(chosen) == 9
    assert f"{first}" in capfd.readouterr().err


def test_a_detector_starts_from_the_regions_that_were_pretrained(scenes, tmp_path):
    weights = lanner.pretrain(images=scenes / "more", out=tmp_path / "pre", objective="regions", epochs=1,
                              batch_size=4, width=8, norm="batch", amp=False, regions={"head_width": 32},
                              image_size=96, workers=1)  # fmt: skip
    message = train(scenes / "data", tmp_path / "run", "--epochs", "1", "--init", weights,
                    "--backbone.fpn-channels", "32")  # fmt: skip
    fresh = next(line for line in message.splitlines() if line.strip().startswith("fresh"))
    assert "rpn.head" in fresh and "backbone.fpn" not in fresh and "box_head" not in fresh


def test_pretraining_of_regions_resumes_exactly(scenes, tmp_path):
    words = ["pretrain", "--objective", "regions", "--images", scenes / "more", "--batch-size", "4", "--width", "8",
             "--image-size", "96", "--regions.head-width", "32", "--epochs", "4", "--log-every", "1", "--workers",
             "1", "--amp", "false"]  # fmt: skip
    program = [str(lanner.jobs._PROGRAM), *map(str, words)]

    def run(out, *more):
        subprocess.run([*program, "--out", str(out), *more], check=True, capture_output=True, timeout=120)

    run(tmp_path / "whole")
    cut = tmp_path / "cut"
    process = subprocess.Popen([*program, "--out", str(cut)], stderr=subprocess.DEVNULL)
    wait_for_steps(cut, 3)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) in (0, 143)
    run(cut, "--resume")
    whole, resumed = (tensors(tmp_path / name / "last.safetensors") for name in ("whole", "cut"))
    assert any(name.startswith("target.") for name in whole)
    for name, value in whole.items():
        torch.testing.assert_close(resumed[name], value, rtol=0, atol=0, msg=name)
