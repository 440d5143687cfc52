#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Networks to measure, as name.pt (traced) and name.onnx, with random weights and statistics of batch
norm that keep activations in a sane range, and a few pictures to calibrate on.

  python3 bench/networks.py FOLDER [NAME...]

Needs torch, torchvision and onnx. YOLOX networks are those of examples/eyes, of other sizes."""
import pathlib
import sys

import numpy
import torch
import torchvision
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'examples' / 'eyes'))
import model as yolox  # noqa: E402

CLASSES, PICTURES = 80, 8


def yolox_network(depth, width, depthwise):
    """Networks larger than nano have dense convolutions where nano has depthwise ones."""
    kept = yolox.DWConv
    if not depthwise:
        yolox.DWConv = lambda cin, cout, k=3, stride=1: yolox.Conv(cin, cout, k, stride)
    try:
        return yolox.EyeDetector(CLASSES, depth, width)
    finally:
        yolox.DWConv = kept


NETWORKS = {  # name: (size of the input, how it is made)
    'yolox_nano': (416, lambda: yolox_network(0.33, 0.25, True)),
    'yolox_tiny': (416, lambda: yolox_network(0.33, 0.375, False)),
    'yolox_s': (640, lambda: yolox_network(0.33, 0.5, False)),
    'mobilenet_v2': (224, torchvision.models.mobilenet_v2),
    'resnet50': (224, torchvision.models.resnet50),
    'mobilenet_v3': (224, torchvision.models.mobilenet_v3_large),
    'efficientnet_b0': (224, torchvision.models.efficientnet_b0),
}


def pictures(size):
    """Smooth random pictures of bytes: N C H W."""
    small = torch.rand(PICTURES, 3, 12, 12, generator=torch.Generator().manual_seed(7))
    return (nn.functional.interpolate(small, (size, size), mode='bilinear') * 255).round()


def settle(network, samples):
    """Random scales, and means and variances as the samples have them."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the plain average of all
            module.reset_running_stats()
            nn.init.uniform_(module.weight, 0.7, 1.3)
            nn.init.normal_(module.bias, 0, 0.3)
    network.train()
    with torch.no_grad():
        for part in samples.split(4):
            network(part)
    return network.eval()


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[2:] or NETWORKS:
        size, make = NETWORKS[name]
        torch.manual_seed(1)
        samples = pictures(size)
        network = settle(make(), samples)
        with torch.no_grad():
            torch.jit.trace(network, samples[:1]).save(str(folder / f'{name}.pt'))
            torch.onnx.export(network, samples[:1], str(folder / f'{name}.onnx'), opset_version=13,
                              input_names=['x'])
        array = samples.numpy().astype(numpy.uint8)  # N C H W
        for i, picture in enumerate(array):
            numpy.save(folder / f'{name}.{i}.npy', picture.transpose(1, 2, 0)[None])
        (folder / f'{name}.txt').write_text(''.join(f'{name}.{i}.npy\n' for i in range(len(array))))
        print(name, flush=True)


if __name__ == '__main__':
    main()
