#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One network in OpenRKNN and in ONNX Runtime, in turn, on one thread: medians and ratios.

  python3 bench/peers.py build/cli/ork model.onnx WxH OURS.rknn [OURS.rknn...]

Needs numpy and onnxruntime. The ratio is ONNX Runtime's fp32 time over ours, of the same round."""
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy
import onnxruntime

ROUNDS, REPEAT = 5, 20


def peer_session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])


def peer_ms(session, x):
    times = []
    for _ in range(REPEAT):
        start = time.perf_counter()
        session.run(None, {session.get_inputs()[0].name: x})
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def our_ms(ork, model, array):
    done = subprocess.run([ork, 'run', model, array, '--threads', '1', '--repeat', str(REPEAT),
                           '--json'], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)['runs'][0]['milliseconds']


def main():
    ork, onnx, size, models = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
    width, height = (int(side) for side in size.split('x'))
    picture = numpy.random.default_rng(1).integers(0, 256, (1, height, width, 3), numpy.uint8)
    session = peer_session(onnx)
    x = picture.transpose(0, 3, 1, 2).astype(numpy.float32)
    rows = {name: [] for name in ['ONNX Runtime fp32'] + models}
    with tempfile.TemporaryDirectory() as folder:
        array = pathlib.Path(folder) / 'picture.npy'
        numpy.save(array, picture)
        for _ in range(ROUNDS):
            rows['ONNX Runtime fp32'].append(peer_ms(session, x))
            for model in models:
                rows[model].append(our_ms(ork, model, array))
    print(f'ONNX Runtime {onnxruntime.__version__}, one thread, {ROUNDS} rounds of {REPEAT}')
    print('| | median ms | min..max | ratio to ONNX Runtime fp32, median |')
    print('|---|---|---|---|')
    for name, times in rows.items():
        ratio = statistics.median(a / b for a, b in zip(rows['ONNX Runtime fp32'], times))
        print(f'| {pathlib.Path(name).name} | {statistics.median(times):.2f} | '
              f'{min(times):.2f}..{max(times):.2f} | {ratio:.2f} |')


if __name__ == '__main__':
    main()
