#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The sample detector must find in u8 what it finds in float: mAP@0.5 on its labelled test pictures,
all through `ork`.

  python3 tests/e2e/eyes_map.py build/cli/ork examples/eyes [LEAST [DROP]]"""
import json
import pathlib
import subprocess
import sys
import tempfile

CONVERT = ['--input-size', '3x416x416', '--mean', '123.675 116.28 103.53',
           '--std', '58.395 57.12 57.375', '--reorder', '2 1 0', '-q']
DETECT = ['--letterbox', 'center', '--bgr', '--agnostic', '--nms', '0.3', '--score', '0.01', '-q']


def overlap(a, b):
    """Intersection over union of boxes x, y, width, height."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    return both / (a[2] * a[3] + b[2] * b[3] - both)


def is_hit(found, free):
    """Takes the best free label of the picture away when it overlaps enough."""
    best = max(free, key=lambda label: overlap(label, found['bbox']), default=None)
    if best is None or overlap(best, found['bbox']) < 0.5:
        return False
    free.remove(best)
    return True


def average_precision(found, labels):
    """Area under the precision envelope. labels: picture -> boxes of one class."""
    free = {name: list(boxes) for name, boxes in labels.items()}
    total, hits, points = sum(map(len, labels.values())), 0, []
    for count, one in enumerate(sorted(found, key=lambda f: -f['score']), 1):
        hits += is_hit(one, free.get(one['file_name'], []))
        points.append((hits / total, hits / count))
    area, reached = 0.0, 0.0
    for i, (recall, _) in enumerate(points):
        area += (recall - reached) * max(precision for _, precision in points[i:])
        reached = recall
    return area


def mean_average_precision(ork, model, eyes, folder):
    pictures = sorted((eyes / 'test').glob('*.jpg'))
    out = folder / 'boxes.json'
    subprocess.run([ork, 'detect', model, *pictures, '-o', folder / 'drawn', '--json', out, *DETECT],
                   check=True, stdout=subprocess.DEVNULL)
    found = json.loads(out.read_text())['results']
    truth = json.loads((eyes / 'test.json').read_text())
    names = {image['id']: pathlib.Path(image['file_name']).name for image in truth['images']}
    classes = []
    for category in truth['categories']:
        labels = {}
        for label in truth['annotations']:
            if label['category_id'] == category['id']:
                labels.setdefault(names[label['image_id']], []).append(label['bbox'])
        mine = [dict(f, file_name=pathlib.Path(f['file_name']).name) for f in found
                if f['category_id'] == category['id'] - 1]
        classes.append(average_precision(mine, labels))
    return sum(classes) / len(classes)


def main():
    ork, eyes = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
    least = float(sys.argv[3]) if len(sys.argv) > 3 else 0.9
    drop = float(sys.argv[4]) if len(sys.argv) > 4 else 0.02
    with tempfile.TemporaryDirectory() as name:
        folder, scores = pathlib.Path(name), {}
        for kind, options in (('float', []), ('u8', ['--quantize', 'u8', '--dataset',
                                                     eyes / 'calibration.txt'])):
            model = folder / f'{kind}.rknn'
            subprocess.run([ork, 'convert', eyes / 'eyes.pt', '-o', model, *CONVERT, *options],
                           check=True)
            scores[kind] = mean_average_precision(ork, model, eyes, folder)
            print(f'mAP@0.5 {kind}: {scores[kind]:.4f}', flush=True)
    good = scores['float'] >= least and scores['u8'] >= scores['float'] - drop
    print('ok' if good else 'not ok')
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
