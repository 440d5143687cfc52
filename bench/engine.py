#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How the engine scales, one table for each job:

  python3 bench/engine.py scaling BUILD/cli/ork yolox_nano.pt [--kind u8]   time by size of the picture
  python3 bench/engine.py load    BUILD/cli/ork MODEL.rknn...               from start to first result
  python3 bench/engine.py threads BUILD/cli/ork MODEL.rknn...               two threads beside one
  python3 bench/engine.py memory  BUILD/cli/ork MODEL.rknn...               beside what the plan says
  python3 bench/engine.py calibration BUILD/cli/ork NETWORK PICTURES...     min-max, beside ONNX Runtime

Networks are those of bench/networks.py; NETWORK stands for NETWORK.pt and NETWORK.onnx. Rounds are
interleaved, medians are told, and how busy the machine was. Needs numpy; calibration needs
onnxruntime, onnx and OpenCV besides."""
import argparse
import json
import os
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import numpy

# Multiples of 32, which the network's strides want.
SIZES = 224, 416, 832, 1664


def bench(ork, model, threads=1, repeat=5):
    done = subprocess.run([ork, 'bench', model, '-t', str(threads), '-n', str(repeat), '--json'],
                          check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def load_average():
    return f'load {os.getloadavg()[0]:.1f}'


def picture(folder, size):
    path = pathlib.Path(folder) / f'{size}.npy'
    noise = numpy.random.default_rng(1).integers(0, 256, (1, size, size, 3), dtype=numpy.uint8)
    numpy.save(path, noise)
    return path


def scaling(arguments):
    """Processor time of one thread for each pixel, least of the rounds; 416 x 416 is 1."""
    with tempfile.TemporaryDirectory() as folder:
        models, times = {}, {size: [] for size in SIZES}
        for size in SIZES:
            models[size] = f'{folder}/{size}.rknn'
            samples = pathlib.Path(folder) / f'{size}.txt'
            samples.write_text(f'{picture(folder, size)}\n')
            command = [arguments.ork, 'convert', arguments.models[0], '-o', models[size], '-q', '-s',
                       f'3x{size}x{size}']
            if arguments.kind != 'f32':
                command += ['--quantize', arguments.kind, '--vendor-exact', '--dataset', str(samples)]
            subprocess.run(command, check=True)
        for _ in range(arguments.rounds):
            for size in SIZES:
                times[size].append(bench(arguments.ork, models[size])['processor_ms'])
    middle = {size: statistics.median(times[size]) for size in SIZES}
    print('| size | ms | ns a pixel | beside 416 |\n|---|---|---|---|')
    for size in SIZES:
        pixel = middle[size] / size ** 2 * 1e6
        print(f'| {size} | {middle[size]:.2f} | {pixel:.2f} | '
              f'{pixel / (middle[416] / 416 ** 2 * 1e6):.2f} |')


def measured(command):
    """Seconds on the wall and of processors of one process."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, sum(getattr(after, x) - getattr(before, x) for x in ('ru_utime', 'ru_stime'))


def load(arguments):
    """A whole process that loads the model and runs it once, start and end of the process included."""
    print('| model | threads | wall ms, median (least) | processor ms | of which the run |\n'
          '|---|---|---|---|---|')
    with tempfile.TemporaryDirectory() as folder:
        for model in arguments.models:
            size = json.loads(subprocess.run([arguments.ork, 'info', model, '--json'], check=True,
                                             capture_output=True, text=True).stdout)
            sample = str(picture(folder, max(size['inputs'][0]['shape'])))
            once = bench(arguments.ork, model)['processor_ms']
            rounds = {1: [], 2: []}
            for _ in range(4 * arguments.rounds):
                for count, times in rounds.items():
                    times.append(measured([arguments.ork, 'run', model, sample, '-q', '-t', str(count)]))
            for count, times in rounds.items():
                wall = [t[0] * 1e3 for t in times]
                print(f'| {model} | {count} | {statistics.median(wall):.1f} ({min(wall):.1f}) | '
                      f'{statistics.median(t[1] for t in times) * 1e3:.1f} | {once:.1f} |', flush=True)


def threads(arguments):
    """Times on the wall, the least of each round: the machine has other work."""
    print('| model | one, ms | two, ms | faster |\n|---|---|---|---|')
    for model in arguments.models:
        times = [[], []]
        for _ in range(arguments.rounds):
            for i in range(2):
                times[i].append(bench(arguments.ork, model, 1 + i, 12)['least_ms'])
        ratio = statistics.median(a / b for a, b in zip(*times))
        print(f'| {model} | {statistics.median(times[0]):.2f} | {statistics.median(times[1]):.2f} | '
              f'{ratio:.2f} |')


