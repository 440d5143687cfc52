# SPDX-License-Identifier: Apache-2.0
"""Draws pictures of eyes together with their ground truth.

Every picture depends only on (seed, index). An open eye gives an iris box and a pupil box,
a closed eye gives a shut-eye box. Boxes of the iris and the pupil enclose the whole ellipse,
also where an eyelid hides a part of it.

    python3 render.py --count 40 --seed 2 --out test --json test.json
"""
import argparse
import json
import os

import cv2
import numpy as np

CLASSES = ("iris", "pupil", "shut-eye")
IRIS, PUPIL, SHUT_EYE = range(3)
SIZES = ((480, 360), (640, 480), (640, 360), (360, 480), (800, 600))  # width, height

SKIN = ((255, 224, 200), (241, 194, 160), (224, 172, 130), (198, 134, 96), (141, 85, 56), (92, 58, 42))
IRIS_COLOURS = ((92, 56, 28), (120, 74, 36), (132, 104, 56), (96, 120, 72), (84, 124, 164), (120, 150, 176))
HAIR = ((24, 20, 18), (54, 36, 24), (110, 74, 40), (190, 150, 90), (150, 150, 150), (120, 50, 24))
NETWORK_SIZE = 416
MIN_EYE = 42  # smallest eye width in pixels of the network's input


# ---- helpers; the canvas is float32 RGB in 0..1 -------------------------------------------


def colour(rng, table, jitter=0.012):
    base = np.array(table[rng.integers(len(table))], np.float32) / 255
    return np.clip(base * (1 + rng.uniform(-0.15, 0.15)) + rng.normal(0, jitter, 3), 0, 1).astype(np.float32)


def blend(canvas, mask, value):
    """Paints value (a colour or a picture) through a mask in 0..1."""
    rows = np.flatnonzero(mask.any(1))
    if not len(rows):
        return
    rows = slice(rows[0], rows[-1] + 1)  # most masks are much smaller than the canvas
    value = np.asarray(value, np.float32)
    area = canvas[rows]
    area += mask[rows, :, None].astype(np.float32) * ((value[rows] if value.ndim == 3 else value) - area)


def step(distance, softness=1.0):
    """0 where distance is negative, 1 where positive, smooth over a few pixels."""
    return np.clip(distance / softness + 0.5, 0, 1)


def smooth_noise(rng, shape, cell):
    """Low frequency noise in -1..1."""
    h, w = shape
    grid = rng.uniform(-1, 1, (max(2, int(h / cell) + 2), max(2, int(w / cell) + 2))).astype(np.float32)
    return cv2.resize(grid, (w, h), interpolation=cv2.INTER_CUBIC)


def strokes(shape, lines, thickness):
    """Mask of polylines; each line is an array of points (x, y)."""
    mask = np.zeros(shape, np.uint8)
    points = [np.round(np.asarray(line) * 8).astype(np.int32) for line in lines]
    cv2.polylines(mask, points, False, 255, max(1, int(round(thickness))), cv2.LINE_AA, 3)
    return mask.astype(np.float32) / 255


def ellipse_mask(shape, centre, axes, angle, softness=1.5):
    mask = np.zeros(shape, np.float32)
    reach = max(axes) + softness
    x1, y1 = np.clip(np.floor(np.subtract(centre, reach)), 0, shape[::-1]).astype(int)
    x2, y2 = np.clip(np.ceil(np.add(centre, reach)), 0, shape[::-1]).astype(int)
    y, x = np.ogrid[y1:y2, x1:x2]
    c, s = np.cos(angle), np.sin(angle)
    dx, dy = (x - centre[0]).astype(np.float32), (y - centre[1]).astype(np.float32)
    r = np.sqrt(((dx * c + dy * s) / axes[0]) ** 2 + ((dy * c - dx * s) / axes[1]) ** 2)
    mask[y1:y2, x1:x2] = step((1 - r) * min(axes), softness)
    return mask


# ---- one eye ------------------------------------------------------------------------------


