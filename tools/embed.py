#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes files as arrays of bytes in C, for the page that is part of the program.

usage: embed.py OUTPUT FILE..."""
import pathlib
import sys

TYPES = {'.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8',
         '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml'}


def main(output, *paths):
    lines = ['/* Made by tools/embed.py. */', '#include "web.h"', '']
    rows = []
    for number, path in enumerate(map(pathlib.Path, paths)):
        data = path.read_bytes()
        lines.append('static const uint8_t file_%d[] = {' % number)
        lines += ['    ' + ''.join('%d,' % byte for byte in data[at:at + 32]) for at in range(0, len(data), 32)]
        lines.append('};')
        rows.append('    {"%s", "%s", file_%d, sizeof(file_%d)},' % (path.name, TYPES[path.suffix], number, number))
    lines += ['const web_asset web_assets[] = {', *rows, '    {0},', '};', '']
    pathlib.Path(output).write_text('\n'.join(lines))


if __name__ == '__main__':
    main(*sys.argv[1:])
