#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Quantizes the vendor's example network and compares every number with the vendor's own .rknn.

usage: vendor_mnist.py ORK

Both lie in $ORK_SHARED/models/vendor; without them the test is skipped.

Weights, their scales and zero points must be equal bit for bit. Which picture the vendor calibrated
with is not known, so the ranges of activations differ: biases, whose scale contains that of the
input, are compared as round(bias / (the vendor's scale)).
"""
import os
import re
import struct
import subprocess
import sys
import tempfile

CONSTANT = re.compile(r'const %\d+ "([^"]*)" (\w+)\[([^\]]*)\](?:\{(\S+) (\S+)\})? \[([^\]]*)\]')


def constants(ork, path, *more):
    text = subprocess.run([ork, 'info', '--graph', '--constants', path, *more], check=True,
                          capture_output=True, text=True).stdout
    return [(kind, shape, scale, zero, numbers.split())
            for _, kind, shape, scale, zero, numbers in CONSTANT.findall(text)], text


def single(number):
    return struct.unpack('f', struct.pack('f', number))[0]


def half_away(number):
    return int(abs(number) + 0.5) * (1 if number >= 0 else -1)


def compare(ours, vendors, floats):
    """Yields what was compared, how many numbers, how many differ."""
    for own, theirs, real in zip(ours, vendors, floats):
        kind, shape, scale, zero, numbers = theirs
        if kind == 'u8':
            yield 'weights ' + shape, len(numbers), sum(a != b for a, b in zip(own[4], numbers))
            yield 'their scale and zero point', 2, (own[2] != scale) + (own[3] != zero)
        else:
            step = single(float(scale))
            wanted = [half_away(float(b) / step) for b in real[4]]
            yield 'biases ' + shape, len(numbers), sum(a != int(b) for a, b in zip(wanted, numbers))


def main():
    ork, folder = sys.argv[1], os.environ.get('ORK_SHARED', '') + '/models/vendor'
    if not os.path.exists(folder + '/mnist.rknn'):
        print('skipped: no $ORK_SHARED/models/vendor')
        return 77
    with tempfile.TemporaryDirectory() as scratch:
        with open(scratch + '/zero.npy', 'wb') as file:
            header = "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 28, 28, 1), }"
            header = header.ljust(117) + '\n'
            file.write(b'\x93NUMPY\x01\x00' + struct.pack('<H', len(header)) + header.encode())
            file.write(bytes(i % 256 for i in range(784)))
        with open(scratch + '/list.txt', 'w') as file:
            file.write('zero.npy\n')
        subprocess.run([ork, 'convert', folder + '/mnist.onnx', '--dataset', scratch + '/list.txt',
                        '-o', scratch + '/own.rknn', '--target', 'rv1126', '--vendor-exact', '--quiet'], check=True)
        ours, own_text = constants(ork, scratch + '/own.rknn')
    vendors, vendor_text = constants(ork, folder + '/mnist.rknn')
    floats, _ = constants(ork, folder + '/mnist.onnx')
    different = 0
    for what, count, wrong in compare(ours, vendors, floats):
        print('%-32s %6d numbers, %d differ' % (what, count, wrong))
        different += wrong
    for line in ('linear', 'sigmoid'):
        a, b = (re.findall(r'u8\[1x10\](\{\S+ \S+\}) = %s' % line, text)
                for text in (own_text, vendor_text))
        print('%-32s %s, the vendor\'s %s' % ('output of the last ' + line, a, b))
        different += a != b
    return 1 if different or len(ours) != len(vendors) else 0


if __name__ == '__main__':
    sys.exit(main())
