#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/data/import: tiny files of PyTorch, good and bad. Written for torch 1.13.

usage: make_torch_fixtures.py tests/data/import
"""
import io
import math
import os
import sys
import zipfile

import numpy
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.mobile_optimizer import optimize_for_mobile

folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
torch.manual_seed(0)
WITHOUT_NUMBERS = ("unknown.pt", "data.pt", "recorded.pt", "types.pt",
                   "uneven.pt", "counted.pt")


def path(name):
    return os.path.join(folder, name)


def without_debug(name, extra=None):
    """Drops the debug records: they are large and hold paths of this machine."""
    with zipfile.ZipFile(path(name)) as source:
        records = [(i, source.read(i)) for i in source.infolist()]
    with zipfile.ZipFile(path(name), "w") as target:
        for info, data in records:
            if info.filename.endswith(".debug_pkl"):
                continue
            clean = zipfile.ZipInfo(info.filename, (1980, 1, 1, 0, 0, 0))
            # One file keeps its packed code; in the others bytes can be changed one by one.
            clean.compress_type = info.compress_type if name == "focus.pt" else zipfile.ZIP_STORED
            target.writestr(clean, data)
        for key, data in (extra or {}).items():
            clean = zipfile.ZipInfo(records[0][0].filename.split("/")[0] + "/" + key,
                                    (1980, 1, 1, 0, 0, 0))
            target.writestr(clean, data)


def tidy(module):
    """Weights that print short."""
    with torch.no_grad():
        for p in list(module.parameters()) + list(module.buffers()):
            if p.is_floating_point() and 0 not in p.stride():
                p.copy_((torch.arange(p.numel()) % 7 * 0.25 + 0.25).reshape(p.shape))
    return module


def flatten(values):
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        else:
            yield from flatten(value)


def trace(name, module, *inputs, extra=None):
    traced = torch.jit.trace(tidy(module).eval(), inputs, check_trace=False)
    if all(isinstance(i, torch.Tensor) for i in inputs) and name not in WITHOUT_NUMBERS:
        x = torch.rand(inputs[0].shape)
        numpy.save(path(name.replace(".pt", ".in.npy")), x.numpy())
        for k, out in enumerate(flatten([traced(x)])):
            numpy.save(path(name.replace(".pt", f".out{k}.npy")), out.detach().numpy())
    traced.save(path(name))
    without_debug(name, extra)


class Focus(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(12, 4, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(4)
        self.act = nn.SiLU(inplace=True)

    def forward(self, x):
        a = x[..., ::2, ::2]
        b = x[..., 1::2, ::2]
        c = x[..., ::2, 1::2]
        d = x[..., 1::2, 1::2]
        return self.act(self.bn(self.conv(torch.cat((a, b, c, d), dim=1))))


class Shared(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 1)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.act(self.conv(self.act(self.conv(x))))


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(3, 3)
        self.b = nn.Linear(3, 3)
        self.b.weight = self.a.weight
        self.register_buffer("columns", torch.zeros(4, 3).t())
        self.register_buffer("row", torch.zeros(6)[2:5])
        self.register_buffer("wide", torch.zeros(1, 3).expand(2, 3))

    def forward(self, x):
        return self.b(self.a(x)) @ self.columns + self.row.sum() + self.wide[0, 1]


class InPlace(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 1)

    def forward(self, x):
        y = self.conv(x)
        y[:, 1:3].add_(1.0)         # through a view of a computed tensor
        z = torch.zeros(1, 4, 2, 2)
        z[:, 0] = 2                 # through a view of a constant
        z[..., ::2] += 1
        w = torch.zeros(1, 4, 2, 2)
        w[:, 3:] = y[:, :1]         # computed into constant
        return y * z, w


class Lists(nn.Module):
    def forward(self, first, others):
        return (first + others[0], [others[1], torch.sigmoid(first)]), others[0] * others[1]


class Shapes(nn.Module):
    def forward(self, x):
        n, c, h, w = x.shape
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, -1, h, w)
        grid = torch.stack(torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij"), 0)
        stride = torch.full((1, 1, h, w), 8.0)
        return x.flatten(1), (x[:, :2] + grid.type_as(x)) * stride


class Types(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("a_half", torch.zeros(2, dtype=torch.float16))
        self.register_buffer("a_brain", torch.zeros(2, dtype=torch.bfloat16))
        self.register_buffer("a_double", torch.zeros(2, dtype=torch.float64))
        self.register_buffer("a_whole", torch.tensor([3, 4]))
        self.register_buffer("a_truth", torch.tensor([True, False]))

    def forward(self, x):
        y = x * self.a_half.float() + self.a_brain.float() - self.a_double.float() * 0.1
        return torch.where(self.a_truth, y, x + self.a_whole)


class Pools(nn.Module):
    def forward(self, x):
        a = nn.functional.adaptive_avg_pool2d(x, 2)
        c = nn.functional.max_pool2d(x, 3, 2, 1)
        d = nn.functional.interpolate(c, scale_factor=2.0)
        e = nn.functional.relu6(nn.functional.hardtanh(x, -2, 2)).mean((2, 3))
        return a, d, e, nn.functional.pad(x, (1, 0, 2, 0))


class Edges(nn.Module):
    """Padding by reflection and repetition, of pixels and of rows."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3, padding=1, padding_mode="reflect")
        self.row = nn.Conv1d(3, 2, 3, padding=2, padding_mode="replicate")

    def forward(self, x):
        y = self.conv(x)
        return nn.functional.pad(y, (2, 1, 0, 3), mode="replicate"), self.row(y.mean(2))


