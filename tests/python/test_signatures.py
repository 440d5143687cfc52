# SPDX-License-Identifier: Apache-2.0
"""Every method, parameter and default of RKNN-Toolkit 1.x, and that the stubs agree."""
import ast
import importlib
import inspect
import unittest

import support
from rknn.api import RKNN

CONFIG = {
    'batch_size': 100, 'mean_values': None, 'std_values': None, 'epochs': -1,
    'reorder_channel': None, 'need_horizontal_merge': False,
    'quantized_dtype': 'asymmetric_quantized-u8', 'quantized_algorithm': 'normal', 'mmse_epoch': 3,
    'optimization_level': 3, 'target_platform': None, 'quantize_input_node': False,
    'merge_dequant_layer_and_output_node': False, 'model_pruning': False,
    'force_builtin_perm': False, 'output_optimize': 0, 'do_sparse_network': True,
    'remove_tensorflow_output_permute': False, 'channel_mean_value': None,
    'vendor_exact': False, 'splits': 8, 'max_drop': None, 'quantized_method': 'layer',
    'equalization': True,  # ours
}

# As a script may call them: positions and defaults.
SIGNATURES = {
    '__init__': '(self, verbose=False, verbose_file=None, raise_on_error=False)',
    '__enter__': '(self)',
    '__exit__': '(self, exc_type, exc_value, traceback)',
    'release': '(self)',
    'load_pytorch': "(self, model, input_size_list=None, inputs=None, outputs=None, "
                    "convert_engine='torch')",
    'load_rknn': '(self, path, load_model_in_npu=False)',
    'load_caffe': "(self, model, proto='caffe', blobs=None)",
    'load_darknet': '(self, model, weight)',
    'load_keras': "(self, model, convert_engine='Keras')",
    'load_mxnet': '(self, symbol, params, input_size_list=None)',
    'load_onnx': '(self, model, inputs=None, input_size_list=None, outputs=None)',
    'load_tensorflow': '(self, tf_pb, inputs, input_size_list, outputs, predef_file=None, '
                       'mean_values=None, std_values=None, size_with_batch=None)',
    'load_tflite': '(self, model)',
    'register_op': '(self, op_path)',
    'build': "(self, do_quantization=True, dataset='dataset.txt', pre_compile=False, "
             "rknn_batch_size=1, auto_hybrid=False)",
    'direct_build': '(self, model_input, data_input, model_quantize=None, pre_compile=False)',
    'hybrid_quantization_step1': '(self, dataset=None)',
    'hybrid_quantization_step2': '(self, model_input, data_input, model_quantization_cfg, '
                                 'dataset=None, pre_compile=False)',
    'accuracy_analysis': "(self, inputs, output_dir='./snapshot', calc_qnt_error=True, "
                         "target=None, device_id=None, dump_file_type='tensor')",
    'export_rknn': '(self, export_path)',
    'export_rknn_precompile_model': '(self, export_path)',
    'export_rknn_sync_model': '(self, input_model, sync_uids, output_model=None)',
    'export_encrypted_rknn_model': '(self, input_model, output_model=None, crypt_level=1)',
    'export_rknn_quant_params': '(self, model, only_io=True)',
    'init_runtime': '(self, target=None, device_id=None, perf_debug=False, eval_mem=False, '
                    'async_mode=False, rknn2precompile=False, target_sub_class=None)',
    'inference': "(self, inputs=None, data_type='uint8', data_format='nhwc', "
                 "inputs_pass_through=None, get_frame_id=False)",
    'eval_perf': '(self, inputs=None, data_type=None, data_format=None, is_print=True, '
                 'loop_cnt=1, export_perf_statistics=False)',
    'eval_memory': '(self, is_print=True)',
    'get_sdk_version': '(self)',
    'list_devices': '(self)',
    'list_support_target_platform': '(self, rknn_model=None)',
    'load_firmware': '(self, fw_dir=None)',
    'fetch_rknn_model_config': '(self, model_path)',
    # Our own: RKNN-Toolkit has no such call.
    'check': "(self, target='rk1808', is_print=True)",
    'evaluate': "(self, annotations=None, labelled=None, images=None, limit=0, letterbox='auto', "
                "bgr=False, agnostic=False, score=0.01, nms=0.65, seen=0.3, crop=0.0, offset=0)",
}


