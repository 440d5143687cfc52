# SPDX-License-Identifier: Apache-2.0
"""YOLOX-nano for three classes (iris, pupil, shut-eye).

CSPDarknet backbone (depth 0.33, width 0.25, depthwise convolutions), PAFPN neck and
decoupled head. The network returns one raw map per stride (8, 16, 32), each with
4 + 1 + classes channels:

    tx, ty, tw, th   centre = (t + cell) * stride, size = exp(t) * stride
    objectness       logit
    classes          logits

Sigmoid and box decoding are left to the caller.
"""
import math

import torch
from torch import nn

NUM_CLASSES = 3
STRIDES = (8, 16, 32)
MEAN = (123.675, 116.28, 103.53)  # RGB, for pixels in 0..255
STD = (58.395, 57.12, 57.375)


class Conv(nn.Module):
    """Convolution, batch normalisation, SiLU."""

    def __init__(self, cin, cout, k=1, stride=1, groups=1):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, k, stride, k // 2, groups=groups, bias=False)
        # A large eps bounds the scale of a channel whose variance is close to 0: after the
        # normalisation is folded such a channel would set the range of the whole weight.
        self.bn = nn.BatchNorm2d(cout, eps=1e-3, momentum=0.03)
        self.act = nn.SiLU()

    def forward(self, x):
        return self.act(self.bn(self.conv(x)))


class DWConv(nn.Module):
    """Depthwise convolution followed by a 1x1 convolution."""

    def __init__(self, cin, cout, k=3, stride=1):
        super().__init__()
        self.depthwise = Conv(cin, cin, k, stride, groups=cin)
        self.pointwise = Conv(cin, cout)

    def forward(self, x):
        return self.pointwise(self.depthwise(x))


class Focus(nn.Module):
    """Moves each 2x2 block of pixels to the channels, then convolves."""

    def __init__(self, cin, cout):
        super().__init__()
        self.conv = Conv(cin * 4, cout, 3)

    def forward(self, x):
        top_left, top_right = x[..., ::2, ::2], x[..., ::2, 1::2]
        bottom_left, bottom_right = x[..., 1::2, ::2], x[..., 1::2, 1::2]
        return self.conv(torch.cat((top_left, bottom_left, top_right, bottom_right), 1))


class Bottleneck(nn.Module):
    def __init__(self, channels, shortcut=True):
        super().__init__()
        self.conv1 = Conv(channels, channels)
        self.conv2 = DWConv(channels, channels)
        self.shortcut = shortcut

    def forward(self, x):
        y = self.conv2(self.conv1(x))
        return x + y if self.shortcut else y


class CSP(nn.Module):
    """Cross stage partial block: half of the channels bypass the bottlenecks."""

    def __init__(self, cin, cout, n, shortcut=True):
        super().__init__()
        half = cout // 2
        self.conv1 = Conv(cin, half)
        self.conv2 = Conv(cin, half)
        self.conv3 = Conv(2 * half, cout)
        self.blocks = nn.Sequential(*[Bottleneck(half, shortcut) for _ in range(n)])

    def forward(self, x):
        return self.conv3(torch.cat((self.blocks(self.conv1(x)), self.conv2(x)), 1))


