#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that libopenrknn.so exports what openrknn.h declares, and that a program in C99 and in C++11
is built and runs with it.

  check_library.py LIBOPENRKNN.SO PROJECT COMPILER...
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

NET = """graph "g" canon { input %0 "x" f32[1x4]
%1 "y" f32[1x4] = relu(%0)
output %1 }
"""
LANGUAGES = {'c99': ['-std=c99', '-x', 'c'], 'c++11': ['-std=c++11', '-x', 'c++']}
STRICT = ['-Wall', '-Wextra', '-Wpedantic', '-Wno-missing-field-initializers', '-Werror']


def declared(project):
    header = (project / 'include/openrknn/openrknn.h').read_text()
    return set(re.findall(r'^ORK_API\b[^;(]*?\b(ork_\w+)\(', header, re.M))


def exported(library):
    symbols = subprocess.run(['readelf', '-W', '--dyn-syms', library], check=True,
                             capture_output=True, text=True).stdout
    names = re.findall(r'(?:FUNC|OBJECT) +GLOBAL +DEFAULT +\d+ (\w+)@@OPENRKNN_0\.1', symbols)
    others = re.findall(r'(?:FUNC|OBJECT) +GLOBAL +DEFAULT +\d+ (\w+)$', symbols, re.M)
    return set(names), set(others)


def build_and_run(compiler, options, project, library, folder):
    program = os.path.join(folder, 'program')
    subprocess.run([*compiler, *STRICT, *options, str(project / 'tests/api/use_header.c'), '-x', 'none',
                    '-I', str(project / 'include'), library, '-Wl,-rpath,' + os.path.dirname(library),
                    '-o', program], check=True)
    net, model = os.path.join(folder, 'net.ork'), os.path.join(folder, 'net.rknn')
    pathlib.Path(net).write_text(NET)
    subprocess.run([program, net, model], check=True)
    if pathlib.Path(model).read_bytes()[:4] != b'RKNN':
        sys.exit('no model was written')


def main():
    library, project, *compiler = sys.argv[1:]
    library, project = os.path.abspath(library), pathlib.Path(project)
    names, others = exported(library)
    wanted = declared(project)
    if names != wanted or others or len(wanted) < 100:
        sys.exit(f'declared, not exported: {sorted(wanted - names)}; exported, not declared: '
                 f'{sorted(names - wanted)}; without a version: {sorted(others)}')
    for name, options in LANGUAGES.items():
        if name == 'c++11' and subprocess.run([*compiler, '-x', 'c++', '-fsyntax-only', '/dev/null'],
                                              capture_output=True).returncode:
            print('no compiler of C++: C99 alone')
            continue
        with tempfile.TemporaryDirectory() as folder:
            build_and_run(compiler, options, project, library, folder)
    print(len(names), 'calls are exported')


if __name__ == '__main__':
    main()
