#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Layers that people spell out, as .pt and as .onnx: both must give the same network after the passes,
and where there is an operator for the layer, it.

  python3 tests/conformance/one_meaning.py build/cli/ork

Prints a table in Markdown; exits 1 when one differs. Needs torch (Debian: python3-torch)."""
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import warnings

try:
    import torch
    from torch.nn import functional as F
except ImportError:
    print('skipped: needs torch')
    sys.exit(77)


def centred(x, axis=-1):
    return x - x.mean(axis, keepdim=True)


def variance(x, axis=-1):
    return centred(x, axis).pow(2).mean(axis, keepdim=True)


# what people write, what it is ('': only the same from both files)
FORMS = [
    (lambda x: x * torch.sigmoid(x), 'silu'),
    (lambda x: x / (1 + torch.exp(-x)), 'silu'),
    (lambda x: x * (1 / (1 + torch.exp(-x))), 'silu'),
    (lambda x: 1 / (1 + torch.exp(-x)), 'sigmoid'),
    (lambda x: x * F.relu6(x + 3) / 6, 'hard_swish'),
    (lambda x: x * (F.relu6(x + 3) / 6), 'hard_swish'),
    (lambda x: x * torch.clamp(x + 3, 0, 6) / 6, 'hard_swish'),
    (lambda x: x * F.hardsigmoid(x), 'hard_swish'),
    (lambda x: x * (F.relu6(x + 3) * 0.16666667), 'hard_swish'),
    (lambda x: F.relu6(x + 3) / 6, 'hard_sigmoid'),
    (lambda x: torch.clamp(x / 6 + 0.5, 0, 1), 'hard_sigmoid'),
    (lambda x: x * torch.tanh(F.softplus(x)), 'mish'),
    (lambda x: x * torch.log(1 + torch.exp(x)).tanh(), 'mish'),
    (lambda x: torch.log(1 + torch.exp(x)), 'softplus'),
    (lambda x: x * 0.5 * (1 + torch.erf(x / math.sqrt(2))), 'gelu'),
    (lambda x: 0.5 * x * (1 + torch.erf(x * 0.7071067811865476)), 'gelu'),
    (lambda x: x * (0.5 * (1 + torch.erf(x / math.sqrt(2)))), 'gelu'),
    (F.gelu, 'gelu'),
    (lambda x: 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * torch.pow(x, 3)))),
     'gelu'),
    (lambda x: x * 0.5 * (1 + torch.tanh(0.7978845608 * (x + 0.044715 * x * x * x))), 'gelu'),
    (lambda x: 0.5 * x * (1 + torch.tanh(x * 0.7978845608 * (1 + 0.044715 * x * x))), 'gelu'),
    (lambda x: F.gelu(x, approximate='tanh'), 'gelu'),
    (lambda x: centred(x) / torch.sqrt(variance(x) + 1e-5), 'layer_norm'),
    (lambda x: centred(x) * torch.rsqrt(variance(x) + 1e-5), 'layer_norm'),
    (lambda x: centred(x) / (x.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt(), 'layer_norm'),
    (lambda x: centred(x) / (variance(x) + 1e-5) ** 0.5, 'layer_norm'),
    (lambda x: F.layer_norm(x, (8,)), 'layer_norm'),
    (lambda x: centred(x, 1) / torch.sqrt(variance(x, 1) + 1e-6), ''),
    (lambda x: torch.clamp(x, 0, 6), 'clip'),
    (lambda x: torch.min(torch.max(x, torch.tensor(0.)), torch.tensor(6.)), 'clip'),
    (lambda x: torch.max(x, torch.zeros_like(x)), 'relu'),
    (lambda x: torch.max(x, 0.1 * x), 'leaky_relu'),
    (lambda x: torch.where(x > 0, x, 0.1 * x), 'leaky_relu'),
    (lambda x: x.view(1, 2, 2, 2, 8, 8).permute(0, 1, 4, 2, 5, 3).reshape(1, 2, 16, 16), ''),
    (lambda x: F.pixel_shuffle(x, 2), 'reshape transpose reshape transpose reshape'),
    (lambda x: x.view(1, 8, 4, 2, 4, 2).permute(0, 1, 3, 5, 2, 4).reshape(1, 32, 4, 4), ''),
    (lambda x: F.pixel_unshuffle(x, 2), 'reshape transpose reshape transpose reshape'),
    (lambda x: x.view(1, 2, 4, 8, 8).transpose(1, 2).reshape(1, 8, 8, 8), 'reshape transpose reshape'),
    (lambda x: torch.cat((x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]), 1),
     'slice slice slice slice concat'),
    (lambda x: torch.softmax(x @ x.transpose(-2, -1) / 8 ** .5, -1) @ x, ''),
    (lambda x: F.adaptive_avg_pool2d(x, 1), 'avg_pool2d'),
    (lambda x: x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6), ''),
]


class Form(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def operators(ork, path, *options):
    done = subprocess.run([ork, 'graph', path, '-f', 'json', *options], capture_output=True, text=True)
    if done.returncode:
        return done.stderr.strip().splitlines()[0]
    return ' '.join(layer['operator'] for box in json.loads(done.stdout)['boxes']
                    for layer in box['layers'])


def main():
    ork, failed = sys.argv[1], 0
    warnings.filterwarnings('ignore')
    print('| operators from .pt | from .onnx | |\n|---|---|---|')
    with tempfile.TemporaryDirectory() as folder:
        traced, exported = pathlib.Path(folder) / 'form.pt', pathlib.Path(folder) / 'form.onnx'
        for function, wanted in FORMS:
            net, x = Form(function).eval(), torch.rand(1, 8, 8, 8)
            torch.jit.trace(net, x, check_trace=False).save(str(traced))
            torch.onnx.export(net, x, str(exported), opset_version=13)
            first, second = operators(ork, traced, '--input-size', '1x8x8x8'), operators(ork, exported)
            good = first == second and wanted in ('', first)
            failed += not good
            print(f'| {first} | {second} | {"" if good else "not " + (wanted or "the same")} |')
    print(f'{len(FORMS)} forms, {failed} wrong')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
