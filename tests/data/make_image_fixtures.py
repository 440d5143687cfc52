#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/data/image, small pictures in every form that we read, and tests/data/image_expected:
what cv2.imread makes of each (NAME.rgb and NAME.gray, raw), and what OpenCV makes of resizing,
letterboxes and camera formats on bytes that the C tests make themselves with the same generator.
Needs cv2 4, numpy and PIL."""
import io
import os
import struct
import sys
import zlib

import cv2
import numpy as np
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
PICTURES, EXPECTED = os.path.join(HERE, "image"), os.path.join(HERE, "image_expected")
WIDTH, HEIGHT = 23, 17


def noise(count):
    """The generator of the C tests."""
    values, state = np.empty(count, np.uint8), 1
    for i in range(count):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        values[i] = state >> 24
    return values


def scene():
    """Smooth colours, an edge and some noise, RGB."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    picture = np.stack([x * 11, y * 15, (x + y) * 6], 2).astype(np.int32)
    picture[4:9, 5:14] = (250, 40, 10)
    picture += noise(picture.size).reshape(picture.shape) % 16
    return np.clip(picture, 0, 255).astype(np.uint8)


def save(name, data, folder=EXPECTED):
    with open(os.path.join(folder, name), "wb") as out:
        out.write(data)


def save_picture(name, data):
    save(name, data, PICTURES)
    path = os.path.join(PICTURES, name)
    colour, gray = cv2.imread(path, cv2.IMREAD_COLOR), cv2.imread(path, cv2.IMREAD_GRAYSCALE)
    if colour is None or gray is None:
        sys.exit(f"cv2 does not read {name}")
    save(name + ".rgb", colour[:, :, ::-1].tobytes())
    save(name + ".gray", gray.tobytes())


def encoded(picture, kind, **options):
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def jpegs(picture):
    for name, options in {
        "420.jpg": {"subsampling": 2},
        "422.jpg": {"subsampling": 1},
        "444.jpg": {"subsampling": 0},
        "progressive.jpg": {"progressive": True},
    }.items():
        save_picture(name, encoded(picture, "JPEG", quality=85, **options))
    save_picture("gray.jpg", encoded(picture.convert("L"), "JPEG"))
    save_picture("cmyk.jpg", encoded(picture.convert("CMYK"), "JPEG"))
    for orientation in range(2, 9):
        exif = Image.Exif()
        exif[0x112] = orientation
        save_picture(f"exif{orientation}.jpg", encoded(picture, "JPEG", exif=exif.tobytes()))


def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def interlaced_png(pixels):
    """Adam7 by hand: neither cv2 nor PIL writes it."""
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
              (0, 1, 1, 2)]
    raw = b""
    for left, top, step_x, step_y in passes:
        for row in pixels[top::step_y, left::step_x]:
            raw += b"\0" + row.tobytes()
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 8, 2, 0, 0, 1)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) +
            chunk(b"IEND", b""))


def pngs(picture, pixels):
    save_picture("rgb.png", encoded(picture, "PNG"))
    save_picture("gray.png", encoded(picture.convert("L"), "PNG"))
    save_picture("palette.png", encoded(picture.quantize(100), "PNG"))
    save_picture("palette4.png", encoded(picture.quantize(11), "PNG", bits=4, transparency=3))
    save_picture("bits1.png", encoded(picture.convert("1"), "PNG"))
    save_picture("gray_alpha.png", encoded(picture.convert("LA"), "PNG"))
    with_alpha = picture.convert("RGBA")
    with_alpha.putalpha(picture.convert("L"))
    save_picture("rgba.png", encoded(with_alpha, "PNG"))
    save("rgba.png.rgba", with_alpha.tobytes())
    deep = pixels[:, :, ::-1].astype(np.uint16) * 257 + 100
    save_picture("deep.png", cv2.imencode(".png", deep)[1].tobytes())
    save_picture("deep_gray.png", cv2.imencode(".png", deep[:, :, 0])[1].tobytes())
    save_picture("interlaced.png", interlaced_png(pixels))
    exif = Image.Exif()
    exif[0x112] = 6
    save_picture("exif6.png", encoded(picture, "PNG", exif=exif.tobytes()))


def bmp(width, height, bits, compression, palette, data):
    offset = 54 + len(palette)
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(data), 0, 0,
                         len(palette) // 4, 0)
    return b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + header + palette + data


def padded(row):
    return row + b"\0" * (-len(row) % 4)


