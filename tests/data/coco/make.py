# SPDX-License-Identifier: Apache-2.0
"""Writes truth.json and found.json for test_average_precision.c, and expected.json with what
pycocotools (2.0 or later) finds of them: for all images, for each category alone, for every second
image alone. With names of two files of your own, prints pycocotools' figures of those instead:

  python3 make.py [ANNOTATIONS DETECTIONS]

The files hold crowds, objects whose area is not that of their box or lies at a border, images and
categories without objects, without boxes or without both, equal scores on one image and between images,
equal overlaps, and images with more than 10 and more than 100 boxes of a class. Coordinates are quarters and scores 64ths, so that
they are the same numbers in float32."""
import contextlib
import io
import json
import pathlib
import random
import sys

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

FOLDER = pathlib.Path(__file__).parent
CATEGORIES = [(7, 'seven'), (3, 'three'), (90, 'ninety'), (1, 'none marked'), (44, 'never found'), (45, 'neither')]


def quarter(number):
    return max(0.0, round(number * 4) / 4)


def box_of(random_, scale):
    width, height = (quarter(1 + random_.expovariate(1 / scale)) for _ in range(2))
    return [quarter(random_.uniform(0, 400)), quarter(random_.uniform(0, 300)), width, height]


def moved(random_, box, by):
    return [quarter(v + random_.gauss(0, by) * (0.2 * box[2 + i % 2] + 0.25)) for i, v in enumerate(box)]


def make_truth(random_):
    images = [{'id': 1000 - 37 * i, 'file_name': 'picture %d.jpg' % i, 'width': 640, 'height': 480}
              for i in range(24)]
    annotations = []
    for image in images[:20]:
        for _ in range(random_.randrange(0, 7)):
            box = box_of(random_, random_.choice([15, 60, 200]))
            annotations.append({
                'id': len(annotations) + 1, 'image_id': image['id'],
                'category_id': random_.choice([7, 7, 3, 90, 44]), 'bbox': box,
                'area': box[2] * box[3] * random_.choice([1, 0.5]), 'iscrowd': int(random_.random() < 0.15)})
    many = images[3]['id']
    for i in range(6):  # pairs with equal overlaps
        annotations.append({'id': len(annotations) + 1, 'image_id': many, 'category_id': 3,
                            'bbox': [40.0 * i, 10.0, 30.0, 30.0], 'area': 900.0, 'iscrowd': 0})
        annotations.append({'id': len(annotations) + 1, 'image_id': many, 'category_id': 3,
                            'bbox': [40.0 * i + 10, 10.0, 30.0, 30.0], 'area': 1100.0, 'iscrowd': 0})
    for side in (32.0, 96.0):  # at the borders of small, medium and large
        annotations.append({'id': len(annotations) + 1, 'image_id': images[1]['id'], 'category_id': 90,
                            'bbox': [100.0, 20.0, side, side], 'area': side * side, 'iscrowd': 0})
    for i in range(12):  # more than 10 that are found
        annotations.append({'id': len(annotations) + 1, 'image_id': images[2]['id'], 'category_id': 90,
                            'bbox': [50.0 * i, 200.0, 40.0, 50.0], 'area': 2000.0, 'iscrowd': 0})
    random_.shuffle(annotations)
    return {'images': images, 'annotations': annotations,
            'categories': [{'id': number, 'name': name} for number, name in CATEGORIES]}


def make_found(random_, truth):
    found = []

    def add(image, category, box):
        if box[2] > 0 and box[3] > 0:
            found.append({'image_id': image, 'category_id': category, 'bbox': box,
                          'score': random_.randrange(1, 64) / 64})
    for mark in truth['annotations']:
        if mark['category_id'] == 44 or mark['image_id'] in (1000 - 37 * 5, 1000 - 37 * 6):
            continue
        for _ in range(random_.choice([0, 1, 1, 2, 4 if mark['iscrowd'] else 2])):
            add(mark['image_id'], mark['category_id'], moved(random_, mark['bbox'], random_.choice([0, 0.3, 0.8])))
    for image in truth['images']:
        if image['id'] in (1000 - 37 * 6, 1000 - 37 * 23):
            continue
        for _ in range(random_.randrange(0, 4)):
            add(image['id'], random_.choice([7, 3, 90, 1]), box_of(random_, 60))
    for i in range(6):  # each overlaps two objects alike
        add(1000 - 37 * 3, 3, [40.0 * i + 5, 10.0, 30.0, 30.0])
    for side in (32.0, 96.0):
        add(1000 - 37, 90, [100.0, 20.0, side, side])
    for i in range(12):
        found.append({'image_id': 1000 - 37 * 2, 'category_id': 90, 'bbox': [50.0 * i, 200.0, 40.0, 50.0],
                      'score': (50 - i) / 64})
    for _ in range(120):
        add(1000 - 37 * 8, 7, box_of(random_, 40))
    random_.shuffle(found)
    return found


def figures(truth, found, images=None, category=None):
    evaluation = COCOeval(truth, found, 'bbox')
    if images is not None:
        evaluation.params.imgIds = images
    if category is not None:
        evaluation.params.catIds = [category]
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return [round(float(value), 12) for value in evaluation.stats]


def all_figures(truth_file, found_file, details=True):
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(truth_file))
        found = truth.loadRes(str(found_file))
        expected = {'all': figures(truth, found)}
        if details:
            expected['half'] = figures(truth, found, sorted(truth.getImgIds())[::2])
            expected['categories'] = [figures(truth, found, category=c['id']) for c in truth.dataset['categories']]
    return expected


def main():
    if len(sys.argv) > 1:
        print(*('%.6f' % value for value in all_figures(sys.argv[1], sys.argv[2], False)['all']))
        return
    random_ = random.Random(5)
    truth = make_truth(random_)
    found = make_found(random_, truth)
    (FOLDER / 'truth.json').write_text(json.dumps(truth, separators=(',', ':')) + '\n')
    (FOLDER / 'found.json').write_text(json.dumps(found, separators=(',', ':')) + '\n')
    expected = all_figures(FOLDER / 'truth.json', FOLDER / 'found.json')
    (FOLDER / 'expected.json').write_text(json.dumps(expected) + '\n')


if __name__ == '__main__':
    main()
