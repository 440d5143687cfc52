# SPDX-License-Identifier: Apache-2.0
"""Every situation that must give a clear message, by number: one table, one row or more for each.

A row provokes its situation through the package or through `ork`, and says what must come back and
what the message must hold. For every row the test checks besides that nothing was written, and that
a good call works afterwards."""
import collections
import contextlib
import hashlib
import json
import os
import pathlib
import resource
import shutil
import signal
import struct
import subprocess
import unittest
import zipfile
import zlib

import numpy as np

import support
from rknn.api import RKNN

DATA = support.SOURCE / 'tests' / 'data'
ORK = pathlib.Path(os.environ['ORK_PROGRAM'])
PICTURE = DATA / 'image' / 'rgb.png'
SIZE = [[3, 8, 6]]  # of import/focus.pt, the network of most rows
TRACE = 'traced = torch.jit.trace(model.eval(), torch.zeros('

# The situations that a user gets into. Their numbers are those of the list that the project started
# from; those of boards are in tests/device, the others belong to what is not there yet.
NUMBERS = {
    'E01': 'weights without a network',
    'E02': 'another container of PyTorch, or a damaged one',
    'E03': 'scripted, not traced',
    'E04': 'unknown operators',
    'E05': 'a wrong input_size_list',
    'E06': 'another number of inputs',
    'E07': 'ONNX',
    'E08': 'mean and std that do not fit',
    'E09': 'an order of channels that is none',
    'E10': 'an unknown key of config',
    'E11': 'no platform, an unknown one, or two that cannot be mixed',
    'E12': 'no list of samples',
    'E13': 'missing samples',
    'E14': 'no samples',
    'E15': 'pictures that cannot be read',
    'E16': 'arrays that do not fit',
    'E17': 'lines that do not fit',
    'E18': 'samples without a range',
    'E19': 'quantization without samples, samples without quantization',
    'E20': 'a quantized model that is to be quantized',
    'E21': 'calls in a wrong order',
    'E22': 'a model that was precompiled',
    'E23': 'a file that is no model, or of another make',
    'E27': 'inputs that do not fit',
    'E28': 'a layer of the hybrid configuration that is unknown, or a line without effect',
    'E29': 'files of hybrid quantization that do not belong together',
    'E31': 'files that cannot be written, memory that is not there',
    'E35': 'use after release, Ctrl-C',
    'E36': 'annotations that cannot be used, or are of another detector',
}

Row = collections.namedtuple('Row', 'number name make result id parts')
ROWS = []


def situation(number, id, what='', where='', why='', fix='', result=-1, name=None):
    """A row. The function gets the test, prepares the situation, and returns what provokes it: a
    function to call, or a list of arguments for `ork`, whose exit code is then compared with
    result."""
    def add(make):
        ROWS.append(Row(number, name or make.__name__, make, result, id,
                        {'what': what, 'where': where, 'why': why, 'fix': fix}))
        return make
    return add


# ---- files that are no traced network ------------------------------------------------------

def load(file, *sizes):
    """A row's function that loads a file of tests/data."""
    return lambda t: lambda: t.rknn.load_pytorch(str(DATA / 'import' / file), list(sizes) or None)


WEIGHTS = {'what': '2 tensors and no network', 'why': '0.weight (2x3x3x3)', 'fix': TRACE}
situation('E01', 'E0202', where='weights.pth', name='weights alone, zip', **WEIGHTS)(
    load('weights.pth'))
situation('E01', 'E0202', where='weights_legacy.pth', name='weights alone, old form', **WEIGHTS)(
    load('weights_legacy.pth'))
situation('E01', 'E0202', what="a checkpoint, weights under 'model'", where='checkpoint.pth',
          fix="map_location='cpu')['model'])\n    " + TRACE + '1, 3, 20, 30))\n    '
          "traced.save('checkpoint.pt')", name='sizes are filled in')(
    load('checkpoint.pth', [3, 20, 30]))
situation('E01', 'E0202', what='holds 2 tensors', where='weights.pth', fix=TRACE + '1, 3, 20, 30))',
          result=3, name='ork')(
    lambda t: ['convert', DATA / 'import' / 'weights.pth', '--input-size', '3x20x30'])

situation('E02', 'E0202', what='whole module of class torch.nn.modules.container.Sequential',
          where='module.pth', fix="traced.save('module.pt')", name='pickled module')(
    load('module.pth'))
situation('E02', 'E0201', what='mobile phones (.ptl)', where='mobile.ptl', why='conv2d_clamp_run',
          fix=TRACE + '1, 2, 3, 3))', name='ptl with code for phones')(
    load('mobile.ptl', [2, 3, 3]))


@situation('E02', 'E0201', what='mobile phones (.ptl)', where='stripped.ptl', why='bytecode only',
           fix=TRACE)
def ptl_without_code(t):
    with zipfile.ZipFile(DATA / 'import' / 'lite.ptl') as source, \
            zipfile.ZipFile('stripped.ptl', 'w') as target:
        for name in source.namelist():
            if '/code/' not in name:
                target.writestr(name, source.read(name))
    return lambda: t.rknn.load_pytorch('stripped.ptl', [[2, 3, 3]])


@situation('E02', 'E0201', what='(.ptl) in flatbuffer form', where='flat.ptl', fix=TRACE)
def ptl_flatbuffer(t):
    t.write('flat.ptl', b'\x1c\0\0\0PTMF' + bytes(100))
    return lambda: t.rknn.load_pytorch('flat.ptl')


