#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Traces torchvision's networks with random weights and randomised batch norm statistics, runs each
through `ork` and compares with torch. Prints a table in Markdown; exits 1 when one differs by more
than 1e-4 of its largest output.

  python3 tests/conformance/torchvision_networks.py build/cli/ork [NAME...]

Needs torch and torchvision (Debian: python3-torch python3-torchvision)."""
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy
import torch
import torchvision

LIMIT = 1e-4
SIZES = {'inception_v3': 299, 'googlenet': 224}  # of those that do not take 224


def all_names():
    """Classification and segmentation, the largest last."""
    names = torchvision.models.list_models(module=torchvision.models)
    huge = ['regnet_y_128gf', 'vit_h_14']
    return ([name for name in names if name not in huge] +
            torchvision.models.list_models(module=torchvision.models.segmentation) + huge)


class Flat(torch.nn.Module):
    """Segmentation networks give a dictionary, which cannot be traced."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x)['out']


def network(name):
    torch.manual_seed(len(name))
    extra = {'init_weights': False} if name in ('googlenet', 'inception_v3') else {}
    is_segmentation = name in torchvision.models.list_models(
        module=torchvision.models.segmentation)
    if is_segmentation:
        extra = {'weights_backbone': None}
    net = torchvision.models.get_model(name, weights=None, **extra).eval()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            module.weight.data.uniform_(0.8, 1.2)
            module.bias.data.normal_(0, 0.1)
        if isinstance(module, torch.nn.Linear) and not module.weight.any():
            module.weight.data.normal_(0, 0.05)  # heads of transformers start at 0
    return Flat(net) if is_segmentation else net


def compare(ork, name, folder):
    size = SIZES.get(name, 224)
    net, x = network(name), torch.randn(1, 3, size, size)
    path = folder / f'{name}.pt'
    expected = net(x).detach().numpy()
    # Without no_grad: else torch puts its fused attention into the trace.
    torch.jit.trace(net, x, check_trace=False).save(str(path))
    del net
    numpy.save(folder / 'x.npy', x.numpy())
    start = time.time()
    done = subprocess.run([ork, 'run', path, folder / 'x.npy', '--input-size', f'3x{size}x{size}',
                           '--npy-out', folder / name, '-q'], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True)
    seconds = time.time() - start
    path.unlink()
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[0])
    got = numpy.load(next((folder / name).glob('*.npy')))
    return numpy.abs(got - expected).max() / numpy.abs(expected).max(), seconds


def main():
    torch.set_num_threads(1)
    ork, names, failed = sys.argv[1], sys.argv[2:] or all_names(), 0
    print('| network | largest difference / largest output | import and run, s |')
    print('|---|---|---|')
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            try:
                difference, seconds = compare(ork, name, pathlib.Path(folder))
                failed += not difference <= LIMIT
                print(f'| {name} | {difference:.1e} | {seconds:.2f} |', flush=True)
            except RuntimeError as error:
                failed += 1
                print(f'| {name} | {str(error).splitlines()[0]} | |', flush=True)
    print(f'{len(names)} networks, {failed} not within {LIMIT}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