def watch(process, peaks):
    """The most memory of its own that a process had; the mapped file is not its own."""
    while process.poll() is None:
        try:
            status = open(f'/proc/{process.pid}/status').read()
        except OSError:
            return
        found = re.search(r'RssAnon:\s+(\d+)', status)
        peaks.append(int(found.group(1)) * 1024 if found else 0)
        time.sleep(0.002)


def peak_of(command):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peaks = [0]
    watch(process, peaks)
    if process.returncode:
        sys.exit(f'{command[0]} failed')
    return max(peaks)


def memory(arguments):
    idle = peak_of([arguments.ork, 'help'])
    print('| model | process, MB | weights | tensors | beyond | tensors over the least |\n'
          '|---|---|---|---|---|---|')
    for model in arguments.models:
        told = bench(arguments.ork, model, 1, 1)
        peak = max(peak_of([arguments.ork, 'bench', model, '-t', '1', '-n', '5', '-q'])
                   for _ in range(3)) - idle
        plan = told['weight_bytes'] + told['tensor_bytes']
        print(f'| {model} | {peak / 1e6:.1f} | {told["weight_bytes"] / 1e6:.1f} | '
              f'{told["tensor_bytes"] / 1e6:.1f} | {(peak - plan) / 1e6:.1f} | '
              f'{told["tensor_bytes"] / told["live_bytes"]:.3f} |')


ONNX_CALIBRATION = '''
import pathlib, sys
import numpy, onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
class Pictures(CalibrationDataReader):
    def __init__(self, paths):
        self.paths = iter(paths)
    def get_next(self):
        path = next(self.paths, None)
        return None if path is None else {'x': numpy.load(path).transpose(0, 3, 1, 2).astype('f4')}
quantize_static(sys.argv[1], sys.argv[2], Pictures(sys.argv[3:]), quant_format=QuantFormat.QDQ,
                activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, per_channel=True,
                calibration_providers=['CPUExecutionProvider'])
'''


def resized(paths, folder, side):
    """Both read the same arrays, so that neither pays for decoding."""
    import cv2
    made = []
    for i, path in enumerate(paths):
        made.append(str(pathlib.Path(folder) / f'{i}.npy'))
        numpy.save(made[-1], cv2.resize(cv2.imread(path), (side, side))[None, :, :, ::-1])
    return made


def calibration(arguments):
    network, paths = arguments.models[0], arguments.models[1:]
    with tempfile.TemporaryDirectory() as folder:
        arrays = resized(paths, folder, 640 if network.endswith('_s') else 416)
        side = numpy.load(arrays[0], mmap_mode='r').shape[1]
        print('| pictures | engine | wall s | processor s | peak MB |\n|---|---|---|---|---|')
        for count in sorted({min(20, len(arrays)), len(arrays)}):
            samples = pathlib.Path(folder) / 'list.txt'
            samples.write_text('\n'.join(arrays[:count]) + '\n')
            tell_calibration(count, 'OpenRKNN', [
                arguments.ork, 'convert', f'{network}.pt', '-o', f'{folder}/ours.rknn', '-q', '-s',
                f'3x{side}x{side}', '--quantize', 'u8', '--vendor-exact', '--dataset', str(samples)])
            if not arguments.ours:
                tell_calibration(count, 'ONNX Runtime', [
                    sys.executable, '-c', ONNX_CALIBRATION, f'{network}.onnx',
                    f'{folder}/theirs.onnx', *arrays[:count]])


def tell_calibration(count, engine, command):
    with tempfile.NamedTemporaryFile() as log:
        peaks, start = [0], time.perf_counter()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        process = subprocess.Popen(command, stdout=log, stderr=log)
        watcher = threading.Thread(target=watch, args=(process, peaks))
        watcher.start()
        process.wait()
        watcher.join()
        wall = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        processor = sum(getattr(after, x) - getattr(before, x) for x in ('ru_utime', 'ru_stime'))
        if process.returncode:
            sys.exit(open(log.name).read())
    print(f'| {count} | {engine} | {wall:.1f} | {processor:.1f} | {max(peaks) / 1e6:.0f} |',
          flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    jobs = {job.__name__: job for job in (scaling, load, threads, memory, calibration)}
    parser.add_argument('job', choices=jobs)
    parser.add_argument('ork')
    parser.add_argument('models', nargs='+')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--kind', default='u8', choices=['f32', 'u8', 'i16'])
    parser.add_argument('--ours', action='store_true', help='calibration: without ONNX Runtime')
    arguments = parser.parse_args()
    before = load_average()
    jobs[arguments.job](arguments)
    print(f'{before} before, {load_average()} after')


if __name__ == '__main__':
    main()