def exported(marker):
    def make(t):
        with zipfile.ZipFile('net.pt2', 'w') as archive:
            archive.writestr(marker, 'pt2')
            archive.writestr('net/version', '1')
        return lambda: t.rknn.load_pytorch('net.pt2', [[3, 20, 30]])
    return make


EXPORT = 'program = torch.export.export(model.eval(), ('
situation('E02', 'E0106', name='damaged pt2', where='net.pt2',
          why='record serialized_exported_program.json')(
    exported('serialized_exported_program.json'))
situation('E02', 'E0201', name='pt2 without a network', what='torch.export without a network', where='net.pt2',
          why='models/NAME.json', fix=EXPORT)(exported('net/archive_format'))
situation('E02', 'E0206', name='pt2 in training mode', where="layer 'norm' (BatchNorm2d, make_export_fixtures.py:",
          fix='model.eval()')(lambda t: lambda: t.rknn.load_pytorch(str(DATA / 'export' / 'training.pt2')))


@situation('E02', 'E0201', what='tar archive of torch before 0.2', where='old.pt', fix=TRACE)
def legacy_tar(t):
    t.write('old.pt', bytes(257) + b'ustar\0' + bytes(249))
    return lambda: t.rknn.load_pytorch('old.pt')


@situation('E02', 'E0104', what='not a whole zip archive', where='cut.pt', why='cut short',
           fix=TRACE + '1, 3, 8, 6))')
def truncated(t):
    t.write('cut.pt', (DATA / 'import' / 'focus.pt').read_bytes()[:-100])
    return lambda: t.rknn.load_pytorch('cut.pt', SIZE)


@situation('E02', 'E0105', where='cut.pth', why='cut short or damaged', fix='copy or download the file again')
def truncated_old_form(t):
    t.write('cut.pth', (DATA / 'import' / 'weights_legacy.pth').read_bytes()[:300])
    return lambda: t.rknn.load_pytorch('cut.pth')


situation('E03', 'E0203', what="scripted, not traced: its code has 'if'",
          where='(Branch, code/__torch__.py:9)', why='fixed sequence of layers',
          fix=TRACE + '1, 3, 4, 4))', name='scripted module')(
    load('script_if.pt', [3, 4, 4]))
situation('E04', 'E0205', what='torch.digamma                    2 x, first in the model (Unknown, '
          'code/__torch__.py:8)', where='unknown.pt', fix='run them after the network',
          name='unknown operators')(
    load('unknown.pt', [1, 2, 2]))
situation('E04', 'E0205', what='torch.erfinv', where='unknown.pt', result=4, name='ork')(
    lambda t: ['convert', DATA / 'import' / 'unknown.pt', '--input-size', '1x2x2'])


# ---- sizes and configuration ---------------------------------------------------------------

situation('E05', 'E0207', what='[[8, 6, 3]] does not fit', where='focus.pt',
          why='channels, height, width', fix='Looks like NHWC - did you mean [[3, 8, 6]]?',
          name='height, width, channels')(load('focus.pt', [8, 6, 3]))
situation('E05', 'E0208', what='conv2d', where="layer 'conv' (Conv2d, code/__torch__/",
          why='wants 12 channels (12 x 1 groups), the input has 16', fix='[[4, 8, 6]] was given',
          name='another number of channels')(load('focus.pt', [4, 8, 6]))
situation('E05', 'E0208', what='axis 2 of a tensor with 2 axes', where='(Focus, code/__torch__.py:',
          fix='[[8, 6]] was given', name='another rank')(load('focus.pt', [8, 6]))
situation('E05', 'E0208', what='concat', where="layer 'cat' (Focus, code/__torch__.py:",
          why='1x3x1x0', name='sizes that leave nothing')(load('focus.pt', [3, 2, 1]))
situation('E05', 'E0207', what='not known', where='focus.pt', why='forward(x: Tensor)',
          fix='input_size_list=[[3, 224, 224]]', name='no size')(load('focus.pt'))
situation('E05', 'E0207', what='not known', where='focus.pt', fix='--input-size 3x416x416',
          result=2, name='ork')(lambda t: ['convert', DATA / 'import' / 'focus.pt'])
situation('E06', 'E0207', what='2 sizes, the network takes 1', where='focus.pt',
          why='forward(x: Tensor)', fix='one size per input', name='too many')(
    load('focus.pt', [3, 8, 6], [3, 8, 6]))
situation('E06', 'E0207', what='1 size, the network takes 2 or more', where='lists.pt',
          why='forward(first: Tensor, others: ', name='too few')(load('lists.pt', [2]))

def field(number, content):
    """A field of a protocol buffer: text, message or number."""
    if isinstance(content, int):
        return bytes([number << 3, content])
    content = content.encode() if isinstance(content, str) else content
    return bytes([number << 3 | 2, len(content)]) + content


def onnx_model(height, op='Relu'):
    """x [1, 3, height, 8] -> op -> y; height None: not fixed."""
    sizes = [field(1, 1), field(1, 3), field(2, 'height') if height is None else field(1, height),
             field(1, 8)]
    shape = b''.join(field(1, size) for size in sizes)
    tensor = field(2, field(1, field(1, 1) + field(2, shape)))
    node = field(1, 'x') + field(2, 'y') + field(3, 'first') + field(4, op)
    graph = field(1, node) + field(11, field(1, 'x') + tensor) + field(12, field(1, 'y') + tensor)
    return field(1, 8) + field(7, graph) + field(8, field(2, 13))


