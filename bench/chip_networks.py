#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Networks whose times on chips have been published, rebuilt with random weights as FOLDER/NAME.pt.

  python3 bench/chip_networks.py FOLDER [NAME...]

Needs torch and torchvision. Of detectors everything up to the last convolutions is taken, as the
vendor's models end there."""
import pathlib
import sys

import torch
import torchvision
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'examples' / 'eyes'))
import model as yolox  # noqa: E402
import networks  # noqa: E402

CLASSES = 80


class Conv(nn.Module):
    kind = nn.SiLU

    def __init__(self, cin, cout, k=1, stride=1, pad=None, groups=1):
        super().__init__()
        pad = k // 2 if pad is None else pad
        self.conv = nn.Conv2d(cin, cout, k, stride, pad, groups=groups, bias=False)
        self.bn, self.act = nn.BatchNorm2d(cout), Conv.kind()

    def forward(self, x):
        return self.act(self.bn(self.conv(x)))


class Residual(nn.Module):
    def __init__(self, channels, add, first=1):
        super().__init__()
        self.layers, self.add = nn.Sequential(Conv(channels, channels, first), Conv(channels, channels, 3)), add

    def forward(self, x):
        return x + self.layers(x) if self.add else self.layers(x)


class C3(nn.Module):
    """Of YOLOv5: two branches, one through residual blocks."""

    def __init__(self, cin, cout, n, add=True):
        super().__init__()
        half = cout // 2
        self.left = nn.Sequential(Conv(cin, half), *(Residual(half, add) for _ in range(n)))
        self.right, self.last = Conv(cin, half), Conv(2 * half, cout)

    def forward(self, x):
        return self.last(torch.cat((self.left(x), self.right(x)), 1))


class C2f(nn.Module):
    """Of YOLOv8: what each block gives is joined."""

    def __init__(self, cin, cout, n, add=True):
        super().__init__()
        self.half = cout // 2
        self.first, self.last = Conv(cin, cout), Conv((2 + n) * self.half, cout)
        self.blocks = nn.ModuleList(Residual(self.half, add, 3) for _ in range(n))

    def forward(self, x):
        parts = list(self.first(x).chunk(2, 1))
        for block in self.blocks:
            parts.append(block(parts[-1]))
        return self.last(torch.cat(parts, 1))