class Picking(nn.Module):
    """Comparisons, where, masks, indices that only a run can tell."""

    def forward(self, x):
        y = torch.where(x > 0.5, x, -x)
        z = y.masked_fill((x < 0.25) | (x > 0.75), 7.0)
        near = (x * 3).to(torch.int64)
        table = torch.arange(8.0).reshape(4, 2) * 0.5
        return (z, table[near[0, 0, 0]], torch.gather(x, 3, near), x.flip(2),
                (near % 2 == 0).float().sum(), nn.functional.threshold(x, 0.5, 2.0),
                torch.cross(x[0].reshape(-1, 3), y[0].reshape(-1, 3)),
                (near << 2 | 3) - (near & 5) + (near ^ 6))


class Computed(nn.Module):
    """Weights that the network makes itself, and a norm behind a mean."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3, 2, 3, 3))
        self.bias = nn.Parameter(torch.zeros(3))
        self.norm = nn.BatchNorm1d(3)
        self.squeeze = nn.Conv2d(3, 3, 1)

    def forward(self, x):
        scale = x.mean()
        y = nn.functional.conv2d(x, self.weight * scale, self.bias + scale, padding=1)
        y = y * torch.sigmoid(self.squeeze(y.mean((2, 3), keepdim=True)))
        up = nn.functional.conv_transpose2d(y, self.weight + scale, stride=2)
        flat = self.norm(y.flatten(2))
        return y.softmax(1), up, nn.functional.linear(flat[:, 0], flat[:, 1:2, :].sum(1))


class Sizes(nn.Module):
    """Cubic resizing, and maxima of windows that differ in size."""

    def forward(self, x):
        cubic = nn.functional.interpolate(x, size=(7, 5), mode="bicubic", align_corners=True)
        return (cubic, nn.functional.interpolate(x, scale_factor=1.5, mode="bicubic"),
                nn.functional.interpolate(x, scale_factor=(0.5, 2), mode="bicubic"),
                nn.functional.adaptive_max_pool2d(x, (3, 5)))


class Uneven(nn.Module):
    def forward(self, x):
        return nn.functional.adaptive_avg_pool2d(x, 3)


class Unknown(nn.Module):
    def forward(self, x):
        y = torch.digamma(x)
        return torch.digamma(y) + torch.erfinv(x)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 2, 2, bidirectional=True, batch_first=True)
        self.gru = nn.GRU(4, 2, bidirectional=True)
        self.rnn = nn.RNN(4, 2, bias=False)

    def forward(self, x):
        y, (hidden, cell) = self.lstm(x * 2 - 1)
        y, last = self.gru(y - y.mean())
        return y, hidden, cell, last, self.rnn(y - y.mean())[0]


@torch.jit.script
def padded(x, kernel: int, stride: int):
    rows = max((int(math.ceil(x.size(2) / stride)) - 1) * stride + kernel - x.size(2), 0)
    if rows > 0 and stride != 3:
        x = F.pad(x, [0, 0, rows // 2, rows - rows // 2])
    elif kernel == -1:
        raise ValueError("no kernel")
    return x


@torch.jit.script
def halved(x, times: int, act: str = "relu"):
    parts = [x]
    for i in range(1, times):
        if i % 2 == 1 and act == "relu":
            parts.append(parts[-1].relu() * 0.5 + float(i))
        else:
            parts.insert(0, parts[0] * i)
    i = 0
    total = parts[0]
    while i + 1 < len(parts):
        i += 1
        total = total + parts[i] * max(i, 2)
    return total


class Scripted(nn.Module):
    """Functions that were scripted, inside of a trace."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3, 2)

    def forward(self, x):
        return halved(self.conv(padded(x, 3, 2)), 4)


@torch.jit.script
def as_often(x):
    y = x
    for i in range(int(x.sum())):
        y = y * 2
    return y


class Counted(nn.Module):
    def forward(self, x):
        return as_often(x)


class Attention(nn.Module):
    """The layers as torch fuses them, where no gradients are wanted."""

    def __init__(self):
        super().__init__()
        self.first = nn.TransformerEncoderLayer(4, 2, 6, batch_first=True, activation="gelu")
        self.second = nn.TransformerEncoderLayer(4, 2, 6, batch_first=True, norm_first=True)
        self.third = nn.MultiheadAttention(4, 2, batch_first=True)

    def forward(self, x):
        y = self.second(self.first(x))
        return (y, *self.third(y, y, y))