def onnx(content, *arguments, **keywords):
    def make(t):
        t.write('net.onnx', content)
        return lambda: t.rknn.load_onnx('net.onnx', *arguments, **keywords)
    return make


situation('E07', 'E0207', what="input 'x': its size [1, 3, height, 8] is not fixed",
          where='net.onnx', fix='input_size_list', name='sizes that are not fixed')(
              onnx(onnx_model(None)))
situation('E07', 'E0207', what='2 sizes were given for [1, 3, 8, 8]', where='net.onnx',
          fix='one size for each axis', name='other axes')(
              onnx(onnx_model(8), input_size_list=[[8, 8]]))
situation('E07', 'E0211', what="no tensor of the model is called 'yy'", where='net.onnx',
          fix="did you mean 'y'?", name='outputs that are not there')(
              onnx(onnx_model(8), outputs=['yy']))
situation('E07', 'E0205', what='1 operator is not known', where='net.onnx', fix='outputs=[...]',
          name='unknown operators')(onnx(onnx_model(8, op='Einsam')))
situation('E07', 'E0109', what='damaged', where='net.onnx', fix='copy or export the file again',
          name='cut short')(onnx(onnx_model(8)[:-3]))


@situation('E07', 'E0201', what='this is an ONNX model', where='net.pt', fix='load_onnx')
def onnx_as_pytorch(t):
    t.write('net.pt', b'\x08\x07\x12\x07pytorch\x1a\x061.13.0' + bytes(100))
    return lambda: t.rknn.load_pytorch('net.pt', SIZE)


def configured(**values):
    """A row that configures and loads, since some values can be judged only with the network."""
    def make(t):
        def call():
            rknn = t.rknn
            return rknn.config(**values) or rknn.load_pytorch(t.network(), SIZE)
        return call
    return make


situation('E08', 'E0303', what="input 'x' has 3 channels, but mean_values[0] has 224 entries",
          fix='one number for each channel (axis 1 of N C H W)', name='length')(
    configured(mean_values=[[0] * 224], std_values=[[1] * 224]))
situation('E08', 'E0303', what='std_values holds a 0', why='divided by its std', name='std 0')(
    configured(std_values=[[0, 1, 1]]))
situation('E08', 'E0303', what='mean_values has 2 lists, but the network has 1 input',
          fix='one list for each input', name='lists')(configured(mean_values=[[0] * 3] * 2))
situation('E08', 'E0303', what='not a list of numbers', result=2, name='ork')(
    lambda t: ['convert', t.network(), '--input-size', '3x8x6', '--mean', '1 2 x'])
situation('E09', 'E0304', what="reorder_channel 'bgr'", why='not a number', fix="'0 1 2#0 1 2'",
          name='syntax')(configured(reorder_channel='bgr'))
situation('E09', 'E0304', what='3 channels, but reorder_channel[0] has 2', name='channels')(
    configured(reorder_channel='0 1'))
situation('E09', 'E0304', what='reorder_channel has 2 lists', name='inputs')(
    configured(reorder_channel='0 1 2#0 1 2'))
situation('E10', 'E0301', what='quant_img_RGB2BGR', why='RKNN-Toolkit2',
          fix="reorder_channel='2 1 0'", name='key of the next generation')(
    configured(quant_img_RGB2BGR=True))
situation('E10', 'E0301', what='mean_valus', fix="did you mean 'mean_values'?", name='typing error')(
    configured(mean_valus=[[0, 0, 0]]))
situation('E10', 'E0301', what='mean_valus', fix='mean_values', result=2, name='ork')(
    lambda t: ['convert', t.network(), '--input-size', '3x8x6', '--config', 'mean_valus=1'])
situation('E11', 'E0305', what='rk1808 and rv1109 cannot share a model', why='LION and PUMA',
          fix='another for rv1109, rv1126', name='two families')(
    configured(target_platform=['rk1808', 'rv1109']))
situation('E11', 'E0305', what='rk3588', fix='did you mean', name='unknown')(
    configured(target_platform='rk3588'))


# ---- samples -------------------------------------------------------------------------------

def build(*lines):
    """A row that quantizes with a list of these lines."""
    def make(t):
        t.prepare(lines)
        return lambda: t.rknn.build(do_quantization=True, dataset='list.txt')
    return make


def array(values):
    """A row that quantizes with one .npy file."""
    def make(t):
        np.save('a.npy', values, allow_pickle=True)
        return build('a.npy')(t)
    return make


def white_png(width, height):
    """Of one bit a pixel: a small file for its size."""
    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    rows = (b'\0' + b'\xff' * ((width + 7) // 8)) * height
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 1, 0, 0, 0, 0)) +
            chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b''))


def damaged(name, content):
    """A row that quantizes with one file of this content."""
    def make(t):
        t.write(name, content)
        return build(name)(t)
    return make


@situation('E12', 'E0401', what="cannot read the dataset 'absent.txt'", where='absent.txt',
           why='looked from /', fix='text file with one picture a line')
def no_list(t):
    t.load()
    return lambda: t.rknn.build(do_quantization=True, dataset='absent.txt')


situation('E12', 'E0401', what="cannot read the dataset 'absent.txt'", result=5, name='ork')(
    lambda t: ['convert', t.network(), '--input-size', '3x8x6', '--dataset', 'absent.txt'])
situation('E13', 'E0402', what="line 2 names a file that does not exist: 'absent.jpg'",
          where='list.txt:2', why="tried 'absent.jpg' and 'absent.jpg' in /",
          fix='2 of 3 lines name missing files: name files relative to', name='missing files')(
    build(PICTURE, 'absent.jpg', 'absent2.jpg'))
