# SPDX-License-Identifier: Apache-2.0
"""`ork eval` on photographs against pycocotools on the boxes that it wrote: all twelve figures, of all
pictures and of each category, within 0.001.

usage: coco_evaluation.py ORK    ($ORK_SHARED has data/coco and models/yolox_nano; pycocotools is there)"""
import contextlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile

SKIP = 77
WITHIN = 0.001


def figures(truth, found, category=None):
    from pycocotools.cocoeval import COCOeval
    evaluation = COCOeval(truth, found, 'bbox')
    if category is not None:
        evaluation.params.catIds = [category]
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return [None if value < 0 else float(value) for value in evaluation.stats]


def worst(mine, theirs):
    pairs = list(zip(mine, theirs))
    if any((a is None) != (b is None) for a, b in pairs):
        return 1.0
    return max((abs(a - b) for a, b in pairs if a is not None), default=0.0)


def main():
    try:
        from pycocotools.coco import COCO
    except ImportError:
        print('there is no pycocotools')
        return SKIP
    shared = pathlib.Path(os.environ.get('ORK_SHARED', '/nowhere'))
    truth_file = shared / 'data/coco/validation.json'
    network = shared / 'models/yolox_nano/yolox_nano_416.onnx'
    if not truth_file.is_file() or not network.is_file():
        print('ORK_SHARED has no photographs or no network')
        return SKIP
    with tempfile.TemporaryDirectory() as folder:
        boxes = pathlib.Path(folder) / 'boxes.json'
        result = subprocess.run([sys.argv[1], 'eval', network, '-a', truth_file, '--bgr', '--classes', '--json',
                                 '--detections', boxes], check=True, capture_output=True, text=True).stdout
        mine = json.loads(result)['models'][0]
        with contextlib.redirect_stdout(io.StringIO()):
            truth = COCO(str(truth_file))
            found = truth.loadRes(str(boxes))
            differences = [worst(mine['figures'].values(), figures(truth, found))]
            for category in mine['classes']:
                differences.append(worst(category['figures'].values(), figures(truth, found, category['id'])))
    print('AP %.6f; farthest from pycocotools: %.2g over all, %.2g of %d classes alone' % (
        mine['figures']['AP'], differences[0], max(differences[1:]), len(differences) - 1))
    return 0 if max(differences) <= WITHIN else 1


if __name__ == '__main__':
    sys.exit(main())