class Eye:
    """An eye with its own axes: u runs from corner (-0.5) to corner (0.5), v points down."""

    def __init__(self, rng, centre, width, angle, shut, look, skin, mirror):
        self.centre = np.asarray(centre, np.float32)
        self.width, self.angle, self.shut, self.skin = width, angle, shut, skin
        self.mirror = -1 if mirror else 1
        self.up = rng.uniform(0.17, 0.28)
        self.low = rng.uniform(0.08, 0.15)
        self.sag = rng.uniform(0.0, 0.12)  # how far a closed lid bends down
        self.skew = rng.uniform(-0.25, 0.25)
        self.iris_colour = colour(rng, IRIS_COLOURS)
        radius = rng.uniform(0.185, 0.225)
        # The ratio stays below 0.5: with it the boxes of iris and pupil overlap by an IoU
        # of at most 0.25, and a class-blind NMS at 0.3 keeps both.
        self.pupil_ratio = rng.uniform(0.32, 0.49)
        self.gaze = np.array([np.clip(look[0], -1, 1) * 0.17, self.clip_gaze(look[1] * 0.12, radius)], np.float32)
        shrink = np.clip(1 - 3.0 * (self.gaze / 0.5) ** 2, 0.75, 1)  # foreshortening
        self.iris_axes = (radius * shrink[0], radius * shrink[1])

    def clip_gaze(self, v, radius):
        """Keeps the pupil between the lids."""
        margin = 0.7 * radius * self.pupil_ratio
        return float(np.clip(v, -self.up * 0.75 + margin, self.low * 0.85 - margin))

    def upper(self, u):
        bow = np.clip(1 - 4 * u * u, 0, 1)
        return -self.up * bow ** 0.75 * (1 + self.skew * u)

    def lower(self, u):
        return self.low * np.clip(1 - 4 * u * u, 0, 1) ** 0.85

    def closed(self, u):
        return self.sag * np.clip(1 - 4 * u * u, 0, 1) + 0.02

    def to_picture(self, u, v):
        c, s = np.cos(self.angle), np.sin(self.angle)
        u = np.asarray(u) * self.mirror
        v = np.asarray(v)
        x = self.centre[0] + self.width * (u * c - v * s)
        y = self.centre[1] + self.width * (u * s + v * c)
        return np.stack(np.broadcast_arrays(x, y), -1)

    def ellipse_box(self, ratio):
        """x1 y1 x2 y2 around the iris scaled by ratio."""
        a, b = self.iris_axes[0] * ratio * self.width, self.iris_axes[1] * ratio * self.width
        c, s = np.cos(self.angle), np.sin(self.angle)
        half = np.array([np.hypot(a * c, b * s), np.hypot(a * s, b * c)])
        centre = self.to_picture(*self.gaze)
        return np.concatenate((centre - half, centre + half))

    def boxes(self):
        if self.shut:
            u = np.linspace(-0.5, 0.5, 9)
            v = self.closed(u)
            points = np.concatenate((self.to_picture(u, v - 0.10), self.to_picture(u, v + 0.10)))
            return [(SHUT_EYE, np.concatenate((points.min(0), points.max(0))))]
        return [(IRIS, self.ellipse_box(1)), (PUPIL, self.ellipse_box(self.pupil_ratio))]

    def reach(self):
        """Square around everything drawn for the eye."""
        return np.concatenate((self.centre - 1.0 * self.width, self.centre + 1.0 * self.width))

    # -- drawing --

    def draw(self, rng, canvas, hair, light):
        h, w = canvas.shape[:2]
        x1, y1, x2, y2 = np.round(self.reach()).astype(int)
        x1, y1, x2, y2 = max(x1, 0), max(y1, 0), min(x2, w), min(y2, h)
        if x2 - x1 < 4 or y2 - y1 < 4:
            return
        area = canvas[y1:y2, x1:x2]
        y, x = np.mgrid[y1:y2, x1:x2].astype(np.float32)
        dx, dy = (x - self.centre[0]) / self.width, (y - self.centre[1]) / self.width
        c, s = np.cos(self.angle), np.sin(self.angle)
        u, v = (dx * c + dy * s) * self.mirror, -dx * s + dy * c
        self.draw_socket(rng, area, u, v)
        if self.shut:
            self.draw_closed(rng, area, u, v, (x1, y1))
        else:
            self.draw_open(rng, area, u, v, light)
        self.draw_lashes(rng, area, (x1, y1), hair)
        if rng.random() < 0.85:
            self.draw_brow(rng, area, (x1, y1), hair)

    def draw_socket(self, rng, area, u, v):
        depth = rng.uniform(0.08, 0.32)
        hollow = np.exp(-((u + 0.35) / 0.35) ** 2 - ((v + 0.12) / 0.28) ** 2)
        hollow += 0.6 * np.exp(-(u / 0.5) ** 2 - ((v - 0.30) / 0.12) ** 2)
        makeup = colour(rng, ((90, 60, 60), (60, 50, 80), (110, 70, 50)))
        blend(area, np.clip(depth * hollow, 0, 1), makeup if rng.random() < 0.3 else self.skin * 0.35)
        crease_v = (self.closed(u) if self.shut else self.upper(u)) - rng.uniform(0.07, 0.12)
        inside = step(0.52 - np.abs(u), 0.1)
        crease = np.exp(-((v - crease_v) / rng.uniform(0.012, 0.03)) ** 2) * inside
        blend(area, np.clip(rng.uniform(0.1, 0.6) * crease, 0, 1), self.skin * 0.4)

    def draw_open(self, rng, area, u, v, light):
        px = self.width
        bound = step(0.5 - np.abs(u), 2 / px)
        opening = step(v - self.upper(u), 1.5 / px) * step(self.lower(u) - v, 1.5 / px) * bound
        ball = np.empty_like(area)
        white = np.array([0.93, 0.9, 0.88]) * rng.uniform(0.72, 1.05) + rng.uniform(0, 0.05) * np.array([1, -0.6, -0.6])
        ball[:] = np.clip(white, 0, 1)
        ball *= (1 - 0.9 * np.clip(np.abs(u) - 0.1, 0, 1) ** 1.5)[..., None]
        self.draw_iris(rng, ball, u, v, light)
        shade = np.exp(-np.clip(v - self.upper(u), 0, 9) / rng.uniform(0.03, 0.07))
        ball *= (1 - rng.uniform(0.3, 0.7) * shade)[..., None]
        blend(area, opening, np.clip(ball, 0, 1))
        corner = np.exp(-((u + 0.47) / 0.035) ** 2 - (v / 0.03) ** 2)
        blend(area, 0.7 * corner, np.array([0.8, 0.45, 0.42]) * self.skin.max())
        self.draw_rims(rng, area, u, v, bound)

    def draw_rims(self, rng, area, u, v, bound):
        width = rng.uniform(0.012, 0.03)
        upper = np.exp(-((v - self.upper(u)) / width) ** 2) * bound
        lower = np.exp(-((v - self.lower(u)) / (0.6 * width)) ** 2) * bound
        blend(area, np.clip(rng.uniform(0.6, 1.0) * upper, 0, 1), self.skin * 0.15)
        blend(area, np.clip(rng.uniform(0.15, 0.7) * lower, 0, 1), self.skin * 0.3)

    def draw_iris(self, rng, ball, u, v, light):
        px = self.width
        du = (u - self.gaze[0]) / self.iris_axes[0]
        dv = (v - self.gaze[1]) / self.iris_axes[1]
        r = np.hypot(du, dv)
        scale = min(self.iris_axes) * px  # one unit of r in pixels
        # Fibres: noise that depends on the angle, stretched along the radius.
        fibres = rng.uniform(-1, 1, (3, 97)).astype(np.float32)
        theta = (np.arctan2(dv, du) / (2 * np.pi) + 0.5).astype(np.float32) * 95
        row = np.clip(r * 2, 0, 2).astype(np.float32)
        texture = cv2.remap(fibres, theta, row, cv2.INTER_LINEAR)
        tone = self.iris_colour * rng.uniform(0.75, 1.25)
        inner = tone * rng.uniform(0.9, 1.5) + rng.uniform(0, 0.06)
        mix = np.clip((r - self.pupil_ratio) / (1 - self.pupil_ratio), 0, 1)[..., None]
        iris = inner * (1 - mix) + tone * mix
        iris = iris * (1 + rng.uniform(0.05, 0.3) * texture[..., None])
        limbus = np.exp(-((r - 0.97) / rng.uniform(0.06, 0.14)) ** 2)
        iris = iris * (1 - rng.uniform(0.3, 0.8) * limbus)[..., None]
        blend(ball, step((1 - r) * scale, rng.uniform(1, 2.5)), np.clip(iris, 0, 1))
        pupil = step((self.pupil_ratio - r) * scale, rng.uniform(1, 2))
        blend(ball, pupil, tone * 0.08 + rng.uniform(0, 0.03))
        for _ in range(rng.integers(1, 4)):
            self.draw_highlight(rng, ball, du, dv, light)

    def draw_highlight(self, rng, ball, du, dv, light):
        """The reflection of a lamp or a window on the cornea."""
        at = np.asarray(light) * rng.uniform(0.2, 0.6) + rng.normal(0, 0.08, 2)
        a, b = rng.uniform(0.05, 0.17, 2)
        x, y = np.abs(du - at[0]) / a, np.abs(dv - at[1]) / b
        power = rng.choice([2, 2, 6])  # round or square
        spot = np.exp(-np.minimum(x ** power + y ** power, 30))
        blend(ball, rng.uniform(0.5, 1) * spot, np.array([1, 1, rng.uniform(0.9, 1)]))

    def draw_closed(self, rng, area, u, v, origin):
        line = self.closed(u)
        bound = step(0.5 - np.abs(u), 0.08)
        bulge = np.exp(-(u / 0.32) ** 2 - ((v - line + 0.12) / 0.12) ** 2)
        blend(area, np.clip(rng.uniform(0.05, 0.3) * bulge, 0, 1), np.clip(self.skin * 1.2, 0, 1))
        shadow = np.exp(-((v - line - 0.03) / 0.05) ** 2) * bound
        blend(area, np.clip(rng.uniform(0.1, 0.4) * shadow, 0, 1), self.skin * 0.4)
        width = rng.uniform(0.012, 0.028)
        edge = np.exp(-((v - line) / width) ** 2) * bound
        blend(area, np.clip(rng.uniform(0.7, 1) * edge, 0, 1), self.skin * 0.12)

    def draw_lashes(self, rng, area, origin, hair):
        count = rng.integers(8, 36)
        length = rng.uniform(0.04, 0.13)
        lines = []
        for u in np.linspace(-0.38, 0.49, count) + rng.normal(0, 0.008, count):
            v = self.closed(u) if self.shut else self.upper(u)
            down = 1 if self.shut else -1
            reach = length * rng.uniform(0.6, 1.2)
            lean = u * 0.9 * reach
            lines.append([self.to_picture(u, v), self.to_picture(u + lean * 0.4, v + down * reach * 0.6),
                          self.to_picture(u + lean * 1.2, v + down * reach * (1 if not self.shut else 0.9))])
        lines = np.asarray(lines) - np.asarray(origin)
        mask = strokes(area.shape[:2], lines, self.width * rng.uniform(0.006, 0.012))
        blend(area, mask * rng.uniform(0.4, 1), hair * 0.4)

    def draw_brow(self, rng, area, origin, hair):
        lift, arch, thick = rng.uniform(0.42, 0.6), rng.uniform(0, 0.15), rng.uniform(0.03, 0.09)
        count = rng.integers(60, 160)
        t = rng.uniform(-0.55, 0.6, count)
        v = -lift - arch * (1 - (t / 0.6) ** 2) + rng.normal(0, thick * 0.4, count) * np.clip(0.8 - t, 0.2, 1)
        lean = rng.uniform(0.05, 0.1, count)
        lines = np.stack((self.to_picture(t, v), self.to_picture(t + lean, v - 0.3 * lean * (0.6 - t))), 1)
        mask = strokes(area.shape[:2], lines - np.asarray(origin), self.width * rng.uniform(0.008, 0.02))
        blend(area, mask * rng.uniform(0.5, 0.95), hair)