situation('E14', 'E0403', what='lists no samples', where='list.txt', name='empty list')(build())
situation('E14', 'E0403', what='lists no samples', where='list.txt', name='remarks only')(
    build('# nothing', ''))
situation('E14', 'E0403', what='none of the 2 samples can be used', where='note.txt (list.txt:2)',
          why='not a JPEG, PNG or BMP picture', name='nothing of use')(
    lambda t: (t.write('note.txt', b'words'), build('note.txt', 'note.txt')(t))[1])


@situation('E14', 'E0403', what='no pictures are in the folder', where='pictures', result=5)
def empty_folder(t):
    os.mkdir('pictures')
    return ['convert', t.network(), '--input-size', '3x8x6', '--dataset', 'pictures']


NONE_USED = 'none of the 1 samples can be used'
situation('E15', 'E0403', what=NONE_USED, where='a.jpg (list.txt:1)',
          why='the file ends before the picture does', fix='copy the file again', name='cut JPEG')(
    damaged('a.jpg', (DATA / 'image' / '444.jpg').read_bytes()[:300]))
situation('E15', 'E0403', what=NONE_USED, where='a.png (list.txt:1)',
          why='the file ends before the picture does', name='cut PNG')(
    damaged('a.png', PICTURE.read_bytes()[:100]))
situation('E15', 'E0403', what=NONE_USED, why='it has only 0 bytes', name='no bytes')(
    damaged('a.png', b''))
situation('E15', 'E0403', what=NONE_USED, why='that of a GIF file, whatever its name',
          name='animated, wrong name')(damaged('a.jpg', b'GIF89a' + bytes(100)))

situation('E16', 'E0403', what=NONE_USED, where='a.npy (list.txt:1)',
          why="input 'x' has shape 1x3x8x6, but 1x8x6x3 is needed; the array looks like NCHW",
          fix='height, width, channels', name='layout')(array(np.ones((3, 8, 6), np.float32)))
situation('E16', 'E0403', what=NONE_USED, why='1x7x6x3, but 1x8x6x3 is needed', name='size')(
    array(np.ones((7, 6, 3), np.float32)))
situation('E16', 'E0403', what=NONE_USED, why='needs 4 dimensions and got 2', name='rank')(
    array(np.ones((8, 6), np.float32)))
situation('E16', 'E0403', what=NONE_USED, why='Python objects', fix='array of numbers', name='objects')(
    array(np.array([None, 'a'], object)))
situation('E16', 'E0403', what=NONE_USED, why='complex numbers', name='complex')(
    array(np.ones((8, 6, 3), np.complex64)))
situation('E16', 'E0403', what=NONE_USED, why='not finite', fix='NaN', name='NaN')(
    array(np.full((8, 6, 3), np.nan, np.float32)))

situation('E17', 'E0402', what='line 1 lists 2 files, but the network has 1 input',
          where='list.txt:1', fix='names with spaces in double or single quotes',
          name='space in a name')(
    lambda t: (shutil.copy(PICTURE, 'my eye.png'), build('my eye.png')(t))[1])
situation('E17', 'E0402', what='a quote in line 1 is not closed', where='list.txt:1',
          name='open quote')(build('"my eye.png'))
situation('E18', 'E0501', what="input 'x' is the constant 0 in all samples",
          why='are all pictures black?', name='black pictures')(
    array(np.zeros((8, 6, 3), np.float32)))


def without_dataset(t):
    t.load()
    return lambda: t.rknn.build(do_quantization=True, dataset=None)


situation('E19', 'E0404', what='needs a dataset', fix="dataset='list.txt'", name='none given')(
    without_dataset)
situation('E19', 'E0404', what='needs a dataset', fix='--dataset list.txt', result=5, name='ork')(
    lambda t: ['convert', t.network(), '--input-size', '3x8x6', '--quantize', 'u8'])


@situation('E20', 'E0502', what='quantized already', why='quantized .rknn', fix='init_runtime()')
def quantized_again(t):
    t.quantized('eyes.rknn')
    t.assertEqual(t.rknn.load_rknn('eyes.rknn'), 0)
    return lambda: t.rknn.build(do_quantization=True, dataset='list.txt')


def given(file, *sizes):
    """A row's function that loads a network of tests/data which is quantized."""
    def make(t):
        path = str(DATA / 'quantized' / file)
        return lambda: (t.rknn.load_pytorch(path, list(sizes)) if file.endswith('.pt')
                        else t.rknn.load_onnx(path))
    return make


@situation('E20', 'E0502', what='quantized already', why='integers and their scales',
           fix='do_quantization=False')
def quantized_in_its_file(t):
    t.assertEqual(given('conv_u8u8.qdq.onnx')(t)(), 0)
    return lambda: t.rknn.build(do_quantization=True, dataset='list.txt')


situation('E07', 'E0503', what='a scale of nan', where="layer 'dequantizelinear",
          why='the real size of one step', fix='quantize the network again',
          name='a scale that is no number')(given('bad_nan_scale.onnx'))
situation('E07', 'E0503', what='3 scales for 4 channels', where="layer 'dequantizelinear",
          name='scales that do not fit')(given('bad_count.onnx'))
situation('E02', 'E0503', what='a zero point of 300', where='code/__torch__',
          why='one of the numbers that u8 has', name='a zero point that cannot be')(
    given('bad_torch_zero.pt', [2, 12, 12]))


# ---- calls and models ----------------------------------------------------------------------

