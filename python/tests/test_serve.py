"""lanner serve, by a client of its own."""

import http.client
import json
import pathlib
import re
import signal
import subprocess
import threading

import pytest
import torch
import torchvision

import lanner
from lanner.jobs import _PROGRAM


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("serve") / "w.safetensors"
    options = {"resize": {"min_size": 64, "max_size": 96}, "roi": {"score_threshold": 0.0}}
    lanner.build(classes=["cat", "dog"], preset="small", **options).save(path)
    return path


@pytest.fixture(scope="module")
def server(weights):
    command = [_PROGRAM, "serve", "--weights", weights, "--port", "0", "--conf", "0",
               "--max-megabytes", "0.5", "--max-megapixels", "1", "--timeout", "2"]  # fmt: skip
    process = subprocess.Popen([*map(str, command)], stderr=subprocess.PIPE, text=True)
    port = int(re.search(r":(\d+)$", process.stderr.readline().strip())[1])
    yield port
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 143
    process.stderr.close()


def request(port, method, path, body=None, headers={}):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, answer.getheader("Content-Type"), content


def png(height=48, width=64):
    return bytes(torchvision.io.encode_png((torch.rand(3, height, width) * 255).byte()))


def test_an_image_is_answered_with_the_detections_of_python(server, weights):
    image = png()
    status, kind, content = request(server, "POST", "/detect", image)
    assert (status, kind) == (200, "application/json")
    found = json.loads(content)
    assert (found["width"], found["height"]) == (64, 48)
    pixels = torchvision.io.decode_png(torch.frombuffer(bytearray(image), dtype=torch.uint8))
    expected = lanner.load(weights)(pixels)
    assert [o["score"] for o in found["objects"]] == pytest.approx(expected["scores"].tolist())
    x, y, width, height = found["objects"][0]["bbox"]
    assert [x, y, x + width, y + height] == pytest.approx(expected["boxes"][0].tolist(), abs=1e-3)
    assert {o["category"] for o in found["objects"]} <= {"cat", "dog"}
    status, _, content = request(server, "POST", "/detect?conf=1", image)
    assert (status, json.loads(content)["objects"]) == (200, [])


def test_a_form_and_a_drawn_image(server):
    body = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
    body += png() + b"\r\n--x--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    status, kind, content = request(server, "POST", "/detect?format=jpeg", body, headers)
    assert (status, kind, content[:2]) == (200, "image/jpeg", b"\xff\xd8")


def test_what_cannot_be_answered_is_refused_with_a_reason(server):
    cases = [
        (b"", "", 400, "expected an image"),
        (b"not an image", "", 415, "not an image"),
        (png()[:300], "", 415, "image"),
        (png(1100, 1000)[:1000], "", 415, "more than 1 million pixels"),
        (bytes(600_000), "", 413, "too large"),
        (png(), "?conf=2", 400, "conf: expected 0 to 1"),
        (png(), "?format=gif", 400, "format: expected json or jpeg"),
    ]
    for body, query, expected, reason in cases:
        status, _, content = request(server, "POST", "/detect" + query, body)
        assert status == expected, reason
        assert reason in json.loads(content)["error"]
    assert request(server, "GET", "/nowhere")[0] == 404
    assert request(server, "GET", "/health")[0] == 200


def test_slow_clients_harm_nobody(server):
    slow = http.client.HTTPConnection("127.0.0.1", server, timeout=30)
    slow.putrequest("POST", "/detect")
    slow.putheader("Content-Length", "1000")
    slow.endheaders()
    slow.send(b"x")
    assert request(server, "POST", "/detect", png())[0] == 200
    try:
        assert slow.getresponse().status >= 400
    except (http.client.HTTPException, ConnectionError):
        pass  # it was dropped


def test_many_clients_at_once_are_all_answered_and_counted(server):
    statuses, image = [], png()

    def client():
        for _ in range(10):
            statuses.append(request(server, "POST", "/detect", image)[0])

    threads = [threading.Thread(target=client) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 80
    metrics = request(server, "GET", "/metrics")[2].decode()
    count = int(re.search(r'lanner_requests_total\{status="200"\} (\d+)', metrics)[1])
    assert count >= 80
    assert b"<input type=\"file\"" in request(server, "GET", "/")[2]


def test_a_port_that_is_taken_ends_with_74(server, weights):
    command = [_PROGRAM, "serve", "--weights", weights, "--port", str(server)]
    process = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=30)
    assert process.returncode == 74
    assert "cannot be listened on" in process.stderr