# ---- faces and backgrounds ----------------------------------------------------------------


def draw_background(rng, canvas):
    """Gradients and clutter; circles and rings teach the detector what is not an eye."""
    h, w = canvas.shape[:2]
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    a, b = rng.uniform(0.05, 0.95, (2, 3))
    t = np.clip(x / w * rng.uniform(-1, 1) + y / h * rng.uniform(-1, 1) + 0.5, 0, 1)[..., None]
    canvas[:] = a * (1 - t) + b * t
    canvas += smooth_noise(rng, (h, w), rng.uniform(20, 120))[..., None] * rng.uniform(0, 0.15)
    for _ in range(rng.integers(2, 22)):
        draw_clutter(rng, canvas)
    np.clip(canvas, 0, 1, canvas)


def draw_clutter(rng, canvas):
    h, w = canvas.shape[:2]
    mask = np.zeros((h, w), np.uint8)
    at = (int(rng.integers(w)), int(rng.integers(h)))
    size = int(rng.uniform(4, 0.25 * w))
    kind = rng.integers(6)
    if kind == 0:
        cv2.rectangle(mask, at, (at[0] + size, at[1] + int(rng.uniform(4, 0.3 * h))), 255, -1)
    elif kind == 1:
        cv2.circle(mask, at, size // 3 + 2, 255, -1, cv2.LINE_AA)
    elif kind == 2:
        cv2.circle(mask, at, size // 3 + 2, 255, int(rng.integers(1, 7)), cv2.LINE_AA)
    elif kind == 3:
        end = (int(rng.integers(w)), int(rng.integers(h)))
        cv2.line(mask, at, end, 255, int(rng.integers(1, 9)), cv2.LINE_AA)
    elif kind == 4:
        cv2.fillPoly(mask, [np.int32(np.array(at) + rng.normal(0, size / 2, (5, 2)))], 255, cv2.LINE_AA)
    else:
        word = "".join(chr(c) for c in rng.integers(65, 91, 5))
        cv2.putText(mask, word, at, cv2.FONT_HERSHEY_SIMPLEX, rng.uniform(0.4, 2), 255, 2, cv2.LINE_AA)
    blend(canvas, mask.astype(np.float32) / 255 * rng.uniform(0.4, 1), rng.uniform(0, 1, 3))


def skin_texture(rng, shape, skin):
    h, w = shape
    field = 1 + 0.08 * smooth_noise(rng, shape, 70) + 0.03 * smooth_noise(rng, shape, 8)
    field += 0.03 * rng.standard_normal(shape, np.float32)
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    field += rng.uniform(-0.25, 0.25) * (x / w - 0.5) + rng.uniform(-0.25, 0.25) * (y / h - 0.5)
    return np.clip(skin * field[..., None], 0, 1).astype(np.float32)


def draw_face(rng, canvas, centre, width, angle, skin, hair):
    """Head, hair, nose and mouth; the eyes are drawn by the caller."""
    shape = canvas.shape[:2]
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])

    def place(x, y):
        return np.asarray(centre) + turn @ (np.array([x, y]) * width)

    if rng.random() < 0.7:
        blend(canvas, ellipse_mask(shape, place(0, -0.12), (0.60 * width, 0.72 * width), angle), hair)
    neck = ellipse_mask(shape, place(0, 0.85), (0.28 * width, 0.5 * width), angle)
    blend(canvas, neck, skin * 0.7)
    face = ellipse_mask(shape, place(0, 0.08), (0.5 * width, 0.68 * width), angle)
    blend(canvas, face, skin_texture(rng, shape, skin))
    hairline = place(rng.uniform(-0.2, 0.2), -0.68)
    fringe = ellipse_mask(shape, hairline, (0.5 * width, rng.uniform(0.1, 0.32) * width), angle)
    if rng.random() < 0.7:
        blend(canvas, fringe, hair)
    side = rng.choice([-1, 1])
    ridge = [place(side * 0.03, -0.05), place(side * 0.06, 0.12), place(side * 0.11, 0.22), place(0, 0.26)]
    nose = cv2.GaussianBlur(strokes(shape, [ridge], width * 0.03), (0, 0), max(0.6, width * 0.012))
    blend(canvas, np.clip(nose * rng.uniform(0.3, 0.7), 0, 1), skin * 0.5)
    for x in (-0.05, 0.05):
        blend(canvas, 0.7 * ellipse_mask(shape, place(x, 0.25), (0.028 * width, 0.016 * width), angle), skin * 0.25)
    lips = colour(rng, ((190, 90, 90), (150, 70, 70), (200, 120, 110))) * (0.4 + 0.6 * skin.max())
    blend(canvas, ellipse_mask(shape, place(0, 0.44), (0.16 * width, rng.uniform(0.03, 0.08) * width), angle), lips)
    smile = [place(x, 0.44 + 0.03 * (1 - (x / 0.16) ** 2)) for x in np.linspace(-0.16, 0.16, 9)]
    blend(canvas, strokes(shape, [smile], width * 0.008), skin * 0.25)
    return place