ORDER = 'the order of calls is config, load_pytorch (or load_rknn), build, '
situation('E21', 'E0005', what='build() needs a network', where='build()', why=ORDER,
          fix='call load_pytorch() first', name='build before loading')(
    lambda t: lambda: t.rknn.build())
situation('E21', 'E0005', what='inference() needs init_runtime()', why=ORDER, result=None,
          name='inference before init_runtime')(
    lambda t: (t.load(), lambda: t.rknn.inference([t.picture()]))[1])
situation('E21', 'E0005', what='export_rknn() needs a built model', fix='call build() first',
          name='export before build')(
    lambda t: (t.load(), lambda: t.rknn.export_rknn('a.rknn'))[1])


@situation('E21', 'E0005', what='built already', fix='call init_runtime() next')
def build_of_a_built_model(t):
    t.floats('a.rknn')
    t.assertEqual(t.rknn.load_rknn('a.rknn'), 0)
    return lambda: t.rknn.build(do_quantization=False)


@situation('E21', 'E0005', what='no float network', fix='load the float network')
def analysis_after_load_rknn(t):
    t.floats('a.rknn')
    t.assertEqual(t.rknn.load_rknn('a.rknn'), 0)
    return lambda: t.rknn.accuracy_analysis('list.txt')


def precompiled():
    binary = b'VPMN' + struct.pack('<II', 0x10011, 0xB5) + bytes(100)
    text = json.dumps({'version': '1.7.1', 'nodes': []}).encode()
    return (b'RKNN\0\0\0\0' + struct.pack('<QQ', 1, len(binary)) + binary +
            struct.pack('<Q', len(text)) + text)


def rknn_file(content):
    def make(t):
        t.write('m.rknn', content)
        return lambda: t.rknn.load_rknn('m.rknn')
    return make


def told(content):
    """How a refused file is told."""
    return 'm.rknn (%d bytes, begins with %s, sha256 %s)' % (
        len(content), content[:8].hex(' '), hashlib.sha256(content).hexdigest())


situation('E22', 'E0602', what='contains NPU binary for RV1109/RV1126, made by toolkit 1.7.1',
          where='m.rknn', fix='exported without pre_compile', name='precompiled')(
    rknn_file(precompiled()))
situation('E22', 'E0602', what='contains NPU binary', result=4, name='ork')(
    lambda t: (t.write('m.rknn', precompiled()), ['detect', 'm.rknn', PICTURE])[1])

OTHERS = (
    ('encrypted', b'CYPTRKNN' + bytes(50), 'E0603', 'encrypted', 'before export_encrypted'),
    ('page', b'<!DOCTYPE html><html></html>', 'E0601', 'a web page', 'download the raw file'),
    ('version 6', b'RKNN\0\0\0\0' + struct.pack('<QQ', 6, 9) + bytes(50), 'E0604',
     'container version 6', 'convert the original model'),
    ('next generation', b'RKNX' + bytes(60), 'E0604', 'a later .rknn version', 'rk1808 or rv1126'),
    ('unknown', bytes(range(1, 200)), 'E0601', 'not a .rknn model', 'check the path'),
    ('truncated', b'RKNN\0\0\0\0' + struct.pack('<QQ', 1, 1000) + bytes(50), 'E0601',
     'it ends before its contents do', 'again'),
)
for other, data, error, said, advice in OTHERS:
    situation('E23', error, what=said, where=told(data), fix=advice, name=other)(rknn_file(data))
situation('E23', 'E0601', what='the file is empty', where='m.rknn (0 bytes)', name='empty')(
    rknn_file(b''))


# ---- inference -----------------------------------------------------------------------------

def infer(make_inputs, **options):
    def make(t):
        t.load()
        t.assertEqual(t.rknn.build(do_quantization=False), 0)
        t.assertEqual(t.rknn.init_runtime(), 0)
        return lambda: t.rknn.inference(make_inputs(t), **options)
    return make


def wrong_input(name, id, make_inputs, options=None, **parts):
    situation('E27', id, result=None, name=name, **parts)(infer(make_inputs, **(options or {})))


wrong_input('count', 'E0701', lambda t: [t.picture()] * 2, what='1 input; inference() got 2 arrays')
wrong_input('rank', 'E0702', lambda t: [np.zeros((8, 6))], what='8x6, but 1x8x6x3 is needed',
            why='needs 4 dimensions and got 2')
wrong_input('size', 'E0702', lambda t: [np.zeros((8, 8, 3))], what='1x8x8x3, but 1x8x6x3',
            fix='resize or letterbox')
wrong_input('layout', 'E0702', lambda t: [t.picture().transpose(2, 0, 1)], why='looks like NCHW',
            fix="data_format='nchw'")
wrong_input('not an array', 'E0703', lambda t: ['a.jpg'], what='inputs[0] cannot be read',
            fix='numpy arrays')
wrong_input('type', 'E0703', lambda t: [t.picture()], {'data_type': 'float64'}, what='float64',
            fix="'float32'")


# ---- files that cannot be written, memory, the end -----------------------------------------

def export_to(path):
    def make(t):
        t.load()
        t.assertEqual(t.rknn.build(do_quantization=False), 0)
        return lambda: t.rknn.export_rknn(path)
    return make


situation('E31', 'E0102', what="cannot write 'absent/a.rknn'", why='No such file or directory',
          fix='folder exists, is writable', name='no folder')(export_to('absent/a.rknn'))


