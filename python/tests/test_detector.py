"""Detectors in Python: building, training, saving, and comparison with torchvision."""

import numpy
import pytest
import torch
import torchvision
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

import lanner
from same_detections import assert_same


RESIZE = {"min_size": 200, "max_size": 333, "interpolation": "torchvision"}


@pytest.fixture(scope="module")
def reference_and_detector():
    """torchvision's Faster R-CNN ResNet-18-FPN and lanner's, with the same random weights."""
    torch.manual_seed(0)
    backbone = resnet_fpn_backbone(
        backbone_name="resnet18", weights=None, norm_layer=torch.nn.BatchNorm2d, trainable_layers=5
    )
    reference = FasterRCNN(
        backbone, num_classes=6, min_size=200, max_size=333, box_score_thresh=0.02
    )
    for name, buffer in reference.named_buffers():  # keeps the features at a typical magnitude
        if name.endswith("running_var"):
            buffer.fill_(4.0)
    for parameter in reference.rpn.head.parameters():
        if parameter.dim() > 1:
            parameter.data.normal_(0, 0.05)
    detector = lanner.build(
        5,
        backbone="resnet18-fpn",
        resize=RESIZE,
        roi={"score_threshold": 0.02},
    )
    detector.load_state_dict(reference.state_dict())
    return reference, detector


@pytest.mark.parametrize("size", [(120, 160), (161, 161), (300, 90), (64, 400)])
def test_detections_match_torchvision(reference_and_detector, size):
    reference, detector = reference_and_detector
    image = torch.rand(3, *size, generator=torch.Generator().manual_seed(1))
    reference.eval(), detector.eval()
    with torch.no_grad():
        expected = reference([image])[0]
    result = detector(image)
    assert len(expected["boxes"]) > 10
    assert_same(result, expected)


def test_losses_match_torchvision_without_sampling(reference_and_detector):
    reference, detector = reference_and_detector
    generator = torch.Generator().manual_seed(2)
    images = [torch.rand(3, 150, 200, generator=generator) for _ in range(2)]
    targets = [
        {"boxes": torch.tensor([[20.0, 30, 90, 120]]), "labels": torch.tensor([2])},
        {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.long)},
    ]
    reference.train(), detector.train()
    # Sample all anchors and RoIs, so that the losses are not random.
    reference.rpn.fg_bg_sampler.batch_size_per_image = 10**6
    reference.rpn.fg_bg_sampler.positive_fraction = 0.5
    reference.roi_heads.fg_bg_sampler.batch_size_per_image = 10**6
    all_sampled = lanner.build(
        5,
        backbone="resnet18-fpn",
        resize=RESIZE,
        rpn={"sampled_anchors": 10**6},
        roi={"sampled_rois": 10**6},
    ).train()
    all_sampled.load_state_dict(detector.state_dict())
    state = {k: v.clone() for k, v in reference.state_dict().items()}
    expected = reference(images, targets)
    reference.load_state_dict(state)
    losses = all_sampled(images, targets)
    assert set(losses) == set(expected)
    for name, value in expected.items():
        assert torch.allclose(losses[name], value, rtol=1e-3, atol=1e-5), name


def test_trains_in_a_plain_pytorch_loop():
    torch.manual_seed(3)
    detector = lanner.build(1, preset="small", backbone={"width": 32}).train()
    optimizer = torch.optim.SGD(detector.parameters(), lr=0.005, momentum=0.9)
    image = torch.zeros(3, 120, 160)
    image[:, 30:90, 40:120] = 1
    target = {"boxes": torch.tensor([[40.0, 30, 120, 90]]), "labels": torch.tensor([1])}
    losses = []
    for _ in range(25):
        loss = sum(detector([image, image.flip(2)], [target, target]).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


def test_save_and_load_round_trip(tmp_path):
    torch.manual_seed(4)
    detector = lanner.build(
        classes=["cat", "dog"], preset="small", roi={"score_threshold": 0.0, "max_detections": 7}
    )
    detector.save(tmp_path / "w.safetensors")
    loaded = lanner.load(tmp_path / "w.safetensors")
    assert loaded.classes == ["cat", "dog"]
    image = torch.rand(3, 50, 60)
    expected, result = detector(image), loaded(image)
    assert len(expected["boxes"]) == 7
    assert torch.allclose(result["boxes"], expected["boxes"], atol=1e-3)


def test_load_replaces_options(tmp_path):
    torch.manual_seed(4)
    weights = tmp_path / "w.safetensors"
    lanner.build(2, preset="small", resize={"min_size": 96, "max_size": 128}).save(weights)
    image = torch.rand(3, 96, 128)

    def count(**roi):
        return len(lanner.load(weights, roi=roi)(image)["scores"])

    before = torch.get_rng_state()
    assert count(score_threshold=0.0, max_detections=5) == 5
    assert torch.equal(before, torch.get_rng_state())
    assert count(score_threshold=1.0) == 0
    with pytest.raises(TypeError, match="roi: unknown option"):
        count(threshold=1.0)


def test_accepts_paths_arrays_and_tensors(tmp_path):
    detector = lanner.build(2, preset="small", roi={"score_threshold": 0.0})
    array = numpy.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=numpy.uint8)
    torchvision.io.write_png(torch.tensor(array).permute(2, 0, 1), str(tmp_path / "a.png"))
    tensor = torch.tensor(array).permute(2, 0, 1)
    reversed_view = array[::-1].copy()[::-1]  # negative strides
    read_only = array.copy()
    read_only.flags.writeable = False
    images = [tmp_path / "a.png", array, reversed_view, read_only, tensor, tensor / 255]
    results = detector(images)
    assert len(results) == len(images)
    for result in results[1:]:
        assert torch.allclose(result["boxes"], results[0]["boxes"], atol=1e-4)


