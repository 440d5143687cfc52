#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Saves networks in three ways, by torch.jit.trace (.pt), torch.export (.pt2) and torch.export
with run_decompositions() (core ATen), runs each file through `ork` and compares with torch; the
graphs of the first two are compared with `ork diff`. Random weights, randomised batch norm
statistics. Prints a table in Markdown; exits 1 when a result differs by more than 1e-4 of its
largest output, or when the two graphs differ.

  python3 tests/conformance/torch_export.py build/cli/ork [NAME...]

Needs torch 2.7 or newer; names of torchvision's networks need torchvision too."""
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy
import torch
from torch import nn
from torch.nn import functional as F

LIMIT = 1e-4
TORCHVISION = ['resnet18', 'mobilenet_v2', 'mobilenet_v3_small', 'shufflenet_v2_x1_0', 'efficientnet_b0',
               'regnet_y_400mf', 'densenet121', 'squeezenet1_1', 'googlenet', 'mnasnet1_0', 'convnext_tiny',
               'vit_b_32', 'swin_t', 'lraspp_mobilenet_v3_large']


def conv(cin, cout, k=3, stride=1, groups=1, act=nn.SiLU):
    return nn.Sequential(nn.Conv2d(cin, cout, k, stride, k // 2, groups=groups, bias=False),
                         nn.BatchNorm2d(cout), act())


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = conv(3, 16, 7, 2, act=nn.ReLU)
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.a = conv(16, 16, act=nn.ReLU)
        self.b = nn.Sequential(nn.Conv2d(16, 16, 3, padding=1), nn.BatchNorm2d(16))
        self.relu = nn.ReLU(inplace=True)
        self.head = nn.Linear(16, 10)

    def forward(self, x):
        x = self.pool(self.stem(x))
        x = self.relu(self.b(self.a(x)) + x)
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1)).softmax(-1)


class Inverted(nn.Module):
    """Depthwise layers, squeeze and excitation."""

    def __init__(self):
        super().__init__()
        self.expand = conv(3, 24, 1, act=nn.Hardswish)
        self.depth = conv(24, 24, 5, 2, groups=24, act=nn.ReLU6)
        self.squeeze = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(24, 8, 1), nn.ReLU(),
                                     nn.Conv2d(8, 24, 1), nn.Hardsigmoid())
        self.project = nn.Conv2d(24, 12, 1)

    def forward(self, x):
        x = self.depth(self.expand(x))
        return self.project(x * self.squeeze(x))


class Shuffle(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = conv(3, 16, act=nn.ReLU)
        self.branch = nn.Sequential(conv(8, 8, 1), conv(8, 8, 3, groups=8))

    def forward(self, x):
        x = self.stem(x)
        a, b = x.chunk(2, dim=1)
        x = torch.cat((a, self.branch(b)), 1)
        n, c, h, w = x.shape
        return x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)


class Detector(nn.Module):
    """As YOLOX: focus, upsampling, two maps, decoded or not."""

    def __init__(self, decodes=False):
        super().__init__()
        self.stem = conv(12, 16)
        self.down = conv(16, 32, stride=2)
        self.lateral = conv(32, 16, 1)
        self.heads = nn.ModuleList(nn.ModuleList((nn.Conv2d(16, 4, 1), nn.Conv2d(16, 1, 1),
                                                  nn.Conv2d(16, 3, 1))) for _ in range(2))
        self.decodes = decodes

    def forward(self, x):
        x = torch.cat((x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]), 1)
        p = self.stem(x)
        q = self.lateral(self.down(p))
        p = p + F.interpolate(q, scale_factor=2, mode='nearest')
        maps = [torch.cat((box(y), obj(y).sigmoid(), kind(y).sigmoid()), 1)
                for y, (box, obj, kind) in zip((p, q), self.heads)]
        if not self.decodes:
            return maps
        out = torch.cat([y.flatten(2) for y in maps], 2).permute(0, 2, 1)
        grids, strides = [], []
        for (h, w), stride in zip([y.shape[-2:] for y in maps], (2, 4)):
            yv, xv = torch.meshgrid([torch.arange(h), torch.arange(w)], indexing='ij')
            grids.append(torch.stack((xv, yv), 2).view(1, -1, 2))
            strides.append(torch.full((1, h * w, 1), stride))
        grids, strides = torch.cat(grids, 1).type(out.dtype), torch.cat(strides, 1).type(out.dtype)
        out[..., :2] = (out[..., :2] + grids) * strides
        out[..., 2:4] = torch.exp(out[..., 2:4]) * strides
        return out


class Block(nn.Module):
    """A transformer's block, written with the functions."""

    def __init__(self, width=32, heads=4):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.register_buffer('bias', torch.randn(1, heads, 6, 6))

    def forward(self, x):
        b, n, c = x.shape
        q, k, v = self.qkv(self.norm1(x)).reshape(b, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=self.bias)
        x = x + self.proj(y.transpose(1, 2).reshape(b, n, c))
        return x + self.mlp(self.norm2(x))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(6, 5, 2, batch_first=True, bidirectional=True)
        self.gru = nn.GRU(10, 4, batch_first=True)

    def forward(self, x):
        y, (h, _) = self.lstm(x)
        z, _ = self.gru(y)
        return z, h


