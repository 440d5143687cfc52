#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes docs/operators.md and docs/errors.md from the tables in the sources.

usage: tables.py [--check]      --check writes nothing and fails when a document is out of date
"""
import re
import sys

TOKEN = re.compile(r'/\*.*?\*/|"(?:\\.|[^"\\])*"|[(),]|[^\s(),"/]+|/', re.S)


def rows(path, macro):
    """Yields ('section', title) and ('row', arguments) in the order of the file. An argument is a
    string, or a list of calls [name, arguments...] for nested macros."""
    tokens = TOKEN.findall(open(path, encoding='utf-8').read())
    position = 0
    while position < len(tokens):
        token = tokens[position]
        position += 1
        if token.startswith('/*'):
            title = re.fullmatch(r'/\* (?:-+ )?(.*?)(?: -+)? \*/', token)
            if title and '\n' not in token and not token.startswith('/* SPDX'):
                yield 'section', title.group(1)
        elif token == macro:
            arguments, position = call(tokens, position)
            yield 'row', arguments


def call(tokens, position):
    """The arguments of the call whose "(" is at position, and the position behind its ")"."""
    arguments, parts = [], []
    position += 1
    while tokens[position] != ')':
        token = tokens[position]
        position += 1
        if token == ',':
            arguments.append(join(parts))
            parts = []
        elif token == '(':
            inner, position = call(tokens, position - 1)
            parts[-1] = [parts[-1]] + inner
        elif not token.startswith('/*'):
            parts.append(token)
    return arguments + [join(parts)], position + 1


def join(parts):
    if any(isinstance(part, list) for part in parts):
        return parts
    if all(part.startswith('"') for part in parts):
        return ''.join(part[1:-1].replace('\\"', '"').replace('\\\\', '\\') for part in parts)
    return ' '.join(parts)


def cell(text):
    return text.replace('|', '\\|').replace('\n', ' ').replace('*', '\\*').replace('<', '&lt;')


def attribute(call_of):
    """`stride` (PAIR), or `mode` (one of none, tanh)."""
    if call_of[0] == 'ORK_ATTR_ENUM':
        return '`%s` (%s)' % (call_of[2], ', '.join(call_of[3].split('|')))
    return '`%s` (%s)' % (call_of[3], call_of[2].lower())


OPERATORS_HEAD = """\
Written by `./dev docs` from `src/graph/ops.def`, the one list of operators. Every operator has one
output; tensors of pictures are NCHW. An input with `?` may be left out. All of them run on a PC, in
float and, where the next paragraph says so, quantized; [numerics.md](numerics.md) says which bits
come out.

"Quantized" tells what the quantizer makes of a value that the operator computes. *own*: integers of
the value's own range. *kept*: integers with the scale of the first input, whose elements are moved
(linear resizing has its own range). *unit*: integers for 0 to 1. *float*: the chips have no such
operation, so it computes floats, and conversions stand before and behind it where its neighbours are
quantized. The same holds for convolutions and linear layers whose weights or bias the network
computes.

Values need not be real numbers: comparisons, logic, casts, functions of one and two elements,
reductions, `where`, `gather` and data movement also work on truth values and whole numbers, in 64
bits or in binary64, and are never quantized then. Convolution, pooling, normalization, resizing and
products work on floats and quantized numbers only. Where a graph asks for more, error E0003 says so:
norms and products with quantized inputs, a function of elements whose quantized inputs and output
are of different types, a convolution between two kinds of quantization. Neither the importer nor
the quantizer makes such graphs.
"""


def operators():
    yield '# Operators\n'
    yield OPERATORS_HEAD
    for kind, value in rows('src/graph/ops.def', 'ORK_OP'):
        if kind == 'section':
            yield '## %s\n' % (value[0].upper() + value[1:])
            yield '| Operator | Inputs | Meaning | Quantized | Attributes |\n|---|---|---|---|---|'
        else:
            attributes = value[9] if isinstance(value[9], list) else []
            yield '| `%s` | %s | %s | %s | %s |' % (
                value[1], cell(value[7]), cell(value[8]), value[5].lower(),
                ', '.join(map(attribute, attributes)))


def errors():
    yield '# Errors\n'
    yield ('Written by `./dev docs` from `src/base/errors.def`. Every failure has an id and a name '
           'that stay the\nsame from release to release, and says what happened, where, why, and '
           'what to do. `ork explain ID`\ntells the same on the command line, and ends with the '
           'exit status of the last column when such an\nerror ends a command. The advice given '
           'with a failure is often closer than the one below.\n')
    for kind, value in rows('src/base/errors.def', 'ORK_ERROR'):
        if kind == 'section':
            number, title = value.split(' ', 1)
            yield '## %s: %s\n' % (number, title)
            yield '| Id | Name | Advice | Exit status |\n|---|---|---|---|'
        else:
            yield '| %s | `%s` | %s | %s |' % (value[1], value[2], cell(value[4]), value[3])


def document(lines):
    text = '\n'.join(lines)
    return re.sub(r'\n(#)', r'\n\n\1', text).replace('\n\n\n', '\n\n') + '\n'


def main():
    stale = []
    for path, lines in (('docs/operators.md', operators()), ('docs/errors.md', errors())):
        wanted = document(lines)
        try:
            there = open(path, encoding='utf-8').read()
        except FileNotFoundError:
            there = ''
        if there != wanted:
            stale.append(path)
            if '--check' not in sys.argv:
                open(path, 'w', encoding='utf-8').write(wanted)
                print('wrote', path)
    if stale and '--check' in sys.argv:
        print('out of date: %s; run ./dev docs' % ', '.join(stale))
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
