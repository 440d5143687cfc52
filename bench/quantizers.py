#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Quantizers side by side: the same networks, the same pictures, the same measuring.

  PYTHONPATH=build/python python3 bench/quantizers.py build/cli/ork FOLDER --yolox NET.onnx --coco COCO
                                                      --shapes SHAPES [--only NAME ...]

YOLOX (outputs 1 x anchors x 85, boxes not decoded, input blue-green-red from 0 to 255) is calibrated
on COCO/calibration.txt and measured on COCO/validation.json; the classifier of bench/classifier.py, in
SHAPES, on its own pictures. Every quantizer runs in a process of its own, whose time and greatest
memory are told. What it makes runs in its own engine, all on integers; one piece of code decodes the
boxes of all, and `ork eval` measures them, with the deviation of the difference from float over 20
random halves of the pictures.

Needs numpy, OpenCV and onnxruntime; nncf with openvino, and ncnn with pnnx and its programs
ncnn2table, ncnn2int8 (--ncnn-tools DIR), are measured where they are there. For ncnn, FOLDER must hold
NAME.ncnn.param and NAME.ncnn.bin, made by `pnnx NAME.onnx`; of YOLOX after bench/without_slices.py."""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

import cv2
import numpy


# ---- networks: how pictures go in, what comes out ----

class Yolox:
    name, side, reorder, mean, std = 'yolox', 416, '2 1 0', 0.0, 1.0

    def __init__(self, args):
        self.onnx, self.coco = args.yolox, args.coco
        self.calibration = args.coco / 'calibration.txt'

    def fit(self, image):
        """In the corner of a grey square, as the network was trained."""
        ratio = min(self.side / image.shape[0], self.side / image.shape[1])
        square = numpy.full((self.side, self.side, 3), 114, numpy.uint8)
        size = int(image.shape[1] * ratio), int(image.shape[0] * ratio)
        square[:size[1], :size[0]] = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
        return square, ratio

    def tensor(self, square):
        return square.transpose(2, 0, 1)[None].astype(numpy.float32)

    def measure(self, run):
        truth = json.loads((self.coco / 'validation.json').read_text())
        categories = [category['id'] for category in truth['categories']]
        found = []
        for image in truth['images']:
            square, ratio = self.fit(cv2.imread(str(self.coco / 'validation' / image['file_name'])))
            for kind, score, box in boxes_of(run(square)):
                found.append({'image_id': image['id'], 'category_id': categories[kind],
                              'bbox': [float(v) / ratio for v in box], 'score': float(score)})
        return found


class Shapes:
    name, side, reorder, mean, std = 'shapes', 32, '2 1 0', 127.5, 64.0

    def __init__(self, args):
        self.onnx, self.folder = args.shapes / 'shapes.onnx', args.shapes
        self.calibration = args.shapes / 'calibration.txt'

    def fit(self, image):
        return image, 1.0

    def tensor(self, image):
        return ((image.transpose(2, 0, 1)[None] - self.mean) / self.std).astype(numpy.float32)

    def measure(self, run):
        right = []
        for path in sorted((self.folder / 'validation').glob('*/*.png')):
            right.append(int(numpy.argmax(run(cv2.imread(str(path)))) == int(path.parent.name)))
        return right


NETWORKS = {'yolox': Yolox, 'shapes': Shapes}


def calibration_pictures(network):
    for line in network.calibration.read_text().split():
        yield network.fit(cv2.imread(str(network.calibration.parent / line)))[0]


# ---- boxes ----

def grid(side):
    cells, strides = [], []
    for stride in (8, 16, 32):
        y, x = numpy.mgrid[0:side // stride, 0:side // stride]
        cells.append(numpy.stack([x.ravel(), y.ravel()], 1))
        strides.append(numpy.full((x.size, 1), stride))
    return numpy.concatenate(cells), numpy.concatenate(strides)


CELLS, STRIDES = grid(Yolox.side)


def boxes_of(answer, least=0.01, most_overlap=0.65):
    answer = numpy.asarray(answer, numpy.float32).reshape(-1, 85)
    scores = answer[:, 4:5] * answer[:, 5:]
    kinds = scores.argmax(1)
    best = scores[numpy.arange(len(scores)), kinds]
    centre = (answer[:, :2] + CELLS) * STRIDES
    size = numpy.exp(numpy.minimum(answer[:, 2:4], 20)) * STRIDES
    boxes = numpy.concatenate([centre - size / 2, size], 1)
    for kind in numpy.unique(kinds[best > least]):
        mine = numpy.flatnonzero((kinds == kind) & (best > least))
        mine = mine[numpy.argsort(-best[mine], kind='stable')]
        while len(mine):
            first, mine = mine[0], mine[1:]
            yield kind, best[first], boxes[first]
            mine = mine[overlaps(boxes[first], boxes[mine]) <= most_overlap]


def overlaps(box, others):
    corner = numpy.maximum(box[:2], others[:, :2])
    far = numpy.minimum(box[:2] + box[2:], others[:, :2] + others[:, 2:])
    shared = numpy.prod(numpy.maximum(far - corner, 0), 1)
    return shared / (box[2] * box[3] + others[:, 2] * others[:, 3] - shared + 1e-9)


# ---- quantizers: `make` quantizes into a path, `load` gives a function from a picture to an answer ----

class OnnxRuntime:
    ending = '.onnx'

    def __init__(self, method):
        self.method = method

    def make(self, network, path, args):
        import onnx.version_converter
        from onnxruntime import quantization
        from onnxruntime.quantization.shape_inference import quant_pre_process

        class Reader(quantization.CalibrationDataReader):
            """Read again for parts, so that not all tensors of all pictures are kept."""

            def __init__(self):
                self.pictures = list(calibration_pictures(network))
                self.set_range(0, len(self.pictures))

            def __len__(self):
                return len(self.pictures)

            def set_range(self, start_index, end_index):
                self.left = iter(self.pictures[start_index:end_index])

            def get_next(self):
                picture = next(self.left, None)
                return None if picture is None else {name: network.tensor(picture)}

        simple = path.with_suffix('.simple.onnx')
        model = onnx.load(network.onnx)
        if model.opset_import[0].version < 13:  # scales for each channel came with 13
            model = onnx.version_converter.convert_version(model, 13)
        onnx.save(model, simple)
        quant_pre_process(str(simple), str(simple), skip_symbolic_shape=True)
        name = onnx_session(simple).get_inputs()[0].name
        quantization.quantize_static(
            str(simple), str(path), Reader(), quant_format=quantization.QuantFormat.QDQ,
            activation_type=quantization.QuantType.QUInt8, weight_type=quantization.QuantType.QInt8,
            per_channel=True, calibrate_method=getattr(quantization.CalibrationMethod, self.method),
            extra_options={'CalibStridedMinMax': 10})

    def load(self, network, path, args):
        session = onnx_session(path)
        name = session.get_inputs()[0].name
        return lambda picture: session.run(None, {name: network.tensor(picture)})[0]


def onnx_session(path):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    return onnxruntime.InferenceSession(str(path), options, providers=['CPUExecutionProvider'])


class OnnxFloat(OnnxRuntime):
    def __init__(self):
        super().__init__('MinMax')

    def make(self, network, path, args):
        path.write_bytes(pathlib.Path(network.onnx).read_bytes())


class Nncf:
    ending = '.xml'

    def __init__(self, **options):
        self.options = options

    def make(self, network, path, args):
        import nncf
        import openvino
        pictures = list(calibration_pictures(network))
        dataset = nncf.Dataset(pictures, network.tensor)
        model = nncf.quantize(openvino.Core().read_model(network.onnx), dataset,
                              subset_size=len(pictures),
                              **{key: value(nncf) for key, value in self.options.items()})
        openvino.save_model(model, path, compress_to_fp16=False)

    def load(self, network, path, args):
        import openvino
        compiled = openvino.Core().compile_model(path, 'CPU')
        return lambda picture: compiled(network.tensor(picture))[0]


class Ncnn:
    ending = '.int8.param'

    def __init__(self, method):
        self.method = method

    def make(self, network, path, args):
        float_network = path.parent / f'{network.name}.ncnn'
        if not float_network.with_suffix('.ncnn.param').exists():
            raise RuntimeError(f'no {float_network}.param: pnnx {network.onnx}')
        listed = path.with_suffix('.txt')
        listed.write_text(''.join(f'{network.calibration.parent / line}\n'
                                  for line in network.calibration.read_text().split()))
        table, scale = path.with_suffix('.table'), 1 / network.std
        subprocess.run([args.ncnn_tools / 'ncnn2table', f'{float_network}.param', f'{float_network}.bin',
                        listed, table, f'mean=[{network.mean},{network.mean},{network.mean}]',
                        f'norm=[{scale},{scale},{scale}]', f'shape=[{network.side},{network.side},3]',
                        'pixel=BGR', 'thread=2', f'method={self.method}'], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        subprocess.run([args.ncnn_tools / 'ncnn2int8', f'{float_network}.param', f'{float_network}.bin',
                        path, path.with_suffix('.bin'), table], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    def load(self, network, path, args):
        import ncnn
        net = ncnn.Net()
        net.opt.num_threads = 1  # on a busy machine several wait for each other
        net.load_param(str(path))
        net.load_model(str(path.with_suffix('.bin')))

        def run(picture):
            extractor = net.create_extractor()
            numbers = numpy.ascontiguousarray(network.tensor(picture)[0])  # which Mat only points to
            extractor.input('in0', ncnn.Mat(numbers))
            return numpy.array(extractor.extract('out0')[1])
        run.keep = net
        return run


class Ours:
    ending = '.rknn'

    def __init__(self, dtype='u8', **config):
        self.dtype, self.config = dtype, config

    def make(self, network, path, args):
        command = [args.ork, 'convert', network.onnx, '-o', path, '--quantize', self.dtype, '--dataset',
                   network.calibration, '--reorder', network.reorder, '--threads', '2', '-q',
                   '--mean', ' '.join([str(network.mean)] * 3), '--std', ' '.join([str(network.std)] * 3)]
        for key, value in self.config.items():
            command += ['-c', f'{key}={value}']
        subprocess.run(list(map(str, command)), check=True)

    def load(self, network, path, args):
        from rknn.api import RKNN
        rknn = RKNN(raise_on_error=True)
        rknn.load_rknn(str(path))
        rknn.init_runtime()
        run = lambda picture: rknn.inference([numpy.ascontiguousarray(picture[..., ::-1])])[0]
        run.keep = rknn
        return run


QUANTIZERS = {
    'float': ('float', OnnxFloat()),
    'ort-minmax': ('ONNX Runtime, MinMax', OnnxRuntime('MinMax')),
    'ort-entropy': ('ONNX Runtime, Entropy', OnnxRuntime('Entropy')),
    'ort-percentile': ('ONNX Runtime, Percentile', OnnxRuntime('Percentile')),
    'nncf': ('OpenVINO NNCF', Nncf()),
    'nncf-mixed': ('OpenVINO NNCF, mixed preset, accurate bias correction',
                   Nncf(preset=lambda nncf: nncf.QuantizationPreset.MIXED,
                        fast_bias_correction=lambda nncf: False)),
    'ncnn-kl': ('ncnn, kl', Ncnn('kl')),
    'ncnn-aciq': ('ncnn, aciq', Ncnn('aciq')),
    'ncnn-eq': ('ncnn, eq', Ncnn('eq')),
    'ours-exact': ("ours, u8, the vendor's scheme", Ours(vendor_exact=1)),
    'ours-u8': ('ours, u8 for RK1808', Ours(target_platform='rk1808')),
    'ours-u8-rv1126': ('ours, u8 for RV1126', Ours(target_platform='rv1126')),
    'ours-u8-channel': ('ours, u8 per channel for RK1808', Ours(quantized_method='channel')),
    'ours-i16': ('ours, i16', Ours('i16')),
}


# ---- measuring ----

def work(args):
    """In a process of its own: quantizes, or runs what was quantized."""
    network = NETWORKS[args.network](args)
    quantizer = QUANTIZERS[args.quantizer][1]
    path = args.folder / f'{args.network}.{args.quantizer}{quantizer.ending}'
    if args.work == 'make':
        quantizer.make(network, path, args)
    else:
        found = network.measure(quantizer.load(network, path, args))
        (args.folder / f'{args.network}.{args.quantizer}.json').write_text(json.dumps(found))


def measured(args, job, network, quantizer):
    """Seconds and greatest memory in MB of the process and those that it starts; None when it fails."""
    command = [sys.executable, __file__, str(args.ork), str(args.folder), '--yolox', str(args.yolox), '--coco',
               str(args.coco), '--shapes', str(args.shapes), '--ncnn-tools', str(args.ncnn_tools),
               '--work', job, '--network', network, '--quantizer', quantizer]
    log = args.folder / f'{network}.{quantizer}.{job}.log'
    begun = time.perf_counter()
    with open(log, 'w') as file:
        child = subprocess.Popen(command, stdout=file, stderr=file)
        _, status, usage = os.wait4(child.pid, 0)
    if status:
        print(f'{network} {quantizer} {job} failed: see {log}', flush=True)
        return None
    return {'seconds': time.perf_counter() - begun, 'processor': usage.ru_utime + usage.ru_stime,
            'memory': usage.ru_maxrss / 1024}


def figures(args, network, names):
    answers = [args.folder / f'{network}.{name}.json' for name in names]
    if network == 'shapes':
        return [{'top1': numpy.mean(json.loads(path.read_text()))} for path in answers]
    printed = subprocess.run([args.ork, 'eval', *answers, '-a', args.coco / 'validation.json', '--halves',
                              '20', '--json'], check=True, capture_output=True, text=True)
    return json.loads(printed.stdout)['models']


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('ork', type=pathlib.Path)
    parser.add_argument('folder', type=pathlib.Path)
    parser.add_argument('--yolox', type=pathlib.Path, required=True)
    parser.add_argument('--coco', type=pathlib.Path, required=True)
    parser.add_argument('--shapes', type=pathlib.Path, required=True)
    parser.add_argument('--ncnn-tools', type=pathlib.Path, default='/nowhere')
    parser.add_argument('--only', nargs='*', default=list(QUANTIZERS))
    parser.add_argument('--networks', nargs='*', default=list(NETWORKS))
    parser.add_argument('--work', help=argparse.SUPPRESS)
    parser.add_argument('--network', help=argparse.SUPPRESS)
    parser.add_argument('--quantizer', help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work:
        return work(args)
    args.folder.mkdir(parents=True, exist_ok=True)
    for network in args.networks:
        done = {}
        for name in ['float'] + [name for name in args.only if name != 'float']:
            usage = measured(args, 'make', network, name)
            if usage and measured(args, 'run', network, name):
                done[name] = usage
                print(network, name, {key: round(value, 1) for key, value in usage.items()}, flush=True)
        for name, row in zip(done, figures(args, network, list(done))):
            print(json.dumps({'network': network, 'quantizer': QUANTIZERS[name][0], **done[name],
                              'figures': row}, default=float), flush=True)
    return 0


if __name__ == '__main__':
    sys.exit(main())
