"""Detectors with weights of torchvision give the same detections as torchvision."""

import subprocess
import sys

import pytest
import torch
import torchvision
from torchvision.models import detection
from torchvision.ops import misc

import lanner
from same_detections import assert_same


def randomize(model, seed=0):
    """Draws weights such that features, proposals and scores vary and keep a usual magnitude."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if name.endswith("running_var"):
            tensor.data.fill_(3.0)
        elif "rpn.head" in name and tensor.dim() > 1:
            tensor.data.normal_(0, 0.05, generator=generator)
        elif name.endswith("cls_score.weight"):
            tensor.data.normal_(0, 0.2, generator=generator)
    return model.eval()


def make(version, **options):
    torch.manual_seed(4)
    builders = {1: detection.fasterrcnn_resnet50_fpn, 2: detection.fasterrcnn_resnet50_fpn_v2}
    return randomize(
        builders[version](
            weights=None,
            weights_backbone=None,
            num_classes=7,
            min_size=160,
            max_size=256,
            **options,
        )
    )


NAMES = {1: "fasterrcnn_resnet50_fpn", 2: "fasterrcnn_resnet50_fpn_v2"}
RESIZE = {"resize": {"min_size": 160, "max_size": 256}}


@pytest.fixture(scope="module", params=[1, 2])
def pair(request):
    reference = make(request.param)
    name = NAMES[request.param]
    return reference, lanner.from_torchvision(name, reference.state_dict(), **RESIZE)


# Sides of 195 and 161 scale to just below an integer. The size of 64 x 400 is limited by max_size.
SIZES = [(120, 160), (161, 161), (195, 140), (300, 90), (64, 400), (160, 256), (33, 47), (480, 640)]


@pytest.mark.parametrize("size", SIZES)
def test_detections_match_torchvision(pair, size):
    reference, detector = pair
    with torch.no_grad():  # torchvision infers the scales of the feature maps from its first image
        reference([torch.rand(3, 160, 160)])
    image = torch.rand(3, *size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = reference([image])[0]
    result = detector(image)
    assert len(expected["boxes"]) > 5
    assert_same(result, expected)


def test_detections_in_a_batch_of_two_sizes_match_torchvision(pair):
    reference, detector = pair
    generator = torch.Generator().manual_seed(2)
    images = [torch.rand(3, *size, generator=generator) for size in ((120, 160), (200, 130))]
    with torch.no_grad():
        expected = reference(images)
    for a, b in zip(detector(images), expected):
        assert_same(a, b)


def test_uses_torchvisions_resize_by_default():
    state = make(1).state_dict()
    detector = lanner.from_torchvision(NAMES[1], state, resize={"min_size": 320})
    assert detector.options["resize"]["interpolation"] == "torchvision"
    detector = lanner.from_torchvision(NAMES[1], state, resize={"interpolation": "area"})
    assert detector.options["resize"]["interpolation"] == "area"


def test_loads_the_old_names_of_the_published_weights_with_an_epsilon_of_0():
    reference = make(1)
    for norm in [m for m in reference.modules() if isinstance(m, misc.FrozenBatchNorm2d)]:
        norm.eps = 0.0  # as in torchvision for COCO_V1
    old = {
        name.replace("rpn.head.conv.0.0.", "rpn.head.conv.")
        .replace("blocks.0.0.", "blocks.0.")
        .replace("blocks.1.0.", "blocks.1.")
        .replace("blocks.2.0.", "blocks.2.")
        .replace("blocks.3.0.", "blocks.3."): tensor
        for name, tensor in reference.state_dict().items()
    }
    assert "backbone.fpn.layer_blocks.3.weight" in old
    detector = lanner.from_torchvision(NAMES[1], old, **RESIZE)
    assert detector.options["backbone"]["norm_eps"] == 0
    image = torch.rand(3, 120, 160, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        expected = reference([image])[0]
    assert_same(detector(image), expected)


def test_converted_weights_can_be_loaded(tmp_path):
    reference = make(2)
    torch.save(reference.state_dict(), tmp_path / "v2.pth")
    (tmp_path / "names.txt").write_text("a\nb\nc\nd\ne\nf\n")

    def convert(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "lanner", "convert", *map(str, arguments)],
            capture_output=True,
            text=True,
        )

    out = tmp_path / "v2.safetensors"
    options = ("--classes", tmp_path / "names.txt")
    converted = convert(tmp_path / "v2.pth", out, "--architecture", NAMES[2], *options)
    assert converted.returncode == 0, converted.stderr
    detector = lanner.load(out)
    assert detector.classes == list("abcdef")
    counts = [sum(p.numel() for p in model.parameters()) for model in (detector, reference)]
    assert counts[0] == counts[1]
    wrong = convert(tmp_path / "v2.pth", out, "--architecture", NAMES[1])
    assert wrong.returncode == 65
    assert "unexpected: roi_heads.box_head.0.0.weight" in wrong.stderr
    assert "missing: roi_heads.box_head.fc6.weight" in wrong.stderr
    assert convert("/nowhere.pth", out, "--architecture", NAMES[1]).returncode == 66
    (tmp_path / "evil.pth").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    evil = convert(tmp_path / "evil.pth", out, "--architecture", NAMES[1])
    assert evil.returncode == 65 and "error: " in evil.stderr
    with pytest.raises(ValueError, match="architecture: expected fasterrcnn_resnet"):
        lanner.from_torchvision("retinanet", reference.state_dict())


def test_torchvisions_own_list_of_classes_is_taken():
    state = make(1).state_dict()
    classes = ["__background__", "cat", "N/A", "dog", "N/A", "hat", "cup"]
    detector = lanner.from_torchvision(NAMES[1], state, classes=classes)
    assert detector.classes == ["cat", "N/A 2", "dog", "N/A 4", "hat", "cup"]
    with pytest.raises(ValueError, match="classes: expected 6 names, got 5"):
        lanner.from_torchvision(NAMES[1], state, classes=classes[2:])


@pytest.mark.parametrize("resnet", ["resnet18", "resnet152", "resnext50_32x4d", "wide_resnet50_2"])
def test_detectors_with_other_resnets_match_torchvision(resnet):
    torch.manual_seed(5)
    backbone = detection.backbone_utils.resnet_fpn_backbone(
        backbone_name=resnet, weights=None
    )
    reference = randomize(detection.FasterRCNN(backbone, 4, min_size=160, max_size=256))
    name = f"fasterrcnn_{resnet}_fpn"
    detector = lanner.from_torchvision(name, reference.state_dict(), **RESIZE)
    image = torch.rand(3, 120, 160, generator=torch.Generator().manual_seed(6))
    with torch.no_grad():
        expected = reference([image])[0]
    assert_same(detector(image), expected)


@pytest.mark.parametrize("depth", [18, 50])
def test_torchvisions_resnets_can_be_loaded_as_backbones(depth, tmp_path):
    torch.manual_seed(7)
    reference = getattr(torchvision.models, f"resnet{depth}")(weights=None)
    torch.save(reference.state_dict(), tmp_path / "net.pth")
    command = ["convert", tmp_path / "net.pth", tmp_path / "net.safetensors"]
    command += ["--architecture", f"resnet{depth}"]
    subprocess.run([sys.executable, "-m", "lanner", *map(str, command)], check=True)
    for neck in ("fpn", "c4", "dc5"):
        detector = lanner.build(3, backbone=f"resnet{depth}-{neck}")
        report = detector.load_backbone(tmp_path / "net.safetensors")
        assert not report["missing"] and not report["unused"]
        state = detector.state_dict()
        for name, tensor in reference.state_dict().items():
            if not name.startswith("fc.") and not name.endswith("num_batches_tracked"):
                assert torch.equal(state[f"backbone.body.{name}"], tensor), name
    other = lanner.build(3, backbone="resnet50-fpn" if depth == 18 else "resnet18-fpn")
    before = other.state_dict()["backbone.body.conv1.weight"].clone()
    with pytest.raises(ValueError, match="misshapen: backbone.body.layer"):
        other.load_backbone(tmp_path / "net.safetensors")
    assert torch.equal(other.state_dict()["backbone.body.conv1.weight"], before)


def test_a_pretrained_backbone_can_be_exported_to_torchvision(lanner_program, tmp_path):
    lanner_program("synth", "--out", tmp_path / "data", "--images", 4)
    lanner_program("pretrain", "--images", tmp_path / "data", "--out", tmp_path / "run",
                   "--epochs", 1, "--batch-size", 2, "--image-size", 64, "--patch.size", 16,
                   "--patch.stride", 8, "--directions", 1)  # fmt: skip
    weights, out = tmp_path / "run" / "best.safetensors", tmp_path / "net.pth"
    command = [sys.executable, "-m", "lanner", "export", weights, out]
    subprocess.run(list(map(str, command)), check=True)
    state = torch.load(out, weights_only=True)
    net = torchvision.models.resnet18(norm_layer=lambda channels: torch.nn.GroupNorm(1, channels))
    report = net.load_state_dict(state, strict=False)
    assert not report.unexpected_keys
    assert all(name.startswith(("layer4.", "fc.")) for name in report.missing_keys)
    with pytest.raises(ValueError, match="backbone"):
        empty_file = tmp_path / "none.safetensors"
        empty_file.write_bytes(b"\x02\0\0\0\0\0\0\0{}")
        lanner.resnet_state_dict(empty_file)
    with pytest.raises(FileNotFoundError):
        lanner.resnet_state_dict(tmp_path / "absent.safetensors")
