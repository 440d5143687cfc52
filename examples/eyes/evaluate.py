# SPDX-License-Identifier: Apache-2.0
"""Average precision of a traced detector on labelled pictures.

    python3 evaluate.py eyes.pt test.json test
"""
import argparse
import json
import os

import cv2
import numpy as np
import torch

from model import MEAN, STD, decode

SIZE = 416
GREY = 128


def letterbox(picture, size=SIZE):
    """Fits a BGR picture into a grey square; returns it with the scale and the offset (x, y)."""
    h, w = picture.shape[:2]
    scale = min(size / w, size / h)
    nw, nh = int(w * scale), int(h * scale)
    left, top = (size - nw) // 2, (size - nh) // 2
    square = np.full((size, size, 3), GREY, np.uint8)
    square[top:top + nh, left:left + nw] = cv2.resize(picture, (nw, nh), interpolation=cv2.INTER_LINEAR)
    return square, scale, np.array([left, top], np.float32)


def to_tensor(pictures):
    """A list of BGR pictures of the same size -> normalised RGB, [n, 3, h, w]."""
    rgb = np.stack(pictures)[..., ::-1].astype(np.float32)
    rgb = (rgb - np.float32(MEAN)) / np.float32(STD)
    return torch.from_numpy(np.ascontiguousarray(rgb.transpose(0, 3, 1, 2)))


def iou(box, boxes):
    """Overlap of one box with many; boxes are x1 y1 x2 y2."""
    wh = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    inter = np.prod(np.maximum(wh, 0), 1)
    area = np.prod(boxes[:, 2:] - boxes[:, :2], 1) + np.prod(box[2:] - box[:2])
    return inter / np.maximum(area - inter, 1e-9)


def nms(boxes, scores, threshold):
    """Greedy suppression over all classes together; returns the kept indices, best first."""
    order, keep = np.argsort(-scores), []
    while len(order):
        best, order = order[0], order[1:]
        keep.append(best)
        order = order[iou(boxes[best], boxes[order]) <= threshold]
    return keep


def detections(outputs, confidence=0.02, threshold=0.3):
    """Raw maps of one picture -> boxes [n, 4] in network pixels, scores [n], labels [n]."""
    boxes, logits = (t[0].numpy() for t in decode(outputs))
    probability = 1 / (1 + np.exp(-logits))
    scores = probability[:, 0] * probability[:, 1:].max(1)
    labels = probability[:, 1:].argmax(1)
    keep = scores >= confidence
    boxes, scores, labels = boxes[keep], scores[keep], labels[keep]
    keep = nms(boxes, scores, threshold)
    return boxes[keep], scores[keep], labels[keep]


def load_truth(path):
    """COCO file -> list of (file name, boxes x1 y1 x2 y2, labels from 0), names."""
    with open(path) as f:
        coco = json.load(f)
    rows = {image["id"]: [] for image in coco["images"]}
    for a in coco["annotations"]:
        x, y, w, h = a["bbox"]
        rows[a["image_id"]].append((x, y, x + w, y + h, a["category_id"] - 1))
    truth = []
    for image in coco["images"]:
        table = np.array(rows[image["id"]], np.float32).reshape(-1, 5)
        truth.append((image["file_name"], table[:, :4], table[:, 4].astype(int)))
    return truth, [c["name"] for c in coco["categories"]]


def match(boxes, order, truth, threshold):
    """For each box in the given order: True where it is the first on a true box."""
    free, hits = np.ones(len(truth), bool), np.zeros(len(boxes), bool)
    for i in order:
        overlap = iou(boxes[i], truth) * free if len(truth) else np.zeros(0)
        if len(overlap) and overlap.max() >= threshold:
            hits[i], free[overlap.argmax()] = True, False
    return hits


def average_precision(scores, hits, total):
    """Area under the precision-recall curve, interpolated at every point."""
    hits = hits[np.argsort(-scores, kind="stable")]
    recall = np.cumsum(hits) / max(total, 1)
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0) * precision))


def evaluate(network, json_path, folder, threshold=0.5):
    """Returns {class name: AP}; network maps a [1, 3, 416, 416] tensor to the raw maps."""
    truth, names = load_truth(json_path)
    scores, hits = [[] for _ in names], [[] for _ in names]
    for name, true_boxes, true_labels in truth:
        square, scale, offset = letterbox(cv2.imread(os.path.join(folder, name)))
        with torch.no_grad():
            boxes, score, label = detections(network(to_tensor([square])))
        boxes = (boxes - np.tile(offset, 2)) / scale
        for c in range(len(names)):
            mine = label == c
            scores[c].append(score[mine])
            hits[c].append(match(boxes[mine], range(mine.sum()), true_boxes[true_labels == c], threshold))
    totals = np.bincount(np.concatenate([t[2] for t in truth]), minlength=len(names))
    return {n: average_precision(np.concatenate(s), np.concatenate(h), t)
            for n, s, h, t in zip(names, scores, hits, totals)}


def report(result):
    for name, ap in result.items():
        print("%-10s %.4f" % (name, ap))
    print("%-10s %.4f" % ("mAP@0.5", np.mean(list(result.values()))), flush=True)


def main():
    parser = argparse.ArgumentParser(description="Average precision of a traced detector at IoU 0.5.")
    parser.add_argument("model", help="file written by torch.jit.trace")
    parser.add_argument("json", help="ground truth in COCO form")
    parser.add_argument("folder", help="folder with the pictures")
    args = parser.parse_args()
    report(evaluate(torch.jit.load(args.model).eval(), args.json, args.folder))


if __name__ == "__main__":
    main()
