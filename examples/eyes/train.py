# SPDX-License-Identifier: Apache-2.0
"""Trains the eye detector on pictures written by render.py.

Each true box belongs to one stride, chosen by class and size, and there to the four cells
around its centre. The thresholds put a pupil one stride finer than its iris: the two are
concentric and would otherwise compete for the same cells.
"""
import argparse
import copy
import math
import os
import time

import cv2
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F

from evaluate import GREY, SIZE, evaluate, load_truth, report, to_tensor
from model import NUM_CLASSES, STRIDES, Conv, EyeDetector, decode

# Per class: the largest side, in network pixels, for strides 8 and 16.
LIMITS = np.array([[0, 60], [26, 1e9], [48, 112]])


# ---- data ---------------------------------------------------------------------------------


class Pool(torch.utils.data.IterableDataset):
    """Endless augmented pictures with their boxes, from files kept compressed in memory."""

    def __init__(self, sources, size, seed):
        self.size, self.seed, self.items = size, seed, []
        for path, folder in sources:
            for name, boxes, labels in load_truth(path)[0]:
                with open(os.path.join(folder, name), "rb") as f:
                    self.items.append((np.frombuffer(f.read(), np.uint8), boxes, labels))

    def __iter__(self):
        info = torch.utils.data.get_worker_info()
        rng = np.random.default_rng([self.seed, info.id if info else 0])
        while True:
            for index in rng.permutation(len(self.items)):
                yield self.augment(rng, *self.items[index])

    def augment(self, rng, data, boxes, labels):
        picture = change_colours(rng, cv2.imdecode(data, cv2.IMREAD_COLOR))
        h, w = picture.shape[:2]
        scale = SIZE / max(h, w) * rng.uniform(0.8, 1.3)
        shift = self.window(rng, w * scale, h * scale, boxes * scale)
        matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
        square = cv2.warpAffine(picture, matrix, (self.size, self.size), borderValue=(GREY,) * 3)
        boxes, labels = self.cut(boxes * scale + np.tile(shift, 2), labels)
        if rng.random() < 0.5:
            square = square[:, ::-1]
            boxes = np.stack((self.size - boxes[:, 2], boxes[:, 1], self.size - boxes[:, 0], boxes[:, 3]), 1)
        return square, boxes.astype(np.float32), labels

    def window(self, rng, w, h, boxes):
        """Offset of the picture in the square; a square smaller than the picture looks at an eye."""
        if self.size < SIZE and len(boxes) and rng.random() < 0.9:
            box = boxes[rng.integers(len(boxes))]
            centre = (box[:2] + box[2:]) / 2
            return rng.uniform(0.15, 0.85, 2) * self.size - centre
        return rng.uniform(0, 1, 2) * (self.size - np.array([w, h]))

    def cut(self, boxes, labels):
        """Clips boxes to the square, as the renderer does at the picture's border."""
        cut = np.clip(boxes, 0, self.size)
        keep = np.prod(cut[:, 2:] - cut[:, :2], 1) > 0.5 * np.prod(boxes[:, 2:] - boxes[:, :2], 1)
        return cut[keep], labels[keep]


def change_colours(rng, picture):
    """Brightness and colour cast; comes before the grey border, which never changes."""
    gain = rng.uniform(0.8, 1.2) * rng.uniform(0.94, 1.06, 3)
    table = np.arange(256)[:, None] * gain + rng.uniform(-12, 12)
    return cv2.LUT(picture, np.clip(table, 0, 255).astype(np.uint8)[None])


def collate(samples):
    pictures, boxes, labels = zip(*samples)
    return to_tensor(pictures), boxes, labels


# ---- targets and loss ---------------------------------------------------------------------


def assign(boxes, labels, size):
    """Targets of one picture: objectness (1, 0, or -1 to ignore), class and box of every cell."""
    objectness, classes, targets = [], [], []
    side = (boxes[:, 2:] - boxes[:, :2]).max(1, initial=0)
    level = (side[:, None] > LIMITS[labels]).sum(1)
    for k, stride in enumerate(STRIDES):
        n = size // stride
        obj, cls, box = np.zeros((n, n), np.float32), np.zeros((n, n), np.int64), np.zeros((n, n, 4), np.float32)
        mine = np.flatnonzero(level == k)
        for i in mine[np.argsort(-side[mine])]:  # the smaller box wins a shared cell
            centre = (boxes[i, :2] + boxes[i, 2:]) / 2 / stride - 0.5
            # Objectness learns no opinion on the ring between the inner cells and the background.
            near = np.maximum(*np.abs(np.meshgrid(np.arange(n) - centre[0], np.arange(n) - centre[1])))
            obj[(near < 1.6) & (obj == 0)] = -1
            obj[near < 1], cls[near < 1], box[near < 1] = 1, labels[i], boxes[i]
        objectness.append(obj.reshape(-1))
        classes.append(cls.reshape(-1))
        targets.append(box.reshape(-1, 4))
    return np.concatenate(objectness), np.concatenate(classes), np.concatenate(targets)


def giou(a, b):
    inter = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp(min=0).prod(1)
    union = (a[:, 2:] - a[:, :2]).prod(1) + (b[:, 2:] - b[:, :2]).prod(1) - inter
    hull = (torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])).prod(1)
    return inter / (union + 1e-6) - (hull - union) / (hull + 1e-6)


