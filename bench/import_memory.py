#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Time and peak memory of importing large networks: convolutions with batch norms and a fully connected
layer at the end, written as ONNX and traced by torch, of about 25, 50 and 100 MB. Prints a table in
Markdown; exits 1 when the largest takes more than 0.5 s or 1.25 times its size. Each figure is the
median of five runs of `ork info`, a process that does nothing but import.

  python3 bench/import_memory.py build/cli/ork

Needs torch and onnx (Debian: python3-torch python3-onnx)."""
import pathlib
import statistics
import subprocess
import sys
import tempfile

import numpy
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

CHANNELS, RUNS = 256, 5
BLOCKS = (10, 20, 41)  # of 2.4 MB each
MOST_SECONDS, MOST_MEMORY = 0.5, 1.25


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False)
        self.norm = torch.nn.BatchNorm2d(CHANNELS)

    def forward(self, x):
        return torch.relu(self.norm(self.conv(x)) + x)


def network(blocks):
    return torch.nn.Sequential(torch.nn.Conv2d(3, CHANNELS, 3, stride=2, padding=1),
                               *[Block() for _ in range(blocks)], torch.nn.AdaptiveAvgPool2d(1),
                               torch.nn.Flatten(), torch.nn.Linear(CHANNELS, 1000)).eval()


def write_torch(net, path):
    torch.jit.trace(net, torch.zeros(1, 3, 32, 32), check_trace=False).save(str(path))


def write_onnx(net, path):
    """Node by node, since Debian's torch cannot export."""
    nodes, weights = [], []

    def keep(name, tensor):
        weights.append(numpy_helper.from_array(tensor.detach().numpy(), name))
        return name

    def add(op, inputs, **attributes):
        nodes.append(helper.make_node(op, inputs, [f'v{len(nodes)}'], **attributes))
        return nodes[-1].output[0]

    def conv(layer, x, stride):
        names = [keep(f'c{len(nodes)}.w', layer.weight)]
        if layer.bias is not None:
            names.append(keep(f'c{len(nodes)}.b', layer.bias))
        return add('Conv', [x] + names, pads=[1, 1, 1, 1], strides=[stride, stride])

    def norm(layer, x):
        tensors = [layer.weight, layer.bias, layer.running_mean, layer.running_var]
        return add('BatchNormalization', [x] + [keep(f'n{len(nodes)}.{i}', t)
                                                for i, t in enumerate(tensors)])

    x = conv(net[0], 'x', 2)
    for block in net[1:-3]:
        x = add('Relu', [add('Add', [norm(block.norm, conv(block.conv, x, 1)), x])])
    x = add('Flatten', [add('GlobalAveragePool', [x])])
    x = add('Gemm', [x, keep('fc.w', net[-1].weight), keep('fc.b', net[-1].bias)], transB=1)
    graph = helper.make_graph(
        nodes, 'net', [helper.make_tensor_value_info('x', TensorProto.FLOAT, [1, 3, 32, 32])],
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, [1, 1000])], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid('', 13)]), str(path))


# In a process of its own: the kernel counts what a process had before it became another program, and
# this one is large.
MEASURE = """
import os, subprocess, sys, time
begin = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(time.perf_counter() - begin, usage.ru_maxrss * 1024, os.waitstatus_to_exitcode(status))
"""


def measure(command):
    """(seconds, peak bytes) of a process; the peak is what the kernel counts, mapped files included."""
    done = subprocess.run([sys.executable, '-S', '-c', MEASURE] + command, check=True,
                          capture_output=True, text=True)
    seconds, memory, code = done.stdout.split()
    if int(code):
        sys.exit(f'{command} failed: {done.stderr}')
    return float(seconds), int(memory)


def main():
    ork, good = sys.argv[1], True
    print('| file | MB | import, s | peak memory, MB | times the file |\n|---|---|---|---|---|')
    with tempfile.TemporaryDirectory() as folder:
        for blocks in BLOCKS:
            net = network(blocks)
            for ending, write in (('onnx', write_onnx), ('pt', write_torch)):
                path = pathlib.Path(folder) / f'net{blocks}.{ending}'
                write(net, path)
                size = path.stat().st_size
                runs = [measure([ork, 'info', path, '--input-size', '3x32x32'])
                        for _ in range(RUNS)]
                seconds = statistics.median(run[0] for run in runs)
                memory = statistics.median(run[1] for run in runs)
                print(f'| {path.name} | {size / 1e6:.1f} | {seconds:.3f} | {memory / 1e6:.1f} | '
                      f'{memory / size:.2f} |', flush=True)
                good &= blocks < BLOCKS[-1] or (seconds < MOST_SECONDS and
                                                memory < MOST_MEMORY * size)
                path.unlink()
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