@contextlib.contextmanager
def ordinary_user():
    """File permissions do not stop root."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@situation('E31', 'E0102', what="cannot write 'locked/a.rknn'", why='Permission denied')
def unwritable_folder(t):
    os.mkdir('locked')
    os.chmod('.', 0o755)
    os.chmod('locked', 0o555)
    export = export_to('locked/a.rknn')(t)

    def call():
        with ordinary_user():
            return export()
    return call


@situation('E31', 'E0102', what="cannot write 'folder'", why='Is a directory')
def folder_of_that_name(t):
    os.mkdir('folder')
    return export_to('folder')(t)


@contextlib.contextmanager
def limited(kind, amount):
    soft, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (amount, hard))
    try:
        yield
    finally:
        resource.setrlimit(kind, (soft, hard))


@situation('E31', 'E0102', what="cannot write 'old.rknn'", why='File too large', fix='has space')
def full_disk_keeps_the_old_file(t):
    t.write('old.rknn', b'what was there')
    export = export_to('old.rknn')(t)

    def call():
        with limited(resource.RLIMIT_FSIZE, 512):
            return export()
    return call


def ork_limited(t):
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512))


@situation('E31', 'E0102', what="cannot write 'a.rknn'", why='File too large', result=8)
def full_disk_ork(t):
    t.before_ork = ork_limited
    return ['convert', t.network(), '--input-size', '3x8x6', '-o', 'a.rknn']


@situation('E31', 'E0102', what="cannot write 'absent/a.rknn'", why='No such file', result=8)
def ork_looks_before_it_works(t):
    """The model is not even there: the folder of the output is looked at first."""
    return ['convert', 'absent.pt', '-o', 'absent/a.rknn']


def with_little_memory(call):
    if 'asan' in os.environ.get('LD_PRELOAD', ''):
        raise unittest.SkipTest('the sanitizer reserves all addresses')
    used = int(pathlib.Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()
    with limited(resource.RLIMIT_AS, used + (64 << 20)):
        return call()


@situation('E31', 'E0103', what='no memory to run the network', fix='smaller input')
def no_memory_for_the_network(t):
    t.assertEqual(t.rknn.load_pytorch(t.network(), [[3, 16384, 16384]]), 0)
    t.assertEqual(t.rknn.build(do_quantization=False), 0)
    return lambda: with_little_memory(t.rknn.init_runtime)


@situation('E31', 'E0103', what='no memory', where='large.png (list.txt:1)', fix='smaller input')
def no_memory_for_a_picture(t):
    """Which is no reason to leave the picture out."""
    t.write('large.png', white_png(9000, 9000))
    call = build('large.png', PICTURE)(t)
    return lambda: with_little_memory(call)


situation('E35', 'E0005', what='the object was released', why=ORDER, fix='rknn = RKNN()',
          name='use after release')(
    lambda t: (t.rknn.release(), t.rknn.release(), lambda: t.rknn.load_pytorch(t.network(), SIZE))[2])


# ---- hybrid quantization -------------------------------------------------------------------

def hybrid(change=lambda cfg: cfg, **files):
    """A row's function: the files of step 1, the configuration changed, and step 2 on them."""
    def make(t):
        t.prepare([PICTURE])
        t.assertEqual(t.rknn.hybrid_quantization_step1('list.txt'), 0)
        path = next(pathlib.Path().glob('*.quantization.cfg'))
        name = path.name[:-len('.quantization.cfg')]
        path.write_text(change(path.read_text()))
        names = {'json': name + '.json', 'data': name + '.data', 'cfg': path.name, **files}
        for kind, content in files.items():
            t.write('other.' + kind, content)
            names[kind] = 'other.' + kind
        return lambda: t.rknn.hybrid_quantization_step2(names['json'], names['data'], names['cfg'])
    return make


def with_layer(line):
    return lambda cfg: cfg.replace('customized_quantize_layers: {}',
                                   'customized_quantize_layers:\n    ' + line)


situation('E28', 'E0504', what="there is no layer 'convv'", where='.quantization.cfg',
          name='unknown layer')(hybrid(with_layer('convv: float32')))
situation('E28', 'E0504', what="no layer that fits 'op:lstm'", name='unknown pattern')(
    hybrid(with_layer('op:lstm: float32')))
situation('E28', 'E0504', what='changes nothing', fix='take the line out', name='no effect')(
    hybrid(with_layer("'*': asymmetric_quantized-u8")))
situation('E28', 'E0504', what="'float23' is no type", fix="did you mean 'float32'?",
          name='unknown type')(hybrid(with_layer("'*': float23")))
situation('E28', 'E0504', what='no colon in line', name='damaged configuration')(
    hybrid(with_layer('nothing')))
situation('E29', 'E0504', what='of another network', fix='three files of one call',
          name='configuration of another network')(
    hybrid(lambda cfg: cfg.replace('model_checksum: ', 'model_checksum: 0')))
situation('E29', 'E0504', what='.json file is not that of the .data', where='other.json',
          name='json of another network')(hybrid(json=b'{"checksum": "0"}'))
situation('E29', 'E0504', what='.json file is not that of the .data', name='data of another network')(
    hybrid(data=b'RKNN'))
situation('E29', 'E0101', what='a.data', name='file is not there')(
    lambda t: lambda: t.rknn.hybrid_quantization_step2('absent.json', 'a.data', __file__))
situation('E21', 'E0005', name='hybrid before load')(
    lambda t: lambda: t.rknn.hybrid_quantization_step1('list.txt'))


@situation('E19', 'E0404', name='hybrid without samples')
def hybrid_without_samples(t):
    t.load()
    return lambda: t.rknn.hybrid_quantization_step1()


