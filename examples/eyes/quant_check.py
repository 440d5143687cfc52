# SPDX-License-Identifier: Apache-2.0
"""Estimates what 8 bit quantization costs, without the converter.

Weights (with the normalisation folded in) and every activation are rounded to 256 levels
between their smallest and largest value, one range per tensor; the ranges of activations
come from the calibration pictures.

    python3 quant_check.py eyes.pt calibration.txt test.json test
"""
import argparse
import os

import cv2
import torch
from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from evaluate import evaluate, letterbox, report, to_tensor
from model import Conv, EyeDetector


class Swish(nn.Module):
    """SiLU as two operations, since the NPU rounds after each of them."""

    def forward(self, x):
        return x * torch.sigmoid(x)


class PlainConv(nn.Module):
    def __init__(self, block):
        super().__init__()
        self.conv, self.act = fuse_conv_bn_eval(block.conv, block.bn), Swish()

    def forward(self, x):
        return self.act(self.conv(x))


def fold(module):
    """Replaces every Conv by a convolution with the normalisation folded in."""
    for name, child in module.named_children():
        setattr(module, name, PlainConv(child) if isinstance(child, Conv) else fold(child))
    return module


def fake_quantize(x, low, high):
    """Rounds x to the 256 levels of [low, high] widened to contain 0."""
    low, high = min(float(low), 0.0), max(float(high), 0.0)
    scale = max(high - low, 1e-8) / 255
    zero = round(-low / scale)
    return ((x / scale).round() + zero).clamp(0, 255).sub(zero) * scale


class Quantized(fx.Interpreter):
    """Runs a network; collects ranges while observe is set, rounds every tensor otherwise."""

    def __init__(self, network):
        super().__init__(fx.symbolic_trace(network))  # torch.nn modules stay whole
        self.ranges, self.observe = {}, True

    def run_node(self, node):
        value = super().run_node(node)
        if not isinstance(value, torch.Tensor):
            return value
        if self.observe:
            low, high = self.ranges.get(node.name, (0.0, 0.0))
            self.ranges[node.name] = min(low, value.min().item()), max(high, value.max().item())
            return value
        return fake_quantize(value, *self.ranges[node.name])

    def round_weights(self):
        for m in self.module.modules():
            if isinstance(m, nn.Conv2d):
                m.weight.data = fake_quantize(m.weight.data, m.weight.min(), m.weight.max())


def calibrate(network, list_path, limit):
    with open(list_path) as f:
        names = [line.strip() for line in f if line.strip()]
    for name in names[:limit]:
        square = letterbox(cv2.imread(os.path.join(os.path.dirname(list_path), name)))[0]
        network.run(to_tensor([square]))


def main():
    parser = argparse.ArgumentParser(description="AP in float and with simulated 8 bit quantization.")
    parser.add_argument("model", help="file written by trace.py")
    parser.add_argument("list", help="text file with the calibration pictures, one per line")
    parser.add_argument("json", help="ground truth in COCO form")
    parser.add_argument("folder", help="folder with the pictures")
    parser.add_argument("--limit", type=int, default=None, help="use only the first calibration pictures")
    args = parser.parse_args()
    network = EyeDetector().eval()
    network.load_state_dict(torch.jit.load(args.model).state_dict())
    print("float")
    report(evaluate(network, args.json, args.folder))
    quantized = Quantized(fold(network))
    with torch.no_grad():
        calibrate(quantized, args.list, args.limit)
        quantized.round_weights()
    quantized.observe = False
    print("8 bit, one range per tensor")
    report(evaluate(quantized.run, args.json, args.folder))


if __name__ == "__main__":
    main()
