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
    step = F(2) ** -shift if rule == RULE_DFP else F(m)
    values = [rng.randint(-2**31, 2**31 - 1) for _ in range(20)] + [0, 1, -1, -2**31, 2**31 - 1]
    for _ in range(80):
        middle = round((rng.randint(-200, 200) + HALF) / step)
        values += [middle - 1, middle, middle + 1]
    return [v for v in values if -2**31 <= v < 2**31]


def requant_words(rule, m, shift, zeros, dtype):
    return [rule, bits_of(m), shift] + zeros + list(RANGE[dtype])


def add_requant_cases():
    for rule in range(5):
        for i in range(40):
            m = float_of(math.exp(rng.uniform(-22, 3)))
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


# ---- average, add, sub -------------------------------------------------------------------------

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


def add_average_cases():
    for i in range(120):
        dtype, family, k, size = [U8, I8, I16][i % 3], i // 3 % 2, rng.randint(1, 4), 5
        a, out = Quant(dtype), Quant(dtype)
        if i % 4 == 0:
            out.scale, out.fraction = a.scale, a.fraction
        low, high = RANGE[dtype]
        x = [rng.randint(low, high) for _ in range((k * size) ** 2)]
        weight, rule, m, shift = average_requant(family, dtype, a, out, k)
        want = []
        for y in range(size):
            for c in range(size):
                total = sum(x[(y * k + j) * k * size + c * k + n] - a.zero
                            for j in range(k) for n in range(k))
                want.append(sat(nn(rule, total * weight, m, shift) + out.zero, dtype))
        case('average type %d family %d' % (dtype, family),
             ['average', family, dtype, k, size] + a.words() + out.words() + x, want)


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


def add_binary_cases():
    for i in range(120):
        dtype, family, is_sub, count = [U8, U8, I8, I16][i % 4], i // 4 % 2, i // 8 % 2, 200
        a, b, out = Quant(dtype), Quant(dtype), Quant(dtype)
        if i % 3 == 0:
            b.scale = a.scale
        low, high = RANGE[dtype]
        x, y = ([rng.randint(low, high) for _ in range(count)] for _ in range(2))
        if dtype == U8:
            want = sum_u8(family, is_sub, a, b, out, x, y)
        else:
            sign = -1 if is_sub else 1
            want = [sat(round((p * a.step() + sign * q * b.step()) / out.step()), dtype)
                    for p, q in zip(x, y)]
        words = ['binary', family, is_sub, dtype] + a.words() + b.words() + out.words()
        case('%s type %d family %d' % ('sub' if is_sub else 'add', dtype, family),
             words + [count] + x + y, want)


# ---- activations -------------------------------------------------------------------------------

def sigmoid32(x):
    return f32(1 / f32(1 + float_of(math.exp(-float(x)))))


NODES = {
    'sigmoid': sigmoid32,
    'silu': lambda x: f32(x * sigmoid32(x)),
    'hard_swish': lambda x: f32(f32(x * max(F(0), min(F(6), f32(x + 3)))) / 6),
    'clip': lambda x: max(F(0), min(F(6), x)),
    'tanh': lambda x: float_of(math.tanh(float(x))),
}
EXACT = {
    'sigmoid': lambda x: 1 / (1 + math.exp(-x)),
    'silu': lambda x: x / (1 + math.exp(-x)),
    'tanh': math.tanh,
}


def interpolated(name, t, scale):
    def node(n):
        return significant(NODES[name](f32(n * scale)), 16, 'up')
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


def activation(name, dtype, alpha, a, out, q):
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
    if dtype == U8:
        return tp_store(interpolated(name, F(d), a.scale), out.scale, out.zero)
    if dtype == I8:
        return round(F(EXACT[name](float(d * a.step()))) / out.step())
    return round(interpolated(name, d * a.step(), F(1)) / out.step())


def add_activation_cases(numbers):
    for name in numbers:
        alpha, beta = {'leaky_relu': (float_of(0.1), 0), 'clip': (0, 6)}.get(name, (0, 0))
        for dtype in (U8, I8, I16):
            if dtype != U8 and name == 'clip' or dtype == I8 and name == 'hard_swish':
                continue
            for _ in range(6):
                a, out = Quant(dtype), Quant(dtype)
                low, high = RANGE[dtype]
                q = list(range(low, high + 1))
                if dtype == I16:
                    q = rng.sample(q, 250) + [0, 1, -1, low, high]
                want = [sat(activation(name, dtype, alpha, a, out, v), dtype) for v in q]
                words = ['table', dtype, numbers[name], bits_of(alpha), bits_of(beta)]
                case('%s type %d' % (name, dtype),
                     words + a.words() + out.words() + [len(q)] + q, want)


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
    names = ['identity', 'relu', 'leaky_relu', 'sigmoid', 'silu', 'hard_swish', 'clip', 'tanh']
    found = run(program, [['op', name] for name in names], 'c')
    add_requant_cases()
    add_conv_cases()
    add_average_cases()
    add_binary_cases()
    add_activation_cases({name: number[0] for name, number in zip(names, found)})
    add_convert_cases()
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
