#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/data/quantized: small ONNX networks that are quantized, with what ONNX Runtime gives.

usage: make_quantized_fixtures.py tests/data/quantized

Each case is written in up to two ways: NAME.qdq.onnx, operators on floats between QuantizeLinear
and DequantizeLinear, and NAME.qop.onnx, operators on integers. x.npy is the input of all, NAME.npy
the output of the first way, without any optimization. Needs onnx, onnxruntime and numpy.
"""
import os
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
random = np.random.default_rng(7)
SHAPE = [1, 4, 10, 10]
x = random.normal(size=SHAPE).astype(np.float32)
np.save(folder + '/x.npy', x)
RANGES = {np.uint8: (0, 255), np.int8: (-128, 127), np.int16: (-32768, 32767)}


class Net:
    """Nodes and constants, and what every quantized value is quantized with."""

    def __init__(self):
        self.nodes, self.constants, self.count = [], [], 0

    def name(self, word):
        self.count += 1
        return '%s_%d' % (word, self.count)

    def constant(self, array, word='c'):
        name = self.name(word)
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def node(self, op, inputs, domain='', **attributes):
        name = self.name(op.lower())
        self.nodes.append(helper.make_node(op, inputs, [name + '_y'], name=name, domain=domain,
                                           **attributes))
        return name + '_y'

    def numbers(self, q):
        scale, zero, kind = q[:3]
        return [self.constant(np.asarray(scale, np.float32), 'scale'),
                self.constant(np.asarray(zero, kind), 'zero')]

    def quantize(self, value, q):
        return self.node('QuantizeLinear', [value] + self.numbers(q))

    def dequantize(self, value, q, axis=None):
        more = {} if axis is None else {'axis': axis}
        return self.node('DequantizeLinear', [value] + self.numbers(q), **more)

    def through(self, value, q):
        return self.dequantize(self.quantize(value, q), q)

    def save(self, name, output, opset=13):
        graph = helper.make_graph(
            self.nodes, name, [helper.make_tensor_value_info('x', TensorProto.FLOAT, SHAPE)],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)], self.constants)
        model = helper.make_model(graph, producer_name='', opset_imports=[
            helper.make_opsetid('', opset), helper.make_opsetid('com.microsoft', 1)])
        model.ir_version = 8
        path = '%s/%s.onnx' % (folder, name)
        onnx.save(model, path)
        return path


def affine(low, high, kind=np.uint8):
    least, most = RANGES[kind]
    scale = np.float32((high - low) / (most - least))
    return scale, int(np.clip(round(least - low / scale), least, most)), kind


def run(path):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])
    return session.run(None, {'x': x})[0]


def weight_of(shape, kind, axis):
    """Integers and their numbers; one scale for each entry of the axis unless it is None."""
    real = random.normal(size=shape, scale=0.3).astype(np.float32)
    if axis is None:
        q = affine(real.min(), real.max()) if kind == np.uint8 else (
            np.float32(np.abs(real).max() / 127), 0, np.int8)
        return np.clip(np.rint(real / q[0]) + q[1], *RANGES[kind]).astype(kind), q, None
    others = tuple(i for i in range(len(shape)) if i != axis)
    scale = (np.abs(real).max(axis=others) / 127).astype(np.float32)
    wide = scale.reshape([-1 if i == axis else 1 for i in range(len(shape))])
    return (np.rint(real / wide).astype(np.int8), (scale, np.zeros(len(scale)), np.int8), axis)


def bias_of(q_in, q_weight, count):
    scale = np.asarray(q_in[0] * q_weight[0], np.float32)
    return np.rint(random.normal(size=count) / scale).astype(np.int32), scale


def finish(qdq, qop, name, q, expected_by='qdq'):
    """Both ways end in floats; the output of the first is what is expected."""
    paths = {}
    for way, made in (('qdq', qdq), ('qop', qop)):
        if made:
            net, value = made
            paths[way] = net.save('%s.%s' % (name, way), value if way == 'qdq' else
                                  net.dequantize(value, q))
    np.save('%s/%s.npy' % (folder, name), run(paths[expected_by]))
    if len(paths) == 2:
        a, b = run(paths['qdq']), run(paths['qop'])
        print('%-22s both ways differ by up to %d steps, %.2f %% equal' %
              (name, round(float(np.abs(a - b).max() / q[0])), 100 * (a == b).mean()))


# ---- layers ----------------------------------------------------------------------------------

def layer(name, op, shape, kind=np.uint8, weight_kind=np.uint8, axis=None, out=(-3, 3), bias=True,
          float_bias=False, activation=None, trained=False, qop=None, **attributes):
    q_in, q_out = affine(x.min(), x.max(), kind), affine(*out, kind)
    weight, q_weight, axis = weight_of(shape, weight_kind, axis)
    outputs = shape[1] if op == 'ConvTranspose' else shape[0]
    numbers, bias_scale = bias_of(q_in, q_weight, outputs)
    net = Net()
    if trained:  # quantized while it runs, as after quantization-aware training
        wide = np.asarray(q_weight[0]).reshape([-1 if i == axis else 1 for i in range(4)])
        w = net.node('QuantizeLinear', [net.constant((weight * wide).astype(np.float32), 'w')] +
                     net.numbers(q_weight), axis=axis)
    else:
        w = net.constant(weight, 'w')
    inputs = [net.through('x', q_in), net.dequantize(w, q_weight, axis)]
    if float_bias:
        inputs.append(net.constant((numbers * bias_scale).astype(np.float32), 'b'))
    elif bias:
        inputs.append(net.dequantize(net.constant(numbers, 'b'),
                                     (bias_scale, np.zeros(bias_scale.shape), np.int32),
                                     0 if bias_scale.ndim else None))
    value = net.node(op, inputs, **attributes)
    if activation:
        value = activation(net, value)
    qdq = net, net.through(value, q_out)
    other = None
    if qop:
        net = Net()
        inputs = [net.quantize('x', q_in)] + net.numbers(q_in) + [net.constant(weight, 'w')]
        inputs += net.numbers(q_weight) + net.numbers(q_out)
        if bias:
            inputs.append(net.constant(numbers, 'b'))
        other = net, net.node(qop, inputs, **attributes)
    finish(qdq, other, name, q_out)


RELU = lambda net, value: net.node('Relu', [value])
CLIP = lambda net, value: net.node('Clip', [value, net.constant(np.float32(0)),
                                            net.constant(np.float32(1.4))])
PADS = {'pads': [1, 1, 1, 1]}
layer('conv_u8u8', 'Conv', [6, 4, 3, 3], qop='QLinearConv', **PADS)
layer('conv_s8s8', 'Conv', [6, 4, 3, 3], np.int8, np.int8, qop='QLinearConv', strides=[2, 2], **PADS)
layer('conv_u8s8_channels', 'Conv', [6, 4, 3, 3], np.uint8, np.int8, 0, qop='QLinearConv', **PADS)
layer('conv_s8s8_channels', 'Conv', [6, 4, 1, 1], np.int8, np.int8, 0, bias=False,
      qop='QLinearConv')
layer('depthwise_channels', 'Conv', [4, 1, 3, 3], np.uint8, np.int8, 0, group=4, qop='QLinearConv',
      **PADS)
layer('conv_relu', 'Conv', [6, 4, 3, 3], np.uint8, np.int8, out=(0, 3), activation=RELU, **PADS)
layer('conv_relu_signed', 'Conv', [6, 4, 3, 3], np.int8, np.int8, out=(-1, 3), activation=RELU,
      **PADS)
layer('conv_clip', 'Conv', [6, 4, 3, 3], np.uint8, np.int8, 0, out=(0, 3), activation=CLIP, **PADS)
layer('conv_float_bias', 'Conv', [6, 4, 3, 3], np.uint8, np.int8, 0, float_bias=True, **PADS)
layer('conv_trained', 'Conv', [6, 4, 3, 3], np.uint8, np.int8, 0, trained=True, **PADS)
layer('deconv', 'ConvTranspose', [4, 3, 2, 2], np.uint8, np.int8, strides=[2, 2])
layer('deconv_channels', 'ConvTranspose', [4, 3, 2, 2], np.uint8, np.int8, 1, strides=[2, 2])


# ---- fully connected ---------------------------------------------------------------------------

def product(name, weight_kind, axis, gemm):
    q_in, q_out = affine(x.min(), x.max()), affine(-30, 30)
    weight, q_weight, axis = weight_of([10, 7], weight_kind, axis)
    numbers, bias_scale = bias_of(q_in, q_weight, 7)
    shape = np.array([40, 10], np.int64)
    net = Net()
    flat = net.node('Reshape', [net.through('x', q_in), net.constant(shape)])
    inputs = [flat, net.dequantize(net.constant(weight, 'w'), q_weight, axis)]
    if gemm:
        inputs.append(net.dequantize(net.constant(numbers, 'b'),
                                     (bias_scale, np.zeros(bias_scale.shape), np.int32),
                                     0 if bias_scale.ndim else None))
    qdq = net, net.through(net.node('Gemm' if gemm else 'MatMul', inputs), q_out)
    net = Net()
    flat = net.node('Reshape', [net.quantize('x', q_in), net.constant(shape)])
    inputs = [flat] + net.numbers(q_in) + [net.constant(weight, 'w')] + net.numbers(q_weight)
    if gemm:
        inputs += [net.constant(numbers, 'b')]
    inputs += net.numbers(q_out)
    qop = net, net.node('QGemm' if gemm else 'QLinearMatMul', inputs,
                        **({'domain': 'com.microsoft'} if gemm else {}))
    finish(qdq, qop, name, q_out)


product('gemm', np.uint8, None, True)
product('gemm_channels', np.int8, 1, True)
product('matmul', np.uint8, None, False)


# ---- elements, pooling, movement ---------------------------------------------------------------

def simple(name, out, op, qop=None, kind=np.uint8, count=1, keeps=False, first=False, inputs=(),
           more={}, **attributes):
    """One operator on `count` tensors, or on one that keeps its numbers."""
    q_in = [affine(x.min(), x.max(), kind), affine(-2, 5, kind)][:count]
    q_out = q_in[0] if keeps else affine(*out, kind)
    net = Net()
    values = [net.through('x', q) for q in q_in] + [net.constant(i) for i in inputs]
    qdq = net, net.through(net.node(op, values, **attributes), q_out)
    other = None
    if qop:
        net = Net()
        values = []
        for q in q_in:
            values += [net.quantize('x', q)] + net.numbers(q)
        numbers = net.numbers(q_out)
        values = numbers + values if first else values + numbers
        other = net, net.node(qop, values, domain='com.microsoft', **attributes, **more)
    elif keeps:  # the same operator on integers
        net = Net()
        values = [net.quantize('x', q) for q in q_in] + [net.constant(i) for i in inputs]
        other = net, net.node(op, values, **attributes)
    finish(qdq, other, name, q_out)


POOL = {'kernel_shape': [2, 2], 'strides': [2, 2]}
simple('add', (-5, 8), 'Add', 'QLinearAdd', count=2)
simple('add_signed', (-5, 8), 'Add', 'QLinearAdd', np.int8, count=2)
simple('mul', (-8, 12), 'Mul', 'QLinearMul', count=2)
simple('concat', (-3, 5), 'Concat', 'QLinearConcat', count=2, first=True, axis=1)
simple('sigmoid', (0, 1), 'Sigmoid', 'QLinearSigmoid')
simple('leaky_relu', (-1, 3), 'LeakyRelu', 'QLinearLeakyRelu', alpha=0.1)
simple('average_pool', (-2, 2), 'AveragePool', 'QLinearAveragePool', **POOL)
simple('global_average_pool', (-0.4, 0.4), 'GlobalAveragePool', 'QLinearGlobalAveragePool')
simple('relu', (0, 3), 'Relu')
simple('tanh', (-1, 1), 'Tanh')
simple('hard_sigmoid', (0, 1), 'HardSigmoid', alpha=1 / 6)
simple('softmax', (0, 1), 'Softmax', 'QLinearSoftmax', more={'opset': 13}, axis=1)
simple('reduce_mean', (-1, 1), 'ReduceMean', axes=[2])
simple('max_pool', None, 'MaxPool', keeps=True, **POOL)
simple('max_pool_signed', None, 'MaxPool', kind=np.int8, keeps=True, **POOL)
simple('transpose', None, 'Transpose', keeps=True, perm=[0, 2, 3, 1])
simple('reshape', None, 'Reshape', keeps=True, inputs=[np.array([4, -1], np.int64)])
simple('slice', None, 'Slice', keeps=True, inputs=[np.array([2]), np.array([9]), np.array([3])])
simple('resize', None, 'Resize', keeps=True, mode='nearest', nearest_mode='floor',
       coordinate_transformation_mode='asymmetric',
       inputs=[np.zeros(0, np.float32), np.array([1, 1, 2, 2], np.float32)])


# ---- what has no integer form --------------------------------------------------------------------

def sixteen_bits():
    """QuantizeLinear of int16 came with set 21; its rounding is computed in floats."""
    net, q = Net(), affine(-2, 5, np.int16)
    return net.save('sixteen_bits.qdq', net.through('x', q), opset=21)


def dynamic():
    """As onnxruntime's dynamic quantizer writes it."""
    net = Net()
    weight, q, _ = weight_of([10, 7], np.int8, None)
    net.nodes.append(helper.make_node('DynamicQuantizeLinear', ['x'], ['xq', 'xs', 'xz'], 'dynamic'))
    sums = net.node('MatMulInteger', ['xq', net.constant(weight, 'w'), 'xz',
                                      net.constant(np.int8(q[1]))])
    scale = net.node('Mul', ['xs', net.constant(np.float32(q[0]))])
    real = net.node('Cast', [sums], to=TensorProto.FLOAT)
    return net.save('dynamic.qdq', net.node('Mul', [real, scale]))


