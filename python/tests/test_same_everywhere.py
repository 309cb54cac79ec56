"""One image gives the same detections from the program, a path, an array and tensors."""

import json

import numpy
import pytest
import torch
import torchvision

import lanner


@pytest.mark.parametrize("size", [(480, 640), (61, 47)])
def test_program_and_python_give_the_same_detections(lanner_program, tmp_path, size):
    torch.manual_seed(1)
    detector = lanner.build(
        2, preset="small", resize={"min_size": 120, "max_size": 160}, roi={"score_threshold": 0.0}
    )
    weights, image = tmp_path / "w.safetensors", tmp_path / "a.jpg"
    detector.save(weights)
    pixels = torchvision.transforms.functional.resize(torch.rand(3, 12, 16), size)
    torchvision.io.write_jpeg((pixels * 255).byte(), str(image))
    lanner_program("detect", "--weights", weights, image, "--out", tmp_path / "out", "--conf", 0)
    program = json.loads((tmp_path / "out/detections.json").read_text())
    assert program

    decoded = lanner._core.read_image(str(image))
    assert decoded.dtype == torch.uint8
    array = decoded.permute(1, 2, 0).contiguous().numpy()
    for form in (str(image), array, numpy.flip(array, 1)[:, ::-1], decoded, decoded.float() / 255):
        found = detector(form)
        scores = [detection["score"] for detection in program]
        assert torch.equal(found["scores"], torch.tensor(scores, dtype=torch.float32))
        x, y, width, height = torch.tensor([d["bbox"] for d in program], dtype=torch.float64).T
        boxes = torch.stack([x, y, x + width, y + height], 1)
        assert (found["boxes"].double() - boxes).abs().max() < 1e-3


def test_weights_written_behind_torchs_back_count_after_eval():
    torch.manual_seed(2)
    detector = lanner.build(2, preset="small", roi={"score_threshold": 0.0})
    image = torch.rand(3, 90, 120)
    detector(image)
    weight = detector.state_dict()["backbone.body.layer2.0.conv1.weight"]
    weight.data[1:] *= 3
    detector.eval()  # the one step that such code has to take
    fresh = lanner.build(2, preset="small", roi={"score_threshold": 0.0})
    fresh.load_state_dict(detector.state_dict())
    assert torch.equal(detector(image)["scores"], fresh(image)["scores"])


def test_images_out_of_range_are_rejected_in_one_line():
    detector = lanner.build(2, preset="small")
    with pytest.raises(ValueError, match=r"images\[0\]: expected finite values in 0..1, got"):
        detector(torch.rand(3, 40, 50) * 255)
    nan = torch.rand(3, 40, 50)
    nan[0, 1, 2] = float("nan")
    with pytest.raises(ValueError, match=r"images\[0\]: expected finite values in 0..1, got"):
        detector(nan)


def test_importing_lanner_leaves_torchs_allocator_and_generator_alone():
    torch.manual_seed(3)
    state = torch.random.get_rng_state()
    detector = lanner.build(2, preset="small")
    detector.eval()
    torch.random.set_rng_state(state)
    expected = torch.rand(3)
    torch.random.set_rng_state(state)
    detector(torch.zeros(3, 40, 50))
    assert torch.equal(torch.rand(3), expected)