# ---- things in front of the eyes ----------------------------------------------------------


def draw_glasses(rng, canvas, eyes):
    shape = canvas.shape[:2]
    mask = np.zeros(shape, np.float32)
    frame = rng.uniform(0, 0.35, 3) if rng.random() < 0.7 else rng.uniform(0.2, 0.9, 3)
    grow, tall = rng.uniform(0.62, 0.78), rng.uniform(0.42, 0.6)
    thick = max(1.5, eyes[0].width * rng.uniform(0.015, 0.07))
    for eye in eyes:
        t = np.linspace(0, 2 * np.pi, 40)
        power = rng.choice([1.0, 0.6])
        u = grow * np.sign(np.cos(t)) * np.abs(np.cos(t)) ** power
        v = tall * np.sign(np.sin(t)) * np.abs(np.sin(t)) ** power
        rim = eye.to_picture(u, v + 0.05)
        mask = np.maximum(mask, strokes(shape, [rim], thick))
        if rng.random() < 0.4:  # light reflected by the lens
            inside = np.zeros(shape, np.uint8)
            cv2.fillPoly(inside, [np.int32(rim)], 255)
            glare = strokes(shape, [eye.to_picture(np.array([-0.4, 0.4]), np.array([0.5, -0.5]))], 0.2 * eye.width)
            blend(canvas, glare * (inside > 0) * rng.uniform(0.05, 0.25), np.ones(3))
    if len(eyes) == 2:
        inner = [eye.to_picture(-grow, 0) for eye in eyes]
        mask = np.maximum(mask, strokes(shape, [inner], thick))
    blend(canvas, mask, frame)


