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
    report = (out / "report.html").read_text()
    assert "Pseudo-labels" in report
    message = train(scenes / "data", out, "--epochs", "4", "--unlabelled", scenes / "more", *EARLY,
                    "--val", f"{scenes / 'data'}:val", "--resume")  # fmt: skip
    assert "is over" in message and (out / "report.html").read_text() == report


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
    message = train(scenes / "data", tmp_path / "run", *options[:-1], "--resume", code=2)
    assert "unlabelled data: was" in message and "is none" in message
    train(scenes / "data", tmp_path / "alone", *options[:-1])
    message = train(scenes / "data", tmp_path / "alone", *options, fewer, "--resume", code=2)
    assert "unlabelled data: was none" in message


def test_a_configuration_holds_the_folders_without_labels(scenes, tmp_path):
    folder = shutil.copytree(scenes / "more" / "JPEGImages", tmp_path / "with # in it")
    train(scenes / "data", tmp_path / "run", "--epochs", "1", *EARLY, "--unlabelled", folder, scenes / "more")
    program = [str(lanner.jobs._PROGRAM), "train", "--config", str(tmp_path / "run" / "config.cfg")]
    result = subprocess.run([*program, "--resume"], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0 and "is over" in result.stderr, result.stderr
    result = subprocess.run([*program, "--out", str(tmp_path / "other #2"), "--max-steps", "1"],
                            capture_output=True, text=True, timeout=120)  # fmt: skip
    assert result.returncode == 0 and "20 unlabeled images" in result.stderr, result.stderr
    assert (tmp_path / "other #2" / "last.safetensors").exists()


def test_images_that_cannot_be_read_are_named_before_the_burn_in(scenes, tmp_path):
    images = shutil.copytree(scenes / "more" / "JPEGImages", tmp_path / "images")
    first = sorted(images.iterdir())[0]
    first.write_bytes(b"")
    message = train(scenes / "data", tmp_path / "run", "--epochs", "9", "--unlabelled", images, code=65)
    assert "unlabelled: 1 of 10 images cannot be read" in message and str(first) in message
    train(scenes / "data", tmp_path / "run", "--epochs", "1", "--unlabelled", images, "--on-bad-image", "skip")


@pytest.mark.parametrize("options, message", [
    (["--pseudo.jitters", "1"], "pseudo.jitters: expected 0, or at least 2, got 1"),
    (["--pseudo.min-score", "0.5", "--pseudo.max-score", "0.4"], "pseudo.min_score: expected at most pseudo.max_score"),
    (["--pseudo.window", "49"], "pseudo.window: expected >= 50"),
    (["--unlabelled-ratio", "1e12"], "unlabelled_ratio"),
])  # fmt: skip
def test_options_that_would_turn_the_method_off_are_refused(scenes, tmp_path, options, message):
    output = train(scenes / "data", tmp_path / "run", "--unlabelled", scenes / "more", *options, code=2)
    assert message in output


def test_images_are_selected_listed_drawn_and_linked(scenes, tmp_path, monkeypatch):
    images = scenes / "more" / "JPEGImages"
    monkeypatch.chdir(images)  # names that are taken here are free where images are linked
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


def test_chosen_images_of_one_name_are_told_apart_by_their_folders(scenes, tmp_path):
    images = sorted((scenes / "more" / "JPEGImages").iterdir())[:3]
    for camera, image in zip("abc", images):
        (tmp_path / "cameras" / camera).mkdir(parents=True)
        shutil.copy(image, tmp_path / "cameras" / camera / "IMG_1.jpg")
    lanner.select(images=tmp_path / "cameras", count=3, copy=tmp_path / "copies", image_size=64)
    names = sorted(file.name for file in (tmp_path / "copies").iterdir())
    assert names == ["a_IMG_1.jpg", "b_IMG_1.jpg", "c_IMG_1.jpg"]
    (tmp_path / "list.txt").write_text("kept\n")
    with pytest.raises(ValueError, match="copy: .* exists already"):
        lanner.select(images=tmp_path / "cameras", count=3, copy=tmp_path / "copies", out=tmp_path / "list.txt",
                      image_size=64)  # fmt: skip
    assert (tmp_path / "list.txt").read_text() == "kept\n"


def test_where_only_labeled_images_can_be_read_nothing_is_selected(scenes, tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "empty.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match="none of them can be read"):
        lanner.select(images=tmp_path / "bad", count=1, already=scenes / "more" / "JPEGImages", image_size=64)


def test_pretraining_takes_a_list_of_images(scenes, tmp_path):
    images = sorted((scenes / "more" / "JPEGImages").iterdir())[:6]
    (tmp_path / "some.txt").write_text("".join(f"{image}\n" for image in images))
    with pytest.raises(ValueError, match="at most the number of images, 6, got 7"):
        lanner.pretrain(images=tmp_path / "some.txt", out=tmp_path / "pre", batch_size=7)


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
