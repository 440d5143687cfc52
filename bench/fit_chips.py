#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fits the rates of src/npu/estimate.def to published times, and tells how far estimates are from times
that took no part.

  python3 bench/chip_networks.py FOLDER
  python3 bench/fit_chips.py build/cli/ork FOLDER [--fit]

Without --fit only the table of estimates, as `ork perf` gives them. Needs numpy."""
import argparse
import json
import pathlib
import subprocess

import numpy

# Frames a second, 8 bits, at the greatest clocks of the NPU: airockchip/rknn_model_zoo, README and the
# table of its YOLO examples for toolkit 1.7.3; MobileNet v1: quick start guide of toolkit 1.7.3.
# Columns: rv1109, rv1126, rk1808, rk3399pro.
PUBLISHED = {
    'mobilenet_v1': (None, 1e6 / 4759, 1e6 / 5499, None),
    'mobilenet_v2': (212.9, 322.3, 170.3, None),
    'resnet50': (24.4, 36.2, 37.1, None),
    'yolov5n_silu': (36.3, 53.2, 61.2, None),
    'yolov5s_silu': (13.6, 20.1, 28.1, 28.5),
    'yolov5s_relu': (20.3, 29.4, 37.0, 37.7),
    'yolov5m_silu': (5.7, 8.4, 13.0, 13.2),
    'yolov5m_relu': (8.3, 12.1, 16.9, 17.2),
    'yolov8n_silu': (24.0, 35.4, 42.3, None),
    'yolov8s_silu': (8.9, 13.1, 19.1, None),
    'yolov8m_silu': (3.9, 5.8, 9.1, None),
    'yoloxs_silu': (10.6, 15.7, 22.9, 23.1),
    'yoloxs_relu': (15.8, 22.8, 30.5, 30.9),
    'yoloxm_silu': (4.6, 6.7, 10.5, 10.6),
    'yoloxm_relu': (6.5, 9.5, 13.4, 13.6),
}
CHIPS = ('rv1109', 'rv1126', 'rk1808', 'rk3399pro')
FAMILIES = {'LION': ('rk1808', 'rk3399pro'), 'PUMA': ('rv1109', 'rv1126')}
# Half of the networks; the others only judge.
FITTED = ('mobilenet_v1', 'mobilenet_v2', 'yolov5n_silu', 'yolov5s_relu', 'yolov8s_silu', 'yoloxs_silu',
          'yoloxm_relu')
# What no chip can be faster than: 1920 and 768 multiplications a cycle (the latter of RV1126 is less than
# it is sold for, and not settled). The rest is plausible, not known: a pool reads 32 numbers a cycle at
# most, a layer takes a thousand cycles to start.
LEAST = {'LION': {'window': 0.52, 'point': 0.52, 'full': 0.52, 'pool': 31, 'launch': 1000},
         'PUMA': {'window': 1.02, 'point': 1.02, 'full': 1.02, 'pool': 31, 'launch': 1000}}
# Where the networks do not tell a rate, it stays near one that is plausible; the weight is that of one
# network whose time is known to 1 / PULL.
USUAL = {'window': 0.8, 'point': 1.5, 'depthwise': 30, 'full': 1, 'function': 300, 'pool': 300, 'move': 300,
         'bus': 30, 'launch': 5000}
PULL = 0.01
TERMS = ('window', 'point', 'depthwise', 'full', 'function', 'pool', 'move', 'bus', 'launch')


def estimate(ork, path, chip):
    side = 640 if path.name.startswith('yolo') else 224
    return json.loads(subprocess.run([ork, 'perf', path, '--target', chip, '--json', '-s',
                                      f'3x{side}x{side}'], check=True, capture_output=True, text=True).stdout)


def features(report):
    """Seconds that a rate of one cycle gives, by term: per thousand multiplications, elements, bytes."""
    npu, memory = report['npu_mhz'] * 1e6, report['memory_mhz'] * 1e6
    row = dict.fromkeys(TERMS, 0.0)
    for layer in report['layers']:
        unit = layer['unit']
        if unit == 'free':
            continue
        if unit in ('function', 'pool', 'move'):
            row[unit] += layer['elements'] / 1e3 / npu
        else:
            row[unit] += layer['multiplications'] / 1e3 / npu
        row['bus'] += (layer['data_bytes'] + layer['weight_bytes']) / 1e3 / memory
        row['launch'] += 1 / npu
    return [row[term] for term in TERMS]


def bounded(a, b, least, steps=20000):
    """Least squares with a lower bound for each coefficient, one after the other."""
    scale = numpy.linalg.norm(a, axis=0) + 1e-30
    a, least = a / scale, least * scale
    x = least.copy()
    gram, target = a.T @ a, a.T @ b
    for _ in range(steps):
        for i in range(len(x)):
            x[i] = max(least[i], x[i] + (target[i] - gram[i] @ x) / max(gram[i, i], 1e-30))
    return x / scale


def fit(reports, family):
    rows, ones = [], []
    for name in FITTED:
        for chip in FAMILIES[family]:
            rate = PUBLISHED[name][CHIPS.index(chip)]
            if rate:
                rows.append(numpy.array(features(reports[name, chip])) * rate)  # relative errors
                ones.append(1.0)
    for i, term in enumerate(TERMS):
        row = numpy.zeros(len(TERMS))
        row[i] = PULL / USUAL[term]
        rows.append(row)
        ones.append(PULL)
    least = numpy.array([LEAST[family].get(term, 0.0) for term in TERMS])
    found = bounded(numpy.array(rows), numpy.array(ones), least)
    print(family, {term: round(float(value), 3) for term, value in zip(TERMS, found)})
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('ork')
    parser.add_argument('folder', type=pathlib.Path)
    parser.add_argument('--fit', action='store_true')
    arguments = parser.parse_args()
    reports = {(name, chip): estimate(arguments.ork, arguments.folder / f'{name}.pt', chip)
               for name in PUBLISHED for chip in CHIPS}
    rates = {family: fit(reports, family) for family in FAMILIES} if arguments.fit else None
    errors = {True: [], False: []}
    print('| network | fitted | ' + ' | '.join(f'{chip}, ms: estimated / published' for chip in CHIPS) + ' |')
    print('|---' * 6 + '|')
    for name, published in PUBLISHED.items():
        cells = []
        for chip, rate in zip(CHIPS, published):
            if not rate:
                cells.append('')
                continue
            family = 'LION' if chip in FAMILIES['LION'] else 'PUMA'
            seconds = features(reports[name, chip]) @ rates[family] if rates else \
                reports[name, chip]['microseconds'] * 1e-6
            error = seconds * rate - 1
            errors[name in FITTED].append(error)
            cells.append(f'{seconds * 1e3:.1f} / {1e3 / rate:.1f} ({error * 100:+.0f} %)')
        print(f"| {name} | {'yes' if name in FITTED else ''} | " + ' | '.join(cells) + ' |')
    for kind, title in ((True, 'fitted'), (False, 'not fitted')):
        sizes = numpy.abs(errors[kind])
        print(f'{title}: median error {numpy.median(sizes) * 100:.1f} %, largest {sizes.max() * 100:.1f} %')


if __name__ == '__main__':
    main()