# ---- annotations -----------------------------------------------------------------------------

def evaluation(truth):
    """`ork eval` of the sample detector against these annotations."""
    def make(t):
        t.write('truth.json', json.dumps(truth).encode())
        t.write('a.jpg', b'')
        return ['eval', support.EYES_MODEL, '--input-size', '3x416x416', '-a', 'truth.json']
    return make


PAGE = {'id': 1, 'file_name': 'a.jpg', 'width': 8, 'height': 8}
situation('E36', 'E0904', where='truth.json', fix='"categories"', result=5, name='no annotations')(
    evaluation({'images': [PAGE]}))
situation('E36', 'E0904', what='two images have the id 1', result=5, name='an image twice')(
    evaluation({'images': [PAGE, PAGE], 'annotations': [], 'categories': [{'id': 1, 'name': 'c'}]}))
situation('E36', 'E0905', what='the model has 3 classes, the annotations have 1 categor',
          fix='--labels', result=2, name='other classes')(
    evaluation({'images': [PAGE], 'annotations': [], 'categories': [{'id': 1, 'name': 'c'}]}))


class Situations(support.InEmptyFolder):
    """The rows that give an error at once."""

    def network(self):
        return str(DATA / 'import' / 'focus.pt')

    def write(self, name, content):
        pathlib.Path(name).write_bytes(content)

    def load(self):
        self.assertIsNone(self.rknn.config())
        self.assertEqual(self.rknn.load_pytorch(self.network(), SIZE), 0)

    def prepare(self, lines):
        self.write('list.txt', ''.join('%s\n' % line for line in lines).encode())
        self.load()

    def floats(self, path):
        self.load()
        self.assertEqual(self.rknn.build(do_quantization=False), 0)
        self.assertEqual(self.rknn.export_rknn(path), 0)

    def quantized(self, path):
        self.prepare([PICTURE])
        self.assertEqual(self.rknn.build(do_quantization=True, dataset='list.txt'), 0)
        self.assertEqual(self.rknn.export_rknn(path), 0)

    def picture(self):
        return np.arange(8 * 6 * 3, dtype=np.uint8).reshape(8, 6, 3)

    def snapshot(self):
        return {str(path): path.read_bytes() if path.is_file() else None
                for path in sorted(self.folder.rglob('*'))}

    def assert_message(self, row, report):
        self.assertEqual(report['id'], row.id, report)
        for part, text in row.parts.items():
            self.assertIn(text, report[part])
        self.assertTrue(report['what'])

    def check_call(self, row, call):
        before = self.snapshot()
        report = self.assert_fails(self.rknn, call, row.result, row.id)
        self.assertEqual(self.snapshot(), before)
        self.assert_message(row, {part: getattr(report, part) for part in ('id', *row.parts)})
        self.assert_goes_on()

    def assert_goes_on(self):
        """The same object does all of its work, unless it was released."""
        with support.capture():
            if 'released' in self.rknn.last_error.what:
                self.rknn = RKNN()
            self.load()
            self.assertEqual(self.rknn.build(do_quantization=False), 0)
            self.assertEqual(self.rknn.init_runtime(), 0)
            outputs = self.rknn.inference([self.picture()])
        self.assertEqual([output.shape for output in outputs], [(1, 4, 4, 3)])

    def check_ork(self, row, arguments):
        before = self.snapshot()
        done = subprocess.run([ORK, *map(str, arguments), '--json',
                               *(['-'] if arguments[0] == 'detect' else [])],
                              capture_output=True, timeout=300, check=False,
                              preexec_fn=self.before_ork and (lambda: self.before_ork(self)))
        self.assertEqual(done.returncode, row.result, done)
        self.assert_message(row, json.loads(done.stdout)['error'])
        self.assertEqual(self.snapshot(), before)

    def check(self, row):
        self.before_ork = None
        with support.capture():
            self.rknn = RKNN()
            made = row.make(self)
        if isinstance(made, list):
            self.check_ork(row, made)
        else:
            self.check_call(row, made)
        self.rknn.release()


def add_tests():
    """One test for each row, called by its number."""
    for place, row in enumerate(ROWS):
        name = 'test_%s_%02d_%s' % (row.number, place, row.name.replace(' ', '_'))
        setattr(Situations, name, lambda self, row=row: self.check(row))


add_tests()


class Table(unittest.TestCase):
    def test_every_number_has_a_row(self):
        """Situations that are no error but a note have their tests below, and a row all the same."""
        self.assertEqual({row.number for row in ROWS}, set(NUMBERS))


