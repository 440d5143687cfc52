#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The same network without the strided slices at its beginning, which ncnn does not know.

  python3 bench/without_slices.py NET.onnx RESULT.onnx

YOLOX takes a picture apart into four of half its size and convolves them by 3x3; that is a convolution
of the picture by 6x6 with stride 2. Both are run on random numbers; the greatest difference is told.

Needs onnx, onnxruntime and numpy."""
import sys

import numpy
import onnx
import onnxruntime
from onnx import helper, numpy_helper


def constant(graph, name):
    for tensor in graph.initializer:
        if tensor.name == name:
            return numpy_helper.to_array(tensor)
    node = next(node for node in graph.node if name in node.output)
    return numpy_helper.to_array(node.attribute[0].t)


def follow(graph, producers, name):
    """The slices that give `name`, where they begin along height and width, and what they slice."""
    begin, slices = {2: 0, 3: 0}, []
    while name in producers:
        node = producers[name]
        assert node.op_type == 'Slice', node.op_type
        for start, axis in zip(constant(graph, node.input[1]), constant(graph, node.input[3])):
            begin[int(axis)] = int(start)
        slices.append(node)
        name = node.input[0]
    return begin, slices, name


def rewrite(graph):
    producers = {output: node for node in graph.node for output in node.output}
    conv = next(node for node in graph.node if node.op_type == 'Conv')
    concat = producers[conv.input[0]]
    weight = next(tensor for tensor in graph.initializer if tensor.name == conv.input[1])
    small = numpy_helper.to_array(weight)
    large = numpy.zeros((len(small), 3, 6, 6), numpy.float32)
    gone = [concat]
    for i, name in enumerate(concat.input):
        begin, slices, source = follow(graph, producers, name)
        large[:, :, begin[2]::2, begin[3]::2] = small[:, 3 * i:3 * i + 3]
        gone += slices
    weight.CopyFrom(numpy_helper.from_array(large, weight.name))
    conv.input[0] = source
    del conv.attribute[:]
    for key, value in (('kernel_shape', [6, 6]), ('strides', [2, 2]), ('pads', [2, 2, 2, 2])):
        conv.attribute.append(helper.make_attribute(key, value))
    kept = [node for node in graph.node if not any(node is other for other in gone)]
    del graph.node[:], graph.value_info[:]
    graph.node.extend(kept)


def main():
    model = onnx.load(sys.argv[1])
    rewrite(model.graph)
    onnx.save(model, sys.argv[2])
    sessions = [onnxruntime.InferenceSession(path) for path in sys.argv[1:3]]
    shape, name = sessions[0].get_inputs()[0].shape, sessions[0].get_inputs()[0].name
    x = numpy.random.default_rng(0).uniform(0, 255, shape).astype(numpy.float32)
    first, second = (session.run(None, {name: x})[0] for session in sessions)
    print(f'greatest difference {abs(first - second).max():.3g} of {abs(first).max():.3g}')


if __name__ == '__main__':
    main()