class Signatures(unittest.TestCase):
    def test_methods_and_defaults(self):
        for name, signature in SIGNATURES.items():
            with self.subTest(name):
                self.assertEqual(str(inspect.signature(getattr(RKNN, name))), signature)

    def test_config_keys_and_defaults(self):
        parameters = inspect.signature(RKNN.config).parameters
        defaults = {name: parameter.default for name, parameter in parameters.items()
                    if parameter.default is not parameter.empty}
        self.assertEqual(defaults, CONFIG)
        # Unknown keys must arrive, so that they get an error that names the nearest one.
        self.assertIs(list(parameters.values())[-1].kind, inspect.Parameter.VAR_KEYWORD)

    def test_no_method_is_left_out(self):
        public = {name for name, value in vars(RKNN).items()
                  if inspect.isfunction(value) and not name.startswith('_')}
        listed = {name for name in SIGNATURES if not name.startswith('_')} | {'config'}
        self.assertEqual(public, listed)

    def test_every_method_says_what_it_does(self):
        for name in SIGNATURES:
            if not name.startswith('_'):
                self.assertTrue(getattr(RKNN, name).__doc__, name)


def described(arguments):
    """Names and defaults of a function in a stub, as inspect.signature would print them."""
    positional = arguments.posonlyargs + arguments.args
    defaults = [None] * (len(positional) - len(arguments.defaults)) + arguments.defaults
    parts = []
    for argument, default in zip(positional, defaults):
        value = '' if default is None else '=%r' % ast.literal_eval(default)
        parts.append(argument.arg + value)
    if arguments.kwarg:
        parts.append('**' + arguments.kwarg.arg)
    return '(%s)' % ', '.join(parts)


class Stubs(unittest.TestCase):
    MODULES = ['rknn', 'rknn.api', 'rknn.api.error', 'rknn.api.rknn', 'rknn.bin',
               'rknn.bin.list_devices', 'rknn.bin.visualization', 'rknn._openrknn']

    def stub_of(self, module):
        path = support.PACKAGE.joinpath(*module.split('.'))
        path = path / '__init__.pyi' if path.is_dir() else path.with_suffix('.pyi')
        return ast.parse(path.read_text(), str(path))

    def test_package_is_marked_as_typed(self):
        self.assertTrue((support.PACKAGE / 'rknn' / 'py.typed').exists())

    def test_names_of_the_stubs_exist(self):
        for module in self.MODULES:
            runtime = importlib.import_module(module)
            for node in self.stub_of(module).body:
                with self.subTest(module=module, line=ast.dump(node)):
                    if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
                        self.assertTrue(hasattr(runtime, node.name), node.name)
                    elif isinstance(node, ast.AnnAssign):
                        self.assertTrue(hasattr(runtime, node.target.id), node.target.id)

    def test_signatures_of_python_classes_agree(self):
        for module in ('rknn.api.rknn', 'rknn.api.error'):
            runtime = importlib.import_module(module)
            for node in self.stub_of(module).body:
                if isinstance(node, ast.ClassDef):
                    self.check_class(getattr(runtime, node.name), node)

    def check_class(self, runtime, stub):
        functions = {node.name: node for node in stub.body if isinstance(node, ast.FunctionDef)}
        for name, node in functions.items():
            with self.subTest('%s.%s' % (stub.name, name)):
                value = inspect.getattr_static(runtime, name)
                if isinstance(value, property):
                    continue
                self.assertEqual(described(node.args), str(inspect.signature(value)))
        public = {name for name, value in vars(runtime).items()
                  if inspect.isfunction(value) and not name.startswith('_')}
        self.assertEqual(public - set(functions), set())

    def test_methods_of_the_extension_agree(self):
        module = importlib.import_module('rknn._openrknn')
        stub = next(node for node in self.stub_of('rknn._openrknn').body
                    if isinstance(node, ast.ClassDef) and node.name == 'Model')
        listed = {node.name for node in stub.body} - {'__new__'}
        public = {name for name in dir(module.Model) if not name.startswith('_')}
        self.assertEqual(listed, public)


if __name__ == '__main__':
    support.main()
