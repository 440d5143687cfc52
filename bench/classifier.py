#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a small classifier and labelled pictures, to measure quantizers on.

  python3 bench/classifier.py FOLDER [--epochs 14] [--train 6000]

Twelve kinds of figures (bars, rings, stars, checks ...) of random size, place, turn and colours are
drawn on random grounds under noise and blur, and a MobileNetV2 of torchvision, narrowed to 42 thousand
weights, is trained to tell them apart: some minutes. What comes out is the same on
every run of the same PyTorch.

FOLDER gets shapes.onnx, shapes.pt, calibration.txt with calibration/ (200 pictures), and validation/
with a folder of 100 pictures for each kind.

Needs numpy, OpenCV, torch and torchvision."""
import argparse
import pathlib

import cv2
import numpy
import torch
from torchvision.models.mobilenetv2 import MobileNetV2

SIZE = 32
KINDS = ['bar', 'two_bars', 'cross', 'ring', 'disc', 'triangle', 'square', 'star', 'check', 'stripes',
         'arc', 'dots']
MEAN, STD = 127.5, 64.0


# ---- pictures ----

def polygon(points):
    return lambda canvas: cv2.fillPoly(canvas, [numpy.round(points * 16).astype(numpy.int32)], 255,
                                       cv2.LINE_AA, 4)


def turned(points, random, radius, centre):
    angle = random.uniform(0, 2 * numpy.pi)
    turn = numpy.array([[numpy.cos(angle), -numpy.sin(angle)], [numpy.sin(angle), numpy.cos(angle)]])
    return numpy.asarray(points) @ turn.T * radius + centre


def corners(count, inner=1.0):
    turns = numpy.arange(count * 2) * numpy.pi / count
    radii = numpy.where(numpy.arange(count * 2) % 2, inner, 1.0)
    return numpy.stack([radii * numpy.cos(turns), radii * numpy.sin(turns)], 1)


def box(width, height, x=0.0, y=0.0):
    return numpy.array([[-width, -height], [width, -height], [width, height], [-width, height]]) + [x, y]


def draw(kind, random):
    """The figure as coverage, 0 to 1."""
    canvas = numpy.zeros((SIZE, SIZE), numpy.uint8)
    radius = random.uniform(0.27, 0.42) * SIZE
    centre = random.uniform(radius * 0.8, SIZE - radius * 0.8, 2)
    centre_16, radius_16 = tuple(int(v * 16) for v in centre), int(radius * 16)
    width = max(1, int(radius * random.uniform(0.18, 0.3)))
    state = random.bit_generator.state  # one turn for all pieces of a figure

    def piece(points):
        random.bit_generator.state = state
        polygon(turned(points, random, radius, centre))(canvas)

    if kind == 'bar':
        piece(box(1, 0.2))
    elif kind == 'two_bars':
        piece(box(1, 0.16, 0, 0.4)), piece(box(1, 0.16, 0, -0.4))
    elif kind == 'cross':
        piece(box(1, 0.2)), piece(box(0.2, 1))
    elif kind == 'ring':
        cv2.circle(canvas, centre_16, radius_16, 255, width, cv2.LINE_AA, 4)
    elif kind == 'disc':
        cv2.circle(canvas, centre_16, radius_16, 255, -1, cv2.LINE_AA, 4)
    elif kind == 'triangle':
        piece(corners(3)[::2])
    elif kind == 'square':
        piece(box(0.75, 0.75))
    elif kind == 'star':
        piece(corners(5, 0.42))
    elif kind == 'check':
        for i in range(4):
            for k in range(4):
                if (i + k) % 2:
                    piece(box(0.22, 0.22, i * 0.45 - 0.68, k * 0.45 - 0.68))
    elif kind == 'stripes':
        for i in range(4):
            piece(box(0.9, 0.11, 0, i * 0.5 - 0.75))
    elif kind == 'arc':
        start = random.uniform(0, 360)
        cv2.ellipse(canvas, centre_16, (radius_16, radius_16), 0, start, start + random.uniform(120, 230),
                    255, width, cv2.LINE_AA, 4)
    else:
        for turn in numpy.arange(5) * 2 * numpy.pi / 5:
            spot = centre + 0.75 * radius * numpy.array([numpy.cos(turn), numpy.sin(turn)])
            cv2.circle(canvas, tuple(int(v * 16) for v in spot), int(radius * 3.2), 255, -1, cv2.LINE_AA, 4)
    return canvas.astype(numpy.float32) / 255


def picture(kind, random):
    cover = draw(kind, random)[..., None]
    light = random.uniform(0, 255, 3).astype(numpy.float32)
    ground = cv2.resize((light + random.uniform(60, 195, (2, 2, 3))) % 255, (SIZE, SIZE)).astype(numpy.float32)
    image = ground * (1 - cover) + light * cover
    for _ in range(random.integers(0, 2)):
        ends = random.integers(0, SIZE, 4)
        cv2.line(image, tuple(map(int, ends[:2])), tuple(map(int, ends[2:])),
                 tuple(map(float, random.uniform(0, 255, 3))), 1, cv2.LINE_AA)
    image = cv2.GaussianBlur(image, (0, 0), random.uniform(0.2, 0.5))
    image += random.normal(0, random.uniform(2, 14), image.shape).astype(numpy.float32)
    return numpy.clip(image, 0, 255).astype(numpy.uint8)


def pictures(count, seed):
    random = numpy.random.default_rng(seed)
    labels = numpy.arange(count) % len(KINDS)
    return numpy.stack([picture(KINDS[label], random) for label in labels]), labels


# ---- the network ----

def network():
    setting = [[1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 2, 2], [6, 64, 2, 1]]
    model = MobileNetV2(num_classes=len(KINDS), width_mult=0.5, inverted_residual_setting=setting)
    last = model.features[-1]
    last[0] = torch.nn.Conv2d(last[0].in_channels, 128, 1, bias=False)
    last[1] = torch.nn.BatchNorm2d(128)
    model.classifier = torch.nn.Linear(128, len(KINDS))
    return model


def tensor(images):
    return (torch.from_numpy(images).permute(0, 3, 1, 2).float() - MEAN) / STD


def train(model, images, labels, epochs, batch=64):
    steps = epochs * (len(images) // batch)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 6e-3, total_steps=steps)
    for epoch in range(epochs):
        model.train()
        order, total = torch.randperm(len(images)), 0.0
        for begin in range(0, len(order) - batch + 1, batch):
            chosen = order[begin:begin + batch].numpy()
            loss = torch.nn.functional.cross_entropy(model(tensor(images[chosen])),
                                                     torch.from_numpy(labels[chosen]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss)
        print(f'epoch {epoch + 1}: loss {total / (len(images) // batch):.4f}', flush=True)


def score(model, images, labels):
    model.eval()
    with torch.no_grad():
        found = torch.cat([model(tensor(images[i:i + 200])).argmax(1) for i in range(0, len(images), 200)])
    return float((found.numpy() == labels).mean())


# ---- files ----

def write_pictures(folder):
    images, _ = pictures(200, 2)
    (folder / 'calibration').mkdir(parents=True, exist_ok=True)
    for i, image in enumerate(images):
        cv2.imwrite(str(folder / f'calibration/{i:03d}.png'), image)
    (folder / 'calibration.txt').write_text(''.join(f'calibration/{i:03d}.png\n'
                                                    for i in range(len(images))))
    images, labels = pictures(100 * len(KINDS), 3)
    for i, (image, label) in enumerate(zip(images, labels)):
        place = folder / 'validation' / f'{label:02d}'
        place.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(place / f'{i:04d}.png'), image)
    return images, labels


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('folder', type=pathlib.Path)
    parser.add_argument('--epochs', type=int, default=14)
    parser.add_argument('--train', type=int, default=6000)
    args = parser.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(1)  # the same sums everywhere
    model = network()
    print(sum(p.numel() for p in model.parameters()), 'weights')
    train(model, *pictures(args.train, 1), args.epochs)
    images, labels = write_pictures(args.folder)
    print(f'top-1 {score(model, images, labels):.4f}')
    example = torch.zeros(1, 3, SIZE, SIZE)
    torch.jit.trace(model, example).save(str(args.folder / 'shapes.pt'))
    torch.onnx.export(model, example, str(args.folder / 'shapes.onnx'), opset_version=13,
                      input_names=['x'], output_names=['scores'])


if __name__ == '__main__':
    main()