def rle8(indices):
    """Runs, literals, and the end of the last line left out by a jump."""
    out = b""
    for number, row in enumerate(indices):
        out += bytes([0, 5]) + row[:5].tobytes() + b"\0"
        for value in row[5:-3]:
            out += bytes([1, value])
        if number == len(indices) - 1:
            return out + bytes([0, 2, 3, 0, 0, 1])
        out += bytes([2, row[-3], 1, row[-1], 0, 0])
    return out


def bmps(picture, pixels):
    save_picture("24.bmp", encoded(picture, "BMP"))
    save_picture("1.bmp", encoded(picture.convert("1"), "BMP"))
    save_picture("8gray.bmp", encoded(picture.convert("L"), "BMP"))
    bgr = pixels[:, :, ::-1]
    save_picture("top_down.bmp",
                 bmp(WIDTH, -HEIGHT, 24, 0, b"", b"".join(padded(r.tobytes()) for r in bgr)))
    with_alpha = np.concatenate([bgr, np.full((HEIGHT, WIDTH, 1), 9, np.uint8)], 2)
    save_picture("32.bmp", bmp(WIDTH, HEIGHT, 32, 0, b"", with_alpha[::-1].tobytes()))
    small = picture.quantize(16)
    colours = np.array(small.getpalette()[: 16 * 3], np.uint8)
    colours = np.pad(colours, (0, 48 - len(colours))).reshape(16, 3)
    palette = b"".join(bytes([b, g, r, 0]) for r, g, b in colours)
    indices = np.array(small)[::-1]
    even = np.pad(indices, ((0, 0), (0, 1)))
    nibbles = even[:, 0::2] << 4 | even[:, 1::2]
    save_picture("4.bmp", bmp(WIDTH, HEIGHT, 4, 0, palette,
                              b"".join(padded(r.tobytes()) for r in nibbles)))
    save_picture("8.bmp", bmp(WIDTH, HEIGHT, 8, 0, palette,
                              b"".join(padded(r.tobytes()) for r in indices)))
    save_picture("rle8.bmp", bmp(WIDTH, HEIGHT, 8, 1, palette, rle8(indices)))
    old = struct.pack("<IHHHH", 12, WIDTH, HEIGHT, 1, 24)
    data = b"".join(padded(r.tobytes()) for r in bgr[::-1])
    save_picture("old_header.bmp", b"BM" + struct.pack("<IHHI", 26 + len(data), 0, 0, 26) + old + data)


def resizes():
    for channels in (1, 3, 4):
        source = noise(37 * 29 * channels).reshape(29, 37, channels)
        for width, height in ((53, 41), (37, 29), (18, 14), (13, 31), (74, 3), (1, 1)):
            result = cv2.resize(source, (width, height), interpolation=cv2.INTER_LINEAR)
            save(f"resize_{channels}_{width}x{height}.bin", result.tobytes())


def letterboxes():
    source = noise(51 * 37 * 3).reshape(37, 51, 3)
    for size in (40, 48):
        scale = min(size / 51, size / 37)
        width, height = int(51 * scale), int(37 * scale)
        inner = cv2.resize(source, (width, height), interpolation=cv2.INTER_LINEAR)
        top, left = (size - height) // 2, (size - width) // 2
        centred = cv2.copyMakeBorder(inner, top, size - height - top, left, size - width - left,
                                     cv2.BORDER_CONSTANT, value=(128, 128, 128))
        save(f"letterbox_centre_{size}.bin", centred.tobytes())
        corner = np.full((size, size, 3), 114, np.uint8)
        corner[:height, :width] = inner
        save(f"letterbox_corner_{size}.bin", corner.tobytes())


def cameras():
    yuyv = noise(64 * 20 * 2).reshape(20, 64, 2)
    save("yuyv.rgb", cv2.cvtColor(yuyv, cv2.COLOR_YUV2RGB_YUYV).tobytes())
    nv12 = noise(64 * 30).reshape(30, 64)
    save("nv12.rgb", cv2.cvtColor(nv12, cv2.COLOR_YUV2RGB_NV12).tobytes())


def main():
    for folder in (PICTURES, EXPECTED):
        os.makedirs(folder, exist_ok=True)
    pixels = scene()
    picture = Image.fromarray(pixels)
    jpegs(picture)
    pngs(picture, pixels)
    bmps(picture, pixels)
    resizes()
    letterboxes()
    cameras()


main()
