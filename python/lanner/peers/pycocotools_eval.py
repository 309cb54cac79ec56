"""Runs pycocotools, for `lanner bench eval`.

Arguments: a COCO annotation file, and optionally a file of detections. Prints the twelve metrics as
a JSON list, or, without detections, the number of annotations.
"""

import contextlib, io, json, sys
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
with contextlib.redirect_stdout(io.StringIO()):
    truth = COCO(sys.argv[1])
    if len(sys.argv) > 2:
        evaluation = COCOeval(truth, truth.loadRes(sys.argv[2]), "bbox")
        evaluation.evaluate(), evaluation.accumulate(), evaluation.summarize()
print(json.dumps(evaluation.stats.tolist() if len(sys.argv) > 2 else len(truth.anns)))
