#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the seeds of the reader of statistics: tests/data/statistics.

usage: make_statistics_fixtures.py ORK"""
import pathlib
import struct
import subprocess
import sys
import tempfile

NET = """graph "net" canon {
  input %0 "x" f32[1x2x3x3]
  const %1 "w" f32[2x2x1x1] random 1
  %2 "y" f32[1x2x3x3] = conv2d(%0, %1, _) stride [1 1] dilation [1 1] groups 1
  output %2
}
"""


def main():
    ork = pathlib.Path(sys.argv[1]).resolve()
    target = pathlib.Path(__file__).resolve().parent / 'statistics'
    target.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / 'net.txt').write_text(NET)
        header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1, 3, 3, 2), }"
        header += b' ' * (117 - len(header)) + b'\n'
        for i in range(3):
            (folder / f'{i}.npy').write_bytes(b'\x93NUMPY\x01\x00' + struct.pack('<H', len(header)) + header +
                                              bytes((k * 37 + i * 101) % 256 for k in range(18)))
        (folder / 'list.txt').write_text('0.npy\n1.npy\n2.npy\n')

        def calibrate(name, *arguments):
            subprocess.run([ork, 'calibrate', folder / 'net.txt', '-d', folder / 'list.txt', '-o',
                            target / name, '-q', *arguments], check=True)
        calibrate('whole')
        calibrate('extremes', '--vendor-exact')
        calibrate('share', '--shard', '1/2')


if __name__ == '__main__':
    main()
