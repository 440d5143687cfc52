#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks what every source file must keep: the licence line, at most 1000 lines, functions of at
most 100 lines, no marks of unfinished work. Tables (.def) may be longer."""
import ast
import re
import subprocess
import sys

LONGEST_FILE = 1000
LONGEST_FUNCTION = 100
SPDX = 'SPDX-License-Identifier: Apache-2.0'
SOURCE = re.compile(r'(\.(c|h|def|py|pyi|sh|js|css|html)|meson\.build|meson_options\.txt|^dev|'
                    r'^\.ci/run|^tools/cross/.*\.txt)$')
MARKS = re.compile(r'\b(' + '|'.join(['TO' + 'DO', 'FIX' + 'ME', 'X' * 3, 'HA' + 'CK']) + r')\b')


def c_functions(lines):
    """(name, length) of each function: formatted, its braces alone stand in the first column."""
    start = None
    for number, line in enumerate(lines):
        if line == '{':
            start = number
        elif line == '}' and start is not None:
            head = ''.join(lines[max(0, start - 4):start])
            names = re.findall(r'(\w+)\s*\(', head)
            yield names[-1] if names else '?', number - start + 2
            start = None


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.end_lineno - node.lineno + 1


def faults_of(path):
    text = open(path, encoding='utf-8').read()
    lines = text.split('\n')
    if text and SPDX not in '\n'.join(lines[:3]):
        yield 'has no line "%s" at its top' % SPDX
    if len(lines) - 1 > LONGEST_FILE and not path.endswith('.def'):
        yield 'has %d lines; the most is %d' % (len(lines) - 1, LONGEST_FILE)
    functions = ()
    if path.endswith(('.c', '.h')):
        functions = c_functions(lines)
    elif path.endswith('.py'):
        functions = python_functions(text)
    for name, length in functions:
        if length > LONGEST_FUNCTION:
            yield '%s has %d lines; the most is %d' % (name, length, LONGEST_FUNCTION)
    for number, line in enumerate(lines, 1):
        if MARKS.search(line):
            yield 'line %d is marked as unfinished' % number


def main():
    names = subprocess.run(['git', 'ls-files'], check=True, capture_output=True,
                           text=True).stdout.split('\n')
    sources = [name for name in names if SOURCE.search(name)]
    faults = ['%s: %s' % (name, fault) for name in sources for fault in faults_of(name)]
    print('\n'.join(faults) if faults else '%d files are in order' % len(sources))
    return 1 if faults else 0


if __name__ == '__main__':
    sys.exit(main())
