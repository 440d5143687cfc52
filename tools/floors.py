#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that every folder stands on lower floors only.

A folder of src/ may include its own files and the one header <folder>/<folder>.h of a lower floor.
It never includes a folder of its own floor, nor a folder of a higher one. The public header
openrknn.h belongs to the top: below src/api only error.h and types.h are used. cli/ and python/ use
public headers and their own. Headers never include each other in a circle.
"""
import os
import re
import subprocess
import sys

FLOORS = [['base'], ['tensor', 'codec', 'image'], ['kernels'], ['graph'],
          ['import', 'pass', 'rknn'], ['plan'], ['quant', 'npu', 'openvx', 'diagram', 'device'], ['detect', 'report'], ['api', 'runtime'],
          ['board']]
FLOOR = {folder: floor for floor, folders in enumerate(FLOORS) for folder in folders}
LOW_PUBLIC = {'openrknn/error.h', 'openrknn/types.h'}
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)


def sources():
    names = subprocess.run(['git', 'ls-files', '--cached', '--others', '--exclude-standard',
                            'src', 'cli', 'web', 'python', 'include', 'board'],
                           check=True, capture_output=True, text=True).stdout.split()
    return [name for name in names if name.endswith(('.c', '.h', '.def')) and os.path.exists(name)]


def house(path):
    """'graph' for src/graph/..., 'cli', 'python' or 'include'."""
    parts = path.split('/')
    return parts[1] if parts[0] == 'src' else parts[0]


def judge_public(path, header):
    if not header.startswith('openrknn/') and header != 'rknn_api.h':
        return None
    if house(path) in FLOOR and house(path) not in ('api', 'runtime') and header not in LOW_PUBLIC:
        return 'uses the public header %s, which stands above it' % header
    return None


def judge_own(path, target):
    here, there = house(path), house(target)
    if here == there:
        return None
    if here == 'web': # on the roof: what it shows are the verbs
        return None if target in ('cli/cli.h', 'src/base/base.h', 'src/codec/codec.h') else 'includes %s' % target
    if here not in FLOOR or there not in FLOOR:
        return 'includes %s; it may use public headers and its own' % target
    if FLOOR[there] >= FLOOR[here]:
        return 'includes %s, which is not on a lower floor' % target
    if target != 'src/%s/%s.h' % (there, there):
        return 'includes %s instead of src/%s/%s.h' % (target, there, there)
    return None


def circles(edges):
    """Names of files that include themselves in the end."""
    def reaches(start):
        seen, todo = set(), list(edges.get(start, ()))
        while todo:
            name = todo.pop()
            if name == start:
                return True
            if name not in seen:
                seen.add(name)
                todo.extend(edges.get(name, ()))
        return False
    return sorted(name for name in edges if reaches(name))


def main():
    faults, edges = [], {}
    for path in sources():
        if house(path) not in FLOOR and house(path) not in ('cli', 'web', 'python', 'include'):
            faults.append('%s: tools/floors.py knows no floor for this folder' % path)
        text = open(path, encoding='utf-8').read()
        for kind, header in INCLUDE.findall(text):
            if kind == '<':
                fault = judge_public(path, header)
                target = 'include/' + header
            else:
                target = os.path.normpath(os.path.join(os.path.dirname(path), header))
                fault = judge_own(path, target)
            edges.setdefault(path, set()).add(target)
            if fault:
                faults.append('%s: %s' % (path, fault))
    faults += ['%s: includes itself in a circle' % name for name in circles(edges)]
    print('\n'.join(faults) if faults else '%d files stand as they should' % len(edges))
    return 1 if faults else 0


if __name__ == '__main__':
    sys.exit(main())
