#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks what librknn_api.so exports and what it needs.

  check_library.py build/src/runtime/librknn_api.so
"""
import re
import subprocess
import sys

CALLS = """rknn_create_mem rknn_destroy rknn_destroy_mem rknn_find_devices rknn_init rknn_init2
rknn_inputs_map rknn_inputs_set rknn_inputs_sync rknn_inputs_unmap rknn_outputs_get rknn_outputs_map
rknn_outputs_release rknn_outputs_sync rknn_outputs_unmap rknn_query rknn_run rknn_set_io_mem""".split()
# The C library with its mathematics and threads, the loader, and what sanitizers bring.
NEEDED = re.compile(r'(libc|libm|libpthread|ld-linux[-a-z0-9_]*|lib[a-z]*san)\.so')


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main():
    library = sys.argv[1]
    symbols = output('readelf', '-W', '--dyn-syms', library)
    exported = sorted(set(re.findall(r'GLOBAL +DEFAULT +\d+ (\w+)@@RKNN_API', symbols)))
    others = re.findall(r'GLOBAL +DEFAULT +\d+ (\w+)$', symbols, re.M)
    needed = re.findall(r'\(NEEDED\).*\[(.*)\]', output('readelf', '-d', library))
    foreign = [name for name in needed if not NEEDED.match(name)]
    print('exports', ' '.join(exported))
    print('needs', ' '.join(needed))
    if exported != CALLS or others or foreign:
        sys.exit(f'exports other than the header says: {others}, or needs {foreign}')


if __name__ == '__main__':
    main()
