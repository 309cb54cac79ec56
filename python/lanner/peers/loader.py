"""Prints torchvision's CPU time per image, in milliseconds, from JPEG files to normalized tensors.

Arguments: a folder of JPEG files, and the number of timed passes after one of warm-up. One thread.
"""

import pathlib, statistics, sys, time
import torch
from torchvision.io import ImageReadMode, decode_jpeg, read_file
from torchvision.models.detection.transform import GeneralizedRCNNTransform
torch.set_num_threads(1)
files = sorted(map(str, pathlib.Path(sys.argv[1]).glob("*.jpg")))
transform = GeneralizedRCNNTransform(800, 1333, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
times = []
for _ in range(1 + int(sys.argv[2])):
    start = time.process_time()
    for file in files:
        image = decode_jpeg(read_file(file), ImageReadMode.RGB)
        transform([image.float() / 255])
    times.append(time.process_time() - start)
print(1e3 * statistics.median(times[1:]) / len(files))
