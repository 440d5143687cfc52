#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whole ONNX networks against ONNX Runtime, and YOLOX-nano from PyTorch against the same from ONNX.
Prints a table in Markdown; exits 1 when a difference is above its limit.

  python3 tests/conformance/onnx_networks.py build/cli/ork

The networks lie in $ORK_SHARED/models. Exits 77 (skipped) without them or without onnxruntime."""
import os
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy
    import onnxruntime
except ImportError:
    print('skipped: needs onnxruntime')
    sys.exit(77)

MODELS = pathlib.Path(os.environ.get('ORK_SHARED', '')) / 'models'
YOLOX = MODELS / 'yolox_nano'
LIMIT, LIMIT_YOLOX = 1e-4, 3e-4


def ours(ork, path, x, folder, *more):
    numpy.save(folder / 'x.npy', x)
    out = folder / path.name
    subprocess.run([ork, 'run', path, folder / 'x.npy', '--npy-out', out, '-q', *more], check=True,
                   stdout=subprocess.DEVNULL)
    return [numpy.load(file) for file in sorted(out.glob('*.npy'))]


def theirs(path, x):
    onnxruntime.set_default_logger_severity(3)
    session = onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    return session.run(None, {session.get_inputs()[0].name: x})


def row(name, got, expected, limit):
    """Differences as they are, and in parts of the greatest number expected."""
    largest = max(numpy.abs(e).max() for e in expected)
    apart = max(numpy.abs(g.reshape(e.shape) - e).max() for g, e in zip(got, expected))
    good = len(got) == len(expected) and apart <= limit
    print(f'| {name} | {len(expected)} | {largest:.3g} | {apart:.1e} | {limit:g} | '
          f'{"ok" if good else "wrong"} |', flush=True)
    return good


def main():
    ork = pathlib.Path(sys.argv[1]).resolve()
    if not os.environ.get('ORK_SHARED') or not YOLOX.is_dir():
        print('skipped: no $ORK_SHARED/models')
        return 77
    face = MODELS / 'onnx' / 'face_rfb320_nopost.onnx'
    onnx, torch = YOLOX / 'yolox_nano_416.onnx', YOLOX / 'yolox_nano_coco_flat.pt'
    x = numpy.load(YOLOX / 'yolox_nano_coco_flat.in0.npy')
    noise = numpy.random.default_rng(1).standard_normal((1, 3, 240, 320)).astype(numpy.float32)
    print('| network | outputs | largest | largest difference | limit | |\n|---|---|---|---|---|---|')
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        size = ['--input-size', '3x416x416']
        from_torch, from_onnx = ours(ork, torch, x, folder, *size), ours(ork, onnx, x, folder)
        good = [row('face_rfb320_nopost.onnx: ONNX Runtime', ours(ork, face, noise, folder),
                    theirs(face, noise), LIMIT),
                row('yolox_nano_416.onnx: ONNX Runtime', from_onnx, theirs(onnx, x), LIMIT_YOLOX),
                row('yolox_nano_coco_flat.pt: torch', from_torch,
                    [numpy.load(YOLOX / 'yolox_nano_coco_flat.out0.npy')], LIMIT_YOLOX),
                row('yolox_nano: .pt against .onnx', from_torch, from_onnx, LIMIT_YOLOX)]
        same = subprocess.run([ork, 'diff', torch, onnx, *size], capture_output=True, text=True,
                              check=False)
    print('\n`ork diff` of yolox_nano, .pt against .onnx: ' + same.stdout.strip().splitlines()[-1])
    return 0 if all(good) and same.returncode == 0 else 1


if __name__ == '__main__':
    sys.exit(main())
