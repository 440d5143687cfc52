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


def operators():
    yield '# Operators\n'
    yield ('Written by `./dev docs` from `src/graph/ops.def`, the one list of operators. Every '
           'operator has one\noutput; tensors of pictures are NCHW. An input with `?` may be left '
           'out.\n')
    for kind, value in rows('src/graph/ops.def', 'ORK_OP'):
        if kind == 'section':
            yield '## %s\n' % (value[0].upper() + value[1:])
            yield '| Operator | Inputs | Meaning | Attributes |\n|---|---|---|---|'
        else:
            attributes = value[8] if isinstance(value[8], list) else []
            yield '| `%s` | %s | %s | %s |' % (
                value[1], cell(value[6]), cell(value[7]), ', '.join(map(attribute, attributes)))


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
