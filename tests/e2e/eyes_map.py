#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The sample detector must find in u8 what it finds in float: AP50 on its labelled test pictures.

  python3 tests/e2e/eyes_map.py build/cli/ork examples/eyes [LEAST [DROP]]"""
import json
import pathlib
import subprocess
import sys
import tempfile

CONVERT = ['--input-size', '3x416x416', '--mean', '123.675 116.28 103.53',
           '--std', '58.395 57.12 57.375', '--reorder', '2 1 0', '-q']
EVALUATE = ['--letterbox', 'center', '--bgr', '--agnostic', '--nms', '0.3', '--json']


def main():
    ork, eyes = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
    least = float(sys.argv[3]) if len(sys.argv) > 3 else 0.9
    drop = float(sys.argv[4]) if len(sys.argv) > 4 else 0.02
    with tempfile.TemporaryDirectory() as name:
        models = [pathlib.Path(name) / 'float.rknn', pathlib.Path(name) / 'u8.rknn']
        for model, options in zip(models, ([], ['--quantize', 'u8', '--dataset', eyes / 'calibration.txt'])):
            subprocess.run([ork, 'convert', eyes / 'eyes.pt', '-o', model, *CONVERT, *options], check=True)
        result = subprocess.run([ork, 'eval', *models, '-a', eyes / 'test.json', *EVALUATE],
                                check=True, capture_output=True, text=True).stdout
    plain, quantized = (model['figures']['AP50'] for model in json.loads(result)['models'])
    print(f'AP50 float: {plain:.4f}\nAP50 u8: {quantized:.4f}')
    good = plain >= least and quantized >= plain - drop
    print('ok' if good else 'not ok')
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