class Notes(support.InEmptyFolder):
    """The same situations where they are no error: work goes on, and says what it does."""

    network = Situations.network
    write = Situations.write
    load = Situations.load
    prepare = Situations.prepare
    picture = Situations.picture

    def lines_of(self, function):
        with support.capture() as printed:
            self.rknn = RKNN(verbose=True)
            function()
        self.assertIsNone(self.rknn.last_error)
        self.rknn.release()
        return printed.err

    def test_e02_ptl_that_can_be_read(self):
        path = str(DATA / 'import' / 'lite.ptl')
        self.assertIn('W %s is a TorchScript file for mobile phones (.ptl)' % path,
                      lines := self.lines_of(lambda: self.rknn.load_pytorch(path, [[2, 3, 3]])))
        self.assertIn(TRACE + '1, 2, 3, 3))', lines)

    def test_e05_sizes_of_both_generations(self):
        for size in ([3, 8, 6], [1, 3, 8, 6]):
            with self.subTest(size):
                self.assertIn('I input sizes: [[1, 3, 8, 6]]', self.lines_of(
                    lambda: self.rknn.load_pytorch(self.network(), [size])))

    def test_e11_no_platform(self):
        def work():
            self.load()
            self.rknn.build(do_quantization=False)
        self.assertIn('I target_platform is not set: the model is built for rk1808',
                      self.lines_of(work))

    def test_e15_skipped_pictures_are_counted(self):
        def work():
            self.write('none.jpg', b'')
            self.prepare([PICTURE, 'none.jpg'])
            self.assertEqual(self.rknn.build(dataset='list.txt'), 0)
        lines = self.lines_of(work)
        self.assertIn('W skipped none.jpg (list.txt:2): ', lines)
        self.assertIn('W skipped 1 of 2 samples', lines)

    def test_e15_pictures_of_rare_kinds_are_used(self):
        def work():
            self.prepare([DATA / 'image' / name for name in
                          ('cmyk.jpg', 'deep.png', 'deep_gray.png', 'rgba.png', 'exif6.jpg')])
            self.assertEqual(self.rknn.build(dataset='list.txt'), 0)
        self.assertNotIn('skipped', self.lines_of(work))

    def test_e16_order_and_types_of_arrays(self):
        def work():
            values = np.arange(144).reshape(8, 6, 3)
            np.save('f.npy', np.asfortranarray(values.astype(np.float64)))
            np.save('b.npy', values[None].astype(np.uint8))
            self.prepare(['f.npy', 'b.npy'])
            self.assertEqual(self.rknn.build(dataset='list.txt'), 0)
        self.assertNotIn('skipped', self.lines_of(work))

    def test_e17_names_with_spaces(self):
        def work():
            shutil.copy(PICTURE, 'my eye.png')
            shutil.copy(PICTURE, "it's.png")
            self.prepare(["'my eye.png'", '"my eye.png" # twice', '"it\'s.png"'])
            self.assertEqual(self.rknn.build(dataset='list.txt'), 0)
        self.assertNotIn('skipped', self.lines_of(work))

    def test_e19_dataset_without_quantization(self):
        def work():
            self.prepare([PICTURE])
            self.assertEqual(self.rknn.build(do_quantization=False, dataset='list.txt'), 0)
        self.assertIn('I the dataset is not used without quantization', self.lines_of(work))

    def test_e27_forms_that_are_taken(self):
        forms = {
            '3 axes': (self.picture(), 'I inputs[0] is one picture of 8x6x3'),
            'float64': (self.picture().astype(np.float64), ''),
            'not contiguous': (np.repeat(self.picture(), 2, 0)[::2], ''),
            '0 to 1': (self.picture() / 255, 'W inputs[0] holds values that uint8 cannot'),
        }
        for name, (array_given, line) in forms.items():
            def work():
                self.load()
                self.rknn.build(do_quantization=False)
                self.rknn.init_runtime()
                self.assertIsNotNone(self.rknn.inference([array_given]))
            with self.subTest(name):
                self.assertIn(line, self.lines_of(work))

    def test_e31_a_file_that_exists_is_replaced(self):
        def work():
            self.write('a.rknn', b'older')
            self.load()
            self.rknn.build(do_quantization=False)
            self.assertEqual(self.rknn.export_rknn('a.rknn'), 0)
        self.lines_of(work)
        self.assertEqual(self.written(), ['a.rknn'])
        self.assertEqual(pathlib.Path('a.rknn').read_bytes()[:4], b'RKNN')


@support.needs_eyes
class Interrupted(support.InEmptyFolder):
    """E35: Ctrl-C in the middle of long work. The list is so long that the work cannot end."""

    def setUp(self):
        super().setUp()
        pictures = sorted((support.EYES / 'calibration').iterdir())
        self.list = self.folder / 'list.txt'
        self.list.write_text(''.join('%s\n' % picture for picture in pictures * 500))

    def test_e35_build(self):
        with support.capture(), RKNN() as rknn:
            rknn.config()
            self.assertEqual(rknn.load_pytorch(str(support.EYES_MODEL), [support.EYES_SIZE]), 0)
            signal.setitimer(signal.ITIMER_REAL, 0.5)
            previous = signal.signal(signal.SIGALRM, signal.default_int_handler)
            self.addCleanup(signal.signal, signal.SIGALRM, previous)
            with self.assertRaises(KeyboardInterrupt):
                rknn.build(do_quantization=True, dataset=str(self.list))
            self.assertEqual(self.written(), ['list.txt'])
            self.assertEqual(rknn.build(do_quantization=False), 0)

    def interrupt(self, number, *arguments):
        before = self.written()
        ended = support.interrupt([ORK, 'convert', support.EYES_MODEL, '--input-size', '3x416x416', '-o', 'eyes.rknn',
                                   *arguments], number, env={**os.environ, 'TMPDIR': str(self.folder)})
        self.assertEqual(ended.returncode, 130, ended.stderr)
        self.assertIn('error E0002: cancelled', ended.stderr)
        self.assertEqual(self.written(), before)

    def test_e35_ork(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number):
                self.interrupt(number, '--dataset', self.list)

    def test_e35_ork_with_a_folder(self):
        """The list of the folder's pictures is a temporary file."""
        os.mkdir('pictures')
        for i in range(3000):
            os.symlink(support.EYES / 'calibration' / '00000.jpg', 'pictures/%d.jpg' % i)
        self.interrupt(signal.SIGINT, '--dataset', 'pictures')


if __name__ == '__main__':
    support.main()
