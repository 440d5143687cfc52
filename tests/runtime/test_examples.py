#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds the programs of examples/c, runs them on the sample detector and compares with `ork run`.

  test_examples.py ORK LIBRKNN_API.SO PROJECT COMPILER...
"""
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

SIDE = 416


def run(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True,
                          **options).stdout


def pixels(seed):
    """Rows of (red, green, blue)."""
    return [[((x * seed) % 256, (y * 3) % 256, (x * y // 7 + seed * 40) % 256) for x in range(SIDE)]
            for y in range(SIDE)]


def write_ppm(path, rows):
    path.write_bytes(b'P6\n%d %d\n255\n' % (SIDE, SIDE) + bytes(v for row in rows for p in row for v in p))


def write_bmp(path, rows):
    data = bytes(v for row in reversed(rows) for p in row for v in reversed(p))
    head = struct.pack('<2sIHHI', b'BM', 54 + len(data), 0, 0, 54)
    path.write_bytes(head + struct.pack('<IiiHHIIiiII', 40, SIDE, SIDE, 1, 24, 0, len(data), 0, 0, 0, 0) + data)


def highest(text):
    """Lists of (place, number), one for each line of a program."""
    return [[(int(place), float(number)) for place, number in re.findall(r'\[(\d+)\] (\S+)', line)]
            for line in text.splitlines() if '[' in line]


def expected(ork, model, picture):
    outputs = json.loads(run(ork, 'run', model, picture, '--json'))['runs'][0]['outputs']
    return [[(top['index'], top['value']) for top in output['top']] for output in outputs]


def differ(found, wanted):
    """Places must be the same; numbers are printed with six digits."""
    if [[p for p, _ in line] for line in found] != [[p for p, _ in line] for line in wanted]:
        return True
    return any(abs(a - b) > 1e-5 * max(abs(b), 1e-3)
               for line, other in zip(found, wanted) for (_, a), (_, b) in zip(line, other))


def main():
    ork, library, project, *compiler = sys.argv[1:]
    source = pathlib.Path(project) / 'examples'
    folder = pathlib.Path(library).parent
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        pictures = []
        for seed in (1, 2, 3):
            rows = pixels(seed)
            write_ppm(work / f'{seed}.ppm', rows)
            write_bmp(work / f'{seed}.bmp', rows)
            pictures.append(work / f'{seed}.ppm')
        for kind, options in (('u8', ['--quantize', 'u8', '--dataset', source / 'eyes/calibration.txt',
                                      '--vendor-exact']), ('float', [])):
            model = work / f'{kind}.rknn'
            run(ork, 'convert', source / 'eyes/eyes.pt', '-o', model, '-s', f'3x{SIDE}x{SIDE}', *options)
            wanted = [expected(ork, model, p.with_suffix('.bmp')) for p in pictures]
            for program, given, results in (('picture', pictures[:1], wanted[:1]),
                                            ('zero_copy', pictures[:1], wanted[:1]),
                                            ('frames', pictures, wanted)):
                binary = work / program
                run(*compiler, '-std=gnu11', '-Wall', '-Wextra', '-Werror', f'-I{project}/include',
                    source / 'c' / f'{program}.c', f'-L{folder}', '-lrknn_api', f'-Wl,-rpath,{folder}',
                    '-o', binary)
                found = highest(run(binary, model, *given, env={**os.environ, 'ORK_THREADS': '2'}))
                bad = differ(found, [line for result in results for line in result])
                failed += bad
                print(f"{'FAILED' if bad else 'ok'} {program} {kind}")
                if bad:
                    print(found, results, sep='\n')
    sys.exit(failed > 0)


if __name__ == '__main__':
    main()
