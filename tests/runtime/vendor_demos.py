#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds the demonstration programs of the vendor's C interface against our header and library, and
runs those that classify a picture on models that we convert: what they print must be what `ork run`
finds. The programs are not part of this project: get github.com/rockchip-linux/rknpu, and

  tests/runtime/vendor_demos.py RKNPU/rknn/rknn_api/examples build/cli/ork build/src/runtime

For another processor, only building:

  tests/runtime/vendor_demos.py ... build-aarch64/src/runtime --compiler aarch64-linux-gnu- --build-only
"""
import argparse
import json
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

DEMOS = ['rknn_mobilenet_demo', 'rknn_batch_inference_demo', 'rknn_pass_through_demo', 'rknn_ssd_demo',
         'rknn_yolov5_demo', 'rknn_zero_copy_demo']
PROJECT = pathlib.Path(__file__).resolve().parents[2]
# A classifier of random weights: the numbers do not matter, only that they are the same.
NETWORK = """graph "classifier" imported {{
input %0 "x" f32[{batch}x3x224x224] mean [127.5 127.5 127.5] std [127.5 127.5 127.5] reorder [0 1 2]
const %1 "w" f32[16x3x8x8] random 1 const %2 "fc" f32[{classes}x16] random 2
%3 "c" f32[{batch}x16x28x28] = conv2d(%0, %1) stride [8 8] dilation [1 1] groups 1
%4 "r" f32[{batch}x16x28x28] = relu(%3)
%5 "p" f32[{batch}x16x1x1] = adaptive_avg_pool2d(%4) size [1 1]
%6 "f" f32[{batch}x16] = reshape(%5) shape [{batch} 16]
%7 "l" f32[{batch}x{classes}] = linear(%6, %2)
%8 "y" f32[{batch}x{classes}] = softmax(%7) axis 1 output %8 }}
"""
# How far numbers may be apart: six digits are printed, and the one that passes through cuts its inputs
# off to 16 bits or to halves, where we round.
RUNS = [('rknn_mobilenet_demo', 'u8', 2e-6), ('rknn_mobilenet_demo', 'i16', 2e-6),
        ('rknn_pass_through_demo', 'u8', 2e-6), ('rknn_pass_through_demo', 'i8', 2e-6),
        ('rknn_pass_through_demo', 'i16', 1e-4), ('rknn_pass_through_demo', 'float', 1e-4),
        ('rknn_batch_inference_demo', 'batch', 2e-6)]


def run(*command):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout


def build(demo, arguments, folder):
    source = arguments.demos / demo
    include = [f'-I{path}' for path in (PROJECT / 'include', source / 'include', source / 'src',
                                        *(arguments.demos / '3rdparty' / part for part in
                                          ('', 'stb', 'CImg', 'rga/include', 'drm/include')))]
    objects = []
    for path in sorted(source.glob('src/*.c')):
        objects.append(folder / (demo + path.stem + '.o'))
        run(arguments.compiler + 'gcc', '-w', *include, '-c', path, '-o', objects[-1])
    run(arguments.compiler + 'g++', '-std=c++11', '-w', *include, *sorted(source.glob('src/*.cc')), *objects,
        '-o', folder / demo, f'-L{arguments.library}', '-lrknn_api', '-ldl', '-lpthread',
        f'-Wl,-rpath,{arguments.library.resolve()}')


def make_models(ork, folder, picture):
    (folder / 'list.txt').write_text(f'{picture}\n')
    # The batch demonstration takes it for granted that there are 1001 classes.
    for name, batch, classes in (('one', 1, 1000), ('batch', 4, 1001)):
        (folder / f'{name}.txt').write_text(NETWORK.format(batch=batch, classes=classes))
    for kind in ('u8', 'i8', 'i16'):
        run(ork, 'convert', folder / 'one.txt', '-o', folder / f'{kind}.rknn', '--quantize', kind, '--dataset',
            folder / 'list.txt', '--target', 'rk1808')
    run(ork, 'convert', folder / 'one.txt', '-o', folder / 'float.rknn')
    run(ork, 'convert', folder / 'batch.txt', '-o', folder / 'batch.rknn')


def top_lists(text):
    """The (class, number) lines behind each "Top5", highest first, without what is not a class."""
    lists = []
    for part in text.split('--- Top5 ---')[1:]:
        pairs = [(int(a), float(b)) for a, b in re.findall(r'^ *(-?\d+): +(\S+)', part, re.M)]
        lists.append([pair for pair in pairs[:5] if pair[0] >= 0])
    return lists


def expected(ork, folder, kind, picture):
    model = folder / ('float' if kind == 'batch' else kind)
    found = json.loads(run(ork, 'run', model.with_suffix('.rknn'), picture, '--json'))
    return [(top['index'], top['value']) for top in found['runs'][0]['outputs'][0]['top']]


def same(found, wanted, within):
    """Equal numbers may stand in any order."""
    values = dict(wanted)
    return len(found) > 0 and all(abs(b - d) <= within for (_, b), (_, d) in zip(found, wanted)) and \
        all(abs(values.get(a, b) - b) <= within for a, b in found)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('demos', type=pathlib.Path)
    parser.add_argument('ork', type=pathlib.Path)
    parser.add_argument('library', type=pathlib.Path)
    parser.add_argument('--compiler', default='', help='what stands before gcc and g++')
    parser.add_argument('--build-only', action='store_true')
    arguments = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for demo in DEMOS:
            build(demo, arguments, folder)
            print('built', demo)
        picture = folder / 'picture.bmp'
        rows = b''.join(bytes(((x * 7 + y) % 256, y % 256, (x * y) % 256)) for y in range(224) for x in range(224))
        picture.write_bytes(struct.pack('<2sIHHIIiiHHIIiiII', b'BM', 54 + len(rows), 0, 0, 54, 40, 224, 224, 1, 24,
                                        0, len(rows), 0, 0, 0, 0) + rows)
        if not arguments.build_only:
            make_models(arguments.ork, folder, picture)
        for demo, kind, within in [] if arguments.build_only else RUNS:
            lists = top_lists(run(folder / demo, folder / f'{kind}.rknn', picture))
            wanted = expected(arguments.ork, folder, kind, picture)
            if kind == 'batch':  # a network of its own, which has one class more: held against itself
                wanted = lists[0]
            good = len(lists) > 0 and all(same(found, wanted, within) for found in lists)
            failed += not good
            print('ok    ' if good else 'FAILED', demo, kind, len(lists), lists[0])
            if not good:
                print('wanted', wanted, 'found', lists)
    sys.exit(failed > 0)


if __name__ == '__main__':
    main()
