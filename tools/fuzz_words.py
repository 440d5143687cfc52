#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints libFuzzer's dictionary for a fuzz target: words that its reader knows, taken from the tables
in the sources, and the marks of the format.

usage: fuzz_words.py TARGET
"""
import os
import pathlib
import re
import sys

STRING = r'"((?:\\.|[^"\\\n])*)"'
WORD = r'\b([a-z_][a-z0-9_.]+)\b'
PICKLE = [bytes([code]) for code in b'.(NI0123\x88\x89JKMLFSTUVX\x8c\x8d]ael)t\x85\x86\x87}dsucioR\x81'
          b'\x92bpqrghjGBC\x8e\x8f\x90\x91\x93\x94\x95QP'] + [
    b'\x80\x02', b'\x80\x04\x95', b'ctorch._utils\n_rebuild_tensor_v2\n', b'ccollections\nOrderedDict\n',
    b'ctorch\nFloatStorage\n', b'X\x07\x00\x00\x00storage', b'\x8a\x01\x00', b'h\x00', b'q\x00', b'K\x01',
    b'M\x00\x01', b'J\xff\xff\xff\x7f', b')R.', b')\x81}b', b'(K\x01K\x02t', b'(lp0\n.', b'I01\n']
ZIP = [b'PK\x01\x02', b'PK\x03\x04', b'PK\x05\x06', b'PK\x06\x06', b'PK\x06\x07', b'PK\x07\x08',
       b'\x08\x00', b'\x01\x00\x1c\x00', b'\xff\xff\xff\xff', b'\xff\xff', b'\x2d\x00']
CODE = [b' = ', b': Tensor', b'\n    ', b'(x, ', b'[0, 1]', b'[1, 1]', b', dim=1', b'-1', b'1e-05',
        b'getattr(self, "w")', b'self.w', b'self.b', b'self.s', b'self.s.forward(', b'CONSTANTS.c0',
        b'CONSTANTS.c2', b'annotate(List[Tensor], [', b'torch.size(x, 0)', b'ops.prim.NumToTensor(',
        b'unchecked_cast(Tensor, ', b'None', b'True', b'False', b'#2', b'return ', b'  def forward(',
        b'class M(Module):\n', b'def f(x: Tensor) -> Tensor:\n', b'__torch__.f(', b'torch.device("cpu")',
        b'9223372036854775807', b'-9223372036854775808', b'"floor"', b'"bilinear"', b'"zeros"']
GRAPH = [b'%0', b'%1', b'input ', b'const ', b'output ', b'fill 1', b'random 1', b'zeros', b'layer "l"',
         b'scope "s"', b'f32[1x1]', b'i64[2]', b'u8[1]{0.5 1}', b'{fl 3}', b'{axis 0 [1] [0]}', b' [1 0]',
         b'mean [0] std [1] reorder [0]', b'graph "g" imported {', b'canon', b'quant', b'_', b'\\x00',
         b'nan', b'-inf', b'2147483647', b'9223372036854775807', b'-1', b'level 3']
JSON = [b'{"', b'":', b'",', b'[]', b'{}', b'null', b'true', b'false', b'\\u0000', b'\\ud83d\\ude00',
        b'1e308', b'-0.0', b'18446744073709551615']
ONNX = [b'#13\n', b'\n!s 1,2,3\n', b'!f 0.5,1.\n', b' x ', b' x,w,b y', b' m,v ', b'axis=1', b'axis=-1', b'=1,1', b'=0.5',
        b'\x08\x01', b'\x0a\x01x', b'\x12\x01y', b'\x22\x04Relu', b'\x2a\x00', b'\x3a\x00', b'\x42\x02\x10\x0d',
        b'\x5a\x0a\x0a\x01x\x12\x05\x0a\x03\x08\x01', b'\xff\xff\xff\xff\x0f', b'\x80\x01',
        b'\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01']
EXPORT = [b'torch.ops.aten.', b'.default', b'.Tensor', b'torch.ops.higher_order.', b'"target":"', b'"inputs":[',
          b'"outputs":[', b'"nodes":[', b'{"name":"', b'"arg":{"as_', b'"as_tensor":{"name":"x"}', b'"kind":1',
          b'"kind":2', b'{"as_int":-1}', b'{"as_ints":[1,1]}', b'{"as_none":true}', b'"dtype":7', b'Infinity', b'#2',
          b'"w"', b'"b"', b'"n"', b'"c"', b'9223372036854775807', b'-9223372036854775808']
WIRE = [b'ORKW', *(bytes([kind, 0, 0, 0]) for kind in range(1, 9)), bytes(8), b'\x01\x04\x00\x00', b'\x50\x00\x30', b'#',
        b'\x03\x0c\x00', b'\x05\x80\x00', b'\x07\x13\x00', b'\x06\x0c\x00']
ADB = [b'OKAY', b'FAIL', b'0000', b'0020', b'ffff', b' device', b' offline', b' unauthorized', b' no permissions',
       b' model:', b'\t', b'\n']
DATASET = [b'a', b'"b c"', b"'", b'"', b'#', b'\r\n', b'\xef\xbb\xbf', b'./a', b'\xff\xfe', b'\t', b'/']
# target: (sources, what is taken from them), ..., and words
TARGETS = {
    'torchscript': [('src/import/torch/torch_ops.def', r'"((?:torch|ops|prim)[a-z0-9_.]+)"'),
                    ('src/import/torch/torch_ops.def', r'[ ]([a-z_]+)='), CODE],
    'pt2': [('src/import/torch/export_graph.c', STRING), ('src/import/torch/export_archive.c', STRING),
            ('src/import/torch/export_symbols.c', STRING), ('src/import/torch/export.c', STRING),
            ('src/import/torch/torch_ops.def', r'"torch[.]([a-z0-9_]+)"'), JSON, EXPORT],
    'pickle': [PICKLE],
    'zip': [ZIP],
    'graph_text': [('src/graph/ops.def', WORD), GRAPH],
    'json': [JSON],
    'coco': [('src/detect/coco.c', STRING), JSON, [b'"id":1', b'[0,0,9,9]', b'"image_id":1', b'"category_id":1']],
    'rknn': [('src/rknn/rknn_ops.def', STRING), ('src/rknn/read.c', STRING),
             ('src/rknn/types.c', STRING), ('src/rknn/attrs.c', STRING), JSON],
    'config': [('src/api/config.def', STRING), ('src/api/config.def', r'CONFIG\((\w+)'),
               ('src/npu/socs.def', STRING), [b'#', b'[', b'],', b'0', b'2 1 0', b'-1', b'\n']],
    'onnx': [('src/import/onnx/onnx_ops.def', r'"(\w+)"'), ('src/import/onnx', r'"([A-Za-z_]\w+)"'), ONNX],
    'protobuf': [ONNX],
    'dataset': [DATASET],
    'labels': [DATASET],
    'statistics': [[b'ORKSTATS']],
    'board': [WIRE],
    'host': [WIRE],
    'adb': [ADB],
}


def words_of(target):
    for source in TARGETS.get(target, []):
        if isinstance(source, list):
            yield from source
        else:
            path, pattern = source
            files = sorted(pathlib.Path(path).glob('*.c')) if os.path.isdir(path) else [path]
            for file in files:
                for word in re.findall(pattern, open(file, encoding='utf-8').read()):
                    yield word.encode()


def main():
    for word in sorted(set(words_of(sys.argv[1]))):
        if 0 < len(word) <= 64:
            print('"%s"' % ''.join('\\x%02x' % byte for byte in word))


if __name__ == '__main__':
    main()
