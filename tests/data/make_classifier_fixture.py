#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/data/classifier: a trained classifier of ten thousand weights and some labelled pictures.

usage: make_classifier_fixture.py tests/data/classifier

The figures, and how a network is trained to tell them apart, are those of bench/classifier.py. The
network is a MobileNetV2: depthwise layers whose channels differ in range are what 8 bits lose.
shapes.pt is its trace; calibration/ has pictures for ranges, validation/ a folder of others for each
class, and expected.json says which classes PyTorch finds on those, in the order of their names.
Written for torch 1.13 and torchvision 0.14."""
import json
import pathlib
import sys
import zipfile

import cv2
import numpy
import torch
from torchvision.models.mobilenetv2 import MobileNetV2

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / 'bench'))
import classifier  # noqa: E402

CALIBRATION, VALIDATION = 24, 48


def network():
    setting = [[1, 32, 1, 1], [4, 64, 2, 2], [4, 96, 1, 1]]  # a quarter of these channels
    model = MobileNetV2(num_classes=len(classifier.KINDS), width_mult=0.25, inverted_residual_setting=setting)
    last = model.features[-1]
    last[0] = torch.nn.Conv2d(last[0].in_channels, 64, 1, bias=False)
    last[1] = torch.nn.BatchNorm2d(64)
    model.classifier = torch.nn.Linear(64, len(classifier.KINDS))
    return model


def save(trace, path):
    """Without the debug records, which are large and hold paths of the machine, and packed."""
    trace.save(str(path))
    with zipfile.ZipFile(path) as source:
        records = [(info.filename, source.read(info)) for info in source.infolist()]
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED, compresslevel=9) as target:
        for name, data in records:
            if not name.endswith('.debug_pkl'):
                target.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, 90])


def main():
    folder = pathlib.Path(sys.argv[1])
    torch.manual_seed(1)
    torch.set_num_threads(1)  # the same sums everywhere
    model = network()
    print(sum(p.numel() for p in model.parameters()), 'weights')
    classifier.train(model, *classifier.pictures(6000, 1), 14)
    print(f'top-1 of 1200 pictures {classifier.score(model, *classifier.pictures(1200, 3)):.4f}')
    trace = torch.jit.trace(model.eval(), torch.zeros(1, 3, classifier.SIZE, classifier.SIZE))
    folder.mkdir(parents=True, exist_ok=True)
    save(trace, folder / 'shapes.pt')

    images, _ = classifier.pictures(CALIBRATION, 2)
    for i, image in enumerate(images):
        write(folder / f'calibration/{i:02d}.jpg', image)
    images, labels = classifier.pictures(VALIDATION, 4)
    for i, (image, label) in enumerate(zip(images, labels)):
        write(folder / f'validation/{label:02d}/{i:02d}.jpg', image)
    found = {}
    for path in sorted((folder / 'validation').glob('*/*.jpg')):
        read = numpy.stack([cv2.imread(str(path))])  # as a reader of the files sees it
        with torch.no_grad():
            found[f'{path.parent.name}/{path.name}'] = int(model(classifier.tensor(read)).argmax())
    (folder / 'expected.json').write_text(json.dumps(found, indent=0) + '\n')
    right = sum(int(name[:2]) == kind for name, kind in found.items())
    print(f'{right} of {len(found)} right')


if __name__ == '__main__':
    main()
