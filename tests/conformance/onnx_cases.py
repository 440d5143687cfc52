#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the test cases of the ONNX project (Debian: libonnx-testdata) through our importer and executor
and compares with the outputs that lie beside them. Prints a table in Markdown; exits 1 when of a set
less than its share passes, not counting quantized operators, which quantized_networks.py tests, and 77
(skipped) where the cases or the package `onnx` are missing.

  python3 tests/conformance/onnx_cases.py build/tests/conformance/run_models [--compat] [-v] [NAME...]

--compat writes the counts and the cases that fail into bench/COMPAT.md.

Taken are cases whose inputs and outputs are all tensors of float32, int8, uint8, int32, int64 or bool;
not those of training, of random numbers and of sequences or optional values. Floats may differ by
1e-4 of the greatest number expected (at least 1), everything else not at all.

A chip's network has fixed shapes, so an input that says a shape, an axis or another parameter must be
known when the model is imported, as it is in files that exporters write. The cases have them as
inputs. Each case is first tried with all of its inputs fed when it runs; when that is refused, whole
numbers and truths with at most one axis become constants, then floats with at most one axis too. What
needed it is counted apart."""
import argparse
import collections
import pathlib
import re
import subprocess
import sys
import tempfile

try:
    import numpy
    import onnx
    from onnx import numpy_helper
except ImportError:
    print('skipped: needs the package onnx')
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = pathlib.Path('/usr/share/libonnx-testdata/data')
SETS = {'node': 0.97, 'pytorch-converted': 0.95, 'pytorch-operator': 0.95, 'simple': 0.95}
LIMIT = 1e-4
TYPES = {onnx.TensorProto.FLOAT, onnx.TensorProto.INT8, onnx.TensorProto.UINT8, onnx.TensorProto.INT32,
         onnx.TensorProto.INT64, onnx.TensorProto.BOOL}
TRAINING = {'Adagrad', 'Adam', 'Gradient', 'GraphCall', 'Momentum'}
RANDOM = {'Bernoulli', 'Multinomial', 'RandomNormal', 'RandomNormalLike', 'RandomUniform',
          'RandomUniformLike'}
QUANTIZED = re.compile(r'^(Q|DequantizeLinear|DynamicQuantizeLinear|.*Integer$)')


# ---- which cases ----

def all_nodes(graph):
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from all_nodes(attribute.g)


def is_training(model):
    for node in all_nodes(model.graph):
        if node.op_type in TRAINING or node.domain == 'ai.onnx.preview.training':
            return True
        for attribute in node.attribute:
            if attribute.name == 'training_mode' and attribute.i:
                return True
        if node.op_type == 'Dropout' and len(node.input) > 2:  # its third input turns training on
            return True
    return False


def left_out(model):
    """Why a case is none of ours, or None."""
    operators = {node.op_type for node in all_nodes(model.graph)}
    for info in list(model.graph.input) + list(model.graph.output):
        kind = info.type.WhichOneof('value')
        if kind != 'tensor_type':
            return kind.replace('_type', '')
        if info.type.tensor_type.elem_type not in TYPES:
            return onnx.TensorProto.DataType.Name(info.type.tensor_type.elem_type).lower()
    if any('Sequence' in name or name.startswith('Optional') for name in operators):
        return 'sequence'
    if is_training(model):
        return 'training'
    return 'random' if operators & RANDOM else None


def is_quantized(model):
    return any(QUANTIZED.match(node.op_type) for node in all_nodes(model.graph))


# ---- running ----

class Runner:
    """run_models, started again when a case ends it."""

    def __init__(self, program):
        self.program = program
        self.process = None

    def ask(self, words):
        if self.process is None:
            self.process = subprocess.Popen([self.program], stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, text=True)
        self.process.stdin.write('\t'.join(map(str, words)) + '\n')
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if not answer:
            answer = f'failed: it ended with {self.process.wait()}'
            self.process = None
        return answer

    def close(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait()


def read_tensor(path):
    return numpy_helper.to_array(onnx.load_tensor(str(path)))


def is_small(array, with_floats):
    return array.ndim <= 1 and (with_floats or array.dtype != numpy.float32)


FED, WHOLE, ALL = range(3)  # which inputs with at most one axis are constants: none, whole numbers, all


def run(runner, path, names, arrays, how, folder):
    words = [path, folder]
    for i, (name, array) in enumerate(zip(names, arrays)):
        is_constant = how != FED and is_small(array, how == ALL)
        numpy.save(folder / f'in{i}.npy', array)
        words += ['constant' if is_constant else 'input', name, folder / f'in{i}.npy']
    return runner.ask(words)


def difference(got, expected):
    """What is wrong, or None."""
    if got.shape != expected.shape:
        return f'shape {list(got.shape)}, not {list(expected.shape)}'
    if got.dtype != expected.dtype:
        return f'{got.dtype}, not {expected.dtype}'
    if expected.dtype != numpy.float32:
        return None if (got == expected).all() else f'{(got != expected).sum()} of {got.size} differ'
    same = (got == expected) | (numpy.isnan(got) & numpy.isnan(expected))
    if same.all():
        return None
    limit = LIMIT * max(1.0, numpy.abs(expected[numpy.isfinite(expected)]).max(initial=0))
    with numpy.errstate(invalid='ignore'):
        apart = numpy.abs(got.astype(numpy.float64) - expected)[~same].max()
    return None if apart <= limit else f'differs by {apart:.1e}'


def compare(folder, names, data):
    for i, name in enumerate(names):
        wrong = difference(numpy.load(folder / f'{i}.npy'), read_tensor(data / f'output_{i}.pb'))
        if wrong:
            return f"output '{name}': {wrong}"
    return None


def check(runner, path, model, folder):
    """(whether it passes, which inputs were constants, why not)."""
    weights = {weight.name for weight in model.graph.initializer}
    names = [info.name for info in model.graph.input if info.name not in weights]
    outputs = [info.name for info in model.graph.output]
    data = path.parent / 'test_data_set_0'
    arrays = [read_tensor(data / f'input_{i}.pb') for i in range(len(names))]
    for how in (FED, WHOLE, ALL):
        answer = run(runner, path, names, arrays, how, folder)
        if answer.startswith('ok'):
            wrong = compare(folder, outputs, data)
            return not wrong, how, wrong
        if how == FED:
            first = answer
        if not answer.startswith('failed E02'):
            break
    return False, how, (first if how == FED else answer).replace('failed ', '')


# ---- the table ----

class Counts:
    def __init__(self):
        self.cases = self.passed = self.constant = 0
        self.quantized = [0, 0]  # cases, passed
        self.left_out = collections.Counter()
        self.failures = []


def run_set(runner, name, options, folder):
    counts = Counts()
    for path in sorted((DATA / name).glob('*/model.onnx')):
        case = path.parent.name
        if options.names and not any(word in case for word in options.names):
            continue
        model = onnx.load(str(path))
        reason = left_out(model)
        if reason:
            counts.left_out[reason] += 1
            continue
        passed, how, why = check(runner, path, model, folder)
        counts.cases += 1
        counts.passed += passed
        counts.constant += passed and how != FED
        if is_quantized(model):
            counts.quantized[0] += 1
            counts.quantized[1] += passed
        if not passed:
            counts.failures.append((case, why))
        if options.verbose:
            print(f'{case}: {"ok" if passed else why}{" (constants)" if how != FED else ""}')
    return counts


def report(results):
    lines = ['| set | cases | pass | share | of these with constants for inputs | quantized: pass of '
             'cases | left out |', '|---|---|---|---|---|---|---|']
    for name, c in results.items():
        others = ', '.join(f'{n} {why}' for why, n in sorted(c.left_out.items())) or '0'
        share = f'{100 * c.passed / c.cases:.1f} %' if c.cases else ''
        lines.append(f'| {name} | {c.cases} | {c.passed} | {share} | {c.constant} | '
                     f'{c.quantized[1]} of {c.quantized[0]} | {others} |')
    failures = [(name, case, why) for name, c in results.items() for case, why in c.failures]
    if failures:
        lines += ['', '| does not pass | why |', '|---|---|']
    for name, case, why in failures:
        why = re.sub(r'\s+', ' ', re.sub(r'; layer .*|[; ]*/\S*$', '', why)).strip(' ;')
        lines.append(f'| {name}/{case} | {why} |')
    return '\n'.join(lines)


def write_compat(text):
    path = ROOT / 'bench' / 'COMPAT.md'
    begin, end = '<!-- onnx cases -->\n', '<!-- end of onnx cases -->'
    old = path.read_text(encoding='utf-8')
    before, rest = old.split(begin)
    path.write_text(before + begin + '\n' + text + '\n\n' + end + rest.split(end)[1], encoding='utf-8')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('program')
    parser.add_argument('--compat', action='store_true')
    parser.add_argument('-v', '--verbose', action='store_true')
    parser.add_argument('names', nargs='*')
    options = parser.parse_args()
    if not DATA.is_dir():
        print(f'skipped: no {DATA}')
        return 77
    runner = Runner(options.program)
    with tempfile.TemporaryDirectory() as folder:
        results = {name: run_set(runner, name, options, pathlib.Path(folder)) for name in SETS}
    runner.close()
    text = report(results)
    print(text)
    if options.compat:
        write_compat(text)
    return int(any(c.passed - c.quantized[1] < SETS[name] * (c.cases - c.quantized[0])
                   for name, c in results.items()))


if __name__ == '__main__':
    sys.exit(main())