def draw_strands(rng, canvas, eye, hair):
    """A few hairs across the eye."""
    lines = []
    start, lean = rng.uniform(-0.8, 0.8), rng.uniform(-0.8, 0.8)
    for _ in range(rng.integers(2, 9)):
        u = start + rng.normal(0, 0.12) + lean * np.linspace(0, 1, 8) + 0.1 * np.sin(np.linspace(0, 3, 8))
        lines.append(eye.to_picture(u, np.linspace(-1, rng.uniform(0, 1), 8)))
    mask = strokes(canvas.shape[:2], lines, max(1, eye.width * rng.uniform(0.006, 0.016)))
    blend(canvas, mask * rng.uniform(0.6, 1), hair)


def draw_cover(rng, canvas, eye, skin):
    """A hand or an eye patch that hides the eye completely."""
    shape = canvas.shape[:2]
    if rng.random() < 0.5:
        axes = np.array([0.75, 0.55]) * eye.width * rng.uniform(1, 1.2)
        blend(canvas, ellipse_mask(shape, eye.centre, axes, eye.angle), rng.uniform(0, 0.5, 3))
        return
    angle = eye.angle + rng.uniform(-0.6, 0.6)
    for k in range(4):
        shift = (k - 1.5) * 0.36 * eye.width
        middle = eye.centre + shift * np.array([-np.sin(angle), np.cos(angle)])
        finger = ellipse_mask(shape, middle, (1.15 * eye.width, 0.23 * eye.width), angle)
        blend(canvas, finger, skin * (1 - 0.12 * (k % 2)))


