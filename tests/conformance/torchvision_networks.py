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

NETWORKS = """resnet18 resnet50 mobilenet_v2 mobilenet_v3_small mobilenet_v3_large
shufflenet_v2_x1_0 efficientnet_b0 regnet_x_400mf regnet_y_400mf densenet121 squeezenet1_0
squeezenet1_1 googlenet inception_v3 mnasnet1_0""".split()
LIMIT = 1e-4


def network(name):
    torch.manual_seed(len(name))
    extra = {'init_weights': False} if name in ('googlenet', 'inception_v3') else {}
    net = getattr(torchvision.models, name)(weights=None, **extra).eval()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            module.weight.data.uniform_(0.8, 1.2)
            module.bias.data.normal_(0, 0.1)
    return net


def compare(ork, name, folder):
    size = 299 if name == 'inception_v3' else 224
    net, x = network(name), torch.randn(1, 3, size, size)
    path = folder / f'{name}.pt'
    with torch.no_grad():
        expected = net(x).numpy()
    torch.jit.trace(net, x).save(str(path))
    numpy.save(folder / 'x.npy', x.numpy())
    start = time.time()
    subprocess.run([ork, 'run', path, folder / 'x.npy', '--input-size', f'3x{size}x{size}',
                    '--npy-out', folder / name, '-q'], check=True, stdout=subprocess.DEVNULL)
    got = numpy.load(next((folder / name).glob('*.npy')))
    path.unlink()
    return numpy.abs(got - expected).max() / numpy.abs(expected).max(), time.time() - start


def main():
    torch.set_num_threads(1)
    ork, names, worst = sys.argv[1], sys.argv[2:] or NETWORKS, 0
    print('| network | largest difference / largest output | import and run, s |')
    print('|---|---|---|')
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            difference, seconds = compare(ork, name, pathlib.Path(folder))
            worst = max(worst, difference)
            print(f'| {name} | {difference:.1e} | {seconds:.2f} |', flush=True)
    return 1 if worst > LIMIT else 0


if __name__ == '__main__':
    sys.exit(main())
