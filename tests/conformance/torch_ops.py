#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs small traced networks, each of one operator or a few, through `ork run` and compares with the
outputs that torch gave. Prints a table in Markdown; exits 1 when a result is wrong, or when more
networks than --refused allows are refused.

  python3 tests/conformance/torch_ops.py build/cli/ork [--refused N] [NAME...]

The networks lie in $ORK_SHARED/models/torch_ops: NAME.pt, NAME.in0.npy ..., NAME.out0.npy ... and
NAME.json with shapes. Exits 77 (skipped) where there are none. Needs torch (Debian: python3-torch)."""
import argparse
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

try:
    import numpy
    import torch
except ImportError:
    print('skipped: needs torch')
    sys.exit(77)

LIMIT = 1e-4
SKIPPED = 77


def record_inputs(path, inputs, target):
    """A copy that keeps the tensors it was traced with, as torch 2 does: sizes need not be told."""
    buffer = io.BytesIO()
    torch.save({'forward': [torch.from_numpy(array) for array in inputs]}, buffer)
    with zipfile.ZipFile(buffer) as pickled:
        record = pickled.read('archive/data.pkl')
    shutil.copy(path, target)
    with zipfile.ZipFile(target, 'a') as archive:
        top = archive.namelist()[0].split('/')[0]
        if f'{top}/traced_inputs.pkl' not in archive.namelist():
            archive.writestr(f'{top}/traced_inputs.pkl', record)


def run(ork, path, arrays, folder):
    """The outputs, or the error's identifier and text."""
    files = []
    for i, array in enumerate(arrays):
        files.append(folder / f'in{i}.npy')
        numpy.save(files[-1], array)
    record_inputs(path, arrays, folder / 'net.pt')
    done = subprocess.run([ork, 'run', folder / 'net.pt', *files, '--npy-out', folder, '--json'],
                          capture_output=True, text=True, timeout=120)
    if done.returncode == 0:
        outputs = sorted(folder.glob('in0-*.npy'), key=lambda p: int(p.stem.split('-')[1]))
        return [numpy.load(p) for p in outputs], None
    try:
        error = json.loads(done.stdout)['error']
        return None, f"{error['id']}: {error['what']}; {error['why']}".replace('\n', ' ')
    except (ValueError, KeyError):
        return None, f'exit {done.returncode}: {done.stdout}{done.stderr}'.strip()


def difference(got, expected):
    """Greatest difference, in parts of the greatest number expected (at least 1)."""
    if got.size != expected.size:
        return numpy.inf
    got = got.reshape(expected.shape).astype(numpy.float64)
    expected = expected.astype(numpy.float64)
    same = (got == expected) | (numpy.isnan(got) & numpy.isnan(expected))
    if same.all():
        return 0.0
    with numpy.errstate(invalid='ignore'):
        apart = numpy.abs(got - expected)[~same].max()
    limit = max(1.0, numpy.abs(expected[numpy.isfinite(expected)]).max(initial=0))
    return apart / limit if numpy.isfinite(apart) else numpy.inf


def check(ork, path):
    """('ok', 'wrong' or 'refused', what there is to say)."""
    stem = path.with_suffix('')
    count = len(json.loads(stem.with_suffix('.json').read_text())['in'])
    inputs = [numpy.load(f'{stem}.in{i}.npy') for i in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        outputs, error = run(ork, path, inputs, pathlib.Path(folder))
    if outputs is None:
        return 'refused' if error.startswith('E0') else 'wrong', error
    expected = [numpy.load(f'{stem}.out{i}.npy') for i in range(len(outputs))]
    if os.path.exists(f'{stem}.out{len(outputs)}.npy'):
        return 'wrong', f'only {len(outputs)} outputs'
    worst = max(difference(g, e) for g, e in zip(outputs, expected))
    return 'ok' if worst <= LIMIT else 'wrong', f'{worst:.1e}'


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('ork')
    parser.add_argument('--refused', type=int, default=0)
    parser.add_argument('names', nargs='*')
    options = parser.parse_args()
    folder = pathlib.Path(os.environ.get('ORK_SHARED', '')) / 'models' / 'torch_ops'
    paths = sorted(folder.rglob('*.pt'))
    if not os.environ.get('ORK_SHARED') or not paths:
        print('skipped: no $ORK_SHARED/models/torch_ops')
        return SKIPPED
    counts = {'ok': 0, 'wrong': 0, 'refused': 0}
    print('| network | result | largest difference, or why |\n|---|---|---|')
    for path in paths:
        if options.names and not any(name in path.name for name in options.names):
            continue
        try:
            result, text = check(options.ork, path)
        except Exception as error:  # one bad network must not hide the others
            result, text = 'wrong', repr(error)
        counts[result] += 1
        print(f'| {path.stem} | {result} | {text} |', flush=True)
    print(', '.join(f'{count} {name}' for name, count in counts.items()))
    return 1 if counts['wrong'] or counts['refused'] > options.refused else 0


if __name__ == '__main__':
    sys.exit(main())