# ---- the camera ---------------------------------------------------------------------------


def expose(rng, canvas):
    """Lighting, colour cast, blur and noise of the whole picture; returns uint8 BGR."""
    h, w = canvas.shape[:2]
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    at = rng.uniform(-0.2, 1.2, 2)
    lamp = np.exp(-((x / w - at[0]) ** 2 + (y / h - at[1]) ** 2) / rng.uniform(0.3, 2))
    amount = rng.uniform(0, 0.5)
    canvas = canvas * (1 - amount + amount * lamp * 1.3)[..., None] * rng.uniform(0.75, 1.2)
    canvas = canvas * (1 + rng.normal(0, 0.045, 3)).astype(np.float32)
    canvas = np.clip(canvas, 0, 1) ** rng.uniform(0.75, 1.35)
    if rng.random() < 0.08:
        canvas = np.repeat(canvas.mean(2, keepdims=True), 3, 2)  # infrared camera
    if rng.random() < 0.6:
        canvas = cv2.GaussianBlur(canvas, (0, 0), rng.uniform(0.3, 1.3) * w / 640)
    if rng.random() < 0.15:
        canvas = motion_blur(rng, canvas)
    canvas = canvas + rng.standard_normal(canvas.shape, np.float32) * rng.uniform(0, 0.035)
    return (np.clip(canvas[..., ::-1], 0, 1) * 255 + 0.5).astype(np.uint8)


