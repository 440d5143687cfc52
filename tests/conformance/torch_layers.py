# SPDX-License-Identifier: Apache-2.0
"""Layers and parts of networks that people bring: recurrent layers, attention, blocks as in timm,
heads as in the YOLO family. case() collects them for torch_cases.py."""
import math

import torch
from torch import nn
from torch.nn import functional as F

CASES = {}  # name -> (function that makes the module, function that makes the inputs)


def case(name, *shapes, **options):
    """Registers what the decorated function or class returns when it is called."""
    def register(make):
        CASES[name] = (make, lambda: tuple(torch.randn(*s) for s in shapes), options)
        return make
    return register


# ---- recurrent layers ----

def recurrent_cases():
    for kind in (nn.LSTM, nn.GRU, nn.RNN):
        for layers, both, first, bias in ((1, False, False, True), (2, True, True, True),
                                          (2, False, True, False), (1, True, False, True)):
            name = f'{kind.__name__}_{layers}{"_both" if both else ""}{"_first" if first else ""}' \
                   f'{"" if bias else "_nobias"}'
            CASES[name] = (
                lambda k=kind, a=(layers, bias, first, both): k(6, 5, a[0], bias=a[1], batch_first=a[2],
                                                                bidirectional=a[3]),
                lambda: (torch.randn(3, 4, 6),), {})
    CASES['RNN_relu'] = (lambda: nn.RNN(6, 5, nonlinearity='relu'), lambda: (torch.randn(3, 4, 6),), {})
    CASES['LSTM_unbatched'] = (lambda: nn.LSTM(6, 5), lambda: (torch.randn(3, 6),), {})
    for kind in (nn.LSTMCell, nn.GRUCell, nn.RNNCell):
        CASES[kind.__name__] = (lambda k=kind: k(6, 5), lambda: (torch.randn(3, 6),), {})


recurrent_cases()


