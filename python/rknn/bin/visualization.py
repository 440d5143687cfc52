# SPDX-License-Identifier: Apache-2.0
"""python3 -m rknn.bin.visualization: the page in a browser, which `ork gui` serves."""
import os
import shutil
import sys


def main():
    ork = os.environ.get('ORK_PROGRAM') or shutil.which('ork')
    if not ork:
        print('E the program ork is not installed, which serves the page\n'
              'E fix:   put it on the PATH, or name it in ORK_PROGRAM', file=sys.stderr)
        return 8
    os.execv(ork, ['ork', 'gui', *sys.argv[1:]])


if __name__ == '__main__':
    sys.exit(main())
