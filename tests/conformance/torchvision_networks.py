#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Traces torchvision's networks with random weights and randomised batch norm statistics, runs each
through `ork` and compares with torch: classification and segmentation, detectors up to their
post-processing, and a few with float16 weights, frozen, and traced without gradients (where torch
fuses its attention). Prints a table in Markdown; exits 1 when one differs by more than 1e-4 of its
largest output.

  python3 tests/conformance/torchvision_networks.py build/cli/ork [--table bench/COMPAT.md] [NAME...]

With --table the rows are put into that file's tables. Needs torch and torchvision (Debian:
python3-torch python3-torchvision)."""
import argparse
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import numpy
import torch
import torchvision
from torchvision.models import detection

LIMIT = 1e-4
SIZES = {'inception_v3': 299, 'ssdlite320_mobilenet_v3_large': 320, 'ssd300_vgg16': 300}
HUGE = ['regnet_y_128gf', 'vit_h_14']
FORMS = {'float16 weights': ['resnet18', 'mobilenet_v2', 'vit_b_32', 'efficientnet_b0'],
         'frozen': ['resnet18', 'mobilenet_v3_small', 'swin_t', 'googlenet', 'lraspp_mobilenet_v3_large'],
         'without gradients': ['vit_b_32', 'swin_t', 'resnet18']}
TABLES = {'': 'Classification and segmentation', 'detection': 'Detectors, up to their post-processing',
          'form': 'Other forms'}
HEAD = """# Networks against PyTorch

Random weights, randomised batch norm statistics, traced with torch 1.13 and torchvision 0.14; the
largest difference of the outputs over the largest output, and the seconds that `ork run` took on one
busy core to import and run. Made by

    python3 tests/conformance/torchvision_networks.py build/cli/ork --table bench/COMPAT.md

All of torchvision's networks for classification and segmentation trace. Of detectors the part in front
of anchors and non-maximum suppression is taken: what follows has shapes that depend on the picture.
"""


def segmentation():
    return torchvision.models.list_models(module=torchvision.models.segmentation)


def all_names():
    """The largest last."""
    names = torchvision.models.list_models(module=torchvision.models)
    forms = [f'{name}, {form}' for form, list_ in FORMS.items() for name in list_]
    return ([name for name in names if name not in HUGE] + segmentation() +
            torchvision.models.list_models(module=detection) + forms + HUGE)


class Flat(torch.nn.Module):
    """Segmentation networks give a dictionary, which cannot be traced."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x)['out']


class Heads(torch.nn.Module):
    """A detector between its transform of pictures and its anchors."""

    def __init__(self, net):
        super().__init__()
        self.backbone, self.head = net.backbone, net.rpn.head if hasattr(net, 'rpn') else net.head

    def forward(self, x):
        features = self.backbone(x)
        outputs = self.head(list(features.values()))
        return tuple(flat(outputs))


def flat(value):
    if isinstance(value, torch.Tensor):
        yield value
        return
    for item in value.values() if isinstance(value, dict) else value:
        yield from flat(item)


def randomise(net):
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            module.weight.data.uniform_(0.8, 1.2)
            module.bias.data.normal_(0, 0.1)
        if isinstance(module, torch.nn.Linear) and not module.weight.any():
            module.weight.data.normal_(0, 0.05)  # heads of transformers start at 0


def network(name):
    torch.manual_seed(len(name))
    extra = {'init_weights': False} if name in ('googlenet', 'inception_v3') else {}
    is_detector = name in torchvision.models.list_models(module=detection)
    if is_detector or name in segmentation():
        extra = {'weights_backbone': None}
    net = torchvision.models.get_model(name, weights=None, **extra).eval()
    randomise(net)
    if is_detector:
        return Heads(net).eval()
    return Flat(net).eval() if name in segmentation() else net


def saved(name, form, x, path):
    """Saves the network in that form; what torch makes of x."""
    net = network(name)
    if form == 'float16 weights':
        net = net.half().float()
    with torch.set_grad_enabled(form != 'without gradients'):
        # Without no_grad: else torch puts its fused attention into the trace.
        traced = torch.jit.trace(net, x, check_trace=False)
    expected = [t.detach().numpy() for t in flat([net(x)])]
    if form == 'float16 weights':
        traced = traced.half()
    if form == 'frozen':
        traced = torch.jit.freeze(traced)
    traced.save(str(path))
    return expected


def compare(ork, title, folder):
    name, _, form = title.partition(', ')
    size = SIZES.get(name, 224)
    x = torch.randn(1, 3, size, size)
    path = folder / 'net.pt'
    expected = saved(name, form, x, path)
    numpy.save(folder / 'x.npy', x.numpy())
    for old in folder.glob('out/*.npy'):
        old.unlink()
    start = time.time()
    done = subprocess.run([ork, 'run', path, folder / 'x.npy', '--input-size', f'3x{size}x{size}',
                           '--npy-out', folder / 'out', '-q'], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True)
    seconds = time.time() - start
    path.unlink()
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[0])
    got = sorted((folder / 'out').glob('*.npy'), key=lambda p: int('0' + ''.join(
        c for c in p.stem.rpartition('-')[2] if c.isdigit())))
    if len(got) != len(expected):
        raise RuntimeError(f'{len(got)} outputs, not {len(expected)}')
    return max(numpy.abs(numpy.load(g).reshape(e.shape) - e).max() / numpy.abs(e).max()
               for g, e in zip(got, expected)), seconds


def table_of(title):
    if ', ' in title:
        return 'form'
    return 'detection' if title in torchvision.models.list_models(module=detection) else ''


def read_rows(path):
    """The rows that the file has: network -> cells."""
    rows = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        cells = [cell.strip() for cell in line.strip('|').split('|')]
        if line.startswith('| ') and len(cells) == 3 and cells[0] != 'network':
            rows[cells[0]] = cells[1:]
    return rows


def others(path):
    """What other scripts have put into the file: the parts that are none of ours."""
    parts = re.split(r'(?m)^(?=## )', path.read_text() if path.exists() else '')
    return ''.join(part for part in parts[1:] if part.split('\n')[0][3:] not in TABLES.values())


def write_tables(path, rows):
    text, rest = HEAD, others(path)
    for table, headline in TABLES.items():
        text += f'\n## {headline}\n\n| network | largest difference / largest output | s |\n|---|---|---|\n'
        for title in all_names():
            if title in rows and table_of(title) == table:
                text += f'| {title} | {" | ".join(rows[title])} |\n'
    path.write_text(text + ('\n' + rest if rest else ''))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('ork')
    parser.add_argument('--table', type=pathlib.Path)
    parser.add_argument('names', nargs='*')
    options = parser.parse_intermixed_args()
    torch.set_num_threads(1)
    names, failed = options.names or all_names(), 0
    rows = read_rows(options.table) if options.table else {}
    print('| network | largest difference / largest output | import and run, s |')
    print('|---|---|---|')
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            try:
                difference, seconds = compare(options.ork, name, pathlib.Path(folder))
                failed += not difference <= LIMIT
                rows[name] = [f'{difference:.1e}', f'{seconds:.2f}']
            except RuntimeError as error:
                failed += 1
                rows[name] = [str(error).splitlines()[0].replace('|', '/'), '']
            print(f'| {name} | {" | ".join(rows[name])} |', flush=True)
            if options.table:
                write_tables(options.table, rows)
    print(f'{len(names)} networks, {failed} not within {LIMIT}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