def partly():
    """A softmax stays in floats; the layers around it do not."""
    q, p = affine(x.min(), x.max()), affine(0, 1)
    net = Net()
    weight, q_weight, axis = weight_of([4, 4, 1, 1], np.int8, 0)
    conv = net.node('Conv', [net.through('x', q),
                             net.dequantize(net.constant(weight, 'w'), q_weight, axis)])
    soft = net.node('Softmax', [net.through(conv, affine(-3, 3))], axis=1)
    return net.save('partly.qdq', net.node('Exp', [soft]))


for make in (sixteen_bits, dynamic, partly):
    np.save('%s/%s.npy' % (folder, make.__name__), run(make()))


# ---- what cannot be ------------------------------------------------------------------------------

def bad(name, scale, zero, axis=None, shape=(4,)):
    """A weight with such numbers; the rest is sound."""
    net = Net()
    weight = net.constant(random.integers(-9, 9, size=[4, 4, 1, 1]).astype(np.int8), 'w')
    numbers = [net.constant(np.asarray(scale, np.float32)), net.constant(np.asarray(zero, np.int8))]
    more = {} if axis is None else {'axis': axis}
    weight = net.node('DequantizeLinear', [weight] + numbers, **more)
    net.save('bad_' + name, net.node('Conv', ['x', weight]))


bad('zero_scale', 0.0, 0)
bad('negative_scale', -0.5, 0)
bad('nan_scale', np.nan, 0)
bad('infinite_scale', np.inf, 0)
bad('tiny_scale', [1, 1, 1e-50, 1], [0, 0, 0, 0], 0)
bad('count', [1, 1, 1], [0, 0, 0], 0)
bad('zero_count', [1, 1, 1, 1], [0, 0, 0], 0)
bad('axis', [1, 1, 1, 1], [0, 0, 0, 0], 4)
bad('empty', np.zeros(0), np.zeros(0), 0)
