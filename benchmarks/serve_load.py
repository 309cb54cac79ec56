"""Loads `lanner serve` with clients that send images without a pause.

python benchmarks/serve_load.py WEIGHTS IMAGE... [--clients 8] [--seconds 120]

Prints answers per second, the times of answers, what was lost, the memory of the server by quarter
of the run, and how it ends on SIGTERM while requests run.
"""

import argparse
import http.client
import itertools
import json
import pathlib
import re
import signal
import statistics
import subprocess
import threading
import time

from lanner.jobs import _PROGRAM


def client(port, images, until, times, lost):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for image in itertools.cycle(images):
        if time.monotonic() > until:
            return
        begin = time.monotonic()
        try:
            connection.request("POST", "/detect", image)
            answer = connection.getresponse()
            json.loads(answer.read())["objects"]
            times.append(time.monotonic() - begin)
        except (OSError, KeyError, ValueError, http.client.HTTPException) as error:
            lost.append(repr(error))
            connection.close()


def resident_megabytes(process):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{process.pid}/status").read_text())[1]) / 1e3


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights")
    parser.add_argument("images", nargs="+", type=pathlib.Path)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=120)
    options = parser.parse_args()
    images = [path.read_bytes() for path in options.images]
    process = subprocess.Popen([_PROGRAM, "serve", "--weights", options.weights, "--port", "0"],
                               stderr=subprocess.PIPE, text=True)  # fmt: skip
    port = int(re.search(r":(\d+)$", process.stderr.readline().strip())[1])
    times, lost = [], []
    until = time.monotonic() + options.seconds
    threads = [threading.Thread(target=client, args=(port, images[i:] + images[:i], until, times, lost))
               for i in range(options.clients)]  # fmt: skip
    for thread in threads:
        thread.start()
    memory = []
    for _ in range(4):
        time.sleep(options.seconds / 4)
        memory.append(resident_megabytes(process))
    for thread in threads:
        thread.join()
    answered = len(times)
    # Requests that run when the signal comes are answered.
    late, late_lost = [], []
    threads = [threading.Thread(target=client, args=(port, images[:1], time.monotonic() + 0.01, late,
                                                       late_lost))
               for _ in range(options.clients)]  # fmt: skip
    for thread in threads:
        thread.start()
    time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    for thread in threads:
        thread.join()
    code = process.wait(30)
    times = sorted(times[:answered])
    print(json.dumps({
        "clients": options.clients, "seconds": options.seconds, "answered": answered,
        "lost": len(lost), "per_second": round(answered / options.seconds, 2),
        "median_ms": round(1e3 * statistics.median(times), 1),
        "p99_ms": round(1e3 * times[int(0.99 * answered)], 1),
        "longest_ms": round(1e3 * times[-1], 1),
        "resident_mb_by_quarter": [round(m, 1) for m in memory],
        "answered_after_sigterm": len(late), "lost_after_sigterm": late_lost, "exit_code": code,
    }, indent=1))  # fmt: skip


if __name__ == "__main__":
    main()