class Pyramid(nn.Module):
    """SPPF: maxima of maxima."""

    def __init__(self, channels):
        super().__init__()
        self.first, self.last = Conv(channels, channels // 2), Conv(channels * 2, channels)
        self.pool = nn.MaxPool2d(5, 1, 2)

    def forward(self, x):
        parts = [self.first(x)]
        for _ in range(3):
            parts.append(self.pool(parts[-1]))
        return self.last(torch.cat(parts, 1))


class Yolo(nn.Module):
    """YOLOv5 (6.0) and YOLOv8: one backbone and two ways over a pyramid of three sizes."""

    def __init__(self, version, depth, width, widest=1024):
        super().__init__()
        block = {5: C3, 8: C2f}[version]
        c = [max(8, round(min(n, widest) * width / 8) * 8) for n in (64, 128, 256, 512, 1024)]
        n = [max(1, round(d * depth)) for d in ((3, 6, 9, 3) if version == 5 else (3, 6, 6, 3))]
        stem = Conv(3, c[0], 6, 2, 2) if version == 5 else Conv(3, c[0], 3, 2)
        self.stem = nn.Sequential(stem, Conv(c[0], c[1], 3, 2), block(c[1], c[1], n[0]))
        self.down = nn.ModuleList(nn.Sequential(Conv(c[i], c[i + 1], 3, 2), block(c[i + 1], c[i + 1], n[i]))
                                  for i in (1, 2, 3))
        self.pyramid, self.up = Pyramid(c[4]), nn.Upsample(scale_factor=2)
        m = max(1, round(3 * depth))
        if version == 5:
            self.reduce = nn.ModuleList((Conv(c[4], c[3]), Conv(c[3], c[2])))
            self.rise = nn.ModuleList((block(2 * c[3], c[3], m, False), block(2 * c[2], c[2], m, False)))
            self.sink = nn.ModuleList((Conv(c[2], c[2], 3, 2), Conv(c[3], c[3], 3, 2)))
            self.join = nn.ModuleList((block(2 * c[2], c[3], m, False), block(2 * c[3], c[4], m, False)))
            self.heads = nn.ModuleList(nn.Conv2d(k, 3 * (CLASSES + 5), 1) for k in c[2:])
        else:
            self.reduce = nn.ModuleList((nn.Identity(), nn.Identity()))
            self.rise = nn.ModuleList((block(c[4] + c[3], c[3], m, False), block(c[3] + c[2], c[2], m, False)))
            self.sink = nn.ModuleList((Conv(c[2], c[2], 3, 2), Conv(c[3], c[3], 3, 2)))
            self.join = nn.ModuleList((block(c[2] + c[3], c[3], m, False), block(c[3] + c[4], c[4], m, False)))
            boxes, classes = max(16, c[2] // 4, 64), max(c[2], min(CLASSES, 100))
            self.heads = nn.ModuleList(nn.ModuleList((
                nn.Sequential(Conv(k, boxes, 3), Conv(boxes, boxes, 3), nn.Conv2d(boxes, 64, 1)),
                nn.Sequential(Conv(k, classes, 3), Conv(classes, classes, 3), nn.Conv2d(classes, CLASSES, 1),
                              nn.Sigmoid()))) for k in c[2:])

    def forward(self, x):
        a = self.down[0](self.stem(x))
        b = self.down[1](a)
        c = self.reduce[0](self.pyramid(self.down[2](b)))
        d = self.reduce[1](self.rise[0](torch.cat((self.up(c), b), 1)))
        small = self.rise[1](torch.cat((self.up(d), a), 1))
        middle = self.join[0](torch.cat((self.sink[0](small), d), 1))
        large = self.join[1](torch.cat((self.sink[1](middle), c), 1))
        outputs = []
        for head, y in zip(self.heads, (small, middle, large)):
            outputs += [branch(y) for branch in head] if isinstance(head, nn.ModuleList) else [head(y).sigmoid()]
        return tuple(outputs)


class MobileNet(nn.Module):
    """The first MobileNet."""

    def __init__(self):
        super().__init__()
        layers, cin = [Conv(3, 32, 3, 2)], 32
        for cout, stride in ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5,
                             (1024, 2), (1024, 1)):
            layers += [Conv(cin, cin, 3, stride, groups=cin), Conv(cin, cout)]
            cin = cout
        self.features, self.classifier = nn.Sequential(*layers), nn.Conv2d(cin, 1001, 1)

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3), keepdim=True)).flatten(1).softmax(1)


def with_relu(make):
    """The same with ReLU where SiLU is."""
    kept, Conv.kind = Conv.kind, nn.ReLU
    try:
        network = make()
    finally:
        Conv.kind = kept
    for module in network.modules():
        if isinstance(getattr(module, 'act', None), nn.SiLU):
            module.act = nn.ReLU()
    return network


def yolox_network(depth, width):
    return lambda: networks.yolox_network(depth, width, False)


NETWORKS = {  # name: (side of the input, how it is made)
    'mobilenet_v1': (224, lambda: with_relu(MobileNet)),
    'mobilenet_v2': (224, torchvision.models.mobilenet_v2),
    'resnet50': (224, torchvision.models.resnet50),
    'yolov5n_silu': (640, lambda: Yolo(5, 0.33, 0.25)),
    'yolov5s_silu': (640, lambda: Yolo(5, 0.33, 0.5)),
    'yolov5s_relu': (640, lambda: with_relu(lambda: Yolo(5, 0.33, 0.5))),
    'yolov5m_silu': (640, lambda: Yolo(5, 0.67, 0.75)),
    'yolov5m_relu': (640, lambda: with_relu(lambda: Yolo(5, 0.67, 0.75))),
    'yolov8n_silu': (640, lambda: Yolo(8, 0.33, 0.25)),
    'yolov8s_silu': (640, lambda: Yolo(8, 0.33, 0.5)),
    'yolov8m_silu': (640, lambda: Yolo(8, 0.67, 0.75, 768)),
    'yoloxs_silu': (640, yolox_network(0.33, 0.5)),
    'yoloxs_relu': (640, lambda: with_relu(yolox_network(0.33, 0.5))),
    'yoloxm_silu': (640, yolox_network(0.67, 0.75)),
    'yoloxm_relu': (640, lambda: with_relu(yolox_network(0.67, 0.75))),
}


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[2:] or NETWORKS:
        side, make = NETWORKS[name]
        with torch.no_grad():
            network = make().eval()
            torch.jit.trace(network, torch.zeros(1, 3, side, side), check_trace=False).save(
                str(folder / f'{name}.pt'))
        print(name, sum(p.numel() for p in network.parameters()) // 1000, 'thousand weights', flush=True)


if __name__ == '__main__':
    main()
