# SPDX-License-Identifier: Apache-2.0
"""python3 -m rknn.bin.visualization: the graphical page. Not available yet."""
import sys

from rknn.api import RKNN


def main():
    with RKNN() as rknn:
        rknn._not_yet(None, 'visualization')
        return rknn.last_error.exit_code


if __name__ == '__main__':
    sys.exit(main())
