#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Networks that are quantized already, against those who quantized them. Prints a table in Markdown;
exits 1 when a row is wrong.

  PYTHONPATH=build/python python3 tests/conformance/quantized_networks.py [nodes] [torch] [onnx]

nodes   ONNX's own cases of operators on quantized and whole numbers (Debian: libonnx-testdata,
        python3-onnx), with scales as inputs and as constants: equal
torch   networks of torchvision by torch's eager mode (Debian: python3-torchvision), random weights:
        few steps of the last scale
onnx    YOLOX-nano of $ORK_SHARED by onnxruntime.quantization in five ways: closer to ONNX Runtime
        than both are to the network before quantization

What is not installed is skipped; 77 when that is all of it."""
import glob
import os
import sys
import tempfile

import numpy as np

from rknn.api import RKNN

SKIPPED = 77
NODES = '/usr/share/libonnx-testdata/data/node/'
rows = []


def report(name, good, text):
    print('| %-44s | %-6s | %s |' % (name, 'ok' if good else 'WRONG', text))
    rows.append(good)


def ours(path, inputs, target='rk1808', load=None, **how):
    rknn = RKNN()
    rknn.config(target_platform=target)
    loaded = load(rknn) if load else rknn.load_onnx(path)
    if loaded or rknn.build(do_quantization=False) or rknn.init_runtime():
        raise RuntimeError(rknn.last_error)
    return rknn.inference(inputs, data_format='nchw', **how)


def rounded(difference, step):
    return np.rint(np.abs(difference) / step)


# ---- nodes -----------------------------------------------------------------------------------

def node_tensor(onnx, path):
    tensor = onnx.TensorProto()
    with open(path, 'rb') as file:
        tensor.ParseFromString(file.read())
    return onnx.numpy_helper.to_array(tensor)


def in_order(pattern):
    return sorted(glob.glob(pattern), key=lambda p: int(p.split('_')[-1][:-3]))


def scales_of(model, feeds):
    """Scale and zero point of what the network gives as integers."""
    node = model.graph.node[-1]
    places = {'QuantizeLinear': 1, 'QLinearConv': 6, 'QLinearMatMul': 6}
    names = node.input[places[node.op_type]:][:2] if node.op_type in places else []
    return [feeds[n].astype(np.float64) for n in names if n in feeds]


def check_node(onnx, name, as_constants, scratch):
    model = onnx.load(NODES + name + '/model.onnx')
    data = NODES + name + '/test_data_set_0/'
    arrays = [node_tensor(onnx, p) for p in in_order(data + 'input_*.pb')]
    wanted = [node_tensor(onnx, p) for p in in_order(data + 'output_*.pb')]
    feeds = dict(zip([i.name for i in model.graph.input], arrays))
    names = [i.name for i in model.graph.input]
    if as_constants:
        for other in names[1:]:
            model.graph.initializer.append(onnx.numpy_helper.from_array(feeds[other], other))
        del model.graph.input[1:]
        names = names[:1]
    path = scratch + '/node.onnx'
    onnx.save(model, path)
    got = ours(path, [feeds[n] for n in names], inputs_pass_through=[1] * len(names),
               data_type=str(arrays[0].dtype) if len(names) == 1 else 'float32')
    numbers = scales_of(model, feeds) if as_constants else []
    worst, step = 0.0, 1.0
    for a, b in zip(got, wanted):
        if len(numbers) == 2 and numbers[0].size == 1 and b.dtype in (np.uint8, np.int8):
            b = (b - numbers[1]) * numbers[0]  # integers come out as what they stand for
            step = float(numbers[0])
        worst = max(worst, float(np.abs(a.reshape(b.shape) - b).max() / step))
    return worst


def nodes():
    import onnx
    import onnx.numpy_helper
    words = ('quantize', 'qlinear', 'integer')
    with tempfile.TemporaryDirectory() as scratch:
        for name in sorted(os.listdir(NODES)):
            if not any(word in name for word in words):
                continue
            off = [check_node(onnx, name, constants, scratch) for constants in (False, True)]
            report(name[5:], max(off) < 1e-4,
                   'off by %.2g with scales as inputs, %.2g as constants' % tuple(off))


# ---- torchvision -----------------------------------------------------------------------------

def make_torch(torch, torchvision, name, scratch):
    torch.manual_seed(0)
    model = getattr(torchvision.models.quantization, name)(quantize=False).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-.2, .2)
            module.running_var.uniform_(.5, 1.5)
    model.fuse_model(is_qat=False)
    model.qconfig = torch.ao.quantization.get_default_qconfig('qnnpack')
    torch.ao.quantization.prepare(model, inplace=True)
    for _ in range(4):
        model(torch.randn(1, 3, 224, 224))
    torch.ao.quantization.convert(model, inplace=True)
    x = torch.randn(1, 3, 224, 224)
    traced = torch.jit.trace(model, x, check_trace=False)
    path = '%s/%s.pt' % (scratch, name)
    traced.save(path)
    return path, x.numpy(), traced(x).detach().numpy()


def torch():
    import torch
    import torchvision
    torch.backends.quantized.engine = 'qnnpack'
    with tempfile.TemporaryDirectory() as scratch:
        for name in ('resnet18', 'mobilenet_v2', 'shufflenet_v2_x1_0', 'googlenet'):
            path, x, wanted = make_torch(torch, torchvision, name, scratch)
            step = np.diff(np.unique(wanted)).min()
            for target in ('rk1808', 'rv1126'):
                got = ours(path, [x], target, data_type='float32',
                           load=lambda r: r.load_pytorch(path, [[3, 224, 224]]))[0]
                steps = rounded(got - wanted, step)
                like = np.corrcoef(got.ravel(), wanted.ravel())[0, 1]
                report('%s, %s' % (name, target), steps.max() <= 12 and like > 0.99,
                       'up to %d steps, %.1f %% equal, %.1f %% within 1, correlation %.5f' %
                       (steps.max(), 100 * (steps == 0).mean(), 100 * (steps <= 1).mean(), like))


# ---- onnxruntime -----------------------------------------------------------------------------

def theirs(runtime, path, x):
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = runtime.InferenceSession(path, options, providers=['CPUExecutionProvider'])
    return session.run(None, {session.get_inputs()[0].name: x})[0]


def pictures():
    """As 416 x 416, without a resize: a corner of each."""
    import cv2
    shared = os.environ['ORK_SHARED'] + '/data/coco/calibration/*.jpg'
    for path in sorted(glob.glob(shared))[:12]:
        canvas = np.full((416, 416, 3), 114, np.uint8)
        corner = cv2.imread(path)[:416, :416]
        canvas[:corner.shape[0], :corner.shape[1]] = corner
        yield canvas.transpose(2, 0, 1)[None].astype(np.float32)


def onnx_networks():
    import onnx
    import onnxruntime
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    source = os.environ.get('ORK_SHARED', '') + '/models/yolox_nano/yolox_nano_416.onnx'
    if not os.path.exists(source):
        raise ImportError('no $ORK_SHARED/models/yolox_nano')
    *samples, x = load_pictures()

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.left = iter([{'images': s} for s in samples])

        def get_next(self):
            return next(self.left, None)

    ways = [(QuantFormat.QDQ, 'u8', 'u8', False), (QuantFormat.QDQ, 'u8', 'i8', True),
            (QuantFormat.QDQ, 'i8', 'i8', False), (QuantFormat.QOperator, 'u8', 'u8', False),
            (QuantFormat.QOperator, 'u8', 'i8', True)]
    types = {'u8': QuantType.QUInt8, 'i8': QuantType.QInt8}
    with tempfile.TemporaryDirectory() as scratch:
        plain = scratch + '/plain.onnx'
        onnx.save(onnx.version_converter.convert_version(onnx.load(source), 13), plain)
        real = theirs(onnxruntime, plain, x)
        for form, activation, weight, channels in ways:
            path = scratch + '/quantized.onnx'
            quantize_static(plain, path, Reader(), quant_format=form, per_channel=channels,
                            activation_type=types[activation], weight_type=types[weight])
            wanted = theirs(onnxruntime, path, x)
            for target in ('rk1808', 'rv1126'):
                got = ours(path, [x], target, data_type='float32')[0]
                apart, error = np.abs(got - wanted).mean(), np.abs(wanted - real).mean()
                report('yolox_nano %s, %s/%s%s, %s' % (form.name, activation, weight,
                                                       ' channels' if channels else '', target),
                       apart < error,
                       'mean difference %.4f (quantization itself %.4f), %.1f %% equal' %
                       (apart, error, 100 * (got == wanted).mean()))


def load_pictures():
    path = os.environ.get('ORK_PICTURES')  # for a Python without OpenCV
    if path:
        return list(np.load(path)[:, None].astype(np.float32))
    return list(pictures())


def main():
    parts = {'nodes': nodes, 'torch': torch, 'onnx': onnx_networks}
    print('| network | | |\n|---|---|---|')
    for name in sys.argv[1:] or parts:
        try:
            parts[name]()
        except (ImportError, FileNotFoundError) as reason:
            print('skipped %s: %s' % (name, reason))
    return SKIPPED if not rows else 0 if all(rows) else 1


if __name__ == '__main__':
    sys.exit(main())