def motion_blur(rng, canvas):
    n = int(rng.integers(3, 6))
    kernel = np.zeros((n, n), np.float32)
    end = (int(rng.integers(n)), n - 1)
    cv2.line(kernel, (n - 1 - end[0], 0), end, 1)
    return cv2.filter2D(canvas, -1, kernel / kernel.sum())


# ---- one picture --------------------------------------------------------------------------


def make_pair(rng, middle, width, gap, angle, skin):
    """The two eyes of a face; mostly both are open or both are shut."""
    shut = rng.random() < 0.38
    wink = rng.random() < 0.12
    look = rng.normal(0, 0.5, 2)
    turn = np.array([np.cos(angle), np.sin(angle)])
    eyes = [Eye(rng, np.asarray(middle) + side * gap / 2 * turn, width, angle + rng.normal(0, 0.03),
                shut != (wink and side > 0), (look[0] * side, look[1]), skin, mirror=side < 0)
            for side in (-1, 1)]
    eyes[1].iris_colour = eyes[0].iris_colour
    return eyes


def lay_faces(rng, canvas):
    """One to three faces side by side; returns groups of (eyes, skin, hair)."""
    h, w = canvas.shape[:2]
    smallest = MIN_EYE * max(w, h) / NETWORK_SIZE
    room = max(1, min(3, int(w / (smallest / 0.25))))
    count = rng.integers(1, room + 1)
    groups = []
    for k in range(count):
        slot = w / count
        low = max(smallest / 0.25, 0.6 * slot)
        width = rng.uniform(low, max(1.15 * low, min(1.1 * slot, h)))
        centre = (slot * (k + 0.5) + rng.normal(0, 0.04) * slot, h * rng.uniform(0.38, 0.6))
        angle, skin, hair = rng.normal(0, 0.15), colour(rng, SKIN), colour(rng, HAIR)
        place = draw_face(rng, canvas, centre, width, angle, skin, hair)
        eye_width, gap = width * rng.uniform(0.25, 0.28), width * rng.uniform(0.44, 0.5)
        eyes = make_pair(rng, place(0, -0.08), eye_width, gap, angle, skin)
        groups.append((eyes, skin, hair))
    return groups


def lay_close_up(rng, canvas):
    """Skin fills the picture; one eye or a pair."""
    h, w = canvas.shape[:2]
    skin, hair = colour(rng, SKIN), colour(rng, HAIR)
    canvas[:] = skin_texture(rng, (h, w), skin)
    angle = rng.normal(0, 0.2)
    if rng.random() < 0.45:
        width = min(w, 1.6 * h) * rng.uniform(0.25, 0.62)
        centre = (w * rng.uniform(0.35, 0.65), h * rng.uniform(0.4, 0.62))
        shut = rng.random() < 0.4
        return [([Eye(rng, centre, width, angle, shut, rng.normal(0, 0.5, 2), skin, rng.random() < 0.5)], skin, hair)]
    width = w * rng.uniform(0.2, 0.33)
    middle = (w * rng.uniform(0.44, 0.56), h * rng.uniform(0.35, 0.65))
    return [(make_pair(rng, middle, width, width * rng.uniform(1.5, 1.75), angle * 0.6, skin), skin, hair)]