@case('LSTM_states', (3, 4, 6), (2, 4, 5), (2, 4, 5))
class WithStates(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(6, 5, 2)

    def forward(self, x, h, c):
        y, (h, c) = self.rnn(x, (h, c))
        return y, h, c


@case('CRNN', (1, 1, 32, 64))
class Crnn(nn.Module):
    """Text recognition: convolutions, then an LSTM along the width."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(1, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(),
                                  nn.Conv2d(8, 16, 3, 2, 1), nn.ReLU(), nn.MaxPool2d((8, 1)))
        self.rnn = nn.LSTM(16, 12, bidirectional=True)
        self.out = nn.Linear(24, 10)

    def forward(self, x):
        x = self.conv(x).squeeze(2).permute(2, 0, 1)
        return F.log_softmax(self.out(self.rnn(x)[0]), dim=2)


# ---- attention ----

class SelfAttention(nn.Module):
    def __init__(self, batch_first, **options):
        super().__init__()
        self.attention = nn.MultiheadAttention(16, 4, batch_first=batch_first, **options)

    def forward(self, x):
        return self.attention(x, x, x)


class CrossAttention(nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.attention = nn.MultiheadAttention(16, 4, **options)

    def forward(self, q, k, v):
        return self.attention(q, k, v, need_weights=False)[0]


for fused in (False, True):
    end = '_fused' if fused else ''
    case('MultiheadAttention_first' + end, (2, 5, 16), no_grad=fused)(lambda: SelfAttention(True))
    case('MultiheadAttention' + end, (5, 2, 16), no_grad=fused)(lambda: SelfAttention(False))
    if not fused:  # torch 1.13 itself fails
        case('MultiheadAttention_nobias', (2, 5, 16))(lambda: SelfAttention(True, bias=False))
    for norm_first in (False, True):
        for activation in ('relu', 'gelu'):
            case(f'TransformerEncoderLayer_{activation}{"_normfirst" if norm_first else ""}{end}',
                 (2, 5, 16), no_grad=fused)(
                lambda n=norm_first, a=activation: nn.TransformerEncoderLayer(
                    16, 4, 32, batch_first=True, norm_first=n, activation=a))
    case('TransformerEncoder' + end, (2, 5, 16), no_grad=fused)(
        lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), 2))
case('MultiheadAttention_cross', (5, 2, 16), (7, 2, 12), (7, 2, 14))(
    lambda: CrossAttention(kdim=12, vdim=14))
case('MultiheadAttention_extra', (5, 2, 16), (7, 2, 16), (7, 2, 16))(
    lambda: CrossAttention(add_bias_kv=True, add_zero_attn=True))
case('Transformer', (4, 2, 16), (6, 2, 16))(lambda: nn.Transformer(16, 4, 1, 1, 32))
case('TransformerDecoderLayer', (4, 2, 16), (6, 2, 16))(lambda: nn.TransformerDecoderLayer(16, 4, 32))


@case('attention_masked', (1, 2, 5, 8), (1, 2, 5, 8), (1, 2, 5, 8))
class MaskedAttention(nn.Module):
    """With the mask of truth values that lets each place see those before it."""

    def forward(self, q, k, v):
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))
        mask = torch.ones(5, 5, dtype=torch.bool).tril()
        return scores.masked_fill(~mask, float('-inf')).softmax(-1) @ v


@case('attention_triu', (5, 2, 16))
class CausalAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(16, 4)

    def forward(self, x):
        mask = torch.triu(torch.full((5, 5), float('-inf')), diagonal=1)
        return self.attention(x, x, x, attn_mask=mask)[0]


@case('attention_scaled', (1, 2, 5, 8), (1, 2, 7, 8), (1, 2, 7, 6))
class ScaledAttention(nn.Module):
    """As the operator does it where torch has it."""

    def forward(self, q, k, v):
        if hasattr(F, 'scaled_dot_product_attention'):
            return F.scaled_dot_product_attention(q, k, v)
        return (q * q.size(-1) ** -0.5 @ k.transpose(-2, -1)).softmax(-1) @ v


if hasattr(F, 'scaled_dot_product_attention'):
    @case('attention_causal', (1, 2, 5, 8), (1, 2, 7, 8), (1, 2, 7, 6))
    class CausalScaledAttention(nn.Module):
        def forward(self, q, k, v):
            mask = torch.ones(5, 7, dtype=torch.bool).tril()
            return (F.scaled_dot_product_attention(q, k, v, is_causal=True),
                    F.scaled_dot_product_attention(q, k, v, attn_mask=mask))


# ---- blocks as in timm ----

def conv_norm(cin, cout, kernel=3, stride=1, groups=1, act=nn.SiLU):
    return nn.Sequential(nn.Conv2d(cin, cout, kernel, stride, kernel // 2, groups=groups, bias=False),
                         nn.BatchNorm2d(cout), act())


@case('squeeze_excite', (1, 8, 12, 12))
class SqueezeExcite(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        self.reduce = nn.Conv2d(c, c // 4, 1)
        self.expand = nn.Conv2d(c // 4, c, 1)

    def forward(self, x):
        gate = x.mean((2, 3), keepdim=True)
        return x * self.expand(F.relu(self.reduce(gate))).sigmoid()


@case('efficient_channel_attention', (1, 8, 12, 12))
class EfficientChannelAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 1, 3, padding=1, bias=False)

    def forward(self, x):
        y = self.conv(x.mean((2, 3)).view(x.shape[0], 1, -1))
        return x * y.view(x.shape[0], -1, 1, 1).sigmoid().expand_as(x)


@case('cbam', (1, 8, 12, 12))
class Cbam(nn.Module):
    """Attention over channels, then over places (Woo et al. 2018)."""

    def __init__(self, c=8):
        super().__init__()
        self.dense = nn.Sequential(nn.Conv2d(c, c // 2, 1, bias=False), nn.ReLU(),
                                   nn.Conv2d(c // 2, c, 1, bias=False))
        self.conv = nn.Conv2d(2, 1, 7, padding=3)

    def forward(self, x):
        x = x * torch.sigmoid(self.dense(x.mean((2, 3), keepdim=True)) +
                              self.dense(x.amax((2, 3), keepdim=True)))
        places = torch.cat([x.mean(1, keepdim=True), x.max(1, keepdim=True)[0]], 1)
        return x * self.conv(places).sigmoid()


@case('coordinate_attention', (1, 8, 12, 10))
class CoordinateAttention(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        self.pool_h, self.pool_w = nn.AdaptiveAvgPool2d((None, 1)), nn.AdaptiveAvgPool2d((1, None))
        self.conv1, self.bn = nn.Conv2d(c, 8, 1), nn.BatchNorm2d(8)
        self.conv_h, self.conv_w = nn.Conv2d(8, c, 1), nn.Conv2d(8, c, 1)

    def forward(self, x):
        h, w = x.size()[2:]
        y = torch.cat([self.pool_h(x), self.pool_w(x).permute(0, 1, 3, 2)], dim=2)
        y = self.bn(self.conv1(y))
        y = y * F.relu6(y + 3) / 6
        along_h, along_w = torch.split(y, [h, w], dim=2)
        return x * self.conv_w(along_w.permute(0, 1, 3, 2)).sigmoid() * self.conv_h(along_h).sigmoid()


@case('layer_scale', (1, 8, 12, 12))
class ConvNextBlock(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        self.depthwise, self.norm = nn.Conv2d(c, c, 7, padding=3, groups=c), nn.LayerNorm(c, eps=1e-6)
        self.wide, self.narrow = nn.Linear(c, 4 * c), nn.Linear(4 * c, c)
        self.gamma = nn.Parameter(torch.rand(c))

    def forward(self, x):
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.gamma * self.narrow(F.gelu(self.wide(y)))
        return x + y.permute(0, 3, 1, 2)


@case('global_response_norm', (1, 6, 6, 8))
class GlobalResponseNorm(nn.Module):
    """ConvNeXt V2."""

    def __init__(self, c=8):
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.rand(c)), nn.Parameter(torch.rand(c))

    def forward(self, x):
        length = torch.norm(x, p=2, dim=(1, 2), keepdim=True)
        share = length / (length.mean(dim=-1, keepdim=True) + 1e-6)
        return self.gamma * (x * share) + self.beta + x


@case('blur_pool', (1, 8, 12, 12))
class BlurPool(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        row = torch.tensor([1., 2., 1.])
        self.register_buffer('filt', (row[:, None] * row / 16)[None, None].repeat(c, 1, 1, 1))

    def forward(self, x):
        return F.conv2d(F.pad(x, (1, 1, 1, 1), 'reflect'), self.filt, stride=2, groups=x.shape[1])


@case('ghost_module', (1, 8, 12, 12))
class Ghost(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        self.primary, self.cheap = conv_norm(c, c, 1, act=nn.ReLU), conv_norm(c, c, 3, groups=c, act=nn.ReLU)

    def forward(self, x):
        a = self.primary(x)
        return torch.cat([a, self.cheap(a)], dim=1)[:, :13, :, :]


@case('repvgg', (1, 8, 12, 12))
class RepVgg(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        self.dense = nn.Sequential(nn.Conv2d(c, c, 3, 1, 1, bias=False), nn.BatchNorm2d(c))
        self.point = nn.Sequential(nn.Conv2d(c, c, 1, bias=False), nn.BatchNorm2d(c))
        self.identity = nn.BatchNorm2d(c)

    def forward(self, x):
        return F.relu(self.dense(x) + self.point(x) + self.identity(x))


@case('standardized_conv', (1, 8, 12, 12))
class StandardizedConv(nn.Conv2d):
    """ResNet V2 of BiT: weights are normalized each time they are used; padding as TensorFlow has."""

    def __init__(self):
        super().__init__(8, 8, 3, stride=2)

    def forward(self, x):
        variance, mean = torch.var_mean(self.weight, dim=[1, 2, 3], keepdim=True, unbiased=False)
        weight = (self.weight - mean) / torch.sqrt(variance + 1e-6)
        return F.conv2d(F.pad(x, [0, 1, 0, 1]), weight, self.bias, self.stride)


@case('norm_as_batch_norm', (1, 8, 12, 12))
class NormalizedWeights(nn.Module):
    """NFNets: the standardization is a batch norm over the weights."""

    def __init__(self):
        super().__init__()
        self.weight, self.gain = nn.Parameter(torch.randn(8, 8, 3, 3)), nn.Parameter(torch.ones(8))

    def forward(self, x):
        weight = F.batch_norm(self.weight.reshape(1, 8, -1), None, None, weight=self.gain * 0.1,
                              training=True, momentum=0., eps=1e-6).reshape_as(self.weight)
        return F.conv2d(x, weight) * 1.7


@case('window_attention', (1, 8, 8, 16))
class WindowAttention(nn.Module):
    """Swin: attention inside of windows, with a bias for each pair of places."""

    def __init__(self, c=16, window=4, heads=2):
        super().__init__()
        self.window, self.heads = window, heads
        self.qkv, self.out = nn.Linear(c, 3 * c), nn.Linear(c, c)
        self.table = nn.Parameter(torch.randn((2 * window - 1) ** 2, heads))
        at = torch.stack(torch.meshgrid(torch.arange(window), torch.arange(window), indexing='ij'))
        at = at.flatten(1)
        gap = (at[:, :, None] - at[:, None, :]).permute(1, 2, 0) + window - 1
        self.register_buffer('index', gap[..., 0] * (2 * window - 1) + gap[..., 1])

    def forward(self, x):
        b, h, w, c = x.shape
        n = self.window
        x = torch.roll(x, shifts=(-2, -2), dims=(1, 2))
        x = x.view(b, h // n, n, w // n, n, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, n * n, c)
        q, k, v = self.qkv(x).reshape(-1, n * n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        bias = self.table[self.index.view(-1)].view(n * n, n * n, -1).permute(2, 0, 1).contiguous()
        scores = q * (c // self.heads) ** -0.5 @ k.transpose(-2, -1) + bias.unsqueeze(0)
        x = (scores.softmax(dim=-1) @ v).transpose(1, 2).reshape(-1, n * n, c)
        x = self.out(x).view(b, h // n, w // n, n, n, c).permute(0, 1, 3, 2, 4, 5).reshape(b, h, w, c)
        return torch.roll(x, shifts=(2, 2), dims=(1, 2))


@case('linear_attention', (1, 16, 8, 8))
class LinearAttention(nn.Module):
    """EfficientViT: relu(q) (relu(k)^T v), normalized."""

    def __init__(self, c=16, heads=2):
        super().__init__()
        self.qkv, self.out, self.heads = nn.Conv2d(c, 3 * c, 1, bias=False), nn.Conv2d(c, c, 1), heads

    def forward(self, x):
        b, c, h, w = x.shape
        qkv = self.qkv(x).reshape(b, self.heads, 3 * c // self.heads, h * w).transpose(-1, -2)
        q, k, v = qkv.chunk(3, dim=-1)
        q, k = q.relu(), k.relu()
        v = F.pad(v, (0, 1), mode='constant', value=1)
        y = q @ (k.transpose(-1, -2) @ v)
        y = y[..., :-1] / (y[..., -1:] + 1e-5)
        return self.out(y.transpose(-1, -2).reshape(b, c, h, w))


@case('einsum_attention', (1, 6, 16))
class EinsumAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(16, 48)

    def forward(self, x):
        q, k, v = self.qkv(x).view(1, 6, 3, 4, 4).unbind(2)
        scores = torch.einsum('bqhd,bkhd->bhqk', q, k) * 0.5
        return torch.einsum('bhqk,bkhd->bqhd', scores.softmax(-1), v).flatten(2)


@case('relative_position_interpolated', (1, 17, 8))
class PositionEmbedding(nn.Module):
    """ViT at another picture size: the grid of positions is resized."""

    def __init__(self):
        super().__init__()
        self.position = nn.Parameter(torch.randn(1, 1 + 9, 8))

    def forward(self, x):
        cls, grid = self.position[:, :1], self.position[:, 1:].reshape(1, 3, 3, 8).permute(0, 3, 1, 2)
        grid = F.interpolate(grid, size=(4, 4), mode='bicubic', align_corners=False)
        return x + torch.cat([cls, grid.permute(0, 2, 3, 1).reshape(1, 16, 8)], 1)


@case('rotary_embedding', (1, 2, 6, 8))
class Rotary(nn.Module):
    def forward(self, x):
        angle = torch.outer(torch.arange(6).float(), 10000 ** (-torch.arange(0, 4).float() / 4))
        sin, cos = angle.sin(), angle.cos()
        a, b = x[..., ::2], x[..., 1::2]
        return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)


@case('selective_kernel', (1, 8, 10, 10))
class SelectiveKernel(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        self.a, self.b = conv_norm(c, c, 3), conv_norm(c, c, 5)
        self.reduce, self.expand = nn.Conv2d(c, 4, 1), nn.Conv2d(4, 2 * c, 1)

    def forward(self, x):
        x = torch.stack([self.a(x), self.b(x)], dim=1)
        gate = self.expand(F.relu(self.reduce(x.sum(1).mean((2, 3), keepdim=True))))
        gate = gate.view(x.shape[0], 2, x.shape[2], 1, 1).softmax(dim=1)
        return (x * gate).sum(dim=1)


@case('pixel_unshuffle_stem', (1, 3, 8, 8))
def unshuffle_stem():
    return nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(12, 4, 3), nn.PReLU(4), nn.PixelShuffle(2))


@case('inverted_residual', (1, 8, 12, 12))
class InvertedResidual(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(conv_norm(8, 24, 1, act=nn.Hardswish),
                                  conv_norm(24, 24, 5, groups=24, act=nn.Hardswish), SqueezeExcite(24),
                                  nn.Conv2d(24, 8, 1), nn.BatchNorm2d(8))

    def forward(self, x):
        return x + self.body(x)


# ---- detectors of the YOLO family, by our own hand ----

@case('sppf', (1, 8, 12, 12))
class Sppf(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        self.enter, self.leave, self.pool = conv_norm(c, c // 2, 1), conv_norm(2 * c, c, 1), nn.MaxPool2d(5, 1, 2)

    def forward(self, x):
        x = self.enter(x)
        a = self.pool(x)
        b = self.pool(a)
        return self.leave(torch.cat((x, a, b, self.pool(b)), 1))


@case('c2f', (1, 8, 12, 12))
class C2f(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        self.enter, self.leave = conv_norm(c, c, 1), conv_norm(2 * c, c, 1)
        self.blocks = nn.ModuleList(conv_norm(c // 2, c // 2) for _ in range(2))

    def forward(self, x):
        parts = list(self.enter(x).chunk(2, 1))
        for block in self.blocks:
            parts.append(parts[-1] + block(parts[-1]))
        return self.leave(torch.cat(parts, 1))


class Dfl(nn.Module):
    """Distances as the mean of a distribution: softmax and a fixed convolution."""

    def __init__(self, bins=16):
        super().__init__()
        self.conv, self.bins = nn.Conv2d(bins, 1, 1, bias=False), bins
        self.conv.weight.data[:] = torch.arange(bins, dtype=torch.float).view(1, bins, 1, 1)

    def forward(self, x):
        b, _, places = x.shape
        return self.conv(x.view(b, 4, self.bins, places).transpose(2, 1).softmax(1)).view(b, 4, places)


def anchor_points(sizes, strides):
    points, scales = [], []
    for (h, w), stride in zip(sizes, strides):
        y, x = torch.meshgrid(torch.arange(h) + 0.5, torch.arange(w) + 0.5, indexing='ij')
        points.append(torch.stack((x, y), -1).view(-1, 2))
        scales.append(torch.full((h * w, 1), stride, dtype=torch.float))
    return torch.cat(points).transpose(0, 1), torch.cat(scales).transpose(0, 1)


@case('yolov8_head', (1, 8, 8, 8), (1, 16, 4, 4))
class Yolov8Head(nn.Module):
    def __init__(self, classes=5):
        super().__init__()
        self.classes, self.dfl = classes, Dfl()
        self.box = nn.ModuleList(nn.Sequential(conv_norm(c, 16), nn.Conv2d(16, 64, 1)) for c in (8, 16))
        self.cls = nn.ModuleList(nn.Sequential(conv_norm(c, 16), nn.Conv2d(16, classes, 1))
                                 for c in (8, 16))

    def forward(self, a, b):
        maps = [torch.cat((box(x), cls(x)), 1) for x, box, cls in zip((a, b), self.box, self.cls)]
        points, strides = anchor_points([m.shape[2:] for m in maps], (8, 16))
        y = torch.cat([m.view(m.shape[0], 64 + self.classes, -1) for m in maps], 2)
        box, cls = y.split((64, self.classes), 1)
        near, far = self.dfl(box).chunk(2, 1)
        low, high = points.unsqueeze(0) - near, points.unsqueeze(0) + far
        box = torch.cat(((low + high) / 2, high - low), 1) * strides
        return torch.cat((box, cls.sigmoid()), 1), maps


@case('yolov5_head', (1, 8, 8, 8), (1, 16, 4, 4))
class Yolov5Head(nn.Module):
    def __init__(self, classes=5):
        super().__init__()
        self.outputs = 5 + classes
        self.convs = nn.ModuleList(nn.Conv2d(c, 3 * self.outputs, 1) for c in (8, 16))
        self.register_buffer('anchors', torch.rand(2, 3, 2) * 10)

    def forward(self, a, b):
        results = []
        for i, (x, conv) in enumerate(zip((a, b), self.convs)):
            x = conv(x)
            n, _, h, w = x.shape
            x = x.view(n, 3, self.outputs, h, w).permute(0, 1, 3, 4, 2).contiguous()
            y, z = torch.meshgrid(torch.arange(h), torch.arange(w), indexing='ij')
            grid = torch.stack((z, y), 2).expand(1, 3, h, w, 2).float() - 0.5
            sizes = (self.anchors[i] * 8.).view(1, 3, 1, 1, 2).expand(1, 3, h, w, 2)
            xy, wh, rest = x.sigmoid().split((2, 2, self.outputs - 4), 4)
            xy, wh = (xy * 2 + grid) * 8., (wh * 2) ** 2 * sizes
            results.append(torch.cat((xy, wh, rest), 4).view(n, 3 * h * w, self.outputs))
        return torch.cat(results, 1)


@case('yolov3_head_written', (1, 8, 4, 4))
class Yolov3Head(nn.Module):
    """As older code has it: parts of the tensor are written over."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(8, 3 * 7, 1)
        self.register_buffer('anchors', torch.rand(1, 3, 1, 1, 2) * 10)

    def forward(self, x):
        x = self.conv(x).view(1, 3, 7, 4, 4).permute(0, 1, 3, 4, 2).contiguous()
        y, z = torch.meshgrid([torch.arange(4), torch.arange(4)], indexing='ij')
        grid = torch.stack((z, y), 2).view((1, 1, 4, 4, 2)).float()
        y = x.sigmoid()
        y[..., 0:2] = (y[..., 0:2] * 2. - 0.5 + grid) * 8
        y[..., 2:4] = (y[..., 2:4] * 2) ** 2 * self.anchors
        return y.view(1, -1, 7)


@case('yolov7_implicit', (1, 8, 4, 4))
class ImplicitHead(nn.Module):
    def __init__(self):
        super().__init__()
        self.add, self.mul = nn.Parameter(torch.randn(1, 8, 1, 1)), nn.Parameter(torch.randn(1, 21, 1, 1))
        self.conv = nn.Conv2d(8, 21, 1)

    def forward(self, x):
        return self.conv(x + self.add) * self.mul


@case('yolov7_elan', (1, 8, 12, 12))
class Elan(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        self.a, self.b = conv_norm(c, 4, 1), conv_norm(c, 4, 1)
        self.c, self.d, self.e = conv_norm(4, 4), conv_norm(4, 4), conv_norm(16, 8, 1)
        self.pool, self.down = nn.MaxPool2d(2, 2), conv_norm(8, 8, 3, 2)

    def forward(self, x):
        a, b = self.a(x), self.b(x)
        c = self.c(b)
        x = self.e(torch.cat([self.d(c), c, b, a], 1))
        return torch.cat([self.pool(x), self.down(x)], 1)


@case('yolo11_attention', (1, 16, 6, 6))
class PlaceAttention(nn.Module):
    """Attention over the places of a map, with a depthwise convolution for positions."""

    def __init__(self, c=16, heads=2):
        super().__init__()
        self.heads, self.head, self.key = heads, c // heads, c // heads // 2
        self.qkv = nn.Conv2d(c, c + 2 * self.key * heads, 1)
        self.place, self.out = nn.Conv2d(c, c, 3, 1, 1, groups=c), nn.Conv2d(c, c, 1)

    def forward(self, x):
        b, c, h, w = x.shape
        qkv = self.qkv(x).view(b, self.heads, 2 * self.key + self.head, h * w)
        q, k, v = qkv.split([self.key, self.key, self.head], dim=2)
        scores = ((q.transpose(-2, -1) @ k) * self.key ** -0.5).softmax(dim=-1)
        y = (v @ scores.transpose(-2, -1)).view(b, c, h, w) + self.place(v.reshape(b, c, h, w))
        return x + self.out(y)


@case('yolox_head', (1, 8, 8, 8), (1, 8, 4, 4))
class YoloxHead(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(8, 9, 1) for _ in range(2))

    def forward(self, a, b):
        results, grids, strides = [], [], []
        for x, conv, stride in zip((a, b), self.convs, (8, 16)):
            y = conv(x)
            results.append(torch.cat([y[:, :4], y[:, 4:].sigmoid()], 1).flatten(start_dim=2))
            h, w = y.shape[-2:]
            v, u = torch.meshgrid([torch.arange(h), torch.arange(w)], indexing='ij')
            grids.append(torch.stack((u, v), 2).view(1, -1, 2))
            strides.append(torch.full((*grids[-1].shape[:2], 1), stride))
        y = torch.cat(results, dim=2).permute(0, 2, 1)
        grid, stride = torch.cat(grids, dim=1).type(y.type()), torch.cat(strides, dim=1).type(y.type())
        y[..., :2] = (y[..., :2] + grid) * stride
        y[..., 2:4] = torch.exp(y[..., 2:4]) * stride
        return y


@case('centernet_peaks', (1, 3, 8, 8))
class Peaks(nn.Module):
    def forward(self, x):
        heat = x.sigmoid()
        return heat * (F.max_pool2d(heat, 3, 1, 1) == heat).float()


@case('bifpn', (1, 8, 8, 8), (1, 8, 4, 4))
class WeightedSum(nn.Module):
    """EfficientDet: a weighted sum of maps, weights kept positive."""

    def __init__(self):
        super().__init__()
        self.weight, self.conv = nn.Parameter(torch.rand(2)), conv_norm(8, 8)

    def forward(self, a, b):
        weight = F.relu(self.weight)
        weight = weight / (torch.sum(weight, dim=0) + 0.0001)
        return self.conv(weight[0] * a + weight[1] * F.interpolate(b, scale_factor=2, mode='nearest'))


@case('argmax_mask', (1, 5, 8, 8))
class ArgmaxMask(nn.Module):
    def forward(self, x):
        return torch.argmax(x, 1), x.softmax(1).max(1)


@case('unpool', (1, 4, 8, 8))
class Unpool(nn.Module):
    """SegNet: maxima go back to where they were."""

    def __init__(self):
        super().__init__()
        self.pool, self.unpool = nn.MaxPool2d(2, 2, return_indices=True), nn.MaxUnpool2d(2, 2)

    def forward(self, x):
        y, at = self.pool(x)
        return self.unpool(y * 2, at)


# ---- helpers that were scripted ----

@torch.jit.script
def drop_path(x, p: float = 0.0, training: bool = False):
    if p == 0.0 or not training:
        return x
    return x * (torch.rand([x.shape[0], 1, 1, 1]) > p) / (1.0 - p)


@torch.jit.script
def repeated(x, times: int):
    for i in range(times):
        x = x * 0.5 + float(i)
    return x


@torch.jit.script
def hard_swish(x, inplace: bool = False):
    inner = F.relu6(x + 3.).div_(6.)
    return x.mul_(inner) if inplace else x.mul(inner)


@torch.jit.script
def pad_to_same(x, kernel: int, stride: int):
    h, w = x.size()[-2:]
    rows = max((int(math.ceil(h / stride)) - 1) * stride + kernel - h, 0)
    columns = max((int(math.ceil(w / stride)) - 1) * stride + kernel - w, 0)
    if rows > 0 or columns > 0:
        x = F.pad(x, [columns // 2, columns - columns // 2, rows // 2, rows - rows // 2])
    return x


@case('scripted_helpers', (1, 4, 9, 9))
class ScriptedHelpers(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, stride=2)

    def forward(self, x):
        y = self.conv(pad_to_same(drop_path(x, 0.1), 3, 2))
        return repeated(hard_swish(y), 3)


@torch.jit.script
def sum_of(parts):
    # type: (List[Tensor]) -> Tensor
    total = parts[0]
    i = 1
    while i < len(parts):
        total = total + parts[i]
        i += 1
    return total


@torch.jit.script
def pyramid(x):
    maps = []
    for i, factor in enumerate([1, 2, 4]):
        if i % 2 == 0:
            maps.append(F.avg_pool2d(x, factor))
        elif factor > 8:
            maps.append(x)
            break
        else:
            continue
    return torch.cat([m.flatten(1) for m in maps], 1)


@case('scripted_loops', (1, 4, 8, 8))
class ScriptedLoops(nn.Module):
    def forward(self, x):
        return sum_of([x, x.relu(), x.tanh()]), pyramid(x)


@case('scripted_child', (1, 4, 8, 8))
class TracedWithScripted(nn.Module):
    """A scripted module inside of a traced one."""

    class Child(nn.Module):
        def __init__(self):
            super().__init__()
            self.convs = nn.ModuleList(nn.Conv2d(4, 4, 1) for _ in range(3))
            self.act = nn.SiLU()
            self.residual = True

        def forward(self, x):
            for conv in self.convs:
                y = self.act(conv(x))
                if self.residual:
                    x = x + y
                else:
                    x = y
            return x

    def __init__(self):
        super().__init__()
        self.child = torch.jit.script(TracedWithScripted.Child())

    def forward(self, x):
        return self.child(x) * 2


case('scripted_whole', (1, 4, 8, 8), script=True)(TracedWithScripted.Child)
