#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Networks of bench/networks.py in OpenRKNN and in what else is installed, in turn.

  python3 bench/peers.py build/cli/ork FOLDER [NAME...] [--rounds 5] [--repeat 20]

Every round runs each engine for a moment, one after the other; what is told is the median over the
rounds and the median of a round's ratios to ONNX Runtime, above 1 where we are faster. One thread is
measured in processor time, which other programs on the machine disturb little; two threads by the
clock on the wall, the least of a round.

int8 is u8 with us; with ONNX Runtime and OpenVINO it is their fastest form on x86: a QDQ graph of
quantize_static, u8 activations and s8 weights with a scale for each channel. int8-tensor is the same
with one scale for all weights of a layer, which is what ours have.

Needs numpy and onnxruntime; openvino is measured where it is installed."""
import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import time

import numpy
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

try:
    import openvino
except ImportError:
    openvino = None


# ---- models ----

def picture(path):
    """Saved with its channels last, as ork wants pictures; the peers' networks have them first."""
    return numpy.load(path).transpose(0, 3, 1, 2).astype(numpy.float32)


class Pictures(CalibrationDataReader):
    def __init__(self, network):
        self.files = iter(sorted(network.parent.glob(f'{network.name}.*.npy')))

    def get_next(self):
        file = next(self.files, None)
        return None if file is None else {'x': picture(file)}


def int8_onnx(network, per_channel):
    """The QDQ form of the network's .onnx, made once."""
    made = network.with_suffix('.qdq.onnx' if per_channel else '.qdq-tensor.onnx')
    if not made.exists():
        simple = network.with_suffix('.simple.onnx')
        quant_pre_process(str(network) + '.onnx', str(simple), skip_symbolic_shape=True)
        quantize_static(str(simple), str(made), Pictures(network), quant_format=QuantFormat.QDQ,
                        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
                        per_channel=per_channel)
    return made


def our_model(ork, network, kind):
    made = network.with_suffix(f'.{kind}.rknn')
    if not made.exists():
        shape = picture(f'{network}.0.npy').shape[1:]
        command = [ork, 'convert', f'{network}.pt', '-o', made, '-s', 'x'.join(map(str, shape)), '-q']
        if kind == 'u8':
            command += ['--quantize', 'u8', '--dataset', f'{network}.txt']
        subprocess.run(list(map(str, command)), check=True)
    return made


# ---- engines: functions that give (processor ms, wall ms) of a moment ----

def timed(call, repeat):
    processor, wall = [], []
    for _ in range(repeat):
        start, cpu = time.perf_counter(), time.process_time()
        call()
        processor.append((time.process_time() - cpu) * 1e3)
        wall.append((time.perf_counter() - start) * 1e3)
    return statistics.median(processor), min(wall)


def onnx_runtime(path, x, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(str(path), options, providers=['CPUExecutionProvider'])
    return lambda repeat: timed(lambda: session.run(None, {'x': x}), repeat)


def open_vino(path, x, threads):
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(str(path)), 'CPU', {
        'INFERENCE_NUM_THREADS': threads, 'NUM_STREAMS': 1, 'INFERENCE_PRECISION_HINT': 'f32'})
    request = compiled.create_infer_request()
    return lambda repeat: timed(lambda: request.infer([x]), repeat)


def ours(ork, path, threads):
    def run(repeat):
        done = subprocess.run([ork, 'bench', path, '-t', str(threads), '-n', str(repeat), '--json'],
                              check=True, capture_output=True, text=True)
        result = json.loads(done.stdout)
        return result['processor_ms'], result['least_ms']
    return run


KINDS = {  # kind: (the peers' network, our type)
    'int8': (lambda network: int8_onnx(network, True), 'u8'),
    'int8-tensor': (lambda network: int8_onnx(network, False), 'u8'),
    'fp32': (lambda network: f'{network}.onnx', 'f32'),
}


def engines(ork, network, threads, kinds):
    """Rows of the table: (kind, engine, function)."""
    x = picture(f'{network}.0.npy')
    rows = []
    for kind in kinds:
        find, own_type = KINDS[kind]
        path = find(network)
        rows.append((kind, 'ONNX Runtime', onnx_runtime(path, x, threads)))
        if openvino:
            rows.append((kind, 'OpenVINO', open_vino(path, x, threads)))
        rows.append((kind, 'OpenRKNN', ours(ork, our_model(ork, network, own_type), threads)))
    return rows


# ---- the table ----

def measure(rows, threads, rounds, repeat):
    times = [[] for _ in rows]
    for _, _, run in rows:
        run(2)
    for _ in range(rounds):
        for i, (_, _, run) in enumerate(rows):
            times[i].append(run(repeat)[0 if threads == 1 else 1])
    return times


def tell(name, threads, rows, times):
    base = {kind: times[i] for i, (kind, engine, _) in enumerate(rows) if engine == 'ONNX Runtime'}
    for (kind, engine, _), own in zip(rows, times):
        ratio = statistics.median(a / b for a, b in zip(base[kind], own))
        print(f'| {name} | {threads} | {kind} | {engine} | {statistics.median(own):.2f} | '
              f'{min(own):.2f}..{max(own):.2f} | {ratio:.2f} |', flush=True)


def versions():
    told = [f'ONNX Runtime {onnxruntime.__version__}']
    if openvino:
        told.append(f'OpenVINO {openvino.__version__.split("-")[0]}')
    model = [line.split(':')[1].strip() for line in open('/proc/cpuinfo') if line.startswith('model name')]
    return f'{", ".join(told)}; {model[0] if model else platform.processor()}, {os.cpu_count()} processors'


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('ork')
    parser.add_argument('folder', type=pathlib.Path)
    parser.add_argument('names', nargs='*')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--repeat', type=int, default=20)
    parser.add_argument('--threads', type=int, nargs='*', default=[1, 2])
    parser.add_argument('--kinds', nargs='*', choices=KINDS, default=list(KINDS))
    arguments = parser.parse_args()
    names = arguments.names or [path.stem for path in sorted(arguments.folder.glob('*.pt'))]
    print(f'{versions()}; {arguments.rounds} rounds of {arguments.repeat} runs\n')
    print('| network | threads | type | engine | median ms | min..max | faster than ONNX Runtime |')
    print('|---|---|---|---|---|---|---|')
    for name in names:
        for threads in arguments.threads:
            rows = engines(arguments.ork, arguments.folder / name, threads, arguments.kinds)
            tell(name, threads, rows, measure(rows, threads, arguments.rounds, arguments.repeat))


if __name__ == '__main__':
    main()