class Ordered(nn.Module):
    """Places: of extremes, in order, as indices, to put things at."""

    def forward(self, x):
        values, at = torch.topk(x, 2, dim=2)
        y, peaks = F.max_pool2d(x, 3, 2, 1, return_indices=True)
        z = torch.zeros(2, 4, 5)
        z[:, torch.tensor([0, 2]), torch.tensor([1, -1])] = x[0, :, 0, :2]
        z[x[0] > 0.5] = -1.0
        return (values, at, torch.argmin(x), x.sort(3)[1], peaks, x.cumsum(1),
                x.scatter(3, at[:, :, :, :2] * 0, values), z, x[:, [1, 0], :, [0, 1]])


class Sampled(nn.Module):
    def __init__(self):
        super().__init__()
        self.deep = nn.Conv3d(1, 2, (2, 3, 3), padding=(1, 0, 1), stride=(2, 1, 1))

    def forward(self, x):
        grid = F.affine_grid(x[0, 0, :2, :3][None] - 0.5, (1, 2, 3, 4), align_corners=False)
        windows = F.unfold(x, 2, stride=2)
        return (F.grid_sample(x, grid, align_corners=False, padding_mode="reflection"),
                self.deep(x[:, None]), F.fold(windows, (4, 4), 2, stride=2),
                torch.einsum("bchw,bdhw->bcd", x, x), F.avg_pool3d(x, 2, 1))


class Norm(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(2)

    def forward(self, x):
        return self.norm(x)


class Branch(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 1)

    def forward(self, x):
        if x.sum() > 0:
            return self.conv(x)
        return x


class Data(nn.Module):
    def forward(self, x):
        return x[:, :2] + torch.arange(x.max())


def picture(c, h, w):
    return torch.ones(1, c, h, w)


def recorded(*inputs):
    """What torch 2 keeps: traced_inputs.pkl, a pickle of {"forward": [tensors]}."""
    buffer = io.BytesIO()
    torch.save({"forward": list(inputs)}, buffer)
    with zipfile.ZipFile(buffer) as source:
        return {"traced_inputs.pkl": source.read("archive/data.pkl")}


trace("focus.pt", Focus(), picture(3, 8, 6))
trace("shared.pt", Shared(), picture(2, 3, 3))
trace("tied.pt", Tied(), torch.ones(2, 3))
trace("inplace.pt", InPlace(), picture(1, 2, 2))
trace("lists.pt", Lists(), torch.ones(2), [torch.ones(2), torch.ones(1)])
trace("shapes.pt", Shapes(), picture(4, 2, 3))
trace("types.pt", Types(), torch.ones(1, 2))
trace("pools.pt", Pools(), picture(1, 4, 4))
trace("uneven.pt", Uneven(), picture(1, 4, 4))
trace("unknown.pt", Unknown(), picture(1, 2, 2))
trace("data.pt", Data(), torch.full((1, 4), 2.0))
trace("recorded.pt", Shared(), picture(2, 3, 3), extra=recorded(picture(2, 3, 3)))

training = torch.jit.trace(tidy(Norm()), picture(2, 2, 2), check_trace=False)
training.save(path("training.pt"))
without_debug("training.pt")

torch.jit.script(tidy(Branch())).save(path("script_if.pt"))
without_debug("script_if.pt")
mobile = torch.jit.trace(tidy(Shared()).eval(), picture(2, 3, 3), check_trace=False)
mobile._save_for_lite_interpreter(path("lite.ptl"))
without_debug("lite.ptl")
optimize_for_mobile(mobile)._save_for_lite_interpreter(path("mobile.ptl"))
without_debug("mobile.ptl")

small = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU())
tidy(small)
torch.save(small.state_dict(), path("weights.pth"))
torch.save({"epoch": 3, "model": small.state_dict()}, path("checkpoint.pth"))
torch.save(small, path("module.pth"))
torch.save(small.state_dict(), path("weights_legacy.pth"), _use_new_zipfile_serialization=False)

trace("edges.pt", Edges(), picture(2, 4, 5))
trace("picking.pt", Picking(), picture(2, 3, 4))
trace("computed.pt", Computed(), picture(2, 4, 5))
trace("sizes.pt", Sizes(), picture(2, 4, 6))
trace("recurrent.pt", Recurrent(), torch.ones(2, 4, 3))
trace("scripted.pt", Scripted(), picture(2, 5, 7))
trace("counted.pt", Counted(), torch.ones(1, 2))
with torch.no_grad():
    trace("attention.pt", Attention(), torch.ones(1, 3, 4))
trace("ordered.pt", Ordered(), picture(2, 4, 5))
trace("sampled.pt", Sampled(), picture(2, 4, 4))
