#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Netron shows what our .rknn files hold: inputs, outputs, layers, weights, their types and shapes.

usage: netron_check.py ORK NETRON_FOLDER

Converts networks of the project, has Netron's own modules read the files (netron_check.mjs, run by
node) and compares with `ork info`."""
import collections
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, '..', '..')
EYES = [os.path.join(ROOT, 'examples/eyes/eyes.pt'), '--input-size', '3x416x416',
        '--mean', '123.675 116.28 103.53', '--std', '58.395 57.12 57.375']
SAMPLES = ['--dataset', os.path.join(ROOT, 'examples/eyes/calibration.txt'),
           '--config', 'batch_size=1', '--config', 'epochs=1']
DATA = os.path.join(ROOT, 'tests/data/import')
MODELS = {
    'eyes_float': EYES,
    'eyes_u8': EYES + SAMPLES + ['--quantize', 'u8'],
    'eyes_i8': EYES + SAMPLES + ['--quantize', 'i8'],
    'eyes_i16': EYES + SAMPLES + ['--quantize', 'i16'],
    'three_inputs': [os.path.join(DATA, 'lists.pt')] + ['--input-size', '3x4x4'] * 3,
    'four_outputs': [os.path.join(DATA, 'pools.pt'), '--input-size', '3x4x4'],
    'recorded': [os.path.join(DATA, 'recorded.pt')],
}
TYPES = {'u8': 'uint8', 'i8': 'int8', 'i16': 'int16', 'i32': 'int32', 'i64': 'int64',
         'f16': 'float16', 'f32': 'float32', 'f64': 'float64'}
TYPE = r'(\w+)\[([0-9x]*)\]'
NODE = re.compile(r'  %\d+ "([^"]*)" \S.* = (\w+)\((?:.* layer "([^"]*)")?')
CONSTANT = re.compile(r'  const (%\d+) "[^"]*" ' + TYPE)


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit('%s:\n%s%s' % (' '.join(command), done.stdout, done.stderr))
    return done.stdout


def same(name, what, told, held):
    if told != held:
        sys.exit('%s: %s: Netron shows\n  %s\nbut the file holds\n  %s' % (name, what, told, held))


def ends(values):
    return [(value['dtype'], value['shape']) for value in values]


def elements(shape):
    count = 1
    for size in shape:
        count *= size
    return count


def held_constants(text):
    """Types and numbers of elements of the constants that layers use, with their names' places."""
    for _, dtype, shape in CONSTANT.findall(text):
        yield TYPES[dtype], elements(int(size) for size in shape.split('x') if size)


def shown_constants(nodes):
    for node in nodes:
        for value in node['inputs']:
            if value['constant']:
                yield value['dtype'], elements(value['shape'])


def check(name, ork, file, shown):
    info = json.loads(run([ork, 'info', '--json', file]))
    text = run([ork, 'info', '--graph', file])
    same(name, 'format', shown['format'].split('.')[0], 'RKNN v1')
    for side in ('inputs', 'outputs'):
        same(name, side, ends(shown[side]),
             [(TYPES[value['dtype']], value['shape']) for value in info[side]])
    layers = [match.group(3) or match.group(1) for match in map(NODE.match, text.split('\n')) if match]
    same(name, 'number of layers', len(shown['nodes']), info['operators'])
    same(name, 'names of layers', sorted(node['name'] for node in shown['nodes']), sorted(layers))
    shown_weights = set(shown_constants(shown['nodes']))
    same(name, 'weights', sorted(shown_weights), sorted(set(held_constants(text))))
    kinds = collections.Counter(node['type'] for node in shown['nodes'])
    print('%s: %s, %d layers (%d CONV2D), %d inputs, %d outputs, weights of %s' % (
        name, shown['format'], len(layers), kinds['CONV2D'], len(info['inputs']),
        len(info['outputs']), ' and '.join(sorted({dtype for dtype, _ in shown_weights})) or 'no type'))


def main():
    ork, netron = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        files = [os.path.join(folder, name + '.rknn') for name in MODELS]
        for file, arguments in zip(files, MODELS.values()):
            run([ork, 'convert', '--quiet', *arguments, '-o', file])
        reader = os.path.join(HERE, 'netron_check.mjs')
        shown = run(['node', '--no-warnings', reader, netron, *files]).splitlines()
        for name, file, line in zip(MODELS, files, shown):
            check(name, ork, file, json.loads(line))


if __name__ == '__main__':
    main()
