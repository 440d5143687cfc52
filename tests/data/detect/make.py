# SPDX-License-Identifier: Apache-2.0
"""Writes values.bin and boxes.bin for test_head.c: random outputs of a head, and the boxes that this
NumPy rendering of the same definitions finds in them. All little-endian float32.

values.bin  anchors x 8: 160x128 input, strides 8 16 32, three classes, logits, undecoded
boxes.bin   two tables (per class, then over all classes), each a count and rows of
            class, score, left, top, right, bottom"""
import pathlib
import numpy as np

WIDTH, HEIGHT, STRIDES, CLASSES = 160, 128, (8, 16, 32), 3
SCORE, OVERLAP = 0.2, 0.25


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def decode(values):
    cells = []
    for stride in STRIDES:
        y, x = np.mgrid[0:HEIGHT // stride, 0:WIDTH // stride]
        cells.append(np.stack([x.ravel(), y.ravel(), np.full(x.size, stride)], 1))
    cells = np.concatenate(cells).astype(np.float64)
    centre = (values[:, 0:2] + cells[:, 0:2]) * cells[:, 2:]
    size = np.exp(values[:, 2:4]) * cells[:, 2:]
    return np.concatenate([centre - size / 2, centre + size / 2], 1)


def overlap(one, others):
    low = np.maximum(one[:2], others[:, :2])
    high = np.minimum(one[2:], others[:, 2:])
    both = np.prod(np.clip(high - low, 0, None), 1)
    area = np.prod(others[:, 2:] - others[:, :2], 1)
    return both / (np.prod(one[2:] - one[:2]) + area - both)


def suppress(rows, agnostic):
    kept = []
    while len(rows):
        best, rows = rows[0], rows[1:]
        kept.append(best)
        near = overlap(best[2:], rows[:, 2:]) > OVERLAP
        rows = rows[~(near & (agnostic | (rows[:, 0] == best[0])))]
    return np.array(kept)


def main():
    folder = pathlib.Path(__file__).parent
    anchors = sum((WIDTH // s) * (HEIGHT // s) for s in STRIDES)
    values = np.random.default_rng(5).normal(0, 1.2, (anchors, 5 + CLASSES)).astype('<f4')
    values[:, 2:4] += 0.8  # larger boxes, so that many overlap
    values.tofile(folder / 'values.bin')
    exact = values.astype(np.float64)
    scores = sigmoid(exact[:, 4:5]) * sigmoid(exact[:, 5:])
    classes = scores.argmax(1)
    rows = np.concatenate([classes[:, None], scores.max(1)[:, None], decode(exact)], 1)
    rows = rows[rows[:, 1] >= SCORE]
    rows = rows[np.argsort(-rows[:, 1], kind='stable')]
    with open(folder / 'boxes.bin', 'wb') as out:
        for agnostic in (False, True):
            kept = suppress(rows, agnostic)
            np.array([len(kept)], '<f4').tofile(out)
            kept.astype('<f4').tofile(out)
            print(len(rows), 'boxes,', len(kept), 'kept')


main()
