#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/data/onnx/NAME.onnx with NAME.in0.npy ... and NAME.out0.npy ...: small networks and what
ONNX Runtime computes with them. Written for onnx 1.22 and onnxruntime 1.2x.

usage: make_onnx_fixtures.py tests/data/onnx
"""
import pathlib
import sys

import numpy
import onnx
import onnxruntime
from onnx import numpy_helper, parser

FOLDER = pathlib.Path(sys.argv[1])
random = numpy.random.default_rng(3)


def weights(*shape, dtype=numpy.float32):
    """Numbers that print short."""
    return ((numpy.arange(numpy.prod(shape)) % 11 - 5) * 0.25).reshape(shape).astype(dtype)


def integers(*numbers):
    return numpy.array(numbers, numpy.int64)


def model(text, version=18, ir=8, **constants):
    """The text of a graph with constants by name; those whose name ends with `_in` are listed among the
    inputs too, as files of old exporters have them."""
    parsed = parser.parse_model(f'<ir_version: {ir}, opset_import: ["" : {version}, "own" : 1]>\n{text}')
    for name, array in constants.items():
        parsed.graph.initializer.append(numpy_helper.from_array(array, name))
        if name.endswith('_in'):
            parsed.graph.input.append(onnx.helper.make_tensor_value_info(
                name, numpy_helper.from_array(array).data_type, array.shape))
    return parsed


def save(name, parsed, *inputs, external=False):
    onnx.checker.check_model(parsed, full_check=True)
    session = onnxruntime.InferenceSession(parsed.SerializeToString(),
                                           providers=['CPUExecutionProvider'])
    names = [i.name for i in parsed.graph.input if not i.name.endswith('_in')]
    for i, array in enumerate(inputs):
        numpy.save(FOLDER / f'{name}.in{i}.npy', array)
    for i, array in enumerate(session.run(None, dict(zip(names, inputs)))):
        numpy.save(FOLDER / f'{name}.out{i}.npy', array)
    path = FOLDER / f'{name}.onnx'
    if external:
        (FOLDER / f'{name}.bin').unlink(missing_ok=True)
        onnx.save(parsed, path, save_as_external_data=True, location=f'{name}.bin', size_threshold=0)
    else:
        path.write_bytes(parsed.SerializeToString())


def noise(*shape):
    return random.uniform(-1, 1, shape).astype(numpy.float32).round(3)


picture, matrix = noise(1, 4, 6, 6), noise(4, 6)

save('layers', model('''
g (float[1,4,6,6] x) => (float[1,3] y, float[1,4,6,6] normal, float[1,4,3,6] pooled) {
    c = Conv<pads=[1,1,1,1]>(x, w, b)
    n = BatchNormalization(c, scale, b, b, variance)
    r = Relu(n)
    pooled = MaxPool<kernel_shape=[3,2], strides=[2,1], auto_pad="SAME_UPPER">(r)
    t = ConvTranspose<strides=[2,2], output_padding=[1,0], group=2>(pooled, wt)
    a = AveragePool<kernel_shape=[2,3], pads=[0,1,1,1], ceil_mode=0, count_include_pad=1>(t)
    normal = LRN<size=3>(r)
    p = GlobalAveragePool(a)
    f = Flatten(p)
    g = Gemm<transB=1, alpha=0.5>(f, fc, fb)
    y = Softmax(g)
}''', w=weights(4, 4, 3, 3), b=weights(4), scale=weights(4) + 2, variance=weights(4) + 3,
    wt=weights(4, 2, 3, 3), fc=weights(3, 4), fb=weights(3)), picture)

save('lines', model('''
g (float[1,4,9] x) => (float[1,2,5] y, float[1,4,4] p) {
    y = Conv<pads=[1,1], dilations=[2], group=2>(x, w)
    p = MaxPool<kernel_shape=[3], strides=[2]>(x)
}''', w=weights(2, 2, 4)), noise(1, 4, 9))

save('volume', model('''
g (float[1,2,4,5,6] x) => (float[1,4,4,5,6] y, float[1,2,2,3,6] a, float[1,2,2,3,4] m, float[1,2,8,6,7] t) {
    y = Conv<pads=[1,1,1,1,1,1], group=2>(x, w, b)
    a = AveragePool<kernel_shape=[2,2,1], strides=[2,2,1], pads=[0,0,0,0,1,0]>(x)
    m = MaxPool<kernel_shape=[3,3,3]>(x)
    t = ConvTranspose<strides=[2,1,1]>(x, wt)
}''', w=weights(4, 1, 3, 3, 3), b=weights(4), wt=weights(2, 2, 2, 2, 2)), noise(1, 2, 4, 5, 6))

save('elements', model('''
g (float[4,6] x, float[6] v) => (float[4,6] a, float[4,6] b, bool[4,6] c, float[4,1] d, float[4,6] e, float[6] f, float[4,6] n, float[4,6] o, float[4,6] h) {
    s = Selu(x)
    k = Celu<alpha=0.5>(s)
    m = Mod<fmod=1>(k, v)
    a = Clip(m, low, high)
    sh = Shrink<lambd=0.2, bias=0.1>(x)
    ss = Softsign(sh)
    at = Atan(ss)
    b = Sinh(at)
    th = ThresholdedRelu<alpha=0.3>(x)
    z = Equal(th, low)
    w = Less(x, v)
    c = Xor(z, w)
    d = ReduceLogSumExp<keepdims=1>(x, axis)
    l = ReduceL2<keepdims=0>(x, first)
    q = ReduceSumSquare<keepdims=0>(x, first)
    f = Sub(l, q)
    p = PRelu(x, v)
    e = Mean(p, x, v)
    n = LayerNormalization(x, v, v)
    g1 = HardSigmoid<alpha=0.3>(x)
    o = HardSwish(g1)
    h = Hardmax<axis=0>(x)
}''', low=numpy.float32(-0.5), high=numpy.float32(0.75), axis=integers(1), first=integers(0)),
     matrix, noise(6))

save('shapes', model('''
g (float[1,4,6,6] x) => (float[4,36] y, float[1,2,3,6] s, float[1,4,9,7] p, float[2,4,6,12] t, int64[4] n, float[3,4] d) {
    shape = Shape(x)
    n = Identity(shape)
    h = Gather(shape, two)
    w = Gather(shape, three)
    hw = Mul(h, w)
    one = Unsqueeze(hw, zero)
    c = Slice(shape, start, stop)
    full = Concat<axis=0>(c, one)
    y = Reshape(x, full)
    s = Slice(x, first, last, axes, steps)
    p = Pad<mode="reflect">(x, pads)
    t = Tile(x, repeats)
    z = ConstantOfShape<value=float[1] {1.5}>(d_shape)
    r = Range(n0, n4, n1)
    rf = Cast<to=1>(r)
    d = Add(z, rf)
}''', two=numpy.int64(2), three=numpy.int64(3), zero=integers(0), start=integers(1), stop=integers(2),
    first=integers(-1, 0), last=integers(-9, 5), axes=integers(1, 2), steps=integers(-2, 2),
    pads=integers(0, 0, 1, 1, 0, 0, 2, 0), repeats=integers(2, 1, 1, 2), d_shape=integers(3, 4),
    n0=numpy.int64(0), n4=numpy.int64(4), n1=numpy.int64(1)), picture)

save('index', model('''
g (float[4,6] x, int64[2,3] i) => (float[4,2] top, int64[4,2] place, float[2,3] e, float[4,6] s, float[2,3,6] g, float[4,6] nd, float[2,3,5] hot, int64[4] arg, float[4,6] sum, float[4,6] tri, float[4,2] some) {
    top, place = TopK<largest=0>(x, two)
    e = GatherElements(x, i)
    s = ScatterElements<reduction="add">(x, i, e)
    g = Gather(x, i)
    nd = ScatterND(x, rows, row)
    hot = OneHot(i, depth, values)
    arg = ArgMin<axis=1, keepdims=0>(x)
    sum = CumSum<reverse=1, exclusive=1>(x, axis)
    tri = Trilu<upper=0>(x, two0)
    some = Compress<axis=1>(x, which)
}''', two=integers(2), rows=integers(3, -4).reshape(2, 1), row=weights(2, 6), depth=numpy.int64(5),
    values=weights(2), axis=numpy.int64(1), two0=numpy.int64(1),
    which=numpy.array([False, True, False, False, True])), matrix, integers(0, 2, 1, -1, -2, 3).reshape(2, 3))

save('flow', model('''
g (float[4,6] x) => (float[4,6] a, float[6] last, float[3,6] all, float[6] sum, float[4,6] sums) {
    b = If(yes) <
        then_branch = one () => (float[4,6] p) { p = Mul(x, factor) },
        else_branch = other () => (float[1,6] q) { q = Slice(x, ones, twos) }
    >
    a = own.twice(b)
    last, all = Loop(count, , start) <body = step (int64 i, bool go, float[6] state) => (bool on, float[6] next, float[6] out) {
        row = Gather(x, i)
        next = Add(state, row)
        out = Mul(next, factor)
        on = Identity(go)
    }>
    sum, sums = Scan<num_scan_inputs=1, body = add (float[6] before, float[6] entry) => (float[6] after, float[6] put) {
        after = Add(before, entry)
        put = Identity(after)
    }>(start, x)
}
<opset_import: ["" : 18], domain: "own">
twice (v) => (w) { w = Add(v, v) }
''', yes=numpy.bool_(True), factor=numpy.float32(0.5), ones=integers(1), twos=integers(2),
    count=numpy.int64(3), start=weights(6)), matrix)

save('resize', model('''
g (float[1,2,5,6] x) => (float[1,2,10,12] a, float[1,2,7,9] b, float[1,2,3,4] c, float[1,2,8,9] d, float[1,2,3,3] e) {
    a = Resize<mode="nearest", nearest_mode="floor", coordinate_transformation_mode="asymmetric">(x, , twice)
    b = Resize<mode="linear", coordinate_transformation_mode="align_corners">(x, , , size)
    c = Resize<mode="cubic", cubic_coeff_a=-0.5, exclude_outside=1>(x, , , small)
    d = Resize<mode="nearest", nearest_mode="ceil", coordinate_transformation_mode="half_pixel">(x, , odd)
    e = Resize<mode="linear", antialias=1, axes=[2,3]>(x, , , three)
}''', twice=numpy.array([1, 1, 2, 2], numpy.float32), size=integers(1, 2, 7, 9),
    small=integers(1, 2, 3, 4), odd=numpy.array([1, 1, 1.7, 1.5], numpy.float32), three=integers(3, 3)),
     noise(1, 2, 5, 6))

save('recurrent', model('''
g (float[4,2,3] x) => (float[4,2,2,3] y, float[2,2,3] h, float[2,2,3] c, float[4,1,2,3] gy, float[1,2,3] rh) {
    y, h, c = LSTM<hidden_size=3, direction="bidirectional">(x, w, r, b)
    gy = GRU<hidden_size=3, linear_before_reset=1>(x, wg, rg, bg)
    ry, rh = RNN<hidden_size=3, activations=["Relu"]>(x, wr, rr)
}''', w=weights(2, 12, 3), r=weights(2, 12, 3) / 4, b=weights(2, 24), wg=weights(1, 9, 3),
    rg=weights(1, 9, 3) / 4, bg=weights(1, 18), wr=weights(1, 3, 3), rr=weights(1, 3, 3) / 8),
     noise(4, 2, 3))

save('samples', model('''
g (float[1,2,5,6] x, float[1,3,4,2] grid) => (float[1,2,3,4] a, float[1,2,3,4] b, float[1,2,3,4] c, float[1,4,3,3] w) {
    a = GridSample<mode="bilinear", padding_mode="zeros">(x, grid)
    b = GridSample<mode="bicubic", padding_mode="reflection", align_corners=1>(x, grid)
    c = GridSample<mode="nearest", padding_mode="border">(x, grid)
    s = Slice(x, zeros, even, axes)
    m, i = MaxPool<kernel_shape=[2,2], strides=[2,2]>(s)
    u = MaxUnpool<kernel_shape=[2,2], strides=[2,2]>(m, i)
    w1 = Concat<axis=1>(u, u)
    w = Slice(w1, zeros, threes, axes)
}''', zeros=integers(0, 0), threes=integers(3, 3), axes=integers(2, 3), even=integers(4, 6)),
     noise(1, 2, 5, 6), noise(1, 3, 4, 2) * numpy.float32(1.5))

save('old', model('''
g (float[1,4,6,6] x) => (float[1,4,12,12] up, float[4,6,6] s, float[1,4,2,6] c, float[1,4,7,6] p, float[1,4,6,6] k, float[1,1,4,1] r, float[1,144] soft) {
    up = Upsample<mode="nearest", scales=[1.0,1.0,2.0,2.0]>(x)
    s = Squeeze<axes=[0]>(x)
    c = Slice<starts=[2], ends=[-2], axes=[2]>(x)
    p = Pad<mode="edge", pads=[0,0,1,0,0,0,0,0]>(x)
    d = Dropout(x)
    k = Clip<min=-0.25, max=0.5>(d)
    u = Unsqueeze<axes=[0]>(x)
    m = ReduceMean<axes=[3,4], keepdims=0>(u)
    t = Transpose<perm=[0,2,1]>(m)
    r = Unsqueeze<axes=[0]>(t)
    q = Conv(x, w_in)
    f = Reshape(q, shape_in)
    soft = Softmax<axis=0>(f)
}''', version=7, ir=3, w_in=weights(4, 4, 1, 1), shape_in=integers(0, -1)), picture)

save('external', model('''
g (float[1,4,6,6] x) => (float[1,4,4,4] y) {
    c = Conv(x, w, b)
    y = Relu(c)
}''', w=weights(4, 4, 3, 3), b=weights(4)), picture, external=True)

save('halves', model('''
g (float[4,6] x) => (float[4,3] y) {
    h = Cast<to=10>(x)
    m = MatMul(h, w)
    f = Cast<to=1>(m)
    d = Cast<to=11>(f)
    e = Mul(d, double)
    y = Cast<to=1>(e)
}''', w=weights(6, 3, dtype=numpy.float16), double=numpy.float64(0.5)), matrix)

# Sizes that are not fixed: those of the input here are given when the file is read.
save('dynamic', model('''
g (float[N,3,H,W] x) => (float[N,C] y, float[N,4,H,W] z) {
    z = Conv<pads=[1,1,1,1]>(x, w)
    shape = Shape<start=0, end=1>(z)
    full = Concat<axis=0>(shape, rest)
    y = Reshape(z, full)
}''', w=weights(4, 3, 3, 3), rest=integers(-1)), noise(2, 3, 4, 5))

# What is refused: sizes and ends of loops that are computed, operators that nobody knows, what is left
# out.
for name, text, constants in (
        ('endless', '''
g (float[4,6] x, bool go) => (float[4,6] y) {
    y = Loop(count, go, x) <body = step (int64 i, bool on, float[4,6] v) => (bool off, float[4,6] w) {
        off = Not(on)
        w = Add(v, v)
    }>
}''', {'count': numpy.int64(3)}),
        ('computed', 'g (float[4,6] x, int64[2] shape) => (float[N,M] y) { y = Reshape(x, shape) }', {}),
        ('hidden', '''
g (float[4,6] x) => (float[6] y, float[4,6] z) {
    y, z = Scan<num_scan_inputs=1, body = add (float[6] a, float[6] b) => (float[6] c, float[6] d) {
        c = Unheard(a)
        d = Add(a, b)
    }>(start, x)
}''', {'start': weights(6)}),
        ('left_out', 'g (float[4,6] x) => (float[4,6] y) { y = Sum(x, , x) }', {}),
        ('not_given', 'g (float[4,6] x) => (float[6,4] z) { y, q = Relu(x)  z = Transpose(q) }', {}),
        ('found', 'g (float[4,6] x) => (int64[2,N] y) { y = NonZero(x) }', {})):
    (FOLDER / f'{name}.onnx').write_bytes(model(text, **constants).SerializeToString())