def detection_loss(outputs, boxes, labels, size):
    targets = [assign(b, l, size) for b, l in zip(boxes, labels)]
    objectness, classes, target = (torch.from_numpy(np.stack(t)) for t in zip(*targets))
    predicted, logits = decode(outputs)
    positive = objectness == 1
    count = positive.sum().clamp(min=1)
    obj = F.binary_cross_entropy_with_logits(logits[..., 0], objectness.clamp(min=0), reduction="none")
    obj = (obj * (objectness >= 0)).sum() / count
    onehot = F.one_hot(classes[positive], NUM_CLASSES).float()
    cls = F.binary_cross_entropy_with_logits(logits[positive][:, 1:], onehot, reduction="sum") / count
    box = (1 - giou(predicted[positive], target[positive])).sum() / count
    return 5 * box + obj + cls, box.item(), obj.item(), cls.item()


def output_range_loss(outputs, limit=8.0):
    """Keeps raw outputs small: boxes and logits share one quantization range."""
    return sum((out.abs() - limit).clamp(min=0).square().mean() for out in outputs)


def channel_spread_loss(network):
    """Spread of the channels' ranges after folding the normalisation into the weights.

    A tensor quantized with one scale gives a channel with a small range few levels, which
    hurts depthwise convolutions most.
    """
    spreads = []
    for m in network.modules():
        if not isinstance(m, Conv):
            continue
        scale = m.bn.weight.abs() / (m.bn.running_var + m.bn.eps).sqrt()
        reach = m.conv.weight.abs().amax((1, 2, 3)) * scale
        spreads.append((reach + 1e-4).log().var() + (m.bn.weight.abs() + 1e-2).log().var())
    return torch.stack(spreads).mean()


# ---- optimisation -------------------------------------------------------------------------


class Average:
    """Moving average of the weights and of the normalisation statistics."""

    def __init__(self, network, decay):
        self.network, self.decay, self.steps = copy.deepcopy(network).eval(), decay, 0

    def update(self, network):
        self.steps += 1
        keep = min(self.decay, self.steps / (self.steps + 10))
        with torch.no_grad():
            for mine, theirs in zip(self.network.state_dict().values(), network.state_dict().values()):
                if mine.dtype.is_floating_point:
                    mine.lerp_(theirs, 1 - keep)


def make_optimizer(network, rate, decay):
    """Weight decay acts on the convolutions' weights only."""
    weights = [p for p in network.parameters() if p.dim() > 1]
    others = [p for p in network.parameters() if p.dim() <= 1]
    return torch.optim.AdamW([{"params": weights, "weight_decay": decay},
                              {"params": others, "weight_decay": 0}], lr=rate)


def learning_rate(step, progress, args):
    """Linear warm-up, then a cosine down to 2 % of the peak."""
    warm = min(1, (step + 1) / args.warmup)
    return args.rate * warm * (0.02 + 0.98 * (1 + math.cos(math.pi * min(progress, 1))) / 2)


def train(args):
    torch.manual_seed(args.seed)
    network = EyeDetector()
    if args.init:
        network.load_state_dict(torch.load(args.init))
    network = network.to(memory_format=torch.channels_last).train()
    average = Average(network, args.average)
    optimizer = make_optimizer(network, args.rate, args.decay)
    pool = Pool(args.data, args.size, args.seed)
    loader = iter(torch.utils.data.DataLoader(pool, args.batch, collate_fn=collate, num_workers=1))
    start, step, progress = time.time(), 0, 0.0
    while progress < 1:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, progress, args)
        pictures, boxes, labels = next(loader)
        outputs = network(pictures.to(memory_format=torch.channels_last))
        loss, *parts = detection_loss(outputs, boxes, labels, args.size)
        spread = channel_spread_loss(network)
        optimizer.zero_grad()
        (loss + 0.1 * output_range_loss(outputs) + args.spread * spread).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 20)
        optimizer.step()
        average.update(network)
        step += 1
        progress = step / args.steps
        if args.minutes:
            progress = max(progress, (time.time() - start) / 60 / args.minutes)
        if step % 20 == 0:
            print("step %d  %.0f s  box %.3f  objectness %.3f  class %.3f  spread %.3f"
                  % (step, time.time() - start, *parts, spread.item()), flush=True)
        if step % args.save_every == 0 or progress >= 1:
            torch.save(average.network.state_dict(), args.out)
            if args.check:
                report(evaluate(average.network, *args.check))


def main():
    parser = argparse.ArgumentParser(description="Train the eye detector.")
    parser.add_argument("--data", nargs=2, action="append", required=True, metavar=("JSON", "FOLDER"),
                        help="pictures to train on; may be given more than once")
    parser.add_argument("--check", nargs=2, metavar=("JSON", "FOLDER"), help="pictures to measure AP on")
    parser.add_argument("--init", help="weights to start from")
    parser.add_argument("--out", default="eyes.pth", help="weights to write (default eyes.pth)")
    parser.add_argument("--size", type=int, default=SIZE, help="side of the training crops (default 416)")
    parser.add_argument("--batch", type=int, default=24, help="pictures per step (default 24)")
    parser.add_argument("--steps", type=int, default=1000, help="number of steps (default 1000)")
    parser.add_argument("--minutes", type=float, default=0, help="finish within this time (default: no limit)")
    parser.add_argument("--rate", type=float, default=2e-3, help="peak learning rate (default 0.002)")
    parser.add_argument("--decay", type=float, default=0.02, help="weight decay (default 0.02)")
    parser.add_argument("--warmup", type=int, default=60, help="steps of warm-up (default 60)")
    parser.add_argument("--average", type=float, default=0.99, help="decay of the weights' average (default 0.99)")
    parser.add_argument("--spread", type=float, default=0.1, help="weight of the channel spread loss (default 0.1)")
    parser.add_argument("--seed", type=int, default=0, help="random seed (default 0)")
    parser.add_argument("--save-every", type=int, default=200, help="steps between checkpoints (default 200)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default 1)")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    train(args)


if __name__ == "__main__":
    main()