def test_rejects_bad_arguments_with_a_message(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.safetensors: no such file"):
        lanner.load("/nowhere.safetensors")
    (tmp_path / "w.safetensors").write_bytes(b"nothing of use")
    with pytest.raises(ValueError, match="w.safetensors: header"):
        lanner.load(tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match="num_classes"):
        lanner.build()
    with pytest.raises(ValueError, match="preset: expected one of"):
        lanner.build(2, preset="huge")
    with pytest.raises(TypeError, match="unknown option"):
        lanner.build(2, frobnicate=1)
    with pytest.raises(TypeError, match=r"backbone.deformable: unknown option \['stage'\]"):
        lanner.build(2, backbone={"deformable": {"stage": [4]}})
    # The misspelling is deliberate.
    with pytest.raises(TypeError, match=r"roi: unknown option \['treshold'\]"):
        lanner.build(2, roi={"treshold": 1})
    detector = lanner.build(2, preset="small")
    with pytest.raises(ValueError, match=r"images\[0\]: expected a uint8 or float tensor"):
        detector(torch.zeros(1, 9, 9))
    with pytest.raises(ValueError, match=r"images\[0\]: expected finite values in 0..1"):
        detector(torch.full((3, 9, 9), 255.0))
    with pytest.raises(ValueError, match="image: expected a path"):
        detector(numpy.zeros((3, 9, 9)))
    with pytest.raises(FileNotFoundError):
        detector("/nowhere.jpg")
    detector.train()
    with pytest.raises(ValueError, match="targets: required in training mode"):
        detector([torch.zeros(3, 50, 50)])
    with pytest.raises(ValueError, match=r"targets\[0\].boxes\[0\]"):
        detector(
            [torch.zeros(3, 50, 50)],
            [{"boxes": torch.tensor([[5.0, 5, 5, 9]]), "labels": torch.tensor([1])}],
        )
    state = detector.state_dict()
    state.pop("rpn.head.bbox_pred.bias")
    with pytest.raises(ValueError, match="missing: rpn.head.bbox_pred.bias"):
        detector.load_state_dict(state)


def test_default_dtype_of_torch_does_not_reach_a_detector(tmp_path):
    def run():
        torch.manual_seed(0)
        detector = lanner.load(tmp_path / "w.safetensors")
        result = detector(image)
        detector.train()
        losses = detector(image, {"boxes": torch.tensor([[5.0, 5, 60, 40]]).float(),
                                  "labels": torch.tensor([1])})
        return result, losses

    lanner.build(2, preset="small", roi={"score_threshold": 0.0}).save(tmp_path / "w.safetensors")
    image = torch.randint(255, (3, 60, 80), dtype=torch.uint8)
    expected, expected_losses = run()
    torch.set_default_dtype(torch.float64)
    try:
        result, losses = run()
        built = lanner.build(2, preset="small")
    finally:
        torch.set_default_dtype(torch.float32)
    assert all(p.dtype == torch.float32 for p in built.parameters())
    assert torch.equal(result["boxes"], expected["boxes"])
    for name, loss in losses.items():
        assert loss.dtype == torch.float32
        assert torch.equal(loss, expected_losses[name])


def test_any_stride_is_an_image():
    detector = lanner.build(2, preset="small", roi={"score_threshold": 0.0})
    bgr = numpy.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=numpy.uint8)
    rgb = numpy.ascontiguousarray(bgr[:, :, ::-1])
    expected = detector(rgb)["boxes"]
    views = [bgr[:, :, ::-1], numpy.asfortranarray(rgb), numpy.repeat(rgb, 2, axis=1)[:, ::2]]
    for view in views:
        assert torch.equal(detector(view)["boxes"], expected)


def test_bad_classes_targets_and_folders_get_one_line(tmp_path):
    with pytest.raises(ValueError, match='classes: expected a list of names, got the text "cat"'):
        lanner.build(classes="cat")
    with pytest.raises(ValueError, match=r'classes\[1\]: "cat" is given twice'):
        lanner.build(classes=["cat", "cat"])
    with pytest.raises(ValueError, match=r"classes\[0\]: expected a name, got 7"):
        lanner.build(classes=[7])
    detector = lanner.build(2, preset="small")
    with pytest.raises(FileNotFoundError, match="expected an image, got a folder"):
        detector(tmp_path)
    detector.train()
    image, boxes = torch.zeros(3, 60, 80), torch.tensor([[5.0, 5, 60, 40]])
    with pytest.raises(ValueError, match=r"targets\[0\]: expected a dict .* got NoneType"):
        detector([image], [None])
    with pytest.raises(ValueError, match=r'targets\[0\]\["labels"\]: expected integers'):
        detector([image], [{"boxes": boxes, "labels": torch.tensor([1.7])}])