def lay_cards(rng, canvas):
    """A collage of small skin patches, each with one eye."""
    h, w = canvas.shape[:2]
    columns, rows = (3, 2) if w > h else (2, 3)
    groups = []
    for k in rng.permutation(columns * rows)[: rng.integers(1, 7)]:
        cell = np.array([w / columns, h / rows])
        centre = (np.array([k % columns, k // columns]) + 0.5 + rng.uniform(-0.06, 0.06, 2)) * cell
        width = max(MIN_EYE * max(w, h) / NETWORK_SIZE, cell[0] * rng.uniform(0.4, 0.6))
        skin, hair = colour(rng, SKIN), colour(rng, HAIR)
        half = np.array([0.75 * width, min(0.7 * width, 0.48 * cell[1])])
        x1, y1 = np.maximum(np.round(centre - half).astype(int), 0)
        x2, y2 = np.minimum(np.round(centre + half).astype(int), (w, h))
        canvas[y1:y2, x1:x2] = skin_texture(rng, (y2 - y1, x2 - x1), skin)
        angle, shut, look = rng.normal(0, 0.25), rng.random() < 0.4, rng.normal(0, 0.5, 2)
        eye = Eye(rng, centre, width * 0.9, angle, shut, look, skin, rng.random() < 0.5)
        groups.append(([eye], skin, hair))
    return groups


def render(seed, index, max_side=800):
    """Returns a uint8 BGR picture and a list of (class, [x1, y1, x2, y2])."""
    rng = np.random.default_rng([seed, index])
    sizes = [s for s in SIZES if max(s) <= max_side]
    w, h = sizes[rng.integers(len(sizes))]
    canvas = np.empty((h, w, 3), np.float32)
    draw_background(rng, canvas)
    layout = rng.choice([lay_faces, lay_close_up, lay_cards], p=[0.5, 0.3, 0.2])
    light = rng.uniform(-1, 1, 2)
    boxes = []
    for eyes, skin, hair in layout(rng, canvas):
        for eye in eyes:
            eye.draw(rng, canvas, hair, light)
        if rng.random() < 0.25:
            draw_glasses(rng, canvas, eyes)
        for eye in eyes:
            if rng.random() < 0.12:
                draw_strands(rng, canvas, eye, hair)
        covered = eyes[rng.integers(len(eyes))] if rng.random() < 0.05 else None
        if covered:
            draw_cover(rng, canvas, covered, skin)
        boxes += [box for eye in eyes if eye is not covered for box in eye.boxes()]
    return expose(rng, canvas), clip_boxes(boxes, w, h)


def clip_boxes(boxes, w, h):
    """Cuts boxes at the border and drops those that are mostly outside."""
    kept = []
    for label, box in boxes:
        cut = np.clip(box, 0, (w, h, w, h))
        area = np.prod(np.maximum(cut[2:] - cut[:2], 0))
        if area > 0.5 * np.prod(box[2:] - box[:2]):
            kept.append((label, [float(x) for x in cut]))
    return kept


# ---- files --------------------------------------------------------------------------------


def write_pictures(folder, first, count, seed, max_side, quality):
    """Writes the JPEG files and returns their description in COCO form."""
    os.makedirs(folder, exist_ok=True)
    coco = {"images": [], "annotations": [],
            "categories": [{"id": i + 1, "name": name} for i, name in enumerate(CLASSES)]}
    for index in range(first, first + count):
        picture, boxes = render(seed, index, max_side)
        name = "%05d.jpg" % index
        cv2.imwrite(os.path.join(folder, name), picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
        h, w = picture.shape[:2]
        coco["images"].append({"id": index + 1, "file_name": name, "width": w, "height": h})
        for label, (x1, y1, x2, y2) in boxes:
            box = [round(v, 1) for v in (x1, y1, x2 - x1, y2 - y1)]
            coco["annotations"].append({"id": len(coco["annotations"]) + 1, "image_id": index + 1,
                                        "category_id": label + 1, "bbox": box,
                                        "area": round(box[2] * box[3], 1), "iscrowd": 0})
    return coco


def main():
    parser = argparse.ArgumentParser(description="Draw pictures of eyes with ground truth.")
    parser.add_argument("--count", type=int, default=40, help="number of pictures (default 40)")
    parser.add_argument("--first", type=int, default=0, help="index of the first picture (default 0)")
    parser.add_argument("--seed", type=int, default=0, help="first part of the random seed (default 0)")
    parser.add_argument("--out", required=True, help="folder for the JPEG files")
    parser.add_argument("--json", help="write the boxes to this file, in COCO form")
    parser.add_argument("--list", help="write the paths to this file, relative to it, one per line")
    parser.add_argument("--max-side", type=int, default=800, help="largest width or height (default 800)")
    parser.add_argument("--quality", type=int, default=82, help="JPEG quality (default 82)")
    args = parser.parse_args()
    coco = write_pictures(args.out, args.first, args.count, args.seed, args.max_side, args.quality)
    if args.json:
        with open(args.json, "w") as f:
            json.dump(coco, f, separators=(",", ":"))
            f.write("\n")
    if args.list:
        base = os.path.relpath(args.out, os.path.dirname(os.path.abspath(args.list)))
        with open(args.list, "w") as f:
            f.writelines("%s/%s\n" % (base, image["file_name"]) for image in coco["images"])


if __name__ == "__main__":
    main()
