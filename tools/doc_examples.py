#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the examples of a document in an empty folder, against ./build.

usage: doc_examples.py DOCUMENT
Fenced blocks count when words follow the language: "sh test" and "python test" are run, any block
with "file=NAME" is written to that file. The folder has a link to examples/; `ork` is on PATH, the
Python package on PYTHONPATH, headers and libraries where the compiler finds them.
"""
import os
import re
import subprocess
import sys
import tempfile

BLOCK = re.compile(r'^```(\w+) ([^\n]+)\n(.*?)^```', re.M | re.S)
COMMANDS = {'sh': ['bash', '-euo', 'pipefail', '-c'], 'python': ['python3', '-c']}


def environment(root):
    def before(name, *folders):
        return os.pathsep.join([os.path.join(root, f) for f in folders] +
                               ([os.environ[name]] if os.environ.get(name) else []))
    return dict(os.environ, PATH=before('PATH', 'build/cli'),
                PYTHONPATH=before('PYTHONPATH', 'build/python'),
                CPATH=before('CPATH', 'include'),
                LIBRARY_PATH=before('LIBRARY_PATH', 'build/src', 'build/src/runtime', 'build'),
                LD_LIBRARY_PATH=before('LD_LIBRARY_PATH', 'build/src', 'build/src/runtime', 'build'))


def run(language, code, folder, env):
    print('--- %s\n%s---' % (language, code), flush=True)
    return subprocess.run(COMMANDS[language] + [code], cwd=folder, env=env).returncode


def main():
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    text = open(sys.argv[1], encoding='utf-8').read()
    env = environment(root)
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(os.path.join(root, 'examples'), os.path.join(folder, 'examples'))
        for language, words, code in BLOCK.findall(text):
            name = re.search(r'file=(\S+)', words)
            if name:
                with open(os.path.join(folder, name.group(1)), 'w', encoding='utf-8') as file:
                    file.write(code)
            if 'test' in words.split() and run(language, code, folder, env) != 0:
                print('FAILED')
                return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
