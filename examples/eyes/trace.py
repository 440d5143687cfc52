# SPDX-License-Identifier: Apache-2.0
"""Turns trained weights into the traced file that the converter reads.

    python3 trace.py eyes.pth eyes.pt
"""
import argparse

import torch

from evaluate import SIZE
from model import EyeDetector


def main():
    parser = argparse.ArgumentParser(description="Trace the eye detector.")
    parser.add_argument("weights", help="state dictionary written by train.py")
    parser.add_argument("out", help="traced file to write")
    args = parser.parse_args()
    network = EyeDetector()
    network.load_state_dict(torch.load(args.weights, map_location="cpu"))
    network.eval()
    torch.jit.trace(network, torch.rand(1, 3, SIZE, SIZE)).save(args.out)


if __name__ == "__main__":
    main()