class SPP(nn.Module):
    """Spatial pyramid pooling."""

    def __init__(self, cin, cout, sizes=(5, 9, 13)):
        super().__init__()
        self.conv1 = Conv(cin, cin // 2)
        self.pools = nn.ModuleList([nn.MaxPool2d(k, 1, k // 2) for k in sizes])
        self.conv2 = Conv(cin // 2 * (len(sizes) + 1), cout)

    def forward(self, x):
        x = self.conv1(x)
        return self.conv2(torch.cat([x] + [pool(x) for pool in self.pools], 1))


class Backbone(nn.Module):
    """CSPDarknet; returns the maps at strides 8, 16 and 32."""

    def __init__(self, c, n):
        super().__init__()
        self.stem = Focus(3, c)
        self.dark2 = nn.Sequential(DWConv(c, 2 * c, 3, 2), CSP(2 * c, 2 * c, n))
        self.dark3 = nn.Sequential(DWConv(2 * c, 4 * c, 3, 2), CSP(4 * c, 4 * c, 3 * n))
        self.dark4 = nn.Sequential(DWConv(4 * c, 8 * c, 3, 2), CSP(8 * c, 8 * c, 3 * n))
        self.dark5 = nn.Sequential(
            DWConv(8 * c, 16 * c, 3, 2),
            SPP(16 * c, 16 * c),
            CSP(16 * c, 16 * c, n, shortcut=False),
        )

    def forward(self, x):
        c3 = self.dark3(self.dark2(self.stem(x)))
        c4 = self.dark4(c3)
        return c3, c4, self.dark5(c4)


class Neck(nn.Module):
    """PAFPN: a top-down path followed by a bottom-up path."""

    def __init__(self, c3, c4, c5, n):
        super().__init__()
        self.lateral5 = Conv(c5, c4)
        self.up4 = CSP(2 * c4, c4, n, shortcut=False)
        self.lateral4 = Conv(c4, c3)
        self.up3 = CSP(2 * c3, c3, n, shortcut=False)
        self.down3 = DWConv(c3, c3, 3, 2)
        self.down4 = CSP(2 * c3, c4, n, shortcut=False)
        self.down4to5 = DWConv(c4, c4, 3, 2)
        self.down5 = CSP(2 * c4, c5, n, shortcut=False)
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")

    def forward(self, c3, c4, c5):
        p5 = self.lateral5(c5)
        p4 = self.lateral4(self.up4(torch.cat((self.upsample(p5), c4), 1)))
        out3 = self.up3(torch.cat((self.upsample(p4), c3), 1))
        out4 = self.down4(torch.cat((self.down3(out3), p4), 1))
        out5 = self.down5(torch.cat((self.down4to5(out4), p5), 1))
        return out3, out4, out5


class Head(nn.Module):
    """Decoupled head of one stride: boxes and objectness share a branch, classes have one."""

    def __init__(self, cin, hidden, num_classes):
        super().__init__()
        self.stem = Conv(cin, hidden)
        self.cls_convs = nn.Sequential(DWConv(hidden, hidden), DWConv(hidden, hidden))
        self.reg_convs = nn.Sequential(DWConv(hidden, hidden), DWConv(hidden, hidden))
        self.cls_pred = nn.Conv2d(hidden, num_classes, 1)
        self.reg_pred = nn.Conv2d(hidden, 4, 1)
        self.obj_pred = nn.Conv2d(hidden, 1, 1)
        # Nearly every cell is background, so objectness starts at 1 %.
        nn.init.constant_(self.obj_pred.bias, -math.log(99))

    def forward(self, x):
        x = self.stem(x)
        reg = self.reg_convs(x)
        cls = self.cls_pred(self.cls_convs(x))
        return torch.cat((self.reg_pred(reg), self.obj_pred(reg), cls), 1)


class EyeDetector(nn.Module):
    def __init__(self, num_classes=NUM_CLASSES, depth=0.33, width=0.25):
        super().__init__()
        c = int(64 * width)
        n = round(3 * depth)
        self.backbone = Backbone(c, n)
        self.neck = Neck(4 * c, 8 * c, 16 * c, n)
        self.heads = nn.ModuleList([Head(k * c, 4 * c, num_classes) for k in (4, 8, 16)])

    def forward(self, x):
        maps = self.neck(*self.backbone(x))
        return tuple(head(m) for head, m in zip(self.heads, maps))


def decode(outputs):
    """Raw maps -> boxes [n, cells, 4] as x1 y1 x2 y2 in input pixels, logits [n, cells, 1 + classes]."""
    boxes, logits = [], []
    for out, stride in zip(outputs, STRIDES):
        n, _, h, w = out.shape
        y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        cell = torch.stack((x, y)).to(out)
        centre = (out[:, :2] + cell) * stride
        half = out[:, 2:4].clamp(max=7).exp() * (stride / 2)
        box = torch.cat((centre - half, centre + half), 1)
        boxes.append(box.flatten(2).transpose(1, 2))
        logits.append(out[:, 4:].flatten(2).transpose(1, 2))
    return torch.cat(boxes, 1), torch.cat(logits, 1)
