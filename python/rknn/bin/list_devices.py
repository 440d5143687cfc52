# SPDX-License-Identifier: Apache-2.0
"""python3 -m rknn.bin.list_devices: the boards that are connected."""
import sys

from rknn.api import RKNN


def main():
    with RKNN() as rknn:
        rknn.list_devices()
        return rknn.last_error.exit_code if rknn.last_error else 0


if __name__ == '__main__':
    sys.exit(main())
