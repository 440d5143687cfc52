#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A second model of docs/numerics.md, in exact fractions, and cases to hold the C code to it.

model.py <run_cases>: writes random cases for every rule, runs them with the C reference and with
the fastest kernels of this processor, and compares each number. It shares nothing with the C code.
"""
import math
import os
import random
import struct
import subprocess
import sys
from fractions import Fraction as F

rng = random.Random(20240607)
HALF = F(1, 2)
HUGE = F(10) ** 60  # stands for infinity
LION, PUMA = 0, 1
RULE_LION, RULE_LION_CHANNEL, RULE_PUMA, RULE_FLOOR, RULE_DFP = range(5)
U8, I8, I16, F32 = range(4)
RANGE = {U8: (0, 255), I8: (-128, 127), I16: (-32768, 32767)}
AFFINE, DFP = 1, 2


# ---- number formats ----------------------------------------------------------------------------

def significant(x, bits, mode):
    """x with that many significant bits: 'cut' toward zero, 'even', or 'up' (half away)."""
    x = F(x)
    if x == 0:
        return x
    size = abs(x)
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    if F(2) ** exponent > size:
        exponent -= 1
    unit = F(2) ** (exponent - bits + 1)
    count = size / unit
    whole = {'cut': math.floor(count), 'even': round(count), 'up': math.floor(count + HALF)}[mode]
    return whole * unit if x > 0 else -whole * unit


def f32(x):
    return significant(x, 24, 'even')


def tr15(x):
    return significant(x, 16, 'cut')


def rn15(x):
    return significant(x, 16, 'even')


def float_of(x):
    """The nearest float32 of a Python float."""
    return F(struct.unpack('<f', struct.pack('<f', x))[0])


def bits_of(x):
    return struct.unpack('<I', struct.pack('<f', float(x)))[0]


def float_from(bits):
    return F(struct.unpack('<f', struct.pack('<I', bits))[0])


def wrap32(x):
    return (x + 2**31) % 2**32 - 2**31


def sat(x, dtype):
    low, high = RANGE[dtype]
    return max(low, min(high, x))


# ---- rules -------------------------------------------------------------------------------------

def multiplier(s_in, s_w, s_out):
    return f32(f32(s_in * s_w) / s_out)


def away(x):
    return math.floor(x + HALF) if x >= 0 else -math.floor(-x + HALF)


def nn(rule, acc, m, shift):
    if rule == RULE_LION:
        return math.floor(acc * tr15(m) + HALF)
    if rule == RULE_LION_CHANNEL:
        return math.floor(acc * m + HALF)
    if rule == RULE_PUMA:
        return away(acc * m)
    if rule == RULE_FLOOR:
        return math.floor(acc * rn15(m))
    return round(acc * F(2) ** -shift)


def tp(d, ratio, zero):
    return round(tr15(tr15(d * rn15(ratio)) + zero))


def tp_store(value, s_out, zero):
    return round(tr15(tr15(value * rn15(f32(1 / s_out))) + zero))


# ---- quantizations -----------------------------------------------------------------------------

class Quant:
    def __init__(self, dtype, scale=None):
        self.scheme = AFFINE if dtype == U8 else DFP
        self.zero = rng.randint(0, 255) if dtype == U8 else 0
        self.fraction = 0 if dtype == U8 else rng.randint(2, 6) + (8 if dtype == I16 else 0)
        self.scale = float_of(scale or math.exp(rng.uniform(-6, -2))) if dtype == U8 else F(1)

    def step(self):
        return self.scale if self.scheme == AFFINE else F(2) ** -self.fraction

    def words(self):
        return [self.scheme, bits_of(self.scale), self.zero, self.fraction]


cases = []  # (words, expected numbers, what)


def case(what, words, expected):
    cases.append((words, [int(x) for x in expected], what))


# ---- one accumulator ---------------------------------------------------------------------------

def near_ties(rule, m, shift):
    """Accumulators next to where the rule, with the bits of m that it sees, changes its mind."""
    seen = {RULE_LION: tr15, RULE_FLOOR: rn15}.get(rule, F)(m)
    step = F(2) ** -shift if rule == RULE_DFP else seen
    edge = 0 if rule == RULE_FLOOR else HALF
    values = [rng.randint(-2**31, 2**31 - 1) for _ in range(20)] + [0, 1, -1, -2**31, 2**31 - 1]
    for _ in range(80):
        middle = round((rng.randint(-200, 200) + edge) / step)
        values += [middle - 1, middle, middle + 1]
    return [v for v in values if -2**31 <= v < 2**31]


def requant_words(rule, m, shift, zeros, dtype):
    return [rule, bits_of(m), shift] + zeros + list(RANGE[dtype])


def add_requant_cases():
    for rule in range(5):
        for i in range(40):
            m = float_of(math.exp(rng.uniform(-22, 3)))
            if i % 5 == 1:  # half way between two numbers of 16 bits
                m = float_from(bits_of(m) & ~0xff | 0x80)
            if i % 3 == 0:  # exact ties
                m = F(rng.choice([1, 3, 5])) / 2 ** rng.randint(1, 20)
            shift = rng.randint(-3, 30)
            dtype = rng.choice([I8, I16]) if rule == RULE_DFP else U8
            zero = 0 if rule == RULE_DFP else rng.randint(0, 255)
            accs = near_ties(rule, m, shift)
            want = [sat(nn(rule, a, m, shift) + zero, dtype) for a in accs]
            words = requant_words(rule, m, shift, [0, 0, zero], dtype)
            case('requant rule %d' % rule, ['requant'] + words + [len(accs)] + accs, want)
    for _ in range(300):
        a, b, c = (float_of(math.exp(rng.uniform(-9, 1))) for _ in range(3))
        case('multiplier', ['multiplier', bits_of(a), bits_of(b), bits_of(c)],
             [bits_of(multiplier(a, b, c))])


# ---- convolution -------------------------------------------------------------------------------

def conv_model(kind, s, x, w, bias, zx, zw):
    """Accumulators before wrapping, in the order of the output. kind 2 scatters."""
    (n, h, wd, ic, oh, ow, oc, kh, kw, sh, sw, dh, dw, pt, pl, groups) = s
    gi, go = ic // groups, oc // groups
    acc = [bias[o] for _ in range(n * oh * ow) for o in range(oc)]
    for b in range(n):
        for o in range(oc):
            for i in range(gi):
                c = o // go * gi + i
                for ky in range(kh):
                    for kx in range(kw):
                        if kind == 2:
                            weight = w[((c * go + o % go) * kh + ky) * kw + kx] - zw
                            pairs = [(y * sh + ky * dh - pt, xx * sw + kx * dw - pl, y, xx)
                                     for y in range(h) for xx in range(wd)]
                        else:
                            weight = w[((o * gi + i) * kh + ky) * kw + kx] - zw
                            pairs = [(y, xx, y * sh - pt + ky * dh, xx * sw - pl + kx * dw)
                                     for y in range(oh) for xx in range(ow)]
                        for oy, ox, iy, ix in pairs:
                            if 0 <= oy < oh and 0 <= ox < ow and 0 <= iy < h and 0 <= ix < wd:
                                value = x[((b * h + iy) * wd + ix) * ic + c] - zx
                                acc[((b * oh + oy) * ow + ox) * oc + o] += value * weight
    return acc


def random_shape(kind):
    groups = rng.choice([3, 9, 17]) if kind == 1 else rng.choice([1, 1, 2])
    ic = groups if kind == 1 else groups * rng.randint(1, 5)
    oc = groups if kind == 1 else groups * rng.choice([1, 3, 9, 17])
    k, s, d = rng.randint(1, 3), rng.randint(1, 2), rng.randint(1, 2)
    h, w, pad = rng.randint(1, 4), rng.randint(1, 5), rng.randint(0, k - 1)
    span = d * (k - 1) + 1
    if kind == 2:
        oh, ow = max(1, (h - 1) * s + span - 2 * pad), max(1, (w - 1) * s + span - 2 * pad)
    else:
        h, w = max(h, span - 2 * pad), max(w, span - 2 * pad)
        oh, ow = (h + 2 * pad - span) // s + 1, (w + 2 * pad - span) // s + 1
    return [rng.randint(1, 2), h, w, ic, oh, ow, oc, k, k, s, s, d, d, pad, pad, groups]


def add_conv_cases():
    for i in range(240):
        dtype, kind = [U8, U8, I8, I16][i % 4], i // 4 % 3
        s = random_shape(kind)
        low, high = RANGE[dtype]
        x = [rng.randint(low, high) for _ in range(s[0] * s[1] * s[2] * s[3])]
        w = [rng.randint(low, high) for _ in range(s[6] * s[3] // s[15] * s[7] * s[8])]
        big = 2**31 if dtype != I16 else 2**50
        small = 2**12 if dtype != I16 else 2**24
        limit = big if i % 5 == 0 else small
        bias = [rng.randint(-limit, limit - 1) for _ in range(s[6])]
        rule = rng.choice([RULE_LION, RULE_LION_CHANNEL, RULE_PUMA, RULE_FLOOR])
        zeros = [rng.randint(0, 255) for _ in range(3)]
        if dtype != U8:
            rule, zeros = RULE_DFP, [0, 0, 0]
        m = float_of(math.exp(rng.uniform(-8, -3)))
        shift = rng.randint(4, 9) if dtype == I8 else rng.randint(12, 20)
        acc = conv_model(kind, s, x, w, bias, zeros[0], zeros[1])
        if dtype != I16:
            acc = [wrap32(a) for a in acc]
        want = [sat(nn(rule, a, m, shift) + zeros[2], dtype) for a in acc]
        words = ['conv', dtype, kind] + requant_words(rule, m, shift, zeros, dtype)
        case('conv type %d kind %d rule %d' % (dtype, kind, rule), words + s + x + w + bias, want)


# ---- pooling, functions of two numbers -----------------------------------------------------------

def average_requant(family, dtype, a, out, k):
    """(weight, rule, m, shift)"""
    if dtype == U8:
        m = multiplier(a.scale, f32(F(1, 255 * k * k)), out.scale)
        return 255, RULE_PUMA if family == PUMA else RULE_LION, m, 0
    fraction = 0
    while round(F(2 ** (fraction + 1), k * k)) <= 127:
        fraction += 1
    weight = round(F(2 ** fraction, k * k))
    return weight, RULE_DFP, 0, fraction + a.fraction - out.fraction


def pooled(is_max, family, dtype, a, out, k, window):
    """`window` has the real inputs alone; padding adds nothing to a sum."""
    if is_max:
        return sat(activation('identity', dtype, 0, 0, a, out, max(window)), dtype)
    weight, rule, m, shift = average_requant(family, dtype, a, out, k)
    total = weight * sum(q - a.zero for q in window)
    return sat(nn(rule, total, m, shift) + out.zero, dtype)


def add_pooling_cases():
    for i in range(240):
        dtype, family, is_max = [U8, I8, I16][i % 3], i // 3 % 2, i // 6 % 2
        k, stride = rng.randint(1, 8), rng.randint(1, 3)
        pad, size = rng.randint(0, k // 2), k + rng.randint(0, 5)
        a, out = Quant(dtype), Quant(dtype)
        if i % 4 == 0:
            out.scale, out.fraction = a.scale, a.fraction
        x = [rng.randint(*RANGE[dtype]) for _ in range(size * size)]
        if i % 5 == 0:
            x = [min(q, -1) if dtype != U8 else q for q in x]
        starts = range(-pad, size + pad - k + 1, stride)
        want = [pooled(is_max, family, dtype, a, out, k,
                       [x[v * size + h] for v in range(max(0, top), min(size, top + k))
                        for h in range(max(0, left), min(size, left + k))])
                for top in starts for left in starts]
        words = ['pooling', family, is_max, dtype, k, stride, pad, size]
        case('%s type %d family %d' % ('max' if is_max else 'average', dtype, family),
             words + a.words() + out.words() + x, want)


def sum_u8(family, is_sub, a, b, out, x, y):
    if is_sub:
        total = a.scale + b.scale
        w = [math.ceil(255 * a.scale / total - HALF), -math.ceil(255 * b.scale / total - HALF)]
        bias = -round((a.zero - b.zero) * 255 * b.scale / total)
    else:
        total = max(a.scale, b.scale)
        w = [round(255 * a.scale / total), round(255 * b.scale / total)]
        bias = round((a.zero - b.zero) * 255 * b.scale / total)
    m = f32(f32(f32(total) / 255) / out.scale)
    rule = RULE_PUMA if family == PUMA else RULE_LION
    return [sat(nn(rule, w[0] * (p - a.zero) + w[1] * (q - a.zero) + bias, m, 0) + out.zero, U8)
            for p, q in zip(x, y)]


REAL = {
    'add': lambda p, q: p + q,
    'sub': lambda p, q: p - q,
    'mul': lambda p, q: p * q,
    'div': lambda p, q: p / q if q else (HUGE if p > 0 else -HUGE if p < 0 else None),
    'max': max,
    'min': min,
}


def real_pair(name, dtype, a, b, out, p, q):
    value = REAL[name]((p - a.zero) * a.step(), (q - b.zero) * b.step())
    return out.zero if value is None else sat(round(value / out.step()) + out.zero, dtype)


def add_binary_cases():
    for i in range(360):
        dtype, family, count = [U8, U8, I8, I16][i % 4], i // 4 % 2, 100
        name = sorted(REAL)[i // 8 % 6]
        a, b, out = Quant(dtype), Quant(dtype), Quant(dtype)
        if i % 3 == 0:
            b.scale = a.scale
        x, y = ([rng.randint(*RANGE[dtype]) for _ in range(count)] + [a.zero, b.zero]
                for _ in range(2))
        if dtype == U8 and name in ('add', 'sub'):
            want = sum_u8(family, name == 'sub', a, b, out, x, y)
        else:
            want = [real_pair(name, dtype, a, b, out, p, q) for p, q in zip(x, y)]
        words = ['binary', family, list(REAL).index(name), dtype]
        words += a.words() + b.words() + out.words()
        case('%s type %d family %d' % (name, dtype, family), words + [len(x)] + x + y, want)


# ---- activations -------------------------------------------------------------------------------

def sigmoid32(x):
    return f32(1 / f32(1 + float_of(math.exp(-float(x)))))


NODES = {
    'sigmoid': sigmoid32,
    'silu': lambda x: f32(x * sigmoid32(x)),
    'hard_swish': lambda x: f32(f32(x * max(F(0), min(F(6), f32(x + 3)))) / 6),
    'tanh': lambda x: float_of(math.tanh(float(x))),
}
EXACT = {
    'sigmoid': lambda x: 1 / (1 + math.exp(-x)),
    'silu': lambda x: x / (1 + math.exp(-x)),
    'tanh': math.tanh,
    'abs': abs,
    'neg': lambda x: -x,
    'square': lambda x: x * x,
    'exp': math.exp,
    'sign': lambda x: (x > 0) - (x < 0),
}
# Pairs alpha, beta of those that have them; leaky slopes where each rounding of the rule shows.
PARAMETERS = {
    'leaky_relu': [(0.1, 0), (0.6, 0), (0.9, 0), (0.7777, 0)],
    'clip': [(0, 6), (-1, 1), (0, 4), (-2, 1)],
}


def clipped(x, low, high):
    return max(low, min(high, x))


def interpolated(name, bounds, t, scale):
    def node(n):
        x = f32(n * scale)
        return significant(clipped(x, *bounds) if name == 'clip' else NODES[name](x), 16, 'up')
    if t == 0:
        return node(F(0))
    size = F(1)
    while size > abs(t):
        size /= 2
    while size * 2 <= abs(t):
        size *= 2
    spacing = size / (32 if name == 'tanh' else 16)
    n0 = math.floor(t / spacing) * spacing
    part = (t - n0) / spacing
    return rn15(rn15(node(n0) * (1 - part)) + rn15(node(n0 + spacing) * part))


def activation(name, dtype, alpha, beta, a, out, q):
    d = q - a.zero
    if name in ('identity', 'relu'):
        d = max(d, 0) if name == 'relu' else d
        if dtype == U8:
            return tp(d, f32(a.scale / out.scale), out.zero)
        return round(d * a.step() / out.step())
    if name == 'leaky_relu':
        if dtype == U8:
            ratio = f32(a.scale / out.scale)
            if d > 0:
                return tp(d, ratio, out.zero)
            return round(tr15(tr15(tr15(d * tr15(alpha)) * rn15(ratio)) + out.zero))
        value = d if d > 0 else rn15(d * rn15(alpha))
        return round(value * a.step() / out.step())
    has_table = name in NODES or (name == 'clip' and (alpha, beta) in ((0, 6), (-1, 1)))
    if has_table and dtype == U8:
        value = interpolated(name, (alpha, beta), F(d), a.scale)
        return tp_store(value, out.scale, out.zero)
    if has_table and dtype == I16:
        return round(interpolated(name, (alpha, beta), d * a.step(), F(1)) / out.step())
    x = d * a.step()
    value = clipped(x, alpha, beta) if name == 'clip' else F(EXACT[name](x))
    return round(value / out.step()) + out.zero


def table_case(name, number, dtype, parameters):
    a, out = Quant(dtype), Quant(dtype)
    alpha, beta = (float_of(p) for p in parameters)
    low, high = RANGE[dtype]
    q = list(range(low, high + 1))
    if dtype == I16:
        q = rng.sample(q, 250) + [0, 1, -1, low, high]
    want = [sat(activation(name, dtype, alpha, beta, a, out, v), dtype) for v in q]
    words = ['table', dtype, number, bits_of(alpha), bits_of(beta)]
    case('%s type %d' % (name, dtype), words + a.words() + out.words() + [len(q)] + q, want)


def add_activation_cases(numbers):
    for name in numbers:
        for parameters in PARAMETERS.get(name, [(0, 0)]):
            for dtype in (U8, I8, I16):
                if dtype == I8 and name == 'hard_swish':
                    continue
                for _ in range(20 if name == 'leaky_relu' else 6):
                    table_case(name, numbers[name], dtype, parameters)


# ---- means and blends of real values, in binary64 ------------------------------------------------

def stored(value, dtype, out):
    """`value` is a float, which is binary64; round() takes ties to even."""
    return sat(round(value / float(out.step())) + out.zero, dtype)


REDUCTIONS = [sum, lambda values: sum(values) / len(values), max, min]


def add_reduce_cases():
    for i in range(120):
        dtype, op = [U8, I8, I16][i % 3], i // 3 % 4
        a, out = Quant(dtype), Quant(dtype)
        rows, length = rng.randint(1, 9), 2 ** rng.randint(0, 3) if i % 2 else rng.randint(1, 60)
        x = [rng.randint(*RANGE[dtype]) for _ in range(rows * length)]
        real = [(q - a.zero) * float(a.step()) for q in x]
        want = [stored(REDUCTIONS[op](real[r * length:(r + 1) * length]), dtype, out)
                for r in range(rows)]
        case('reduction %d type %d' % (op, dtype), ['reduce', op, dtype] + a.words() + out.words() +
             [rows, length] + x, want)


def windows(size, count):
    """[first, last) of an adaptive pool."""
    return [(o * size // count, -(-(o + 1) * size // count)) for o in range(count)]


def add_adaptive_cases():
    for i in range(90):
        dtype = [U8, I8, I16][i % 3]
        a, out = Quant(dtype), Quant(dtype)
        h, w, to_h, to_w = (rng.randint(1, 9) for _ in range(4))
        x = [rng.randint(*RANGE[dtype]) for _ in range(h * w)]
        want = []
        for top, bottom in windows(h, to_h):
            for left, right in windows(w, to_w):
                seen = [(x[v * w + u] - a.zero) * float(a.step())
                        for v in range(top, bottom) for u in range(left, right)]
                want.append(stored(sum(seen) / len(seen), dtype, out))
        case('adaptive average type %d' % dtype, ['adaptive', dtype] + a.words() + out.words() +
             [h, w, to_h, to_w] + x, want)


def blends(kind, size, count):
    """(first, second, share of the second) for each output; places are float32."""
    step = f32(F(size, count))
    places = []
    for o in range(count):
        if kind == 0:
            x = f32(o * step)
        elif kind == 1:
            x = f32(f32((o + HALF) * step) - HALF)
        else:
            x = f32(o * f32(F(size - 1, count - 1))) if count > 1 else F(0)
        x = max(F(0), x)
        first = min(size - 1, math.floor(x))
        share = f32(x - first) if math.floor(x) < size else F(0)
        places.append((first, min(size - 1, first + 1), float(share)))
    return places


def add_resize_cases():
    for i in range(90):
        dtype, kind = [U8, I8, I16][i % 3], i // 3 % 3
        a, out = Quant(dtype), Quant(dtype)
        h, w, to_h, to_w = (rng.randint(1, 9) for _ in range(4))
        x = [rng.randint(*RANGE[dtype]) for _ in range(h * w)]
        ratio, want = float(a.step()) / float(out.step()), []
        for top, bottom, down in blends(kind, h, to_h):
            for left, right, across in blends(kind, w, to_w):
                rows = [(x[v * w + left] - a.zero) * (1 - across) +
                        (x[v * w + right] - a.zero) * across for v in (top, bottom)]
                value = (rows[0] * (1 - down) + rows[1] * down) * ratio
                want.append(sat(round(value) + out.zero, dtype))
        case('linear resize %d type %d' % (kind, dtype), ['resize', kind, dtype] + a.words() +
             out.words() + [h, w, to_h, to_w] + x, want)


# ---- conversion --------------------------------------------------------------------------------

def converted(kinds, a, out, q):
    source, target = kinds
    if source == F32:
        return sat(round(f32(F(q) / out.step())) + out.zero, target)
    d = q - a.zero
    if target == F32:
        return bits_of(f32(d * a.step()))
    if source != U8 and target != U8:
        return sat(round(d * a.step() / out.step()), target)
    if source == U8 and target == U8:
        return sat(tp(d, f32(a.scale / out.scale), out.zero), target)
    if source == U8:
        return sat(round(rn15(d * rn15(a.scale)) / out.step()), target)
    return sat(tp_store(d * a.step(), out.scale, out.zero), target)


def add_convert_cases():
    for source in (U8, I8, I16, F32):
        for target in (U8, I8, I16, F32):
            if source == F32 and target == F32:
                continue
            for i in range(4):
                a = Quant(source) if source != F32 else Quant(I8)
                out = Quant(target) if target != F32 else Quant(I8)
                if source == F32:
                    values = [float_of(rng.uniform(-300, 300) * float(out.step()))
                              for _ in range(150)]
                    values += [(n + HALF) * out.step() for n in range(-9, 9)]
                    values = [f32(v) for v in values]
                    words = [bits_of(v) for v in values]
                else:
                    values = words = [rng.randint(*RANGE[source]) for _ in range(200)]
                case('convert %d to %d' % (source, target),
                     ['convert', source, target] + a.words() + out.words() + [len(words)] + words,
                     [converted((source, target), a, out, v) for v in values])


# ---- movements, whole numbers --------------------------------------------------------------------

def padded_place(mode, index, size):
    """mode 0: None where the constant goes; 1 reflects, 2 repeats the ends."""
    if 0 <= index < size:
        return index
    if mode == 0:
        return None
    if mode == 2:
        return 0 if index < 0 else size - 1
    there_and_back = list(range(size)) + list(range(size - 2, 0, -1))
    return there_and_back[index % len(there_and_back)]


def add_padding_cases():
    for i in range(90):
        mode, value = i % 3, rng.randint(0, 255)
        sizes = [rng.randint(1, 5) for _ in range(3)]
        widths = [[rng.randint(0, size - 1 if mode == 1 else 3) for _ in range(2)] for size in sizes]
        x = [rng.randint(0, 255) for _ in range(sizes[0] * sizes[1] * sizes[2])]
        axes = [[padded_place(mode, at, size) for at in range(-before, size + after)]
                for size, (before, after) in zip(sizes, widths)]
        want = [value if None in (a, b, c) else x[(a * sizes[1] + b) * sizes[2] + c]
                for a in axes[0] for b in axes[1] for c in axes[2]]
        words = ['padding', mode, value]
        for size, (before, _), axis in zip(sizes, widths, axes):
            words += [size, before, len(axis)]
        case('padding mode %d' % mode, words + x, want)


def add_gather_cases():
    for _ in range(40):
        outer, size, inner, count = (rng.randint(1, 5) for _ in range(4))
        x = [rng.randint(*RANGE[I16]) for _ in range(outer * size * inner)]
        index = [rng.randint(-size - 2, size + 2) for _ in range(count)]
        places = [max(0, min(size - 1, i + size if i < 0 else i)) for i in index]
        want = [x[(o * size + at) * inner + k]
                for o in range(outer) for at in places for k in range(inner)]
        case('gather', ['gather', outer, size, inner, count] + x + index, want)


def wrap64(x):
    return (x + 2**63) % 2**64 - 2**63


def cut(a, b):
    """a / b, cut toward zero."""
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


WHOLE = {
    'add': lambda a, b: a + b,
    'sub': lambda a, b: a - b,
    'mul': lambda a, b: a * b,
    'div': lambda a, b: cut(a, b) if b and (a, b) != (-2**63, -1) else 0,
    'floor_div': lambda a, b: a // b if b and (a, b) != (-2**63, -1) else 0,
    'remainder': lambda a, b: a % b if b else 0,
    'pow': lambda a, b: pow(a, b, 2**64) if b >= 0 else int(F(a) ** b) if a else 0,
    'maximum': max,
    'minimum': min,
    'less': lambda a, b: a < b,
    'equal': lambda a, b: a == b,
}


def add_whole_cases():
    edges = [-2**63, 2**63 - 1, -1, 0, 1, 2, -2, 2**53 + 1]
    for name, function in WHOLE.items():
        a = edges + [rng.randint(-2**63, 2**63 - 1) for _ in range(40)]
        a += [rng.randint(-20, 20) for _ in range(60)]
        b = [rng.choice(edges) if i % 3 else rng.randint(-9, 9) for i in range(len(a))]
        if name == 'pow':
            b = [rng.randint(-3, 9) for _ in a]
        else:
            a, b = a + [p for p in edges for _ in edges], b + edges * len(edges)
        case('whole ' + name, ['whole', name, len(a)] + a + b,
             [wrap64(int(function(p, q))) for p, q in zip(a, b)])


# ---- running -----------------------------------------------------------------------------------

def run(program, lines, processor):
    environment = dict(os.environ)
    if processor:
        environment['ORK_CPU'] = processor
    text = '\n'.join(' '.join(str(word) for word in line) for line in lines) + '\n'
    result = subprocess.run(program, input=text, env=environment, capture_output=True,
                            text=True, check=True)
    return [[int(word) for word in line.split()] for line in result.stdout.splitlines()]


def main(program):
    names = ['identity', 'relu', 'leaky_relu', 'clip'] + sorted(NODES) + \
        sorted(set(EXACT) - set(NODES))
    found = run(program, [['op', name] for name in names], 'c')
    add_requant_cases()
    add_conv_cases()
    add_pooling_cases()
    add_binary_cases()
    add_activation_cases({name: number[0] for name, number in zip(names, found)})
    add_reduce_cases()
    add_adaptive_cases()
    add_resize_cases()
    add_convert_cases()
    add_padding_cases()
    add_gather_cases()
    add_whole_cases()
    wrong = 0
    for processor in ('c', None):
        results = run(program, [words for words, _, _ in cases], processor)
        assert len(results) == len(cases), 'one line for each case'
        for (words, want, what), got in zip(cases, results):
            if got != want:
                wrong += 1
                at = [i for i in range(len(want)) if i >= len(got) or got[i] != want[i]]
                print('%s: %d of %d differ, first at %d: %s, not %s' %
                      (what, len(at), len(want), at[0], got[at[0]:at[0] + 1], want[at[0]]))
    print('%d cases, %d numbers, %d cases differ' %
          (len(cases), sum(len(want) for _, want, _ in cases), wrong))
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
