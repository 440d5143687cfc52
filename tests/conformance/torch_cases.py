#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Traces small networks written here, of one operator or of one block, runs each through `ork run`
and compares with torch. Prints a table in Markdown; exits 1 when one is wrong or refused.

  python3 tests/conformance/torch_cases.py build/cli/ork [--freeze] [NAME...]

Needs torch (Debian: python3-torch); works with torch 1.13 and with 2.x, which traces in other words."""
import argparse
import pathlib
import sys
import tempfile

try:
    import torch
except ImportError:
    print('skipped: needs torch')
    sys.exit(77)

import torch_layers
import torch_operators
import torch_ops

LIMIT = 1e-4


def flat(value):
    """The tensors of nested tuples, lists and dictionaries."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from flat(item)


def randomise(module):
    for part in module.modules():
        if isinstance(part, torch.nn.modules.batchnorm._BatchNorm):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 1.5)


def traced(make, inputs, options, freeze):
    module = make().eval()
    randomise(module)
    expected = [t.detach().numpy() for t in flat([module(*[x.clone() for x in inputs])])]
    with torch.set_grad_enabled(not options.get('no_grad')):
        if options.get('script'):
            net = torch.jit.script(module)
        else:
            net = torch.jit.trace(module, tuple(x.clone() for x in inputs), check_trace=False)
    return torch.jit.freeze(net) if freeze else net, expected


def check(ork, entry, freeze):
    """('ok', 'wrong' or 'refused', what there is to say)."""
    make, make_inputs, options = entry
    torch.manual_seed(0)
    inputs = make_inputs()
    net, expected = traced(make, inputs, options, freeze)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / 'case.pt'
        net.save(str(path))
        outputs, error = torch_ops.run(ork, path, [x.numpy() for x in inputs], pathlib.Path(folder))
    if outputs is None:
        return 'refused' if error.startswith('E0') else 'wrong', error
    if len(outputs) != len(expected):
        return 'wrong', f'{len(outputs)} outputs, not {len(expected)}'
    for got, wanted in zip(outputs, expected):
        if got.shape != wanted.shape and got.size == wanted.size and wanted.shape != ():
            return 'wrong', f'shape {got.shape}, not {wanted.shape}'
    worst = max(torch_ops.difference(g, e) for g, e in zip(outputs, expected))
    return 'ok' if worst <= LIMIT else 'wrong', f'{worst:.1e}'


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('ork')
    parser.add_argument('--freeze', action='store_true', help='the frozen form of each')
    parser.add_argument('names', nargs='*')
    options = parser.parse_intermixed_args()
    cases = {**torch_operators.CASES, **torch_layers.CASES}
    torch.set_num_threads(1)
    counts = {'ok': 0, 'wrong': 0, 'refused': 0}
    print('| network | result | largest difference, or why |\n|---|---|---|')
    for name, entry in cases.items():
        if options.names and not any(wanted in name for wanted in options.names):
            continue
        try:
            result, text = check(options.ork, entry, options.freeze)
        except Exception as error:  # one bad network must not hide the others
            result, text = 'wrong', repr(error).splitlines()[0]
        counts[result] += 1
        print(f'| {name} | {result} | {text} |', flush=True)
    print(', '.join(f'{count} {name}' for name, count in counts.items()))
    return 1 if counts['wrong'] or counts['refused'] else 0


if __name__ == '__main__':
    sys.exit(main())
