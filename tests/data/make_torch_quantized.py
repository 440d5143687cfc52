#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the .pt files of tests/data/quantized: a network quantized by torch's eager mode, with one
scale for each tensor and for each channel, traced and frozen; and one whose numbers cannot be.

usage: make_torch_quantized.py tests/data/quantized     (written for torch 1.13)
"""
import os
import sys
import zipfile

import numpy
import torch
import torch.ao.quantization as quantization
from torch import nn

folder = sys.argv[1]
torch.backends.quantized.engine = 'qnnpack'


def tidy(name, change=(b'', b'')):
    """Drops the debug records, which hold paths of this machine; may change the code."""
    path = os.path.join(folder, name)
    with zipfile.ZipFile(path) as source:
        records = [(i.filename, source.read(i)) for i in source.infolist()]
    with zipfile.ZipFile(path, 'w') as target:
        for record, data in records:
            if record.endswith('.debug_pkl'):
                continue
            if record.endswith('.py') and change[0]:
                data = data.replace(*change)
            clean = zipfile.ZipInfo(record, (1980, 1, 1, 0, 0, 0))
            if record.endswith('.py'):
                clean.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(clean, data)


class Net(nn.Module):
    """Without ReLU6, whose quantized kernel of torch 1.13 mixes up the order of elements."""

    def __init__(self):
        super().__init__()
        self.quant, self.dequant = quantization.QuantStub(), quantization.DeQuantStub()
        self.stem, self.relu = nn.Conv2d(2, 4, 3, padding=1, stride=2), nn.ReLU()
        self.depthwise, self.relu2 = nn.Conv2d(4, 4, 3, padding=1, groups=4), nn.ReLU()
        self.point, self.swish = nn.Conv2d(4, 4, 1), nn.Hardswish()
        self.leaky, self.up, self.pool = nn.LeakyReLU(0.1), nn.Upsample(scale_factor=2), nn.MaxPool2d(3, 1, 1)
        self.mean, self.adaptive = nn.AvgPool2d(2), nn.AdaptiveAvgPool2d((2, 2))
        self.add, self.cat, self.mul = (nn.quantized.FloatFunctional() for _ in range(3))
        self.turned = nn.ConvTranspose2d(8, 2, 2, stride=2)
        self.first, self.relu3, self.last = nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 5)

    def forward(self, x):
        a = self.relu(self.stem(self.quant(x)))
        b = self.relu2(self.depthwise(a))
        c = self.leaky(self.point(self.add.add(b, self.swish(self.point(b)))))
        d = self.mul.mul(self.mean(self.up(self.pool(c))), torch.sigmoid(c))
        e = self.cat.cat([d, b.relu()], 1)
        f = self.adaptive(self.turned(e)).flatten(1)
        g = torch.sigmoid(self.last(self.relu3(self.first(f))))
        return self.dequant(g), self.dequant(d)


def make(name, per_channel=False, freeze=False):
    torch.manual_seed(3)
    net = Net().eval()
    quantization.fuse_modules(net, [['stem', 'relu'], ['first', 'relu3']], inplace=True)
    net.qconfig = quantization.get_default_qconfig('fbgemm' if per_channel else 'qnnpack')
    if per_channel:  # torch has no transposed convolution of this kind
        net.turned.qconfig = quantization.get_default_qconfig('qnnpack')
    quantization.prepare(net, inplace=True)
    for _ in range(4):
        net(torch.randn(1, 2, 12, 12))
    quantization.convert(net, inplace=True)
    x = torch.randn(1, 2, 12, 12)
    traced = torch.jit.trace(net, x, check_trace=False)
    if freeze:
        traced = torch.jit.freeze(traced)
    numpy.save(os.path.join(folder, name + '.in.npy'), x.numpy())
    for i, y in enumerate(traced(x)):
        numpy.save(os.path.join(folder, '%s.out%d.npy' % (name, i)), y.numpy())
    traced.save(os.path.join(folder, name + '.pt'))
    tidy(name + '.pt')


class Bare(nn.Module):
    def forward(self, x):
        return torch.quantize_per_tensor(x, 0.5, 100, torch.quint8).dequantize()


make('torch')
make('torch_channels', per_channel=True)
make('torch_frozen', freeze=True)
for name, change in (('bad_torch_zero', (b'100, 13', b'300, 13')),
                     ('bad_torch_scale', (b'0.5, ', b'0.0, ')),
                     ('bad_torch_type', (b'100, 13', b'100, 14'))):
    torch.jit.trace(Bare(), torch.zeros(1, 2, 12, 12)).save(os.path.join(folder, name + '.pt'))
    tidy(name + '.pt', change)
