"""A detector as a torch.nn.Module, and its images."""

import copy
import io
import pickle
import subprocess
import sys

import numpy
import PIL.Image
import pytest
import torch

import lanner


@pytest.fixture
def detector():
    torch.manual_seed(0)
    options = {"resize": {"min_size": 64, "max_size": 96}, "roi": {"score_threshold": 0.0}}
    return lanner.build(2, preset="small", **options)


@pytest.fixture
def image():
    return (torch.rand(3, 48, 64, generator=torch.Generator().manual_seed(0)) * 255).byte()


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in ("boxes", "labels", "scores"))


def targets():
    return [{"boxes": torch.tensor([[5.0, 5, 40, 40]]), "labels": torch.tensor([1])}]


def test_copies_and_pickles_are_detectors_of_their_own(detector, image):
    expected = detector(image)
    buffer = io.BytesIO()
    torch.save(detector, buffer)
    buffer.seek(0)
    copies = [
        copy.deepcopy(detector),
        pickle.loads(pickle.dumps(detector)),
        torch.load(buffer, weights_only=False),
    ]
    for other in copies:
        assert same(other(image), expected)
        with torch.no_grad():
            for parameter in other.parameters():
                parameter.zero_()
        assert not same(other(image), expected)
    assert same(detector(image), expected)


def test_as_a_member_it_follows_its_owner(detector, image):
    class Owner(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.detector = detector
            self.scale = torch.nn.Parameter(torch.ones(1))

        def forward(self, images, targets):
            return self.scale * sum(self.detector(images, targets).values())

    owner = Owner().train()
    assert detector.training
    assert len(list(owner.parameters())) == 1 + len(list(detector.parameters()))
    optimizer = torch.optim.SGD(owner.parameters(), lr=0.01)
    before = {name: value.clone() for name, value in owner.state_dict().items()}
    owner([image], targets()).backward()
    optimizer.step()
    assert any(not torch.equal(v, before[n]) for n, v in owner.state_dict().items())
    owner.zero_grad()
    assert all(p.grad is None for p in detector.parameters())
    owner.load_state_dict(before)
    assert torch.equal(
        detector.state_dict()["rpn.head.cls_logits.weight"],
        before["detector.rpn.head.cls_logits.weight"],
    )
    assert not owner.eval().detector.training


def test_weights_that_are_loaded_take_effect_at_once(detector, image):
    expected = detector(image)
    state = {name: value.clone() for name, value in detector.state_dict().items()}
    with torch.no_grad():
        detector.get_parameter("roi_heads.box_predictor.cls_score.weight").zero_()
    assert not same(detector(image), expected)
    part = {n: v for n, v in state.items() if "cls_score" in n}
    missing, unexpected = detector.load_state_dict({**part, "other": part.popitem()[1]}, strict=False)
    assert unexpected == ["other"] and "rpn.head.cls_logits.weight" in missing
    assert same(detector(image), expected)
    with pytest.raises(ValueError, match="other"):
        detector.load_state_dict({**state, "other": torch.zeros(1)})


def test_hooks_modules_and_repr(detector, image):
    called = []
    handle = detector.register_forward_hook(lambda module, inputs, output: called.append(output))
    detector(image)
    handle.remove()
    assert len(called) == 1 and "boxes" in called[0]
    assert "backbone.body.layer1" in dict(detector.named_modules())
    assert repr(detector).startswith("Detector(model=faster_rcnn, backbone=resnet18-fpn, classes=2")
    assert all(isinstance(p, torch.nn.Parameter) for p in detector.parameters())


def test_other_types_than_float32_are_refused(detector, image):
    for change in (detector.half, detector.double, lambda: detector.to(torch.bfloat16)):
        with pytest.raises(TypeError, match="float32"):
            change()
    assert len(detector.to("cpu").float()(image)) == 3


def test_distributed_data_parallel_trains_it(detector, image, tmp_path, monkeypatch):
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")  # a host without a network has that
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1
    )
    try:
        parallel = torch.nn.parallel.DistributedDataParallel(detector.train())
        sum(parallel([image], targets()).values()).backward()
    finally:
        torch.distributed.destroy_process_group()
    assert all(p.grad is not None for p in detector.parameters() if p.requires_grad)


def test_another_process_gets_it(detector, image, tmp_path):
    (tmp_path / "in").write_bytes(pickle.dumps((detector, image)))
    script = (
        "import pickle, sys, torch\n"
        "detector, image = pickle.load(open(sys.argv[1], 'rb'))\n"
        "torch.save(detector(image), sys.argv[2])"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "in"), str(tmp_path / "out")]
    subprocess.run(command, check=True, timeout=120)
    assert same(torch.load(tmp_path / "out"), detector(image))


def test_images_of_pil_and_numpy_in_every_mode(detector, image):
    expected = detector(image)
    array = image.permute(1, 2, 0).numpy()
    picture = PIL.Image.fromarray(array)
    for same_image in (
        array,
        picture,
        picture.convert("RGBA"),
        numpy.dstack([array, array[:, :, 0]]),
        array.astype("uint16") * 257,
        array.astype("float32") / 255,
        numpy.asfortranarray(array),
    ):
        assert same(detector(same_image), expected)
    gray = array[:, :, 0]
    expected = detector(torch.from_numpy(gray.copy()).expand(3, -1, -1))
    for same_image in (
        gray,
        gray[:, :, None],
        PIL.Image.fromarray(gray),
        PIL.Image.fromarray(gray.astype("uint16") * 257),
    ):
        assert same(detector(same_image), expected)
    palette = PIL.Image.fromarray(array // 64 * 64).convert("P")
    assert same(detector(palette), detector(numpy.asarray(palette.convert("RGB"))))


def test_a_batch_is_as_many_images(detector, image):
    batch = torch.stack([image, image.flip(2)])
    results = detector(batch)
    assert len(results) == 2
    assert torch.allclose(results[0]["scores"], detector(image)["scores"], atol=1e-5)


def test_signals_during_matrix_products_leave_the_heap_as_it_is():
    # oneDNN's kernels for AVX2 keep heap addresses in the stack pointer.
    script = (
        "import signal, torch, lanner\n"
        "signal.signal(signal.SIGALRM, lambda *_: None)\n"
        "signal.setitimer(signal.ITIMER_REAL, 2e-4, 2e-4)\n"
        "x, weight = torch.rand(192, 4704), torch.rand(256, 4704)\n"
        "for _ in range(60):\n"
        "    torch.ops.mkldnn._linear_pointwise(x, weight, None, 'none', [], '')\n"
        "signal.setitimer(signal.ITIMER_REAL, 0)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_cpu_cache_changes_no_detections(tmp_path, detector, image):
    detector.save(tmp_path / "d.safetensors")
    script = (
        "import sys, torch, lanner\n"
        "lanner.enable_cpu_cache(); lanner.enable_cpu_cache()\n"
        "detector = lanner.load(sys.argv[1], roi={'score_threshold': 0.0})\n"
        "image = torch.load(sys.argv[2])\n"
        "found = [detector(image) for _ in range(3)]\n"
        "torch.save(found, sys.argv[3])\n"
    )
    torch.save(image, tmp_path / "image.pt")
    names = [str(tmp_path / name) for name in ("d.safetensors", "image.pt", "found.pt")]
    subprocess.run([sys.executable, "-c", script, *names], check=True)
    expected = detector.eval()(image)
    assert all(same(found, expected) for found in torch.load(names[2]))