class Settings(nn.Module):
    """Parts under no_grad, numbers among the outputs, buffers of all kinds, writes into parts."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.register_buffer('scale', torch.rand(4, 1, 1))
        self.register_buffer('shift', torch.rand(1), persistent=False)
        self.norm = nn.GroupNorm(2, 4)
        self.instance = nn.InstanceNorm2d(4, affine=True)
        self.slope = nn.PReLU(4)

    def forward(self, x):
        with torch.no_grad():
            y = self.conv(x) * self.scale
        y = self.slope(self.instance(self.norm(y)))
        y[:, 1:3] += torch.tensor([2.0])
        y[:, 0] = self.shift
        return {'y': y, 'rest': [(y.mean((2, 3)), y.amax(1)), y.var(1)]}


class Upsampled(nn.Module):
    def __init__(self):
        super().__init__()
        self.up = nn.ConvTranspose2d(3, 4, 4, 2, 1)

    def forward(self, x):
        x = F.pad(self.up(x), (1, 2, 3, 4), value=0.5)
        x = F.interpolate(x, size=(9, 11), mode='bilinear', align_corners=False)
        return F.pixel_shuffle(x, 2), F.avg_pool2d(x, 3, 2, 1), F.leaky_relu(x - 0.5).clamp(-1, 0.3)


SMALL = {
    'residual': (Residual, (1, 3, 32, 32)),
    'inverted': (Inverted, (1, 3, 16, 16)),
    'shuffle': (Shuffle, (1, 3, 8, 8)),
    'detector': (Detector, (1, 3, 32, 32)),
    'detector_decoded': (lambda: Detector(True), (1, 3, 32, 32)),
    'block': (Block, (1, 6, 32)),
    'encoder': (lambda: nn.TransformerEncoderLayer(32, 4, 64, batch_first=True), (1, 6, 32)),
    'recurrent': (Recurrent, (1, 3, 6)),
    'settings': (Settings, (1, 3, 8, 8)),
    'upsampled': (Upsampled, (1, 3, 6, 6)),
}


class Flat(nn.Module):
    """The values of a dictionary, which cannot be traced."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return tuple(tensors_of(self.net(x)))


def tensors_of(value):
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (dict, tuple, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from tensors_of(item)


def network(name):
    torch.manual_seed(len(name))
    if name in SMALL:
        make, shape = SMALL[name]
        net = make()
    else:
        import torchvision
        extra = {'init_weights': False} if name in ('googlenet', 'inception_v3') else {}
        if name in torchvision.models.list_models(module=torchvision.models.segmentation):
            extra = {'weights_backbone': None}
        net, shape = torchvision.models.get_model(name, weights=None, **extra), (1, 3, 224, 224)
    for module in net.eval().modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
        if isinstance(module, nn.Linear) and not module.weight.any():
            module.weight.data.normal_(0, 0.05)  # heads of transformers start at 0
    return net, torch.randn(shape)


def save_all(net, x, folder):
    """Names of the files that torch could make."""
    files = {}
    is_dict = isinstance(net(x), dict)
    try:
        # Without no_grad: else torch puts its fused attention into the trace.
        torch.jit.trace(Flat(net) if is_dict else net, x, check_trace=False).save(str(folder / 'net.pt'))
        files['.pt'] = folder / 'net.pt'
    except Exception as error:  # torch raises all kinds
        files['.pt'] = str(error).splitlines()[0][:60]
    program = torch.export.export(net, (x,))
    torch.export.save(program, str(folder / 'net.pt2'))
    files['.pt2'] = folder / 'net.pt2'
    torch.export.save(program.run_decompositions(), str(folder / 'core.pt2'))
    files['core ATen'] = folder / 'core.pt2'
    return files


def difference(ork, path, x, expected, folder):
    numpy.save(folder / 'x.npy', x.numpy())
    out = folder / 'out'
    size = [] if path.suffix == '.pt2' else ['--input-size', 'x'.join(map(str, x.shape))]
    done = subprocess.run([ork, 'run', path, folder / 'x.npy', '--npy-out', out, '-q'] + size,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise RuntimeError(' '.join(done.stderr.split())[:200])
    worst = 0.0
    for i, want in enumerate(expected):
        got = numpy.load(out / f'x-{i}.npy')
        if got.shape != want.shape:
            raise RuntimeError(f'output {i} is {got.shape}, not {want.shape}')
        worst = max(worst, float(numpy.abs(got - want).max() / max(numpy.abs(want).max(), 1e-9)))
    return worst


def cell(ork, path, x, expected, folder):
    if isinstance(path, str):
        return path, True  # torch could not make it
    try:
        worst = difference(ork, path, x, expected, folder)
        return f'{worst:.1e}', worst <= LIMIT
    except (RuntimeError, FileNotFoundError) as error:
        return str(error), False


def same_graph(ork, files, x):
    if isinstance(files['.pt'], str):
        return ''
    done = subprocess.run([ork, 'diff', files['.pt'], files['.pt2'], '--input-size',
                           'x'.join(map(str, x.shape))], capture_output=True, text=True)
    return 'same' if done.returncode == 0 else 'other' if done.returncode == 1 else 'failed'


def main():
    warnings.simplefilter('ignore')
    torch.set_num_threads(1)
    ork, names, failed = sys.argv[1], sys.argv[2:] or list(SMALL) + TORCHVISION, 0
    print(f'torch {torch.__version__}\n\n| network | .pt | .pt2 | core ATen .pt2 | graphs of .pt and .pt2 |')
    print('|---|---|---|---|---|')
    for name in names:
        net, x = network(name)
        expected = [value.detach().numpy() for value in tensors_of(net(x.clone()))]
        with tempfile.TemporaryDirectory() as folder:
            files = save_all(net, x, pathlib.Path(folder))
            cells = [cell(ork, path, x, expected, pathlib.Path(folder)) for path in files.values()]
            graphs = same_graph(ork, files, x)
        failed += not all(good for _, good in cells) or graphs not in ('', 'same')
        print(f'| {name} | {" | ".join(text for text, _ in cells)} | {graphs} |', flush=True)
    print(f'{len(names)} networks, {failed} not within {LIMIT} or not the same')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
