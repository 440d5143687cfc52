#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of the fuzz targets of boards: board/ (what hosts send), host/ (what boards answer)
and adb/ (what adb servers answer). See the targets in tests/fuzz."""
import pathlib
import struct

HERE = pathlib.Path(__file__).resolve().parent
HELLO, WELCOME, LOAD, READY, RUN, RESULT, LAYER, ERROR = range(1, 9)


def text(value):
    return struct.pack('<H', len(value)) + value.encode()


def frame(kind, body):
    return b'ORKW' + struct.pack('<IQ', kind, len(body)) + body


def pieces(*frames):
    return b'#' + b''.join(struct.pack('<BH', kind, len(body)) + body for kind, body in frames)


def load(layers=0, family=0):
    return LOAD, struct.pack('<III', family, 1, layers)


def run(data, dims, dtype=4, flags=1):
    dims = (*dims, *[0] * (8 - len(dims)))
    return RUN, (struct.pack('<IBBBB8qQ', 1, dtype, flags, 4, 0, *dims, len(data)) + data)


def layer(name, numbers):
    return LAYER, text(name) + struct.pack('<BQ%df' % len(numbers), 1, len(numbers), *numbers)


HELLO_BODY = struct.pack('<I', 1) + text('token') + text('0.1.0')
WELCOME_BODY = struct.pack('<I', 1) + text('0.1.0') + text('aarch64') + text('rockchip,rk1808') + struct.pack('<I', 2)
READY_BODY = struct.pack('<IIIQQQ', 1, 1, 2, 100, 200, 4)
ERROR_BODY = text('E0702') + text('what') + text('where') + text('why') + text('fix')
RESULT_FRAME = (RESULT, struct.pack('<Q', 1000) + b'\1\2\3\4')
PIXELS = bytes(range(48))

SEEDS = {
    'board/greeting': frame(HELLO, HELLO_BODY),
    'board/later': frame(HELLO, struct.pack('<I', 2) + HELLO_BODY[4:]),
    'board/load': frame(HELLO, HELLO_BODY) + frame(LOAD, struct.pack('<III', 0, 1, 0) + b'RKNN\0\0\0\0'),
    'board/run': pieces(load(), run(PIXELS, (1, 4, 4, 3)), run(PIXELS, (1, 3, 4, 4), flags=0)),
    'board/layers': pieces(load(layers=1, family=1), run(PIXELS, (1, 4, 4, 3), flags=3)),
    'board/floats': pieces(load(), run(struct.pack('<48f', *range(48)), (1, 4, 4, 3), dtype=0)),
    'board/wrong': pieces(load(), run(PIXELS, (1, 4, 4, 4)), run(PIXELS, (1, 4, 4, 3), dtype=7), load(), (9, b'')),
    'host/whole': frame(WELCOME, WELCOME_BODY) + frame(READY, READY_BODY) + frame(*RESULT_FRAME) * 2,
    'host/error': frame(ERROR, ERROR_BODY),
    'host/layers': pieces(layer('x', [1, 2]), layer('r', [0.5] * 4), RESULT_FRAME, layer('x', []), RESULT_FRAME),
    'host/refused': pieces((ERROR, ERROR_BODY), RESULT_FRAME),
    'host/short': pieces((RESULT, b'\0' * 9)),
    'adb/list': b'\0OKAY0020ABC device usb:1 model:RK1808 x:1',
    'adb/none': b'\0OKAY0000',
    'adb/failure': b'\0FAIL000bno such dev',
    'adb/sent': b'\1OKAY\0\0\0\0',
    'adb/full': b'\1FAIL' + struct.pack('<I', 13) + b'no space left',
    'adb/lines': b'\2A  device model:M\nB\toffline\nC no permissions (udev); see [http] usb:1\n* daemon\n\n',
}

for name, data in SEEDS.items():
    path = HERE / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
