#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes docs/check.md: what `ork check` says of real networks. Those of torchvision are traced with
random weights, which do not matter here; the others are found in examples/ and in the folder named
by ORK_SHARED.

  ORK_SHARED=... python3 tests/conformance/check_networks.py build/cli/ork > docs/check.md

Needs torch and torchvision (Debian: python3-torch python3-torchvision)."""
import os
import pathlib
import subprocess
import sys
import tempfile

import torch
import torchvision

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARED = pathlib.Path(os.environ.get('ORK_SHARED', '.')) / 'models'
WIDEST = 112

# file or name in torchvision.models, input size, target, what to see in it
NETWORKS = [
    (ROOT / 'examples/eyes/eyes.pt', '3x416x416', 'rk1808',
     'The sample detector of this project: YOLOX with maps as outputs, so nothing has to be cut off.'),
    (SHARED / 'yolox_nano/yolox_nano_416.onnx', None, 'rv1126',
     'YOLOX-nano as its authors export it. Boxes and scores end in one tensor: with one scale for both '
     'the scores are lost, and the chip is to be left before the concatenations.'),
    (SHARED / 'onnx/face_rfb320_nopost.onnx', None, 'rk1808',
     'A face detector that ends in maps, as it should.'),
    ('resnet50', '3x224x224', 'rk1808', 'All of it runs; only the pooling of the stem is padded.'),
    ('mobilenet_v2', '3x224x224', 'rv1126', 'Depthwise layers, and ReLU6, which is no trouble.'),
    ('mobilenet_v3_large', '3x224x224', 'rk1808', 'Activations that cost a pass over the data.'),
    ('efficientnet_b0', '3x224x224', 'rk1808', 'Both together.'),
    ('shufflenet_v2_x1_0', '3x224x224', 'rk1808',
     'Channels are shuffled through a tensor of five axes; folded to four, the chip takes it.'),
    ('densenet121', '3x224x224', 'rk1808', 'Batch norms that stand before an activation cannot go into a convolution: each becomes a '
     'depthwise layer.'),
    ('squeezenet1_1', '3x224x224', 'rk1808', 'Poolings of the right kind that follow no convolution, or a large picture.'),
    ('swin_t', '3x224x224', 'rk1808', 'A vision transformer: only its first layers can run on the chip.'),
]

HEAD = """# `ork check`: what a chip will not take

`ork check MODEL --target CHIP` holds every layer of a network against what the chip's NPU takes, and
tells all of it at once, before anything is built: what the chip refuses, what runs on its host
processor, what loses accuracy in 8 bits, what is slow; each with the layer's name and the reason and
what to do instead. When a part has to stay off the chip it names the tensors to end the network with:
ready for `outputs=[...]` of `load_pytorch` and `load_onnx`, or `--output-tensor`.

- Exit code 4 when the chip refuses something, else 0. `--json` gives the same as one document.
- `--all` names every layer; without it the first three of each kind.
- In Python, `RKNN.check(target='rk1808')` prints the same and returns it as a dictionary.
- The layers are those after `build` has folded and merged what it can, so a batch norm that goes into
  a convolution is none.
- To see where a layer stands, `ork graph MODEL -o net.svg` draws the network.

The rules are the rows of [`src/npu/rules.def`](../src/npu/rules.def), the operators of the NPU those of
[`operators.def`](../src/npu/operators.def). They come from the vendor's public documents; none has been
held against a chip by this project.

The rest of this page is what it says of some well-known networks, lines cut where they are long. The
page is written by `tests/conformance/check_networks.py`.
"""


def trace(name, folder):
    net = getattr(torchvision.models, name)(weights=None).eval()
    path = pathlib.Path(folder) / (name + '.pt')
    torch.jit.trace(net, torch.zeros(1, 3, 224, 224)).save(str(path))
    return path


def shortened(line):
    return line if len(line) <= WIDEST else line[:WIDEST - 1].rstrip() + '…'


def show(ork, network, size, target, text, folder):
    path = trace(network, folder) if isinstance(network, str) else network
    arguments = ['check', path.name, '--target', target] + (['--input-size', size] if size else [])
    done = subprocess.run([ork] + arguments, cwd=path.parent, capture_output=True, text=True,
                          check=False)
    if done.returncode not in (0, 4):
        sys.exit('%s: %s' % (path, done.stderr))
    print('\n## %s\n\n%s\n\n```\n$ ork %s' % (path.stem, text, ' '.join(arguments)))
    print('\n'.join(shortened(line) for line in done.stdout.rstrip().split('\n')))
    print('```', flush=True)


def main():
    ork = pathlib.Path(sys.argv[1]).resolve()
    torch.set_num_threads(1)
    print(HEAD.rstrip())
    with tempfile.TemporaryDirectory() as folder:
        for row in NETWORKS:
            show(ork, *row, folder)


if __name__ == '__main__':
    main()
